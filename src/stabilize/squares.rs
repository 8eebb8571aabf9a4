//! Roots of sums of squares: norms, which are scaled, and 0 in the place of 0/0 where the vector is 0.

use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Graph, IndexId, Interval, Map, NodeId, Op, Reduction};
use crate::number::Number;
use crate::simplify::simplify;

/// `node` after one step, with the name of the rewrite.
pub(super) fn step(graph: &mut Graph, node: NodeId) -> Option<(NodeId, &'static str)> {
    match graph.op(node) {
        Op::Power => Some((power(graph, node)?, "root_of_squares")),
        Op::Product => match over_norms(graph, node) {
            Some(after) => Some((after, "root_of_squares")),
            None => Some((direction(graph, node)?, "direction_of_zero")),
        },
        _ => None,
    }
}

/// A power of a sum of squares other than a positive whole one, as a power of the norm.
fn power(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let [base, exponent] = [0, 1].map(|at| graph.operands(node)[at]);
    let n = graph.as_constant(exponent)?.clone();
    if n.is_integer() && n.is_positive() {
        return None;
    }
    let root = root_of_squares(graph, base)?;
    let twice = graph.constant(n.checked_mul(&Number::integer(2))?);
    Some(graph.power(root, twice))
}

/// The root of a sum of at least two squares.
pub(super) fn root_of_squares(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    match graph.op(node) {
        Op::Reduce(Reduction::Sum, _) => norm(graph, node),
        Op::Linear => {
            let (constant, terms) = graph.terms(node);
            if constant.is_negative() || terms.len() + usize::from(!constant.is_zero()) < 2 {
                return None;
            }
            let mut roots = Vec::with_capacity(terms.len() + 1);
            if !constant.is_zero() {
                let constant = graph.constant(constant);
                roots.push(graph.sqrt(constant));
            }
            for (coefficient, term) in terms {
                let term = graph.scale(&coefficient, term);
                roots.push(root(graph, term)?);
            }
            let first = roots.remove(0);
            Some(roots.into_iter().fold(first, |a, b| graph.function(Function::Hypot, &[a, b])))
        }
        _ => None,
    }
}

/// The Euclidean norm whose square is the sum `node`.
fn norm(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let (indices, body, _) = graph.open(node);
    let root = root(graph, body)?;
    Some(graph.reduce(Reduction::Norm, &indices, root, None))
}

/// A number whose square is `node`, whichever its sign. Recursion is as deep as reductions and choices nest within
/// one another, which is little.
fn root(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let operands = graph.operands(node).to_vec();
    match (graph.op(node), operands.as_slice()) {
        (Op::Power, &[base, exponent]) => {
            let n = graph.as_constant(exponent)?.clone();
            if !n.is_integer() || n.numerator_is_odd() {
                return None;
            }
            let half = graph.constant(n.checked_div(&Number::integer(2))?);
            Some(graph.power(base, half))
        }
        (Op::Product, factors) => {
            let roots: Option<Vec<NodeId>> = factors.iter().map(|f| root(graph, *f)).collect();
            Some(graph.mul(&roots?))
        }
        (Op::Linear, _) => {
            let (coefficient, rest) = graph.split_coefficient(node);
            if !coefficient.is_positive() || coefficient.is_one() {
                return None;
            }
            let number = graph.constant(coefficient);
            let number = graph.sqrt(number);
            let root = root(graph, rest)?;
            Some(graph.mul(&[number, root]))
        }
        (Op::Reduce(Reduction::Sum, _), _) => norm(graph, node),
        (Op::If, &[condition, then, otherwise])
            if graph.is_zero(otherwise) && matches!(graph.op(then), Op::Power | Op::Linear | Op::Product) =>
        {
            let then = root(graph, then)?;
            Some(graph.select(condition, then, otherwise))
        }
        _ => None,
    }
}

