//! The one table of elementary functions: names, derivatives, domains, kinks, printing, evaluation.
//!
//! To add a function, add a row. The derivatives are formulas of the language; a test checks each against
//! central differences, and each evaluation against reference values.

use super::Monotone::{Decreasing, Increasing, No};
use super::{Arity, Entry};
use crate::interval::Interval;
use crate::real::Real;
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

const INF: f64 = f64::INFINITY;

macro_rules! functions {
    ($(
        $(#[doc = $doc:literal])*
        $variant:ident($($argument:ident),*) {
            names: [$($name:literal),*],
            derivatives: [$($derivative:literal),*],
            domain: $domain:literal,
            range: $range:expr,
            monotone: $monotone:expr,
            kink: $kink:literal,
            latex: $latex:literal,
            evaluate: $evaluate:expr,
        }
    )*) => {
        /// An elementary function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Function {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Function {
            /// Every function, in the order of the table.
            pub const ALL: &'static [Function] = &[$(Function::$variant),*];

            /// What the table says of it.
            pub fn entry(self) -> &'static Entry {
                match self {
                    $(Function::$variant => {
                        const ENTRY: Entry = Entry {
                            names: &[$($name),*],
                            arguments: &[$(stringify!($argument)),*],
                            derivatives: &[$($derivative),*],
                            domain: $domain,
                            range: $range,
                            monotone: $monotone,
                            kink: $kink,
                            latex: $latex,
                            documentation: concat!($($doc),*),
                        };
                        &ENTRY
                    })*
                }
            }

            /// Its value. NaN outside its domain.
            ///
            /// # Panics
            /// If there are fewer arguments than [`Function::arity`] says.
            // `max` and `min` of any number of arguments come before their rows, which the macro writes for all.
            #[allow(unreachable_patterns)]
            pub fn evaluate<T: Real>(self, arguments: &[T]) -> T {
                match (self, arguments) {
                    (Function::Max, [first, rest @ ..]) => rest.iter().fold(*first, |a, b| larger(a, *b)),
                    (Function::Min, [first, rest @ ..]) => rest.iter().fold(*first, |a, b| -larger(-a, -*b)),
                    $((Function::$variant, [$($argument),*, ..]) => {
                        let ($($argument,)*) = ($(*$argument,)*);
                        ($evaluate)($($argument),*)
                    })*
                    _ => panic!("{} takes {:?}", self.name(), self.arity()),
                }
            }
        }
    };
}

