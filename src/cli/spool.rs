//! Numbers that wait to be written: in memory where they are few, else in a temporary file.

use bytemuck::Pod;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use tempfile::SpooledTempFile;

/// Bytes that are kept in memory.
const IN_MEMORY: usize = 8 << 20;

/// Elements that are read at a time.
const BLOCK: usize = 1 << 13;

/// A sequence of numbers of any length.
pub(super) struct Spool<T> {
    file: SpooledTempFile,
    length: usize,
    element: std::marker::PhantomData<T>,
}

impl<T: Pod> Spool<T> {
    /// An empty one, whose file, which has no name, is to be in `folder`.
    pub fn new(folder: &Path) -> Self {
        let file = tempfile::spooled_tempfile_in(IN_MEMORY, folder);
        Spool { file, length: 0, element: std::marker::PhantomData }
    }

    /// How many there are.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Puts numbers at the end.
    pub fn push(&mut self, elements: &[T]) -> io::Result<()> {
        self.length += elements.len();
        self.file.write_all(bytemuck::cast_slice(elements))
    }

    /// Hands all of them on, block by block.
    pub fn for_each_block(&mut self, take: &mut dyn FnMut(&[T]) -> io::Result<()>) -> io::Result<()> {
        self.file.rewind()?;
        let mut block = vec![T::zeroed(); BLOCK.min(self.length)];
        let mut left = self.length;
        while left > 0 {
            let part = &mut block[..left.min(BLOCK)];
            self.file.read_exact(bytemuck::cast_slice_mut(part))?;
            take(part)?;
            left -= part.len();
        }
        Ok(())
    }
}
