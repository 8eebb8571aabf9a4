//! Elementary functions of blocks.

use crate::function::Function;
use crate::real::Real;
use crate::vector::functions as vector;
use crate::vector::{Lanes, Precision};

/// Functions of the table with their vector forms, by number of arguments: what there is, and how it is worked out.
macro_rules! vector_forms {
    (one { $($one:ident $of_one:ident,)* } two { $($two:ident $of_two:ident,)* }) => {
        /// Whether [`map`] has a vector form of the function.
        pub(super) fn is_mapped(function: Function) -> bool {
            matches!(function, $(Function::$one)|*)
        }

        /// Whether [`zip`] has a vector form of the function, whatever its arguments.
        pub(super) fn is_zipped(function: Function) -> bool {
            matches!(function, $(Function::$two)|*)
        }

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
            match function {
                // SAFETY: the caller vouches for the vectors.
                $(Function::$one => unsafe {
                    each(lanes, (from, step), (from, step), to, count, #[inline(always)] |x, _| vector::$of_one(lanes, x));
                },)*
                _ => {
                    for at in 0..count * L::WIDTH {
                        // SAFETY: the caller vouches for the elements.
                        unsafe { *to.add(at) = function.evaluate(&[*from.add(at * step)]) };
                    }
                }
            }
        }

        /// `function` of two, or a power if there is none, of `count` vectors.
        ///
        /// # Safety
        /// As for [`map`], of both.
        #[inline(always)]
        pub(super) unsafe fn zip<L: Lanes>(
            lanes: L,
            function: Option<Function>,
            left: (*const L::Scalar, usize),
            right: (*const L::Scalar, usize),
            to: *mut L::Scalar,
            count: usize,
        ) where
            L::Scalar: Precision,
        {
            match function {
                // SAFETY: the caller vouches for the vectors.
                None => unsafe {
                    each(lanes, left, right, to, count, #[inline(always)] |x, y| vector::pow(lanes, x, y));
                },
                // SAFETY: as above.
                $(Some(Function::$two) => unsafe {
                    each(lanes, left, right, to, count, #[inline(always)] |x, y| vector::$of_two(lanes, x, y));
                },)*
                // SAFETY: as above.
                Some(Function::Polygamma) if left.1 == 0 && unsafe { *left.0 } == L::Scalar::from_double(1.0) => unsafe {
                    each(lanes, left, right, to, count, #[inline(always)] |_, x| vector::trigamma(lanes, x));
                },
                Some(function) => {
                    for at in 0..count * L::WIDTH {
                        // SAFETY: the caller vouches for the elements.
                        unsafe {
                            let (x, y) = (*left.0.add(at * left.1), *right.0.add(at * right.1));
                            *to.add(at) = function.evaluate(&[x, y]);
                        }
                    }
                }
            }
        }
    };
}

vector_forms! {
    one {
        Exp exp,
        Expm1 expm1,
        Expm1mx expm1mx,
        Log log,
        Log2 log2,
        Log10 log10,
        Log1p log1p,
        Log1pmx log1pmx,
        Log1mexp log1mexp,
        Logrel logrel,
        Sigmoid sigmoid,
        Logit logit,
        Softplus softplus,
        Sin sin,
        Cos cos,
        Tan tan,
        Asin asin,
        Acos acos,
        Atan atan,
        Sinh sinh,
        Cosh cosh,
        Tanh tanh,
        Erf erf,
        Erfc erfc,
        Lgamma lgamma,
        Digamma digamma,
        Floor floor,
        Round round,
        Sign sign,
    }
    two {
        Xlogy xlogy,
        Atan2 atan2,
        Hypot hypot,
    }
}

/// A vector form, applied to `count` vectors.
///
/// # Safety
/// As for [`zip`].
#[inline(always)]
unsafe fn each<L: Lanes>(
    lanes: L,
    (left, left_step): (*const L::Scalar, usize),
    (right, right_step): (*const L::Scalar, usize),
    to: *mut L::Scalar,
    count: usize,
    form: impl Fn(L::Register, L::Register) -> L::Register,
) {
    for at in 0..count {
        // SAFETY: the caller vouches for the vectors.
        unsafe {
            let x = lanes.load_from(left.add(at * left_step * L::WIDTH));
            let y = lanes.load_from(right.add(at * right_step * L::WIDTH));
            lanes.store_to(to.add(at * L::WIDTH), form(x, y));
        }
    }
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
