//! Losses on data: values, gradients, diagonals of Hessians.

use crate::diagnostic::{Diagnostic, Error, Fault};
use crate::evaluate::{
    Batch, Data, Given, Limits, Origin, Output, bind, bind_given, check_inputs, evaluate, find_origin,
};
use crate::fast::{self, Compiled};
use crate::graph::{Graph, NodeId, Op, VariableId};
use crate::loss::Loss;
use crate::print::{document, text};
use crate::real::Real;
use crate::stabilize::{recognize, recognize_functions, stabilize};
use crate::vector::{Level, Precision};
use ndarray::ArrayD;
use std::collections::BTreeMap;

/// What becomes of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reduction {
    /// One value for each batch element; gradients are those of the sum.
    #[default]
    None,
    /// The sum over the batch.
    Sum,
    /// The mean over the batch.
    Mean,
}

/// What is to be evaluated, beside the value.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Inputs whose gradients are wanted.
    pub gradients: Vec<String>,
    /// Inputs whose diagonal of the Hessian is wanted.
    pub hessian_diagonals: Vec<String>,
    /// What becomes of the batch.
    pub reduction: Reduction,
    /// What the evaluation may use.
    pub limits: Limits,
    /// Take derivatives as the sweep gives them, before simplification.
    pub raw: bool,
    /// Evaluate with the reference evaluator, which follows the definition literally, and not with compiled loops.
    pub reference: bool,
}

/// The results of an evaluation.
#[derive(Clone, Debug)]
pub struct Evaluation<T> {
    /// With reduction `None` an array over the batch, else one number.
    pub value: ArrayD<T>,
    /// For each input asked for, an array of its shape.
    pub gradients: BTreeMap<String, ArrayD<T>>,
    /// Likewise.
    pub hessian_diagonals: BTreeMap<String, ArrayD<T>>,
}

/// A loss with the derivatives of a [`Request`], ready for data.
///
/// ```
/// use lossform::{Loss, Request};
/// use ndarray::array;
///
/// let loss = Loss::builtin("bce_with_logits")?;
/// let request = Request { gradients: vec!["z".into()], ..Request::default() };
/// let evaluator = loss.evaluator::<f64>(&request)?;
/// let inputs = [("z".to_string(), array![0.0, 2.0].into_dyn()), ("y".to_string(), array![1.0, 1.0].into_dyn())];
/// let result = evaluator.evaluate(&inputs.into(), &Default::default())?;
/// assert_eq!(result.gradients["z"][0], -0.5);
/// # Ok::<(), lossform::Error>(())
/// ```
pub struct Evaluator<T> {
    loss: Loss,
    graph: Graph,
    request: Request,
    /// Value, gradients and diagonals, with the variable of each derivative.
    roots: Vec<Wanted>,
    needed: Vec<VariableId>,
    precision: std::marker::PhantomData<T>,
}

/// An expression to be evaluated.
pub(crate) struct Wanted {
    /// As it was derived.
    pub node: NodeId,
    /// As it is computed.
    computed: NodeId,
    /// The axes of the result.
    pub indices: Vec<crate::graph::IndexId>,
    /// With respect to what, if it is a derivative.
    pub variable: Option<VariableId>,
}

impl Loss {
    /// Derives what `request` asks for.
    ///
    /// # Errors
    /// As [`Loss::gradient`].
    pub fn evaluator<T: Real>(&self, request: &Request) -> Result<Evaluator<T>, Error> {
        let mut graph = self.graph().clone();
        // With hundreds of bits the literal form is the reference for the accurate one.
        let accurate = !request.raw && T::epsilon() > T::from_double(1e-20);
        let mut roots = self.wanted(&mut graph, request, accurate)?;
        let mut nodes: Vec<NodeId> = roots.iter().map(|r| r.node).collect();
        let mut needed: Vec<VariableId> = roots.iter().filter_map(|r| r.variable).collect();
        for node in graph.reachable(&nodes) {
            if let Op::Access(variable) = graph.op(node) {
                needed.push(variable);
            }
        }
        needed.sort_unstable();
        needed.dedup();
        if accurate {
            nodes = recognize(&mut graph, &nodes).0;
        }
        // Elements are found among canonical nodes, which the last stage does not leave.
        let mut computed = graph.with_elements(&nodes);
        if accurate {
            computed = stabilize(&mut graph, &computed).nodes;
        }
        for (wanted, computed) in roots.iter_mut().zip(computed) {
            wanted.computed = computed;
        }
        let request = request.clone();
        Ok(Evaluator {
            loss: self.clone(),
            graph,
            request,
            roots,
            needed,
            precision: std::marker::PhantomData,
        })
    }
}

