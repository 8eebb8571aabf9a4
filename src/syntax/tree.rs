//! The syntax tree: what a user wrote, with the place of every piece.
//!
//! Sums, products and logical chains are lists, so that a long formula is wide and not deep; everything else nests
//! at most [`NESTING_LIMIT`] levels, so that walking a tree recursively is safe.

use crate::comparison::Comparison;
use crate::number::Number;
use crate::source::Span;

/// How deeply brackets, calls, powers, signs and branches may nest.
pub const NESTING_LIMIT: usize = 256;

/// A `.loss` file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// The definitions, in the order written.
    pub items: Vec<Item>,
}

/// A definition of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `loss name(inputs; hyperparameters) = …`
    Loss(Loss),
    /// `fn name[indices](arguments) = …`
    Helper(Helper),
    /// `rule name: before => after if guard` (rule files only)
    Rule(Rule),
}

/// A name with its place. Greek letters are spelled out (`α` is `alpha`), so equal names are equal texts.
#[derive(Clone, Debug)]
pub struct Name {
    /// The name as the language compares it.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// `loss name(inputs; hyperparameters) = body where bindings`, or a bare formula.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// The text of the `##` comments above it: Markdown, a line a line.
    pub documentation: String,
    /// Its name; a bare formula need not have one.
    pub name: Option<Name>,
    /// Inputs and hyperparameters; a bare formula need not say.
    pub signature: Option<Signature>,
    /// The formula.
    pub body: Expression,
    /// The `where` part.
    pub bindings: Vec<Binding>,
    /// From the first word to the end of the last binding (documentation excluded).
    pub span: Span,
}

/// What stands between the parentheses of a loss.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signature {
    /// Before the semicolon: data.
    pub inputs: Vec<Parameter>,
    /// After it: numbers with defaults.
    pub hyperparameters: Vec<Parameter>,
}

/// `p[c] in (0,1)` or `alpha in [0,1] = 0.25`.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: Name,
    /// The axes of a tensor, outermost first; none for a scalar.
    pub axes: Vec<Name>,
    /// What values it takes; the reals where nothing is said.
    pub domain: Option<(Domain, Span)>,
    /// A hyperparameter's default: a constant expression.
    pub default: Option<Expression>,
    /// The whole of it.
    pub span: Span,
}

/// The values that an input may take.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// `(0,1)`, `[0,inf)`
    Interval(Endpoint, Endpoint),
    /// `{0,1}`
    Set(Vec<Number>),
    /// Non-negative over its last axis, and sums to 1 there.
    Simplex,
    /// The whole numbers.
    Integer,
    /// A position on an axis: whole, from 0 to the length of the axis exclusive.
    Index(Name),
    /// The reals, meant as log-odds.
    Logit,
    /// `[0,1]`, meant as a probability.
    Prob,
    /// (-inf,0], meant as the logarithm of a probability.
    LogProb,
}

/// An end of an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// `None` is infinity (minus infinity as a lower end).
    pub value: Option<Number>,
    /// Whether the end belongs to the interval.
    pub closed: bool,
}

/// `fn name[indices](parameters) = body where bindings`.
#[derive(Clone, Debug, PartialEq)]
pub struct Helper {
    /// The text of the `##` comments above it.
    pub documentation: String,
    /// Its name.
    pub name: Name,
    /// The index parameters.
    pub indices: Vec<Name>,
    /// The parameters, which stand for expressions.
    pub parameters: Vec<Name>,
    /// The formula.
    pub body: Expression,
    /// The `where` part.
    pub bindings: Vec<Binding>,
    /// From the first word to the end of the last binding.
    pub span: Span,
}

/// `rule name: before => after if guard`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The text of the `##` comments above it.
    pub documentation: String,
    /// Its name.
    pub name: Name,
    /// The pattern.
    pub before: Expression,
    /// What takes its place.
    pub after: Expression,
    /// What must be provable of the matched parts.
    pub guard: Option<Expression>,
    /// From `rule` to the end.
    pub span: Span,
}

/// `name[indices] = value` in a `where` part.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The name that is defined.
    pub name: Name,
    /// Its index parameters.
    pub indices: Vec<Name>,
    /// What it stands for.
    pub value: Expression,
}

