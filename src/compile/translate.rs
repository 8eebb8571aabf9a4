//! From graph to values: indices become dimensions, inputs become loads, reductions become folds.

use super::value::{BATCH, Binary, Dimension, Extent, Load, Place, Source, Space, Unary, ValueId, Values};
use crate::comparison::Comparison;
use crate::diagnostic::Diagnostic;
use crate::evaluate::{Data, Output, Position, affine};
use crate::function::Function;
use crate::graph::{Graph, IndexId, Map, NodeId, Op, Range};
use crate::number::Number;
use crate::real::Real;

/// More dimensions than this are left to the reference evaluator.
const DIMENSIONS: usize = 60;

/// The value of an index: a dimension, or a place that follows from some.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Spot {
    /// Its value where all dimensions are at their beginning.
    pub first: i64,
    pub terms: Vec<(Dimension, i64)>,
}

impl Spot {
    /// The dimension that an index that runs over one stands for.
    pub fn dimension(&self) -> Dimension {
        self.terms.first().map_or(BATCH, |t| t.0)
    }
}

/// What each free index stands for; ascending.
pub(super) type Scope = Vec<(IndexId, Spot)>;

/// Arrays of no more nodes than this are worked out where their elements are read.
const CHEAP: usize = 16;

/// Nodes on their way to values.
pub(super) struct Translator<'a, T> {
    graph: &'a Graph,
    data: &'a Data<T>,
    pub values: Values,
    /// The range of each dimension and its number among those of that range.
    named: Map<(Range, usize), Dimension>,
    ranges: Vec<Option<(Range, usize)>>,
    known: Map<(NodeId, Scope), ValueId>,
    /// Whether there were more dimensions than fit.
    pub is_too_large: bool,
    /// Whether an array is read elsewhere than at the element of the batch that is at work.
    pub reads_elsewhere: bool,
}

impl<'a, T: Real> Translator<'a, T> {
    pub fn new(graph: &'a Graph, data: &'a Data<T>) -> Self {
        let batch = Extent { low: 0, length: data.batch_length() };
        Translator::with_batch(graph, data, batch, None)
    }

    /// The first index of `range` takes the place of the batch, where the data have none.
    pub fn streaming(graph: &'a Graph, data: &'a Data<T>, range: Range) -> Result<Self, Diagnostic> {
        let (low, length) = data.extents.bounds(graph, range)?;
        Ok(Translator::with_batch(graph, data, Extent { low, length }, Some((range, 0))))
    }

    fn with_batch(graph: &'a Graph, data: &'a Data<T>, batch: Extent, named: Option<(Range, usize)>) -> Self {
        let mut values = Values::default();
        let least = (T::min_positive_value() / T::epsilon()).to_double();
        values.squares = (least, T::max_value().to_double() / 4.0);
        values.extents.push(batch);
        Translator {
            graph,
            data,
            values,
            named: named.into_iter().map(|named| (named, BATCH)).collect(),
            ranges: vec![named],
            known: Map::default(),
            is_too_large: false,
            reads_elsewhere: false,
        }
    }

    /// The dimension for the `ordinal`-th index of a range.
    pub fn dimension(&mut self, range: Range, ordinal: usize) -> Result<Dimension, Diagnostic> {
        if let Some(known) = self.named.get(&(range, ordinal)) {
            return Ok(*known);
        }
        let (low, length) = self.data.extents.bounds(self.graph, range)?;
        if self.ranges.len() >= DIMENSIONS {
            self.is_too_large = true;
            return Ok(BATCH);
        }
        let dimension = Dimension(self.ranges.len() as u8);
        self.ranges.push(Some((range, ordinal)));
        self.values.extents.push(Extent { low, length });
        self.named.insert((range, ordinal), dimension);
        Ok(dimension)
    }

    /// The value of an output, and the dimensions of its indices.
    pub fn output(&mut self, output: &Output) -> Result<(ValueId, Vec<Dimension>), Diagnostic> {
        let scope = self.best_scope(output.computed, &output.indices)?;
        let value = self.value(output.computed, &scope)?;
        let dimension =
            |index: &IndexId| scope.iter().find(|s| s.0 == *index).map_or(BATCH, |s| s.1.dimension());
        Ok((value, output.indices.iter().map(dimension).collect()))
    }

