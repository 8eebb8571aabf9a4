//! lossform
pub mod cli;
pub mod comparison;
mod derivation;
mod difference;
pub mod diagnostic;
pub mod differentiate;
pub mod evaluate;
mod evaluation;
pub mod function;
pub mod graph;
pub mod interval;
mod library;
mod loss;
pub mod lower;
pub mod number;
pub mod print;
pub mod real;
pub mod simplify;
pub mod source;
pub mod suggestion;
pub mod syntax;

pub use derivation::Derivation;
pub use diagnostic::Error;
pub use evaluation::{Evaluation, Evaluator, Reduction, Request};
pub use library::{FAMILIES, Library};
pub use loss::Loss;
