//! Compiled evaluation, for the types that have it.

use crate::compile::{Program, Scaled, compile};
use crate::diagnostic::Diagnostic;
use crate::evaluate::{Batch, Data, Output};
use crate::execute::execute;
use crate::graph::Graph;
use crate::real::Real;
use crate::vector::{Level, Precision};
use ndarray::{ArrayD, IxDyn};
use std::any::Any;

/// The results, one an output; each is divided by `divisor`, as the mean over a batch asks.
///
/// `None` where the reference evaluator must do it: other types than `f32` and `f64`, too many dimensions, or a
/// result that is NaN and may be so because of an empty reduction or a position outside an axis.
pub(crate) fn evaluate<T: Real>(
    graph: &Graph,
    outputs: &[Output],
    data: &Data<T>,
    divisor: f64,
    threads: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Option<Vec<ArrayD<T>>>, Diagnostic> {
    let any: &dyn Any = data;
    let results: Option<Box<dyn Any>> = if let Some(data) = any.downcast_ref::<Data<f32>>() {
        typed(graph, outputs, data, divisor, threads, progress)?.map(|r| Box::new(r) as Box<dyn Any>)
    } else if let Some(data) = any.downcast_ref::<Data<f64>>() {
        typed(graph, outputs, data, divisor, threads, progress)?.map(|r| Box::new(r) as Box<dyn Any>)
    } else {
        None
    };
    Ok(results.and_then(|r| r.downcast::<Vec<ArrayD<T>>>().ok()).map(|r| *r))
}

/// Compiles for the shapes and hyperparameters of `data`.
pub(crate) fn prepare<T: Real>(
    graph: &Graph,
    outputs: &[Output],
    data: &Data<T>,
    divisor: f64,
) -> Result<Option<Program>, Diagnostic> {
    let scaled: Vec<Scaled> = outputs.iter().map(|output| Scaled { output, divisor }).collect();
    compile(graph, &scaled, data)
}

fn typed<T: Precision>(
    graph: &Graph,
    outputs: &[Output],
    data: &Data<T>,
    divisor: f64,
    threads: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Option<Vec<ArrayD<T>>>, Diagnostic> {
    let Some(program) = prepare(graph, outputs, data, divisor)? else { return Ok(None) };
    let mut results = Vec::new();
    execute(&program, data, threads, Level::detect(), &mut results, progress);
    if program.may_fail && results.iter().any(|r| r.iter().any(|v| v.is_nan())) {
        return Ok(None);
    }
    let arrays = results.into_iter().zip(outputs).map(|(elements, output)| {
        let own = output.indices.iter().map(|index| data.extents.length(graph, graph.range(*index)));
        let own: Vec<usize> = own.collect::<Result<_, _>>()?;
        let shape: Vec<usize> = match output.batch {
            Batch::Each => data.batch.iter().copied().chain(own).collect(),
            _ => own,
        };
        // The elements are as many as the shape says; the program was compiled for it.
        Ok(ArrayD::from_shape_vec(IxDyn(&shape), elements)
            .unwrap_or_else(|_| ArrayD::from_elem(IxDyn(&[]), T::nan())))
    });
    arrays.collect::<Result<_, Diagnostic>>().map(Some)
}
