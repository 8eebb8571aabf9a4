//! Execution of compiled programs.
//!
//! ```text
//! mod        tiles, chunks and threads; results
//! kernel     one pass: its loops, and what each block reads and writes
//! tape       the instructions of one block, on vectors
//! fold       reductions of blocks
//! ```
//!
//! The batch is cut into chunks, the same whatever the number of threads; each chunk has sums of its own, which are
//! added in order at the end. So results do not depend on the number of threads, to the bit.

mod fold;
mod function;
mod kernel;
mod tape;

use crate::compile::Program;
use crate::compile::program::{Kernel, Memory, OutputKind, SinkKind};
use crate::compile::value::Fold;
use crate::evaluate::Data;
use crate::graph::VariableId;
use crate::vector::{Lanes, Level, Precision, Vectorized};
use kernel::Workspace;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Pointers to all memory that kernels use.
#[derive(Clone)]
pub(crate) struct Bases<T> {
    /// Where each variable begins and ends.
    pub inputs: Vec<(*const T, *const T)>,
    pub shared: *mut T,
    pub tile: *mut T,
    pub totals: *mut T,
    pub results: Vec<*mut T>,
}

// SAFETY: threads write to different chunks of the results, and to tiles and totals of their own.
unsafe impl<T> Send for Bases<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Bases<T> {}

/// Runs `program`. Each result is an array of its elements, those of each batch element first.
///
/// `progress` is told how many batch elements have just been done.
pub(crate) fn execute<T: Precision>(
    program: &Program,
    data: &Data<T>,
    threads: usize,
    level: Level,
    results: &mut Vec<Vec<T>>,
    progress: &(dyn Fn(usize) + Sync),
) {
    results.resize_with(program.results.len(), Vec::new);
    for (result, output) in results.iter_mut().zip(&program.results) {
        let copies = if output.kind == OutputKind::Each { program.batch } else { 1 };
        let length = output.length * copies;
        if result.len() != length {
            result.clear();
            result.resize(length, T::zero());
        }
    }
    let mut shared = vec![T::zero(); program.shared_length + MARGIN];
    let inputs = (0..data.variable_count() as u32)
        .map(|at| {
            let elements = data.elements(VariableId(at)).unwrap_or(&[]).as_ptr_range();
            (elements.start, elements.end)
        })
        .collect();
    let bases = Bases {
        inputs,
        shared: shared.as_mut_ptr(),
        tile: std::ptr::null_mut(),
        totals: std::ptr::null_mut(),
        results: results.iter_mut().map(|r| r.as_mut_ptr()).collect(),
    };
    let constants: Vec<T> = program.constants.iter().map(|c| T::from_double(*c)).collect();
    if !program.shared.is_empty() {
        let mut workspace = Workspace::new(program, &constants);
        let work = Pass { program, kernels: &program.shared, bases: &bases, workspace: &mut workspace, start: 0, count: 1 };
        level.dispatch(work);
    }
    let count = if program.each.is_empty() { 0 } else { program.batch.div_ceil(program.chunk) };
    let partial: Mutex<Vec<(usize, Vec<T>)>> = Mutex::new(Vec::with_capacity(count));
    let next = AtomicUsize::new(0);
    let worker = |_: usize| {
        let mut workspace = Workspace::new(program, &constants);
        let mut tile = vec![T::zero(); program.tile_length * program.tile + MARGIN];
        let mut bases = bases.clone();
        bases.tile = tile.as_mut_ptr();
        loop {
            let chunk = next.fetch_add(1, Ordering::Relaxed);
            if chunk >= count {
                return;
            }
            let mut totals = vec![T::zero(); program.total_length];
            bases.totals = totals.as_mut_ptr();
            start_totals(&program.each, &mut totals);
            let start = chunk * program.chunk;
            let end = program.batch.min(start + program.chunk);
            let work = Chunk { program, bases: &bases, workspace: &mut workspace, start, end };
            level.dispatch(work);
            progress(end - start);
            if let Ok(mut partial) = partial.lock() {
                partial.push((chunk, totals));
            }
        }
    };
    let threads = threads.clamp(1, count.max(1));
    if threads == 1 {
        worker(0);
    } else {
        pool(threads).install(|| {
            use rayon::prelude::*;
            (0..threads).into_par_iter().with_max_len(1).for_each(worker);
        });
    }
    let mut partial = partial.into_inner().unwrap_or_default();
    partial.sort_unstable_by_key(|p| p.0);
    let mut totals = vec![T::zero(); program.total_length];
    for (_, part) in &partial {
        for output in &program.results {
            if let OutputKind::Total { start, lost, .. } = output.kind {
                for at in 0..output.length {
                    fold::add(&mut totals, start + at, lost + at, part[start + at]);
                    totals[lost + at] = totals[lost + at] + part[lost + at];
                }
            }
        }
    }
    for (output, result) in program.results.iter().zip(results) {
        if let OutputKind::Total { start, lost, loops } = &output.kind {
            for (at, element) in result.iter_mut().enumerate() {
                let (mut rest, mut offset) = (at, 0);
                for (length, stride) in loops.iter().rev() {
                    offset += rest % length * stride;
                    rest /= length;
                }
                let (total, lost) = (totals[start + offset], totals[lost + offset]);
                *element = if total.is_finite() { total + lost } else { total };
                if output.divisor != 1.0 {
                    *element = *element / T::from_double(output.divisor);
                }
            }
        }
    }
}

