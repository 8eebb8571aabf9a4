//! Memory that vectors are read from and written to.

use crate::vector::Precision;
use ndarray::{Array1, s};
use std::ops::{Deref, DerefMut};

/// Bytes that memory is aligned to: vectors then lie in one cache line.
const ALIGNMENT: usize = 64;

/// Bytes of a page.
const PAGE: usize = 4096;

/// Where in a page results begin. Large arrays that come from elsewhere begin at the start of one; a read of what lies as
/// far into a page as something that was just written waits for that.
const ASIDE: usize = PAGE / 2 + ALIGNMENT;

/// Elements of which the first is aligned to a cache line.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    elements: Vec<T>,
    first: usize,
    length: usize,
}

impl<T: Precision> Buffer<T> {
    pub fn zeros(length: usize) -> Self {
        Buffer::at(ALIGNMENT, 0, length, |count| vec![T::zero(); count])
    }

    /// What is stored between passes, which will be written before it is read. Debug builds fill it with what shows if
    /// that is not so.
    pub fn scratch(length: usize) -> Self {
        let first = if cfg!(debug_assertions) { T::nan() } else { T::zero() };
        Buffer::at(ALIGNMENT, 0, length, |count| vec![first; count])
    }

    /// Elements of a result, which will be written before they are read.
    pub fn result(length: usize) -> Self {
        if length * size_of::<T>() < PAGE {
            return Buffer { elements: unset(length), first: 0, length };
        }
        Buffer::at(PAGE, ASIDE, length, unset)
    }

    /// Elements that begin `aside` bytes behind a multiple of `alignment`.
    fn at(alignment: usize, aside: usize, length: usize, make: impl Fn(usize) -> Vec<T>) -> Self {
        let elements = make(length + alignment / size_of::<T>());
        let beyond = (aside + alignment - elements.as_ptr().addr() % alignment) % alignment;
        Buffer { elements, first: beyond / size_of::<T>(), length }
    }

    /// The elements as an array, which are not copied.
    pub fn into_array(self) -> Array1<T> {
        Array1::from_vec(self.elements).slice_move(s![self.first..self.first + self.length])
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
fn unset<T: Precision>(length: usize) -> Vec<T> {
    let mut elements = Vec::with_capacity(length);
    // SAFETY: any bits are a float; what a result is made of is written by a kernel, or as a total, before it is read.
    #[allow(clippy::uninit_vec)]
    unsafe {
        elements.set_len(length);
    }
    elements
}
