//! How long an expression is: the operations that a reader counts in its printed form.
//!
//! Every `+ - * / ^`, sign, comparison, function, reduction and `if` is one. What is long enough to get a name is
//! counted once however often it is used; what is short is written again each time, and counted each time.

use super::sharing::Sharing;
use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Graph, Look, NodeId, Op, Reduction};
use crate::number::Number;
use smallvec::SmallVec;
use std::collections::BinaryHeap;

/// Of one node without its operands.
fn own_cost(graph: &Graph, node: NodeId) -> usize {
    let operands = graph.operands(node);
    let reciprocals = |nodes: &[NodeId]| nodes.iter().filter(|o| is_reciprocal(graph, **o)).count();
    match graph.op(node) {
        Op::Linear => cost_of_sum(graph, node),
        Op::Product => cost_of_product(graph, operands),
        // A reciprocal in a product is its quotient sign; alone it is `1/x`, which its user counts.
        Op::Power => match graph.as_constant(operands[1]) {
            Some(n) if n.to_i64() == Some(-1) => 0,
            _ => 1 + reciprocals(operands),
        },
        // It is printed as a product.
        Op::Function(Function::Xlogy) => 2 + reciprocals(&operands[1..]),
        Op::Function(Function::Min) if is_clamp(graph, operands) => 0,
        Op::Function(Function::Exp) if is_shifted_by_total(graph, operands[0]) => 0,
        // Counted by its users, of which a softmax includes it.
        Op::Reduce(Reduction::LogSumExp, _) if operands.len() == 1 => 0,
        // Part of `normalize[k](e)`.
        Op::Compare(Comparison::Equal) if operands.iter().any(|o| is_norm(graph, *o)) => 0,
        Op::If if is_normalized(graph, operands) => 0,
        Op::Function(_) | Op::Reduce(..) | Op::Compare(_) => 1 + reciprocals(operands),
        Op::If => {
            usize::from(!(graph.is_one(operands[1]) && graph.is_zero(operands[2]))) + reciprocals(operands)
        }
        _ => 0,
    }
}

/// `k + c1*t1 + …`, printed with a common factor in front, or with the terms of one coefficient together, whichever
/// is shorter.
fn cost_of_sum(graph: &Graph, node: NodeId) -> usize {
    let operands = graph.operands(node);
    let zero = Number::ZERO;
    let constant = graph.as_constant(operands[0]).unwrap_or(&zero);
    let shift = usize::from(is_shifted_by_total(graph, node));
    let terms: SmallVec<[(&Number, NodeId); 8]> = operands[1..]
        .chunks_exact(2)
        .filter_map(|pair| graph.as_constant(pair[0]).map(|c| (c, pair[1])))
        .filter(|(_, term)| shift == 0 || !is_total(graph, *term))
        .collect();
    let count = terms.len() + usize::from(!constant.is_zero());
    let all_negative = terms.iter().all(|(c, _)| c.is_negative()) && !constant.is_positive() && shift == 0;
    let is_turned = terms.len() == 1 && constant.is_zero() && is_turnable(graph, terms[0].1);
    let sign = usize::from(all_negative && !is_turned);
    if terms.iter().all(|(c, _)| c.is_unit()) {
        let quotients = terms.iter().filter(|(_, t)| is_reciprocal(graph, *t)).count();
        return count + shift + sign + quotients - 1;
    }
    let mut sizes: Vec<Number> = terms.iter().map(|(c, _)| c.abs()).collect();
    sizes.sort();
    sizes.dedup();
    let mut best = scalings(graph, &terms, &Number::ONE);
    if count > 1 {
        let denominators = terms.iter().map(|(c, _)| c.parts().1).max().and_then(|d| d.recip());
        for factor in sizes.into_iter().take(4).chain(denominators).filter(|f| !f.is_one()) {
            best = best.min(factors_of(&factor) + scalings(graph, &terms, &factor));
        }
    }
    count + shift + sign + best - 1
}

