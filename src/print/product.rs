//! Products, quotients and powers as they are printed.

use super::convert::Converter;
use super::form::Form;
use super::special;
use crate::function::Function;
use crate::graph::{Graph, NodeId, Op, Reduction};
use crate::number::Number;

/// A product on its way to being printed: converted, but without the number in front.
pub(super) struct Fraction {
    negative: bool,
    top: Vec<Form>,
    bottom: Vec<Form>,
    /// Divisors that stand alone, each behind a fraction bar of its own.
    guarded: Vec<Form>,
}

/// A factor on its way to the numerator or the denominator.
struct Factor {
    base: NodeId,
    exponent: Exponent,
}

enum Exponent {
    Number(Number),
    Node(NodeId),
}

impl Factor {
    fn plain(base: NodeId) -> Factor {
        Factor { base, exponent: Exponent::Number(Number::ONE) }
    }
}

impl Converter<'_> {
    /// A term of a sum: taken apart where it is a product or power, unless it goes by a name.
    pub(super) fn fraction(&mut self, node: NodeId) -> Fraction {
        if !self.is_spelled_out(node) || !matches!(self.graph.op(node), Op::Product | Op::Power) {
            return Fraction::of(self.form(node));
        }
        self.spelled_fraction(node)
    }

    /// Of a product or power, whether it has a name or not.
    pub(super) fn spelled_fraction(&mut self, node: NodeId) -> Fraction {
        let factors: Vec<NodeId> = match self.graph.op(node) {
            Op::Product => self.graph.operands(node).to_vec(),
            _ => vec![node],
        };
        // In reading order: of several sums, the first that can be a mean is.
        let mut factors = factors;
        factors.sort_by_cached_key(|f| self.order.rank(self.graph, *f));
        let (factors, mean) = self.take_mean(factors);
        let (mut above, mut below): (Vec<Factor>, Vec<Factor>) = (Vec::new(), Vec::new());
        for factor in factors {
            let (base, exponent) = match (self.graph.op(factor), self.graph.operands(factor)) {
                (Op::Power, &[base, exponent]) if factor == node || self.is_spelled_out(factor) => {
                    (base, exponent)
                }
                _ => {
                    above.push(Factor::plain(factor));
                    continue;
                }
            };
            match self.graph.as_constant(exponent).cloned() {
                Some(n) if n.is_negative() => {
                    let positive = self.graph.constant(-&n);
                    let inverse = self.graph.power(base, positive);
                    if self.graph.powi(inverse, -1) != factor {
                        // Of a choice, say: it is read as the same only with the negative power.
                        above.push(Factor { base, exponent: Exponent::Number(n) });
                    } else if self.graph.op(inverse) != Op::Power || !self.is_spelled_out(inverse) {
                        below.push(Factor::plain(inverse));
                    } else {
                        below.push(Factor { base, exponent: Exponent::Number(-&n) });
                    }
                }
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
        self.join_across_bar(&mut above, &mut below);
        let may_spread = self.spreads(node);
        // `x/(a*(if c then b else 0))` would be read as a choice of products.
        let is_guarded = |f: &Factor| {
            let operands = self.graph.operands(f.base);
            self.graph.op(f.base) == Op::If && self.graph.is_zero(operands[2])
        };
        let (guarded, below): (Vec<Factor>, Vec<Factor>) = below.into_iter().partition(is_guarded);
        let guarded = self.powers(guarded);
        let mut top = self.powers(above);
        top.extend(mean);
        if may_spread {
            top = top.into_iter().flat_map(factors_of).collect();
        }
        let mut bottom = self.powers(below);
        let mut negative = false;
        // A sign inside a factor moves to the front of the whole product.
        for form in top.iter_mut().chain(bottom.iter_mut()) {
            if let Form::Negate(inner) = form {
                *form = std::mem::replace(inner, Form::Name(String::new()));
                negative = !negative;
            }
        }
        Fraction { negative, top, bottom, guarded }
    }

    /// Powers to one whole number above and below the bar as a power of a quotient: `(a/b)^2` for `a^2/b^2`.
    fn join_across_bar(&mut self, above: &mut [Factor], below: &mut Vec<Factor>) {
        let whole = |f: &Factor| match &f.exponent {
            Exponent::Number(n) if n.is_integer() && !n.is_one() => Some(n.clone()),
            _ => None,
        };
        for at in (0..above.len()).rev() {
            let Some(n) = whole(&above[at]) else { continue };
            let Some(other) = below.iter().position(|f| whole(f).as_ref() == Some(&n)) else { continue };
            let (top, bottom) = (above[at].base, below[other].base);
            let quotient = self.graph.div(top, bottom);
            let exponent = self.graph.constant(n.clone());
            let joined = self.graph.power(quotient, exponent);
            let (top_power, bottom_power) =
                (self.graph.power(top, exponent), self.graph.power(bottom, exponent));
            let is_same = self.graph.div(top_power, bottom_power) == joined;
            if is_same && self.graph.op(quotient) == Op::Product {
                above[at].base = quotient;
                below.remove(other);
            }
        }
    }

    /// Whether `y*log(p)`, in a product as one factor, may stand in it as two: it is read as `xlogy` again.
    fn spreads(&mut self, node: NodeId) -> bool {
        let is_xlogy = |graph: &Graph, node: NodeId| graph.op(node) == Op::Function(Function::Xlogy);
        let factors = self.graph.operands(node).to_vec();
        if self.graph.op(node) != Op::Product || !factors.iter().any(|f| is_xlogy(self.graph, *f)) {
            return false;
        }
        let mut spread = Vec::with_capacity(factors.len() + 1);
        for factor in factors {
            if is_xlogy(self.graph, factor) {
                let (weight, argument) = (self.graph.operands(factor)[0], self.graph.operands(factor)[1]);
                let log = self.graph.construct(Op::Function(Function::Log), &[argument]);
                spread.extend([weight, log]);
            } else {
                spread.push(factor);
            }
        }
        self.graph.mul(&spread) == node
    }

    /// A sum divided by the lengths of all its indices is a mean.
    fn take_mean(&mut self, factors: Vec<NodeId>) -> (Vec<NodeId>, Vec<Form>) {
        for (at, factor) in factors.iter().enumerate() {
            let Op::Reduce(Reduction::Sum, list) = self.graph.op(*factor) else { continue };
            if self.has_name(*factor) {
                continue;
            }
            let indices = self.graph.bound_indices(list).to_vec();
            let mut rest: Vec<NodeId> = factors.clone();
            rest.remove(at);
            let mut complete = true;
            for index in indices {
                let range = self.graph.range(index);
                let length = self.graph.range_length(range);
                let inverse = self.graph.powi(length, -1);
                match rest.iter().position(|f| *f == inverse) {
                    Some(found) => {
                        rest.remove(found);
                    }
                    None => complete = false,
                }
            }
            // A filtered sum divided by the length is not a filtered mean; a number of elements is their share.
            let body = self.graph.operands(*factor)[0];
            let is_filtered = self.graph.op(body) == Op::If && !is_bracket(self.graph, body);
            if complete
                && !is_filtered
                && let (negative, Form::Reduction { name, binders, filter, body }) =
                    self.reduction(Reduction::Sum, *factor)
            {
                let body = if name == "count" { Box::new(Form::Iverson(body)) } else { body };
                let mean = Form::Reduction { name: "mean", binders, filter, body };
                return (rest, vec![if negative { mean.negated() } else { mean }]);
            }
        }
        (factors, Vec::new())
    }

    /// The factors in reading order, those of one exponent together where that saves operations.
    fn powers(&mut self, mut factors: Vec<Factor>) -> Vec<Form> {
        factors.sort_by_cached_key(|f| {
            let rank = self.order.rank(self.graph, f.base);
            (self.kind(f.base, &f.exponent), !rank.is_fixed, rank.first, rank.size, rank.digest)
        });
        // The forms that share a whole exponent, and the exponent; with their nodes.
        let mut forms: Vec<(Vec<Form>, Option<Number>)> = Vec::with_capacity(factors.len());
        let mut shared: Vec<(Number, Vec<NodeId>)> = Vec::new();
        for factor in factors {
            let is_even =
                matches!(&factor.exponent, Exponent::Number(n) if n.is_integer() && !n.numerator_is_odd());
            let base =
                if is_even && self.graph.op(factor.base) == Op::Linear && self.is_spelled_out(factor.base) {
                    self.sum_of_either_sign(factor.base)
                } else {
                    self.form(factor.base)
                };
            match factor.exponent {
                Exponent::Number(n) if n.is_one() => forms.push((vec![base], None)),
                Exponent::Number(n) if n.is_integer() && !matches!(base, Form::Product(_)) => {
                    // `(a*b)^2` for `a^2*b^2`
                    let known = shared.iter().position(|(known, _)| *known == n);
                    if let Some(at) = known
                        && !self.reads_as_powers(&shared[at].1, factor.base, &n)
                    {
                        forms.push((vec![number_power(base, &n)], None));
                        continue;
                    }
                    match forms.iter_mut().find(|(_, known)| known.as_ref() == Some(&n)) {
                        Some((bases, _)) => bases.push(base),
                        None => forms.push((vec![base], Some(n.clone()))),
                    }
                    match known {
                        Some(at) => shared[at].1.push(factor.base),
                        None => shared.push((n, vec![factor.base])),
                    }
                }
                Exponent::Number(n) => forms.push((vec![number_power(base, &n)], None)),
                Exponent::Node(exponent) => {
                    let exponent = self.form(exponent);
                    forms.push((vec![Form::Power(Box::new(base), Box::new(exponent))], None));
                }
            }
        }
        let finish = |(bases, exponent): (Vec<Form>, Option<Number>)| match exponent {
            Some(n) => number_power(product(bases), &n),
            None => product(bases),
        };
        forms.into_iter().map(finish).collect()
    }

    /// Whether `(a*b)^n` is read as `a^n*b^n`: `(y*log(p))^2` may be a power of `xlogy`.
    fn reads_as_powers(&mut self, bases: &[NodeId], last: NodeId, n: &Number) -> bool {
        let mut all = bases.to_vec();
        all.push(last);
        let exponent = self.graph.constant(n.clone());
        let product = self.graph.mul(&all);
        let together = self.graph.power(product, exponent);
        let powers: Vec<NodeId> = all.into_iter().map(|base| self.graph.power(base, exponent)).collect();
        self.graph.mul(&powers) == together
    }

    /// Hyperparameters, then names, then powers, short sums such as `1 - y`, functions, and long sums.
    fn kind(&mut self, base: NodeId, exponent: &Exponent) -> u8 {
        let is_power = !matches!(exponent, Exponent::Number(n) if n.is_one());
        match self.graph.op(base) {
            Op::Constant(_) | Op::Pi => 0,
            Op::Access(v) if self.graph.variable(v).is_hyperparameter && !is_power => 1,
            Op::Size(_) => 2,
            Op::Access(_) | Op::Index(_) => 3,
            _ if self.has_name(base) || special::softmax_parts(self.graph, base).is_some() => 4,
            _ if is_power => 5,
            Op::Linear => {
                let operands = self.graph.operands(base);
                let atom = |node: &NodeId| {
                    matches!(self.graph.op(*node), Op::Access(_) | Op::Index(_) | Op::Size(_))
                };
                let is_short = operands.len() <= 5 && operands[2..].iter().step_by(2).all(atom);
                if is_short { 6 } else { 8 }
            }
            Op::If => 9,
            _ => 7,
        }
    }
}

impl Fraction {
    fn of(form: Form) -> Fraction {
        match form {
            Form::Negate(inner) => {
                Fraction { negative: true, top: factors_of(*inner), bottom: Vec::new(), guarded: Vec::new() }
            }
            form => {
                Fraction { negative: false, top: factors_of(form), bottom: Vec::new(), guarded: Vec::new() }
            }
        }
    }

    /// The form, times a number that is not negative.
    pub fn times(&self, coefficient: &Number) -> Form {
        let (numerator, denominator) = coefficient.parts();
        let (mut top, mut bottom) = (self.top.clone(), self.bottom.clone());
        if !numerator.is_one() || top.is_empty() {
            top.insert(0, Form::Number(numerator));
        }
        if !denominator.is_one() {
            bottom.insert(0, Form::Number(denominator));
        }
        let mut form = quotient(top, bottom);
        for divisor in &self.guarded {
            form = Form::Quotient(Box::new(form), Box::new(divisor.clone()));
        }
        if self.negative { form.negated() } else { form }
    }
}

/// `[c]`: 1 or 0.
fn is_bracket(graph: &Graph, node: NodeId) -> bool {
    graph.op(node) == Op::If
        && graph.is_one(graph.operands(node)[1])
        && graph.is_zero(graph.operands(node)[2])
}

fn number_power(base: Form, exponent: &Number) -> Form {
    if exponent.to_f64() == 0.5 {
        return Form::Call("sqrt", vec![base]);
    }
    if exponent.is_one() {
        return base;
    }
    let size = Form::Number(exponent.abs());
    let exponent = if exponent.is_negative() { Form::Negate(Box::new(size)) } else { size };
    Form::Power(Box::new(base), Box::new(exponent))
}

/// Factors above and below a fraction bar.
fn quotient(top: Vec<Form>, bottom: Vec<Form>) -> Form {
    if bottom.is_empty() {
        product(top)
    } else {
        Form::Quotient(Box::new(product(top)), Box::new(product(bottom)))
    }
}

fn product(mut factors: Vec<Form>) -> Form {
    match factors.len() {
        0 => Form::Number(Number::ONE),
        1 => factors.remove(0),
        _ => Form::Product(factors),
    }
}

fn factors_of(form: Form) -> Vec<Form> {
    match form {
        Form::Product(factors) => factors,
        form => vec![form],
    }
}
