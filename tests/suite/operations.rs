//! Counts the operations of printed formulas, in the same way whoever printed them.

use lossform::source::Sources;
use lossform::syntax::parse_formula;
use lossform::syntax::tree::{Binding, Call, Expression, ExpressionKind, Factor, Term};
use std::collections::{BTreeMap, HashMap};

/// A formula's parts, equal ones being one: what several formulas have in common is counted once.
///
/// Every `+ - * / ^`, unary minus, comparison, function call, reduction and `if` is an operation; names, numbers,
/// brackets of indices, `and`, `or` and `not` are none. Sums and products are equal whatever the order of their
/// operands.
#[derive(Default)]
pub struct Operations {
    parts: HashMap<Part, usize>,
    own: Vec<usize>,
    written: usize,
}

#[derive(PartialEq, Eq, Hash)]
struct Part {
    what: String,
    operands: Vec<usize>,
}

/// What the names of a `where` part stand for: those without indices.
type Definitions = BTreeMap<String, usize>;

impl Operations {
    /// All that have been counted.
    pub fn count(&self) -> usize {
        self.own.iter().sum()
    }

    /// All that are written, so that only what has a name counts once.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Adds the operations of a formula with its `where` part.
    #[track_caller]
    pub fn add(&mut self, text: &str) {
        let source = Sources::default().add("<formula>", text);
        let loss = parse_formula(text, source).unwrap_or_else(|errors| panic!("{text}\n{errors:?}"));
        let mut definitions = Definitions::new();
        // A definition may use the names of others in any order.
        let mut left: Vec<&Binding> = loss.bindings.iter().collect();
        while !left.is_empty() {
            let names: Vec<String> = left.iter().map(|b| b.name.text.clone()).collect();
            let ready =
                |b: &&Binding| !names.iter().any(|name| *name != b.name.text && mentions(&b.value, name));
            let at = left.iter().position(ready).unwrap_or_else(|| panic!("a circle of names in {text}"));
            let binding = left.remove(at);
            let part = self.expression(&binding.value, &definitions);
            if binding.indices.is_empty() {
                definitions.insert(binding.name.text.clone(), part);
            }
        }
        self.expression(&loss.body, &definitions);
    }

    fn part(&mut self, what: impl Into<String>, operands: Vec<usize>, own: usize) -> usize {
        self.written += own;
        let next = self.own.len();
        let part = *self.parts.entry(Part { what: what.into(), operands }).or_insert(next);
        if part == next {
            self.own.push(own);
        } else {
            self.own[part] = self.own[part].min(own);
        }
        part
    }

