//! Points of the declared domains: at random, at their edges, with ties.

use crate::evaluate::Extended;
use crate::graph::{Domain, Graph, Interval, Variable};
use crate::real::Real;

/// A small generator of numbers that are the same on every machine (SplitMix64, Steele et al. 2014).
pub(crate) struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between 0 and 1, both excluded.
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// How a point is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Simple numbers, which make a counter-example readable: halves and quarters.
    Simple,
    /// Anywhere in the domains, at a moderate distance from 0.
    Ordinary,
    /// Ends of the domains where these belong to them, else near them; 0, 1 and -1; and equal values.
    Edges,
    /// Large and small.
    Wide,
}

impl Style {
    /// The style of the n-th point.
    pub fn of(n: usize) -> Style {
        [Style::Simple, Style::Ordinary, Style::Edges, Style::Wide][n % 4]
    }
}

/// An element of `domain`; of a simplex, before it is divided by the sum.
pub(crate) fn draw_element(draw: &mut Draw, domain: &Domain, length: usize, style: Style) -> f64 {
    match domain {
        Domain::Set(values) => values[draw.below(values.len())].to_f64(),
        Domain::Index(_) => draw.below(length) as f64,
        Domain::Integer => draw.below(7) as f64 - 3.0,
        Domain::Simplex => match style {
            Style::Edges => [0.0, 0.0, 1.0, 0.5][draw.below(4)],
            Style::Simple => [1.0, 2.0, 3.0, 4.0][draw.below(4)],
            _ => 0.05 + draw.unit(),
        },
        other => draw_real(draw, &other.interval(), style),
    }
}

fn draw_real(draw: &mut Draw, interval: &Interval, style: Style) -> f64 {
    let Interval { low, high, .. } = *interval;
    for _ in 0..8 {
        let value = match style {
            Style::Simple => {
                let simple = [0.5, 0.25, 0.75, 1.0, 2.0, -1.0, -0.5, 1.5, 3.0, -2.0, 0.0];
                simple[draw.below(simple.len())]
            }
            Style::Edges => {
                let near = [1e-3, 1e-6, 1e-12][draw.below(3)];
                let edges =
                    [0.0, 0.0, 1.0, 1.0, -1.0, 0.5, low, high, low + near, high - near, 2.0, near, -near];
                edges[draw.below(edges.len())]
            }
            Style::Wide => {
                // Beyond e^3.5 too many digits of 1 - sigmoid(z) cancel even in 237 bits.
                let size = readable((7.0 * draw.unit() - 3.5).exp());
                if draw.below(2) == 0 { size } else { -size }
            }
            Style::Ordinary => break,
        };
        if value.is_finite() && interval.contains(value) {
            return value;
        }
    }
    let value = match (low.is_finite(), high.is_finite()) {
        (true, true) => low + (high - low) * (0.02 + 0.96 * draw.unit()),
        (true, false) => low + 0.05 + 3.0 * draw.unit(),
        (false, true) => high - 0.05 - 3.0 * draw.unit(),
        (false, false) => 4.0 * draw.unit() - 2.0,
    };
    let rounded = readable(value);
    if interval.contains(rounded) { rounded } else { value }
}

/// With three decimals, so that a counter-example can be read.
fn readable(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The elements of an array of `variable` with axes of that `length`.
pub(crate) fn draw_elements(
    draw: &mut Draw,
    variable: &Variable,
    lengths: &[usize],
    length_of_axis: &dyn Fn(crate::graph::AxisId) -> usize,
    style: Style,
) -> Vec<Extended> {
    let count: usize = lengths.iter().product();
    let length = match variable.domain {
        Domain::Index(axis) => length_of_axis(axis),
        _ => lengths.last().copied().unwrap_or(1),
    };
    let one = |draw: &mut Draw| Extended::from_double(draw_element(draw, &variable.domain, length, style));
    let mut elements: Vec<Extended> = (0..count).map(|_| one(draw)).collect();
    if variable.domain == Domain::Simplex {
        for row in elements.chunks_mut(length.max(1)) {
            normalise(row);
        }
    }
    elements
}

/// Divides by the sum; a row of zeros gets a single 1.
fn normalise(row: &mut [Extended]) {
    let zero = Extended::from_double(0.0);
    let sum = row.iter().fold(zero, |sum, v| sum + *v);
    if sum == zero {
        if let Some(first) = row.first_mut() {
            *first = Extended::from_double(1.0);
        }
        return;
    }
    row.iter_mut().for_each(|v| *v = *v / sum);
}

/// Whether a value of an element lies in a domain, as far as that is a matter of the element alone.
pub(crate) fn is_inside(domain: &Domain, value: Extended, length: usize) -> bool {
    match domain {
        Domain::Set(values) => values.iter().any(|v| Extended::from_number(v) == value),
        Domain::Index(_) => {
            let at = value.to_double();
            at >= 0.0 && at.fract() == 0.0 && at < length as f64
        }
        Domain::Integer => value.to_double().fract() == 0.0,
        other => {
            let interval = other.interval();
            let (low, high) = (Extended::from_double(interval.low), Extended::from_double(interval.high));
            (value > low || value == low && !interval.low_open)
                && (value < high || value == high && !interval.high_open)
        }
    }
}

/// The lengths of the axes of `graph` at the n-th point: 3, 2, 1 and 4 in turn, not all the same.
pub(crate) fn axis_lengths(graph: &Graph, n: usize) -> Vec<usize> {
    (0..graph.axes().len()).map(|at| [3, 2, 1, 4][(n + at * (n / 4)) % 4]).collect()
}
