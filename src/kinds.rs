//! Logits, probabilities and log-probabilities told apart.
//!
//! What a value means is declared by domains (`logit`, `prob`, `logprob`, `simplex`, intervals within `[0,1]`) and
//! inferred through the functions that turn one into another. A function or loss that is given the wrong one computes
//! something, but not what was meant: those places are reported, each with what to write.

use crate::diagnostic::Diagnostic;
use crate::graph::Interval;
use crate::lower::Definitions;
use crate::source::Span;
use crate::syntax::tree::{self, Domain, Expression, ExpressionKind};
use std::collections::BTreeMap;

/// What a value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A score on the scale of log-odds.
    Logit,
    /// A probability, or an element of a simplex.
    Probability,
    /// The logarithm of a probability.
    LogProbability,
    /// Nothing of this is known.
    Unknown,
}

impl Kind {
    fn article(self) -> &'static str {
        match self {
            Kind::Logit => "a logit",
            Kind::Probability => "a probability",
            Kind::LogProbability => "a log-probability",
            Kind::Unknown => "a number",
        }
    }
}

/// Definitions within definitions are followed to this depth.
const CALL_LIMIT: usize = 16;

/// The places in `loss` where a logit, probability or log-probability stands in the place of another.
///
/// `assumptions` add to what the signature declares.
pub(crate) fn misuses(
    definitions: &Definitions,
    loss: &tree::Loss,
    assumptions: &[tree::Parameter],
) -> Vec<Diagnostic> {
    let mut scope = BTreeMap::new();
    if let Some(signature) = &loss.signature {
        for parameter in signature.inputs.iter().chain(&signature.hyperparameters) {
            scope.insert(parameter.name.text.clone(), of_parameter(parameter));
        }
    }
    for assumption in assumptions {
        scope.insert(assumption.name.text.clone(), of_parameter(assumption));
    }
    let mut reader = Reader { definitions, found: Vec::new(), depth: 0 };
    reader.definition(scope, &loss.bindings, &loss.body);
    reader.found
}

/// What a declaration says.
fn of_parameter(parameter: &tree::Parameter) -> Kind {
    match &parameter.domain {
        Some((domain, _)) => of_domain(domain),
        None => Kind::Unknown,
    }
}

fn of_domain(domain: &Domain) -> Kind {
    match domain {
        Domain::Logit => Kind::Logit,
        Domain::Prob | Domain::Simplex => Kind::Probability,
        Domain::LogProb => Kind::LogProbability,
        Domain::Interval(low, high) => {
            let end = |e: &tree::Endpoint, infinite: f64| e.value.as_ref().map_or(infinite, |v| v.to_f64());
            let interval = Interval::closed(end(low, f64::NEG_INFINITY), end(high, f64::INFINITY));
            if Interval::UNIT.covers(&interval) {
                Kind::Probability
            } else if interval.high == 0.0 && interval.low == f64::NEG_INFINITY {
                Kind::LogProbability
            } else {
                Kind::Unknown
            }
        }
        _ => Kind::Unknown,
    }
}

struct Reader<'d> {
    definitions: &'d Definitions,
    found: Vec<Diagnostic>,
    depth: usize,
}

/// The names of a definition; a binding is read at its first use.
struct Names<'t> {
    kinds: BTreeMap<String, Kind>,
    bindings: &'t [tree::Binding],
}

