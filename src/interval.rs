//! Intervals of the reals with open and closed ends: what is known of where a value lies.

use std::fmt;

/// A non-empty interval. Infinite ends are open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end; may be minus infinity.
    pub low: f64,
    /// The upper end; may be infinity.
    pub high: f64,
    /// Whether the lower end is excluded.
    pub low_open: bool,
    /// Whether the upper end is excluded.
    pub high_open: bool,
}

impl Interval {
    /// All reals.
    pub const REALS: Interval = Interval::open(f64::NEG_INFINITY, f64::INFINITY);
    /// (0, inf)
    pub const POSITIVE: Interval = Interval::open(0.0, f64::INFINITY);
    /// [0, inf)
    pub const NON_NEGATIVE: Interval =
        Interval { low: 0.0, high: f64::INFINITY, low_open: false, high_open: true };
    /// [0, 1]
    pub const UNIT: Interval = Interval::closed(0.0, 1.0);

    /// (low, high)
    pub const fn open(low: f64, high: f64) -> Self {
        Interval { low, high, low_open: true, high_open: true }
    }

    /// [low, high]
    pub const fn closed(low: f64, high: f64) -> Self {
        Interval { low, high, low_open: false, high_open: false }
    }

    /// The single point `value`.
    pub const fn point(value: f64) -> Self {
        Self::closed(value, value)
    }

    /// Whether every element is greater than 0.
    pub fn is_positive(&self) -> bool {
        self.low > 0.0 || (self.low == 0.0 && self.low_open)
    }

    /// Whether no element is less than 0.
    pub fn is_non_negative(&self) -> bool {
        self.low >= 0.0
    }

    /// Whether every element is less than 0.
    pub fn is_negative(&self) -> bool {
        self.negate().is_positive()
    }

    /// Whether no element is greater than 0.
    pub fn is_non_positive(&self) -> bool {
        self.high <= 0.0
    }

    /// Whether `value` belongs to it.
    pub fn contains(&self, value: f64) -> bool {
        (value > self.low || (value == self.low && !self.low_open))
            && (value < self.high || (value == self.high && !self.high_open))
    }

    /// Whether every element of `other` belongs to it.
    pub fn covers(&self, other: &Interval) -> bool {
        (self.low < other.low || (self.low == other.low && (!self.low_open || other.low_open)))
            && (self.high > other.high || (self.high == other.high && (!self.high_open || other.high_open)))
    }

    /// The negatives of its elements.
    pub fn negate(&self) -> Self {
        Interval { low: -self.high, high: -self.low, low_open: self.high_open, high_open: self.low_open }
    }

    /// Where sums of an element of each lie.
    pub fn add(&self, other: &Interval) -> Self {
        Interval {
            low: round_down(self.low + other.low, exact_sum(self.low, other.low)),
            high: round_up(self.high + other.high, exact_sum(self.high, other.high)),
            low_open: self.low_open || other.low_open,
            high_open: self.high_open || other.high_open,
        }
    }

    /// Where products of an element of each lie.
    pub fn multiply(&self, other: &Interval) -> Self {
        let ends = |i: &Interval| [(i.low, i.low_open), (i.high, i.high_open)];
        // The ends of the product, whether they are open, and what they are products of.
        let mut low = (f64::INFINITY, true, (0.0, 0.0));
        let mut high = (f64::NEG_INFINITY, true, (0.0, 0.0));
        for (a, a_open) in ends(self) {
            for (b, b_open) in ends(other) {
                // 0 times infinity: the products near there come arbitrarily near 0 or stay at it.
                let product = if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
                // A closed 0 makes the product 0 whatever the other is.
                let open = (b_open || b != 0.0) && (a_open || a != 0.0) && (a_open || b_open);
                if product < low.0 || (product == low.0 && !open) {
                    low = (product, open, (a, b));
                }
                if product > high.0 || (product == high.0 && !open) {
                    high = (product, open, (a, b));
                }
            }
        }
        Interval {
            low: round_down(low.0, exact_product(low.2, low.0)),
            high: round_up(high.0, exact_product(high.2, high.0)),
            low_open: low.1,
            high_open: high.1,
        }
    }

