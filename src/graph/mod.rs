//! The expression graph: a hash-consed arena in which equal expressions are one node.
//!
//! A node is a real number (or a truth value) for each value of its free indices. Invariants, on which every
//! pass relies:
//!
//! - operands have smaller ids than their users, so ascending ids are a topological order;
//! - a node never changes, and two nodes with the same operation and operands do not exist;
//! - a bound index is named by its range and height (see [`Graph::reduce`]), so expressions that differ in
//!   the names of bound indices only are one node;
//! - no pass recurses over nodes: depth of an expression is never depth of the call stack.

mod canonical;
mod condition;
mod definedness;
mod element;
mod facts;
mod import;
mod index;
mod linear;
mod op;
mod product;
mod reduce;
mod substitute;
mod verbatim;
mod view;

pub use crate::interval::Interval;
pub use import::Correspondence;
pub use index::{Index, Range};
pub use op::{Op, Reduction};
pub(crate) use reduce::orders;
pub use view::View;

use crate::number::Number;
use crate::source::Span;
use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// Its position in the table that it names an entry of.
            pub fn position(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// A node of a [`Graph`].
    NodeId;
    /// An entry of the graph's table of numbers.
    NumberId;
    /// An input or hyperparameter.
    VariableId;
    /// A named axis of the inputs.
    AxisId;
    /// An index, free or bound.
    IndexId;
    /// A sorted list of indices that one reduction binds.
    IndexListId;
    /// A sorted set of indices that are free in a node.
    FreeSetId;
}

/// What an input or hyperparameter was declared as.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its axes, outermost first.
    pub axes: Vec<AxisId>,
    /// The values it may take.
    pub domain: Domain,
    /// The default of a hyperparameter; `None` for an input, and for a hyperparameter that must be given.
    pub default: Option<Number>,
    /// Whether it is a hyperparameter: never batched, and it takes the whole tie of a `max`.
    pub is_hyperparameter: bool,
    /// Where it was declared (or first used, in a bare formula).
    pub span: Span,
}

/// The values that a variable may take.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// An interval of the reals, both ends infinite where nothing was declared.
    Interval(Interval),
    /// A finite set.
    Set(Vec<Number>),
    /// Non-negative over the last axis and sums to 1 there.
    Simplex,
    /// Whole numbers.
    Integer,
    /// A position on the axis: whole, at least 0 and less than its length.
    Index(AxisId),
    /// The reals, meant as log-odds.
    Logit,
    /// `[0,1]`, meant as a probability.
    Prob,
    /// (-inf,0], meant as the logarithm of a probability.
    LogProb,
}

/// A named axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its name; one name is one axis throughout a loss.
    pub name: String,
    /// The first variable that has it, and at which position: where a message says it comes from.
    pub declared_by: (VariableId, usize),
}

/// What a node looks like, whatever the names of its indices and the order in which nodes came into being. Where an
/// order of terms shows (which sign a difference has, what is printed first), it is this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Look {
    /// The first variable in it, as declared.
    pub lead: u32,
    /// Larger expressions come first.
    pub size: std::cmp::Reverse<u32>,
    /// A hash of the shape.
    shape: u64,
}

/// A short list of nodes, such as the operands of one.
pub(crate) type NodeList = SmallVec<[NodeId; 8]>;

/// What the arena holds of a node.
#[derive(Clone)]
struct Node {
    op: Op,
    /// Where its operands begin and end in the pool.
    start: u32,
    end: u32,
    free: FreeSetId,
    height: u16,
    /// Where its content stands, if it is a sum that was asked for it: see [`Graph::split_content`].
    content: Option<NonZeroU32>,
    look: Look,
}

