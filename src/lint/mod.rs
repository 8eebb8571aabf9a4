//! Hazards of a loss: what is computed but not meant, not defined, or hard to train with.
//!
//! Everything but a mistake of kinds is found by evaluation in 237 bits at points of the declared domains, and carries
//! the point as a witness; so a finding is true, and what is not found is not proved to be absent.

mod definedness;
mod gradient;
mod shape;

use crate::counterexample::Point;
use crate::diagnostic::{Diagnostic, Error};
use crate::kinds::misuses;
use crate::library::Library;
use crate::loss::Loss;
use crate::source::{Sources, Span};
use serde_json::{Value, json};
use std::sync::Arc;

/// A hazard.
#[derive(Clone, Debug)]
pub struct Finding {
    /// A stable name such as `softmax-of-probability`.
    pub code: &'static str,
    /// What is wrong, a line.
    pub message: String,
    /// Where it is written, if that is known.
    pub place: Option<Span>,
    /// Values by name that show it: inputs and hyperparameters, and what follows there.
    pub witness: Option<Value>,
    /// What to write instead, or to know.
    pub fix: String,
}

impl Finding {
    fn new(code: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Finding { code, message: message.into(), place: None, witness: None, fix: fix.into() }
    }

    fn at(mut self, place: Option<Span>) -> Self {
        self.place = place;
        self
    }

    /// The point, and beside it what is found there.
    fn witnessed(mut self, point: &Point, more: &[(&str, Value)]) -> Self {
        let mut witness = json!({"inputs": point.to_json()});
        for (name, value) in more {
            witness[*name] = value.clone();
        }
        self.witness = Some(witness);
        self
    }
}

/// What a target is called, by convention; and `o_target`, `y_true`.
const TARGETS: &[&str] =
    &["y", "t", "target", "targets", "label", "labels", "mask", "w", "weight", "weights"];

/// The inputs that a model gives: how a loss depends on its targets makes no training hard.
fn predictions(loss: &Loss) -> Vec<&str> {
    let is_target =
        |name: &str| TARGETS.contains(&name) || name.ends_with("_target") || name.ends_with("_true");
    loss.differentiable_inputs().into_iter().filter(|name| !is_target(name)).collect()
}

/// The findings on one loss.
#[derive(Clone, Debug)]
pub struct Lint {
    /// The name of the loss.
    pub loss: String,
    /// The most direct mistakes first.
    pub findings: Vec<Finding>,
    sources: Arc<Sources>,
}

impl Lint {
    /// Stable keys, as scripts read them.
    pub fn to_json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|f| {
                json!({
                    "code": f.code,
                    "message": f.message,
                    "place": f.place.map(|span| self.place_json(span)),
                    "witness": f.witness,
                    "fix": f.fix,
                })
            })
            .collect();
        json!({"loss": self.loss, "findings": findings})
    }

    fn place_json(&self, span: Span) -> Value {
        let sources = &self.sources;
        let source = sources.get(span.source);
        let before = &source.text[..span.start as usize];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        json!({"source": &*source.name, "line": line, "column": column, "text": sources.slice(span)})
    }

    /// As messages with the lines of the source.
    pub fn render(&self) -> String {
        let diagnostics: Vec<Diagnostic> = self
            .findings
            .iter()
            .map(|f| {
                let mut diagnostic = Diagnostic::new(f.code, f.message.clone());
                if let Some(span) = f.place {
                    diagnostic = diagnostic.at(span, "");
                }
                if let Some(witness) = &f.witness {
                    diagnostic = diagnostic.help(format!("witness: {}", witness_text(witness)));
                }
                diagnostic.help(f.fix.clone())
            })
            .collect();
        let text = Error::new(diagnostics, self.sources.clone()).render();
        text.replace("error[", "warning[")
    }
}

fn witness_text(witness: &Value) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (name, value) in witness.as_object().into_iter().flatten() {
        match value {
            Value::Object(inputs) => parts.extend(inputs.iter().map(|(n, v)| format!("{n} = {v}"))),
            value => parts.push(format!("{name}: {value}")),
        }
    }
    parts.join(", ")
}

impl Library {
    /// Reports the hazards of `loss`; `assumptions` as [`Library::loss_with`] takes them.
    ///
    /// # Errors
    /// An assumption that is not in the language.
    pub fn lint(&self, loss: &Loss, assumptions: &[String]) -> Result<Lint, Error> {
        let assumed = self.assumptions(assumptions)?;
        let mut findings: Vec<Finding> = misuses(&self.definitions, loss.tree(), &assumed)
            .into_iter()
            .map(|d| {
                let place = d.labels.first().map(|l| l.span);
                Finding::new(d.code, d.message, d.help.join("; ")).at(place)
            })
            .collect();
        findings.extend(definedness::undefined(loss));
        findings.extend(shape::negative(loss));
        findings.extend(shape::not_convex(loss));
        findings.extend(gradient::vanishing(loss));
        findings.extend(gradient::unbounded(loss));
        Ok(Lint { loss: loss.name().to_owned(), findings, sources: loss.sources().clone() })
    }
}
