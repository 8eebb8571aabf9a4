//! Compiled evaluation against the reference evaluator: every loss, random formulas, all vector widths, threads.

use crate::points::{Draw, inputs};
use crate::properties::{SIGNATURE, formula};
use lossform::evaluate::Limits;
use lossform::real::Real;
use lossform::vector::{Level, Precision};
use lossform::{Library, Loss, Reduction, Request};
use ndarray::{ArrayD, Axis, IxDyn, concatenate};
use std::collections::BTreeMap;

type Inputs<T> = BTreeMap<String, ArrayD<T>>;

/// Inputs with `batch` elements, each drawn anew.
pub fn batched<T: Real>(loss: &Loss, draw: &mut Draw, length: usize, batch: usize) -> Inputs<T> {
    let one = inputs::<T>(loss, draw, length);
    let all: Vec<Inputs<T>> = (0..batch).map(|_| inputs(loss, draw, length)).collect();
    let names = one.into_iter();
    names
        .map(|(name, array)| {
            let mut shape = vec![0];
            shape.extend_from_slice(array.shape());
            let empty = ArrayD::zeros(IxDyn(&shape));
            let rows: Vec<ArrayD<T>> =
                all.iter().map(|element| element[&name].clone().insert_axis(Axis(0))).collect();
            let views: Vec<_> = std::iter::once(empty.view()).chain(rows.iter().map(|r| r.view())).collect();
            (name, concatenate(Axis(0), &views).unwrap())
        })
        .collect()
}

/// How far a result may be from the reference: sums and functions round in another order. What is 0 but for rounding
/// may be off by some roundings of 1, the size of the inputs.
fn near<T: Real>(a: T, b: T, most: f64) -> bool {
    let (x, y) = (a.to_double(), b.to_double());
    let tolerance = 2000.0 * T::epsilon().to_double();
    x == y || x.is_nan() && y.is_nan() || (x - y).abs() <= tolerance * x.abs().max(most.clamp(0.004, 1.0))
}

