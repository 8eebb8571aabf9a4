//! From expressions to tapes: simple operations become chains, which keep the value so far in registers.

use super::program::{Gather, Link, LinkOperation, Mode, Operand, Register, Step};
use super::value::{Binary, Operation, Unary, ValueId, Values};
use crate::function::Function;
use crate::graph::Map;

/// The values that one kernel computes, and those that it reads.
pub(super) struct Expression {
    /// Read from memory, in the order of first use.
    pub leaves: Vec<ValueId>,
    /// Computed, operands first.
    pub inner: Vec<ValueId>,
}

impl Expression {
    /// What `roots` need down to what `is_leaf`.
    pub fn new(values: &Values, roots: &[ValueId], is_leaf: &dyn Fn(ValueId) -> bool) -> Expression {
        let (mut leaves, mut inner) = (Vec::new(), Vec::new());
        let mut seen: Map<ValueId, ()> = Map::default();
        let mut pending: Vec<(ValueId, bool)> = roots.iter().rev().map(|r| (*r, false)).collect();
        while let Some((value, finished)) = pending.pop() {
            if finished {
                inner.push(value);
                continue;
            }
            if seen.insert(value, ()).is_some() {
                continue;
            }
            if is_leaf(value) {
                leaves.push(value);
                continue;
            }
            pending.push((value, true));
            // A gather reads its array itself.
            let operands = match values.operation(value) {
                Operation::Load(load) => gathered_places(load),
                _ => values.operands(value),
            };
            pending.extend(operands.iter().rev().map(|o| (*o, false)));
        }
        // A value may have been met again before its operands were finished.
        Expression { leaves, inner }
    }
}

fn gathered_places(load: &super::value::Load) -> Vec<ValueId> {
    load.axes
        .iter()
        .filter_map(|(_, place)| match place {
            super::value::Place::Value(v) => Some(*v),
            super::value::Place::Affine(..) => None,
        })
        .collect()
}

/// The computed positions of a gather: the value, the length of the axis and its stride.
type Places = Vec<(ValueId, usize, isize)>;

pub(super) struct Emitter<'a> {
    values: &'a Values,
    expression: &'a Expression,
    registers: Map<ValueId, Register>,
    operand_count: usize,
    pub gathers: Map<ValueId, (Gather, Places)>,
    uses: Map<ValueId, u32>,
    /// The operand that a value continues the chain of.
    continues: Map<ValueId, ValueId>,
    steps: Vec<Step>,
    links: Vec<Link>,
    slots: usize,
}

impl<'a> Emitter<'a> {
    pub fn new(
        values: &'a Values,
        expression: &'a Expression,
        operands: &[Operand],
        register_of: &Map<ValueId, usize>,
    ) -> Self {
        let registers = register_of
            .iter()
            .map(|(value, at)| {
                let step = u16::from(operands[*at].mode != Mode::Uniform);
                (*value, Register { number: *at as u16, step })
            })
            .collect();
        Emitter {
            values,
            expression,
            registers,
            operand_count: operands.len(),
            gathers: Map::default(),
            uses: Map::default(),
            continues: Map::default(),
            steps: Vec::new(),
            links: Vec::new(),
            slots: 0,
        }
    }

    /// The register that holds a leaf or a computed value.
    pub fn register(&self, value: ValueId) -> Register {
        self.registers[&value]
    }

    /// The comparison that a condition is, if it can be made where the choice is.
    fn comparison(&self, condition: ValueId) -> Option<(Binary, ValueId, ValueId)> {
        match *self.values.operation(condition) {
            Operation::Binary(op @ (Binary::Less | Binary::LessEqual | Binary::Equal), a, b)
                if self.is_inner(condition) =>
            {
                Some((op, a, b))
            }
            _ => None,
        }
    }

    fn is_inner(&self, value: ValueId) -> bool {
        self.uses.contains_key(&value)
    }

