//! Every rewrite rule, whoever wrote it: it refines, in value and in derivative, and it fires.

use crate::points::Draw;
use lossform::differentiate::differentiate;
use lossform::evaluate::{Batch, Extended, Limits, Output, bind, evaluate};
use lossform::graph::{Graph, NodeId, Op};
use lossform::real::Real;
use lossform::simplify::{Rule, apply_rule};
use lossform::{simplify, stabilize};
use ndarray::{ArrayD, IxDyn};
use std::collections::{BTreeMap, BTreeSet};

/// The rules of simplification and of stabilisation.
fn sets() -> [&'static [Rule]; 2] {
    [simplify::rules(), stabilize::rules()]
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    sets().into_iter().flatten()
}

fn names(graph: &Graph, node: NodeId) -> BTreeSet<String> {
    graph
        .reachable(&[node])
        .into_iter()
        .filter_map(|n| match graph.op(n) {
            Op::Access(variable) => Some(graph.variable(variable).name.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn names_on_the_right_occur_on_the_left() {
    let mut seen = BTreeSet::new();
    for rule in rules() {
        assert!(seen.insert(&rule.name), "{} stands twice", rule.name);
        assert!(rule.documentation.ends_with('.'), "{} has no sentence of documentation", rule.name);
        let left = names(&rule.graph, rule.before);
        let right = names(&rule.graph, rule.after);
        assert!(right.is_subset(&left), "{}: {right:?} and {left:?}", rule.name);
        if let Some(guard) = rule.guard {
            assert!(names(&rule.graph, guard).is_subset(&left), "{}: the guard", rule.name);
        }
    }
}

/// Points: edges, kinks, and random ones.
fn value(draw: &mut Draw, round: usize) -> f64 {
    const EDGES: [f64; 9] = [0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1e-3, 20.0];
    if round.is_multiple_of(2) { EDGES[draw.below(EDGES.len())] } else { 6.0 * draw.unit() - 3.0 }
}

/// Compares both sides and their derivatives wherever the left one is defined and the guard holds.
fn refines(rule: &Rule) -> usize {
    let mut graph = rule.graph.clone();
    let variables: Vec<_> = graph.variable_ids().collect();
    let mut nodes = vec![(rule.before, rule.after, Vec::new())];
    let left = differentiate(&mut graph, rule.before, &variables);
    let right = differentiate(&mut graph, rule.after, &variables);
    for (a, b) in left.iter().zip(&right) {
        let map: Vec<_> =
            b.indices.iter().zip(&a.indices).map(|(from, to)| (*from, graph.index_value(*to))).collect();
        let node = graph.substitute(b.node, &map);
        nodes.push((a.node, node, a.indices.clone()));
    }
    let mut outputs: Vec<Output> = Vec::new();
    for (a, b, indices) in &nodes {
        for node in [a, b] {
            outputs.push(Output::new(*node, indices.clone(), Batch::Each));
        }
    }
    if let Some(guard) = rule.guard {
        outputs.push(Output::new(guard, Vec::new(), Batch::Each));
    }
    let mut draw = Draw(5);
    let mut compared = 0;
    for round in 0..120 {
        let mut arrays: BTreeMap<String, ArrayD<Extended>> = BTreeMap::new();
        for variable in graph.variables() {
            let shape = vec![3; variable.axes.len()];
            let count = shape.iter().product();
            let elements = (0..count).map(|_| Extended::from_double(value(&mut draw, round))).collect();
            arrays.insert(variable.name.clone(), ArrayD::from_shape_vec(IxDyn(&shape), elements).unwrap());
        }
        let data = bind(&graph, &variables, &arrays, &BTreeMap::new()).unwrap();
        let results = evaluate(&graph, &outputs, &data, &Limits::default(), &|_| {}).unwrap();
        if rule.guard.is_some() && results.last().unwrap()[[]].to_double() != 1.0 {
            continue;
        }
        // A choice, or a maximum, may have another one-sided derivative exactly where it changes; values agree there.
        let compared_pairs =
            if ["piecewise", "spelling"].contains(&rule.family) && round % 2 == 0 { 1 } else { nodes.len() };
        for pair in results[..2 * compared_pairs].chunks(2) {
            for (a, b) in pair[0].iter().zip(pair[1].iter()) {
                let (a, b) = (a.to_double(), b.to_double());
                if a.is_finite() {
                    assert!(
                        (a - b).abs() <= 1e-30 * a.abs().max(1.0),
                        "{}: {a} becomes {b} at {arrays:?}",
                        rule.name
                    );
                    compared += 1;
                }
            }
        }
    }
    compared
}

#[test]
fn every_rule_refines() {
    for rule in rules() {
        assert!(refines(rule) > 20, "{}: hardly any point at which its left side is defined", rule.name);
    }
}

#[test]
fn every_rule_fires_on_its_own_left_side() {
    for rule in rules() {
        let mut graph = rule.graph.clone();
        // Guarded names become different numbers that satisfy the usual guards.
        let mut replacements: std::collections::HashMap<NodeId, NodeId, _> = Default::default();
        if let Some(guard) = rule.guard {
            for (at, name) in names(&graph, guard).into_iter().enumerate() {
                let id = graph.find_variable(&name).unwrap();
                let number = graph.integer(if name == "n" { -2 } else { 2 + at as i64 });
                let access = graph.access(id, &[]);
                replacements.insert(access, number);
            }
        }
        let before = graph.replace(rule.before, &replacements);
        let after = apply_rule(&mut graph, rule, before);
        assert!(after.is_some_and(|a| a != before), "{} does not fire", rule.name);
    }
}

#[test]
fn no_rule_is_shadowed() {
    for (set, at) in sets().into_iter().flat_map(|set| (0..set.len()).map(move |at| (set, at))) {
        let rule = &set[at];
        let mut graph = rule.graph.clone();
        // Those that spell and those that compute are tried one after the other.
        for earlier in set[..at].iter().filter(|r| r.family == rule.family) {
            assert!(
                apply_rule(&mut graph, earlier, rule.before).is_none(),
                "{} already matches what {} is for",
                earlier.name,
                rule.name
            );
        }
    }
}
