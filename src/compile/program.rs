//! Programs: what is executed.

use super::value::{Fold, Unary};
use crate::function::Function;

/// A compiled loss: kernels in the order in which they run.
#[derive(Debug)]
pub(crate) struct Program {
    /// How many batch elements there are.
    pub batch: usize,
    /// What does not depend on the batch, done once.
    pub shared: Vec<Kernel>,
    /// What is done for each tile of the batch.
    pub each: Vec<Kernel>,
    /// What depends on sums over the batch, done once.
    pub after: Vec<Kernel>,
    pub results: Vec<Output>,
    pub totals: Vec<Total>,
    /// Elements of stored values that do not depend on the batch.
    pub shared_length: usize,
    /// Elements of stored values for one batch element.
    pub tile_length: usize,
    /// Elements of sums over the batch.
    pub total_length: usize,
    /// How many batch elements a tile has.
    pub tile: usize,
    /// Whether threads share out each kernel and not the batch, which is short.
    pub is_split: bool,
    /// How many batch elements a chunk has; chunks are what threads share out.
    pub chunk: usize,
    /// Constants, as doubles.
    pub constants: Vec<f64>,
}

impl Program {
    /// All kernels, in the order in which they run.
    pub fn kernels(&self) -> impl Iterator<Item = &Kernel> {
        self.shared.iter().chain(&self.each).chain(&self.after)
    }

    /// Elements of what is stored between passes, and of the blocks of each thread.
    pub fn elements(&self, threads: usize) -> usize {
        let blocks =
            self.kernels().map(|k| (k.operands.len() + k.slots).saturating_mul(k.block)).max().unwrap_or(0);
        let tile = self.tile_length.saturating_mul(self.tile);
        let own = tile.saturating_add(blocks).saturating_add(self.total_length);
        self.shared_length.saturating_add(own.saturating_mul(threads))
    }
}

/// A sum over the batch: where it begins, where what rounding lost does, and how many elements it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Total {
    pub start: usize,
    pub lost: usize,
    pub length: usize,
}

/// One result.
#[derive(Debug)]
pub(crate) struct Output {
    /// Its elements, without the batch.
    pub length: usize,
    pub kind: OutputKind,
    /// By what a sum over the batch is divided.
    pub divisor: f64,
}

/// How a result comes about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OutputKind {
    /// The elements of each batch element.
    Each,
    /// It does not vary with the batch.
    Once,
    /// Sums over the batch.
    Total(Vec<TotalPart>),
}

/// A part of a result that is sums over the batch: where it begins among the sums and in the result, and for each loop
/// its length and how far it is from one turn to the next in both; the innermost is the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TotalPart {
    pub start: usize,
    pub first: usize,
    pub loops: Vec<(usize, usize, usize)>,
}

/// Memory that kernels read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Memory {
    /// A variable, and how far it is from one batch element to the next; 0 where the batch shares it.
    Input(u32, usize),
    /// Computed once, from there on, and how far it is from one batch element to the next, as of an input.
    Shared(usize, usize),
    /// Computed for each tile, from there on times the batch elements of a tile.
    Tile(usize),
    /// A result, and how far it is from one batch element to the next; 0 where the batch shares it.
    Result(usize, usize),
    /// A sum over the batch.
    Total(usize),
}

/// A loop of a kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loop {
    /// Its length, for one batch element where it runs over the batch as well.
    pub length: usize,
    pub times_batch: bool,
}

/// One pass over a space.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// Outermost first.
    pub loops: Vec<Loop>,
    /// Whether a block has rows: the innermost loop is short, and the one before it fills the block.
    pub has_rows: bool,
    /// Elements of a block.
    pub block: usize,
    pub operands: Vec<Operand>,
    /// The operands that are not constants.
    pub moving: Vec<u16>,
    /// Of each block: operands come first among the registers, then constants, then slots.
    pub tape: Vec<Step>,
    /// The guard of each step, or `NOWHERE`.
    pub guarded: Vec<u16>,
    pub guards: Vec<Guard>,
    pub links: Vec<Link>,
    pub slots: usize,
    pub sinks: Vec<Sink>,
    /// Products of matrices, done first.
    pub contractions: Vec<Contraction>,
    /// Runs only where an element of this memory is 0.
    pub guard: Option<(Memory, usize)>,
}

/// A product of matrices, for each element of a batch.
#[derive(Debug)]
pub(crate) struct Contraction {
    /// Rows of the left factor, columns of the right one, and what is summed over.
    pub lengths: [usize; 3],
    /// Which of them run over the batch as well. What is summed over it is added to what is there.
    pub times_batch: [bool; 3],
    /// Whether each batch element has a product of its own.
    pub is_batched: bool,
    pub left: Matrix,
    pub right: Matrix,
    pub product: Matrix,
}

/// Where a matrix stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix {
    pub memory: Memory,
    pub offset: isize,
    /// From row to row, from column to column, and from batch element to batch element.
    pub strides: [isize; 3],
}

