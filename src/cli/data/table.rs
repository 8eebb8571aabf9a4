//! Tables: a column an input; columns `x[0]`, `x[1]`, … are one input with an axis. The rows are the batch.

use super::{fault, volume};
use crate::cli::plain_error;
use crate::diagnostic::{Error, Fault};
use crate::evaluate::{Elements, Given};
use crate::real::Real;
use csv::StringRecord;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

/// The most bytes of a row.
const ROW_LIMIT: u64 = 64 << 20;

/// The most columns.
const COLUMN_LIMIT: usize = 1 << 20;

/// A table of which the next rows can be had.
pub(in crate::cli) struct Table {
    path: String,
    reader: csv::Reader<Bounded>,
    headers: StringRecord,
    inputs: Vec<Input>,
    record: StringRecord,
    /// How many bytes the file has, as far as that can be told.
    length: u64,
}

/// An input, and the columns of its elements in row-major order.
struct Input {
    name: String,
    shape: Vec<usize>,
    columns: Vec<usize>,
}

/// A file that refuses to read much without the end of a row.
struct Bounded {
    file: File,
    /// Bytes since the last row.
    row: u64,
    /// Bytes since the beginning.
    done: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.row > ROW_LIMIT {
            return Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge));
        }
        let count = self.file.read(buffer)?;
        (self.row, self.done) = (self.row + count as u64, self.done + count as u64);
        Ok(count)
    }
}

impl Table {
    /// Reads the header.
    pub fn open(file: File, path: &str) -> Result<Self, Error> {
        let length = file.metadata().map_or(0, |about| about.len());
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(Bounded { file, row: 0, done: 0 });
        let headers = reader.headers().map_err(|error| malformed(path, &error))?.clone();
        if headers.iter().all(str::is_empty) {
            return Err(plain_error(
                fault("malformed-csv", format!("`{path}` has no header"))
                    .help("the first line names the inputs: `p,y`"),
            ));
        }
        if headers.len() > COLUMN_LIMIT {
            return Err(plain_error(
                fault("too-many-columns", format!("`{path}` has more than {COLUMN_LIMIT} columns"))
                    .fault(Fault::Limit)
                    .help("give an .npy or .npz file"),
            ));
        }
        let inputs = inputs(&headers, path)?;
        Ok(Table { path: path.to_owned(), reader, headers, inputs, record: StringRecord::new(), length })
    }

    /// How many elements a row has.
    pub fn row(&self) -> usize {
        self.headers.len()
    }

    /// How many bytes there are, and how many are read.
    pub fn progress(&self) -> (u64, u64) {
        (self.length, self.reader.get_ref().done)
    }

    /// The next rows, at most so many, and how many they are.
    pub fn rows<T: Real>(&mut self, most: usize) -> Result<(usize, BTreeMap<String, Given<T>>), Error> {
        let mut elements: Vec<Vec<T>> = self.inputs.iter().map(|_| Vec::new()).collect();
        let mut count = 0;
        while count < most {
            self.reader.get_mut().row = 0;
            let more = self.reader.read_record(&mut self.record);
            if !more.map_err(|error| malformed(&self.path, &error))? {
                break;
            }
            for (input, elements) in self.inputs.iter().zip(&mut elements) {
                for column in &input.columns {
                    elements.push(T::from_double(self.number(*column)?));
                }
            }
            count += 1;
        }
        let given = self.inputs.iter().zip(elements).map(|(input, elements)| {
            let shape = [count].into_iter().chain(input.shape.iter().copied()).collect();
            (input.name.clone(), Given { shape, elements: Elements::Owned(elements) })
        });
        Ok((count, given.collect()))
    }

    /// The number in a column of the row that was read last.
    fn number(&self, column: usize) -> Result<f64, Error> {
        let field = &self.record[column];
        field.parse().map_err(|_| {
            let line = self.record.position().map_or(0, csv::Position::line);
            let header = &self.headers[column];
            let shown: String = field.chars().take(40).collect();
            plain_error(
                fault(
                    "not-a-number",
                    format!("`{}` line {line}, column `{header}`: `{shown}` is not a number", self.path),
                )
                .help("every field below the header is a number"),
            )
        })
    }
}

fn malformed(path: &str, error: &csv::Error) -> Error {
    if let csv::ErrorKind::Io(error) = error.kind()
        && error.kind() == std::io::ErrorKind::FileTooLarge
    {
        return plain_error(
            fault("row-too-large", format!("`{path}` has a row of more than {} MiB", ROW_LIMIT >> 20))
                .fault(Fault::Limit)
                .help("is a quotation mark open? a row ends with its line"),
        );
    }
    plain_error(fault("malformed-csv", format!("`{path}`: {error}")))
}

/// Which columns make up which input.
fn inputs(headers: &StringRecord, path: &str) -> Result<Vec<Input>, Error> {
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
            None => (header.to_owned(), Vec::new()),
        };
        groups.entry(name).or_default().push((position, at));
    }
    let mut inputs = Vec::with_capacity(groups.len());
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
        if volume(&shape) != Some(parts.len()) || parts.windows(2).any(|w| w[0].0 == w[1].0) {
            return Err(plain_error(
                fault(
                    "malformed-csv",
                    format!("`{path}`: the columns of `{name}` do not make up a whole array"),
                )
                .help(format!("name them `{name}[0]`, `{name}[1]`, … without gaps or repetitions")),
            ));
        }
        inputs.push(Input { name, shape, columns: parts.into_iter().map(|(_, at)| at).collect() });
    }
    Ok(inputs)
}
