//! What a block reads and writes: strided, checked, numbered, gathered and scattered elements.

use super::block::Shape;
use crate::compile::program::{Bound, Gather, Mode, Operand, Register};
use crate::real::Real;
use crate::vector::{Lanes, Precision};
use num_traits::Float;

/// Brings strided elements together.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(super) fn pack<L: Lanes>(
    lanes: L,
    operand: &Operand,
    from: *mut L::Scalar,
    bounds: &[Bound],
    to: *mut L::Scalar,
    shape: Shape,
    position: &[usize],
    has_rows: bool,
) where
    L::Scalar: Precision,
{
    let depth = operand.strides.len();
    let inner = operand.strides[depth - 1];
    let row_stride = if has_rows { operand.strides[depth - 2] } else { 0 };
    if operand.mode == Mode::Uniform {
        let inside = bounds.iter().all(|b| {
            let at = b.first + b.strides.iter().zip(position).map(|(s, p)| s * *p as i64).sum::<i64>();
            (0..b.length).contains(&at)
        });
        // SAFETY: the position is within the array; a register has room for a vector.
        unsafe {
            let value = if inside { *from } else { L::Scalar::nan() };
            lanes.store_to(to, lanes.splat(value));
        }
        return;
    }
    for row in 0..shape.rows {
        let source = from.wrapping_offset(row as isize * row_stride);
        let target = to.wrapping_add(row * shape.run);
        let (mut low, mut high) = (0_i64, shape.run as i64);
        for bound in bounds {
            let mut at =
                bound.first + bound.strides.iter().zip(position).map(|(s, p)| s * *p as i64).sum::<i64>();
            if has_rows {
                at += bound.strides[depth - 2] * row as i64;
            }
            let part = inside(at, bound.strides[depth - 1], bound.length, shape.run as i64);
            (low, high) = (low.max(part.0), high.min(part.1));
        }
        let low = low.clamp(0, shape.run as i64) as usize;
        let high = (high.max(0) as usize).clamp(low, shape.run);
        // SAFETY: what lies between `low` and `high` is within the array; the target is a register's block.
        unsafe {
            for at in 0..low {
                *target.add(at) = L::Scalar::nan();
            }
            let source = source.wrapping_offset(low as isize * inner);
            copy_strided(lanes, source, inner, target.add(low), high - low);
            for at in high..shape.run {
                *target.add(at) = L::Scalar::nan();
            }
        }
    }
}

/// Copies `count` elements that are `stride` apart.
///
/// # Safety
/// They must be readable, and the target writable.
#[inline(always)]
unsafe fn copy_strided<L: Lanes>(
    lanes: L,
    from: *const L::Scalar,
    stride: isize,
    to: *mut L::Scalar,
    count: usize,
) {
    // SAFETY: the caller vouches for the memory.
    unsafe {
        match stride {
            1 => std::ptr::copy_nonoverlapping(from, to, count),
            0 => {
                if count > 0 {
                    std::slice::from_raw_parts_mut(to, count).fill(*from);
                }
            }
            _ => {
                let mut first = 0;
                if let Some(step) = near(stride) {
                    while first + L::WIDTH <= count
                        && let Some(values) = lanes.load_strided(from.offset(first as isize * stride), step)
                    {
                        lanes.store_to(to.add(first), values);
                        first += L::WIDTH;
                    }
                }
                for at in first..count {
                    *to.add(at) = *from.offset(at as isize * stride);
                }
            }
        }
    }
}

/// The stride, where a vector of elements so far apart spans few enough to be counted in 32 bits.
fn near(stride: isize) -> Option<i32> {
    i32::try_from(stride).ok().filter(|stride| stride.unsigned_abs() <= 1 << 24)
}

/// For which k from 0 to `count` (exclusive), as a half-open range, 0 <= at + k*stride < length.
#[inline(always)]
fn inside(at: i64, stride: i64, length: i64, count: i64) -> (i64, i64) {
    match stride {
        0 if (0..length).contains(&at) => (0, count),
        0 => (0, 0),
        1 => (-at, length - at),
        // Quotients are rounded up at the low end and down at the high one.
        2.. => (
            (-at).div_euclid(stride) + i64::from((-at).rem_euclid(stride) != 0),
            (length - 1 - at).div_euclid(stride) + 1,
        ),
        _ => {
            let back = -stride;
            let low = at - (length - 1);
            (low.div_euclid(back) + i64::from(low.rem_euclid(back) != 0), at.div_euclid(back) + 1)
        }
    }
}

