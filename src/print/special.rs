//! Shapes that have a name of their own: softmax, mean, count, clamp.

use crate::function::Function;
use crate::graph::{Graph, IndexId, NodeId, Op, Reduction};
use crate::number::Number;

/// `a` and the log-sum-exp of `exp(a - logsumexp(…))`.
pub(super) fn softmax_parts(graph: &Graph, node: NodeId) -> Option<(NodeId, NodeId)> {
    let (Op::Function(Function::Exp), &[argument]) = (graph.op(node), graph.operands(node)) else {
        return None;
    };
    if graph.op(argument) != Op::Linear {
        return None;
    }
    // Few terms: this is asked of every node.
    if graph.operands(argument).len() > 9 {
        return None;
    }
    let at = (2..graph.operands(argument).len()).step_by(2).find(|at| {
        let (coefficient, term) = (graph.operands(argument)[at - 1], graph.operands(argument)[*at]);
        matches!(graph.op(term), Op::Reduce(Reduction::LogSumExp, _))
            && graph.as_constant(coefficient) == Some(&Number::MINUS_ONE)
            && graph.operands(term).len() == 1
    })?;
    let total = graph.operands(argument)[at];
    let rest = rest_of(graph, argument, at)?;
    Some((rest, total))
}

/// The one other term of a sum of two without a constant; `None` for longer sums.
fn rest_of(graph: &Graph, sum: NodeId, at: usize) -> Option<NodeId> {
    let operands = graph.operands(sum);
    let other = if at == 2 { 4 } else { 2 };
    let fits = operands.len() == 5 && graph.is_zero(operands[0]) && graph.is_one(operands[other - 1]);
    fits.then(|| operands[other])
}

/// The indices `c` for which the log-sum-exp `total` is that of `argument` over `c`.
pub(super) fn softmax_indices(graph: &mut Graph, argument: NodeId, total: NodeId) -> Option<Vec<IndexId>> {
    let own: Vec<IndexId> =
        graph.free_indices(argument).iter().copied().filter(|i| !graph.depends_on_index(total, *i)).collect();
    if own.is_empty() {
        return None;
    }
    (graph.reduce(Reduction::LogSumExp, &own, argument, None) == total).then_some(own)
}

/// `low` and `high` and the rest of `min(high, max(low, x))`, where the bounds are numbers or hyperparameters.
pub(super) fn clamp_parts(graph: &Graph, node: NodeId) -> Option<(NodeId, NodeId, NodeId)> {
    let is_bound = |node: NodeId| {
        graph.reachable(&[node]).into_iter().all(|n| match graph.op(n) {
            Op::Access(variable) => graph.variable(variable).is_hyperparameter,
            Op::Constant(_) | Op::Linear | Op::Product | Op::Power => true,
            _ => false,
        })
    };
    let split = |node: NodeId, function: Function| -> Option<(NodeId, NodeId)> {
        let (Op::Function(found), &[a, b]) = (graph.op(node), graph.operands(node)) else { return None };
        if found != function {
            return None;
        }
        match (is_bound(a), is_bound(b)) {
            (true, false) => Some((a, b)),
            (false, true) => Some((b, a)),
            _ => None,
        }
    };
    let (high, inner) = split(node, Function::Min)?;
    let (low, x) = split(inner, Function::Max)?;
    Some((x, low, high))
}
