//! Inputs: arrays given by name, matched with what the loss declares.

use super::check::check_inputs;
use super::extent::Extents;
use crate::diagnostic::{Diagnostic, Fault};
use crate::graph::{AxisId, Graph, Variable, VariableId};
use crate::real::Real;
use crate::suggestion::nearest;
use ndarray::ArrayD;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The elements of an array, row-major.
#[derive(Clone)]
pub enum Elements<T> {
    /// Its own.
    Owned(Vec<T>),
    /// In memory that others hold as well, such as a file that is mapped.
    Shared(Arc<dyn AsRef<[T]> + Send + Sync>),
}

impl<T> Deref for Elements<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match self {
            Elements::Owned(elements) => elements,
            Elements::Shared(memory) => (**memory).as_ref(),
        }
    }
}

impl<T> fmt::Debug for Elements<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} elements", self.len())
    }
}

impl<T: Clone> Elements<T> {
    /// The elements to be changed: copied first where they are shared.
    fn to_mut(&mut self) -> &mut [T] {
        if let Elements::Shared(_) = self {
            *self = Elements::Owned(self.to_vec());
        }
        match self {
            Elements::Owned(elements) => elements,
            Elements::Shared(_) => &mut [],
        }
    }
}

/// An input as it is given.
#[derive(Clone, Debug)]
pub struct Given<T> {
    /// The lengths of its axes, those of the batch first.
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub elements: Elements<T>,
}

impl<T: Copy> From<&ArrayD<T>> for Given<T> {
    fn from(array: &ArrayD<T>) -> Self {
        let elements = array.as_slice().map_or_else(|| array.iter().copied().collect(), <[T]>::to_vec);
        Given { shape: array.shape().to_vec(), elements: Elements::Owned(elements) }
    }
}

/// The values of the variables of a graph, with the lengths of axes and the shape of the batch.
#[derive(Clone, Debug)]
pub struct Data<T> {
    /// One entry a variable; `None` for an input that was not given.
    pub(super) values: Vec<Option<Values<T>>>,
    /// The lengths of the axes.
    pub extents: Extents,
    /// The lengths of the batch axes; empty where no input has any.
    pub batch: Vec<usize>,
    /// The lengths of the batch axes of the whole, where these are a part of a batch; else the same.
    pub whole: Vec<usize>,
    /// How many elements of the whole batch stand before these.
    pub first: usize,
}

/// The elements of one variable in row-major order, batch axes first.
#[derive(Clone, Debug)]
pub(super) struct Values<T> {
    pub elements: Elements<T>,
    /// The lengths of the variable's own axes.
    pub shape: Vec<usize>,
    /// Whether it has batch axes; else it is shared by the whole batch.
    pub batched: bool,
}

/// Whether values are checked against the declared domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// They are.
    Domains,
    /// They are not: for values moved a little across an edge, as finite differences need.
    None,
}

impl<T: Real> Data<T> {
    /// Matches arrays and hyperparameters with the variables of `graph`, and checks their domains.
    ///
    /// The trailing axes of an array are the declared ones; what comes before are batch axes, the same for every
    /// input that has any. Only the variables in `needed` must be given; a hyperparameter that is not has its
    /// default, rounded once to `T`.
    ///
    /// # Errors
    /// See [`bind`] and [`check_inputs`].
    pub fn bind(
        graph: &Graph,
        needed: &[VariableId],
        arrays: &BTreeMap<String, ArrayD<f64>>,
        parameters: &BTreeMap<String, f64>,
    ) -> Result<Data<T>, Diagnostic> {
        let arrays = arrays.iter().map(|(name, a)| (name.clone(), a.mapv(T::from_double))).collect();
        let parameters = parameters.iter().map(|(name, v)| (name.clone(), T::from_double(*v))).collect();
        Self::with_arrays(graph, needed, &arrays, &parameters, Checks::Domains)
    }

