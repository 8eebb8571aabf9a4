//! House rules: which part knows which, and how long files are.

use std::path::{Path, PathBuf};

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files.sort();
    files
        .into_iter()
        .map(|path| {
            (path.strip_prefix(&root).unwrap().display().to_string(), std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// What each part may not import.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "syntax",
        &["graph", "lower", "differentiate", "simplify", "print", "evaluate", "library", "loss", "cli"],
    ),
    (
        "graph",
        &["syntax", "lower", "differentiate", "simplify", "print", "evaluate", "library", "loss", "cli"],
    ),
    ("differentiate", &["simplify", "print", "evaluate", "library", "loss", "cli"]),
    ("simplify", &["differentiate", "print", "evaluate", "library", "loss", "cli"]),
    ("stabilize", &["differentiate", "print", "evaluate", "library", "loss", "cli"]),
    ("print", &["syntax", "differentiate", "simplify", "evaluate", "library", "loss", "cli"]),
    ("evaluate", &["syntax", "lower", "differentiate", "simplify", "print", "library", "loss", "cli"]),
    ("points", &["syntax", "lower", "differentiate", "simplify", "print", "library", "loss", "cli"]),
    ("counterexample", &["syntax", "lower", "differentiate", "simplify", "print", "library", "loss", "cli"]),
    ("proof", &["syntax", "lower", "differentiate", "evaluate", "counterexample", "library", "loss", "cli"]),
    ("kinds", &["differentiate", "simplify", "print", "evaluate", "library", "loss", "cli"]),
    ("equivalence", &["lower", "differentiate", "diagnosis", "lint", "kinds", "cli"]),
    ("diagnosis", &["syntax", "lint", "kinds", "cli"]),
    ("lint", &["lower", "diagnosis", "equivalence", "cli"]),
    (
        "compile",
        &["syntax", "lower", "differentiate", "simplify", "print", "library", "loss", "execute", "cli"],
    ),
    ("execute", &["syntax", "lower", "differentiate", "simplify", "print", "library", "loss", "cli"]),
    ("function", &["syntax", "graph", "lower", "evaluate"]),
    (
        "vector",
        &[
            "syntax",
            "graph",
            "lower",
            "differentiate",
            "simplify",
            "print",
            "evaluate",
            "library",
            "loss",
            "cli",
        ],
    ),
];

#[test]
fn parts_import_in_one_direction() {
    for (file, text) in all() {
        let part = file.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        let Some((_, forbidden)) = FORBIDDEN.iter().find(|(name, _)| *name == part) else { continue };
        for line in text.lines().filter(|l| l.trim_start().starts_with("use crate::")) {
            for other in *forbidden {
                assert!(
                    !line.contains(&format!("crate::{other}::"))
                        && !line.contains(&format!("crate::{other};")),
                    "{file}: {line}"
                );
            }
        }
    }
}

#[test]
fn only_the_command_line_prints_and_reads_files() {
    for (file, text) in all() {
        if file.starts_with("cli/") || file == "main.rs" {
            continue;
        }
        for word in ["println!", "eprintln!", "std::fs", "std::env::"] {
            let code: Vec<&str> = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
            assert!(!code.join("\n").contains(word), "{file} has {word}");
        }
    }
}

#[test]
fn files_are_short() {
    for (file, text) in all() {
        let lines = text.lines().count();
        assert!(lines <= 620, "{file} has {lines} lines");
    }
}

#[test]
fn every_snapshot_has_its_loss() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/library");
    let library = lossform::Library::builtin();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(library.names().any(|n| n == name), "{name}.snap is left over");
    }
}