    /// What a value reads from registers.
    fn reads(&self, value: ValueId) -> Vec<ValueId> {
        match self.values.operation(value) {
            Operation::Load(load) => gathered_places(load),
            Operation::Select(condition, then, otherwise) => match self.comparison(*condition) {
                Some((_, a, b)) => vec![*then, *otherwise, a, b],
                None => vec![*condition, *then, *otherwise],
            },
            Operation::Binary(_, a, b) if a == b => vec![*a],
            _ => self.values.operands(value),
        }
    }

    /// Emits steps for all values of the expression. `roots` are read after the tape.
    pub fn emit(&mut self, roots: &[ValueId]) {
        for value in &self.expression.inner {
            self.uses.insert(*value, 0);
        }
        // From users to operands, so that conditions that only choices use are known to be made there.
        let expression = self.expression;
        for root in roots {
            if let Some(uses) = self.uses.get_mut(root) {
                *uses += 1;
            }
        }
        for value in expression.inner.iter().rev() {
            if self.uses[value] == 0 {
                continue;
            }
            for read in self.reads(*value) {
                if let Some(uses) = self.uses.get_mut(&read) {
                    *uses += 1;
                }
            }
        }
        let mut lengths: Map<ValueId, u32> = Map::default();
        for value in &expression.inner {
            if self.uses[value] == 0 || !is_chained(self.values.operation(*value)) {
                continue;
            }
            let best = self
                .candidates(*value)
                .into_iter()
                .filter(|c| self.uses.get(c) == Some(&1) && lengths.contains_key(c))
                .max_by_key(|c| lengths[c]);
            if let Some(best) = best {
                self.continues.insert(*value, best);
            }
            lengths.insert(*value, best.map_or(0, |b| lengths[&b]) + 1);
        }
        let continued: Map<ValueId, ()> = self.continues.values().map(|v| (*v, ())).collect();
        for value in &expression.inner {
            if self.uses[value] > 0 && !continued.contains_key(value) {
                self.emit_value(*value);
            }
        }
        self.assign_slots(roots);
    }

    /// The operands whose chain the value could continue.
    fn candidates(&self, value: ValueId) -> Vec<ValueId> {
        match *self.values.operation(value) {
            Operation::Select(condition, then, otherwise) => {
                if then == otherwise {
                    return Vec::new();
                }
                let mut all = vec![then, otherwise];
                match self.comparison(condition) {
                    // A branch that is also compared is read twice.
                    Some((_, a, b)) => all.retain(|v| *v != a && *v != b),
                    None => {
                        all.push(condition);
                        let count = |v: ValueId| [condition, then, otherwise].iter().filter(|o| **o == v).count();
                        all.retain(|v| count(*v) == 1);
                    }
                }
                all
            }
            _ => self.reads(value),
        }
    }

    fn emit_value(&mut self, value: ValueId) {
        let slot = self.slots as u16;
        self.slots += 1;
        let to = self.operand_count as u16 + slot;
        let step = match self.values.operation(value).clone() {
            Operation::Load(_) => {
                let (mut gather, places) = self.gathers[&value].clone();
                gather.places =
                    places.iter().map(|(v, length, stride)| (self.register(*v), *length, *stride)).collect();
                Step::Gather(Box::new(gather), to)
            }
            Operation::Binary(Binary::Power, a, b) => Step::Power(self.register(a), self.register(b), to),
            ref operation if is_chained(operation) => {
                let mut chain = vec![value];
                while let Some(before) = chain.last().and_then(|v| self.continues.get(v)) {
                    chain.push(*before);
                }
                chain.reverse();
                let start = self.links.len();
                let first = self.first(chain[0]);
                let mut so_far = None;
                for link in chain {
                    self.link(link, so_far);
                    so_far = Some(link);
                }
                Step::Chain { first, start: start as u32, end: self.links.len() as u32, to }
            }
            Operation::Unary(operation, a) => Step::Map(operation, self.register(a), to),
            Operation::Binary(Binary::Function(function), a, b) => {
                Step::Zip(function, self.register(a), self.register(b), to)
            }
            _ => return,
        };
        self.steps.push(step);
        self.registers.insert(value, Register { number: to, step: 1 });
    }

