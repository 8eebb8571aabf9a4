//! The command line: the only part that prints and reads files.

mod arguments;
mod bench;
mod check;
mod data;
mod equiv;
mod eval;
mod fmt;
mod grad;
mod lint;
mod list;
mod reference;
mod results;
mod show;
mod spool;

use crate::diagnostic::{Diagnostic, Error, Fault};
use crate::library::Library;
use crate::loss::Loss;
use crate::number::Number;
use crate::source::Sources;
use arguments::{Arguments, Colour, Command, LossArguments};
use clap::Parser;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// What a command may fail with.
type Outcome = Result<u8, Error>;

/// Runs the command line and gives the exit code that `CLI.md` of the manual promises.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are not errors; everything else is a usage error.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let colour = arguments.color;
    match dispatch(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let coloured = match colour {
                Colour::Always => true,
                Colour::Never => false,
                Colour::Auto => {
                    std::io::stderr().is_terminal()
                        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
                }
            };
            let text = if coloured { error.render_coloured() } else { error.render() };
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(arguments: Arguments) -> Outcome {
    let files = &arguments.file;
    match arguments.command {
        Command::List(options) => list::run(&library(files)?, &options),
        Command::Show(options) => show::run(&library(files)?, &options),
        Command::Grad(options) => grad::run(&library(files)?, &options),
        Command::Eval(options) => eval::run(&library(files)?, &options),
        Command::Check(options) => check::run(&library(files)?, &options),
        Command::Fmt(options) => fmt::run(&options),
        Command::Functions { json } => reference::functions(json),
        Command::Rules { json } => reference::rules(json),
        Command::Completions { shell } => reference::completions(shell),
        Command::Bench(options) => bench::run(&library(files)?, &options),
        Command::Equiv(options) => equiv::run(&library(files)?, &options),
        Command::Lint(options) => lint::run(&library(files)?, &options),
    }
}

/// An error without a place.
fn plain_error(diagnostic: Diagnostic) -> Error {
    Error::new(vec![diagnostic], Arc::new(Sources::default()))
}

/// The built-in losses and those of the files given by `-f`.
fn library(files: &[std::path::PathBuf]) -> Result<Library, Error> {
    let mut library = Library::builtin();
    for path in files {
        let text = read_text(path)?;
        let family = path.file_stem().map_or_else(|| "file".into(), |stem| stem.to_string_lossy());
        library.add(&family, &path.display().to_string(), &text)?;
    }
    Ok(library)
}

/// The longest text that is read from a file: 256 MiB.
const TEXT_LIMIT: u64 = 256 << 20;

fn read_text(path: &std::path::Path) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|f| f.take(TEXT_LIMIT + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        plain_error(
            Diagnostic::new("unreadable-file", format!("cannot read `{}`: {error}", path.display()))
                .help("give the path of a text file"),
        )
    })?;
    if bytes.len() as u64 > TEXT_LIMIT {
        return Err(plain_error(
            Diagnostic::new(
                "input-too-large",
                format!("`{}` has more than {} MiB of text", path.display(), TEXT_LIMIT >> 20),
            )
            .fault(Fault::Limit)
            .help("give so much data as .npy, .npz or .csv, which are not read as a whole"),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        plain_error(
            Diagnostic::new(
                "not-utf8",
                format!("`{}` is not UTF-8 text (byte {})", path.display(), error.utf8_error().valid_up_to()),
            )
            .help("save it as UTF-8"),
        )
    })
}

/// The longest formula that is read from standard input: 64 MiB.
const INPUT_LIMIT: u64 = 64 << 20;

/// The loss that the arguments name, with their assumptions and settings.
fn loss(library: &Library, arguments: &LossArguments) -> Result<Loss, Error> {
    let text = formula_text(&arguments.loss)?;
    let loss = library.loss_with(&text, &arguments.assume)?;
    let mut values = Vec::with_capacity(arguments.set.len());
    for setting in &arguments.set {
        values.push(parse_setting(setting)?);
    }
    if values.is_empty() { Ok(loss) } else { loss.set(&values) }
}

/// The text that an argument stands for: itself, or for `-` what is on standard input.
fn formula_text(argument: &str) -> Result<String, Error> {
    if argument == "-" { standard_input() } else { Ok(argument.to_owned()) }
}

fn standard_input() -> Result<String, Error> {
    let mut bytes = Vec::new();
    let result = std::io::stdin().take(INPUT_LIMIT + 1).read_to_end(&mut bytes);
    if bytes.len() as u64 > INPUT_LIMIT {
        return Err(plain_error(
            Diagnostic::new("input-too-large", "standard input has more than 64 MiB").fault(Fault::Limit),
        ));
    }
    let text =
        result.map_err(|e| e.to_string()).and_then(|_| String::from_utf8(bytes).map_err(|e| e.to_string()));
    text.map_err(|error| {
        plain_error(Diagnostic::new("unreadable-file", format!("cannot read standard input: {error}")))
    })
}

/// `gamma=2`, `alpha=1/4`
fn parse_setting(setting: &str) -> Result<(String, Number), Error> {
    let wrong = || {
        plain_error(
            Diagnostic::new("invalid-setting", format!("cannot read the setting `{setting}`"))
                .help("write `--set name=number`, for example `--set gamma=2` or `--set alpha=1/4`"),
        )
    };
    let (name, value) = setting.split_once('=').ok_or_else(wrong)?;
    let library = Library::builtin();
    let loss = library.formula(value.trim()).map_err(|_| wrong())?;
    let number = loss.graph().as_constant(loss.root()).cloned().ok_or_else(wrong)?;
    let name = library.formula(name.trim()).map_err(|_| wrong())?;
    let variable = name.graph().variables().first().map(|v| v.name.clone()).ok_or_else(wrong)?;
    Ok((variable, number))
}

/// Writes a result to standard output.
fn print(text: &str) -> Outcome {
    print_with(|out| if text.ends_with('\n') { write!(out, "{text}") } else { writeln!(out, "{text}") })
}

/// The same for one that is not there as a whole. A closed pipe is not an error.
fn print_with(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Outcome {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Ok(()) => Ok(0),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(plain_error(
            Diagnostic::new("unwritable-output", format!("cannot write the result: {error}"))
                .fault(Fault::Data),
        )),
    }
}

fn print_json(value: &serde_json::Value) -> Outcome {
    print(&value.to_string())
}
