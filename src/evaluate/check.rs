//! Inputs against their declared domains.

use super::data::Data;
use crate::diagnostic::{Diagnostic, Fault};
use crate::graph::{Domain, Graph, Variable};
use crate::real::Real;

/// How far from 1 the sum of a simplex vector may be: what rounding to single precision leaves of it.
const SIMPLEX_TOLERANCE: f64 = 1e-5;

/// Checks every value that was given against the domain of its variable. NaN is let through where all reals are
/// allowed: the result is then NaN as well.
///
/// # Errors
/// The first element that is outside, by name and position.
pub fn check_inputs<T: Real>(graph: &Graph, data: &Data<T>) -> Result<(), Diagnostic> {
    for (variable, values) in graph.variables().iter().zip(&data.values) {
        let Some(values) = values else { continue };
        let batch = if values.batched { data.batch.as_slice() } else { &[] };
        let shape: Vec<usize> = batch.iter().chain(&values.shape).copied().collect();
        let outside = |at: usize, must: &str| {
            let element = values.elements[at].to_double();
            let place = match position(&shape, at) {
                place if place.is_empty() => "it".to_owned(),
                place => format!("element {place}"),
            };
            Err(Diagnostic::new(
                "outside-domain",
                format!("`{}` must {must}, but {place} is {element}", variable.name),
            )
            .fault(Fault::Data)
            .help(advice(variable)))
        };
        let bad = |fits: &dyn Fn(f64) -> bool| values.elements.iter().position(|v| !fits(v.to_double()));
        match &variable.domain {
            Domain::Logit => {}
            Domain::Interval(interval) => {
                let any = interval.low.is_infinite() && interval.high.is_infinite();
                if !any && let Some(at) = bad(&|v| interval.contains(v) || v == interval.low && !interval.low_open) {
                    return outside(at, &format!("lie in {interval}"));
                }
            }
            Domain::Prob => {
                if let Some(at) = bad(&|v| (0.0..=1.0).contains(&v)) {
                    return outside(at, "be a probability, in [0,1]");
                }
            }
            Domain::LogProb => {
                if let Some(at) = bad(&|v| v <= 0.0) {
                    return outside(at, "be the logarithm of a probability, at most 0");
                }
            }
            Domain::Set(allowed) => {
                if let Some(at) = bad(&|v| allowed.iter().any(|a| a.to_f64() == v)) {
                    let list: Vec<String> = allowed.iter().map(ToString::to_string).collect();
                    return outside(at, &format!("be one of {{{}}}", list.join(",")));
                }
            }
            Domain::Integer => {
                if let Some(at) = bad(&|v| v == v.floor() && v.is_finite()) {
                    return outside(at, "be a whole number");
                }
            }
            Domain::Index(axis) => {
                let Some(length) = data.extents.axes[axis.position()] else { continue };
                if let Some(at) = bad(&|v| v == v.floor() && v >= 0.0 && v < length as f64) {
                    let axis = &graph.axis(*axis).name;
                    return outside(at, &format!("be a position on the axis `{axis}`, a whole number from 0 to {}", length as i64 - 1));
                }
            }
            Domain::Simplex => {
                if let Some(at) = bad(&|v| v >= 0.0) {
                    return outside(at, "not be negative (its elements sum to 1)");
                }
                let length = values.shape.last().copied().unwrap_or(1);
                for (row, elements) in values.elements.chunks(length.max(1)).enumerate() {
                    let sum: f64 = elements.iter().map(|v| v.to_double()).sum();
                    if (sum - 1.0).abs() > SIMPLEX_TOLERANCE {
                        let mut place = position(&shape, row * length);
                        place = match place.rfind([',', '[']) {
                            Some(cut) if cut > 0 => format!(" at {}, :]", &place[..cut]),
                            _ => String::new(),
                        };
                        return Err(Diagnostic::new(
                            "outside-domain",
                            format!("`{}` must sum to 1 over its last axis, but{place} it sums to {sum}", variable.name),
                        )
                        .fault(Fault::Data)
                        .help("divide by the sum, or declare it without `in simplex`"));
                    }
                }
            }
        }
    }
    Ok(())
}

fn advice(variable: &Variable) -> String {
    let name = &variable.name;
    match &variable.domain {
        Domain::Interval(interval) if interval.low == 0.0 && interval.high == 1.0 => {
            format!("pass logits to a loss that takes them, or clamp: `clamp({name}, 1e-7, 1 - 1e-7)`")
        }
        Domain::Set(allowed) if allowed.len() == 2 => {
            format!("convert the labels, or declare `{name}` with the values that it has")
        }
        Domain::Index(_) => "positions count from 0".to_owned(),
        Domain::Simplex => "pass probabilities, for example `softmax` of the logits".to_owned(),
        _ => format!("change the data, or the declared domain of `{name}`"),
    }
}

/// `[2,17]`; empty for a scalar.
pub(super) fn position(shape: &[usize], at: usize) -> String {
    if shape.is_empty() {
        return String::new();
    }
    let mut rest = at;
    let mut parts: Vec<String> = Vec::with_capacity(shape.len());
    for length in shape.iter().rev() {
        parts.push((rest % (*length).max(1)).to_string());
        rest /= (*length).max(1);
    }
    parts.reverse();
    format!("[{}]", parts.join(","))
}
