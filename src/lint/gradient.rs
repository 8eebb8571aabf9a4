//! Gradients that vanish on a wrong prediction, and gradients without bound.

use super::{Finding, predictions};
use crate::counterexample::{Point, Sampler, json_number};
use crate::differentiate::differentiate;
use crate::evaluate::Extended;
use crate::graph::{Domain, Graph, Interval, NodeId};
use crate::loss::Loss;
use crate::points::Style;
use crate::real::Real;
use num_traits::Float;

/// How far out a prediction is sure of itself.
const FAR: f64 = 40.0;

/// Rounds of points that are looked at.
const ROUNDS: std::ops::Range<usize> = 0..5;

/// The gradient with respect to an input, in a graph that holds the loss.
struct Gradient {
    sampler: Sampler,
    root: NodeId,
    node: NodeId,
    indices: Vec<crate::graph::IndexId>,
    interval: Interval,
    is_simplex: bool,
    name: String,
}

fn gradients(loss: &Loss) -> Vec<Gradient> {
    let mut all = Vec::new();
    for name in predictions(loss) {
        let mut graph: Graph = loss.graph().clone();
        let Some(variable) = graph.find_variable(name) else { continue };
        let derivative = differentiate(&mut graph, loss.root(), &[variable]).remove(0);
        let node = crate::simplify::simplify(&mut graph, derivative.node).node;
        let domain = graph.variable(variable).domain.clone();
        all.push(Gradient {
            sampler: Sampler::new(&graph, &[]),
            root: loss.root(),
            node,
            indices: derivative.indices,
            interval: domain.interval(),
            is_simplex: domain == Domain::Simplex,
            name: name.to_owned(),
        });
    }
    all
}

impl Gradient {
    /// Ordinary points that have the input, with its place among the values.
    fn points(&self) -> Vec<(Point, usize)> {
        let mut points = Vec::new();
        for round in ROUNDS {
            for (style, point) in self.sampler.round(&[self.root, self.node], round) {
                let at = point.values.iter().position(|(name, _, _)| *name == self.name);
                if let (Some(at), Style::Simple | Style::Ordinary) = (at, style) {
                    points.push((point, at));
                }
            }
        }
        points
    }

    /// The value of the loss and the largest element of the gradient.
    fn at(&self, points: &[&Point]) -> Vec<Option<(Extended, Extended)>> {
        let mut found = Vec::with_capacity(points.len());
        // Points of different lengths of axes cannot be evaluated together.
        for point in points {
            let loss = self.sampler.values(&[self.root], &[], &[point]);
            let gradient = self.sampler.values(&[self.node], &self.indices, &[point]);
            let value = loss.first().and_then(|v| v.first()?.first()).copied();
            let size = gradient.first().and_then(|v| v.first()).and_then(|elements| {
                elements.iter().map(|e| e.abs()).reduce(|a, b| if b.is_nan() || b > a { b } else { a })
            });
            found.push(value.zip(size));
        }
        found
    }
}

/// A prediction that is far off, with a loss well above what another prediction has, and no gradient to lead there.
pub(super) fn vanishing(loss: &Loss) -> Vec<Finding> {
    let mut findings = Vec::new();
    for gradient in gradients(loss) {
        if gradient.interval != Interval::REALS {
            continue;
        }
        if let Some((point, value, best)) = vanishing_point(&gradient) {
            let finding = Finding::new(
                "vanishing-gradient",
                format!("the gradient with respect to `{}` vanishes on a wrong prediction", gradient.name),
                "use a loss whose logarithm undoes the saturation, such as cross-entropy on logits",
            );
            findings.push(
                finding.witnessed(&point, &[("value", json_number(value)), ("best", json_number(best))]),
            );
        }
    }
    findings
}

