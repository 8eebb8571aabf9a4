"""Writes src/vector/functions/coefficients.rs: the polynomials of the vectorised elementary functions.

    python tests/reference/generate_vector_coefficients.py > src/vector/functions/coefficients.rs
    cargo fmt

Each polynomial interpolates its function at Chebyshev nodes, worked out with mpmath, in as few coefficients as bring
the error of the whole function, with the coefficients rounded to the precision, below the bits that are asked for.
"""

import numpy
from mpmath import mp, mpf

mp.dps = 80
SINGLE, DOUBLE = 24, 53


def rounded(value, precision):
    return float(numpy.float32(float(value))) if precision == SINGLE else float(value)


def interpolated(function, low, high, count):
    """The monomial coefficients of the interpolating polynomial, by Newton's divided differences."""
    nodes = [
        (low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)
    ]
    differences = [function(x) for x in nodes]
    for step in range(1, count):
        for k in range(count - 1, step - 1, -1):
            differences[k] = (differences[k] - differences[k - 1]) / (nodes[k] - nodes[k - step])
    coefficients = [differences[-1]]
    for k in range(count - 2, -1, -1):
        shifted = [mpf(0)] + coefficients
        for n, c in enumerate(coefficients):
            shifted[n] -= nodes[k] * c
        shifted[0] += differences[k]
        coefficients = shifted
    return coefficients


def fitted(function, low, high, weight, precision, bits):
    """The fewest rounded coefficients with |error|*weight below 2^-bits."""
    low, high = mpf(low), mpf(high)
    points = [low + (high - low) * (k + mpf(1) / 3) / 400 for k in range(400)]
    exact = [function(x) for x in points]
    for count in range(2, 40):
        coefficients = [rounded(c, precision) for c in interpolated(function, low, high, count)]
        worst = max(abs(mp.polyval(coefficients[::-1], x) - y) * weight(x) for x, y in zip(points, exact))
        if worst < mpf(2) ** -bits:
            return coefficients
    raise ValueError("no polynomial is short enough")


def root(function):
    """An even function of the square root."""
    return lambda z: function(mp.sqrt(z))


def scaled_erfc(t, k):
    a = k * (1 + t) / (1 - t)
    return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)


def exp_rest(r):
    """(exp(r) - 1 - r)/r^2, also where the quotient would cancel: a node may be next to 0."""
    return (mp.expm1(r) - r) / r**2 if abs(r) > mpf("1e-30") else mpf(1) / 2 + r / 6


def lgamma_slope(d):
    """lgamma(2 + d)/d"""
    return mp.loggamma(2 + d) / d if d else mp.psi(0, 2)


