//! Conditions and choices.

use super::{Graph, NodeId, Op, Reduction};
use crate::comparison::Comparison;
use crate::function::Function;
use crate::number::Number;

impl Graph {
    /// Whether it is the largest or the smallest of some values.
    fn is_extremum(&self, node: NodeId) -> bool {
        matches!(
            self.op(node),
            Op::Reduce(Reduction::Max | Reduction::Min, _) | Op::Function(Function::Max | Function::Min)
        )
    }

    /// Whether it asks if a value is the largest, or the smallest, of some: both sides are to be worked out alike.
    pub(crate) fn asks_for_extremum(&self, node: NodeId) -> bool {
        self.op(node) == Op::Compare(Comparison::Equal)
            && self.operands(node).iter().any(|operand| self.is_extremum(*operand))
    }

    /// A truth value.
    pub fn truth(&mut self, value: bool) -> NodeId {
        self.intern(Op::Truth(value), &[])
    }

    /// `a comparison b`; decided at once where it holds, or fails, whatever the indices are.
    pub fn compare(&mut self, comparison: Comparison, a: NodeId, b: NodeId) -> NodeId {
        let (comparison, a, b) = match comparison {
            Comparison::NotEqual => {
                let equal = self.compare(Comparison::Equal, a, b);
                return self.not(equal);
            }
            Comparison::Greater | Comparison::GreaterEqual => (comparison.swapped(), b, a),
            Comparison::Equal => (comparison, a.min(b), a.max(b)),
            Comparison::Less | Comparison::LessEqual => (comparison, a, b),
        };
        if a == b {
            return self.truth(comparison != Comparison::Less);
        }
        if let Some(value) = self.decide(comparison, a, b) {
            return self.truth(value);
        }
        // Where an expression is the largest of its values it is equal to the maximum to the last bit, but not a term
        // of it to the rest.
        if comparison == Comparison::Equal && (self.is_extremum(a) || self.is_extremum(b)) {
            return self.intern(Op::Compare(comparison), &[a, b]);
        }
        let (a, b) = self.balance(a, b);
        let (a, b) = if comparison == Comparison::Equal { (a.min(b), a.max(b)) } else { (a, b) };
        self.intern(Op::Compare(comparison), &[a, b])
    }

    /// The sides of a comparison with every term on the side where it is positive: `0 < m - x` is `x < m`.
    ///
    /// A number goes where it stands alone, if it can: `x < -1`, and not `x + 1 < 0`.
    fn balance(&mut self, a: NodeId, b: NodeId) -> (NodeId, NodeId) {
        if self.op(a) != Op::Linear && self.op(b) != Op::Linear {
            return (a, b);
        }
        let difference = self.sub(b, a);
        let (content, difference) = self.split_content(difference);
        let difference = if content.is_negative() { self.neg(difference) } else { difference };
        let (constant, terms) = self.terms(difference);
        let (positive, negative): (Vec<_>, Vec<_>) = terms.into_iter().partition(|(c, _)| c.is_positive());
        let negative: Vec<_> = negative.into_iter().map(|(c, t)| (-&c, t)).collect();
        let on_left = match (negative.is_empty(), positive.is_empty()) {
            (true, _) => true,
            (_, true) => false,
            _ => constant.is_negative(),
        };
        let (left, right) = if on_left { (-&constant, Number::ZERO) } else { (Number::ZERO, constant) };
        (self.linear(left, &negative), self.linear(right, &positive))
    }

    fn decide(&mut self, comparison: Comparison, a: NodeId, b: NodeId) -> Option<bool> {
        if let (Some(x), Some(y)) = (self.as_constant(a), self.as_constant(b)) {
            return Some(comparison.holds(x.cmp(y)));
        }
        if !self.is_position(a) || !self.is_position(b) {
            return None;
        }
        let difference = self.sub(b, a);
        let (least, greatest) = (self.least(difference), self.greatest(difference));
        match comparison {
            Comparison::Less if least.is_some_and(|d| d > 0.0) => Some(true),
            Comparison::Less if greatest.is_some_and(|d| d <= 0.0) => Some(false),
            Comparison::LessEqual if least.is_some_and(|d| d >= 0.0) => Some(true),
            Comparison::LessEqual if greatest.is_some_and(|d| d < 0.0) => Some(false),
            Comparison::Equal if least.is_some_and(|d| d > 0.0) || greatest.is_some_and(|d| d < 0.0) => {
                Some(false)
            }
            _ => None,
        }
    }

    /// `not a`
    pub fn not(&mut self, a: NodeId) -> NodeId {
        match (self.op(a), self.operands(a)) {
            (Op::Truth(value), _) => self.truth(!value),
            (Op::Not, [inner]) => *inner,
            (Op::Compare(Comparison::Less), &[x, y]) => self.compare(Comparison::LessEqual, y, x),
            (Op::Compare(Comparison::LessEqual), &[x, y]) => self.compare(Comparison::Less, y, x),
            _ => self.intern(Op::Not, &[a]),
        }
    }

    /// Whether all of `conditions` hold.
    pub fn and(&mut self, conditions: &[NodeId]) -> NodeId {
        self.connect(Op::And, conditions)
    }

    /// Whether any of `conditions` holds.
    pub fn or(&mut self, conditions: &[NodeId]) -> NodeId {
        self.connect(Op::Or, conditions)
    }