/// Elements behind the end of an array that blocks may read.
const MARGIN: usize = 64;

/// Sums over the batch that do not begin at 0.
fn start_totals<T: Precision>(kernels: &[Kernel], totals: &mut [T]) {
    for sink in kernels.iter().flat_map(|k| &k.sinks) {
        if let (Memory::Total(at), SinkKind::Fold(fold, lost)) = (sink.memory, &sink.kind) {
            debug_assert!(matches!(fold, Fold::Sum(0)));
            totals[at..at + 2 * lost].fill(T::zero());
        }
    }
}

/// A pool of that many threads; pools are kept.
fn pool(threads: usize) -> std::sync::Arc<rayon::ThreadPool> {
    static POOLS: Mutex<Vec<(usize, std::sync::Arc<rayon::ThreadPool>)>> = Mutex::new(Vec::new());
    let mut pools = match POOLS.lock() {
        Ok(pools) => pools,
        Err(poisoned) => poisoned.into_inner(),
    };
    if let Some((_, pool)) = pools.iter().find(|p| p.0 == threads) {
        return pool.clone();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = std::sync::Arc::new(pool.expect("the system has threads to give"));
    pools.push((threads, pool.clone()));
    pool
}

/// Kernels, one after the other, for the batch elements from `start` on.
struct Pass<'a, T: Precision> {
    program: &'a Program,
    kernels: &'a [Kernel],
    bases: &'a Bases<T>,
    workspace: &'a mut Workspace<T>,
    start: usize,
    count: usize,
}

impl<T: Precision> Vectorized<T> for Pass<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes<Scalar = T>>(self, lanes: L) {
        for kernel in self.kernels {
            kernel::run(lanes, kernel, self.program, self.bases, self.workspace, (self.start, self.count));
        }
    }
}

/// All tiles of a chunk.
struct Chunk<'a, T: Precision> {
    program: &'a Program,
    bases: &'a Bases<T>,
    workspace: &'a mut Workspace<T>,
    start: usize,
    end: usize,
}

impl<T: Precision> Vectorized<T> for Chunk<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes<Scalar = T>>(self, lanes: L) {
        let mut start = self.start;
        while start < self.end {
            let count = self.program.tile.min(self.end - start);
            for kernel in &self.program.each {
                kernel::run(lanes, kernel, self.program, self.bases, self.workspace, (start, count));
            }
            start += count;
        }
    }
}
