//! A derivative that has been worked out, ready to be printed.

use crate::differentiate::Derivative;
use crate::graph::{Graph, NodeId};
use crate::lower::Named;
use crate::print::{Document, Form, document, dot, latex, text, unicode};
use crate::simplify::{Fact, Simplified, Step};
use crate::steps::DerivationSteps;
use std::fmt;
use std::sync::Arc;

/// The derivative of a loss with respect to one or two of its inputs.
///
/// Its `Display` is stable text in the language, so that a snapshot test of a derivation is one line:
/// `insta::assert_snapshot!(loss.gradient("p")?)`.
#[derive(Clone)]
pub struct Derivation {
    graph: Arc<Graph>,
    derivatives: Vec<Derivative>,
    node: NodeId,
    document: Document,
    assumptions: Vec<String>,
    origin: Origin,
    steps: Arc<Vec<Step>>,
    named: Vec<Named>,
}

/// What was differentiated.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The formula as it was written.
    pub written: NodeId,
    /// The steps from there to what was differentiated.
    pub recognition: Vec<Step>,
    /// What was differentiated.
    pub root: NodeId,
}

impl Derivation {
    /// One derivation for each row of derivatives, of which the last became the result.
    pub(crate) fn all(
        mut graph: Graph,
        origin: &Origin,
        rows: Vec<(Vec<Derivative>, Simplified)>,
        named: &[Named],
    ) -> Vec<Derivation> {
        let mut printed = Vec::with_capacity(rows.len());
        for (_, result) in &rows {
            let document = document(&mut graph, result.node, named);
            let mut assumptions: Vec<String> =
                result.facts.iter().map(|f| fact_text(&mut graph, f)).collect();
            assumptions.sort();
            assumptions.dedup();
            printed.push((document, assumptions));
        }
        let graph = Arc::new(graph);
        rows.into_iter()
            .zip(printed)
            .map(|((derivatives, result), (document, assumptions))| Derivation {
                graph: graph.clone(),
                derivatives,
                node: result.node,
                document,
                assumptions,
                origin: origin.clone(),
                steps: result.steps,
                named: named.to_vec(),
            })
            .collect()
    }

    /// What the derivative is with respect to: one name, or two for a second derivative.
    pub fn with_respect_to(&self) -> Vec<&str> {
        self.derivatives.iter().map(|d| self.graph.variable(d.variable).name.as_str()).collect()
    }

    /// The names of the indices of the element that the derivative is with respect to; of both, for a second one.
    pub fn indices(&self) -> Vec<&str> {
        self.derivatives
            .iter()
            .flat_map(|d| &d.indices)
            .map(|i| self.graph.index_entry(*i).name.as_str())
            .collect()
    }

    /// The graph that it is in.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The node of the derivative.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The free indices, as [`Derivation::indices`] names them.
    pub fn index_ids(&self) -> Vec<crate::graph::IndexId> {
        self.derivatives.iter().flat_map(|d| d.indices.iter().copied()).collect()
    }

    /// How it is printed.
    pub fn document(&self) -> &Document {
        &self.document
    }

    pub(crate) fn document_mut(&mut self) -> &mut Document {
        &mut self.document
    }

    /// The operations that a reader counts; see [`Document::operations`].
    pub fn operations(&self) -> usize {
        self.document.operations()
    }

    /// The declared facts that the printed form relies on, in the language: `sum[c](y) = 1`.
    pub fn assumptions(&self) -> &[String] {
        &self.assumptions
    }

    /// The derivation from the loss to this form, a line a step.
    pub fn steps(&self) -> DerivationSteps {
        let raw: Vec<NodeId> = self.derivatives.iter().map(|d| d.node).collect();
        DerivationSteps::new((*self.graph).clone(), &self.origin, &raw, &self.steps, self.node, &self.named)
    }

    /// In the language, with a `where` line for each name.
    pub fn text(&self) -> String {
        text(&self.document)
    }

    /// With Greek letters, superscripts and subscripts.
    pub fn unicode(&self) -> String {
        unicode(&self.document)
    }

    /// In LaTeX, for math mode.
    pub fn latex(&self) -> String {
        latex(&self.document)
    }

    /// For Graphviz.
    pub fn dot(&self) -> String {
        dot(&self.graph, self.node)
    }
}

/// A fact in the language.
pub(crate) fn fact_text(graph: &mut Graph, fact: &Fact) -> String {
    match fact {
        Fact::SumsToOne(text) => text.clone(),
        Fact::Holds(condition) => {
            let mut document = document(graph, *condition, &[]);
            // `delta > 0`, and not `0 < delta`.
            if let Form::Compare(comparison, sides) = &mut document.body
                && matches!(sides[0], Form::Number(_))
            {
                *comparison = comparison.swapped();
                sides.reverse();
            }
            text(&document)
        }
    }
}

impl fmt::Display for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
