//! Reductions of blocks. Sums keep what rounding loses (Knuth, The Art of Computer Programming 4.2.2).

use super::block::Shape;
use crate::compile::program::Total;
use crate::compile::value::Fold;
use crate::vector::lanes::MOST_LANES;
use crate::vector::{Lanes, Precision};
use num_traits::Float;

/// A sum under way: a vector of totals and one of what was lost, for one place.
pub(crate) struct Running<T> {
    pub(super) vectors: [[T; MOST_LANES]; 2],
    /// Where the total and what was lost go; null before the first block.
    place: (*mut T, *mut T),
}

impl<T: Precision> Running<T> {
    pub fn new() -> Self {
        Running { vectors: [[T::zero(); MOST_LANES]; 2], place: (std::ptr::null_mut(), std::ptr::null_mut()) }
    }

    pub fn start(&mut self) {
        self.place = (std::ptr::null_mut(), std::ptr::null_mut());
    }

    /// Gets ready for a block that goes to `place`.
    #[inline(always)]
    pub fn open<L: Lanes<Scalar = T>>(&mut self, lanes: L, place: (*mut T, *mut T)) {
        if self.place != place {
            self.flush(lanes);
            self.place = place;
            for vector in &mut self.vectors {
                lanes.store(vector, lanes.zero());
            }
        }
    }

    /// Adds vectors, one after the other.
    #[inline(always)]
    pub fn add<L: Lanes<Scalar = T>>(&mut self, lanes: L, vectors: impl IntoIterator<Item = L::Register>) {
        let (mut sum, mut lost) = (lanes.load(&self.vectors[0]), lanes.load(&self.vectors[1]));
        for vector in vectors {
            let (next, error) = two_sum(lanes, sum, vector);
            (sum, lost) = (next, lanes.add(lost, error));
        }
        lanes.store(&mut self.vectors[0], sum);
        lanes.store(&mut self.vectors[1], lost);
    }

    /// Adds the sum so far to its place.
    #[inline(always)]
    pub fn flush<L: Lanes<Scalar = T>>(&mut self, lanes: L) {
        if self.place.0.is_null() {
            return;
        }
        let (sum, lost) = (lanes.load(&self.vectors[0]), lanes.load(&self.vectors[1]));
        // SAFETY: the place was given with the last block and is still there.
        let (total, rest) = unsafe { (&mut *self.place.0, &mut *self.place.1) };
        add_lanes(lanes, sum, lost, total, rest);
        self.place = (std::ptr::null_mut(), std::ptr::null_mut());
    }
}

/// Adds all lanes to `total`: by halves, without loss.
#[inline(always)]
fn add_lanes<L: Lanes>(
    lanes: L,
    sum: L::Register,
    lost: L::Register,
    total: &mut L::Scalar,
    rest: &mut L::Scalar,
) where
    L::Scalar: Precision,
{
    let (sums, losts) = (lanes.to_array(sum), lanes.to_array(lost));
    // Lanes beyond the width are zero.
    let (sums, losts) = halves::<_, 16, 8>(sums, losts);
    let (sums, losts) = halves::<_, 8, 4>(sums, losts);
    let (sums, losts) = halves::<_, 4, 2>(sums, losts);
    let (sums, losts) = halves::<_, 2, 1>(sums, losts);
    add_to(total, rest, sums[0]);
    *rest = *rest + losts[0];
}

/// Adds the second half to the first.
#[inline(always)]
fn halves<T: Precision, const N: usize, const HALF: usize>(
    sums: [T; N],
    losts: [T; N],
) -> ([T; HALF], [T; HALF]) {
    let sum: [T; HALF] = std::array::from_fn(|n| sums[n] + sums[n + HALF]);
    let lost = std::array::from_fn(|n| {
        let (a, b) = (sums[n], sums[n + HALF]);
        let part = sum[n] - a;
        losts[n] + losts[n + HALF] + ((a - (sum[n] - part)) + (b - part))
    });
    (sum, lost)
}

/// Adds `value` to `total`, and the rounding error to `lost`.
#[inline(always)]
fn add_to<T: Precision>(total: &mut T, lost: &mut T, value: T) {
    let sum = *total + value;
    let part = sum - *total;
    *lost = *lost + ((*total - (sum - part)) + (value - part));
    *total = sum;
}

/// Adds sums to as many others; what rounding lost of either is `lost` elements further on.
pub(super) fn add_all<T: Precision>(totals: &mut [T], part: &[T], lost: usize, length: usize) {
    let (totals, losts) = totals.split_at_mut(lost);
    let rounded = totals[..length].iter_mut().zip(&mut losts[..length]);
    for ((total, lost), (value, rest)) in rounded.zip(part[..length].iter().zip(&part[lost..])) {
        add_to(total, lost, *value);
        *lost = *lost + *rest;
    }
}

