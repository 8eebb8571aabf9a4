//! From nodes to forms.

use super::document::Definition;
use super::form::{Binder, Form};
use super::share::Sharing;
use super::special;
use crate::comparison::Comparison;
use crate::function::Function;
use crate::graph::{Graph, IndexId, Map, NodeId, Op, Reduction};
use std::collections::BTreeSet;

pub(super) struct Converter<'g> {
    pub graph: &'g mut Graph,
    sharing: Sharing,
    /// How bound indices and parameters of definitions are called where that is not their own name.
    names: Map<IndexId, String>,
    /// The definition that is being written: its own value is not replaced by its name.
    current: Option<NodeId>,
}

impl<'g> Converter<'g> {
    pub fn new(graph: &'g mut Graph, sharing: Sharing) -> Self {
        Converter { graph, sharing, names: Map::default(), current: None }
    }

    pub fn root(&mut self, root: NodeId) -> Form {
        self.current = Some(root);
        self.form(root)
    }

    /// The definitions of the names that `body` uses, directly or not, users before what they use.
    pub fn definitions(&mut self, body: &Form) -> Vec<Definition> {
        let mut definitions: Vec<Definition> = Vec::new();
        let all = self.sharing.shared.clone();
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        collect_names(body, &mut wanted);
        // Later ones are built from earlier ones, so from the last to the first each is known to be wanted or not.
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(all[*at].node));
        for at in order {
            let shared = &all[at];
            if !wanted.contains(&shared.name) {
                continue;
            }
            let mut names = Vec::new();
            for index in &shared.indices {
                let name = self.unused_name(*index, &names);
                self.names.insert(*index, name.clone());
                names.push(name);
            }
            self.current = Some(shared.node);
            let value = self.form(shared.node);
            collect_names(&value, &mut wanted);
            definitions.push(Definition { name: shared.name.clone(), indices: names, value });
        }
        definitions
    }

    fn unused_name(&self, index: IndexId, taken: &[String]) -> String {
        let hint = self.graph.index_entry(index).name.clone();
        self.free_name(&hint, |name| taken.iter().any(|t| t == name))
    }

    /// `hint`, or a letter after it, that is not taken.
    fn free_name(&self, hint: &str, is_taken: impl Fn(&str) -> bool) -> String {
        let first = hint.bytes().next().filter(|_| hint.len() == 1 && hint.is_ascii()).unwrap_or(b'i');
        let letters = (first..=b'z').chain(b'i'..first).filter(u8::is_ascii_lowercase);
        let clashes = |name: &str| {
            is_taken(name)
                || (name != hint && self.graph.variables().iter().any(|v| v.name == name))
                || (name != hint && self.sharing.shared.iter().any(|s| s.name == name))
        };
        [hint.to_owned()]
            .into_iter()
            .chain(letters.map(|l| char::from(l).to_string()))
            .chain((2..).map(|n| format!("{hint}{n}")))
            .find(|name| !clashes(name))
            .unwrap_or_else(|| hint.to_owned())
    }

    pub fn index_name(&self, index: IndexId) -> String {
        self.names.get(&index).cloned().unwrap_or_else(|| self.graph.index_entry(index).name.clone())
    }

    pub fn is_occurrence(&self, node: NodeId) -> bool {
        self.current != Some(node) && self.sharing.occurrences.contains_key(&node)
    }

    /// The form of `node`: its name, if it has one, else what it is.
    pub fn form(&mut self, node: NodeId) -> Form {
        if self.current == Some(node) {
            self.current = None;
        } else if let Some((at, arguments)) = self.sharing.occurrences.get(&node).cloned() {
            let name = self.sharing.shared[at].name.clone();
            if arguments.is_empty() {
                return Form::Name(name);
            }
            let indices = arguments.into_iter().map(|a| self.form(a)).collect();
            return Form::Access(name, indices);
        }
        self.spelled_out(node)
    }

    fn spelled_out(&mut self, node: NodeId) -> Form {
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
            Op::Product | Op::Power => self.product(&crate::number::Number::ONE, node),
            Op::Function(function) => self.function(function, node, operands),
            Op::Reduce(reduction, _) => self.reduction(reduction, node),
            Op::If => self.choice(operands[0], operands[1], operands[2]),
            Op::Compare(comparison) => self.comparison(comparison, operands[0], operands[1]),
            Op::Truth(value) => {
                let side = |n| Form::Number(crate::number::Number::integer(n));
                let comparison = if value { Comparison::Equal } else { Comparison::NotEqual };
                Form::Compare(comparison, Box::new([side(0), side(0)]))
            }
            Op::Not => match (self.graph.op(operands[0]), self.graph.operands(operands[0])) {
                (Op::Compare(Comparison::Equal), &[a, b]) => self.comparison(Comparison::NotEqual, a, b),
                _ => Form::Not(Box::new(self.form(operands[0]))),
            },
            Op::And => Form::And(self.in_order(operands)),
            Op::Or => Form::Or(self.in_order(operands)),
            Op::Detach => Form::Call("detach", vec![self.form(operands[0])]),
        }
    }

    fn in_order(&mut self, mut operands: Vec<NodeId>) -> Vec<Form> {
        operands.sort_by_key(|o| (self.graph.look(*o), *o));
        operands.into_iter().map(|o| self.form(o)).collect()
    }

    fn comparison(&mut self, comparison: Comparison, a: NodeId, b: NodeId) -> Form {
        // What varies stands on the left.
        let is_plain = |graph: &Graph, node: NodeId| {
            graph.as_constant(node).is_some()
                || matches!(graph.op(node), Op::Access(v) if graph.variable(v).is_hyperparameter)
        };
        let out_of_order = matches!(comparison, Comparison::Equal | Comparison::NotEqual)
            && !is_plain(self.graph, b)
            && (self.graph.look(b), b) < (self.graph.look(a), a);
        let (comparison, a, b) = if is_plain(self.graph, a) && !is_plain(self.graph, b) || out_of_order {
            (comparison.swapped(), b, a)
        } else {
            (comparison, a, b)
        };
        Form::Compare(comparison, Box::new([self.form(a), self.form(b)]))
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
        Form::If(Box::new([self.form(condition), self.form(then), self.form(otherwise)]))
    }

    fn function(&mut self, function: Function, node: NodeId, operands: Vec<NodeId>) -> Form {
        if let Some((argument, total)) = special::softmax_parts(self.graph, node)
            && let Some(indices) = special::softmax_indices(self.graph, argument, total)
        {
            let binders = indices.iter().map(|i| Binder { name: self.index_name(*i), range: None }).collect();
            let body = Box::new(self.form(argument));
            return Form::Reduction { name: "softmax", binders, filter: None, body };
        }
        if let Some((x, low, high)) = special::clamp_parts(self.graph, node) {
            return Form::Call("clamp", vec![self.form(x), self.form(low), self.form(high)]);
        }
        if function == Function::Xlogy {
            // The product is read as xlogy again where that is what makes it defined.
            let log = self.graph.construct(Op::Function(Function::Log), &[operands[1]]);
            if self.graph.mul(&[operands[0], log]) == node {
                let (weight, log) = (self.form(operands[0]), self.form(log));
                return match weight {
                    Form::Product(mut factors) => {
                        factors.push(log);
                        Form::Product(factors)
                    }
                    weight => Form::Product(vec![weight, log]),
                };
            }
        }
        let mut operands = operands;
        if matches!(function, Function::Max | Function::Min) {
            // Numbers first, as in max(0, x).
            operands.sort_by_key(|o| (self.graph.as_constant(*o).is_none(), self.graph.look(*o), *o));
        }
        Form::Function(function, operands.into_iter().map(|o| self.form(o)).collect())
    }

    fn reduction(&mut self, reduction: Reduction, node: NodeId) -> Form {
        let Op::Reduce(_, list) = self.graph.op(node) else { return Form::Name(String::new()) };
        // By name, so that the order does not show when each index came into being.
        let mut bound = self.graph.bound_indices(list).to_vec();
        bound.sort_by_key(|i| (self.graph.index_entry(*i).name.clone(), *i));
        let operands = self.graph.operands(node).to_vec();
        let before: Vec<Option<String>> = bound.iter().map(|i| self.names.get(i).cloned()).collect();
        // Names that mean something else inside.
        let mut inside: Vec<String> = Vec::new();
        for operand in &operands {
            for free in self.graph.free_indices(*operand).to_vec() {
                if !bound.contains(&free) {
                    inside.push(self.index_name(free));
                }
            }
        }
        for index in &bound {
            let name = self.unused_name(*index, &inside);
            inside.push(name.clone());
            self.names.insert(*index, name);
        }
        let (mut name, mut body, mut filter) = (reduction.name(), operands[0], operands.get(1).copied());
        let (mut negated, mut neutral) = (false, None);
        match reduction {
            Reduction::Sum | Reduction::Norm => neutral = Some(self.graph.integer(0)),
            Reduction::Product => neutral = Some(self.graph.integer(1)),
            _ => {}
        }
        if let (Some(neutral), Op::If, &[condition, then, otherwise]) =
            (neutral, self.graph.op(body), self.graph.operands(body))
        {
            // An `if` with the neutral element in either branch is a filter; [c] is counted.
            if otherwise == neutral {
                (body, filter) = (then, Some(condition));
            } else if then == neutral {
                (body, filter, negated) = (otherwise, Some(condition), true);
            }
        }
        let binders_of = |this: &mut Self, body: NodeId, filter: Option<NodeId>| -> Vec<Binder> {
            let mut binders = Vec::new();
            for index in &bound {
                let range = this.graph.range(*index);
                let told = this.graph.infer_range(body, filter, *index) == Some(range);
                let name = this.index_name(*index);
                // An index that no access mentions is known by the name of its axis only.
                let by_name = this.graph.infer_by_name(body, filter, *index);
                let told = told && by_name.is_none_or(|axis| axis == name);
                let range = (!told).then(|| (this.form(range.low), this.form(range.high)));
                binders.push(Binder { name, range });
            }
            binders
        };
        let condition_form = |this: &mut Self, filter: Option<NodeId>| {
            filter.map(|f| {
                let condition = if negated { this.graph.not(f) } else { f };
                Box::new(this.form(condition))
            })
        };
        let form = if name == "sum" && filter.is_some() && self.graph.is_one(body) {
            name = "count";
            let binders = binders_of(self, body, filter);
            let body = condition_form(self, filter).unwrap_or_else(|| Box::new(Form::Name(String::new())));
            Form::Reduction { name, binders, filter: None, body }
        } else {
            let binders = binders_of(self, body, filter);
            let filter = condition_form(self, filter);
            Form::Reduction { name, binders, filter, body: Box::new(self.form(body)) }
        };
        for (index, name) in bound.into_iter().zip(before) {
            match name {
                Some(name) => self.names.insert(index, name),
                None => self.names.remove(&index),
            };
        }
        form
    }
}