/// The multiplications and divisions by numbers, with `factor` in front of the whole sum.
fn scalings(graph: &Graph, terms: &[(&Number, NodeId)], factor: &Number) -> usize {
    let mut groups: Vec<(Number, usize, usize)> = Vec::new();
    for (coefficient, term) in terms {
        let Some(size) = coefficient.abs().checked_div(factor) else { return usize::MAX / 2 };
        // `2/x` has its fraction bar from the reciprocal, and `1/x` has one of its own.
        let is_below = usize::from(is_reciprocal(graph, *term) || is_all_below(graph, *term));
        let alone = usize::from(is_reciprocal(graph, *term));
        match groups.iter_mut().find(|(known, _, _)| *known == size) {
            Some((_, count, bars)) => (*count, *bars) = (*count + 1, *bars + alone),
            None if size.parts().0.is_one() => groups.push((size, 1, alone)),
            None => groups.push((size, 1, if is_below == 1 && alone == 0 { usize::MAX } else { alone })),
        }
    }
    groups
        .into_iter()
        .map(|(size, count, bars)| match bars {
            // `2/(x*y)`: the fraction bar of the product was counted there.
            usize::MAX => factors_of(&size).saturating_sub(1),
            _ if size.is_one() => bars,
            // Together in brackets, or each on its own, where `1/(2*x)` has its bar as well.
            _ => {
                let own_bars = if size.parts().0.is_one() { bars } else { 0 };
                let together = if count > 1 { bars } else { own_bars };
                (factors_of(&size) + together).min(count * factors_of(&size) + own_bars)
            }
        })
        .sum()
}

fn cost_of_product(graph: &Graph, factors: &[NodeId]) -> usize {
    let mut cost = factors.len() - 1 + usize::from(factors.iter().all(|f| is_reciprocal(graph, *f)));
    // `(a*b)^2` for `a^2*b^2`, `(a/b)^2` for `a^2/b^2`.
    let mut exponents: Vec<i64> = factors
        .iter()
        .filter(|f| graph.op(**f) == Op::Power)
        .filter_map(|f| graph.as_constant(graph.operands(*f)[1]).and_then(Number::to_i64))
        .map(i64::abs)
        .filter(|n| *n > 1)
        .collect();
    exponents.sort_unstable();
    cost -= exponents.windows(2).filter(|pair| pair[0] == pair[1]).count();
    // A sum divided by the lengths of its axes is a mean.
    for factor in factors {
        if let Op::Reduce(Reduction::Sum, list) = graph.op(*factor)
            && !is_filtered(graph, graph.operands(*factor)[0])
        {
            let lengths = graph.bound_indices(list).iter().filter_map(|i| graph.index_entry(*i).range);
            let highs: Vec<NodeId> = lengths.filter(|r| graph.is_zero(r.low)).map(|r| r.high).collect();
            let is_length = |f: &&NodeId| is_inverse(graph, **f) && highs.contains(&graph.operands(**f)[0]);
            let divided = factors.iter().filter(is_length).count();
            if divided == highs.len() && divided > 0 {
                cost -= divided;
            }
        }
    }
    cost
}

/// Whether the body of a sum is printed with a filter: that is no mean, unless it only counts.
fn is_filtered(graph: &Graph, body: NodeId) -> bool {
    graph.op(body) == Op::If && !graph.is_one(graph.operands(body)[1])
}

fn factors_of(coefficient: &Number) -> usize {
    let (numerator, denominator) = coefficient.abs().parts();
    usize::from(!numerator.is_one()) + usize::from(!denominator.is_one())
}

/// A power to a negative number: printed alone, it is `1/…`.
fn is_reciprocal(graph: &Graph, node: NodeId) -> bool {
    graph.op(node) == Op::Power && graph.as_constant(graph.operands(node)[1]).is_some_and(Number::is_negative)
}

fn is_inverse(graph: &Graph, node: NodeId) -> bool {
    graph.op(node) == Op::Power && graph.as_constant(graph.operands(node)[1]) == Some(&Number::MINUS_ONE)
}

fn is_all_below(graph: &Graph, node: NodeId) -> bool {
    graph.op(node) == Op::Product && graph.operands(node).iter().all(|f| is_reciprocal(graph, *f))
}

fn is_total(graph: &Graph, node: NodeId) -> bool {
    matches!(graph.op(node), Op::Reduce(Reduction::LogSumExp, _))
}

