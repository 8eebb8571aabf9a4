//! From graph to tape: which nodes are computed, in what order, and when their memory is free again.

use super::Limits;
use super::access;
use super::array::{Dimensions, volume};
use super::data::Data;
use super::element;
use super::extent::Extent;
use super::kernel::{Exponent, Kernel, Sliced, Slot, coefficient, unfolded};
use crate::diagnostic::{Diagnostic, Fault};
use crate::graph::{Graph, IndexId, Map, NodeId, Op, Reduction};
use crate::number::Number;
use crate::real::Real;

/// Elements that the intermediate results of a block together should not exceed: they then stay in the cache.
const BLOCK_ELEMENTS: usize = 1 << 16;

/// The most batch elements of a block.
const BLOCK_LENGTH: usize = 4096;

/// Elements of the body of a reduction that is computed slice by slice.
const SLICE_ELEMENTS: usize = 1 << 17;

/// The body of a reduction that needs more bytes than this is computed slice by slice.
const SLICE_FROM: usize = 64 << 20;

/// One node.
pub(super) struct Step<T> {
    pub node: NodeId,
    pub slot: Slot,
    pub kernel: Kernel<T>,
    /// Slots that nobody needs any longer.
    pub done: Vec<Slot>,
}

/// Nodes computed one after the other.
pub(super) struct Scope<T> {
    pub steps: Vec<Step<T>>,
    /// Elements that are there at once at the most, for one batch element.
    pub peak: usize,
}

/// The order of evaluation, and what is known before it.
pub(super) struct Plan<T> {
    /// What does not depend on the batch, computed once.
    pub shared: Scope<T>,
    /// What is computed for each block.
    pub each: Scope<T>,
    /// Where the values of roots and of shared nodes are.
    pub slots: Map<NodeId, Slot>,
    pub slot_count: usize,
    /// The whole ranges of indices.
    pub extents: Map<IndexId, Extent>,
}

impl<T: Real> Plan<T> {
    /// A plan that gives the values of `roots`. With `keep`, all values stay, and nothing is sliced.
    pub fn new(
        graph: &Graph,
        roots: &[NodeId],
        more_indices: impl Iterator<Item = IndexId>,
        data: &Data<T>,
        limits: &Limits,
        keep: bool,
    ) -> Result<Self, Diagnostic> {
        let reachable = graph.reachable(roots);
        let mut extents: Map<IndexId, Extent> = Map::default();
        let mut batched: Map<NodeId, bool> = Map::default();
        for node in &reachable {
            let mut depends = graph.operands(*node).iter().any(|o| batched[o]);
            match graph.op(*node) {
                Op::Access(variable) => depends |= data.is_batched(variable),
                Op::Index(index) => {
                    extents.insert(index, data.extents.of_index(graph, index)?);
                }
                Op::Reduce(_, list) => {
                    for index in graph.bound_indices(list) {
                        extents.insert(*index, data.extents.of_index(graph, *index)?);
                    }
                }
                Op::Size(axis) => {
                    data.extents.of_axis(graph, axis)?;
                }
                _ => {}
            }
            batched.insert(*node, depends);
        }
        for index in more_indices {
            extents.insert(index, data.extents.of_index(graph, index)?);
        }
        let mut builder = Builder {
            graph,
            data,
            lengths: extents.iter().map(|(i, e)| (*i, e.length)).collect(),
            slot_count: 0,
            slice_from: if keep { usize::MAX } else { SLICE_FROM.min(limits.memory / 8) },
            slice_from_twice: if keep { usize::MAX } else { limits.memory / 8 },
        };
        let mut slots: Map<NodeId, Slot> = Map::default();
        let steps = builder.steps(roots, &mut slots, &|_| true, &mut Vec::new())?;
        let (each, shared): (Vec<_>, Vec<_>) = steps.into_iter().partition(|s| batched[&s.node]);
        let mut wanted: Vec<Slot> = roots.iter().map(|r| slots[r]).collect();
        let each = builder.scope(each, &wanted, keep);
        for step in &each.steps {
            step.kernel.for_each_outer_slot(&mut |slot| wanted.push(slot));
        }
        let shared = builder.scope(shared, &wanted, keep);
        Ok(Plan { shared, each, slots, slot_count: builder.slot_count, extents })
    }

