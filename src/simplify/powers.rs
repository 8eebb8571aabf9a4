//! Powers of products.

use crate::graph::{Graph, NodeId, Op};
use crate::number::Number;

/// A product that holds a power of a product and that product besides: `a*b*(a*b)^(k - 1)` is `(a*b)^k`.
///
/// Where the original is defined the product is not 0 if it stands below the bar.
pub(super) fn gathered(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    if graph.op(node) != Op::Product {
        return None;
    }
    let factors = graph.operands(node).to_vec();
    for (at, factor) in factors.iter().enumerate() {
        let (Op::Power, &[base, exponent]) = (graph.op(*factor), graph.operands(*factor)) else { continue };
        if graph.op(base) != Op::Product {
            continue;
        }
        let parts: Vec<(NodeId, Number)> =
            graph.operands(base).iter().map(|p| number_power(graph, *p)).collect();
        let mut rest = factors.clone();
        rest.remove(at);
        // How often the product is there besides: the same for each of its factors.
        let mut times: Option<Number> = None;
        let is_there = parts.iter().all(|(part, own)| {
            let found = rest.iter().position(|f| number_power(graph, *f).0 == *part);
            let Some(power) = found.map(|found| number_power(graph, rest.remove(found)).1) else {
                return false;
            };
            let ratio = power.checked_div(own).filter(Number::is_integer);
            let is_same = ratio.is_some() && (times.is_none() || times == ratio);
            times = ratio;
            is_same
        });
        let (true, Some(times)) = (is_there, times) else { continue };
        let raised = graph.linear(times, &[(Number::ONE, exponent)]);
        rest.push(graph.power(base, raised));
        return Some(graph.mul(&rest));
    }
    None
}

/// The base and the exponent of a power to a number, and of anything else read as one.
fn number_power(graph: &Graph, node: NodeId) -> (NodeId, Number) {
    if let (Op::Power, &[base, exponent]) = (graph.op(node), graph.operands(node))
        && let Some(n) = graph.as_constant(exponent)
    {
        return (base, n.clone());
    }
    (node, Number::ONE)
}