/// A product that divides by a norm: what sums of squares are left are powers of it, and a sum is divided term by
/// term, so that neither overflows.
fn over_norms(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let factors = graph.operands(node).to_vec();
    let inverse_norm = |graph: &Graph, factor: NodeId| match (graph.op(factor), graph.operands(factor)) {
        (Op::Power, &[length, exponent]) => {
            let is_inverse = graph.as_constant(exponent).is_some_and(Number::is_negative);
            (is_inverse && is_length(graph, length)).then_some(length)
        }
        _ => None,
    };
    let lengths: Vec<NodeId> = factors.iter().filter_map(|f| inverse_norm(graph, *f)).collect();
    // A label of 0 times a sum of squares that overflows is 0.
    let has_label = factors.iter().any(|factor| {
        let interval = graph.interval(*factor);
        Interval::UNIT.covers(&interval) && interval.contains(0.0)
    });
    if lengths.is_empty() && !has_label {
        return None;
    }
    let mut replaced = factors.clone();
    for factor in &mut replaced {
        if matches!(graph.op(*factor), Op::Reduce(Reduction::Sum, _))
            && let Some(length) = norm(graph, *factor)
            && (has_label || lengths.contains(&length))
        {
            *factor = graph.powi(length, 2);
        }
    }
    if replaced != factors {
        return Some(graph.mul(&replaced));
    }
    if lengths.is_empty() {
        return None;
    }
    if let Some(after) = divided_lengths(graph, &factors, &lengths) {
        return Some(after);
    }
    let at = factors.iter().position(|factor| {
        let is_sum = |n: &NodeId| matches!(graph.op(*n), Op::Reduce(Reduction::Sum, _));
        let has_sum = |term: NodeId| is_sum(&term) || graph.operands(term).iter().any(is_sum);
        let divides = || graph.reachable(&[*factor]).into_iter().any(|n| inverse_norm(graph, n).is_some());
        graph.op(*factor) == Op::Linear
            && (graph.terms(*factor).1.iter().any(|(_, t)| graph.op(*t) == Op::Product && has_sum(*t))
                || divides())
    });
    distributed(graph, &factors, at?)
}

/// `(a*(d + b) - b)/d` is `a + (a - 1)*b/d` for a length d: where d is tiny, it would be lost beside b.
fn divided_lengths(graph: &mut Graph, factors: &[NodeId], lengths: &[NodeId]) -> Option<NodeId> {
    let is_length = |term: &NodeId| lengths.contains(term);
    for (at, sum) in factors.iter().enumerate() {
        if graph.op(*sum) != Op::Linear {
            continue;
        }
        let (constant, terms) = graph.terms(*sum);
        let mut spread = Vec::with_capacity(terms.len());
        let mut found = false;
        for (coefficient, term) in terms {
            let inner =
                if graph.op(term) == Op::Product { graph.operands(term).to_vec() } else { Vec::new() };
            let place = inner.iter().position(|factor| {
                graph.op(*factor) == Op::Linear && graph.terms(*factor).1.iter().any(|(_, t)| is_length(t))
            });
            let product = place.and_then(|place| distributed(graph, &inner, place));
            found |= product.is_some();
            spread.push((coefficient, product.unwrap_or(term)));
        }
        if !found {
            continue;
        }
        let spread = graph.linear(constant, &spread);
        let (constant, terms) = graph.terms(spread);
        let has_length = |term: NodeId| is_length(&term) || graph.operands(term).iter().any(is_length);
        let (with, without): (Vec<_>, Vec<_>) = terms.into_iter().partition(|(_, term)| has_length(*term));
        let without = graph.linear(constant, &without);
        let without = simplify(graph, without).node;
        let mut rest = factors.to_vec();
        rest.remove(at);
        let rest = graph.mul(&rest);
        let mut all = vec![(Number::ONE, graph.mul(&[without, rest]))];
        for (coefficient, term) in with {
            all.push((coefficient, graph.mul(&[term, rest])));
        }
        return Some(graph.linear(Number::ZERO, &all));
    }
    None
}

/// The product with its factor at `at`, a sum, multiplied out.
pub(super) fn distributed(graph: &mut Graph, factors: &[NodeId], at: usize) -> Option<NodeId> {
    let mut rest = factors.to_vec();
    let sum = rest.remove(at);
    let (constant, terms) = graph.terms(sum);
    let product = graph.mul(&rest);
    let mut all = vec![(constant, product)];
    for (coefficient, term) in terms {
        all.push((coefficient, graph.mul(&[term, product])));
    }
    Some(graph.linear(Number::ZERO, &all))
}

/// Whether a part of the vector is known not to be 0.
fn is_nonzero(graph: &mut Graph, length: NodeId) -> bool {
    let mut pending = vec![length];
    while let Some(part) = pending.pop() {
        if graph.op(part) == Op::Function(Function::Hypot) {
            pending.extend_from_slice(graph.operands(part));
        }
        let interval = graph.interval(part);
        if interval.is_positive() || interval.is_negative() {
            return true;
        }
    }
    false
}

