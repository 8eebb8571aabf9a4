//! Sums as they are printed.

use super::convert::Converter;
use super::form::Form;
use crate::graph::{NodeId, Op};
use crate::number::Number;

impl Converter<'_> {
    /// A sum, with a common factor in front where that saves operations.
    pub(super) fn sum(&mut self, node: NodeId) -> Form {
        let (constant, mut terms) = self.graph.terms(node);
        terms.sort_by_key(|(_, term)| {
            // Deltas and choices read best behind what they are taken from.
            (self.graph.op(*term) == Op::If, self.graph.look(*term), *term)
        });
        // Each term is converted once, whatever factors are tried, or the work would grow with the depth.
        let forms: Vec<Form> = terms.iter().map(|(_, term)| self.form(*term)).collect();
        let coefficients: Vec<Number> = terms.into_iter().map(|(c, _)| c).collect();
        let mut best: Option<(usize, usize, Form)> = None;
        for (rank, factor) in candidate_factors(&constant, &coefficients).into_iter().enumerate() {
            let Some(inverse) = factor.recip() else { continue };
            let scaled = |value: &Number| value.checked_mul(&inverse);
            let Some(inner_constant) = scaled(&constant) else { continue };
            let Some(inner) = coefficients.iter().map(scaled).collect::<Option<Vec<_>>>() else { continue };
            let sum = plain_sum(inner_constant, &inner, &forms);
            let form = if factor.is_one() { sum } else { sum.times(&factor) };
            let operations = form.operations();
            if best.as_ref().is_none_or(|(known, known_rank, _)| (operations, rank) < (*known, *known_rank)) {
                best = Some((operations, rank, form));
            }
        }
        best.map_or_else(|| Form::Number(constant), |(_, _, form)| form)
    }
}

/// Positive terms first; a constant last, or first where it alone is positive.
fn plain_sum(constant: Number, coefficients: &[Number], forms: &[Form]) -> Form {
    let mut parts: Vec<(bool, Form)> = Vec::with_capacity(forms.len() + 1);
    for negative_ones in [false, true] {
        for (coefficient, form) in coefficients.iter().zip(forms) {
            if coefficient.is_negative() != negative_ones {
                continue;
            }
            let (negative, form) = match form.clone().times(&coefficient.abs()) {
                Form::Negate(inner) => (!coefficient.is_negative(), *inner),
                form => (coefficient.is_negative(), form),
            };
            match form {
                // A term that is a sum itself, after its factors were sorted out.
                Form::Sum(inner) if !negative => parts.extend(inner),
                form => parts.push((negative, form)),
            }
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

/// 1, and the common measure of the coefficients with either sign.
fn candidate_factors(constant: &Number, coefficients: &[Number]) -> Vec<Number> {
    let mut factors = vec![Number::ONE];
    if coefficients.len() + usize::from(!constant.is_zero()) < 2 {
        return factors;
    }
    let mut sizes: Vec<Number> = coefficients.iter().map(Number::abs).collect();
    if !constant.is_zero() {
        sizes.push(constant.abs());
    }
    sizes.sort();
    sizes.dedup();
    for size in sizes.into_iter().take(4) {
        factors.push(size.clone());
        factors.push(-&size);
    }
    // The greatest denominator: (a + 2*b)/4.
    let denominators = coefficients.iter().map(|c| c.parts().1).max();
    if let Some(inverse) = denominators.and_then(|d| d.recip()) {
        factors.push(inverse);
    }
    factors
}
