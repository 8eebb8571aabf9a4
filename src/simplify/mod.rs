//! Shorter forms of an expression.
//!
//! Two kinds of step: the rules of the `.loss` files beside this one, which are data, and the algebra of sums,
//! products, choices and reductions, which works on the canonical form as a whole. Every step refines: where the
//! original is defined, the result is defined and equal. A proposal is kept only if it is shorter, so that the
//! result is never longer than the input; the work is bounded by a number of steps.

mod algebra;
mod branch;
mod cost;
mod matcher;
mod prove;
mod rule;
mod sums;

pub(crate) use rule::read_files;
pub use rule::{Rule, rules};

use crate::graph::{Graph, Map, NodeId, Op};
use cost::Costs;

/// `node` after one application of `rule` at it, if the rule matches and its guard can be proved.
pub fn apply_rule(graph: &mut Graph, rule: &Rule, node: NodeId) -> Option<NodeId> {
    matcher::apply(graph, rule, node)
}

/// What simplification gives.
#[derive(Clone, Debug)]
pub struct Simplified {
    /// The shorter form.
    pub node: NodeId,
    /// The declared facts that it relies on, in the language.
    pub assumptions: Vec<String>,
}

/// The most nodes that are looked at.
const STEP_LIMIT: usize = 20_000;

/// How often the whole expression is gone through.
const ROUND_LIMIT: usize = 6;

/// Rewritings of one node in a row.
const CHAIN_LIMIT: usize = 12;

/// The shortest form of `node` that the rules and the algebra lead to.
pub fn simplify(graph: &mut Graph, node: NodeId) -> Simplified {
    simplify_with(graph, node, &mut [])
}

/// The same; `others` become their shortest forms too, worked out together with that of `node`.
pub fn simplify_with(graph: &mut Graph, node: NodeId, others: &mut [NodeId]) -> Simplified {
    let mut simplifier = Simplifier {
        graph,
        costs: Costs::default(),
        assumptions: Vec::new(),
        done: Map::default(),
        steps: 0,
    };
    let mut current = node;
    for _ in 0..ROUND_LIMIT {
        // What one round brings together, the next can look at.
        simplifier.done.clear();
        let next = simplifier.bottom_up(current);
        if next == current {
            break;
        }
        current = next;
    }
    // A fact that was used on the way counts only if the result needs it, which is not known: list all.
    let mut assumptions = std::mem::take(&mut simplifier.assumptions);
    assumptions.sort();
    assumptions.dedup();
    for other in others {
        // Mostly parts of what was simplified just now.
        for _ in 0..ROUND_LIMIT {
            let next = simplifier.bottom_up(*other);
            if next == *other {
                break;
            }
            *other = next;
        }
    }
    Simplified { node: current, assumptions }
}

struct Simplifier<'g> {
    graph: &'g mut Graph,
    costs: Costs,
    assumptions: Vec<String>,
    /// Results of nodes that were simplified before.
    done: Map<NodeId, NodeId>,
    steps: usize,
}

