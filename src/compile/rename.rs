//! Values along other dimensions than their own.

use super::value::{Dimension, Load, Operation, Place, Source, Space, ValueId, Values};
use rustc_hash::FxHashMap;

/// Which dimension takes the place of each.
pub(super) type Renaming<'a> = &'a dyn Fn(Dimension) -> Dimension;

impl Space {
    fn renamed(self, to: Renaming) -> Space {
        self.dimensions().fold(Space::POINT, |space, d| space.with(to(d)))
    }
}

impl Values {
    /// The value along other dimensions; `None` where two would be one, and of what is dear to work out twice.
    pub(super) fn renamed(&mut self, value: ValueId, to: Renaming) -> Option<ValueId> {
        let mut renamed: FxHashMap<ValueId, ValueId> = FxHashMap::default();
        for value in self.needed([value]) {
            let space = self.space(value);
            let is_same = space.dimensions().all(|d| to(d) == d);
            if is_same {
                continue;
            }
            let is_dear = matches!(self.operation(value), Operation::Contract(..) | Operation::Scatter(..));
            if is_dear || space.renamed(to).dimensions().count() < space.dimensions().count() {
                return None;
            }
            let at = |v: ValueId| renamed.get(&v).copied().unwrap_or(v);
            let new = self.rebuilt(value, to, &at)?;
            renamed.insert(value, new);
        }
        Some(renamed.get(&value).copied().unwrap_or(value))
    }

    /// The operation of a value on other operands, along other dimensions; `None` of what reads a stored value along
    /// such.
    pub(super) fn rebuilt(
        &mut self,
        value: ValueId,
        to: Renaming,
        at: &dyn Fn(ValueId) -> ValueId,
    ) -> Option<ValueId> {
        Some(match self.operation(value).clone() {
            Operation::Constant(_) => value,
            Operation::Index(dimension) => self.index(to(dimension)),
            Operation::Load(load) => {
                let source = match load.source {
                    Source::Input(input) => Source::Input(input),
                    Source::Value(array) => {
                        let space = self.space(value).union(self.space(array));
                        if space.dimensions().any(|d| to(d) != d) {
                            return None;
                        }
                        Source::Value(at(array))
                    }
                };
                let place = |place: Place| match place {
                    Place::Value(value) => Place::Value(at(value)),
                    Place::Affine(first, terms) => {
                        Place::Affine(first, terms.into_iter().map(|(d, c)| (to(d), c)).collect())
                    }
                };
                let axes = load.axes.into_iter().map(|(length, of)| (length, place(of))).collect();
                self.load(Load { source, axes, ..load })
            }
            Operation::Unary(operation, a) => self.unary(operation, at(a)),
            Operation::Binary(operation, a, b) => self.joined(operation, at(a), at(b)),
            Operation::Select(condition, a, b) => self.select(at(condition), at(a), at(b)),
            Operation::Reduce(fold, over, body) => self.reduce(fold, over.renamed(to), at(body)),
            Operation::Contract(over, a, b) => self.contract(over.renamed(to), at(a), at(b)),
            Operation::Scatter(over, body, places) => {
                let places = places.into_iter().map(|(d, v)| (to(d), at(v))).collect();
                self.scatter(over.renamed(to), at(body), places)
            }
        })
    }
}
