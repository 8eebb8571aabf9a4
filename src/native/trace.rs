//! Traces: what a kernel does to one vector of a row, as values without control flow.

use rustc_hash::FxHashMap;

/// A value of a trace: a vector, or a mask with a truth value a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value(pub u32);

/// What computes a value. Comments name the arguments `a`, `b` and `c`, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// The bits of one lane, in all of them.
    Constant(u64),
    /// The vector of the turn of a port, and the one behind it.
    Load(u16),
    LoadNext(u16),
    /// One element of a port, for a row, in all lanes.
    Broadcast(u16),
    /// What an accumulator that has a register holds.
    Accumulator(u16),
    /// What an accumulator in memory holds.
    State(u16),
    /// `a` in the lanes that stand for elements, `b`, a constant, in those beyond the end of a row.
    Live,
    Add,
    Subtract,
    Multiply,
    Divide,
    /// a*b + c
    MultiplyAdd,
    /// a*b - c
    MultiplySubtract,
    /// c - a*b
    NegativeMultiplyAdd,
    Root,
    /// 1/a, to 14 bits
    Reciprocal,
    /// To the nearest whole number, the even one of two.
    Round,
    And,
    Or,
    Xor,
    AddBits,
    SubtractBits,
    ShiftLeft(u8),
    ShiftRight(u8),
    Less,
    LessEqual,
    Equal,
    MaskAnd,
    MaskOr,
    MaskNot,
    /// b where the mask `a` holds, else c
    Select,
    /// The larger, or b if either is NaN or both are zero.
    Max,
    Min,
    /// a*2^b for a whole b
    Scale,
    /// The lanes moved down by so many; those that leave come back in on top, or within each half.
    Rotate(u8),
}

impl Op {
    /// How many values it reads.
    pub fn arity(self) -> usize {
        match self {
            Op::Constant(_)
            | Op::Load(_)
            | Op::LoadNext(_)
            | Op::Broadcast(_)
            | Op::Accumulator(_)
            | Op::State(_) => 0,
            Op::Root
            | Op::Reciprocal
            | Op::Round
            | Op::ShiftLeft(_)
            | Op::ShiftRight(_)
            | Op::MaskNot
            | Op::Rotate(_) => 1,
            Op::MultiplyAdd | Op::MultiplySubtract | Op::NegativeMultiplyAdd | Op::Select => 3,
            _ => 2,
        }
    }

    /// Whether its value is a mask.
    pub fn is_mask(self) -> bool {
        matches!(self, Op::Less | Op::LessEqual | Op::Equal | Op::MaskAnd | Op::MaskOr | Op::MaskNot)
    }
}

/// A value's operation and arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub op: Op,
    pub arguments: [Value; 3],
}

impl Node {
    /// Those that it has.
    pub fn arguments(&self) -> &[Value] {
        &self.arguments[..self.op.arity()]
    }
}

/// How often a value is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rate {
    /// It is a constant, or an accumulator: there from the beginning.
    Never,
    /// Once a row, before its first vector.
    Row,
    /// For every vector.
    Turn,
    /// After some vectors, and after the last.
    Flush,
    /// Once a row, after its last vector.
    End,
}

/// A step of a trace.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    Compute(Value),
    /// Unless no lane of the mask holds, the turn is left, to be done by code that does not assume it.
    AssumeNone(Value),
    /// What follows up to the end of the region matters only where the mask holds somewhere.
    Enter(Value),
    Leave,
    /// A vector to a port, and to behind where that goes.
    Store(u16, Value),
    StoreNext(u16, Value),
    /// The first lane to one element of a port, for a row.
    StoreOne(u16, Value),
    /// What an accumulator holds from the next turn on.
    Keep(u16, Value),
    /// What an accumulator in memory holds from here on.
    SetState(u16, Value),
}

