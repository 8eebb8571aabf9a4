//! Derivatives with respect to values on the way from an input to the loss.

use crate::differentiate::differentiate;
use crate::function::Function;
use crate::graph::{AxisId, Domain, Graph, IndexId, Map, NodeId, Op, Range, Variable, VariableId};
use crate::lower::Named;
use crate::proof::text_of;

/// A value on the way: a name of the user, or a subexpression.
#[derive(Clone, Debug)]
pub(super) struct Intermediate {
    /// As messages show it.
    pub shown: String,
    /// Free in `node`, with ranges.
    pub indices: Vec<IndexId>,
    /// What it is.
    pub node: NodeId,
}

/// How many are looked at.
const LIMIT: usize = 16;

/// The user's names and the function values in `root` that depend on `variable`.
pub(super) fn intermediates(
    graph: &mut Graph,
    root: NodeId,
    named: &[Named],
    variable: VariableId,
) -> Vec<Intermediate> {
    let bound = bound_indices(graph, root);
    let mut found: Vec<Intermediate> = Vec::new();
    for name in named {
        // One that nothing uses may have indices whose range nothing tells.
        if !is_closed(graph, name.node) || !depends(graph, name.node, variable) || name.indices.len() > 1 {
            continue;
        }
        let Some(&index) = name.indices.first() else {
            found.push(Intermediate { shown: name.name.clone(), indices: Vec::new(), node: name.node });
            continue;
        };
        // The range of its index is that of the places where it is used.
        let reached = graph.reachable(&[root]);
        let range = bound.iter().find_map(|other| {
            let value = graph.index_value(*other);
            let here = graph.substitute(name.node, &[(index, value)]);
            reached.binary_search(&here).is_ok().then(|| graph.range(*other))
        });
        // One of the user's formula need not occur in the loss; its index is then named after the axis.
        let own = graph.index_entry(index).name.clone();
        let range = range.or_else(|| graph.find_axis(&own).map(|axis| graph.axis_range(axis)));
        if let Some(range) = range {
            let shown = name.name.clone();
            found.push(with_range(graph, shown, name.node, index, range));
        }
    }
    for node in graph.reachable(&[root]) {
        let is_step = match graph.op(node) {
            Op::Function(function) => !matches!(function, Function::Max | Function::Min),
            Op::Reduce(..) => !graph.op(node).is_condition(),
            _ => false,
        };
        if node == root || !is_step || !depends(graph, node, variable) || found.len() >= LIMIT {
            continue;
        }
        let step = match graph.free_indices(node).to_vec().as_slice() {
            [] => Intermediate { shown: text_of(graph, node), indices: Vec::new(), node },
            &[index] => {
                let range = graph.range(index);
                let mut step = with_range(graph, String::new(), node, index, range);
                step.shown = text_of(graph, step.node);
                step
            }
            _ => continue,
        };
        found.push(step);
    }
    found
}

fn with_range(graph: &mut Graph, shown: String, node: NodeId, index: IndexId, range: Range) -> Intermediate {
    let name = graph.index_entry(index).name.clone();
    let fresh = graph.fresh_index(&name, Some(range));
    let value = graph.index_value(fresh);
    Intermediate { shown, indices: vec![fresh], node: graph.substitute(node, &[(index, value)]) }
}

fn is_closed(graph: &Graph, node: NodeId) -> bool {
    graph.reachable(&[node]).into_iter().all(|n| match graph.op(n) {
        Op::Reduce(_, list) => {
            graph.bound_indices(list).iter().all(|i| graph.index_entry(*i).range.is_some())
        }
        _ => true,
    })
}

/// Whether `node` reads `variable`.
pub(super) fn depends(graph: &Graph, node: NodeId, variable: VariableId) -> bool {
    graph.reachable(&[node]).into_iter().any(|n| graph.op(n) == Op::Access(variable))
}