fn is_length(graph: &Graph, node: NodeId) -> bool {
    matches!(graph.op(node), Op::Reduce(Reduction::Norm, _) | Op::Function(Function::Hypot))
}

/// `x[k]/norm[k](x)` is 0 where x is, as the norm's gradient is.
fn direction(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    let factors = graph.operands(node).to_vec();
    for (at, sum) in factors.iter().enumerate() {
        if graph.op(*sum) != Op::Linear {
            continue;
        }
        let divided: Vec<NodeId> = graph
            .reachable(&[*sum])
            .into_iter()
            .filter_map(|n| match (graph.op(n), graph.operands(n)) {
                (Op::Power, &[length, exponent]) if is_length(graph, length) => {
                    graph.as_constant(exponent).filter(|e| e.is_negative()).map(|_| length)
                }
                _ => None,
            })
            .collect();
        let others: Vec<NodeId> = factors.iter().copied().filter(|f| f != sum).collect();
        if divided.iter().any(|length| others.iter().any(|other| is_component(graph, *length, *other))) {
            return distributed(graph, &factors, at);
        }
    }
    for factor in &factors {
        let (Op::Power, &[length, exponent]) = (graph.op(*factor), graph.operands(*factor)) else { continue };
        if !graph.as_constant(exponent).is_some_and(Number::is_negative)
            || !is_length(graph, length)
            || is_nonzero(graph, length)
        {
            continue;
        }
        if !factors.iter().any(|other| other != factor && is_component(graph, length, *other)) {
            continue;
        }
        let zero = graph.integer(0);
        let is_zero = graph.compare(Comparison::Equal, zero, length);
        return Some(graph.select(is_zero, zero, node));
    }
    None
}

/// Whether `factor` is, but for a number in front, a component of the vector whose length is taken.
fn is_component(graph: &mut Graph, length: NodeId, factor: NodeId) -> bool {
    let mut pending = vec![length];
    while let Some(part) = pending.pop() {
        match graph.op(part) {
            Op::Function(Function::Hypot) => pending.extend_from_slice(graph.operands(part)),
            Op::Reduce(Reduction::Norm, _) => {
                let (indices, body, _) = graph.open(part);
                for map in positions(graph, &indices, body, &[factor]) {
                    let instance = graph.substitute(body, &map);
                    if is_multiple(graph, instance, factor) {
                        return true;
                    }
                }
            }
            _ if is_multiple(graph, part, factor) => return true,
            _ => {}
        }
    }
    false
}

fn is_multiple(graph: &mut Graph, a: NodeId, b: NodeId) -> bool {
    let mut bare = |node: NodeId| {
        let (coefficient, rest) = graph.split_coefficient(node);
        if coefficient.is_one() { graph.split_content(rest).1 } else { rest }
    };
    bare(a) == bare(b)
}

/// The positions at which `others` might read what `body` reads at `indices`.
pub(super) fn positions(
    graph: &Graph,
    indices: &[IndexId],
    body: NodeId,
    others: &[NodeId],
) -> Vec<Vec<(IndexId, NodeId)>> {
    let accesses = |root: &[NodeId]| -> Vec<NodeId> {
        graph.reachable(root).into_iter().filter(|n| matches!(graph.op(*n), Op::Access(_))).collect()
    };
    let read = accesses(others);
    let mut found: Vec<Vec<(IndexId, NodeId)>> = Vec::new();
    for access in accesses(&[body]) {
        for other in read.iter().filter(|o| graph.op(**o) == graph.op(access)) {
            let mut map: Map<IndexId, NodeId> = Map::default();
            let mut pairs = graph.operands(access).iter().zip(graph.operands(*other));
            let fits = pairs.all(|(own, theirs)| match graph.op(*own) {
                Op::Index(index) if indices.contains(&index) => {
                    *map.entry(index).or_insert(*theirs) == *theirs
                }
                _ => own == theirs,
            });
            if fits && map.len() == indices.len() {
                let map: Vec<_> = indices.iter().map(|i| (*i, map[i])).collect();
                if !found.contains(&map) {
                    found.push(map);
                }
            }
        }
    }
    found
}