/// The compiled results on every level with one and two threads, against the reference evaluator's.
fn check<T: Precision>(what: &str, loss: &Loss, at: &Inputs<T>, reduction: Reduction) {
    let gradients: Vec<String> = loss.differentiable_inputs().iter().map(ToString::to_string).collect();
    let evaluator = |reference| {
        let request = Request {
            gradients: gradients.clone(),
            hessian_diagonals: gradients.clone(),
            reduction,
            reference,
            ..Request::default()
        };
        loss.evaluator::<T>(&request).unwrap_or_else(|e| panic!("{what}: {e}"))
    };
    let (reference, fast) = (evaluator(true), evaluator(false));
    let data = reference.bind(at, &BTreeMap::new()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let Ok(wanted) = reference.run(&data, &|_| {}) else {
        // What the reference refuses is refused with the same words.
        let [a, b] = [&reference, &fast].map(|e| e.run(&data, &|_| {}).map(|_| ()).unwrap_err().to_string());
        assert_eq!(a, b, "{what}");
        return;
    };
    let wanted: Vec<ArrayD<T>> = std::iter::once(wanted.value)
        .chain(gradients.iter().map(|name| wanted.gradients[name].clone()))
        .chain(gradients.iter().map(|name| wanted.hessian_diagonals[name].clone()))
        .collect();
    let finite = wanted.iter().flatten().map(|v| v.to_double().abs()).filter(|v| v.is_finite());
    let most = finite.fold(0.0, f64::max);
    let mut compiled = fast.compile(&data).unwrap().unwrap_or_else(|| panic!("{what} is not compiled"));
    for level in Level::available() {
        let mut before: Option<Vec<Vec<u64>>> = None;
        for threads in [1, 2] {
            let holds = compiled.run(threads, level, &|_| {}).unwrap();
            for (at, (got, wanted)) in compiled.results().iter().zip(&wanted).enumerate() {
                assert_eq!(got.len(), wanted.len(), "{what}, result {at}");
                for (element, (a, b)) in wanted.iter().zip(*got).enumerate() {
                    assert!(
                        near(*a, *b, most) || !holds && b.is_nan(),
                        "{what}, result {at}[{element}] on {level:?}: {b}, reference {a}"
                    );
                }
            }
            let bits: Vec<Vec<u64>> = compiled
                .results()
                .iter()
                .map(|r| r.iter().map(|v| if v.is_nan() { 1 } else { v.to_double().to_bits() }).collect())
                .collect();
            if let Some(before) = &before {
                assert!(*before == bits, "{what} on {level:?}: the bits depend on the number of threads");
            }
            before = Some(bits);
        }
    }
    // Through the front door: shapes and names.
    let result = fast.run(&data, &|_| {}).unwrap();
    assert_eq!(result.value.shape(), wanted[0].shape(), "{what}");
    for (name, array) in gradients.iter().zip(&wanted[1..]) {
        assert_eq!(result.gradients[name].shape(), array.shape(), "{what}");
    }
}

fn check_library(library: &Library, names: &[String], batches: &[usize], lengths: &[usize]) {
    for name in names {
        let loss = library.loss(name).unwrap();
        let draw = &mut Draw(7);
        for (batch, length) in batches.iter().flat_map(|b| lengths.iter().map(move |l| (*b, *l))) {
            let what = format!("{name} with a batch of {batch}, axes of {length}");
            check::<f64>(&what, &loss, &batched(&loss, draw, length, batch), Reduction::None);
            check::<f32>(&what, &loss, &batched(&loss, draw, length, batch), Reduction::Mean);
        }
        for length in lengths {
            let what = format!("{name} without a batch, axes of {length}");
            check::<f64>(&what, &loss, &inputs(&loss, draw, *length), Reduction::None);
        }
    }
}

fn all(library: &Library) -> Vec<String> {
    library.names().map(ToOwned::to_owned).collect()
}

#[test]
fn every_builtin_agrees_with_the_reference() {
    let library = Library::builtin();
    check_library(&library, &all(&library), &[0, 1, 2, 13], &[1, 2, 5]);
}

#[test]
fn long_batches_agree_with_the_reference() {
    let library = Library::builtin();
    let scalar = all(&library).into_iter().filter(|name| {
        let loss = library.loss(name).unwrap();
        loss.graph().variables().iter().all(|v| v.axes.is_empty())
    });
    check_library(&library, &scalar.collect::<Vec<_>>(), &[64, 509, 1024, 1031], &[1]);
    for (name, batch, length) in
        [("cross_entropy", 97, 31), ("kl", 128, 16), ("dice", 3, 2053), ("triplet", 67, 64)]
    {
        check_library(&library, &[name.to_owned()], &[batch], &[length]);
    }
}

#[test]
fn losses_of_papers_agree_with_the_reference() {
    let mut library = Library::builtin();
    library.add("papers", "papers.loss", include_str!("../cases/papers/papers.loss")).unwrap();
    let names = library.families().last().map(|(_, names)| names.clone()).unwrap();
    check_library(&library, &names, &[1, 3], &[3, 6]);
}

#[test]
fn random_formulas_agree_with_the_reference() {
    for seed in 0..120 {
        let draw = &mut Draw(seed + 5000);
        let depth = 2 + draw.below(3);
        let text = format!("loss f({SIGNATURE}) = {}", formula(draw, depth, false));
        let loss = Loss::parse(&text).unwrap();
        check::<f64>(&text, &loss, &batched(&loss, draw, 3, 5), Reduction::None);
    }
}

/// Inputs that the batch shares: their gradients are sums over it, of several chunks.
#[test]
fn random_formulas_with_shared_inputs_agree_with_the_reference() {
    for seed in 0..24 {
        let draw = &mut Draw(seed + 7000);
        let depth = 2 + draw.below(2);
        let text = format!("loss f({SIGNATURE}) = {}", formula(draw, depth, false));
        let loss = Loss::parse(&text).unwrap();
        let mut at = batched::<f64>(&loss, draw, 3, 7000);
        for (name, one) in inputs::<f64>(&loss, draw, 3) {
            if draw.below(2) == 0 {
                at.insert(name, one);
            }
        }
        check(&text, &loss, &at, Reduction::Sum);
    }
}

/// Short axes in a long batch: each of their elements is a value of its own.
#[test]
fn short_axes_agree_with_the_reference() {
    let library = Library::builtin();
    for name in all(&library) {
        let loss = library.loss(&name).unwrap();
        let draw = &mut Draw(5);
        let what = format!("{name} with a batch of 301");
        check::<f64>(&what, &loss, &batched(&loss, draw, 3, 301), Reduction::None);
        check::<f32>(&what, &loss, &batched(&loss, draw, 4, 301), Reduction::Sum);
    }
    for text in [
        // Rows of a long array, scaled by what the batch, or nothing, varies with.
        "loss f(x[n,k], w[k], y[n]) = sum[n](y*logsumexp[k](w*x)) + sum[n](norm[k](x[n,k] - w[k]))",
        // Places that data tell, on the short axis and the long one; a stored value that is read elsewhere.
        "loss f(x[n,k], t[n] in index[k], s[n] in index[n]) = sum[n](p[n,t[n]]*tanh(x[s[n],0]))
            where p[i,k] = softmax[k](x[i,k])",
        "loss f(x[n,k]) = sum[n](max[k](x) + prod[k](x) - min[k](|x|)/(1 + sum[k](k*x[n,k])^2))",
        "loss f(x[n,k]) = sum[n](if any[k](x > 1) then mean[k : x > 0](x) else sum[k](if k == 1 then x[n,0] else x))",
        "loss f(a[n,k], b[m,k]) = mean[n](min[m](norm[k](a[n,k] - b[m,k])))",
        // The corners of boxes.
        "loss f(a[n,k], b[n,k]) = sum[n](max(0, min(a[n,2], b[n,2]) - max(a[n,0], b[n,0]))/(1 + (a[n,3]-b[n,1])^2))",
    ] {
        let loss = Loss::parse(text).unwrap_or_else(|e| panic!("{e}"));
        let at = inputs::<f64>(&loss, &mut Draw(3), 300).into_iter().map(|(name, array)| {
            let axes = &loss.graph().variables().iter().find(|v| v.name == name).unwrap().axes;
            let k = axes.iter().position(|axis| loss.graph().axis(*axis).name == "k");
            let few = |k: usize| array.slice_axis(Axis(k), (0..4).into()).to_owned();
            let array = k.map_or_else(|| array.clone(), few);
            let is_place = name == "t";
            (name, if is_place { array.mapv(|v| v % 4.0) } else { array })
        });
        check(text, &loss, &at.collect(), Reduction::None);
    }
}

/// Pairs of rows: products of matrices, with and without a batch.
#[test]
fn pairwise_losses_agree_with_the_reference() {
    let info = "loss info(a[n,k], b[n,k]; tau in (0,inf) = 0.07) = mean[n](logsumexp[m](s[n,m]) - s[n,n])
        where s[i,j] = sum[k](a[i,k]*b[j,k])/(norm[k](a[i,k])*norm[k](b[j,k])*tau)";
    let layer = "loss layer(x[k], w[h,k], v[h], t) = (sum[h](v*tanh(sum[k](w*x))) - t)^2";
    // The same products along the rows and along the columns, which meet in sums, in arrays, or pair by pair.
    let clip = "loss clip(a[n,k], b[n,k]) = mean[n](logsumexp[m](s[n,m]) + logsumexp[m](s[m,n]) - 2*s[n,n])
        where s[i,j] = 3*sum[k](a[i,k]*b[j,k])/(norm[k](a[i,k])*norm[k](b[j,k]))";
    let rows = "loss rows(a[n,k], b[n,k], x[n]) = sum[n](tanh(x*max[m](s[n,m]) + norm[m](s[m,n] + x[m])))
        where s[i,j] = sum[k](a[i,k]*b[j,k])";
    let both = "loss both(a[n,k], b[n,k]) = sum[n](sin(sum[m](s[n,m]*cos(s[m,n]))))
        where s[i,j] = sum[k](a[i,k]*b[j,k])/40";
    for text in [info, layer, clip, rows, both] {
        let loss = Loss::parse(text).unwrap();
        for length in [3, 17, 40] {
            let draw = &mut Draw(3);
            check::<f64>(text, &loss, &inputs(&loss, draw, length), Reduction::None);
            check::<f64>(text, &loss, &batched(&loss, draw, length, 2), Reduction::Sum);
        }
    }
}

/// A matrix that the batch shares: its gradient is a sum over the batch that is a product of matrices itself, tile by
/// tile.
#[test]
fn a_matrix_for_all_of_the_batch_agrees_with_the_reference() {
    let contrast = "loss contrast(q[k], p[j,k]) = logsumexp[j](sum[k](q*p)/0.5) - sum[k](q*p[0,k])";
    let layer = "loss layer(x[k], w[h,k], v[h], t) = (sum[h](v*tanh(sum[k](w*x))) - t)^2";
    for (text, shared) in [(contrast, &["p"][..]), (layer, &["w", "v"])] {
        let loss = Loss::parse(text).unwrap();
        for batch in [1, 3, 300] {
            let draw = &mut Draw(5);
            let mut at = batched::<f64>(&loss, draw, 34, batch);
            let one = inputs::<f64>(&loss, draw, 34);
            shared.iter().for_each(|name| drop(at.insert((*name).to_owned(), one[*name].clone())));
            check(text, &loss, &at, Reduction::Mean);
            let single = at.iter().map(|(name, array)| (name.clone(), array.mapv(|v| v as f32))).collect();
            check::<f32>(text, &loss, &single, Reduction::Sum);
        }
    }
}

/// Arrays of pairs that are worked out tile by tile, where an index takes the place of the batch: in less memory than
/// the pairs need, with the values of indices, gathers, arrays that are read at two indices, and what is done with the
/// sums when they are known.
#[test]
fn pairs_are_streamed() {
    let losses = [
        "loss a(a[n,k], b[n,k]; tau in (0,inf) = 0.07) = mean[n](logsumexp[m](s[n,m]) - s[n,n])
            where s[i,j] = sum[k](a[i,k]*b[j,k])/(norm[k](a[i,k])*norm[k](b[j,k])*tau)",
        "loss b(a[n,k], b[m,k], t[n] in index[m]) = mean[n](logsumexp[m](sum[k](a*b))
            - sum[k](a[n,k]*b[t[n],k]))",
        "loss c(a[k,n], b[k,m]) = mean[n](logsumexp[m](sum[k](a*b)))/3 + sum[k,m](b^2)",
        "loss d(a[n,k], b[n,k]) = mean[i](sum[j](if i == j then 0 else exp(-sum[k](a[i,k]*b[j,k])/9)))
            + sum[n](n*a[n,0])/100",
        "loss e(a[n,k], b[n,k], x[n]) = sum[i](max[j](sum[k](a[i,k]*b[j,k]) - x[j]) + x[i]^2)",
    ];
    for text in losses {
        let loss = Loss::parse(text).unwrap_or_else(|e| panic!("{e}"));
        let at = inputs::<f64>(&loss, &mut Draw(11), 1200);
        let at = at
            .into_iter()
            .map(|(name, array)| {
                let axes = &loss.graph().variables().iter().find(|v| v.name == name).unwrap().axes;
                let k = axes.iter().position(|axis| loss.graph().axis(*axis).name == "k");
                let few = |k: usize| array.slice_axis(Axis(k), (0..3).into()).to_owned();
                (name, k.map_or_else(|| array.clone(), few))
            })
            .collect::<Inputs<f64>>();
        let gradients: Vec<String> = loss.differentiable_inputs().iter().map(ToString::to_string).collect();
        let result = |reference, threads| {
            let limits = Limits { threads, ..Limits::default() };
            let request = Request { gradients: gradients.clone(), reference, limits, ..Request::default() };
            let evaluator = loss.evaluator::<f64>(&request).unwrap();
            let data = evaluator.bind(&at, &BTreeMap::new()).unwrap();
            // The pairs take 11.5 MB.
            let bytes = evaluator.compile(&data).unwrap().unwrap().bytes(threads);
            assert!(bytes < threads * (10 << 20), "{text} needs {bytes}");
            evaluator.run(&data, &|_| {}).unwrap_or_else(|e| panic!("{text}: {e}"))
        };
        let wanted = result(true, 1);
        let [got, other] = [1, 2].map(|threads| result(false, threads));
        for name in &gradients {
            let (wanted, got) = (&wanted.gradients[name], &got.gradients[name]);
            let most = wanted.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
            for (a, b) in wanted.iter().zip(got) {
                assert!((a - b).abs() <= 1e-12 * most, "{text}, gradient in {name}: {b}, reference {a}");
            }
            assert_eq!(got, &other.gradients[name], "{text}: bits depend on the number of threads");
        }
        assert!(near(wanted.value[[]], got.value[[]], 0.0), "{text}: {} {}", got.value, wanted.value);
    }
}

