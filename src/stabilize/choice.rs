//! Choices and quotients in the first stage: what is the same in both branches is taken out of a choice, and what a
//! sum divides by is multiplied into it.

use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Domain, Graph, IndexId, Map, NodeId, Op, Reduction};
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
            None => match exponential_into_sum(graph, node) {
                Some(after) => Some((after, "exponential_in_sum")),
                None => match one_sign(graph, node).or_else(|| exponential_of_softplus(graph, node)) {
                    Some(after) => Some((after, "one_exponential")),
                    None => Some((multiplied_into_sum(graph, node)?, "quotient_in_sum")),
                },
            },
        },
        _ => None,
    }
}

/// What may be taken before derivatives are: the logarithm of a mean of exponentials, and of a mixture by a label.
pub(super) fn spelling_step(graph: &mut Graph, node: NodeId) -> Option<(NodeId, &'static str)> {
    match graph.op(node) {
        Op::Function(Function::Log) => match log_of_scaled_sum(graph, node) {
            Some(after) => Some((after, "log_of_scaled_sum")),
            None => Some((mixture(graph, node)?, "mixture_by_label")),
        },
        Op::Function(Function::Abs) | Op::Power => Some((mixture(graph, node)?, "mixture_by_label")),
        _ => None,
    }
}

/// `log(k*sum[c](exp(z)))` is `log(k) + logsumexp[c](z)`.
fn log_of_scaled_sum(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let (coefficient, product) = graph.split_coefficient(graph.operands(node)[0]);
    let factors = factors_of(graph, product);
    for (at, factor) in factors.iter().enumerate() {
        if !matches!(graph.op(*factor), Op::Reduce(Reduction::Sum, _)) {
            continue;
        }
        let (indices, body, _) = graph.open(*factor);
        if graph.op(body) != Op::Function(Function::Exp) {
            continue;
        }
        let argument = graph.operands(body)[0];
        let mut rest = factors.clone();
        rest.remove(at);
        rest.push(graph.constant(coefficient));
        let rest = graph.mul(&rest);
        let (log, total) = (
            graph.function(Function::Log, &[rest]),
            graph.reduce(Reduction::LogSumExp, &indices, argument, None),
        );
        return Some(graph.add(&[log, total]));
    }
    None
}

