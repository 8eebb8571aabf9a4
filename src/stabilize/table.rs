//! What the rewrites are called, and why they are there.

use super::recognition::rules;

/// The rewrites that are not rules, in alphabetical order.
pub const COMPOSED: &[(&str, &str)] = &[
    ("argument_over_expm1", "x/(e^x - 1) is 1 at 0, where the quotient is 0/0."),
    ("choice_of_arguments", "A function of either of two arguments is the function of a choice."),
    ("close_exponentials", "A difference of exponentials with close arguments is a multiple of expm1."),
    ("close_logistics", "A difference of logistic functions with close arguments is a multiple of expm1."),
    ("close_logsumexps", "Two logsumexps of close arguments differ by log1p of a mean of expm1."),
    ("difference_of_norms", "A difference of lengths is taken by the difference of the vectors."),
    (
        "direction_of_zero",
        "A vector over its length is 0 where the vector is, as the gradient of the norm is.",
    ),
    (
        "divergence",
        "In a divergence of close distributions, what cancels is summed apart from what does not.",
    ),
    (
        "divergence_of_softmaxes",
        "Of two softmaxes what cancels is 0, and what is left is a sum of positive terms.",
    ),
    ("element_of_sum", "A sum less one of its terms is 0 where the others are."),
    (
        "exponential_in_sum",
        "A softmax that was taken apart is put together, so that its parts do not overflow.",
    ),
    ("filtered_logsumexp", "The logarithm of a filtered sum of exponentials is a filtered logsumexp."),
    ("log_by_complement", "log(p) over 1 - p has a limit at p = 1."),
    ("log_of_choice", "The logarithm of a choice is taken in its branches."),
    ("log_of_factors", "A product may overflow or underflow where the sum of the logarithms does not."),
    ("log_of_quotient", "The logarithm of a quotient is log1p of a relative difference, or minus that."),
    (
        "log_of_scaled_sum",
        "The logarithm of a multiple of a sum of exponentials is a logsumexp and a logarithm.",
    ),
    ("log_of_squares", "Squares overflow where the logarithm of a norm does not."),
    ("log_sigmoid", "The logarithm of a probability that underflows is finite."),
    ("log_to_log1p", "log(1 + x) loses the digits of a small x."),
    (
        "mixture_by_label",
        "A mixture by a label that is 0 or 1 is a choice, whose branches have forms of their own.",
    ),
    ("normalized_sum", "A scalar product is divided by the norms term by term, so that it cannot underflow."),
    ("one_exponential", "Factors of which one overflows and the other underflows are one exponential."),
    ("over_denominator", "1 - a/b is (b - a)/b, in which terms cancel exactly."),
    ("power_of_exponentials", "A power of a sum of exponentials is one exponential."),
    ("power_of_sigmoid", "A power of a probability that underflows may itself be a normal number."),
    ("quotient_in_sum", "x*(a/x + b) is a + b*x, which is defined at 0 and does not overflow near it."),
    ("ratio_less_its_log", "x - 1 - log(x) is of the order of (x - 1)^2 near 1."),
    ("rationalized_root", "sqrt(a) - b is (a - b^2)/(sqrt(a) + b), which does not cancel."),
    ("residual_of_probability", "p - y keeps its digits in the tails as (1 - y)*p - y*(1 - p)."),
    ("residual_of_tanh", "tanh(x) - y keeps its digits in the tails, by logistic functions of 2*x and -2*x."),
    ("root_of_squares", "The root of a sum of squares is a norm, which is scaled."),
    ("shifted_log_softmax", "logsumexp(z) - z[t] is a sum of two parts that are not negative."),
    ("shifted_softmax", "A softmax is taken of logits less the largest."),
    ("sum_in_branches", "1 less a choice is a choice, in whose branches more can cancel exactly."),
    ("weight_of_zero", "A weight of 0 makes a product 0 whatever the logarithm is."),
    ("weighted_log_softmax", "A logsumexp less a weighted mean of logits is a weighted mean of gaps."),
    ("written_out_log_softmax", "A softmax that is written out, in the same way."),
    ("written_out_logsumexp", "The logarithm of a sum of exponentials is shifted by the largest."),
    ("written_out_softmax", "A softmax that is written out is taken of logits less the largest."),
];

/// Why the rewrite `name` is there, in Markdown.
pub fn explanation(name: &str) -> Option<&'static str> {
    let composed = COMPOSED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    let all = || rules().iter().chain(crate::simplify::rules());
    composed.or_else(|| all().find(|r| r.name == name).map(|r| r.documentation.as_str()))
}