impl Reader<'_> {
    fn definition(
        &mut self,
        kinds: BTreeMap<String, Kind>,
        bindings: &[tree::Binding],
        body: &Expression,
    ) -> Kind {
        let mut names = Names { kinds, bindings };
        let kind = self.kind(body, &mut names);
        // What is defined and not used is read as well.
        for binding in bindings {
            self.binding(&binding.name.text, &mut names);
        }
        kind
    }

    fn binding(&mut self, name: &str, names: &mut Names<'_>) -> Kind {
        if let Some(kind) = names.kinds.get(name) {
            return *kind;
        }
        let bindings = names.bindings;
        let Some(binding) = bindings.iter().find(|b| b.name.text == name) else { return Kind::Unknown };
        // One that is defined by way of itself is an error elsewhere; here it must only end.
        names.kinds.insert(name.to_owned(), Kind::Unknown);
        let kind = self.kind(&binding.value, names);
        names.kinds.insert(name.to_owned(), kind);
        kind
    }

    fn kind(&mut self, expression: &Expression, names: &mut Names<'_>) -> Kind {
        stacker::maybe_grow(64 * 1024, 2 * 1024 * 1024, || self.kind_here(expression, names))
    }

    fn kind_here(&mut self, expression: &Expression, names: &mut Names<'_>) -> Kind {
        match &expression.kind {
            ExpressionKind::Name(name) => self.binding(&name.text, names),
            ExpressionKind::Access { name, indices } => {
                for index in indices {
                    self.kind(index, names);
                }
                self.binding(&name.text, names)
            }
            ExpressionKind::Call(call) => {
                let tree::Call { function, filter, arguments, hyperparameters, .. } = &**call;
                if let Some(filter) = filter {
                    self.kind(filter, names);
                }
                let kinds: Vec<Kind> = arguments.iter().map(|a| self.kind(a, names)).collect();
                for (_, value) in hyperparameters {
                    self.kind(value, names);
                }
                self.call(&function.text, arguments, &kinds, expression.span)
            }
            ExpressionKind::Sum(terms) => self.sum(terms, names),
            ExpressionKind::Product(factors) => {
                let kinds: Vec<Kind> = factors.iter().map(|f| self.kind(&f.operand, names)).collect();
                let all = |kind: Kind| kinds.iter().all(|k| *k == kind);
                let is_number = |e: &Expression| matches!(e.kind, ExpressionKind::Number(_));
                if all(Kind::Probability) && factors.iter().all(|f| !f.divide) {
                    return Kind::Probability;
                }
                // A temperature: a logit times or by a number, or by something of no kind.
                match (factors.as_slice(), kinds.as_slice()) {
                    ([a, b], [Kind::Logit, Kind::Unknown])
                        if b.divide || is_number(&b.operand) && !a.divide =>
                    {
                        Kind::Logit
                    }
                    ([a, _], [Kind::Unknown, Kind::Logit]) if is_number(&a.operand) => Kind::Logit,
                    _ => Kind::Unknown,
                }
            }
            ExpressionKind::Power(base, exponent) => {
                let base = self.kind(base, names);
                self.kind(exponent, names);
                if base == Kind::Probability { Kind::Unknown } else { base }
            }
            ExpressionKind::Absolute(a) => {
                let kind = self.kind(a, names);
                if kind == Kind::Probability { kind } else { Kind::Unknown }
            }
            ExpressionKind::Iverson(a) | ExpressionKind::Not(a) => {
                self.kind(a, names);
                Kind::Unknown
            }
            ExpressionKind::If(parts) => {
                let [condition, a, b] = &**parts;
                self.kind(condition, names);
                let (a, b) = (self.kind(a, names), self.kind(b, names));
                if a == b { a } else { Kind::Unknown }
            }
            ExpressionKind::Compare(_, sides) => {
                sides.iter().for_each(|s| {
                    self.kind(s, names);
                });
                Kind::Unknown
            }
            ExpressionKind::And(all) | ExpressionKind::Or(all) => {
                all.iter().for_each(|c| {
                    self.kind(c, names);
                });
                Kind::Unknown
            }
            ExpressionKind::Number(_) | ExpressionKind::Missing => Kind::Unknown,
        }
    }

    fn sum(&mut self, terms: &[tree::Term], names: &mut Names<'_>) -> Kind {
        let kinds: Vec<Kind> = terms.iter().map(|t| self.kind(&t.operand, names)).collect();
        let is_one = |e: &Expression| matches!(&e.kind, ExpressionKind::Number(n) if n.is_one());
        if let ([one, p], [_, Kind::Probability]) = (terms, kinds.as_slice())
            && is_one(&one.operand)
            && !one.negative
            && p.negative
        {
            return Kind::Probability;
        }
        let find = |kind: Kind| kinds.iter().position(|k| *k == kind);
        if let (Some(log), Some(plain)) = (find(Kind::LogProbability), find(Kind::Probability))
            && kinds.iter().all(|k| *k != Kind::Unknown)
        {
            let (log, plain) = (&terms[log].operand, &terms[plain].operand);
            let shown = crate::syntax::print_expression(plain);
            self.found.push(
                Diagnostic::new(
                    "probability-for-log-probability",
                    "a probability is added to or subtracted from a log-probability",
                )
                .at(plain.span, "a probability")
                .at(log.span, "a log-probability")
                .help(format!("take the logarithm: `log({shown})`")),
            );
            return Kind::Unknown;
        }
        let all = |kind: Kind| kinds.iter().all(|k| *k == kind);
        if all(Kind::Logit) {
            return Kind::Logit;
        }
        if all(Kind::LogProbability) && terms.iter().all(|t| !t.negative) {
            return Kind::LogProbability;
        }
        Kind::Unknown
    }

    fn call(&mut self, function: &str, arguments: &[Expression], kinds: &[Kind], span: Span) -> Kind {
        let definitions = self.definitions;
        if let Some(helper) = definitions.helper(function) {
            if self.depth >= CALL_LIMIT {
                return Kind::Unknown;
            }
            let scope = helper.parameters.iter().map(|p| p.text.clone()).zip(kinds.iter().copied()).collect();
            self.depth += 1;
            let kind = self.definition(scope, &helper.bindings, &helper.body);
            self.depth -= 1;
            return kind;
        }
        if let Some(loss) = definitions.loss(function) {
            let inputs = loss.signature.iter().flat_map(|s| &s.inputs);
            for ((parameter, argument), kind) in inputs.zip(arguments).zip(kinds) {
                self.argument(function, parameter, argument, *kind, span);
            }
            return Kind::Unknown;
        }
        let (first, kind) = match (arguments.first(), kinds.first()) {
            (Some(first), Some(kind)) => (first, *kind),
            _ => return Kind::Unknown,
        };
        let shown = crate::syntax::print_expression(first);
        match function {
            "sigmoid" | "sigma" | "expit" => {
                if kind == Kind::Probability {
                    self.misuse(
                        "sigmoid-of-probability",
                        "the sigmoid of a probability squashes twice",
                        first,
                        kind,
                        format!("leave out the sigmoid: `{shown}` is a probability already"),
                    );
                } else if kind == Kind::LogProbability {
                    self.misuse(
                        "sigmoid-of-log-probability",
                        "the sigmoid of a log-probability never exceeds 1/2",
                        first,
                        kind,
                        format!("write `exp({shown})`"),
                    );
                }
                Kind::Probability
            }
            "softmax" | "log_softmax" => {
                let logarithm = function == "log_softmax";
                if kind == Kind::Probability {
                    let fix = if logarithm {
                        format!("write `log({shown})`")
                    } else {
                        format!("leave out the softmax: `{shown}` is a probability already")
                    };
                    self.misuse(
                        "softmax-of-probability",
                        "the softmax of a probability is nearly uniform: a double softmax",
                        first,
                        kind,
                        fix,
                    );
                }
                if logarithm { Kind::LogProbability } else { Kind::Probability }
            }
            "log" | "ln" => match kind {
                Kind::LogProbability => {
                    self.misuse(
                        "log-of-log-probability",
                        "the logarithm of a log-probability, which is not positive",
                        first,
                        kind,
                        format!("leave out the logarithm: write `{shown}`"),
                    );
                    Kind::Unknown
                }
                Kind::Logit => {
                    self.misuse(
                        "log-of-logit",
                        "the logarithm of a logit, which may be negative",
                        first,
                        kind,
                        format!("write `log_sigmoid({shown})`, or `log_softmax` over the classes"),
                    );
                    Kind::Unknown
                }
                Kind::Probability => Kind::LogProbability,
                Kind::Unknown => Kind::Unknown,
            },
            "xlogy" => {
                if let (Some(second), Some(kind)) = (arguments.get(1), kinds.get(1))
                    && *kind == Kind::LogProbability
                {
                    let shown = crate::syntax::print_expression(second);
                    self.misuse(
                        "log-of-log-probability",
                        "the logarithm of a log-probability, which is not positive",
                        second,
                        *kind,
                        format!("multiply by it: `…*{shown}`"),
                    );
                }
                Kind::Unknown
            }
            "log_sigmoid" => {
                if kind == Kind::Probability {
                    self.misuse(
                        "sigmoid-of-probability",
                        "the sigmoid of a probability squashes twice",
                        first,
                        kind,
                        format!("write `log({shown})`"),
                    );
                }
                Kind::LogProbability
            }
            "exp" => {
                if kind == Kind::LogProbability {
                    Kind::Probability
                } else {
                    Kind::Unknown
                }
            }
            "logit" => {
                if kind == Kind::Logit {
                    self.misuse(
                        "logit-of-logit",
                        "the log-odds of a logit, which is no probability",
                        first,
                        kind,
                        format!("leave out the function: write `{shown}`"),
                    );
                } else if kind == Kind::LogProbability {
                    self.misuse(
                        "logit-of-log-probability",
                        "the log-odds of a log-probability",
                        first,
                        kind,
                        format!("write `logit(exp({shown}))`"),
                    );
                }
                Kind::Logit
            }
            "detach" | "mean" | "max" | "min" | "clamp" | "maximum" | "minimum" => {
                let is_number =
                    |e: &Expression| matches!(e.kind, ExpressionKind::Number(_) | ExpressionKind::Sum(_));
                let others = arguments.iter().zip(kinds).skip(1);
                let fits = others.into_iter().all(|(e, k)| *k == kind || *k == Kind::Unknown && is_number(e));
                if fits { kind } else { Kind::Unknown }
            }
            _ => Kind::Unknown,
        }
    }

    fn misuse(&mut self, code: &'static str, message: &str, argument: &Expression, kind: Kind, fix: String) {
        self.found.push(Diagnostic::new(code, message).at(argument.span, kind.article()).help(fix));
    }

    /// An argument of a loss against what its input is declared as.
    fn argument(
        &mut self,
        function: &str,
        parameter: &tree::Parameter,
        argument: &Expression,
        found: Kind,
        span: Span,
    ) {
        let expected = of_parameter(parameter);
        let shown = crate::syntax::print_expression(argument);
        let over = parameter.axes.last().map(|a| a.text.clone());
        let (code, fix) = match (found, expected) {
            (Kind::Logit, Kind::Probability) => {
                let fix = match &over {
                    Some(axis) => format!("pass `softmax[{axis}]({shown})`"),
                    None => format!("pass `sigmoid({shown})`"),
                };
                let with_logits = format!("{function}_with_logits");
                let code = "logit-for-probability";
                if self.definitions.loss(&with_logits).is_some() {
                    (code, format!("{fix}, or use `{with_logits}`"))
                } else {
                    (code, fix)
                }
            }
            (Kind::Logit, Kind::LogProbability) => {
                let axis = over.unwrap_or_else(|| "c".to_owned());
                ("logit-for-log-probability", format!("pass `log_softmax[{axis}]({shown})`"))
            }
            (Kind::Probability, Kind::Logit) => {
                let fix = if self.definitions.loss(&format!("{function}_probs")).is_some() {
                    format!("pass the logits themselves, or use `{function}_probs`")
                } else if let Some(plain) = function.strip_suffix("_with_logits") {
                    format!("pass the logits themselves, or use `{plain}`")
                } else {
                    format!("pass the logits themselves, or `log({shown})`")
                };
                ("probability-for-logit", fix)
            }
            (Kind::Probability, Kind::LogProbability) => {
                ("probability-for-log-probability", format!("pass the logarithm: `log({shown})`"))
            }
            (Kind::LogProbability, Kind::Probability) => {
                ("log-probability-for-probability", format!("pass the probability: `exp({shown})`"))
            }
            // The softmax of log-probabilities gives the probabilities back.
            _ => return,
        };
        self.found.push(
            Diagnostic::new(
                code,
                format!(
                    "`{function}` takes {} as `{}`, but is given {}",
                    expected.article(),
                    parameter.name.text,
                    found.article()
                ),
            )
            .at(argument.span, found.article())
            .at(span, "")
            .help(fix),
        );
    }
}
