//! Text to tree and tree to text. Nothing here knows what names mean.

mod format;
mod parse;
mod print;
pub mod tree;

pub use format::format_file;
pub use print::{print_expression, print_loss, print_parameter};

use crate::diagnostic::Diagnostic;
use crate::source::SourceId;
use parse::Parser;

/// Parses a `.loss` file. What could be read is returned together with every mistake that was found.
pub fn parse_file(text: &str, source: SourceId) -> (tree::File, Vec<Diagnostic>) {
    let parser = Parser::new(text, source);
    let file = parser.read_file();
    (file, parser.into_errors())
}

/// Parses what the command line takes: a formula, `name = formula`, `name(p, y) = formula`, or `loss …`.
///
/// # Errors
/// Every mistake that was found.
pub fn parse_formula(text: &str, source: SourceId) -> Result<tree::Loss, Vec<Diagnostic>> {
    let parser = Parser::new(text, source);
    let loss = parser.whole(|input| parser.formula(input));
    parser.finish(loss)
}

/// Parses an expression.
///
/// # Errors
/// Every mistake that was found.
pub fn parse_expression(text: &str, source: SourceId) -> Result<tree::Expression, Vec<Diagnostic>> {
    let parser = Parser::new(text, source);
    let expression = parser.whole(|input| parser.expression(input));
    parser.finish(expression)
}

/// Parses a declaration such as `p in (0,1)` or `y[c] in simplex`.
///
/// # Errors
/// Every mistake that was found.
pub fn parse_parameter(text: &str, source: SourceId) -> Result<tree::Parameter, Vec<Diagnostic>> {
    let parser = Parser::new(text, source);
    let parameter = parser.whole(|input| parser.parameter(input));
    parser.finish(parameter)
}
