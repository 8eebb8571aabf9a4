//! The meaning of a graph once more, as plainly as it can be said: a recursive function of a node and the values
//! of its indices. Slow, and shares nothing with the evaluator that it checks.

use lossform::comparison::Comparison;
use lossform::function::Function;
use lossform::graph::{AxisId, Graph, IndexId, NodeId, Op, Reduction, VariableId};
use ndarray::{ArrayD, IxDyn};
use std::collections::{BTreeMap, HashMap};

/// The values of indices.
type Indices = BTreeMap<IndexId, i64>;

/// A graph with the data of one batch element.
pub struct Interpreter<'a> {
    graph: &'a Graph,
    inputs: &'a BTreeMap<String, ArrayD<f64>>,
    parameters: &'a BTreeMap<String, f64>,
    /// Values that are known; without them, shared nodes would be computed again and again.
    known: HashMap<(NodeId, Vec<i64>), f64>,
}

impl<'a> Interpreter<'a> {
    pub fn new(
        graph: &'a Graph,
        inputs: &'a BTreeMap<String, ArrayD<f64>>,
        parameters: &'a BTreeMap<String, f64>,
    ) -> Self {
        Interpreter { graph, inputs, parameters, known: HashMap::new() }
    }

    /// The values of `node` for all values of `indices`, which are its free ones.
    pub fn array(&mut self, node: NodeId, indices: &[IndexId]) -> ArrayD<f64> {
        let places = self.places(indices);
        let shape: Vec<usize> = indices.iter().map(|i| self.range(*i).count()).collect();
        let values = places.iter().map(|place| self.value(node, place)).collect();
        ArrayD::from_shape_vec(IxDyn(&shape), values).expect("a value for each place")
    }

    /// The value of `node`; a condition is 1 or 0. What is undefined is NaN.
    pub fn value(&mut self, node: NodeId, indices: &Indices) -> f64 {
        let key = (node, self.graph.free_indices(node).iter().map(|i| indices[i]).collect());
        if let Some(value) = self.known.get(&key) {
            return *value;
        }
        let value = self.compute(node, indices);
        self.known.insert(key, value);
        value
    }

    fn compute(&mut self, node: NodeId, indices: &Indices) -> f64 {
        let graph = self.graph;
        let operands = graph.operands(node);
        match graph.op(node) {
            Op::Constant(number) => graph.number(number).to_f64(),
            Op::Pi => std::f64::consts::PI,
            Op::Index(index) => indices[&index] as f64,
            Op::Size(axis) => self.size(axis) as f64,
            Op::Element(list) => {
                let parameters = graph.bound_indices(list).to_vec();
                let mut inner = Indices::new();
                for (parameter, position) in parameters.iter().zip(&operands[1..]) {
                    let position = self.value(*position, indices) as i64;
                    if !self.range(*parameter).contains(&position) {
                        return f64::NAN;
                    }
                    inner.insert(*parameter, position);
                }
                self.value(operands[0], &inner)
            }
            Op::Access(variable) => {
                let positions: Vec<f64> = operands.iter().map(|o| self.value(*o, indices)).collect();
                self.element(variable, &positions)
            }
            Op::Linear => {
                let mut sum = self.value(operands[0], indices);
                for term in operands[1..].chunks(2) {
                    sum += self.value(term[0], indices) * self.value(term[1], indices);
                }
                sum
            }
            Op::Product => operands.iter().map(|o| self.value(*o, indices)).product(),
            Op::Power => self.value(operands[0], indices).powf(self.value(operands[1], indices)),
            Op::Function(function) => {
                let arguments: Vec<f64> = operands.iter().map(|o| self.value(*o, indices)).collect();
                function.evaluate(&arguments)
            }
            Op::If => {
                let taken = if self.holds(operands[0], indices) { operands[1] } else { operands[2] };
                self.value(taken, indices)
            }
            Op::Compare(comparison) => {
                let (a, b) = (self.value(operands[0], indices), self.value(operands[1], indices));
                f64::from(match comparison {
                    Comparison::Equal => a == b,
                    Comparison::NotEqual => a != b,
                    Comparison::Less => a < b,
                    Comparison::LessEqual => a <= b,
                    Comparison::Greater => a > b,
                    Comparison::GreaterEqual => a >= b,
                })
            }
            Op::Truth(value) => f64::from(value),
            Op::Not => f64::from(!self.holds(operands[0], indices)),
            Op::And => f64::from(operands.iter().all(|o| self.holds(*o, indices))),
            Op::Or => f64::from(operands.iter().any(|o| self.holds(*o, indices))),
            Op::Detach => self.value(operands[0], indices),
            Op::Reduce(reduction, list) => {
                let mut values = Vec::new();
                for place in self.places(graph.bound_indices(list)) {
                    let inner: Indices = indices.iter().chain(&place).map(|(i, v)| (*i, *v)).collect();
                    if operands.get(1).is_none_or(|filter| self.holds(*filter, &inner)) {
                        values.push(self.value(operands[0], &inner));
                    }
                }
                reduce(reduction, &values)
            }
        }
    }

