//! Building a node again from other operands.

use super::{Graph, NodeId, Op};
use crate::number::Number;
use smallvec::SmallVec;

impl Graph {
    /// The canonical node for the operation of `node` on other `operands`.
    ///
    /// The operands of a reduction are its body and filter with the bound indices as they are in `node`.
    pub fn rebuild(&mut self, node: NodeId, operands: &[NodeId]) -> NodeId {
        if operands == self.operands(node) {
            return node;
        }
        let rebuilt = self.construct(self.op(node), operands);
        if matches!(self.op(node), Op::Reduce(..)) {
            self.keep_place(node, rebuilt);
        }
        rebuilt
    }

    /// The canonical node for an operation on operands that need not be canonical together.
    pub fn construct(&mut self, op: Op, operands: &[NodeId]) -> NodeId {
        match (op, operands) {
            (Op::Linear, [constant, terms @ ..]) => {
                let constant = self.as_constant(*constant).cloned().unwrap_or(Number::ZERO);
                let terms: SmallVec<[(Number, NodeId); 8]> = terms
                    .chunks_exact(2)
                    .map(|pair| (self.as_constant(pair[0]).cloned().unwrap_or(Number::ZERO), pair[1]))
                    .collect();
                self.linear(constant, &terms)
            }
            (Op::Product, _) => self.mul(operands),
            (Op::Power, [base, exponent]) => self.power(*base, *exponent),
            (Op::Function(function), _) => self.function(function, operands),
            (Op::If, [condition, then, otherwise]) => self.select(*condition, *then, *otherwise),
            (Op::Compare(comparison), [a, b]) => self.compare(comparison, *a, *b),
            (Op::Not, [a]) => self.not(*a),
            (Op::And, _) => self.and(operands),
            (Op::Or, _) => self.or(operands),
            (Op::Detach, [e]) => self.detach(*e),
            (Op::Reduce(reduction, list), [body, filter @ ..]) => {
                let bound = self.bound_indices(list).to_vec();
                let mut fresh = Vec::with_capacity(bound.len());
                let mut map = Vec::with_capacity(bound.len());
                for index in bound {
                    let (name, range) = (self.index_entry(index).name.clone(), self.index_entry(index).range);
                    let new = self.fresh_index(&name, range);
                    let value = self.index_value(new);
                    fresh.push(new);
                    map.push((index, value));
                }
                let body = self.substitute(*body, &map);
                let filter = filter.first().map(|f| self.substitute(*f, &map));
                self.reduce(reduction, &fresh, body, filter)
            }
            (op, _) => self.intern(op, operands),
        }
    }
}
