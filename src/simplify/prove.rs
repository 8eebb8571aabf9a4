//! Guards: conditions that the declared facts settle.

use crate::comparison::Comparison;
use crate::graph::{Graph, NodeId, Op};

/// Whether `condition` holds for all inputs as declared. `false` means that it could not be proved.
pub(super) fn holds(graph: &mut Graph, condition: NodeId) -> bool {
    holds_where(graph, condition, &[])
}

/// The same wherever all of `facts`, which are conditions, hold.
pub(super) fn holds_where(graph: &mut Graph, condition: NodeId, facts: &[NodeId]) -> bool {
    if facts.contains(&condition) {
        return true;
    }
    let operands = graph.operands(condition).to_vec();
    match (graph.op(condition), operands.as_slice()) {
        (Op::Truth(value), _) => value,
        (Op::And, all) => all.iter().all(|c| holds_where(graph, *c, facts)),
        (Op::Or, all) => all.iter().any(|c| holds_where(graph, *c, facts)),
        (Op::Compare(comparison), &[a, b]) => {
            let difference = graph.sub(b, a);
            let interval = graph.interval_where(difference, facts);
            match comparison {
                Comparison::Less => interval.is_positive(),
                Comparison::LessEqual => interval.is_non_negative(),
                _ => false,
            }
        }
        (Op::Not, &[inner]) => match (graph.op(inner), graph.operands(inner)) {
            (Op::Compare(Comparison::Equal), &[a, b]) => {
                let difference = graph.sub(b, a);
                let interval = graph.interval_where(difference, facts);
                interval.is_positive() || interval.is_negative()
            }
            _ => false,
        },
        _ => false,
    }
}