    /// How many batch elements are done together, by each of so many threads.
    pub fn block_length(&self, batch: usize, threads: usize, limits: &Limits) -> Result<usize, Diagnostic> {
        let elements = self.shared.peak.saturating_add(self.each.peak.saturating_mul(threads));
        let needed = elements.saturating_mul(std::mem::size_of::<T>());
        if needed > limits.memory {
            return Err(too_much_memory(needed, limits.memory));
        }
        Ok((BLOCK_ELEMENTS / self.each.peak.max(1)).clamp(1, BLOCK_LENGTH).min(batch.max(1)))
    }
}

struct Builder<'a, T> {
    graph: &'a Graph,
    data: &'a Data<T>,
    /// How many values an index has at a time: fewer than its range within a slice.
    lengths: Map<IndexId, usize>,
    slot_count: usize,
    slice_from: usize,
    slice_from_twice: usize,
}

impl<T: Real> Builder<'_, T> {
    /// The steps for `roots` and what they need of those nodes that are `inside`; nodes that are needed and not
    /// inside go to `outside`, with the slots that were given to them.
    fn steps(
        &mut self,
        roots: &[NodeId],
        slots: &mut Map<NodeId, Slot>,
        inside: &dyn Fn(NodeId) -> bool,
        outside: &mut Vec<(NodeId, Slot)>,
    ) -> Result<Vec<Step<T>>, Diagnostic> {
        let mut steps = Vec::new();
        let mut pending: Vec<NodeId> = Vec::new();
        for root in roots {
            self.slot(*root, slots, &mut pending);
        }
        while let Some(node) = pending.pop() {
            let slot = slots[&node];
            if !inside(node) {
                outside.push((node, slot));
                continue;
            }
            let mut wanted = Vec::new();
            let kernel = self.kernel(node, slots, &mut wanted)?;
            pending.extend(wanted);
            steps.push(Step { node, slot, kernel, done: Vec::new() });
        }
        // Operands have smaller ids than their users.
        steps.sort_unstable_by_key(|s| s.node);
        Ok(steps)
    }

    /// The slot of `node`; a node that has none yet is put on the list of `pending` ones.
    fn slot(&mut self, node: NodeId, slots: &mut Map<NodeId, Slot>, pending: &mut Vec<NodeId>) -> Slot {
        let count = &mut self.slot_count;
        *slots.entry(node).or_insert_with(|| {
            pending.push(node);
            *count += 1;
            *count - 1
        })
    }

    fn kernel(
        &mut self,
        node: NodeId,
        slots: &mut Map<NodeId, Slot>,
        pending: &mut Vec<NodeId>,
    ) -> Result<Kernel<T>, Diagnostic> {
        let (graph, data) = (self.graph, self.data);
        let operands = graph.operands(node);
        let number = |n: NodeId| graph.as_constant(n).cloned().unwrap_or(Number::ZERO);
        let mut slot = |n: NodeId| self.slot(n, slots, pending);
        Ok(match graph.op(node) {
            Op::Constant(id) => Kernel::Constant(T::from_number(graph.number(id))),
            Op::Pi => Kernel::Constant(T::pi()),
            Op::Truth(value) => Kernel::Constant(if value { T::one() } else { T::zero() }),
            Op::Size(axis) => Kernel::Constant(T::from_double(data.extents.of_axis(graph, axis)? as f64)),
            Op::Index(index) => Kernel::Index(index),
            Op::Access(variable) => Kernel::Access(access::plan(graph, data, variable, node, &mut slot)),
            // What has indices, in an order that depends on what the operands are and not on when they came into being:
            // an expression and the same at another index have the same rounding, so that a maximum is equal to where
            // it is taken.
            Op::Linear => {
                let mut terms: Vec<&[NodeId]> = operands[1..].chunks_exact(2).collect();
                if !graph.free_indices(node).is_empty() {
                    terms.sort_by_key(|term| graph.look(term[1]));
                }
                let terms = terms.into_iter().map(|t| (coefficient(&number(t[0])), slot(t[1]))).collect();
                Kernel::Linear(T::from_number(&number(operands[0])), terms)
            }
            Op::Product => {
                let mut factors = operands.to_vec();
                if !graph.free_indices(node).is_empty() {
                    factors.sort_by_key(|factor| graph.look(*factor));
                }
                let factors = factors.into_iter().flat_map(|factor| unfolded(graph, factor));
                Kernel::Product(factors.map(|(kind, node)| (kind, slot(node))).collect())
            }
            Op::Power => {
                let exponent = match graph.as_constant(operands[1]) {
                    None => Exponent::Node(slot(operands[1])),
                    Some(n) => match n.to_i64() {
                        Some(n) if n.unsigned_abs() <= 16 => Exponent::Whole(n as i32),
                        _ if n.to_f64() == 0.5 => Exponent::Half,
                        _ if n.to_f64() == -0.5 => Exponent::MinusHalf,
                        _ => Exponent::Fixed(T::from_number(n)),
                    },
                };
                Kernel::Power(slot(operands[0]), exponent)
            }
            Op::Function(function) => Kernel::Function(function, operands.iter().map(|o| slot(*o)).collect()),
            Op::If => Kernel::If([slot(operands[0]), slot(operands[1]), slot(operands[2])]),
            Op::Compare(comparison) => Kernel::Compare(comparison, slot(operands[0]), slot(operands[1])),
            Op::Not => Kernel::Not(slot(operands[0])),
            Op::And => Kernel::All(true, operands.iter().map(|o| slot(*o)).collect()),
            Op::Or => Kernel::All(false, operands.iter().map(|o| slot(*o)).collect()),
            Op::Detach => Kernel::Copy(slot(operands[0])),
            Op::Element(list) => Kernel::Element(element::plan(graph, data, list, operands, &mut slot)),
            Op::Reduce(reduction, list) => {
                let reduced = graph.bound_indices(list).to_vec();
                match self.slices(node, reduction, &reduced) {
                    None => {
                        let mut slot = |n: NodeId| self.slot(n, slots, pending);
                        Kernel::Reduce(
                            reduction,
                            reduced,
                            slot(operands[0]),
                            operands.get(1).map(|f| slot(*f)),
                        )
                    }
                    Some((singles, chunk)) => {
                        self.sliced(node, reduction, reduced, (singles, chunk), slots, pending)?
                    }
                }
            }
        })
    }

    /// Whether the reduction is to be done slice by slice, and how.
    fn slices(&self, node: NodeId, reduction: Reduction, reduced: &[IndexId]) -> Option<(usize, usize)> {
        let mut free: Vec<IndexId> =
            self.graph.operands(node).iter().flat_map(|o| self.graph.free_indices(*o)).copied().collect();
        free.sort_unstable();
        free.dedup();
        let of = |indices: &[IndexId]| {
            volume(&indices.iter().map(|i| (*i, self.lengths[i])).collect::<Dimensions>())
        };
        let twice = matches!(reduction, Reduction::LogSumExp | Reduction::Norm);
        let most = if twice { self.slice_from_twice } else { self.slice_from };
        if of(&free).saturating_mul(std::mem::size_of::<T>()) <= most {
            return None;
        }
        for singles in 0..reduced.len() {
            free.retain(|i| *i != reduced[singles]);
            let slice = of(&free);
            if slice <= SLICE_ELEMENTS || singles + 1 == reduced.len() {
                return Some((singles, (SLICE_ELEMENTS / slice.max(1)).max(1)));
            }
        }
        None
    }

    fn sliced(
        &mut self,
        node: NodeId,
        reduction: Reduction,
        reduced: Vec<IndexId>,
        (singles, chunk): (usize, usize),
        slots: &mut Map<NodeId, Slot>,
        pending: &mut Vec<NodeId>,
    ) -> Result<Kernel<T>, Diagnostic> {
        let graph = self.graph;
        let operands = graph.operands(node);
        let before: Vec<usize> = reduced[..=singles].iter().map(|i| self.lengths[i]).collect();
        for (at, index) in reduced[..=singles].iter().enumerate() {
            self.lengths.insert(*index, if at < singles { 1 } else { chunk.min(before[at]) });
        }
        // What does not depend on the sliced indices is computed outside, once.
        let inside = |n: NodeId| reduced[..=singles].iter().any(|i| graph.depends_on_index(n, *i));
        let mut own: Map<NodeId, Slot> = Map::default();
        let mut outside = Vec::new();
        let mut steps = self.steps(operands, &mut own, &inside, &mut outside)?;
        let (body, filter) = (own[&operands[0]], operands.get(1).map(|f| own[f]));
        let wanted: Vec<Slot> = [Some(body), filter].into_iter().flatten().collect();
        let mut moved: Map<Slot, Slot> = Map::default();
        for (node, slot) in outside {
            moved.insert(slot, self.slot(node, slots, pending));
        }
        let place = |slot: Slot| moved.get(&slot).copied().unwrap_or(slot);
        for step in &mut steps {
            step.kernel.rename(&place);
        }
        let scope = self.scope(steps, &wanted, false);
        for (index, length) in reduced.iter().zip(before) {
            self.lengths.insert(*index, length);
        }
        let (body, filter) = (place(body), filter.map(place));
        Ok(Kernel::Sliced(Box::new(Sliced { reduction, reduced, singles, chunk, scope, body, filter })))
    }

    /// Notes which slots are free after which step, and how much is there at once.
    fn scope(&self, mut steps: Vec<Step<T>>, wanted: &[Slot], keep: bool) -> Scope<T> {
        let mut last: Map<Slot, usize> = Map::default();
        for (at, step) in steps.iter().enumerate() {
            step.kernel.for_each_outer_slot(&mut |slot| {
                last.insert(slot, at);
            });
        }
        let mut sizes: Map<Slot, usize> = Map::default();
        let mut ends: Vec<Vec<Slot>> = vec![Vec::new(); steps.len()];
        for step in &steps {
            let dimensions: Dimensions =
                self.graph.free_indices(step.node).iter().map(|i| (*i, self.lengths[i])).collect();
            sizes.insert(step.slot, volume(&dimensions));
            if let Some(at) = last.get(&step.slot)
                && !keep
                && !wanted.contains(&step.slot)
            {
                ends[*at].push(step.slot);
            }
        }
        let (mut live, mut peak) = (0_usize, 0_usize);
        for (step, done) in steps.iter_mut().zip(ends) {
            live = live.saturating_add(sizes[&step.slot]);
            let within = match &step.kernel {
                Kernel::Sliced(sliced) => sliced.scope.peak,
                Kernel::Reduce(..) => sizes[&step.slot].saturating_mul(3),
                _ => 0,
            };
            peak = peak.max(live.saturating_add(within));
            for slot in &done {
                live = live.saturating_sub(sizes[slot]);
            }
            step.done = done;
        }
        Scope { steps, peak }
    }
}

fn too_much_memory(needed: usize, allowed: usize) -> Diagnostic {
    // Rounded up, so that what the help says is enough.
    let gibibytes = |bytes: usize| (bytes as f64 / f64::from(1 << 30) * 100.0).ceil() / 100.0;
    Diagnostic::new(
        "too-much-memory",
        format!(
            "the intermediate results need {} GiB for one batch element, more than the {} GiB allowed",
            gibibytes(needed),
            gibibytes(allowed)
        ),
    )
    .fault(Fault::Limit)
    .help(format!("raise the limit: `--max-memory {}`", gibibytes(needed)))
    .help("or give shorter axes")
}
