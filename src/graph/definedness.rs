//! Where an expression is defined.

use super::{Graph, IndexId, NodeId, Op, Reduction};
use crate::comparison::Comparison;
use crate::function::Function;
use crate::interval::Interval;

impl Graph {
    /// Whether `node` is a real number for all inputs as declared and all values of its indices and of those `around`
    /// it: `false` means that this could not be proved.
    ///
    /// What stands under a guard may be moved out of it only if this holds.
    pub fn is_defined_everywhere(&mut self, node: NodeId, around: &[IndexId]) -> bool {
        // An index that has a value has a range that is not empty.
        let mut lengths = Vec::with_capacity(around.len());
        for index in around {
            if let Some(range) = self.index_entry(*index).range {
                lengths.push(self.range_length(range));
            }
        }
        self.reachable(&[node]).into_iter().all(|part| self.is_defined_by_operands(part, &lengths))
    }

    /// Whether `node` is defined wherever its operands are, if `lengths` are positive.
    fn is_defined_by_operands(&mut self, node: NodeId, lengths: &[NodeId]) -> bool {
        let operands = self.operands(node).to_vec();
        match self.op(node) {
            Op::Access(variable) => {
                let axes = self.variable(variable).axes.clone();
                operands.iter().zip(axes).all(|(position, axis)| self.is_on_axis(*position, axis))
            }
            Op::Power => {
                let base = self.interval(operands[0]);
                let is_nonzero = base.is_positive() || base.is_negative() || lengths.contains(&operands[0]);
                match self.as_constant(operands[1]) {
                    Some(n) if n.is_integer() => n.is_positive() || is_nonzero,
                    Some(n) if n.is_positive() => base.is_non_negative(),
                    Some(_) => base.is_positive(),
                    None => {
                        base.is_positive()
                            || base.is_non_negative() && self.interval(operands[1]).is_non_negative()
                    }
                }
            }
            Op::Function(function) => {
                let argument = self.interval(operands[0]);
                match function {
                    Function::Log | Function::Log2 | Function::Log10 | Function::Logrel => {
                        argument.is_positive()
                    }
                    Function::Log1p => Interval::open(-1.0, f64::INFINITY).covers(&argument),
                    Function::Log1mexp => argument.is_negative(),
                    Function::Logit => Interval::open(0.0, 1.0).covers(&argument),
                    Function::Asin | Function::Acos => Interval::closed(-1.0, 1.0).covers(&argument),
                    Function::Lgamma | Function::Digamma => argument.is_positive(),
                    Function::Xlogy => self.interval(operands[1]).is_positive(),
                    Function::Tan => false,
                    _ => true,
                }
            }
            // Of nothing, there is no largest value and no mean.
            Op::Reduce(Reduction::Max | Reduction::Min | Reduction::Mean, _) => false,
            Op::Reduce(Reduction::LogSumExp, _) => operands.len() == 1,
            _ => true,
        }
    }

    fn is_on_axis(&mut self, position: NodeId, axis: super::AxisId) -> bool {
        if let Op::Access(variable) = self.op(position) {
            return self.variable(variable).domain == super::Domain::Index(axis);
        }
        let range = self.axis_range(axis);
        if let Op::Index(index) = self.op(position) {
            return self.index_entry(index).range == Some(range);
        }
        let is_low_enough = self.compare(Comparison::LessEqual, range.low, position);
        let is_high_enough = self.compare(Comparison::Less, position, range.high);
        [is_low_enough, is_high_enough].iter().all(|c| self.op(*c) == Op::Truth(true))
    }
}
