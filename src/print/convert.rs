//! From nodes to forms.

use super::form::Form;
use super::order::Order;
use super::reduction::Enclosing;
use super::special;
use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Graph, IndexId, Map, NodeId, Op};
use crate::number::Number;
use std::collections::BTreeSet;

/// Marks the name of a node that is not spelled out while uses are counted; no name of the language has it.
const REFERENCE: char = '\u{1}';

/// A name and the values of its index parameters.
#[derive(Clone, Debug)]
pub(super) struct Occurrence {
    pub name: String,
    pub arguments: Vec<NodeId>,
}

/// How nodes become forms.
pub(super) enum Mode {
    /// One operation at a time: operands are references. This shows what the printed form of a node uses.
    Local,
    /// In full, but for the nodes that go by a name.
    Named(Map<NodeId, Occurrence>),
}

pub(super) struct Converter<'g> {
    pub graph: &'g mut Graph,
    pub order: Order,
    pub mode: Mode,
    /// The names of all definitions: indices are called otherwise.
    pub definition_names: BTreeSet<String>,
    /// How bound indices and parameters of definitions are called where that is not their own name.
    pub names: Map<IndexId, String>,
    /// The indices bound around the current place, the innermost last.
    pub enclosing: Vec<Enclosing>,
    /// What a name is being defined as: its definition cannot use the name.
    pub defined: Option<NodeId>,
}

impl<'g> Converter<'g> {
    pub fn new(graph: &'g mut Graph) -> Self {
        Converter {
            graph,
            order: Order::default(),
            mode: Mode::Local,
            definition_names: BTreeSet::new(),
            names: Map::default(),
            enclosing: Vec::new(),
            defined: None,
        }
    }

    /// The node's own form with references for its operands, and those.
    pub fn local(&mut self, node: NodeId) -> (Form, Vec<NodeId>) {
        let form = self.spelled_out(node);
        let mut found = Vec::new();
        form.visit_names(&mut |name| {
            if let Some(id) = name.strip_prefix(REFERENCE).and_then(|id| id.parse().ok()) {
                found.push(NodeId(id));
            }
        });
        (form, found)
    }

    /// Whether `node` goes by a name of a definition.
    pub fn has_name(&self, node: NodeId) -> bool {
        matches!(&self.mode, Mode::Named(occurrences) if occurrences.contains_key(&node))
    }

    /// Whether the form of `node` is what it is, and neither its name nor a reference.
    pub fn is_spelled_out(&self, node: NodeId) -> bool {
        match &self.mode {
            Mode::Local => is_inline(self.graph, node),
            Mode::Named(occurrences) => !occurrences.contains_key(&node),
        }
    }

    pub fn index_name(&self, index: IndexId) -> String {
        self.names.get(&index).cloned().unwrap_or_else(|| self.graph.index_entry(index).name.clone())
    }

    /// The form of `node`: its name, if it has one, else what it is.
    pub fn form(&mut self, node: NodeId) -> Form {
        match &self.mode {
            Mode::Local if !is_inline(self.graph, node) => Form::Name(format!("{REFERENCE}{}", node.0)),
            Mode::Local => self.spelled_out(node),
            Mode::Named(occurrences) => match occurrences.get(&node).cloned() {
                None => self.spelled_out(node),
                Some(Occurrence { name, arguments }) if arguments.is_empty() => Form::Name(name),
                Some(Occurrence { name, arguments }) => {
                    Form::Access(name, arguments.into_iter().map(|a| self.form(a)).collect())
                }
            },
        }
    }

