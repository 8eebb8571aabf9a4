//! A type of 237 significant bits, in which derivatives are checked.

use super::special;
use crate::number::Number;
use crate::real::Real;
use f256::f256;
use num_traits::{Float, Num, NumCast, One, ToPrimitive, Zero};
use std::fmt;
use std::num::FpCategory;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

/// IEEE 754 binary256: 237 significant bits, some 71 decimal digits.
#[derive(Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Extended(f256);

impl fmt::Debug for Extended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Extended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident,)*) => {$(
        impl $trait for Extended {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                Extended($trait::$method(self.0, other.0))
            }
        }
    )*};
}

operators! { Add add, Sub sub, Mul mul, Div div, Rem rem, }

impl Neg for Extended {
    type Output = Self;
    fn neg(self) -> Self {
        Extended(-self.0)
    }
}

impl Zero for Extended {
    fn zero() -> Self {
        Extended(f256::ZERO)
    }
    fn is_zero(&self) -> bool {
        self.0 == f256::ZERO
    }
}

impl One for Extended {
    fn one() -> Self {
        Extended(f256::ONE)
    }
}

/// The text is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number")]
pub struct InvalidExtended;

impl Num for Extended {
    type FromStrRadixErr = InvalidExtended;
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, InvalidExtended> {
        if radix != 10 {
            return Err(InvalidExtended);
        }
        text.parse::<f256>().map(Extended).map_err(|_| InvalidExtended)
    }
}

impl ToPrimitive for Extended {
    fn to_i64(&self) -> Option<i64> {
        self.to_f64()?.to_i64()
    }
    fn to_u64(&self) -> Option<u64> {
        self.to_f64()?.to_u64()
    }
    fn to_f64(&self) -> Option<f64> {
        Some(self.to_double())
    }
}

impl NumCast for Extended {
    fn from<T: ToPrimitive>(value: T) -> Option<Self> {
        match value.to_i64() {
            Some(whole) if value.to_f64() == Some(whole as f64) => Some(Extended(f256::from(whole))),
            _ => value.to_f64().map(Self::from_double),
        }
    }
}

macro_rules! forwarded {
    ($($method:ident,)*) => {$(
        fn $method(self) -> Self {
            Extended(self.0.$method())
        }
    )*};
}

impl Float for Extended {
    forwarded! { floor, ceil, round, trunc, fract, abs, sqrt, cbrt, exp, exp2, ln, log2, log10, exp_m1, cos, asin, acos, }

    // f256 0.11 gives NaN for negative arguments.
    fn ln_1p(self) -> Self {
        let sum = Self::one() + self;
        if sum == Self::one() {
            return self;
        }
        if !sum.is_finite() || sum <= Self::zero() {
            return sum.ln();
        }
        // What rounding lost of 1 + x is made good by the last factor (Kahan).
        sum.ln() * (self / (sum - Self::one()))
    }

    // f256 0.11 reduces very small arguments of sine, tangent and arctangent to other numbers.
    fn sin(self) -> Self {
        if self.abs() < tiny() {
            return self - self * self * self / Self::from_double(6.0);
        }
        Extended(self.0.sin())
    }
    fn tan(self) -> Self {
        if self.abs() < tiny() {
            return self + self * self * self / Self::from_double(3.0);
        }
        Extended(self.0.tan())
    }
    fn atan(self) -> Self {
        if self.abs() < tiny() {
            return self - self * self * self / Self::from_double(3.0);
        }
        Extended(self.0.atan())
    }

