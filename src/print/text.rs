//! Forms in the language.

use super::document::Document;
use super::form::{Binder, Form, Tightness};
use crate::number::Number;

/// The document in the language: the expression, and a `where` line for each name.
pub fn text(document: &Document) -> String {
    let mut text = expression(&document.body);
    for (at, definition) in document.definitions.iter().enumerate() {
        let word = if at == 0 { "where" } else { "     " };
        text.push_str(&format!("\n  {word} {} = {}", definition.head(), expression(&definition.value)));
    }
    text
}

/// A form in the language, on one line.
pub fn expression(form: &Form) -> String {
    let mut out = String::new();
    write(&mut out, form, Tightness::Choice);
    out
}

/// Whether the number is written with few decimal places.
pub(super) fn is_decimal(value: &Number) -> bool {
    value.decimal_places(6).is_some() || decimal_exponent(value).is_some()
}

/// Digits and a negative power of ten, for numbers such as 1e-7.
fn decimal_exponent(value: &Number) -> Option<(String, u32)> {
    let places = value.decimal_places(400)?;
    let scale = Number::integer(10).checked_pow(places.into())?;
    let (digits, _) = value.checked_mul(&scale)?.to_texts();
    (digits.len() <= 4).then_some((digits, places))
}

/// A number that is not negative: as digits where that is short, else as a fraction.
pub fn number_text(value: &Number) -> String {
    if value.is_integer() {
        let digits = value.to_string();
        let zeros = digits.len() - digits.trim_end_matches('0').len();
        return if zeros > 9 { format!("{}e{zeros}", digits.trim_end_matches('0')) } else { digits };
    }
    if let Some(places) = value.decimal_places(6) {
        let scale = Number::integer(10).checked_pow(places.into());
        if let Some(scaled) = scale.and_then(|s| value.checked_mul(&s)) {
            let digits = format!("{:0>width$}", scaled.to_texts().0, width = places as usize + 1);
            let (whole, fraction) = digits.split_at(digits.len() - places as usize);
            return format!("{whole}.{fraction}");
        }
    }
    match decimal_exponent(value) {
        Some((digits, places)) => format!("{digits}e-{places}"),
        None => value.to_string(),
    }
}

fn write(out: &mut String, form: &Form, least: Tightness) {
    let parentheses = form.tightness() < least;
    if parentheses {
        out.push('(');
    }
    write_bare(out, form);
    if parentheses {
        out.push(')');
    }
}

fn list(out: &mut String, forms: &[Form], separator: &str) {
    for (at, form) in forms.iter().enumerate() {
        out.push_str(if at > 0 { separator } else { "" });
        write(out, form, Tightness::Choice);
    }
}

fn write_bare(out: &mut String, form: &Form) {
    match form {
        Form::Number(value) => out.push_str(&number_text(value)),
        Form::Name(name) => out.push_str(name),
        Form::Access(name, indices) => {
            out.push_str(name);
            out.push('[');
            for (at, index) in indices.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                out.push_str(&expression(index).replace(" + ", "+").replace(" - ", "-"));
            }
            out.push(']');
        }
        Form::Sum(terms) => {
            for (at, (negative, term)) in terms.iter().enumerate() {
                match (at, negative) {
                    (0, true) => out.push('-'),
                    (0, false) => {}
                    (_, true) => out.push_str(" - "),
                    (_, false) => out.push_str(" + "),
                }
                write(out, term, Tightness::Product);
            }
        }
        Form::Product(factors) => {
            for (at, factor) in factors.iter().enumerate() {
                out.push_str(if at > 0 { "*" } else { "" });
                // A product or quotient as a factor is not the same to the language as its parts.
                write(out, factor, Tightness::Sign);
            }
        }
        Form::Quotient(a, b) => {
            write(out, a, Tightness::Product);
            out.push('/');
            write(out, b, Tightness::Sign);
        }
        Form::Power(base, exponent) => {
            write(out, base, Tightness::Atom);
            out.push('^');
            write(out, exponent, Tightness::Power);
        }
        Form::Negate(a) => {
            out.push('-');
            // The sign of a whole product: `-a*b` reads the same as `-(a*b)`.
            write(out, a, Tightness::Product);
        }
        Form::Function(function, arguments) if *function == crate::function::Function::Abs => {
            // Bars are not nested.
            let inner = expression(&arguments[0]);
            if inner.contains('|') {
                out.push_str(&format!("abs({inner})"));
            } else {
                out.push_str(&format!("|{inner}|"));
            }
        }
        Form::Function(function, arguments) => {
            out.push_str(function.name());
            out.push('(');
            list(out, arguments, ", ");
            out.push(')');
        }
        Form::Call(name, arguments) => {
            out.push_str(name);
            out.push('(');
            list(out, arguments, ", ");
            out.push(')');
        }
        Form::Reduction { name, binders, filter, body } => {
            out.push_str(name);
            out.push('[');
            for (at, binder) in binders.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write_binder(out, binder);
            }
            if let Some(filter) = filter {
                out.push_str(" : ");
                write(out, filter, Tightness::Choice);
            }
            out.push_str("](");
            write(out, body, Tightness::Choice);
            out.push(')');
        }
        Form::Iverson(condition) => {
            out.push('[');
            write(out, condition, Tightness::Choice);
            out.push(']');
        }
        Form::If(parts) => {
            out.push_str("if ");
            write(out, &parts[0], Tightness::Or);
            out.push_str(" then ");
            write(out, &parts[1], Tightness::Or);
            out.push_str(" else ");
            write(out, &parts[2], Tightness::Choice);
        }
        Form::Compare(comparison, sides) => {
            write(out, &sides[0], Tightness::Sum);
            out.push_str(&format!(" {} ", comparison.symbol()));
            write(out, &sides[1], Tightness::Sum);
        }
        Form::Not(a) => {
            out.push_str("not ");
            write(out, a, Tightness::Atom);
        }
        Form::And(all) => join(out, all, " and ", Tightness::Not),
        Form::Or(all) => join(out, all, " or ", Tightness::And),
    }
}

fn join(out: &mut String, all: &[Form], word: &str, least: Tightness) {
    for (at, form) in all.iter().enumerate() {
        out.push_str(if at > 0 { word } else { "" });
        write(out, form, least);
    }
}

fn write_binder(out: &mut String, binder: &Binder) {
    out.push_str(&binder.name);
    if let Some((low, high)) = &binder.range {
        out.push_str(&format!(" in {}..{}", expression(low), expression(high)));
    }
}
