//! What is printed reads back as the same function.

use crate::points::{Draw, inputs};
use lossform::evaluate::{Batch, Extended, Limits, Output, bind, evaluate};
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

/// A derivative as a formula with one value: weighted by a new input for each order and summed. `text` may have a
/// `where` part; `elements` names the inputs that the derivative is with respect to, with the indices in it.
pub fn weighted(loss: &Loss, elements: &[(&str, Vec<&str>)], text: &str) -> String {
    let (body, definitions) =
        text.split_once("\n  where ").map_or((text, String::new()), |(b, d)| (b, format!("\n  where {d}")));
    let graph = loss.graph();
    let (mut declared, mut factors, mut ranges) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (input, own)) in elements.iter().enumerate() {
        let variable = graph.variables().iter().find(|v| v.name == *input).unwrap();
        let axes: Vec<&str> = variable.axes.iter().map(|a| graph.axis(*a).name.as_str()).collect();
        let bracket =
            |list: &[&str]| if list.is_empty() { String::new() } else { format!("[{}]", list.join(",")) };
        declared.push(format!("weight{at}_{}", bracket(&axes)));
        factors.push(format!("weight{at}_{}", bracket(own)));
        // Explicit ranges: the accesses within the derivative must not narrow them.
        ranges.extend(own.iter().zip(&axes).map(|(i, a)| format!("{i} in 0..size[{a}]")));
    }
    let weighted = format!("{}*({body})", factors.join("*"));
    let weighted =
        if ranges.is_empty() { weighted } else { format!("sum[{}]({weighted})", ranges.join(",")) };
    format!("loss again({}) = {weighted}{definitions}", signature(loss, &declared.join(", ")))
}

/// The inputs that a derivative is with respect to, with their indices in it.
pub fn elements<'d>(loss: &Loss, derivation: &'d Derivation) -> Vec<(&'d str, Vec<&'d str>)> {
    let mut indices = derivation.indices().into_iter();
    let axes =
        |input: &str| loss.graph().variables().iter().find(|v| v.name == input).map_or(0, |v| v.axes.len());
    let names = derivation.with_respect_to();
    names.into_iter().map(|input| (input, indices.by_ref().take(axes(input)).collect())).collect()
}

/// Evaluates the printed derivative, weighted by a new input for each order and summed, and the original.
#[track_caller]
pub fn check_derivation(library: &Library, loss: &Loss, derivation: &Derivation) {
    let elements = elements(loss, derivation);
    let again = weighted(loss, &elements, &derivation.text());
    let parsed = library.formula(&again).unwrap_or_else(|e| panic!("{again}\n{e}"));
    for seed in 0..4 {
        let point = inputs::<Extended>(&parsed, &mut Draw(seed), 4);
        let printed =
            parsed.evaluator::<Extended>(&Request::default()).unwrap().evaluate(&point, &BTreeMap::new());
        let Ok(printed) = &printed else { panic!("{again}\n{}", printed.unwrap_err()) };
        let graph = derivation.graph();
        let needed: Vec<_> = graph.variable_ids().collect();
        let mut own = point.clone();
        own.retain(|name, _| !name.starts_with("weight"));
        let data = bind(graph, &needed, &own, &BTreeMap::new()).unwrap();
        let output = Output::new(derivation.node(), derivation.index_ids(), Batch::Each);
        let derived = evaluate(graph, &[output], &data, &Limits::default(), &|_| {}).unwrap().remove(0);
        let mut expected = derived.clone();
        for at in (0..elements.len()).rev() {
            // The last axes belong to the last weight.
            let weight = &point[&format!("weight{at}_")];
            let outer = expected.len() / weight.len();
            expected = expected
                .to_shape((outer, weight.len()))
                .unwrap()
                .rows()
                .into_iter()
                .map(|row| {
                    row.iter().zip(weight).fold(Extended::from_double(0.0), |sum, (g, w)| sum + *g * *w)
                })
                .collect::<ndarray::Array1<_>>()
                .into_dyn();
        }
        let (expected, found) = (expected.iter().next().unwrap().to_double(), printed.value[[]].to_double());
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
            check_derivation(&library, &loss, &loss.gradient(input).unwrap());
            check_derivation(&library, &loss, &loss.raw_gradients(&[input]).unwrap().remove(0));
        }
    }
}

#[test]
fn library_hessians_read_back() {
    let library = Library::builtin();
    for name in library.names() {
        let loss = library.loss(name).unwrap();
        let inputs = loss.differentiable_inputs();
        for (at, first) in inputs.iter().enumerate() {
            for second in &inputs[at..] {
                check_derivation(&library, &loss, &loss.hessian(first, second).unwrap());
            }
        }
    }
}
