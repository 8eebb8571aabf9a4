//! The results of an evaluation in parts, and how they are written.

use super::data::{Element, number_json};
use super::plain_error;
use super::spool::Spool;
use crate::diagnostic::{Diagnostic, Error, Fault};
use crate::evaluate::{Data, add};
use crate::evaluation::{Evaluation, Reduction};
use crate::loss::Loss;
use ndarray::ArrayD;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The value and the derivatives of a loss.
pub(super) struct Results<T> {
    /// The value first, then gradients, then diagonals of the Hessian.
    outputs: Vec<Output<T>>,
}

/// Which result it is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Value,
    Gradient,
    HessianDiagonal,
}

/// One result.
struct Output<T> {
    kind: Kind,
    /// Of which input it is a derivative.
    input: String,
    shape: Vec<usize>,
    gathered: Gathered<T>,
    /// What every number is divided by: for a mean the number of batch elements.
    divisor: T,
}

/// What the parts gave.
enum Gathered<T> {
    /// The results for each batch element.
    Each(Spool<T>),
    /// Sums over the batch, and what rounding lost of them.
    Sum { totals: Vec<T>, lost: Vec<T> },
}

impl<T: Element> Results<T> {
    /// No results yet.
    pub fn new() -> Self {
        Results { outputs: Vec::new() }
    }

    /// Takes the results for the next part: of the sum over its elements, unless `reduction` is none.
    pub fn take(
        &mut self,
        evaluation: &Evaluation<T>,
        data: &Data<T>,
        (loss, reduction): (&Loss, Reduction),
        folder: &Path,
    ) -> Result<(), Error> {
        let batch = data.batch.len();
        let derivatives =
            [(Kind::Gradient, &evaluation.gradients), (Kind::HessianDiagonal, &evaluation.hessian_diagonals)];
        let mut arrays = vec![(Kind::Value, "", &evaluation.value, reduction == Reduction::None)];
        for (kind, named) in derivatives {
            for (name, array) in named {
                arrays.push((kind, name.as_str(), array, data.is_batched(loss.variable(name)?)));
            }
        }
        if self.outputs.is_empty() {
            self.outputs = arrays
                .iter()
                .map(|(kind, input, array, is_each)| {
                    let gathered = if *is_each || batch == 0 {
                        Gathered::Each(Spool::new(folder))
                    } else {
                        let zeros = vec![T::zero(); array.len()];
                        Gathered::Sum { totals: zeros.clone(), lost: zeros }
                    };
                    let (input, shape) = ((*input).to_owned(), Vec::new());
                    Output { kind: *kind, input, shape, gathered, divisor: T::one() }
                })
                .collect();
        }
        let count = data.whole.iter().product::<usize>();
        for (output, (_, _, array, _)) in self.outputs.iter_mut().zip(arrays) {
            if reduction == Reduction::Mean && batch > 0 {
                output.divisor = T::from_double(count as f64);
            }
            output.take(array, data).map_err(|error| unwritable("a temporary file", &error))?;
        }
        Ok(())
    }

    /// Writes all of them as lines `grad p = [1.0,2.0]`.
    pub fn write_text(&mut self, out: &mut dyn Write) -> io::Result<()> {
        for output in &mut self.outputs {
            match output.kind {
                Kind::Value => write!(out, "value = ")?,
                Kind::Gradient => write!(out, "grad {} = ", output.input)?,
                Kind::HessianDiagonal => write!(out, "hess_diag {} = ", output.input)?,
            }
            output.write_json(out)?;
            writeln!(out)?;
        }
        Ok(())
    }

    /// Writes the value.
    pub fn write_value(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.outputs.iter_mut().take(1).try_for_each(|value| value.write_json(out))
    }

