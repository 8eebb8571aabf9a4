//! The sweep from the root to the inputs.

use super::{Derivative, access, extremum, reduction, table};
use crate::function::Function;
use crate::graph::{Graph, IndexId, Map, NodeId, NodeList, Op, VariableId};
use crate::number::Number;
use fixedbitset::FixedBitSet;
use smallvec::smallvec;
use std::num::NonZeroU32;

/// The state of one sweep.
pub(super) struct Sweep<'g> {
    pub graph: &'g mut Graph,
    /// By variable, its place among the results.
    wanted: Vec<Option<usize>>,
    /// Indices that are parameters of the whole sweep: free in the root.
    fixed: Vec<IndexId>,
    /// Bodies of reductions with free indices in the place of bound ones.
    opened: Map<NodeId, Opened>,
    /// The free index that stands for a bound one; one for all reductions, so that shared bodies stay shared.
    stand_ins: Map<IndexId, IndexId>,
    /// The nodes that a variable of interest is below.
    active: FixedBitSet,
    adjoints: Adjoints,
}

/// What each node has received so far: lists within one array.
#[derive(Default)]
struct Adjoints {
    /// By node, the place of what it received last.
    last: Vec<Option<NonZeroU32>>,
    /// A contribution and the place of the one before it, counted from 1.
    received: Vec<(NodeId, Option<NonZeroU32>)>,
}

impl Adjoints {
    fn add(&mut self, node: NodeId, contribution: NodeId) {
        self.received.push((contribution, self.last[node.position()]));
        self.last[node.position()] = NonZeroU32::new(self.received.len() as u32);
    }

    /// In the order received.
    fn of(&self, node: NodeId) -> NodeList {
        let mut found = NodeList::new();
        let mut next = self.last[node.position()];
        while let Some(place) = next {
            let (contribution, before) = self.received[place.get() as usize - 1];
            found.push(contribution);
            next = before;
        }
        found.reverse();
        found
    }
}

/// A reduction with its indices free.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub indices: Vec<IndexId>,
    pub body: NodeId,
    pub filter: Option<NodeId>,
}

pub(super) fn sweep(graph: &mut Graph, root: NodeId, variables: &[VariableId]) -> Vec<Derivative> {
    let mut wanted: Vec<Option<usize>> = vec![None; graph.variables().len()];
    for (at, variable) in variables.iter().enumerate() {
        wanted[variable.position()].get_or_insert(at);
    }
    let fixed = graph.free_indices(root).to_vec();
    let count = graph.len();
    let mut sweep = Sweep {
        graph,
        wanted,
        fixed,
        opened: Map::default(),
        stand_ins: Map::default(),
        active: FixedBitSet::with_capacity(count),
        adjoints: Adjoints::default(),
    };
    let order = sweep.post_order(root);
    let mut results: Vec<Derivative> = Vec::with_capacity(variables.len());
    let mut outputs: Vec<IndexId> = Vec::new();
    for variable in variables {
        let indices = access::output_indices(sweep.graph, *variable, &sweep.fixed, &mut outputs);
        let node = sweep.graph.integer(0);
        results.push(Derivative { variable: *variable, indices, node });
    }
    let mut collected: Vec<NodeList> = vec![NodeList::new(); variables.len()];
    let one = sweep.graph.integer(1);
    sweep.adjoints.last = vec![None; sweep.graph.len()];
    sweep.adjoints.received.reserve(order.len());
    sweep.adjoints.add(root, one);
    for node in order.into_iter().rev() {
        let contributions = sweep.adjoints.of(node);
        let adjoint = sweep.graph.add(&contributions);
        if sweep.graph.is_zero(adjoint) {
            continue;
        }
        if let Op::Access(variable) = sweep.graph.op(node) {
            if let Some(at) = sweep.wanted[variable.position()] {
                let mut summed = sweep.graph.free_indices(node).to_vec();
                summed.retain(|index| !sweep.fixed.contains(index));
                let indices = &results[at].indices;
                collected[at].push(access::scatter(sweep.graph, node, indices, &summed, adjoint));
            }
            continue;
        }
        sweep.push_to_operands(node, adjoint);
    }
    for (result, contributions) in results.iter_mut().zip(&collected) {
        result.node = sweep.graph.add(contributions);
    }
    // One that is asked for twice is the same twice.
    for at in 0..results.len() {
        if let Some(first) = sweep.wanted[results[at].variable.position()].filter(|first| *first < at) {
            results[at] = results[first].clone();
        }
    }
    results
}

