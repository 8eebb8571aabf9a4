//! `lossform functions`, `rules` and `completions`

use super::arguments::Arguments;
use super::{Outcome, print, print_json};
use crate::function::Function;
use crate::simplify;
use clap::CommandFactory;
use serde_json::{Value, json};

pub(super) fn functions(as_json: bool) -> Outcome {
    let signature = |function: &Function| {
        let entry = function.entry();
        let more = if matches!(function, Function::Max | Function::Min) { ", …" } else { "" };
        format!("{}({}{more})", entry.names[0], entry.arguments.join(", "))
    };
    if as_json {
        let rows: Vec<Value> = Function::ALL
            .iter()
            .map(|function| {
                let entry = function.entry();
                json!({
                    "name": entry.names[0],
                    "aliases": entry.names[1..],
                    "arguments": entry.arguments,
                    "derivatives": entry.derivatives,
                    "domain": entry.domain,
                    "kink": entry.kink,
                    "documentation": entry.documentation.trim(),
                })
            })
            .collect();
        return print_json(&json!(rows));
    }
    let mut text = String::new();
    for function in Function::ALL {
        let entry = function.entry();
        text.push_str(&format!("{}\n    {}\n", signature(function), entry.documentation.trim()));
        for (argument, derivative) in entry.arguments.iter().zip(entry.derivatives) {
            text.push_str(&format!("    d/d{argument} = {derivative}\n"));
        }
        text.push_str(&format!("    defined for {}\n", entry.domain));
        if !entry.kink.is_empty() {
            text.push_str(&format!("    kink: {}\n", entry.kink));
        }
        if entry.names.len() > 1 {
            text.push_str(&format!("    also written {}\n", entry.names[1..].join(", ")));
        }
    }
    text.push_str(
        "sqrt(x), relu(x), clamp(x, low, high), log_sigmoid(x), trigamma(x), detach(x)\n    \
         read as x^(1/2), max(0, x), min(max(x, low), high), -softplus(-x), polygamma(1, x), a constant\n\
         sum, mean, prod, max, min, logsumexp, norm, softmax, log_softmax, normalize, count, any, all [indices](e)\n    \
         kink: at a tie of max or min the elements share the gradient equally; norm has gradient 0 at 0\n",
    );
    print(&text)
}

pub(super) fn rules(as_json: bool) -> Outcome {
    if as_json {
        let algebra = simplify::ALGEBRA.iter().map(|(name, documentation)| {
            json!({"name": name, "family": "algebra", "rule": null, "documentation": documentation})
        });
        let rows: Vec<Value> = simplify::rules()
            .iter()
            .map(|rule| {
                json!({
                    "name": rule.name,
                    "family": rule.family,
                    "rule": rule.text,
                    "documentation": rule.documentation,
                })
            })
            .chain(algebra)
            .collect();
        return print_json(&json!(rows));
    }
    let mut text = String::new();
    for rule in simplify::rules() {
        text.push_str(&format!(
            "{}: {}\n    {}\n",
            rule.name,
            rule.text,
            rule.documentation.replace('\n', "\n    ")
        ));
    }
    for (name, documentation) in simplify::ALGEBRA {
        text.push_str(&format!("{name}\n    {documentation}\n"));
    }
    print(&text)
}

pub(super) fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "lossform", &mut bytes);
    print(&String::from_utf8_lossy(&bytes))
}
