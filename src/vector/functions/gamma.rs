//! The gamma function's relatives.
//!
//! Above zero each is within the bound of the table everywhere. Below, by reflection, so is `trigamma`, but the others
//! have a zero between any two poles, and an error like that of the function's value at the opposite argument.

use super::coefficients::{COS, DIGAMMA, DIGAMMA_TAIL, DIGAMMA_ZERO, LGAMMA, SIN, STIRLING, TRIGAMMA_TAIL};
use super::logarithm::{log, log_terms};
use super::pair::{Pair, ordered_sum, product};
use super::polynomial::{either, largest};
use crate::vector::Lanes;
use std::f64::consts::PI;

/// The logarithm of the absolute value of the gamma function.
#[inline(always)]
pub fn lgamma<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let positive = l.less(l.zero(), x);
    let a = l.abs(x);
    let value = lgamma_of_positive(l, a);
    if l.all(positive) {
        return value;
    }
    let infinity = l.constant(f64::INFINITY);
    // gamma(-a)*gamma(a) = -pi/(a*sin(pi*a)) (Abramowitz & Stegun 6.1.17); so near zero that only -log(a) counts, the
    // product might vanish.
    let (sine, _) = sincos_of_half_turns(l, a);
    let below = l.sub(l.neg(log(l, l.mul(l.mul(a, l.constant(1.0 / PI)), sine))), value);
    let tiny = l.less(a, either(l, 1e-9, 1e-18));
    let result = l.select(l.or(positive, tiny), value, below);
    l.select(l.or(l.equal(a, l.zero()), l.equal(a, infinity)), infinity, result)
}

/// The same of a positive argument.
#[inline(always)]
fn lgamma_of_positive<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let one = l.one();
    let x = l.min_or_second(largest(l), x);
    let is_far = l.less_equal(l.constant(8.25), x);
    // The argument is d beyond a whole number, from -3/4 to 1/4, so that the terms below do not cancel. That of 2 + d is
    // found directly; the recurrence gamma(x + 1) = x*gamma(x) leads from there to x.
    let whole = l.floor(l.add(x, l.constant(0.75)));
    let d = l.sub(x, whole);
    let near = l.mul(d, LGAMMA.at(l, d));
    let falls = l.less(whole, l.constant(2.0));
    let mut factor = l.select(falls, l.select(l.less(whole, one), l.mul_add(x, x, x), x), one);
    for n in 1..=6 {
        let reaches = l.less_equal(l.constant(f64::from(n) + 2.0), whole);
        factor = l.mul(factor, l.select(reaches, l.sub(x, l.constant(n.into())), one));
    }
    let (high, low) = log_terms(l, l.select(is_far, x, factor));
    let high_down = l.select(falls, l.neg(high), high);
    let low_down = l.select(falls, l.neg(low), low);
    let near = l.add(high_down, l.add(low_down, near));
    // Stirling's series: (x - 1/2)*(log(x) - 1) + (log(2*pi) - 1)/2 + S(1/x^2)/x.
    let inverse = l.div(one, x);
    let (high, rounding) = ordered_sum(l, high, l.neg(one));
    let low = l.add(low, rounding);
    let weight = l.sub(x, l.constant(0.5));
    let (product, rounding) = product(l, weight, high);
    let constant = l.constant(0.418_938_533_204_672_7);
    let series = l.mul_add(inverse, STIRLING.at(l, l.mul(inverse, inverse)), constant);
    let far = l.add(product, l.mul_add(weight, low, l.add(rounding, series)));
    // What an infinite product loses has no meaning.
    let far = l.select(l.less(largest(l), product), product, far);
    l.select(is_far, far, near)
}

/// The derivative of lgamma.
#[inline(always)]
pub fn digamma<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let positive = l.less(l.zero(), x);
    let a = l.abs(x);
    let value = digamma_of_positive(l, a);
    if l.all(positive) {
        return value;
    }
    // digamma(-a) = digamma(a) + 1/a + pi*cot(pi*a) (Abramowitz & Stegun 6.3.5 and 6.3.7). Near zero the last is 1/a, as
    // is the second, and the first -1/a.
    let (sine, cosine) = sincos_of_half_turns(l, a);
    let cotangent = l.div(l.mul(cosine, l.constant(PI)), sine);
    let sum = l.add(value, l.div(l.one(), a));
    let tiny = l.less(a, either(l, 1e-9, 1e-18));
    let below = l.select(tiny, l.neg(value), l.add(sum, cotangent));
    // At a pole there is no value.
    let pole = l.equal(a, l.round_to_even(a));
    l.select(positive, value, l.select(pole, l.constant(f64::NAN), below))
}

