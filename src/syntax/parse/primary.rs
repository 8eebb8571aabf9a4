//! Numbers, names, accesses, calls, and everything in brackets.

use super::token::{skip_space, starts_number};
use super::{Mistake, Parser, Read};
use crate::diagnostic::Diagnostic;
use crate::syntax::tree::{Call, Expression, ExpressionKind, IndexBinder, Name};

impl<'t> Parser<'t> {
    pub(super) fn primary(&self, input: &'t str) -> Read<'t, Expression> {
        let Some(next) = input.chars().next() else {
            return Err(self.missing_operand(input));
        };
        match next {
            '(' => self.group(input),
            '|' => self.absolute(input),
            '[' => self.iverson(input),
            '√' => self.root(input),
            '∑' => self.call(
                input,
                Name { text: "sum".to_owned(), span: self.span_at(input, next.len_utf8()) },
                &input[next.len_utf8()..],
            ),
            _ if starts_number(input) => {
                let (rest, value) = self.number(input)?;
                let span = self.span_between(input, rest);
                Ok((rest, Expression { kind: ExpressionKind::Number(value), span }))
            }
            _ => match self.peek_word(input) {
                "" => Err(self.missing_operand(input)),
                "if" => self.choice(input),
                "then" | "else" | "and" | "or" | "where" | "in" | "loss" | "fn" | "rule" => {
                    Err(self.missing_operand(input))
                }
                _ => {
                    let (rest, name) = self.name(input)?;
                    self.named(input, name, rest)
                }
            },
        }
    }

    /// What a name begins: an access, a call, or the name alone.
    fn named(&self, input: &'t str, name: Name, rest: &'t str) -> Read<'t, Expression> {
        if rest.starts_with('(') {
            return self.call(input, name, rest);
        }
        if !rest.starts_with('[') {
            if let Some(mistake) = self.foreign_name(input, &name, rest) {
                return Err(mistake);
            }
            let span = name.span;
            return Ok((rest, Expression { kind: ExpressionKind::Name(name), span }));
        }
        // Brackets with parentheses behind them belong to a call.
        match super::matching_closer(&rest[1..], ']') {
            Some(closer) if skip_space(&closer[1..]).starts_with('(') => {
                let name = if name.text == "Sigma" { Name { text: "sum".to_owned(), ..name } } else { name };
                self.call(input, name, rest)
            }
            Some(closer) if is_reduction(&name.text) => {
                let after = skip_space(&closer[1..]);
                let brackets = &rest[..rest.len() - closer.len() + 1];
                let shown = after.split([' ', ')', ',', '\n']).next().unwrap_or("");
                self.fail(
                    Diagnostic::new(
                        "missing-parentheses",
                        format!("what `{}` is taken of stands in parentheses", name.text),
                    )
                    .at(self.span_at(after, shown.len().max(1)), "expected `(`")
                    .help(format!(
                        "write `{}{brackets}({})`",
                        name.text,
                        if shown.is_empty() { "…" } else { shown }
                    )),
                )
            }
            _ => self.access(input, name, rest),
        }
    }

