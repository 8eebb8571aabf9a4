//! Products, powers and elementary functions.

use super::{Graph, Look, NodeId, NodeList, Op};
use crate::function::Function;
use crate::interval::Interval;
use crate::number::Number;
use smallvec::SmallVec;

/// What a product is made of while it is brought into canonical form.
struct Factors {
    /// The number in front.
    coefficient: Number,
    powers: SmallVec<[Power; 8]>,
    /// Arguments of exponentials: e^a * e^b is e^(a + b).
    exponentials: NodeList,
    /// Conditions of factors `if c then a else 0`.
    guards: NodeList,
}

/// A factor with its base and exponent.
struct Power {
    base: NodeId,
    exponent: NodeId,
    /// The factor itself; `None` once others with the same base were merged into it.
    node: Option<NodeId>,
}

impl Graph {
    /// The product of `factors`.
    ///
    /// A factor `if c then a else 0` makes the whole product `if c then … else 0`: where the condition does not
    /// hold, the other factors do not matter, even where they are not defined.
    pub fn mul(&mut self, factors: &[NodeId]) -> NodeId {
        match factors {
            [] => return self.integer(1),
            [one] => return *one,
            _ => {}
        }
        let mut pending = NodeList::from_slice(factors);
        let mut parts = Factors {
            coefficient: Number::ONE,
            powers: SmallVec::new(),
            exponentials: NodeList::new(),
            guards: NodeList::new(),
        };
        // Powers that merge can become numbers or products, which are taken apart in another round; each
        // round has fewer bases than the last.
        while !pending.is_empty() {
            for factor in pending.drain(..) {
                self.take_apart(&mut parts, factor);
            }
            if parts.coefficient.is_zero() {
                return self.integer(0);
            }
            if parts.exponentials.len() > 1 {
                let total = self.add(&parts.exponentials);
                parts.exponentials.clear();
                pending.push(self.function(Function::Exp, &[total]));
            }
            parts.powers.sort_unstable_by_key(|power| power.base);
            parts.powers.dedup_by(|power, known| {
                let same = power.base == known.base;
                if same {
                    known.exponent = self.add(&[known.exponent, power.exponent]);
                    known.node = None;
                }
                same
            });
            parts.powers.retain(|power| {
                if power.node.is_none() {
                    pending.push(self.power(power.base, power.exponent));
                }
                power.node.is_some()
            });
        }
        let mut nodes: NodeList = parts.powers.iter().filter_map(|power| power.node).collect();
        for argument in &parts.exponentials {
            nodes.push(self.intern(Op::Function(Function::Exp), &[*argument]));
        }
        self.absorb_into_xlogy(&mut nodes);
        nodes.sort_unstable();
        let product = match nodes.as_slice() {
            [] => self.integer(1),
            [one] => *one,
            _ => self.intern(Op::Product, &nodes),
        };
        let product = self.scale(&parts.coefficient, product);
        if parts.guards.is_empty() {
            return product;
        }
        let condition = self.and(&parts.guards);
        let zero = self.integer(0);
        self.select(condition, product, zero)
    }

    fn take_apart(&mut self, parts: &mut Factors, factor: NodeId) {
        let mut rest = factor;
        if self.op(factor) == Op::Linear {
            let (mut content, mut inner) = self.split_coefficient(factor);
            if content.is_one() {
                (content, inner) = self.split_content(inner);
            }
            self.multiply_coefficient(parts, content);
            rest = inner;
        }
        match self.op(rest) {
            Op::Constant(id) => {
                let value = self.number(id).clone();
                self.multiply_coefficient(parts, value);
            }
            Op::Product => {
                for at in 0..self.operands(rest).len() {
                    self.take_apart_atom(parts, self.operands(rest)[at]);
                }
            }
            _ => self.take_apart_atom(parts, rest),
        }
    }

    /// Of a factor that is neither a number nor a product nor a multiple.
    fn take_apart_atom(&mut self, parts: &mut Factors, factor: NodeId) {
        match (self.op(factor), self.operands(factor)) {
            (Op::Power, &[base, exponent]) => parts.powers.push(Power { base, exponent, node: Some(factor) }),
            (Op::Function(Function::Exp), [argument]) => parts.exponentials.push(*argument),
            (Op::If, [condition, then, otherwise]) if self.is_zero(*otherwise) => {
                let then = *then;
                parts.guards.push(*condition);
                self.take_apart(parts, then);
            }
            _ => {
                let exponent = self.integer(1);
                parts.powers.push(Power { base: factor, exponent, node: Some(factor) });
            }
        }
    }

