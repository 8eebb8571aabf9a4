//! Graphviz.

use crate::graph::{Graph, NodeId, Op, View};
use petgraph::dot::{Config, Dot};
use petgraph::visit::EdgeRef;

/// The part of the graph that `root` reaches, for Graphviz: an arrow from each operation to its operands.
pub fn dot(graph: &Graph, root: NodeId) -> String {
    let view = View::new(graph, &[root]);
    let attributes = |_: &View<'_>, (node, _): (NodeId, &Op)| {
        let shape = if graph.op(node).is_condition() { "box" } else { "ellipse" };
        let label = label(graph, node).replace('"', "\\\"");
        format!("label = \"{label}\" shape = {shape} ")
    };
    // Operands are numbered where their order matters.
    let order = |_: &View<'_>, edge: <&View<'_> as petgraph::visit::IntoEdgeReferences>::EdgeRef| {
        let many = graph.operands(edge.source()).len() > 1;
        if many { format!("label = \"{}\" ", edge.id().1) } else { String::new() }
    };
    let dot = Dot::with_attr_getters(&view, &[Config::NodeNoLabel, Config::EdgeNoLabel], &order, &attributes);
    format!("{dot:?}")
}

fn label(graph: &Graph, node: NodeId) -> String {
    match graph.op(node) {
        Op::Constant(id) => graph.number(id).to_string(),
        Op::Pi => "pi".to_owned(),
        Op::Access(variable) => graph.variable(variable).name.clone(),
        Op::Index(index) => graph.index_entry(index).name.clone(),
        Op::Size(axis) => format!("size[{}]", graph.axis(axis).name),
        Op::Linear => "linear".to_owned(),
        Op::Product => "*".to_owned(),
        Op::Power => "^".to_owned(),
        Op::Function(function) => function.name().to_owned(),
        Op::Reduce(reduction, list) => {
            let names: Vec<&str> =
                graph.bound_indices(list).iter().map(|i| graph.index_entry(*i).name.as_str()).collect();
            format!("{}[{}]", reduction.name(), names.join(","))
        }
        Op::If => "if".to_owned(),
        Op::Compare(comparison) => comparison.symbol().to_owned(),
        Op::Truth(value) => value.to_string(),
        Op::Not => "not".to_owned(),
        Op::And => "and".to_owned(),
        Op::Or => "or".to_owned(),
        Op::Detach => "detach".to_owned(),
        Op::Element(_) => "element".to_owned(),
    }
}
