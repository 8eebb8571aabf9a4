//! Why an output is NaN: the trace back from it to an empty reduction or an access out of range.

use super::Limits;
use super::access::whole;
use super::array::Array;
use super::check::position_text;
use super::data::Data;
use super::plan::Plan;
use super::run::Run;
use crate::diagnostic::{Diagnostic, Fault};
use crate::graph::{Graph, IndexId, Map, NodeId, Op, Reduction, VariableId};
use crate::real::Real;
use std::collections::HashSet;

/// How many batch elements are traced before the NaN counts as one that came with the data.
const ELEMENTS: usize = 256;

/// How many values are looked at for one batch element.
const VISITS: usize = 1_000_000;

/// Index values, counted from the first of each range.
pub(super) type Place = Vec<(IndexId, usize)>;

/// Says why a root is NaN for one of the `suspects` (batch elements), if that is an empty reduction or an access
/// out of range. A NaN that came with the data, or from arithmetic, is no error.
///
/// # Errors
/// The reason.
pub(super) fn blame<T: Real>(
    graph: &Graph,
    roots: &[NodeId],
    data: &Data<T>,
    limits: &Limits,
    suspects: &[usize],
) -> Result<(), Diagnostic> {
    let plan = Plan::new(graph, roots, std::iter::empty(), data, limits, true)?;
    if plan.block_length(1, 1, limits).is_err() {
        // Too large to keep all values: that something was undefined is all that can be said.
        return Err(Diagnostic::new(
            "empty-reduction",
            "a `max`, `min` or `mean` is taken over nothing, or an input is accessed outside its axes",
        )
        .fault(Fault::Data)
        .help("evaluate fewer or shorter axes to learn where"));
    }
    let mut run = Run::new(graph, data, &plan, &[]);
    run.block(&plan.shared, 0, 1);
    for element in suspects.iter().take(ELEMENTS) {
        run.block(&plan.each, *element, 1);
        let trace = Trace { run: &run, plan: &plan, element: *element };
        for root in roots {
            if let Some(diagnostic) = trace.from(*root) {
                return Err(diagnostic);
            }
        }
        run.free(&plan.each);
    }
    Ok(())
}

/// The values of one batch element.
pub(super) struct Trace<'a, T> {
    pub run: &'a Run<'a, T>,
    pub plan: &'a Plan<T>,
    pub element: usize,
}

