//! Intermediate arrays that are read at several positions.
//!
//! The derivative of a shifted access looks at intermediate values of its neighbours. Substitution writes each of
//! them out at its own position, so that simplification and printing see through them; to evaluate them so would be
//! to work one array out several times. [`Graph::with_elements`] finds the expressions that are one array but for
//! their positions, and reads them as its elements.

use super::{Graph, IndexId, Map, NodeId, Op, Range};
use crate::function::Function;
use crate::number::Number;

/// Beyond this many nodes arrays are not looked for: each node is compared by building it anew.
const NODE_LIMIT: usize = 3000;

/// How often arrays are looked for within arrays.
const ROUND_LIMIT: usize = 4;

/// An expression as the element of an array.
#[derive(Clone, Debug)]
struct Instance {
    /// The array, with `parameters` free.
    array: NodeId,
    parameters: Vec<IndexId>,
    /// The value of each parameter.
    positions: Vec<NodeId>,
}

/// The free indices of an access along one axis, as a sum with whole coefficients; ascending.
type Direction = Vec<(IndexId, Number)>;

/// A place where a direction is used: `direction + constant + rest`, on an axis of the given range.
#[derive(Clone, Debug)]
struct Use {
    direction: Direction,
    constant: Number,
    rest: Vec<(Number, NodeId)>,
    axis: Range,
}

impl Graph {
    /// `roots` with every expression that is one array but for its positions read as that array's element.
    ///
    /// The results are for evaluation only: no rule looks into them.
    pub fn with_elements(&mut self, roots: &[NodeId]) -> Vec<NodeId> {
        let reachable = self.reachable(roots);
        let is_shifted = |graph: &Graph, node: NodeId| {
            matches!(graph.op(node), Op::Access(_))
                && graph.operands(node).iter().any(|o| graph.op(*o) == Op::Linear)
        };
        if reachable.len() > NODE_LIMIT || !reachable.iter().any(|n| is_shifted(self, *n)) {
            return roots.to_vec();
        }
        let mut finder = Finder { known: Map::default(), parameters: Map::default(), chosen: Map::default() };
        let mut considered = roots.to_vec();
        for _ in 0..ROUND_LIMIT {
            let more = finder.round(self, &considered);
            if more.is_empty() {
                break;
            }
            considered.extend(more);
        }
        roots.iter().map(|root| finder.rewritten(self, *root)).collect()
    }
}

struct Finder {
    known: Map<NodeId, Option<Instance>>,
    /// The index that stands for the position along the axes of an array, by range and place.
    parameters: Map<(Range, usize), IndexId>,
    /// The expressions that are read as elements.
    chosen: Map<NodeId, Instance>,
}

impl Finder {
    /// Chooses among what `roots` reach, without what lies below those chosen before; the arrays newly needed.
    fn round(&mut self, graph: &mut Graph, roots: &[NodeId]) -> Vec<NodeId> {
        let mut members: Map<NodeId, usize> = Map::default();
        for node in self.needed(graph, roots) {
            if let Some(instance) = self.instance(graph, node) {
                *members.entry(instance.array).or_default() += 1;
            }
        }
        let mut more = Vec::new();
        for node in self.needed(graph, roots) {
            let Some(instance) = self.instance(graph, node) else { continue };
            let is_smaller = instance.parameters.len() < graph.free_indices(node).len();
            let is_covered = node == instance.array || self.chosen.contains_key(&node);
            if !is_covered && (is_smaller || members[&instance.array] > 1) {
                more.push(instance.array);
                self.chosen.insert(node, instance);
            }
        }
        more.sort_unstable();
        more.dedup();
        more.retain(|array| !roots.contains(array));
        more
    }

