//! Sums: the canonical form `k + c1*t1 + c2*t2 + …`.

use super::{Graph, NodeId, Op};
use crate::number::Number;

/// Collects the terms of a sum.
#[derive(Default)]
pub(super) struct Terms {
    constant: Option<Number>,
    terms: Vec<(NodeId, Number)>,
}

impl Graph {
    /// The sum of `terms`.
    pub fn add(&mut self, terms: &[NodeId]) -> NodeId {
        match terms {
            [] => self.integer(0),
            [one] => *one,
            _ => {
                let mut sum = Terms::default();
                for term in terms {
                    self.collect(&mut sum, &Number::ONE, *term);
                }
                self.build_sum(sum)
            }
        }
    }

    /// `k + c1*t1 + c2*t2 + …` of any terms.
    pub fn linear(&mut self, constant: Number, terms: &[(Number, NodeId)]) -> NodeId {
        let mut sum = Terms { constant: Some(constant), terms: Vec::with_capacity(terms.len()) };
        for (coefficient, term) in terms {
            self.collect(&mut sum, coefficient, *term);
        }
        self.build_sum(sum)
    }

    /// `a - b`
    pub fn sub(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let mut sum = Terms::default();
        self.collect(&mut sum, &Number::ONE, a);
        self.collect(&mut sum, &Number::MINUS_ONE, b);
        self.build_sum(sum)
    }

    /// `-a`
    pub fn neg(&mut self, a: NodeId) -> NodeId {
        self.scale(&Number::MINUS_ONE, a)
    }

    /// `factor*a`
    pub fn scale(&mut self, factor: &Number, a: NodeId) -> NodeId {
        if factor.is_one() {
            return a;
        }
        let mut sum = Terms::default();
        self.collect(&mut sum, factor, a);
        self.build_sum(sum)
    }

    /// The constant and the terms with their coefficients, of a sum or of anything else read as one.
    pub fn terms(&self, node: NodeId) -> (Number, Vec<(Number, NodeId)>) {
        match self.op(node) {
            Op::Constant(id) => (self.number(id).clone(), Vec::new()),
            Op::Linear => {
                let operands = self.operands(node);
                let number = |at: usize| self.as_constant(operands[at]).cloned().unwrap_or(Number::ZERO);
                let terms = (1..operands.len()).step_by(2).map(|at| (number(at), operands[at + 1])).collect();
                (number(0), terms)
            }
            _ => (Number::ZERO, vec![(Number::ONE, node)]),
        }
    }

    /// Splits `coefficient*rest` into its parts; the coefficient of a sum of several terms is 1.
    pub fn split_coefficient(&self, node: NodeId) -> (Number, NodeId) {
        if self.op(node) == Op::Linear
            && let [constant, coefficient, term] = self.operands(node)
            && let (Some(k), Some(c)) = (self.as_constant(*constant), self.as_constant(*coefficient))
            && k.is_zero()
        {
            return (c.clone(), *term);
        }
        (Number::ONE, node)
    }

    fn collect(&mut self, sum: &mut Terms, factor: &Number, term: NodeId) {
        match self.op(term) {
            Op::Constant(id) => {
                let value = self.product_of(factor, &self.numbers[id.position()].clone());
                self.add_constant(sum, value);
            }
            Op::Linear => {
                let (constant, terms) = self.terms(term);
                let value = self.product_of(factor, &constant);
                self.add_constant(sum, value);
                for (coefficient, term) in terms {
                    let coefficient = self.product_of(factor, &coefficient);
                    sum.terms.push((term, coefficient));
                }
            }
            _ => sum.terms.push((term, factor.clone())),
        }
    }

    fn add_constant(&mut self, sum: &mut Terms, value: Number) {
        if value.is_zero() {
            return;
        }
        sum.constant = Some(match sum.constant.take() {
            None => value,
            Some(k) => self.within_limit(k.checked_add(&value)),
        });
    }

