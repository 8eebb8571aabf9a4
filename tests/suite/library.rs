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

#[test]
fn hessian_diagonals_agree_with_finite_differences() {
    use lossform::evaluate::Extended;
    use lossform::real::Real;
    const STEP: f64 = 1e-20;
    for name in Library::builtin().names() {
        let loss = Loss::builtin(name).unwrap();
        // Detached densities move with the inputs; their first derivatives are checked with them held fixed.
        if name.starts_with("ghm") {
            continue;
        }
        for input in loss.differentiable_inputs() {
            let request = Request {
                gradients: vec![input.to_owned()],
                hessian_diagonals: vec![input.to_owned()],
                ..Request::default()
            };
            let evaluator = loss.evaluator::<Extended>(&request).unwrap();
            for seed in 0..3 {
                let point = crate::points::inputs::<Extended>(&loss, &mut crate::points::Draw(seed + 40), 3);
                let bound = evaluator.bind(&point, &BTreeMap::new()).unwrap();
                let diagonal = evaluator.run(&bound, &|_| {}).unwrap().hessian_diagonals[input].clone();
                let array = point[input].clone();
                let moved: Vec<ArrayD<Extended>> = (0..2 * array.len())
                    .map(|at| {
                        let mut copy = array.clone();
                        let step = Extended::from_double(if at % 2 == 0 { STEP } else { -STEP });
                        let element = copy.iter_mut().nth(at / 2).unwrap();
                        *element = *element + step;
                        copy
                    })
                    .collect();
                let views: Vec<_> = moved.iter().map(|a| a.view()).collect();
                let mut perturbed = point.clone();
                perturbed.insert(input.to_owned(), ndarray::stack(ndarray::Axis(0), &views).unwrap());
                let bound = evaluator.bind(&perturbed, &BTreeMap::new()).unwrap();
                let around = evaluator.run(&bound, &|_| {}).unwrap().gradients[input].clone();
                let around: Vec<Extended> = around.iter().copied().collect();
                let count = array.len();
                for (element, own) in diagonal.iter().enumerate() {
                    let at = |copy: usize| around[copy * count + element];
                    let twice = Extended::from_double(2.0 * STEP);
                    let difference = ((at(2 * element) - at(2 * element + 1)) / twice).to_double();
                    let own = own.to_double();
                    let error = (own - difference).abs() / own.abs().max(1.0);
                    assert!(error < 1e-12, "{name}, {input}[{element}]: {own} instead of {difference}");
                }
            }
        }
    }
}
