//! Losses and their derivatives.

use crate::derivation::{Derivation, Origin};
use crate::diagnostic::{Diagnostic, Error, Fault};
use crate::differentiate::{Derivative, diagonal, differentiate};
use crate::graph::{Domain, Graph, NodeId, VariableId};
use crate::loss::Loss;
use crate::lower::Named;
use crate::simplify::{Simplified, Step, recognise, simplify_all, simplify_each};

impl Loss {
    /// The simplified derivative with respect to an input or hyperparameter.
    ///
    /// # Errors
    /// There is no such input, or it is a label or position.
    pub fn gradient(&self, with_respect_to: &str) -> Result<Derivation, Error> {
        Ok(self.gradients(&[with_respect_to])?.remove(0))
    }

    /// The simplified derivatives with respect to several inputs, by one sweep.
    ///
    /// # Errors
    /// As [`Loss::gradient`].
    pub fn gradients(&self, with_respect_to: &[&str]) -> Result<Vec<Derivation>, Error> {
        self.derive(with_respect_to, true)
    }

    /// The derivatives as the sweep gives them, before simplification.
    ///
    /// # Errors
    /// As [`Loss::gradient`].
    pub fn raw_gradients(&self, with_respect_to: &[&str]) -> Result<Vec<Derivation>, Error> {
        self.derive(with_respect_to, false)
    }

    fn derive(&self, with_respect_to: &[&str], simplified: bool) -> Result<Vec<Derivation>, Error> {
        let variables = self.variables(with_respect_to)?;
        let mut source = self.source(simplified);
        let derivatives = differentiate(&mut source.graph, source.root, &variables);
        let rows: Vec<Vec<Derivative>> = derivatives.into_iter().map(|d| vec![d]).collect();
        self.derivations(source, rows, simplified)
    }

    /// What is differentiated: the formula as it stands or, to simplify the result, with the functions that it spells
    /// out recognised.
    fn source(&self, recognised: bool) -> Source {
        let mut graph = self.graph().clone();
        let mut named = self.lowered().named.clone();
        let mut root = self.root();
        let mut recognition = Vec::new();
        if recognised {
            let closed: Vec<usize> = (0..named.len()).filter(|at| is_closed(&graph, &named[*at])).collect();
            let mut roots = vec![root];
            roots.extend(closed.iter().map(|at| named[*at].node));
            let (roots, steps) = recognise(&mut graph, &roots);
            root = roots[0];
            recognition = steps;
            closed.into_iter().zip(&roots[1..]).for_each(|(at, node)| named[at].node = *node);
        }
        Source { graph, root, recognition, named }
    }

    /// The simplified second derivative with respect to two inputs.
    ///
    /// # Errors
    /// As [`Loss::gradient`].
    pub fn hessian(&self, first: &str, second: &str) -> Result<Derivation, Error> {
        self.second(first, second, true)
    }

    /// The second derivative; before simplification where `simplified` is false.
    ///
    /// # Errors
    /// As [`Loss::gradient`].
    pub fn second(&self, first: &str, second: &str, simplified: bool) -> Result<Derivation, Error> {
        let variables = self.variables(&[first, second])?;
        let mut source = self.source(simplified);
        // Of the gradient as the sweep gives it: a shorter one has the same values, but at kinks not always the
        // same derivative.
        let gradient = differentiate(&mut source.graph, source.root, &variables[..1]).remove(0);
        let row = differentiate(&mut source.graph, gradient.node, &variables[1..]).remove(0);
        Ok(self.derivations(source, vec![vec![gradient, row]], simplified)?.remove(0))
    }

    /// The diagonal of the Hessian: the second derivative with respect to each element of an input.
    ///
    /// # Errors
    /// As [`Loss::gradient`].
    pub fn hessian_diagonal(&self, with_respect_to: &str) -> Result<Derivation, Error> {
        let variables = self.variables(&[with_respect_to])?;
        let mut source = self.source(true);
        let gradient = differentiate(&mut source.graph, source.root, &variables).remove(0);
        let diagonal = diagonal(&mut source.graph, &gradient);
        Ok(self.derivations(source, vec![vec![diagonal]], true)?.remove(0))
    }

