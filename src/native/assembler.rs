//! Machine instructions for x86-64: one name for what AVX-512 and AVX2 encode apart, in both precisions.

use iced_x86::{Code, Encoder, Instruction, MemoryOperand, Register};

/// A place in the code that is jumped to.
#[derive(Clone, Copy)]
pub struct Label(usize);

/// When a jump is taken: the second byte of its encoding.
#[derive(Clone, Copy)]
pub enum When {
    Below = 0x82,
    NotBelow = 0x83,
    Zero = 0x84,
    NotZero = 0x85,
}

/// The last operand of an instruction.
#[derive(Clone, Copy)]
pub enum Operand {
    Vector(u8),
    Memory(MemoryOperand),
}

/// Which instructions there are, and how they are written down.
pub struct Assembler {
    encoder: Encoder,
    /// AVX-512 and not AVX2.
    pub is_wide: bool,
    pub is_single: bool,
    length: usize,
    labels: Vec<usize>,
    /// Where the distance to a label is still missing.
    jumps: Vec<(usize, usize)>,
    is_broken: bool,
}

/// Where the arguments of generated code are: a pointer.
pub const ARGUMENTS: Register = Register::RDI;
/// Where constants are.
pub const POOL: Register = Register::RSI;
/// How many bytes into a row the turn is.
pub const AT: Register = Register::RCX;

/// The mask of the lanes that stand for elements, where a row ends within a vector.
const LIVE: Register = Register::K7;
/// As above, for AVX2.
pub const LIVE_VECTOR: u8 = 15;
/// A mask that instructions here use themselves.
const SCRATCH: Register = Register::K6;

macro_rules! codes {
    ($self:ident, $z_s:ident, $z_d:ident, $y_s:ident, $y_d:ident) => {
        match ($self.is_wide, $self.is_single) {
            (true, true) => Code::$z_s,
            (true, false) => Code::$z_d,
            (false, true) => Code::$y_s,
            (false, false) => Code::$y_d,
        }
    };
}

impl Assembler {
    pub fn new(is_wide: bool, is_single: bool) -> Self {
        Assembler {
            encoder: Encoder::new(64),
            is_wide,
            is_single,
            length: 0,
            labels: Vec::new(),
            jumps: Vec::new(),
            is_broken: false,
        }
    }

    /// Bytes of a vector.
    pub fn vector_bytes(&self) -> usize {
        if self.is_wide { 64 } else { 32 }
    }

    /// Bytes of a lane.
    pub fn lane_bytes(&self) -> usize {
        if self.is_single { 4 } else { 8 }
    }