    /// The ranges of indices that dimensions stand for, without repetition, in the order in which they were met.
    pub fn ranges(&self) -> Vec<Range> {
        self.ranges.iter().flatten().filter(|named| named.1 == 0).map(|named| named.0).collect()
    }

    /// The scope of an output with these indices.
    ///
    /// Where an expression has several indices of one range, those of the output may be numbered before or behind
    /// those that are bound within; what makes the fewest new values shares the most with what is there.
    pub fn best_scope(&mut self, node: NodeId, indices: &[IndexId]) -> Result<Scope, Diagnostic> {
        let mut plain: Scope = Vec::new();
        for index in indices {
            self.bind(&mut plain, *index)?;
        }
        let mut other: Scope = Vec::new();
        let mut is_other = false;
        for index in indices {
            let range = self.graph.range(*index);
            let alone = indices.iter().filter(|i| self.graph.range(**i) == range).count() == 1;
            // Only a range of which something else has two dimensions already.
            if alone && self.named.contains_key(&(range, 1)) {
                let dimension = self.dimension(range, 1)?;
                other.push((*index, self.spot(dimension)));
                is_other = true;
            } else {
                self.bind(&mut other, *index)?;
            }
        }
        if !is_other {
            return Ok(plain);
        }
        other.sort_unstable();
        let of_other = self.cost(node, &other)?;
        let of_plain = self.cost(node, &plain)?;
        Ok(if of_plain < of_other { plain } else { other })
    }

    /// How many values that need the whole batch at once a node has in a scope, and how many it makes anew.
    fn cost(&mut self, node: NodeId, scope: &Scope) -> Result<(usize, usize), Diagnostic> {
        let before = self.values.len();
        let value = self.value(node, scope)?;
        let needed = self.values.needed([value]);
        let unfit = needed.iter().filter(|value| !self.values.is_streamable(**value)).count();
        Ok((unfit, self.values.len() - before))
    }

    fn spot(&self, dimension: Dimension) -> Spot {
        Spot { first: self.values.extent(dimension).low, terms: vec![(dimension, 1)] }
    }

    fn bind(&mut self, scope: &mut Scope, index: IndexId) -> Result<(), Diagnostic> {
        let range = self.graph.range(index);
        let mut ordinal = 0;
        let dimension = loop {
            let dimension = self.dimension(range, ordinal)?;
            let is_free = |(_, spot): &(IndexId, Spot)| spot.terms.iter().all(|t| t.0 != dimension);
            if self.is_too_large || scope.iter().all(is_free) {
                break dimension;
            }
            ordinal += 1;
        };
        scope.push((index, self.spot(dimension)));
        scope.sort_unstable();
        Ok(())
    }

    fn restrict(&self, node: NodeId, scope: &Scope) -> Scope {
        let free = self.graph.free_indices(node);
        scope.iter().filter(|(index, _)| free.contains(index)).cloned().collect()
    }

    /// The value of `node`, whose free indices are the dimensions that `scope` says.
    pub fn value(&mut self, node: NodeId, scope: &Scope) -> Result<ValueId, Diagnostic> {
        let scope = self.restrict(node, scope);
        let mut pending = vec![(node, scope.clone())];
        while let Some((at, own)) = pending.last().cloned() {
            if self.known.contains_key(&(at, own.clone())) {
                pending.pop();
                continue;
            }
            let waiting = pending.len();
            for (operand, inner) in self.needed(at, &own)? {
                let key = (operand, self.restrict(operand, &inner));
                if !self.known.contains_key(&key) {
                    pending.push(key);
                }
            }
            if self.is_too_large {
                return Ok(self.values.constant(f64::NAN));
            }
            if pending.len() == waiting {
                let value = self.step(at, &own)?;
                self.known.insert((at, own), value);
                pending.pop();
            }
        }
        Ok(self.known[&(node, scope)])
    }

