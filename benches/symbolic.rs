//! Time from text to gradient, stage by stage, and of the reference evaluator.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use lossform::differentiate::differentiate;
use lossform::lower::{Definitions, lower};
use lossform::syntax::parse_formula;
use lossform::{Loss, Request};
use std::collections::BTreeMap;
use std::hint::black_box;

/// Scalar formulas of many shapes, with the inputs to differentiate by: `tests/cases/formulas.json`.
fn formulas() -> Vec<(String, String, Vec<String>)> {
    let file: serde_json::Value = serde_json::from_str(include_str!("../tests/cases/formulas.json")).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let entries = file["formulas"].as_array().unwrap().iter();
    entries
        .map(|f| {
            let inputs = f["wrt"].as_array().unwrap().iter().map(text).collect();
            (text(&f["name"]), text(&f["formula"]), inputs)
        })
        .collect()
}

fn symbolic(criterion: &mut Criterion) {
    let none = Definitions::default();
    for (name, text, inputs) in formulas() {
        criterion.bench_function(&format!("parse/{name}"), |b| {
            b.iter_with_large_drop(|| parse_formula(black_box(&text), Default::default()).unwrap());
        });
        let tree = parse_formula(&text, Default::default()).unwrap();
        criterion.bench_function(&format!("lower/{name}"), |b| {
            b.iter_with_large_drop(|| lower(&none, black_box(&tree), &[]).unwrap());
        });
        criterion.bench_function(&format!("differentiate/{name}"), |b| {
            b.iter_batched_ref(
                || lower(&none, &tree, &[]).unwrap(),
                |lowered| {
                    let variables: Vec<_> =
                        inputs.iter().map(|name| lowered.graph.find_variable(name).unwrap()).collect();
                    differentiate(&mut lowered.graph, lowered.root, &variables)
                },
                BatchSize::SmallInput,
            );
        });
        let loss = Loss::parse(&text).unwrap();
        let names: Vec<&str> = inputs.iter().map(String::as_str).collect();
        criterion.bench_function(&format!("simplified gradients/{name}"), |b| {
            b.iter_with_large_drop(|| loss.gradients(black_box(&names)).unwrap());
        });
    }
}

fn evaluation(criterion: &mut Criterion) {
    let loss = Loss::builtin("bce_with_logits").unwrap();
    let request = Request { gradients: vec!["z".into()], ..Request::default() };
    let evaluator = loss.evaluator::<f64>(&request).unwrap();
    let count = 100_000;
    let z = ndarray::Array1::linspace(-8.0, 8.0, count).into_dyn();
    let y = ndarray::Array1::from_shape_fn(count, |n| (n % 2) as f64).into_dyn();
    let inputs = BTreeMap::from([("z".to_owned(), z), ("y".to_owned(), y)]);
    let data = evaluator.bind(&inputs, &BTreeMap::new()).unwrap();
    criterion.bench_function("evaluate 1e5 elements/bce_with_logits", |b| {
        b.iter(|| evaluator.run(black_box(&data), &|_| {}).unwrap());
    });
}

criterion_group!(benches, symbolic, evaluation);
criterion_main!(benches);