fn is_norm(graph: &Graph, node: NodeId) -> bool {
    matches!(graph.op(node), Op::Reduce(Reduction::Norm, _))
}

/// `if norm[k](e) != 0 then e/norm[k](e) else 0` is printed as one operation.
fn is_normalized(graph: &Graph, operands: &[NodeId]) -> bool {
    let is_nonzero_norm = |condition: NodeId| {
        graph.op(condition) == Op::Not
            && graph.operands(graph.operands(condition)[0]).iter().any(|o| is_norm(graph, *o))
    };
    graph.op(operands[1]) == Op::Product && is_nonzero_norm(operands[0])
}

/// `a - logsumexp[c](b)` or its negative: the logarithm of a softmax, which is printed as one operation.
fn is_shifted_by_total(graph: &Graph, node: NodeId) -> bool {
    if graph.op(node) != Op::Linear || graph.operands(node).len() > 9 {
        return false;
    }
    let operands = graph.operands(node);
    operands.len() > 3
        && operands[1..]
            .chunks_exact(2)
            .any(|pair| is_total(graph, pair[1]) && graph.as_constant(pair[0]).is_some_and(Number::is_unit))
}

/// `min(high, max(low, x))` is `clamp(x, low, high)` where the bounds are fixed; the maximum is counted.
fn is_clamp(graph: &Graph, operands: &[NodeId]) -> bool {
    let is_fixed = |node: NodeId| match graph.op(node) {
        Op::Constant(_) => true,
        Op::Access(variable) => graph.variable(variable).is_hyperparameter,
        Op::Linear => graph.operands(node)[2..]
            .iter()
            .step_by(2)
            .all(|t| matches!(graph.op(*t), Op::Access(v) if graph.variable(v).is_hyperparameter)),
        _ => false,
    };
    let is_lower = |node: NodeId| {
        graph.op(node) == Op::Function(Function::Max)
            && graph.operands(node).len() == 2
            && graph.operands(node).iter().any(|o| is_fixed(*o))
    };
    operands.len() == 2
        && (is_fixed(operands[0]) && is_lower(operands[1]) || is_fixed(operands[1]) && is_lower(operands[0]))
}

/// Whether a sign in front can be had by turning a difference round: `-(y - p)/q` is `(p - y)/q`.
fn is_turnable(graph: &Graph, node: NodeId) -> bool {
    let is_difference = |node: NodeId| {
        graph.op(node) == Op::Linear && {
            let operands = graph.operands(node);
            let mut signs = operands
                .iter()
                .take(1)
                .chain(operands[1..].iter().step_by(2))
                .filter_map(|c| graph.as_constant(*c))
                .filter(|c| !c.is_zero())
                .map(Number::is_negative);
            let first = signs.next();
            signs.any(|s| Some(s) != first)
        }
    };
    match graph.op(node) {
        Op::Product => graph
            .operands(node)
            .iter()
            .any(|f| is_difference(*f) || is_inverse(graph, *f) && is_difference(graph.operands(*f)[0])),
        // `-sum[k](a*(b - c))` is `sum[k](a*(c - b))`; `1 - p` is left alone.
        Op::Reduce(Reduction::Sum, _) => {
            let body = graph.operands(node)[0];
            let is_plain = |f: &NodeId| is_difference(*f) && graph.is_zero(graph.operands(*f)[0]);
            graph.op(body) == Op::Product && graph.operands(body).iter().any(is_plain)
        }
        Op::Linear => is_difference(node),
        Op::Power => is_inverse(graph, node) && is_difference(graph.operands(node)[0]),
        _ => false,
    }
}

/// How many nodes are looked at to compare two expressions.
const COMPARISON_LIMIT: usize = 400;

/// The operands from which on a part that both have is looked up rather than gone through.
const MANY: usize = 64;

/// By how much one expression is longer than another: first in operations as printed, then in operations of which equal
/// ones are counted once, then in parts that the input did not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    pub operations: i64,
    pub distinct: i64,
    pub new_parts: i64,
}

impl Difference {
    pub const NONE: Difference = Difference { operations: 0, distinct: 0, new_parts: 0 };
}