    /// The same with values that are in `T` already.
    ///
    /// # Errors
    /// As [`Data::bind`]; values outside their domains only if `checks` says so.
    pub fn with_arrays(
        graph: &Graph,
        needed: &[VariableId],
        arrays: &BTreeMap<String, ArrayD<T>>,
        parameters: &BTreeMap<String, T>,
        checks: Checks,
    ) -> Result<Data<T>, Diagnostic> {
        let data = bind(graph, needed, arrays, parameters)?;
        if checks == Checks::Domains {
            check_inputs(graph, &data)?;
        }
        Ok(data)
    }

    /// The same as a part of a batch whose axes have the lengths `whole`, with `first` elements before these.
    pub fn part_of(mut self, whole: Vec<usize>, first: usize) -> Self {
        (self.whole, self.first) = (whole, first);
        self
    }

    /// The place of a batch element in the whole batch.
    pub fn position(&self, element: usize) -> Vec<usize> {
        position(&self.whole, self.first + element)
    }

    /// Whether the variable has batch axes.
    pub fn is_batched(&self, variable: VariableId) -> bool {
        self.values[variable.position()].as_ref().is_some_and(|v| v.batched)
    }

    /// How many elements the batch has; 1 where there are no batch axes.
    pub fn batch_length(&self) -> usize {
        self.batch.iter().product()
    }

    /// The length of an axis, if an input told it.
    pub fn axis_length(&self, axis: AxisId) -> Option<usize> {
        self.extents.axes.get(axis.position()).copied().flatten()
    }

    /// The elements of an input, to look at or to change: row-major, batch axes first.
    pub fn elements_mut(&mut self, variable: VariableId) -> Option<&mut [T]> {
        self.values[variable.position()].as_mut().map(|v| v.elements.to_mut())
    }

    /// The elements of an input: row-major, batch axes first.
    pub fn elements(&self, variable: VariableId) -> Option<&[T]> {
        self.values[variable.position()].as_ref().map(|v| &*v.elements)
    }

    /// How many variables there are, given or not.
    pub(crate) fn variable_count(&self) -> usize {
        self.values.len()
    }

    /// The lengths of the axes that an input was declared with.
    pub(crate) fn own_shape(&self, variable: VariableId) -> Option<&[usize]> {
        self.values[variable.position()].as_ref().map(|v| v.shape.as_slice())
    }

    /// The shape that an input was given in.
    pub fn shape(&self, variable: VariableId) -> Option<Vec<usize>> {
        let values = self.values[variable.position()].as_ref()?;
        let batch = if values.batched { self.batch.as_slice() } else { &[] };
        Some(batch.iter().chain(&values.shape).copied().collect())
    }
}

/// The position in an array of the element that is the `at`-th in row-major order.
pub(super) fn position(shape: &[usize], at: usize) -> Vec<usize> {
    let mut rest = at;
    let mut position = vec![0; shape.len()];
    for (place, length) in position.iter_mut().zip(shape).rev() {
        *place = rest % (*length).max(1);
        rest /= (*length).max(1);
    }
    position
}

/// Matches inputs and hyperparameters with the variables of `graph`, as [`Data::bind`], without looking at domains.
///
/// # Errors
/// `unknown-input` and `unknown-hyperparameter`: a name that the loss does not have. `missing-input`: one that it
/// needs. `batched-hyperparameter`: an array for a hyperparameter, `parameter-for-input`: a number for an input
/// with axes. `too-few-axes`, `axis-length-mismatch`, `batch-mismatch`: shapes that do not fit, with the axis and
/// both inputs.
pub fn bind<T: Real>(
    graph: &Graph,
    needed: &[VariableId],
    arrays: &BTreeMap<String, ArrayD<T>>,
    parameters: &BTreeMap<String, T>,
) -> Result<Data<T>, Diagnostic> {
    let given = arrays.iter().map(|(name, array)| (name.clone(), Given::from(array))).collect();
    bind_given(graph, needed, given, parameters)
}

