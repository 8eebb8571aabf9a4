//! Short axes, element by element: what stands beside each other in a vector are then batch elements, not classes.
//!
//! Rows of three classes, or of the coordinates of a point, leave most of a vector empty, and each ends with the lanes of
//! one vector being joined. So where something is reduced over short dimensions for each of many places, every value
//! that varies with them becomes one value for each of their elements, and the reduction becomes a few operations.

use super::lower::Wanted;
use super::value::{
    BATCH, Binary, Dimension, Fold, Load, Operation, Place, Source, Space, Unary, ValueId, Values,
};
use crate::function::Function;

/// The most elements that an axis has which is unrolled.
const SHORT: usize = 8;

/// The most that all of them have together that one value varies with.
const PAIRS: usize = 36;

/// As often a reduction must occur for it to be worth while.
const OFTEN: usize = 256;

/// The most values that may come of it.
const VALUES: usize = 400;

/// The most places that are read and written: code has no room for many more.
const PLACES: usize = 40;

/// An element of each short dimension, or of some.
type Turn = Vec<(Dimension, usize)>;

struct Unrolling<'a> {
    from: &'a Values,
    to: Values,
    /// The dimensions that are unrolled.
    short: Space,
    /// By value: what has become of it, for each turn of the short dimensions that it varies with.
    elements: Vec<Vec<ValueId>>,
}

/// The same without short dimensions; `None` where nothing would be won, or part of it can't be had.
pub(super) fn unrolled(values: &Values, wanted: &[Wanted]) -> Option<(Values, Vec<Wanted>)> {
    let needed = values.needed(wanted.iter().map(|w| w.value));
    let short = values.short_dimensions(&needed)?;
    let to = values.without_any();
    let mut unrolling = Unrolling { from: values, to, short, elements: vec![Vec::new(); values.len()] };
    for value in &needed {
        let turns = unrolling.turns(values.space(*value));
        let elements: Option<Vec<ValueId>> =
            turns.iter().map(|turn| unrolling.step(values.operation(*value), turn)).collect();
        unrolling.elements[value.position()] = elements?;
    }
    for (condition, rest) in &values.rescues {
        if needed.binary_search(condition).is_err() || needed.binary_search(rest).is_err() {
            continue;
        }
        for turn in unrolling.turns(values.space(*condition).union(values.space(*rest))) {
            let rescue = (unrolling.at(*condition, &turn), unrolling.at(*rest, &turn));
            unrolling.to.rescues.push(rescue);
        }
    }
    let mut parts = Vec::with_capacity(wanted.len());
    for whole in wanted {
        for turn in unrolling.turns(whole.space()) {
            let value = unrolling.at(whole.value, &turn);
            parts.push(Wanted { value, at: turn, order: whole.order.clone(), ..*whole });
        }
    }
    let to = unrolling.to;
    let read = to.needed(parts.iter().map(|part| part.value));
    let read = read.into_iter().filter(|value| matches!(to.operation(*value), Operation::Load(_))).count();
    (read + parts.len() <= PLACES).then_some((to, parts))
}

impl Values {
    /// The dimensions that are worth being unrolled: those that are reduced, and those whose elements differ.
    fn short_dimensions(&self, needed: &[ValueId]) -> Option<Space> {
        let is_short = |d: Dimension| d != BATCH && (1..=SHORT).contains(&self.length(d));
        let occurs_often = |d| {
            needed.iter().any(|v| self.space(*v).contains(d) && self.volume(self.space(*v)) >= OFTEN * SHORT)
        };
        let short = needed.iter().fold(Space::POINT, |short, value| match *self.operation(*value) {
            Operation::Reduce(_, over, _) | Operation::Contract(over, ..)
                if over.dimensions().all(is_short) && self.volume(self.space(*value)) >= OFTEN =>
            {
                short.union(over)
            }
            Operation::Index(dimension) if is_short(dimension) && occurs_often(dimension) => {
                short.with(dimension)
            }
            _ => short,
        });
        let own = |value: &ValueId| self.space(*value).common(short);
        let fits = needed.iter().all(|value| self.volume(own(value)) <= PAIRS)
            && needed.iter().map(|value| self.volume(own(value))).sum::<usize>() <= VALUES;
        (short != Space::POINT && fits).then_some(short)
    }

    /// Whether it is at least 0, or NaN, as its form tells.
    fn is_nonnegative(&self, value: ValueId) -> bool {
        match *self.operation(value) {
            Operation::Constant(bits) => f64::from_bits(bits) >= 0.0,
            Operation::Binary(Binary::Multiply, a, b) => a == b,
            Operation::Unary(operation, _) => {
                matches!(operation, Unary::Root | Unary::Not | Unary::Function(Function::Abs | Function::Exp))
            }
            Operation::Select(_, a, b) => [a, b].iter().all(
                |v| matches!(*self.operation(*v), Operation::Constant(bits) if f64::from_bits(bits) >= 0.0),
            ),
            _ => false,
        }
    }
}

