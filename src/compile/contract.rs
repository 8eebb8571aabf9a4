//! Sums of products that are products of matrices.

use super::value::{BATCH, Binary, Fold, Load, Operation, Place, Source, Space, ValueId, Values};

/// Fewer multiplications than this are not worth a product of matrices.
const WORTH: usize = 1 << 10;

/// Factors of a product of matrices.
struct Groups {
    left: Vec<ValueId>,
    right: Vec<ValueId>,
    /// Those that a condition may have kept from mattering.
    masked: Vec<ValueId>,
}

impl Values {
    /// The sum of `body` over the dimensions as a product of two matrices, if it is one.
    ///
    /// The factors fall into two groups with no dimension in common but those summed over, and perhaps the batch.
    pub(super) fn contraction(&mut self, over: Space, body: ValueId) -> Option<ValueId> {
        if let Operation::Binary(operation @ (Binary::Add | Binary::Subtract), a, b) = *self.operation(body)
            && !over.contains(BATCH)
        {
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
        let Groups { mut left, mut right, masked } = self.groups(over, body)?;
        let outside = if over.contains(BATCH) {
            Vec::new()
        } else {
            [self.outside(over, &mut left), self.outside(over, &mut right)].concat()
        };
        let bare =
            [&left, &right].into_iter().filter(|side| side.iter().all(|f| self.condition(*f).is_none()));
        let doubtful: Vec<ValueId> =
            bare.flatten().chain(&outside).filter(|f| masked.contains(f)).copied().collect();
        let (left, right) = (self.product_of(left)?, self.product_of(right)?);
        let shared = self.shared_batch(over, &[left, right]);
        if !(self.is_matrix(left, over, shared) && self.is_matrix(right, over, shared)) {
            return None;
        }
        self.finite.extend(doubtful);
        let sum = self.contract(over, left, right);
        Some(outside.into_iter().fold(sum, |sum, factor| self.multiply(sum, factor)))
    }

    /// Takes out factors that do not vary with what is summed over, where exponentials are left, which are at most 1: so
    /// the sum cannot overflow without them, and the exponentials, which are stored, are a factor as they are.
    fn outside(&self, over: Space, factors: &mut Vec<ValueId>) -> Vec<ValueId> {
        let is_exponential = |f: &ValueId| self.exponentials.values().any(|known| known.exponential == *f);
        let varies = |f: &ValueId| over.without(self.space(*f)) != over;
        if factors.iter().filter(|f| varies(f)).all(is_exponential) {
            factors.extract_if(.., |f| !varies(f)).collect()
        } else {
            Vec::new()
        }
    }

    /// The sum over the batch, and over other dimensions that the body varies with.
    pub(super) fn sum_over_batch(&mut self, others: Space, body: ValueId) -> ValueId {
        let over = others.with(BATCH);
        let sum = self.scattered(over, body).or_else(|| self.contraction(over, body));
        sum.unwrap_or_else(|| self.reduce(Fold::Sum(0), over, body))
    }

    /// The sum, or difference, of two products of matrices as one, if they have a factor in common.
    pub(super) fn sum_of_contractions(
        &mut self,
        operation: Binary,
        a: ValueId,
        b: ValueId,
    ) -> Option<ValueId> {
        if let (
            &Operation::Binary(Binary::Multiply, scale, a),
            &Operation::Binary(Binary::Multiply, other, b),
        ) = (self.operation(a), self.operation(b))
        {
            // A constant factor comes first.
            self.as_constant(scale).filter(|_| scale == other)?;
            let sum = self.sum_of_contractions(operation, a, b)?;
            return Some(self.multiply(scale, sum));
        }
        let (&Operation::Contract(over, p, q), &Operation::Contract(also_over, r, s)) =
            (self.operation(a), self.operation(b))
        else {
            return None;
        };
        let pairs = [(q, s, [p, r]), (p, r, [q, s]), (q, r, [p, s]), (p, s, [q, r])];
        let (common, _, [x, y]) = pairs
            .into_iter()
            .filter(|_| over == also_over)
            .find(|(common, also, [x, y])| common == also && self.space(*x) == self.space(*y))?;
        let sum = self.joined(operation, x, y);
        Some(self.contract(over, sum, common))
    }

    /// The product of factors; what a condition keeps of them is chosen, so that what it leaves out does not matter.
    fn product_of(&mut self, factors: Vec<ValueId>) -> Option<ValueId> {
        let (masks, factors): (Vec<ValueId>, Vec<ValueId>) =
            factors.into_iter().partition(|f| self.condition(*f).is_some());
        let product = factors.into_iter().reduce(|a, b| self.multiply(a, b));
        let mut masks = masks.into_iter();
        let first = product.or_else(|| masks.next())?;
        Some(masks.fold(first, |product, mask| {
            let zero = self.constant(0.0);
            match self.condition(mask) {
                Some((condition, true)) => self.select(condition, product, zero),
                Some((condition, false)) => self.select(condition, zero, product),
                None => product,
            }
        }))
    }

    /// The condition of a factor that is 1 where it holds, or where it does not, and 0 elsewhere.
    fn condition(&self, factor: ValueId) -> Option<(ValueId, bool)> {
        let Operation::Select(condition, then, otherwise) = *self.operation(factor) else { return None };
        match (self.as_constant(then), self.as_constant(otherwise)) {
            (Some(1.0), Some(0.0)) => Some((condition, true)),
            (Some(0.0), Some(1.0)) => Some((condition, false)),
            _ => None,
        }
    }

    /// The factors of `body` in two groups. Of a product under a condition that is else 0, the condition is a factor.
    fn groups(&mut self, over: Space, body: ValueId) -> Option<Groups> {
        let space = self.space(body);
        if self.volume(space.without(Space::of(BATCH))) < WORTH {
            return None;
        }
        let (factors, masked) = self.factors_of_sums(body);
        let groups = |(left, right)| Groups { left, right, masked };
        // The batch belongs to one group, or each of its elements has a product of its own.
        let both = self.shared_batch(over, &factors);
        self.split(over, &factors, Space::POINT)
            .or_else(|| (both != Space::POINT).then(|| self.split(over, &factors, both)).flatten())
            .map(groups)
    }

    /// The factors of a product, those under a condition, which is one itself, apart. A sum whose terms have factors in
    /// common is their product with a sum.
    fn factors_of_sums(&mut self, product: ValueId) -> (Vec<ValueId>, Vec<ValueId>) {
        let (factors, mut masked) = self.factors(product);
        let mut all = Vec::with_capacity(factors.len());
        for factor in factors {
            let Operation::Binary(operation @ (Binary::Add | Binary::Subtract), a, b) =
                *self.operation(factor)
            else {
                all.push(factor);
                continue;
            };
            let ((mut left, first), (mut right, second)) = (self.factors(a), self.factors(b));
            let is_common = |f: &mut ValueId| right.contains(f) && self.as_constant(*f).is_none();
            let common: Vec<ValueId> = left.extract_if(.., is_common).collect();
            if common.is_empty() {
                all.push(factor);
                continue;
            }
            right.retain(|f| !common.contains(f));
            let one = self.constant(1.0);
            let [left, right] = [left, right].map(|rest| self.product_of(rest).unwrap_or(one));
            all.push(self.joined(operation, left, right));
            masked.extend([first, second].concat());
            all.extend(common);
        }
        (all, masked)
    }

    /// The factors of a product, and which of them are under a condition, which is a factor itself.
    fn factors(&mut self, product: ValueId) -> (Vec<ValueId>, Vec<ValueId>) {
        let (mut factors, mut masked) = (Vec::new(), Vec::new());
        let mut pending = vec![(product, false)];
        while let Some((value, is_masked)) = pending.pop() {
            match *self.operation(value) {
                Operation::Binary(Binary::Multiply, a, b) if a != b => {
                    pending.extend([(a, is_masked), (b, is_masked)]);
                }
                Operation::Select(condition, then, otherwise) if !self.is_exact => {
                    let [one, zero] = [1.0, 0.0].map(|c| self.constant(c));
                    let has_parts = |v| {
                        matches!(*self.operation(v), Operation::Binary(Binary::Multiply, a, b) if a != b)
                            || self.as_constant(v).is_none() && self.space(v) != self.space(value)
                    };
                    if otherwise == zero && has_parts(then) {
                        factors.push(self.select(condition, one, zero));
                        pending.push((then, true));
                    } else if then == zero && has_parts(otherwise) {
                        factors.push(self.select(condition, zero, one));
                        pending.push((otherwise, true));
                    } else {
                        factors.push(value);
                    }
                }
                _ => factors.push(value),
            }
            if is_masked && factors.last() == Some(&value) {
                masked.push(value);
            }
        }
        (factors, masked)
    }

    /// The factors in two groups with no dimension in common but those summed over and those shared.
    fn split(&self, over: Space, factors: &[ValueId], shared: Space) -> Option<(Vec<ValueId>, Vec<ValueId>)> {
        let kept = |v: ValueId| self.space(v).without(over).without(shared);
        // What is connected with the first factor that has a dimension of its own.
        let mut group = kept(*factors.iter().find(|f| kept(**f) != Space::POINT)?);
        loop {
            let grown = factors
                .iter()
                .filter(|f| kept(**f).common(group) != Space::POINT)
                .fold(group, |space, f| space.union(kept(*f)));
            if grown == group {
                break;
            }
            group = grown;
        }
        let (mut left, rest): (Vec<ValueId>, Vec<ValueId>) =
            factors.iter().partition(|f| kept(**f).common(group) != Space::POINT);
        let (mut right, loose): (Vec<ValueId>, Vec<ValueId>) =
            rest.into_iter().partition(|f| kept(*f) != Space::POINT);
        let space = |side: &[ValueId]| side.iter().fold(Space::POINT, |space, f| space.union(self.space(*f)));
        let spans = |side: &[ValueId]| over.without(space(side)) == Space::POINT;
        // What has only dimensions that are summed over goes with the smaller side, unless that is an input as it is.
        let is_smaller = self.volume(space(&left)) < self.volume(space(&right));
        let smaller = if is_smaller { &left } else { &right };
        let is_input = matches!(**smaller, [factor] if matches!(self.operation(factor), Operation::Load(_)));
        let goes_left = is_smaller != is_input;
        if goes_left && spans(&right) { &mut left } else { &mut right }.extend(loose);
        (space(&right).without(over).without(shared) != Space::POINT && spans(&left) && spans(&right))
            .then_some((left, right))
    }

    /// The batch, if several factors have it and it is not summed over: then each batch element has a product of its
    /// own.
    pub(super) fn shared_batch(&self, over: Space, factors: &[ValueId]) -> Space {
        let with_batch = factors.iter().filter(|f| self.space(**f).contains(BATCH)).count();
        if with_batch > 1 && !over.contains(BATCH) { Space::of(BATCH) } else { Space::POINT }
    }

    /// Whether the elements of a factor can be read as a matrix: computed, or an input whose axes are read plainly.
    fn is_matrix(&self, value: ValueId, over: Space, shared: Space) -> bool {
        let Operation::Load(Load { source: Source::Input(_), axes, batched, .. }) = self.operation(value)
        else {
            return !matches!(self.operation(value), Operation::Load(_));
        };
        // Each axis has one dimension from its beginning to its end, or a place; rows and columns do not alternate.
        let mut changes = 0;
        // The batch comes first.
        let mut last = (*batched && !shared.contains(BATCH)).then_some(over.contains(BATCH));
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
