//! `lossform bench`

use super::arguments::{BenchOptions, Precision};
use super::data::{number_json, read};
use super::eval::request;
use super::{Outcome, plain_error, print, print_json};
use crate::diagnostic::{Diagnostic, Error};
use crate::differentiate::differentiate;
use crate::evaluate::check_inputs;
use crate::graph::VariableId;
use crate::library::Library;
use crate::lower::{Named, lower};
use crate::print::{document, text};
use crate::simplify::simplify;
use crate::source::SourceId;
use crate::syntax::parse_formula;
use crate::vector::Precision as VectorFloat;
use ndarray::ArrayD;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

/// How often each stage is timed.
const RUNS: usize = 201;

pub(super) fn run(library: &Library, options: &BenchOptions) -> Outcome {
    if options.symbolic {
        return symbolic(library, options);
    }
    match options.precision {
        Precision::F64 => on_data::<f64>(library, options),
        Precision::F32 => on_data::<f32>(library, options),
    }
}

/// Runs before those that are timed.
const WARM_UP: usize = 4;

/// The time of value and gradients on data in memory, compilation apart.
fn on_data<T: VectorFloat>(library: &Library, options: &BenchOptions) -> Outcome {
    let loss = super::loss(library, &options.loss)?;
    let Some(path) = &options.data else {
        return Err(plain_error(
            Diagnostic::new("missing-data", "`bench` needs data to evaluate the loss on")
                .help("give a file: `--data FILE`")
                .help("or time the derivation itself: `--symbolic`"),
        ));
    };
    let tables = read(path, &loss)?;
    let request = request(&options.grad, &[], options.reduction, options.threads, 4.0)?;
    let evaluator = loss.evaluator::<T>(&request)?;
    let inputs: BTreeMap<String, ArrayD<T>> =
        tables.inputs.iter().map(|(name, array)| (name.clone(), array.mapv(T::from_double))).collect();
    let parameters = tables.parameters.iter().map(|(name, v)| (name.clone(), T::from_double(*v))).collect();
    let data = evaluator.bind(&inputs, &parameters)?;
    check_inputs(loss.graph(), &data).map_err(|d| Error::new(vec![d], loss.sources().clone()))?;
    let clock = Instant::now();
    let mut compiled = evaluator.compile(&data)?;
    let compile_seconds = clock.elapsed().as_secs_f64();
    let mut value = None;
    let mut seconds: Vec<f64> = Vec::with_capacity(options.runs as usize);
    for run in 0..WARM_UP + options.runs as usize {
        let clock = Instant::now();
        value = match &mut compiled {
            Some(compiled) => evaluator.rerun(compiled, &data)?,
            None => evaluator.run(&data, &|_| {})?.value.first().copied(),
        };
        if run >= WARM_UP {
            seconds.push(clock.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    let [least, middle, most] = [0, seconds.len() / 2, seconds.len() - 1].map(|at| seconds[at]);
    let first = loss.graph().variables().iter().find(|v| !v.is_hyperparameter);
    let elements = first.and_then(|v| inputs.get(&v.name)).map_or(1, ArrayD::len);
    let each = middle / elements.max(1) as f64 * 1e9;
    let value = value.map_or(serde_json::Value::Null, number_json);
    if options.json {
        return print_json(&json!({
            "loss": loss.name(),
            "elements": elements,
            "ns_per_element": each,
            "seconds": {"min": least, "median": middle, "max": most},
            "compile_seconds": compile_seconds,
            "value": value,
        }));
    }
    print(&format!(
        "{elements} elements, {each:.3} ns each\nmedian {middle:.6} s, least {least:.6} s, most {most:.6} s\n\
         compiled in {:.1} us\nvalue = {value}\n",
        compile_seconds * 1e6
    ))
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
        let mut clock = Instant::now();
        let mut lap = |stage: usize| {
            times[stage].push(clock.elapsed().as_secs_f64() * 1e6);
            clock = Instant::now();
        };
        let fail = |errors| Error::new(errors, loss.sources().clone());
        let tree = parse_formula(&source, SourceId::default()).map_err(fail)?;
        lap(0);
        let mut lowered = lower(&library.definitions, &tree, &[]).map_err(fail)?;
        lap(1);
        let derivatives = differentiate(&mut lowered.graph, lowered.root, &variables);
        lap(2);
        let short: Vec<_> = derivatives.iter().map(|d| simplify(&mut lowered.graph, d.node).node).collect();
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
