//! A symbolic loss-expression engine: write a machine-learning loss as the formula of a paper, get its gradient and
//! Hessian as short formulas, and evaluate them on data.
//!
//! ```
#![doc = include_str!("../examples/custom_loss.rs")]
//! ```
//!
//! # Architecture
//!
//! Data flow one way, from text to text or numbers:
//!
//! ```text
//! source, diagnostic      texts, places in them, messages
//! syntax                  text -> tree and back; never sees the graph
//! graph                   hash-consed nodes: equal expressions are one node
//! lower                   tree -> graph: names, axes, indices, domains, definitions
//! differentiate           graph -> graph: one reverse sweep for all inputs
//! simplify                graph -> shorter graph: rules as data, algebra of sums and products
//! stabilize               graph -> a form that is accurate in floating point
//! print                   graph -> text, Unicode, LaTeX, DOT
//! evaluate                graph -> numbers: the reference evaluator, generic over floats
//! vector                  registers of floats and elementary functions of them, for every instruction set
//! compile                 graph and shapes of data -> a program of fused loops
//! native                  kernels of a program -> machine code: the interpreter, traced, for AVX-512 and AVX2
//! execute                 programs -> numbers: machine code, or blocks in the cache; vectors, threads
//! fast                    compiled evaluation where the type has it, with the reference evaluator to fall back on
//! library                 the built-in losses, in the language
//! points, counterexample  points of the declared domains; the search for one at which two expressions differ
//! proof                   that two expressions are equal: by simplification, a normal form, cases
//! equivalence             two losses: the same, a multiple, or a point at which they differ
//! diagnosis               a derivative that a user worked out: right, or which mistake it is
//! kinds, lint             logits and probabilities told apart; hazards of a loss, each with a witness
//! cli                     the command line; alone reads files and prints
//! ```
//!
//! [`Loss`], [`Derivation`], [`Evaluator`] and [`Library`] tie these together; most users need nothing else.
//!
//! What holds throughout, and what tests rely on:
//!
//! - **Equal is identical.** The graph's constructors bring their arguments into canonical form, so two expressions
//!   that differ in the order of terms or in the names of bound indices only are one node (see [`graph`]).
//! - **Numbers are exact.** Constants are rationals until they are evaluated; one that outgrows the limit is an
//!   error, never a rounding.
//! - **Rewriting refines.** Where an expression is defined, what simplification makes of it is defined and equal.
//!   A guard of a rule is proved from declared domains or the rule does not fire.
//! - **A branch that is not taken contributes nothing.** A product with a factor `if c then a else 0` is
//!   `if c then … else 0` as a whole, so that not even NaN leaks into gradients.
//! - **One table** says everything about an elementary function: [`function`]. No loss has Rust of its own.
//! - **Equal means proved.** That two losses are the same is said only with a proof by rewriting that no evaluated
//!   point contradicts; a difference only with a point at which both are defined and differ by far more than rounding.
//! - **No pass recurses over nodes**, so a deep expression cannot exhaust the stack; trees nest at most
//!   [`syntax::tree::NESTING_LIMIT`] levels.
//! - **Nothing depends on hash order**, on time, or on the number of threads.

#![warn(missing_docs)]

pub mod cli;
pub mod comparison;
mod compile;
mod counterexample;
mod derivation;
mod derive;
mod diagnosis;
pub mod diagnostic;
mod difference;
pub mod differentiate;
mod equivalence;
pub mod evaluate;
mod evaluation;
mod execute;
mod fast;
pub mod function;
pub mod graph;
pub mod interval;
pub mod kinds;
mod library;
mod lint;
mod loss;
pub mod lower;
mod native;
pub mod number;
mod points;
pub mod print;
mod proof;
pub mod real;
pub mod simplify;
pub mod source;
pub mod stabilize;
mod stable;
mod steps;
pub mod suggestion;
pub mod syntax;
pub mod vector;

pub use derivation::Derivation;
pub use diagnosis::{DerivativeCheck, DerivativeRequest};
pub use diagnostic::Error;
pub use difference::{Disagreement, GradientCheck};
pub use equivalence::{Difference, Equivalence, Pair, Step, Verdict, equivalence};
pub use evaluation::{Evaluation, Evaluator, Explanation, Reduction, Request};
pub use fast::Compiled;
pub use library::{FAMILIES, Library};
pub use lint::{Finding, Lint};
pub use loss::Loss;
pub use stable::{StableForm, StablePart};
pub use steps::{DerivationStep, DerivationSteps};
