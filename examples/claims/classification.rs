//! Claims about losses of classification.

use crate::report::Report;
use lossform::Error;

const LOGIT: &str = "z, y in {0,1}";

pub fn claims(report: &mut Report) -> Result<(), Error> {
    factor_of_the_sigmoid(report)?;
    two_classes(report)?;
    focal_without_focus(report)?;
    convexity(report)?;
    exponential_and_hinge(report)
}

fn factor_of_the_sigmoid(report: &mut Report) -> Result<(), Error> {
    let mut claim = report.claim(
        "Sigmoid with MSE has a factor sigmoid'(z) in its gradient, sigmoid with cross-entropy has not.",
    );
    let slope = claim.gradient("z", "sigmoid(z)", "z")?;
    let squared = claim.gradient(LOGIT, "sigmoid_mse(z, y)", "z")?;
    claim.needs_equal(LOGIT, &squared, &format!("2*(sigmoid(z) - y)*({slope})"))?;
    let entropy = claim.gradient(LOGIT, "bce_with_logits(z, y)", "z")?;
    claim.needs_equal(LOGIT, &entropy, "sigmoid(z) - y")?;
    let values = claim.values(LOGIT, &[&squared, &entropy], &[&[("z", -20.0), ("y", 1.0)]])?;
    claim.needs(values[0][0].abs() < 1e-6 && values[0][1].abs() > 0.99);
    claim.stands("a confident mistake has no gradient with MSE, and the full one with cross-entropy");
    Ok(())
}

fn two_classes(report: &mut Report) -> Result<(), Error> {
    let mut claim = report.claim("Binary cross-entropy is cross-entropy of two classes.");
    let inputs = "p in (0,1), y in [0,1]";
    claim.needs_equal(inputs, "bce(p, y)", "-(y*log(p) + (1 - y)*log(1 - p))")?;
    let many = "z[c], y[c] in [0,1]";
    let entropy = "-sum[c](y*log(softmax[c](z)))";
    claim.needs_equal_along(many, entropy, "sum[c](y)*logsumexp[c](z) - sum[c](y*z)", ("y", "0"))?;
    claim.note("with two classes, logits z and 0 and labels y and 1 - y, that is:");
    let two = "log(exp(z) + exp(0)) - (y*z + (1 - y)*0)";
    claim.needs_equal_along("z, y in [0,1]", two, "bce_with_logits(z, y)", ("z", "0"))?;
    claim.needs_equal("z", "exp(z)/(exp(z) + exp(0))", "sigmoid(z)")?;
    claim.stands("the softmax of (z, 0) is the sigmoid of z");
    Ok(())
}

fn focal_without_focus(report: &mut Report) -> Result<(), Error> {
    let mut claim = report.claim("Focal loss with gamma = 0 is alpha-balanced cross-entropy.");
    let inputs = "p in (0,1), y in {0,1}, alpha in [0,1]";
    claim.needs_equal(
        inputs,
        "focal(p, y; alpha = alpha, gamma = 0)",
        "balanced_bce(p, y; alpha = alpha)",
    )?;
    claim.needs_different(inputs, "focal(p, y; alpha = alpha)", "balanced_bce(p, y; alpha = alpha)")?;
    claim.stands("with any other gamma it is another loss");
    Ok(())
}

fn convexity(report: &mut Report) -> Result<(), Error> {
    let mut claim = report.claim("MSE after a sigmoid is not convex in the logit, cross-entropy is.");
    let squared = claim.curvature(LOGIT, "sigmoid_mse(z, y)", "z")?;
    claim.needs_negative_somewhere(LOGIT, &squared)?;
    let entropy = claim.curvature(LOGIT, "bce_with_logits(z, y)", "z")?;
    claim.needs_positive(LOGIT, &entropy)?;
    claim.stands("a second derivative that is negative somewhere, and one that is positive everywhere");
    Ok(())
}

fn exponential_and_hinge(report: &mut Report) -> Result<(), Error> {
    let mut claim = report.claim(
        "For a badly wrong sample the exponential loss grows faster than the hinge loss; the hinge loss ignores \
         the well-classified, the exponential loss does not.",
    );
    claim.note("wrong, y = 1 and f < 0:");
    let hinge = claim.gradient("f in (-inf,0)", "hinge(f, 1)", "f")?;
    let exponential = claim.gradient("f in (-inf,0)", "exponential(f, 1)", "f")?;
    claim.needs_within("f in (-inf,0)", &hinge, -1.0, -1.0)?;
    claim.needs_within("f in (-inf,0)", &format!("{exponential} - ({hinge})"), f64::NEG_INFINITY, 0.0)?;
    let values = claim.values(
        "f",
        &["hinge(f, 1)", "exponential(f, 1)"],
        &[&[("f", -1.0)], &[("f", -10.0)], &[("f", -100.0)]],
    )?;
    claim.needs(values.iter().all(|row| row[1] > row[0]));
    claim.note("well classified, y = 1 and f > 1:");
    let hinge = claim.gradient("f in (1,inf)", "hinge(f, 1)", "f")?;
    let exponential = claim.gradient("f in (1,inf)", "exponential(f, 1)", "f")?;
    claim.needs_within("f in (1,inf)", &hinge, 0.0, 0.0)?;
    claim.needs_positive("f in (1,inf)", &format!("-({exponential})"))?;
    claim
        .stands("linear against exponential growth, and a gradient of exactly 0 against one that is never 0");
    Ok(())
}
