//! Expressions of one graph brought into another.

use super::{AxisId, Graph, IndexId, Map, NodeId, Op, Range, VariableId};

/// What the variables, axes and free indices of the other graph are here.
#[derive(Clone, Debug, Default)]
pub struct Correspondence {
    /// For each variable of the other graph.
    pub variables: Map<VariableId, VariableId>,
    /// For each axis.
    pub axes: Map<AxisId, AxisId>,
    /// For each free index.
    pub indices: Map<IndexId, IndexId>,
}

impl Graph {
    /// The expressions `roots` of `other`, as nodes of this graph.
    ///
    /// Every variable, axis and free index that they use must be in `correspondence`. Each node is built by the
    /// constructor of its operation, so what is equal up to the names of inputs becomes one node.
    pub fn import(
        &mut self,
        other: &Graph,
        roots: &[NodeId],
        correspondence: &Correspondence,
    ) -> Vec<NodeId> {
        let mut indices = correspondence.indices.clone();
        let mut done: Map<NodeId, NodeId> = Map::default();
        for old in other.reachable(roots) {
            let operands: Vec<NodeId> = other.operands(old).iter().map(|o| done[o]).collect();
            let new = match other.op(old) {
                Op::Constant(id) => self.constant(other.number(id).clone()),
                Op::Access(variable) => self.access(correspondence.variables[&variable], &operands),
                Op::Size(axis) => self.size(correspondence.axes[&axis]),
                Op::Index(index) => {
                    let index = self.import_index(other, index, correspondence, &mut indices);
                    self.index_value(index)
                }
                Op::Reduce(reduction, list) => {
                    let bound: Vec<IndexId> = other
                        .bound_indices(list)
                        .iter()
                        .map(|i| self.import_index(other, *i, correspondence, &mut indices))
                        .collect();
                    let node = self.reduce(reduction, &bound, operands[0], operands.get(1).copied());
                    if let Some(span) = other.place(old) {
                        self.set_place(node, span);
                    }
                    node
                }
                op => self.construct(op, &operands),
            };
            done.insert(old, new);
        }
        roots.iter().map(|root| done[root]).collect()
    }

    /// The index that stands for one of the other graph: given, or a new one over the same range.
    fn import_index(
        &mut self,
        other: &Graph,
        index: IndexId,
        correspondence: &Correspondence,
        known: &mut Map<IndexId, IndexId>,
    ) -> IndexId {
        if let Some(index) = known.get(&index) {
            return *index;
        }
        let entry = other.index_entry(index);
        // Ends of ranges are made of sizes and numbers, so this goes no deeper.
        let range = entry.range.map(|range| {
            let ends = self.import(other, &[range.low, range.high], correspondence);
            Range { low: ends[0], high: ends[1] }
        });
        let fresh = self.fresh_index(&entry.name, range);
        known.insert(index, fresh);
        fresh
    }
}