impl Loss {
    /// Value, gradients and diagonals, derived in `graph`; where they are to be accurate, of the functions that the
    /// formula spells out, whose derivatives are simpler than those of the spelling.
    pub(crate) fn wanted(
        &self,
        graph: &mut Graph,
        request: &Request,
        accurate: bool,
    ) -> Result<Vec<Wanted>, Error> {
        let node = self.root();
        let root = if accurate { recognize_functions(graph, node) } else { node };
        let mut roots = vec![Wanted { node, computed: node, indices: Vec::new(), variable: None }];
        for (names, second) in [(&request.gradients, false), (&request.hessian_diagonals, true)] {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            for derivative in self.derivatives(graph, root, &names, second, !request.raw)? {
                let (node, variable) = (derivative.node, Some(derivative.variable));
                roots.push(Wanted { node, computed: node, indices: derivative.indices, variable });
            }
        }
        Ok(roots)
    }
}

impl<T: Real> Evaluator<T> {
    /// Evaluates on arrays by name, and hyperparameters that differ from their defaults.
    ///
    /// The trailing axes of an array are the declared ones; what comes before are batch axes.
    ///
    /// # Errors
    /// Shapes that do not fit, values outside the declared domains, results that are not defined.
    pub fn evaluate(
        &self,
        inputs: &BTreeMap<String, ArrayD<T>>,
        parameters: &BTreeMap<String, T>,
    ) -> Result<Evaluation<T>, Error> {
        self.evaluate_with_progress(inputs, parameters, &|_| {})
    }

    /// The same, telling `progress` how many batch elements have just been done.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    pub fn evaluate_with_progress(
        &self,
        inputs: &BTreeMap<String, ArrayD<T>>,
        parameters: &BTreeMap<String, T>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Evaluation<T>, Error> {
        let data = self.bind(inputs, parameters)?;
        self.check(&data)?;
        self.run(&data, progress)
    }