impl<T: Real> Trace<'_, T> {
    fn from(&self, root: NodeId) -> Option<Diagnostic> {
        let graph = self.run.graph;
        let mut seen: HashSet<(NodeId, Place)> = HashSet::new();
        let mut pending: Vec<(NodeId, Place)> = Vec::new();
        for place in self.places(graph.free_indices(root)) {
            pending.push((root, place));
        }
        while let Some((node, place)) = pending.pop() {
            let own: Place = self.restrict(node, &place);
            if self.value(node, &own).is_some_and(|v| !v.is_nan()) || !seen.insert((node, own.clone())) {
                continue;
            }
            if seen.len() > VISITS {
                return None;
            }
            let operands = graph.operands(node);
            match graph.op(node) {
                Op::Access(variable) => {
                    if let Some(diagnostic) = self.access(variable, operands, &own) {
                        return Some(diagnostic);
                    }
                    pending.extend(operands.iter().map(|o| (*o, own.clone())));
                }
                Op::If => {
                    let holds = self.value(operands[0], &own).is_none_or(|v| v != T::zero());
                    pending.push((operands[if holds { 1 } else { 2 }], own));
                }
                Op::Reduce(reduction, list) => {
                    let mut takes_part = false;
                    for more in self.places(graph.bound_indices(list)) {
                        let mut inner = own.clone();
                        inner.extend(more);
                        let filtered_out = operands
                            .get(1)
                            .is_some_and(|f| self.value(*f, &inner).is_some_and(|v| v == T::zero()));
                        if !filtered_out {
                            takes_part = true;
                            pending.push((operands[0], inner));
                        }
                        if pending.len() > VISITS {
                            return None;
                        }
                    }
                    if !takes_part && reduction.keeps_filter() {
                        return Some(self.empty(reduction, node, &own));
                    }
                }
                _ => pending.extend(operands.iter().map(|o| (*o, own.clone()))),
            }
        }
        None
    }

    /// All places of some indices.
    pub(super) fn places(&self, indices: &[IndexId]) -> impl Iterator<Item = Place> + use<T> {
        let lengths: Place = indices.iter().map(|i| (*i, self.plan.extents[i].length)).collect();
        let count: usize = lengths.iter().map(|l| l.1).product();
        (0..count).map(move |flat| {
            let mut rest = flat;
            let mut place: Place = Vec::with_capacity(lengths.len());
            for (index, length) in lengths.iter().rev() {
                place.push((*index, rest % length));
                rest /= length;
            }
            place
        })
    }

    pub(super) fn restrict(&self, node: NodeId, place: &Place) -> Place {
        let find = |index: &IndexId| place.iter().rfind(|p| p.0 == *index).copied();
        self.run.graph.free_indices(node).iter().filter_map(find).collect()
    }

    /// The value of `node` at `place`; `None` where it was not computed for itself.
    pub(super) fn value(&self, node: NodeId, place: &Place) -> Option<T> {
        let array: &Array<T> = self.run.values[*self.plan.slots.get(&node)?].as_ref()?;
        let mut at = 0;
        for (stride, (index, _)) in array.strides(&array.dimensions).iter().zip(&array.dimensions) {
            let position = place.iter().rfind(|p| p.0 == *index)?.1;
            at += *stride as usize * position;
        }
        array.elements.get(at).copied()
    }

    fn access(&self, variable: VariableId, operands: &[NodeId], place: &Place) -> Option<Diagnostic> {
        let (graph, data) = (self.run.graph, self.run.data);
        let shape = &data.values[variable.position()].as_ref()?.shape;
        let variable = graph.variable(variable);
        for (axis, (operand, length)) in operands.iter().zip(shape).enumerate() {
            let position = self.position(*operand, place)?;
            if position.is_nan() || whole(position, *length).is_some() {
                continue;
            }
            let name = &graph.axis(variable.axes[axis]).name;
            return Some(
                Diagnostic::new(
                    "index-out-of-range",
                    format!(
                        "`{}` is accessed at position {} of its axis `{name}`, which has length {length}{}",
                        variable.name,
                        position.to_double(),
                        self.at(place)
                    ),
                )
                .fault(Fault::Data)
                .help("positions are whole numbers that count from 0; a filter leaves out those that do not exist"),
            );
        }
        None
    }

    /// The value of a position, which may be a sum of indices that was not computed for itself.
    fn position(&self, node: NodeId, place: &Place) -> Option<T> {
        let graph = self.run.graph;
        if let Some(value) = self.value(node, place) {
            return Some(value);
        }
        let mut values: Map<NodeId, T> = Map::default();
        for node in graph.reachable(&[node]) {
            let value = match (graph.op(node), graph.operands(node)) {
                (Op::Index(index), _) => {
                    let position = place.iter().rfind(|p| p.0 == index)?.1;
                    T::from_double((self.plan.extents[&index].low + position as i64) as f64)
                }
                (Op::Linear, [constant, terms @ ..]) => {
                    terms.chunks_exact(2).fold(values[constant], |sum, t| sum + values[&t[0]] * values[&t[1]])
                }
                _ => T::from_number(&self.run.data.extents.exact(graph, node).ok()?),
            };
            values.insert(node, value);
        }
        values.get(&node).copied()
    }

    fn empty(&self, reduction: Reduction, node: NodeId, place: &Place) -> Diagnostic {
        let name = reduction.name();
        let message = format!("`{name}` is taken over nothing{}", self.at(place));
        let diagnostic = Diagnostic::new("empty-reduction", message).fault(Fault::Data);
        let diagnostic = match self.run.graph.place(node) {
            Some(span) => diagnostic.at(span, "no index value takes part"),
            None => diagnostic,
        };
        diagnostic.help(format!("guard it: `if any[i](…) then {name}[i : …](…) else 0`"))
    }

    /// `, at n = 3, batch element [2]`
    pub(super) fn at(&self, place: &Place) -> String {
        let mut parts: Vec<String> = Vec::new();
        for (index, position) in place {
            let value = self.plan.extents[index].low + *position as i64;
            parts.push(format!("{} = {value}", self.run.graph.index_entry(*index).name));
        }
        let data = self.run.data;
        if !data.batch.is_empty() {
            parts.push(format!("batch element {}", position_text(&data.whole, data.first + self.element)));
        }
        if parts.is_empty() { String::new() } else { format!(", at {}", parts.join(", ")) }
    }
}
