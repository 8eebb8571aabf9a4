//! What a gradient costs beside its loss, and how it grows.

use lossform::differentiate::differentiate;
use lossform::graph::{Graph, NodeId, Op};
use lossform::number::Number;
use lossform::print::{Form, documents};
use lossform::{Library, Loss};
use std::collections::BTreeMap;

/// Whether a node is about positions and lengths only: the bounds and addresses of a loop, not its arithmetic.
fn is_bound(graph: &Graph, node: NodeId) -> bool {
    graph
        .reachable(&[node])
        .into_iter()
        .all(|n| !matches!(graph.op(n), Op::Access(_) | Op::Function(_) | Op::Reduce(..)))
}

/// Operations of a graph, every shared node counted once.
fn operations(graph: &Graph, roots: &[NodeId]) -> usize {
    let is_one = |n: NodeId| graph.as_constant(n).is_some_and(|c| c.abs() == Number::ONE);
    graph
        .reachable(roots)
        .into_iter()
        .filter(|n| !is_bound(graph, *n))
        .map(|n| {
            let operands = graph.operands(n);
            match graph.op(n) {
                Op::Linear => {
                    let scaled = operands[1..].iter().step_by(2).filter(|c| !is_one(**c)).count();
                    (operands.len() - 3) / 2 + usize::from(!graph.is_zero(operands[0])) + scaled
                }
                Op::Product => operands.len() - 1,
                Op::Power | Op::Function(_) | Op::Reduce(..) | Op::Compare(_) => 1,
                Op::If => usize::from(!is_bound(graph, operands[0])),
                _ => 0,
            }
        })
        .sum()
}

#[test]
fn value_and_gradient_cost_a_small_multiple_of_the_value() {
    let library = Library::builtin();
    let mut table = String::new();
    let mut worst: BTreeMap<String, f64> = BTreeMap::new();
    for name in library.names() {
        let loss = library.loss(name).unwrap();
        let mut nodes = vec![loss.root()];
        let mut graph = loss.graph().clone();
        let inputs: Vec<_> =
            loss.differentiable_inputs().iter().map(|n| graph.find_variable(n).unwrap()).collect();
        for derivative in differentiate(&mut graph, loss.root(), &inputs) {
            nodes.push(derivative.node);
        }
        // What evaluation does: an intermediate array that is read at several positions is worked out once.
        let nodes = graph.with_elements(&nodes);
        let (value, both) = (operations(&graph, &nodes[..1]), operations(&graph, &nodes));
        let ratio = both as f64 / value.max(1) as f64;
        table.push_str(&format!("{name:28} {value:4} {both:4} {ratio:6.2}\n"));
        worst.insert(name.to_owned(), ratio);
    }
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots"}, {
        insta::assert_snapshot!("cost", table);
    });
    for (name, ratio) in worst {
        assert!(ratio <= 5.0, "{name}: {ratio}\n{table}");
    }
}

#[test]
fn written_out_cross_entropy_grows_linearly() {
    // Nodes of the loss with its gradients, their operations, and those of the gradients printed together.
    let sizes_at = |n: usize| {
        let sum: Vec<String> = (1..=n).map(|i| format!("exp(z{i})")).collect();
        let sum = sum.join("+");
        let terms: Vec<String> = (1..=n).map(|i| format!("y{i}*log(exp(z{i})/({sum}))")).collect();
        let loss = Loss::parse(&format!("-({})", terms.join("+"))).unwrap();
        let mut graph = loss.graph().clone();
        let variables: Vec<_> = (1..=n).map(|i| graph.find_variable(&format!("z{i}")).unwrap()).collect();
        let nodes: Vec<NodeId> =
            differentiate(&mut graph, loss.root(), &variables).into_iter().map(|d| d.node).collect();
        let (bodies, definitions) = documents(&mut graph, &nodes, &[]);
        let printed = bodies.iter().chain(definitions.iter().map(|d| &d.value)).map(Form::operations).sum();
        [graph.len(), operations(&graph, &nodes), printed]
    };
    let (small, large) = (sizes_at(10), sizes_at(40));
    for (small, large) in small.into_iter().zip(large) {
        assert!(large <= 4 * small, "{small} for 10 logits, {large} for 40");
    }
}

#[test]
fn printed_size_is_linear_in_the_graph() {
    // Doubling a thousand times over.
    let bindings: Vec<String> = (1..=60).map(|n| format!("a{n} = a{0}*a{0} + a{0}", n - 1)).collect();
    let text = format!("a60 where a0 = x, {}", bindings.join(", "));
    let loss = Loss::parse(&text).unwrap();
    let printed = lossform::print::text(&loss.document());
    assert!(printed.len() < 20_000, "{} bytes", printed.len());
    assert!(loss.gradient("x").unwrap().to_string().len() < 60_000);
}