fn collect_names(form: &Form, names: &mut BTreeSet<String>) {
    match form {
        Form::Name(name) => {
            names.insert(name.clone());
        }
        Form::Number(_) => {}
        Form::Access(name, inner) => {
            names.insert(name.clone());
            inner.iter().for_each(|f| collect_names(f, names));
        }
        Form::Sum(terms) => terms.iter().for_each(|(_, t)| collect_names(t, names)),
        Form::Product(all) | Form::Function(_, all) | Form::Call(_, all) | Form::And(all) | Form::Or(all) => {
            all.iter().for_each(|f| collect_names(f, names));
        }
        Form::Quotient(a, b) | Form::Power(a, b) => {
            collect_names(a, names);
            collect_names(b, names);
        }
        Form::Negate(a) | Form::Iverson(a) | Form::Not(a) => collect_names(a, names),
        Form::Reduction { binders, filter, body, .. } => {
            for (low, high) in binders.iter().filter_map(|b| b.range.as_ref()) {
                collect_names(low, names);
                collect_names(high, names);
            }
            filter.iter().for_each(|f| collect_names(f, names));
            collect_names(body, names);
        }
        Form::If(parts) => parts.iter().for_each(|p| collect_names(p, names)),
        Form::Compare(_, sides) => sides.iter().for_each(|s| collect_names(s, names)),
    }
}
