"""Writes tests/reference/vector.txt: values of elementary functions at exact arguments, for the vectorised ones.

    python tests/reference/generate_vector.py > tests/reference/vector.txt

A line is a function, a precision, the bits of the arguments, the bits of the double that is nearest to the exact value,
and how far that is from the double, in its units in the last place; all worked out with mpmath to 100 digits.
"""

import math
import random
import struct

import numpy
from mpmath import mp, mpf

mp.dps = 100
generator = random.Random(20240501)


def bits(value, precision):
    if precision == 32:
        return struct.pack(">f", value).hex()
    return struct.pack(">d", value).hex()


def at(value, precision):
    """The nearest value of that precision."""
    with numpy.errstate(over="ignore"):
        return float(numpy.float32(value)) if precision == 32 else float(value)


def neighbours(value, precision):
    kind = numpy.float32 if precision == 32 else numpy.float64
    value = kind(value)
    return [float(numpy.nextafter(value, kind(-math.inf))), float(value), float(numpy.nextafter(value, kind(math.inf)))]


def logistic(x):
    return 1 / (1 + mp.exp(-x))


# Function, range of magnitudes (powers of ten, single and double), signs, interesting interval, special points.
ONE = {
    "exp": (mp.exp, (-20, 1.9), (-30, 2.8), "both", (-3, 3), [88.72, -87.33, -103.97, 709.78, -708.4, -745.1]),
    "expm1": (mp.expm1, (-44, 1.9), (-320, 2.8), "both", (-1.5, 1.5), [88.72, 709.78, 0.3466, -0.3466, 1.04, -1.04]),
    "log": (mp.log, (-44, 38), (-320, 308), "positive", (0.4, 2.5), [1, 0.70710678, 1.41421356, 0.5, 2]),
    "log2": (lambda x: mp.log(x) / mp.log(2), (-44, 38), (-320, 308), "positive", (0.4, 2.5), [1, 0.70710678, 1.41421356, 0.5, 8]),
    "log10": (lambda x: mp.log(x) / mp.log(10), (-44, 38), (-320, 308), "positive", (0.4, 2.5), [1, 0.70710678, 1.41421356, 10, 1000]),
    "log1p": (mp.log1p, (-44, 38), (-320, 308), "positive", (-0.99, 3), [-0.29289, 0.41421356, 1, -0.9999999, -0.5]),
    "sigmoid": (logistic, (-20, 1.9), (-30, 2.8), "both", (-5, 5), [-87.3, -103.9, -708.3, -745.1, 20, 40]),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), (-20, 1.9), (-30, 2.8), "both", (-5, 5), [-87.3, -103.9, -708.3, -745.1, 0.8814, -0.8814]),
    "logit": (lambda x: mp.log(x / (1 - x)), (-44, -0.01), (-320, -0.01), "positive", (0.01, 0.99), [0.25, 0.75, 0.5, 0.99999, 0.4, 0.6]),
    "tanh": (mp.tanh, (-44, 1.5), (-320, 1.5), "both", (-2, 2), [0.625, -0.625, 9, 19, 0.55]),
    "sinh": (mp.sinh, (-44, 1.9), (-320, 2.8), "both", (-2, 2), [1, -1, 89, 710]),
    "cosh": (mp.cosh, (-20, 1.9), (-30, 2.8), "both", (-2, 2), [1, -1, 89, 710]),
    "sin": (mp.sin, (-44, 38), (-320, 308), "both", (-8, 8), [k * math.pi / 2 for k in range(-6, 7)] + [355, 1e5, 131072, 1e9, 16367173 * 2.0**72, 6381956970095103 * 2.0**797, 3e38, 1.7e308]),
    "cos": (mp.cos, (-20, 38), (-30, 308), "both", (-8, 8), [k * math.pi / 2 for k in range(-6, 7)] + [355, 1e5, 131072, 1e9, 16367173 * 2.0**72, 6381956970095103 * 2.0**797, 3e38, 1.7e308]),
    "tan": (mp.tan, (-44, 38), (-320, 308), "both", (-8, 8), [k * math.pi / 2 for k in range(-6, 7)] + [355, 1e5, 131072, 1e9, 16367173 * 2.0**72, 6381956970095103 * 2.0**797, 3e38, 1.7e308]),
    "asin": (mp.asin, (-44, -0.01), (-320, -0.01), "both", (-1, 1), [0.5, -0.5, 1, -1, 0.70710678]),
    "acos": (mp.acos, (-20, -0.01), (-30, -0.01), "both", (-1, 1), [0.5, -0.5, 1, -1, 0.70710678]),
    "atan": (mp.atan, (-44, 38), (-320, 308), "both", (-3, 3), [1, -1, 0.41421356, 2.41421356]),
    "erf": (mp.erf, (-44, 1), (-320, 1.2), "both", (-3, 3), [1, -1, 3.9, 5.9]),
    "erfc": (mp.erfc, (-20, 1), (-30, 1.42), "both", (-3, 8), [0.5, -0.5, 9.19, 10.05, 26.5, 27.2]),
    "log1mexp": (lambda x: mp.log1p(-mp.exp(x)) if x < -1 else mp.log(-mp.expm1(x)), (-44, 1.9), (-320, 2.8), "negative", (-3, -0.1), [-0.6931, -87.3, -103, -745, -0.3466, -17.3, -37.4]),
    "expm1mx": (lambda x: x**2 / 2 * mp.hyp1f1(1, 3, x), (-23, 1.9), (-162, 2.8), "both", (-1.5, 1.5), [88.72, 709.78, 0.3466, -0.3466, 1.04, -1.04, -40, -1e6]),
    "logrel": (lambda x: mp.log(x) / (x - 1) if x != 1 else mpf(1), (-44, 38), (-320, 308), "positive", (0.4, 2.5), [1, 0.999, 1.0000001, 0.70710678, 1.41421356, 2, 0.5]),
    "lgamma": (mp.loggamma, (-44, 36), (-320, 305), "positive", (0.01, 12), [0.25, 1, 1.25, 1.5, 2, 2.25, 3.25, 4.25, 5.25, 6.25, 7.25, 8.25, 1.4616]),
    "digamma": (lambda x: mp.psi(0, x), (-38, 38), (-308, 308), "positive", (0.01, 12), [1, 2, 3, 4, 5, 6, 7, 8, 1.4616321]),
    "trigamma": (lambda x: mp.psi(1, x), (-19, 38), (-154, 308), "positive", (-6, 12), [1, 2, 8, 3.5, 7.999]),
    "reciprocal_sqrt": (lambda x: 1 / mp.sqrt(x), (-44, 38), (-320, 308), "positive", (0.5, 4), [1, 4]),
    "log1pmx": (lambda x: -x**2 / 2 * mp.hyp2f1(1, 2, 3, -x) if abs(x) < 0.5 else mp.log1p(x) - x, (-22, 38), (-160, 308), "positive", (-0.99, 3), [-0.29289, 0.41421356, 1, -0.9999999, -0.5, -0.6464, 1.8284, 2.0**24, 2.0**53, 3e38, 1.7e308]),
}

