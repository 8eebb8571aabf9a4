//! Elementary functions of blocks.

use crate::function::Function;
use crate::vector::{Lanes, Precision};

/// `function` of `count` vectors. Where there is no vector form, lane by lane.
///
/// # Safety
/// `from` must have as many vectors, or one where `step` is 0, and `to` as many.
#[inline(always)]
pub(super) unsafe fn map<L: Lanes>(
    lanes: L,
    function: Function,
    from: *const L::Scalar,
    step: usize,
    to: *mut L::Scalar,
    count: usize,
) where
    L::Scalar: Precision,
{
    let each = |apply: &dyn Fn(L::Scalar) -> L::Scalar| {
        for at in 0..count * L::WIDTH {
            // SAFETY: the caller vouches for the elements.
            unsafe { *to.add(at) = apply(*from.add(at * step)) };
        }
    };
    let _ = lanes;
    each(&|v| function.evaluate(&[v]));
}