/// A random loss of pairs of rows: what a pair gives, with or without a condition, folded twice.
fn pairwise(draw: &mut Draw) -> String {
    let pick = |draw: &mut Draw, all: &[&str]| all[draw.below(all.len())].to_owned();
    let product = pick(
        draw,
        &["sum[k](a[i,k]*b[j,k])", "sum[k](w*a[i,k]*b[j,k])", "sum[k](a[i,k]*b[j,k])/(1 + norm[k](a[i,k]))"],
    );
    let function =
        pick(draw, &["tanh(S)", "exp(S/9)", "S^2/9", "S", "max(0, 1 - S)", "log(1 + exp(-S))", "|S - y[j]|"]);
    let condition =
        pick(draw, &["B", "if i == j then 0 else B", "if x[i] < y[j] then B else 0", "y[j]*B", "B - x[i]"]);
    let pair = condition.replace('B', &function.replace('S', &product));
    let inner = pick(draw, &["sum[j](P)", "logsumexp[j](P)", "max[j](P)", "mean[j](P)", "norm[j](P)"]);
    let outer = pick(
        draw,
        &[
            "mean[i](R)",
            "sum[i](R - x[i]*a[i,0])",
            "sum[i](R)/7 + sum[j](y[j]^2)",
            "mean[i](R*x[i])",
            "mean[i](R)^2",
        ],
    );
    let body = outer.replace('R', &inner.replace('P', &pair));
    format!("loss f(a[n,k], b[n,k], x[n], y[n], w[k]) = {body}")
}

