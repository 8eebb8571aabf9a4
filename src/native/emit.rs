//! From a trace to machine code: the loops around it, and instructions for its values.
//!
//! ```text
//! for each row
//!     values of the row
//!     for each whole vector: the turn; for what is left: the turn, under a mask
//!     the end of the row
//! ```

use super::allocate::{Bank, Uses};
use super::assembler::{ARGUMENTS, AT, Assembler, Label, POOL, When};
use super::registers::Region;
use super::trace::{Item, Node, Op, Rate, Trace, Value};
use iced_x86::{Code, Instruction, MemoryOperand, Register};
use rustc_hash::FxHashMap;
use std::mem::offset_of;

/// What generated code is called with, and how far it got.
///
/// Lengths and strides are in bytes.
#[repr(C)]
pub struct Arguments {
    pub rows: u64,
    pub run: u64,
    /// The row, and how far into it; set where code leaves a turn undone.
    pub row: u64,
    pub at: u64,
    /// A vector of 64 bytes for each accumulator.
    pub state: *mut u8,
    /// Rows whose number, counted from 1, has none of these bits are those after which sums are added to totals.
    pub flush_mask: u64,
    pub ports: [Port; PORTS],
}

/// Memory that code reads or writes row by row.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Port {
    pub start: *mut u8,
    pub stride: i64,
}

/// The most ports.
pub const PORTS: usize = 48;

/// The most accumulators, and the most of them that have registers.
pub const ACCUMULATORS: usize = 24;
const IN_REGISTERS: usize = 8;

/// Vectors after which sums of a few are added to totals: few enough that little is lost.
const FLUSH_AFTER: i64 = 16;

/// Registers that hold where rows of ports begin; of further ones it is looked up.
const PORT_REGISTERS: [Register; 9] = [
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
    Register::RBX,
    Register::R12,
    Register::R13,
    Register::R14,
    Register::R15,
];

const SAVED: [Register; 6] =
    [Register::RBP, Register::RBX, Register::R12, Register::R13, Register::R14, Register::R15];

/// Bytes of a place in the frame, or in the state.
pub(super) const PLACE: i64 = 64;

impl Arguments {
    /// Sets the mask for the length of a row, so that few vectors are summed up in between.
    pub fn set_flush_mask(&mut self) {
        let vectors = self.run.div_ceil(PLACE as u64).max(1);
        self.flush_mask = (FLUSH_AFTER as u64 / vectors).max(1).next_power_of_two() - 1;
    }
}

/// Where the first instruction names the address of the pool.
pub const POOL_ADDRESS_AT: usize = 2;

/// Code and the constants that it reads.
#[derive(Debug, Default)]
pub struct Emitted {
    pub code: Vec<u8>,
    pub pool: Vec<u8>,
}

/// Writes the code of a trace. The address of the pool is yet to be put into it, at [`POOL_ADDRESS_AT`].
///
/// `None` if it has more ports or accumulators than there is room for.
pub fn emit(trace: &Trace, ports: usize, is_wide: bool) -> Option<Emitted> {
    let accumulators = &trace.accumulators;
    let in_registers = accumulators.iter().filter(|a| a.value.is_some()).count();
    if ports > PORTS || accumulators.len() > ACCUMULATORS || in_registers > IN_REGISTERS {
        return None;
    }
    let assembler = Assembler::new(is_wide, trace.lane_bits == 32);
    let mut emitter = Emitter {
        trace,
        pool: Vec::new(),
        constants: FxHashMap::default(),
        frame: vec![None; trace.nodes.len()],
        places: 0,
        most_places: 0,
        row_places: 0,
        frame_size_at: 0,
        pinned: vec![None; trace.nodes.len()],
        vectors: Bank::new(0, if is_wide { 32 } else { 15 }),
        masks: Bank::new(1, 6),
        uses: Uses::default(),
        needed_later: vec![false; trace.nodes.len()],
        is_partial: false,
        is_paired: false,
        position: 0,
        ports: port_registers(trace, ports),
        exit: None,
        assembler,
    };
    emitter.function();
    let Emitter { assembler, most_places, frame_size_at, pool, .. } = emitter;
    let mut code = assembler.finish()?;
    let frame = i32::try_from(i64::from(most_places) * PLACE).ok()?;
    code[frame_size_at..frame_size_at + 4].copy_from_slice(&frame.to_le_bytes());
    Some(Emitted { code, pool })
}

