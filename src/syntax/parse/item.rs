//! Definitions: losses, helpers, rules, bare formulas, and their parts.

use super::token::skip_space;
use super::{Mistake, Parser, Read};
use crate::diagnostic::Diagnostic;
use crate::number::Number;
use crate::suggestion::nearest;
use crate::syntax::tree::{
    Binding, Domain, Endpoint, File, Helper, Item, Loss, Name, Parameter, Rule, Signature,
};

const DOMAINS: &[&str] = &["simplex", "integer", "index", "logit", "prob", "logprob"];

impl<'t> Parser<'t> {
    /// All definitions; after a mistake reading goes on with the next.
    pub fn read_file(&self) -> File {
        let mut file = File::default();
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(self.text);
        let mut rest = skip_space(text);
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            let documentation = documentation_before(&text[comment_start(text, at)..at]);
            match self.file(rest, documentation) {
                Ok((after, item)) => {
                    file.items.push(item);
                    rest = after;
                }
                Err(failure) => {
                    self.report_failure(failure, rest);
                    rest = next_definition(rest);
                }
            }
        }
        file
    }

    /// One definition of a file.
    fn file(&self, input: &'t str, documentation: String) -> Read<'t, Item> {
        match self.peek_word(input) {
            "loss" => self.loss(input, documentation).map(|(rest, loss)| (rest, Item::Loss(loss))),
            "fn" => self.helper(input, documentation).map(|(rest, helper)| (rest, Item::Helper(helper))),
            "rule" => self.rule(input, documentation).map(|(rest, rule)| (rest, Item::Rule(rule))),
            word => {
                let length = word.len().max(super::first_char(input));
                self.fail(
                    Diagnostic::new(
                        "expected-definition",
                        format!("expected `loss` or `fn`, found `{}`", &input[..length]),
                    )
                    .at(self.span_at(input, length), "a file is a list of definitions")
                    .help("begin with `loss`: `loss square(x, y) = (x - y)^2`"),
                )
            }
        }
    }

    /// What the command line takes.
    pub fn formula(&self, input: &'t str) -> Read<'t, Loss> {
        if self.peek_word(input) == "loss" {
            return self.loss(input, String::new());
        }
        let word = self.peek_word(input);
        if !word.is_empty() {
            let after = skip_space(&input[word.len()..]);
            if after.starts_with('=') && !after.starts_with("==") {
                let (_, name) = self.name(input)?;
                let (rest, (body, bindings)) = self.definition(&after[1..])?;
                return Ok((
                    rest,
                    Loss {
                        documentation: String::new(),
                        name: Some(name),
                        signature: None,
                        body,
                        bindings,
                        span: self.span_between(input, rest),
                    },
                ));
            }
            if after.starts_with('(') && defines_signature(after) {
                let (rest, name) = self.name(input)?;
                let (rest, signature) = self.signature(rest)?;
                let rest = self.equals(rest, &name)?;
                let (rest, (body, bindings)) = self.definition(rest)?;
                return Ok((
                    rest,
                    Loss {
                        documentation: String::new(),
                        name: Some(name),
                        signature: Some(signature),
                        body,
                        bindings,
                        span: self.span_between(input, rest),
                    },
                ));
            }
        }
        let (rest, (body, bindings)) = self.definition(input)?;
        let span = self.span_between(input, rest);
        Ok((rest, Loss { documentation: String::new(), name: None, signature: None, body, bindings, span }))
    }

    fn loss(&self, input: &'t str, documentation: String) -> Read<'t, Loss> {
        let rest = self.keyword(input, "loss").unwrap_or(input);
        // `loss = …` as a bare formula would: the word is reserved.
        let (rest, name) =
            self.name(rest).map_err(|error| self.expected(error, rest, "the name of the loss"))?;
        if !rest.starts_with('(') {
            return self.fail(
                Diagnostic::new(
                    "missing-signature",
                    format!("the loss `{}` does not say its inputs", name.text),
                )
                .at(name.span, "expected `(` after the name")
                .help(format!("name them: `loss {}(p, y) = …`", name.text)),
            );
        }
        let (rest, signature) = self.signature(rest)?;
        let rest = self.equals(rest, &name)?;
        let (rest, (body, bindings)) = self.definition(rest)?;
        let span = self.span_between(input, rest);
        Ok((rest, Loss { documentation, name: Some(name), signature: Some(signature), body, bindings, span }))
    }

    fn helper(&self, input: &'t str, documentation: String) -> Read<'t, Helper> {
        let rest = self.keyword(input, "fn").unwrap_or(input);
        let (rest, name) =
            self.name(rest).map_err(|error| self.expected(error, rest, "the name of the helper"))?;
        let (rest, indices) = match rest.starts_with('[') {
            true => self.names(rest, "]")?,
            false => (rest, Vec::new()),
        };
        if !rest.starts_with('(') {
            return self.fail(
                Diagnostic::new(
                    "missing-signature",
                    format!("the helper `{}` does not say its arguments", name.text),
                )
                .at(name.span, "expected `(` after the name")
                .help(format!("name them: `fn {}(x) = …`", name.text)),
            );
        }
        let (rest, parameters) = self.names(rest, ")")?;
        let rest = self.equals(rest, &name)?;
        let (rest, (body, bindings)) = self.definition(rest)?;
        let span = self.span_between(input, rest);
        Ok((rest, Helper { documentation, name, indices, parameters, body, bindings, span }))
    }

    fn rule(&self, input: &'t str, documentation: String) -> Read<'t, Rule> {
        let rest = self.keyword(input, "rule").unwrap_or(input);
        let (rest, name) =
            self.name(rest).map_err(|error| self.expected(error, rest, "the name of the rule"))?;
        let Some(rest) = self.symbol(rest, ":") else { return Err(self.unexpected(rest, "`:`")) };
        let (rest, before) = self.expression(rest)?;
        let Some(rest) = self.symbol(rest, "=>") else { return Err(self.unexpected(rest, "`=>`")) };
        let (rest, after) = self.expression(rest)?;
        let (rest, guard) = match self.keyword(rest, "if") {
            Some(rest) => self.expression(rest).map(|(rest, guard)| (rest, Some(guard)))?,
            None => (rest, None),
        };
        let span = self.span_between(input, rest);
        Ok((rest, Rule { documentation, name, before, after, guard, span }))
    }

    fn expected(&self, error: nom::Err<Mistake>, at: &'t str, what: &str) -> nom::Err<Mistake> {
        match error {
            nom::Err::Error(_) => self.unexpected(at, what),
            other => other,
        }
    }

    fn equals(&self, rest: &'t str, name: &Name) -> Result<&'t str, nom::Err<Mistake>> {
        if rest.starts_with("==") || !rest.starts_with('=') {
            return Err(match self.unexpected(rest, &format!("`=` and the formula of `{}`", name.text)) {
                nom::Err::Failure(Mistake(Some(mut diagnostic))) => {
                    diagnostic.code = "missing-equals";
                    diagnostic.help.clear();
                    nom::Err::Failure(Mistake(Some(Box::new(
                        diagnostic.help("a definition is written `name(inputs) = formula`"),
                    ))))
                }
                other => other,
            });
        }
        Ok(skip_space(&rest[1..]))
    }

    /// A formula with its where-bindings.
    fn definition(&self, input: &'t str) -> Read<'t, (crate::syntax::tree::Expression, Vec<Binding>)> {
        let input = skip_space(input);
        let (rest, body) = self.expression(input)?;
        let Some(after) = self.keyword(rest, "where") else { return Ok((rest, (body, Vec::new()))) };
        let (rest, bindings) = self.bindings(rest, after)?;
        Ok((rest, (body, bindings)))
    }

    fn bindings(&self, word: &'t str, input: &'t str) -> Read<'t, Vec<Binding>> {
        let mut bindings = Vec::new();
        let mut rest = input;
        if !self.begins_binding(rest) {
            let diagnostic = Diagnostic::new("empty-where", "`where` is followed by no definition")
                .at(self.span_at(word, "where".len()), "expected `name = expression` after this");
            return self.fail(diagnostic.help("for example `where r = x - y`"));
        }
        while self.begins_binding(rest) {
            let outer = self.in_bindings.replace(true);
            let result = self.binding(rest);
            self.in_bindings.set(outer);
            match result {
                Ok((after, binding)) => {
                    bindings.push(binding);
                    rest = after;
                }
                Err(failure) => {
                    // The next binding is on a line of its own, if there is one.
                    let next = rest[1..].match_indices('\n').map(|(at, _)| skip_space(&rest[1 + at..])).find(
                        |line| {
                            self.begins_binding(line)
                                || matches!(self.peek_word(line), "loss" | "fn" | "rule")
                        },
                    );
                    match next.filter(|line| self.begins_binding(line)) {
                        Some(line) => {
                            self.report_failure(failure, rest);
                            rest = line;
                        }
                        None => return Err(failure),
                    }
                }
            }
            if let Some(after) = self.symbol(rest, ",").or_else(|| self.symbol(rest, ";")) {
                rest = after;
            }
        }
        Ok((rest, bindings))
    }

    fn binding(&self, input: &'t str) -> Read<'t, Binding> {
        let (rest, name) = self.name(input)?;
        let (rest, indices) = match rest.starts_with('[') {
            true => self.names(rest, "]")?,
            false => (rest, Vec::new()),
        };
        let rest = self.equals(rest, &name)?;
        let (rest, value) = self.expression(rest)?;
        Ok((rest, Binding { name, indices, value }))
    }

    /// Names between brackets.
    fn names(&self, open: &'t str, closer: &str) -> Read<'t, Vec<Name>> {
        let end = if closer == "]" { ']' } else { ')' };
        let (rest, names) = self.separated(skip_space(&open[1..]), end, |input| {
            self.name(input).map_err(|error| self.expected(error, input, "a name"))
        })?;
        let rest = self.close(open, rest, closer)?;
        if names.is_empty() {
            return self.fail(
                Diagnostic::new("empty-brackets", "there is no name between the brackets")
                    .at(self.span_between(open, rest), "expected a name"),
            );
        }
        Ok((rest, names))
    }

    fn signature(&self, open: &'t str) -> Read<'t, Signature> {
        let item = |input| self.parameter(input);
        let (rest, inputs) = self.separated_by(skip_space(&open[1..]), &[')', ';'], item)?;
        let (rest, hyperparameters) = match self.symbol(rest, ";") {
            Some(rest) => self.separated(rest, ')', item)?,
            None => (rest, Vec::new()),
        };
        let rest = self.close(open, rest, ")")?;
        Ok((rest, Signature { inputs, hyperparameters }))
    }

    /// `p[c] in (0,1) = 0.5`
    pub fn parameter(&self, input: &'t str) -> Read<'t, Parameter> {
        let (rest, name) =
            self.name(input).map_err(|error| self.expected(error, input, "the name of an input"))?;
        let (rest, axes) = match rest.starts_with('[') {
            true => self.names(rest, "]")?,
            false => (rest, Vec::new()),
        };
        let (rest, domain) = match self.keyword(rest, "in") {
            Some(after) => {
                let (rest, domain) = self.domain(after)?;
                (rest, Some((domain, self.span_between(after, rest))))
            }
            None => (rest, None),
        };
        let (rest, default) = match rest.starts_with('=') {
            true => {
                let (rest, value) = self.expression(skip_space(&rest[1..]))?;
                (rest, Some(value))
            }
            false => (rest, None),
        };
        let span = self.span_between(input, rest);
        Ok((rest, Parameter { name, axes, domain, default, span }))
    }

    pub(super) fn domain(&self, input: &'t str) -> Read<'t, Domain> {
        if input.starts_with(['(', '[']) {
            return self.interval(input);
        }
        if let Some(inside) = self.symbol(input, "{") {
            let (rest, values) = self.separated(inside, '}', |i| self.signed_number(i))?;
            let rest = self.close(input, rest, "}")?;
            if values.is_empty() {
                return self.fail(
                    Diagnostic::new("empty-domain", "no value is in `{}`")
                        .at(self.span_between(input, rest), "expected numbers between the braces")
                        .help("for labels: `y in {0,1}`"),
                );
            }
            return Ok((rest, Domain::Set(values)));
        }
        let word = self.peek_word(input);
        let after = skip_space(&input[word.len()..]);
        Ok(match word {
            "simplex" => (after, Domain::Simplex),
            "integer" => (after, Domain::Integer),
            "logit" => (after, Domain::Logit),
            "prob" => (after, Domain::Prob),
            "logprob" => (after, Domain::LogProb),
            "index" if after.starts_with('[') => {
                let (rest, names) = self.names(after, "]")?;
                (rest, Domain::Index(names[0].clone()))
            }
            "index" => {
                return self.fail(
                    Diagnostic::new("index-without-axis", "`index` needs the axis that it is a position on")
                        .at(self.span_at(input, word.len()), "expected `[` after this")
                        .help("write `t in index[c]`"),
                );
            }
            _ => {
                let found = if word.is_empty() { &input[..super::first_char(input)] } else { word };
                let diagnostic = Diagnostic::new("unknown-domain", format!("`{found}` is not a domain")).at(
                    self.span_at(input, found.len()),
                    "expected an interval, a set or the name of a domain",
                );
                return self.fail(match nearest(word, DOMAINS.iter().copied()) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic.help(format!(
                        "domains are `(0,1)`, `[0,inf)`, `{{0,1}}`, `{}`",
                        DOMAINS.join("`, `")
                    )),
                });
            }
        })
    }

    fn interval(&self, input: &'t str) -> Read<'t, Domain> {
        let low_closed = input.starts_with('[');
        let (rest, low) = self.endpoint(skip_space(&input[1..]), true)?;
        let Some(rest) = self.symbol(rest, ",") else {
            return Err(self.unexpected(rest, "`,` and the upper end"));
        };
        let (rest, high) = self.endpoint(rest, false)?;
        let high_closed = rest.starts_with(']');
        let Some(after) = self.symbol(rest, ")").or_else(|| self.symbol(rest, "]")) else {
            return Err(self.unclosed(input, rest, ")"));
        };
        let span = self.span_between(input, after);
        let shown = &self.text[span.start as usize..span.end as usize];
        if (low_closed && low.is_none()) || (high_closed && high.is_none()) {
            return self.fail(
                Diagnostic::new("invalid-interval", format!("infinity does not belong to `{shown}`"))
                    .at(span, "a square bracket at an infinite end")
                    .help(format!("write `{}`", shown.replace("inf]", "inf)").replace("[-inf", "(-inf"))),
            );
        }
        if let (Some(low), Some(high)) = (&low, &high)
            && (low > high || (low == high && !(low_closed && high_closed)))
        {
            return self.fail(
                Diagnostic::new("invalid-interval", format!("no number is in `{shown}`"))
                    .at(span, "the lower end comes first and must be less")
                    .help(format!("write `({high},{low})`")),
            );
        }
        let (low, high) =
            (Endpoint { value: low, closed: low_closed }, Endpoint { value: high, closed: high_closed });
        Ok((after, Domain::Interval(low, high)))
    }

    /// An end of an interval; `None` is infinity.
    fn endpoint(&self, input: &'t str, is_low: bool) -> Read<'t, Option<Number>> {
        let (unsigned, negative) = match input.strip_prefix(['-', '−']) {
            Some(rest) => (skip_space(rest), true),
            None => (self.symbol(input, "+").unwrap_or(input), false),
        };
        let infinite = self.keyword(unsigned, "inf").or_else(|| self.symbol(unsigned, "∞"));
        if let Some(rest) = infinite {
            if negative != is_low {
                let span = self.span_between(input, rest);
                let (end, right) = if is_low { ("lower", "-inf") } else { ("upper", "inf") };
                return self.fail(
                    Diagnostic::new(
                        "invalid-interval",
                        format!("the {end} end of an interval can only be `{right}` or a number"),
                    )
                    .at(span, "the wrong infinity")
                    .help(format!("write `{right}`")),
                );
            }
            return Ok((rest, None));
        }
        let (rest, value) = self.signed_number(input)?;
        Ok((rest, Some(value)))
    }

    fn signed_number(&self, input: &'t str) -> Read<'t, Number> {
        let (unsigned, negative) = match input.strip_prefix(['-', '−']) {
            Some(rest) => (skip_space(rest), true),
            None => (self.symbol(input, "+").unwrap_or(input), false),
        };
        let (rest, value) =
            self.number(unsigned).map_err(|error| self.expected(error, unsigned, "a number"))?;
        Ok((rest, if negative { -&value } else { value }))
    }
}

/// Whether the parentheses at `input` are followed by `=`: then they are a signature and not arguments.
fn defines_signature(input: &str) -> bool {
    let mut depth = 0usize;
    for (at, c) in input.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            // An interval closes with either bracket, so kinds are not matched.
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    let rest = skip_space(&input[at + 1..]);
                    return rest.starts_with('=') && !rest.starts_with("==");
                }
            }
            _ => {}
        }
    }
    false
}

/// The `##` lines at the end of `before`.
fn documentation_before(before: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in before.lines().rev() {
        match line.trim_start().strip_prefix("##") {
            Some(text) => lines.push(text.strip_prefix(' ').unwrap_or(text).trim_end()),
            None if line.trim().is_empty() && lines.is_empty() => {}
            None => break,
        }
    }
    lines.reverse();
    lines.join("\n")
}

/// Where the comments and blank space begin that end at `end`.
fn comment_start(text: &str, end: usize) -> usize {
    let mut start = end;
    for line in text[..end].split_inclusive('\n').rev() {
        let content = line.trim();
        if !content.is_empty() && !content.starts_with('#') {
            break;
        }
        start -= line.len();
    }
    start
}

/// The next line that begins with `loss`, `fn` or `rule`.
fn next_definition(input: &str) -> &str {
    input
        .match_indices('\n')
        .map(|(at, _)| &input[at + 1..])
        .find(|line| ["loss ", "fn ", "rule "].iter().any(|word| line.starts_with(word)))
        .unwrap_or(&input[input.len()..])
}
