//! `lossform grad`

use super::arguments::{Format, GradOptions, Reduction};
use super::{Outcome, loss, print, print_json};
use crate::derivation::Derivation;
use crate::diagnostic::{Diagnostic, Error, Fault};
use crate::graph::Domain;
use crate::library::Library;
use crate::loss::Loss;
use crate::print::{Form, latex, unicode};
use crate::steps::DerivationStep;
use serde_json::{Value, json};

pub(super) fn run(library: &Library, options: &GradOptions) -> Outcome {
    let loss = loss(library, &options.loss)?;
    if let Some(input) = &options.cases {
        return cases(&loss, input, options);
    }
    let derivations = derive(&loss, options)?;
    if options.json || options.format == Format::Json {
        return print_json(&as_json(&loss, &derivations, options));
    }
    print(&lines(&derivations, options))
}

fn derive(loss: &Loss, options: &GradOptions) -> Result<Vec<Derivation>, Error> {
    let names: Vec<String> = match options.wrt.as_slice() {
        [] => loss.differentiable_inputs().into_iter().map(str::to_owned).collect(),
        names => names.to_vec(),
    };
    if names.is_empty() {
        return Err(loss.error(
            Diagnostic::new("nothing-to-derive", format!("`{}` has no real-valued input", loss.name()))
                .fault(Fault::Underivable)
                .help("declare an input that is not a label or position"),
        ));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut derivations = match (options.order, options.no_simplify) {
        (1, false) => loss.gradients(&names)?,
        (1, true) => loss.raw_gradients(&names)?,
        (_, _) if options.diagonal => {
            names.iter().map(|name| loss.hessian_diagonal(name)).collect::<Result<_, _>>()?
        }
        (_, raw) => {
            let mut all = Vec::new();
            for (at, first) in names.iter().enumerate() {
                // The Hessian is symmetric: each pair once.
                for second in &names[at..] {
                    all.push(loss.second(first, second, !raw)?);
                }
            }
            all
        }
    };
    if options.reduction == Reduction::Mean {
        // Every batch element counts as one of `N`.
        for derivation in &mut derivations {
            derivation.divide_by("N");
        }
    }
    Ok(derivations)
}

/// `d loss / d p[c]`
fn heading(derivation: &Derivation) -> String {
    let names = derivation.with_respect_to();
    let mut indices = derivation.indices();
    let per = indices.len() / names.len().max(1);
    let mut parts = Vec::new();
    for name in names {
        let own: Vec<&str> = indices.drain(..per.min(indices.len())).collect();
        parts.push(if own.is_empty() { format!("d{name}") } else { format!("d{name}[{}]", own.join(",")) });
    }
    let order = if parts.len() == 2 { "d2" } else { "d" };
    format!("{order}/{}", parts.join(" "))
}

fn lines(derivations: &[Derivation], options: &GradOptions) -> String {
    let mut text = String::new();
    for derivation in derivations {
        let body = match options.format {
            Format::Unicode => derivation.unicode(),
            Format::Latex => derivation.latex(),
            Format::Dot => derivation.dot(),
            _ => derivation.text(),
        };
        if options.format == Format::Dot || (options.format == Format::Latex && derivations.len() == 1) {
            text.push_str(&body);
        } else if derivations.len() == 1 {
            text.push_str(&format!("{} = {body}", heading(derivation)));
        } else {
            text.push_str(&format!("{} = {}", heading(derivation), body.replace('\n', "\n  ")));
        }
        text.push('\n');
        if options.steps {
            let steps = derivation.steps();
            let steps = if options.format == Format::Latex { steps.latex() } else { steps.to_string() };
            for line in steps.lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
        for fact in derivation.assumptions() {
            if options.format == Format::Text {
                text.push_str(&format!("  assuming {fact}\n"));
            }
        }
    }
    text
}

pub(super) fn entry(derivation: &Derivation) -> Value {
    let document = derivation.document();
    let names = derivation.with_respect_to();
    let definitions: Vec<Value> = document
        .definitions
        .iter()
        .map(|d| {
            json!({
                "name": d.name,
                "indices": d.indices,
                "text": crate::print::form_text(&d.value),
            })
        })
        .collect();
    let mut entry = json!({
        "wrt": names[0],
        "indices": derivation.indices(),
        "text": crate::print::form_text(&document.body),
        "where": definitions,
        "unicode": unicode(document),
        "latex": latex(document),
        "operations": document.operations(),
        "assumes": derivation.assumptions(),
    });
    if let Some(second) = names.get(1) {
        entry["wrt2"] = json!(second);
    }
    entry
}

fn as_json(loss: &Loss, derivations: &[Derivation], options: &GradOptions) -> Value {
    let mut gradients: Vec<Value> = derivations.iter().map(entry).collect();
    if options.steps {
        for (entry, derivation) in gradients.iter_mut().zip(derivations) {
            let steps = derivation.steps();
            let line = |line: &DerivationStep| json!({"rule": line.rule, "order": line.order, "text": line.text(), "latex": latex(&line.document)});
            entry["steps"] = steps.lines().iter().map(line).collect();
            entry["steps_latex"] = json!(steps.latex());
        }
    }
    json!({"loss": loss.name(), "order": options.order, "gradients": gradients})
}

/// A formula for each value of an input that takes only a few.
fn cases(loss: &Loss, input: &str, options: &GradOptions) -> Outcome {
    let id = loss.variable(input)?;
    let Domain::Set(values) = loss.graph().variable(id).domain.clone() else {
        return Err(loss.error(
            Diagnostic::new("not-a-finite-set", format!("`{input}` does not take separate values"))
                .help(format!("declare it so: `{input} in {{0,1}}`, or `--assume '{input} in {{0,1}}'`")),
        ));
    };
    let mut text = String::new();
    let mut all = Vec::new();
    for value in values {
        let case = loss.set(&[(input.to_owned(), value.clone())])?;
        let derivations = derive(&case, options)?;
        if options.json || options.format == Format::Json {
            let mut value_json = as_json(&case, &derivations, options);
            value_json["case"] = json!({input: value.to_f64()});
            all.push(value_json);
        } else {
            text.push_str(&format!("{input} = {value}:\n"));
            for line in lines(&derivations, options).lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
    }
    if all.is_empty() { print(&text) } else { print_json(&json!({"loss": loss.name(), "cases": all})) }
}

impl Derivation {
    /// Shows the derivative of a mean over a batch of so many elements.
    fn divide_by(&mut self, count: &str) {
        let document = self.document_mut();
        let body = std::mem::replace(&mut document.body, Form::Name(String::new()));
        let count = Form::Name(count.to_owned());
        document.body = match body {
            Form::Quotient(above, below) => {
                let mut factors = vec![count];
                match *below {
                    Form::Product(inner) => factors.extend(inner),
                    other => factors.push(other),
                }
                Form::Quotient(above, Box::new(Form::Product(factors)))
            }
            other => Form::Quotient(Box::new(other), Box::new(count)),
        };
    }
}
