//! Exact rational numbers: what a formula's constants are until they are evaluated.

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{Float, Signed, ToPrimitive, Zero};
use std::cmp::Ordering;
use std::fmt;
use std::ops::Neg;
use std::sync::Arc;

/// How many bits a numerator or denominator may have before arithmetic on constants declines.
///
/// 1e308 and the smallest subnormal double both fit, exactly.
pub const BITS_LIMIT: u64 = 8192;

/// An exact rational number. Small ones are held inline; arithmetic that overflows moves to big integers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    /// In lowest terms, the denominator positive.
    Small(i64, i64),
    /// In lowest terms, and never one that fits `Small`.
    Big(Arc<BigRational>),
}

impl Number {
    /// 0
    pub const ZERO: Number = Number(Repr::Small(0, 1));
    /// 1
    pub const ONE: Number = Number(Repr::Small(1, 1));
    /// -1
    pub const MINUS_ONE: Number = Number(Repr::Small(-1, 1));

    /// The whole number `value`.
    pub const fn integer(value: i64) -> Number {
        Number(Repr::Small(value, 1))
    }

    /// `numerator/denominator` in lowest terms; `None` where the denominator is 0.
    pub fn ratio(numerator: i64, denominator: i64) -> Option<Number> {
        (denominator != 0).then(|| Self::from_wide(numerator as i128, denominator as i128))
    }

    /// In lowest terms; the denominator is not 0.
    fn from_narrow(numerator: i64, denominator: i64) -> Number {
        if denominator == 1 {
            return Number(Repr::Small(numerator, 1));
        }
        let divisor = numerator.unsigned_abs().gcd(&denominator.unsigned_abs());
        match (i64::try_from(divisor), denominator) {
            (Ok(divisor), 1..) => Number(Repr::Small(numerator / divisor, denominator / divisor)),
            _ => Self::from_wide(numerator as i128, denominator as i128),
        }
    }

    fn from_wide(numerator: i128, denominator: i128) -> Number {
        let divisor = gcd(numerator.unsigned_abs(), denominator.unsigned_abs()) as i128;
        let sign = if denominator < 0 { -1 } else { 1 };
        let (n, d) = (sign * (numerator / divisor), sign * (denominator / divisor));
        match (i64::try_from(n), i64::try_from(d)) {
            (Ok(n), Ok(d)) => Number(Repr::Small(n, d)),
            _ => Self::from_big(BigRational::new_raw(BigInt::from(n), BigInt::from(d))),
        }
    }

    fn from_big(value: BigRational) -> Number {
        match (value.numer().to_i64(), value.denom().to_i64()) {
            (Some(n), Some(d)) => Number(Repr::Small(n, d)),
            _ => Number(Repr::Big(Arc::new(value))),
        }
    }

    fn big(&self) -> BigRational {
        match &self.0 {
            Repr::Small(n, d) => BigRational::new_raw(BigInt::from(*n), BigInt::from(*d)),
            Repr::Big(value) => (**value).clone(),
        }
    }

    /// The decimal `digits` times ten to the `exponent`: `("25", -2)` is 1/4.
    ///
    /// `None` where the number has more than [`BITS_LIMIT`] bits or `digits` is not made of digits.
    pub fn from_decimal(digits: &str, exponent: i64) -> Option<Number> {
        if digits.is_empty() || digits.len() > 2400 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // Eighteen digits, and ten to the eighteenth, fit the inline form.
        if digits.len() <= 18 && (-18..=0).contains(&exponent) {
            let power = 10_i64.pow(exponent.unsigned_abs() as u32);
            return Some(Self::from_narrow(digits.parse().ok()?, power));
        }
        let digits: BigInt = digits.parse().ok()?;
        if digits.is_zero() {
            return Some(Number::ZERO);
        }
        if exponent.unsigned_abs() > BITS_LIMIT / 4 {
            return None;
        }
        let power = BigInt::from(10).pow(exponent.unsigned_abs() as u32);
        let value = if exponent >= 0 {
            BigRational::from_integer(digits * power)
        } else {
            BigRational::new(digits, power)
        };
        Self::from_big(value).within_limit()
    }

