//! Reductions over arrays, which may arrive in several pieces.

use super::array::{Array, Dimensions, Nest, volume};
use crate::graph::{IndexId, Reduction};
use crate::real::Real;

/// A reduction under way: a state for each position of the result.
///
/// The body arrives in one piece or, where it would be too large, in slices along the first reduced index. Each
/// position takes its values in the same order either way, and on its own, so the result depends to the bit
/// neither on the slices nor on what stands beside it in the block.
pub(super) struct Reducer<T> {
    reduction: Reduction,
    kept: Dimensions,
    lane: usize,
    total: Vec<T>,
    /// What rounding lost of `total` so far.
    lost: Vec<T>,
    extreme: Vec<T>,
    /// How many values took part; the same everywhere where there is no filter.
    counts: Vec<usize>,
    everywhere: usize,
    second: bool,
}

impl<T: Real> Reducer<T> {
    /// Begins a reduction whose result varies with `kept` and the lane.
    pub fn new(reduction: Reduction, kept: Dimensions, lane: usize, filtered: bool) -> Self {
        let length = volume(&kept) * lane;
        let (total, extreme) = match reduction {
            Reduction::Product => (T::one(), T::zero()),
            Reduction::Max | Reduction::LogSumExp => (T::zero(), T::neg_infinity()),
            Reduction::Min => (T::zero(), T::infinity()),
            _ => (T::zero(), T::zero()),
        };
        Reducer {
            reduction,
            kept,
            lane,
            total: vec![total; length],
            lost: vec![T::zero(); length],
            extreme: vec![extreme; length],
            counts: vec![0; if filtered { length } else { 0 }],
            everywhere: 0,
            second: false,
        }
    }

    /// Takes the values of `body` over `reduced`, at those positions where `filter` is not 0.
    pub fn take(&mut self, body: &Array<T>, filter: Option<&Array<T>>, reduced: &[(IndexId, usize)]) {
        let two = T::one() + T::one();
        match (self.reduction, self.second) {
            (Reduction::Sum | Reduction::Mean, _) => {
                self.drive(body, filter, reduced, |total, lost, _, v| add(total, lost, v));
            }
            (Reduction::Product, _) => {
                self.drive(body, filter, reduced, |total, _, _, v| *total = *total * v)
            }
            (Reduction::Any, _) => self.drive(body, filter, reduced, |total, _, _, v| {
                if v != T::zero() {
                    *total = T::one();
                }
            }),
            // NaN wins: once there, nothing is greater.
            (Reduction::Max | Reduction::LogSumExp, false) => {
                self.drive(body, filter, reduced, |_, _, extreme, v| {
                    if v > *extreme || v.is_nan() {
                        *extreme = v;
                    }
                });
            }
            (Reduction::Min, _) => self.drive(body, filter, reduced, |_, _, extreme, v| {
                if v < *extreme || v.is_nan() {
                    *extreme = v;
                }
            }),
            (Reduction::LogSumExp, true) => self.drive(body, filter, reduced, |total, lost, extreme, v| {
                add(total, lost, (v - *extreme).exp());
            }),
            (Reduction::Norm, false) => self.drive(body, filter, reduced, |total, lost, extreme, v| {
                add(total, lost, v * v);
                let size = v.abs();
                if size > *extreme || size.is_nan() {
                    *extreme = size;
                }
            }),
            // Scaled by a half more than the largest, so that squares neither overflow nor vanish.
            (Reduction::Norm, true) => self.drive(body, filter, reduced, |total, lost, extreme, v| {
                let scaled = v / *extreme / two;
                add(total, lost, scaled * scaled);
            }),
            (Reduction::Max, true) => {}
        }
    }

    /// Whether the values are needed a second time; if so, gets ready for them.
    pub fn needs_second_pass(&mut self) -> bool {
        let needed = !self.second
            && match self.reduction {
                Reduction::LogSumExp => self.extreme.iter().any(|e| e.is_finite()),
                Reduction::Norm => (0..self.total.len()).any(|at| !self.squares_are_safe(at)),
                _ => false,
            };
        if needed {
            self.second = true;
            match self.reduction {
                Reduction::Norm => {
                    for at in 0..self.total.len() {
                        if !self.squares_are_safe(at) {
                            (self.total[at], self.lost[at]) = (T::zero(), T::zero());
                        } else {
                            // Marked as done; the second pass adds to it without effect on the result.
                            let norm = self.sum(at).sqrt();
                            (self.total[at], self.lost[at]) = (T::zero(), T::zero());
                            self.extreme[at] = -norm;
                        }
                    }
                }
                // One for the largest itself: what remains is small where the others are, and keeps its digits.
                _ => self.total.iter_mut().for_each(|t| *t = -T::one()),
            }
        }
        needed
    }

    /// Whether the sum of squares neither overflowed nor lost digits at the lower end of the range.
    fn squares_are_safe(&self, at: usize) -> bool {
        let extreme = self.extreme[at];
        let least = (T::min_positive_value() / T::epsilon()).sqrt();
        extreme == T::zero() || !extreme.is_finite() || (extreme > least && self.total[at].is_finite())
    }

    fn sum(&self, at: usize) -> T {
        // With infinities, what was lost is NaN and means nothing.
        if self.total[at].is_finite() { self.total[at] + self.lost[at] } else { self.total[at] }
    }

