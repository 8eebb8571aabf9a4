//! Reductions and the canonical names of the indices they bind.

use super::{Graph, IndexId, NodeId, Op, Range, Reduction};
use crate::comparison::Comparison;
use crate::function::Function;
use crate::number::Number;

impl Graph {
    /// The reduction of `body` over free `indices`, which become bound.
    ///
    /// A bound index is renamed to the least height that is at least that of everything bound in the body and
    /// that is not free in it. So names carry no information, two reductions that differ in them only are one
    /// node, and nothing is captured when a body is put into another.
    ///
    /// A filter belongs to `Max`, `Min`, `Mean` and `LogSumExp` only; for others it is part of the body.
    pub fn reduce(
        &mut self,
        reduction: Reduction,
        indices: &[IndexId],
        body: NodeId,
        filter: Option<NodeId>,
    ) -> NodeId {
        let filter = filter.filter(|f| self.op(*f) != Op::Truth(true));
        let (indices, body, filter) = self.flatten(reduction, indices, body, filter);
        if indices.is_empty() && filter.is_none() {
            return match reduction {
                Reduction::Norm => self.function(Function::Abs, &[body]),
                _ => body,
            };
        }
        if indices.iter().any(|i| self.index_entry(*i).range.is_none()) {
            return self.open_reduce(reduction, &indices, body, filter);
        }
        if let Some(simpler) = self.simpler_reduction(reduction, &indices, body, filter) {
            return simpler;
        }
        self.bind(reduction, &indices, body, filter)
    }

    /// A reduction whose indices keep their names, while their ranges are not known yet.
    pub(crate) fn open_reduce(
        &mut self,
        reduction: Reduction,
        indices: &[IndexId],
        body: NodeId,
        filter: Option<NodeId>,
    ) -> NodeId {
        let list = self.index_list(indices);
        let operands: Vec<NodeId> = [body].into_iter().chain(filter).collect();
        self.intern(Op::Reduce(reduction, list), &operands)
    }

    /// The number of values an index takes.
    pub fn range_length(&mut self, range: Range) -> NodeId {
        self.sub(range.high, range.low)
    }

    /// The body of a reduction with new free indices in the place of those that it binds, and its filter.
    pub fn open(&mut self, node: NodeId) -> (Vec<IndexId>, NodeId, Option<NodeId>) {
        let Op::Reduce(_, list) = self.op(node) else { return (Vec::new(), node, None) };
        let bound = self.bound_indices(list).to_vec();
        let mut fresh = Vec::with_capacity(bound.len());
        let mut map = Vec::with_capacity(bound.len());
        for index in bound {
            let (name, range) = (self.index_entry(index).name.clone(), self.index_entry(index).range);
            let new = self.fresh_index(&name, range);
            let value = self.index_value(new);
            fresh.push(new);
            map.push((index, value));
        }
        let operands = self.operands(node).to_vec();
        let body = self.substitute(operands[0], &map);
        let filter = operands.get(1).map(|f| self.substitute(*f, &map));
        (fresh, body, filter)
    }

    /// Reductions of the same kind directly within one another are one: `sum[i](sum[j](e))` is `sum[i,j](e)`.
    fn flatten(
        &mut self,
        reduction: Reduction,
        indices: &[IndexId],
        mut body: NodeId,
        filter: Option<NodeId>,
    ) -> (Vec<IndexId>, NodeId, Option<NodeId>) {
        let mut indices = indices.to_vec();
        if reduction == Reduction::Mean || filter.is_some() {
            return (indices, body, filter);
        }
        while let Op::Reduce(inner, list) = self.op(body)
            && inner == reduction
            && self.operands(body).len() == 1
            && self.bound_indices(list).iter().all(|i| self.index_entry(*i).range.is_some())
        {
            let (more, inner_body, _) = self.open(body);
            indices.extend(more);
            body = inner_body;
        }
        (indices, body, filter)
    }

