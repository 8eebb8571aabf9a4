//! `{"inputs": {"p": [0.5, 0.25]}, "params": {"gamma": 2}}`

use super::{AXES_LIMIT, Array, Arrays, fault, volume};
use crate::cli::plain_error;
use crate::diagnostic::Error;
use serde_json::Value;

/// Reads `{"inputs": {…}, "params": {…}}`; `path` is for messages.
pub(super) fn parse(text: &str, path: &str) -> Result<Arrays, Error> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        plain_error(
            fault("malformed-json", format!("`{path}` is not JSON: {error}"))
                .help("write `{\"inputs\": {\"p\": [0.5, 0.25]}, \"params\": {\"gamma\": 2}}`"),
        )
    })?;
    let Value::Object(top) = &value else {
        return Err(plain_error(
            fault("malformed-json", format!("`{path}` is not an object with `inputs`"))
                .help("write `{\"inputs\": {\"p\": 0.5}}`"),
        ));
    };
    if let Some(key) = top.keys().find(|k| *k != "inputs" && *k != "params") {
        return Err(plain_error(
            fault("unknown-key", format!("`{path}` has the key `{key}`"))
                .help("the keys are `inputs` and `params`; inputs stand within `inputs`"),
        ));
    }
    let mut arrays = Arrays::default();
    let section = |key: &str| match top.get(key) {
        None => Ok(None),
        Some(Value::Object(entries)) => Ok(Some(entries)),
        Some(_) => Err(plain_error(
            fault("malformed-json", format!("`{key}` in `{path}` is not an object"))
                .help(format!("write `{{\"{key}\": {{\"name\": value}}}}`")),
        )),
    };
    if let Some(entries) = section("inputs")? {
        for (name, value) in entries {
            let mut elements = Vec::new();
            let mut shape: Vec<Option<usize>> = Vec::new();
            collect(value, 0, &mut shape, &mut elements, name, path)?;
            let shape: Vec<usize> = shape.into_iter().map(|s| s.unwrap_or(0)).collect();
            if volume(&shape) != Some(elements.len()) {
                return Err(plain_error(fault(
                    "ragged-array",
                    format!("the lists of `{name}` in `{path}` have different lengths"),
                )));
            }
            let array = Array::Held { shape, elements };
            arrays.inputs.insert(name.clone(), array);
        }
    }
    if let Some(entries) = section("params")? {
        for (name, value) in entries {
            let value = number(value).ok_or_else(|| {
                plain_error(
                    fault(
                        "not-a-number",
                        format!("the hyperparameter `{name}` in `{path}` is {value}, not a number"),
                    )
                    .help(format!("write `\"{name}\": 2.0`")),
                )
            })?;
            arrays.parameters.insert(name.clone(), value);
        }
    }
    Ok(arrays)
}

/// The elements of a nested list, row-major; the first list on each level tells the length of all.
fn collect(
    value: &Value,
    depth: usize,
    shape: &mut Vec<Option<usize>>,
    elements: &mut Vec<f64>,
    name: &str,
    path: &str,
) -> Result<(), Error> {
    let ragged = |found: String, expected: String| {
        plain_error(
            fault(
                "ragged-array",
                format!("the lists of `{name}` in `{path}` are ragged: expected {expected}, found {found}"),
            )
            .help(format!("after {} numbers; every list on one level has the same length", elements.len())),
        )
    };
    if let Value::Array(items) = value {
        if depth >= AXES_LIMIT {
            return Err(plain_error(fault(
                "too-many-axes",
                format!("the lists of `{name}` in `{path}` nest more than {AXES_LIMIT} deep"),
            )));
        }
        if shape.len() <= depth {
            if !elements.is_empty() {
                return Err(ragged("a list".to_owned(), "a number".to_owned()));
            }
            shape.push(Some(items.len()));
        } else if shape[depth] != Some(items.len()) {
            let expected = shape[depth].map_or(0, |l| l);
            return Err(ragged(format!("a list of {}", items.len()), format!("a list of {expected}")));
        }
        for item in items {
            collect(item, depth + 1, shape, elements, name, path)?;
        }
        return Ok(());
    }
    let found = number(value).ok_or_else(|| {
        plain_error(
            fault("not-a-number", format!("`{name}` in `{path}` holds {value}, which is not a number"))
                .help("write numbers, lists of numbers, or \"nan\", \"inf\", \"-inf\""),
        )
    })?;
    if shape.len() != depth {
        return Err(ragged("a number".to_owned(), "a list".to_owned()));
    }
    elements.push(found);
    Ok(())
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        Value::String(s) => match s.as_str() {
            "nan" => Some(f64::NAN),
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}
