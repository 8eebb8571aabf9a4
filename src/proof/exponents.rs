//! Exponentials, logarithms and powers in the normal form.

use super::normal_form::{Builder, NESTING_LIMIT};
use super::polynomial::{Fraction, Monomial, Polynomial, times};
use crate::function::Function;
use crate::graph::{Domain, Graph, NodeId, Op};
use crate::number::Number;

impl Builder<'_> {
    /// e to the power of a form.
    pub(super) fn exponential(&mut self, argument: &Fraction) -> Option<Fraction> {
        if !argument.below.is_empty() {
            let node = self.node(argument)?;
            let atom = self.graph.function(Function::Exp, &[node]);
            return Some(Fraction::atom(atom));
        }
        let mut product = Fraction::constant(Number::ONE);
        for (monomial, coefficient) in &argument.above.terms {
            let mut rest = monomial.clone();
            // exp(k*log(u)) is u^k.
            let log = monomial.iter().find(|(atom, exponent)| {
                exponent.is_one() && self.graph.op(**atom) == Op::Function(Function::Log)
            });
            let factor = if let Some((log, _)) = log {
                let base = self.graph.operands(*log)[0];
                rest.remove(log);
                let base = self.done.get(&base).cloned().or_else(|| self.form(base, NESTING_LIMIT))?;
                if rest.is_empty() && coefficient.is_integer() {
                    base.power(coefficient.to_i64()?)?
                } else {
                    let exponent = self.monomial_node(&rest)?;
                    self.symbolic_power(&base, exponent, coefficient)?
                }
            } else {
                let node = self.monomial_node(&rest)?;
                let atom = self.graph.function(Function::Exp, &[node]);
                Fraction::power_of_atom(atom, coefficient.clone())
            };
            product = product.multiply(&factor)?;
        }
        Some(product)
    }

    /// The logarithm of a form that is positive wherever the original is defined.
    pub(super) fn logarithm(&mut self, argument: &Fraction, nesting: usize) -> Option<Fraction> {
        let (coefficient, common, rest) = argument.above.content()?;
        let mut factors: Vec<(NodeId, Number)> = common.into_iter().collect();
        if rest.terms.len() > 1 {
            factors.push((self.polynomial_node(&rest)?, Number::ONE));
        }
        for (factor, count) in &argument.below {
            factors.push((self.polynomial_node(factor)?, Number::integer(-i64::from(*count))));
        }
        // A product that is positive, of factors that are not negative, has positive factors; and positive factors can
        // be taken from any that is positive.
        let fits = |graph: &mut Graph, n: NodeId| graph.interval(n).is_non_negative();
        let all_fit = coefficient.is_positive() && factors.iter().all(|(n, _)| fits(self.graph, *n));
        let mut rest = Vec::new();
        if !all_fit {
            let is_apart = |graph: &mut Graph, n: NodeId| graph.interval(n).is_positive();
            let (apart, others): (Vec<_>, Vec<_>) =
                factors.into_iter().partition(|(n, _)| is_apart(self.graph, *n));
            factors = apart;
            rest = others;
        }
        let sign = if coefficient.is_negative() { Number::MINUS_ONE } else { Number::ONE };
        let coefficient = coefficient.abs();
        let mut apart = Fraction::default();
        if !rest.is_empty() || sign.is_negative() {
            let mut powers = Vec::with_capacity(rest.len());
            for (node, exponent) in rest {
                let exponent = self.graph.constant(exponent);
                powers.push(self.graph.power(node, exponent));
            }
            let product = self.graph.mul(&powers);
            let product = self.graph.scale(&sign, product);
            apart = Fraction::atom(self.graph.function(Function::Log, &[product]));
        }
        let mut sum = self.log_of_number(&coefficient)?.add(&apart)?;
        for (node, exponent) in factors {
            let log = match (self.graph.op(node), self.graph.operands(node)) {
                (Op::Function(Function::Exp), &[inner]) => self.form(inner, nesting + 1)?,
                (Op::Power, &[base, inner]) => {
                    let inner = self.form(inner, nesting + 1)?;
                    let base = self.form(base, nesting + 1)?;
                    self.logarithm(&base, nesting + 1)?.multiply(&inner)?
                }
                _ => Fraction::atom(self.graph.function(Function::Log, &[node])),
            };
            sum = sum.add(&log.scale(&exponent)?)?;
        }
        Some(sum)
    }

    /// As a sum of logarithms of small primes.
    fn log_of_number(&mut self, value: &Number) -> Option<Fraction> {
        let (above, below) = value.parts();
        let mut sum = Fraction::default();
        for (part, sign) in [(above, 1), (below, -1)] {
            let mut rest = part.to_i64()?;
            let mut prime = 2;
            while rest > 1 {
                if prime > 1000 {
                    prime = rest;
                }
                let mut count = 0;
                while rest % prime == 0 {
                    rest /= prime;
                    count += 1;
                }
                if count > 0 {
                    let node = self.graph.integer(prime);
                    let log = Fraction::atom(self.graph.function(Function::Log, &[node]));
                    sum = sum.add(&log.scale(&Number::integer(sign * count))?)?;
                }
                prime += 1;
            }
        }
        Some(sum)
    }

    pub(super) fn power(&mut self, base: &Fraction, exponent: NodeId) -> Option<Fraction> {
        let exponent_form = self.done.get(&exponent)?.clone();
        if let Some(value) = self.graph.as_constant(exponent).cloned() {
            return match value.to_i64() {
                Some(n) => base.power(n),
                None => self.root(base, value),
            };
        }
        let whole = |builder: &mut Self| {
            let base = builder.node(base)?;
            let exponent = builder.node(&exponent_form)?;
            let power = builder.graph.power(base, exponent);
            Some(Fraction::atom(power))
        };
        if !exponent_form.below.is_empty() || !self.is_positive(base)? {
            return whole(self);
        }
        let mut product = Fraction::constant(Number::ONE);
        for (monomial, coefficient) in &exponent_form.above.terms {
            let factor = if monomial.is_empty() {
                match coefficient.to_i64() {
                    Some(n) => base.power(n)?,
                    None => self.root(base, coefficient.clone())?,
                }
            } else {
                let exponent = self.monomial_node(monomial)?;
                self.symbolic_power(base, exponent, coefficient)?
            };
            product = product.multiply(&factor)?;
        }
        Some(product)
    }

    /// Whether every factor of a form is positive by what is declared.
    fn is_positive(&mut self, form: &Fraction) -> Option<bool> {
        let (coefficient, common, rest) = form.above.content()?;
        let mut nodes: Vec<NodeId> = common.keys().copied().collect();
        nodes.push(self.polynomial_node(&rest)?);
        for factor in form.below.keys() {
            nodes.push(self.polynomial_node(factor)?);
        }
        Some(coefficient.is_positive() && nodes.into_iter().all(|n| self.graph.interval(n).is_positive()))
    }

    /// `base^(coefficient*exponent)`, factor by factor; the base is positive.
    fn symbolic_power(
        &mut self,
        base: &Fraction,
        exponent: NodeId,
        coefficient: &Number,
    ) -> Option<Fraction> {
        if !self.is_positive(base)? {
            let base = self.node(base)?;
            let exponent = self.graph.scale(coefficient, exponent);
            return Some(Fraction::atom(self.graph.power(base, exponent)));
        }
        let (number, common, rest) = base.above.content()?;
        let mut factors: Vec<(NodeId, Number)> = common.into_iter().collect();
        if rest.terms.len() > 1 {
            factors.push((self.polynomial_node(&rest)?, Number::ONE));
        }
        for (factor, count) in &base.below {
            factors.push((self.polynomial_node(factor)?, Number::integer(-i64::from(*count))));
        }
        if !number.is_one() {
            factors.push((self.graph.constant(number), Number::ONE));
        }
        let mut product = Monomial::new();
        for (factor, power) in factors {
            let power = power.checked_mul(coefficient)?;
            let atom = match (self.graph.op(factor), self.graph.operands(factor)) {
                (Op::Function(Function::Exp), &[inner]) => {
                    let inner = self.graph.mul(&[inner, exponent]);
                    let (own, inner) = self.graph.split_coefficient(inner);
                    let atom = self.graph.function(Function::Exp, &[inner]);
                    product = times(&product, &[(atom, power.checked_mul(&own)?)].into())?;
                    continue;
                }
                (Op::Power, &[inner, own]) => {
                    let own = self.graph.mul(&[own, exponent]);
                    self.graph.power(inner, own)
                }
                _ => self.graph.power(factor, exponent),
            };
            product = times(&product, &[(atom, power)].into())?;
        }
        Some(Fraction { above: Polynomial::term(Number::ONE, product), below: Default::default() })
    }

    /// A power with an exponent that is a number and not whole.
    pub(super) fn root(&mut self, base: &Fraction, exponent: Number) -> Option<Fraction> {
        if let Some((monomial, coefficient)) = base.above.single()
            && base.below.is_empty()
        {
            // A root is defined only where its base is not negative.
            let is_atom =
                coefficient.is_one() && monomial.len() == 1 && monomial.values().all(Number::is_one);
            let positive =
                is_atom || monomial.keys().all(|atom| self.graph.interval(*atom).is_non_negative());
            let is_root = exponent == Number::ratio(1, 2)?;
            let factor = if coefficient.is_one() {
                Some(Number::ONE)
            } else if is_root && coefficient.is_positive() {
                coefficient.sqrt()
            } else {
                None
            };
            if let (true, Some(factor)) = (positive, factor) {
                let mut powers = Monomial::new();
                for (atom, own) in monomial {
                    powers.insert(*atom, own.checked_mul(&exponent)?);
                }
                return Some(Fraction { above: Polynomial::term(factor, powers), below: Default::default() });
            }
        }
        let node = self.node(base)?;
        // The atom is the square, cube … root; the form below knows what its whole powers are.
        self.bases.insert(node, base.clone());
        self.resolved(Fraction::power_of_atom(node, exponent))
    }

    /// The form with whole powers of the bases of roots put in place.
    pub(super) fn resolved(&mut self, form: Fraction) -> Option<Fraction> {
        let mut form = form;
        for _ in 0..8 {
            let due = form.above.terms.iter().find_map(|(monomial, _)| {
                monomial.iter().find_map(|(atom, exponent)| {
                    let reduced = self.reduced_exponent(*atom, exponent)?;
                    Some((monomial.clone(), *atom, exponent.clone(), reduced))
                })
            });
            let Some((monomial, atom, exponent, reduced)) = due else { return Some(form) };
            let mut result = Fraction { above: Polynomial::default(), below: form.below.clone() };
            for (own, coefficient) in &form.above.terms {
                let mut rest = own.clone();
                let mut factor = Fraction::constant(coefficient.clone());
                if *own == monomial || own.get(&atom) == Some(&exponent) {
                    rest.remove(&atom);
                    if let Some(base) = self.bases.get(&atom) {
                        factor = factor.multiply(&base.power(exponent.floor().to_i64()?)?)?;
                    }
                    if !reduced.is_zero() {
                        rest.insert(atom, reduced.clone());
                    }
                }
                let term = Fraction { above: Polynomial::term(Number::ONE, rest), below: form.below.clone() };
                result = result.add(&factor.multiply(&term)?)?;
            }
            form = result;
        }
        Some(form)
    }

    /// What is left of an exponent, where a power of the atom is something simpler.
    fn reduced_exponent(&self, atom: NodeId, exponent: &Number) -> Option<Number> {
        if self.bases.contains_key(&atom) && (exponent.floor() != Number::ZERO) {
            return exponent.checked_sub(&exponent.floor());
        }
        let n = exponent.to_i64().filter(|n| *n >= 2)?;
        let (zero, one) = (Number::ZERO, Number::ONE);
        match self.graph.op(atom) {
            // [c]^2 is [c].
            Op::If => {
                let operands = self.graph.operands(atom);
                (self.graph.is_one(operands[1]) && self.graph.is_zero(operands[2])).then_some(one)
            }
            Op::Access(variable) => match &self.graph.variable(variable).domain {
                Domain::Set(values) if values.iter().all(|v| v.is_zero() || v.is_one()) => Some(one),
                Domain::Set(values) if values.iter().all(|v| v.abs().is_one()) => {
                    Some(if n % 2 == 0 { zero } else { one }).filter(|reduced| reduced != exponent)
                }
                _ => None,
            },
            _ => None,
        }
    }
}
