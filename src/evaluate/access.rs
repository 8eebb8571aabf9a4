//! Reading elements of inputs: at positions that follow from the indices, or that data give.

use super::array::{Array, Dimensions, Nest, Walk, copy_run, lengths, volume};
use super::data::{Data, Values};
use super::extent::Extent;
use super::kernel::Slot;
use crate::graph::{Graph, IndexId, Map, NodeId, Op, VariableId};
use crate::number::Number;
use crate::real::Real;

/// How an input is read.
pub(super) struct Access {
    pub variable: VariableId,
    /// One for each of its axes.
    positions: Vec<Position>,
}

/// A position on an axis.
pub(crate) enum Position {
    /// `constant + c1*i1 + c2*i2 + …`, worked out before the evaluation.
    Affine { constant: i64, terms: Vec<(IndexId, i64)> },
    /// The value of a node.
    Value(Slot),
}

impl Access {
    /// The slots that hold positions.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.positions.iter().filter_map(Position::slot)
    }

    /// Reads positions from other slots.
    pub fn rename(&mut self, place: &dyn Fn(Slot) -> Slot) {
        self.positions.iter_mut().for_each(|p| p.rename(place));
    }
}

impl Position {
    /// The slot that holds it, if it is computed.
    pub fn slot(&self) -> Option<Slot> {
        match self {
            Position::Value(slot) => Some(*slot),
            Position::Affine { .. } => None,
        }
    }

    /// Reads it from another slot.
    pub fn rename(&mut self, place: &dyn Fn(Slot) -> Slot) {
        if let Position::Value(slot) = self {
            *slot = place(*slot);
        }
    }
}

/// How `node`, an access to `variable`, is read; `slot` is asked for those positions that must be computed.
pub(super) fn plan<T: Real>(
    graph: &Graph,
    data: &Data<T>,
    variable: VariableId,
    node: NodeId,
    slot: &mut dyn FnMut(NodeId) -> Slot,
) -> Access {
    let positions = graph
        .operands(node)
        .iter()
        .map(|operand| affine(graph, data, *operand).unwrap_or_else(|| Position::Value(slot(*operand))))
        .collect();
    Access { variable, positions }
}

/// The position `node` as a sum of indices, if it is one.
pub(crate) fn affine<T: Real>(graph: &Graph, data: &Data<T>, node: NodeId) -> Option<Position> {
    let mut constant = Number::ZERO;
    let mut terms: Vec<(IndexId, i64)> = Vec::new();
    let mut take = |c: &Number, term: NodeId| -> Option<()> {
        if let Op::Index(index) = graph.op(term) {
            terms.push((index, c.to_i64()?));
            return Some(());
        }
        let value = match graph.op(term) {
            Op::Constant(_) | Op::Size(_) | Op::Linear | Op::Product | Op::Function(_) => {
                data.extents.exact(graph, term).ok()?
            }
            _ => return None,
        };
        constant = constant.checked_add(&c.checked_mul(&value)?)?;
        Some(())
    };
    match graph.op(node) {
        Op::Linear => {
            let operands = graph.operands(node);
            take(&Number::ONE, operands[0])?;
            for pair in operands[1..].chunks_exact(2) {
                take(graph.as_constant(pair[0])?, pair[1])?;
            }
        }
        _ => take(&Number::ONE, node)?,
    }
    let constant = constant.to_i64().filter(|c| c.unsigned_abs() < 1 << 48)?;
    let small = terms.iter().all(|t| t.1.unsigned_abs() < 1 << 31);
    small.then_some(Position::Affine { constant, terms })
}

