//! Sums whose terms cancel.

use super::Stabilizer;
use crate::function::Function;
use crate::graph::{NodeId, Op, Reduction};
use crate::number::Number;

pub(super) type Terms = Vec<(Number, NodeId)>;

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
        while let Some((coefficient, form)) = self.take_element_of_sum(&mut terms) {
            forms.push((coefficient, form));
        }
        if forms.is_empty() {
            let special = self
                .difference_of_exponentials(&constant, &terms)
                .or_else(|| self.difference_of_logistics(&constant, &terms))
                .or_else(|| self.joined_divergence(&constant, &terms))
                .or_else(|| self.residual(&constant, &terms))
                .or_else(|| self.tanh_residual(&constant, &terms))
                .or_else(|| self.difference_of_norms(&constant, &terms))
                .or_else(|| self.sum_with_divergences(&constant, &terms))
                .or_else(|| self.ratio_less_its_log(&constant, &terms))
                .or_else(|| self.over_denominator(&constant, &terms))
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
                let ((coefficient, whole), (scale, sum)) = (terms[at].clone(), terms[other].clone());
                // `sum[c](y)*logsumexp(z)`, or the logsumexp alone.
                let factors = match self.graph.op(whole) {
                    Op::Product => self.graph.operands(whole).to_vec(),
                    _ => vec![whole],
                };
                let is_total = |n: &NodeId| self.is_reduction(*n, Reduction::LogSumExp);
                let Some(total) = factors.iter().copied().find(is_total) else { continue };
                let factors: Vec<NodeId> = factors.into_iter().filter(|f| *f != total).collect();
                if at == other || !self.is_reduction(sum, Reduction::Sum) || scale != -&coefficient {
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
                let sum_of_weights = self.graph.reduce(Reduction::Sum, &indices, weight, None);
                let scaled = self.graph.mul(&factors);
                let is_weight = self.graph.op(body) == Op::Product
                    && !self.graph.interval(weight).is_non_positive()
                    && (factors.is_empty() || scaled == sum_of_weights)
                    && !self.graph.reachable(&[weight]).contains(&instance);
                if !is_weight {
                    continue;
                }
                let gap = self.graph.sub(total, instance);
                let weighted = self.graph.mul(&[weight, gap]);
                let weighted = self.value(weighted);
                let weighted = self.graph.reduce_verbatim(Reduction::Sum, &indices, weighted, None);
                let mut form = weighted;
                if factors.is_empty() {
                    let weight = self.value(weight);
                    let mass = self.graph.reduce_verbatim(Reduction::Sum, &indices, weight, None);
                    let missing = self.graph.sum_verbatim(Number::ONE, &[(Number::MINUS_ONE, mass)]);
                    let total = self.value(total);
                    let missing = self.graph.product_verbatim(&[missing, total]);
                    form = self.plus(weighted, missing);
                }
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

    pub(super) fn logistic_complement(&mut self, z: NodeId) -> NodeId {
        let z = self.value(z);
        let z = self.graph.negated_verbatim(z);
        self.call(Function::Sigmoid, z)
    }

    /// `sqrt(a) - u` is `(a - u^2)/(sqrt(a) + u)` where u^2 is a part of a.
    fn rationalized(&mut self, constant: &Number, terms: &Terms) -> Option<NodeId> {
        for (at, (coefficient, root)) in terms.iter().enumerate() {
            let Some(square) = self.square_of_root(*root) else { continue };
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

    /// What a square root, or a hypotenuse, is the root of.
    fn square_of_root(&mut self, root: NodeId) -> Option<NodeId> {
        let operands = self.graph.operands(root).to_vec();
        match (self.graph.op(root), operands.as_slice()) {
            (Op::Power, &[base, exponent]) => {
                (self.graph.as_constant(exponent)? == &Number::ratio(1, 2)?).then_some(base)
            }
            (Op::Function(Function::Hypot), &[a, b]) => {
                let a = self.square_of_root(a).unwrap_or_else(|| self.graph.powi(a, 2));
                let b = self.graph.powi(b, 2);
                Some(self.graph.add(&[a, b]))
            }
            _ => None,
        }
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

    /// `k - a/b` is `(k*b - a)/b` where terms of b and a cancel, and where k is 1 and a and b are inputs, whose
    /// difference is rounded once.
    fn over_denominator(&mut self, constant: &Number, terms: &Terms) -> Option<NodeId> {
        if constant.is_zero() {
            return None;
        }
        for (at, (coefficient, term)) in terms.iter().enumerate() {
            let factors = match self.graph.op(*term) {
                Op::Product => self.graph.operands(*term).to_vec(),
                _ => continue,
            };
            for factor in factors {
                let (Op::Power, &[below, exponent]) = (self.graph.op(factor), self.graph.operands(factor))
                else {
                    continue;
                };
                if self.graph.as_constant(exponent) != Some(&Number::MINUS_ONE) {
                    continue;
                }
                let above = self.graph.mul(&[*term, below]);
                let rest = [(constant.clone(), below), (coefficient.clone(), above)];
                let rest = self.graph.linear(Number::ZERO, &rest);
                let size =
                    |(constant, terms): (Number, Terms)| terms.len() + usize::from(!constant.is_zero());
                let both = size(self.graph.terms(below)) + size(self.graph.terms(above));
                let cancels = terms.len() == 1
                    && self.graph.op(below) == Op::Linear
                    && size(self.graph.terms(rest)) + 1 < both;
                let is_exact = *constant == -coefficient && self.is_plain(below) && self.is_plain(above);
                if !cancels && !is_exact {
                    continue;
                }
                let (rest, factor) = (self.value(rest), self.value(factor));
                let quotient = self.graph.product_verbatim(&[rest, factor]);
                let quotient = self.by("over_denominator", quotient);
                let mut forms = vec![(Number::ONE, quotient)];
                for (other, (coefficient, term)) in terms.iter().enumerate() {
                    if other != at {
                        forms.push((coefficient.clone(), self.value(*term)));
                    }
                }
                return Some(self.graph.sum_verbatim(Number::ZERO, &forms));
            }
        }
        None
    }

    /// `x - 1 - log(x)` is `expm1mx(log(x))` for x near 1; the logarithm may be that of a power of x.
    fn ratio_less_its_log(&mut self, constant: &Number, terms: &Terms) -> Option<NodeId> {
        let (coefficient, log) =
            terms.iter().find(|(_, t)| self.graph.op(*t) == Op::Function(Function::Log))?.clone();
        let base = self.graph.operands(log)[0];
        // `(p^2 + d)/q^2` holds `p^2/q^2`.
        let mut expanded = Vec::with_capacity(terms.len());
        for (coefficient, term) in terms {
            let factors = self.graph.operands(*term).to_vec();
            let sum = factors.iter().position(|f| self.graph.op(*f) == Op::Linear);
            match sum.filter(|_| self.graph.op(*term) == Op::Product) {
                Some(at) => {
                    let product = super::squares::distributed(self.graph, &factors, at)?;
                    expanded.push((coefficient.clone(), product));
                }
                None => expanded.push((coefficient.clone(), *term)),
            }
        }
        let expanded = self.graph.linear(constant.clone(), &expanded);
        let (constant, terms) = self.graph.terms(expanded);
        let at = terms.iter().position(|(_, t)| *t == log)?;
        for power in [1, -1, 2, -2] {
            // a*(x - 1 - log(x)) with x = base^power.
            let scale = -&coefficient.checked_div(&Number::integer(power))?;
            let ratio = self.graph.powi(base, power);
            let (number, ratio_part) = self.graph.split_coefficient(ratio);
            let wanted = scale.checked_mul(&number)?;
            let Some(other) = terms.iter().position(|(c, t)| *t == ratio_part && *c == wanted) else {
                continue;
            };
            let left = constant.checked_add(&scale)?;
            if left.abs() >= constant.abs() {
                continue;
            }
            let rest: Terms = terms
                .iter()
                .enumerate()
                .filter(|(n, _)| *n != at && *n != other)
                .map(|(_, t)| t.clone())
                .collect();
            let (log, ratio) = (self.value(log), self.value(ratio));
            let exponent = self.graph.sum_verbatim(Number::ZERO, &[(Number::integer(power), log)]);
            let near = self.call(Function::Expm1mx, exponent);
            let far = self
                .graph
                .sum_verbatim(Number::MINUS_ONE, &[(Number::ONE, ratio), (Number::integer(-power), log)]);
            let close = self.is_small(exponent);
            let choice = self.graph.choice_verbatim(close, near, far);
            let choice = self.by("ratio_less_its_log", choice);
            let mut forms = vec![(scale, choice)];
            for (coefficient, term) in rest {
                forms.push((coefficient, self.value(term)));
            }
            return Some(self.graph.sum_verbatim(left, &forms));
        }
        None
    }

    /// Whether a difference with `node` is rounded once: an input, a number, or a sum of such.
    pub(super) fn is_plain(&self, node: NodeId) -> bool {
        let (_, terms) = self.graph.terms(node);
        terms.iter().all(|(_, term)| matches!(self.graph.op(*term), Op::Access(_)))
    }

    /// `norm(u) - norm(v)` is `sum((u - v)*(u + v))/(norm(u) + norm(v))` where parts of u and v cancel.
    fn difference_of_norms(&mut self, constant: &Number, terms: &Terms) -> Option<NodeId> {
        let is_norm = |at: &usize| self.is_reduction(terms[*at].1, Reduction::Norm);
        let norms: Vec<usize> = (0..terms.len()).filter(is_norm).collect();
        let [first, second] = norms[..] else { return None };
        if terms[first].0 != -&terms[second].0 {
            return None;
        }
        let (x, y) = (terms[first].1, terms[second].1);
        let ((indices, u, _), (others, v, _)) = (self.graph.open(x), self.graph.open(y));
        if indices.len() != 1
            || others.len() != 1
            || self.graph.range(indices[0]) != self.graph.range(others[0])
        {
            return None;
        }
        let index = self.graph.index_value(indices[0]);
        let v = self.graph.substitute(v, &[(others[0], index)]);
        let (difference, sum) = (self.graph.sub(u, v), self.graph.add(&[u, v]));
        let size = |(_, terms): (Number, Terms)| terms.len();
        if size(self.graph.terms(difference)) >= size(self.graph.terms(u)) + size(self.graph.terms(v)) {
            return None;
        }
        let (difference, sum, x, y) = (self.value(difference), self.value(sum), self.value(x), self.value(y));
        let lengths = self.plus(x, y);
        let minus_one = self.graph.constant(Number::MINUS_ONE);
        let inverse = self.graph.power_verbatim(lengths, minus_one);
        let body = self.graph.product_verbatim(&[difference, sum, inverse]);
        let total = self.graph.reduce_verbatim(Reduction::Sum, &indices, body, None);
        let zero = self.graph.integer(0);
        let is_zero = self.graph.intern(Op::Compare(crate::comparison::Comparison::Equal), &[zero, lengths]);
        let form = self.graph.choice_verbatim(is_zero, zero, total);
        let form = self.by("difference_of_norms", form);
        let mut forms = vec![(terms[first].0.clone(), form)];
        for (at, (coefficient, term)) in terms.iter().enumerate() {
            if at != first && at != second {
                forms.push((coefficient.clone(), self.value(*term)));
            }
        }
        Some(self.graph.sum_verbatim(constant.clone(), &forms))
    }
}
