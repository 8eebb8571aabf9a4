//! Products, quotients and powers as they are printed.

use super::convert::Converter;
use super::form::Form;
use super::special;
use crate::graph::{NodeId, Op, Reduction};
use crate::number::Number;

/// A factor on its way to the numerator or the denominator.
struct Factor {
    base: NodeId,
    exponent: Exponent,
}

enum Exponent {
    Number(Number),
    Node(NodeId),
}

impl Converter<'_> {
    /// `coefficient*node`, where the coefficient is not negative.
    pub(super) fn product(&mut self, coefficient: &Number, node: NodeId) -> Form {
        let is_named = !coefficient.is_one() && self.is_occurrence(node);
        if is_named || !matches!(self.graph.op(node), Op::Product | Op::Power) {
            let form = self.form(node);
            return form.times(coefficient);
        }
        let factors: Vec<NodeId> = match self.graph.op(node) {
            Op::Product => self.graph.operands(node).to_vec(),
            _ => vec![node],
        };
        let (factors, mean) = self.take_mean(factors);
        let (mut above, mut below): (Vec<Factor>, Vec<Factor>) = (Vec::new(), Vec::new());
        for factor in factors {
            let alone = self.graph.op(factor) == Op::Power && factor == node;
            if self.is_occurrence(factor) && !alone {
                above.push(Factor { base: factor, exponent: Exponent::Number(Number::ONE) });
                continue;
            }
            let (base, exponent) = match (self.graph.op(factor), self.graph.operands(factor)) {
                (Op::Power, &[base, exponent]) => (base, exponent),
                _ => {
                    above.push(Factor { base: factor, exponent: Exponent::Number(Number::ONE) });
                    continue;
                }
            };
            match self.graph.as_constant(exponent).cloned() {
                Some(n) if n.is_negative() => below.push(Factor { base, exponent: Exponent::Number(-&n) }),
                Some(n) => above.push(Factor { base, exponent: Exponent::Number(n) }),
                None => {
                    let (coefficient, _) = self.graph.split_coefficient(exponent);
                    if coefficient.is_negative() {
                        let positive = self.graph.neg(exponent);
                        below.push(Factor { base, exponent: Exponent::Node(positive) });
                    } else {
                        above.push(Factor { base, exponent: Exponent::Node(exponent) });
                    }
                }
            }
        }
        let (numerator, denominator) = coefficient.parts();
        let mut top = self.powers(above);
        top.extend(mean);
        let mut bottom = self.powers(below);
        let mut flips = false;
        // A sign inside a factor moves to the front of the whole product.
        for form in top.iter_mut().chain(bottom.iter_mut()) {
            if let Form::Negate(inner) = form {
                *form = (**inner).clone();
                flips = !flips;
            }
        }
        if !numerator.is_one() || top.is_empty() {
            top.insert(0, Form::Number(numerator));
        }
        if !denominator.is_one() {
            bottom.insert(0, Form::Number(denominator));
        }
        let form = quotient(top, bottom);
        if flips { form.negated() } else { form }
    }

    /// A sum divided by the lengths of all its indices is a mean.
    fn take_mean(&mut self, factors: Vec<NodeId>) -> (Vec<NodeId>, Vec<Form>) {
        for (at, factor) in factors.iter().enumerate() {
            let Op::Reduce(Reduction::Sum, list) = self.graph.op(*factor) else { continue };
            if self.is_occurrence(*factor) {
                continue;
            }
            let indices = self.graph.bound_indices(list).to_vec();
            let mut lengths = Vec::with_capacity(indices.len());
            for index in indices {
                let range = self.graph.range(index);
                let length = self.graph.range_length(range);
                lengths.push(self.graph.powi(length, -1));
            }
            let mut rest: Vec<NodeId> = factors.clone();
            rest.remove(at);
            let complete = lengths.iter().all(|length| match rest.iter().position(|f| f == length) {
                Some(found) => {
                    rest.remove(found);
                    true
                }
                None => false,
            });
            // A filtered sum divided by the length is not a filtered mean.
            let is_filtered = self.graph.op(self.graph.operands(*factor)[0]) == Op::If;
            if complete
                && !is_filtered
                && let Form::Reduction { binders, filter, body, .. } = self.form(*factor)
            {
                return (rest, vec![Form::Reduction { name: "mean", binders, filter, body }]);
            }
        }
        (factors, Vec::new())
    }

    /// The factors in reading order, those of one exponent together where that saves operations.
    fn powers(&mut self, mut factors: Vec<Factor>) -> Vec<Form> {
        factors.sort_by_key(|f| (self.rank(f.base, &f.exponent), self.graph.look(f.base), f.base));
        let mut forms: Vec<Form> = Vec::new();
        let mut grouped: Vec<(Number, Vec<Form>)> = Vec::new();
        for factor in factors {
            let base = self.form(factor.base);
            match factor.exponent {
                Exponent::Number(n) if n.is_one() => forms.push(base),
                Exponent::Number(n) => {
                    let squarish = n.is_integer() || n.to_f64() == 0.5;
                    match grouped.iter_mut().find(|(known, _)| *known == n && squarish && n.is_integer()) {
                        Some((_, bases)) => bases.push(base),
                        None => {
                            // Holds the place of the group.
                            forms.push(Form::Name(format!("\u{0}{}", grouped.len())));
                            grouped.push((n, vec![base]));
                        }
                    }
                }
                Exponent::Node(exponent) => {
                    let exponent = self.form(exponent);
                    forms.push(Form::Power(Box::new(base), Box::new(exponent)));
                }
            }
        }
        for (at, (n, bases)) in grouped.into_iter().enumerate() {
            let place = Form::Name(format!("\u{0}{at}"));
            let base = match bases.len() {
                1 => bases.into_iter().next().unwrap_or(Form::Number(Number::ONE)),
                _ => Form::Product(bases),
            };
            let power = number_power(base, &n);
            if let Some(form) = forms.iter_mut().find(|f| **f == place) {
                *form = power;
            }
        }
        forms
    }

    /// Hyperparameters, then names, then powers and functions, then sums.
    fn rank(&self, base: NodeId, exponent: &Exponent) -> u8 {
        let is_power = !matches!(exponent, Exponent::Number(n) if n.is_one());
        match self.graph.op(base) {
            Op::Constant(_) | Op::Pi => 0,
            Op::Access(v) if self.graph.variable(v).is_hyperparameter && !is_power => 1,
            Op::Size(_) => 2,
            Op::Access(_) | Op::Index(_) => 3,
            _ if self.is_occurrence(base) => 4,
            Op::Linear if !is_power => 6,
            Op::If => 7,
            Op::Linear => 5,
            _ if special::softmax_parts(self.graph, base).is_some() => 4,
            _ => 5,
        }
    }
}

