//! Products of matrices.

use crate::compile::program::{Contraction, Memory};
use crate::vector::Precision;
use gemm::Parallelism;

/// How many rows there are.
pub(super) fn rows(contraction: &Contraction, count: usize) -> usize {
    contraction.lengths[0] * if contraction.times_batch[0] { count } else { 1 }
}

/// Computes the products of `count` batch elements, or some of their rows; `address` tells where memory begins for the
/// first of them.
pub(super) fn run<T: Precision>(
    contraction: &Contraction,
    address: &dyn Fn(Memory) -> *mut T,
    count: usize,
    part: Option<(usize, usize)>,
) {
    let times = |at: usize| contraction.lengths[at] * if contraction.times_batch[at] { count } else { 1 };
    let [rows, columns, between] = [0, 1, 2].map(times);
    let is_added = contraction.times_batch[2];
    // A part of the rows.
    let (from, to) = part.unwrap_or((0, rows));
    let rows = to - from;
    let turns = if contraction.is_batched { count } else { 1 };
    for turn in 0..turns as isize {
        let at = |matrix: &crate::compile::program::Matrix| {
            address(matrix.memory).wrapping_offset(matrix.offset + turn * matrix.strides[2])
        };
        let (left, right, product) = (&contraction.left, &contraction.right, &contraction.product);
        // SAFETY: the lengths and strides are those of the arrays, and the product overlaps neither factor.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                between,
                at(product).wrapping_offset(from as isize * product.strides[0]),
                product.strides[1],
                product.strides[0],
                is_added,
                at(left).wrapping_offset(from as isize * left.strides[0]).cast_const(),
                left.strides[1],
                left.strides[0],
                at(right).cast_const(),
                right.strides[1],
                right.strides[0],
                if is_added { T::one() } else { T::zero() },
                T::one(),
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}
