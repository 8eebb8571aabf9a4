//! From passes to kernels: where values stand in memory, in which order loops run, and what blocks read.

use super::program::{
    Bound, Content, Gather, Kernel, Loop, Memory, Mode, Operand, Output, OutputKind, Program, Sink, SinkKind,
};
use super::schedule::{Pass, Root, Schedule, is_folded, is_leaf};
use super::tape::{Emitter, Expression};
use super::value::{BATCH, Dimension, Load, Operation, Place, Source, Space, ValueId, Values};
use crate::graph::Map;

/// Elements of a block.
pub(crate) const BLOCK: usize = 512;

/// A loop shorter than this does not make a block of its own.
const SHORT: usize = 96;

/// Elements that a tile of the batch reads, writes and stores: they stay in the second-level cache.
const TILE_ELEMENTS: usize = 1 << 15;

/// The most batch elements of a tile.
const TILE_LENGTH: usize = 1 << 14;

/// How many chunks the batch is cut into, where it is long enough.
const CHUNKS: usize = 64;

/// A result: its dimensions in the order of its elements, and whether it is a sum over the batch.
pub(super) struct Wanted {
    pub value: ValueId,
    pub order: Vec<Dimension>,
    pub kind: Kind,
    /// By what a sum over the batch is divided.
    pub divisor: f64,
}

/// What becomes of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An array for each of its elements.
    Each,
    /// It does not vary with the batch.
    Once,
    /// The value is a sum over the batch.
    Total,
}

/// Where a stored value stands.
#[derive(Clone, Debug)]
struct Placed {
    memory: Memory,
    strides: Vec<(Dimension, isize)>,
    /// How far on what rounding lost is kept, for sums.
    lost: usize,
}

/// A strided reading or writing, before loops are merged.
#[derive(Clone, Debug, Default)]
struct Strided {
    strides: Vec<(Dimension, isize)>,
    bounds: Vec<(i64, Vec<(Dimension, i64)>, i64)>,
}

pub(super) struct Lowering<'a> {
    values: &'a Values,
    schedule: &'a Schedule,
    /// The shape and the strides of each input.
    inputs: &'a dyn Fn(u32) -> Vec<usize>,
    rank: Vec<isize>,
    placed: Map<ValueId, Placed>,
    constants: Vec<f64>,
    lengths: [usize; 3],
}

/// Lowers a schedule.
pub(super) fn lower(
    values: &Values,
    schedule: &Schedule,
    wanted: &[Wanted],
    inputs: &dyn Fn(u32) -> Vec<usize>,
    may_fail: bool,
) -> Program {
    let mut lowering = Lowering {
        values,
        schedule,
        inputs,
        rank: Vec::new(),
        placed: Map::default(),
        constants: Vec::new(),
        lengths: [0; 3],
    };
    lowering.rank_dimensions(wanted);
    let mut results: Vec<Output> = Vec::new();
    for (_, stored, _) in &schedule.passes {
        for value in stored {
            lowering.give_memory(*value);
        }
    }
    for result in wanted {
        let length = result.order.iter().map(|d| values.length(*d)).product();
        let kind = match result.kind {
            Kind::Each => OutputKind::Each,
            Kind::Once => OutputKind::Once,
            Kind::Total => {
                let placed = &lowering.placed[&result.value];
                let Memory::Total(start) = placed.memory else { unreachable!("sums over the batch are totals") };
                let along = |d: &Dimension| placed.strides.iter().find(|s| s.0 == *d).map_or(0, |s| s.1 as usize);
                let loops = result.order.iter().map(|d| (values.length(*d), along(d))).collect();
                OutputKind::Total { start, lost: start + placed.lost, loops }
            }
        };
        results.push(Output { length, kind, divisor: result.divisor });
    }
    let (mut shared, mut each) = (Vec::new(), Vec::new());
    for (pass, stored, of_results) in &schedule.passes {
        let kernel = lowering.kernel(pass, stored, of_results, wanted);
        if pass.each { each.push(kernel) } else { shared.push(kernel) }
    }
    let batch = values.length(BATCH);
    let [shared_length, tile_length, total_length] = lowering.lengths;
    let mut inputs: Vec<(u32, usize)> = Vec::new();
    for operand in each.iter().flat_map(|k| &k.operands) {
        if let Content::Memory(Memory::Input(input, size), ..) = operand.content {
            inputs.push((input, size));
        }
    }
    inputs.sort_unstable();
    inputs.dedup();
    let written = results.iter().filter(|r| r.kind == OutputKind::Each).map(|r| r.length);
    let touched: usize = inputs.iter().map(|i| i.1).chain(written).sum::<usize>() + tile_length;
    let tile = (TILE_ELEMENTS / touched.max(1)).clamp(1, TILE_LENGTH).min(batch.max(1));
    // Each chunk has sums of its own; they should not outgrow what a chunk reads.
    let chunks = if total_length > 64 { (batch * touched / (8 * total_length)).clamp(1, CHUNKS) } else { CHUNKS };
    let chunk = batch.div_ceil(chunks).div_ceil(tile).max(1) * tile;
    Program {
        batch,
        shared,
        each,
        results,
        shared_length,
        tile_length,
        total_length,
        tile,
        chunk,
        constants: lowering.constants,
        may_fail,
    }
}

