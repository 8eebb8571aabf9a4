//! Derivatives against the forms that papers print: equal, and no longer.

use crate::operations::Operations;
use crate::points::{Draw, inputs};
use crate::roundtrip::{elements, weighted};
use lossform::evaluate::Extended;
use lossform::number::Number;
use lossform::real::Real;
use lossform::{Derivation, Library, Loss, Request};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A loss with the published forms of some of its derivatives.
struct Row {
    name: String,
    loss: Loss,
    forms: Vec<Published>,
}

/// `z[c]` or `z[c], z[d]`, and the form of a paper.
struct Published {
    with_respect_to: Vec<(String, Vec<String>)>,
    text: String,
}

impl Published {
    fn new(element: &str, text: &str) -> Published {
        // `z[c], z[d]`: a comma outside of brackets separates.
        let mut parts = vec![String::new()];
        let mut depth = 0;
        for c in element.chars().filter(|c| !c.is_whitespace()) {
            depth += i32::from(c == '[') - i32::from(c == ']');
            match c {
                ',' if depth == 0 => parts.push(String::new()),
                _ => parts.last_mut().unwrap().push(c),
            }
        }
        let split = |part: &String| match part.split_once('[') {
            Some((name, indices)) => {
                let indices = indices.trim_end_matches(']').split(',').map(str::to_owned).collect();
                (name.to_owned(), indices)
            }
            None => (part.clone(), Vec::new()),
        };
        Published { with_respect_to: parts.iter().map(split).collect(), text: text.trim().to_owned() }
    }

