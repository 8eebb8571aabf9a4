//! Arithmetic whose rounding errors are drawn by lot (discrete stochastic arithmetic: Vignes 2004): what several draws
//! agree on does not hang on rounding, and what they do not agree on is decided by it. What is no number, as `1/0`, is
//! any number here: what does not depend on it, such as the other branch of a choice, has a value all the same.

use lossform::evaluate::Extended;
use lossform::number::Number;
use lossform::real::Real;
use num_traits::{Float, Num, NumCast, One, ToPrimitive, Zero};
use std::cell::Cell;
use std::fmt;
use std::num::FpCategory;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

/// A number of 150 significant bits. What needs more is moved up or down by its last bit.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Default)]
pub struct Stochastic(Extended);

thread_local! {
    static LOTS: Cell<u64> = const { Cell::new(1) };
}

/// Draws other rounding errors from here on.
pub fn seed(seed: u64) {
    LOTS.with(|lots| lots.set(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
}

/// Xorshift (Marsaglia 2003).
fn lot() -> u64 {
    LOTS.with(|lots| {
        let mut state = lots.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        lots.set(state);
        state >> 16
    })
}

/// What an operation makes of `operands`, if it is a number.
fn result(value: Extended, operands: &[Extended]) -> Stochastic {
    if value.is_finite() || operands.iter().any(|o| !o.is_finite()) {
        return rounded(value);
    }
    let any = (lot() % 4001) as f64 / 16.0 - 125.0;
    Stochastic(Extended::from_double(any))
}

fn rounded(value: Extended) -> Stochastic {
    // Splits 150 bits off (Veltkamp). Exact results stay as they are.
    let scaled = value * Extended::from_double(2f64.powi(87) + 1.0);
    let kept = scaled - (scaled - value);
    if kept == value || !kept.is_finite() {
        return Stochastic(value);
    }
    let last = value * Extended::from_double(2f64.powi(-149));
    Stochastic(if lot() & 1 == 1 { value + last } else { value - last })
}

impl fmt::Display for Stochastic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident,)*) => {$(
        impl $trait for Stochastic {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                result($trait::$method(self.0, other.0), &[self.0, other.0])
            }
        }
    )*};
}

operators! { Add add, Sub sub, Mul mul, Div div, Rem rem, }

impl Neg for Stochastic {
    type Output = Self;
    fn neg(self) -> Self {
        Stochastic(-self.0)
    }
}

impl Zero for Stochastic {
    fn zero() -> Self {
        Stochastic(Extended::zero())
    }
    fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}

impl One for Stochastic {
    fn one() -> Self {
        Stochastic(Extended::one())
    }
}

impl Num for Stochastic {
    type FromStrRadixErr = <Extended as Num>::FromStrRadixErr;
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        Extended::from_str_radix(text, radix).map(rounded)
    }
}

impl ToPrimitive for Stochastic {
    fn to_i64(&self) -> Option<i64> {
        self.0.to_i64()
    }
    fn to_u64(&self) -> Option<u64> {
        self.0.to_u64()
    }
    fn to_f64(&self) -> Option<f64> {
        self.0.to_f64()
    }
}

impl NumCast for Stochastic {
    fn from<T: ToPrimitive>(value: T) -> Option<Self> {
        <Extended as NumCast>::from(value).map(rounded)
    }
}

macro_rules! functions {
    ($($method:ident($($argument:ident),*),)*) => {$(
        fn $method(self $(, $argument: Self)*) -> Self {
            result(self.0.$method($($argument.0),*), &[self.0, $($argument.0),*])
        }
    )*};
}

macro_rules! constants {
    ($($method:ident,)*) => {$(
        fn $method() -> Self {
            Stochastic(Extended::$method())
        }
    )*};
}

macro_rules! questions {
    ($($method:ident,)*) => {$(
        fn $method(self) -> bool {
            self.0.$method()
        }
    )*};
}

impl Float for Stochastic {
    functions! {
        floor(), ceil(), round(), trunc(), fract(), abs(), signum(), recip(), sqrt(), cbrt(), exp(), exp2(), ln(),
        log2(), log10(), exp_m1(), ln_1p(), sin(), cos(), tan(), asin(), acos(), atan(), sinh(), cosh(), tanh(),
        asinh(), acosh(), atanh(), powf(n), log(base), max(other), min(other), abs_sub(other), hypot(other),
        atan2(other), mul_add(a, b),
    }
    constants! { nan, infinity, neg_infinity, neg_zero, min_value, min_positive_value, max_value, epsilon, }
    questions! { is_nan, is_infinite, is_finite, is_normal, is_sign_positive, is_sign_negative, }

    fn classify(self) -> FpCategory {
        self.0.classify()
    }
    fn powi(self, n: i32) -> Self {
        result(self.0.powi(n), &[self.0])
    }
    fn sin_cos(self) -> (Self, Self) {
        (self.sin(), self.cos())
    }
    fn integer_decode(self) -> (u64, i16, i8) {
        self.0.integer_decode()
    }
}

impl Real for Stochastic {
    fn from_number(value: &Number) -> Self {
        rounded(Extended::from_number(value))
    }
    fn from_double(value: f64) -> Self {
        Stochastic(Extended::from_double(value))
    }
    fn to_double(self) -> f64 {
        self.0.to_double()
    }
    fn pi() -> Self {
        rounded(Extended::pi())
    }
    fn erf(self) -> Self {
        result(self.0.erf(), &[self.0])
    }
    fn erfc(self) -> Self {
        result(self.0.erfc(), &[self.0])
    }
    fn lgamma(self) -> Self {
        result(self.0.lgamma(), &[self.0])
    }
    fn polygamma(order: u32, x: Self) -> Self {
        result(Extended::polygamma(order, x.0), &[x.0])
    }
}

#[test]
fn only_what_is_not_exact_or_no_number_is_moved() {
    let number = Stochastic::from_double;
    let third = |lots| {
        seed(lots);
        number(1.0) / number(3.0)
    };
    assert!((0..20).any(|lots| third(lots) != third(0)));
    let close = |lots| (third(lots) - third(0)).abs() < number(2f64.powi(-147));
    assert!((0..20).all(close));
    for lots in 0..20 {
        seed(lots);
        assert_eq!(number(0.1) + number(0.2) - number(0.2), number(0.1));
        assert_eq!(number(9.0).sqrt(), number(3.0));
        assert_eq!(number(1.0).ln(), number(0.0));
    }
    let pole = |lots| {
        seed(lots);
        number(1.0) / number(0.0)
    };
    assert!((0..20).all(|lots| pole(lots).is_finite()) && (1..20).any(|lots| pole(lots) != pole(0)));
    assert_eq!(-(Stochastic::infinity() + number(1.0)), Stochastic::neg_infinity());
}
