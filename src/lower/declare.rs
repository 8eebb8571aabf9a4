//! Signatures: inputs, hyperparameters, axes and domains; and what a bare formula leaves unsaid.

use super::Lowering;
use super::scope::{Frame, Meaning};
use crate::diagnostic::Diagnostic;
use crate::graph::{Axis, AxisId, Domain, Map, Set, Variable, VariableId};
use crate::interval::Interval;
use crate::source::Span;
use crate::syntax::tree::{self, Call, Expression, ExpressionKind};

impl<'d> Lowering<'d> {
    pub(super) fn declare_signature(&mut self, signature: &'d tree::Signature, frame: &mut Frame<'d>) {
        let inputs = signature.inputs.iter().map(|p| (p, false));
        let all: Vec<_> = inputs.chain(signature.hyperparameters.iter().map(|p| (p, true))).collect();
        // All axes first: `t in index[c]` may stand before the input that has the axis.
        for (parameter, is_hyperparameter) in &all {
            let id = VariableId(self.graph.variables().len() as u32);
            let axes = self.axes(parameter, id);
            if let Some(Meaning::Variable(first)) = frame.names.get(parameter.name.text.as_str()) {
                let first = self.graph.variable(*first).span;
                self.error(
                    Diagnostic::new("defined-twice", format!("`{}` is declared twice", parameter.name.text))
                        .at(parameter.name.span, "again here")
                        .at(first, "first here")
                        .help("give one of them another name"),
                );
            }
            if *is_hyperparameter && !axes.is_empty() {
                self.error(
                    Diagnostic::new("hyperparameter-with-axes", "a hyperparameter is one number")
                        .at(parameter.span, "has axes")
                        .help("move it before the semicolon, to the inputs"),
                );
            }
            let id = self.graph.add_variable(Variable {
                name: parameter.name.text.clone(),
                axes,
                domain: Domain::Interval(Interval::REALS),
                default: None,
                is_hyperparameter: *is_hyperparameter,
                span: parameter.name.span,
            });
            frame.names.insert(&parameter.name.text, Meaning::Variable(id));
        }
        for (at, (parameter, is_hyperparameter)) in all.into_iter().enumerate() {
            let id = VariableId(at as u32);
            if let Some((domain, span)) = &parameter.domain {
                let domain = self.domain(id, domain, *span);
                self.graph.variable_mut(id).domain = domain;
            }
            if let Some(default) = &parameter.default {
                if !is_hyperparameter {
                    self.error(
                        Diagnostic::new("default-of-input", format!("the input `{}` cannot have a default", parameter.name.text))
                            .at(default.span, "a default")
                            .help("hyperparameters have defaults; they stand after a semicolon: `(p, y; gamma = 2)`"),
                    );
                } else {
                    self.frames.push(Frame::default());
                    let value = self.constant_value(default);
                    self.frames.pop();
                    self.graph.variable_mut(id).default = value;
                }
            }
        }
    }

    fn axes(&mut self, parameter: &tree::Parameter, variable: VariableId) -> Vec<AxisId> {
        let mut axes = Vec::new();
        for (position, axis) in parameter.axes.iter().enumerate() {
            axes.push(self.axis(&axis.text, variable, position));
        }
        axes
    }

    fn axis(&mut self, name: &str, variable: VariableId, position: usize) -> AxisId {
        self.graph.find_axis(name).unwrap_or_else(|| {
            self.graph.add_axis(Axis { name: name.to_owned(), declared_by: (variable, position) })
        })
    }

    pub(super) fn domain(&mut self, variable: VariableId, domain: &tree::Domain, span: Span) -> Domain {
        match domain {
            tree::Domain::Interval(low, high) => {
                let end =
                    |e: &tree::Endpoint, infinite: f64| e.value.as_ref().map_or(infinite, |v| v.to_f64());
                Domain::Interval(Interval {
                    low: end(low, f64::NEG_INFINITY),
                    high: end(high, f64::INFINITY),
                    low_open: !low.closed || low.value.is_none(),
                    high_open: !high.closed || high.value.is_none(),
                })
            }
            tree::Domain::Set(values) => Domain::Set(values.clone()),
            tree::Domain::Simplex => {
                if self.graph.variable(variable).axes.is_empty() {
                    let name = self.graph.variable(variable).name.clone();
                    self.error(
                        Diagnostic::new(
                            "simplex-scalar",
                            format!("`{name}` is a scalar, a simplex needs an axis"),
                        )
                        .at(span, "sums to 1 over the last axis")
                        .help(format!("give it one: `{name}[c] in simplex`, or say `{name} in [0,1]`")),
                    );
                }
                Domain::Simplex
            }
            tree::Domain::Integer => Domain::Integer,
            tree::Domain::Logit => Domain::Logit,
            tree::Domain::Prob => Domain::Prob,
            tree::Domain::LogProb => Domain::LogProb,
            tree::Domain::Index(axis) => match self.graph.find_axis(&axis.text) {
                Some(id) => Domain::Index(id),
                None => {
                    let known: Vec<String> =
                        self.graph.axes().iter().map(|a| format!("`{}`", a.name)).collect();
                    let diagnostic =
                        Diagnostic::new("unknown-axis", format!("no input has an axis `{}`", axis.text))
                            .at(axis.span, "expected the name of an axis");
                    self.error(if known.is_empty() {
                        diagnostic.help(format!("declare one on an input: `z[{}]`", axis.text))
                    } else {
                        diagnostic.help(format!("the axes are {}", known.join(", ")))
                    });
                    Domain::Integer
                }
            },
        }
    }

