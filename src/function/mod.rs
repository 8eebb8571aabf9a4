//! The elementary functions of the language. Everything that is known of one stands in `table`.

mod table;

pub use table::Function;

/// How a function's value moves with its (only) argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monotone {
    /// It never falls where its argument rises.
    Increasing,
    /// It never rises where its argument rises.
    Decreasing,
    /// Neither, or more than one argument.
    No,
}

/// One row of the table.
#[derive(Debug)]
pub struct Entry {
    /// The name that is printed, then the other spellings that are read.
    pub names: &'static [&'static str],
    /// The names of the arguments as the other columns use them; `max` and `min` take two or more.
    pub arguments: &'static [&'static str],
    /// The derivative with respect to each argument, in the language.
    pub derivatives: &'static [&'static str],
    /// Where it is defined.
    pub domain: &'static str,
    /// Where its values lie.
    pub range: crate::interval::Interval,
    /// How its value moves with its argument.
    pub monotone: Monotone,
    /// Where the derivative is a convention, and which.
    pub kink: &'static str,
    /// How LaTeX sets its name.
    pub latex: &'static str,
    /// What it is.
    pub documentation: &'static str,
}

/// How many arguments a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Exactly so many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
}
