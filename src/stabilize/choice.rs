//! Choices and quotients in the first stage: what is the same in both branches is taken out of a choice, and what a
//! sum divides by is multiplied into it.

use crate::function::Function;
use crate::graph::{Graph, Map, NodeId, Op};
use crate::number::Number;

/// The logistic functions of a choice between z and -z, by z and by -z.
#[derive(Default)]
pub(super) struct Signed {
    choices: Map<NodeId, NodeId>,
}

impl Signed {
    /// Those that `nodes` hold.
    pub fn find(graph: &mut Graph, nodes: &[NodeId]) -> Self {
        let mut choices = Map::default();
        for node in nodes {
            if graph.op(*node) != Op::Function(Function::Sigmoid) {
                continue;
            }
            let argument = graph.operands(*node)[0];
            if let (Op::If, &[_, a, b]) = (graph.op(argument), graph.operands(argument))
                && graph.neg(a) == b
            {
                choices.entry(a).or_insert(argument);
                choices.entry(b).or_insert(argument);
            }
        }
        Signed { choices }
    }

    /// `sigmoid(z)*sigmoid(-z)` is the same for a choice between z and -z.
    fn slope(&self, graph: &mut Graph, node: NodeId) -> Option<NodeId> {
        if graph.op(node) != Op::Product || self.choices.is_empty() {
            return None;
        }
        let factors = graph.operands(node).to_vec();
        let argument = |graph: &Graph, factor: NodeId| {
            (graph.op(factor) == Op::Function(Function::Sigmoid)).then(|| graph.operands(factor)[0])
        };
        for factor in &factors {
            let Some(z) = argument(graph, *factor) else { continue };
            let Some(choice) = self.choices.get(&z).copied() else { continue };
            let opposite = graph.neg(z);
            let opposite = graph.function(Function::Sigmoid, &[opposite]);
            if !factors.contains(&opposite) {
                continue;
            }
            let mut rest: Vec<NodeId> =
                factors.iter().copied().filter(|f| f != factor && *f != opposite).collect();
            for sign in [Number::ONE, Number::MINUS_ONE] {
                let argument = graph.scale(&sign, choice);
                rest.push(graph.function(Function::Sigmoid, &[argument]));
            }
            return Some(graph.mul(&rest));
        }
        None
    }
}

/// `node` after one step, with the name of the rewrite.
pub(super) fn step(graph: &mut Graph, signed: &Signed, node: NodeId) -> Option<(NodeId, &'static str)> {
    match graph.op(node) {
        Op::If => Some((common_function(graph, node)?, "choice_of_arguments")),
        Op::Linear => Some((within_branches(graph, node)?, "sum_in_branches")),
        Op::Product => match signed.slope(graph, node) {
            Some(after) => Some((after, "choice_of_arguments")),
            None => Some((multiplied_into_sum(graph, node)?, "quotient_in_sum")),
        },
        _ => None,
    }
}

/// `if c then f(a) else f(b)` is `f(if c then a else b)`: one evaluation of f, and one argument to reason about.
fn common_function(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let [condition, then, otherwise] = [0, 1, 2].map(|at| graph.operands(node)[at]);
    let (Op::Function(f), Op::Function(g)) = (graph.op(then), graph.op(otherwise)) else { return None };
    if f != g || !matches!(f, Function::Sigmoid | Function::Softplus | Function::Exp | Function::Tanh) {
        return None;
    }
    let (a, b) = (graph.operands(then)[0], graph.operands(otherwise)[0]);
    let argument = graph.select(condition, a, b);
    Some(graph.function(f, &[argument]))
}

/// `k + n*(if c then a else b)` is `if c then k + n*a else k + n*b`.
fn within_branches(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let (constant, terms) = graph.terms(node);
    let [(coefficient, choice)] = terms.as_slice() else { return None };
    let (Op::If, &[condition, a, b]) = (graph.op(*choice), graph.operands(*choice)) else { return None };
    // `1 - [c]` stays a number.
    if constant.is_zero() || graph.as_constant(a).is_some() && graph.as_constant(b).is_some() {
        return None;
    }
    let a = graph.linear(constant.clone(), &[(coefficient.clone(), a)]);
    let b = graph.linear(constant, &[(coefficient.clone(), b)]);
    Some(graph.select(condition, a, b))
}

/// `x*(a/x + b)` is `a + b*x`.
fn multiplied_into_sum(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let factors = graph.operands(node).to_vec();
    let base_and_power = |graph: &Graph, factor: NodeId| -> (NodeId, Option<Number>) {
        match (graph.op(factor), graph.operands(factor)) {
            (Op::Power, &[base, exponent]) => (base, graph.as_constant(exponent).cloned()),
            _ => (factor, Some(Number::ONE)),
        }
    };
    for (at, sum) in factors.iter().enumerate() {
        if graph.op(*sum) != Op::Linear {
            continue;
        }
        let (constant, terms) = graph.terms(*sum);
        for (other, factor) in factors.iter().enumerate() {
            let (base, power) = base_and_power(graph, *factor);
            if other == at || !power.is_some_and(|n| n.is_integer() && n.is_positive()) {
                continue;
            }
            let divides = |graph: &Graph, term: NodeId| {
                let parts = match graph.op(term) {
                    Op::Product => graph.operands(term),
                    _ => std::slice::from_ref(&term),
                };
                parts.iter().any(|part| {
                    let (own, power) = base_and_power(graph, *part);
                    own == base && power.is_some_and(|n| n.is_negative())
                })
            };
            if !terms.iter().any(|(_, term)| divides(graph, *term)) {
                continue;
            }
            let mut inside: Vec<(Number, NodeId)> = vec![(constant.clone(), base)];
            for (coefficient, term) in &terms {
                inside.push((coefficient.clone(), graph.mul(&[*term, base])));
            }
            let inside = graph.linear(Number::ZERO, &inside);
            let less = graph.powi(base, -1);
            let mut rest: Vec<NodeId> =
                factors.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, f)| *f).collect();
            rest.push(less);
            rest.push(inside);
            return Some(graph.mul(&rest));
        }
    }
    None
}
