//! The normal form of an expression: a quotient of polynomials over what algebra cannot take apart.
//!
//! Everything made of exponentials is spelled out in them (`sigmoid(z)` is `e/(1 + e)` with `e = exp(z)`), logarithms
//! of products whose factors are not negative become sums, roots and powers with symbolic exponents become powers of
//! common bases. If the normal form of a difference is 0, the difference is 0 wherever it is defined: each step holds
//! at every such point, and denominators are those of the original or positive. `x*log(y)` counts as 0 where x is 0:
//! an identity between polynomials holds whatever real number stands for the logarithm there.

use super::polynomial::{Fraction, Monomial, Polynomial, times};
use crate::function::Function;
use crate::graph::{Graph, IndexId, Map, NodeId, Op, Reduction};
use crate::number::Number;
use crate::simplify::simplify;

/// Nodes that are looked at, those with many terms counting for more; then the form is given up.
const NODE_LIMIT: usize = 4000;

/// Reductions of at most so many values are written out.
const UNROLL_LIMIT: usize = 16;

/// How deeply reductions, and normal forms of what normal forms bring up, may nest.
pub(super) const NESTING_LIMIT: usize = 12;

/// Whether `node` is 0 wherever it is defined. `false` means that it could not be shown.
pub(super) fn is_zero(graph: &mut Graph, node: NodeId) -> bool {
    Builder::new(graph).form(node, 0).is_some_and(|f| f.is_zero())
}

/// The expression written anew from its normal form, if that is free of `inputs`.
pub(super) fn without(
    graph: &mut Graph,
    node: NodeId,
    is_input: &dyn Fn(&Graph, NodeId) -> bool,
) -> Option<NodeId> {
    let mut builder = Builder::new(graph);
    let form = builder.form(node, 0)?;
    let rewritten = builder.node(&form)?;
    let reached = graph.reachable(&[rewritten]);
    (!reached.into_iter().any(|n| is_input(graph, n))).then_some(rewritten)
}

pub(super) struct Builder<'g> {
    pub graph: &'g mut Graph,
    pub done: Map<NodeId, Fraction>,
    /// Atoms that stand for the base of a root, with what that base is.
    pub bases: Map<NodeId, Fraction>,
    steps: usize,
}

impl<'g> Builder<'g> {
    fn new(graph: &'g mut Graph) -> Self {
        Builder { graph, done: Map::default(), bases: Map::default(), steps: 0 }
    }

    /// `nesting` counts reductions and logarithms around `node`, not nodes.
    pub fn form(&mut self, node: NodeId, nesting: usize) -> Option<Fraction> {
        if let Some(known) = self.done.get(&node) {
            return Some(known.clone());
        }
        if nesting > NESTING_LIMIT {
            return None;
        }
        for part in self.needed(node) {
            if self.done.contains_key(&part) {
                continue;
            }
            self.steps += 1;
            if self.steps > NODE_LIMIT {
                return None;
            }
            let form = self.build(part, nesting)?;
            let form = self.resolved(form)?;
            self.steps += form.above.terms.len() / 8;
            self.done.insert(part, form);
        }
        self.done.get(&node).cloned()
    }

    /// What the form of `node` is made of, operands before users; reductions, conditions and their insides are left
    /// to [`Builder::build`].
    fn needed(&self, node: NodeId) -> Vec<NodeId> {
        let mut seen: std::collections::BTreeSet<NodeId> = [node].into();
        let mut pending = vec![node];
        while let Some(top) = pending.pop() {
            let operands = self.graph.operands(top);
            let inner: &[NodeId] = match self.graph.op(top) {
                Op::Reduce(..) | Op::Access(_) => &[],
                Op::If => &operands[1..],
                op if op.is_condition() => &[],
                _ => operands,
            };
            for operand in inner {
                if !self.done.contains_key(operand) && seen.insert(*operand) {
                    pending.push(*operand);
                }
            }
        }
        seen.into_iter().collect()
    }

