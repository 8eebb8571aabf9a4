//! Sums of all terms but one, `sum[d : d != c](v[d])` for every c, in as many steps as there are terms.
//!
//! The total less the term would cancel where the term is most of it. But only one term can be more than half of all:
//! the largest, and for that the others are summed up by themselves.

use super::value::{BATCH, Binary, Dimension, Fold, Operation, Space, ValueId, Values};
use crate::function::Function;

/// Sums of fewer terms are as quick one by one.
const FEWEST: usize = 9;

impl Values {
    /// The sum of `body` over the dimensions, if it leaves out the term at the place on another dimension.
    ///
    /// Where the total overflows or is NaN, a further result says so.
    pub(super) fn sum_of_others(&mut self, over: Space, body: ValueId) -> Option<ValueId> {
        let mut dimensions = over.dimensions();
        let (Some(dimension), None) = (dimensions.next(), dimensions.next()) else { return None };
        if self.is_exact || dimension == BATCH || self.length(dimension) < FEWEST {
            return None;
        }
        let (left_out, term) = self.term_of_others(dimension, body)?;
        let own = self.renamed(term, &|d| if d == dimension { left_out } else { d })?;
        let size = self.function(Function::Abs, term);
        let largest = self.reduce(Fold::Max, over, size);
        let is_largest = self.binary(Binary::Equal, size, largest);
        let zero = self.constant(0.0);
        let small = self.select(is_largest, zero, term);
        let [rest, count, total] =
            [small, is_largest, term].map(|each| self.reduce(Fold::Sum(0), over, each));
        self.finite.push(total);
        let (own_size, one) = (self.function(Function::Abs, own), self.constant(1.0));
        let is_largest = self.binary(Binary::Equal, own_size, largest);
        let is_one = self.binary(Binary::Equal, count, one);
        let is_alone = self.junction(true, is_largest, is_one);
        let difference = self.subtract(total, own);
        Some(self.select(is_alone, rest, difference))
    }

    /// What is summed up but where the dimension has the place of another one, and that one.
    fn term_of_others(&mut self, dimension: Dimension, body: ValueId) -> Option<(Dimension, ValueId)> {
        let mut left_out = None;
        let mut factors = Vec::new();
        let mut pending = vec![body];
        while let Some(value) = pending.pop() {
            match *self.operation(value) {
                Operation::Binary(Binary::Multiply, a, b) => pending.extend([b, a]),
                Operation::Select(condition, then, otherwise)
                    if left_out.is_none() && self.as_constant(then) == Some(0.0) =>
                {
                    left_out = self.same_place(dimension, condition);
                    let rest = if left_out.is_some() { otherwise } else { value };
                    factors.push(rest);
                }
                _ => factors.push(value),
            }
        }
        let left_out = left_out?;
        let term = factors.into_iter().reduce(|a, b| self.multiply(a, b))?;
        let space = self.space(term);
        (space.contains(dimension) && !space.contains(left_out)).then_some((left_out, term))
    }

    /// The dimension that has the place of this one where the condition holds.
    fn same_place(&self, dimension: Dimension, condition: ValueId) -> Option<Dimension> {
        let Operation::Binary(Binary::Equal, a, b) = *self.operation(condition) else { return None };
        let (Operation::Index(a), Operation::Index(b)) = (self.operation(a), self.operation(b)) else {
            return None;
        };
        let other = if *a == dimension { *b } else { *a };
        let is_pair = (*a == dimension) != (*b == dimension) && other != BATCH;
        (is_pair && self.extent(dimension) == self.extent(other)).then_some(other)
    }
}
