//! Whether two losses are the same: a proof, or a point at which they differ.

mod assumptions;
pub(crate) mod joint;
pub(crate) mod multiple;

use crate::counterexample::{Counterexample, Sampler, Search, json_number};
use crate::diagnostic::Error;
use crate::graph::{Graph, NodeId};
use crate::loss::Loss;
use crate::proof::{Proof, free_of, prove_equal, text_of};
use joint::join;
use serde_json::{Value, json};

pub use crate::proof::Step;
pub use assumptions::Pair;

/// What was found of two losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same function of the inputs and hyperparameters, wherever both are defined and on the values that both
    /// declare: proved.
    Equal,
    /// The first is the second times something that does not depend on the inputs: proved.
    EqualUpToFactor,
    /// The first is the second plus something that does not depend on the inputs: proved.
    EqualUpToConstant,
    /// There is a point at which they differ, or at which only one is defined.
    Different,
    /// Neither a proof nor a difference was found.
    Undecided,
}

impl Verdict {
    /// As JSON has it: `equal_up_to_factor`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Equal => "equal",
            Verdict::EqualUpToFactor => "equal_up_to_factor",
            Verdict::EqualUpToConstant => "equal_up_to_constant",
            Verdict::Different => "different",
            Verdict::Undecided => "undecided",
        }
    }
}

/// A point at which two expressions differ.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The inputs and hyperparameters by name: numbers and nested lists.
    pub inputs: Value,
    /// The same on one line: `p = 0.5, y = 1`.
    pub text: String,
    /// Which element, where the expressions have indices.
    pub element: Vec<usize>,
    /// The value of the first there; `nan` as a text where it is not defined.
    pub first: Value,
    /// The value of the second.
    pub second: Value,
}

impl Difference {
    pub(crate) fn new(found: &Counterexample) -> Self {
        Difference {
            inputs: found.point.to_json(),
            text: found.point.text(),
            element: found.element.clone(),
            first: json_number(found.first),
            second: json_number(found.second),
        }
    }
}

/// The comparison of two losses.
#[derive(Clone, Debug)]
pub struct Equivalence {
    /// What was found.
    pub verdict: Verdict,
    /// With [`Verdict::EqualUpToFactor`], the first over the second, in the language.
    pub factor: Option<String>,
    /// With [`Verdict::EqualUpToConstant`], the first less the second.
    pub constant: Option<String>,
    /// With [`Verdict::Different`], where.
    pub counterexample: Option<Difference>,
    /// The proof.
    pub steps: Vec<Step>,
    /// The declared facts that the proof relies on.
    pub facts: Vec<String>,
    /// Hyperparameters of different names that were taken as one: of the first loss, of the second.
    pub identified: Vec<(String, String)>,
    /// At how many sampled points both have the same value.
    pub agreements: usize,
    /// What a reader must know beside the verdict, a sentence each.
    pub notes: Vec<String>,
}

impl Equivalence {
    /// Stable keys, as scripts read them.
    pub fn to_json(&self) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|s| json!({"rule": s.rule, "before": s.before, "after": s.after}))
            .collect();
        let counterexample = self.counterexample.as_ref().map(|d| {
            let mut value = json!({"inputs": d.inputs, "a": d.first, "b": d.second});
            if !d.element.is_empty() {
                value["element"] = json!(d.element);
            }
            value
        });
        let identified: Vec<String> = self.identified.iter().map(|(a, b)| format!("{a} == {b}")).collect();
        json!({
            "verdict": self.verdict.name(),
            "factor": self.factor,
            "constant": self.constant,
            "counterexample": counterexample,
            "steps": steps,
            "assumes": self.facts,
            "identified": identified,
            "agreements": self.agreements,
            "notes": self.notes,
        })
    }
}

/// Compares two losses. `identified` names hyperparameters of the first and the second that are one.
///
/// A verdict of equality is a proof by rewriting, and no sampled point contradicts it; agreement at points alone is
/// not enough.
///
/// # Errors
/// The inputs do not fit one another: see [`Verdict`].
pub fn equivalence(
    first: &Loss,
    second: &Loss,
    identified: &[(String, String)],
) -> Result<Equivalence, Error> {
    let joint = join([first, second], identified)?;
    let mut graph = joint.graph;
    let [a, b] = joint.roots;
    let mut sampler = Sampler::new(&graph, &joint.also);
    let search = sampler.compare(a, b, &[]);
    let mut result = Equivalence {
        verdict: Verdict::Undecided,
        factor: None,
        constant: None,
        counterexample: None,
        steps: Vec::new(),
        facts: Vec::new(),
        identified: joint.identified,
        agreements: search.agreements,
        notes: Vec::new(),
    };
    note_defaults(first, second, &mut result);
    for name in &joint.narrowed {
        result
            .notes
            .push(format!("`{name}` is declared differently: they are compared where both are declared"));
    }
    note_detached(first, second, &mut result);
    if search.different.is_some() {
        if let Some(proof) = prove_equal(&mut graph, a, b) {
            // One of the two is wrong, and nothing here tells which.
            result.steps = proof.steps;
            result.counterexample = search.different.as_ref().map(Difference::new);
            result
                .notes
                .push("a proof of equality and a point where they differ contradict one another".to_owned());
            return Ok(result);
        }
        related(&mut graph, &mut sampler, [a, b], &search, &mut result);
        return Ok(result);
    }
    let proof = prove_equal(&mut graph, a, b);
    conclude(proof, &search, &mut result);
    Ok(result)
}

