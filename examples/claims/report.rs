//! The report: a claim, what was found, and the verdict that follows.

use crate::engine;
use lossform::Error;
use std::fmt;

/// All claims so far.
#[derive(Default)]
pub struct Report {
    text: String,
}

/// A claim on its way to a verdict.
pub struct Claim<'r> {
    report: &'r mut Report,
    /// Whether every piece of the argument was found.
    complete: bool,
}

impl Report {
    /// Begins a claim, in the words of the articles.
    pub fn claim(&mut self, claim: &str) -> Claim<'_> {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(claim);
        Claim { report: self, complete: true }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Claim<'_> {
    /// States something that was found.
    pub fn note(&mut self, line: &str) {
        self.report.line(&format!("  {line}"));
    }

    /// Derives and states a gradient.
    pub fn gradient(&mut self, inputs: &str, text: &str, with_respect_to: &str) -> Result<String, Error> {
        let gradient = engine::gradient(inputs, text, with_respect_to)?;
        self.note(&format!("d/d{with_respect_to} of {text} for {inputs}: {}", gradient.shown));
        Ok(gradient.expression)
    }

    /// Derives and states a second derivative.
    pub fn curvature(&mut self, inputs: &str, text: &str, with_respect_to: &str) -> Result<String, Error> {
        let curvature = engine::curvature(inputs, text, with_respect_to)?;
        self.note(&format!("d2/d{with_respect_to}2 of {text} for {inputs}: {}", curvature.shown));
        Ok(curvature.expression)
    }

    /// The argument needs the two to be equal: proved, refuted by a point, or left open.
    pub fn needs_equal(&mut self, inputs: &str, first: &str, second: &str) -> Result<(), Error> {
        if engine::proves_equal(inputs, first, second)? {
            self.note(&format!("{first} = {second}: proved"));
            return Ok(());
        }
        self.complete = false;
        match engine::counterexample(inputs, first, second)? {
            Some(point) => self.note(&format!("{first} is not {second}: {point}")),
            None => self.note(&format!("{first} = {second}: neither proved nor refuted")),
        }
        Ok(())
    }

    /// The argument needs the two to be equal: proved by their difference not depending on `name` and being 0 where
    /// that is `at`.
    pub fn needs_equal_along(
        &mut self,
        inputs: &str,
        first: &str,
        second: &str,
        (name, at): (&str, &str),
    ) -> Result<(), Error> {
        let is_proved = engine::proves_equal_along(inputs, first, second, name, at)?;
        self.complete &= is_proved;
        let how = if is_proved {
            format!("proved: the difference does not depend on {name}, and is 0 at {name} = {at}")
        } else {
            "not proved".to_owned()
        };
        self.note(&format!("{first} = {second} for {inputs}: {how}"));
        Ok(())
    }

    /// The argument needs the two to differ somewhere.
    pub fn needs_different(&mut self, inputs: &str, first: &str, second: &str) -> Result<(), Error> {
        match engine::counterexample(inputs, first, second)? {
            Some(point) => self.note(&format!("{first} is not {second}: {point}")),
            None => {
                self.complete = false;
                self.note(&format!("{first} and {second} differ nowhere that was tried"));
            }
        }
        Ok(())
    }

    /// The argument needs a formula to lie between two values.
    pub fn needs_within(&mut self, inputs: &str, text: &str, low: f64, high: f64) -> Result<(), Error> {
        let bounds = engine::bounds(inputs, text)?;
        self.complete &= bounds.low >= low && bounds.high <= high;
        self.note(&format!("{text} lies in {bounds}"));
        Ok(())
    }

    /// The argument needs a formula to be positive for all inputs.
    pub fn needs_positive(&mut self, inputs: &str, text: &str) -> Result<(), Error> {
        let bounds = engine::bounds(inputs, text)?;
        self.complete &= bounds.is_positive();
        self.note(&format!("{text} lies in {bounds}"));
        Ok(())
    }

    /// The argument needs a formula to be negative somewhere.
    pub fn needs_negative_somewhere(&mut self, inputs: &str, text: &str) -> Result<(), Error> {
        match engine::negative_at(inputs, text)? {
            Some(point) => self.note(&format!("{text} can be negative: {point}")),
            None => {
                self.complete = false;
                self.note(&format!("{text} is negative nowhere that was tried"));
            }
        }
        Ok(())
    }

    /// States the values of formulas over some points.
    pub fn values(
        &mut self,
        inputs: &str,
        texts: &[&str],
        points: &[&[(&str, f64)]],
    ) -> Result<Vec<Vec<f64>>, Error> {
        let mut all = Vec::new();
        for point in points {
            let place: Vec<String> =
                point.iter().map(|(name, number)| format!("{name} = {number}")).collect();
            let mut row = Vec::new();
            let mut found = Vec::new();
            for text in texts {
                let value = engine::value(inputs, text, point)?;
                found.push(format!("{text} = {value:.4e}"));
                row.push(value);
            }
            self.note(&format!("at {}: {}", place.join(", "), found.join(", ")));
            all.push(row);
        }
        Ok(all)
    }

    /// The argument needs something that was computed.
    pub fn needs(&mut self, holds: bool) {
        self.complete &= holds;
    }

    /// The claim stands if all that was looked at is as it should be.
    pub fn stands(self, why: &str) {
        self.conclude("stands", why);
    }

    /// The claim is refuted if all that was looked at is as it should be.
    pub fn refuted(self, why: &str) {
        self.conclude("is refuted", why);
    }

    fn conclude(self, verdict: &str, why: &str) {
        let line = if self.complete { format!("  => {verdict}: {why}") } else { "  => open".to_owned() };
        self.report.line(&line);
    }
}
