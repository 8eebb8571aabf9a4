//! Shapes that have a name of their own: softmax, mean, count, clamp.

use super::order::Order;
use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Graph, IndexId, NodeId, Op, Reduction};
use crate::number::Number;

/// The argument and the indices of a softmax: `z` and `c` of `exp(z - logsumexp[c](z))`.
pub(super) fn softmax_parts(graph: &mut Graph, node: NodeId) -> Option<(NodeId, Vec<IndexId>)> {
    match (graph.op(node), graph.operands(node)) {
        (Op::Function(Function::Exp), &[argument]) => log_softmax_parts(graph, argument),
        _ => None,
    }
}

/// The same of its logarithm, `z - logsumexp[c](z)`.
pub(super) fn log_softmax_parts(graph: &mut Graph, node: NodeId) -> Option<(NodeId, Vec<IndexId>)> {
    let (argument, total) = shifted_by_total(graph, node)?;
    let own: Vec<IndexId> =
        graph.free_indices(argument).iter().copied().filter(|i| !graph.depends_on_index(total, *i)).collect();
    if own.is_empty() || graph.bound_indices(list_of(graph, total)?).len() != own.len() {
        return None;
    }
    (graph.reduce(Reduction::LogSumExp, &own, argument, None) == total).then_some((argument, own))
}

/// `a` and `logsumexp(b)` of `a - logsumexp(b)`.
pub(super) fn shifted_by_total(graph: &mut Graph, node: NodeId) -> Option<(NodeId, NodeId)> {
    // Few terms: this is asked of every sum.
    if graph.op(node) != Op::Linear || graph.operands(node).len() > 9 {
        return None;
    }
    let total = graph.operands(node)[1..].chunks_exact(2).find_map(|pair| {
        let is_total = matches!(graph.op(pair[1]), Op::Reduce(Reduction::LogSumExp, _))
            && graph.as_constant(pair[0]) == Some(&Number::MINUS_ONE)
            && graph.operands(pair[1]).len() == 1;
        is_total.then_some(pair[1])
    })?;
    let argument = graph.add(&[node, total]);
    Some((argument, total))
}

/// `if norm[k](e) != 0 and … then rest*e/norm[k](e) else 0`: `rest`, `e`, the indices of the norm and the other
/// conditions. It is `rest*normalize[k](e)`.
pub(super) struct Normalized {
    pub rest: NodeId,
    pub argument: NodeId,
    pub indices: Vec<IndexId>,
    pub conditions: Vec<NodeId>,
}

/// The parts of a choice that is a normalized vector times something, if it is one.
pub(super) fn normalized_parts(graph: &mut Graph, node: NodeId) -> Option<Normalized> {
    let (Op::If, &[condition, then, otherwise]) = (graph.op(node), graph.operands(node)) else { return None };
    if !graph.is_zero(otherwise) || graph.op(then) != Op::Product {
        return None;
    }
    let mut conditions = match graph.op(condition) {
        Op::And => graph.operands(condition).to_vec(),
        _ => vec![condition],
    };
    let factors = graph.operands(then).to_vec();
    for at in 0..conditions.len() {
        let Some(norm) = nonzero_norm(graph, conditions[at]) else { continue };
        let Some(inverse) = factors.iter().position(|f| {
            graph.op(*f) == Op::Power
                && graph.operands(*f)[0] == norm
                && graph.as_constant(graph.operands(*f)[1]) == Some(&Number::MINUS_ONE)
        }) else {
            continue;
        };
        for (which, factor) in factors.iter().enumerate() {
            let indices: Vec<IndexId> = graph
                .free_indices(*factor)
                .iter()
                .copied()
                .filter(|i| !graph.depends_on_index(norm, *i))
                .collect();
            if indices.is_empty() {
                continue;
            }
            for sign in [Number::ONE, Number::MINUS_ONE] {
                let argument = graph.scale(&sign, *factor);
                if graph.reduce(Reduction::Norm, &indices, argument, None) != norm {
                    continue;
                }
                let others: Vec<NodeId> =
                    (0..factors.len()).filter(|n| *n != which && *n != inverse).map(|n| factors[n]).collect();
                let rest = graph.mul(&others);
                let rest = graph.scale(&sign, rest);
                conditions.remove(at);
                return Some(Normalized { rest, argument, indices, conditions });
            }
        }
    }
    None
}

/// `norm` of the condition `norm != 0`.
fn nonzero_norm(graph: &Graph, condition: NodeId) -> Option<NodeId> {
    let (Op::Not, &[equality]) = (graph.op(condition), graph.operands(condition)) else { return None };
    let (Op::Compare(Comparison::Equal), &[a, b]) = (graph.op(equality), graph.operands(equality)) else {
        return None;
    };
    let is_norm = |node: NodeId| matches!(graph.op(node), Op::Reduce(Reduction::Norm, _));
    match (graph.is_zero(a), graph.is_zero(b)) {
        (true, _) => Some(b).filter(|n| is_norm(*n)),
        (_, true) => Some(a).filter(|n| is_norm(*n)),
        _ => None,
    }
}

fn list_of(graph: &Graph, node: NodeId) -> Option<crate::graph::IndexListId> {
    match graph.op(node) {
        Op::Reduce(_, list) => Some(list),
        _ => None,
    }
}

/// `x`, `low` and `high` of `min(high, max(low, x))`, where the bounds are made of numbers and hyperparameters.
pub(super) fn clamp_parts(
    graph: &Graph,
    order: &mut Order,
    node: NodeId,
) -> Option<(NodeId, NodeId, NodeId)> {
    let mut split = |node: NodeId, function: Function| -> Option<(NodeId, NodeId)> {
        let (Op::Function(found), &[a, b]) = (graph.op(node), graph.operands(node)) else { return None };
        if found != function {
            return None;
        }
        match (order.rank(graph, a).is_fixed, order.rank(graph, b).is_fixed) {
            (true, false) => Some((a, b)),
            (false, true) => Some((b, a)),
            _ => None,
        }
    };
    let (high, inner) = split(node, Function::Min)?;
    let (low, x) = split(inner, Function::Max)?;
    Some((x, low, high))
}