/// Conditions, scatters and orders of sums in random losses of pairs, with products of matrices.
#[test]
fn random_pairwise_formulas_agree_with_the_reference() {
    for seed in (0..40).chain(430..436) {
        let draw = &mut Draw(seed + 9000);
        let text = pairwise(draw);
        let loss = Loss::parse(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        for length in [20, 37] {
            check::<f64>(&text, &loss, &inputs(&loss, draw, length), Reduction::None);
        }
    }
}

/// What a condition leaves out of a product of matrices may be infinite.
#[test]
fn conditions_keep_out_what_is_infinite() {
    for left in ["a[i,k]", "0"] {
        let text = format!(
            "loss f(a[n,k], b[n,k], x[k], y[n]) =
                sum[i](max[k](sum[j](if y[j] < 0 then {left} else exp(-abs(y[i]-y[j]))*b[j,k])*x[k] - a[i,k]))"
        );
        let loss = Loss::parse(&text).unwrap();
        let mut at = inputs::<f64>(&loss, &mut Draw(2), 40);
        let (mut y, mut b) = (at["y"].clone(), at["b"].clone());
        for j in 0..40 {
            y[j] = if j % 7 == 3 { -1.0 } else { y[j].abs() };
            b[[j, 0]] = if j % 7 == 3 { f64::INFINITY } else { b[[j, 0]] };
        }
        at.extend([("y".to_owned(), y), ("b".to_owned(), b)]);
        check(&text, &loss, &at, Reduction::None);
    }
}

/// The compiled value and gradients, which must hold.
fn held(text: &str, at: &Inputs<f64>) -> Vec<Vec<f64>> {
    let loss = Loss::parse(text).unwrap_or_else(|e| panic!("{e}"));
    let gradients = loss.differentiable_inputs().iter().map(ToString::to_string).collect();
    let evaluator = loss.evaluator::<f64>(&Request { gradients, ..Request::default() }).unwrap();
    let data = evaluator.bind(at, &BTreeMap::new()).unwrap();
    let mut compiled = evaluator.compile(&data).unwrap().unwrap();
    assert!(compiled.run(1, Level::detect(), &|_| {}).unwrap(), "{text} does not hold");
    compiled.results().iter().map(|result| result.to_vec()).collect()
}

/// Sums of all terms but one are worked out for all places at once: the one may be nearly all of the total, or infinite.
#[test]
fn sums_of_all_but_one_keep_their_digits() {
    let text = "loss f(w[c], y[c]) = sum[c](w*sum[d : d != c](y[d]))";
    let loss = Loss::parse(text).unwrap();
    let large: [&[f64]; 6] = [&[], &[1.0], &[1.0, 1.0], &[-1.0, 1.0], &[1e300], &[0.75, 0.25]];
    for (rest, large) in [1e-30, 0.0, 0.01, -1e-3]
        .into_iter()
        .zip(large.iter().cycle())
        .chain([1e-30, 1e-16, 3.0, -1e-30].into_iter().zip(large.iter().skip(1)))
    {
        let mut at = inputs::<f64>(&loss, &mut Draw(3), 40);
        let y = at.get_mut("y").unwrap();
        y.iter_mut().enumerate().for_each(|(n, v)| *v = rest * (1.0 + n as f64 / 64.0));
        large.iter().enumerate().for_each(|(n, v)| y[7 * n + 5] = *v);
        let y: Vec<f64> = y.iter().copied().collect();
        let others = &held(text, &at)[1];
        for (c, got) in others.iter().enumerate() {
            let wanted: f64 = (0..40).filter(|d| *d != c).map(|d| y[d]).sum();
            let size: f64 = (0..40).filter(|d| *d != c).map(|d| y[d].abs()).sum();
            assert!((got - wanted).abs() <= 1e-14 * size, "{large:?} among {rest}, {c}: {got}, not {wanted}");
        }
        check(text, &loss, &at, Reduction::None);
        at.get_mut("y").unwrap()[3] = f64::INFINITY;
        check(text, &loss, &at, Reduction::None);
    }
    // Labels that are not declared to sum up to 1.
    for text in [
        "loss f(z[c], y[c]) = -sum[c](y*log(softmax[c](z)))",
        "loss f(z[c], y[c]) = -sum[c](y*(1-softmax[c](z))^2*log_softmax[c](z))",
        "loss f(z[n,c], y[c]) = -mean[n](sum[c](exp(y)*log(softmax[c](z))))",
    ] {
        let loss = Loss::parse(text).unwrap();
        check::<f64>(text, &loss, &batched(&loss, &mut Draw(3), 20, 70), Reduction::None);
        check::<f32>(text, &loss, &batched(&loss, &mut Draw(4), 70, 3), Reduction::Sum);
    }
}

/// A logit that is a number, far below the others, is no place to measure the others from.
#[test]
fn logits_that_are_numbers_do_not_overflow() {
    let text = "loss f(a[n,k]) = mean[n](logsumexp[m](if n == m then -1000 else s[n,m]) - s[n,n])
        where s[i,j] = sum[k](a[i,k]*a[j,k])";
    let loss = Loss::parse(text).unwrap();
    let at = inputs::<f64>(&loss, &mut Draw(3), 40);
    assert!(held(text, &at).iter().flatten().all(|v| v.is_finite()));
    check(text, &loss, &at, Reduction::None);
}

/// Products of matrices with a factor in common are one, and sums of products whose terms have one.
#[test]
fn products_with_a_common_factor_agree_with_the_reference() {
    for text in [
        "loss f(a[n,k], y[n]) = mean[n](logsumexp[m](s[n,m])
            - sum[m](if y[n] == y[m] then s[n,m] else 0)/sum[m](if y[n] == y[m] then 1 else 0))
            where s[i,j] = sum[k](a[i,k]*a[j,k])",
        "loss f(a[n,k], b[m,k], x[n]) = sum[n](tanh(sum[m](w*b[m,0]) - 2*sum[m](b[m,0]/(1 + w^2))))
            where w = sum[k](a*b) + x",
    ] {
        let loss = Loss::parse(text).unwrap();
        let mut at = inputs::<f64>(&loss, &mut Draw(3), 40);
        at.entry("y".to_owned()).and_modify(|y| y.mapv_inplace(|v| (2.0 * v).round()));
        check(text, &loss, &at, Reduction::None);
        check::<f64>(text, &loss, &batched(&loss, &mut Draw(5), 33, 2), Reduction::Sum);
    }
}

