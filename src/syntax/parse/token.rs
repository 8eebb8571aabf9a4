//! Tokens: space, numbers, names, symbols. Each eats the space after it.

use super::{Parser, Read};
use crate::diagnostic::{Diagnostic, Fault};
use crate::number::Number;
use crate::syntax::tree::Name;
use nom::Parser as _;
use nom::bytes::complete::take_while;
use nom::character::complete::{char, digit1, one_of};
use nom::combinator::{opt, recognize};
use nom::sequence::pair;
use std::borrow::Cow;

/// The words that cannot be names.
pub(super) const RESERVED: &[&str] =
    &["loss", "fn", "where", "if", "then", "else", "and", "or", "not", "in", "rule"];

/// `input` without leading space and comments.
#[inline]
pub(super) fn skip_space(input: &str) -> &str {
    match input.as_bytes().first() {
        Some(byte) if byte.is_ascii_graphic() && *byte != b'#' => input,
        _ => skip_blank(input),
    }
}

fn skip_blank(mut input: &str) -> &str {
    loop {
        let bytes = input.as_bytes();
        let blank = bytes.iter().take_while(|b| matches!(b, b' ' | b'\n' | b'\t' | b'\r')).count();
        input = &input[blank..];
        match input.as_bytes().first() {
            Some(b'#') => input = &input[input.find('\n').unwrap_or(input.len())..],
            Some(byte) if !byte.is_ascii() => {
                let trimmed = input.trim_start();
                if trimmed.len() == input.len() {
                    return input;
                }
                input = trimmed;
            }
            _ => return input,
        }
    }
}

pub(super) fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (!c.is_ascii() && c.is_alphabetic() && superscript(c).is_none())
}

pub(super) fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || c == '_'
        || (!c.is_ascii()
            && ((c.is_alphanumeric() && superscript(c).is_none())
                || is_combining(c)
                || subscript(c).is_some()))
}

/// A mark on the letter before it, as in a decomposed `ŷ`.
fn is_combining(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// The digit, or the minus sign, that a superscript stands for.
pub(super) fn superscript(c: char) -> Option<char> {
    const DIGITS: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹";
    if c.is_ascii() {
        return None;
    }
    if c == '⁻' {
        return Some('-');
    }
    DIGITS.chars().position(|d| d == c).and_then(|at| char::from_digit(at as u32, 10))
}

fn subscript(c: char) -> Option<char> {
    const DIGITS: &str = "₀₁₂₃₄₅₆₇₈₉";
    DIGITS.chars().position(|d| d == c).and_then(|at| char::from_digit(at as u32, 10))
}

/// The name of a Greek letter.
fn greek(c: char) -> Option<&'static str> {
    Some(match c {
        'α' => "alpha",
        'β' => "beta",
        'γ' => "gamma",
        'δ' => "delta",
        'ε' | 'ϵ' => "epsilon",
        'ζ' => "zeta",
        'η' => "eta",
        'θ' | 'ϑ' => "theta",
        'ι' => "iota",
        'κ' => "kappa",
        'λ' => "lambda",
        'μ' | 'µ' => "mu",
        'ν' => "nu",
        'ξ' => "xi",
        'ο' => "omicron",
        'π' => "pi",
        'ρ' => "rho",
        'σ' | 'ς' => "sigma",
        'τ' => "tau",
        'υ' => "upsilon",
        'φ' | 'ϕ' => "phi",
        'χ' => "chi",
        'ψ' => "psi",
        'ω' => "omega",
        'Γ' => "Gamma",
        'Δ' => "Delta",
        'Θ' => "Theta",
        'Λ' => "Lambda",
        'Ξ' => "Xi",
        'Π' => "Pi",
        'Σ' => "Sigma",
        'Φ' => "Phi",
        'Ψ' => "Psi",
        'Ω' => "Omega",
        _ => return None,
    })
}

/// The name as names are compared: Greek letters and subscripts spelled out.
fn spelled_out(raw: &str) -> String {
    if raw.is_ascii() {
        return raw.to_owned();
    }
    let mut name = String::with_capacity(raw.len());
    for c in raw.chars() {
        match (greek(c), subscript(c)) {
            (Some(greek), _) => name.push_str(greek),
            (None, Some(digit)) => name.push(digit),
            (None, None) => name.push(c),
        }
    }
    name
}