/// The same of a positive argument.
#[inline(always)]
fn digamma_of_positive<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let one = l.one();
    // The argument is a fraction beyond a whole number. That of one more than the fraction is found directly, by the
    // distance from the zero; the recurrence digamma(x + 1) = digamma(x) + 1/x leads from there to x, as one quotient.
    let fraction = l.sub(x, l.floor(x));
    let t = l.sub(fraction, l.constant(0.5));
    let below_one = l.less(x, one);
    let mut above = l.select(below_one, l.neg(one), l.zero());
    let mut below = l.select(below_one, x, one);
    for n in 1..=6 {
        let reaches = l.less_equal(l.constant(f64::from(n) + 1.0), x);
        let term = l.sub(x, l.constant(n.into()));
        above = l.select(reaches, l.mul_add(above, term, below), above);
        below = l.select(reaches, l.mul(below, term), below);
    }
    let distance = l.sub(l.sub(l.add(one, fraction), DIGAMMA_ZERO.part(l, 0)), DIGAMMA_ZERO.part(l, 1));
    let near = l.mul_add(distance, DIGAMMA.at(l, t), l.div(above, below));
    // log(x) - 1/(2*x) - T(1/x^2)/x^2
    let inverse = l.div(one, x);
    let square = l.mul(inverse, inverse);
    let tail = l.mul_add(inverse, l.constant(0.5), l.mul(square, DIGAMMA_TAIL.at(l, square)));
    let far = l.sub(log(l, x), tail);
    l.select(l.less_equal(l.constant(8.0), x), far, near)
}

/// The derivative of digamma.
#[inline(always)]
pub fn trigamma<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let positive = l.less(l.zero(), x);
    let a = l.abs(x);
    let value = trigamma_of_positive(l, a);
    if l.all(positive) {
        return value;
    }
    // trigamma(-a) = (pi/sin(pi*a))^2 + 1/a^2 - trigamma(a) (Abramowitz & Stegun 6.4.6 and 6.4.7). Near zero it is even.
    let (sine, _) = sincos_of_half_turns(l, a);
    let (slope, inverse) = (l.div(l.constant(PI), sine), l.div(l.one(), a));
    let below = l.mul_add(slope, slope, l.mul_sub(inverse, inverse, value));
    let tiny = l.less(a, either(l, 1e-9, 1e-18));
    let pole = l.equal(a, l.round_to_even(a));
    let below = l.select(pole, l.constant(f64::NAN), below);
    l.select(l.or(positive, l.and(tiny, l.not(pole))), value, below)
}

/// The same of a positive argument.
#[inline(always)]
fn trigamma_of_positive<L: Lanes>(l: L, x: L::Register) -> L::Register {
    const STEPS: u32 = 8;
    let one = l.one();
    let is_far = l.less_equal(l.constant(STEPS.into()), x);
    // The recurrence trigamma(x) = trigamma(x + 1) + 1/x^2, whose terms are all positive: the largest by itself, so that
    // it does not overflow early, and the others as one quotient.
    let (mut above, mut below) = (l.zero(), one);
    for n in 1..STEPS {
        let term = l.add(x, l.constant(n.into()));
        let square = l.mul(term, term);
        above = l.mul_add(above, square, below);
        below = l.mul(below, square);
    }
    let inverse = l.div(one, x);
    let shift = l.add(l.mul(inverse, inverse), l.div(above, below));
    // 1/y + 1/(2*y^2) + T(1/y^2)/y^3
    let inverse = l.div(one, l.select(is_far, x, l.add(x, l.constant(STEPS.into()))));
    let square = l.mul(inverse, inverse);
    let series = l.mul_add(inverse, TRIGAMMA_TAIL.at(l, square), l.constant(0.5));
    let tail = l.mul_add(square, series, inverse);
    l.select(is_far, tail, l.add(shift, tail))
}

/// |sin(pi*a)|, and cos(pi*a) with the sign of the quotient of the two.
#[inline(always)]
fn sincos_of_half_turns<L: Lanes>(l: L, a: L::Register) -> Pair<L> {
    // The distance to the nearest whole number is exact, and so is the distance of that to a half.
    let rest = l.sub(a, l.round_to_even(a));
    let distance = l.abs(rest);
    let is_far = l.less(l.constant(0.25), distance);
    let r = l.select(is_far, l.sub(l.constant(0.5), distance), distance);
    let r = l.mul(r, l.constant(PI));
    let square = l.mul(r, r);
    let sine = l.mul_add(l.mul(square, r), SIN.at(l, square), r);
    let near = l.neg_mul_add(square, l.constant(0.5), l.one());
    let cosine = l.mul_add(l.mul(square, square), COS.at(l, square), near);
    (l.select(is_far, cosine, sine), l.copysign(l.select(is_far, sine, cosine), rest))
}