fn number_power(base: Form, exponent: &Number) -> Form {
    if exponent.to_f64() == 0.5 {
        return Form::Call("sqrt", vec![base]);
    }
    if exponent.is_one() {
        return base;
    }
    Form::Power(Box::new(base), Box::new(Form::Number(exponent.clone())))
}

/// Factors above and below a fraction bar.
fn quotient(top: Vec<Form>, bottom: Vec<Form>) -> Form {
    let product = |forms: Vec<Form>| -> Form {
        // Products within products are one.
        let mut flat = Vec::with_capacity(forms.len());
        for form in forms {
            match form {
                Form::Product(inner) => flat.extend(inner),
                form => flat.push(form),
            }
        }
        match flat.len() {
            0 => Form::Number(Number::ONE),
            1 => flat.remove(0),
            _ => Form::Product(flat),
        }
    };
    if bottom.is_empty() {
        product(top)
    } else {
        Form::Quotient(Box::new(product(top)), Box::new(product(bottom)))
    }
}

impl Form {
    /// The form times a number: the numerator in front, the denominator below, the sign where it reads best.
    pub(super) fn times(self, factor: &Number) -> Form {
        let (numerator, denominator) = factor.abs().parts();
        let (negative, form) = match self {
            Form::Negate(inner) => (!factor.is_negative(), *inner),
            form => (factor.is_negative(), form),
        };
        if numerator.is_one() && denominator.is_one() {
            return if negative { form.negated() } else { form };
        }
        let (above, below) = match form {
            Form::Quotient(above, below) => (*above, vec![*below]),
            form => (form, Vec::new()),
        };
        let mut top = match above {
            Form::Number(one) if one.is_one() => Vec::new(),
            above => vec![above],
        };
        if !numerator.is_one() {
            top.insert(0, Form::Number(numerator));
        }
        let mut bottom = below;
        if !denominator.is_one() {
            bottom.insert(0, Form::Number(denominator));
        }
        let result = quotient(top, bottom);
        if negative { result.negated() } else { result }
    }
}
