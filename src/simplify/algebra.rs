//! Sums and products: multiplying out, common factors, common denominators.
//!
//! Each function proposes another form of the same expression, or none. Which one is kept is decided by length.

use crate::function::Function;
use crate::graph::{Graph, NodeId, NodeList, Op, Reduction};
use crate::number::Number;
use smallvec::{SmallVec, smallvec};

/// The positions of some terms of a sum.
type Group = SmallVec<[usize; 8]>;

/// The factors of a term: base and exponent of each.
type Powers = SmallVec<[(NodeId, NodeId); 6]>;

/// The most terms of a sum that is looked at.
const TERM_LIMIT: usize = 24;

/// The most terms that multiplying out may give.
const EXPANSION_LIMIT: usize = 12;

/// Exponents up to here are multiplied out.
const POWER_LIMIT: i64 = 2;

/// The product or sum of products with every sum in it multiplied out.
pub(super) fn expanded(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    expanded_up_to(graph, node, POWER_LIMIT)
}

/// The same with powers of sums multiplied out up to a largest exponent: 1 leaves all of them as they are.
fn expanded_up_to(graph: &mut Graph, node: NodeId, largest: i64) -> Option<NodeId> {
    let (constant, terms) = graph.terms(node);
    let mut all: Vec<(Number, NodeId)> = Vec::new();
    let mut total = constant;
    let mut changed = false;
    for (coefficient, term) in terms {
        match expanded_product(graph, term, largest) {
            Some((inner_constant, inner)) => {
                changed = true;
                total = total.checked_add(&inner_constant.checked_mul(&coefficient)?)?;
                for (c, t) in inner {
                    all.push((c.checked_mul(&coefficient)?, t));
                }
            }
            None => all.push((coefficient, term)),
        }
        if all.len() > EXPANSION_LIMIT {
            return None;
        }
    }
    changed.then(|| graph.linear(total, &all))
}

/// A sum with its terms that are products of something with a sum multiplied out by that one sum: what they are then
/// may have more in common with the other terms.
pub(super) fn distributed(graph: &mut Graph, node: NodeId) -> Option<NodeId> {
    if graph.op(node) != Op::Linear {
        return None;
    }
    let (constant, terms) = graph.terms(node);
    let mut all: Vec<(Number, NodeId)> = Vec::with_capacity(terms.len() + 2);
    let mut changed = false;
    for (coefficient, term) in terms {
        let factors = match graph.op(term) {
            Op::Product => NodeList::from_slice(graph.operands(term)),
            _ => NodeList::new(),
        };
        // The longest sum: `1 - p` is better left alone.
        let sum = (0..factors.len())
            .filter(|at| graph.op(factors[*at]) == Op::Linear)
            .max_by_key(|at| (std::cmp::Reverse(graph.look(factors[*at]).size), *at))
            .filter(|at| {
                let operands = graph.operands(factors[*at]);
                operands.iter().any(|o| matches!(graph.op(*o), Op::Product | Op::Power))
            });
        let Some(at) = sum else {
            all.push((coefficient, term));
            continue;
        };
        let others: NodeList = (0..factors.len()).filter(|n| *n != at).map(|n| factors[n]).collect();
        let others = graph.mul(&others);
        let (inner_constant, inner) = graph.terms(factors[at]);
        changed = true;
        for (own, part) in inner {
            all.push((own.checked_mul(&coefficient)?, graph.mul(&[part, others])));
        }
        all.push((inner_constant.checked_mul(&coefficient)?, others));
        if all.len() > EXPANSION_LIMIT {
            return None;
        }
    }
    changed.then(|| graph.linear(constant, &all))
}

