//! What claims are judged with: derivation, proof by simplification, bounds, and a search for counter-examples.

use lossform::evaluate::Extended;
use lossform::graph::{Domain, Op, Variable};
use lossform::interval::Interval;
use lossform::real::Real;
use lossform::simplify::simplify;
use lossform::{Error, Loss, Request};
use ndarray::{ArrayD, IxDyn};
use std::collections::BTreeMap;

type Point = BTreeMap<String, ArrayD<Extended>>;

/// Values that differ by more than this are different; evaluation is exact to some 70 digits.
const TOLERANCE: f64 = 1e-30;

/// A formula over declared inputs.
pub fn formula(inputs: &str, text: &str) -> Result<Loss, Error> {
    Loss::parse(&format!("loss f({inputs}) = {text}"))
}

/// A derivative as it is printed, and as one expression.
pub struct Derived {
    /// On one line, with the names that it uses.
    pub shown: String,
    /// With the names replaced by what they stand for, ready to be part of another formula.
    pub expression: String,
}

impl Derived {
    fn new(text: &str) -> Derived {
        let (body, definitions) = text.split_once("\n  where ").unwrap_or((text, ""));
        let mut expression = body.to_owned();
        // A definition uses only names that are defined after it.
        for line in definitions.lines() {
            if let Some((name, value)) = line.trim().split_once(" = ") {
                expression = with_name_replaced(&expression, name, &format!("({value})"));
            }
        }
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        Derived { shown: lines.join(", ").replace(", where", " where"), expression }
    }
}

/// Puts `value` for every use of a name.
pub fn with_name_replaced(text: &str, name: &str, value: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    // Between two words there is something that is none, so the pieces are the words with one character each.
    text.split_inclusive(|c: char| !is_part(c))
        .map(|piece| match piece.strip_prefix(name) {
            Some(rest) if !rest.starts_with(is_part) => format!("{value}{rest}"),
            _ => piece.to_owned(),
        })
        .collect()
}

/// The gradient.
pub fn gradient(inputs: &str, text: &str, with_respect_to: &str) -> Result<Derived, Error> {
    Ok(Derived::new(&formula(inputs, text)?.gradient(with_respect_to)?.text()))
}

/// The diagonal of the second derivative.
pub fn curvature(inputs: &str, text: &str, with_respect_to: &str) -> Result<Derived, Error> {
    Ok(Derived::new(&formula(inputs, text)?.hessian_diagonal(with_respect_to)?.text()))
}

/// Whether simplification makes the difference of the two 0 wherever both are defined, or for each value of an
/// input that takes only a few.
pub fn proves_equal(inputs: &str, first: &str, second: &str) -> Result<bool, Error> {
    let mut open = vec![formula(inputs, &format!("({first}) - ({second})"))?];
    while let Some(difference) = open.pop() {
        let mut graph = difference.graph().clone();
        let node = simplify(&mut graph, difference.root()).node;
        if graph.is_zero(node) {
            continue;
        }
        let cases = graph.reachable(&[node]).into_iter().find_map(|n| match graph.op(n) {
            Op::Access(variable) => match &graph.variable(variable).domain {
                Domain::Set(values) => Some((graph.variable(variable).name.clone(), values.clone())),
                _ => None,
            },
            _ => None,
        });
        let Some((name, values)) = cases else { return Ok(false) };
        for value in values {
            open.push(difference.set(&[(name.clone(), value)])?);
        }
    }
    Ok(true)
}

/// Whether the difference of the two does not depend on one of the inputs, whose domain is an interval, and is 0
/// where that input has the value `at`: then it is 0 everywhere.
pub fn proves_equal_along(
    inputs: &str,
    first: &str,
    second: &str,
    name: &str,
    at: &str,
) -> Result<bool, Error> {
    let slope = gradient(inputs, &format!("({first}) - ({second})"), name)?;
    let there = [first, second].map(|text| with_name_replaced(text, name, at));
    Ok(slope.expression == "0" && proves_equal(inputs, &there[0], &there[1])?)
}

/// Between which values a formula lies for all inputs as declared, as far as it can be told.
pub fn bounds(inputs: &str, text: &str) -> Result<Interval, Error> {
    let loss = formula(inputs, text)?;
    let mut graph = loss.graph().clone();
    let node = simplify(&mut graph, loss.root()).node;
    Ok(graph.interval(node))
}

