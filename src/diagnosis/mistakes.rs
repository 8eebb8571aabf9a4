//! The typical mistakes in a derivative, each as what one who makes it writes down.

use super::intermediate::{Intermediate, depends, derivative, own_derivative};
use crate::differentiate::differentiate;
use crate::function::Function;
use crate::graph::{Domain, Graph, IndexId, Interval, Map, NodeId, Op, VariableId};
use crate::number::Number;
use crate::proof::text_of;

/// Two expressions that are equal if the mistake was made, and a sentence that names it.
#[derive(Clone, Debug)]
pub(super) struct Mistake {
    /// Made of the user's formula.
    pub mine: NodeId,
    /// Made of the true derivative or of the loss.
    pub expected: NodeId,
    /// What is wrong.
    pub sentence: String,
}

/// What is known of the derivative in question.
pub(super) struct Question<'a> {
    pub root: NodeId,
    pub variable: VariableId,
    /// The indices that are free in the two formulas.
    pub indices: &'a [IndexId],
    /// The user's formula.
    pub mine: NodeId,
    /// The simplified derivative.
    pub truth: NodeId,
    /// The order of the derivative.
    pub order: u8,
    pub steps: &'a [Intermediate],
}

/// Parts of a formula that are changed one at a time.
const PART_LIMIT: usize = 40;

/// All mistakes that can be tried, the most telling first.
pub(super) fn mistakes(graph: &mut Graph, question: &Question<'_>) -> Vec<Mistake> {
    let mut all = Mistakes { graph, question, found: Vec::new() };
    all.other_derivatives();
    all.chain_rule();
    all.swapped_inputs();
    all.labels();
    all.hyperparameters();
    all.constants_for_the_derivative();
    all.parts_of_the_result();
    all.found
}

struct Mistakes<'g, 'q> {
    graph: &'g mut Graph,
    question: &'q Question<'q>,
    found: Vec<Mistake>,
}

impl Mistakes<'_, '_> {
    fn push(&mut self, expected: NodeId, sentence: impl Into<String>) {
        let mine = self.question.mine;
        if expected != self.question.truth {
            self.found.push(Mistake { mine, expected, sentence: sentence.into() });
        }
    }

    fn name(&self) -> String {
        self.graph.variable(self.question.variable).name.clone()
    }

    /// The derivative of `root` with respect to `variable`, in the indices of the question.
    fn derive(&mut self, root: NodeId, variable: VariableId) -> Option<NodeId> {
        let mut node = root;
        let mut map: Vec<(IndexId, NodeId)> = Vec::new();
        let mut rest = self.question.indices.iter();
        for _ in 0..self.question.order {
            let derivative = differentiate(self.graph, node, &[variable]).remove(0);
            for index in derivative.indices {
                // The diagonal has one set of indices for both.
                let new = rest.next().or_else(|| self.question.indices.last())?;
                map.push((index, self.graph.index_value(*new)));
            }
            node = derivative.node;
        }
        Some(self.graph.substitute(node, &map))
    }

    fn other_derivatives(&mut self) {
        let (root, truth, name) = (self.question.root, self.question.truth, self.name());
        self.push(root, format!("this is the loss itself; take its derivative with respect to `{name}`"));
        let negative = self.graph.neg(truth);
        self.push(negative, "the sign is wrong");
        if self.question.order == 2 {
            let own = self.question.indices.len().min(self.graph.variable(self.question.variable).axes.len());
            let gradient = differentiate(self.graph, root, &[self.question.variable]).remove(0);
            let map: Vec<(IndexId, NodeId)> = gradient
                .indices
                .iter()
                .zip(&self.question.indices[..own])
                .map(|(a, b)| (*a, self.graph.index_value(*b)))
                .collect();
            let gradient = self.graph.substitute(gradient.node, &map);
            self.push(gradient, "this is the first derivative; the second is asked for");
            self.diagonal_only();
        } else if self.question.indices.is_empty() {
            let second = differentiate(self.graph, truth, &[self.question.variable]).remove(0).node;
            self.push(second, "this is the second derivative; the first is asked for");
        }
        let axes = self.graph.variable(self.question.variable).axes.clone();
        for id in self.graph.variable_ids() {
            let other = self.graph.variable(id).clone();
            let is_real = !matches!(other.domain, Domain::Set(_) | Domain::Index(_) | Domain::Integer);
            if id == self.question.variable
                || other.axes != axes
                || !is_real
                || !depends(self.graph, root, id)
            {
                continue;
            }
            if let Some(derivative) = self.derive(root, id) {
                self.push(
                    derivative,
                    format!("this is the derivative with respect to `{}`, not `{name}`", other.name),
                );
            }
        }
    }

