//! The order in which terms and factors are read.
//!
//! It depends on what the nodes are and on the order in which the user declared the inputs, never on the
//! accidents of the arena: two spellings of one loss print alike.

use crate::comparison::Comparison;
use crate::graph::{Graph, IndexId, Map, NodeId, Op};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

/// Where a node stands among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Whether it is made of hyperparameters, lengths and numbers alone.
    pub is_fixed: bool,
    /// The degree as a polynomial, functions counted as one.
    pub degree: i32,
    /// The position of the first-declared variable in it.
    pub first: u32,
    /// How many operations it is made of, what is shared counted each time.
    pub size: u32,
    /// Tells nodes apart that are alike in everything else.
    pub digest: u64,
}

/// Ranks that were worked out before.
#[derive(Default)]
pub(super) struct Order {
    known: Map<NodeId, Rank>,
}

impl Order {
    /// The rank of `node`.
    pub fn rank(&mut self, graph: &Graph, node: NodeId) -> Rank {
        let mut pending = vec![node];
        while let Some(&top) = pending.last() {
            if self.known.contains_key(&top) {
                pending.pop();
                continue;
            }
            let waiting = pending.len();
            pending.extend(graph.operands(top).iter().copied().filter(|o| !self.known.contains_key(o)));
            if let Some(range) = index_range(graph, top) {
                pending.extend(range.into_iter().filter(|end| !self.known.contains_key(end)));
            }
            if pending.len() == waiting {
                let rank = self.rank_by_operands(graph, top);
                self.known.insert(top, rank);
                pending.pop();
            }
        }
        self.known[&node]
    }

    fn rank_by_operands(&self, graph: &Graph, node: NodeId) -> Rank {
        let operands = graph.operands(node);
        let ranks: Vec<Rank> = operands.iter().map(|o| self.known[o]).collect();
        let mut first = ranks.iter().map(|r| r.first).min().unwrap_or(u32::MAX);
        let mut is_fixed = ranks.iter().all(|r| r.is_fixed);
        let all_degrees = || ranks.iter().map(|r| r.degree);
        let degree = match graph.op(node) {
            Op::Constant(_) | Op::Pi | Op::Size(_) => 0,
            Op::Access(variable) => {
                let is_hyperparameter = graph.variable(variable).is_hyperparameter;
                first = variable.position() as u32;
                is_fixed = is_hyperparameter;
                i32::from(!is_hyperparameter)
            }
            Op::Index(_) => {
                is_fixed = false;
                1
            }
            Op::Product => all_degrees().fold(0i32, i32::saturating_add),
            Op::Power => match graph.as_constant(operands[1]).and_then(|n| n.to_i64()) {
                Some(n) => ranks[0].degree.saturating_mul(n.clamp(-64, 64) as i32),
                None => ranks[0].degree,
            },
            Op::Linear => all_degrees().max().unwrap_or(0),
            _ => i32::from(!is_fixed),
        };
        let size = ranks.iter().fold(1u32, |sum, rank| sum.saturating_add(rank.size));
        Rank { is_fixed, degree: degree.clamp(-1000, 1000), first, size, digest: self.digest(graph, node) }
    }

    fn digest(&self, graph: &Graph, node: NodeId) -> u64 {
        let mut hasher = FxHasher::default();
        let op = graph.op(node);
        std::mem::discriminant(&op).hash(&mut hasher);
        let mut operands: Vec<u64> = graph.operands(node).iter().map(|o| self.known[o].digest).collect();
        match op {
            Op::Constant(id) => graph.number(id).hash(&mut hasher),
            Op::Access(variable) => graph.variable(variable).name.hash(&mut hasher),
            Op::Size(axis) => graph.axis(axis).name.hash(&mut hasher),
            Op::Index(index) => self.digest_index(graph, index).hash(&mut hasher),
            Op::Function(function) => {
                function.hash(&mut hasher);
                if operands.len() > 2 || matches!(function.name(), "max" | "min") {
                    operands.sort_unstable();
                }
            }
            Op::Reduce(reduction, list) => {
                reduction.hash(&mut hasher);
                graph.bound_indices(list).len().hash(&mut hasher);
            }
            Op::Compare(comparison) => {
                comparison.hash(&mut hasher);
                if comparison == Comparison::Equal {
                    operands.sort_unstable();
                }
            }
            Op::Linear => {
                let mut terms: Vec<(u64, u64)> =
                    operands[1..].chunks_exact(2).map(|t| (t[1], t[0])).collect();
                terms.sort_unstable();
                operands.truncate(1);
                operands.extend(terms.into_iter().flat_map(|(term, coefficient)| [term, coefficient]));
            }
            Op::Product | Op::And | Op::Or => operands.sort_unstable(),
            _ => {}
        }
        operands.hash(&mut hasher);
        hasher.finish()
    }

    /// A free index is known by its name, a bound one by its range and height.
    fn digest_index(&self, graph: &Graph, index: IndexId) -> (String, u16, u64) {
        let known = graph.index_entry(index);
        let ends = known.range.map_or(0, |r| {
            let end = |node| self.known.get(&node).map_or(0, |rank: &Rank| rank.digest);
            end(r.low).wrapping_mul(31).wrapping_add(end(r.high))
        });
        match known.height {
            Some(height) => (String::new(), height, ends),
            None => (known.name.clone(), 0, ends),
        }
    }
}

fn index_range(graph: &Graph, node: NodeId) -> Option<[NodeId; 2]> {
    let Op::Index(index) = graph.op(node) else { return None };
    graph.index_entry(index).range.map(|range| [range.low, range.high])
}
