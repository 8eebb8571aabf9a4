//! Reductions: `sum[i,j : i != j](e)`, `softmax[c](z)`.

use super::Lowering;
use crate::comparison::Comparison;
use crate::diagnostic::Diagnostic;
use crate::function::Function;
use crate::graph::{IndexId, NodeId, Range, Reduction};
use crate::source::Span;
use crate::syntax::tree::{Expression, IndexBinder, Name};

/// The reductions and axis functions of the language.
pub(super) const REDUCTIONS: &[&str] = &[
    "sum",
    "mean",
    "prod",
    "max",
    "min",
    "logsumexp",
    "norm",
    "softmax",
    "log_softmax",
    "normalize",
    "count",
    "any",
    "all",
];

impl Lowering<'_> {
    pub(super) fn reduction(
        &mut self,
        function: &Name,
        binders: &[IndexBinder],
        filter: Option<&Expression>,
        arguments: &[Expression],
        span: Span,
    ) -> NodeId {
        let [argument] = arguments else {
            return self.error(
                Diagnostic::new(
                    "wrong-number-of-arguments",
                    format!("`{}` takes one argument, but {} are given", function.text, arguments.len()),
                )
                .at(span, format!("expected 1, found {}", arguments.len()))
                .help(format!("write `{}[{}](…)`", function.text, binders[0].name.text)),
            );
        };
        if matches!(function.text.as_str(), "softmax" | "log_softmax" | "normalize") {
            return self.axis_function(function, binders, filter, argument);
        }
        let depth = self.frame().indices.len();
        let indices: Vec<IndexId> = binders.iter().map(|binder| self.bind_index(binder)).collect();
        let condition = filter.map(|f| self.condition(f));
        let takes_condition = matches!(function.text.as_str(), "count" | "any" | "all");
        let body = if takes_condition { self.condition(argument) } else { self.number(argument) };
        self.frame().indices.truncate(depth);
        let (zero, one) = (self.graph.integer(0), self.graph.integer(1));
        let filtered = |this: &mut Self, body: NodeId, otherwise: NodeId| match condition {
            Some(condition) => this.graph.select(condition, body, otherwise),
            None => body,
        };
        let reduce = |this: &mut Self, reduction, body, filter| {
            let node = this.graph.reduce(reduction, &indices, body, filter);
            this.graph.set_place(node, span);
            node
        };
        match function.text.as_str() {
            "sum" => {
                let body = filtered(self, body, zero);
                reduce(self, Reduction::Sum, body, None)
            }
            "mean" => reduce(self, Reduction::Mean, body, condition),
            "prod" => {
                let body = filtered(self, body, one);
                reduce(self, Reduction::Product, body, None)
            }
            "max" => reduce(self, Reduction::Max, body, condition),
            "min" => reduce(self, Reduction::Min, body, condition),
            "logsumexp" => reduce(self, Reduction::LogSumExp, body, condition),
            "norm" => {
                let body = filtered(self, body, zero);
                reduce(self, Reduction::Norm, body, None)
            }
            "count" => {
                let all: Vec<NodeId> = [body].into_iter().chain(condition).collect();
                let body = self.graph.and(&all);
                let body = self.graph.iverson(body);
                reduce(self, Reduction::Sum, body, None)
            }
            "any" => {
                let all: Vec<NodeId> = [body].into_iter().chain(condition).collect();
                let body = self.graph.and(&all);
                reduce(self, Reduction::Any, body, None)
            }
            _ => {
                // All hold where none of those that take part fails.
                let fails = self.graph.not(body);
                let all: Vec<NodeId> = [fails].into_iter().chain(condition).collect();
                let body = self.graph.and(&all);
                let any = reduce(self, Reduction::Any, body, None);
                self.graph.not(any)
            }
        }
    }

    /// Still depends on its index: `softmax[c](z)` is `exp(z - logsumexp[c](z))`, and `normalize[k](x)` is
    /// `x/norm[k](x)`, or 0 where the norm is 0.
    fn axis_function(
        &mut self,
        function: &Name,
        binders: &[IndexBinder],
        filter: Option<&Expression>,
        argument: &Expression,
    ) -> NodeId {
        let mut indices = Vec::with_capacity(binders.len());
        for binder in binders {
            match self.find_index(&binder.name.text) {
                Some(index) => indices.push(index),
                None => {
                    return self.need_index(
                        &binder.name.text,
                        &format!("{}[{}](…)", function.text, binder.name.text),
                        binder.name.span,
                    );
                }
            }
        }
        let condition = filter.map(|f| self.condition(f));
        let body = self.number(argument);
        let zero = self.graph.integer(0);
        if function.text == "normalize" {
            let body = condition.map_or(body, |c| self.graph.select(c, body, zero));
            let norm = self.graph.open_reduce(Reduction::Norm, &indices, body, None);
            self.graph.set_place(norm, function.span);
            let is_zero = self.graph.compare(Comparison::Equal, norm, zero);
            let unit = self.graph.div(body, norm);
            return self.graph.select(is_zero, zero, unit);
        }
        let total = self.graph.open_reduce(Reduction::LogSumExp, &indices, body, condition);
        self.graph.set_place(total, function.span);
        let log = self.graph.sub(body, total);
        if function.text == "log_softmax" {
            return log;
        }
        let value = self.graph.function(Function::Exp, &[log]);
        match condition {
            Some(condition) => self.graph.select(condition, value, zero),
            None => value,
        }
    }

    /// Brings the index of a reduction into scope. In a helper, the name of an index parameter means the index
    /// that the caller gave.
    fn bind_index(&mut self, binder: &IndexBinder) -> IndexId {
        let name = &binder.name.text;
        let parameter = self.frame().parameters.iter().find(|(known, _)| known == name).map(|p| p.1);
        let index = match (&binder.range, parameter) {
            (None, Some(index)) => index,
            (None, None) => self.graph.fresh_index(name, None),
            (Some(ends), _) => {
                let (low, high) = (self.number(&ends.0), self.number(&ends.1));
                let fixed = |this: &Self, node| {
                    this.graph.is_whole(node)
                        && this.graph.free_indices(node).is_empty()
                        && this
                            .graph
                            .reachable(&[node])
                            .iter()
                            .all(|n| !matches!(this.graph.op(*n), crate::graph::Op::Access(_)))
                };
                for (node, end) in [(low, &ends.0), (high, &ends.1)] {
                    if !fixed(self, node) && self.errors.is_empty() {
                        self.error(
                            Diagnostic::new(
                                "range-not-fixed",
                                "expected a whole number made of numbers and sizes",
                            )
                            .at(end.span, "an end of the range")
                            .help("let the index run over the whole axis and filter: `sum[j : j < n](…)`"),
                        );
                    }
                }
                self.graph.fresh_index(name, Some(Range { low, high }))
            }
        };
        self.frame().indices.push((name.clone(), index));
        index
    }
}
