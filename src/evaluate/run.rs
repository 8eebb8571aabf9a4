//! The steps of a plan, done for one block of the batch after the other.

use super::access;
use super::array::{Array, Dimensions, accumulate, broadcast, map, select, zip};
use super::data::Data;
use super::element;
use super::extent::Extent;
use super::kernel::{Kernel, Sliced, Slot};
use super::plan::{Plan, Scope, Step};
use super::reduce::Reducer;
use crate::comparison::Comparison;
use crate::graph::{Graph, IndexId, Map, NodeId, Reduction};
use crate::real::Real;

/// How many batch elements at the most are remembered where something was undefined.
const TROUBLES: usize = 256;

/// The state of an evaluation.
pub(super) struct Run<'a, T> {
    pub graph: &'a Graph,
    pub data: &'a Data<T>,
    /// What each index runs over now: within a slice, a part of its range.
    extents: Map<IndexId, Extent>,
    /// The values that are there.
    pub values: Vec<Option<Array<T>>>,
    /// Values that do not depend on the batch, computed before.
    shared: &'a [Option<Array<T>>],
    /// Buffers of values that are not needed any longer.
    pub(super) pool: Vec<Vec<T>>,
    /// Batch elements for which a reduction was empty or an access out of range, whether or not it mattered.
    pub troubled: Vec<usize>,
    /// Whether that was so for something that does not depend on the batch.
    pub troubled_everywhere: bool,
    start: usize,
    lane: usize,
}

impl<'a, T: Real> Run<'a, T> {
    pub fn new(graph: &'a Graph, data: &'a Data<T>, plan: &Plan<T>, shared: &'a [Option<Array<T>>]) -> Self {
        Run {
            graph,
            data,
            extents: plan.extents.clone(),
            values: (0..plan.slot_count).map(|_| None).collect(),
            shared,
            pool: Vec::new(),
            troubled: Vec::new(),
            troubled_everywhere: false,
            start: 0,
            lane: 1,
        }
    }

    /// Does the steps of `scope` for the `lane` batch elements from `start` on.
    pub fn block(&mut self, scope: &Scope<T>, start: usize, lane: usize) {
        (self.start, self.lane) = (start, lane);
        self.scope(scope);
    }

    /// Frees what `scope` left.
    pub fn free(&mut self, scope: &Scope<T>) {
        for step in &scope.steps {
            self.drop_slot(step.slot);
        }
    }

    fn scope(&mut self, scope: &Scope<T>) {
        for step in &scope.steps {
            let value = self.value(step);
            self.values[step.slot] = Some(value);
            for done in &step.done {
                self.drop_slot(*done);
            }
        }
    }

    fn drop_slot(&mut self, slot: Slot) {
        if let Some(array) = self.values[slot].take() {
            self.pool.push(array.elements);
        }
    }

    pub(super) fn buffer(&mut self) -> Vec<T> {
        self.pool.pop().unwrap_or_default()
    }

    /// The value of a slot.
    ///
    /// # Panics
    /// If it was not computed; a plan computes operands before their users.
    pub fn of(&self, slot: Slot) -> &Array<T> {
        let shared = || self.shared.get(slot).and_then(Option::as_ref);
        self.values[slot].as_ref().or_else(shared).expect("operands are computed before their users")
    }

    fn dimensions(&self, node: NodeId) -> Dimensions {
        self.graph.free_indices(node).iter().map(|i| (*i, self.extents[i].length)).collect()
    }

    pub(super) fn scalar(&mut self, value: T) -> Array<T> {
        let mut elements = self.buffer();
        elements.clear();
        elements.push(value);
        Array { dimensions: Vec::new(), lane: 1, elements }
    }

    fn value(&mut self, step: &Step<T>) -> Array<T> {
        match &step.kernel {
            Kernel::Constant(value) => self.scalar(*value),
            Kernel::Index(index) => {
                let extent = self.extents[index];
                let mut elements = self.buffer();
                elements.clear();
                elements.extend((0..extent.length).map(|at| T::from_double((extent.low + at as i64) as f64)));
                Array { dimensions: vec![(*index, extent.length)], lane: 1, elements }
            }
            Kernel::Access(access) => {
                let dimensions = self.dimensions(step.node);
                let Some(values) = &self.data.values[access.variable.position()] else {
                    return self.scalar(T::nan());
                };
                let (block, buffer) = ((self.start, self.lane), self.buffer());
                let (array, outside) = access::read(
                    access,
                    values,
                    dimensions,
                    &self.extents,
                    &|slot| self.of(slot),
                    block,
                    buffer,
                );
                self.note_trouble(array.lane, &outside);
                array
            }
            Kernel::Element(element) => {
                let (dimensions, buffer) = (self.dimensions(step.node), self.buffer());
                let values = &|slot| self.of(slot);
                let (array, outside) = element::read(element, dimensions, &self.extents, values, buffer);
                self.note_trouble(array.lane, &outside);
                array
            }
            Kernel::Linear(constant, terms) => self.linear(*constant, terms),
            Kernel::Product(factors) => self.product(factors),
            Kernel::Power(base, exponent) => self.power(*base, exponent),
            Kernel::Function(function, operands) => self.function(*function, operands),
            Kernel::Reduce(reduction, reduced, body, filter) => {
                let mut reducer = self.reducer(step, *reduction, &[Some(*body), *filter]);
                let reduced: Dimensions = reduced.iter().map(|i| (*i, self.extents[i].length)).collect();
                loop {
                    reducer.take(self.of(*body), filter.map(|f| self.of(f)), &reduced);
                    if !reducer.needs_second_pass() {
                        break;
                    }
                }
                self.finish(reducer)
            }
            Kernel::Sliced(sliced) => self.sliced(step, sliced),
            Kernel::If([condition, a, b]) => {
                let buffer = self.buffer();
                select(buffer, self.of(*condition), self.of(*a), self.of(*b), T::zero())
            }
            Kernel::Compare(comparison, a, b) => {
                let buffer = self.buffer();
                let (a, b) = (self.of(*a), self.of(*b));
                let truth = |value: bool| if value { T::one() } else { T::zero() };
                match comparison {
                    Comparison::Less => zip(buffer, a, b, |a, b| truth(a < b)),
                    Comparison::LessEqual => zip(buffer, a, b, |a, b| truth(a <= b)),
                    Comparison::Greater => zip(buffer, a, b, |a, b| truth(a > b)),
                    Comparison::GreaterEqual => zip(buffer, a, b, |a, b| truth(a >= b)),
                    Comparison::Equal => zip(buffer, a, b, |a, b| truth(a == b)),
                    Comparison::NotEqual => zip(buffer, a, b, |a, b| truth(a != b)),
                }
            }
            Kernel::Not(a) => {
                let buffer = self.buffer();
                map(buffer, self.of(*a), |v| if v == T::zero() { T::one() } else { T::zero() })
            }
            Kernel::All(and, operands) => {
                let mut result = self.repeated(operands);
                for operand in &operands[1..] {
                    let operand = self.of(*operand);
                    if *and {
                        accumulate(&mut result, operand, |a, b| if b == T::zero() { b } else { a });
                    } else {
                        accumulate(&mut result, operand, |a, b| if b == T::zero() { a } else { b });
                    }
                }
                result
            }
            Kernel::Copy(a) => {
                let buffer = self.buffer();
                map(buffer, self.of(*a), |v| v)
            }
        }
    }

