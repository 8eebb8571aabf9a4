//! Losses that become negative, and losses that are not convex.

use super::{Finding, predictions};
use crate::counterexample::{Point, Sampler, json_number};
use crate::evaluate::Extended;
use crate::graph::NodeId;
use crate::loss::Loss;
use crate::real::Real;
use num_traits::Float;

/// A margin far above the rounding of 237 bits.
const MARGIN: f64 = 1e-20;

/// A loss with values of both signs reads as one that is not negative, but is not.
///
/// One that is nowhere positive is a gain with its sign changed, and meant to be negative.
pub(super) fn negative(loss: &Loss) -> Option<Finding> {
    let root = loss.root();
    let sampler = Sampler::new(loss.graph(), &[]);
    let mut witness: Option<(Point, Extended)> = None;
    let mut is_positive = false;
    for round in Sampler::rounds() {
        let points = sampler.round(&[root], round);
        let all: Vec<&Point> = points.iter().map(|(_, point)| point).collect();
        if all.is_empty() {
            continue;
        }
        for (point, values) in all.iter().zip(sampler.values(&[root], &[], &all)) {
            let Some(value) = values.first().and_then(|v| v.first()).copied().filter(|v| v.is_finite())
            else {
                continue;
            };
            is_positive |= value > Extended::from_double(MARGIN);
            if witness.is_none()
                && value < Extended::from_double(-MARGIN)
                && sampler.is_defined(root, point) == Some(true)
            {
                witness = Some(((*point).clone(), value));
            }
        }
    }
    let (point, value) = witness.filter(|_| is_positive)?;
    let finding = Finding::new(
        "negative-loss",
        "the loss can be negative: its minimum is not a perfect prediction",
        "declare the domains on which it is meant (`in simplex`, `in logprob`), or check the sign and the order of its terms",
    );
    Some(finding.witnessed(&point, &[("value", json_number(value))]))
}

/// For each input, two points between which the loss lies above the chord.
pub(super) fn not_convex(loss: &Loss) -> Vec<Finding> {
    let root = loss.root();
    let sampler = Sampler::new(loss.graph(), &[]);
    let mut findings = Vec::new();
    for name in predictions(loss) {
        let Some(found) = above_chord(&sampler, root, name) else { continue };
        let finding = Finding::new(
            "not-convex",
            format!(
                "the loss is not convex in `{name}`: there may be several minima, and Newton steps may go uphill"
            ),
            format!("use a convex loss of `{name}`, or a method that does not need convexity"),
        );
        let [low, high] = found.ends.map(|e| e.to_json()[name].clone());
        findings.push(finding.witnessed(
            &found.middle,
            &[
                ("between", serde_json::json!([low, high])),
                ("value", json_number(found.value)),
                ("chord", json_number(found.chord)),
            ],
        ));
    }
    findings
}

struct AboveChord {
    ends: [Point; 2],
    middle: Point,
    value: Extended,
    chord: Extended,
}

/// Pairs of points that differ in one input only.
fn above_chord(sampler: &Sampler, root: NodeId, name: &str) -> Option<AboveChord> {
    for round in Sampler::rounds() {
        let points: Vec<Point> = sampler.round(&[root], round).into_iter().map(|(_, point)| point).collect();
        let mut triples: Vec<[Point; 3]> = Vec::new();
        for pair in points.windows(2) {
            let first = pair[0].clone();
            let Some(at) = first.values.iter().position(|(n, _, _)| n == name) else { continue };
            let mut second = first.clone();
            second.values[at].2 = pair[1].values[at].2.clone();
            let half = Extended::from_double(0.5);
            let mut middle = first.clone();
            for (m, other) in middle.values[at].2.iter_mut().zip(&second.values[at].2) {
                *m = (*m + *other) * half;
            }
            // Every domain of a real input is convex, a simplex too, so the middle lies in it.
            triples.push([first, middle, second]);
        }
        let all: Vec<&Point> = triples.iter().flatten().collect();
        if all.is_empty() {
            continue;
        }
        let values = sampler.values(&[root], &[], &all);
        for (triple, values) in triples.iter().zip(values.chunks(3)) {
            let value = |at: usize| values.get(at).and_then(|v| v.first()?.first()).copied();
            let (Some(a), Some(m), Some(b)) = (value(0), value(1), value(2)) else { continue };
            if !(a.is_finite() && m.is_finite() && b.is_finite()) {
                continue;
            }
            let chord = (a + b) * Extended::from_double(0.5);
            let margin = Extended::from_double(1e-9) * a.abs().max(b.abs()).max(Extended::from_double(1e-6));
            if m > chord + margin {
                let [first, middle, second] = triple.clone();
                return Some(AboveChord { ends: [first, second], middle, value: m, chord });
            }
        }
    }
    None
}
