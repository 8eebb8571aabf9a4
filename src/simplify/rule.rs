//! The rewrite rules, read from the `.loss` files beside this one.

use crate::graph::{Graph, NodeId};
use crate::lower::{Definitions, lower_rule};
use crate::source::Sources;
use crate::syntax::{parse_file, print_expression, tree};
use std::sync::OnceLock;

/// The files of rules, in the order in which they are tried.
const FILES: &[(&str, &str)] = &[
    ("exponential", include_str!("rules/exponential.loss")),
    ("piecewise", include_str!("rules/piecewise.loss")),
];

/// A rewrite rule: what matches `before` becomes `after` where `guard` can be proved.
#[derive(Clone)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Why it is there, in Markdown.
    pub documentation: String,
    /// The file that it stands in.
    pub family: &'static str,
    /// `before => after if guard`, in the language.
    pub text: String,
    /// Holds the three below; its variables are what the pattern leaves open.
    pub graph: Graph,
    /// The pattern.
    pub before: NodeId,
    /// What takes its place.
    pub after: NodeId,
    /// A condition on the matched parts.
    pub guard: Option<NodeId>,
}

/// All rules, in the order in which they are tried.
///
/// # Panics
/// If a rule is not in the language, which a test would show.
pub fn rules() -> &'static [Rule] {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    RULES.get_or_init(|| read_files(FILES))
}

/// The rules of some files.
///
/// # Panics
/// If a rule is not in the language, which a test would show.
pub(crate) fn read_files(files: &[(&'static str, &'static str)]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (family, text) in files {
        let mut sources = Sources::default();
        let source = sources.add(format!("{family}.loss"), *text);
        let (file, errors) = parse_file(text, source);
        assert!(errors.is_empty(), "rules of {family}: {errors:?}");
        for item in file.items {
            if let tree::Item::Rule(rule) = item {
                rules.push(read(family, &rule));
            }
        }
    }
    rules
}

fn read(family: &'static str, rule: &tree::Rule) -> Rule {
    let lowered = lower_rule(&Definitions::default(), rule)
        .unwrap_or_else(|errors| panic!("rule {}: {errors:?}", rule.name.text));
    let guard = rule.guard.as_ref().map_or(String::new(), |g| format!("   if {}", print_expression(g)));
    Rule {
        name: rule.name.text.clone(),
        documentation: rule.documentation.clone(),
        family,
        text: format!("{} => {}{guard}", print_expression(&rule.before), print_expression(&rule.after)),
        graph: lowered.graph,
        before: lowered.before,
        after: lowered.after,
        guard: lowered.guard,
    }
}
