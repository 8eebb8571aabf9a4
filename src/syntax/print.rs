//! The tree as text, with the fewest parentheses that bring the same tree back.

use super::tree::{Call, Domain, Endpoint, Expression, ExpressionKind, IndexBinder, Loss, Parameter};
use crate::number::Number;

/// How tightly a form holds its parts together; an operand that holds less tightly needs parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tightness {
    Choice,
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Sign,
    Power,
    Primary,
}

/// `expression` in the language.
pub fn print_expression(expression: &Expression) -> String {
    let mut text = String::new();
    write(&mut text, expression, Tightness::Choice);
    text
}

fn tightness(expression: &Expression) -> Tightness {
    match &expression.kind {
        ExpressionKind::If(_) => Tightness::Choice,
        ExpressionKind::Or(_) => Tightness::Or,
        ExpressionKind::And(_) => Tightness::And,
        ExpressionKind::Not(_) => Tightness::Not,
        ExpressionKind::Compare(..) => Tightness::Comparison,
        ExpressionKind::Sum(terms) if terms.len() == 1 => Tightness::Sign,
        ExpressionKind::Sum(_) => Tightness::Sum,
        ExpressionKind::Product(_) => Tightness::Product,
        ExpressionKind::Power(..) => Tightness::Power,
        ExpressionKind::Number(value) if !value.is_integer() && decimal(value).is_none() => {
            Tightness::Product
        }
        _ => Tightness::Primary,
    }
}

/// The number as digits, if it can be written so.
fn decimal(value: &Number) -> Option<String> {
    let places = value.decimal_places(2200)?;
    let (digits, _) = value.checked_mul(&Number::integer(10).checked_pow(places.into())?)?.abs().to_texts();
    let places = places as usize;
    if places > 12 {
        return Some(format!("{digits}e-{places}"));
    }
    if places == 0 {
        let zeros = digits.len() - digits.trim_end_matches('0').len();
        return Some(if zeros > 12 { format!("{}e{zeros}", digits.trim_end_matches('0')) } else { digits });
    }
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    Some(format!("{whole}.{fraction}"))
}

fn write(text: &mut String, expression: &Expression, least: Tightness) {
    let needs_parentheses = tightness(expression) < least;
    if needs_parentheses {
        text.push('(');
    }
    stacker::maybe_grow(64 * 1024, 2 * 1024 * 1024, || write_bare(text, expression));
    if needs_parentheses {
        text.push(')');
    }
}

fn write_bare(text: &mut String, expression: &Expression) {
    match &expression.kind {
        ExpressionKind::Number(value) => text.push_str(&decimal(value).unwrap_or_else(|| value.to_string())),
        ExpressionKind::Name(name) => text.push_str(&name.text),
        ExpressionKind::Access { name, indices } => {
            text.push_str(&name.text);
            text.push('[');
            for (at, index) in indices.iter().enumerate() {
                text.push_str(if at > 0 { "," } else { "" });
                write(text, index, Tightness::Choice);
            }
            text.push(']');
        }
        ExpressionKind::Call(call) => {
            let Call { function, indices, filter, arguments, hyperparameters } = &**call;
            text.push_str(&function.text);
            if !indices.is_empty() {
                text.push('[');
                for (at, binder) in indices.iter().enumerate() {
                    text.push_str(if at > 0 { "," } else { "" });
                    write_binder(text, binder);
                }
                if let Some(filter) = filter {
                    text.push_str(" : ");
                    write(text, filter, Tightness::Choice);
                }
                text.push(']');
            }
            text.push('(');
            for (at, argument) in arguments.iter().enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                write(text, argument, Tightness::Choice);
            }
            for (at, (name, value)) in hyperparameters.iter().enumerate() {
                text.push_str(if at > 0 { ", " } else { "; " });
                text.push_str(&name.text);
                text.push_str(" = ");
                write(text, value, Tightness::Choice);
            }
            text.push(')');
        }
        ExpressionKind::Sum(terms) => {
            let alone = terms.len() == 1;
            for (at, term) in terms.iter().enumerate() {
                match (at, term.negative) {
                    (0, true) => text.push('-'),
                    (0, false) => {}
                    (_, true) => text.push_str(" - "),
                    (_, false) => text.push_str(" + "),
                }
                // A sign before a lone operand holds tighter than a product.
                let least = match &term.operand.kind {
                    _ if alone => Tightness::Sign,
                    // A sign in front would be read as that of the term.
                    ExpressionKind::Sum(_) if at == 0 && !term.negative => Tightness::Power,
                    _ => Tightness::Product,
                };
                write(text, &term.operand, least);
            }
        }
        ExpressionKind::Product(factors) => {
            for (at, factor) in factors.iter().enumerate() {
                match (at, factor.divide) {
                    (0, false) => {}
                    (0, true) => text.push_str("1/"),
                    (_, true) => text.push('/'),
                    (_, false) => text.push('*'),
                }
                let least = match &factor.operand.kind {
                    ExpressionKind::Number(_) if at == 0 => Tightness::Product,
                    // A sign in front would be read as that of the whole product.
                    ExpressionKind::Sum(_) if at == 0 => Tightness::Power,
                    _ => Tightness::Sign,
                };
                write(text, &factor.operand, least);
            }
        }
        ExpressionKind::Power(base, exponent) => {
            write(text, base, Tightness::Primary);
            text.push('^');
            write(text, exponent, Tightness::Sign);
        }
        ExpressionKind::Absolute(inner) => {
            text.push('|');
            write(text, inner, Tightness::Choice);
            text.push('|');
        }
        ExpressionKind::Iverson(inner) => {
            text.push('[');
            write(text, inner, Tightness::Choice);
            text.push(']');
        }
        ExpressionKind::If(parts) => {
            for (word, part) in ["if ", " then ", " else "].iter().zip(parts.iter()) {
                text.push_str(word);
                let least = if *word == " else " { Tightness::Choice } else { Tightness::Or };
                write(text, part, least);
            }
        }
        ExpressionKind::Compare(comparison, sides) => {
            write(text, &sides[0], Tightness::Sum);
            text.push(' ');
            text.push_str(comparison.symbol());
            text.push(' ');
            write(text, &sides[1], Tightness::Sum);
        }
        ExpressionKind::Not(inner) => {
            text.push_str("not ");
            write(text, inner, Tightness::Not);
        }
        ExpressionKind::And(all) => join(text, all, " and ", Tightness::Not),
        ExpressionKind::Or(all) => join(text, all, " or ", Tightness::And),
        ExpressionKind::Missing => text.push('0'),
    }
}

