//! What the instruction sets have that [`pulp::Simd`] does not name.

use pulp::Simd;

/// An instruction set: the operations of [`pulp::Simd`] and those that it lacks.
pub trait InstructionSet: Simd {
    /// Shifts each 32-bit integer left by `N`, which is less than 32.
    fn shift_left_32<const N: u32>(self, a: Self::u32s) -> Self::u32s;
    /// Shifts each 32-bit integer right by `N`, which is less than 32, filling with zeros.
    fn shift_right_32<const N: u32>(self, a: Self::u32s) -> Self::u32s;
    /// Shifts each 64-bit integer left by `N`, which is less than 64.
    fn shift_left_64<const N: u32>(self, a: Self::u64s) -> Self::u64s;
    /// Shifts each 64-bit integer right by `N`, which is less than 64, filling with zeros.
    fn shift_right_64<const N: u32>(self, a: Self::u64s) -> Self::u64s;
    /// Whether the mask of any lane is set.
    fn any_32(self, mask: Self::m32s) -> bool;
    /// Whether the mask of any lane is set.
    fn any_64(self, mask: Self::m64s) -> bool;
    /// The nearest whole number, to the even one of two. Keeps the sign of zero, infinities and NaN.
    fn round_32(self, a: Self::f32s) -> Self::f32s;
    /// The nearest whole number, to the even one of two. Keeps the sign of zero, infinities and NaN.
    fn round_64(self, a: Self::f64s) -> Self::f64s;
    /// a*2^k, rounded once, if the set has an instruction for it. `k` is whole.
    fn scale_32(self, a: Self::f32s, k: Self::f32s) -> Option<Self::f32s>;
    /// a*2^k, rounded once, if the set has an instruction for it. `k` is whole.
    fn scale_64(self, a: Self::f64s, k: Self::f64s) -> Option<Self::f64s>;
    /// 1/a to within 2^-14 of it, for a normal `a` whose reciprocal is normal, if the set has an instruction for it.
    fn reciprocal_32(self, _: Self::f32s) -> Option<Self::f32s> {
        None
    }
    /// As [`InstructionSet::reciprocal_32`].
    fn reciprocal_64(self, _: Self::f64s) -> Option<Self::f64s> {
        None
    }
    /// Elements that are `stride` apart, if the set has an instruction for it.
    ///
    /// # Safety
    /// All of them must be readable, and the last no more than `i32::MAX` elements away.
    #[inline(always)]
    unsafe fn gather_32(self, _from: *const f32, _stride: i32) -> Option<Self::f32s> {
        None
    }
    /// As [`InstructionSet::gather_32`].
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn gather_64(self, _from: *const f64, _stride: i32) -> Option<Self::f64s> {
        None
    }
    /// Writes elements `stride` apart. Whether the set has an instruction for it; else nothing is done.
    ///
    /// # Safety
    /// All of them must be writable, and the last no more than `i32::MAX` elements away.
    #[inline(always)]
    unsafe fn scatter_32(self, _to: *mut f32, _stride: i32, _values: Self::f32s) -> bool {
        false
    }
    /// As [`InstructionSet::scatter_32`].
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn scatter_64(self, _to: *mut f64, _stride: i32, _values: Self::f64s) -> bool {
        false
    }
}

