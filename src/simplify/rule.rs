//! The rewrite rules, read from the `.loss` files beside this one.

use crate::graph::{Graph, NodeId, Op};
use crate::lower::{Definitions, lower_rule};
use crate::source::Sources;
use crate::syntax::{parse_file, print_expression, tree};
use std::mem::{Discriminant, discriminant};
use std::sync::OnceLock;

/// When a rule is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Always, and before differentiation already: its two sides have the same derivative, also at kinks.
    Everywhere,
    /// Always, but on derivatives only.
    OnResults,
    /// Where it makes the result shorter.
    IfShorter,
    /// The same once nothing else shortens the result: for forms that would hide what they share with others.
    AtLast,
}

/// The files of rules, in the order in which they are tried.
const FILES: &[(&str, Use, &str)] = &[
    ("exponential", Use::Everywhere, include_str!("rules/exponential.loss")),
    ("piecewise", Use::OnResults, include_str!("rules/piecewise.loss")),
    ("shared", Use::IfShorter, include_str!("rules/shared.loss")),
    ("last", Use::AtLast, include_str!("rules/last.loss")),
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
    /// When it is used.
    pub kind: Use,
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
pub(crate) fn read_files(files: &[(&'static str, Use, &'static str)]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (family, kind, text) in files {
        let mut sources = Sources::default();
        let source = sources.add(format!("{family}.loss"), *text);
        let (file, errors) = parse_file(text, source);
        assert!(errors.is_empty(), "rules of {family}: {errors:?}");
        for item in file.items {
            if let tree::Item::Rule(rule) = item {
                rules.push(read(family, *kind, &rule));
            }
        }
    }
    rules
}

/// Rules by the stage and the sort of operation that they are looked for at.
type Sorted = Vec<(Stage, Discriminant<Op>, Vec<&'static Rule>)>;

/// The rules of a stage whose pattern is of the same sort as `op`, in the order in which they are tried.
pub(super) fn rules_for(stage: Stage, op: Op) -> &'static [&'static Rule] {
    static SORTED: OnceLock<Sorted> = OnceLock::new();
    let sorted = SORTED.get_or_init(|| {
        let mut sorted = Sorted::new();
        for rule in rules() {
            let sort = discriminant(&rule.graph.op(rule.before));
            for stage in [Stage::Loss, Stage::Result, Stage::Proposal, Stage::Last] {
                if !stage.takes(rule.kind) {
                    continue;
                }
                match sorted.iter_mut().find(|(known, op, _)| *known == stage && *op == sort) {
                    Some((_, _, list)) => list.push(rule),
                    None => sorted.push((stage, sort, vec![rule])),
                }
            }
        }
        sorted
    });
    let sort = discriminant(&op);
    sorted.iter().find(|(known, op, _)| *known == stage && *op == sort).map_or(&[], |(_, _, list)| list)
}

/// What rules are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Those that a loss is brought into form by before it is differentiated.
    Loss,
    /// Those that a derivative is always rewritten by.
    Result,
    /// Those that propose another form of a derivative.
    Proposal,
    /// Those that propose another form of a result.
    Last,
}

impl Stage {
    fn takes(self, kind: Use) -> bool {
        match self {
            Stage::Loss => kind == Use::Everywhere,
            Stage::Result => matches!(kind, Use::Everywhere | Use::OnResults),
            Stage::Proposal => kind == Use::IfShorter,
            Stage::Last => kind == Use::AtLast,
        }
    }
}

fn read(family: &'static str, kind: Use, rule: &tree::Rule) -> Rule {
    let lowered = lower_rule(&Definitions::default(), rule)
        .unwrap_or_else(|errors| panic!("rule {}: {errors:?}", rule.name.text));
    let guard = rule.guard.as_ref().map_or(String::new(), |g| format!("   if {}", print_expression(g)));
    Rule {
        name: rule.name.text.clone(),
        documentation: rule.documentation.clone(),
        family,
        kind,
        text: format!("{} => {}{guard}", print_expression(&rule.before), print_expression(&rule.after)),
        graph: lowered.graph,
        before: lowered.before,
        after: lowered.after,
        guard: lowered.guard,
    }
}
