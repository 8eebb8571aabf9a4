//! Indices, their ranges, and the sets and lists of them that nodes refer to.

use super::{FreeSetId, Graph, IndexId, IndexListId, NodeId};
use rustc_hash::FxHashMap;

/// The half-open range of whole numbers that an index runs over. Both ends are nodes made of sizes and
/// constants, without indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Range {
    /// The first value.
    pub low: NodeId,
    /// One past the last value.
    pub high: NodeId,
}

/// An index variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The name to print it by where that is free; not part of a bound index's identity.
    pub name: String,
    /// What it runs over; `None` only while a formula is being read.
    pub range: Option<Range>,
    /// For a bound index in canonical form, its height: greater than that of every index bound within the body
    /// of its reduction. `None` for free indices and for bound ones not yet in canonical form.
    pub height: Option<u16>,
}

/// The tables of indices, of lists that reductions bind, and of sets that are free in nodes.
#[derive(Clone, Default)]
pub(super) struct Indices {
    table: Vec<Index>,
    bound: FxHashMap<(Range, u16), IndexId>,
    sets: Vec<Box<[IndexId]>>,
    set_ids: FxHashMap<Box<[IndexId]>, FreeSetId>,
    unions: FxHashMap<(FreeSetId, FreeSetId), FreeSetId>,
}

impl Indices {
    fn intern(&mut self, sorted: Vec<IndexId>) -> FreeSetId {
        if sorted.is_empty() {
            return FreeSetId(0);
        }
        if let Some(id) = self.set_ids.get(sorted.as_slice()) {
            return *id;
        }
        self.sets.push(sorted.clone().into_boxed_slice());
        let id = FreeSetId(self.sets.len() as u32);
        self.set_ids.insert(sorted.into_boxed_slice(), id);
        id
    }

    #[inline]
    pub fn set(&self, id: FreeSetId) -> &[IndexId] {
        // The empty set is named 0 and not kept.
        match id.position().checked_sub(1) {
            Some(at) => &self.sets[at],
            None => &[],
        }
    }

    pub fn singleton(&mut self, index: IndexId) -> FreeSetId {
        self.intern(vec![index])
    }

    #[inline]
    pub fn union(&mut self, a: FreeSetId, b: FreeSetId) -> FreeSetId {
        if a == b || b.0 == 0 {
            return a;
        }
        if a.0 == 0 {
            return b;
        }
        let key = (a.min(b), a.max(b));
        if let Some(id) = self.unions.get(&key) {
            return *id;
        }
        let mut merged: Vec<IndexId> = self.set(a).iter().chain(self.set(b)).copied().collect();
        merged.sort_unstable();
        merged.dedup();
        let id = self.intern(merged);
        self.unions.insert(key, id);
        id
    }

    pub fn without(&mut self, set: FreeSetId, list: IndexListId) -> FreeSetId {
        let removed = self.list(list);
        if !self.set(set).iter().any(|index| removed.contains(index)) {
            return set;
        }
        let rest = self.set(set).iter().copied().filter(|index| !removed.contains(index)).collect();
        self.intern(rest)
    }

    /// Lists share their table with sets: both are sorted and without repetition.
    pub fn list(&self, id: IndexListId) -> &[IndexId] {
        self.set(FreeSetId(id.0))
    }

    /// One more than the greatest height in the list.
    pub fn list_height(&self, id: IndexListId) -> u16 {
        self.list(id).iter().map(|i| self.table[i.position()].height.map_or(0, |h| h + 1)).max().unwrap_or(0)
    }
}

impl Graph {
    /// The index that `id` names.
    pub fn index_entry(&self, id: IndexId) -> &Index {
        &self.indices.table[id.position()]
    }

    /// Whether there is any index, free or bound, in use or not.
    pub(crate) fn has_indices(&self) -> bool {
        !self.indices.table.is_empty()
    }

    /// The range of an index of a finished expression.
    ///
    /// # Panics
    /// While the formula is still being read, an index may have no range yet.
    pub fn range(&self, id: IndexId) -> Range {
        self.index_entry(id).range.expect("every index of a finished expression has a range")
    }

    /// The indices that a reduction binds, ascending.
    pub fn bound_indices(&self, list: IndexListId) -> &[IndexId] {
        self.indices.list(list)
    }

    /// A new free index, different from every other.
    pub fn fresh_index(&mut self, name: &str, range: Option<Range>) -> IndexId {
        let id = IndexId(self.indices.table.len() as u32);
        self.indices.table.push(Index { name: name.to_owned(), range, height: None });
        id
    }

    /// The range of all positions on an axis.
    pub fn axis_range(&mut self, axis: super::AxisId) -> Range {
        Range { low: self.integer(0), high: self.size(axis) }
    }

    /// The canonical bound index of that range and height, printed as `name` if it is new.
    pub(super) fn bound_index(&mut self, range: Range, height: u16, name: &str) -> IndexId {
        if let Some(id) = self.indices.bound.get(&(range, height)) {
            return *id;
        }
        let id = IndexId(self.indices.table.len() as u32);
        self.indices.table.push(Index { name: name.to_owned(), range: Some(range), height: Some(height) });
        self.indices.bound.insert((range, height), id);
        id
    }

    /// The list that holds `indices`.
    pub(super) fn index_list(&mut self, indices: &[IndexId]) -> IndexListId {
        let mut sorted = indices.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        IndexListId(self.indices.intern(sorted).0)
    }

    /// One more than the greatest height of an index bound within `node`.
    pub(super) fn height(&self, node: NodeId) -> u16 {
        self.nodes[node.position()].height
    }
}
