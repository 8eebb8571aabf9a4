//! From syntax tree to graph: names, axes, indices, domains, definitions.
//!
//! Lowering walks a tree once. Where-bindings, helpers and other losses are put in place of their uses, so the
//! graph knows nothing of them; because equal expressions are one node, that costs nothing. While a formula is
//! being read its reductions keep the indices they were written with; when all of it is there,
//! `range` finds what each index runs over and gives it its canonical name.

mod call;
mod declare;
mod definitions;
mod expression;
mod passed;
mod range;
mod reduction;
mod rule;
mod scope;

pub use definitions::Definitions;
pub use rule::{LoweredRule, lower_rule};

use crate::diagnostic::Diagnostic;
use crate::graph::{Graph, IndexId, Map, NodeId};
use crate::source::Span;
use crate::syntax::tree;
use scope::Frame;

/// A loss as a graph.
#[derive(Clone)]
pub struct Lowered {
    /// Holds every node below.
    pub graph: Graph,
    /// The loss; without free indices.
    pub root: NodeId,
    /// The user's where-bindings, in the order written.
    pub named: Vec<Named>,
    /// Ranges that must not be empty because a mean, maximum or minimum is taken over them, with the place.
    pub nonempty: Vec<(crate::graph::Range, Span)>,
}

/// A name that the user gave to a subexpression.
#[derive(Clone, Debug)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Its index parameters: free in `node`, without ranges.
    pub indices: Vec<IndexId>,
    /// What it stands for.
    pub node: NodeId,
}

/// How many nodes the graph of a formula may have.
pub const NODE_LIMIT: usize = 2_000_000;

/// How deeply definitions may call one another.
pub const CALL_LIMIT: usize = 64;

/// Lowers `loss`, whose body may call `definitions`.
///
/// `assumptions` add to what the signature declares: `p in (0,1)`.
///
/// # Errors
/// Everything that is wrong with the names, axes, indices and domains of the formula.
pub fn lower(
    definitions: &Definitions,
    loss: &tree::Loss,
    assumptions: &[tree::Parameter],
) -> Result<Lowered, Vec<Diagnostic>> {
    let mut lowering = Lowering::new(definitions, loss.signature.is_none());
    let result = lowering.loss(loss, assumptions);
    match result {
        Some((root, named)) if lowering.errors.is_empty() => {
            let nonempty = lowering.nonempty;
            Ok(Lowered { graph: lowering.graph, root, named, nonempty })
        }
        _ => Err(lowering.errors),
    }
}

/// Lowers `loss` and, in its scope, another formula: it sees the inputs, the `where` names, and those of the losses
/// that the body calls where they are unambiguous. `indices` are free in it, each over an axis of that name.
///
/// The formula is the last of the result's [`Lowered::named`], with the indices as its parameters, after its own
/// `where` names.
///
/// # Errors
/// What is wrong with either.
pub fn lower_within(
    definitions: &Definitions,
    loss: &tree::Loss,
    assumptions: &[tree::Parameter],
    formula: &tree::Loss,
    indices: &[(String, String)],
) -> Result<Lowered, Vec<Diagnostic>> {
    let mut lowering = Lowering::new(definitions, loss.signature.is_none());
    lowering.inner_names = Some(std::collections::BTreeMap::new());
    let result = lowering.loss(loss, assumptions);
    let Some((root, mut named)) = result.filter(|_| lowering.errors.is_empty()) else {
        return Err(lowering.errors);
    };
    lowering.calls.clear();
    let inner = lowering.inner_names.take().unwrap_or_default();
    let frame = lowering.frame();
    for (name, value) in inner {
        if let Some(value) = value {
            frame.names.entry(name).or_insert(scope::Meaning::Value(value));
        }
    }
    for binding in &formula.bindings {
        frame.names.insert(&binding.name.text, scope::Meaning::Pending(binding));
    }
    let mut free = Vec::with_capacity(indices.len());
    for (name, axis) in indices {
        let range = lowering.graph.find_axis(axis).map(|axis| lowering.graph.axis_range(axis));
        let index = lowering.graph.fresh_index(name, range);
        lowering.frame().indices.push((name.clone(), index));
        free.push(index);
    }
    let node = lowering.number(&formula.body);
    for binding in &formula.bindings {
        if let Some(value) = lowering.binding(&binding.name) {
            let errors = lowering.errors.len();
            match lowering.close(value.node) {
                Some(node) => {
                    named.push(Named { name: binding.name.text.clone(), indices: value.indices, node });
                }
                None => lowering.errors.truncate(errors),
            }
        }
    }
    match lowering.close(node) {
        Some(node) if lowering.errors.is_empty() => {
            named.push(Named { name: String::new(), indices: free, node });
            let nonempty = lowering.nonempty;
            Ok(Lowered { graph: lowering.graph, root, named, nonempty })
        }
        _ => Err(lowering.errors),
    }
}