    /// Writes `{"p": [1.0,2.0]}`, the derivatives of a kind.
    pub fn write_derivatives(&mut self, kind: Kind, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{{")?;
        for (at, output) in self.outputs.iter_mut().filter(|o| o.kind == kind).enumerate() {
            if at > 0 {
                write!(out, ",")?;
            }
            write!(out, "{}:", serde_json::Value::from(output.input.as_str()))?;
            output.write_json(out)?;
        }
        write!(out, "}}")
    }

    /// Writes an archive of double precision arrays `value`, `grad_NAME`, `hess_diag_NAME`.
    pub fn write_npz(&mut self, path: &Path) -> Result<(), Error> {
        let shown = path.display().to_string();
        let file = File::create(path).map_err(|error| unwritable(&shown, &error))?;
        let mut archive = ZipWriter::new(BufWriter::new(file));
        for output in &mut self.outputs {
            let name = match output.kind {
                Kind::Value => "value.npy".to_owned(),
                Kind::Gradient => format!("grad_{}.npy", output.input),
                Kind::HessianDiagonal => format!("hess_diag_{}.npy", output.input),
            };
            // Past 4 GiB, less the header, an archive has longer fields.
            let is_large = output.length() >= (1 << 29) - (1 << 16);
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Stored)
                .large_file(is_large);
            archive.start_file(name, options).map_err(|error| unwritable(&shown, &error))?;
            output.write_npy(&mut archive).map_err(|error| unwritable(&shown, &error))?;
        }
        let mut out = archive.finish().map_err(|error| unwritable(&shown, &error))?;
        out.flush().map_err(|error| unwritable(&shown, &error))
    }
}

/// What cannot be written, and why.
pub(super) fn unwritable(what: &str, error: &dyn Display) -> Error {
    let message = format!("cannot write `{what}`: {error}");
    plain_error(Diagnostic::new("unwritable-output", message).fault(Fault::Data))
}

impl<T: Element> Output<T> {
    fn take(&mut self, array: &ArrayD<T>, data: &Data<T>) -> io::Result<()> {
        let batch = data.batch.len();
        match &mut self.gathered {
            Gathered::Each(spool) => {
                self.shape = data.whole.iter().chain(&array.shape()[batch..]).copied().collect();
                match array.as_slice() {
                    Some(elements) => spool.push(elements),
                    None => array.iter().try_for_each(|element| spool.push(&[*element])),
                }
            }
            Gathered::Sum { totals, lost } => {
                self.shape = array.shape().to_vec();
                for ((total, lost), more) in totals.iter_mut().zip(lost).zip(array) {
                    add(total, lost, *more);
                }
                Ok(())
            }
        }
    }

    fn length(&self) -> usize {
        match &self.gathered {
            Gathered::Each(spool) => spool.length(),
            Gathered::Sum { totals, .. } => totals.len(),
        }
    }

    /// Hands on every number in row-major order.
    fn for_each(&mut self, take: &mut dyn FnMut(T) -> io::Result<()>) -> io::Result<()> {
        let divisor = self.divisor;
        match &mut self.gathered {
            Gathered::Each(spool) => {
                spool.for_each_block(&mut |block| block.iter().try_for_each(|v| take(*v / divisor)))
            }
            Gathered::Sum { totals, lost } => totals.iter().zip(lost).try_for_each(|(total, lost)| {
                let sum = if total.is_finite() { *total + *lost } else { *total };
                take(sum / divisor)
            }),
        }
    }

    /// Nested lists of numbers that read back exactly.
    fn write_json(&mut self, out: &mut dyn Write) -> io::Result<()> {
        // Along an axis without elements stand empty lists.
        let levels: Vec<usize> = self.shape.iter().copied().take_while(|length| *length > 0).collect();
        let is_empty = levels.len() < self.shape.len();
        // For each level, after how many elements its list ends.
        let mut lists = vec![1; levels.len()];
        for level in (0..levels.len()).rev() {
            lists[level] = levels[level] * lists.get(level + 1).copied().unwrap_or(1);
        }
        let mut count = 0;
        let mut element = |text: &dyn Display| {
            if count > 0 {
                write!(out, ",")?;
            }
            let opened = lists.iter().filter(|list| count % **list == 0).count();
            count += 1;
            let closed = lists.iter().filter(|list| count % **list == 0).count();
            (0..opened).try_for_each(|_| write!(out, "["))?;
            write!(out, "{text}")?;
            (0..closed).try_for_each(|_| write!(out, "]"))
        };
        if is_empty {
            return (0..levels.iter().product()).try_for_each(|_| element(&"[]"));
        }
        self.for_each(&mut |number| element(&number_json(number)))
    }

    /// The format of `numpy.save`.
    fn write_npy(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let lengths: Vec<String> = self.shape.iter().map(|length| format!("{length},")).collect();
        let mut header =
            format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}), }}", lengths.join(" "));
        // The elements begin at a multiple of 64 bytes.
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        out.write_all(b"\x93NUMPY\x01\x00")?;
        out.write_all(&(header.len() as u16).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        self.for_each(&mut |number| out.write_all(&number.to_double().to_le_bytes()))
    }
}