    /// What `--assume` adds.
    pub(super) fn apply_assumptions(&mut self, assumptions: &[tree::Parameter]) {
        for assumption in assumptions {
            let name = &assumption.name;
            let Some(id) = self.graph.find_variable(&name.text) else {
                let names: Vec<String> =
                    self.graph.variables().iter().map(|v| format!("`{}`", v.name)).collect();
                self.error(
                    Diagnostic::new("unknown-name", format!("`{}` is not an input of the loss", name.text))
                        .at(name.span, "an assumption about something else")
                        .help(format!("its inputs are {}", names.join(", "))),
                );
                continue;
            };
            if let Some((domain, span)) = &assumption.domain {
                let domain = self.domain(id, domain, *span);
                self.graph.variable_mut(id).domain = domain;
            }
        }
    }

    /// In a bare formula every name that nothing defines is an input: with the axes that its accesses show, or
    /// those of the reductions around it that nothing else tells the range of, or none.
    pub(super) fn declare_used_names(
        &mut self,
        bodies: &[&'d Expression],
        bindings: &'d [tree::Binding],
        frame: &mut Frame<'d>,
    ) {
        let mut uses = Uses::default();
        uses.defined.extend(bindings.iter().map(|binding| binding.name.text.as_str()));
        bodies.iter().for_each(|body| uses.visit(body));
        for binding in bindings {
            let depth = uses.bound.len();
            uses.bound.extend(binding.indices.iter().map(|i| i.text.as_str()));
            uses.visit(&binding.value);
            uses.bound.truncate(depth);
        }
        // Indices that no access mentions and no range is given for take their range from the bare names below.
        let is_untold = |index: &&&str| uses.reduced.contains(**index) && !uses.accessed.contains(**index);
        // Most calls are of functions.
        let mut calls = std::mem::take(&mut uses.calls);
        calls.retain(|call| self.definitions.loss(&call.function.text).is_some());
        frame.names.reserve(uses.names.len());
        for (at, used) in uses.names.iter().enumerate() {
            let mut axes: Vec<&str> = match &used.axes {
                Some(axes) => axes.iter().map(String::as_str).collect(),
                None => used.around.iter().flatten().filter(is_untold).copied().collect(),
            };
            if axes.is_empty() && used.axes.is_none() {
                axes = self.axes_of_parameter(&calls, &used.name.text);
            }
            let id = VariableId(at as u32);
            let axes = axes.iter().enumerate().map(|(at, axis)| self.axis(axis, id, at)).collect();
            let id = self.graph.add_variable(Variable {
                name: used.name.text.clone(),
                axes,
                domain: Domain::Interval(Interval::REALS),
                default: None,
                is_hyperparameter: false,
                span: used.name.span,
            });
            frame.names.insert(&used.name.text, Meaning::Variable(id));
        }
        self.take_parameters(&calls, bodies, bindings);
        // A name inside brackets that nothing binds is a position given as data: `logp[t]`.
        for (name, axis) in uses.positions {
            if let (Some(id), Some(axis)) = (self.graph.find_variable(name), self.graph.find_axis(&axis)) {
                self.graph.variable_mut(id).domain = Domain::Index(axis);
            }
        }
    }
}

/// An undefined name of a bare formula.
struct Use<'e> {
    /// Where it is used first.
    name: &'e tree::Name,
    /// Its axes, if it is accessed with brackets.
    axes: Option<Vec<String>>,
    /// The indices bound around every occurrence without brackets, if there is one.
    around: Option<Vec<&'e str>>,
}

/// The names that a bare formula uses.
#[derive(Default)]
struct Uses<'e> {
    calls: Vec<&'e Call>,
    defined: Set<&'e str>,
    /// Index names bound around the current place.
    bound: Vec<&'e str>,
    /// Undefined names in order of first use.
    names: Vec<Use<'e>>,
    /// Where each stands in `names`.
    places: Map<&'e str, usize>,
    /// Indices bound without an explicit range.
    reduced: Set<&'e str>,
    /// Indices that some access mentions.
    accessed: Set<&'e str>,
    /// Names that stand in brackets unbound, with the axis they are positions on.
    positions: Vec<(&'e str, String)>,
}