    /// What the reduction is by the algebra of sums, or `None` where it stays as it is.
    fn simpler_reduction(
        &mut self,
        reduction: Reduction,
        indices: &[IndexId],
        body: NodeId,
        filter: Option<NodeId>,
    ) -> Option<NodeId> {
        match reduction {
            Reduction::Mean if filter.is_none() => {
                let sum = self.reduce(Reduction::Sum, indices, body, None);
                let mut factors = vec![sum];
                for index in indices {
                    let range = self.range(*index);
                    let length = self.range_length(range);
                    factors.push(self.powi(length, -1));
                }
                Some(self.mul(&factors))
            }
            Reduction::Sum => self.simpler_sum(indices, body),
            Reduction::Any => matches!(self.op(body), Op::Truth(false)).then_some(body),
            Reduction::Norm => {
                if self.is_zero(body) {
                    return Some(body);
                }
                let (coefficient, rest) = self.split_coefficient(body);
                if coefficient.is_one() {
                    return None;
                }
                let norm = self.reduce(reduction, indices, rest, None);
                Some(self.scale(&coefficient.abs(), norm))
            }
            Reduction::LogSumExp => {
                // What does not depend on the indices stands outside: shifting the arguments shifts the result.
                let (constant, terms) = self.terms(body);
                let (inside, outside): (Vec<_>, Vec<_>) = terms
                    .into_iter()
                    .partition(|(_, t)| indices.iter().any(|i| self.depends_on_index(*t, *i)));
                if inside.is_empty() || (outside.is_empty() && constant.is_zero()) {
                    return None;
                }
                let rest = self.linear(Number::ZERO, &inside);
                let rest = self.reduce(reduction, indices, rest, filter);
                let shift = self.linear(constant, &outside);
                Some(self.add(&[rest, shift]))
            }
            Reduction::Max | Reduction::Min => {
                let (coefficient, rest) = self.split_coefficient(body);
                if coefficient.is_one() {
                    return None;
                }
                let flipped = match (coefficient.is_negative(), reduction) {
                    (false, same) => same,
                    (true, Reduction::Max) => Reduction::Min,
                    (true, _) => Reduction::Max,
                };
                let rest = self.reduce(flipped, indices, rest, filter);
                Some(self.scale(&coefficient, rest))
            }
            Reduction::Product | Reduction::Mean => None,
        }
    }

    fn simpler_sum(&mut self, indices: &[IndexId], body: NodeId) -> Option<NodeId> {
        if self.is_zero(body) {
            return Some(body);
        }
        let (used, unused): (Vec<IndexId>, Vec<IndexId>) =
            indices.iter().partition(|i| self.depends_on_index(body, **i));
        if !unused.is_empty() {
            let mut factors = vec![self.reduce(Reduction::Sum, &used, body, None)];
            for index in unused {
                let range = self.range(index);
                factors.push(self.range_length(range));
            }
            return Some(self.mul(&factors));
        }
        let (coefficient, rest) = self.split_coefficient(body);
        if !coefficient.is_one() {
            let sum = self.reduce(Reduction::Sum, indices, rest, None);
            return Some(self.scale(&coefficient, sum));
        }
        let depends = |graph: &Graph, node: NodeId| indices.iter().any(|i| graph.depends_on_index(node, *i));
        match self.op(body) {
            Op::Product => {
                let (inside, outside): (Vec<NodeId>, Vec<NodeId>) =
                    self.operands(body).iter().partition(|f| depends(self, **f));
                if outside.is_empty() {
                    return None;
                }
                let inside = self.mul(&inside);
                let sum = self.reduce(Reduction::Sum, indices, inside, None);
                let mut factors = outside;
                factors.push(sum);
                Some(self.mul(&factors))
            }
            Op::If => {
                let [condition, then, otherwise] = [0, 1, 2].map(|at| self.operands(body)[at]);
                if !depends(self, condition) {
                    let then = self.reduce(Reduction::Sum, indices, then, None);
                    let otherwise = self.reduce(Reduction::Sum, indices, otherwise, None);
                    return Some(self.select(condition, then, otherwise));
                }
                if !self.is_zero(otherwise) {
                    return None;
                }
                let conditions: Vec<NodeId> = match self.op(condition) {
                    Op::And => self.operands(condition).to_vec(),
                    _ => vec![condition],
                };
                let (inside, outside): (Vec<NodeId>, Vec<NodeId>) =
                    conditions.iter().partition(|c| depends(self, **c));
                if !outside.is_empty() {
                    let inside = self.and(&inside);
                    let body = self.select(inside, then, otherwise);
                    let sum = self.reduce(Reduction::Sum, indices, body, None);
                    let outside = self.and(&outside);
                    return Some(self.select(outside, sum, otherwise));
                }
                self.sum_over_delta(indices, &conditions, then)
                    .or_else(|| self.sum_of_multiples(indices, condition, then))
            }
            _ => None,
        }
    }

