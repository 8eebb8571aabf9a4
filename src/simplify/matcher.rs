//! Finding a rule's pattern in the graph.
//!
//! Sums and products are matched in any order, and a pattern that is a sum or product may be a part of a longer
//! one. A sum may also be a multiple of the pattern.

use super::rule::Rule;
use crate::function::Function;
use crate::graph::{Graph, IndexId, Map, NodeId, NodeList, Op, VariableId};
use crate::number::Number;
use smallvec::{SmallVec, smallvec};

/// What the variables and bound indices of a pattern stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Match {
    variables: SmallVec<[(VariableId, NodeId); 4]>,
    /// The indices that a bound index of the pattern stands for, by its name: several where the reduction binds
    /// several.
    indices: Vec<(String, Vec<IndexId>)>,
}

impl Match {
    /// What a variable stands for.
    fn get(&self, variable: VariableId) -> Option<NodeId> {
        self.variables.iter().find(|(known, _)| *known == variable).map(|(_, node)| *node)
    }

    /// With the variable standing for `node`, unless it stands for something else.
    fn with(mut self, variable: VariableId, node: NodeId) -> Option<Match> {
        match self.get(variable) {
            Some(known) => (known == node).then_some(self),
            None => {
                self.variables.push((variable, node));
                Some(self)
            }
        }
    }
}

/// The node with the first match of `rule` replaced at its root, and the guard that was proved, if the rule has one
/// that says something of variables.
pub(super) fn apply(graph: &mut Graph, rule: &Rule, node: NodeId) -> Option<(NodeId, Option<NodeId>)> {
    let (before, pattern) = (rule.before, &rule.graph);
    match (pattern.op(before), graph.op(node)) {
        (Op::Linear, Op::Linear) => apply_to_sum(graph, rule, node),
        (Op::Product, Op::Product) => apply_to_product(graph, rule, node),
        (a, b) if std::mem::discriminant(&a) == std::mem::discriminant(&b) => {
            let found = find(graph, pattern, before, node, Match::default())?;
            finish(graph, rule, &found)
        }
        _ => None,
    }
}

/// A right side, and the guard.
type Replacement = (NodeId, Option<NodeId>);

fn apply_to_sum(graph: &mut Graph, rule: &Rule, node: NodeId) -> Option<Replacement> {
    let (wanted, own) = (rule.graph.operands(rule.before), graph.operands(node));
    let terms = |operands| <[NodeId]>::iter(operands).skip(2).step_by(2).copied();
    let is_there = |want: NodeId| terms(own).any(|t| may_match(graph, &rule.graph, want, t));
    if own.len() < wanted.len() || own.len() > 2 * 12 + 1 || !terms(wanted).all(is_there) {
        return None;
    }
    let (constant, wanted) = rule.graph.terms(rule.before);
    let (own_constant, terms) = graph.terms(node);
    for (at, (coefficient, _)) in terms.iter().enumerate() {
        // The same multiple was tried already.
        if terms[..at].iter().any(|(before, _)| before == coefficient) {
            continue;
        }
        let ratio = coefficient.checked_div(&wanted[0].0)?;
        let scaled: Option<Vec<(Number, NodeId)>> =
            wanted.iter().map(|(c, t)| Some((c.checked_mul(&ratio)?, *t))).collect();
        let Some((found, rest)) = match_terms(graph, &rule.graph, &scaled?, &terms, Match::default()) else {
            continue;
        };
        let left = own_constant.checked_sub(&constant.checked_mul(&ratio)?)?;
        // A constant of the pattern must be there, or the rewriting would only move it.
        if !constant.is_zero() && !left.is_zero() {
            continue;
        }
        let Some((after, guard)) = finish(graph, rule, &found) else { continue };
        let mut result = rest;
        result.push((ratio, after));
        return Some((graph.linear(left, &result), guard));
    }
    None
}

fn apply_to_product(graph: &mut Graph, rule: &Rule, node: NodeId) -> Option<Replacement> {
    let wanted = rule.graph.operands(rule.before);
    let own = graph.operands(node);
    let is_there = |want: NodeId| own.iter().any(|f| may_match(graph, &rule.graph, want, *f));
    if own.len() < wanted.len() || own.len() > 12 || !wanted.iter().all(|want| is_there(*want)) {
        return None;
    }
    let wanted = wanted.to_vec();
    let factors = factor_list(graph, node)?;
    let (found, rest) = match_factors(graph, &rule.graph, &wanted, &factors, Match::default())?;
    let (after, guard) = finish(graph, rule, &found)?;
    let mut result = rest;
    result.push(after);
    Some((graph.mul(&result), guard))
}

