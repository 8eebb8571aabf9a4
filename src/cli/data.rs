//! Data files.

use super::{plain_error, read_text, standard_input};
use crate::diagnostic::{Diagnostic, Error, Fault};
use crate::evaluation::Evaluation;
use crate::loss::Loss;
use crate::real::Real;
use ndarray::{ArrayD, IxDyn};
use ndarray_npy::{NpzReader, NpzWriter, ReadNpyExt, ReadNpzError};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// Arrays and hyperparameters by name.
#[derive(Default)]
pub(super) struct Tables {
    pub inputs: BTreeMap<String, ArrayD<f64>>,
    pub parameters: BTreeMap<String, f64>,
}

fn fault(code: &'static str, message: String) -> Diagnostic {
    Diagnostic::new(code, message).fault(Fault::Data)
}

/// Reads `path`; `-` is JSON on standard input. A single array (.npy) is the one input that the loss has.
pub(super) fn read(path: &str, loss: &Loss) -> Result<Tables, Error> {
    if path == "-" {
        return from_json(&standard_input()?, "standard input");
    }
    let file = Path::new(path);
    match file.extension().and_then(|e| e.to_str()).unwrap_or("") {
        "json" => from_json(&read_data_text(file)?, path),
        "csv" => from_csv(&read_data_text(file)?, path),
        "npy" => {
            let array = read_npy(open(file)?).map_err(|e| unreadable(path, &e))?;
            let inputs: Vec<&str> = loss
                .graph()
                .variables()
                .iter()
                .filter(|v| !v.is_hyperparameter)
                .map(|v| v.name.as_str())
                .collect();
            match inputs.as_slice() {
                [one] => Ok(Tables { inputs: [((*one).to_owned(), array)].into(), ..Tables::default() }),
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
        "npz" => from_npz(file, path),
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

fn read_data_text(path: &Path) -> Result<String, Error> {
    read_text(path).map_err(as_data_error)
}

fn as_data_error(mut error: Error) -> Error {
    error.diagnostics.iter_mut().for_each(|d| d.fault = Fault::Data);
    error
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|error| unreadable(&path.display().to_string(), &error))
}

fn unreadable(path: &str, error: &dyn std::fmt::Display) -> Error {
    plain_error(fault("unreadable-file", format!("cannot read `{path}`: {error}")))
}

fn from_json(text: &str, path: &str) -> Result<Tables, Error> {
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
    let mut tables = Tables::default();
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
            let array = ArrayD::from_shape_vec(IxDyn(&shape), elements).map_err(|_| {
                plain_error(fault(
                    "ragged-array",
                    format!("the lists of `{name}` in `{path}` have different lengths"),
                ))
            })?;
            tables.inputs.insert(name.clone(), array);
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
            tables.parameters.insert(name.clone(), value);
        }
    }
    Ok(tables)
}

/// The deepest nesting of lists.
const AXES_LIMIT: usize = 32;

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

/// A column an input; columns `x[0]`, `x[1]`, … are one input with an axis.
fn from_csv(text: &str, path: &str) -> Result<Tables, Error> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let malformed = |error: csv::Error| plain_error(fault("malformed-csv", format!("`{path}`: {error}")));
    let headers: Vec<String> = reader.headers().map_err(malformed)?.iter().map(str::to_owned).collect();
    if headers.is_empty() || headers.iter().all(String::is_empty) {
        return Err(plain_error(
            fault("malformed-csv", format!("`{path}` has no header"))
                .help("the first line names the inputs: `p,y`"),
        ));
    }
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); headers.len()];
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(malformed)?;
        for (at, field) in record.iter().enumerate() {
            let value: f64 = field.parse().map_err(|_| {
                plain_error(
                    fault(
                        "not-a-number",
                        format!(
                            "`{path}` line {}, column `{}`: `{field}` is not a number",
                            row + 2,
                            headers[at]
                        ),
                    )
                    .help("every field below the header is a number"),
                )
            })?;
            columns[at].push(value);
        }
    }
    let rows = columns[0].len();
    let mut groups: BTreeMap<String, Vec<(Vec<usize>, usize)>> = BTreeMap::new();
    for (at, header) in headers.iter().enumerate() {
        let (name, position) = match header.strip_suffix(']').and_then(|h| h.split_once('[')) {
            Some((name, inside)) => {
                let position: Result<Vec<usize>, _> = inside.split(',').map(|p| p.trim().parse()).collect();
                let position = position.map_err(|_| {
                    plain_error(fault(
                        "malformed-csv",
                        format!("`{path}`: the column `{header}` is not `name[0]` or `name[0,1]`"),
                    ))
                })?;
                (name.to_owned(), position)
            }
            None => (header.clone(), Vec::new()),
        };
        groups.entry(name).or_default().push((position, at));
    }
    let mut tables = Tables::default();
    for (name, mut parts) in groups {
        parts.sort();
        let axes = parts[0].0.len();
        let mut shape: Vec<usize> = vec![0; axes];
        for (position, _) in &parts {
            if position.len() != axes {
                return Err(plain_error(fault(
                    "malformed-csv",
                    format!("`{path}`: the columns of `{name}` have different numbers of indices"),
                )));
            }
            for (length, p) in shape.iter_mut().zip(position) {
                *length = (*length).max(p.saturating_add(1));
            }
        }
        let volume = shape.iter().try_fold(1usize, |v, l| v.checked_mul(*l));
        if volume != Some(parts.len()) || parts.windows(2).any(|w| w[0].0 == w[1].0) {
            return Err(plain_error(
                fault(
                    "malformed-csv",
                    format!("`{path}`: the columns of `{name}` do not make up a whole array"),
                )
                .help(format!("name them `{name}[0]`, `{name}[1]`, … without gaps or repetitions")),
            ));
        }
        let mut elements = Vec::with_capacity(rows * parts.len());
        let own: Vec<&Vec<f64>> = parts.iter().map(|(_, at)| &columns[*at]).collect();
        (0..rows).for_each(|row| elements.extend(own.iter().map(|column| column[row])));
        let shape: Vec<usize> = [rows].into_iter().chain(shape).collect();
        let array = ArrayD::from_shape_vec(IxDyn(&shape), elements)
            .map_err(|e| plain_error(fault("malformed-csv", format!("`{path}`: {e}"))))?;
        tables.inputs.insert(name, array);
    }
    Ok(tables)
}

