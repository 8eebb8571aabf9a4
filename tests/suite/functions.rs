//! Every elementary function against values computed with another library.
//!
//! `tests/reference/generate_functions.py` wrote the values. An argument there stands for the double that its
//! text is read as, so the values are exact for both types.

use lossform::evaluate::Extended;
use lossform::function::Function;
use lossform::real::Real;
use num_traits::Num;
use serde_json::Value;

fn table() -> Value {
    serde_json::from_str(include_str!("../reference/functions.json")).expect("the table is JSON")
}

fn double(text: &Value) -> f64 {
    // Texts of more digits than a double has are rounded to the nearest.
    text.as_str().and_then(|t| t.parse().ok()).expect("a number as text")
}

fn extended(text: &Value) -> Extended {
    match text.as_str() {
        Some("nan" | "inf" | "-inf") => Extended::from_double(double(text)),
        Some(digits) => Extended::from_str_radix(digits, 10).expect("a decimal number"),
        None => panic!("a number as text"),
    }
}

/// Where `got` is further from `want` than the tolerance, relative to `want`, or is of another kind.
fn is_off<T: Real>(got: T, want: T, tolerance: f64) -> bool {
    if want.is_nan() || got.is_nan() {
        return want.is_nan() != got.is_nan();
    }
    if want.is_infinite() || want == T::zero() || got == want {
        return got != want;
    }
    // A value below the normal numbers has fewer digits.
    let allowed = (T::from_double(tolerance) * want.abs()).max(T::min_positive_value() * T::epsilon());
    // An infinite `got` is off by infinity; NaN was dealt with above.
    (got - want).abs() > allowed
}

fn check<T: Real>(read: fn(&Value) -> T, tolerance: f64) {
    let table = table();
    let mut wrong = Vec::new();
    for function in Function::ALL {
        let rows =
            table[function.name()].as_array().unwrap_or_else(|| panic!("no values for {}", function.name()));
        for row in rows {
            let arguments: Vec<T> = row["arguments"]
                .as_array()
                .expect("arguments")
                .iter()
                .map(|text| T::from_double(double(text)))
                .collect();
            let (got, want) = (function.evaluate(&arguments), read(&row["value"]));
            if is_off(got, want, tolerance) {
                wrong.push(format!("{}{:?} = {got}, not {want}", function.name(), row["arguments"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} values are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn doubles_agree_with_the_reference() {
    check::<f64>(double, 1e-14);
}

#[test]
fn extended_precision_agrees_with_the_reference() {
    check::<Extended>(extended, 1e-60);
}

#[test]
fn single_precision_agrees_with_the_reference() {
    let table = table();
    for function in Function::ALL {
        for row in table[function.name()].as_array().into_iter().flatten() {
            let arguments: Vec<f64> = row["arguments"].as_array().into_iter().flatten().map(double).collect();
            // Only arguments that single precision holds exactly.
            if arguments.iter().any(|a| f64::from(*a as f32) != *a) {
                continue;
            }
            let singles: Vec<f32> = arguments.iter().map(|a| *a as f32).collect();
            let (got, want) = (function.evaluate(&singles), double(&row["value"]) as f32);
            assert!(!is_off(got, want, 4e-6), "{}({singles:?}) = {got}, not {want}", function.name());
        }
    }
}
