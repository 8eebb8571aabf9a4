//! Nodes that stay as they are written, for evaluation.
//!
//! The canonical constructors know what is equal in exact arithmetic; what is accurate in floating point is often
//! just what they undo: a shift of a logsumexp, a factor within a sum, an order of additions. What the functions here
//! make is evaluated and printed, but not rewritten any more.

use super::{Graph, IndexId, Map, NodeId, Op, Range, Reduction};
use crate::function::Function;
use crate::number::Number;

impl Graph {
    /// `k + c1*t1 + c2*t2 + …`, added in this order.
    pub(crate) fn sum_verbatim(&mut self, constant: Number, terms: &[(Number, NodeId)]) -> NodeId {
        match terms {
            [] => return self.constant(constant),
            [(one, term)] if one.is_one() && constant.is_zero() => return *term,
            _ => {}
        }
        // A sum of two that only negates its first term reads, and is computed, as one.
        let mut operands = vec![self.constant(constant)];
        for (coefficient, term) in terms {
            operands.push(self.constant(coefficient.clone()));
            operands.push(*term);
        }
        self.intern(Op::Linear, &operands)
    }

    /// `-a`
    pub(crate) fn negated_verbatim(&mut self, a: NodeId) -> NodeId {
        if let Some(value) = self.as_constant(a) {
            let value = -value;
            return self.constant(value);
        }
        let (coefficient, rest) = self.split_coefficient(a);
        self.sum_verbatim(Number::ZERO, &[(-&coefficient, rest)])
    }

    /// The product of `factors`, numbers among them in front.
    pub(crate) fn product_verbatim(&mut self, factors: &[NodeId]) -> NodeId {
        let mut coefficient = Number::ONE;
        let mut rest: Vec<NodeId> = Vec::with_capacity(factors.len());
        for factor in factors {
            let (number, node) = match self.as_constant(*factor) {
                Some(number) => (number.clone(), None),
                None => {
                    let (number, node) = self.split_coefficient(*factor);
                    (number, Some(node))
                }
            };
            coefficient = self.within_limit(coefficient.checked_mul(&number));
            match node {
                Some(node) if self.op(node) == Op::Product => rest.extend_from_slice(self.operands(node)),
                Some(node) => rest.push(node),
                None => {}
            }
        }
        let product = match rest.as_slice() {
            [] => return self.constant(coefficient),
            [one] => *one,
            _ => self.intern(Op::Product, &rest),
        };
        self.sum_verbatim(Number::ZERO, &[(coefficient, product)])
    }

    /// `base^exponent`
    pub(crate) fn power_verbatim(&mut self, base: NodeId, exponent: NodeId) -> NodeId {
        if self.is_one(exponent) { base } else { self.intern(Op::Power, &[base, exponent]) }
    }

    /// `function(arguments)`
    pub(crate) fn function_verbatim(&mut self, function: Function, arguments: &[NodeId]) -> NodeId {
        self.intern(Op::Function(function), arguments)
    }

    /// `if condition then a else b`
    pub(crate) fn choice_verbatim(&mut self, condition: NodeId, a: NodeId, b: NodeId) -> NodeId {
        match self.op(condition) {
            Op::Truth(true) => a,
            Op::Truth(false) => b,
            _ if a == b => a,
            _ => self.intern(Op::If, &[condition, a, b]),
        }
    }

    /// The reduction over free `indices`, which get canonical names so that equal reductions are one node.
    pub(crate) fn reduce_verbatim(
        &mut self,
        reduction: Reduction,
        indices: &[IndexId],
        body: NodeId,
        filter: Option<NodeId>,
    ) -> NodeId {
        let mut by_range: Vec<(Range, IndexId)> = indices.iter().map(|i| (self.range(*i), *i)).collect();
        by_range.sort_unstable();
        let (names, map) = self.canonical_names(&by_range, body, filter);
        let operands: Vec<NodeId> =
            [body].into_iter().chain(filter).map(|n| self.substitute_verbatim(n, &map)).collect();
        let list = self.index_list(&names);
        self.intern(Op::Reduce(reduction, list), &operands)
    }

    /// `node` with free indices replaced. The expressions put in must not hold an index that is bound in `node`.
    pub(crate) fn substitute_verbatim(&mut self, node: NodeId, map: &[(IndexId, NodeId)]) -> NodeId {
        let mut done: Map<NodeId, NodeId> = Map::default();
        for (index, value) in map {
            let old = self.index_value(*index);
            done.insert(old, *value);
        }
        let touched =
            |graph: &Graph, node: NodeId| map.iter().any(|(index, _)| graph.depends_on_index(node, *index));
        let mut pending = vec![node];
        while let Some(&top) = pending.last() {
            if done.contains_key(&top) {
                pending.pop();
                continue;
            }
            if !touched(self, top) {
                done.insert(top, top);
                continue;
            }
            let waiting = pending.len();
            // The array of an element has no free index that is not its own.
            let skipped = usize::from(matches!(self.op(top), Op::Element(_)));
            pending.extend(self.operands(top)[skipped..].iter().filter(|o| !done.contains_key(o)));
            if pending.len() > waiting {
                continue;
            }
            let operands: Vec<NodeId> = self
                .operands(top)
                .iter()
                .enumerate()
                .map(|(at, o)| if at < skipped { *o } else { done[o] })
                .collect();
            let new = self.intern(self.op(top), &operands);
            self.keep_place(top, new);
            done.insert(top, new);
            pending.pop();
        }
        done[&node]
    }
}
