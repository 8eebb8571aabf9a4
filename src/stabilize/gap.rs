//! `logsumexp(z) - z[t]`: minus the logarithm of a softmax.
//!
//! With m the largest z it is `(m - z[t]) + logsumexp(z - m)`. Both parts are at least 0 and the second keeps its digits
//! where it is tiny, so nothing cancels. Probabilities, their logarithms and their complements all follow from it.

use super::Stabilizer;
use super::squares::positions;
use crate::function::Function;
use crate::graph::{IndexId, NodeId, Op, Reduction};
use crate::number::Number;

/// The parts of a logsumexp.
#[derive(Clone, Debug)]
pub(super) struct Shifted {
    /// The indices that the bodies have free.
    pub indices: Vec<IndexId>,
    /// The body, canonical.
    pub body: NodeId,
    /// The body, verbatim.
    pub form: NodeId,
    /// The filter, verbatim.
    pub filter: Option<NodeId>,
    /// The largest value of the body.
    pub largest: NodeId,
    /// The logsumexp of what the body is less than that.
    pub rest: NodeId,
}

/// A gap in a sum: `coefficient*(logsumexp(z) - z[t])`.
pub(super) struct Gap {
    pub coefficient: Number,
    /// The largest z less z\[t\].
    pub difference: NodeId,
    /// The logsumexp of z less the largest.
    pub rest: NodeId,
}

impl Stabilizer<'_> {
    pub(super) fn shifted(&mut self, node: NodeId) -> Shifted {
        if let Some(known) = self.shifted.get(&node) {
            return known.clone();
        }
        let (indices, body, filter) = self.graph.open(node);
        let form = self.value(body);
        let filter = filter.map(|f| self.value(f));
        let largest = self.graph.reduce_verbatim(Reduction::Max, &indices, form, filter);
        let lower = self.minus(form, largest);
        let rest = self.graph.reduce_verbatim(Reduction::LogSumExp, &indices, lower, filter);
        let shifted = Shifted { indices, body, form, filter, largest, rest };
        self.shifted.insert(node, shifted.clone());
        shifted
    }

    /// Takes a gap out of `constant + terms`, if there is one.
    pub(super) fn take_gap(
        &mut self,
        constant: &mut Number,
        terms: &mut Vec<(Number, NodeId)>,
    ) -> Option<Gap> {
        for at in 0..terms.len() {
            let (coefficient, total) = terms[at].clone();
            if !matches!(self.graph.op(total), Op::Reduce(Reduction::LogSumExp, _)) {
                continue;
            }
            let shifted = self.shifted(total);
            let others: Vec<NodeId> =
                terms.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, t)| t.1).collect();
            for map in positions(self.graph, &shifted.indices, shifted.body, &others) {
                let instance = self.graph.substitute(shifted.body, &map);
                let (shift, parts) = self.graph.terms(instance);
                let Some(left) = without(terms, at, &coefficient, &parts) else { continue };
                let Some(shift) = coefficient.checked_mul(&shift).and_then(|s| constant.checked_add(&s))
                else {
                    continue;
                };
                // Where z[t] is a number, all of the number must go: what it leaves could be large.
                if parts.is_empty() && !shift.is_zero() {
                    continue;
                }
                (*constant, *terms) = (shift, left);
                // The same operations in the same order as in the body, so that the largest has a difference of 0.
                let one = self.graph.substitute_verbatim(shifted.form, &map);
                let difference = self.minus(shifted.largest, one);
                return Some(Gap { coefficient, difference, rest: shifted.rest });
            }
        }
        None
    }

    /// `difference + rest`
    pub(super) fn gap_sum(&mut self, gap: &Gap) -> NodeId {
        let sum = self.plus(gap.difference, gap.rest);
        self.by("shifted_log_softmax", sum)
    }

    /// `exp(x)`; of the logarithm of a softmax by two exponentials of numbers that are exact or small.
    pub(super) fn exp(&mut self, x: NodeId) -> NodeId {
        let (mut constant, mut terms) = self.graph.terms(x);
        let gap = self.take_gap(&mut constant, &mut terms).filter(|g| g.coefficient == Number::MINUS_ONE);
        let Some(gap) = gap else {
            let x = self.value(x);
            return self.call(Function::Exp, x);
        };
        let mut factors = Vec::with_capacity(3);
        for part in [gap.difference, gap.rest] {
            let negative = self.graph.negated_verbatim(part);
            factors.push(self.call(Function::Exp, negative));
        }
        let left = self.graph.linear(constant, &terms);
        if !self.graph.is_zero(left) {
            factors.push(self.exp(left));
        }
        let product = self.graph.product_verbatim(&factors);
        self.by("shifted_softmax", product)
    }

    /// The difference of two logsumexps over the same indices where their bodies are close, with the condition for
    /// that: `log1p(sum[c](softmax(b)*expm1(a - b)))`.
    pub(super) fn close_logsumexps(&mut self, first: NodeId, second: NodeId) -> Option<(NodeId, NodeId)> {
        let (a, b) = (self.shifted(first), self.shifted(second));
        let ranges =
            |indices: &[IndexId]| -> Vec<_> { indices.iter().map(|i| self.graph.range(*i)).collect() };
        if a.filter.is_some() || b.filter.is_some() || ranges(&a.indices) != ranges(&b.indices) {
            return None;
        }
        let map: Vec<(IndexId, NodeId)> =
            b.indices.iter().zip(&a.indices).map(|(from, to)| (*from, self.graph.index_value(*to))).collect();
        let other = self.graph.substitute(b.body, &map);
        let difference = self.graph.sub(a.body, other);
        let difference = self.value(difference);
        let size = self.call(Function::Abs, difference);
        let largest = self.graph.reduce_verbatim(Reduction::Max, &a.indices, size, None);
        let one = self.graph.integer(1);
        let close = self.less(largest, one);
        let log = self.graph.sub(other, second);
        let probability = self.exp(log);
        let growth = self.call(Function::Expm1, difference);
        let product = self.graph.product_verbatim(&[probability, growth]);
        let sum = self.graph.reduce_verbatim(Reduction::Sum, &a.indices, product, None);
        Some((close, self.call(Function::Log1p, sum)))
    }
}

/// `terms` without the one at `at`, whose coefficient is given, and without minus that times `parts`.
pub(super) fn without(
    terms: &[(Number, NodeId)],
    at: usize,
    coefficient: &Number,
    parts: &[(Number, NodeId)],
) -> Option<Vec<(Number, NodeId)>> {
    let mut left = terms.to_vec();
    left.remove(at);
    for (own, part) in parts {
        let wanted = -&coefficient.checked_mul(own)?;
        let place = left.iter().position(|(c, t)| t == part && *c == wanted)?;
        left.remove(place);
    }
    Some(left)
}
