//! Evaluation of a graph on data.

use super::array::{Array, Walk, accumulate, broadcast, joined};
use super::data::Data;
use super::extent::Extent;
use super::reduce::reduce;
use crate::comparison::Comparison;
use crate::diagnostic::{Diagnostic, Fault};
use crate::function::Function;
use crate::graph::{Graph, IndexId, Map, NodeId, Op, Reduction, VariableId};
use crate::real::Real;
use ndarray::{ArrayD, IxDyn};

/// What is wanted of the evaluation.
#[derive(Clone, Debug)]
pub struct Output {
    /// The expression.
    pub node: NodeId,
    /// The axes of the result: all free indices of `node`, and perhaps others over which it is repeated.
    pub indices: Vec<IndexId>,
    /// What becomes of the batch.
    pub batch: Batch,
}

/// What becomes of the batch axes in a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// They come first in the result.
    Each,
    /// The sum over the batch.
    Sum,
    /// The sum divided by the number of batch elements.
    Mean,
}

/// What the evaluation may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of intermediate results.
    pub memory: usize,
    /// Threads.
    pub threads: usize,
}

impl Default for Limits {
    /// 4 GiB, one thread.
    fn default() -> Self {
        Limits { memory: 4 << 30, threads: 1 }
    }
}

/// Elements that all intermediate results of a block together should not exceed: they then stay in the cache.
const BLOCK_ELEMENTS: usize = 1 << 15;

/// The most batch elements of a block.
const BLOCK_LENGTH: usize = 1024;

/// Batch elements that one thread works on at a time. Partial sums are taken over these and added in order, so
/// that results do not depend on the number of threads.
const CHUNK_LENGTH: usize = 1 << 13;

