//! Values: a loss and its derivatives as operations of numbers over dimensions, shared where they are equal.
//!
//! Unlike nodes of the graph, values know the data: lengths of axes, values of hyperparameters, which inputs have a
//! batch. Two expressions that differ in the names of their indices only are one value, because indices of the same
//! range are numbered by [`Dimension`]s.

use crate::function::Function;
use rustc_hash::FxHashMap;

/// A loop: the batch, or an index. Dimension 0 is the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Dimension(pub u8);

/// A divisor of so many elements is taken the reciprocal of.
pub(crate) const MANY: usize = 8;

/// The batch.
pub(crate) const BATCH: Dimension = Dimension(0);

/// A set of dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Space(pub u64);

impl Space {
    /// No dimension: a single number.
    pub const POINT: Space = Space(0);

    pub fn of(dimension: Dimension) -> Space {
        Space(1 << dimension.0)
    }
    pub fn with(self, dimension: Dimension) -> Space {
        self.union(Space::of(dimension))
    }
    pub fn union(self, other: Space) -> Space {
        Space(self.0 | other.0)
    }
    pub fn common(self, other: Space) -> Space {
        Space(self.0 & other.0)
    }
    pub fn without(self, other: Space) -> Space {
        Space(self.0 & !other.0)
    }
    pub fn contains(self, dimension: Dimension) -> bool {
        self.0 >> dimension.0 & 1 == 1
    }
    pub fn dimensions(self) -> impl Iterator<Item = Dimension> {
        (0..64).map(Dimension).filter(move |d| self.contains(*d))
    }
}

/// A value of a [`Values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ValueId(pub u32);

impl ValueId {
    pub fn position(self) -> usize {
        self.0 as usize
    }
}

/// An operation on one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Unary {
    Negate,
    Root,
    /// 1 where the operand is 0, else 0.
    Not,
    Function(Function),
}

/// An operation on two numbers. Comparisons give 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Less,
    LessEqual,
    Equal,
    /// Both operands are truth values.
    And,
    /// Both operands are truth values.
    Or,
    /// 0^0 is 1.
    Power,
    Function(Function),
}

/// How a reduction joins its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fold {
    /// The sum, begun at the given whole number.
    Sum(i8),
    Product,
    /// NaN if any is.
    Max,
    /// NaN if any is.
    Min,
}

/// A position on an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// `constant + c1*d1 + …`, where each d counts from 0.
    Affine(i64, Vec<(Dimension, i64)>),
    /// The value, where it is a whole number.
    Value(ValueId),
}

/// Where elements are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The variable of that number.
    Input(u32),
    /// A value that is stored.
    Value(ValueId),
}

/// An element of an input or of a stored value. It is NaN where a position is outside its axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Load {
    pub source: Source,
    /// Whether the source has the batch as its first dimension.
    pub batched: bool,
    /// For each axis of the source its length and the position.
    pub axes: Vec<(usize, Place)>,
    /// Of a stored value, the dimension of each axis.
    pub along: Vec<Dimension>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    /// The bits of a double.
    Constant(u64),
    /// The value of the index: the first of its range and those after.
    Index(Dimension),
    Load(Load),
    Unary(Unary, ValueId),
    Binary(Binary, ValueId, ValueId),
    /// The second where the first is not 0, else the third.
    Select(ValueId, ValueId, ValueId),
    Reduce(Fold, Space, ValueId),
    /// The sum over the dimensions of a product: a product of matrices.
    Contract(Space, ValueId, ValueId),
    /// The sum over the dimensions of the value, added at the positions on other dimensions; those outside are left out.
    Scatter(Space, ValueId, Vec<(Dimension, ValueId)>),
}

/// How long a dimension is and where its index begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub low: i64,
    pub length: usize,
}

/// What is known of a `logsumexp`, so that the softmax of the same values shares its exponentials.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exponentials {
    pub body: ValueId,
    /// exp(body - largest)
    pub exponential: ValueId,
    /// The sum of the exponentials.
    pub total: ValueId,
}

