//! The losses and helpers that a formula may use.

use crate::diagnostic::Diagnostic;
use crate::syntax::tree;
use std::collections::BTreeMap;

/// Losses and helpers by name.
#[derive(Clone, Default)]
pub struct Definitions {
    /// The losses.
    pub losses: BTreeMap<String, tree::Loss>,
    /// The helpers.
    pub helpers: BTreeMap<String, tree::Helper>,
    /// Names of the losses in the order defined.
    pub order: Vec<String>,
}

impl Definitions {
    /// Adds the definitions of a file. One that was there under the same name is replaced if it is from another
    /// source (a user may redefine what the library has).
    ///
    /// # Errors
    /// A name that one file defines twice; a loss without a name cannot occur in a file.
    pub fn add(&mut self, file: tree::File) -> Vec<Diagnostic> {
        let mut errors = Vec::new();
        for item in file.items {
            let name = match &item {
                tree::Item::Loss(loss) => match &loss.name {
                    Some(name) => name.clone(),
                    None => continue,
                },
                tree::Item::Helper(helper) => helper.name.clone(),
                tree::Item::Rule(rule) => {
                    errors.push(
                        Diagnostic::new("rule-outside-rules", "a rule cannot stand in a file of losses")
                            .at(rule.name.span, "rewrite rules are part of lossform itself"),
                    );
                    continue;
                }
            };
            let known = self
                .losses
                .get(&name.text)
                .and_then(|l| l.name.as_ref())
                .or_else(|| self.helpers.get(&name.text).map(|h| &h.name));
            if let Some(first) = known.filter(|first| first.span.source == name.span.source) {
                errors.push(
                    Diagnostic::new("defined-twice", format!("`{}` is defined twice", name.text))
                        .at(name.span, "again here")
                        .at(first.span, "first here")
                        .help("give one of them another name"),
                );
                continue;
            }
            self.order.retain(|known| *known != name.text);
            self.losses.remove(&name.text);
            self.helpers.remove(&name.text);
            match item {
                tree::Item::Loss(loss) => {
                    self.order.push(name.text.clone());
                    self.losses.insert(name.text, loss);
                }
                tree::Item::Helper(helper) => {
                    self.helpers.insert(name.text, helper);
                }
                tree::Item::Rule(_) => {}
            }
        }
        errors
    }
}
