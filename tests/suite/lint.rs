//! Hazards: what is reported, and what is not.

use lossform::{Library, Lint, Loss};

fn lint(loss: &str, assumptions: &[&str]) -> Lint {
    let library = Library::builtin();
    let assumptions: Vec<String> = assumptions.iter().map(ToString::to_string).collect();
    let loss: Loss = library.loss_with(loss, &assumptions).unwrap_or_else(|e| panic!("{e}"));
    library.lint(&loss, &assumptions).unwrap_or_else(|e| panic!("{e}"))
}

fn codes(loss: &str, assumptions: &[&str]) -> Vec<&'static str> {
    lint(loss, assumptions).findings.iter().map(|f| f.code).collect()
}

#[track_caller]
fn check_finds(loss: &str, assumptions: &[&str], code: &str, fix: &str) {
    let lint = lint(loss, assumptions);
    let finding = lint.findings.iter().find(|f| f.code == code);
    let finding = finding.unwrap_or_else(|| panic!("{loss}: no {code}\n{}", lint.render()));
    assert!(finding.fix.contains(fix), "{loss}: {}", finding.fix);
}

#[test]
fn kinds_that_are_mixed_up() {
    for (loss, assumption, code, fix) in [
        ("sum[c](softmax[c](p)*y[c])", "p[c] in prob", "softmax-of-probability", "leave out the softmax"),
        ("cross_entropy(softmax[c](z), y)", "z[c] in logit", "probability-for-logit", "cross_entropy_probs"),
        ("-sum[c](y[c]*log_softmax[c](softmax[c](z[c])))", "z[c] in logit", "softmax-of-probability", "log("),
        ("sigmoid(sigmoid(z)) - y", "z in logit", "sigmoid-of-probability", "leave out the sigmoid"),
        ("-sum[c](log(q[c]))", "q[c] in logprob", "log-of-log-probability", "leave out the logarithm"),
        ("-sum[c](y[c]*log(log_softmax[c](z[c])))", "z[c] in logit", "log-of-log-probability", "leave out"),
        (
            "sum[c](p[c]*(log(p[c]) - q[c]))",
            "q[c] in simplex",
            "probability-for-log-probability",
            "log(q[c])",
        ),
        ("bce(z, y)", "z in logit", "logit-for-probability", "bce_with_logits"),
        ("bce_with_logits(p, y)", "p in prob", "probability-for-logit", "use `bce`"),
        ("bce_with_logits(sigmoid(z), y)", "z in logit", "probability-for-logit", "use `bce`"),
        ("bce(log_sigmoid(z), y)", "z in logit", "log-probability-for-probability", "exp("),
        ("log(z)", "z in logit", "log-of-logit", "log_sigmoid"),
        ("(logit(z) - y)^2", "z in logit", "logit-of-logit", "leave out"),
    ] {
        let mut assumptions = vec![assumption];
        if loss.starts_with("sum[c](p[c]*(log") {
            assumptions.push("p[c] in simplex");
        }
        check_finds(loss, &assumptions, code, fix);
    }
    check_finds(
        "loss f(z[c] in logit, t in index[c]) = nll(softmax[c](z), t)",
        &[],
        "probability-for-log-probability",
        "pass the logarithm",
    );
    check_finds(
        "loss f(z[c] in logit, t in index[c]) = nll(z, t)",
        &[],
        "logit-for-log-probability",
        "log_softmax[c](z)",
    );
    check_finds(
        "loss f(z[c] in logit, y[c] in simplex) = kl(y, log_softmax[c](z))",
        &[],
        "log-probability-for-probability",
        "exp(",
    );
    // By way of a where-binding and a power of a name.
    check_finds(
        "loss f(z in logit, y in {0,1}) = bce_with_logits(q, y) where p = sigmoid(z), q = if y == 1 then p else 1 - p",
        &[],
        "probability-for-logit",
        "logits",
    );
}

