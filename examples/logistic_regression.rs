//! Logistic regression on handwritten digits (is it an eight?), the model itself written in the language: focal loss
//! against cross-entropy. One digit in ten is an eight.
//!
//! The weights have no batch axis, so they are shared by the batch, and their gradient is that of the mean.

use lossform::{Library, Loss, Reduction, Request};
use ndarray::{ArrayD, IxDyn, Slice};
use std::collections::BTreeMap;
use std::error::Error;

/// Rows for training; the others are for testing.
const TRAIN: usize = 1200;
const STEPS: usize = 300;
const RATE: f64 = 1.0;

/// Each model is the composition of a score with a built-in loss.
const MODELS: &[(&str, &str)] = &[
    ("bce", "loss model(x[k], y in {0,1}, w[k], b) = bce_with_logits(sum[k](w*x/16) + b, y)"),
    (
        "focal, alpha = 0.25",
        "loss model(x[k], y in {0,1}, w[k], b) = focal_with_logits(sum[k](w*x/16) + b, y; alpha = 0.25)",
    ),
    (
        "focal, alpha = 0.75",
        "loss model(x[k], y in {0,1}, w[k], b) = focal_with_logits(sum[k](w*x/16) + b, y; alpha = 0.75)",
    ),
];

type Arrays = BTreeMap<String, ArrayD<f64>>;

/// The pixels and labels of all images.
fn read_digits() -> Result<(ArrayD<f64>, ArrayD<f64>), Box<dyn Error>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/digits.csv");
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for line in std::fs::read_to_string(path)?.lines().skip(1) {
        let row: Vec<f64> = line.split(',').map(str::parse).collect::<Result<_, _>>()?;
        pixels.extend_from_slice(&row[..64]);
        labels.push(row[64]);
    }
    let count = labels.len();
    Ok((
        ArrayD::from_shape_vec(IxDyn(&[count, 64]), pixels)?,
        ArrayD::from_shape_vec(IxDyn(&[count]), labels)?,
    ))
}

/// What is measured of a trained model.
struct Scores {
    loss: f64,
    norm: f64,
    precision: f64,
    recall: f64,
    f1: f64,
    average_precision: f64,
}

fn train(loss: &Loss, pixels: &ArrayD<f64>, labels: &ArrayD<f64>) -> Result<Scores, Box<dyn Error>> {
    let request =
        Request { gradients: vec!["w".into(), "b".into()], reduction: Reduction::Mean, ..Request::default() };
    let evaluator = loss.evaluator::<f64>(&request)?;
    let (rows, axis) = (Slice::from(..TRAIN), ndarray::Axis(0));
    let mut inputs: Arrays = BTreeMap::from([
        ("x".to_owned(), pixels.slice_axis(axis, rows).to_owned()),
        ("y".to_owned(), labels.slice_axis(axis, rows).to_owned()),
        ("w".to_owned(), ArrayD::zeros(IxDyn(&[64]))),
        ("b".to_owned(), ArrayD::zeros(IxDyn(&[]))),
    ]);
    let none = BTreeMap::new();
    for _ in 0..STEPS {
        let result = evaluator.evaluate(&inputs, &none)?;
        for (name, gradient) in result.gradients {
            if let Some(weights) = inputs.get_mut(&name) {
                *weights = &*weights - &(gradient * RATE);
            }
        }
    }
    let loss = evaluator.evaluate(&inputs, &none)?.value[[]];
    // The score is a formula as well.
    let score = Loss::parse("loss score(x[k], w[k], b) = sum[k](w*x/16) + b")?;
    let rest = Slice::from(TRAIN..);
    let test = BTreeMap::from([
        ("x".to_owned(), pixels.slice_axis(axis, rest).to_owned()),
        ("w".to_owned(), inputs["w"].clone()),
        ("b".to_owned(), inputs["b"].clone()),
    ]);
    let logits = score.evaluator::<f64>(&Request::default())?.evaluate(&test, &none)?.value;
    let truth = labels.slice_axis(axis, rest);
    let mut ranked: Vec<(f64, bool)> =
        logits.iter().zip(truth.iter()).map(|(z, y)| (*z, *y == 1.0)).collect();
    let positives = ranked.iter().filter(|(_, y)| *y).count() as f64;
    let found = ranked.iter().filter(|(z, _)| *z > 0.0).count() as f64;
    let hits = ranked.iter().filter(|(z, y)| *z > 0.0 && *y).count() as f64;
    let (precision, recall) = (if found > 0.0 { hits / found } else { 0.0 }, hits / positives);
    let f1 = if hits > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut seen, mut total) = (0.0, 0.0);
    for (rank, _) in ranked.iter().enumerate().filter(|(_, (_, y))| *y) {
        seen += 1.0;
        total += seen / (rank as f64 + 1.0);
    }
    let norm = inputs["w"].iter().map(|w| w * w).sum::<f64>().sqrt();
    Ok(Scores { loss, norm, precision, recall, f1, average_precision: total / positives })
}

fn main() -> Result<(), Box<dyn Error>> {
    let (pixels, labels) = read_digits()?;
    let library = Library::builtin();
    println!(
        "{:20} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "loss", "training", "|w|", "precision", "recall", "F1", "AP"
    );
    for (name, formula) in MODELS {
        let scores = train(&library.formula(formula)?, &pixels, &labels)?;
        println!(
            "{name:20} {:9.6} {:9.6} {:9.6} {:9.6} {:9.6} {:9.6}",
            scores.loss, scores.norm, scores.precision, scores.recall, scores.f1, scores.average_precision
        );
    }
    Ok(())
}
