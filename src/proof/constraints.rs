//! What is known of the signs of quantities in a case, and whether it can be true at all.

use crate::graph::{Graph, NodeId, Op};
use crate::number::Number;
use std::collections::BTreeMap;

/// The sign of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Less than 0.
    Negative,
    /// 0.
    Zero,
    /// Greater than 0.
    Positive,
}

impl Sign {
    /// That of the negative.
    pub fn opposite(self) -> Sign {
        match self {
            Sign::Negative => Sign::Positive,
            Sign::Zero => Sign::Zero,
            Sign::Positive => Sign::Negative,
        }
    }
}

/// Signs of quantities that hold together.
#[derive(Clone, Debug, Default)]
pub(super) struct Constraints {
    signs: Vec<(NodeId, Sign)>,
}

/// `constant + sum of coefficient*term`, which is greater than 0, or at least 0.
#[derive(Clone, Debug)]
struct Inequality {
    constant: Number,
    terms: BTreeMap<NodeId, Number>,
    strict: bool,
}

/// Systems that grow beyond this are taken to have a solution.
const LIMIT: usize = 400;

impl Constraints {
    /// These and one more.
    pub fn with(&self, quantity: NodeId, sign: Sign) -> Constraints {
        let mut more = self.clone();
        more.signs.push((quantity, sign));
        more
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.signs.len()
    }

    /// Whether `quantity` may have that sign: `false` means that it contradicts the rest or what is declared.
    pub fn allows(&self, graph: &mut Graph, quantity: NodeId, sign: Sign) -> bool {
        if sign_of_square(graph, quantity).is_some_and(|own| own == sign.opposite() && sign != Sign::Zero) {
            return false;
        }
        let mut system = Vec::new();
        for (node, sign) in self.signs.iter().chain([&(quantity, sign)]) {
            let (constant, terms) = graph.terms(*node);
            let positive = Inequality {
                constant,
                terms: terms.into_iter().map(|(c, t)| (t, c)).collect(),
                strict: *sign != Sign::Zero,
            };
            let Some(negative) = positive.negated() else { return true };
            match sign {
                Sign::Positive => system.push(positive),
                Sign::Negative => system.push(negative),
                Sign::Zero => system.extend([positive, negative]),
            }
        }
        let terms: std::collections::BTreeSet<NodeId> =
            system.iter().flat_map(|i| i.terms.keys().copied()).collect();
        for term in terms {
            let interval = graph.interval(term);
            for (end, open, direction) in
                [(interval.low, interval.low_open, 1), (interval.high, interval.high_open, -1)]
            {
                let Some(end) = Number::from_f64(end).filter(|_| end.is_finite()) else { continue };
                let direction = Number::integer(direction);
                let Some(constant) = end.checked_mul(&direction) else { continue };
                system.push(Inequality {
                    constant: -&constant,
                    terms: [(term, direction)].into(),
                    strict: open,
                });
            }
        }
        is_satisfiable(system)
    }
}

impl Inequality {
    fn negated(&self) -> Option<Inequality> {
        self.scaled(&Number::MINUS_ONE)
    }

    fn scaled(&self, factor: &Number) -> Option<Inequality> {
        let mut terms = BTreeMap::new();
        for (term, coefficient) in &self.terms {
            terms.insert(*term, coefficient.checked_mul(factor)?);
        }
        Some(Inequality { constant: self.constant.checked_mul(factor)?, terms, strict: self.strict })
    }

    fn plus(&self, other: &Inequality) -> Option<Inequality> {
        let mut sum = self.clone();
        for (term, coefficient) in &other.terms {
            let total = match sum.terms.get(term) {
                Some(own) => own.checked_add(coefficient)?,
                None => coefficient.clone(),
            };
            if total.is_zero() {
                sum.terms.remove(term);
            } else {
                sum.terms.insert(*term, total);
            }
        }
        sum.constant = sum.constant.checked_add(&other.constant)?;
        sum.strict |= other.strict;
        Some(sum)
    }
}

/// The sign of a*x^2 + b*x + c where it is never of the other: its discriminant is not positive.
fn sign_of_square(graph: &Graph, node: NodeId) -> Option<Sign> {
    let (c, terms) = graph.terms(node);
    let [first, second] = terms.as_slice() else { return None };
    let is_square_of = |square: NodeId, x: NodeId| {
        graph.op(square) == Op::Power
            && graph.operands(square)[0] == x
            && graph.as_constant(graph.operands(square)[1]) == Some(&Number::integer(2))
    };
    let (a, b) = if is_square_of(first.1, second.1) {
        (&first.0, &second.0)
    } else if is_square_of(second.1, first.1) {
        (&second.0, &first.0)
    } else {
        return None;
    };
    let four = Number::integer(4).checked_mul(a)?.checked_mul(&c)?;
    let discriminant = b.checked_mul(b)?.checked_sub(&four)?;
    if discriminant.is_positive() {
        return None;
    }
    Some(if a.is_positive() { Sign::Positive } else { Sign::Negative })
}

/// Fourier-Motzkin elimination. The terms are taken as independent, so `true` may be too cautious; `false` is certain.
fn is_satisfiable(mut system: Vec<Inequality>) -> bool {
    loop {
        let contradiction = |i: &Inequality| {
            i.terms.is_empty() && (i.constant.is_negative() || i.strict && i.constant.is_zero())
        };
        if system.iter().any(contradiction) {
            return false;
        }
        let Some(term) = system.iter().find_map(|i| i.terms.keys().next().copied()) else { return true };
        let (with, mut without): (Vec<Inequality>, Vec<Inequality>) =
            system.into_iter().partition(|i| i.terms.contains_key(&term));
        let (lower, upper): (Vec<&Inequality>, Vec<&Inequality>) =
            with.iter().partition(|i| i.terms[&term].is_positive());
        for a in &lower {
            for b in &upper {
                let combined = a
                    .scaled(&b.terms[&term].abs())
                    .and_then(|a_scaled| Some((a_scaled, b.scaled(&a.terms[&term].abs())?)))
                    .and_then(|(a, b)| a.plus(&b));
                match combined {
                    Some(sum) => without.push(sum),
                    None => return true,
                }
            }
        }
        if without.len() > LIMIT {
            return true;
        }
        system = without;
    }
}
