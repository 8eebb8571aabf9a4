//! Inputs against their declared domains.

use super::access::whole;
use super::data::{Data, Values, position};
use crate::diagnostic::{Diagnostic, Fault};
use crate::graph::{Domain, Graph, Variable};
use crate::real::Real;

/// How far from 1 the sum of a simplex vector may be: some ten roundings of each element in single precision.
pub const SIMPLEX_TOLERANCE: f64 = 1e-6;

/// Checks every value that was given against the domain of its variable, hyperparameters included.
///
/// NaN is let through where all reals are allowed (the result is then NaN as well), and is outside every other
/// domain; an infinity is outside of those intervals that do not reach so far as to include it: all, since
/// infinite ends are open, except that the reals let it through too. The elements of a simplex vector may be
/// off 1 in their sum by `SIMPLEX_TOLERANCE`, or by a rounding of each where there are very many.
///
/// # Errors
/// `outside-domain`: the first element that is outside, by name and position.
pub fn check_inputs<T: Real>(graph: &Graph, data: &Data<T>) -> Result<(), Diagnostic> {
    for (variable, values) in graph.variables().iter().zip(&data.values) {
        if let Some(values) = values {
            check_variable(graph, data, variable, values)?;
        }
    }
    Ok(())
}

fn check_variable<T: Real>(
    graph: &Graph,
    data: &Data<T>,
    variable: &Variable,
    values: &Values<T>,
) -> Result<(), Diagnostic> {
    let all = |must: &str, fits: &dyn Fn(T) -> bool| match values.elements.iter().position(|v| !fits(*v)) {
        Some(at) => Err(outside(data, variable, values, at, must)),
        None => Ok(()),
    };
    let (zero, one) = (T::zero(), T::one());
    match &variable.domain {
        Domain::Logit => Ok(()),
        Domain::Interval(interval) if interval.low.is_infinite() && interval.high.is_infinite() => Ok(()),
        Domain::Interval(interval) => {
            // Compared in `T`: rounded to a double, a value close to an open end would seem to be on it.
            let (low, high) = (T::from_double(interval.low), T::from_double(interval.high));
            all(&format!("lie in {interval}"), &|v| {
                (v > low || v == low && !interval.low_open) && (v < high || v == high && !interval.high_open)
            })
        }
        Domain::Prob => all("be a probability, in [0,1]", &|v| v >= zero && v <= one),
        Domain::LogProb => all("be the logarithm of a probability, at most 0", &|v| v <= zero),
        Domain::Set(allowed) => {
            let numbers: Vec<T> = allowed.iter().map(T::from_number).collect();
            let list: Vec<String> = allowed.iter().map(ToString::to_string).collect();
            all(&format!("be one of {{{}}}", list.join(",")), &|v| numbers.contains(&v))
        }
        Domain::Integer => all("be a whole number", &|v| v.is_finite() && v == v.floor()),
        Domain::Index(axis) => {
            // Without a length nothing can be read at the position either.
            let Some(length) = data.axis_length(*axis) else { return Ok(()) };
            let axis = &graph.axis(*axis).name;
            let must = match length {
                0 => format!("be a position on the axis `{axis}`, which has length 0"),
                _ => format!("be a position on the axis `{axis}`, a whole number from 0 to {}", length - 1),
            };
            all(&must, &|v| whole(v, length).is_some())
        }
        Domain::Simplex => {
            all("not be negative (its elements sum to 1)", &|v| v >= zero)?;
            check_sums(data, variable, values)
        }
    }
}

fn check_sums<T: Real>(data: &Data<T>, variable: &Variable, values: &Values<T>) -> Result<(), Diagnostic> {
    let length = values.shape.last().copied().unwrap_or(1);
    let tolerance = SIMPLEX_TOLERANCE.max(length as f64 * T::epsilon().to_double());
    for (row, elements) in values.elements.chunks(length.max(1)).enumerate() {
        let sum: f64 = elements.iter().map(|v| v.to_double()).sum();
        if sum.is_nan() || (sum - 1.0).abs() > tolerance {
            let shape = shape_of(data, values);
            let place = match shape.split_last() {
                Some((_, outer)) if !outer.is_empty() => {
                    let before = if values.batched { data.first * rows(values) } else { 0 };
                    format!(" at {}", position_text(outer, before + row))
                }
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
    Ok(())
}

/// How many vectors along the last axis a batch element has.
fn rows<T>(values: &Values<T>) -> usize {
    values.shape.split_last().map_or(1, |(_, outer)| outer.iter().product())
}

/// The shape of the whole that the values are part of.
fn shape_of<T>(data: &Data<T>, values: &Values<T>) -> Vec<usize> {
    let batch = if values.batched { data.whole.as_slice() } else { &[] };
    batch.iter().chain(&values.shape).copied().collect()
}

fn outside<T: Real>(
    data: &Data<T>,
    variable: &Variable,
    values: &Values<T>,
    at: usize,
    must: &str,
) -> Diagnostic {
    let name = &variable.name;
    let element = values.elements[at].to_double();
    let shown = if element.is_nan() { "NaN".to_owned() } else { element.to_string() };
    let before = if values.batched { data.first * values.shape.iter().product::<usize>() } else { 0 };
    let place = match position_text(&shape_of(data, values), before + at) {
        place if place.is_empty() => "it".to_owned(),
        place => format!("element {place}"),
    };
    let help = match &variable.domain {
        _ if element.is_nan() => "leave out or fill in missing values before the loss is taken".to_owned(),
        _ if variable.is_hyperparameter => format!("give another value: `--set {name}=…`"),
        Domain::Interval(i) if i.low == 0.0 && i.high == 1.0 && (i.low_open || i.high_open) => {
            format!("use a loss that takes logits, or clamp: `clamp({name}, 1e-7, 1 - 1e-7)`")
        }
        Domain::Interval(_) | Domain::Prob => {
            "is it a probability, a logit or a logarithm? the loss takes one of them".to_owned()
        }
        Domain::LogProb => {
            "take the logarithm of probabilities, for example `log_softmax` of logits".to_owned()
        }
        Domain::Set(_) => format!("convert the data, or declare `{name}` with the values that it has"),
        Domain::Index(_) => "positions count from 0".to_owned(),
        Domain::Simplex => "pass probabilities, for example `softmax` of the logits".to_owned(),
        Domain::Integer | Domain::Logit => format!("change the data, or the declared domain of `{name}`"),
    };
    Diagnostic::new("outside-domain", format!("`{name}` must {must}, but {place} is {shown}"))
        .fault(Fault::Data)
        .help(help)
}

/// `[2,17]`; empty for a scalar.
pub(super) fn position_text(shape: &[usize], at: usize) -> String {
    if shape.is_empty() {
        return String::new();
    }
    let parts: Vec<String> = position(shape, at).iter().map(usize::to_string).collect();
    format!("[{}]", parts.join(","))
}
