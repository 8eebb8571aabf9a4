//! Derivatives of elementary functions, from the formulas in the table of functions.

use crate::function::Function;
use crate::graph::{Graph, NodeId, NodeList, Op};
use crate::lower::{Definitions, lower};
use crate::number::Number;
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
    /// How it is built of arguments.
    steps: Vec<Step>,
}

/// One node of a derivative.
#[derive(Clone)]
enum Step {
    Argument(usize),
    Constant(Number),
    /// Of the results of earlier steps.
    Operation(Op, Vec<usize>),
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
    let (graph, root) = (lowered.graph, lowered.root);
    let order = graph.reachable(&[root]);
    let step = |node: &NodeId| match graph.op(*node) {
        Op::Constant(id) => Step::Constant(graph.number(id).clone()),
        Op::Access(variable) => {
            let name = graph.variable(variable).name.as_str();
            let position = function.entry().arguments.iter().position(|known| *known == name);
            Step::Argument(position.unwrap_or_else(|| panic!("derivative of {}: {name}", function.name())))
        }
        op => {
            // Ascending, so that it can be searched.
            let place = |operand: &NodeId| order.binary_search(operand).unwrap_or(0);
            Step::Operation(op, graph.operands(*node).iter().map(place).collect())
        }
    };
    let steps = order.iter().map(step).collect();
    DerivativeFormula { function, argument, graph, root, steps }
}

/// The derivative of `function` with respect to argument `at`, of these arguments.
pub(super) fn derivative(graph: &mut Graph, function: Function, at: usize, arguments: &[NodeId]) -> NodeId {
    let formula = &derivative_formulas()[function as usize][at];
    // In the order of the steps, the last of which is the whole.
    let mut built = NodeList::with_capacity(formula.steps.len());
    for step in &formula.steps {
        let new = match step {
            Step::Argument(position) => arguments[*position],
            Step::Constant(value) => graph.constant(value.clone()),
            Step::Operation(op, operands) => {
                let operands: NodeList = operands.iter().map(|step| built[*step]).collect();
                graph.construct(*op, &operands)
            }
        };
        built.push(new);
    }
    built[built.len() - 1]
}
