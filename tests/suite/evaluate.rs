//! The evaluator against the interpreter, and what it promises beyond: the same bits however the batch is cut,
//! errors only for what matters, bounded memory.

use crate::interpreter::Interpreter;
use lossform::evaluate::{Batch, Data, Extended, Limits, Output, evaluate};
use lossform::graph::{Domain, Graph, IndexId, NodeId, VariableId};
use lossform::real::Real;
use lossform::{Library, Loss};
use ndarray::{ArrayD, Axis, IxDyn};
use std::collections::BTreeMap;

type Inputs = BTreeMap<String, ArrayD<f64>>;

/// Numbers that look random (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Values for all inputs, in their domains; `batch` axes before the declared ones.
fn sample(graph: &Graph, batch: &[usize], numbers: &mut Numbers) -> Inputs {
    let length = |axis: usize| 4 + axis % 3;
    let mut inputs = Inputs::new();
    for variable in graph.variables().iter().filter(|v| !v.is_hyperparameter) {
        let own = variable.axes.iter().map(|a| length(a.position()));
        let shape: Vec<usize> = batch.iter().copied().chain(own).collect();
        let mut array = ArrayD::from_shape_simple_fn(IxDyn(&shape), || {
            let u = 0.02 + 0.96 * numbers.unit();
            match &variable.domain {
                Domain::Interval(i) if i.low.is_finite() && i.high.is_finite() => {
                    i.low + u * (i.high - i.low)
                }
                Domain::Interval(i) if i.low.is_finite() => i.low + 3.0 * u,
                Domain::Interval(i) if i.high.is_finite() => i.high - 3.0 * u,
                Domain::Interval(_) | Domain::Logit => 6.0 * u - 3.0,
                Domain::Prob | Domain::Simplex => u,
                Domain::LogProb => -3.0 * u,
                Domain::Set(allowed) => allowed[(u * allowed.len() as f64) as usize].to_f64(),
                Domain::Integer => (u * 10.0).floor(),
                Domain::Index(axis) => (u * length(axis.position()) as f64).floor(),
            }
        });
        if variable.domain == Domain::Simplex {
            for mut row in array.lanes_mut(Axis(shape.len() - 1)) {
                let sum = row.sum();
                row.mapv_inplace(|v| v / sum);
            }
        }
        inputs.insert(variable.name.clone(), array);
    }
    inputs
}

fn needed(graph: &Graph) -> Vec<VariableId> {
    graph.variable_ids().collect()
}

fn run<T: Real>(graph: &Graph, inputs: &Inputs, outputs: &[Output], limits: &Limits) -> Vec<ArrayD<T>> {
    let data =
        Data::<T>::bind(graph, &needed(graph), inputs, &BTreeMap::new()).unwrap_or_else(|e| panic!("{e:?}"));
    evaluate(graph, outputs, &data, limits, &|_| {}).unwrap_or_else(|e| panic!("{e:?}"))
}

fn each(node: NodeId, indices: &[IndexId]) -> Output {
    Output::new(node, indices.to_vec(), Batch::Each)
}

fn element(inputs: &Inputs, at: usize) -> Inputs {
    inputs.iter().map(|(name, a)| (name.clone(), a.index_axis(Axis(0), at).to_owned())).collect()
}

fn bits(array: &ArrayD<f64>) -> Vec<u64> {
    array.iter().map(|v| v.to_bits()).collect()
}

