//! What an expression shares with the rest of the result.
//!
//! A node **dominates** another if every path from the roots to the other goes through it. What a node does not
//! dominate is used elsewhere as well: it is printed, and named, anyway, so that using it once more costs nothing.

use crate::graph::{Graph, NodeId};

/// The dominators of the nodes of one round of simplification.
#[derive(Default)]
pub(super) struct Sharing {
    /// The nearest dominator of each node that the roots reach, by position; `ROOT` where there is none.
    nearest: Vec<Option<NodeId>>,
    /// The nodes of this round.
    reached: Vec<NodeId>,
    /// What each new node is the simplified form of, by position.
    origins: Vec<Option<NodeId>>,
    /// The new nodes.
    new: Vec<NodeId>,
    /// The node that is being rewritten.
    current: Option<NodeId>,
}

/// Stands for the user of all roots. It is larger than every other.
const ROOT: NodeId = NodeId(u32::MAX);

impl Sharing {
    /// Looks at what `roots` reach: `reachable`, ascending.
    pub fn look(&mut self, graph: &Graph, roots: &[NodeId], reachable: Vec<NodeId>) {
        for node in self.reached.drain(..) {
            self.nearest[node.position()] = None;
        }
        self.nearest.resize(graph.len().max(self.nearest.len()), None);
        for node in self.new.drain(..) {
            self.origins[node.position()] = None;
        }
        self.current = None;
        for root in roots {
            self.nearest[root.position()] = Some(ROOT);
        }
        // Users have larger ids than their operands: from the top down, all users of a node come before it. What lies
        // below the round has no dominator here.
        for node in reachable.iter().rev() {
            for operand in graph.operands(*node) {
                if reachable.binary_search(operand).is_err() {
                    continue;
                }
                let Some(other) = self.nearest[operand.position()] else {
                    self.nearest[operand.position()] = Some(*node);
                    continue;
                };
                let (mut a, mut b) = (other, *node);
                while a != b {
                    let lower = if a < b { &mut a } else { &mut b };
                    *lower = self.nearest[lower.position()].unwrap_or(ROOT);
                }
                self.nearest[operand.position()] = Some(a);
            }
        }
        self.reached = reachable;
    }

    /// From now on, `node` of the roots is what is being rewritten.
    pub fn rewrite(&mut self, node: NodeId) {
        self.current = Some(node);
    }

    /// Remembers that `node` has become `result`.
    pub fn became(&mut self, node: NodeId, result: NodeId) {
        if node == result {
            return;
        }
        if self.origins.len() <= result.position() {
            self.origins.resize(result.position() + 1, None);
        }
        let origin = &mut self.origins[result.position()];
        if origin.is_none() {
            *origin = Some(node);
            self.new.push(result);
        }
    }

    /// Whether `node` is used by something that is not part of what is being rewritten.
    pub fn is_used_elsewhere(&self, node: NodeId) -> bool {
        let Some(current) = self.current else { return false };
        let known = |node: NodeId| self.nearest.get(node.position()).copied().flatten();
        let mut at = self.origins.get(node.position()).copied().flatten().unwrap_or(node);
        if known(at).is_none() {
            return false;
        }
        while at < current {
            at = known(at).unwrap_or(ROOT);
        }
        at != current
    }
}
