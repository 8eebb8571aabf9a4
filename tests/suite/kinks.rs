//! The conventions at kinks, and branches that are not taken.

use lossform::{Loss, Request};
use ndarray::{ArrayD, IxDyn};
use std::collections::BTreeMap;

/// The gradient with respect to x at x, before and after simplification.
#[track_caller]
fn check(formula: &str, x: &[f64], expected: &[f64]) {
    let loss = Loss::parse(formula).unwrap_or_else(|e| panic!("{e}"));
    let shape: Vec<usize> = if loss.graph().variables()[0].axes.is_empty() { vec![] } else { vec![x.len()] };
    let array = ArrayD::from_shape_vec(IxDyn(&shape), x.to_vec()).unwrap();
    for raw in [true, false] {
        let request = Request { gradients: vec!["x".into()], raw, ..Request::default() };
        let inputs = BTreeMap::from([("x".to_owned(), array.clone())]);
        let result = loss.evaluator::<f64>(&request).unwrap().evaluate(&inputs, &BTreeMap::new());
        let gradient = result.unwrap_or_else(|e| panic!("{formula}\n{e}")).gradients["x"].clone();
        assert_eq!(gradient.iter().copied().collect::<Vec<_>>(), expected, "{formula}, raw: {raw}");
    }
}

#[test]
fn absolute_value_and_sign() {
    check("|x|", &[0.0], &[0.0]);
    check("sign(x)*3", &[2.0], &[0.0]);
    check("floor(x) + round(x)", &[1.5], &[0.0]);
}

/// On an edge of a declared domain what has one sign is differentiated as what it is there, however it is spelled.
#[test]
fn what_has_one_sign_has_no_kink_on_the_edge() {
    check("loss f(x in (-inf,0]) = |x|", &[0.0], &[-1.0]);
    check("loss f(x in (-inf,0]) = |logit(sigmoid(x))|", &[0.0], &[-1.0]);
    check("loss f(x in [0,inf)) = |logit(sigmoid(x))|", &[0.0], &[1.0]);
}

#[test]
fn numbers_take_the_whole_tie() {
    check("max(0, x)", &[0.0], &[0.0]);
    check("relu(x)", &[0.0], &[0.0]);
    check("min(x, 1)", &[1.0], &[0.0]);
    check("loss f(x; m = 2) = max(m, x)", &[2.0], &[0.0]);
    check("clamp(x, -1, 1)", &[1.0], &[0.0]);
    check("clamp(x, -1, 1)", &[0.5], &[1.0]);
}

#[test]
fn arguments_share_a_tie() {
    check("max(x, 2*x)", &[0.0], &[1.5]);
    check("max(x, 2*x, 3*x)", &[0.0], &[2.0]);
    check("loss f(x[i]) = max[i](x)", &[3.0, 1.0, 3.0], &[0.5, 0.0, 0.5]);
    check("loss f(x[i]) = min[i](x)", &[3.0, 1.0, 3.0], &[0.0, 1.0, 0.0]);
    check("loss f(x[i]) = max[i : x > 0](-x)", &[-3.0, 1.0, 2.0], &[0.0, -1.0, 0.0]);
}

#[test]
fn norms_are_flat_at_zero() {
    check("loss f(x[i]) = norm[i](x)", &[0.0, 0.0], &[0.0, 0.0]);
    check("loss f(x[i]) = norm[i](x)", &[3.0, 4.0], &[0.6, 0.8]);
    check("hypot(x, 0*x)", &[0.0], &[0.0]);
}

#[test]
fn branches_not_taken_contribute_nothing() {
    check("if x > 0 then log(x) else 0", &[0.0], &[0.0]);
    check("if x > 0 then sqrt(x) else 0", &[-1.0], &[0.0]);
    check("3*(if x > 0 then 1/x else 0) + x", &[0.0], &[1.0]);
    check("loss f(x[i]) = sum[i : x > 0](log(x))", &[0.0, 2.0, -1.0], &[0.0, 0.5, 0.0]);
    check("[x > 0]*sqrt(x)", &[-4.0], &[0.0]);
    check("sqrt(if x > 0 then x else 0)*(if x > 0 then 1 else 0)", &[0.0], &[0.0]);
}

#[test]
fn products_with_zero_factors() {
    check("loss f(x[i]) = prod[i](x)", &[0.0, 2.0, 3.0], &[6.0, 0.0, 0.0]);
    check("loss f(x[i]) = prod[i](x)", &[0.0, 0.0, 3.0], &[0.0, 0.0, 0.0]);
}

#[test]
fn entropies_at_zero() {
    let loss = Loss::builtin("kl").unwrap();
    let evaluator = loss.evaluator::<f64>(&Request::default()).unwrap();
    let inputs = BTreeMap::from([
        ("p".to_owned(), ndarray::array![1.0, 0.0].into_dyn()),
        ("q".to_owned(), ndarray::array![1.0, 0.0].into_dyn()),
    ]);
    assert_eq!(evaluator.evaluate(&inputs, &BTreeMap::new()).unwrap().value[[]], 0.0);
}

#[test]
fn detached_parts_are_constants() {
    check("detach(x)*x", &[3.0], &[3.0]);
    check("loss f(x[i]) = sum[i](x*detach(x - mean[i](x)))", &[1.0, 3.0], &[-1.0, 1.0]);
}

/// Derivatives of maxima of more than an element of an input, against finite differences: what is largest is found again.
#[test]
fn the_largest_is_found_where_rounding_differs() {
    for formula in [
        "max[k](exp(a[k])*b[k] - c[k]/3)",
        "max[k](sigmoid(a[k])*log(1 + exp(b[k])) - a[k])",
        "min[k](a[k]/3 + b[k]/7 + c[k])",
        "max[i](v[i+1]/3 - 2*v[i])",
        "mean[n](min[m](sum[k]((a[n,k]/3 - b[m,k])^2)))",
        "max[i]((v[i+1] - v[i])*(log10(sigmoid(v[i])) - sum[j](h[i,j] + h[i,j]/(1 + v[i]^2))))",
        "loss f(p in (0,1), s in {-1,1}, u[c] in [0,1]) = max[i](u[i] - atan2(sigmoid(u[i] - s), 1 - p))",
    ] {
        let loss = Loss::parse(formula).unwrap();
        for input in loss.differentiable_inputs() {
            let check = loss.check_gradient(input).unwrap();
            assert!(check.disagreement.is_none(), "{formula}, {input}: {:?}", check.disagreement);
        }
    }
}
