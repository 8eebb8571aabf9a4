//! Kernels that run as machine code.

use super::Bases;
use super::block::{Shape, operands, sink_block, within};
use super::fold;
use super::transfer::gather_block;
use super::workspace::{Workspace, address};
use crate::compile::Program;
use crate::compile::program::{Kernel, Mode, SinkKind};
use crate::compile::value::Fold;
use crate::native::{ACCUMULATORS, Arguments, Native, PORTS, Port, Source, Use, gather_of};
use crate::real::Real;
use crate::vector::{Lanes, Precision};
use num_traits::Float;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// Bytes of a vector of an accumulator.
const VECTOR: usize = 64;

/// What code is called with, and the vectors of its accumulators.
#[repr(C, align(64))]
pub(super) struct Call {
    state: [[u8; VECTOR]; ACCUMULATORS],
    arguments: Arguments,
}

impl Call {
    pub fn new() -> Self {
        let port = Port { start: std::ptr::null_mut(), stride: 0 };
        let arguments = Arguments {
            rows: 0,
            run: 0,
            row: 0,
            at: 0,
            state: std::ptr::null_mut(),
            flush_mask: 0,
            ports: [port; PORTS],
        };
        Call { state: [[0; VECTOR]; ACCUMULATORS], arguments }
    }

    /// The lanes of an accumulator.
    fn lanes<T: Precision>(&mut self, accumulator: usize) -> &mut [T] {
        let state = self.state[accumulator].as_mut_ptr().cast::<T>();
        // SAFETY: any bits are floats, and a vector of the state is aligned for them.
        unsafe { std::slice::from_raw_parts_mut(state, VECTOR / size_of::<T>()) }
    }
}

/// Runs code on a block, and what it leaves to others before and after.
#[inline(always)]
pub(super) fn block<L: Lanes>(
    lanes: L,
    (kernel, native): (&Kernel, &Native),
    program: &Program,
    (bases, workspace): (&Bases<L::Scalar>, &mut Workspace<L::Scalar>),
    (start, shape): (usize, Shape),
    at: (usize, usize),
) where
    L::Scalar: Precision,
{
    let layout = &native.layout;
    operands(lanes, kernel, workspace, shape, at, &layout.directly);
    for (step, register) in &layout.gathers {
        let Some(gather) = gather_of(&kernel.tape[*step]) else { continue };
        let to = workspace.own((*register).into());
        let from = address(bases, gather.memory, start, program.tile);
        let position = &workspace.position[..kernel.loops.len()];
        gather_block(gather, from, to, &workspace.registers, position, shape, kernel.has_rows);
    }
    run(lanes, (kernel, native), program, (bases, workspace), shape, at, false);
    for (number, output) in layout.outputs.iter().enumerate() {
        if let Some(register) = output {
            let values = workspace.own((*register).into());
            sink_block(lanes, kernel, workspace, number, values, shape, at);
        }
    }
}

/// Of the rows, those for which all operands that may be outside their arrays are within: from one on, to another.
pub(super) fn rows_within<T: Precision>(
    (kernel, native): (&Kernel, &Native),
    workspace: &Workspace<T>,
    (first, last): (usize, usize),
    (from, run): (usize, usize),
) -> (usize, usize) {
    let (mut low, mut high) = (first as isize, last as isize);
    for source in &native.layout.ports {
        let Source::Guarded(at) = *source else { continue };
        let (at, operand) = (usize::from(at), &kernel.operands[usize::from(at)]);
        let Range { start: begin, end } = workspace.arrays[at].clone();
        let start = workspace.starts[at]
            .wrapping_offset(workspace.offsets[at] + within(kernel, &operand.strides, (0, from)));
        let elements = |bytes: usize, of: usize| (bytes as isize - of as isize) / size_of::<T>() as isize;
        let (before, behind) = (elements(begin.addr(), start.addr()), elements(end.addr(), start.addr()));
        if !kernel.has_rows {
            // One row.
            low = if before <= 0 && behind >= run as isize { low } else { high };
            continue;
        }
        // Rows follow each other, so the stride from row to row is not 0.
        let stride = native.layout.row_stride(kernel, &operand.strides);
        low = low.max(before.div_euclid(stride) + isize::from(before.rem_euclid(stride) != 0));
        high = high.min((behind - run as isize).div_euclid(stride) + 1);
    }
    let low = (low as usize).min(last);
    (low, (high.max(0) as usize).max(low))
}

