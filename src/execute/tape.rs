//! The instructions of one block.

use super::fold::Running;
use crate::compile::program::{
    Condition, Gather, Guard, Kernel, Link, LinkOperation, NOWHERE, Register, Step,
};
use crate::compile::value::Unary;
use crate::function::Function;
use crate::vector::{Lanes, Precision};

/// Vectors that a chain keeps in registers.
const GROUP: usize = 8;

/// Runs the tape of `kernel` on `count` vectors.
#[inline(always)]
pub(super) fn run<L: Lanes>(
    lanes: L,
    kernel: &Kernel,
    registers: &[*mut L::Scalar],
    running: &mut [Running<L::Scalar>],
    count: usize,
    gather: impl Fn(&Gather, *mut L::Scalar),
) where
    L::Scalar: Precision,
{
    // By guard: whether its steps run; unknown until the first of them.
    let mut open = [None; GUARDS];
    for (step, guard) in kernel.tape.iter().zip(&kernel.guarded) {
        if let Some(guard_of) = kernel.guards.get(*guard as usize) {
            let at = *guard as usize % GUARDS;
            let runs = open[at].filter(|_| kernel.guards.len() <= GUARDS);
            let runs = runs.unwrap_or_else(|| is_needed(lanes, guard_of, registers, count));
            open[at] = Some(runs);
            if !runs {
                continue;
            }
        }
        match step {
            Step::Gather(load, to) => gather(load, registers[*to as usize]),
            step => perform(lanes, kernel, step, registers, running, count),
        }
    }
}

/// Does one step, which is no gather, on `count` vectors.
#[inline(always)]
pub(crate) fn perform<L: Lanes>(
    lanes: L,
    kernel: &Kernel,
    step: &Step,
    registers: &[*mut L::Scalar],
    running: &mut [Running<L::Scalar>],
    count: usize,
) where
    L::Scalar: Precision,
{
    match step {
        Step::Chain { first, start, end, to, sum } => {
            let links = &kernel.links[*start as usize..*end as usize];
            let to = registers[*to as usize];
            let mut sum = running.get_mut(*sum as usize);
            let mut at = 0;
            // SAFETY: registers have as many vectors as are run, or one where their step is 0.
            unsafe {
                while at + GROUP <= count {
                    chain::<L, GROUP>(lanes, *first, links, registers, (to, sum.as_deref_mut()), at);
                    at += GROUP;
                }
                while at < count {
                    chain::<L, 1>(lanes, *first, links, registers, (to, sum.as_deref_mut()), at);
                    at += 1;
                }
            }
        }
        Step::Map(operation, a, to) => {
            let Unary::Function(function) = operation else { return };
            // SAFETY: as above.
            unsafe {
                let source = registers[a.number as usize].cast_const();
                let to = registers[*to as usize];
                super::function::map(lanes, *function, source, a.step as usize, to, count);
            }
        }
        Step::Zip(function, a, b, to) => zip(lanes, registers, Some(*function), [*a, *b], *to, count),
        Step::Power(a, b, to) => zip(lanes, registers, None, [*a, *b], *to, count),
        Step::Logistic { from, sigmoids, softpluses } => {
            let target = |to: u16| if to == NOWHERE { None } else { Some(registers[to as usize]) };
            let source = registers[from.number as usize].cast_const();
            // SAFETY: as above.
            unsafe {
                super::function::logistic(
                    lanes,
                    (source, from.step as usize),
                    sigmoids.map(target),
                    softpluses.map(target),
                    count,
                );
            }
        }
        Step::Gather(..) => {}
    }
}

/// Whether a step is done with vectors: chains are, and functions that have such a form.
pub(crate) fn is_vectorized(step: &Step) -> bool {
    match step {
        Step::Map(Unary::Function(function), ..) => super::function::is_mapped(*function),
        Step::Zip(function, ..) => super::function::is_zipped(*function),
        Step::Gather(..) | Step::Map(..) => false,
        Step::Chain { .. } | Step::Power(..) | Step::Logistic { .. } => true,
    }
}

/// How many guards are remembered within a block.
const GUARDS: usize = 16;

/// Whether the condition is what the guard wants, anywhere in the block.
#[inline(always)]
fn is_needed<L: Lanes>(lanes: L, guard: &Guard, registers: &[*mut L::Scalar], count: usize) -> bool {
    (0..count).any(|at| {
        // SAFETY: registers have as many vectors as are run, or one where their step is 0.
        lanes.any(unsafe { wanted(lanes, guard, registers, at) })
    })
}

