//! Replacing indices and nodes by expressions.

use super::{Graph, IndexId, Map, NodeId, Op};

impl Graph {
    /// `node` with each index of `map` replaced by its expression, all at once.
    ///
    /// Bound indices are out of reach: under a reduction that binds one of the names, or one that occurs in an
    /// expression of `map`, the bound index is renamed first, so nothing is captured.
    pub fn substitute(&mut self, node: NodeId, map: &[(IndexId, NodeId)]) -> NodeId {
        let relevant: Vec<(IndexId, NodeId)> =
            map.iter().copied().filter(|(index, _)| self.depends_on_index(node, *index)).collect();
        if relevant.is_empty() {
            return node;
        }
        let touched = |graph: &Graph, node: NodeId| {
            graph.free_indices(node).iter().any(|free| relevant.iter().any(|(index, _)| index == free))
        };
        let mut done: Map<NodeId, NodeId> = Map::default();
        for (index, value) in &relevant {
            let old = self.index_value(*index);
            done.insert(old, *value);
        }
        let mut pending = vec![node];
        while let Some(&top) = pending.last() {
            if done.contains_key(&top) {
                pending.pop();
                continue;
            }
            if let Op::Reduce(..) = self.op(top) {
                let replaced = self.substitute_under(top, &relevant);
                done.insert(top, replaced);
                pending.pop();
                continue;
            }
            let waiting = pending.len();
            for operand in self.operands(top) {
                if touched(self, *operand) && !done.contains_key(operand) {
                    pending.push(*operand);
                }
            }
            if pending.len() > waiting {
                continue;
            }
            let operands: Vec<NodeId> =
                self.operands(top).iter().map(|o| done.get(o).copied().unwrap_or(*o)).collect();
            let rebuilt = self.rebuild(top, &operands);
            done.insert(top, rebuilt);
            pending.pop();
        }
        done[&node]
    }

    /// Of a reduction. Recursion is as deep as reductions nest, which lowering limits.
    fn substitute_under(&mut self, node: NodeId, map: &[(IndexId, NodeId)]) -> NodeId {
        let Op::Reduce(reduction, list) = self.op(node) else { return node };
        let bound = self.bound_indices(list).to_vec();
        let mut inner: Vec<(IndexId, NodeId)> =
            map.iter().copied().filter(|(index, _)| !bound.contains(index)).collect();
        let mut indices = Vec::with_capacity(bound.len());
        for index in bound {
            // Canonical names are given anew from the new body; an open one is renamed only where it must be.
            let is_canonical = self.index_entry(index).height.is_some();
            if is_canonical || inner.iter().any(|(_, value)| self.depends_on_index(*value, index)) {
                let (name, range) = (self.index_entry(index).name.clone(), self.index_entry(index).range);
                let fresh = self.fresh_index(&name, range);
                let value = self.index_value(fresh);
                inner.push((index, value));
                indices.push(fresh);
            } else {
                indices.push(index);
            }
        }
        let operands = self.operands(node).to_vec();
        let body = self.substitute(operands[0], &inner);
        let filter = operands.get(1).map(|f| self.substitute(*f, &inner));
        let replaced = self.reduce(reduction, &indices, body, filter);
        self.keep_place(node, replaced);
        replaced
    }

    /// A node replaced by another keeps its place in the source.
    pub(crate) fn keep_place(&mut self, old: NodeId, new: NodeId) {
        if old != new
            && let Some(span) = self.place(old)
        {
            self.set_place(new, span);
        }
    }

    /// `node` with every occurrence of a key of `replacements` replaced by its value.
    ///
    /// Operands are replaced first, then the node as it has become is looked up again.
    pub fn replace(&mut self, node: NodeId, replacements: &Map<NodeId, NodeId>) -> NodeId {
        let mut done: Map<NodeId, NodeId> = Map::default();
        for old in self.reachable(&[node]) {
            let new = match replacements.get(&old) {
                Some(new) => *new,
                None => {
                    let operands: Vec<NodeId> = self.operands(old).iter().map(|o| done[o]).collect();
                    if operands == self.operands(old) { old } else { self.rebuild(old, &operands) }
                }
            };
            let new = replacements.get(&new).copied().unwrap_or(new);
            done.insert(old, new);
        }
        done[&node]
    }
}