    fn build(&mut self, node: NodeId, nesting: usize) -> Option<Fraction> {
        let operands = self.graph.operands(node).to_vec();
        let form = |builder: &Self, at: usize| builder.done.get(&operands[at]).cloned();
        match self.graph.op(node) {
            Op::Constant(id) => Some(Fraction::constant(self.graph.number(id).clone())),
            Op::Linear => {
                let mut sum = form(self, 0)?;
                for at in (1..operands.len()).step_by(2) {
                    let coefficient = self.graph.as_constant(operands[at])?.clone();
                    sum = sum.add(&form(self, at + 1)?.scale(&coefficient)?)?;
                }
                Some(sum)
            }
            Op::Product => {
                let mut product = form(self, 0)?;
                for at in 1..operands.len() {
                    product = product.multiply(&form(self, at)?)?;
                    product = self.resolved(product)?;
                }
                Some(product)
            }
            // A constant for differentiation is not the same loss as what it is the value of.
            Op::Detach => {
                let inner = form(self, 0)?;
                let inner = self.node(&inner)?;
                Some(Fraction::atom(self.graph.detach(inner)))
            }
            Op::Power => self.power(&form(self, 0)?, operands[1]),
            Op::Function(function) => self.function(node, function, &operands, nesting),
            Op::If => self.choice(&operands),
            Op::Reduce(reduction, _) => self.reduction(node, reduction, nesting),
            _ => Some(Fraction::atom(node)),
        }
    }

    fn function(
        &mut self,
        node: NodeId,
        function: Function,
        operands: &[NodeId],
        nesting: usize,
    ) -> Option<Fraction> {
        let one = Fraction::constant(Number::ONE);
        let argument = self.done.get(&operands[0])?.clone();
        let exponential = |builder: &mut Self, factor: i64| {
            let scaled = argument.scale(&Number::integer(factor))?;
            builder.exponential(&scaled)
        };
        match function {
            Function::Exp => self.exponential(&argument),
            Function::Expm1 => self.exponential(&argument)?.add(&Fraction::constant(Number::MINUS_ONE)),
            Function::Sigmoid => {
                let e = exponential(self, 1)?;
                e.multiply(&e.add(&one)?.inverse()?)
            }
            Function::Tanh => {
                let e = exponential(self, 2)?;
                e.add(&Fraction::constant(Number::MINUS_ONE))?.multiply(&e.add(&one)?.inverse()?)
            }
            Function::Sinh | Function::Cosh => {
                let (up, down) = (exponential(self, 1)?, exponential(self, -1)?);
                let sign = if function == Function::Cosh { Number::ONE } else { Number::MINUS_ONE };
                up.add(&down.scale(&sign)?)?.scale(&Number::ratio(1, 2)?)
            }
            Function::Softplus => {
                let sum = exponential(self, 1)?.add(&one)?;
                self.logarithm(&sum, nesting)
            }
            Function::Log => self.logarithm(&argument, nesting),
            Function::Log1p => self.logarithm(&argument.add(&one)?, nesting),
            Function::Log2 | Function::Log10 => {
                let base = Number::integer(if function == Function::Log2 { 2 } else { 10 });
                let base = self.logarithm(&Fraction::constant(base), nesting)?;
                self.logarithm(&argument, nesting)?.multiply(&base.inverse()?)
            }
            Function::Logit => {
                let complement = one.add(&argument.scale(&Number::MINUS_ONE)?)?;
                let below = self.logarithm(&complement, nesting)?.scale(&Number::MINUS_ONE)?;
                self.logarithm(&argument, nesting)?.add(&below)
            }
            Function::Xlogy => {
                let other = self.done.get(&operands[1])?.clone();
                argument.multiply(&self.logarithm(&other, nesting)?)
            }
            Function::Abs => {
                let interval = self.graph.interval(operands[0]);
                if interval.is_non_negative() {
                    return Some(argument);
                }
                if interval.is_non_positive() {
                    return argument.scale(&Number::MINUS_ONE);
                }
                self.root(&argument.multiply(&argument)?, Number::ratio(1, 2)?)
            }
            Function::Hypot => {
                let other = self.done.get(&operands[1])?.clone();
                let square = argument.multiply(&argument)?.add(&other.multiply(&other)?)?;
                self.root(&square, Number::ratio(1, 2)?)
            }
            _ => {
                let mut arguments = Vec::with_capacity(operands.len());
                for operand in operands {
                    let form = self.done.get(operand)?.clone();
                    arguments.push(self.node(&form)?);
                }
                let rebuilt = self.graph.function(function, &arguments);
                let is_same = self.graph.op(rebuilt) == self.graph.op(node);
                if is_same || rebuilt == node {
                    return Some(Fraction::atom(rebuilt));
                }
                self.form(rebuilt, nesting + 1)
            }
        }
    }