    /// A Hessian with its diagonal alone: the terms that couple different elements are missing.
    fn diagonal_only(&mut self) {
        let indices = self.question.indices;
        let half = indices.len() / 2;
        if half == 0 || indices.len() % 2 == 1 {
            return;
        }
        let mut map = Vec::with_capacity(half);
        let mut equal = Vec::with_capacity(half);
        for (first, second) in indices[..half].iter().zip(&indices[half..]) {
            let (a, b) = (self.graph.index_value(*first), self.graph.index_value(*second));
            map.push((*second, a));
            equal.push(self.graph.compare(crate::comparison::Comparison::Equal, a, b));
        }
        let diagonal = self.graph.substitute(self.question.truth, &map);
        self.push(diagonal, "this is the diagonal of the Hessian, given for all pairs of elements");
        let all = self.graph.and(&equal);
        let zero = self.graph.integer(0);
        let matrix = self.graph.select(all, diagonal, zero);
        self.push(
            matrix,
            "the Hessian is taken as diagonal: the derivatives with respect to two different elements are missing",
        );
    }

    /// The derivative with respect to a value on the way, a factor of the chain rule twice, a Jacobian without what is
    /// beside its diagonal.
    fn chain_rule(&mut self) {
        if self.question.order != 1 {
            return;
        }
        let (root, truth, name) = (self.question.root, self.question.truth, self.name());
        let steps = self.question.steps.to_vec();
        let mut twice = Vec::new();
        for step in &steps {
            let outer = derivative(self.graph, root, step, self.question.indices);
            let inner = own_derivative(self.graph, step, self.question.variable, self.question.indices);
            let shown = &step.shown;
            if let Some(outer) = outer {
                let factor = match inner {
                    Some(inner) => {
                        let inner = crate::simplify::simplify(self.graph, inner).node;
                        format!(": the factor d{shown}/d{name} = {} is missing", text_of(self.graph, inner))
                    }
                    None => String::new(),
                };
                self.push(
                    outer,
                    format!("this is the derivative with respect to `{shown}`, not `{name}`{factor}"),
                );
                if let Some(inner) = inner {
                    let product = self.graph.mul(&[outer, inner]);
                    self.push(
                        product,
                        format!(
                            "the Jacobian of `{shown}` is taken as diagonal: each element of `{shown}` depends on all of `{name}`"
                        ),
                    );
                }
            }
            if let Some(inner) = inner {
                let product = self.graph.mul(&[truth, inner]);
                twice
                    .push((product, format!("the factor d{shown}/d{name} of the chain rule is there twice")));
                let quotient = self.graph.div(truth, inner);
                twice.push((
                    quotient,
                    format!("the factor d{shown}/d{name} of the chain rule is missing: `{name}` was meant, not `{shown}`"),
                ));
            }
        }
        for (node, sentence) in twice {
            self.push(node, sentence);
        }
    }

    fn swapped_inputs(&mut self) {
        let ids: Vec<VariableId> = self.graph.variable_ids().collect();
        for (at, first) in ids.iter().enumerate() {
            for second in &ids[at + 1..] {
                let (a, b) = (self.graph.variable(*first).clone(), self.graph.variable(*second).clone());
                if a.axes != b.axes || a.is_hyperparameter != b.is_hyperparameter || a.domain != b.domain {
                    continue;
                }
                let swapped = self.swapped(self.question.root, *first, *second);
                if let Some(derivative) = self.derive(swapped, self.question.variable) {
                    self.push(
                        derivative,
                        format!("`{}` and `{}` are exchanged: this is the derivative of the loss with its arguments swapped", a.name, b.name),
                    );
                }
                let swapped = self.swapped(self.question.truth, *first, *second);
                self.push(swapped, format!("`{}` and `{}` are exchanged", a.name, b.name));
            }
        }
    }

