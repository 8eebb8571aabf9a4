//! Expressions as they are printed: with the familiar operators, and names for shared parts.

use crate::comparison::Comparison;
use crate::function::Function;
use crate::number::Number;

/// A printed expression. Its depth is bounded, so that it can be walked recursively.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// Not negative.
    Number(Number),
    /// An input, hyperparameter, index, `pi`, or a name that a definition gives.
    Name(String),
    /// `x[i+1,j]`, `size[c]`
    Access(String, Vec<Form>),
    /// Terms with whether each is subtracted; at least two.
    Sum(Vec<(bool, Form)>),
    /// At least two factors.
    Product(Vec<Form>),
    /// `a/b`
    Quotient(Box<Form>, Box<Form>),
    /// `a^b`
    Power(Box<Form>, Box<Form>),
    /// `-a`
    Negate(Box<Form>),
    /// A function of the table.
    Function(Function, Vec<Form>),
    /// `sqrt`, `clamp`, `log_sigmoid`, `detach`
    Call(&'static str, Vec<Form>),
    /// `sum[i,j : filter](body)`, `softmax[c](z)`
    Reduction {
        /// Its name in the language.
        name: &'static str,
        /// The indices.
        binders: Vec<Binder>,
        /// The condition after the colon.
        filter: Option<Box<Form>>,
        /// What it is taken of.
        body: Box<Form>,
    },
    /// `[condition]`
    Iverson(Box<Form>),
    /// `if a then b else c`
    If(Box<[Form; 3]>),
    /// `a < b`
    Compare(Comparison, Box<[Form; 2]>),
    /// `not a`
    Not(Box<Form>),
    /// At least two.
    And(Vec<Form>),
    /// At least two.
    Or(Vec<Form>),
}

/// An index in the brackets of a reduction.
#[derive(Clone, Debug, PartialEq)]
pub struct Binder {
    /// Its name.
    pub name: String,
    /// The range, where the accesses in the body do not tell it.
    pub range: Option<(Form, Form)>,
}

/// How tightly a form holds together; one that is looser than its place allows stands in parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tightness {
    Choice,
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Sign,
    Power,
    Atom,
}

impl Form {
    /// How many operations a reader counts: every `+ - * / ^`, unary minus, comparison, function call, reduction
    /// and `if` is one; names, numbers and index brackets are none.
    pub fn operations(&self) -> usize {
        let inner = |forms: &[Form]| forms.iter().map(Form::operations).sum::<usize>();
        match self {
            // A fraction is read as a number.
            Form::Number(_) | Form::Name(_) | Form::Access(..) => 0,
            Form::Sum(terms) => {
                terms.len() - 1
                    + usize::from(terms[0].0)
                    + terms.iter().map(|(_, t)| t.operations()).sum::<usize>()
            }
            Form::Product(factors) => factors.len() - 1 + inner(factors),
            Form::Quotient(a, b) | Form::Power(a, b) => 1 + a.operations() + b.operations(),
            Form::Negate(a) => 1 + a.operations(),
            Form::Function(_, arguments) | Form::Call(_, arguments) => 1 + inner(arguments),
            Form::Reduction { filter, body, .. } => {
                1 + body.operations() + filter.as_ref().map_or(0, |f| f.operations())
            }
            Form::Iverson(a) | Form::Not(a) => a.operations(),
            Form::If(parts) => 1 + inner(&parts[..]),
            Form::Compare(_, sides) => 1 + inner(&sides[..]),
            Form::And(all) | Form::Or(all) => inner(all),
        }
    }

