//! Arrays over indices and a block of the batch, and loops over them with broadcasting.

use crate::graph::IndexId;

/// The values of a node: row-major over its indices, the batch lane innermost.
#[derive(Clone, Debug)]
pub(super) struct Array<T> {
    /// The free indices that it varies with, ascending, with their lengths.
    pub dimensions: Vec<(IndexId, usize)>,
    /// How many batch elements stand side by side; 1 where the value does not depend on the batch.
    pub lane: usize,
    /// The values.
    pub elements: Vec<T>,
}

impl<T: Copy> Array<T> {
    /// How far apart elements are along each of `dimensions` and along the lane; 0 where it does not vary.
    pub fn strides(&self, dimensions: &[(IndexId, usize)]) -> Vec<usize> {
        let mut strides = vec![0; dimensions.len()];
        let mut step = self.lane;
        for (index, length) in self.dimensions.iter().rev() {
            if let Some(at) = dimensions.iter().position(|d| d.0 == *index) {
                strides[at] = step;
            }
            step *= length;
        }
        strides
    }

    /// 1 where it varies along the lane, else 0.
    pub fn lane_stride(&self) -> usize {
        usize::from(self.lane > 1)
    }
}

/// Walks over all positions of `dimensions`, giving for each of several arrays the offset of its element.
pub(super) struct Walk<'a> {
    dimensions: &'a [(IndexId, usize)],
    strides: Vec<Vec<usize>>,
    position: Vec<usize>,
    offsets: Vec<usize>,
    left: usize,
}

impl<'a> Walk<'a> {
    pub fn new(dimensions: &'a [(IndexId, usize)], strides: Vec<Vec<usize>>) -> Self {
        let offsets = vec![0; strides.len()];
        let left = dimensions.iter().map(|d| d.1).product();
        Walk { dimensions, strides, position: vec![0; dimensions.len()], offsets, left }
    }

    /// The offsets at the next position; `None` behind the last.
    pub fn next(&mut self) -> Option<&[usize]> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(&self.offsets)
    }

    /// Goes on; to be called after each `next`.
    pub fn advance(&mut self) {
        for at in (0..self.dimensions.len()).rev() {
            self.position[at] += 1;
            for (offset, strides) in self.offsets.iter_mut().zip(&self.strides) {
                *offset += strides[at];
            }
            if self.position[at] < self.dimensions[at].1 {
                return;
            }
            for (offset, strides) in self.offsets.iter_mut().zip(&self.strides) {
                *offset -= strides[at] * self.position[at];
            }
            self.position[at] = 0;
        }
    }
}

/// The shape of a result: all indices of the operands, and the wider lane.
pub(super) fn joined<T>(operands: &[&Array<T>]) -> (Vec<(IndexId, usize)>, usize) {
    let mut dimensions: Vec<(IndexId, usize)> =
        operands.iter().flat_map(|o| o.dimensions.iter().copied()).collect();
    dimensions.sort_unstable();
    dimensions.dedup();
    let lane = operands.iter().map(|o| o.lane).max().unwrap_or(1);
    (dimensions, lane)
}

/// `into = f(into, operand)` at every position; `into` has all the indices of `operand`.
pub(super) fn accumulate<T: Copy>(into: &mut Array<T>, operand: &Array<T>, f: impl Fn(T, T) -> T) {
    let lane = into.lane;
    let same_shape = operand.dimensions == into.dimensions && operand.lane == lane;
    if same_shape {
        for (a, b) in into.elements.iter_mut().zip(&operand.elements) {
            *a = f(*a, *b);
        }
        return;
    }
    // The lane, or where there is none the innermost index, is the inner loop.
    let mut outer = into.dimensions.clone();
    let (inner, inner_stride) = match (lane, outer.last().copied()) {
        (1, Some(last)) => {
            let stride = operand.strides(&[last])[0];
            outer.pop();
            (last.1, stride)
        }
        _ => (lane, operand.lane_stride()),
    };
    let strides = operand.strides(&outer);
    let mut walk = Walk::new(&outer, vec![strides]);
    let mut chunks = into.elements.chunks_exact_mut(inner.max(1));
    while let Some(offset) = walk.next().map(|o| o[0]) {
        let Some(chunk) = chunks.next() else { return };
        match inner_stride {
            0 => {
                let b = operand.elements[offset];
                chunk.iter_mut().for_each(|a| *a = f(*a, b));
            }
            1 => chunk.iter_mut().zip(&operand.elements[offset..]).for_each(|(a, b)| *a = f(*a, *b)),
            stride => {
                for (at, a) in chunk.iter_mut().enumerate() {
                    *a = f(*a, operand.elements[offset + at * stride]);
                }
            }
        }
        walk.advance();
    }
}

/// `operand` repeated to the given shape.
pub(super) fn broadcast<T: Copy>(
    mut buffer: Vec<T>,
    operand: &Array<T>,
    dimensions: Vec<(IndexId, usize)>,
    lane: usize,
    filler: T,
) -> Array<T> {
    buffer.clear();
    if operand.dimensions == dimensions && operand.lane == lane {
        buffer.extend_from_slice(&operand.elements);
        return Array { dimensions, lane, elements: buffer };
    }
    let length = dimensions.iter().map(|d| d.1).product::<usize>() * lane;
    buffer.resize(length, filler);
    let mut result = Array { dimensions, lane, elements: buffer };
    accumulate(&mut result, operand, |_, b| b);
    result
}
