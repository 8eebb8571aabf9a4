//! Differences of probabilities and targets.

use super::Stabilizer;
use super::cancellation::Terms;
use super::gap::without;
use super::squares::{distributed, positions};
use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Interval, NodeId, Op, Reduction};
use crate::number::Number;

/// A factor that is a probability, with a complement that is known.
enum Probability {
    Logistic(NodeId),
    /// The exponential of this.
    Exponential(NodeId),
    /// The same, written as `exp(a)/(exp(a) + …)`: a and the sum.
    WrittenOut(NodeId, NodeId),
}

impl Stabilizer<'_> {
    /// `w*p - y` for a probability p: `(w - y)*p - y*(1 - p)`.
    pub(super) fn residual(&mut self, constant: &Number, terms: &Terms) -> Option<NodeId> {
        if terms.is_empty() || terms.len() == 1 && constant.is_zero() || terms.len() > 12 {
            return None;
        }
        let mut candidates: Vec<Probability> = Vec::new();
        for (_, term) in terms {
            candidates.extend(self.probability(*term).map(|(probability, _)| probability));
        }
        for probability in candidates {
            let terms = self.spread(&probability, constant, terms);
            // The weight of the probability, and what is left.
            let (mut weight, mut rest) = (Vec::new(), Vec::new());
            for (coefficient, other) in &terms {
                match self.probability(*other) {
                    Some((own, others)) if own.same(&probability) => {
                        weight.push((coefficient.clone(), others))
                    }
                    _ => rest.push((coefficient.clone(), *other)),
                }
            }
            let sums = |others: NodeId| {
                let factors = self.graph.operands(others).iter().chain([&others]);
                factors.copied().any(|f| matches!(self.graph.op(f), Op::Reduce(Reduction::Sum, _)))
            };
            let has_sum = weight.iter().any(|(_, others)| sums(*others));
            let weight = self.graph.linear(Number::ZERO, &weight);
            if rest.is_empty() && constant.is_zero() && has_sum {
                // In what the probability is a factor of, a sum and its elements may cancel.
                let (form, _) = self.probability_and_less_one(&probability);
                let weight = self.value(weight);
                return Some(self.graph.product_verbatim(&[form, weight]));
            }
            let target = self.graph.linear(constant.clone(), &rest);
            let target = self.graph.neg(target);
            let scale = self.graph.as_constant(weight).cloned();
            let (weight, target) = match &scale {
                Some(scale) => (self.graph.integer(1), self.graph.scale(&scale.recip()?, target)),
                None => (weight, target),
            };
            let interval = self.graph.interval(target);
            let is_worth_it = match (self.graph.as_constant(target), &scale) {
                (Some(n), _) => scale.is_some() && n.is_one(),
                (None, Some(_)) => interval.contains(1.0),
                (None, None) => !interval.is_non_positive(),
            };
            if !is_worth_it {
                continue;
            }
            let residual = self.residual_of(&probability, weight, target);
            let residual = self.by("residual_of_probability", residual);
            let scale = scale.unwrap_or(Number::ONE);
            return Some(self.graph.sum_verbatim(Number::ZERO, &[(scale, residual)]));
        }
        None
    }

    /// `terms` with `y*(w*p - v)` multiplied out, so that all that p is multiplied by is found.
    fn spread(&mut self, probability: &Probability, constant: &Number, terms: &Terms) -> Terms {
        let mut all = Vec::with_capacity(terms.len());
        for (coefficient, term) in terms {
            let factors = match self.graph.op(*term) {
                Op::Product if self.probability(*term).is_none() => self.graph.operands(*term).to_vec(),
                _ => Vec::new(),
            };
            let at = factors.iter().position(|factor| {
                let inner = self.graph.terms(*factor).1;
                self.graph.op(*factor) == Op::Linear
                    && inner
                        .iter()
                        .any(|(_, t)| self.probability(*t).is_some_and(|(own, _)| own.same(probability)))
            });
            let product = at.and_then(|at| distributed(self.graph, &factors, at));
            all.push((coefficient.clone(), product.unwrap_or(*term)));
        }
        let sum = self.graph.linear(constant.clone(), &all);
        let (shift, spread) = self.graph.terms(sum);
        if shift == *constant { spread } else { terms.clone() }
    }

    fn residual_of(&mut self, probability: &Probability, weight: NodeId, target: NodeId) -> NodeId {
        let (form, negative) = self.probability_and_less_one(probability);
        if self.graph.is_one(target) {
            return negative;
        }
        if self.graph.is_one(weight)
            && let (Op::If, &[condition, then, otherwise]) =
                (self.graph.op(target), self.graph.operands(target))
            && self.graph.is_one(then)
            && self.graph.is_zero(otherwise)
        {
            let condition = self.value(condition);
            return self.graph.choice_verbatim(condition, negative, form);
        }
        let rest = self.graph.sub(weight, target);
        let (rest, target) = (self.value(rest), self.value(target));
        let first = self.graph.product_verbatim(&[rest, form]);
        let second = self.graph.product_verbatim(&[target, negative]);
        self.plus(first, second)
    }

    /// The forms of p and of p - 1.
    fn probability_and_less_one(&mut self, probability: &Probability) -> (NodeId, NodeId) {
        match *probability {
            Probability::Logistic(z) => {
                let other = self.logistic_complement(z);
                let z = self.value(z);
                (self.call(Function::Sigmoid, z), self.graph.negated_verbatim(other))
            }
            Probability::Exponential(log) => {
                let form = self.exp(log);
                let log = self.value(log);
                (form, self.less_one(form, log))
            }
            Probability::WrittenOut(argument, sum) => {
                let form = self.share_of_exponentials(argument, sum);
                let log = self.graph.function(Function::Log, &[sum]);
                let log = self.graph.sub(argument, log);
                let log = self.value(log);
                (form, self.less_one(form, log))
            }
        }
    }

    /// p - 1 of a probability and its logarithm: up to 1/2 the difference loses nothing, and spares most elements of a
    /// distribution the exponential.
    fn less_one(&mut self, probability: NodeId, log: NodeId) -> NodeId {
        let twice = self.graph.sum_verbatim(Number::ZERO, &[(Number::integer(2), probability)]);
        let one = self.graph.integer(1);
        let is_minor = self.less(twice, one);
        let difference = self.graph.sum_verbatim(Number::integer(-1), &[(Number::ONE, probability)]);
        let near = self.call(Function::Expm1, log);
        self.graph.choice_verbatim(is_minor, difference, near)
    }

    /// A factor of `term` that is a probability, and the product of the others.
    fn probability(&mut self, term: NodeId) -> Option<(Probability, NodeId)> {
        let factors = match self.graph.op(term) {
            Op::Product => self.graph.operands(term).to_vec(),
            _ => vec![term],
        };
        for (at, factor) in factors.iter().enumerate() {
            let mut others = factors.clone();
            others.remove(at);
            let probability = match (self.graph.op(*factor), self.graph.operands(*factor)) {
                (Op::Function(Function::Sigmoid), &[z]) => Probability::Logistic(z),
                (Op::Function(Function::Exp), &[log]) => {
                    if self.is_log_probability(log) {
                        Probability::Exponential(log)
                    } else if let Some((place, sum)) = self.written_out_sum(log, &others) {
                        others.remove(place);
                        Probability::WrittenOut(log, sum)
                    } else {
                        continue;
                    }
                }
                _ => continue,
            };
            return Some((probability, self.graph.mul(&others)));
        }
        None
    }

    /// The factor `1/(exp(a) + …)`, with all terms positive.
    fn written_out_sum(&mut self, argument: NodeId, factors: &[NodeId]) -> Option<(usize, NodeId)> {
        factors.iter().enumerate().find_map(|(at, factor)| {
            let (Op::Power, &[sum, exponent]) = (self.graph.op(*factor), self.graph.operands(*factor)) else {
                return None;
            };
            let is_inverse = self.graph.as_constant(exponent) == Some(&Number::MINUS_ONE);
            let parts = self.exponentials(sum).filter(|_| is_inverse)?;
            parts.iter().any(|(c, a)| c.is_one() && *a == argument).then_some((at, sum))
        })
    }

    /// Whether `x` is the logarithm of a softmax, or a number that is known not to be positive.
    fn is_log_probability(&mut self, x: NodeId) -> bool {
        if self.graph.interval(x).is_non_positive() {
            return true;
        }
        let (mut constant, mut terms) = self.graph.terms(x);
        let gap = self.take_gap(&mut constant, &mut terms);
        gap.is_some_and(|g| g.coefficient.is_negative()) && terms.is_empty() && !constant.is_positive()
    }

    /// `sum[c](p*h) - h[t]` for a softmax p as `sum[c](if c == t then (p - 1)*h else p*h)`, and `sum[c](h) - h[t]` as the
    /// sum over the others.
    pub(super) fn take_element_of_sum(&mut self, terms: &mut Terms) -> Option<(Number, NodeId)> {
        for at in 0..terms.len() {
            let (coefficient, sum) = terms[at].clone();
            if !matches!(self.graph.op(sum), Op::Reduce(Reduction::Sum, _)) || terms.len() < 2 {
                continue;
            }
            let (indices, body, _) = self.graph.open(sum);
            let (probability, rest) = match self.probability(body) {
                Some((probability, rest)) if !self.graph.is_one(rest) => (Some(probability), rest),
                _ => (None, body),
            };
            let others: Vec<NodeId> =
                terms.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, t)| t.1).collect();
            for map in positions(self.graph, &indices, rest, &others) {
                let element = self.graph.substitute(rest, &map);
                let (shift, parts) = self.graph.terms(element);
                let Some(left) = without(terms, at, &coefficient, &parts).filter(|_| shift.is_zero()) else {
                    continue;
                };
                let mut is_element = Vec::with_capacity(map.len());
                for (index, position) in &map {
                    let index = self.graph.index_value(*index);
                    is_element.push(self.graph.compare(Comparison::Equal, index, *position));
                }
                let is_element = self.graph.and(&is_element);
                let form = self.value(rest);
                let weight = match &probability {
                    Some(probability) => {
                        let (own, negative) = self.probability_and_less_one(probability);
                        self.graph.choice_verbatim(is_element, negative, own)
                    }
                    None => {
                        let (zero, one) = (self.graph.integer(0), self.graph.integer(1));
                        self.graph.choice_verbatim(is_element, zero, one)
                    }
                };
                let body = self.graph.product_verbatim(&[weight, form]);
                let result = self.graph.reduce_verbatim(Reduction::Sum, &indices, body, None);
                *terms = left;
                return Some((coefficient, self.by("element_of_sum", result)));
            }
        }
        None
    }

    /// `tanh(x) - y` for a target that may be -1 or 1: `(1 - y)*sigmoid(2*x) - (1 + y)*sigmoid(-2*x)` for large x.
    pub(super) fn tanh_residual(&mut self, constant: &Number, terms: &Terms) -> Option<NodeId> {
        let at = terms.iter().position(|(_, t)| self.graph.op(*t) == Op::Function(Function::Tanh))?;
        let (coefficient, function) = terms[at].clone();
        let mut rest = terms.clone();
        rest.remove(at);
        if rest.is_empty() {
            return None;
        }
        let target = self.graph.linear(constant.clone(), &rest);
        let target = self.graph.scale(&-&coefficient.recip()?, target);
        if !self.graph.interval(target).covers(&Interval::point(1.0)) {
            return None;
        }
        let x = self.graph.operands(function)[0];
        let twice = self.graph.scale(&Number::integer(2), x);
        let (x, twice, tanh, target) =
            (self.value(x), self.value(twice), self.value(function), self.value(target));
        let near = self.minus(tanh, target);
        let opposite = self.graph.negated_verbatim(twice);
        let (p, q) = (self.call(Function::Sigmoid, twice), self.call(Function::Sigmoid, opposite));
        let less = self.graph.sum_verbatim(Number::ONE, &[(Number::MINUS_ONE, target)]);
        let more = self.graph.sum_verbatim(Number::ONE, &[(Number::ONE, target)]);
        let (first, second) =
            (self.graph.product_verbatim(&[less, p]), self.graph.product_verbatim(&[more, q]));
        let far = self.minus(first, second);
        let close = self.is_small(x);
        let choice = self.graph.choice_verbatim(close, near, far);
        let choice = self.by("residual_of_tanh", choice);
        Some(self.graph.sum_verbatim(Number::ZERO, &[(coefficient, choice)]))
    }
}

impl Probability {
    fn same(&self, other: &Probability) -> bool {
        match (self, other) {
            (Probability::Logistic(a), Probability::Logistic(b))
            | (Probability::Exponential(a), Probability::Exponential(b)) => a == b,
            (Probability::WrittenOut(a, s), Probability::WrittenOut(b, t)) => a == b && s == t,
            _ => false,
        }
    }
}