    /// The operands that must be there first, each with its scope.
    fn needed(&mut self, node: NodeId, scope: &Scope) -> Result<Vec<(NodeId, Scope)>, Diagnostic> {
        let operands = self.graph.operands(node);
        let all = |from: &[NodeId], scope: &Scope| from.iter().map(|o| (*o, scope.clone())).collect();
        Ok(match self.graph.op(node) {
            Op::Reduce(_, list) => all(operands, &self.inner_scope(scope, list)?),
            Op::Access(_) => {
                let computed = operands.iter().filter(|o| affine(self.graph, self.data, **o).is_none());
                computed.map(|o| (*o, scope.clone())).collect()
            }
            Op::Element(list) => {
                if let Some(inner) = self.inlined(list, operands, scope) {
                    return Ok(vec![(operands[0], inner)]);
                }
                let array = self.array_scope(list, &operands[1..], scope)?;
                let computed = operands[1..].iter().filter(|o| affine(self.graph, self.data, **o).is_none());
                std::iter::once((operands[0], array)).chain(computed.map(|o| (*o, scope.clone()))).collect()
            }
            Op::Linear => operands[1..].chunks_exact(2).map(|pair| (pair[1], scope.clone())).collect(),
            _ => all(operands, scope),
        })
    }

    /// The scope within a reduction or an array: its indices as well.
    fn inner_scope(&mut self, scope: &Scope, list: crate::graph::IndexListId) -> Result<Scope, Diagnostic> {
        let mut inner = scope.clone();
        for index in self.graph.bound_indices(list).to_vec() {
            inner.retain(|(known, _)| *known != index);
            self.bind(&mut inner, index)?;
        }
        Ok(inner)
    }

    /// The value of an operand that is there.
    fn of(&self, node: NodeId, scope: &Scope) -> ValueId {
        self.known[&(node, self.restrict(node, scope))]
    }

    fn step(&mut self, node: NodeId, scope: &Scope) -> Result<ValueId, Diagnostic> {
        let graph = self.graph;
        let operands = graph.operands(node);
        Ok(match graph.op(node) {
            Op::Constant(id) => self.values.constant(graph.number(id).to_f64()),
            Op::Pi => self.values.constant(std::f64::consts::PI),
            Op::Truth(value) => self.values.constant(f64::from(u8::from(value))),
            Op::Size(axis) => {
                let length = self.data.extents.of_axis(graph, axis)?;
                self.values.constant(length as f64)
            }
            Op::Index(index) => {
                let spot = scope.iter().find(|s| s.0 == index).map(|s| s.1.clone());
                let spot = spot.unwrap_or(Spot { first: 0, terms: Vec::new() });
                self.index(&spot)
            }
            Op::Access(variable) => self.access(variable, operands, scope),
            Op::Element(list) => self.element(list, operands, scope)?,
            Op::Linear => self.linear(operands, scope),
            Op::Product => self.product(operands, scope),
            Op::Power => {
                let base = self.of(operands[0], scope);
                let exponent = self.of(operands[1], scope);
                self.power(base, exponent)
            }
            Op::Function(function) => {
                let mut values = operands.iter().map(|o| self.of(*o, scope)).collect::<Vec<_>>().into_iter();
                let Some(first) = values.next() else { return Ok(self.values.constant(f64::NAN)) };
                let rest: Vec<ValueId> = values.collect();
                if rest.is_empty() {
                    self.values.function(function, first)
                } else {
                    rest.iter().fold(first, |a, b| self.values.binary(Binary::Function(function), a, *b))
                }
            }
            Op::Reduce(reduction, list) => {
                let inner = self.inner_scope(scope, list)?;
                let over = graph
                    .bound_indices(list)
                    .iter()
                    .filter_map(|index| inner.iter().find(|s| s.0 == *index))
                    .fold(Space::POINT, |space, s| space.with(s.1.dimension()));
                let body = self.of(operands[0], &inner);
                let filter = operands.get(1).map(|f| self.of(*f, &inner));
                self.reduction(reduction, over, body, filter)
            }
            Op::If => {
                let [condition, then, otherwise] = [0, 1, 2].map(|at| self.of(operands[at], scope));
                self.values.select(condition, then, otherwise)
            }
            Op::Compare(comparison) => {
                let (a, b) = (self.of(operands[0], scope), self.of(operands[1], scope));
                match comparison {
                    Comparison::Less => self.values.binary(Binary::Less, a, b),
                    Comparison::LessEqual => self.values.binary(Binary::LessEqual, a, b),
                    Comparison::Greater => self.values.binary(Binary::Less, b, a),
                    Comparison::GreaterEqual => self.values.binary(Binary::LessEqual, b, a),
                    Comparison::Equal => self.values.binary(Binary::Equal, a, b),
                    Comparison::NotEqual => {
                        let equal = self.values.binary(Binary::Equal, a, b);
                        self.values.not(equal)
                    }
                }
            }
            Op::Not => {
                let a = self.of(operands[0], scope);
                self.values.not(a)
            }
            op @ (Op::And | Op::Or) => {
                let all: Vec<ValueId> = operands.iter().map(|o| self.of(*o, scope)).collect();
                let and = op == Op::And;
                all[1..].iter().fold(all[0], |a, b| self.values.junction(and, a, *b))
            }
            Op::Detach => self.of(operands[0], scope),
        })
    }

