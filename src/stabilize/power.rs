//! Powers: of probabilities that underflow, and of sums of exponentials.

use super::Stabilizer;
use crate::function::Function;
use crate::graph::{NodeId, Op};
use crate::number::Number;

/// Down to here the logistic function is a normal number in single precision.
const LOGISTIC_LEAST: i64 = -64;

impl Stabilizer<'_> {
    /// Of a power.
    pub(super) fn power(&mut self, node: NodeId) -> NodeId {
        let [base, exponent] = [0, 1].map(|at| self.graph.operands(node)[at]);
        let number = self.graph.as_constant(exponent).cloned();
        let is_whole = number.as_ref().is_some_and(Number::is_integer);
        if self.graph.op(base) == Op::Function(Function::Sigmoid) && !is_whole {
            return self.power_of_logistic(base, exponent);
        }
        if number.as_ref().is_some_and(Number::is_negative)
            && self.exponentials(base).is_some_and(|parts| parts.len() > 1)
        {
            return self.exponential_of_logs(&[], &[(base, exponent)]);
        }
        let (base, exponent) = (self.value(base), self.value(exponent));
        self.graph.power_verbatim(base, exponent)
    }

    /// `exp(a + … + n*log(b) + …)`
    pub(super) fn exponential_of_logs(&mut self, plain: &[NodeId], powers: &[(NodeId, NodeId)]) -> NodeId {
        if let ([argument], [(sum, exponent)]) = (plain, powers)
            && self.graph.as_constant(*exponent) == Some(&Number::MINUS_ONE)
        {
            return self.share_of_exponentials(*argument, *sum);
        }
        let mut terms: Vec<NodeId> = plain.to_vec();
        for (base, exponent) in powers {
            let log = self.graph.function(Function::Log, &[*base]);
            terms.push(self.graph.mul(&[*exponent, log]));
        }
        let argument = self.graph.add(&terms);
        let argument = self.value(argument);
        let form = self.call(Function::Exp, argument);
        self.by("power_of_exponentials", form)
    }

    /// `sigmoid(z)^n` where sigmoid(z) underflows, and its power perhaps does not.
    fn power_of_logistic(&mut self, base: NodeId, exponent: NodeId) -> NodeId {
        let z = self.graph.operands(base)[0];
        let (z, exponent, base) = (self.value(z), self.value(exponent), self.value(base));
        let least = self.graph.integer(LOGISTIC_LEAST);
        let usual = self.less(least, z);
        let near = self.graph.power_verbatim(base, exponent);
        let opposite = self.graph.negated_verbatim(z);
        let loss = self.call(Function::Softplus, opposite);
        let product = self.graph.product_verbatim(&[exponent, loss]);
        let argument = self.graph.negated_verbatim(product);
        let far = self.call(Function::Exp, argument);
        let choice = self.graph.choice_verbatim(usual, near, far);
        self.by("power_of_sigmoid", choice)
    }

    /// `exp(a)/(exp(a) + exp(b) + …)`, of arguments less the largest.
    pub(super) fn share_of_exponentials(&mut self, argument: NodeId, sum: NodeId) -> NodeId {
        let parts = self.exponentials(sum).unwrap_or_default();
        let arguments = self.values_of(parts.iter().map(|(_, a)| *a).collect());
        let largest = match arguments.as_slice() {
            [one] => *one,
            all => self.graph.function_verbatim(Function::Max, all),
        };
        let mut terms = Vec::with_capacity(parts.len());
        for ((coefficient, _), own) in parts.into_iter().zip(arguments) {
            let lower = self.minus(own, largest);
            terms.push((coefficient, self.call(Function::Exp, lower)));
        }
        let argument = self.value(argument);
        let lower = self.minus(argument, largest);
        let above = self.call(Function::Exp, lower);
        let below = self.graph.sum_verbatim(Number::ZERO, &terms);
        let minus_one = self.graph.constant(Number::MINUS_ONE);
        let inverse = self.graph.power_verbatim(below, minus_one);
        let share = self.graph.product_verbatim(&[above, inverse]);
        self.by("written_out_softmax", share)
    }
}
