"""Writes functions.json: values of the elementary functions to 75 digits, computed with mpmath.

Usage: python generate_functions.py > functions.json

An argument is the shortest text of a double, and stands for that double exactly. Where a function is not
defined the value is "nan"; infinities are "inf" and "-inf".
"""

import json

from mpmath import inf, isinf, isnan, mp, mpf, nan, nstr
import mpmath as m

mp.dps = 400  # Cancellation, as in expm1 of 1e-300, costs digits.

REALS = [0.0, 1e-300, -1e-300, 1e-20, -1e-20, 1e-8, 0.001, -0.001, 0.1, -0.1, 0.25, 0.3, -0.45, 0.5, -0.5,
         0.7, 0.75, 0.9, 0.999, 1.0, -1.0, 1.001, 1.25, -1.4, 1.5, 1.9, 2.0, -2.0, 2.5, -2.7, 3.0, -3.3, 4.5, 5.0,
         -5.5, 6.25, 7.75, -8.1, 10.0, -12.5, 20.0, -25.0, 36.6, 50.0, -60.5, 100.0, -100.5]
UNIT = [x for x in REALS if -1 <= x <= 1] + [0.99999, -0.99999, 0.9999999999999999]
POSITIVE = [x for x in REALS if x > 0] + [0.99, 0.9999999, 1.0000001, 1e3, 12345.678, 1e10, 1e100, 1e300]
EDGES = [inf, -inf, nan]
LARGE = [300.0, -300.0, 700.0, -700.0]


def log1p(x):
    return -inf if x == -1 else m.log(1 + x) if x > -1 else nan


def log(x):
    return -inf if x == 0 else m.log(x) if x > 0 else nan


def softplus(x):
    return m.log(1 + m.exp(x))


def lgamma(x):
    return inf if x <= 0 and x == m.floor(x) else m.log(abs(m.gamma(x)))


def polygamma(n, x):
    if n < 0 or n != m.floor(n) or (x <= 0 and x == m.floor(x)):
        return nan
    return m.psi(int(n), x)


def rounded(x):
    below = m.floor(x)
    rest = x - below
    up = rest > mpf(1) / 2 or (rest == mpf(1) / 2 and below % 2 != 0)
    return below + 1 if up else below


def inside(function, low, high):
    return lambda x: function(x) if low <= x <= high else nan


GAMMA = [x for x in REALS if abs(x) > 1e-200 and x != 2.0 and x != 1.0] + [
    1.0, 2.0, 0.99, 1.01, 1.99, 2.01, 1.4, 1.5, 30.25, 171.5, 1000.0, 1e6, 1e15, -0.999, -1.001, -20.5, -33.3]

