//! The exponential and what is made of it.

use super::coefficients::{EXP, LOG_2, LOG2_E};
use super::logarithm::log1p_of_unit;
use super::pair::{ordered_sum, sum};
use super::polynomial::either;
use crate::vector::Lanes;

/// exp(x)
#[inline(always)]
pub fn exp<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let (power, k) = exp_parts(l, x, None);
    l.scale(power, k)
}

/// exp(x)/2, which is finite where the hyperbolic functions are.
#[inline(always)]
pub(super) fn half_exp<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let (power, k) = exp_parts(l, x, None);
    l.scale(power, l.sub(k, l.one()))
}

/// exp(x + low) for a small `low`, or exp(x) a little faster, as p*2^k with p in [0.7, 1.42].
#[inline(always)]
pub(super) fn exp_parts<L: Lanes>(
    l: L,
    x: L::Register,
    low: Option<L::Register>,
) -> (L::Register, L::Register) {
    // Beyond these the result is infinite or zero. NaN stays, being the second of the two.
    let x = above_least(l, l.min_or_second(either(l, 90.0, 711.0), x));
    let Some(low) = low else { return exp_parts_within(l, x) };
    let (k, r) = reduced(l, x);
    // The exact difference is rounded no sooner than it is added to the rest.
    let low = l.neg_mul_add(k, LOG_2.part(l, 1), low);
    let near = l.add(r, low);
    let series = l.mul_add(l.mul(near, near), EXP.at(l, near), low);
    (l.add(l.one(), l.add(r, series)), k)
}

/// x, or where that is less what has no exponential that is not 0.
#[inline(always)]
fn above_least<L: Lanes>(l: L, x: L::Register) -> L::Register {
    l.max_or_second(either(l, -105.0, -746.0), x)
}

/// exp(x) as p*2^k, for an x that is not beyond where that is infinite or zero.
#[inline(always)]
fn exp_parts_within<L: Lanes>(l: L, x: L::Register) -> (L::Register, L::Register) {
    let (k, r) = reduced(l, x);
    let near = l.neg_mul_add(k, LOG_2.part(l, 1), r);
    let slope = l.mul_add(EXP.at(l, near), near, l.one());
    (l.mul_add(slope, near, l.one()), k)
}

/// `k` and x - k*log(2), but for the second part of log(2).
#[inline(always)]
fn reduced<L: Lanes>(l: L, x: L::Register) -> (L::Register, L::Register) {
    // Added to 3*2^(PRECISION - 2), a number loses its fraction; it need not be the nearest of two that are as near.
    let whole = l.constant(1.5 * (1_u64 << (L::PRECISION - 1)) as f64);
    let k = l.sub(l.mul_add_estimate(x, LOG2_E.part(l, 0), whole), whole);
    (k, l.neg_mul_add(k, LOG_2.part(l, 0), x))
}

/// exp(x) - 1, accurate for small `x`.
#[inline(always)]
pub fn expm1<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let x = l.max_or_second(either(l, -20.0, -40.0), l.min_or_second(either(l, 89.0, 710.0), x));
    let (k, r) = reduced(l, x);
    let near = l.neg_mul_add(k, LOG_2.part(l, 1), r);
    let less_one = l.mul_add(l.mul(near, near), EXP.at(l, near), near);
    // exp(x) - 1 = 2^k*(exp(near) - 1) + (2^k - 1), and half of that, lest 2^k be infinite.
    let half = l.power_of_two(l.sub(k, l.one()));
    let result = l.mul(l.mul_add(half, less_one, l.sub(half, l.constant(0.5))), l.constant(2.0));
    // So small that only the first term counts, which may be subnormal or a negative zero.
    l.select(l.less(l.abs(x), either(l, 1e-8, 1e-17)), x, result)
}

/// `k`, `r` and `tail`, with exp(x) = (1 + r + tail)*2^k: where `k` is 0, `r` is `x` itself.
#[inline(always)]
pub(super) fn exp_terms<L: Lanes>(l: L, x: L::Register) -> (L::Register, L::Register, L::Register) {
    let (k, r) = reduced(l, x);
    // (r, low) is the reduced argument; exp(r) - 1 = r + (low + r^2*P(r)).
    let (r, low) = sum(l, r, l.neg(l.mul(k, LOG_2.part(l, 1))));
    (k, r, l.mul_add(l.mul(r, r), EXP.at(l, r), low))
}

/// exp(x) - 1 - x, accurate for small `x`.
#[inline(always)]
pub fn expm1mx<L: Lanes>(l: L, x: L::Register) -> L::Register {
    // Far below zero the exponential is nothing beside the rest; NaN stays.
    let x = l.min_or_second(either(l, 89.0, 710.0), x);
    let (k, r, tail) = exp_terms(l, l.max_or_second(either(l, -20.0, -40.0), x));
    // Half of it, (2^k - 1)/2 + (2^k*r - x)/2 + 2^k*tail/2, so that nothing overflows before the result does. The first
    // two terms are exact, and cancel as far as they do before the third is added: where `k` is 0 it alone is left.
    let power = l.power_of_two(l.sub(k, l.one()));
    let half = l.constant(0.5);
    let (high, first) = ordered_sum(l, l.sub(power, half), l.mul(power, r));
    let (high, second) = sum(l, high, l.neg(l.mul(x, half)));
    let low = l.mul_add(power, tail, l.add(first, second));
    let result = l.mul(l.add(high, low), l.constant(2.0));
    // What an infinite sum loses has no meaning.
    l.select(l.equal(x, l.constant(f64::NEG_INFINITY)), l.neg(x), result)
}

/// 1/(1 + exp(-x))
#[inline(always)]
pub fn sigmoid<L: Lanes>(l: L, x: L::Register) -> L::Register {
    sigmoid_of_exp(l, x, exp_of_minus_abs(l, x))
}

/// log(1 + exp(x)), without overflow.
#[inline(always)]
pub fn softplus<L: Lanes>(l: L, x: L::Register) -> L::Register {
    softplus_of_exp(l, x, exp_of_minus_abs(l, x))
}

/// The sigmoid and the softplus of the same argument, from one exponential.
#[inline(always)]
pub fn sigmoid_softplus<L: Lanes>(l: L, x: L::Register) -> (L::Register, L::Register) {
    let e = exp_of_minus_abs(l, x);
    (sigmoid_of_exp(l, x, e), softplus_of_exp(l, x, e))
}

/// exp(-|x|)
#[inline(always)]
pub fn exp_of_minus_abs<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let minus = l.of_bits(l.or_bits(l.to_bits(x), l.to_bits(l.constant(-0.0))));
    let (power, k) = exp_parts_within(l, above_least(l, minus));
    l.scale(power, k)
}

/// sigmoid(x) of e = exp(-|x|).
#[inline(always)]
fn sigmoid_of_exp<L: Lanes>(l: L, x: L::Register, e: L::Register) -> L::Register {
    let inverse = l.reciprocal(l.add(l.one(), e));
    l.select(l.less(x, l.zero()), l.mul(e, inverse), inverse)
}

/// softplus(x) of e = exp(-|x|).
#[inline(always)]
fn softplus_of_exp<L: Lanes>(l: L, x: L::Register, e: L::Register) -> L::Register {
    l.add(l.max_or_second(x, l.zero()), log1p_of_unit(l, e))
}