impl Item {
    /// The value that it reads itself.
    pub fn read(&self) -> Option<Value> {
        match *self {
            Item::AssumeNone(v)
            | Item::Enter(v)
            | Item::Store(_, v)
            | Item::StoreNext(_, v)
            | Item::StoreOne(_, v)
            | Item::Keep(_, v)
            | Item::SetState(_, v) => Some(v),
            Item::Compute(_) | Item::Leave => None,
        }
    }
}

/// A value that goes from turn to turn.
#[derive(Clone, Copy, Debug)]
pub struct Accumulator {
    /// The bits of a lane that it begins each row with; `None` where it goes from row to row.
    pub row_start: Option<u64>,
    /// What it holds, if it has a register.
    pub value: Option<Value>,
}

/// What a kernel does to one vector of a row, and to a row.
#[derive(Debug, Default)]
pub struct Trace {
    pub nodes: Vec<Node>,
    pub rates: Vec<Rate>,
    pub accumulators: Vec<Accumulator>,
    /// Before a row's first vector, for each vector, after some of them, and after the last.
    pub row: Vec<Item>,
    pub turn: Vec<Item>,
    /// For two vectors at once, if that is worth it.
    pub pair: Vec<Item>,
    pub flush: Vec<Item>,
    pub end: Vec<Item>,
    /// Equal values are one; by region, as what is computed in one is not there outside.
    known: FxHashMap<Node, Value>,
    /// What the region that is open has added.
    region: Vec<Node>,
    is_in_region: bool,
    /// Whether turns have been recorded, and what follows is for after some of them, or for the end of a row.
    after: Option<Rate>,
    /// Whether the end of a row reads what turns add up to, so that all of it must be there.
    pub is_flushed_by_row: bool,
    /// Ports that whole vectors are written to past the caches.
    pub streamed: Vec<usize>,
    /// Whether assumptions are made, or code is to be right for all values.
    pub is_optimistic: bool,
    /// Whether there are instructions that only AVX-512 has.
    pub is_wide: bool,
    /// Bits of a lane.
    pub lane_bits: u32,
}

impl Trace {
    pub fn new(is_optimistic: bool, is_wide: bool, lane_bits: u32) -> Self {
        Trace { is_optimistic, is_wide, lane_bits, ..Trace::default() }
    }

    pub fn node(&self, value: Value) -> Node {
        self.nodes[value.0 as usize]
    }

    pub fn rate(&self, value: Value) -> Rate {
        self.rates[value.0 as usize]
    }

    /// The value of an operation.
    pub fn value(&mut self, op: Op, arguments: &[Value]) -> Value {
        if let Some(simple) = self.simplified(op, arguments) {
            return simple;
        }
        let mut all = [Value(0); 3];
        all[..arguments.len()].copy_from_slice(arguments);
        let node = Node { op, arguments: all };
        if let Some(known) = self.known.get(&node) {
            return *known;
        }
        let value = Value(self.nodes.len() as u32);
        let rate = match op {
            Op::Constant(_) | Op::Accumulator(_) => Rate::Never,
            _ if self.after.is_some() => self.after.unwrap_or(Rate::End),
            Op::Load(_) | Op::Live => Rate::Turn,
            _ => {
                let from = arguments.iter().map(|v| match self.node(*v).op {
                    Op::Accumulator(_) => Rate::Turn,
                    _ => self.rate(*v),
                });
                from.max().unwrap_or(Rate::Row).max(Rate::Row)
            }
        };
        self.nodes.push(node);
        self.rates.push(rate);
        self.known.insert(node, value);
        match rate {
            Rate::Never => {}
            Rate::Row => self.row.push(Item::Compute(value)),
            Rate::Turn => {
                self.turn.push(Item::Compute(value));
                if self.is_in_region {
                    self.region.push(node);
                }
            }
            Rate::Flush => self.flush.push(Item::Compute(value)),
            Rate::End => self.end.push(Item::Compute(value)),
        }
        value
    }

    pub fn constant(&mut self, bits: u64) -> Value {
        self.value(Op::Constant(bits), &[])
    }

    fn bits(&self, value: Value) -> Option<u64> {
        match self.node(value).op {
            Op::Constant(bits) => Some(bits),
            _ => None,
        }
    }

