//! A printed expression with the names that it uses.

use super::convert::{Converter, Mode};
use super::form::Form;
use super::share::{self, Shared};
use crate::graph::{Graph, NodeId};
use crate::lower::Named;
use std::collections::BTreeSet;

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
    let (mut bodies, definitions) = documents(graph, &[root], named);
    Document { body: bodies.remove(0), definitions }
}

/// Decides how several expressions are printed that share their definitions; one form for each of `roots`.
pub fn documents(graph: &mut Graph, roots: &[NodeId], named: &[Named]) -> (Vec<Form>, Vec<Definition>) {
    let mut converter = Converter::new(graph);
    let sharing = share::find(&mut converter, roots, named);
    converter.definition_names = sharing.shared.iter().map(|s| s.name.clone()).collect();
    converter.mode = Mode::Named(sharing.occurrences);
    // A root that is used within another goes by its name.
    let bodies: Vec<Form> = roots.iter().map(|root| converter.form(*root)).collect();
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for body in &bodies {
        body.visit_names(&mut |name| {
            wanted.insert(name.to_owned());
        });
    }
    let mut definitions = Vec::new();
    for shared in &sharing.shared {
        if wanted.contains(&shared.name) {
            let definition = definition(&mut converter, shared);
            definition.value.visit_names(&mut |name| {
                wanted.insert(name.to_owned());
            });
            definitions.push(definition);
        }
    }
    (bodies, definitions)
}

fn definition(converter: &mut Converter<'_>, shared: &Shared) -> Definition {
    converter.names.clear();
    let mut indices = Vec::with_capacity(shared.indices.len());
    for index in &shared.indices {
        let name = converter.parameter_name(*index, &indices, shared.node);
        converter.names.insert(*index, name.clone());
        indices.push(name);
    }
    converter.defined = Some(shared.node);
    let value = converter.spelled_out(shared.node);
    converter.defined = None;
    Definition { name: shared.name.clone(), indices, value }
}
