//! Lanes that are the registers of an instruction set.

use super::instructions::InstructionSet;
use super::lanes::Lanes;

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
        $gather:ident, $scatter:ident,
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
            unsafe fn load_strided(self, from: *const $scalar, stride: i32) -> Option<S::$register> {
                // SAFETY: as above.
                unsafe { self.0.$gather(from, stride) }
            }
            #[inline(always)]
            unsafe fn store_strided(self, to: *mut $scalar, stride: i32, values: S::$register) -> bool {
                // SAFETY: as above.
                unsafe { self.0.$scatter(to, stride, values) }
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
    gather_32,
    scatter_32,
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
    gather_64,
    scatter_64,
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