/// A product over its sums; `None` where there is no sum to multiply out.
fn expanded_product(
    graph: &mut Graph,
    node: NodeId,
    largest: i64,
) -> Option<(Number, Vec<(Number, NodeId)>)> {
    let factors = match graph.op(node) {
        Op::Product => graph.operands(node),
        Op::Power => &[node],
        _ => return None,
    };
    let mut sums = NodeList::new();
    let mut others = NodeList::new();
    for factor in factors.iter().copied() {
        match (graph.op(factor), graph.operands(factor)) {
            (Op::Linear, _) => sums.push(factor),
            (Op::Power, &[base, exponent]) if graph.op(base) == Op::Linear => {
                match graph.as_constant(exponent).and_then(Number::to_i64) {
                    Some(n) if (2..=largest).contains(&n) => sums.extend((0..n).map(|_| base)),
                    _ => others.push(factor),
                }
            }
            _ => others.push(factor),
        }
    }
    if sums.is_empty() {
        return None;
    }
    let rest = graph.mul(&others);
    let mut result: Vec<(Number, NodeId)> = vec![(Number::ONE, rest)];
    for sum in sums {
        if is_long(graph, sum, EXPANSION_LIMIT) {
            return None;
        }
        let (constant, terms) = graph.terms(sum);
        if result.len() * (terms.len() + usize::from(!constant.is_zero())) > EXPANSION_LIMIT {
            return None;
        }
        let mut next = Vec::with_capacity(result.len() * (terms.len() + 1));
        for (c, t) in &result {
            if !constant.is_zero() {
                next.push((c.checked_mul(&constant)?, *t));
            }
            for (own, term) in &terms {
                next.push((c.checked_mul(own)?, graph.mul(&[*t, *term])));
            }
        }
        result = next;
    }
    let node = graph.linear(Number::ZERO, &result);
    Some(graph.terms(node))
}

/// Whether a sum has more than so many terms: looked at before they are gone through, as a long sum may be part of very
/// many products.
fn is_long(graph: &Graph, sum: NodeId, limit: usize) -> bool {
    graph.operands(sum).len() > 2 * limit + 1
}

/// The factors of a term. A choice `if c then a else 0` has the factors of `a` and `[c]`.
fn factors(graph: &mut Graph, term: NodeId) -> Powers {
    let (mut product, mut bracket) = (term, None);
    if let (Op::If, &[condition, then, otherwise]) = (graph.op(term), graph.operands(term))
        && graph.is_zero(otherwise)
        && !graph.is_one(then)
    {
        (product, bracket) = (then, Some(graph.iverson(condition)));
    }
    let one = graph.integer(1);
    let mut list = NodeList::new();
    let mut split = Powers::new();
    let parts: NodeList = match graph.op(product) {
        Op::Product => NodeList::from_slice(graph.operands(product)),
        _ => smallvec![product],
    };
    for factor in parts.into_iter().chain(bracket) {
        match softmax_factors(graph, factor) {
            Some(factors) => split.extend(factors),
            None => list.push(factor),
        }
    }
    list.into_iter()
        .map(|factor| match (graph.op(factor), graph.operands(factor)) {
            (Op::Power, &[base, exponent]) => (base, exponent),
            // e^(2*a) is a square of e^a, if e^a is there as well.
            (Op::Function(Function::Exp), &[argument]) => {
                let (coefficient, rest) = graph.split_coefficient(argument);
                let (content, rest) =
                    if coefficient.is_one() { graph.split_content(rest) } else { (coefficient, rest) };
                if !content.is_integer() || content.is_one() || content.is_negative() {
                    return (factor, one);
                }
                (graph.function(Function::Exp, &[rest]), graph.constant(content))
            }
            _ => (factor, one),
        })
        .chain(split)
        .collect()
}

/// Factors with `exp(-z)` as `1/exp(z)`; elements of a softmax stay as they are.
fn quotient_factors(graph: &mut Graph, factors: &[(NodeId, NodeId)]) -> Powers {
    let mut all = Powers::from_slice(factors);
    for (base, exponent) in &mut all {
        let (Op::Function(Function::Exp), &[argument]) = (graph.op(*base), graph.operands(*base)) else {
            continue;
        };
        if is_shifted(graph, argument) {
            continue;
        }
        let (coefficient, rest) = graph.split_coefficient(argument);
        let content = if coefficient.is_one() { graph.split_content(rest).0 } else { coefficient };
        if content.is_negative() {
            let opposite = graph.neg(argument);
            *base = graph.function(Function::Exp, &[opposite]);
            *exponent = graph.neg(*exponent);
        }
    }
    all
}

