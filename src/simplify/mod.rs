//! Shorter forms of an expression.
//!
//! Two kinds of step: the rules of the `.loss` files beside this one, which are data, and the algebra of sums,
//! products, choices and reductions, which works on the canonical form as a whole. Every step refines: where the
//! original is defined, the result is defined and equal. The result is never longer than the input; the work is
//! bounded by a number of steps.

mod algebra;
mod branch;
mod cost;
mod engine;
mod guard;
mod matcher;
mod names;
mod powers;
mod proposals;
mod prove;
mod quotient;
mod rule;
mod sharing;
mod sums;

pub use names::ALGEBRA;
pub(crate) use rule::read_files;
pub use rule::{Rule, Use, rules};

use crate::graph::{Graph, Map, NodeId};
use engine::Simplifier;
use std::sync::Arc;

/// `node` after one application of `rule` at it, if the rule matches and its guard can be proved.
pub fn apply_rule(graph: &mut Graph, rule: &Rule, node: NodeId) -> Option<NodeId> {
    matcher::apply(graph, rule, node).map(|(after, _)| after)
}

/// One rewriting of a part of an expression.
#[derive(Clone, Debug)]
pub struct Step {
    /// The name of the rule or of the kind of algebra.
    pub rule: &'static str,
    /// The part as it was.
    pub before: NodeId,
    /// What took its place.
    pub after: NodeId,
    /// A fact that it relies on.
    pub fact: Option<Fact>,
}

/// Something that follows from the declarations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// A sum over a simplex is 1: in the language.
    SumsToOne(String),
    /// A condition that holds for all inputs as declared.
    Holds(NodeId),
}

/// What simplification gives.
#[derive(Clone, Debug)]
pub struct Simplified {
    /// The shorter form.
    pub node: NodeId,
    /// The facts that it relies on.
    pub facts: Vec<Fact>,
    /// Every rewriting on the way, in order; those of expressions that it was simplified with are among them.
    pub steps: Arc<Vec<Step>>,
}

/// The shortest form of `node` that the rules and the algebra lead to.
pub fn simplify(graph: &mut Graph, node: NodeId) -> Simplified {
    simplify_all(graph, &[node]).remove(0)
}

/// The shortest form of each of `nodes`, alone; faster than one by one where they are parts of one another.
pub fn simplify_each(graph: &mut Graph, nodes: &[NodeId]) -> Vec<NodeId> {
    let mut simplifier = Simplifier::new(graph);
    let short = nodes.iter().map(|node| simplifier.run(&[*node])[0]).collect();
    simplifier.last(short)
}

/// The shortest forms of several expressions that belong together, such as the gradients of one loss.
///
/// Each is as short as it can be, or all use what the others need as well, whichever is shorter with what they share
/// counted once.
pub fn simplify_all(graph: &mut Graph, nodes: &[NodeId]) -> Vec<Simplified> {
    let mut simplifier = Simplifier::new(graph);
    let mut results: Vec<NodeId> = nodes.iter().map(|node| simplifier.run(&[*node])[0]).collect();
    let mut log = std::mem::take(&mut simplifier.log);
    if nodes.len() > 1 {
        simplifier = simplifier.anew();
        let together = simplifier.run(nodes);
        if simplifier.total(&together) < simplifier.total(&results) {
            results = together;
            log = std::mem::take(&mut simplifier.log);
        }
    }
    simplifier = simplifier.anew();
    let results = simplifier.last(results);
    log.append(&mut simplifier.log);
    let steps = Arc::new(log);
    nodes.iter().zip(results).map(|(start, node)| Simplified::new(graph, *start, node, &steps)).collect()
}

impl Simplified {
    /// `node` as it is.
    pub fn unchanged(node: NodeId) -> Simplified {
        Simplified { node, facts: Vec::new(), steps: Arc::default() }
    }

    fn new(graph: &mut Graph, start: NodeId, node: NodeId, steps: &Arc<Vec<Step>>) -> Simplified {
        let mut facts: Vec<Fact> = Vec::new();
        // Facts count where the steps that rely on them belong to this expression.
        if steps.iter().any(|step| step.fact.is_some()) {
            for (at, _) in replayed(graph, start, steps, node) {
                facts.extend(at.and_then(|at| steps[at].fact.clone()));
            }
            facts.sort();
            facts.dedup();
        }
        Simplified { node, facts, steps: steps.clone() }
    }
}

/// The loss `roots` with the functions that it spells out recognised, so that its derivative is that of a short form;
/// and the steps.
///
/// The derivative stays the same, at kinks as well.
pub fn recognise(graph: &mut Graph, roots: &[NodeId]) -> (Vec<NodeId>, Vec<Step>) {
    let mut simplifier = Simplifier::new(graph);
    let recognised = engine::recognised(&mut simplifier, roots);
    (recognised, simplifier.log)
}

/// `start` as it is after each of `steps` that changes it, with the step's rule; the last is `end`.
///
/// A step rewrites a part wherever it occurs. Parts that were worked out together may meet in another order here:
/// what then is still missing is the last step, named `collect`.
pub fn replay(graph: &mut Graph, start: NodeId, steps: &[Step], end: NodeId) -> Vec<(&'static str, NodeId)> {
    let lines = replayed(graph, start, steps, end);
    lines.into_iter().map(|(at, node)| (at.map_or("collect", |at| steps[at].rule), node)).collect()
}

/// The same with the positions of the steps.
fn replayed(graph: &mut Graph, start: NodeId, steps: &[Step], end: NodeId) -> Vec<(Option<usize>, NodeId)> {
    let mut lines: Vec<(Option<usize>, NodeId)> = Vec::new();
    let mut current = start;
    for (at, step) in steps.iter().enumerate() {
        if current == end {
            break;
        }
        if step.before > current {
            // What is newer than the whole is no part of it.
            continue;
        }
        let replacements: Map<NodeId, NodeId> = [(step.before, step.after)].into_iter().collect();
        let next = graph.replace(current, &replacements);
        if next != current {
            current = next;
            lines.push((Some(at), current));
        }
    }
    if current != end {
        lines.push((None, end));
    }
    lines
}