    fn holds(&mut self, condition: NodeId, indices: &Indices) -> bool {
        self.value(condition, indices) != 0.0
    }

    fn size(&self, axis: AxisId) -> usize {
        let has_axis =
            |v: &&lossform::graph::Variable| v.axes.contains(&axis) && self.inputs.contains_key(&v.name);
        let variable = self.graph.variables().iter().find(has_axis).expect("an input with the axis");
        let at = variable.axes.iter().position(|a| *a == axis).expect("it has the axis");
        self.inputs[&variable.name].shape()[at]
    }

    fn range(&mut self, index: IndexId) -> std::ops::Range<i64> {
        let range = self.graph.range(index);
        let none = Indices::new();
        self.value(range.low, &none) as i64..self.value(range.high, &none) as i64
    }

    /// All combinations of values of `indices`, the last index the fastest.
    fn places(&mut self, indices: &[IndexId]) -> Vec<Indices> {
        let mut places = vec![Indices::new()];
        for index in indices {
            let range = self.range(*index);
            places = places
                .iter()
                .flat_map(|place| {
                    range.clone().map(|value| {
                        let mut longer = place.clone();
                        longer.insert(*index, value);
                        longer
                    })
                })
                .collect();
        }
        places
    }

    fn element(&self, variable: VariableId, positions: &[f64]) -> f64 {
        let variable = self.graph.variable(variable);
        if let Some(value) = self.parameters.get(&variable.name) {
            return *value;
        }
        let Some(array) = self.inputs.get(&variable.name) else {
            return variable.default.as_ref().expect("an input or a default").to_f64();
        };
        if positions.iter().any(|p| p.fract() != 0.0 || *p < 0.0) {
            return f64::NAN;
        }
        let at: Vec<usize> = positions.iter().map(|p| *p as usize).collect();
        array.get(IxDyn(&at)).copied().unwrap_or(f64::NAN)
    }
}

fn reduce(reduction: Reduction, values: &[f64]) -> f64 {
    let fold = |function: Function| values.iter().copied().reduce(|a, b| function.evaluate(&[a, b]));
    match reduction {
        Reduction::Sum => values.iter().sum(),
        Reduction::Product => values.iter().product(),
        Reduction::Max => fold(Function::Max).unwrap_or(f64::NAN),
        Reduction::Min => fold(Function::Min).unwrap_or(f64::NAN),
        // 0/0 is NaN.
        Reduction::Mean => values.iter().sum::<f64>() / values.len() as f64,
        Reduction::LogSumExp => match fold(Function::Max) {
            None => f64::NAN,
            Some(most) if most.is_infinite() => most,
            Some(most) => most + values.iter().map(|v| (v - most).exp()).sum::<f64>().ln(),
        },
        Reduction::Norm => {
            let most = values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
            if values.iter().any(|v| v.is_nan()) {
                f64::NAN
            } else if most == 0.0 || most.is_infinite() {
                most
            } else {
                most * values.iter().map(|v| (v / most).powi(2)).sum::<f64>().sqrt()
            }
        }
        Reduction::Any => f64::from(values.iter().any(|v| *v != 0.0)),
    }
}