impl Sweep<'_> {
    /// The active nodes below `root`, operands before users, where the operand of a reduction is its opened body.
    fn post_order(&mut self, root: NodeId) -> Vec<NodeId> {
        let mut seen = FixedBitSet::with_capacity(self.graph.len());
        let mut order = Vec::with_capacity(self.graph.len());
        let mut pending: Vec<(NodeId, bool)> = Vec::with_capacity(self.graph.len());
        pending.push((root, false));
        while let Some((node, finished)) = pending.pop() {
            if finished {
                let is_wanted =
                    matches!(self.graph.op(node), Op::Access(v) if self.wanted[v.position()].is_some());
                if is_wanted || self.differentiable_operands(node).iter().any(|o| self.is_active(*o)) {
                    self.active.grow_and_insert(node.position());
                    order.push(node);
                }
                continue;
            }
            // Opened bodies are new nodes.
            seen.grow(node.position() + 1);
            if seen.put(node.position()) {
                continue;
            }
            let operands = self.differentiable_operands(node);
            pending.push((node, true));
            pending.extend(operands.into_iter().rev().map(|operand| (operand, false)));
        }
        order
    }

    pub fn is_active(&self, node: NodeId) -> bool {
        self.active.contains(node.position())
    }

    /// The operands through which a derivative can pass.
    fn differentiable_operands(&mut self, node: NodeId) -> NodeList {
        let operands = self.graph.operands(node);
        let is_variable = |operand: &NodeId| self.graph.as_constant(*operand).is_none();
        match self.graph.op(node) {
            Op::Linear => operands[2..].iter().step_by(2).copied().collect(),
            Op::Product | Op::Power | Op::Function(_) => {
                operands.iter().copied().filter(is_variable).collect()
            }
            Op::If => operands[1..].iter().copied().filter(is_variable).collect(),
            Op::Reduce(..) if !self.graph.op(node).is_condition() => smallvec![self.open(node).body],
            _ => NodeList::new(),
        }
    }

    pub fn open(&mut self, node: NodeId) -> Opened {
        if let Some(opened) = self.opened.get(&node) {
            return opened.clone();
        }
        let Op::Reduce(_, list) = self.graph.op(node) else {
            return Opened { indices: Vec::new(), body: node, filter: None };
        };
        let mut indices = Vec::new();
        let mut map = Vec::new();
        for bound in self.graph.bound_indices(list).to_vec() {
            let stand_in = match self.stand_ins.get(&bound) {
                Some(known) => *known,
                None => {
                    let (name, range) =
                        (self.graph.index_entry(bound).name.clone(), self.graph.index_entry(bound).range);
                    let fresh = self.graph.fresh_index(&name, range);
                    self.stand_ins.insert(bound, fresh);
                    fresh
                }
            };
            indices.push(stand_in);
            map.push((bound, self.graph.index_value(stand_in)));
        }
        let operands = self.graph.operands(node).to_vec();
        let body = self.graph.substitute(operands[0], &map);
        let filter = operands.get(1).map(|f| self.graph.substitute(*f, &map));
        let opened = Opened { indices, body, filter };
        self.opened.insert(node, opened.clone());
        opened
    }

    /// Adds to the adjoint of `operand` what it receives from each element of `node`.
    ///
    /// An operand with fewer indices is used by many elements, so their contributions are summed.
    pub fn receive(&mut self, node: NodeId, operand: NodeId, contribution: NodeId, bound: &[IndexId]) {
        if self.graph.is_zero(contribution) {
            return;
        }
        let mut summed: Vec<IndexId> = Vec::new();
        for index in self.graph.free_indices(node).iter().chain(bound) {
            if !self.graph.depends_on_index(operand, *index) && !self.fixed.contains(index) {
                summed.push(*index);
            }
        }
        let contribution = if summed.is_empty() {
            contribution
        } else {
            self.graph.reduce(crate::graph::Reduction::Sum, &summed, contribution, None)
        };
        self.adjoints.add(operand, contribution);
    }

    /// `adjoint*local`, where an adjoint that is a sum of guarded terms is multiplied term by term: where no
    /// guard holds the product is then 0 even if `local` is not defined.
    pub fn times(&mut self, adjoint: NodeId, local: NodeId) -> NodeId {
        if self.graph.is_one(adjoint) {
            return local;
        }
        if self.graph.op(adjoint) != Op::Linear {
            return self.graph.mul(&[adjoint, local]);
        }
        let graph = &self.graph;
        let is_guarded = |node: &NodeId| graph.op(*node) == Op::If && graph.is_zero(graph.operands(*node)[2]);
        let (constant, terms) = (graph.operands(adjoint)[0], graph.operands(adjoint)[2..].iter().step_by(2));
        if terms.len() < 2 || !graph.is_zero(constant) || !terms.clone().all(is_guarded) {
            return self.graph.mul(&[adjoint, local]);
        }
        let (_, terms) = graph.terms(adjoint);
        let products: Vec<(Number, NodeId)> =
            terms.into_iter().map(|(c, t)| (c, self.graph.mul(&[t, local]))).collect();
        self.graph.linear(Number::ZERO, &products)
    }

    /// Hands the adjoint of `node`, which is complete, on to its operands.
    ///
    /// Operands that no variable of interest is below are skipped: their adjoints would be thrown away.
    fn push_to_operands(&mut self, node: NodeId, adjoint: NodeId) {
        let operands = NodeList::from_slice(self.graph.operands(node));
        match self.graph.op(node) {
            Op::Linear => {
                for pair in operands[1..].chunks_exact(2) {
                    if self.is_active(pair[1]) {
                        let coefficient = self.graph.as_constant(pair[0]).cloned().unwrap_or(Number::ZERO);
                        let contribution = self.graph.scale(&coefficient, adjoint);
                        self.receive(node, pair[1], contribution, &[]);
                    }
                }
            }
            Op::Product => {
                for (at, factor) in operands.iter().enumerate() {
                    if self.is_active(*factor) {
                        let others: NodeList =
                            operands.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, o)| *o).collect();
                        let others = self.graph.mul(&others);
                        let contribution = self.times(adjoint, others);
                        self.receive(node, *factor, contribution, &[]);
                    }
                }
            }
            Op::Power => self.push_to_power(node, operands[0], operands[1], adjoint),
            Op::Function(function @ (Function::Max | Function::Min)) => {
                extremum::push(self, node, function, adjoint);
            }
            Op::Function(function) => {
                for (at, argument) in operands.iter().enumerate() {
                    if self.is_active(*argument) {
                        let local = table::derivative(self.graph, function, at, &operands);
                        let contribution = self.times(adjoint, local);
                        self.receive(node, *argument, contribution, &[]);
                    }
                }
            }
            Op::If => {
                let zero = self.graph.integer(0);
                if self.is_active(operands[1]) {
                    let taken = self.graph.select(operands[0], adjoint, zero);
                    self.receive(node, operands[1], taken, &[]);
                }
                if self.is_active(operands[2]) {
                    let not_taken = self.graph.select(operands[0], zero, adjoint);
                    self.receive(node, operands[2], not_taken, &[]);
                }
            }
            Op::Reduce(kind, _) => reduction::push(self, node, kind, adjoint),
            _ => {}
        }
    }

    fn push_to_power(&mut self, node: NodeId, base: NodeId, exponent: NodeId, adjoint: NodeId) {
        if self.is_active(base) {
            let one_less = self.graph.linear(Number::MINUS_ONE, &[(Number::ONE, exponent)]);
            let power = self.graph.power(base, one_less);
            let local = self.graph.mul(&[exponent, power]);
            let contribution = self.times(adjoint, local);
            self.receive(node, base, contribution, &[]);
        }
        if self.is_active(exponent) {
            let log = self.graph.function(Function::Log, &[base]);
            let local = self.graph.mul(&[node, log]);
            let contribution = self.times(adjoint, local);
            self.receive(node, exponent, contribution, &[]);
        }
    }
}