/// The elements read, and the lanes at which one is outside its input and so NaN.
pub(super) fn read<'v, T: Real>(
    access: &Access,
    values: &Values<T>,
    dimensions: Dimensions,
    extents: &Map<IndexId, Extent>,
    value_of: &dyn Fn(Slot) -> &'v Array<T>,
    (start, lane): (usize, usize),
    mut buffer: Vec<T>,
) -> (Array<T>, Vec<usize>) {
    buffer.clear();
    let size: usize = values.shape.iter().product();
    let first = if values.batched { start * size } else { 0 };
    let own_lane = if values.batched { lane } else { 1 };
    let lane_stride = if values.batched { size as isize } else { 0 };
    let mut steps = vec![1_isize; values.shape.len()];
    for at in (1..steps.len()).rev() {
        steps[at - 1] = steps[at] * values.shape[at] as isize;
    }
    let affine: Vec<Option<Line>> =
        access.positions.iter().map(|position| Line::new(position, &dimensions, extents)).collect();
    let all_affine: Option<Vec<Line>> = affine.iter().cloned().collect();
    if let Some(lines) = all_affine {
        let source = Source { values, first, lane: own_lane, lane_stride, steps };
        return source.read(&lines, dimensions, buffer);
    }
    let lengths_of: Vec<usize> = dimensions.iter().map(|d| d.1).collect();
    let computed: Vec<Option<&Array<T>>> = access
        .positions
        .iter()
        .map(|position| match position {
            Position::Value(slot) => Some(value_of(*slot)),
            Position::Affine { .. } => None,
        })
        .collect();
    let lane = computed.iter().flatten().map(|a| a.lane).fold(own_lane, usize::max);
    let mut outside: Vec<usize> = Vec::new();
    let mut walk = Walk::new(
        &lengths_of,
        computed
            .iter()
            .map(|a| a.map_or_else(|| vec![0; dimensions.len()], |a| a.strides(&dimensions)))
            .collect(),
    );
    buffer.reserve(volume(&dimensions) * lane);
    let elements: &[T] = &values.elements;
    while walk.is_inside() {
        // The part that is the same for the whole lane.
        let mut common = Some(first as isize);
        for ((position, step), length) in affine.iter().zip(&steps).zip(&values.shape) {
            if let Some(line) = position {
                let at = line.at(walk.position());
                let valid = (0..*length as i64).contains(&at);
                common = common.filter(|_| valid).map(|c| c + at as isize * step);
            }
        }
        for j in 0..lane {
            let mut offset = common.map(|c| c + j as isize * lane_stride);
            for (axis, array) in computed.iter().enumerate() {
                if let Some(array) = array {
                    let position =
                        array.elements[(walk.offsets()[axis] + j as isize * array.lane_stride()) as usize];
                    let at = whole(position, values.shape[axis]);
                    offset = offset.zip(at).map(|(o, at)| o + at as isize * steps[axis]);
                }
            }
            if offset.is_none() && outside.last() != Some(&j) {
                outside.push(j);
            }
            buffer.push(offset.map_or(T::nan(), |o| elements[o as usize]));
        }
        walk.advance();
    }
    (Array { dimensions, lane, elements: buffer }, outside)
}

/// An affine position over the indices of a result.
#[derive(Clone)]
pub(super) struct Line {
    /// Its value where all indices are at their first.
    first: i64,
    /// How it changes with each.
    strides: Vec<i64>,
}

impl Line {
    pub fn new(
        position: &Position,
        dimensions: &[(IndexId, usize)],
        extents: &Map<IndexId, Extent>,
    ) -> Option<Line> {
        let Position::Affine { constant, terms } = position else { return None };
        let mut line = Line { first: *constant, strides: vec![0; dimensions.len()] };
        for (index, c) in terms {
            line.first += c * extents[index].low;
            if let Some(at) = dimensions.iter().position(|d| d.0 == *index) {
                line.strides[at] += c;
            }
        }
        Some(line)
    }

    /// Its value at a place.
    pub fn at(&self, place: &[usize]) -> i64 {
        self.first + self.strides.iter().zip(place).map(|(s, p)| s * *p as i64).sum::<i64>()
    }

    /// Whether it is at least 0 and less than `length` everywhere.
    fn stays_inside(&self, dimensions: &[(IndexId, usize)], length: usize) -> bool {
        let (mut least, mut most) = (self.first, self.first);
        for (stride, (_, count)) in self.strides.iter().zip(dimensions) {
            let reach = stride * (*count as i64 - 1).max(0);
            *(if reach < 0 { &mut least } else { &mut most }) += reach;
        }
        least >= 0 && most < length as i64
    }
}

