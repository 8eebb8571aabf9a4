//! Forms in LaTeX, as papers set them.

use super::document::Document;
use super::form::{Binder, Form, Tightness};
use super::text::number_text;
use crate::comparison::Comparison;
use crate::function::Function;

/// The document in LaTeX (for use in math mode, with amsmath and amssymb).
pub fn latex(document: &Document) -> String {
    let mut text = expression(&document.body);
    for (at, definition) in document.definitions.iter().enumerate() {
        let word = if at == 0 { ", \\quad \\text{where } " } else { ", \\; " };
        let head =
            subscripted(latex_name(&definition.name), definition.indices.iter().map(|i| latex_name(i)));
        text.push_str(&format!("{word}{head} = {}", expression(&definition.value)));
    }
    text
}

fn expression(form: &Form) -> String {
    at_least(form, Tightness::Choice)
}

fn at_least(form: &Form, least: Tightness) -> String {
    let text = bare(form);
    // Fractions and cases hold together by how they are set.
    let tightness = match form {
        Form::Quotient(..) => Tightness::Sign,
        Form::Number(value) if !value.is_integer() => Tightness::Sign,
        // What stands behind a sum sign, or as its exponent, would be taken for a part of its body.
        Form::Reduction { name: "sum" | "prod" | "mean", .. } => Tightness::Product,
        other => other.tightness(),
    };
    if tightness < least { parenthesised(&text) } else { text }
}

fn parenthesised(text: &str) -> String {
    let tall = ["\\frac", "\\sum", "\\begin", "\\left", "\\prod"].iter().any(|s| text.contains(s));
    if tall { format!("\\left({text}\\right)") } else { format!("({text})") }
}

fn subscripted(base: String, indices: impl Iterator<Item = String>) -> String {
    let indices: Vec<String> = indices.collect();
    if indices.is_empty() {
        return base;
    }
    let inner = if indices.iter().all(|i| i.len() == 1) { indices.concat() } else { indices.join(",") };
    // A name that has a subscript already takes another in the same place.
    match base.strip_suffix('}') {
        Some(open) if base.contains("_{") && !base.contains("\\mathrm{") => format!("{open},{inner}}}"),
        _ => format!("{base}_{{{inner}}}"),
    }
}

/// A name as papers set it: Greek letters, `p_{t}` for `pt` and `p_t`, `\hat{y}` for `y_hat`, upright words.
pub fn latex_name(name: &str) -> String {
    const GREEK: &[&str] = &[
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda",
        "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma",
        "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega",
    ];
    if GREEK.contains(&name) {
        return if name == "epsilon" { "\\varepsilon".to_owned() } else { format!("\\{name}") };
    }
    if name.chars().count() == 1 {
        return if name == "_" { "\\_".to_owned() } else { name.to_owned() };
    }
    if let Some((base, mark)) = name.rsplit_once('_')
        && !base.is_empty()
        && !mark.is_empty()
    {
        return match mark {
            "hat" | "bar" | "tilde" => format!("\\{mark}{{{}}}", latex_name(base)),
            _ if base.contains('_') => format!("\\mathrm{{{}}}", name.replace('_', "\\_")),
            _ => {
                let mark = if mark.chars().count() == 1
                    || mark.chars().all(|c| c.is_ascii_digit())
                    || GREEK.contains(&mark)
                {
                    latex_name(mark)
                } else {
                    format!("\\mathrm{{{mark}}}")
                };
                format!("{}_{{{mark}}}", latex_name(base))
            }
        };
    }
    let letters: Vec<char> = name.chars().collect();
    let digits = letters.iter().rev().take_while(|c| c.is_ascii_digit()).count();
    if digits > 0 && digits < letters.len() {
        let (base, number) = name.split_at(name.len() - digits);
        return format!("{}_{{{number}}}", latex_name(base.trim_end_matches('_')));
    }
    if digits == letters.len() {
        return name.to_owned();
    }
    match letters.as_slice() {
        // Two letters are a letter with a subscript, as in p_t, g_x.
        [base, sub] if base.is_alphabetic() && sub.is_alphabetic() => format!("{base}_{{{sub}}}"),
        _ => format!("\\mathrm{{{}}}", name.replace('_', "\\_")),
    }
}

fn join(forms: &[Form], separator: &str, least: Tightness) -> String {
    forms.iter().map(|f| at_least(f, least)).collect::<Vec<_>>().join(separator)
}

fn call(name: &str, argument: &Form) -> String {
    format!("{name}\\left({}\\right)", expression(argument))
}

fn number(value: &crate::number::Number) -> String {
    let text = number_text(value);
    if let Some((numerator, denominator)) = text.split_once('/') {
        return format!("\\frac{{{numerator}}}{{{denominator}}}");
    }
    match text.split_once('e') {
        Some(("1", exponent)) => format!("10^{{{exponent}}}"),
        Some((digits, exponent)) => format!("{digits} \\cdot 10^{{{exponent}}}"),
        None => text,
    }
}

fn binders(binders: &[Binder], filter: Option<&Form>) -> String {
    let names: Vec<String> = binders
        .iter()
        .map(|b| match &b.range {
            Some((low, high)) => {
                format!("{} \\in [{}, {})", latex_name(&b.name), expression(low), expression(high))
            }
            None => latex_name(&b.name),
        })
        .collect();
    let filter = filter.map_or(String::new(), |f| format!(" :\\, {}", expression(f)));
    format!("{}{filter}", names.join(", "))
}

