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
    // What is no number, negative or too large becomes another number.
    let index = value as usize;
    (index as f64 == value && index < length).then_some(index)
}

/// How far on the computed positions of an element lead; `None` if one is outside its axis.
#[inline(always)]
fn offset_of<T: Precision>(
    places: &[(Register, usize, isize)],
    registers: &[*mut T],
    element: usize,
) -> Option<isize> {
    places.iter().try_fold(0, |offset, (register, length, stride)| {
        // SAFETY: a register has as many elements as a block, or one where its step is 0.
        let position = unsafe { *registers[register.number as usize].add(element * register.step as usize) };
        Some(offset + whole(position, *length)? as isize * stride)
    })
}

/// Whether all elements of a row have the same computed positions, so that rows are read and written as they are.
#[inline(always)]
fn is_same_place<T: Precision>(
    places: &[(Register, usize, isize)],
    registers: &[*mut T],
    row: usize,
    run: usize,
) -> bool {
    places.iter().all(|(register, ..)| {
        if register.step == 0 {
            return true;
        }
        // SAFETY: a register has as many elements as a block.
        let positions =
            unsafe { std::slice::from_raw_parts(registers[register.number as usize].add(row * run), run) };
        positions.first() == positions.last()
            && positions.iter().fold(true, |same, position| same & (*position == positions[0]))
    })
}

/// Reads elements at computed positions; those outside their axes are NaN.
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
    let inner = gather.strides[depth - 1];
    let row_stride = if has_rows { gather.strides[depth - 2] } else { 0 };
    let fixed: isize = gather.strides.iter().zip(position).map(|(s, p)| s * *p as isize).sum();
    for row in 0..shape.rows {
        let first = row * shape.run;
        let begin = gather.offset + fixed + row_stride * row as isize;
        if gather.bounds.is_empty() && inner == 1 && is_same_place(&gather.places, registers, row, shape.run)
        {
            let offset = offset_of(&gather.places, registers, first);
            // SAFETY: every position was found to be within its axis, and the others are by their bounds.
            unsafe {
                match offset {
                    Some(offset) => {
                        std::ptr::copy_nonoverlapping(base.offset(begin + offset), to.add(first), shape.run);
                    }
                    None => std::slice::from_raw_parts_mut(to.add(first), shape.run).fill(T::nan()),
                }
            }
            continue;
        }
        for at in 0..shape.run {
            let is_inside = gather.bounds.iter().all(|b| {
                let mut index =
                    b.first + b.strides.iter().zip(position).map(|(s, p)| s * *p as i64).sum::<i64>();
                index += b.strides[depth - 1] * at as i64;
                if has_rows {
                    index += b.strides[depth - 2] * row as i64;
                }
                (0..b.length).contains(&index)
            });
            let offset = offset_of(&gather.places, registers, first + at).filter(|_| is_inside);
            // SAFETY: every position was found to be within its axis.
            unsafe {
                *to.add(first + at) = match offset {
                    Some(offset) => *base.offset(begin + inner * at as isize + offset),
                    None => T::nan(),
                };
            }
        }
    }
}

/// Adds values at computed positions; those outside their axes are left out.
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
        let first = row * shape.run;
        let begin = row_stride * row as isize;
        if inner == 1 && is_same_place(places, registers, row, shape.run) {
            let Some(offset) = offset_of(places, registers, first) else { continue };
            // SAFETY: every position was found to be within its axis, and the others are by their bounds.
            let (target, added) = unsafe {
                let target = std::slice::from_raw_parts_mut(to.offset(begin + offset), shape.run);
                (target, std::slice::from_raw_parts(values.add(first), shape.run))
            };
            target.iter_mut().zip(added).for_each(|(element, value)| *element = *element + *value);
            continue;
        }
        for at in 0..shape.run {
            let Some(offset) = offset_of(places, registers, first + at) else { continue };
            // SAFETY: every position was found to be within its axis.
            unsafe {
                let element = to.offset(begin + inner * at as isize + offset);
                *element = *element + *values.add(first + at);
            }
        }
    }
}
