//! Code in memory from which it can be run.

use super::emit::{Arguments, Emitted, POOL_ADDRESS_AT};
use memmap2::{Mmap, MmapMut};
use std::sync::Arc;

/// Machine code of a kernel.
#[derive(Debug)]
pub struct Code {
    memory: Arc<Mmap>,
    /// Where in the memory it begins.
    at: usize,
}

/// How code is called, on any system.
#[cfg(target_arch = "x86_64")]
type Function = extern "sysv64" fn(*mut Arguments) -> u32;
/// Other processors have no code that could be called.
#[cfg(not(target_arch = "x86_64"))]
type Function = extern "C" fn(*mut Arguments) -> u32;

/// Where code and constants begin: at cache lines.
const ALIGNMENT: usize = 64;

impl Code {
    /// Puts code and constants where they are read and run. Empty where the system does not allow it.
    pub fn place(mut emitted: Vec<Emitted>) -> Vec<Code> {
        let length: usize =
            emitted.iter().flat_map(|e| [&e.pool, &e.code]).map(|part| aligned(part.len())).sum();
        let Ok(mut memory) = MmapMut::map_anon(length.max(ALIGNMENT)) else { return Vec::new() };
        let mut starts = Vec::with_capacity(emitted.len());
        let mut end = 0;
        for Emitted { code, pool } in &mut emitted {
            let address = memory[end..].as_ptr().addr() as u64;
            code[POOL_ADDRESS_AT..POOL_ADDRESS_AT + 8].copy_from_slice(&address.to_le_bytes());
            memory[end..end + pool.len()].copy_from_slice(pool);
            end += aligned(pool.len());
            starts.push(end);
            memory[end..end + code.len()].copy_from_slice(code);
            end += aligned(code.len());
        }
        let Ok(memory) = memory.make_exec() else { return Vec::new() };
        let memory = Arc::new(memory);
        starts.into_iter().map(|at| Code { memory: memory.clone(), at }).collect()
    }

    /// Runs the code. Whether it did all rows; else the arguments say where it stopped.
    ///
    /// # Safety
    /// The arguments must be those of the layout that the code was made with, and the processor must have the
    /// instructions.
    pub unsafe fn run(&self, arguments: &mut Arguments) -> bool {
        let start = self.memory[self.at..].as_ptr();
        // SAFETY: the memory holds a function of this signature.
        let function: Function = unsafe { std::mem::transmute(start) };
        function(arguments) == 0
    }
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT)
}