/// The same for inputs that need not be arrays of their own. Their elements are not looked at, but for those of
/// hyperparameters.
///
/// # Errors
/// As [`bind`].
pub fn bind_given<T: Real>(
    graph: &Graph,
    needed: &[VariableId],
    mut given: BTreeMap<String, Given<T>>,
    parameters: &BTreeMap<String, T>,
) -> Result<Data<T>, Diagnostic> {
    check_names(graph, &given, parameters)?;
    let names: Vec<String> = given.keys().cloned().collect();
    let mut binding = Binding {
        graph,
        data: Data {
            values: vec![None; graph.variables().len()],
            extents: Extents { axes: vec![None; graph.axes().len()] },
            batch: Vec::new(),
            whole: Vec::new(),
            first: 0,
        },
        told: vec![None; graph.axes().len()],
        batched_by: None,
    };
    for (id, variable) in graph.variable_ids().zip(graph.variables()) {
        let name = &variable.name;
        let scalar =
            |value: T| Values { elements: Elements::Owned(vec![value]), shape: Vec::new(), batched: false };
        let values = match (parameters.get(name), given.remove(name), &variable.default) {
            (Some(value), _, _) => scalar(*value),
            (None, Some(array), _) if variable.is_hyperparameter => {
                array.elements.first().map_or_else(|| scalar(T::nan()), |value| scalar(*value))
            }
            (None, Some(array), _) => binding.array(variable, array)?,
            (None, None, Some(default)) => scalar(T::from_number(default)),
            (None, None, None) if needed.contains(&id) => return Err(missing(graph, variable, &names)),
            (None, None, None) => continue,
        };
        binding.data.values[id.position()] = Some(values);
    }
    binding.data.whole.clone_from(&binding.data.batch);
    Ok(binding.data)
}

/// Arrays being matched.
struct Binding<'a, T> {
    graph: &'a Graph,
    data: Data<T>,
    /// Which input told the length of each axis.
    told: Vec<Option<&'a str>>,
    /// Which input told the shape of the batch.
    batched_by: Option<&'a str>,
}

impl<'a, T: Real> Binding<'a, T> {
    fn array(&mut self, variable: &'a Variable, array: Given<T>) -> Result<Values<T>, Diagnostic> {
        let name = variable.name.as_str();
        let shape = array.shape.as_slice();
        let Some(batch_axes) = shape.len().checked_sub(variable.axes.len()) else {
            let axes: Vec<&str> = variable.axes.iter().map(|a| self.graph.axis(*a).name.as_str()).collect();
            return Err(data_error(
                "too-few-axes",
                format!(
                    "`{name}[{}]` has {} {}, but the data for it have {}",
                    axes.join(","),
                    axes.len(),
                    if axes.len() == 1 { "axis" } else { "axes" },
                    if shape.is_empty() { "none".to_owned() } else { format!("shape {}", shape_text(shape)) }
                ),
            )
            .help(
                "the trailing axes of an array are the declared ones; more axes before them are the batch",
            ));
        };
        let (batch, own) = shape.split_at(batch_axes);
        for (axis, length) in variable.axes.iter().zip(own) {
            let known = &mut self.data.extents.axes[axis.position()];
            let told = &mut self.told[axis.position()];
            match (*known, *told) {
                (Some(before), Some(other)) if before != *length => {
                    let axis = &self.graph.axis(*axis).name;
                    return Err(data_error(
                        "axis-length-mismatch",
                        format!("the axis `{axis}` has length {before} in `{other}`, but {length} in `{name}`"),
                    )
                    .help("one name is one length throughout a loss")
                    .help(
                        "the trailing axes of an array are the declared ones; more axes before them are the batch",
                    ));
                }
                (Some(_), _) => {}
                (None, _) => (*known, *told) = (Some(*length), Some(name)),
            }
        }
        if batch_axes > 0 {
            match self.batched_by {
                Some(other) if self.data.batch != batch => {
                    return Err(data_error(
                        "batch-mismatch",
                        format!(
                            "the batch has shape {} in `{other}`, but {} in `{name}`",
                            shape_text(&self.data.batch),
                            shape_text(batch)
                        ),
                    )
                    .help(
                        "inputs with batch axes have the same ones; an input without any is shared by all",
                    ));
                }
                _ => {
                    self.data.batch = batch.to_vec();
                    self.batched_by.get_or_insert(name);
                }
            }
        }
        Ok(Values { shape: own.to_vec(), batched: batch_axes > 0, elements: array.elements })
    }
}

