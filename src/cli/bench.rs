//! `lossform bench`

use super::arguments::BenchOptions;
use super::{Outcome, later, print, print_json};
use crate::diagnostic::Error;
use crate::differentiate::differentiate;
use crate::graph::VariableId;
use crate::library::Library;
use crate::lower::{Named, lower};
use crate::print::{document, text};
use crate::simplify::{recognise, simplify_all};
use crate::source::SourceId;
use crate::syntax::parse_formula;
use serde_json::json;
use std::time::Instant;

/// How often each stage is timed.
const RUNS: usize = 201;

pub(super) fn run(library: &Library, options: &BenchOptions) -> Outcome {
    if !options.symbolic {
        return Err(later("bench on data"));
    }
    symbolic(library, options)
}

/// The time of each stage from text to printed gradient: medians in microseconds, nothing cached between runs.
fn symbolic(library: &Library, options: &BenchOptions) -> Outcome {
    let loss = super::loss(library, &options.loss)?;
    let names: Vec<String> = match options.wrt.as_slice() {
        [] => loss.differentiable_inputs().into_iter().map(str::to_owned).collect(),
        names => names.to_vec(),
    };
    let variables: Vec<VariableId> = names.iter().map(|n| loss.variable(n)).collect::<Result<_, _>>()?;
    let source = loss.definition();
    let mut times: [Vec<f64>; 5] = std::array::from_fn(|_| Vec::with_capacity(RUNS));
    let mut operations = 0;
    for _ in 0..RUNS {
        times.iter_mut().for_each(|stage| stage.push(0.0));
        let mut clock = Instant::now();
        // Simplification has two parts, one before differentiation.
        let mut lap = |stage: usize| {
            if let Some(time) = times[stage].last_mut() {
                *time += clock.elapsed().as_secs_f64() * 1e6;
            }
            clock = Instant::now();
        };
        let fail = |errors| Error::new(errors, loss.sources().clone());
        let tree = parse_formula(&source, SourceId::default()).map_err(fail)?;
        lap(0);
        let mut lowered = lower(&library.definitions, &tree, &[]).map_err(fail)?;
        lap(1);
        let root = recognise(&mut lowered.graph, &[lowered.root]).0[0];
        lap(3);
        let derivatives = differentiate(&mut lowered.graph, root, &variables);
        lap(2);
        let nodes: Vec<_> = derivatives.iter().map(|d| d.node).collect();
        let short: Vec<_> = simplify_all(&mut lowered.graph, &nodes).into_iter().map(|s| s.node).collect();
        lap(3);
        let named: Vec<Named> = lowered.named.clone();
        operations = 0;
        for node in short {
            let printed = document(&mut lowered.graph, node, &named);
            operations += printed.operations();
            std::hint::black_box(text(&printed));
        }
        lap(4);
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let [parse, lower, differentiate, simplify, print_time] = times.each_mut().map(median);
    if options.json {
        return print_json(&json!({
            "parse_us": parse,
            "lower_us": lower,
            "differentiate_us": differentiate,
            "simplify_us": simplify,
            "print_us": print_time,
            "operations": operations,
        }));
    }
    print(&format!(
        "parse          {parse:9.2} us\nlower          {lower:9.2} us\ndifferentiate  {differentiate:9.2} us\n\
         simplify       {simplify:9.2} us\nprint          {print_time:9.2} us\noperations     {operations:6}\n"
    ))
}
