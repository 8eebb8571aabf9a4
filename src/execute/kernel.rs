//! One pass over its space: loops, blocks, and what they read and write.

use super::fold::{self, Running};
use super::{Bases, tape};
use crate::compile::program::{Bound, Content, Gather, Kernel, Memory, Mode, Operand, Sink, SinkKind};
use crate::compile::value::Fold;
use crate::compile::{BLOCK, Program};
use crate::vector::{Lanes, Precision};
use crate::real::Real;
use num_traits::Float;

/// Elements from one register's block to the next: not a power of two, so that they do not share cache lines' places.
const REGISTER: usize = BLOCK + 48;

/// The most loops of a kernel.
const LOOPS: usize = 64;

/// What a thread needs to run kernels: allocated once.
pub(crate) struct Workspace<T> {
    constants: Vec<T>,
    /// A block for each register.
    blocks: Vec<T>,
    /// Where each register's elements are.
    pub(super) registers: Vec<*mut T>,
    /// How far into memory each operand, then each sink, then each gather is.
    offsets: Vec<isize>,
    /// Sums under way, one a sink.
    running: Vec<Running<T>>,
    position: Vec<usize>,
}

// SAFETY: the pointers lead into the blocks of the same workspace, or are set anew for every block.
unsafe impl<T: Send> Send for Workspace<T> {}

impl<T: Precision> Workspace<T> {
    pub fn new(program: &Program, constants: &[T]) -> Self {
        let kernels = || program.shared.iter().chain(&program.each);
        let registers = kernels().map(|k| k.operands.len() + k.slots).max().unwrap_or(0);
        let offsets = kernels().map(|k| k.operands.len() + k.sinks.len()).max().unwrap_or(0);
        let sinks = kernels().map(|k| k.sinks.len()).max().unwrap_or(0);
        Workspace {
            constants: constants.to_vec(),
            blocks: vec![T::zero(); registers * REGISTER],
            registers: vec![std::ptr::null_mut(); registers],
            offsets: vec![0; offsets],
            running: (0..sinks).map(|_| Running::new()).collect(),
            position: vec![0; LOOPS],
        }
    }
}

/// Where the elements of `memory` for the batch elements from `start` on are.
fn address<T>(bases: &Bases<T>, memory: Memory, start: usize, tile: usize) -> *mut T {
    // SAFETY: the offsets lie within the arrays that the program was compiled for.
    unsafe {
        match memory {
            Memory::Input(input, size) => bases.inputs[input as usize].0.add(size * start).cast_mut(),
            Memory::Shared(at) => bases.shared.add(at),
            Memory::Tile(at) => bases.tile.add(at * tile),
            Memory::Result(result, size) => bases.results[result].add(size * start),
            Memory::Total(at) => bases.totals.add(at),
        }
    }
}

/// Where what rounding lost of a sum is.
fn lost_address<T>(bases: &Bases<T>, sink: &Sink, lost: usize, tile: usize) -> *mut T {
    let memory = match sink.memory {
        Memory::Tile(at) => Memory::Tile(at + lost),
        Memory::Shared(at) => Memory::Shared(at + lost),
        Memory::Total(at) => Memory::Total(at + lost),
        other => other,
    };
    address(bases, memory, 0, tile)
}

/// How a block lies in its kernel.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Elements.
    pub length: usize,
    /// Rows, and elements of each.
    pub rows: usize,
    pub run: usize,
}

