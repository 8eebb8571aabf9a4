//! What a kernel does, recorded: its tape, and what becomes of the results.

use super::emit::{Arguments, Port};
use super::recorder::{Recorder, lane_bits, place};
use super::stream::ALIGNMENT;
use super::trace::{Item, Op, Rate, Trace, Value};
use crate::compile::program::{
    Content, Gather, Kernel, Memory, Mode, NOWHERE, Operand, Sink, SinkKind, Step,
};
use crate::compile::value::Fold;
use crate::execute::{fold, tape};
use crate::vector::{Lanes, Precision};

/// Where a port's memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An operand, in the memory that it comes from; its strides tell where rows are.
    Direct(u16),
    /// An operand in its block, where rows follow each other; or one value.
    Block(u16),
    /// An operand whose rows follow each other, in the memory that it comes from while that is within its array, else in
    /// its block.
    Guarded(u16),
    /// The block of a register, which is filled before or read after.
    Register(u16),
    /// The memory of a sink.
    Sink(u16),
    /// What rounding lost of a sink.
    Lost(u16),
}

/// What an accumulator is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Use {
    /// The sum under way of a sink, or what rounding lost of it; in memory.
    Total(u16),
    Lost(u16),
    /// As above, of a row: in memory, 0 between rows.
    RowTotal,
    /// The sum of a few vectors, 0 between calls.
    Partial,
    /// The largest or the smallest so far, or a NaN that was met; NaN has all bits that matter.
    Extreme(u16),
    Broken(u16),
    /// Belongs to a row: begins with this value, and ends within the row.
    Row(f64),
    /// 0 as long as all results are finite.
    Finite,
}

/// How a kernel and its code fit together.
#[derive(Debug, Default)]
pub struct Layout {
    pub ports: Vec<Source>,
    pub accumulators: Vec<Use>,
    /// Whether code reads and writes everything itself, so that it may run over whole rows.
    pub is_direct: bool,
    /// Whether it does so wherever the operands that may be outside their arrays are within.
    pub is_direct_within: bool,
    /// By operand: whether it is read where it is.
    pub directly: Vec<bool>,
    /// Gathers, done before, and their blocks.
    pub gathers: Vec<(usize, u16)>,
    /// By sink: the block that its values are left in, if it is not code that brings them where they belong.
    pub outputs: Vec<Option<u16>>,
    /// Registers beyond those of the tape.
    pub extra: usize,
    /// The results that sinks write to whose values are all looked at on their way: one a sink.
    pub checked: Vec<usize>,
    /// Ports that whole vectors are written to past the caches.
    pub streamed: Vec<usize>,
    /// By sink: whether code folds all of what goes to a place in one row, so that nothing is there before.
    pub is_set: Vec<bool>,
}

/// Values of a trace beyond which code is not worth its length.
const MOST_NODES: usize = 6000;

/// Records a kernel. `None` if part of it has no vector form.
pub fn record<T: Precision>(
    kernel: &Kernel,
    constants: &[f64],
    usual: Option<&dyn Fn(&Sink) -> bool>,
    (is_wide, lane_count): (bool, usize),
) -> Option<(Trace, Layout)> {
    let layout = Layout::new(kernel)?;
    let lane_bits = 8 * size_of::<T>() as u32;
    let registers = kernel.operands.len() + kernel.slots;
    let trace = Trace::new(usual.is_some(), is_wide, lane_bits);
    let is_streamed = usual.unwrap_or(&|_| false);
    let mut recording = Recording { kernel, layout, is_streamed };
    let mut trace = Recorder::<T>::record(trace, registers, |lanes| {
        recording.operands(lanes, constants);
        recording.tape(lanes);
        recording.sinks(lanes, lane_count);
    });
    trace.prune();
    trace.add_pair();
    trace.streamed.clone_from(&recording.layout.streamed);
    (trace.nodes.len() <= MOST_NODES).then_some((trace, recording.layout))
}

