//! From the adjoints of accesses to the gradient of the tensor: scatter-add.

use crate::comparison::Comparison;
use crate::graph::{Graph, IndexId, NodeId, Reduction, VariableId};

/// Free indices, one an axis of `variable`, named like its axes unless such a name is taken.
///
/// Those in `known` were made for other variables. One of the same name and range is used again, so that what the
/// derivatives with respect to several variables have in common is in common.
///
/// Other names are neither those of other axes nor of inputs: `k` alone would be read as the input `k`.
pub(super) fn output_indices(
    graph: &mut Graph,
    variable: VariableId,
    taken: &[IndexId],
    known: &mut Vec<IndexId>,
) -> Vec<IndexId> {
    let axes = graph.variable(variable).axes.clone();
    let mut names: Vec<String> = match axes.is_empty() {
        true => Vec::new(),
        false => taken.iter().map(|i| graph.index_entry(*i).name.clone()).collect(),
    };
    let mut indices = Vec::with_capacity(axes.len());
    for axis in axes {
        let name = unused_name(graph, &graph.axis(axis).name, &names);
        let range = graph.axis_range(axis);
        let is_same = |index: &IndexId| {
            let entry = graph.index_entry(*index);
            entry.name == name && entry.range == Some(range)
        };
        let index = known.iter().copied().find(is_same).unwrap_or_else(|| {
            let fresh = graph.fresh_index(&name, Some(range));
            known.push(fresh);
            fresh
        });
        indices.push(index);
        names.push(name);
    }
    indices
}

/// `name` unless it is taken, or the next letters of the alphabet, or with a number, unless they mean something.
fn unused_name(graph: &Graph, name: &str, taken: &[String]) -> String {
    let is_meaningful = |c: &str| graph.find_variable(c).is_some() || graph.find_axis(c).is_some();
    let is_free = |c: &String| !taken.contains(c) && (c.as_str() == name || !is_meaningful(c));
    let following = name.bytes().next().filter(|_| name.len() == 1).into_iter().flat_map(|first| {
        (first + 1..=b'z').filter(u8::is_ascii_lowercase).map(|letter| char::from(letter).to_string())
    });
    [name.to_owned()]
        .into_iter()
        .chain(following)
        .chain((2..).map(|n| format!("{name}{n}")))
        .find(is_free)
        .unwrap_or_else(|| name.to_owned())
}

/// The gradient's element at `indices` that comes from the access `node`: the sum of `adjoint` over those values
/// of `summed` at which the access reads that element.
///
/// Sums over Kronecker deltas are worked out as they are built, so `x[i+1]` with adjoint `a[i]` gives
/// `if j >= 1 then a[j-1] else 0`.
pub(super) fn scatter(
    graph: &mut Graph,
    node: NodeId,
    indices: &[IndexId],
    summed: &[IndexId],
    adjoint: NodeId,
) -> NodeId {
    let positions = graph.operands(node).to_vec();
    if positions.is_empty() {
        return adjoint;
    }
    let mut hits = Vec::with_capacity(positions.len());
    for (position, index) in positions.into_iter().zip(indices) {
        let target = graph.index_value(*index);
        hits.push(graph.compare(Comparison::Equal, position, target));
    }
    let hit = graph.and(&hits);
    let zero = graph.integer(0);
    let body = graph.select(hit, adjoint, zero);
    if summed.is_empty() { body } else { graph.reduce(Reduction::Sum, summed, body, None) }
}