/// Runs `kernel` for `count` batch elements from `start` on.
#[inline(always)]
pub(super) fn run<L: Lanes>(
    lanes: L,
    kernel: &Kernel,
    program: &Program,
    bases: &Bases<L::Scalar>,
    workspace: &mut Workspace<L::Scalar>,
    (start, count): (usize, usize),
) where
    L::Scalar: Precision,
{
    let tile = program.tile;
    if let Some((memory, volume)) = kernel.guard {
        let length = if matches!(memory, Memory::Tile(_)) { volume * count } else { volume };
        let flags = address(bases, memory, start, tile);
        // SAFETY: a pass before has stored so many.
        let flags = unsafe { std::slice::from_raw_parts(flags, length) };
        if flags.iter().all(|flag| *flag != L::Scalar::default()) {
            return;
        }
    }
    begin_sinks(kernel, bases, tile, count);
    let mut lengths = [1_usize; LOOPS];
    let depth = kernel.loops.len();
    for (length, of) in lengths.iter_mut().zip(&kernel.loops) {
        *length = of.length * if of.times_batch { count } else { 1 };
    }
    if lengths[..depth].contains(&0) {
        return;
    }
    let operand_count = kernel.operands.len();
    for (at, operand) in kernel.operands.iter().enumerate() {
        workspace.offsets[at] = match operand.content {
            Content::Memory(_, offset, _) => offset,
            _ => 0,
        };
        if let Content::Constant(constant) = operand.content {
            let value = workspace.constants[constant];
            workspace.blocks[at * REGISTER..at * REGISTER + L::WIDTH].fill(value);
        }
    }
    for (at, sink) in kernel.sinks.iter().enumerate() {
        workspace.offsets[operand_count + at] = sink.offset;
        workspace.running[at].start();
    }
    let blocked = if kernel.has_rows { 2 } else { 1 };
    let outer = depth - blocked;
    let (row_length, run_length) = if kernel.has_rows { (lengths[depth - 2], lengths[depth - 1]) } else { (1, lengths[depth - 1]) };
    let rows_most = if kernel.has_rows { (BLOCK / run_length).max(1) } else { 1 };
    workspace.position[..depth].fill(0);
    loop {
        let mut row = 0;
        while row < row_length {
            let rows = rows_most.min(row_length - row);
            let mut from = 0;
            while from < run_length {
                let run = BLOCK.min(run_length - from);
                workspace.position[depth - 1] = from;
                if kernel.has_rows {
                    workspace.position[depth - 2] = row;
                }
                let shape = Shape { length: rows * run, rows, run };
                block(lanes, kernel, bases, workspace, (start, tile), shape, (row, from));
                from += run;
            }
            row += rows;
        }
        if !advance(kernel, workspace, &lengths[..outer]) {
            break;
        }
    }
    end_sinks(lanes, kernel, bases, workspace, tile, count);
}