    fn connect(&mut self, op: Op, conditions: &[NodeId]) -> NodeId {
        // `and` is settled by one that is false, `or` by one that is true.
        let settles = op == Op::Or;
        let mut flat = Vec::with_capacity(conditions.len());
        for condition in conditions {
            if self.op(*condition) == op {
                flat.extend_from_slice(self.operands(*condition));
            } else {
                flat.push(*condition);
            }
        }
        flat.sort_unstable();
        flat.dedup();
        for at in 0..flat.len() {
            let opposite = self.not(flat[at]);
            if self.op(flat[at]) == Op::Truth(settles) || flat.binary_search(&opposite).is_ok() {
                return self.truth(settles);
            }
        }
        flat.retain(|c| self.op(*c) != Op::Truth(!settles));
        match flat.as_slice() {
            [] => self.truth(!settles),
            [one] => *one,
            _ => self.intern(op, &flat),
        }
    }

    /// `if condition then a else b`
    pub fn select(&mut self, condition: NodeId, a: NodeId, b: NodeId) -> NodeId {
        if let Op::Truth(value) = self.op(condition) {
            return if value { a } else { b };
        }
        if a == b {
            return a;
        }
        if self.is_zero(a) {
            let opposite = self.not(condition);
            return self.select(opposite, b, a);
        }
        if let (Op::Not, [inner]) = (self.op(condition), self.operands(condition))
            && !self.is_zero(b)
        {
            let inner = *inner;
            return self.select(inner, b, a);
        }
        let (known, other) = (self.decided(a, condition, 1), self.decided(b, condition, 2));
        if (known, other) != (a, b) {
            return self.select(condition, known, other);
        }
        if self.is_zero(b) {
            if let (Op::If, &[inner, then, otherwise]) = (self.op(a), self.operands(a))
                && self.is_zero(otherwise)
            {
                let both = self.and(&[condition, inner]);
                return self.select(both, then, b);
            }
            // Numbers stand outside, so that `2*[c]` and `[c]` are like terms.
            if let Some(value) = self.as_constant(a).cloned() {
                let one = self.integer(1);
                let bracket = self.intern(Op::If, &[condition, one, b]);
                return self.scale(&value, bracket);
            }
            let (coefficient, rest) = match self.split_coefficient(a) {
                (coefficient, _) if coefficient.is_one() => self.split_content(a),
                split => split,
            };
            if !coefficient.is_one() {
                let choice = self.select(condition, rest, b);
                return self.scale(&coefficient, choice);
            }
        }
        self.intern(Op::If, &[condition, a, b])
    }

    /// A branch in which `condition` is known: a choice by it, or one among the terms or factors, is decided. `taken`
    /// is the operand of the choice that is taken.
    fn decided(&mut self, branch: NodeId, condition: NodeId, taken: usize) -> NodeId {
        let is_choice = |graph: &Graph, n: NodeId| graph.op(n) == Op::If && graph.operands(n)[0] == condition;
        if is_choice(self, branch) {
            return self.operands(branch)[taken];
        }
        if !matches!(self.op(branch), Op::Linear | Op::Product)
            || !self.operands(branch).iter().any(|o| is_choice(self, *o))
        {
            return branch;
        }
        let operands: Vec<NodeId> = self
            .operands(branch)
            .iter()
            .map(|o| if is_choice(self, *o) { self.operands(*o)[taken] } else { *o })
            .collect();
        self.rebuild(branch, &operands)
    }

    /// `[condition]`: 1 where it holds, else 0.
    pub fn iverson(&mut self, condition: NodeId) -> NodeId {
        let (one, zero) = (self.integer(1), self.integer(0));
        self.select(condition, one, zero)
    }

    /// Whether `node` is made of indices, lengths, positions given as data, and numbers by addition only.
    pub(crate) fn is_position(&self, node: NodeId) -> bool {
        let atom = |node: NodeId| match self.op(node) {
            Op::Index(_) | Op::Size(_) => true,
            Op::Access(variable) => matches!(self.variable(variable).domain, super::Domain::Index(_)),
            _ => false,
        };
        match self.op(node) {
            Op::Constant(_) => true,
            Op::Linear => self.operands(node)[2..].iter().step_by(2).all(|t| atom(*t)),
            _ => atom(node),
        }
    }

    /// A lower bound of a position over all values of its indices, given that each is in its range.
    fn least(&mut self, node: NodeId) -> Option<f64> {
        self.extreme(node, false)
    }

    /// An upper bound, likewise.
    fn greatest(&mut self, node: NodeId) -> Option<f64> {
        self.extreme(node, true)
    }

    fn extreme(&mut self, node: NodeId, upper: bool) -> Option<f64> {
        let mut node = node;
        // Each round replaces the indices by an end of their range, which has no indices.
        for _ in 0..2 {
            let (constant, terms) = self.terms(node);
            let mut bounds = Vec::with_capacity(terms.len());
            for (coefficient, term) in terms {
                let at_high = coefficient.is_positive() == upper;
                let bound = match self.op(term) {
                    Op::Index(index) => {
                        let range = self.index_entry(index).range?;
                        if at_high {
                            self.linear(Number::MINUS_ONE, &[(Number::ONE, range.high)])
                        } else {
                            range.low
                        }
                    }
                    Op::Access(variable) => match self.variable(variable).domain {
                        super::Domain::Index(axis) if at_high => {
                            let size = self.size(axis);
                            self.linear(Number::MINUS_ONE, &[(Number::ONE, size)])
                        }
                        super::Domain::Index(_) => self.integer(0),
                        _ => term,
                    },
                    _ => term,
                };
                bounds.push((coefficient, bound));
            }
            node = self.linear(constant, &bounds);
        }
        let interval = self.interval(node);
        Some(if upper { interval.high } else { interval.low })
    }
}
