//! Value and gradient of elementwise losses: compiled, hand-written, and by the reference evaluator, in one run.
//!
//! `cargo bench --bench evaluation` prints nanoseconds an element (the least of many runs, which alternate) and ratios.

use lossform::evaluate::Data;
use lossform::vector::functions::{exp, log, sigmoid, sigmoid_softplus, sign};
use lossform::vector::{Lanes, Level, Precision, Vectorized};
use lossform::{Loss, Reduction, Request};
use ndarray::ArrayD;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

const ELEMENTS: usize = 1 << 18;
const RUNS: usize = 25;

/// A loss of two inputs: its value and the gradient in the first, as one would write them by hand.
trait Element: Copy {
    fn element<L: Lanes>(self, l: L, x: L::Register, y: L::Register) -> (L::Register, L::Register);
}

/// A loop over all elements that writes the gradient and sums the value in vectors.
struct Hand<'a, T, E> {
    element: E,
    x: &'a [T],
    y: &'a [T],
    gradient: &'a mut [T],
}

impl<T: Precision, E: Element> Vectorized<T> for Hand<'_, T, E> {
    type Output = T;
    #[inline(always)]
    fn run<L: Lanes<Scalar = T>>(self, l: L) -> T {
        let mut sums = [l.zero(); 2];
        let scale = l.constant(1.0 / self.x.len() as f64);
        for at in (0..self.x.len()).step_by(2 * L::WIDTH) {
            for (n, sum) in sums.iter_mut().enumerate() {
                let at = at + n * L::WIDTH;
                let (value, gradient) = self.element.element(l, l.load(&self.x[at..]), l.load(&self.y[at..]));
                l.store(&mut self.gradient[at..], l.mul(gradient, scale));
                *sum = l.add(*sum, value);
            }
        }
        l.sum_of_lanes(l.add(sums[0], sums[1]))
    }
}

macro_rules! elements {
    ($($name:ident, $l:ident, $x:ident, $y:ident => $body:block;)*) => {$(
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy)]
        struct $name;
        impl Element for $name {
            #[inline(always)]
            fn element<L: Lanes>(self, $l: L, $x: L::Register, $y: L::Register) -> (L::Register, L::Register) $body
        }
    )*};
}

elements! {
    mse, l, x, y => {
        let d = l.sub(x, y);
        (l.mul(d, d), l.add(d, d))
    };
    l1, l, x, y => {
        let d = l.sub(x, y);
        (l.abs(d), sign(l, d))
    };
    huber, l, x, y => {
        let d = l.sub(x, y);
        let (size, half) = (l.abs(d), l.constant(0.5));
        let near = l.less_equal(size, l.one());
        let value = l.select(near, l.mul(l.mul(d, d), half), l.sub(size, half));
        (value, l.select(near, d, sign(l, d)))
    };
    bce_with_logits, l, x, y => {
        let (p, softplus) = sigmoid_softplus(l, x);
        (l.neg_mul_add(x, y, softplus), l.sub(p, y))
    };
    focal_with_logits, l, x, y => {
        // With s = z for y = 1 and -z for y = 0: 1 - p_t = sigmoid(-s) and -log(p_t) = softplus(-s).
        let positive = l.equal(y, l.one());
        let turned = l.select(positive, l.neg(x), x);
        let (q, entropy) = sigmoid_softplus(l, turned);
        let weight = l.select(positive, l.constant(0.25), l.constant(0.75));
        let square = l.mul(weight, l.mul(q, q));
        let inner = l.mul_add(l.mul(l.constant(2.0), l.sub(l.one(), q)), entropy, q);
        let slope = l.mul(square, inner);
        (l.mul(square, entropy), l.select(positive, l.neg(slope), slope))
    };
    sigmoid_mse, l, x, y => {
        let p = sigmoid(l, x);
        let d = l.sub(p, y);
        (l.mul(d, d), l.mul(l.mul(l.add(d, d), p), l.sub(l.one(), p)))
    };
    exponential, l, x, y => {
        let e = exp(l, l.neg(l.mul(x, y)));
        (e, l.neg(l.mul(y, e)))
    };
    bce, l, x, y => {
        let one = l.one();
        let (rest, other) = (l.sub(one, x), l.sub(one, y));
        let value = l.mul_add(y, log(l, x), l.mul(other, log(l, rest)));
        (l.neg(value), l.sub(l.div(other, rest), l.div(y, x)))
    };
}

