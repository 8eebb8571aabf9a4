//! Sums, products, powers and functions of arrays.

use super::array::{Array, accumulate, map, zip};
use super::kernel::{Coefficient, Exponent, Factor, Slot};
use super::run::Run;
use crate::function::Function;
use crate::real::Real;

impl<T: Real> Run<'_, T> {
    pub(super) fn linear(&mut self, constant: T, terms: &[(Coefficient<T>, Slot)]) -> Array<T> {
        let Some((first, rest)) = terms.split_first() else { return self.scalar(constant) };
        if let ([(Coefficient::By(d), second)], (Coefficient::By(c), first)) = (rest, *first) {
            let (d, buffer) = (*d, self.buffer());
            let (a, b) = (self.of(first), self.of(*second));
            return if constant == T::zero() {
                zip(buffer, a, b, |a, b| c * a + d * b)
            } else {
                zip(buffer, a, b, |a, b| constant + c * a + d * b)
            };
        }
        let mut result = if rest.is_empty() {
            let buffer = self.buffer();
            map(buffer, self.of(first.1), |v| v)
        } else {
            let slots: Vec<Slot> = terms.iter().map(|t| t.1).collect();
            self.repeated(&slots)
        };
        let each =
            |result: &mut Array<T>, f: &dyn Fn(T) -> T| result.elements.iter_mut().for_each(|v| *v = f(*v));
        match first.0 {
            Coefficient::By(c) if constant == T::zero() && c == T::one() => {}
            Coefficient::By(c) if constant == T::zero() => each(&mut result, &|v| c * v),
            Coefficient::By(c) => each(&mut result, &|v| constant + c * v),
            Coefficient::Over(d) if constant == T::zero() => each(&mut result, &|v| v / d),
            Coefficient::Over(d) => each(&mut result, &|v| constant + v / d),
        }
        for (coefficient, slot) in rest {
            let term = self.of(*slot);
            match *coefficient {
                Coefficient::By(c) => accumulate(&mut result, term, |sum, t| sum + c * t),
                Coefficient::Over(d) => accumulate(&mut result, term, |sum, t| sum + t / d),
            }
        }
        result
    }

    /// A product neither overflows nor vanishes on the way: where a part of it is no normal number, it is computed
    /// again with the exponents apart.
    pub(super) fn product(&mut self, factors: &[(Factor, Slot)]) -> Array<T> {
        // A factor that multiplies comes first, so that divisions have something to divide.
        let lead = factors.iter().position(|f| f.0 == Factor::Times);
        let mut order: Vec<(Factor, Slot)> = factors.to_vec();
        order[..=lead.unwrap_or(0)].rotate_right(1);
        if let [(Factor::Times, a), (kind, b)] = order[..] {
            let buffer = self.buffer();
            let (a, b) = (self.of(a), self.of(b));
            return match kind {
                Factor::Times => zip(buffer, a, b, |a, b| a * b),
                Factor::Over => zip(buffer, a, b, |a, b| a / b),
                Factor::OverRoot => zip(buffer, a, b, |a, b| a / b.sqrt()),
            };
        }
        let slots: Vec<Slot> = order.iter().map(|f| f.1).collect();
        let mut result = self.repeated(&slots);
        match order[0].0 {
            Factor::Times => {}
            Factor::Over => result.elements.iter_mut().for_each(|v| *v = v.recip()),
            Factor::OverRoot => result.elements.iter_mut().for_each(|v| *v = v.sqrt().recip()),
        }
        let mut is_normal = result.elements.iter().all(|v| v.is_normal());
        for (kind, slot) in &order[1..] {
            let factor = self.of(*slot);
            match kind {
                Factor::Times => accumulate(&mut result, factor, |p, f| p * f),
                Factor::Over => accumulate(&mut result, factor, |p, f| p / f),
                Factor::OverRoot => accumulate(&mut result, factor, |p, f| p / f.sqrt()),
            }
            is_normal &= result.elements.iter().all(|v| v.is_normal());
        }
        if !is_normal {
            self.scaled_product(&order, &mut result);
        }
        result
    }

    /// The product with mantissas and exponents apart, in the place of what was found without.
    fn scaled_product(&mut self, factors: &[(Factor, Slot)], result: &mut Array<T>) {
        let slots: Vec<Slot> = factors.iter().map(|f| f.1).collect();
        let mut mantissas = self.repeated(&slots);
        mantissas.elements.iter_mut().for_each(|m| *m = T::one());
        let mut exponents = self.repeated(&slots);
        exponents.elements.iter_mut().for_each(|e| *e = T::zero());
        let count = |e: i32| T::from_double(f64::from(e));
        for (kind, slot) in factors {
            let factor = self.of(*slot);
            match kind {
                Factor::Times => {
                    accumulate(&mut mantissas, factor, |p, f| p * scaled(f).0);
                    accumulate(&mut exponents, factor, |e, f| e + count(scaled(f).1));
                }
                Factor::Over => {
                    accumulate(&mut mantissas, factor, |p, f| p / scaled(f).0);
                    accumulate(&mut exponents, factor, |e, f| e - count(scaled(f).1));
                }
                Factor::OverRoot => {
                    // Exponents are even, so that half of one is whole.
                    accumulate(&mut mantissas, factor, |p, f| p / scaled(f).0.sqrt());
                    accumulate(&mut exponents, factor, |e, f| e - count(scaled(f).1 / 2));
                }
            }
        }
        for ((r, m), e) in result.elements.iter_mut().zip(&mantissas.elements).zip(&exponents.elements) {
            let exponent = e.to_double();
            *r = if exponent.is_finite() { raised(*m, exponent as i64) } else { *m };
        }
    }

    pub(super) fn power(&mut self, base: Slot, exponent: &Exponent<T>) -> Array<T> {
        let buffer = self.buffer();
        let base = self.of(base);
        match exponent {
            Exponent::Whole(-1) => map(buffer, base, T::recip),
            Exponent::Whole(2) => map(buffer, base, |v| v * v),
            Exponent::Whole(n) => map(buffer, base, |v| whole_power(v, *n)),
            Exponent::Half => map(buffer, base, T::sqrt),
            Exponent::MinusHalf => map(buffer, base, |v| v.sqrt().recip()),
            Exponent::Fixed(n) => map(buffer, base, |v| v.powf(*n)),
            Exponent::Node(slot) => zip(buffer, base, self.of(*slot), power),
        }
    }

    pub(super) fn function(&mut self, function: Function, operands: &[Slot]) -> Array<T> {
        let buffer = self.buffer();
        match operands {
            [a] => apply(function, buffer, self.of(*a)),
            [a, b] => {
                let (a, b) = (self.of(*a), self.of(*b));
                match function {
                    Function::Max => zip(buffer, a, b, |a, b| Function::Max.evaluate(&[a, b])),
                    Function::Min => zip(buffer, a, b, |a, b| Function::Min.evaluate(&[a, b])),
                    Function::Xlogy => zip(buffer, a, b, |a, b| Function::Xlogy.evaluate(&[a, b])),
                    _ => zip(buffer, a, b, |a, b| function.evaluate(&[a, b])),
                }
            }
            _ => {
                // Only the largest and the smallest of several.
                self.pool.push(buffer);
                let mut result = self.repeated(operands);
                for operand in &operands[1..] {
                    accumulate(&mut result, self.of(*operand), |a, b| function.evaluate(&[a, b]));
                }
                result
            }
        }
    }
}

