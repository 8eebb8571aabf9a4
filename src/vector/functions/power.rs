//! Powers and roots.

use super::coefficients::{ATANH, LOG_2, TWO_THIRDS};
use super::exponential::exp_parts;
use super::pair::{Pair, ordered_sum, pair_product, product, sum};
use super::polynomial::{either, largest, smallest_normal};
use crate::vector::Lanes;

/// 1/sqrt(x)
#[inline(always)]
pub fn reciprocal_sqrt<L: Lanes>(l: L, x: L::Register) -> L::Register {
    l.div(l.one(), l.sqrt(x))
}

/// A power to a whole number that is the same in all lanes, by multiplication; 1/x^|n| if it is negative.
///
/// Its error is at most |n| units in the last place.
#[inline(always)]
pub fn powi<L: Lanes>(l: L, x: L::Register, n: i32) -> L::Register {
    let (mut square, mut rest) = (x, n.unsigned_abs());
    let mut result = l.one();
    while rest > 0 {
        if rest & 1 == 1 {
            result = l.mul(result, square);
        }
        rest >>= 1;
        if rest > 0 {
            square = l.mul(square, square);
        }
    }
    if n < 0 { l.div(l.one(), result) } else { result }
}

/// x^y as C's `pow` defines it: 1 if y is 0 or x is 1, of a negative base for whole exponents alone.
///
/// The exponents 1/2 and -1/2 are the square root and its inverse, which differ at -0 and at -infinity.
#[inline(always)]
pub fn pow<L: Lanes>(l: L, x: L::Register, y: L::Register) -> L::Register {
    let a = l.abs(x);
    let usual = l.and(l.less_equal(smallest_normal(l), x), l.less_equal(x, largest(l)));
    let bounded = l.less_equal(l.abs(y), largest(l));
    if l.all(l.and(usual, bounded)) {
        return pow_of_positive(l, x, l.zero(), y);
    }
    let subnormal = l.less(a, smallest_normal(l));
    let lift = l.constant(f64::from(L::PRECISION));
    let base = l.select(subnormal, l.mul(a, l.power_of_two(lift)), a);
    // Zero and infinity stand for themselves below; here they must only not disturb.
    let finite = l.and(l.less(l.zero(), a), l.less_equal(a, largest(l)));
    let regular = l.and(finite, bounded);
    let result = pow_of_positive(
        l,
        l.select(regular, base, l.one()),
        l.select(subnormal, lift, l.zero()),
        l.select(regular, y, l.zero()),
    );
    let (zero, one, infinity) = (l.zero(), l.one(), l.constant(f64::INFINITY));
    // The limits of |x|^y where either is zero or infinite.
    let grows = l.or(l.and(l.less(one, a), l.less(zero, y)), l.and(l.less(a, one), l.less(y, zero)));
    let result = l.select(regular, result, l.select(grows, infinity, zero));
    let result = l.select(l.equal(a, one), one, result);
    // The sign of an odd power, and NaN of a broken one.
    let whole = l.equal(l.round_to_even(y), y);
    let half = l.mul(y, l.constant(0.5));
    let odd = l.and(l.and(whole, bounded), l.not(l.equal(l.round_to_even(half), half)));
    let negative = l.less(l.copysign(one, x), zero);
    let result = l.select(l.and(negative, odd), l.neg(result), result);
    let below = l.and(l.less(x, zero), l.less_equal(a, largest(l)));
    let broken = l.and(l.and(below, bounded), l.not(whole));
    let result = l.select(broken, l.constant(f64::NAN), result);
    // Of positive numbers the root is a power like any other.
    let root = l.and(l.equal(l.abs(y), l.constant(0.5)), l.not(usual));
    let square_root = l.sqrt(x);
    let square_root = l.select(l.less(y, zero), l.div(one, square_root), square_root);
    let result = l.select(root, square_root, result);
    let result = l.select(l.or(l.is_nan(x), l.is_nan(y)), l.add(x, y), result);
    l.select(l.or(l.equal(x, one), l.equal(y, zero)), one, result)
}

