//! Cases: the values of finite sets, and the two sides of a condition with the boundary between.

use super::constraints::{Constraints, Sign};
use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Domain, Graph, Map, NodeId, Op};
use crate::number::Number;

/// One case, with the expressions as they are there.
pub(super) struct Case {
    /// `y = 1`, `|x - y| < delta`
    pub name: String,
    /// The expressions.
    pub nodes: [NodeId; 2],
    /// What is known in it.
    pub constraints: Constraints,
}

/// The cases of the first scalar input in `nodes` that takes only a few values.
pub(super) fn of_finite_set(graph: &mut Graph, nodes: [NodeId; 2], known: &Constraints) -> Option<Vec<Case>> {
    let reached = graph.reachable(&nodes);
    let (access, values, name) = reached.into_iter().find_map(|node| match graph.op(node) {
        Op::Access(variable) if graph.operands(node).is_empty() => {
            let variable = graph.variable(variable);
            match &variable.domain {
                Domain::Set(values) if values.len() <= 4 => {
                    Some((node, values.clone(), variable.name.clone()))
                }
                _ => None,
            }
        }
        _ => None,
    })?;
    let cases = values.into_iter().map(|value| {
        let constant = graph.constant(value.clone());
        let replacements: Map<NodeId, NodeId> = [(access, constant)].into_iter().collect();
        Case {
            name: format!("{name} = {value}"),
            nodes: nodes.map(|n| graph.replace(n, &replacements)),
            constraints: known.clone(),
        }
    });
    Some(cases.collect())
}

/// The cases of the sign of the first quantity that a condition, an absolute value or a maximum in `nodes` turns on.
pub(super) fn of_sign(graph: &mut Graph, nodes: [NodeId; 2], known: &Constraints) -> Option<Vec<Case>> {
    let quantity = graph.reachable(&nodes).into_iter().find_map(|node| quantity(graph, node))?;
    let mut cases = Vec::new();
    for sign in [Sign::Negative, Sign::Zero, Sign::Positive] {
        if !known.allows(graph, quantity, sign) {
            continue;
        }
        let settled = nodes.map(|node| settle(graph, node, quantity, sign));
        let symbol = match sign {
            Sign::Negative => "<",
            Sign::Zero => "=",
            Sign::Positive => ">",
        };
        cases.push(Case {
            name: format!("{} {symbol} 0", super::text_of(graph, quantity)),
            nodes: settled,
            constraints: known.with(quantity, sign),
        });
    }
    Some(cases)
}

/// What decides `node`, up to a factor: the difference of the sides of a comparison, an argument of `abs` or `sign`,
/// the difference of the first arguments of a maximum. Not within reductions, where it would have several values.
fn quantity(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let operands = graph.operands(node).to_vec();
    let difference = match (graph.op(node), operands.as_slice()) {
        (Op::Compare(_), &[a, b]) => graph.sub(a, b),
        (Op::Function(Function::Abs | Function::Sign), &[a]) => a,
        (Op::Function(Function::Max | Function::Min), &[a, b, ..]) => graph.sub(a, b),
        _ => return None,
    };
    let is_bound = graph.free_indices(difference).iter().any(|i| graph.index_entry(*i).height.is_some());
    let (_, rest) = graph.split_coefficient(difference);
    let (_, rest) = graph.split_content(rest);
    (!is_bound && graph.as_constant(rest).is_none()).then_some(rest)
}

/// The factor by which `node` is a multiple of `quantity`.
fn factor(graph: &mut Graph, node: NodeId, quantity: NodeId) -> Option<Number> {
    let (coefficient, rest) = graph.split_coefficient(node);
    let (content, rest) = graph.split_content(rest);
    (rest == quantity).then(|| coefficient.checked_mul(&content)).flatten()
}

/// `node` where `quantity` has that sign.
fn settle(graph: &mut Graph, node: NodeId, quantity: NodeId, sign: Sign) -> NodeId {
    let mut replacements: Map<NodeId, NodeId> = Map::default();
    for part in graph.reachable(&[node]) {
        let operands = graph.operands(part).to_vec();
        let of = |factor: &Number| if factor.is_negative() { sign.opposite() } else { sign };
        match (graph.op(part), operands.as_slice()) {
            (Op::Compare(comparison), &[a, b]) => {
                let difference = graph.sub(a, b);
                let Some(factor) = factor(graph, difference, quantity) else { continue };
                let holds = match (comparison, of(&factor)) {
                    (Comparison::Equal, own) => own == Sign::Zero,
                    (Comparison::Less, own) => own == Sign::Negative,
                    (_, own) => own != Sign::Positive,
                };
                let truth = graph.truth(holds);
                replacements.insert(part, truth);
            }
            (Op::Function(function @ (Function::Abs | Function::Sign)), &[a]) => {
                let Some(factor) = factor(graph, a, quantity) else { continue };
                let own = match of(&factor) {
                    Sign::Negative => Number::MINUS_ONE,
                    Sign::Zero => Number::ZERO,
                    Sign::Positive => Number::ONE,
                };
                let value =
                    if function == Function::Sign { graph.constant(own) } else { graph.scale(&own, a) };
                replacements.insert(part, value);
            }
            (Op::Function(function @ (Function::Max | Function::Min)), &[a, b, ref rest @ ..]) => {
                let difference = graph.sub(a, b);
                let Some(factor) = factor(graph, difference, quantity) else { continue };
                let first_is_larger = of(&factor) != Sign::Negative;
                let winner = if first_is_larger == (function == Function::Max) { a } else { b };
                let left: Vec<NodeId> = [winner].into_iter().chain(rest.iter().copied()).collect();
                let value = if left.len() == 1 { winner } else { graph.function(function, &left) };
                replacements.insert(part, value);
            }
            _ => {}
        }
    }
    let settled = graph.replace(node, &replacements);
    if sign != Sign::Zero {
        return settled;
    }
    match solved(graph, quantity) {
        Some((unknown, value)) => {
            let replacements: Map<NodeId, NodeId> = [(unknown, value)].into_iter().collect();
            graph.replace(settled, &replacements)
        }
        None => settled,
    }
}

/// A term of `quantity = 0` and what it then is: a scalar input that occurs nowhere else in it, or some other term.
fn solved(graph: &mut Graph, quantity: NodeId) -> Option<(NodeId, NodeId)> {
    let (constant, terms) = graph.terms(quantity);
    let rank = |graph: &Graph, node: NodeId| match graph.op(node) {
        Op::Access(variable) if !graph.variable(variable).is_hyperparameter => Some(1),
        Op::Access(_) => Some(3),
        Op::Function(_) | Op::Reduce(..) => Some(0),
        Op::Power => Some(2),
        _ => None,
    };
    let mut order: Vec<usize> = (0..terms.len()).filter(|at| rank(graph, terms[*at].1).is_some()).collect();
    order.sort_by_key(|at| (rank(graph, terms[*at].1), *at));
    let at = order.into_iter().find(|at| {
        let own = terms[*at].1;
        let others: Vec<NodeId> =
            terms.iter().enumerate().filter(|(n, _)| n != at).map(|(_, t)| t.1).collect();
        graph.reachable(&others).binary_search(&own).is_err()
    })?;
    let inverse = (-&terms[at].0).recip()?;
    let mut rest: Vec<(Number, NodeId)> = Vec::with_capacity(terms.len());
    for (_, (coefficient, term)) in terms.iter().enumerate().filter(|(n, _)| *n != at) {
        rest.push((coefficient.checked_mul(&inverse)?, *term));
    }
    let value = graph.linear(constant.checked_mul(&inverse)?, &rest);
    Some((terms[at].1, value))
}