/// Whether the total of a softmax is among the terms of `argument`.
fn is_shifted(graph: &Graph, argument: NodeId) -> bool {
    graph.operands(argument).iter().any(|o| matches!(graph.op(*o), Op::Reduce(Reduction::LogSumExp, _)))
}

/// A product of softmax elements, which is one exponential in canonical form: `exp(a + b - 2*logsumexp(z))` is
/// `exp(a - logsumexp(z))*exp(b - logsumexp(z))`.
fn softmax_factors(graph: &mut Graph, node: NodeId) -> Option<Vec<(NodeId, NodeId)>> {
    let (Op::Function(Function::Exp), &[argument]) = (graph.op(node), graph.operands(node)) else {
        return None;
    };
    if !is_shifted(graph, argument) {
        return None;
    }
    // `(a + b)/tau` is two terms.
    let argument = expanded(graph, argument).unwrap_or(argument);
    let (constant, terms) = graph.terms(argument);
    let is_total = |graph: &Graph, n: NodeId| matches!(graph.op(n), Op::Reduce(Reduction::LogSumExp, _));
    let (count, total) = terms.iter().find(|(_, t)| is_total(graph, *t)).cloned()?;
    let mut left = (-&count).to_i64().filter(|n| (2..=4).contains(n) && constant.is_zero())?;
    let mut factors = Vec::new();
    for (coefficient, term) in terms.into_iter().filter(|(_, t)| *t != total) {
        let times = coefficient.to_i64().filter(|n| *n > 0)?;
        left -= times;
        let element = graph.sub(term, total);
        let element = graph.function(Function::Exp, &[element]);
        factors.push((element, graph.integer(times)));
    }
    (left == 0).then_some(factors)
}

/// Sums with a factor that several terms share taken out of them: one proposal for each way to do so. Of the factors
/// that not all terms share, the first `most` are tried.
pub(super) fn factored(graph: &mut Graph, node: NodeId, most: usize) -> Vec<NodeId> {
    if graph.op(node) != Op::Linear || is_long(graph, node, TERM_LIMIT) {
        return Vec::new();
    }
    let (constant, terms) = graph.terms(node);
    if terms.len() < 2 && constant.is_zero() {
        return Vec::new();
    }
    let parts: Vec<Powers> = terms.iter().map(|(_, t)| factors(graph, *t)).collect();
    // The bases, and which terms have each.
    let mut bases: Vec<NodeId> = Vec::with_capacity(2 * terms.len());
    let mut users: Vec<Group> = Vec::with_capacity(2 * terms.len());
    for (at, part) in parts.iter().enumerate() {
        for (base, _) in part {
            match bases.iter().position(|known| known == base) {
                Some(known) => users[known].push(at),
                None => {
                    bases.push(*base);
                    users.push(smallvec![at]);
                }
            }
        }
    }
    let mut proposals = Vec::new();
    // Each of the factors that the same terms share leads to the same.
    let mut tried: Vec<(Powers, Group, Option<NodeId>)> = Vec::new();
    let mut propose = |graph: &mut Graph, common: Powers, group: Group| {
        let is_same =
            |known: &Powers| known.len() == common.len() && common.iter().all(|f| known.contains(f));
        let known = tried.iter().find(|(known, its, _)| *its == group && is_same(known)).map(|known| known.2);
        let found = known.unwrap_or_else(|| {
            let found = divided(graph, &constant, &terms, &parts, &common, &group);
            tried.push((common, group, found));
            found
        });
        if found != proposals.last().copied() {
            proposals.extend(found);
        }
    };
    // All that is common to all terms, at once.
    if constant.is_zero() {
        for highest in [false, true] {
            let common = common_factors(graph, &parts, &bases, &users, highest);
            propose(graph, common, (0..terms.len()).collect());
        }
    }
    // One factor that some terms share; of many, those that most terms share.
    let mut shared: Vec<(NodeId, Group)> =
        bases.into_iter().zip(users).filter(|(_, group)| group.len() > 1).collect();
    shared.sort_by_key(|(_, group)| std::cmp::Reverse(group.len()));
    shared.truncate(most);
    for (base, group) in shared {
        if group.len() == terms.len() && constant.is_zero() && terms.len() > 4 {
            continue;
        }
        let exponents: NodeList = group
            .iter()
            .filter_map(|at| parts[*at].iter().find(|(b, _)| *b == base).map(|(_, e)| *e))
            .collect();
        let Some(exponent) = extreme_exponent(graph, &exponents, false) else { continue };
        // What several terms share beside it goes out with it.
        let mut common: Powers = smallvec![(base, exponent)];
        let is_shared = |factor: &&(NodeId, NodeId)| {
            factor.0 != base && group.iter().all(|at| parts[*at].contains(factor))
        };
        common.extend(parts[group[0]].iter().filter(is_shared).copied());
        propose(graph, common, group);
    }
    proposals
}