/// Where the condition is what the guard wants, in the `at`-th vector.
///
/// # Safety
/// Registers must have so many vectors.
#[inline(always)]
pub(crate) unsafe fn wanted<L: Lanes>(
    lanes: L,
    guard: &Guard,
    registers: &[*mut L::Scalar],
    at: usize,
) -> L::Mask {
    let (a, b) = match guard.condition {
        Condition::Less(a, b) | Condition::LessEqual(a, b) | Condition::Equal(a, b) => (a, b),
        Condition::Holds(a) => (a, a),
    };
    let read = |register: Register| {
        let from = registers[register.number as usize].wrapping_add(at * register.step as usize * L::WIDTH);
        // SAFETY: the caller vouches for the vectors.
        unsafe { lanes.load_from(from) }
    };
    let (x, y) = (read(a), read(b));
    let holds = match guard.condition {
        Condition::Less(..) => lanes.less(x, y),
        Condition::LessEqual(..) => lanes.less_equal(x, y),
        Condition::Equal(..) => lanes.equal(x, y),
        Condition::Holds(_) => lanes.mask_from_real(x),
    };
    if guard.wanted { holds } else { lanes.not(holds) }
}

/// A function of two, or a power.
#[inline(always)]
fn zip<L: Lanes>(
    lanes: L,
    registers: &[*mut L::Scalar],
    function: Option<Function>,
    operands: [Register; 2],
    to: u16,
    count: usize,
) where
    L::Scalar: Precision,
{
    let [left, right] = operands.map(|r| (registers[r.number as usize].cast_const(), r.step as usize));
    // SAFETY: registers have as many vectors as are run, or one where their step is 0.
    unsafe { super::function::zip(lanes, function, left, right, registers[to as usize], count) };
}

/// Whether neither the value nor its reciprocal is near the ends of the range.
#[inline(always)]
fn is_ordinary<L: Lanes>(lanes: L, value: L::Register) -> bool {
    let size = lanes.abs(value);
    lanes.all(lanes.and(lanes.less(lanes.constant(1e-30), size), lanes.less(size, lanes.constant(1e30))))
}

