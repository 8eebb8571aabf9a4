//! The number types that losses are evaluated in.

use crate::number::Number;
use num_traits::Float;
use std::fmt;

/// A floating-point type with the special functions of the language.
///
/// Implemented for `f32`, `f64` and [`Extended`](crate::evaluate::Extended).
pub trait Real: Float + fmt::Debug + fmt::Display + Default + Send + Sync + 'static {
    /// The nearest value to an exact number.
    fn from_number(value: &Number) -> Self;
    /// The nearest value to a double.
    fn from_double(value: f64) -> Self;
    /// The nearest double.
    fn to_double(self) -> f64;
    /// The circle constant.
    fn pi() -> Self;
    /// The error function.
    fn erf(self) -> Self;
    /// One minus the error function, accurate where that is small.
    fn erfc(self) -> Self;
    /// The logarithm of the absolute value of the gamma function.
    fn lgamma(self) -> Self;
    /// The `order`-th derivative of the digamma function; order 0 is digamma itself.
    fn polygamma(order: u32, x: Self) -> Self;
}
