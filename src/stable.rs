//! The form of a loss and its derivatives that is evaluated, to be read.

use crate::diagnostic::Error;
use crate::evaluation::Request;
use crate::loss::Loss;
use crate::print::{Definition, Document, documents};
use crate::stabilize::stabilize;

/// What is evaluated for a [`Request`].
#[derive(Clone, Debug)]
pub struct StableForm {
    /// The value, then the gradients and the diagonals of Hessians as they were asked for.
    pub parts: Vec<StablePart>,
    /// The names that the parts use; a definition uses only names that are defined after it.
    pub definitions: Vec<Definition>,
    /// The names of the rewrites that made it; see [`crate::stabilize::explanation`].
    pub rewrites: Vec<String>,
}

/// One expression.
#[derive(Clone, Debug)]
pub struct StablePart {
    /// The input that it is a derivative with respect to, with its indices: `z[c]`. None for the value.
    pub with_respect_to: Option<String>,
    /// Whether it is a second derivative.
    pub is_second: bool,
    /// How it is printed; without definitions of its own.
    pub document: Document,
}

impl Loss {
    /// The form that is evaluated, as [`Loss::evaluator`] makes it.
    ///
    /// ```
    /// use lossform::{Loss, Request};
    ///
    /// let form = Loss::parse("-log(1/(1 + exp(-z)))")?.stable_form(&Request::default())?;
    /// assert_eq!(lossform::print::text(&form.parts[0].document), "softplus(-z)");
    /// # Ok::<(), lossform::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Loss::gradient`].
    pub fn stable_form(&self, request: &Request) -> Result<StableForm, Error> {
        let mut graph = self.graph().clone();
        let roots = self.wanted(&mut graph, request, true)?;
        let nodes: Vec<_> = roots.iter().map(|r| r.node).collect();
        let stable = stabilize(&mut graph, &nodes);
        let (bodies, definitions) = documents(&mut graph, &stable.nodes, &self.lowered().named);
        let mut parts = Vec::with_capacity(roots.len());
        for (at, (root, body)) in roots.iter().zip(bodies).enumerate() {
            let with_respect_to = root.variable.map(|variable| {
                let name = &graph.variable(variable).name;
                let indices: Vec<&str> =
                    root.indices.iter().map(|i| graph.index_entry(*i).name.as_str()).collect();
                if indices.is_empty() { name.clone() } else { format!("{name}[{}]", indices.join(",")) }
            });
            let document = Document { body, definitions: Vec::new() };
            parts.push(StablePart { with_respect_to, is_second: at > request.gradients.len(), document });
        }
        Ok(StableForm { parts, definitions, rewrites: stable.rewrites })
    }
}
