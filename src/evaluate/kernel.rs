//! What the steps of an evaluation do, and which values they read.

use super::access::Access;
use super::element::Element;
use super::plan::Scope;
use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Graph, IndexId, NodeId, Op, Reduction};
use crate::number::Number;
use crate::real::Real;

/// Where the value of a node is kept while it is needed.
pub(crate) type Slot = usize;

/// What a step computes.
pub(super) enum Kernel<T> {
    Constant(T),
    Index(IndexId),
    Access(Access),
    Element(Element),
    /// The constant, and the terms with their coefficients.
    Linear(T, Vec<(Coefficient<T>, Slot)>),
    Product(Vec<(Factor, Slot)>),
    Power(Slot, Exponent<T>),
    Function(Function, Vec<Slot>),
    /// Body and filter, once they are there as a whole.
    Reduce(Reduction, Vec<IndexId>, Slot, Option<Slot>),
    /// Slice by slice.
    Sliced(Box<Sliced<T>>),
    If([Slot; 3]),
    Compare(Comparison, Slot, Slot),
    Not(Slot),
    All(bool, Vec<Slot>),
    Copy(Slot),
}

/// How a term of a sum is scaled.
#[derive(Clone, Copy)]
pub(super) enum Coefficient<T> {
    By(T),
    /// The coefficient is 1/d or -1/d for a whole d: a division is rounded once.
    Over(T),
}

/// How a factor takes part in a product: what the graph writes as a power to -1 is a division.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Factor {
    Times,
    Over,
    OverRoot,
}

/// The largest whole power that a product takes factor by factor.
const UNFOLDED: i64 = 4;

/// What a base is raised to.
pub(super) enum Exponent<T> {
    Whole(i32),
    Half,
    MinusHalf,
    Fixed(T),
    Node(Slot),
}

/// A reduction whose body is computed for some values of its first indices at a time.
pub(super) struct Sliced<T> {
    pub reduction: Reduction,
    pub reduced: Vec<IndexId>,
    /// So many of `reduced` have one value at a time, and the next has `chunk`.
    pub singles: usize,
    pub chunk: usize,
    pub scope: Scope<T>,
    pub body: Slot,
    pub filter: Option<Slot>,
}

impl<T> Kernel<T> {
    /// The slots that it reads and that are not its own.
    pub fn for_each_outer_slot(&self, visit: &mut dyn FnMut(Slot)) {
        match self {
            Kernel::Constant(_) | Kernel::Index(_) => {}
            Kernel::Access(access) => access.slots().for_each(visit),
            Kernel::Element(element) => element.slots().for_each(visit),
            Kernel::Linear(_, terms) => terms.iter().for_each(|t| visit(t.1)),
            Kernel::Product(factors) => factors.iter().for_each(|f| visit(f.1)),
            Kernel::Power(base, exponent) => {
                visit(*base);
                if let Exponent::Node(slot) = exponent {
                    visit(*slot);
                }
            }
            Kernel::Function(_, slots) | Kernel::All(_, slots) => slots.iter().copied().for_each(visit),
            Kernel::Reduce(_, _, body, filter) => {
                [Some(*body), *filter].into_iter().flatten().for_each(visit)
            }
            Kernel::Sliced(sliced) => {
                let mut own: Vec<Slot> = sliced.scope.steps.iter().map(|s| s.slot).collect();
                own.sort_unstable();
                let mut outer = |slot: Slot| {
                    if own.binary_search(&slot).is_err() {
                        visit(slot);
                    }
                };
                for step in &sliced.scope.steps {
                    step.kernel.for_each_outer_slot(&mut outer);
                }
                [Some(sliced.body), sliced.filter].into_iter().flatten().for_each(outer);
            }
            Kernel::If(slots) => slots.iter().copied().for_each(visit),
            Kernel::Compare(_, a, b) => [*a, *b].into_iter().for_each(visit),
            Kernel::Not(slot) | Kernel::Copy(slot) => visit(*slot),
        }
    }

    /// Reads from other slots.
    pub fn rename(&mut self, place: &dyn Fn(Slot) -> Slot) {
        match self {
            Kernel::Constant(_) | Kernel::Index(_) => {}
            Kernel::Access(access) => access.rename(place),
            Kernel::Element(element) => element.rename(place),
            Kernel::Linear(_, terms) => terms.iter_mut().for_each(|t| t.1 = place(t.1)),
            Kernel::Product(factors) => factors.iter_mut().for_each(|f| f.1 = place(f.1)),
            Kernel::Power(base, exponent) => {
                *base = place(*base);
                if let Exponent::Node(slot) = exponent {
                    *slot = place(*slot);
                }
            }
            Kernel::Function(_, slots) | Kernel::All(_, slots) => {
                slots.iter_mut().for_each(|s| *s = place(*s))
            }
            Kernel::Reduce(_, _, body, filter) => {
                *body = place(*body);
                filter.iter_mut().for_each(|f| *f = place(*f));
            }
            Kernel::Sliced(sliced) => {
                sliced.scope.steps.iter_mut().for_each(|s| s.kernel.rename(place));
                sliced.body = place(sliced.body);
                sliced.filter.iter_mut().for_each(|f| *f = place(*f));
            }
            Kernel::If(slots) => slots.iter_mut().for_each(|s| *s = place(*s)),
            Kernel::Compare(_, a, b) => (*a, *b) = (place(*a), place(*b)),
            Kernel::Not(slot) | Kernel::Copy(slot) => *slot = place(*slot),
        }
    }
}

/// How a term with the coefficient `c` is scaled.
pub(super) fn coefficient<T: Real>(c: &Number) -> Coefficient<T> {
    let (numerator, denominator) = c.parts();
    if numerator.abs().is_one() && !denominator.is_one() {
        return Coefficient::Over(T::from_number(&denominator) * T::from_number(&numerator));
    }
    Coefficient::By(T::from_number(c))
}

/// The factors that a factor of a product stands for: a small whole power is its base as often as it says, so that
/// the power alone cannot overflow.
pub(super) fn unfolded(graph: &Graph, factor: NodeId) -> Vec<(Factor, NodeId)> {
    if graph.op(factor) == Op::Power {
        let [base, exponent] = [0, 1].map(|at| graph.operands(factor)[at]);
        let Some(exponent) = graph.as_constant(exponent) else { return vec![(Factor::Times, factor)] };
        match exponent.to_i64() {
            Some(n) if n.abs() <= UNFOLDED && n != 0 => {
                let kind = if n > 0 { Factor::Times } else { Factor::Over };
                return vec![(kind, base); n.unsigned_abs() as usize];
            }
            _ => {}
        }
        match exponent.to_f64() {
            -0.5 => return vec![(Factor::OverRoot, base)],
            -1.5 => return vec![(Factor::Over, base), (Factor::OverRoot, base)],
            _ => {}
        }
    }
    vec![(Factor::Times, factor)]
}
