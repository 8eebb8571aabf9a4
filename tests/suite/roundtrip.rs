//! What is printed reads back as the same function.

use crate::points::{Draw, inputs};
use lossform::evaluate::Extended;
use lossform::real::Real;
use lossform::{Derivation, Library, Loss, Request};
use std::collections::BTreeMap;

/// The signature of a loss with one more input, as text.
fn signature(loss: &Loss, more: &str) -> String {
    let declared = loss.signature();
    let is_hyper: Vec<bool> = loss.graph().variables().iter().map(|v| v.is_hyperparameter).collect();
    let of = |wanted: bool| -> Vec<String> {
        declared.iter().zip(&is_hyper).filter(|(_, h)| **h == wanted).map(|(d, _)| d.clone()).collect()
    };
    let mut inputs = of(false);
    inputs.extend((!more.is_empty()).then(|| more.to_owned()));
    let hyper = of(true);
    format!("{}{}{}", inputs.join(", "), if hyper.is_empty() { "" } else { "; " }, hyper.join(", "))
}

/// Evaluates the printed formula and the original at some points; gives whether it prints as the same text again.
#[track_caller]
pub fn check_formula(library: &Library, loss: &Loss) -> bool {
    let text = lossform::print::text(&loss.document());
    let again = format!("loss again({}) = {text}", signature(loss, ""));
    let parsed = library.formula(&again).unwrap_or_else(|e| panic!("{again}\n{e}"));
    for seed in 0..4 {
        let point = inputs::<Extended>(loss, &mut Draw(seed), 4);
        let value = |loss: &Loss| {
            let evaluator = loss.evaluator::<Extended>(&Request::default()).unwrap();
            evaluator.evaluate(&point, &BTreeMap::new()).map(|r| r.value[[]].to_double())
        };
        let (a, b) = (value(loss), value(&parsed));
        match (a, b) {
            (Ok(a), Ok(b)) => {
                assert!((a - b).abs() <= 1e-14 * a.abs().max(1.0) || a.is_nan() || a == b, "{again}\n{a} {b}")
            }
            (a, b) => assert_eq!(a.is_ok(), b.is_ok(), "{again}"),
        }
    }
    lossform::print::text(&parsed.document()) == text
}

/// Evaluates the printed gradient, weighted by a new input and summed, and the original.
#[track_caller]
pub fn check_gradient(library: &Library, loss: &Loss, input: &str, gradient: &Derivation) {
    let axes: Vec<String> = loss
        .graph()
        .variables()
        .iter()
        .find(|v| v.name == input)
        .unwrap()
        .axes
        .iter()
        .map(|a| loss.graph().axis(*a).name.clone())
        .collect();
    let text = gradient.text();
    let (body, definitions) = text
        .split_once("\n  where ")
        .map_or((text.as_str(), String::new()), |(b, d)| (b, format!("\n  where {d}")));
    let indices = gradient.indices();
    let (declared, weighted) = if axes.is_empty() {
        ("weight_".to_owned(), format!("weight_*({body})"))
    } else {
        let list = indices.join(",");
        // Explicit ranges: the accesses within the gradient must not narrow them.
        let ranges: Vec<String> =
            indices.iter().zip(&axes).map(|(i, a)| format!("{i} in 0..size[{a}]")).collect();
        let sum = format!("sum[{}](weight_[{list}]*({body}))", ranges.join(","));
        (format!("weight_[{}]", axes.join(",")), sum)
    };
    let again = format!("loss again({}) = {weighted}{definitions}", signature(loss, &declared));
    let parsed = library.formula(&again).unwrap_or_else(|e| panic!("{again}\n{e}"));
    for seed in 0..4 {
        let point = inputs::<Extended>(&parsed, &mut Draw(seed), 4);
        let request = Request { gradients: vec![input.to_owned()], raw: true, ..Request::default() };
        let mut own = point.clone();
        let weights = own.remove("weight_").unwrap();
        let derived = loss.evaluator::<Extended>(&request).unwrap().evaluate(&own, &BTreeMap::new());
        let printed =
            parsed.evaluator::<Extended>(&Request::default()).unwrap().evaluate(&point, &BTreeMap::new());
        let (Ok(derived), Ok(printed)) = (&derived, &printed) else {
            panic!("{again}\n{:?}", printed.map(|p| p.value).map_err(|e| e.to_string()));
        };
        let expected = derived.gradients[input]
            .iter()
            .zip(weights.iter())
            .fold(Extended::from_double(0.0), |sum, (g, w)| sum + *g * *w)
            .to_double();
        let found = printed.value[[]].to_double();
        assert!(
            (found - expected).abs() <= 1e-13 * expected.abs().max(1.0) || !expected.is_finite(),
            "{again}\n{found} instead of {expected}"
        );
    }
}

#[test]
fn library_formulas_read_back() {
    let library = Library::builtin();
    for name in library.names() {
        // And prints as the same text again.
        assert!(check_formula(&library, &library.loss(name).unwrap()), "{name} prints differently again");
    }
}

#[test]
fn library_gradients_read_back() {
    let library = Library::builtin();
    for name in library.names() {
        let loss = library.loss(name).unwrap();
        for input in loss.differentiable_inputs() {
            check_gradient(&library, &loss, input, &loss.gradient(input).unwrap());
            check_gradient(&library, &loss, input, &loss.raw_gradients(&[input]).unwrap().remove(0));
        }
    }
}