/// The values of an index.
#[inline(always)]
pub(super) fn number<L: Lanes>(
    lanes: L,
    operand: &Operand,
    first: isize,
    to: *mut L::Scalar,
    shape: Shape,
    has_rows: bool,
) where
    L::Scalar: Precision,
{
    let depth = operand.strides.len();
    let inner = operand.strides[depth - 1];
    let row_stride = if has_rows { operand.strides[depth - 2] } else { 0 };
    // SAFETY: the target is a register's block.
    unsafe {
        if operand.mode == Mode::Uniform {
            lanes.store_to(to, lanes.constant(first as f64));
            return;
        }
        for row in 0..shape.rows {
            let start = first + row as isize * row_stride;
            let target = std::slice::from_raw_parts_mut(to.add(row * shape.run), shape.run);
            if inner == 0 {
                target.fill(L::Scalar::from_double(start as f64));
            } else {
                for (at, element) in target.iter_mut().enumerate() {
                    *element = L::Scalar::from_double((start + at as isize * inner) as f64);
                }
            }
        }
    }
}

/// Writes a block to strided memory.
#[inline(always)]
pub(super) fn unpack<L: Lanes>(
    lanes: L,
    values: *const L::Scalar,
    to: *mut L::Scalar,
    shape: Shape,
    row_stride: isize,
    inner: isize,
) {
    for row in 0..shape.rows {
        let target = to.wrapping_offset(row as isize * row_stride);
        // SAFETY: a sink's strides lead to elements of its array.
        unsafe {
            let source = values.add(row * shape.run);
            if inner == 1 {
                std::ptr::copy_nonoverlapping(source, target, shape.run);
            } else {
                let mut first = 0;
                if let Some(step) = near(inner) {
                    while first + L::WIDTH <= shape.run
                        && lanes.store_strided(
                            target.offset(first as isize * inner),
                            step,
                            lanes.load_from(source.add(first)),
                        )
                    {
                        first += L::WIDTH;
                    }
                }
                for at in first..shape.run {
                    *target.offset(at as isize * inner) = *source.add(at);
                }
            }
        }
    }
}

/// The position as a whole number, where it is one and less than `length`.
#[inline(always)]
fn whole<T: Precision>(position: T, length: usize) -> Option<usize> {
    let value = position.to_double();
    (value >= 0.0 && value < length as f64 && value == value.floor()).then_some(value as usize)
}

pub(super) fn gather_block<T: Precision>(
    gather: &Gather,
    base: *const T,
    to: *mut T,
    registers: &[*mut T],
    position: &[usize],
    shape: Shape,
    has_rows: bool,
) {
    let depth = gather.strides.len();
    let fixed: isize = gather.strides.iter().zip(position).map(|(s, p)| s * *p as isize).sum();
    let base_offset = gather.offset + fixed;
    for row in 0..shape.rows {
        for at in 0..shape.run {
            let place = row * shape.run + at;
            let mut offset = base_offset + gather.strides[depth - 1] * at as isize;
            if has_rows {
                offset += gather.strides[depth - 2] * row as isize;
            }
            let mut is_inside = gather.bounds.iter().all(|b| {
                let mut index =
                    b.first + b.strides.iter().zip(position).map(|(s, p)| s * *p as i64).sum::<i64>();
                index += b.strides[depth - 1] * at as i64;
                if has_rows {
                    index += b.strides[depth - 2] * row as i64;
                }
                (0..b.length).contains(&index)
            });
            for (register, length, stride) in &gather.places {
                // SAFETY: a register has as many elements as a block, or one where its step is 0.
                let value =
                    unsafe { *registers[register.number as usize].add(place * register.step as usize) };
                match whole(value, *length) {
                    Some(index) => offset += index as isize * stride,
                    None => is_inside = false,
                }
            }
            // SAFETY: every position was found to be within its axis.
            unsafe { *to.add(place) = if is_inside { *base.offset(offset) } else { T::nan() } };
        }
    }
}

pub(super) fn scatter_block<T: Precision>(
    places: &[(Register, usize, isize)],
    values: *const T,
    to: *mut T,
    registers: &[*mut T],
    shape: Shape,
    row_stride: isize,
    inner: isize,
) {
    for row in 0..shape.rows {
        for at in 0..shape.run {
            let place = row * shape.run + at;
            let mut offset = row_stride * row as isize + inner * at as isize;
            let is_inside = places.iter().all(|(register, length, stride)| {
                // SAFETY: a register has as many elements as a block, or one where its step is 0.
                let value =
                    unsafe { *registers[register.number as usize].add(place * register.step as usize) };
                whole(value, *length).is_some_and(|index| {
                    offset += index as isize * stride;
                    true
                })
            });
            if is_inside {
                // SAFETY: every position was found to be within its axis.
                unsafe {
                    let element = to.offset(offset);
                    *element = *element + *values.add(place);
                }
            }
        }
    }
}