impl Lowering<'_> {
    /// Dimensions along which memory is far apart are outer loops.
    fn rank_dimensions(&mut self, wanted: &[Wanted]) {
        let mut rank = vec![0_isize; self.values.extents.len()];
        let mut raise = |dimension: Dimension, stride: isize| {
            let rank = &mut rank[dimension.0 as usize];
            *rank = (*rank).max(stride.abs());
        };
        for result in wanted {
            for (dimension, stride) in row_major(self.values, &result.order) {
                raise(dimension, stride);
            }
        }
        for at in 0..self.values.len() as u32 {
            if let Operation::Load(load) = self.values.operation(ValueId(at))
                && let Source::Input(input) = load.source
            {
                let shape = (self.inputs)(input);
                let mut stride = 1_isize;
                for ((_, place), length) in load.axes.iter().zip(&shape).rev() {
                    if let Place::Affine(_, terms) = place {
                        terms.iter().for_each(|(d, c)| raise(*d, stride * *c as isize));
                    }
                    stride *= *length as isize;
                }
            }
        }
        rank[0] = isize::MAX;
        self.rank = rank;
    }

    /// The dimensions of a space, outermost first.
    fn ordered(&self, space: Space) -> Vec<Dimension> {
        let mut order: Vec<Dimension> = space.dimensions().collect();
        order.sort_by_key(|d| (std::cmp::Reverse(self.rank[d.0 as usize]), *d));
        order
    }

    fn give_memory(&mut self, value: ValueId) {
        let space = self.values.space(value);
        let is_batch_sum = matches!(self.values.operation(value),
            Operation::Reduce(_, over, _) if over.contains(BATCH));
        let inner = self.ordered(space.without(Space::of(BATCH)));
        let mut strides = row_major(self.values, &inner);
        let volume = self.values.volume(space.without(Space::of(BATCH)));
        let is_sum = is_folded(self.values, value);
        let needed = if is_sum { 2 * volume } else { volume };
        let (kind, memory): (usize, fn(usize) -> Memory) = if is_batch_sum {
            (2, Memory::Total)
        } else if space.contains(BATCH) {
            (1, Memory::Tile)
        } else {
            (0, Memory::Shared)
        };
        if space.contains(BATCH) {
            // Tiles hold all totals and then all that was lost.
            strides.push((BATCH, volume as isize));
        }
        let at = self.lengths[kind];
        self.lengths[kind] += needed;
        self.placed.insert(value, Placed { memory: memory(at), strides, lost: volume });
    }

    /// How a load reads memory: where it begins, and its strides.
    fn reading(&self, load: &Load) -> (Memory, isize, Strided, Vec<(ValueId, usize, isize)>) {
        let (memory, steps, batch_step) = match load.source {
            Source::Input(input) => {
                let shape = (self.inputs)(input);
                let mut steps = vec![1_isize; shape.len()];
                for at in (1..shape.len()).rev() {
                    steps[at - 1] = steps[at] * shape[at] as isize;
                }
                let size: usize = shape.iter().product();
                (Memory::Input(input, if load.batched { size } else { 0 }), steps, size as isize)
            }
            Source::Value(value) => {
                let placed = &self.placed[&value];
                let along = |d: &Dimension| {
                    placed.strides.iter().find(|s| s.0 == *d).map_or(0, |s| s.1)
                };
                (placed.memory, load.along.iter().map(along).collect(), along(&BATCH))
            }
        };
        let mut strided = Strided::default();
        let mut offset = 0;
        let mut computed = Vec::new();
        if load.batched {
            strided.add(BATCH, batch_step);
        }
        for ((length, place), step) in load.axes.iter().zip(steps) {
            match place {
                Place::Affine(first, terms) => {
                    offset += *first as isize * step;
                    terms.iter().for_each(|(d, c)| strided.add(*d, *c as isize * step));
                    let (least, most) = self.values.reach(*first, terms);
                    if least < 0 || most >= *length as i64 {
                        strided.bounds.push((*first, terms.clone(), *length as i64));
                    }
                }
                Place::Value(value) => computed.push((*value, *length, step)),
            }
        }
        (memory, offset, strided, computed)
    }

    fn kernel(&mut self, pass: &Pass, stored: &[ValueId], results: &[usize], wanted: &[Wanted]) -> Kernel {
        let values = self.values;
        // What the pass computes, and what it reads.
        let mut sinks: Vec<(ValueId, Memory, isize, Strided, SinkKind, Vec<(ValueId, usize, isize)>, usize)> = Vec::new();
        for value in stored {
            let placed = self.placed[value].clone();
            let strided = Strided { strides: placed.strides.clone(), bounds: Vec::new() };
            let (body, kind, places) = match values.operation(*value) {
                Operation::Reduce(fold, _, body) => (*body, SinkKind::Fold(*fold, placed.lost), Vec::new()),
                Operation::Scatter(_, body, places) => {
                    let places: Vec<_> = places
                        .iter()
                        .map(|(d, v)| {
                            let stride = placed.strides.iter().find(|s| s.0 == *d).map_or(0, |s| s.1);
                            (*v, values.length(*d), stride)
                        })
                        .collect();
                    (*body, SinkKind::Scatter(Vec::new()), places)
                }
                _ => (*value, SinkKind::Store { direct: false }, Vec::new()),
            };
            sinks.push((body, placed.memory, 0, strided, kind, places, placed.lost));
        }
        for result in results {
            let order = &wanted[*result].order;
            let mut strides = row_major(values, order);
            let size: usize = order.iter().map(|d| values.length(*d)).product();
            let is_each = wanted[*result].kind == Kind::Each;
            if is_each {
                strides.push((BATCH, size as isize));
            }
            let strided = Strided { strides, bounds: Vec::new() };
            let memory = Memory::Result(*result, if is_each { size } else { 0 });
            sinks.push((wanted[*result].value, memory, 0, strided, SinkKind::Store { direct: false }, Vec::new(), size));
        }
        let roots: Vec<ValueId> = sinks
            .iter()
            .flat_map(|sink| std::iter::once(sink.0).chain(sink.5.iter().map(|p| p.0)))
            .collect();
        let expression = Expression::new(values, &roots, &|value| {
            is_leaf(values, value)
                || is_folded(values, value)
                || values.space(value) != pass.space
                || (self.schedule.stored[value.position()]
                    && self.schedule.levels[value.position()] < pass.level)
        });
        let mut operands: Vec<(Content, Strided)> = Vec::new();
        let mut register_of: Map<ValueId, usize> = Map::default();
        for value in &expression.leaves {
            let operand = self.operand(*value);
            register_of.insert(*value, operands.len());
            operands.push(operand);
        }
        let gathers: Vec<(ValueId, Memory, isize, Strided, Vec<(ValueId, usize, isize)>)> = expression
            .inner
            .iter()
            .filter_map(|value| match values.operation(*value) {
                Operation::Load(load) => {
                    let (memory, offset, strided, computed) = self.reading(load);
                    Some((*value, memory, offset, strided, computed))
                }
                _ => None,
            })
            .collect();
        // Loops, merged where everything allows it.
        let order = self.loop_order(pass, operands.iter().map(|o| &o.1).chain(sinks.iter().map(|s| &s.3)));
        let all: Vec<&Strided> = operands
            .iter()
            .map(|o| &o.1)
            .chain(sinks.iter().map(|s| &s.3))
            .chain(gathers.iter().map(|g| &g.3))
            .collect();
        let groups = self.merge(&order, &all);
        let loops: Vec<Loop> = groups
            .iter()
            .map(|group| Loop {
                length: group.iter().filter(|d| **d != BATCH).map(|d| values.length(*d)).product(),
                times_batch: group.contains(&BATCH),
            })
            .collect();
        let along = |strided: &Strided| -> Vec<isize> {
            groups.iter().map(|group| group.last().map_or(0, |d| strided.along(*d))).collect()
        };
        let bounds = |strided: &Strided| -> Vec<Bound> {
            strided
                .bounds
                .iter()
                .map(|(first, terms, length)| Bound {
                    first: *first,
                    strides: groups
                        .iter()
                        .map(|group| {
                            let last = group.last();
                            terms.iter().find(|t| Some(&t.0) == last).map_or(0, |t| t.1)
                        })
                        .collect(),
                    length: *length,
                })
                .collect()
        };
        let inner = loops.last().copied().unwrap_or(Loop { length: 1, times_batch: false });
        let has_rows = loops.len() > 1 && !inner.times_batch && inner.length < SHORT;
        let operands: Vec<Operand> = operands
            .into_iter()
            .map(|(content, strided)| {
                let strides = along(&strided);
                let content = match content {
                    Content::Memory(memory, offset, _) => Content::Memory(memory, offset, bounds(&strided)),
                    other => other,
                };
                let mode = mode(&content, &strides, has_rows, inner.length);
                Operand { content, strides, mode }
            })
            .collect();
        let mut emitter = Emitter::new(values, &expression, &operands, &register_of);
        for (value, memory, offset, strided, computed) in &gathers {
            let gather = Gather {
                memory: *memory,
                offset: *offset,
                strides: along(strided),
                bounds: bounds(strided),
                places: Vec::new(),
            };
            emitter.gathers.insert(*value, (gather, computed.clone()));
        }
        emitter.emit(&roots);
        let sinks = sinks
            .into_iter()
            
            .map(|(value, memory, offset, strided, kind, places, volume)| {
                let strides = along(&strided);
                let kind = match kind {
                    SinkKind::Scatter(_) => SinkKind::Scatter(
                        places.iter().map(|(v, length, step)| (emitter.register(*v), *length, *step)).collect(),
                    ),
                    SinkKind::Store { .. } => {
                        let direct = strides.last() == Some(&1)
                            && (!has_rows || strides[strides.len() - 2] == inner.length as isize);
                        SinkKind::Store { direct }
                    }
                    fold => fold,
                };
                Sink { register: emitter.register(value), memory, offset, strides, volume, kind }
            })
            .collect();
        let guard = pass.guard.map(|value| {
            let space = values.space(value);
            (self.placed[&value].memory, values.volume(space.without(Space::of(BATCH))))
        });
        let (tape, links, slots) = emitter.finish();
        Kernel { loops, has_rows, operands, tape, links, slots, sinks, guard }
    }

    fn operand(&mut self, value: ValueId) -> (Content, Strided) {
        match self.values.operation(value) {
            Operation::Constant(bits) => {
                let at = constant(&mut self.constants, f64::from_bits(*bits));
                (Content::Constant(at), Strided::default())
            }
            Operation::Index(dimension) => {
                let mut strided = Strided::default();
                strided.add(*dimension, 1);
                (Content::Index(self.values.extents[dimension.0 as usize].low), strided)
            }
            Operation::Load(load) if is_leaf(self.values, value) => {
                let (memory, offset, strided, _) = self.reading(load);
                (Content::Memory(memory, offset, Vec::new()), strided)
            }
            _ => {
                let placed = &self.placed[&value];
                let strided = Strided { strides: placed.strides.clone(), bounds: Vec::new() };
                (Content::Memory(placed.memory, 0, Vec::new()), strided)
            }
        }
    }

    /// The loops of a pass, outermost first: memory order, but what runs innermost should be near together for as
    /// many as possible, and long.
    fn loop_order<'s>(&self, pass: &Pass, all: impl Iterator<Item = &'s Strided>) -> Vec<Dimension> {
        let mut order = self.ordered(pass.space);
        let all: Vec<&Strided> = all.collect();
        let score = |dimension: Dimension| {
            let fits: i64 = all
                .iter()
                .map(|s| match s.along(dimension) {
                    0 | 1 => 0,
                    -1 => -1,
                    _ => -3,
                })
                .sum();
            let length = self.values.length(dimension).min(BLOCK);
            fits * 4 + (length.max(1) as f64).log2() as i64
        };
        let Some(best) = order.iter().copied().max_by_key(|d| {
            // The batch is cut into tiles: it is innermost only where there is nothing else, or merged.
            let last = order.last() == Some(d);
            (score(*d) + i64::from(last) * 2, last)
        }) else {
            return order;
        };
        order.retain(|d| *d != best);
        order.push(best);
        order
    }

    /// Groups of neighbouring dimensions that are one loop for all.
    fn merge(&self, order: &[Dimension], all: &[&Strided]) -> Vec<Vec<Dimension>> {
        let mut groups: Vec<Vec<Dimension>> = Vec::new();
        for dimension in order.iter().rev() {
            let length = self.values.length(*dimension);
            if length == 1 && *dimension != BATCH {
                continue;
            }
            if let Some(group) = groups.last_mut()
                && let (Some(first), Some(last)) = (group.first().copied(), group.last().copied())
            {
                // Groups are built from the inside: `last` is the innermost dimension.
                let run: isize = group.iter().map(|d| self.values.length(*d) as isize).product();
                let _ = first;
                let fits = !group.contains(&BATCH)
                    && all.iter().all(|s| {
                        s.along(*dimension) == s.along(last) * run
                            && s.bounds.iter().all(|(_, terms, _)| {
                                terms.iter().all(|t| t.0 != *dimension && !group.contains(&t.0))
                            })
                    });
                if fits {
                    group.insert(0, *dimension);
                    continue;
                }
            }
            groups.push(vec![*dimension]);
        }
        groups.reverse();
        if groups.is_empty() {
            groups.push(Vec::new());
        }
        groups
    }
}

