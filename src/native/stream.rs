//! Results that are written past the caches.
//!
//! A store to a line that is not in a cache first reads the line. Where results are longer than the caches that are
//! near, nothing that is read soon is lost if they go to memory at once, and a third of the traffic is saved (Intel 64
//! and IA-32 Architectures Optimization Reference Manual, "Non-temporal stores"). That pays where reading and writing
//! overlap: in a pass that is the only one. The last of several reads what is in a cache and would wait for memory.

use crate::compile::program::{Kernel, Memory, Program, Sink, SinkKind};

/// Results of so many bytes are. Below, what they were computed from is still in the second-level cache.
const LONG: usize = 1 << 20;

/// Bytes that such stores are aligned to, on every level.
pub const ALIGNMENT: usize = 64;

/// Whether a sink is a long result of which all whole vectors lie on cache lines, if it begins at one.
pub fn is_streamed(program: &Program, kernel: &Kernel, sink: &Sink, element_bytes: usize) -> bool {
    let (Memory::Result(number, size), SinkKind::Store { .. }) = (sink.memory, &sink.kind) else {
        return false;
    };
    let Some((inner, outer)) = sink.strides.split_last() else { return false };
    let of_batch = if size == 0 { 1 } else { program.batch };
    let is_long = (program.results[number].length * of_batch).saturating_mul(element_bytes) >= LONG;
    let lines = |elements: usize| (elements * element_bytes).is_multiple_of(ALIGNMENT);
    is_long
        && program.kernels().count() == 1
        && *inner == 1
        && outer.iter().all(|stride| lines(stride.unsigned_abs()))
        && lines(size * program.tile)
        && lines(kernel.block)
}