    /// The values, and whether one of them had nothing to take part (it is NaN).
    pub fn finish(self, mut buffer: Vec<T>) -> (Array<T>, Vec<usize>) {
        buffer.clear();
        let mut empty = Vec::new();
        for at in 0..self.total.len() {
            let count = if self.counts.is_empty() { self.everywhere } else { self.counts[at] };
            buffer.push(if count == 0 && self.reduction.keeps_filter() {
                empty.push(at);
                T::nan()
            } else {
                self.value(at, count)
            });
        }
        (Array { dimensions: self.kept, lane: self.lane, elements: buffer }, empty)
    }

    fn value(&self, at: usize, count: usize) -> T {
        let extreme = self.extreme[at];
        match self.reduction {
            Reduction::Sum => self.sum(at),
            Reduction::Mean => self.sum(at) / T::from_double(count as f64),
            Reduction::Product | Reduction::Any => self.total[at],
            Reduction::Max | Reduction::Min => extreme,
            // All minus infinity, or one infinity or NaN: the largest is the result.
            Reduction::LogSumExp if !extreme.is_finite() => extreme,
            Reduction::LogSumExp => extreme + self.sum(at).ln_1p(),
            Reduction::Norm if extreme == T::zero() => T::zero(),
            Reduction::Norm if extreme.is_nan() => extreme,
            Reduction::Norm if extreme == T::infinity() => extreme,
            Reduction::Norm if extreme < T::zero() => -extreme,
            Reduction::Norm if !self.second => self.sum(at).sqrt(),
            Reduction::Norm => extreme * ((T::one() + T::one()) * self.sum(at).sqrt()),
        }
    }

    /// Lets `step` change the state of each position by each of its values, in order.
    ///
    /// The state is (total, lost, extreme).
    fn drive(
        &mut self,
        body: &Array<T>,
        filter: Option<&Array<T>>,
        reduced: &[(IndexId, usize)],
        step: impl Fn(&mut T, &mut T, &mut T, T),
    ) {
        if !self.second {
            self.everywhere += volume(reduced);
        }
        // The lane, or else the innermost kept index if nothing reduced lies within it, is done side by side.
        let mut outer = self.kept.clone();
        let innermost = body.dimensions.last().copied();
        let (width, body_width, filter_width) = match outer.last().copied() {
            Some(last) if self.lane == 1 && innermost == Some(last) => {
                outer.pop();
                (last.1, body.strides(&[last])[0], filter.map_or(0, |f| f.strides(&[last])[0]))
            }
            _ => (self.lane, body.lane_stride(), filter.map_or(0, Array::lane_stride)),
        };
        let strides = |array: &Array<T>| (array.strides(&outer), array.strides(reduced));
        let (body_outer, body_inner) = strides(body);
        let (filter_outer, filter_inner) =
            filter.map_or_else(|| (vec![0; outer.len()], vec![0; reduced.len()]), strides);
        let outside = Nest::new(outer.iter().map(|d| d.1), [&body_outer, &filter_outer]);
        let inside = Nest::new(reduced.iter().map(|d| d.1), [&body_inner, &filter_inner]);
        let counting = !self.second;
        let mut state = 0;
        outside.for_each([0, 0], |start| {
            for k in 0..outside.run as isize {
                let start = [start[0] + k * outside.strides[0], start[1] + k * outside.strides[1]];
                let range = state..state + width;
                state += width;
                let (total, lost) = (&mut self.total[range.clone()], &mut self.lost[range.clone()]);
                let extreme = &mut self.extreme[range.clone()];
                inside.for_each(start, |[b, f]| match filter {
                    Some(filter) => {
                        let counts = &mut self.counts[range.clone()];
                        for k in 0..inside.run as isize {
                            let (b, f) = (b + k * inside.strides[0], f + k * inside.strides[1]);
                            for j in 0..width {
                                if filter.elements[(f + j as isize * filter_width) as usize] != T::zero() {
                                    let value = body.elements[(b + j as isize * body_width) as usize];
                                    step(&mut total[j], &mut lost[j], &mut extreme[j], value);
                                    counts[j] += usize::from(counting);
                                }
                            }
                        }
                    }
                    None if width == 1 => {
                        let (mut t, mut l, mut e) = (total[0], lost[0], extreme[0]);
                        let stride = inside.strides[0];
                        for k in 0..inside.run as isize {
                            step(&mut t, &mut l, &mut e, body.elements[(b + k * stride) as usize]);
                        }
                        (total[0], lost[0], extreme[0]) = (t, l, e);
                    }
                    None => {
                        for k in 0..inside.run as isize {
                            let at = (b + k * inside.strides[0]) as usize;
                            let states = total.iter_mut().zip(lost.iter_mut()).zip(extreme.iter_mut());
                            if body_width == 1 {
                                for (((t, l), e), v) in states.zip(&body.elements[at..at + width]) {
                                    step(t, l, e, *v);
                                }
                            } else {
                                for (j, ((t, l), e)) in states.enumerate() {
                                    step(t, l, e, body.elements[at + j * body_width as usize]);
                                }
                            }
                        }
                    }
                });
            }
        });
    }
}

/// Adds `value` to `total`, and the rounding error to `lost` (Knuth, The Art of Computer Programming 4.2.2).
#[inline(always)]
pub(crate) fn add<T: Real>(total: &mut T, lost: &mut T, value: T) {
    let sum = *total + value;
    let part = sum - *total;
    *lost = *lost + ((*total - (sum - part)) + (value - part));
    *total = sum;
}