    fn multiply_coefficient(&mut self, parts: &mut Factors, value: Number) {
        if parts.coefficient.is_one() {
            parts.coefficient = value;
        } else if !value.is_one() {
            parts.coefficient = self.within_limit(parts.coefficient.checked_mul(&value));
        }
    }

    /// `y*log(p)` is `xlogy(y, p)` where the declarations allow both to be 0: that is what makes losses such as
    /// the entropy defined on their whole domain.
    fn absorb_into_xlogy(&mut self, nodes: &mut NodeList) {
        if nodes.len() < 2 {
            return;
        }
        // Of several logarithms, the one that looks first.
        let mut found: Option<(Look, NodeId)> = None;
        for node in nodes.iter().copied() {
            if self.op(node) == Op::Function(Function::Log)
                && !self.interval(self.operands(node)[0]).is_positive()
            {
                let this = (self.look(node), node);
                found = Some(found.map_or(this, |known| known.min(this)));
            }
        }
        let Some((_, log)) = found else { return };
        let argument = self.operands(log)[0];
        let mut weights = NodeList::new();
        for node in nodes.iter().copied().filter(|n| *n != log) {
            let interval = self.interval(node);
            if Interval::UNIT.covers(&interval) && interval.contains(0.0) {
                weights.push(node);
            }
        }
        if weights.is_empty() {
            return;
        }
        nodes.retain(|n| *n != log && !weights.contains(n));
        weights.sort_unstable();
        let weight = if let [one] = weights.as_slice() { *one } else { self.intern(Op::Product, &weights) };
        nodes.push(self.intern(Op::Function(Function::Xlogy), &[weight, argument]));
    }

    /// `a/b`
    pub fn div(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let inverse = self.powi(b, -1);
        self.mul(&[a, inverse])
    }

    /// `base^exponent` for a whole number.
    pub fn powi(&mut self, base: NodeId, exponent: i64) -> NodeId {
        let exponent = self.integer(exponent);
        self.power(base, exponent)
    }

    /// The square root.
    pub fn sqrt(&mut self, a: NodeId) -> NodeId {
        let half = Number::ratio(1, 2).map(|half| self.constant(half));
        half.map_or(a, |half| self.power(a, half))
    }

    /// `base^exponent`; 0^0 is 1.
    pub fn power(&mut self, base: NodeId, exponent: NodeId) -> NodeId {
        let known = self.as_constant(exponent).cloned();
        if let Some(n) = &known {
            if n.is_zero() {
                return self.integer(1);
            }
            if n.is_one() {
                return base;
            }
        }
        match self.op(base) {
            Op::Constant(id) => {
                let value = self.number(id).clone();
                if value.is_one() {
                    return base;
                }
                if let Some(power) = known.as_ref().and_then(|n| exact_power(&value, n)) {
                    return self.constant(power);
                }
            }
            Op::Function(Function::Exp) => {
                let argument = self.operands(base)[0];
                let argument = self.mul(&[argument, exponent]);
                return self.function(Function::Exp, &[argument]);
            }
            Op::Power => {
                let (inner, first) = (self.operands(base)[0], self.operands(base)[1]);
                let whole = known.as_ref().is_some_and(Number::is_integer);
                if whole || self.interval(inner).is_non_negative() {
                    let exponent = self.mul(&[first, exponent]);
                    return self.power(inner, exponent);
                }
                // x^(2k) is |x|^(2k), and the base is then not negative.
                if self.as_constant(first).is_some_and(|n| n.is_integer() && !n.numerator_is_odd()) {
                    let size = self.function(Function::Abs, &[inner]);
                    let exponent = self.mul(&[first, exponent]);
                    return self.power(size, exponent);
                }
            }
            Op::Function(Function::Abs)
                if known.as_ref().is_some_and(|n| n.is_integer() && !n.numerator_is_odd()) =>
            {
                let inner = self.operands(base)[0];
                return self.power(inner, exponent);
            }
            Op::Product if known.as_ref().is_some_and(Number::is_integer) => {
                let factors = self.operands(base).to_vec();
                let powers: Vec<NodeId> = factors.into_iter().map(|f| self.power(f, exponent)).collect();
                return self.mul(&powers);
            }
            Op::Linear => {
                if let Some(n) = known.as_ref().and_then(Number::to_i64) {
                    let (coefficient, rest) = self.split_coefficient(base);
                    let (content, rest) =
                        if coefficient.is_one() { self.split_content(base) } else { (coefficient, rest) };
                    if !content.is_one()
                        && let Some(content) = content.checked_pow(n)
                    {
                        let power = self.power(rest, exponent);
                        return self.scale(&content, power);
                    }
                }
            }
            Op::If => {
                let [condition, then, otherwise] = [0, 1, 2].map(|at| self.operands(base)[at]);
                // `[c]` is its own power; a positive power of `if c then a else 0` keeps its shape.
                if known.as_ref().is_some_and(|n| n.is_positive()) && self.is_zero(otherwise) {
                    let then = self.power(then, exponent);
                    return self.select(condition, then, otherwise);
                }
            }
            _ => {}
        }
        self.intern(Op::Power, &[base, exponent])
    }

