//! Sums of products that are products of matrices.

use super::value::{BATCH, Binary, Load, Operation, Place, Source, Space, ValueId, Values};

/// Fewer multiplications than this are not worth a product of matrices.
const WORTH: usize = 1 << 10;

impl Values {
    /// The sum of `body` over the dimensions as a product of two matrices, if it is one.
    ///
    /// The factors fall into two groups with no dimension in common but those summed over, and perhaps the batch.
    pub(super) fn contraction(&mut self, over: Space, body: ValueId) -> Option<ValueId> {
        if let Operation::Binary(operation @ (Binary::Add | Binary::Subtract), a, b) = *self.operation(body) {
            // A sum of such sums, if each runs over all that is summed over.
            let runs = |values: &Values, v| over.without(values.space(v)) == Space::POINT;
            if !(runs(self, a) && runs(self, b)) {
                return None;
            }
            let (left, right) = (self.groups(over, a), self.groups(over, b));
            if left.is_none() && right.is_none() {
                return None;
            }
            let (a, b) = (self.sum(over, a), self.sum(over, b));
            return Some(if operation == Binary::Add { self.add(a, b) } else { self.subtract(a, b) });
        }
        let (left, right) = self.groups(over, body)?;
        let product = |values: &mut Values, factors: Vec<ValueId>| {
            let mut factors = factors.into_iter();
            let first = factors.next()?;
            Some(factors.fold(first, |a, b| values.multiply(a, b)))
        };
        let (left, right) = (product(self, left)?, product(self, right)?);
        if !(self.is_matrix(left, over) && self.is_matrix(right, over)) {
            return None;
        }
        Some(self.contract(over, left, right))
    }

    /// The factors of `body` in two groups.
    fn groups(&self, over: Space, body: ValueId) -> Option<(Vec<ValueId>, Vec<ValueId>)> {
        let mut factors = Vec::new();
        let mut pending = vec![body];
        while let Some(value) = pending.pop() {
            match *self.operation(value) {
                Operation::Binary(Binary::Multiply, a, b) if a != b => pending.extend([a, b]),
                _ => factors.push(value),
            }
        }
        let space = self.space(body);
        if self.volume(space.without(Space::of(BATCH))) < WORTH {
            return None;
        }
        let with_batch = factors.iter().filter(|f| self.space(**f).contains(BATCH)).count();
        let shared = if with_batch > 1 { Space::of(BATCH) } else { Space::POINT };
        let kept = |v: ValueId| self.space(v).without(over).without(shared);
        // What is connected with the first factor that has a dimension of its own.
        let mut group = kept(*factors.iter().find(|f| kept(**f) != Space::POINT)?);
        loop {
            let grown = factors
                .iter()
                .filter(|f| kept(**f).0 & group.0 != 0)
                .fold(group, |space, f| space.union(kept(*f)));
            if grown == group {
                break;
            }
            group = grown;
        }
        let (left, mut right): (Vec<ValueId>, Vec<ValueId>) =
            factors.iter().partition(|f| kept(**f).0 & group.0 != 0);
        // What has only dimensions that are summed over goes with the smaller side.
        right.sort_by_key(|f| std::cmp::Reverse(kept(*f).0.count_ones()));
        let spans = |side: &[ValueId]| {
            let all = side.iter().fold(Space::POINT, |space, f| space.union(self.space(*f)));
            over.without(all) == Space::POINT
        };
        let others = right.iter().fold(Space::POINT, |space, f| space.union(kept(*f)));
        (others != Space::POINT && spans(&left) && spans(&right)).then_some((left, right))
    }

    /// Whether the elements of a factor can be read as a matrix: computed, or an input whose axes are read plainly.
    fn is_matrix(&self, value: ValueId, over: Space) -> bool {
        let Operation::Load(Load { source: Source::Input(_), axes, .. }) = self.operation(value) else {
            return !matches!(self.operation(value), Operation::Load(_));
        };
        // Each axis has one dimension from its beginning to its end, or a place; rows and columns do not alternate.
        let mut changes = 0;
        let mut last = None;
        for (length, place) in axes {
            match place {
                Place::Affine(first, terms) => match terms.as_slice() {
                    [] if (0..*length as i64).contains(first) => {}
                    [(dimension, 1)] if *first == 0 && self.length(*dimension) == *length => {
                        let is_over = over.contains(*dimension);
                        changes += usize::from(last.is_some_and(|l| l != is_over));
                        last = Some(is_over);
                    }
                    _ => return false,
                },
                Place::Value(_) => return false,
            }
        }
        changes <= 1
    }
}
