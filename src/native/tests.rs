//! Generated code against the same functions on registers of the same level, to the bit.

use super::code::Code;
use super::emit::{ACCUMULATORS, Arguments, PORTS, Port, emit};
use super::recorder::Recorder;
use super::trace::{Item, Op, Trace, Value};
use super::width;
use crate::vector::{Elementary, Lanes, Level, Precision};

/// Lanes of both precisions that edges of functions are at, between ordinary values.
const EDGES: [f64; 22] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1e-310,
    -1e-310,
    1e-40,
    1e-30,
    1e30,
    -1e30,
    88.9,
    -104.5,
    710.1,
    -745.5,
    1e5,
    2.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    1e300,
    3.0,
];

/// Code that reads two vectors and writes what `work` makes of them, run on slices.
fn run<T: Precision>(
    level: Level,
    inputs: [&[T]; 2],
    work: impl Fn(Recorder<T>, Value, Value) -> Value,
) -> Vec<T> {
    let (is_wide, _) = width::<T>(level).expect("a level that code is made for");
    let length = inputs[0].len();
    let mut result = vec![T::default(); length];
    let mut state = [[0_u8; 64]; ACCUMULATORS];
    let mut ports = [Port { start: std::ptr::null_mut(), stride: 0 }; PORTS];
    for (port, input) in ports.iter_mut().zip(inputs) {
        port.start = input.as_ptr().cast_mut().cast();
    }
    ports[2].start = result.as_mut_ptr().cast();
    let run = size_of_val(inputs[0]) as u64;
    let mut arguments =
        Arguments { rows: 1, run, row: 0, at: 0, state: state.as_mut_ptr().cast(), flush_mask: 0, ports };
    for is_optimistic in [true, false] {
        let trace = Trace::new(is_optimistic, is_wide, 8 * size_of::<T>() as u32);
        let mut trace = Recorder::<T>::record(trace, 0, |lanes| {
            let [x, y] = [0, 1].map(|port| lanes.with(|trace| trace.value(Op::Load(port), &[])));
            let value = work(lanes, x, y);
            lanes.with(|trace| trace.turn.push(Item::Store(2, value)));
        });
        trace.prune();
        let emitted = emit(&trace, 3, is_wide).expect("three ports and no accumulators fit");
        let code = Code::place(vec![emitted]).pop().expect("the system lets code run");
        // SAFETY: the ports are as long as a row, and the level is available.
        if unsafe { code.run(&mut arguments) } {
            return result;
        }
        assert!(is_optimistic, "code that assumes nothing does all rows");
    }
    result
}

fn levels() -> impl Iterator<Item = Level> {
    Level::available().filter(|level| width::<f32>(*level).is_some())
}

/// Ordinary values with edges among them, of a length that no vector divides.
fn arguments<T: Precision>(shift: usize) -> Vec<T> {
    let ordinary = |at: usize| (at as f64 * 0.618_033_988_7 * (shift as f64 + 1.0)).fract() * 12.0 - 4.0;
    (0..1013)
        .map(|at| if at % 7 == shift { EDGES[at / 7 % EDGES.len()] } else { ordinary(at) })
        .map(T::from_double)
        .collect()
}

fn is_same<T: Precision>(a: T, b: T) -> bool {
    a.is_nan() && b.is_nan() || a.to_double().to_bits() == b.to_double().to_bits()
}

fn functions_have_the_same_bits<T: Precision>() {
    for level in levels() {
        for function in Elementary::ALL {
            for (length, shifts) in [(1013, [0, 3]), (5, [1, 2]), (64, [5, 6])] {
                let [x, y] = shifts.map(|shift| arguments::<T>(shift));
                let inputs = [&x[..length], &y[..length]];
                let got = run(level, inputs, |lanes, x, y| function.of_registers(lanes, x, y));
                let mut wanted = vec![T::default(); length];
                function.apply(level, &inputs[..function.arity()], &mut wanted);
                for (at, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
                    let (x, y) = (inputs[0][at], inputs[1][at]);
                    assert!(
                        is_same(*got, *wanted),
                        "{level:?} {} of {x} and {y}: {got} is not {wanted}",
                        function.name()
                    );
                }
            }
        }
    }
}

#[test]
fn functions_have_the_same_bits_in_single_precision() {
    functions_have_the_same_bits::<f32>();
}

#[test]
fn functions_have_the_same_bits_in_double_precision() {
    functions_have_the_same_bits::<f64>();
}

/// More values at once than there are registers, each needed again after all of them.
#[test]
fn values_beyond_the_registers_go_to_the_frame() {
    const COUNT: usize = 70;
    for level in levels() {
        let (x, y) = (arguments::<f64>(8), arguments::<f64>(9));
        let got = run(level, [&x, &y], |lanes, x, y| {
            let all: Vec<Value> =
                (1..COUNT).map(|n| lanes.add(lanes.mul(x, lanes.constant(n as f64)), y)).collect();
            all.iter().rev().fold(x, |sum, value| lanes.mul_add(*value, *value, sum))
        });
        for (at, got) in got.iter().enumerate() {
            let all = (1..COUNT).rev().map(|n| x[at] * n as f64 + y[at]);
            let wanted = all.fold(x[at], |sum, value| value.mul_add(value, sum));
            assert!(is_same(*got, wanted), "{level:?} at {at}: {got} is not {wanted}");
        }
    }
}

/// A region that runs for some vectors only, with more values about than registers: what was there before is there
/// afterwards, whether it ran or not.
#[test]
fn regions_leave_the_rest_as_it_was() {
    const COUNT: usize = 40;
    for level in levels() {
        let x: Vec<f64> =
            (0..203).map(|at| if at % 50 < 20 { -1.0 - at as f64 } else { at as f64 }).collect();
        let y = arguments::<f64>(8)[..203].to_vec();
        let got = run(level, [&x, &y], |lanes, x, y| {
            let before: Vec<Value> = (1..COUNT).map(|n| lanes.add(y, lanes.constant(n as f64))).collect();
            let mask = lanes.less(x, lanes.zero());
            lanes.with(|trace| trace.enter(mask));
            let within: Vec<Value> = (1..COUNT).map(|n| lanes.mul(x, lanes.constant(n as f64))).collect();
            let sum = within.iter().rev().fold(before[3], |sum, value| lanes.add(sum, *value));
            lanes.with(Trace::leave);
            let chosen = lanes.select(mask, sum, y);
            before.iter().fold(chosen, |sum, value| lanes.mul_add(*value, y, sum))
        });
        for at in 0..x.len() {
            let within = (1..COUNT).rev().fold(y[at] + 4.0, |sum, n| sum + x[at] * n as f64);
            let chosen = if x[at] < 0.0 { within } else { y[at] };
            let wanted = (1..COUNT).fold(chosen, |sum, n| (y[at] + n as f64).mul_add(y[at], sum));
            assert!(is_same(got[at], wanted), "{level:?} at {at}: {} is not {wanted}", got[at]);
        }
    }
}
