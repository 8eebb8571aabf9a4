//! From passes to kernels: where values stand in memory, in which order loops run, and what blocks read.

use super::guard::Guards;
use super::program::{Content, Kernel, Memory, Output, OutputKind, Program, Total, TotalPart};
use super::schedule::{Root, Schedule, Stage, is_folded, is_leaf};
use super::value::{BATCH, Dimension, Load, Operation, Place, Source, Space, ValueId, Values};
use crate::graph::Map;

/// Bytes of a block, if many registers are needed.
const BLOCK_BYTES: usize = 2048;

/// Bytes that a tile of the batch reads, writes and stores: they stay in the second-level cache.
const TILE_BYTES: usize = 1 << 18;

/// Batch elements of a tile whose products of matrices are fast, if no more than so many elements are stored for it.
const PRODUCT_LENGTH: usize = 256;
const PRODUCT_ELEMENTS: usize = 1 << 20;

/// Elements of a cache line.
const LINE: usize = 16;

/// The most batch elements of a tile.
const TILE_LENGTH: usize = 1 << 14;

/// A batch of fewer elements, of at least so many numbers each, is not cut: its kernels are.
const SPLIT_BELOW: usize = 8;
const SPLIT_FROM: usize = 1 << 15;

/// How many chunks the batch is cut into, where it is long enough.
const CHUNKS: usize = 64;

/// A result: its dimensions in the order of its elements, and what becomes of the batch.
pub(super) struct Wanted {
    pub value: ValueId,
    /// With the batch, if it has an array for each of its elements.
    pub order: Vec<Dimension>,
    /// The elements of dimensions that are unrolled: it is the part of the result there.
    pub at: Vec<(Dimension, usize)>,
    /// The number of the result.
    pub result: usize,
    pub kind: Kind,
    /// By what a sum over the batch is divided.
    pub divisor: f64,
}

impl Wanted {
    /// All of the result of that number.
    pub(super) fn whole(
        result: usize,
        (value, order): (ValueId, Vec<Dimension>),
        kind: Kind,
        divisor: f64,
    ) -> Wanted {
        Wanted { value, order, at: Vec::new(), result, kind, divisor }
    }

    /// The dimensions of its elements, without those that are unrolled.
    pub(super) fn space(&self) -> Space {
        let space = self.order.iter().fold(Space::POINT, |space, d| space.with(*d));
        self.at.iter().fold(space, |space, (d, _)| space.without(Space::of(*d)))
    }

    /// Where its elements stand in the result of a batch element: the first, and strides.
    pub(super) fn strided(&self, values: &Values) -> (isize, Strided) {
        let mut strided = Strided { strides: row_major(values, &self.order), bounds: Vec::new() };
        let first = self.at.iter().map(|(d, at)| *at as isize * strided.along(*d)).sum();
        strided.strides.retain(|(d, _)| self.at.iter().all(|(fixed, _)| fixed != d));
        (first, strided)
    }
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
pub(super) struct Placed {
    pub memory: Memory,
    pub strides: Vec<(Dimension, isize)>,
    /// How far on what rounding lost is kept, for sums.
    pub lost: usize,
}

/// A position that may be outside its axis: `first + c1*d1 + …`, and the length.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    pub first: i64,
    pub terms: Vec<(Dimension, i64)>,
    pub length: i64,
}

/// A computed position: the value, the length of the axis and its stride.
pub(super) type Computed = (ValueId, usize, isize);

/// A strided reading or writing, before loops are merged.
#[derive(Clone, Debug, Default)]
pub(super) struct Strided {
    pub strides: Vec<(Dimension, isize)>,
    pub bounds: Vec<Reach>,
}

pub(super) struct Lowering<'a> {
    pub(super) values: &'a Values,
    pub(super) schedule: &'a Schedule,
    /// The shape and the strides of each input.
    inputs: &'a dyn Fn(u32) -> Vec<usize>,
    rank: Vec<isize>,
    pub(super) placed: Map<ValueId, Placed>,
    constants: Vec<f64>,
    lengths: [usize; 3],
    /// Elements of a block.
    pub(super) block: usize,
    pub(super) element_bytes: usize,
    pub(super) guards: Guards,
    /// Whether every matrix lies in memory as one.
    pub(super) is_sound: bool,
    /// The order of the dimensions of factors and products, so that they do.
    pub(super) orders: Map<ValueId, Vec<Dimension>>,
}

