//! Data files, whole or part by part.
//!
//! ```text
//! mod      what is in a file, and where the elements of an array come from
//! json     nested lists, read whole
//! table    .csv, row by row
//! npy      .npy, of which the part that is looked at is mapped into memory
//! npz      .npz: a .npy file for each array
//! parts    the batch part by part, bound to a loss
//! ```

mod json;
mod npy;
mod npz;
mod parts;
mod table;

pub(super) use npy::Element;
pub(super) use parts::{Parts, whole};

use super::{plain_error, read_text, standard_input};
use crate::diagnostic::{Diagnostic, Error, Fault};
use crate::evaluate::Elements;
use crate::loss::Loss;
use crate::real::Real;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use table::Table;

/// The most axes of an array, as in NumPy.
const AXES_LIMIT: usize = 64;

/// Data to be evaluated on.
pub(super) enum Source {
    /// Arrays, of which any part can be had.
    Arrays(Arrays),
    /// Rows that come one after the other.
    Table(Table),
}

/// Arrays and hyperparameters by name.
#[derive(Default)]
pub(super) struct Arrays {
    inputs: BTreeMap<String, Array>,
    parameters: BTreeMap<String, f64>,
}

/// An array, in memory or in a file.
enum Array {
    Held { shape: Vec<usize>, elements: Vec<f64> },
    Stored(npy::Stored),
}

impl Array {
    fn shape(&self) -> &[usize] {
        match self {
            Array::Held { shape, .. } => shape,
            Array::Stored(stored) => stored.shape(),
        }
    }

    /// The elements of some rows, where the first `batch_axes` axes together number the rows.
    fn elements<T: Element>(&self, rows: Range<usize>, batch_axes: usize) -> Result<Elements<T>, Error> {
        match self {
            Array::Held { shape, elements } => {
                let row: usize = shape[batch_axes..].iter().product();
                let part = &elements[rows.start * row..rows.end * row];
                Ok(Elements::Owned(part.iter().map(|v| T::from_double(*v)).collect()))
            }
            Array::Stored(stored) => stored.elements(rows, batch_axes),
        }
    }
}

/// How many elements an array has; `None` where that, or the product of those lengths that are not 0, is too large to
/// be counted.
fn volume(shape: &[usize]) -> Option<usize> {
    let count =
        shape.iter().filter(|length| **length != 0).try_fold(1_usize, |v, length| v.checked_mul(*length));
    let count = count.filter(|count| isize::try_from(*count).is_ok())?;
    Some(if shape.contains(&0) { 0 } else { count })
}

fn fault(code: &'static str, message: String) -> Diagnostic {
    Diagnostic::new(code, message).fault(Fault::Data)
}

/// Opens `path`; `-` is JSON on standard input. A single array (.npy) is the one input that the loss has.
pub(super) fn open(path: &str, loss: &Loss) -> Result<Source, Error> {
    if path == "-" {
        return json::parse(&standard_input()?, "standard input").map(Source::Arrays);
    }
    let file = Path::new(path);
    match file.extension().and_then(|e| e.to_str()).unwrap_or("") {
        "json" => {
            let text = read_text(file).map_err(as_data_error)?;
            json::parse(&text, path).map(Source::Arrays)
        }
        "csv" => Table::open(open_file(path)?, path).map(Source::Table),
        "npy" => {
            let array = Array::Stored(npy::Stored::open_file(open_file(path)?, path)?);
            let inputs: Vec<&str> = loss
                .graph()
                .variables()
                .iter()
                .filter(|v| !v.is_hyperparameter)
                .map(|v| v.name.as_str())
                .collect();
            match inputs.as_slice() {
                [one] => Ok(Source::Arrays(Arrays {
                    inputs: [((*one).to_owned(), array)].into(),
                    ..Arrays::default()
                })),
                _ => Err(plain_error(
                    fault(
                        "one-array",
                        format!(
                            "`{path}` holds one array, but `{}` has {} inputs",
                            loss.name(),
                            inputs.len()
                        ),
                    )
                    .help(format!("give an .npz file with the arrays `{}`", inputs.join("`, `"))),
                )),
            }
        }
        "npz" => npz::open(path).map(Source::Arrays),
        other => Err(plain_error(
            fault("unknown-format", format!("cannot tell what kind of data `{path}` is")).help(
                if other.is_empty() {
                    "data are read from .json, .csv, .npy and .npz files".to_owned()
                } else {
                    format!("`.{other}` is not one of .json, .csv, .npy, .npz")
                },
            ),
        )),
    }
}

/// What is too large stays a limit; whatever else is wrong with the file is wrong with the data.
fn as_data_error(mut error: Error) -> Error {
    for diagnostic in error.diagnostics.iter_mut().filter(|d| d.fault != Fault::Limit) {
        diagnostic.fault = Fault::Data;
    }
    error
}

fn open_file(path: &str) -> Result<File, Error> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &str, error: &dyn std::fmt::Display) -> Error {
    plain_error(fault("unreadable-file", format!("cannot read `{path}`: {error}")))
}

/// A number as JSON, which reads back exactly; what is not finite as a string.
pub(super) fn number_json<T: Real>(value: T) -> serde_json::Value {
    use serde_json::Value;
    if value.is_nan() {
        return Value::from("nan");
    }
    if value.is_infinite() {
        return Value::from(if value > T::zero() { "inf" } else { "-inf" });
    }
    // The shortest text that reads back as the same number of its type.
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}
