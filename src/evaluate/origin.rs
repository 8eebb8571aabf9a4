//! Where a result that is not finite comes from: the first expression, from the inputs on, whose value is not finite
//! though those of its parts are.

use super::Limits;
use super::blame::{Place, Trace};
use super::data::Data;
use super::plan::Plan;
use super::run::Run;
use crate::diagnostic::{Diagnostic, Fault};
use crate::function::Function;
use crate::graph::{Graph, IndexId, NodeId, Op, Reduction};
use crate::real::Real;
use std::collections::HashSet;

/// How many values are looked at for one batch element.
const VISITS: usize = 1_000_000;

/// The first expression that is not finite.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The position of the root among those that were asked about.
    pub root: usize,
    /// The batch element, row-major.
    pub element: usize,
    /// The expression.
    pub node: NodeId,
    /// The values of its free indices.
    pub indices: Vec<(IndexId, i64)>,
    /// Its value.
    pub value: f64,
    /// Why it is not finite.
    pub reason: String,
}

/// Looks for the first batch element, and there the first root, whose value is not finite; `None` if all are.
///
/// # Errors
/// The intermediate results of one element exceed the limits.
pub fn find_origin<T: Real>(
    graph: &Graph,
    roots: &[NodeId],
    data: &Data<T>,
    limits: &Limits,
) -> Result<Option<Origin>, Diagnostic> {
    let indices = roots.iter().flat_map(|root| graph.free_indices(*root).iter().copied());
    let plan = Plan::new(graph, roots, indices, data, limits, true)?;
    if plan.block_length(1, 1, limits).is_err() {
        return Err(Diagnostic::new(
            "too-large-to-explain",
            "the values of one element exceed the memory limit",
        )
        .fault(Fault::Limit)
        .help("raise it with `--max-memory`, or evaluate shorter axes"));
    }
    let mut run = Run::new(graph, data, &plan, &[]);
    run.block(&plan.shared, 0, 1);
    for element in 0..data.batch_length() {
        run.block(&plan.each, element, 1);
        let trace = Trace { run: &run, plan: &plan, element };
        for (root, node) in roots.iter().enumerate() {
            if let Some((node, place)) = trace.origin(*node) {
                let value = trace.value(node, &place).map_or(f64::NAN, T::to_double);
                let indices = place.iter().map(|(i, at)| (*i, plan.extents[i].low + *at as i64)).collect();
                let reason = trace.reason(node, &place, value);
                return Ok(Some(Origin { root, element, node, indices, value, reason }));
            }
        }
        run.free(&plan.each);
    }
    Ok(None)
}

impl<T: Real> Trace<'_, T> {
    /// The first expression below `root` that is not finite, and where.
    fn origin(&self, root: NodeId) -> Option<(NodeId, Place)> {
        let graph = self.run.graph;
        for place in self.places(graph.free_indices(root)) {
            if self.is_finite(root, &place) {
                continue;
            }
            let (mut node, mut place) = (root, self.restrict(root, &place));
            let mut seen: HashSet<(NodeId, Place)> = HashSet::new();
            while seen.len() < VISITS
                && seen.insert((node, place.clone()))
                && let Some((below, inner)) = self.part_that_is_not_finite(node, &place)
            {
                (node, place) = (below, inner);
            }
            return Some((node, place));
        }
        None
    }

    /// A part of `node` that counts at `place` and is not finite.
    fn part_that_is_not_finite(&self, node: NodeId, place: &Place) -> Option<(NodeId, Place)> {
        let graph = self.run.graph;
        let operands = graph.operands(node);
        let check = |operand: NodeId, place: &Place| {
            (!self.is_finite(operand, place)).then(|| (operand, self.restrict(operand, place)))
        };
        match graph.op(node) {
            // Positions are whole numbers; an array that is read is looked at as a whole.
            Op::Access(_) => None,
            Op::Element(list) => {
                self.places(graph.bound_indices(list)).find_map(|inner| check(operands[0], &inner))
            }
            Op::If => {
                let holds = self.value(operands[0], place).is_none_or(|v| v != T::zero());
                check(operands[0], place).or_else(|| check(operands[if holds { 1 } else { 2 }], place))
            }
            Op::Reduce(_, list) => self.places(graph.bound_indices(list)).find_map(|more| {
                let mut inner = place.clone();
                inner.extend(more);
                let takes_part =
                    operands.get(1).is_none_or(|f| self.value(*f, &inner).is_none_or(|v| v != T::zero()));
                takes_part.then(|| check(operands[0], &inner)).flatten()
            }),
            _ => operands.iter().find_map(|operand| check(*operand, place)),
        }
    }

    /// Whether the value is finite; of what was not computed for itself, whether its parts are.
    fn is_finite(&self, node: NodeId, place: &Place) -> bool {
        let own = self.restrict(node, place);
        match self.value(node, &own) {
            Some(value) => value.is_finite(),
            None => self.run.graph.operands(node).iter().all(|operand| {
                self.value(*operand, &self.restrict(*operand, place)).is_none_or(|v| v.is_finite())
            }),
        }
    }

    fn reason(&self, node: NodeId, place: &Place, value: f64) -> String {
        let graph = self.run.graph;
        let operands = graph.operands(node);
        let number = |operand: NodeId| {
            let known = graph.as_constant(operand).map(crate::number::Number::to_f64);
            let value = || self.value(operand, &self.restrict(operand, place)).map(T::to_double);
            known.or_else(value).unwrap_or(f64::NAN)
        };
        let range =
            if value.is_nan() { "it is not defined" } else { "it exceeds the range of the precision" };
        match graph.op(node) {
            Op::Access(variable) => {
                let name = &graph.variable(variable).name;
                format!("the input `{name}` is {value} in the data")
            }
            Op::Function(Function::Log | Function::Log2 | Function::Log10) => match number(operands[0]) {
                0.0 => "the logarithm of 0".to_owned(),
                x => format!("the logarithm of {x}, which is negative"),
            },
            Op::Function(Function::Xlogy) => match number(operands[1]) {
                0.0 => format!("the logarithm of 0, with the weight {}", number(operands[0])),
                x => format!("the logarithm of {x}, which is negative"),
            },
            Op::Function(function) => {
                let arguments: Vec<String> = operands.iter().map(|o| number(*o).to_string()).collect();
                format!("{}({}): {range}", function.name(), arguments.join(", "))
            }
            Op::Power => self.reason_of_power(number(operands[0]), number(operands[1]), range),
            Op::Product => {
                let divisor = operands.iter().find_map(|factor| {
                    let [base, exponent] = *graph.operands(*factor) else { return None };
                    let divides = graph.op(*factor) == Op::Power && number(exponent) < 0.0;
                    divides.then(|| number(base)).filter(|base| *base <= 0.0)
                });
                match divisor {
                    Some(0.0) => "a division by 0".to_owned(),
                    Some(base) if value.is_nan() => format!("a root of {base}, which is negative"),
                    _ => range.to_owned(),
                }
            }
            Op::Reduce(Reduction::Max | Reduction::Min | Reduction::Mean | Reduction::LogSumExp, _)
                if value.is_nan() =>
            {
                "it is taken over nothing".to_owned()
            }
            _ => range.to_owned(),
        }
    }

    fn reason_of_power(&self, base: f64, exponent: f64, range: &str) -> String {
        if base == 0.0 && exponent < 0.0 {
            "a division by 0".to_owned()
        } else if base < 0.0 && exponent != exponent.floor() {
            format!("a power of {base}, which is negative, to {exponent}")
        } else {
            format!("{base} to the power {exponent}: {range}")
        }
    }
}