    /// The register that a chain begins with.
    fn first(&self, value: ValueId) -> Register {
        match *self.values.operation(value) {
            Operation::Select(_, then, _) => self.register(then),
            Operation::Unary(_, a) | Operation::Binary(_, a, _) => self.register(a),
            _ => Register { number: 0, step: 0 },
        }
    }

    /// The operation that goes from `so_far` (or the first register) to `value`.
    fn link(&mut self, value: ValueId, so_far: Option<ValueId>) {
        use LinkOperation as L;
        let none = Register { number: 0, step: 0 };
        let (operation, operands) = match *self.values.operation(value) {
            Operation::Unary(operation, _) => {
                let operation = match operation {
                    Unary::Negate => L::Negate,
                    Unary::Root => L::Root,
                    Unary::Not => L::Not,
                    Unary::Function(_) => L::Absolute,
                };
                (operation, [none; 3])
            }
            Operation::Binary(Binary::Multiply, a, b) if a == b => (L::Square, [none; 3]),
            Operation::Binary(operation, a, b) => {
                let is_left = so_far.is_none_or(|v| v == a);
                let other_value = if is_left { b } else { a };
                let other = self.register(other_value);
                let kind = match (operation, is_left) {
                    (Binary::Add, _) => L::Add,
                    (Binary::Subtract, true) => L::Subtract,
                    (Binary::Subtract, false) => L::SubtractFrom,
                    (Binary::Multiply, _) => L::Multiply,
                    (Binary::Divide, true) => L::Divide,
                    (Binary::Divide, false) => L::DivideInto,
                    (Binary::Less, true) => L::Less,
                    (Binary::Less, false) => L::Greater,
                    (Binary::LessEqual, true) => L::LessEqual,
                    (Binary::LessEqual, false) => L::GreaterEqual,
                    (Binary::Equal, _) => L::Equal,
                    (Binary::And, _) => L::And,
                    (Binary::Or, _) => L::Or,
                    (Binary::Function(Function::Min), _) => L::Min,
                    _ => L::Max,
                };
                if so_far.is_some() && self.fuse(kind, other, other_value) {
                    return;
                }
                (kind, [other, none, none])
            }
            Operation::Select(condition, then, otherwise) => {
                let is_then = so_far.is_none_or(|v| v == then);
                match self.comparison(condition) {
                    Some((comparison, a, b)) => {
                        let other = self.register(if is_then { otherwise } else { then });
                        let kind = match (comparison, is_then) {
                            (Binary::Less, true) => L::ThenIfLess,
                            (Binary::Less, false) => L::ElseIfLess,
                            (Binary::LessEqual, true) => L::ThenIfLessEqual,
                            (Binary::LessEqual, false) => L::ElseIfLessEqual,
                            (_, true) => L::ThenIfEqual,
                            (_, false) => L::ElseIfEqual,
                        };
                        (kind, [self.register(a), self.register(b), other])
                    }
                    None if so_far == Some(condition) => {
                        (L::SelectBy, [self.register(then), self.register(otherwise), none])
                    }
                    None if is_then => {
                        (L::SelectThen, [self.register(condition), self.register(otherwise), none])
                    }
                    None => (L::SelectElse, [self.register(condition), self.register(then), none]),
                }
            }
            _ => return,
        };
        self.links.push(Link { operation, operands });
    }

    /// Joins a product just made with an addition: rounded once.
    ///
    /// Not where the other term is a product as well: the difference of equal products must be 0.
    fn fuse(&mut self, kind: LinkOperation, other: Register, value: ValueId) -> bool {
        use LinkOperation as L;
        let kind = match kind {
            L::Add => L::MultiplyAdd,
            L::Subtract => L::MultiplySubtract,
            L::SubtractFrom => L::NegativeMultiplyAdd,
            _ => return false,
        };
        if matches!(
            self.values.operation(value),
            Operation::Binary(Binary::Multiply | Binary::Divide, ..) | Operation::Unary(Unary::Negate, _)
        ) {
            return false;
        }
        match self.links.last_mut() {
            Some(last) if last.operation == L::Multiply => {
                last.operation = kind;
                last.operands[1] = other;
                true
            }
            _ => false,
        }
    }