    /// Of branches that are defined everywhere, brackets times the branches; else one atom.
    fn choice(&mut self, operands: &[NodeId]) -> Option<Fraction> {
        let (a, b) = (self.done.get(&operands[1])?.clone(), self.done.get(&operands[2])?.clone());
        let around: Vec<IndexId> = self.graph.free_indices(operands[0]).to_vec();
        let is_plain = self.graph.is_defined_everywhere(operands[1], &around)
            && self.graph.is_defined_everywhere(operands[2], &around);
        if is_plain {
            let bracket = self.graph.iverson(operands[0]);
            let bracket = if self.graph.op(bracket) == Op::If {
                Fraction::atom(bracket)
            } else {
                self.form(bracket, NESTING_LIMIT)?
            };
            let difference = a.add(&b.scale(&Number::MINUS_ONE)?)?;
            return bracket.multiply(&difference)?.add(&b);
        }
        let (a, b) = (self.node(&a)?, self.node(&b)?);
        Some(Fraction::atom(self.graph.select(operands[0], a, b)))
    }

    fn reduction(&mut self, node: NodeId, reduction: Reduction, nesting: usize) -> Option<Fraction> {
        let (indices, body, filter) = self.graph.open(node);
        if filter.is_none()
            && let Some(bodies) = self.unrolled(&indices, body)
        {
            return self.written_out(reduction, node, &bodies, nesting);
        }
        match reduction {
            Reduction::Sum => {
                let form = self.form(body, nesting + 1)?;
                self.sum(&indices, &form, nesting)
            }
            Reduction::LogSumExp => {
                let form = self.form(body, nesting + 1)?;
                let mut term = self.exponential(&form)?;
                if let Some(filter) = filter {
                    let (inner, zero) = (self.node(&term)?, self.graph.integer(0));
                    term = Fraction::atom(self.graph.select(filter, inner, zero));
                }
                let sum = self.sum(&indices, &term, nesting)?;
                self.logarithm(&sum, nesting)
            }
            Reduction::Norm => {
                let form = self.form(body, nesting + 1)?;
                let square = self.resolved(form.multiply(&form)?)?;
                let sum = self.sum(&indices, &square, nesting)?;
                self.root(&sum, Number::ratio(1, 2)?)
            }
            Reduction::Any => Some(Fraction::atom(node)),
            _ => {
                let form = self.form(body, nesting + 1)?;
                let body = self.node(&form)?;
                let rebuilt = self.graph.reduce(reduction, &indices, body, filter);
                self.other(node, rebuilt, nesting)
            }
        }
    }

    /// The body for each value of the indices, where their ranges are short and fixed.
    fn unrolled(&mut self, indices: &[IndexId], body: NodeId) -> Option<Vec<NodeId>> {
        let mut bodies = vec![body];
        for index in indices {
            let range = self.graph.range(*index);
            let end = |graph: &Graph, n: NodeId| graph.as_constant(n).and_then(Number::to_i64);
            let (low, high) = (end(self.graph, range.low)?, end(self.graph, range.high)?);
            let count = usize::try_from(high.checked_sub(low)?).ok()?;
            if bodies.len() * count > UNROLL_LIMIT {
                return None;
            }
            let mut next = Vec::with_capacity(bodies.len() * count);
            for body in bodies {
                for value in low..high {
                    let value = self.graph.integer(value);
                    next.push(self.graph.substitute(body, &[(*index, value)]));
                }
            }
            bodies = next;
        }
        Some(bodies)
    }

