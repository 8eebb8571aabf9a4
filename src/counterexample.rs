//! The search for a point at which two expressions differ.
//!
//! Points are drawn from the declared domains and their edges, with several lengths of axes, and both expressions
//! are evaluated in 237 bits. What is reported differs by far more than rounding explains, at a point where both are
//! defined in the strict sense: every part that takes part is finite.

use crate::evaluate::{Batch, Data, Extended, Limits, Output, bind, evaluate};
use crate::function::Function;
use crate::graph::{Domain, Graph, IndexId, NodeId, Op, VariableId};
use crate::points::{Draw, Style, axis_lengths, draw_elements, is_inside};
use crate::real::Real;
use ndarray::{ArrayD, IxDyn};
use num_traits::Float;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Rounds of points; each has its own lengths of axes.
const ROUNDS: usize = 16;

/// Points of a round.
const POINTS: usize = 24;

/// Elements that the inputs of a round may have together; rounds with more have fewer points.
const ELEMENTS: usize = 600;

/// Nodes times points of a round; large formulas are looked at in fewer points.
const NODES: usize = 100_000;

/// Differences up to this, relative to the values, may be rounding at ordinary points.
const TOLERANCE: f64 = 1e-30;

/// The same near edges and for large values, where more digits cancel.
const TOLERANCE_AT_EDGES: f64 = 1e-14;

/// Values of the inputs and hyperparameters, row-major.
#[derive(Clone, Debug, Default)]
pub(crate) struct Point {
    /// Name, shape, elements.
    pub values: Vec<(String, Vec<usize>, Vec<Extended>)>,
}

impl Point {
    /// Numbers and nested lists by name.
    pub fn to_json(&self) -> Value {
        let entries =
            self.values.iter().map(|(name, shape, elements)| (name.clone(), nested(shape, elements)));
        Value::Object(entries.collect())
    }

    /// `p = 0.5, y = 1`
    pub fn text(&self) -> String {
        let parts: Vec<String> = self
            .values
            .iter()
            .map(|(name, shape, elements)| format!("{name} = {}", nested(shape, elements)))
            .collect();
        parts.join(", ")
    }
}

/// The shape has at most a handful of axes, which bounds the recursion.
fn nested(shape: &[usize], elements: &[Extended]) -> Value {
    match shape.split_first() {
        None => elements.first().map_or(Value::Null, |v| json_number(*v)),
        Some((&length, rest)) => {
            let size = rest.iter().product::<usize>().max(1);
            Value::Array((0..length).map(|at| nested(rest, &elements[at * size..])).collect())
        }
    }
}

/// Whole numbers without a point; what JSON has no number for, as text.
pub(crate) fn json_number(value: Extended) -> Value {
    let double = value.to_double();
    if double.is_nan() {
        json!("nan")
    } else if double.is_infinite() {
        json!(if double > 0.0 { "inf" } else { "-inf" })
    } else if double.fract() == 0.0 && double.abs() < 1e15 {
        json!(double as i64)
    } else {
        json!(double)
    }
}

/// A point at which two expressions differ.
#[derive(Clone, Debug)]
pub(crate) struct Counterexample {
    /// Where.
    pub point: Point,
    /// Which element, where the expressions have indices.
    pub element: Vec<usize>,
    /// The value of the first; NaN where it is not defined.
    pub first: Extended,
    /// The value of the second.
    pub second: Extended,
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    /// At how many points both were defined and had the same value.
    pub agreements: usize,
    /// A point at which both are defined and differ.
    pub different: Option<Counterexample>,
    /// A point at which only one of them is defined.
    pub only_one_defined: Option<Counterexample>,
}

/// Expressions of one graph, to be evaluated at points of the declared domains.
pub(crate) struct Sampler {
    graph: Graph,
    /// Domains that must hold beside those of the variables.
    also: Vec<(VariableId, Domain)>,
}

impl Sampler {
    /// A sampler of expressions in `graph`.
    pub fn new(graph: &Graph, also: &[(VariableId, Domain)]) -> Self {
        let mut sampler = Sampler { graph: Graph::new(), also: also.to_vec() };
        sampler.set_graph(graph);
        sampler
    }

