//! Compiled evaluation, for the types that have it.

use crate::compile::{Program, Scaled, compile};
use crate::diagnostic::Diagnostic;
use crate::evaluate::{Batch, Data, Limits, Output};
use crate::execute::{Buffer, execute};
use crate::graph::Graph;
use crate::native::Natives;
use crate::real::Real;
use crate::vector::{Level, Precision};
use ndarray::{ArrayD, IxDyn};
use std::any::Any;

/// The results, one an output; each is divided by `divisor`, as the mean over a batch asks.
///
/// `None` where the reference evaluator must do it: other types than `f32` and `f64`, too many dimensions, or a
/// result that is not finite: because of an empty reduction, a position outside an axis or an overflow on the way that
/// it avoids, or because it is so.
pub(crate) fn evaluate<T: Real>(
    graph: &Graph,
    outputs: &[Output],
    data: &Data<T>,
    divisor: f64,
    limits: &Limits,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Option<Vec<ArrayD<T>>>, Diagnostic> {
    let any: &dyn Any = data;
    let results: Option<Box<dyn Any>> = if let Some(data) = any.downcast_ref::<Data<f32>>() {
        typed(graph, outputs, data, divisor, limits, progress)?.map(|r| Box::new(r) as Box<dyn Any>)
    } else if let Some(data) = any.downcast_ref::<Data<f64>>() {
        typed(graph, outputs, data, divisor, limits, progress)?.map(|r| Box::new(r) as Box<dyn Any>)
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
    is_exact: bool,
) -> Result<Option<Program>, Diagnostic> {
    let scaled: Vec<Scaled> = outputs.iter().map(|output| Scaled { output, divisor }).collect();
    compile(graph, &scaled, data, is_exact)
}

/// A program for certain data, which runs again and again into the same results.
pub struct Compiled<'a, T> {
    graph: &'a Graph,
    outputs: Vec<Output>,
    data: &'a Data<T>,
    divisor: f64,
    program: Program,
    /// Machine code, and the level that it is for.
    natives: Natives,
    level: Level,
    /// The program without reciprocals, and its code, once it was needed.
    exact: Option<(Program, Natives)>,
    results: Vec<Buffer<T>>,
}

impl<'a, T: Precision> Compiled<'a, T> {
    /// `None` where the reference evaluator must do it.
    pub(crate) fn new(
        graph: &'a Graph,
        outputs: Vec<Output>,
        data: &'a Data<T>,
        divisor: f64,
    ) -> Result<Option<Self>, Diagnostic> {
        let Some(program) = prepare(graph, &outputs, data, divisor, false)? else { return Ok(None) };
        let level = Level::detect();
        let natives = Natives::new::<T>(&program, level);
        Ok(Some(Compiled {
            graph,
            outputs,
            data,
            divisor,
            program,
            natives,
            level,
            exact: None,
            results: Vec::new(),
        }))
    }

    /// Evaluates. Whether the results hold: one that is not finite may be an error that only the reference evaluator
    /// tells, or an overflow on the way that it avoids.
    ///
    /// # Errors
    /// None that compilation did not have.
    pub fn run(
        &mut self,
        threads: usize,
        level: Level,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<bool, Diagnostic> {
        if level != self.level {
            self.level = level;
            self.natives = Natives::new::<T>(&self.program, level);
            self.exact = None;
        }
        // Where there is no batch, an index may stand for it, whose turns are nobody's elements.
        let progress = if self.data.batch.is_empty() { &|_| {} } else { progress };
        let on = (threads, level);
        let mut natives = &self.natives;
        let mut is_finite = execute(&self.program, natives, self.data, on, &mut self.results, progress);
        if self.results[self.outputs.len()..].iter().any(|count| count.iter().any(|c| *c != T::zero())) {
            if self.exact.is_none() {
                let exact = prepare(self.graph, &self.outputs, self.data, self.divisor, true)?;
                self.exact = exact.map(|program| {
                    let natives = Natives::new::<T>(&program, level);
                    (program, natives)
                });
            }
            if let Some((exact, of_exact)) = &self.exact {
                natives = of_exact;
                is_finite = execute(exact, natives, self.data, on, &mut self.results, &|_| {});
            }
        }
        let rest = self.results.iter().zip(&natives.checked).filter(|(_, checked)| !**checked);
        Ok(is_finite && rest.map(|(result, _)| result).all(|result| is_all_finite(result)))
    }

    /// Bytes of what is stored between passes, and of the blocks of each thread.
    pub fn bytes(&self, threads: usize) -> usize {
        self.program.elements(threads).saturating_mul(size_of::<T>())
    }

    /// The elements of the results in row-major order: the value, then gradients and diagonals as they were asked for.
    pub fn results(&self) -> Vec<&[T]> {
        self.results.iter().take(self.outputs.len()).map(|result| &**result).collect()
    }

    fn into_arrays(self) -> Result<Vec<ArrayD<T>>, Diagnostic> {
        let (graph, data) = (self.graph, self.data);
        let arrays = self.results.into_iter().zip(&self.outputs).map(|(elements, output)| {
            let own = output.indices.iter().map(|index| data.extents.length(graph, graph.range(*index)));
            let own: Vec<usize> = own.collect::<Result<_, _>>()?;
            let shape: Vec<usize> = match output.batch {
                Batch::Each => data.batch.iter().copied().chain(own).collect(),
                _ => own,
            };
            // The elements are as many as the shape says; the program was compiled for it.
            Ok(elements
                .into_array()
                .into_shape_with_order(IxDyn(&shape))
                .unwrap_or_else(|_| ArrayD::from_elem(IxDyn(&[]), T::nan())))
        });
        arrays.collect()
    }
}

/// Whether all of `values` are finite. Looked at by blocks, which are done with vectors.
fn is_all_finite<T: Precision>(values: &[T]) -> bool {
    values.chunks(1024).all(|block| block.iter().fold(true, |all, v| all & v.is_finite()))
}

fn typed<T: Precision>(
    graph: &Graph,
    outputs: &[Output],
    data: &Data<T>,
    divisor: f64,
    limits: &Limits,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Option<Vec<ArrayD<T>>>, Diagnostic> {
    let Some(mut compiled) = Compiled::new(graph, outputs.to_vec(), data, divisor)? else { return Ok(None) };
    // The reference evaluator gets along with less, or says how much it needs.
    if compiled.bytes(limits.threads) > limits.memory {
        return Ok(None);
    }
    if compiled.run(limits.threads, Level::detect(), progress)? {
        compiled.into_arrays().map(Some)
    } else {
        Ok(None)
    }
}
