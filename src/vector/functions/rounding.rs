//! Functions whose values are exact.

use crate::vector::Lanes;

/// The greatest whole number that is not greater.
#[inline(always)]
pub fn floor<L: Lanes>(l: L, x: L::Register) -> L::Register {
    l.floor(x)
}

/// The nearest whole number, to the even one of two. Of zeros it is the positive one, unless `x` is the other.
#[inline(always)]
pub fn round<L: Lanes>(l: L, x: L::Register) -> L::Register {
    l.select(l.equal(x, l.zero()), x, l.add(l.round_to_even(x), l.zero()))
}

/// -1, 0 or 1 as `x` is negative, zero or positive; NaN of NaN.
#[inline(always)]
pub fn sign<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let is_either = l.less(l.zero(), l.abs(x));
    l.select(is_either, l.copysign(l.one(), x), x)
}

/// The larger of two; NaN if either is.
#[inline(always)]
pub fn max<L: Lanes>(l: L, x: L::Register, y: L::Register) -> L::Register {
    l.max(x, y)
}

/// The smaller of two; NaN if either is.
#[inline(always)]
pub fn min<L: Lanes>(l: L, x: L::Register, y: L::Register) -> L::Register {
    l.min(x, y)
}
