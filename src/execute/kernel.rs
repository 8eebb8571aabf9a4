//! One pass over its space: loops, blocks, and what they read and write.

use super::block::{Shape, block};
use super::workspace::{Workspace, address, lost_address};
use super::{Bases, fold, generated};
use crate::compile::Program;
use crate::compile::program::{Content, Kernel, Memory, Sink, SinkKind};
use crate::compile::value::Fold;
use crate::native::Native;
use crate::vector::{Lanes, Precision};

/// The most loops of a kernel.
pub(super) const LOOPS: usize = 64;

/// A part of one loop of a kernel, and sums of its own. Loops outside of that one have one turn, unless it is the
/// innermost one.
pub(super) struct Part<T> {
    /// The loop.
    pub axis: usize,
    pub from: usize,
    pub to: usize,
    /// By sink: where sums are kept that more than one part adds to, and what rounding lost of them.
    pub sums: Vec<Option<(*mut T, *mut T)>>,
}

/// Whether the kernel need not run: nothing is to be rescued.
pub(super) fn is_idle<T: Precision>(
    kernel: &Kernel,
    bases: &Bases<T>,
    tile: usize,
    (start, count): (usize, usize),
) -> bool {
    let Some((memory, volume)) = kernel.guard else { return false };
    let length = if matches!(memory, Memory::Tile(_)) { volume * count } else { volume };
    let flags = address(bases, memory, start, tile);
    // SAFETY: a pass before has stored so many.
    let flags = unsafe { std::slice::from_raw_parts(flags, length) };
    debug_assert!(
        flags.iter().all(|flag| !flag.is_nan()),
        "a pass is left out before it is known if it may be"
    );
    flags.iter().all(|flag| *flag != T::zero())
}

/// The lengths of the loops for `count` batch elements.
#[inline(always)]
pub(super) fn lengths(kernel: &Kernel, count: usize) -> [usize; LOOPS] {
    let mut lengths = [1_usize; LOOPS];
    for (length, of) in lengths.iter_mut().zip(&kernel.loops) {
        *length = of.length * if of.times_batch { count } else { 1 };
    }
    lengths
}