#[test]
fn places_are_those_of_the_argument() {
    let report =
        lint("loss f(z[c] in logit, y[c] in simplex) = cross_entropy(softmax[c](z), y)", &[]).to_json();
    let place = &report["findings"][0]["place"];
    assert_eq!(place["text"], "softmax[c](z)");
    assert_eq!(place["line"], 1);
}

#[test]
fn what_is_well_formed_is_clean() {
    for loss in [
        "mse",
        "l1",
        "l2",
        "huber",
        "smooth_l1",
        "bce_with_logits",
        "cross_entropy",
        "softmax_loss",
        "hinge",
        "nll",
    ] {
        assert_eq!(codes(loss, &[]), Vec::<&str>::new(), "{loss}");
    }
    // Guards count, and so do declared domains.
    assert!(!codes("if x > 0 then log(1 + x) else 0", &[]).contains(&"log-of-zero"));
    assert!(!codes("if x > 0 then x*log(x) else 0", &[]).contains(&"log-of-zero"));
    assert!(!codes("-log(p)", &["p in (0,1)"]).contains(&"log-of-zero"));
    assert!(!codes("(x/(1 + x^2) - y)^2", &[]).contains(&"division-by-zero"));
}

#[test]
fn hazards_have_a_witness() {
    for (loss, assumption, code) in [
        ("-log(p)", "p in [0,1]", "log-of-zero"),
        ("-y*log(p) - (1 - y)*log(1 - p)", "p in [0,1]", "log-of-zero"),
        ("(x/y)^2", "x in (0,1)", "division-by-zero"),
        ("sqrt(x)", "x in [-1,1]", "root-of-negative"),
        ("logit(p)^2", "p in [0,1]", "outside-domain"),
        ("sum[c](p[c]*log(p[c]/q[c]))", "p[c] in [0,1]", "negative-loss"),
        ("x^2 - y", "x in (0,1)", "negative-loss"),
    ] {
        let lint = lint(loss, &[assumption]);
        let finding = lint.findings.iter().find(|f| f.code == code);
        let finding = finding.unwrap_or_else(|| panic!("{loss}: no {code}\n{}", lint.render()));
        assert!(finding.witness.is_some(), "{loss}");
    }
}

#[test]
fn known_shapes() {
    assert!(codes("focal_with_logits", &[]).contains(&"not-convex"));
    assert!(codes("sigmoid_mse", &[]).contains(&"not-convex"));
    assert!(codes("sigmoid_mse", &[]).contains(&"vanishing-gradient"));
    assert!(!codes("focal_with_logits", &[]).contains(&"vanishing-gradient"));
    assert!(codes("exponential", &[]).contains(&"unbounded-gradient"));
    assert!(codes("bce", &[]).contains(&"unbounded-gradient"));
    assert!(codes("dice", &[]).contains(&"division-by-zero"));
}

/// Every finding on a built-in loss, to be read by a person: each must be true.
#[test]
fn builtin_losses() {
    let library = Library::builtin();
    let mut text = String::new();
    for name in library.names() {
        let lint = library.lint(&library.loss(name).unwrap(), &[]).unwrap();
        let codes: Vec<String> =
            lint.findings.iter().map(|f| format!("\n    {}: {}", f.code, f.message)).collect();
        text.push_str(&format!(
            "{name}:{}\n",
            if codes.is_empty() { " clean".to_owned() } else { codes.concat() }
        ));
    }
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots"}, {
        insta::assert_snapshot!("lint", text);
    });
}

/// A midpoint above the chord, worked out again from the witness in double precision.
#[test]
fn witnesses_hold_in_double_precision() {
    let lint = lint("sigmoid_mse", &[]);
    let finding = lint.findings.iter().find(|f| f.code == "not-convex").unwrap();
    let witness = finding.witness.as_ref().unwrap();
    let y = witness["inputs"]["y"].as_f64().unwrap();
    let at = |z: f64| (1.0 / (1.0 + (-z).exp()) - y).powi(2);
    let (a, b) = (witness["between"][0].as_f64().unwrap(), witness["between"][1].as_f64().unwrap());
    assert!(at((a + b) / 2.0) > (at(a) + at(b)) / 2.0);
}
