//! Derivatives of elementary functions, from the formulas in the table of functions.

use crate::function::Function;
use crate::graph::{Graph, Map, NodeId, Op};
use crate::lower::{Definitions, lower};
use crate::source::SourceId;
use crate::syntax::parse_formula;
use std::sync::OnceLock;

/// The derivative of a function with respect to one of its arguments, as a graph.
#[derive(Clone)]
pub struct DerivativeFormula {
    /// Which function.
    pub function: Function,
    /// Which argument, counted from 0.
    pub argument: usize,
    /// The graph of the formula; its variables are named like the arguments.
    pub graph: Graph,
    /// The formula.
    pub root: NodeId,
    /// For each node that the root reaches, operands first.
    order: Vec<NodeId>,
}

/// Every derivative of the table, in its order.
///
/// # Panics
/// If a formula of the table is not in the language, which a test would show.
pub fn derivative_formulas() -> &'static [Vec<DerivativeFormula>] {
    static FORMULAS: OnceLock<Vec<Vec<DerivativeFormula>>> = OnceLock::new();
    FORMULAS.get_or_init(|| {
        Function::ALL
            .iter()
            .map(|function| {
                let entry = function.entry();
                (0..entry.derivatives.len())
                    .map(|argument| read(*function, argument, entry.derivatives[argument]))
                    .collect()
            })
            .collect()
    })
}

fn read(function: Function, argument: usize, text: &str) -> DerivativeFormula {
    let tree = parse_formula(text, SourceId::default())
        .unwrap_or_else(|errors| panic!("derivative of {}: {errors:?}", function.name()));
    let lowered = lower(&Definitions::default(), &tree, &[])
        .unwrap_or_else(|errors| panic!("derivative of {}: {errors:?}", function.name()));
    let order = lowered.graph.reachable(&[lowered.root]);
    DerivativeFormula { function, argument, graph: lowered.graph, root: lowered.root, order }
}

/// The derivative of `function` with respect to argument `at`, of these arguments.
pub(super) fn derivative(graph: &mut Graph, function: Function, at: usize, arguments: &[NodeId]) -> NodeId {
    let formula = &derivative_formulas()[function as usize][at];
    let names = function.entry().arguments;
    let mut built: Map<NodeId, NodeId> = Map::default();
    for node in &formula.order {
        let new = match formula.graph.op(*node) {
            Op::Constant(id) => graph.constant(formula.graph.number(id).clone()),
            Op::Pi => graph.pi(),
            Op::Access(variable) => {
                let name = &formula.graph.variable(variable).name;
                let position = names.iter().position(|n| n == name).unwrap_or(0);
                arguments[position]
            }
            op => {
                let operands: Vec<NodeId> = formula.graph.operands(*node).iter().map(|o| built[o]).collect();
                graph.construct(op, &operands)
            }
        };
        built.insert(*node, new);
    }
    built[&formula.root]
}
