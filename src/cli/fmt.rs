//! `lossform fmt`

use super::arguments::FmtOptions;
use super::{Outcome, plain_error, print, read_text, standard_input};
use crate::diagnostic::{Diagnostic, Error, Fault};
use crate::source::Sources;
use crate::syntax::format_file;
use std::sync::Arc;

pub(super) fn run(options: &FmtOptions) -> Outcome {
    let mut code = 0;
    for path in &options.files {
        let is_input = path.as_os_str() == "-";
        let text = if is_input { standard_input()? } else { read_text(path)? };
        let mut sources = Sources::default();
        let name = if is_input { "<standard input>".to_owned() } else { path.display().to_string() };
        let source = sources.add(name.as_str(), text.as_str());
        let formatted = format_file(&text, source).map_err(|errors| Error::new(errors, Arc::new(sources)))?;
        if options.check {
            if formatted != text {
                eprintln!("{name} is not formatted");
                code = 1;
            }
        } else if is_input {
            print(&formatted)?;
        } else if formatted != text {
            std::fs::write(path, formatted).map_err(|error| {
                plain_error(
                    Diagnostic::new("unwritable-output", format!("cannot write `{name}`: {error}"))
                        .fault(Fault::Data),
                )
            })?;
        }
    }
    Ok(code)
}
