//! The walk over an expression: operands before users, rules before proposals, the shortest proposal first.

use super::cost::{Costs, Difference};
use super::proposals::{self, Proposals};
use super::rule::Stage;
use super::sharing::Sharing;
use super::{Step, algebra};
use crate::graph::{Graph, Map, NodeId, NodeList, Op};

/// The most nodes that are looked at.
const WORK_LIMIT: usize = 20_000;

/// How often the whole expression is gone through.
const ROUND_LIMIT: usize = 6;

/// Rewritings of one node in a row.
const CHAIN_LIMIT: usize = 12;

pub(super) struct Simplifier<'g> {
    pub graph: &'g mut Graph,
    costs: Costs,
    proposals: Proposals,
    sharing: Sharing,
    /// Results of nodes that were looked at before, and in which run; nodes without operands stay as they are.
    done: Map<NodeId, (NodeId, u32)>,
    /// How many runs there were.
    runs: u32,
    /// Results of [`Simplifier::once`], with the steps.
    polished: Map<NodeId, (NodeId, Vec<Step>)>,
    /// Every rewriting that led to the result, in order.
    pub log: Vec<Step>,
    work: usize,
}

impl<'g> Simplifier<'g> {
    pub fn new(graph: &'g mut Graph) -> Self {
        Simplifier {
            costs: Costs::new(graph),
            proposals: Proposals::default(),
            graph,
            sharing: Sharing::default(),
            done: Map::default(),
            runs: 0,
            polished: Map::default(),
            log: Vec::new(),
            work: 0,
        }
    }

    /// One that starts anew, with what is known of single nodes whatever they are part of.
    pub fn anew(self) -> Self {
        let costs = self.costs.since(self.graph);
        Simplifier { costs, proposals: self.proposals, ..Simplifier::new(self.graph) }
    }

    /// The shortest forms of `roots` that were found, what they share counted once. Never longer than they were.
    pub fn run(&mut self, roots: &[NodeId]) -> Vec<NodeId> {
        self.runs += 1;
        let mut current = roots.to_vec();
        let mut best = (current.clone(), self.log.len());
        for _ in 0..ROUND_LIMIT {
            let next = self.round(&current);
            if next == current {
                break;
            }
            current = next;
            if !self.is_longer(&current, &best.0) {
                best = (current.clone(), self.log.len());
            }
        }
        self.log.truncate(best.1);
        best.0
    }

    /// Whether the expressions `a` have more operations together than `b`. Of single ones only what differs is looked
    /// at, so that many gradients with a long part in common are simplified in the time that they take to be read.
    fn is_longer(&mut self, a: &[NodeId], b: &[NodeId]) -> bool {
        match (a, b) {
            (&[a], &[b]) => self.costs.difference_of_wholes(self.graph, a, b) > 0,
            _ => self.total(a) > self.total(b),
        }
    }

    /// `roots`, as short as they get otherwise, by the rules that are used last.
    pub fn last(&mut self, roots: Vec<NodeId>) -> Vec<NodeId> {
        let reachable = self.graph.reachable(&roots);
        self.sharing.look(self.graph, &roots, reachable.clone());
        let kept = self.compared_with_extrema(&reachable);
        let mut done: Map<NodeId, NodeId> = Map::default();
        for node in reachable {
            if kept.binary_search(&node).is_ok() {
                continue;
            }
            let operands: NodeList =
                self.graph.operands(node).iter().map(|o| done.get(o).copied().unwrap_or(*o)).collect();
            let rebuilt = self.graph.rebuild(node, &operands);
            let mark = self.log.len();
            self.sharing.rewrite(node);
            let mut result = rebuilt;
            if let Some(after) = self.last_form(rebuilt)
                && self.difference(after, rebuilt).operations < 0
            {
                result = after;
            } else {
                self.log.truncate(mark);
            }
            if result != node {
                self.sharing.became(node, result);
                done.insert(node, result);
            }
        }
        roots.into_iter().map(|root| done.get(&root).copied().unwrap_or(root)).collect()
    }

    /// What is compared with an extremum, and what that is the extremum of, ascending: they stay as they are. A value and
    /// the extremum that it is compared with would differ in the last bit if one were rewritten alone.
    fn compared_with_extrema(&self, reachable: &[NodeId]) -> Vec<NodeId> {
        let asked = reachable.iter().filter(|node| self.graph.asks_for_extremum(**node));
        let compared: Vec<NodeId> = asked.flat_map(|node| self.graph.operands(*node).to_vec()).collect();
        if compared.is_empty() { compared } else { self.graph.reachable(&compared) }
    }

