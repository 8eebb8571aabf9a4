//! `lossform list`

use super::arguments::ListOptions;
use super::{Outcome, plain_error, print, print_json};
use crate::diagnostic::Diagnostic;
use crate::library::Library;
use crate::suggestion::nearest;
use serde_json::json;

pub(super) fn run(library: &Library, options: &ListOptions) -> Outcome {
    if let Some(family) = &options.family
        && !library.families().iter().any(|(name, _)| name == family)
    {
        let names: Vec<&str> = library.families().iter().map(|(name, _)| name.as_str()).collect();
        let diagnostic = Diagnostic::new("unknown-family", format!("there is no family `{family}`"));
        return Err(plain_error(match nearest(family, names.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("the families are `{}`", names.join("`, `"))),
        }));
    }
    let mut rows = Vec::new();
    for (family, names) in library.families() {
        if options.family.as_ref().is_none_or(|wanted| wanted == family) {
            for name in names {
                let loss = library.loss(name)?;
                let summary = loss.documentation().lines().next().unwrap_or("").to_owned();
                rows.push((family.clone(), name.clone(), loss.signature(), summary));
            }
        }
    }
    if options.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(family, name, signature, summary)| {
                json!({"name": name, "family": family, "signature": signature, "summary": summary})
            })
            .collect();
        return print_json(&json!(rows));
    }
    let width = rows.iter().map(|(_, name, _, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut last = "";
    for (family, name, _, summary) in &rows {
        if family != last {
            text.push_str(&format!("{}{family}\n", if last.is_empty() { "" } else { "\n" }));
            last = family;
        }
        text.push_str(&format!("  {name:width$}  {summary}\n"));
    }
    print(&text)
}
