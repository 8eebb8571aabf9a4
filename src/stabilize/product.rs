//! Products: logarithms with weights that vanish, exponentials that overflow, quotients by norms.

use super::Stabilizer;
use super::choice::{Complement, falling, log_of_complement};
use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Interval, NodeId, Op, Reduction};
use crate::number::Number;

impl Stabilizer<'_> {
    /// Of a product.
    pub(super) fn product(&mut self, node: NodeId) -> NodeId {
        let factors = self.graph.operands(node).to_vec();
        if let Some(form) = self
            .log_by_complement(&factors)
            .or_else(|| self.argument_over_expm1(&factors))
            .or_else(|| self.product_with_log(&factors))
            .or_else(|| self.softmax_written_out(&factors))
            .or_else(|| self.normalized_sum(&factors))
            .or_else(|| self.label_times_quotient(&factors))
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
        for (other, power) in factors.iter().enumerate() {
            let (Op::Power, &[base, exponent]) = (self.graph.op(*power), self.graph.operands(*power)) else {
                continue;
            };
            if self.graph.interval(exponent).is_non_negative() {
                continue;
            }
            for (at, factor) in factors.iter().enumerate() {
                if at == other {
                    continue;
                }
                let Some(log) = log_of_complement(self.graph, base, *factor) else { continue };
                let raised = self.graph.linear(Number::ONE, &[(Number::ONE, exponent)]);
                let raised = self.graph.power(base, raised);
                let rest = self.all_but(factors, &[at, other]);
                let (raised, rest) = (self.value(raised), self.value(rest));
                let slope = match log {
                    Complement::OfLogarithm(p) => {
                        let p = self.value(p);
                        self.call(Function::Logrel, p)
                    }
                    Complement::OfExponential(x, _) => self.over_expm1(x),
                };
                let product = self.graph.product_verbatim(&[rest, raised, slope]);
                let keeps_sign = match log {
                    Complement::OfLogarithm(_) => false,
                    Complement::OfExponential(x, is_negative) => (x == *factor) == is_negative,
                };
                let form = if keeps_sign { product } else { self.graph.negated_verbatim(product) };
                return Some(self.by("log_by_complement", form));
            }
        }
        None
    }

    /// `x/expm1(x)`, and 1 at 0.
    fn over_expm1(&mut self, x: NodeId) -> NodeId {
        let x = self.value(x);
        let (zero, one, minus_one) =
            (self.graph.integer(0), self.graph.integer(1), self.graph.constant(Number::MINUS_ONE));
        let is_zero = self.graph.intern(Op::Compare(Comparison::Equal), &[zero, x]);
        let below = self.call(Function::Expm1, x);
        let inverse = self.graph.power_verbatim(below, minus_one);
        let quotient = self.graph.product_verbatim(&[x, inverse]);
        self.graph.choice_verbatim(is_zero, one, quotient)
    }

    /// `x/expm1(x)`, and `x*sign(x)/expm1(-|x|)`, which has a limit at 0 as well.
    fn argument_over_expm1(&mut self, factors: &[NodeId]) -> Option<NodeId> {
        for (at, factor) in factors.iter().enumerate() {
            let (Op::Power, &[base, exponent]) = (self.graph.op(*factor), self.graph.operands(*factor))
            else {
                continue;
            };
            if self.graph.as_constant(exponent) != Some(&Number::MINUS_ONE)
                || self.graph.op(base) != Op::Function(Function::Expm1)
            {
                continue;
            }
            let argument = self.graph.operands(base)[0];
            let opposite = self.graph.neg(argument);
            let found = if self.graph.op(opposite) == Op::Function(Function::Abs) {
                let x = self.graph.operands(opposite)[0];
                let signs: Vec<Option<NodeId>> = factors
                    .iter()
                    .map(|f| {
                        (self.graph.op(*f) == Op::Function(Function::Sign))
                            .then(|| self.graph.operands(*f)[0])
                    })
                    .collect();
                let inner: Vec<NodeId> = signs.iter().zip(factors).map(|(s, f)| s.unwrap_or(*f)).collect();
                let sign = self.multiple_of(x, &inner, |n| signs[n].is_some());
                let value = self.multiple_of(x, &inner, |n| signs[n].is_none() && n != at);
                sign.zip(value).map(|((n, a), (m, b))| (vec![at, n, m], a != b))
            } else {
                self.multiple_of(argument, factors, |n| n != at).map(|(n, is_same)| (vec![at, n], is_same))
            };
            let Some((places, is_positive)) = found else { continue };
            let rest = self.all_but(factors, &places);
            let (rest, quotient) = (self.value(rest), self.over_expm1(argument));
            let form = self.graph.product_verbatim(&[rest, quotient]);
            let form = if is_positive { form } else { self.graph.negated_verbatim(form) };
            return Some(self.by("argument_over_expm1", form));
        }
        None
    }

    /// The first of `nodes` with a position that `fits` which is `x`, or `-x`: its position, and whether it is `x`.
    fn multiple_of(
        &mut self,
        x: NodeId,
        nodes: &[NodeId],
        fits: impl Fn(usize) -> bool,
    ) -> Option<(usize, bool)> {
        let opposite = self.graph.neg(x);
        let at = (0..nodes.len()).find(|n| fits(*n) && (nodes[*n] == x || nodes[*n] == opposite))?;
        Some((at, nodes[at] == x))
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

    /// A label that may be 0, times a sum that divides by what may be tiny: 0 where the label is.
    fn label_times_quotient(&mut self, factors: &[NodeId]) -> Option<NodeId> {
        let at = factors.iter().position(|factor| {
            matches!(self.graph.op(*factor), Op::Access(_))
                && Interval::UNIT.covers(&self.graph.interval(*factor))
                && self.graph.interval(*factor).contains(0.0)
        })?;
        let divides = factors.iter().any(|factor| {
            let terms = self.graph.terms(*factor).1;
            self.graph.op(*factor) == Op::Linear
                && terms.iter().any(|(_, term)| {
                    falling(self.graph, *term).is_some()
                        || self.graph.op(*term) == Op::Product
                            && self.graph.operands(*term).iter().any(|f| falling(self.graph, *f).is_some())
                })
        });
        if !divides {
            return None;
        }
        let rest = self.all_but(factors, &[at]);
        let (label, rest) = (self.value(factors[at]), self.value(rest));
        Some(self.guarded_product(label, rest))
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
                for place in &mut left {
                    let Some((norm, exponent)) = self.inverse_norm(*place) else { continue };
                    if !self.is_norm_of(norm, part, &indices) {
                        continue;
                    }
                    let form = self.value(norm);
                    let minus_one = self.graph.constant(Number::MINUS_ONE);
                    forms.push(self.graph.power_verbatim(form, minus_one));
                    let one_less = self.graph.constant(exponent.checked_add(&Number::ONE)?);
                    *place = self.graph.power(norm, one_less);
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

    /// The norm of which `factor` is a negative whole power; and that power.
    fn inverse_norm(&self, factor: NodeId) -> Option<(NodeId, Number)> {
        let (Op::Power, &[base, exponent]) = (self.graph.op(factor), self.graph.operands(factor)) else {
            return None;
        };
        let n = self.graph.as_constant(exponent)?.clone();
        let is_norm = matches!(self.graph.op(base), Op::Reduce(Reduction::Norm, _));
        (is_norm && n.is_integer() && n.is_negative()).then_some((base, n))
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
