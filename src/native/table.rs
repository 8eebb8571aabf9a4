//! Which instruction an operation is, by instruction set and precision.

use super::assembler::Assembler;
use super::trace::Op;
use iced_x86::Code;

/// Of AVX-512 in single and double precision, and of AVX2.
macro_rules! table {
    ($assembler:expr, $key:expr, $($pattern:pat => $a:ident $b:ident $c:ident $d:ident;)*) => {
        match $key {
            $($pattern => match ($assembler.is_wide, $assembler.is_single) {
                (true, true) => Code::$a,
                (true, false) => Code::$b,
                (false, true) => Code::$c,
                (false, false) => Code::$d,
            },)*
            _ => Code::INVALID,
        }
    };
}

/// Which operands a fused instruction multiplies and adds: of those it names first, second and third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// first*third + second
    F132,
    /// second*first + third
    F213,
    /// second*third + first
    F231,
}

/// The instruction for an operation on vectors.
pub fn code(assembler: &Assembler, op: Op) -> Code {
    table! { assembler, op,
        Op::Add => EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vaddpd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vaddps_ymm_ymm_ymmm256
            VEX_Vaddpd_ymm_ymm_ymmm256;
        Op::Subtract => EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vsubpd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vsubps_ymm_ymm_ymmm256
            VEX_Vsubpd_ymm_ymm_ymmm256;
        Op::Multiply => EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vmulpd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vmulps_ymm_ymm_ymmm256
            VEX_Vmulpd_ymm_ymm_ymmm256;
        Op::Divide => EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vdivpd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vdivps_ymm_ymm_ymmm256
            VEX_Vdivpd_ymm_ymm_ymmm256;
        Op::Max => EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae
            EVEX_Vmaxpd_zmm_k1z_zmm_zmmm512b64_sae
            VEX_Vmaxps_ymm_ymm_ymmm256
            VEX_Vmaxpd_ymm_ymm_ymmm256;
        Op::Min => EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae
            EVEX_Vminpd_zmm_k1z_zmm_zmmm512b64_sae
            VEX_Vminps_ymm_ymm_ymmm256
            VEX_Vminpd_ymm_ymm_ymmm256;
        Op::And | Op::MaskAnd => EVEX_Vandps_zmm_k1z_zmm_zmmm512b32
            EVEX_Vandpd_zmm_k1z_zmm_zmmm512b64
            VEX_Vandps_ymm_ymm_ymmm256
            VEX_Vandpd_ymm_ymm_ymmm256;
        Op::Or | Op::MaskOr => EVEX_Vorps_zmm_k1z_zmm_zmmm512b32
            EVEX_Vorpd_zmm_k1z_zmm_zmmm512b64
            VEX_Vorps_ymm_ymm_ymmm256
            VEX_Vorpd_ymm_ymm_ymmm256;
        Op::Xor => EVEX_Vxorps_zmm_k1z_zmm_zmmm512b32
            EVEX_Vxorpd_zmm_k1z_zmm_zmmm512b64
            VEX_Vxorps_ymm_ymm_ymmm256
            VEX_Vxorpd_ymm_ymm_ymmm256;
        Op::AddBits => EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32
            EVEX_Vpaddq_zmm_k1z_zmm_zmmm512b64
            VEX_Vpaddd_ymm_ymm_ymmm256
            VEX_Vpaddq_ymm_ymm_ymmm256;
        Op::SubtractBits => EVEX_Vpsubd_zmm_k1z_zmm_zmmm512b32
            EVEX_Vpsubq_zmm_k1z_zmm_zmmm512b64
            VEX_Vpsubd_ymm_ymm_ymmm256
            VEX_Vpsubq_ymm_ymm_ymmm256;
        Op::ShiftLeft(_) => EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8
            EVEX_Vpsllq_zmm_k1z_zmmm512b64_imm8
            VEX_Vpslld_ymm_ymm_imm8
            VEX_Vpsllq_ymm_ymm_imm8;
        Op::ShiftRight(_) => EVEX_Vpsrld_zmm_k1z_zmmm512b32_imm8
            EVEX_Vpsrlq_zmm_k1z_zmmm512b64_imm8
            VEX_Vpsrld_ymm_ymm_imm8
            VEX_Vpsrlq_ymm_ymm_imm8;
        Op::Round => EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae
            EVEX_Vrndscalepd_zmm_k1z_zmmm512b64_imm8_sae
            VEX_Vroundps_ymm_ymmm256_imm8
            VEX_Vroundpd_ymm_ymmm256_imm8;
        Op::Root => EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er
            EVEX_Vsqrtpd_zmm_k1z_zmmm512b64_er
            VEX_Vsqrtps_ymm_ymmm256
            VEX_Vsqrtpd_ymm_ymmm256;
        // Asked for with AVX-512 alone.
        Op::Reciprocal => EVEX_Vrcp14ps_zmm_k1z_zmmm512b32
            EVEX_Vrcp14pd_zmm_k1z_zmmm512b64
            INVALID
            INVALID;
        Op::Scale => EVEX_Vscalefps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vscalefpd_zmm_k1z_zmm_zmmm512b64_er
            INVALID
            INVALID;
    }
}

