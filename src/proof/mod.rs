//! Proofs that two expressions are equal wherever both are defined.
//!
//! In the order tried: they are one node; their difference simplifies to 0; its normal form is 0; the same in each
//! case of an input that takes a few values, and on either side of each condition; and term by term within a
//! reduction. What cannot be shown in one of these ways is not proved, which says nothing of whether it is true.

mod constraints;
mod exponents;
mod normal_form;
mod polynomial;
mod regions;

use crate::derivation::fact_text;
use crate::function::Function;
use crate::graph::{Graph, IndexListId, NodeId, Op, Reduction};
use crate::number::Number;
use crate::print::{document, text};
use crate::simplify::{Simplified, replay, simplify};
use constraints::Constraints;

/// A step of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was done: `simplify`, `case y = 1`.
    pub rule: String,
    /// The expression before, in the language.
    pub before: String,
    /// The expression after.
    pub after: String,
}

/// What a proof went through and relied on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    /// The steps in order.
    pub steps: Vec<Step>,
    /// The declared facts that it used, in the language.
    pub facts: Vec<String>,
}

impl Proof {
    fn push(&mut self, rule: impl Into<String>, before: String, after: String) {
        self.steps.push(Step { rule: rule.into(), before, after });
    }
}

/// Of a long simplification, so many steps are shown, and the last.
const SHOWN_STEPS: usize = 30;

/// How many cases may be gone through.
const CASE_LIMIT: usize = 400;

/// Larger expressions are not gone through case by case.
const SIZE_LIMIT: usize = 2000;

/// How many conditions may be settled one within the other.
const CONDITION_LIMIT: usize = 7;

/// How deeply reductions may be opened.
const NESTING_LIMIT: usize = 4;

/// Shows that `a` and `b` have the same value wherever both are defined; `None` where that was not possible.
pub(crate) fn prove_equal(graph: &mut Graph, a: NodeId, b: NodeId) -> Option<Proof> {
    let mut attempt = Attempt { graph, proof: Proof::default(), cases: 0 };
    if !attempt.equal([a, b], &Constraints::default(), 0) {
        return None;
    }
    let mut proof = attempt.proof;
    proof.facts.sort();
    proof.facts.dedup();
    Some(proof)
}

/// `node` written anew, if its normal form is free of what `is_input` names.
pub(crate) fn free_of(
    graph: &mut Graph,
    node: NodeId,
    is_input: &dyn Fn(&Graph, NodeId) -> bool,
) -> Option<NodeId> {
    let simpler = simplify(graph, node).node;
    let reached = graph.reachable(&[simpler]);
    if !reached.into_iter().any(|n| is_input(graph, n)) {
        return Some(simpler);
    }
    let rewritten = normal_form::without(graph, node, is_input)?;
    Some(simplify(graph, rewritten).node)
}

/// An expression in the language, on one line.
pub(crate) fn text_of(graph: &mut Graph, node: NodeId) -> String {
    text(&document(graph, node, &[])).split('\n').map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Whether a division by the number 0 takes part in the value of `node`, whichever branches are taken.
fn divides_by_zero(graph: &Graph, node: NodeId) -> bool {
    let mut seen = fixedbitset::FixedBitSet::with_capacity(graph.len());
    let mut pending = vec![node];
    while let Some(part) = pending.pop() {
        if seen.put(part.position()) {
            continue;
        }
        let operands = graph.operands(part);
        match graph.op(part) {
            Op::Power
                if graph.is_zero(operands[0])
                    && graph.as_constant(operands[1]).is_some_and(Number::is_negative) =>
            {
                return true;
            }
            Op::Linear | Op::Product | Op::Power => pending.extend_from_slice(operands),
            Op::Function(function) if function != Function::Xlogy => pending.extend_from_slice(operands),
            _ => {}
        }
    }
    false
}

struct Attempt<'g> {
    graph: &'g mut Graph,
    proof: Proof,
    cases: usize,
}

