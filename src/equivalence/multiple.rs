//! Whether one expression is a constant multiple of another, or differs from it by a constant.

use crate::counterexample::{Point, Sampler};
use crate::evaluate::Extended;
use crate::function::Function;
use crate::graph::{AxisId, Graph, IndexId, NodeId, Op};
use crate::number::Number;
use crate::real::Real;
use num_traits::{Float, Zero};

/// Points that a factor is read off from.
const POINTS: usize = 14;

/// Two values of the same factor differ by less than this.
const TOLERANCE: f64 = 1e-25;

/// Numerators and denominators of factors are at most this.
const RATIO_LIMIT: i64 = 100_000;

/// Whether `node` is an input or an index: what a factor must not depend on.
pub(crate) fn is_input(graph: &Graph, node: NodeId) -> bool {
    match graph.op(node) {
        Op::Access(variable) => !graph.variable(variable).is_hyperparameter,
        Op::Index(_) => true,
        _ => false,
    }
}

/// An expression `k` made of numbers, hyperparameters and lengths such that `values[0] = k*values[1]` at all sampled
/// points, if there is a simple one.
pub(crate) fn factor(
    graph: &mut Graph,
    sampler: &mut Sampler,
    nodes: [NodeId; 2],
    indices: &[IndexId],
) -> Option<NodeId> {
    // Where only one of them is 0, there is no factor: the quotient is then 0 or infinite, unlike elsewhere.
    let factor = find(graph, sampler, nodes, indices, &|a, b| {
        let is_usable = b.is_finite() && a.is_finite() && !(a.is_zero() && b.is_zero());
        is_usable.then(|| a / b)
    })?;
    (!graph.is_one(factor)).then_some(factor)
}

/// An expression `k` such that `values[0] - values[1] = k` at all sampled points.
pub(crate) fn constant(graph: &mut Graph, sampler: &mut Sampler, nodes: [NodeId; 2]) -> Option<NodeId> {
    find(graph, sampler, nodes, &[], &|a, b| Some(a - b).filter(|d| d.is_finite() && !d.is_zero()))
}

fn find(
    graph: &mut Graph,
    sampler: &mut Sampler,
    nodes: [NodeId; 2],
    indices: &[IndexId],
    quotient: &dyn Fn(Extended, Extended) -> Option<Extended>,
) -> Option<NodeId> {
    let scales = scales(graph, nodes);
    let mut roots: Vec<NodeId> = nodes.to_vec();
    roots.extend(&scales);
    sampler.set_graph(graph);
    let mut rows: Vec<(Extended, Vec<Extended>)> = Vec::new();
    for round in Sampler::rounds() {
        let points = sampler.round(&nodes, round);
        let ordinary: Vec<&Point> = points.iter().map(|(_, p)| p).take(3).collect();
        if ordinary.is_empty() {
            continue;
        }
        for values in sampler.values(&roots, indices, &ordinary) {
            let first = |at: usize| values.get(at).and_then(|v| v.first()).copied();
            let [a, b, ..] = values.as_slice() else { continue };
            for (a, b) in a.iter().zip(b) {
                if let Some(value) = quotient(*a, *b) {
                    let scales = (2..roots.len()).map(|at| first(at).unwrap_or(Extended::nan())).collect();
                    rows.push((value, scales));
                }
            }
        }
        // Several rounds, for several lengths of the axes.
        if rows.len() >= POINTS && round >= 5 {
            break;
        }
    }
    if rows.len() < POINTS / 2 {
        return None;
    }
    for (at, scale) in scales.iter().enumerate() {
        let first = rows[0].0 / rows[0].1[at];
        let is_same = rows.iter().all(|(value, scales)| {
            let own = *value / scales[at];
            (own - first).abs() <= Extended::from_double(TOLERANCE) * first.abs()
        });
        if is_same && let Some(number) = recognised(graph, first) {
            return Some(graph.mul(&[number, *scale]));
        }
    }
    None
}

/// Products of powers of the hyperparameters and of lengths, the simplest first.
fn scales(graph: &mut Graph, nodes: [NodeId; 2]) -> Vec<NodeId> {
    let mut names: Vec<NodeId> = Vec::new();
    for node in graph.reachable(&nodes) {
        match graph.op(node) {
            Op::Access(variable) if graph.variable(variable).is_hyperparameter => names.push(node),
            Op::Size(_) => names.push(node),
            _ => {}
        }
    }
    for axis in 0..graph.axes().len() as u32 {
        names.push(graph.size(AxisId(axis)));
    }
    names.sort_unstable();
    names.dedup();
    names.truncate(5);
    let mut scales = vec![graph.integer(1)];
    let one = graph.integer(1);
    let complements: Vec<NodeId> = names
        .iter()
        .filter(|n| matches!(graph.op(**n), Op::Access(_)))
        .copied()
        .collect::<Vec<_>>()
        .into_iter()
        .map(|n| graph.sub(one, n))
        .collect();
    names.extend(complements);
    for exponent in [1, -1, 2, -2] {
        for name in &names {
            scales.push(graph.powi(*name, exponent));
        }
    }
    for (at, first) in names.iter().enumerate() {
        for second in &names[at + 1..] {
            for (m, n) in [(1, 1), (1, -1), (-1, 1), (-1, -1)] {
                let (first, second) = (graph.powi(*first, m), graph.powi(*second, n));
                scales.push(graph.mul(&[first, second]));
            }
        }
    }
    scales
}

/// The number that a value is: a simple ratio, or one times a logarithm of a small number or the circle constant.
fn recognised(graph: &mut Graph, value: Extended) -> Option<NodeId> {
    let two = graph.integer(2);
    let ten = graph.integer(10);
    let log2 = graph.function(Function::Log, &[two]);
    let log10 = graph.function(Function::Log, &[ten]);
    let pi = graph.pi();
    let one = graph.integer(1);
    let numbers = [
        (Extended::from_double(1.0), one),
        (Extended::from_double(2.0).ln(), log2),
        (Extended::from_double(10.0).ln(), log10),
        (Extended::pi(), pi),
    ];
    for (size, node) in numbers {
        for exponent in [1, -1] {
            let size = if exponent == 1 { size } else { size.recip() };
            if let Some(ratio) = ratio(value / size) {
                let power = graph.powi(node, exponent);
                return Some(graph.scale(&ratio, power));
            }
        }
    }
    None
}

/// By continued fractions.
fn ratio(value: Extended) -> Option<Number> {
    let mut rest = value.abs();
    let (mut before, mut now) = ((0i64, 1i64), (1i64, 0i64));
    for _ in 0..24 {
        let whole = rest.floor();
        let part = whole.to_double();
        if part > RATIO_LIMIT as f64 {
            return None;
        }
        let next = (part as i64 * now.0 + before.0, part as i64 * now.1 + before.1);
        if next.0 > RATIO_LIMIT || next.1 > RATIO_LIMIT {
            return None;
        }
        (before, now) = (now, next);
        let fraction = Extended::from_double(now.0 as f64) / Extended::from_double(now.1 as f64);
        if (fraction - value.abs()).abs() <= Extended::from_double(1e-40) * value.abs() {
            let sign = if value < Extended::from_double(0.0) { -1 } else { 1 };
            return Number::ratio(sign * now.0, now.1);
        }
        rest = (rest - whole).recip();
    }
    None
}
