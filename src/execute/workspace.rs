//! What a thread needs to run kernels, and where memory is.

use super::Bases;
use super::buffer::Buffer;
use super::fold::Running;
use super::generated::Call;
use super::kernel::LOOPS;
use crate::compile::Program;
use crate::compile::program::{Memory, Sink};
use crate::native::Natives;
use crate::vector::Precision;
use std::ops::Range;

/// Elements beyond a block before the next register's begins: they do not share cache lines' places.
const GAP: usize = 48;

/// What a thread needs to run kernels: allocated once.
pub(crate) struct Workspace<T> {
    pub(super) constants: Vec<T>,
    /// A block for each register.
    pub(super) blocks: Buffer<T>,
    /// Elements from one register's block to the next.
    pub(super) register: usize,
    /// Where each register's elements are.
    pub(super) registers: Vec<*mut T>,
    /// How far into memory each operand, then each sink, then each gather is.
    pub(super) offsets: Vec<isize>,
    /// Where the memory of each operand, then of each sink begins.
    pub(super) starts: Vec<*mut T>,
    /// The array that each operand is read from: what is outside of it is not read.
    pub(super) arrays: Vec<Range<*const T>>,
    /// The first value, rows and length of the index values that an operand's block holds.
    pub(super) numbered: Vec<Option<(isize, usize, usize)>>,
    /// Where what rounding lost of each sink begins.
    pub(super) losts: Vec<*mut T>,
    /// Sums under way, one a sink.
    pub(super) running: Vec<Running<T>>,
    pub(super) position: Vec<usize>,
    /// What generated code is called with.
    pub(super) arguments: Call,
}

// SAFETY: the pointers lead into the blocks of the same workspace, or are set anew for every block.
unsafe impl<T: Send> Send for Workspace<T> {}

impl<T: Precision> Workspace<T> {
    pub fn new(program: &Program, natives: &Natives, constants: &[T]) -> Self {
        let kernels = || program.kernels();
        let extra = natives.all().map(|native| native.layout.extra);
        let registers = kernels().map(|k| k.operands.len() + k.slots).chain(extra).max().unwrap_or(0);
        let offsets = kernels().map(|k| k.operands.len() + k.sinks.len()).max().unwrap_or(0);
        let sinks = kernels().map(|k| k.sinks.len()).max().unwrap_or(0);
        let register = kernels().map(|k| k.block).max().unwrap_or(0) + GAP;
        Workspace {
            register,
            constants: constants.to_vec(),
            blocks: Buffer::scratch(registers * register + GAP),
            registers: vec![std::ptr::null_mut(); registers],
            offsets: vec![0; offsets],
            starts: vec![std::ptr::null_mut(); offsets],
            arrays: vec![std::ptr::null()..std::ptr::null(); offsets],
            numbered: vec![None; registers],
            losts: vec![std::ptr::null_mut(); sinks],
            running: (0..sinks).map(|_| Running::new()).collect(),
            position: vec![0; LOOPS],
            arguments: Call::new(),
        }
    }
}

impl<T> Workspace<T> {
    /// Where the block of a register begins.
    #[inline(always)]
    pub(super) fn own(&mut self, register: usize) -> *mut T {
        let at = register * self.register;
        self.blocks[at..].as_mut_ptr()
    }
}

/// Where the elements of `memory` for the batch elements from `start` on are.
pub(super) fn address<T>(bases: &Bases<T>, memory: Memory, start: usize, tile: usize) -> *mut T {
    // SAFETY: the offsets lie within the arrays that the program was compiled for.
    unsafe {
        match memory {
            Memory::Input(input, size) => bases.inputs[input as usize].start.add(size * start).cast_mut(),
            Memory::Shared(at, size) => bases.shared.add(at + size * start),
            Memory::Tile(at) => bases.tile.add(at * tile),
            Memory::Result(result, size) => bases.results[result].add(size * start),
            Memory::Total(at) => bases.totals.add(at),
        }
    }
}

/// Where what rounding lost of a sum is.
pub(super) fn lost_address<T>(bases: &Bases<T>, sink: &Sink, lost: usize, tile: usize) -> *mut T {
    let memory = match sink.memory {
        Memory::Tile(at) => Memory::Tile(at + lost),
        Memory::Shared(at, size) => Memory::Shared(at + lost, size),
        Memory::Total(at) => Memory::Total(at + lost),
        other => other,
    };
    address(bases, memory, 0, tile)
}