    /// Calls `visit` with every name in the form, indices of accesses included.
    pub(super) fn visit_names(&self, visit: &mut impl FnMut(&str)) {
        match self {
            Form::Number(_) => {}
            Form::Name(name) => visit(name),
            Form::Access(name, inner) => {
                visit(name);
                inner.iter().for_each(|f| f.visit_names(visit));
            }
            Form::Sum(terms) => terms.iter().for_each(|(_, t)| t.visit_names(visit)),
            Form::Product(all)
            | Form::Function(_, all)
            | Form::Call(_, all)
            | Form::And(all)
            | Form::Or(all) => {
                all.iter().for_each(|f| f.visit_names(visit));
            }
            Form::Quotient(a, b) | Form::Power(a, b) => {
                a.visit_names(visit);
                b.visit_names(visit);
            }
            Form::Negate(a) | Form::Iverson(a) | Form::Not(a) => a.visit_names(visit),
            Form::Reduction { binders, filter, body, .. } => {
                for (low, high) in binders.iter().filter_map(|b| b.range.as_ref()) {
                    low.visit_names(visit);
                    high.visit_names(visit);
                }
                filter.iter().for_each(|f| f.visit_names(visit));
                body.visit_names(visit);
            }
            Form::If(parts) => parts.iter().for_each(|p| p.visit_names(visit)),
            Form::Compare(_, sides) => sides.iter().for_each(|s| s.visit_names(visit)),
        }
    }

    /// How many forms there are from the root to the deepest leaf.
    pub(super) fn depth(&self) -> usize {
        let deepest = |forms: &[Form]| forms.iter().map(Form::depth).max().unwrap_or(0);
        1 + match self {
            Form::Number(_) | Form::Name(_) => 0,
            Form::Sum(terms) => terms.iter().map(|(_, t)| t.depth()).max().unwrap_or(0),
            Form::Access(_, all)
            | Form::Product(all)
            | Form::Function(_, all)
            | Form::Call(_, all)
            | Form::And(all)
            | Form::Or(all) => deepest(all),
            Form::Quotient(a, b) | Form::Power(a, b) => a.depth().max(b.depth()),
            Form::Negate(a) | Form::Iverson(a) | Form::Not(a) => a.depth(),
            Form::Reduction { filter, body, .. } => {
                body.depth().max(filter.as_ref().map_or(0, |f| f.depth()))
            }
            Form::If(parts) => deepest(&parts[..]),
            Form::Compare(_, sides) => deepest(&sides[..]),
        }
    }

    /// The product with one more factor, behind the others and above the fraction bar.
    pub(super) fn multiplied(self, factor: Form) -> Form {
        match self {
            Form::Product(mut factors) => {
                factors.push(factor);
                Form::Product(factors)
            }
            Form::Quotient(above, below) if *above == Form::Number(Number::ONE) => {
                Form::Quotient(Box::new(factor), below)
            }
            Form::Quotient(above, below) => Form::Quotient(Box::new(above.multiplied(factor)), below),
            Form::Negate(inner) => inner.multiplied(factor).negated(),
            other => Form::Product(vec![other, factor]),
        }
    }

    /// The negative, with the sign where it is read most easily: turning a difference round costs nothing.
    pub(super) fn negated(self) -> Form {
        match self.turned(false) {
            Ok(form) => form,
            Err(form) => Form::Negate(Box::new(form)),
        }
    }

    /// A term with a minus as one with its sign: `if c then a - b else 0` is turned round within.
    pub(super) fn subtracted(self) -> (bool, Form) {
        match self {
            Form::If(parts) if parts[2] == Form::Number(Number::ZERO) => {
                let [condition, then, otherwise] = *parts;
                let (negative, then) = match then.turned(false) {
                    Ok(then) => (false, then),
                    Err(then) => (true, then),
                };
                (negative, Form::If(Box::new([condition, then, otherwise])))
            }
            form => (true, form),
        }
    }

