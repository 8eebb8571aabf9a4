//! `lossform show`

use super::arguments::{Format, ShowOptions};
use super::{Outcome, later, loss, print, print_json};
use crate::library::Library;
use crate::print::{dot, latex, text, unicode};
use serde_json::json;

pub(super) fn run(library: &Library, options: &ShowOptions) -> Outcome {
    if options.stable {
        return Err(later("show --stable"));
    }
    let loss = loss(library, &options.loss)?;
    let document = loss.document();
    if options.json || options.format == Format::Json {
        return print_json(&json!({
            "loss": loss.name(),
            "signature": loss.signature(),
            "documentation": loss.documentation(),
            "definition": loss.definition(),
            "text": text(&document),
            "unicode": unicode(&document),
            "latex": latex(&document),
            "operations": document.operations(),
        }));
    }
    match options.format {
        Format::Unicode => print(&unicode(&document)),
        Format::Latex => print(&latex(&document)),
        Format::Dot => print(&dot(loss.graph(), loss.root())),
        _ => {
            let documentation = loss.documentation();
            let gap = if documentation.is_empty() { "" } else { "\n\n" };
            print(&format!("{documentation}{gap}{}", loss.definition()))
        }
    }
}
