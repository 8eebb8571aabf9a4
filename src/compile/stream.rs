//! Arrays of pairs that are not stored whole: an index takes the place of the batch.
//!
//! A loss of data without a batch may be a sum over one all the same: of `mean[i](logsumexp[j](s[i,j]))` each i is one,
//! and what is worked out for it is done with once its share of every sum is known. So the index is made the batch,
//! and the pairs stand in memory tile by tile.

use super::Scaled;
use super::lower::{Kind, Wanted};
use super::program::Program;
use super::translate::Translator;
use super::value::{BATCH, Fold, Operation, Place, Source, ValueId, Values};
use crate::diagnostic::Diagnostic;
use crate::evaluate::Data;
use crate::graph::{Graph, Range, VariableId};
use crate::real::Real;

/// Programs that store no more elements than this, and as many as their inputs have twice, are quicker as they are: the
/// second-level cache holds most of it, and products of large matrices are.
const WORTH: usize = 1 << 19;

/// How many indices are tried.
const TRIES: usize = 4;

/// A program that stores less than `whole`, if one of the indices of `ranges` can take the place of the batch.
///
/// # Errors
/// As [`super::compile`].
pub(super) fn streamed<T: Real>(
    graph: &Graph,
    outputs: &[Scaled],
    data: &Data<T>,
    is_exact: bool,
    whole: &Program,
    ranges: &[Range],
) -> Result<Option<Program>, Diagnostic> {
    if !data.batch.is_empty() || whole.shared_length <= WORTH {
        return Ok(None);
    }
    let variables = (0..data.variable_count() as u32).map(VariableId);
    let given: usize = variables.filter_map(|v| data.elements(v)).map(<[T]>::len).sum();
    if whole.shared_length <= WORTH + 2 * given {
        return Ok(None);
    }
    let mut best: Option<Program> = None;
    for range in ranges.iter().take(TRIES) {
        let least = best.as_ref().unwrap_or(whole).elements(1);
        let program = over(graph, outputs, data, is_exact, *range)?;
        if let Some(program) = program.filter(|program| program.elements(1) < least) {
            best = Some(program);
        }
    }
    Ok(best)
}

/// The program whose batch is the first index of `range`, if what it computes can be done in one go over it.
fn over<T: Real>(
    graph: &Graph,
    outputs: &[Scaled],
    data: &Data<T>,
    is_exact: bool,
    range: Range,
) -> Result<Option<Program>, Diagnostic> {
    let mut translator = Translator::streaming(graph, data, range)?;
    translator.values.is_exact = is_exact;
    let mut wanted: Vec<Wanted> = Vec::with_capacity(outputs.len());
    for Scaled { output, divisor } in outputs {
        let (value, order) = translator.output(output)?;
        let factor = translator.values.constant(1.0 / divisor);
        let value = translator.values.multiply(factor, value);
        let kind = if order.contains(&BATCH) { Kind::Each } else { Kind::Once };
        wanted.push(Wanted::whole(wanted.len(), (value, order), kind, 1.0));
    }
    if translator.is_too_large || translator.reads_elsewhere {
        return Ok(None);
    }
    if !takes_one_go(&translator.values, &wanted) {
        return Ok(None);
    }
    Ok(super::finish(translator, wanted, data))
}

/// Whether one go over the batch is enough: it is reduced by sums alone, and nothing that varies with it needs one.
fn takes_one_go(values: &Values, wanted: &[Wanted]) -> bool {
    let needed = values.needed(wanted.iter().map(|w| w.value));
    let is_after = values.after_batch(&needed);
    let fits = |value: &ValueId| {
        let varies = values.space(*value).contains(BATCH);
        let is_fine = match values.operation(*value) {
            Operation::Reduce(..) => values.is_streamable(*value),
            // A tile does not know its place, so where it reads must be within the array.
            Operation::Load(load) => load.axes.iter().all(|(length, place)| match place {
                Place::Affine(first, terms) if terms.iter().any(|t| t.0 == BATCH) => {
                    let (least, most) = values.reach(*first, terms);
                    least >= 0
                        && most < *length as i64
                        && terms.iter().all(|t| t.0 != BATCH || t.1 > 0)
                        && !matches!(load.source, Source::Value(v) if values.space(v).contains(BATCH))
                }
                _ => true,
            }),
            _ => true,
        };
        is_fine && !(varies && is_after[value.position()])
    };
    needed.iter().all(fits)
        && values.rescues.iter().all(|(condition, _)| !is_after[condition.position()])
        && wanted
            .iter()
            .all(|w| w.kind != Kind::Each || !(is_after[w.value.position()] || values.is_batch_sum(w.value)))
        && needed.iter().any(|v| values.space(*v).contains(BATCH))
}

impl Values {
    /// What `roots` need, operands first.
    pub(super) fn needed(&self, roots: impl IntoIterator<Item = ValueId>) -> Vec<ValueId> {
        let mut is_needed = vec![false; self.len()];
        let mut pending: Vec<ValueId> = roots.into_iter().collect();
        while let Some(value) = pending.pop() {
            if !std::mem::replace(&mut is_needed[value.position()], true) {
                pending.extend(self.operands(value));
            }
        }
        (0..self.len() as u32).map(ValueId).filter(|value| is_needed[value.position()]).collect()
    }

    /// By value: whether it is known only when the whole batch is done.
    pub(super) fn after_batch(&self, needed: &[ValueId]) -> Vec<bool> {
        let mut is_after = vec![false; self.len()];
        for value in needed {
            is_after[value.position()] = self
                .operands(*value)
                .iter()
                .any(|operand| is_after[operand.position()] || self.is_batch_sum(*operand));
        }
        is_after
    }

    /// Whether it is no reduction over the batch but a sum.
    pub(super) fn is_streamable(&self, value: ValueId) -> bool {
        !matches!(*self.operation(value),
            Operation::Reduce(fold, over, _) if over.contains(BATCH) && fold != Fold::Sum(0))
    }

    /// Whether it is a sum over the batch.
    pub(super) fn is_batch_sum(&self, value: ValueId) -> bool {
        match self.operation(value) {
            Operation::Reduce(_, over, _) | Operation::Contract(over, ..) | Operation::Scatter(over, ..) => {
                over.contains(BATCH)
            }
            _ => false,
        }
    }
}