    /// `function(arguments)`.
    ///
    /// # Panics
    /// If the number of arguments is not what the function's arity says.
    pub fn function(&mut self, function: Function, arguments: &[NodeId]) -> NodeId {
        match (function, arguments) {
            (Function::Max | Function::Min, _) => return self.extremum(function, arguments),
            (Function::Exp, [a]) => return self.exp(*a),
            (Function::Log, [a]) => {
                if let Some(simpler) = self.simpler_log(*a) {
                    return simpler;
                }
            }
            (Function::Abs | Function::Sign, [a]) => {
                if let Some(simpler) = self.simpler_sign(function, *a) {
                    return simpler;
                }
            }
            (Function::Xlogy, [a, b]) => {
                if self.is_zero(*a) || self.as_constant(*b).is_some_and(Number::is_one) {
                    return self.integer(0);
                }
                // Where the logarithm cannot be infinite, or the weight is not 0, it is an ordinary product.
                if self.interval(*b).is_positive() || !self.interval(*a).contains(0.0) {
                    let log = self.function(Function::Log, &[*b]);
                    return self.mul(&[*a, log]);
                }
                let (coefficient, weight) = self.split_coefficient(*a);
                if !coefficient.is_one() {
                    let rest = self.function(Function::Xlogy, &[weight, *b]);
                    return self.scale(&coefficient, rest);
                }
            }
            (Function::Floor, [a]) if self.is_whole(*a) => return *a,
            (Function::Round, [a]) if self.is_whole(*a) => return *a,
            _ => {}
        }
        if let [a] = arguments
            && let Some(value) = self.as_constant(*a)
            && let Some(exact) = exact_value(function, value)
        {
            return self.constant(exact);
        }
        self.intern(Op::Function(function), arguments)
    }

    /// e^a; the exponential of a logarithm in the exponent is a power.
    fn exp(&mut self, a: NodeId) -> NodeId {
        if self.is_zero(a) {
            return self.integer(1);
        }
        let is_log = |graph: &Graph, node: NodeId| graph.op(node) == Op::Function(Function::Log);
        let has_log = match self.op(a) {
            Op::Function(Function::Log) => true,
            Op::Linear => self.operands(a)[1..].iter().any(|n| is_log(self, *n)),
            Op::Product => self.operands(a).iter().any(|n| is_log(self, *n)),
            _ => false,
        };
        if !has_log {
            return self.intern(Op::Function(Function::Exp), &[a]);
        }
        if self.op(a) == Op::Product {
            // e^(b*log(x)) = x^b
            let mut rest = self.operands(a).to_vec();
            let at = rest.iter().position(|n| is_log(self, *n)).unwrap_or(0);
            let base = self.operands(rest.remove(at))[0];
            let exponent = self.mul(&rest);
            return self.power(base, exponent);
        }
        let (constant, terms) = self.terms(a);
        let (logs, others): (Vec<_>, Vec<_>) = terms.into_iter().partition(|(_, t)| is_log(self, *t));
        let mut factors = Vec::new();
        for (coefficient, log) in logs {
            let base = self.operands(log)[0];
            let exponent = self.constant(coefficient);
            factors.push(self.power(base, exponent));
        }
        let rest = self.linear(constant, &others);
        factors.push(self.function(Function::Exp, &[rest]));
        self.mul(&factors)
    }

    fn simpler_log(&mut self, a: NodeId) -> Option<NodeId> {
        match self.op(a) {
            Op::Constant(id) if self.number(id).is_one() => Some(self.integer(0)),
            Op::Function(Function::Exp) => Some(self.operands(a)[0]),
            Op::Power => {
                let (base, exponent) = (self.operands(a)[0], self.operands(a)[1]);
                // An odd or fractional power is positive only where the base is.
                let determined = match self.as_constant(exponent) {
                    Some(n) => !n.is_integer() || n.numerator_is_odd(),
                    None => false,
                };
                (determined || self.interval(base).is_positive()).then(|| {
                    let log = self.function(Function::Log, &[base]);
                    self.mul(&[exponent, log])
                })
            }
            _ => None,
        }
    }

