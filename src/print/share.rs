//! Which subexpressions get a name.

use super::convert::{Converter, Occurrence};
use super::group::{Group, Groups};
use super::unit::Units;
use crate::function::Function;
use crate::graph::{Graph, IndexId, Map, NodeId, Op, Reduction, Set};
use crate::lower::Named;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::DfsPostOrder;
use std::collections::BTreeSet;

/// How deep a printed form may become before a part of it is named. The language reads 256 levels of nesting,
/// and a form takes at most a few brackets a level.
const DEPTH_LIMIT: usize = 60;

/// From how many operations on a condition is named; shorter ones are read where they stand.
const CONDITION_SIZE: usize = 4;

/// From how many operations on what the user has named keeps its name where it is used once.
const USER_SIZE: usize = 3;

/// A definition that the printed form may use.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub name: String,
    /// Its parameters: free in `node`.
    pub indices: Vec<IndexId>,
    pub node: NodeId,
}

/// The named subexpressions: users before what they use.
#[derive(Default)]
pub(super) struct Sharing {
    pub shared: Vec<Shared>,
    pub occurrences: Map<NodeId, Occurrence>,
}

pub(super) fn find(converter: &mut Converter<'_>, roots: &[NodeId], named: &[Named]) -> Sharing {
    let mut units = Units::default();
    for root in roots {
        units.add(converter, *root);
    }
    let groups = Groups::find(converter, &mut units, named);
    let choice = Choice::new(converter.graph, roots, &units, &groups);
    let mut taken = Taken::new(converter.graph, roots);
    taken.0.extend(groups.all.iter().filter_map(|g| g.user_name.clone()));
    let mut given: BTreeSet<String> = BTreeSet::new();
    // The numbers of the names `t1`, `t2`, … that were tried so far.
    let mut numbered = 1..;
    let mut sharing = Sharing::default();
    for at in choice.order.iter().copied().filter(|at| choice.named[*at]) {
        let group = &groups.all[at];
        let name = match &group.user_name {
            Some(name) if !given.contains(name) => name.clone(),
            _ => invent(converter, group.shown, &taken, &mut numbered),
        };
        taken.0.insert(name.clone());
        given.insert(name.clone());
        for (member, arguments) in &group.members {
            sharing
                .occurrences
                .insert(*member, Occurrence { name: name.clone(), arguments: arguments.clone() });
        }
        sharing.shared.push(Shared { name, indices: group.parameters.clone(), node: group.shown });
    }
    sharing
}

/// What is named, worked out on the groups.
struct Choice<'a> {
    groups: &'a [Group],
    /// Users before what they use.
    order: Vec<usize>,
    /// For each group its operations, its depth and the groups that it refers to.
    parts: Vec<(usize, usize, Vec<usize>)>,
    is_call: Vec<bool>,
    is_root: Vec<bool>,
    named: Vec<bool>,
}

