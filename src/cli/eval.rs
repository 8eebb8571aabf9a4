//! `lossform eval`

use super::arguments::{EvalOptions, Precision, Reduction};
use super::data::{Element, Parts, open};
use super::results::{Kind, Results, unwritable};
use super::{Outcome, loss, plain_error, print_with};
use crate::diagnostic::{Diagnostic, Error};
use crate::evaluate::Limits;
use crate::evaluation::{Evaluation, Explanation, Request};
use crate::library::Library;
use crate::loss::Loss;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;

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
    match options.precision {
        Precision::F64 => evaluate::<f64>(&loss, options),
        Precision::F32 => evaluate::<f32>(&loss, options),
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

fn evaluate<T: Element>(loss: &Loss, options: &EvalOptions) -> Outcome {
    let source = open(&options.data, loss)?;
    let mut request =
        request(&options.grad, &options.hess_diag, options.reduction, options.threads, options.max_memory)?;
    let reduction = request.reduction;
    if reduction == crate::evaluation::Reduction::Mean {
        // Divided once all parts are known.
        request.reduction = crate::evaluation::Reduction::Sum;
    }
    let evaluator = loss.evaluator::<T>(&request)?;
    let mut parts = Parts::new(source, loss, &evaluator)?;
    let progress = Progress::new(&parts);
    let folder = match &options.output {
        None => std::env::temp_dir(),
        Some(path) => match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        },
    };
    let mut results = Results::new();
    let mut explanation = None;
    while let Some(data) = parts.next()? {
        evaluator.check(&data)?;
        let evaluation = evaluator.run(&data, &|done| progress.elements(done))?;
        if options.explain_nan && explanation.is_none() && !is_finite(&evaluation) {
            explanation = evaluator.explain(&data)?;
        }
        results.take(&evaluation, &data, (loss, reduction), &folder)?;
        progress.bytes(&parts);
    }
    // The data may be in the file that is written.
    drop(parts);
    drop(progress);
    report(loss, &mut results, explanation.as_ref(), options)
}

fn is_finite<T: Element>(evaluation: &Evaluation<T>) -> bool {
    let derivatives = evaluation.gradients.values().chain(evaluation.hessian_diagonals.values());
    derivatives.chain([&evaluation.value]).all(|array| array.iter().all(|v| v.is_finite()))
}

/// Shows on a terminal how far a long evaluation is, until it ends one way or another.
struct Progress {
    bar: ProgressBar,
    /// Whether batch elements are counted, or bytes.
    counts_elements: bool,
}

/// Batch elements, or bytes, from which on progress is shown.
const LONG: (u64, u64) = (100_000, 4 << 20);

impl Progress {
    fn new<T: Element>(parts: &Parts<'_, T>) -> Self {
        let counts_elements = parts.counts_elements();
        let (_, length) = parts.progress();
        let bar = ProgressBar::new(length);
        let visible =
            std::io::stderr().is_terminal() && length > if counts_elements { LONG.0 } else { LONG.1 };
        bar.set_draw_target(if visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        let style = ProgressStyle::with_template(if counts_elements {
            "{bar:40} {percent}% {human_pos}/{human_len} elements, {eta} left"
        } else {
            "{bar:40} {percent}% {bytes}/{total_bytes}, {eta} left"
        });
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Progress { bar, counts_elements }
    }

    /// So many batch elements more have been done.
    fn elements(&self, done: usize) {
        if self.counts_elements {
            self.bar.inc(done as u64);
        }
    }

    /// What has been read has been done.
    fn bytes<T: Element>(&self, parts: &Parts<'_, T>) {
        if !self.counts_elements {
            self.bar.set_position(parts.progress().0);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
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

/// What the explanation says, by key.
fn explanation_json(explanation: &Explanation) -> Value {
    let indices: Map<String, Value> =
        explanation.indices.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
    json!({
        "output": explanation.output,
        "batch": explanation.batch,
        "indices": indices,
        "expression": explanation.expression,
        "value": number(explanation.value),
        "reason": explanation.reason,
    })
}

fn report<T: Element>(
    loss: &Loss,
    results: &mut Results<T>,
    explanation: Option<&Explanation>,
    options: &EvalOptions,
) -> Outcome {
    let write_json = |results: &mut Results<T>, out: &mut dyn Write| {
        write!(out, "{{\"loss\":{},\"value\":", Value::from(loss.name()))?;
        results.write_value(out)?;
        write!(out, ",\"grads\":")?;
        results.write_derivatives(Kind::Gradient, out)?;
        if !options.hess_diag.is_empty() {
            write!(out, ",\"hess_diag\":")?;
            results.write_derivatives(Kind::HessianDiagonal, out)?;
        }
        if options.explain_nan {
            write!(out, ",\"explanation\":{}", explanation.map_or(Value::Null, explanation_json))?;
        }
        writeln!(out, "}}")
    };
    if let Some(path) = &options.output {
        if path.extension().is_some_and(|e| e == "npz") {
            return results.write_npz(path).map(|()| 0);
        }
        let written = File::create(path).map(BufWriter::new).and_then(|mut out| {
            write_json(results, &mut out)?;
            out.flush()
        });
        return written.map(|()| 0).map_err(|error| unwritable(&path.display().to_string(), &error));
    }
    if options.json {
        return print_with(|out| write_json(results, out));
    }
    print_with(|out| {
        results.write_text(out)?;
        if options.explain_nan {
            let text = explanation.map_or_else(|| "all results are finite\n".to_owned(), explanation_text);
            write!(out, "{text}")?;
        }
        Ok(())
    })
}