    /// The code, if all of it could be encoded.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        let mut code = self.encoder.take_buffer();
        for (at, label) in self.jumps {
            let distance = self.labels[label] as i64 - (at as i64 + 4);
            code[at..at + 4].copy_from_slice(&i32::try_from(distance).ok()?.to_le_bytes());
        }
        (!self.is_broken).then_some(code)
    }

    pub fn label(&mut self) -> Label {
        self.labels.push(usize::MAX);
        Label(self.labels.len() - 1)
    }

    /// The label is here.
    pub fn bind(&mut self, label: Label) {
        self.labels[label.0] = self.length;
    }

    pub fn jump(&mut self, label: Label) {
        self.bytes(&[0xE9]);
        self.distance(label);
    }

    pub fn jump_if(&mut self, when: When, label: Label) {
        self.bytes(&[0x0F, when as u8]);
        self.distance(label);
    }

    fn distance(&mut self, label: Label) {
        self.jumps.push((self.length, label.0));
        self.bytes(&[0; 4]);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.encoder.write_u8(*byte));
        self.length += bytes.len();
    }

    /// Where the last four bytes are, to be overwritten at the end.
    pub fn last_number(&self) -> usize {
        self.length - 4
    }

    pub fn push(&mut self, instruction: Result<Instruction, iced_x86::IcedError>) {
        match instruction.and_then(|i| self.encoder.encode(&i, 0)) {
            Ok(length) => self.length += length,
            Err(_) => self.is_broken = true,
        }
    }

    pub fn vector(&self, number: u8) -> Register {
        (if self.is_wide { Register::ZMM0 } else { Register::YMM0 }) + u32::from(number)
    }

    /// `base` plus an offset, and whether one lane stands for all.
    pub fn memory(base: Register, offset: i64, is_one: bool) -> MemoryOperand {
        MemoryOperand::with_base_displ_size_bcst_seg(
            base,
            offset,
            if offset == 0 { 0 } else { 8 },
            is_one,
            Register::None,
        )
    }

    /// to = a op b
    pub fn binary(&mut self, code: Code, to: u8, a: u8, b: Operand) {
        let (to, a) = (self.vector(to), self.vector(a));
        let instruction = match b {
            Operand::Vector(b) => Instruction::with3(code, to, a, self.vector(b)),
            Operand::Memory(b) => Instruction::with3(code, to, a, b),
        };
        self.push(instruction);
    }

    /// to = op a
    pub fn unary(&mut self, code: Code, to: u8, a: Operand) {
        let to = self.vector(to);
        let instruction = match a {
            Operand::Vector(a) => Instruction::with2(code, to, self.vector(a)),
            Operand::Memory(a) => Instruction::with2(code, to, a),
        };
        self.push(instruction);
    }

    /// to = op a with a number
    pub fn immediate(&mut self, code: Code, to: u8, a: Operand, number: u32) {
        let to = self.vector(to);
        let instruction = match a {
            Operand::Vector(a) => Instruction::with3(code, to, self.vector(a), number),
            Operand::Memory(a) => Instruction::with3(code, to, a, number),
        };
        self.push(instruction);
    }

    /// to = a compared with b; the predicates are those of the instruction.
    pub fn compare(&mut self, predicate: u32, to: u8, a: u8, b: Operand) {
        let code = codes!(
            self,
            EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae,
            EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae,
            VEX_Vcmpps_ymm_ymm_ymmm256_imm8,
            VEX_Vcmppd_ymm_ymm_ymmm256_imm8
        );
        let to = if self.is_wide { Register::K0 + u32::from(to) } else { self.vector(to) };
        let a = self.vector(a);
        let instruction = match b {
            Operand::Vector(b) => Instruction::with4(code, to, a, self.vector(b), predicate),
            Operand::Memory(b) => Instruction::with4(code, to, a, b, predicate),
        };
        self.push(instruction);
    }

    /// to = b where the mask holds, else c
    pub fn select(&mut self, to: u8, mask: u8, b: Operand, c: u8) {
        if self.is_wide {
            let code = codes!(
                self,
                EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vblendmpd_zmm_k1z_zmm_zmmm512b64,
                EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32,
                EVEX_Vblendmpd_zmm_k1z_zmm_zmmm512b64
            );
            let (to, c) = (self.vector(to), self.vector(c));
            let mut instruction = match b {
                Operand::Vector(b) => Instruction::with3(code, to, c, self.vector(b)),
                Operand::Memory(b) => Instruction::with3(code, to, c, b),
            };
            if let Ok(i) = &mut instruction {
                i.set_op_mask(Register::K0 + u32::from(mask));
            }
            self.push(instruction);
            return;
        }
        let code = if self.is_single {
            Code::VEX_Vblendvps_ymm_ymm_ymmm256_ymm
        } else {
            Code::VEX_Vblendvpd_ymm_ymm_ymmm256_ymm
        };
        let (to, c, mask) = (self.vector(to), self.vector(c), self.vector(mask));
        let instruction = match b {
            Operand::Vector(b) => Instruction::with4(code, to, c, self.vector(b), mask),
            Operand::Memory(b) => Instruction::with4(code, to, c, b, mask),
        };
        self.push(instruction);
    }

    /// to = b where the mask holds, else 0
    pub fn select_or_zero(&mut self, to: u8, mask: u8, b: Operand) {
        if !self.is_wide {
            self.binary(
                if self.is_single {
                    Code::VEX_Vandps_ymm_ymm_ymmm256
                } else {
                    Code::VEX_Vandpd_ymm_ymm_ymmm256
                },
                to,
                mask,
                b,
            );
            return;
        }
        let to = self.vector(to);
        let mut instruction = match b {
            Operand::Vector(b) => Instruction::with2(Code::EVEX_Vmovaps_zmm_k1z_zmmm512, to, self.vector(b)),
            Operand::Memory(mut b) if b.is_broadcast => {
                b.is_broadcast = false;
                Instruction::with2(self.broadcast_code(), to, b)
            }
            Operand::Memory(b) => Instruction::with2(Code::EVEX_Vmovups_zmm_k1z_zmmm512, to, b),
        };
        if !self.is_single
            && let Ok(i) = &mut instruction
        {
            match i.code() {
                Code::EVEX_Vmovaps_zmm_k1z_zmmm512 => i.set_code(Code::EVEX_Vmovapd_zmm_k1z_zmmm512),
                Code::EVEX_Vmovups_zmm_k1z_zmmm512 => i.set_code(Code::EVEX_Vmovupd_zmm_k1z_zmmm512),
                _ => {}
            }
        }
        if let Ok(i) = &mut instruction {
            i.set_op_mask(Register::K0 + u32::from(mask));
            i.set_zeroing_masking(true);
        }
        self.push(instruction);
    }

    fn broadcast_code(&self) -> Code {
        codes!(
            self,
            EVEX_Vbroadcastss_zmm_k1z_xmmm32,
            EVEX_Vbroadcastsd_zmm_k1z_xmmm64,
            VEX_Vbroadcastss_ymm_m32,
            VEX_Vbroadcastsd_ymm_m64
        )
    }

    /// to = one element, in all lanes
    pub fn broadcast(&mut self, to: u8, mut from: MemoryOperand) {
        from.is_broadcast = false;
        let instruction = Instruction::with2(self.broadcast_code(), self.vector(to), from);
        self.push(instruction);
    }

    /// to = a constant, of which memory has one lane or all
    pub fn load_constant(&mut self, to: u8, from: MemoryOperand) {
        if from.is_broadcast { self.broadcast(to, from) } else { self.load(to, from, false) }
    }

    /// to = a vector in memory; of what is beyond the end of a row, 0.
    pub fn load(&mut self, to: u8, from: MemoryOperand, is_partial: bool) {
        let to = self.vector(to);
        let instruction = match (self.is_wide, is_partial) {
            (true, false) => Instruction::with2(Code::EVEX_Vmovups_zmm_k1z_zmmm512, to, from),
            (true, true) => {
                let code = if self.is_single {
                    Code::EVEX_Vmovups_zmm_k1z_zmmm512
                } else {
                    Code::EVEX_Vmovupd_zmm_k1z_zmmm512
                };
                Instruction::with2(code, to, from).map(|mut i| {
                    i.set_op_mask(LIVE);
                    i.set_zeroing_masking(true);
                    i
                })
            }
            (false, false) => Instruction::with2(Code::VEX_Vmovups_ymm_ymmm256, to, from),
            (false, true) => {
                let code = if self.is_single {
                    Code::VEX_Vmaskmovps_ymm_ymm_m256
                } else {
                    Code::VEX_Vmaskmovpd_ymm_ymm_m256
                };
                Instruction::with3(code, to, self.vector(LIVE_VECTOR), from)
            }
        };
        self.push(instruction);
    }

    /// A vector to memory; nothing of what is beyond the end of a row.
    pub fn store(&mut self, to: MemoryOperand, from: u8, is_partial: bool) {
        let from = self.vector(from);
        let instruction = match (self.is_wide, is_partial) {
            (true, false) => Instruction::with2(Code::EVEX_Vmovups_zmmm512_k1z_zmm, to, from),
            (true, true) => {
                let code = if self.is_single {
                    Code::EVEX_Vmovups_zmmm512_k1z_zmm
                } else {
                    Code::EVEX_Vmovupd_zmmm512_k1z_zmm
                };
                Instruction::with2(code, to, from).map(|mut i| {
                    i.set_op_mask(LIVE);
                    i
                })
            }
            (false, false) => Instruction::with2(Code::VEX_Vmovups_ymmm256_ymm, to, from),
            (false, true) => {
                let code = if self.is_single {
                    Code::VEX_Vmaskmovps_m256_ymm_ymm
                } else {
                    Code::VEX_Vmaskmovpd_m256_ymm_ymm
                };
                Instruction::with3(code, to, self.vector(LIVE_VECTOR), from)
            }
        };
        self.push(instruction);
    }

    /// A vector to memory that it is aligned in, past the caches.
    pub fn stream(&mut self, to: MemoryOperand, from: u8) {
        let code = if self.is_wide { Code::EVEX_Vmovntps_m512_zmm } else { Code::VEX_Vmovntps_m256_ymm };
        let instruction = Instruction::with2(code, to, self.vector(from));
        self.push(instruction);
    }

    /// The first lane to memory.
    pub fn store_one(&mut self, to: MemoryOperand, from: u8) {
        let code = codes!(
            self,
            EVEX_Vmovss_m32_k1_xmm,
            EVEX_Vmovsd_m64_k1_xmm,
            VEX_Vmovss_m32_xmm,
            VEX_Vmovsd_m64_xmm
        );
        let instruction = Instruction::with2(code, to, Register::XMM0 + u32::from(from));
        self.push(instruction);
    }

    pub fn copy(&mut self, to: u8, from: u8) {
        let code =
            if self.is_wide { Code::EVEX_Vmovaps_zmm_k1z_zmmm512 } else { Code::VEX_Vmovaps_ymm_ymmm256 };
        self.unary(code, to, Operand::Vector(from));
    }

    /// to = the value where lanes stand for elements, else `rest`, or 0
    pub fn keep_live(&mut self, to: u8, from: u8, rest: Option<u8>) {
        let live = if self.is_wide { 7 } else { LIVE_VECTOR };
        match rest {
            Some(rest) => self.select(to, live, Operand::Vector(from), rest),
            None => self.select_or_zero(to, live, Operand::Vector(from)),
        }
    }

    /// Mask registers of AVX-512: to = a op b
    pub fn mask(&mut self, code: Code, to: u8, a: u8, b: u8) {
        let k = |number: u8| Register::K0 + u32::from(number);
        let instruction = Instruction::with3(code, k(to), k(a), k(b));
        self.push(instruction);
    }

    pub fn mask_not(&mut self, to: u8, a: u8) {
        let instruction = Instruction::with2(
            Code::VEX_Knotw_kr_kr,
            Register::K0 + u32::from(to),
            Register::K0 + u32::from(a),
        );
        self.push(instruction);
    }

    pub fn load_mask(&mut self, to: u8, from: MemoryOperand) {
        let instruction = Instruction::with2(Code::VEX_Kmovw_kr_km16, Register::K0 + u32::from(to), from);
        self.push(instruction);
    }

    pub fn store_mask(&mut self, to: MemoryOperand, from: u8) {
        let instruction = Instruction::with2(Code::VEX_Kmovw_m16_kr, to, Register::K0 + u32::from(from));
        self.push(instruction);
    }

    /// Jumps if any lane of the mask holds, or else if it holds in none.
    pub fn jump_if_any(&mut self, mask: u8, is_any: bool, is_partial: bool, label: Label) {
        if self.is_wide {
            let mut tested = Register::K0 + u32::from(mask);
            if is_partial {
                let instruction = Instruction::with3(Code::VEX_Kandw_kr_kr_kr, SCRATCH, tested, LIVE);
                self.push(instruction);
                tested = SCRATCH;
            }
            let instruction = Instruction::with2(Code::VEX_Kortestw_kr_kr, tested, tested);
            self.push(instruction);
        } else {
            self.test(mask, Operand::Vector(if is_partial { LIVE_VECTOR } else { mask }));
        }
        self.jump_if(if is_any { When::NotZero } else { When::Zero }, label);
    }

    /// Jumps unless all lanes of the mask hold. `ones` are all bits.
    pub fn jump_unless_all(&mut self, mask: u8, ones: Operand, is_partial: bool, label: Label) {
        if !self.is_wide {
            self.test(mask, if is_partial { Operand::Vector(LIVE_VECTOR) } else { ones });
            return self.jump_if(When::NotBelow, label);
        }
        let mask = Register::K0 + u32::from(mask);
        if is_partial {
            let instruction = Instruction::with3(Code::VEX_Kandnw_kr_kr_kr, SCRATCH, mask, LIVE);
            self.push(instruction);
            let instruction = Instruction::with2(Code::VEX_Kortestw_kr_kr, SCRATCH, SCRATCH);
            self.push(instruction);
            return self.jump_if(When::NotZero, label);
        }
        let code = if self.is_single { Code::VEX_Kortestw_kr_kr } else { Code::VEX_Kortestb_kr_kr };
        let instruction = Instruction::with2(code, mask, mask);
        self.push(instruction);
        self.jump_if(When::NotBelow, label);
    }

    fn test(&mut self, mask: u8, with: Operand) {
        let code = if self.is_single { Code::VEX_Vtestps_ymm_ymmm256 } else { Code::VEX_Vtestpd_ymm_ymmm256 };
        self.unary(code, mask, with);
    }

    /// The lanes of `from`, moved down by `count`; AVX2 moves within halves unless by a half.
    pub fn rotate(&mut self, to: u8, from: u8, count: u8) {
        let (to_register, from_register) = (self.vector(to), self.vector(from));
        let lanes = self.vector_bytes() / self.lane_bytes();
        let instruction = if self.is_wide {
            let code = if self.is_single {
                Code::EVEX_Valignd_zmm_k1z_zmm_zmmm512b32_imm8
            } else {
                Code::EVEX_Valignq_zmm_k1z_zmm_zmmm512b64_imm8
            };
            Instruction::with4(code, to_register, from_register, from_register, u32::from(count))
        } else if usize::from(count) * 2 == lanes {
            Instruction::with4(
                Code::VEX_Vperm2f128_ymm_ymm_ymmm256_imm8,
                to_register,
                from_register,
                from_register,
                1_u32,
            )
        } else if self.is_single {
            let order = if count == 2 { 0x4E } else { 0x39 };
            Instruction::with3(Code::VEX_Vpermilps_ymm_ymmm256_imm8, to_register, from_register, order as u32)
        } else {
            Instruction::with3(Code::VEX_Vpermilpd_ymm_ymmm256_imm8, to_register, from_register, 5_u32)
        };
        self.push(instruction);
    }

    /// Gets the mask of the lanes that a row has beyond its whole vectors, whose length the memory tells.
    pub fn prepare_live(&mut self, length: MemoryOperand, pool_end: i64) {
        use Register::{EAX, EDX, RAX, RDX};
        self.push(Instruction::with2(Code::Mov_r64_rm64, RAX, length));
        self.push(Instruction::with2(Code::And_rm64_imm8, RAX, self.vector_bytes() as i32 - 1));
        if self.is_wide {
            let shift = if self.is_single { 2 } else { 3 };
            self.push(Instruction::with2(Code::Shr_rm64_imm8, RAX, shift));
            self.push(Instruction::with2(Code::Mov_r32_imm32, EDX, -1));
            self.push(Instruction::with3(Code::VEX_Bzhi_r32_rm32_r32, EDX, EDX, EAX));
            self.push(Instruction::with2(Code::VEX_Kmovw_kr_r32, LIVE, EDX));
        } else {
            // A vector of ones stands before one of zeros: read so far from where they meet.
            self.push(Instruction::with2(Code::Mov_r64_rm64, RDX, POOL));
            self.push(Instruction::with2(Code::Sub_r64_rm64, RDX, RAX));
            self.load(LIVE_VECTOR, Self::memory(RDX, pool_end, false), false);
        }
    }
}