/// A number as a mantissa between 1/4 and 4 and an even power of 2; zeros and what is not finite as they are.
fn scaled<T: Real>(x: T) -> (T, i32) {
    if x == T::zero() || !x.is_finite() {
        return (x, 0);
    }
    let (mantissa, exponent, _) = x.integer_decode();
    let exponent = i32::from(exponent) + 63 - mantissa.leading_zeros() as i32;
    let exponent = exponent - exponent.rem_euclid(2);
    (raised(x, i64::from(-exponent)), exponent)
}

/// `x*2^exponent`, by steps that are powers of 2 themselves.
fn raised<T: Real>(x: T, exponent: i64) -> T {
    /// A power of 2 that is normal in single precision, as is its inverse.
    const STEP: i64 = 100;
    // Far beyond any range nothing changes any more.
    let mut left = exponent.clamp(-10_000, 10_000);
    let two = T::one() + T::one();
    let mut result = x;
    while left != 0 {
        let step = left.clamp(-STEP, STEP);
        result = result * two.powi(step as i32);
        left -= step;
    }
    result
}

/// A power to a small whole number, by multiplication.
fn whole_power<T: Real>(base: T, exponent: i32) -> T {
    let (mut result, mut square, mut rest) = (T::one(), base, exponent.unsigned_abs());
    while rest > 0 {
        if rest & 1 == 1 {
            result = result * square;
        }
        rest >>= 1;
        if rest > 0 {
            square = square * square;
        }
    }
    if exponent < 0 { result.recip() } else { result }
}

/// A power whose exponent is known only now; it agrees with the cases that are recognised beforehand.
fn power<T: Real>(base: T, exponent: T) -> T {
    let half = T::from_double(0.5);
    if exponent == half {
        return base.sqrt();
    }
    if exponent == -half {
        return base.sqrt().recip();
    }
    match exponent.to_double() {
        n if n.abs() <= 16.0 && n == n.floor() && exponent == exponent.floor() => whole_power(base, n as i32),
        _ => base.powf(exponent),
    }
}

/// Elementwise, with the choice of the function outside the loop.
fn apply<T: Real>(function: Function, buffer: Vec<T>, a: &Array<T>) -> Array<T> {
    macro_rules! each {
        ($($name:ident)*) => {
            match function {
                $(Function::$name => map(buffer, a, |v| Function::$name.evaluate(&[v])),)*
                _ => map(buffer, a, |v| function.evaluate(&[v])),
            }
        };
    }
    each! { Exp Log Log1p Expm1 Abs Sign Sigmoid Softplus Tanh Floor }
}