/// A value, at a point that is given as numbers by name.
pub fn value(inputs: &str, text: &str, point: &[(&str, f64)]) -> Result<f64, Error> {
    let point = point
        .iter()
        .map(|(name, number)| ((*name).to_owned(), ndarray::arr0(Extended::from_double(*number)).into_dyn()))
        .collect();
    evaluate(&formula(inputs, text)?, &point)
}

fn evaluate(loss: &Loss, point: &Point) -> Result<f64, Error> {
    let result = loss.evaluator::<Extended>(&Request::default())?.evaluate(point, &BTreeMap::new())?;
    Ok(result.value.iter().next().map_or(f64::NAN, |v| v.to_double()))
}

/// The first point at which two formulas differ.
pub fn counterexample(inputs: &str, first: &str, second: &str) -> Result<Option<String>, Error> {
    let difference = formula(inputs, &format!("({first}) - ({second})"))?;
    let found = search(&difference, |value| value.abs() > TOLERANCE)?;
    let Some(point) = found else { return Ok(None) };
    let values = [evaluate(&formula(inputs, first)?, &point)?, evaluate(&formula(inputs, second)?, &point)?];
    Ok(Some(format!("at {} they are {:.6} and {:.6}", describe(&point), values[0], values[1])))
}

/// The first point at which a formula is negative.
pub fn negative_at(inputs: &str, text: &str) -> Result<Option<String>, Error> {
    let loss = formula(inputs, text)?;
    let Some(point) = search(&loss, |value| value < -TOLERANCE)? else { return Ok(None) };
    Ok(Some(format!("at {} it is {:.6}", describe(&point), evaluate(&loss, &point)?)))
}

/// Goes through the candidates for all inputs, the last one fastest.
fn search(loss: &Loss, accept: impl Fn(f64) -> bool) -> Result<Option<Point>, Error> {
    let variables: Vec<&Variable> =
        loss.graph().variables().iter().filter(|v| !v.is_hyperparameter).collect();
    let candidates: Vec<Vec<ArrayD<Extended>>> = variables.iter().map(|v| candidates(v)).collect();
    let mut position = vec![0; variables.len()];
    loop {
        let point: Point = variables
            .iter()
            .zip(&candidates)
            .zip(&position)
            .map(|((variable, all), at)| (variable.name.clone(), all[*at].clone()))
            .collect();
        let value = evaluate(loss, &point)?;
        if accept(value) {
            return Ok(Some(point));
        }
        let Some(next) = (0..position.len()).rev().find(|at| position[*at] + 1 < candidates[*at].len())
        else {
            return Ok(None);
        };
        position[next] += 1;
        position[next + 1..].fill(0);
    }
}

/// Values of an input to be tried: those that a reader would try, within its domain.
fn candidates(variable: &Variable) -> Vec<ArrayD<Extended>> {
    let rows: Vec<Vec<f64>> = if variable.axes.is_empty() {
        let interval = variable.domain.interval();
        let allowed = |value: &f64| match &variable.domain {
            Domain::Set(values) => values.iter().any(|v| v.to_f64() == *value),
            _ => interval.contains(*value),
        };
        let numbers = [0.0, 0.5, 1.0, 2.0, 0.25, 0.75, -0.5, -1.0, -2.0, 4.0, -4.0];
        numbers.into_iter().filter(allowed).map(|value| vec![value]).collect()
    } else {
        // Of two elements that sum to 1, so that they fit a distribution as well.
        [[0.5, 0.5], [0.25, 0.75], [0.875, 0.125]].iter().map(|row| row.to_vec()).collect()
    };
    let shape = vec![2; variable.axes.len()];
    let array = |row: Vec<f64>| {
        let elements = row.into_iter().map(Extended::from_double).collect();
        ArrayD::from_shape_vec(IxDyn(&shape), elements)
    };
    rows.into_iter().filter_map(|row| array(row).ok()).collect()
}

fn describe(point: &Point) -> String {
    let numbers = |array: &ArrayD<Extended>| {
        let all: Vec<String> = array.iter().map(|v| v.to_double().to_string()).collect();
        if array.ndim() == 0 { all.join("") } else { format!("[{}]", all.join(", ")) }
    };
    let parts: Vec<String> =
        point.iter().map(|(name, array)| format!("{name} = {}", numbers(array))).collect();
    parts.join(", ")
}