/// The arena. See the module's documentation for its invariants.
#[derive(Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    pool: Vec<NodeId>,
    table: HashTable<NodeId>,
    numbers: Vec<Number>,
    /// The nodes of `numbers`.
    constants: HashTable<(NumberId, NodeId)>,
    /// Those of -1, 0 and 1, which are most of what is looked for.
    units: [Option<NodeId>; 3],
    /// Contents of sums, and what remains of each; counted from 1.
    contents: Vec<(Number, NodeId)>,
    variables: Vec<Variable>,
    axes: Vec<Axis>,
    indices: index::Indices,
    facts: facts::Memo,
    places: FxHashMap<NodeId, Span>,
    overflowed: bool,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        // Room for the gradient of a usual formula.
        Graph {
            nodes: Vec::with_capacity(64),
            pool: Vec::with_capacity(192),
            table: HashTable::with_capacity(112),
            numbers: Vec::with_capacity(8),
            constants: HashTable::with_capacity(14),
            ..Graph::default()
        }
    }

    /// Whether a constant grew beyond [`crate::number::BITS_LIMIT`] in some computation. What was built since is not
    /// to be used; whoever drives the passes reports it as a limit.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// How many nodes there are, reachable or not.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node yet.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The operation of `node`.
    #[inline]
    pub fn op(&self, node: NodeId) -> Op {
        self.nodes[node.position()].op
    }

    /// The operands of `node`.
    #[inline]
    pub fn operands(&self, node: NodeId) -> &[NodeId] {
        let Node { start, end, .. } = self.nodes[node.position()];
        &self.pool[start as usize..end as usize]
    }

    /// The number that `id` names.
    pub fn number(&self, id: NumberId) -> &Number {
        &self.numbers[id.position()]
    }

    /// The value of `node` if it is a constant.
    #[inline]
    pub fn as_constant(&self, node: NodeId) -> Option<&Number> {
        match self.op(node) {
            Op::Constant(id) => Some(self.number(id)),
            _ => None,
        }
    }

    /// The inputs and hyperparameters, in the order declared.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// What `id` was declared as.
    pub fn variable(&self, id: VariableId) -> &Variable {
        &self.variables[id.position()]
    }

    /// Every variable's id.
    pub fn variable_ids(&self) -> impl Iterator<Item = VariableId> + use<> {
        (0..self.variables.len() as u32).map(VariableId)
    }

    /// The variable of that name.
    pub fn find_variable(&self, name: &str) -> Option<VariableId> {
        self.variables.iter().position(|v| v.name == name).map(|at| VariableId(at as u32))
    }

    /// Declares a variable.
    pub fn add_variable(&mut self, variable: Variable) -> VariableId {
        self.variables.push(variable);
        VariableId(self.variables.len() as u32 - 1)
    }

    /// The declaration of `id`, to be completed while a formula is read; not once nodes rely on it.
    pub(crate) fn variable_mut(&mut self, id: VariableId) -> &mut Variable {
        &mut self.variables[id.position()]
    }

    /// The axes, in the order of first mention.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The axis that `id` names.
    pub fn axis(&self, id: AxisId) -> &Axis {
        &self.axes[id.position()]
    }

    /// The axis of that name.
    pub fn find_axis(&self, name: &str) -> Option<AxisId> {
        self.axes.iter().position(|a| a.name == name).map(|at| AxisId(at as u32))
    }

    /// Declares an axis.
    pub fn add_axis(&mut self, axis: Axis) -> AxisId {
        self.axes.push(axis);
        AxisId(self.axes.len() as u32 - 1)
    }

    /// Where in the source a reduction was written that fails on an empty range.
    pub fn place(&self, node: NodeId) -> Option<Span> {
        self.places.get(&node).copied()
    }

    /// Remembers where `node` was written; the first place stays.
    pub(crate) fn set_place(&mut self, node: NodeId, span: Span) {
        self.places.entry(node).or_insert(span);
    }

    /// The indices that are free in `node`, ascending.
    #[inline]
    pub fn free_indices(&self, node: NodeId) -> &[IndexId] {
        self.indices.set(self.nodes[node.position()].free)
    }

    /// Whether `node` has `index` free: whether its value may depend on it.
    #[inline]
    pub fn depends_on_index(&self, node: NodeId, index: IndexId) -> bool {
        self.free_indices(node).binary_search(&index).is_ok()
    }

    /// The node for `op` of `operands`, new or found.
    ///
    /// This is the only place where nodes come into being. The constructors (`add`, `mul`, `reduce`, …) bring
    /// their arguments into canonical form and then call it.
    pub(crate) fn intern(&mut self, op: Op, operands: &[NodeId]) -> NodeId {
        let hash = hash_node(op, operands);
        let (nodes, pool) = (&self.nodes, &self.pool);
        let found = self.table.find(hash, |node| {
            let Node { op: known, start, end, .. } = nodes[node.position()];
            known == op && &pool[start as usize..end as usize] == operands
        });
        if let Some(node) = found {
            return *node;
        }
        let mut free = FreeSetId(0);
        let mut height = 0;
        for operand in operands {
            let operand = &self.nodes[operand.position()];
            free = self.indices.union(free, operand.free);
            height = height.max(operand.height);
        }
        match op {
            Op::Index(index) => free = self.indices.singleton(index),
            Op::Reduce(_, list) => {
                free = self.indices.without(free, list);
                height = height.max(self.indices.list_height(list));
            }
            // The indices of the array are bound; those of the positions are not, though they may be the same.
            Op::Element(_) => {
                free = operands[1..].iter().fold(FreeSetId(0), |free, position| {
                    self.indices.union(free, self.nodes[position.position()].free)
                });
            }
            _ => {}
        }
        let node = NodeId(self.nodes.len() as u32);
        let start = self.pool.len() as u32;
        self.pool.extend_from_slice(operands);
        let look = self.look_of(op, operands);
        self.nodes.push(Node { op, start, end: self.pool.len() as u32, free, height, content: None, look });
        let (nodes, pool) = (&self.nodes, &self.pool);
        self.table.insert_unique(hash, node, |node| {
            let Node { op, start, end, .. } = nodes[node.position()];
            hash_node(op, &pool[start as usize..end as usize])
        });
        node
    }

    /// See [`Look`].
    pub(crate) fn look(&self, node: NodeId) -> Look {
        self.nodes[node.position()].look
    }

    fn look_of(&self, op: Op, operands: &[NodeId]) -> Look {
        let mut hasher = FxHasher::default();
        let mut lead = u32::MAX;
        match op {
            Op::Constant(id) => self.number(id).hash(&mut hasher),
            Op::Access(variable) => {
                lead = variable.0;
                (1, variable).hash(&mut hasher);
            }
            Op::Index(_) => 2.hash(&mut hasher),
            Op::Reduce(reduction, _) => (3, reduction).hash(&mut hasher),
            other => other.hash(&mut hasher),
        }
        let mut shape = hasher.finish();
        let mut size: u32 = 1;
        // Operands that may stand in any order count alike in any order.
        let ordered = !matches!(op, Op::Linear | Op::Product | Op::And | Op::Or | Op::Compare(_));
        for (at, operand) in operands.iter().enumerate() {
            let look = self.nodes[operand.position()].look;
            let weight = if ordered { at as u64 + 1 } else { 1 };
            let mixed = (look.shape ^ look.shape >> 29)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_mul(2 * weight + 1);
            shape = shape.wrapping_add(mixed);
            lead = lead.min(look.lead);
            size = size.saturating_add(look.size.0);
        }
        Look { lead, size: std::cmp::Reverse(size), shape }
    }

    /// An exact number.
    pub fn constant(&mut self, value: Number) -> NodeId {
        let unit = value.to_i64().filter(|n| (-1..=1).contains(n)).map(|n| (n + 1) as usize);
        if let Some(known) = unit.and_then(|at| self.units[at]) {
            return known;
        }
        let node = self.interned_constant(value);
        if let Some(at) = unit {
            self.units[at] = Some(node);
        }
        node
    }

    fn interned_constant(&mut self, value: Number) -> NodeId {
        let hash = hash_number(&value);
        if let Some((_, node)) = self.constants.find(hash, |(id, _)| self.numbers[id.position()] == value) {
            return *node;
        }
        let id = NumberId(self.numbers.len() as u32);
        self.numbers.push(value);
        let node = self.intern(Op::Constant(id), &[]);
        let numbers = &self.numbers;
        self.constants.insert_unique(hash, (id, node), |(id, _)| hash_number(&numbers[id.position()]));
        node
    }

    /// A whole number.
    pub fn integer(&mut self, value: i64) -> NodeId {
        self.constant(Number::integer(value))
    }

    /// The circle constant.
    pub fn pi(&mut self) -> NodeId {
        self.intern(Op::Pi, &[])
    }

    /// The length of an axis.
    pub fn size(&mut self, axis: AxisId) -> NodeId {
        self.intern(Op::Size(axis), &[])
    }

    /// The element of `variable` at `indices`, one for each of its axes.
    pub fn access(&mut self, variable: VariableId, indices: &[NodeId]) -> NodeId {
        debug_assert_eq!(indices.len(), self.variable(variable).axes.len());
        self.intern(Op::Access(variable), indices)
    }

    /// The value of `index` as a number.
    pub fn index_value(&mut self, index: IndexId) -> NodeId {
        self.intern(Op::Index(index), &[])
    }

    /// `e` as a constant for differentiation.
    pub fn detach(&mut self, e: NodeId) -> NodeId {
        match self.op(e) {
            Op::Constant(_) | Op::Detach => e,
            _ => self.intern(Op::Detach, &[e]),
        }
    }

    /// The nodes that `roots` reach, ascending: operands before users.
    pub fn reachable(&self, roots: &[NodeId]) -> Vec<NodeId> {
        let Some(last) = roots.iter().max() else { return Vec::new() };
        let mut seen = fixedbitset::FixedBitSet::with_capacity(last.position() + 1);
        let mut pending: Vec<NodeId> = roots.to_vec();
        for root in roots {
            seen.insert(root.position());
        }
        while let Some(node) = pending.pop() {
            for operand in self.operands(node) {
                if !seen.put(operand.position()) {
                    pending.push(*operand);
                }
            }
        }
        let mut nodes = Vec::with_capacity(seen.count_ones(..));
        nodes.extend(seen.ones().map(|at| NodeId(at as u32)));
        nodes
    }
}

fn hash_node(op: Op, operands: &[NodeId]) -> u64 {
    let mut hasher = FxHasher::default();
    op.hash(&mut hasher);
    for operand in operands {
        hasher.write_u32(operand.0);
    }
    hasher.finish()
}

fn hash_number(value: &Number) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A map whose order is never looked at.
pub(crate) type Map<K, V> = std::collections::HashMap<K, V, FxBuildHasher>;

/// A set whose order is never looked at.
pub(crate) type Set<T> = std::collections::HashSet<T, FxBuildHasher>;
