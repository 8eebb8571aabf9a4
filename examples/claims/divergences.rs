//! Claims about entropies and divergences.

use crate::report::Report;
use lossform::Error;

const TWO: &str = "p[c] in simplex, q[c] in simplex";

/// What holds of positive numbers holds of distributions that are nowhere 0.
const POSITIVE: &str = "p[c] in (0,1), q[c] in (0,1)";

pub fn claims(report: &mut Report) -> Result<(), Error> {
    let mut claim = report.claim("Cross-entropy is H(p) + KL(p, q).");
    claim.needs_equal_along(POSITIVE, "cross_entropy_probs(q, p)", "entropy(p) + kl(p, q)", ("q", "p"))?;
    claim.stands("so for a fixed p both have the same gradient in q");

    let mut claim = report.claim("KL(p, q) is H(p) less the cross-entropy.");
    claim.needs_different(TWO, "kl(p, q)", "entropy(p) - cross_entropy_probs(q, p)")?;
    claim.needs_equal_along(POSITIVE, "kl(p, q)", "cross_entropy_probs(q, p) - entropy(p)", ("q", "p"))?;
    claim.refuted("the sign is wrong");

    let mut claim = report.claim("JS is symmetric, KL is not.");
    claim.needs_equal(TWO, "js(p, q)", "js(q, p)")?;
    claim.needs_different(TWO, "kl(p, q)", "kl(q, p)")?;
    claim.stands("the mean of both distributions is the same from either side");
    Ok(())
}
