//! Logarithms.

use super::coefficients::{LOG, LOG_2, LOG1P_UNIT, LOG2_E, LOG10_2, LOG10_E};
use super::exponential::exp_terms;
use super::pair::{Pair, ordered_sum, product};
use super::polynomial::{either, largest, smallest_normal};
use crate::vector::Lanes;

/// log(x)
#[inline(always)]
pub fn log<L: Lanes>(l: L, x: L::Register) -> L::Register {
    around_edges(
        l,
        x,
        #[inline(always)]
        |x, shift| {
            let (m, k) = l.split(x);
            let (f, k) = (l.sub(m, l.one()), l.sub(k, shift));
            let low = l.mul_add(k, LOG_2.part(l, 1), log_series(l, f));
            l.mul_add(k, LOG_2.part(l, 0), l.add(f, low))
        },
    )
}

/// log(x)/log(2), exact for powers of two.
#[inline(always)]
pub fn log2<L: Lanes>(l: L, x: L::Register) -> L::Register {
    around_edges(
        l,
        x,
        #[inline(always)]
        |x, shift| {
            let (m, k) = l.split(x);
            let (high, low) = scaled_log(l, m, [LOG2_E.part(l, 0), LOG2_E.part(l, 1)]);
            let (sum, rest) = ordered_sum(l, l.sub(k, shift), high);
            l.add(sum, l.add(rest, low))
        },
    )
}

/// log(x)/log(10)
#[inline(always)]
pub fn log10<L: Lanes>(l: L, x: L::Register) -> L::Register {
    around_edges(
        l,
        x,
        #[inline(always)]
        |x, shift| {
            let (m, k) = l.split(x);
            let k = l.sub(k, shift);
            let (high, low) = scaled_log(l, m, [LOG10_E.part(l, 0), LOG10_E.part(l, 1)]);
            let (sum, rest) = ordered_sum(l, l.mul(k, LOG10_2.part(l, 0)), high);
            l.add(sum, l.add(rest, l.mul_add(k, LOG10_2.part(l, 1), low)))
        },
    )
}

/// log(m) times a constant of two parts, in two parts, for m in [sqrt(1/2), sqrt(2)].
#[inline(always)]
fn scaled_log<L: Lanes>(l: L, m: L::Register, by: [L::Register; 2]) -> (L::Register, L::Register) {
    let f = l.sub(m, l.one());
    // log(1 + f) = f + rest
    let rest = l.mul(l.mul(f, f), l.mul_add(f, LOG.at(l, f), l.constant(-0.5)));
    let (f, rest) = ordered_sum(l, f, rest);
    let (high, low) = product(l, f, by[0]);
    (high, l.mul_add(f, by[1], l.mul_add(rest, by[0], low)))
}

/// log(1 + x), accurate for small `x`.
#[inline(always)]
pub fn log1p<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let result = of_one_more(
        l,
        x,
        (0.0, x),
        #[inline(always)]
        |_, _, f, k| {
            let low = l.mul_add(k, LOG_2.part(l, 1), log_series(l, f));
            l.mul_add(k, LOG_2.part(l, 0), l.add(f, low))
        },
    );
    // Zero has the sign of `x`, as everything else has.
    l.of_bits(l.or_bits(l.to_bits(result), l.sign_bit(x)))
}

/// log(1 + x) - x, accurate for small `x`.
#[inline(always)]
pub fn log1pmx<L: Lanes>(l: L, x: L::Register) -> L::Register {
    of_one_more(
        l,
        x,
        (0.36, l.neg(x)),
        // f - x = (2^-k - 1)*(1 + x), which is 0 where the power of two is none: then only the series is left. For the
        // next powers k*log(2) + 2^-k - 1 loses nothing; further below zero it would, and then comes last.
        #[inline(always)]
        |is_usual, less, f, k| {
            let low = l.mul_add(k, LOG_2.part(l, 1), log_series(l, f));
            let whole = l.mul_add(k, LOG_2.part(l, 0), less);
            if is_usual {
                return l.add(l.mul_add(less, x, whole), low);
            }
            let is_below = l.less(k, l.constant(-1.0));
            let high = l.mul_add(less, x, l.select(is_below, less, whole));
            let last = l.select(is_below, l.mul(k, LOG_2.part(l, 0)), l.zero());
            l.add(l.add(high, last), low)
        },
    )
}

