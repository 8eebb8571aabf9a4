//! What is assumed of two losses at once.

use crate::diagnostic::{Diagnostic, Error};
use crate::library::Library;
use crate::loss::Loss;
use crate::number::Number;
use crate::source::Sources;
use crate::syntax::parse_parameter;
use std::sync::Arc;

/// Two losses to be compared, with the hyperparameters of different names that are one.
pub struct Pair {
    /// The losses.
    pub losses: [Loss; 2],
    /// The name in the first and in the second.
    pub identified: Vec<(String, String)>,
}

impl Library {
    /// Two losses, by name or as formulas, under common assumptions: `p in (0,1)` says where an input of either lies,
    /// `delta == beta` that a hyperparameter of one is that of the other, `gamma == 0` which value one has.
    ///
    /// # Errors
    /// As [`Library::loss_with`]; or neither loss has the name.
    pub fn pair(&self, texts: [&str; 2], assumptions: &[String]) -> Result<Pair, Error> {
        let plain = [self.loss_with(texts[0], &[])?, self.loss_with(texts[1], &[])?];
        let mut own: [Vec<String>; 2] = [Vec::new(), Vec::new()];
        let mut settings: [Vec<(String, Number)>; 2] = [Vec::new(), Vec::new()];
        let mut identified = Vec::new();
        for assumption in assumptions {
            if let Some((left, right)) = assumption.split_once("==") {
                let (left, right) = (left.trim(), right.trim());
                let has = |at: usize, name: &str| plain[at].graph().find_variable(name).is_some();
                if let Some(value) = self.constant(right) {
                    let sides: Vec<usize> = (0..2).filter(|at| has(*at, left)).collect();
                    if sides.is_empty() {
                        return Err(unknown(&plain, left));
                    }
                    sides.into_iter().for_each(|at| settings[at].push((left.to_owned(), value.clone())));
                } else if has(0, left) && has(1, right) {
                    identified.push((left.to_owned(), right.to_owned()));
                } else if has(0, right) && has(1, left) {
                    identified.push((right.to_owned(), left.to_owned()));
                } else {
                    let missing = [left, right].into_iter().find(|n| !has(0, n) && !has(1, n));
                    return Err(unknown(&plain, missing.unwrap_or(left)));
                }
                continue;
            }
            let mut sources = Sources::default();
            let source = sources.add("<assume>", assumption.as_str());
            let name = match parse_parameter(assumption, source) {
                Ok(parameter) => parameter.name.text,
                Err(errors) => return Err(Error::new(errors, Arc::new(sources))),
            };
            let mut is_known = false;
            for (loss, own) in plain.iter().zip(&mut own) {
                if loss.graph().find_variable(&name).is_some() {
                    is_known = true;
                    own.push(assumption.clone());
                }
            }
            if !is_known {
                return Err(unknown(&plain, &name));
            }
        }
        let mut losses = plain;
        for (at, loss) in losses.iter_mut().enumerate() {
            if !own[at].is_empty() {
                *loss = self.loss_with(texts[at], &own[at])?;
            }
            if !settings[at].is_empty() {
                *loss = loss.set(&settings[at])?;
            }
        }
        Ok(Pair { losses, identified })
    }

    /// The number that a text is.
    fn constant(&self, text: &str) -> Option<Number> {
        let loss = self.formula(text).ok()?;
        loss.graph().as_constant(loss.root()).cloned()
    }
}

fn unknown(losses: &[Loss; 2], name: &str) -> Error {
    let names: Vec<String> =
        losses.iter().flat_map(|l| l.graph().variables()).map(|v| v.name.clone()).collect();
    let near = crate::suggestion::nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
    let diagnostic = Diagnostic::new("unknown-name", format!("neither loss has an input `{name}`"));
    losses[0].error(match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("they have `{}`", names.join("`, `"))),
    })
}
