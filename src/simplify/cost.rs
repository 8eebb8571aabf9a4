//! How long an expression is.

use crate::graph::{Graph, NodeId, Op};
use crate::number::Number;
use std::collections::BinaryHeap;

/// Of one node without its operands.
fn own_cost(graph: &Graph, node: NodeId) -> usize {
    let operands = graph.operands(node);
    match graph.op(node) {
        Op::Linear => {
            let terms = (operands.len() - 1) / 2;
            let constant = usize::from(!graph.is_zero(operands[0]));
            let coefficients: Vec<&Number> =
                operands[1..].iter().step_by(2).filter_map(|c| graph.as_constant(*c)).collect();
            // A common coefficient is written once.
            let first = coefficients[0].abs();
            let common = terms > 1
                && constant == 0
                && !first.is_one()
                && coefficients.iter().all(|c| c.abs() == first);
            let scalings =
                if common { factors_of(&first) } else { coefficients.iter().map(|c| factors_of(c)).sum() };
            let all_negative = coefficients.iter().all(|c| c.is_negative())
                && !graph.as_constant(operands[0]).is_some_and(Number::is_positive)
                && !(terms == 1 && constant == 0 && is_turnable(graph, operands[2]));
            // `1/x` as a term of its own is a quotient; `2/x` is one with its scaling.
            let quotients = operands[1..]
                .chunks_exact(2)
                .filter(|pair| {
                    graph.as_constant(pair[0]).is_some_and(|c| c.abs().is_one())
                        && is_plain_reciprocal(graph, pair[1])
                })
                .count();
            terms - 1 + constant + scalings + quotients + usize::from(all_negative)
        }
        Op::Product => {
            let all_below = operands.iter().all(|o| is_reciprocal(graph, *o));
            operands.len() - 1 + usize::from(all_below)
        }
        // A reciprocal in a product is its quotient sign; alone it is `1/x`, counted below.
        Op::Power => match graph.as_constant(operands[1]) {
            Some(n) if n.to_i64() == Some(-1) => 0,
            _ => 1,
        },
        Op::Function(_) | Op::Reduce(..) | Op::Compare(_) => {
            1 + operands.iter().filter(|o| is_plain_reciprocal(graph, **o)).count()
        }
        Op::If => {
            usize::from(!(graph.is_one(operands[1]) && graph.is_zero(operands[2])))
                + operands.iter().filter(|o| is_plain_reciprocal(graph, **o)).count()
        }
        _ => 0,
    }
}

fn factors_of(coefficient: &Number) -> usize {
    let (numerator, denominator) = coefficient.abs().parts();
    usize::from(!numerator.is_one()) + usize::from(!denominator.is_one())
}

fn is_reciprocal(graph: &Graph, node: NodeId) -> bool {
    graph.op(node) == Op::Power && graph.as_constant(graph.operands(node)[1]).is_some_and(Number::is_negative)
}

fn is_plain_reciprocal(graph: &Graph, node: NodeId) -> bool {
    graph.op(node) == Op::Power && graph.as_constant(graph.operands(node)[1]) == Some(&Number::MINUS_ONE)
}

/// Whether a sign in front can be had by turning a difference round: `-(y - p)/q` is `(p - y)/q`.
fn is_turnable(graph: &Graph, node: NodeId) -> bool {
    let is_difference = |node: NodeId| {
        graph.op(node) == Op::Linear && {
            let operands = graph.operands(node);
            let signs: Vec<bool> = operands
                .iter()
                .take(1)
                .chain(operands[1..].iter().step_by(2))
                .filter_map(|c| graph.as_constant(*c))
                .filter(|c| !c.is_zero())
                .map(Number::is_negative)
                .collect();
            signs.contains(&true) && signs.contains(&false)
        }
    };
    match graph.op(node) {
        Op::Product => graph.operands(node).iter().any(|f| {
            is_difference(*f) || is_plain_reciprocal(graph, *f) && is_difference(graph.operands(*f)[0])
        }),
        Op::Linear => is_difference(node),
        _ => false,
    }
}

/// How many nodes are looked at to compare two expressions.
const COMPARISON_LIMIT: usize = 400;

/// Compares expressions by the operations that a reader counts, what is shared counted once.
#[derive(Default)]
pub(super) struct Costs {
    /// Of single nodes, where they were worked out before.
    own: Vec<Option<u16>>,
    /// What is still to be looked at, with the expressions that reach it.
    pending: BinaryHeap<(NodeId, u8)>,
}

const FIRST: u8 = 1;
const SECOND: u8 = 2;
const BOTH: u8 = FIRST | SECOND;

impl Costs {
    /// By how many operations `first` is longer than `second`.
    ///
    /// What both have in common is not counted, and mostly not looked at: users have larger ids than operands, so
    /// going down by id, everything below is common once all that is left is.
    pub fn difference(&mut self, graph: &Graph, first: NodeId, second: NodeId) -> i64 {
        if first == second {
            return 0;
        }
        let alone = |node| i64::from(is_plain_reciprocal(graph, node));
        let mut total = alone(first) - alone(second);
        self.pending.clear();
        self.pending.push((first, FIRST));
        self.pending.push((second, SECOND));
        let mut exclusive = 2;
        for _ in 0..COMPARISON_LIMIT {
            let Some((node, mut reached)) = self.pending.pop() else { break };
            exclusive -= usize::from(reached != BOTH);
            while let Some(&(same, more)) = self.pending.peek()
                && same == node
            {
                self.pending.pop();
                exclusive -= usize::from(more != BOTH);
                reached |= more;
            }
            if reached != BOTH {
                let own = i64::from(self.of_node(graph, node));
                total += if reached == FIRST { own } else { -own };
            } else if exclusive == 0 {
                break;
            }
            for operand in graph.operands(node) {
                if !is_free(graph, *operand) {
                    self.pending.push((*operand, reached));
                    exclusive += usize::from(reached != BOTH);
                }
            }
        }
        total
    }

    fn of_node(&mut self, graph: &Graph, node: NodeId) -> u16 {
        if self.own.len() <= node.position() {
            self.own.resize(graph.len(), None);
        }
        *self.own[node.position()].get_or_insert_with(|| own_cost(graph, node).min(9999) as u16)
    }
}

/// What costs nothing and has no operands that do.
fn is_free(graph: &Graph, node: NodeId) -> bool {
    match graph.op(node) {
        Op::Constant(_) | Op::Pi | Op::Index(_) | Op::Size(_) | Op::Truth(_) => true,
        Op::Access(_) => graph.operands(node).iter().all(|o| matches!(graph.op(*o), Op::Index(_))),
        _ => false,
    }
}