impl Layout {
    fn new(kernel: &Kernel) -> Option<Layout> {
        let operand_count = kernel.operands.len();
        let mut layout = Layout { extra: operand_count + kernel.slots, ..Layout::default() };
        // Blocks that are read by number must be there.
        let mut read: Vec<u16> = Vec::new();
        for (at, step) in kernel.tape.iter().enumerate() {
            match step {
                Step::Gather(gather, _) => {
                    let places = gather.places.iter().map(|p| p.0.number);
                    // Positions that are computed would need a first part of the code.
                    if places.clone().any(|number| usize::from(number) >= operand_count) {
                        return None;
                    }
                    read.extend(places);
                    layout.gathers.push((at, layout.extra as u16));
                    layout.extra += 1;
                }
                step if !tape::is_vectorized(step) => return None,
                _ => {}
            }
        }
        for sink in &kernel.sinks {
            if let SinkKind::Scatter(places) = &sink.kind {
                if places.iter().any(|p| usize::from(p.0.number) >= operand_count) {
                    return None;
                }
                read.extend(places.iter().map(|p| p.0.number));
            }
        }
        let is_direct = |(at, operand): (usize, &Operand)| match &operand.content {
            Content::Constant(_) => true,
            Content::Memory(_, _, bounds) => {
                bounds.is_empty()
                    && matches!(operand.strides.last(), Some(0 | 1))
                    && !read.contains(&(at as u16))
            }
            Content::Index(..) => false,
        };
        layout.directly = kernel.operands.iter().enumerate().map(is_direct).collect();
        layout.outputs = kernel
            .sinks
            .iter()
            .map(|sink| {
                (!is_brought(sink)).then(|| {
                    layout.extra += 1;
                    (layout.extra - 1) as u16
                })
            })
            .collect();
        let brings_all = layout.gathers.is_empty() && layout.outputs.iter().all(Option::is_none);
        layout.is_direct = brings_all && layout.directly.iter().all(|d| *d);
        let is_set = |sink: &Sink| {
            let is_fold = match sink.kind {
                SinkKind::Fold(Fold::Sum(first), _) => first == 0 || kernel.has_rows,
                SinkKind::Fold(Fold::Max | Fold::Min, _) => true,
                _ => false,
            };
            let is_of_row = |(inner, outer): (&isize, &[isize])| *inner == 0 && !outer.contains(&0);
            layout.is_direct && is_fold && sink.strides.split_last().is_some_and(is_of_row)
        };
        layout.is_set = kernel.sinks.iter().map(is_set).collect();
        let is_guarded = |(at, operand): (usize, &Operand)| {
            operand.mode == Mode::Guarded && !read.contains(&(at as u16)) || layout.directly[at]
        };
        layout.is_direct_within =
            brings_all && !layout.is_direct && kernel.operands.iter().enumerate().all(is_guarded);
        Some(layout)
    }

    /// Whether the kernel's code has rows: its last loop but one.
    pub fn has_rows(&self, kernel: &Kernel) -> bool {
        if self.is_direct { kernel.loops.len() > 1 } else { kernel.has_rows }
    }

    /// The stride from row to row, if the kernel's code has rows.
    pub fn row_stride(&self, kernel: &Kernel, strides: &[isize]) -> isize {
        if self.has_rows(kernel) { strides[strides.len() - 2] } else { 0 }
    }

    /// Whether ports that are written to past the caches lie as such writes must.
    pub fn is_aligned(&self, arguments: &Arguments) -> bool {
        self.streamed.iter().all(|port| {
            let Port { start, stride } = arguments.ports[*port];
            start.addr().is_multiple_of(ALIGNMENT)
                && (arguments.rows <= 1 || stride.unsigned_abs().is_multiple_of(ALIGNMENT as u64))
        })
    }

    fn port(&mut self, source: Source) -> u16 {
        let known = self.ports.iter().position(|p| *p == source);
        known.unwrap_or_else(|| {
            self.ports.push(source);
            self.ports.len() - 1
        }) as u16
    }
}