    pub fn spelled_out(&mut self, node: NodeId) -> Form {
        let operands = self.graph.operands(node).to_vec();
        match self.graph.op(node) {
            Op::Constant(id) => {
                let value = self.graph.number(id).clone();
                if value.is_negative() {
                    Form::Negate(Box::new(Form::Number(-&value)))
                } else {
                    Form::Number(value)
                }
            }
            Op::Pi => Form::Name("pi".to_owned()),
            Op::Access(variable) => {
                let name = self.graph.variable(variable).name.clone();
                if operands.is_empty() {
                    return Form::Name(name);
                }
                // A tensor at the indices of its axes is written bare where the names are the axes' own.
                let axes = self.graph.variable(variable).axes.clone();
                let is_bare =
                    operands.iter().zip(&axes).all(|(position, axis)| match self.graph.op(*position) {
                        Op::Index(index) => self.index_name(index) == self.graph.axis(*axis).name,
                        _ => false,
                    });
                if is_bare {
                    return Form::Name(name);
                }
                Form::Access(name, operands.into_iter().map(|o| self.form(o)).collect())
            }
            Op::Index(index) => Form::Name(self.index_name(index)),
            Op::Size(axis) => {
                let axis = self.graph.axis(axis).name.clone();
                Form::Access("size".to_owned(), vec![Form::Name(axis)])
            }
            Op::Linear => self.sum(node),
            Op::Product | Op::Power => self.spelled_fraction(node).times(&Number::ONE),
            Op::Function(function) => self.function(function, node, operands),
            Op::Reduce(reduction, _) => {
                let (negative, form) = self.reduction(reduction, node);
                if negative { form.negated() } else { form }
            }
            Op::If => match self.normalized(node) {
                Some(form) => form,
                None => self.choice(operands[0], operands[1], operands[2]),
            },
            Op::Compare(comparison) => self.comparison(comparison, operands[0], operands[1]),
            Op::Truth(value) => {
                let side = |n| Form::Number(Number::integer(n));
                let comparison = if value { Comparison::Equal } else { Comparison::NotEqual };
                Form::Compare(comparison, Box::new([side(0), side(0)]))
            }
            Op::Not => match (self.graph.op(operands[0]), self.graph.operands(operands[0])) {
                (Op::Compare(Comparison::Equal), &[a, b]) => self.comparison(Comparison::NotEqual, a, b),
                _ => Form::Not(Box::new(self.form(operands[0]))),
            },
            Op::And => Form::And(self.conditions(operands)),
            Op::Or => Form::Or(self.conditions(operands)),
            Op::Detach => Form::Call("detach", vec![self.form(operands[0])]),
            // Made for evaluation, which prints nothing.
            Op::Element(_) => self.form(operands[0]),
        }
    }

    fn conditions(&mut self, mut operands: Vec<NodeId>) -> Vec<Form> {
        operands.sort_by_cached_key(|o| {
            let rank = self.order.rank(self.graph, *o);
            (rank.first, rank.digest)
        });
        operands.into_iter().map(|o| self.form(o)).collect()
    }

    fn comparison(&mut self, comparison: Comparison, a: NodeId, b: NodeId) -> Form {
        // What varies stands on the left: `c == t`, `x > 0`, `r <= delta`.
        let swapped = if comparison == Comparison::Equal || comparison == Comparison::NotEqual {
            self.side(a) > self.side(b)
        } else {
            self.side(a).0 > self.side(b).0
        };
        let (comparison, a, b) = if swapped { (comparison.swapped(), b, a) } else { (comparison, a, b) };
        Form::Compare(comparison, Box::new([self.form(a), self.form(b)]))
    }

    /// How far to the right in a comparison: what is bound or free, what varies, what is fixed, numbers.
    fn side(&mut self, node: NodeId) -> (u8, u8, String, u32, u64) {
        let rank = self.order.rank(self.graph, node);
        let (fixed, kind, name) = match self.graph.op(node) {
            Op::Constant(_) => (1, 3, String::new()),
            _ if rank.is_fixed => (1, 2, String::new()),
            Op::Index(index) => (0, 0, self.index_name(index)),
            _ => (0, 1, String::new()),
        };
        (fixed, kind, name, rank.first, rank.digest)
    }

