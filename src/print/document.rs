//! A printed expression with the names that it uses.

use super::convert::Converter;
use super::form::Form;
use super::share;
use crate::graph::{Graph, NodeId};
use crate::lower::Named;

/// An expression and the definitions of the names in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The expression.
    pub body: Form,
    /// The `where` part; a definition uses only names that are defined after it.
    pub definitions: Vec<Definition>,
}

/// `name[indices] = value`
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The name.
    pub name: String,
    /// The names of its index parameters.
    pub indices: Vec<String>,
    /// What it stands for.
    pub value: Form,
}

impl Definition {
    /// The left side, in the language.
    pub fn head(&self) -> String {
        if self.indices.is_empty() {
            self.name.clone()
        } else {
            format!("{}[{}]", self.name, self.indices.join(","))
        }
    }
}

impl Document {
    /// The number of operations a reader counts; see [`Form::operations`]. What has a name is counted once.
    pub fn operations(&self) -> usize {
        self.body.operations() + self.definitions.iter().map(|d| d.value.operations()).sum::<usize>()
    }
}

/// Decides how `root` is printed.
///
/// Subexpressions that occur more than once get a name, so that the size is linear in the graph: the one that
/// the user gave in `named`, else one that says what it is. The graph only gains nodes.
pub fn document(graph: &mut Graph, root: NodeId, named: &[Named]) -> Document {
    let shared = share::find(graph, root, named);
    let mut converter = Converter::new(graph, shared);
    let body = converter.root(root);
    let definitions = converter.definitions(&body);
    Document { body, definitions }
}
