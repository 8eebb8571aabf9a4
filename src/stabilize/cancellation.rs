//! Sums whose terms cancel.

use super::Stabilizer;
use crate::function::Function;
use crate::graph::{NodeId, Op, Reduction};
use crate::number::Number;

type Terms = Vec<(Number, NodeId)>;

impl Stabilizer<'_> {
    /// Of a sum.
    pub(super) fn sum(&mut self, node: NodeId) -> NodeId {
        let (constant, terms) = self.graph.terms(node);
        if let Some(form) = self.difference_of_logsumexps(&constant, &terms) {
            return form;
        }
        self.sum_of(constant, terms)
    }

    fn sum_of(&mut self, mut constant: Number, mut terms: Terms) -> NodeId {
        let mut forms: Terms = Vec::with_capacity(terms.len());
        while let Some(gap) = self.take_gap(&mut constant, &mut terms) {
            let sum = self.gap_sum(&gap);
            forms.push((gap.coefficient, sum));
        }
        while let Some((coefficient, form)) = self.take_written_out_gap(&constant, &mut terms) {
            forms.push((coefficient, form));
        }
        while let Some((coefficient, form)) = self.take_weighted_gap(&mut terms) {
            forms.push((coefficient, form));
        }
        if forms.is_empty() {
            let special = self
                .difference_of_exponentials(&constant, &terms)
                .or_else(|| self.difference_of_logistics(&constant, &terms))
                .or_else(|| self.residual(&constant, &terms))
                .or_else(|| self.rationalized(&constant, &terms))
                .or_else(|| self.difference_of_logarithms(&constant, &terms));
            if let Some(form) = special {
                return form;
            }
        }
        for (coefficient, term) in terms {
            let form = self.value(term);
            // A sum with one coefficient, such as `-softplus(z)`, is that coefficient and a term.
            let (own, rest) = self.graph.split_coefficient(form);
            match coefficient.checked_mul(&own) {
                Some(product) if self.graph.as_constant(rest).is_none() => forms.push((product, rest)),
                _ => forms.push((coefficient, form)),
            }
        }
        self.graph.sum_verbatim(constant, &forms)
    }

    /// A sum with two logsumexps that cancel where what they are taken of is close.
    fn difference_of_logsumexps(&mut self, constant: &Number, terms: &Terms) -> Option<NodeId> {
        let is_total = |at: &usize| self.is_reduction(terms[*at].1, Reduction::LogSumExp);
        let totals: Vec<usize> = (0..terms.len()).filter(is_total).collect();
        let [first, second] = totals[..] else { return None };
        if terms[first].0 != -&terms[second].0 {
            return None;
        }
        let (close, difference) = self.close_logsumexps(terms[first].1, terms[second].1)?;
        let mut rest = terms.clone();
        rest.remove(second);
        rest.remove(first);
        let rest = self.sum_of(constant.clone(), rest);
        let near = self
            .graph
            .sum_verbatim(Number::ZERO, &[(Number::ONE, rest), (terms[first].0.clone(), difference)]);
        let far = self.sum_of(constant.clone(), terms.clone());
        let choice = self.graph.choice_verbatim(close, near, far);
        Some(self.by("close_logsumexps", choice))
    }

    /// `log(exp(a) + exp(b) + …) - a` is `softplus(logsumexp(b, …) - a)`.
    fn take_written_out_gap(&mut self, constant: &Number, terms: &mut Terms) -> Option<(Number, NodeId)> {
        if !constant.is_zero() {
            return None;
        }
        for at in 0..terms.len() {
            let (coefficient, log) = terms[at].clone();
            if self.graph.op(log) != Op::Function(Function::Log) {
                continue;
            }
            let Some(parts) = self.exponentials(self.graph.operands(log)[0]) else { continue };
            for own in 0..parts.len() {
                let (weight, argument) = parts[own].clone();
                if !weight.is_one() || parts.len() < 2 {
                    continue;
                }
                let (shift, wanted) = self.graph.terms(argument);
                if !shift.is_zero() || wanted.is_empty() {
                    continue;
                }
                let mut left = terms.clone();
                left.remove(at);
                let all_found = wanted.iter().all(|(c, t)| {
                    let needed = c.checked_mul(&coefficient).map(|c| -&c);
                    let place =
                        left.iter().position(|(have, term)| term == t && Some(have) == needed.as_ref());
                    place.map(|place| left.remove(place)).is_some()
                });
                if !all_found {
                    continue;
                }
                *terms = left;
                let mut others = parts.clone();
                others.remove(own);
                let form = self.log_of_exponentials(&others, Some(argument));
                let form = self.call(Function::Softplus, form);
                return Some((coefficient, self.by("written_out_log_softmax", form)));
            }
        }
        None
    }

    /// `logsumexp(z) - sum[c](y*z)` is `sum[c](y*(logsumexp(z) - z)) + (1 - sum[c](y))*logsumexp(z)`.
    fn take_weighted_gap(&mut self, terms: &mut Terms) -> Option<(Number, NodeId)> {
        for at in 0..terms.len() {
            for other in 0..terms.len() {
                let ((coefficient, total), (scale, sum)) = (terms[at].clone(), terms[other].clone());
                if !self.is_reduction(total, Reduction::LogSumExp)
                    || !self.is_reduction(sum, Reduction::Sum)
                    || scale != -&coefficient
                {
                    continue;
                }
                let (indices, body, _) = self.graph.open(sum);
                let shifted = self.shifted(total);
                if indices.len() != shifted.indices.len() || shifted.filter.is_some() {
                    continue;
                }
                let map: Vec<(crate::graph::IndexId, NodeId)> = shifted
                    .indices
                    .iter()
                    .zip(&indices)
                    .map(|(from, to)| (*from, self.graph.index_value(*to)))
                    .collect();
                let instance = self.graph.substitute(shifted.body, &map);
                // What is left of the body without the instance is the weight.
                let weight = self.graph.div(body, instance);
                let is_weight = self.graph.op(body) == Op::Product
                    && self.graph.interval(weight).is_non_negative()
                    && !self.graph.reachable(&[weight]).contains(&instance);
                if !is_weight {
                    continue;
                }
                let gap = self.graph.sub(total, instance);
                let weighted = self.graph.mul(&[weight, gap]);
                let weighted = self.value(weighted);
                let weighted = self.graph.reduce_verbatim(Reduction::Sum, &indices, weighted, None);
                let weight = self.value(weight);
                let mass = self.graph.reduce_verbatim(Reduction::Sum, &indices, weight, None);
                let missing = self.graph.sum_verbatim(Number::ONE, &[(Number::MINUS_ONE, mass)]);
                let total = self.value(total);
                let missing = self.graph.product_verbatim(&[missing, total]);
                let form = self.plus(weighted, missing);
                let mut places = [at, other];
                places.sort_unstable();
                terms.remove(places[1]);
                terms.remove(places[0]);
                return Some((coefficient, self.by("weighted_log_softmax", form)));
            }
        }
        None
    }

    fn is_reduction(&self, node: NodeId, reduction: Reduction) -> bool {
        matches!(self.graph.op(node), Op::Reduce(own, _) if own == reduction)
    }

    /// Two terms with opposite coefficients: the positive one first.
    fn difference(&self, constant: &Number, terms: &Terms) -> Option<(Number, NodeId, NodeId)> {
        match terms.as_slice() {
            [(a, x), (b, y)] if constant.is_zero() && *a == -b => {
                Some(if a.is_positive() { (a.clone(), *x, *y) } else { (b.clone(), *y, *x) })
            }
            _ => None,
        }
    }

    /// `exp(a) - exp(b)` is `exp(b)*expm1(a - b)` where a and b are close.
    fn difference_of_exponentials(&mut self, constant: &Number, terms: &Terms) -> Option<NodeId> {
        let (coefficient, x, y) = self.difference(constant, terms)?;
        let is_exponential = |n: NodeId| self.graph.op(n) == Op::Function(Function::Exp);
        if !is_exponential(x) || !is_exponential(y) {
            return None;
        }
        let (a, b) = (self.graph.operands(x)[0], self.graph.operands(y)[0]);
        let distance = self.graph.sub(a, b);
        let distance = self.value(distance);
        let (x, y) = (self.value(x), self.value(y));
        let growth = self.call(Function::Expm1, distance);
        let near = self.graph.product_verbatim(&[y, growth]);
        let far = self.minus(x, y);
        let close = self.is_small(distance);
        let choice = self.graph.choice_verbatim(close, near, far);
        let choice = self.by("close_exponentials", choice);
        Some(self.graph.sum_verbatim(Number::ZERO, &[(coefficient, choice)]))
    }

    /// `sigmoid(a) - sigmoid(b)` is `sigmoid(a)*sigmoid(-b)*(-expm1(b - a))` where a and b are close.
    fn difference_of_logistics(&mut self, constant: &Number, terms: &Terms) -> Option<NodeId> {
        let (coefficient, x, y) = self.difference(constant, terms)?;
        let is_logistic = |n: NodeId| self.graph.op(n) == Op::Function(Function::Sigmoid);
        if !is_logistic(x) || !is_logistic(y) {
            return None;
        }
        let (a, b) = (self.graph.operands(x)[0], self.graph.operands(y)[0]);
        let distance = self.graph.sub(b, a);
        let distance = self.value(distance);
        let (x, y, other) = (self.value(x), self.value(y), self.logistic_complement(b));
        let growth = self.call(Function::Expm1, distance);
        let growth = self.graph.negated_verbatim(growth);
        let near = self.graph.product_verbatim(&[x, other, growth]);
        let far = self.minus(x, y);
        let close = self.is_small(distance);
        let choice = self.graph.choice_verbatim(close, near, far);
        let choice = self.by("close_logistics", choice);
        Some(self.graph.sum_verbatim(Number::ZERO, &[(coefficient, choice)]))
    }

    fn logistic_complement(&mut self, z: NodeId) -> NodeId {
        let z = self.value(z);
        let z = self.graph.negated_verbatim(z);
        self.call(Function::Sigmoid, z)
    }

    /// `p - y` for a probability p with a complement that is known: `(1 - y)*p - y*(1 - p)`.
    fn residual(&mut self, constant: &Number, terms: &Terms) -> Option<NodeId> {
        for (at, (coefficient, probability)) in terms.iter().enumerate() {
            let argument = *self.graph.operands(*probability).first().unwrap_or(probability);
            let kind = match self.graph.op(*probability) {
                Op::Function(Function::Sigmoid) => Function::Sigmoid,
                Op::Function(Function::Exp) if self.is_log_probability(argument) => Function::Exp,
                _ => continue,
            };
            // y = -(constant + the other terms)/coefficient
            let scale = -&coefficient.recip()?;
            let others: Terms =
                terms.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, t)| t.clone()).collect();
            let target = self.graph.linear(constant.clone(), &others);
            let target = self.graph.scale(&scale, target);
            if self.graph.as_constant(target).is_some() || !self.graph.interval(target).contains(1.0) {
                continue;
            }
            let form = self.value(*probability);
            // p - 1
            let negative = match kind {
                Function::Sigmoid => {
                    let other = self.logistic_complement(argument);
                    self.graph.negated_verbatim(other)
                }
                _ => {
                    let log = self.value(argument);
                    self.call(Function::Expm1, log)
                }
            };
            let residual = match (self.graph.op(target), self.graph.operands(target)) {
                (Op::If, &[condition, then, otherwise])
                    if self.graph.is_one(then) && self.graph.is_zero(otherwise) =>
                {
                    let condition = self.value(condition);
                    self.graph.choice_verbatim(condition, negative, form)
                }
                _ => {
                    let target = self.value(target);
                    let rest = self.graph.sum_verbatim(Number::ONE, &[(Number::MINUS_ONE, target)]);
                    let first = self.graph.product_verbatim(&[rest, form]);
                    let second = self.graph.product_verbatim(&[target, negative]);
                    self.plus(first, second)
                }
            };
            let residual = self.by("residual_of_probability", residual);
            return Some(self.graph.sum_verbatim(Number::ZERO, &[(coefficient.clone(), residual)]));
        }
        None
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

    /// `sqrt(a) - u` is `(a - u^2)/(sqrt(a) + u)` where u^2 is a part of a.
    fn rationalized(&mut self, constant: &Number, terms: &Terms) -> Option<NodeId> {
        let half = Number::ratio(1, 2)?;
        for (at, (coefficient, root)) in terms.iter().enumerate() {
            if self.graph.op(*root) != Op::Power
                || self.graph.as_constant(self.graph.operands(*root)[1]) != Some(&half)
            {
                continue;
            }
            let square = self.graph.operands(*root)[0];
            let others: Terms =
                terms.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, t)| t.clone()).collect();
            let other = self.graph.linear(constant.clone(), &others);
            let scale = -&coefficient.recip()?;
            let other = self.graph.scale(&scale, other);
            if self.graph.is_zero(other) || !self.graph.interval(other).is_non_negative() {
                continue;
            }
            let other_square = self.graph.powi(other, 2);
            let rest = self.graph.sub(square, other_square);
            let size = |(constant, terms): (Number, Terms)| terms.len() + usize::from(!constant.is_zero());
            if size(self.graph.terms(rest)) >= size(self.graph.terms(square)) {
                continue;
            }
            let (root, other, rest) = (self.value(*root), self.value(other), self.value(rest));
            let sum = self.plus(root, other);
            let minus_one = self.graph.constant(Number::MINUS_ONE);
            let inverse = self.graph.power_verbatim(sum, minus_one);
            let quotient = self.graph.product_verbatim(&[rest, inverse]);
            let quotient = self.by("rationalized_root", quotient);
            return Some(self.graph.sum_verbatim(Number::ZERO, &[(coefficient.clone(), quotient)]));
        }
        None
    }

    /// `log(a) - log(b)` where a and b are close.
    fn difference_of_logarithms(&mut self, constant: &Number, terms: &Terms) -> Option<NodeId> {
        let (coefficient, x, y) = self.difference(constant, terms)?;
        let is_log = |n: NodeId| self.graph.op(n) == Op::Function(Function::Log);
        if !is_log(x) || !is_log(y) {
            return None;
        }
        let (a, b) = (self.graph.operands(x)[0], self.graph.operands(y)[0]);
        let form = self.log_of_quotient(a, b)?;
        Some(self.graph.sum_verbatim(Number::ZERO, &[(coefficient, form)]))
    }
}
