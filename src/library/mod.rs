//! The built-in losses, written in the language itself: one file a family.

use crate::diagnostic::Error;
use crate::lower::Definitions;
use crate::source::Sources;
use crate::syntax::parse_file;
use std::sync::{Arc, OnceLock};

/// The families in the order of the catalogue, with their texts.
pub const FAMILIES: &[(&str, &str)] = &[
    ("regression", include_str!("regression.loss")),
    ("binary", include_str!("binary.loss")),
    ("multiclass", include_str!("multiclass.loss")),
    ("distribution", include_str!("distribution.loss")),
    ("segmentation", include_str!("segmentation.loss")),
    ("metric", include_str!("metric.loss")),
    ("image", include_str!("image.loss")),
    ("adversarial", include_str!("adversarial.loss")),
    ("centernet", include_str!("centernet.loss")),
];

/// Losses that can be called by name: the built-in ones and those of a user's files.
#[derive(Clone)]
pub struct Library {
    pub(crate) sources: Arc<Sources>,
    pub(crate) definitions: Arc<Definitions>,
    families: Vec<(String, Vec<String>)>,
}

impl Library {
    /// The built-in losses. They are read once for the whole program.
    ///
    /// # Panics
    /// If a file of the library has a mistake, which a test would show.
    pub fn builtin() -> Library {
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        LIBRARY
            .get_or_init(|| {
                let mut library =
                    Library { sources: Arc::default(), definitions: Arc::default(), families: Vec::new() };
                for (family, text) in FAMILIES {
                    if let Err(error) = library.add(family, &format!("{family}.loss"), text) {
                        panic!("the library does not parse:\n{error}");
                    }
                }
                library
            })
            .clone()
    }

    /// Adds the definitions of a `.loss` file as a family of their own. A name that is there already is replaced.
    ///
    /// # Errors
    /// Every mistake of the text.
    pub fn add(&mut self, family: &str, file: &str, text: &str) -> Result<(), Error> {
        let sources = Arc::make_mut(&mut self.sources);
        let source = sources.add(file, text);
        let (parsed, mut errors) = parse_file(text, source);
        let names: Vec<String> = parsed
            .items
            .iter()
            .filter_map(|item| match item {
                crate::syntax::tree::Item::Loss(loss) => loss.name.as_ref().map(|n| n.text.clone()),
                _ => None,
            })
            .collect();
        errors.extend(Arc::make_mut(&mut self.definitions).add(parsed));
        if !errors.is_empty() {
            return Err(Error::new(errors, self.sources.clone()));
        }
        for (_, known) in &mut self.families {
            known.retain(|name| !names.contains(name));
        }
        self.families.push((family.to_owned(), names));
        Ok(())
    }

    /// The families with the names of their losses, in the order written.
    pub fn families(&self) -> &[(String, Vec<String>)] {
        &self.families
    }

    /// The names of all losses.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.families.iter().flat_map(|(_, names)| names.iter().map(String::as_str))
    }
}