TWO = {
    "pow": (lambda x, y: x**y, "power"),
    "hypot": (lambda x, y: mp.sqrt(x * x + y * y), "plane"),
    "atan2": (lambda y, x: mp.atan2(y, x), "plane"),
    "xlogy": (lambda x, y: x * mp.log(y), "positive second"),
}


def line(name, precision, arguments, value):
    near = float(value) if abs(value) < mpf(2) ** 1024 * (1 - mpf(2) ** -54) else math.copysign(math.inf, value)
    rest = 0.0
    if math.isfinite(near):
        rest = float((value - mpf(near)) / mpf(math.ulp(near)))
    print(name, precision, *(bits(a, precision) for a in arguments), bits(near, 64), f"{rest:.3f}")


def magnitude(low, high):
    return 10 ** generator.uniform(low, high) if low > -300 else float(mpf(10) ** mpf(generator.uniform(low, high)))


def unary(name, precision):
    function, single, double, signs, interval, special = ONE[name]
    low, high = single if precision == 32 else double
    points = [p for s in special for p in neighbours(s, precision)]
    for _ in range(90):
        value = magnitude(low, high)
        below = signs == "negative" or signs == "both" and generator.random() < 0.5
        points.append(-value if below else value)
    points += [generator.uniform(*interval) for _ in range(110)]
    for point in points:
        point = at(point, precision)
        if not math.isfinite(point) or point == 0:
            continue
        try:
            value = function(mpf(point))
        except (ValueError, ZeroDivisionError):
            continue
        if isinstance(value, mpf) and mp.isfinite(value):
            line(name, precision, [point], value)


def binary(name, precision):
    function, kind = TWO[name]
    top = 38 if precision == 32 else 308
    for n in range(260):
        if kind == "power":
            if n < 60:
                x, y = generator.uniform(0.1, 4), generator.uniform(-6, 6)
            elif n < 150:
                x, y = magnitude(-top, top), 0.0
                y = generator.uniform(-1.1, 1.1) * top * math.log(10) / math.log(x)
            elif n < 200:
                x = 1 + generator.uniform(-1, 1) * 10 ** generator.uniform(-6 if precision == 32 else -14, -1)
                y = generator.uniform(-1, 1) * top * math.log(10) / abs(math.log(x))
            elif n < 240:
                x, y = -generator.uniform(0.1, 9), float(generator.randint(-40, 40))
            else:
                x, y = magnitude(-top - 6, -top), generator.uniform(-1, 1.1)
        elif kind == "plane":
            if n < 130:
                x, y = generator.uniform(-3, 3), generator.uniform(-3, 3)
            else:
                x = magnitude(-top - 5, top)
                y = x * 10 ** generator.uniform(-9, 9)
                x, y = x * generator.choice([1, -1]), y * generator.choice([1, -1])
        else:
            x, y = generator.uniform(-3, 3), magnitude(-top, top)
        x, y = at(x, precision), at(y, precision)
        if not (math.isfinite(x) and math.isfinite(y)) or x == 0 or (y == 0 and name != "pow"):
            continue
        value = function(mpf(x), mpf(y))
        if mp.isfinite(value):
            line(name, precision, [x, y], value)


for precision in (32, 64):
    for name in ONE:
        unary(name, precision)
    for name in TWO:
        binary(name, precision)