/// A field of the arguments.
pub(super) fn field(offset: usize) -> MemoryOperand {
    Assembler::memory(ARGUMENTS, offset as i64, false)
}

pub(super) struct Emitter<'a> {
    pub(super) assembler: Assembler,
    pub(super) trace: &'a Trace,
    pub(super) pool: Vec<u8>,
    /// Where in the pool each constant is.
    pub(super) constants: FxHashMap<u64, i64>,
    /// Where in the frame a value is.
    pub(super) frame: Vec<Option<u32>>,
    pub(super) places: u32,
    pub(super) most_places: u32,
    /// Places that values of a row have.
    pub(super) row_places: u32,
    /// Where the code says how large the frame is.
    pub(super) frame_size_at: usize,
    /// Registers that keep a value throughout.
    pub(super) pinned: Vec<Option<u8>>,
    pub(super) vectors: Bank,
    pub(super) masks: Bank,
    pub(super) uses: Uses,
    /// Values that code after the line at hand reads.
    pub(super) needed_later: Vec<bool>,
    /// Whether the row ends within the vector.
    pub(super) is_partial: bool,
    /// Whether there are turns of two vectors.
    pub(super) is_paired: bool,
    pub(super) position: u32,
    /// The register that holds where the row of a port begins.
    pub(super) ports: Vec<Option<Register>>,
    pub(super) exit: Option<Label>,
}