/// (x*2^-shift)^y for a normal positive `x`: exp(y*log(x)) with the logarithm in two parts.
#[inline(always)]
fn pow_of_positive<L: Lanes>(l: L, x: L::Register, shift: L::Register, y: L::Register) -> L::Register {
    let (high, low) = log_pair(l, x, shift);
    // Exponents that are beyond this overflow or vanish for any base but one, whose logarithm is zero; the products
    // must stay finite.
    let bound = either(l, 1e30, 1e300);
    let y = l.max_or_second(l.neg(bound), l.min_or_second(bound, y));
    let (exponent, rest) = product(l, y, high);
    let rest = l.mul_add(y, low, rest);
    // What is beyond the clamp of the exponential has a rest that is not small.
    let rest = l.select(l.less(l.abs(exponent), either(l, 200.0, 2000.0)), rest, l.zero());
    let (power, k) = exp_parts(l, exponent, Some(rest));
    l.scale(power, k)
}

/// log(x*2^-shift) in two parts, for a normal positive `x`.
#[inline(always)]
fn log_pair<L: Lanes>(l: L, x: L::Register, shift: L::Register) -> Pair<L> {
    let (m, k) = l.split(x);
    let k = l.sub(k, shift);
    // log(m) = 2*atanh(s) with s = f/(2 + f), itself in two parts.
    let f = l.sub(m, l.one());
    let (denominator, lost) = ordered_sum(l, l.constant(2.0), f);
    let inverse = l.div(l.one(), denominator);
    let s = l.mul(f, inverse);
    let remainder = l.neg_mul_add(s, lost, l.neg_mul_add(s, denominator, f));
    let s = ordered_sum(l, s, l.mul(remainder, inverse));
    // 2*atanh(s) = 2*s + s^3*(2/3 + s^2*Q(s^2)).
    let square = pair_product(l, s, s);
    let series = l.mul(square.0, ATANH.at(l, square.0));
    let factor = sum(l, TWO_THIRDS.part(l, 0), l.add(series, TWO_THIRDS.part(l, 1)));
    let cubic = pair_product(l, pair_product(l, square, s), factor);
    let two = l.constant(2.0);
    let (high, rounding) = ordered_sum(l, l.mul(two, s.0), cubic.0);
    let low = l.add(l.mul_add(two, s.1, cubic.1), rounding);
    // k*log(2), the first part exact.
    let (sum, rounding) = ordered_sum(l, l.mul(k, LOG_2.part(l, 0)), high);
    let low = l.add(l.mul_add(k, LOG_2.part(l, 1), low), rounding);
    ordered_sum(l, sum, low)
}

/// sqrt(x^2 + y^2), without overflow.
#[inline(always)]
pub fn hypot<L: Lanes>(l: L, x: L::Register, y: L::Register) -> L::Register {
    let (a, b) = (l.abs(x), l.abs(y));
    let larger = l.max_or_second(a, b);
    // Scaled by a power of two, so that squares neither overflow nor vanish.
    let (huge, tiny) = (l.less(either(l, 1e18, 1e150), larger), l.less(larger, either(l, 1e-16, 1e-100)));
    let (up, down) = (l.power_of_two(either(l, 100.0, 600.0)), l.power_of_two(either(l, -100.0, -600.0)));
    let scale = l.select(huge, down, l.select(tiny, up, l.one()));
    let unscale = l.select(huge, up, l.select(tiny, down, l.one()));
    let (p, q) = (l.mul(a, scale), l.mul(b, scale));
    let result = l.mul(l.sqrt(l.mul_add(p, p, l.mul(q, q))), unscale);
    let infinity = l.constant(f64::INFINITY);
    l.select(l.or(l.equal(a, infinity), l.equal(b, infinity)), infinity, result)
}
