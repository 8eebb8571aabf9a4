//! Slots of a tape: each holds a value as long as somebody reads it.

use super::program::{Condition, Link, NOWHERE, Register, Step};
use super::tape::Emitter;
use super::value::ValueId;

impl Emitter<'_> {
    /// Slots whose value nobody reads any longer are used again.
    pub(super) fn assign_slots(&mut self, roots: &[ValueId]) {
        let count = self.operand_count as u16;
        let mut last = vec![0_usize; self.slots];
        let mut note = |register: &Register, at: usize| {
            if register.number >= count {
                let last = &mut last[(register.number - count) as usize];
                *last = (*last).max(at);
            }
        };
        for (at, (step, guard)) in self.steps.iter().zip(&self.guarded).enumerate() {
            reads_of(step, &self.links).iter().for_each(|r| note(r, at));
            if let Some(guard) = self.guards.get(*guard as usize) {
                guard.condition.registers().iter().for_each(|r| note(r, at));
            }
        }
        for root in roots {
            note(&self.register(*root), usize::MAX);
        }
        let mut free: Vec<u16> = Vec::new();
        let mut used = 0_u16;
        let mut real = vec![0_u16; self.slots];
        let mut busy: Vec<(usize, u16)> = Vec::new();
        for (at, step) in self.steps.iter_mut().enumerate() {
            // A chain or a function reads each element before it writes it, so it may end where an operand stands.
            let until = if matches!(step, Step::Chain { .. } | Step::Map(..)) { at + 1 } else { at };
            busy.retain(|(end, slot)| {
                let is_done = *end < until;
                if is_done {
                    free.push(*slot);
                }
                !is_done
            });
            free.sort_unstable_by(|a, b| b.cmp(a));
            for target in targets_of(step) {
                let slot = free.pop().unwrap_or_else(|| {
                    used += 1;
                    used - 1
                });
                let own = (*target - count) as usize;
                real[own] = slot;
                busy.push((last[own].max(at), slot));
                *target = count + slot;
            }
        }
        let rename = |register: &mut Register| {
            if register.number >= count {
                register.number = count + real[(register.number - count) as usize];
            }
        };
        self.links.iter_mut().flat_map(|link| &mut link.operands).for_each(rename);
        for step in &mut self.steps {
            match step {
                Step::Chain { first, .. } => rename(first),
                Step::Map(_, a, _) | Step::Logistic { from: a, .. } => rename(a),
                Step::Zip(_, a, b, _) | Step::Power(a, b, _) => {
                    rename(a);
                    rename(b);
                }
                Step::Gather(gather, _) => gather.places.iter_mut().for_each(|p| rename(&mut p.0)),
            }
        }
        for guard in &mut self.guards {
            match &mut guard.condition {
                Condition::Less(a, b) | Condition::LessEqual(a, b) | Condition::Equal(a, b) => {
                    rename(a);
                    rename(b);
                }
                Condition::Holds(a) => rename(a),
            }
        }
        self.registers.values_mut().for_each(rename);
        self.slots = used as usize;
    }
}

impl Condition {
    fn registers(&self) -> Vec<Register> {
        match self {
            Condition::Less(a, b) | Condition::LessEqual(a, b) | Condition::Equal(a, b) => vec![*a, *b],
            Condition::Holds(a) => vec![*a],
        }
    }
}

pub(super) fn targets_of(step: &mut Step) -> Vec<&mut u16> {
    match step {
        Step::Chain { to, .. }
        | Step::Map(_, _, to)
        | Step::Zip(_, _, _, to)
        | Step::Power(_, _, to)
        | Step::Gather(_, to) => vec![to],
        Step::Logistic { sigmoids, softpluses, .. } => {
            sigmoids.iter_mut().chain(softpluses).filter(|to| **to != NOWHERE).collect()
        }
    }
}

fn reads_of(step: &Step, links: &[Link]) -> Vec<Register> {
    match step {
        Step::Chain { first, start, end, .. } => {
            let links = &links[*start as usize..*end as usize];
            std::iter::once(*first)
                .chain(links.iter().flat_map(|l| l.operands[..l.operation.arity()].to_vec()))
                .collect()
        }
        Step::Map(_, a, _) | Step::Logistic { from: a, .. } => vec![*a],
        Step::Zip(_, a, b, _) | Step::Power(a, b, _) => vec![*a, *b],
        Step::Gather(gather, _) => gather.places.iter().map(|p| p.0).collect(),
    }
}