fn bare(form: &Form) -> String {
    match form {
        Form::Number(value) => number(value),
        Form::Name(name) => latex_name(name),
        Form::Access(name, indices) if name == "size" => {
            let axis: Vec<String> = indices.iter().map(expression).collect();
            format!("N_{{{}}}", axis.join(","))
        }
        Form::Access(name, indices) => subscripted(latex_name(name), indices.iter().map(expression)),
        Form::Sum(terms) => {
            let mut text = String::new();
            for (at, (negative, term)) in terms.iter().enumerate() {
                text.push_str(match (at, negative) {
                    (0, true) => "-",
                    (0, false) => "",
                    (_, true) => " - ",
                    (_, false) => " + ",
                });
                text.push_str(&at_least(term, Tightness::Product));
            }
            text
        }
        Form::Product(factors) => {
            let mut text = String::new();
            for (at, factor) in factors.iter().enumerate() {
                let opens_to_the_right = matches!(factor, Form::Reduction { .. }) && at + 1 == factors.len();
                let least = if opens_to_the_right { Tightness::Product } else { Tightness::Sign };
                let piece = at_least(factor, least);
                if at > 0 {
                    // Digits must not run together.
                    let digit_follows = piece.starts_with(|c: char| c.is_ascii_digit());
                    text.push_str(if digit_follows { " \\cdot " } else { " \\, " });
                }
                text.push_str(&piece);
            }
            text
        }
        Form::Quotient(a, b) => format!("\\frac{{{}}}{{{}}}", expression(a), expression(b)),
        Form::Power(base, exponent) => match &**base {
            Form::Function(function, arguments)
                if arguments.len() == 1
                    && matches!(function, Function::Log | Function::Tanh | Function::Sin | Function::Cos) =>
            {
                format!(
                    "{}^{{{}}}\\left({}\\right)",
                    function.entry().latex,
                    expression(exponent),
                    expression(&arguments[0])
                )
            }
            base => format!("{}^{{{}}}", at_least(base, Tightness::Atom), expression(exponent)),
        },
        Form::Negate(a) => format!("-{}", at_least(a, Tightness::Product)),
        Form::Function(Function::Abs, arguments) => format!("\\left|{}\\right|", expression(&arguments[0])),
        Form::Function(Function::Exp, arguments) => format!("e^{{{}}}", expression(&arguments[0])),
        Form::Function(Function::Polygamma, arguments) => {
            format!("\\psi^{{({})}}\\left({}\\right)", expression(&arguments[0]), expression(&arguments[1]))
        }
        Form::Function(Function::Floor, arguments) => {
            format!("\\left\\lfloor {}\\right\\rfloor", expression(&arguments[0]))
        }
        Form::Function(function, arguments) => {
            format!("{}\\left({}\\right)", function.entry().latex, join(arguments, ", ", Tightness::Choice))
        }
        Form::Call("sqrt", arguments) => format!("\\sqrt{{{}}}", expression(&arguments[0])),
        Form::Call(name, arguments) => {
            let name = format!("\\operatorname{{{}}}", name.replace('_', "\\_"));
            format!("{name}\\left({}\\right)", join(arguments, ", ", Tightness::Choice))
        }
        Form::Reduction { name, binders: bound, filter, body } => {
            let indices = binders(bound, filter.as_deref());
            match *name {
                "sum" => format!("\\sum_{{{indices}}} {}", at_least(body, Tightness::Product)),
                "prod" => format!("\\prod_{{{indices}}} {}", at_least(body, Tightness::Product)),
                "max" | "min" => call(&format!("\\{name}_{{{indices}}}"), body),
                "norm" => format!("\\left\\lVert {}\\right\\rVert_{{2,{indices}}}", expression(body)),
                "normalize" => {
                    let argument = expression(body);
                    format!("\\frac{{{argument}}}{{\\left\\lVert {argument}\\right\\rVert_{{2,{indices}}}}}")
                }
                "softmax" => {
                    format!("\\operatorname{{softmax}}\\left({}\\right)_{{{indices}}}", expression(body))
                }
                "mean" => {
                    let lengths: Vec<String> =
                        bound.iter().map(|b| format!("N_{{{}}}", latex_name(&b.name))).collect();
                    if filter.is_some() || bound.iter().any(|b| b.range.is_some()) {
                        call(&format!("\\operatorname{{mean}}_{{{indices}}}"), body)
                    } else {
                        format!(
                            "\\frac{{1}}{{{}}} \\sum_{{{indices}}} {}",
                            lengths.join(" "),
                            at_least(body, Tightness::Product)
                        )
                    }
                }
                "count" => format!("\\#\\left\\{{{indices} : {}\\right\\}}", expression(body)),
                other => {
                    call(&format!("\\operatorname{{{}}}_{{{indices}}}", other.replace('_', "\\_")), body)
                }
            }
        }
        Form::Iverson(condition) => format!("\\mathbb{{1}}\\left[{}\\right]", expression(condition)),
        Form::If(parts) => format!(
            "\\begin{{cases}} {} & \\text{{if }} {} \\\\ {} & \\text{{otherwise}} \\end{{cases}}",
            expression(&parts[1]),
            expression(&parts[0]),
            expression(&parts[2])
        ),
        Form::Compare(comparison, sides) => {
            let sign = match comparison {
                Comparison::Equal => "=",
                Comparison::NotEqual => "\\neq",
                Comparison::Less => "<",
                Comparison::LessEqual => "\\le",
                Comparison::Greater => ">",
                Comparison::GreaterEqual => "\\ge",
            };
            format!("{} {sign} {}", at_least(&sides[0], Tightness::Sum), at_least(&sides[1], Tightness::Sum))
        }
        Form::Not(a) => format!("\\lnot {}", at_least(a, Tightness::Atom)),
        Form::And(all) => join(all, " \\land ", Tightness::Not),
        Form::Or(all) => join(all, " \\lor ", Tightness::And),
    }
}