impl<'t> Parser<'t> {
    /// What stands behind a token, which ends where `rest` begins.
    #[inline]
    pub(super) fn behind(&self, rest: &'t str) -> &'t str {
        let next = skip_space(rest);
        self.gap.set((self.offset(rest), self.offset(next)));
        next
    }

    /// The letters of a word at `input`, reserved or not; empty where there is none.
    pub(super) fn peek_word(&self, input: &'t str) -> &'t str {
        let Some(first) = input.as_bytes().first() else { return "" };
        let begins = if first.is_ascii() {
            first.is_ascii_alphabetic() || *first == b'_'
        } else {
            input.starts_with(is_name_start)
        };
        if !begins {
            return "";
        }
        let ascii = input.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let end = match input.as_bytes().get(ascii) {
            Some(byte) if !byte.is_ascii() => input.find(|c| !is_name_part(c)).unwrap_or(input.len()),
            _ => ascii,
        };
        &input[..end]
    }

    /// A reserved word.
    pub(super) fn keyword(&self, input: &'t str, word: &str) -> Option<&'t str> {
        let rest = input.strip_prefix(word)?;
        (!rest.starts_with(is_name_part)).then(|| self.behind(rest))
    }

    /// A symbol.
    pub(super) fn symbol(&self, input: &'t str, symbol: &str) -> Option<&'t str> {
        input.strip_prefix(symbol).map(|rest| self.behind(rest))
    }

    pub(super) fn name(&self, input: &'t str) -> Read<'t, Name> {
        let word = self.peek_word(input);
        if word.is_empty() {
            return self.none();
        }
        let span = self.span_at(input, word.len());
        if RESERVED.contains(&word) {
            return self.fail(
                Diagnostic::new("reserved-word", format!("`{word}` is a word of the language, not a name"))
                    .at(span, "expected a name")
                    .help(format!("call it something else, such as `{word}_`")),
            );
        }
        Ok((self.behind(&input[word.len()..]), Name { text: spelled_out(word), span }))
    }

    pub(super) fn number(&self, input: &'t str) -> Read<'t, Number> {
        if !starts_number(input) {
            return self.none();
        }
        let fraction = |rest: &'t str| -> Read<'t, &'t str> {
            // `0..3` is a range, not a fraction.
            if rest.starts_with("..") {
                return Ok((rest, ""));
            }
            let (rest, digits) =
                opt(pair(char('.'), take_while(|c: char| c.is_ascii_digit()))).parse(rest)?;
            Ok((rest, digits.map_or("", |d| d.1)))
        };
        let (rest, whole) = take_while(|c: char| c.is_ascii_digit()).parse(input)?;
        let (rest, fraction) = fraction(rest)?;
        let mut exponent: i64 = -(fraction.len() as i64);
        let mut rest = rest;
        let mut overflow = false;
        if rest.starts_with(['e', 'E']) {
            let power: Read<'t, &'t str> = recognize(pair(opt(one_of("+-")), digit1)).parse(&rest[1..]);
            match power {
                Ok((after, digits)) => {
                    match digits.parse::<i64>().ok().and_then(|e| exponent.checked_add(e)) {
                        Some(sum) => exponent = sum,
                        None => overflow = true,
                    }
                    rest = after;
                }
                // `2e` is a malformed number, `2exp(x)` and `2eps` lack an operator.
                Err(_) if !rest[1..].starts_with(is_name_part) => {
                    return self.fail(
                        Diagnostic::new("malformed-number", "the exponent of the number has no digits")
                            .at(
                                self.span_at(input, input.len() - rest.len() + 1),
                                "expected digits after `e`",
                            )
                            .help(format!(
                                "write `{}e-7`, or without `e`",
                                &input[..input.len() - rest.len()]
                            )),
                    );
                }
                Err(_) => {}
            }
        }
        let length = input.len() - rest.len();
        if rest.starts_with('.') && !rest.starts_with("..") {
            return self.fail(
                Diagnostic::new("malformed-number", "a number has one decimal point")
                    .at(self.span_at(input, length + 1), "a second point"),
            );
        }
        let digits = match fraction {
            "" => Cow::Borrowed(whole),
            _ => Cow::Owned([whole, fraction].concat()),
        };
        match Number::from_decimal(&digits, exponent).filter(|_| !overflow) {
            Some(value) => Ok((self.behind(rest), value)),
            None => self.fail(
                Diagnostic::new(
                    "number-too-large",
                    "the number is too large or too small to be kept exactly",
                )
                .fault(Fault::Limit)
                .at(self.span_at(input, length), "more than 8192 bits")
                .help("numbers between 1e-2048 and 1e2048 can be written"),
            ),
        }
    }
}

pub(super) fn starts_number(input: &str) -> bool {
    let bytes = input.as_bytes();
    match bytes.first() {
        Some(b'0'..=b'9') => true,
        Some(b'.') => matches!(bytes.get(1), Some(b'0'..=b'9')),
        _ => false,
    }
}
