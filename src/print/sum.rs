//! Sums as they are printed.

use super::convert::Converter;
use super::form::Form;
use super::product::Fraction;
use super::special;
use crate::function::Function;
use crate::graph::{NodeId, Op, Reduction};
use crate::number::Number;
use std::cmp::Reverse;

impl Converter<'_> {
    /// A sum, with a common factor in front where that saves operations.
    pub(super) fn sum(&mut self, node: NodeId) -> Form {
        if let Some(form) = self.log_of_name(node) {
            return form;
        }
        if let Some(form) = self.log_softmax(node) {
            return form;
        }
        self.sum_in_order(node, false)
    }

    /// `z[t] - logsumexp[c](z)` is the logarithm of an element of a softmax: `log(p[t])`, if that goes by a name.
    fn log_of_name(&mut self, node: NodeId) -> Option<Form> {
        let is_total = |term: &NodeId| matches!(self.graph.op(*term), Op::Reduce(Reduction::LogSumExp, _));
        if !self.graph.operands(node).iter().any(is_total) {
            return None;
        }
        let opposite = self.graph.neg(node);
        for (candidate, negative) in [(node, false), (opposite, true)] {
            let element = self.graph.function(Function::Exp, &[candidate]);
            if self.has_name(element) && self.defined != Some(element) {
                let log = Form::Function(Function::Log, vec![self.form(element)]);
                return Some(if negative { log.negated() } else { log });
            }
        }
        None
    }

    fn log_softmax(&mut self, node: NodeId) -> Option<Form> {
        let is_total = |term: &NodeId| matches!(self.graph.op(*term), Op::Reduce(Reduction::LogSumExp, _));
        let total = self.graph.operands(node).iter().copied().find(is_total)?;
        if self.has_name(total) {
            return None;
        }
        let opposite = self.graph.neg(node);
        for (candidate, negative) in [(node, false), (opposite, true)] {
            if let Some((argument, indices)) = special::log_softmax_parts(self.graph, candidate)
                && let Some(form) = self.softmax_form("log_softmax", argument, &indices)
            {
                return Some(if negative { form.negated() } else { form });
            }
        }
        None
    }

    /// The sum, or its negative where that shows its first variable with a plus: the base of an even power.
    pub(super) fn sum_of_either_sign(&mut self, node: NodeId) -> Form {
        self.sum_in_order(node, true)
    }

    fn sum_in_order(&mut self, node: NodeId, either_sign: bool) -> Form {
        let (mut constant, mut terms) = self.graph.terms(node);
        terms.sort_by_cached_key(|(_, term)| {
            let rank = self.order.rank(self.graph, *term);
            // Deltas and choices read best behind what they are taken from, and what is fixed behind what varies.
            let is_choice = self.graph.op(*term) == Op::If;
            (is_choice, rank.is_fixed, Reverse(rank.degree), rank.first, rank.size, rank.digest)
        });
        if either_sign && constant.is_zero() && terms.first().is_some_and(|(c, _)| c.is_negative()) {
            constant = -&constant;
            terms.iter_mut().for_each(|(c, _)| *c = -&*c);
        }
        // Each term is converted once, whatever is put in front of the sum.
        let mut fractions = Vec::with_capacity(terms.len());
        for (coefficient, term) in terms {
            let fraction = self.fraction(term);
            fractions.push((coefficient, fraction));
        }
        let mut best: Option<(usize, Form)> = None;
        for factor in candidate_factors(&constant, &fractions) {
            let Some(inverse) = factor.recip() else { continue };
            let scaled = |value: &Number| value.checked_mul(&inverse);
            let Some(inner_constant) = scaled(&constant) else { continue };
            let inner: Option<Vec<(Number, &Fraction)>> =
                fractions.iter().map(|(c, t)| Some((scaled(c)?, t))).collect();
            let Some(inner) = inner else { continue };
            let sum = plain_sum(&inner_constant, &inner);
            let form = if factor.is_one() { sum } else { scaled_form(&factor, sum) };
            let operations = form.operations();
            if best.as_ref().is_none_or(|(known, _)| operations < *known) {
                best = Some((operations, form));
            }
        }
        best.map_or_else(|| Form::Number(constant), |(_, form)| form)
    }
}