/// The value and gradients of a loss, on a small batch.
fn check_loss(name: &str, loss: &Loss, numbers: &mut Numbers) {
    let mut cases = vec![(loss.graph().clone(), loss.root(), Vec::new())];
    for input in loss.differentiable_inputs() {
        let derivation = loss.gradient(input).unwrap_or_else(|e| panic!("{name}: {e}"));
        cases.push((derivation.graph().clone(), derivation.node(), derivation.index_ids()));
    }
    let inputs = sample(loss.graph(), &[3], numbers);
    for (mut graph, node, indices) in cases {
        // Read as elements of intermediate arrays; the interpreter takes the node as it is.
        let computed = graph.with_elements(&[node])[0];
        let each = |node, indices: &[IndexId]| Output { computed, ..each(node, indices) };
        let outputs = [each(node, &indices), Output { batch: Batch::Sum, ..each(node, &indices) }];
        let results = run::<f64>(&graph, &inputs, &outputs, &Limits::default());
        let precise = run::<Extended>(&graph, &inputs, &outputs[..1], &Limits::default());
        let mut sum = ArrayD::<f64>::zeros(results[1].raw_dim());
        for at in 0..3 {
            let inputs = element(&inputs, at);
            let got = results[0].index_axis(Axis(0), at).to_owned();
            let none = BTreeMap::new();
            let want = Interpreter::new(&graph, &inputs, &none).array(node, &indices);
            let most = want.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
            for ((a, b), c) in got.iter().zip(&want).zip(precise[0].index_axis(Axis(0), at)) {
                let near =
                    |b: f64| (a - b).abs() <= 1e-10 * (1.0 + most) || a.is_nan() && b.is_nan() || *a == b;
                assert!(near(*b) && near(c.to_double()), "{name}: {a}, interpreted {b}, precise {c}");
            }
            sum += &got;
            let alone = run::<f64>(&graph, &inputs, &outputs[..1], &Limits::default());
            assert_eq!(bits(&alone[0]), bits(&got), "{name}: an element alone has other bits");
        }
        for (a, b) in sum.iter().zip(&results[1]) {
            assert!((a - b).abs() <= 1e-12 * (1.0 + a.abs()) || a.is_nan(), "{name}: {a} {b}");
        }
    }
}

#[test]
fn built_in_losses_agree_with_the_interpreter() {
    let library = Library::builtin();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for name in library.names() {
        check_loss(name, &library.loss(name).expect("it is there"), &mut numbers);
    }
}

#[test]
fn threads_and_blocks_change_no_bits() {
    let loss = loss("loss f(x[i], g[k]) = logsumexp[i](x) + sum[i,k](exp(-g*x^2))");
    let mut numbers = Numbers(3);
    let mut fill = |shape: &[usize]| ArrayD::from_shape_simple_fn(IxDyn(shape), || numbers.unit());
    let inputs = Inputs::from([("x".to_owned(), fill(&[20_000, 3])), ("g".to_owned(), fill(&[2]))]);
    let outputs = [each(loss.root(), &[]), Output { batch: Batch::Mean, ..each(loss.root(), &[]) }];
    let one = run::<f64>(loss.graph(), &inputs, &outputs, &Limits::default());
    let two = run::<f64>(loss.graph(), &inputs, &outputs, &Limits { threads: 2, ..Limits::default() });
    assert_eq!((bits(&one[0]), bits(&one[1])), (bits(&two[0]), bits(&two[1])));
}

#[test]
fn accesses_of_every_kind_agree_with_the_interpreter() {
    let formulas = [
        "loss f(x[i]) = sum[u in -3..9](if u >= 0 and u < size[i] then u*x[u] else 1)",
        "loss f(x[i]) = sum[u in -3..9](if 3 - u >= 0 and 3 - u < size[i] then u*x[3-u] else 0)",
        "loss f(x[i]) = sum[u in -3..9](if 2*u - 3 >= 0 and 2*u - 3 < size[i] then u*x[2*u-3] else 0)",
        "loss f(x[i]) = sum[u in -3..9](if 4 - 2*u >= 0 and 4 - 2*u < size[i] then u*x[4-2*u] else 0)",
        "loss f(x[i,j]) = sum[u in -2..8, v in -2..3](if u >= 0 and u < size[i] and u + v >= 0 and u + v < size[j] then v*x[u,u+v] else 0)",
        "loss f(x[i,j], t in index[i]) = sum[j](x[t,j]*j) + sum[j](x[t,-j+size[j]-1]^3)",
        "loss f(x[i,j], t[j] in index[i]) = sum[j](x[t,j]*j) + max[i,j : x > 0 or i == t](x*2^i)",
        "loss f(x[i], w[u]) = sum[i](sum[u](w[u]*x[2*i+u])^2)",
        "loss f(x[i,j]) = sum[i,j](|x[i+1,j] - x[i,j]|^1.5) + sum[i,j](|x[i,j+1] - x[i,j]|)",
    ];
    let mut numbers = Numbers(11);
    for formula in formulas {
        for _ in 0..3 {
            check_loss(formula, &loss(formula), &mut numbers);
        }
    }
}