    /// Another graph with the same variables, or the same with more expressions.
    pub fn set_graph(&mut self, graph: &Graph) {
        self.graph = graph.clone();
        // Here hyperparameters vary from point to point like everything else.
        for id in self.graph.variable_ids() {
            let variable = self.graph.variable_mut(id);
            variable.is_hyperparameter = false;
            variable.default = None;
        }
    }

    /// The points of a round, for the variables that `roots` use; all have the same lengths of axes.
    pub fn round(&self, roots: &[NodeId], round: usize) -> Vec<(Style, Point)> {
        let needed = self.variables(roots);
        let mut lengths = axis_lengths(&self.graph, round);
        if lengths.len() > 3 {
            lengths.iter_mut().for_each(|l| *l = (*l).min(2));
        }
        let elements: usize = needed.iter().map(|v| self.shape(*v, &lengths).iter().product::<usize>()).sum();
        let nodes = self.graph.reachable(roots).len();
        let most = (ELEMENTS / elements.max(1)).min(NODES / nodes.max(1));
        let count = most.clamp(1, POINTS);
        (0..count)
            .filter_map(|n| {
                let style = Style::of(n);
                let mut draw = Draw((round * 1009 + n) as u64);
                Some((style, self.point(&needed, &lengths, &mut draw, style)?))
            })
            .collect()
    }

    /// How many rounds there are.
    pub fn rounds() -> std::ops::Range<usize> {
        0..ROUNDS
    }

    fn variables(&self, roots: &[NodeId]) -> Vec<VariableId> {
        let mut needed: Vec<VariableId> = self
            .graph
            .reachable(roots)
            .into_iter()
            .filter_map(|node| match self.graph.op(node) {
                Op::Access(variable) => Some(variable),
                Op::Size(axis) => Some(self.graph.axis(axis).declared_by.0),
                _ => None,
            })
            .collect();
        // Ranges end at sizes, which the inputs tell.
        let axes = self.graph.variable_ids().filter(|v| !self.graph.variable(*v).axes.is_empty());
        needed.extend(axes);
        needed.sort_unstable();
        needed.dedup();
        needed
    }

    fn shape(&self, variable: VariableId, lengths: &[usize]) -> Vec<usize> {
        self.graph.variable(variable).axes.iter().map(|axis| lengths[axis.position()]).collect()
    }

    fn point(
        &self,
        needed: &[VariableId],
        lengths: &[usize],
        draw: &mut Draw,
        style: Style,
    ) -> Option<Point> {
        let mut point = Point::default();
        for id in needed {
            let variable = self.graph.variable(*id);
            let shape = self.shape(*id, lengths);
            let length_of = |axis: crate::graph::AxisId| lengths[axis.position()];
            let last = shape.last().copied().unwrap_or(1);
            let fits = |elements: &[Extended]| {
                let mut also = self.also.iter().filter(|(other, _)| other == id);
                also.all(|(_, domain)| elements.iter().all(|v| is_inside(domain, *v, last)))
            };
            let elements = (0..24).find_map(|attempt| {
                let style = if attempt < 12 { style } else { Style::Ordinary };
                let elements = draw_elements(draw, variable, &shape, &length_of, style);
                fits(&elements).then_some(elements)
            })?;
            // Ties: at some edges a variable has the values of the one before.
            let tied = point.values.last().filter(|(_, s, e): &&(String, Vec<usize>, Vec<Extended>)| {
                style == Style::Edges
                    && *s == shape
                    && draw.below(3) == 0
                    && variable.domain != Domain::Simplex
                    && e.iter().all(|v| is_inside(&variable.domain, *v, last))
                    && fits(e)
            });
            let elements = tied.map_or(elements, |(_, _, e)| e.clone());
            point.values.push((variable.name.clone(), shape, elements));
        }
        Some(point)
    }

    /// The values of `roots`, each with `indices` as axes, at points of one round: for each point and root the
    /// elements. NaN where the evaluation fails.
    pub fn values(
        &self,
        roots: &[NodeId],
        indices: &[IndexId],
        points: &[&Point],
    ) -> Vec<Vec<Vec<Extended>>> {
        match self.evaluate(roots, indices, points) {
            Some(values) => values,
            None if points.len() > 1 => {
                points.iter().flat_map(|point| self.values(roots, indices, &[point])).collect()
            }
            None if roots.len() > 1 => {
                let all = roots.iter().map(|root| self.values(&[*root], indices, points));
                vec![all.filter_map(|mut v| v.pop()?.pop()).collect()]
            }
            None => points.iter().map(|_| vec![vec![Extended::nan()]]).collect(),
        }
    }