    /// What the rules that are used last make of a node or, of a product of a sum, of the terms that it multiplies out
    /// to.
    fn last_form(&mut self, node: NodeId) -> Option<NodeId> {
        if let Some(after) = self.by_rule(node, Stage::Last) {
            return Some(after);
        }
        if self.graph.op(node) != Op::Product {
            return None;
        }
        let expanded = algebra::expanded(self.graph, node)?;
        self.log.push(Step { rule: "multiply_out", before: node, after: expanded, fact: None });
        let (constant, mut terms) = self.graph.terms(expanded);
        let mut is_rewritten = false;
        for (_, term) in &mut terms {
            if let Some(after) = self.by_rule(*term, Stage::Last) {
                (*term, is_rewritten) = (after, true);
            }
        }
        is_rewritten.then(|| self.graph.linear(constant, &terms))
    }

    /// The operations of `roots` together.
    pub fn total(&mut self, roots: &[NodeId]) -> i64 {
        self.costs.total(self.graph, roots)
    }

    /// Goes through what `roots` reach once.
    pub fn round(&mut self, roots: &[NodeId]) -> Vec<NodeId> {
        let reachable = self.unsettled(roots);
        self.sharing.look(self.graph, roots, reachable.clone());
        let kept = self.compared_with_extrema(&reachable);
        let mut operands: Vec<NodeId> = Vec::new();
        for node in reachable {
            if kept.binary_search(&node).is_ok() {
                continue;
            }
            operands.clear();
            operands.extend(self.graph.operands(node).iter().map(|o| self.done.get(o).map_or(*o, |d| d.0)));
            if operands.is_empty() {
                continue;
            }
            let is_same = operands == self.graph.operands(node);
            if is_same && self.is_settled(node) {
                continue;
            }
            let rebuilt = if is_same { node } else { self.graph.rebuild(node, &operands) };
            self.sharing.rewrite(node);
            let result = self.at(rebuilt);
            self.sharing.became(node, result);
            self.done.insert(node, (result, self.runs));
            self.done.entry(result).or_insert((result, self.runs));
        }
        roots.iter().map(|root| self.done.get(root).map_or(*root, |d| d.0)).collect()
    }

    /// Whether `node` is as short as it gets, as far as is known.
    fn is_settled(&self, node: NodeId) -> bool {
        self.done.get(&node).is_some_and(|(result, _)| *result == node)
    }

    /// What `roots` reach, ascending, without what lies below nodes that an earlier run settled: many roots that share
    /// a part are not gone through once for each.
    fn unsettled(&self, roots: &[NodeId]) -> Vec<NodeId> {
        if self.runs == 1 {
            return self.graph.reachable(roots);
        }
        let mut seen: std::collections::BTreeSet<NodeId> = roots.iter().copied().collect();
        let mut pending = roots.to_vec();
        while let Some(node) = pending.pop() {
            if self.done.get(&node).is_some_and(|(result, run)| *result == node && *run < self.runs) {
                continue;
            }
            for operand in self.graph.operands(node) {
                if seen.insert(*operand) {
                    pending.push(*operand);
                }
            }
        }
        seen.into_iter().collect()
    }

    /// Rewrites one node until nothing shortens it.
    fn at(&mut self, node: NodeId) -> NodeId {
        let mut current = node;
        for _ in 0..CHAIN_LIMIT {
            if self.work >= WORK_LIMIT {
                return current;
            }
            self.work += 1;
            match self.rewritten(current).or_else(|| self.shortened(current)) {
                Some(next) if next != current => current = next,
                _ => break,
            }
        }
        current
    }

    /// By the first rule that always applies.
    fn rewritten(&mut self, node: NodeId) -> Option<NodeId> {
        let step = self.proposals.rewriting(self.graph, node)?;
        let after = step.after;
        self.log.push(step);
        Some(after)
    }

    /// By the first rule of a stage that applies.
    pub fn by_rule(&mut self, node: NodeId, stage: Stage) -> Option<NodeId> {
        let step = proposals::by_rule(self.graph, node, stage)?;
        let after = step.after;
        self.log.push(step);
        Some(after)
    }