/// Lowers several bare expressions into one graph, with the names of all as their common inputs.
fn lower_expressions(
    definitions: &Definitions,
    expressions: &[&tree::Expression],
) -> Result<(Graph, Vec<NodeId>), Vec<Diagnostic>> {
    let mut lowering = Lowering::new(definitions, true);
    let mut frame = Frame::default();
    lowering.declare_used_names(expressions, &[], &mut frame);
    lowering.frames.push(frame);
    let mut nodes = Vec::with_capacity(expressions.len());
    for expression in expressions {
        let node = lowering.expression(expression);
        match lowering.close(node) {
            Some(node) => nodes.push(node),
            None => return Err(lowering.errors),
        }
    }
    if lowering.errors.is_empty() { Ok((lowering.graph, nodes)) } else { Err(lowering.errors) }
}

/// The state of lowering one loss.
struct Lowering<'d> {
    definitions: &'d Definitions,
    graph: Graph,
    errors: Vec<Diagnostic>,
    /// The definitions being read, the innermost last; names are looked up in the innermost alone.
    frames: Vec<Frame<'d>>,
    /// Names of the definitions being read, to find those that call themselves.
    calls: Vec<(String, Span)>,
    /// What helpers gave for given arguments, so that a chain of helpers costs no more than its graph.
    helper_results: Map<(String, Vec<NodeId>, Vec<IndexId>), NodeId>,
    nonempty: Vec<(crate::graph::Range, Span)>,
    /// The names of the losses that the body calls, where a formula in its scope may use them; `None` where two
    /// differ.
    inner_names: Option<std::collections::BTreeMap<&'d str, Option<scope::Value>>>,
    /// Whether undeclared names are inputs: in a bare formula.
    bare: bool,
}

impl<'d> Lowering<'d> {
    fn new(definitions: &'d Definitions, bare: bool) -> Self {
        Lowering {
            definitions,
            graph: Graph::new(),
            errors: Vec::new(),
            frames: Vec::new(),
            calls: Vec::new(),
            helper_results: Map::default(),
            nonempty: Vec::new(),
            inner_names: None,
            bare,
        }
    }

    fn loss(
        &mut self,
        loss: &'d tree::Loss,
        assumptions: &[tree::Parameter],
    ) -> Option<(NodeId, Vec<Named>)> {
        let mut frame = Frame::default();
        if let Some(name) = &loss.name {
            self.calls.push((name.text.clone(), name.span));
        }
        match &loss.signature {
            Some(signature) => self.declare_signature(signature, &mut frame),
            None => self.declare_used_names(&[&loss.body], &loss.bindings, &mut frame),
        }
        self.apply_assumptions(assumptions);
        self.declare_bindings(&loss.bindings, &mut frame);
        self.frames.push(frame);
        let root = self.expression(&loss.body);
        let mut named = Vec::new();
        for binding in &loss.bindings {
            if let Some(value) = self.binding(&binding.name) {
                named.push(Named {
                    name: binding.name.text.clone(),
                    indices: value.indices,
                    node: value.node,
                });
            }
        }
        if !self.errors.is_empty() {
            return None;
        }
        if self.graph.op(root).is_condition() {
            self.errors.push(
                Diagnostic::new("condition-as-loss", "the formula is a condition, not a number")
                    .at(loss.body.span, "true or false")
                    .help("an Iverson bracket turns a condition into 1 or 0: `[a < b]`"),
            );
            return None;
        }
        let root = self.close(root)?;
        for entry in &mut named {
            // A binding that is used nowhere may have indices whose range nothing tells; it has no occurrence.
            let errors = self.errors.len();
            match self.close(entry.node) {
                Some(closed) => entry.node = closed,
                None => self.errors.truncate(errors),
            }
        }
        Some((root, named))
    }

    fn error(&mut self, diagnostic: Diagnostic) -> NodeId {
        // One message a place: what follows from a first mistake is noise.
        let is_repeated = |known: &Diagnostic| {
            known.labels.first().map(|l| l.span) == diagnostic.labels.first().map(|l| l.span)
                && !known.labels.is_empty()
        };
        if !self.errors.iter().any(is_repeated) {
            self.errors.push(diagnostic);
        }
        self.graph.integer(0)
    }
}
