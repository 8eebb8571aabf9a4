//! Time from text to gradient, stage by stage, and of the reference evaluator.

use criterion::{Criterion, criterion_group, criterion_main};
use lossform::differentiate::differentiate;
use lossform::lower::{Definitions, lower};
use lossform::syntax::parse_formula;
use lossform::{Loss, Request};
use std::collections::BTreeMap;
use std::hint::black_box;

/// Scalar formulas of different shapes.
const FORMULAS: &[(&str, &str)] = &[
    ("bce", "-(y*log(p) + (1 - y)*log(1 - p))"),
    ("focal", "-alpha*(1 - p)^gamma*log(p)"),
    ("pseudo_huber", "delta^2*(sqrt(1 + ((p - y)/delta)^2) - 1)"),
    ("tanh_mse", "(tanh(z) - y)^2"),
];

fn symbolic(criterion: &mut Criterion) {
    let none = Definitions::default();
    for (name, text) in FORMULAS {
        criterion.bench_function(&format!("parse/{name}"), |b| {
            b.iter(|| parse_formula(black_box(text), Default::default()).unwrap());
        });
        let tree = parse_formula(text, Default::default()).unwrap();
        criterion.bench_function(&format!("lower/{name}"), |b| {
            b.iter(|| lower(&none, black_box(&tree), &[]).unwrap())
        });
        criterion.bench_function(&format!("lower and differentiate/{name}"), |b| {
            b.iter(|| {
                let mut lowered = lower(&none, black_box(&tree), &[]).unwrap();
                let inputs: Vec<_> = lowered.graph.variable_ids().collect();
                differentiate(&mut lowered.graph, lowered.root, &inputs)
            });
        });
        let loss = Loss::parse(text).unwrap();
        let input = loss.differentiable_inputs()[0].to_owned();
        criterion.bench_function(&format!("simplified gradient/{name}"), |b| {
            b.iter(|| loss.gradient(black_box(&input)).unwrap());
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