    fn access(&mut self, variable: crate::graph::VariableId, operands: &[NodeId], scope: &Scope) -> ValueId {
        let declared = self.graph.variable(variable);
        if declared.is_hyperparameter
            && let Some([value]) = self.data.elements(variable)
        {
            return self.values.constant(value.to_double());
        }
        let Some(shape) = self.data.own_shape(variable) else { return self.values.constant(f64::NAN) };
        let mut axes: Vec<(usize, Place)> = shape
            .iter()
            .zip(operands)
            .map(|(length, operand)| (*length, self.place(*operand, 0, scope)))
            .collect();
        let mut batched = self.data.is_batched(variable);
        if let Some((length, place)) = axes.first()
            && *length == self.values.length(BATCH)
            && *place == Place::Affine(0, vec![(BATCH, 1)])
        {
            // The index that stands for the batch.
            axes.remove(0);
            batched = true;
        }
        let source = Source::Input(variable.position() as u32);
        self.values.load(Load { source, batched, axes, along: Vec::new() })
    }

    fn element(
        &mut self,
        list: crate::graph::IndexListId,
        operands: &[NodeId],
        scope: &Scope,
    ) -> Result<ValueId, Diagnostic> {
        if let Some(inner) = self.inlined(list, operands, scope) {
            return Ok(self.of(operands[0], &inner));
        }
        let inner = self.array_scope(list, &operands[1..], scope)?;
        let array = self.of(operands[0], &inner);
        let (mut axes, mut along) = (Vec::new(), Vec::new());
        for (index, operand) in self.graph.bound_indices(list).iter().zip(&operands[1..]) {
            let Some((_, spot)) = inner.iter().find(|s| s.0 == *index) else { continue };
            let dimension = &spot.dimension();
            let extent = self.values.extent(*dimension);
            let place = self.place(*operand, extent.low, scope);
            if *dimension == BATCH {
                self.reads_elsewhere |= place != Place::Affine(0, vec![(BATCH, 1)]);
            } else if self.values.space(array).contains(*dimension) {
                axes.push((extent.length, place));
                along.push(*dimension);
            }
        }
        if along.is_empty() {
            return Ok(array);
        }
        let batched = self.values.space(array).contains(BATCH);
        let source = Source::Value(array);
        Ok(self.values.load(Load { source, batched, axes, along }))
    }

    /// The scope of an array that is stored: where an index stands for the batch, its indices are those at which it is
    /// read, so that other elements of the batch are not.
    fn array_scope(
        &mut self,
        list: crate::graph::IndexListId,
        positions: &[NodeId],
        scope: &Scope,
    ) -> Result<Scope, Diagnostic> {
        if self.ranges[0].is_none() {
            return self.inner_scope(&Vec::new(), list);
        }
        let mut inner: Scope = Vec::new();
        for (index, position) in self.graph.bound_indices(list).to_vec().into_iter().zip(positions) {
            let range = self.graph.range(index);
            let of_range =
                |d: &Dimension| self.ranges[usize::from(d.0)].is_some_and(|named| named.0 == range);
            match affine(self.graph, self.data, *position) {
                Some(Position::Affine { constant: 0, terms })
                    if let [(outer, 1)] = terms.as_slice()
                        && let Some((_, spot)) = scope.iter().find(|s| s.0 == *outer)
                        && let [(dimension, 1)] = spot.terms.as_slice()
                        && *spot == self.spot(*dimension)
                        && of_range(dimension)
                        && inner.iter().all(|(_, known)| known != spot) =>
                {
                    inner.push((index, spot.clone()));
                    inner.sort_unstable();
                }
                _ => self.bind(&mut inner, index)?,
            }
        }
        Ok(inner)
    }

