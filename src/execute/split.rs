//! Large kernels, cut into parts that threads share out.
//!
//! The parts depend on the shapes alone. Sums that several parts add to are kept apart and added in order.

use super::kernel::{self, Part};
use super::workspace::{Workspace, address};
use super::{Bases, Tiles, contract, fold, in_parallel};
use crate::compile::Program;
use crate::compile::program::{Kernel, Memory, Sink, SinkKind};
use crate::native::{Native, Natives};
use crate::vector::{Level, Precision};
use std::sync::Mutex;

/// Elements that make a part of their own.
const PART: usize = 1 << 16;

/// The most parts of a kernel.
const PARTS: usize = 32;

/// Rows of a product of matrices that make a part, where there are so many.
const ROWS: usize = 128;

/// Elements that the sums of all parts together may have.
const SUMS: usize = 1 << 20;

/// By sink, the sums that a part keeps for itself.
type Sums<T> = Vec<Option<Vec<T>>>;

/// Runs `kernels` one after the other for `count` batch elements from `start` on, each by all threads.
pub(super) fn run<T: Precision>(
    (program, natives): (&Program, &Natives),
    (kernels, codes): (&[Kernel], &[Option<Native>]),
    bases: &Bases<T>,
    constants: &[T],
    (start, count): (usize, usize),
    (threads, level): (usize, Level),
    workspaces: &Mutex<Vec<Workspace<T>>>,
) {
    let take = || {
        workspaces
            .lock()
            .ok()
            .and_then(|mut w| w.pop())
            .unwrap_or_else(|| Workspace::new(program, natives, constants))
    };
    let give = |workspace| {
        if let Ok(mut all) = workspaces.lock() {
            all.push(workspace);
        }
    };
    let tile = program.tile;
    for (kernel, native) in kernels.iter().zip(codes) {
        if kernel::is_idle(kernel, bases, tile, (start, count)) {
            continue;
        }
        for contraction in &kernel.contractions {
            let rows = contract::rows(contraction, count);
            let work: usize = contraction.lengths.iter().product();
            let parts = (work / (PART * 8)).clamp(1, PARTS);
            // Each part brings the whole of the right factor into order, which takes rows enough to be worth it.
            let height = rows.div_ceil(parts).max(rows.div_ceil(4).min(ROWS)).next_multiple_of(16);
            in_parallel(rows.div_ceil(height.max(1)), threads, &|part| {
                let range = (part * height, rows.min((part + 1) * height));
                let at = |memory| address(bases, memory, start, tile);
                contract::run(contraction, &at, count, Some(range));
            });
        }
        if kernel.sinks.is_empty() {
            continue;
        }
        kernel::begin_sinks(kernel, bases, (tile, count), &|_| false);
        let lengths = kernel::lengths(kernel, count);
        let volume: usize = lengths[..kernel.loops.len()].iter().product();
        let first = lengths[..kernel.loops.len()].iter().position(|length| *length > 1).unwrap_or(0);
        let adds_along = |sink: &Sink, axis: usize| {
            sink.strides[axis] == 0 && !matches!(sink.kind, SinkKind::Store { .. })
        };
        // Parts along the innermost loop need no sums of their own where the first loop is summed over and it is not.
        let last = kernel.loops.len() - 1;
        let is_apart = kernel.sinks.iter().any(|s| adds_along(s, first))
            && !kernel.sinks.iter().any(|s| adds_along(s, last))
            && lengths[last] >= 2 * kernel.block;
        let axis = if is_apart { last } else { first };
        let adds = |sink: &Sink| adds_along(sink, axis);
        let common: usize =
            kernel.sinks.iter().filter(|s| adds(s)).map(|s| kernel::places(s, bases, tile, count).2).sum();
        let scatters = kernel.sinks.iter().any(|s| matches!(s.kind, SinkKind::Scatter(_)));
        let most = if scatters { 1 } else { (SUMS / common.max(1)).clamp(1, PARTS) };
        let parts = (volume / PART).clamp(1, most);
        let unit = if axis + 1 == kernel.loops.len() { kernel.block } else { 1 };
        let height = lengths[axis].div_ceil(parts).next_multiple_of(unit).max(1);
        let parts = lengths[axis].div_ceil(height);
        // One part adds to the sums themselves.
        let is_common = |sink: &Sink| parts > 1 && adds(sink);
        let sums: Vec<Sums<T>> = (0..parts)
            .map(|_| {
                let own = kernel.sinks.iter().map(|sink| {
                    let SinkKind::Fold(fold, _) = sink.kind else { return None };
                    let length = kernel::places(sink, bases, tile, count).2;
                    // Sums that begin elsewhere than at 0 begin so once, where the parts are joined.
                    is_common(sink).then(|| {
                        let mut elements = vec![fold::neutral::<T>(fold); length];
                        elements.resize(2 * length, T::zero());
                        elements
                    })
                });
                own.collect()
            })
            .collect();
        let sums = Mutex::new(sums.into_iter().map(Some).collect::<Vec<_>>());
        let done: Mutex<Vec<(usize, Sums<T>)>> = Mutex::new(Vec::with_capacity(parts));
        in_parallel(parts, threads, &|at| {
            let Some(mut own) = sums.lock().ok().and_then(|mut all| all[at].take()) else { return };
            let places = own.iter_mut().map(|elements| {
                elements.as_mut().map(|e| {
                    let half = e.len() / 2;
                    let (total, lost) = e.split_at_mut(half);
                    (total.as_mut_ptr(), lost.as_mut_ptr())
                })
            });
            let part = Part {
                axis,
                from: at * height,
                to: lengths[axis].min((at + 1) * height),
                sums: places.collect(),
            };
            let mut workspace = take();
            let (kernels, natives) = (std::slice::from_ref(kernel), std::slice::from_ref(native));
            let (workspace_of, end) = (&mut workspace, start + count);
            level.dispatch(Tiles {
                program,
                kernels,
                natives,
                bases,
                workspace: workspace_of,
                start,
                end,
                part: Some(&part),
            });
            give(workspace);
            if let Ok(mut done) = done.lock() {
                done.push((at, own));
            }
        });
        let mut done = done.into_inner().unwrap_or_default();
        done.sort_unstable_by_key(|d| d.0);
        for (_, own) in done {
            for (sink, elements) in kernel.sinks.iter().zip(own) {
                if let (Some(elements), SinkKind::Fold(fold, _)) = (elements, &sink.kind) {
                    let (total, lost, length) = kernel::places(sink, bases, tile, count);
                    // SAFETY: the sink has so many elements, and nobody else writes to them now.
                    unsafe { fold::join_all(*fold, &elements, total, lost, length) };
                }
            }
        }
        kernel::end_sinks(kernel, bases, (tile, count), &|_| false);
        debug_assert!(kernel.sinks.iter().all(|s| !matches!(s.memory, Memory::Input(..))));
    }
}
