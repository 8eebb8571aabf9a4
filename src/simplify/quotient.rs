//! Quotients of sums that leave no remainder: `(x^2 - y^2)/(x + y)` is `x - y`.

use super::algebra;
use crate::graph::{Graph, NodeId, Op};
use crate::number::Number;

/// The most terms of a polynomial.
const TERM_LIMIT: usize = 16;

/// The largest exponent that is read as one.
const EXPONENT_LIMIT: i64 = 64;

/// A polynomial in parts of expressions: exponents and coefficients, the terms descending.
type Polynomial = Vec<(Vec<i64>, Number)>;

/// Its terms as they are read: positions of parts with exponents, and coefficients.
type Sparse = Vec<(Vec<(usize, i64)>, Number)>;

/// The product with a sum above the bar divided by one below it, wherever the division leaves no remainder.
///
/// Where the original is defined what stands below is not 0, so it may be cancelled. What is no power of something to
/// a positive whole number is a part of its own: that parts may depend on one another does no harm to a quotient.
pub(super) fn exact(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    if graph.op(node) != Op::Product {
        return None;
    }
    let factors: Vec<(NodeId, i64)> = graph.operands(node).iter().map(|f| whole_power(graph, *f)).collect();
    let is_sum = |at: &usize| {
        let base = factors[*at].0;
        graph.op(base) == Op::Linear && graph.operands(base).len() <= 2 * TERM_LIMIT + 1
    };
    let above: Vec<usize> = (0..factors.len()).filter(is_sum).filter(|at| factors[*at].1 > 0).collect();
    let below: Vec<usize> = (0..factors.len()).filter(is_sum).filter(|at| factors[*at].1 < 0).collect();
    for dividend in above {
        for divisor in &below {
            let Some(quotient) = divided(graph, factors[dividend].0, factors[*divisor].0) else { continue };
            let mut powers = Vec::with_capacity(factors.len());
            for (at, (base, exponent)) in factors.iter().enumerate() {
                powers.push(if at == dividend {
                    graph.powi(quotient, *exponent)
                } else if at == *divisor {
                    graph.powi(*base, exponent + factors[dividend].1)
                } else {
                    graph.powi(*base, *exponent)
                });
            }
            return Some(graph.mul(&powers));
        }
    }
    None
}

/// `a/b` as a polynomial, if it is one.
fn divided(graph: &mut Graph, a: NodeId, b: NodeId) -> Option<NodeId> {
    let [a, b] = [a, b].map(|sum| algebra::expanded(graph, sum).unwrap_or(sum));
    let mut parts: Vec<NodeId> = Vec::new();
    let [a, b] = [a, b].map(|sum| monomials(graph, sum, &mut parts));
    let ([mut rest, divisor], mut quotient) = ([a?, b?].map(|p| dense(p, parts.len())), Polynomial::new());
    let (lead, leading) = divisor.first()?;
    // Of a polynomial that has another as a factor, the leading term is a multiple of the other's.
    while let Some((exponents, coefficient)) = rest.first() {
        let ratio: Vec<i64> = exponents.iter().zip(lead).map(|(a, b)| a - b).collect();
        if ratio.iter().any(|n| *n < 0) || quotient.len() >= TERM_LIMIT {
            return None;
        }
        let factor = coefficient.checked_div(leading)?;
        let minus = -&factor;
        for (exponents, own) in &divisor {
            let exponents: Vec<i64> = exponents.iter().zip(&ratio).map(|(a, b)| a + b).collect();
            let term = own.checked_mul(&minus)?;
            match rest.binary_search_by(|(known, _)| exponents.cmp(known)) {
                Ok(at) => {
                    rest[at].1 = rest[at].1.checked_add(&term)?;
                    if rest[at].1.is_zero() {
                        rest.remove(at);
                    }
                }
                Err(at) => rest.insert(at, (exponents, term)),
            }
        }
        if rest.len() > 2 * TERM_LIMIT {
            return None;
        }
        quotient.push((ratio, factor));
    }
    let mut terms: Vec<(Number, NodeId)> = Vec::with_capacity(quotient.len());
    for (exponents, coefficient) in quotient {
        let powers: Vec<NodeId> = parts.iter().zip(exponents).map(|(part, n)| graph.powi(*part, n)).collect();
        terms.push((coefficient, graph.mul(&powers)));
    }
    Some(graph.linear(Number::ZERO, &terms))
}

/// The terms of a sum, each by its coefficient and the exponents of parts, which are added to `parts`.
fn monomials(graph: &Graph, sum: NodeId, parts: &mut Vec<NodeId>) -> Option<Sparse> {
    let (constant, terms) = graph.terms(sum);
    if terms.len() > TERM_LIMIT {
        return None;
    }
    let mut all = Vec::with_capacity(terms.len() + 1);
    for (coefficient, term) in terms {
        let factors =
            if graph.op(term) == Op::Product { graph.operands(term) } else { std::slice::from_ref(&term) };
        let mut exponents = Vec::with_capacity(factors.len());
        for factor in factors {
            let (base, exponent) = match whole_power(graph, *factor) {
                (base, n) if n > 0 => (base, n),
                _ => (*factor, 1),
            };
            let at = parts.iter().position(|part| *part == base).unwrap_or_else(|| {
                parts.push(base);
                parts.len() - 1
            });
            exponents.push((at, exponent));
        }
        all.push((exponents, coefficient));
    }
    if !constant.is_zero() {
        all.push((Vec::new(), constant));
    }
    Some(all)
}

fn dense(terms: Sparse, parts: usize) -> Polynomial {
    let mut all: Polynomial = terms
        .into_iter()
        .map(|(sparse, coefficient)| {
            let mut exponents = vec![0; parts];
            sparse.into_iter().for_each(|(at, n)| exponents[at] += n);
            (exponents, coefficient)
        })
        .collect();
    all.sort_by(|(a, _), (b, _)| b.cmp(a));
    all
}

/// The base and the exponent of a power to a whole number, and of anything else read as one.
fn whole_power(graph: &Graph, node: NodeId) -> (NodeId, i64) {
    if let (Op::Power, &[base, exponent]) = (graph.op(node), graph.operands(node))
        && let Some(n) = graph.as_constant(exponent).and_then(Number::to_i64)
        && n.abs() <= EXPONENT_LIMIT
    {
        return (base, n);
    }
    (node, 1)
}
