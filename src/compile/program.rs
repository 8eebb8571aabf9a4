//! Programs: what is executed.

use super::value::{Fold, Unary};
use crate::function::Function;

/// A compiled loss: kernels in the order in which they run.
pub(crate) struct Program {
    /// How many batch elements there are.
    pub batch: usize,
    /// What does not depend on the batch, done once.
    pub shared: Vec<Kernel>,
    /// What is done for each tile of the batch.
    pub each: Vec<Kernel>,
    pub results: Vec<Output>,
    /// Elements of stored values that do not depend on the batch.
    pub shared_length: usize,
    /// Elements of stored values for one batch element.
    pub tile_length: usize,
    /// Elements of sums over the batch.
    pub total_length: usize,
    /// How many batch elements a tile has.
    pub tile: usize,
    /// How many batch elements a chunk has; chunks are what threads share out.
    pub chunk: usize,
    /// Constants, as doubles.
    pub constants: Vec<f64>,
    /// Whether a result that is NaN may be an error.
    pub may_fail: bool,
}

/// One result.
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
    /// A sum over the batch: where it begins among the sums, where what rounding lost does, and lengths and strides.
    Total { start: usize, lost: usize, loops: Vec<(usize, usize)> },
}

/// Memory that kernels read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Memory {
    /// A variable, and how many elements it has for each batch element; 0 where the batch shares it.
    Input(u32, usize),
    /// Computed once, from there on.
    Shared(usize),
    /// Computed for each tile, from there on times the batch elements of a tile.
    Tile(usize),
    /// A result, and how many elements it has for each batch element; 0 where the batch shares it.
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
pub(crate) struct Kernel {
    /// Outermost first.
    pub loops: Vec<Loop>,
    /// Whether a block has rows: the innermost loop is short, and the one before it fills the block.
    pub has_rows: bool,
    pub operands: Vec<Operand>,
    /// Of each block: operands come first among the registers, then constants, then slots.
    pub tape: Vec<Step>,
    pub links: Vec<Link>,
    pub slots: usize,
    pub sinks: Vec<Sink>,
    /// Runs only where an element of this memory is 0.
    pub guard: Option<(Memory, usize)>,
}

/// What a kernel reads.
pub(crate) struct Operand {
    pub content: Content,
    /// Elements from one turn of each loop to the next.
    pub strides: Vec<isize>,
    pub mode: Mode,
}

/// Where an operand's elements come from.
pub(crate) enum Content {
    /// An element of memory, the first at that offset. Positions that may be outside are checked.
    Memory(Memory, isize, Vec<Bound>),
    /// The value of an index.
    Index(i64),
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
    Chain { first: Register, start: u32, end: u32, to: u16 },
    /// A function.
    Map(Unary, Register, u16),
    /// A function of two, lane by lane.
    Zip(Function, Register, Register, u16),
    /// A power whose exponent is not a small number.
    Power(Register, Register, u16),
    /// Elements at computed positions.
    Gather(Box<Gather>, u16),
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
