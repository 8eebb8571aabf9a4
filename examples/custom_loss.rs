//! A loss of one's own, from text to gradient, in five lines.

use lossform::{Error, Loss};

fn main() -> Result<(), Error> {
    let loss = Loss::parse("loss charbonnier(x, y; eps in (0,inf) = 0.001) = sqrt((x - y)^2 + eps^2)")?;
    let gradient = loss.gradient("x")?;
    println!("L     = {}", lossform::print::text(&loss.document()));
    println!("dL/dx = {gradient}");
    println!("LaTeX: {}", gradient.latex());
    assert_eq!(gradient.to_string(), "(x - y)/sqrt((x - y)^2 + eps^2)");
    Ok(())
}
