//! Reductions: sums term by term, and what is declared of a simplex.

use super::Fact;
use crate::function::Function;
use crate::graph::{Domain, Graph, NodeId, Op, Reduction};
use crate::number::Number;

/// How many factors of the terms of a sum that came of two are tried in front of it.
const BODY_FACTORS: usize = 2;

/// The terms from which on nothing is taken into sums.
const MANY: usize = 12;

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

/// Sums over the same indices are one: `sum[c](a) + sum[c](b)` is `sum[c](a + b)`, and with what stands before a sum taken
/// into it `sum[c](w*a) - k*sum[c](w)` is `sum[c](w*(a - k))`.
pub(super) fn joined(graph: &mut Graph, node: NodeId) -> Vec<NodeId> {
    if graph.op(node) != Op::Linear {
        return Vec::new();
    }
    let (constant, terms) = graph.terms(node);
    let mut sums: Vec<Option<(NodeId, Vec<NodeId>)>> =
        terms.iter().map(|(_, term)| sum_in(graph, *term)).collect();
    if terms.len() > MANY {
        sums.iter_mut()
            .filter(|s| s.as_ref().is_some_and(|(_, before)| !before.is_empty()))
            .for_each(|s| *s = None);
    }
    for (at, first) in sums.iter().enumerate() {
        let Some((sum, before)) = first else { continue };
        for (other_at, second) in sums.iter().enumerate().skip(at + 1) {
            let Some((other, other_before)) = second else { continue };
            let Op::Reduce(_, list) = graph.op(*sum) else { continue };
            // What stands before both is a common factor of the terms, or of two means.
            if graph.op(*other) != graph.op(*sum) || before.iter().any(|f| other_before.contains(f)) {
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
            let inside = |graph: &mut Graph, body: NodeId, before: &[NodeId]| {
                let mut factors = before.to_vec();
                factors.push(body);
                graph.mul(&factors)
            };
            let (body, other_body) = (inside(graph, body, before), inside(graph, other_body, other_before));
            let body = graph.linear(
                Number::ZERO,
                &[(terms[at].0.clone(), body), (terms[other_at].0.clone(), other_body)],
            );
            let mut bodies = super::algebra::factored(graph, body, BODY_FACTORS);
            // Without a common factor nothing is to be gained where something was taken in.
            if before.is_empty() && other_before.is_empty() {
                bodies.insert(0, body);
            }
            let rest: Vec<(Number, NodeId)> = terms
                .iter()
                .enumerate()
                .filter(|(n, _)| *n != at && *n != other_at)
                .map(|(_, t)| t.clone())
                .collect();
            let mut proposals = Vec::with_capacity(bodies.len());
            for body in bodies {
                let sum = graph.reduce(Reduction::Sum, &indices, body, None);
                let mut all = rest.clone();
                all.push((Number::ONE, sum));
                proposals.push(graph.linear(constant.clone(), &all));
            }
            if !proposals.is_empty() {
                return proposals;
            }
        }
    }
    Vec::new()
}

/// A sum that is `term` or a factor of it, and the other factors.
fn sum_in(graph: &Graph, term: NodeId) -> Option<(NodeId, Vec<NodeId>)> {
    let is_sum = |node: NodeId| matches!(graph.op(node), Op::Reduce(Reduction::Sum, _));
    if is_sum(term) {
        return Some((term, Vec::new()));
    }
    if graph.op(term) != Op::Product {
        return None;
    }
    let factors = graph.operands(term);
    let at = factors.iter().position(|f| is_sum(*f))?;
    Some((factors[at], factors.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, f)| *f).collect()))
}