    /// What `roots` reach, users first, with arrays in the place of their elements.
    fn needed(&self, graph: &Graph, roots: &[NodeId]) -> Vec<NodeId> {
        let mut seen = fixedbitset::FixedBitSet::with_capacity(graph.len());
        let mut pending = roots.to_vec();
        let mut found = Vec::new();
        while let Some(node) = pending.pop() {
            if seen.put(node.position()) {
                continue;
            }
            match self.chosen.get(&node) {
                Some(instance) => pending.push(instance.array),
                None => {
                    found.push(node);
                    pending.extend_from_slice(graph.operands(node));
                }
            }
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    }

    fn rewritten(&self, graph: &mut Graph, root: NodeId) -> NodeId {
        let mut done: Map<NodeId, NodeId> = Map::default();
        let mut pending = vec![root];
        while let Some(&node) = pending.last() {
            if done.contains_key(&node) {
                pending.pop();
                continue;
            }
            let instance = self.chosen.get(&node);
            let operands: Vec<NodeId> = match instance {
                Some(instance) => vec![instance.array],
                None => graph.operands(node).to_vec(),
            };
            let waiting = pending.len();
            pending.extend(operands.iter().copied().filter(|o| !done.contains_key(o)));
            if pending.len() > waiting {
                continue;
            }
            let mut operands: Vec<NodeId> = operands.iter().map(|o| done[o]).collect();
            // Interned as they are: these nodes are to be evaluated and not to be rewritten any more.
            let new = match instance {
                Some(instance) => {
                    operands.extend_from_slice(&instance.positions);
                    let list = graph.index_list(&instance.parameters);
                    graph.intern(Op::Element(list), &operands)
                }
                None => {
                    let new = graph.intern(graph.op(node), &operands);
                    graph.keep_place(node, new);
                    new
                }
            };
            done.insert(node, new);
            pending.pop();
        }
        done[&root]
    }

    fn instance(&mut self, graph: &mut Graph, node: NodeId) -> Option<Instance> {
        if let Some(known) = self.known.get(&node) {
            return known.clone();
        }
        let found = self.work_out(graph, node);
        if let Some(instance) = &found {
            // The array is its own element.
            self.known.entry(instance.array).or_insert_with(|| found.clone());
        }
        self.known.insert(node, found.clone());
        found
    }

    fn work_out(&mut self, graph: &mut Graph, node: NodeId) -> Option<Instance> {
        let is_arithmetic =
            matches!(graph.op(node), Op::Linear | Op::Product | Op::Power | Op::Function(_) | Op::Reduce(..));
        let free = graph.free_indices(node).to_vec();
        if !is_arithmetic || free.is_empty() || graph.is_position(node) {
            return None;
        }
        let uses = accesses_along(graph, node, &free)?;
        let mut directions: Vec<Direction> = uses.iter().map(|u| u.direction.clone()).collect();
        directions.sort();
        directions.dedup();
        // Each index goes in one direction only, or its value is not told by the positions.
        let count: usize = directions.iter().map(Vec::len).sum();
        if count != free.len() {
            return None;
        }
        let mut parts = Vec::with_capacity(directions.len());
        for direction in directions {
            let own: Vec<&Use> = uses.iter().filter(|u| u.direction == direction).collect();
            let shift = own.iter().map(|u| u.constant.clone()).min()?;
            let range = common_range(graph, &own, &shift)?;
            parts.push((range, direction, shift));
        }
        parts.sort_by_key(|part| part.0);
        let (mut map, mut parameters, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (range, direction, shift)) in parts.into_iter().enumerate() {
            let parameter =
                *self.parameters.entry((range, at)).or_insert_with(|| graph.fresh_index("i", Some(range)));
            let value = graph.index_value(parameter);
            let terms: Vec<(Number, NodeId)> =
                direction.iter().map(|(index, c)| (c.clone(), graph.index_value(*index))).collect();
            positions.push(graph.linear(shift.clone(), &terms));
            // The first index takes the whole direction; the others cancel.
            let (lead, sign) = direction.first()?;
            if !sign.abs().is_one() {
                return None;
            }
            let mut solved: Vec<(Number, NodeId)> = vec![(sign.clone(), value)];
            for (c, term) in &terms[1..] {
                solved.push((-&c.checked_mul(sign)?, *term));
            }
            let solution = graph.linear(-&shift.checked_mul(sign)?, &solved);
            map.push((*lead, solution));
            parameters.push(parameter);
        }
        let array = graph.substitute(node, &map);
        let is_closed = graph.free_indices(array).iter().all(|index| parameters.contains(index));
        if !is_closed {
            return None;
        }
        // Positions in the order of the list that the element binds.
        let mut order: Vec<usize> = (0..parameters.len()).collect();
        order.sort_by_key(|at| parameters[*at]);
        Some(Instance {
            array,
            parameters: order.iter().map(|at| parameters[*at]).collect(),
            positions: order.iter().map(|at| positions[*at]).collect(),
        })
    }
}

/// Every place where `free` indices of `node` occur, if all are positions of accesses.
fn accesses_along(graph: &mut Graph, node: NodeId, free: &[IndexId]) -> Option<Vec<Use>> {
    let mut uses: Vec<Use> = Vec::new();
    let mut seen = fixedbitset::FixedBitSet::with_capacity(graph.len());
    let mut pending = vec![node];
    while let Some(top) = pending.pop() {
        if seen.put(top.position()) {
            continue;
        }
        match graph.op(top) {
            // The value of an index, also of a bound one: a guard could keep accesses in bounds that the range
            // worked out here would not allow for.
            Op::Index(_) => return None,
            Op::Access(variable) => {
                for (at, operand) in graph.operands(top).to_vec().into_iter().enumerate() {
                    if matches!(graph.op(operand), Op::Access(_)) {
                        pending.push(operand);
                        continue;
                    }
                    let axis = graph.variable(variable).axes[at];
                    let axis = graph.axis_range(axis);
                    let (constant, terms) = graph.terms(operand);
                    let mut direction = Direction::new();
                    let mut rest = Vec::new();
                    for (coefficient, term) in terms {
                        match graph.op(term) {
                            Op::Index(index) if free.contains(&index) => direction.push((index, coefficient)),
                            Op::Index(_) | Op::Size(_) => rest.push((coefficient, term)),
                            _ => return None,
                        }
                    }
                    if !direction.is_empty() {
                        direction.sort();
                        uses.push(Use { direction, constant, rest, axis });
                    }
                }
            }
            _ => pending.extend_from_slice(graph.operands(top)),
        }
    }
    Some(uses)
}

/// The positions `direction + shift` at which all accesses stay in bounds.
fn common_range(graph: &mut Graph, uses: &[&Use], shift: &Number) -> Option<Range> {
    let (mut lows, mut highs) = (Vec::new(), Vec::new());
    for entry in uses {
        let beyond = entry.constant.checked_sub(shift)?;
        // low <= p + beyond + rest < high, for all values of the bound indices.
        let (mut least, mut most) = (Vec::new(), Vec::new());
        for (coefficient, term) in &entry.rest {
            let (first, last) = match graph.op(*term) {
                Op::Index(index) => {
                    let range = graph.index_entry(index).range?;
                    (range.low, graph.linear(Number::MINUS_ONE, &[(Number::ONE, range.high)]))
                }
                _ => (*term, *term),
            };
            let (low, high) = if coefficient.is_negative() { (last, first) } else { (first, last) };
            least.push((-coefficient, low));
            most.push((-coefficient, high));
        }
        least.push((Number::ONE, entry.axis.low));
        most.push((Number::ONE, entry.axis.high));
        lows.push(graph.linear(-&beyond, &least));
        highs.push(graph.linear(-&beyond, &most));
    }
    let low = if let [one] = lows.as_slice() { *one } else { graph.function(Function::Max, &lows) };
    let high = if let [one] = highs.as_slice() { *one } else { graph.function(Function::Min, &highs) };
    Some(Range { low, high })
}
