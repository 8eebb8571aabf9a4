//! The table of the vectorised functions: how exact each is, and the loops that apply them to slices.
//!
//! An error is in units in the last place (ulp) of the exact value: 0.5 is the least that any rounding has, and below
//! the smallest normal number the unit is the smallest subnormal one. Tests hold every instruction set to the bounds,
//! against values worked out to 100 digits and, in single precision, against double precision on dense sweeps.

use super::functions;
use super::lanes::Lanes;
use super::level::{Level, Precision, Vectorized};
use crate::real::Real;

macro_rules! elementary {
    ($(
        $(#[doc = $doc:literal])*
        $variant:ident $name:ident($($argument:ident),*) single $single:literal double $double:literal;
    )*) => {
        /// A vectorised function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Elementary {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Elementary {
            /// Every one, in the order of the table.
            pub const ALL: &'static [Elementary] = &[$(Elementary::$variant),*];

            /// Its name in [`functions`].
            pub fn name(self) -> &'static str {
                match self {
                    $(Elementary::$variant => stringify!($name),)*
                }
            }

            /// How many arguments it takes.
            pub fn arity(self) -> usize {
                match self {
                    $(Elementary::$variant => [$(stringify!($argument)),*].len(),)*
                }
            }

            /// The bound of its error in `f32`, in units in the last place.
            pub fn single_bound(self) -> f64 {
                match self {
                    $(Elementary::$variant => $single,)*
                }
            }

            /// The bound of its error in `f64`, in units in the last place.
            pub fn double_bound(self) -> f64 {
                match self {
                    $(Elementary::$variant => $double,)*
                }
            }

            /// Its value in registers; the second argument is for functions of two.
            #[cfg(all(test, target_arch = "x86_64"))]
            pub(crate) fn of_registers<L: Lanes>(self, l: L, x: L::Register, y: L::Register) -> L::Register {
                match self {
                    $(Elementary::$variant => elementary!(@call l, functions::$name, x, y, $($argument),*),)*
                }
            }

            /// Fills `result` with the values at the arguments, with the instructions of a level.
            ///
            /// # Panics
            /// If there are fewer arguments than it takes, or one is of another length than the result.
            pub fn apply<T: Precision>(self, level: Level, arguments: &[&[T]], result: &mut [T]) {
                match self {
                    $(Elementary::$variant => {
                        struct Loop<'a, T>(&'a [&'a [T]], &'a mut [T]);
                        impl<T: Precision> Vectorized<T> for Loop<'_, T> {
                            type Output = ();
                            #[inline(always)]
                            fn run<L: Lanes<Scalar = T>>(self, l: L) {
                                let [$($argument),*, ..] = self.0 else { panic!("too few arguments") };
                                elementary!(@loop l, self.1, functions::$name, $($argument),*)
                            }
                        }
                        level.dispatch(Loop(arguments, result));
                    })*
                }
            }
        }
    };
    (@call $l:ident, $function:path, $x:ident, $y:ident, $a:ident) => {{
        let _ = $y;
        $function($l, $x)
    }};
    (@call $l:ident, $function:path, $x:ident, $y:ident, $a:ident, $b:ident) => {
        $function($l, $x, $y)
    };
    (@loop $l:ident, $result:expr, $function:path, $x:ident) => {
        each($l, $result, [$x, $x], #[inline(always)] |x, _| $function($l, x))
    };
    (@loop $l:ident, $result:expr, $function:path, $x:ident, $y:ident) => {
        each($l, $result, [$x, $y], #[inline(always)] |x, y| $function($l, x, y))
    };
}

elementary! {
    /// exp(x)
    Exp exp(x) single 1.0 double 1.0;
    /// exp(x) - 1
    Expm1 expm1(x) single 2.0 double 2.0;
    /// log(x)
    Log log(x) single 1.5 double 1.5;
    /// log(1 + x)
    Log1p log1p(x) single 1.5 double 1.25;
    /// log(x)/log(2)
    Log2 log2(x) single 1.0 double 1.0;
    /// log(x)/log(10)
    Log10 log10(x) single 1.0 double 1.0;
    /// log(1 - exp(x))
    Log1mexp log1mexp(x) single 2.0 double 2.0;
    /// exp(x) - 1 - x
    Expm1mx expm1mx(x) single 2.5 double 2.5;
    /// log(1 + x) - x
    Log1pmx log1pmx(x) single 3.0 double 3.0;
    /// log(x)/(x - 1)
    Logrel logrel(x) single 2.5 double 2.5;
    /// 1/(1 + exp(-x))
    Sigmoid sigmoid(x) single 3.0 double 3.0;
    /// log(1 + exp(x))
    Softplus softplus(x) single 2.0 double 2.0;
    /// log(x/(1 - x))
    Logit logit(x) single 2.0 double 2.0;
    /// The hyperbolic tangent.
    Tanh tanh(x) single 1.5 double 1.5;
    /// The hyperbolic sine.
    Sinh sinh(x) single 2.0 double 2.0;
    /// The hyperbolic cosine.
    Cosh cosh(x) single 2.0 double 2.0;
    /// The sine.
    Sin sin(x) single 1.0 double 1.0;
    /// The cosine.
    Cos cos(x) single 1.0 double 1.0;
    /// The tangent.
    Tan tan(x) single 2.5 double 2.5;
    /// The inverse of the sine.
    Asin asin(x) single 2.5 double 2.5;
    /// The inverse of the cosine.
    Acos acos(x) single 1.5 double 1.5;
    /// The inverse of the tangent.
    Atan atan(x) single 2.0 double 2.0;
    /// The angle of a point.
    Atan2 atan2(y, x) single 2.5 double 2.5;
    /// The error function.
    Erf erf(x) single 1.25 double 1.25;
    /// One minus the error function.
    Erfc erfc(x) single 4.0 double 4.0;
    /// log |gamma(x)|; the bound is for positive arguments.
    Lgamma lgamma(x) single 3.0 double 3.0;
    /// The derivative of lgamma; the bound is for positive arguments.
    Digamma digamma(x) single 4.0 double 4.0;
    /// The derivative of digamma.
    Trigamma trigamma(x) single 6.0 double 6.0;
    /// x^y
    Pow pow(x, y) single 1.0 double 1.0;
    /// sqrt(x^2 + y^2)
    Hypot hypot(x, y) single 1.5 double 1.5;
    /// 1/sqrt(x)
    ReciprocalSqrt reciprocal_sqrt(x) single 1.5 double 1.5;
    /// x*log(y)
    Xlogy xlogy(x, y) single 2.0 double 2.0;
    /// The greatest whole number that is not greater: exact.
    Floor floor(x) single 0.0 double 0.0;
    /// The nearest whole number: exact.
    Round round(x) single 0.0 double 0.0;
    /// The sign: exact.
    Sign sign(x) single 0.0 double 0.0;
    /// The larger of two: exact.
    Max max(x, y) single 0.0 double 0.0;
    /// The smaller of two: exact.
    Min min(x, y) single 0.0 double 0.0;
}

/// A function of each element of two slices, whole registers first and then what is left.
#[inline(always)]
fn each<L: Lanes>(
    l: L,
    result: &mut [L::Scalar],
    [x, y]: [&[L::Scalar]; 2],
    function: impl Fn(L::Register, L::Register) -> L::Register,
) {
    assert!(x.len() == result.len() && y.len() == result.len(), "arguments and result have one length");
    let whole = result.len() - result.len() % L::WIDTH;
    for n in (0..whole).step_by(L::WIDTH) {
        l.store(&mut result[n..], function(l.load(&x[n..]), l.load(&y[n..])));
    }
    if whole < result.len() {
        let rest = L::Scalar::from_double(1.0);
        let values = function(l.load_partial(&x[whole..], rest), l.load_partial(&y[whole..], rest));
        l.store_partial(&mut result[whole..], values);
    }
}
