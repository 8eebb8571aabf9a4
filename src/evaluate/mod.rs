//! The reference evaluator: the meaning of a graph, in any floating-point type.
//!
//! It follows the definition literally, node by node, and is what everything else is tested against. Nodes are
//! arrays over their free indices and a block of the batch, so that the cost of interpretation is shared by
//! many elements. Results do not depend on the size of the blocks, to the bit.
//!
//! - An `if` computes both branches and selects; what the other one was, NaN included, leaves no trace.
//! - Sums are compensated (Knuth's error-free addition), so that their error hardly grows with their length.
//! - An empty `max`, `min` or `mean` and an access out of range are NaN at first. Only if that reaches an output
//!   is it an error: then the evaluation of that batch element is traced back to the place.
//! - Where the body of a reduction would take much memory, it is computed for a part of its indices at a time.

mod access;
mod arithmetic;
mod array;
mod blame;
mod check;
mod collect;
mod data;
mod element;
mod extended;
mod extent;
mod floats;
mod kernel;
mod origin;
mod plan;
mod reduce;
mod run;
mod special;

pub(crate) use access::{Position, affine};
pub use check::check_inputs;
pub use data::{Checks, Data, Elements, Given, bind, bind_given};
pub use extended::Extended;
pub use extent::Extents;
pub use origin::{Origin, find_origin};
pub(crate) use reduce::add;

use crate::diagnostic::Diagnostic;
use crate::graph::{Graph, IndexId, NodeId};
use crate::real::Real;
use collect::Collector;
use ndarray::ArrayD;
use plan::Plan;
use run::Run;

/// What is wanted of the evaluation.
#[derive(Clone, Debug)]
pub struct Output {
    /// The expression.
    pub node: NodeId,
    /// What is computed for it: the expression itself, or what [`Graph::with_elements`] made of it.
    pub computed: NodeId,
    /// The axes of the result: all free indices of `node`, and perhaps others over which it is repeated.
    pub indices: Vec<IndexId>,
    /// What becomes of the batch.
    pub batch: Batch,
}

impl Output {
    /// `node` as it is, over `indices`.
    pub fn new(node: NodeId, indices: Vec<IndexId>, batch: Batch) -> Self {
        Output { node, computed: node, indices, batch }
    }
}

/// What becomes of the batch axes in a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// They come first in the result.
    Each,
    /// The sum over the batch.
    Sum,
    /// The sum divided by the number of batch elements; NaN where there are none.
    Mean,
}

/// What the evaluation may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of intermediate results. Inputs and results themselves are not counted.
    pub memory: usize,
    /// Threads. Results do not depend on their number.
    pub threads: usize,
}

impl Default for Limits {
    /// 4 GiB, one thread.
    fn default() -> Self {
        Limits { memory: 4 << 30, threads: 1 }
    }
}

/// Batch elements that one thread works on at a time. Partial sums are taken over these and added in order, so
/// that results do not depend on the number of threads.
const CHUNK_LENGTH: usize = 1 << 13;

/// Evaluates `outputs` on `data`, each to an array over the batch axes (if they are kept) and its indices.
///
/// `progress` is told how many batch elements have just been done.
///
/// # Errors
/// An axis whose length nothing tells; an index out of range or an empty `max`, `min` or `mean` where an output
/// is NaN because of it; and intermediate results that exceed `limits`.
pub fn evaluate<T: Real>(
    graph: &Graph,
    outputs: &[Output],
    data: &Data<T>,
    limits: &Limits,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<ArrayD<T>>, Diagnostic> {
    let roots: Vec<NodeId> = outputs.iter().map(|o| o.computed).collect();
    let indices = outputs.iter().flat_map(|o| o.indices.iter().copied());
    let plan = Plan::new(graph, &roots, indices, data, limits, false)?;
    let batch = data.batch_length();
    let count = batch.div_ceil(CHUNK_LENGTH);
    let threads = limits.threads.clamp(1, count.max(1));
    let block = plan.block_length(batch, threads, limits)?;
    let mut results: Vec<Collector<T>> = Vec::with_capacity(outputs.len());
    for output in outputs {
        results.push(Collector::new(output, &plan, data)?);
    }
    let mut shared = Run::new(graph, data, &plan, &[]);
    shared.block(&plan.shared, 0, 1);
    let shared_values = std::mem::take(&mut shared.values);
    let chunk = |at: usize| -> Chunk<T> {
        let start = at * CHUNK_LENGTH;
        let end = batch.min(start + CHUNK_LENGTH);
        let mut run = Run::new(graph, data, &plan, &shared_values);
        let mut parts: Vec<Collector<T>> = results.iter().map(Collector::part).collect();
        let mut from = start;
        while from < end {
            let lane = block.min(end - from);
            run.block(&plan.each, from, lane);
            for (part, output) in parts.iter_mut().zip(outputs) {
                part.take(run.of(plan.slots[&output.computed]), lane);
            }
            run.free(&plan.each);
            from += lane;
        }
        progress(end - start);
        Chunk { parts, troubled: run.troubled, troubled_everywhere: run.troubled_everywhere }
    };
    let chunks: Vec<Chunk<T>> =
        if threads == 1 { (0..count).map(chunk).collect() } else { in_parallel(count, threads, &chunk) };
    let mut troubled = Vec::new();
    let mut troubled_everywhere = shared.troubled_everywhere || !shared.troubled.is_empty();
    for part in chunks {
        troubled.extend(part.troubled);
        troubled_everywhere |= part.troubled_everywhere;
        results.iter_mut().zip(part.parts).for_each(|(result, more)| result.append(more));
    }
    let results: Vec<ArrayD<T>> = results.into_iter().map(|c| c.finish(batch)).collect();
    if (troubled_everywhere || !troubled.is_empty()) && results.iter().any(|r| r.iter().any(|v| v.is_nan())) {
        let suspects: Vec<usize> = if troubled_everywhere { (0..batch).collect() } else { troubled };
        // Traced on what was written, which shows where.
        let written: Vec<NodeId> = outputs.iter().map(|o| o.node).collect();
        blame::blame(graph, &written, data, limits, &suspects)?;
    }
    Ok(results)
}

/// What one chunk of the batch gives.
struct Chunk<T> {
    parts: Vec<Collector<T>>,
    troubled: Vec<usize>,
    troubled_everywhere: bool,
}

/// The results of `work` for 0 to `count`, in order.
fn in_parallel<R: Send>(count: usize, threads: usize, work: &(dyn Fn(usize) -> R + Sync)) -> Vec<R> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worker = || {
        let mut own: Vec<(usize, R)> = Vec::new();
        loop {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if at >= count {
                return own;
            }
            own.push((at, work(at)));
        }
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        // A worker that panicked takes the program with it, as it would without threads.
        let results = workers.into_iter().map(|w| w.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
        results.flatten().collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