    /// `sum[c](if p[c] then k*a[c] else 0)` is `k*sum[c](if p[c] then a[c] else 0)`, if `k` is defined also where `p`
    /// does not hold.
    fn sum_of_multiples(&mut self, indices: &[IndexId], condition: NodeId, then: NodeId) -> Option<NodeId> {
        let (coefficient, rest) = self.split_coefficient(then);
        let factors = match self.op(rest) {
            Op::Product => self.operands(rest).to_vec(),
            _ if self.is_one(rest) => Vec::new(),
            _ => vec![rest],
        };
        let mut around = indices.to_vec();
        around.extend_from_slice(self.free_indices(condition));
        around.extend_from_slice(self.free_indices(then));
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for factor in factors {
            let is_fixed = !indices.iter().any(|i| self.depends_on_index(factor, *i));
            if is_fixed && self.is_defined_everywhere(factor, &around) {
                outside.push(factor);
            } else {
                inside.push(factor);
            }
        }
        if outside.is_empty() && coefficient.is_one() {
            return None;
        }
        let inside = self.mul(&inside);
        let zero = self.integer(0);
        let body = self.select(condition, inside, zero);
        outside.push(self.reduce(Reduction::Sum, indices, body, None));
        let product = self.mul(&outside);
        Some(self.scale(&coefficient, product))
    }

    /// `sum[c](if c == e and … then a else 0)` has one term, that at `c = e`, if `e` is in range.
    fn sum_over_delta(&mut self, indices: &[IndexId], conditions: &[NodeId], then: NodeId) -> Option<NodeId> {
        for condition in conditions {
            let (Op::Compare(Comparison::Equal), &[a, b]) = (self.op(*condition), self.operands(*condition))
            else {
                continue;
            };
            for index in indices {
                let Some(value) = self.solve(a, b, *index) else { continue };
                // At another position the body of a maximum may have another form, whose last bit differs: whether it
                // is the maximum is decided where the maximum is taken.
                let is_shifted = self.op(value) == Op::Linear;
                if is_shifted && conditions.iter().any(|c| self.picks_extremum(*c, *index)) {
                    continue;
                }
                let range = self.range(*index);
                let mut all = vec![
                    self.compare(Comparison::LessEqual, range.low, value),
                    self.compare(Comparison::Less, value, range.high),
                ];
                let map = [(*index, value)];
                for other in conditions.iter().filter(|c| *c != condition) {
                    all.push(self.substitute(*other, &map));
                }
                let condition = self.and(&all);
                let then = self.substitute(then, &map);
                let zero = self.integer(0);
                let body = self.select(condition, then, zero);
                let rest: Vec<IndexId> = indices.iter().copied().filter(|i| i != index).collect();
                return Some(self.reduce(Reduction::Sum, &rest, body, None));
            }
        }
        None
    }

    /// Whether `condition` is that an expression in `index`, other than an element of an input, is the largest or
    /// smallest of all.
    fn picks_extremum(&self, condition: NodeId, index: IndexId) -> bool {
        let is_extremum = |n: &NodeId| matches!(self.op(*n), Op::Reduce(Reduction::Max | Reduction::Min, _));
        self.op(condition) == Op::Compare(Comparison::Equal)
            && self.operands(condition).iter().any(is_extremum)
            && self
                .operands(condition)
                .iter()
                .any(|side| self.depends_on_index(*side, index) && !matches!(self.op(*side), Op::Access(_)))
    }

