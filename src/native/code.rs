//! Code in memory from which it can be run.

use super::emit::{Arguments, Emitted, POOL_ADDRESS_AT};
use memmap2::{Mmap, MmapMut};

/// Machine code of a kernel, with its constants.
#[derive(Debug)]
pub struct Code {
    code: Mmap,
    /// Read by the code, at an address that it names.
    _pool: Mmap,
}

impl Code {
    /// Puts code and constants where they are read and run. `None` where the system does not allow it.
    pub fn new(mut emitted: Emitted) -> Option<Code> {
        let mut pool = MmapMut::map_anon(emitted.pool.len().max(64)).ok()?;
        pool[..emitted.pool.len()].copy_from_slice(&emitted.pool);
        let pool = pool.make_read_only().ok()?;
        let address = pool.as_ptr().addr() as u64;
        emitted.code[POOL_ADDRESS_AT..POOL_ADDRESS_AT + 8].copy_from_slice(&address.to_le_bytes());
        let mut code = MmapMut::map_anon(emitted.code.len()).ok()?;
        code.copy_from_slice(&emitted.code);
        Some(Code { code: code.make_exec().ok()?, _pool: pool })
    }

    /// Runs the code. Whether it did all rows; else the arguments say where it stopped.
    ///
    /// # Safety
    /// The arguments must be those of the layout that the code was made with, and the processor must have the
    /// instructions.
    pub unsafe fn run(&self, arguments: &mut Arguments) -> bool {
        // SAFETY: the memory holds a function of this signature.
        let function: extern "sysv64" fn(*mut Arguments) -> u32 =
            unsafe { std::mem::transmute(self.code.as_ptr()) };
        function(arguments) == 0
    }
}
