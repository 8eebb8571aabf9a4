//! Calls: elementary functions, helpers, other losses.

use super::definitions::Definition;
use super::reduction::REDUCTIONS;
use super::scope::{Frame, Meaning, Value};
use super::{CALL_LIMIT, Lowering};
use crate::diagnostic::{Diagnostic, Fault};
use crate::function::{Arity, Function};
use crate::graph::{AxisId, IndexId, NodeId, NodeList, Op};
use crate::source::Span;
use crate::suggestion::nearest;
use crate::syntax::tree::{self, Call, Expression, IndexBinder, Name};

/// Functions that are written in terms of others when they are read.
const DERIVED: &[&str] = &["sqrt", "relu", "clamp", "log_sigmoid", "detach", "trigamma"];

impl<'d> Lowering<'d> {
    pub(super) fn call(&mut self, call: &Call, span: Span) -> NodeId {
        let Call { function, indices, filter, arguments, hyperparameters } = call;
        let definition = self.definitions.find(&function.text);
        if let Some(Definition::Helper(helper)) = definition {
            return self.call_helper(helper, function, indices, filter.as_deref(), arguments, span);
        }
        if !indices.is_empty() && REDUCTIONS.contains(&function.text.as_str()) {
            return self.reduction(function, indices, filter.as_deref(), arguments, span);
        }
        if let Some(Definition::Loss(loss)) = definition
            && indices.is_empty()
        {
            return self.call_loss(loss, function, arguments, hyperparameters, span);
        }
        if let Some((_, value)) = hyperparameters.first() {
            return self.error(
                Diagnostic::new(
                    "unexpected-hyperparameter",
                    format!("`{}` has no hyperparameters", function.text),
                )
                .at(value.span, "only losses have them"),
            );
        }
        let known = Function::named(&function.text);
        if known.is_none() && !DERIVED.contains(&function.text.as_str()) {
            return self.unknown_function(function, indices, arguments);
        }
        if let Some(binder) = indices.first() {
            return self.error(
                Diagnostic::new(
                    "unexpected-index",
                    format!("`{}` works on numbers and takes no index", function.text),
                )
                .at(binder.name.span, "an index")
                .help(format!("write `{}(…)`", function.text)),
            );
        }
        let arity = match function.text.as_str() {
            "clamp" => Arity::Exactly(3),
            _ => known.map_or(Arity::Exactly(1), Function::arity),
        };
        let fits = match arity {
            Arity::Exactly(n) => arguments.len() == n,
            Arity::AtLeast(n) => arguments.len() >= n,
        };
        if !fits {
            return self.wrong_arity(function, arity, arguments.len(), span);
        }
        let nodes: NodeList = arguments.iter().map(|a| self.number(a)).collect();
        match (function.text.as_str(), nodes.as_slice()) {
            ("sqrt", [x]) => self.graph.sqrt(*x),
            ("relu", [x]) => {
                let zero = self.graph.integer(0);
                self.graph.function(Function::Max, &[zero, *x])
            }
            ("clamp", [x, low, high]) => {
                let raised = self.graph.function(Function::Max, &[*x, *low]);
                self.graph.function(Function::Min, &[raised, *high])
            }
            ("log_sigmoid", [x]) => {
                let negative = self.graph.neg(*x);
                let loss = self.graph.function(Function::Softplus, &[negative]);
                self.graph.neg(loss)
            }
            ("detach", [x]) => self.graph.detach(*x),
            ("trigamma", [x]) => {
                let one = self.graph.integer(1);
                self.graph.function(Function::Polygamma, &[one, *x])
            }
            _ => match known {
                Some(known) => self.graph.function(known, &nodes),
                None => self.graph.integer(0),
            },
        }
    }

    fn wrong_arity(&mut self, function: &Name, arity: Arity, found: usize, span: Span) -> NodeId {
        let (takes, expected) = match arity {
            Arity::Exactly(1) => ("one argument".to_owned(), "1".to_owned()),
            Arity::Exactly(n) => (format!("{n} arguments"), n.to_string()),
            Arity::AtLeast(n) => (format!("{n} or more arguments"), format!("at least {n}")),
        };
        let diagnostic = Diagnostic::new(
            "wrong-number-of-arguments",
            format!(
                "`{}` takes {takes}, but {found} {} given",
                function.text,
                if found == 1 { "is" } else { "are" }
            ),
        )
        .at(span, format!("expected {expected}, found {found}"));
        self.error(match function.text.as_str() {
            name @ ("max" | "min") => {
                diagnostic.help(format!("over an axis, name the index: `{name}[c](…)`"))
            }
            name => match Function::named(name) {
                Some(known) => {
                    diagnostic.help(format!("write `{name}({})`", known.entry().arguments.join(", ")))
                }
                None => diagnostic,
            },
        })
    }