/// Evaluates `outputs` on `data`.
///
/// `progress` is told how many batch elements have just been done.
///
/// # Errors
/// An axis without a length, an index out of range or an empty `max`, `min` or `mean` where its value is needed,
/// and intermediate results that exceed `limits`.
pub fn evaluate<T: Real>(
    graph: &Graph,
    outputs: &[Output],
    data: &Data<T>,
    limits: &Limits,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<ArrayD<T>>, Diagnostic> {
    let plan = Plan::new(graph, outputs, data)?;
    let batch = data.batch_length();
    let threads = limits.threads.max(1).min(batch.div_ceil(CHUNK_LENGTH).max(1));
    let block = plan.block_length(batch, limits.memory / threads, std::mem::size_of::<T>())?;
    let mut results: Vec<Collector<T>> = Vec::with_capacity(outputs.len());
    for output in outputs {
        results.push(Collector::new(output, &plan, data)?);
    }
    let chunk = |at: usize| -> Chunk<T> {
        let start = at * CHUNK_LENGTH;
        let end = batch.min(start + CHUNK_LENGTH);
        let mut run = Run { graph, data, plan: &plan, values: Map::default(), pool: Vec::new(), trouble: None };
        let mut parts: Vec<Collector<T>> = results.iter().map(Collector::empty).collect();
        let mut from = start;
        while from < end {
            let lane = block.min(end - from);
            run.block(from, lane);
            for (part, output) in parts.iter_mut().zip(outputs) {
                part.take(&run.values[&output.node], lane);
            }
            run.recycle();
            from += lane;
        }
        progress(end - start);
        Chunk { parts, trouble: run.trouble }
    };
    let count = batch.div_ceil(CHUNK_LENGTH);
    let chunks: Vec<Chunk<T>> = if threads == 1 {
        (0..count).map(chunk).collect()
    } else {
        in_parallel(count, threads, &chunk)
    };
    let mut trouble = None;
    for part in chunks {
        trouble = trouble.or(part.trouble);
        for (result, more) in results.iter_mut().zip(part.parts) {
            result.append(more);
        }
    }
    let results: Vec<ArrayD<T>> = results.into_iter().map(|c| c.finish(batch)).collect();
    match trouble {
        Some(trouble) if results.iter().any(|r| r.iter().any(|v| v.is_nan())) => Err(trouble),
        _ => Ok(results),
    }
}

/// What one chunk of the batch gives.
struct Chunk<T> {
    parts: Vec<Collector<T>>,
    trouble: Option<Diagnostic>,
}

/// The results of `work` for 0 to `count`, in order.
fn in_parallel<R: Send>(count: usize, threads: usize, work: &(dyn Fn(usize) -> R + Sync)) -> Vec<R> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut own = Vec::new();
                    loop {
                        let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if at >= count {
                            return own;
                        }
                        own.push((at, work(at)));
                    }
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The order of evaluation, and what is known before it.
struct Plan {
    nodes: Vec<NodeId>,
    /// For each position in `nodes`, the nodes that nobody needs any longer after it.
    last_uses: Vec<Vec<NodeId>>,
    extents: Map<IndexId, Extent>,
    /// Elements of all nodes for one batch element.
    volume: usize,
}

impl Plan {
    fn new<T: Real>(graph: &Graph, outputs: &[Output], data: &Data<T>) -> Result<Self, Diagnostic> {
        let roots: Vec<NodeId> = outputs.iter().map(|o| o.node).collect();
        let nodes = graph.reachable(&roots);
        let mut extents: Map<IndexId, Extent> = Map::default();
        let mut want = |index: IndexId| -> Result<Extent, Diagnostic> {
            if let Some(known) = extents.get(&index) {
                return Ok(*known);
            }
            let extent = data.extents.of_index(graph, index)?;
            extents.insert(index, extent);
            Ok(extent)
        };
        let mut volume: usize = 0;
        for node in &nodes {
            let mut elements: usize = 1;
            for index in graph.free_indices(*node) {
                elements = elements.saturating_mul(want(*index)?.length);
            }
            volume = volume.saturating_add(elements);
            if let Op::Reduce(_, list) = graph.op(*node) {
                for index in graph.bound_indices(list) {
                    want(*index)?;
                }
            }
        }
        for output in outputs {
            for index in &output.indices {
                want(*index)?;
            }
        }
        let mut last: Map<NodeId, usize> = Map::default();
        for (at, node) in nodes.iter().enumerate() {
            for operand in graph.operands(*node) {
                last.insert(*operand, at);
            }
        }
        let mut last_uses = vec![Vec::new(); nodes.len()];
        for node in &nodes {
            if let Some(at) = last.get(node)
                && !roots.contains(node)
            {
                last_uses[*at].push(*node);
            }
        }
        Ok(Plan { nodes, last_uses, extents, volume })
    }

    fn block_length(&self, batch: usize, memory: usize, bytes: usize) -> Result<usize, Diagnostic> {
        let needed = self.volume.saturating_mul(bytes);
        if needed > memory {
            let gibibytes = |bytes: usize| bytes as f64 / (1u64 << 30) as f64;
            return Err(Diagnostic::new(
                "too-much-memory",
                format!(
                    "the intermediate results of one batch element need {:.1} GiB, more than the {:.1} GiB allowed",
                    gibibytes(needed),
                    gibibytes(memory)
                ),
            )
            .fault(Fault::Limit)
            .help(format!("raise the limit: `--max-memory {}`", gibibytes(needed).ceil().min(1e9)))
            .help("or give shorter axes"));
        }
        Ok((BLOCK_ELEMENTS / self.volume.max(1)).clamp(1, BLOCK_LENGTH).min(batch.max(1)))
    }

    fn dimensions(&self, graph: &Graph, node: NodeId) -> Vec<(IndexId, usize)> {
        graph.free_indices(node).iter().map(|i| (*i, self.extents[i].length)).collect()
    }
}

/// The evaluation of one block after the other.
struct Run<'a, T> {
    graph: &'a Graph,
    data: &'a Data<T>,
    plan: &'a Plan,
    values: Map<NodeId, Array<T>>,
    /// Buffers of values that are not needed any longer.
    pool: Vec<Vec<T>>,
    /// The first thing that gave NaN where the loss is not defined.
    trouble: Option<Diagnostic>,
}

