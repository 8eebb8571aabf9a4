//! Compilation: from a graph and the shapes of its data to a program of fused loops.
//!
//! ```text
//! value       operations on numbers over dimensions, shared where equal
//! translate   graph -> values: hyperparameters become constants, indices dimensions
//! schedule    which values are stored, and which pass over which space computes what
//! lower       passes -> kernels: memory, order of loops, what a block reads and writes
//! tape        expressions -> chains of simple operations, functions between them
//! program     what is executed
//! ```
//!
//! A program is for one set of shapes and hyperparameters. Its kernels stream over blocks that stay in the first-level
//! cache; what several passes need is stored for a tile of the batch that stays in the second-level one.

mod lower;
pub(crate) mod program;
mod schedule;
mod tape;
mod translate;
pub(crate) mod value;

pub(crate) use lower::BLOCK;
pub(crate) use program::Program;

use crate::diagnostic::Diagnostic;
use crate::evaluate::{Batch, Data, Output};
use crate::graph::Graph;
use crate::real::Real;
use lower::{Kind, Wanted};
use schedule::schedule;
use translate::Translator;
use value::{BATCH, Fold, Space};

/// An output, and by what its sum over the batch, or each of its elements, is divided.
pub(crate) struct Scaled<'a> {
    pub output: &'a Output,
    pub divisor: f64,
}

/// Compiles `outputs` for data of these shapes. `None` where the program would have more dimensions than fit.
///
/// # Errors
/// An axis whose length nothing tells.
pub(crate) fn compile<T: Real>(
    graph: &Graph,
    outputs: &[Scaled],
    data: &Data<T>,
) -> Result<Option<Program>, Diagnostic> {
    let mut translator = Translator::new(graph, data);
    let mut wanted: Vec<Wanted> = Vec::with_capacity(outputs.len());
    for Scaled { output, divisor } in outputs {
        let scope = translator.best_scope(output.computed, &output.indices)?;
        let value = translator.value(output.computed, &scope)?;
        if translator.is_too_large {
            return Ok(None);
        }
        let order = output
            .indices
            .iter()
            .map(|index| scope.iter().find(|s| s.0 == *index).map_or(BATCH, |s| s.1))
            .collect();
        let values = &mut translator.values;
        let factor = values.constant(1.0 / divisor);
        let is_batched = values.space(value).contains(BATCH);
        let (value, kind) = match output.batch {
            Batch::Each if data.batch.is_empty() => (values.multiply(factor, value), Kind::Once),
            Batch::Each => (values.multiply(factor, value), Kind::Each),
            // What is the same for each batch element is counted, or averaged, at once.
            Batch::Mean if !is_batched && data.batch_length() > 0 => (value, Kind::Once),
            Batch::Mean => (values.reduce(Fold::Sum(0), Space::of(BATCH), value), Kind::Total),
            Batch::Sum if !is_batched => {
                let count = values.constant(data.batch_length() as f64 / divisor);
                (values.multiply(count, value), Kind::Once)
            }
            _ => (values.reduce(Fold::Sum(0), Space::of(BATCH), value), Kind::Total),
        };
        wanted.push(Wanted { value, order, kind, divisor: *divisor });
    }
    let values = &translator.values;
    let roots = lower::roots(values, &wanted);
    let schedule = schedule(values, &roots);
    let shape = |input: u32| {
        data.own_shape(crate::graph::VariableId(input)).map_or_else(Vec::new, <[usize]>::to_vec)
    };
    Ok(Some(lower::lower(values, &schedule, &wanted, &shape, translator.may_fail)))
}