fn bound_indices(graph: &Graph, root: NodeId) -> Vec<IndexId> {
    let mut all: Vec<IndexId> = Vec::new();
    for node in graph.reachable(&[root]) {
        if let Op::Reduce(_, list) = graph.op(node) {
            all.extend(graph.bound_indices(list));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn axis_of(graph: &mut Graph, index: IndexId) -> Option<AxisId> {
    let range = graph.range(index);
    let axes = (0..graph.axes().len() as u32).map(AxisId);
    axes.into_iter().find(|axis| graph.axis_range(*axis) == range)
}

/// The derivative of `root` with respect to `step`, with `indices` in the place of its own; `None` where it has other
/// axes than that.
pub(super) fn derivative(
    graph: &mut Graph,
    root: NodeId,
    step: &Intermediate,
    indices: &[IndexId],
) -> Option<NodeId> {
    if step.indices.len() != indices.len() {
        return None;
    }
    let mut axes = Vec::with_capacity(step.indices.len());
    for index in &step.indices {
        axes.push(axis_of(graph, *index)?);
    }
    let span = graph.variables().first()?.span;
    let domain = Domain::Interval(graph.interval(step.node));
    let name = format!("{}'", graph.variables().len());
    let variable =
        graph.add_variable(Variable { name, axes, domain, default: None, is_hyperparameter: false, span });
    let mut replacements: Map<NodeId, NodeId> = Map::default();
    let mut places: Vec<(NodeId, NodeId)> = Vec::new();
    match step.indices.first() {
        None => places.push((step.node, graph.access(variable, &[]))),
        Some(index) => {
            for other in bound_indices(graph, root) {
                let value = graph.index_value(other);
                let here = graph.substitute(step.node, &[(*index, value)]);
                places.push((here, graph.access(variable, &[value])));
            }
        }
    }
    for (here, access) in places {
        replacements.insert(here, access);
        // Where the logarithm of an exponential was simplified away: log(softmax[c](z)).
        if let (Op::Function(Function::Exp), &[exponent]) = (graph.op(here), graph.operands(here)) {
            let logarithm = graph.function(Function::Log, &[access]);
            replacements.insert(exponent, logarithm);
            // As a factor it may stand with the other sign.
            let (opposite, negative) = (graph.neg(exponent), graph.neg(logarithm));
            replacements.insert(opposite, negative);
        }
    }
    let replaced = graph.replace(root, &replacements);
    if replaced == root {
        return None;
    }
    let derivative = differentiate(graph, replaced, &[variable]).remove(0);
    let map: Vec<(IndexId, NodeId)> =
        derivative.indices.iter().zip(indices).map(|(own, new)| (*own, graph.index_value(*new))).collect();
    let node = graph.substitute(derivative.node, &map);
    let mut back: Map<NodeId, NodeId> = Map::default();
    for access in graph.reachable(&[node]) {
        if graph.op(access) != Op::Access(variable) {
            continue;
        }
        let positions = graph.operands(access).to_vec();
        let map: Vec<(IndexId, NodeId)> = step.indices.iter().copied().zip(positions).collect();
        let value = graph.substitute(step.node, &map);
        back.insert(access, value);
    }
    Some(graph.replace(node, &back))
}

/// The derivative of each element of `step` with respect to the element of `variable` at the same position.
pub(super) fn own_derivative(
    graph: &mut Graph,
    step: &Intermediate,
    variable: VariableId,
    indices: &[IndexId],
) -> Option<NodeId> {
    if step.indices.len() != indices.len() || graph.variable(variable).axes.len() != indices.len() {
        return None;
    }
    let derivative = differentiate(graph, step.node, &[variable]).remove(0);
    let map: Vec<(IndexId, NodeId)> = derivative
        .indices
        .iter()
        .zip(indices)
        .chain(step.indices.iter().zip(indices))
        .map(|(own, new)| (*own, graph.index_value(*new)))
        .collect();
    Some(graph.substitute(derivative.node, &map))
}