functions! {
    /// The exponential.
    Exp(x) {
        names: ["exp"], derivatives: ["exp(x)"],
        domain: "all reals", range: Interval::POSITIVE, monotone: Increasing, kink: "",
        latex: "\\exp", evaluate: |x: T| x.exp(),
    }
    /// The natural logarithm.
    Log(x) {
        names: ["log", "ln"], derivatives: ["1/x"],
        domain: "x > 0", range: Interval::REALS, monotone: Increasing, kink: "",
        latex: "\\log", evaluate: |x: T| x.ln(),
    }
    /// The logarithm to base 2.
    Log2(x) {
        names: ["log2"], derivatives: ["1/(x*log(2))"],
        domain: "x > 0", range: Interval::REALS, monotone: Increasing, kink: "",
        latex: "\\log_2", evaluate: |x: T| x.log2(),
    }
    /// The logarithm to base 10.
    Log10(x) {
        names: ["log10"], derivatives: ["1/(x*log(10))"],
        domain: "x > 0", range: Interval::REALS, monotone: Increasing, kink: "",
        latex: "\\log_{10}", evaluate: |x: T| x.log10(),
    }
    /// log(1 + x), accurate for small x.
    Log1p(x) {
        names: ["log1p"], derivatives: ["1/(1 + x)"],
        domain: "x > -1", range: Interval::REALS, monotone: Increasing, kink: "",
        latex: "\\operatorname{log1p}", evaluate: |x: T| x.ln_1p(),
    }
    /// exp(x) - 1, accurate for small x.
    Expm1(x) {
        names: ["expm1"], derivatives: ["exp(x)"],
        domain: "all reals", range: Interval::open(-1.0, INF), monotone: Increasing, kink: "",
        latex: "\\operatorname{expm1}", evaluate: |x: T| x.exp_m1(),
    }
    /// The absolute value.
    Abs(x) {
        names: ["abs"], derivatives: ["sign(x)"],
        domain: "all reals", range: Interval::NON_NEGATIVE, monotone: No, kink: "derivative 0 at 0",
        latex: "\\operatorname{abs}", evaluate: |x: T| x.abs(),
    }
    /// -1, 0 or 1 as x is negative, zero or positive.
    Sign(x) {
        names: ["sign"], derivatives: ["0"],
        domain: "all reals", range: Interval::closed(-1.0, 1.0), monotone: Increasing, kink: "derivative 0 everywhere",
        latex: "\\operatorname{sign}",
        evaluate: |x: T| if x.is_nan() || x == T::zero() { x } else { x.signum() },
    }
    /// The sine.
    Sin(x) {
        names: ["sin"], derivatives: ["cos(x)"],
        domain: "all reals", range: Interval::closed(-1.0, 1.0), monotone: No, kink: "",
        latex: "\\sin", evaluate: |x: T| x.sin(),
    }
    /// The cosine.
    Cos(x) {
        names: ["cos"], derivatives: ["-sin(x)"],
        domain: "all reals", range: Interval::closed(-1.0, 1.0), monotone: No, kink: "",
        latex: "\\cos", evaluate: |x: T| x.cos(),
    }
    /// The tangent.
    Tan(x) {
        names: ["tan"], derivatives: ["1 + tan(x)^2"],
        domain: "cos(x) != 0", range: Interval::REALS, monotone: No, kink: "",
        latex: "\\tan", evaluate: |x: T| x.tan(),
    }
    /// The inverse of the sine.
    Asin(x) {
        names: ["asin", "arcsin"], derivatives: ["1/sqrt(1 - x^2)"],
        domain: "-1 <= x <= 1", range: Interval::closed(-1.5707963267948968, 1.5707963267948968),
        monotone: Increasing, kink: "",
        latex: "\\arcsin", evaluate: |x: T| x.asin(),
    }
    /// The inverse of the cosine.
    Acos(x) {
        names: ["acos", "arccos"], derivatives: ["-1/sqrt(1 - x^2)"],
        domain: "-1 <= x <= 1", range: Interval::closed(0.0, 3.1415926535897936),
        monotone: Decreasing, kink: "",
        latex: "\\arccos", evaluate: |x: T| x.acos(),
    }
    /// The inverse of the tangent.
    Atan(x) {
        names: ["atan", "arctan"], derivatives: ["1/(1 + x^2)"],
        domain: "all reals", range: Interval::open(-1.5707963267948968, 1.5707963267948968),
        monotone: Increasing, kink: "",
        latex: "\\arctan", evaluate: |x: T| x.atan(),
    }
    /// The hyperbolic sine.
    Sinh(x) {
        names: ["sinh"], derivatives: ["cosh(x)"],
        domain: "all reals", range: Interval::REALS, monotone: Increasing, kink: "",
        latex: "\\sinh", evaluate: |x: T| x.sinh(),
    }
    /// The hyperbolic cosine.
    Cosh(x) {
        names: ["cosh"], derivatives: ["sinh(x)"],
        domain: "all reals",
        range: Interval { low: 1.0, high: INF, low_open: false, high_open: true }, monotone: No, kink: "",
        latex: "\\cosh", evaluate: |x: T| x.cosh(),
    }
    /// The hyperbolic tangent.
    Tanh(x) {
        names: ["tanh"], derivatives: ["1 - tanh(x)^2"],
        domain: "all reals", range: Interval::open(-1.0, 1.0), monotone: Increasing, kink: "",
        latex: "\\tanh", evaluate: |x: T| x.tanh(),
    }
    /// The logistic function 1/(1 + exp(-x)).
    Sigmoid(x) {
        names: ["sigmoid", "sigma", "expit"], derivatives: ["sigmoid(x)*(1 - sigmoid(x))"],
        domain: "all reals", range: Interval::open(0.0, 1.0), monotone: Increasing, kink: "",
        latex: "\\sigma",
        evaluate: |x: T| if x >= T::zero() {
            T::one() / (T::one() + (-x).exp())
        } else {
            let e = x.exp();
            e / (T::one() + e)
        },
    }
    /// The inverse of the logistic function, log(x/(1 - x)).
    Logit(x) {
        names: ["logit"], derivatives: ["1/(x*(1 - x))"],
        domain: "0 < x < 1", range: Interval::REALS, monotone: Increasing, kink: "",
        latex: "\\operatorname{logit}", // Near 1/2, where the logarithms cancel, by the quotient's distance from 1, in which 2x - 1 is exact.
        evaluate: |x: T| if (x + x - T::one()).abs() < T::from_double(0.5) {
            ((x + x - T::one()) / (T::one() - x)).ln_1p()
        } else {
            x.ln() - (-x).ln_1p()
        },
    }
    /// log(1 + exp(x)), without overflow.
    Softplus(x) {
        names: ["softplus"], derivatives: ["sigmoid(x)"],
        domain: "all reals", range: Interval::POSITIVE, monotone: Increasing, kink: "",
        latex: "\\operatorname{softplus}",
        evaluate: |x: T| if x.is_nan() { x } else { x.max(T::zero()) + (-x.abs()).exp().ln_1p() },
    }
    /// The error function.
    Erf(x) {
        names: ["erf"], derivatives: ["2*exp(-x^2)/sqrt(pi)"],
        domain: "all reals", range: Interval::open(-1.0, 1.0), monotone: Increasing, kink: "",
        latex: "\\operatorname{erf}", evaluate: |x: T| x.erf(),
    }
    /// 1 - erf(x), accurate where it is small.
    Erfc(x) {
        names: ["erfc"], derivatives: ["-2*exp(-x^2)/sqrt(pi)"],
        domain: "all reals", range: Interval::open(0.0, 2.0), monotone: Decreasing, kink: "",
        latex: "\\operatorname{erfc}", evaluate: |x: T| x.erfc(),
    }
    /// The logarithm of the absolute value of the gamma function.
    Lgamma(x) {
        names: ["lgamma", "gammaln"], derivatives: ["digamma(x)"],
        domain: "x is not 0, -1, -2, …", range: Interval::REALS, monotone: No, kink: "",
        latex: "\\log\\Gamma", evaluate: |x: T| x.lgamma(),
    }
    /// The derivative of lgamma.
    Digamma(x) {
        names: ["digamma"], derivatives: ["polygamma(1, x)"],
        domain: "x is not 0, -1, -2, …", range: Interval::REALS, monotone: No, kink: "",
        latex: "\\psi", evaluate: |x: T| T::polygamma(0, x),
    }
    /// The n-th derivative of digamma; n is a whole number that is 0 or greater.
    Polygamma(n, x) {
        names: ["polygamma"], derivatives: ["0", "polygamma(n + 1, x)"],
        domain: "n is whole and at least 0, x is not 0, -1, -2, …", range: Interval::REALS, monotone: No,
        kink: "constant in n",
        latex: "\\psi",
        evaluate: |n: T, x: T| match n.to_u32() {
            Some(order) if n == n.floor() && order <= 1000 => T::polygamma(order, x),
            _ => T::nan(),
        },
    }
    /// The greatest whole number that is not greater.
    Floor(x) {
        names: ["floor"], derivatives: ["0"],
        domain: "all reals", range: Interval::REALS, monotone: Increasing, kink: "derivative 0 everywhere",
        latex: "\\operatorname{floor}", evaluate: |x: T| x.floor(),
    }
    /// The nearest whole number, to the even one of two.
    Round(x) {
        names: ["round"], derivatives: ["0"],
        domain: "all reals", range: Interval::REALS, monotone: Increasing, kink: "derivative 0 everywhere",
        latex: "\\operatorname{round}",
        evaluate: |x: T| {
            let (below, half) = (x.floor(), (T::one() + T::one()).recip());
            let rest = x - below;
            let below_is_even = below * half == (below * half).floor();
            if rest < half || (rest == half && below_is_even) { below } else { below + T::one() }
        },
    }
    /// x*log(y), and 0 where x is 0 whatever y is.
    Xlogy(x, y) {
        names: ["xlogy"], derivatives: ["log(y)", "x/y"],
        domain: "x = 0 or y > 0", range: Interval::REALS, monotone: No, kink: "",
        latex: "\\operatorname{xlogy}",
        evaluate: |x: T, y: T| if x == T::zero() { T::zero() } else { x * y.ln() },
    }
    /// sqrt(x^2 + y^2), without overflow.
    Hypot(x, y) {
        names: ["hypot"],
        derivatives: ["if hypot(x, y) == 0 then 0 else x/hypot(x, y)", "if hypot(x, y) == 0 then 0 else y/hypot(x, y)"],
        domain: "all reals", range: Interval::NON_NEGATIVE, monotone: No, kink: "gradient 0 at (0, 0)",
        latex: "\\operatorname{hypot}", evaluate: |x: T, y: T| x.hypot(y),
    }
    /// The angle of the point (x, y), from -pi to pi.
    Atan2(y, x) {
        names: ["atan2"], derivatives: ["x/(x^2 + y^2)", "-y/(x^2 + y^2)"],
        domain: "(x, y) is not (0, 0)", range: Interval::closed(-3.1415926535897936, 3.1415926535897936),
        monotone: No, kink: "",
        latex: "\\operatorname{atan2}", evaluate: |y: T, x: T| y.atan2(x),
    }
    /// The largest argument.
    Max(x, y) {
        names: ["max", "maximum"],
        derivatives: ["if x > y then 1 else if x == y then 1/2 else 0", "if y > x then 1 else if x == y then 1/2 else 0"],
        domain: "all reals", range: Interval::REALS, monotone: No,
        kink: "at a tie the arguments share the gradient equally; a number or hyperparameter takes the whole tie",
        latex: "\\max", evaluate: |x: T, y: T| larger(x, y),
    }
    /// The smallest argument.
    Min(x, y) {
        names: ["min", "minimum"],
        derivatives: ["if x < y then 1 else if x == y then 1/2 else 0", "if y < x then 1 else if x == y then 1/2 else 0"],
        domain: "all reals", range: Interval::REALS, monotone: No,
        kink: "at a tie the arguments share the gradient equally; a number or hyperparameter takes the whole tie",
        latex: "\\min", evaluate: |x: T, y: T| -larger(-x, -y),
    }
    /// log(1 - exp(x)), accurate for x near 0 and for large negative x.
    Log1mexp(x) {
        names: ["log1mexp"], derivatives: ["exp(x)/expm1(x)"],
        domain: "x < 0", range: Interval { low: -INF, high: 0.0, low_open: true, high_open: false },
        monotone: Decreasing, kink: "",
        latex: "\\operatorname{log1mexp}",
        // The two halves meet at -log(2) (Maechler 2012, Accurately Computing log(1 - exp(-|a|))).
        evaluate: |x: T| if x > T::from_double(-0.693) { (-x.exp_m1()).ln() } else { (-x.exp()).ln_1p() },
    }
    /// exp(x) - 1 - x, accurate for small x.
    Expm1mx(x) {
        names: ["expm1mx"], derivatives: ["expm1(x)"],
        domain: "all reals", range: Interval::NON_NEGATIVE, monotone: No, kink: "",
        latex: "\\operatorname{expm1mx}", evaluate: expm1mx,
    }
    /// log(1 + x) - x, accurate for small x.
    Log1pmx(x) {
        names: ["log1pmx"], derivatives: ["-x/(1 + x)"],
        domain: "x > -1", range: Interval { low: -INF, high: 0.0, low_open: true, high_open: false },
        monotone: No, kink: "",
        latex: "\\operatorname{log1pmx}", evaluate: log1pmx,
    }
    /// log(x)/(x - 1), and 1 at x = 1: the mean slope of the logarithm between 1 and x.
    Logrel(x) {
        names: ["logrel"], derivatives: ["if x == 1 then -1/2 else (1/x - logrel(x))/(x - 1)"],
        domain: "x > 0", range: Interval::POSITIVE, monotone: Decreasing, kink: "",
        latex: "\\operatorname{logrel}",
        evaluate: |x: T| if x == T::one() { x } else if x == T::infinity() { T::zero() } else { x.ln() / (x - T::one()) },
    }
}

