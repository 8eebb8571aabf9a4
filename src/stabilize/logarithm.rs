//! Logarithms, taken of what an expression is made of and not of its value.

use super::Stabilizer;
use super::squares::root_of_squares;
use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{NodeId, Op, Reduction};
use crate::number::Number;

impl Stabilizer<'_> {
    /// The form of `log(node)`.
    pub(super) fn log(&mut self, node: NodeId) -> NodeId {
        if let Some(known) = self.logarithms.get(&node) {
            return *known;
        }
        let form = stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || self.log_here(node));
        self.logarithms.insert(node, form);
        form
    }

    fn log_here(&mut self, node: NodeId) -> NodeId {
        let operands = self.graph.operands(node).to_vec();
        let special = match (self.graph.op(node), operands.as_slice()) {
            (Op::Function(Function::Exp), &[x]) => Some(self.value(x)),
            (Op::Function(Function::Sigmoid), &[z]) => {
                let z = self.value(z);
                let z = self.graph.negated_verbatim(z);
                let loss = self.call(Function::Softplus, z);
                let form = self.graph.negated_verbatim(loss);
                Some(self.by("log_sigmoid", form))
            }
            (Op::If, &[condition, a, b]) => {
                let (condition, a, b) = (self.value(condition), self.log(a), self.log(b));
                let choice = self.graph.choice_verbatim(condition, a, b);
                Some(self.by("log_of_choice", choice))
            }
            (Op::Power, &[base, exponent]) if self.graph.interval(base).is_positive() => {
                let (exponent, log) = (self.value(exponent), self.log(base));
                Some(self.graph.product_verbatim(&[exponent, log]))
            }
            (Op::Product, _) => self.log_of_factors(Number::ONE, node),
            (Op::Linear, _) => self.log_of_sum(node),
            (Op::Reduce(Reduction::Sum, _), _) => self.log_of_filtered_exponentials(node),
            _ => None,
        };
        special.unwrap_or_else(|| {
            let form = self.value(node);
            self.call(Function::Log, form)
        })
    }

    pub(super) fn log_to_base(&mut self, function: Function, x: NodeId) -> NodeId {
        let log = self.log(x);
        if self.graph.op(log) == Op::Function(Function::Log) {
            let x = self.graph.operands(log)[0];
            return self.call(function, x);
        }
        let base = self.graph.integer(if function == Function::Log2 { 2 } else { 10 });
        let base = self.call(Function::Log, base);
        let minus_one = self.graph.constant(Number::MINUS_ONE);
        let inverse = self.graph.power_verbatim(base, minus_one);
        self.graph.product_verbatim(&[log, inverse])
    }

    /// `weight*log(x)`, and 0 where the weight is 0.
    pub(super) fn weighted_log(&mut self, weight: NodeId, x: NodeId) -> NodeId {
        let (weight, log) = (self.value(weight), self.log(x));
        if self.graph.interval(x).is_positive() {
            return self.graph.product_verbatim(&[weight, log]);
        }
        if self.graph.op(log) == Op::Function(Function::Log) {
            let x = self.graph.operands(log)[0];
            return self.graph.function_verbatim(Function::Xlogy, &[weight, x]);
        }
        self.guarded_product(weight, log)
    }

    /// `weight*e`, and 0 where the weight is 0, whatever `e` is.
    pub(super) fn guarded_product(&mut self, weight: NodeId, e: NodeId) -> NodeId {
        let zero = self.graph.integer(0);
        let is_zero = self.graph.intern(Op::Compare(Comparison::Equal), &[zero, weight]);
        let product = self.graph.product_verbatim(&[weight, e]);
        let choice = self.graph.choice_verbatim(is_zero, zero, product);
        self.by("weight_of_zero", choice)
    }

    /// The parts of a sum of exponentials with positive coefficients: `(c, a)` for `c*exp(a)`, a number being
    /// `c*exp(0)`.
    pub(super) fn exponentials(&mut self, node: NodeId) -> Option<Vec<(Number, NodeId)>> {
        let (constant, terms) = self.graph.terms(node);
        let mut parts = Vec::with_capacity(terms.len() + 1);
        for (coefficient, term) in terms {
            if self.graph.op(term) != Op::Function(Function::Exp) || !coefficient.is_positive() {
                return None;
            }
            parts.push((coefficient, self.graph.operands(term)[0]));
        }
        if parts.is_empty() || constant.is_negative() {
            return None;
        }
        if !constant.is_zero() {
            parts.push((constant, self.graph.integer(0)));
        }
        Some(parts)
    }

    /// The logarithm of a sum of exponentials that are written out, less `base`: shifted by the largest.
    pub(super) fn log_of_exponentials(&mut self, parts: &[(Number, NodeId)], base: Option<NodeId>) -> NodeId {
        let mut arguments = Vec::with_capacity(parts.len());
        for (coefficient, argument) in parts {
            let argument = base.map_or(*argument, |base| self.graph.sub(*argument, base));
            let mut argument = self.value(argument);
            if !coefficient.is_one() {
                let coefficient = self.graph.constant(coefficient.clone());
                let log = self.call(Function::Log, coefficient);
                argument = self.plus(argument, log);
            }
            arguments.push(argument);
        }
        if let [one] = arguments[..] {
            return one;
        }
        if let [a, b] = arguments[..]
            && let Some(other) = [(a, b), (b, a)].into_iter().find(|(one, _)| self.graph.is_zero(*one))
        {
            return self.call(Function::Softplus, other.1);
        }
        if let [a, b] = arguments[..] {
            // max(a, b) + log1p(exp(-|a - b|))
            let largest = self.graph.function_verbatim(Function::Max, &[a, b]);
            let difference = self.minus(a, b);
            let size = self.call(Function::Abs, difference);
            let size = self.graph.negated_verbatim(size);
            let rest = self.call(Function::Exp, size);
            let rest = self.call(Function::Log1p, rest);
            let sum = self.plus(largest, rest);
            return self.by("written_out_logsumexp", sum);
        }
        let largest = self.graph.function_verbatim(Function::Max, &arguments);
        let mut terms = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let lower = self.minus(argument, largest);
            terms.push((Number::ONE, self.call(Function::Exp, lower)));
        }
        let sum = self.graph.sum_verbatim(Number::ZERO, &terms);
        let log = self.call(Function::Log, sum);
        let sum = self.plus(largest, log);
        self.by("written_out_logsumexp", sum)
    }

    fn log_of_sum(&mut self, node: NodeId) -> Option<NodeId> {
        let (coefficient, single) = self.graph.split_coefficient(node);
        if !coefficient.is_one() {
            return self.log_of_factors(coefficient, single);
        }
        let (constant, terms) = self.graph.terms(node);
        if let Some(parts) = self.exponentials(node)
            && parts.len() > 1
        {
            return Some(self.log_of_exponentials(&parts, None));
        }
        if let Some(root) = root_of_squares(self.graph, node) {
            let root = self.value(root);
            let two = Number::integer(2);
            let far = self.call(Function::Log, root);
            let far = self.graph.sum_verbatim(Number::ZERO, &[(two, far)]);
            if !constant.is_one() {
                return Some(self.by("log_of_squares", far));
            }
            // Near 1 the squares are what counts.
            let rest = self.graph.linear(Number::ZERO, &terms);
            let rest = self.value(rest);
            let near = self.call(Function::Log1p, rest);
            let one = self.graph.integer(1);
            let close = self.less(rest, one);
            let choice = self.graph.choice_verbatim(close, near, far);
            return Some(self.by("log_of_squares", choice));
        }
        if constant.is_one() {
            let rest = self.graph.linear(Number::ZERO, &terms);
            let rest = self.value(rest);
            let form = self.call(Function::Log1p, rest);
            return Some(self.by("log_to_log1p", form));
        }
        None
    }

    /// `log(sum[c : f](exp(z)))`
    fn log_of_filtered_exponentials(&mut self, node: NodeId) -> Option<NodeId> {
        let (indices, body, _) = self.graph.open(node);
        let (Op::If, &[condition, then, otherwise]) = (self.graph.op(body), self.graph.operands(body)) else {
            return None;
        };
        if self.graph.op(then) != Op::Function(Function::Exp) || !self.graph.is_zero(otherwise) {
            return None;
        }
        let argument = self.graph.operands(then)[0];
        let (argument, condition) = (self.value(argument), self.value(condition));
        let form = self.graph.reduce_verbatim(Reduction::LogSumExp, &indices, argument, Some(condition));
        Some(self.by("filtered_logsumexp", form))
    }

    /// Whether the logarithm of a factor is not taken of its value.
    fn has_own_log(&mut self, base: NodeId) -> bool {
        match self.graph.op(base) {
            Op::Function(Function::Exp | Function::Sigmoid) => true,
            Op::Power => self.has_own_log(self.graph.operands(base)[0]),
            Op::Linear => self.exponentials(base).is_some(),
            _ => false,
        }
    }

    /// The logarithm of a product with a number in front.
    fn log_of_factors(&mut self, coefficient: Number, product: NodeId) -> Option<NodeId> {
        let factors = match self.graph.op(product) {
            Op::Product => self.graph.operands(product).to_vec(),
            _ => vec![product],
        };
        let own: Vec<bool> = factors.iter().map(|f| self.has_own_log(*f)).collect();
        if own.iter().all(|o| *o) && coefficient.is_positive() {
            // As one sum, in which more may cancel.
            let mut logs: Vec<NodeId> = Vec::new();
            for factor in &factors {
                logs.push(self.graph.function(Function::Log, &[*factor]));
            }
            let sum = self.graph.add(&logs);
            if sum == product {
                return None;
            }
            let sum = self.value(sum);
            if coefficient.is_one() {
                return Some(self.by("log_of_factors", sum));
            }
            let number = self.graph.constant(coefficient);
            let log = self.call(Function::Log, number);
            let sum = self.plus(sum, log);
            return Some(self.by("log_of_factors", sum));
        }
        if factors.len() < 2 {
            return None;
        }
        let (mut above, mut below) = (vec![self.graph.constant(coefficient)], Vec::new());
        for factor in &factors {
            match (self.graph.op(*factor), self.graph.operands(*factor)) {
                (Op::Power, &[base, exponent])
                    if self.graph.as_constant(exponent).is_some_and(Number::is_negative) =>
                {
                    let exponent = self.graph.neg(exponent);
                    below.push(self.graph.power(base, exponent));
                }
                _ => above.push(*factor),
            }
        }
        if !below.is_empty() && above.len() + below.len() > 2 {
            let (above, below) = (self.graph.mul(&above), self.graph.mul(&below));
            return self.log_of_quotient(above, below);
        }
        let mut intervals = factors.iter().map(|f| self.graph.interval(*f)).collect::<Vec<_>>();
        let are_probabilities = intervals.drain(..).all(|i| crate::graph::Interval::UNIT.covers(&i));
        let mut logs = Vec::with_capacity(factors.len());
        for factor in above.iter().filter(|f| !self.graph.is_one(**f)).copied().collect::<Vec<_>>() {
            let size = self.graph.function(Function::Abs, &[factor]);
            logs.push((Number::ONE, self.log(size)));
        }
        let sum = self.graph.sum_verbatim(Number::ZERO, &logs);
        if are_probabilities {
            return Some(self.by("log_of_factors", sum));
        }
        let form = self.value(product);
        let safe = self.is_in_safe_range(form);
        let log = self.call(Function::Log, form);
        let choice = self.graph.choice_verbatim(safe, log, sum);
        Some(self.by("log_of_factors", choice))
    }
}