    fn swapped(&mut self, node: NodeId, first: VariableId, second: VariableId) -> NodeId {
        let mut replacements: Map<NodeId, NodeId> = Map::default();
        for access in self.graph.reachable(&[node]) {
            let Op::Access(variable) = self.graph.op(access) else { continue };
            let other = if variable == first {
                second
            } else if variable == second {
                first
            } else {
                continue;
            };
            let positions = self.graph.operands(access).to_vec();
            let new = self.graph.access(other, &positions);
            replacements.insert(access, new);
        }
        replace_once(self.graph, node, &replacements)
    }

    /// Labels 0 and 1 where the loss has -1 and 1, or the other way about.
    fn labels(&mut self) {
        for id in self.graph.variable_ids() {
            let variable = self.graph.variable(id).clone();
            let interval = variable.domain.interval();
            let is_signed =
                matches!(variable.domain, Domain::Set(_)) && interval == Interval::closed(-1.0, 1.0);
            let is_unit = interval == Interval::UNIT && variable.domain != Domain::Simplex;
            if id == self.question.variable || !(is_signed || is_unit) {
                continue;
            }
            let mut replacements: Map<NodeId, NodeId> = Map::default();
            for access in self.graph.reachable(&[self.question.mine]) {
                if self.graph.op(access) != Op::Access(id) {
                    continue;
                }
                let half = Number::ratio(1, 2).unwrap_or(Number::ONE);
                let recoded = if is_signed {
                    self.graph.linear(half.clone(), &[(half, access)])
                } else {
                    self.graph.linear(Number::MINUS_ONE, &[(Number::integer(2), access)])
                };
                replacements.insert(access, recoded);
            }
            let mine = replace_once(self.graph, self.question.mine, &replacements);
            let name = &variable.name;
            let (has, meant, recode) = if is_signed {
                ("-1 and 1", "0 and 1", format!("({name} + 1)/2"))
            } else {
                ("0 and 1", "-1 and 1", format!("2*{name} - 1"))
            };
            let sentence = format!(
                "the formula is for labels {meant}, but `{name}` has the labels {has}: write `{recode}` for `{name}` in it"
            );
            if mine != self.question.mine {
                self.found.push(Mistake { mine, expected: self.question.truth, sentence });
            }
        }
    }

    /// A hyperparameter that was forgotten: taken as 0 or 1.
    fn hyperparameters(&mut self) {
        for id in self.graph.variable_ids() {
            let variable = self.graph.variable(id).clone();
            if !variable.is_hyperparameter {
                continue;
            }
            let access = self.graph.access(id, &[]);
            for value in [0, 1] {
                let constant = self.graph.integer(value);
                let replacements: Map<NodeId, NodeId> = [(access, constant)].into_iter().collect();
                let expected = self.graph.replace(self.question.truth, &replacements);
                self.push(
                    expected,
                    format!(
                        "the hyperparameter `{0}` is missing: this is the derivative for {0} = {value}",
                        variable.name
                    ),
                );
            }
        }
    }

    /// A part of the loss taken as a constant: a term of the product or chain rule is missing.
    fn constants_for_the_derivative(&mut self) {
        let (root, variable) = (self.question.root, self.question.variable);
        let parts: Vec<NodeId> = self
            .graph
            .reachable(&[root])
            .into_iter()
            .filter(|n| {
                let is_part = matches!(
                    self.graph.op(*n),
                    Op::Power | Op::Function(_) | Op::Product | Op::Reduce(..) | Op::If
                );
                *n != root && is_part && depends(self.graph, *n, variable)
            })
            .take(PART_LIMIT)
            .collect();
        for part in parts {
            let constant = self.graph.detach(part);
            let replacements: Map<NodeId, NodeId> = [(part, constant)].into_iter().collect();
            let rest = self.graph.replace(root, &replacements);
            if let Some(derivative) = self.derive(rest, variable) {
                let shown = text_of(self.graph, part);
                self.push(
                    derivative,
                    format!("`{shown}` is taken as a constant: the term with its derivative is missing"),
                );
            }
        }
    }

