//! Subexpressions that are one up to their indices: `p[c]`, `p[d]` and `p[t]`.

use super::convert::Converter;
use super::special;
use super::unit::Units;
use crate::function::Function;
use crate::graph::{Domain, Graph, IndexId, Map, NodeId, Op, Range, orders};
use crate::lower::Named;
use std::collections::BTreeSet;

/// Beyond this many units, parts that differ in their indices only are not looked for: each is compared by
/// building it anew, so the effort grows with the square.
const GROUPING_LIMIT: usize = 2000;

/// How many positions given as data are tried as indices of a group.
const POSITION_LIMIT: usize = 8;

/// Subexpressions that share one definition.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The member that the definition spells out.
    pub shown: NodeId,
    /// Its free indices: the parameters of the definition.
    pub parameters: Vec<IndexId>,
    /// Each member with the values of the parameters.
    pub members: Vec<(NodeId, Vec<NodeId>)>,
    pub user_name: Option<String>,
    /// That of the shown member, and the least of all: what a group refers to is less high, so groups do not refer
    /// to one another in a circle.
    pub height: u32,
    /// Whether only a name lets it be written briefly, as `p[t]` for a softmax at a position given as data.
    pub needs_name: bool,
}

/// All groups, and which one each unit belongs to.
#[derive(Default)]
pub(super) struct Groups {
    pub all: Vec<Group>,
    pub of: Map<NodeId, usize>,
}

impl Groups {
    pub fn find(converter: &mut Converter<'_>, units: &mut Units, named: &[Named]) -> Groups {
        let mut groups = Groups::default();
        let is_small = units.all.len() <= GROUPING_LIMIT;
        if is_small {
            add_elements(converter, units, named, &mut groups);
        }
        let heights = units.heights();
        for group in &mut groups.all {
            group.height = heights[units.position[&group.shown]];
        }
        let mut canonical: Map<(NodeId, u32), usize> = Map::default();
        let mut parameters: Map<(Range, usize), IndexId> = Map::default();
        for (unit, height) in units.all.iter().zip(heights) {
            let node = unit.node;
            let free = converter.graph.free_indices(node).to_vec();
            let (key, order) = if is_small && !free.is_empty() && free.len() <= 3 {
                abstracted(converter.graph, node, &free, &mut parameters)
            } else {
                (node, free)
            };
            let arguments: Vec<NodeId> = order.iter().map(|i| converter.graph.index_value(*i)).collect();
            let known = groups.of.get(&node).copied().or_else(|| canonical.get(&(key, height)).copied());
            let found = *canonical.entry((key, height)).or_insert(known.unwrap_or(groups.all.len()));
            if found == groups.all.len() {
                groups.all.push(Group {
                    shown: node,
                    parameters: order,
                    members: Vec::new(),
                    user_name: None,
                    height,
                    needs_name: false,
                });
            }
            groups.all[found].members.push((node, arguments));
            groups.of.insert(node, found);
        }
        for group in &mut groups.all {
            in_order_of_axes(converter, group);
        }
        for entry in named {
            groups.give_name(converter.graph, entry);
        }
        if is_small {
            groups.find_instances(converter.graph, units);
        }
        groups
    }

    /// Gives the user's name to the group that is an instance of it.
    fn give_name(&mut self, graph: &mut Graph, named: &Named) {
        for group in self.all.iter_mut().filter(|g| g.user_name.is_none() && !g.members.is_empty()) {
            let alike = std::mem::discriminant(&graph.op(group.shown))
                == std::mem::discriminant(&graph.op(named.node));
            if !alike || group.parameters.len() != named.indices.len() {
                continue;
            }
            let places: Vec<usize> = (0..group.parameters.len()).collect();
            for order in orders(&places) {
                let map: Vec<(IndexId, NodeId)> = named
                    .indices
                    .iter()
                    .zip(&order)
                    .map(|(parameter, at)| (*parameter, graph.index_value(group.parameters[*at])))
                    .collect();
                if graph.substitute(named.node, &map) == group.shown {
                    group.user_name = Some(named.name.clone());
                    reorder(group, &order);
                    return;
                }
            }
        }
    }

