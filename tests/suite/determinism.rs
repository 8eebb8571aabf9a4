//! The same input gives the same output, to the byte, whatever came before and whatever runs beside it.

use lossform::{Library, Loss};

/// Everything that is printed of a loss: formula, gradients with their steps, one Hessian.
fn printed(name: &str) -> String {
    let loss = Library::builtin().loss(name).unwrap();
    let mut text = lossform::print::latex(&loss.document());
    let inputs = loss.differentiable_inputs();
    for gradient in loss.gradients(&inputs).unwrap() {
        text.push_str(&format!("{gradient}\n{}\n{:?}\n", gradient.steps(), gradient.assumptions()));
    }
    if let [first, ..] = inputs.as_slice()
        && loss.graph().len() < 40
    {
        text.push_str(&loss.hessian(first, first).unwrap().unicode());
    }
    text
}

#[test]
fn output_depends_on_neither_order_nor_threads() {
    let library = Library::builtin();
    let names: Vec<String> = library.names().map(str::to_owned).collect();
    let expected: Vec<String> = names.iter().map(|name| printed(name)).collect();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (names, expected) = (&names, &expected);
            scope.spawn(move || {
                for step in 0..names.len() {
                    // Each thread goes through them in another order.
                    let at = (step * (2 * thread + 1) + 5 * thread) % names.len();
                    assert_eq!(printed(&names[at]), expected[at], "{}", names[at]);
                }
            });
        }
    });
}

#[test]
fn a_formula_is_printed_the_same_after_others() {
    let text = "-(y*log(1/(1 + exp(-z))) + (1 - y)*log(1 - 1/(1 + exp(-z))))*w + |a - b|*gamma";
    let gradient = || Loss::parse(text).unwrap().gradients(&["z", "a", "w"]).unwrap();
    let first: Vec<String> = gradient().iter().map(ToString::to_string).collect();
    for _ in 0..5 {
        let again: Vec<String> = gradient().iter().map(ToString::to_string).collect();
        assert_eq!(first, again);
    }
}
