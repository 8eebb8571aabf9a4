//! From the graph to text in the language, Unicode, LaTeX and DOT.
//!
//! What is printed is decided once, in [`document`]: which parts get a name, in which order terms stand, what is
//! a quotient. The formats only say how each [`form::Form`] is set.

mod convert;
mod document;
mod dot;
mod form;
mod group;
mod json;
mod latex;
mod order;
mod product;
mod reduction;
mod share;
mod special;
mod sum;
mod text;
mod unicode;
mod unit;

#[cfg(test)]
mod tests;

pub use document::{Definition, Document, document, documents};
pub use dot::dot;
pub use form::{Binder, Form};
pub use json::json;
pub use latex::{latex, latex_name};
pub use text::{expression as form_text, number_text, text};
pub use unicode::unicode;
