//! Batches without elements or with one, axes of length 0 and 1, NaN in the data: the compiled evaluator, the reference
//! evaluator, the interpreter and what the manual says.

use crate::compiled::batched;
use crate::interpreter::Interpreter;
use crate::points::Draw;
use lossform::graph::Domain;
use lossform::vector::Level;
use lossform::{Error, Evaluation, Library, Loss, Reduction, Request};
use ndarray::{ArrayD, Axis, IxDyn};
use std::collections::BTreeMap;

type Inputs = BTreeMap<String, ArrayD<f64>>;

const REDUCTIONS: [Reduction; 3] = [Reduction::None, Reduction::Sum, Reduction::Mean];

fn gradients(loss: &Loss) -> Vec<String> {
    loss.differentiable_inputs().iter().map(ToString::to_string).collect()
}

/// As a user evaluates: compiled where that holds, with domains checked.
fn evaluate(loss: &Loss, at: &Inputs, reduction: Reduction) -> Result<Evaluation<f64>, Error> {
    let request = Request { gradients: gradients(loss), reduction, ..Request::default() };
    loss.evaluator::<f64>(&request)?.evaluate(at, &BTreeMap::new())
}

/// Value and gradients, one after the other.
fn numbers(evaluation: &Evaluation<f64>, gradients: &[String]) -> Vec<f64> {
    let derivatives = gradients.iter().flat_map(|name| &evaluation.gradients[name]);
    evaluation.value.iter().chain(derivatives).copied().collect()
}

#[track_caller]
fn all_near(what: &str, got: &[f64], wanted: &[f64]) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (at, (a, b)) in got.iter().zip(wanted).enumerate() {
        assert!(near(*a, *b), "{what}, number {at}: {a}, reference {b}");
    }
}