impl Emitter<'_> {
    fn function(&mut self) {
        if !self.assembler.is_wide {
            self.pool.extend([0xFF; 32]);
            self.pool.extend([0; 32]);
        }
        self.pin();
        let (rows, exit) = (self.assembler.label(), self.assembler.label());
        self.exit = Some(exit);
        use Register::{RAX, RBP, RDX, RSP};
        // The address is put in once it is known.
        self.assembler.push(Instruction::with2(Code::Mov_r64_imm64, POOL, 0x7FFF_FFFF_FFFF_FFFF_u64));
        for register in SAVED {
            self.assembler.push(Instruction::with1(Code::Push_r64, register));
        }
        self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, RBP, RSP));
        // How large the frame is, is put in at the end.
        self.assembler.push(Instruction::with2(Code::Sub_rm64_imm32, RSP, i32::MAX));
        self.frame_size_at = self.assembler.last_number();
        self.assembler.push(Instruction::with2(Code::And_rm64_imm8, RSP, -64));
        self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, RDX, field(offset_of!(Arguments, state))));
        for (number, register) in self.accumulators() {
            let from = Assembler::memory(RDX, number as i64 * PLACE, false);
            self.assembler.load(register, from, false);
        }
        for at in 0..self.trace.nodes.len() {
            let value = Value(at as u32);
            if let (Op::Constant(bits), Some(register)) = (self.trace.node(value).op, self.pinned[at]) {
                let from = self.constant(bits);
                self.assembler.load_constant(register, from);
            }
        }
        let ports = self.ports.clone();
        let in_registers = || ports.iter().enumerate().filter_map(|(port, r)| Some((port, (*r)?)));
        for (port, register) in in_registers() {
            self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, register, port_start(port)));
        }
        self.assembler.prepare_live(field(offset_of!(Arguments, run)), 32);
        self.assembler.bind(rows);
        self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, AT, field(offset_of!(Arguments, at))));
        let trace = self.trace;
        self.line(&trace.row, Rate::Row, false);
        let [chunk, turn, rest, done] = [(); 4].map(|()| self.assembler.label());
        let has_flush = !trace.flush.is_empty();
        let vector = self.assembler.vector_bytes() as i32;
        self.assembler.bind(chunk);
        self.leave_after_whole_vectors(rest);
        if has_flush {
            let end = Assembler::memory(AT, FLUSH_AFTER * i64::from(vector), false);
            self.assembler.push(Instruction::with2(Code::Lea_r64_m, RAX, end));
            self.assembler.push(Instruction::with2(Code::Cmp_r64_rm64, RAX, RDX));
            self.assembler.push(Instruction::with2(Code::Cmovb_r64_rm64, RDX, RAX));
        }
        let turns = self.assembler.label();
        if self.is_paired {
            self.pairs();
            self.assembler.push(Instruction::with2(Code::Cmp_r64_rm64, AT, RDX));
            self.assembler.jump_if(When::NotBelow, turns);
        }
        self.assembler.bind(turn);
        self.line(&trace.turn, Rate::Turn, false);
        self.assembler.push(Instruction::with2(Code::Add_rm64_imm8, AT, vector));
        self.assembler.push(Instruction::with2(Code::Cmp_r64_rm64, AT, RDX));
        self.assembler.jump_if(When::Below, turn);
        self.assembler.bind(turns);
        if has_flush {
            self.leave_after_whole_vectors(rest);
            self.line(&trace.flush, Rate::Flush, false);
            self.assembler.jump(chunk);
        }
        self.assembler.bind(rest);
        self.assembler.push(Instruction::with2(Code::Cmp_r64_rm64, AT, field(offset_of!(Arguments, run))));
        self.assembler.jump_if(When::NotBelow, done);
        self.line(&trace.turn, Rate::Turn, true);
        self.assembler.bind(done);
        if has_flush {
            self.flush_at_end_of_row();
        }
        self.line(&trace.end, Rate::End, false);
        for (number, register) in self.accumulators() {
            if let Some(bits) = trace.accumulators[number].row_start {
                let from = self.constant(bits);
                self.assembler.load_constant(register, from);
            }
        }
        for (port, register) in ports.iter().enumerate() {
            let stride = port_field(port, offset_of!(Port, stride));
            if let Some(register) = register {
                self.assembler.push(Instruction::with2(Code::Add_r64_rm64, *register, stride));
            } else {
                self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, RAX, stride));
                self.assembler.push(Instruction::with2(Code::Add_rm64_r64, port_start(port), RAX));
            }
        }
        self.assembler.push(Instruction::with2(Code::Mov_rm64_imm32, field(offset_of!(Arguments, at)), 0));
        self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, RAX, field(offset_of!(Arguments, row))));
        self.assembler.push(Instruction::with2(Code::Add_rm64_imm8, RAX, 1));
        self.assembler.push(Instruction::with2(Code::Mov_rm64_r64, field(offset_of!(Arguments, row)), RAX));
        self.assembler.push(Instruction::with2(Code::Cmp_r64_rm64, RAX, field(offset_of!(Arguments, rows))));
        self.assembler.jump_if(When::Below, rows);
        self.leave(0);
        self.assembler.bind(exit);
        for (port, register) in in_registers() {
            self.assembler.push(Instruction::with2(Code::Mov_rm64_r64, port_start(port), register));
        }
        self.assembler.push(Instruction::with2(Code::Mov_rm64_r64, field(offset_of!(Arguments, at)), AT));
        self.leave(1);
    }

    /// Turns of two vectors, as long as there are two.
    fn pairs(&mut self) {
        use Register::{RAX, RDX};
        let trace = self.trace;
        let two = 2 * i64::from(self.assembler.vector_bytes() as i32);
        let [pair, check] = [(); 2].map(|()| self.assembler.label());
        self.assembler.jump(check);
        self.assembler.bind(pair);
        self.line(&trace.pair, Rate::Turn, false);
        self.assembler.push(Instruction::with2(Code::Add_rm64_imm32, AT, two as i32));
        self.assembler.bind(check);
        self.assembler.push(Instruction::with2(Code::Lea_r64_m, RAX, Assembler::memory(AT, two, false)));
        self.assembler.push(Instruction::with2(Code::Cmp_r64_rm64, RDX, RAX));
        self.assembler.jump_if(When::NotBelow, pair);
    }

    /// Gets where the whole vectors of the row end, and jumps if that is reached.
    fn leave_after_whole_vectors(&mut self, rest: Label) {
        use Register::RDX;
        let vector = self.assembler.vector_bytes() as i32;
        self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, RDX, field(offset_of!(Arguments, run))));
        self.assembler.push(Instruction::with2(Code::And_rm64_imm8, RDX, -vector));
        self.assembler.push(Instruction::with2(Code::Cmp_r64_rm64, AT, RDX));
        self.assembler.jump_if(When::NotBelow, rest);
    }

    /// Adds the sums of a few vectors to the totals where the end of the row reads them, after the last row, and else
    /// after so many rows as have enough vectors.
    fn flush_at_end_of_row(&mut self) {
        use Register::RAX;
        let trace = self.trace;
        let [flush, after] = [(); 2].map(|()| self.assembler.label());
        if !trace.is_flushed_by_row {
            let mask = field(offset_of!(Arguments, flush_mask));
            let row = field(offset_of!(Arguments, row));
            self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, RAX, row));
            self.assembler.push(Instruction::with2(Code::Add_rm64_imm8, RAX, 1));
            self.assembler.push(Instruction::with2(
                Code::Cmp_r64_rm64,
                RAX,
                field(offset_of!(Arguments, rows)),
            ));
            self.assembler.jump_if(When::NotBelow, flush);
            self.assembler.push(Instruction::with2(Code::Test_rm64_r64, mask, RAX));
            self.assembler.jump_if(When::NotZero, after);
        }
        self.assembler.bind(flush);
        self.line(&trace.flush, Rate::Flush, false);
        self.assembler.bind(after);
    }

    /// Returns, and keeps the accumulators.
    fn leave(&mut self, result: i32) {
        use Register::{EAX, RBP, RDX, RSP};
        self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, RDX, field(offset_of!(Arguments, state))));
        for (number, register) in self.accumulators() {
            let to = Assembler::memory(RDX, number as i64 * PLACE, false);
            self.assembler.store(to, register, false);
        }
        if !self.trace.streamed.is_empty() {
            // Writes past the caches are not ordered with others.
            self.assembler.push(Ok(Instruction::with(Code::Sfence)));
        }
        self.assembler.push(Ok(Instruction::with(Code::VEX_Vzeroupper)));
        self.assembler.push(Instruction::with2(Code::Mov_r32_imm32, EAX, result));
        self.assembler.push(Instruction::with2(Code::Mov_r64_rm64, RSP, RBP));
        for register in SAVED.iter().rev() {
            self.assembler.push(Instruction::with1(Code::Pop_r64, *register));
        }
        self.assembler.push(Ok(Instruction::with(Code::Retnq)));
    }

    /// What stands for a value: where rows are whole, lanes need not be kept apart.
    pub(super) fn resolved(&self, value: Value) -> Value {
        match self.trace.node(value) {
            Node { op: Op::Live, arguments } if !self.is_partial => arguments[0],
            _ => value,
        }
    }

    /// The values that an item reads.
    pub(super) fn reads(&self, item: &Item) -> smallvec::SmallVec<[Value; 3]> {
        let mut all = smallvec::SmallVec::new();
        match item {
            Item::Compute(value) => {
                let node = self.trace.node(*value);
                if node.op == Op::Live && !self.is_partial {
                    return all;
                }
                all.extend(node.arguments().iter().map(|v| self.resolved(*v)));
            }
            Item::AssumeNone(mask) => all.push(self.negated(*mask).unwrap_or(*mask)),
            other => all.extend(other.read().map(|v| self.resolved(v))),
        }
        all
    }

    pub(super) fn negated(&self, mask: Value) -> Option<Value> {
        match self.trace.node(mask) {
            Node { op: Op::MaskNot, arguments } => Some(arguments[0]),
            _ => None,
        }
    }

    /// Straight code for items, registers empty before and after.
    pub(super) fn line(&mut self, items: &[Item], rate: Rate, is_partial: bool) {
        self.is_partial = is_partial;
        let trace = self.trace;
        if rate != Rate::Row {
            // What an earlier line of the same rate put into the frame is not there.
            for at in 0..trace.nodes.len() {
                if trace.rates[at] >= Rate::Turn {
                    self.frame[at] = None;
                }
            }
        }
        if rate != Rate::Row {
            self.places = self.row_places;
        }
        self.needed_later.fill(false);
        if rate == Rate::Row {
            for item in [&trace.turn, &trace.pair, &trace.flush, &trace.end].into_iter().flatten() {
                for partial in [false, true] {
                    self.is_partial = partial;
                    for value in self.reads(item) {
                        self.needed_later[value.0 as usize] = true;
                    }
                }
            }
            self.is_partial = is_partial;
        }
        // From the end, so that what nothing reads is left out.
        let mut is_needed = vec![false; trace.nodes.len()];
        let mut kept: Vec<bool> = vec![true; items.len()];
        for (at, item) in items.iter().enumerate().rev() {
            if let Item::Compute(value) = item {
                kept[at] = is_needed[value.0 as usize] || self.needed_later[value.0 as usize];
            }
            if kept[at] {
                for value in self.reads(item) {
                    is_needed[value.0 as usize] = true;
                }
            }
        }
        let items: Vec<Item> = items.iter().zip(&kept).filter(|(_, k)| **k).map(|(i, _)| *i).collect();
        self.uses = Uses::new(trace.nodes.len());
        for (position, item) in items.iter().enumerate() {
            for value in self.reads(item) {
                self.uses.note(value, position as u32);
            }
        }
        self.vectors.clear();
        self.masks.clear();
        let mut region: Option<Region> = None;
        let mut keeps = Vec::new();
        for (position, item) in items.iter().enumerate() {
            self.position = position as u32;
            match *item {
                Item::Compute(value) => self.compute(value),
                Item::AssumeNone(mask) => self.assume(mask),
                Item::Enter(mask) => {
                    let register = self.in_mask(mask);
                    let after = self.assembler.label();
                    self.assembler.jump_if_any(register, false, self.is_partial, after);
                    self.passed(item);
                    region = Some(Region {
                        after,
                        vectors: self.vectors.held.clone(),
                        masks: self.masks.held.clone(),
                        frame: self.frame.clone(),
                    });
                }
                Item::Leave => {
                    if let Some(region) = region.take() {
                        self.leave_region(&region);
                        self.assembler.bind(region.after);
                    }
                }
                Item::Store(port, value) | Item::StoreNext(port, value) => {
                    let register = self.in_vector(value);
                    let to = self.port(port, matches!(item, Item::StoreNext(..)));
                    if !self.is_partial && trace.streamed.contains(&port.into()) {
                        self.assembler.stream(to, register);
                    } else {
                        self.assembler.store(to, register, self.is_partial);
                    }
                }
                Item::StoreOne(port, value) => {
                    let register = self.in_vector(value);
                    let to = self.port_element(port);
                    self.assembler.store_one(to, register);
                }
                Item::SetState(number, value) => {
                    let register = self.in_vector(value);
                    let to = self.state(number);
                    self.assembler.store(to, register, false);
                }
                Item::Keep(number, value) => {
                    let register = self.in_vector(value);
                    self.passed(item);
                    let Some(held) = trace.accumulators[usize::from(number)].value else { continue };
                    let Some(to) = self.pinned[held.0 as usize] else { continue };
                    // Nothing leaves a turn half done once accumulators change: assumptions come first.
                    if self.uses.next(held) == u32::MAX {
                        self.assembler.copy(to, register);
                    } else {
                        self.vectors.usable[register as usize] = false;
                        keeps.push((to, register));
                    }
                }
            }
            self.passed(item);
        }
        self.most_places = self.most_places.max(self.places);
        if rate == Rate::Row {
            self.row_places = self.places;
        }
        for (to, register) in keeps {
            self.assembler.copy(to, register);
            if !self.pinned.contains(&Some(register)) {
                self.vectors.usable[register as usize] = true;
            }
        }
    }
}

/// Registers for ports, first for those that turns read or write.
fn port_registers(trace: &Trace, count: usize) -> Vec<Option<Register>> {
    let is_in_turn = |port: usize| {
        trace.turn.iter().any(|item| match *item {
            Item::Compute(value) => trace.node(value).op == Op::Load(port as u16),
            Item::Store(to, _) => usize::from(to) == port,
            _ => false,
        })
    };
    let (first, then): (Vec<usize>, Vec<usize>) = (0..count).partition(|port| is_in_turn(*port));
    let mut registers = vec![None; count];
    for (port, register) in first.into_iter().chain(then).zip(PORT_REGISTERS) {
        registers[port] = Some(register);
    }
    registers
}

fn port_field(port: usize, offset: usize) -> MemoryOperand {
    field(offset_of!(Arguments, ports) + port * size_of::<Port>() + offset)
}

/// Where a port's row begins.
pub(super) fn port_start(port: usize) -> MemoryOperand {
    port_field(port, offset_of!(Port, start))
}