    fn derive(&self, loss: &Loss, simplified: bool) -> Derivation {
        let names: Vec<&str> = self.with_respect_to.iter().map(|(name, _)| name.as_str()).collect();
        let derived = match names.as_slice() {
            [first, second] => loss.second(first, second, simplified),
            _ if simplified => loss.gradient(names[0]),
            _ => loss.raw_gradients(&names).map(|mut all| all.remove(0)),
        };
        derived.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Reads a table: blocks with a citation, a loss (`loss …` or `builtin name`), perhaps `set y = 1`, and a line
/// `gradient p = …` or `hessian p, q = …` for each published form. What is indented continues a line.
fn read(library: &Library, table: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for block in table.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let mut lines: Vec<String> = Vec::new();
        for line in block.lines().filter(|line| !line.starts_with('#')) {
            match lines.last_mut() {
                Some(last) if line.starts_with(' ') => last.push_str(&format!("\n{line}")),
                _ => lines.push(line.to_owned()),
            }
        }
        let Some(first) = lines.first() else { continue };
        let text = first.strip_prefix("builtin ").unwrap_or(first);
        let mut loss = library.loss_with(text, &[]).unwrap_or_else(|error| panic!("{block}\n{error}"));
        let mut name = loss.name().to_owned();
        for line in &lines[1..] {
            let (verb, rest) = line.split_once(' ').unwrap();
            let (left, right) = rest.split_once(" = ").unwrap_or_else(|| panic!("{line}"));
            if verb == "set" {
                let value = Number::from_f64(right.trim().parse().unwrap()).unwrap();
                loss = loss.set(&[(left.to_owned(), value)]).unwrap_or_else(|error| panic!("{error}"));
                name.push_str(&format!(", {left} = {right}"));
            } else {
                assert!(["gradient", "hessian"].contains(&verb), "{line}");
                let form = Published::new(left, right);
                let name = format!("{name}, {}", heading(&form));
                rows.push(Row { name, loss: loss.clone(), forms: vec![form] });
            }
        }
    }
    rows
}

/// A table's text. It is read when the test runs, so that tables can grow without compiling anything.
fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the tables, with their rows.
fn tables(library: &Library) -> [(&'static str, Vec<Row>); 3] {
    [
        ("paper_forms", read(library, &file("forms/paper_forms.txt"))),
        ("more_papers", read(library, &file("forms/more_papers.txt"))),
        ("thirty", thirty(library)),
    ]
}

/// The scalar formulas that symbolic systems are compared on.
fn thirty(library: &Library) -> Vec<Row> {
    let file: serde_json::Value = serde_json::from_str(&file("formulas.json")).unwrap();
    let mut rows = Vec::new();
    for entry in file["formulas"].as_array().unwrap() {
        let declared: Vec<String> = entry["domains"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, domain)| match domain.as_str().unwrap() {
                "unit" => format!("{name} in (0,1)"),
                "pos" => format!("{name} in (0,inf)"),
                "onehot" => format!("{name} in {{0,1}}"),
                "sign" => format!("{name} in {{-1,1}}"),
                "real" => name.clone(),
                other => panic!("the domain {other}"),
            })
            .collect();
        let string = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let name = string(&entry["name"]);
        let text = format!("loss {name}({}) = {}", declared.join(", "), string(&entry["formula"]));
        let loss = library.formula(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
        let forms = entry["wrt"]
            .as_array()
            .unwrap()
            .iter()
            .zip(entry["paper"].as_array().unwrap())
            // Heaviside's step is a helper of the library that the table is read with.
            .map(|(wrt, text)| Published::new(&string(wrt), &string(text).replace("Heaviside", "heaviside")))
            .collect();
        rows.push(Row { name, loss, forms });
    }
    rows
}

fn library() -> Library {
    let mut library = Library::builtin();
    let step = "## The step of Heaviside.\nfn heaviside(x) = [x > 0]\n";
    library.add("forms", "forms.loss", step).unwrap_or_else(|error| panic!("{error}"));
    library
}

/// What is measured of a row.
struct Measured {
    ours: Operations,
    published: Operations,
    texts: Vec<String>,
}

impl Measured {
    fn is_longer(&self) -> bool {
        self.ours.count() > self.published.count()
    }

    /// Ours by published; a form without operations still has to be read.
    fn ratio(&self) -> f64 {
        self.ours.count().max(1) as f64 / self.published.count().max(1) as f64
    }
}

fn measure(row: &Row) -> Measured {
    let (mut ours, mut published) = (Operations::default(), Operations::default());
    let mut texts = Vec::new();
    for form in &row.forms {
        let text = form.derive(&row.loss, true).text();
        ours.add(&text);
        published.add(&form.text);
        texts.push(text);
    }
    Measured { ours, published, texts }
}

fn geometric_mean(all: &[Measured]) -> f64 {
    (all.iter().map(|m| m.ratio().ln()).sum::<f64>() / all.len() as f64).exp()
}

/// How a derivative is headed: `z[c]`, or `z[c], z[d]`.
fn heading(form: &Published) -> String {
    let element = |(name, indices): &(String, Vec<String>)| match indices.as_slice() {
        [] => name.clone(),
        indices => format!("{name}[{}]", indices.join(",")),
    };
    form.with_respect_to.iter().map(element).collect::<Vec<_>>().join(", ")
}

/// Each row with its figures and our forms, and the published ones where ours are longer.
fn report(rows: &[Row], all: &[Measured], only_longer: bool) -> String {
    let mut report = String::new();
    for (row, measured) in rows.iter().zip(all) {
        let longer = measured.is_longer();
        if only_longer && !longer {
            continue;
        }
        let name = &row.name;
        report.push_str(&format!("{name}: {} of {}\n", measured.ours.count(), measured.published.count()));
        for (form, text) in row.forms.iter().zip(&measured.texts) {
            let label = if row.forms.len() > 1 { format!("{}: ", heading(form)) } else { String::new() };
            report.push_str(&format!("    {label}{}\n", text.replace('\n', "\n    ")));
            if longer {
                report.push_str(&format!("    published {}\n", form.text.replace('\n', "\n    ")));
            }
        }
    }
    report
}

/// Rows that are longer than published, a name a line: none may join, and who leaves is to be struck out.
fn exceeding() -> BTreeSet<String> {
    let list = file("forms/exceeding.txt");
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn forms_are_no_longer_than_published() {
    let mut longer = BTreeSet::new();
    for (table, rows) in tables(&library()) {
        let all: Vec<Measured> = rows.iter().map(measure).collect();
        let names = rows.iter().zip(&all).filter(|(_, m)| m.is_longer());
        longer.extend(names.map(|(row, _)| format!("{table}: {}", row.name)));
        // Of the thirty it is the mean that counts.
        if table == "thirty" && geometric_mean(&all) > 1.0 {
            longer.insert("thirty: the geometric mean".to_owned());
        }
        insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots/forms"}, {
            insta::assert_snapshot!(table, report(&rows, &all, false));
        });
    }
    assert_eq!(longer, exceeding(), "left are those that are longer, right those that exceeding.txt lists");
}

/// The value of a formula.
fn value(library: &Library, text: &str, seed: u64) -> (f64, String) {
    let loss = library.formula(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    let point = inputs::<Extended>(&loss, &mut Draw(seed), 4);
    let evaluator = loss.evaluator::<Extended>(&Request::default()).unwrap();
    let result = evaluator.evaluate(&point, &BTreeMap::new());
    (result.unwrap_or_else(|error| panic!("{text}\n{error}")).value[[]].to_double(), format!("{point:?}"))
}

#[test]
fn published_forms_are_the_derivatives() {
    let library = library();
    let mut wrong = Vec::new();
    for (table, rows) in tables(&library) {
        for row in &rows {
            for form in &row.forms {
                let raw = form.derive(&row.loss, false);
                let derived = weighted(&row.loss, &elements(&row.loss, &raw), &raw.text());
                let own: Vec<(&str, Vec<&str>)> = form
                    .with_respect_to
                    .iter()
                    .map(|(name, indices)| (name.as_str(), indices.iter().map(String::as_str).collect()))
                    .collect();
                let published = weighted(&row.loss, &own, &form.text);
                for seed in 0..6 {
                    let ((a, point), (b, _)) =
                        (value(&library, &derived, seed), value(&library, &published, seed));
                    let agree = (a - b).abs() <= 1e-13 * a.abs().max(1e-2);
                    if !agree {
                        let (name, heading) = (&row.name, heading(form));
                        wrong.push(format!(
                            "{table}: {name}, {heading}: {b} instead of {a} at {point}\n{published}"
                        ));
                        break;
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn operations_that_are_reported_are_those_of_the_text() {
    let mut other = Vec::new();
    for (_, rows) in tables(&library()) {
        for row in &rows {
            for form in &row.forms {
                let derivation = form.derive(&row.loss, true);
                let mut counted = Operations::default();
                counted.add(&derivation.text());
                if counted.written() != derivation.operations() {
                    let (ours, reported) = (counted.written(), derivation.operations());
                    other.push(format!("{}: {reported} reported, {ours} in\n{derivation}", row.name));
                }
            }
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n\n"));
}

/// `cargo test --test suite print_forms -- --ignored --nocapture` shows what is longer than published.
#[test]
#[ignore = "prints"]
fn print_forms() {
    for (table, rows) in tables(&library()) {
        let all: Vec<Measured> = rows.iter().map(measure).collect();
        let longer = all.iter().filter(|m| m.is_longer()).count();
        let shorter = all.iter().filter(|m| m.ours.count() < m.published.count()).count();
        println!("# {table}: {} rows, {longer} longer, {shorter} shorter", rows.len());
        println!("# geometric mean of ours by published {:.3}\n", geometric_mean(&all));
        // Where nothing is shared but by a name, a row of several forms says nothing.
        for (row, m) in rows.iter().zip(&all).filter(|(row, _)| row.forms.len() == 1) {
            if !m.is_longer() && m.ours.written() > m.published.written() {
                let (ours, published) = (m.ours.written(), m.published.written());
                println!("as written {ours} of {published}: {}\n    {}", row.name, m.texts[0]);
            }
        }
        println!("{}", report(&rows, &all, true));
    }
}