    /// Members with a parameter at a position given as data, or with two parameters alike: `p[t]`, `s[n,n]`.
    fn find_instances(&mut self, graph: &mut Graph, units: &Units) {
        let positions = positions(graph, units);
        for at in 0..self.all.len() {
            let group = self.all[at].clone();
            let unit = units.position.get(&group.shown).map(|at| &units.all[*at]);
            let is_trivial = unit.is_none_or(|u| u.operations == 0 && group.user_name.is_none());
            if group.members.is_empty()
                || group.parameters.is_empty()
                || group.parameters.len() > 2
                || is_trivial
            {
                continue;
            }
            let plain: Vec<NodeId> = group.parameters.iter().map(|p| graph.index_value(*p)).collect();
            let choices: Vec<NodeId> = positions.iter().copied().chain(plain.iter().copied()).collect();
            for arguments in tuples(&choices, group.parameters.len()) {
                let is_plain = arguments.iter().all(|a| plain.contains(a));
                if is_plain && (arguments.len() == 1 || arguments[0] != arguments[1]) {
                    continue;
                }
                let fits = group.parameters.iter().zip(&arguments).all(|(p, a)| same_range(graph, *p, *a));
                if !fits {
                    continue;
                }
                let map: Vec<(IndexId, NodeId)> =
                    group.parameters.iter().copied().zip(arguments.iter().copied()).collect();
                let instance = graph.substitute(group.shown, &map);
                let Some(own) = self.of.get(&instance).copied().filter(|own| *own != at) else { continue };
                // What is less high may be a part of the group.
                if self.all[own].height < group.height {
                    continue;
                }
                // Its group has other indices, which stand in the arguments.
                for (member, values) in std::mem::take(&mut self.all[own].members) {
                    let map: Vec<(IndexId, NodeId)> =
                        self.all[own].parameters.iter().copied().zip(values).collect();
                    let arguments = arguments.iter().map(|a| graph.substitute(*a, &map)).collect();
                    self.of.insert(member, at);
                    self.all[at].members.push((member, arguments));
                }
            }
        }
    }
}

/// Adds the element `p[c]` of which the loss has `p[t]` alone, for a softmax and for the names of the user.
fn add_elements(converter: &mut Converter<'_>, units: &mut Units, named: &[Named], groups: &mut Groups) {
    let positions = positions(converter.graph, units);
    let mut elements: Vec<(NodeId, IndexId, bool)> = Vec::new();
    for position in &positions {
        let Some(range) = range_of_position(converter.graph, *position) else { continue };
        for entry in named.iter().filter(|n| n.indices.len() == 1) {
            let instance = converter.graph.substitute(entry.node, &[(entry.indices[0], *position)]);
            if instance != entry.node && units.contains(instance) {
                let name = converter.graph.index_entry(entry.indices[0]).name.clone();
                let index = converter.graph.fresh_index(&name, Some(range));
                let value = converter.graph.index_value(index);
                let element = converter.graph.substitute(entry.node, &[(entry.indices[0], value)]);
                elements.push((element, index, false));
            }
        }
        for at in 0..units.all.len() {
            let node = units.all[at].node;
            if let Some((element, index)) = softmax_element(converter.graph, node, *position) {
                elements.push((element, index, true));
            }
        }
    }
    for (element, index, needs_name) in elements {
        // The element is there already where the loss uses it at an index as well.
        units.add(converter, element);
        groups.of.entry(element).or_insert_with(|| {
            groups.all.push(Group {
                shown: element,
                parameters: vec![index],
                members: Vec::new(),
                user_name: None,
                height: 0,
                needs_name,
            });
            groups.all.len() - 1
        });
    }
}