/// Runs `kernel` for `count` batch elements from `start` on.
#[inline(always)]
pub(super) fn run<L: Lanes>(
    lanes: L,
    (kernel, native): (&Kernel, Option<&Native>),
    program: &Program,
    bases: &Bases<L::Scalar>,
    workspace: &mut Workspace<L::Scalar>,
    (start, count): (usize, usize),
    part: Option<&Part<L::Scalar>>,
) where
    L::Scalar: Precision,
{
    let tile = program.tile;
    if part.is_none() {
        if is_idle(kernel, bases, tile, (start, count)) {
            return;
        }
        for contraction in &kernel.contractions {
            super::contract::run(contraction, &|memory| address(bases, memory, start, tile), count, None);
        }
        if kernel.sinks.is_empty() {
            return;
        }
    }
    let mut lengths = lengths(kernel, count);
    let depth = kernel.loops.len();
    let is_empty = lengths[..depth].contains(&0);
    let is_set = |sink: usize| !is_empty && native.is_some_and(|native| native.layout.is_set[sink]);
    if part.is_none() {
        begin_sinks(kernel, bases, (tile, count), &is_set);
    }
    if !is_empty {
        let range = |at: usize| match part {
            Some(part) if part.axis == at => (part.from, part.to),
            _ => (0, lengths[at]),
        };
        start_registers(lanes, kernel, bases, workspace, (start, tile), &lengths, part);
        let has_rows = native.map_or(kernel.has_rows, |native| native.layout.has_rows(kernel));
        let blocked = if has_rows { 2 } else { 1 };
        let outer = depth - blocked;
        let rows = if has_rows { range(depth - 2) } else { (0, 1) };
        let runs = range(depth - 1);
        let rows_most = if has_rows { (kernel.block / runs.1).max(1) } else { 1 };
        workspace.position[..depth].fill(0);
        if let Some(part) = part.filter(|part| part.axis < outer) {
            workspace.position[part.axis] = part.from;
            lengths[part.axis] = part.to;
            let strides =
                kernel.operands.iter().map(|o| &o.strides).chain(kernel.sinks.iter().map(|s| &s.strides));
            for (offset, strides) in workspace.offsets.iter_mut().zip(strides) {
                *offset += strides[part.axis] * part.from as isize;
            }
        }
        loop {
            if let Some(native) = native.filter(|native| native.layout.is_direct) {
                let shape = Shape::new(rows.1 - rows.0, runs.1 - runs.0);
                let at = (rows.0, runs.0);
                generated::run(lanes, (kernel, native), program, (bases, workspace), shape, at, true);
                if !advance(kernel, workspace, &lengths[..outer]) {
                    break;
                }
                continue;
            }
            let run = (runs.0, runs.1 - runs.0);
            let inside = match native.filter(|native| native.layout.is_direct_within) {
                Some(native) => generated::rows_within((kernel, native), workspace, rows, run),
                None => (rows.1, rows.1),
            };
            let mut row = rows.0;
            while row < rows.1 {
                if let Some(native) = native
                    && row == inside.0
                    && row < inside.1
                {
                    let shape = Shape::new(inside.1 - row, run.1);
                    let at = (row, run.0);
                    generated::run(lanes, (kernel, native), program, (bases, workspace), shape, at, true);
                    row = inside.1;
                    continue;
                }
                let end = if row < inside.0 { inside.0 } else { rows.1 };
                let height = rows_most.min(end - row);
                let mut at = runs.0;
                while at < runs.1 {
                    let run = kernel.block.min(runs.1 - at);
                    workspace.position[depth - 1] = at;
                    if has_rows {
                        workspace.position[depth - 2] = row;
                    }
                    let shape = Shape::new(height, run);
                    match native {
                        Some(native) => generated::block(
                            lanes,
                            (kernel, native),
                            program,
                            (bases, workspace),
                            (start, shape),
                            (row, at),
                        ),
                        None => block(lanes, kernel, bases, workspace, (start, tile), shape, (row, at)),
                    }
                    at += run;
                }
                row += height;
            }
            if !advance(kernel, workspace, &lengths[..outer]) {
                break;
            }
        }
        workspace.running[..kernel.sinks.len()].iter_mut().for_each(|running| running.flush(lanes));
    }
    if part.is_none() {
        end_sinks(kernel, bases, (tile, count), &is_set);
    }
}

/// Sets what registers hold throughout the kernel.
#[inline(always)]
fn start_registers<L: Lanes>(
    _lanes: L,
    kernel: &Kernel,
    bases: &Bases<L::Scalar>,
    workspace: &mut Workspace<L::Scalar>,
    (start, tile): (usize, usize),
    lengths: &[usize; LOOPS],
    part: Option<&Part<L::Scalar>>,
) where
    L::Scalar: Precision,
{
    let operand_count = kernel.operands.len();
    let batch = kernel.loops.iter().position(|of| of.times_batch);
    for (at, operand) in kernel.operands.iter().enumerate() {
        workspace.offsets[at] = match operand.content {
            Content::Memory(_, offset, _) => offset,
            Content::Index(low, step) => low as isize + step * start as isize,
            Content::Constant(_) => 0,
        };
        workspace.numbered[at] = None;
        let own = at * workspace.register;
        workspace.registers[at] = workspace.blocks[own..].as_mut_ptr();
        match operand.content {
            Content::Constant(constant) => {
                let value = workspace.constants[constant];
                workspace.blocks[own..own + L::WIDTH].fill(value);
            }
            Content::Memory(memory, ..) => {
                let begin = address(bases, memory, start, tile);
                workspace.starts[at] = begin;
                workspace.arrays[at] = match (memory, batch) {
                    (Memory::Input(input, _), _) => bases.inputs[input as usize].clone(),
                    (Memory::Tile(_), Some(batch)) => {
                        let length = lengths[batch] as isize * operand.strides[batch];
                        begin.cast_const()..begin.wrapping_offset(length)
                    }
                    _ => begin.cast_const()..begin,
                };
            }
            Content::Index(..) => {}
        }
    }
    for slot in operand_count..operand_count + kernel.slots {
        workspace.registers[slot] = workspace.own(slot);
    }
    for (at, sink) in kernel.sinks.iter().enumerate() {
        let mut places = (address(bases, sink.memory, start, tile), std::ptr::null_mut());
        if let SinkKind::Fold(_, lost) = sink.kind {
            places.1 = lost_address(bases, sink, lost, tile);
        }
        if let Some(own) = part.and_then(|part| part.sums[at]) {
            places = own;
        }
        workspace.starts[operand_count + at] = places.0;
        workspace.losts[at] = places.1;
        workspace.offsets[operand_count + at] = sink.offset;
        workspace.running[at].start();
    }
}

