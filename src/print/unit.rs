//! What is printed at most once: the operations that a reader sees, and what each refers to.
//!
//! The graph has more edges than a reader sees (`(a - b)^2` is a power of a sum of multiples) and fewer
//! operations (`a/b` is a product with a power). Which names are worth having is decided on what is seen.

use super::convert::Converter;
use super::form::Form;
use crate::function::Function;
use crate::graph::{Map, NodeId};

/// A node and how it looks with its operands left out.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub node: NodeId,
    /// The operations that a reader counts, without those of what it refers to.
    pub operations: usize,
    pub depth: usize,
    /// Whether it is a call that is worth a name of its own, such as a reduction or a softmax.
    pub is_call: bool,
    /// The nodes that its form refers to, in reading order; a node stands here once for each time it is shown.
    pub references: Vec<NodeId>,
}

/// The units that the roots reach, in reading order.
#[derive(Default)]
pub(super) struct Units {
    pub all: Vec<Unit>,
    pub position: Map<NodeId, usize>,
}

impl Units {
    /// Adds what `root` reaches.
    pub fn add(&mut self, converter: &mut Converter<'_>, root: NodeId) {
        let mut pending = vec![root];
        while let Some(node) = pending.pop() {
            if self.position.contains_key(&node) {
                continue;
            }
            let (form, references) = converter.local(node);
            self.position.insert(node, self.all.len());
            pending.extend(references.iter().rev());
            let (operations, depth) = (form.operations(), form.depth());
            let is_call = match &form {
                Form::Reduction { .. } => true,
                Form::Function(function, _) => {
                    matches!(function, Function::Sigmoid | Function::Tanh | Function::Digamma)
                }
                _ => false,
            };
            self.all.push(Unit { node, operations, depth, is_call, references });
        }
    }

    /// For each unit how many units stand on one another in it, itself included.
    pub fn heights(&self) -> Vec<u32> {
        let mut heights = vec![0u32; self.all.len()];
        // Operands have smaller ids than their users, but references may skip nodes or be built later: so a walk.
        let mut pending: Vec<usize> = (0..self.all.len()).rev().collect();
        while let Some(&at) = pending.last() {
            if heights[at] > 0 {
                pending.pop();
                continue;
            }
            let parts = self.all[at].references.iter().filter_map(|r| self.position.get(r).copied());
            let waiting = pending.len();
            let mut highest = 0;
            for part in parts {
                if heights[part] == 0 {
                    pending.push(part);
                }
                highest = highest.max(heights[part]);
            }
            if pending.len() == waiting {
                heights[at] = highest + 1;
                pending.pop();
            }
        }
        heights
    }

    pub fn contains(&self, node: NodeId) -> bool {
        self.position.contains_key(&node)
    }
}
