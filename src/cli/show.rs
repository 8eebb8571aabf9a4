//! `lossform show`

use super::arguments::{Format, ShowOptions};
use super::{Outcome, loss, print, print_json};
use crate::evaluation::Request;
use crate::library::Library;
use crate::loss::Loss;
use crate::print::{Document, dot, form_text, latex, text, unicode};
use crate::stabilize::explanation;
use crate::stable::StableForm;
use serde_json::{Map, Value, json};

pub(super) fn run(library: &Library, options: &ShowOptions) -> Outcome {
    let loss = loss(library, &options.loss)?;
    if options.stable {
        return stable(&loss, options);
    }
    let document = loss.document();
    if options.json || options.format == Format::Json {
        return print_json(&json!({
            "loss": loss.name(),
            "signature": loss.signature(),
            "documentation": loss.documentation(),
            "definition": loss.definition(),
            "text": text(&document),
            "unicode": unicode(&document),
            "latex": latex(&document),
            "operations": document.operations(),
        }));
    }
    match options.format {
        Format::Unicode => print(&unicode(&document)),
        Format::Latex => print(&latex(&document)),
        Format::Dot => print(&dot(loss.graph(), loss.root())),
        _ => {
            let documentation = loss.documentation();
            let gap = if documentation.is_empty() { "" } else { "\n\n" };
            print(&format!("{documentation}{gap}{}", loss.definition()))
        }
    }
}

/// The form that is evaluated, and what made it.
fn stable(loss: &Loss, options: &ShowOptions) -> Outcome {
    let request = Request {
        gradients: options.grad.clone(),
        hessian_diagonals: options.hess_diag.clone(),
        ..Request::default()
    };
    let form = loss.stable_form(&request)?;
    if options.json || options.format == Format::Json {
        return print_json(&as_json(loss, &form));
    }
    let set = |document: &Document| match options.format {
        Format::Unicode => unicode(document),
        Format::Latex => latex(document),
        _ => text(document),
    };
    let mut lines = String::new();
    for part in &form.parts {
        let head = match (&part.with_respect_to, part.is_second) {
            (None, _) => "value".to_owned(),
            (Some(input), false) => format!("d/d{input}"),
            (Some(input), true) => format!("d2/d{input}^2"),
        };
        lines.push_str(&format!("{head} = {}\n", set(&part.document)));
    }
    for (at, definition) in form.definitions.iter().enumerate() {
        let lead = if at == 0 { "  where " } else { "        " };
        let value = Document { body: definition.value.clone(), definitions: Vec::new() };
        lines.push_str(&format!("{lead}{} = {}\n", definition.head(), set(&value)));
    }
    for (at, name) in form.rewrites.iter().enumerate() {
        let lead = if at == 0 { "  by    " } else { "        " };
        lines.push_str(&format!(
            "{lead}{name}: {}\n",
            explanation(name).unwrap_or_default().replace('\n', " ")
        ));
    }
    print(&lines)
}

fn as_json(loss: &Loss, form: &StableForm) -> Value {
    let (mut value, mut gradients, mut diagonals) = (Value::Null, Map::new(), Map::new());
    for part in &form.parts {
        let text = Value::String(text(&part.document));
        match (&part.with_respect_to, part.is_second) {
            (None, _) => value = text,
            (Some(input), false) => drop(gradients.insert(input.clone(), text)),
            (Some(input), true) => drop(diagonals.insert(input.clone(), text)),
        }
    }
    let definitions: Vec<Value> = form
        .definitions
        .iter()
        .map(|d| json!({"name": d.name, "indices": d.indices, "text": form_text(&d.value)}))
        .collect();
    let rewrites: Vec<Value> =
        form.rewrites.iter().map(|name| json!({"name": name, "documentation": explanation(name)})).collect();
    json!({
        "loss": loss.name(),
        "value": value,
        "grads": gradients,
        "hess_diag": diagonals,
        "where": definitions,
        "rewrites": rewrites,
    })
}
