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
        self.is_defined_where(node, around, &[])
    }

    /// The same wherever all of `facts`, which are conditions, hold.
    pub fn is_defined_where(&mut self, node: NodeId, around: &[IndexId], facts: &[NodeId]) -> bool {
        // An index that has a value has a range that is not empty.
        let mut lengths = Vec::with_capacity(around.len());
        for index in around {
            if let Some(range) = self.index_entry(*index).range {
                lengths.push(self.range_length(range));
            }
        }
        self.reachable(&[node]).into_iter().all(|part| self.is_defined_by_operands(part, &lengths, facts))
    }

    /// Where the value of `node` lies if all of `facts` hold: an inequality `a < b` bounds what differs from `b - a`
    /// by something that is bounded.
    pub fn interval_where(&mut self, node: NodeId, facts: &[NodeId]) -> Interval {
        let mut interval = self.interval(node);
        for fact in facts {
            let (Op::Compare(comparison), &[a, b]) = (self.op(*fact), self.operands(*fact)) else { continue };
            let gap = match comparison {
                Comparison::Less => Interval::POSITIVE,
                Comparison::LessEqual => Interval::NON_NEGATIVE,
                _ => continue,
            };
            let difference = self.sub(b, a);
            let rest = self.sub(node, difference);
            let above = self.interval(rest).add(&gap);
            let rest = self.add(&[node, difference]);
            let below = self.interval(rest).add(&gap.negate());
            for bound in [above, below] {
                interval = interval.intersect(&bound).unwrap_or(interval);
            }
        }
        interval
    }

    /// Whether `node` is defined wherever its operands are, if `lengths` are positive and all of `facts` hold.
    pub(crate) fn is_defined_by_operands(
        &mut self,
        node: NodeId,
        lengths: &[NodeId],
        facts: &[NodeId],
    ) -> bool {
        let operands = self.operands(node).to_vec();
        match self.op(node) {
            Op::Access(variable) => {
                let axes = self.variable(variable).axes.clone();
                operands.iter().zip(axes).all(|(position, axis)| self.is_on_axis(*position, axis))
            }
            Op::Power => {
                let mut base = self.interval_where(operands[0], facts);
                if base.is_non_negative() && self.has_positive_power(operands[0], facts) {
                    base = base.intersect(&Interval::POSITIVE).unwrap_or(base);
                }
                let is_nonzero = base.is_positive()
                    || base.is_negative()
                    || lengths.contains(&operands[0])
                    || facts.iter().any(|fact| self.says_nonzero(*fact, operands[0]));
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
                let argument = self.interval_where(operands[0], facts);
                match function {
                    Function::Log | Function::Log2 | Function::Log10 | Function::Logrel => {
                        argument.is_positive()
                    }
                    Function::Log1p | Function::Log1pmx => {
                        Interval::open(-1.0, f64::INFINITY).covers(&argument)
                    }
                    Function::Log1mexp => argument.is_negative(),
                    Function::Logit => Interval::open(0.0, 1.0).covers(&argument),
                    Function::Asin | Function::Acos => Interval::closed(-1.0, 1.0).covers(&argument),
                    Function::Lgamma | Function::Digamma => argument.is_positive(),
                    Function::Xlogy => self.interval(operands[1]).is_positive(),
                    Function::Tan | Function::Polygamma | Function::Atan2 => false,
                    Function::Exp
                    | Function::Expm1
                    | Function::Expm1mx
                    | Function::Abs
                    | Function::Sign
                    | Function::Sin
                    | Function::Cos
                    | Function::Atan
                    | Function::Sinh
                    | Function::Cosh
                    | Function::Tanh
                    | Function::Sigmoid
                    | Function::Softplus
                    | Function::Erf
                    | Function::Erfc
                    | Function::Floor
                    | Function::Round
                    | Function::Hypot
                    | Function::Max
                    | Function::Min => true,
                }
            }
            // Of nothing, there is no largest value and no mean.
            Op::Reduce(Reduction::Max | Reduction::Min | Reduction::Mean, _) => false,
            Op::Reduce(Reduction::LogSumExp, _) => operands.len() == 1,
            _ => true,
        }
    }

    /// Whether a power of `base`, which is not negative, is positive by one of `facts`: as a norm that is at least a
    /// margin is.
    fn has_positive_power(&mut self, base: NodeId, facts: &[NodeId]) -> bool {
        let sides: Vec<NodeId> = facts.iter().flat_map(|f| self.operands(*f)).copied().collect();
        sides.into_iter().any(|side| {
            let (_, terms) = self.terms(side);
            terms.into_iter().any(|(_, term)| {
                self.op(term) == Op::Power
                    && self.operands(term)[0] == base
                    && self.as_constant(self.operands(term)[1]).is_some_and(|n| n.is_positive())
                    && self.interval_where(term, facts).is_positive()
            })
        })
    }

    /// Whether `fact` is `node != 0`.
    fn says_nonzero(&self, fact: NodeId, node: NodeId) -> bool {
        let (Op::Not, &[equality]) = (self.op(fact), self.operands(fact)) else { return false };
        match (self.op(equality), self.operands(equality)) {
            (Op::Compare(Comparison::Equal), &[a, b]) => {
                a == node && self.is_zero(b) || b == node && self.is_zero(a)
            }
            _ => false,
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
