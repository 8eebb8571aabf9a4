//! Reductions over arrays.

use super::array::{Array, Walk};
use crate::graph::{IndexId, Reduction};
use crate::real::Real;

/// Reduces `body` over `reduced` (with their lengths), keeping those positions where `filter` is not 0.
///
/// Also says whether a reduction that needs at least one element was empty somewhere; its value is NaN there.
pub(super) fn reduce<T: Real>(
    reduction: Reduction,
    body: &Array<T>,
    filter: Option<&Array<T>>,
    reduced: &[(IndexId, usize)],
    buffer: Vec<T>,
) -> (Array<T>, bool) {
    let kept: Vec<(IndexId, usize)> = {
        let mut kept: Vec<_> = body
            .dimensions
            .iter()
            .chain(filter.iter().flat_map(|f| f.dimensions.iter()))
            .copied()
            .filter(|d| !reduced.iter().any(|r| r.0 == d.0))
            .collect();
        kept.sort_unstable();
        kept.dedup();
        kept
    };
    let lane = body.lane.max(filter.map_or(1, |f| f.lane));
    let mut elements = buffer;
    elements.clear();
    let mut any_empty = false;
    let strides = |array: &Array<T>| (array.strides(&kept), array.strides(reduced));
    let (outer_body, inner_body) = strides(body);
    let (outer_filter, inner_filter) = match filter {
        Some(filter) => strides(filter),
        None => (vec![0; kept.len()], vec![0; reduced.len()]),
    };
    let mut state: Vec<Accumulator<T>> = Vec::with_capacity(lane);
    let mut outer = Walk::new(&kept, vec![outer_body, outer_filter]);
    while let Some((at_body, at_filter)) = outer.next().map(|o| (o[0], o[1])) {
        state.clear();
        state.resize(lane, Accumulator::new());
        let passes = if matches!(reduction, Reduction::LogSumExp | Reduction::Norm) { 2 } else { 1 };
        for pass in 0..passes {
            if pass == 1 {
                state.iter_mut().for_each(Accumulator::begin_second_pass);
            }
            let mut inner = Walk::new(reduced, vec![inner_body.clone(), inner_filter.clone()]);
            while let Some((b, f)) = inner.next().map(|o| (at_body + o[0], at_filter + o[1])) {
                for (j, accumulator) in state.iter_mut().enumerate() {
                    let takes_part = match filter {
                        Some(filter) => filter.elements[f + j * filter.lane_stride()] != T::zero(),
                        None => true,
                    };
                    if takes_part {
                        let value = body.elements[b + j * body.lane_stride()];
                        accumulator.take(reduction, pass, value);
                    }
                }
                inner.advance();
            }
        }
        for accumulator in &state {
            let (value, empty) = accumulator.result(reduction);
            any_empty |= empty;
            elements.push(value);
        }
        outer.advance();
    }
    (Array { dimensions: kept, lane, elements }, any_empty)
}

/// The state of one reduction.
#[derive(Clone, Copy)]
struct Accumulator<T> {
    total: T,
    /// What rounding lost of `total` so far (Neumaier 1974).
    lost: T,
    extreme: T,
    count: usize,
}

impl<T: Real> Accumulator<T> {
    fn new() -> Self {
        Accumulator { total: T::zero(), lost: T::zero(), extreme: T::nan(), count: 0 }
    }

    fn begin_second_pass(&mut self) {
        (self.total, self.lost) = (T::zero(), T::zero());
    }

    fn add(&mut self, value: T) {
        let sum = self.total + value;
        if sum.is_finite() {
            self.lost = self.lost
                + if self.total.abs() >= value.abs() {
                    (self.total - sum) + value
                } else {
                    (value - sum) + self.total
                };
        }
        self.total = sum;
    }

    fn take(&mut self, reduction: Reduction, pass: usize, value: T) {
        match (reduction, pass) {
            (Reduction::Sum | Reduction::Mean, _) => self.add(value),
            (Reduction::Product, _) => {
                self.total = if self.count == 0 { value } else { self.total * value };
            }
            (Reduction::Any, _) => {
                if value != T::zero() {
                    self.total = T::one();
                }
            }
            (Reduction::Max | Reduction::LogSumExp, 0) => {
                // NaN wins.
                if self.count == 0 || value > self.extreme || value.is_nan() {
                    self.extreme = value;
                }
            }
            (Reduction::Min, _) => {
                if self.count == 0 || value < self.extreme || value.is_nan() {
                    self.extreme = value;
                }
            }
            (Reduction::Norm, 0) => {
                let size = value.abs();
                if self.count == 0 || size > self.extreme || size.is_nan() {
                    self.extreme = size;
                }
            }
            (Reduction::LogSumExp, _) => {
                if self.extreme.is_finite() {
                    self.add((value - self.extreme).exp());
                }
            }
            // Scaled by the largest, so that squares neither overflow nor vanish.
            (Reduction::Norm, _) => {
                if self.extreme.is_finite() && self.extreme > T::zero() {
                    let scaled = value / self.extreme;
                    self.add(scaled * scaled);
                }
            }
            (Reduction::Max, _) => {}
        }
        if pass == 0 {
            self.count += 1;
        }
    }

    /// The value, and whether there was nothing to take it of.
    fn result(&self, reduction: Reduction) -> (T, bool) {
        let sum = self.total + self.lost;
        let needs_one = matches!(
            reduction,
            Reduction::Max | Reduction::Min | Reduction::Mean | Reduction::LogSumExp
        );
        if self.count == 0 {
            return match reduction {
                Reduction::Product => (T::one(), false),
                _ if needs_one => (T::nan(), true),
                _ => (T::zero(), false),
            };
        }
        let value = match reduction {
            Reduction::Sum => sum,
            Reduction::Mean => sum / T::from_double(self.count as f64),
            Reduction::Product | Reduction::Any => self.total,
            Reduction::Max | Reduction::Min => self.extreme,
            // All minus infinity, or one infinity or NaN: the largest is the result.
            Reduction::LogSumExp if !self.extreme.is_finite() => self.extreme,
            Reduction::LogSumExp => self.extreme + sum.ln(),
            Reduction::Norm if !self.extreme.is_finite() || self.extreme == T::zero() => self.extreme,
            Reduction::Norm => self.extreme * sum.sqrt(),
        };
        (value, false)
    }
}
