//! A derivation written out, from the loss to its simplified derivative.

use crate::derivation::Origin;
use crate::graph::{Graph, NodeId};
use crate::lower::Named;
use crate::print::{Document, document, latex, text};
use crate::simplify::{Step, replay};
use std::fmt;

/// The lines of a derivation. Each is equal to the one before it, but for those that differentiate it.
///
/// `Display` is stable text, a line a step.
#[derive(Clone)]
pub struct DerivationSteps {
    graph: Graph,
    lines: Vec<DerivationStep>,
}

/// A line of a derivation.
#[derive(Clone, Debug)]
pub struct DerivationStep {
    /// What led to it from the line before: the name of a rule, `chain_rule` for differentiation, or `loss` for the
    /// formula that is differentiated.
    pub rule: &'static str,
    /// How often the loss is differentiated here.
    pub order: usize,
    /// The expression, in [`DerivationSteps::graph`].
    pub node: NodeId,
    /// How it is printed.
    pub document: Document,
}

impl DerivationSteps {
    pub(crate) fn new(
        mut graph: Graph,
        origin: &Origin,
        raw: &[NodeId],
        steps: &[Step],
        result: NodeId,
        named: &[Named],
    ) -> Self {
        let mut lines = vec![("loss", 0, origin.written)];
        let recognised = replay(&mut graph, origin.written, &origin.recognition, origin.root);
        lines.extend(recognised.into_iter().map(|(rule, node)| (rule, 0, node)));
        lines.extend(raw.iter().enumerate().map(|(at, node)| ("chain_rule", at + 1, *node)));
        if let Some(last) = raw.last() {
            let simplified = replay(&mut graph, *last, steps, result);
            lines.extend(simplified.into_iter().map(|(rule, node)| (rule, raw.len(), node)));
        }
        let lines = lines
            .into_iter()
            .map(|(rule, order, node)| {
                let document = document(&mut graph, node, named);
                DerivationStep { rule, order, node, document }
            })
            .collect();
        DerivationSteps { graph, lines }
    }

    /// The graph that all lines are in.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The lines, the loss first.
    pub fn lines(&self) -> &[DerivationStep] {
        &self.lines
    }

    /// An `aligned` environment for math mode, with the rule behind each line.
    pub fn latex(&self) -> String {
        let mut rows = Vec::with_capacity(self.lines.len());
        let mut order = None;
        for line in &self.lines {
            let left = match (order == Some(line.order), line.order) {
                (true, _) => "",
                (_, 0) => "L",
                (_, 1) => "L'",
                (_, _) => "L''",
            };
            order = Some(line.order);
            let rule = line.rule.replace('_', " ");
            rows.push(format!("{left} &= {} && \\text{{{rule}}}", latex(&line.document)));
        }
        format!("\\begin{{aligned}}\n{}\n\\end{{aligned}}", rows.join(" \\\\\n"))
    }
}

impl DerivationStep {
    /// In the language, with a `where` line for each name.
    pub fn text(&self) -> String {
        text(&self.document)
    }
}

impl fmt::Display for DerivationSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut order = None;
        for line in &self.lines {
            let left = match (order == Some(line.order), line.order) {
                (true, _) => "   ",
                (_, 0) => "L  ",
                (_, 1) => "L' ",
                (_, _) => "L''",
            };
            order = Some(line.order);
            let rule = if line.rule == "loss" { String::new() } else { format!("    [{}]", line.rule) };
            let text = line.text();
            let (body, definitions) = text.split_once('\n').unwrap_or((&text, ""));
            writeln!(f, "{left} = {body}{rule}")?;
            for definition in definitions.lines() {
                writeln!(f, "      {definition}")?;
            }
        }
        Ok(())
    }
}
