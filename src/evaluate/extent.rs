//! How long axes and ranges are, once data are given.

use crate::diagnostic::{Diagnostic, Fault};
use crate::function::Function;
use crate::graph::{Graph, IndexId, Map, NodeId, Op, Range};
use crate::number::Number;

/// The values of the ends of ranges.
#[derive(Clone, Debug, Default)]
pub struct Extents {
    /// The length of each axis; `None` where no input told.
    pub axes: Vec<Option<usize>>,
}

/// The first value and the length of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub low: i64,
    pub length: usize,
}

impl Extents {
    /// How many values an index of that range takes.
    ///
    /// # Errors
    /// An axis that nothing tells the length of, or one that is too short for the range.
    pub fn length(&self, graph: &Graph, range: Range) -> Result<usize, Diagnostic> {
        Ok(self.of_range(graph, range)?.length)
    }

    /// What `range` covers.
    pub(super) fn of_range(&self, graph: &Graph, range: Range) -> Result<Extent, Diagnostic> {
        let (low, high) = (self.whole(graph, range.low)?, self.whole(graph, range.high)?);
        match usize::try_from(high - low) {
            Ok(length) => Ok(Extent { low, length }),
            Err(_) => Err(Diagnostic::new(
                "axis-too-short",
                format!("an axis is too short: an index would run from {low} to {}", high - 1),
            )
            .fault(Fault::Data)
            .help("the formula looks at neighbours; give an axis that is long enough for them")),
        }
    }

    pub(super) fn of_index(&self, graph: &Graph, index: IndexId) -> Result<Extent, Diagnostic> {
        self.of_range(graph, graph.range(index))
    }

    /// The value of a node that is made of sizes and constants.
    fn whole(&self, graph: &Graph, node: NodeId) -> Result<i64, Diagnostic> {
        let mut values: Map<NodeId, Number> = Map::default();
        for node in graph.reachable(&[node]) {
            let value = self.exact(graph, node, &values)?;
            values.insert(node, value);
        }
        values[&node].to_i64().filter(|v| v.unsigned_abs() < 1 << 48).ok_or_else(|| {
            Diagnostic::new("range-too-large", "the end of a range is not a whole number, or too large")
                .fault(Fault::Data)
                .help("ranges end at whole numbers below 2^48")
        })
    }

    fn exact(&self, graph: &Graph, node: NodeId, values: &Map<NodeId, Number>) -> Result<Number, Diagnostic> {
        let operands: Vec<&Number> = graph.operands(node).iter().map(|o| &values[o]).collect();
        let known = match (graph.op(node), operands.as_slice()) {
            (Op::Constant(id), _) => Some(graph.number(id).clone()),
            (Op::Size(axis), _) => {
                return match self.axes.get(axis.position()).copied().flatten() {
                    Some(length) => Ok(Number::integer(length as i64)),
                    None => {
                        let axis = graph.axis(axis);
                        let variable = graph.variable(axis.declared_by.0);
                        Err(Diagnostic::new(
                            "unknown-length",
                            format!("nothing tells the length of the axis `{}`", axis.name),
                        )
                        .fault(Fault::Data)
                        .help(format!("give the input `{}`, which has it", variable.name)))
                    }
                };
            }
            (Op::Linear, [constant, terms @ ..]) => terms
                .chunks_exact(2)
                .try_fold((*constant).clone(), |sum, pair| sum.checked_add(&pair[0].checked_mul(pair[1])?)),
            (Op::Product, factors) => factors.iter().try_fold(Number::ONE, |product, f| product.checked_mul(f)),
            (Op::Power, [base, exponent]) => exponent.to_i64().and_then(|n| base.checked_pow(n)),
            (Op::Function(Function::Floor), [a]) => Some(a.floor()),
            (Op::Function(Function::Abs), [a]) => Some(a.abs()),
            (Op::Function(Function::Max), all) => all.iter().max().map(|m| (*m).clone()),
            (Op::Function(Function::Min), all) => all.iter().min().map(|m| (*m).clone()),
            _ => None,
        };
        known.ok_or_else(|| {
            Diagnostic::new("range-not-fixed", "the end of a range cannot be worked out exactly")
                .fault(Fault::Data)
                .help("use sums, products and `floor` of sizes and whole numbers")
        })
    }
}