    /// The negative without a sign in front, if there is a difference or a sign to turn. Of a factor, the difference
    /// may also stand within a term.
    fn turned(self, is_factor: bool) -> Result<Form, Form> {
        match self {
            Form::Negate(inner) => Ok(*inner),
            Form::Sum(terms) if terms.iter().any(|(negative, _)| *negative) => {
                let mut turned: Vec<(bool, Form)> = terms.into_iter().map(|(n, t)| (!n, t)).collect();
                if let Some(first) = turned.iter().position(|(negative, _)| !negative) {
                    let term = turned.remove(first);
                    turned.insert(0, term);
                    // A number that is subtracted comes last.
                    let number = turned.iter().position(|(n, t)| *n && matches!(t, Form::Number(_)));
                    if let Some(at) = number {
                        let number = turned.remove(at);
                        turned.push(number);
                    }
                }
                Ok(Form::Sum(turned))
            }
            // `a/b*(c - d) + e` has a difference within a term to turn: what is left is subtracted from it.
            Form::Sum(mut terms) if is_factor => {
                for at in 0..terms.len() {
                    let term = std::mem::replace(&mut terms[at].1, Form::Name(String::new()));
                    match term.turned(false) {
                        Ok(turned) => {
                            terms.remove(at);
                            terms.iter_mut().for_each(|(negative, _)| *negative = true);
                            terms.insert(0, (false, turned));
                            return Ok(Form::Sum(terms));
                        }
                        Err(term) => terms[at].1 = term,
                    }
                }
                Err(Form::Sum(terms))
            }
            Form::Product(mut factors) => {
                // The last sum: what stands first is often a weight such as `1 - p` that reads best as it is.
                for at in (0..factors.len()).rev() {
                    let factor = std::mem::replace(&mut factors[at], Form::Name(String::new()));
                    match factor.turned(true) {
                        Ok(turned) => {
                            factors[at] = turned;
                            return Ok(Form::Product(factors));
                        }
                        Err(same) => factors[at] = same,
                    }
                }
                Err(Form::Product(factors))
            }
            Form::Quotient(above, below) => match above.turned(true) {
                Ok(turned) => Ok(Form::Quotient(Box::new(turned), below)),
                // A choice below is not read as the same with its sign turned.
                Err(above) if matches!(*below, Form::If(_)) => Err(Form::Quotient(Box::new(above), below)),
                Err(above) => match below.turned(false) {
                    Ok(turned) => Ok(Form::Quotient(Box::new(above), Box::new(turned))),
                    Err(below) => Err(Form::Quotient(Box::new(above), Box::new(below))),
                },
            },
            // Of a sum of products the sign is found in front when it is read. `1 - p` is left alone: it is a weight.
            Form::Reduction { name: name @ ("sum" | "mean"), binders, filter, body } => {
                let is_turnable =
                    matches!(&*body, Form::Product(factors) if factors.iter().any(is_plain_difference));
                match if is_turnable { body.turned(false) } else { Err(*body) } {
                    Ok(body) => Ok(Form::Reduction { name, binders, filter, body: Box::new(body) }),
                    Err(body) => Err(Form::Reduction { name, binders, filter, body: Box::new(body) }),
                }
            }
            Form::If(parts) => {
                let [condition, then, otherwise] = *parts;
                if otherwise == Form::Number(Number::ZERO) {
                    return Ok(Form::If(Box::new([condition, then.negated(), otherwise])));
                }
                match (then.turned(false), otherwise) {
                    (Ok(then), Form::Negate(inner)) => Ok(Form::If(Box::new([condition, then, *inner]))),
                    (Ok(then), otherwise) => Err(Form::If(Box::new([condition, then.negated(), otherwise]))),
                    (Err(then), otherwise) => Err(Form::If(Box::new([condition, then, otherwise]))),
                }
            }
            form => Err(form),
        }
    }

    pub(super) fn tightness(&self) -> Tightness {
        match self {
            Form::If(_) => Tightness::Choice,
            Form::Or(_) => Tightness::Or,
            Form::And(_) => Tightness::And,
            Form::Not(_) => Tightness::Not,
            Form::Compare(..) => Tightness::Comparison,
            Form::Sum(_) => Tightness::Sum,
            Form::Product(_) | Form::Quotient(..) => Tightness::Product,
            Form::Negate(_) => Tightness::Sign,
            Form::Power(..) => Tightness::Power,
            Form::Number(value) if !value.is_integer() && !super::text::is_decimal(value) => {
                Tightness::Product
            }
            _ => Tightness::Atom,
        }
    }
}

/// A difference without a number in it.
fn is_plain_difference(form: &Form) -> bool {
    matches!(form, Form::Sum(terms) if terms.iter().any(|(negative, _)| *negative)
        && !terms.iter().any(|(_, term)| matches!(term, Form::Number(_))))
}
