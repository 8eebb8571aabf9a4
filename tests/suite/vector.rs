//! The vectorised functions, on every instruction set of the machine, against values of 100 digits and each other.

use lossform::function::Function;
use lossform::vector::{Elementary, Lanes, Level, Precision, Vectorized, functions};
use std::collections::BTreeMap;

/// A value of the reference: its arguments, the nearest double, and how far the exact value is from that in its ulp.
struct Reference {
    arguments: Vec<f64>,
    near: f64,
    rest: f64,
}

/// What is recorded of a function in one precision, 32 or 64.
fn references(bits: u32) -> BTreeMap<&'static str, Vec<Reference>> {
    let mut all = BTreeMap::<_, Vec<Reference>>::new();
    for line in include_str!("../reference/vector.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, precision, arguments @ .., near, rest] = &words[..] else { panic!("{line}") };
        if *precision == bits.to_string() {
            let argument = |word: &&str| match bits {
                32 => f32::from_bits(u32::from_str_radix(word, 16).unwrap()).into(),
                _ => double(word),
            };
            all.entry(*name).or_default().push(Reference {
                arguments: arguments.iter().map(argument).collect(),
                near: double(near),
                rest: rest.parse().unwrap(),
            });
        }
    }
    all
}

fn double(word: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(word, 16).unwrap())
}

/// The unit in the last place of a finite value, for a significand of so many bits and a smallest exponent.
fn unit(value: f64, bits: i32, smallest: i32) -> f64 {
    let exponent = if value == 0.0 { smallest } else { libm::ilogb(value) };
    libm::ldexp(1.0, exponent.max(smallest) - (bits - 1))
}

/// How far a result in double precision is from the exact value, in ulp.
fn double_error(result: f64, exact: &Reference) -> f64 {
    if result == exact.near || result.is_nan() && exact.near.is_nan() {
        return exact.rest.abs();
    }
    // The largest finite value may stand for one that would be rounded to infinity.
    let (result, near) = (result.clamp(-f64::MAX, f64::MAX), exact.near.clamp(-f64::MAX, f64::MAX));
    let whole = (result - near) / unit(near, 53, -1022);
    if whole.is_nan() { f64::INFINITY } else { (whole - exact.rest).abs() }
}

/// How far a result in single precision is from an exact value, in ulp.
fn single_error(result: f32, exact: f64) -> f64 {
    if f64::from(result) == exact
        || result.is_nan() && exact.is_nan()
        || result == exact as f32 && result.is_infinite()
    {
        return 0.0;
    }
    let most = f64::from(f32::MAX);
    let (result, near) = (f64::from(result).clamp(-most, most), exact.clamp(-most, most));
    let error = ((result - near) / unit(near, 24, -126)).abs();
    if error.is_nan() { f64::INFINITY } else { error }
}

/// The results of a function at all arguments, padded so that each lane and the tail see several of them.
fn results<T: Precision>(function: Elementary, level: Level, exact: &[Reference]) -> Vec<T> {
    let columns: Vec<Vec<T>> = (0..function.arity())
        .map(|n| exact.iter().map(|r| T::from_double(r.arguments[n])).collect())
        .collect();
    let columns: Vec<&[T]> = columns.iter().map(Vec::as_slice).collect();
    let mut result = vec![T::nan(); exact.len()];
    function.apply(level, &columns, &mut result);
    result
}

/// Panics unless every error is within the bound; says how large the largest was.
fn check_errors(
    function: Elementary,
    level: Level,
    bound: f64,
    errors: impl Iterator<Item = f64>,
    describe: impl Fn(usize) -> String,
) -> String {
    let (place, worst) = errors.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    let line = format!("{:16} {level:?} {worst:.2} ulp at {}", function.name(), describe(place));
    println!("{line}");
    if worst <= bound { String::new() } else { format!("{line}, bound {bound}\n") }
}

