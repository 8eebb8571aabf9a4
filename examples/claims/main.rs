//! What articles claim about losses, derived or refuted.
//!
//! Nothing here is known beforehand: a verdict is what derivation, simplification, bounds and a search for
//! counter-examples make of the losses. `cargo run --example claims` prints the report.

mod adversarial;
mod classification;
mod divergences;
mod engine;
mod regression;
mod report;

use lossform::Error;
use report::Report;

fn main() -> Result<(), Error> {
    let mut report = Report::default();
    regression::claims(&mut report)?;
    classification::claims(&mut report)?;
    divergences::claims(&mut report)?;
    adversarial::claims(&mut report)?;
    print!("{report}");
    Ok(())
}