    /// First derivatives, or the diagonals of the second, in a graph that holds the loss.
    pub(crate) fn derivatives(
        &self,
        graph: &mut Graph,
        root: NodeId,
        names: &[&str],
        second: bool,
        simplified: bool,
    ) -> Result<Vec<Derivative>, Error> {
        let variables = self.variables(names)?;
        let root = if simplified { recognise(graph, &[root]).0[0] } else { root };
        let mut all = differentiate(graph, root, &variables);
        if second {
            all.iter_mut().for_each(|derivative| *derivative = diagonal(graph, derivative));
        }
        if simplified {
            let nodes: Vec<NodeId> = all.iter().map(|d| d.node).collect();
            let short = simplify_all(graph, &nodes);
            all.iter_mut().zip(short).for_each(|(derivative, short)| derivative.node = short.node);
        }
        self.check_limits(graph)?;
        Ok(all)
    }

    /// Of each row the last derivative, with the variables of all of them.
    fn derivations(
        &self,
        source: Source,
        rows: Vec<Vec<Derivative>>,
        simplified: bool,
    ) -> Result<Vec<Derivation>, Error> {
        let Source { mut graph, root, recognition, mut named } = source;
        let nodes: Vec<NodeId> = rows.iter().filter_map(|row| row.last()).map(|d| d.node).collect();
        let results = if simplified {
            let results = simplify_all(&mut graph, &nodes);
            let closed: Vec<usize> = (0..named.len()).filter(|at| is_closed(&graph, &named[*at])).collect();
            let parts: Vec<NodeId> = closed.iter().map(|at| named[*at].node).collect();
            let parts = simplify_each(&mut graph, &parts);
            closed.into_iter().zip(parts).for_each(|(at, node)| named[at].node = node);
            results
        } else {
            nodes.iter().map(|node| Simplified::unchanged(*node)).collect()
        };
        self.check_limits(&graph)?;
        let origin = Origin { written: self.root(), recognition, root };
        Ok(Derivation::all(graph, &origin, rows.into_iter().zip(results).collect(), &named))
    }

    /// The input of that name, if there can be a derivative with respect to it.
    pub(crate) fn differentiable(&self, name: &str) -> Result<VariableId, Error> {
        Ok(self.variables(&[name])?[0])
    }

    fn variables(&self, names: &[&str]) -> Result<Vec<VariableId>, Error> {
        let mut variables = Vec::with_capacity(names.len());
        for name in names {
            let id = self.variable(name)?;
            let variable = self.graph().variable(id);
            let discrete = match &variable.domain {
                Domain::Set(_) => "takes only separate values",
                Domain::Index(_) => "is a position on an axis",
                Domain::Integer => "is a whole number",
                _ => {
                    variables.push(id);
                    continue;
                }
            };
            return Err(self.error(
                Diagnostic::new(
                    "not-differentiable",
                    format!("`{name}` {discrete}, so there is no derivative"),
                )
                .fault(Fault::Underivable)
                .at(variable.span, "declared here")
                .help(format!("declare it as real to differentiate all the same: `{name} in [0,1]`")),
            ));
        }
        Ok(variables)
    }
}

/// A graph with the formula that is differentiated and the names of its parts.
#[derive(Clone)]
struct Source {
    graph: Graph,
    root: NodeId,
    /// What brought the formula into this form.
    recognition: Vec<Step>,
    named: Vec<Named>,
}

/// Whether the range of every index of what has a name is known.
fn is_closed(graph: &Graph, named: &Named) -> bool {
    graph.free_indices(named.node).iter().all(|i| graph.index_entry(*i).range.is_some())
}
