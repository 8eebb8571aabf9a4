//! Signatures: inputs, hyperparameters, axes and domains; and what a bare formula leaves unsaid.

use super::Lowering;
use super::scope::{Frame, Meaning};
use crate::diagnostic::Diagnostic;
use crate::graph::{Axis, AxisId, Domain, Variable, VariableId};
use crate::interval::Interval;
use crate::source::Span;
use crate::syntax::tree::{self, Expression, ExpressionKind};
use std::collections::{BTreeMap, BTreeSet};

impl<'d> Lowering<'d> {
    pub(super) fn declare_signature(&mut self, signature: &tree::Signature, frame: &mut Frame<'d>) {
        let inputs = signature.inputs.iter().map(|p| (p, false));
        let all: Vec<_> = inputs.chain(signature.hyperparameters.iter().map(|p| (p, true))).collect();
        // All axes first: `t in index[c]` may stand before the input that has the axis.
        for (parameter, is_hyperparameter) in &all {
            let id = VariableId(self.graph.variables().len() as u32);
            let axes = self.axes(parameter, id);
            if let Some(Meaning::Variable(first)) = frame.names.get(&parameter.name.text) {
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
            frame.names.insert(parameter.name.text.clone(), Meaning::Variable(id));
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

    fn domain(&mut self, variable: VariableId, domain: &tree::Domain, span: Span) -> Domain {
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
        bodies: &[&Expression],
        bindings: &[tree::Binding],
        frame: &mut Frame<'d>,
    ) {
        let mut uses = Uses::default();
        for (name, loss) in &self.definitions.losses {
            let Some(signature) = &loss.signature else { continue };
            let names =
                signature.inputs.iter().chain(&signature.hyperparameters).map(|p| p.name.text.clone());
            uses.signatures.insert(name.clone(), names.collect());
        }
        for binding in bindings {
            uses.defined.insert(binding.name.text.clone());
        }
        bodies.iter().for_each(|body| uses.visit(body));
        for binding in bindings {
            let depth = uses.bound.len();
            uses.bound.extend(binding.indices.iter().map(|i| i.text.clone()));
            uses.visit(&binding.value);
            uses.bound.truncate(depth);
        }
        // Indices that no access mentions and no range is given for take their range from the bare names below.
        let untold: BTreeSet<String> =
            uses.reduced.iter().filter(|i| !uses.accessed.contains(*i)).cloned().collect();
        for (name, span) in &uses.order {
            let axes: Vec<String> = match uses.accesses.get(name) {
                Some(axes) => axes.clone(),
                None => uses
                    .around
                    .get(name)
                    .map_or(Vec::new(), |a| a.iter().filter(|i| untold.contains(*i)).cloned().collect()),
            };
            let id = VariableId(self.graph.variables().len() as u32);
            let axes = axes.iter().enumerate().map(|(at, axis)| self.axis(axis, id, at)).collect();
            let id = self.graph.add_variable(Variable {
                name: name.clone(),
                axes,
                domain: Domain::Interval(Interval::REALS),
                default: None,
                is_hyperparameter: false,
                span: *span,
            });
            frame.names.insert(name.clone(), Meaning::Variable(id));
        }
        self.take_parameters(&uses.passed, &uses.other_uses);
        // A name inside brackets that nothing binds is a position given as data: `logp[t]`.
        for (name, axis) in uses.positions {
            if let (Some(id), Some(axis)) = (self.graph.find_variable(&name), self.graph.find_axis(&axis)) {
                self.graph.variable_mut(id).domain = Domain::Index(axis);
            }
        }
    }
}

impl Lowering<'_> {
    /// In a bare formula, a name that is passed to a loss as it is takes the domain of its input: the formula has a
    /// meaning nowhere else. One that is used as a hyperparameter only is one.
    fn take_parameters(&mut self, passed: &[(String, String, usize)], other_uses: &BTreeSet<String>) {
        for (name, loss, at) in passed {
            let definitions = self.definitions;
            let Some(signature) = definitions.losses.get(loss).and_then(|l| l.signature.as_ref()) else {
                continue;
            };
            let is_hyperparameter = *at >= signature.inputs.len();
            let Some(parameter) = signature.inputs.iter().chain(&signature.hyperparameters).nth(*at) else {
                continue;
            };
            let Some(id) = self.graph.find_variable(name) else { continue };
            let own = self.graph.variable(id);
            if own.domain != Domain::Interval(Interval::REALS) {
                continue;
            }
            let domain = match &parameter.domain {
                // The axes of the loss are not those of the formula.
                Some((tree::Domain::Index(axis), _)) => match self.graph.find_axis(&axis.text) {
                    Some(axis) => Domain::Index(axis),
                    None => Domain::Integer,
                },
                Some((tree::Domain::Simplex, _)) if own.axes.is_empty() => continue,
                Some((domain, span)) => self.domain(id, domain, *span),
                None => continue,
            };
            let variable = self.graph.variable_mut(id);
            variable.domain = domain;
            variable.is_hyperparameter |= is_hyperparameter && !other_uses.contains(name);
        }
    }
}

/// The names that a bare formula uses.
#[derive(Default)]
struct Uses {
    /// Names passed to a loss as they are: the name, the loss, the position of the parameter, hyperparameters last.
    passed: Vec<(String, String, usize)>,
    /// Names that occur elsewhere than as a hyperparameter in a call.
    other_uses: BTreeSet<String>,
    /// Parameters of the losses that may be called, hyperparameters last.
    signatures: BTreeMap<String, Vec<String>>,
    defined: BTreeSet<String>,
    /// Index names bound around the current place.
    bound: Vec<String>,
    /// Undefined names in order of first use.
    order: Vec<(String, Span)>,
    /// Of names that are accessed with brackets, the axes.
    accesses: BTreeMap<String, Vec<String>>,
    /// Of names that occur bare, the indices bound around every occurrence.
    around: BTreeMap<String, Vec<String>>,
    /// Indices bound without an explicit range.
    reduced: BTreeSet<String>,
    /// Indices that some access mentions.
    accessed: BTreeSet<String>,
    /// Names that stand in brackets unbound, with the axis they are positions on.
    positions: Vec<(String, String)>,
}

impl Uses {
    fn note(&mut self, name: &tree::Name) {
        if !self.order.iter().any(|(known, _)| *known == name.text) {
            self.order.push((name.text.clone(), name.span));
        }
    }

    fn visit(&mut self, expression: &Expression) {
        stacker::maybe_grow(64 * 1024, 2 * 1024 * 1024, || self.visit_here(expression));
    }

    fn visit_here(&mut self, expression: &Expression) {
        match &expression.kind {
            ExpressionKind::Name(name) => {
                if self.defined.contains(&name.text)
                    || self.bound.contains(&name.text)
                    || matches!(name.text.as_str(), "pi" | "e")
                {
                    return;
                }
                self.note(name);
                self.other_uses.insert(name.text.clone());
                let mut here = self.bound.clone();
                if let Some(before) = self.around.get(&name.text) {
                    here.retain(|index| before.contains(index));
                }
                here.dedup();
                self.around.insert(name.text.clone(), here);
            }
            ExpressionKind::Access { name, indices } => {
                if name.text == "size" || self.defined.contains(&name.text) {
                    for index in indices {
                        self.visit_position(index, None);
                    }
                    return;
                }
                self.note(name);
                let mut axes = Vec::new();
                for (at, index) in indices.iter().enumerate() {
                    let axis =
                        first_bound_name(index, &self.bound).unwrap_or_else(|| format!("{}_{at}", name.text));
                    axes.push(axis);
                }
                // The first access that names its indices names the axes.
                let known = self.accesses.entry(name.text.clone()).or_insert_with(|| axes.clone());
                for (old, new) in known.iter_mut().zip(&axes) {
                    if self.bound.contains(new) && old.starts_with(&format!("{}_", name.text)) {
                        old.clone_from(new);
                    }
                }
                let axes = known.clone();
                for (index, axis) in indices.iter().zip(axes) {
                    self.visit_position(index, Some(axis));
                }
            }
            ExpressionKind::Call { function, indices, filter, arguments, hyperparameters } => {
                let depth = self.bound.len();
                for binder in indices {
                    match &binder.range {
                        Some(range) => {
                            self.visit(&range.0);
                            self.visit(&range.1);
                        }
                        None => {
                            self.reduced.insert(binder.name.text.clone());
                        }
                    }
                    self.bound.push(binder.name.text.clone());
                }
                if let Some(filter) = filter {
                    self.visit(filter);
                }
                for argument in arguments {
                    self.visit(argument);
                }
                self.bound.truncate(depth);
                let plain = |e: &Expression| match &e.kind {
                    ExpressionKind::Name(name) => Some(name.text.clone()),
                    _ => None,
                };
                let signature = self.signatures.get(&function.text).filter(|_| indices.is_empty()).cloned();
                for (at, argument) in arguments.iter().enumerate() {
                    if let (Some(name), Some(_)) = (plain(argument), &signature) {
                        self.passed.push((name, function.text.clone(), at));
                    }
                }
                for (parameter, value) in hyperparameters {
                    let is_other = plain(value).is_none_or(|name| self.other_uses.contains(&name));
                    self.visit(value);
                    let Some(names) = &signature else { continue };
                    if let Some(name) = plain(value)
                        && let Some(at) = names.iter().position(|n| *n == parameter.text)
                    {
                        if !is_other {
                            self.other_uses.remove(&name);
                        }
                        self.passed.push((name, function.text.clone(), at));
                    }
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

    fn visit_position(&mut self, index: &Expression, axis: Option<String>) {
        match &index.kind {
            ExpressionKind::Name(name) if self.bound.contains(&name.text) => {
                self.accessed.insert(name.text.clone());
            }
            ExpressionKind::Name(name) if !self.defined.contains(&name.text) => {
                self.note(name);
                if let Some(axis) = axis {
                    self.positions.push((name.text.clone(), axis));
                }
            }
            ExpressionKind::Access { name, .. } if !self.defined.contains(&name.text) => {
                if let Some(axis) = axis {
                    self.positions.push((name.text.clone(), axis));
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
fn first_bound_name(index: &Expression, bound: &[String]) -> Option<String> {
    match &index.kind {
        ExpressionKind::Name(name) => bound.contains(&name.text).then(|| name.text.clone()),
        ExpressionKind::Sum(terms) => terms.iter().find_map(|t| first_bound_name(&t.operand, bound)),
        ExpressionKind::Product(factors) => factors.iter().find_map(|f| first_bound_name(&f.operand, bound)),
        _ => None,
    }
}