impl InstructionSet for pulp::Scalar {
    #[inline(always)]
    fn shift_left_32<const N: u32>(self, a: u32) -> u32 {
        a << N
    }
    #[inline(always)]
    fn shift_right_32<const N: u32>(self, a: u32) -> u32 {
        a >> N
    }
    #[inline(always)]
    fn shift_left_64<const N: u32>(self, a: u64) -> u64 {
        a << N
    }
    #[inline(always)]
    fn shift_right_64<const N: u32>(self, a: u64) -> u64 {
        a >> N
    }
    #[inline(always)]
    fn any_32(self, mask: bool) -> bool {
        mask
    }
    #[inline(always)]
    fn any_64(self, mask: bool) -> bool {
        mask
    }
    #[inline(always)]
    fn round_32(self, a: f32) -> f32 {
        a.round_ties_even()
    }
    #[inline(always)]
    fn round_64(self, a: f64) -> f64 {
        a.round_ties_even()
    }
    #[inline(always)]
    fn scale_32(self, _: f32, _: f32) -> Option<f32> {
        None
    }
    #[inline(always)]
    fn scale_64(self, _: f64, _: f64) -> Option<f64> {
        None
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::InstructionSet;
    use pulp::x86::{V3, V4};
    use pulp::{b8, b16, f32x8, f32x16, f64x4, f64x8, m32x8, m64x4, u32x8, u32x16, u64x4, u64x8};
    use std::arch::x86_64::{
        __m256i, __m512i, _MM_FROUND_TO_NEAREST_INT, _mm_cvtsi64_si128, _mm256_castsi256_pd,
        _mm256_castsi256_ps, _mm256_mullo_epi32, _mm256_set1_epi32, _mm256_setr_epi32, _mm512_i32gather_pd,
        _mm512_i32gather_ps, _mm512_i32scatter_pd, _mm512_i32scatter_ps, _mm512_mullo_epi32,
        _mm512_set1_epi32, _mm512_setr_epi32,
    };

    /// The vector instructions take the count of a shift as a register whose value the compiler knows.
    macro_rules! shifts {
        ($($name:ident, $instruction:ident, $type:ty, $set:ident;)*) => {
            $(
                #[inline(always)]
                fn $name<const N: u32>(self, a: $type) -> $type {
                    // SAFETY: every processor of this architecture has the instruction that fills the register.
                    let count = unsafe { _mm_cvtsi64_si128(N.into()) };
                    pulp::cast(self.$set.$instruction(pulp::cast(a), count))
                }
            )*
        };
    }

    impl InstructionSet for V3 {
        shifts! {
            shift_left_32, _mm256_sll_epi32, u32x8, avx2;
            shift_right_32, _mm256_srl_epi32, u32x8, avx2;
            shift_left_64, _mm256_sll_epi64, u64x4, avx2;
            shift_right_64, _mm256_srl_epi64, u64x4, avx2;
        }
        #[inline(always)]
        fn any_32(self, mask: m32x8) -> bool {
            let bits = self.and_u32x8(self.splat_u32x8(u32::MAX), pulp::bytemuck::cast(mask));
            // SAFETY: the token proves that the processor has the instructions.
            self.avx._mm256_movemask_ps(unsafe { _mm256_castsi256_ps(pulp::cast(bits)) }) != 0
        }
        #[inline(always)]
        fn any_64(self, mask: m64x4) -> bool {
            let bits = self.and_u64x4(self.splat_u64x4(u64::MAX), pulp::bytemuck::cast(mask));
            // SAFETY: the token proves that the processor has the instructions.
            self.avx._mm256_movemask_pd(unsafe { _mm256_castsi256_pd(pulp::cast(bits)) }) != 0
        }
        #[inline(always)]
        fn round_32(self, a: f32x8) -> f32x8 {
            self.round_f32x8(a)
        }
        #[inline(always)]
        fn round_64(self, a: f64x4) -> f64x4 {
            self.round_f64x4(a)
        }
        #[inline(always)]
        fn scale_32(self, _: f32x8, _: f32x8) -> Option<f32x8> {
            None
        }
        #[inline(always)]
        fn scale_64(self, _: f64x4, _: f64x4) -> Option<f64x4> {
            None
        }
    }

    /// The places of 16 elements that are `stride` apart.
    ///
    /// # Safety
    /// The processor must have AVX-512.
    #[inline(always)]
    unsafe fn places_32(stride: i32) -> __m512i {
        // SAFETY: the caller vouches for the instructions.
        unsafe {
            let steps = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            _mm512_mullo_epi32(steps, _mm512_set1_epi32(stride))
        }
    }

    /// The places of 8 elements that are `stride` apart.
    ///
    /// # Safety
    /// As for [`places_32`].
    #[inline(always)]
    unsafe fn places_64(stride: i32) -> __m256i {
        // SAFETY: as above.
        unsafe {
            let steps = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_mullo_epi32(steps, _mm256_set1_epi32(stride))
        }
    }

    impl InstructionSet for V4 {
        shifts! {
            shift_left_32, _mm512_sll_epi32, u32x16, avx512f;
            shift_right_32, _mm512_srl_epi32, u32x16, avx512f;
            shift_left_64, _mm512_sll_epi64, u64x8, avx512f;
            shift_right_64, _mm512_srl_epi64, u64x8, avx512f;
        }
        #[inline(always)]
        fn any_32(self, mask: b16) -> bool {
            mask.0 != 0
        }
        #[inline(always)]
        fn any_64(self, mask: b8) -> bool {
            mask.0 != 0
        }
        #[inline(always)]
        fn round_32(self, a: f32x16) -> f32x16 {
            // The crate's own rounds pairs of singles as doubles.
            pulp::cast(self.avx512f._mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT }>(pulp::cast(a)))
        }
        #[inline(always)]
        fn round_64(self, a: f64x8) -> f64x8 {
            pulp::cast(self.avx512f._mm512_roundscale_pd::<{ _MM_FROUND_TO_NEAREST_INT }>(pulp::cast(a)))
        }
        #[inline(always)]
        fn scale_32(self, a: f32x16, k: f32x16) -> Option<f32x16> {
            Some(pulp::cast(self.avx512f._mm512_scalef_ps(pulp::cast(a), pulp::cast(k))))
        }
        #[inline(always)]
        fn scale_64(self, a: f64x8, k: f64x8) -> Option<f64x8> {
            Some(pulp::cast(self.avx512f._mm512_scalef_pd(pulp::cast(a), pulp::cast(k))))
        }
        #[inline(always)]
        fn reciprocal_32(self, a: f32x16) -> Option<f32x16> {
            Some(pulp::cast(self.avx512f._mm512_rcp14_ps(pulp::cast(a))))
        }
        #[inline(always)]
        fn reciprocal_64(self, a: f64x8) -> Option<f64x8> {
            Some(pulp::cast(self.avx512f._mm512_rcp14_pd(pulp::cast(a))))
        }
        #[inline(always)]
        unsafe fn gather_32(self, from: *const f32, stride: i32) -> Option<f32x16> {
            // SAFETY: the token proves that the processor has the instructions; the caller vouches for the memory.
            unsafe { Some(pulp::cast(_mm512_i32gather_ps::<4>(places_32(stride), from))) }
        }
        #[inline(always)]
        unsafe fn gather_64(self, from: *const f64, stride: i32) -> Option<f64x8> {
            // SAFETY: as above.
            unsafe { Some(pulp::cast(_mm512_i32gather_pd::<8>(places_64(stride), from))) }
        }
        #[inline(always)]
        unsafe fn scatter_32(self, to: *mut f32, stride: i32, values: f32x16) -> bool {
            // SAFETY: as above.
            unsafe {
                _mm512_i32scatter_ps::<4>(to, places_32(stride), pulp::cast(values));
            }
            true
        }
        #[inline(always)]
        unsafe fn scatter_64(self, to: *mut f64, stride: i32, values: f64x8) -> bool {
            // SAFETY: as above.
            unsafe {
                _mm512_i32scatter_pd::<8>(to, places_64(stride), pulp::cast(values));
            }
            true
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod aarch64 {
    use super::InstructionSet;
    use pulp::aarch64::Neon;
    use pulp::{f32x4, f64x2, m32x4, m64x2, u32x4, u64x2};

    impl InstructionSet for Neon {
        #[inline(always)]
        fn shift_left_32<const N: u32>(self, a: u32x4) -> u32x4 {
            let count = pulp::bytemuck::cast([N as i32; 4]);
            pulp::cast(self.neon.vshlq_u32(pulp::cast(a), count))
        }
        #[inline(always)]
        fn shift_right_32<const N: u32>(self, a: u32x4) -> u32x4 {
            let count = pulp::bytemuck::cast([-(N as i32); 4]);
            pulp::cast(self.neon.vshlq_u32(pulp::cast(a), count))
        }
        #[inline(always)]
        fn shift_left_64<const N: u32>(self, a: u64x2) -> u64x2 {
            let count = pulp::bytemuck::cast([i64::from(N); 2]);
            pulp::cast(self.neon.vshlq_u64(pulp::cast(a), count))
        }
        #[inline(always)]
        fn shift_right_64<const N: u32>(self, a: u64x2) -> u64x2 {
            let count = pulp::bytemuck::cast([-i64::from(N); 2]);
            pulp::cast(self.neon.vshlq_u64(pulp::cast(a), count))
        }
        #[inline(always)]
        fn any_32(self, mask: m32x4) -> bool {
            pulp::bytemuck::cast::<_, [u64; 2]>(mask) != [0, 0]
        }
        #[inline(always)]
        fn any_64(self, mask: m64x2) -> bool {
            pulp::bytemuck::cast::<_, [u64; 2]>(mask) != [0, 0]
        }
        #[inline(always)]
        fn round_32(self, a: f32x4) -> f32x4 {
            pulp::cast(self.neon.vrndnq_f32(pulp::cast(a)))
        }
        #[inline(always)]
        fn round_64(self, a: f64x2) -> f64x2 {
            pulp::cast(self.neon.vrndnq_f64(pulp::cast(a)))
        }
        #[inline(always)]
        fn scale_32(self, _: f32x4, _: f32x4) -> Option<f32x4> {
            None
        }
        #[inline(always)]
        fn scale_64(self, _: f64x2, _: f64x2) -> Option<f64x2> {
            None
        }
    }
}
