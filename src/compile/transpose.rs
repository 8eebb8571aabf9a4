//! Products of matrices that are others along other dimensions, as where `s[n,m]` and `s[m,n]` stand in one loss.
//!
//! The product is worked out once: it costs much, and rounded in another order it would not be equal to its own maximum.
//! What follows from the other is worked out along the dimensions of the first, and read along its own where they meet.
//! Elements of its diagonal are read from it, too.

use super::lower::Wanted;
use super::rename::Renaming;
use super::value::{BATCH, Dimension, Fold, Load, Operation, Place, Source, Space, ValueId, Values};
use rustc_hash::FxHashMap;

/// What has become of a value.
#[derive(Clone, Copy, PartialEq)]
struct Known {
    value: ValueId,
    /// Whether the two dimensions have changed places in it.
    is_transposed: bool,
}

struct Transposition<'a> {
    values: &'a mut Values,
    dimensions: (Dimension, Dimension),
    known: FxHashMap<ValueId, Known>,
}

/// What is wanted with products that are others, two dimensions having changed places, only once; `None` if there are
/// none, or where it can't be had.
pub(super) fn without_transposes(values: &mut Values, wanted: &[Wanted]) -> Option<Vec<Wanted>> {
    let needed = values.needed(wanted.iter().map(|w| w.value));
    let products: Vec<ValueId> =
        needed.iter().copied().filter(|v| matches!(values.operation(*v), Operation::Contract(..))).collect();
    let (dimensions, twins) = twins(values, &products).unwrap_or(((BATCH, BATCH), FxHashMap::default()));
    let diagonals = diagonals(values, &needed, &products);
    if twins.is_empty() && diagonals.is_empty() {
        return None;
    }
    let mut transposition = Transposition { values, dimensions, known: FxHashMap::default() };
    for value in needed {
        let known = if let Some(twin) = twins.get(&value) {
            Known { is_transposed: true, ..transposition.known[twin] }
        } else if let Some((product, first, second)) = diagonals.get(&value).copied()
            && let Known { value: product, is_transposed: false } = transposition.known[&product]
        {
            let value = transposition.read(product, &|d| if d == first { second } else { d });
            Known { value, is_transposed: false }
        } else {
            transposition.step(value)?
        };
        transposition.known.insert(value, known);
    }
    let swapped = |d: &Dimension| swap(dimensions, *d);
    let part = |whole: &Wanted| {
        let Known { value, is_transposed } = transposition.known[&whole.value];
        let order =
            if is_transposed { whole.order.iter().map(swapped).collect() } else { whole.order.clone() };
        Wanted { value, order, at: Vec::new(), ..*whole }
    };
    Some(wanted.iter().map(part).collect())
}

/// Sums that are the diagonal of an earlier product, where its first dimension here has the place of the second.
fn diagonals(
    values: &mut Values,
    needed: &[ValueId],
    products: &[ValueId],
) -> FxHashMap<ValueId, (ValueId, Dimension, Dimension)> {
    let mut sums: FxHashMap<(Space, ValueId), ValueId> = FxHashMap::default();
    for value in needed {
        if let Operation::Reduce(Fold::Sum(0), over, body) = *values.operation(*value) {
            sums.insert((over, body), *value);
        }
    }
    let mut diagonals = FxHashMap::default();
    for product in products {
        let Operation::Contract(over, a, b) = *values.operation(*product) else { continue };
        let own: Vec<Dimension> = values.space(*product).without(Space::of(BATCH)).dimensions().collect();
        for (first, second) in own.iter().flat_map(|first| own.iter().map(move |second| (*first, *second))) {
            if first == second || values.extent(first) != values.extent(second) {
                continue;
            }
            let to = |d| if d == first { second } else { d };
            let (Some(a), Some(b)) = (values.renamed(a, &to), values.renamed(b, &to)) else { continue };
            let body = values.multiply(a, b);
            if let Some(sum) = sums.get(&(over, body)).filter(|sum| *sum > product) {
                diagonals.entry(*sum).or_insert((*product, first, second));
            }
        }
    }
    diagonals
}

