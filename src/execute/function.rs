//! Elementary functions of blocks.

use crate::function::Function;
use crate::real::Real;
use crate::vector::functions as vector;
use crate::vector::{Lanes, Precision};

/// `function` of `count` vectors. Where there is no vector form, lane by lane.
///
/// # Safety
/// `from` must have as many vectors, or one where `step` is 0, and `to` as many.
#[inline(always)]
pub(super) unsafe fn map<L: Lanes>(
    lanes: L,
    function: Function,
    from: *const L::Scalar,
    step: usize,
    to: *mut L::Scalar,
    count: usize,
) where
    L::Scalar: Precision,
{
    macro_rules! vectors {
        ($x:ident => $result:expr) => {
            for at in 0..count {
                // SAFETY: the caller vouches for the vectors.
                unsafe {
                    let $x = lanes.load_from(from.add(at * step * L::WIDTH));
                    lanes.store_to(to.add(at * L::WIDTH), $result);
                }
            }
        };
    }
    match function {
        Function::Exp => vectors!(x => vector::exp(lanes, x)),
        Function::Expm1 => vectors!(x => vector::expm1(lanes, x)),
        Function::Expm1mx => vectors!(x => vector::expm1mx(lanes, x)),
        Function::Log => vectors!(x => vector::log(lanes, x)),
        Function::Log2 => vectors!(x => vector::log2(lanes, x)),
        Function::Log10 => vectors!(x => vector::log10(lanes, x)),
        Function::Log1p => vectors!(x => vector::log1p(lanes, x)),
        Function::Log1pmx => vectors!(x => vector::log1pmx(lanes, x)),
        Function::Log1mexp => vectors!(x => vector::log1mexp(lanes, x)),
        Function::Logrel => vectors!(x => vector::logrel(lanes, x)),
        Function::Sigmoid => vectors!(x => vector::sigmoid(lanes, x)),
        Function::Logit => vectors!(x => vector::logit(lanes, x)),
        Function::Softplus => vectors!(x => vector::softplus(lanes, x)),
        Function::Sin => vectors!(x => vector::sin(lanes, x)),
        Function::Cos => vectors!(x => vector::cos(lanes, x)),
        Function::Tan => vectors!(x => vector::tan(lanes, x)),
        Function::Asin => vectors!(x => vector::asin(lanes, x)),
        Function::Acos => vectors!(x => vector::acos(lanes, x)),
        Function::Atan => vectors!(x => vector::atan(lanes, x)),
        Function::Sinh => vectors!(x => vector::sinh(lanes, x)),
        Function::Cosh => vectors!(x => vector::cosh(lanes, x)),
        Function::Tanh => vectors!(x => vector::tanh(lanes, x)),
        Function::Erf => vectors!(x => vector::erf(lanes, x)),
        Function::Erfc => vectors!(x => vector::erfc(lanes, x)),
        Function::Lgamma => vectors!(x => vector::lgamma(lanes, x)),
        Function::Digamma => vectors!(x => vector::digamma(lanes, x)),
        Function::Floor => vectors!(x => vector::floor(lanes, x)),
        Function::Round => vectors!(x => vector::round(lanes, x)),
        Function::Sign => vectors!(x => vector::sign(lanes, x)),
        _ => {
            for at in 0..count * L::WIDTH {
                // SAFETY: the caller vouches for the elements.
                unsafe { *to.add(at) = function.evaluate(&[*from.add(at * step)]) };
            }
        }
    }
}

/// Whether [`map`] has a vector form of the function.
pub(super) fn is_mapped(function: Function) -> bool {
    matches!(
        function,
        Function::Exp
            | Function::Expm1
            | Function::Expm1mx
            | Function::Log
            | Function::Log2
            | Function::Log10
            | Function::Log1p
            | Function::Log1pmx
            | Function::Log1mexp
            | Function::Logrel
            | Function::Sigmoid
            | Function::Logit
            | Function::Softplus
            | Function::Sin
            | Function::Cos
            | Function::Tan
            | Function::Asin
            | Function::Acos
            | Function::Atan
            | Function::Sinh
            | Function::Cosh
            | Function::Tanh
            | Function::Erf
            | Function::Erfc
            | Function::Lgamma
            | Function::Digamma
            | Function::Floor
            | Function::Round
            | Function::Sign
    )
}