/// An expression with its place.
///
/// Equality ignores places: two trees are equal when they say the same.
#[derive(Clone, Debug)]
pub struct Expression {
    /// What it is.
    pub kind: ExpressionKind,
    /// Where it stands.
    pub span: Span,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Expression {
    /// The expressions that it is directly made of, in the order written.
    pub fn operands(&self) -> Vec<&Expression> {
        match &self.kind {
            ExpressionKind::Number(_) | ExpressionKind::Name(_) | ExpressionKind::Missing => Vec::new(),
            ExpressionKind::Access { indices, .. } => indices.iter().collect(),
            ExpressionKind::Call(call) => {
                let ranges = call.indices.iter().filter_map(|binder| binder.range.as_deref());
                let values = call.hyperparameters.iter().map(|(_, value)| value);
                ranges
                    .flat_map(|range| [&range.0, &range.1])
                    .chain(call.filter.as_deref())
                    .chain(&call.arguments)
                    .chain(values)
                    .collect()
            }
            ExpressionKind::Sum(terms) => terms.iter().map(|t| &t.operand).collect(),
            ExpressionKind::Product(factors) => factors.iter().map(|f| &f.operand).collect(),
            ExpressionKind::Power(a, b) => vec![&**a, &**b],
            ExpressionKind::Absolute(a) | ExpressionKind::Iverson(a) | ExpressionKind::Not(a) => vec![&**a],
            ExpressionKind::If(parts) => parts.iter().collect(),
            ExpressionKind::Compare(_, sides) => sides.iter().collect(),
            ExpressionKind::And(all) | ExpressionKind::Or(all) => all.iter().collect(),
        }
    }
}

/// The forms of expressions and conditions. Parentheses leave no trace.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpressionKind {
    /// `0.25`, exactly 1/4.
    Number(Number),
    /// `p`
    Name(Name),
    /// `x[i+1,j]`, `p[t]`, `size[c]`
    Access {
        /// The tensor or binding.
        name: Name,
        /// One expression an axis.
        indices: Vec<Expression>,
    },
    /// `log(p)`, `sum[i,j : i != j](e)`, `softmax[c](z)`, `focal(p, y; gamma = 0)`
    Call(Box<Call>),
    /// `a - b + c`: at least two terms, or one that is subtracted (`-a`).
    Sum(Vec<Term>),
    /// `a*b/c`: at least two factors.
    Product(Vec<Factor>),
    /// `a^b`, `a**b`, `a²`
    Power(Box<Expression>, Box<Expression>),
    /// `|x|`
    Absolute(Box<Expression>),
    /// `[condition]`, 1 or 0
    Iverson(Box<Expression>),
    /// `if condition then a else b`
    If(Box<[Expression; 3]>),
    /// `a < b`
    Compare(Comparison, Box<[Expression; 2]>),
    /// `not a`
    Not(Box<Expression>),
    /// `a and b and c`: at least two.
    And(Vec<Expression>),
    /// `a or b or c`: at least two.
    Or(Vec<Expression>),
    /// Stands where the text could not be read and a message was given.
    Missing,
}

/// A call of a function, reduction, helper or loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What is called.
    pub function: Name,
    /// What stands in the brackets before a colon.
    pub indices: Vec<IndexBinder>,
    /// What stands in the brackets after a colon.
    pub filter: Option<Box<Expression>>,
    /// What stands in the parentheses before a semicolon.
    pub arguments: Vec<Expression>,
    /// What stands in the parentheses after a semicolon.
    pub hyperparameters: Vec<(Name, Expression)>,
}

/// `c`, or `u in 0..3`, in the brackets of a reduction.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexBinder {
    /// The index.
    pub name: Name,
    /// The half-open range, where it is explicit.
    pub range: Option<Box<(Expression, Expression)>>,
}

/// A term of a sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Whether it is subtracted.
    pub negative: bool,
    /// The term without its sign.
    pub operand: Expression,
}

/// A factor of a product.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// Whether it is divided by.
    pub divide: bool,
    /// The factor.
    pub operand: Expression,
}
