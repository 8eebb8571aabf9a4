//! Is a derivative that somebody worked out right, and if not, what is the mistake?

mod intermediate;
mod mistakes;

use crate::counterexample::{Point, Sampler};
use crate::diagnostic::{Diagnostic, Error};
use crate::differentiate::differentiate;
use crate::equivalence::{Difference, Verdict, multiple};
use crate::evaluate::Extended;
use crate::graph::{Domain, Graph, IndexId, Map, NodeId, Op};
use crate::library::Library;
use crate::loss::Loss;
use crate::number::Number;
use crate::points::Style;
use crate::proof::{Step, prove_equal, text_of};
use crate::real::Real;
use crate::simplify::simplify;
use intermediate::intermediates;
use mistakes::{Mistake, Question, mistakes};
use num_traits::Float;
use serde_json::{Value, json};

/// The derivative that is checked.
#[derive(Clone, Debug)]
pub struct DerivativeRequest {
    /// With respect to which input.
    pub wrt: String,
    /// 1 or 2.
    pub order: u8,
    /// Of the second derivative, only the diagonal.
    pub diagonal: bool,
    /// The user's formula, in the scope of the loss.
    pub formula: String,
    /// Declarations that add to those of the loss, as [`Library::loss_with`] takes them.
    pub assumptions: Vec<String>,
    /// Hyperparameters that are replaced by numbers.
    pub settings: Vec<(String, Number)>,
}

/// What was found of a user's derivative.
#[derive(Clone, Debug)]
pub struct DerivativeCheck {
    /// [`Verdict::Equal`], [`Verdict::Different`] or [`Verdict::Undecided`].
    pub verdict: Verdict,
    /// `symbolic` where equality was proved by rewriting, or a mistake was; `numeric` where it rests on points in 237
    /// bits.
    pub proof: &'static str,
    /// Where they differ: `first` is the user's value, `second` the true one.
    pub counterexample: Option<Difference>,
    /// What is wrong, and what to write.
    pub diagnosis: Option<String>,
    /// The derivative, in the language.
    pub derived: String,
    /// The proof of equality.
    pub steps: Vec<Step>,
    /// The declared facts that the proof relies on.
    pub facts: Vec<String>,
    /// At how many points both have the same value.
    pub agreements: usize,
}

impl DerivativeCheck {
    /// Stable keys, as scripts read them.
    pub fn to_json(&self) -> Value {
        let counterexample = self.counterexample.as_ref().map(|d| {
            let mut value = json!({"inputs": d.inputs, "mine": d.first, "true": d.second});
            if !d.element.is_empty() {
                value["element"] = json!(d.element);
            }
            value
        });
        json!({
            "verdict": self.verdict.name(),
            "proof": self.proof,
            "counterexample": counterexample,
            "diagnosis": self.diagnosis,
            "derived": self.derived,
            "assumes": self.facts,
            "agreements": self.agreements,
        })
    }
}

/// So many points make agreement more than chance: what differs anywhere does at the first few.
const ENOUGH_POINTS: usize = 100;

/// In longer formulas no mistake is looked for.
const SIZE_LIMIT: usize = 2000;

/// Points at which a suspected mistake must explain the user's values.
const MISTAKE_POINTS: usize = 8;

/// The least number of values that it must explain.
const MISTAKE_VALUES: usize = 12;

