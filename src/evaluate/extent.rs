//! How long axes and ranges are, once data are given.

use crate::diagnostic::{Diagnostic, Fault};
use crate::function::Function;
use crate::graph::{AxisId, Graph, IndexId, Map, NodeId, Op, Range};
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
    /// What `range` covers: nothing where its end is not behind its beginning.
    pub(super) fn of_range(&self, graph: &Graph, range: Range) -> Result<Extent, Diagnostic> {
        let (low, high) = (self.whole(graph, range.low)?, self.whole(graph, range.high)?);
        Ok(Extent { low, length: usize::try_from(high - low).unwrap_or(0) })
    }

    /// How many whole numbers a range holds.
    ///
    /// # Errors
    /// An axis that nothing tells the length of.
    pub fn length(&self, graph: &Graph, range: Range) -> Result<usize, Diagnostic> {
        Ok(self.of_range(graph, range)?.length)
    }

    /// The first value of a range and how many there are.
    pub(crate) fn bounds(&self, graph: &Graph, range: Range) -> Result<(i64, usize), Diagnostic> {
        self.of_range(graph, range).map(|extent| (extent.low, extent.length))
    }

    /// The length of an axis.
    pub(crate) fn of_axis(&self, graph: &Graph, axis: AxisId) -> Result<usize, Diagnostic> {
        self.axes.get(axis.position()).copied().flatten().ok_or_else(|| {
            let axis = graph.axis(axis);
            let variable = graph.variable(axis.declared_by.0);
            Diagnostic::new("unknown-length", format!("nothing tells the length of the axis `{}`", axis.name))
                .fault(Fault::Data)
                .help(format!("give the input `{}`, which has it", variable.name))
        })
    }

    pub(super) fn of_index(&self, graph: &Graph, index: IndexId) -> Result<Extent, Diagnostic> {
        self.of_range(graph, graph.range(index))
    }

    /// The value of the end of a range.
    fn whole(&self, graph: &Graph, node: NodeId) -> Result<i64, Diagnostic> {
        self.exact(graph, node)?.to_i64().filter(|v| v.unsigned_abs() < 1 << 48).ok_or_else(|| {
            Diagnostic::new("range-too-large", "the end of a range is not a whole number, or too large")
                .fault(Fault::Data)
                .help("ranges end at whole numbers below 2^48")
        })
    }

    /// The value of a node that is made of sizes and constants.
    pub(super) fn exact(&self, graph: &Graph, node: NodeId) -> Result<Number, Diagnostic> {
        let mut values: Map<NodeId, Number> = Map::default();
        for node in graph.reachable(&[node]) {
            let value = self.exact_step(graph, node, &values)?;
            values.insert(node, value);
        }
        Ok(values[&node].clone())
    }

    fn exact_step(
        &self,
        graph: &Graph,
        node: NodeId,
        values: &Map<NodeId, Number>,
    ) -> Result<Number, Diagnostic> {
        let operands: Vec<&Number> = graph.operands(node).iter().map(|o| &values[o]).collect();
        let known = match (graph.op(node), operands.as_slice()) {
            (Op::Constant(id), _) => Some(graph.number(id).clone()),
            (Op::Size(axis), _) => Some(Number::integer(self.of_axis(graph, axis)? as i64)),
            (Op::Linear, [constant, terms @ ..]) => terms
                .chunks_exact(2)
                .try_fold((*constant).clone(), |sum, pair| sum.checked_add(&pair[0].checked_mul(pair[1])?)),
            (Op::Product, factors) => {
                factors.iter().try_fold(Number::ONE, |product, f| product.checked_mul(f))
            }
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
