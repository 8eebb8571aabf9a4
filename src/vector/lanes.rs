//! One register of floats: the operations that vectorised loops are written in.

use crate::real::Real;
use num_traits::Float;

/// One register of floats of one precision on one instruction set.
///
/// The value itself is a token without size that proves that the processor has the instructions; it comes from
/// [`Level::dispatch`](super::Level::dispatch). All methods act on each lane alone unless they say otherwise, and are
/// inlined always, so they must be called in a [`Vectorized`](super::Vectorized) or in a function that is inlined there.
pub trait Lanes: Copy + Send + Sync + 'static {
    /// The type of one lane.
    type Scalar: Real;
    /// As many of them as the instruction set holds in one register.
    type Register: Copy;
    /// Unsigned integers of the same width, one a lane.
    type Bits: Copy;
    /// A truth value a lane.
    type Mask: Copy;
    /// How many lanes there are.
    const WIDTH: usize;
    /// The bits of one lane's significand, with the hidden one: 24 or 53.
    const PRECISION: u32;

    /// The same value in every lane.
    fn splat(self, value: Self::Scalar) -> Self::Register;
    /// The value that is nearest to a double, in every lane.
    #[inline(always)]
    fn constant(self, value: f64) -> Self::Register {
        self.splat(Self::Scalar::from_double(value))
    }
    /// Zero in every lane.
    #[inline(always)]
    fn zero(self) -> Self::Register {
        self.constant(0.0)
    }
    /// One in every lane.
    #[inline(always)]
    fn one(self) -> Self::Register {
        self.constant(1.0)
    }

    /// Reads [`Lanes::WIDTH`] values, of any alignment.
    ///
    /// # Safety
    /// All of them must be readable.
    unsafe fn load_from(self, from: *const Self::Scalar) -> Self::Register;
    /// Writes [`Lanes::WIDTH`] values, of any alignment.
    ///
    /// # Safety
    /// All of them must be writable.
    unsafe fn store_to(self, to: *mut Self::Scalar, values: Self::Register);
    /// Reads [`Lanes::WIDTH`] values that are `stride` apart, where there is an instruction for it.
    ///
    /// # Safety
    /// All of them must be readable, and the last no more than `i32::MAX` elements away.
    #[inline(always)]
    unsafe fn load_strided(self, _from: *const Self::Scalar, _stride: i32) -> Option<Self::Register> {
        None
    }
    /// Writes [`Lanes::WIDTH`] values `stride` apart. Whether there is an instruction for it; else nothing is done.
    ///
    /// # Safety
    /// All of them must be writable, and the last no more than `i32::MAX` elements away.
    #[inline(always)]
    unsafe fn store_strided(self, _to: *mut Self::Scalar, _stride: i32, _values: Self::Register) -> bool {
        false
    }
    /// The first [`Lanes::WIDTH`] values of the slice.
    ///
    /// # Panics
    /// If it is shorter.
    #[inline(always)]
    fn load(self, from: &[Self::Scalar]) -> Self::Register {
        let from = &from[..Self::WIDTH];
        // SAFETY: the slice has as many elements as are read.
        unsafe { self.load_from(from.as_ptr()) }
    }
    /// Overwrites the first [`Lanes::WIDTH`] values of the slice.
    ///
    /// # Panics
    /// If it is shorter.
    #[inline(always)]
    fn store(self, to: &mut [Self::Scalar], values: Self::Register) {
        let to = &mut to[..Self::WIDTH];
        // SAFETY: the slice has as many elements as are written.
        unsafe { self.store_to(to.as_mut_ptr(), values) }
    }
    /// The values of a slice that may be shorter than a register, and `rest` in the lanes beyond.
    #[inline(always)]
    fn load_partial(self, from: &[Self::Scalar], rest: Self::Scalar) -> Self::Register {
        let mut all = [rest; MOST_LANES];
        let count = from.len().min(Self::WIDTH);
        all[..count].copy_from_slice(&from[..count]);
        self.load(&all)
    }
    /// Overwrites a slice that may be shorter than a register, or its first [`Lanes::WIDTH`] values.
    #[inline(always)]
    fn store_partial(self, to: &mut [Self::Scalar], values: Self::Register) {
        let all = self.to_array(values);
        let count = to.len().min(Self::WIDTH);
        to[..count].copy_from_slice(&all[..count]);
    }
    /// The lanes in order; beyond [`Lanes::WIDTH`] there are zeros.
    #[inline(always)]
    fn to_array(self, values: Self::Register) -> [Self::Scalar; MOST_LANES] {
        let mut all = [Self::Scalar::default(); MOST_LANES];
        self.store(&mut all, values);
        all
    }
    /// The values at the indices.
    ///
    /// # Panics
    /// If there are fewer than [`Lanes::WIDTH`] indices, or one is out of range.
    #[inline(always)]
    fn gather(self, from: &[Self::Scalar], indices: &[u32]) -> Self::Register {
        let mut all = [Self::Scalar::default(); MOST_LANES];
        for (value, index) in all.iter_mut().zip(&indices[..Self::WIDTH]) {
            *value = from[*index as usize];
        }
        self.load(&all)
    }
    /// A function of scalars, lane by lane.
    #[inline(always)]
    fn map(self, a: Self::Register, function: impl Fn(Self::Scalar) -> Self::Scalar) -> Self::Register {
        let mut all = self.to_array(a);
        for value in &mut all[..Self::WIDTH] {
            *value = function(*value);
        }
        self.load(&all)
    }

    /// a + b
    fn add(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// a - b
    fn sub(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// a*b
    fn mul(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// a/b
    fn div(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// a*b + c, rounded once. Slow on a processor without the instruction.
    fn mul_add(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register;
    /// a*b + c, rounded once where that is an instruction, and else twice: for sums whose last term outweighs the others.
    fn mul_add_estimate(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register;
    /// a*b - c, rounded once.
    #[inline(always)]
    fn mul_sub(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register {
        self.mul_add(a, b, self.neg(c))
    }
    /// c - a*b, rounded once.
    #[inline(always)]
    fn neg_mul_add(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register {
        self.mul_add(self.neg(a), b, c)
    }
    /// 1/a to within a unit in the last place, for an `a` from 2^-100 to 2^100. Faster than a division where the set
    /// has an estimate to start from.
    fn reciprocal(self, a: Self::Register) -> Self::Register;
    /// The correctly rounded square root. NaN for negative values.
    fn sqrt(self, a: Self::Register) -> Self::Register;

    /// The bits.
    fn to_bits(self, a: Self::Register) -> Self::Bits;
    /// The value of the bits.
    fn of_bits(self, bits: Self::Bits) -> Self::Register;
    /// The same bits in every lane, of which a 32-bit lane takes the low half.
    fn splat_bits(self, bits: u64) -> Self::Bits;
    /// The bits that are set in both.
    fn and_bits(self, a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// The bits that are set in either.
    fn or_bits(self, a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// The bits that are set in one alone.
    fn xor_bits(self, a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// a + b, modulo 2 to the width.
    fn add_bits(self, a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// a - b, modulo 2 to the width.
    fn sub_bits(self, a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// The bits, shifted left.
    fn shift_left<const N: u32>(self, a: Self::Bits) -> Self::Bits;
    /// The bits, shifted right, and zeros.
    fn shift_right<const N: u32>(self, a: Self::Bits) -> Self::Bits;
    /// The bits, shifted left past the significand: to where the exponent is.
    fn to_exponent_field(self, a: Self::Bits) -> Self::Bits;
    /// The bits of the exponent and the sign, shifted right past the significand.
    fn of_exponent_field(self, a: Self::Bits) -> Self::Bits;

    /// a < b; false if either is NaN.
    fn less(self, a: Self::Register, b: Self::Register) -> Self::Mask;
    /// a <= b; false if either is NaN.
    fn less_equal(self, a: Self::Register, b: Self::Register) -> Self::Mask;
    /// a == b; false if either is NaN.
    fn equal(self, a: Self::Register, b: Self::Register) -> Self::Mask;
    /// a != a
    #[inline(always)]
    fn is_nan(self, a: Self::Register) -> Self::Mask {
        self.not(self.equal(a, a))
    }
    /// a and b
    fn and(self, a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// a or b
    fn or(self, a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// not a
    fn not(self, a: Self::Mask) -> Self::Mask;
    /// Whether any lane is true.
    fn any(self, a: Self::Mask) -> bool;
    /// Whether every lane is true.
    #[inline(always)]
    fn all(self, a: Self::Mask) -> bool {
        !self.any(self.not(a))
    }
    /// `a` where the mask is true, else `b`.
    fn select(self, mask: Self::Mask, a: Self::Register, b: Self::Register) -> Self::Register;
    /// Whether the value is not zero; true for NaN.
    #[inline(always)]
    fn mask_from_real(self, a: Self::Register) -> Self::Mask {
        self.not(self.equal(a, self.zero()))
    }
    /// One where the mask is true, else zero.
    #[inline(always)]
    fn mask_to_real(self, mask: Self::Mask) -> Self::Register {
        self.select(mask, self.one(), self.zero())
    }

    /// 1/a from an estimate that is right to 2^-14, by Newton's method: each step doubles the bits that are right.
    #[inline(always)]
    fn refined_reciprocal(self, a: Self::Register, estimate: Self::Register) -> Self::Register {
        let mut inverse = estimate;
        let mut bits = 14;
        while bits < Self::PRECISION {
            inverse = self.mul_add(inverse, self.neg_mul_add(a, inverse, self.one()), inverse);
            bits *= 2;
        }
        inverse
    }
    /// -a, with the sign of zero and NaN changed too.
    #[inline(always)]
    fn neg(self, a: Self::Register) -> Self::Register {
        self.of_bits(self.xor_bits(self.to_bits(a), self.to_bits(self.constant(-0.0))))
    }
    /// |a|
    #[inline(always)]
    fn abs(self, a: Self::Register) -> Self::Register {
        self.of_bits(self.and_bits(self.to_bits(a), self.splat_bits(Self::BELOW_SIGN)))
    }
    /// All bits but the sign, of which a 32-bit lane takes the low half.
    const BELOW_SIGN: u64;
    /// The sign of `a` alone, as the bit of a zero.
    #[inline(always)]
    fn sign_bit(self, a: Self::Register) -> Self::Bits {
        self.and_bits(self.to_bits(a), self.to_bits(self.constant(-0.0)))
    }
    /// |a| with the sign of `sign`.
    #[inline(always)]
    fn copysign(self, a: Self::Register, sign: Self::Register) -> Self::Register {
        self.of_bits(self.or_bits(self.to_bits(self.abs(a)), self.sign_bit(sign)))
    }
    /// The larger of two; NaN if either is, and `b` of two zeros.
    #[inline(always)]
    fn max(self, a: Self::Register, b: Self::Register) -> Self::Register {
        self.select(self.is_nan(a), a, self.max_or_second(a, b))
    }
    /// The smaller of two; NaN if either is, and `b` of two zeros.
    #[inline(always)]
    fn min(self, a: Self::Register, b: Self::Register) -> Self::Register {
        self.select(self.is_nan(a), a, self.min_or_second(a, b))
    }
    /// `if a > b then a else b`: the second if either is NaN. One instruction on most sets.
    fn max_or_second(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// `if a < b then a else b`: the second if either is NaN. One instruction on most sets.
    fn min_or_second(self, a: Self::Register, b: Self::Register) -> Self::Register;

    /// The nearest whole number, to the even one of two.
    fn round_to_even(self, a: Self::Register) -> Self::Register;
    /// The greatest whole number that is not greater.
    #[inline(always)]
    fn floor(self, a: Self::Register) -> Self::Register {
        let near = self.round_to_even(a);
        let below = self.sub(near, self.one());
        self.copysign(self.select(self.less(a, near), below, near), a)
    }

    /// 2^k for a whole `k` whose power is neither subnormal nor infinite.
    #[inline(always)]
    fn power_of_two(self, k: Self::Register) -> Self::Register {
        // Added to 2^(PRECISION - 1), a whole number stands in the lowest bits.
        let biased = self.add(k, self.constant(Self::EXPONENT_TO_BITS));
        self.of_bits(self.to_exponent_field(self.to_bits(biased)))
    }
    /// 2^(PRECISION - 1) and the bias of the exponent.
    const EXPONENT_TO_BITS: f64 = (1_u64 << (Self::PRECISION - 1)) as f64 + Self::BIAS;
    /// The bias of the exponent: 127 or 1023.
    const BIAS: f64;
    /// a*2^k, rounded once, for a whole `k` that is at most twice the largest exponent, either way.
    fn scale(self, a: Self::Register, k: Self::Register) -> Self::Register;
    /// The parts `m` and `k` of m*2^k, with m in [sqrt(1/2), sqrt(2)) and `k` whole, of a value that is positive,
    /// normal and finite; unspecified for others.
    #[inline(always)]
    fn split(self, a: Self::Register) -> (Self::Register, Self::Register) {
        let (lifted, k) = self.split_exponent(a);
        // What is below the exponent counts from sqrt(1/2).
        let below = self.and_bits(lifted, self.splat_bits((1 << (Self::PRECISION - 1)) - 1));
        (self.of_bits(self.add_bits(below, self.splat_bits(Self::HALF_ROOT_BITS))), k)
    }
    /// The parts 2^-k and `k` of m*2^k as `split` has them, for `a` up to 2^(BIAS - 1).
    #[inline(always)]
    fn split_scale(self, a: Self::Register) -> (Self::Register, Self::Register) {
        let (lifted, k) = self.split_exponent(a);
        let field = self.and_bits(lifted, self.splat_bits(u64::MAX << (Self::PRECISION - 1)));
        // The exponent's field of 2^-k is twice the bias without that of 2^k.
        (self.of_bits(self.sub_bits(self.splat_bits(2 * Self::ONE_BITS), field)), k)
    }
    /// The bits of `a`, lifted so that the exponent's field is that of 2^k for `k` as `split` has it, which is also
    /// given as a number.
    #[inline(always)]
    fn split_exponent(self, a: Self::Register) -> (Self::Bits, Self::Register) {
        let lifted = self.add_bits(self.to_bits(a), self.splat_bits(Self::ONE_BITS - Self::HALF_ROOT_BITS));
        let biased = self.of_exponent_field(lifted);
        let whole =
            self.or_bits(biased, self.to_bits(self.constant((1_u64 << (Self::PRECISION - 1)) as f64)));
        (lifted, self.sub(self.of_bits(whole), self.constant(Self::EXPONENT_TO_BITS)))
    }
    /// The bits of 1.
    const ONE_BITS: u64 =
        if Self::PRECISION == f32::MANTISSA_DIGITS { 1_f32.to_bits() as u64 } else { 1_f64.to_bits() };
    /// The bits of sqrt(1/2).
    const HALF_ROOT_BITS: u64 = if Self::PRECISION == f32::MANTISSA_DIGITS {
        std::f32::consts::FRAC_1_SQRT_2.to_bits() as u64
    } else {
        std::f64::consts::FRAC_1_SQRT_2.to_bits()
    };

    /// The sum of all lanes, by halves; deterministic, but another instruction set may round otherwise.
    #[inline(always)]
    fn sum_of_lanes(self, a: Self::Register) -> Self::Scalar {
        self.fold_halves(a, |a, b| a + b)
    }
    /// The largest of all lanes; NaN if any is.
    #[inline(always)]
    fn max_of_lanes(self, a: Self::Register) -> Self::Scalar {
        self.fold_halves(a, |a, b| if a.is_nan() || a > b { a } else { b })
    }
    /// The smallest of all lanes; NaN if any is.
    #[inline(always)]
    fn min_of_lanes(self, a: Self::Register) -> Self::Scalar {
        self.fold_halves(a, |a, b| if a.is_nan() || a < b { a } else { b })
    }
    /// Lanes joined by an operation: the first half with the second, until one is left.
    #[inline(always)]
    fn fold_halves(
        self,
        a: Self::Register,
        join: impl Fn(Self::Scalar, Self::Scalar) -> Self::Scalar,
    ) -> Self::Scalar {
        let mut all = self.to_array(a);
        let mut count = Self::WIDTH;
        while count > 1 {
            count /= 2;
            for n in 0..count {
                all[n] = join(all[n], all[n + count]);
            }
        }
        all[0]
    }
}

/// The lanes of the widest register of any instruction set.
pub const MOST_LANES: usize = 16;