impl<T: Real> Run<'_, T> {
    fn block(&mut self, start: usize, lane: usize) {
        let plan = self.plan;
        for (at, node) in plan.nodes.iter().enumerate() {
            let value = self.value(*node, start, lane);
            self.values.insert(*node, value);
            for done in &plan.last_uses[at] {
                if let Some(array) = self.values.remove(done) {
                    self.pool.push(array.elements);
                }
            }
        }
    }

    fn recycle(&mut self) {
        let values = std::mem::take(&mut self.values);
        self.pool.extend(values.into_values().map(|a| a.elements));
    }

    fn scalar(&mut self, value: T) -> Array<T> {
        let mut elements = self.pool.pop().unwrap_or_default();
        elements.clear();
        elements.push(value);
        Array { dimensions: Vec::new(), lane: 1, elements }
    }

    fn value(&mut self, node: NodeId, start: usize, lane: usize) -> Array<T> {
        let operands = self.graph.operands(node);
        match self.graph.op(node) {
            Op::Constant(id) => self.scalar(T::from_number(self.graph.number(id))),
            Op::Pi => self.scalar(T::pi()),
            Op::Size(axis) => {
                let length = self.data.extents.axes[axis.position()].unwrap_or(0);
                self.scalar(T::from_double(length as f64))
            }
            Op::Truth(value) => self.scalar(if value { T::one() } else { T::zero() }),
            Op::Index(index) => {
                let extent = self.plan.extents[&index];
                let mut elements = self.pool.pop().unwrap_or_default();
                elements.clear();
                elements.extend((0..extent.length).map(|at| T::from_double((extent.low + at as i64) as f64)));
                Array { dimensions: vec![(index, extent.length)], lane: 1, elements }
            }
            Op::Access(variable) => self.access(variable, node, start, lane),
            Op::Linear => {
                let mut result = self.shaped(node, operands[0]);
                for pair in operands[1..].chunks_exact(2) {
                    let c = self.values[&pair[0]].elements[0];
                    let term = &self.values[&pair[1]];
                    if c == T::one() {
                        accumulate(&mut result, term, |sum, t| sum + t);
                    } else if c == -T::one() {
                        accumulate(&mut result, term, |sum, t| sum - t);
                    } else {
                        accumulate(&mut result, term, |sum, t| sum + c * t);
                    }
                }
                result
            }
            Op::Product => {
                let mut result = self.shaped(node, operands[0]);
                for factor in &operands[1..] {
                    accumulate(&mut result, &self.values[factor], |product, f| product * f);
                }
                result
            }
            Op::Power => self.power(node, operands[0], operands[1]),
            Op::Function(function) => self.function(function, node),
            Op::Reduce(reduction, list) => {
                let reduced: Vec<(IndexId, usize)> =
                    self.graph.bound_indices(list).iter().map(|i| (*i, self.plan.extents[i].length)).collect();
                let buffer = self.pool.pop().unwrap_or_default();
                let filter = operands.get(1).map(|f| &self.values[f]);
                let (result, empty) = reduce(reduction, &self.values[&operands[0]], filter, &reduced, buffer);
                if empty {
                    self.note_empty(reduction, node);
                }
                result
            }
            Op::If => {
                let mut result = self.shaped(node, operands[1]);
                // The condition rides along as NaN-free 0 or 1; the branch that is not taken is not looked at.
                let (_, lane) = (0, result.lane);
                let dimensions = result.dimensions.clone();
                let buffer = self.pool.pop().unwrap_or_default();
                let condition = broadcast(buffer, &self.values[&operands[0]], dimensions.clone(), lane, T::zero());
                let buffer = self.pool.pop().unwrap_or_default();
                let otherwise = broadcast(buffer, &self.values[&operands[2]], dimensions, lane, T::zero());
                for ((value, c), b) in result.elements.iter_mut().zip(&condition.elements).zip(&otherwise.elements) {
                    if *c == T::zero() {
                        *value = *b;
                    }
                }
                self.pool.push(condition.elements);
                self.pool.push(otherwise.elements);
                result
            }
            Op::Compare(comparison) => {
                let mut result = self.shaped(node, operands[0]);
                let truth = |value: bool| if value { T::one() } else { T::zero() };
                let right = &self.values[&operands[1]];
                match comparison {
                    Comparison::Less => accumulate(&mut result, right, |a, b| truth(a < b)),
                    Comparison::LessEqual => accumulate(&mut result, right, |a, b| truth(a <= b)),
                    Comparison::Greater => accumulate(&mut result, right, |a, b| truth(a > b)),
                    Comparison::GreaterEqual => accumulate(&mut result, right, |a, b| truth(a >= b)),
                    Comparison::Equal => accumulate(&mut result, right, |a, b| truth(a == b)),
                    Comparison::NotEqual => accumulate(&mut result, right, |a, b| truth(a != b)),
                }
                result
            }
            Op::Not => {
                let mut result = self.shaped(node, operands[0]);
                result.elements.iter_mut().for_each(|v| *v = if *v == T::zero() { T::one() } else { T::zero() });
                result
            }
            Op::And => {
                let mut result = self.shaped(node, operands[0]);
                for other in &operands[1..] {
                    accumulate(&mut result, &self.values[other], |a, b| if b == T::zero() { b } else { a });
                }
                result
            }
            Op::Or => {
                let mut result = self.shaped(node, operands[0]);
                for other in &operands[1..] {
                    accumulate(&mut result, &self.values[other], |a, b| if b == T::zero() { a } else { b });
                }
                result
            }
            Op::Detach => self.shaped(node, operands[0]),
        }
    }

    /// The value of `operand` repeated to the shape of `node`.
    fn shaped(&mut self, node: NodeId, operand: NodeId) -> Array<T> {
        let arrays: Vec<&Array<T>> = self.graph.operands(node).iter().map(|o| &self.values[o]).collect();
        let (dimensions, lane) = joined(&arrays);
        let buffer = self.pool.pop().unwrap_or_default();
        broadcast(buffer, &self.values[&operand], dimensions, lane, T::zero())
    }

    fn power(&mut self, node: NodeId, base: NodeId, exponent: NodeId) -> Array<T> {
        let mut result = self.shaped(node, base);
        let half = T::from_double(0.5);
        let map = |result: &mut Array<T>, f: &dyn Fn(T) -> T| result.elements.iter_mut().for_each(|v| *v = f(*v));
        if let Some(n) = self.graph.as_constant(exponent) {
            match n.to_i64() {
                Some(-1) => map(&mut result, &T::recip),
                Some(2) => map(&mut result, &|v| v * v),
                Some(n) if n.unsigned_abs() <= 64 => map(&mut result, &|v| v.powi(n as i32)),
                _ if n.to_f64() == 0.5 => map(&mut result, &T::sqrt),
                _ if n.to_f64() == -0.5 => map(&mut result, &|v| v.sqrt().recip()),
                _ => {
                    let n = T::from_number(n);
                    map(&mut result, &|v| v.powf(n));
                }
            }
            return result;
        }
        let exponents = &self.values[&exponent];
        accumulate(&mut result, exponents, |b, e| {
            if e == half {
                b.sqrt()
            } else if e == T::zero() {
                T::one()
            } else {
                b.powf(e)
            }
        });
        result
    }

    fn function(&mut self, function: Function, node: NodeId) -> Array<T> {
        let operands = self.graph.operands(node);
        let mut result = self.shaped(node, operands[0]);
        match operands {
            [_] => apply(function, &mut result.elements),
            [_, rest @ ..] => {
                for operand in rest {
                    accumulate(&mut result, &self.values[operand], |a, b| function.evaluate(&[a, b]));
                }
            }
            [] => {}
        }
        result
    }

    fn access(&mut self, variable: VariableId, node: NodeId, start: usize, lane: usize) -> Array<T> {
        let mut elements = self.pool.pop().unwrap_or_default();
        elements.clear();
        let Some(values) = &self.data.values[variable.position()] else {
            elements.push(T::nan());
            return Array { dimensions: Vec::new(), lane: 1, elements };
        };
        let size: usize = values.shape.iter().product();
        let source_lane = if values.batched { lane } else { 1 };
        let first = if values.batched { start * size } else { 0 };
        let positions = self.graph.operands(node);
        if positions.is_empty() {
            elements.extend_from_slice(&values.elements[first..first + source_lane]);
            return Array { dimensions: Vec::new(), lane: source_lane, elements };
        }
        let dimensions = self.plan.dimensions(self.graph, node);
        let arrays: Vec<&Array<T>> = positions.iter().map(|p| &self.values[p]).collect();
        let lane = source_lane.max(arrays.iter().map(|a| a.lane).max().unwrap_or(1));
        let mut steps = vec![1; positions.len()];
        for at in (1..positions.len()).rev() {
            steps[at - 1] = steps[at] * values.shape[at];
        }
        let mut outside: Option<(usize, f64)> = None;
        let mut walk = Walk::new(&dimensions, arrays.iter().map(|a| a.strides(&dimensions)).collect());
        while let Some(offsets) = walk.next() {
            // Positions that are the same for the whole lane are worked out once.
            let fixed = arrays.iter().all(|a| a.lane == 1);
            let mut offset = Some(0);
            for j in 0..lane {
                if j == 0 || !fixed {
                    offset = Some(0);
                    for (at, array) in arrays.iter().enumerate() {
                        let position = array.elements[offsets[at] + j * array.lane_stride()];
                        let whole = position.to_usize().filter(|p| {
                            *p < values.shape[at] && T::from_double(*p as f64) == position
                        });
                        match whole {
                            Some(p) => offset = offset.map(|o: usize| o + p * steps[at]),
                            None => {
                                outside.get_or_insert((at, position.to_double()));
                                offset = None;
                            }
                        }
                    }
                }
                let row = if values.batched { first + j * size } else { first };
                elements.push(offset.map_or(T::nan(), |o| values.elements[row + o]));
            }
            walk.advance();
        }
        if let Some((at, position)) = outside {
            self.note_outside(variable, at, position);
        }
        Array { dimensions, lane, elements }
    }

    fn note_outside(&mut self, variable: VariableId, at: usize, position: f64) {
        let variable = self.graph.variable(variable);
        let axis = &self.graph.axis(variable.axes[at]).name;
        let length = self.data.extents.axes[variable.axes[at].position()].unwrap_or(0);
        self.trouble.get_or_insert_with(|| {
            Diagnostic::new(
                "index-out-of-range",
                format!("`{}` is accessed at position {position} of its axis `{axis}`, which has length {length}", variable.name),
            )
            .fault(Fault::Data)
            .help("positions are whole numbers that count from 0; a filter leaves out those that do not exist")
        });
    }

    fn note_empty(&mut self, reduction: Reduction, node: NodeId) {
        let place = self.graph.place(node);
        self.trouble.get_or_insert_with(|| {
            let name = reduction.name();
            let diagnostic =
                Diagnostic::new("empty-reduction", format!("`{name}` is taken over nothing")).fault(Fault::Data);
            let diagnostic = match place {
                Some(span) => diagnostic.at(span, "no index value takes part for some element of the data"),
                None => diagnostic,
            };
            diagnostic.help(format!("guard it: `if any[i](…) then {name}[i : …](…) else 0`"))
        });
    }
}

