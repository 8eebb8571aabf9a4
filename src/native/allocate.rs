//! Which register holds which value: of a straight line of code, known to its end.
//!
//! Where registers run out, the value whose next use is farthest away makes room (Belady, A study of replacement
//! algorithms for virtual storage, 1966). Constants, loads and values of a row are read again from where they are;
//! others go to the frame.

use super::trace::Value;
use smallvec::SmallVec;

/// Registers of one kind.
#[derive(Debug)]
pub struct Bank {
    /// What each holds; those that are not to be used are absent from `usable`.
    pub held: Vec<Option<Value>>,
    pub usable: Vec<bool>,
    /// Operands of the instruction at hand, which stay.
    locked: Vec<bool>,
}

impl Bank {
    /// Registers `from` to `to`.
    pub fn new(from: usize, to: usize) -> Self {
        Bank { held: vec![None; to], usable: (0..to).map(|r| r >= from).collect(), locked: vec![false; to] }
    }

    pub fn lock(&mut self, register: u8) {
        self.locked[register as usize] = true;
    }

    pub fn unlock_all(&mut self) {
        self.locked.fill(false);
    }

    pub fn of(&self, value: Value) -> Option<u8> {
        self.held.iter().position(|held| *held == Some(value)).map(|r| r as u8)
    }

    /// A register that holds nothing.
    pub fn free(&self) -> Option<u8> {
        let is_free = |r: &usize| self.usable[*r] && self.held[*r].is_none() && !self.locked[*r];
        (0..self.held.len()).find(is_free).map(|r| r as u8)
    }

    /// The register whose value is needed last, of those that may be taken.
    pub fn farthest(&self, next_use: impl Fn(Value) -> u32) -> Option<(u8, Value)> {
        let all = self.held.iter().enumerate().filter(|(r, _)| self.usable[*r] && !self.locked[*r]);
        all.filter_map(|(r, held)| held.map(|v| (r as u8, v))).max_by_key(|(r, v)| (next_use(*v), *r))
    }

    pub fn clear(&mut self) {
        self.held.fill(None);
        self.unlock_all();
    }
}

/// When values are needed in a line of items.
#[derive(Debug, Default)]
pub struct Uses {
    positions: Vec<SmallVec<[u32; 4]>>,
    next: Vec<u32>,
}

impl Uses {
    pub fn new(values: usize) -> Self {
        Uses { positions: vec![SmallVec::new(); values], next: vec![0; values] }
    }

    /// Notes a use; positions come in order.
    pub fn note(&mut self, value: Value, position: u32) {
        let all = &mut self.positions[value.0 as usize];
        if all.last() != Some(&position) {
            all.push(position);
        }
    }

    /// The next position that needs it.
    pub fn next(&self, value: Value) -> u32 {
        let at = value.0 as usize;
        self.positions[at].get(self.next[at] as usize).copied().unwrap_or(u32::MAX)
    }

    /// How often it is still needed.
    pub fn remaining(&self, value: Value) -> usize {
        self.positions[value.0 as usize].len() - self.next[value.0 as usize] as usize
    }

    /// The use at this position has been.
    pub fn pass(&mut self, value: Value, position: u32) {
        let at = value.0 as usize;
        if self.next(value) == position {
            self.next[at] += 1;
        }
    }
}