    /// By the shortest proposal, if it is shorter than the node is.
    fn shortened(&mut self, node: NodeId) -> Option<NodeId> {
        let proposals = self.proposals.all(self.graph, node);
        let mark = self.log.len();
        let mut best = node;
        let mut best_log = Vec::new();
        for (at, step) in proposals.steps.iter().enumerate() {
            if step.after == node {
                continue;
            }
            self.log.push(step.clone());
            // What a proposal leads to within a few steps is what counts.
            let polished = self.polished(step.after);
            // What uses a function that is there anyway is preferred among forms of one length.
            let is_rule = at >= proposals.first_rule;
            let difference = self.difference(polished, best);
            if difference < Difference::NONE || is_rule && best == node && difference.operations <= 0 {
                best = polished;
                best_log = self.log.split_off(mark);
            } else {
                self.log.truncate(mark);
            }
        }
        self.log.append(&mut best_log);
        (best != node).then_some(best)
    }

    fn is_shorter(&mut self, a: NodeId, b: NodeId) -> bool {
        self.difference(a, b) < Difference::NONE
    }

    /// By how much `a` is longer than `b`, what is there anyway not counted.
    fn difference(&mut self, a: NodeId, b: NodeId) -> Difference {
        self.costs.difference(self.graph, &self.sharing, a, b)
    }

    /// A proposal with the factors and branches that it is made of shortened once.
    fn polished(&mut self, node: NodeId) -> NodeId {
        let operands = NodeList::from_slice(self.graph.operands(node));
        match self.graph.op(node) {
            // `-a*b` as well.
            Op::Linear
                if operands.len() == 3
                    && self.graph.is_zero(operands[0])
                    && self.graph.op(operands[2]) == Op::Product =>
            {
                let better = self.polished(operands[2]);
                let (coefficient, _) = self.graph.split_coefficient(node);
                if better == operands[2] { self.once(node) } else { self.graph.scale(&coefficient, better) }
            }
            Op::Product | Op::If => {
                let better: NodeList = operands.iter().map(|o| self.once(*o)).collect();
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
        if !matches!(self.graph.op(node), Op::Linear | Op::Product | Op::If | Op::Reduce(..)) {
            return node;
        }
        // What was worked out on the way up is as short as it gets.
        if self.is_settled(node) {
            return node;
        }
        if let Some((known, steps)) = self.polished.get(&node) {
            self.log.extend_from_slice(steps);
            return *known;
        }
        self.work += 1;
        if self.work >= WORK_LIMIT {
            return node;
        }
        let mark = self.log.len();
        let mut best_log = Vec::new();
        let mut best = node;
        if matches!(self.graph.op(node), Op::Linear | Op::Reduce(..))
            && let Some(after) = self.rewritten(node)
        {
            let steps = self.log.split_off(mark);
            if self.is_shorter(after, best) {
                (best, best_log) = (after, steps);
            }
        }
        for step in self.proposals.cheap(self.graph, node).iter() {
            if self.is_shorter(step.after, best) {
                best = step.after;
                best_log = vec![step.clone()];
            }
        }
        self.polished.insert(node, (best, best_log.clone()));
        self.log.append(&mut best_log);
        best
    }
}

/// `roots` with every rule applied that recognises a function however it is spelled, and nothing else.
///
/// The derivative of what is recognised is shorter than that of what was written; the derivative of a rule's two
/// sides is the same, at kinks as well.
pub(super) fn recognised(simplifier: &mut Simplifier<'_>, roots: &[NodeId]) -> Vec<NodeId> {
    let mut done: Map<NodeId, NodeId> = Map::default();
    for node in simplifier.graph.reachable(roots) {
        let operands: NodeList =
            simplifier.graph.operands(node).iter().map(|o| done.get(o).copied().unwrap_or(*o)).collect();
        if operands.is_empty() {
            continue;
        }
        let mut current = simplifier.graph.rebuild(node, &operands);
        for _ in 0..CHAIN_LIMIT {
            match simplifier.by_rule(current, Stage::Loss) {
                Some(next) => current = next,
                None => break,
            }
        }
        if current != node {
            done.insert(node, current);
        }
    }
    roots.iter().map(|root| done.get(root).copied().unwrap_or(*root)).collect()
}
