//! `lossform check`

use super::arguments::CheckOptions;
use super::{Outcome, later, loss, print, print_json};
use crate::library::Library;
use serde_json::json;

pub(super) fn run(library: &Library, options: &CheckOptions) -> Outcome {
    if options.my.is_some() {
        return Err(later("check --my"));
    }
    let loss = loss(library, &options.loss)?;
    let names: Vec<String> = match options.wrt.as_slice() {
        [] => loss.differentiable_inputs().into_iter().map(str::to_owned).collect(),
        names => names.to_vec(),
    };
    let mut all_agree = true;
    let (mut text, mut rows) = (String::new(), Vec::new());
    for name in &names {
        let report = loss.check_gradient(name)?;
        all_agree &= report.disagreement.is_none();
        rows.push(json!({
            "wrt": name,
            "agrees": report.disagreement.is_none(),
            "points": report.points,
            "largest_error": report.largest_error,
            "counterexample": report.disagreement.as_ref().map(|d| json!({
                "inputs": d.inputs, "element": d.element, "derived": d.derived, "difference": d.difference,
            })),
        }));
        match &report.disagreement {
            None => text.push_str(&format!(
                "{name}: the gradient agrees with finite differences at {} elements (largest relative error {:.0e})\n",
                report.points, report.largest_error
            )),
            Some(d) => text.push_str(&format!(
                "{name}: the gradient is wrong: element {} is {}, finite differences give {}\n  at {}\n",
                d.element, d.derived, d.difference, d.inputs
            )),
        }
    }
    if options.json {
        print_json(&json!({"loss": loss.name(), "agrees": all_agree, "checks": rows}))?;
    } else {
        print(&text)?;
    }
    Ok(if all_agree { 0 } else { 1 })
}
