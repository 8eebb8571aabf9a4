//! The error function and its complement.

use super::coefficients::{ERF, ERFC};
use super::exponential::exp_parts;
use super::pair::product;
use crate::vector::Lanes;

/// The error function.
#[inline(always)]
pub fn erf<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let a = l.abs(x);
    let near = erf_near(l, a);
    let far = l.sub(l.one(), erfc_of_positive(l, a));
    l.copysign(l.select(l.less(a, l.one()), near, far), x)
}

/// One minus the error function, accurate where that is small.
#[inline(always)]
pub fn erfc<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let a = l.abs(x);
    let tail = erfc_of_positive(l, a);
    // The tail of a small argument would carry the rounding of the scaled function.
    let near = l.sub(l.one(), erf_near(l, x));
    let far = l.select(l.less(x, l.zero()), l.sub(l.constant(2.0), tail), tail);
    l.select(l.less(a, l.constant(0.75)), near, far)
}

/// erf(x) for |x| <= 1.
#[inline(always)]
fn erf_near<L: Lanes>(l: L, x: L::Register) -> L::Register {
    l.mul_add(x, ERF.at(l, l.mul(x, x)), x)
}

/// erfc(a) for a >= 0, as exp(-a^2)*F((a - 4)/(a + 4))/(1 + 2*a) (after Shepherd & Laframboise, "Chebyshev
/// approximation of (1 + 2x)exp(x^2)erfc x", Math. Comp. 36, 1981).
#[inline(always)]
fn erfc_of_positive<L: Lanes>(l: L, a: L::Register) -> L::Register {
    // Beyond this it is zero. NaN stays.
    let a = l.min_or_second(l.constant(if L::PRECISION == 24 { 10.25 } else { 27.25 }), a);
    let four = l.constant(4.0);
    let t = l.div(l.sub(a, four), l.add(a, four));
    let weight = l.mul_add(a, l.constant(2.0), l.one());
    let quotient = l.div(ERFC.at(l, t), weight);
    let (square, rest) = product(l, a, a);
    let (power, k) = exp_parts(l, l.neg(square), Some(l.neg(rest)));
    l.scale(l.mul(power, quotient), k)
}
