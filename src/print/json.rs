//! A document as JSON, for `--json`.

use super::document::Document;
use super::latex::latex;
use super::text::expression;
use super::unicode::unicode;
use serde_json::{Map, Value, json};

/// The keys `text`, `where`, `unicode`, `latex` and `operations`, in this order.
pub fn json(document: &Document) -> Map<String, Value> {
    let definitions: Vec<Value> = document
        .definitions
        .iter()
        .map(|d| json!({"name": d.name, "indices": d.indices, "text": expression(&d.value)}))
        .collect();
    let entries = [
        ("text", json!(expression(&document.body))),
        ("where", json!(definitions)),
        ("unicode", json!(unicode(document))),
        ("latex", json!(latex(document))),
        ("operations", json!(document.operations())),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
