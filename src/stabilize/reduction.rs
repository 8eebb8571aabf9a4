//! Reductions, and sums of divergences, whose terms are large where the sum is small.

use super::Stabilizer;
use super::choice::is_softmax_over;
use super::quotient::LogQuotient;
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
        let (constant, terms) = self.graph.terms(body);
        if let Some(form) = self.sum_with_divergences(&constant, &terms) {
            // What cancels within each element need not be summed apart.
            return self.graph.reduce_verbatim(Reduction::Sum, indices, form, None);
        }
        if constant.is_zero() && terms.len() > 1 && terms.iter().any(|(_, t)| self.divergence(*t).is_some()) {
            // Each divergence apart, so that what cancels in it is seen.
            let sums: Vec<(Number, NodeId)> =
                terms.into_iter().map(|(c, term)| (c, self.sum_over(indices, term))).collect();
            return self.graph.sum_verbatim(Number::ZERO, &sums);
        }
        let body = self.value(body);
        self.graph.reduce_verbatim(Reduction::Sum, indices, body, None)
    }

    /// Reads `w*a*log(a/b)`.
    fn divergence(&mut self, body: NodeId) -> Option<Divergence> {
        if let Some(joined) = self.joined_logs(body) {
            return self.divergence(joined);
        }
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

    /// `w*log(a) - w*log(b)` as `w*log(a/b)`.
    fn joined_logs(&mut self, body: NodeId) -> Option<NodeId> {
        let (constant, terms) = self.graph.terms(body);
        let [(c, first), (d, second)] = terms.as_slice() else { return None };
        if !constant.is_zero() || *c != -d {
            return None;
        }
        let ((weight, a), (other, b)) = (self.weighted(*first)?, self.weighted(*second)?);
        if weight != other {
            return None;
        }
        let quotient = self.graph.div(a, b);
        let log = self.graph.function(Function::Log, &[quotient]);
        let product = self.graph.mul(&[weight, log]);
        Some(self.graph.scale(c, product))
    }

    /// The weight and the argument of a logarithm with a weight.
    fn weighted(&mut self, node: NodeId) -> Option<(NodeId, NodeId)> {
        let operands = self.graph.operands(node).to_vec();
        match (self.graph.op(node), operands.as_slice()) {
            (Op::Function(Function::Xlogy), &[weight, x]) => Some((weight, x)),
            (Op::Product, factors) => {
                let at = factors.iter().position(|f| self.graph.op(*f) == Op::Function(Function::Log))?;
                let mut rest = factors.to_vec();
                let log = rest.remove(at);
                Some((self.graph.mul(&rest), self.graph.operands(log)[0]))
            }
            _ => None,
        }
    }

    /// Two sums whose difference is a divergence: `sum[c](p*log(p)) - sum[c](p*log(q))`.
    pub(super) fn joined_divergence(
        &mut self,
        constant: &Number,
        terms: &[(Number, NodeId)],
    ) -> Option<NodeId> {
        let [(c, first), (d, second)] = terms else { return None };
        if !constant.is_zero() || *c != -d {
            return None;
        }
        let is_sum = |n: NodeId| matches!(self.graph.op(n), Op::Reduce(Reduction::Sum, _));
        if !is_sum(*first) || !is_sum(*second) {
            return None;
        }
        let ((indices, a, _), (others, b, _)) = (self.graph.open(*first), self.graph.open(*second));
        let ranges =
            |indices: &[IndexId]| -> Vec<_> { indices.iter().map(|i| self.graph.range(*i)).collect() };
        if ranges(&indices) != ranges(&others) {
            return None;
        }
        let map: Vec<(IndexId, NodeId)> =
            others.iter().zip(&indices).map(|(from, to)| (*from, self.graph.index_value(*to))).collect();
        let b = self.graph.substitute(b, &map);
        let difference = self.graph.sub(a, b);
        let divergence = self.divergence(difference)?;
        let sum = self.sum_of_divergence(&indices, difference, &divergence);
        Some(self.graph.sum_verbatim(Number::ZERO, &[(c.clone(), sum)]))
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

    /// `a*log(a/b)` is an excess over `a - b` that is never negative, and that difference, which is exact where a and b
    /// are close, so that the sum over it loses nothing.
    fn sum_of_divergence(&mut self, indices: &[IndexId], body: NodeId, divergence: &Divergence) -> NodeId {
        let Divergence { weight, above, below } = *divergence;
        let Some(LogQuotient { log, excess }) = self.log_quotient_parts(above, below) else {
            let body = self.value(body);
            return self.graph.reduce_verbatim(Reduction::Sum, indices, body, None);
        };
        let close = self.are_close(above, below);
        let difference = self.graph.sub(above, below);
        let (weight, above, difference) = (self.value(weight), self.value(above), self.value(difference));
        let zero = self.graph.integer(0);
        let near = self.graph.product_verbatim(&[weight, excess]);
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

    /// `p*log(p/q) + (1 - p)*log((1 - p)/(1 - q))`, `y*log(y/p) - y + p`: where the differences of what the logarithms
    /// compare cancel one another, or the rest, exactly.
    pub(super) fn sum_with_divergences(
        &mut self,
        constant: &Number,
        terms: &[(Number, NodeId)],
    ) -> Option<NodeId> {
        if terms.len() > 12 {
            return None;
        }
        let (mut near, mut far, mut conditions) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest: Vec<(Number, NodeId)> = Vec::new();
        let mut shifts: Vec<(Number, NodeId)> = Vec::new();
        for (coefficient, term) in terms {
            let found = self.divergence(*term);
            let parts = found.and_then(|d| self.log_quotient_parts(d.above, d.below).map(|parts| (d, parts)));
            let Some((Divergence { weight, above, below }, LogQuotient { log, excess })) = parts else {
                rest.push((coefficient.clone(), *term));
                continue;
            };
            let difference = self.graph.sub(above, below);
            shifts.push((coefficient.clone(), self.graph.mul(&[weight, difference])));
            conditions.push(self.are_close(above, below));
            let (weight, above) = (self.value(weight), self.value(above));
            near.push((coefficient.clone(), self.graph.product_verbatim(&[weight, excess])));
            let full = self.graph.product_verbatim(&[weight, above]);
            far.push((coefficient.clone(), self.guarded_product(full, log)));
        }
        if near.is_empty() {
            return None;
        }
        let left = self.graph.linear(constant.clone(), &rest);
        let shift = self.graph.linear(Number::ZERO, &shifts);
        let together = self.graph.add(&[left, shift]);
        let size = |graph: &crate::graph::Graph, node: NodeId| {
            let (constant, terms) = graph.terms(node);
            terms.len() + usize::from(!constant.is_zero())
        };
        // All of the shift has to go.
        let before: usize = shifts.iter().map(|(_, s)| size(self.graph, *s)).sum();
        if size(self.graph, together) + before > size(self.graph, left)
            && size(self.graph, together) > size(self.graph, left).saturating_sub(size(self.graph, shift))
        {
            return None;
        }
        let (left, together) = (self.value(left), self.value(together));
        for (terms, more) in [(&mut near, together), (&mut far, left)] {
            if !self.graph.is_zero(more) {
                terms.push((Number::ONE, more));
            }
        }
        let (near, far) =
            (self.graph.sum_verbatim(Number::ZERO, &near), self.graph.sum_verbatim(Number::ZERO, &far));
        let mut choice = near;
        for condition in conditions {
            choice = self.graph.choice_verbatim(condition, choice, far);
        }
        Some(self.by("divergence", choice))
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
            if !is_softmax_over(self.graph, log_q, indices) {
                (sign, ratio) = (Number::MINUS_ONE, self.graph.neg(*log));
                log_q = self.graph.sub(log_p, ratio);
            }
            if !is_softmax_over(self.graph, log_p, indices) || !is_softmax_over(self.graph, log_q, indices) {
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
}