fn least(mut run: impl FnMut()) -> f64 {
    let clock = Instant::now();
    run();
    clock.elapsed().as_secs_f64() * 1e9 / ELEMENTS as f64
}

fn compare<T: Precision, E: Element>(name: &str, element: E, x: &dyn Fn(f64) -> f64, y: &dyn Fn(f64) -> f64) {
    let loss = Loss::builtin(name).unwrap();
    let inputs: Vec<String> = loss.graph().variables().iter().map(|v| v.name.clone()).collect();
    let unit = |at: usize| (at as f64 * 0.618_033_988_749_894_8).fract();
    let array = |f: &dyn Fn(f64) -> f64, turn: usize| -> ArrayD<T> {
        ArrayD::from_shape_fn(ndarray::IxDyn(&[ELEMENTS]), |at| T::from_double(f(unit(at[0] * 2 + turn))))
    };
    let (x, y) = (array(x, 0), array(y, 1));
    let arrays: BTreeMap<String, ArrayD<T>> =
        [(inputs[0].clone(), x.clone()), (inputs[1].clone(), y.clone())].into();
    let evaluator = |reference| {
        let gradients = vec![inputs[0].clone()];
        let request = Request { gradients, reduction: Reduction::Mean, reference, ..Request::default() };
        loss.evaluator::<T>(&request).unwrap()
    };
    let (reference, fast) = (evaluator(true), evaluator(false));
    let data: Data<T> = fast.bind(&arrays, &BTreeMap::new()).unwrap();
    let mut compiled = fast.compile(&data).unwrap().unwrap();
    let (x, y) = (x.as_slice().unwrap(), y.as_slice().unwrap());
    let mut gradient = vec![T::zero(); ELEMENTS];
    let [mut ours, mut hand, mut slow] = [f64::INFINITY; 3];
    for run in 0..RUNS {
        ours = ours.min(least(|| {
            black_box(fast.rerun(&mut compiled, &data).unwrap());
        }));
        hand = hand.min(least(|| {
            let gradient = gradient.as_mut_slice();
            black_box(Level::detect().dispatch(Hand { element, x, y, gradient }));
        }));
        if run < 2 {
            slow = slow.min(least(|| {
                black_box(reference.run(&data, &|_| {}).unwrap());
            }));
        }
    }
    let kind = std::any::type_name::<T>();
    println!(
        "{name:20} {kind}  compiled {ours:7.3}  by hand {hand:7.3}  reference {slow:8.2}  compiled/hand {:5.2}  reference/compiled {:6.1}",
        ours / hand,
        slow / ours
    );
}

fn all<T: Precision>() {
    let logit = |u: f64| 12.0 * u - 6.0;
    let label = |u: f64| f64::from(u8::from(u < 0.3));
    let sides = |u: f64| if u < 0.3 { -1.0 } else { 1.0 };
    let inside = |u: f64| 0.01 + 0.98 * u;
    compare::<T, _>("mse", mse, &logit, &logit);
    compare::<T, _>("l1", l1, &logit, &logit);
    compare::<T, _>("huber", huber, &logit, &logit);
    compare::<T, _>("bce", bce, &inside, &label);
    compare::<T, _>("bce_with_logits", bce_with_logits, &logit, &label);
    compare::<T, _>("focal_with_logits", focal_with_logits, &logit, &label);
    compare::<T, _>("sigmoid_mse", sigmoid_mse, &logit, &label);
    compare::<T, _>("exponential", exponential, &logit, &sides);
}

fn main() {
    // `cargo test --benches` runs this without arguments of its own: a look is enough there.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    println!("nanoseconds an element, value and gradient, one thread, {:?}", Level::detect());
    all::<f32>();
    all::<f64>();
}
