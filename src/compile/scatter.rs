//! Sums that add to the places that data tell: the gradient of a gather.

use super::value::{BATCH, Binary, Dimension, Operation, Space, Unary, ValueId, Values};

impl Values {
    /// `sum[k](if i == row[k] and … then e else 0)`, where e does not vary with i, adds each e at its place; so does its
    /// product with what does not vary with i either.
    pub(super) fn scattered(&mut self, over: Space, body: ValueId) -> Option<ValueId> {
        let (condition, then) = self.under_condition(body)?;
        let mut conditions = Vec::new();
        let mut pending = vec![condition];
        while let Some(condition) = pending.pop() {
            match *self.operation(condition) {
                Operation::Binary(Binary::And, a, b) => pending.extend([a, b]),
                _ => conditions.push(condition),
            }
        }
        let mut places: Vec<(Dimension, ValueId)> = Vec::new();
        let mut rest: Vec<ValueId> = Vec::new();
        for condition in &conditions {
            let others = conditions
                .iter()
                .filter(|c| *c != condition)
                .fold(self.space(then), |space, c| space.union(self.space(*c)));
            match self.place_of(*condition) {
                Some((dimension, value))
                    if !over.contains(dimension)
                        && dimension != BATCH
                        && !others.contains(dimension)
                        && self.space(value).common(over) != Space::POINT =>
                {
                    places.push((dimension, value));
                }
                _ => rest.push(*condition),
            }
        }
        if places.is_empty() {
            return None;
        }
        let taken = rest.into_iter().reduce(|a, b| self.junction(true, a, b));
        let zero = self.constant(0.0);
        let body = taken.map_or(then, |condition| self.select(condition, then, zero));
        for (dimension, value) in &mut places {
            let low = self.extent(*dimension).low;
            if low != 0 {
                let low = self.constant(low as f64);
                *value = self.subtract(*value, low);
            }
        }
        places.sort_unstable();
        Some(self.scatter(over, body, places))
    }

    /// A product of which a factor is 0 unless a condition holds: the condition, and the product where it does.
    fn under_condition(&mut self, product: ValueId) -> Option<(ValueId, ValueId)> {
        let (mut condition, mut is_negative) = (None, false);
        let (mut factors, mut divisors) = (Vec::new(), Vec::new());
        let mut pending = vec![product];
        while let Some(value) = pending.pop() {
            match *self.operation(value) {
                Operation::Binary(Binary::Multiply, a, b) => pending.extend([b, a]),
                Operation::Binary(Binary::Divide, a, b) => {
                    pending.push(a);
                    divisors.push(b);
                }
                Operation::Unary(Unary::Negate, a) => {
                    pending.push(a);
                    is_negative = !is_negative;
                }
                Operation::Select(holds, then, otherwise)
                    if condition.is_none() && self.as_constant(otherwise) == Some(0.0) =>
                {
                    condition = Some(holds);
                    factors.push(then);
                }
                _ => factors.push(value),
            }
        }
        let condition = condition?;
        let then = factors.into_iter().reduce(|a, b| self.multiply(a, b))?;
        let then = divisors.into_iter().fold(then, |then, divisor| self.divide(then, divisor));
        Some((condition, if is_negative { self.negate(then) } else { then }))
    }

    /// The dimension whose index the condition equates with a value that does not vary with it.
    fn place_of(&self, condition: ValueId) -> Option<(Dimension, ValueId)> {
        let Operation::Binary(Binary::Equal, a, b) = *self.operation(condition) else { return None };
        [(a, b), (b, a)].into_iter().find_map(|(index, value)| match *self.operation(index) {
            Operation::Index(dimension) if !self.space(value).contains(dimension) => Some((dimension, value)),
            _ => None,
        })
    }
}