fn loss(formula: &str) -> Loss {
    Loss::parse(formula).unwrap_or_else(|e| panic!("{e}"))
}

/// The value of a loss on data given in JSON-like rows: (name, shape, values).
fn value(
    formula: &str,
    given: &[(&str, &[usize], &[f64])],
) -> Result<ArrayD<f64>, lossform::diagnostic::Diagnostic> {
    let loss = loss(formula);
    let inputs: Inputs = given
        .iter()
        .map(|(name, shape, values)| {
            (
                (*name).to_owned(),
                ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).expect("the shape fits"),
            )
        })
        .collect();
    let data = Data::<f64>::bind(loss.graph(), &needed(loss.graph()), &inputs, &BTreeMap::new())?;
    evaluate(loss.graph(), &[each(loss.root(), &[])], &data, &Limits::default(), &|_| {})
        .map(|mut r| r.remove(0))
}

#[track_caller]
fn check_value(formula: &str, given: &[(&str, &[usize], &[f64])], want: &[f64]) {
    let got = value(formula, given).unwrap_or_else(|e| panic!("{formula}: {e:?}"));
    let same =
        got.len() == want.len() && got.iter().zip(want).all(|(a, b)| a == b || a.is_nan() && b.is_nan());
    assert!(same, "{formula}: {got}, not {want:?}");
}

#[track_caller]
fn check_error(formula: &str, given: &[(&str, &[usize], &[f64])], code: &str, message: &str) {
    let error = value(formula, given).expect_err("it is an error");
    assert_eq!((error.code, error.message.as_str()), (code, message));
}

#[test]
fn branches_not_taken_leave_no_trace() {
    check_value(
        "loss f(x) = if x > 0 then log(x) else 0",
        &[("x", &[3], &[-1.0, 0.0, 1.0])],
        &[0.0, 0.0, 0.0],
    );
    check_value("loss f(x[i]) = sum[i : x > 0](log(x))", &[("x", &[3], &[-1.0, 0.0, 1.0])], &[0.0]);
    check_value(
        "loss f(x[i], t in integer) = if t < 3 then x[t] else -1",
        &[("x", &[3], &[1., 2., 3.]), ("t", &[2], &[2., 3.])],
        &[3.0, -1.0],
    );
}

#[test]
fn empty_reductions_are_errors_only_where_they_matter() {
    let formula = "loss f(x[i]; m = 0) = max[i : x > m](x)";
    check_error(
        formula,
        &[("x", &[2, 2], &[1.0, 2.0, -1.0, -2.0])],
        "empty-reduction",
        "`max` is taken over nothing, at batch element [1]",
    );
    let guarded = "loss f(x[i]) = if any[i](x > 0) then max[i : x > 0](x) else 0";
    check_value(guarded, &[("x", &[2, 2], &[1.0, 2.0, -1.0, -2.0])], &[2.0, 0.0]);
    // A NaN that came with the data is no error, even where a reduction elsewhere was empty.
    check_value(guarded, &[("x", &[2, 2], &[1.0, f64::NAN, -1.0, -2.0])], &[1.0, 0.0]);
    let shifted = "loss f(x[i], y) = y + (if any[i](x > 0) then max[i : x > 0](x) else 0)";
    check_value(shifted, &[("x", &[1, 2], &[-1.0, -2.0]), ("y", &[1], &[f64::NAN])], &[f64::NAN]);
}

