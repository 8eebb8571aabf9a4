//! A pass as a kernel: its loops, what it reads, its tape, and what becomes of the results.

use super::lower::{Computed, Lowering, Strided, Wanted};
use super::program::{Bound, Content, Gather, Kernel, Loop, Memory, Mode, Operand, Sink, SinkKind};
use super::schedule::{Pass, is_folded, is_leaf};
use super::tape::{Emitter, Expression, Tape};
use super::value::{BATCH, Dimension, Fold, MANY, Operation, Space, ValueId};
use crate::graph::Map;

/// Bytes of all that a block reads and writes, so that it stays in the first-level cache.
const CACHE_BYTES: usize = 20 << 10;

/// The most that a block is longer than one of a kernel with many registers.
const BLOCKS: usize = 4;

/// A value on its way to memory.
struct Target {
    value: ValueId,
    memory: Memory,
    /// Where it begins there.
    offset: isize,
    strided: Strided,
    kind: SinkKind,
    /// Of a scatter, the computed positions.
    places: Vec<Computed>,
    volume: usize,
}

/// A load at computed positions.
struct Gathered {
    value: ValueId,
    memory: Memory,
    offset: isize,
    strided: Strided,
    places: Vec<Computed>,
}

/// The loops of a kernel: each runs over neighbouring dimensions.
struct Nest {
    groups: Vec<Vec<Dimension>>,
    loops: Vec<Loop>,
    has_rows: bool,
    /// The length of the innermost loop.
    inner: usize,
}

impl Nest {
    fn along(&self, strided: &Strided) -> Vec<isize> {
        self.groups.iter().map(|group| group.last().map_or(0, |d| strided.along(*d))).collect()
    }

    fn bounds(&self, strided: &Strided) -> Vec<Bound> {
        let step = |group: &Vec<Dimension>, terms: &[(Dimension, i64)]| {
            terms.iter().find(|t| Some(&t.0) == group.last()).map_or(0, |t| t.1)
        };
        let bound = |reach: &super::lower::Reach| Bound {
            first: reach.first,
            strides: self.groups.iter().map(|group| step(group, &reach.terms)).collect(),
            length: reach.length,
        };
        strided.bounds.iter().map(bound).collect()
    }

    /// Whether the elements of a block are one after the other.
    fn is_dense(&self, strides: &[isize]) -> bool {
        strides.last() == Some(&1) && (!self.has_rows || strides[strides.len() - 2] == self.inner as isize)
    }

    /// Whether all elements of a block are the same one.
    fn is_one(&self, strides: &[isize]) -> bool {
        strides.last() == Some(&0) && (!self.has_rows || strides[strides.len() - 2] == 0)
    }

    fn mode(&self, content: &Content, strides: &[isize], is_guarded: bool) -> Mode {
        let is_checked = matches!(content, Content::Memory(_, _, bounds) if !bounds.is_empty());
        let is_dense = self.is_dense(strides);
        match content {
            _ if self.is_one(strides) && !(is_checked && self.has_rows) => Mode::Uniform,
            Content::Memory(..) if is_dense && !is_checked => Mode::Stream,
            Content::Memory(Memory::Input(..) | Memory::Tile(_), ..) if is_dense && is_guarded => {
                Mode::Guarded
            }
            _ => Mode::Packed,
        }
    }
}

