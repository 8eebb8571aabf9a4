//! Derived gradients against finite differences in extended precision.

use crate::diagnostic::Error;
use crate::evaluate::{Data, Extended};
use crate::evaluation::Request;
use crate::graph::{Map, NodeId, Op};
use crate::loss::Loss;
use crate::points::{Draw, Style, draw_elements};
use crate::real::Real;
use ndarray::{ArrayD, Axis, IxDyn};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the comparison found.
#[derive(Clone, Debug)]
pub struct GradientCheck {
    /// How many elements were compared.
    pub points: usize,
    /// The largest error, relative to the larger of 1 and the derivative.
    pub largest_error: f64,
    /// The first element at which they differ.
    pub disagreement: Option<Disagreement>,
}

/// An element at which the derived gradient and finite differences differ.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// The inputs, by name.
    pub inputs: Value,
    /// The position of the element, row-major.
    pub element: usize,
    /// The derived value.
    pub derived: f64,
    /// What finite differences give.
    pub difference: f64,
}

/// The step of the differences: their error is some 1e-40, what rounding adds some 1e-50.
const STEP: f64 = 1e-20;

/// Errors above this are disagreements.
const TOLERANCE: f64 = 1e-25;

/// How many points are drawn.
const POINTS: u64 = 12;

impl Loss {
    /// Compares the gradient with respect to an input with central differences at points drawn from the declared
    /// domains, in 237 bits.
    ///
    /// # Errors
    /// As [`Loss::gradient`]; or the loss is not defined at the points.
    pub fn check_gradient(&self, with_respect_to: &str) -> Result<GradientCheck, Error> {
        let request = Request { gradients: vec![with_respect_to.to_owned()], ..Request::default() };
        let evaluator = self.evaluator::<Extended>(&request)?;
        let frozen = self.with_detached_inputs();
        let values = frozen.evaluator::<Extended>(&Request::default())?;
        let mut check = GradientCheck { points: 0, largest_error: 0.0, disagreement: None };
        for point in 0..POINTS {
            let inputs = self.draw_inputs(&mut Draw(point));
            let parameters = BTreeMap::new();
            let result = evaluator.run(&evaluator.bind(&inputs, &parameters)?, &|_| {})?;
            let derived = &result.gradients[with_respect_to];
            let Some(array) = inputs.get(with_respect_to) else { continue };
            // Every element moved up and down, all in one batch.
            let moved: Vec<ArrayD<Extended>> = (0..2 * array.len())
                .map(|at| {
                    let mut copy = array.clone();
                    let step = Extended::from_double(if at % 2 == 0 { STEP } else { -STEP });
                    if let Some(element) = copy.iter_mut().nth(at / 2) {
                        *element = *element + step;
                    }
                    copy
                })
                .collect();
            let views: Vec<_> = moved.iter().map(|a| a.view()).collect();
            let Ok(stacked) = ndarray::stack(Axis(0), &views) else { continue };
            let mut perturbed = inputs.clone();
            for (name, array) in &inputs {
                perturbed.insert(detached_name(name), array.clone());
            }
            perturbed.retain(|name, _| frozen.graph().find_variable(name).is_some());
            perturbed.insert(with_respect_to.to_owned(), stacked);
            let data: Data<Extended> = values.bind(&perturbed, &parameters)?;
            let around = values.run(&data, &|_| {})?.value;
            let around: Vec<Extended> = around.iter().copied().collect();
            for (element, own) in derived.iter().enumerate() {
                let twice = Extended::from_double(2.0 * STEP);
                let difference = (around[2 * element] - around[2 * element + 1]) / twice;
                let scale = own.to_double().abs().max(1.0);
                let error = (*own - difference).to_double().abs() / scale;
                check.points += 1;
                if error > TOLERANCE || error.is_nan() {
                    check.disagreement.get_or_insert_with(|| Disagreement {
                        inputs: inputs_json(&inputs),
                        element,
                        derived: own.to_double(),
                        difference: difference.to_double(),
                    });
                }
                check.largest_error = check.largest_error.max(error);
            }
        }
        Ok(check)
    }

    /// The loss with copies of its inputs in its detached parts, so that these stay as they are when an input is
    /// moved.
    fn with_detached_inputs(&self) -> Loss {
        self.rewritten(|graph, root| {
            let detached: Vec<NodeId> =
                graph.reachable(&[root]).into_iter().filter(|n| graph.op(*n) == Op::Detach).collect();
            let mut outer: Map<NodeId, NodeId> = Map::default();
            for node in detached {
                let inner = graph.operands(node)[0];
                let mut replacements: Map<NodeId, NodeId> = Map::default();
                for access in graph.reachable(&[inner]) {
                    let Op::Access(variable) = graph.op(access) else { continue };
                    let mut copy = graph.variable(variable).clone();
                    if copy.is_hyperparameter {
                        continue;
                    }
                    copy.name = detached_name(&copy.name);
                    let copy = graph.find_variable(&copy.name).unwrap_or_else(|| graph.add_variable(copy));
                    let positions = graph.operands(access).to_vec();
                    let new = graph.access(copy, &positions);
                    replacements.insert(access, new);
                }
                let inner = graph.replace(inner, &replacements);
                outer.insert(node, graph.detach(inner));
            }
            graph.replace(root, &outer)
        })
    }

    /// A point in the declared domains; axes have three elements.
    fn draw_inputs(&self, draw: &mut Draw) -> BTreeMap<String, ArrayD<Extended>> {
        const LENGTH: usize = 3;
        let mut inputs = BTreeMap::new();
        for variable in self.graph().variables() {
            let shape = vec![LENGTH; variable.axes.len()];
            let elements = draw_elements(draw, variable, &shape, &|_| LENGTH, Style::Ordinary);
            if let Ok(array) = ArrayD::from_shape_vec(IxDyn(&shape), elements)
                && (!variable.is_hyperparameter || variable.default.is_none())
            {
                inputs.insert(variable.name.clone(), array);
            }
        }
        inputs
    }
}

/// No name of the language has a quotation mark.
fn detached_name(name: &str) -> String {
    format!("{name}'")
}

fn inputs_json(inputs: &BTreeMap<String, ArrayD<Extended>>) -> Value {
    let entries: serde_json::Map<String, Value> = inputs
        .iter()
        .map(|(name, array)| {
            let values: Vec<f64> = array.iter().map(|v| v.to_double()).collect();
            (name.clone(), if array.ndim() == 0 { json!(values[0]) } else { json!(values) })
        })
        .collect();
    Value::Object(entries)
}