#[test]
fn positions_out_of_range_are_errors_where_they_matter() {
    check_error(
        "loss f(x[i], t in integer) = x[t]",
        &[("x", &[3], &[1.0, 2.0, 3.0]), ("t", &[2], &[2.0, 3.0])],
        "index-out-of-range",
        "`x` is accessed at position 3 of its axis `i`, which has length 3, at batch element [1]",
    );
}

#[test]
fn reductions_keep_their_accuracy() {
    check_value("loss f(x[i]) = sum[i](x)", &[("x", &[4], &[1.0, 1e100, 1.0, -1e100])], &[2.0]);
    check_value("loss f(x[i]) = sum[i](x)", &[("x", &[3], &[1.0, f64::INFINITY, 1.0])], &[f64::INFINITY]);
    check_value("loss f(x[i]) = mean[i](x)", &[("x", &[3], &[1.0, 2.0, 4.0])], &[7.0 / 3.0]);
    check_value(
        "loss f(x[i]) = norm[i](x)",
        &[("x", &[3, 2], &[3e300, 4e300, 3e-300, 4e-300, 0.0, 0.0])],
        &[5e300, 5e-300, 0.0],
    );
    check_value(
        "loss f(x[i]) = norm[i](x)",
        &[("x", &[2, 2], &[3.0, 4.0, f64::INFINITY, 1.0])],
        &[5.0, f64::INFINITY],
    );
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    check_value(
        "loss f(x[i]) = logsumexp[i](x)",
        &[("x", &[5, 2], &[1000.0, 0.0, -inf, -inf, inf, 0.0, nan, 0.0, 0.0, -50.0])],
        &[1000.0, -inf, inf, nan, (-50.0_f64).exp()],
    );
    check_value("loss f(x[i]) = max[i](x)", &[("x", &[2, 3], &[1.0, nan, 2.0, 3.0, 1.0, 2.0])], &[nan, 3.0]);
    check_value("loss f(x[i]) = prod[i](x)", &[("x", &[3], &[2.0, 3.0, 4.0])], &[24.0]);
}

#[test]
fn axes_and_batches_may_be_empty() {
    check_value("loss f(x[i]) = sum[i](x)", &[("x", &[0], &[])], &[0.0]);
    check_value("loss f(x[i]) = sum[i](x)", &[("x", &[0, 2], &[])], &[]);
    check_value("loss f(x[i]) = sum[i](|x[i+1] - x[i]|)", &[("x", &[1], &[5.0])], &[0.0]);
    check_error(
        "loss f(x[i]) = max[i](x)",
        &[("x", &[0], &[])],
        "empty-reduction",
        "`max` is taken over nothing",
    );
}

