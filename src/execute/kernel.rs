//! One pass over its space: loops, blocks, and what they read and write.

use super::fold::{self, Running};
use super::transfer::{gather_block, number, pack, scatter_block, unpack};
use super::{Bases, tape};
use crate::compile::Program;
use crate::compile::program::{Content, Gather, Kernel, Memory, Mode, Sink, SinkKind};
use crate::compile::value::Fold;
use crate::vector::{Lanes, Precision};

/// Elements beyond a block before the next register's begins: they do not share cache lines' places.
const GAP: usize = 48;

/// Bytes that registers are aligned to: vectors then lie in one cache line.
const ALIGNMENT: usize = 64;

/// The most loops of a kernel.
pub(super) const LOOPS: usize = 64;

/// What a thread needs to run kernels: allocated once.
pub(crate) struct Workspace<T> {
    constants: Vec<T>,
    /// A block for each register, behind `first` elements.
    blocks: Vec<T>,
    first: usize,
    /// Elements from one register's block to the next.
    register: usize,
    /// Where each register's elements are.
    pub(super) registers: Vec<*mut T>,
    /// How far into memory each operand, then each sink, then each gather is.
    offsets: Vec<isize>,
    /// Where the memory of each operand, then of each sink begins.
    starts: Vec<*mut T>,
    /// The first value, rows and length of the index values that an operand's block holds.
    numbered: Vec<Option<(isize, usize, usize)>>,
    /// Where what rounding lost of each sink begins.
    losts: Vec<*mut T>,
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
        let register = kernels().map(|k| k.block).max().unwrap_or(0) + GAP;
        let blocks = vec![T::zero(); registers * register + ALIGNMENT];
        let first = blocks.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Workspace {
            first,
            register,
            constants: constants.to_vec(),
            blocks,
            registers: vec![std::ptr::null_mut(); registers],
            offsets: vec![0; offsets],
            starts: vec![std::ptr::null_mut(); offsets],
            numbered: vec![None; registers],
            losts: vec![std::ptr::null_mut(); sinks],
            running: (0..sinks).map(|_| Running::new()).collect(),
            position: vec![0; LOOPS],
        }
    }
}

impl<T> Workspace<T> {
    /// Where the block of a register begins.
    #[inline(always)]
    fn own(&mut self, register: usize) -> *mut T {
        let at = self.first + register * self.register;
        self.blocks[at..].as_mut_ptr()
    }
}