impl<'a> Choice<'a> {
    fn new(graph: &Graph, roots: &[NodeId], units: &Units, groups: &'a Groups) -> Choice<'a> {
        let parts = groups
            .all
            .iter()
            .map(|group| match units.position.get(&group.shown) {
                Some(at) => {
                    let unit = &units.all[*at];
                    let references =
                        unit.references.iter().filter_map(|r| groups.of.get(r).copied()).collect();
                    (unit.operations, unit.depth, references)
                }
                None => (0, 0, Vec::new()),
            })
            .collect();
        let root_groups: Vec<usize> = roots.iter().filter_map(|r| groups.of.get(r).copied()).collect();
        let mut is_root = vec![false; groups.all.len()];
        root_groups.iter().for_each(|at| is_root[*at] = true);
        let is_call =
            |group: &Group| units.position.get(&group.shown).is_some_and(|at| units.all[*at].is_call);
        let is_call = groups.all.iter().map(is_call).collect();
        let mut choice = Choice {
            is_call,
            groups: &groups.all,
            order: Vec::new(),
            parts,
            is_root,
            named: vec![false; groups.all.len()],
        };
        choice.order = choice.users_first(&root_groups);
        // Each part printed once is what sharing everything would give; what is not worth a name is then printed
        // where it is used, and its own parts more often. A few rounds settle that.
        let mut uses: Vec<u64> = vec![0; groups.all.len()];
        for at in &choice.order {
            for part in &choice.parts[*at].2 {
                uses[*part] += 1;
            }
        }
        root_groups.iter().for_each(|at| uses[*at] += 1);
        for _ in 0..4 {
            let before = choice.named.clone();
            choice.choose(graph, &uses);
            uses = choice.uses(&root_groups);
            if before == choice.named {
                break;
            }
        }
        choice
    }

    /// The groups that the roots reach, users before what they use, otherwise in reading order.
    fn users_first(&self, roots: &[usize]) -> Vec<usize> {
        // The walk takes the last neighbour first, and what was added first is the last neighbour. The order in
        // which it finishes is reversed in the end, so it is to go through the parts, and the roots, backwards.
        let mut references: DiGraph<(), (), usize> = DiGraph::default();
        self.parts.iter().for_each(|_| {
            references.add_node(());
        });
        for (at, (_, _, parts)) in self.parts.iter().enumerate() {
            for part in parts.iter().rev() {
                references.add_edge(NodeIndex::new(at), NodeIndex::new(*part), ());
            }
        }
        let mut walk = DfsPostOrder::empty(&references);
        let mut finished = Vec::with_capacity(self.parts.len());
        for root in roots.iter().rev() {
            walk.move_to(NodeIndex::new(*root));
            while let Some(group) = walk.next(&references) {
                finished.push(group.index());
            }
        }
        finished.reverse();
        finished
    }

    /// How often each group is shown, given what is named.
    fn uses(&self, roots: &[usize]) -> Vec<u64> {
        let mut uses = vec![0u64; self.parts.len()];
        roots.iter().for_each(|at| uses[*at] += 1);
        for at in &self.order {
            let times = if self.named[*at] { 1 } else { uses[*at] };
            for part in &self.parts[*at].2 {
                uses[*part] = uses[*part].saturating_add(times);
            }
        }
        uses
    }

    fn choose(&mut self, graph: &Graph, uses: &[u64]) {
        // Operations and depth of each group as printed, names counted as nothing.
        let mut sizes: Vec<(usize, usize)> = vec![(0, 0); self.parts.len()];
        for at in self.order.iter().rev().copied() {
            let (own, own_depth, parts) = &self.parts[at];
            let shown = || parts.iter().filter(|p| !self.named[**p]).map(|p| sizes[*p]);
            let operations = shown().map(|(operations, _)| operations).fold(*own, usize::saturating_add);
            let depth = own_depth + shown().map(|(_, depth)| depth).max().unwrap_or(0);
            sizes[at] = (operations, depth);
            let group = &self.groups[at];
            let is_used_again = uses[at] >= 2;
            let op = graph.op(group.shown);
            let is_worth_it = match operations {
                0 => false,
                _ if op.is_condition() => is_used_again && operations >= CONDITION_SIZE,
                1 => is_used_again && (group.user_name.is_some() || self.is_call[at]),
                _ => is_used_again || (group.user_name.is_some() && operations >= USER_SIZE),
            };
            let is_allowed = !self.is_root[at] || is_used_again;
            self.named[at] = is_allowed
                && (is_worth_it || group.needs_name || (depth >= DEPTH_LIMIT && !self.is_root[at]));
        }
    }
}

/// What a new name must not be: what the graph names, and what is given; names of functions besides.
struct Taken(Set<String>);

impl Taken {
    fn new(graph: &Graph, roots: &[NodeId]) -> Self {
        let variables = graph.variables().iter().map(|v| &v.name);
        let mut names: Set<String> = variables.chain(graph.axes().iter().map(|a| &a.name)).cloned().collect();
        for node in graph.reachable(roots) {
            if let Op::Index(index) = graph.op(node) {
                names.insert(graph.index_entry(index).name.clone());
            }
        }
        Taken(names)
    }

    fn contains(&self, name: &str) -> bool {
        self.0.contains(name) || Function::named(name).is_some()
    }
}

/// A readable name that is not taken.
fn invent(
    converter: &mut Converter<'_>,
    node: NodeId,
    taken: &Taken,
    numbered: &mut std::ops::RangeFrom<usize>,
) -> String {
    let is_softmax = super::special::softmax_parts(converter.graph, node).is_some();
    let wishes: &[&str] = match converter.graph.op(node) {
        _ if is_softmax => &["p", "q", "s"],
        Op::Function(Function::Sigmoid) => &["p", "q", "s"],
        Op::Function(Function::Exp) => &["w", "u", "v"],
        Op::Function(Function::Tanh) => &["h", "u", "v"],
        Op::Function(Function::Log) => &["l", "u", "v"],
        Op::Function(Function::Max | Function::Min) => &["m", "u", "v"],
        Op::Reduce(Reduction::Norm, _) | Op::Function(Function::Hypot) => &["d", "r", "q"],
        Op::Reduce(..) => &["s", "r", "u"],
        Op::Linear => &["r", "d", "u", "v"],
        Op::Power => &["w", "u", "v"],
        op if op.is_condition() => &["active", "is_active", "holds"],
        _ => &["u", "v", "w"],
    };
    let wish = wishes.iter().find(|name| !taken.contains(name)).map(|name| (*name).to_owned());
    wish.or_else(|| numbered.map(|n| format!("t{n}")).find(|name| !taken.contains(name))).unwrap_or_default()
}