impl Lowering<'_> {
    /// The kernel of a pass that stores these values and these results.
    pub(super) fn kernel(
        &mut self,
        pass: &Pass,
        stored: &[ValueId],
        results: &[usize],
        wanted: &[Wanted],
    ) -> Kernel {
        let values = self.values;
        let mut contractions = Vec::new();
        let mut targets: Vec<Target> = Vec::new();
        for value in stored {
            match *values.operation(*value) {
                Operation::Contract(over, a, b) => contractions.push(self.contraction(*value, over, a, b)),
                _ => targets.push(self.stored(*value)),
            }
        }
        targets.extend(results.iter().map(|number| self.result(&wanted[*number])));
        let places = |target: &Target| target.places.iter().map(|p| p.0).collect::<Vec<_>>();
        let roots: Vec<ValueId> =
            targets.iter().flat_map(|t| std::iter::once(t.value).chain(places(t))).collect();
        let expression = Expression::new(values, &roots, &|value| {
            is_leaf(values, value)
                || is_folded(values, value)
                || values.space(value) != pass.space
                || (self.schedule.stored[value.position()]
                    && self.schedule.levels[value.position()] < pass.level)
        });
        let mut read: Vec<(Content, Strided, bool)> = Vec::new();
        let mut register_of: Map<ValueId, usize> = Map::default();
        for value in &expression.leaves {
            // An index is counted in the pass that stores it.
            let is_counted = self.schedule.stored[value.position()] && values.space(*value) != pass.space;
            let (content, strided) = if is_counted { self.operand_at(*value) } else { self.operand(*value) };
            let is_guarded = !strided.bounds.is_empty() && self.guards.covers(values, *value);
            register_of.insert(*value, read.len());
            read.push((content, strided, is_guarded));
        }
        let gathered: Vec<Gathered> = expression.inner.iter().filter_map(|v| self.gathered(*v)).collect();
        let all: Vec<&Strided> =
            read.iter().map(|r| &r.1).chain(targets.iter().map(|t| &t.strided)).collect();
        let nest = self.nest(pass, &all, gathered.iter().map(|g| &g.strided));
        let operands: Vec<Operand> = read
            .into_iter()
            .map(|(content, strided, is_guarded)| {
                let strides = nest.along(&strided);
                let content = match content {
                    Content::Memory(memory, offset, _) => {
                        Content::Memory(memory, offset, nest.bounds(&strided))
                    }
                    other => other,
                };
                let mode = nest.mode(&content, &strides, is_guarded);
                Operand { content, strides, mode }
            })
            .collect();
        let mut emitter = Emitter::new(values, &expression, &operands, &register_of);
        for Gathered { value, memory, offset, strided, places } in gathered {
            let (strides, bounds) = (nest.along(&strided), nest.bounds(&strided));
            emitter
                .gathers
                .insert(value, (Gather { memory, offset, strides, bounds, places: Vec::new() }, places));
        }
        emitter.has_long_rows = loops_are_long(&nest);
        emitter.emit(&roots);
        let sinks = targets.into_iter().enumerate().map(|(at, t)| sink(&mut emitter, &nest, at, t)).collect();
        let guard = pass.guard.map(|value| {
            let volume = values.volume(values.space(value).without(Space::of(BATCH)));
            (self.placed[&value].memory, volume)
        });
        let Tape { steps: tape, links, guarded, guards, slots } = emitter.finish();
        let moving = (0..operands.len() as u16)
            .filter(|at| !matches!(operands[*at as usize].content, Content::Constant(_)))
            .collect();
        let Nest { loops, has_rows, .. } = nest;
        let moved = operands.iter().filter(|o| o.mode != Mode::Uniform).count() + slots + 1;
        let room = CACHE_BYTES / (moved * self.element_bytes) / self.block * self.block;
        let block = if has_rows { self.block } else { room.clamp(self.block, BLOCKS * self.block) };
        Kernel {
            loops,
            has_rows,
            block,
            operands,
            moving,
            tape,
            guarded,
            guards,
            links,
            slots,
            sinks,
            contractions,
            guard,
        }
    }

    /// A value that is stored for other passes.
    fn stored(&self, value: ValueId) -> Target {
        let placed = &self.placed[&value];
        let (body, kind, places) = match self.values.operation(value) {
            Operation::Reduce(fold, _, body) => (*body, SinkKind::Fold(*fold, placed.lost), Vec::new()),
            Operation::Scatter(_, body, places) => {
                let along = |d: Dimension| placed.strides.iter().find(|s| s.0 == d).map_or(0, |s| s.1);
                let places = places.iter().map(|(d, v)| (*v, self.values.length(*d), along(*d))).collect();
                (*body, SinkKind::Scatter(Vec::new()), places)
            }
            _ => (value, SinkKind::Store { direct: false }, Vec::new()),
        };
        let strided = Strided { strides: placed.strides.clone(), bounds: Vec::new() };
        Target { value: body, memory: placed.memory, offset: 0, strided, kind, places, volume: placed.lost }
    }

    /// A result.
    fn result(&self, wanted: &Wanted) -> Target {
        let (offset, strided) = wanted.strided(self.values);
        let own = wanted.order.iter().filter(|d| **d != BATCH);
        let volume = own.map(|d| self.values.length(*d)).product();
        Target {
            value: wanted.value,
            memory: Memory::Result(wanted.result, strided.along(BATCH) as usize),
            offset,
            strided,
            kind: SinkKind::Store { direct: false },
            places: Vec::new(),
            volume,
        }
    }

    fn gathered(&self, value: ValueId) -> Option<Gathered> {
        let Operation::Load(load) = self.values.operation(value) else { return None };
        let (memory, offset, strided, places) = self.reading(load);
        Some(Gathered { value, memory, offset, strided, places })
    }

    /// The loops of a pass, merged where everything that is read and written allows it.
    fn nest<'s>(&self, pass: &Pass, all: &[&'s Strided], more: impl Iterator<Item = &'s Strided>) -> Nest {
        let order = self.loop_order(pass, all.iter().copied());
        let all: Vec<&Strided> = all.iter().copied().chain(more).collect();
        let groups = self.merge(&order, &all);
        let length = |group: &Vec<Dimension>| {
            group.iter().filter(|d| **d != BATCH).map(|d| self.values.length(*d)).product()
        };
        let loops: Vec<Loop> = groups
            .iter()
            .map(|group| Loop { length: length(group), times_batch: group.contains(&BATCH) })
            .collect();
        let inner = loops.last().copied().unwrap_or(Loop { length: 1, times_batch: false });
        let has_rows = loops.len() > 1 && !inner.times_batch && inner.length <= self.block / 2;
        Nest { groups, loops, has_rows, inner: inner.length }
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
            let length = self.values.length(dimension).min(self.block);
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
                && let Some(last) = group.last().copied()
            {
                // Groups are built from the inside: `last` is the innermost dimension.
                let run: isize = group.iter().map(|d| self.values.length(*d) as isize).product();
                let fits = !group.contains(&BATCH)
                    && all.iter().all(|s| {
                        s.along(*dimension) == s.along(last) * run
                            && s.bounds
                                .iter()
                                .flat_map(|b| &b.terms)
                                .all(|t| t.0 != *dimension && !group.contains(&t.0))
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

/// Whether what does not vary with the innermost loop stands for many elements, however long the batch is.
fn loops_are_long(nest: &Nest) -> bool {
    nest.loops.last().is_some_and(|inner| !inner.times_batch && inner.length >= MANY)
}

/// What becomes of a value at the end of a block.
fn sink(emitter: &mut Emitter, nest: &Nest, at: usize, target: Target) -> Sink {
    let Target { value, memory, offset, strided, kind, places, volume } = target;
    let strides = nest.along(&strided);
    let kind = match kind {
        SinkKind::Scatter(_) => {
            let register = |(v, length, step): &Computed| (emitter.register(*v), *length, *step);
            SinkKind::Scatter(places.iter().map(register).collect())
        }
        SinkKind::Store { .. } => SinkKind::Store { direct: nest.is_dense(&strides) },
        fold => fold,
    };
    let is_sum = matches!(kind, SinkKind::Fold(Fold::Sum(_), _));
    let is_fused = is_sum && nest.is_one(&strides) && emitter.fuse_sum(value, at);
    Sink { register: emitter.register(value), memory, offset, strides, volume, is_fused, kind }
}