/// A verdict where no point contradicts equality.
fn conclude(proof: Option<Proof>, search: &Search, result: &mut Equivalence) {
    if let Some(found) = &search.only_one_defined {
        result.verdict = Verdict::Different;
        result.counterexample = Some(Difference::new(found));
        result.notes.push(match proof {
            Some(_) => "they are equal wherever both are defined, but only one is defined there".to_owned(),
            None => "only one of them is defined there".to_owned(),
        });
        return;
    }
    match proof {
        Some(proof) if search.agreements > 0 => {
            result.verdict = Verdict::Equal;
            result.steps = proof.steps;
            result.facts = proof.facts;
        }
        Some(_) => result.notes.push("no point was found at which both are defined".to_owned()),
        None => result.notes.push(format!(
            "no proof was found, and no difference at {} points in 237 bits",
            search.agreements
        )),
    }
}

/// A verdict on losses that differ at some point: by a constant, by a factor, or altogether.
fn related(
    graph: &mut Graph,
    sampler: &mut Sampler,
    nodes: [NodeId; 2],
    search: &Search,
    result: &mut Equivalence,
) {
    let [a, b] = nodes;
    if search.only_one_defined.is_none() {
        let difference = graph.sub(a, b);
        let constant = multiple::constant(graph, sampler, nodes)
            .or_else(|| free_of(graph, difference, &multiple::is_input));
        if let Some(constant) = constant {
            let shifted = graph.add(&[b, constant]);
            if accept(graph, sampler, [a, shifted], result) {
                result.verdict = Verdict::EqualUpToConstant;
                result.constant = Some(text_of(graph, constant));
                return;
            }
        }
        let quotient = graph.div(a, b);
        let factor = multiple::factor(graph, sampler, nodes, &[])
            .or_else(|| free_of(graph, quotient, &multiple::is_input));
        if let Some(factor) = factor.filter(|f| !graph.is_zero(*f)) {
            let scaled = graph.mul(&[factor, b]);
            if accept(graph, sampler, [a, scaled], result) {
                result.verdict = Verdict::EqualUpToFactor;
                result.factor = Some(text_of(graph, factor));
                return;
            }
            let shown = text_of(graph, factor);
            result
                .notes
                .push(format!("at all sampled points the first is {shown} times the second, not proved"));
        }
    }
    result.verdict = Verdict::Different;
    result.counterexample = search.different.as_ref().map(Difference::new);
}

/// Whether `nodes` are proved equal and no point contradicts that.
fn accept(graph: &mut Graph, sampler: &mut Sampler, nodes: [NodeId; 2], result: &mut Equivalence) -> bool {
    let Some(proof) = prove_equal(graph, nodes[0], nodes[1]) else { return false };
    sampler.set_graph(graph);
    let search = sampler.compare(nodes[0], nodes[1], &[]);
    if search.different.is_some() || search.only_one_defined.is_some() || search.agreements == 0 {
        return false;
    }
    result.steps = proof.steps;
    result.facts = proof.facts;
    result.agreements = search.agreements;
    true
}

/// Two losses of the same value may have different gradients.
fn note_detached(first: &Loss, second: &Loss, result: &mut Equivalence) {
    let has = |loss: &Loss| {
        let graph = loss.graph();
        graph.reachable(&[loss.root()]).into_iter().any(|n| graph.op(n) == crate::graph::Op::Detach)
    };
    if has(first) != has(second) {
        result
            .notes
            .push("one of them has `detach`, so their gradients differ where their values do not".to_owned());
    }
}

/// Losses with different defaults are the same function, but not the same call.
fn note_defaults(first: &Loss, second: &Loss, result: &mut Equivalence) {
    for (a, b) in &result.identified {
        result.notes.push(format!("the hyperparameter `{a}` of the first is `{b}` of the second"));
    }
    for variable in first.graph().variables() {
        let name = &variable.name;
        let other = result.identified.iter().find(|(a, _)| a == name).map_or(name, |(_, b)| b);
        let Some(id) = second.graph().find_variable(other) else { continue };
        if let (Some(a), Some(b)) = (&variable.default, &second.graph().variable(id).default)
            && a != b
        {
            result.notes.push(format!("the default of `{name}` is {a} in the first and {b} in the second"));
        }
    }
}
