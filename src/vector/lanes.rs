//! One register of floats: the operations that vectorised loops are written in.

use super::instructions::InstructionSet;
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

/// Lanes of `f32`.
#[derive(Clone, Copy, Debug)]
pub struct Singles<S>(pub(super) S);

/// Lanes of `f64`.
#[derive(Clone, Copy, Debug)]
pub struct Doubles<S>(pub(super) S);

macro_rules! lanes {
    (
        $lanes:ident, $scalar:ident, $register:ident, $integer:ident, $bits:ident, $mask:ident, $significand:literal,
        $bias:literal, $shift_left:ident, $shift_right:ident, $any:ident, $round:ident, $scale:ident, $reciprocal:ident,
        $splat:ident, $splat_bits:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $mul_add:ident, $sqrt:ident,
        $and_bits:ident, $or_bits:ident, $xor_bits:ident, $add_bits:ident, $sub_bits:ident,
        $less:ident, $less_equal:ident, $equal:ident, $and:ident, $or:ident, $not:ident, $select:ident
    ) => {
        impl<S: InstructionSet> Lanes for $lanes<S> {
            type Scalar = $scalar;
            type Register = S::$register;
            type Bits = S::$bits;
            type Mask = S::$mask;
            const WIDTH: usize = size_of::<S::$register>() / size_of::<$scalar>();
            const PRECISION: u32 = $scalar::MANTISSA_DIGITS;
            const BELOW_SIGN: u64 = ($integer::MAX >> 1) as u64;
            const BIAS: f64 = $bias;

            #[inline(always)]
            fn splat(self, value: $scalar) -> S::$register {
                self.0.$splat(value)
            }
            #[inline(always)]
            unsafe fn load_from(self, from: *const $scalar) -> S::$register {
                // SAFETY: the caller vouches for the memory, and any bits are a register.
                unsafe { from.cast::<S::$register>().read_unaligned() }
            }
            #[inline(always)]
            unsafe fn store_to(self, to: *mut $scalar, values: S::$register) {
                // SAFETY: the caller vouches for the memory.
                unsafe { to.cast::<S::$register>().write_unaligned(values) }
            }
            #[inline(always)]
            fn add(self, a: S::$register, b: S::$register) -> S::$register {
                self.0.$add(a, b)
            }
            #[inline(always)]
            fn sub(self, a: S::$register, b: S::$register) -> S::$register {
                self.0.$sub(a, b)
            }
            #[inline(always)]
            fn mul(self, a: S::$register, b: S::$register) -> S::$register {
                self.0.$mul(a, b)
            }
            #[inline(always)]
            fn div(self, a: S::$register, b: S::$register) -> S::$register {
                self.0.$div(a, b)
            }
            #[inline(always)]
            fn mul_add(self, a: S::$register, b: S::$register, c: S::$register) -> S::$register {
                self.0.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn mul_add_estimate(self, a: S::$register, b: S::$register, c: S::$register) -> S::$register {
                if S::IS_SCALAR { self.add(self.mul(a, b), c) } else { self.mul_add(a, b, c) }
            }
            #[inline(always)]
            fn reciprocal(self, a: S::$register) -> S::$register {
                match self.0.$reciprocal(a) {
                    Some(estimate) => self.refined_reciprocal(a, estimate),
                    None => self.div(self.one(), a),
                }
            }
            #[inline(always)]
            fn sqrt(self, a: S::$register) -> S::$register {
                self.0.$sqrt(a)
            }
            #[inline(always)]
            fn to_bits(self, a: S::$register) -> S::$bits {
                pulp::cast(a)
            }
            #[inline(always)]
            fn of_bits(self, bits: S::$bits) -> S::$register {
                pulp::cast(bits)
            }
            #[inline(always)]
            fn splat_bits(self, bits: u64) -> S::$bits {
                self.0.$splat_bits(bits as $integer)
            }
            #[inline(always)]
            fn and_bits(self, a: S::$bits, b: S::$bits) -> S::$bits {
                self.0.$and_bits(a, b)
            }
            #[inline(always)]
            fn or_bits(self, a: S::$bits, b: S::$bits) -> S::$bits {
                self.0.$or_bits(a, b)
            }
            #[inline(always)]
            fn xor_bits(self, a: S::$bits, b: S::$bits) -> S::$bits {
                self.0.$xor_bits(a, b)
            }
            #[inline(always)]
            fn add_bits(self, a: S::$bits, b: S::$bits) -> S::$bits {
                self.0.$add_bits(a, b)
            }
            #[inline(always)]
            fn sub_bits(self, a: S::$bits, b: S::$bits) -> S::$bits {
                self.0.$sub_bits(a, b)
            }
            #[inline(always)]
            fn shift_left<const N: u32>(self, a: S::$bits) -> S::$bits {
                self.0.$shift_left::<N>(a)
            }
            #[inline(always)]
            fn shift_right<const N: u32>(self, a: S::$bits) -> S::$bits {
                self.0.$shift_right::<N>(a)
            }
            #[inline(always)]
            fn to_exponent_field(self, a: S::$bits) -> S::$bits {
                self.0.$shift_left::<$significand>(a)
            }
            #[inline(always)]
            fn of_exponent_field(self, a: S::$bits) -> S::$bits {
                self.0.$shift_right::<$significand>(a)
            }
            #[inline(always)]
            fn less(self, a: S::$register, b: S::$register) -> S::$mask {
                self.0.$less(a, b)
            }
            #[inline(always)]
            fn less_equal(self, a: S::$register, b: S::$register) -> S::$mask {
                self.0.$less_equal(a, b)
            }
            #[inline(always)]
            fn equal(self, a: S::$register, b: S::$register) -> S::$mask {
                self.0.$equal(a, b)
            }
            #[inline(always)]
            fn and(self, a: S::$mask, b: S::$mask) -> S::$mask {
                self.0.$and(a, b)
            }
            #[inline(always)]
            fn or(self, a: S::$mask, b: S::$mask) -> S::$mask {
                self.0.$or(a, b)
            }
            #[inline(always)]
            fn not(self, a: S::$mask) -> S::$mask {
                self.0.$not(a)
            }
            #[inline(always)]
            fn any(self, a: S::$mask) -> bool {
                self.0.$any(a)
            }
            #[inline(always)]
            fn select(self, mask: S::$mask, a: S::$register, b: S::$register) -> S::$register {
                pulp::cast(self.0.$select(mask, pulp::cast(a), pulp::cast(b)))
            }
            #[inline(always)]
            fn max_or_second(self, a: S::$register, b: S::$register) -> S::$register {
                self.select(self.less(b, a), a, b)
            }
            #[inline(always)]
            fn min_or_second(self, a: S::$register, b: S::$register) -> S::$register {
                self.select(self.less(a, b), a, b)
            }
            #[inline(always)]
            fn round_to_even(self, a: S::$register) -> S::$register {
                self.0.$round(a)
            }
            #[inline(always)]
            fn scale(self, a: S::$register, k: S::$register) -> S::$register {
                if let Some(scaled) = self.0.$scale(a, k) {
                    return scaled;
                }
                // By halves: each is a normal power, and only the second product rounds.
                let half = self.round_to_even(self.mul(k, self.constant(0.5)));
                let rest = self.sub(k, half);
                self.mul(self.mul(a, self.power_of_two(half)), self.power_of_two(rest))
            }
        }
    };
}

lanes!(
    Singles,
    f32,
    f32s,
    u32,
    u32s,
    m32s,
    23,
    127.0,
    shift_left_32,
    shift_right_32,
    any_32,
    round_32,
    scale_32,
    reciprocal_32,
    splat_f32s,
    splat_u32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    div_f32s,
    mul_add_f32s,
    sqrt_f32s,
    and_u32s,
    or_u32s,
    xor_u32s,
    add_u32s,
    sub_u32s,
    less_than_f32s,
    less_than_or_equal_f32s,
    equal_f32s,
    and_m32s,
    or_m32s,
    not_m32s,
    select_u32s
);
lanes!(
    Doubles,
    f64,
    f64s,
    u64,
    u64s,
    m64s,
    52,
    1023.0,
    shift_left_64,
    shift_right_64,
    any_64,
    round_64,
    scale_64,
    reciprocal_64,
    splat_f64s,
    splat_u64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    div_f64s,
    mul_add_f64s,
    sqrt_f64s,
    and_u64s,
    or_u64s,
    xor_u64s,
    add_u64s,
    sub_u64s,
    less_than_f64s,
    less_than_or_equal_f64s,
    equal_f64s,
    and_m64s,
    or_m64s,
    not_m64s,
    select_u64s
);
