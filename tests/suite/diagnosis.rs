//! Derivatives that people wrote down, right and wrong.

use crate::points::Draw;
use crate::properties::{SIGNATURE, formula};
use lossform::{DerivativeCheck, DerivativeRequest, Library, Verdict};

fn check(loss: &str, wrt: &str, formula: &str, order: u8, diagonal: bool) -> DerivativeCheck {
    let library = Library::builtin();
    let loss = library.loss_with(loss, &[]).unwrap_or_else(|e| panic!("{e}"));
    let request = DerivativeRequest {
        wrt: wrt.to_owned(),
        order,
        diagonal,
        formula: formula.to_owned(),
        assumptions: Vec::new(),
        settings: Vec::new(),
    };
    library.check_derivative(&loss, &request).unwrap_or_else(|e| panic!("{e}"))
}

#[track_caller]
fn check_right(loss: &str, wrt: &str, formula: &str, order: u8) {
    let found = check(loss, wrt, formula, order, false);
    assert_eq!((found.verdict, found.proof), (Verdict::Equal, "symbolic"), "{loss}: {formula}\n{found:?}");
}

#[track_caller]
fn check_wrong(loss: &str, wrt: &str, formula: &str, diagnosis: &str) {
    let found = check(loss, wrt, formula, 1, false);
    assert_eq!(found.verdict, Verdict::Different, "{loss}: {formula}");
    let sentence = found.diagnosis.unwrap();
    assert!(sentence.contains(diagnosis), "{loss}: {formula}\n{sentence}");
    assert!(found.counterexample.is_some());
}

/// Mistakes of public threads, retold: the origin stands with each.
#[test]
fn mistakes_of_public_threads() {
    let text = include_str!("../cases/mistakes/threads.json");
    let threads: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    assert!(threads.len() >= 10);
    for thread in threads {
        let text = |key: &str| thread[key].as_str().unwrap();
        let order = thread["order"].as_u64().unwrap_or(1) as u8;
        let diagonal = thread["diagonal"].as_bool().unwrap_or(false);
        let found = check(text("loss"), text("wrt"), text("my"), order, diagonal);
        assert_eq!(found.verdict, Verdict::Different, "{}", text("origin"));
        let sentence = found.diagnosis.clone().unwrap();
        assert!(sentence.contains(text("diagnosis")), "{}\n{sentence}", text("origin"));
        let point = found.counterexample.unwrap();
        assert_ne!(point.first, point.second, "{}", text("origin"));
    }
}

#[test]
fn right_derivatives_are_proved() {
    check_right("bce_with_logits", "z", "1/(1 + exp(-z)) - y", 1);
    check_right("bce", "p", "-y/p + (1 - y)/(1 - p)", 1);
    check_right("cross_entropy", "z", "p - y where p[c] = softmax[c](z)", 1);
    check_right("cross_entropy", "z", "[c == d]*p[c] - p[c]*p[d] where p[c] = softmax[c](z)", 2);
    check_right("softmax_loss", "z", "softmax[c](z) - [c == t]", 1);
    // Names of the loss, and of the loss that it calls.
    check_right("dice", "p", "-(2*y - d)/s", 1);
    check_right("sigmoid_mse", "z", "2*(p - y)*p*(1 - p)", 1);
    check_right("bce_with_logits", "z", "(p - y)/(p*(1 - p))*p*(1 - p)", 1);
    check_right(
        "focal",
        "p",
        "if y == 1 then alpha*(1 - p)^gamma*(gamma*log(p)/(1 - p) - 1/p) else (1 - alpha)*p^gamma*(1/(1 - p) - gamma*log(1 - p)/p)",
        1,
    );
    check_right(
        "focal_with_logits",
        "z",
        "if y == 1 then alpha*(1 - p)^gamma*(gamma*p*log(p) + p - 1) else (1 - alpha)*p^gamma*(p - gamma*(1 - p)*log(1 - p))",
        1,
    );
    check_right("huber", "x", "if |x - y| <= delta then x - y else delta*sign(x - y)", 1);
    check_right("huber", "x", "max(-delta, min(delta, x - y))", 1);
    check_right("kl", "p", "log(p) - log(q) + 1", 1);
    check_right("js", "p", "(log(p) - log((p + q)/2))/2", 1);
    check_right("mse", "x", "2", 2);
    check_right("bce_with_logits", "z", "sigmoid(z)*sigmoid(-z)", 2);
    // As papers print them: 0/0 where two points are identical, which is a kink.
    check_right("triplet", "a", "if dp - dn + margin > 0 then (a - p)/dp - (a - n)/dn else 0", 1);
    let found = check("contrastive", "a", "same*(a - b) - (1 - same)*max(0, margin - d)*(a - b)/d", 1, false);
    assert_eq!(found.verdict, Verdict::Equal, "{found:?}");
    assert!(found.diagnosis.unwrap().contains("by convention"));
    check_right("l2", "x", "(x - y)/norm[k](x - y)", 1);
    check_right("gan_discriminator", "fake", "1/(size[m]*(1 - fake))", 1);
}