/// Goes on to the next turn of the outer loops; `false` after the last.
#[inline(always)]
fn advance<T>(kernel: &Kernel, workspace: &mut Workspace<T>, lengths: &[usize]) -> bool {
    for at in (0..lengths.len()).rev() {
        workspace.position[at] += 1;
        let is_done = workspace.position[at] == lengths[at];
        let turns = if is_done { 1 - lengths[at] as isize } else { 1 };
        let strides = kernel.operands.iter().map(|o| &o.strides).chain(kernel.sinks.iter().map(|s| &s.strides));
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

#[inline(always)]
fn block<L: Lanes>(
    lanes: L,
    kernel: &Kernel,
    bases: &Bases<L::Scalar>,
    workspace: &mut Workspace<L::Scalar>,
    (start, tile): (usize, usize),
    shape: Shape,
    (row, from): (usize, usize),
) where
    L::Scalar: Precision,
{
    let depth = kernel.loops.len();
    let within = |strides: &[isize]| {
        let rows = if kernel.has_rows { strides[depth - 2] * row as isize } else { 0 };
        rows + strides[depth - 1] * from as isize
    };
    let is_whole = shape.length.is_multiple_of(L::WIDTH);
    let padded = shape.length.next_multiple_of(L::WIDTH);
    for (at, operand) in kernel.operands.iter().enumerate() {
        let own = workspace.blocks[at * REGISTER..].as_mut_ptr();
        workspace.registers[at] = match &operand.content {
            Content::Constant(_) => own,
            Content::Memory(memory, _, bounds) => {
                let base = address(bases, *memory, start, tile);
                let from = base.wrapping_offset(workspace.offsets[at] + within(&operand.strides));
                if operand.mode == Mode::Stream {
                    let fits = is_whole || match memory {
                        Memory::Input(input, _) => from.wrapping_add(padded).cast_const() <= bases.inputs[*input as usize].1,
                        _ => true,
                    };
                    if fits {
                        from
                    } else {
                        // SAFETY: the block is within the input, and as long as a register at the most.
                        unsafe { std::ptr::copy_nonoverlapping(from, own, shape.length) };
                        own
                    }
                } else {
                    let position = &workspace.position[..depth];
                    pack(lanes, operand, from, bounds, own, shape, position, kernel.has_rows);
                    own
                }
            }
            Content::Index(low) => {
                let first = *low as isize + workspace.offsets[at] + within(&operand.strides);
                number(lanes, operand, first, own, shape, kernel.has_rows);
                own
            }
        };
    }
    let operand_count = kernel.operands.len();
    for slot in operand_count..operand_count + kernel.slots {
        workspace.registers[slot] = workspace.blocks[slot * REGISTER..].as_mut_ptr();
    }
    let mut written_directly = 0_u64;
    if is_whole {
        for (at, sink) in kernel.sinks.iter().enumerate() {
            let register = sink.register.number as usize;
            if let SinkKind::Store { direct: true } = sink.kind
                && register >= operand_count
                && at < 64
                && workspace.registers[register] == workspace.blocks[register * REGISTER..].as_mut_ptr()
            {
                let base = address(bases, sink.memory, start, tile);
                workspace.registers[register] =
                    base.wrapping_offset(workspace.offsets[operand_count + at] + within(&sink.strides));
                written_directly |= 1 << at;
            }
        }
    }
    let gather = |gather: &Gather, to: *mut L::Scalar, registers: &[*mut L::Scalar], position: &[usize]| {
        gather_block(gather, address(bases, gather.memory, start, tile), to, registers, position, shape, kernel.has_rows);
    };
    tape::run(lanes, kernel, &workspace.registers, padded / L::WIDTH, |g, to| {
        gather(g, to, &workspace.registers, &workspace.position[..depth]);
    });
    for (at, sink) in kernel.sinks.iter().enumerate() {
        if at < 64 && written_directly >> at & 1 == 1 {
            continue;
        }
        let register = sink.register.number as usize;
        let mut values = workspace.registers[register];
        if sink.register.step == 0 {
            // One value stands for all: written out.
            let own = workspace.blocks[register * REGISTER..].as_mut_ptr();
            // SAFETY: a register has as many elements as a block.
            unsafe {
                let value = *values;
                std::slice::from_raw_parts_mut(own, shape.length).fill(value);
            }
            values = own;
        }
        let base = address(bases, sink.memory, start, tile);
        let offset = workspace.offsets[operand_count + at] + within(&sink.strides);
        let to = base.wrapping_offset(offset);
        let inner = sink.strides[depth - 1];
        let rows = if kernel.has_rows { sink.strides[depth - 2] } else { 0 };
        match &sink.kind {
            SinkKind::Store { .. } => unpack(values, to, shape, rows, inner),
            SinkKind::Fold(fold, lost) => {
                let lost = lost_address(bases, sink, *lost, tile).wrapping_offset(offset - sink.offset);
                fold::block(lanes, *fold, values, shape, (to, lost), (rows, inner), &mut workspace.running[at]);
            }
            SinkKind::Scatter(places) => {
                scatter_block(places, values, to, &workspace.registers, shape, rows, inner);
            }
        }
    }
}

/// Brings strided elements together.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn pack<L: Lanes>(
    lanes: L,
    operand: &Operand,
    from: *mut L::Scalar,
    bounds: &[Bound],
    to: *mut L::Scalar,
    shape: Shape,
    position: &[usize],
    has_rows: bool,
) where
    L::Scalar: Precision,
{
    let depth = operand.strides.len();
    let inner = operand.strides[depth - 1];
    let row_stride = if has_rows { operand.strides[depth - 2] } else { 0 };
    if operand.mode == Mode::Uniform {
        let inside = bounds.iter().all(|b| {
            let at = b.first + b.strides.iter().zip(position).map(|(s, p)| s * *p as i64).sum::<i64>();
            (0..b.length).contains(&at)
        });
        // SAFETY: the position is within the array; a register has room for a vector.
        unsafe {
            let value = if inside { *from } else { L::Scalar::nan() };
            lanes.store_to(to, lanes.splat(value));
        }
        return;
    }
    for row in 0..shape.rows {
        let source = from.wrapping_offset(row as isize * row_stride);
        let target = to.wrapping_add(row * shape.run);
        let (mut low, mut high) = (0_i64, shape.run as i64);
        for bound in bounds {
            let mut at = bound.first + bound.strides.iter().zip(position).map(|(s, p)| s * *p as i64).sum::<i64>();
            if has_rows {
                at += bound.strides[depth - 2] * row as i64;
            }
            let part = inside(at, bound.strides[depth - 1], bound.length, shape.run as i64);
            (low, high) = (low.max(part.0), high.min(part.1));
        }
        let low = low.clamp(0, shape.run as i64) as usize;
        let high = (high.max(0) as usize).clamp(low, shape.run);
        // SAFETY: what lies between `low` and `high` is within the array; the target is a register's block.
        unsafe {
            for at in 0..low {
                *target.add(at) = L::Scalar::nan();
            }
            copy_strided(source.wrapping_offset(low as isize * inner), inner, target.add(low), high - low);
            for at in high..shape.run {
                *target.add(at) = L::Scalar::nan();
            }
        }
    }
}

/// Copies `count` elements that are `stride` apart.
///
/// # Safety
/// They must be readable, and the target writable.
#[inline(always)]
unsafe fn copy_strided<T: Copy>(from: *const T, stride: isize, to: *mut T, count: usize) {
    // SAFETY: the caller vouches for the memory.
    unsafe {
        match stride {
            1 => std::ptr::copy_nonoverlapping(from, to, count),
            0 => {
                if count > 0 {
                    std::slice::from_raw_parts_mut(to, count).fill(*from);
                }
            }
            _ => {
                for at in 0..count {
                    *to.add(at) = *from.offset(at as isize * stride);
                }
            }
        }
    }
}

/// For which k from 0 to `count` (exclusive), as a half-open range, 0 <= at + k*stride < length.
#[inline(always)]
fn inside(at: i64, stride: i64, length: i64, count: i64) -> (i64, i64) {
    match stride {
        0 if (0..length).contains(&at) => (0, count),
        0 => (0, 0),
        1 => (-at, length - at),
        // Quotients are rounded up at the low end and down at the high one.
        2.. => (
            (-at).div_euclid(stride) + i64::from((-at).rem_euclid(stride) != 0),
            (length - 1 - at).div_euclid(stride) + 1,
        ),
        _ => {
            let back = -stride;
            let low = at - (length - 1);
            (low.div_euclid(back) + i64::from(low.rem_euclid(back) != 0), at.div_euclid(back) + 1)
        }
    }
}

/// The values of an index.
#[inline(always)]
fn number<L: Lanes>(lanes: L, operand: &Operand, first: isize, to: *mut L::Scalar, shape: Shape, has_rows: bool)
where
    L::Scalar: Precision,
{
    let depth = operand.strides.len();
    let inner = operand.strides[depth - 1];
    let row_stride = if has_rows { operand.strides[depth - 2] } else { 0 };
    // SAFETY: the target is a register's block.
    unsafe {
        if operand.mode == Mode::Uniform {
            lanes.store_to(to, lanes.constant(first as f64));
            return;
        }
        for row in 0..shape.rows {
            let start = first + row as isize * row_stride;
            for at in 0..shape.run {
                let value = L::Scalar::from_double((start + at as isize * inner) as f64);
                *to.add(row * shape.run + at) = value;
            }
        }
    }
}

/// Writes a block to strided memory.
#[inline(always)]
fn unpack<T: Copy>(values: *const T, to: *mut T, shape: Shape, row_stride: isize, inner: isize) {
    for row in 0..shape.rows {
        let target = to.wrapping_offset(row as isize * row_stride);
        // SAFETY: a sink's strides lead to elements of its array.
        unsafe {
            let source = values.add(row * shape.run);
            if inner == 1 {
                std::ptr::copy_nonoverlapping(source, target, shape.run);
            } else {
                for at in 0..shape.run {
                    *target.offset(at as isize * inner) = *source.add(at);
                }
            }
        }
    }
}

/// The position as a whole number, where it is one and less than `length`.
#[inline(always)]
fn whole<T: Precision>(position: T, length: usize) -> Option<usize> {
    let value = position.to_double();
    (value >= 0.0 && value < length as f64 && value == value.floor()).then_some(value as usize)
}

fn gather_block<T: Precision>(
    gather: &Gather,
    base: *const T,
    to: *mut T,
    registers: &[*mut T],
    position: &[usize],
    shape: Shape,
    has_rows: bool,
) {
    let depth = gather.strides.len();
    let fixed: isize = gather.strides.iter().zip(position).map(|(s, p)| s * *p as isize).sum();
    let base_offset = gather.offset + fixed;
    for row in 0..shape.rows {
        for at in 0..shape.run {
            let place = row * shape.run + at;
            let mut offset = base_offset + gather.strides[depth - 1] * at as isize;
            if has_rows {
                offset += gather.strides[depth - 2] * row as isize;
            }
            let mut is_inside = gather.bounds.iter().all(|b| {
                let mut index = b.first + b.strides.iter().zip(position).map(|(s, p)| s * *p as i64).sum::<i64>();
                index += b.strides[depth - 1] * at as i64;
                if has_rows {
                    index += b.strides[depth - 2] * row as i64;
                }
                (0..b.length).contains(&index)
            });
            for (register, length, stride) in &gather.places {
                // SAFETY: a register has as many elements as a block, or one where its step is 0.
                let value = unsafe { *registers[register.number as usize].add(place * register.step as usize) };
                match whole(value, *length) {
                    Some(index) => offset += index as isize * stride,
                    None => is_inside = false,
                }
            }
            // SAFETY: every position was found to be within its axis.
            unsafe { *to.add(place) = if is_inside { *base.offset(offset) } else { T::nan() } };
        }
    }
}

fn scatter_block<T: Precision>(
    places: &[(crate::compile::program::Register, usize, isize)],
    values: *const T,
    to: *mut T,
    registers: &[*mut T],
    shape: Shape,
    row_stride: isize,
    inner: isize,
) {
    for row in 0..shape.rows {
        for at in 0..shape.run {
            let place = row * shape.run + at;
            let mut offset = row_stride * row as isize + inner * at as isize;
            let is_inside = places.iter().all(|(register, length, stride)| {
                // SAFETY: a register has as many elements as a block, or one where its step is 0.
                let value = unsafe { *registers[register.number as usize].add(place * register.step as usize) };
                whole(value, *length).is_some_and(|index| {
                    offset += index as isize * stride;
                    true
                })
            });
            if is_inside {
                // SAFETY: every position was found to be within its axis.
                unsafe {
                    let element = to.offset(offset);
                    *element = *element + *values.add(place);
                }
            }
        }
    }
}

/// Gives sums and extremes that are computed in this pass their first value.
fn begin_sinks<T: Precision>(kernel: &Kernel, bases: &Bases<T>, tile: usize, count: usize) {
    for sink in &kernel.sinks {
        let (volume, first) = match &sink.kind {
            SinkKind::Fold(fold, volume) => (*volume, fold::first(*fold)),
            SinkKind::Scatter(_) => (sink.volume, T::zero()),
            SinkKind::Store { .. } => continue,
        };
        let length = match sink.memory {
            Memory::Tile(_) => volume * count,
            Memory::Shared(_) => volume,
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

/// Adds to sums what rounding lost.
#[inline(always)]
fn end_sinks<L: Lanes>(
    lanes: L,
    kernel: &Kernel,
    bases: &Bases<L::Scalar>,
    workspace: &mut Workspace<L::Scalar>,
    tile: usize,
    count: usize,
) where
    L::Scalar: Precision,
{
    for (at, sink) in kernel.sinks.iter().enumerate() {
        let SinkKind::Fold(fold, volume) = sink.kind else { continue };
        workspace.running[at].flush(lanes);
        let length = match sink.memory {
            Memory::Tile(_) => volume * count,
            Memory::Shared(_) => volume,
            _ => continue,
        };
        if let Fold::Sum(_) = fold {
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
}
