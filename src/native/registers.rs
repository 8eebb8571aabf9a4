//! Values in registers, in the frame, and on their way between them.

use super::allocate::Bank;
use super::assembler::{AT, Assembler, Label, Operand, POOL};
use super::emit::{Arguments, Emitter, PLACE, field, port_start};
use super::trace::{Item, Op, Value};
use iced_x86::{Code, Instruction, MemoryOperand, Register};
use std::mem::offset_of;

/// Where a value that is in no register is.
pub(super) enum Home {
    Constant(u64),
    /// The vector of the turn, or the one behind it.
    Port(u16, bool),
    Frame(u32),
}

/// A region whose end has not been reached: where it ends, and what was where when it began.
pub(super) struct Region {
    pub(super) after: Label,
    pub(super) vectors: Vec<Option<Value>>,
    pub(super) masks: Vec<Option<Value>>,
    pub(super) frame: Vec<Option<u32>>,
}

impl Emitter<'_> {
    /// Registers whose values no later item needs are free.
    pub(super) fn passed(&mut self, item: &Item) {
        for value in self.reads(item) {
            self.uses.pass(value, self.position);
        }
        self.vectors.unlock_all();
        self.masks.unlock_all();
        self.drop_dead();
    }

    pub(super) fn drop_dead(&mut self) {
        for bank in [&mut self.vectors, &mut self.masks] {
            for held in &mut bank.held {
                if held.is_some_and(|v| self.uses.next(v) == u32::MAX) {
                    *held = None;
                }
            }
        }
    }

    /// Brings registers and the frame back to what they were where the region began, but for what it computed.
    pub(super) fn leave_region(&mut self, region: &Region) {
        for is_mask in [false, true] {
            let before = if is_mask { &region.masks } else { &region.vectors };
            let is_live = |this: &Self, v: Value| this.uses.next(v) != u32::MAX;
            // What was computed within moves away from where something else was.
            for register in 0..before.len() {
                let Some(value) = self.bank(is_mask).held[register] else { continue };
                if before[register] == Some(value) {
                    continue;
                }
                let is_new = self.frame[value.0 as usize].is_none()
                    && self.home(value).is_none()
                    && !before.contains(&Some(value));
                let is_taken = before[register].is_some_and(|v| is_live(self, v));
                if !is_new {
                    self.bank_mut(is_mask).held[register] = None;
                } else if is_taken {
                    let place = self.place(value);
                    self.put(value, register as u8, place);
                    self.bank_mut(is_mask).held[register] = None;
                }
            }
            for (register, value) in before.iter().enumerate() {
                let Some(value) = *value else { continue };
                if is_live(self, value) && self.bank(is_mask).held[register] != Some(value) {
                    self.fetch(value, register as u8);
                    self.bank_mut(is_mask).held[register] = Some(value);
                }
            }
        }
        // What was put into the frame within is there only if the region was run.
        for (at, place) in self.frame.iter_mut().enumerate() {
            let was_held = |held: &[Option<Value>]| held.contains(&Some(Value(at as u32)));
            if was_held(&region.vectors) || was_held(&region.masks) {
                *place = region.frame[at];
            }
        }
    }

    pub(super) fn is_mask(&self, value: Value) -> bool {
        self.assembler.is_wide && self.trace.node(value).op.is_mask()
    }

    pub(super) fn bank(&self, is_mask: bool) -> &Bank {
        if is_mask { &self.masks } else { &self.vectors }
    }

    pub(super) fn bank_mut(&mut self, is_mask: bool) -> &mut Bank {
        if is_mask { &mut self.masks } else { &mut self.vectors }
    }

    /// Where a port's vector of the turn is, or the one behind it.
    pub(super) fn port(&mut self, port: u16, is_next: bool) -> MemoryOperand {
        let base = self.port_base(port);
        let beyond = if is_next { self.assembler.vector_bytes() as i64 } else { 0 };
        MemoryOperand::new(base, AT, 1, beyond, if is_next { 8 } else { 0 }, false, Register::None)
    }

    /// Where a port's one element is.
    pub(super) fn port_element(&mut self, port: u16) -> MemoryOperand {
        Assembler::memory(self.port_base(port), 0, false)
    }

    fn port_base(&mut self, port: u16) -> Register {
        match self.ports[port as usize] {
            Some(register) => register,
            None => {
                self.assembler.push(Instruction::with2(
                    Code::Mov_r64_rm64,
                    Register::RAX,
                    port_start(port as usize),
                ));
                Register::RAX
            }
        }
    }

    /// Where an accumulator in memory is.
    pub(super) fn state(&mut self, number: u16) -> MemoryOperand {
        let state = field(offset_of!(Arguments, state));
        self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, Register::RAX, state));
        Assembler::memory(Register::RAX, i64::from(number) * PLACE, false)
    }

    /// A constant in the pool, as an operand.
    pub(super) fn constant(&mut self, bits: u64) -> MemoryOperand {
        let is_wide = self.assembler.is_wide;
        let lane = self.assembler.lane_bytes();
        let pool = &mut self.pool;
        let offset = *self.constants.entry(bits).or_insert_with(|| {
            let offset = pool.len() as i64;
            for _ in 0..if is_wide { 1 } else { 32 / lane } {
                pool.extend(&bits.to_le_bytes()[..lane]);
            }
            offset
        });
        Assembler::memory(POOL, offset, is_wide)
    }

    /// A new place in the frame, or the value's own.
    pub(super) fn place(&mut self, value: Value) -> MemoryOperand {
        let places = &mut self.places;
        let place = *self.frame[value.0 as usize].get_or_insert_with(|| {
            *places += 1;
            *places - 1
        });
        in_frame(place)
    }

    pub(super) fn put(&mut self, value: Value, register: u8, place: MemoryOperand) {
        if self.is_mask(value) {
            self.assembler.store_mask(place, register);
        } else {
            self.assembler.store(place, register, false);
        }
    }

    /// Where the value can be read from memory, if it need not be in a register.
    pub(super) fn home(&self, value: Value) -> Option<Home> {
        match self.trace.node(value).op {
            Op::Constant(bits) => Some(Home::Constant(bits)),
            Op::Load(port) => Some(Home::Port(port, false)),
            Op::LoadNext(port) => Some(Home::Port(port, true)),
            _ => self.frame[value.0 as usize].map(Home::Frame),
        }
    }

    /// Reads the value from its home.
    pub(super) fn fetch(&mut self, value: Value, register: u8) {
        match self.home(value) {
            Some(Home::Constant(bits)) => {
                let from = self.constant(bits);
                self.assembler.load_constant(register, from);
            }
            Some(Home::Port(port, is_next)) => {
                let from = self.port(port, is_next);
                self.assembler.load(register, from, self.is_partial);
            }
            Some(Home::Frame(place)) => {
                let from = in_frame(place);
                if self.is_mask(value) {
                    self.assembler.load_mask(register, from);
                } else {
                    self.assembler.load(register, from, false);
                }
            }
            None => debug_assert!(false, "a value that is in no register has been put somewhere"),
        }
    }

    /// A register that may be overwritten.
    pub(super) fn take(&mut self, is_mask: bool) -> u8 {
        if let Some(register) = self.bank(is_mask).free() {
            self.bank_mut(is_mask).lock(register);
            return register;
        }
        let uses = &self.uses;
        let Some((register, value)) = self.bank(is_mask).farthest(|v| uses.next(v)) else {
            debug_assert!(false, "an instruction has fewer operands than there are registers");
            return 0;
        };
        if self.home(value).is_none() {
            let place = self.place(value);
            self.put(value, register, place);
        }
        self.bank_mut(is_mask).held[register as usize] = None;
        self.bank_mut(is_mask).lock(register);
        register
    }

    pub(super) fn in_register(&mut self, value: Value, is_mask: bool) -> u8 {
        let value = self.resolved(value);
        if let Some(register) = self.pinned[value.0 as usize] {
            return register;
        }
        if let Some(register) = self.bank(is_mask).of(value) {
            self.bank_mut(is_mask).lock(register);
            return register;
        }
        let register = self.take(is_mask);
        self.fetch(value, register);
        self.bank_mut(is_mask).held[register as usize] = Some(value);
        register
    }

    pub(super) fn in_vector(&mut self, value: Value) -> u8 {
        self.in_register(value, false)
    }

    pub(super) fn in_mask(&mut self, mask: Value) -> u8 {
        self.in_register(mask, self.assembler.is_wide)
    }

    /// The value where it is: in a register, or in memory.
    pub(super) fn operand(&mut self, value: Value) -> Operand {
        let value = self.resolved(value);
        if self.is_in_memory(value) {
            match self.home(value) {
                Some(Home::Constant(bits)) => return Operand::Memory(self.constant(bits)),
                Some(Home::Frame(place)) => return Operand::Memory(in_frame(place)),
                Some(Home::Port(port, is_next)) if !self.is_partial && self.uses.remaining(value) == 1 => {
                    return Operand::Memory(self.port(port, is_next));
                }
                _ => {}
            }
        }
        Operand::Vector(self.in_vector(value))
    }

    /// Whether the value is in memory alone.
    pub(super) fn is_in_memory(&self, value: Value) -> bool {
        let value = self.resolved(value);
        self.pinned[value.0 as usize].is_none() && self.vectors.of(value).is_none()
    }

    /// The register for the result, once the operands have been read: one of theirs if nothing else needs it.
    pub(super) fn target(&mut self, value: Value) -> u8 {
        let node = self.trace.node(value);
        for argument in node.arguments() {
            self.uses.pass(self.resolved(*argument), self.position);
        }
        self.vectors.unlock_all();
        self.masks.unlock_all();
        self.drop_dead();
        self.own(value)
    }

    /// A register for a value that is about to be there.
    pub(super) fn own(&mut self, value: Value) -> u8 {
        let is_mask = self.is_mask(value);
        if let Some(register) = self.pinned[value.0 as usize] {
            return register;
        }
        let register = self.take(is_mask);
        self.bank_mut(is_mask).held[register as usize] = Some(value);
        register
    }

    /// What later code reads goes to the frame if it has no register of its own.
    pub(super) fn settle(&mut self, value: Value) {
        if self.needed_later[value.0 as usize]
            && self.pinned[value.0 as usize].is_none()
            && let Some(register) = self.bank(self.is_mask(value)).of(value)
        {
            let place = self.place(value);
            self.put(value, register, place);
        }
    }
}

/// A place in the frame.
fn in_frame(place: u32) -> MemoryOperand {
    Assembler::memory(Register::RSP, i64::from(place) * PLACE, false)
}
