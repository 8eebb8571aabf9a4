//! `max` and `min` of arguments.

use super::sweep::Sweep;
use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Graph, NodeId, Op};
use crate::number::Number;

/// Hands on the adjoint of a `max` or `min`.
///
/// Arguments that are made of numbers and hyperparameters alone take the whole tie; the others share it equally.
pub(super) fn push(sweep: &mut Sweep<'_>, node: NodeId, function: Function, adjoint: NodeId) {
    let operands = sweep.graph.operands(node).to_vec();
    let (fixed, free): (Vec<NodeId>, Vec<NodeId>) =
        operands.iter().partition(|o| is_parameter(sweep.graph, **o));
    let zero = sweep.graph.integer(0);
    for group in [&free, &fixed] {
        for argument in group {
            if !sweep.is_active(*argument) {
                continue;
            }
            let mut contribution = share(sweep.graph, function, group, *argument, adjoint);
            if !free.is_empty() && !fixed.is_empty() {
                let ours = sweep.graph.function(function, &free);
                let bound = sweep.graph.function(function, &fixed);
                // Strictly beyond the numbers, or up to them.
                let beyond = if function == Function::Max { Comparison::Greater } else { Comparison::Less };
                let comparison = if group == &free { beyond } else { beyond.negated() };
                let wins = sweep.graph.compare(comparison, ours, bound);
                contribution = sweep.graph.select(wins, contribution, zero);
            }
            sweep.receive(node, *argument, contribution, &[]);
        }
    }
}

/// `adjoint` times the part of it that `argument` gets among `group`.
fn share(
    graph: &mut Graph,
    function: Function,
    group: &[NodeId],
    argument: NodeId,
    adjoint: NodeId,
) -> NodeId {
    match group {
        [_] => adjoint,
        [a, b] => {
            // (1 + sign(a - b))/2: 1 where a is larger, 1/2 at a tie.
            let other = if *a == argument { *b } else { *a };
            let lead = if function == Function::Max {
                graph.sub(argument, other)
            } else {
                graph.sub(other, argument)
            };
            let sign = graph.function(Function::Sign, &[lead]);
            let Some(half) = Number::ratio(1, 2) else { return adjoint };
            let weight = graph.linear(half.clone(), &[(half, sign)]);
            graph.mul(&[adjoint, weight])
        }
        _ => {
            let extreme = graph.function(function, group);
            let mut hits = Vec::with_capacity(group.len());
            for other in group {
                let hit = graph.compare(Comparison::Equal, *other, extreme);
                hits.push(graph.iverson(hit));
            }
            let count = graph.add(&hits);
            let part = graph.div(adjoint, count);
            let hit = graph.compare(Comparison::Equal, argument, extreme);
            let zero = graph.integer(0);
            graph.select(hit, part, zero)
        }
    }
}

/// Whether `node` is made of numbers and hyperparameters alone.
fn is_parameter(graph: &Graph, node: NodeId) -> bool {
    graph.reachable(&[node]).into_iter().all(|n| match graph.op(n) {
        Op::Access(variable) => graph.variable(variable).is_hyperparameter,
        _ => true,
    })
}