/// The same results, or the same refusal, as the reference evaluator's; on every level where the compiled loss says that
/// its results hold.
#[track_caller]
fn check(what: &str, loss: &Loss, at: &Inputs, reduction: Reduction) {
    let evaluator = |reference| {
        let request = Request { gradients: gradients(loss), reduction, reference, ..Request::default() };
        loss.evaluator::<f64>(&request).unwrap()
    };
    let (reference, fast) = (evaluator(true), evaluator(false));
    let data = reference.bind(at, &BTreeMap::new()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let wanted = match (reference.run(&data, &|_| {}), fast.run(&data, &|_| {})) {
        (Ok(wanted), Ok(got)) => {
            let [got, wanted] = [got, wanted].map(|result| numbers(&result, &gradients(loss)));
            all_near(what, &got, &wanted);
            wanted
        }
        (Err(a), Err(b)) => return assert_eq!(a.to_string(), b.to_string(), "{what}"),
        (a, b) => panic!("{what}: reference {:?}, compiled {:?}", a.map(|r| r.value), b.map(|r| r.value)),
    };
    let Some(mut compiled) = fast.compile(&data).unwrap() else { return };
    for level in Level::available() {
        if compiled.run(1, level, &|_| {}).unwrap() {
            let got: Vec<f64> = compiled.results().concat();
            all_near(&format!("{what} on {level:?}"), &got, &wanted);
        }
    }
}

/// The value of one batch element, by the interpreter, which shares nothing with the evaluators.
fn interpreted(loss: &Loss, at: &Inputs, element: usize) -> f64 {
    let inputs: Inputs =
        at.iter().map(|(name, a)| (name.clone(), a.index_axis(Axis(0), element).to_owned())).collect();
    let none = BTreeMap::new();
    let value = Interpreter::new(loss.graph(), &inputs, &none).array(loss.root(), &[]);
    value.first().copied().unwrap_or(f64::NAN)
}

fn near(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-10 * (1.0 + b.abs())
}

#[test]
fn batches_and_axes_of_no_and_one_element() {
    let library = Library::builtin();
    let mut refused = 0;
    for name in library.names() {
        let loss = library.loss(name).unwrap();
        for (batch, length) in [(0, 0), (0, 3), (1, 1), (2, 0)] {
            let what = format!("{name} with a batch of {batch}, axes of {length}");
            let at = batched::<f64>(&loss, &mut Draw(3), length, batch);
            REDUCTIONS.iter().for_each(|reduction| check(&what, &loss, &at, *reduction));
            let result = match evaluate(&loss, &at, Reduction::None) {
                Ok(result) => result,
                Err(error) => {
                    // Only what the manual says is an error where nothing takes part.
                    let code = error.diagnostics[0].code;
                    let known = ["empty-reduction", "index-out-of-range", "outside-domain"];
                    assert!(length < 2 && known.contains(&code), "{what}: {error}");
                    assert_eq!(error.exit_code(), 4, "{what}");
                    refused += 1;
                    continue;
                }
            };
            assert_eq!(result.value.shape(), [batch], "{what}");
            for element in 0..batch {
                let (got, wanted) = (result.value[element], interpreted(&loss, &at, element));
                assert!(near(got, wanted), "{what}: {got}, interpreted {wanted}");
            }
            for (input, gradient) in &result.gradients {
                assert_eq!(gradient.shape(), at[input].shape(), "{what}");
            }
        }
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn a_batch_of_nothing_has_sum_0_and_no_mean() {
    let loss = Loss::parse("loss f(x[k], w[k]) = sum[k](w*x^2)").unwrap();
    let at = Inputs::from([
        ("x".to_owned(), ArrayD::zeros(IxDyn(&[0, 2]))),
        ("w".to_owned(), ArrayD::ones(IxDyn(&[2]))),
    ]);
    for reduction in REDUCTIONS {
        check("a batch of nothing", &loss, &at, reduction);
        let result = evaluate(&loss, &at, reduction).unwrap();
        assert_eq!(result.gradients["x"].shape(), [0, 2]);
        let (value, shared) = (result.value.first().copied(), result.gradients["w"].as_slice().unwrap());
        match reduction {
            Reduction::None => assert_eq!((value, shared), (None, &[0.0, 0.0][..])),
            Reduction::Sum => assert_eq!((value, shared), (Some(0.0), &[0.0, 0.0][..])),
            Reduction::Mean => {
                assert!(value.unwrap().is_nan() && shared.iter().all(|v| v.is_nan()), "{value:?} {shared:?}");
            }
        }
    }
}

/// A formula of `x[k]`, and for what the batch has, its value and gradient; `None` where it is refused.
#[track_caller]
fn check_formula(formula: &str, x: &[f64], wanted: Option<(f64, &[f64])>) {
    let text = format!("loss f(x[k]) = {formula}");
    let loss = Loss::parse(&text).unwrap();
    let at = Inputs::from([("x".to_owned(), ArrayD::from_shape_vec(IxDyn(&[x.len()]), x.to_vec()).unwrap())]);
    check(&text, &loss, &at, Reduction::None);
    match (evaluate(&loss, &at, Reduction::None), wanted) {
        (Err(error), None) => assert_eq!(error.diagnostics[0].code, "empty-reduction", "{text}"),
        (Ok(result), Some((value, gradient))) => {
            let got = result.value.first().copied().unwrap();
            assert!(near(got, value), "{text} of {x:?}: {got}, not {value}");
            for (got, wanted) in result.gradients["x"].iter().zip(gradient) {
                assert!(near(*got, *wanted), "{text} of {x:?}: gradient {got}, not {wanted}");
            }
        }
        (result, _) => panic!("{text} of {x:?}: {:?}", result.map(|r| r.value)),
    }
}

#[test]
fn reductions_over_nothing_and_over_one() {
    for refused in ["mean[k](x)", "max[k](x)", "min[k](x)", "max[k : x > 0](x)"] {
        check_formula(refused, &[], None);
    }
    check_formula("mean[k : x > 5](x)", &[1.0, 2.0], None);
    check_formula("sum[k](x^2)", &[], Some((0.0, &[])));
    check_formula("prod[k](x)", &[], Some((1.0, &[])));
    check_formula("norm[k](x)", &[], Some((0.0, &[])));
    check_formula("sum[k](|x[k+1] - x[k]|)", &[3.0], Some((0.0, &[0.0])));
    check_formula("sum[k : x > 5](x)", &[1.0, 2.0], Some((0.0, &[0.0, 0.0])));
    for one in ["mean[k](x)", "max[k](x)", "min[k](x)", "logsumexp[k](x)", "prod[k](x)", "sum[k](x)"] {
        check_formula(one, &[-2.5], Some((-2.5, &[1.0])));
    }
    check_formula("norm[k](x)", &[-2.5], Some((2.5, &[-1.0])));
    check_formula("sum[k](log(softmax[k](x)))", &[40.0], Some((0.0, &[0.0])));
    check_formula("sum[k](softmax[k](x)^2)", &[-800.0], Some((1.0, &[0.0])));
}

#[test]
fn nan_stays_where_it_belongs() {
    let nan = f64::NAN;
    check_formula("sum[k](x^2)", &[1.0, nan], Some((nan, &[2.0, nan])));
    // No element is equal to it, so none has a gradient.
    check_formula("max[k](x)", &[nan, 2.0], Some((nan, &[0.0, 0.0])));
    check_formula("logsumexp[k](x)", &[0.0, nan], Some((nan, &[nan, nan])));
    // Filtered out, or in a branch that is not taken, it leaves no trace.
    check_formula("sum[k : k != 1](x^2)", &[1.0, nan], Some((1.0, &[2.0, 0.0])));
    check_formula("sum[k](if k == 0 then x^2 else 0)", &[1.0, nan], Some((1.0, &[2.0, 0.0])));
    check_formula("sum[k](if x > 0 then log(x) else 0)", &[1.0, nan, -1.0], Some((0.0, &[1.0, 0.0, 0.0])));
    check_formula("mean[k : k > 0](x)", &[nan, 1.0, 3.0], Some((2.0, &[0.0, 0.5, 0.5])));
}

#[test]
fn nan_in_one_batch_element_is_in_its_results_alone_or_refused() {
    let library = Library::builtin();
    let (mut taken, mut refused) = (0, 0);
    for name in library.names() {
        let loss = library.loss(name).unwrap();
        let clean = batched::<f64>(&loss, &mut Draw(9), 4, 3);
        let before = evaluate(&loss, &clean, Reduction::None).unwrap();
        for variable in loss.graph().variables().iter().filter(|v| clean.contains_key(&v.name)) {
            let what = format!("{name} with NaN in {}", variable.name);
            let mut at = clean.clone();
            let mut row = at.get_mut(&variable.name).unwrap().index_axis_mut(Axis(0), 1);
            row.iter_mut().take(1).for_each(|v| *v = f64::NAN);
            let lets_through = match &variable.domain {
                Domain::Logit => true,
                Domain::Interval(i) => i.low.is_infinite() && i.high.is_infinite(),
                _ => false,
            };
            let result = match evaluate(&loss, &at, Reduction::None) {
                Ok(result) => result,
                Err(error) => {
                    assert!(!lets_through, "{what}: {error}");
                    assert_eq!(error.diagnostics[0].code, "outside-domain", "{what}");
                    assert!(
                        error.to_string().contains("NaN") || variable.domain == Domain::Simplex,
                        "{what}: {error}"
                    );
                    refused += 1;
                    continue;
                }
            };
            assert!(lets_through, "{what} is not refused");
            taken += 1;
            REDUCTIONS.iter().for_each(|reduction| check(&what, &loss, &at, *reduction));
            for element in 0..3 {
                let (got, wanted) = (result.value[element], interpreted(&loss, &at, element));
                assert!(near(got, wanted), "{what}, element {element}: {got}, interpreted {wanted}");
            }
            for (input, gradient) in &result.gradients {
                for element in [0, 2] {
                    let of = |array: &ArrayD<f64>| array.index_axis(Axis(0), element).to_owned();
                    let pairs = of(gradient).into_iter().zip(of(&before.gradients[input]));
                    for (a, b) in pairs {
                        assert!(
                            near(a, b),
                            "{what}, element {element}, gradient of {input}: {a}, without {b}"
                        );
                    }
                }
            }
        }
    }
    assert!(taken > 30 && refused > 10, "{taken} {refused}");
}
