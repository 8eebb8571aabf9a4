//! What a node of the graph is.

use super::{AxisId, IndexId, IndexListId, NumberId, VariableId};
use crate::comparison::Comparison;
use crate::function::Function;

/// The operation of a node. Its operands stand beside it in the graph.
///
/// Real-valued and truth-valued nodes share one arena; [`Op::is_condition`] tells them apart. There is no
/// subtraction, negation or division: `a - b` is a [`Op::Linear`], `a/b` a [`Op::Product`] with a
/// [`Op::Power`], and printing brings the familiar signs back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// An exact rational number.
    Constant(NumberId),
    /// The circle constant.
    Pi,
    /// An input or hyperparameter; operands: one whole-number-valued node an axis (none for a scalar).
    Access(VariableId),
    /// The value of an index, as a number.
    Index(IndexId),
    /// The length of an axis.
    Size(AxisId),
    /// `k + c1*t1 + c2*t2 + …`; operands `[k, c1, t1, c2, t2, …]`, where k and the c are constants, no c is 0,
    /// and the t ascend, are distinct, and are neither constants nor linear.
    Linear,
    /// A product of at least two factors; distinct bases, no constants among them.
    Product,
    /// Operands `[base, exponent]`. 0^0 is 1. A square root is a power to 1/2.
    Power,
    /// An elementary function of [`crate::function`]; `max` and `min` take any number of operands.
    Function(Function),
    /// A reduction over the listed indices; operands `[body]`, or `[body, filter]` for those that
    /// [`Reduction::keeps_filter`].
    Reduce(Reduction, IndexListId),
    /// Operands `[condition, then, else]`. The branch that is not taken contributes nothing.
    If,
    /// Operands `[a, b]`; of the six comparisons only `==`, `<` and `<=` occur.
    Compare(Comparison),
    /// A truth value.
    Truth(bool),
    /// Operands `[condition]`.
    Not,
    /// At least two conditions, ascending.
    And,
    /// At least two conditions, ascending.
    Or,
    /// Operands `[e]`: the value of `e`, a constant for differentiation.
    Detach,
    /// Operands `[array, p1, p2, …]`: the array, whose free indices are among the listed ones, with these at the positions
    /// p1, p2, …. Only [`super::Graph::with_elements`] makes it, for evaluation.
    Element(IndexListId),
}

impl Op {
    /// Whether the node is a truth value and not a number. `Reduce(Any, …)` is a condition as well.
    pub fn is_condition(self) -> bool {
        matches!(
            self,
            Op::Compare(_) | Op::Truth(_) | Op::Not | Op::And | Op::Or | Op::Reduce(Reduction::Any, _)
        )
    }
}

/// What a reduction does with the values of its body over the ranges of its indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reduction {
    /// The sum; a filter is part of the body: `if filter then e else 0`. Empty: 0.
    Sum,
    /// The product; a filter is part of the body: `if filter then e else 1`. Empty: 1.
    Product,
    /// The largest value; empty is an error when the value is needed.
    Max,
    /// The smallest value; empty is an error when the value is needed.
    Min,
    /// The sum over those that satisfy the filter, divided by their number; empty is an error when the value
    /// is needed. Only filtered means are nodes: `mean[i](e)` without a filter is a sum divided by the length.
    Mean,
    /// The logarithm of the sum of exponentials, computed without overflow. Empty: minus infinity, an error
    /// when the value is needed.
    LogSumExp,
    /// The Euclidean norm; a filter is part of the body as for a sum. Empty: 0.
    Norm,
    /// Whether the body, a condition, holds anywhere; a filter is part of the body.
    Any,
}

impl Reduction {
    /// Whether a filter is a second operand (and not part of the body).
    pub fn keeps_filter(self) -> bool {
        matches!(self, Reduction::Max | Reduction::Min | Reduction::Mean | Reduction::LogSumExp)
    }

    /// Its name in the language.
    pub fn name(self) -> &'static str {
        match self {
            Reduction::Sum => "sum",
            Reduction::Product => "prod",
            Reduction::Max => "max",
            Reduction::Min => "min",
            Reduction::Mean => "mean",
            Reduction::LogSumExp => "logsumexp",
            Reduction::Norm => "norm",
            Reduction::Any => "any",
        }
    }
}
