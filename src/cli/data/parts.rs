//! A batch in parts of bounded size.

use super::npy::Element;
use super::table::Table;
use super::{Array, Arrays, Source};
use crate::diagnostic::Error;
use crate::evaluate::{Data, Elements, Given};
use crate::evaluation::Evaluator;
use crate::loss::Loss;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Elements of all inputs that a part has, unless a batch element alone has more. Parts depend on the shapes alone, so
/// that results do neither depend on the format of the data nor on the machine.
const PART: usize = 1 << 22;

/// Data of which one part after the other is bound to a loss.
pub(in crate::cli) struct Parts<'e, T> {
    evaluator: &'e Evaluator<T>,
    parameters: BTreeMap<String, T>,
    rows: Rows<T>,
    /// How many batch elements a part has.
    length: usize,
    /// How many batch elements have been given.
    first: usize,
    is_begun: bool,
}

/// Where parts come from.
enum Rows<T> {
    Arrays {
        /// By name: the inputs with batch axes, and how many axes each was declared with.
        batched: BTreeMap<String, (Array, usize)>,
        /// What is the same for every part.
        shared: BTreeMap<String, Given<T>>,
        /// The lengths of the batch axes; empty where no input has any.
        whole: Vec<usize>,
    },
    Table(Table),
}

impl<'e, T: Element> Parts<'e, T> {
    /// # Errors
    /// Names and shapes that do not fit the loss.
    pub fn new(source: Source, loss: &Loss, evaluator: &'e Evaluator<T>) -> Result<Self, Error> {
        let (parameters, rows, row) = match source {
            Source::Table(table) => {
                let row = table.row();
                (BTreeMap::new(), Rows::Table(table), row)
            }
            Source::Arrays(arrays) => arrays_in_parts(arrays, loss, evaluator)?,
        };
        let length = (PART / row.max(1)).max(1);
        Ok(Parts { evaluator, parameters, rows, length, first: 0, is_begun: false })
    }

    /// The next part; there is at least one, which has no elements if the batch has none.
    pub fn next(&mut self) -> Result<Option<Data<T>>, Error> {
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        let (given, whole, count) = match &mut self.rows {
            Rows::Table(table) => {
                let (count, given) = table.rows(self.length)?;
                (given, vec![self.first + count], count)
            }
            Rows::Arrays { batched, shared, whole } => {
                let left = whole.iter().product::<usize>() - self.first;
                let count = left.min(self.length);
                let mut given = shared.clone();
                if count > 0 || is_first {
                    for (name, (array, axes)) in batched {
                        let shape = array.shape();
                        let batch_axes = shape.len() - *axes;
                        let elements = array.elements(self.first..self.first + count, batch_axes)?;
                        let shape = [count].iter().chain(&shape[batch_axes..]).copied().collect();
                        given.insert(name.clone(), Given { shape, elements });
                    }
                }
                (given, whole.clone(), count)
            }
        };
        if count == 0 && !is_first {
            return Ok(None);
        }
        let first = self.first;
        self.first += count;
        Ok(Some(self.evaluator.bind_given(given, &self.parameters)?.part_of(whole, first)))
    }

    /// How far it is and how far it goes: in batch elements, or in bytes for a table, whose rows nobody has counted.
    pub fn progress(&self) -> (u64, u64) {
        match &self.rows {
            Rows::Arrays { whole, .. } => (self.first as u64, whole.iter().product::<usize>() as u64),
            Rows::Table(table) => table.progress(),
        }
    }

    /// Whether progress is counted in batch elements.
    pub fn counts_elements(&self) -> bool {
        matches!(self.rows, Rows::Arrays { .. })
    }
}

/// Hyperparameters, where parts come from, and how many elements a batch element has.
type Prepared<T> = (BTreeMap<String, T>, Rows<T>, usize);

fn arrays_in_parts<T: Element>(
    arrays: Arrays,
    loss: &Loss,
    evaluator: &Evaluator<T>,
) -> Result<Prepared<T>, Error> {
    let parameters = arrays.parameters.iter().map(|(name, v)| (name.clone(), T::from_double(*v))).collect();
    // Shapes are matched before any element is looked at.
    let outline = arrays.inputs.iter().map(|(name, array)| {
        (name.clone(), Given { shape: array.shape().to_vec(), elements: Elements::Owned(Vec::new()) })
    });
    let whole = evaluator.bind_given(outline.collect(), &parameters)?.batch;
    let (mut batched, mut shared, mut row) = (BTreeMap::new(), BTreeMap::new(), 0_usize);
    for (name, array) in arrays.inputs {
        let axes = loss.graph().variables().iter().find(|v| v.name == name).map_or(0, |v| v.axes.len());
        let is_parameter = loss.graph().variables().iter().any(|v| v.name == name && v.is_hyperparameter);
        let shape = array.shape().to_vec();
        if shape.len() > axes && !is_parameter {
            row = row.saturating_add(shape[shape.len() - axes..].iter().product());
            batched.insert(name, (array, axes));
        } else {
            let elements = match array.elements(0..1, 0)? {
                Elements::Owned(elements) => Elements::Shared(Arc::new(elements)),
                mapped => mapped,
            };
            shared.insert(name, Given { shape, elements });
        }
    }
    Ok((parameters, Rows::Arrays { batched, shared, whole }, row))
}

/// All data in memory, for an evaluation that is repeated.
///
/// # Errors
/// As [`Parts::new`], and what is wrong with the file.
pub(in crate::cli) fn whole<T: Element>(
    source: Source,
    loss: &Loss,
    evaluator: &Evaluator<T>,
) -> Result<Data<T>, Error> {
    let mut parts = Parts::new(source, loss, evaluator)?;
    let batch = match &parts.rows {
        Rows::Arrays { whole, .. } => Some(whole.clone()),
        Rows::Table(_) => None,
    };
    parts.length = usize::MAX;
    let mut data = match parts.next()? {
        Some(data) => data,
        None => return evaluator.bind(&BTreeMap::new(), &BTreeMap::new()),
    };
    if let Some(batch) = batch {
        data.batch = batch;
    }
    for variable in loss.graph().variable_ids() {
        // Copied out of the file.
        let _ = data.elements_mut(variable);
    }
    Ok(data)
}
