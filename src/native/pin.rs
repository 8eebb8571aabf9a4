//! Registers that keep a value from turn to turn.

use super::emit::Emitter;
use super::trace::{Item, Op, Rate};

impl Emitter<'_> {
    /// The accumulators that have registers, the last ones.
    pub(super) fn accumulators(&self) -> Vec<(usize, u8)> {
        let last = self.vectors.held.len() as u8 - 1;
        let all = self.trace.accumulators.iter().enumerate().filter(|(_, a)| a.value.is_some());
        all.zip(0..).map(|((number, _), at)| (number, last - at)).collect()
    }

    /// How often the items of a turn read each value, and how many vectors they need at once.
    fn needs(&self, items: &[Item]) -> (Vec<u32>, usize) {
        let trace = self.trace;
        let mut last = vec![0_u32; trace.nodes.len()];
        let mut first = vec![u32::MAX; trace.nodes.len()];
        let mut reads = vec![0_u32; trace.nodes.len()];
        for (position, item) in items.iter().enumerate() {
            for value in self.reads(item) {
                let at = value.0 as usize;
                last[at] = position as u32;
                first[at] = first[at].min(position as u32);
                reads[at] += 1;
            }
            if let Item::Compute(value) = item
                && !matches!(trace.node(*value).op, Op::Load(_) | Op::LoadNext(_))
            {
                first[value.0 as usize] = position as u32;
            }
        }
        let mut change = vec![0_i32; items.len() + 2];
        for at in 0..trace.nodes.len() {
            if trace.rates[at] == Rate::Turn && reads[at] > 0 && self.is_vector(at) {
                change[first[at] as usize] += 1;
                change[last[at] as usize] -= 1;
            }
        }
        let mut live = 0;
        let most = change.iter().fold(0, |most, c| {
            live += c;
            most.max(live)
        });
        (reads, most as usize)
    }

    fn is_vector(&self, at: usize) -> bool {
        !self.assembler.is_wide || !self.trace.nodes[at].op.is_mask()
    }

    /// Gives registers to accumulators, and those that the turn leaves over to what it reads most. Two vectors are done at
    /// once if there are registers for them.
    pub(super) fn pin(&mut self) {
        let trace = self.trace;
        let total = self.vectors.held.len();
        let (reads, of_one) = self.needs(&trace.turn);
        let (_, of_two) = self.needs(&trace.pair);
        let in_registers = self.accumulators();
        for (number, register) in &in_registers {
            if let Some(value) = trace.accumulators[*number].value {
                self.pinned[value.0 as usize] = Some(*register);
            }
        }
        let accumulators = in_registers.len();
        self.is_paired = !trace.pair.is_empty() && accumulators + of_two + 3 <= total;
        let most = if self.is_paired { of_two } else { of_one };
        let room = (total - accumulators).saturating_sub(most + 3);
        let mut wanted: Vec<usize> = (0..trace.nodes.len())
            .filter(|at| {
                reads[*at] > 0
                    && self.is_vector(*at)
                    && (trace.rates[*at] == Rate::Row || matches!(trace.nodes[*at].op, Op::Constant(_)))
            })
            .collect();
        wanted.sort_by_key(|at| (std::cmp::Reverse(reads[*at]), *at));
        for (number, at) in wanted.into_iter().take(room).enumerate() {
            self.pinned[at] = Some((total - 1 - accumulators - number) as u8);
        }
        for register in self.pinned.iter().flatten() {
            self.vectors.usable[*register as usize] = false;
        }
    }
}