impl Attempt<'_> {
    fn text(&mut self, node: NodeId) -> String {
        text_of(self.graph, node)
    }

    /// Recursion is as deep as conditions and reductions nest, both of which are limited.
    fn equal(&mut self, nodes: [NodeId; 2], known: &Constraints, nesting: usize) -> bool {
        self.cases += 1;
        if self.cases > CASE_LIMIT {
            return false;
        }
        let [a, b] = nodes;
        if a == b {
            let shown = self.text(a);
            self.proof.push("identical in canonical form", shown.clone(), shown);
            return true;
        }
        if nodes.iter().any(|node| divides_by_zero(self.graph, *node)) {
            let shown = self.text(a);
            self.proof.push("one side is not defined in this case", shown, String::new());
            return true;
        }
        let difference = self.graph.sub(a, b);
        let simplified = simplify(self.graph, difference);
        if self.graph.is_zero(simplified.node) {
            self.push_simplification("the difference", difference, &simplified);
            return true;
        }
        let sides = nodes.map(|n| simplify(self.graph, n));
        if sides[0].node == sides[1].node {
            for (node, side) in nodes.into_iter().zip(&sides) {
                self.push_simplification("one side", node, side);
            }
            return true;
        }
        let before = self.text(difference);
        if normal_form::is_zero(self.graph, difference) {
            self.proof.push("the normal form of the difference is 0", before, "0".to_owned());
            return true;
        }
        let mark = (self.proof.steps.len(), self.proof.facts.len());
        let proved = self.by_cases(nodes, known, nesting) || self.within_reductions(nodes, known, nesting);
        if !proved {
            self.proof.steps.truncate(mark.0);
            self.proof.facts.truncate(mark.1);
        }
        proved
    }

    /// The rewritings of a simplification, a step each.
    fn push_simplification(&mut self, what: &str, start: NodeId, simplified: &Simplified) {
        let lines = replay(self.graph, start, &simplified.steps, simplified.node);
        let mut before = self.text(start);
        let count = lines.len();
        for (at, (rule, node)) in lines.into_iter().enumerate() {
            if at >= SHOWN_STEPS && at + 1 < count {
                continue;
            }
            let after = self.text(node);
            self.proof.push(format!("{what}: {rule}"), before, after.clone());
            before = after;
        }
        for fact in &simplified.facts {
            let text = fact_text(self.graph, fact);
            self.proof.facts.push(text);
        }
    }

    fn by_cases(&mut self, nodes: [NodeId; 2], known: &Constraints, nesting: usize) -> bool {
        if self.graph.reachable(&nodes).len() > SIZE_LIMIT {
            return false;
        }
        let cases = match regions::of_finite_set(self.graph, nodes, known) {
            Some(cases) => cases,
            None if known.len() >= CONDITION_LIMIT => return false,
            None => match regions::of_sign(self.graph, nodes, known) {
                Some(cases) => cases,
                None => return false,
            },
        };
        for case in cases {
            let (before, after) = (self.text(case.nodes[0]), self.text(case.nodes[1]));
            self.proof.push(format!("case {}", case.name), before, after);
            if !self.equal(case.nodes, &case.constraints, nesting) {
                return false;
            }
        }
        true
    }

    /// Sums over the same indices are equal if their bodies are, and so are other reductions and functions.
    fn within_reductions(&mut self, nodes: [NodeId; 2], known: &Constraints, nesting: usize) -> bool {
        if nesting >= NESTING_LIMIT {
            return false;
        }
        let difference = self.graph.sub(nodes[0], nodes[1]);
        if let Some(body) = self.joined(difference) {
            let zero = self.graph.integer(0);
            let (before, after) = (self.text(difference), self.text(body));
            self.proof.push("term by term", before, after);
            return self.equal([body, zero], known, nesting + 1);
        }
        let [a, b] = nodes;
        if self.graph.op(a) != self.graph.op(b)
            || self.graph.operands(a).len() != self.graph.operands(b).len()
        {
            return false;
        }
        match self.graph.op(a) {
            Op::Reduce(..) if !self.graph.op(a).is_condition() => {
                let Some([a, b]) = self.opened(nodes) else { return false };
                self.equal([a, b], known, nesting + 1)
            }
            Op::Function(_) | Op::Power => {
                let pairs: Vec<[NodeId; 2]> = self
                    .graph
                    .operands(a)
                    .iter()
                    .zip(self.graph.operands(b))
                    .map(|(x, y)| [*x, *y])
                    .collect();
                pairs.into_iter().all(|pair| self.equal(pair, known, nesting + 1))
            }
            _ => false,
        }
    }

    /// The bodies of two reductions over the same indices and with the same filter, with the same free indices.
    fn opened(&mut self, nodes: [NodeId; 2]) -> Option<[NodeId; 2]> {
        let (indices, first, filter) = self.graph.open(nodes[0]);
        let Op::Reduce(_, list) = self.graph.op(nodes[1]) else { return None };
        let bound = self.graph.bound_indices(list).to_vec();
        let mut map = Vec::with_capacity(bound.len());
        for (bound, index) in bound.into_iter().zip(&indices) {
            map.push((bound, self.graph.index_value(*index)));
        }
        let operands = self.graph.operands(nodes[1]).to_vec();
        let second = self.graph.substitute(operands[0], &map);
        let other_filter = operands.get(1).map(|f| self.graph.substitute(*f, &map));
        (filter == other_filter).then_some([first, second])
    }

    /// A combination of sums over the same indices as the body of one sum.
    fn joined(&mut self, node: NodeId) -> Option<NodeId> {
        let (constant, terms) = self.graph.terms(node);
        let (_, first) = terms.first()?.clone();
        let Op::Reduce(Reduction::Sum, list) = self.graph.op(first) else { return None };
        if !constant.is_zero() || terms.len() < 2 {
            return None;
        }
        let is_like = |n: NodeId| self.graph.op(n) == Op::Reduce(Reduction::Sum, list);
        if !terms.iter().all(|(_, term)| is_like(*term)) {
            return None;
        }
        self.join_bodies(list, &terms)
    }

    fn join_bodies(&mut self, list: IndexListId, terms: &[(Number, NodeId)]) -> Option<NodeId> {
        let bound = self.graph.bound_indices(list).to_vec();
        let mut map = Vec::with_capacity(bound.len());
        for index in bound {
            let (name, range) =
                (self.graph.index_entry(index).name.clone(), self.graph.index_entry(index).range);
            let fresh = self.graph.fresh_index(&name, range);
            map.push((index, self.graph.index_value(fresh)));
        }
        let mut body = Vec::with_capacity(terms.len());
        for (coefficient, term) in terms {
            let inner = self.graph.operands(*term)[0];
            body.push((coefficient.clone(), self.graph.substitute(inner, &map)));
        }
        Some(self.graph.linear(Number::ZERO, &body))
    }
}