impl Strided {
    fn add(&mut self, dimension: Dimension, stride: isize) {
        match self.strides.iter_mut().find(|s| s.0 == dimension) {
            Some(known) => known.1 += stride,
            None => self.strides.push((dimension, stride)),
        }
    }
    fn along(&self, dimension: Dimension) -> isize {
        self.strides.iter().find(|s| s.0 == dimension).map_or(0, |s| s.1)
    }
}

/// The strides of an array whose elements run through the dimensions in that order.
fn row_major(values: &Values, order: &[Dimension]) -> Vec<(Dimension, isize)> {
    let mut stride = 1;
    let mut strides = Vec::with_capacity(order.len());
    for dimension in order.iter().rev() {
        strides.push((*dimension, stride));
        stride *= values.length(*dimension) as isize;
    }
    strides
}

fn mode(content: &Content, strides: &[isize], has_rows: bool, inner: usize) -> Mode {
    let last = strides.last().copied().unwrap_or(0);
    let row = if has_rows { strides[strides.len() - 2] } else { 0 };
    let is_checked = matches!(content, Content::Memory(_, _, bounds) if !bounds.is_empty());
    if last == 0 && row == 0 && !(is_checked && has_rows) {
        return Mode::Uniform;
    }
    let is_dense = last == 1 && (!has_rows || row == inner as isize);
    if is_dense && !is_checked && matches!(content, Content::Memory(..)) { Mode::Stream } else { Mode::Packed }
}

/// The number of a constant in the program.
pub(super) fn constant(constants: &mut Vec<f64>, value: f64) -> usize {
    constants.iter().position(|c| c.to_bits() == value.to_bits()).unwrap_or_else(|| {
        constants.push(value);
        constants.len() - 1
    })
}

/// The roots of a schedule.
pub(super) fn roots(values: &Values, wanted: &[Wanted]) -> Vec<Root> {
    wanted
        .iter()
        .map(|result| {
            let own = result.order.iter().fold(Space::POINT, |space, d| space.with(*d));
            let space = match result.kind {
                Kind::Each => Some(own.with(BATCH)),
                Kind::Once => Some(own),
                Kind::Total => None,
            };
            debug_assert!(space.is_none_or(|s| values.space(result.value).without(s) == Space::POINT));
            Root { value: result.value, space }
        })
        .collect()
}
