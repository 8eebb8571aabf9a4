//! Inputs: arrays given by name, matched with what the loss declares.

use super::extent::Extents;
use crate::diagnostic::{Diagnostic, Fault};
use crate::graph::{Graph, Variable, VariableId};
use crate::real::Real;
use crate::suggestion::nearest;
use ndarray::ArrayD;
use std::collections::BTreeMap;

/// The values of the variables of a graph, with the lengths of axes and the shape of the batch.
#[derive(Clone, Debug)]
pub struct Data<T> {
    /// One entry a variable; `None` for an input that was not given.
    pub(super) values: Vec<Option<Values<T>>>,
    /// The lengths of the axes.
    pub extents: Extents,
    /// The lengths of the batch axes.
    pub batch: Vec<usize>,
}

/// The elements of one variable in row-major order, batch axes first.
#[derive(Clone, Debug)]
pub(super) struct Values<T> {
    pub elements: Vec<T>,
    /// The lengths of the variable's own axes.
    pub shape: Vec<usize>,
    /// Whether it has batch axes; else it is shared by the whole batch.
    pub batched: bool,
}

impl<T: Real> Data<T> {
    /// Whether the variable has batch axes.
    pub fn is_batched(&self, variable: VariableId) -> bool {
        self.values[variable.position()].as_ref().is_some_and(|v| v.batched)
    }

    /// How many elements the batch has.
    pub fn batch_length(&self) -> usize {
        self.batch.iter().product()
    }

    /// The elements of an input, to look at or to change: row-major, batch axes first.
    pub fn elements_mut(&mut self, variable: VariableId) -> Option<&mut [T]> {
        self.values[variable.position()].as_mut().map(|v| v.elements.as_mut_slice())
    }

    /// The shape that an input was given in.
    pub fn shape(&self, variable: VariableId) -> Option<Vec<usize>> {
        let values = self.values[variable.position()].as_ref()?;
        let batch = if values.batched { self.batch.as_slice() } else { &[] };
        Some(batch.iter().chain(&values.shape).copied().collect())
    }
}

fn data_error(code: &'static str, message: String) -> Diagnostic {
    Diagnostic::new(code, message).fault(Fault::Data)
}