/// `f(y*a + (1 - y)*b)` of a label that is 0 or 1 is `f(if y == 1 then a else b)`.
fn mixture(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let argument = graph.operands(node)[0];
    if graph.op(argument) != Op::Linear {
        return None;
    }
    let (_, terms) = graph.terms(argument);
    let parts: Vec<NodeId> = terms.iter().flat_map(|(_, term)| factors_of(graph, *term)).collect();
    let has_function = |graph: &Graph| {
        parts.iter().any(|p| !graph.terms(*p).1.iter().all(|(_, t)| matches!(graph.op(*t), Op::Access(_))))
    };
    let label = parts.iter().copied().find(|part| match graph.op(*part) {
        Op::Access(variable) => match &graph.variable(variable).domain {
            Domain::Set(values) => {
                values.len() == 2 && values.contains(&Number::ZERO) && values.contains(&Number::ONE)
            }
            _ => false,
        },
        _ => false,
    })?;
    if !has_function(graph) {
        return None;
    }
    let (zero, one) = (graph.integer(0), graph.integer(1));
    let mut branch = |value: NodeId| {
        let mut replacements: Map<NodeId, NodeId> = Map::default();
        replacements.insert(label, value);
        graph.replace(argument, &replacements)
    };
    let (with, without) = (branch(one), branch(zero));
    let is_one = graph.compare(Comparison::Equal, label, one);
    let choice = graph.select(is_one, with, without);
    let mut operands = graph.operands(node).to_vec();
    operands[0] = choice;
    Some(graph.rebuild(node, &operands))
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

/// What a base is the complement of.
#[derive(Clone, Copy)]
pub(super) enum Complement {
    /// The base is 1 - p, and the factor log(p).
    OfLogarithm(NodeId),
    /// The base is 1 - exp(x), or the negative of that if the flag says so, and the factor x or -x.
    OfExponential(NodeId, bool),
}

/// Whether `factor` is the logarithm of `1 - base`, or minus that.
pub(super) fn log_of_complement(graph: &mut Graph, base: NodeId, factor: NodeId) -> Option<Complement> {
    if graph.op(factor) == Op::Function(Function::Log) {
        let p = graph.operands(factor)[0];
        return (complement(graph, p) == base).then_some(Complement::OfLogarithm(p));
    }
    let (coefficient, expm1) = graph.split_coefficient(base);
    if !coefficient.abs().is_one() || graph.op(expm1) != Op::Function(Function::Expm1) {
        return None;
    }
    let x = graph.operands(expm1)[0];
    let is_negative = coefficient.is_one();
    (factor == x || graph.neg(factor) == x).then_some(Complement::OfExponential(x, is_negative))
}

/// `1 - p`; of a choice in its branches.
fn complement(graph: &mut Graph, p: NodeId) -> NodeId {
    if let (Op::If, &[condition, a, b]) = (graph.op(p), graph.operands(p)) {
        let [a, b] = [a, b].map(|p| graph.linear(Number::ONE, &[(Number::MINUS_ONE, p)]));
        return graph.select(condition, a, b);
    }
    graph.linear(Number::ONE, &[(Number::MINUS_ONE, p)])
}

/// The base of a factor, and whether its exponent has a whole negative part: `x^-2`, `x^(n - 1)`.
pub(super) fn falling(graph: &Graph, factor: NodeId) -> Option<NodeId> {
    let (Op::Power, &[base, exponent]) = (graph.op(factor), graph.operands(factor)) else { return None };
    let (constant, _) = graph.terms(exponent);
    (constant.is_negative() && constant.is_integer()).then_some(base)
}

fn factors_of(graph: &Graph, node: NodeId) -> Vec<NodeId> {
    match graph.op(node) {
        Op::Product => graph.operands(node).to_vec(),
        _ => vec![node],
    }
}

/// `x*(a/x + b)` is `a + b*x`; and `(n*log(p) + a)/(1 - p)` is `n*log(p)/(1 - p) + a/(1 - p)`, whose parts have limits.
fn multiplied_into_sum(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let factors = graph.operands(node).to_vec();
    for (at, sum) in factors.iter().enumerate() {
        if graph.op(*sum) != Op::Linear {
            continue;
        }
        let (constant, terms) = graph.terms(*sum);
        let mut parts: Vec<NodeId> = terms.iter().flat_map(|(_, term)| factors_of(graph, *term)).collect();
        // A sum within a term as well: `x*(b*(a/x + c) + d)`.
        for part in parts.clone() {
            if graph.op(part) == Op::Linear {
                let inner = graph.terms(part).1;
                parts.extend(inner.into_iter().flat_map(|(_, term)| factors_of(graph, term)));
            }
        }
        for (other, factor) in factors.iter().enumerate() {
            if other == at {
                continue;
            }
            // `x^(n + 1)` has a factor x as well.
            let (base, exponent) = match (graph.op(*factor), graph.operands(*factor)) {
                (Op::Power, &[base, exponent]) => (base, graph.terms(exponent).0),
                _ => (*factor, Number::ONE),
            };
            let rises = exponent.is_integer() && exponent.is_positive();
            let multiplier = if rises && parts.iter().any(|part| falling(graph, *part) == Some(base)) {
                base
            } else if falling(graph, *factor) == Some(base)
                && parts.iter().any(|part| log_of_complement(graph, base, *part).is_some())
            {
                graph.powi(base, -1)
            } else {
                continue;
            };
            let mut inside: Vec<(Number, NodeId)> = vec![(constant.clone(), multiplier)];
            for (coefficient, term) in &terms {
                inside.push((coefficient.clone(), graph.mul(&[*term, multiplier])));
            }
            let inside = graph.linear(Number::ZERO, &inside);
            let mut rest: Vec<NodeId> =
                factors.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, f)| *f).collect();
            rest.push(graph.powi(multiplier, -1));
            rest.push(inside);
            return Some(graph.mul(&rest));
        }
    }
    None
}