def stirling(w):
    """What Stirling's formula lacks, times x = 1/sqrt(w)."""
    x = 1 / mp.sqrt(w)
    return x * (mp.loggamma(x) - (x - mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2)


def digamma_tail(w):
    """(log(x) - 1/(2*x) - digamma(x))*x^2 of x = 1/sqrt(w)."""
    x = 1 / mp.sqrt(w)
    return (mp.log(x) - 1 / (2 * x) - mp.psi(0, x)) * x * x


def trigamma_tail(w):
    """(trigamma(x) - 1/x - 1/(2*x^2))*x^3 of x = 1/sqrt(w)."""
    x = 1 / mp.sqrt(w)
    return (mp.psi(1, x) - 1 / x - 1 / (2 * x * x)) * x**3


DIGAMMA_ZERO = mp.findroot(lambda x: mp.psi(0, x), mpf("1.4616"))
HALF = mpf(1) / 2
HALF_LOG2 = mp.log(2) / 2 * mpf("1.001")
ROOT = mp.sqrt(2)
ERFC_FAR = {SINGLE: mpf("10.3"), DOUBLE: mpf("27.5")}
K = 4

# Name, meaning, function, low, high, weight, extra bits.
TABLE = [
    ("EXP", "(exp(r) - 1 - r)/r^2 for |r| <= log(2)/2", exp_rest, -HALF_LOG2, HALF_LOG2,
     lambda r: abs(r) * mpf("1.2"), 2),
    ("LOG", "(log(1 + f) - f + f^2/2)/f^3 for 1 + f in [sqrt(1/2), sqrt(2)]",
     lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3, 1 / ROOT - 1, ROOT - 1, lambda f: abs(f**3 / mp.log1p(f)), 1),
    ("LOG1P_UNIT", "(log(1 + e) - e)/e^2 for e from 0 to 1", lambda e: (mp.log1p(e) - e) / e**2, 0, 1,
     lambda e: e**2 / mp.log1p(e), 0),
    ("ATANH", "(2*atanh(s)/s - 2 - 2*s^2/3)/s^4 of s^2, for |s| <= (sqrt(2) - 1)/(sqrt(2) + 1)",
     root(lambda s: (2 * mp.atanh(s) / s - 2 - 2 * s**2 / 3) / s**4), 0, ((ROOT - 1) / (ROOT + 1)) ** 2,
     lambda z: z**2 / 2, 13),
    ("TANH", "(tanh(x)/x - 1)/x^2 of x^2, for |x| <= 5/8", root(lambda x: (mp.tanh(x) / x - 1) / x**2), 0,
     mpf(25) / 64, lambda z: z, 4),
    ("SINH", "(sinh(x)/x - 1)/x^2 of x^2, for |x| <= 1", root(lambda x: (mp.sinh(x) / x - 1) / x**2), 0, 1,
     lambda z: z, 2),
    ("ERF", "erf(x)/x - 1 of x^2, for |x| <= 1", root(lambda x: mp.erf(x) / x - 1), 0, 1, lambda z: mpf("1.2"), 2),
    ("ERFC", "(1 + 2*x)*exp(x^2)*erfc(x) of (x - 4)/(x + 4), for x from 0 to where erfc vanishes",
     lambda t: scaled_erfc(t, K), -1, None, lambda t: mpf(1), 0),
    ("SIN", "(sin(r)/r - 1)/r^2 of r^2, for |r| <= pi/4", root(lambda r: (mp.sin(r) / r - 1) / r**2), 0,
     (mp.pi / 4) ** 2 * mpf("1.001"), lambda z: z, 4),
    ("COS", "(cos(r) - 1 + r^2/2)/r^4 of r^2, for |r| <= pi/4",
     root(lambda r: (mp.cos(r) - 1 + r**2 / 2) / r**4), 0, (mp.pi / 4) ** 2 * mpf("1.001"),
     lambda z: z**2 * ROOT, 4),
    ("ATAN", "(atan(x)/x - 1)/x^2 of x^2, for |x| <= tan(pi/8)", root(lambda x: (mp.atan(x) / x - 1) / x**2), 0,
     mp.tan(mp.pi / 8) ** 2 * mpf("1.001"), lambda z: z, 4),
    ("ASIN", "(asin(x)/x - 1)/x^2 of x^2, for |x| <= 1/2", root(lambda x: (mp.asin(x) / x - 1) / x**2), 0,
     mpf(1) / 4, lambda z: z, 4),
    ("LGAMMA", "lgamma(2 + d)/d for d in [-3/4, 1/4]", lgamma_slope, -mpf("0.751"), mpf(1) / 4, lambda d: 1 / lgamma_slope(d), 0),
    ("STIRLING", "x*(lgamma(x) - (x - 1/2)*log(x) + x - log(2*pi)/2) of 1/x^2, for x >= 33/4", stirling, 0,
     mpf(16) / 33**2, lambda w: mp.sqrt(w) / 9, 2),
    ("DIGAMMA", "digamma(3/2 + t)/(3/2 + t - the zero) for |t| <= 1/2",
     lambda t: mp.psi(0, t + 3 * HALF) / (t + 3 * HALF - DIGAMMA_ZERO), -HALF, HALF, lambda t: mpf(1), 0),
    ("DIGAMMA_TAIL", "(log(x) - 1/(2*x) - digamma(x))*x^2 of 1/x^2, for x >= 8", digamma_tail, 0, mpf(1) / 64,
     lambda w: w / 2, 4),
    ("TRIGAMMA_TAIL", "(trigamma(x) - 1/x - 1/(2*x^2))*x^3 of 1/x^2, for x >= 8", trigamma_tail, 0, mpf(1) / 64,
     lambda w: w, 4),
]


def parts(value, precision, count, cut=None):
    """The value as an unevaluated sum, its first part cut to that many bits."""
    result = []
    for n in range(count):
        if n == 0 and cut:
            exponent = mp.floor(mp.log(abs(value), 2))
            scale = mpf(2) ** (cut - 1 - exponent)
            part = rounded(mp.nint(value * scale) / scale, precision)
        else:
            part = rounded(value, precision)
        result.append(part)
        value -= part
    return result


# Name, meaning, value, how many parts, bits of the first part (single, double).
CONSTANTS = [
    ("LOG_2", "log(2), whose first part times an exponent is exact", mp.log(2), 2, (15, 40)),
    ("LOG2_E", "log2(e)", 1 / mp.log(2), 2, None),
    ("LOG10_E", "log10(e)", 1 / mp.log(10), 2, None),
    ("LOG10_2", "log10(2), whose first part times an exponent is exact", mp.log(2) / mp.log(10), 2, (15, 40)),
    ("HALF_PI", "pi/2", mp.pi / 2, 3, None),
    ("DIGAMMA_ZERO", "The zero of digamma above 0", DIGAMMA_ZERO, 2, None),
    ("TWO_THIRDS", "2/3", mpf(2) / 3, 2, None),
]


# How many digits of 2/pi there are, and the bits of one: the reduction of huge angles says why.
PI_DIGITS = 49
PI_DIGIT_BITS = {SINGLE: 12, DOUBLE: 24}


def digits(value, count, bits):
    """The first digits after the point of a value below one, to base 2^bits."""
    with mp.workprec(count * bits + 64):
        whole = int(mp.floor(value() * mpf(2) ** (count * bits)))
    return [float(whole >> (bits * (count - 1 - n)) & (1 << bits) - 1) for n in range(count)]


def array(values):
    return "[" + ", ".join(repr(v) for v in values) + "]"


def main():
    print("//! Polynomials and constants of the elementary functions, for single and double precision.")
    print("//!")
    print("//! Written by `tests/reference/generate_vector_coefficients.py`, which says how they are found.")
    print()
    print("// The parts of constants are those of this precision, beside the standard library's.")
    print("#![allow(clippy::approx_constant)]")
    print()
    print("use super::polynomial::{Constant, Polynomial};")
    for name, meaning, function, low, high, weight, extra in TABLE:
        found = []
        for precision in (SINGLE, DOUBLE):
            end = high
            if end is None:
                end = (ERFC_FAR[precision] - K) / (ERFC_FAR[precision] + K)
            found.append(fitted(function, low, end, weight, precision, precision + extra))
        print(f"\n/// {meaning}.")
        print(f"pub const {name}: Polynomial<{len(found[0])}, {len(found[1])}> = Polynomial {{")
        print(f"    single: {array(found[0])},\n    double: {array(found[1])},\n}};")
    for name, meaning, value, count, cut in CONSTANTS:
        single, double = (
            parts(value, precision, count, cut and cut[n]) for n, precision in enumerate((SINGLE, DOUBLE))
        )
        print(f"\n/// {meaning}, in parts of falling size.")
        print(f"pub const {name}: Constant<{count}> = Constant {{ single: {array(single)}, double: {array(double)} }};")
    single, double = (digits(lambda: 2 / mp.pi, PI_DIGITS, PI_DIGIT_BITS[p]) for p in (SINGLE, DOUBLE))
    print(f"\n/// 2/pi in digits after the point, to base 2^{PI_DIGIT_BITS[SINGLE]} and 2^{PI_DIGIT_BITS[DOUBLE]}.")
    print(f"pub const TWO_OVER_PI: Constant<{PI_DIGITS}> = Constant {{ single: {array(single)}, double: {array(double)} }};")


if __name__ == "__main__":
    main()