/// Elementwise, with the choice of the function outside the loop.
fn apply<T: Real>(function: Function, elements: &mut [T]) {
    let map = |elements: &mut [T], f: fn(T) -> T| elements.iter_mut().for_each(|v| *v = f(*v));
    match function {
        Function::Exp => map(elements, T::exp),
        Function::Log => map(elements, T::ln),
        Function::Abs => map(elements, T::abs),
        _ => elements.iter_mut().for_each(|v| *v = function.evaluate(&[*v])),
    }
}

/// Puts the blocks of an output together.
struct Collector<T> {
    batch: Batch,
    dimensions: Vec<(IndexId, usize)>,
    shape: Vec<usize>,
    elements: Vec<T>,
    lost: Vec<T>,
}

impl<T: Real> Collector<T> {
    fn new(output: &Output, plan: &Plan, data: &Data<T>) -> Result<Self, Diagnostic> {
        let dimensions: Vec<(IndexId, usize)> =
            output.indices.iter().map(|i| (*i, plan.extents[i].length)).collect();
        let own: Vec<usize> = dimensions.iter().map(|d| d.1).collect();
        let volume = own.iter().try_fold(1usize, |v, l| v.checked_mul(*l)).ok_or_else(|| {
            Diagnostic::new("too-much-memory", "the result has too many elements").fault(Fault::Limit)
        })?;
        let (shape, elements, lost) = match output.batch {
            Batch::Each => (data.batch.iter().copied().chain(own).collect(), Vec::new(), Vec::new()),
            _ => (own, vec![T::zero(); volume], vec![T::zero(); volume]),
        };
        Ok(Collector { batch: output.batch, dimensions, shape, elements, lost })
    }