    /// A reduction of few values.
    fn written_out(
        &mut self,
        reduction: Reduction,
        node: NodeId,
        bodies: &[NodeId],
        nesting: usize,
    ) -> Option<Fraction> {
        let mut total = Fraction::default();
        for body in bodies {
            let form = self.form(*body, nesting + 1)?;
            let term = match reduction {
                Reduction::Sum => form,
                Reduction::LogSumExp => self.exponential(&form)?,
                Reduction::Norm => self.resolved(form.multiply(&form)?)?,
                _ => return Some(Fraction::atom(node)),
            };
            total = total.add(&term)?;
        }
        match reduction {
            Reduction::LogSumExp => self.logarithm(&total, nesting),
            Reduction::Norm => self.root(&total, Number::ratio(1, 2)?),
            _ => Some(total),
        }
    }

    /// The form of something that a constructor made of a rebuilt reduction.
    fn other(&mut self, node: NodeId, rebuilt: NodeId, nesting: usize) -> Option<Fraction> {
        match self.graph.op(rebuilt) {
            Op::Reduce(..) => Some(Fraction::atom(rebuilt)),
            _ if rebuilt == node => Some(Fraction::atom(node)),
            _ => self.form(rebuilt, nesting + 1),
        }
    }

    /// A sum term by term, with what does not depend on the indices outside.
    fn sum(&mut self, indices: &[IndexId], body: &Fraction, nesting: usize) -> Option<Fraction> {
        let mut outside = Fraction::constant(Number::ONE);
        let mut inner_denominators = Monomial::new();
        for (factor, count) in &body.below {
            let node = self.polynomial_node(factor)?;
            if indices.iter().any(|i| self.graph.depends_on_index(node, *i)) {
                inner_denominators =
                    times(&inner_denominators, &[(node, Number::integer(-i64::from(*count)))].into())?;
            } else {
                let below = Fraction { above: factor.clone(), below: Default::default() };
                outside = outside.multiply(&below.power(-i64::from(*count))?)?;
            }
        }
        let mut total = Fraction::default();
        for (monomial, coefficient) in &body.above.terms {
            let (inside, apart): (Monomial, Monomial) = monomial
                .iter()
                .map(|(atom, exponent)| (*atom, exponent.clone()))
                .partition(|(atom, _)| indices.iter().any(|i| self.graph.depends_on_index(*atom, *i)));
            let inside = times(&inside, &inner_denominators)?;
            let inside = self.monomial_node(&inside)?;
            let sum = self.graph.reduce(Reduction::Sum, indices, inside, None);
            let known = simplify(self.graph, sum).node;
            let sum = match self.graph.op(sum) {
                Op::Reduce(Reduction::Sum, _) if self.graph.as_constant(known).is_some() => {
                    Fraction::constant(self.graph.as_constant(known)?.clone())
                }
                Op::Reduce(..) => Fraction::atom(sum),
                _ => self.form(sum, nesting + 1)?,
            };
            let apart =
                Fraction { above: Polynomial::term(coefficient.clone(), apart), below: Default::default() };
            total = total.add(&apart.multiply(&sum)?)?;
        }
        total.multiply(&outside)
    }

    pub fn monomial_node(&mut self, monomial: &Monomial) -> Option<NodeId> {
        let mut factors = Vec::with_capacity(monomial.len());
        for (atom, exponent) in monomial {
            let exponent = self.graph.constant(exponent.clone());
            factors.push(self.graph.power(*atom, exponent));
        }
        Some(self.graph.mul(&factors))
    }

    pub fn polynomial_node(&mut self, polynomial: &Polynomial) -> Option<NodeId> {
        let mut terms = Vec::with_capacity(polynomial.terms.len());
        for (monomial, coefficient) in &polynomial.terms {
            terms.push((coefficient.clone(), self.monomial_node(monomial)?));
        }
        Some(self.graph.linear(Number::ZERO, &terms))
    }

    /// A form as an expression.
    pub fn node(&mut self, form: &Fraction) -> Option<NodeId> {
        let mut factors = vec![self.polynomial_node(&form.above)?];
        for (factor, count) in &form.below {
            let factor = self.polynomial_node(factor)?;
            factors.push(self.graph.powi(factor, -i64::from(*count)));
        }
        Some(self.graph.mul(&factors))
    }
}
