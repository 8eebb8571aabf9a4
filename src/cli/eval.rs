//! `lossform eval`

use super::arguments::{EvalOptions, Precision, Reduction};
use super::data::{Tables, read, to_json, write_npz};
use super::{Outcome, loss, plain_error, print, print_json};
use crate::diagnostic::{Diagnostic, Error, Fault};
use crate::evaluate::Limits;
use crate::evaluation::{Evaluation, Explanation, Request};
use crate::library::Library;
use crate::loss::Loss;
use crate::real::Real;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ndarray::ArrayD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::IsTerminal;

pub(super) fn run(library: &Library, options: &EvalOptions) -> Outcome {
    if options.loss.loss == "-" && options.data == "-" {
        return Err(plain_error(
            Diagnostic::new(
                "two-standard-inputs",
                "the formula and the data cannot both come from standard input",
            )
            .help("put one of them in a file"),
        ));
    }
    let loss = loss(library, &options.loss)?;
    let tables = read(&options.data, &loss)?;
    match options.precision {
        Precision::F64 => evaluate::<f64>(&loss, &tables, options),
        Precision::F32 => evaluate::<f32>(&loss, &tables, options),
    }
}

pub(super) fn request(
    gradients: &[String],
    hessian_diagonals: &[String],
    reduction: Reduction,
    threads: u16,
    memory: f64,
) -> Result<Request, Error> {
    if !(memory > 0.0 && memory < 1e9) {
        return Err(plain_error(
            Diagnostic::new(
                "invalid-memory",
                format!("`--max-memory {memory}` is not a number of gibibytes"),
            )
            .help("for example `--max-memory 8`"),
        ));
    }
    Ok(Request {
        gradients: gradients.to_vec(),
        hessian_diagonals: hessian_diagonals.to_vec(),
        reduction: match reduction {
            Reduction::None => crate::evaluation::Reduction::None,
            Reduction::Sum => crate::evaluation::Reduction::Sum,
            Reduction::Mean => crate::evaluation::Reduction::Mean,
        },
        limits: Limits { memory: (memory * (1u64 << 30) as f64) as usize, threads: threads.into() },
        raw: false,
        reference: false,
    })
}

fn evaluate<T: Real>(loss: &Loss, tables: &Tables, options: &EvalOptions) -> Outcome {
    let request =
        request(&options.grad, &options.hess_diag, options.reduction, options.threads, options.max_memory)?;
    let evaluator = loss.evaluator::<T>(&request)?;
    let inputs: BTreeMap<String, ArrayD<T>> =
        tables.inputs.iter().map(|(name, array)| (name.clone(), array.mapv(T::from_double))).collect();
    let parameters = tables.parameters.iter().map(|(name, v)| (name.clone(), T::from_double(*v))).collect();
    let progress = progress_bar(tables, loss);
    let result = evaluator.evaluate_with_progress(&inputs, &parameters, &|done| progress.inc(done as u64));
    progress.finish_and_clear();
    let result = result?;
    let explanation = if options.explain_nan { evaluator.explain(&inputs, &parameters)? } else { None };
    report(loss, &result, explanation.as_ref(), options)
}

/// Shows on a terminal how far a long evaluation is.
fn progress_bar(tables: &Tables, loss: &Loss) -> ProgressBar {
    let batch = tables
        .inputs
        .iter()
        .map(|(name, array)| {
            let axes = loss.graph().variables().iter().find(|v| v.name == *name).map_or(0, |v| v.axes.len());
            array.shape().iter().rev().skip(axes).product::<usize>()
        })
        .max()
        .unwrap_or(1);
    let bar = ProgressBar::new(batch as u64);
    let visible = std::io::stderr().is_terminal() && batch > 100_000;
    bar.set_draw_target(if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() });
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {percent}% {human_pos}/{human_len} elements, {eta} left")
    {
        bar.set_style(style);
    }
    bar
}

/// `value is not finite at batch element [3]` and why.
fn explanation_text(explanation: &Explanation) -> String {
    let mut place: Vec<String> = Vec::new();
    if !explanation.batch.is_empty() {
        place.push(format!("batch element {:?}", explanation.batch));
    }
    place.extend(explanation.indices.iter().map(|(name, at)| format!("{name} = {at}")));
    let place = if place.is_empty() { String::new() } else { format!(" at {}", place.join(", ")) };
    format!(
        "{} is not finite{place}\n  first in {}\n  which is {}: {}\n",
        explanation.output,
        explanation.expression.replace('\n', "\n  "),
        number(explanation.value),
        explanation.reason
    )
}

fn number(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { value.to_string() }
}

fn report<T: Real>(
    loss: &Loss,
    result: &Evaluation<T>,
    explanation: Option<&Explanation>,
    options: &EvalOptions,
) -> Outcome {
    let arrays = |map: &BTreeMap<String, ArrayD<T>>| -> Value {
        Value::Object(map.iter().map(|(name, array)| (name.clone(), to_json(array))).collect::<Map<_, _>>())
    };
    let mut value =
        json!({"loss": loss.name(), "value": to_json(&result.value), "grads": arrays(&result.gradients)});
    if !options.hess_diag.is_empty() {
        value["hess_diag"] = arrays(&result.hessian_diagonals);
    }
    if options.explain_nan {
        value["explanation"] = explanation.map_or(Value::Null, |e| {
            let indices: Map<String, Value> = e.indices.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
            json!({
                "output": e.output,
                "batch": e.batch,
                "indices": indices,
                "expression": e.expression,
                "value": number(e.value),
                "reason": e.reason,
            })
        });
    }
    if let Some(path) = &options.output {
        if path.extension().is_some_and(|e| e == "npz") {
            return write_npz(path, result).map(|()| 0);
        }
        return std::fs::write(path, format!("{value}\n")).map(|()| 0).map_err(|error| {
            plain_error(
                Diagnostic::new("unwritable-output", format!("cannot write `{}`: {error}", path.display()))
                    .fault(Fault::Data),
            )
        });
    }
    if options.json {
        return print_json(&value);
    }
    let mut text = format!("value = {}\n", value["value"]);
    for (kind, key) in [("grads", "grad"), ("hess_diag", "hess_diag")] {
        if let Some(Value::Object(entries)) = value.get(kind) {
            for (name, array) in entries {
                text.push_str(&format!("{key} {name} = {array}\n"));
            }
        }
    }
    if options.explain_nan {
        text.push_str(&explanation.map_or_else(|| "all results are finite\n".to_owned(), explanation_text));
    }
    print(&text)
}