impl Library {
    /// Compares a derivative that a user worked out with the one that is derived.
    ///
    /// The formula may use the inputs and `where` names of `loss`, those of the losses that it calls, names of its own
    /// `where` part, and the indices of the element that the derivative is with respect to, named as `grad` prints
    /// them.
    ///
    /// # Errors
    /// Mistakes in the formula; an input that there is no derivative with respect to.
    pub fn check_derivative(
        &self,
        loss: &Loss,
        request: &DerivativeRequest,
    ) -> Result<DerivativeCheck, Error> {
        let id = loss.differentiable(&request.wrt)?;
        let mut names = index_names(loss, id, request.order);
        if request.diagonal {
            names.truncate(names.len() / 2);
        }
        let scoped = self.within(loss, &request.assumptions, &request.formula, &names)?;
        let scoped = if request.settings.is_empty() { scoped } else { scoped.set(&request.settings)? };
        let mut named = scoped.lowered().named.clone();
        let Some(own) = named.pop() else {
            return Err(loss.error(Diagnostic::new("no-formula", "there is no formula to check")));
        };
        let mut graph = scoped.graph().clone();
        if graph.op(own.node).is_condition() {
            return Err(scoped.error(Diagnostic::new(
                "condition-as-derivative",
                "the derivative is a condition, not a number",
            )));
        }
        let truth = derive(&mut graph, scoped.root(), id, request.order, &own.indices);
        let derived = simplify(&mut graph, truth).node;
        // Now that the derivative is taken, only values count.
        let [truth, simplified, mine] = [truth, derived, own.node].map(|node| attached(&mut graph, node));
        let mut sampler = Sampler::new(&graph, &[]);
        let search = sampler.compare(mine, simplified, &own.indices);
        let mut check = DerivativeCheck {
            verdict: Verdict::Undecided,
            proof: "numeric",
            counterexample: None,
            diagnosis: None,
            derived: text_of(&mut graph, derived),
            steps: Vec::new(),
            facts: Vec::new(),
            agreements: search.agreements,
        };
        if let Some(found) = &search.different {
            check.verdict = Verdict::Different;
            check.counterexample = Some(Difference::new(found));
            let steps = intermediates(&mut graph, scoped.root(), &named, id);
            let question = Question {
                root: scoped.root(),
                variable: id,
                indices: &own.indices,
                mine,
                truth: simplified,
                order: request.order,
                steps: &steps,
            };
            diagnose(&mut graph, &mut sampler, &question, &mut check);
            return Ok(check);
        }
        let not_mine = search.only_one_defined.as_ref().filter(|found| !found.first.is_finite());
        let proof =
            prove_equal(&mut graph, mine, simplified).or_else(|| prove_equal(&mut graph, mine, truth));
        if let Some(found) = not_mine {
            // Where there is no derivative but by convention, a formula that is undefined is not wrong.
            let is_right = (proof.is_some() || search.agreements >= ENOUGH_POINTS)
                && sampler.agrees_where_smooth(mine, simplified, &own.indices);
            let point = Difference::new(found);
            if !is_right {
                check.verdict = Verdict::Different;
                check.diagnosis = Some(format!(
                    "the formula is not defined at a point where the derivative is; write `{}`",
                    check.derived
                ));
                check.counterexample = Some(point);
                return Ok(check);
            }
            check.diagnosis = Some(format!(
                "the formula is not defined at {}, a kink, where the derivative is {} by convention",
                point.text, point.second
            ));
        }
        match proof {
            Some(proof) if search.agreements > 0 => {
                check.verdict = Verdict::Equal;
                check.proof = "symbolic";
                check.steps = proof.steps;
                check.facts = proof.facts;
            }
            _ if search.agreements >= ENOUGH_POINTS => check.verdict = Verdict::Equal,
            _ => {}
        }
        Ok(check)
    }
}

/// `node` without its `detach`.
fn attached(graph: &mut Graph, node: NodeId) -> NodeId {
    let mut replacements: Map<NodeId, NodeId> = Map::default();
    for part in graph.reachable(&[node]) {
        if graph.op(part) == Op::Detach {
            let inner = graph.operands(part)[0];
            let inner = graph.replace(inner, &replacements);
            replacements.insert(part, inner);
        }
    }
    graph.replace(node, &replacements)
}

/// The names of the indices of the derivative and the axes that they run over.
fn index_names(loss: &Loss, id: crate::graph::VariableId, order: u8) -> Vec<(String, String)> {
    let mut graph = loss.graph().clone();
    let mut node = loss.root();
    let mut names = Vec::new();
    for _ in 0..order {
        let derivative = differentiate(&mut graph, node, &[id]).remove(0);
        let axes = &graph.variable(id).axes;
        for (index, axis) in derivative.indices.iter().zip(axes) {
            names.push((graph.index_entry(*index).name.clone(), graph.axis(*axis).name.clone()));
        }
        node = derivative.node;
    }
    names
}

/// The derivative in given indices; with those of one order only, the diagonal.
fn derive(
    graph: &mut Graph,
    root: NodeId,
    id: crate::graph::VariableId,
    order: u8,
    indices: &[IndexId],
) -> NodeId {
    let mut node = root;
    let mut map: Vec<(IndexId, NodeId)> = Vec::new();
    let per = graph.variable(id).axes.len();
    for at in 0..usize::from(order) {
        let derivative = differentiate(graph, node, &[id]).remove(0);
        let start = if indices.len() >= (at + 1) * per { at * per } else { 0 };
        for (own, new) in derivative.indices.iter().zip(&indices[start.min(indices.len())..]) {
            map.push((*own, graph.index_value(*new)));
        }
        node = derivative.node;
    }
    graph.substitute(node, &map)
}

/// Finds the mistake that explains the user's values.
fn diagnose(graph: &mut Graph, sampler: &mut Sampler, question: &Question<'_>, check: &mut DerivativeCheck) {
    let write = format!("; write `{}`", check.derived);
    if sampler.agrees_where_smooth(question.mine, question.truth, question.indices) {
        check.diagnosis =
            Some(format!("it is right except at a kink, where the derivative is a convention{write}"));
        return;
    }
    if graph.reachable(&[question.root, question.truth]).len() > SIZE_LIMIT {
        check.diagnosis = Some(format!("the formula is too long to look for the mistake{write}"));
        return;
    }
    let all = mistakes(graph, question);
    sampler.set_graph(graph);
    let fitting: Vec<&Mistake> = all.iter().filter(|m| explains(sampler, question.indices, m)).collect();
    let first_is_telling = fitting.first().is_some_and(|m| !m.sentence.starts_with("the factor"));
    let constant = if first_is_telling {
        None
    } else {
        multiple::factor(graph, sampler, [question.mine, question.truth], question.indices)
    };
    if let Some(factor) = constant {
        let scaled = graph.mul(&[factor, question.truth]);
        if prove_equal(graph, question.mine, scaled).is_some() {
            check.proof = "symbolic";
        }
        check.diagnosis = Some(format!("{}{write}", of_factor(graph, factor)));
        return;
    }
    if let Some(mistake) = fitting.first() {
        if prove_equal(graph, mistake.mine, mistake.expected).is_some() {
            check.proof = "symbolic";
        }
        check.diagnosis = Some(format!("{}{write}", mistake.sentence));
        return;
    }
    check.diagnosis = Some(match right_cases(graph, sampler, question, &all) {
        Some(sentence) => format!("{sentence}{write}"),
        None => format!("none of the typical mistakes explains it{write}"),
    });
}