/// The instruction for a product and a sum at once.
pub fn fused(assembler: &Assembler, op: Op, order: Order) -> Code {
    table! { assembler, (op, order),
        (Op::MultiplyAdd, Order::F132) => EVEX_Vfmadd132ps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vfmadd132pd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vfmadd132ps_ymm_ymm_ymmm256
            VEX_Vfmadd132pd_ymm_ymm_ymmm256;
        (Op::MultiplyAdd, Order::F213) => EVEX_Vfmadd213ps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vfmadd213pd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vfmadd213ps_ymm_ymm_ymmm256
            VEX_Vfmadd213pd_ymm_ymm_ymmm256;
        (Op::MultiplyAdd, Order::F231) => EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vfmadd231pd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vfmadd231ps_ymm_ymm_ymmm256
            VEX_Vfmadd231pd_ymm_ymm_ymmm256;
        (Op::MultiplySubtract, Order::F132) => EVEX_Vfmsub132ps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vfmsub132pd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vfmsub132ps_ymm_ymm_ymmm256
            VEX_Vfmsub132pd_ymm_ymm_ymmm256;
        (Op::MultiplySubtract, Order::F213) => EVEX_Vfmsub213ps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vfmsub213pd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vfmsub213ps_ymm_ymm_ymmm256
            VEX_Vfmsub213pd_ymm_ymm_ymmm256;
        (Op::MultiplySubtract, Order::F231) => EVEX_Vfmsub231ps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vfmsub231pd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vfmsub231ps_ymm_ymm_ymmm256
            VEX_Vfmsub231pd_ymm_ymm_ymmm256;
        (Op::NegativeMultiplyAdd, Order::F132) => EVEX_Vfnmadd132ps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vfnmadd132pd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vfnmadd132ps_ymm_ymm_ymmm256
            VEX_Vfnmadd132pd_ymm_ymm_ymmm256;
        (Op::NegativeMultiplyAdd, Order::F213) => EVEX_Vfnmadd213ps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vfnmadd213pd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vfnmadd213ps_ymm_ymm_ymmm256
            VEX_Vfnmadd213pd_ymm_ymm_ymmm256;
        (Op::NegativeMultiplyAdd, Order::F231) => EVEX_Vfnmadd231ps_zmm_k1z_zmm_zmmm512b32_er
            EVEX_Vfnmadd231pd_zmm_k1z_zmm_zmmm512b64_er
            VEX_Vfnmadd231ps_ymm_ymm_ymmm256
            VEX_Vfnmadd231pd_ymm_ymm_ymmm256;
    }
}
