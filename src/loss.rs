//! The losses and derivations that users of the crate work with.

use crate::derivation::Derivation;
use crate::diagnostic::{Diagnostic, Error, Fault};
use crate::differentiate::{Derivative, diagonal, differentiate};
use crate::graph::{Domain, Graph, Map, NodeId, VariableId};
use crate::library::Library;
use crate::lower::{Lowered, Named, lower};
use crate::number::Number;
use crate::print::{Document, document};
use crate::simplify::{Simplified, simplify, simplify_with};
use crate::source::{Sources, Span};
use crate::suggestion::nearest;
use crate::syntax::{parse_formula, parse_parameter, tree};
use std::sync::Arc;

/// A loss: a formula with its inputs, hyperparameters and documentation.
///
/// ```
/// use lossform::Loss;
///
/// let loss = Loss::parse("loss square(x, y) = (x - y)^2")?;
/// assert_eq!(loss.gradient("x")?.to_string(), "2*(x - y)");
/// # Ok::<(), lossform::Error>(())
/// ```
#[derive(Clone)]
pub struct Loss {
    tree: Arc<tree::Loss>,
    sources: Arc<Sources>,
    lowered: Lowered,
}

impl Loss {
    /// Reads a formula: `loss name(inputs) = …`, `name(inputs) = …`, or bare, as articles write it. The built-in
    /// losses can be called in it.
    ///
    /// # Errors
    /// Every mistake in the formula, with its place.
    pub fn parse(formula: &str) -> Result<Loss, Error> {
        Library::builtin().formula(formula)
    }

