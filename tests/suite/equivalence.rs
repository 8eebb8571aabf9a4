//! Losses that are the same, up to a factor or constant, or not; and how sure that is.

use crate::points::Draw;
use crate::properties::{SIGNATURE, formula};
use lossform::{Equivalence, Library, Verdict, equivalence};

fn compare(first: &str, second: &str, assumptions: &[&str]) -> Equivalence {
    let assumptions: Vec<String> = assumptions.iter().map(ToString::to_string).collect();
    let pair = Library::builtin().pair([first, second], &assumptions).unwrap_or_else(|e| panic!("{e}"));
    equivalence(&pair.losses[0], &pair.losses[1], &pair.identified).unwrap_or_else(|e| panic!("{e}"))
}

#[track_caller]
fn check_equal(first: &str, second: &str, assumptions: &[&str]) {
    for (a, b) in [(first, second), (second, first)] {
        let found = compare(a, b, assumptions);
        assert_eq!(found.verdict, Verdict::Equal, "{a}\n{b}\n{found:?}");
        assert!(!found.steps.is_empty(), "{a}\n{b}");
        assert!(found.agreements >= 50, "{a}\n{b}: {} points", found.agreements);
    }
}

#[track_caller]
fn check_different(first: &str, second: &str, assumptions: &[&str]) {
    for (a, b) in [(first, second), (second, first)] {
        let found = compare(a, b, assumptions);
        assert_eq!(found.verdict, Verdict::Different, "{a}\n{b}\n{found:?}");
        assert!(found.counterexample.is_some());
    }
}

const CE: &str = "loss f(z[c] in logit, y[c] in simplex) = ";
const PQ: &str = "loss f(p[c] in simplex, q[c] in simplex) = ";

#[test]
fn equal_however_they_are_spelled() {
    for spelled in [
        "softplus(z) - y*z",
        "max(z, 0) - z*y + log(1 + exp(-|z|))",
        "-y*log(1/(1 + exp(-z))) - (1 - y)*log(1 - 1/(1 + exp(-z)))",
        "(1 - y)*z + log1p(exp(-z))",
        "y*softplus(-z) + (1 - y)*softplus(z)",
        "-y*log_sigmoid(z) - (1 - y)*log_sigmoid(-z)",
    ] {
        check_equal("bce_with_logits", spelled, &[]);
    }
    // Binary cross-entropy is two-class cross-entropy.
    check_equal(
        "loss two(p[c] in simplex, y[c] in simplex) = -p[0]*0 - y[0]*log(p[0]) - y[1]*log(p[1])",
        "loss two(p[c] in simplex, y[c] in simplex) = -sum[c in 0..2](y[c]*log(p[c]))",
        &[],
    );
    check_equal(
        "bce_with_logits",
        "-y*log(exp(z)/(exp(z) + exp(0))) - (1 - y)*log(exp(0)/(exp(z) + exp(0)))",
        &[],
    );
    check_equal("focal", "balanced_bce", &["gamma == 0"]);
    check_equal(
        "focal_with_logits",
        "loss f(z in logit, y in {0,1}; alpha in [0,1] = 0.25) = balanced_bce(sigmoid(z), y; alpha = alpha)",
        &["gamma == 0"],
    );
    check_equal("js", &format!("{PQ}js(q, p)"), &[]);
    check_equal("kl", &format!("{PQ}-sum[c](p*log(q)) - entropy(p)"), &[]);
    check_equal("cross_entropy", &format!("{CE}logsumexp[c](z) - sum[c](y*z)"), &[]);
    check_equal("cross_entropy", &format!("{CE}-sum[c](y*log(exp(z)/sum[c](exp(z))))"), &[]);
    check_equal("cross_entropy", &format!("{CE}weighted_cross_entropy(z, y, 1)"), &[]);
    check_equal("softmax_loss", "loss f(z[c] in logit, t in index[c]) = nll(log_softmax[c](z), t)", &[]);
    check_equal("l2", "loss f(x[k], y[k]) = sqrt(sum[k]((x - y)^2))", &[]);
    check_equal("mse", "|x - y|^2", &[]);
    check_equal("mse", "x^2 - 2*x*y + y^2", &[]);
    check_equal(
        "hinge",
        "loss f(f, y in {-1,1}; margin in (0,inf) = 1) = if y*f < margin then margin - y*f else 0",
        &[],
    );
    check_equal(
        "huber",
        "loss h(x, y; delta in (0,inf) = 1) = if |x - y| < delta then (x - y)^2/2 else delta*|x - y| - delta^2/2",
        &[],
    );
    check_equal("max(0.5*d^2, d - 0.5)", "0.5*d^2", &[]);
    check_equal("relu(x)", "(x + |x|)/2", &[]);
    check_equal("log(cosh(x))", "x + softplus(-2*x) - log(2)", &[]);
    check_equal("tanh(x)", "2*sigmoid(2*x) - 1", &[]);
    check_equal("exp(gamma*log(p))", "p^gamma", &["p in (0,1)"]);
    check_equal("log(p^2*q)", "2*log(p) + log(q)", &["p in (0,1)", "q in (0,1)"]);
    check_equal("lsgan_generator", "loss f(fake[m]; c = 1) = sum[m]((fake - c)^2)/(2*size[m])", &[]);
    check_equal("clamp(x, -1, 1)", "if x < -1 then -1 else if x > 1 then 1 else x", &[]);
}

