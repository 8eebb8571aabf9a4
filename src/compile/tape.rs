//! From expressions to tapes: simple operations become chains, which keep the value so far in registers.

use super::program::{Gather, Guard, Link, LinkOperation, Mode, NOWHERE, Operand, Register, Step};
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
    pub(super) values: &'a Values,
    pub(super) expression: &'a Expression,
    pub(super) registers: Map<ValueId, Register>,
    pub(super) operand_count: usize,
    pub gathers: Map<ValueId, (Gather, Places)>,
    /// Whether one divisor stands for many elements, so that its reciprocal pays.
    pub has_long_rows: bool,
    pub(super) uses: Map<ValueId, u32>,
    /// The operand that a value continues the chain of.
    continues: Map<ValueId, ValueId>,
    pub(super) steps: Vec<Step>,
    pub(super) links: Vec<Link>,
    pub(super) slots: usize,
    /// The logistic functions of one argument: where there are several, they share an exponential.
    pub(super) families: Map<ValueId, Vec<ValueId>>,
    /// The condition, and what it must be, without which a value does not matter.
    pub(super) contexts: Map<ValueId, (ValueId, bool)>,
    pub(super) guards: Vec<Guard>,
    pub(super) guard_numbers: Map<(ValueId, bool), u16>,
    pub(super) guarded: Vec<u16>,
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
            has_long_rows: false,
            uses: Map::default(),
            continues: Map::default(),
            steps: Vec::new(),
            links: Vec::new(),
            slots: 0,
            families: Map::default(),
            contexts: Map::default(),
            guards: Vec::new(),
            guard_numbers: Map::default(),
            guarded: Vec::new(),
        }
    }

    /// The register that holds a leaf or a computed value.
    pub fn register(&self, value: ValueId) -> Register {
        self.registers[&value]
    }

    /// The comparison that a condition is, if it can be made where the choice is.
    pub(super) fn comparison(&self, condition: ValueId) -> Option<(Binary, ValueId, ValueId)> {
        match *self.values.operation(condition) {
            Operation::Binary(op @ (Binary::Less | Binary::LessEqual | Binary::Equal), a, b)
                if self.is_inner(condition) =>
            {
                Some((op, a, b))
            }
            _ => None,
        }
    }

    pub(super) fn is_inner(&self, value: ValueId) -> bool {
        self.uses.contains_key(&value)
    }

    /// What a value reads from registers.
    pub(super) fn reads(&self, value: ValueId) -> Vec<ValueId> {
        match self.values.operation(value) {
            Operation::Load(load) => gathered_places(load),
            Operation::Select(condition, then, otherwise) => match self.comparison(*condition) {
                Some((_, a, b)) => vec![*then, *otherwise, a, b],
                None => vec![*condition, *then, *otherwise],
            },
            Operation::Binary(_, a, b) if a == b => vec![*a],
            Operation::Unary(..) if self.family(value).is_some() => self.family(value).into_iter().collect(),
            _ => self.values.operands(value),
        }
    }

    /// Emits steps for all values of the expression. `roots` are read after the tape.
    pub fn emit(&mut self, roots: &[ValueId]) {
        for value in &self.expression.inner {
            self.uses.insert(*value, 0);
        }
        self.find_families();
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
        self.find_contexts(roots);
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
        self.repeat_cheap(roots, &lengths);
        let continued: Map<ValueId, ()> = self.continues.values().map(|v| (*v, ())).collect();
        for value in &expression.inner {
            if self.uses[value] > 0 && !continued.contains_key(value) {
                self.emit_value(*value);
            }
        }
        self.assign_slots(roots);
    }

    /// Values of one operation on what is read anyway are worked out where they are used: that costs less than to
    /// write and read them.
    fn repeat_cheap(&mut self, roots: &[ValueId], lengths: &Map<ValueId, u32>) {
        let expression = self.expression;
        for value in &expression.inner {
            let is_cheap = (2..=3).contains(&self.uses[value])
                && is_chained(self.values.operation(*value))
                && !roots.contains(value)
                && self.reads(*value).iter().all(|read| self.registers.contains_key(read));
            if !is_cheap {
                continue;
            }
            let users: Vec<ValueId> = expression
                .inner
                .iter()
                .copied()
                .filter(|user| self.uses[user] > 0 && self.reads(*user).contains(value))
                .collect();
            // Each must be able to go on from it, and have nothing else to go on from.
            let all_can = users.iter().all(|user| {
                lengths.contains_key(user)
                    && !self.continues.contains_key(user)
                    && self.candidates(*user).contains(value)
            });
            let counted = users.len() == self.uses[value] as usize;
            if all_can && counted {
                for user in users {
                    self.continues.insert(user, *value);
                }
            }
        }
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
                        let count =
                            |v: ValueId| [condition, then, otherwise].iter().filter(|o| **o == v).count();
                        all.retain(|v| count(*v) == 1);
                    }
                }
                all
            }
            // Both operands are read, unless it is a square.
            Operation::Binary(operation, a, b) if a == b && operation != Binary::Multiply => Vec::new(),
            _ => self.reads(value),
        }
    }

    fn emit_family(&mut self, base: ValueId) {
        let members: Vec<ValueId> = self.families[&base]
            .iter()
            .copied()
            .filter(|v| self.uses.get(v).is_some_and(|u| *u > 0))
            .collect();
        let guard = self.guard(&members);
        let (mut sigmoids, mut softpluses) = ([NOWHERE; 2], [NOWHERE; 2]);
        for member in members {
            let Some((function, _, is_negative)) = self.logistic(member) else { continue };
            let to = self.operand_count as u16 + self.slots as u16;
            self.slots += 1;
            let targets = if function == Function::Sigmoid { &mut sigmoids } else { &mut softpluses };
            targets[usize::from(is_negative)] = to;
            self.registers.insert(member, Register { number: to, step: 1 });
        }
        let from = self.register(base);
        self.steps.push(Step::Logistic { from, sigmoids, softpluses });
        self.guarded.push(guard);
    }

    fn emit_value(&mut self, value: ValueId) {
        if self.registers.contains_key(&value) {
            return;
        }
        if let Some(base) = self.family(value) {
            return self.emit_family(base);
        }
        let guard = self.guard(&[value]);
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
                Step::Chain { first, start: start as u32, end: self.links.len() as u32, to, sum: NOWHERE }
            }
            Operation::Unary(operation, a) => Step::Map(operation, self.register(a), to),
            Operation::Binary(Binary::Function(function), a, b) => {
                Step::Zip(function, self.register(a), self.register(b), to)
            }
            _ => return,
        };
        self.steps.push(step);
        self.guarded.push(guard);
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
                    Unary::Function(Function::Sign) => L::Sign,
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
                    (Binary::Divide, true)
                        if self.has_long_rows
                            && other.step == 0
                            && self.values.as_constant(other_value).is_none() =>
                    {
                        L::DivideByOne
                    }
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

    /// Lets the tape add the value to the sum of that number, if nothing else reads it.
    pub fn fuse_sum(&mut self, value: ValueId, number: usize) -> bool {
        if self.uses.get(&value) != Some(&1) {
            return false;
        }
        let own = self.register(value).number;
        // The last step that writes the register is the value's own.
        let last = self.steps.iter_mut().zip(&self.guarded).rev().find_map(|(step, guard)| {
            super::slots::targets_of(step).iter().any(|to| **to == own).then_some((step, *guard))
        });
        let Some((Step::Chain { sum, .. }, NOWHERE)) = last else { return false };
        *sum = number as u16;
        true
    }

    /// The tape, its links, guards and the number of slots.
    pub fn finish(self) -> Tape {
        Tape {
            steps: self.steps,
            links: self.links,
            guarded: self.guarded,
            guards: self.guards,
            slots: self.slots,
        }
    }
}

/// What was emitted.
pub(super) struct Tape {
    pub steps: Vec<Step>,
    pub links: Vec<Link>,
    pub guarded: Vec<u16>,
    pub guards: Vec<Guard>,
    pub slots: usize,
}

impl LinkOperation {
    /// How many operands it reads.
    pub fn arity(self) -> usize {
        use LinkOperation as L;
        match self {
            L::Square | L::Negate | L::Absolute | L::Sign | L::Root | L::Not => 0,
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
pub(super) fn is_chained(operation: &Operation) -> bool {
    match operation {
        Operation::Unary(Unary::Function(function), _) => {
            matches!(function, Function::Abs | Function::Sign)
        }
        Operation::Unary(..) | Operation::Select(..) => true,
        Operation::Binary(Binary::Power, ..) => false,
        Operation::Binary(Binary::Function(function), ..) => {
            matches!(function, Function::Max | Function::Min)
        }
        Operation::Binary(..) => true,
        _ => false,
    }
}
