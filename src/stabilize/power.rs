//! Powers: of probabilities that underflow, and of sums of squares.

use super::Stabilizer;
use crate::function::Function;
use crate::graph::{NodeId, Op, Reduction};
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
        let grows = number.as_ref().is_some_and(|n| n.is_integer() && n.is_positive());
        if !grows
            && let Some(n) = &number
            && let Some(root) = self.root_of_squares(base)
            && let Some(twice) = n.checked_mul(&Number::integer(2))
        {
            let twice = self.graph.constant(twice);
            let form = self.graph.power_verbatim(root, twice);
            return self.by("root_of_squares", form);
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

    /// The square root of a sum of squares, which neither overflows nor underflows: a norm, or hypot.
    pub(super) fn root_of_squares(&mut self, node: NodeId) -> Option<NodeId> {
        match self.graph.op(node) {
            Op::Reduce(Reduction::Sum, _) => self.norm(node),
            Op::Linear => {
                let (constant, terms) = self.graph.terms(node);
                if constant.is_negative() || terms.len() + usize::from(!constant.is_zero()) < 2 {
                    return None;
                }
                let mut roots = Vec::with_capacity(terms.len() + 1);
                if !constant.is_zero() {
                    let constant = self.graph.constant(constant);
                    let root = self.graph.sqrt(constant);
                    roots.push(self.value(root));
                }
                for (coefficient, term) in terms {
                    let term = self.graph.scale(&coefficient, term);
                    roots.push(self.root(term)?);
                }
                let first = roots.remove(0);
                Some(
                    roots
                        .into_iter()
                        .fold(first, |a, b| self.graph.function_verbatim(Function::Hypot, &[a, b])),
                )
            }
            _ => None,
        }
    }

    /// The Euclidean norm whose square is the sum `node`.
    fn norm(&mut self, node: NodeId) -> Option<NodeId> {
        let (indices, body, _) = self.graph.open(node);
        let root = self.root(body)?;
        Some(self.graph.reduce_verbatim(Reduction::Norm, &indices, root, None))
    }

    /// A number whose square is `node`, whichever its sign.
    fn root(&mut self, node: NodeId) -> Option<NodeId> {
        let operands = self.graph.operands(node).to_vec();
        match (self.graph.op(node), operands.as_slice()) {
            (Op::Power, &[base, exponent]) => {
                let n = self.graph.as_constant(exponent)?.clone();
                if !n.is_integer() || n.numerator_is_odd() {
                    return None;
                }
                let half = self.graph.constant(n.checked_div(&Number::integer(2))?);
                let (base, half) = (self.value(base), half);
                Some(self.graph.power_verbatim(base, half))
            }
            (Op::Product, factors) => {
                let roots: Option<Vec<NodeId>> = factors.iter().map(|f| self.root(*f)).collect();
                Some(self.graph.product_verbatim(&roots?))
            }
            (Op::Linear, _) => {
                let (coefficient, rest) = self.graph.split_coefficient(node);
                if !coefficient.is_positive() || coefficient.is_one() {
                    return None;
                }
                let number = self.graph.constant(coefficient);
                let number = self.graph.sqrt(number);
                let root = self.root(rest)?;
                Some(self.graph.product_verbatim(&[number, root]))
            }
            (Op::Reduce(Reduction::Sum, _), _) => self.norm(node),
            (Op::If, &[condition, then, otherwise]) if self.graph.is_zero(otherwise) => {
                let (condition, then) = (self.value(condition), self.root(then)?);
                Some(self.graph.choice_verbatim(condition, then, otherwise))
            }
            _ => None,
        }
    }
}
