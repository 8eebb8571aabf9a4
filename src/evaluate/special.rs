//! Special functions for any precision: series whose length adapts to the type.

use crate::number::Number;
use crate::real::Real;
use std::sync::OnceLock;

/// The Bernoulli numbers B2, B4, …, exact.
fn bernoulli() -> &'static [Number] {
    static NUMBERS: OnceLock<Vec<Number>> = OnceLock::new();
    NUMBERS.get_or_init(|| {
        // B_m = -1/(m+1) * sum of C(m+1, k)*B_k over k < m.
        const COUNT: usize = 80;
        let mut all: Vec<Number> = vec![Number::ONE];
        for m in 1..=COUNT {
            let (mut sum, mut binomial) = (Number::ZERO, Number::ONE);
            for (k, b) in (0_i64..).zip(&all) {
                sum = binomial.checked_mul(b).and_then(|t| sum.checked_add(&t)).unwrap_or(Number::ZERO);
                let step = Number::ratio(m as i64 + 1 - k, k + 1).unwrap_or(Number::ONE);
                binomial = binomial.checked_mul(&step).unwrap_or(Number::ZERO);
            }
            let factor = Number::ratio(-1, m as i64 + 1).unwrap_or(Number::ZERO);
            all.push(sum.checked_mul(&factor).unwrap_or(Number::ZERO));
        }
        all.into_iter().skip(2).step_by(2).collect()
    })
}

/// From here on the asymptotic series reach the precision of the type.
fn large<T: Real>() -> T {
    let bits = -T::epsilon().to_double().log2();
    T::from_double((bits * 0.25).max(10.0))
}

fn factorial<T: Real>(n: u32) -> T {
    (1..=n).fold(T::one(), |product, k| product * T::from_double(k.into()))
}

/// log |gamma(x)|, by Stirling's series (Abramowitz & Stegun 6.1.40) behind the recurrence gamma(x+1) = x*gamma(x).
pub fn lgamma<T: Real>(x: T) -> T {
    if x.is_nan() || x.is_infinite() {
        return x.abs();
    }
    if x <= T::zero() && x == x.floor() {
        return T::infinity();
    }
    let (mut x, mut shift) = (x, T::zero());
    let mut product = T::one();
    while x < large() {
        product = product * x.abs();
        if product > T::from_double(1e30) || product < T::from_double(1e-30) {
            shift = shift + product.ln();
            product = T::one();
        }
        x = x + T::one();
    }
    shift = shift + product.ln();
    let half = T::from_double(0.5);
    let mut sum = (x - half) * x.ln() - x + half * (T::pi() + T::pi()).ln();
    let mut power = x;
    for (k, b) in (1_u32..).zip(bernoulli()) {
        let term = T::from_number(b) / (T::from_double(f64::from(2 * k * (2 * k - 1))) * power);
        sum = sum + term;
        if term.abs() < T::epsilon() * sum.abs() * half {
            break;
        }
        power = power * x * x;
    }
    sum - shift
}

/// The `order`-th derivative of digamma (Abramowitz & Stegun 6.4.11), behind its recurrence.
pub fn polygamma<T: Real>(order: u32, x: T) -> T {
    if x.is_nan() || (x <= T::zero() && x == x.floor()) || x < T::from_double(-1e4) {
        return T::nan();
    }
    let m = order as i32;
    let sign = if order % 2 == 0 { -T::one() } else { T::one() };
    let scale = factorial::<T>(order);
    let (mut x, mut shift) = (x, T::zero());
    while x < large::<T>() + T::from_double(order.into()) {
        shift = shift + scale / x.powi(m + 1);
        x = x + T::one();
    }
    let two = T::one() + T::one();
    let mut sum = if order == 0 {
        -(x.ln() - T::one() / (two * x))
    } else {
        factorial::<T>(order - 1) / x.powi(m) + scale / (two * x.powi(m + 1))
    };
    // (2k + m - 1)!/(2k)! / x^(2k + m), from one k to the next.
    let mut ratio = if order == 0 { T::one() / (two * x * x) } else { factorial::<T>(order + 1) / (two * x.powi(m + 2)) };
    for (k, b) in (1_u32..).zip(bernoulli()) {
        let term = T::from_number(b) * ratio;
        sum = sum + term;
        if term.abs() < T::epsilon() * sum.abs() / two {
            break;
        }
        let n = f64::from(2 * k + order);
        // The two products are exact in a double, their quotient is not: divide in T.
        ratio = ratio * T::from_double(n * (n + 1.0)) / (T::from_double(f64::from((2 * k + 1) * (2 * k + 2))) * x * x);
    }
    sign * (sum + shift)
}

/// The error function, by its series with positive terms (Abramowitz & Stegun 7.1.6).
pub fn erf<T: Real>(x: T) -> T {
    if x.abs() > T::from_double(6.0) {
        let tail = T::one() - erfc(x.abs());
        return if x < T::zero() { -tail } else { tail };
    }
    let (mut term, mut sum, mut n) = (x, x, T::zero());
    let two = T::one() + T::one();
    while term.abs() > T::epsilon() * sum.abs() / two {
        n = n + T::one();
        term = term * two * x * x / (two * n + T::one());
        sum = sum + term;
    }
    two * (-x * x).exp() * sum / T::pi().sqrt()
}

/// The complementary error function; for large x by its continued fraction (Abramowitz & Stegun 7.1.14).
pub fn erfc<T: Real>(x: T) -> T {
    if x < T::from_double(6.0) {
        return T::one() - erf(x);
    }
    if x > T::from_double(1e5) {
        return T::zero();
    }
    // From the inside out; the number of terms needed falls with x.
    let two = T::one() + T::one();
    let bits = -T::epsilon().to_double().log2();
    let terms = (bits * bits / (x.to_double() * x.to_double())) as u32 + 60;
    let mut fraction = x;
    for k in (1..=terms).rev() {
        fraction = x + T::from_double(k.into()) / two / fraction;
    }
    (-x * x).exp() / (T::pi().sqrt() * fraction)
}