    /// One factor, term, exponent, branch or complement of the result changed.
    fn parts_of_the_result(&mut self) {
        let truth = self.question.truth;
        for part in self.graph.reachable(&[truth]).into_iter().rev().take(PART_LIMIT) {
            let operands = self.graph.operands(part).to_vec();
            let mut changed: Vec<(NodeId, String)> = Vec::new();
            match self.graph.op(part) {
                Op::Product => {
                    for (at, factor) in operands.iter().enumerate() {
                        let others: Vec<NodeId> =
                            operands.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, o)| *o).collect();
                        let shown = text_of(self.graph, *factor);
                        changed.push((self.graph.mul(&others), format!("the factor `{shown}` is missing")));
                    }
                }
                Op::Linear => {
                    let (constant, terms) = self.graph.terms(part);
                    // A multiple of one term is no sum.
                    if terms.len() == 1 && constant.is_zero() {
                        continue;
                    }
                    for (at, (coefficient, term)) in terms.iter().enumerate() {
                        let shown = text_of(self.graph, *term);
                        let mut others = terms.clone();
                        others.remove(at);
                        changed.push((
                            self.graph.linear(constant.clone(), &others),
                            format!("the term with `{shown}` is missing"),
                        ));
                        let mut flipped = others.clone();
                        flipped.push((-coefficient, *term));
                        changed.push((
                            self.graph.linear(constant.clone(), &flipped),
                            format!("the sign of the term with `{shown}` is wrong"),
                        ));
                        let unit = if coefficient.is_negative() { Number::MINUS_ONE } else { Number::ONE };
                        others.push((unit, *term));
                        changed.push((
                            self.graph.linear(constant.clone(), &others),
                            format!("the term with `{shown}` lacks its factor {}", coefficient.abs()),
                        ));
                    }
                    if !constant.is_zero() {
                        changed.push((
                            self.graph.linear(Number::ZERO, &terms),
                            format!("the term `{constant}` is missing beside the others"),
                        ));
                    }
                }
                Op::Power => {
                    let shown = text_of(self.graph, operands[0]);
                    for (more, word) in [(1, "greater"), (-1, "smaller")] {
                        let exponent =
                            self.graph.linear(Number::integer(more), &[(Number::ONE, operands[1])]);
                        let power = self.graph.power(operands[0], exponent);
                        changed.push((
                            power,
                            format!("the exponent of `{shown}` is {word} by 1 than it should be"),
                        ));
                    }
                }
                Op::If => {
                    let shown = text_of_condition(self.graph, operands[0]);
                    changed.push((
                        operands[1],
                        format!("this is right only where {shown}: the other case is missing"),
                    ));
                    changed.push((
                        operands[2],
                        format!("this is right only where not {shown}: that case is missing"),
                    ));
                }
                Op::Function(Function::Max | Function::Min) => {
                    // Within a clamp, both bounds at once.
                    let is_bound = |graph: &Graph, n: NodeId| {
                        matches!(graph.op(n), Op::Function(Function::Max | Function::Min))
                    };
                    let inner = operands.iter().filter(|o| is_bound(self.graph, **o));
                    let deeper: Vec<NodeId> = inner.flat_map(|o| self.graph.operands(*o).to_vec()).collect();
                    let shown = text_of(self.graph, part);
                    for operand in operands.iter().copied().chain(deeper) {
                        changed.push((
                            operand,
                            format!("a bound of `{shown}` is missing: this is right only within it"),
                        ));
                    }
                }
                Op::Function(_) if Interval::UNIT.covers(&self.graph.interval(part)) => {
                    let one = self.graph.integer(1);
                    let shown = text_of(self.graph, part);
                    let complement = self.graph.sub(one, part);
                    changed.push((complement, format!("`{shown}` and `1 - {shown}` are mixed up")));
                }
                _ => {}
            }
            for (new, sentence) in changed {
                let replacements: Map<NodeId, NodeId> = [(part, new)].into_iter().collect();
                let expected = replace_once(self.graph, truth, &replacements);
                self.push(expected, sentence);
            }
        }
    }
}

fn text_of_condition(graph: &mut Graph, condition: NodeId) -> String {
    let bracket = graph.iverson(condition);
    text_of(graph, bracket)
}

/// As [`Graph::replace`], without looking at what comes of it once more: `a` and `b` can be exchanged.
fn replace_once(graph: &mut Graph, node: NodeId, replacements: &Map<NodeId, NodeId>) -> NodeId {
    let mut done: Map<NodeId, NodeId> = Map::default();
    for old in graph.reachable(&[node]) {
        let new = match replacements.get(&old) {
            Some(new) => *new,
            None => {
                let operands: Vec<NodeId> = graph.operands(old).iter().map(|o| done[o]).collect();
                graph.rebuild(old, &operands)
            }
        };
        done.insert(old, new);
    }
    done[&node]
}
