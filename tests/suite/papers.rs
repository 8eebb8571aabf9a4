//! Losses of other papers, written as a user would, against PyTorch.

use crate::roundtrip::{check_derivation, check_formula};
use lossform::Library;

fn library() -> Library {
    let mut library = Library::builtin();
    let text = include_str!("../cases/papers/papers.loss");
    library.add("papers", "papers.loss", text).unwrap_or_else(|error| panic!("{error}"));
    library
}

fn names(library: &Library) -> Vec<String> {
    library.families().last().map(|(_, names)| names.clone()).unwrap_or_default()
}

#[test]
fn paper_losses_agree_with_pytorch() {
    let library = library();
    let seen = crate::references::check_cases(&library, include_str!("../reference/papers.json"));
    for name in names(&library) {
        assert!(seen.contains(&name), "no reference case of {name}");
    }
}

#[test]
fn paper_losses_read_back() {
    let library = library();
    for name in names(&library) {
        // What they take maxima and means over may be empty at random points.
        if matches!(name.as_str(), "supcon" | "batch_hard") {
            continue;
        }
        let loss = library.loss(&name).unwrap();
        check_formula(&library, &loss);
        for input in loss.differentiable_inputs() {
            check_derivation(&library, &loss, &loss.gradient(input).unwrap());
        }
    }
}