/// What a kernel reads.
#[derive(Debug)]
pub(crate) struct Operand {
    pub content: Content,
    /// Elements from one turn of each loop to the next.
    pub strides: Vec<isize>,
    pub mode: Mode,
}

/// Where an operand's elements come from.
#[derive(Debug)]
pub(crate) enum Content {
    /// An element of memory, the first at that offset. Positions that may be outside are checked.
    Memory(Memory, isize, Vec<Bound>),
    /// The value of an index: the first, and how much more it is for the next batch element.
    Index(i64, isize),
    /// A constant of the program.
    Constant(usize),
}

/// A position that must be at least 0 and less than `length`.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub first: i64,
    pub strides: Vec<i64>,
    pub length: i64,
}

/// How an operand's elements stand in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One after the other.
    Stream,
    /// One value for the block.
    Uniform,
    /// One after the other, where that stays within the array; what lies outside its axes is not used.
    Guarded,
    /// Brought together.
    Packed,
}

/// A register of a kernel: elements of a block, or one value repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Register {
    pub number: u16,
    /// 1 where it has an element for each of the block, 0 where one value stands for all.
    pub step: u16,
}

/// One instruction.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Links from `start` to `end`, applied to the first register, one vector after the other.
    /// The result is kept, or where a whole block is one term of it, added to the sum of that number.
    Chain { first: Register, start: u32, end: u32, to: u16, sum: u16 },
    /// A function.
    Map(Unary, Register, u16),
    /// A function of two, lane by lane.
    Zip(Function, Register, Register, u16),
    /// A power whose exponent is not a small number.
    Power(Register, Register, u16),
    /// The logistic function and softplus of a value and of its negative; `NOWHERE` where one is not wanted.
    Logistic { from: Register, sigmoids: [u16; 2], softpluses: [u16; 2] },
    /// Elements at computed positions.
    Gather(Box<Gather>, u16),
}

/// No register.
pub(crate) const NOWHERE: u16 = u16::MAX;

/// Steps that need not run for a block where a condition never, or always, holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    pub condition: Condition,
    /// What the condition must be somewhere for the steps to run.
    pub wanted: bool,
}

/// A condition on registers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Condition {
    Less(Register, Register),
    LessEqual(Register, Register),
    Equal(Register, Register),
    /// The register is not 0.
    Holds(Register),
}

/// An operation on the value of a chain so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub operation: LinkOperation,
    pub operands: [Register; 3],
}

/// `x` is the value so far; `a`, `b`, `c` are the operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkOperation {
    /// x + a
    Add,
    /// x - a
    Subtract,
    /// a - x
    SubtractFrom,
    /// x*a
    Multiply,
    /// x/a
    Divide,
    /// x/a, where a is one value for the block: by its reciprocal, unless that is near the ends of the range.
    DivideByOne,
    /// a/x
    DivideInto,
    /// x*a + b
    MultiplyAdd,
    /// x*a - b
    MultiplySubtract,
    /// b - x*a
    NegativeMultiplyAdd,
    /// x*x
    Square,
    Negate,
    Absolute,
    Sign,
    Root,
    Max,
    Min,
    /// 1 if x < a else 0
    Less,
    /// 1 if a < x else 0
    Greater,
    LessEqual,
    GreaterEqual,
    Equal,
    Not,
    And,
    Or,
    /// a if x else b
    SelectBy,
    /// x if a else b
    SelectThen,
    /// b if a else x
    SelectElse,
    /// x if a < b else c
    ThenIfLess,
    /// c if a < b else x
    ElseIfLess,
    ThenIfLessEqual,
    ElseIfLessEqual,
    ThenIfEqual,
    ElseIfEqual,
}

/// A load at computed positions.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    pub memory: Memory,
    pub offset: isize,
    /// Elements from one turn of each loop to the next.
    pub strides: Vec<isize>,
    pub bounds: Vec<Bound>,
    /// The register that holds the position, the axis' length and its stride.
    pub places: Vec<(Register, usize, isize)>,
}

/// What becomes of a register at the end of a block.
#[derive(Debug)]
pub(crate) struct Sink {
    pub register: Register,
    pub memory: Memory,
    pub offset: isize,
    pub strides: Vec<isize>,
    /// Its elements, for one batch element.
    pub volume: usize,
    /// Whether the tape adds whole blocks itself.
    pub is_fused: bool,
    pub kind: SinkKind,
}

/// How a value is kept.
#[derive(Clone, Debug)]
pub(crate) enum SinkKind {
    Store {
        /// The tape may write to memory itself.
        direct: bool,
    },
    /// Joined with what is there. Sums have what rounding lost beside them, so many elements further on.
    Fold(Fold, usize),
    /// Added at computed positions: the register, the length and the stride of each.
    Scatter(Vec<(Register, usize, isize)>),
}
