//! Points at which losses are evaluated in tests: the same on every machine.

use lossform::Loss;
use lossform::graph::Domain;
use lossform::real::Real;
use ndarray::{ArrayD, IxDyn};
use std::collections::BTreeMap;

/// SplitMix64 (Steele et al. 2014).
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// An array for every input of the loss, drawn from its domain; axes have `length` elements.
pub fn inputs<T: Real>(loss: &Loss, draw: &mut Draw, length: usize) -> BTreeMap<String, ArrayD<T>> {
    let mut inputs = BTreeMap::new();
    for variable in loss.graph().variables() {
        if variable.is_hyperparameter && variable.default.is_some() {
            continue;
        }
        let shape = vec![length; variable.axes.len()];
        let count: usize = shape.iter().product();
        let mut elements: Vec<T> = (0..count)
            .map(|_| {
                T::from_double(match &variable.domain {
                    Domain::Set(values) => values[draw.below(values.len())].to_f64(),
                    Domain::Index(_) => draw.below(length) as f64,
                    Domain::Integer => draw.below(7) as f64 - 3.0,
                    other => {
                        let interval = other.interval();
                        match (interval.low.is_finite(), interval.high.is_finite()) {
                            (true, true) => {
                                interval.low + (interval.high - interval.low) * (0.02 + 0.96 * draw.unit())
                            }
                            (true, false) => interval.low + 0.05 + 3.0 * draw.unit(),
                            (false, true) => interval.high - 0.05 - 3.0 * draw.unit(),
                            (false, false) => 4.0 * draw.unit() - 2.0,
                        }
                    }
                })
            })
            .collect();
        if variable.domain == Domain::Simplex {
            for row in elements.chunks_mut(length.max(1)) {
                let sum = row.iter().fold(T::zero(), |sum, v| sum + *v);
                row.iter_mut().for_each(|v| *v = *v / sum);
            }
        }
        inputs.insert(variable.name.clone(), ArrayD::from_shape_vec(IxDyn(&shape), elements).unwrap());
    }
    inputs
}