/// Compares expressions.
pub(super) struct Costs {
    /// Nodes from here on came into being by rewriting.
    first_new: usize,
    /// Of single nodes, where they were worked out before.
    own: Vec<Option<Own>>,
    /// What is still to be looked at, with the expressions that reach it: see [`packed`].
    pending: BinaryHeap<u64>,
    /// Sums and products of many that both expressions have.
    long: Vec<NodeId>,
    /// Expressions in indices that were counted: the same at other indices is printed by the same name.
    seen: Vec<(Look, u8)>,
}

/// What a node costs.
#[derive(Clone, Copy)]
struct Own {
    /// The operations of the node, with those of operands that are written again at each use.
    operations: u16,
    /// The operations of the node itself.
    alone: u16,
    /// Whether it is one short operation on names and numbers, written again at each use.
    is_short: bool,
    /// Whether it costs nothing, and its operands neither.
    is_free: bool,
}

const FIRST: u8 = 1;
const SECOND: u8 = 2;
const BOTH: u8 = FIRST | SECOND;

/// A node and the expressions that reach it in one number, which orders them by node.
fn packed(node: NodeId, reached: u8) -> u64 {
    u64::from(node.0) << 8 | u64::from(reached)
}

fn unpacked(packed: u64) -> (NodeId, u8) {
    (NodeId((packed >> 8) as u32), packed as u8)
}

