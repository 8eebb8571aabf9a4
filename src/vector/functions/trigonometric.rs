//! The sine, the cosine and the tangent.

use super::coefficients::{COS, HALF_PI, SIN, TWO_OVER_PI};
use super::pair::{Pair, ordered_sum, pair_product, product, sum};
use super::polynomial::{either, is_single};
use crate::vector::Lanes;

/// The sine.
#[inline(always)]
pub fn sin<L: Lanes>(l: L, x: L::Register) -> L::Register {
    sincos(l, x).0
}

/// The cosine.
#[inline(always)]
pub fn cos<L: Lanes>(l: L, x: L::Register) -> L::Register {
    sincos(l, x).1
}

/// The tangent.
#[inline(always)]
pub fn tan<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let (sine, cosine) = sincos(l, x);
    l.div(sine, cosine)
}

/// A whole number k, or one that is as far from it as a multiple of four, and x - k*pi/2 in two parts.
type Reduced<L> = (<L as Lanes>::Register, Pair<L>);

/// The angle reduced to within pi/4.
#[inline(always)]
fn reduced<L: Lanes>(l: L, x: L::Register) -> Reduced<L> {
    // Arguments up to here are reduced with three parts of pi/2 without loss.
    let huge = l.less(either(l, 131_072.0, 1_073_741_824.0), l.abs(x));
    let (k, (r, rest)) = reduced_moderate(l, x);
    if l.all(l.not(huge)) {
        return (k, (r, rest));
    }
    let (huge_k, (huge_r, huge_rest)) = reduced_huge(l, x);
    (l.select(huge, huge_k, k), (l.select(huge, huge_r, r), l.select(huge, huge_rest, rest)))
}

/// The same for an argument that is not huge.
#[inline(always)]
fn reduced_moderate<L: Lanes>(l: L, x: L::Register) -> Reduced<L> {
    let k = l.round_to_even(l.mul(x, l.constant(std::f64::consts::FRAC_2_PI)));
    // The first difference is exact: both are multiples of the last bit of pi/2, and it is small (Cody & Waite).
    let first = l.neg_mul_add(k, HALF_PI.part(l, 0), x);
    let (step, step_rest) = product(l, k, HALF_PI.part(l, 1));
    let (r, rest) = sum(l, first, l.neg(step));
    let rest = l.neg_mul_add(k, HALF_PI.part(l, 2), l.sub(rest, step_rest));
    (k, ordered_sum(l, r, rest))
}

/// Digits of 2/pi that an argument is multiplied by.
const WINDOW: usize = 9;

/// The same for an argument beyond one, by the digits of 2/pi that count (Payne & Hanek).
///
/// With |x| = m*2^e the quotient is the sum of m*d*2^(e - b*(n + 1)) over the digits d of n = 0, 1, … to base 2^b.
/// Products whose last bit is four or more are whole turns, and those after the window are below 2^-130, or 2^-70 in
/// single precision, while no quotient is nearer than 2^-62, or 2^-31, to a whole number.
#[inline(always)]
fn reduced_huge<L: Lanes>(l: L, x: L::Register) -> Reduced<L> {
    let bits = if is_single::<L>() { 12.0 } else { 24.0 };
    let (m, e) = l.split(l.abs(x));
    // The significand by halves, so that their products with a digit are exact.
    let cut = if is_single::<L>() { u64::MAX << 12 } else { u64::MAX << 27 };
    let m_high = l.of_bits(l.and_bits(l.to_bits(m), l.splat_bits(cut)));
    let m_low = l.sub(m, m_high);
    // The first digit that counts; the half keeps the quotient off whole numbers.
    let places = l.mul(l.sub(e, l.constant(f64::from(L::PRECISION) + 1.5)), l.constant(1.0 / bits));
    let first = l.max_or_second(l.floor(places), l.zero());
    let exponent = l.neg_mul_add(l.add(first, l.one()), l.constant(bits), e);
    let digits = window(l, first);
    let mut scale = l.power_of_two(exponent);
    let (mut total, mut low, mut lowest) = (l.zero(), l.zero(), l.zero());
    for digit in digits {
        let digit = l.mul(digit, scale);
        for part in [m_high, m_low] {
            let (sum_of_two, rest) = sum(l, total, turned(l, l.mul(part, digit)));
            total = turned(l, sum_of_two);
            let (sum_of_two, rest) = sum(l, low, rest);
            low = sum_of_two;
            lowest = l.add(lowest, rest);
        }
        scale = l.mul(scale, l.constant((-bits).exp2()));
    }
    let k = l.round_to_even(total);
    let (high, low) = sum(l, l.sub(total, k), low);
    let quotient = ordered_sum(l, high, l.add(low, lowest));
    let (r, rest) = pair_product(l, quotient, (HALF_PI.part(l, 0), HALF_PI.part(l, 1)));
    // An infinite angle is none.
    let r = l.add(r, l.sub(x, x));
    (with_sign(l, k, x), (with_sign(l, r, x), with_sign(l, rest, x)))
}

/// The value, or its negative if `sign` is negative.
#[inline(always)]
fn with_sign<L: Lanes>(l: L, value: L::Register, sign: L::Register) -> L::Register {
    l.of_bits(l.xor_bits(l.to_bits(value), l.sign_bit(sign)))
}

/// The quarter turns that are left without whole turns, from -2 to 2: exact.
#[inline(always)]
fn turned<L: Lanes>(l: L, quarters: L::Register) -> L::Register {
    let turns = l.round_to_even(l.mul(quarters, l.constant(0.25)));
    l.neg_mul_add(turns, l.constant(4.0), quarters)
}

/// The digits of 2/pi from the `first` on, which may be another in each lane.
#[inline(always)]
fn window<L: Lanes>(l: L, first: L::Register) -> [L::Register; WINDOW] {
    const COUNT: usize = 49;
    let mut all = [l.zero(); COUNT];
    for (n, digit) in all.iter_mut().enumerate() {
        *digit = TWO_OVER_PI.part(l, n);
    }
    // Moved by the bits of the number, from the highest.
    let mut rest = first;
    for step in [32, 16, 8, 4, 2, 1] {
        let moves = l.less_equal(l.constant(step as f64), rest);
        rest = l.select(moves, l.sub(rest, l.constant(step as f64)), rest);
        for n in 0..(WINDOW + step - 1).min(COUNT - step) {
            all[n] = l.select(moves, all[n + step], all[n]);
        }
    }
    std::array::from_fn(|n| all[n])
}

/// The sine and the cosine of the same angle, which share nearly all work.
#[inline(always)]
pub fn sincos<L: Lanes>(l: L, x: L::Register) -> (L::Register, L::Register) {
    let (k, (r, rest)) = reduced(l, x);
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
