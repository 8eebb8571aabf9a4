//! Products: logarithms with weights that vanish, exponentials that overflow, quotients by norms.

use super::Stabilizer;
use crate::function::Function;
use crate::graph::{NodeId, Op, Reduction};
use crate::number::Number;

impl Stabilizer<'_> {
    /// Of a product.
    pub(super) fn product(&mut self, node: NodeId) -> NodeId {
        let factors = self.graph.operands(node).to_vec();
        if let Some(form) = self
            .log_by_complement(&factors)
            .or_else(|| self.product_with_log(&factors))
            .or_else(|| self.softmax_written_out(&factors))
            .or_else(|| self.normalized_sum(&factors))
        {
            return form;
        }
        let mut forms = Vec::with_capacity(factors.len());
        for factor in factors {
            match self.falling_power(factor) {
                Some(split) => forms.extend(split),
                None => forms.push(self.value(factor)),
            }
        }
        self.graph.product_verbatim(&forms)
    }

    fn all_but(&mut self, factors: &[NodeId], left_out: &[usize]) -> NodeId {
        let rest: Vec<NodeId> =
            factors.iter().enumerate().filter(|(at, _)| !left_out.contains(at)).map(|(_, f)| *f).collect();
        self.graph.mul(&rest)
    }

    /// `(1 - p)^m*log(p)` is `-(1 - p)^(m + 1)*logrel(p)`, which has a value at p = 1 for m > -1.
    fn log_by_complement(&mut self, factors: &[NodeId]) -> Option<NodeId> {
        for (at, factor) in factors.iter().enumerate() {
            if self.graph.op(*factor) != Op::Function(Function::Log) {
                continue;
            }
            let p = self.graph.operands(*factor)[0];
            let complement = self.complement(p);
            for (other, power) in factors.iter().enumerate() {
                if self.graph.op(*power) != Op::Power {
                    continue;
                }
                let [base, exponent] = [0, 1].map(|n| self.graph.operands(*power)[n]);
                if base != complement || self.graph.interval(exponent).is_non_negative() {
                    continue;
                }
                let raised = self.graph.linear(Number::ONE, &[(Number::ONE, exponent)]);
                let raised = self.graph.power(base, raised);
                let rest = self.all_but(factors, &[at, other]);
                let (p, raised, rest) = (self.value(p), self.value(raised), self.value(rest));
                let slope = self.call(Function::Logrel, p);
                let product = self.graph.product_verbatim(&[rest, raised, slope]);
                let form = self.graph.negated_verbatim(product);
                return Some(self.by("log_by_complement", form));
            }
        }
        None
    }

    /// `1 - p`; of a choice in its branches.
    fn complement(&mut self, p: NodeId) -> NodeId {
        if let (Op::If, &[condition, a, b]) = (self.graph.op(p), self.graph.operands(p)) {
            let [a, b] = [a, b].map(|p| self.graph.linear(Number::ONE, &[(Number::MINUS_ONE, p)]));
            return self.graph.select(condition, a, b);
        }
        self.graph.linear(Number::ONE, &[(Number::MINUS_ONE, p)])
    }

    /// A logarithm that may be infinite, with a weight that may then be 0.
    fn product_with_log(&mut self, factors: &[NodeId]) -> Option<NodeId> {
        let at = factors.iter().position(|f| self.graph.op(*f) == Op::Function(Function::Log))?;
        let x = self.graph.operands(factors[at])[0];
        if self.graph.interval(x).is_positive() {
            return None;
        }
        let weight = self.all_but(factors, &[at]);
        let form = self.weighted_log(weight, x);
        Some(self.by("weight_of_zero", form))
    }

    /// `exp(a)/(exp(a) + exp(b))` and the like, as one exponential.
    fn softmax_written_out(&mut self, factors: &[NodeId]) -> Option<NodeId> {
        let (mut plain, mut powers, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for factor in factors {
            let operands = self.graph.operands(*factor).to_vec();
            match (self.graph.op(*factor), operands.as_slice()) {
                (Op::Function(Function::Exp), &[argument]) => plain.push(argument),
                (Op::Power, &[base, exponent])
                    if self.graph.as_constant(exponent).is_some_and(Number::is_negative)
                        && self.exponentials(base).is_some_and(|parts| parts.len() > 1) =>
                {
                    powers.push((base, exponent));
                }
                _ => rest.push(*factor),
            }
        }
        if powers.is_empty() {
            return None;
        }
        let exponential = self.exponential_of_logs(&plain, &powers);
        let mut forms = self.values_of(rest);
        forms.push(exponential);
        Some(self.graph.product_verbatim(&forms))
    }

    /// `sum[k](a*b)/norm[k](a)` is `sum[k]((a/norm[k](a))*b)`, whose terms do not underflow.
    fn normalized_sum(&mut self, factors: &[NodeId]) -> Option<NodeId> {
        for (at, sum) in factors.iter().enumerate() {
            if !matches!(self.graph.op(*sum), Op::Reduce(Reduction::Sum, _)) {
                continue;
            }
            let (indices, body, _) = self.graph.open(*sum);
            if self.graph.op(body) != Op::Product {
                continue;
            }
            let parts = self.graph.operands(body).to_vec();
            let mut forms: Vec<NodeId> = Vec::new();
            let mut left = factors.to_vec();
            left.remove(at);
            let mut found = false;
            for part in parts {
                let form = self.value(part);
                forms.push(form);
                for place in 0..left.len() {
                    let Some((norm, exponent)) = self.inverse_norm(left[place]) else { continue };
                    if !self.is_norm_of(norm, part, &indices) {
                        continue;
                    }
                    let form = self.value(norm);
                    let minus_one = self.graph.constant(Number::MINUS_ONE);
                    forms.push(self.graph.power_verbatim(form, minus_one));
                    let one_less = self.graph.constant(exponent.checked_add(&Number::ONE)?);
                    left[place] = self.graph.power(norm, one_less);
                    found = true;
                    break;
                }
            }
            if !found {
                continue;
            }
            let body = self.graph.product_verbatim(&forms);
            let sum = self.graph.reduce_verbatim(Reduction::Sum, &indices, body, None);
            let sum = self.by("normalized_sum", sum);
            let rest = self.graph.mul(&left);
            let rest = match self.graph.op(rest) {
                Op::Product => self.product(rest),
                _ => self.value(rest),
            };
            return Some(self.graph.product_verbatim(&[rest, sum]));
        }
        None
    }

    /// The norm, or root of a sum of squares, of which `factor` is a negative whole power; and that power.
    fn inverse_norm(&mut self, factor: NodeId) -> Option<(NodeId, Number)> {
        if self.graph.op(factor) != Op::Power {
            return None;
        }
        let [base, exponent] = [0, 1].map(|n| self.graph.operands(factor)[n]);
        let n = self.graph.as_constant(exponent)?.clone();
        if !n.is_negative() {
            return None;
        }
        match self.graph.op(base) {
            Op::Reduce(Reduction::Norm, _) if n.is_integer() => Some((base, n)),
            Op::Reduce(Reduction::Sum, _) => {
                // sqrt(sum[k](a^2))
                let (indices, body, _) = self.graph.open(base);
                let twice = n.checked_mul(&Number::integer(2)).filter(Number::is_integer)?;
                let [part, two] = match (self.graph.op(body), self.graph.operands(body)) {
                    (Op::Power, &[part, two]) => [part, two],
                    _ => return None,
                };
                (self.graph.as_constant(two)?.to_i64() == Some(2)).then_some(())?;
                Some((self.graph.reduce(Reduction::Norm, &indices, part, None), twice))
            }
            _ => None,
        }
    }

    /// Whether `norm` is taken over `indices` of `part`.
    fn is_norm_of(&mut self, norm: NodeId, part: NodeId, indices: &[crate::graph::IndexId]) -> bool {
        self.graph.reduce(Reduction::Norm, indices, part, None) == norm
    }

    /// `x^(n - 1)` as x^n and 1/x: where x is tiny and n near 0 the first may overflow, though the product does not.
    fn falling_power(&mut self, factor: NodeId) -> Option<[NodeId; 2]> {
        if self.graph.op(factor) != Op::Power {
            return None;
        }
        let [base, exponent] = [0, 1].map(|n| self.graph.operands(factor)[n]);
        let (constant, terms) = self.graph.terms(exponent);
        let below = self.graph.interval(exponent);
        if terms.is_empty()
            || !constant.is_integer()
            || !constant.is_negative()
            || below.is_non_negative()
            || !self.graph.interval(base).is_positive()
        {
            return None;
        }
        let rest = self.graph.linear(Number::ZERO, &terms);
        let (rest, constant) = (self.graph.power(base, rest), self.graph.constant(constant));
        let (rest, base) = (self.value(rest), self.value(base));
        Some([rest, self.graph.power_verbatim(base, constant)])
    }
}