/// Adds to sums over the batch what rounding lost of them.
pub(super) fn settle<T: Precision>(totals: &mut [T], of: Total) {
    let (sums, losts) = totals.split_at_mut(of.lost);
    for (sum, lost) in sums[of.start..][..of.length].iter_mut().zip(&mut losts[..of.length]) {
        if sum.is_finite() {
            *sum = *sum + *lost;
        }
        *lost = T::zero();
    }
}

/// The sum and what rounding lost of it.
#[inline(always)]
pub(crate) fn two_sum<L: Lanes>(lanes: L, a: L::Register, b: L::Register) -> (L::Register, L::Register) {
    let sum = lanes.add(a, b);
    let part = lanes.sub(sum, a);
    let error = lanes.add(lanes.sub(a, lanes.sub(sum, part)), lanes.sub(b, part));
    (sum, error)
}

/// What a reduction of nothing gives.
pub(crate) fn first<T: Precision>(fold: Fold) -> T {
    match fold {
        Fold::Sum(first) => T::from_double(first.into()),
        Fold::Product => T::one(),
        Fold::Max => T::neg_infinity(),
        Fold::Min => T::infinity(),
    }
}

/// What changes nothing.
pub(crate) fn neutral<T: Precision>(fold: Fold) -> T {
    match fold {
        Fold::Sum(_) => T::zero(),
        other => first(other),
    }
}

/// Joins what a part gave, elements and then what rounding lost of them, with what is there.
///
/// # Safety
/// There must be `length` elements at `total`, and for sums at `lost`.
pub(super) unsafe fn join_all<T: Precision>(
    fold: Fold,
    part: &[T],
    total: *mut T,
    lost: *mut T,
    length: usize,
) {
    for at in 0..length {
        // SAFETY: the caller vouches for the places.
        unsafe {
            join_one(fold, total.add(at), lost.wrapping_add(at), part[at]);
            if matches!(fold, Fold::Sum(_)) {
                *lost.add(at) = *lost.add(at) + part[length + at];
            }
        }
    }
}

#[inline(always)]
pub(super) fn join<T: Precision>(fold: Fold, a: T, b: T) -> T {
    match fold {
        Fold::Sum(_) => a + b,
        Fold::Product => a * b,
        // NaN wins, whichever it is.
        Fold::Max => {
            if b > a || b.is_nan() {
                b
            } else {
                a
            }
        }
        Fold::Min => {
            if b < a || b.is_nan() {
                b
            } else {
                a
            }
        }
    }
}

/// Joins a block with what is at `place`.
#[inline(always)]
pub(super) fn block<L: Lanes>(
    lanes: L,
    fold: Fold,
    values: *const L::Scalar,
    shape: Shape,
    place: (*mut L::Scalar, *mut L::Scalar),
    (rows, inner): (isize, isize),
    running: &mut Running<L::Scalar>,
) where
    L::Scalar: Precision,
{
    if inner == 0 && (shape.rows == 1 || rows == 0) {
        // SAFETY: the block has so many elements.
        let values = unsafe { std::slice::from_raw_parts(values, shape.length) };
        match fold {
            Fold::Sum(_) => sum_into(lanes, values, place, running),
            _ => segment(lanes, fold, values, place),
        }
        return;
    }
    for row in 0..shape.rows {
        let offset = row as isize * rows;
        let to = (place.0.wrapping_offset(offset), place.1.wrapping_offset(offset));
        // SAFETY: the block has so many elements.
        let values = unsafe { std::slice::from_raw_parts(values.add(row * shape.run), shape.run) };
        match inner {
            0 => segment(lanes, fold, values, to),
            // SAFETY: a sink's strides lead to elements of its array, and to those beside it.
            1 => unsafe { side_by_side(lanes, fold, values, to) },
            _ => {
                for (at, value) in values.iter().enumerate() {
                    let offset = at as isize * inner;
                    // SAFETY: as above.
                    unsafe {
                        join_one(fold, to.0.wrapping_offset(offset), to.1.wrapping_offset(offset), *value)
                    };
                }
            }
        }
    }
}

/// # Safety
/// Both places must be writable.
#[inline(always)]
unsafe fn join_one<T: Precision>(fold: Fold, total: *mut T, lost: *mut T, value: T) {
    // SAFETY: the caller vouches for the places.
    unsafe {
        match fold {
            Fold::Sum(_) => add_to(&mut *total, &mut *lost, value),
            _ => *total = join(fold, *total, value),
        }
    }
}

