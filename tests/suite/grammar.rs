//! The grammar in `grammar/lossform.ebnf` is the language.

use crate::points::Draw;
use lossform::syntax::{parse_expression, parse_file, parse_formula, print_expression, print_loss};
use std::collections::{BTreeMap, BTreeSet};

/// A right side of a production.
#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Name(String),
    Words,
    Sequence(Vec<Part>),
    Choice(Vec<Part>),
    Optional(Box<Part>),
    Repeat(Box<Part>),
}

/// Reads EBNF.
struct Reader {
    tokens: Vec<String>,
    at: usize,
}

impl Reader {
    fn new(text: &str) -> Self {
        let mut text = text;
        let mut tokens = Vec::new();
        while let Some(c) = text.chars().next() {
            let length = match c {
                '"' => text[1..].find('"').unwrap() + 2,
                '?' => text[1..].find('?').unwrap() + 2,
                '(' if text.starts_with("(*") => {
                    text = &text[text.find("*)").unwrap() + 2..];
                    continue;
                }
                c if c.is_whitespace() => {
                    text = &text[c.len_utf8()..];
                    continue;
                }
                c if c.is_alphabetic() => text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap(),
                c => c.len_utf8(),
            };
            tokens.push(text[..length].to_owned());
            text = &text[length..];
        }
        Reader { tokens, at: 0 }
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.tokens[self.at - 1].clone()
    }

    fn choice(&mut self) -> Part {
        let mut all = vec![self.sequence()];
        while self.tokens[self.at] == "|" {
            self.at += 1;
            all.push(self.sequence());
        }
        if all.len() == 1 { all.remove(0) } else { Part::Choice(all) }
    }

    fn sequence(&mut self) -> Part {
        let mut all = Vec::new();
        while !matches!(self.tokens[self.at].as_str(), "|" | ")" | "]" | "}" | ";") {
            let token = self.next();
            all.push(match token.as_str() {
                "[" => self.closed(|p| Part::Optional(Box::new(p))),
                "{" => self.closed(|p| Part::Repeat(Box::new(p))),
                "(" => self.closed(|p| p),
                t if t.starts_with('"') => Part::Text(t.trim_matches('"').to_owned()),
                t if t.starts_with('?') => Part::Words,
                t => Part::Name(t.to_owned()),
            });
        }
        Part::Sequence(all)
    }

    fn closed(&mut self, wrap: impl Fn(Part) -> Part) -> Part {
        let inner = self.choice();
        self.at += 1;
        wrap(inner)
    }
}

fn productions() -> BTreeMap<String, Part> {
    let mut reader = Reader::new(include_str!("../../grammar/lossform.ebnf"));
    let mut all = BTreeMap::new();
    while reader.at < reader.tokens.len() {
        let name = reader.next();
        assert_eq!(reader.next(), "=", "after {name}");
        all.insert(name, reader.choice());
        assert_eq!(reader.next(), ";");
    }
    all
}

struct Generator<'g> {
    productions: &'g BTreeMap<String, Part>,
    draw: Draw,
    reached: BTreeSet<String>,
}