/// Whether [`zip`] has a vector form of the function.
pub(super) fn is_zipped(function: Function) -> bool {
    matches!(function, Function::Xlogy | Function::Atan2 | Function::Hypot)
}

/// The logistic function and softplus of values and of their negatives, as far as they are wanted, from one exponential.
///
/// # Safety
/// As for [`map`].
#[inline(always)]
pub(super) unsafe fn logistic<L: Lanes>(
    lanes: L,
    (from, step): (*const L::Scalar, usize),
    sigmoids: [Option<*mut L::Scalar>; 2],
    softpluses: [Option<*mut L::Scalar>; 2],
    count: usize,
) where
    L::Scalar: Precision,
{
    let wants_sigmoid = sigmoids.iter().any(Option::is_some);
    let wants_softplus = softpluses.iter().any(Option::is_some);
    for at in 0..count {
        // SAFETY: the caller vouches for the vectors.
        unsafe {
            let x = lanes.load_from(from.add(at * step * L::WIDTH));
            let store = |to: Option<*mut L::Scalar>, value: L::Register| {
                if let Some(to) = to {
                    lanes.store_to(to.add(at * L::WIDTH), value);
                }
            };
            let e = vector::exp_of_minus_abs(lanes, x);
            let is_negative = lanes.less(x, lanes.zero());
            if wants_sigmoid {
                let large = lanes.reciprocal(lanes.add(lanes.one(), e));
                let small = lanes.mul(e, large);
                store(sigmoids[0], lanes.select(is_negative, small, large));
                store(sigmoids[1], lanes.select(is_negative, large, small));
            }
            if wants_softplus {
                let logarithm = vector::log1p_of_unit(lanes, e);
                let zero = lanes.zero();
                // NaN comes with the logarithm.
                store(softpluses[0], lanes.add(lanes.select(is_negative, zero, x), logarithm));
                store(softpluses[1], lanes.add(lanes.select(is_negative, lanes.neg(x), zero), logarithm));
            }
        }
    }
}

/// `function` of two, of `count` vectors.
///
/// # Safety
/// As for [`map`], of both.
#[inline(always)]
pub(super) unsafe fn zip<L: Lanes>(
    lanes: L,
    function: Option<Function>,
    (left, left_step): (*const L::Scalar, usize),
    (right, right_step): (*const L::Scalar, usize),
    to: *mut L::Scalar,
    count: usize,
) where
    L::Scalar: Precision,
{
    macro_rules! vectors {
        ($x:ident, $y:ident => $result:expr) => {
            for at in 0..count {
                // SAFETY: the caller vouches for the vectors.
                unsafe {
                    let $x = lanes.load_from(left.add(at * left_step * L::WIDTH));
                    let $y = lanes.load_from(right.add(at * right_step * L::WIDTH));
                    lanes.store_to(to.add(at * L::WIDTH), $result);
                }
            }
        };
    }
    match function {
        None => vectors!(x, y => vector::pow(lanes, x, y)),
        Some(Function::Xlogy) => vectors!(x, y => vector::xlogy(lanes, x, y)),
        Some(Function::Atan2) => vectors!(y, x => vector::atan2(lanes, y, x)),
        Some(Function::Hypot) => vectors!(x, y => vector::hypot(lanes, x, y)),
        // SAFETY: the caller vouches for the vector.
        Some(Function::Polygamma) if left_step == 0 && unsafe { *left } == L::Scalar::from_double(1.0) => {
            vectors!(_order, x => vector::trigamma(lanes, x));
        }
        Some(function) => {
            for at in 0..count * L::WIDTH {
                // SAFETY: the caller vouches for the elements.
                unsafe {
                    let (x, y) = (*left.add(at * left_step), *right.add(at * right_step));
                    *to.add(at) = function.evaluate(&[x, y]);
                }
            }
        }
    }
}
