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
    forwarded! { floor, ceil, round, trunc, fract, abs, sqrt, cbrt, exp, exp2, ln, log2, log10, exp_m1, sin, cos, tan, asin, acos, atan, }

    fn ln_1p(self) -> Self {
        // What rounding 1 + x loses is made up for by the quotient (Kahan; Goldberg 1991, theorem 4).
        let sum = Self::one() + self;
        if sum == Self::one() { self } else { sum.ln() * self / (sum - Self::one()) }
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
        Extended(self.0.atan2(&other.0))
    }
    fn sin_cos(self) -> (Self, Self) {
        (self.sin(), self.cos())
    }
    fn sinh(self) -> Self {
        let e = self.exp_m1();
        let two = Self::from_double(2.0);
        (e + e / (e + Self::one())) / two
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
        (self + (self * self + Self::one()).sqrt()).ln()
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
        // The crate converts to decimal text exactly; that text reads back as the nearest double.
        if self.is_nan() {
            return f64::NAN;
        }
        if self.is_infinite() {
            return if self.is_sign_negative() { f64::NEG_INFINITY } else { f64::INFINITY };
        }
        format!("{:e}", self.0).parse().unwrap_or(f64::NAN)
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
