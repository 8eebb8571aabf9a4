//! Points of the declared domains at which a loss is not defined.

use super::Finding;
use crate::counterexample::{Point, Sampler, json_number};
use crate::evaluate::Extended;
use crate::function::Function;
use crate::graph::{Graph, IndexId, NodeId, Op};
use crate::loss::Loss;
use crate::number::Number;
use crate::proof::text_of;
use crate::real::Real;
use crate::source::Span;
use crate::syntax::tree::{Expression, ExpressionKind};
use num_traits::Float;
use std::collections::BTreeSet;

/// A part of the loss that is not defined for every value of its operands.
struct Partial {
    node: NodeId,
    /// The operand that must stay in bounds, with its bound indices free.
    operand: NodeId,
    /// Of `x*log(y)`, the x: where it is 0, the y does not matter.
    weight: Option<NodeId>,
    indices: Vec<IndexId>,
}

/// For each part that a point of the declared domains takes out of its domain, the first such point.
///
/// A part under a guard counts only where the guard lets it: the loss itself must not be defined there.
pub(super) fn undefined(loss: &Loss) -> Vec<Finding> {
    let mut graph = loss.graph().clone();
    let root = loss.root();
    let partial = partial_parts(&mut graph, root);
    if partial.is_empty() {
        return Vec::new();
    }
    let sampler = Sampler::new(&graph, &[]);
    let mut found: Vec<Finding> = Vec::new();
    let mut seen: BTreeSet<NodeId> = BTreeSet::new();
    for round in Sampler::rounds() {
        let points = sampler.round(&[root], round);
        let all: Vec<&Point> = points.iter().map(|(_, point)| point).collect();
        if all.is_empty() {
            continue;
        }
        let values = sampler.values(&[root], &[], &all);
        for (point, values) in all.into_iter().zip(values) {
            let value = values.first().and_then(|v| v.first()).copied();
            if value.is_none_or(|v| v.is_finite()) || sampler.is_defined(root, point) == Some(true) {
                continue;
            }
            for part in &partial {
                let Some(bad) = outside(&graph, &sampler, part, point) else { continue };
                // What is undefined first makes undefined what it is part of.
                if seen.insert(part.node) {
                    found.push(describe(&mut graph, loss, part, bad).witnessed(point, &[]));
                }
                break;
            }
        }
    }
    found
}

/// The first value of the operand that the part is not defined for.
fn outside(graph: &Graph, sampler: &Sampler, part: &Partial, point: &Point) -> Option<Extended> {
    let roots: Vec<NodeId> = [part.operand].into_iter().chain(part.weight).collect();
    let values = sampler.values(&roots, &part.indices, &[point]).pop()?;
    let zero = Extended::from_double(0.0);
    let counts = |at: usize| values.get(1).and_then(|w| w.get(at)).is_none_or(|w| *w != zero);
    let (_, bad) = values
        .first()?
        .iter()
        .enumerate()
        .find(|(at, v)| counts(*at) && !is_inside(graph, part.node, **v))?;
    Some(*bad)
}

/// The parts that facts do not show to be defined everywhere, operands before users.
fn partial_parts(graph: &mut Graph, root: NodeId) -> Vec<Partial> {
    let mut partial = Vec::new();
    for node in graph.reachable(&[root]) {
        let operands = graph.operands(node).to_vec();
        let operand = match graph.op(node) {
            Op::Function(Function::Xlogy) => operands[1],
            Op::Function(_) | Op::Power => operands[0],
            _ => continue,
        };
        // Lengths of axes are for evaluation to check.
        let has_input = graph.reachable(&[operand]).into_iter().any(|n| matches!(graph.op(n), Op::Access(_)));
        if !has_input || graph.is_defined_by_operands(node, &[], &[]) {
            continue;
        }
        let weight = (graph.op(node) == Op::Function(Function::Xlogy)).then(|| operands[0]);
        let mut map = Vec::new();
        let mut indices = Vec::new();
        for index in graph.free_indices(node).to_vec() {
            let (name, range) = (graph.index_entry(index).name.clone(), graph.index_entry(index).range);
            let fresh = graph.fresh_index(&name, range);
            map.push((index, graph.index_value(fresh)));
            indices.push(fresh);
        }
        let operand = graph.substitute(operand, &map);
        let weight = weight.map(|w| graph.substitute(w, &map));
        partial.push(Partial { node, operand, weight, indices });
    }
    partial
}

