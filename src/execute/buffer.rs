//! Memory that vectors are read from and written to.

use crate::vector::Precision;
use std::ops::{Deref, DerefMut};

/// Bytes that memory is aligned to: vectors then lie in one cache line.
const ALIGNMENT: usize = 64;

/// Elements of which the first is aligned to a cache line.
pub(crate) struct Buffer<T> {
    elements: Vec<T>,
    first: usize,
    length: usize,
}

impl<T: Precision> Buffer<T> {
    /// Zeros.
    pub fn zeros(length: usize) -> Self {
        Buffer::of(vec![T::zero(); length + ALIGNMENT / size_of::<T>()], length)
    }

    /// Elements that will be written before they are read.
    pub fn unset(length: usize) -> Self {
        Buffer::of(unset(length + ALIGNMENT / size_of::<T>()), length)
    }

    fn of(elements: Vec<T>, length: usize) -> Self {
        let first = elements.as_ptr().align_offset(ALIGNMENT).min(elements.len() - length);
        Buffer { elements, first, length }
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];
    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.elements[self.first..self.first + self.length]
    }
}

impl<T> DerefMut for Buffer<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.elements[self.first..self.first + self.length]
    }
}

/// Memory that kernels will write.
pub(super) fn unset<T: Precision>(length: usize) -> Vec<T> {
    let mut elements = Vec::with_capacity(length);
    // SAFETY: any bits are a float; what a result is made of is written by a kernel, or as a total, before it is read.
    #[allow(clippy::uninit_vec)]
    unsafe {
        elements.set_len(length);
    }
    elements
}