/// What all terms have, each with its lowest (or highest) exponent.
fn common_factors(
    graph: &mut Graph,
    parts: &[Powers],
    bases: &[NodeId],
    users: &[Group],
    highest: bool,
) -> Powers {
    let mut common = Powers::new();
    for (base, _) in bases.iter().zip(users).filter(|(_, group)| group.len() == parts.len()) {
        let exponents: NodeList =
            parts.iter().filter_map(|part| part.iter().find(|(b, _)| b == base).map(|(_, e)| *e)).collect();
        // Above the lowest exponent, some quotient has the base below: it must not be 0, which it is not where it
        // stands below already.
        let is_below = exponents.iter().any(|e| graph.as_constant(*e).is_some_and(Number::is_negative));
        let highest = highest && (is_below || graph.interval(*base).is_positive());
        if let Some(exponent) = extreme_exponent(graph, &exponents, highest) {
            common.push((*base, exponent));
        }
    }
    common
}

/// The lowest or highest of exponents that differ by numbers.
fn extreme_exponent(graph: &mut Graph, exponents: &[NodeId], highest: bool) -> Option<NodeId> {
    let mut best = *exponents.first()?;
    for exponent in &exponents[1..] {
        let difference = graph.sub(*exponent, best);
        let difference = graph.as_constant(difference)?;
        if difference.is_zero() {
            continue;
        }
        if !difference.is_integer() {
            return None;
        }
        if difference.is_positive() == highest {
            best = *exponent;
        }
    }
    // A reciprocal in front of a sum is a matter of common denominators.
    Some(best)
}

/// The condition `c` of a term `if c then a else 0`.
fn guard(graph: &Graph, term: NodeId) -> Option<NodeId> {
    match (graph.op(term), graph.operands(term)) {
        (Op::If, &[condition, _, otherwise]) if graph.is_zero(otherwise) => Some(condition),
        _ => None,
    }
}

/// Whether the power of `base` to `exponent` may stand in front of the sum of the terms with these factors.
///
/// What stands under a guard need not be defined where the guard does not hold. Outside it must be: because it brings
/// its guard along, because a term without a guard has it as well, or because it is defined everywhere. That the base is
/// there without a guard is enough for a whole positive power.
fn may_leave_guards(
    graph: &mut Graph,
    terms: &[(Number, NodeId)],
    parts: &[Powers],
    group: &[usize],
    (base, exponent): (NodeId, NodeId),
) -> bool {
    let own = guard(graph, base);
    let guards: SmallVec<[Option<NodeId>; 8]> = group.iter().map(|at| guard(graph, terms[*at].1)).collect();
    if guards.iter().all(|g| g.is_none() || *g == own) {
        return true;
    }
    let number = graph.as_constant(exponent).cloned();
    let is_negative = |graph: &Graph, e: NodeId| graph.as_constant(e).is_some_and(Number::is_negative);
    let is_whole = number.as_ref().is_some_and(|n| n.is_integer() && n.is_positive());
    let is_below = number.as_ref().is_some_and(Number::is_negative);
    let in_the_open = guards.iter().zip(group).filter(|(g, _)| g.is_none()).any(|(_, at)| {
        parts[*at]
            .iter()
            .any(|(b, e)| *b == base && (*e == exponent || is_whole || is_below && is_negative(graph, *e)))
    });
    in_the_open || {
        let around: Vec<_> = group.iter().flat_map(|at| graph.free_indices(terms[*at].1)).copied().collect();
        let power = graph.power(base, exponent);
        graph.is_defined_everywhere(power, &around)
    }
}