    fn evaluate(
        &self,
        roots: &[NodeId],
        indices: &[IndexId],
        points: &[&Point],
    ) -> Option<Vec<Vec<Vec<Extended>>>> {
        let first = points.first()?;
        let mut arrays: BTreeMap<String, ArrayD<Extended>> = BTreeMap::new();
        for (at, (name, shape, _)) in first.values.iter().enumerate() {
            let elements: Vec<Extended> =
                points.iter().flat_map(|p| p.values[at].2.iter().copied()).collect();
            let shape: Vec<usize> = [points.len()].into_iter().chain(shape.iter().copied()).collect();
            arrays.insert(name.clone(), ArrayD::from_shape_vec(IxDyn(&shape), elements).ok()?);
        }
        let data: Data<Extended> = bind(&self.graph, &[], &arrays, &BTreeMap::new()).ok()?;
        let outputs: Vec<Output> =
            roots.iter().map(|root| Output::new(*root, indices.to_vec(), Batch::Each)).collect();
        let limits = Limits { memory: 1 << 28, threads: 1 };
        let results = evaluate(&self.graph, &outputs, &data, &limits, &|_| {}).ok()?;
        let batched = !data.batch.is_empty();
        let mut values: Vec<Vec<Vec<Extended>>> = vec![Vec::with_capacity(roots.len()); points.len()];
        for result in &results {
            let all: Vec<Extended> = result.iter().copied().collect();
            let size = if batched { all.len() / points.len() } else { all.len() };
            for (at, own) in values.iter_mut().enumerate() {
                own.push(if batched { all[at * size..(at + 1) * size].to_vec() } else { all.clone() });
            }
        }
        Some(values)
    }

    /// Looks for a point at which `first` and `second` differ.
    pub fn compare(&self, first: NodeId, second: NodeId, indices: &[IndexId]) -> Search {
        let mut search = Search::default();
        for round in Self::rounds() {
            let points = self.round(&[first, second], round);
            if points.is_empty() {
                continue;
            }
            let all: Vec<&Point> = points.iter().map(|(_, point)| point).collect();
            let values = self.values(&[first, second], indices, &all);
            for (point, values) in points.iter().zip(&values) {
                let [a, b] = values.as_slice() else { continue };
                self.look(&mut search, point, [first, second], indices, [a, b]);
            }
            if search.different.is_some() {
                break;
            }
        }
        search
    }

    /// Whether `first` is defined and has the values of `second` at ordinary points, where no argument is at a kink.
    pub fn agrees_where_smooth(&self, first: NodeId, second: NodeId, indices: &[IndexId]) -> bool {
        let mut agreements = 0;
        for round in Self::rounds() {
            let points = self.round(&[first, second], round);
            let smooth = |style: Style| matches!(style, Style::Ordinary | Style::Wide);
            let some: Vec<&(Style, Point)> = points.iter().filter(|(style, _)| smooth(*style)).collect();
            let all: Vec<&Point> = some.iter().map(|(_, point)| point).collect();
            if all.is_empty() {
                continue;
            }
            for ((style, _), values) in some.iter().zip(self.values(&[first, second], indices, &all)) {
                let [a, b] = values.as_slice() else { return false };
                for (x, y) in a.iter().zip(b) {
                    match (x.is_finite(), y.is_finite()) {
                        (true, true) if differ(*x, *y, *style) => return false,
                        (true, true) => agreements += 1,
                        (false, true) => return false,
                        _ => {}
                    }
                }
            }
        }
        agreements >= 20
    }

