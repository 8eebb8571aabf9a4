//! Sums as they are printed.

use super::convert::Converter;
use super::form::Form;
use crate::graph::{NodeId, Op};
use crate::number::Number;

impl Converter<'_> {
    /// A sum, with a common factor in front where that saves operations.
    pub(super) fn sum(&mut self, node: NodeId) -> Form {
        let (constant, terms) = self.graph.terms(node);
        let mut best: Option<(usize, usize, Form)> = None;
        for (rank, factor) in candidate_factors(&constant, &terms).into_iter().enumerate() {
            let Some(inverse) = factor.recip() else { continue };
            let scaled = |value: &Number| value.checked_mul(&inverse);
            let Some(inner_constant) = scaled(&constant) else { continue };
            let inner: Option<Vec<(Number, NodeId)>> =
                terms.iter().map(|(c, t)| Some((scaled(c)?, *t))).collect();
            let Some(inner) = inner else { continue };
            let sum = self.plain_sum(inner_constant, inner);
            let form = if factor.is_one() { sum } else { scaled_form(&factor, sum) };
            let operations = form.operations();
            if best.as_ref().is_none_or(|(known, known_rank, _)| (operations, rank) < (*known, *known_rank)) {
                best = Some((operations, rank, form));
            }
        }
        best.map_or_else(|| Form::Number(constant), |(_, _, form)| form)
    }

    /// Positive terms first; a constant last, or first where it alone is positive.
    fn plain_sum(&mut self, constant: Number, terms: Vec<(Number, NodeId)>) -> Form {
        let mut parts: Vec<(bool, Form)> = Vec::with_capacity(terms.len() + 1);
        let mut ordered = terms;
        ordered.sort_by_key(|(coefficient, term)| {
            // Deltas and choices read best behind what they are taken from.
            let is_choice = self.graph.op(*term) == Op::If;
            (coefficient.is_negative(), is_choice, self.graph.look(*term), *term)
        });
        for (coefficient, term) in ordered {
            let form = self.product(&coefficient.abs(), term);
            let (flipped, form) = match form {
                Form::Negate(inner) => (true, *inner),
                form => (false, form),
            };
            match form {
                // A term that is a sum itself, after its factors were sorted out.
                Form::Sum(inner) if coefficient.is_negative() == flipped => parts.extend(inner),
                form => parts.push((coefficient.is_negative() != flipped, form)),
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
}

/// 1, and the common measure of the coefficients with either sign.
fn candidate_factors(constant: &Number, terms: &[(Number, NodeId)]) -> Vec<Number> {
    let mut factors = vec![Number::ONE];
    if terms.len() + usize::from(!constant.is_zero()) < 2 {
        return factors;
    }
    let mut sizes: Vec<Number> = terms.iter().map(|(c, _)| c.abs()).collect();
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
    let denominators = terms.iter().map(|(c, _)| c.parts().1).max();
    if let Some(inverse) = denominators.and_then(|d| d.recip()) {
        factors.push(inverse);
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
