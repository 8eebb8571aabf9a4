//! The rewritings that are not rules of the language but algebra on canonical forms: their names in derivations.

/// Names and what they mean, in the order of the files that have them.
pub const ALGEBRA: &[(&str, &str)] = &[
    (
        "chain_rule",
        "The reverse sweep: each node hands its adjoint, times its own derivative, to its operands.",
    ),
    ("common_factor", "What several terms share stands in front of their sum."),
    ("common_denominator", "A sum over one denominator, with the numerator multiplied out."),
    ("multiply_out", "A product of sums as a sum of products."),
    ("multiply_in", "One sum of a product multiplied out, so that its terms can meet others."),
    ("cancel", "What stands beside a sum cancels what stands below its terms."),
    ("exact_quotient", "A sum that is a multiple of the sum below it: the quotient of the two polynomials."),
    ("powers_gathered", "A power of a product takes in that product where it stands beside it."),
    ("sums_joined", "Sums over the same indices are one sum."),
    ("sum_split", "A sum of sums is taken term by term."),
    ("sum_of_simplex", "A simplex sums to 1 over its last axis."),
    ("sum_of_softmax", "A softmax sums to 1 over its axis."),
    (
        "choice_of_multiples",
        "A choice between multiples of one expression is the expression times a choice of numbers.",
    ),
    ("factor_of_choice", "What both branches have as a factor stands in front of the choice."),
    ("choices_merged", "Choices by one condition, multiplied, are one choice."),
    ("product_into_choice", "A product with a choice is a choice between products."),
    ("condition_known", "Within a branch its condition is known."),
    ("common_guard", "A guard that several terms share stands once around their sum."),
    ("guard_superfluous", "A guard goes where what it guards is 0 outside of it anyway."),
    ("collect", "Like terms and factors meet."),
];