fn vanishing_point(gradient: &Gradient) -> Option<(Point, Extended, Extended)> {
    for (point, at) in gradient.points().into_iter().take(24) {
        let count = point.values[at].2.len().min(4);
        let mut moved: Vec<Point> = Vec::new();
        for element in 0..count {
            for far in [-FAR, FAR] {
                let mut copy = point.clone();
                copy.values[at].2[element] = Extended::from_double(far);
                moved.push(copy);
            }
        }
        let all: Vec<&Point> = moved.iter().collect();
        let values = gradient.at(&all);
        let best = values.iter().flatten().map(|(value, _)| *value).reduce(|a, b| a.min(b))?;
        for (copy, value) in moved.iter().zip(&values) {
            let Some((value, size)) = value else { continue };
            let is_wrong = *value > best + Extended::from_double(0.1) && value.is_finite();
            if is_wrong && *size < Extended::from_double(1e-10) {
                return Some((copy.clone(), *value, best));
            }
        }
    }
    None
}

/// A gradient that grows without bound towards the end of a domain, or exponentially far out.
pub(super) fn unbounded(loss: &Loss) -> Vec<Finding> {
    let mut findings = Vec::new();
    for gradient in gradients(loss) {
        let Some((point, size, towards)) = unbounded_point(&gradient) else { continue };
        let finding = Finding::new(
            "unbounded-gradient",
            format!("the gradient with respect to `{}` grows without bound {towards}", gradient.name),
            "clip the gradient, or use a loss of the logits, where the logarithm and the sigmoid cancel",
        );
        findings.push(finding.witnessed(&point, &[("gradient", json_number(size))]));
    }
    findings
}

fn unbounded_point(gradient: &Gradient) -> Option<(Point, Extended, String)> {
    let Interval { low, high, .. } = gradient.interval;
    for (point, at) in gradient.points().into_iter().take(16) {
        let element = 0;
        let moved = |value: Extended| {
            let mut copy = point.clone();
            let elements = &mut copy.values[at].2;
            if gradient.is_simplex {
                let rest = elements.iter().skip(1).fold(Extended::from_double(0.0), |sum, v| sum + *v);
                if elements.len() < 2 || rest <= Extended::from_double(0.0) {
                    return None;
                }
                let left = Extended::from_double(1.0) - value;
                elements.iter_mut().skip(1).for_each(|v| *v = *v / rest * left);
            }
            elements[element] = value;
            Some(copy)
        };
        for (end, inwards) in [(low, 1.0), (high, -1.0)] {
            let steps: Vec<Point> = if end.is_finite() {
                let near = |d: f64| Extended::from_double(end) + Extended::from_double(inwards * d);
                [1e-10, 1e-20, 1e-30].into_iter().filter_map(|d| moved(near(d))).collect()
            } else {
                let far = |d: f64| Extended::from_double(-inwards * d);
                [10.0, 20.0, 30.0].into_iter().filter_map(|d| moved(far(d))).collect()
            };
            let all: Vec<&Point> = steps.iter().collect();
            let values: Option<Vec<_>> = gradient.at(&all).into_iter().collect();
            let Some(values) = values.filter(|v| v.len() == 3) else { continue };
            let sizes: Vec<Extended> = values.iter().map(|(_, size)| *size).collect();
            if sizes.iter().any(|s| !s.is_finite()) || sizes[0] < Extended::from_double(1e-3) {
                continue;
            }
            // A logarithm grows by the same amount each time, a power by the same factor; what converges does neither.
            let (first, second) = (sizes[1] - sizes[0], sizes[2] - sizes[1]);
            let grows = if end.is_finite() {
                first > Extended::from_double(0.1) && second > Extended::from_double(0.9) * first
            } else {
                sizes[1] > Extended::from_double(500.0) * sizes[0]
                    && sizes[2] > Extended::from_double(500.0) * sizes[1]
            };
            if grows {
                let towards = if end.is_finite() {
                    format!("as it nears {end}")
                } else {
                    "exponentially, for predictions far out".to_owned()
                };
                return Some((steps[0].clone(), sizes[0], towards));
            }
        }
    }
    None
}