    /// The exact value of a finite double.
    pub fn from_f64(value: f64) -> Option<Number> {
        BigRational::from_float(value).map(Self::from_big)
    }

    fn within_limit(self) -> Option<Number> {
        match &self.0 {
            Repr::Big(v) if v.numer().bits() > BITS_LIMIT || v.denom().bits() > BITS_LIMIT => None,
            _ => Some(self),
        }
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        matches!(self.0, Repr::Small(0, 1))
    }

    /// Whether it is 1.
    pub fn is_one(&self) -> bool {
        matches!(self.0, Repr::Small(1, 1))
    }

    /// Whether it is 1 or -1.
    pub fn is_unit(&self) -> bool {
        matches!(self.0, Repr::Small(1 | -1, 1))
    }

    /// Whether it is less than 0.
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Small(n, _) => *n < 0,
            Repr::Big(v) => v.is_negative(),
        }
    }

    /// Whether it is greater than 0.
    pub fn is_positive(&self) -> bool {
        !self.is_zero() && !self.is_negative()
    }

    /// Whether it is a whole number.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Repr::Small(_, d) => *d == 1,
            Repr::Big(v) => v.is_integer(),
        }
    }

    /// Its value as a whole number that fits.
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Small(n, 1) => Some(*n),
            _ => None,
        }
    }

    /// Whether the numerator (in lowest terms) is odd.
    pub fn numerator_is_odd(&self) -> bool {
        match &self.0 {
            Repr::Small(n, _) => n % 2 != 0,
            Repr::Big(v) => v.numer().is_odd(),
        }
    }

    /// Numerator and denominator as decimal texts, the sign on the numerator.
    pub fn to_texts(&self) -> (String, String) {
        match &self.0 {
            Repr::Small(n, d) => (n.to_string(), d.to_string()),
            Repr::Big(v) => (v.numer().to_string(), v.denom().to_string()),
        }
    }

    /// The numerator (with the sign) and the denominator, each as a whole number.
    pub fn parts(&self) -> (Number, Number) {
        match &self.0 {
            Repr::Small(n, d) => (Number::integer(*n), Number::integer(*d)),
            Repr::Big(v) => (
                Self::from_big(BigRational::from_integer(v.numer().clone())),
                Self::from_big(BigRational::from_integer(v.denom().clone())),
            ),
        }
    }

    /// The sum, or `None` beyond [`BITS_LIMIT`].
    pub fn checked_add(&self, other: &Number) -> Option<Number> {
        if let (Repr::Small(a, b), Repr::Small(c, d)) = (&self.0, &other.0) {
            if let (1, 1, Some(sum)) = (*b, *d, a.checked_add(*c)) {
                return Some(Number(Repr::Small(sum, 1)));
            }
            let (a, b, c, d) = (*a as i128, *b as i128, *c as i128, *d as i128);
            // Products of two 63-bit numbers have 126 bits; their sum still fits 127.
            return Some(Self::from_wide(a * d + c * b, b * d));
        }
        Self::from_big(self.big() + other.big()).within_limit()
    }

    /// The difference, or `None` beyond [`BITS_LIMIT`].
    pub fn checked_sub(&self, other: &Number) -> Option<Number> {
        self.checked_add(&-other)
    }

    /// The product, or `None` beyond [`BITS_LIMIT`].
    pub fn checked_mul(&self, other: &Number) -> Option<Number> {
        if let (Repr::Small(a, b), Repr::Small(c, d)) = (&self.0, &other.0) {
            return Some(match (a.checked_mul(*c), b.checked_mul(*d)) {
                (Some(n), Some(d)) => Self::from_narrow(n, d),
                _ => Self::from_wide(*a as i128 * *c as i128, *b as i128 * *d as i128),
            });
        }
        Self::from_big(self.big() * other.big()).within_limit()
    }

    /// The quotient, or `None` for division by 0 or beyond [`BITS_LIMIT`].
    pub fn checked_div(&self, other: &Number) -> Option<Number> {
        self.checked_mul(&other.recip()?)
    }

    /// One over it; `None` for 0.
    pub fn recip(&self) -> Option<Number> {
        match &self.0 {
            Repr::Small(0, _) => None,
            Repr::Small(n @ 1.., d) => Some(Number(Repr::Small(*d, *n))),
            Repr::Small(i64::MIN, d) => Some(Self::from_wide(*d as i128, i64::MIN as i128)),
            Repr::Small(n, d) => Some(Number(Repr::Small(-d, -n))),
            Repr::Big(v) => Some(Self::from_big(v.recip())),
        }
    }

    /// Its power to a whole number, or `None` for a negative power of 0 or beyond [`BITS_LIMIT`].
    pub fn checked_pow(&self, exponent: i64) -> Option<Number> {
        if exponent < 0 {
            return self.recip()?.checked_pow(exponent.checked_neg()?);
        }
        if self.is_one() || exponent == 0 {
            return Some(Number::ONE);
        }
        if self.is_zero() || exponent == 1 {
            return Some(self.clone());
        }
        let (mut result, mut square, mut rest) = (Number::ONE, self.clone(), exponent);
        loop {
            if rest & 1 == 1 {
                result = result.checked_mul(&square)?;
            }
            rest >>= 1;
            if rest == 0 {
                return Some(result);
            }
            square = square.checked_mul(&square)?;
        }
    }

    /// The exact square root, where there is one.
    pub fn sqrt(&self) -> Option<Number> {
        if self.is_negative() {
            return None;
        }
        let value = self.big();
        let (n, d) = (value.numer().sqrt(), value.denom().sqrt());
        (&n * &n == *value.numer() && &d * &d == *value.denom())
            .then(|| Self::from_big(BigRational::new(n, d)))
    }

    /// The greatest number of which both are whole multiples; of 0 and x, |x|.
    ///
    /// `None` beyond [`BITS_LIMIT`].
    pub fn common_measure(&self, other: &Number) -> Option<Number> {
        // Of a/b and c/d in lowest terms it is gcd(a, c)/lcm(b, d).
        if let (Repr::Small(a, b), Repr::Small(c, d)) = (&self.0, &other.0) {
            let numerator = a.unsigned_abs().gcd(&c.unsigned_abs());
            let divisor = if *b == 1 { 1 } else { b.gcd(d) };
            if let (Ok(n), Some(d)) = (i64::try_from(numerator), (b / divisor).checked_mul(*d)) {
                return Some(Number(Repr::Small(n, d)));
            }
        }
        let (a, b) = (self.big(), other.big());
        let (numerator, denominator) = (a.numer().gcd(b.numer()), a.denom().lcm(b.denom()));
        Self::from_big(BigRational::new_raw(numerator, denominator)).within_limit()
    }

    /// The absolute value.
    pub fn abs(&self) -> Number {
        if self.is_negative() { -self } else { self.clone() }
    }

    /// The greatest whole number that is not greater.
    pub fn floor(&self) -> Number {
        match &self.0 {
            Repr::Small(n, d) => Number::integer(n.div_euclid(*d)),
            Repr::Big(v) => Self::from_big(v.floor()),
        }
    }

    /// The nearest double.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            // Both are exact in a double, so the quotient is rounded once.
            Repr::Small(n, d) if n.unsigned_abs() < 1 << 53 && *d < 1 << 53 => *n as f64 / *d as f64,
            _ => self.big().to_f64().unwrap_or(f64::NAN),
        }
    }

    /// Its value as a double where that is exact.
    pub fn to_exact_f64(&self) -> Option<f64> {
        let value = self.to_f64();
        let is_exact = match &self.0 {
            Repr::Small(n, d) if n.unsigned_abs() < 1 << 53 => d.count_ones() == 1,
            _ => Number::from_f64(value).as_ref() == Some(self),
        };
        is_exact.then_some(value)
    }

    /// Its value in the number type `T`, within one unit in the last place.
    pub fn to_float<T: Float>(&self) -> T {
        match &self.0 {
            Repr::Small(n, d) if n.unsigned_abs() < 1 << 24 && *d < 1 << 24 => {
                T::from(*n).unwrap_or_else(T::nan) / T::from(*d).unwrap_or_else(T::nan)
            }
            _ => {
                let value = self.big();
                // Scaled so that the quotient has some 320 significant bits, more than any `T` in use.
                let shift = 320 - (value.numer().bits() as i64 - value.denom().bits() as i64);
                let scaled: BigInt = if shift >= 0 {
                    (value.numer() << shift as u64) / value.denom()
                } else {
                    value.numer() / (value.denom() << shift.unsigned_abs())
                };
                let negative = scaled.is_negative();
                let base = T::from(4_294_967_296_u64).unwrap_or_else(T::infinity);
                let (mut result, mut scale) = (T::zero(), T::one());
                let two = T::one() + T::one();
                let digits = scaled.magnitude().to_u32_digits();
                // From the least digit up, each scaled down first so that nothing overflows on the way.
                let exponent = 32 * digits.len() as i64 - shift;
                for _ in 0..digits.len() {
                    scale = scale / base;
                }
                for digit in digits {
                    result = result + T::from(digit).unwrap_or_else(T::nan) * scale;
                    scale = scale * base;
                }
                // In two halves: 2^exponent alone can overflow where the product does not.
                let half = exponent / 2;
                let result = result * two.powi(half as i32) * two.powi((exponent - half) as i32);
                if negative { -result } else { result }
            }
        }
    }

    /// The smallest number of decimal places that writes it exactly, if there is one and it is at most `most`.
    pub fn decimal_places(&self, most: u32) -> Option<u32> {
        let mut scaled = self.clone();
        for places in 0..=most {
            if scaled.is_integer() {
                return Some(places);
            }
            scaled = scaled.checked_mul(&Number::integer(10))?;
        }
        None
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    match (u64::try_from(a), u64::try_from(b)) {
        (Ok(a), Ok(b)) => a.gcd(&b) as u128,
        _ => a.gcd(&b),
    }
    .max(1)
}