/// What `inner` makes of 2^-k - 1, `f` and `k` with 1 + x = (1 + f)*2^k and 1 + f in [sqrt(1/2), sqrt(2)]; it is told
/// whether all 1 + x are above `least`, which is at least 0. Minus infinity where 1 + x is 0, and `at_infinity` for that.
#[inline(always)]
fn of_one_more<L: Lanes>(
    l: L,
    x: L::Register,
    (least, at_infinity): (f64, L::Register),
    inner: impl Fn(bool, L::Register, L::Register, L::Register) -> L::Register,
) -> L::Register {
    let u = l.add(l.one(), x);
    let most = either(l, 2_f64.powi(100), 2_f64.powi(1000));
    if l.all(l.and(l.less(l.constant(least), u), l.less_equal(u, most))) {
        let (less, f, k) = one_more(l, x);
        return inner(true, less, f, k);
    }
    let is_huge = l.less(most, x);
    let by = either(l, 64.0, 512.0);
    let (less, f, k) = one_more(l, l.select(is_huge, l.mul(x, l.power_of_two(l.neg(by))), x));
    let result = edges(l, u, inner(false, less, f, l.select(is_huge, l.add(k, by), k)));
    l.select(l.equal(u, l.constant(f64::INFINITY)), at_infinity, result)
}

/// 2^-k - 1, `f` and `k`, with 1 + x = (1 + f)*2^k.
#[inline(always)]
fn one_more<L: Lanes>(l: L, x: L::Register) -> (L::Register, L::Register, L::Register) {
    let (power, k) = l.split_scale(l.add(l.one(), x));
    // A power of which the difference loses digits belongs to a logarithm so large that they do not count.
    let less = l.sub(power, l.one());
    (less, l.mul_add(x, power, less), k)
}

/// log(u + lost), where `lost` is within the rounding of `u`, and zero if that is subnormal.
#[inline(always)]
fn log_of_any_sum<L: Lanes>(l: L, u: L::Register, lost: L::Register) -> L::Register {
    let subnormal = l.less(u, smallest_normal(l));
    let lift = l.constant(f64::from(L::PRECISION));
    let lifted = l.select(subnormal, l.mul(u, l.power_of_two(lift)), u);
    let (f, low, k) = sum_parts(l, lifted, lost);
    let k = l.select(subnormal, l.sub(k, lift), k);
    edges(l, u, log_of_parts(l, f, low, k))
}

/// `f`, `low` and `k`, with u + lost = (1 + f + low)*2^k.
#[inline(always)]
fn sum_parts<L: Lanes>(l: L, u: L::Register, lost: L::Register) -> (L::Register, L::Register, L::Register) {
    let (m, k) = l.split(u);
    // Where the power would be subnormal, what was lost does not count.
    let scale = l.power_of_two(l.max_or_second(l.constant(2.0 - L::BIAS), l.neg(k)));
    let (f, low) = ordered_sum(l, l.sub(m, l.one()), l.mul(lost, scale));
    (f, low, k)
}

/// k*log(2) + log(1 + f + low), for 1 + f in [sqrt(1/2), sqrt(2)] and a `low` that is within the rounding of 1 + f.
#[inline(always)]
fn log_of_parts<L: Lanes>(l: L, f: L::Register, low: L::Register, k: L::Register) -> L::Register {
    let (high, low) = log_terms_of_parts(l, f, low, k);
    l.add(high, low)
}

/// The same as two terms, of which the first is exact.
#[inline(always)]
fn log_terms_of_parts<L: Lanes>(l: L, f: L::Register, low: L::Register, k: L::Register) -> Pair<L> {
    // k*log(2) comes in two parts, of which the first is exact.
    let (high, rounding) = ordered_sum(l, l.mul(k, LOG_2.part(l, 0)), f);
    let low = l.add(l.mul_add(k, LOG_2.part(l, 1), low), rounding);
    (high, l.add(log_series(l, f), low))
}

/// log(1 + f) - f = -f^2/2 + f^3*P(f), for 1 + f in [sqrt(1/2), sqrt(2)].
#[inline(always)]
fn log_series<L: Lanes>(l: L, f: L::Register) -> L::Register {
    l.mul(l.mul(f, f), l.mul_add(f, LOG.at(l, f), l.constant(-0.5)))
}

/// log(x) as two terms, of which the first is exact, for a positive `x` that is finite, and may be subnormal.
#[inline(always)]
pub(super) fn log_terms<L: Lanes>(l: L, x: L::Register) -> Pair<L> {
    let subnormal = l.less(x, smallest_normal(l));
    let lift = l.constant(f64::from(L::PRECISION));
    let (m, k) = l.split(l.select(subnormal, l.mul(x, l.power_of_two(lift)), x));
    let k = l.select(subnormal, l.sub(k, lift), k);
    log_terms_of_parts(l, l.sub(m, l.one()), l.zero(), k)
}

