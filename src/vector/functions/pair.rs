//! Sums of two registers, which carry twice the precision.

use crate::vector::Lanes;

/// An unevaluated sum, whose second part is within the rounding of the first.
pub type Pair<L> = (<L as Lanes>::Register, <L as Lanes>::Register);

/// a + b exactly, if |a| >= |b| or a is zero (Dekker).
#[inline(always)]
pub fn ordered_sum<L: Lanes>(l: L, a: L::Register, b: L::Register) -> Pair<L> {
    let sum = l.add(a, b);
    (sum, l.sub(b, l.sub(sum, a)))
}

/// a + b exactly (Knuth).
#[inline(always)]
pub fn sum<L: Lanes>(l: L, a: L::Register, b: L::Register) -> Pair<L> {
    let sum = l.add(a, b);
    let b_part = l.sub(sum, a);
    let a_part = l.sub(sum, b_part);
    (sum, l.add(l.sub(a, a_part), l.sub(b, b_part)))
}

/// a*b exactly, unless the second part is subnormal.
#[inline(always)]
pub fn product<L: Lanes>(l: L, a: L::Register, b: L::Register) -> Pair<L> {
    let product = l.mul(a, b);
    (product, l.mul_sub(a, b, product))
}

/// The product of two pairs, to nearly twice the precision.
#[inline(always)]
pub fn pair_product<L: Lanes>(l: L, a: Pair<L>, b: Pair<L>) -> Pair<L> {
    let (high, low) = product(l, a.0, b.0);
    let low = l.mul_add(a.0, b.1, l.mul_add(a.1, b.0, low));
    ordered_sum(l, high, low)
}
