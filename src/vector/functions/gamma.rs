//! The gamma function's relatives: one lane at a time, by the scalar functions.
//!
//! Their recurrences and reflections take a different number of steps in each lane, so a register would wait for the
//! longest of them.

use crate::real::Real;
use crate::vector::Lanes;

/// The logarithm of the absolute value of the gamma function.
#[inline(always)]
pub fn lgamma<L: Lanes>(l: L, x: L::Register) -> L::Register {
    l.map(x, Real::lgamma)
}

/// The derivative of lgamma.
#[inline(always)]
pub fn digamma<L: Lanes>(l: L, x: L::Register) -> L::Register {
    polygamma(l, 0, x)
}

/// The `order`-th derivative of digamma.
#[inline(always)]
pub fn polygamma<L: Lanes>(l: L, order: u32, x: L::Register) -> L::Register {
    l.map(x, |x| L::Scalar::polygamma(order, x))
}
