//! Which instruction set runs, chosen at run time.

use super::instructions::InstructionSet;
use super::lanes::Lanes;
use super::registers::{Doubles, Singles};
use crate::real::Real;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// An instruction set that code is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// One lane at a time, on any processor.
    Portable,
    /// 128-bit registers of ARM.
    Neon,
    /// 256-bit registers with fused multiplication.
    Avx2,
    /// 512-bit registers.
    Avx512,
}

/// A float that there are vectors of.
pub trait Precision: Real {
    /// The lanes of this type on an instruction set.
    type Lanes<S: InstructionSet>: Lanes<Scalar = Self>;
    /// The lanes of the instruction set whose token is given.
    fn lanes<S: InstructionSet>(set: S) -> Self::Lanes<S>;
}

impl Precision for f32 {
    type Lanes<S: InstructionSet> = Singles<S>;
    #[inline(always)]
    fn lanes<S: InstructionSet>(set: S) -> Singles<S> {
        Singles(set)
    }
}

impl Precision for f64 {
    type Lanes<S: InstructionSet> = Doubles<S>;
    #[inline(always)]
    fn lanes<S: InstructionSet>(set: S) -> Doubles<S> {
        Doubles(set)
    }
}

/// Work to be compiled once for every instruction set.
pub trait Vectorized<T: Precision> {
    /// What it results in.
    type Output;
    /// Does it. Must be `#[inline(always)]`, as must what it calls with the lanes, to be compiled for the set.
    fn run<L: Lanes<Scalar = T>>(self, lanes: L) -> Self::Output;
}

impl Level {
    /// Every level, from the simplest.
    pub const ALL: [Level; 4] = [Level::Portable, Level::Neon, Level::Avx2, Level::Avx512];

    /// The best that this machine has.
    pub fn detect() -> Level {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| Level::available().last().unwrap_or(Level::Portable))
    }

    /// Those that this machine has, from the simplest.
    pub fn available() -> impl Iterator<Item = Level> {
        Level::ALL.into_iter().filter(|level| level.is_available())
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        match self {
            Level::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => pulp::x86::V3::try_new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => pulp::x86::V4::try_new().is_some(),
            #[cfg(target_arch = "aarch64")]
            Level::Neon => pulp::aarch64::Neon::try_new().is_some(),
            _ => false,
        }
    }

    /// Does the work with the instructions of this level; with those of [`Level::Portable`] if the machine lacks them.
    pub fn dispatch<T: Precision, W: Vectorized<T>>(self, work: W) -> W::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => match pulp::x86::V4::try_new() {
                Some(set) => set.vectorize(OnSet { work, set, scalar: PhantomData }),
                None => Level::Portable.dispatch(work),
            },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => match pulp::x86::V3::try_new() {
                Some(set) => set.vectorize(OnSet { work, set, scalar: PhantomData }),
                None => Level::Portable.dispatch(work),
            },
            #[cfg(target_arch = "aarch64")]
            Level::Neon => match pulp::aarch64::Neon::try_new() {
                Some(set) => set.vectorize(OnSet { work, set, scalar: PhantomData }),
                None => Level::Portable.dispatch(work),
            },
            _ => work.run(T::lanes(pulp::Scalar)),
        }
    }
}

/// Work with the token of the set that it is compiled for.
struct OnSet<W, S, T> {
    work: W,
    set: S,
    scalar: PhantomData<T>,
}

impl<T: Precision, W: Vectorized<T>, S: InstructionSet> pulp::NullaryFnOnce for OnSet<W, S, T> {
    type Output = W::Output;
    #[inline(always)]
    fn call(self) -> W::Output {
        self.work.run(T::lanes(self.set))
    }
}
