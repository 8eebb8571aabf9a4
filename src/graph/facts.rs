//! What is known of a node from the declarations: where its values lie, whether they are whole.

use super::{Domain, Graph, NodeId, NodeList, Op, Reduction};
use crate::function::{Function, Monotone};
use crate::interval::Interval;
use crate::number::Number;
use smallvec::{SmallVec, smallvec};

/// The intervals found so far, by node.
#[derive(Clone, Default)]
pub(super) struct Memo {
    intervals: Vec<Option<Interval>>,
}

impl Domain {
    /// The smallest interval that holds every value of the domain.
    pub fn interval(&self) -> Interval {
        match self {
            Domain::Interval(interval) => *interval,
            Domain::Set(values) => values
                .iter()
                .map(|v| Interval::point(v.to_f64()))
                .reduce(|a, b| a.hull(&b))
                .unwrap_or(Interval::REALS),
            Domain::Simplex | Domain::Prob => Interval::UNIT,
            Domain::Index(_) => Interval::NON_NEGATIVE,
            Domain::LogProb => Interval::NON_NEGATIVE.negate(),
            Domain::Integer | Domain::Logit => Interval::REALS,
        }
    }
}

impl Graph {
    /// An interval in which the value of `node` lies wherever it is defined and the inputs are as declared.
    ///
    /// Of a condition, all reals.
    pub fn interval(&mut self, node: NodeId) -> Interval {
        if let Some(Some(known)) = self.facts.intervals.get(node.position()) {
            return *known;
        }
        let mut pending: NodeList = smallvec![node];
        while let Some(&top) = pending.last() {
            if self.facts.intervals.len() <= top.position() {
                self.facts.intervals.resize(self.nodes.len(), None);
            }
            if self.facts.intervals[top.position()].is_some() {
                pending.pop();
                continue;
            }
            let waiting = pending.len();
            for operand in self.operands(top) {
                if self.facts.intervals[operand.position()].is_none() {
                    pending.push(*operand);
                }
            }
            if pending.len() == waiting {
                let found = self.interval_from_operands(top);
                self.facts.intervals[top.position()] = Some(found);
                pending.pop();
            }
        }
        self.facts.intervals[node.position()].unwrap_or(Interval::REALS)
    }

    fn known(&self, node: NodeId) -> Interval {
        self.facts.intervals.get(node.position()).copied().flatten().unwrap_or(Interval::REALS)
    }

    fn interval_from_operands(&self, node: NodeId) -> Interval {
        let operands = self.operands(node);
        match self.op(node) {
            Op::Constant(id) => {
                let number = self.number(id);
                match number.to_exact_f64() {
                    Some(value) => Interval::point(value),
                    None => {
                        let value = number.to_f64();
                        Interval::open(value.next_down(), value.next_up())
                    }
                }
            }
            Op::Pi => Interval::closed(std::f64::consts::PI, std::f64::consts::PI.next_up()),
            Op::Access(variable) => self.variable(variable).domain.interval(),
            Op::Index(index) => {
                let low = self.index_entry(index).range.map_or(f64::NEG_INFINITY, |r| self.known(r.low).low);
                Interval { low, low_open: low.is_infinite(), ..Interval::REALS }
            }
            Op::Size(_) => Interval::NON_NEGATIVE,
            Op::Linear => {
                let mut sum = self.known(operands[0]);
                for pair in operands[1..].chunks_exact(2) {
                    sum = sum.add(&self.known(pair[0]).multiply(&self.known(pair[1])));
                }
                sum
            }
            Op::Product => operands
                .iter()
                .map(|o| self.known(*o))
                .reduce(|a, b| a.multiply(&b))
                .unwrap_or(Interval::point(1.0)),
            Op::Power => self.interval_of_power(operands[0], operands[1]),
            Op::Function(function) => self.interval_of_function(function, operands),
            Op::Reduce(reduction, _) => {
                let body = self.known(operands[0]);
                match reduction {
                    Reduction::Max | Reduction::Min | Reduction::Mean => body,
                    // Of an empty range a sum is 0.
                    Reduction::Sum if body.is_non_negative() => Interval::NON_NEGATIVE,
                    Reduction::Sum if body.is_non_positive() => Interval::NON_NEGATIVE.negate(),
                    Reduction::Product if Interval::UNIT.covers(&body) => Interval::UNIT,
                    Reduction::Product if body.is_positive() => Interval::POSITIVE,
                    Reduction::Product if body.is_non_negative() => Interval::NON_NEGATIVE,
                    Reduction::Norm => Interval::NON_NEGATIVE,
                    _ => Interval::REALS,
                }
            }
            Op::If => self.known(operands[1]).hull(&self.known(operands[2])),
            Op::Detach | Op::Element(_) => self.known(operands[0]),
            Op::Compare(_) | Op::Truth(_) | Op::Not | Op::And | Op::Or => Interval::REALS,
        }
    }