    /// The scope in which an array is its element at these positions, where it is cheaper to work it out than to store
    /// it and read it back.
    fn inlined(&self, list: crate::graph::IndexListId, operands: &[NodeId], scope: &Scope) -> Option<Scope> {
        let nodes = self.graph.reachable(&operands[..1]);
        let is_cheap = |node: &NodeId| match self.graph.op(*node) {
            Op::Function(function) => {
                matches!(function, Function::Abs | Function::Sign | Function::Max | Function::Min)
            }
            Op::Power => {
                let exponent = self.graph.as_constant(self.graph.operands(*node)[1]);
                exponent.and_then(Number::to_i64).is_some_and(|n| (0..=3).contains(&n))
            }
            Op::Reduce(..) | Op::Element(_) => false,
            _ => true,
        };
        if nodes.len() > CHEAP || !nodes.iter().all(is_cheap) {
            return None;
        }
        let mut inner: Scope = Vec::new();
        for (index, operand) in self.graph.bound_indices(list).iter().zip(&operands[1..]) {
            let Position::Affine { constant, terms } = affine(self.graph, self.data, *operand)? else {
                return None;
            };
            let mut spot = Spot { first: constant, terms: Vec::new() };
            for (outer, c) in terms {
                let (_, outer) = scope.iter().find(|s| s.0 == outer)?;
                spot.first += c * outer.first;
                for (dimension, k) in &outer.terms {
                    match spot.terms.iter_mut().find(|t| t.0 == *dimension) {
                        Some(term) => term.1 += c * k,
                        None => spot.terms.push((*dimension, c * k)),
                    }
                }
            }
            spot.terms.retain(|t| t.1 != 0);
            spot.terms.sort_unstable();
            inner.push((*index, spot));
        }
        inner.sort_unstable();
        Some(inner)
    }

    /// The value of an index.
    fn index(&mut self, spot: &Spot) -> ValueId {
        let low = |values: &Values, d: Dimension| values.extent(d).low;
        let first = spot.terms.iter().fold(spot.first, |first, (d, c)| first - c * low(&self.values, *d));
        let mut sum = self.values.constant(first as f64);
        for (dimension, c) in &spot.terms {
            let index = self.values.index(*dimension);
            let scale = self.values.constant(*c as f64);
            let term = self.values.multiply(scale, index);
            sum = self.values.add(sum, term);
        }
        sum
    }

    /// The position that `node` is, counted from `low`.
    fn place(&mut self, node: NodeId, low: i64, scope: &Scope) -> Place {
        let Some(Position::Affine { constant, terms }) = affine(self.graph, self.data, node) else {
            let mut value = self.of(node, scope);
            if low != 0 {
                let low = self.values.constant(low as f64);
                value = self.values.subtract(value, low);
            }
            return Place::Value(value);
        };
        let mut first = constant - low;
        let mut own: Vec<(Dimension, i64)> = Vec::new();
        for (index, c) in terms {
            let Some((_, spot)) = scope.iter().find(|s| s.0 == index) else { continue };
            first += c * spot.first;
            for (dimension, k) in &spot.terms {
                match own.iter_mut().find(|t| t.0 == *dimension) {
                    Some(term) => term.1 += c * k,
                    None => own.push((*dimension, c * k)),
                }
            }
        }
        own.sort_unstable();
        own.retain(|t| t.1 != 0);
        Place::Affine(first, own)
    }

