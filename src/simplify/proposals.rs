//! What may take the place of a node. What is found depends on the node alone, so it is looked for once.

use super::rule::{Stage, rules_for};
use super::{Fact, Step, algebra, branch, guard, matcher, powers, quotient, sums};
use crate::graph::{Graph, Map, NodeId, Op};
use std::rc::Rc;

/// The most factors that are tried in front of a sum.
const FACTOR_LIMIT: usize = 5;

/// How many are tried where a sum is only looked at for what a proposal leads to.
const FEW: usize = 3;

/// The operands of a sum of six terms: longer ones are not looked at closely on the way.
const SHORT_SUM: usize = 13;

/// What was found for the nodes of one graph.
#[derive(Default)]
pub(super) struct Proposals {
    rewritings: Map<NodeId, Option<Step>>,
    all: Map<NodeId, Rc<Found>>,
    cheap: Map<NodeId, Rc<[Step]>>,
}

/// The proposals for a node.
pub(super) struct Found {
    pub steps: Vec<Step>,
    /// From where on they are those of rules; the others are algebra.
    pub first_rule: usize,
}

impl Proposals {
    /// What the first rule that always applies makes of a node.
    pub fn rewriting(&mut self, graph: &mut Graph, node: NodeId) -> Option<Step> {
        self.rewritings.entry(node).or_insert_with(|| rewriting(graph, node)).clone()
    }

    /// All proposals for a node.
    pub fn all(&mut self, graph: &mut Graph, node: NodeId) -> Rc<Found> {
        self.all.entry(node).or_insert_with(|| Rc::new(all(graph, node))).clone()
    }

    /// The cheap ones.
    pub fn cheap(&mut self, graph: &mut Graph, node: NodeId) -> Rc<[Step]> {
        self.cheap.entry(node).or_insert_with(|| cheap(graph, node).into()).clone()
    }
}

fn rewriting(graph: &mut Graph, node: NodeId) -> Option<Step> {
    if let Some((one, fact)) = sums::of_simplex(graph, node) {
        return Some(Step { fact: Some(fact), ..Step::new("sum_of_simplex", node, one) });
    }
    if let Some(one) = sums::of_softmax(graph, node) {
        return Some(Step::new("sum_of_softmax", node, one));
    }
    if let Some(factored) = branch::multiples(graph, node) {
        return Some(Step::new("choice_of_multiples", node, factored));
    }
    by_rule(graph, node, Stage::Result)
}

/// What the first rule of a stage that applies makes of a node.
pub(super) fn by_rule(graph: &mut Graph, node: NodeId, stage: Stage) -> Option<Step> {
    for rule in rules_for(stage, graph.op(node)) {
        if let Some((after, guard)) = matcher::apply(graph, rule, node)
            && after != node
        {
            return Some(Step { fact: guard.map(Fact::Holds), ..Step::new(&rule.name, node, after) });
        }
    }
    None
}

fn all(graph: &mut Graph, node: NodeId) -> Found {
    let mut steps = Vec::new();
    let mut propose = |rule: &'static str, found: &mut dyn Iterator<Item = NodeId>| {
        steps.extend(found.map(|after| Step::new(rule, node, after)));
    };
    match graph.op(node) {
        Op::Linear => {
            propose("common_factor", &mut algebra::factored(graph, node, FACTOR_LIMIT).into_iter());
            propose("common_denominator", &mut algebra::over_common_denominator(graph, node).into_iter());
            let expanded = algebra::expanded(graph, node);
            let distributed = algebra::distributed(graph, node).filter(|sum| Some(*sum) != expanded);
            propose("multiply_out", &mut expanded.into_iter());
            propose("multiply_in", &mut distributed.into_iter());
            // What is then common to all terms may leave others in common.
            if let Some(sum) = distributed
                && graph.operands(sum).len() <= SHORT_SUM
            {
                propose("common_factor", &mut algebra::factored(graph, sum, 0).into_iter());
            }
            propose("sums_joined", &mut sums::joined(graph, node).into_iter());
            propose("common_guard", &mut guard::common(graph, node).into_iter());
        }
        Op::Product => {
            propose("cancel", &mut algebra::cancelled(graph, node).into_iter());
            propose("exact_quotient", &mut quotient::exact(graph, node).into_iter());
            propose("powers_gathered", &mut powers::gathered(graph, node).into_iter());
            propose("multiply_out", &mut algebra::expanded(graph, node).into_iter());
            propose("choices_merged", &mut branch::merged(graph, node).into_iter());
            propose("product_into_choice", &mut branch::distributed(graph, node).into_iter());
        }
        Op::Power => propose("multiply_out", &mut algebra::expanded(graph, node).into_iter()),
        Op::If => {
            propose("condition_known", &mut branch::informed(graph, node).into_iter());
            propose("factor_of_choice", &mut branch::shared_factor(graph, node).into_iter());
            propose("guard_superfluous", &mut guard::dropped(graph, node).into_iter());
        }
        Op::Reduce(..) => propose("sum_split", &mut sums::split(graph, node).into_iter()),
        _ => {}
    }
    let first_rule = steps.len();
    for rule in rules_for(Stage::Proposal, graph.op(node)) {
        if let Some((after, guard)) = matcher::apply(graph, rule, node) {
            steps.push(Step { fact: guard.map(Fact::Holds), ..Step::new(&rule.name, node, after) });
        }
    }
    Found { steps, first_rule }
}

fn cheap(graph: &mut Graph, node: NodeId) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut propose = |rule: &'static str, found: &mut dyn Iterator<Item = NodeId>| {
        steps.extend(found.map(|after| Step::new(rule, node, after)));
    };
    match graph.op(node) {
        Op::Linear if graph.operands(node).len() <= SHORT_SUM => {
            propose("common_factor", &mut algebra::factored(graph, node, FEW).into_iter());
            propose("common_denominator", &mut algebra::over_common_denominator(graph, node).into_iter());
        }
        Op::Product => {
            propose("cancel", &mut algebra::cancelled(graph, node).into_iter());
            let expanded = algebra::expanded(graph, node);
            if let Some(expanded) = expanded.filter(|e| graph.operands(*e).len() <= SHORT_SUM) {
                propose("multiply_out", &mut [expanded].into_iter());
                propose("common_factor", &mut algebra::factored(graph, expanded, FEW).into_iter());
            }
        }
        Op::If => propose("factor_of_choice", &mut branch::shared_factor(graph, node).into_iter()),
        _ => {}
    }
    steps
}

impl Step {
    fn new(rule: &'static str, before: NodeId, after: NodeId) -> Step {
        Step { rule, before, after, fact: None }
    }
}
