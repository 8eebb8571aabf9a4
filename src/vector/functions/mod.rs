//! Elementary functions of registers, one source for every instruction set and both precisions.
//!
//! The domains, and what is outside them, are those of [`Function`](crate::function::Function): NaN outside, the
//! limits at infinities, and results that are right into the subnormal numbers. How exact each is stands in
//! [`accuracy`](super::accuracy).
//!
//! All take the token of the lanes first and must be called where that is compiled for its instruction set. To add
//! one, write it here, put it into the table of accuracy, and give its reference values.

mod coefficients;
mod error;
mod exponential;
mod gamma;
mod hyperbolic;
mod inverse;
mod logarithm;
mod pair;
mod polynomial;
mod power;
mod rounding;
mod trigonometric;

pub use error::{erf, erfc};
pub use exponential::{exp, exp_of_minus_abs, expm1, expm1mx, sigmoid, sigmoid_softplus, softplus};
pub use gamma::{digamma, lgamma, trigamma};
pub use hyperbolic::{cosh, sinh, tanh};
pub use inverse::{acos, asin, atan, atan2};
pub use logarithm::{log, log1mexp, log1p, log1p_of_unit, log1pmx, log2, log10, logit, logrel, xlogy};
pub use power::{hypot, pow, powi, reciprocal_sqrt};
pub use rounding::{floor, max, min, round, sign};
pub use trigonometric::{cos, sin, sincos, tan};
