//! Guards `if c then e else 0`: those that several terms share, and those that `e` does not need.

use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Graph, NodeId, Op};
use crate::number::Number;

/// The conditions of `if c1 and c2 and … then e else 0`, and `e`.
fn parts(graph: &Graph, node: NodeId) -> Option<(Vec<NodeId>, NodeId)> {
    let (Op::If, &[condition, then, otherwise]) = (graph.op(node), graph.operands(node)) else { return None };
    if !graph.is_zero(otherwise) {
        return None;
    }
    let conditions = match graph.op(condition) {
        Op::And => graph.operands(condition).to_vec(),
        _ => vec![condition],
    };
    Some((conditions, then))
}

fn guarded(graph: &mut Graph, conditions: &[NodeId], then: NodeId) -> NodeId {
    let condition = graph.and(conditions);
    let zero = graph.integer(0);
    graph.select(condition, then, zero)
}

/// `(if c and a then x else 0) + (if c and b then y else 0)` with one guard `c` around both.
pub(super) fn common(graph: &mut Graph, node: NodeId) -> Vec<NodeId> {
    if graph.op(node) != Op::Linear {
        return Vec::new();
    }
    let (constant, terms) = graph.terms(node);
    let split: Vec<Option<(Vec<NodeId>, NodeId)>> = terms.iter().map(|(_, t)| parts(graph, *t)).collect();
    if split.iter().flatten().count() < 2 {
        return Vec::new();
    }
    let mut conditions: Vec<NodeId> = split.iter().flatten().flat_map(|(all, _)| all.clone()).collect();
    conditions.sort_unstable();
    let mut shared: Vec<NodeId> =
        conditions.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    shared.dedup();
    let mut proposals = Vec::new();
    for condition in shared {
        let mut inside: Vec<(Number, NodeId)> = Vec::new();
        let mut outside: Vec<(Number, NodeId)> = Vec::new();
        for ((coefficient, term), split) in terms.iter().zip(&split) {
            match split {
                Some((conditions, then)) if conditions.contains(&condition) => {
                    let rest: Vec<NodeId> = conditions.iter().copied().filter(|c| *c != condition).collect();
                    let rest = if rest.is_empty() { *then } else { guarded(graph, &rest, *then) };
                    inside.push((coefficient.clone(), rest));
                }
                _ => outside.push((coefficient.clone(), *term)),
            }
        }
        let inside = graph.linear(Number::ZERO, &inside);
        let inside = guarded(graph, &[condition], inside);
        outside.push((Number::ONE, inside));
        proposals.push(graph.linear(constant.clone(), &outside));
    }
    proposals
}

/// `if c then e else 0` without those parts of `c` outside of which `e` is 0 anyway: `if x < m then max(0, m - x) else
/// 0` is `max(0, m - x)`, and `if x < m then m - x else 0` is as well.
pub(super) fn dropped(graph: &mut Graph, node: NodeId) -> Vec<NodeId> {
    let Some((conditions, then)) = parts(graph, node) else { return Vec::new() };
    let around = graph.free_indices(node).to_vec();
    let (coefficient, product) = graph.split_coefficient(then);
    let (content, product) =
        if coefficient.is_one() { graph.split_content(product) } else { (coefficient, product) };
    let factors = match graph.op(product) {
        Op::Product => graph.operands(product).to_vec(),
        _ => vec![product],
    };
    let mut proposals = Vec::new();
    for (at, condition) in conditions.iter().enumerate() {
        let (Op::Compare(Comparison::Less | Comparison::LessEqual), &[a, b]) =
            (graph.op(*condition), graph.operands(*condition))
        else {
            continue;
        };
        let lead = graph.sub(b, a);
        // Where this condition does not hold and the others do.
        let mut facts = conditions.clone();
        facts[at] = graph.not(*condition);
        for (which, factor) in factors.iter().enumerate() {
            let Some(vanishing) = vanishing(graph, *factor, lead, &facts) else { continue };
            let others: Vec<NodeId> =
                factors.iter().enumerate().filter(|(n, _)| *n != which).map(|(_, f)| *f).collect();
            if !others.iter().all(|f| graph.is_defined_where(*f, &around, &facts)) {
                continue;
            }
            let mut all = others;
            all.push(vanishing);
            let product = graph.mul(&all);
            let product = graph.scale(&content, product);
            let rest: Vec<NodeId> = conditions.iter().copied().filter(|c| c != condition).collect();
            proposals.push(if rest.is_empty() { product } else { guarded(graph, &rest, product) });
        }
    }
    proposals
}

/// `factor` in a form that is 0 where `lead`, which is not negative where the guard holds, is not positive; if it has
/// one.
fn vanishing(graph: &mut Graph, factor: NodeId, lead: NodeId, facts: &[NodeId]) -> Option<NodeId> {
    let base = match (graph.op(factor), graph.operands(factor)) {
        (Op::Power, &[base, exponent]) if graph.as_constant(exponent).is_some_and(Number::is_positive) => {
            base
        }
        _ => factor,
    };
    if let (Op::Function(Function::Max), &[x, y]) = (graph.op(base), graph.operands(base)) {
        let argument = if graph.is_zero(x) {
            y
        } else if graph.is_zero(y) {
            x
        } else {
            return None;
        };
        return graph.interval_where(argument, facts).is_non_positive().then_some(factor);
    }
    // A positive multiple of what the guard compares with 0.
    if base != factor || graph.op(factor) != Op::Linear && factor != lead {
        return None;
    }
    let (own, rest) = graph.split_content(factor);
    let (guard, other) = graph.split_content(lead);
    let ratio = own.checked_div(&guard).filter(|_| rest == other)?;
    let zero = graph.integer(0);
    let positive = graph.function(Function::Max, &[zero, lead]);
    Some(graph.scale(&ratio, positive))
}
