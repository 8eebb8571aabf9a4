//! Messages for what cannot be read, each with what to type instead.

use super::token::{RESERVED, is_name_part, skip_space};
use super::{Mistake, Parser, first_char};
use crate::diagnostic::Diagnostic;
use crate::syntax::tree::Name;

impl<'t> Parser<'t> {
    fn failure(&self, diagnostic: Diagnostic) -> nom::Err<Mistake> {
        nom::Err::Failure(Mistake(Some(Box::new(diagnostic))))
    }

    /// Two operands with nothing between them.
    pub(super) fn missing_operator(&self, input: &'t str, rest: &'t str) -> nom::Err<Mistake> {
        let left_end = self.offset(input) + self.text[self.offset(input)..self.offset(rest)].trim_end().len();
        let left_start = self.text[..left_end]
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_name_part(*c) || *c == '.')
            .last()
            .map_or_else(
                || self.text[..left_end].char_indices().next_back().map_or(0, |(at, _)| at),
                |(at, _)| at,
            );
        let left = &self.text[left_start..left_end];
        let word = self.peek_word(rest);
        let number: &str =
            &rest[..rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len())];
        let right = if !word.is_empty() {
            word
        } else if !number.is_empty() {
            number
        } else {
            &rest[..first_char(rest)]
        };
        let from = self.span_at(&self.text[left_start..], left_end - left_start);
        let span = from.to(self.span_at(rest, right.len()));
        let shown = if right == "(" { "(…)".to_owned() } else { right.to_owned() };
        let is_number = left.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let label = match (is_number, word.is_empty()) {
            (true, false) => "a number directly before a name",
            (true, true) => "a number directly before this",
            (false, false) => "two names or brackets side by side",
            (false, true) => "no operator before this",
        };
        let left = if left == ")" { "(…)" } else { left };
        let mut diagnostic = Diagnostic::new(
            "missing-operator",
            format!("there is no operator between `{left}` and `{shown}`"),
        )
        .at(span, label);
        diagnostic = match word {
            "x" if is_number && word == "x" => {
                diagnostic.help(format!("multiplication is always written: `{left}*x`"))
            }
            "xor" | "mod" | "div" | "AND" | "OR" | "NOT" | "is" => {
                diagnostic.help(format!("`{word}` is not an operator of the language"))
            }
            "for" => diagnostic.help("a sum over an index is written `sum[i](x[i])`"),
            _ => diagnostic.help(format!("multiplication is always written: `{left}*{shown}`")),
        };
        self.failure(diagnostic)
    }

    /// An operand was expected at `input`.
    pub(super) fn missing_operand(&self, input: &'t str) -> nom::Err<Mistake> {
        let before = self.text[..self.offset(input)].trim_end();
        let after_what = before.chars().next_back();
        let Some(next) = input.chars().next() else {
            let diagnostic = Diagnostic::new("unfinished", "the formula ends where an operand is expected");
            let span = self.span_at(&self.text[before.len()..], 0);
            let span = match after_what {
                Some(c) => self.span_at(&self.text[before.len() - c.len_utf8()..], c.len_utf8()),
                None => span,
            };
            return self.failure(diagnostic.at(span, "expected a number, a name or a bracket after this"));
        };
        let word = self.peek_word(input);
        let span = self.span_at(input, word.len().max(next.len_utf8()));
        if !word.is_empty() {
            let diagnostic =
                Diagnostic::new("missing-operand", format!("expected an operand, found `{word}`"))
                    .at(span, "a word of the language");
            return self.failure(match word {
                "then" | "else" => diagnostic.help("a choice is written `if x > 0 then a else b`"),
                _ => diagnostic,
            });
        }
        match next {
            '\\' => self.failure(self.latex_mistake(input, 0)),
            '*' | '/' | '^' | '=' | '<' | '>' | '≤' | '≥' | ',' | ';' | ':' => {
                let operator: String =
                    input.chars().take_while(|c| matches!(c, '*' | '=' | '<' | '>')).take(2).collect();
                let operator = if operator.is_empty() { next.to_string() } else { operator };
                let message = format!("expected an operand, found `{operator}`");
                self.failure(Diagnostic::new("missing-operand", message).at(
                    self.span_at(input, operator.len()),
                    "expected a number, a name or a bracket before this",
                ))
            }
            ')' | ']' | '}' => {
                let opens = before.chars().filter(|c| matches!(c, '(' | '[')).count();
                let closes = before.chars().filter(|c| matches!(c, ')' | ']')).count();
                if opens <= closes {
                    return self.failure(
                        Diagnostic::new("unmatched-bracket", format!("`{next}` closes nothing"))
                            .at(span, "no bracket is open here")
                            .help("remove it, or open one before"),
                    );
                }
                self.failure(
                    Diagnostic::new("missing-operand", format!("expected an operand, found `{next}`"))
                        .at(span, "expected a number, a name or a bracket before this"),
                )
            }
            '{' => self.failure(
                Diagnostic::new("unexpected-character", "braces are for sets in declarations: `y in {0,1}`")
                    .at(span, "expected an operand")
                    .help("in a formula, write parentheses: `(…)`"),
            ),
            _ => self.unexpected(input, "an operand"),
        }
    }

    /// Something else was expected at `input`.
    pub(super) fn unexpected(&self, input: &'t str, expected: &str) -> nom::Err<Mistake> {
        let Some(next) = input.chars().next() else {
            let end = self.text.trim_end().len();
            let last = self.text[..end].chars().next_back().map_or(0, char::len_utf8);
            return self.failure(
                Diagnostic::new("unfinished", format!("the text ends where {expected} is expected"))
                    .at(self.span_at(&self.text[end - last..], last), "nothing follows"),
            );
        };
        let word = self.peek_word(input);
        let span = self.span_at(input, word.len().max(next.len_utf8()));
        let found = if word.is_empty() { next.to_string() } else { word.to_owned() };
        let diagnostic = |code, label: &str| {
            Diagnostic::new(code, format!("expected {expected}, found `{found}`")).at(span, label)
        };
        self.failure(match next {
            ')' | ']' => Diagnostic::new("unmatched-bracket", format!("`{next}` closes nothing"))
                .at(span, "no bracket is open here")
                .help("remove it, or open one before"),
            '&' => {
                diagnostic("unexpected-character", "not an operator").help("write `and`: `a > 0 and b > 0`")
            }
            '|' if input.starts_with("||") => {
                diagnostic("unexpected-character", "not an operator").help("write `or`: `a > 0 or b > 0`")
            }
            '!' => diagnostic("unexpected-character", "not an operator")
                .help("write `not`: `not a > 0`; factorials are `exp(lgamma(n + 1))`"),
            '?' => {
                diagnostic("unexpected-character", "not an operator").help("write `if a > 0 then b else c`")
            }
            '%' => diagnostic("unexpected-character", "not an operator")
                .help("a remainder is `x - n*floor(x/n)`"),
            '@' => diagnostic("unexpected-character", "not an operator")
                .help("a matrix product is `sum[k](a[i,k]*b[k,j])`"),
            '\\' => self.latex_mistake(input, 0),
            '\'' => {
                diagnostic("unexpected-character", "not part of a name").help("call it `x_prime` or `x2`")
            }
            '=' => diagnostic("single-equals", "an assignment sign").help("a comparison is written `==`"),
            ';' => {
                diagnostic("unexpected-character", "separates hyperparameters, in the parentheses of a loss")
            }
            '.' if input.starts_with("..") => {
                diagnostic("unexpected-character", "ranges stand in the brackets of a reduction")
                    .help("write `sum[u in 0..3](…)`")
            }
            _ if word.is_empty() => diagnostic("unexpected-character", "cannot stand here"),
            _ => diagnostic("unexpected-word", "cannot stand here"),
        })
    }

    /// A bracket that was opened is not closed at `rest`.
    pub(super) fn unclosed(&self, open: &'t str, rest: &'t str, closer: &str) -> nom::Err<Mistake> {
        let opener = &open[..first_char(open)];
        let at_open = self.span_at(open, opener.len());
        let next = &rest[..first_char(rest)];
        if rest.is_empty() {
            return self.failure(
                Diagnostic::new("unclosed-bracket", format!("`{opener}` is not closed"))
                    .at(at_open, "opened here")
                    .help(format!("add `{closer}`")),
            );
        }
        if closer == "]" && self.symbol(rest, "=").is_some() || closer == ")" && next == "=" {
            return self.failure(
                Diagnostic::new("single-equals", format!("expected `{closer}`, found `=`"))
                    .at(self.span_at(rest, 1), "an assignment sign")
                    .help("a comparison is written `==`"),
            );
        }
        let word = self.peek_word(rest);
        let found = if word.is_empty() { next } else { word };
        let diagnostic = Diagnostic::new("unclosed-bracket", format!("expected `{closer}`, found `{found}`"))
            .at(self.span_at(rest, found.len()), format!("expected `{closer}` before this"))
            .at(at_open, "opened here");
        self.failure(match next {
            "," if closer == "|" || closer == ")" && opener == "(" => {
                diagnostic.help("a comma separates the arguments of a function: `max(a, b)`")
            }
            "&" => diagnostic.help("write `and`"),
            "?" => diagnostic.help("write `if a > 0 then b else c`"),
            _ => diagnostic.help(format!("add `{closer}`")),
        })
    }

    pub(super) fn missing_word(
        &self,
        start: &'t str,
        rest: &'t str,
        word: &str,
        help: &str,
    ) -> nom::Err<Mistake> {
        let found = match self.peek_word(rest) {
            "" if rest.is_empty() => "the end".to_owned(),
            "" => format!("`{}`", &rest[..first_char(rest)]),
            other => format!("`{other}`"),
        };
        let span =
            if rest.is_empty() { self.span_at(start, 2) } else { self.span_at(rest, first_char(rest)) };
        let diagnostic =
            Diagnostic::new("incomplete-choice", format!("expected `{word}` after `if`, found {found}")).at(
                span,
                if rest.is_empty() { "this choice is not finished" } else { "expected a word of the choice" },
            );
        if rest.starts_with('=') {
            return self.failure(
                Diagnostic::new("single-equals", format!("expected `{word}`, found `=`"))
                    .at(span, "an assignment sign")
                    .help("a comparison is written `==`"),
            );
        }
        self.failure(diagnostic.help(help))
    }

    /// `\frac`, `^{…}` and their like.
    pub(super) fn latex_mistake(&self, input: &'t str, backslash: usize) -> Diagnostic {
        let word = self.peek_word(&input[1.min(input.len())..]);
        let span = self.span_at(input, 1 + word.len());
        let diagnostic = Diagnostic::new("latex", "LaTeX is written by lossform, not read");
        if backslash == 1 {
            return diagnostic
                .at(span, "braces")
                .help("a power of more than one thing takes parentheses: `x^(a + b)`");
        }
        let diagnostic = diagnostic.at(span, "a LaTeX command");
        match word {
            "frac" => diagnostic.help("a fraction is written `a/b`"),
            "cdot" | "times" => diagnostic.help("multiplication is written `*`"),
            "sum" => diagnostic.help("a sum is written `sum[c](…)`"),
            "left" | "right" | "" => diagnostic.help("write the formula as `-alpha*(1 - p)^gamma*log(p)`"),
            name => diagnostic.help(format!("write `{name}`")),
        }
    }

    /// `np.log`, `lambda x:` and their like.
    pub(super) fn foreign_name(
        &self,
        input: &'t str,
        name: &Name,
        rest: &'t str,
    ) -> Option<nom::Err<Mistake>> {
        if rest.starts_with('.') && !rest.starts_with("..") {
            let word = self.peek_word(skip_space(&rest[1..]));
            let span = self.span_at(input, self.offset(rest) - self.offset(input) + 1 + word.len());
            let (code, message) =
                ("foreign-name", format!("`{}.{word}` is not a name of the language", name.text));
            let diagnostic = Diagnostic::new(code, message).at(span, "a dot in a name");
            return Some(self.failure(match word {
                "" => diagnostic.help("names are made of letters, digits and `_`"),
                "T" => diagnostic.help("a transposed access exchanges the indices: `x[j,i]`"),
                _ => diagnostic.help(format!("write `{word}`: functions have no module")),
            }));
        }
        if name.text == "lambda"
            && !self.peek_word(rest).is_empty()
            && rest.contains(':')
            && !RESERVED.contains(&self.peek_word(rest))
        {
            return Some(
                self.failure(
                    Diagnostic::new("foreign-name", "functions are not values")
                        .at(self.span_at(input, name.text.len()), "a Python function")
                        .help("name the inputs before the formula: `f(x, y) = (x - y)^2`"),
                ),
            );
        }
        None
    }
}
