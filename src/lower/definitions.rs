//! The losses and helpers that a formula may use.

use crate::diagnostic::Diagnostic;
use crate::graph::Map;
use crate::syntax::tree;

/// What a name that is called may be defined as.
#[derive(Clone)]
pub(super) enum Definition {
    Loss(tree::Loss),
    Helper(tree::Helper),
}

impl Definition {
    fn name(&self) -> Option<&tree::Name> {
        match self {
            Definition::Loss(loss) => loss.name.as_ref(),
            Definition::Helper(helper) => Some(&helper.name),
        }
    }
}

/// Losses and helpers by name.
#[derive(Clone, Default)]
pub struct Definitions {
    by_name: Map<String, Definition>,
}

impl Definitions {
    /// The loss of that name.
    pub fn loss(&self, name: &str) -> Option<&tree::Loss> {
        match self.find(name) {
            Some(Definition::Loss(loss)) => Some(loss),
            _ => None,
        }
    }

    /// The helper of that name.
    pub fn helper(&self, name: &str) -> Option<&tree::Helper> {
        match self.find(name) {
            Some(Definition::Helper(helper)) => Some(helper),
            _ => None,
        }
    }

    /// The names of the losses, in alphabetical order.
    pub fn losses(&self) -> Vec<&str> {
        self.names(|definition| matches!(definition, Definition::Loss(_)))
    }

    /// The names of the helpers, in alphabetical order.
    pub fn helpers(&self) -> Vec<&str> {
        self.names(|definition| matches!(definition, Definition::Helper(_)))
    }

    fn names(&self, is_wanted: impl Fn(&Definition) -> bool) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.by_name.iter().filter(|(_, d)| is_wanted(d)).map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn find(&self, name: &str) -> Option<&Definition> {
        self.by_name.get(name)
    }

    /// Adds the definitions of a file. One that was there under the same name is replaced if it is from another
    /// source (a user may redefine what the library has).
    ///
    /// # Errors
    /// A name that one file defines twice; a loss without a name cannot occur in a file.
    pub fn add(&mut self, file: tree::File) -> Vec<Diagnostic> {
        let mut errors = Vec::new();
        for item in file.items {
            let definition = match item {
                tree::Item::Loss(loss) => Definition::Loss(loss),
                tree::Item::Helper(helper) => Definition::Helper(helper),
                tree::Item::Rule(rule) => {
                    errors.push(
                        Diagnostic::new("rule-outside-rules", "a rule cannot stand in a file of losses")
                            .at(rule.name.span, "rewrite rules are part of lossform itself"),
                    );
                    continue;
                }
            };
            let Some(name) = definition.name().cloned() else { continue };
            let known = self.find(&name.text).and_then(Definition::name);
            if let Some(first) = known.filter(|first| first.span.source == name.span.source) {
                errors.push(
                    Diagnostic::new("defined-twice", format!("`{}` is defined twice", name.text))
                        .at(name.span, "again here")
                        .at(first.span, "first here")
                        .help("give one of them another name"),
                );
                continue;
            }
            self.by_name.insert(name.text, definition);
        }
        errors
    }
}
