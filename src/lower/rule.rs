//! Rewrite rules as graphs.

use super::{Definitions, lower_expressions};
use crate::diagnostic::Diagnostic;
use crate::graph::{Graph, NodeId};
use crate::syntax::tree;

/// The three parts of a rule in one graph.
pub struct LoweredRule {
    /// Holds the nodes.
    pub graph: Graph,
    /// The pattern.
    pub before: NodeId,
    /// What takes its place.
    pub after: NodeId,
    /// The guard.
    pub guard: Option<NodeId>,
}

/// Lowers a rule; every name in it is a variable that stands for any expression.
///
/// # Errors
/// As for a bare formula.
pub fn lower_rule(definitions: &Definitions, rule: &tree::Rule) -> Result<LoweredRule, Vec<Diagnostic>> {
    let expressions: Vec<&tree::Expression> =
        [&rule.before, &rule.after].into_iter().chain(rule.guard.as_ref()).collect();
    let (graph, nodes) = lower_expressions(definitions, &expressions)?;
    Ok(LoweredRule { graph, before: nodes[0], after: nodes[1], guard: nodes.get(2).copied() })
}
