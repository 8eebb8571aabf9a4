//! The parser. Each function reads the production of the same name in `grammar/lossform.ebnf`.
//!
//! Built with nom on string slices: a token eats the space after it; a function that has seen the beginning of
//! its production fails for good (`nom::Err::Failure`) with a message about the place. After a failure inside
//! brackets, a binding or a definition, reading goes on behind it, so that several mistakes are told at once.
//! There is no backtracking over more than a token, so time is linear in the text.

mod expression;
mod item;
mod mistake;
mod primary;
mod token;

use crate::diagnostic::{Diagnostic, Fault};
use crate::source::{SourceId, Span};
use crate::syntax::tree::{Expression, ExpressionKind, NESTING_LIMIT};
use std::cell::{Cell, RefCell};
use token::skip_space;

/// What a production makes of its input.
pub(super) type Read<'t, T> = nom::IResult<&'t str, T, Mistake>;

/// Why a production could not be read; `None` where it just does not begin here.
#[derive(Debug)]
pub(super) struct Mistake(Option<Box<Diagnostic>>);

impl<'t> nom::error::ParseError<&'t str> for Mistake {
    fn from_error_kind(_: &'t str, _: nom::error::ErrorKind) -> Self {
        Mistake(None)
    }
    fn append(_: &'t str, _: nom::error::ErrorKind, other: Self) -> Self {
        other
    }
}

/// The text that is being read and the mistakes found so far.
pub(super) struct Parser<'t> {
    text: &'t str,
    source: SourceId,
    errors: RefCell<Vec<Diagnostic>>,
    depth: Cell<usize>,
    /// Whether a name followed by `=` begins a where-binding here.
    in_bindings: Cell<bool>,
    /// Where the last token ends and where the text goes on behind it.
    gap: Cell<(usize, usize)>,
}

/// How many mistakes are told at once.
const MISTAKE_LIMIT: usize = 20;

impl<'t> Parser<'t> {
    pub fn new(text: &'t str, source: SourceId) -> Self {
        Parser {
            text,
            source,
            errors: RefCell::default(),
            depth: Cell::new(0),
            in_bindings: Cell::new(false),
            gap: Cell::default(),
        }
    }

    pub fn into_errors(self) -> Vec<Diagnostic> {
        self.errors.into_inner()
    }

    /// Reads all of the text with `production`.
    pub fn whole<T>(&self, production: impl Fn(&'t str) -> Read<'t, T>) -> Option<T> {
        let start = skip_space(self.text.strip_prefix('\u{feff}').unwrap_or(self.text));
        if start.is_empty() {
            self.report(
                Diagnostic::new("empty-input", "expected a formula, found nothing")
                    .at(self.span_at(start, 0), "")
                    .help("for example `-y*log(p) - (1 - y)*log(1 - p)`"),
            );
            return None;
        }
        match production(start) {
            Ok(("", value)) => Some(value),
            Ok((rest, value)) => {
                if let nom::Err::Failure(Mistake(Some(diagnostic))) =
                    self.unexpected(rest, "the end of the formula")
                {
                    self.report(*diagnostic);
                }
                Some(value)
            }
            Err(error) => {
                self.report_failure(error, start);
                None
            }
        }
    }

    pub fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Diagnostic>> {
        match value {
            Some(value) if self.errors.borrow().is_empty() => Ok(value),
            _ => Err(self.into_errors()),
        }
    }

    fn report(&self, diagnostic: Diagnostic) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < MISTAKE_LIMIT {
            errors.push(diagnostic);
        }
    }

    fn report_failure(&self, error: nom::Err<Mistake>, at: &'t str) {
        match error {
            nom::Err::Failure(Mistake(Some(diagnostic))) | nom::Err::Error(Mistake(Some(diagnostic))) => {
                self.report(*diagnostic);
            }
            _ => {
                if let nom::Err::Failure(Mistake(Some(diagnostic))) = self.unexpected(at, "a formula") {
                    self.report(*diagnostic);
                }
            }
        }
    }

    fn offset(&self, input: &'t str) -> usize {
        input.as_ptr() as usize - self.text.as_ptr() as usize
    }

    /// The first `length` bytes of `input`.
    fn span_at(&self, input: &'t str, length: usize) -> Span {
        let start = self.offset(input);
        Span::new(self.source, start, (start + length).min(self.text.len()))
    }

    /// From `start` to `end`, without the space before `end`.
    fn span_between(&self, start: &'t str, end: &'t str) -> Span {
        let (from, to) = (self.offset(start), self.offset(end));
        let (token_end, next) = self.gap.get();
        let end = if next == to {
            token_end.max(from)
        } else {
            from + trim_space_and_comments(&self.text[from..to])
        };
        Span::new(self.source, from, end)
    }

    fn fail<T>(&self, diagnostic: Diagnostic) -> Read<'t, T> {
        Err(nom::Err::Failure(Mistake(Some(Box::new(diagnostic)))))
    }

    fn none<T>(&self) -> Read<'t, T> {
        Err(nom::Err::Error(Mistake(None)))
    }

    /// Reads one level further in.
    fn nested<T>(&self, input: &'t str, production: impl FnOnce() -> Read<'t, T>) -> Read<'t, T> {
        let depth = self.depth.get() + 1;
        if depth > NESTING_LIMIT {
            return self.fail(
                Diagnostic::new(
                    "nesting-too-deep",
                    format!("the formula nests more than {NESTING_LIMIT} levels deep"),
                )
                .fault(Fault::Limit)
                .at(self.span_at(input, first_char(input)), "one level too many")
                .help("name an inner part and use the name: `… where t = …`"),
            );
        }
        self.depth.set(depth);
        let result = stacker::maybe_grow(96 * 1024, 2 * 1024 * 1024, production);
        self.depth.set(depth - 1);
        result
    }

    /// After a failure behind an opening bracket: tells it, goes to the bracket that closes, and reads on.
    fn recover(&self, opened: &'t str, closer: char, failure: nom::Err<Mistake>) -> Read<'t, Expression> {
        let fatal = match &failure {
            nom::Err::Failure(Mistake(Some(diagnostic))) => diagnostic.fault == Fault::Limit,
            _ => true,
        };
        let Some(rest) = matching_closer(opened, closer).filter(|_| !fatal) else { return Err(failure) };
        self.report_failure(failure, opened);
        let span = self.span_between(opened, rest);
        Ok((rest, Expression { kind: ExpressionKind::Missing, span }))
    }
}

fn first_char(input: &str) -> usize {
    input.chars().next().map_or(0, char::len_utf8)
}

/// The length without trailing space and comments.
fn trim_space_and_comments(text: &str) -> usize {
    let mut end = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let after = skip_space(rest);
        if after.len() < rest.len() {
            rest = after;
            continue;
        }
        let step = first_char(rest);
        end = text.len() - rest.len() + step;
        rest = &rest[step..];
    }
    end
}

/// What stands from the bracket on that closes the one that was just opened.
fn matching_closer(input: &str, closer: char) -> Option<&str> {
    let mut depth = 0usize;
    for (at, c) in input.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            _ if depth == 0 && c == closer => return Some(&input[at..]),
            ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}