    /// The terms whose coefficient is 1 come first, so that what is subtracted finds something to be subtracted from. Else
    /// the order does not depend on the names of indices, so that what is equal is one value.
    fn linear(&mut self, operands: &[NodeId], scope: &Scope) -> ValueId {
        let number = |node: NodeId| self.graph.as_constant(node).cloned().unwrap_or(Number::ZERO);
        let constant = number(operands[0]).to_f64();
        let mut terms: Vec<(Number, ValueId)> =
            operands[1..].chunks_exact(2).map(|t| (number(t[0]), self.of(t[1], scope))).collect();
        terms.sort_by_key(|t| (!t.0.is_one(), t.1));
        let mut sum: Option<ValueId> = None;
        if constant != 0.0 {
            sum = Some(self.values.constant(constant));
        }
        for (coefficient, term) in terms {
            let (numerator, denominator) = coefficient.parts();
            let over_whole = numerator.abs().is_one() && !denominator.is_one();
            let is_negative = coefficient.is_negative();
            // What is rounded is divided by a whole number, not multiplied by its rounded reciprocal.
            let size = if over_whole {
                let divisor = self.values.constant(denominator.to_f64());
                self.values.divide(term, divisor)
            } else {
                let size = self.values.constant(coefficient.to_f64().abs());
                self.values.multiply(size, term)
            };
            sum = Some(match (sum, is_negative) {
                (None, false) => size,
                (None, true) => self.values.negate(size),
                (Some(sum), false) => self.values.add(sum, size),
                (Some(sum), true) => self.values.subtract(sum, size),
            });
        }
        sum.unwrap_or_else(|| self.values.constant(0.0))
    }

    /// What the graph writes as powers to negative numbers are divisions.
    fn product(&mut self, operands: &[NodeId], scope: &Scope) -> ValueId {
        let mut multipliers: Vec<ValueId> = Vec::new();
        let mut divisors: Vec<ValueId> = Vec::new();
        for factor in operands {
            if self.graph.op(*factor) == Op::Power {
                let [base, exponent] = [0, 1].map(|at| self.of(self.graph.operands(*factor)[at], scope));
                match self.values.as_constant(exponent) {
                    Some(-1.0) => {
                        divisors.push(base);
                        continue;
                    }
                    Some(-2.0) => {
                        divisors.extend([base, base]);
                        continue;
                    }
                    Some(-0.5) => {
                        let root = self.values.unary(Unary::Root, base);
                        divisors.push(root);
                        continue;
                    }
                    _ => {}
                }
            }
            multipliers.push(self.of(*factor, scope));
        }
        // The order does not depend on the names of indices, so that what is equal is one value.
        multipliers.sort_unstable();
        divisors.sort_unstable();
        let mut multipliers = multipliers.into_iter();
        let mut result = multipliers.next().unwrap_or_else(|| self.values.constant(1.0));
        // Of several of each, one after the other: the product of two small lengths is 0, but not a direction.
        let are_alternated = multipliers.len() > 0 && divisors.len() > 1;
        let mut divisors = divisors.into_iter();
        if are_alternated {
            for divisor in divisors.by_ref() {
                result = self.values.divide(result, divisor);
                let Some(multiplier) = multipliers.next() else { break };
                result = self.values.multiply(result, multiplier);
            }
        }
        for multiplier in multipliers {
            result = self.values.multiply(result, multiplier);
        }
        for divisor in divisors {
            result = self.values.divide(result, divisor);
        }
        result
    }

    fn power(&mut self, base: ValueId, exponent: ValueId) -> ValueId {
        let values = &mut self.values;
        match values.as_constant(exponent) {
            Some(n) if n.abs() <= 16.0 && n == n.floor() => {
                let power = values.whole_power(base, n.abs() as u32);
                if n < 0.0 {
                    let one = values.constant(1.0);
                    values.divide(one, power)
                } else {
                    power
                }
            }
            Some(0.5) => values.unary(Unary::Root, base),
            Some(-0.5) => {
                let (one, root) = (values.constant(1.0), values.unary(Unary::Root, base));
                values.divide(one, root)
            }
            Some(1.5) => {
                let root = values.unary(Unary::Root, base);
                values.multiply(base, root)
            }
            _ => values.binary(Binary::Power, base, exponent),
        }
    }
}
