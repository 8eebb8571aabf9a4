//! Instructions for the values of a trace.

use super::assembler::Operand;
use super::emit::Emitter;
use super::table::{self, Order};
use super::trace::{Op, Value};
use iced_x86::Code;

impl Emitter<'_> {
    pub(super) fn compute(&mut self, value: Value) {
        let node = self.trace.node(value);
        let [a, b, _] = node.arguments;
        match node.op {
            // Read where it is needed.
            Op::Constant(_) | Op::Accumulator(_) | Op::Load(_) | Op::LoadNext(_) => return,
            Op::Live if !self.is_partial => return,
            Op::Live => {
                let from = self.in_vector(a);
                let is_zero = self.trace.node(b).op == Op::Constant(0);
                let rest = (!is_zero).then(|| self.in_vector(b));
                let to = self.target(value);
                self.assembler.keep_live(to, from, rest);
            }
            Op::State(number) => {
                let from = self.state(number);
                let to = self.own(value);
                self.assembler.load(to, from, false);
            }
            Op::Broadcast(port) => {
                let from = self.port_element(port);
                let to = self.own(value);
                self.assembler.broadcast(to, from);
            }
            Op::MultiplyAdd | Op::MultiplySubtract | Op::NegativeMultiplyAdd => self.fused(value),
            Op::Select => self.select(value),
            Op::Less | Op::LessEqual | Op::Equal => {
                // EQ_OQ, LT_OS, LE_OS, and the other way round GT_OS and GE_OS.
                let (predicate, swapped) = match node.op {
                    Op::Less => (1, 14),
                    Op::LessEqual => (2, 13),
                    _ => (0, 0),
                };
                let is_swapped = self.is_in_memory(a) && !self.is_in_memory(b);
                let (left, right) = if is_swapped { (b, a) } else { (a, b) };
                let left = self.in_vector(left);
                let right = self.operand(right);
                let to = self.target(value);
                self.assembler.compare(if is_swapped { swapped } else { predicate }, to, left, right);
            }
            Op::MaskAnd | Op::MaskOr | Op::MaskNot if self.assembler.is_wide => {
                let a = self.in_mask(a);
                if node.op == Op::MaskNot {
                    let to = self.target(value);
                    self.assembler.mask_not(to, a);
                } else {
                    let b = self.in_mask(b);
                    let to = self.target(value);
                    let code = if node.op == Op::MaskAnd {
                        Code::VEX_Kandw_kr_kr_kr
                    } else {
                        Code::VEX_Korw_kr_kr_kr
                    };
                    self.assembler.mask(code, to, a, b);
                }
            }
            Op::MaskNot => {
                let a = self.in_vector(a);
                let ones = Operand::Memory(self.constant(self.ones()));
                let to = self.target(value);
                let code = table::code(&self.assembler, Op::Xor);
                self.assembler.binary(code, to, a, ones);
            }
            Op::Root | Op::Reciprocal => {
                let from = self.operand(a);
                let to = self.target(value);
                let code = table::code(&self.assembler, node.op);
                self.assembler.unary(code, to, from);
            }
            Op::Round | Op::ShiftLeft(_) | Op::ShiftRight(_) => {
                // Not every shift reads memory.
                let from = Operand::Vector(self.in_vector(a));
                let to = self.target(value);
                let number = match node.op {
                    // To the nearest, without a trap.
                    Op::Round => 8,
                    Op::ShiftLeft(by) | Op::ShiftRight(by) => by,
                    _ => 0,
                };
                let code = table::code(&self.assembler, node.op);
                self.assembler.immediate(code, to, from, number.into());
            }
            Op::Rotate(by) => {
                let from = self.in_vector(a);
                let to = self.target(value);
                self.assembler.rotate(to, from, by);
            }
            _ => {
                let is_commutative = matches!(
                    node.op,
                    Op::Add
                        | Op::Multiply
                        | Op::And
                        | Op::Or
                        | Op::Xor
                        | Op::AddBits
                        | Op::MaskAnd
                        | Op::MaskOr
                );
                let is_swapped = is_commutative && self.is_in_memory(a) && !self.is_in_memory(b);
                let (left, right) = if is_swapped { (b, a) } else { (a, b) };
                let left = self.in_vector(left);
                let right = self.operand(right);
                let to = self.target(value);
                let code = table::code(&self.assembler, node.op);
                self.assembler.binary(code, to, left, right);
            }
        }
        self.settle(value);
    }

    pub(super) fn ones(&self) -> u64 {
        if self.assembler.is_single { u64::from(u32::MAX) } else { u64::MAX }
    }

    /// b where the mask holds, else c.
    pub(super) fn select(&mut self, value: Value) {
        let [mask, b, c] = self.trace.node(value).arguments;
        let mask = self.in_mask(mask);
        if self.trace.node(c).op == Op::Constant(0) {
            let b = self.operand(b);
            let to = self.target(value);
            self.assembler.select_or_zero(to, mask, b);
            return;
        }
        let c = self.in_vector(c);
        let b = self.operand(b);
        let to = self.target(value);
        self.assembler.select(to, mask, b, c);
    }

    /// A product and a sum at once, which overwrites one of its operands.
    pub(super) fn fused(&mut self, value: Value) {
        let node = self.trace.node(value);
        let [a, b, c] = node.arguments.map(|v| self.resolved(v));
        // The factor that is in memory, if one is, comes second.
        let (a, b) = if self.is_in_memory(a) && !self.is_in_memory(b) { (b, a) } else { (a, b) };
        // One operand may stay in memory.
        let memory_term = self.is_in_memory(c);
        let x = self.in_vector(a);
        let (y, z) = if memory_term {
            let y = if b == a { x } else { self.in_vector(b) };
            (Operand::Vector(y), self.operand(c))
        } else {
            let z = self.in_vector(c);
            (if b == a { Operand::Vector(x) } else { self.operand(b) }, Operand::Vector(z))
        };
        let is_square = a == b;
        let to = self.target(value);
        // Which operand the result overwrites; the target may be the register of any that died.
        match (y, z) {
            // to = x*y + memory
            (Operand::Vector(y), Operand::Memory(_)) => {
                let other = if is_square {
                    to
                } else if to == y {
                    x
                } else {
                    y
                };
                if to != x && to != y {
                    self.assembler.copy(to, x);
                }
                let code = table::fused(&self.assembler, node.op, Order::F213);
                self.assembler.binary(code, to, other, z);
            }
            // to = x*memory + z
            (Operand::Memory(_), Operand::Vector(z)) => {
                if to == z {
                    let code = table::fused(&self.assembler, node.op, Order::F231);
                    self.assembler.binary(code, to, x, y);
                } else {
                    if to != x {
                        self.assembler.copy(to, x);
                    }
                    let code = table::fused(&self.assembler, node.op, Order::F132);
                    self.assembler.binary(code, to, z, y);
                }
            }
            (Operand::Vector(y), Operand::Vector(z)) => {
                if to == z && z != x && z != y {
                    let code = table::fused(&self.assembler, node.op, Order::F231);
                    self.assembler.binary(code, to, x, Operand::Vector(y));
                } else if to == y && !is_square {
                    let code = table::fused(&self.assembler, node.op, Order::F213);
                    self.assembler.binary(code, to, x, Operand::Vector(z));
                } else {
                    if to != x {
                        self.assembler.copy(to, x);
                    }
                    let code = table::fused(&self.assembler, node.op, Order::F213);
                    let y = if is_square { to } else { y };
                    // The term may have been where the result now is.
                    let z = if z == x { to } else { z };
                    self.assembler.binary(code, to, y, Operand::Vector(z));
                }
            }
            (Operand::Memory(_), Operand::Memory(_)) => {}
        }
    }

    pub(super) fn assume(&mut self, mask: Value) {
        let Some(exit) = self.exit else { return };
        match self.negated(mask) {
            Some(all) => {
                let register = self.in_mask(all);
                let ones = Operand::Memory(self.constant(self.ones()));
                self.assembler.jump_unless_all(register, ones, self.is_partial, exit);
            }
            None => {
                let register = self.in_mask(mask);
                self.assembler.jump_if_any(register, true, self.is_partial, exit);
            }
        }
    }
}
