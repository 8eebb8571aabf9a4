//! Claims about adversarial losses.

use crate::engine::with_name_replaced;
use crate::report::Report;
use lossform::Error;

pub fn claims(report: &mut Report) -> Result<(), Error> {
    optimal_discriminator(report)?;
    vanishing_generator(report)
}

fn optimal_discriminator(report: &mut Report) -> Result<(), Error> {
    let mut claim = report
        .claim("The original GAN's objective at the optimal discriminator p/(p + q) is 2 JS(p, q) - log 4.");
    let one = "p in (0,1), q in (0,1), d in (0,1)";
    claim.note("the objective where the data have density p and the generator q, as a function of d:");
    let slope = claim.gradient(one, "p*log(d) + q*log(1 - d)", "d")?;
    let curvature = claim.curvature(one, "p*log(d) + q*log(1 - d)", "d")?;
    let at_the_optimum = with_name_replaced(&slope, "d", "(p/(p + q))");
    claim.needs_equal("p in (0,1), q in (0,1)", &at_the_optimum, "0")?;
    claim.needs_within(one, &curvature, f64::NEG_INFINITY, 0.0)?;
    let two = "p[c] in simplex, q[c] in simplex";
    claim.needs_equal(two, "sum[c](p*log(p/(p + q)) + q*log(1 - p/(p + q)))", "2*js(p, q) - log(4)")?;
    claim.stands("the slope is 0 there, the curvature nowhere positive, and the value what is claimed");
    Ok(())
}

fn vanishing_generator(report: &mut Report) -> Result<(), Error> {
    let mut claim = report.claim(
        "The generator's gradient of least squares does not vanish where that of the minimax loss does.",
    );
    claim.note("with the discriminator's output z before its sigmoid, for one generated sample:");
    let minimax = claim.gradient("z", "log(1 - sigmoid(z))", "z")?;
    let saturating = claim.gradient("z", "-log(sigmoid(z))", "z")?;
    let squares = claim.gradient("z", "(z - 1)^2/2", "z")?;
    let points: [&[(&str, f64)]; 3] = [&[("z", -5.0)], &[("z", -20.0)], &[("z", -80.0)]];
    let values = claim.values("z", &[&minimax, &saturating, &squares], &points)?;
    claim.needs(values.iter().all(|row| row[0].abs() < 0.01 && row[1].abs() > 0.99 && row[2].abs() > 5.0));
    claim.needs_within("z in (-inf,0)", &squares, f64::NEG_INFINITY, -1.0)?;
    claim.stands("a sample that is surely rejected teaches nothing by minimax, and most by least squares");
    Ok(())
}