    /// Notes what the values at one point say.
    fn look(
        &self,
        search: &mut Search,
        (style, point): &(Style, Point),
        roots: [NodeId; 2],
        indices: &[IndexId],
        [a, b]: [&[Extended]; 2],
    ) {
        let style = *style;
        let is_defined = |root: NodeId| self.is_defined(root, point);
        let mut agrees = false;
        for at in 0..a.len().max(b.len()) {
            let (x, y) = (a.get(at).or(a.first()), b.get(at).or(b.first()));
            let (Some(&x), Some(&y)) = (x, y) else { continue };
            let found = || Counterexample {
                point: point.clone(),
                element: self.position(point, indices, at),
                first: x,
                second: y,
            };
            match (x.is_finite(), y.is_finite()) {
                (true, true) if !differ(x, y, style) => agrees = true,
                (true, true)
                    if search.different.is_none()
                        && roots.iter().all(|root| is_defined(*root) == Some(true)) =>
                {
                    search.different = Some(found());
                }
                (true, false) | (false, true) if search.only_one_defined.is_none() => {
                    let (good, bad) = if x.is_finite() { (roots[0], roots[1]) } else { (roots[1], roots[0]) };
                    if is_defined(good) == Some(true) && is_defined(bad) == Some(false) {
                        search.only_one_defined = Some(found());
                    }
                }
                _ => {}
            }
        }
        search.agreements += usize::from(agrees);
    }

    /// The position of the `at`-th element along each of `indices`.
    fn position(&self, point: &Point, indices: &[IndexId], at: usize) -> Vec<usize> {
        let mut lengths = Vec::with_capacity(indices.len());
        for index in indices {
            let range = self.graph.range(*index);
            let length = match self.graph.op(range.high) {
                Op::Size(axis) => {
                    let (variable, at) = self.graph.axis(axis).declared_by;
                    let name = &self.graph.variable(variable).name;
                    point.values.iter().find(|(known, _, _)| known == name).and_then(|v| v.1.get(at).copied())
                }
                _ => None,
            };
            lengths.push(length.unwrap_or(1).max(1));
        }
        let mut rest = at;
        let mut position = vec![0; lengths.len()];
        for (slot, length) in position.iter_mut().zip(&lengths).rev() {
            *slot = rest % length;
            rest /= length;
        }
        position
    }

    /// Whether every part of `node` that takes part in its value at `point` is a real number; `None` where a value
    /// grew beyond the exponents of the type, so that nothing can be said.
    ///
    /// Within reductions only the result is looked at.
    pub fn is_defined(&self, node: NodeId, point: &Point) -> Option<bool> {
        let is_open = |n: &NodeId| self.graph.free_indices(*n).is_empty();
        let parts: Vec<NodeId> = self
            .graph
            .reachable(&[node])
            .into_iter()
            .filter(|n| is_open(n) && !matches!(self.graph.op(*n), Op::Size(_) | Op::Truth(_)))
            .collect();
        let values = self.values(&parts, &[], &[point]).pop()?;
        let value = |n: NodeId| parts.binary_search(&n).ok().and_then(|at| values.get(at)?.first().copied());
        let mut active: Vec<NodeId> = Vec::new();
        let mut pending = vec![node];
        let mut seen = fixedbitset::FixedBitSet::with_capacity(self.graph.len());
        while let Some(part) = pending.pop() {
            if seen.put(part.position()) {
                continue;
            }
            let operands = self.graph.operands(part);
            if is_open(&part) {
                active.push(part);
            }
            match self.graph.op(part) {
                Op::If => {
                    pending.push(operands[0]);
                    match value(operands[0]) {
                        Some(v) if v == Extended::from_double(0.0) => pending.push(operands[2]),
                        Some(_) => pending.push(operands[1]),
                        None => {}
                    }
                }
                Op::Function(Function::Xlogy) => pending.push(operands[0]),
                Op::Reduce(..) => {}
                _ => pending.extend_from_slice(operands),
            }
        }
        active.sort_unstable();
        let first = active.into_iter().find(|n| value(*n).is_some_and(|v| !v.is_finite()));
        let Some(culprit) = first else {
            // What has indices is judged by the value as a whole.
            return Some(true);
        };
        let operands = self.graph.operands(culprit);
        match self.graph.op(culprit) {
            Op::Function(Function::Exp | Function::Sinh | Function::Cosh | Function::Expm1) => None,
            Op::Linear | Op::Product => None,
            Op::Power => {
                let base = value(operands[0])?;
                if base > Extended::from_double(0.0) { None } else { Some(false) }
            }
            _ => Some(false),
        }
    }
}

fn differ(x: Extended, y: Extended, style: Style) -> bool {
    let tolerance = match style {
        Style::Simple | Style::Ordinary => TOLERANCE,
        Style::Edges | Style::Wide => TOLERANCE_AT_EDGES,
    };
    let size = x.abs().max(y.abs());
    (x - y).abs() > Extended::from_double(tolerance) * size + Extended::from_double(1e-50)
}
