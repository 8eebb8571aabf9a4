//! Reductions: sums term by term, and what is declared of a simplex.

use super::Fact;
use crate::function::Function;
use crate::graph::{Domain, Graph, NodeId, Op, Reduction};
use crate::number::Number;

/// A sum of sums taken term by term.
pub(super) fn split(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let Op::Reduce(Reduction::Sum, _) = graph.op(node) else { return None };
    let (indices, body, _) = graph.open(node);
    if graph.op(body) != Op::Linear {
        let expanded = super::algebra::expanded(graph, body)?;
        let sum = graph.reduce(Reduction::Sum, &indices, expanded, None);
        return (sum != node).then_some(sum);
    }
    let (constant, terms) = graph.terms(body);
    let mut sums: Vec<(Number, NodeId)> = Vec::with_capacity(terms.len() + 1);
    for (coefficient, term) in terms {
        sums.push((coefficient, graph.reduce(Reduction::Sum, &indices, term, None)));
    }
    let constant = graph.constant(constant);
    sums.push((Number::ONE, graph.reduce(Reduction::Sum, &indices, constant, None)));
    Some(graph.linear(Number::ZERO, &sums))
}

/// The sum of a simplex over its last axis is 1. Also gives the fact.
pub(super) fn of_simplex(graph: &mut Graph, node: NodeId) -> Option<(NodeId, Fact)> {
    let Op::Reduce(Reduction::Sum, list) = graph.op(node) else { return None };
    let &[index] = graph.bound_indices(list) else { return None };
    let body = graph.operands(node)[0];
    let Op::Access(variable) = graph.op(body) else { return None };
    let declared = graph.variable(variable);
    let (name, axis) = (declared.name.clone(), *declared.axes.last()?);
    let last = *graph.operands(body).last()?;
    let others = &graph.operands(body)[..graph.operands(body).len() - 1];
    let is_whole_axis = declared.domain == Domain::Simplex
        && graph.op(last) == Op::Index(index)
        && others.iter().all(|o| !graph.depends_on_index(*o, index));
    if !is_whole_axis || graph.range(index) != graph.axis_range(axis) {
        return None;
    }
    let fact = Fact::SumsToOne(format!("sum[{}]({name}) = 1", graph.axis(axis).name));
    Some((graph.integer(1), fact))
}

/// A softmax sums to 1 over its axis.
pub(super) fn of_softmax(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let Op::Reduce(Reduction::Sum, _) = graph.op(node) else { return None };
    let body = graph.operands(node)[0];
    let (Op::Function(Function::Exp), &[argument]) = (graph.op(body), graph.operands(body)) else {
        return None;
    };
    let is_total = |n: &NodeId| matches!(graph.op(*n), Op::Reduce(Reduction::LogSumExp, _));
    if graph.op(argument) != Op::Linear || !graph.operands(argument).iter().any(is_total) {
        return None;
    }
    let (indices, body, _) = graph.open(node);
    let argument = graph.operands(body)[0];
    let (_, terms) = graph.terms(argument);
    let is_total = |graph: &Graph, n: NodeId| matches!(graph.op(n), Op::Reduce(Reduction::LogSumExp, _));
    let (_, total) = terms.iter().find(|(c, t)| *c == Number::MINUS_ONE && is_total(graph, *t))?;
    let shifted = graph.add(&[argument, *total]);
    let own = graph.reduce(Reduction::LogSumExp, &indices, shifted, None);
    (own == *total).then(|| graph.integer(1))
}

/// Sums over the same indices are one: `sum[c](a) + sum[c](b)` is `sum[c](a + b)`.
pub(super) fn joined(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    if graph.op(node) != Op::Linear {
        return None;
    }
    let (constant, terms) = graph.terms(node);
    let is_sum = |graph: &Graph, n: NodeId| matches!(graph.op(n), Op::Reduce(Reduction::Sum, _));
    for (at, (first, sum)) in terms.iter().enumerate() {
        let Op::Reduce(Reduction::Sum, list) = graph.op(*sum) else { continue };
        for (other_at, (second, other)) in terms.iter().enumerate().skip(at + 1) {
            if !is_sum(graph, *other) || graph.op(*other) != Op::Reduce(Reduction::Sum, list) {
                continue;
            }
            let (indices, body, _) = graph.open(*sum);
            let map: Vec<_> = graph
                .bound_indices(list)
                .to_vec()
                .into_iter()
                .zip(&indices)
                .map(|(bound, fresh)| (bound, graph.index_value(*fresh)))
                .collect();
            let other_body = graph.operands(*other)[0];
            let other_body = graph.substitute(other_body, &map);
            let body = graph.linear(Number::ZERO, &[(first.clone(), body), (second.clone(), other_body)]);
            let sum = graph.reduce(Reduction::Sum, &indices, body, None);
            let mut rest: Vec<(Number, NodeId)> = terms
                .iter()
                .enumerate()
                .filter(|(n, _)| *n != at && *n != other_at)
                .map(|(_, t)| t.clone())
                .collect();
            rest.push((Number::ONE, sum));
            return Some(graph.linear(constant, &rest));
        }
    }
    None
}
