//! Arrays over indices and a block of the batch, and loops over them with broadcasting.

use crate::graph::IndexId;

/// Indices, ascending, with their lengths.
pub(super) type Dimensions = Vec<(IndexId, usize)>;

/// The values of a node: row-major over its indices, the elements of the batch (the lane) innermost.
#[derive(Clone, Debug, Default)]
pub(super) struct Array<T> {
    /// The indices that it varies with.
    pub dimensions: Dimensions,
    /// How many batch elements stand side by side; 1 where the value does not depend on the batch.
    pub lane: usize,
    /// The values.
    pub elements: Vec<T>,
}

impl<T> Array<T> {
    /// How far apart elements are along each of `dimensions`; 0 where it does not vary.
    pub fn strides(&self, dimensions: &[(IndexId, usize)]) -> Vec<isize> {
        let mut strides = vec![0; dimensions.len()];
        let mut step = self.lane as isize;
        for (index, length) in self.dimensions.iter().rev() {
            if let Some(at) = dimensions.iter().position(|d| d.0 == *index) {
                strides[at] = step;
            }
            step *= *length as isize;
        }
        strides
    }

    /// 1 where it varies along the lane, else 0.
    pub fn lane_stride(&self) -> isize {
        isize::from(self.lane > 1)
    }

    /// The strides along `dimensions` and then the lane.
    fn all_strides(&self, dimensions: &[(IndexId, usize)]) -> Vec<isize> {
        let mut strides = self.strides(dimensions);
        strides.push(self.lane_stride());
        strides
    }
}

/// The number of positions, or `usize::MAX` where it does not fit.
pub(super) fn volume(dimensions: &[(IndexId, usize)]) -> usize {
    // An empty axis makes it 0, however long the others are.
    if dimensions.iter().any(|d| d.1 == 0) {
        return 0;
    }
    dimensions.iter().fold(1, |product: usize, d| product.saturating_mul(d.1))
}

/// Nested loops over a shape, with the offset into each of `N` arrays.
///
/// Loops that all arrays pass through with one stride are one loop, so the innermost is as long as can be.
pub(super) struct Nest<const N: usize> {
    outer: Vec<(usize, [isize; N])>,
    /// The length of the innermost loop.
    pub run: usize,
    /// How far each array moves in the innermost loop.
    pub strides: [isize; N],
    is_empty: bool,
}

impl<const N: usize> Nest<N> {
    /// Loops of the given `lengths`, outermost first, with each array's stride in each.
    pub fn new(lengths: impl Iterator<Item = usize>, strides: [&[isize]; N]) -> Self {
        let mut loops: Vec<(usize, [isize; N])> = Vec::new();
        let mut is_empty = false;
        for (at, length) in lengths.enumerate() {
            is_empty |= length == 0;
            let steps = strides.map(|s| s[at]);
            match loops.last_mut() {
                _ if length == 1 => {}
                Some((outer, steps_outer))
                    if (0..N).all(|n| steps_outer[n] == steps[n] * length as isize) =>
                {
                    *outer *= length;
                    *steps_outer = steps;
                }
                _ => loops.push((length, steps)),
            }
        }
        let (run, strides) = loops.pop().unwrap_or((1, [0; N]));
        Nest { outer: loops, run, strides, is_empty }
    }

    /// Calls `body` with the offsets at which each innermost loop begins.
    #[inline]
    pub fn for_each(&self, start: [isize; N], mut body: impl FnMut([isize; N])) {
        if self.is_empty {
            return;
        }
        let mut offsets = start;
        let mut position = vec![0; self.outer.len()];
        loop {
            body(offsets);
            let mut at = self.outer.len();
            loop {
                if at == 0 {
                    return;
                }
                at -= 1;
                let (length, strides) = &self.outer[at];
                position[at] += 1;
                for n in 0..N {
                    offsets[n] += strides[n];
                }
                if position[at] < *length {
                    break;
                }
                for n in 0..N {
                    offsets[n] -= strides[n] * *length as isize;
                }
                position[at] = 0;
            }
        }
    }
}

