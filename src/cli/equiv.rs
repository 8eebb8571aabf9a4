//! `lossform equiv`

use super::arguments::EquivOptions;
use super::{Outcome, formula_text, print, print_json};
use crate::equivalence::{Equivalence, Verdict, equivalence};
use crate::library::Library;

pub(super) fn run(library: &Library, options: &EquivOptions) -> Outcome {
    let (first, second) = (formula_text(&options.a)?, formula_text(&options.b)?);
    let pair = library.pair([&first, &second], &options.assume)?;
    let [a, b] = &pair.losses;
    let result = equivalence(a, b, &pair.identified)?;
    if options.json {
        print_json(&result.to_json())?;
    } else {
        print(&text(&result))?;
    }
    let is_same =
        matches!(result.verdict, Verdict::Equal | Verdict::EqualUpToFactor | Verdict::EqualUpToConstant);
    Ok(if is_same { 0 } else { 1 })
}

fn text(result: &Equivalence) -> String {
    let mut text = match result.verdict {
        Verdict::Equal => "equal: proved\n".to_owned(),
        Verdict::EqualUpToFactor => {
            format!(
                "equal up to a factor: A = {}*B, proved\n",
                grouped(result.factor.as_deref().unwrap_or("1"))
            )
        }
        Verdict::EqualUpToConstant => {
            format!(
                "equal up to a constant: A = B + ({}), proved\n",
                result.constant.as_deref().unwrap_or("0")
            )
        }
        Verdict::Different => "different\n".to_owned(),
        Verdict::Undecided => "undecided\n".to_owned(),
    };
    if let Some(found) = &result.counterexample {
        text.push_str(&format!("  at {}\n  A = {}, B = {}\n", found.text, found.first, found.second));
    }
    for note in &result.notes {
        text.push_str(&format!("  note: {note}\n"));
    }
    for step in &result.steps {
        if step.before == step.after {
            text.push_str(&format!("  {}: {}\n", step.rule, step.before));
        } else {
            text.push_str(&format!("  {}:\n    {}\n    {}\n", step.rule, step.before, step.after));
        }
    }
    for fact in &result.facts {
        text.push_str(&format!("  assuming {fact}\n"));
    }
    text
}

/// A sum or a negative number in parentheses.
fn grouped(text: &str) -> String {
    let is_sum = text.contains(" + ") || text.contains(" - ") || text.starts_with('-');
    if is_sum { format!("({text})") } else { text.to_owned() }
}