    /// Slots whose value nobody reads any longer are used again.
    fn assign_slots(&mut self, roots: &[ValueId]) {
        let count = self.operand_count as u16;
        let mut last = vec![0_usize; self.slots];
        for (at, step) in self.steps.iter().enumerate() {
            for read in reads_of(step, &self.links) {
                if read.number >= count {
                    last[(read.number - count) as usize] = at;
                }
            }
        }
        for root in roots {
            let register = self.register(*root);
            if register.number >= count {
                last[(register.number - count) as usize] = usize::MAX;
            }
        }
        let mut free: Vec<u16> = Vec::new();
        let mut used = 0_u16;
        let mut real = vec![0_u16; self.slots];
        let mut busy: Vec<(usize, u16)> = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            // A chain reads each element before it writes it, so it may end where an operand stands.
            let until = if matches!(step, Step::Gather(..)) { at } else { at + 1 };
            busy.retain(|(end, slot)| {
                let is_done = *end < until;
                if is_done {
                    free.push(*slot);
                }
                !is_done
            });
            free.sort_unstable_by(|a, b| b.cmp(a));
            let slot = free.pop().unwrap_or_else(|| {
                used += 1;
                used - 1
            });
            let own = (target_of(step) - count) as usize;
            real[own] = slot;
            busy.push((last[own].max(at), slot));
        }
        let rename = |register: &mut Register| {
            if register.number >= count {
                register.number = count + real[(register.number - count) as usize];
            }
        };
        for link in &mut self.links {
            link.operands.iter_mut().for_each(rename);
        }
        for step in &mut self.steps {
            match step {
                Step::Chain { first, to, .. } => {
                    rename(first);
                    *to = count + real[(*to - count) as usize];
                }
                Step::Map(_, a, to) => {
                    rename(a);
                    *to = count + real[(*to - count) as usize];
                }
                Step::Zip(_, a, b, to) | Step::Power(a, b, to) => {
                    rename(a);
                    rename(b);
                    *to = count + real[(*to - count) as usize];
                }
                Step::Gather(gather, to) => {
                    gather.places.iter_mut().for_each(|p| rename(&mut p.0));
                    *to = count + real[(*to - count) as usize];
                }
            }
        }
        self.registers.values_mut().for_each(rename);
        self.slots = used as usize;
    }

    /// The tape, its links and the number of slots.
    pub fn finish(self) -> (Vec<Step>, Vec<Link>, usize) {
        (self.steps, self.links, self.slots)
    }
}

fn target_of(step: &Step) -> u16 {
    match step {
        Step::Chain { to, .. }
        | Step::Map(_, _, to)
        | Step::Zip(_, _, _, to)
        | Step::Power(_, _, to)
        | Step::Gather(_, to) => *to,
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
        Step::Map(_, a, _) => vec![*a],
        Step::Zip(_, a, b, _) | Step::Power(a, b, _) => vec![*a, *b],
        Step::Gather(gather, _) => gather.places.iter().map(|p| p.0).collect(),
    }
}

impl LinkOperation {
    /// How many operands it reads.
    pub fn arity(self) -> usize {
        use LinkOperation as L;
        match self {
            L::Square | L::Negate | L::Absolute | L::Root | L::Not => 0,
            L::MultiplyAdd | L::MultiplySubtract | L::NegativeMultiplyAdd => 2,
            L::SelectBy | L::SelectThen | L::SelectElse => 2,
            L::ThenIfLess
            | L::ElseIfLess
            | L::ThenIfLessEqual
            | L::ElseIfLessEqual
            | L::ThenIfEqual
            | L::ElseIfEqual => 3,
            _ => 1,
        }
    }
}

/// Whether it is simple enough to be a link of a chain.
fn is_chained(operation: &Operation) -> bool {
    match operation {
        Operation::Unary(Unary::Function(function), _) => *function == Function::Abs,
        Operation::Unary(..) | Operation::Select(..) => true,
        Operation::Binary(Binary::Power, ..) => false,
        Operation::Binary(Binary::Function(function), ..) => {
            matches!(function, Function::Max | Function::Min)
        }
        Operation::Binary(..) => true,
        _ => false,
    }
}