    /// `rest*normalize[k](e)`, if the choice is one.
    fn normalized(&mut self, node: NodeId) -> Option<Form> {
        let parts = special::normalized_parts(self.graph, node)?;
        let unit = self.softmax_form("normalize", parts.argument, &parts.indices)?;
        let product = match self.form(parts.rest) {
            rest if rest == Form::Number(Number::ONE) => unit,
            rest => rest.multiplied(unit),
        };
        if parts.conditions.is_empty() {
            return Some(product);
        }
        let condition = self.graph.and(&parts.conditions);
        Some(Form::If(Box::new([self.form(condition), product, Form::Number(Number::ZERO)])))
    }

    fn choice(&mut self, condition: NodeId, then: NodeId, otherwise: NodeId) -> Form {
        if self.graph.is_zero(otherwise) && self.graph.is_one(then) {
            return Form::Iverson(Box::new(self.form(condition)));
        }
        // `if a != b then x else y` reads better the other way round, unless the second is just 0.
        let (condition, then, otherwise) = match (self.graph.op(condition), self.graph.operands(condition)) {
            (Op::Not, &[inner]) if !self.graph.is_zero(otherwise) => (inner, otherwise, then),
            _ => (condition, then, otherwise),
        };
        let (condition, then) = (self.form(condition), self.form(then));
        if self.graph.is_zero(otherwise) {
            // `[c]/n` for `if c then 1/n else 0`, which is the same.
            match then {
                Form::Quotient(above, below) if *above == Form::Number(Number::ONE) => {
                    return Form::Quotient(Box::new(Form::Iverson(Box::new(condition))), below);
                }
                then => return Form::If(Box::new([condition, then, self.form(otherwise)])),
            }
        }
        Form::If(Box::new([condition, then, self.form(otherwise)]))
    }

    fn function(&mut self, function: Function, node: NodeId, operands: Vec<NodeId>) -> Form {
        if let Some((argument, indices)) = special::softmax_parts(self.graph, node)
            && let Some(form) = self.softmax_form("softmax", argument, &indices)
        {
            return form;
        }
        if let Some((x, low, high)) = special::clamp_parts(self.graph, &mut self.order, node) {
            return Form::Call("clamp", vec![self.form(x), self.form(low), self.form(high)]);
        }
        if function == Function::Xlogy {
            // The product is read as xlogy again where that is what makes it defined.
            let log = self.graph.construct(Op::Function(Function::Log), &[operands[1]]);
            if self.graph.mul(&[operands[0], log]) == node {
                let (weight, log) = (self.form(operands[0]), self.form(log));
                let mut factors = match weight {
                    // `y*w*log(p)`, if that is read as the same.
                    Form::Product(factors) => factors,
                    weight => vec![weight],
                };
                factors.push(log);
                return Form::Product(factors);
            }
        }
        let mut operands = operands;
        if matches!(function, Function::Max | Function::Min) {
            // Numbers first, as in max(0, x).
            operands.sort_by_cached_key(|o| {
                let rank = self.order.rank(self.graph, *o);
                (self.graph.as_constant(*o).is_none(), rank.is_fixed, rank.first, rank.digest)
            });
        }
        Form::Function(function, operands.into_iter().map(|o| self.form(o)).collect())
    }
}

/// Names, numbers and accesses, and what is no more than a sign, a number or a fraction bar around one operand.
pub(super) fn is_inline(graph: &Graph, node: NodeId) -> bool {
    let operands = graph.operands(node);
    let is_simple = |node: &NodeId| {
        graph.is_position(*node) && graph.operands(*node).iter().all(|o| graph.operands(*o).len() < 3)
            || matches!(graph.op(*node), Op::Access(_))
                && graph
                    .operands(*node)
                    .iter()
                    .all(|o| matches!(graph.op(*o), Op::Index(_) | Op::Constant(_)))
    };
    match graph.op(node) {
        Op::Constant(_) | Op::Pi | Op::Index(_) | Op::Size(_) | Op::Truth(_) => true,
        // Positions within positions could nest without end.
        Op::Access(_) => operands.iter().all(is_simple),
        Op::Linear => (operands.len() == 3 && graph.is_zero(operands[0])) || is_simple(&node),
        Op::Power => graph.as_constant(operands[1]).is_some_and(Number::is_negative),
        _ => false,
    }
}