/// What is summed over the outer axis of large arrays is cut along the inner one, for threads to share.
#[test]
fn sums_over_outer_axes_are_shared_by_threads() {
    let text = "loss f(z[c,h], y[c,h]) = -mean[h](sum[c](y*log(softmax[c](z))) + max[c](z*y))";
    let loss = Loss::parse(text).unwrap();
    let draw = &mut Draw(3);
    let long = |draw: &mut Draw| {
        ndarray::Array2::from_shape_fn((11, 12_345), |_| 4.0 * draw.unit() - 2.0).into_dyn()
    };
    let at: Inputs<f64> = BTreeMap::from([("z".to_owned(), long(draw)), ("y".to_owned(), long(draw))]);
    check(text, &loss, &at, Reduction::None);
    let single: Inputs<f32> = at.iter().map(|(k, v)| (k.clone(), v.mapv(|v| v as f32))).collect();
    check(text, &loss, &single, Reduction::None);
}

/// Two results that are one sum over the batch: it is added up once.
#[test]
fn equal_sums_over_the_batch_are_added_once() {
    let loss = Loss::parse("loss f(x, a, b) = (x - a - b)^2").unwrap();
    let mut at = batched::<f64>(&loss, &mut Draw(2), 1, 70_000);
    for name in ["a", "b"] {
        at.insert(name.to_owned(), ndarray::arr0(0.25).into_dyn());
    }
    check("(x - a - b)^2", &loss, &at, Reduction::Sum);
}

/// One divisor for many, near the ends of the range: its reciprocal would overflow.
#[test]
fn divisors_near_the_ends_of_the_range_divide() {
    let loss = Loss::parse("loss f(x[k], s) = sum[k](x/s)").unwrap();
    for size in [1e-310, 1e300, 2.5e-308, 0.0] {
        let mut at = inputs::<f64>(&loss, &mut Draw(1), 40);
        at.insert("s".into(), ndarray::arr0(size).into_dyn());
        at.get_mut("x").unwrap().mapv_inplace(|v| v * size.max(1e-300));
        check("x/s", &loss, &at, Reduction::None);
    }
}