#[test]
fn wrong_derivatives_get_the_mistake() {
    check_wrong("bce_with_logits", "z", "y - sigmoid(z)", "the sign is wrong");
    check_wrong("bce_with_logits", "z", "softplus(z) - y*z", "this is the loss itself");
    check_wrong("sigmoid_mse", "z", "2*(p - y)", "with respect to `p`, not `z`");
    check_wrong("kl", "q", "-q/p", "`p` and `q` are exchanged");
    check_wrong("mse", "x", "2*x - y", "lacks its factor 2");
    check_wrong("mse", "x", "2", "this is the second derivative");
    check_wrong("lsgan_generator", "fake", "fake - c", "the factor `1/size[m]` is missing");
    check_wrong("l1", "x", "if x >= y then 1 else -1", "right except at a kink");
    check_wrong("focal", "p", "-w*(1 - pt)^gamma/pt", "is taken as a constant");
    check_wrong(
        "focal_with_logits",
        "z",
        "w*(1 - pt)^gamma*(gamma*pt*log(pt) + pt - 1)",
        "it is right for y = 1",
    );
    check_wrong(
        "focal",
        "p",
        "if y == 1 then alpha*(1 - p)^gamma*(gamma*log(p)/(1 - p) - 1/p) else 0",
        "it is right for y = 1",
    );
    check_wrong("huber", "x", "x - y", "a bound of `clamp(x - y, -delta, delta)` is missing");
}

#[test]
fn names_that_mean_nothing_are_errors() {
    let library = Library::builtin();
    let loss = library.loss("focal").unwrap();
    let code = |wrt: &str, formula: &str| {
        let request = DerivativeRequest {
            wrt: wrt.to_owned(),
            order: 1,
            diagonal: false,
            formula: formula.to_owned(),
            assumptions: Vec::new(),
            settings: Vec::new(),
        };
        let error = library.check_derivative(&loss, &request).unwrap_err();
        (error.diagnostics[0].code, error.diagnostics[0].help.join("; "))
    };
    assert_eq!(code("p", "gama*log(pt)"), ("unknown-name", "did you mean `gamma`?".to_owned()));
    assert_eq!(code("q", "1").0, "unknown-input");
    assert_eq!(code("y", "1").0, "not-differentiable");
    assert_eq!(code("p", "2p").0, "missing-operator");
}

/// The derived gradient of random formulas, given back as a user's: right; with a small factor: wrong.
#[test]
fn derived_gradients_are_right_and_changed_ones_wrong() {
    for seed in 0..40 {
        let draw = &mut Draw(seed);
        let body = formula(draw, 2, false);
        let text = format!("loss f({SIGNATURE}) = {body}");
        let loss = lossform::Loss::parse(&text).unwrap();
        let gradient = loss.gradient("x").unwrap();
        let (value, names) = gradient
            .text()
            .split_once('\n')
            .map_or((gradient.text(), String::new()), |(a, b)| (a.to_owned(), b.to_owned()));
        let found = check(&text, "x", &format!("{value}\n{names}"), 1, false);
        assert_eq!(found.verdict, Verdict::Equal, "{text}\n{value}\n{found:?}");
        if value != "0" {
            let found = check(&text, "x", &format!("({value})*1.000001\n{names}"), 1, false);
            assert_ne!(found.verdict, Verdict::Equal, "{text}\n{value}");
        }
    }
}
