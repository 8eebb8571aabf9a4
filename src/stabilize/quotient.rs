//! Logarithms of quotients, and by how much a divergence exceeds the difference of what it compares.
//!
//! All of it is made of `t`, by how much the larger of the two is greater than the smaller, relatively: exact where the
//! two are close, and of full precision where they are not. The logarithm is `log1p(t)` or minus that.

use super::Stabilizer;
use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{NodeId, Op};
use crate::number::Number;

/// Products and quotients of numbers between these neither overflow nor vanish in single precision.
const SAFE_EXPONENT: u32 = 30;

/// What is made of two expressions a and b; verbatim nodes.
pub(super) struct LogQuotient {
    /// log(a/b)
    pub log: NodeId,
    /// a*log(a/b) - (a - b), which is never negative. Right where the two are within a factor of 2 of one another.
    pub excess: NodeId,
}

impl Stabilizer<'_> {
    /// `log(a/b)`. Not of a number, of which the logarithm itself is taken.
    pub(super) fn log_of_quotient(&mut self, a: NodeId, b: NodeId) -> Option<NodeId> {
        Some(self.log_quotient_parts(a, b)?.log)
    }

    pub(super) fn log_quotient_parts(&mut self, a: NodeId, b: NodeId) -> Option<LogQuotient> {
        if self.graph.as_constant(a).is_some() || self.graph.as_constant(b).is_some() {
            return None;
        }
        let difference = self.graph.sub(a, b);
        let difference = self.value(difference);
        let are_exact = self.is_plain(a) && self.is_plain(b);
        let sides = [a, b].map(|side| self.graph.function(Function::Abs, &[side]));
        let [a, b] = sides.map(|side| self.value(side));
        let is_below = self.less(a, b);
        let smaller = self.graph.function_verbatim(Function::Min, &[a, b]);
        let distance = self.call(Function::Abs, difference);
        let minus_one = self.graph.constant(Number::MINUS_ONE);
        let inverse = self.graph.power_verbatim(smaller, minus_one);
        let t = self.graph.product_verbatim(&[distance, inverse]);

        let size = self.call(Function::Log1p, t);
        let (low, high) = self.safe_range();
        let is_finite = self.less(t, high);
        let log = if are_exact {
            // The larger and the smaller are of this quotient alone, so that their logarithms are rarely taken.
            // Of a zero both are infinite.
            let larger = self.graph.function_verbatim(Function::Max, &[a, b]);
            let zero = self.graph.integer(0);
            let is_zero = self.graph.intern(Op::Compare(Comparison::Equal), &[zero, smaller]);
            let is_safe = self.graph.intern(Op::Or, &[is_finite.min(is_zero), is_finite.max(is_zero)]);
            let [larger, smaller] = [larger, smaller].map(|side| self.call(Function::Log, side));
            let far = self.minus(larger, smaller);
            let size = self.graph.choice_verbatim(is_safe, size, far);
            let opposite = self.graph.negated_verbatim(size);
            self.graph.choice_verbatim(is_below, opposite, size)
        } else {
            // What is computed may have lost its digits below the normal numbers, and its logarithm not.
            let is_normal = self.less(low, smaller);
            let is_safe = self.graph.intern(Op::And, &[is_finite.min(is_normal), is_finite.max(is_normal)]);
            let opposite = self.graph.negated_verbatim(size);
            let near = self.graph.choice_verbatim(is_below, opposite, size);
            let [a, b] = sides.map(|side| self.log(side));
            let far = self.minus(a, b);
            self.graph.choice_verbatim(is_safe, near, far)
        };
        let log = self.by("log_of_quotient", log);

        // With a = b/(1 + t) it is a*(t - log1p(t)), with a = b*(1 + t) it is b*((1 + t)*log1p(t) - t), where half
        // of the first term cancels at the most.
        let rest = self.call(Function::Log1pmx, t);
        let below = self.graph.product_verbatim(&[a, rest]);
        let below = self.graph.negated_verbatim(below);
        let (product, rest) =
            (self.graph.product_verbatim(&[difference, size]), self.graph.product_verbatim(&[b, rest]));
        let above = self.plus(product, rest);
        let excess = self.graph.choice_verbatim(is_below, below, above);
        Some(LogQuotient { log, excess })
    }

    /// Whether `b/2 < a < 2*b`.
    pub(super) fn are_close(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let (a, b) = (self.value(a), self.value(b));
        let two = Number::integer(2);
        let double = |stabilizer: &mut Self, node: NodeId| {
            let (own, rest) = stabilizer.graph.split_coefficient(node);
            let coefficient = own.checked_mul(&two).unwrap_or(Number::ONE);
            stabilizer.graph.sum_verbatim(Number::ZERO, &[(coefficient, rest)])
        };
        let (twice_a, twice_b) = (double(self, a), double(self, b));
        let (first, second) = (self.less(b, twice_a), self.less(a, twice_b));
        self.graph.intern(Op::And, &[first.min(second), first.max(second)])
    }

    /// Whether `form` may be multiplied and divided.
    pub(super) fn is_in_safe_range(&mut self, form: NodeId) -> NodeId {
        let size = self.call(Function::Abs, form);
        let (low, high) = self.safe_range();
        let (a, b) = (self.less(low, size), self.less(size, high));
        self.graph.intern(Op::And, &[a.min(b), a.max(b)])
    }

    fn safe_range(&mut self) -> (NodeId, NodeId) {
        let bound = Number::integer(10).checked_pow(i64::from(SAFE_EXPONENT)).unwrap_or(Number::ONE);
        let low = bound.recip().unwrap_or(Number::ONE);
        (self.graph.constant(low), self.graph.constant(bound))
    }
}