ONE = {
    "exp": (m.exp, REALS + LARGE, {inf: inf, -inf: 0}),
    "log": (log, [0.0, -1.0] + POSITIVE, {inf: inf, -inf: nan}),
    "log2": (lambda x: log(x) / m.log(2), [0.0, -1.0] + POSITIVE, {inf: inf, -inf: nan}),
    "log10": (lambda x: log(x) / m.log(10), [0.0, -1.0] + POSITIVE, {inf: inf, -inf: nan}),
    "log1p": (log1p, [-0.999999, -2.0] + [x for x in REALS if x >= -1] + [1e3, 1e100], {inf: inf, -inf: nan}),
    "expm1": (lambda x: m.exp(x) - 1, REALS + LARGE, {inf: inf, -inf: -1}),
    "abs": (abs, REALS, {inf: inf, -inf: inf}),
    "sign": (m.sign, REALS, {inf: 1, -inf: -1}),
    "sin": (m.sin, REALS + LARGE + [1e6, 1e22, -1e15, 3.141592653589793], {inf: nan, -inf: nan}),
    "cos": (m.cos, REALS + LARGE + [1e6, 1e22, -1e15, 1.5707963267948966], {inf: nan, -inf: nan}),
    "tan": (m.tan, REALS + LARGE + [1e6, 1e22, 3.141592653589793, 1.5707963267948966], {inf: nan, -inf: nan}),
    "asin": (inside(m.asin, -1, 1), UNIT + [1.5, -2.0], {inf: nan, -inf: nan}),
    "acos": (inside(m.acos, -1, 1), UNIT + [1.5, -2.0], {inf: nan, -inf: nan}),
    "atan": (m.atan, REALS + [1e10, -1e100], {inf: m.pi / 2, -inf: -m.pi / 2}),
    "sinh": (m.sinh, REALS + LARGE, {inf: inf, -inf: -inf}),
    "cosh": (m.cosh, REALS + LARGE, {inf: inf, -inf: inf}),
    "tanh": (m.tanh, REALS + LARGE, {inf: 1, -inf: -1}),
    "sigmoid": (lambda x: 1 / (1 + m.exp(-x)), REALS + LARGE, {inf: 1, -inf: 0}),
    "logit": (lambda x: log(x) - log1p(-x) if 0 <= x <= 1 else nan,
              [x for x in UNIT if x >= 0 and x != 0.5] + [-0.5, 1.5], {inf: nan, -inf: nan}),
    "softplus": (softplus, REALS + LARGE, {inf: inf, -inf: 0}),
    "log1mexp": (lambda x: log(1 - m.exp(x)) if x <= 0 else nan,
                 [x for x in REALS if x < 0] + [0.0, 1.0, -0.693, -0.6931471805599453, -0.694, -300.0, -700.0],
                 {inf: nan, -inf: 0}),
    "expm1mx": (lambda x: m.exp(x) - 1 - x, [x for x in REALS if abs(x) > 1e-150 or x == 0] + LARGE + [1e-150, 1.0001],
                {inf: inf, -inf: inf}),
    "log1pmx": (lambda x: log1p(x) - x, [-0.999999, -2.0, 1e-150, -0.49, 0.51, 0.4142, 1e15, 1e16, 1e30]
                + [x for x in REALS if x >= -1 and (abs(x) > 1e-150 or x == 0)] + [1e3, 1e100], {inf: -inf, -inf: nan}),
    "logrel": (lambda x: mpf(1) if x == 1 else log(x) / (x - 1) if x >= 0 else nan,
               [-1.0] + POSITIVE + [0.9999999999999999, 1.0000000000000002], {inf: 0, -inf: nan}),
    "erf": (m.erf, REALS, {inf: 1, -inf: -1}),
    "erfc": (m.erfc, [x for x in REALS if x < 26] + [13.3, 17.0, 22.5], {inf: 0, -inf: 2}),
    "lgamma": (lgamma, [0.0, -1.0, -2.0] + GAMMA, {inf: inf, -inf: inf}),
    "digamma": (lambda x: polygamma(0, x), [0.0, -1.0, -2.0] + GAMMA, {inf: inf, -inf: nan}),
    "floor": (m.floor, REALS + [1e15, -2.5, 4503599627370495.5], {inf: inf, -inf: -inf}),
    "round": (rounded, REALS + [1e15, 3.5, -3.5, 0.49999999999999994, 4503599627370495.5], {inf: inf, -inf: -inf}),
}


def xlogy(x, y):
    return mpf(0) if x == 0 else x * log(y)


PAIRS = [(a, b) for a in [0.0, 1e-300, 0.25, 1.0, -1.0, 2.5, -3.0, 1e200] for b in [0.0, 0.5, 1.0, -1.0, 3.0, -0.75, 1e200]]

TWO = {
    "polygamma": (polygamma, [(n, x) for n in [0.0, 1.0, 2.0, 3.0, 5.0, 12.0, 0.5, -1.0]
                              for x in [0.0, -2.0, 0.01, 0.1, 0.5, 0.9, 1.0, 1.5, 2.0, 3.75, 8.0, 19.5, 60.0, 1000.0,
                                        1e8, -0.3, -0.75, -1.4, -2.6, -10.25, -50.7]]),
    "xlogy": (xlogy, PAIRS),
    "hypot": (lambda x, y: m.sqrt(x * x + y * y), PAIRS + [(3.0, 4.0), (1e300, 1e300), (1e-300, 1e-300)]),
    "atan2": (lambda y, x: m.atan2(y, x), [p for p in PAIRS if p != (0.0, 0.0)]),
    "max": (max, PAIRS),
    "min": (min, PAIRS),
}


def text(value):
    if isnan(value):
        return "nan"
    if isinf(value):
        return "inf" if value > 0 else "-inf"
    return nstr(value, 75)


def argument(value):
    return text(value) if isnan(value) or isinf(value) else repr(float(value))


def main():
    table = {}
    for name, (function, points, edges) in ONE.items():
        rows = [{"arguments": [argument(x)], "value": text(mpf(function(mpf(x))))} for x in points]
        rows += [{"arguments": [argument(x)], "value": text(mpf(edges.get(x, nan)))} for x in EDGES]
        table[name] = rows
    for name, (function, points) in TWO.items():
        table[name] = [
            {"arguments": [argument(x), argument(y)], "value": text(mpf(function(mpf(x), mpf(y))))} for x, y in points
        ]
    # A row a line: a change of one value is a change of one line.
    parts = []
    for name, rows in table.items():
        body = ",\n".join("    " + json.dumps(row) for row in rows)
        parts.append(f"  {json.dumps(name)}: [\n{body}\n  ]")
    print("{\n" + ",\n".join(parts) + "\n}")


if __name__ == "__main__":
    main()