/// The lengths of `dimensions` and then the lane.
pub(super) fn lengths(dimensions: &[(IndexId, usize)], lane: usize) -> impl Iterator<Item = usize> {
    dimensions.iter().map(|d| d.1).chain(std::iter::once(lane))
}

/// The shape of a result: all indices of the operands, and the wider lane.
pub(super) fn joined<T>(operands: &[&Array<T>]) -> (Dimensions, usize) {
    let lane = operands.iter().map(|o| o.lane).max().unwrap_or(1);
    if let [first, rest @ ..] = operands
        && rest.iter().all(|o| o.dimensions == first.dimensions)
    {
        return (first.dimensions.clone(), lane);
    }
    let mut dimensions: Dimensions = operands.iter().flat_map(|o| o.dimensions.iter().copied()).collect();
    dimensions.sort_unstable();
    dimensions.dedup();
    (dimensions, lane)
}

/// `f(a)` at every position.
pub(super) fn map<T: Copy>(mut buffer: Vec<T>, a: &Array<T>, f: impl Fn(T) -> T) -> Array<T> {
    buffer.clear();
    buffer.extend(a.elements.iter().map(|v| f(*v)));
    Array { dimensions: a.dimensions.clone(), lane: a.lane, elements: buffer }
}

/// `f(a, b)` at every position of both.
pub(super) fn zip<T: Copy>(
    mut buffer: Vec<T>,
    a: &Array<T>,
    b: &Array<T>,
    f: impl Fn(T, T) -> T,
) -> Array<T> {
    let (dimensions, lane) = joined(&[a, b]);
    buffer.clear();
    buffer.reserve(volume(&dimensions) * lane);
    let nest =
        Nest::new(lengths(&dimensions, lane), [&a.all_strides(&dimensions), &b.all_strides(&dimensions)]);
    let run = nest.run;
    nest.for_each([0, 0], |[i, j]| {
        let (left, right) = (&a.elements[i as usize..], &b.elements[j as usize..]);
        match nest.strides {
            [1, 1] => buffer.extend(left[..run].iter().zip(&right[..run]).map(|(x, y)| f(*x, *y))),
            [1, 0] => {
                let y = right[0];
                buffer.extend(left[..run].iter().map(|x| f(*x, y)));
            }
            [0, 1] => {
                let x = left[0];
                buffer.extend(right[..run].iter().map(|y| f(x, *y)));
            }
            [s, t] => buffer.extend((0..run).map(|k| f(left[k * s as usize], right[k * t as usize]))),
        }
    });
    Array { dimensions, lane, elements: buffer }
}

/// `into = f(into, operand)` at every position; `into` has all the indices of `operand`.
pub(super) fn accumulate<T: Copy>(into: &mut Array<T>, operand: &Array<T>, f: impl Fn(T, T) -> T) {
    let strides = operand.all_strides(&into.dimensions);
    let own = into.all_strides(&into.dimensions);
    let nest = Nest::new(lengths(&into.dimensions, into.lane), [&own, &strides]);
    let run = nest.run;
    nest.for_each([0, 0], |[i, j]| {
        let chunk = &mut into.elements[i as usize..i as usize + run];
        let other = &operand.elements[j as usize..];
        match nest.strides[1] {
            0 => {
                let b = other[0];
                chunk.iter_mut().for_each(|a| *a = f(*a, b));
            }
            1 => chunk.iter_mut().zip(&other[..run]).for_each(|(a, b)| *a = f(*a, *b)),
            stride => {
                for (k, a) in chunk.iter_mut().enumerate() {
                    *a = f(*a, other[k * stride as usize]);
                }
            }
        }
    });
}