    fn interval_of_power(&self, base: NodeId, exponent: NodeId) -> Interval {
        let inside = self.known(base);
        if let Some(n) = self.as_constant(exponent) {
            if *n == Number::MINUS_ONE {
                return inside.reciprocal();
            }
            if n.is_integer() && !n.numerator_is_odd() {
                let size = inside.absolute();
                let power = |x: f64| x.powf(n.to_f64());
                return if n.is_positive() { size.increasing(power) } else { Interval::NON_NEGATIVE };
            }
            if n.is_positive() && (inside.is_non_negative() || n.is_integer()) {
                return inside.increasing(|x| x.powf(n.to_f64()));
            }
            if !n.is_integer() {
                return if n.is_positive() { Interval::NON_NEGATIVE } else { Interval::POSITIVE };
            }
            return if inside.is_non_negative() { Interval::POSITIVE } else { Interval::REALS };
        }
        let power = self.known(exponent);
        if inside.is_non_negative() && inside.high <= 1.0 && power.is_non_negative() {
            let positive = inside.is_positive();
            return Interval { low_open: positive, ..Interval::UNIT };
        }
        if inside.is_positive() {
            Interval::POSITIVE
        } else if inside.is_non_negative() {
            Interval::NON_NEGATIVE
        } else {
            Interval::REALS
        }
    }

    fn interval_of_function(&self, function: Function, operands: &[NodeId]) -> Interval {
        let entry = function.entry();
        let arguments: SmallVec<[Interval; 4]> = operands.iter().map(|o| self.known(*o)).collect();
        let exact = match (function, arguments.as_slice()) {
            (Function::Max, [first, rest @ ..]) => rest.iter().fold(*first, |a, b| a.larger(b)),
            (Function::Min, [first, rest @ ..]) => {
                rest.iter().fold(first.negate(), |a, b| a.larger(&b.negate())).negate()
            }
            (Function::Abs, [a]) => a.absolute(),
            (Function::Xlogy, [a, b]) if a.is_non_negative() && b.high <= 1.0 => {
                Interval { low: f64::NEG_INFINITY, high: 0.0, low_open: true, high_open: false }
            }
            (Function::Erf | Function::Erfc | Function::Lgamma | Function::Digamma, _) => entry.range,
            (_, [a]) if entry.monotone == Monotone::Increasing => {
                let inside =
                    if function == Function::Log || function == Function::Log2 || function == Function::Log10
                    {
                        a.intersect(&Interval::NON_NEGATIVE)
                    } else {
                        Some(*a)
                    };
                inside.map_or(entry.range, |i| i.increasing(|x| function.evaluate(&[x])))
            }
            _ => entry.range,
        };
        exact.intersect(&entry.range).filter(|i| !i.low.is_nan() && !i.high.is_nan()).unwrap_or(entry.range)
    }

    /// Whether the value of `node` is a whole number, whatever the inputs are.
    pub fn is_whole(&self, node: NodeId) -> bool {
        let mut pending: NodeList = smallvec![node];
        while let Some(top) = pending.pop() {
            match self.op(top) {
                Op::Index(_)
                | Op::Size(_)
                | Op::Function(Function::Floor | Function::Round | Function::Sign) => {}
                Op::Constant(id) if self.number(id).is_integer() => {}
                Op::Access(variable) => match &self.variable(variable).domain {
                    Domain::Integer | Domain::Index(_) => {}
                    Domain::Set(values) if values.iter().all(Number::is_integer) => {}
                    _ => return false,
                },
                Op::Linear | Op::Product | Op::Function(Function::Max | Function::Min | Function::Abs) => {
                    pending.extend_from_slice(self.operands(top));
                }
                Op::If => pending.extend_from_slice(&self.operands(top)[1..]),
                Op::Reduce(Reduction::Sum | Reduction::Max | Reduction::Min, _) => {
                    pending.push(self.operands(top)[0]);
                }
                _ => return false,
            }
        }
        true
    }
}
