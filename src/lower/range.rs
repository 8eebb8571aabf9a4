//! What indices run over.
//!
//! An index bound by a reduction ranges over the largest interval on which every access in the body stays in
//! bounds. An access such as `x[i+1]` of `i` alone decides at once. One that couples indices, `x[2*i + u]`, is
//! left to the index that nothing else gives a range; where all have one, the outermost is narrowed. Explicit
//! ranges are never changed.

use super::Lowering;
use crate::diagnostic::Diagnostic;
use crate::function::Function;
use crate::graph::{AxisId, Graph, IndexId, Map, NodeId, Op, Range, Reduction};
use crate::number::Number;
use crate::source::Span;

/// `0 <= coefficient*index + rest < size[axis]`
struct Access {
    coefficient: i64,
    /// A whole number made of constants and other indices.
    rest: NodeId,
    axis: AxisId,
}

impl Lowering<'_> {
    /// `root` with a range for every index it binds, in canonical form. `None` after an error.
    pub(super) fn close(&mut self, root: NodeId) -> Option<NodeId> {
        if !self.graph.has_indices() {
            return Some(root);
        }
        let reachable = self.graph.reachable(&[root]);
        let is_open = |graph: &Graph, node: NodeId| match graph.op(node) {
            Op::Reduce(_, list) => {
                graph.bound_indices(list).iter().any(|i| graph.index_entry(*i).height.is_none())
            }
            _ => false,
        };
        let open: Vec<NodeId> = reachable.iter().copied().filter(|n| is_open(&self.graph, *n)).collect();
        if open.is_empty() {
            return Some(root);
        }
        // From outer to inner, so that the range of an outer index is known when it is coupled with an inner one.
        let mut alone: Map<IndexId, Range> = Map::default();
        for node in &open {
            for index in self.bound(*node) {
                if let Some(range) = self.own_range(*node, index)? {
                    alone.insert(index, range);
                }
            }
        }
        let mut done: Map<NodeId, NodeId> = Map::default();
        for old in reachable {
            let operands: Vec<NodeId> = self.graph.operands(old).iter().map(|o| done[o]).collect();
            let new = if is_open(&self.graph, old) {
                self.close_reduction(old, &operands, &alone)?
            } else if operands == self.graph.operands(old) {
                old
            } else {
                self.graph.rebuild(old, &operands)
            };
            done.insert(old, new);
        }
        Some(done[&root])
    }

    fn bound(&self, node: NodeId) -> Vec<IndexId> {
        match self.graph.op(node) {
            Op::Reduce(_, list) => self.graph.bound_indices(list).to_vec(),
            _ => Vec::new(),
        }
    }

    /// The range that the accesses of `index` alone in the body of `node` allow.
    fn own_range(&mut self, node: NodeId, index: IndexId) -> Option<Option<Range>> {
        if let Some(range) = self.graph.index_entry(index).range {
            return Some(Some(range));
        }
        let operands = self.graph.operands(node).to_vec();
        let accesses = accesses(&mut self.graph, &operands, index);
        let alone: Vec<&Access> =
            accesses.iter().filter(|a| self.graph.free_indices(a.rest).is_empty()).collect();
        self.check_one_axis(&alone, index, node)?;
        Some(range_of(&mut self.graph, &alone, &Map::default()))
    }

    /// One index must not run along two different axes.
    fn check_one_axis(&mut self, accesses: &[&Access], index: IndexId, node: NodeId) -> Option<()> {
        let direct: Vec<AxisId> = accesses.iter().filter(|a| a.coefficient == 1).map(|a| a.axis).collect();
        let (Some(first), Some(other)) = (direct.first(), direct.iter().find(|a| **a != direct[0])) else {
            return Some(());
        };
        let describe = |axis: AxisId| {
            let axis = self.graph.axis(axis);
            let variable = self.graph.variable(axis.declared_by.0);
            (axis.name.clone(), variable.name.clone(), variable.span)
        };
        let ((a, from_a, span_a), (b, from_b, span_b)) = (describe(*first), describe(*other));
        let name = self.graph.index_entry(index).name.clone();
        let mut diagnostic = Diagnostic::new(
            "axis-mismatch",
            format!(
                "the index `{name}` runs over the axis `{a}` of `{from_a}` and the axis `{b}` of `{from_b}`"
            ),
        );
        if let Some(span) = self.graph.place(node) {
            diagnostic = diagnostic.at(span, "in this reduction");
        }
        self.errors.push(
            diagnostic
                .at(span_a, format!("has the axis `{a}`"))
                .at(span_b, format!("has the axis `{b}`"))
                .help(format!("if both have the same length, give both the same axis: `{from_b}[{a}]`")),
        );
        None
    }

    fn close_reduction(
        &mut self,
        old: NodeId,
        operands: &[NodeId],
        alone: &Map<IndexId, Range>,
    ) -> Option<NodeId> {
        let Op::Reduce(reduction, _) = self.graph.op(old) else { return Some(old) };
        let indices = self.bound(old);
        let mut known: Map<IndexId, Range> = alone.clone();
        for index in &indices {
            // An index that several reductions bind has a range in each.
            if self.graph.index_entry(*index).range.is_none() {
                known.remove(index);
                if let Some(range) = self.own_range(old, *index)? {
                    known.insert(*index, range);
                }
            }
        }
        // Those without a range of their own come last: they take what the others leave.
        let mut order = indices.clone();
        order.sort_by_key(|i| (!known.contains_key(i), *i));
        for index in &order {
            if self.graph.index_entry(*index).range.is_some() {
                continue;
            }
            let mut coupled: Vec<Access> = accesses(&mut self.graph, operands, *index)
                .into_iter()
                .filter(|a| !self.graph.free_indices(a.rest).is_empty())
                .collect();
            coupled.retain(|access| !stays_in_bounds(&mut self.graph, access, *index, &known));
            let mine: Vec<&Access> = coupled
                .iter()
                .filter(|access| {
                    let others = self.graph.free_indices(access.rest);
                    let others_known = others
                        .iter()
                        .all(|o| known.contains_key(o) || self.graph.index_entry(*o).range.is_some());
                    // Where every index has a range already, the first narrows unless it is fixed.
                    let narrows = !known.contains_key(index)
                        || others.iter().all(|o| self.graph.index_entry(*o).range.is_some() || o > index);
                    others_known && narrows
                })
                .collect();
            let narrowed = range_of(&mut self.graph, &mine, &known);
            let range = match (known.get(index).copied(), narrowed) {
                (Some(a), Some(b)) => Some(meet(&mut self.graph, a, b)),
                (a, b) => a.or(b),
            };
            let range = match range {
                Some(range) => range,
                None => self.range_by_name(*index, old)?,
            };
            known.insert(*index, range);
        }
        let mut fresh = Vec::with_capacity(indices.len());
        let mut map = Vec::with_capacity(indices.len());
        for index in &indices {
            let range = known.get(index).copied();
            let name = self.graph.index_entry(*index).name.clone();
            let new = self.graph.fresh_index(&name, range);
            let value = self.graph.index_value(new);
            fresh.push(new);
            map.push((*index, value));
            if let (Some(range), Some(span)) = (range, self.graph.place(old))
                && matches!(reduction, Reduction::Mean | Reduction::Max | Reduction::Min)
            {
                self.nonempty.push((range, span));
            }
        }
        let body = self.graph.substitute(operands[0], &map);
        let filter = operands.get(1).map(|f| self.graph.substitute(*f, &map));
        let closed = self.graph.reduce(reduction, &fresh, body, filter);
        if matches!(self.graph.op(closed), Op::Reduce(..))
            && let Some(span) = self.graph.place(old)
        {
            self.graph.set_place(closed, span);
        }
        Some(closed)
    }

    /// An index that no access mentions runs over the axis of its name.
    fn range_by_name(&mut self, index: IndexId, node: NodeId) -> Option<Range> {
        let name = self.graph.index_entry(index).name.clone();
        if let Some(axis) = self.graph.find_axis(&name) {
            return Some(self.graph.axis_range(axis));
        }
        let mut diagnostic =
            Diagnostic::new("unknown-range", format!("nothing tells what the index `{name}` runs over"));
        if let Some(span) = self.place_of_reduction(node) {
            diagnostic = diagnostic.at(span, format!("no input is accessed with `{name}` alone"));
        }
        self.errors.push(
            diagnostic
                .help(format!("give the range: `sum[{name} in 0..3](…)`"))
                .help(format!("or use it as an index of an input: `x[{name}]`")),
        );
        None
    }

    fn place_of_reduction(&self, node: NodeId) -> Option<Span> {
        self.graph.place(node)
    }
}

