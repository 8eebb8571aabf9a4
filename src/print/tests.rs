//! How formulas are printed. Each test is a formula and what it should look like.

use super::{document, json, latex, text, unicode};
use crate::Loss;

const SIGNATURE: &str = "x, y in [0,1], u, z[c], q[c] in (0,1), v[d], t in index[c]; a = 2, b in (0,inf) = 1";

fn parsed(formula: &str) -> Loss {
    let source = format!("loss test({SIGNATURE}) = {formula}");
    match Loss::parse(&source) {
        Ok(loss) => loss,
        Err(error) => panic!("{}", error.render()),
    }
}

/// Checks how a formula is printed, and that what is printed is printed the same again.
#[track_caller]
fn check(formula: &str, expected: &str) {
    let printed = text(&parsed(formula).document());
    assert_eq!(printed, expected, "{formula}");
    assert_eq!(text(&parsed(&printed).document()), printed, "read again");
}

#[test]
fn precedence() {
    check("-(x^u)", "-x^u");
    check("(x/u)/(y + 3)", "x/(u*(y + 3))");
    check("x^(-2)", "1/x^2");
    check("(1/3)^x", "(1/3)^x");
    check("x^(u^y)", "x^u^y");
    check("(x^u)^y", "(x^u)^y");
    check("(if x > 0 then u else y) + 1", "(if x > 0 then u else y) + 1");
    check("[not (x > 0 and u > 0 or y > 0)]", "[not (x > 0 and u > 0 or y > 0)]");
}

#[test]
fn signs_and_coefficients() {
    check("2*x - 2*u", "2*(x - u)");
    check("x/2 + u/2", "(x + u)/2");
    check("-x + u", "u - x");
    check("-(x - u)", "u - x");
    check("(u - x)^2", "(x - u)^2");
    check("x^2*u^2", "(x*u)^2");
    check("x^(-1/2)", "1/sqrt(x)");
    check("1 - 0.25*x", "1 - x/4");
}

#[test]
fn familiar_operations_come_back() {
    check("sum[c](exp(z[c] - logsumexp[c](z))*v[0])", "v[0]*sum[c](softmax[c](z))");
    check("sum[c](z[c])/size[c]", "mean[c](z)");
    check("sum[c]([z[c] > 0])", "count[c](z > 0)");
    check("min(b, max(-b, x))", "clamp(x, -b, b)");
    check("sum[c](q*log(softmax[c](z)))", "sum[c](q*log_softmax[c](z))");
}

#[test]
fn shared_parts_get_a_name() {
    check("exp(x*u + 1) + sin(x*u + 1)", "exp(r) + sin(r)\n  where r = x*u + 1");
    // One definition for the element at an index and at a position.
    check(
        "sum[c](softmax[c](z)*q) + p[t]\n  where p[c] = softmax[c](z)",
        "p[t] + sum[c](q*p[c])\n  where p[c] = softmax[c](z)",
    );
}

#[test]
fn a_shared_power_is_named_in_a_sum() {
    let mut formula = "x".to_owned();
    for _ in 0..6 {
        formula = format!("({formula})^2 + u");
    }
    let levels = (0..200).map(|n| format!("t{} = t{n}^2 + t{n}", n + 1)).collect::<Vec<_>>().join("\n");
    let printed = text(&parsed(&format!("t200\n  where t0 = x\n{levels}")).document());
    assert!(printed.len() < 500_000, "{}", printed.len());
    assert!(text(&parsed(&formula).document()).len() < 200);
}

#[test]
fn no_index_is_captured() {
    check("sum[c](z[c]*max[k](z[k]*q[c]))", "sum[c](z*max[k](z[k]*q))");
}

#[test]
fn ranges_are_written_where_accesses_do_not_tell() {
    check("sum[c in 1..3](z[c])", "sum[c in 1..3](z)");
    check("sum[c](z[c+1] - z[c])", "sum[c](z[c+1] - z)");
}

#[test]
fn a_sum_sign_in_latex_reaches_no_further_than_its_body() {
    let shown = |formula: &str| latex(&parsed(formula).document());
    assert_eq!(shown("sum[c](z)^2"), "\\left(\\sum_{c} z\\right)^{2}");
    assert_eq!(shown("x*sum[c](z)"), "x \\, \\sum_{c} z");
}

#[test]
fn json_has_the_parts_of_the_text() {
    let document = parsed("exp(x*u + 1) + sin(x*u + 1)").document();
    let entry = json(&document);
    assert_eq!(entry["text"], "exp(r) + sin(r)");
    assert_eq!(entry["where"][0]["name"], "r");
    assert_eq!(entry["operations"], 5);
    assert_eq!(entry.keys().collect::<Vec<_>>(), ["text", "where", "unicode", "latex", "operations"]);
}

#[test]
fn printing_again_is_the_same() {
    let loss = parsed("sum[c](z*log(q))*exp(-x^2/b)");
    let mut graph = loss.graph().clone();
    let first = document(&mut graph, loss.root(), &[]);
    assert_eq!(unicode(&first), unicode(&document(&mut graph, loss.root(), &[])));
}
