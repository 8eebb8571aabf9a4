//! Expressions, from the loosest operator to the tightest.

use super::token::{RESERVED, skip_space, starts_number, superscript};
use super::{Parser, Read};
use crate::comparison::Comparison;
use crate::diagnostic::Diagnostic;
use crate::number::Number;
use crate::syntax::tree::{Expression, ExpressionKind, Factor, Term};

impl<'t> Parser<'t> {
    pub fn expression(&self, input: &'t str) -> Read<'t, Expression> {
        self.disjunction(input)
    }

    fn disjunction(&self, input: &'t str) -> Read<'t, Expression> {
        self.chain(input, "or", |i| self.conjunction(i), ExpressionKind::Or)
    }

    fn conjunction(&self, input: &'t str) -> Read<'t, Expression> {
        self.chain(input, "and", |i| self.negation(i), ExpressionKind::And)
    }

    fn chain(
        &self,
        input: &'t str,
        word: &str,
        operand: impl Fn(&'t str) -> Read<'t, Expression>,
        kind: impl Fn(Vec<Expression>) -> ExpressionKind,
    ) -> Read<'t, Expression> {
        let (mut rest, first) = operand(input)?;
        let Some(after) = self.keyword(rest, word) else { return Ok((rest, first)) };
        let mut all = vec![first];
        let mut next = Some(after);
        while let Some(after) = next {
            let (behind, operand) = operand(after)?;
            // `(a and b) and c` is the same as `a and b and c`, but is kept as it was written.
            all.push(operand);
            rest = behind;
            next = self.keyword(rest, word);
        }
        Ok((rest, Expression { kind: kind(all), span: self.span_between(input, rest) }))
    }

    fn negation(&self, input: &'t str) -> Read<'t, Expression> {
        let Some(after) = self.keyword(input, "not") else { return self.comparison(input) };
        let (rest, inner) = self.nested(input, || self.negation(after))?;
        Ok((
            rest,
            Expression { kind: ExpressionKind::Not(Box::new(inner)), span: self.span_between(input, rest) },
        ))
    }

    fn comparison(&self, input: &'t str) -> Read<'t, Expression> {
        let (rest, left) = self.sum(input)?;
        let Some((comparison, after)) = self.comparison_sign(rest)? else { return Ok((rest, left)) };
        let (rest, right) = self.sum(after)?;
        if let Some((_, _)) = self.comparison_sign(rest)? {
            let slice = |e: &Expression| &self.text[e.span.start as usize..e.span.end as usize];
            let (a, b, sign) = (slice(&left), slice(&right), comparison.symbol());
            return self.fail(
                Diagnostic::new("chained-comparison", "comparisons cannot be chained")
                    .at(self.span_at(rest, 1), "a second comparison")
                    .help(format!("write `{a} {sign} {b} and {b} …`")),
            );
        }
        let kind = ExpressionKind::Compare(comparison, Box::new([left, right]));
        Ok((rest, Expression { kind, span: self.span_between(input, rest) }))
    }

    fn comparison_sign(
        &self,
        input: &'t str,
    ) -> Result<Option<(Comparison, &'t str)>, nom::Err<super::Mistake>> {
        let signs = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessEqual),
            (">=", Comparison::GreaterEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("≤", Comparison::LessEqual),
            ("≥", Comparison::GreaterEqual),
            ("≠", Comparison::NotEqual),
        ];
        if !input.starts_with(['=', '!', '<', '>', '≤', '≥', '≠']) || input.starts_with("=>") {
            return Ok(None);
        }
        Ok(signs.iter().find_map(|(sign, comparison)| Some((*comparison, self.symbol(input, sign)?))))
    }

    fn sum(&self, input: &'t str) -> Read<'t, Expression> {
        let mut terms: Vec<Term> = Vec::new();
        let mut rest = input;
        let mut negative = false;
        if let Some(after) = self.plus_or_minus(rest) {
            (negative, rest) = after;
        }
        loop {
            let (after, operand) = self.product(rest)?;
            rest = after;
            if terms.is_empty() && !negative && self.plus_or_minus(rest).is_none() {
                return Ok((rest, operand));
            }
            terms.push(Term { negative, operand });
            match self.plus_or_minus(rest) {
                Some((sign, after)) => (negative, rest) = (sign, after),
                None => break,
            }
        }
        Ok((rest, Expression { kind: ExpressionKind::Sum(terms), span: self.span_between(input, rest) }))
    }

    /// The sign and what stands behind it.
    fn plus_or_minus(&self, input: &'t str) -> Option<(bool, &'t str)> {
        match input.as_bytes().first()? {
            b'+' => Some((false, skip_space(&input[1..]))),
            b'-' => Some((true, skip_space(&input[1..]))),
            0xe2 => self.symbol(input, "−").map(|after| (true, after)),
            _ => None,
        }
    }

    fn product(&self, input: &'t str) -> Read<'t, Expression> {
        let (mut rest, first) = self.sign(input)?;
        let mut factors: Vec<Factor> = Vec::new();
        let mut first = Some(first);
        while let Some((divide, after)) = self.times_or_over(rest) {
            factors.extend(first.take().map(|operand| Factor { divide: false, operand }));
            let (behind, operand) = self.sign(after)?;
            factors.push(Factor { divide, operand });
            rest = behind;
        }
        self.check_operator(input, rest)?;
        match first {
            Some(first) => Ok((rest, first)),
            None => {
                let span = self.span_between(input, rest);
                Ok((rest, Expression { kind: ExpressionKind::Product(factors), span }))
            }
        }
    }

    /// Whether it divides, and what stands behind it.
    fn times_or_over(&self, input: &'t str) -> Option<(bool, &'t str)> {
        match input.as_bytes().first()? {
            b'*' if !input.starts_with("**") => Some((false, skip_space(&input[1..]))),
            b'/' => Some((true, skip_space(&input[1..]))),
            0xc2 | 0xc3 | 0xe2 => ["·", "×", "⋅", "∙"]
                .iter()
                .find_map(|sign| self.symbol(input, sign))
                .map(|after| (false, after))
                .or_else(|| self.symbol(input, "÷").map(|after| (true, after))),
            _ => None,
        }
    }

    fn sign(&self, input: &'t str) -> Read<'t, Expression> {
        let Some((negative, after)) = self.plus_or_minus(input) else { return self.power(input) };
        let (rest, operand) = self.nested(input, || self.sign(after))?;
        if !negative {
            return Ok((rest, operand));
        }
        let kind = ExpressionKind::Sum(vec![Term { negative, operand }]);
        Ok((rest, Expression { kind, span: self.span_between(input, rest) }))
    }

    fn power(&self, input: &'t str) -> Read<'t, Expression> {
        let (rest, base) = self.raised(input)?;
        let after = if let Some(after) = self.symbol(rest, "^") {
            after
        } else if let Some(after) = self.symbol(rest, "**") {
            after
        } else {
            return Ok((rest, base));
        };
        if after.starts_with('{') {
            return self.fail(self.latex_mistake(after, 1));
        }
        let (rest, exponent) = self.nested(input, || match self.plus_or_minus(after) {
            Some(_) => self.sign(after),
            None => self.power(after),
        })?;
        let kind = ExpressionKind::Power(Box::new(base), Box::new(exponent));
        Ok((rest, Expression { kind, span: self.span_between(input, rest) }))
    }

    /// A primary with superscripts: `x²`.
    fn raised(&self, input: &'t str) -> Read<'t, Expression> {
        let (rest, base) = self.primary(input)?;
        if !rest.starts_with(|c| superscript(c).is_some()) {
            return Ok((rest, base));
        }
        let digits: String = rest.chars().map_while(superscript).collect();
        let length: usize = rest.chars().take_while(|c| superscript(*c).is_some()).map(char::len_utf8).sum();
        let span = self.span_at(rest, length);
        let Ok(value) = digits.parse::<i64>() else {
            return self.fail(
                Diagnostic::new("malformed-number", "the superscript is not a whole number")
                    .at(span, "expected digits, perhaps after a minus sign")
                    .help("write the power with `^`: `x^(-1)`"),
            );
        };
        let number = |value: i64| Expression { kind: ExpressionKind::Number(Number::integer(value)), span };
        let exponent = if value < 0 && value != i64::MIN {
            let term = Term { negative: true, operand: number(-value) };
            Expression { kind: ExpressionKind::Sum(vec![term]), span }
        } else {
            number(value)
        };
        let rest = self.behind(&rest[length..]);
        let kind = ExpressionKind::Power(Box::new(base), Box::new(exponent));
        Ok((rest, Expression { kind, span: self.span_between(input, rest) }))
    }

    /// After a product: what follows must not begin another operand, or an operator is missing.
    fn check_operator(&self, input: &'t str, rest: &'t str) -> Result<(), nom::Err<super::Mistake>> {
        let Some(next) = rest.chars().next() else { return Ok(()) };
        let word = self.peek_word(rest);
        let begins_operand = if word.is_empty() {
            next == '(' || next == '√' || next == '∑' || starts_number(rest)
        } else {
            let next_binding = self.in_bindings.get() && self.begins_binding(rest);
            !next_binding && !RESERVED.contains(&word)
        };
        if begins_operand {
            return Err(self.missing_operator(input, rest));
        }
        let is_foreign = next != '!' || !rest.starts_with("!=");
        if is_foreign
            && matches!(next, '&' | '!' | '?' | '%' | '@' | '$' | '\\' | '{' | '~' | '`' | '"' | '\'')
        {
            return Err(self.unexpected(rest, "an operator"));
        }
        Ok(())
    }

    /// Whether a where-binding begins here: a name, perhaps indices, then `=`.
    pub(super) fn begins_binding(&self, input: &'t str) -> bool {
        let word = self.peek_word(input);
        if word.is_empty() || RESERVED.contains(&word) {
            return false;
        }
        let mut rest = skip_space(&input[word.len()..]);
        if let Some(inside) = rest.strip_prefix('[') {
            // Index parameters are short; this keeps the look-ahead, and so the whole parser, linear.
            let Some(end) = inside.bytes().take(256).position(|b| b == b']') else { return false };
            rest = skip_space(&inside[end + 1..]);
        }
        rest.starts_with('=') && !rest.starts_with("==") && !rest.starts_with("=>")
    }
}