/// Goes on to the next turn of the outer loops; `false` after the last.
#[inline(always)]
fn advance<T>(kernel: &Kernel, workspace: &mut Workspace<T>, lengths: &[usize]) -> bool {
    for at in (0..lengths.len()).rev() {
        workspace.position[at] += 1;
        let is_done = workspace.position[at] == lengths[at];
        let turns = if is_done { 1 - lengths[at] as isize } else { 1 };
        let strides =
            kernel.operands.iter().map(|o| &o.strides).chain(kernel.sinks.iter().map(|s| &s.strides));
        for (offset, strides) in workspace.offsets.iter_mut().zip(strides) {
            *offset += strides[at] * turns;
        }
        if !is_done {
            return true;
        }
        workspace.position[at] = 0;
    }
    false
}

/// Gives sums and extremes that are computed in this pass their first value, but for those that are set as they are.
#[inline(always)]
pub(super) fn begin_sinks<T: Precision>(
    kernel: &Kernel,
    bases: &Bases<T>,
    (tile, count): (usize, usize),
    is_set: &dyn Fn(usize) -> bool,
) {
    for (at, sink) in kernel.sinks.iter().enumerate() {
        if is_set(at) {
            continue;
        }
        let (volume, first) = match &sink.kind {
            SinkKind::Fold(fold, volume) => (*volume, fold::first(*fold)),
            SinkKind::Scatter(_) => (sink.volume, T::zero()),
            SinkKind::Store { .. } => continue,
        };
        let length = match sink.memory {
            Memory::Tile(_) => volume * count,
            Memory::Shared(..) => volume,
            _ => continue,
        };
        // SAFETY: so many elements are the sink's own.
        unsafe {
            std::slice::from_raw_parts_mut(address(bases, sink.memory, 0, tile), length).fill(first);
            if let SinkKind::Fold(Fold::Sum(_), lost) = sink.kind {
                std::slice::from_raw_parts_mut(lost_address(bases, sink, lost, tile), length).fill(T::zero());
            }
        }
    }
}

/// Adds to sums what rounding lost, but for those that are set as they are.
#[inline(always)]
pub(super) fn end_sinks<T: Precision>(
    kernel: &Kernel,
    bases: &Bases<T>,
    (tile, count): (usize, usize),
    is_set: &dyn Fn(usize) -> bool,
) {
    for (at, sink) in kernel.sinks.iter().enumerate() {
        let SinkKind::Fold(Fold::Sum(_), volume) = sink.kind else { continue };
        if is_set(at) {
            continue;
        }
        let length = match sink.memory {
            Memory::Tile(_) => volume * count,
            Memory::Shared(..) => volume,
            _ => continue,
        };
        let total = address(bases, sink.memory, 0, tile);
        let lost = lost_address(bases, sink, volume, tile);
        // SAFETY: so many elements are the sink's own.
        unsafe {
            for at in 0..length {
                let sum = *total.add(at);
                if sum.is_finite() {
                    *total.add(at) = sum + *lost.add(at);
                }
            }
        }
    }
}

/// The places of a sink's elements and of what rounding lost of them, and how many there are.
pub(super) fn places<T: Precision>(
    sink: &Sink,
    bases: &Bases<T>,
    tile: usize,
    count: usize,
) -> (*mut T, *mut T, usize) {
    let length = if matches!(sink.memory, Memory::Tile(_)) { sink.volume * count } else { sink.volume };
    let lost = match sink.kind {
        SinkKind::Fold(_, lost) => lost_address(bases, sink, lost, tile),
        _ => std::ptr::null_mut(),
    };
    (address(bases, sink.memory, 0, tile), lost, length)
}
