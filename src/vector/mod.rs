//! Vectors of floats, and the elementary functions of them.
//!
//! ```text
//! level          which instruction set runs, chosen at run time
//! instructions   what the sets have that the crate for vector types does not name
//! lanes          one register of floats: the operations that everything above is written in
//! registers      lanes that are the registers of an instruction set
//! functions      elementary functions, one source for every instruction set and precision
//! accuracy       how exact each is, as a table that the tests hold them to
//! ```
//!
//! A loop is a [`Vectorized`], generic over [`Lanes`]; [`Level::dispatch`] compiles it once for every instruction set
//! and runs the one that the machine has.
//!
//! Every operation works on each lane alone, so a result depends neither on its position nor on how the tail of a
//! slice is filled.

pub mod accuracy;
pub mod functions;
pub mod instructions;
pub mod lanes;
pub mod level;
pub mod registers;

pub use accuracy::Elementary;
pub use lanes::Lanes;
pub use level::{Level, Precision, Vectorized};
pub use registers::{Doubles, Singles};
