//! The first stage: rules as data, on the canonical graph.

use super::choice::{self, Signed};
use super::squares;
use crate::graph::{Graph, Map, NodeId, Op};
use crate::simplify::{self, Rule, Use, apply_rule};
use std::sync::OnceLock;

/// The files of rules, in the order in which they are tried.
const FILES: &[(&str, Use, &str)] = &[
    ("spelling", Use::Everywhere, include_str!("rules/spelling.loss")),
    ("elementary", Use::Everywhere, include_str!("rules/elementary.loss")),
];

/// How often everything is gone through for one set of rules.
const ROUND_LIMIT: usize = 6;

/// Rewritings of one node in a row.
const CHAIN_LIMIT: usize = 8;

/// The most nodes that are looked at.
const STEP_LIMIT: usize = 40_000;

/// The rules for accurate forms, in the order in which they are tried.
///
/// # Panics
/// If a rule is not in the language, which a test would show.
pub fn rules() -> &'static [Rule] {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    RULES.get_or_init(|| simplify::read_files(FILES))
}

/// The rules that find functions which are spelled out. At a kink of a spelling they give the derivative of the
/// function, which has none.
fn spelling() -> Vec<&'static Rule> {
    let spelled_out = simplify::rules().iter().filter(|r| r.family == "exponential");
    spelled_out.chain(rules().iter().filter(|r| r.family == "spelling")).collect()
}

/// `root` with the functions that it spells out, to be differentiated.
pub(crate) fn recognize_functions(graph: &mut Graph, root: NodeId) -> NodeId {
    let rules = spelling();
    let (mut roots, mut steps) = (vec![root], 0);
    for _ in 0..ROUND_LIMIT {
        let next = round(graph, &roots, &rules, false, &mut Vec::new(), &mut steps);
        if next == roots {
            break;
        }
        roots = next;
    }
    roots[0]
}

/// `roots` with the functions that they spell out and the rules applied, and the names of the rules.
pub(crate) fn recognize(graph: &mut Graph, roots: &[NodeId]) -> (Vec<NodeId>, Vec<String>) {
    // First what is spelled out with exponentials, then how that is computed: the two sets of rules are not one,
    // for some of the first shorten what some of the second lengthen.
    let accurate: Vec<&Rule> = rules().iter().filter(|r| r.family != "spelling").collect();
    let mut fired = Vec::new();
    let mut steps = 0;
    let mut roots = roots.to_vec();
    for (rules, structural) in [(spelling(), false), (accurate, true)] {
        for _ in 0..ROUND_LIMIT {
            let next = round(graph, &roots, &rules, structural, &mut fired, &mut steps);
            if next == roots {
                break;
            }
            roots = next;
        }
    }
    (roots, fired)
}

fn round(
    graph: &mut Graph,
    roots: &[NodeId],
    rules: &[&Rule],
    structural: bool,
    fired: &mut Vec<String>,
    steps: &mut usize,
) -> Vec<NodeId> {
    let mut done: Map<NodeId, NodeId> = Map::default();
    let nodes = graph.reachable(roots);
    let signed = if structural { Signed::find(graph, &nodes) } else { Signed::default() };
    for node in nodes {
        let operands: Vec<NodeId> = graph.operands(node).iter().map(|o| done[o]).collect();
        let mut current = match graph.op(node) {
            _ if operands == graph.operands(node) => node,
            // The array of an element stays one that has the same indices.
            op @ Op::Element(_) => graph.intern(op, &operands),
            _ => graph.rebuild(node, &operands),
        };
        for _ in 0..CHAIN_LIMIT {
            *steps += 1;
            let op = graph.op(current);
            if *steps > STEP_LIMIT
                || matches!(op, Op::Constant(_) | Op::Access(_) | Op::Index(_) | Op::Size(_) | Op::Pi)
            {
                break;
            }
            let mut found = rules.iter().find_map(|rule| {
                let after = apply_rule(graph, rule, current)?;
                (after != current).then(|| (after, rule.name.clone()))
            });
            if found.is_none() && structural {
                let step = choice::step(graph, &signed, current).or_else(|| squares::step(graph, current));
                let step = step.filter(|(after, _)| *after != current);
                found = step.map(|(after, name)| (after, name.to_owned()));
            }
            if found.is_none() {
                let step = choice::spelling_step(graph, current).filter(|(after, _)| *after != current);
                found = step.map(|(after, name)| (after, name.to_owned()));
            }
            let Some((after, name)) = found else { break };
            if !fired.contains(&name) {
                fired.push(name);
            }
            current = after;
        }
        done.insert(node, current);
    }
    roots.iter().map(|root| done[root]).collect()
}
