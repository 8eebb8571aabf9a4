//! Reductions as they are printed: the names of their indices, their ranges and filters.

use super::convert::Converter;
use super::form::{Binder, Form};
use crate::graph::{Graph, IndexId, NodeId, Op, Range, Reduction};

/// An index that is bound around the place that is being printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enclosing {
    pub index: IndexId,
    /// Whether its range is written.
    pub has_range: bool,
}

impl Converter<'_> {
    /// The form, and whether a sign stands in front of it that was inside: `-sum[c](y*log_softmax[c](z))`.
    pub(super) fn reduction(&mut self, reduction: Reduction, node: NodeId) -> (bool, Form) {
        let Op::Reduce(_, list) = self.graph.op(node) else { return (false, Form::Name(String::new())) };
        let operands = self.graph.operands(node).to_vec();
        let mut bound = self.graph.bound_indices(list).to_vec();
        // Like the signature, so that the order does not show when each index came into being.
        bound.sort_by_key(|i| (self.position_on_axis(*i), self.graph.index_entry(*i).name.clone(), *i));
        let before: Vec<Option<String>> = bound.iter().map(|i| self.names.get(i).cloned()).collect();
        self.name_bound(&bound, &operands);
        let (mut body, mut filter) = (operands[0], operands.get(1).copied());
        let neutral = match reduction {
            Reduction::Sum | Reduction::Norm => Some(self.graph.integer(0)),
            Reduction::Product => Some(self.graph.integer(1)),
            _ => None,
        };
        if let (Some(neutral), Op::If, &[condition, then, otherwise]) =
            (neutral, self.graph.op(body), self.graph.operands(body))
            && self.is_through(body)
        {
            // An `if` with the neutral element in either branch is a filter.
            if otherwise == neutral {
                (body, filter) = (then, Some(condition));
            } else if then == neutral {
                (body, filter) = (otherwise, Some(self.graph.not(condition)));
            }
        }
        let depth = self.enclosing.len();
        let binders = self.binders(node, &bound, body, filter);
        let mut negative = false;
        let filter_form = filter.map(|f| Box::new(self.form(f)));
        let form = match filter_form {
            Some(body)
                if reduction == Reduction::Sum
                    && filter.is_some()
                    && self.graph.is_one(self.body_of(node)) =>
            {
                Form::Reduction { name: "count", binders, filter: None, body }
            }
            filter => {
                let mut form = self.form(body);
                // The sign of a product is found in front of a sum again when it is read.
                if let Form::Negate(inner) = form {
                    let moves = reduction == Reduction::Sum && self.graph.op(body) == Op::Product;
                    (negative, form) = if moves { (true, *inner) } else { (false, Form::Negate(inner)) };
                }
                Form::Reduction { name: reduction.name(), binders, filter, body: Box::new(form) }
            }
        };
        self.enclosing.truncate(depth);
        for (index, name) in bound.into_iter().zip(before) {
            match name {
                Some(name) => self.names.insert(index, name),
                None => self.names.remove(&index),
            };
        }
        (negative, form)
    }

    /// Whether the `if` that is the body of a reduction is not known by a name of its own.
    fn is_through(&self, body: NodeId) -> bool {
        !self.has_name(body)
    }

    /// What is added up where a filter was taken out of the body.
    fn body_of(&self, node: NodeId) -> NodeId {
        let body = self.graph.operands(node)[0];
        match self.graph.op(body) {
            Op::If => self.graph.operands(body)[1],
            _ => body,
        }
    }

    /// `softmax[c](z)`, where the language finds the range of the normalisation as it is.
    pub(super) fn softmax_form(
        &mut self,
        name: &'static str,
        argument: NodeId,
        indices: &[IndexId],
    ) -> Option<Form> {
        for index in indices {
            let range = self.graph.range(*index);
            let around = self.enclosing.iter().find(|e| e.index == *index);
            let is_written = around.is_some_and(|e| e.has_range);
            let is_coupled = self.couplings(&[argument], *index).next().is_some();
            if !is_written && (is_coupled || self.graph.infer_range(argument, None, *index) != Some(range)) {
                return None;
            }
        }
        let binders = indices.iter().map(|i| Binder { name: self.index_name(*i), range: None }).collect();
        let body = Box::new(self.form(argument));
        Some(Form::Reduction { name, binders, filter: None, body })
    }

    fn binders(
        &mut self,
        node: NodeId,
        bound: &[IndexId],
        body: NodeId,
        filter: Option<NodeId>,
    ) -> Vec<Binder> {
        let operands: Vec<NodeId> = [body].into_iter().chain(filter).collect();
        let free = self.graph.free_indices(node).to_vec();
        let mut binders = Vec::with_capacity(bound.len());
        for (at, index) in bound.iter().enumerate() {
            let range = self.graph.range(*index);
            let name = self.index_name(*index);
            let told = self.graph.infer_range(body, filter, *index) == Some(range);
            // An index that no access mentions is known by the name of its axis only.
            let by_name = self.graph.infer_by_name(body, filter, *index);
            let told = told
                && by_name.is_none_or(|axis| axis == name)
                && self.is_uncoupled(&operands, *index, &bound[at + 1..], &free);
            let written = (!told).then(|| (self.form(range.low), self.form(range.high)));
            self.enclosing.push(Enclosing { index: *index, has_range: !told });
            binders.push(Binder { name, range: written });
        }
        binders
    }

    /// Whether accesses such as `x[i + u]` leave the range of `index` alone, or give it the one that is known.
    ///
    /// The language narrows the outermost index of such an access unless its range is written. So an index keeps
    /// its range where each such access has an index bound around it whose range is not written; everything
    /// that is less clear gets its range written, which is always right.
    fn is_uncoupled(&self, operands: &[NodeId], index: IndexId, later: &[IndexId], free: &[IndexId]) -> bool {
        let has_own = self.has_own_access(operands, index);
        let is_open = |other: &IndexId| self.enclosing.iter().any(|e| e.index == *other && !e.has_range);
        self.couplings(operands, index).all(|others| {
            if has_own {
                others.iter().any(is_open)
            } else {
                // Bound further in: its range is found first.
                others.iter().all(|o| !later.contains(o) && !free.contains(o) && !self.is_around(*o))
            }
        })
    }

    fn is_around(&self, index: IndexId) -> bool {
        self.enclosing.iter().any(|e| e.index == index)
    }

    /// For each access that couples `index` with others, the others.
    fn couplings(&self, operands: &[NodeId], index: IndexId) -> impl Iterator<Item = Vec<IndexId>> {
        let graph = &*self.graph;
        let mut found = Vec::new();
        for node in graph.reachable(operands) {
            if !matches!(graph.op(node), Op::Access(_)) || !graph.depends_on_index(node, index) {
                continue;
            }
            for position in graph.operands(node) {
                let free = graph.free_indices(*position);
                if free.len() > 1 && free.contains(&index) {
                    found.push(free.iter().copied().filter(|o| *o != index).collect());
                }
            }
        }
        found.into_iter()
    }

    fn has_own_access(&self, operands: &[NodeId], index: IndexId) -> bool {
        let graph = &*self.graph;
        graph.reachable(operands).into_iter().any(|node| {
            matches!(graph.op(node), Op::Access(_))
                && graph.operands(node).iter().any(|position| graph.free_indices(*position) == [index])
        })
    }

    /// Gives the indices that `operands` are reduced over names that mean nothing else inside.
    fn name_bound(&mut self, bound: &[IndexId], operands: &[NodeId]) {
        let mut inside: Vec<String> = Vec::new();
        for operand in operands {
            for free in self.graph.free_indices(*operand).to_vec() {
                if !bound.contains(&free) {
                    inside.push(self.index_name(free));
                }
            }
        }
        for index in bound {
            let name = self.unused_name(*index, &inside, operands);
            inside.push(name.clone());
            self.names.insert(*index, name);
        }
    }

    /// What a parameter of a definition is called: like the axis that it runs along, if it can.
    pub(super) fn parameter_name(&self, index: IndexId, taken: &[String], node: NodeId) -> String {
        let axis = self.graph.index_entry(index).range.and_then(|range| self.axis_name(range));
        let is_free = |name: &String| {
            !taken.contains(name)
                && !self.definition_names.contains(name)
                && !self.is_used_variable(name, &[node])
        };
        axis.filter(is_free).unwrap_or_else(|| self.unused_name(index, taken, &[node]))
    }

    /// The index's own name, or a letter after it, that nothing in `taken` and `operands` has.
    pub(super) fn unused_name(&self, index: IndexId, taken: &[String], operands: &[NodeId]) -> String {
        let known = self.graph.index_entry(index);
        let axis = known.range.and_then(|range| self.axis_name(range));
        let own = known.name.clone();
        let first = own.bytes().next().filter(|_| own.len() == 1 && own.is_ascii()).unwrap_or(b'i');
        let letters = (first..=b'z').chain(b'i'..first).filter(|l| l.is_ascii_lowercase() && *l != b'e');
        let clashes = |name: &str| {
            taken.iter().any(|t| t == name)
                || self.definition_names.contains(name)
                || self.is_used_variable(name, operands)
        };
        let is_free = |name: &str| {
            !clashes(name)
                // A letter that means an input or another axis somewhere would be confusing.
                && !self.graph.variables().iter().any(|v| v.name == name)
                && !self.graph.axes().iter().any(|a| a.name == name)
        };
        [Some(own.clone()), axis]
            .into_iter()
            .flatten()
            .find(|name| !clashes(name))
            .or_else(|| letters.map(|l| char::from(l).to_string()).find(|name| is_free(name)))
            .or_else(|| (2..).map(|n| format!("{own}{n}")).find(|name| is_free(name)))
            .unwrap_or(own)
    }

    /// Whether a variable of that name occurs: an index of its name would be taken for it, or it for the index.
    fn is_used_variable(&self, name: &str, operands: &[NodeId]) -> bool {
        self.graph.find_variable(name).is_some_and(|variable| {
            self.graph.reachable(operands).iter().any(|n| self.graph.op(*n) == Op::Access(variable))
        })
    }

    /// The name of the axis that the range is all of.
    pub(super) fn axis_name(&self, range: Range) -> Option<String> {
        match self.graph.op(range.high) {
            Op::Size(axis) if self.graph.is_zero(range.low) => Some(self.graph.axis(axis).name.clone()),
            _ => None,
        }
    }

    /// The position of the axis of an index among all, so that indices stand in the order of the signature.
    pub(super) fn position_on_axis(&self, index: IndexId) -> usize {
        let axis = self.graph.index_entry(index).range.and_then(|range| match self.graph.op(range.high) {
            Op::Size(axis) => Some(axis.position()),
            _ => first_axis(self.graph, range),
        });
        axis.unwrap_or(usize::MAX)
    }
}

fn first_axis(graph: &Graph, range: Range) -> Option<usize> {
    let sizes =
        graph.reachable(&[range.low, range.high]).into_iter().filter_map(|node| match graph.op(node) {
            Op::Size(axis) => Some(axis.position()),
            _ => None,
        });
    sizes.min()
}