/// The arena of values: operands come before their users.
#[derive(Default)]
pub(crate) struct Values {
    operations: Vec<Operation>,
    spaces: Vec<Space>,
    known: FxHashMap<Operation, ValueId>,
    /// By dimension.
    pub extents: Vec<Extent>,
    pub exponentials: FxHashMap<ValueId, Exponentials>,
    /// Whether every division is one.
    pub is_exact: bool,
    /// Values whose reciprocals are used, unless `is_exact`.
    pub divisors: Vec<ValueId>,
    /// Values that are multiplied by 0 where they should not matter, unless `is_exact`.
    pub finite: Vec<ValueId>,
    /// Between these a sum of squares has all its digits.
    pub squares: (f64, f64),
    /// A condition, and what need not be computed where it holds.
    pub rescues: Vec<(ValueId, ValueId)>,
}

impl Values {
    /// None yet, over the same dimensions.
    pub fn without_any(&self) -> Values {
        Values {
            extents: self.extents.clone(),
            is_exact: self.is_exact,
            squares: self.squares,
            ..Values::default()
        }
    }
    pub fn len(&self) -> usize {
        self.operations.len()
    }
    pub fn operation(&self, value: ValueId) -> &Operation {
        &self.operations[value.position()]
    }
    /// The dimensions that it varies with.
    pub fn space(&self, value: ValueId) -> Space {
        self.spaces[value.position()]
    }
    pub fn extent(&self, dimension: Dimension) -> Extent {
        self.extents[dimension.0 as usize]
    }
    pub fn length(&self, dimension: Dimension) -> usize {
        self.extent(dimension).length
    }
    /// How many elements a space has, or `usize::MAX` where that does not fit.
    pub fn volume(&self, space: Space) -> usize {
        if space.dimensions().any(|d| self.length(d) == 0) {
            return 0;
        }
        space.dimensions().fold(1_usize, |product, d| product.saturating_mul(self.length(d)))
    }

    /// The values that an operation reads.
    pub fn operands(&self, value: ValueId) -> Vec<ValueId> {
        match self.operation(value) {
            Operation::Constant(_) | Operation::Index(_) => Vec::new(),
            Operation::Load(load) => {
                let places = load.axes.iter().filter_map(|(_, place)| match place {
                    Place::Value(v) => Some(*v),
                    Place::Affine(..) => None,
                });
                let stored = match load.source {
                    Source::Value(v) => Some(v),
                    Source::Input(_) => None,
                };
                stored.into_iter().chain(places).collect()
            }
            Operation::Unary(_, a) | Operation::Reduce(_, _, a) => vec![*a],
            Operation::Binary(_, a, b) | Operation::Contract(_, a, b) => vec![*a, *b],
            Operation::Select(a, b, c) => vec![*a, *b, *c],
            Operation::Scatter(_, body, places) => {
                std::iter::once(*body).chain(places.iter().map(|p| p.1)).collect()
            }
        }
    }

    fn space_of(&self, operation: &Operation) -> Space {
        let of = |v: &ValueId| self.space(*v);
        match operation {
            Operation::Constant(_) => Space::POINT,
            Operation::Index(dimension) => Space::of(*dimension),
            Operation::Load(load) => {
                let batch = if load.batched { Space::of(BATCH) } else { Space::POINT };
                load.axes.iter().fold(batch, |space, (_, place)| match place {
                    Place::Affine(_, terms) => terms.iter().fold(space, |s, t| s.with(t.0)),
                    Place::Value(v) => space.union(of(v)),
                })
            }
            Operation::Unary(_, a) => of(a),
            Operation::Binary(_, a, b) => of(a).union(of(b)),
            Operation::Select(a, b, c) => of(a).union(of(b)).union(of(c)),
            Operation::Reduce(_, over, body) => of(body).without(*over),
            Operation::Contract(over, a, b) => of(a).union(of(b)).without(*over),
            Operation::Scatter(over, body, places) => {
                let read = places.iter().fold(of(body), |space, (_, v)| space.union(of(v)));
                places.iter().fold(read.without(*over), |space, (d, _)| space.with(*d))
            }
        }
    }

    fn intern(&mut self, operation: Operation) -> ValueId {
        if let Some(found) = self.known.get(&operation) {
            return *found;
        }
        let id = ValueId(self.operations.len() as u32);
        self.spaces.push(self.space_of(&operation));
        self.operations.push(operation.clone());
        self.known.insert(operation, id);
        id
    }

