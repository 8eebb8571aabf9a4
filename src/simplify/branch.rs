//! Choices: what is known within a branch, and what both branches share.

use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Graph, Map, NodeId, Op};
use crate::number::Number;

/// The choice with each branch simplified by what its condition says.
pub(super) fn informed(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let (Op::If, &[condition, then, otherwise]) = (graph.op(node), graph.operands(node)) else { return None };
    let opposite = graph.not(condition);
    let then = under(graph, then, condition, opposite);
    let otherwise = under(graph, otherwise, opposite, condition);
    let informed = graph.select(condition, then, otherwise);
    (informed != node).then_some(informed)
}

/// How often a branch is gone through: `min(b, max(a, x))` is settled from the outside in.
const SETTLING_LIMIT: usize = 3;

/// `node` where `known` holds and `false_here` does not.
fn under(graph: &mut Graph, node: NodeId, known: NodeId, false_here: NodeId) -> NodeId {
    let mut current = node;
    for _ in 0..SETTLING_LIMIT {
        let next = under_once(graph, current, known, false_here);
        if next == current {
            break;
        }
        current = next;
    }
    current
}

fn under_once(graph: &mut Graph, node: NodeId, known: NodeId, false_here: NodeId) -> NodeId {
    let facts: Vec<NodeId> = match graph.op(known) {
        Op::And => graph.operands(known).to_vec(),
        _ => vec![known],
    };
    let mut replacements: Map<NodeId, NodeId> = Map::default();
    let (yes, no) = (graph.truth(true), graph.truth(false));
    replacements.insert(false_here, no);
    for fact in &facts {
        replacements.insert(*fact, yes);
        let opposite = graph.not(*fact);
        replacements.insert(opposite, no);
    }
    // A maximum is settled by an inequality between its arguments.
    for part in graph.reachable(&[node]) {
        let (Op::Function(function @ (Function::Max | Function::Min)), &[a, b]) =
            (graph.op(part), graph.operands(part))
        else {
            continue;
        };
        for (winner, loser) in [(a, b), (b, a)] {
            let comparison =
                if function == Function::Max { Comparison::LessEqual } else { Comparison::GreaterEqual };
            let wins = graph.compare(comparison, loser, winner);
            let strictly = graph.compare(
                if function == Function::Max { Comparison::Less } else { Comparison::Greater },
                loser,
                winner,
            );
            if facts.contains(&wins) || facts.contains(&strictly) {
                replacements.insert(part, winner);
            }
        }
    }
    if replacements.keys().all(|k| !is_below(graph, *k, node)) {
        return node;
    }
    graph.replace(node, &replacements)
}

fn is_below(graph: &Graph, part: NodeId, node: NodeId) -> bool {
    part <= node && graph.reachable(&[node]).binary_search(&part).is_ok()
}

/// `if c then k1*e else k2*e` is `e*(if c then k1 else k2)`.
pub(super) fn shared_factor(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let (Op::If, &[condition, then, otherwise]) = (graph.op(node), graph.operands(node)) else { return None };
    if graph.as_constant(then).is_some() || graph.as_constant(otherwise).is_some() {
        return None;
    }
    let split = |graph: &mut Graph, node: NodeId| -> (Number, Vec<NodeId>) {
        let (coefficient, rest) = graph.split_coefficient(node);
        let (content, rest) =
            if coefficient.is_one() { graph.split_content(rest) } else { (coefficient, rest) };
        let factors = match graph.op(rest) {
            Op::Product => graph.operands(rest).to_vec(),
            _ => vec![rest],
        };
        (content, factors)
    };
    let (a, then_factors) = split(graph, then);
    let (b, other_factors) = split(graph, otherwise);
    let common: Vec<NodeId> = then_factors.iter().copied().filter(|f| other_factors.contains(f)).collect();
    if common.is_empty() {
        return None;
    }
    let rest = |graph: &mut Graph, coefficient: &Number, factors: &[NodeId]| {
        let left: Vec<NodeId> = factors.iter().copied().filter(|f| !common.contains(f)).collect();
        let product = graph.mul(&left);
        graph.scale(coefficient, product)
    };
    let (then, otherwise) = (rest(graph, &a, &then_factors), rest(graph, &b, &other_factors));
    let choice = graph.select(condition, then, otherwise);
    let mut factors = common;
    factors.push(choice);
    Some(graph.mul(&factors))
}

/// `(if c then a else b)*(if c then d else e)` is `if c then a*d else b*e`.
pub(super) fn merged(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    if graph.op(node) != Op::Product {
        return None;
    }
    let factors = graph.operands(node).to_vec();
    let choices: Vec<usize> = (0..factors.len()).filter(|at| graph.op(factors[*at]) == Op::If).collect();
    for (n, first) in choices.iter().enumerate() {
        for second in &choices[n + 1..] {
            let [c, a, b] = [0, 1, 2].map(|at| graph.operands(factors[*first])[at]);
            let [other, d, e] = [0, 1, 2].map(|at| graph.operands(factors[*second])[at]);
            if c != other {
                continue;
            }
            let (then, otherwise) = (graph.mul(&[a, d]), graph.mul(&[b, e]));
            let choice = graph.select(c, then, otherwise);
            let mut rest: Vec<NodeId> = factors
                .iter()
                .enumerate()
                .filter(|(at, _)| at != first && at != second)
                .map(|(_, f)| *f)
                .collect();
            rest.push(choice);
            return Some(graph.mul(&rest));
        }
    }
    None
}

/// A choice between multiples of one expression, as that expression times a choice between numbers.
pub(super) fn multiples(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let (Op::If, &[_, then, otherwise]) = (graph.op(node), graph.operands(node)) else { return None };
    let rest = |graph: &mut Graph, node: NodeId| {
        let (coefficient, rest) = graph.split_coefficient(node);
        if coefficient.is_one() { graph.split_content(rest).1 } else { rest }
    };
    (rest(graph, then) == rest(graph, otherwise)).then(|| shared_factor(graph, node)).flatten()
}

/// A product with a choice among its factors, as a choice between products.
pub(super) fn distributed(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    if graph.op(node) != Op::Product {
        return None;
    }
    let factors = graph.operands(node).to_vec();
    let at = factors.iter().position(|f| graph.op(*f) == Op::If && !graph.is_zero(graph.operands(*f)[2]))?;
    let [condition, then, otherwise] = [0, 1, 2].map(|n| graph.operands(factors[at])[n]);
    let with = |graph: &mut Graph, branch: NodeId| {
        let mut all = factors.clone();
        all[at] = branch;
        graph.mul(&all)
    };
    let (then, otherwise) = (with(graph, then), with(graph, otherwise));
    Some(graph.select(condition, then, otherwise))
}