/// `operand` repeated to the given shape.
pub(super) fn broadcast<T: Copy>(
    mut buffer: Vec<T>,
    operand: &Array<T>,
    dimensions: Dimensions,
    lane: usize,
) -> Array<T> {
    buffer.clear();
    buffer.reserve(volume(&dimensions) * lane);
    let nest = Nest::new(lengths(&dimensions, lane), [&operand.all_strides(&dimensions)]);
    nest.for_each([0], |[i]| copy_run(&mut buffer, &operand.elements, i, nest.run, nest.strides[0]));
    Array { dimensions, lane, elements: buffer }
}

/// Appends `run` elements of `from`, starting at `start` and `stride` apart.
#[inline]
pub(super) fn copy_run<T: Copy>(into: &mut Vec<T>, from: &[T], start: isize, run: usize, stride: isize) {
    match stride {
        1 => into.extend_from_slice(&from[start as usize..start as usize + run]),
        0 => into.extend(std::iter::repeat_n(from[start as usize], run)),
        _ => into.extend((0..run as isize).map(|k| from[(start + k * stride) as usize])),
    }
}

/// `a` where `condition` is not 0, else `b`.
pub(super) fn select<T: Copy + PartialEq>(
    mut buffer: Vec<T>,
    condition: &Array<T>,
    a: &Array<T>,
    b: &Array<T>,
    zero: T,
) -> Array<T> {
    let (dimensions, lane) = joined(&[condition, a, b]);
    buffer.clear();
    buffer.reserve(volume(&dimensions) * lane);
    let strides = [condition, a, b].map(|array| array.all_strides(&dimensions));
    let nest = Nest::new(lengths(&dimensions, lane), [&strides[0], &strides[1], &strides[2]]);
    let run = nest.run;
    nest.for_each([0; 3], |offsets| {
        let [c, x, y] = offsets.map(|o| o as usize);
        if nest.strides == [1, 1, 1] {
            let branches = a.elements[x..x + run].iter().zip(&b.elements[y..y + run]);
            let chosen = condition.elements[c..c + run].iter().zip(branches);
            buffer.extend(chosen.map(|(c, (x, y))| if *c != zero { *x } else { *y }));
        } else {
            let [s, t, u] = nest.strides.map(|s| s as usize);
            buffer.extend((0..run).map(|k| {
                if condition.elements[c + k * s] != zero {
                    a.elements[x + k * t]
                } else {
                    b.elements[y + k * u]
                }
            }));
        }
    });
    Array { dimensions, lane, elements: buffer }
}

/// A walk over all positions of a shape that also knows where it is.
pub(super) struct Walk<'a> {
    lengths: &'a [usize],
    strides: Vec<Vec<isize>>,
    position: Vec<usize>,
    offsets: Vec<isize>,
    left: usize,
}

impl<'a> Walk<'a> {
    /// Begins at the first position of the shape with these `lengths`; an array's strides in each of `strides`.
    pub fn new(lengths: &'a [usize], strides: Vec<Vec<isize>>) -> Self {
        let offsets = vec![0; strides.len()];
        Walk { lengths, strides, position: vec![0; lengths.len()], offsets, left: lengths.iter().product() }
    }

    /// Whether it has not passed the last position.
    pub fn is_inside(&self) -> bool {
        self.left > 0
    }

    /// Goes on to the next position.
    pub fn advance(&mut self) {
        self.left = self.left.saturating_sub(1);
        for at in (0..self.lengths.len()).rev() {
            self.position[at] += 1;
            let is_done = self.position[at] == self.lengths[at];
            let back = if is_done { self.position[at] as isize } else { 0 };
            for (offset, strides) in self.offsets.iter_mut().zip(&self.strides) {
                *offset += strides[at] * (1 - back);
            }
            if !is_done {
                return;
            }
            self.position[at] = 0;
        }
    }

    /// Where it is along each dimension.
    pub fn position(&self) -> &[usize] {
        &self.position
    }

    /// The offset into each array.
    pub fn offsets(&self) -> &[isize] {
        &self.offsets
    }
}