impl Unrolling<'_> {
    /// All turns of the short dimensions of a space.
    fn turns(&self, space: Space) -> Vec<Turn> {
        let mut turns = vec![Turn::new()];
        for dimension in space.common(self.short).dimensions() {
            let elements = 0..self.from.length(dimension);
            let longer = |turn: Turn| {
                elements
                    .clone()
                    .map(move |at| turn.iter().copied().chain([(dimension, at)]).collect::<Turn>())
            };
            turns = turns.into_iter().flat_map(longer).collect();
        }
        turns
    }

    /// What has become of a value, at a turn of all its short dimensions.
    fn at(&self, value: ValueId, turn: &Turn) -> ValueId {
        let own = self.from.space(value).common(self.short);
        let at = own.dimensions().fold(0, |at, d| at * self.from.length(d) + position(turn, d));
        self.elements[value.position()][at]
    }

    /// An operation at a turn.
    fn step(&mut self, operation: &Operation, turn: &Turn) -> Option<ValueId> {
        Some(match *operation {
            Operation::Constant(bits) => self.to.constant(f64::from_bits(bits)),
            Operation::Index(dimension) if self.short.contains(dimension) => {
                let low = self.from.extent(dimension).low;
                self.to.constant((low + position(turn, dimension) as i64) as f64)
            }
            Operation::Index(dimension) => self.to.index(dimension),
            Operation::Load(ref load) => return self.load(load, turn),
            Operation::Unary(operation, a) => {
                let a = self.at(a, turn);
                if operation == Unary::Negate { self.to.negate(a) } else { self.to.unary(operation, a) }
            }
            Operation::Binary(operation, a, b) => {
                let (a, b) = (self.at(a, turn), self.at(b, turn));
                self.to.joined(operation, a, b)
            }
            Operation::Select(condition, then, otherwise) => {
                let [condition, then, otherwise] = [condition, then, otherwise].map(|v| self.at(v, turn));
                self.to.select(condition, then, otherwise)
            }
            Operation::Reduce(fold, over, body) => return self.reduce(fold, over, body, turn),
            Operation::Contract(over, a, b) if !self.is_short(over, &[a, b]) => {
                let (a, b) = (self.at(a, turn), self.at(b, turn));
                self.to.contract(over, a, b)
            }
            Operation::Contract(over, a, b) if over.without(self.short) == Space::POINT => {
                self.sum_of_products(over, [a, b], turn)
            }
            Operation::Scatter(over, body, ref places) => {
                let mut read: Vec<ValueId> = places.iter().map(|p| p.1).collect();
                read.push(body);
                let to = places.iter().fold(over, |space, p| space.with(p.0));
                if self.is_short(to, &read) {
                    return None;
                }
                let places = places.iter().map(|(d, v)| (*d, self.at(*v, turn))).collect();
                let body = self.at(body, turn);
                self.to.scatter(over, body, places)
            }
            Operation::Contract(..) => return None,
        })
    }

    /// Whether one of the dimensions, or of those that the values vary with, is unrolled.
    fn is_short(&self, space: Space, values: &[ValueId]) -> bool {
        let all = values.iter().fold(space, |space, v| space.union(self.from.space(*v)));
        all.common(self.short) != Space::POINT
    }

    /// A load. A place on a short axis that data tell is a choice.
    fn load(&mut self, load: &Load, turn: &Turn) -> Option<ValueId> {
        let mut axes: Vec<(usize, Place)> = Vec::with_capacity(load.axes.len());
        for (length, place) in &load.axes {
            let place = match place {
                Place::Value(value) => Place::Value(self.at(*value, turn)),
                Place::Affine(first, terms) => {
                    let (fixed, rest): (Vec<_>, Vec<_>) =
                        terms.iter().copied().partition(|t| self.short.contains(t.0));
                    let first = fixed.iter().fold(*first, |at, (d, c)| at + c * position(turn, *d) as i64);
                    Place::Affine(first, rest)
                }
            };
            axes.push((*length, place));
        }
        let chosen: Vec<(usize, usize, ValueId)> = axes
            .iter()
            .enumerate()
            .filter_map(|(at, (length, place))| match place {
                Place::Value(value) if *length <= SHORT => Some((at, *length, *value)),
                _ => None,
            })
            .collect();
        let [(axis, length, place)] = *chosen.as_slice() else { return self.load_at(load, axes) };
        let mut result = self.to.constant(f64::NAN);
        for at in (0..length).rev() {
            axes[axis].1 = Place::Affine(at as i64, Vec::new());
            let element = self.load_at(load, axes.clone())?;
            let number = self.to.constant(at as f64);
            let is_there = self.to.binary(Binary::Equal, place, number);
            result = self.to.select(is_there, element, result);
        }
        Some(result)
    }

    /// A load at these places.
    fn load_at(&mut self, load: &Load, axes: Vec<(usize, Place)>) -> Option<ValueId> {
        let Source::Value(array) = load.source else {
            return Some(self.to.load(Load { axes, ..load.clone() }));
        };
        let mut turn = Turn::new();
        let (mut rest, mut along) = (Vec::new(), Vec::new());
        for (axis, dimension) in axes.into_iter().zip(&load.along) {
            if !self.short.contains(*dimension) {
                rest.push(axis);
                along.push(*dimension);
                continue;
            }
            match axis {
                (length, Place::Affine(at, terms)) if terms.is_empty() => {
                    if !(0..length as i64).contains(&at) {
                        return Some(self.to.constant(f64::NAN));
                    }
                    turn.push((*dimension, at as usize));
                }
                _ => return None,
            }
        }
        let array = self.at(array, &turn);
        if along.is_empty() {
            return Some(array);
        }
        Some(self.to.load(Load { source: Source::Value(array), batched: load.batched, axes: rest, along }))
    }

    /// A reduction: over short dimensions at once, over others as before.
    fn reduce(&mut self, fold: Fold, over: Space, body: ValueId, turn: &Turn) -> Option<ValueId> {
        let inner = self.turns(over);
        let long = over.without(self.short);
        let terms: Vec<ValueId> = inner
            .into_iter()
            .map(|inner| self.at(body, &turn.iter().copied().chain(inner).collect()))
            .collect();
        if let [term] = *terms.as_slice()
            && over.common(self.short) == Space::POINT
        {
            return Some(self.to.reduce(fold, over, term));
        }
        let joined = match fold {
            Fold::Sum(0) => self.sum(&terms),
            // What is added to ones that are taken away keeps its digits.
            Fold::Sum(first) if long == Space::POINT => self.sum_of_others(first, &terms),
            Fold::Sum(_) => return None,
            Fold::Product => terms.into_iter().reduce(|a, b| self.to.multiply(a, b))?,
            Fold::Max | Fold::Min => {
                let function = if fold == Fold::Max { Function::Max } else { Function::Min };
                terms.into_iter().reduce(|a, b| self.to.binary(Binary::Function(function), a, b))?
            }
        };
        Some(if long == Space::POINT { joined } else { self.to.reduce(fold, long, joined) })
    }

    /// A product of matrices over short dimensions. What a condition leaves out of a factor is no term.
    fn sum_of_products(&mut self, over: Space, factors: [ValueId; 2], turn: &Turn) -> ValueId {
        let mut terms = Vec::new();
        for inner in self.turns(over) {
            let at: Turn = turn.iter().copied().chain(inner).collect();
            let [a, b] = factors.map(|factor| self.at(factor, &at));
            let is_left_out = |factor: ValueId, element: ValueId| {
                matches!(self.from.operation(factor), Operation::Select(..))
                    && self.to.as_constant(element) == Some(0.0)
            };
            if !is_left_out(factors[0], a) && !is_left_out(factors[1], b) {
                terms.push(self.to.multiply(a, b));
            }
        }
        self.sum(&terms)
    }

    /// The sum. Terms of both signs may cancel: what rounding loses is added at the end.
    fn sum(&mut self, terms: &[ValueId]) -> ValueId {
        let to = &mut self.to;
        let zero = to.constant(0.0);
        if terms.len() <= 2 || terms.iter().all(|term| to.is_nonnegative(*term)) {
            return terms.iter().copied().reduce(|a, b| to.add(a, b)).unwrap_or(zero);
        }
        let (mut sum, mut lost) = (terms[0], zero);
        for term in &terms[1..] {
            let next = to.binary(Binary::Add, sum, *term);
            let taken = to.binary(Binary::Subtract, next, sum);
            let kept = to.binary(Binary::Subtract, next, taken);
            let of_sum = to.binary(Binary::Subtract, sum, kept);
            let of_term = to.binary(Binary::Subtract, *term, taken);
            let error = to.binary(Binary::Add, of_sum, of_term);
            lost = to.add(lost, error);
            sum = next;
        }
        let difference = to.binary(Binary::Subtract, sum, sum);
        let is_finite = to.binary(Binary::Equal, difference, zero);
        let whole = to.add(sum, lost);
        to.select(is_finite, whole, sum)
    }

    /// The sum begun at a whole number: ones are counted, the others added.
    fn sum_of_others(&mut self, first: i8, terms: &[ValueId]) -> ValueId {
        let [zero, one] = [0.0, 1.0].map(|c| self.to.constant(c));
        let mut count = self.to.constant(f64::from(first));
        let mut others = Vec::with_capacity(terms.len());
        for term in terms {
            let is_one = self.to.binary(Binary::Equal, *term, one);
            count = self.to.add(count, is_one);
            others.push(self.to.select(is_one, zero, *term));
        }
        // They are exponentials: none is negative.
        let others = others.into_iter().reduce(|a, b| self.to.add(a, b)).unwrap_or(zero);
        self.to.add(count, others)
    }
}

/// The element of a dimension at a turn.
fn position(turn: &Turn, dimension: Dimension) -> usize {
    turn.iter().find(|t| t.0 == dimension).map_or(0, |t| t.1)
}