/// An input to be read at affine positions.
struct Source<'a, T> {
    values: &'a Values<T>,
    /// Where the first batch element of the block begins.
    first: usize,
    lane: usize,
    lane_stride: isize,
    /// How far apart elements are along each of the input's axes.
    steps: Vec<isize>,
}

impl<T: Real> Source<'_, T> {
    fn read(&self, lines: &[Line], dimensions: Dimensions, mut buffer: Vec<T>) -> (Array<T>, Vec<usize>) {
        buffer.reserve(volume(&dimensions) * self.lane);
        let elements: &[T] = &self.values.elements;
        let mut strides = vec![0_isize; dimensions.len()];
        let mut from = self.first as isize;
        for (line, step) in lines.iter().zip(&self.steps) {
            from += line.first as isize * step;
            strides.iter_mut().zip(&line.strides).for_each(|(s, c)| *s += *c as isize * step);
        }
        if lines.iter().zip(&self.values.shape).all(|(line, length)| line.stays_inside(&dimensions, *length))
        {
            strides.push(self.lane_stride);
            let nest = Nest::new(lengths(&dimensions, self.lane), [&strides]);
            nest.for_each([from], |[at]| copy_run(&mut buffer, elements, at, nest.run, nest.strides[0]));
            return (Array { dimensions, lane: self.lane, elements: buffer }, Vec::new());
        }
        // The lane is read as one, or where there is none, that part of the innermost index that is inside.
        let mut is_outside = false;
        let mut outer: Vec<usize> = dimensions.iter().map(|d| d.1).collect();
        let inner = if self.lane == 1 { outer.pop() } else { None };
        let last = outer.len();
        let mut walk = Walk::new(&outer, vec![strides[..last].to_vec()]);
        while walk.is_inside() {
            let start = from + walk.offsets()[0];
            let (mut low, mut high) = (0, inner.unwrap_or(1) as i64);
            for (line, length) in lines.iter().zip(&self.values.shape) {
                let at = line.at(walk.position());
                let part = inside(at, line.strides.get(last).copied().unwrap_or(0), *length as i64, high);
                (low, high) = (low.max(part.0), high.min(part.1));
            }
            let whole = inner.unwrap_or(1) as i64;
            let high = high.max(low.min(whole));
            let low = low.min(high);
            is_outside |= high - low < whole;
            match inner {
                Some(_) => {
                    buffer.extend(std::iter::repeat_n(T::nan(), low as usize));
                    if high > low {
                        let stride = strides[last];
                        copy_run(
                            &mut buffer,
                            elements,
                            start + low as isize * stride,
                            (high - low) as usize,
                            stride,
                        );
                    }
                    buffer.extend(std::iter::repeat_n(T::nan(), (whole - high) as usize));
                }
                None if high > low => copy_run(&mut buffer, elements, start, self.lane, self.lane_stride),
                None => buffer.extend(std::iter::repeat_n(T::nan(), self.lane)),
            }
            walk.advance();
        }
        let outside = if is_outside { (0..self.lane).collect() } else { Vec::new() };
        (Array { dimensions, lane: self.lane, elements: buffer }, outside)
    }
}

/// For which k from 0 to `count` (exclusive), as a half-open range, 0 <= at + k*stride < length.
fn inside(at: i64, stride: i64, length: i64, count: i64) -> (i64, i64) {
    // Quotients are rounded up at the low end and down at the high one.
    match stride {
        0 if (0..length).contains(&at) => (0, count),
        0 => (0, 0),
        1.. => (
            (-at).div_euclid(stride) + i64::from((-at).rem_euclid(stride) != 0),
            (length - 1 - at).div_euclid(stride) + 1,
        ),
        _ => {
            let back = -stride;
            let low = at - (length - 1);
            (low.div_euclid(back) + i64::from(low.rem_euclid(back) != 0), at.div_euclid(back) + 1)
        }
    }
}

/// The position as a whole number, where it is one and less than `length`.
pub(super) fn whole<T: Real>(position: T, length: usize) -> Option<usize> {
    let value = position.to_double();
    // Both comparisons are false for NaN.
    (value >= 0.0 && value < length as f64 && value == value.floor()).then_some(value as usize)
}