/// Runs links on `N` vectors from the `at`-th on.
///
/// # Safety
/// Registers must have so many vectors.
#[inline(always)]
unsafe fn chain<L: Lanes, const N: usize>(
    lanes: L,
    first: Register,
    links: &[Link],
    registers: &[*mut L::Scalar],
    (to, sum): (*mut L::Scalar, Option<&mut Running<L::Scalar>>),
    at: usize,
) where
    L::Scalar: Precision,
{
    use LinkOperation as O;
    let pointer = |register: &Register| {
        // SAFETY: registers of a tape are numbers of this table.
        let start = unsafe { *registers.get_unchecked(register.number as usize) };
        let step = register.step as usize * L::WIDTH;
        (start.wrapping_add(at * step).cast_const(), step)
    };
    // SAFETY: the caller vouches for the vectors.
    let read = |from: &(*const L::Scalar, usize), n: usize| unsafe {
        lanes.load_from(from.0.wrapping_add(n * from.1))
    };
    let start = pointer(&first);
    let mut x: [L::Register; N] = if start.1 == 0 {
        [read(&start, 0); N]
    } else {
        std::array::from_fn(|n| read(&(start.0, L::WIDTH), n))
    };
    macro_rules! link {
        ($n:ident, $v:ident => $result:expr) => {
            for $n in 0..N {
                let $v = x[$n];
                x[$n] = $result;
            }
        };
    }
    // Of several operands, each of which goes its own way.
    macro_rules! several {
        ($v:ident, $($operand:ident),+ => $result:expr) => {{
            $(let mut $operand = $operand;)+
            for vector in &mut x {
                let $v = *vector;
                *vector = {
                    $(
                        let from = $operand.0;
                        $operand.0 = from.wrapping_add($operand.1);
                        // SAFETY: the caller vouches for the vectors.
                        let $operand = unsafe { lanes.load_from(from) };
                    )+
                    $result
                };
            }
        }};
    }
    // Of one operand, whose vectors follow each other or are all the same.
    macro_rules! one {
        ($a:ident, $v:ident, $b:ident => $result:expr) => {
            if $a.1 == 0 {
                let $b = read(&$a, 0);
                for vector in &mut x {
                    let $v = *vector;
                    *vector = $result;
                }
            } else {
                for (n, vector) in x.iter_mut().enumerate() {
                    let ($v, $b) = (*vector, read(&($a.0, L::WIDTH), n));
                    *vector = $result;
                }
            }
        };
    }
    for link in links {
        let a = pointer(&link.operands[0]);
        match link.operation {
            O::Add => one!(a, v, b => lanes.add(v, b)),
            O::Subtract => one!(a, v, b => lanes.sub(v, b)),
            O::SubtractFrom => one!(a, v, b => lanes.sub(b, v)),
            O::Multiply => one!(a, v, b => lanes.mul(v, b)),
            O::Divide => one!(a, v, b => lanes.div(v, b)),
            O::DivideByOne => {
                // The reciprocal is a rounding less exact and many times as fast.
                let divisor = read(&a, 0);
                if is_ordinary(lanes, divisor) {
                    let inverse = lanes.div(lanes.one(), divisor);
                    link!(n, v => lanes.mul(v, inverse));
                } else {
                    link!(n, v => lanes.div(v, divisor));
                }
            }
            O::DivideInto => one!(a, v, b => lanes.div(b, v)),
            O::MultiplyAdd => {
                let b = pointer(&link.operands[1]);
                several!(v, a, b => lanes.mul_add(v, a, b));
            }
            O::MultiplySubtract => {
                let b = pointer(&link.operands[1]);
                several!(v, a, b => lanes.mul_sub(v, a, b));
            }
            O::NegativeMultiplyAdd => {
                let b = pointer(&link.operands[1]);
                several!(v, a, b => lanes.neg_mul_add(v, a, b));
            }
            O::Square => link!(n, v => lanes.mul(v, v)),
            O::Negate => link!(n, v => lanes.neg(v)),
            O::Absolute => link!(n, v => lanes.abs(v)),
            O::Sign => link!(n, v => crate::vector::functions::sign(lanes, v)),
            O::Root => link!(n, v => lanes.sqrt(v)),
            O::Max => one!(a, v, b => lanes.max(v, b)),
            O::Min => one!(a, v, b => lanes.min(v, b)),
            O::Less => one!(a, v, b => lanes.mask_to_real(lanes.less(v, b))),
            O::Greater => one!(a, v, b => lanes.mask_to_real(lanes.less(b, v))),
            O::LessEqual => one!(a, v, b => lanes.mask_to_real(lanes.less_equal(v, b))),
            O::GreaterEqual => one!(a, v, b => lanes.mask_to_real(lanes.less_equal(b, v))),
            O::Equal => one!(a, v, b => lanes.mask_to_real(lanes.equal(v, b))),
            O::Not => link!(n, v => lanes.mask_to_real(lanes.equal(v, lanes.zero()))),
            O::And => link!(n, v => {
                let mask = lanes.and(lanes.mask_from_real(v), lanes.mask_from_real(read(&a, n)));
                lanes.mask_to_real(mask)
            }),
            O::Or => link!(n, v => {
                let mask = lanes.or(lanes.mask_from_real(v), lanes.mask_from_real(read(&a, n)));
                lanes.mask_to_real(mask)
            }),
            O::SelectBy => {
                let b = pointer(&link.operands[1]);
                several!(v, a, b => lanes.select(lanes.mask_from_real(v), a, b));
            }
            O::SelectThen => {
                let b = pointer(&link.operands[1]);
                several!(v, a, b => lanes.select(lanes.mask_from_real(a), v, b));
            }
            O::SelectElse => {
                let b = pointer(&link.operands[1]);
                several!(v, a, b => lanes.select(lanes.mask_from_real(a), b, v));
            }
            O::ThenIfLess
            | O::ElseIfLess
            | O::ThenIfLessEqual
            | O::ElseIfLessEqual
            | O::ThenIfEqual
            | O::ElseIfEqual => {
                let (b, c) = (pointer(&link.operands[1]), pointer(&link.operands[2]));
                match link.operation {
                    O::ThenIfLess => {
                        several!(v, a, b, c => lanes.select(lanes.less(a, b), v, c));
                    }
                    O::ElseIfLess => {
                        several!(v, a, b, c => lanes.select(lanes.less(a, b), c, v));
                    }
                    O::ThenIfLessEqual => {
                        several!(v, a, b, c => lanes.select(lanes.less_equal(a, b), v, c));
                    }
                    O::ElseIfLessEqual => {
                        several!(v, a, b, c => lanes.select(lanes.less_equal(a, b), c, v));
                    }
                    O::ThenIfEqual => {
                        several!(v, a, b, c => lanes.select(lanes.equal(a, b), v, c));
                    }
                    _ => several!(v, a, b, c => lanes.select(lanes.equal(a, b), c, v)),
                }
            }
        }
    }
    if let Some(sum) = sum {
        sum.add(lanes, x);
        return;
    }
    for (n, vector) in x.into_iter().enumerate() {
        // SAFETY: the caller vouches for the vectors.
        unsafe { lanes.store_to(to.add((at + n) * L::WIDTH), vector) };
    }
}
