//! Two vectors in one turn: their instructions alternate, so that while one waits for a result the other goes on.
//!
//! A vector of a logistic function or the like is one long chain of operations, each of which waits for the one before.
//! A processor looks ahead only so far; beyond that it would wait.

use super::trace::{Item, Op, Rate, Trace, Value};

/// So few items of a turn are not worth it, as the processor sees several turns at once; so many are not worth the code.
const FEWEST_ITEMS: usize = 16;
const MOST_ITEMS: usize = 200;

impl Trace {
    /// Adds the turn of two vectors, if it is worth it: the values of a second vector, which are of their own and go on
    /// from the accumulators that the first leaves.
    pub fn add_pair(&mut self) {
        if !(FEWEST_ITEMS..=MOST_ITEMS).contains(&self.turn.len()) {
            return;
        }
        let count = self.nodes.len();
        let mut second: Vec<Value> = (0..count as u32).map(Value).collect();
        for item in &self.turn {
            if let Item::Keep(number, value) = *item
                && let Some(held) = self.accumulators[usize::from(number)].value
            {
                second[held.0 as usize] = value;
            }
        }
        for at in 0..count {
            if self.rates[at] != Rate::Turn {
                continue;
            }
            let mut node = self.nodes[at];
            if let Op::Load(port) = node.op {
                node.op = Op::LoadNext(port);
            }
            let arity = node.op.arity();
            for argument in &mut node.arguments[..arity] {
                *argument = second[argument.0 as usize];
            }
            second[at] = Value(self.nodes.len() as u32);
            self.nodes.push(node);
            self.rates.push(Rate::Turn);
        }
        let of = |value: Value| second[value.0 as usize];
        let others = self.turn.iter().map(|item| match *item {
            Item::Compute(v) => Item::Compute(of(v)),
            Item::AssumeNone(v) => Item::AssumeNone(of(v)),
            Item::Enter(v) => Item::Enter(of(v)),
            Item::Leave => Item::Leave,
            Item::Store(port, v) => Item::StoreNext(port, of(v)),
            Item::StoreNext(port, v) => Item::StoreNext(port, v),
            Item::StoreOne(port, v) => Item::StoreOne(port, of(v)),
            Item::Keep(number, v) => Item::Keep(number, of(v)),
            Item::SetState(number, v) => Item::SetState(number, of(v)),
        });
        let others: Vec<Item> = others.collect();
        self.pair = self.alternating(&others);
    }

    /// The items of the turn and those of a second vector, each as soon as what it needs is there.
    fn alternating(&self, others: &[Item]) -> Vec<Item> {
        let mut is_there: Vec<bool> = self.rates.iter().map(|rate| *rate < Rate::Turn).collect();
        let mut both = Vec::with_capacity(2 * others.len());
        let mut next = 0;
        let mut is_in_region = false;
        for (at, item) in self.turn.iter().enumerate() {
            // What the first vector leaves in an accumulator is where the second goes on.
            if !matches!(item, Item::Keep(..)) {
                both.push(*item);
            }
            if let Item::Compute(value) = item {
                is_there[value.0 as usize] = true;
            }
            is_in_region = match item {
                Item::Enter(_) => true,
                Item::Leave => false,
                _ => is_in_region,
            };
            // A region of the second vector follows that of the first.
            while !is_in_region && next <= at {
                let other = others[next];
                if let Item::Compute(value) = other {
                    if !self.node(value).arguments().iter().all(|v| is_there[v.0 as usize]) {
                        break;
                    }
                    is_there[value.0 as usize] = true;
                }
                both.push(other);
                next += 1;
            }
        }
        both.extend(&others[next..]);
        both
    }
}