    pub fn constant(&mut self, value: f64) -> ValueId {
        self.intern(Operation::Constant(value.to_bits()))
    }
    pub fn as_constant(&self, value: ValueId) -> Option<f64> {
        match self.operation(value) {
            Operation::Constant(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }
    pub fn index(&mut self, dimension: Dimension) -> ValueId {
        self.intern(Operation::Index(dimension))
    }
    pub fn load(&mut self, load: Load) -> ValueId {
        self.intern(Operation::Load(load))
    }
    pub fn reduce(&mut self, fold: Fold, over: Space, body: ValueId) -> ValueId {
        self.intern(Operation::Reduce(fold, over, body))
    }
    pub fn contract(&mut self, over: Space, a: ValueId, b: ValueId) -> ValueId {
        self.intern(Operation::Contract(over, a, b))
    }
    pub fn scatter(&mut self, over: Space, body: ValueId, places: Vec<(Dimension, ValueId)>) -> ValueId {
        self.intern(Operation::Scatter(over, body, places))
    }

    pub fn unary(&mut self, operation: Unary, a: ValueId) -> ValueId {
        if let Some(value) = self.as_constant(a) {
            return self.constant(match operation {
                Unary::Negate => -value,
                Unary::Root => value.sqrt(),
                Unary::Not => f64::from(u8::from(value == 0.0)),
                Unary::Function(function) => function.evaluate(&[value]),
            });
        }
        if operation == Unary::Function(Function::Exp)
            && let Operation::Binary(Binary::Subtract, x, total) = *self.operation(a)
            && let Some(shared) = self.exponentials.get(&total).copied()
            && shared.body == x
        {
            // exp(x - logsumexp(x)), from the exponentials that are there.
            let one = self.constant(1.0);
            let inverse = self.divide(one, shared.total);
            return self.multiply(shared.exponential, inverse);
        }
        self.intern(Operation::Unary(operation, a))
    }

    pub fn function(&mut self, function: Function, a: ValueId) -> ValueId {
        self.unary(Unary::Function(function), a)
    }

    pub fn binary(&mut self, operation: Binary, a: ValueId, b: ValueId) -> ValueId {
        if let (Some(x), Some(y)) = (self.as_constant(a), self.as_constant(b)) {
            let truth = |value: bool| f64::from(u8::from(value));
            return self.constant(match operation {
                Binary::Add => x + y,
                Binary::Subtract => x - y,
                Binary::Multiply => x * y,
                Binary::Divide => x / y,
                Binary::Less => truth(x < y),
                Binary::LessEqual => truth(x <= y),
                Binary::Equal => truth(x == y),
                Binary::And => truth(x != 0.0 && y != 0.0),
                Binary::Or => truth(x != 0.0 || y != 0.0),
                Binary::Power => x.powf(y),
                Binary::Function(function) => function.evaluate(&[x, y]),
            });
        }
        self.intern(Operation::Binary(operation, a, b))
    }

    /// The operation in the form that it always has.
    pub fn joined(&mut self, operation: Binary, a: ValueId, b: ValueId) -> ValueId {
        match operation {
            Binary::Add => self.add(a, b),
            Binary::Subtract => self.subtract(a, b),
            Binary::Multiply => self.multiply(a, b),
            Binary::And | Binary::Or => self.junction(operation == Binary::And, a, b),
            _ => self.binary(operation, a, b),
        }
    }

    pub fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        if self.as_constant(a) == Some(0.0) {
            return b;
        }
        if self.as_constant(b) == Some(0.0) {
            return a;
        }
        if let Operation::Unary(Unary::Negate, b) = *self.operation(b) {
            return self.subtract(a, b);
        }
        if let Operation::Unary(Unary::Negate, a) = *self.operation(a) {
            return self.subtract(b, a);
        }
        if let Some(product) = self.sum_of_contractions(Binary::Add, a, b) {
            return product;
        }
        let (a, b) = (a.min(b), a.max(b));
        self.binary(Binary::Add, a, b)
    }

    pub fn subtract(&mut self, a: ValueId, b: ValueId) -> ValueId {
        if self.as_constant(b) == Some(0.0) {
            return a;
        }
        if self.as_constant(a) == Some(0.0) {
            return self.negate(b);
        }
        if let Operation::Unary(Unary::Negate, b) = *self.operation(b) {
            return self.add(a, b);
        }
        if let Some(product) = self.sum_of_contractions(Binary::Subtract, a, b) {
            return product;
        }
        self.binary(Binary::Subtract, a, b)
    }

    pub fn negate(&mut self, a: ValueId) -> ValueId {
        match *self.operation(a) {
            Operation::Unary(Unary::Negate, a) => a,
            Operation::Binary(Binary::Subtract, x, y) => self.subtract(y, x),
            Operation::Binary(Binary::Multiply, x, y) if self.as_constant(x).is_some() => {
                let scale = self.constant(-self.as_constant(x).unwrap_or(0.0));
                self.multiply(scale, y)
            }
            _ => self.unary(Unary::Negate, a),
        }
    }

    /// The product; a constant comes first, and constant factors become one.
    pub fn multiply(&mut self, a: ValueId, b: ValueId) -> ValueId {
        let (a, b) = if self.as_constant(b).is_some() { (b, a) } else { (a, b) };
        let (a, b) = if self.as_constant(a).is_none() { (a.min(b), a.max(b)) } else { (a, b) };
        match (self.as_constant(a), self.operation(b).clone()) {
            (Some(1.0), _) => b,
            (Some(-1.0), _) => self.negate(b),
            (Some(c), Operation::Binary(Binary::Multiply, x, y)) => match self.as_constant(x) {
                Some(d) => {
                    let scale = self.constant(c * d);
                    self.multiply(scale, y)
                }
                None => self.binary(Binary::Multiply, a, b),
            },
            (Some(c), Operation::Unary(Unary::Negate, x)) => {
                let scale = self.constant(-c);
                self.multiply(scale, x)
            }
            // A constant distributes over a choice of constants.
            (Some(c), Operation::Select(condition, x, y))
                if self.as_constant(x).is_some() && self.as_constant(y).is_some() =>
            {
                let x = self.constant(c * self.as_constant(x).unwrap_or(0.0));
                let y = self.constant(c * self.as_constant(y).unwrap_or(0.0));
                self.select(condition, x, y)
            }
            _ => self.binary(Binary::Multiply, a, b),
        }
    }

    pub fn divide(&mut self, a: ValueId, b: ValueId) -> ValueId {
        match self.as_constant(b) {
            Some(1.0) => a,
            Some(-1.0) => self.negate(a),
            // The reciprocal of a power of two is exact.
            Some(c) if c.to_bits() << 12 == 0 && (1e-30..1e30).contains(&c.abs()) => {
                let scale = self.constant(1.0 / c);
                self.multiply(scale, a)
            }
            // One divisor for many: its reciprocal, unless that could overflow.
            _ if !self.is_exact
                && self.as_constant(a).is_none()
                && self.space(b) != Space::POINT
                && self.volume(self.space(a).without(self.space(b))) >= MANY =>
            {
                let one = self.constant(1.0);
                let inverse = self.binary(Binary::Divide, one, b);
                if !self.divisors.contains(&b) {
                    self.divisors.push(b);
                }
                self.multiply(a, inverse)
            }
            _ => self.binary(Binary::Divide, a, b),
        }
    }

    pub fn select(&mut self, condition: ValueId, then: ValueId, otherwise: ValueId) -> ValueId {
        match self.as_constant(condition) {
            Some(0.0) => return otherwise,
            Some(_) => return then,
            None if then == otherwise => return then,
            None => {}
        }
        if let Operation::Unary(Unary::Not, inner) = *self.operation(condition) {
            return self.select(inner, otherwise, then);
        }
        self.intern(Operation::Select(condition, then, otherwise))
    }

    pub fn not(&mut self, a: ValueId) -> ValueId {
        self.unary(Unary::Not, a)
    }

    /// A truth value that is 0 or 1 stays out of a conjunction or decides it.
    pub fn junction(&mut self, and: bool, a: ValueId, b: ValueId) -> ValueId {
        for (x, other) in [(a, b), (b, a)] {
            match self.as_constant(x) {
                Some(value) if (value != 0.0) == and => return other,
                Some(_) => return x,
                None => {}
            }
        }
        let (a, b) = (a.min(b), a.max(b));
        self.binary(if and { Binary::And } else { Binary::Or }, a, b)
    }

    /// The power to a whole number, by multiplication.
    pub fn whole_power(&mut self, base: ValueId, exponent: u32) -> ValueId {
        let mut result: Option<ValueId> = None;
        let (mut square, mut rest) = (base, exponent);
        while rest > 0 {
            if rest & 1 == 1 {
                result = Some(result.map_or(square, |r| self.multiply(r, square)));
            }
            rest >>= 1;
            if rest > 0 {
                square = self.binary(Binary::Multiply, square, square);
            }
        }
        result.unwrap_or_else(|| self.constant(1.0))
    }
}