    /// The whole number at which `index` makes `a` and `b` equal, where the equation is `index = …` or
    /// `-index = …` and the other side is a whole number whatever the variables are.
    fn solve(&mut self, a: NodeId, b: NodeId, index: IndexId) -> Option<NodeId> {
        if self.depends_on_index(a, index) == self.depends_on_index(b, index) {
            return None;
        }
        let difference = self.sub(a, b);
        let (constant, terms) = self.terms(difference);
        let at = terms.iter().position(|(_, t)| self.op(*t) == Op::Index(index))?;
        let sign = terms[at].0.clone();
        if sign.abs() != Number::ONE {
            return None;
        }
        let rest: Vec<_> = terms.into_iter().enumerate().filter(|(n, _)| *n != at).map(|(_, t)| t).collect();
        let rest = self.linear(constant, &rest);
        if self.depends_on_index(rest, index) || !self.is_whole(rest) {
            return None;
        }
        Some(self.scale(&-&sign, rest))
    }

    /// Renames the indices to canonical ones and interns the reduction.
    fn bind(
        &mut self,
        reduction: Reduction,
        indices: &[IndexId],
        body: NodeId,
        filter: Option<NodeId>,
    ) -> NodeId {
        let mut by_range: Vec<(Range, IndexId)> = indices.iter().map(|i| (self.range(*i), *i)).collect();
        by_range.sort_unstable();
        // Indices of one range are interchangeable: of the namings, the one with the smallest node is taken.
        let mut best: Option<(NodeId, Vec<NodeId>, Vec<IndexId>)> = None;
        for order in orders_within_ranges(&by_range) {
            let (names, map) = self.canonical_names(&order, body, filter);
            let operands: Vec<NodeId> =
                [body].into_iter().chain(filter).map(|n| self.substitute(n, &map)).collect();
            if best.as_ref().is_none_or(|(_, found, _)| operands < *found) {
                best = Some((operands[0], operands, names));
            }
        }
        let Some((_, operands, names)) = best else { return body };
        let list = self.index_list(&names);
        self.intern(Op::Reduce(reduction, list), &operands)
    }

    /// The canonical bound indices for free ones in this order, which groups them by range; and what to put for each.
    pub(super) fn canonical_names(
        &mut self,
        order: &[(Range, IndexId)],
        body: NodeId,
        filter: Option<NodeId>,
    ) -> (Vec<IndexId>, Vec<(IndexId, NodeId)>) {
        let least = self.height(body).max(filter.map_or(0, |f| self.height(f)));
        let mut names: Vec<IndexId> = Vec::with_capacity(order.len());
        let mut map: Vec<(IndexId, NodeId)> = Vec::with_capacity(order.len());
        let (mut floor, mut previous) = (least, None);
        for (range, index) in order {
            if previous != Some(*range) {
                (floor, previous) = (least, Some(*range));
            }
            let hint = self.index_entry(*index).name.clone();
            let mut bound = self.bound_index(*range, floor, &hint);
            while self.depends_on_index(body, bound)
                || filter.is_some_and(|f| self.depends_on_index(f, bound))
            {
                floor += 1;
                bound = self.bound_index(*range, floor, &hint);
            }
            floor += 1;
            names.push(bound);
            map.push((*index, self.index_value(bound)));
        }
        (names, map)
    }
}

/// The orders of indices that keep them grouped by range.
fn orders_within_ranges(indices: &[(Range, IndexId)]) -> Vec<Vec<(Range, IndexId)>> {
    let mut all: Vec<Vec<(Range, IndexId)>> = vec![Vec::new()];
    for group in indices.chunk_by(|a, b| a.0 == b.0) {
        let within = orders(group);
        all = all
            .iter()
            .flat_map(|order| within.iter().map(|more| order.iter().chain(more).copied().collect()))
            .collect();
    }
    all
}

/// All orders of a short list; of one with more than three items the given one alone.
pub(crate) fn orders<T: Copy>(items: &[T]) -> Vec<Vec<T>> {
    if items.len() <= 1 || items.len() > 3 {
        return vec![items.to_vec()];
    }
    let mut all = Vec::new();
    for at in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        for mut tail in orders(&rest) {
            tail.insert(0, first);
            all.push(tail);
        }
    }
    all
}
