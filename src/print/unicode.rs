//! Forms in Unicode, for reading in a terminal.

use super::document::Document;
use super::form::{Form, Tightness};
use super::text::number_text;
use crate::comparison::Comparison;
use crate::function::Function;
use crate::number::Number;

/// The document with Greek letters, superscripts and subscripts.
pub fn unicode(document: &Document) -> String {
    let mut text = expression(&document.body);
    for (at, definition) in document.definitions.iter().enumerate() {
        let word = if at == 0 { "where" } else { "     " };
        let head = match definition.indices.as_slice() {
            [] => name(&definition.name),
            indices => subscripted(
                &name(&definition.name),
                &indices.iter().map(|i| name(i)).collect::<Vec<_>>().join(","),
            ),
        };
        text.push_str(&format!("\n  {word} {head} = {}", expression(&definition.value)));
    }
    text
}

fn expression(form: &Form) -> String {
    at_least(form, Tightness::Choice)
}

fn at_least(form: &Form, least: Tightness) -> String {
    let text = bare(form);
    if form.tightness() < least { format!("({text})") } else { text }
}

/// Greek where the name is that of a Greek letter; `p_t` for `pt`-like names is left to LaTeX.
fn name(text: &str) -> String {
    let letter = match text {
        "alpha" => "α",
        "beta" => "β",
        "gamma" => "γ",
        "delta" => "δ",
        "epsilon" => "ε",
        "zeta" => "ζ",
        "eta" => "η",
        "theta" => "θ",
        "kappa" => "κ",
        "lambda" => "λ",
        "mu" => "μ",
        "nu" => "ν",
        "xi" => "ξ",
        "pi" => "π",
        "rho" => "ρ",
        "sigma" => "σ",
        "tau" => "τ",
        "phi" => "φ",
        "chi" => "χ",
        "psi" => "ψ",
        "omega" => "ω",
        "Delta" => "Δ",
        "Sigma" => "Σ",
        "Omega" => "Ω",
        other => other,
    };
    letter.to_owned()
}

/// A short subscript as subscript letters where Unicode has them, else in brackets.
fn subscripted(base: &str, indices: &str) -> String {
    let small: Option<String> = indices
        .chars()
        .map(|c| match c {
            '0'..='9' => char::from_u32('₀' as u32 + c as u32 - '0' as u32),
            'i' => Some('ᵢ'),
            'j' => Some('ⱼ'),
            'k' => Some('ₖ'),
            'n' => Some('ₙ'),
            'm' => Some('ₘ'),
            't' => Some('ₜ'),
            's' => Some('ₛ'),
            'a' => Some('ₐ'),
            'h' => Some('ₕ'),
            'p' => Some('ₚ'),
            'u' => Some('ᵤ'),
            'v' => Some('ᵥ'),
            'x' => Some('ₓ'),
            'e' => Some('ₑ'),
            'o' => Some('ₒ'),
            'l' => Some('ₗ'),
            'r' => Some('ᵣ'),
            '+' => Some('₊'),
            '-' => Some('₋'),
            ',' => Some('‚'),
            _ => None,
        })
        .collect();
    match small {
        Some(small) if !indices.contains(',') => format!("{base}{small}"),
        _ => format!("{base}[{indices}]"),
    }
}

fn superscript(value: &Number) -> Option<String> {
    let value = value.to_i64()?;
    let digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
    value
        .to_string()
        .chars()
        .map(|c| if c == '-' { Some('⁻') } else { digits.chars().nth(c.to_digit(10)? as usize) })
        .collect()
}

fn join(forms: &[Form], separator: &str, least: Tightness) -> String {
    forms.iter().map(|f| at_least(f, least)).collect::<Vec<_>>().join(separator)
}

