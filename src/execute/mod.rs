//! Execution of compiled programs.
//!
//! ```text
//! mod        tiles, chunks and threads; results
//! split      large kernels, cut into parts that threads share out
//! kernel     one pass: its loops and blocks
//! workspace  what a thread needs, and where memory is
//! buffer     memory for vectors
//! block      a block that is interpreted
//! generated  a block, or whole rows, that run as machine code
//! transfer   what a block reads and writes
//! tape       the instructions of one block, on vectors
//! function   elementary functions of blocks
//! fold       reductions of blocks
//! contract   products of matrices
//! ```
//!
//! The batch is cut into chunks, the same whatever the number of threads; each chunk has sums of its own, which are
//! added in order at the end. So results do not depend on the number of threads, to the bit.

mod block;
mod buffer;
mod contract;
pub(crate) mod fold;
mod function;
mod generated;
mod kernel;
mod split;
pub(crate) mod tape;
mod transfer;
mod workspace;

use crate::compile::Program;
use crate::compile::program::{Kernel, OutputKind, Total, TotalPart};
use crate::evaluate::Data;
use crate::graph::VariableId;
use crate::native::{Native, Natives};
use crate::vector::{Lanes, Level, Precision, Vectorized};
pub(crate) use buffer::Buffer;
use kernel::Part;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use workspace::Workspace;

/// Pointers to all memory that kernels use.
#[derive(Clone)]
pub(crate) struct Bases<T> {
    /// Where each variable begins and ends.
    pub inputs: Vec<Range<*const T>>,
    pub shared: *mut T,
    pub tile: *mut T,
    pub totals: *mut T,
    pub results: Vec<*mut T>,
    /// Whether results that code looks at while it writes them are finite so far.
    pub is_finite: Arc<AtomicBool>,
}

// SAFETY: threads write to different chunks of the results, and to tiles and totals of their own.
unsafe impl<T> Send for Bases<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Bases<T> {}

/// Runs `program`. Each result is an array of its elements, those of each batch element first.
///
/// Whether all results that are looked at while they are written are finite. `progress` is told how many batch elements
/// have just been done.
pub(crate) fn execute<T: Precision>(
    program: &Program,
    natives: &Natives,
    data: &Data<T>,
    (threads, level): (usize, Level),
    results: &mut Vec<Buffer<T>>,
    progress: &(dyn Fn(usize) + Sync),
) -> bool {
    results.resize_with(program.results.len(), || Buffer::result(0));
    for (result, output) in results.iter_mut().zip(&program.results) {
        let copies = if output.kind == OutputKind::Each { program.batch } else { 1 };
        let length = output.length * copies;
        if result.len() != length {
            *result = Buffer::result(length);
        }
    }
    let mut shared = Buffer::scratch(program.shared_length + MARGIN);
    let inputs = (0..data.variable_count() as u32)
        .map(|at| data.elements(VariableId(at)).unwrap_or(&[]).as_ptr_range())
        .collect();
    let bases = Bases {
        inputs,
        shared: shared.as_mut_ptr(),
        tile: std::ptr::null_mut(),
        totals: std::ptr::null_mut(),
        results: results.iter_mut().map(|r| r.as_mut_ptr()).collect(),
        is_finite: Arc::new(AtomicBool::new(true)),
    };
    let is_finite = bases.is_finite.clone();
    let constants: Vec<T> = program.constants.iter().map(|c| T::from_double(*c)).collect();
    let workspaces = Mutex::new(Vec::new());
    let split = |kernels: (&[Kernel], &[Option<Native>]), bases: &Bases<T>, tile: (usize, usize)| {
        split::run((program, natives), kernels, bases, &constants, tile, (threads, level), &workspaces);
    };
    split((&program.shared, &natives.shared), &bases, (0, 1));
    let mut totals = if program.is_split {
        let mut tile = Buffer::scratch(program.tile_length * program.tile + MARGIN);
        let mut totals = Buffer::zeros(program.total_length);
        let mut bases = bases.clone();
        (bases.tile, bases.totals) = (tile.as_mut_ptr(), totals.as_mut_ptr());
        let mut start = 0;
        while start < program.batch {
            let count = program.tile.min(program.batch - start);
            split((&program.each, &natives.each), &bases, (start, count));
            progress(count);
            start += count;
        }
        totals
    } else {
        by_chunks((program, natives), &bases, &constants, (threads, level), progress)
    };
    program.totals.iter().for_each(|total| fold::settle(&mut totals, *total));
    if !program.after.is_empty() {
        let mut bases = bases.clone();
        bases.totals = totals.as_mut_ptr();
        split((&program.after, &natives.after), &bases, (0, 1));
    }
    finish(program, results, &totals);
    is_finite.load(Ordering::Relaxed)
}

