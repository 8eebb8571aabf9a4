//! The built-in losses: documentation, examples, derivations.

use lossform::print::{latex, text};
use lossform::{FAMILIES, Library, Loss, Request};
use ndarray::ArrayD;
use std::collections::BTreeMap;

#[test]
fn every_loss_is_documented() {
    let library = Library::builtin();
    for name in library.names() {
        let loss = library.loss(name).unwrap();
        let documentation = loss.documentation().to_owned();
        for label in ["When to use: ", "What goes wrong: ", "Reference: ", "Example: "] {
            assert!(documentation.contains(label), "{name} has no `{label}`");
        }
        assert!(documentation.lines().next().unwrap().ends_with(['.', ':']), "{name}: first sentence");
        assert!(documentation.contains("$L"), "{name} has no formula");
    }
}

/// The arguments of `focal(0.5, [1, 0]; gamma = 0)`: a list at the top level, each as JSON.
fn split_arguments(text: &str) -> Vec<String> {
    let (mut parts, mut depth, mut current) = (Vec::new(), 0, String::new());
    for c in text.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut current));
                continue;
            }
            _ => {}
        }
        current.push(c);
    }
    parts.push(current);
    parts.into_iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect()
}

#[test]
fn every_example_holds() {
    let library = Library::builtin();
    let mut count = 0;
    for name in library.names() {
        let loss = library.loss(name).unwrap();
        for line in loss.documentation().lines().filter_map(|l| l.strip_prefix("Example: ")) {
            let (call, expected) = line.split_once(" == ").unwrap();
            let inside =
                call.strip_prefix(name).and_then(|c| c.strip_prefix('(')).and_then(|c| c.strip_suffix(')'));
            let inside = inside.unwrap_or_else(|| panic!("example of {name}: {line}"));
            let (arguments, settings) = inside.split_once(';').unwrap_or((inside, ""));
            let inputs: Vec<&str> = loss
                .graph()
                .variables()
                .iter()
                .filter(|v| !v.is_hyperparameter)
                .map(|v| v.name.as_str())
                .collect();
            let arguments = split_arguments(arguments);
            assert_eq!(arguments.len(), inputs.len(), "{line}");
            let arrays: BTreeMap<String, ArrayD<f64>> = inputs
                .iter()
                .zip(&arguments)
                .map(|(name, a)| {
                    ((*name).to_owned(), crate::references::array(&serde_json::from_str(a).unwrap()))
                })
                .collect();
            let parameters = split_arguments(settings)
                .iter()
                .map(|s| s.split_once('=').unwrap())
                .map(|(k, v)| (k.trim().to_owned(), v.trim().parse().unwrap()))
                .collect();
            let evaluator = loss.evaluator::<f64>(&Request::default()).unwrap();
            let value =
                evaluator.evaluate(&arrays, &parameters).unwrap_or_else(|e| panic!("{line}:\n{e}")).value;
            let (found, expected): (f64, f64) = (value[[]], expected.parse().unwrap());
            assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{line}: {found}");
            count += 1;
        }
    }
    assert!(count >= 42, "only {count} examples");
}

#[test]
fn gradients_agree_with_finite_differences() {
    for name in Library::builtin().names() {
        let loss = Loss::builtin(name).unwrap();
        for input in loss.differentiable_inputs() {
            let check = loss.check_gradient(input).unwrap();
            assert!(check.points > 0, "{name}, {input}: nothing was compared");
            assert!(check.disagreement.is_none(), "{name}, {input}: {:?}", check.disagreement);
        }
    }
}

#[test]
fn formulas_and_gradients() {
    for name in Library::builtin().names() {
        let loss = Loss::builtin(name).unwrap();
        let document = loss.document();
        let mut shown =
            format!("{}\n\nformula\n{}\n\n{}\n", loss.definition(), text(&document), latex(&document));
        for input in loss.differentiable_inputs() {
            let gradient = loss.gradient(input).unwrap();
            shown.push_str(&format!(
                "\nd/d{input} ({} operations)\n{gradient}\n\n{}\n",
                gradient.operations(),
                gradient.latex()
            ));
            for fact in gradient.assumptions() {
                shown.push_str(&format!("assuming {fact}\n"));
            }
        }
        insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots/library"}, {
            insta::assert_snapshot!(name, shown);
        });
    }
}

#[test]
fn library_files_are_formatted() {
    for (family, text) in FAMILIES {
        let formatted = lossform::syntax::format_file(text, Default::default()).unwrap();
        assert_eq!(
            lossform::syntax::format_file(&formatted, Default::default()).unwrap(),
            formatted,
            "{family}: not idempotent"
        );
    }
}

#[test]
fn each_family_stands_alone() {
    // Families may call the one before them, never one after.
    for (family, _) in FAMILIES {
        assert!(
            Library::builtin().families().iter().any(|(name, losses)| name == family && !losses.is_empty())
        );
    }
}
