//! Time of the vectorised functions over an array that stays in the first cache; per element, on every level.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lossform::vector::{Elementary, Level, Precision};
use std::hint::black_box;

/// As many elements as fit twice into 32 KiB in double precision.
const COUNT: usize = 2048;

fn functions<T: Precision>(criterion: &mut Criterion, precision: &str) {
    // Positive values below one are in every domain.
    let x: Vec<T> = (0..COUNT).map(|n| T::from_double((n as f64 + 0.5) / COUNT as f64)).collect();
    let y: Vec<T> = x.iter().rev().copied().collect();
    let mut result = vec![T::zero(); COUNT];
    for function in Elementary::ALL {
        let mut group = criterion.benchmark_group(format!("{}/{precision}", function.name()));
        group.throughput(Throughput::Elements(COUNT as u64));
        for level in Level::available() {
            group.bench_function(format!("{level:?}"), |b| {
                b.iter(|| function.apply(level, &[black_box(&x), black_box(&y)], black_box(&mut result)));
            });
        }
    }
}

fn vector(criterion: &mut Criterion) {
    functions::<f32>(criterion, "f32");
    functions::<f64>(criterion, "f64");
}

criterion_group!(benches, vector);
criterion_main!(benches);