    fn simpler_sign(&mut self, function: Function, a: NodeId) -> Option<NodeId> {
        let interval = self.interval(a);
        if function == Function::Abs {
            if interval.is_non_negative() {
                return Some(a);
            }
            if interval.is_non_positive() {
                return Some(self.neg(a));
            }
        } else if interval.is_positive() || interval.is_negative() {
            return Some(self.integer(if interval.is_positive() { 1 } else { -1 }));
        } else if self.is_zero(a) {
            return Some(a);
        }
        let (coefficient, rest) = self.split_coefficient(a);
        let (content, rest) = if coefficient.is_one() && function == Function::Abs {
            self.split_content(a)
        } else {
            (coefficient, rest)
        };
        if content.is_one() {
            return None;
        }
        let rest = self.function(function, &[rest]);
        let content = match function {
            Function::Abs => content.abs(),
            _ if content.is_negative() => Number::MINUS_ONE,
            _ => Number::ONE,
        };
        Some(self.scale(&content, rest))
    }

    /// `max` or `min`: flat, without repetition, one number at most.
    fn extremum(&mut self, function: Function, arguments: &[NodeId]) -> NodeId {
        let mut flat: Vec<NodeId> = Vec::with_capacity(arguments.len());
        let mut number: Option<Number> = None;
        let mut pending: Vec<NodeId> = arguments.to_vec();
        while let Some(argument) = pending.pop() {
            match self.op(argument) {
                Op::Function(same) if same == function => pending.extend_from_slice(self.operands(argument)),
                Op::Constant(id) => {
                    let value = self.number(id).clone();
                    number = Some(match number {
                        None => value,
                        Some(n) if (function == Function::Max) == (n >= value) => n,
                        Some(_) => value,
                    });
                }
                _ => flat.push(argument),
            }
        }
        if let Some(n) = number {
            flat.push(self.constant(n));
        }
        flat.sort_unstable();
        flat.dedup();
        let mut kept: Vec<NodeId> = Vec::with_capacity(flat.len());
        'next: for (at, candidate) in flat.iter().enumerate() {
            for (other_at, other) in flat.iter().enumerate() {
                if at != other_at && self.dominates(function, *other, *candidate) {
                    continue 'next;
                }
            }
            kept.push(*candidate);
        }
        match kept.as_slice() {
            [one] => *one,
            _ => self.intern(Op::Function(function), &kept),
        }
    }

    /// Whether `a` makes `b` superfluous in a `max` or `min`, whatever the variables are.
    fn dominates(&mut self, function: Function, a: NodeId, b: NodeId) -> bool {
        let difference = if function == Function::Max { self.sub(a, b) } else { self.sub(b, a) };
        match self.as_constant(difference) {
            Some(n) => n.is_positive(),
            // Strictly: at a tie the gradient is shared, which a dropped argument would change.
            None => self.interval(difference).is_positive(),
        }
    }

    /// Whether `node` is the number 0.
    #[inline]
    pub fn is_zero(&self, node: NodeId) -> bool {
        self.as_constant(node).is_some_and(Number::is_zero)
    }

    /// Whether `node` is the number 1.
    #[inline]
    pub fn is_one(&self, node: NodeId) -> bool {
        self.as_constant(node).is_some_and(Number::is_one)
    }
}

/// The power where it is rational and not huge.
fn exact_power(base: &Number, exponent: &Number) -> Option<Number> {
    match exponent.to_i64() {
        Some(n) => base.checked_pow(n),
        None => {
            let root = exponent.checked_mul(&Number::integer(2))?.to_i64()?;
            base.sqrt()?.checked_pow(root)
        }
    }
}

/// The value of a function at a rational number, where it is rational.
fn exact_value(function: Function, x: &Number) -> Option<Number> {
    let half = Number::ratio(1, 2)?;
    Some(match function {
        Function::Floor => x.floor(),
        Function::Round => {
            let below = x.floor();
            let rest = x.checked_sub(&below)?;
            if rest < half || (rest == half && !below.numerator_is_odd()) {
                below
            } else {
                below.checked_add(&Number::ONE)?
            }
        }
        Function::Sin
        | Function::Tan
        | Function::Asin
        | Function::Atan
        | Function::Sinh
        | Function::Tanh
        | Function::Erf
        | Function::Expm1
        | Function::Log1p
            if x.is_zero() =>
        {
            Number::ZERO
        }
        Function::Cos | Function::Cosh | Function::Erfc | Function::Exp if x.is_zero() => Number::ONE,
        Function::Sigmoid if x.is_zero() => half,
        Function::Log | Function::Log2 | Function::Log10 | Function::Acos if x.is_one() => Number::ZERO,
        Function::Logit if *x == half => Number::ZERO,
        _ => return None,
    })
}
