//! The formatter: canonical spacing, comments kept.

use super::print::{print_expression, print_loss};
use super::tree::{Binding, Expression, Helper, Item, Rule};
use crate::diagnostic::Diagnostic;
use crate::source::SourceId;

/// The longest line that is not broken.
const WIDTH: usize = 100;

/// The text of a `.loss` file in canonical form: formatting it again changes nothing.
///
/// Comments before a definition stay before it; those inside one are moved before it.
///
/// # Errors
/// Every mistake of the file; nothing is formatted then.
pub fn format_file(text: &str, source: SourceId) -> Result<String, Vec<Diagnostic>> {
    let (file, errors) = super::parse_file(text, source);
    if !errors.is_empty() {
        return Err(errors);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut blocks: Vec<String> = Vec::new();
    let mut before = 0;
    for item in &file.items {
        let (span, printed) = match item {
            Item::Loss(loss) => (loss.span, print_loss(loss)),
            Item::Helper(helper) => (helper.span, print_helper(helper)),
            Item::Rule(rule) => (rule.span, print_rule(rule)),
        };
        let (start, end) = (span.start as usize, span.end as usize);
        let mut groups = comment_groups(&text[before.min(start)..start]);
        let inside: Vec<String> = comment_groups(&text[start..end]).into_iter().flatten().collect();
        let own = match groups.last() {
            // Comments directly above, without a blank line, belong to the definition.
            Some(_) if !ends_with_blank_line(&text[before.min(start)..start]) => {
                groups.pop().unwrap_or_default()
            }
            _ => Vec::new(),
        };
        for group in groups {
            blocks.push(group.join("\n"));
        }
        let (documentation, plain): (Vec<String>, Vec<String>) =
            own.into_iter().chain(inside).partition(|line| line.starts_with("##"));
        let mut lines = plain;
        lines.extend(documentation);
        lines.push(printed);
        blocks.push(lines.join("\n"));
        before = end;
    }
    for group in comment_groups(&text[before..]) {
        blocks.push(group.join("\n"));
    }
    let mut formatted = blocks.join("\n\n");
    if !formatted.is_empty() {
        formatted.push('\n');
    }
    Ok(formatted)
}

fn ends_with_blank_line(text: &str) -> bool {
    let blank = &text[text.trim_end().len()..];
    blank.matches('\n').count() > 1
}

/// The comments of `text`, grouped by blank lines and by what stands between them.
fn comment_groups(text: &str) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = vec![Vec::new()];
    for line in text.lines() {
        match line.find('#') {
            Some(at) => {
                let comment = line[at..].trim_end();
                let hashes = comment.len() - comment.trim_start_matches('#').len();
                let (marks, words) = comment.split_at(hashes.min(2));
                let words = words.strip_prefix(' ').unwrap_or(words);
                let line = if words.is_empty() { marks.to_owned() } else { format!("{marks} {words}") };
                if let Some(group) = groups.last_mut() {
                    group.push(line);
                }
            }
            None if line.trim().is_empty() => groups.push(Vec::new()),
            None => {}
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

fn print_helper(helper: &Helper) -> String {
    let names =
        |all: &[super::tree::Name]| all.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(", ");
    let indices = match helper.indices.as_slice() {
        [] => String::new(),
        all => format!("[{}]", all.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(",")),
    };
    let head = format!("fn {}{indices}({}) =", helper.name.text, names(&helper.parameters));
    lay_out(&head, &helper.body, &helper.bindings)
}

fn print_rule(rule: &Rule) -> String {
    let guard = rule.guard.as_ref().map_or(String::new(), |g| format!("   if {}", print_expression(g)));
    format!(
        "rule {}: {} => {}{guard}",
        rule.name.text,
        print_expression(&rule.before),
        print_expression(&rule.after)
    )
}

/// A definition on one line if it fits, else the formula on its own and every binding on its own.
pub(super) fn lay_out(head: &str, body: &Expression, bindings: &[Binding]) -> String {
    let formula = print_expression(body);
    let mut text = match head {
        "" => formula,
        _ if bindings.is_empty() && head.len() + 1 + formula.len() <= WIDTH => format!("{head} {formula}"),
        _ => format!("{head}\n    {formula}"),
    };
    for (at, binding) in bindings.iter().enumerate() {
        let indices = match binding.indices.as_slice() {
            [] => String::new(),
            all => format!("[{}]", all.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(",")),
        };
        let word = if at == 0 { "where" } else { "     " };
        text.push_str(&format!(
            "\n  {word} {}{indices} = {}",
            binding.name.text,
            print_expression(&binding.value)
        ));
    }
    text
}