    /// The value of the first operand, repeated to the shape of all together.
    pub(super) fn repeated(&mut self, operands: &[Slot]) -> Array<T> {
        let buffer = self.buffer();
        let arrays: Vec<&Array<T>> = operands.iter().map(|o| self.of(*o)).collect();
        let (dimensions, lane) = super::array::joined(&arrays);
        broadcast(buffer, arrays[0], dimensions, lane)
    }

    fn reducer(&self, step: &Step<T>, reduction: Reduction, operands: &[Option<Slot>; 2]) -> Reducer<T> {
        let lane = operands.iter().flatten().map(|slot| self.of(*slot).lane).max().unwrap_or(1);
        Reducer::new(reduction, self.dimensions(step.node), lane, operands[1].is_some())
    }

    fn finish(&mut self, reducer: Reducer<T>) -> Array<T> {
        let buffer = self.buffer();
        let (array, empty) = reducer.finish(buffer);
        if !empty.is_empty() {
            let mut lanes: Vec<usize> = empty.iter().map(|at| at % array.lane).collect();
            lanes.sort_unstable();
            lanes.dedup();
            self.note_trouble(array.lane, &lanes);
        }
        array
    }

    /// A reduction slice by slice: for every value of the first indices, and for a chunk of the next.
    fn sliced(&mut self, step: &Step<T>, sliced: &Sliced<T>) -> Array<T> {
        let whole: Vec<Extent> = sliced.reduced.iter().map(|i| self.extents[i]).collect();
        let mut reducer: Option<Reducer<T>> = None;
        let is_empty = whole[..=sliced.singles].iter().any(|e| e.length == 0);
        loop {
            let mut position = vec![0; sliced.singles + 1];
            let mut is_done = false;
            while !is_done {
                for (at, (index, extent)) in
                    sliced.reduced.iter().zip(&whole).enumerate().take(sliced.singles + 1)
                {
                    let most = if at < sliced.singles { 1 } else { sliced.chunk };
                    let length = most.min(extent.length - position[at]);
                    self.extents.insert(*index, Extent { low: extent.low + position[at] as i64, length });
                }
                self.scope(&sliced.scope);
                let taking = reducer.get_or_insert_with(|| {
                    self.reducer(step, sliced.reduction, &[Some(sliced.body), sliced.filter])
                });
                let reduced: Dimensions =
                    sliced.reduced.iter().map(|i| (*i, self.extents[i].length)).collect();
                taking.take(self.of(sliced.body), sliced.filter.map(|f| self.of(f)), &reduced);
                self.free(&sliced.scope);
                is_done = true;
                for at in (0..=sliced.singles).rev() {
                    position[at] += if at < sliced.singles { 1 } else { sliced.chunk };
                    if position[at] < whole[at].length {
                        is_done = false;
                        break;
                    }
                    position[at] = 0;
                }
                is_done |= is_empty;
            }
            if !reducer.as_mut().is_some_and(Reducer::needs_second_pass) {
                break;
            }
        }
        for (index, extent) in sliced.reduced.iter().zip(whole) {
            self.extents.insert(*index, extent);
        }
        match reducer {
            Some(reducer) => self.finish(reducer),
            None => self.scalar(T::nan()),
        }
    }

    fn note_trouble(&mut self, lane: usize, lanes: &[usize]) {
        // An array of one lane may be one that does not depend on the batch.
        if lane == 1 && self.lane > 1 {
            self.troubled_everywhere |= !lanes.is_empty();
            return;
        }
        for j in lanes {
            let element = self.start + j;
            if self.troubled.len() < TROUBLES && !self.troubled.contains(&element) {
                self.troubled.push(element);
            }
        }
    }
}