#[test]
fn errors_are_within_the_table() {
    let (singles, doubles) = (references(32), references(64));
    let mut failures = String::new();
    for level in Level::available() {
        for function in Elementary::ALL.iter().copied().filter(|f| f.double_bound() > 0.0) {
            let exact = &doubles[function.name()];
            let result = results::<f64>(function, level, exact);
            let errors = exact.iter().zip(&result).map(|(exact, result)| double_error(*result, exact));
            failures += &check_errors(function, level, function.double_bound(), errors, |n| {
                format!("{:?}: {:e}, not {:e}", exact[n].arguments, result[n], exact[n].near)
            });
            let exact = &singles[function.name()];
            let result = results::<f32>(function, level, exact);
            let errors = exact.iter().zip(&result).map(|(exact, result)| single_error(*result, exact.near));
            failures += &check_errors(function, level, function.single_bound(), errors, |n| {
                format!("{:?}: {:e}, not {:e}", exact[n].arguments, result[n], exact[n].near)
            });
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// Single precision against double precision, whose bounds the reference values hold it to.
#[test]
fn single_precision_agrees_with_double() {
    // A step that is coprime to powers of two visits every exponent and all kinds of significands.
    const STEP: usize = 40_009;
    let arguments: Vec<f32> = (0..=u32::MAX).step_by(STEP).map(f32::from_bits).collect();
    // Seconds for pairs: of moderate size, and in no step with the firsts.
    let seconds: Vec<f32> =
        (0..arguments.len()).map(|n| (n as f32 * 0.618_034).fract() * 8.0 - 3.0).collect();
    let widened = |values: &[f32]| -> Vec<f64> { values.iter().map(|x| f64::from(*x)).collect() };
    let wide = [widened(&arguments), widened(&seconds)];
    let mut failures = String::new();
    for function in Elementary::ALL.iter().copied() {
        let mut exact = vec![0.0; arguments.len()];
        function.apply(Level::detect(), &[&wide[0], &wide[1]], &mut exact);
        for level in Level::available() {
            let mut result = vec![0.0_f32; arguments.len()];
            function.apply(level, &[&arguments, &seconds], &mut result);
            let errors = arguments.iter().zip(&result).zip(&exact).map(|((x, result), exact)| {
                // The bounds of these are for positive arguments.
                let unbounded = *x < 0.0 && matches!(function, Elementary::Lgamma | Elementary::Digamma);
                if unbounded { 0.0 } else { single_error(*result, *exact) }
            });
            // The double is itself rounded, by next to nothing in these units.
            failures += &check_errors(function, level, function.single_bound() + 1e-6, errors, |n| {
                format!("{:e}, {:e}: {:e}, not {:e}", arguments[n], seconds[n], result[n], exact[n])
            });
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// The same argument gives the same bits at every place of a register, in a tail of any length, beside any others.
#[test]
fn results_do_not_depend_on_the_place() {
    let edges =
        [0.0, -0.0, 1e-320, 1e-40, 0.3, -0.7, 1.0, 2.5, 100.0, 1e6, -1e12, 1e300, f64::INFINITY, f64::NAN];
    let awkward: Vec<f64> = edges.iter().cycle().take(64).copied().collect();
    for level in Level::available() {
        for function in Elementary::ALL.iter().copied() {
            for x in edges {
                check_places(function, level, x, &awkward, |v: f64| v.to_bits());
                let awkward: Vec<f32> = awkward.iter().map(|v| *v as f32).collect();
                check_places(function, level, x as f32, &awkward, |v: f32| v.to_bits().into());
            }
        }
    }
}

fn check_places<T: Precision>(
    function: Elementary,
    level: Level,
    x: T,
    others: &[T],
    bits: impl Fn(T) -> u64,
) {
    // Of a power the second may stand for a root.
    for second in [1.75, 0.5].map(T::from_double) {
        let mut alone = [T::zero()];
        function.apply(level, &[&[x], &[second]], &mut alone);
        for place in 0..20 {
            for length in [place + 1, 37] {
                let mut arguments = others[..length].to_vec();
                arguments[place] = x;
                let mut result = vec![T::zero(); length];
                function.apply(level, &[&arguments, &vec![second; length]], &mut result);
                let same =
                    bits(result[place]) == bits(alone[0]) || result[place].is_nan() && alone[0].is_nan();
                assert!(
                    same,
                    "{} {level:?} at {x}, place {place} of {length}: {}",
                    function.name(),
                    result[place]
                );
            }
        }
    }
}

/// At zeros, infinities, NaN and outside the domains the functions are what the table of scalar ones says.
#[test]
fn edges_are_those_of_the_scalar_functions() {
    for level in Level::available() {
        for function in Elementary::ALL.iter().copied() {
            check_edges::<f64>(function, level, 1e-12);
            check_edges::<f32>(function, level, 1e-5);
        }
    }
}

fn check_edges<T: Precision>(function: Elementary, level: Level, tolerance: f64) {
    let points = [
        0.0,
        1e-320,
        1e-310,
        1e-42,
        1e-39,
        0.25,
        0.5,
        0.75,
        1.0,
        1.5,
        2.0,
        2.5,
        3.0,
        20.0,
        37.0,
        100.0,
        710.0,
        2000.0,
        1e10,
        1e30,
        1e300,
        f64::INFINITY,
        f64::NAN,
    ];
    let points: Vec<f64> =
        points.iter().flat_map(|x| [*x, -*x]).map(|x| T::from_double(x).to_double()).collect();
    let seconds: &[f64] = if function.arity() == 2 { &points } else { &[1.0] };
    for second in seconds {
        let arguments: [Vec<T>; 2] = [
            points.iter().map(|x| T::from_double(*x)).collect(),
            points.iter().map(|_| T::from_double(*second)).collect(),
        ];
        let mut result = vec![T::zero(); points.len()];
        function.apply(level, &[&arguments[0], &arguments[1]], &mut result);
        for (first, result) in points.iter().zip(result) {
            let arguments = [T::from_double(*first), T::from_double(*second)];
            let Some(exact) = scalar(function, arguments) else { continue };
            let (result, exact) = (result.to_double(), exact.to_double());
            let close =
                (result - exact).abs() <= tolerance * exact.abs() + T::min_positive_value().to_double();
            assert!(
                result == exact && (exact != 0.0 || result.is_sign_negative() == exact.is_sign_negative())
                    || result.is_nan() && exact.is_nan()
                    || close && exact.is_finite() && exact != 0.0,
                "{} {level:?} at {arguments:?}: {result:e}, not {exact:e}",
                function.name()
            );
        }
    }
}

/// The scalar function of that name; of those that the table lacks, what stands for it.
fn scalar<T: Precision>(function: Elementary, [x, y]: [T; 2]) -> Option<T> {
    match function {
        // The evaluator takes these exponents for square roots, which differ at -0 and -infinity.
        Elementary::Pow if y.abs() == T::from_double(0.5) => {
            Some(if y < T::zero() { x.sqrt().recip() } else { x.sqrt() })
        }
        Elementary::Pow => Some(x.powf(y)),
        Elementary::ReciprocalSqrt => Some(x.sqrt().recip()),
        Elementary::Trigamma => Some(T::polygamma(1, x)),
        _ => {
            let scalar = Function::named(function.name())?;
            Some(scalar.evaluate(&[x, y][..function.arity()]))
        }
    }
}

/// Functions that share work give what each gives alone.
#[test]
fn shared_work_gives_the_same() {
    struct Shared<'a>(&'a [f64]);
    impl Vectorized<f64> for Shared<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes<Scalar = f64>>(self, l: L) {
            for x in self.0 {
                let x = l.splat(*x);
                let same = |a, b| l.all(l.equal(a, b));
                let (s, p) = functions::sigmoid_softplus(l, x);
                assert!(same(s, functions::sigmoid(l, x)) && same(p, functions::softplus(l, x)));
                let (s, c) = functions::sincos(l, x);
                assert!(same(s, functions::sin(l, x)) && same(c, functions::cos(l, x)));
            }
        }
    }
    let points: Vec<f64> = (-400..400).map(|n| f64::from(n) * 1.7).chain([1e12, -3e300]).collect();
    for level in Level::available() {
        level.dispatch(Shared(&points));
    }
}

/// Below zero, where the bounds of the gamma function's relatives do not hold, against the scalar functions.
#[test]
fn gamma_is_reflected() {
    // Away from poles and zeros, near poles, and far from zero.
    let near_poles = (0..30).flat_map(|n| [-f64::from(n) - 1e-7, -f64::from(n) + 1e-7]);
    let points: Vec<f64> = (0..900)
        .map(|n| -0.0131 - f64::from(n) * 0.037)
        .chain(near_poles)
        .chain([-1e-30, -1e5 - 0.3])
        .collect();
    for level in Level::available() {
        for function in [Elementary::Lgamma, Elementary::Digamma, Elementary::Trigamma] {
            let mut result = vec![0.0; points.len()];
            function.apply(level, &[&points], &mut result);
            for (x, result) in points.iter().zip(result).filter(|(x, _)| **x < 0.0) {
                let [exact, opposite] = [*x, -*x].map(|x| scalar(function, [x, x]).unwrap());
                let size = exact.abs().max(opposite.abs()).max(1.0);
                assert!(
                    (result - exact).abs() <= 1e-13 * size,
                    "{} at {x}: {result} {exact}",
                    function.name()
                );
            }
        }
    }
}

/// Whole powers by multiplication, whose error grows with the exponent.
#[test]
fn whole_powers_are_products() {
    struct Powers<'a>(&'a [f32], i32);
    impl Vectorized<f32> for Powers<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes<Scalar = f32>>(self, l: L) {
            for x in self.0 {
                let result = l.to_array(functions::powi(l, l.splat(*x), self.1))[0];
                let exact = f64::from(*x).powi(self.1);
                let bound = f64::from(self.1.unsigned_abs());
                assert!(single_error(result, exact) <= bound, "{x}^{}: {result} {exact}", self.1);
            }
        }
    }
    let points: Vec<f32> = (0..5000).map(|n| 0.3 + n as f32 * 0.000_317).chain([0.0, -1.3]).collect();
    for level in Level::available() {
        for n in [0, 1, 2, 3, 4, 7, 16, -1, -3, -8] {
            level.dispatch(Powers(&points, n));
        }
    }
}

/// What joins or moves lanes.
#[test]
fn lanes_are_read_joined_and_written() {
    struct Moves<'a>(&'a [f64]);
    impl Vectorized<f64> for Moves<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes<Scalar = f64>>(self, l: L) {
            let values = &self.0[..L::WIDTH];
            let x = l.load(values);
            assert_eq!(l.sum_of_lanes(x), values.iter().sum::<f64>());
            assert_eq!(l.max_of_lanes(x), values.iter().copied().fold(f64::MIN, f64::max));
            assert_eq!(l.min_of_lanes(x), values.iter().copied().fold(f64::MAX, f64::min));
            let indices: Vec<u32> = (0..L::WIDTH as u32).rev().collect();
            let reversed = l.to_array(l.gather(values, &indices));
            assert!(values.iter().rev().eq(&reversed[..L::WIDTH]));
            let mut part = [0.0; 1];
            l.store_partial(&mut part, l.load_partial(&values[..1], 7.0));
            assert_eq!(part[0], values[0]);
            // Every third, backwards.
            let mut spread = [0.5; 24];
            let last = 3 * (L::WIDTH - 1);
            // SAFETY: as many as there are lanes, three apart, are within the array.
            if unsafe { l.store_strided(spread.as_mut_ptr().add(last), -3, x) } {
                let expected = |at: usize| {
                    if at.is_multiple_of(3) && at <= last { values[(last - at) / 3] } else { 0.5 }
                };
                assert!(spread.iter().enumerate().all(|(at, v)| *v == expected(at)));
                // SAFETY: as above.
                let back = unsafe { l.load_strided(spread.as_ptr().add(last), -3) };
                assert_eq!(l.to_array(back.unwrap())[..L::WIDTH], *values);
            }
            let with_nan = l.select(l.equal(x, l.splat(values[0])), l.constant(f64::NAN), x);
            assert!(l.max_of_lanes(with_nan).is_nan() && l.min_of_lanes(with_nan).is_nan());
            assert!(l.any(l.is_nan(with_nan)) && !l.any(l.is_nan(x)) && l.all(l.mask_from_real(x)));
            for k in [-1074.0, -1030.0, -3.0, 0.0, 1.0, 700.0, 1023.0] {
                let scaled = l.to_array(l.scale(l.constant(1.0), l.constant(k)))[0];
                assert_eq!(scaled, libm::ldexp(1.0, k as i32));
            }
        }
    }
    for level in Level::available() {
        level.dispatch(Moves(&[3.0, -8.0, 5.0, 16.0, -2.0, 1.0, 9.0, 4.0]));
    }
}
