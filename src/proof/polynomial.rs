//! Polynomials with rational coefficients and exponents over the nodes of a graph, and quotients of them.

use crate::graph::NodeId;
use crate::number::Number;
use std::collections::BTreeMap;

/// Larger polynomials are given up.
const TERM_LIMIT: usize = 600;

/// A product of powers: each atom with its exponent, which is not 0.
pub(super) type Monomial = BTreeMap<NodeId, Number>;

/// A sum of monomials with their coefficients, none of which is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Polynomial {
    pub terms: BTreeMap<Monomial, Number>,
}

impl Polynomial {
    pub fn constant(value: Number) -> Self {
        Self::term(value, Monomial::new())
    }

    pub fn term(coefficient: Number, monomial: Monomial) -> Self {
        let mut terms = BTreeMap::new();
        if !coefficient.is_zero() {
            terms.insert(monomial, coefficient);
        }
        Polynomial { terms }
    }

    pub fn is_zero(&self) -> bool {
        self.terms.is_empty()
    }

    /// The only term, if there is one.
    pub fn single(&self) -> Option<(&Monomial, &Number)> {
        if self.terms.len() == 1 { self.terms.iter().next() } else { None }
    }

    pub fn add(&self, other: &Polynomial) -> Option<Polynomial> {
        let mut sum = self.clone();
        for (monomial, coefficient) in &other.terms {
            let total = match sum.terms.get(monomial) {
                Some(own) => own.checked_add(coefficient)?,
                None => coefficient.clone(),
            };
            if total.is_zero() {
                sum.terms.remove(monomial);
            } else {
                sum.terms.insert(monomial.clone(), total);
            }
        }
        (sum.terms.len() <= TERM_LIMIT).then_some(sum)
    }

    pub fn multiply(&self, other: &Polynomial) -> Option<Polynomial> {
        if self.terms.len().saturating_mul(other.terms.len()) > 20 * TERM_LIMIT {
            return None;
        }
        let mut product = Polynomial::default();
        for (m, c) in &self.terms {
            for (n, d) in &other.terms {
                let coefficient = c.checked_mul(d)?;
                let monomial = times(m, n)?;
                let total = match product.terms.get(&monomial) {
                    Some(own) => own.checked_add(&coefficient)?,
                    None => coefficient,
                };
                if total.is_zero() {
                    product.terms.remove(&monomial);
                } else {
                    product.terms.insert(monomial, total);
                }
            }
        }
        (product.terms.len() <= TERM_LIMIT).then_some(product)
    }

    /// Splits off what all terms share: a coefficient that makes the first one 1, and a monomial.
    pub fn content(&self) -> Option<(Number, Monomial, Polynomial)> {
        let (first, leading) = self.terms.iter().next()?;
        let mut common = first.clone();
        for monomial in self.terms.keys().skip(1) {
            common.retain(|atom, exponent| match monomial.get(atom) {
                Some(other) => {
                    if other < exponent {
                        *exponent = other.clone();
                    }
                    true
                }
                // Without the atom its exponent is 0: a negative one is shared by multiplying it out.
                None if exponent.is_negative() => true,
                None => false,
            });
            for (atom, exponent) in monomial {
                if exponent.is_negative() && !common.contains_key(atom) {
                    common.insert(*atom, exponent.clone());
                }
            }
        }
        let inverse = leading.recip()?;
        let undo = inverted(&common);
        let mut rest = Polynomial::default();
        for (monomial, coefficient) in &self.terms {
            rest.terms.insert(times(monomial, &undo)?, coefficient.checked_mul(&inverse)?);
        }
        Some((leading.clone(), common, rest))
    }
}

pub(super) fn times(a: &Monomial, b: &Monomial) -> Option<Monomial> {
    let mut product = a.clone();
    for (atom, exponent) in b {
        let total = match product.get(atom) {
            Some(own) => own.checked_add(exponent)?,
            None => exponent.clone(),
        };
        if total.is_zero() {
            product.remove(atom);
        } else {
            product.insert(*atom, total);
        }
    }
    Some(product)
}