fn bare(form: &Form) -> String {
    match form {
        Form::Number(value) => match number_text(value).as_str() {
            "1/2" => "½".to_owned(),
            text => text.to_owned(),
        },
        Form::Name(text) => name(text),
        Form::Access(tensor, indices) => {
            let indices: Vec<String> =
                indices.iter().map(|i| expression(i).replace(" + ", "+").replace(" − ", "-")).collect();
            subscripted(&name(tensor), &indices.join(","))
        }
        Form::Sum(terms) => {
            let mut text = String::new();
            for (at, (negative, term)) in terms.iter().enumerate() {
                text.push_str(match (at, negative) {
                    (0, true) => "−",
                    (0, false) => "",
                    (_, true) => " − ",
                    (_, false) => " + ",
                });
                text.push_str(&at_least(term, Tightness::Product));
            }
            text
        }
        Form::Product(factors) => join(factors, "·", Tightness::Sign),
        Form::Quotient(a, b) => {
            format!("{}/{}", at_least(a, Tightness::Product), at_least(b, Tightness::Sign))
        }
        Form::Power(base, exponent) => {
            let base = at_least(base, Tightness::Atom);
            let small = match &**exponent {
                Form::Number(value) => superscript(value),
                Form::Name(text) => match name(text).as_str() {
                    "β" => Some("ᵝ".to_owned()),
                    "γ" => Some("ᵞ".to_owned()),
                    "n" => Some("ⁿ".to_owned()),
                    "k" => Some("ᵏ".to_owned()),
                    _ => None,
                },
                _ => None,
            };
            match small {
                Some(small) => format!("{base}{small}"),
                None => format!("{base}^{}", at_least(exponent, Tightness::Power)),
            }
        }
        Form::Negate(a) => format!("−{}", at_least(a, Tightness::Product)),
        Form::Function(Function::Abs, arguments) => {
            let inner = expression(&arguments[0]);
            if inner.contains('|') { format!("abs({inner})") } else { format!("|{inner}|") }
        }
        Form::Function(function, arguments) => {
            let shown = match function {
                Function::Sigmoid => "σ",
                Function::Lgamma => "lnΓ",
                Function::Digamma => "ψ",
                other => other.name(),
            };
            format!("{shown}({})", join(arguments, ", ", Tightness::Choice))
        }
        Form::Call("sqrt", arguments) => match &arguments[0] {
            simple if simple.tightness() == Tightness::Atom => format!("√{}", expression(simple)),
            other => format!("√({})", expression(other)),
        },
        Form::Call(function, arguments) => {
            format!("{function}({})", join(arguments, ", ", Tightness::Choice))
        }
        Form::Reduction { name: kind, binders, filter, body } => {
            let indices: Vec<String> = binders
                .iter()
                .map(|b| match &b.range {
                    Some((low, high)) => {
                        format!("{} ∈ {}..{}", name(&b.name), expression(low), expression(high))
                    }
                    None => name(&b.name),
                })
                .collect();
            let filter = filter.as_ref().map_or(String::new(), |f| format!(" : {}", expression(f)));
            let symbol = match *kind {
                "sum" => "∑",
                "prod" => "∏",
                other => other,
            };
            format!("{symbol}[{}{filter}]({})", indices.join(","), expression(body))
        }
        Form::Iverson(condition) => format!("[{}]", expression(condition)),
        Form::If(parts) => format!(
            "if {} then {} else {}",
            at_least(&parts[0], Tightness::Or),
            at_least(&parts[1], Tightness::Or),
            expression(&parts[2])
        ),
        Form::Compare(comparison, sides) => {
            let sign = match comparison {
                Comparison::Equal => "=",
                Comparison::NotEqual => "≠",
                Comparison::LessEqual => "≤",
                Comparison::GreaterEqual => "≥",
                other => other.symbol(),
            };
            format!("{} {sign} {}", at_least(&sides[0], Tightness::Sum), at_least(&sides[1], Tightness::Sum))
        }
        Form::Not(a) => format!("not {}", at_least(a, Tightness::Atom)),
        Form::And(all) => join(all, " and ", Tightness::Not),
        Form::Or(all) => join(all, " or ", Tightness::And),
    }
}
