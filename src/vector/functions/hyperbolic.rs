//! Hyperbolic functions.

use super::coefficients::{SINH, TANH};
use super::exponential::{exp, half_exp};
use crate::vector::Lanes;

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let a = l.abs(x);
    let square = l.mul(x, x);
    let near = l.mul_add(l.mul(square, a), TANH.at(l, square), a);
    let e = exp(l, l.add(a, a));
    let far = l.sub(l.one(), l.div(l.constant(2.0), l.add(e, l.one())));
    l.copysign(l.select(l.less(a, l.constant(0.625)), near, far), x)
}

/// The hyperbolic sine.
#[inline(always)]
pub fn sinh<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let a = l.abs(x);
    let square = l.mul(x, x);
    let near = l.mul_add(l.mul(square, a), SINH.at(l, square), a);
    let half = half_exp(l, a);
    let far = l.sub(half, l.div(l.constant(0.25), half));
    l.copysign(l.select(l.less(a, l.one()), near, far), x)
}

/// The hyperbolic cosine.
#[inline(always)]
pub fn cosh<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let half = half_exp(l, l.abs(x));
    l.add(half, l.div(l.constant(0.25), half))
}