/// Whether a part of a pattern may stand for `node` or, where that is a power, for its base: a look at the operations,
/// which settles most cases.
fn may_match(graph: &Graph, pattern: &Graph, wanted: NodeId, node: NodeId) -> bool {
    let alike = |node: NodeId| match (pattern.op(wanted), graph.op(node)) {
        (Op::Access(_) | Op::Linear, _) => true,
        (Op::Reduce(a, _), Op::Reduce(b, _)) => a == b,
        (a, b) => a == b,
    };
    alike(node) || graph.op(node) == Op::Power && alike(graph.operands(node)[0])
}

/// The factors of a product, the number in front of it among them.
fn factor_list(graph: &mut Graph, node: NodeId) -> Option<Vec<NodeId>> {
    let (coefficient, rest) = graph.split_coefficient(node);
    let mut factors = match graph.op(rest) {
        Op::Product => graph.operands(rest).to_vec(),
        _ if !coefficient.is_one() => vec![rest],
        _ => return None,
    };
    if !coefficient.is_one() {
        factors.insert(0, graph.constant(coefficient));
    }
    Some(factors)
}

/// Checks the guard and builds the right side.
fn finish(graph: &mut Graph, rule: &Rule, found: &Match) -> Option<Replacement> {
    let mut proved = None;
    if let Some(guard) = rule.guard {
        let condition = instantiate(graph, rule, guard, found)?;
        if !super::prove::holds(graph, condition) {
            return None;
        }
        proved = (!matches!(graph.op(condition), Op::Truth(_))).then_some(condition);
    }
    Some((instantiate(graph, rule, rule.after, found)?, proved))
}

fn match_terms(
    graph: &mut Graph,
    pattern: &Graph,
    wanted: &[(Number, NodeId)],
    terms: &[(Number, NodeId)],
    found: Match,
) -> Option<(Match, Vec<(Number, NodeId)>)> {
    let Some(((coefficient, term), others)) = wanted.split_first() else {
        return Some((found, terms.to_vec()));
    };
    for (at, (own, candidate)) in terms.iter().enumerate() {
        if own != coefficient {
            continue;
        }
        let Some(next) = find(graph, pattern, *term, *candidate, found.clone()) else { continue };
        let mut left = terms.to_vec();
        left.remove(at);
        if let Some(result) = match_terms(graph, pattern, others, &left, next) {
            return Some(result);
        }
    }
    None
}

fn match_factors(
    graph: &mut Graph,
    pattern: &Graph,
    wanted: &[NodeId],
    factors: &[NodeId],
    found: Match,
) -> Option<(Match, Vec<NodeId>)> {
    let Some((factor, others)) = wanted.split_first() else { return Some((found, factors.to_vec())) };
    for (at, candidate) in factors.iter().enumerate() {
        // One power of several: `x^2*sign(x)` holds an `x`.
        let (base, rest) = match (graph.op(*candidate), graph.operands(*candidate)) {
            (Op::Power, &[base, exponent]) if pattern.op(*factor) != Op::Power => {
                match graph.as_constant(exponent).and_then(Number::to_i64) {
                    Some(n) if n > 1 => (base, Some(graph.powi(base, n - 1))),
                    _ => (*candidate, None),
                }
            }
            // `cosh(x)^(-2)` holds a `cosh(x)^(-1)`.
            (Op::Power, &[base, exponent]) if is_inverse(pattern, *factor) => {
                match graph.as_constant(exponent).and_then(Number::to_i64) {
                    Some(n) if n < -1 => (graph.powi(base, -1), Some(graph.powi(base, n + 1))),
                    _ => (*candidate, None),
                }
            }
            _ => (*candidate, None),
        };
        let Some(next) = find(graph, pattern, *factor, base, found.clone()) else { continue };
        let mut left = factors.to_vec();
        left.remove(at);
        left.extend(rest);
        if let Some(result) = match_factors(graph, pattern, others, &left, next) {
            return Some(result);
        }
    }
    None
}

fn is_inverse(pattern: &Graph, node: NodeId) -> bool {
    pattern.op(node) == Op::Power
        && pattern.as_constant(pattern.operands(node)[1]) == Some(&Number::MINUS_ONE)
}

