//! What names mean within one definition.

use super::Lowering;
use super::call::recursive_definition;
use crate::diagnostic::Diagnostic;
use crate::graph::{AxisId, IndexId, Map, NodeId, VariableId};
use crate::source::Span;
use crate::suggestion::nearest;
use crate::syntax::tree;
use std::collections::BTreeMap;

/// The names of one definition: a loss, a helper, or a where-binding (which sees the names of its loss).
#[derive(Default)]
pub(super) struct Frame<'d> {
    /// What each name stands for.
    pub names: Map<&'d str, Meaning<'d>>,
    /// The where-bindings that are being read, the innermost last.
    pub open: Vec<&'d tree::Name>,
    /// The indices in scope, the innermost last.
    pub indices: Vec<(String, IndexId)>,
    /// The index parameters of a helper: a reduction in its body over such a name is over the caller's index.
    pub parameters: Vec<(String, IndexId)>,
    /// Indices that the expression uses without binding them; `None` where that is an error.
    pub implicit: Option<Vec<(String, IndexId)>>,
    /// In a loss that another one calls, the axes that its own axes stand for.
    pub axes: BTreeMap<String, AxisId>,
}

/// What a name stands for.
#[derive(Clone)]
pub(super) enum Meaning<'d> {
    /// An input or hyperparameter.
    Variable(VariableId),
    /// An expression, perhaps with index parameters.
    Value(Value),
    /// A where-binding that nothing has used yet.
    Pending(&'d tree::Binding),
    /// A where-binding that is being read.
    Open,
}

/// An expression with index parameters, free in `node`.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// The parameters.
    pub indices: Vec<IndexId>,
    /// Their names: a bare use means the indices of these names.
    pub index_names: Vec<String>,
    /// The expression.
    pub node: NodeId,
}

impl<'d> Lowering<'d> {
    pub(super) fn frame(&mut self) -> &mut Frame<'d> {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    pub(super) fn meaning(&mut self, name: &str) -> Option<Meaning<'d>> {
        self.frame().names.get(name).cloned()
    }

    /// The index of that name; where indices may be left open, a new one.
    pub(super) fn find_index(&mut self, name: &str) -> Option<IndexId> {
        let frame = self.frame();
        let bound = frame.indices.iter().rev().find(|(known, _)| known == name).map(|(_, index)| *index);
        if bound.is_some() {
            return bound;
        }
        let known = frame.implicit.as_ref()?.iter().find(|(known, _)| known == name).map(|(_, index)| *index);
        if known.is_some() {
            return known;
        }
        let index = self.graph.fresh_index(name, None);
        if let Some(implicit) = &mut self.frame().implicit {
            implicit.push((name.to_owned(), index));
        }
        Some(index)
    }

    /// The same, an error where there is none.
    pub(super) fn need_index(&mut self, name: &str, of: &str, span: Span) -> NodeId {
        match self.find_index(name) {
            Some(index) => self.graph.index_value(index),
            None => self.error(
                Diagnostic::new(
                    "missing-index",
                    format!("nothing gives the index `{name}` of `{of}` a value"),
                )
                .at(span, format!("varies with `{name}`"))
                .help(format!("reduce over it: `sum[{name}](…)` or `mean[{name}](…)`"))
                .help(format!("or take one element: `{of}[0]`")),
            ),
        }
    }

    pub(super) fn declare_bindings(&mut self, bindings: &'d [tree::Binding], frame: &mut Frame<'d>) {
        for binding in bindings {
            let name = &binding.name;
            match frame.names.get(name.text.as_str()) {
                Some(Meaning::Pending(first)) => {
                    let first = first.name.span;
                    self.error(
                        Diagnostic::new("defined-twice", format!("`{}` is defined twice", name.text))
                            .at(name.span, "again here")
                            .at(first, "first here")
                            .help("give one of them another name"),
                    );
                }
                Some(_) if !self.bare => {
                    self.error(
                        Diagnostic::new(
                            "defined-twice",
                            format!("`{}` is an input and a `where` name", name.text),
                        )
                        .at(name.span, "has a meaning already")
                        .help("give it another name"),
                    );
                }
                _ => {
                    frame.names.insert(&name.text, Meaning::Pending(binding));
                }
            }
        }
    }

    /// The value of the where-binding `name`, read at its first use.
    pub(super) fn binding(&mut self, name: &tree::Name) -> Option<Value> {
        let depth = self.frames.len() - 1;
        let binding = match self.meaning(&name.text)? {
            Meaning::Value(value) => return Some(value),
            Meaning::Variable(_) => return None,
            Meaning::Pending(binding) => binding,
            Meaning::Open => {
                let open = &self.frames[depth].open;
                let at = open.iter().position(|known| *known == name).unwrap_or(0);
                let chain: Vec<&str> = open[at..].iter().map(|name| name.text.as_str()).collect();
                let help = "a `where` name may only use others that do not use it";
                let diagnostic = recursive_definition(&chain, name.span, open[at].span, help);
                self.error(diagnostic);
                return None;
            }
        };
        self.frames[depth].names.insert(&binding.name.text, Meaning::Open);
        self.frames[depth].open.push(&binding.name);
        let mut parameters = Vec::new();
        for index in &binding.indices {
            if parameters.iter().any(|(known, _)| *known == index.text) {
                self.error(
                    Diagnostic::new("defined-twice", format!("the index `{}` stands twice", index.text))
                        .at(index.span, "again here"),
                );
            }
            parameters.push((index.text.clone(), self.graph.fresh_index(&index.text, None)));
        }
        // A binding sees the names of its loss but not the indices of the place where it is used.
        let hidden = std::mem::replace(&mut self.frame().indices, parameters.clone());
        let implicit = self.frame().implicit.replace(Vec::new());
        let node = self.expression(&binding.value);
        let found = std::mem::replace(&mut self.frame().implicit, implicit).unwrap_or_default();
        self.frame().indices = hidden;
        self.frame().open.pop();
        parameters.extend(found);
        let (index_names, indices) = parameters.into_iter().unzip();
        let value = Value { indices, index_names, node };
        self.frames[depth].names.insert(&binding.name.text, Meaning::Value(value.clone()));
        Some(value)
    }

    /// A name that means nothing here.
    pub(super) fn unknown_name(&mut self, name: &tree::Name) -> NodeId {
        let mut known: Vec<&str> = self.frame().names.keys().copied().collect();
        known.sort_unstable();
        let indices: Vec<String> = self.frame().indices.iter().map(|(n, _)| n.clone()).collect();
        let mut diagnostic = Diagnostic::new("unknown-name", format!("`{}` is not defined", name.text))
            .at(name.span, "neither an input nor a `where` name");
        let candidates = known.into_iter().chain(indices.iter().map(String::as_str)).chain(["pi"]);
        if let Some(near) = nearest(&name.text, candidates) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        } else {
            diagnostic = diagnostic
                .help(format!("add it to the inputs of the loss, or define it: `where {} = …`", name.text));
        }
        self.error(diagnostic)
    }
}