/// In words, what it means that the user's formula is `factor` times the derivative.
fn of_factor(graph: &mut Graph, factor: NodeId) -> String {
    let shown = text_of(graph, factor);
    let parts: Vec<NodeId> = graph.reachable(&[factor]);
    let has_size = parts.iter().any(|n| matches!(graph.op(*n), Op::Size(_)));
    let inverse = graph.powi(factor, -1);
    let missing = text_of(graph, inverse);
    if has_size {
        return format!("the factor `{missing}` is missing: the mean divides by the number of elements");
    }
    match graph.as_constant(factor) {
        Some(number) if *number == Number::MINUS_ONE => "the sign is wrong".to_owned(),
        Some(number) if number.abs() < Number::ONE => format!("the factor {missing} is missing"),
        Some(_) => format!("the factor {shown} is too much"),
        None => format!("it is {shown} times the derivative: the factor `{missing}` is missing"),
    }
}

/// Whether a mistake gives the user's values, at enough points.
fn explains(sampler: &Sampler, indices: &[IndexId], mistake: &Mistake) -> bool {
    let roots = [mistake.mine, mistake.expected];
    let mut explained = 0;
    for round in [0, 1, 4, 5, 6] {
        let points = sampler.round(&roots, round);
        let some: Vec<&Point> = points
            .iter()
            .filter(|(style, _)| matches!(style, Style::Simple | Style::Ordinary))
            .map(|(_, point)| point)
            .take(MISTAKE_POINTS)
            .collect();
        if some.is_empty() {
            continue;
        }
        for values in sampler.values(&roots, indices, &some) {
            let [a, b] = values.as_slice() else { return false };
            for (x, y) in a.iter().zip(b) {
                match (x.is_finite(), y.is_finite()) {
                    (true, true) => {
                        let size = x.abs().max(y.abs());
                        if (*x - *y).abs()
                            > Extended::from_double(1e-30) * size + Extended::from_double(1e-50)
                        {
                            return false;
                        }
                        explained += 1;
                    }
                    (false, false) => {}
                    _ => return false,
                }
            }
        }
    }
    explained >= MISTAKE_VALUES
}

/// For which values of a label the formula is right, or has one mistake, if not for all.
fn right_cases(
    graph: &mut Graph,
    sampler: &mut Sampler,
    question: &Question<'_>,
    all: &[Mistake],
) -> Option<String> {
    for id in graph.variable_ids() {
        let variable = graph.variable(id).clone();
        let Domain::Set(values) = &variable.domain else { continue };
        let mut right = Vec::new();
        let mut wrong = Vec::new();
        let mut explained = None;
        for value in values {
            let shown = format!("{} = {value}", variable.name);
            let own = Mistake { mine: question.mine, expected: question.truth, sentence: String::new() };
            let own = in_case(graph, sampler, &own, id, value);
            if explains(sampler, question.indices, &own) {
                right.push(shown);
                continue;
            }
            for mistake in all {
                let case = in_case(graph, sampler, mistake, id, value);
                if explained.is_none()
                    && case.expected != case.mine
                    && explains(sampler, question.indices, &case)
                {
                    explained = Some((shown.clone(), mistake.sentence.clone()));
                }
            }
            wrong.push(shown);
        }
        let known = explained.map(|(case, sentence)| format!("for {case}, {sentence}"));
        match (right.is_empty(), known) {
            (false, _) if wrong.is_empty() => {}
            (false, Some(known)) => return Some(format!("it is right for {}; {known}", right.join(", "))),
            (false, None) => {
                return Some(format!(
                    "it is right for {} and wrong for {}",
                    right.join(", "),
                    wrong.join(", ")
                ));
            }
            (true, Some(known)) => return Some(format!("{known}; the other cases are missing")),
            (true, None) => {}
        }
    }
    None
}

/// A mistake where a label has one value.
fn in_case(
    graph: &mut Graph,
    sampler: &mut Sampler,
    mistake: &Mistake,
    id: crate::graph::VariableId,
    value: &Number,
) -> Mistake {
    let constant = graph.constant(value.clone());
    let mut replacements: Map<NodeId, NodeId> = Map::default();
    for node in graph.reachable(&[mistake.mine, mistake.expected]) {
        if graph.op(node) == Op::Access(id) {
            replacements.insert(node, constant);
        }
    }
    let mine = graph.replace(mistake.mine, &replacements);
    let expected = graph.replace(mistake.expected, &replacements);
    sampler.set_graph(graph);
    Mistake { mine, expected, sentence: mistake.sentence.clone() }
}
