//! `lossform lint`

use super::arguments::LintOptions;
use super::{Outcome, loss, print, print_json};
use crate::library::Library;

pub(super) fn run(library: &Library, options: &LintOptions) -> Outcome {
    let loss = loss(library, &options.loss)?;
    let lint = library.lint(&loss, &options.loss.assume)?;
    if options.json {
        print_json(&lint.to_json())?;
    } else if lint.findings.is_empty() {
        print(&format!("{}: no hazards found\n", lint.loss))?;
    } else {
        print(&lint.render())?;
    }
    Ok(if options.deny && !lint.findings.is_empty() { 1 } else { 0 })
}
