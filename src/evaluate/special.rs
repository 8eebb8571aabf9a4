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

/// Below this the recurrence would take many steps, and reflection is used.
const FAR_NEGATIVE: f64 = -30.0;

fn factorial<T: Real>(n: u32) -> T {
    (1..=n).fold(T::one(), |product, k| product * T::from_double(k.into()))
}

/// Whether it is one of 0, -1, -2, …, where the gamma function has its poles.
fn is_pole<T: Real>(x: T) -> bool {
    x <= T::zero() && x == x.floor()
}

/// The distance to the nearest whole number, with the sign. It is exact.
fn from_nearest_whole<T: Real>(x: T) -> T {
    let rest = x - x.floor();
    if rest > T::from_double(0.5) { rest - T::one() } else { rest }
}

/// log |gamma(x)|, by Stirling's series (Abramowitz & Stegun 6.1.40) behind the recurrence gamma(x+1) = x*gamma(x).
pub fn lgamma<T: Real>(x: T) -> T {
    if x.is_nan() || x.is_infinite() {
        return x.abs();
    }
    if is_pole(x) {
        return T::infinity();
    }
    if x < T::from_double(FAR_NEGATIVE) {
        // gamma(x)*gamma(1 - x) = pi/sin(pi*x) (Abramowitz & Stegun 6.1.17).
        let sine = (T::pi() * from_nearest_whole(x)).sin().abs();
        return (T::pi() / sine).ln() - lgamma(T::one() - x);
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
    if x.is_nan() || is_pole(x) || x == T::neg_infinity() {
        return T::nan();
    }
    if x.is_infinite() {
        return if order == 0 { x } else { T::zero() };
    }
    if x < T::from_double(FAR_NEGATIVE) {
        return reflected_polygamma(order, x);
    }
    let m = order as i32;
    let sign = if order.is_multiple_of(2) { -T::one() } else { T::one() };
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
    let mut ratio =
        if order == 0 { T::one() / (two * x * x) } else { factorial::<T>(order + 1) / (two * x.powi(m + 2)) };
    for (k, b) in (1_u32..).zip(bernoulli()) {
        let term = T::from_number(b) * ratio;
        sum = sum + term;
        if term.abs() < T::epsilon() * sum.abs() / two {
            break;
        }
        let n = f64::from(2 * k + order);
        // The two products are exact in a double, their quotient is not: divide in T.
        ratio = ratio * T::from_double(n * (n + 1.0))
            / (T::from_double(f64::from((2 * k + 1) * (2 * k + 2))) * x * x);
    }
    sign * (sum + shift)
}

/// By psi_n(1 - x) + (-1)^(n+1)*psi_n(x) = (-1)^n*pi*(d/dx)^n cot(pi*x) (Abramowitz & Stegun 6.4.7).
fn reflected_polygamma<T: Real>(order: u32, x: T) -> T {
    let angle = T::pi() * from_nearest_whole(x);
    let cotangent = angle.tan().recip();
    // The derivatives of the cotangent are polynomials in it: cot' = -(1 + cot^2).
    let mut polynomial = vec![T::zero(), T::one()];
    for _ in 0..order {
        let mut next = vec![T::zero(); polynomial.len() + 1];
        for (degree, coefficient) in polynomial.iter().enumerate().skip(1) {
            let slope = *coefficient * T::from_double(degree as f64) * T::pi();
            next[degree - 1] = next[degree - 1] - slope;
            next[degree + 1] = next[degree + 1] - slope;
        }
        polynomial = next;
    }
    let derivative = polynomial.iter().rev().fold(T::zero(), |value, c| value * cotangent + *c);
    let mirrored = polygamma(order, T::one() - x);
    let result = mirrored - T::pi() * if order.is_multiple_of(2) { derivative } else { -derivative };
    if order.is_multiple_of(2) { result } else { -result }
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
    // Up to here the difference loses five digits, which a type of 71 can spare; the fraction would be long.
    if x.is_nan() || x < T::from_double(3.0) {
        return T::one() - erf(x);
    }
    if x > T::from_double(1e5) {
        return T::zero();
    }
    // From the inside out. After n steps the error is about exp(-2*x*sqrt(2*n)).
    let two = T::one() + T::one();
    let digits = -T::epsilon().to_double().ln() / (2.0 * x.to_double());
    let terms = (digits * digits) as u32 + 60;
    let mut fraction = x;
    for k in (1..=terms).rev() {
        fraction = x + T::from_double(k.into()) / two / fraction;
    }
    (-x * x).exp() / (T::pi().sqrt() * fraction)
}

/// Digamma in double precision: near its zero at 1.46 the series above would lose digits.
///
/// On [1, 2] it is (x - zero) times a Chebyshev series in 2*x - 3, whose coefficients were computed with mpmath.
pub fn digamma_double(x: f64) -> f64 {
    /// The zero, in two parts.
    const ZERO: [f64; 2] = [1.461_632_144_968_362_2, 9.549_995_429_965_697e-17];
    const COEFFICIENTS: [f64; 24] = [
        0.983_570_260_441_567,
        -0.227_064_086_334_644_4,
        0.033_368_899_023_930_11,
        -0.005_320_077_271_596_548,
        0.000_878_865_693_782_050_5,
        -0.000_147_734_926_506_060_44,
        2.506_054_346_835_914_6e-05,
        -4.272_103_402_999_332_4e-06,
        7.302_769_272_465_923e-07,
        -1.250_288_681_355_959_4e-07,
        2.142_500_932_235_947_2e-08,
        -3.673_295_918_565_179e-09,
        6.299_717_236_108_931e-10,
        -1.080_593_028_883_266e-10,
        1.853_735_192_053_638e-11,
        -3.180_235_365_825_53e-12,
        5.456_147_570_322_795e-13,
        -9.360_993_131_036_438e-14,
        1.606_064_636_295_075e-14,
        -2.755_543_137_743_881_5e-15,
        4.727_736_178_601_912e-16,
        -8.111_484_203_465_09e-17,
        1.391_707_769_474_154e-17,
        -2.387_790_108_218_862_5e-18,
    ];
    if !(-10.0..10.0).contains(&x) || is_pole(x) {
        return polygamma(0, x);
    }
    let (mut x, mut shift) = (x, 0.0);
    while x > 2.0 {
        x -= 1.0;
        shift += 1.0 / x;
    }
    while x < 1.0 {
        shift -= 1.0 / x;
        x += 1.0;
    }
    // Clenshaw's recurrence.
    let t = 2.0 * x - 3.0;
    let (mut after, mut next) = (0.0, 0.0);
    for c in COEFFICIENTS[1..].iter().rev() {
        (after, next) = (next, 2.0 * t * next - after + c);
    }
    let quotient = t * next - after + COEFFICIENTS[0];
    shift + ((x - ZERO[0]) - ZERO[1]) * quotient
}
