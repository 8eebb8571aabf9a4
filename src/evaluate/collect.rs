//! Results, put together block by block.

use super::array::{Array, Dimensions, Nest, copy_run, volume};
use super::data::Data;
use super::plan::Plan;
use super::reduce::add;
use super::{Batch, Output};
use crate::diagnostic::{Diagnostic, Fault};
use crate::real::Real;
use ndarray::{ArrayD, IxDyn};

/// One output on its way.
pub(super) struct Collector<T> {
    batch: Batch,
    dimensions: Dimensions,
    shape: Vec<usize>,
    elements: Vec<T>,
    /// What rounding lost of sums over the batch.
    lost: Vec<T>,
}

impl<T: Real> Collector<T> {
    pub fn new(output: &Output, plan: &Plan<T>, data: &Data<T>) -> Result<Self, Diagnostic> {
        let dimensions: Dimensions = output.indices.iter().map(|i| (*i, plan.extents[i].length)).collect();
        let own = dimensions.iter().map(|d| d.1);
        let shape: Vec<usize> = match output.batch {
            Batch::Each => data.batch.iter().copied().chain(own).collect(),
            _ => own.collect(),
        };
        let bytes = shape
            .iter()
            .try_fold(std::mem::size_of::<T>(), |product, length| product.checked_mul(*length))
            .filter(|bytes| *bytes < isize::MAX as usize);
        if bytes.is_none() {
            return Err(Diagnostic::new(
                "too-much-memory",
                "a result has more elements than memory can hold",
            )
            .fault(Fault::Limit)
            .help("give shorter axes"));
        }
        let sums = if output.batch == Batch::Each { 0 } else { volume(&dimensions) };
        Ok(Collector {
            batch: output.batch,
            dimensions,
            shape,
            elements: vec![T::zero(); sums],
            lost: vec![T::zero(); sums],
        })
    }

    /// An empty one of the same kind, for a part of the batch.
    pub fn part(&self) -> Self {
        let zeros = vec![T::zero(); self.lost.len()];
        Collector {
            batch: self.batch,
            dimensions: self.dimensions.clone(),
            shape: self.shape.clone(),
            elements: zeros.clone(),
            lost: zeros,
        }
    }

    /// Adds what the next part of the batch gave.
    pub fn append(&mut self, part: Self) {
        if self.batch == Batch::Each {
            self.elements.extend(part.elements);
            return;
        }
        let mine = self.elements.iter_mut().zip(self.lost.iter_mut());
        for ((total, lost), (more, more_lost)) in mine.zip(part.elements.into_iter().zip(part.lost)) {
            add(total, lost, more);
            *lost = *lost + more_lost;
        }
    }

    /// Takes the value of a block of `lane` batch elements.
    pub fn take(&mut self, value: &Array<T>, lane: usize) {
        let strides = value.strides(&self.dimensions);
        if self.batch == Batch::Each {
            let strides: Vec<isize> = std::iter::once(value.lane_stride()).chain(strides).collect();
            let lengths = std::iter::once(lane).chain(self.dimensions.iter().map(|d| d.1));
            let nest = Nest::new(lengths, [&strides]);
            nest.for_each([0], |[at]| {
                copy_run(&mut self.elements, &value.elements, at, nest.run, nest.strides[0]);
            });
            return;
        }
        let nest = Nest::new(self.dimensions.iter().map(|d| d.1), [&strides]);
        let step = value.lane_stride();
        let mut sums = self.elements.iter_mut().zip(self.lost.iter_mut());
        nest.for_each([0], |[start]| {
            for (k, (total, lost)) in (0..nest.run as isize).zip(&mut sums) {
                let at = start + k * nest.strides[0];
                for j in 0..lane as isize {
                    add(total, lost, value.elements[(at + j * step) as usize]);
                }
            }
        });
    }

    /// The result, once the whole batch of that many elements is taken.
    pub fn finish(mut self, batch: usize) -> ArrayD<T> {
        if self.batch != Batch::Each {
            for (total, lost) in self.elements.iter_mut().zip(&self.lost) {
                if total.is_finite() {
                    *total = *total + *lost;
                }
                if self.batch == Batch::Mean {
                    *total = *total / T::from_double(batch as f64);
                }
            }
        }
        let shape = IxDyn(&self.shape);
        ArrayD::from_shape_vec(shape, self.elements)
            .unwrap_or_else(|_| ArrayD::from_elem(IxDyn(&[]), T::nan()))
    }
}
