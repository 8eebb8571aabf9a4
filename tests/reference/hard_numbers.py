"""Dual numbers over mpmath, hard inputs, and the collection of cases: see generate_hard.py."""

import itertools
import json
import struct
import sys

import mpmath as m
from mpmath import mpf

sys.set_int_max_str_digits(0)
DIGITS = 900
LIMIT_DIGITS = 2600
m.mp.dps = DIGITS


class Dual:
    """A number with its derivatives with respect to every element of the inputs."""

    __slots__ = ("v", "d")

    def __init__(self, v, d=None):
        self.v, self.d = v, d or {}

    def _chain(self, value, slope):
        return Dual(value, {k: slope * x for k, x in self.d.items()} if slope != 0 else {})

    def __add__(self, o):
        o = dual(o)
        d = dict(self.d)
        for k, x in o.d.items():
            d[k] = d.get(k, 0) + x
        return Dual(self.v + o.v, d)

    def __neg__(self):
        return self._chain(-self.v, mpf(-1))

    def __sub__(self, o):
        return self + (-dual(o))

    def __rsub__(self, o):
        return dual(o) - self

    def __mul__(self, o):
        o = dual(o)
        d = {k: x * o.v for k, x in self.d.items()}
        for k, x in o.d.items():
            d[k] = d.get(k, 0) + x * self.v
        return Dual(self.v * o.v, d)

    def __truediv__(self, o):
        o = dual(o)
        return self * o._chain(1 / o.v, -1 / o.v**2)

    def __rtruediv__(self, o):
        return dual(o) / self

    def __pow__(self, o):
        if isinstance(o, Dual) and o.d:
            return exp(o * log(self))
        n = dual(o).v
        if n == 0:
            return Dual(mpf(1))
        return self._chain(self.v**n, n * self.v ** (n - 1) if self.v != 0 or n >= 1 else mpf(0))

    __radd__, __rmul__ = __add__, __mul__


def dual(x):
    return x if isinstance(x, Dual) else Dual(mpf(x))


def unary(value, slope):
    def function(x):
        x = dual(x)
        return x._chain(value(x.v), slope(x.v))

    return function


exp = unary(m.exp, m.exp)
log = unary(lambda v: m.log(v) if v != 0 else -m.inf, lambda v: 1 / v if v != 0 else m.inf)
tanh = unary(m.tanh, lambda v: m.sech(v) ** 2)
cosh = unary(m.cosh, m.sinh)
erf = unary(m.erf, lambda v: 2 * m.exp(-v * v) / m.sqrt(m.pi))
sqrt = unary(m.sqrt, lambda v: 1 / (2 * m.sqrt(v)) if v != 0 else mpf(0))
absolute = unary(abs, m.sign)


def sigmoid(z):
    e = m.exp(-abs(dual(z).v))
    z = dual(z)
    p = 1 / (1 + e) if z.v >= 0 else e / (1 + e)
    return z._chain(p, e / (1 + e) ** 2)


def softplus(z):
    z = dual(z)
    return z._chain(max(z.v, 0) + m.log1p(m.exp(-abs(z.v))), sigmoid(z.v).v)


def relu(x):
    x = dual(x)
    return x if x.v > 0 else Dual(mpf(0))


def total(xs):
    s = Dual(mpf(0))
    for x in xs:
        s = s + x
    return s


def norm(xs):
    return sqrt(total(x * x for x in xs))


def xlogy(x, y):
    return Dual(mpf(0), {k: d * log(y).v for k, d in dual(x).d.items() if d != 0 and dual(y).v != 0}) if dual(
        x).v == 0 else dual(x) * log(y)


def softmax(z):
    top = max(x.v for x in z)
    e = [exp(x - top) for x in z]
    s = total(e)
    return [x / s for x in e]


def log_softmax(z):
    """By way of what each is above the others, so that 900 digits are enough even for gaps of 1e300."""
    result = []
    top = max(range(len(z)), key=lambda i: z[i].v)
    rest = total(exp(x - z[top]) for i, x in enumerate(z) if i != top)
    p = softmax(z)
    value = m.log1p(rest.v)
    for i, x in enumerate(z):
        d = {}
        for j, y in enumerate(z):
            # d log p_i / d z_j = [i == j] - p_j, with 1 - p_i as the sum of the others.
            slope = total(p[k] for k in range(len(z)) if k != i).v if i == j else -p[j].v
            for k, s in y.d.items():
                d[k] = d.get(k, 0) + slope * s
        result.append(Dual(x.v - z[top].v - value, d))
    return result


def one_hot(t, n):
    return [Dual(mpf(int(i == t))) for i in range(n)]


# -- inputs -----------------------------------------------------------------------------------------------------


def single(x):
    try:
        return struct.unpack("f", struct.pack("f", x))[0]
    except OverflowError:
        return None


