//! The hardware types as [`Real`].

use super::special;
use crate::number::Number;
use crate::real::Real;

impl Real for f64 {
    fn from_number(value: &Number) -> Self {
        value.to_f64()
    }
    fn from_double(value: f64) -> Self {
        value
    }
    fn to_double(self) -> f64 {
        self
    }
    fn pi() -> Self {
        std::f64::consts::PI
    }
    fn erf(self) -> Self {
        libm::erf(self)
    }
    fn erfc(self) -> Self {
        libm::erfc(self)
    }
    fn lgamma(self) -> Self {
        libm::lgamma(self)
    }
    fn polygamma(order: u32, x: Self) -> Self {
        if order == 0 { special::digamma_double(x) } else { special::polygamma(order, x) }
    }
}

/// Special functions go through double precision and are rounded once.
impl Real for f32 {
    fn from_number(value: &Number) -> Self {
        value.to_f64() as f32
    }
    fn from_double(value: f64) -> Self {
        value as f32
    }
    fn to_double(self) -> f64 {
        self.into()
    }
    fn pi() -> Self {
        std::f32::consts::PI
    }
    fn erf(self) -> Self {
        libm::erf(self.into()) as f32
    }
    fn erfc(self) -> Self {
        libm::erfc(self.into()) as f32
    }
    fn lgamma(self) -> Self {
        libm::lgamma(self.into()) as f32
    }
    fn polygamma(order: u32, x: Self) -> Self {
        <f64 as Real>::polygamma(order, x.into()) as f32
    }
}
