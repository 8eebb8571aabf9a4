//! Derivations step by step: every line is equal to the one before it, and they lead to the result.

use crate::points::{Draw, inputs};
use lossform::evaluate::{Batch, Extended, Limits, Output, bind, evaluate};
use lossform::graph::{NodeId, VariableId};
use lossform::real::Real;
use lossform::simplify::{ALGEBRA, rules};
use lossform::{Derivation, Library, Loss};
use std::collections::BTreeMap;

/// Compares the lines of one derivation at some points, in 237 bits.
fn check_steps(loss: &Loss, derivation: &Derivation) {
    let steps = derivation.steps();
    let lines = steps.lines();
    for line in &lines[1..] {
        let is_known =
            rules().iter().any(|r| r.name == line.rule) || ALGEBRA.iter().any(|(n, _)| *n == line.rule);
        assert!(is_known, "`lossform rules` does not list {}", line.rule);
    }
    assert_eq!(lines[0].node, loss.root(), "{}: the first line is the loss", loss.name());
    assert_eq!(lines.last().unwrap().node, derivation.node(), "{}: the last is the result", loss.name());
    let graph = steps.graph();
    let indices = derivation.index_ids();
    let outputs: Vec<Output> = lines
        .iter()
        .map(|line| {
            let own = if line.order == 0 {
                Vec::new()
            } else {
                indices[..indices_of(graph, line.node, &indices)].to_vec()
            };
            Output::new(line.node, own, Batch::Each)
        })
        .collect();
    let needed: Vec<VariableId> = graph.variable_ids().collect();
    for point in 0..3 {
        let at = inputs::<Extended>(loss, &mut Draw(point), 3);
        let data = bind(graph, &needed, &at, &BTreeMap::new()).unwrap();
        let values = evaluate(graph, &outputs, &data, &Limits::default(), &|_| {}).unwrap();
        for at in 1..lines.len() {
            if lines[at].order != lines[at - 1].order {
                continue;
            }
            for (a, b) in values[at - 1].iter().zip(values[at].iter()) {
                let (a, b) = (a.to_double(), b.to_double());
                assert!(
                    !a.is_finite() || (a - b).abs() <= 1e-25 * a.abs().max(1.0),
                    "{}: {} makes {a} of\n{}\nand {b} of\n{}",
                    loss.name(),
                    lines[at].rule,
                    lines[at - 1].text(),
                    lines[at].text()
                );
            }
        }
    }
}

/// How many of the indices of the result a line has: those of the first derivative, or all.
fn indices_of(graph: &lossform::graph::Graph, node: NodeId, indices: &[lossform::graph::IndexId]) -> usize {
    let free = graph.free_indices(node);
    indices.iter().rposition(|i| free.contains(i)).map_or(0, |at| at + 1)
}

#[test]
fn every_step_is_an_equality() {
    let library = Library::builtin();
    let names: Vec<String> = library.names().map(str::to_owned).collect();
    for name in names {
        let loss = library.loss(&name).unwrap();
        for input in loss.differentiable_inputs() {
            check_steps(&loss, &loss.gradient(input).unwrap());
        }
    }
}

#[test]
fn steps_of_second_derivatives() {
    for (name, input) in
        [("bce_with_logits", "z"), ("cross_entropy", "z"), ("huber", "x"), ("exponential", "f")]
    {
        let loss = Loss::builtin(name).unwrap();
        check_steps(&loss, &loss.hessian(input, input).unwrap());
    }
}

#[test]
fn steps_of_formulas_as_they_are_typed() {
    for formula in [
        "-(y*log(1/(1 + exp(-z))) + (1 - y)*log(1 - 1/(1 + exp(-z))))",
        "log((exp(x) + exp(-x))/2)",
        "-log(exp(z[t])/sum[c](exp(z[c])))*w",
        "(if |r| <= d then r^2/2 else d*(|r| - d/2))",
    ] {
        let declared = formula.replace("t]", "k]");
        let loss = Loss::parse(&declared.replace("[k]", "[0]")).unwrap();
        for input in loss.differentiable_inputs() {
            check_steps(&loss, &loss.gradient(input).unwrap());
        }
    }
}

#[test]
fn a_derivation_reads_line_by_line() {
    let loss = Loss::builtin("bce_with_logits").unwrap();
    let steps = loss.gradient("z").unwrap().steps();
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("steps", format!("{steps}\n{}", steps.latex()));
    });
}