    fn nan() -> Self {
        Extended(f256::NAN)
    }
    fn infinity() -> Self {
        Extended(f256::INFINITY)
    }
    fn neg_infinity() -> Self {
        Extended(f256::NEG_INFINITY)
    }
    fn neg_zero() -> Self {
        -Self::zero()
    }
    fn min_value() -> Self {
        Extended(f256::MIN)
    }
    fn min_positive_value() -> Self {
        Extended(f256::MIN_POSITIVE)
    }
    fn max_value() -> Self {
        Extended(f256::MAX)
    }
    fn epsilon() -> Self {
        Extended(f256::EPSILON)
    }
    fn is_nan(self) -> bool {
        self.0.is_nan()
    }
    fn is_infinite(self) -> bool {
        self.0.is_infinite()
    }
    fn is_finite(self) -> bool {
        self.0.is_finite()
    }
    fn is_normal(self) -> bool {
        self.0.is_normal()
    }
    fn classify(self) -> FpCategory {
        self.0.classify()
    }
    fn signum(self) -> Self {
        match (self.is_nan(), self.is_sign_negative()) {
            (true, _) => self,
            (_, true) => -Self::one(),
            (_, false) => Self::one(),
        }
    }
    fn is_sign_positive(self) -> bool {
        self.0.is_sign_positive()
    }
    fn is_sign_negative(self) -> bool {
        self.0.is_sign_negative()
    }
    fn mul_add(self, a: Self, b: Self) -> Self {
        Extended(self.0.mul_add(a.0, b.0))
    }
    fn recip(self) -> Self {
        Self::one() / self
    }
    fn powi(self, n: i32) -> Self {
        let (mut result, mut square, mut rest) = (Self::one(), self, n.unsigned_abs());
        while rest > 0 {
            if rest & 1 == 1 {
                result = result * square;
            }
            square = square * square;
            rest >>= 1;
        }
        if n < 0 { result.recip() } else { result }
    }
    fn powf(self, n: Self) -> Self {
        if n.is_zero() {
            return Self::one();
        }
        if n == n.floor() && n.abs() < Self::from_double(1e4) {
            return self.powi(n.to_double() as i32);
        }
        if self == Self::one() {
            return self;
        }
        if self.is_zero() {
            return if n > Self::zero() { Self::zero() } else { Self::infinity() };
        }
        if self < Self::zero() || self.is_nan() || n.is_nan() {
            return if n == n.floor() && !self.is_nan() {
                // Whole powers beyond 1e4: the sign is that of an odd power.
                let odd = (n / Self::from_double(2.0)).fract() != Self::zero();
                let size = (n * (-self).ln()).exp();
                if odd { -size } else { size }
            } else {
                Self::nan()
            };
        }
        (n * self.ln()).exp()
    }
    fn log(self, base: Self) -> Self {
        self.ln() / base.ln()
    }
    fn max(self, other: Self) -> Self {
        if self.is_nan() || self < other { other } else { self }
    }
    fn min(self, other: Self) -> Self {
        if self.is_nan() || self > other { other } else { self }
    }
    fn abs_sub(self, other: Self) -> Self {
        (self - other).max(Self::zero())
    }
    fn hypot(self, other: Self) -> Self {
        Extended(self.0.hypot(other.0))
    }
    fn atan2(self, other: Self) -> Self {
        // The method of f256 0.11 is wrong where the arguments are equal or far apart.
        let (y, x) = (self, other);
        if y.is_nan() || x.is_nan() {
            return Self::nan();
        }
        let half_turn = if y.is_sign_negative() { -Self::pi() } else { Self::pi() };
        let quarter = half_turn / Self::from_double(2.0);
        let behind = x.is_sign_negative();
        if y.is_zero() {
            return if behind { half_turn } else { y };
        }
        if y.is_infinite() && x.is_infinite() {
            let eighth = quarter / Self::from_double(2.0);
            return if behind { half_turn - eighth } else { eighth };
        }
        if y.abs() > x.abs() {
            return quarter - (x / y).atan();
        }
        let angle = (y / x).atan();
        if behind { angle + half_turn } else { angle }
    }
    fn sin_cos(self) -> (Self, Self) {
        (self.sin(), self.cos())
    }
    fn sinh(self) -> Self {
        let (size, two) = (self.abs(), Self::from_double(2.0));
        let value = if size > Self::one() {
            let e = size.exp();
            (e - e.recip()) / two
        } else {
            let e = size.exp_m1();
            (e + e / (e + Self::one())) / two
        };
        if self.is_sign_negative() { -value } else { value }
    }
    fn cosh(self) -> Self {
        let e = self.abs().exp();
        (e + e.recip()) / Self::from_double(2.0)
    }
    fn tanh(self) -> Self {
        if self.abs() > Self::from_double(100.0) {
            return self.signum();
        }
        let e = (self + self).exp_m1();
        e / (e + Self::from_double(2.0))
    }
    fn asinh(self) -> Self {
        let (size, one) = (self.abs(), Self::one());
        let square = size * size;
        let value = (size + square / (one + (one + square).sqrt())).ln_1p();
        if self.is_sign_negative() { -value } else { value }
    }
    fn acosh(self) -> Self {
        (self + (self * self - Self::one()).sqrt()).ln()
    }
    fn atanh(self) -> Self {
        (self.ln_1p() - (-self).ln_1p()) / Self::from_double(2.0)
    }
    fn integer_decode(self) -> (u64, i16, i8) {
        self.to_double().integer_decode()
    }
}

