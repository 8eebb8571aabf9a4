//! From the graph to text in the language, Unicode, LaTeX and DOT.
//!
//! What is printed is decided once, in [`document`]: which parts get a name, in which order terms stand, what is
//! a quotient. The formats only say how each [`form::Form`] is set.

mod convert;
mod document;
mod dot;
mod form;
mod latex;
mod product;
mod share;
mod special;
mod sum;
mod text;
mod unicode;

pub use document::{Definition, Document, document};
pub use dot::dot;
pub use form::{Binder, Form};
pub use latex::{latex, latex_name};
pub use text::{expression as form_text, number_text, text};
pub use unicode::unicode;