    /// A built-in loss.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn builtin(name: &str) -> Result<Loss, Error> {
        Library::builtin().loss(name)
    }

    fn elaborate(
        library: &Library,
        tree: Arc<tree::Loss>,
        sources: Arc<Sources>,
        assumptions: &[tree::Parameter],
    ) -> Result<Loss, Error> {
        match lower(&library.definitions, &tree, assumptions) {
            Ok(lowered) => {
                let loss = Loss { tree, sources, lowered };
                loss.check_limits(&loss.lowered.graph)?;
                Ok(loss)
            }
            Err(errors) => Err(Error::new(errors, sources)),
        }
    }

    /// The name it was given; `loss` for a formula without one.
    pub fn name(&self) -> &str {
        self.tree.name.as_ref().map_or("loss", |n| n.text.as_str())
    }

    /// Its documentation, in Markdown.
    pub fn documentation(&self) -> &str {
        &self.tree.documentation
    }

    /// The definition as it was written, in canonical spacing.
    pub fn definition(&self) -> String {
        crate::syntax::print_loss(&self.tree)
    }

    /// The graph that the formula became.
    pub fn graph(&self) -> &Graph {
        &self.lowered.graph
    }

    /// The node of the formula.
    pub fn root(&self) -> NodeId {
        self.lowered.root
    }

    pub(crate) fn lowered(&self) -> &Lowered {
        &self.lowered
    }

    pub(crate) fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// The inputs that a derivative can be taken with respect to, unless others are asked for: all that are not
    /// labels, positions or whole numbers.
    pub fn differentiable_inputs(&self) -> Vec<&str> {
        self.lowered
            .graph
            .variables()
            .iter()
            .filter(|v| !v.is_hyperparameter)
            .filter(|v| !matches!(v.domain, Domain::Set(_) | Domain::Index(_) | Domain::Integer))
            .map(|v| v.name.as_str())
            .collect()
    }

    /// The formula as it is printed.
    pub fn document(&self) -> Document {
        let mut graph = self.lowered.graph.clone();
        // The user's names are wanted where they were used, not only where they are used twice.
        document(&mut graph, self.lowered.root, &self.lowered.named)
    }

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
        let mut graph = self.lowered.graph.clone();
        let derivatives = differentiate(&mut graph, self.lowered.root, &variables);
        derivatives.into_iter().map(|d| self.derivation(graph.clone(), vec![d], simplified)).collect()
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
        let mut graph = self.lowered.graph.clone();
        // Of the gradient as the sweep gives it: a shorter one has the same values, but at kinks not always the
        // same derivative.
        let gradient = differentiate(&mut graph, self.lowered.root, &variables[..1]).remove(0);
        let row = differentiate(&mut graph, gradient.node, &variables[1..]).remove(0);
        self.derivation(graph, vec![gradient, row], simplified)
    }

    /// The diagonal of the Hessian: the second derivative with respect to each element of an input.
    ///
    /// # Errors
    /// As [`Loss::gradient`].
    pub fn hessian_diagonal(&self, with_respect_to: &str) -> Result<Derivation, Error> {
        let variables = self.variables(&[with_respect_to])?;
        let mut graph = self.lowered.graph.clone();
        let gradient = differentiate(&mut graph, self.lowered.root, &variables).remove(0);
        let diagonal = diagonal(&mut graph, &gradient);
        self.derivation(graph, vec![diagonal], true)
    }

    /// First derivatives of `root`, or the diagonals of the second, in a graph that holds the loss.
    pub(crate) fn derivatives(
        &self,
        graph: &mut Graph,
        root: NodeId,
        names: &[&str],
        second: bool,
        simplified: bool,
    ) -> Result<Vec<Derivative>, Error> {
        let variables = self.variables(names)?;
        let mut all = differentiate(graph, root, &variables);
        for derivative in &mut all {
            if second {
                *derivative = diagonal(graph, derivative);
            }
            if simplified {
                derivative.node = simplify(graph, derivative.node).node;
            }
        }
        self.check_limits(graph)?;
        Ok(all)
    }

    /// The last of `derivatives` with the variables of all of them.
    fn derivation(
        &self,
        mut graph: Graph,
        derivatives: Vec<Derivative>,
        simplified: bool,
    ) -> Result<Derivation, Error> {
        let Some(last) = derivatives.last() else { return Err(self.internal()) };
        let mut named: Vec<Named> = self.lowered.named.clone();
        let mut result = Simplified { node: last.node, assumptions: Vec::new() };
        if simplified {
            let is_closed =
                |n: &Named| graph.free_indices(n.node).iter().all(|i| graph.index_entry(*i).range.is_some());
            let closed: Vec<usize> = (0..named.len()).filter(|at| is_closed(&named[*at])).collect();
            let mut nodes: Vec<NodeId> = closed.iter().map(|at| named[*at].node).collect();
            result = simplify_with(&mut graph, last.node, &mut nodes);
            closed.into_iter().zip(nodes).for_each(|(at, node)| named[at].node = node);
        }
        self.check_limits(&graph)?;
        Ok(Derivation::new(graph, derivatives, result, &named))
    }

    /// The loss with hyperparameters (or scalar inputs) replaced by numbers.
    ///
    /// # Errors
    /// There is no such name, it has axes, or the number is outside of its domain.
    pub fn set(&self, values: &[(String, Number)]) -> Result<Loss, Error> {
        let mut loss = self.clone();
        let graph = &mut loss.lowered.graph;
        let mut replacements: Map<NodeId, NodeId> = Map::default();
        for (name, value) in values {
            let id = self.variable(name)?;
            let variable = graph.variable(id).clone();
            if !variable.axes.is_empty() {
                return Err(self.error(
                    Diagnostic::new(
                        "set-with-axes",
                        format!("`{name}` has axes and cannot be set to one number"),
                    )
                    .help("only scalars can be set"),
                ));
            }
            let inside = match &variable.domain {
                Domain::Set(allowed) => allowed.contains(value),
                Domain::Integer | Domain::Index(_) => value.is_integer(),
                domain => domain.interval().contains(value.to_f64()),
            };
            if !inside {
                let domain = match &variable.domain {
                    Domain::Set(allowed) => {
                        format!(
                            "{{{}}}",
                            allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
                        )
                    }
                    domain => domain.interval().to_string(),
                };
                return Err(self.error(
                    Diagnostic::new(
                        "outside-domain",
                        format!("`{name}` must lie in {domain}, but is set to {value}"),
                    )
                    .fault(Fault::Data),
                ));
            }
            let old = graph.access(id, &[]);
            let new = graph.constant(value.clone());
            replacements.insert(old, new);
        }
        let root = graph.replace(loss.lowered.root, &replacements);
        loss.lowered.root = root;
        for at in 0..loss.lowered.named.len() {
            let node = loss.lowered.named[at].node;
            loss.lowered.named[at].node = loss.lowered.graph.replace(node, &replacements);
        }
        Ok(loss)
    }

    /// The loss with another formula in the same graph.
    pub(crate) fn rewritten(&self, rewrite: impl FnOnce(&mut Graph, NodeId) -> NodeId) -> Loss {
        let mut loss = self.clone();
        loss.lowered.root = rewrite(&mut loss.lowered.graph, self.lowered.root);
        loss
    }

    /// The variable of that name.
    pub(crate) fn variable(&self, name: &str) -> Result<VariableId, Error> {
        let graph = &self.lowered.graph;
        if let Some(id) = graph.find_variable(name) {
            return Ok(id);
        }
        let names: Vec<&str> = graph.variables().iter().map(|v| v.name.as_str()).collect();
        let diagnostic = Diagnostic::new("unknown-input", format!("`{}` has no input `{name}`", self.name()));
        Err(self.error(match nearest(name, names.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => diagnostic.help("it has no inputs: it is a constant"),
            None => diagnostic.help(format!("it has `{}`", names.join("`, `"))),
        }))
    }

    fn variables(&self, names: &[&str]) -> Result<Vec<VariableId>, Error> {
        let mut variables = Vec::with_capacity(names.len());
        for name in names {
            let id = self.variable(name)?;
            let variable = self.lowered.graph.variable(id);
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

    fn check_limits(&self, graph: &Graph) -> Result<(), Error> {
        if !graph.overflowed() {
            return Ok(());
        }
        Err(self.error(
            Diagnostic::new(
                "number-too-large",
                "a constant of the formula grows too large to be kept exactly",
            )
            .fault(Fault::Limit)
            .help("write very large or small constants as powers with a name, or scale the formula"),
        ))
    }

    pub(crate) fn error(&self, diagnostic: Diagnostic) -> Error {
        Error::new(vec![diagnostic], self.sources.clone())
    }

    fn internal(&self) -> Error {
        self.error(Diagnostic::new("nothing-to-derive", "there is nothing to derive"))
    }

    /// The formula's place in its source.
    pub fn span(&self) -> Span {
        self.tree.span
    }

    /// Each input and hyperparameter as it was declared.
    pub fn signature(&self) -> Vec<String> {
        match &self.tree.signature {
            Some(signature) => signature
                .inputs
                .iter()
                .chain(&signature.hyperparameters)
                .map(crate::syntax::print_parameter)
                .collect(),
            None => self
                .lowered
                .graph
                .variables()
                .iter()
                .map(|v| {
                    let axes: Vec<&str> =
                        v.axes.iter().map(|a| self.lowered.graph.axis(*a).name.as_str()).collect();
                    if axes.is_empty() { v.name.clone() } else { format!("{}[{}]", v.name, axes.join(",")) }
                })
                .collect(),
        }
    }
}

impl Library {
    /// The loss of that name.
    ///
    /// # Errors
    /// There is none, or its definition has a mistake.
    pub fn loss(&self, name: &str) -> Result<Loss, Error> {
        self.loss_with(name, &[])
    }

    /// The loss of that name, or the formula that the text is; `assumptions` such as `p in (0,1)` add to what its
    /// signature declares.
    ///
    /// # Errors
    /// The text is neither; or a mistake in the formula or an assumption.
    pub fn loss_with(&self, text: &str, assumptions: &[String]) -> Result<Loss, Error> {
        let mut sources = self.sources.clone();
        let mut assumed = Vec::with_capacity(assumptions.len());
        for assumption in assumptions {
            let source = Arc::make_mut(&mut sources).add("<assume>", assumption.as_str());
            match parse_parameter(assumption, source) {
                Ok(parameter) => assumed.push(parameter),
                Err(errors) => return Err(Error::new(errors, sources)),
            }
        }
        let name = text.trim();
        if let Some(tree) = self.definitions.losses.get(name) {
            return Loss::elaborate(self, Arc::new(tree.clone()), sources, &assumed);
        }
        let source = Arc::make_mut(&mut sources).add("<formula>", text);
        let is_word = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let tree = match parse_formula(text, source) {
            Ok(tree) => Arc::new(tree),
            Err(errors) => return Err(Error::new(errors, sources)),
        };
        // One word is meant as the name of a loss.
        let is_word = is_word && name.len() <= 64;
        if is_word && name.chars().count() > 1 && name.parse::<f64>().is_err() && name != "pi" {
            let diagnostic = Diagnostic::new("unknown-loss", format!("there is no loss `{name}`"));
            return Err(Error::new(
                vec![match nearest(name, self.definitions.losses.keys().map(String::as_str)) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic.help(
                        "`lossform list` lists the built-in losses; `-f FILE.loss` adds those of a file",
                    ),
                }],
                sources,
            ));
        }
        Loss::elaborate(self, tree, sources, &assumed)
    }

    /// The loss that a formula defines.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn formula(&self, text: &str) -> Result<Loss, Error> {
        let mut sources = self.sources.clone();
        let source = Arc::make_mut(&mut sources).add("<formula>", text);
        match parse_formula(text, source) {
            Ok(tree) => Loss::elaborate(self, Arc::new(tree), sources, &[]),
            Err(errors) => Err(Error::new(errors, sources)),
        }
    }
}
