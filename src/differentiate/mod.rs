//! Derivatives: reverse mode on the graph, giving a graph.
//!
//! A node is an array over its free indices. The adjoint of a node is the derivative of the root with respect to
//! each of its elements: an expression in the same indices. One sweep from the root visits users before
//! operands, so that an adjoint is complete when it is handed on; the cost is a small multiple of the size of
//! the graph, however many inputs there are.

mod access;
mod extremum;
mod reduction;
mod sweep;
mod table;

pub use table::{DerivativeFormula, derivative_formulas};

use crate::graph::{Graph, IndexId, NodeId, VariableId};

/// The derivative of a scalar (or of one element of an array) with respect to all elements of a variable.
#[derive(Clone, Debug)]
pub struct Derivative {
    /// With respect to what.
    pub variable: VariableId,
    /// One new free index an axis of the variable: which element the derivative is with respect to.
    pub indices: Vec<IndexId>,
    /// The derivative, in those indices and the free indices of the root.
    pub node: NodeId,
}

/// The derivatives of `root` with respect to each of `variables`, by one sweep.
///
/// Indices that are free in `root` stay free: the derivative of a gradient is a row of the Hessian for each of
/// their values.
pub fn differentiate(graph: &mut Graph, root: NodeId, variables: &[VariableId]) -> Vec<Derivative> {
    sweep::sweep(graph, root, variables)
}

/// The diagonal of the Hessian: the second derivative with respect to each element of the variable of `gradient`.
pub fn diagonal(graph: &mut Graph, gradient: &Derivative) -> Derivative {
    let row = differentiate(graph, gradient.node, &[gradient.variable]).remove(0);
    let map: Vec<(IndexId, NodeId)> = row
        .indices
        .iter()
        .zip(&gradient.indices)
        .map(|(second, first)| (*second, graph.index_value(*first)))
        .collect();
    let node = graph.substitute(row.node, &map);
    Derivative { variable: gradient.variable, indices: gradient.indices.clone(), node }
}