/// A sum whose blocks follow each other is kept in vectors until its place changes.
#[inline(always)]
fn sum_into<L: Lanes>(
    lanes: L,
    values: &[L::Scalar],
    place: (*mut L::Scalar, *mut L::Scalar),
    running: &mut Running<L::Scalar>,
) where
    L::Scalar: Precision,
{
    running.open(lanes, place);
    let whole = values.chunks_exact(L::WIDTH);
    let rest = whole.remainder();
    let rest = (!rest.is_empty()).then(|| lanes.load_partial(rest, L::Scalar::default()));
    running.add(lanes, whole.map(|vector| lanes.load(vector)).chain(rest));
}

/// A row to one place.
#[inline(always)]
fn segment<L: Lanes>(lanes: L, fold: Fold, values: &[L::Scalar], place: (*mut L::Scalar, *mut L::Scalar))
where
    L::Scalar: Precision,
{
    // SAFETY: the sink's places are writable.
    let (total, lost) = unsafe { (&mut *place.0, &mut *place.1) };
    if values.len() < 2 * L::WIDTH {
        match fold {
            Fold::Sum(_) => values.iter().for_each(|v| add_to(total, lost, *v)),
            _ => values.iter().for_each(|v| *total = join(fold, *total, *v)),
        }
        return;
    }
    let rest_start = values.len() / L::WIDTH * L::WIDTH;
    let vectors = values[..rest_start].chunks_exact(L::WIDTH).map(|v| lanes.load(v));
    match fold {
        // A row of a block is short: lanes and then halves are as good as pairs.
        Fold::Sum(0) => {
            let (mut even, mut odd) = (lanes.zero(), lanes.zero());
            for vector in vectors {
                (even, odd) = (odd, lanes.add(even, vector));
            }
            add_to(total, lost, lanes.sum_of_lanes(lanes.add(even, odd)));
            values[rest_start..].iter().for_each(|v| add_to(total, lost, *v));
        }
        Fold::Sum(_) => {
            let (mut sum, mut error) = (lanes.zero(), lanes.zero());
            for vector in vectors {
                let (next, lost) = two_sum(lanes, sum, vector);
                (sum, error) = (next, lanes.add(error, lost));
            }
            add_lanes(lanes, sum, error, total, lost);
            values[rest_start..].iter().for_each(|v| add_to(total, lost, *v));
        }
        Fold::Product => {
            let product = vectors.fold(lanes.one(), |a, b| lanes.mul(a, b));
            let product = lanes.fold_halves(product, |a, b| a * b);
            *total = values[rest_start..].iter().fold(*total * product, |a, b| a * *b);
        }
        Fold::Max | Fold::Min => {
            let first = lanes.load(values);
            let (mut best, mut other) = (first, first);
            let mut is_nan = lanes.is_nan(first);
            let mut turn = false;
            for vector in vectors {
                let target = if turn { &mut other } else { &mut best };
                *target = match fold {
                    Fold::Max => lanes.max_or_second(vector, *target),
                    _ => lanes.min_or_second(vector, *target),
                };
                is_nan = lanes.or(is_nan, lanes.is_nan(vector));
                turn = !turn;
            }
            let best = match fold {
                Fold::Max => lanes.max_or_second(other, best),
                _ => lanes.min_or_second(other, best),
            };
            let nan = lanes.splat(L::Scalar::nan());
            let best = lanes.select(is_nan, nan, best);
            let best = match fold {
                Fold::Max => lanes.max_of_lanes(best),
                _ => lanes.min_of_lanes(best),
            };
            *total = values[rest_start..].iter().fold(join(fold, *total, best), |a, b| join(fold, a, *b));
        }
    }
}

/// A row to as many places, one beside the other.
///
/// # Safety
/// As many places must be writable.
#[inline(always)]
unsafe fn side_by_side<L: Lanes>(
    lanes: L,
    fold: Fold,
    values: &[L::Scalar],
    (total, lost): (*mut L::Scalar, *mut L::Scalar),
) where
    L::Scalar: Precision,
{
    let whole = values.len() / L::WIDTH * L::WIDTH;
    // SAFETY: the caller vouches for the places.
    unsafe {
        for at in (0..whole).step_by(L::WIDTH) {
            let value = lanes.load(&values[at..]);
            let before = lanes.load_from(total.add(at));
            let after = match fold {
                Fold::Sum(_) => {
                    let (sum, error) = two_sum(lanes, before, value);
                    let rest = lanes.load_from(lost.add(at));
                    lanes.store_to(lost.add(at), lanes.add(rest, error));
                    sum
                }
                Fold::Product => lanes.mul(before, value),
                Fold::Max => lanes.max(before, value),
                Fold::Min => lanes.min(before, value),
            };
            lanes.store_to(total.add(at), after);
        }
        for (at, value) in values.iter().enumerate().skip(whole) {
            join_one(fold, total.add(at), lost.add(at), *value);
        }
    }
}
