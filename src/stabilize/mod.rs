//! Forms that are accurate in floating point.
//!
//! [`stabilize`] turns expressions into others that are equal in exact arithmetic, or defined where the original is
//! not, and that neither overflow, underflow nor cancel where their value does not. Nobody has to spell a loss in
//! a particular way for that. Two stages:
//!
//! 1. *Recognition*, on the canonical graph: rules that are data find the functions that a formula spells out, and
//!    replace differences such as `1 - sigmoid(z)`.
//! 2. *Composition*, from the operands up: each node becomes what computes it best, given what it is made of. The
//!    results are verbatim nodes (see `graph::verbatim`): they are evaluated, but not rewritten any more.
//!
//! What composition relies on, and an evaluator has to provide:
//!
//! - a sum over an index is compensated or pairwise;
//! - `logsumexp` is shifted by its largest term, and `log1p` is taken of what the others add to that;
//! - `norm` and `hypot` are scaled;
//! - a product is computed without overflow or underflow on the way if its factors and its value have none; the
//!   factors of a product are the bases where it holds whole powers;
//! - `x^n` for whole n and the elementary functions are accurate to a few units in the last place;
//! - a choice has the value of the branch that is taken, whatever the other is.

mod cancellation;
mod choice;
mod gap;
mod logarithm;
mod power;
mod product;
mod quotient;
mod recognition;
mod reduction;
mod residual;
mod squares;
mod table;

pub use recognition::rules;
pub(crate) use recognition::{recognize, recognize_functions};
pub use table::{COMPOSED, explanation};

use crate::function::Function;
use crate::graph::{Graph, Map, NodeId, Op};
use crate::number::Number;
use gap::Shifted;

/// What stabilisation gives.
#[derive(Clone, Debug)]
pub struct Stabilized {
    /// The form of each root.
    pub nodes: Vec<NodeId>,
    /// The names of the rewrites that made them, in alphabetical order.
    pub rewrites: Vec<String>,
}

/// The forms of `roots` that are to be evaluated. Work that they share stays shared.
pub fn stabilize(graph: &mut Graph, roots: &[NodeId]) -> Stabilized {
    let (recognized, mut rewrites) = recognize(graph, roots);
    let mut stabilizer = Stabilizer {
        graph,
        values: Map::default(),
        logarithms: Map::default(),
        shifted: Map::default(),
        made: Vec::new(),
    };
    let nodes: Vec<NodeId> = recognized.iter().map(|root| stabilizer.value(*root)).collect();
    let made = std::mem::take(&mut stabilizer.made);
    let used = graph.reachable(&nodes);
    rewrites.extend(
        made.iter().filter(|(node, _)| used.binary_search(node).is_ok()).map(|(_, name)| (*name).to_owned()),
    );
    rewrites.sort();
    rewrites.dedup();
    Stabilized { nodes, rewrites }
}

/// Builds verbatim nodes from canonical ones.
struct Stabilizer<'g> {
    graph: &'g mut Graph,
    /// The forms of canonical nodes.
    values: Map<NodeId, NodeId>,
    /// The forms of the logarithms of canonical nodes.
    logarithms: Map<NodeId, NodeId>,
    /// The parts of each logsumexp.
    shifted: Map<NodeId, Shifted>,
    /// The nodes that a rewrite made, with its name.
    made: Vec<(NodeId, &'static str)>,
}

impl Stabilizer<'_> {
    /// The form of `node`.
    fn value(&mut self, node: NodeId) -> NodeId {
        if let Some(known) = self.values.get(&node) {
            return *known;
        }
        // Depth of recursion is that of reductions and logarithms within one another.
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || self.value_of_all_below(node))
    }

    fn value_of_all_below(&mut self, root: NodeId) -> NodeId {
        let mut pending = vec![root];
        while let Some(&top) = pending.last() {
            if self.values.contains_key(&top) {
                pending.pop();
                continue;
            }
            let waiting = pending.len();
            let operands = self.graph.operands(top);
            let below: &[NodeId] = match self.graph.op(top) {
                // The body has indices that are bound; it is opened first.
                Op::Reduce(..) | Op::Access(_) => &[],
                Op::Element(_) => &operands[..1],
                _ => operands,
            };
            pending.extend(below.iter().filter(|o| !self.values.contains_key(o)));
            if pending.len() > waiting {
                continue;
            }
            let form = self.form(top);
            self.values.insert(top, form);
            pending.pop();
        }
        self.values[&root]
    }

    /// Of a node whose operands have theirs.
    fn form(&mut self, node: NodeId) -> NodeId {
        match self.graph.op(node) {
            Op::Linear => self.sum(node),
            Op::Product => self.product(node),
            Op::Power => self.power(node),
            Op::Function(function) => self.function(function, node),
            Op::Reduce(..) => self.reduction(node),
            Op::Element(_) => {
                let mut operands = self.graph.operands(node).to_vec();
                operands[0] = self.value(operands[0]);
                self.graph.intern(self.graph.op(node), &operands)
            }
            Op::If | Op::Compare(_) | Op::Not | Op::And | Op::Or | Op::Detach => {
                let operands = self.values_of(self.graph.operands(node).to_vec());
                self.graph.intern(self.graph.op(node), &operands)
            }
            _ => node,
        }
    }

    fn values_of(&mut self, nodes: Vec<NodeId>) -> Vec<NodeId> {
        nodes.into_iter().map(|node| self.value(node)).collect()
    }

    fn function(&mut self, function: Function, node: NodeId) -> NodeId {
        let operands = self.graph.operands(node).to_vec();
        match (function, operands.as_slice()) {
            (Function::Log, [x]) => self.log(*x),
            (Function::Log2 | Function::Log10, [x]) => self.log_to_base(function, *x),
            (Function::Log1p, [x]) => {
                let whole = self.graph.linear(Number::ONE, &[(Number::ONE, *x)]);
                self.log(whole)
            }
            (Function::Exp, [x]) => self.exp(*x),
            (Function::Xlogy, [weight, x]) => self.weighted_log(*weight, *x),
            _ => {
                let operands = self.values_of(operands);
                self.graph.function_verbatim(function, &operands)
            }
        }
    }

    /// Notes that the rewrite `name` made `node`.
    fn by(&mut self, name: &'static str, node: NodeId) -> NodeId {
        debug_assert!(COMPOSED.iter().any(|(known, _)| *known == name), "{name} is not explained");
        self.made.push((node, name));
        node
    }

    /// `f(a)` as it is.
    fn call(&mut self, function: Function, a: NodeId) -> NodeId {
        self.graph.function_verbatim(function, &[a])
    }

    /// `a + b` as it is.
    fn plus(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.graph.sum_verbatim(Number::ZERO, &[(Number::ONE, a), (Number::ONE, b)])
    }

    /// `a - b` as it is.
    fn minus(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.graph.sum_verbatim(Number::ZERO, &[(Number::ONE, a), (Number::MINUS_ONE, b)])
    }

    /// `a < b` of verbatim nodes.
    fn less(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.graph.intern(Op::Compare(crate::comparison::Comparison::Less), &[a, b])
    }

    /// `|a| < 1` of a verbatim node.
    fn is_small(&mut self, a: NodeId) -> NodeId {
        let size = self.call(Function::Abs, a);
        let one = self.graph.integer(1);
        self.less(size, one)
    }
}
