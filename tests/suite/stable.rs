//! The forms that are evaluated: they refine what was written, and say what made them.

use crate::references::array;
use lossform::differentiate::differentiate;
use lossform::evaluate::{Batch, Extended, Limits, Output, bind, evaluate};
use lossform::print::{Document, text};
use lossform::real::Real;
use lossform::stabilize::{COMPOSED, explanation, rules, stabilize};
use lossform::{Loss, Request};
use ndarray::ArrayD;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Compares what was written with what is evaluated, both in 237 bits.
fn check_refines(formula: &str, gradients: &[&str], cases: &[&Value]) -> usize {
    let is_name = formula.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let loss = if is_name { Loss::builtin(formula) } else { Loss::parse(formula) }.unwrap();
    let mut graph = loss.graph().clone();
    let variables: Vec<_> = gradients.iter().map(|name| graph.find_variable(name).unwrap()).collect();
    let mut roots = vec![(loss.root(), Vec::new())];
    roots.extend(differentiate(&mut graph, loss.root(), &variables).into_iter().map(|d| (d.node, d.indices)));
    let written: Vec<_> = roots.iter().map(|r| r.0).collect();
    let stable = stabilize(&mut graph, &written);
    for name in &stable.rewrites {
        assert!(explanation(name).is_some(), "{name} is not explained");
    }
    let mut outputs = Vec::new();
    for ((node, indices), form) in roots.iter().zip(&stable.nodes) {
        outputs.push(Output::new(*node, indices.clone(), Batch::Each));
        outputs.push(Output::new(*form, indices.clone(), Batch::Each));
    }
    let needed: Vec<_> = graph.variable_ids().collect();
    let mut compared = 0;
    for case in cases {
        let arrays: BTreeMap<String, ArrayD<Extended>> = case["inputs"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), array(value).mapv(Extended::from_double)))
            .collect();
        let parameters = case["params"].as_object().unwrap().iter();
        let parameters = parameters
            .filter(|(name, _)| graph.find_variable(name).is_some())
            .map(|(name, value)| (name.clone(), Extended::from_double(value.as_f64().unwrap())))
            .collect();
        let data = bind(&graph, &needed, &arrays, &parameters).unwrap();
        let results = evaluate(&graph, &outputs, &data, &Limits::default(), &|_| {}).unwrap();
        for pair in results.chunks(2) {
            for (a, b) in pair[0].iter().zip(&pair[1]) {
                let (a, b) = (a.to_double(), b.to_double());
                if a.is_finite() {
                    let allowed = 1e-20 * a.abs().max(1e-20);
                    assert!((a - b).abs() <= allowed, "{formula}: {a} becomes {b}\n{case}");
                    compared += 1;
                }
            }
        }
    }
    compared
}

/// Whether 237 bits are enough for the formula as it is written.
fn is_ordinary(value: &Value) -> bool {
    match value {
        Value::Array(parts) => parts.iter().all(is_ordinary),
        Value::Object(parts) => parts.values().all(is_ordinary),
        Value::Number(n) => n.as_f64().is_some_and(|x| x == 0.0 || (1e-9..50.0).contains(&x.abs())),
        _ => true,
    }
}

#[test]
fn stable_forms_refine() {
    let table: Value = serde_json::from_str(include_str!("../reference/hard.json")).unwrap();
    let mut compared = 0;
    for group in table["groups"].as_array().unwrap() {
        let cases: Vec<&Value> = group["cases"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|case| is_ordinary(&case["inputs"]) && case["precision"] == "f64")
            .collect();
        let gradients: Vec<&str> =
            group["grads"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        for formula in group["spellings"].as_array().unwrap().iter().filter_map(Value::as_str) {
            compared += check_refines(formula, &gradients, &cases);
        }
    }
    assert!(compared > 5000, "{compared}");
}

#[test]
fn every_rewrite_is_explained_and_used() {
    let mut seen = BTreeSet::new();
    for (name, reason) in COMPOSED {
        assert!(seen.insert(*name), "{name} stands twice");
        assert!(reason.ends_with('.'), "{name}: {reason}");
    }
    let table: Value = serde_json::from_str(include_str!("../reference/hard.json")).unwrap();
    let mut used = BTreeSet::new();
    for group in table["groups"].as_array().unwrap() {
        let gradients: Vec<String> =
            group["grads"].as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned).collect();
        for formula in group["spellings"].as_array().unwrap().iter().filter_map(Value::as_str) {
            let is_name = formula.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let loss = if is_name { Loss::builtin(formula) } else { Loss::parse(formula) }.unwrap();
            let request = Request { gradients: gradients.clone(), ..Request::default() };
            let form = loss.stable_form(&request).unwrap();
            for definition in &form.definitions {
                let document = Document { body: definition.value.clone(), definitions: Vec::new() };
                let is_circular = text(&document)
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .any(|word| word == definition.name);
                assert!(!is_circular, "{formula}: {} is defined by itself", definition.name);
            }
            used.extend(form.rewrites);
        }
    }
    let known = COMPOSED.iter().map(|(name, _)| *name).chain(rules().iter().map(|r| r.name.as_str()));
    let unused: Vec<&str> = known.filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "nothing in the table needs {unused:?}");
}

#[track_caller]
fn check(formula: &str, gradient: &str, value: &str, slope: &str) {
    let loss = Loss::parse(formula).unwrap();
    let request = Request { gradients: vec![gradient.to_owned()], ..Request::default() };
    let form = loss.stable_form(&request).unwrap();
    let printed: Vec<String> = form.parts.iter().map(|p| text(&p.document)).collect();
    assert_eq!(printed, [value, slope], "{formula}");
}

#[test]
fn forms_do_not_depend_on_the_spelling() {
    for spelling in ["-log(1/(1+exp(-z)))", "log(1+exp(-z))", "-log(sigmoid(z))", "softplus(z) - z"] {
        check(spelling, "z", "softplus(-z)", "-sigmoid(-z)");
    }
    check("log(1 - exp(x))", "x", "log1mexp(x)", "-sign(x)*exp(min(0, x))/expm1(-|x|)");
    check("x/sqrt(1+x^2)", "x", "x/hypot(1, x)", "1/hypot(1, x)^3");
    check("1 - cos(x)", "x", "2*sin(x/2)^2", "sin(x)");
}

#[test]
fn quotients_have_their_limits() {
    for (formula, at_zero) in [
        ("x/expm1(x)", 1.0),
        ("x*exp(x)/expm1(x)", 1.0),
        ("x*exp(-x)/expm1(-x)", -1.0),
        ("-2*x/expm1(x)", -2.0),
    ] {
        let evaluator = Loss::parse(formula).unwrap().evaluator::<f64>(&Request::default()).unwrap();
        let at = |x: f64| {
            let inputs = [("x".to_owned(), ndarray::arr0(x).into_dyn())];
            evaluator.evaluate(&inputs.into(), &BTreeMap::new()).unwrap().value.sum()
        };
        for x in [0.0, 1e-300, -1e-300] {
            assert!((at(x) - at_zero).abs() < 1e-15, "{formula} at {x}: {}", at(x));
        }
        assert!(at(1.0).signum() == at_zero.signum() && at(-1.0).signum() == at_zero.signum(), "{formula}");
    }
}
