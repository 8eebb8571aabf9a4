//! Which values are stored, and which pass over which space computes what.
//!
//! A kernel computes values of one space. What it needs of smaller spaces, and what reductions give, is stored
//! before; what it needs of its own space it computes again unless that is dear and there is room to store it. The
//! level of a value is the number of passes that must have ended before it can be computed.

use super::value::{BATCH, Binary, Fold, Operation, Place, Source, Space, Unary, ValueId, Values};
use crate::function::Function;
use std::collections::BTreeMap;

/// What costs as much as this is stored and not computed again.
const DEAR: u32 = 8;

/// The most elements, for one batch element, of a value that is stored only to save computation.
const SAVING_LIMIT: usize = 1 << 16;

/// When a pass runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Once, before the batch.
    Before,
    /// For each tile of the batch.
    Each,
    /// Once, when sums over the batch are known.
    After,
}

/// Which pass: passes run in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pass {
    pub stage: Stage,
    pub level: u32,
    pub space: Space,
    /// The pass is needed only where this value is 0.
    pub guard: Option<ValueId>,
}

/// A result that is stored as it is.
pub(super) struct Root {
    pub value: ValueId,
    /// The space of the result, which the value may be repeated over; `None` for a sum over the batch.
    pub space: Option<Space>,
}

/// The passes with what each stores: values, and the numbers of results.
pub(super) struct Schedule {
    pub passes: Vec<(Pass, Vec<ValueId>, Vec<usize>)>,
    /// By value: whether it is stored.
    pub stored: Vec<bool>,
    /// By value: the level of the pass that computes it.
    pub levels: Vec<u32>,
    /// What the results need, operands first.
    pub needed: Vec<ValueId>,
}

/// Whether it is read where it is needed, at no cost.
pub(super) fn is_leaf(values: &Values, value: ValueId) -> bool {
    match values.operation(value) {
        Operation::Constant(_) | Operation::Index(_) => true,
        Operation::Load(load) => load.axes.iter().all(|(_, place)| matches!(place, Place::Affine(..))),
        _ => false,
    }
}

/// Whether it is the result of a pass.
pub(super) fn is_folded(values: &Values, value: ValueId) -> bool {
    matches!(
        values.operation(value),
        Operation::Reduce(..) | Operation::Contract(..) | Operation::Scatter(..)
    )
}

struct Scheduler<'a> {
    values: &'a Values,
    stored: Vec<bool>,
    levels: Vec<u32>,
    costs: Vec<u32>,
    guards: Vec<Option<ValueId>>,
    is_after: Vec<bool>,
    passes: BTreeMap<Pass, (Vec<ValueId>, Vec<usize>)>,
}

/// Puts what `roots` need into passes.
pub(super) fn schedule(values: &Values, roots: &[Root]) -> Schedule {
    let count = values.len();
    let mut scheduler = Scheduler {
        values,
        stored: vec![false; count],
        levels: vec![0; count],
        costs: vec![0; count],
        guards: vec![None; count],
        is_after: Vec::new(),
        passes: BTreeMap::new(),
    };
    let needed = scheduler.mark(roots);
    scheduler.is_after = values.after_batch(&needed);
    for value in &needed {
        scheduler.place(*value);
    }
    for value in &needed {
        scheduler.keep_what_is_compared(*value);
    }
    for (at, root) in roots.iter().enumerate() {
        let Some(space) = root.space else { continue };
        if values.space(root.value) != space {
            scheduler.need_stored(root.value);
        }
        let level = scheduler.available(root.value, space);
        let pass = Pass { stage: scheduler.stage(root.value, space), level, space, guard: None };
        scheduler.passes.entry(pass).or_default().1.push(at);
    }
    for value in &needed {
        if is_folded(values, *value) {
            let pass = scheduler.pass_of(*value);
            scheduler.passes.entry(pass).or_default().0.push(*value);
        } else if scheduler.stored[value.position()] {
            scheduler.store(*value);
        }
    }
    // From the last to the first, since a pass may ask an earlier one to store.
    let mut done: Vec<(Pass, Vec<ValueId>, Vec<usize>)> = Vec::new();
    while let Some((pass, (wanted, results))) = scheduler.passes.pop_last() {
        let mut starts: Vec<ValueId> = Vec::new();
        for value in &wanted {
            match values.operation(*value) {
                Operation::Reduce(_, _, body) => starts.push(*body),
                // Its factors are stored.
                Operation::Contract(..) => {}
                Operation::Scatter(_, body, places) => {
                    starts.push(*body);
                    starts.extend(places.iter().map(|p| p.1));
                }
                _ => starts.push(*value),
            }
        }
        starts.extend(results.iter().map(|r| roots[*r].value));
        scheduler.ask(pass, &starts);
        done.push((pass, wanted, results));
    }
    // A pass that stores may have been met before it was asked for more.
    done.reverse();
    Schedule { passes: done, stored: scheduler.stored, levels: scheduler.levels, needed }
}