fn is_inside(graph: &Graph, node: NodeId, value: Extended) -> bool {
    let (zero, one) = (Extended::from_double(0.0), Extended::from_double(1.0));
    if value.is_nan() {
        return true;
    }
    match graph.op(node) {
        Op::Power => match graph.as_constant(graph.operands(node)[1]) {
            Some(n) if n.is_integer() => n.is_positive() || value != zero,
            Some(n) if n.is_positive() => value >= zero,
            _ => value > zero,
        },
        Op::Function(function) => match function {
            Function::Log | Function::Log2 | Function::Log10 | Function::Logrel | Function::Xlogy => {
                value > zero
            }
            Function::Log1mexp => value < zero,
            Function::Log1p | Function::Log1pmx => value > -one,
            Function::Logit => value > zero && value < one,
            Function::Asin | Function::Acos => value >= -one && value <= one,
            Function::Lgamma | Function::Digamma => value > zero || value != value.floor(),
            _ => true,
        },
        _ => true,
    }
}

fn describe(graph: &mut Graph, loss: &Loss, part: &Partial, bad: Extended) -> Finding {
    let operand = match graph.op(part.node) {
        Op::Function(Function::Xlogy) => graph.operands(part.node)[1],
        _ => graph.operands(part.node)[0],
    };
    let shown = text_of(graph, operand);
    let value = json_number(bad);
    let value = value.as_str().map_or(value.to_string(), str::to_owned);
    match graph.op(part.node) {
        Op::Power => {
            let exponent = graph.operands(part.node)[1];
            match graph.as_constant(exponent).cloned() {
                Some(n) if n.is_negative() => Finding::new(
                    "division-by-zero",
                    format!("the divisor `{shown}` can be {value}"),
                    format!("add a positive term to `{shown}`, or guard it: `if {shown} == 0 then … else …`"),
                )
                .at(place(loss, &|e| is_division(e))),
                Some(n) if Number::ratio(1, 2).is_some_and(|half| n == half) => Finding::new(
                    "root-of-negative",
                    format!("the square root is taken of `{shown}`, which can be {value}"),
                    format!("declare what keeps it from being negative, or write `sqrt(max(0, {shown}))`"),
                )
                .at(place(loss, &|e| is_call(e, &["sqrt"]))),
                _ => Finding::new(
                    "power-of-negative",
                    format!("the base `{shown}` of a power can be {value}"),
                    format!("declare what keeps it positive, or write `max(0, {shown})`"),
                )
                .at(place(loss, &|e| matches!(e.kind, ExpressionKind::Power(..)))),
            }
        }
        Op::Function(Function::Log | Function::Log2 | Function::Log10 | Function::Xlogy) => Finding::new(
            "log-of-zero",
            format!("the logarithm is taken of `{shown}`, which can be {value}"),
            format!("declare `{shown}` positive if it is, or clamp it: `log(max({shown}, 1e-7))`"),
        )
        .at(place(loss, &|e| is_call(e, &["log", "ln", "log2", "log10", "xlogy"]))),
        Op::Function(function) => Finding::new(
            "outside-domain",
            format!("`{}` is taken of `{shown}`, which can be {value}", function.name()),
            format!("it is defined for {}: clamp the argument", function.entry().domain),
        )
        .at(place(loss, &|e| is_call(e, function.entry().names))),
        _ => Finding::new("not-defined", "the loss is not defined everywhere", "declare narrower domains"),
    }
}

fn is_call(expression: &Expression, names: &[&str]) -> bool {
    matches!(&expression.kind, ExpressionKind::Call(call) if names.contains(&call.function.text.as_str()))
}

fn is_division(expression: &Expression) -> bool {
    matches!(&expression.kind, ExpressionKind::Product(factors) if factors.iter().any(|f| f.divide))
}

/// The only expression of the loss for which `fits` holds: where it was written, unless that is in doubt.
fn place(loss: &Loss, fits: &dyn Fn(&Expression) -> bool) -> Option<Span> {
    let mut places = Vec::new();
    let tree = loss.tree();
    for expression in [&tree.body].into_iter().chain(tree.bindings.iter().map(|b| &b.value)) {
        collect(expression, fits, &mut places);
    }
    match places.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

fn collect(expression: &Expression, fits: &dyn Fn(&Expression) -> bool, places: &mut Vec<Span>) {
    let mut pending = vec![expression];
    while let Some(top) = pending.pop() {
        if fits(top) {
            places.push(top.span);
        }
        pending.extend(top.operands());
    }
}