impl Neg for &Number {
    type Output = Number;
    fn neg(self) -> Number {
        match &self.0 {
            Repr::Small(n, d) => match n.checked_neg() {
                Some(n) => Number(Repr::Small(n, *d)),
                None => Number::from_wide(-(*n as i128), *d as i128),
            },
            Repr::Big(v) => Number::from_big(-(**v).clone()),
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Small(a, b), Repr::Small(c, d)) => {
                (*a as i128 * *d as i128).cmp(&(*c as i128 * *b as i128))
            }
            _ => self.big().cmp(&other.big()),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Number::integer(value)
    }
}

/// `3`, `-1/4`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (numerator, denominator) = self.to_texts();
        f.write_str(&numerator)?;
        if denominator != "1" {
            write!(f, "/{denominator}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shortcuts for small numbers, against what arithmetic on big ones gives.
    #[test]
    fn shortcuts_agree_with_big_numbers() {
        let edges = [i64::MIN, i64::MIN + 1, -6, -1, 0, 1, 4, 9, i64::MAX - 1, i64::MAX];
        let ratios = |n: i64| edges.iter().filter_map(move |d| Number::ratio(n, *d));
        let numbers: Vec<Number> = edges.iter().flat_map(|n| ratios(*n)).collect();
        assert_eq!(numbers.len(), 90);
        let reduced = |value: BigRational| Some(Number::from_big(value.reduced()));
        for a in &numbers {
            let inverse = (!a.is_zero()).then(|| a.big().recip()).and_then(reduced);
            assert_eq!(a.recip(), inverse, "1/({a})");
            for b in &numbers {
                assert_eq!(a.checked_mul(b), reduced(a.big() * b.big()), "({a})*({b})");
                let measure = BigRational::new_raw(
                    a.big().numer().gcd(b.big().numer()),
                    a.big().denom().lcm(b.big().denom()),
                );
                assert_eq!(a.common_measure(b), reduced(measure), "measure of {a} and {b}");
            }
        }
    }
}
