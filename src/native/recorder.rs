//! Lanes that write down what is done with them.
//!
//! Loops over vectors are generic over [`Lanes`]. Run on a [`Recorder`], the same source that computes leaves a
//! [`Trace`]: the interpreter of tapes and the elementary functions have no second version for generated code.

use super::trace::{Op, Trace, Value};
use crate::vector::{Lanes, Precision};
use std::cell::RefCell;
use std::marker::PhantomData;

struct Recording {
    trace: Trace,
    /// What each register holds.
    registers: Vec<Option<Value>>,
}

thread_local! {
    static RECORDING: RefCell<Option<Recording>> = const { RefCell::new(None) };
}

/// One lane that stands for a vector of any width.
pub struct Recorder<T>(PhantomData<fn() -> T>);

impl<T> Clone for Recorder<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Recorder<T> {}

/// Bytes between the addresses that stand for registers.
const SPACING: usize = 1 << 12;

/// The address that stands for a register. Nothing is there.
pub fn place<T>(register: usize) -> *mut T {
    std::ptr::without_provenance_mut((register + 1) * SPACING)
}

fn register_at<T>(place: *const T) -> usize {
    place.addr() / SPACING - 1
}

/// The bits of a lane of the type.
pub fn lane_bits<T: Precision>(value: T) -> u64 {
    let value = value.to_double();
    if size_of::<T>() == size_of::<f32>() { (value as f32).to_bits().into() } else { value.to_bits() }
}

impl<T: Precision> Recorder<T> {
    /// Records what `work` does, with so many registers.
    pub fn record(trace: Trace, registers: usize, work: impl FnOnce(Self)) -> Trace {
        let recording = Recording { trace, registers: vec![None; registers] };
        RECORDING.with(|r| *r.borrow_mut() = Some(recording));
        work(Recorder(PhantomData));
        RECORDING.with(|r| r.borrow_mut().take()).map_or_else(Trace::default, |r| r.trace)
    }

    /// Does something with the trace.
    pub fn with<R>(self, work: impl FnOnce(&mut Trace) -> R) -> R {
        RECORDING.with(|r| {
            let mut recording = r.borrow_mut();
            work(&mut recording.as_mut().expect("recorders exist only while something is recorded").trace)
        })
    }

    fn value(self, op: Op, arguments: &[Value]) -> Value {
        self.with(|trace| trace.value(op, arguments))
    }

    /// What a register holds.
    pub fn register(self, register: usize) -> Value {
        RECORDING.with(|r| {
            let recording = r.borrow();
            let held = recording.as_ref().and_then(|r| r.registers[register]);
            held.expect("a tape writes registers before it reads them")
        })
    }

    /// Puts a value into a register.
    pub fn set_register(self, register: usize, value: Value) {
        RECORDING.with(|r| {
            if let Some(recording) = r.borrow_mut().as_mut() {
                recording.registers[register] = Some(value);
            }
        });
    }
}

impl<T: Precision> Lanes for Recorder<T> {
    type Scalar = T;
    type Register = Value;
    type Bits = Value;
    type Mask = Value;
    const WIDTH: usize = 1;
    const PRECISION: u32 = if size_of::<T>() == 4 { f32::MANTISSA_DIGITS } else { f64::MANTISSA_DIGITS };
    const BELOW_SIGN: u64 = if size_of::<T>() == 4 { (u32::MAX >> 1) as u64 } else { u64::MAX >> 1 };
    const BIAS: f64 = if size_of::<T>() == 4 { 127.0 } else { 1023.0 };