/// Whether code itself brings the values of a sink where they belong.
fn is_brought(sink: &Sink) -> bool {
    let inner = sink.strides.last().copied();
    match sink.kind {
        SinkKind::Store { .. } => inner == Some(1),
        SinkKind::Fold(Fold::Sum(_) | Fold::Max | Fold::Min, _) => matches!(inner, Some(0 | 1)),
        _ => false,
    }
}

struct Recording<'a> {
    kernel: &'a Kernel,
    layout: Layout,
    is_streamed: &'a dyn Fn(&Sink) -> bool,
}

impl Recording<'_> {
    fn operands<T: Precision>(&mut self, lanes: Recorder<T>, constants: &[f64]) {
        for (at, operand) in self.kernel.operands.iter().enumerate() {
            let value = match operand.content {
                Content::Constant(number) => lanes.constant(constants[number]),
                _ => {
                    let is_direct = self.layout.directly[at];
                    let source = match operand.mode {
                        _ if is_direct => Source::Direct(at as u16),
                        Mode::Guarded => Source::Guarded(at as u16),
                        _ => Source::Block(at as u16),
                    };
                    let is_one = if is_direct {
                        operand.strides.last() == Some(&0)
                    } else {
                        operand.mode == Mode::Uniform
                    };
                    let port = self.layout.port(source);
                    let op = if is_one { Op::Broadcast(port) } else { Op::Load(port) };
                    lanes.with(|trace| trace.value(op, &[]))
                }
            };
            lanes.set_register(at, value);
        }
    }

    fn tape<T: Precision>(&mut self, lanes: Recorder<T>) {
        let count = self.kernel.operands.len() + self.kernel.slots;
        let registers: Vec<*mut T> = (0..count).map(place).collect();
        let mut gathers = self.layout.gathers.clone().into_iter();
        let mut open = NOWHERE;
        for (step, guard) in self.kernel.tape.iter().zip(&self.kernel.guarded) {
            if *guard != open {
                if open != NOWHERE {
                    lanes.with(Trace::leave);
                }
                if let Some(condition) = self.kernel.guards.get(*guard as usize) {
                    // SAFETY: a recorder does not read memory.
                    let mask = unsafe { tape::wanted(lanes, condition, &registers, 0) };
                    lanes.with(|trace| trace.enter(mask));
                }
                open = *guard;
            }
            match step {
                Step::Gather(_, to) => {
                    let Some((_, block)) = gathers.next() else { continue };
                    let port = self.layout.port(Source::Register(block));
                    let value = lanes.with(|trace| trace.value(Op::Load(port), &[]));
                    lanes.set_register((*to).into(), value);
                }
                step => tape::perform(lanes, self.kernel, step, &registers, &mut [], 1),
            }
        }
        if open != NOWHERE {
            lanes.with(Trace::leave);
        }
    }

    fn accumulator<T: Precision>(&mut self, lanes: Recorder<T>, use_of: Use) -> (u16, Value) {
        self.layout.accumulators.push(use_of);
        let row_start = match use_of {
            Use::Row(value) => Some(lane_bits(T::from_double(value))),
            _ => None,
        };
        lanes.with(|trace| trace.accumulator(row_start))
    }

    fn sinks<T: Precision>(&mut self, lanes: Recorder<T>, lane_count: usize) {
        let zero = lanes.zero();
        let mut finite: Option<(u16, Value)> = None;
        let mut rest: Vec<Later> = Vec::new();
        // Assumptions come before anything is added or stored.
        for sink in &self.kernel.sinks {
            if let SinkKind::Fold(kind @ (Fold::Max | Fold::Min), _) = sink.kind
                && is_brought(sink)
                && sink.strides.last() == Some(&0)
            {
                let rest = lanes.splat(fold::neutral::<T>(kind));
                let value = lanes.register(sink.register.number.into());
                let live = lanes.with(|trace| trace.value(Op::Live, &[value, rest]));
                lanes.any(lanes.is_nan(live));
            }
        }
        for (at, sink) in self.kernel.sinks.iter().enumerate() {
            let value = lanes.register(sink.register.number.into());
            let number = at as u16;
            if let (Memory::Result(result, _), SinkKind::Store { .. }) = (sink.memory, &sink.kind) {
                let (accumulator, before) = finite.unwrap_or_else(|| self.accumulator(lanes, Use::Finite));
                let live = lanes.with(|trace| trace.value(Op::Live, &[value, zero]));
                // Infinity and NaN times 0 is NaN, and stays so.
                finite = Some((accumulator, lanes.mul_add(live, zero, before)));
                self.layout.checked.push(result);
            }
            if let Some(block) = self.layout.outputs[at] {
                let port = self.layout.port(Source::Register(block));
                lanes.with(|trace| trace.turn.push(Item::Store(port, value)));
                continue;
            }
            let inner = sink.strides.last().copied().unwrap_or(0);
            let row_stride = self.layout.row_stride(self.kernel, &sink.strides);
            match sink.kind {
                SinkKind::Store { .. } => {
                    let port = self.layout.port(Source::Sink(number));
                    lanes.with(|trace| trace.turn.push(Item::Store(port, value)));
                    if (self.is_streamed)(sink) {
                        self.layout.streamed.push(port.into());
                    }
                }
                SinkKind::Fold(kind, _) if inner == 1 => {
                    let load = |source, this: &mut Self| {
                        let port = this.layout.port(source);
                        (port, lanes.with(|trace| trace.value(Op::Load(port), &[])))
                    };
                    let (port, total) = load(Source::Sink(number), self);
                    match kind {
                        Fold::Sum(_) => {
                            let (lost_port, lost) = load(Source::Lost(number), self);
                            let (sum, error) = fold::two_sum(lanes, total, value);
                            let lost = lanes.add(lost, error);
                            lanes.with(|trace| {
                                trace.turn.push(Item::Store(port, sum));
                                trace.turn.push(Item::Store(lost_port, lost));
                            });
                        }
                        _ => {
                            let best = larger_or_smaller(lanes, kind, total, value);
                            lanes.with(|trace| trace.turn.push(Item::Store(port, best)));
                        }
                    }
                }
                SinkKind::Fold(kind, _) => {
                    rest.extend(self.fold(lanes, kind, number, value, row_stride != 0))
                }
                SinkKind::Scatter(_) => {}
            }
        }
        if let Some((accumulator, value)) = finite {
            lanes.with(|trace| trace.turn.push(Item::Keep(accumulator, value)));
        }
        lanes.with(|trace| trace.go_on_to(Rate::Flush));
        rest.iter().for_each(|later| self.flush(lanes, later));
        let is_of_row = |later: &Later| later.is_of_row && matches!(later.total, Total::Kept { .. });
        lanes.with(|trace| trace.is_flushed_by_row = rest.iter().any(is_of_row));
        lanes.with(|trace| trace.go_on_to(Rate::End));
        rest.iter().filter(|later| later.is_of_row).for_each(|later| self.end(lanes, later, lane_count));
    }

    /// A fold of whole rows: what it does in a turn, and what is left for later.
    fn fold<T: Precision>(
        &mut self,
        lanes: Recorder<T>,
        kind: Fold,
        sink: u16,
        value: Value,
        is_of_row: bool,
    ) -> Option<Later> {
        let neutral = fold::neutral::<T>(kind);
        let rest = lanes.splat(neutral);
        let live = lanes.with(|trace| trace.value(Op::Live, &[value, rest]));
        if let Fold::Sum(_) = kind {
            // Rows that are short lose little.
            if is_of_row && self.kernel.has_rows {
                let plain = |this: &mut Self, term| {
                    let (total, before) = this.accumulator(lanes, Use::Row(0.0));
                    let sum = lanes.add(before, term);
                    lanes.with(|trace| trace.turn.push(Item::Keep(total, sum)));
                    before
                };
                let total = if kind == Fold::Sum(0) {
                    Total::Plain(plain(self, live))
                } else {
                    // What is taken away at the beginning are ones; those among the terms are counted, so that what is
                    // left when they are gone has all its digits.
                    let is_one = lanes.equal(live, lanes.one());
                    let others = plain(self, lanes.select(is_one, rest, live));
                    let ones = plain(self, lanes.select(is_one, lanes.one(), rest));
                    Total::Counted { others, ones }
                };
                return Some(Later { kind, sink, is_of_row, total });
            }
            let (partial, before) = self.accumulator(lanes, Use::Partial);
            let sum = lanes.add(before, live);
            lanes.with(|trace| trace.turn.push(Item::Keep(partial, sum)));
            let uses = if is_of_row { [Use::RowTotal; 2] } else { [Use::Total(sink), Use::Lost(sink)] };
            let [total, lost] = uses.map(|used| {
                self.layout.accumulators.push(used);
                lanes.with(Trace::state)
            });
            return Some(Later {
                kind,
                sink,
                is_of_row,
                total: Total::Kept { partial, before, total, lost },
            });
        }
        let uses = if is_of_row {
            [Use::Row(neutral.to_double()), Use::Row(0.0)]
        } else {
            [Use::Extreme(sink), Use::Broken(sink)]
        };
        let [(total, before), (broken, broken_before)] = uses.map(|used| self.accumulator(lanes, used));
        let best = if kind == Fold::Max {
            lanes.max_or_second(live, before)
        } else {
            lanes.min_or_second(live, before)
        };
        lanes.with(|trace| trace.turn.push(Item::Keep(total, best)));
        if !lanes.with(|trace| trace.is_optimistic) {
            let nan = lanes.splat(T::nan());
            let is_broken = lanes.select(lanes.is_nan(live), nan, lanes.zero());
            let all_broken = lanes.or_bits(broken_before, is_broken);
            lanes.with(|trace| trace.turn.push(Item::Keep(broken, all_broken)));
        }
        let total = Total::Extreme { best: before, broken: broken_before };
        is_of_row.then_some(Later { kind, sink, is_of_row, total })
    }

    /// Adds the sum of a few vectors to the total.
    fn flush<T: Precision>(&mut self, lanes: Recorder<T>, later: &Later) {
        let Total::Kept { partial, before, total, lost } = later.total else { return };
        let state = |number| lanes.with(|trace| trace.value(Op::State(number), &[]));
        let (sum, error) = fold::two_sum(lanes, state(total), before);
        let all_lost = lanes.add(state(lost), error);
        let zero = lanes.zero();
        lanes.with(|trace| {
            trace.flush.push(Item::SetState(total, sum));
            trace.flush.push(Item::SetState(lost, all_lost));
            trace.flush.push(Item::Keep(partial, zero));
        });
    }

    /// Joins lanes by halves, and the result with what is in memory.
    fn end<T: Precision>(&mut self, lanes: Recorder<T>, later: &Later, lane_count: usize) {
        let Later { kind, sink, total, .. } = *later;
        let is_set = self.layout.is_set[usize::from(sink)];
        let rotated = |value: Value, by: usize| lanes.with(|t| t.value(Op::Rotate(by as u8), &[value]));
        let halves = || std::iter::successors(Some(lane_count / 2), |n| Some(n / 2)).take_while(|n| *n > 0);
        let memory = self.layout.port(Source::Sink(sink));
        let held = |port| lanes.with(|trace| trace.value(Op::Broadcast(port), &[]));
        let (mut total, mut lost) = match total {
            Total::Extreme { best, broken } => {
                // What was a NaN in any lane is one.
                let is_usual = lanes.with(|trace| trace.is_optimistic);
                let mut best = if is_usual { best } else { lanes.select(lanes.is_nan(broken), broken, best) };
                for by in halves() {
                    let other = rotated(best, by);
                    best = match kind {
                        Fold::Max if is_usual => lanes.max_or_second(best, other),
                        _ if is_usual => lanes.min_or_second(best, other),
                        _ => larger_or_smaller(lanes, kind, best, other),
                    };
                }
                if !is_set {
                    best = larger_or_smaller(lanes, kind, held(memory), best);
                }
                lanes.with(|trace| trace.end.push(Item::StoreOne(memory, best)));
                return;
            }
            Total::Plain(total) => (total, None),
            Total::Counted { mut others, mut ones } => {
                for by in halves() {
                    others = lanes.add(others, rotated(others, by));
                    ones = lanes.add(ones, rotated(ones, by));
                }
                if is_set {
                    let whole = lanes.add(lanes.add(lanes.splat(fold::first(kind)), ones), others);
                    lanes.with(|trace| trace.end.push(Item::StoreOne(memory, whole)));
                    return;
                }
                let lost_memory = self.layout.port(Source::Lost(sink));
                let (sum, error) = fold::two_sum(lanes, lanes.add(held(memory), ones), others);
                let lost = lanes.add(held(lost_memory), error);
                lanes.with(|trace| {
                    trace.end.extend([Item::StoreOne(memory, sum), Item::StoreOne(lost_memory, lost)]);
                });
                return;
            }
            Total::Kept { total, lost, .. } => {
                let state = |number| lanes.with(|trace| trace.value(Op::State(number), &[]));
                (state(total), Some(state(lost)))
            }
        };
        for by in halves() {
            let other = rotated(total, by);
            match lost {
                None => total = lanes.add(total, other),
                Some(so_far) => {
                    let (sum, error) = fold::two_sum(lanes, total, other);
                    let both = lanes.add(so_far, rotated(so_far, by));
                    (total, lost) = (sum, Some(lanes.add(both, error)));
                }
            }
        }
        let zero = lanes.zero();
        let mut stores = Vec::new();
        if is_set {
            let whole = lost.map_or(total, |lost| {
                let is_finite = lanes.equal(lanes.sub(total, total), zero);
                lanes.select(is_finite, lanes.add(total, lost), total)
            });
            stores.push(Item::StoreOne(memory, whole));
        } else {
            let lost_memory = self.layout.port(Source::Lost(sink));
            let (sum, error) = fold::two_sum(lanes, held(memory), total);
            let mut all_lost = lanes.add(held(lost_memory), error);
            if let Some(lost) = lost {
                all_lost = lanes.add(all_lost, lost);
            }
            stores.extend([Item::StoreOne(memory, sum), Item::StoreOne(lost_memory, all_lost)]);
        }
        lanes.with(|trace| {
            trace.end.extend(stores);
            if let Total::Kept { total, lost, .. } = later.total {
                trace.end.push(Item::SetState(total, zero));
                trace.end.push(Item::SetState(lost, zero));
            }
        });
    }
}

/// What is left to do with a fold after turns: for a sum, to add what a few of them gave; at the end of its row, to join
/// lanes.
#[derive(Clone, Copy)]
struct Later {
    kind: Fold,
    sink: u16,
    is_of_row: bool,
    total: Total,
}

/// What turns make of a fold.
#[derive(Clone, Copy)]
enum Total {
    /// A sum, in a register.
    Plain(Value),
    /// A sum of terms of which those that are 1 are counted.
    Counted { others: Value, ones: Value },
    /// The sum of a few vectors: its accumulator and what that holds; and the accumulators in memory.
    Kept { partial: u16, before: Value, total: u16, lost: u16 },
    /// The best so far, and a NaN if there was one.
    Extreme { best: Value, broken: Value },
}

/// NaN if either is.
fn larger_or_smaller<T: Precision>(lanes: Recorder<T>, kind: Fold, a: Value, b: Value) -> Value {
    if kind == Fold::Max { lanes.max(a, b) } else { lanes.min(a, b) }
}

/// The gather of a step.
pub fn gather_of(step: &Step) -> Option<&Gather> {
    match step {
        Step::Gather(gather, _) => Some(gather),
        _ => None,
    }
}