/// Where the elements of `memory` for the batch elements from `start` on are.
pub(super) fn address<T>(bases: &Bases<T>, memory: Memory, start: usize, tile: usize) -> *mut T {
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

/// A part of a kernel's outermost loop, and sums of its own.
pub(super) struct Part<T> {
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
    kernel: &Kernel,
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
        begin_sinks(kernel, bases, tile, count);
    }
    let mut lengths = lengths(kernel, count);
    let depth = kernel.loops.len();
    if !lengths[..depth].contains(&0) {
        let (from, to) = part.map_or((0, lengths[0]), |part| (part.from, part.to));
        start_registers(lanes, kernel, bases, workspace, (start, tile), part);
        let blocked = if kernel.has_rows { 2 } else { 1 };
        let outer = depth - blocked;
        let (rows, runs) = match (kernel.has_rows, outer) {
            (true, 0) => ((from, to), (0, lengths[1])),
            (false, 0) => ((0, 1), (from, to)),
            (true, _) => ((0, lengths[depth - 2]), (0, lengths[depth - 1])),
            (false, _) => ((0, 1), (0, lengths[depth - 1])),
        };
        let rows_most = if kernel.has_rows { (kernel.block / runs.1).max(1) } else { 1 };
        workspace.position[..depth].fill(0);
        if outer > 0 {
            workspace.position[0] = from;
            lengths[0] = to;
            let strides =
                kernel.operands.iter().map(|o| &o.strides).chain(kernel.sinks.iter().map(|s| &s.strides));
            for (offset, strides) in workspace.offsets.iter_mut().zip(strides) {
                *offset += strides[0] * from as isize;
            }
        }
        loop {
            let mut row = rows.0;
            while row < rows.1 {
                let height = rows_most.min(rows.1 - row);
                let mut at = runs.0;
                while at < runs.1 {
                    let run = kernel.block.min(runs.1 - at);
                    workspace.position[depth - 1] = at;
                    if kernel.has_rows {
                        workspace.position[depth - 2] = row;
                    }
                    let shape = Shape { length: height * run, rows: height, run };
                    block(lanes, kernel, bases, workspace, (start, tile), shape, (row, at));
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
        end_sinks(kernel, bases, tile, count);
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
    part: Option<&Part<L::Scalar>>,
) where
    L::Scalar: Precision,
{
    let operand_count = kernel.operands.len();
    for (at, operand) in kernel.operands.iter().enumerate() {
        workspace.offsets[at] = match operand.content {
            Content::Memory(_, offset, _) => offset,
            _ => 0,
        };
        workspace.numbered[at] = None;
        let own = workspace.first + at * workspace.register;
        workspace.registers[at] = workspace.blocks[own..].as_mut_ptr();
        match operand.content {
            Content::Constant(constant) => {
                let value = workspace.constants[constant];
                workspace.blocks[own..own + L::WIDTH].fill(value);
            }
            Content::Memory(memory, ..) => workspace.starts[at] = address(bases, memory, start, tile),
            Content::Index(_) => {}
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
    for at in &kernel.moving {
        let at = *at as usize;
        let operand = &kernel.operands[at];
        let own = workspace.own(at);
        match &operand.content {
            Content::Constant(_) => {}
            Content::Memory(memory, _, bounds) => {
                let from =
                    workspace.starts[at].wrapping_offset(workspace.offsets[at] + within(&operand.strides));
                let fits = match (operand.mode, memory) {
                    (Mode::Stream, Memory::Input(input, _)) => {
                        is_whole || from.wrapping_add(padded).cast_const() <= bases.inputs[*input as usize].1
                    }
                    (Mode::Stream, _) => true,
                    (Mode::Guarded, Memory::Input(input, _)) => {
                        let (first, last) = bases.inputs[*input as usize];
                        from.cast_const() >= first && from.wrapping_add(padded).cast_const() <= last
                    }
                    _ => false,
                };
                if fits {
                    workspace.registers[at] = from;
                } else if operand.mode == Mode::Stream {
                    // SAFETY: the block is within the input, and as long as a register at the most.
                    unsafe { std::ptr::copy_nonoverlapping(from, own, shape.length) };
                    workspace.registers[at] = own;
                } else {
                    let position = &workspace.position[..depth];
                    pack(lanes, operand, from, bounds, own, shape, position, kernel.has_rows);
                    workspace.registers[at] = own;
                }
            }
            Content::Index(low) => {
                let first = *low as isize + workspace.offsets[at] + within(&operand.strides);
                let wanted = Some((first, shape.rows, shape.run));
                if workspace.numbered[at] != wanted {
                    number(lanes, operand, first, own, shape, kernel.has_rows);
                    workspace.numbered[at] = wanted;
                }
            }
        }
    }
    let operand_count = kernel.operands.len();
    let mut written_directly = 0_u64;
    if is_whole {
        for (at, sink) in kernel.sinks.iter().enumerate() {
            let register = sink.register.number as usize;
            if let SinkKind::Store { direct: true } = sink.kind
                && register >= operand_count
                && at < 64
                && workspace.registers[register] == workspace.own(register)
            {
                let base = workspace.starts[operand_count + at];
                workspace.registers[register] =
                    base.wrapping_offset(workspace.offsets[operand_count + at] + within(&sink.strides));
                written_directly |= 1 << at;
            }
        }
    }
    // Sums of whole blocks are added by the tape.
    if is_whole {
        for (at, sink) in kernel.sinks.iter().enumerate() {
            if sink.is_fused {
                let offset = workspace.offsets[operand_count + at] + within(&sink.strides);
                let to = workspace.starts[operand_count + at].wrapping_offset(offset);
                let lost = workspace.losts[at].wrapping_offset(offset - sink.offset);
                workspace.running[at].open(lanes, (to, lost));
            }
        }
    }
    let gather = |gather: &Gather, to: *mut L::Scalar, registers: &[*mut L::Scalar], position: &[usize]| {
        gather_block(
            gather,
            address(bases, gather.memory, start, tile),
            to,
            registers,
            position,
            shape,
            kernel.has_rows,
        );
    };
    let (registers, position) = (&workspace.registers, &workspace.position[..depth]);
    let running = if is_whole { workspace.running.as_mut_slice() } else { &mut [] };
    tape::run(lanes, kernel, registers, running, padded / L::WIDTH, |g, to| {
        gather(g, to, registers, position)
    });
    for (at, sink) in kernel.sinks.iter().enumerate() {
        let register = sink.register.number as usize;
        if at < 64 && written_directly >> at & 1 == 1 || is_whole && sink.is_fused {
            continue;
        }
        let mut values = workspace.registers[register];
        if sink.register.step == 0 {
            // One value stands for all: written out.
            let own = workspace.own(register);
            // SAFETY: a register has as many elements as a block.
            unsafe {
                let value = *values;
                std::slice::from_raw_parts_mut(own, shape.length).fill(value);
            }
            values = own;
        }
        let base = workspace.starts[operand_count + at];
        let offset = workspace.offsets[operand_count + at] + within(&sink.strides);
        let to = base.wrapping_offset(offset);
        let inner = sink.strides[depth - 1];
        let rows = if kernel.has_rows { sink.strides[depth - 2] } else { 0 };
        match &sink.kind {
            SinkKind::Store { .. } => unpack(values, to, shape, rows, inner),
            SinkKind::Fold(fold, _) => {
                let lost = workspace.losts[at].wrapping_offset(offset - sink.offset);
                fold::block(
                    lanes,
                    *fold,
                    values,
                    shape,
                    (to, lost),
                    (rows, inner),
                    &mut workspace.running[at],
                );
            }
            SinkKind::Scatter(places) => {
                scatter_block(places, values, to, &workspace.registers, shape, rows, inner);
            }
        }
    }
    for (at, sink) in kernel.sinks.iter().enumerate().take(64) {
        if written_directly >> at & 1 == 1 {
            let register = sink.register.number as usize;
            workspace.registers[register] = workspace.own(register);
        }
    }
}

/// Gives sums and extremes that are computed in this pass their first value.
pub(super) fn begin_sinks<T: Precision>(kernel: &Kernel, bases: &Bases<T>, tile: usize, count: usize) {
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
pub(super) fn end_sinks<T: Precision>(kernel: &Kernel, bases: &Bases<T>, tile: usize, count: usize) {
    for sink in &kernel.sinks {
        let SinkKind::Fold(Fold::Sum(_), volume) = sink.kind else { continue };
        let length = match sink.memory {
            Memory::Tile(_) => volume * count,
            Memory::Shared(_) => volume,
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
