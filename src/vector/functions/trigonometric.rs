//! The sine, the cosine and the tangent.

use super::coefficients::{COS, HALF_PI, SIN};
use super::pair::{Pair, ordered_sum, product, sum};
use super::polynomial::either;
use crate::real::Real;
use crate::vector::Lanes;

/// The sine.
#[inline(always)]
pub fn sin<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let result = sincos_of_moderate(l, x).0;
    with_huge(l, x, result, libm::sin)
}

/// The cosine.
#[inline(always)]
pub fn cos<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let result = sincos_of_moderate(l, x).1;
    with_huge(l, x, result, libm::cos)
}

/// The sine and the cosine of the same angle, which share nearly all work.
#[inline(always)]
pub fn sincos<L: Lanes>(l: L, x: L::Register) -> (L::Register, L::Register) {
    let (sine, cosine) = sincos_of_moderate(l, x);
    (with_huge(l, x, sine, libm::sin), with_huge(l, x, cosine, libm::cos))
}

/// The tangent.
#[inline(always)]
pub fn tan<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let (sine, cosine) = sincos_of_moderate(l, x);
    with_huge(l, x, l.div(sine, cosine), libm::tan)
}

/// Arguments up to here are reduced with three parts of pi/2 without loss.
#[inline(always)]
fn moderate<L: Lanes>(l: L) -> L::Register {
    either(l, 131_072.0, 1_073_741_824.0)
}

/// `result`, and the scalar function's where the argument is huge: it reduces by as many digits of pi as that takes.
#[inline(always)]
fn with_huge<L: Lanes>(
    l: L,
    x: L::Register,
    result: L::Register,
    scalar: impl Fn(f64) -> f64,
) -> L::Register {
    let huge = l.less(moderate(l), l.abs(x));
    if l.any(huge) {
        l.select(huge, l.map(x, |x| L::Scalar::from_double(scalar(x.to_double()))), result)
    } else {
        result
    }
}

/// The sine and the cosine of an argument that is not huge.
#[inline(always)]
fn sincos_of_moderate<L: Lanes>(l: L, x: L::Register) -> Pair<L> {
    let k = l.round_to_even(l.mul(x, l.constant(std::f64::consts::FRAC_2_PI)));
    // The first difference is exact: both are multiples of the last bit of pi/2, and it is small (Cody & Waite).
    let first = l.neg_mul_add(k, HALF_PI.part(l, 0), x);
    let (step, step_rest) = product(l, k, HALF_PI.part(l, 1));
    let (r, rest) = sum(l, first, l.neg(step));
    let rest = l.neg_mul_add(k, HALF_PI.part(l, 2), l.sub(rest, step_rest));
    let (r, rest) = ordered_sum(l, r, rest);
    let square = l.mul(r, r);
    // sin(r + rest) = r + (rest*cos(r) + r^3*S(r^2)), where the cosine is nearly one for what is left.
    let half = l.mul(square, l.constant(0.5));
    let tail = l.mul_add(l.mul(square, r), SIN.at(l, square), l.neg_mul_add(rest, half, rest));
    let sine = l.add(r, tail);
    // cos(r + rest) = 1 - r^2/2 + (r^4*C(r^2) - rest*r), the first difference with what it loses.
    let near = l.sub(l.one(), half);
    let lost = l.sub(l.sub(l.one(), near), half);
    let tail = l.mul_add(l.mul(square, square), COS.at(l, square), l.neg_mul_add(r, rest, lost));
    let cosine = l.add(near, tail);
    // The lowest two bits of k are the quadrant.
    let quadrant = l.to_bits(l.add(k, l.constant(1.5 * (1_u64 << (L::PRECISION - 1)) as f64)));
    let odd = l.not(l.equal(l.of_bits(l.or_bits(low_bit(l, quadrant), l.to_bits(l.one()))), l.one()));
    let sine_sign = sign_of_second_bit(l, quadrant);
    let cosine_sign = sign_of_second_bit(l, l.add_bits(quadrant, l.splat_bits(1)));
    let (s, c) = (l.select(odd, cosine, sine), l.select(odd, sine, cosine));
    let s = l.of_bits(l.xor_bits(l.to_bits(s), sine_sign));
    let c = l.of_bits(l.xor_bits(l.to_bits(c), cosine_sign));
    // The sine of a negative zero is one, and a subnormal number its own sine.
    (l.select(l.less(l.abs(x), either(l, 1e-8, 1e-17)), x, s), c)
}

#[inline(always)]
fn low_bit<L: Lanes>(l: L, bits: L::Bits) -> L::Bits {
    l.and_bits(bits, l.splat_bits(1))
}

/// The second bit, at the place of the sign.
#[inline(always)]
fn sign_of_second_bit<L: Lanes>(l: L, bits: L::Bits) -> L::Bits {
    let second = l.and_bits(bits, l.splat_bits(2));
    // To the lowest bit of the exponent is the significand's width; the sign is as many further as the exponent has bits.
    let shifted = l.to_exponent_field(second);
    if L::PRECISION == 24 { l.shift_left::<7>(shifted) } else { l.shift_left::<10>(shifted) }
}