impl Costs {
    pub fn new(graph: &Graph) -> Self {
        Costs {
            first_new: graph.len(),
            own: Vec::new(),
            pending: BinaryHeap::new(),
            long: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// The same for a simplification that begins with `graph` as it is.
    pub fn since(self, graph: &Graph) -> Self {
        Costs { first_new: graph.len(), ..self }
    }

    /// By how much `first` is longer than `second`.
    ///
    /// What both have in common is not counted, nor what is there anyway because it is used elsewhere, and mostly
    /// not looked at: users have larger ids than operands, so going down by id, everything below is common once all
    /// that is left is.
    pub fn difference(
        &mut self,
        graph: &Graph,
        sharing: &Sharing,
        first: NodeId,
        second: NodeId,
    ) -> Difference {
        self.compare(graph, sharing, first, second, COMPARISON_LIMIT)
    }

    /// By how many operations `first` is longer than `second`, each by itself.
    pub fn difference_of_wholes(&mut self, graph: &Graph, first: NodeId, second: NodeId) -> i64 {
        self.compare(graph, &Sharing::default(), first, second, usize::MAX).operations
    }

    fn compare(
        &mut self,
        graph: &Graph,
        sharing: &Sharing,
        first: NodeId,
        second: NodeId,
        limit: usize,
    ) -> Difference {
        if first == second {
            return Difference::NONE;
        }
        let mut total = Difference::NONE;
        total.operations = self.alone(graph, first) - self.alone(graph, second);
        self.pending.clear();
        self.seen.clear();
        self.long.clear();
        self.pending.push(packed(first, FIRST));
        self.pending.push(packed(second, SECOND));
        let mut exclusive = 2;
        for _ in 0..limit {
            let Some(next) = self.pending.pop() else { break };
            let (node, mut reached) = unpacked(next);
            exclusive -= usize::from(reached != BOTH);
            while let Some((same, more)) = self.pending.peek().map(|next| unpacked(*next))
                && same == node
            {
                self.pending.pop();
                exclusive -= usize::from(more != BOTH);
                reached |= more;
            }
            if reached != BOTH && self.long.iter().any(|long| has_operand(graph, *long, node)) {
                reached = BOTH;
            }
            let own = self.of_node(graph, node);
            if reached != BOTH {
                let is_there = sharing.is_used_elsewhere(node);
                if is_there && !own.is_short {
                    continue;
                }
                let sign = if reached == FIRST { 1 } else { -1 };
                if own.is_short {
                    total.distinct += sign * i64::from(!is_there);
                } else if self.is_first_of_its_look(graph, node, reached) {
                    total.operations += sign * i64::from(own.operations);
                    total.distinct += sign * i64::from(own.alone);
                    total.new_parts += sign * i64::from(node.position() >= self.first_new);
                }
            } else if exclusive == 0 {
                break;
            } else if graph.operands(node).len() > MANY && has_sorted_operands(graph, node) {
                self.long.push(node);
                continue;
            }
            for operand in graph.operands(node) {
                if !self.of_node(graph, *operand).is_free {
                    self.pending.push(packed(*operand, reached));
                    exclusive += usize::from(reached != BOTH);
                }
            }
        }
        total
    }

    /// Whether nothing that differs from `node` in its indices only was counted for the same side.
    fn is_first_of_its_look(&mut self, graph: &Graph, node: NodeId, side: u8) -> bool {
        if graph.free_indices(node).is_empty() {
            return true;
        }
        let look = (graph.look(node), side);
        let is_first = !self.seen.contains(&look);
        self.seen.push(look);
        is_first
    }

    /// The operations of `roots` together.
    pub fn total(&mut self, graph: &Graph, roots: &[NodeId]) -> i64 {
        let mut total: i64 = roots.iter().map(|root| self.alone(graph, *root)).sum();
        self.seen.clear();
        for node in graph.reachable(roots).into_iter().rev() {
            let own = self.of_node(graph, node);
            let is_counted = !own.is_short && !own.is_free;
            if is_counted && self.is_first_of_its_look(graph, node, BOTH) {
                total += i64::from(own.operations);
            }
        }
        total
    }

    /// What the printed form of a whole expression has that its node does not count.
    fn alone(&mut self, graph: &Graph, node: NodeId) -> i64 {
        let own = is_reciprocal(graph, node) || is_total(graph, node);
        i64::from(own) + i64::from(self.of_node(graph, node).is_short)
    }

    #[inline]
    fn of_node(&mut self, graph: &Graph, node: NodeId) -> Own {
        match self.own.get(node.position()) {
            Some(Some(known)) => *known,
            _ => self.worked_out(graph, node),
        }
    }

    fn worked_out(&mut self, graph: &Graph, node: NodeId) -> Own {
        if self.own.len() <= node.position() {
            self.own.resize(graph.len(), None);
        }
        let operands = graph.operands(node);
        let own = own_cost(graph, node);
        let is_short = own == 1
            && matches!(graph.op(node), Op::Linear | Op::Product | Op::Power)
            && operands.iter().all(|o| is_name(graph, *o) || is_inverse_of_name(graph, *o));
        let mut operations = own;
        let has_total = graph.op(node) == Op::Linear && is_shifted_by_total(graph, node);
        for operand in operands {
            operations += usize::from(!has_total && is_total(graph, *operand));
            if matches!(graph.op(*operand), Op::Linear | Op::Product | Op::Power) {
                operations += usize::from(self.of_node(graph, *operand).is_short);
            }
        }
        let own = Own {
            operations: operations.min(9999) as u16,
            alone: own.min(9999) as u16,
            is_short,
            is_free: is_free(graph, node),
        };
        self.own[node.position()] = Some(own);
        own
    }
}

fn has_sorted_operands(graph: &Graph, node: NodeId) -> bool {
    matches!(graph.op(node), Op::Linear | Op::Product)
}

/// Whether `part` is a term or factor of a canonical sum or product, which has them in the order of their ids.
fn has_operand(graph: &Graph, node: NodeId, part: NodeId) -> bool {
    let operands = graph.operands(node);
    match graph.op(node) {
        Op::Linear => {
            let at = |n: usize| operands[2 + 2 * n];
            let (mut low, mut high) = (0, (operands.len() - 1) / 2);
            while low < high {
                let middle = (low + high) / 2;
                if at(middle) < part { low = middle + 1 } else { high = middle }
            }
            low < (operands.len() - 1) / 2 && at(low) == part
        }
        _ => operands.binary_search(&part).is_ok(),
    }
}

fn is_inverse_of_name(graph: &Graph, node: NodeId) -> bool {
    is_inverse(graph, node) && is_name(graph, graph.operands(node)[0])
}

/// What is a name, or gets one where it is used twice: calls such as `sigmoid(z)` are printed so.
fn is_name(graph: &Graph, node: NodeId) -> bool {
    match graph.op(node) {
        Op::Function(Function::Sigmoid | Function::Tanh | Function::Digamma) | Op::Reduce(..) => true,
        Op::Function(Function::Exp) => is_shifted_by_total(graph, graph.operands(node)[0]),
        _ => is_free(graph, node),
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
