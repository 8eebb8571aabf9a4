//! Claims about losses of regression.

use crate::engine::with_name_replaced;
use crate::report::Report;
use lossform::Error;

pub fn claims(report: &mut Report) -> Result<(), Error> {
    smooth_l1_as_a_maximum(report)?;
    l1_at_zero(report)?;
    huber_is_smooth(report)?;
    smooth_l1_is_bounded(report)
}

fn smooth_l1_as_a_maximum(report: &mut Report) -> Result<(), Error> {
    let mut claim = report.claim("Smooth L1 is max(0.5 d^2, d - 0.5).");
    claim.needs_equal("d", "0.5*d^2 - (d - 0.5)", "(d - 1)^2/2")?;
    claim.needs_within("d", "(d - 1)^2/2", 0.0, f64::INFINITY)?;
    claim.note("so the first is never the smaller one, and the maximum is 0.5*d^2 everywhere");
    claim.needs_different("d", "max(0.5*d^2, d - 0.5)", "smooth_l1(d, 0)")?;
    claim.refuted("the maximum has no linear part");
    Ok(())
}

fn l1_at_zero(report: &mut Report) -> Result<(), Error> {
    let mut claim = report.claim("L1 is differentiable at 0.");
    let right = claim.gradient("d in (0,inf)", "l1(d, 0)", "d")?;
    let left = claim.gradient("d in (-inf,0)", "l1(d, 0)", "d")?;
    claim.needs_different("d in (0,inf)", &right, &left)?;
    claim.gradient("d", "l1(d, 0)", "d")?;
    claim.refuted("the slopes from both sides differ; 0 at 0 is a convention");
    Ok(())
}

fn huber_is_smooth(report: &mut Report) -> Result<(), Error> {
    let mut claim = report.claim("The derivative of the Huber loss is continuous.");
    let inputs = "r, delta in (0,inf)";
    claim.gradient(inputs, "huber(r, 0; delta = delta)", "r")?;
    let inner = claim.gradient(inputs, "r^2/2", "r")?;
    let outer = claim.gradient("r in (0,inf), delta in (0,inf)", "delta*(|r| - delta/2)", "r")?;
    let at_the_seam = with_name_replaced(&inner, "r", "delta");
    claim.note(&format!(
        "where the pieces meet, r = delta, the inner slope is {at_the_seam}, the outer {outer}"
    ));
    claim.needs_equal("delta in (0,inf)", &at_the_seam, &outer)?;
    claim.needs_equal(inputs, "huber(r, 0; delta = delta)", "huber(-r, 0; delta = delta)")?;
    claim.stands("the slopes agree where the pieces meet, and by symmetry at -delta");
    Ok(())
}

fn smooth_l1_is_bounded(report: &mut Report) -> Result<(), Error> {
    let mut claim = report.claim("The gradient of smooth L1 is bounded by 1.");
    let inputs = "x, y, beta in (0,inf)";
    let gradient = claim.gradient(inputs, "smooth_l1(x, y; beta = beta)", "x")?;
    claim.needs_within(inputs, &gradient, -1.0, 1.0)?;
    let gradient = claim.gradient("x, y", "mse(x, y)", "x")?;
    claim.values("x, y", &[&gradient], &[&[("x", 1000.0), ("y", 0.0)]])?;
    claim.stands("and that of mse is not bounded");
    Ok(())
}