/// An array of any of the usual element types.
fn read_npy(mut file: File) -> Result<ArrayD<f64>, String> {
    use std::io::Seek;
    let mut failures = Vec::new();
    macro_rules! attempt {
        ($($type:ty => $convert:expr),*) => {$(
            file.rewind().map_err(|e| e.to_string())?;
            match ArrayD::<$type>::read_npy(std::io::BufReader::new(&file)) {
                Ok(array) => return Ok(array.mapv($convert)),
                Err(error) => failures.push(error.to_string()),
            }
        )*};
    }
    attempt!(f64 => |v| v, f32 => f64::from, i64 => |v| v as f64, i32 => f64::from, u8 => f64::from,
        i8 => f64::from, i16 => f64::from, u16 => f64::from, u32 => f64::from, u64 => |v| v as f64,
        bool => |v| f64::from(u8::from(v)));
    Err(failures.swap_remove(0))
}

fn from_npz(file: &Path, path: &str) -> Result<Tables, Error> {
    let mut archive = NpzReader::new(open(file)?).map_err(|e| unreadable(path, &e))?;
    let names = archive.names().map_err(|e| unreadable(path, &e))?;
    let mut tables = Tables::default();
    for name in names {
        let array =
            read_entry(&mut archive, &name).map_err(|e| unreadable(path, &format!("array `{name}`: {e}")))?;
        let name = name.strip_suffix(".npy").unwrap_or(&name).to_owned();
        tables.inputs.insert(name, array);
    }
    Ok(tables)
}

fn read_entry(archive: &mut NpzReader<File>, name: &str) -> Result<ArrayD<f64>, String> {
    let mut failures = Vec::new();
    macro_rules! attempt {
        ($($type:ty => $convert:expr),*) => {$(
            match archive.by_name::<ndarray::OwnedRepr<$type>, IxDyn>(name) {
                Ok(array) => return Ok(array.mapv($convert)),
                Err(ReadNpzError::Npy(error)) => failures.push(error.to_string()),
                Err(error) => return Err(error.to_string()),
            }
        )*};
    }
    attempt!(f64 => |v| v, f32 => f64::from, i64 => |v| v as f64, i32 => f64::from, u8 => f64::from,
        i8 => f64::from, i16 => f64::from, u16 => f64::from, u32 => f64::from, u64 => |v| v as f64,
        bool => |v| f64::from(u8::from(v)));
    Err(failures.swap_remove(0))
}

/// `value`, `grad_NAME`, `hess_diag_NAME` as double precision arrays.
pub(super) fn write_npz<T: Real>(path: &Path, result: &Evaluation<T>) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| {
        plain_error(fault("unwritable-output", format!("cannot write `{}`: {error}", path.display())))
    };
    let file = File::create(path).map_err(|e| failed(&e))?;
    let mut archive = NpzWriter::new(file);
    let mut add = |name: String, array: &ArrayD<T>| {
        archive.add_array(name, &array.mapv(Real::to_double)).map_err(|e| failed(&e))
    };
    add("value".to_owned(), &result.value)?;
    for (name, array) in &result.gradients {
        add(format!("grad_{name}"), array)?;
    }
    for (name, array) in &result.hessian_diagonals {
        add(format!("hess_diag_{name}"), array)?;
    }
    archive.finish().map(|_| ()).map_err(|e| failed(&e))
}

/// Nested lists of numbers that read back exactly; what is not finite as a string.
pub(super) fn to_json<T: Real>(array: &ArrayD<T>) -> Value {
    let elements: Vec<Value> = array.iter().map(|v| number_json(*v)).collect();
    nest(array.shape(), &elements)
}

pub(super) fn number_json<T: Real>(value: T) -> Value {
    if value.is_nan() {
        return Value::from("nan");
    }
    if value.is_infinite() {
        return Value::from(if value > T::zero() { "inf" } else { "-inf" });
    }
    // The shortest text that reads back as the same number of its type.
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

fn nest(shape: &[usize], elements: &[Value]) -> Value {
    match shape.split_first() {
        None => elements.first().cloned().unwrap_or(Value::Null),
        Some((length, rest)) => {
            let size = rest.iter().product::<usize>();
            Value::Array((0..*length).map(|at| nest(rest, &elements[at * size..(at + 1) * size])).collect())
        }
    }
}
