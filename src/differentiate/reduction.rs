//! Reductions: what an element of the body receives.

use super::sweep::{Opened, Sweep};
use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Graph, IndexId, NodeId, Reduction};

/// Hands the adjoint of a reduction on to its body.
pub(super) fn push(sweep: &mut Sweep<'_>, node: NodeId, reduction: Reduction, adjoint: NodeId) {
    let opened = sweep.open(node);
    if !sweep.is_active(opened.body) {
        return;
    }
    let body = opened.body;
    let zero = sweep.graph.integer(0);
    let contribution = match reduction {
        Reduction::Sum => adjoint,
        Reduction::Product => {
            let others = product_of_others(sweep.graph, &opened);
            sweep.times(adjoint, others)
        }
        Reduction::Max | Reduction::Min => {
            let graph = &mut *sweep.graph;
            let is_extreme = graph.compare(Comparison::Equal, opened.body, node);
            let takes_part: Vec<NodeId> = [is_extreme].into_iter().chain(opened.filter).collect();
            let takes_part = graph.and(&takes_part);
            let hit = graph.iverson(takes_part);
            let count = graph.reduce(Reduction::Sum, &opened.indices, hit, None);
            let part = graph.div(adjoint, count);
            let contribution = graph.select(takes_part, part, zero);
            sweep.receive(node, opened.body, contribution, &opened.indices);
            return;
        }
        Reduction::Mean => {
            let graph = &mut *sweep.graph;
            let one = graph.integer(1);
            let filter = opened.filter.unwrap_or(one);
            let hit = graph.iverson(filter);
            let count = graph.reduce(Reduction::Sum, &opened.indices, hit, None);
            let part = graph.div(adjoint, count);
            graph.select(filter, part, zero)
        }
        Reduction::LogSumExp => {
            let difference = sweep.graph.sub(body, node);
            let share = sweep.graph.function(Function::Exp, &[difference]);
            let contribution = sweep.times(adjoint, share);
            match opened.filter {
                Some(filter) => sweep.graph.select(filter, contribution, zero),
                None => contribution,
            }
        }
        Reduction::Norm => {
            // The gradient of the norm is 0 at 0.
            let direction = sweep.graph.div(body, node);
            let contribution = sweep.times(adjoint, direction);
            let is_zero = sweep.graph.compare(Comparison::Equal, node, zero);
            sweep.graph.select(is_zero, zero, contribution)
        }
        Reduction::Any => return,
    };
    sweep.receive(node, body, contribution, &opened.indices);
}

/// The product of the body at all other positions: right also where factors are 0.
fn product_of_others(graph: &mut Graph, opened: &Opened) -> NodeId {
    let mut others: Vec<IndexId> = Vec::with_capacity(opened.indices.len());
    let mut map = Vec::with_capacity(opened.indices.len());
    let mut same = Vec::with_capacity(opened.indices.len());
    for index in &opened.indices {
        let (name, range) = (graph.index_entry(*index).name.clone(), graph.index_entry(*index).range);
        let other = graph.fresh_index(&name, range);
        let (here, there) = (graph.index_value(*index), graph.index_value(other));
        others.push(other);
        map.push((*index, there));
        same.push(graph.compare(Comparison::Equal, here, there));
    }
    let body = graph.substitute(opened.body, &map);
    let same = graph.and(&same);
    let one = graph.integer(1);
    let body = graph.select(same, one, body);
    graph.reduce(Reduction::Product, &others, body, None)
}
