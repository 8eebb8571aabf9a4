//! The graph as petgraph sees it.
//!
//! The arena itself offers what searches need. A [`View`] is what given roots reach, with users as well as
//! operands: users are only meaningful relative to roots.

use super::{Graph, Map, NodeId};
use fixedbitset::FixedBitSet;
use petgraph::Direction;
use petgraph::visit::{
    Data, GraphBase, GraphProp, IntoEdgeReferences, IntoEdges, IntoNeighbors, IntoNeighborsDirected,
    IntoNodeIdentifiers, IntoNodeReferences, NodeCount, NodeIndexable, VisitMap, Visitable,
};

impl GraphBase for Graph {
    type NodeId = NodeId;
    type EdgeId = (NodeId, u32);
}

impl VisitMap<NodeId> for FixedBitSet {
    fn visit(&mut self, node: NodeId) -> bool {
        !self.put(node.position())
    }
    fn is_visited(&self, node: &NodeId) -> bool {
        self.contains(node.position())
    }
    fn unvisit(&mut self, node: NodeId) -> bool {
        let was = self.contains(node.position());
        self.set(node.position(), false);
        was
    }
}

impl Visitable for Graph {
    type Map = FixedBitSet;
    fn visit_map(&self) -> FixedBitSet {
        FixedBitSet::with_capacity(self.len())
    }
    fn reset_map(&self, map: &mut FixedBitSet) {
        map.clear();
        map.grow(self.len());
    }
}

/// Operands are the outgoing edges.
impl<'g> IntoNeighbors for &'g Graph {
    type Neighbors = std::iter::Copied<std::slice::Iter<'g, NodeId>>;
    fn neighbors(self, node: NodeId) -> Self::Neighbors {
        self.operands(node).iter().copied()
    }
}

/// What given roots reach, operands before users; positions in that order number the nodes.
pub struct View<'g> {
    graph: &'g Graph,
    nodes: Vec<NodeId>,
    positions: Map<NodeId, usize>,
    users: Vec<Vec<NodeId>>,
}

impl<'g> View<'g> {
    /// The part of `graph` that `roots` reach.
    pub fn new(graph: &'g Graph, roots: &[NodeId]) -> Self {
        let mut nodes = Vec::new();
        let mut positions = Map::default();
        // Post-order of a walk from the roots, so that numbers do not show the accidents of the arena.
        let mut pending: Vec<(NodeId, bool)> = roots.iter().rev().map(|root| (*root, false)).collect();
        while let Some((node, finished)) = pending.pop() {
            if positions.contains_key(&node) {
                continue;
            }
            if finished {
                positions.insert(node, nodes.len());
                nodes.push(node);
            } else {
                pending.push((node, true));
                pending.extend(graph.operands(node).iter().rev().map(|operand| (*operand, false)));
            }
        }
        let mut users = vec![Vec::new(); nodes.len()];
        for node in &nodes {
            for operand in graph.operands(*node) {
                users[positions[operand]].push(*node);
            }
        }
        View { graph, nodes, positions, users }
    }

    /// The graph that this is a part of.
    pub fn graph(&self) -> &'g Graph {
        self.graph
    }

    /// The nodes, operands before users.
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// The nodes that have `node` as an operand, once for each time they do.
    pub fn users(&self, node: NodeId) -> &[NodeId] {
        &self.users[self.positions[&node]]
    }
}

impl GraphBase for View<'_> {
    type NodeId = NodeId;
    type EdgeId = (NodeId, u32);
}

impl Data for View<'_> {
    type NodeWeight = super::Op;
    type EdgeWeight = ();
}

impl GraphProp for View<'_> {
    type EdgeType = petgraph::Directed;
}

impl NodeCount for View<'_> {
    fn node_count(&self) -> usize {
        self.nodes.len()
    }
}

impl NodeIndexable for View<'_> {
    fn node_bound(&self) -> usize {
        self.nodes.len()
    }
    fn to_index(&self, node: NodeId) -> usize {
        self.positions[&node]
    }
    fn from_index(&self, at: usize) -> NodeId {
        self.nodes[at]
    }
}

impl Visitable for View<'_> {
    type Map = FixedBitSet;
    fn visit_map(&self) -> FixedBitSet {
        FixedBitSet::with_capacity(self.graph.len())
    }
    fn reset_map(&self, map: &mut FixedBitSet) {
        map.clear();
        map.grow(self.graph.len());
    }
}

impl<'a> IntoNeighbors for &'a View<'_> {
    type Neighbors = std::iter::Copied<std::slice::Iter<'a, NodeId>>;
    fn neighbors(self, node: NodeId) -> Self::Neighbors {
        self.graph.operands(node).iter().copied()
    }
}

impl<'a> IntoNeighborsDirected for &'a View<'_> {
    type NeighborsDirected = std::iter::Copied<std::slice::Iter<'a, NodeId>>;
    fn neighbors_directed(self, node: NodeId, direction: Direction) -> Self::NeighborsDirected {
        match direction {
            Direction::Outgoing => self.graph.operands(node).iter().copied(),
            Direction::Incoming => self.users(node).iter().copied(),
        }
    }
}

impl<'a> IntoNodeIdentifiers for &'a View<'_> {
    type NodeIdentifiers = std::iter::Copied<std::slice::Iter<'a, NodeId>>;
    fn node_identifiers(self) -> Self::NodeIdentifiers {
        self.nodes.iter().copied()
    }
}

impl<'a> IntoNodeReferences for &'a View<'_> {
    type NodeRef = (NodeId, &'a super::Op);
    type NodeReferences = Box<dyn Iterator<Item = (NodeId, &'a super::Op)> + 'a>;
    fn node_references(self) -> Self::NodeReferences {
        Box::new(self.nodes.iter().map(|node| (*node, &self.graph.nodes[node.position()].op)))
    }
}

/// An edge from a user to one of its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    user: NodeId,
    operand: NodeId,
    position: u32,
}

impl petgraph::visit::EdgeRef for Edge {
    type NodeId = NodeId;
    type EdgeId = (NodeId, u32);
    type Weight = ();
    fn source(&self) -> NodeId {
        self.user
    }
    fn target(&self) -> NodeId {
        self.operand
    }
    fn weight(&self) -> &() {
        &()
    }
    fn id(&self) -> (NodeId, u32) {
        (self.user, self.position)
    }
}

fn edges_of(graph: &Graph, user: NodeId) -> impl Iterator<Item = Edge> + '_ {
    (0..).zip(graph.operands(user)).map(move |(position, operand)| Edge { user, operand: *operand, position })
}

impl<'a> IntoEdgeReferences for &'a View<'_> {
    type EdgeRef = Edge;
    type EdgeReferences = Box<dyn Iterator<Item = Edge> + 'a>;
    fn edge_references(self) -> Self::EdgeReferences {
        Box::new(self.nodes.iter().flat_map(|user| edges_of(self.graph, *user)))
    }
}

impl<'a> IntoEdges for &'a View<'_> {
    type Edges = Box<dyn Iterator<Item = Edge> + 'a>;
    fn edges(self, node: NodeId) -> Self::Edges {
        Box::new(edges_of(self.graph, node))
    }
}