/// Extends `found` so that `wanted` stands for `node`. Patterns are small, so recursion is shallow.
fn find(graph: &mut Graph, pattern: &Graph, wanted: NodeId, node: NodeId, mut found: Match) -> Option<Match> {
    match pattern.op(wanted) {
        Op::Access(variable) => {
            // Without index it must not depend on what is bound around it; with one it may.
            if pattern.operands(wanted).is_empty() {
                let bound = found.indices.iter().flat_map(|(_, all)| all);
                if bound.clone().any(|index| graph.depends_on_index(node, *index)) {
                    return None;
                }
            }
            found.with(variable, node)
        }
        Op::Constant(id) => (graph.as_constant(node) == Some(pattern.number(id))).then_some(found),
        Op::Linear => {
            let (constant, terms) = pattern.terms(wanted);
            // `-z` and `2*x`: any multiple of a variable.
            if let ([(coefficient, term)], true) = (terms.as_slice(), constant.is_zero())
                && let Op::Access(variable) = pattern.op(*term)
            {
                let inverse = coefficient.recip()?;
                let value = graph.scale(&inverse, node);
                if found.get(variable).is_none() {
                    let (c, rest) = graph.split_coefficient(node);
                    let (content, _) = if c.is_one() { graph.split_content(rest) } else { (c, rest) };
                    // A sign in the pattern asks for one in the node, or it could be put in anywhere.
                    if coefficient.is_negative() != content.is_negative() {
                        return None;
                    }
                }
                return found.with(variable, value);
            }
            if graph.op(node) != Op::Linear {
                return None;
            }
            let (own_constant, own_terms) = graph.terms(node);
            if own_constant != constant || own_terms.len() != terms.len() {
                return None;
            }
            match_terms(graph, pattern, &terms, &own_terms, found).map(|(found, _)| found)
        }
        Op::Product => {
            let wanted = pattern.operands(wanted).to_vec();
            let factors = factor_list(graph, node)?;
            if wanted.len() != factors.len() {
                return None;
            }
            match_factors(graph, pattern, &wanted, &factors, found)
                .filter(|(_, rest)| rest.is_empty())
                .map(|m| m.0)
        }
        Op::Reduce(reduction, list) => {
            let Op::Reduce(own, _) = graph.op(node) else { return None };
            if own != reduction || graph.operands(node).len() != pattern.operands(wanted).len() {
                return None;
            }
            let name = pattern.index_entry(*pattern.bound_indices(list).first()?).name.clone();
            let (indices, body, _) = graph.open(node);
            found.indices.push((name, indices));
            find(graph, pattern, pattern.operands(wanted)[0], body, found)
        }
        // `1/a` of a number is another number.
        Op::Power if graph.as_constant(node).is_some() => {
            let operands = pattern.operands(wanted);
            let (Op::Access(variable), Some(exponent)) =
                (pattern.op(operands[0]), pattern.as_constant(operands[1]))
            else {
                return None;
            };
            let known = found.get(variable)?;
            let exponent = graph.constant(exponent.clone());
            (graph.power(known, exponent) == node).then_some(found)
        }
        op => {
            if graph.op(node) != op {
                return None;
            }
            let wanted_operands = pattern.operands(wanted);
            let mut operands = NodeList::from_slice(graph.operands(node));
            // `a < b` is `0 < b - a` to a pattern with 0.
            if let (Op::Compare(_), [zero, _], &[a, b]) = (op, wanted_operands, operands.as_slice())
                && pattern.is_zero(*zero)
                && !graph.is_zero(a)
            {
                operands = smallvec![graph.integer(0), graph.sub(b, a)];
            }
            if operands.len() != wanted_operands.len() {
                return None;
            }
            // `max(0, x)` is `max(x, 0)`: operands stand in the order in which they came into being.
            if let (Op::Function(Function::Max | Function::Min), [a, b], [c, d]) =
                (op, operands.as_slice(), wanted_operands)
            {
                let swapped = find(graph, pattern, *c, *b, found.clone())
                    .and_then(|found| find(graph, pattern, *d, *a, found));
                if swapped.is_some() {
                    return swapped;
                }
            }
            for (wanted, operand) in wanted_operands.iter().zip(operands) {
                found = find(graph, pattern, *wanted, operand, found)?;
            }
            Some(found)
        }
    }
}

/// A node of the rule with the matched parts in the place of its variables.
fn instantiate(graph: &mut Graph, rule: &Rule, root: NodeId, found: &Match) -> Option<NodeId> {
    let mut built: Map<NodeId, NodeId> = Map::default();
    for node in rule.graph.reachable(&[root]) {
        let operands = rule.graph.operands(node);
        let new = match rule.graph.op(node) {
            Op::Constant(id) => graph.constant(rule.graph.number(id).clone()),
            Op::Access(variable) => found.get(variable)?,
            // Positions within accesses are part of what the variable stands for.
            Op::Index(_) | Op::Size(_) => graph.integer(0),
            Op::Pi => graph.pi(),
            Op::Reduce(reduction, list) => {
                let name = &rule.graph.index_entry(*rule.graph.bound_indices(list).first()?).name;
                let (_, indices) = found.indices.iter().find(|(known, _)| known == name)?;
                let body = built[&operands[0]];
                graph.reduce(reduction, &indices.clone(), body, None)
            }
            op => {
                let operands: Vec<NodeId> = operands.iter().map(|o| built[o]).collect();
                graph.construct(op, &operands)
            }
        };
        built.insert(node, new);
    }
    built.get(&root).copied()
}
