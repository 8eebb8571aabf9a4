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
                Factor::OverSquare => zip(buffer, a, b, |a, b| a / (b * b)),
            };
        }
        let slots: Vec<Slot> = order.iter().map(|f| f.1).collect();
        let mut result = self.repeated(&slots);
        match order[0].0 {
            Factor::Times => {}
            Factor::Over => result.elements.iter_mut().for_each(|v| *v = v.recip()),
            Factor::OverRoot => result.elements.iter_mut().for_each(|v| *v = v.sqrt().recip()),
            Factor::OverSquare => result.elements.iter_mut().for_each(|v| *v = (*v * *v).recip()),
        }
        for (kind, slot) in &order[1..] {
            let factor = self.of(*slot);
            match kind {
                Factor::Times => accumulate(&mut result, factor, |p, f| p * f),
                Factor::Over => accumulate(&mut result, factor, |p, f| p / f),
                Factor::OverRoot => accumulate(&mut result, factor, |p, f| p / f.sqrt()),
                Factor::OverSquare => accumulate(&mut result, factor, |p, f| p / (f * f)),
            }
        }
        result
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
