//! The inverses of the trigonometric functions.

use super::coefficients::{ASIN, ATAN, HALF_PI};
use super::polynomial::either;
use crate::vector::Lanes;
use std::f64::consts::PI;

/// The inverse of the tangent.
#[inline(always)]
pub fn atan<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let a = l.abs(x);
    let steep = l.less(l.one(), a);
    // The quotient a/1 or 1/a; an infinite argument has the quotient zero.
    let (numerator, denominator) = (l.select(steep, l.one(), a), l.select(steep, a, l.one()));
    l.copysign(angle(l, numerator, denominator, steep), x)
}

/// The angle of the point (x, y), from -pi to pi.
#[inline(always)]
pub fn atan2<L: Lanes>(l: L, y: L::Register, x: L::Register) -> L::Register {
    let (a, b) = (l.abs(y), l.abs(x));
    let steep = l.less(b, a);
    let (numerator, denominator) = (l.select(steep, b, a), l.select(steep, a, b));
    // Of a huge point the angle is that of its quarter, which is far from overflow; of the origin it is that of (1, 0),
    // and of two infinities that of (1, 1).
    let huge = l.less(either(l, 1e37, 1e307), denominator);
    let quarter = l.constant(0.25);
    let numerator = l.select(huge, l.mul(numerator, quarter), numerator);
    let denominator = l.select(huge, l.mul(denominator, quarter), denominator);
    let infinity = l.constant(f64::INFINITY);
    let (origin, diagonal) = (l.equal(denominator, l.zero()), l.equal(numerator, infinity));
    let numerator = l.select(diagonal, l.one(), numerator);
    let denominator = l.select(l.or(origin, diagonal), l.one(), denominator);
    let denominator = l.select(l.is_nan(b), b, denominator);
    let right = angle(l, numerator, denominator, steep);
    // The sign bit of x, which may be that of a zero, decides the half plane.
    let left = l.less(l.copysign(l.one(), x), l.zero());
    let mirrored = l.add(l.sub(l.constant(PI), right), either(l, -8.742_278e-8, 1.224_646_799_147_353_2e-16));
    l.copysign(l.select(left, mirrored, right), y)
}

/// The angle in the first quadrant whose tangent is the quotient, which is at most one, or its inverse if `steep`.
#[inline(always)]
fn angle<L: Lanes>(l: L, numerator: L::Register, denominator: L::Register, steep: L::Mask) -> L::Register {
    // Beyond tan(pi/8) it is reduced by pi/4: (q - 1)/(q + 1), with one division for both.
    let limit = l.mul(denominator, l.constant(std::f64::consts::SQRT_2 - 1.0));
    let far = l.less(limit, numerator);
    let t = l.div(
        l.select(far, l.sub(numerator, denominator), numerator),
        l.select(far, l.add(numerator, denominator), denominator),
    );
    let square = l.mul(t, t);
    let tail = l.mul(l.mul(square, t), ATAN.at(l, square));
    // The angle is base + t + tail, or pi/2 less that.
    let half = l.constant(0.5);
    let (high, low) = (HALF_PI.part(l, 0), HALF_PI.part(l, 1));
    let zero = l.zero();
    let (base, rest) = (l.select(far, l.mul(high, half), zero), l.select(far, l.mul(low, half), zero));
    let (base, rest) = (l.select(steep, l.sub(high, base), base), l.select(steep, l.sub(low, rest), rest));
    let (t, tail) = (l.select(steep, l.neg(t), t), l.select(steep, l.neg(tail), tail));
    l.add(base, l.add(t, l.add(tail, rest)))
}

/// The inverse of the sine.
#[inline(always)]
pub fn asin<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let a = l.abs(x);
    let (far, root, tail) = asin_parts(l, a);
    let two = l.constant(2.0);
    let complement = l.sub(HALF_PI.part(l, 0), l.sub(l.mul(two, l.add(root, tail)), HALF_PI.part(l, 1)));
    l.copysign(l.select(far, complement, l.add(root, tail)), x)
}

/// The inverse of the cosine.
#[inline(always)]
pub fn acos<L: Lanes>(l: L, x: L::Register) -> L::Register {
    let (far, root, tail) = asin_parts(l, l.abs(x));
    let (high, low) = (HALF_PI.part(l, 0), HALF_PI.part(l, 1));
    let angle = l.add(root, tail);
    let double = l.add(angle, angle);
    let negative = l.less(x, l.zero());
    let near = l.copysign(angle, x);
    let near = l.sub(high, l.sub(near, low));
    let mirrored = l.mul(l.constant(2.0), l.sub(high, l.sub(angle, low)));
    l.select(far, l.select(negative, mirrored, double), near)
}

/// Whether `a` is beyond 1/2, and the two terms of asin(a), or else of asin(sqrt((1 - a)/2)).
#[inline(always)]
fn asin_parts<L: Lanes>(l: L, a: L::Register) -> (L::Mask, L::Register, L::Register) {
    let half = l.constant(0.5);
    let far = l.less(half, a);
    let square = l.select(far, l.neg_mul_add(a, half, half), l.mul(a, a));
    let root = l.select(far, l.sqrt(square), a);
    (far, root, l.mul(l.mul(root, square), ASIN.at(l, square)))
}
