//! Sums: the canonical form `k + c1*t1 + c2*t2 + …`.

use super::{Graph, NodeId, NodeList, Op};
use crate::number::Number;
use smallvec::SmallVec;
use std::num::NonZeroU32;

/// What a constant operand that is missing counts as; a canonical sum has all of them.
static ZERO: Number = Number::ZERO;

/// Collects the terms of a sum.
struct Terms {
    constant: Number,
    terms: SmallVec<[(NodeId, Number); 8]>,
    /// Whether a number grew beyond the limit: see [`Graph::overflowed`].
    overflowed: bool,
}

fn within_limit(overflowed: &mut bool, value: Option<Number>) -> Number {
    value.unwrap_or_else(|| {
        *overflowed = true;
        Number::ZERO
    })
}

impl Terms {
    fn new(constant: Number) -> Self {
        Terms { constant, terms: SmallVec::new(), overflowed: false }
    }

    fn within_limit(&mut self, value: Option<Number>) -> Number {
        within_limit(&mut self.overflowed, value)
    }

    fn add_constant(&mut self, factor: &Number, value: &Number) {
        if value.is_zero() {
            return;
        }
        let value = self.product(factor, value);
        self.constant = self.within_limit(self.constant.checked_add(&value));
    }

    fn add_term(&mut self, factor: &Number, coefficient: &Number, term: NodeId) {
        let coefficient = self.product(factor, coefficient);
        self.terms.push((term, coefficient));
    }

    fn product(&mut self, a: &Number, b: &Number) -> Number {
        if a.is_one() {
            b.clone()
        } else if b.is_one() {
            a.clone()
        } else {
            self.within_limit(a.checked_mul(b))
        }
    }
}

impl Graph {
    /// The sum of `terms`.
    pub fn add(&mut self, terms: &[NodeId]) -> NodeId {
        match terms {
            [] => self.integer(0),
            [one] => *one,
            _ => {
                let mut sum = Terms::new(Number::ZERO);
                for term in terms {
                    self.collect(&mut sum, &Number::ONE, *term);
                }
                self.build_sum(&mut sum)
            }
        }
    }

    /// `k + c1*t1 + c2*t2 + …` of any terms.
    pub fn linear(&mut self, constant: Number, terms: &[(Number, NodeId)]) -> NodeId {
        let mut sum = Terms::new(constant);
        for (coefficient, term) in terms {
            self.collect(&mut sum, coefficient, *term);
        }
        self.build_sum(&mut sum)
    }

    /// `a - b`
    pub fn sub(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let mut sum = Terms::new(Number::ZERO);
        self.collect(&mut sum, &Number::ONE, a);
        self.collect(&mut sum, &Number::MINUS_ONE, b);
        self.build_sum(&mut sum)
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
        let mut sum = Terms::new(Number::ZERO);
        self.collect(&mut sum, factor, a);
        self.build_sum(&mut sum)
    }

    /// The constant and the terms with their coefficients, of a sum or of anything else read as one.
    pub fn terms(&self, node: NodeId) -> (Number, Vec<(Number, NodeId)>) {
        match self.op(node) {
            Op::Constant(id) => (self.number(id).clone(), Vec::new()),
            Op::Linear => {
                let (constant, terms) = self.linear_parts(node);
                (constant.clone(), terms.map(|(coefficient, term)| (coefficient.clone(), term)).collect())
            }
            _ => (Number::ZERO, vec![(Number::ONE, node)]),
        }
    }

    /// The same of a sum, in place.
    fn linear_parts(&self, node: NodeId) -> (&Number, impl Iterator<Item = (&Number, NodeId)> + Clone) {
        let operands = self.operands(node);
        let number = |node: NodeId| self.as_constant(node).unwrap_or(&ZERO);
        (number(operands[0]), operands[1..].chunks_exact(2).map(move |pair| (number(pair[0]), pair[1])))
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

    fn collect(&self, sum: &mut Terms, factor: &Number, term: NodeId) {
        match self.op(term) {
            Op::Constant(id) => sum.add_constant(factor, self.number(id)),
            Op::Linear => {
                let (constant, terms) = self.linear_parts(term);
                sum.add_constant(factor, constant);
                terms.for_each(|(coefficient, term)| sum.add_term(factor, coefficient, term));
            }
            _ => sum.terms.push((term, factor.clone())),
        }
    }

    /// The node of the terms that were collected. They are taken from where they are: moving them would cost more than
    /// most sums do.
    fn build_sum(&mut self, sum: &mut Terms) -> NodeId {
        let Terms { constant, terms: merged, overflowed } = sum;
        merged.sort_unstable_by_key(|(term, _)| *term);
        merged.dedup_by(|(term, coefficient), (known, total)| {
            let same = term == known;
            if same {
                *total = within_limit(overflowed, total.checked_add(coefficient));
            }
            same
        });
        merged.retain(|(_, coefficient)| !coefficient.is_zero());
        self.overflowed |= *overflowed;
        let constant = std::mem::replace(constant, Number::ZERO);
        if merged.iter().filter(|(term, _)| self.op(*term) == Op::If).count() > 1
            && let Some(simpler) = self.merge_choices(&constant, merged)
        {
            return simpler;
        }
        if merged.is_empty() {
            return self.constant(constant);
        }
        if constant.is_zero() && merged.len() == 1 && merged[0].1.is_one() {
            return merged[0].0;
        }
        let mut operands = NodeList::with_capacity(1 + 2 * merged.len());
        operands.push(self.constant(constant));
        for (term, coefficient) in merged.drain(..) {
            operands.push(self.constant(coefficient));
            operands.push(term);
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

    /// `value`, or 0 and a note that a constant grew beyond the limit: see [`Graph::overflowed`].
    pub(super) fn within_limit(&mut self, value: Option<Number>) -> Number {
        within_limit(&mut self.overflowed, value)
    }

    /// Splits a sum into its content and what remains: `2*x - 2*y` into 2 and `x - y`.
    ///
    /// The sign of the content makes the constant of the remainder positive or, where there is none, the coefficient
    /// of the term with the first variable; so `p - 1` and `1 - p` differ by their content only.
    pub fn split_content(&mut self, node: NodeId) -> (Number, NodeId) {
        if self.op(node) != Op::Linear {
            return (Number::ONE, node);
        }
        // Remembered, so that the factors of many products may be one long sum.
        if let Some(at) = self.nodes[node.position()].content {
            return self.contents[at.get() as usize - 1].clone();
        }
        let content = self.content(node);
        let rest = match content.recip() {
            Some(inverse) => self.scale(&inverse, node),
            None => node,
        };
        self.contents.push((content.clone(), rest));
        self.nodes[node.position()].content = NonZeroU32::new(self.contents.len() as u32);
        (content, rest)
    }

    fn content(&self, node: NodeId) -> Number {
        let (constant, terms) = self.linear_parts(node);
        let is_negative = if constant.is_zero() {
            terms
                .clone()
                .min_by_key(|(_, term)| (self.look(*term), *term))
                .is_some_and(|(c, _)| c.is_negative())
        } else {
            constant.is_negative()
        };
        let measure = terms
            .map(|(coefficient, _)| coefficient)
            .try_fold(constant.abs(), |measure, value| measure.common_measure(value))
            .unwrap_or(Number::ONE);
        if is_negative { -&measure } else { measure }
    }
}
