//! A block: what it reads, its tape, and what becomes of the results.

use super::transfer::{gather_block, number, pack, scatter_block, unpack};
use super::workspace::{Workspace, address};
use super::{Bases, fold, tape};
use crate::compile::program::{Content, Gather, Kernel, Memory, Mode, SinkKind};
use crate::vector::{Lanes, Precision};

/// How a block lies in its kernel.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Elements.
    pub length: usize,
    /// Rows, and elements of each.
    pub rows: usize,
    pub run: usize,
}

impl Shape {
    /// So many rows of so many elements.
    pub fn new(rows: usize, run: usize) -> Self {
        Shape { length: rows * run, rows, run }
    }
}

/// Reads operands, runs the tape, and brings the results where they belong.
#[inline(always)]
pub(super) fn block<L: Lanes>(
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
    let is_whole = shape.length.is_multiple_of(L::WIDTH);
    let padded = shape.length.next_multiple_of(L::WIDTH);
    operands(lanes, kernel, workspace, shape, (row, from), &[]);
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
                workspace.registers[register] = base.wrapping_offset(
                    workspace.offsets[operand_count + at] + within(kernel, &sink.strides, (row, from)),
                );
                written_directly |= 1 << at;
            }
        }
    }
    // Sums of whole blocks are added by the tape.
    if is_whole {
        for (at, sink) in kernel.sinks.iter().enumerate() {
            if sink.is_fused {
                let offset =
                    workspace.offsets[operand_count + at] + within(kernel, &sink.strides, (row, from));
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
        let values = workspace.registers[register];
        sink_block(lanes, kernel, workspace, at, values, shape, (row, from));
    }
    for (at, sink) in kernel.sinks.iter().enumerate().take(64) {
        if written_directly >> at & 1 == 1 {
            let register = sink.register.number as usize;
            workspace.registers[register] = workspace.own(register);
        }
    }
}

/// Gets the operands of a block ready, but for those that are read where they are.
#[inline(always)]
pub(super) fn operands<L: Lanes>(
    lanes: L,
    kernel: &Kernel,
    workspace: &mut Workspace<L::Scalar>,
    shape: Shape,
    (row, from): (usize, usize),
    directly: &[bool],
) where
    L::Scalar: Precision,
{
    let depth = kernel.loops.len();
    let is_whole = shape.length.is_multiple_of(L::WIDTH);
    let padded = shape.length.next_multiple_of(L::WIDTH);
    for at in &kernel.moving {
        let at = *at as usize;
        if directly.get(at) == Some(&true) {
            continue;
        }
        let operand = &kernel.operands[at];
        let own = workspace.own(at);
        match &operand.content {
            Content::Constant(_) => {}
            Content::Memory(memory, _, bounds) => {
                let from = workspace.starts[at]
                    .wrapping_offset(workspace.offsets[at] + within(kernel, &operand.strides, (row, from)));
                let array = &workspace.arrays[at];
                let fits = match (operand.mode, memory) {
                    (Mode::Stream, Memory::Input(..)) => {
                        is_whole || from.wrapping_add(padded).cast_const() <= array.end
                    }
                    (Mode::Stream, _) => true,
                    (Mode::Guarded, _) => {
                        from.cast_const() >= array.start
                            && from.wrapping_add(padded).cast_const() <= array.end
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
            Content::Index(..) => {
                let first = workspace.offsets[at] + within(kernel, &operand.strides, (row, from));
                let wanted = Some((first, shape.rows, shape.run));
                if workspace.numbered[at] != wanted {
                    number(lanes, operand, first, own, shape, kernel.has_rows);
                    workspace.numbered[at] = wanted;
                }
            }
        }
    }
}

/// How far into memory a block is, beyond where its kernel's outer loops are.
#[inline(always)]
pub(super) fn within(kernel: &Kernel, strides: &[isize], (row, from): (usize, usize)) -> isize {
    let depth = strides.len();
    let rows = if kernel.has_rows { strides[depth - 2] * row as isize } else { 0 };
    rows + strides[depth - 1] * from as isize
}

/// Brings the values of a block where a sink wants them.
#[inline(always)]
pub(super) fn sink_block<L: Lanes>(
    lanes: L,
    kernel: &Kernel,
    workspace: &mut Workspace<L::Scalar>,
    at: usize,
    mut values: *mut L::Scalar,
    shape: Shape,
    (row, from): (usize, usize),
) where
    L::Scalar: Precision,
{
    let (sink, depth) = (&kernel.sinks[at], kernel.loops.len());
    let register = sink.register.number as usize;
    let operand_count = kernel.operands.len();
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
    let offset = workspace.offsets[operand_count + at] + within(kernel, &sink.strides, (row, from));
    let to = base.wrapping_offset(offset);
    let inner = sink.strides[depth - 1];
    let rows = if kernel.has_rows { sink.strides[depth - 2] } else { 0 };
    match &sink.kind {
        SinkKind::Store { .. } => unpack(lanes, values, to, shape, rows, inner),
        SinkKind::Fold(fold, _) => {
            let lost = workspace.losts[at].wrapping_offset(offset - sink.offset);
            fold::block(lanes, *fold, values, shape, (to, lost), (rows, inner), &mut workspace.running[at]);
        }
        SinkKind::Scatter(places) => {
            scatter_block(places, values, to, &workspace.registers, shape, rows, inner);
        }
    }
}