    fn build_sum(&mut self, mut sum: Terms) -> NodeId {
        sum.terms.sort_by_key(|(term, _)| *term);
        let constant = sum.constant.unwrap_or(Number::ZERO);
        let mut merged: Vec<(NodeId, Number)> = Vec::with_capacity(sum.terms.len());
        for (term, coefficient) in sum.terms {
            match merged.last_mut() {
                Some((last, total)) if *last == term => {
                    *total = self.within_limit(total.checked_add(&coefficient));
                }
                _ => merged.push((term, coefficient)),
            }
        }
        merged.retain(|(_, coefficient)| !coefficient.is_zero());
        if merged.iter().filter(|(term, _)| self.op(*term) == Op::If).count() > 1
            && let Some(simpler) = self.merge_choices(&constant, &merged)
        {
            return simpler;
        }
        if merged.is_empty() {
            return self.constant(constant);
        }
        if constant.is_zero() && merged.len() == 1 && merged[0].1.is_one() {
            return merged[0].0;
        }
        let mut operands = Vec::with_capacity(1 + 2 * merged.len());
        operands.push(self.constant(constant));
        for (term, coefficient) in merged {
            let coefficient = self.constant(coefficient);
            operands.extend([coefficient, term]);
        }
        self.intern(Op::Linear, &operands)
    }

    /// Choices by one condition are one choice: `(if c then a else 0) + (if not c then b else 0)` is
    /// `if c then a else b`.
    fn merge_choices(&mut self, constant: &Number, terms: &[(NodeId, Number)]) -> Option<NodeId> {
        for (at, (first, _)) in terms.iter().enumerate() {
            if self.op(*first) != Op::If {
                continue;
            }
            let condition = self.operands(*first)[0];
            let opposite = self.not(condition);
            let (mut then, mut otherwise) = (Vec::new(), Vec::new());
            let mut rest: Vec<(Number, NodeId)> = Vec::new();
            for (term, coefficient) in &terms[at..] {
                let parts = (self.op(*term) == Op::If).then(|| [0, 1, 2].map(|n| self.operands(*term)[n]));
                match parts {
                    Some([c, a, b]) if c == condition => {
                        then.push((coefficient.clone(), a));
                        otherwise.push((coefficient.clone(), b));
                    }
                    Some([c, a, b]) if c == opposite => {
                        then.push((coefficient.clone(), b));
                        otherwise.push((coefficient.clone(), a));
                    }
                    _ => rest.push((coefficient.clone(), *term)),
                }
            }
            if then.len() > 1 {
                let then = self.linear(Number::ZERO, &then);
                let otherwise = self.linear(Number::ZERO, &otherwise);
                let merged = self.select(condition, then, otherwise);
                rest.extend(terms[..at].iter().map(|(term, coefficient)| (coefficient.clone(), *term)));
                rest.push((Number::ONE, merged));
                return Some(self.linear(constant.clone(), &rest));
            }
        }
        None
    }

    fn product_of(&mut self, a: &Number, b: &Number) -> Number {
        if a.is_one() {
            return b.clone();
        }
        self.within_limit(a.checked_mul(b))
    }

    /// `value`, or 0 and a note that a constant grew beyond the limit: see [`Graph::overflowed`].
    pub(super) fn within_limit(&mut self, value: Option<Number>) -> Number {
        value.unwrap_or_else(|| {
            self.overflowed = true;
            Number::ZERO
        })
    }

    /// Splits a sum into its content and what remains: `2*x - 2*y` into 2 and `x - y`.
    ///
    /// The sign of the content makes the constant of the remainder positive or, where there is none, the coefficient
    /// of the term with the first variable; so `p - 1` and `1 - p` differ by their content only.
    pub fn split_content(&mut self, node: NodeId) -> (Number, NodeId) {
        if self.op(node) != Op::Linear {
            return (Number::ONE, node);
        }
        let (constant, terms) = self.terms(node);
        let first = terms.iter().min_by_key(|(_, term)| (self.look(*term), *term));
        let leading = if constant.is_zero() { first.map_or(&constant, |(c, _)| c) } else { &constant };
        let negative = leading.is_negative();
        let mut content = Number::ZERO;
        for value in terms.iter().map(|(c, _)| c).chain([&constant]) {
            content = common_measure(&content, value);
        }
        if negative {
            content = -&content;
        }
        if content.is_one() {
            return (content, node);
        }
        let Some(inverse) = content.recip() else { return (Number::ONE, node) };
        let rest = self.scale(&inverse, node);
        (content, rest)
    }
}

/// The greatest number of which both are whole multiples; of 0 and x, |x|.
fn common_measure(a: &Number, b: &Number) -> Number {
    let (mut a, mut b) = (a.abs(), b.abs());
    // Euclid's algorithm on rationals; both shrink, so it ends. Unit coefficients end at once.
    while !b.is_zero() {
        if a == b {
            return a;
        }
        let Some(rest) =
            a.checked_div(&b).and_then(|q| q.floor().checked_mul(&b)).and_then(|whole| a.checked_sub(&whole))
        else {
            return Number::ONE;
        };
        (a, b) = (b, rest);
    }
    a
}
