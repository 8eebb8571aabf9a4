//! Random formulas: the simplified gradient is the gradient, and simplification does not change a value.

use crate::points::{Draw, inputs};
use lossform::evaluate::Extended;
use lossform::real::Real;
use lossform::{Loss, Request};
use std::collections::BTreeMap;

/// A random formula over x, y (reals), p in (0,1), q in [0,1], t in {0,1} and the vector v[c].
pub fn formula(draw: &mut Draw, depth: usize, in_sum: bool) -> String {
    let leaf = |draw: &mut Draw| {
        let names: &[&str] = if in_sum {
            &["x", "p", "t", "v", "v", "w", "2", "0.5", "3"]
        } else {
            &["x", "y", "p", "q", "t", "2", "1", "0.25"]
        };
        names[draw.below(names.len())].to_owned()
    };
    if depth == 0 {
        return leaf(draw);
    }
    let sub = |draw: &mut Draw| formula(draw, depth - 1, in_sum);
    match draw.below(25) {
        0 | 1 => format!("({} + {})", sub(draw), sub(draw)),
        2 => format!("({} - {})", sub(draw), sub(draw)),
        3..=5 => format!("({})*({})", sub(draw), sub(draw)),
        6 => format!("({})/(1 + ({})^2)", sub(draw), sub(draw)),
        7 => format!("({})^2", sub(draw)),
        8 => format!("sigmoid({})", sub(draw)),
        9 => format!("exp(-({})^2)", sub(draw)),
        10 => format!("log(1 + exp({}))", sub(draw)),
        11 => format!("tanh({})", sub(draw)),
        12 => format!("|{}|", leaf(draw)),
        13 => format!("max({}, {})", leaf(draw), sub(draw)),
        14 => format!("(if {} < {} then {} else {})", leaf(draw), leaf(draw), sub(draw), sub(draw)),
        15 => format!("(if t == 1 then {} else {})", sub(draw), sub(draw)),
        16 => format!("log({})", ["p", "1 - p", "(1 + exp(x))"][draw.below(3)]),
        17 => format!("(1 - p)^{}*({})", [2, 3][draw.below(2)], sub(draw)),
        18 => format!("1/(1 + exp(-({})))", sub(draw)),
        // What is not defined where the guard does not hold.
        19 => format!("(if x > {} then log(x)*({}) else 0)", ["0", "1", "p"][draw.below(3)], sub(draw)),
        20 => format!("(if x != 0 then ({})/x else 0)", sub(draw)),
        _ if !in_sum => {
            let body = formula(draw, depth - 1, true);
            match draw.below(7) {
                5 => format!("sum[c](v[c+1]*v[c] + |v[c+1] - v[c]|)*({})", sub(draw)),
                6 => "sum[c](sqrt(1 + (v[c+1] - v[c])^2))".to_owned(),
                0 => format!("sum[c](v*({body}))"),
                1 => format!("logsumexp[c](v + ({body}))"),
                2 => format!("norm[c](v + ({body}))"),
                3 => format!("sum[c](w*softmax[c](v)*({body}))"),
                _ => format!("mean[c](v + ({body}))"),
            }
        }
        _ => format!("sqrt(1 + ({})^2)", sub(draw)),
    }
}

pub const SIGNATURE: &str = "x, y, p in (0,1), q in [0,1], t in {0,1}, v[c], w[c]";

/// Prints formulas and their gradients and reads them back as the same node. Gives those that are another.
fn read_back(seeds: std::ops::Range<u64>) -> Vec<String> {
    let mut others = Vec::new();
    for seed in seeds {
        let draw = &mut Draw(seed);
        let depth = 2 + draw.below(3);
        let body = formula(draw, depth, false);
        let loss = Loss::parse(&format!("loss f({SIGNATURE}) = {body}")).unwrap();
        let gradient = loss.gradient(["x", "p"][draw.below(2)]).unwrap();
        let written = lossform::print::text(&loss.document());
        let whole = |e: &str| Loss::parse(&format!("loss f({SIGNATURE}) = {e}"));
        for text in [&written, &gradient.text()] {
            let again = whole(text).unwrap_or_else(|e| panic!("{text}\n{e}"));
            let again = lossform::print::text(&again.document());
            if again != *text {
                others.push(format!("{text}\n  reads as\n{again}"));
            }
        }
        // Both in one formula: a node less itself is 0.
        let (printed, definitions) = written.split_once("\n").unwrap_or((&written, ""));
        let difference = whole(&format!("({body}) - ({printed})\n{definitions}")).unwrap();
        if !difference.graph().is_zero(difference.root()) {
            others.push(format!("{body}\n  prints as another node\n{written}"));
        }
    }
    others
}

#[test]
fn random_formulas_read_back_as_the_same() {
    let others = read_back(0..1000);
    assert!(others.is_empty(), "{}", others.join("\n\n"));
}

/// Draws formulas and compares the derivative before and after simplification in 237 bits.
fn check(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let draw = &mut Draw(seed);
        let depth = 2 + draw.below(3);
        let body = formula(draw, depth, false);
        let text = format!("loss f({SIGNATURE}) = {body}");
        let loss = Loss::parse(&text).unwrap_or_else(|e| panic!("{text}\n{e}"));
        let wrt: Vec<String> = ["x", "p", "v"].iter().map(ToString::to_string).collect();
        let evaluator = |raw| {
            loss.evaluator::<Extended>(&Request { gradients: wrt.clone(), raw, ..Request::default() })
                .unwrap()
        };
        let (raw, simplified) = (evaluator(true), evaluator(false));
        for point in 0..3 {
            let mut at = inputs::<Extended>(&loss, &mut Draw(seed * 31 + point), 3);
            if point == 2 {
                // An edge: zeros, where conventions hold.
                at.insert("x".into(), ndarray::arr0(Extended::from_double(0.0)).into_dyn());
            }
            let (a, b) =
                match (raw.evaluate(&at, &BTreeMap::new()), simplified.evaluate(&at, &BTreeMap::new())) {
                    (Ok(a), Ok(b)) => (a, b),
                    (a, b) => panic!("{text}\n{:?}\n{:?}", a.map(|_| ()), b.map(|_| ())),
                };
            for name in &wrt {
                for (x, y) in a.gradients[name].iter().zip(b.gradients[name].iter()) {
                    let (x, y) = (x.to_double(), y.to_double());
                    // Simplification may define more, never less.
                    let fits = x.is_nan() || (x - y).abs() <= 1e-13 * x.abs().max(1.0) || x == y;
                    assert!(
                        fits,
                        "{text}\nd/d{name} at point {point}: {x} before, {y} after\n{}",
                        loss.gradient(name).unwrap()
                    );
                }
            }
        }
    }
}

#[test]
fn simplified_gradients_are_the_gradients() {
    check(0..1500);
}

/// The long run: `cargo test --release --test suite -- --ignored soak`.
#[test]
#[ignore = "takes minutes"]
fn soak() {
    check(10_000..200_000);
}
