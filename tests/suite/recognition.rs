//! Functions are recognised however they are spelled.

use lossform::Loss;

#[track_caller]
fn check(formula: &str, input: &str, expected: &str) {
    let loss = Loss::parse(formula).unwrap_or_else(|e| panic!("{e}"));
    let gradient = loss.gradient(input).unwrap();
    assert_eq!(gradient.to_string(), expected, "{formula}");
    let check = loss.check_gradient(input).unwrap();
    assert!(check.disagreement.is_none() && check.points > 0, "{formula}: {check:?}");
}

#[test]
fn logistic() {
    check("log(1 + exp(z))", "z", "sigmoid(z)");
    check("log1p(exp(z))", "z", "sigmoid(z)");
    check("softplus(z)", "z", "sigmoid(z)");
    check("-log(1/(1 + exp(-z)))", "z", "sigmoid(z) - 1");
    check("-log_sigmoid(z)", "z", "sigmoid(z) - 1");
    check("-log(sigmoid(z))", "z", "sigmoid(z) - 1");
    check("-(y*log(sigmoid(z)) + (1 - y)*log(1 - sigmoid(z)))", "z", "sigmoid(z) - y");
    check("softplus(z) - y*z", "z", "sigmoid(z) - y");
}

#[test]
fn softmax() {
    check("log(sum[c](exp(z[c])))", "z", "softmax[c](z)");
    check("logsumexp[c](z[c])", "z", "softmax[c](z)");
    check("loss f(z[c], y[c] in simplex) = -sum[c](y*log(exp(z)/sum[c](exp(z))))", "z", "softmax[c](z) - y");
    check("loss f(z[c], y[c] in simplex) = -sum[c](y*log_softmax[c](z))", "z", "softmax[c](z) - y");
    check("loss f(z[c], t in index[c]) = -log(exp(z[t])/sum[c](exp(z)))", "z", "softmax[c](z) - [c == t]");
    check("-sum[c](y*log(softmax[c](z)))", "z", "softmax[c](z)*sum[c](y) - y");
}

#[test]
fn hyperbolic() {
    check("log(cosh(r))", "r", "tanh(r)");
    check("log((exp(r) + exp(-r))/2)", "r", "tanh(r)");
}

#[test]
fn piecewise() {
    check("max(0, m - x)^2/2", "x", "-max(0, m - x)");
    check("if |r| <= 2 then r^2/2 else 2*(|r| - 1)", "r", "clamp(r, -2, 2)");
    check("if x > 0 then x else -x", "x", "if x > 0 then 1 else -1");
}