    /// Matches arrays with inputs, without looking at their values.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn bind(
        &self,
        inputs: &BTreeMap<String, ArrayD<T>>,
        parameters: &BTreeMap<String, T>,
    ) -> Result<Data<T>, Error> {
        bind(&self.graph, &self.needed, inputs, parameters).map_err(|d| self.loss.error(d))
    }

    /// The same for inputs that need not be arrays of their own.
    ///
    /// A batch may be given in parts, one after the other, that share what has no batch axes: results for its elements
    /// are those of the parts, sums over it (a request with [`Reduction::Sum`], gradients of inputs that the batch
    /// shares) the sums of those of the parts.
    ///
    /// # Errors
    /// As [`Evaluator::bind`].
    pub fn bind_given(
        &self,
        inputs: BTreeMap<String, Given<T>>,
        parameters: &BTreeMap<String, T>,
    ) -> Result<Data<T>, Error> {
        bind_given(&self.graph, &self.needed, inputs, parameters).map_err(|d| self.loss.error(d))
    }

    /// Checks values against the declared domains.
    ///
    /// # Errors
    /// The first value that is outside.
    pub fn check(&self, data: &Data<T>) -> Result<(), Error> {
        check_inputs(&self.graph, data).map_err(|d| self.loss.error(d))
    }

    /// Evaluates on data whose values are taken as they are.
    ///
    /// # Errors
    /// Results that are not defined.
    pub fn run(&self, data: &Data<T>, progress: &(dyn Fn(usize) + Sync)) -> Result<Evaluation<T>, Error> {
        for (range, span) in &self.loss.lowered().nonempty {
            let length = data.extents.length(&self.graph, *range).map_err(|d| self.loss.error(d))?;
            if length == 0 {
                return Err(self.loss.error(
                    Diagnostic::new("empty-reduction", "a mean, maximum or minimum is taken over nothing")
                        .fault(Fault::Data)
                        .at(*span, "its index runs over an axis of length 0, or too short")
                        .help("give an axis with at least one element that takes part"),
                ));
            }
        }
        let outputs: Vec<Output> = self.roots.iter().map(|wanted| self.output(wanted, data)).collect();
        if !self.request.reference
            && let Some(results) = self.run_fast(&outputs, data, progress)?
        {
            return Ok(self.named(results));
        }
        let results = evaluate(&self.graph, &outputs, data, &self.request.limits, progress)
            .map_err(|d| self.loss.error(d))?;
        let mut evaluation = self.named(results);
        if self.request.reduction == Reduction::Mean && !data.batch.is_empty() {
            let count = T::from_double(data.batch_length() as f64);
            let derivatives =
                evaluation.gradients.values_mut().chain(evaluation.hessian_diagonals.values_mut());
            derivatives.for_each(|array| array.mapv_inplace(|v| v / count));
        }
        Ok(evaluation)
    }

    /// Results in the order of the roots, by name.
    fn named(&self, results: Vec<ArrayD<T>>) -> Evaluation<T> {
        let mut results = results.into_iter();
        let value = results.next().unwrap_or_else(|| ArrayD::zeros(vec![]));
        let mut take = |names: &[String]| -> BTreeMap<String, ArrayD<T>> {
            names.iter().cloned().zip(results.by_ref()).collect()
        };
        let gradients = take(&self.request.gradients);
        let hessian_diagonals = take(&self.request.hessian_diagonals);
        Evaluation { value, gradients, hessian_diagonals }
    }

    /// The results of the compiled loss, where the type has one and nothing may be wrong.
    fn run_fast(
        &self,
        outputs: &[Output],
        data: &Data<T>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Option<Vec<ArrayD<T>>>, Error> {
        let divisor = self.divisor(data);
        let limits = &self.request.limits;
        let results = fast::evaluate(&self.graph, outputs, data, divisor, limits, progress);
        results.map_err(|d| self.loss.error(d))
    }

    /// By what sums over the batch, and gradients, are divided.
    fn divisor(&self, data: &Data<T>) -> f64 {
        match self.request.reduction {
            Reduction::Mean if !data.batch.is_empty() => data.batch_length() as f64,
            _ => 1.0,
        }
    }

    fn output(&self, wanted: &Wanted, data: &Data<T>) -> Output {
        let batch = match (wanted.variable, self.request.reduction) {
            // An input that the batch shares collects what every element gives it.
            (Some(variable), _) if data.is_batched(variable) => Batch::Each,
            (Some(_), _) => Batch::Sum,
            (None, Reduction::None) => Batch::Each,
            (None, Reduction::Sum) => Batch::Sum,
            (None, Reduction::Mean) => Batch::Mean,
        };
        Output { node: wanted.node, computed: wanted.computed, indices: wanted.indices.clone(), batch }
    }

    /// Says where a result that is not finite comes from, `None` if all are finite.
    ///
    /// The first batch element that has one is looked at, there the value before the derivatives, and in it the first
    /// expression that is not finite though its parts are.
    ///
    /// # Errors
    /// The intermediate results of one element exceed the limits.
    pub fn explain(&self, data: &Data<T>) -> Result<Option<Explanation>, Error> {
        let roots: Vec<NodeId> = self.roots.iter().map(|r| r.computed).collect();
        let origin =
            find_origin(&self.graph, &roots, data, &self.request.limits).map_err(|d| self.loss.error(d))?;
        Ok(origin.map(|origin| self.explanation(&origin, data)))
    }

    fn explanation(&self, origin: &Origin, data: &Data<T>) -> Explanation {
        let mut graph = self.graph.clone();
        let output = match self.roots[origin.root].variable {
            None => "value".to_owned(),
            Some(variable) => {
                let kind = if origin.root > self.request.gradients.len() { "hess_diag" } else { "grad" };
                format!("{kind} {}", graph.variable(variable).name)
            }
        };
        let name = |index: &crate::graph::IndexId| graph.index_entry(*index).name.clone();
        let indices = origin.indices.iter().map(|(index, at)| (name(index), *at)).collect();
        let batch = data.position(origin.element);
        let expression = text(&document(&mut graph, origin.node, &self.loss.lowered().named));
        Explanation { output, batch, indices, expression, value: origin.value, reason: origin.reason.clone() }
    }
}

/// Where a result that is not finite comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Which result: `value`, `grad z`, `hess_diag z`.
    pub output: String,
    /// The batch element.
    pub batch: Vec<usize>,
    /// The values of the indices that are free in the expression.
    pub indices: Vec<(String, i64)>,
    /// The first expression that is not finite though its parts are, in the language.
    pub expression: String,
    /// Its value.
    pub value: f64,
    /// Why it is not finite.
    pub reason: String,
}

impl<T: Precision> Evaluator<T> {
    /// Compiles for data of these shapes, to run more than once. `None` where only the reference evaluator can do it.
    ///
    /// # Errors
    /// An axis whose length nothing tells.
    pub fn compile<'a>(&'a self, data: &'a Data<T>) -> Result<Option<Compiled<'a, T>>, Error> {
        let outputs: Vec<Output> = self.roots.iter().map(|wanted| self.output(wanted, data)).collect();
        Compiled::new(&self.graph, outputs, data, self.divisor(data)).map_err(|d| self.loss.error(d))
    }

    /// Runs what was compiled, and gives the value, or the first of the batch.
    ///
    /// # Errors
    /// As [`Evaluator::run`].
    pub fn rerun(&self, compiled: &mut Compiled<'_, T>, data: &Data<T>) -> Result<Option<T>, Error> {
        let threads = self.request.limits.threads;
        let holds = compiled.run(threads, Level::detect(), &|_| {}).map_err(|d| self.loss.error(d))?;
        if !holds {
            return Ok(self.run(data, &|_| {})?.value.first().copied());
        }
        Ok(compiled.results().first().and_then(|value| value.first()).copied())
    }
}