#[test]
fn names_of_axes_do_not_matter() {
    check_equal("kl", "loss f(p[k] in simplex, q[k] in simplex) = sum[k](p*log(p/q))", &[]);
}

#[test]
fn equal_up_to_a_factor_or_constant() {
    let factor = |a, b, assumptions: &[&str]| {
        let found = compare(a, b, assumptions);
        assert_eq!(found.verdict, Verdict::EqualUpToFactor, "{a}\n{b}\n{found:?}");
        found.factor.unwrap()
    };
    assert_eq!(factor("huber", "smooth_l1", &["delta == beta"]), "delta");
    assert_eq!(factor("huber", "smooth_l1", &[]), "delta");
    assert_eq!(factor("huber(x, y; delta = beta)", "smooth_l1(x, y; beta = beta)", &[]), "beta");
    assert_eq!(factor("mse", "(x - y)^2/2", &[]), "2");
    assert_eq!(factor("log2(x)", "log(x)", &[]), "1/log(2)");
    assert_eq!(
        factor("lsgan_generator", "loss f(fake[m]; c = 1) = sum[m]((fake - c)^2)", &[]),
        "1/(2*size[m])"
    );
    let constant = |a, b| {
        let found = compare(a, b, &[]);
        assert_eq!(found.verdict, Verdict::EqualUpToConstant, "{a}\n{b}\n{found:?}");
        found.constant.unwrap()
    };
    assert_eq!(constant("mse", "(x - y)^2 + 3"), "-3");
    assert_eq!(constant("log(2*x)", "log(x)"), "log(2)");
    assert_eq!(constant("loss f(x; m = 1) = x^2 + m^2", "x^2"), "m^2");
}

#[test]
fn different_with_a_point() {
    check_different("l1", "mse", &[]);
    check_different("kl", &format!("{PQ}kl(q, p)"), &[]);
    check_different("focal", "balanced_bce", &[]);
    check_different("smooth_l1", "max(0.5*(x - y)^2, |x - y| - 0.5)", &["beta == 1"]);
    // fudannlp16/focal-loss/issues/2: gamma is multiplied instead of taken as an exponent.
    check_different(
        "loss f(p in (0,1), y in {0,1}; gamma in [0,inf) = 2) = -y*((1 - p)*gamma)*log(p) - (1 - y)*p^gamma*log(1 - p)",
        "loss f(p in (0,1), y in {0,1}; gamma in [0,inf) = 2) = -y*(1 - p)^gamma*log(p) - (1 - y)*p^gamma*log(1 - p)",
        &[],
    );
    // A small term that only shows in many digits.
    check_different("log(p + 1e-12)", "log(p)", &["p in (0,1)"]);
    // Only on a set without area.
    check_different("if x == y then 1 else 0", "0*x*y", &[]);
    check_different("loss f(x in [0,1]) = if x == 1 then 0 else x", "loss f(x in [0,1]) = x", &[]);
}

#[test]
fn where_only_one_is_defined_they_differ() {
    let found = compare("log(x^2)", "2*log(x)", &[]);
    assert_eq!(found.verdict, Verdict::Different);
    let point = found.counterexample.unwrap();
    assert_eq!(point.second, "nan");
    assert!(point.inputs["x"].as_f64().unwrap() < 0.0);
    assert_eq!(compare("log(x^2)", "2*log(x)", &["x in (0,inf)"]).verdict, Verdict::Equal);
}

#[test]
fn agreement_at_points_is_no_proof() {
    // True, by a series that rewriting does not know.
    let found = compare("erf(x) + erfc(x)", "1 + 0*x", &[]);
    assert_ne!(found.verdict, Verdict::Different);
    let found = compare("lgamma(x + 1)", "lgamma(x) + log(x)", &["x in (0,inf)"]);
    assert_eq!(found.verdict, Verdict::Undecided, "{found:?}");
    assert!(found.agreements > 100);
    assert!(found.notes[0].contains("no proof was found"), "{:?}", found.notes);
}

#[test]
fn what_cannot_be_compared_is_an_error() {
    let fails = |a, b, assumptions: &[&str]| {
        let assumptions: Vec<String> = assumptions.iter().map(ToString::to_string).collect();
        let pair = match Library::builtin().pair([a, b], &assumptions) {
            Ok(pair) => pair,
            Err(error) => return error.diagnostics[0].code,
        };
        equivalence(&pair.losses[0], &pair.losses[1], &pair.identified).unwrap_err().diagnostics[0].code
    };
    assert_eq!(fails("l2", "mse", &[]), "axis-mismatch");
    assert_eq!(fails("hinge", "loss f(f, y in {2,3}) = f*y", &[]), "no-common-domain");
    assert_eq!(fails("mse", "(a - b)^2", &[]), "no-common-input");
    assert_eq!(fails("mse", "l1", &["q in (0,1)"]), "unknown-name");
}

/// A proof and a point that contradict one another would show that one of the two is wrong.
#[test]
fn proofs_and_points_never_contradict() {
    for seed in 0..80 {
        let draw = &mut Draw(seed);
        let bodies = [formula(draw, 2, false), formula(draw, 2, false)];
        let [a, b] = bodies.map(|body| format!("loss f({SIGNATURE}) = {body}"));
        for (first, second) in [(&a, &b), (&a, &a)] {
            let found = compare(first, second, &[]);
            assert!(!found.notes.iter().any(|n| n.contains("contradict")), "{first}\n{second}\n{found:?}");
            if first == second {
                assert_eq!(found.verdict, Verdict::Equal, "{first}");
            }
        }
    }
}