/// `common*(the terms in group divided by it) + the others`.
fn divided(
    graph: &mut Graph,
    constant: &Number,
    terms: &[(Number, NodeId)],
    parts: &[Powers],
    common: &[(NodeId, NodeId)],
    group: &[usize],
) -> Option<NodeId> {
    let mut powers = NodeList::with_capacity(common.len());
    for (base, exponent) in common {
        if !may_leave_guards(graph, terms, parts, group, (*base, *exponent)) {
            return None;
        }
        powers.push(graph.power(*base, *exponent));
    }
    if powers.is_empty() {
        return None;
    }
    let common = graph.mul(&powers);
    let inverse = graph.powi(common, -1);
    let mut inside: Vec<(Number, NodeId)> = Vec::with_capacity(group.len());
    let mut outside: Vec<(Number, NodeId)> = Vec::with_capacity(terms.len() + 1);
    for (at, (coefficient, term)) in terms.iter().enumerate() {
        if group.contains(&at) {
            inside.push((coefficient.clone(), graph.mul(&[*term, inverse])));
        } else {
            outside.push((coefficient.clone(), *term));
        }
    }
    let sum = graph.linear(Number::ZERO, &inside);
    let product = graph.mul(&[common, sum]);
    outside.push((Number::ONE, product));
    Some(graph.linear(constant.clone(), &outside))
}

/// The sum over its common denominator, with the numerator multiplied out: with powers of sums in it, and without.
///
/// Where the original is defined no denominator is 0, so nothing is lost by multiplying with them.
pub(super) fn over_common_denominator(graph: &mut Graph, node: NodeId) -> Vec<NodeId> {
    let Some((below, numerator)) = common_denominator(graph, node) else { return Vec::new() };
    let careful = expanded_up_to(graph, numerator, 1).unwrap_or(numerator);
    let mut numerators = vec![careful];
    // Without powers in it there is nothing more.
    numerators.extend(expanded(graph, careful).filter(|all| *all != careful));
    numerators.into_iter().map(|numerator| graph.mul(&[below, numerator])).collect()
}

/// What stands below all of a sum, and what then stands above.
fn common_denominator(graph: &mut Graph, node: NodeId) -> Option<(NodeId, NodeId)> {
    if graph.op(node) != Op::Linear || is_long(graph, node, TERM_LIMIT) {
        return None;
    }
    let (constant, terms) = graph.terms(node);
    let mut denominators: Vec<(NodeId, i64)> = Vec::new();
    let (mut guarded, mut unguarded): (Vec<NodeId>, Vec<NodeId>) = (Vec::new(), Vec::new());
    for (_, term) in &terms {
        let is_guarded = guard(graph, *term).is_some();
        for (base, exponent) in factors(graph, *term) {
            let Some(n) = graph.as_constant(exponent).and_then(Number::to_i64).filter(|n| *n < 0) else {
                continue;
            };
            if is_guarded {
                guarded.push(base);
            } else {
                unguarded.push(base);
            }
            match denominators.iter_mut().find(|(known, _)| *known == base) {
                Some((_, power)) => *power = (*power).min(n),
                None => denominators.push((base, n)),
            }
        }
    }
    if denominators.is_empty() || denominators.len() > 6 {
        return None;
    }
    // As for common factors: below the whole sum stands only what must not be 0 anyway.
    for base in guarded {
        let (inverse, around) = (graph.powi(base, -1), graph.free_indices(node).to_vec());
        if !unguarded.contains(&base) && !graph.is_defined_everywhere(inverse, &around) {
            return None;
        }
    }
    let (mut below, mut multiplier) = (Vec::new(), Vec::new());
    for (base, n) in denominators {
        below.push(graph.powi(base, n));
        multiplier.push(graph.powi(base, -n));
    }
    let multiplier = graph.mul(&multiplier);
    let mut numerator: Vec<(Number, NodeId)> = Vec::new();
    for (coefficient, term) in terms {
        numerator.push((coefficient, graph.mul(&[term, multiplier])));
    }
    if !constant.is_zero() {
        numerator.push((constant, multiplier));
    }
    let numerator = graph.linear(Number::ZERO, &numerator);
    Some((graph.mul(&below), numerator))
}