/// Two dimensions, and the products that are earlier ones when these change places.
fn twins(
    values: &mut Values,
    products: &[ValueId],
) -> Option<((Dimension, Dimension), FxHashMap<ValueId, ValueId>)> {
    let mut found = None;
    let mut twins: FxHashMap<ValueId, ValueId> = FxHashMap::default();
    for (at, product) in products.iter().enumerate().skip(1) {
        let Operation::Contract(over, a, b) = *values.operation(*product) else { continue };
        let space = values.space(*product).without(Space::of(BATCH));
        let all = (1..values.extents.len() as u8).map(Dimension).filter(|d| !over.contains(*d));
        let pairs = all.flat_map(|second| space.dimensions().map(move |first| (first, second)));
        for pair in pairs.filter(|(first, second)| first != second).collect::<Vec<_>>() {
            let is_other = |(first, second)| (first, second) != pair && (second, first) != pair;
            if found.is_some_and(is_other) || values.extent(pair.0) != values.extent(pair.1) {
                continue;
            }
            let to = |d| swap(pair, d);
            let (Some(a), Some(b)) = (values.renamed(a, &to), values.renamed(b, &to)) else { continue };
            let is_twin = |other: &&ValueId| {
                matches!(*values.operation(**other), Operation::Contract(also, x, y)
                    if also == over && ((x, y) == (a, b) || (x, y) == (b, a)))
            };
            // One that is a transpose itself stands for none.
            let twin = products[..at].iter().find(is_twin).filter(|twin| !twins.contains_key(twin));
            if let Some(twin) = twin {
                twins.insert(*product, *twin);
                found = Some(pair);
                break;
            }
        }
    }
    found.map(|pair| (pair, twins))
}

fn swap((first, second): (Dimension, Dimension), dimension: Dimension) -> Dimension {
    match dimension {
        d if d == first => second,
        d if d == second => first,
        d => d,
    }
}

impl Transposition<'_> {
    /// What becomes of a value, after all that it is made of.
    fn step(&mut self, value: ValueId) -> Option<Known> {
        let operands = self.values.operands(value);
        let is_same = |o: &ValueId| self.known[o] == Known { value: *o, is_transposed: false };
        if operands.iter().all(is_same) {
            return Some(Known { value, is_transposed: false });
        }
        // What is read elsewhere stays where it is.
        let is_read = matches!(self.values.operation(value), Operation::Load(_));
        let mut is_transposed = !is_read && operands.iter().any(|o| self.known[o].is_transposed);
        let mut all = None;
        if is_transposed {
            all = operands.iter().map(|o| self.transposed(*o)).collect::<Option<Vec<_>>>();
            is_transposed = all.is_some();
        }
        let all = match all {
            Some(all) => all,
            None => operands.iter().map(|o| self.upright(*o)).collect(),
        };
        let dimensions = self.dimensions;
        let to = |d| if is_transposed { swap(dimensions, d) } else { d };
        let at = |v: ValueId| operands.iter().position(|o| *o == v).map_or(v, |n| all[n]);
        let new = self.values.rebuilt(value, &to, &at)?;
        if let Operation::Select(condition, _, rest) = *self.values.operation(value)
            && self.values.rescues.contains(&(condition, rest))
        {
            self.values.rescues.push((at(condition), at(rest)));
        }
        Some(Known { value: new, is_transposed })
    }

    /// The value with the dimensions in each other's place.
    fn transposed(&mut self, value: ValueId) -> Option<ValueId> {
        let Known { value, is_transposed } = self.known[&value];
        let dimensions = self.dimensions;
        if is_transposed { Some(value) } else { self.values.renamed(value, &|d| swap(dimensions, d)) }
    }

    /// The value along its own dimensions: a row that was worked out as a column is read as one.
    fn upright(&mut self, value: ValueId) -> ValueId {
        let Known { value, is_transposed } = self.known[&value];
        let dimensions = self.dimensions;
        let space = self.values.space(value);
        if !is_transposed || !space.contains(dimensions.0) && !space.contains(dimensions.1) {
            return value;
        }
        self.read(value, &|d| swap(dimensions, d))
    }

    /// A value that is read along other dimensions than it is worked out along.
    fn read(&mut self, value: ValueId, to: Renaming) -> ValueId {
        let space = self.values.space(value);
        let along: Vec<Dimension> = space.without(Space::of(BATCH)).dimensions().collect();
        let axis = |d: &Dimension| (self.values.length(*d), Place::Affine(0, vec![(to(*d), 1)]));
        let axes = along.iter().map(axis).collect();
        let batched = space.contains(BATCH);
        self.values.load(Load { source: Source::Value(value), batched, axes, along })
    }
}