    fn all<'e>(
        &mut self,
        expressions: impl IntoIterator<Item = &'e Expression>,
        definitions: &Definitions,
    ) -> Vec<usize> {
        expressions.into_iter().map(|e| self.expression(e, definitions)).collect()
    }

    fn expression(&mut self, expression: &Expression, definitions: &Definitions) -> usize {
        match &expression.kind {
            ExpressionKind::Number(number) => self.part(number.to_string(), vec![], 0),
            ExpressionKind::Name(name) => match definitions.get(&name.text) {
                Some(part) => *part,
                None => self.part(name.text.as_str(), vec![], 0),
            },
            ExpressionKind::Access { .. } => {
                self.part(lossform::syntax::print_expression(expression), vec![], 0)
            }
            ExpressionKind::Call(call) => {
                let Call { function, indices, filter, arguments, hyperparameters } = &**call;
                let binders: Vec<String> = indices
                    .iter()
                    .map(|binder| match binder.range.as_deref() {
                        None => binder.name.text.clone(),
                        Some((low, high)) => {
                            let print = lossform::syntax::print_expression;
                            format!("{} in {}..{}", binder.name.text, print(low), print(high))
                        }
                    })
                    .collect();
                let mut operands = self.all(arguments, definitions);
                operands.extend(self.all(hyperparameters.iter().map(|(_, value)| value), definitions));
                operands.extend(self.all(filter.as_deref(), definitions));
                self.part(format!("{}[{}]", function.text, binders.join(",")), operands, 1)
            }
            ExpressionKind::Sum(terms) => self.sum(terms, definitions),
            ExpressionKind::Product(factors) => self.product(factors, definitions),
            ExpressionKind::Power(base, exponent) => {
                let operands = self.all([&**base, &**exponent], definitions);
                self.part("^", operands, 1)
            }
            ExpressionKind::Absolute(inner) => {
                let operands = self.all([&**inner], definitions);
                self.part("abs[]", operands, 1)
            }
            // The comparison in the bracket is the operation.
            ExpressionKind::Iverson(inner) => self.expression(inner, definitions),
            ExpressionKind::If(parts) => {
                let operands = self.all(parts.iter(), definitions);
                self.part("if", operands, 1)
            }
            ExpressionKind::Compare(comparison, sides) => {
                let operands = self.all(sides.iter(), definitions);
                self.part(comparison.symbol(), operands, 1)
            }
            ExpressionKind::Not(inner) => {
                let operands = self.all([&**inner], definitions);
                self.part("not", operands, 0)
            }
            ExpressionKind::And(all) => {
                let operands = self.all(all, definitions);
                self.part("and", operands, 0)
            }
            ExpressionKind::Or(all) => {
                let operands = self.all(all, definitions);
                self.part("or", operands, 0)
            }
            ExpressionKind::Missing => panic!("a formula with a gap"),
        }
    }

    fn sum(&mut self, terms: &[Term], definitions: &Definitions) -> usize {
        let mut parts: Vec<(usize, bool)> =
            terms.iter().map(|t| (self.expression(&t.operand, definitions), t.negative)).collect();
        parts.sort_unstable();
        let signs: String = parts.iter().map(|(_, negative)| if *negative { '-' } else { '+' }).collect();
        let operands = parts.into_iter().map(|(part, _)| part).collect();
        self.part(format!("sum {signs}"), operands, terms.len() - 1 + usize::from(terms[0].negative))
    }

    fn product(&mut self, factors: &[Factor], definitions: &Definitions) -> usize {
        let mut parts: Vec<(bool, usize)> =
            factors.iter().map(|f| (f.divide, self.expression(&f.operand, definitions))).collect();
        parts.sort_unstable();
        let below = parts.iter().filter(|(divide, _)| *divide).count();
        let operands = parts.into_iter().map(|(_, part)| part).collect();
        self.part(format!("product, {below} below"), operands, factors.len() - 1)
    }
}

/// Whether a name is used in an expression, as the text of it tells.
fn mentions(expression: &Expression, name: &str) -> bool {
    let text = lossform::syntax::print_expression(expression);
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
}

#[test]
fn operations_are_counted_as_a_reader_does() {
    for (text, count) in [
        ("p", 0),
        ("0.25", 0),
        ("-x", 1),
        ("exp(-z)", 2),
        ("a + b - c", 2),
        ("-a - b", 2),
        ("(p - y)/(p*(1 - p))", 4),
        ("[c == t]", 1),
        ("clamp(x - y, -delta, delta)", 3),
        ("softmax[c](z) - y", 2),
        ("if y*f < margin then -y else 0", 4),
        ("x[i+1] - x[i]", 1),
        ("sum[i,j : i != j](x[i]*x[j])", 3),
        // A part that occurs twice is counted once, with a name or without.
        ("(a + b)^2 + 1/(b + a)", 4),
        ("s^2 + 1/s where s = a + b", 4),
        ("u*v where u = v^2, v = a + b", 3),
        // One with indices as well, wherever it is taken.
        ("p[t]*p[c] where p[c] = softmax[c](z)", 2),
    ] {
        let mut operations = Operations::default();
        operations.add(text);
        assert_eq!(operations.count(), count, "{text}");
    }
    let mut together = Operations::default();
    together.add("exp(z)/s where s = exp(z) + exp(x)");
    together.add("exp(x)/s where s = exp(x) + exp(z)");
    assert_eq!((together.count(), together.written()), (5, 10));
}