impl<'e> Uses<'e> {
    fn note(&mut self, name: &'e tree::Name) -> &mut Use<'e> {
        let at = *self.places.entry(&name.text).or_insert_with(|| {
            self.names.push(Use { name, axes: None, around: None });
            self.names.len() - 1
        });
        &mut self.names[at]
    }

    fn is_defined(&self, name: &tree::Name) -> bool {
        !self.defined.is_empty() && self.defined.contains(name.text.as_str())
    }

    fn is_bound(&self, name: &tree::Name) -> bool {
        self.bound.contains(&name.text.as_str())
    }

    fn visit(&mut self, expression: &'e Expression) {
        if matches!(expression.kind, ExpressionKind::Name(_) | ExpressionKind::Number(_)) {
            return self.visit_here(expression);
        }
        stacker::maybe_grow(64 * 1024, 2 * 1024 * 1024, || self.visit_here(expression));
    }

    fn visit_here(&mut self, expression: &'e Expression) {
        match &expression.kind {
            ExpressionKind::Name(name) => {
                if self.is_defined(name) || self.is_bound(name) || matches!(name.text.as_str(), "pi" | "e") {
                    return;
                }
                let mut here = self.bound.clone();
                let used = self.note(name);
                if let Some(before) = &used.around {
                    here.retain(|index| before.contains(index));
                }
                here.dedup();
                used.around = Some(here);
            }
            ExpressionKind::Access { name, indices } => {
                if name.text == "size" || self.is_defined(name) {
                    for index in indices {
                        self.visit_position(index, None);
                    }
                    return;
                }
                let mut axes = Vec::new();
                for (at, index) in indices.iter().enumerate() {
                    let axis = first_bound_name(index, &self.bound);
                    axes.push(axis.map_or_else(|| format!("{}_{at}", name.text), str::to_owned));
                }
                // The first access that names its indices names the axes.
                let bound = self.bound.clone();
                let known = self.note(name).axes.get_or_insert_with(|| axes.clone());
                for (old, new) in known.iter_mut().zip(&axes) {
                    if bound.contains(&new.as_str()) && old.starts_with(&format!("{}_", name.text)) {
                        old.clone_from(new);
                    }
                }
                let axes = known.clone();
                for (index, axis) in indices.iter().zip(axes) {
                    self.visit_position(index, Some(axis));
                }
            }
            ExpressionKind::Call(call) => {
                let Call { indices, filter, arguments, hyperparameters, .. } = &**call;
                self.calls.push(call);
                let depth = self.bound.len();
                for binder in indices {
                    match &binder.range {
                        Some(range) => {
                            self.visit(&range.0);
                            self.visit(&range.1);
                        }
                        None => {
                            self.reduced.insert(&binder.name.text);
                        }
                    }
                    self.bound.push(&binder.name.text);
                }
                if let Some(filter) = filter {
                    self.visit(filter);
                }
                for argument in arguments {
                    self.visit(argument);
                }
                self.bound.truncate(depth);
                for (_, value) in hyperparameters {
                    self.visit(value);
                }
            }
            ExpressionKind::Sum(terms) => terms.iter().for_each(|t| self.visit(&t.operand)),
            ExpressionKind::Product(factors) => factors.iter().for_each(|f| self.visit(&f.operand)),
            ExpressionKind::Power(a, b) => {
                self.visit(a);
                self.visit(b);
            }
            ExpressionKind::Absolute(a) | ExpressionKind::Iverson(a) | ExpressionKind::Not(a) => {
                self.visit(a)
            }
            ExpressionKind::If(parts) => parts.iter().for_each(|p| self.visit(p)),
            ExpressionKind::Compare(_, sides) => sides.iter().for_each(|s| self.visit(s)),
            ExpressionKind::And(all) | ExpressionKind::Or(all) => all.iter().for_each(|c| self.visit(c)),
            ExpressionKind::Number(_) | ExpressionKind::Missing => {}
        }
    }

    fn visit_position(&mut self, index: &'e Expression, axis: Option<String>) {
        match &index.kind {
            ExpressionKind::Name(name) if self.is_bound(name) => {
                self.accessed.insert(&name.text);
            }
            ExpressionKind::Name(name) if !self.is_defined(name) => {
                self.note(name);
                if let Some(axis) = axis {
                    self.positions.push((&name.text, axis));
                }
            }
            ExpressionKind::Access { name, .. } if !self.is_defined(name) => {
                if let Some(axis) = axis {
                    self.positions.push((&name.text, axis));
                }
                self.visit(index);
            }
            ExpressionKind::Sum(terms) => terms.iter().for_each(|t| self.visit_position(&t.operand, None)),
            ExpressionKind::Product(factors) => {
                factors.iter().for_each(|f| self.visit_position(&f.operand, None));
            }
            _ => self.visit(index),
        }
    }
}

/// The index that an index expression is mainly about: `i` of `2*i + u` (the first that is bound).
fn first_bound_name<'e>(index: &'e Expression, bound: &[&str]) -> Option<&'e str> {
    match &index.kind {
        ExpressionKind::Name(name) => bound.contains(&name.text.as_str()).then_some(name.text.as_str()),
        ExpressionKind::Sum(terms) => terms.iter().find_map(|t| first_bound_name(&t.operand, bound)),
        ExpressionKind::Product(factors) => factors.iter().find_map(|f| first_bound_name(&f.operand, bound)),
        _ => None,
    }
}
