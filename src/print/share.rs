//! Which subexpressions get a name.

use crate::function::Function;
use crate::graph::{Graph, IndexId, Map, NodeId, Op, Range};
use crate::lower::Named;
use std::collections::BTreeSet;

/// How deep a printed form may become before a part of it is named.
const DEPTH_LIMIT: usize = 60;

/// Beyond this many nodes, parts that differ in their indices only are not looked for.
const GROUPING_LIMIT: usize = 3000;

/// A subexpression that is printed once, under a name.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub name: String,
    /// Its parameters: free in `node`.
    pub indices: Vec<IndexId>,
    pub node: NodeId,
}

/// The named subexpressions of a root.
#[derive(Default)]
pub(super) struct Sharing {
    pub shared: Vec<Shared>,
    /// For each occurrence, which of `shared` it is and the values of its parameters.
    pub occurrences: Map<NodeId, (usize, Vec<NodeId>)>,
}

pub(super) fn find(graph: &mut Graph, root: NodeId, named: &[Named]) -> Sharing {
    let nodes = graph.reachable(&[root]);
    let mut uses: Map<NodeId, usize> = Map::default();
    for node in &nodes {
        // Constants beside terms, and positions, are not printed as operands.
        let counted: Vec<NodeId> = match graph.op(*node) {
            Op::Linear => graph.operands(*node)[2..].iter().step_by(2).copied().collect(),
            _ => graph.operands(*node).to_vec(),
        };
        for operand in counted {
            *uses.entry(operand).or_default() += 1;
        }
    }
    // A square is printed once, but products repeat a factor's reciprocal and so on: that is what `uses` counts.
    let mut finder = Finder { graph, canonical: Map::default(), parameters: Map::default() };
    let mut groups: Vec<Group> = Vec::new();
    let mut group_of: Map<NodeId, usize> = Map::default();
    let grouping = nodes.len() <= GROUPING_LIMIT;
    for node in nodes.iter().copied().filter(|n| *n != root) {
        if finder.is_trivial(node) {
            continue;
        }
        let (key, arguments) = if grouping { finder.abstracted(node) } else { (node, Vec::new()) };
        let at = *group_of.entry(key).or_insert_with(|| {
            groups.push(Group { key, members: Vec::new(), uses: 0, user_name: None });
            groups.len() - 1
        });
        groups[at].uses += uses.get(&node).copied().unwrap_or(0);
        groups[at].members.push((node, arguments));
    }
    if grouping {
        finder.find_gathered(&nodes, &mut groups, &mut group_of, &uses);
    }
    for entry in named {
        finder.match_named(entry, &mut groups);
    }
    finder.choose(root, &nodes, groups)
}

/// Subexpressions that are one up to their indices.
struct Group {
    key: NodeId,
    /// Each with the values of the key's parameters.
    members: Vec<(NodeId, Vec<NodeId>)>,
    uses: usize,
    user_name: Option<String>,
}

struct Finder<'g> {
    graph: &'g mut Graph,
    canonical: Map<NodeId, (NodeId, Vec<NodeId>)>,
    /// The parameter for a range and a position.
    parameters: Map<(Range, usize), IndexId>,
}

