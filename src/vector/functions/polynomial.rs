//! Polynomials and constants that depend on the precision.

use crate::vector::Lanes;

/// Coefficients from the constant on, for both precisions.
pub struct Polynomial<const SINGLE: usize, const DOUBLE: usize> {
    /// Those for `f32`, which it represents exactly.
    pub single: [f64; SINGLE],
    /// Those for `f64`.
    pub double: [f64; DOUBLE],
}

/// A constant as a sum of parts of falling size.
pub struct Constant<const PARTS: usize> {
    /// Those for `f32`, which it represents exactly.
    pub single: [f64; PARTS],
    /// Those for `f64`.
    pub double: [f64; PARTS],
}

impl<const SINGLE: usize, const DOUBLE: usize> Polynomial<SINGLE, DOUBLE> {
    /// Its value, by Horner's rule.
    #[inline(always)]
    pub fn at<L: Lanes>(&self, l: L, x: L::Register) -> L::Register {
        if is_single::<L>() { horner(l, x, &self.single) } else { horner(l, x, &self.double) }
    }
}

impl<const PARTS: usize> Constant<PARTS> {
    /// One of its parts.
    #[inline(always)]
    pub fn part<L: Lanes>(&self, l: L, n: usize) -> L::Register {
        l.constant(if is_single::<L>() { self.single[n] } else { self.double[n] })
    }
}

/// A constant that depends on the precision.
#[inline(always)]
pub fn either<L: Lanes>(l: L, single: f64, double: f64) -> L::Register {
    l.constant(if is_single::<L>() { single } else { double })
}

/// Whether the lanes are `f32`.
#[inline(always)]
pub fn is_single<L: Lanes>() -> bool {
    L::PRECISION == f32::MANTISSA_DIGITS
}

/// The smallest positive value that is normal.
#[inline(always)]
pub fn smallest_normal<L: Lanes>(l: L) -> L::Register {
    either(l, f32::MIN_POSITIVE.into(), f64::MIN_POSITIVE)
}

/// The largest finite value.
#[inline(always)]
pub fn largest<L: Lanes>(l: L) -> L::Register {
    either(l, f32::MAX.into(), f64::MAX)
}

#[inline(always)]
fn horner<L: Lanes, const N: usize>(l: L, x: L::Register, coefficients: &[f64; N]) -> L::Register {
    let mut value = l.constant(coefficients[N - 1]);
    for n in (0..N - 1).rev() {
        value = l.mul_add_estimate(value, x, l.constant(coefficients[n]));
    }
    value
}