fn shape_text(shape: &[usize]) -> String {
    format!("[{}]", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "))
}

/// Matches arrays and hyperparameters with the variables of `graph`.
///
/// The trailing axes of an array are the declared ones; what comes before are batch axes, the same for every
/// input that has any. Only the variables in `needed` must be given. Whether values lie in their domains is
/// [`check_inputs`](super::check_inputs)'s business.
///
/// # Errors
/// A name that the loss does not have, an input that is missing, and shapes that do not fit: with the axis and
/// both inputs.
pub fn bind<T: Real>(
    graph: &Graph,
    needed: &[VariableId],
    arrays: &BTreeMap<String, ArrayD<T>>,
    parameters: &BTreeMap<String, T>,
) -> Result<Data<T>, Diagnostic> {
    let inputs: Vec<&str> =
        graph.variables().iter().filter(|v| !v.is_hyperparameter).map(|v| v.name.as_str()).collect();
    let hyperparameters: Vec<&str> =
        graph.variables().iter().filter(|v| v.is_hyperparameter).map(|v| v.name.as_str()).collect();
    let unknown = |name: &str, known: &[&str], what: &str| {
        let error = data_error("unknown-input", format!("the loss has no {what} `{name}`"));
        match nearest(name, known.iter().copied()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => error.help(format!("it has no {what}s")),
            None => error.help(format!("it has `{}`", known.join("`, `"))),
        }
    };
    for name in arrays.keys() {
        if hyperparameters.contains(&name.as_str()) && arrays[name].len() != 1 {
            return Err(data_error(
                "batched-hyperparameter",
                format!("the hyperparameter `{name}` is one number, but an array of shape {} is given", shape_text(arrays[name].shape())),
            )
            .help(format!("give it as a parameter: `\"params\": {{\"{name}\": …}}` or `--set {name}=…`")));
        }
        if !inputs.contains(&name.as_str()) && !hyperparameters.contains(&name.as_str()) {
            return Err(unknown(name, &inputs, "input"));
        }
    }
    for name in parameters.keys() {
        if inputs.contains(&name.as_str()) && graph.variables().iter().any(|v| v.name == *name && !v.axes.is_empty()) {
            return Err(data_error("parameter-for-input", format!("`{name}` is an input with axes, not a hyperparameter"))
                .help("give its array with the inputs"));
        }
        if !inputs.contains(&name.as_str()) && !hyperparameters.contains(&name.as_str()) {
            return Err(unknown(name, &hyperparameters, "hyperparameter"));
        }
    }
    let mut data = Data {
        values: vec![None; graph.variables().len()],
        extents: Extents { axes: vec![None; graph.axes().len()] },
        batch: Vec::new(),
    };
    // Who told the length of an axis, and who the shape of the batch.
    let mut told: Vec<Option<String>> = vec![None; graph.axes().len()];
    let mut batched_by: Option<String> = None;
    for (position, variable) in graph.variables().iter().enumerate() {
        let name = &variable.name;
        let scalar = |value: T| Values { elements: vec![value], shape: Vec::new(), batched: false };
        if let Some(value) = parameters.get(name) {
            data.values[position] = Some(scalar(*value));
            continue;
        }
        let Some(array) = arrays.get(name) else {
            if let Some(default) = &variable.default {
                data.values[position] = Some(scalar(T::from_number(default)));
            } else if needed.contains(&VariableId(position as u32)) {
                return Err(missing(variable));
            }
            continue;
        };
        if variable.is_hyperparameter {
            data.values[position] = array.iter().next().map(|value| scalar(*value));
            continue;
        }
        let shape = array.shape();
        let Some(batch_axes) = shape.len().checked_sub(variable.axes.len()) else {
            let axes: Vec<&str> = variable.axes.iter().map(|a| graph.axis(*a).name.as_str()).collect();
            return Err(data_error(
                "too-few-axes",
                format!("`{name}` has {} axes, `{}`, but an array of shape {} is given", axes.len(), axes.join("`, `"), shape_text(shape)),
            )
            .help(format!("give an array of shape [{}]", axes.join(", "))));
        };
        let (batch, own) = shape.split_at(batch_axes);
        for (axis, length) in variable.axes.iter().zip(own) {
            let known = &mut data.extents.axes[axis.position()];
            match *known {
                Some(before) if before != *length => {
                    let axis_name = &graph.axis(*axis).name;
                    let other = told[axis.position()].clone().unwrap_or_default();
                    return Err(data_error(
                        "axis-length-mismatch",
                        format!("the axis `{axis_name}` has length {before} in `{other}` and {length} in `{name}`"),
                    )
                    .help("one axis has one length throughout a loss; the trailing axes of an array are the declared ones"));
                }
                _ => {
                    *known = Some(*length);
                    told[axis.position()].get_or_insert_with(|| name.clone());
                }
            }
        }
        if batch_axes > 0 {
            match &batched_by {
                Some(other) if data.batch != batch => {
                    return Err(data_error(
                        "batch-mismatch",
                        format!(
                            "the batch has shape {} in `{other}` and {} in `{name}`",
                            shape_text(&data.batch),
                            shape_text(batch)
                        ),
                    )
                    .help("inputs with batch axes have the same ones; an input without is shared by the whole batch"));
                }
                _ => {
                    data.batch = batch.to_vec();
                    batched_by = Some(name.clone());
                }
            }
        }
        data.values[position] = Some(Values {
            elements: array.iter().copied().collect(),
            shape: own.to_vec(),
            batched: batch_axes > 0,
        });
    }
    Ok(data)
}

fn missing(variable: &Variable) -> Diagnostic {
    let name = &variable.name;
    if variable.is_hyperparameter {
        return data_error("missing-input", format!("the hyperparameter `{name}` has no default and is not given"))
            .help(format!("give it: `--set {name}=…`"));
    }
    data_error("missing-input", format!("the input `{name}` is not given"))
        .help(format!("add it to the data: `{{\"inputs\": {{\"{name}\": …}}}}`, or a column or array of that name"))
}