/// The softmax of which `exp(z[t] - logsumexp[c](z))` is the element at the position `t`.
fn softmax_element(graph: &mut Graph, node: NodeId, position: NodeId) -> Option<(NodeId, IndexId)> {
    let (Op::Function(Function::Exp), &[argument]) = (graph.op(node), graph.operands(node)) else {
        return None;
    };
    let (argument, total) = special::shifted_by_total(graph, argument)?;
    let (indices, body, filter) = graph.open(total);
    let ([index], None) = (indices.as_slice(), filter) else { return None };
    if graph.substitute(body, &[(*index, position)]) != argument {
        return None;
    }
    let difference = graph.sub(body, total);
    Some((graph.function(Function::Exp, &[difference]), *index))
}

/// The positions given as data.
fn positions(graph: &Graph, units: &Units) -> Vec<NodeId> {
    let roots: Vec<NodeId> = units.all.first().map(|u| u.node).into_iter().collect();
    let mut found: BTreeSet<NodeId> = BTreeSet::new();
    for node in graph.reachable(&roots) {
        if let Op::Access(variable) = graph.op(node)
            && matches!(graph.variable(variable).domain, Domain::Index(_))
        {
            found.insert(node);
        }
    }
    if found.len() > POSITION_LIMIT { Vec::new() } else { found.into_iter().collect() }
}

fn range_of_position(graph: &mut Graph, position: NodeId) -> Option<Range> {
    match graph.op(position) {
        Op::Index(index) => graph.index_entry(index).range,
        Op::Access(variable) => match graph.variable(variable).domain {
            Domain::Index(axis) => Some(graph.axis_range(axis)),
            _ => None,
        },
        _ => None,
    }
}

fn same_range(graph: &mut Graph, parameter: IndexId, position: NodeId) -> bool {
    graph.index_entry(parameter).range.is_some_and(|range| range_of_position(graph, position) == Some(range))
}

/// The expression with parameters in the place of its free indices, the same for all that differ in these only,
/// and the indices in the order of the parameters.
fn abstracted(
    graph: &mut Graph,
    node: NodeId,
    free: &[IndexId],
    parameters: &mut Map<(Range, usize), IndexId>,
) -> (NodeId, Vec<IndexId>) {
    let mut best = (node, free.to_vec());
    for (attempt, order) in orders(free).into_iter().enumerate() {
        let mut map = Vec::with_capacity(order.len());
        for (at, index) in order.iter().enumerate() {
            let range = graph.range(*index);
            let parameter = match parameters.get(&(range, at)) {
                Some(known) => *known,
                None => {
                    let name = graph.index_entry(*index).name.clone();
                    let fresh = graph.fresh_index(&name, Some(range));
                    parameters.insert((range, at), fresh);
                    fresh
                }
            };
            map.push((*index, graph.index_value(parameter)));
        }
        let key = graph.substitute(node, &map);
        if attempt == 0 || key < best.0 {
            best = (key, order);
        }
    }
    best
}

/// Parameters in the order of the axes that they run along, as a signature has them.
fn in_order_of_axes(converter: &Converter<'_>, group: &mut Group) {
    let mut order: Vec<usize> = (0..group.parameters.len()).collect();
    order.sort_by_key(|at| {
        let index = group.parameters[*at];
        (converter.position_on_axis(index), converter.graph.index_entry(index).name.clone(), *at)
    });
    reorder(group, &order);
}

fn reorder(group: &mut Group, order: &[usize]) {
    group.parameters = order.iter().map(|at| group.parameters[*at]).collect();
    for (_, arguments) in &mut group.members {
        *arguments = order.iter().map(|at| arguments[*at]).collect();
    }
}

fn tuples(choices: &[NodeId], length: usize) -> Vec<Vec<NodeId>> {
    let mut all = vec![Vec::new()];
    for _ in 0..length {
        all = all
            .iter()
            .flat_map(|known: &Vec<NodeId>| choices.iter().map(move |c| [known.as_slice(), &[*c]].concat()))
            .collect();
    }
    all
}