BELOW_ONE = {"f64": 1 - 2.0**-53, "f32": 1 - 2.0**-24}
LOGITS = {
    "f64": [0.0, 5e-324, -1e-300, 1e-8, 0.5, -0.75, 3.0, 17.0, -17.0, 36.5, 40.0, -40.0, 100.0, -100.0, 750.0, -750.0, 800.0, -800.0],
    "f32": [0.0, 1e-45, -1e-30, 1e-8, 0.5, -0.75, 3.0, 17.0, -17.0, 36.5, 40.0, -40.0, 100.0, -100.0, 750.0, -750.0, 800.0, -800.0],
}
PROBABILITIES = {
    "f64": [5e-324, 1e-300, 1e-17, 0.25, 0.5, 0.875, 1 - 2.0**-30, BELOW_ONE["f64"]],
    "f32": [1e-45, 1e-30, 1e-9, 0.25, 0.5, 0.875, 1 - 2.0**-20, BELOW_ONE["f32"]],
}
HUGE = {"f64": 1e200, "f32": 1e30}
TINY = {"f64": 1e-200, "f32": 1e-30}
GAMMAS = [0.0, 0.5, 1.0, 2.0, 5.0]
VECTORS = {
    "f64": [[0.0, 0.0, 0.0], [100.0, 60.0, 0.0], [1e4, -1e4, 0.0], [1e300, -1e300, 0.0], [800.0, -800.0, 17.0], [-750.0, 0.0, 40.0],
            [1e-8, 0.0, -1e-8], [-100.0, -100.5, -140.0]],
    "f32": [[0.0, 0.0, 0.0], [100.0, 60.0, 0.0], [1e4, -1e4, 0.0], [1e30, -1e30, 0.0], [800.0, -800.0, 17.0], [-50.0, 0.0, 40.0],
            [1e-8, 0.0, -1e-8], [-100.0, -100.5, -140.0]],
}
SIMPLEX = [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]]


def close(precision, p):
    """A vector near p with the same sum, moved by exact steps."""
    step = {"f64": 2.0**-40, "f32": 2.0**-15}[precision]
    return [p[0] + step, p[1] - step, p[2]]


PRECISIONS = ["f64", "f32"]
GROUPS = []


def group(name, spellings, function, cases, grads, limits=False):
    """`cases(precision)` yields (inputs, params)."""
    GROUPS.append((name, spellings, function, cases, grads, limits))


def computed(name, spellings, function, cases, grads, limits):
    """A group with its values."""
    out = [
        case(precision, function, inputs, params, grads, limits)
        for precision in PRECISIONS
        for inputs, params in cases(precision)
    ]
    return {"name": name, "spellings": spellings, "grads": grads, "cases": out}


def case(precision, function, inputs, params, grads, limits):
    def rounded(x):
        if isinstance(x, list):
            return [rounded(y) for y in x]
        if isinstance(x, int) or precision == "f64":
            return x
        return single(x)

    inputs = {k: rounded(v) for k, v in inputs.items()}
    params = {k: rounded(v) for k, v in params.items()}
    m.mp.dps = LIMIT_DIGITS if limits else DIGITS
    nudge = mpf(10) ** -2000 if limits else 0

    def lifted(name, x, path=()):
        if isinstance(x, list):
            return [lifted(name, y, path + (i,)) for i, y in enumerate(x)]
        if isinstance(x, int):
            return x
        v = mpf(x)
        if limits and name in limits:
            v = v + nudge if x == 0 else v - nudge if x == 1 else v
        return Dual(v, {(name, path): mpf(1)} if name in grads else {})

    result = function(**{k: lifted(k, v) for k, v in inputs.items()}, **{k: mpf(v) for k, v in params.items()})

    def gradient(name, x, path=()):
        if isinstance(x, list):
            return [gradient(name, y, path + (i,)) for i, y in enumerate(x)]
        d = result.d.get((name, path), mpf(0))
        # A slope that grows without bound towards the limit is infinite there.
        return "inf" if abs(d) > mpf(10) ** 700 else text(d) if not (limits and abs(d) > 1000) else "any"

    return {
        "precision": precision,
        "inputs": inputs,
        "params": params,
        "value": text(result.v),
        "grads": {k: gradient(k, inputs[k]) for k in grads},
    }


def text(x):
    return m.nstr(mpf(x), 20)


def each(**lists):
    """All combinations of values; a list may be a dict by precision."""

    def cases(precision):
        values = [v[precision] if isinstance(v, dict) else v for v in lists.values()]
        for combination in itertools.product(*values):
            yield dict(zip(lists, combination)), {}

    return cases


def with_params(inputs, **params):
    def cases(precision):
        for (values, _), combination in itertools.product(inputs(precision), itertools.product(*params.values())):
            yield values, dict(zip(params, combination))

    return cases
