//! What the values of a tape have to do with each other: logistic functions of one argument, and conditions without
//! which a value does not matter.

use super::program::{Condition, Guard, NOWHERE};
use super::tape::{Emitter, is_chained};
use super::value::{Binary, Operation, Unary, ValueId};
use crate::function::Function;
use crate::graph::Map;

impl Emitter<'_> {
    /// The argument of a logistic function without its sign, and whether it had one.
    pub(super) fn logistic(&self, value: ValueId) -> Option<(Function, ValueId, bool)> {
        let Operation::Unary(Unary::Function(function @ (Function::Sigmoid | Function::Softplus)), a) =
            *self.values.operation(value)
        else {
            return None;
        };
        match *self.values.operation(a) {
            Operation::Unary(Unary::Negate, b) => Some((function, b, true)),
            _ => Some((function, a, false)),
        }
    }

    /// The argument whose logistic functions the value is one of several of.
    pub(super) fn family(&self, value: ValueId) -> Option<ValueId> {
        let (_, base, _) = self.logistic(value)?;
        self.families.get(&base).filter(|members| members.len() > 1).map(|_| base)
    }

    /// Finds logistic functions of one argument, if that can be read.
    pub(super) fn find_families(&mut self) {
        for value in &self.expression.inner {
            if let Some((_, base, _)) = self.logistic(*value)
                && (self.is_inner(base) || self.registers.contains_key(&base))
            {
                self.families.entry(base).or_default().push(*value);
            }
        }
    }

    /// Finds values that matter only where a condition holds, or does not.
    pub(super) fn find_contexts(&mut self, roots: &[ValueId]) {
        // `None` once users disagree.
        let mut contexts: Map<ValueId, Option<(ValueId, bool)>> = Map::default();
        for root in roots {
            contexts.insert(*root, None);
        }
        for user in self.expression.inner.iter().rev() {
            if self.uses[user] == 0 {
                continue;
            }
            let own = contexts.get(user).copied().flatten();
            let choice = match *self.values.operation(*user) {
                Operation::Select(condition, then, otherwise) if then != otherwise => {
                    Some((condition, then, otherwise))
                }
                _ => None,
            };
            for read in self.reads(*user) {
                let context = match choice {
                    Some((condition, then, _)) if read == then && !self.is_in_condition(condition, read) => {
                        Some((condition, true))
                    }
                    Some((condition, _, otherwise))
                        if read == otherwise && !self.is_in_condition(condition, read) =>
                    {
                        Some((condition, false))
                    }
                    _ => own,
                };
                contexts
                    .entry(read)
                    .and_modify(|known| {
                        if *known != context {
                            *known = None;
                        }
                    })
                    .or_insert(context);
            }
        }
        self.contexts = contexts.into_iter().filter_map(|(value, context)| Some((value, context?))).collect();
        // Only dear functions are worth a look at the condition; a condition that is looked at is stored.
        let mut wanted: Vec<(ValueId, bool)> = Vec::new();
        for value in &self.expression.inner {
            let is_dear = matches!(
                self.values.operation(*value),
                Operation::Unary(Unary::Function(_), _)
                    | Operation::Binary(Binary::Power | Binary::Function(_), ..)
            ) && !is_chained(self.values.operation(*value));
            if let Some(context) = self.contexts.get(value)
                && is_dear
                && !wanted.contains(context)
            {
                wanted.push(*context);
            }
        }
        for (condition, _) in &wanted {
            if self.comparison(*condition).is_none()
                && let Some(uses) = self.uses.get_mut(condition)
            {
                *uses += 1;
            }
        }
        self.contexts.retain(|_, context| wanted.contains(context));
    }

    /// Whether the condition of a choice reads the value itself.
    fn is_in_condition(&self, condition: ValueId, value: ValueId) -> bool {
        match self.comparison(condition) {
            Some((_, a, b)) => a == value || b == value,
            None => condition == value,
        }
    }

    /// The number of the guard for steps that compute `values`, if all are under one condition that can be read.
    pub(super) fn guard(&mut self, values: &[ValueId]) -> u16 {
        let Some(context) = values.first().and_then(|v| self.contexts.get(v)).copied() else {
            return NOWHERE;
        };
        if !values.iter().all(|v| self.contexts.get(v) == Some(&context)) {
            return NOWHERE;
        }
        if let Some(known) = self.guard_numbers.get(&context) {
            return *known;
        }
        let register = |v: ValueId| self.registers.get(&v).copied();
        let condition = match self.comparison(context.0) {
            Some((operation, a, b)) => {
                let (Some(a), Some(b)) = (register(a), register(b)) else { return NOWHERE };
                match operation {
                    Binary::Less => Condition::Less(a, b),
                    Binary::LessEqual => Condition::LessEqual(a, b),
                    _ => Condition::Equal(a, b),
                }
            }
            None => {
                let Some(a) = register(context.0) else { return NOWHERE };
                Condition::Holds(a)
            }
        };
        let number = self.guards.len() as u16;
        self.guards.push(Guard { condition, wanted: context.1 });
        self.guard_numbers.insert(context, number);
        number
    }
}
