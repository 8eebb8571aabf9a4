//! Values, gradients and Hessian diagonals against PyTorch.

use lossform::{Library, Request};
use ndarray::{ArrayD, IxDyn};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Relative to the reference, or to this where the reference is smaller.
const FLOOR: f64 = 1e-2;

pub fn array(value: &Value) -> ArrayD<f64> {
    fn collect(value: &Value, depth: usize, shape: &mut Vec<usize>, elements: &mut Vec<f64>) {
        match value {
            Value::Array(items) => {
                if shape.len() == depth {
                    shape.push(items.len());
                }
                items.iter().for_each(|item| collect(item, depth + 1, shape, elements));
            }
            other => elements.push(other.as_f64().unwrap_or(f64::NAN)),
        }
    }
    let (mut shape, mut elements) = (Vec::new(), Vec::new());
    collect(value, 0, &mut shape, &mut elements);
    ArrayD::from_shape_vec(IxDyn(&shape), elements).unwrap()
}

fn arrays(value: &Value) -> BTreeMap<String, ArrayD<f64>> {
    value.as_object().map_or(BTreeMap::new(), |o| o.iter().map(|(k, v)| (k.clone(), array(v))).collect())
}

/// Checks all cases of a reference file; gives the losses that it has cases of.
#[track_caller]
pub fn check_cases(library: &Library, text: &str) -> BTreeSet<String> {
    let file: Value = serde_json::from_str(text).unwrap();
    let mut seen = BTreeSet::new();
    let mut failures = Vec::new();
    for case in file["cases"].as_array().unwrap() {
        let name = case["loss"].as_str().unwrap();
        seen.insert(name.to_owned());
        let loss = library.loss(name).unwrap_or_else(|error| panic!("{name}:\n{error}"));
        let (inputs, gradients, diagonals) =
            (arrays(&case["inputs"]), arrays(&case["grads"]), arrays(&case["hess_diag"]));
        let parameters: BTreeMap<String, f64> = case["params"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(k, v)| (k.clone(), v.as_f64().unwrap()))
            .collect();
        for raw in [false, true] {
            let request = Request {
                gradients: gradients.keys().cloned().collect(),
                hessian_diagonals: diagonals.keys().cloned().collect(),
                raw,
                ..Request::default()
            };
            let what = format!("{name}, {} (raw: {raw})", case["name"]);
            let result = loss.evaluator::<f64>(&request).and_then(|e| e.evaluate(&inputs, &parameters));
            let result = result.unwrap_or_else(|error| panic!("{what}:\n{error}"));
            let mut compare = |kind: &str, found: &ArrayD<f64>, expected: &ArrayD<f64>| {
                assert_eq!(found.shape(), expected.shape(), "{what}: {kind}");
                for (at, (a, b)) in found.iter().zip(expected).enumerate() {
                    let error = (a - b).abs() / b.abs().max(FLOOR);
                    if error.is_nan() || error > 1e-10 {
                        failures.push(format!("{what}: {kind} at {at}: {a} instead of {b} ({error:.1e})"));
                    }
                }
            };
            compare("value", &result.value, &array(&case["value"]));
            for (input, expected) in &gradients {
                compare(&format!("gradient of {input}"), &result.gradients[input], expected);
            }
            for (input, expected) in &diagonals {
                compare(&format!("Hessian diagonal of {input}"), &result.hessian_diagonals[input], expected);
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures[..failures.len().min(30)].join("\n")
    );
    seen
}

#[test]
fn built_in_losses_agree_with_pytorch() {
    let library = Library::builtin();
    let seen = check_cases(&library, include_str!("../reference/builtin.json"));
    for name in library.names() {
        assert!(seen.contains(name), "no reference case of {name}");
    }
}
