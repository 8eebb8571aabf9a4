//! Compilation: from a graph and the shapes of its data to a program of fused loops.
//!
//! ```text
//! value       operations on numbers over dimensions, shared where equal
//! rename      values along other dimensions than their own
//! translate, reduction    graph -> values: hyperparameters become constants, indices dimensions, reductions folds
//! transpose   products of matrices that are others along other dimensions
//! unroll      short axes, element by element
//! schedule    which values are stored, and which pass over which space computes what
//! lower       where values stand in memory; passes -> kernels
//! assemble    a pass as a kernel: loops, what a block reads and writes
//! guard       loads beside an edge that conditions keep from mattering
//! stream      an index that takes the place of the batch, so that pairs need not be stored
//! others      sums of all terms but one
//! contract, scatter, matrix    sums that are products of matrices, or that add to places that data tell
//! tape, context, slots         expressions -> chains of simple operations, functions between them
//! program     what is executed
//! ```
//!
//! A program is for one set of shapes and hyperparameters. Its kernels stream over blocks that stay in the first-level
//! cache; what several passes need is stored for a tile of the batch that stays in the second-level one.

mod assemble;
mod context;
mod contract;
mod guard;
mod lower;
mod matrix;
mod others;
pub(crate) mod program;
mod reduction;
mod rename;
mod scatter;
mod schedule;
mod slots;
mod stream;
mod tape;
mod translate;
mod transpose;
mod unroll;
pub(crate) mod value;

pub(crate) use program::Program;

use crate::diagnostic::Diagnostic;
use crate::evaluate::{Batch, Data, Output};
use crate::graph::Graph;
use crate::real::Real;
use lower::{Kind, Wanted};
use schedule::schedule;
use translate::Translator;
use value::{BATCH, Space, ValueId};

/// How many pairs of dimensions change places at the most.
const TRANSPOSITIONS: usize = 6;

/// An output, and by what its sum over the batch, or each of its elements, is divided.
pub(crate) struct Scaled<'a> {
    pub output: &'a Output,
    pub divisor: f64,
}

/// Compiles `outputs` for data of these shapes.
///
/// Unless `is_exact`, a division of many by one is a multiplication by its reciprocal, and what a condition leaves out
/// of a product of matrices is multiplied by 0. Further results then count where something is too near the ends of the
/// range for it; if one is not 0, an exact program is to be run.
///
/// `None` where the program would have more dimensions than fit.
///
/// # Errors
/// An axis whose length nothing tells.
pub(crate) fn compile<T: Real>(
    graph: &Graph,
    outputs: &[Scaled],
    data: &Data<T>,
    is_exact: bool,
) -> Result<Option<Program>, Diagnostic> {
    let mut translator = Translator::new(graph, data);
    translator.values.is_exact = is_exact;
    let mut wanted: Vec<Wanted> = Vec::with_capacity(outputs.len());
    for Scaled { output, divisor } in outputs {
        let (value, mut order) = translator.output(output)?;
        if translator.is_too_large {
            return Ok(None);
        }
        let values = &mut translator.values;
        let factor = values.constant(1.0 / divisor);
        let is_batched = values.space(value).contains(BATCH);
        let (value, kind) = match output.batch {
            Batch::Each if data.batch.is_empty() => (values.multiply(factor, value), Kind::Once),
            Batch::Each => {
                order.insert(0, BATCH);
                (values.multiply(factor, value), Kind::Each)
            }
            // What is the same for each batch element is counted, or averaged, at once.
            Batch::Mean if !is_batched && data.batch_length() > 0 => (value, Kind::Once),
            Batch::Mean => (values.sum_over_batch(Space::POINT, value), Kind::Total),
            Batch::Sum if !is_batched => {
                let count = values.constant(data.batch_length() as f64 / divisor);
                (values.multiply(count, value), Kind::Once)
            }
            _ => (values.sum_over_batch(Space::POINT, value), Kind::Total),
        };
        wanted.push(Wanted::whole(wanted.len(), (value, order), kind, *divisor));
    }
    let ranges = translator.ranges();
    let Some(program) = finish(translator, wanted, data) else { return Ok(None) };
    let streamed = stream::streamed(graph, outputs, data, is_exact, &program, &ranges)?;
    Ok(Some(streamed.unwrap_or(program)))
}

/// Schedules and lowers what is wanted.
fn finish<T: Real>(
    mut translator: Translator<T>,
    mut wanted: Vec<Wanted>,
    data: &Data<T>,
) -> Option<Program> {
    let values = &mut translator.values;
    values.finite.sort_unstable();
    values.finite.dedup();
    // What was tried and is not wanted has left some as well.
    let needed = values.needed(wanted.iter().map(|w| w.value));
    let of_needed = |all: &[ValueId]| -> Vec<ValueId> {
        all.iter().filter(|value| needed.binary_search(value).is_ok()).copied().collect()
    };
    let (divisors, finite) = (of_needed(&values.divisors), of_needed(&values.finite));
    let mut flags: Vec<ValueId> = divisors.into_iter().map(|divisor| values.is_extreme(divisor)).collect();
    flags.extend(finite.into_iter().map(|factor| values.is_not_finite(factor)));
    for flag in flags {
        let space = values.space(flag);
        let (value, kind) = if space.contains(BATCH) {
            (values.sum_over_batch(space, flag), Kind::Total)
        } else {
            (values.sum(space, flag), Kind::Once)
        };
        wanted.push(Wanted::whole(wanted.len(), (value, Vec::new()), kind, 1.0));
    }
    for _ in 0..TRANSPOSITIONS {
        let Some(upright) = transpose::without_transposes(values, &wanted) else { break };
        wanted = upright;
    }
    if let Some((unrolled, parts)) = unroll::unrolled(values, &wanted) {
        (*values, wanted) = (unrolled, parts);
    }
    let roots = lower::roots(values, &wanted);
    let schedule = schedule(values, &roots);
    let shape =
        |input: u32| data.own_shape(crate::graph::VariableId(input)).map_or_else(Vec::new, <[usize]>::to_vec);
    lower::lower(values, &schedule, &wanted, &shape, size_of::<T>())
}