impl Finder<'_> {
    /// Names, numbers, accesses, and conditions: never named.
    fn is_trivial(&self, node: NodeId) -> bool {
        match self.graph.op(node) {
            Op::Constant(_) | Op::Pi | Op::Access(_) | Op::Index(_) | Op::Size(_) | Op::Truth(_) => true,
            op if op.is_condition() => true,
            // `2*x`, `-x` and the like are written out, and so are positions.
            Op::Linear => {
                let operands = self.graph.operands(node);
                operands.len() == 3 && self.graph.is_zero(operands[0]) || self.graph.is_position(node)
            }
            Op::Power => {
                let exponent = self.graph.operands(node)[1];
                self.graph.as_constant(exponent).is_some_and(|n| n.to_i64() == Some(-1))
            }
            _ => false,
        }
    }

    /// The expression with parameters in the place of its free indices, and the indices.
    fn abstracted(&mut self, node: NodeId) -> (NodeId, Vec<NodeId>) {
        let free = self.graph.free_indices(node).to_vec();
        if free.is_empty() || free.len() > 3 {
            return (node, free.iter().map(|i| self.graph.index_value(*i)).collect());
        }
        if let Some(known) = self.canonical.get(&node) {
            return known.clone();
        }
        let mut best: Option<(NodeId, Vec<NodeId>)> = None;
        for order in orders(&free) {
            let mut map = Vec::with_capacity(order.len());
            for (at, index) in order.iter().enumerate() {
                let range = self.graph.range(*index);
                let parameter = match self.parameters.get(&(range, at)) {
                    Some(known) => *known,
                    None => {
                        let name = self.graph.index_entry(*index).name.clone();
                        let fresh = self.graph.fresh_index(&name, Some(range));
                        self.parameters.insert((range, at), fresh);
                        fresh
                    }
                };
                map.push((*index, self.graph.index_value(parameter)));
            }
            let key = self.graph.substitute(node, &map);
            if best.as_ref().is_none_or(|(known, _)| key < *known) {
                best = Some((key, order.iter().map(|i| self.graph.index_value(*i)).collect()));
            }
        }
        let found = best.unwrap_or((node, Vec::new()));
        self.canonical.insert(node, found.clone());
        found
    }

    fn parameters_of(&self, key: NodeId) -> Vec<IndexId> {
        let mut free = self.graph.free_indices(key).to_vec();
        // In the order of their positions.
        let position = |index: &IndexId| {
            self.parameters.iter().find(|(_, known)| *known == index).map_or(usize::MAX, |((_, at), _)| *at)
        };
        free.sort_by_key(|index| (position(index), *index));
        free
    }

    /// `p[t]` is `p[c]` at a position given as data: softmax probabilities of a target, for example.
    fn find_gathered(
        &mut self,
        nodes: &[NodeId],
        groups: &mut Vec<Group>,
        group_of: &mut Map<NodeId, usize>,
        uses: &Map<NodeId, usize>,
    ) {
        let mut positions: BTreeSet<NodeId> = BTreeSet::new();
        for node in nodes {
            if let Op::Access(_) = self.graph.op(*node) {
                positions.extend(
                    self.graph
                        .operands(*node)
                        .iter()
                        .copied()
                        .filter(|o| !matches!(self.graph.op(*o), Op::Index(_) | Op::Constant(_))),
                );
            }
        }
        if positions.is_empty() || positions.len() > 8 {
            return;
        }
        for node in nodes.iter().copied() {
            // exp(a - logsumexp(b)), where a is b at some position.
            let Some((argument, total)) = super::special::softmax_parts(self.graph, node) else { continue };
            let (indices, body, filter) = self.graph.open(total);
            let ([index], None) = (indices.as_slice(), filter) else { continue };
            for position in &positions {
                if self.graph.substitute(body, &[(*index, *position)]) != argument {
                    continue;
                }
                let difference = self.graph.sub(body, total);
                let element = self.graph.function(Function::Exp, &[difference]);
                let (key, _) = self.abstracted(element);
                let at = *group_of.entry(key).or_insert_with(|| {
                    groups.push(Group { key, members: Vec::new(), uses: 0, user_name: None });
                    groups.len() - 1
                });
                if let Some(own) = group_of.get(&node)
                    && *own != at
                {
                    let own = *own;
                    groups[own].members.retain(|(member, _)| *member != node);
                    groups[own].uses = 0;
                }
                groups[at].uses += uses.get(&node).copied().unwrap_or(0).max(2);
                groups[at].members.push((node, vec![*position]));
            }
        }
    }

    /// Gives the user's name to the group that is an instance of it.
    fn match_named(&mut self, named: &Named, groups: &mut [Group]) {
        for group in groups.iter_mut().filter(|g| g.user_name.is_none()) {
            let free = self.parameters_of(group.key);
            if free.len() != named.indices.len() {
                continue;
            }
            for order in orders(&free) {
                let map: Vec<(IndexId, NodeId)> = named
                    .indices
                    .iter()
                    .zip(&order)
                    .map(|(parameter, index)| (*parameter, self.graph.index_value(*index)))
                    .collect();
                if self.graph.substitute(named.node, &map) == group.key {
                    group.user_name = Some(named.name.clone());
                    break;
                }
            }
        }
    }

    fn choose(&mut self, root: NodeId, nodes: &[NodeId], groups: Vec<Group>) -> Sharing {
        let mut taken: BTreeSet<String> = BTreeSet::new();
        taken.extend(self.graph.variables().iter().map(|v| v.name.clone()));
        taken.extend(self.graph.axes().iter().map(|a| a.name.clone()));
        taken.extend(Function::ALL.iter().flat_map(|f| f.entry().names.iter().map(|n| (*n).to_owned())));
        for node in nodes {
            if let Op::Index(index) = self.graph.op(*node) {
                taken.insert(self.graph.index_entry(index).name.clone());
            }
        }
        taken.extend(groups.iter().filter_map(|g| g.user_name.clone()));
        let chosen = self.chosen(root, nodes, &groups);
        let mut sharing = Sharing::default();
        for (at, group) in groups.iter().enumerate() {
            if !chosen[at] {
                continue;
            }
            let name = match &group.user_name {
                Some(name) if !sharing.shared.iter().any(|s| s.name == *name) => name.clone(),
                _ => self.invent(group.key, &taken),
            };
            taken.insert(name.clone());
            let indices = self.parameters_of(group.key);
            for (member, arguments) in &group.members {
                sharing.occurrences.insert(*member, (sharing.shared.len(), arguments.clone()));
            }
            sharing.shared.push(Shared { name, indices, node: group.key });
        }
        sharing
    }

    /// Whether each group is worth a name.
    fn chosen(&self, root: NodeId, nodes: &[NodeId], groups: &[Group]) -> Vec<bool> {
        let mut group_at: Map<NodeId, usize> = Map::default();
        for (at, group) in groups.iter().enumerate() {
            for (member, _) in &group.members {
                group_at.insert(*member, at);
            }
        }
        let mut chosen = vec![false; groups.len()];
        // Operations and depth of each node as printed, with names for what has been chosen so far.
        let mut size: Map<NodeId, (usize, usize)> = Map::default();
        for node in nodes {
            let operands = self.graph.operands(*node);
            let (mut cost, mut depth) = (0, 0);
            for operand in operands {
                let named = group_at.get(operand).is_some_and(|at| chosen[*at]);
                let (c, d) = if named { (0, 0) } else { size.get(operand).copied().unwrap_or((0, 0)) };
                cost += c;
                depth = depth.max(d);
            }
            let own = match self.graph.op(*node) {
                Op::Linear => {
                    let plain = |c: &NodeId| self.graph.as_constant(*c).is_some_and(|c| c.abs().is_one());
                    let scaled = operands[1..].iter().step_by(2).filter(|c| !plain(c)).count();
                    (operands.len() - 3) / 2 + usize::from(!self.graph.is_zero(operands[0])) + scaled
                }
                Op::Product => operands.len() - 1,
                Op::Constant(_) | Op::Pi | Op::Access(_) | Op::Index(_) | Op::Size(_) | Op::Truth(_) => 0,
                _ => 1,
            };
            let (cost, depth) = (cost + own, depth + 1);
            size.insert(*node, (cost, depth));
            let Some(at) = group_at.get(node).copied().filter(|_| *node != root) else { continue };
            let group = &groups[at];
            let is_call = matches!(
                self.graph.op(*node),
                Op::Function(Function::Sigmoid | Function::Tanh | Function::Digamma) | Op::Reduce(..)
            ) || super::special::softmax_parts(self.graph, *node).is_some();
            let worth = match cost {
                0 => false,
                1 => group.user_name.is_some() || is_call,
                _ => true,
            };
            chosen[at] |= (worth && group.uses >= 2) || depth >= DEPTH_LIMIT;
        }
        chosen
    }

    /// A readable name that is not taken.
    fn invent(&self, node: NodeId, taken: &BTreeSet<String>) -> String {
        let wishes: &[&str] = match self.graph.op(node) {
            Op::Function(Function::Sigmoid) => &["p", "q", "s"],
            Op::Function(Function::Exp) if super::special::softmax_parts(self.graph, node).is_some() => {
                &["p", "q", "s"]
            }
            Op::Function(Function::Exp) => &["e", "u", "v"],
            Op::Function(Function::Tanh) => &["h", "u", "v"],
            Op::Function(Function::Log) => &["l", "u", "v"],
            Op::Function(Function::Max | Function::Min) => &["m", "u", "v"],
            Op::Reduce(crate::graph::Reduction::Norm, _) | Op::Function(Function::Hypot) => &["d", "r", "q"],
            Op::Reduce(..) => &["s", "t", "u"],
            Op::Linear => &["r", "d", "u", "v"],
            Op::Power => &["w", "u", "v"],
            _ => &["u", "v", "w"],
        };
        let free = |name: &String| !taken.contains(name);
        wishes
            .iter()
            .map(|w| (*w).to_owned())
            .chain((1..).map(|n| format!("t{n}")))
            .find(free)
            .unwrap_or_default()
    }
}

/// All orders of a short list.
fn orders(items: &[IndexId]) -> Vec<Vec<IndexId>> {
    match items {
        [] => vec![Vec::new()],
        [_] => vec![items.to_vec()],
        _ if items.len() > 3 => vec![items.to_vec()],
        _ => (0..items.len())
            .flat_map(|at| {
                let mut rest = items.to_vec();
                let first = rest.remove(at);
                orders(&rest).into_iter().map(move |mut tail| {
                    tail.insert(0, first);
                    tail
                })
            })
            .collect(),
    }
}