    fn unknown_function(
        &mut self,
        function: &Name,
        indices: &[IndexBinder],
        arguments: &[Expression],
    ) -> NodeId {
        let name = &function.text;
        if indices.is_empty() && REDUCTIONS.contains(&name.as_str()) {
            return self.error(
                Diagnostic::new(
                    "reduction-without-index",
                    format!("`{name}` needs to know over which index"),
                )
                .at(function.span, "no index is named")
                .help(format!("name it in brackets: `{name}[c](…)`")),
            );
        }
        let diagnostic = Diagnostic::new("unknown-function", format!("there is no function `{name}`"))
            .at(function.span, "unknown");
        if self.meaning(name).is_some() {
            return self.error(
                diagnostic
                    .help("multiplication is always written")
                    .help(format!("if `{name}` is multiplied: `{name}*(…)`; if it has an axis: `{name}[…]`")),
            );
        }
        let defined = self.definitions.losses().into_iter().chain(self.definitions.helpers());
        let functions = Function::ALL.iter().flat_map(|f| f.entry().names.iter().copied());
        let candidates =
            functions.chain(DERIVED.iter().copied()).chain(REDUCTIONS.iter().copied()).chain(defined);
        let near = nearest(name, candidates).map(str::to_owned);
        let _ = arguments;
        self.error(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic
                .help("`lossform functions` lists the functions")
                .help(format!("or define it: `fn {name}(x) = …`")),
        })
    }

    /// Enters a definition, unless it is being read already or too many are.
    fn enter(&mut self, function: &Name) -> bool {
        if let Some(at) = self.calls.iter().position(|(name, _)| *name == function.text) {
            let chain: Vec<&str> = self.calls[at..].iter().map(|(name, _)| name.as_str()).collect();
            let help = "a definition may only use others that do not use it";
            let diagnostic = recursive_definition(&chain, function.span, self.calls[at].1, help);
            self.error(diagnostic);
            return false;
        }
        if self.calls.len() >= CALL_LIMIT {
            self.error(
                Diagnostic::new(
                    "calls-too-deep",
                    format!("definitions call one another more than {CALL_LIMIT} deep"),
                )
                .fault(Fault::Limit)
                .at(function.span, "one call too many")
                .help("put some of the definitions together"),
            );
            return false;
        }
        true
    }

    fn call_helper(
        &mut self,
        helper: &'d tree::Helper,
        function: &Name,
        binders: &[IndexBinder],
        filter: Option<&Expression>,
        arguments: &[Expression],
        span: Span,
    ) -> NodeId {
        if !self.enter(function) {
            return self.graph.integer(0);
        }
        if let Some(filter) = filter {
            return self.error(
                Diagnostic::new("unexpected-filter", format!("`{}` takes no filter", function.text))
                    .at(filter.span, "filters are for reductions"),
            );
        }
        if binders.len() != helper.indices.len() || arguments.len() != helper.parameters.len() {
            let names = |names: &[Name]| names.iter().map(|n| n.text.clone()).collect::<Vec<_>>().join(", ");
            let brackets = if helper.indices.is_empty() {
                String::new()
            } else {
                format!("[{}]", names(&helper.indices))
            };
            return self.error(
                Diagnostic::new(
                    "wrong-number-of-arguments",
                    format!(
                        "`{}` takes {} indices and {} arguments, but {} and {} are given",
                        function.text,
                        helper.indices.len(),
                        helper.parameters.len(),
                        binders.len(),
                        arguments.len()
                    ),
                )
                .at(span, "does not fit its definition")
                .at(helper.name.span, "defined here")
                .help(format!(
                    "write `{}{brackets}({})`",
                    function.text,
                    names(&helper.parameters)
                )),
            );
        }
        let depth = self.frame().indices.len();
        let mut indices = Vec::with_capacity(binders.len());
        for binder in binders {
            let name = &binder.name.text;
            let frame = self.frame();
            let open = frame.implicit.iter().flatten();
            let known = frame.indices.iter().rev().chain(open).find(|(known, _)| known == name).map(|i| i.1);
            // One that nothing binds is for the helper to bind; if it does not, that shows below.
            let index = known.unwrap_or_else(|| self.graph.fresh_index(name, None));
            self.frame().indices.push((name.clone(), index));
            indices.push(index);
        }
        let nodes: Vec<NodeId> = arguments.iter().map(|a| self.expression(a)).collect();
        self.frame().indices.truncate(depth);
        let key = (function.text.clone(), nodes.clone(), indices.clone());
        if let Some(known) = self.helper_results.get(&key) {
            return *known;
        }
        let parameters: Vec<(String, IndexId)> =
            helper.indices.iter().map(|n| n.text.clone()).zip(indices.iter().copied()).collect();
        let mut frame = Frame { indices: parameters.clone(), parameters, ..Frame::default() };
        for (parameter, node) in helper.parameters.iter().zip(nodes) {
            let value = Value { indices: Vec::new(), index_names: Vec::new(), node };
            frame.names.insert(&parameter.text, Meaning::Value(value));
        }
        self.declare_bindings(&helper.bindings, &mut frame);
        self.calls.push((function.text.clone(), helper.name.span));
        self.frames.push(frame);
        let was_bare = std::mem::replace(&mut self.bare, false);
        let node = self.expression(&helper.body);
        self.bare = was_bare;
        self.frames.pop();
        self.calls.pop();
        // What the caller did not bind must not be left over.
        for index in &indices {
            let in_scope = self.frame().indices.iter().any(|(_, known)| known == index)
                || self
                    .frame()
                    .implicit
                    .as_ref()
                    .is_some_and(|open| open.iter().any(|(_, known)| known == index));
            if !in_scope && self.graph.depends_on_index(node, *index) {
                let name = self.graph.index_entry(*index).name.clone();
                match &mut self.frame().implicit {
                    Some(implicit) => implicit.push((name, *index)),
                    None => return self.need_index(&name, &format!("{}[{name}](…)", function.text), span),
                }
            }
        }
        self.helper_results.insert(key, node);
        node
    }

    fn call_loss(
        &mut self,
        loss: &'d tree::Loss,
        function: &Name,
        arguments: &[Expression],
        hyperparameters: &[(Name, Expression)],
        span: Span,
    ) -> NodeId {
        let Some(signature) = &loss.signature else { return self.graph.integer(0) };
        let defined = loss.name.as_ref().map_or(loss.span, |n| n.span);
        if !self.enter(function) {
            return self.graph.integer(0);
        }
        if arguments.len() != signature.inputs.len() {
            let names: Vec<&str> = signature.inputs.iter().map(|p| p.name.text.as_str()).collect();
            return self.error(
                Diagnostic::new(
                    "wrong-number-of-arguments",
                    format!(
                        "`{}` takes {} inputs, but {} are given",
                        function.text,
                        names.len(),
                        arguments.len()
                    ),
                )
                .at(span, format!("expected {}, found {}", names.len(), arguments.len()))
                .at(defined, "defined here")
                .help(format!("write `{}({})`", function.text, names.join(", "))),
            );
        }
        let mut frame = Frame::default();
        for (parameter, argument) in signature.inputs.iter().zip(arguments) {
            let value = self.loss_argument(parameter, argument, &mut frame);
            frame.names.insert(&parameter.name.text, Meaning::Value(value));
        }
        for (name, value) in hyperparameters {
            if !signature.hyperparameters.iter().any(|p| p.name == *name) {
                let known: Vec<String> =
                    signature.hyperparameters.iter().map(|p| format!("`{}`", p.name.text)).collect();
                return self.error(
                    Diagnostic::new(
                        "unknown-hyperparameter",
                        format!("`{}` has no hyperparameter `{}`", function.text, name.text),
                    )
                    .at(name.span, "unknown")
                    .at(value.span, "")
                    .help(if known.is_empty() {
                        "it has none".to_owned()
                    } else {
                        format!("it has {}", known.join(", "))
                    }),
                );
            }
        }
        for parameter in &signature.hyperparameters {
            let given = hyperparameters.iter().find(|(name, _)| *name == parameter.name);
            let node = match (given, &parameter.default) {
                (Some((_, value)), _) => self.number(value),
                (None, Some(default)) => {
                    self.frames.push(Frame::default());
                    let value = self.constant_value(default).unwrap_or(crate::number::Number::ZERO);
                    self.frames.pop();
                    self.graph.constant(value)
                }
                (None, None) => {
                    return self.error(
                        Diagnostic::new(
                            "missing-hyperparameter",
                            format!("`{}` has no default", parameter.name.text),
                        )
                        .at(span, "must be given here")
                        .help(format!("`{}(…; {} = …)`", function.text, parameter.name.text)),
                    );
                }
            };
            let value = Value { indices: Vec::new(), index_names: Vec::new(), node };
            frame.names.insert(&parameter.name.text, Meaning::Value(value));
        }
        self.declare_bindings(&loss.bindings, &mut frame);
        self.calls.push((function.text.clone(), defined));
        self.frames.push(frame);
        let was_bare = std::mem::replace(&mut self.bare, false);
        let node = self.number(&loss.body);
        self.bare = was_bare;
        let callee = self.frames.pop();
        self.calls.pop();
        if self.frames.len() == 1 {
            self.remember_names(callee);
        }
        node
    }

    /// Keeps what the names of a called loss stand for, for formulas in the scope of the caller.
    fn remember_names(&mut self, callee: Option<Frame<'d>>) {
        let Some(inner) = &mut self.inner_names else { return };
        for (name, meaning) in callee.into_iter().flat_map(|frame| frame.names) {
            let Meaning::Value(value) = meaning else { continue };
            let known = inner.entry(name).or_insert_with(|| Some(value.clone()));
            if known.as_ref().is_some_and(|k| k.node != value.node) {
                *known = None;
            }
        }
    }

    /// An argument for an input with axes: the indices that the caller leaves open become the input's axes, those
    /// of the same name first, the others in order.
    fn loss_argument(
        &mut self,
        parameter: &tree::Parameter,
        argument: &Expression,
        callee: &mut Frame<'d>,
    ) -> Value {
        let outer = self.frame().implicit.replace(Vec::new());
        // The names of the input's axes are open in the argument even where the caller has such an index bound:
        // `mean[n](cross_entropy(z[n,c], y[n,c]))` binds `n` only.
        let node = self.number(argument);
        let open = std::mem::replace(&mut self.frame().implicit, outer).unwrap_or_default();
        let names: Vec<String> = parameter.axes.iter().map(|a| a.text.clone()).collect();
        let mut left: Vec<(String, IndexId)> = open;
        let mut indices: Vec<Option<IndexId>> = vec![None; names.len()];
        for (slot, name) in indices.iter_mut().zip(&names) {
            if let Some(at) = left.iter().position(|(known, _)| known == name) {
                *slot = Some(left.remove(at).1);
            }
        }
        for slot in indices.iter_mut().filter(|s| s.is_none()) {
            if !left.is_empty() {
                *slot = Some(left.remove(0).1);
            }
        }
        if let Some((name, index)) = left.first() {
            // In a binding, what is left over is a parameter of the binding itself.
            if self.frame().implicit.is_some() {
                for (name, index) in left.clone() {
                    if let Some(implicit) = &mut self.frame().implicit {
                        implicit.push((name, index));
                    }
                }
            } else {
                let (name, _) = (name.clone(), index);
                let takes = match names.len() {
                    0 => "a scalar".to_owned(),
                    n => format!("{n} of its axes"),
                };
                self.error(
                    Diagnostic::new(
                        "axis-mismatch",
                        format!(
                            "the input `{}` takes {takes}, but the argument varies with `{name}` as well",
                            parameter.name.text
                        ),
                    )
                    .at(argument.span, format!("varies with `{name}`"))
                    .at(parameter.span, "declared here")
                    .help(format!("reduce around the call: `mean[{name}](…)`")),
                );
            }
        }
        let indices: Vec<IndexId> = indices
            .into_iter()
            .zip(&names)
            .map(|(slot, name)| slot.unwrap_or_else(|| self.graph.fresh_index(name, None)))
            .collect();
        for (name, index) in names.iter().zip(&indices) {
            if let Some(axis) = self.axis_of(node, *index) {
                callee.axes.entry(name.clone()).or_insert(axis);
            }
        }
        Value { indices, index_names: names, node }
    }

    /// The axis that `index` runs over directly in some access of `node`.
    fn axis_of(&self, node: NodeId, index: IndexId) -> Option<AxisId> {
        self.graph.reachable(&[node]).into_iter().find_map(|n| match self.graph.op(n) {
            Op::Access(variable) => {
                let at = self.graph.operands(n).iter().position(|o| self.graph.op(*o) == Op::Index(index))?;
                Some(self.graph.variable(variable).axes[at])
            }
            _ => None,
        })
    }
}

/// Each of `chain` uses the next, and the last the first: at `span`, which is defined at `defined`.
pub(super) fn recursive_definition(chain: &[&str], span: Span, defined: Span, help: &str) -> Diagnostic {
    let names: Vec<String> = chain.iter().map(|name| format!("`{name}`")).collect();
    let label = match names.as_slice() {
        [own] => format!("{own} uses itself"),
        _ => format!("{} uses {}", names.join(" uses "), names[0]),
    };
    Diagnostic::new("recursive-definition", format!("{} is defined by way of itself", names[0]))
        .at(span, label)
        .at(defined, "defined here")
        .help(help)
}