/// Runs code on rows, from a row and a place in it on. Operands that may be outside their arrays are read where they
/// are if `is_within`, else in their blocks.
#[inline(always)]
pub(super) fn run<L: Lanes>(
    lanes: L,
    (kernel, native): (&Kernel, &Native),
    program: &Program,
    (bases, workspace): (&Bases<L::Scalar>, &mut Workspace<L::Scalar>),
    shape: Shape,
    (row, from): (usize, usize),
    is_within: bool,
) where
    L::Scalar: Precision,
{
    let layout = &native.layout;
    let bytes = size_of::<L::Scalar>() as i64;
    let beyond = |strides: &[isize]| {
        layout.row_stride(kernel, strides) * row as isize
            + strides.last().copied().unwrap_or(0) * from as isize
    };
    for (number, source) in layout.ports.iter().enumerate() {
        let (start, stride) = match *source {
            Source::Guarded(at) if !is_within => (workspace.registers[at as usize], shape.run as i64),
            Source::Direct(at) | Source::Guarded(at) => {
                let strides = &kernel.operands[at as usize].strides;
                let offset = workspace.offsets[at as usize] + beyond(strides);
                (
                    workspace.starts[at as usize].wrapping_offset(offset),
                    layout.row_stride(kernel, strides) as i64,
                )
            }
            Source::Block(at) => {
                let is_one = kernel.operands[at as usize].mode == Mode::Uniform;
                (workspace.registers[at as usize], if is_one { 0 } else { shape.run as i64 })
            }
            Source::Register(register) => (workspace.own(register.into()), shape.run as i64),
            Source::Sink(at) | Source::Lost(at) => {
                let (place, stride) = place_of(kernel, native, workspace, at.into(), beyond);
                (if matches!(source, Source::Sink(_)) { place.0 } else { place.1 }, stride as i64)
            }
        };
        workspace.arguments.arguments.ports[number] = Port { start: start.cast(), stride: stride * bytes };
    }
    for (number, used) in layout.accumulators.iter().enumerate() {
        let first = match *used {
            Use::Total(sink) | Use::Lost(sink) => {
                let (place, _) = place_of(kernel, native, workspace, sink.into(), beyond);
                let running = &mut workspace.running[usize::from(sink)];
                running.open(lanes, place);
                let vector = &running.vectors[usize::from(matches!(used, Use::Lost(_)))];
                let state = workspace.arguments.lanes::<L::Scalar>(number);
                let count = state.len().min(vector.len());
                state[..count].copy_from_slice(&vector[..count]);
                continue;
            }
            Use::Extreme(sink) => fold_of(kernel, sink).map_or(L::Scalar::default(), fold::neutral),
            Use::Row(value) => L::Scalar::from_double(value),
            Use::Broken(_) | Use::Finite | Use::RowTotal | Use::Partial => L::Scalar::default(),
        };
        workspace.arguments.lanes::<L::Scalar>(number).fill(first);
    }
    let call = &mut workspace.arguments;
    let state = call.state.as_mut_ptr().cast();
    let arguments = &mut call.arguments;
    (arguments.rows, arguments.run) = (shape.rows as u64, (shape.run as i64 * bytes) as u64);
    (arguments.row, arguments.at, arguments.state) = (0, 0, state);
    arguments.set_flush_mask();
    // SAFETY: the arguments are those of the layout.
    let is_done = unsafe { native.run::<L::Scalar>(kernel, &program.constants, arguments) };
    debug_assert!(is_done, "code that assumes nothing does all rows");
    for (number, used) in layout.accumulators.iter().enumerate() {
        match *used {
            Use::Total(sink) | Use::Lost(sink) => {
                let state = workspace.arguments.lanes::<L::Scalar>(number);
                let vector = &mut workspace.running[usize::from(sink)].vectors
                    [usize::from(matches!(used, Use::Lost(_)))];
                vector[..state.len()].copy_from_slice(state);
            }
            Use::Extreme(sink) => {
                let (place, _) = place_of(kernel, native, workspace, sink.into(), beyond);
                let Some(fold) = fold_of(kernel, sink) else { continue };
                for value in workspace.arguments.lanes::<L::Scalar>(number)[..L::WIDTH].iter() {
                    // SAFETY: the place is the sink's.
                    unsafe { *place.0 = fold::join(fold, *place.0, *value) };
                }
            }
            Use::Broken(sink) => {
                let (place, _) = place_of(kernel, native, workspace, sink.into(), beyond);
                if workspace.arguments.lanes::<L::Scalar>(number)[..L::WIDTH].iter().any(|v| v.is_nan()) {
                    // SAFETY: as above.
                    unsafe { *place.0 = L::Scalar::nan() };
                }
            }
            Use::Finite => {
                if workspace.arguments.lanes::<L::Scalar>(number)[..L::WIDTH].iter().any(|v| v.is_nan()) {
                    bases.is_finite.store(false, Ordering::Relaxed);
                }
            }
            Use::Row(_) | Use::RowTotal | Use::Partial => {}
        }
    }
}

/// Where a sink's elements and what rounding lost of them are, and how far it is from row to row.
#[inline(always)]
fn place_of<T: Precision>(
    kernel: &Kernel,
    native: &Native,
    workspace: &Workspace<T>,
    at: usize,
    beyond: impl Fn(&[isize]) -> isize,
) -> ((*mut T, *mut T), isize) {
    let sink = &kernel.sinks[at];
    let number = kernel.operands.len() + at;
    let offset = workspace.offsets[number] + beyond(&sink.strides);
    let place = (
        workspace.starts[number].wrapping_offset(offset),
        workspace.losts[at].wrapping_offset(offset - sink.offset),
    );
    (place, native.layout.row_stride(kernel, &sink.strides))
}

fn fold_of(kernel: &Kernel, sink: u16) -> Option<Fold> {
    match kernel.sinks[usize::from(sink)].kind {
        SinkKind::Fold(fold, _) => Some(fold),
        _ => None,
    }
}