    fn splat(self, value: T) -> Value {
        self.with(|trace| trace.constant(lane_bits(value)))
    }
    unsafe fn load_from(self, from: *const T) -> Value {
        self.register(register_at(from))
    }
    unsafe fn store_to(self, to: *mut T, value: Value) {
        self.set_register(register_at(to), value);
    }
    fn add(self, a: Value, b: Value) -> Value {
        self.value(Op::Add, &[a, b])
    }
    fn sub(self, a: Value, b: Value) -> Value {
        self.value(Op::Subtract, &[a, b])
    }
    fn mul(self, a: Value, b: Value) -> Value {
        self.value(Op::Multiply, &[a, b])
    }
    fn div(self, a: Value, b: Value) -> Value {
        self.value(Op::Divide, &[a, b])
    }
    fn mul_add(self, a: Value, b: Value, c: Value) -> Value {
        self.value(Op::MultiplyAdd, &[a, b, c])
    }
    fn mul_add_estimate(self, a: Value, b: Value, c: Value) -> Value {
        self.mul_add(a, b, c)
    }
    fn mul_sub(self, a: Value, b: Value, c: Value) -> Value {
        self.value(Op::MultiplySubtract, &[a, b, c])
    }
    fn neg_mul_add(self, a: Value, b: Value, c: Value) -> Value {
        self.value(Op::NegativeMultiplyAdd, &[a, b, c])
    }
    fn reciprocal(self, a: Value) -> Value {
        if self.with(|trace| trace.is_wide) {
            return self.refined_reciprocal(a, self.value(Op::Reciprocal, &[a]));
        }
        self.div(self.one(), a)
    }
    fn sqrt(self, a: Value) -> Value {
        self.value(Op::Root, &[a])
    }
    fn to_bits(self, a: Value) -> Value {
        a
    }
    fn of_bits(self, bits: Value) -> Value {
        bits
    }
    fn splat_bits(self, bits: u64) -> Value {
        let bits = if size_of::<T>() == 4 { (bits as u32).into() } else { bits };
        self.with(|trace| trace.constant(bits))
    }
    fn and_bits(self, a: Value, b: Value) -> Value {
        self.value(Op::And, &[a, b])
    }
    fn or_bits(self, a: Value, b: Value) -> Value {
        self.value(Op::Or, &[a, b])
    }
    fn xor_bits(self, a: Value, b: Value) -> Value {
        self.value(Op::Xor, &[a, b])
    }
    fn add_bits(self, a: Value, b: Value) -> Value {
        self.value(Op::AddBits, &[a, b])
    }
    fn sub_bits(self, a: Value, b: Value) -> Value {
        self.value(Op::SubtractBits, &[a, b])
    }
    fn shift_left<const N: u32>(self, a: Value) -> Value {
        self.value(Op::ShiftLeft(N as u8), &[a])
    }
    fn shift_right<const N: u32>(self, a: Value) -> Value {
        self.value(Op::ShiftRight(N as u8), &[a])
    }
    fn to_exponent_field(self, a: Value) -> Value {
        self.value(Op::ShiftLeft((Self::PRECISION - 1) as u8), &[a])
    }
    fn of_exponent_field(self, a: Value) -> Value {
        self.value(Op::ShiftRight((Self::PRECISION - 1) as u8), &[a])
    }
    fn less(self, a: Value, b: Value) -> Value {
        self.value(Op::Less, &[a, b])
    }
    fn less_equal(self, a: Value, b: Value) -> Value {
        self.value(Op::LessEqual, &[a, b])
    }
    fn equal(self, a: Value, b: Value) -> Value {
        self.value(Op::Equal, &[a, b])
    }
    fn and(self, a: Value, b: Value) -> Value {
        self.value(Op::MaskAnd, &[a, b])
    }
    fn or(self, a: Value, b: Value) -> Value {
        self.value(Op::MaskOr, &[a, b])
    }
    fn not(self, a: Value) -> Value {
        self.value(Op::MaskNot, &[a])
    }
    fn any(self, a: Value) -> bool {
        self.with(|trace| trace.any(a))
    }
    fn select(self, mask: Value, a: Value, b: Value) -> Value {
        self.value(Op::Select, &[mask, a, b])
    }
    fn max_or_second(self, a: Value, b: Value) -> Value {
        self.value(Op::Max, &[a, b])
    }
    fn min_or_second(self, a: Value, b: Value) -> Value {
        self.value(Op::Min, &[a, b])
    }
    fn round_to_even(self, a: Value) -> Value {
        self.value(Op::Round, &[a])
    }
    fn scale(self, a: Value, k: Value) -> Value {
        if self.with(|trace| trace.is_wide) {
            return self.value(Op::Scale, &[a, k]);
        }
        let half = self.round_to_even(self.mul(k, self.constant(0.5)));
        let rest = self.sub(k, half);
        self.mul(self.mul(a, self.power_of_two(half)), self.power_of_two(rest))
    }
}