impl Real for Extended {
    fn from_number(value: &Number) -> Self {
        value.to_float()
    }
    fn from_double(value: f64) -> Self {
        Extended(f256::from(value))
    }
    fn to_double(self) -> f64 {
        if self.is_nan() {
            return f64::NAN;
        }
        if self.is_infinite() {
            return if self.is_sign_negative() { f64::NEG_INFINITY } else { f64::INFINITY };
        }
        let (sign, exponent, (high, low)) = self.0.as_sign_exp_signif();
        let size = round_to_double(high, low, exponent);
        if sign == 0 { size } else { -size }
    }
    fn pi() -> Self {
        Extended(::f256::consts::PI)
    }
    fn erf(self) -> Self {
        special::erf(self)
    }
    fn erfc(self) -> Self {
        special::erfc(self)
    }
    fn lgamma(self) -> Self {
        special::lgamma(self)
    }
    fn polygamma(order: u32, x: Self) -> Self {
        special::polygamma(order, x)
    }
}

/// Below this, the second term of a power series decides the result to 237 bits.
fn tiny() -> Extended {
    Extended::from_double(1e-20)
}

/// The double nearest to (high*2^128 + low)*2^exponent, the even one of two.
fn round_to_double(high: u128, low: u128, exponent: i32) -> f64 {
    let length = if high > 0 { 256 - high.leading_zeros() } else { 128 - low.leading_zeros() } as i32;
    if length == 0 {
        return 0.0;
    }
    let leading = exponent.saturating_add(length - 1);
    if leading > 1023 {
        return f64::INFINITY;
    }
    // Subnormal doubles have fewer bits.
    let kept = (53 - (-1022 - leading).max(0)).max(-1);
    if kept < 0 {
        return 0.0;
    }
    let dropped = length - kept;
    let bit = |at: i32| match at {
        0..128 => low >> at & 1,
        128..256 => high >> (at - 128) & 1,
        _ => 0,
    };
    let mut kept_bits: u64 = 0;
    for at in (dropped.max(0)..length).rev() {
        kept_bits = kept_bits << 1 | bit(at) as u64;
    }
    if dropped <= 0 {
        kept_bits <<= -dropped;
    } else if bit(dropped - 1) == 1 {
        let rest_is_zero = (0..dropped - 1).all(|at| bit(at) == 0);
        if !rest_is_zero || kept_bits & 1 == 1 {
            kept_bits += 1;
        }
    }
    let power = exponent + dropped;
    let scale = if power >= -1022 {
        f64::from_bits(((power + 1023) as u64) << 52)
    } else {
        f64::from_bits(1 << (power + 1074))
    };
    kept_bits as f64 * scale
}