#[test]
fn data_that_do_not_fit_are_explained() {
    let pair = "loss f(p[c] in (0,1), y[c]) = sum[c](y*p)";
    let p: (&str, &[usize], &[f64]) = ("p", &[2], &[0.5, 0.25]);
    check_error(pair, &[p], "missing-input", "the input `y[c]` is not given");
    check_error(pair, &[p, ("z", &[2], &[1.0, 1.0])], "unknown-input", "the loss has no input `z`");
    check_error(
        pair,
        &[p, ("y", &[], &[1.0])],
        "too-few-axes",
        "`y[c]` has 1 axis, but the data for it have none",
    );
    check_error(
        pair,
        &[p, ("y", &[3], &[1.0; 3])],
        "axis-length-mismatch",
        "the axis `c` has length 2 in `p`, but 3 in `y`",
    );
    check_error(
        pair,
        &[("p", &[2, 2], &[0.5; 4]), ("y", &[3, 2], &[1.0; 6])],
        "batch-mismatch",
        "the batch has shape [2] in `p`, but [3] in `y`",
    );
    check_error(
        pair,
        &[("p", &[2, 2], &[0.5, 0.5, 0.5, 1.0]), ("y", &[2], &[1.0, 1.0])],
        "outside-domain",
        "`p` must lie in (0,1), but element [1,1] is 1",
    );
    check_error(
        "loss f(y in {0,1}) = y",
        &[("y", &[2], &[1.0, 0.5])],
        "outside-domain",
        "`y` must be one of {0,1}, but element [1] is 0.5",
    );
    check_error(
        "loss f(y[c] in simplex) = y[0]",
        &[("y", &[2, 2], &[0.5, 0.5, 0.5, 0.75])],
        "outside-domain",
        "`y` must sum to 1 over its last axis, but at [1] it sums to 1.25",
    );
    check_error(
        "loss f(z[c], t in index[c]) = z[t]",
        &[("z", &[2], &[0.5, 0.5]), ("t", &[], &[2.0])],
        "outside-domain",
        "`t` must be a position on the axis `c`, a whole number from 0 to 1, but it is 2",
    );
    check_error(
        "loss f(x; g in (0,1) = 0.5) = g*x",
        &[("x", &[], &[1.0]), ("g", &[2], &[0.5, 0.5])],
        "batched-hyperparameter",
        "the hyperparameter `g` is one number, but an array of shape [2] is given",
    );
}

#[test]
fn defaults_are_exact_in_every_type() {
    let loss = loss("loss f(x; g = 0.1) = 10*g*x");
    let inputs = Inputs::from([("x".to_owned(), ArrayD::from_elem(IxDyn(&[]), 1.0))]);
    let result = run::<Extended>(loss.graph(), &inputs, &[each(loss.root(), &[])], &Limits::default());
    let off = (result[0].first().expect("one value").to_owned() - Extended::from_double(1.0)).to_double();
    assert!(off.abs() < 1e-70, "{off}");
}

#[test]
fn large_bodies_are_computed_slice_by_slice_with_the_same_bits() {
    let formulas = [
        "loss f(a[n,k], b[m,k]) = sum[n,m](exp(-sum[k]((a[n,k] - b[m,k])^2)))",
        "loss f(a[n,k], b[m,k]) = logsumexp[n,m,k](a[n,k]*b[m,k])",
        "loss f(a[n,k], b[m,k]) = norm[n,m,k](a[n,k]*b[m,k])",
        "loss f(a[n,k], b[m,k]) = sum[n](max[m,k : a[n,k] > b[m,k]](a[n,k]*b[m,k] + n))",
        "loss f(a[n,k], b[m,k]) = mean[n,m,k : a[n,k] > 0](a[n,k]*b[m,k])",
    ];
    let mut numbers = Numbers(7);
    let mut fill = |shape: &[usize]| ArrayD::from_shape_simple_fn(IxDyn(shape), || numbers.unit() - 0.4);
    let inputs = Inputs::from([("a".to_owned(), fill(&[210, 41])), ("b".to_owned(), fill(&[170, 41]))]);
    for formula in formulas {
        let loss = loss(formula);
        let outputs = [each(loss.root(), &[])];
        let whole = run::<f64>(loss.graph(), &inputs, &outputs, &Limits::default());
        // The bodies need 12 MB each.
        let limits = Limits { memory: 11 << 20, threads: 1 };
        let sliced = run::<f64>(loss.graph(), &inputs, &outputs, &limits);
        assert_eq!(bits(&whole[0]), bits(&sliced[0]), "{formula}");
    }
    let loss = loss(formulas[0]);
    let data =
        Data::<f64>::bind(loss.graph(), &needed(loss.graph()), &inputs, &BTreeMap::new()).expect("it fits");
    let limits = Limits { memory: 1 << 20, threads: 1 };
    let error = evaluate(loss.graph(), &[each(loss.root(), &[])], &data, &limits, &|_| {})
        .expect_err("too little memory");
    assert_eq!(error.code, "too-much-memory");
}
