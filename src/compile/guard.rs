//! Loads beside the edge of an array that conditions keep from mattering.
//!
//! The derivative of a shifted access reads neighbours under conditions such as `i + 1 < size[i]`. Where every use of
//! the load is under conditions that imply its bounds, what lies outside may be read as whatever is there.

use super::schedule::Schedule;
use super::value::{Binary, Dimension, Operation, Place, Unary, ValueId, Values};
use crate::graph::Map;

/// A sum of dimensions with whole coefficients, ascending, and a constant.
type Affine = (Vec<(Dimension, i64)>, i64);

/// Who uses each value.
pub(super) struct Guards {
    users: Map<ValueId, Vec<ValueId>>,
}

impl Guards {
    pub fn new(values: &Values, schedule: &Schedule) -> Guards {
        let mut users: Map<ValueId, Vec<ValueId>> = Map::default();
        for value in &schedule.needed {
            for operand in values.operands(*value) {
                users.entry(operand).or_default().push(*value);
            }
        }
        Guards { users }
    }

    /// Whether every use of a load is under conditions that imply that it is within its array.
    pub fn covers(&self, values: &Values, load: ValueId) -> bool {
        let Operation::Load(parts) = values.operation(load) else { return false };
        let mut needs: Vec<Affine> = Vec::new();
        for (length, place) in &parts.axes {
            let Place::Affine(first, terms) = place else { return false };
            let (least, most) = values.reach(*first, terms);
            if least < 0 {
                needs.push((terms.clone(), *first));
            }
            if most >= *length as i64 {
                let negative = terms.iter().map(|(d, c)| (*d, -c)).collect();
                needs.push((negative, *length as i64 - 1 - first));
            }
        }
        needs.iter().all(|need| self.is_implied(values, load, need))
    }

    fn is_implied(&self, values: &Values, load: ValueId, need: &Affine) -> bool {
        let mut seen: Map<ValueId, ()> = Map::default();
        let mut pending = vec![load];
        while let Some(value) = pending.pop() {
            if seen.insert(value, ()).is_some() {
                continue;
            }
            // A result, or a sum that would take everything in.
            let Some(users) = self.users.get(&value) else { return false };
            for user in users {
                match values.operation(*user) {
                    Operation::Reduce(..) | Operation::Scatter(..) | Operation::Load(_) => return false,
                    Operation::Select(condition, then, otherwise) => {
                        let is_safe = *condition != value
                            && (*then != value || implies(values, *condition, true, need))
                            && (*otherwise != value || implies(values, *condition, false, need));
                        if !is_safe {
                            pending.push(*user);
                        }
                    }
                    // What the other condition leaves out, it decides.
                    Operation::Binary(junction @ (Binary::And | Binary::Or), a, b) => {
                        let other = if *a == value { *b } else { *a };
                        if !implies(values, other, *junction == Binary::And, need) {
                            pending.push(*user);
                        }
                    }
                    _ => pending.push(*user),
                }
            }
        }
        true
    }
}

/// Whether `condition` being `holds` implies that `need` is at least 0.
fn implies(values: &Values, condition: ValueId, holds: bool, need: &Affine) -> bool {
    let mut pending = vec![(condition, holds)];
    while let Some((condition, holds)) = pending.pop() {
        match *values.operation(condition) {
            Operation::Unary(Unary::Not, a) => pending.push((a, !holds)),
            Operation::Binary(Binary::And, a, b) if holds => pending.extend([(a, true), (b, true)]),
            Operation::Binary(Binary::Or, a, b) if !holds => pending.extend([(a, false), (b, false)]),
            Operation::Binary(comparison @ (Binary::Less | Binary::LessEqual), a, b) => {
                // What is at least 0 among whole numbers.
                let (larger, smaller) = if holds { (b, a) } else { (a, b) };
                let is_strict = (comparison == Binary::Less) == holds;
                let (Some(larger), Some(smaller)) = (affine(values, larger), affine(values, smaller)) else {
                    continue;
                };
                let known = combine(&larger, &smaller, -1);
                let known = (known.0, known.1 - i64::from(is_strict));
                let rest = combine(need, &known, -1);
                if rest.0.is_empty() && rest.1 >= 0 {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// The value as a sum of dimensions.
fn affine(values: &Values, value: ValueId) -> Option<Affine> {
    match *values.operation(value) {
        Operation::Constant(bits) => {
            let number = f64::from_bits(bits);
            (number == number.floor() && number.abs() < 1e15).then_some((Vec::new(), number as i64))
        }
        Operation::Index(dimension) => Some((vec![(dimension, 1)], values.extent(dimension).low)),
        Operation::Binary(Binary::Add | Binary::Subtract, a, b) => {
            let sign =
                if matches!(values.operation(value), Operation::Binary(Binary::Add, ..)) { 1 } else { -1 };
            // Sums of indices are not deep.
            let simple =
                |v: ValueId| matches!(values.operation(v), Operation::Constant(_) | Operation::Index(_));
            (simple(a) && simple(b)).then(|| Some(combine(&affine(values, a)?, &affine(values, b)?, sign)))?
        }
        _ => None,
    }
}

/// a + factor*b
fn combine(a: &Affine, b: &Affine, factor: i64) -> Affine {
    let mut terms = a.0.clone();
    for (dimension, c) in &b.0 {
        match terms.iter_mut().find(|t| t.0 == *dimension) {
            Some(term) => term.1 += factor * c,
            None => terms.push((*dimension, factor * c)),
        }
    }
    terms.retain(|t| t.1 != 0);
    terms.sort_unstable();
    (terms, a.1 + factor * b.1)
}
