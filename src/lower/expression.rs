//! Expressions.

use super::scope::{Meaning, Value};
use super::{Lowering, NODE_LIMIT};
use crate::diagnostic::{Diagnostic, Fault};
use crate::function::Function;
use crate::graph::{NodeId, NodeList};
use crate::number::Number;
use crate::syntax::tree::{Expression, ExpressionKind, Name, Term};
use smallvec::SmallVec;

impl Lowering<'_> {
    /// The node for `expression` in the innermost frame.
    pub(super) fn expression(&mut self, expression: &Expression) -> NodeId {
        // Nesting is limited by the parser; inlined definitions multiply it, hence a stack that grows.
        stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || self.expression_here(expression))
    }

    fn expression_here(&mut self, expression: &Expression) -> NodeId {
        if self.graph.len() > NODE_LIMIT {
            if !self.errors.iter().any(|e| e.code == "formula-too-large") {
                self.errors.push(
                    Diagnostic::new(
                        "formula-too-large",
                        format!("the formula grows beyond {NODE_LIMIT} subexpressions"),
                    )
                    .fault(Fault::Limit)
                    .at(expression.span, "while this was being put in place")
                    .help("use a sum over an index instead of writing every term"),
                );
            }
            return self.graph.integer(0);
        }
        match &expression.kind {
            ExpressionKind::Number(value) => self.graph.constant(value.clone()),
            ExpressionKind::Name(name) => self.name(name),
            ExpressionKind::Access { name, indices } => self.element(name, indices, expression),
            ExpressionKind::Call(call) => self.call(call, expression.span),
            ExpressionKind::Sum(terms) => {
                let terms: SmallVec<[(Number, NodeId); 8]> =
                    terms.iter().map(|term| (sign(term), self.number(&term.operand))).collect();
                self.graph.linear(Number::ZERO, &terms)
            }
            ExpressionKind::Product(factors) => {
                let mut nodes = NodeList::with_capacity(factors.len());
                for factor in factors {
                    let node = self.number(&factor.operand);
                    nodes.push(if factor.divide { self.reciprocal(node, factor.operand.span) } else { node });
                }
                self.graph.mul(&nodes)
            }
            ExpressionKind::Power(base, exponent) => {
                if let ExpressionKind::Name(name) = &base.kind
                    && name.text == "e"
                    && self.meaning("e").is_none()
                {
                    let exponent = self.number(exponent);
                    return self.graph.function(Function::Exp, &[exponent]);
                }
                let (base, span) = (self.number(base), base.span);
                let exponent = self.number(exponent);
                // `0^(-1)` is `1/0`.
                if self.graph.is_zero(base) && self.graph.interval(exponent).is_negative() {
                    return self.reciprocal(base, span);
                }
                self.graph.power(base, exponent)
            }
            ExpressionKind::Absolute(inner) => {
                let inner = self.number(inner);
                self.graph.function(Function::Abs, &[inner])
            }
            ExpressionKind::Iverson(condition) => {
                let condition = self.condition(condition);
                self.graph.iverson(condition)
            }
            ExpressionKind::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let condition = self.condition(condition);
                let then = self.number(then);
                let otherwise = self.number(otherwise);
                self.graph.select(condition, then, otherwise)
            }
            ExpressionKind::Compare(comparison, sides) => {
                let [a, b] = &**sides;
                let a = self.number(a);
                let b = self.number(b);
                self.graph.compare(*comparison, a, b)
            }
            ExpressionKind::Not(inner) => {
                let inner = self.condition(inner);
                self.graph.not(inner)
            }
            ExpressionKind::And(conditions) => {
                let nodes: Vec<NodeId> = conditions.iter().map(|c| self.condition(c)).collect();
                self.graph.and(&nodes)
            }
            ExpressionKind::Or(conditions) => {
                let nodes: Vec<NodeId> = conditions.iter().map(|c| self.condition(c)).collect();
                self.graph.or(&nodes)
            }
            ExpressionKind::Missing => self.graph.integer(0),
        }
    }

    fn reciprocal(&mut self, node: NodeId, span: crate::source::Span) -> NodeId {
        if self.graph.is_zero(node) && self.errors.is_empty() {
            return self.error(
                Diagnostic::new("division-by-zero", "the divisor is 0 whatever the inputs are")
                    .at(span, "always 0"),
            );
        }
        self.graph.powi(node, -1)
    }

    /// An expression where a number is needed.
    pub(super) fn number(&mut self, expression: &Expression) -> NodeId {
        let node = self.expression(expression);
        if !self.graph.op(node).is_condition() {
            return node;
        }
        self.error(
            Diagnostic::new("expected-number", "expected a number, found a condition")
                .at(expression.span, "true or false")
                .help("an Iverson bracket turns a condition into 1 or 0: `[a < b]`"),
        )
    }

    /// An expression where a condition is needed.
    pub(super) fn condition(&mut self, expression: &Expression) -> NodeId {
        let node = self.expression(expression);
        if self.graph.op(node).is_condition() {
            return node;
        }
        self.error(
            Diagnostic::new("expected-condition", "expected a condition, found a number")
                .at(expression.span, "a number")
                .help("compare it with something: `x > 0`, `y == 1`"),
        );
        self.graph.truth(false)
    }

    fn name(&mut self, name: &Name) -> NodeId {
        match self.meaning(&name.text) {
            Some(Meaning::Variable(variable)) => {
                let axes: Vec<String> = self
                    .graph
                    .variable(variable)
                    .axes
                    .iter()
                    .map(|axis| self.graph.axis(*axis).name.clone())
                    .collect();
                let indices: Vec<NodeId> =
                    axes.iter().map(|axis| self.need_index(axis, &name.text, name.span)).collect();
                self.graph.access(variable, &indices)
            }
            Some(_) => match self.binding(name) {
                Some(value) => {
                    let names = value.index_names.clone();
                    let indices: Vec<NodeId> =
                        names.iter().map(|index| self.need_index(index, &name.text, name.span)).collect();
                    self.instance(&value, &indices)
                }
                None => self.graph.integer(0),
            },
            None if name.text == "pi" => self.graph.pi(),
            None => {
                let in_scope = self.frame().indices.iter().any(|(known, _)| *known == name.text);
                let may_be_open = self.frame().implicit.is_some();
                if in_scope || (may_be_open && self.is_index_name(&name.text)) {
                    return self.need_index(&name.text, &name.text, name.span);
                }
                if name.text == "e" && self.bare {
                    let one = self.graph.integer(1);
                    return self.graph.function(Function::Exp, &[one]);
                }
                self.unknown_name(name)
            }
        }
    }

    /// Whether an index of that name can be meant: one of an axis, or one that a reduction somewhere binds.
    fn is_index_name(&self, name: &str) -> bool {
        self.graph.find_axis(name).is_some()
    }

    /// `value` with its parameters set.
    pub(super) fn instance(&mut self, value: &Value, indices: &[NodeId]) -> NodeId {
        let map: Vec<_> = value.indices.iter().copied().zip(indices.iter().copied()).collect();
        self.graph.substitute(value.node, &map)
    }

    /// `x[i+1,j]`, `p[t]`, `size[c]`
    fn element(&mut self, name: &Name, indices: &[Expression], whole: &Expression) -> NodeId {
        let meaning = self.meaning(&name.text);
        if meaning.is_none() && name.text == "size" {
            return self.size(indices, whole);
        }
        let (count, axes) = match &meaning {
            None => return self.unknown_name(name),
            Some(Meaning::Variable(variable)) => {
                let axes = self.graph.variable(*variable).axes.clone();
                (axes.len(), axes.iter().map(|a| self.graph.axis(*a).name.clone()).collect::<Vec<_>>())
            }
            Some(_) => match self.binding(name) {
                Some(value) => (value.indices.len(), value.index_names),
                None => return self.graph.integer(0),
            },
        };
        if count != indices.len() {
            let has = match count {
                0 => "is a scalar".to_owned(),
                1 => format!("has one axis, `{}`", axes[0]),
                _ => format!("has {count} axes, `{}`", axes.join("`, `")),
            };
            return self.error(
                Diagnostic::new(
                    "wrong-number-of-indices",
                    format!("`{}` {has}, but {} are given", name.text, indices.len()),
                )
                .at(whole.span, format!("expected {count}, found {}", indices.len()))
                .help(if count == 0 {
                    format!("write `{}` without brackets", name.text)
                } else {
                    format!("write `{}[{}]`", name.text, axes.join(","))
                }),
            );
        }
        let nodes: Vec<NodeId> = indices.iter().map(|index| self.position(index)).collect();
        match meaning {
            Some(Meaning::Variable(variable)) => self.graph.access(variable, &nodes),
            _ => match self.binding(name) {
                Some(value) => self.instance(&value, &nodes),
                None => self.graph.integer(0),
            },
        }
    }

    /// An expression between the brackets of an access: a name there is an index before it is anything else.
    fn position(&mut self, index: &Expression) -> NodeId {
        let node = self.position_part(index);
        if self.graph.is_whole(node) || !self.errors.is_empty() {
            return node;
        }
        self.error(
            Diagnostic::new("index-not-whole", "expected a whole number as an index")
                .at(index.span, "need not be whole")
                .help("declare the input that it is made of as a position: `t in index[c]`")
                .help("or round it: `floor(…)`"),
        )
    }

    fn position_part(&mut self, index: &Expression) -> NodeId {
        match &index.kind {
            ExpressionKind::Name(name) => {
                let bound = self.frame().indices.iter().any(|(known, _)| *known == name.text);
                if bound || self.meaning(&name.text).is_none() && self.frame().implicit.is_some() {
                    return self.need_index(&name.text, &name.text, name.span);
                }
                if self.meaning(&name.text).is_none() && name.text != "pi" {
                    return self.error(
                        Diagnostic::new(
                            "missing-index",
                            format!("nothing gives the index `{}` a value", name.text),
                        )
                        .at(name.span, "not bound by a reduction around it")
                        .help(format!("reduce over it: `sum[{}](…)`", name.text))
                        .help(format!("or, if it is data, declare it: `{} in index[…]`", name.text)),
                    );
                }
                self.name(name)
            }
            ExpressionKind::Sum(terms) => {
                let terms: Vec<(Number, NodeId)> =
                    terms.iter().map(|term| (sign(term), self.position_part(&term.operand))).collect();
                self.graph.linear(Number::ZERO, &terms)
            }
            ExpressionKind::Product(factors) if factors.iter().all(|f| !f.divide) => {
                let nodes: Vec<NodeId> = factors.iter().map(|f| self.position_part(&f.operand)).collect();
                self.graph.mul(&nodes)
            }
            _ => self.number(index),
        }
    }

    fn size(&mut self, indices: &[Expression], whole: &Expression) -> NodeId {
        if let [Expression { kind: ExpressionKind::Name(axis), .. }] = indices {
            // In a loss that another one calls, an axis is what the argument has there; in a helper, it is that of
            // the index it was given.
            if let Some(id) = self.frame().axes.get(&axis.text) {
                let id = *id;
                return self.graph.size(id);
            }
            let index = self.frame().indices.iter().rev().find(|(known, _)| *known == axis.text).map(|i| i.1);
            let name = index.map_or(axis.text.clone(), |index| self.graph.index_entry(index).name.clone());
            if let Some(id) = self.graph.find_axis(&name) {
                return self.graph.size(id);
            }
        }
        self.error(
            Diagnostic::new("unknown-axis", "expected the name of an axis")
                .at(whole.span, "no input has such an axis")
                .help("`size[c]` is the length of the axis `c` of an input `z[c]`"),
        )
    }

    /// The constant value of a default or of a hyperparameter in a call.
    pub(super) fn constant_value(&mut self, expression: &Expression) -> Option<Number> {
        let node = self.number(expression);
        if let Some(value) = self.graph.as_constant(node) {
            return Some(value.clone());
        }
        if self.errors.is_empty() {
            self.error(
                Diagnostic::new("default-not-constant", "expected a number")
                    .at(expression.span, "not a rational constant")
                    .help("write it out: `0.25`, `1/3`, `1e-7`"),
            );
        }
        None
    }
}

fn sign(term: &Term) -> Number {
    if term.negative { Number::MINUS_ONE } else { Number::ONE }
}