impl Generator<'_> {
    fn name(&mut self, name: &str, depth: usize, out: &mut String) {
        self.reached.insert(name.to_owned());
        match name {
            "name" => {
                let names = ["x", "y1", "p_t", "alpha", "γ", "z", "log", "s", "c", "ŷ"];
                out.push_str(names[self.draw.below(names.len())]);
            }
            "number" => out.push_str(["0", "1", "2.5", "1e-3", "0.25", "12"][self.draw.below(6)]),
            // An interval that holds something.
            "interval" => {
                for part in ["interval", "endpoint", "signed_number"] {
                    self.reached.insert(part.to_owned());
                }
                out.push_str(["(0,1)", "[0,inf)", "(-inf,0]", "[-1,2.5)"][self.draw.below(4)]);
            }
            // A choice takes all that follows, so within a longer sentence it stands in parentheses.
            "choice" => {
                out.push('(');
                let part = self.productions[name].clone();
                self.part(&part, depth, out);
                out.push(')');
            }
            _ => {
                let part = self.productions[name].clone();
                self.part(&part, depth, out);
            }
        }
    }

    fn part(&mut self, part: &Part, depth: usize, out: &mut String) {
        match part {
            Part::Text(text) => {
                let word = text.chars().all(char::is_alphabetic) && text != "√";
                out.push_str(if word { " " } else { "" });
                out.push_str(text);
                out.push_str(if word || text == "-" || text == "<" { " " } else { "" });
            }
            Part::Words => out.push_str(["²", "³", "¹⁰"][self.draw.below(3)]),
            Part::Name(name) => {
                out.push(' ');
                // Deep down, only the shortest way out.
                if depth == 0 && name == "primary" {
                    self.name("name", 0, out);
                } else {
                    self.name(name, depth.saturating_sub(1), out);
                }
            }
            Part::Sequence(all) => all.iter().for_each(|p| self.part(p, depth, out)),
            Part::Choice(all) => {
                let at = if depth == 0 { all.len() - 1 } else { self.draw.below(all.len()) };
                self.part(&all[at], depth, out);
            }
            Part::Optional(inner) => {
                if depth > 0 && self.draw.below(3) == 0 {
                    self.part(inner, depth, out);
                }
            }
            Part::Repeat(inner) => {
                for _ in 0..if depth == 0 { 0 } else { self.draw.below(4) / 2 } {
                    self.part(inner, depth, out);
                }
            }
        }
    }
}

/// What a tree says, without the places.
fn placeless(file: &lossform::syntax::tree::File) -> String {
    let shown = format!("{file:?}");
    let mut parts = shown.split("Span { source: ");
    let first = parts.next().unwrap_or("").to_owned();
    parts.fold(first, |text, part| text + part.split_once('}').map_or(part, |(_, rest)| rest))
}

#[test]
fn sentences_of_the_grammar_read_back() {
    let productions = productions();
    let mut generator = Generator { productions: &productions, draw: Draw(3), reached: BTreeSet::new() };
    let mut checked = 0;
    for round in 0..12000 {
        let mut text = String::new();
        let depth = 8 + round % 24;
        if round % 3 == 0 {
            generator.name("file", depth, &mut text);
            let (file, errors) = parse_file(&text, Default::default());
            assert!(errors.is_empty(), "{text}\n{errors:?}");
            let formatted = lossform::syntax::format_file(&text, Default::default()).unwrap();
            let (again, errors) = parse_file(&formatted, Default::default());
            assert!(errors.is_empty(), "{formatted}\n{errors:?}");
            assert_eq!(placeless(&file), placeless(&again), "{text}\n{formatted}");
            let twice = lossform::syntax::format_file(&formatted, Default::default()).unwrap();
            assert_eq!(twice, formatted);
        } else if round % 3 == 1 {
            generator.name("formula", depth, &mut text);
            let tree = parse_formula(&text, Default::default()).unwrap_or_else(|e| panic!("{text}\n{e:?}"));
            let printed = print_loss(&tree);
            let again =
                parse_formula(&printed, Default::default()).unwrap_or_else(|e| panic!("{printed}\n{e:?}"));
            assert_eq!((&tree.body, &tree.bindings), (&again.body, &again.bindings), "{text}\n{printed}");
        } else {
            generator.name("expression", depth, &mut text);
            let tree =
                parse_expression(&text, Default::default()).unwrap_or_else(|e| panic!("{text}\n{e:?}"));
            let printed = print_expression(&tree);
            let again =
                parse_expression(&printed, Default::default()).unwrap_or_else(|e| panic!("{printed}\n{e:?}"));
            assert_eq!(tree, again, "{text}\n{printed}");
        }
        checked += 1;
    }
    assert_eq!(checked, 12000);
    let missed: Vec<_> = productions.keys().filter(|p| !generator.reached.contains(*p)).collect();
    assert!(missed.is_empty(), "never reached: {missed:?}");
}

#[test]
fn productions_are_the_functions_of_the_parser() {
    let parser = [
        include_str!("../../src/syntax/parse/expression.rs"),
        include_str!("../../src/syntax/parse/item.rs"),
        include_str!("../../src/syntax/parse/primary.rs"),
        include_str!("../../src/syntax/parse/token.rs"),
    ]
    .concat();
    for name in productions().keys() {
        let shapes = [format!("fn {name}("), format!("fn {name}<")];
        assert!(shapes.iter().any(|s| parser.contains(s)), "nothing reads `{name}`");
    }
}
