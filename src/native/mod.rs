//! Kernels as machine code, made when a program is.
//!
//! ```text
//! trace       what a kernel does to a vector, as values without control flow
//! recorder    lanes that write a trace: the interpreter and the elementary functions, run on them, are recorded
//! record      a kernel, recorded: what it reads, its tape, its sinks
//! pair        a turn of two vectors, which alternate
//! allocate    which register holds which value
//! assembler   the instructions of AVX-512 and AVX2 under one name
//! table       which instruction an operation is
//! emit        the loops around a trace, and its lines one after the other
//! pin         registers that keep a value from turn to turn
//! stream      results that are written past the caches
//! registers   values in registers, in the frame, and on their way between them
//! instructions   the instructions for each value
//! code        memory from which code can be run
//! ```
//!
//! A first version of the code assumes that nothing is at the edge of a function's domain, subnormal or the like, and
//! stops at the first vector for which that does not hold. A second one, made when it is needed, assumes nothing and
//! goes on from there. Both give the bits that the interpreter gives, save that long sums may be rounded otherwise.

mod allocate;
mod assembler;
mod code;
mod emit;
mod instructions;
mod pair;
mod pin;
mod record;
mod recorder;
mod registers;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod trace;

pub(crate) use emit::{ACCUMULATORS, Arguments, PORTS, Port};
pub(crate) use record::{Layout, Source, Use, gather_of};

use crate::compile::program::{Kernel, Memory, Program, Sink};
use crate::vector::{Level, Precision};
use code::Code;
use emit::Emitted;
use std::sync::OnceLock;

/// The code of a kernel.
#[derive(Debug)]
pub(crate) struct Native {
    pub layout: Layout,
    level: Level,
    usual: Code,
    /// What assumes nothing.
    general: OnceLock<Option<Code>>,
}

/// Code for the kernels of a program, as far as there is any.
#[derive(Debug, Default)]
pub(crate) struct Natives {
    pub shared: Vec<Option<Native>>,
    pub each: Vec<Option<Native>>,
    pub after: Vec<Option<Native>>,
    /// By result of the program, whether all of its elements are looked at while they are written.
    pub checked: Vec<bool>,
}

impl Natives {
    /// Makes code for the kernels that can be, on levels that there is code for.
    pub fn new<T: Precision>(program: &Program, level: Level) -> Natives {
        let made = program.kernels().map(|kernel| {
            let is_streamed = |sink: &Sink| stream::is_streamed(program, kernel, sink, size_of::<T>());
            emitted::<T>(kernel, &program.constants, level, Some(&is_streamed))
        });
        let mut made: Vec<Option<(Emitted, Layout)>> = made.collect();
        let codes = made.iter_mut().flatten().map(|(emitted, _)| std::mem::take(emitted)).collect();
        let mut codes = Code::place(codes).into_iter();
        let mut natives: Vec<Option<Native>> = made
            .into_iter()
            .map(|made| {
                let (_, layout) = made?;
                Some(Native { layout, level, usual: codes.next()?, general: OnceLock::new() })
            })
            .collect();
        let checked = checked(program, natives.iter().flatten());
        let after = natives.split_off(program.shared.len() + program.each.len());
        let each = natives.split_off(program.shared.len());
        Natives { shared: natives, each, after, checked }
    }

    /// All code that there is.
    pub fn all(&self) -> impl Iterator<Item = &Native> {
        self.shared.iter().chain(&self.each).chain(&self.after).flatten()
    }
}

/// By result, whether code looks at what every sink writes to it.
fn checked<'a>(program: &Program, natives: impl Iterator<Item = &'a Native>) -> Vec<bool> {
    let mut parts = vec![0_usize; program.results.len()];
    for sink in program.kernels().flat_map(|kernel| &kernel.sinks) {
        if let Memory::Result(result, _) = sink.memory {
            parts[result] += 1;
        }
    }
    let mut looked_at = vec![0; parts.len()];
    for result in natives.flat_map(|native| &native.layout.checked) {
        looked_at[*result] += 1;
    }
    parts.into_iter().zip(looked_at).map(|(parts, looked_at)| parts > 0 && parts == looked_at).collect()
}

/// The code of a kernel, if it can have any: what assumes what is usual, told which sinks are streamed, or else what is
/// right for all values and places.
fn emitted<T: Precision>(
    kernel: &Kernel,
    constants: &[f64],
    level: Level,
    usual: Option<&dyn Fn(&Sink) -> bool>,
) -> Option<(Emitted, Layout)> {
    if !level.is_available() || kernel.sinks.is_empty() {
        return None;
    }
    let (is_wide, lanes) = width::<T>(level)?;
    let (trace, layout) = record::record::<T>(kernel, constants, usual, (is_wide, lanes))?;
    Some((emit::emit(&trace, layout.ports.len(), is_wide)?, layout))
}

/// Whether code is for AVX-512, and how many lanes its vectors have.
fn width<T>(level: Level) -> Option<(bool, usize)> {
    match level {
        Level::Avx512 => Some((true, 64 / size_of::<T>())),
        Level::Avx2 => Some((false, 32 / size_of::<T>())),
        _ => None,
    }
}

impl Native {
    /// Runs the code over rows. Whether it did them; else the arguments say what is left.
    ///
    /// # Safety
    /// The arguments must be those of the layout.
    pub unsafe fn run<T: Precision>(
        &self,
        kernel: &Kernel,
        constants: &[f64],
        arguments: &mut Arguments,
    ) -> bool {
        // SAFETY: the caller vouches for the arguments, and the level was available when the code was made.
        if self.layout.is_aligned(arguments) && unsafe { self.usual.run(arguments) } {
            return true;
        }
        let general = self.general.get_or_init(|| {
            let (emitted, _) = emitted::<T>(kernel, constants, self.level, None)?;
            Code::place(vec![emitted]).pop()
        });
        match general {
            // SAFETY: as above; ports and accumulators come in the same order whatever is assumed.
            Some(code) => unsafe { code.run(arguments) },
            None => false,
        }
    }
}