pub(super) fn inverted(monomial: &Monomial) -> Monomial {
    monomial.iter().map(|(atom, exponent)| (*atom, -exponent)).collect()
}

/// A quotient of a polynomial and a product of powers of polynomials with more than one term, each without
/// [`Polynomial::content`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fraction {
    pub above: Polynomial,
    pub below: BTreeMap<Polynomial, u32>,
}

impl Fraction {
    pub fn constant(value: Number) -> Self {
        Fraction { above: Polynomial::constant(value), below: BTreeMap::new() }
    }

    pub fn atom(atom: NodeId) -> Self {
        Self::power_of_atom(atom, Number::ONE)
    }

    pub fn power_of_atom(atom: NodeId, exponent: Number) -> Self {
        let monomial = if exponent.is_zero() { Monomial::new() } else { [(atom, exponent)].into() };
        Fraction { above: Polynomial::term(Number::ONE, monomial), below: BTreeMap::new() }
    }

    pub fn is_zero(&self) -> bool {
        self.above.is_zero()
    }

    pub fn scale(&self, factor: &Number) -> Option<Fraction> {
        let above = self.above.multiply(&Polynomial::constant(factor.clone()))?;
        Some(Fraction { above, below: self.below.clone() })
    }

    pub fn add(&self, other: &Fraction) -> Option<Fraction> {
        let mut below = self.below.clone();
        for (factor, count) in &other.below {
            let own = below.entry(factor.clone()).or_insert(0);
            *own = (*own).max(*count);
        }
        let above = self.raised(&below)?.add(&other.raised(&below)?)?;
        Some(if above.is_zero() { Fraction::default() } else { Fraction { above, below } })
    }

    /// The numerator over a multiple of the denominator.
    fn raised(&self, below: &BTreeMap<Polynomial, u32>) -> Option<Polynomial> {
        let mut above = self.above.clone();
        for (factor, count) in below {
            for _ in self.below.get(factor).copied().unwrap_or(0)..*count {
                above = above.multiply(factor)?;
            }
        }
        Some(above)
    }

    pub fn multiply(&self, other: &Fraction) -> Option<Fraction> {
        let mut below = self.below.clone();
        for (factor, count) in &other.below {
            *below.entry(factor.clone()).or_insert(0) += count;
        }
        let mut product = Fraction { above: self.above.multiply(&other.above)?, below };
        product.cancel();
        Some(product)
    }

    /// A numerator that is a multiple of a factor of the denominator by a monomial loses it.
    fn cancel(&mut self) {
        let Some((coefficient, common, rest)) = self.above.content() else {
            self.below.clear();
            return;
        };
        if let Some(count) = self.below.get_mut(&rest) {
            *count -= 1;
            if *count == 0 {
                self.below.remove(&rest);
            }
            self.above = Polynomial::term(coefficient, common);
        }
    }

    pub fn inverse(&self) -> Option<Fraction> {
        let (coefficient, common, rest) = self.above.content()?;
        let mut above = Polynomial::term(coefficient.recip()?, inverted(&common));
        for (factor, count) in &self.below {
            for _ in 0..*count {
                above = above.multiply(factor)?;
            }
        }
        let below = if rest.terms.len() > 1 { [(rest, 1)].into() } else { BTreeMap::new() };
        let mut inverse = Fraction { above, below };
        inverse.cancel();
        Some(inverse)
    }

    pub fn power(&self, exponent: i64) -> Option<Fraction> {
        if exponent.unsigned_abs() > 16 {
            return None;
        }
        let base = if exponent < 0 { self.inverse()? } else { self.clone() };
        let mut result = Fraction::constant(Number::ONE);
        for _ in 0..exponent.unsigned_abs() {
            result = result.multiply(&base)?;
        }
        Some(result)
    }
}