    /// The number that the bits of a lane stand for.
    fn number(&self, bits: u64) -> f64 {
        if self.lane_bits == 32 { f32::from_bits(bits as u32).into() } else { f64::from_bits(bits) }
    }

    /// Another value that has the same bits.
    fn simplified(&mut self, op: Op, arguments: &[Value]) -> Option<Value> {
        match (op, arguments) {
            // x - 0 is x for all x.
            (Op::Subtract, [a, b]) if self.bits(*b) == Some(0) => Some(*a),
            (Op::MaskNot, [a]) if self.node(*a).op == Op::MaskNot => Some(self.node(*a).arguments[0]),
            (Op::Select, [_, b, c]) if b == c => Some(*b),
            (Op::Select, [mask, b, c]) => {
                let Node { op: Op::MaskNot, arguments } = self.node(*mask) else { return None };
                Some(self.value(Op::Select, &[arguments[0], *c, *b]))
            }
            // A truth value as a number, compared with a number.
            (Op::Equal, [a, b]) => {
                let Node { op: Op::Select, arguments: [mask, then, otherwise] } = self.node(*a) else {
                    return None;
                };
                let number = |v: Value| self.bits(v).map(|bits| self.number(bits));
                let (then, otherwise, other) = (number(then)?, number(otherwise)?, number(*b)?);
                match (then == other, otherwise == other) {
                    (true, false) => Some(mask),
                    (false, true) => Some(self.value(Op::MaskNot, &[mask])),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Whether any lane of the mask holds: assumed not to be so, or said to be so.
    pub fn any(&mut self, mask: Value) -> bool {
        if self.is_optimistic {
            let item = Item::AssumeNone(mask);
            if self.rate(mask) == Rate::Turn { self.turn.push(item) } else { self.row.push(item) }
        }
        !self.is_optimistic
    }

    /// What is recorded until [`Trace::leave`] matters only where the mask holds.
    pub fn enter(&mut self, mask: Value) {
        self.turn.push(Item::Enter(mask));
        self.is_in_region = true;
    }

    pub fn leave(&mut self) {
        self.turn.push(Item::Leave);
        self.is_in_region = false;
        for node in self.region.drain(..) {
            self.known.remove(&node);
        }
    }

    /// From now on, values are for after some turns, or for the end of a row.
    pub fn go_on_to(&mut self, rate: Rate) {
        self.after = Some(rate);
        let rates = &self.rates;
        // What the turns computed is gone.
        self.known.retain(|_, value| rates[value.0 as usize] < Rate::Turn);
    }

    pub fn accumulator(&mut self, row_start: Option<u64>) -> (u16, Value) {
        let number = self.accumulators.len() as u16;
        let value = self.value(Op::Accumulator(number), &[]);
        self.accumulators.push(Accumulator { row_start, value: Some(value) });
        (number, value)
    }

    /// An accumulator in memory.
    pub fn state(&mut self) -> u16 {
        self.accumulators.push(Accumulator { row_start: None, value: None });
        self.accumulators.len() as u16 - 1
    }

    /// Drops what nothing needs.
    pub fn prune(&mut self) {
        let mut needed = vec![false; self.nodes.len()];
        for items in [&mut self.end, &mut self.flush, &mut self.turn, &mut self.row] {
            let mut kept = Vec::with_capacity(items.len());
            for item in items.drain(..).rev() {
                if let Item::Compute(value) = item {
                    if !needed[value.0 as usize] {
                        continue;
                    }
                    for argument in self.nodes[value.0 as usize].arguments() {
                        needed[argument.0 as usize] = true;
                    }
                } else if matches!(item, Item::Enter(_)) && matches!(kept.last(), Some(Item::Leave)) {
                    kept.pop();
                    continue;
                } else if let Some(value) = item.read() {
                    needed[value.0 as usize] = true;
                }
                kept.push(item);
            }
            kept.reverse();
            *items = kept;
        }
    }
}
