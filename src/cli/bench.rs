//! `lossform bench`

use super::arguments::{BenchOptions, Precision};
use super::data::{Element, number_json, open, whole};
use super::eval::request;
use super::{Outcome, plain_error, print, print_json};
use crate::diagnostic::{Diagnostic, Error};
use crate::differentiate::differentiate;
use crate::graph::{NodeId, VariableId};
use crate::library::Library;
use crate::lower::lower;
use crate::print::{Form, documents, form_text};
use crate::simplify::{recognise, simplify_all};
use crate::source::SourceId;
use crate::syntax::parse_formula;
use serde_json::json;
use std::time::{Duration, Instant};

/// How often each stage is timed at least and at most, and how long this may take beyond the least.
const RUNS: std::ops::RangeInclusive<usize> = 51..=2001;
const BUDGET: Duration = Duration::from_millis(100);

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

/// Compilations, of which the median is told.
const COMPILATIONS: usize = 5;

/// The time of value and gradients on data in memory, compilation apart.
fn on_data<T: Element>(library: &Library, options: &BenchOptions) -> Outcome {
    let loss = super::loss(library, &options.loss)?;
    let Some(path) = &options.data else {
        return Err(plain_error(
            Diagnostic::new("missing-data", "`bench` needs data to evaluate the loss on")
                .help("give a file: `--data FILE`")
                .help("or time the derivation itself: `--symbolic`"),
        ));
    };
    let source = open(path, &loss)?;
    let request = request(&options.grad, &[], options.reduction, options.threads, 4.0)?;
    let evaluator = loss.evaluator::<T>(&request)?;
    let data = whole(source, &loss, &evaluator)?;
    evaluator.check(&data)?;
    let (mut compiled, mut compiling) = (None, Vec::with_capacity(COMPILATIONS));
    for _ in 0..COMPILATIONS {
        let clock = Instant::now();
        let next = evaluator.compile(&data)?;
        compiling.push(clock.elapsed().as_secs_f64());
        compiled = next;
    }
    compiling.sort_by(f64::total_cmp);
    let compile_seconds = compiling[COMPILATIONS / 2];
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
    let first = first.map(|v| loss.variable(&v.name)).transpose()?;
    let elements = first.and_then(|v| data.elements(v)).map_or(1, <[T]>::len);
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
///
/// What a stage leaves behind is freed after the clock has stopped. The short stages run by themselves first: right
/// behind the long ones they would be timed with caches full of other things.
fn symbolic(library: &Library, options: &BenchOptions) -> Outcome {
    let loss = super::loss(library, &options.loss)?;
    let names: Vec<String> = match options.wrt.as_slice() {
        [] => loss.differentiable_inputs().into_iter().map(str::to_owned).collect(),
        names => names.to_vec(),
    };
    let variables: Vec<VariableId> = names.iter().map(|n| loss.variable(n)).collect::<Result<_, _>>()?;
    let source = loss.definition();
    let fail = |errors| Error::new(errors, loss.sources().clone());
    let derive = |clock: &mut Clock<4>| {
        let tree = parse_formula(&source, SourceId::default()).map_err(fail)?;
        clock.lap(0);
        let mut lowered = lower(&library.definitions, &tree, &[]).map_err(fail)?;
        clock.lap(1);
        // The part of simplification that comes before differentiation.
        let root = recognise(&mut lowered.graph, &[lowered.root]).0[0];
        clock.lap(3);
        let derivatives = differentiate(&mut lowered.graph, root, &variables);
        clock.lap(2);
        Ok((tree, lowered, derivatives))
    };
    let mut clock = Clock::new();
    while clock.goes_on() {
        clock.start();
        derive(&mut clock)?;
    }
    let [parse, lower, differentiate, recognition] = clock.medians();
    let mut clock = Clock::new();
    let mut operations = 0;
    while clock.goes_on() {
        let (_, mut lowered, derivatives) = derive(&mut Clock::new())?;
        clock.start();
        let nodes: Vec<NodeId> = derivatives.iter().map(|d| d.node).collect();
        let short: Vec<NodeId> =
            simplify_all(&mut lowered.graph, &nodes).into_iter().map(|s| s.node).collect();
        clock.lap(0);
        // Together, so that what several have in common is counted, and printed, once.
        let (bodies, definitions) = documents(&mut lowered.graph, &short, &lowered.named);
        let printed: Vec<String> =
            bodies.iter().chain(definitions.iter().map(|d| &d.value)).map(form_text).collect();
        clock.lap(1);
        std::hint::black_box(printed);
        operations = bodies.iter().chain(definitions.iter().map(|d| &d.value)).map(Form::operations).sum();
    }
    let [simplify, print_time] = clock.medians();
    let simplify = recognition + simplify;
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

/// Times `N` stages that follow one another, many times over.
struct Clock<const N: usize> {
    begun: Instant,
    started: Instant,
    /// In microseconds.
    times: [Vec<f64>; N],
}

impl<const N: usize> Clock<N> {
    fn new() -> Self {
        let now = Instant::now();
        Clock { begun: now, started: now, times: std::array::from_fn(|_| Vec::with_capacity(*RUNS.end())) }
    }

    fn goes_on(&self) -> bool {
        let runs = self.times[N - 1].len();
        runs < *RUNS.start() || (runs < *RUNS.end() && self.begun.elapsed() < BUDGET)
    }

    fn start(&mut self) {
        self.started = Instant::now();
    }

    fn lap(&mut self, stage: usize) {
        self.times[stage].push(self.started.elapsed().as_secs_f64() * 1e6);
        self.started = Instant::now();
    }

    fn medians(mut self) -> [f64; N] {
        self.times.each_mut().map(|times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
    }
}
