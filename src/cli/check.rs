//! `lossform check`

use super::arguments::CheckOptions;
use super::{Outcome, loss, parse_setting, plain_error, print, print_json};
use crate::diagnosis::{DerivativeCheck, DerivativeRequest};
use crate::diagnostic::Diagnostic;
use crate::equivalence::Verdict;
use crate::library::Library;
use serde_json::json;

pub(super) fn run(library: &Library, options: &CheckOptions) -> Outcome {
    if let Some(formula) = &options.my {
        return derivative(library, options, formula);
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

/// `check --my`: the user's derivative against the derived one.
fn derivative(library: &Library, options: &CheckOptions, formula: &str) -> Outcome {
    let loss = library.loss_with(&super::formula_text(&options.loss.loss)?, &options.loss.assume)?;
    let wrt = match options.wrt.as_slice() {
        [one] => one.clone(),
        [] => match loss.differentiable_inputs().as_slice() {
            [one] => (*one).to_owned(),
            all => {
                return Err(plain_error(
                    Diagnostic::new("missing-wrt", "it is not said what the derivative is with respect to")
                        .help(format!("write `--wrt NAME` with one of `{}`", all.join("`, `"))),
                ));
            }
        },
        _ => {
            return Err(plain_error(
                Diagnostic::new("several-wrt", "one formula is a derivative with respect to one input")
                    .help("check them one at a time"),
            ));
        }
    };
    let mut settings = Vec::with_capacity(options.loss.set.len());
    for setting in &options.loss.set {
        settings.push(parse_setting(setting)?);
    }
    let request = DerivativeRequest {
        wrt,
        order: options.order,
        diagonal: options.diagonal,
        formula: formula.to_owned(),
        assumptions: options.loss.assume.clone(),
        settings,
    };
    let check = library.check_derivative(&loss, &request)?;
    if options.json {
        print_json(&check.to_json())?;
    } else {
        print(&verdict(&check))?;
    }
    Ok(if check.verdict == Verdict::Equal { 0 } else { 1 })
}

fn verdict(check: &DerivativeCheck) -> String {
    let mut text = match check.verdict {
        Verdict::Equal if check.proof == "symbolic" => "right: proved equal to the derivative\n".to_owned(),
        Verdict::Equal => {
            format!("right: equal to the derivative at {} points in 237 bits\n", check.agreements)
        }
        Verdict::Different => "wrong\n".to_owned(),
        _ => "undecided\n".to_owned(),
    };
    if let Some(diagnosis) = &check.diagnosis {
        text.push_str(&format!("  {diagnosis}\n"));
    }
    if let Some(found) = &check.counterexample {
        let element =
            if found.element.is_empty() { String::new() } else { format!(", element {:?}", found.element) };
        text.push_str(&format!(
            "  at {}{element}\n  yours is {}, the derivative {}\n",
            found.text, found.first, found.second
        ));
    }
    for fact in &check.facts {
        text.push_str(&format!("  assuming {fact}\n"));
    }
    text
}