impl Values {
    /// Whether a value has the same bits wherever it is worked out: no product that a sum could take in unrounded, no
    /// division that could be one by a reciprocal, no function that could share with others.
    fn rounds_alike(&self, value: ValueId) -> bool {
        let mut seen = rustc_hash::FxHashSet::default();
        let mut pending = vec![value];
        while let Some(value) = pending.pop() {
            if is_leaf(self, value) || is_folded(self, value) || !seen.insert(value) {
                continue;
            }
            let is_alike = match self.operation(value) {
                Operation::Unary(Unary::Function(function), _)
                | Operation::Binary(Binary::Function(function), ..) => {
                    matches!(function, Function::Abs | Function::Sign | Function::Max | Function::Min)
                }
                Operation::Unary(operation, _) => *operation != Unary::Root,
                Operation::Binary(operation, ..) => {
                    !matches!(operation, Binary::Multiply | Binary::Divide | Binary::Power)
                }
                _ => true,
            };
            if !is_alike {
                return false;
            }
            pending.extend(self.operands(value));
        }
        true
    }
}

impl Scheduler<'_> {
    /// What `roots` need, operands first. Notes what is needed only to rescue.
    fn mark(&mut self, roots: &[Root]) -> Vec<ValueId> {
        let mut always = vec![false; self.values.len()];
        let mut pending: Vec<ValueId> = roots.iter().map(|r| r.value).collect();
        let mut rescues: Vec<(ValueId, ValueId)> = Vec::new();
        while let Some(value) = pending.pop() {
            if std::mem::replace(&mut always[value.position()], true) {
                continue;
            }
            let operands = self.values.operands(value);
            if let [condition, then, rest] = operands.as_slice()
                && self.values.rescues.contains(&(*condition, *rest))
            {
                pending.extend([*condition, *then]);
                rescues.push((*condition, *rest));
            } else {
                pending.extend(operands);
            }
        }
        let mut also = always.clone();
        let mut always_runs = vec![false; self.values.len()];
        rescues.sort_unstable();
        for (condition, rest) in rescues {
            let mut seen = rustc_hash::FxHashSet::default();
            let mut pending = vec![rest];
            while let Some(value) = pending.pop() {
                if always[value.position()] || !seen.insert(value) {
                    continue;
                }
                also[value.position()] = true;
                // What two conditions ask for, or what may have to be known before the condition, is not left out; nor is
                // what it needs, which the same holds for.
                let guard = &mut self.guards[value.position()];
                always_runs[value.position()] |= value < condition || guard.is_some_and(|g| g != condition);
                *guard = Some(condition);
                if is_folded(self.values, value) {
                    self.stored[condition.position()] |= !is_leaf(self.values, condition);
                }
                pending.extend(self.values.operands(value));
            }
        }
        for (guard, always_runs) in self.guards.iter_mut().zip(always_runs) {
            if always_runs {
                *guard = None;
            }
        }
        (0..self.values.len() as u32).map(ValueId).filter(|v| also[v.position()]).collect()
    }

    /// The level at which a pass over `space` can read the value.
    fn available(&self, value: ValueId, space: Space) -> u32 {
        let level = self.levels[value.position()];
        if let Operation::Load(load) = self.values.operation(value)
            && is_leaf(self.values, value)
        {
            return match load.source {
                Source::Input(_) => 0,
                Source::Value(array) => self.levels[array.position()] + 1,
            };
        }
        if is_leaf(self.values, value) && !self.stored[value.position()] {
            0
        } else if is_folded(self.values, value) || self.values.space(value) != space {
            level + 1
        } else {
            level
        }
    }

    /// The space of the pass that computes the value.
    fn space_of(&self, value: ValueId) -> Space {
        match self.values.operation(value) {
            Operation::Reduce(_, over, body) => self.values.space(*body).union(*over),
            Operation::Contract(_, a, b) => self.values.space(*a).union(self.values.space(*b)),
            Operation::Scatter(over, body, places) => places
                .iter()
                .fold(self.values.space(*body).union(*over), |space, p| space.union(self.values.space(p.1))),
            _ => self.values.space(value),
        }
    }

    fn pass_of(&self, value: ValueId) -> Pass {
        let space = self.space_of(value);
        let guard = if is_folded(self.values, value) { self.guards[value.position()] } else { None };
        Pass { stage: self.stage(value, space), level: self.levels[value.position()], space, guard }
    }

    /// When a pass over `space` can compute the value, or store it.
    fn stage(&self, value: ValueId, space: Space) -> Stage {
        if space.contains(BATCH) {
            Stage::Each
        } else if self.is_after[value.position()] || self.values.is_batch_sum(value) {
            Stage::After
        } else {
            Stage::Before
        }
    }

    /// Works out the level and the cost of a value, and which of its operands are stored.
    fn place(&mut self, value: ValueId) {
        if is_leaf(self.values, value) {
            if let Operation::Load(load) = self.values.operation(value)
                && let Source::Value(array) = load.source
            {
                self.stored[array.position()] = true;
            }
            return;
        }
        let space = self.space_of(value);
        let (mut level, mut cost) = (0, own_cost(self.values.operation(value)));
        for operand in self.values.operands(value) {
            let is_inline = !is_leaf(self.values, operand)
                && !is_folded(self.values, operand)
                && self.values.space(operand) == space;
            let is_source = matches!(self.values.operation(value),
                Operation::Load(load) if load.source == Source::Value(operand));
            if !is_inline {
                self.need_stored(operand);
            }
            // Numbers that are there are read where they are, row by row.
            if let Operation::Index(dimension) = *self.values.operation(operand)
                && dimension != BATCH
                && self.values.space(operand) != space
                && self.values.length(dimension) <= SAVING_LIMIT
            {
                self.stored[operand.position()] = true;
            }
            if is_source {
                self.stored[operand.position()] = true;
                level = level.max(self.levels[operand.position()] + 1);
            } else {
                level = level.max(self.available(operand, space));
            }
            if is_inline {
                cost = cost.saturating_add(self.costs[operand.position()]);
            }
        }
        if is_folded(self.values, value)
            && let Some(guard) = self.guards[value.position()]
        {
            level = level.max(self.levels[guard.position()] + 1);
        }
        self.levels[value.position()] = level;
        self.costs[value.position()] = cost;
    }

    /// What is compared with its own extremum, or has it subtracted, is stored: worked out again in another pass it might
    /// be rounded otherwise, and no element would be the largest.
    fn keep_what_is_compared(&mut self, value: ValueId) {
        let values = self.values;
        let Operation::Binary(Binary::Equal | Binary::Less | Binary::LessEqual | Binary::Subtract, a, b) =
            *values.operation(value)
        else {
            return;
        };
        for (extremum, other) in [(a, b), (b, a)] {
            let Operation::Reduce(Fold::Max | Fold::Min, _, body) = *values.operation(extremum) else {
                continue;
            };
            let is_own = body == other
                || matches!(*values.operation(body),
                    Operation::Select(_, then, otherwise) if then == other || otherwise == other);
            if is_own && !values.rounds_alike(other) {
                self.need_stored(other);
            }
        }
    }

    fn need_stored(&mut self, value: ValueId) {
        self.stored[value.position()] |= !is_leaf(self.values, value);
    }

    /// Lets the pass of the value store it.
    fn store(&mut self, value: ValueId) {
        self.stored[value.position()] = true;
        let pass = self.pass_of(value);
        let wanted = &mut self.passes.entry(pass).or_default().0;
        if !wanted.contains(&value) {
            wanted.push(value);
        }
    }

    /// Has dear values of lower levels stored that `pass` needs.
    fn ask(&mut self, pass: Pass, starts: &[ValueId]) {
        let mut seen = rustc_hash::FxHashSet::default();
        let mut pending = starts.to_vec();
        let unit = self.values.volume(pass.space.without(Space::of(BATCH)));
        while let Some(value) = pending.pop() {
            let at = value.position();
            if is_leaf(self.values, value)
                || is_folded(self.values, value)
                || self.values.space(value) != pass.space
                || !seen.insert(value)
            {
                continue;
            }
            if self.levels[at] < pass.level {
                if self.stored[at] {
                    continue;
                }
                if self.costs[at] >= DEAR && unit <= SAVING_LIMIT && pass.guard.is_none() {
                    self.store(value);
                    continue;
                }
            }
            pending.extend(self.values.operands(value));
        }
    }
}

/// About how many simple operations it costs.
fn own_cost(operation: &Operation) -> u32 {
    match operation {
        Operation::Constant(_) | Operation::Index(_) | Operation::Load(_) => 0,
        Operation::Unary(Unary::Function(Function::Abs | Function::Sign), _) => 1,
        Operation::Unary(Unary::Function(_), _) | Operation::Binary(Binary::Power, ..) => 10,
        Operation::Binary(Binary::Function(Function::Max | Function::Min), ..) => 1,
        Operation::Binary(Binary::Function(_), ..) => 20,
        Operation::Unary(Unary::Root, _) | Operation::Binary(Binary::Divide, ..) => 4,
        _ => 1,
    }
}