/// Runs what is done for each tile of the batch, chunk by chunk, and gives the sums over the batch.
fn by_chunks<T: Precision>(
    (program, natives): (&Program, &Natives),
    bases: &Bases<T>,
    constants: &[T],
    (threads, level): (usize, Level),
    progress: &(dyn Fn(usize) + Sync),
) -> Buffer<T> {
    let count = if program.each.is_empty() { 0 } else { program.batch.div_ceil(program.chunk) };
    let sums = Mutex::new(Sums::new(program));
    let owners: Mutex<Vec<Own<T>>> = Mutex::new(Vec::new());
    in_parallel(count, threads, &|chunk| {
        let own = owners.lock().ok().and_then(|mut all| all.pop());
        let mut own = own.unwrap_or_else(|| Own::new(program, natives, constants));
        let mut bases = bases.clone();
        let spare = sums.lock().ok().and_then(|mut sums| sums.spare.pop());
        let mut totals = spare.unwrap_or_else(|| Buffer::zeros(program.total_length));
        (bases.tile, bases.totals) = (own.tile.as_mut_ptr(), totals.as_mut_ptr());
        let start = chunk * program.chunk;
        let end = program.batch.min(start + program.chunk);
        let workspace = &mut own.workspace;
        level.dispatch(Tiles {
            program,
            kernels: &program.each,
            natives: &natives.each,
            bases: &bases,
            workspace,
            start,
            end,
            part: None,
        });
        progress(end - start);
        if let Ok(mut sums) = sums.lock() {
            sums.add(chunk, totals);
        }
        if let Ok(mut all) = owners.lock() {
            all.push(own);
        }
    });
    let sums = sums.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    sums.total.unwrap_or_else(|| Buffer::zeros(program.total_length))
}

/// Sums over the batch, which are added in the order of the chunks.
struct Sums<'a, T> {
    program: &'a Program,
    /// Of the chunks before `next`.
    total: Option<Buffer<T>>,
    next: usize,
    /// Of chunks that were done before their turn.
    early: BTreeMap<usize, Buffer<T>>,
    /// Zeros, to be used again.
    spare: Vec<Buffer<T>>,
}

impl<'a, T: Precision> Sums<'a, T> {
    fn new(program: &'a Program) -> Self {
        Sums { program, total: None, next: 0, early: BTreeMap::new(), spare: Vec::new() }
    }

    /// Takes the sums of a chunk.
    fn add(&mut self, chunk: usize, sums: Buffer<T>) {
        self.early.insert(chunk, sums);
        while let Some(mut part) = self.early.remove(&self.next) {
            self.next += 1;
            let Some(total) = &mut self.total else {
                self.total = Some(part);
                continue;
            };
            for Total { start, lost, length } in &self.program.totals {
                fold::add_all(&mut total[*start..], &part[*start..], lost - start, *length);
            }
            part.fill(T::zero());
            self.spare.push(part);
        }
    }
}

/// What a thread keeps from one chunk to the next.
struct Own<T> {
    workspace: Workspace<T>,
    tile: Buffer<T>,
}

impl<T: Precision> Own<T> {
    fn new(program: &Program, natives: &Natives, constants: &[T]) -> Self {
        let tile = Buffer::scratch(program.tile_length * program.tile + MARGIN);
        Own { workspace: Workspace::new(program, natives, constants), tile }
    }
}

/// Elements behind the end of an array that blocks may read.
const MARGIN: usize = 64;

/// Divides sums over the batch, and puts them where they belong.
fn finish<T: Precision>(program: &Program, results: &mut [Buffer<T>], totals: &[T]) {
    for (output, result) in program.results.iter().zip(results) {
        let OutputKind::Total(parts) = &output.kind else { continue };
        let divisor = T::from_double(output.divisor);
        for TotalPart { start, first, loops } in parts {
            let (inner, outer) = loops.split_first().unwrap_or((&(1, 1, 1), &[]));
            let count: usize = outer.iter().map(|l| l.0).product();
            for at in 0..count {
                let (mut rest, mut from, mut to) = (at, *start, *first);
                for (length, in_sums, in_result) in outer {
                    from += rest % length * in_sums;
                    to += rest % length * in_result;
                    rest /= length;
                }
                for turn in 0..inner.0 {
                    result[to + turn * inner.2] = totals[from + turn * inner.1] / divisor;
                }
            }
        }
    }
}

/// Does `work` for 0 to `count`, on as many threads.
fn in_parallel(count: usize, threads: usize, work: &(dyn Fn(usize) + Sync)) {
    let threads = threads.clamp(1, count.max(1));
    if threads == 1 {
        (0..count).for_each(work);
        return;
    }
    let next = AtomicUsize::new(0);
    pool(threads).install(|| {
        use rayon::prelude::*;
        (0..threads).into_par_iter().with_max_len(1).for_each(|_| {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= count {
                    return;
                }
                work(at);
            }
        });
    });
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

/// Kernels, one after the other, for each tile of the batch elements from `start` to `end`; or a part of one kernel.
struct Tiles<'a, T: Precision> {
    program: &'a Program,
    kernels: &'a [Kernel],
    natives: &'a [Option<Native>],
    bases: &'a Bases<T>,
    workspace: &'a mut Workspace<T>,
    start: usize,
    end: usize,
    part: Option<&'a Part<T>>,
}

impl<T: Precision> Vectorized<T> for Tiles<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes<Scalar = T>>(self, lanes: L) {
        let mut start = self.start;
        while start < self.end {
            let count = self.program.tile.min(self.end - start);
            for (kernel, native) in self.kernels.iter().zip(self.natives) {
                kernel::run(
                    lanes,
                    (kernel, native.as_ref()),
                    self.program,
                    self.bases,
                    self.workspace,
                    (start, count),
                    self.part,
                );
            }
            start += count;
        }
    }
}
