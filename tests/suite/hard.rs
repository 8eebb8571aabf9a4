//! Losses at inputs that are hard in floating point, however they are spelled.
//!
//! `tests/reference/generate_hard.py` wrote the values and gradients, from formulas of its own at hundreds of digits. The bar
//! is the same everywhere: no NaN, no infinity where the true number is finite, no relative error above 1e-6 in
//! single and 1e-12 in double precision. Numbers below the normal ones of a type have fewer digits: there the
//! error is relative to the least normal number.

use lossform::real::Real;
use lossform::{Evaluator, Loss, Request};
use ndarray::ArrayD;
use serde_json::Value;
use std::collections::BTreeMap;

/// Groups that miss the bar: name, precision, how many cases of one spelling at the most, the largest error, and why
/// nothing is to be done about it.
const EXCEPTIONS: &[(&str, &str, usize, f64, &str)] = &[
    ("distillation", "f64", 2, 3e-7, FIRST_ORDER),
    ("distillation", "f32", 2, 3e-4, FIRST_ORDER),
    ("triplet loss", "f64", 5, 1.0, UNIT_VECTORS),
    ("triplet loss", "f32", 5, 1.0, UNIT_VECTORS),
    ("focal loss of several classes", "f64", 3, 1.0, SECOND_ORDER),
    ("focal loss of several classes", "f32", 1, 1.0, SECOND_ORDER),
    (
        "swish",
        "f32",
        1,
        6e-6,
        "sigmoid(-100) is a subnormal number with five digits, and the value is as well",
    ),
    (
        "entropy of a sigmoid",
        "f32",
        2,
        6e-6,
        "sigmoid(-100) is a subnormal number with five digits, and the value is as well",
    ),
    (
        "cosine distance",
        "f32",
        1,
        1.4e-6,
        "an element of the gradient is a difference of two that are five times as large",
    ),
    (
        "cross-entropy of fractional logits",
        "f32",
        6,
        4e-6,
        "a difference of logits near 80 is rounded by up to 4e-6, and so is the probability, relatively",
    ),
    ("gelu", "f32", 1, 1.2e-6, "the rounding of x/sqrt(2), whose square is in an exponent, counts 64 times"),
];

const FIRST_ORDER: &str = "for logits that differ by d, -d and 0 the first component is of the order of d^2: what is of first order cancels \
     over the classes, after it was rounded";

const SECOND_ORDER: &str = "where one class is all but certain, its component is of the order of the square of the others' \
     probabilities; the two terms of first order are rounded apart, as the derived formula has them";

const UNIT_VECTORS: &str =
    "an anchor 1e200 away sees the other two points in the same direction, but for an angle of 1e-200";

fn table() -> Value {
    serde_json::from_str(include_str!("../reference/hard.json")).expect("the table is JSON")
}

/// The relative error of `got`; infinite for NaN and for an infinity of the wrong kind.
fn error<T: Real>(got: T, want: f64) -> f64 {
    let rounded = T::from_double(want);
    if rounded.is_infinite() {
        return if got == rounded { 0.0 } else { f64::INFINITY };
    }
    let got = got.to_double();
    if !got.is_finite() {
        return f64::INFINITY;
    }
    (got - want).abs() / want.abs().max(T::min_positive_value().to_double())
}

fn numbers(value: &Value, all: &mut Vec<Option<f64>>) {
    match value {
        Value::Array(parts) => parts.iter().for_each(|part| numbers(part, all)),
        // At a limit the slope may have none.
        Value::String(text) if text == "any" => all.push(None),
        Value::String(text) => all.push(Some(text.parse().expect("a number as text"))),
        _ => panic!("{value} is no number"),
    }
}

/// The largest error over value and gradients.
fn worst<T: Real>(evaluator: &Evaluator<T>, case: &Value) -> f64 {
    let arrays: BTreeMap<String, ArrayD<T>> = case["inputs"]
        .as_object()
        .expect("inputs")
        .iter()
        .map(|(name, value)| (name.clone(), crate::references::array(value).mapv(T::from_double)))
        .collect();
    let parameters = case["params"].as_object().expect("parameters");
    let parameters =
        parameters.iter().map(|(k, v)| (k.clone(), T::from_double(v.as_f64().expect("a number")))).collect();
    let Ok(result) = evaluator.evaluate(&arrays, &parameters) else { return f64::INFINITY };
    let mut got: Vec<T> = result.value.iter().copied().collect();
    let mut want = Vec::new();
    numbers(&case["value"], &mut want);
    for (name, gradient) in &result.gradients {
        got.extend(gradient.iter());
        numbers(&case["grads"][name], &mut want);
    }
    assert_eq!(got.len(), want.len(), "{case}");
    got.iter().zip(want).filter_map(|(g, w)| Some(error(*g, w?))).fold(0.0, f64::max)
}

/// A line for each spelling that misses the bar.
fn violations<T: Real>(precision: &str, tolerance: f64, counts: &mut (usize, usize)) -> Vec<String> {
    let mut found = Vec::new();
    for group in table()["groups"].as_array().expect("groups") {
        for spelling in group["spellings"].as_array().expect("spellings") {
            let spelling = spelling.as_str().expect("a formula");
            let is_name = spelling.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let loss = if is_name { Loss::builtin(spelling) } else { Loss::parse(spelling) };
            let loss = loss.unwrap_or_else(|e| panic!("{spelling}\n{e}"));
            let gradients: Vec<String> = group["grads"]
                .as_array()
                .expect("names")
                .iter()
                .map(|n| n.as_str().expect("a name").to_owned())
                .collect();
            let request = Request { gradients, ..Request::default() };
            let evaluator = loss.evaluator::<T>(&request).unwrap_or_else(|e| panic!("{spelling}\n{e}"));
            let (mut worst_error, mut where_worst, mut failures, mut total) = (0.0, String::new(), 0, 0);
            for case in group["cases"].as_array().expect("cases") {
                // A formula need not have every parameter.
                let mut case = case.clone();
                if let Some(parameters) = case["params"].as_object_mut() {
                    parameters.retain(|name, _| loss.graph().find_variable(name).is_some());
                }
                if case["precision"] != precision {
                    continue;
                }
                let error = worst(&evaluator, &case);
                total += 1;
                failures += usize::from(error > tolerance);
                if error > worst_error {
                    (worst_error, where_worst) = (error, case.to_string());
                }
            }
            counts.0 += failures;
            counts.1 += total;
            let name = group["name"].as_str().expect("a name");
            let known = EXCEPTIONS.iter().any(|(known, p, count, most, _)| {
                *known == name && *p == precision && failures <= *count && worst_error <= *most
            });
            if failures > 0 && !known {
                found.push(format!(
                    "{name}, {precision}: {failures} of {total}, {worst_error:.1e}\n  {spelling}\n  {where_worst}"
                ));
            }
        }
    }
    found
}

#[track_caller]
fn check<T: Real>(precision: &str, tolerance: f64) {
    let mut counts = (0, 0);
    let found = violations::<T>(precision, tolerance, &mut counts);
    assert!(
        found.is_empty(),
        "{} spellings, {} of {} cases miss the bar:\n{}",
        found.len(),
        counts.0,
        counts.1,
        found.join("\n")
    );
}

#[test]
fn double_precision_keeps_its_digits() {
    check::<f64>("f64", 1e-12);
}

#[test]
fn single_precision_keeps_its_digits() {
    check::<f32>("f32", 1e-6);
}