/// A product with a sum in it, where what stands beside the sum cancels what stands below its terms: `p*(a + b/p)` is
/// `a*p + b`, and `1/(e*(a + b/e))` is `1/(a*e + b)`.
///
/// An exponential of a negative is one below the bar, but in differences, which are accurate with it.
pub(super) fn cancelled(graph: &mut Graph, node: NodeId) -> Vec<NodeId> {
    let plain = factors(graph, node);
    let turned = quotient_factors(graph, &plain);
    let mut proposals = Vec::new();
    for (at, (sum, exponent)) in plain.iter().enumerate() {
        let is_unit = graph.as_constant(*exponent).is_some_and(Number::is_unit);
        if graph.op(*sum) != Op::Linear || !is_unit || is_long(graph, *sum, TERM_LIMIT) {
            continue;
        }
        // 1 above the bar, -1 below it.
        let side = if graph.is_one(*exponent) { 1 } else { -1 };
        let (constant, terms) = graph.terms(*sum);
        let has_one_sign = terms.iter().all(|(c, _)| c.is_negative()) && !constant.is_positive()
            || terms.iter().all(|(c, _)| c.is_positive()) && !constant.is_negative();
        let own = if has_one_sign { &turned } else { &plain };
        let below = denominators(graph, &terms, has_one_sign);
        let (mut multiplier, mut rest) = (Vec::new(), Vec::new());
        for (n, (base, exponent)) in own.iter().enumerate() {
            if n == at {
                continue;
            }
            let known = below.iter().find(|(b, _)| b == base).map(|(_, power)| -power);
            let taken = match (known, graph.as_constant(*exponent)) {
                (None, _) => 0,
                (Some(power), Some(own)) => own.to_i64().map_or(0, |own| power.min(side * own).max(0)),
                // A power to a name keeps the rest of it.
                (Some(power), None) => power,
            };
            if taken > 0 {
                multiplier.push(graph.powi(*base, taken));
                let lowered = graph.linear(Number::integer(-side * taken), &[(Number::ONE, *exponent)]);
                rest.push(graph.power(*base, lowered));
            } else {
                rest.push(graph.power(*base, *exponent));
            }
        }
        if multiplier.is_empty() {
            continue;
        }
        let multiplier = graph.mul(&multiplier);
        let mut inside: Vec<(Number, NodeId)> = Vec::with_capacity(terms.len() + 1);
        for (coefficient, term) in terms {
            inside.push((coefficient, graph.mul(&[term, multiplier])));
        }
        inside.push((constant, multiplier));
        let inside = graph.linear(Number::ZERO, &inside);
        let expanded = expanded(graph, inside);
        for inside in [inside].into_iter().chain(expanded) {
            let mut all = rest.clone();
            all.push(graph.powi(inside, side));
            proposals.push(graph.mul(&all));
        }
    }
    proposals
}

/// The lowest power of each base that stands below one of `terms`.
fn denominators(graph: &mut Graph, terms: &[(Number, NodeId)], has_one_sign: bool) -> Vec<(NodeId, i64)> {
    let mut below: Vec<(NodeId, i64)> = Vec::new();
    for (_, term) in terms {
        if guard(graph, *term).is_some() {
            continue;
        }
        let mut own = factors(graph, *term);
        if has_one_sign {
            own = quotient_factors(graph, &own);
        }
        for (base, exponent) in own {
            let exponent = graph.as_constant(exponent).and_then(Number::to_i64);
            let Some(n) = exponent.filter(|n| *n < 0) else { continue };
            match below.iter_mut().find(|(known, _)| *known == base) {
                Some((_, power)) => *power = (*power).min(n),
                None => below.push((base, n)),
            }
        }
    }
    below
}
