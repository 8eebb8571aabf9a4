//! Reductions as folds: shifted, scaled, filtered.

use super::translate::Translator;
use super::value::{Binary, Dimension, Exponentials, Fold, Operation, Space, Unary, ValueId, Values};
use crate::function::Function;
use crate::graph::Reduction;
use crate::real::Real;

impl<T: Real> Translator<'_, T> {
    /// A reduction of the graph over dimensions.
    pub(super) fn reduction(
        &mut self,
        reduction: Reduction,
        over: Space,
        body: ValueId,
        filter: Option<ValueId>,
    ) -> ValueId {
        let is_empty = self.values.volume(over) == 0;
        if reduction.keeps_filter() && is_empty {
            return self.values.constant(f64::NAN);
        }
        let some = filter.map(|filter| (filter, self.values.reduce(Fold::Max, over, filter)));
        let otherwise = |values: &mut Values, rest: f64| match filter {
            None => body,
            Some(filter) => {
                let rest = values.constant(rest);
                values.select(filter, body, rest)
            }
        };
        let values = &mut self.values;
        let result = match reduction {
            Reduction::Sum => values.sum(over, body),
            Reduction::Product => values.reduce(Fold::Product, over, body),
            // The largest of truth values; of none it is 0 and not minus infinity.
            Reduction::Any if is_empty => values.constant(0.0),
            Reduction::Any => values.reduce(Fold::Max, over, body),
            Reduction::Max => {
                let body = otherwise(values, f64::NEG_INFINITY);
                values.reduce(Fold::Max, over, body)
            }
            Reduction::Min => {
                let body = otherwise(values, f64::INFINITY);
                values.reduce(Fold::Min, over, body)
            }
            Reduction::Mean => {
                let (body, one) = (otherwise(values, 0.0), values.constant(1.0));
                let (sum, zero) = (values.reduce(Fold::Sum(0), over, body), values.constant(0.0));
                let each = filter.map_or(one, |f| values.select(f, one, zero));
                let count = values.sum(over, each);
                values.divide(sum, count)
            }
            Reduction::LogSumExp => {
                let body = otherwise(values, f64::NEG_INFINITY);
                values.log_sum_exp(over, body)
            }
            Reduction::Norm => values.norm(over, body),
        };
        match some {
            Some((_, any)) => {
                let nan = self.values.constant(f64::NAN);
                self.values.select(any, result, nan)
            }
            None => result,
        }
    }
}

impl Values {
    /// 1 where the reciprocal of the value could overflow or lose digits though the value is not 0, else 0.
    pub fn is_extreme(&mut self, value: ValueId) -> ValueId {
        let size = self.function(Function::Abs, value);
        let (low, high) = (self.constant(1e-30), self.constant(1e30));
        let (zero, above) = (self.constant(0.0), self.binary(Binary::Less, size, low));
        let nonzero = self.binary(Binary::Less, zero, size);
        let small = self.junction(true, nonzero, above);
        let large = self.binary(Binary::Less, high, size);
        self.junction(false, small, large)
    }

    /// 1 where the value is infinite or NaN, else 0.
    pub fn is_not_finite(&mut self, value: ValueId) -> ValueId {
        let (difference, zero) = (self.subtract(value, value), self.constant(0.0));
        let is_finite = self.binary(Binary::Equal, difference, zero);
        self.not(is_finite)
    }

    /// The least and the greatest value of `first + c1*d1 + …`.
    pub fn reach(&self, first: i64, terms: &[(Dimension, i64)]) -> (i64, i64) {
        let (mut least, mut most) = (first, first);
        for (dimension, c) in terms {
            let reach = c * (self.length(*dimension) as i64 - 1).max(0);
            *(if reach < 0 { &mut least } else { &mut most }) += reach;
        }
        (least, most)
    }

    /// The sum; over dimensions that the body does not vary with, a multiple.
    pub fn sum(&mut self, over: Space, body: ValueId) -> ValueId {
        let space = self.space(body);
        let unused = over.without(space);
        let count = self.volume(unused);
        let over = over.without(unused);
        let sum = if over == Space::POINT {
            body
        } else if let Some(scattered) = self.scattered(over, body) {
            scattered
        } else if let Some(others) = self.sum_of_others(over, body) {
            others
        } else if let Some(product) = self.contraction(over, body) {
            product
        } else {
            self.reduce(Fold::Sum(0), over, body)
        };
        if unused == Space::POINT {
            return sum;
        }
        let count = self.constant(count as f64);
        self.multiply(count, sum)
    }

    /// Shifted by the largest: log(sum exp(x)) = m + log1p(sum exp(x - m) - 1).
    ///
    /// The 1 that is taken away is the exponential of the largest itself, so what remains is small where the others
    /// are small, and keeps its digits.
    fn log_sum_exp(&mut self, over: Space, body: ValueId) -> ValueId {
        // What is shifted by its largest already has the largest 0.
        let is_shifted = match *self.operation(body) {
            Operation::Binary(Binary::Subtract, x, m) => {
                *self.operation(m) == Operation::Reduce(Fold::Max, over, x)
            }
            _ => false,
        };
        let largest = if is_shifted { self.constant(0.0) } else { self.reduce(Fold::Max, over, body) };
        let shifted = self.subtract(body, largest);
        let exponential = self.function(Function::Exp, shifted);
        let rest = self.reduce(Fold::Sum(-1), over, exponential);
        let one = self.constant(1.0);
        let total = self.add(one, rest);
        let logarithm = self.function(Function::Log1p, rest);
        let sum = self.add(largest, logarithm);
        // All minus infinity, or one infinity or NaN: the largest is the result.
        let difference = self.subtract(largest, largest);
        let zero = self.constant(0.0);
        let is_finite = self.binary(Binary::Equal, difference, zero);
        let result = self.select(is_finite, sum, largest);
        self.exponentials.insert(result, Exponentials { body, exponential, total });
        result
    }

    /// The root of the sum of squares; scaled by the largest where squares overflow or vanish.
    fn norm(&mut self, over: Space, body: ValueId) -> ValueId {
        let square = self.binary(Binary::Multiply, body, body);
        let sum = self.sum(over, square);
        let root = self.unary(Unary::Root, sum);
        // The square of every element that matters is a normal number with all its digits.
        let (low, high) = (self.constant(self.squares.0), self.constant(self.squares.1));
        let (above, below) = (self.binary(Binary::Less, low, sum), self.binary(Binary::Less, sum, high));
        let is_safe = self.junction(true, above, below);
        // What follows is computed where that is not so: a pass can be left out because of what was known before.
        let size = self.function(Function::Abs, body);
        let largest = self.reduce(Fold::Max, over, size);
        let scaled = self.binary(Binary::Divide, body, largest);
        let scaled = self.binary(Binary::Multiply, scaled, scaled);
        let scaled = self.sum(over, scaled);
        let scaled = self.unary(Unary::Root, scaled);
        let scaled = self.multiply(largest, scaled);
        let zero = self.constant(0.0);
        let is_zero = self.binary(Binary::Equal, largest, zero);
        let difference = self.subtract(largest, largest);
        let is_finite = self.binary(Binary::Equal, difference, zero);
        let rest = self.select(is_finite, scaled, largest);
        let rest = self.select(is_zero, zero, rest);
        let result = self.select(is_safe, root, rest);
        self.rescues.push((is_safe, rest));
        result
    }
}
