//! What lossform says when something is wrong: one type for every stage.

use crate::source::{Sources, Span};
use std::sync::Arc;

/// What kind of fault it is; decides the command's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Usage, parse or type error: exit code 2.
    Formula,
    /// The derivative cannot be derived: exit code 3.
    Underivable,
    /// The data do not fit the loss: exit code 4.
    Data,
    /// An internal limit was reached: exit code 5.
    Limit,
}

/// A message with its places and what to type instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable name such as `unknown-name`.
    pub code: &'static str,
    /// What kind of fault it is.
    pub fault: Fault,
    /// The first line: lower case, no full stop, code in backticks, makes sense alone.
    pub message: String,
    /// The places, the main one first.
    pub labels: Vec<Label>,
    /// What to type instead, a sentence each.
    pub help: Vec<String>,
}

/// A place and what to see there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What; may be empty.
    pub text: String,
}

impl Diagnostic {
    /// A message of kind [`Fault::Formula`] with nothing but its first line.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            fault: Fault::Formula,
            message: message.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// The same of another kind.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    /// Adds a place; the first that is added is the main one.
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds what to type instead.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

/// One or more messages with the texts that they point into.
///
/// Its `Display` is the full rendering, with the source, without colour.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.render())]
pub struct Error {
    /// At least one.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts.
    pub sources: Arc<Sources>,
}

impl Error {
    /// What is wrong, with the texts that the places are in.
    pub fn new(diagnostics: Vec<Diagnostic>, sources: Arc<Sources>) -> Self {
        Error { diagnostics, sources }
    }

    /// The exit code of a command that ends with it: that of the first message.
    pub fn exit_code(&self) -> u8 {
        match self.diagnostics.first().map(|d| d.fault) {
            Some(Fault::Formula) | None => 2,
            Some(Fault::Underivable) => 3,
            Some(Fault::Data) => 4,
            Some(Fault::Limit) => 5,
        }
    }

    /// All messages with their source lines, as plain text.
    pub fn render(&self) -> String {
        let mut buffer = codespan_reporting::term::termcolor::NoColor::new(Vec::new());
        self.write(&mut buffer);
        String::from_utf8_lossy(&buffer.into_inner()).trim_end().to_owned()
    }

    /// The same with the colours of a terminal.
    pub fn render_coloured(&self) -> String {
        let mut buffer = codespan_reporting::term::termcolor::Ansi::new(Vec::new());
        self.write(&mut buffer);
        String::from_utf8_lossy(&buffer.into_inner()).trim_end().to_owned()
    }

    fn write(&self, out: &mut dyn codespan_reporting::term::termcolor::WriteColor) {
        use codespan_reporting::diagnostic as shown;
        let config = codespan_reporting::term::Config::default();
        for diagnostic in &self.diagnostics {
            let mut files = codespan_reporting::files::SimpleFiles::new();
            let mut labels = Vec::new();
            for (at, label) in diagnostic.labels.iter().enumerate() {
                let source = self.sources.get(label.span.source);
                let window = Window::around(&source.text, label.span);
                let file = files.add(source.name.to_string(), window.text);
                let style = if at == 0 { shown::LabelStyle::Primary } else { shown::LabelStyle::Secondary };
                labels.push(
                    shown::Label::new(style, file, window.start..window.end).with_message(label.text.clone()),
                );
            }
            // Labels of one text share one excerpt, unless it had to be cut.
            for at in 1..labels.len() {
                let same = (0..at).find(|first| {
                    let (a, b) = (labels[*first].file_id, labels[at].file_id);
                    files.get(a).ok().map(|f| f.source()) == files.get(b).ok().map(|f| f.source())
                        && files.get(a).ok().map(|f| f.name()) == files.get(b).ok().map(|f| f.name())
                });
                if let Some(first) = same {
                    labels[at].file_id = labels[first].file_id;
                }
            }
            let notes = diagnostic.help.iter().map(|help| format!("help: {help}")).collect();
            let message = shown::Diagnostic::error()
                .with_code(diagnostic.code)
                .with_message(&diagnostic.message)
                .with_labels(labels)
                .with_notes(notes);
            // Writing to memory does not fail.
            let _ = codespan_reporting::term::emit_to_write_style(out, &config, &files, &message);
        }
    }
}

/// The most that is shown of a line on either side of a place.
const WINDOW: usize = 60;

/// A text with long lines cut down to what is near a place, and the place in it.
struct Window {
    text: String,
    start: usize,
    end: usize,
}

impl Window {
    fn around(text: &str, span: Span) -> Window {
        let (start, end) =
            (span.start as usize, (span.end as usize).min(text.len()).max(span.start as usize));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        if line_end - line_start <= 2 * WINDOW + 80 {
            return Window { text: text.to_owned(), start, end };
        }
        let end = end.min(start + WINDOW).min(line_end);
        let from = floor_boundary(text, start.saturating_sub(WINDOW).max(line_start));
        let to = floor_boundary(text, (end + WINDOW).min(line_end));
        let end = floor_boundary(text, end);
        // Blank lines keep the line number right.
        let mut cut = "\n".repeat(text[..line_start].matches('\n').count());
        let before = cut.len() + if from > line_start { "…".len() } else { 0 };
        if from > line_start {
            cut.push('…');
        }
        cut.push_str(&text[from..to]);
        if to < line_end {
            cut.push('…');
        }
        Window { text: cut, start: before + start - from, end: before + end - from }
    }
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