/// `exp(a)*sum[c](exp(z)*e)` is `sum[c](exp(z + a)*e)`, where a has the logsumexp of z. A sum that has one itself is
/// weighted by probabilities, which need not be joined with another.
fn exponential_into_sum(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let factors = graph.operands(node).to_vec();
    let at = factors.iter().position(|f| graph.op(*f) == Op::Function(Function::Exp))?;
    let argument = graph.operands(factors[at])[0];
    if !has_total(graph, argument) {
        return None;
    }
    for (other, sum) in factors.iter().enumerate() {
        if !matches!(graph.op(*sum), Op::Reduce(Reduction::Sum, _)) {
            continue;
        }
        let (indices, body, _) = graph.open(*sum);
        let rest = graph.split_coefficient(body).1;
        let is_open = |f: &NodeId| {
            graph.op(*f) == Op::Function(Function::Exp) && !has_total(graph, graph.operands(*f)[0])
        };
        if !factors_of(graph, rest).iter().any(is_open) {
            continue;
        }
        let body = graph.mul(&[factors[at], body]);
        let sum = graph.reduce(Reduction::Sum, &indices, body, None);
        let mut all: Vec<NodeId> =
            factors.iter().enumerate().filter(|(n, _)| *n != at && *n != other).map(|(_, f)| *f).collect();
        all.push(sum);
        return Some(graph.mul(&all));
    }
    None
}

/// Whether a logsumexp is among the terms of `argument`.
fn has_total(graph: &Graph, argument: NodeId) -> bool {
    let is_total = |n: &NodeId| matches!(graph.op(*n), Op::Reduce(Reduction::LogSumExp, _));
    graph.terms(argument).1.iter().any(|(_, t)| is_total(t))
}

/// `exp(y*z)*sigmoid(-z)` is `exp(y*z - softplus(z))`, in which what overflows cancels.
fn exponential_of_softplus(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let factors = graph.operands(node).to_vec();
    let at = factors.iter().position(|f| graph.op(*f) == Op::Function(Function::Exp))?;
    let argument = graph.operands(factors[at])[0];
    if graph.interval(argument).is_non_positive() {
        return None;
    }
    let parts: Vec<NodeId> =
        graph.terms(argument).1.into_iter().flat_map(|(_, term)| factors_of(graph, term)).collect();
    for (other, factor) in factors.iter().enumerate() {
        if graph.op(*factor) != Op::Function(Function::Sigmoid) {
            continue;
        }
        let z = graph.operands(*factor)[0];
        if !parts.contains(&graph.split_coefficient(z).1) {
            continue;
        }
        let opposite = graph.neg(z);
        let loss = graph.function(Function::Softplus, &[opposite]);
        let argument = graph.sub(argument, loss);
        let mut rest: Vec<NodeId> =
            factors.iter().enumerate().filter(|(n, _)| *n != at && *n != other).map(|(_, f)| *f).collect();
        rest.push(graph.function(Function::Exp, &[argument]));
        return Some(graph.mul(&rest));
    }
    None
}

/// `expm1(x)*(-expm1(x))^n` is `-(-expm1(x))^(n + 1)`.
fn one_sign(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let factors = graph.operands(node).to_vec();
    for (at, factor) in factors.iter().enumerate() {
        let (base, exponent) = match (graph.op(*factor), graph.operands(*factor)) {
            (Op::Power, &[base, exponent]) => (base, graph.as_constant(exponent).and_then(Number::to_i64)),
            _ => (*factor, Some(1)),
        };
        let Some(exponent) = exponent.filter(|_| graph.op(base) == Op::Function(Function::Expm1)) else {
            continue;
        };
        let opposite = graph.neg(base);
        let other = factors.iter().position(|f| match (graph.op(*f), graph.operands(*f)) {
            (Op::Power, &[own, _]) => own == opposite,
            _ => false,
        });
        let Some(other) = other else { continue };
        let power = graph.operands(factors[other])[1];
        let raised = graph.linear(Number::integer(exponent), &[(Number::ONE, power)]);
        let mut rest: Vec<NodeId> =
            factors.iter().enumerate().filter(|(n, _)| *n != at && *n != other).map(|(_, f)| *f).collect();
        rest.push(graph.power(opposite, raised));
        let product = graph.mul(&rest);
        return Some(if exponent % 2 == 0 { product } else { graph.neg(product) });
    }
    None
}

/// Whether `x` is `f - logsumexp[c](f)` for exactly these indices.
pub(super) fn is_softmax_over(graph: &mut Graph, x: NodeId, indices: &[IndexId]) -> bool {
    let (constant, terms) = graph.terms(x);
    let total = terms.iter().find(|(c, t)| {
        *c == Number::MINUS_ONE && matches!(graph.op(*t), Op::Reduce(Reduction::LogSumExp, _))
    });
    let Some((_, total)) = total else { return false };
    let total = *total;
    let rest: Vec<(Number, NodeId)> = terms.into_iter().filter(|(_, t)| *t != total).collect();
    let rest = graph.linear(constant, &rest);
    graph.reduce(Reduction::LogSumExp, indices, rest, None) == total
}