impl Simplifier<'_> {
    /// Simplifies operands before users.
    fn bottom_up(&mut self, root: NodeId) -> NodeId {
        for node in self.graph.reachable(&[root]) {
            if self.done.contains_key(&node) {
                continue;
            }
            let operands: Vec<NodeId> =
                self.graph.operands(node).iter().map(|o| self.done.get(o).copied().unwrap_or(*o)).collect();
            let rebuilt = if operands == self.graph.operands(node) {
                node
            } else {
                self.graph.rebuild(node, &operands)
            };
            let result = self.at(rebuilt);
            self.done.insert(node, result);
            self.done.insert(result, result);
        }
        self.done[&root]
    }

    /// Rewrites one node until nothing shortens it.
    fn at(&mut self, node: NodeId) -> NodeId {
        let mut current = node;
        for _ in 0..CHAIN_LIMIT {
            if self.steps >= STEP_LIMIT {
                return current;
            }
            self.steps += 1;
            match self.rewritten(current).or_else(|| self.shortened(current)) {
                Some(next) if next != current => current = next,
                _ => break,
            }
        }
        current
    }

    /// By the first rule that applies.
    fn rewritten(&mut self, node: NodeId) -> Option<NodeId> {
        let op = self.graph.op(node);
        if matches!(op, Op::Constant(_) | Op::Access(_) | Op::Index(_) | Op::Size(_) | Op::Pi) {
            return None;
        }
        if let Some((one, fact)) = sums::of_simplex(self.graph, node) {
            self.assumptions.push(fact);
            return Some(one);
        }
        if let Some(factored) = branch::multiples(self.graph, node) {
            return Some(factored);
        }
        for rule in rules() {
            if let Some(after) = matcher::apply(self.graph, rule, node)
                && after != node
            {
                return Some(after);
            }
        }
        None
    }

    /// By the shortest proposal of the algebra, if it is shorter than the node is.
    fn shortened(&mut self, node: NodeId) -> Option<NodeId> {
        let mut proposals: Vec<NodeId> = Vec::new();
        match self.graph.op(node) {
            Op::Linear => {
                proposals.extend(algebra::factored(self.graph, node));
                proposals.extend(algebra::over_common_denominator(self.graph, node));
                proposals.extend(algebra::expanded(self.graph, node));
                proposals.extend(sums::joined(self.graph, node));
            }
            Op::Product => {
                proposals.extend(algebra::expanded(self.graph, node));
                proposals.extend(branch::merged(self.graph, node));
                proposals.extend(branch::distributed(self.graph, node));
            }
            Op::Power => proposals.extend(algebra::expanded(self.graph, node)),
            Op::If => {
                proposals.extend(branch::informed(self.graph, node));
                proposals.extend(branch::shared_factor(self.graph, node));
            }
            Op::Reduce(..) => proposals.extend(sums::split(self.graph, node)),
            _ => {}
        }
        let mut best = node;
        for proposal in proposals {
            // What a proposal leads to within a few steps is what counts.
            let polished = self.polished(proposal);
            if self.costs.difference(self.graph, polished, best) < 0 {
                best = polished;
            }
        }
        (best != node).then_some(best)
    }

    /// A proposal with the factors and branches that it is made of shortened once.
    fn polished(&mut self, node: NodeId) -> NodeId {
        let operands = self.graph.operands(node).to_vec();
        match self.graph.op(node) {
            Op::Product | Op::If => {
                let better: Vec<NodeId> = operands.iter().map(|o| self.once(*o)).collect();
                if better == operands { node } else { self.graph.rebuild(node, &better) }
            }
            Op::Linear => {
                let mut better = operands.clone();
                for at in (2..operands.len()).step_by(2) {
                    better[at] = self.once(operands[at]);
                }
                let node = if better == operands { node } else { self.graph.rebuild(node, &better) };
                self.once(node)
            }
            _ => node,
        }
    }

    /// The shortest of the cheap proposals for a node.
    fn once(&mut self, node: NodeId) -> NodeId {
        self.steps += 1;
        if self.steps >= STEP_LIMIT {
            return node;
        }
        let mut best = node;
        let mut proposals: Vec<NodeId> = Vec::new();
        match self.graph.op(node) {
            Op::Linear => {
                proposals.extend(self.rewritten(node));
                proposals.extend(algebra::factored(self.graph, node));
                proposals.extend(algebra::over_common_denominator(self.graph, node));
            }
            Op::Product => {
                let expanded = algebra::expanded(self.graph, node);
                if let Some(expanded) = expanded {
                    proposals.push(expanded);
                    proposals.extend(algebra::factored(self.graph, expanded));
                }
            }
            Op::If => proposals.extend(branch::shared_factor(self.graph, node)),
            Op::Reduce(..) => {
                proposals.extend(self.rewritten(node));
            }
            _ => {}
        }
        for proposal in proposals {
            if self.costs.difference(self.graph, proposal, best) < 0 {
                best = proposal;
            }
        }
        best
    }
}