fn join(text: &mut String, all: &[Expression], word: &str, least: Tightness) {
    for (at, part) in all.iter().enumerate() {
        text.push_str(if at > 0 { word } else { "" });
        write(text, part, least);
    }
}

fn write_binder(text: &mut String, binder: &IndexBinder) {
    text.push_str(&binder.name.text);
    if let Some(range) = &binder.range {
        text.push_str(" in ");
        write(text, &range.0, Tightness::Choice);
        text.push_str("..");
        write(text, &range.1, Tightness::Choice);
    }
}

/// `parameter` in the language.
pub fn print_parameter(parameter: &Parameter) -> String {
    let mut text = parameter.name.text.clone();
    if !parameter.axes.is_empty() {
        let axes: Vec<&str> = parameter.axes.iter().map(|a| a.text.as_str()).collect();
        text.push_str(&format!("[{}]", axes.join(",")));
    }
    if let Some((domain, _)) = &parameter.domain {
        text.push_str(" in ");
        text.push_str(&print_domain(domain));
    }
    if let Some(default) = &parameter.default {
        text.push_str(" = ");
        text.push_str(&print_expression(default));
    }
    text
}

fn print_domain(domain: &Domain) -> String {
    let number = |value: &Number| {
        let sign = if value.is_negative() { "-" } else { "" };
        decimal(value).map_or_else(|| value.to_string(), |digits| format!("{sign}{digits}"))
    };
    match domain {
        Domain::Interval(low, high) => {
            let end = |end: &Endpoint, infinite: &str| end.value.as_ref().map_or(infinite.to_owned(), number);
            let (open, close) = (if low.closed { '[' } else { '(' }, if high.closed { ']' } else { ')' });
            format!("{open}{},{}{close}", end(low, "-inf"), end(high, "inf"))
        }
        Domain::Set(values) => format!("{{{}}}", values.iter().map(number).collect::<Vec<_>>().join(",")),
        Domain::Simplex => "simplex".to_owned(),
        Domain::Integer => "integer".to_owned(),
        Domain::Index(axis) => format!("index[{}]", axis.text),
        Domain::Logit => "logit".to_owned(),
        Domain::Prob => "prob".to_owned(),
        Domain::LogProb => "logprob".to_owned(),
    }
}

/// The whole definition on as many lines as it needs, without documentation.
pub fn print_loss(loss: &Loss) -> String {
    let mut head = String::new();
    if let Some(signature) = &loss.signature {
        let name = loss.name.as_ref().map_or("loss_", |n| n.text.as_str());
        let list = |all: &[Parameter]| all.iter().map(print_parameter).collect::<Vec<_>>().join(", ");
        head = format!("loss {name}({}", list(&signature.inputs));
        if !signature.hyperparameters.is_empty() {
            head.push_str(&format!("; {}", list(&signature.hyperparameters)));
        }
        head.push_str(") =");
    } else if let Some(name) = &loss.name {
        head = format!("{} =", name.text);
    }
    super::format::lay_out(&head, &loss.body, &loss.bindings)
}