fn data_error(code: &'static str, message: String) -> Diagnostic {
    Diagnostic::new(code, message).fault(Fault::Data)
}

fn shape_text(shape: &[usize]) -> String {
    format!("[{}]", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "))
}

/// Whether every name is one that the loss has, in the right place.
fn check_names<T>(
    graph: &Graph,
    given: &BTreeMap<String, Given<T>>,
    parameters: &BTreeMap<String, T>,
) -> Result<(), Diagnostic> {
    for (name, array) in given {
        match graph.variables().iter().find(|v| v.name == *name) {
            None => return Err(unknown(graph, name, false)),
            Some(v) if v.is_hyperparameter && array.shape.iter().any(|length| *length != 1) => {
                let given = shape_text(&array.shape);
                return Err(data_error(
                    "batched-hyperparameter",
                    format!(
                        "the hyperparameter `{name}` is one number, but an array of shape {given} is given"
                    ),
                )
                .help(format!("give one number: `\"params\": {{\"{name}\": …}}` or `--set {name}=…`"))
                .help(format!("to vary it over the batch, declare `{name}` as an input, before the `;`")));
            }
            Some(_) => {}
        }
    }
    for name in parameters.keys() {
        match graph.variables().iter().find(|v| v.name == *name) {
            None => return Err(unknown(graph, name, true)),
            Some(v) if !v.axes.is_empty() => {
                return Err(data_error(
                    "parameter-for-input",
                    format!("`{name}` is an input with axes, but one number is given for it"),
                )
                .help(format!("give its array: `\"inputs\": {{\"{name}\": [ … ]}}`")));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn unknown(graph: &Graph, name: &str, as_parameter: bool) -> Diagnostic {
    let (code, what) =
        if as_parameter { ("unknown-hyperparameter", "hyperparameter") } else { ("unknown-input", "input") };
    let kind = |v: &&Variable| v.is_hyperparameter == as_parameter;
    let known: Vec<&str> = graph.variables().iter().filter(kind).map(|v| v.name.as_str()).collect();
    let error = data_error(code, format!("the loss has no {what} `{name}`"));
    match nearest(name, graph.variables().iter().map(|v| v.name.as_str())) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => error.help(format!("it has no {what}s")),
        None => error.help(format!("it has `{}`", known.join("`, `"))),
    }
}

fn missing(graph: &Graph, variable: &Variable, given: &[String]) -> Diagnostic {
    let name = &variable.name;
    if variable.is_hyperparameter {
        return data_error(
            "missing-input",
            format!("the hyperparameter `{name}` has no default and is not given"),
        )
        .help(format!("give it: `--set {name}=…`"));
    }
    let axes: Vec<&str> = variable.axes.iter().map(|a| graph.axis(*a).name.as_str()).collect();
    let shown = if axes.is_empty() { name.clone() } else { format!("{name}[{}]", axes.join(",")) };
    let error = data_error("missing-input", format!("the input `{shown}` is not given"));
    let error =
        if given.is_empty() { error } else { error.help(format!("the data have `{}`", given.join("`, `"))) };
    error.help(format!("add it: `{{\"inputs\": {{\"{name}\": …}}}}`, or a column or array of that name"))
}