/// log(1 + e) for e from 0 to 1.
#[inline(always)]
pub fn log1p_of_unit<L: Lanes>(l: L, e: L::Register) -> L::Register {
    l.mul_add(l.mul(e, e), LOG1P_UNIT.at(l, e), e)
}

/// A logarithm of positive values, normal and finite, made one of all: `inner` gets them and how much to subtract from
/// the exponent.
#[inline(always)]
fn around_edges<L: Lanes>(
    l: L,
    x: L::Register,
    inner: impl Fn(L::Register, L::Register) -> L::Register,
) -> L::Register {
    let usual = l.and(l.less_equal(smallest_normal(l), x), l.less_equal(x, largest(l)));
    if l.all(usual) {
        return inner(x, l.zero());
    }
    let subnormal = l.less(x, smallest_normal(l));
    let lift = l.constant(f64::from(L::PRECISION));
    let lifted = l.mul(x, l.power_of_two(lift));
    let result = inner(l.select(subnormal, lifted, x), l.select(subnormal, lift, l.zero()));
    edges(l, x, result)
}

/// The logarithm at zero, infinity and below zero.
#[inline(always)]
fn edges<L: Lanes>(l: L, x: L::Register, result: L::Register) -> L::Register {
    let finite = l.select(l.equal(x, l.zero()), l.constant(f64::NEG_INFINITY), l.constant(f64::NAN));
    let result = l.select(l.less(l.zero(), x), result, finite);
    l.select(l.equal(x, l.constant(f64::INFINITY)), x, result)
}

/// The inverse of the logistic function, log(x/(1 - x)).
#[inline(always)]
pub fn logit<L: Lanes>(l: L, x: L::Register) -> L::Register {
    // Near 1/2 the quotient is 1 + (2*x - 1)/(1 - x); the numerator is exact, as is the denominator above 1/2, and below
    // that the function is the negative one of 1 - x.
    let other = l.sub(l.one(), x);
    let near = l.and(l.less(l.constant(0.25), x), l.less(x, l.constant(0.75)));
    let below = l.and(near, l.less(x, l.constant(0.5)));
    let distance = l.abs(l.mul_sub(l.constant(2.0), x, l.one()));
    let excess = l.div(distance, l.select(below, x, other));
    let u = l.select(near, l.add(l.one(), excess), l.div(x, other));
    let lost = l.select(near, l.sub(excess, l.sub(u, l.one())), l.zero());
    let result = log_of_any_sum(l, u, lost);
    l.select(below, l.neg(result), result)
}

/// x*log(y), and 0 where `x` is 0 whatever `y` is.
#[inline(always)]
pub fn xlogy<L: Lanes>(l: L, x: L::Register, y: L::Register) -> L::Register {
    l.select(l.equal(x, l.zero()), l.zero(), l.mul(x, log(l, y)))
}

/// log(1 - exp(x)) for negative `x`, accurate for those near zero and for large ones.
#[inline(always)]
pub fn log1mexp<L: Lanes>(l: L, x: L::Register) -> L::Register {
    // Above zero the exponential is greater than one, whatever it is.
    let x = l.max_or_second(either(l, -105.0, -746.0), l.min_or_second(l.one(), x));
    let (k, r, tail) = exp_terms(l, x);
    let one = l.one();
    // Near zero the difference itself, which is (1 - 2^k) - 2^k*r - 2^k*tail.
    let power = l.power_of_two(l.max_or_second(l.constant(-2.0), k));
    let near = l.neg_mul_add(power, tail, l.neg_mul_add(power, r, l.sub(one, power)));
    // Where the exponential is less than a half it is enough to know that, and what the difference loses.
    let e = l.scale(l.add(one, l.add(r, tail)), k);
    let far = l.sub(one, e);
    let is_near = l.less(l.constant(-std::f64::consts::LN_2), x);
    let lost = l.select(is_near, l.zero(), l.sub(l.sub(one, far), e));
    // It vanishes from below.
    l.neg(l.abs(log_of_any_sum(l, l.select(is_near, near, far), lost)))
}

/// log(x)/(x - 1), and its limit 1 at 1.
#[inline(always)]
pub fn logrel<L: Lanes>(l: L, x: L::Register) -> L::Register {
    // The difference is exact where it is small, and the logarithm keeps its digits there; only 0/0 is left to define.
    // The logarithm of an infinite argument is taken of the largest finite one, so that the quotient vanishes.
    let quotient = l.div(log(l, l.min_or_second(largest(l), x)), l.sub(x, l.one()));
    l.select(l.equal(x, l.one()), x, quotient)
}