/// The accesses in `nodes` whose position depends on `index`.
fn accesses(graph: &mut Graph, nodes: &[NodeId], index: IndexId) -> Vec<Access> {
    let mut found = Vec::new();
    for node in graph.reachable(nodes) {
        let Op::Access(variable) = graph.op(node) else { continue };
        if !graph.depends_on_index(node, index) {
            continue;
        }
        for (at, position) in graph.operands(node).to_vec().into_iter().enumerate() {
            if !graph.depends_on_index(position, index) {
                continue;
            }
            let (constant, terms) = graph.terms(position);
            let Some(own) = terms.iter().position(|(_, t)| graph.op(*t) == Op::Index(index)) else {
                continue;
            };
            let Some(coefficient) = terms[own].0.to_i64().filter(|c| c.unsigned_abs() < 1 << 31) else {
                continue;
            };
            let others: Vec<_> =
                terms.iter().enumerate().filter(|(n, _)| *n != own).map(|(_, t)| t.clone()).collect();
            // A position that data move (`x[i + t]`) is checked when it is evaluated.
            let fixed = others.iter().all(|(_, t)| matches!(graph.op(*t), Op::Index(_) | Op::Size(_)));
            if !fixed {
                continue;
            }
            let rest = graph.linear(constant, &others);
            let axis = graph.variable(variable).axes[at];
            found.push(Access { coefficient, rest, axis });
        }
    }
    found
}

