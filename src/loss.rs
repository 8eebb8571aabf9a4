//! The losses and derivations that users of the crate work with.

use crate::diagnostic::{Diagnostic, Error, Fault};
use crate::graph::{Domain, Graph, Map, NodeId, VariableId};
use crate::library::Library;
use crate::lower::{Lowered, lower, lower_within};
use crate::number::Number;
use crate::print::{Document, document};
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

    pub(crate) fn tree(&self) -> &tree::Loss {
        &self.tree
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

    pub(crate) fn check_limits(&self, graph: &Graph) -> Result<(), Error> {
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
        let (mut sources, assumed) = self.assumed(self.sources.clone(), assumptions)?;
        let name = text.trim();
        if let Some(tree) = self.definitions.loss(name) {
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
                vec![match nearest(name, self.definitions.losses().into_iter()) {
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

    fn assumed(
        &self,
        mut sources: Arc<Sources>,
        assumptions: &[String],
    ) -> Result<(Arc<Sources>, Vec<tree::Parameter>), Error> {
        let mut assumed = Vec::with_capacity(assumptions.len());
        for assumption in assumptions {
            let source = Arc::make_mut(&mut sources).add("<assume>", assumption.as_str());
            match parse_parameter(assumption, source) {
                Ok(parameter) => assumed.push(parameter),
                Err(errors) => return Err(Error::new(errors, sources)),
            }
        }
        Ok((sources, assumed))
    }

    /// Assumptions as declarations.
    pub(crate) fn assumptions(&self, texts: &[String]) -> Result<Vec<tree::Parameter>, Error> {
        Ok(self.assumed(self.sources.clone(), texts)?.1)
    }

    /// `loss` with a formula read in its scope, as the last of its names: see [`lower_within`].
    pub(crate) fn within(
        &self,
        loss: &Loss,
        assumptions: &[String],
        formula: &str,
        indices: &[(String, String)],
    ) -> Result<Loss, Error> {
        let (mut sources, assumed) = self.assumed(loss.sources.clone(), assumptions)?;
        let source = Arc::make_mut(&mut sources).add("<derivative>", formula);
        let tree = match parse_formula(formula, source) {
            Ok(tree) => tree,
            Err(errors) => return Err(Error::new(errors, sources)),
        };
        match lower_within(&self.definitions, &loss.tree, &assumed, &tree, indices) {
            Ok(lowered) => Ok(Loss { tree: loss.tree.clone(), sources, lowered }),
            Err(errors) => Err(Error::new(errors, sources)),
        }
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
