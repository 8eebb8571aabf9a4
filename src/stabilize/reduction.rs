//! Reductions, and sums of divergences, whose terms are large where the sum is small.

use super::Stabilizer;
use crate::function::Function;
use crate::graph::{IndexId, NodeId, Op, Reduction};
use crate::number::Number;

/// `weight*above*log(above/below)`, in a sum.
struct Divergence {
    weight: NodeId,
    above: NodeId,
    below: NodeId,
}

impl Stabilizer<'_> {
    /// Of a reduction.
    pub(super) fn reduction(&mut self, node: NodeId) -> NodeId {
        let Op::Reduce(reduction, _) = self.graph.op(node) else { return node };
        let (indices, body, filter) = self.graph.open(node);
        let form = match reduction {
            Reduction::Sum => self.sum_over(&indices, body),
            _ => {
                let filter = filter.map(|f| self.value(f));
                let body = self.value(body);
                self.graph.reduce_verbatim(reduction, &indices, body, filter)
            }
        };
        self.graph.keep_place(node, form);
        form
    }

    fn sum_over(&mut self, indices: &[IndexId], body: NodeId) -> NodeId {
        if let Some(form) = self.divergence_of_softmaxes(indices, body) {
            return form;
        }
        if let Some(divergence) = self.divergence(body) {
            return self.sum_of_divergence(indices, body, &divergence);
        }
        let body = self.value(body);
        self.graph.reduce_verbatim(Reduction::Sum, indices, body, None)
    }

    /// Reads `w*a*log(a/b)`.
    fn divergence(&mut self, body: NodeId) -> Option<Divergence> {
        let (coefficient, product) = self.graph.split_coefficient(body);
        let operands = self.graph.operands(product).to_vec();
        let (weight, quotient) = match (self.graph.op(product), operands.as_slice()) {
            (Op::Function(Function::Xlogy), &[weight, x]) => (weight, self.quotient(x)?),
            (Op::Product, factors) => {
                let (at, quotient) = factors
                    .iter()
                    .enumerate()
                    .find_map(|(at, factor)| Some((at, self.log_quotient(*factor)?)))?;
                let rest: Vec<NodeId> =
                    factors.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, f)| *f).collect();
                (self.graph.mul(&rest), quotient)
            }
            _ => return None,
        };
        let weight = self.graph.scale(&coefficient, weight);
        let (mut above, mut below) = quotient;
        // `w*q*log(p/q)` is `-w*q*log(q/p)`.
        for sign in [Number::ONE, Number::MINUS_ONE] {
            let rest = self.graph.div(weight, above);
            let atom = self.graph.split_coefficient(above).1;
            let is_divided = self
                .graph
                .reachable(&[rest])
                .into_iter()
                .all(|n| self.graph.op(n) != Op::Power || self.graph.operands(n)[0] != atom);
            if is_divided {
                let weight = self.graph.scale(&sign, rest);
                return Some(Divergence { weight, above, below });
            }
            std::mem::swap(&mut above, &mut below);
        }
        None
    }

    /// The two sides of a quotient of two expressions that vary.
    fn quotient(&mut self, x: NodeId) -> Option<(NodeId, NodeId)> {
        let (coefficient, product) = self.graph.split_coefficient(x);
        if self.graph.op(product) != Op::Product {
            return None;
        }
        let (mut above, mut below) = (vec![self.graph.constant(coefficient)], Vec::new());
        for factor in self.graph.operands(product).to_vec() {
            match (self.graph.op(factor), self.graph.operands(factor)) {
                (Op::Power, &[base, exponent])
                    if self.graph.as_constant(exponent) == Some(&Number::MINUS_ONE) =>
                {
                    below.push(base);
                }
                (Op::Function(Function::Exp), _) => return None,
                _ => above.push(factor),
            }
        }
        (!below.is_empty() && above.len() > 1).then(|| (self.graph.mul(&above), self.graph.mul(&below)))
    }

    /// Of `log(a/b)`, or of `log(a) - log(b)`.
    fn log_quotient(&mut self, factor: NodeId) -> Option<(NodeId, NodeId)> {
        let is_log = |n: NodeId| self.graph.op(n) == Op::Function(Function::Log);
        if is_log(factor) {
            return self.quotient(self.graph.operands(factor)[0]);
        }
        let (constant, terms) = self.graph.terms(factor);
        match terms.as_slice() {
            [(c, a), (d, b)] if constant.is_zero() && is_log(*a) && is_log(*b) => {
                let (a, b) = (self.graph.operands(*a)[0], self.graph.operands(*b)[0]);
                match (c.is_one(), d.is_one()) {
                    (true, _) if *d == Number::MINUS_ONE => Some((a, b)),
                    (_, true) if *c == Number::MINUS_ONE => Some((b, a)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// `a*log(a/b)` is `a*expm1mx(-log(a/b)) + (a - b)`: the first is never negative, and the sum over the second, of
    /// differences that are exact where a and b are close, loses nothing.
    fn sum_of_divergence(&mut self, indices: &[IndexId], body: NodeId, divergence: &Divergence) -> NodeId {
        let Divergence { weight, above, below } = *divergence;
        let Some(log) = self.log_of_quotient(above, below) else {
            let body = self.value(body);
            return self.graph.reduce_verbatim(Reduction::Sum, indices, body, None);
        };
        let close = self.are_close(above, below);
        let difference = self.graph.sub(above, below);
        let (weight, above, difference) = (self.value(weight), self.value(above), self.value(difference));
        let zero = self.graph.integer(0);
        let opposite = self.graph.negated_verbatim(log);
        let excess = self.call(Function::Expm1mx, opposite);
        let near = self.graph.product_verbatim(&[weight, above, excess]);
        let full = self.graph.product_verbatim(&[weight, above]);
        let far = self.guarded_product(full, log);
        let first = self.graph.choice_verbatim(close, near, far);
        let shift = self.graph.product_verbatim(&[weight, difference]);
        let second = self.graph.choice_verbatim(close, shift, zero);
        let first = self.graph.reduce_verbatim(Reduction::Sum, indices, first, None);
        let second = self.graph.reduce_verbatim(Reduction::Sum, indices, second, None);
        let sum = self.plus(first, second);
        self.by("divergence", sum)
    }

    /// `sum[c](p*(log p - log q))` of two softmaxes over the same index: the sum of `p - q` is exactly 0.
    fn divergence_of_softmaxes(&mut self, indices: &[IndexId], body: NodeId) -> Option<NodeId> {
        let (coefficient, product) = self.graph.split_coefficient(body);
        if self.graph.op(product) != Op::Product {
            return None;
        }
        let factors = self.graph.operands(product).to_vec();
        let at = factors.iter().position(|f| self.graph.op(*f) == Op::Function(Function::Exp))?;
        let log_p = self.graph.operands(factors[at])[0];
        for (other, log) in factors.iter().enumerate() {
            if self.graph.op(*log) != Op::Linear {
                continue;
            }
            let (mut sign, mut ratio) = (Number::ONE, *log);
            let mut log_q = self.graph.sub(log_p, ratio);
            if !self.is_softmax_over(log_q, indices) {
                (sign, ratio) = (Number::MINUS_ONE, self.graph.neg(*log));
                log_q = self.graph.sub(log_p, ratio);
            }
            if !self.is_softmax_over(log_p, indices) || !self.is_softmax_over(log_q, indices) {
                continue;
            }
            let weight: Vec<NodeId> = factors
                .iter()
                .enumerate()
                .filter(|(n, _)| *n != at && *n != other)
                .map(|(_, f)| *f)
                .collect();
            let weight = self.graph.mul(&weight);
            if indices.iter().any(|i| self.graph.depends_on_index(weight, *i)) {
                continue;
            }
            let scale = coefficient.checked_mul(&sign)?;
            let weight = self.graph.scale(&scale, weight);
            let (p, q) = (self.exp(log_p), self.exp(log_q));
            let ratio = self.value(ratio);
            let opposite = self.graph.negated_verbatim(ratio);
            let excess = self.call(Function::Expm1mx, opposite);
            let near = self.graph.product_verbatim(&[p, excess]);
            let product = self.guarded_product(p, ratio);
            let far = self.graph.sum_verbatim(
                Number::ZERO,
                &[(Number::ONE, q), (Number::MINUS_ONE, p), (Number::ONE, product)],
            );
            let close = self.is_small(ratio);
            let body = self.graph.choice_verbatim(close, near, far);
            let sum = self.graph.reduce_verbatim(Reduction::Sum, indices, body, None);
            let sum = self.by("divergence_of_softmaxes", sum);
            let weight = self.value(weight);
            return Some(self.graph.product_verbatim(&[weight, sum]));
        }
        None
    }

    /// Whether `x` is `f - logsumexp[c](f)` for exactly these indices.
    fn is_softmax_over(&mut self, x: NodeId, indices: &[IndexId]) -> bool {
        let (constant, terms) = self.graph.terms(x);
        let total = terms.iter().find(|(c, t)| {
            *c == Number::MINUS_ONE && matches!(self.graph.op(*t), Op::Reduce(Reduction::LogSumExp, _))
        });
        let Some((_, total)) = total else { return false };
        let total = *total;
        let rest: Vec<(Number, NodeId)> = terms.into_iter().filter(|(_, t)| *t != total).collect();
        let rest = self.graph.linear(constant, &rest);
        self.graph.reduce(Reduction::LogSumExp, indices, rest, None) == total
    }
}