/// The interval on which all of `accesses` stay in bounds for all values of their other indices.
fn range_of(graph: &mut Graph, accesses: &[&Access], ranges: &Map<IndexId, Range>) -> Option<Range> {
    let mut result: Option<Range> = None;
    for access in accesses {
        let (least, greatest) =
            (extreme(graph, access.rest, ranges, false)?, extreme(graph, access.rest, ranges, true)?);
        let size = graph.size(access.axis);
        // The greatest position with room for the largest rest: size - 1 - greatest.
        let room = graph.linear(Number::MINUS_ONE, &[(Number::ONE, size), (Number::MINUS_ONE, greatest)]);
        let step = Number::integer(access.coefficient.abs());
        let shift_down = graph.neg(least);
        let range = if access.coefficient > 0 {
            Range { low: ceil_div(graph, shift_down, &step), high: floor_div_plus_one(graph, room, &step) }
        } else {
            let low = graph.neg(room);
            Range { low: ceil_div(graph, low, &step), high: floor_div_plus_one(graph, least, &step) }
        };
        result = Some(match result {
            None => range,
            Some(before) => meet(graph, before, range),
        });
    }
    result
}

fn meet(graph: &mut Graph, a: Range, b: Range) -> Range {
    Range {
        low: graph.function(Function::Max, &[a.low, b.low]),
        high: graph.function(Function::Min, &[a.high, b.high]),
    }
}

/// Whether an access is in bounds for all values of its indices, as far as these are known already.
fn stays_in_bounds(graph: &mut Graph, access: &Access, index: IndexId, ranges: &Map<IndexId, Range>) -> bool {
    let value = graph.index_value(index);
    let coefficient = Number::integer(access.coefficient);
    let position = graph.linear(Number::ZERO, &[(coefficient, value), (Number::ONE, access.rest)]);
    let (Some(least), Some(greatest)) =
        (extreme(graph, position, ranges, false), extreme(graph, position, ranges, true))
    else {
        return false;
    };
    let size = graph.size(access.axis);
    let room = graph.linear(Number::MINUS_ONE, &[(Number::ONE, size), (Number::MINUS_ONE, greatest)]);
    graph.interval(least).is_non_negative() && graph.interval(room).is_non_negative()
}

