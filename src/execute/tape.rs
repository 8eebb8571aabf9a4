//! The instructions of one block.

use crate::compile::program::{Gather, Kernel, Link, LinkOperation, Register, Step};
use crate::compile::value::Unary;
use crate::vector::{Lanes, Precision};
use num_traits::Float;

/// Vectors that a chain keeps in registers.
const GROUP: usize = 8;

/// Runs the tape of `kernel` on `count` vectors.
#[inline(always)]
pub(super) fn run<L: Lanes>(
    lanes: L,
    kernel: &Kernel,
    registers: &[*mut L::Scalar],
    count: usize,
    gather: impl Fn(&Gather, *mut L::Scalar),
) where
    L::Scalar: Precision,
{
    for step in &kernel.tape {
        match step {
            Step::Chain { first, start, end, to } => {
                let links = &kernel.links[*start as usize..*end as usize];
                let to = registers[*to as usize];
                let mut at = 0;
                // SAFETY: registers have as many vectors as are run, or one where their step is 0.
                unsafe {
                    while at + GROUP <= count {
                        chain::<L, GROUP>(lanes, *first, links, registers, to, at);
                        at += GROUP;
                    }
                    while at < count {
                        chain::<L, 1>(lanes, *first, links, registers, to, at);
                        at += 1;
                    }
                }
            }
            Step::Map(operation, a, to) => {
                let Unary::Function(function) = operation else { continue };
                // SAFETY: as above.
                unsafe {
                    let source = registers[a.number as usize].cast_const();
                    let to = registers[*to as usize];
                    super::function::map(lanes, *function, source, a.step as usize, to, count);
                }
            }
            Step::Zip(function, a, b, to) => {
                each(lanes, registers, [*a, *b], *to, count, |x, y| function.evaluate(&[x, y]));
            }
            Step::Power(a, b, to) => {
                each(lanes, registers, [*a, *b], *to, count, |x, y| x.powf(y));
            }
            Step::Gather(load, to) => gather(load, registers[*to as usize]),
        }
    }
}

/// A function of two, lane by lane.
#[inline(always)]
fn each<L: Lanes>(
    _lanes: L,
    registers: &[*mut L::Scalar],
    [a, b]: [Register; 2],
    to: u16,
    count: usize,
    function: impl Fn(L::Scalar, L::Scalar) -> L::Scalar,
) {
    let (to, left, right) =
        (registers[to as usize], registers[a.number as usize], registers[b.number as usize]);
    for at in 0..count * L::WIDTH {
        // SAFETY: registers have as many vectors as are run, or one where their step is 0.
        unsafe {
            let (x, y) = (*left.add(at * a.step as usize), *right.add(at * b.step as usize));
            *to.add(at) = function(x, y);
        }
    }
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
    to: *mut L::Scalar,
    at: usize,
) {
    use LinkOperation as O;
    let pointer = |register: &Register| {
        // SAFETY: registers of a tape are numbers of this table.
        let start = unsafe { *registers.get_unchecked(register.number as usize) };
        let step = register.step as usize * L::WIDTH;
        (start.wrapping_add(at * step).cast_const(), step)
    };
    // SAFETY: the caller vouches for the vectors.
    let read = |from: &(*const L::Scalar, usize), n: usize| unsafe { lanes.load_from(from.0.wrapping_add(n * from.1)) };
    let start = pointer(&first);
    let mut x: [L::Register; N] = std::array::from_fn(|n| read(&start, n));
    macro_rules! link {
        ($n:ident, $v:ident => $result:expr) => {
            for $n in 0..N {
                let $v = x[$n];
                x[$n] = $result;
            }
        };
    }
    for link in links {
        let a = pointer(&link.operands[0]);
        match link.operation {
            O::Add => link!(n, v => lanes.add(v, read(&a, n))),
            O::Subtract => link!(n, v => lanes.sub(v, read(&a, n))),
            O::SubtractFrom => link!(n, v => lanes.sub(read(&a, n), v)),
            O::Multiply => link!(n, v => lanes.mul(v, read(&a, n))),
            O::Divide => link!(n, v => lanes.div(v, read(&a, n))),
            O::DivideInto => link!(n, v => lanes.div(read(&a, n), v)),
            O::MultiplyAdd => {
                let b = pointer(&link.operands[1]);
                link!(n, v => lanes.mul_add(v, read(&a, n), read(&b, n)));
            }
            O::MultiplySubtract => {
                let b = pointer(&link.operands[1]);
                link!(n, v => lanes.mul_sub(v, read(&a, n), read(&b, n)));
            }
            O::NegativeMultiplyAdd => {
                let b = pointer(&link.operands[1]);
                link!(n, v => lanes.neg_mul_add(v, read(&a, n), read(&b, n)));
            }
            O::Square => link!(n, v => lanes.mul(v, v)),
            O::Negate => link!(n, v => lanes.neg(v)),
            O::Absolute => link!(n, v => lanes.abs(v)),
            O::Root => link!(n, v => lanes.sqrt(v)),
            O::Max => link!(n, v => lanes.max(v, read(&a, n))),
            O::Min => link!(n, v => lanes.min(v, read(&a, n))),
            O::Less => link!(n, v => lanes.mask_to_real(lanes.less(v, read(&a, n)))),
            O::Greater => link!(n, v => lanes.mask_to_real(lanes.less(read(&a, n), v))),
            O::LessEqual => link!(n, v => lanes.mask_to_real(lanes.less_equal(v, read(&a, n)))),
            O::GreaterEqual => link!(n, v => lanes.mask_to_real(lanes.less_equal(read(&a, n), v))),
            O::Equal => link!(n, v => lanes.mask_to_real(lanes.equal(v, read(&a, n)))),
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
                link!(n, v => lanes.select(lanes.mask_from_real(v), read(&a, n), read(&b, n)));
            }
            O::SelectThen => {
                let b = pointer(&link.operands[1]);
                link!(n, v => lanes.select(lanes.mask_from_real(read(&a, n)), v, read(&b, n)));
            }
            O::SelectElse => {
                let b = pointer(&link.operands[1]);
                link!(n, v => lanes.select(lanes.mask_from_real(read(&a, n)), read(&b, n), v));
            }
            O::ThenIfLess | O::ElseIfLess | O::ThenIfLessEqual | O::ElseIfLessEqual | O::ThenIfEqual | O::ElseIfEqual => {
                let (b, c) = (pointer(&link.operands[1]), pointer(&link.operands[2]));
                match link.operation {
                    O::ThenIfLess => link!(n, v => lanes.select(lanes.less(read(&a, n), read(&b, n)), v, read(&c, n))),
                    O::ElseIfLess => link!(n, v => lanes.select(lanes.less(read(&a, n), read(&b, n)), read(&c, n), v)),
                    O::ThenIfLessEqual => {
                        link!(n, v => lanes.select(lanes.less_equal(read(&a, n), read(&b, n)), v, read(&c, n)));
                    }
                    O::ElseIfLessEqual => {
                        link!(n, v => lanes.select(lanes.less_equal(read(&a, n), read(&b, n)), read(&c, n), v));
                    }
                    O::ThenIfEqual => {
                        link!(n, v => lanes.select(lanes.equal(read(&a, n), read(&b, n)), v, read(&c, n)));
                    }
                    _ => link!(n, v => lanes.select(lanes.equal(read(&a, n), read(&b, n)), read(&c, n), v)),
                }
            }
        }
    }
    for (n, vector) in x.into_iter().enumerate() {
        // SAFETY: the caller vouches for the vectors.
        unsafe { lanes.store_to(to.add((at + n) * L::WIDTH), vector) };
    }
}