impl Function {
    /// The name that is printed.
    pub fn name(self) -> &'static str {
        self.entry().names[0]
    }

    /// How many arguments it takes.
    pub fn arity(self) -> Arity {
        match self {
            Function::Max | Function::Min => Arity::AtLeast(2),
            _ => Arity::Exactly(self.entry().arguments.len()),
        }
    }

    /// The function of that name or alias.
    pub fn named(name: &str) -> Option<Function> {
        static BY_NAME: OnceLock<FxHashMap<&str, Function>> = OnceLock::new();
        let by_name = BY_NAME.get_or_init(|| {
            let rows = Function::ALL.iter();
            rows.flat_map(|f| f.entry().names.iter().map(|name| (*name, *f))).collect()
        });
        by_name.get(name).copied()
    }
}

/// exp(x) - 1 - x: near 0, where that cancels, by its series.
fn expm1mx<T: Real>(x: T) -> T {
    if x.is_nan() || x.abs() > T::one() {
        // For minus infinity, and where the exponential overflows, the difference has no meaning.
        return if x == T::infinity() { x } else { x.exp_m1() - x };
    }
    // x^2/2 + x^3/6 + …, each term from the last.
    let mut term = x * x / (T::one() + T::one());
    let (mut sum, mut n) = (term, 2.0);
    while term.abs() > sum.abs() * T::epsilon() / T::from_double(8.0) {
        n += 1.0;
        term = term * x / T::from_double(n);
        sum = sum + term;
    }
    sum
}

/// log(1 + x) - x: near 0, where that cancels, by the series of log(1 + x) = 2*atanh(s) with s = x/(2 + x), in which
/// 2*s - x is -x*s.
fn log1pmx<T: Real>(x: T) -> T {
    let half = T::from_double(0.5);
    if x.is_nan() || x.abs() > half {
        // The difference of two infinities has no meaning.
        return if x == T::infinity() { -x } else { x.ln_1p() - x };
    }
    let s = x / (x + T::one() + T::one());
    let square = s * s;
    // s^3/3 + s^5/5 + …
    let mut power = s * square;
    let (mut sum, mut n) = (T::zero(), 3.0);
    loop {
        let term = power / T::from_double(n);
        sum = sum + term;
        if term.abs() <= sum.abs() * T::epsilon() / T::from_double(8.0) {
            break;
        }
        power = power * square;
        n += 2.0;
    }
    sum + sum - x * s
}

/// The larger of two; NaN if either is.
fn larger<T: Real>(a: T, b: T) -> T {
    if a.is_nan() || a > b { a } else { b }
}