/// Lowers a schedule.
pub(super) fn lower(
    values: &Values,
    schedule: &Schedule,
    wanted: &[Wanted],
    inputs: &dyn Fn(u32) -> Vec<usize>,
    element_bytes: usize,
) -> Option<Program> {
    let mut lowering = Lowering {
        values,
        schedule,
        inputs,
        rank: Vec::new(),
        placed: Map::default(),
        constants: Vec::new(),
        lengths: [0; 3],
        block: BLOCK_BYTES / element_bytes,
        element_bytes,
        guards: Guards::new(values, schedule),
        is_sound: true,
        orders: Map::default(),
    };
    lowering.rank_dimensions(wanted);
    lowering.order_matrices();
    let mut results: Vec<Output> = Vec::new();
    let mut totals: Vec<Total> = Vec::new();
    for value in schedule.passes.iter().flat_map(|(_, stored, _)| stored) {
        lowering.give_memory(*value);
        let placed = &lowering.placed[value];
        if let Memory::Total(start) = placed.memory {
            totals.push(Total { start, lost: start + placed.lost, length: placed.lost });
        }
    }
    for result in wanted {
        let own = result.order.iter().filter(|d| **d != BATCH);
        let length = own.map(|d| values.length(*d)).product();
        let kind = match result.kind {
            Kind::Each => OutputKind::Each,
            Kind::Once => OutputKind::Once,
            Kind::Total => {
                let placed = &lowering.placed[&result.value];
                let Memory::Total(start) = placed.memory else {
                    unreachable!("sums over the batch are totals")
                };
                let along =
                    |d: &Dimension| placed.strides.iter().find(|s| s.0 == *d).map_or(0, |s| s.1 as usize);
                let (first, strided) = result.strided(values);
                let mut loops: Vec<(usize, usize, usize)> = Vec::new();
                for (d, stride) in &strided.strides {
                    let next = (values.length(*d), along(d), *stride as usize);
                    match loops.last_mut() {
                        Some(last) if (next.1, next.2) == (last.0 * last.1, last.0 * last.2) => {
                            last.0 *= next.0
                        }
                        _ => loops.push(next),
                    }
                }
                OutputKind::Total(vec![TotalPart { start, first: first as usize, loops }])
            }
        };
        match results.get_mut(result.result) {
            None => results.push(Output { length, kind, divisor: result.divisor }),
            // A further part of it.
            Some(known) => {
                if let (OutputKind::Total(parts), OutputKind::Total(part)) = (&mut known.kind, kind) {
                    parts.extend(part);
                }
            }
        }
    }
    let [mut shared, mut each, mut after]: [Vec<Kernel>; 3] = Default::default();
    for (pass, stored, of_results) in &schedule.passes {
        let kernel = lowering.kernel(pass, stored, of_results, wanted);
        match pass.stage {
            Stage::Before => shared.push(kernel),
            Stage::Each => each.push(kernel),
            Stage::After => after.push(kernel),
        }
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
    let room = |elements: usize| (elements / touched.max(1)).clamp(1, TILE_LENGTH);
    // A product of matrices has as many rows, or columns, as the tile has batch elements, and is slow with few.
    let has_products = each.iter().flat_map(|k| &k.contractions).any(|c| c.times_batch.contains(&true));
    let least =
        if has_products { room(PRODUCT_ELEMENTS).min(PRODUCT_LENGTH).min(batch.div_ceil(4)) } else { 1 };
    // Tiles begin at cache lines, where they are long.
    let whole = |length: usize| if length > LINE { length / LINE * LINE } else { length };
    let tile = whole(room(TILE_BYTES / element_bytes).max(least)).min(batch.max(1));
    // Each chunk has sums of its own; they should not outgrow what a chunk reads.
    let chunks =
        if total_length > 64 { (batch * touched / (2 * total_length)).clamp(1, CHUNKS) } else { CHUNKS };
    let chunk = batch.div_ceil(chunks).div_ceil(tile).max(1) * tile;
    lowering.is_sound.then_some(Program {
        batch,
        shared,
        each,
        after,
        results,
        totals,
        shared_length,
        tile_length,
        total_length,
        tile,
        is_split: batch < SPLIT_BELOW && touched > SPLIT_FROM,
        chunk,
        constants: lowering.constants,
    })
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
                let shape = self.shape(input, load);
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
    pub(super) fn ordered(&self, space: Space) -> Vec<Dimension> {
        let mut order: Vec<Dimension> = space.dimensions().collect();
        order.sort_by_key(|d| (std::cmp::Reverse(self.rank[d.0 as usize]), *d));
        order
    }

    fn give_memory(&mut self, value: ValueId) {
        let space = self.values.space(value);
        let is_batch_sum = self.values.is_batch_sum(value);
        let plain = || self.ordered(space.without(Space::of(BATCH)));
        let inner = self.orders.get(&value).cloned().unwrap_or_else(plain);
        let mut strides = row_major(self.values, &inner);
        let volume = self.values.volume(space.without(Space::of(BATCH)));
        // A product of matrices loses nothing that would be kept; totals have a place for it all the same.
        let is_product = matches!(self.values.operation(value), Operation::Contract(..));
        let is_sum = is_folded(self.values, value) && (is_batch_sum || !is_product);
        let needed = if is_sum { 2 * volume } else { volume };
        let (kind, memory): (usize, fn(usize) -> Memory) = if is_batch_sum {
            (2, Memory::Total)
        } else if space.contains(BATCH) {
            (1, Memory::Tile)
        } else {
            (0, |at| Memory::Shared(at, 0))
        };
        if space.contains(BATCH) {
            // Tiles hold all totals and then all that was lost.
            strides.push((BATCH, volume as isize));
        }
        // Arrays begin at a cache line; those of a tile do where the tile is long.
        let at = if kind != 1 && volume >= LINE {
            self.lengths[kind].next_multiple_of(LINE)
        } else {
            self.lengths[kind]
        };
        self.lengths[kind] = at + needed;
        self.placed.insert(value, Placed { memory: memory(at), strides, lost: volume });
    }

    /// The shape of an input, without the axis whose index stands for the batch.
    fn shape(&self, input: u32, load: &Load) -> Vec<usize> {
        let mut shape = (self.inputs)(input);
        shape.drain(..shape.len() - load.axes.len());
        shape
    }

    /// How a load reads memory: where it begins, and its strides.
    pub(super) fn reading(&self, load: &Load) -> (Memory, isize, Strided, Vec<Computed>) {
        let (mut memory, steps, batch_step) = match load.source {
            Source::Input(input) => {
                let shape = self.shape(input, load);
                let mut steps = vec![1_isize; shape.len()];
                for at in (1..shape.len()).rev() {
                    steps[at - 1] = steps[at] * shape[at] as isize;
                }
                let size: usize = shape.iter().product();
                (Memory::Input(input, 0), steps, size as isize)
            }
            Source::Value(value) => {
                let placed = &self.placed[&value];
                let along = |d: &Dimension| placed.strides.iter().find(|s| s.0 == *d).map_or(0, |s| s.1);
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
                        strided.bounds.push(Reach {
                            first: *first,
                            terms: terms.clone(),
                            length: *length as i64,
                        });
                    }
                }
                Place::Value(value) => computed.push((*value, *length, step)),
            }
        }
        if let Memory::Input(_, size) | Memory::Shared(_, size) = &mut memory {
            *size = strided.along(BATCH) as usize;
        }
        (memory, offset, strided, computed)
    }

    pub(super) fn operand_at(&self, value: ValueId) -> (Content, Strided) {
        match self.values.operation(value) {
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

    pub(super) fn operand(&mut self, value: ValueId) -> (Content, Strided) {
        match self.values.operation(value) {
            Operation::Constant(bits) => {
                let at = constant(&mut self.constants, f64::from_bits(*bits));
                (Content::Constant(at), Strided::default())
            }
            Operation::Index(dimension) => {
                let mut strided = Strided::default();
                strided.add(*dimension, 1);
                let low = self.values.extent(*dimension).low;
                (Content::Index(low, strided.along(BATCH)), strided)
            }
            _ => self.operand_at(value),
        }
    }
}

impl Strided {
    fn add(&mut self, dimension: Dimension, stride: isize) {
        match self.strides.iter_mut().find(|s| s.0 == dimension) {
            Some(known) => known.1 += stride,
            None => self.strides.push((dimension, stride)),
        }
    }
    pub(super) fn along(&self, dimension: Dimension) -> isize {
        self.strides.iter().find(|s| s.0 == dimension).map_or(0, |s| s.1)
    }
}

/// The strides of an array whose elements run through the dimensions in that order.
pub(super) fn row_major(values: &Values, order: &[Dimension]) -> Vec<(Dimension, isize)> {
    let mut stride = 1;
    let mut strides = Vec::with_capacity(order.len());
    for dimension in order.iter().rev() {
        strides.push((*dimension, stride));
        stride *= values.length(*dimension) as isize;
    }
    strides
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
            let own = result.space();
            let space = match result.kind {
                Kind::Each | Kind::Once => Some(own),
                Kind::Total => None,
            };
            debug_assert!(space.is_none_or(|s| values.space(result.value).without(s) == Space::POINT));
            Root { value: result.value, space }
        })
        .collect()
}