/// A positive term first; a constant last, or first where it alone is positive.
///
/// Terms with one coefficient stand together: `2*(a + b) + c`.
fn plain_sum(constant: &Number, terms: &[(Number, &Fraction)]) -> Form {
    let mut parts: Vec<(bool, Form)> = Vec::with_capacity(terms.len() + 1);
    for (at, (coefficient, term)) in terms.iter().enumerate() {
        let size = coefficient.abs();
        let is_alike = |(other, _): &&(Number, &Fraction)| other.abs() == size;
        let is_whole = constant.is_zero() && terms.iter().all(|t| is_alike(&t));
        if !size.is_one() && !is_whole && terms.iter().filter(is_alike).count() > 1 {
            if terms[..at].iter().any(|t| is_alike(&t)) {
                continue;
            }
            let group: Vec<(Number, &Fraction)> = terms
                .iter()
                .filter(is_alike)
                .map(|(other, term)| {
                    let is_same = other.is_negative() == coefficient.is_negative();
                    (if is_same { Number::ONE } else { Number::MINUS_ONE }, *term)
                })
                .collect();
            parts.push((coefficient.is_negative(), scaled_form(&size, plain_sum(&Number::ZERO, &group))));
            continue;
        }
        let (flipped, form) = match term.times(&coefficient.abs()) {
            Form::Negate(inner) => (true, *inner),
            form => (false, form),
        };
        match form {
            // A term that is a sum itself, after its factors were sorted out.
            Form::Sum(inner) if coefficient.is_negative() == flipped => parts.extend(inner),
            form if coefficient.is_negative() != flipped => parts.push(form.subtracted()),
            form => parts.push((false, form)),
        }
    }
    if !constant.is_zero() {
        let part = (constant.is_negative(), Form::Number(constant.abs()));
        let leads = constant.is_positive() && parts.iter().all(|(negative, _)| *negative);
        parts.insert(if leads { 0 } else { parts.len() }, part);
    }
    if let Some(at) = parts.iter().position(|(negative, _)| !negative)
        && parts[0].0
    {
        let first = parts.remove(at);
        parts.insert(0, first);
    }
    match parts.len() {
        1 => match parts.remove(0) {
            (true, form) => form.negated(),
            (false, form) => form,
        },
        _ => Form::Sum(parts),
    }
}

/// 1, and what could stand in front of the sum to save operations.
fn candidate_factors(constant: &Number, terms: &[(Number, Fraction)]) -> Vec<Number> {
    let mut factors = vec![Number::ONE];
    if terms.len() + usize::from(!constant.is_zero()) < 2 {
        return factors;
    }
    let all = || terms.iter().map(|(c, _)| c).chain([constant]).filter(|c| !c.is_zero());
    if all().all(Number::is_negative) {
        factors.push(Number::MINUS_ONE);
    }
    let mut sizes: Vec<Number> = all().map(Number::abs).collect();
    sizes.sort();
    sizes.dedup();
    sizes.retain(|size| !size.is_one());
    // The greatest denominator: (a + 2*b)/4.
    let denominator = all().map(|c| c.parts().1).max().filter(|d| !d.is_one());
    for size in sizes.into_iter().take(4).chain(denominator.and_then(|d| d.recip())) {
        factors.push(-&size);
        factors.insert(1, size);
    }
    factors
}

/// A number times a form, with the sign in front and the denominator below.
fn scaled_form(factor: &Number, form: Form) -> Form {
    let (numerator, denominator) = factor.abs().parts();
    let mut result = form;
    if !numerator.is_one() {
        result = Form::Product(vec![Form::Number(numerator), result]);
    }
    if !denominator.is_one() {
        result = Form::Quotient(Box::new(result), Box::new(Form::Number(denominator)));
    }
    if factor.is_negative() { result.negated() } else { result }
}