    /// Where the reciprocals of its elements other than 0 lie.
    pub fn reciprocal(&self) -> Self {
        if self.is_non_negative() {
            let low = round_down(1.0 / self.high, false).max(0.0);
            Interval {
                low: if self.high == 1.0 { 1.0 } else { low },
                high: if self.low == 1.0 { 1.0 } else { round_up(1.0 / self.low.abs(), false) },
                low_open: self.high_open,
                high_open: self.low_open || self.low == 0.0,
            }
        } else if self.is_non_positive() {
            self.negate().reciprocal().negate()
        } else {
            Self::REALS
        }
    }

    /// The smallest interval that covers both.
    pub fn hull(&self, other: &Interval) -> Self {
        let (low, low_open) = match self.low.total_cmp(&other.low) {
            std::cmp::Ordering::Less => (self.low, self.low_open),
            std::cmp::Ordering::Equal => (self.low, self.low_open && other.low_open),
            std::cmp::Ordering::Greater => (other.low, other.low_open),
        };
        let (high, high_open) = match self.high.total_cmp(&other.high) {
            std::cmp::Ordering::Greater => (self.high, self.high_open),
            std::cmp::Ordering::Equal => (self.high, self.high_open && other.high_open),
            std::cmp::Ordering::Less => (other.high, other.high_open),
        };
        Interval { low, high, low_open, high_open }
    }

    /// Where the larger of an element of each lies.
    pub fn larger(&self, other: &Interval) -> Self {
        let (low, low_open) = if self.low == other.low {
            (self.low, self.low_open && other.low_open)
        } else if self.low > other.low {
            (self.low, self.low_open)
        } else {
            (other.low, other.low_open)
        };
        Interval { low, low_open, ..self.hull(other) }
    }

    /// Where the absolute values of its elements lie.
    pub fn absolute(&self) -> Self {
        if self.is_non_negative() {
            *self
        } else if self.is_non_positive() {
            self.negate()
        } else {
            let mut hull = self.hull(&self.negate());
            (hull.low, hull.low_open) = (0.0, false);
            hull
        }
    }

    /// Where the values of an increasing function lie whose values at the ends are `low` and `high`, correct
    /// to a few units in the last place.
    pub fn increasing(&self, function: impl Fn(f64) -> f64) -> Self {
        // Rounding is made good for, but for the well-known values at 0 and 1.
        let widened = |argument: f64, up: bool| {
            let value = function(argument);
            let is_landmark = argument == 0.0 || argument.abs() == 1.0 || argument.is_infinite();
            if !value.is_finite() || is_landmark && [0.0, 0.5, 1.0].contains(&value.abs()) {
                value
            } else if up {
                value + 1e-12 * value.abs()
            } else {
                value - 1e-12 * value.abs()
            }
        };
        Interval {
            low: widened(self.low, false),
            high: widened(self.high, true),
            low_open: self.low_open,
            high_open: self.high_open,
        }
    }

    /// The part of it that lies in `other` as well; `None` where they do not meet.
    pub fn intersect(&self, other: &Interval) -> Option<Self> {
        let (low, low_open) = if self.low > other.low || (self.low == other.low && self.low_open) {
            (self.low, self.low_open)
        } else {
            (other.low, other.low_open)
        };
        let (high, high_open) = if self.high < other.high || (self.high == other.high && self.high_open) {
            (self.high, self.high_open)
        } else {
            (other.high, other.high_open)
        };
        (low < high || (low == high && !low_open && !high_open)).then_some(Interval {
            low,
            high,
            low_open,
            high_open,
        })
    }
}

fn exact_sum(a: f64, b: f64) -> bool {
    let sum = a + b;
    !sum.is_finite() || (sum - a == b && sum - b == a)
}

fn exact_product((a, b): (f64, f64), product: f64) -> bool {
    let is_trivial = |factor: f64| factor == 0.0 || factor.abs() == 1.0;
    is_trivial(a) || is_trivial(b) || a.mul_add(b, -product) == 0.0
}

fn round_down(value: f64, exact: bool) -> f64 {
    if exact || !value.is_finite() { value } else { value.next_down() }
}

fn round_up(value: f64, exact: bool) -> f64 {
    if exact || !value.is_finite() { value } else { value.next_up() }
}

/// As the language writes it: `(0,1]`, `[0,inf)`.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", if self.low_open { '(' } else { '[' })?;
        write!(f, "{},{}", self.low, self.high)?;
        write!(f, "{}", if self.high_open { ')' } else { ']' })
    }
}