/// The least or greatest value of a position over the ranges of its indices.
fn extreme(graph: &mut Graph, node: NodeId, ranges: &Map<IndexId, Range>, upper: bool) -> Option<NodeId> {
    let (constant, terms) = graph.terms(node);
    let mut ends = Vec::with_capacity(terms.len());
    for (coefficient, term) in terms {
        let end = match graph.op(term) {
            Op::Index(index) => {
                let range = graph.index_entry(index).range.or_else(|| ranges.get(&index).copied())?;
                if coefficient.is_positive() == upper {
                    graph.linear(Number::MINUS_ONE, &[(Number::ONE, range.high)])
                } else {
                    range.low
                }
            }
            _ => term,
        };
        ends.push((coefficient, end));
    }
    Some(graph.linear(constant, &ends))
}

fn floor_div_plus_one(graph: &mut Graph, a: NodeId, step: &Number) -> NodeId {
    let quotient = step.recip().map_or(a, |inverse| graph.scale(&inverse, a));
    let floor = graph.function(Function::Floor, &[quotient]);
    graph.linear(Number::ONE, &[(Number::ONE, floor)])
}

fn ceil_div(graph: &mut Graph, a: NodeId, step: &Number) -> NodeId {
    let Some(inverse) = step.recip() else { return a };
    let negative = graph.scale(&-&inverse, a);
    let floor = graph.function(Function::Floor, &[negative]);
    graph.neg(floor)
}

impl Graph {
    /// The axis by whose name the language knows the range of an index that no access mentions.
    pub(crate) fn infer_by_name(
        &mut self,
        body: NodeId,
        filter: Option<NodeId>,
        index: IndexId,
    ) -> Option<String> {
        let nodes: Vec<NodeId> = [body].into_iter().chain(filter).collect();
        if !accesses(self, &nodes, index).is_empty() {
            return None;
        }
        let range = self.index_entry(index).range?;
        let axis = (0..self.axes().len() as u32).map(AxisId).find(|axis| self.axis_range(*axis) == range)?;
        Some(self.axis(axis).name.clone())
    }

    /// The range that the language gives an index of a reduction with that body and filter, if its accesses or
    /// its name tell; indices of finished expressions around it have theirs.
    pub fn infer_range(&mut self, body: NodeId, filter: Option<NodeId>, index: IndexId) -> Option<Range> {
        let nodes: Vec<NodeId> = [body].into_iter().chain(filter).collect();
        let found = accesses(self, &nodes, index);
        let alone: Vec<&Access> = found.iter().filter(|a| self.free_indices(a.rest).is_empty()).collect();
        let own = range_of(self, &alone, &Map::default());
        let coupled: Vec<&Access> = found.iter().filter(|a| !self.free_indices(a.rest).is_empty()).collect();
        let all_known = range_of(self, &coupled, &Map::default());
        match (own, all_known) {
            // Lowering narrows an index that has a range of its own where the others are fixed, which those that are
            // free here may turn out to be.
            (Some(own), _) => {
                let is_bound = |other: &IndexId| self.index_entry(*other).height.is_some();
                let others = coupled.iter().flat_map(|a| self.free_indices(a.rest));
                others.copied().all(|other| is_bound(&other)).then_some(own)
            }
            // What an index takes from others depends on what those were given when they are read again.
            (None, Some(_)) => None,
            (None, None) => {
                let range = self.index_entry(index).range?;
                let is_axis =
                    (0..self.axes().len() as u32).map(AxisId).any(|axis| self.axis_range(axis) == range);
                (found.is_empty() && is_axis).then_some(range)
            }
        }
    }
}