    /// One of the same shape that holds nothing yet.
    fn empty(&self) -> Self {
        let zeros = vec![T::zero(); self.lost.len()];
        Collector {
            batch: self.batch,
            dimensions: self.dimensions.clone(),
            shape: Vec::new(),
            elements: zeros.clone(),
            lost: zeros,
        }
    }

    /// Adds what a later chunk collected.
    fn append(&mut self, part: Self) {
        if self.batch == Batch::Each {
            self.elements.extend(part.elements);
            return;
        }
        for (at, (value, lost)) in part.elements.into_iter().zip(part.lost).enumerate() {
            self.add(at, value);
            self.lost[at] = self.lost[at] + lost;
        }
    }

    /// Adds to a sum, keeping what rounding loses (Neumaier 1974).
    fn add(&mut self, at: usize, x: T) {
        let (total, sum) = (self.elements[at], self.elements[at] + x);
        if sum.is_finite() {
            let lost = if total.abs() >= x.abs() { (total - sum) + x } else { (x - sum) + total };
            self.lost[at] = self.lost[at] + lost;
        }
        self.elements[at] = sum;
    }

    fn take(&mut self, value: &Array<T>, lane: usize) {
        let strides = value.strides(&self.dimensions);
        if self.batch == Batch::Each && self.dimensions.is_empty() && value.lane == lane {
            self.elements.extend_from_slice(&value.elements);
            return;
        }
        if self.batch == Batch::Each {
            for j in 0..lane {
                let mut walk = Walk::new(&self.dimensions, vec![strides.clone()]);
                while let Some(offset) = walk.next().map(|o| o[0]) {
                    self.elements.push(value.elements[offset + j * value.lane_stride()]);
                    walk.advance();
                }
            }
            return;
        }
        let dimensions = self.dimensions.clone();
        let mut walk = Walk::new(&dimensions, vec![strides]);
        let mut at = 0;
        while let Some(offset) = walk.next().map(|o| o[0]) {
            for j in 0..lane {
                self.add(at, value.elements[offset + j * value.lane_stride()]);
            }
            at += 1;
            walk.advance();
        }
    }

    fn finish(mut self, batch: usize) -> ArrayD<T> {
        if self.batch != Batch::Each {
            let count = if self.batch == Batch::Mean { T::from_double(batch.max(1) as f64) } else { T::one() };
            for (value, lost) in self.elements.iter_mut().zip(&self.lost) {
                *value = (*value + *lost) / count;
            }
        }
        let length = self.shape.iter().product();
        // A batch without elements: the shape says so, and there is nothing to collect.
        self.elements.resize(length, T::zero());
        ArrayD::from_shape_vec(IxDyn(&self.shape), self.elements)
            .unwrap_or_else(|_| ArrayD::from_elem(IxDyn(&[]), T::nan()))
    }
}