    fn access(&self, input: &'t str, name: Name, brackets: &'t str) -> Read<'t, Expression> {
        let (rest, indices) =
            self.nested(brackets, || self.list(brackets, '[', ']', |i| self.expression(i)))?;
        if indices.is_empty() {
            return self.fail(
                Diagnostic::new("empty-brackets", format!("`{}[]` has no index", name.text))
                    .at(self.span_between(input, rest), "expected an index between the brackets")
                    .help(format!("write `{0}` alone, or `{0}[i]`", name.text)),
            );
        }
        let kind = ExpressionKind::Access { name, indices };
        Ok((rest, Expression { kind, span: self.span_between(input, rest) }))
    }

    fn call(&self, input: &'t str, function: Name, rest: &'t str) -> Read<'t, Expression> {
        let mut rest = skip_space(rest);
        let (mut indices, mut filter) = (Vec::new(), None);
        if rest.starts_with('[') {
            let open = rest;
            let (after, binders) = self.separated(skip_space(&rest[1..]), ']', |i| self.binder(i))?;
            rest = after;
            indices = binders;
            if indices.is_empty() {
                return self.fail(
                    Diagnostic::new("empty-brackets", format!("`{}[](…)` names no index", function.text))
                        .at(self.span_at(open, 2), "expected an index between the brackets")
                        .help(format!("write `{}[i](…)`", function.text)),
                );
            }
            if let Some(after) = self.symbol(rest, ":") {
                let (after, condition) = self.nested(rest, || self.expression(after))?;
                filter = Some(Box::new(condition));
                rest = after;
            }
            rest = self.close(open, rest, "]")?;
        }
        if !rest.starts_with('(') {
            return self.fail(
                Diagnostic::new(
                    "missing-parentheses",
                    format!("what `{}` is taken of stands in parentheses", function.text),
                )
                .at(self.span_at(rest, super::first_char(rest)), "expected `(`"),
            );
        }
        let open = rest;
        let (after, arguments) = self.nested(open, || {
            self.separated_by(skip_space(&open[1..]), &[')', ';'], |i| self.argument(open, i))
        })?;
        rest = after;
        let mut hyperparameters = Vec::new();
        if let Some(after) = self.symbol(rest, ";") {
            let (after, given) =
                self.nested(open, || self.separated(after, ')', |i| self.hyperparameter(i)))?;
            hyperparameters = given;
            rest = after;
        }
        rest = self.close(open, rest, ")")?;
        if arguments.is_empty() {
            return self.fail(
                Diagnostic::new("empty-parentheses", format!("`{}()` has no argument", function.text))
                    .at(self.span_between(input, rest), "expected an argument between the parentheses"),
            );
        }
        let call = Call { function, indices, filter, arguments, hyperparameters };
        let kind = ExpressionKind::Call(Box::new(call));
        Ok((rest, Expression { kind, span: self.span_between(input, rest) }))
    }

    /// An argument; after a mistake in one, the others are read all the same.
    fn argument(&self, opened: &'t str, input: &'t str) -> Read<'t, Expression> {
        match self.expression(input) {
            Err(failure @ nom::Err::Failure(_)) => self.recover(&opened[1..], ')', failure),
            result => result,
        }
    }

    fn hyperparameter(&self, input: &'t str) -> Read<'t, (Name, Expression)> {
        let (rest, name) = self.name(input).map_err(|error| match error {
            nom::Err::Error(_) => self.unexpected(input, "a hyperparameter"),
            other => other,
        })?;
        let Some(rest) = self.symbol(rest, "=") else {
            return Err(self.unexpected(rest, "`=` and a value"));
        };
        let (rest, value) = self.expression(rest)?;
        Ok((rest, (name, value)))
    }

    pub(super) fn binder(&self, input: &'t str) -> Read<'t, IndexBinder> {
        let (rest, name) = self.name(input).map_err(|error| match error {
            nom::Err::Error(_) => self.unexpected(input, "the name of an index"),
            other => other,
        })?;
        let Some(after) = self.keyword(rest, "in") else {
            return Ok((rest, IndexBinder { name, range: None }));
        };
        let (rest, low) = self.nested(input, || self.expression(after))?;
        let Some(after) = self.symbol(rest, "..") else {
            return Err(self.unexpected(rest, "`..` and the end of the range"));
        };
        let (rest, high) = self.nested(input, || self.expression(after))?;
        Ok((rest, IndexBinder { name, range: Some(Box::new((low, high))) }))
    }

    fn group(&self, input: &'t str) -> Read<'t, Expression> {
        let open = skip_space(&input[1..]);
        if let Some(rest) = self.symbol(open, ")") {
            return self.fail(
                Diagnostic::new("empty-parentheses", "there is nothing between the parentheses")
                    .at(self.span_between(input, rest), "expected an expression"),
            );
        }
        let (rest, mut inner) = self.nested(input, || match self.expression(open) {
            Err(failure @ nom::Err::Failure(_)) => self.recover(&input[1..], ')', failure),
            result => result,
        })?;
        let rest = self.close(input, rest, ")")?;
        inner.span = self.span_between(input, rest);
        Ok((rest, inner))
    }

    fn absolute(&self, input: &'t str) -> Read<'t, Expression> {
        let open = skip_space(&input[1..]);
        let (rest, inner) = self.nested(input, || self.expression(open))?;
        let rest = self.close(input, rest, "|")?;
        let kind = ExpressionKind::Absolute(Box::new(inner));
        Ok((rest, Expression { kind, span: self.span_between(input, rest) }))
    }

    fn iverson(&self, input: &'t str) -> Read<'t, Expression> {
        let open = skip_space(&input[1..]);
        if let Some(rest) = self.symbol(open, "]") {
            return self.fail(
                Diagnostic::new("empty-brackets", "there is nothing between the brackets")
                    .at(self.span_between(input, rest), "expected a condition")
                    .help("`[a < b]` is 1 where it holds, else 0"),
            );
        }
        let (rest, inner) = self.nested(input, || self.expression(open))?;
        let rest = self.close(input, rest, "]")?;
        let kind = ExpressionKind::Iverson(Box::new(inner));
        Ok((rest, Expression { kind, span: self.span_between(input, rest) }))
    }

    /// `√x`
    fn root(&self, input: &'t str) -> Read<'t, Expression> {
        let sign = '√'.len_utf8();
        let (rest, inner) = self.nested(input, || self.primary(skip_space(&input[sign..])))?;
        let function = Name { text: "sqrt".to_owned(), span: self.span_at(input, sign) };
        let kind = ExpressionKind::Call(Box::new(Call {
            function,
            indices: Vec::new(),
            filter: None,
            arguments: vec![inner],
            hyperparameters: Vec::new(),
        }));
        Ok((rest, Expression { kind, span: self.span_between(input, rest) }))
    }

    /// `if c then a else b`
    fn choice(&self, input: &'t str) -> Read<'t, Expression> {
        let after = self.keyword(input, "if").unwrap_or(input);
        let word = |rest: &'t str, word: &str, help: &str| match self.keyword(rest, word) {
            Some(after) => Ok(after),
            None => Err(self.missing_word(input, rest, word, help)),
        };
        self.nested(input, || {
            let (rest, condition) = self.expression(after)?;
            let rest = word(rest, "then", "`if x > 0 then a else b`")?;
            let (rest, then) = self.expression(rest)?;
            let rest = word(rest, "else", "a formula needs a value in either case: `if … then … else 0`")?;
            let (rest, otherwise) = self.expression(rest)?;
            let kind = ExpressionKind::If(Box::new([condition, then, otherwise]));
            Ok((rest, Expression { kind, span: self.span_between(input, rest) }))
        })
    }

    fn list<T>(
        &self,
        input: &'t str,
        open: char,
        close: char,
        item: impl Fn(&'t str) -> Read<'t, T>,
    ) -> Read<'t, Vec<T>> {
        let (rest, items) = self.separated(skip_space(&input[open.len_utf8()..]), close, item)?;
        let mut buffer = [0; 4];
        let rest = self.close(input, rest, close.encode_utf8(&mut buffer))?;
        Ok((rest, items))
    }

    /// Items between commas, up to (and without) `close`.
    pub(super) fn separated<T>(
        &self,
        input: &'t str,
        close: char,
        item: impl Fn(&'t str) -> Read<'t, T>,
    ) -> Read<'t, Vec<T>> {
        self.separated_by(input, &[close], item)
    }

    pub(super) fn separated_by<T>(
        &self,
        input: &'t str,
        closers: &[char],
        item: impl Fn(&'t str) -> Read<'t, T>,
    ) -> Read<'t, Vec<T>> {
        let mut items = Vec::new();
        let mut rest = input;
        if rest.starts_with(closers) {
            return Ok((rest, items));
        }
        loop {
            let (after, value) = item(rest)?;
            items.push(value);
            rest = after;
            match self.symbol(rest, ",") {
                Some(after) => rest = after,
                None => return Ok((rest, items)),
            }
        }
    }

    /// The bracket that closes the one at `open`.
    pub(super) fn close(
        &self,
        open: &'t str,
        rest: &'t str,
        closer: &str,
    ) -> Result<&'t str, nom::Err<Mistake>> {
        match self.symbol(rest, closer) {
            Some(after) => Ok(after),
            None => Err(self.unclosed(open, rest, closer)),
        }
    }
}

fn is_reduction(name: &str) -> bool {
    matches!(
        name,
        "sum"
            | "mean"
            | "prod"
            | "logsumexp"
            | "norm"
            | "softmax"
            | "log_softmax"
            | "normalize"
            | "count"
            | "any"
            | "all"
    )
}
