"""Writes hard.json: losses at inputs that are hard in floating point, computed with mpmath at hundreds of digits.

Usage: python generate_hard.py > hard.json

The losses are written here anew, from their formulas and not from the library's text; gradients come from dual
numbers. An input is a double (or single) and stands for exactly that. Where a function has only a limit at an input
(a weight of 0 times an infinite logarithm), the input is moved into the domain by 1e-2000, whose trace is far below
the least double.
"""

import json

from hard_numbers import *

logit_only = each(z=LOGITS)
logit_label = each(z=LOGITS, y=[0.0, 1.0])

group("log-loss of a positive sample",
      ["-log(1/(1+exp(-z)))", "-log(sigmoid(z))", "log(1+exp(-z))", "softplus(-z)", "-log_sigmoid(z)", "log1p(exp(-z))",
       "-log(1 - 1/(1+exp(z)))", "-log(exp(z)/(1+exp(z)))", "-z + log(exp(z) + 1)", "-log(1 - sigmoid(-z))",
       "-log((1 + tanh(z/2))/2)", "max(0,-z) + log(1+exp(-|z|))", "-log(p) where p = 1/(1 + exp(-z))",
       "softplus(z) - z", "log((1 + exp(z))/exp(z))"],
      lambda z: softplus(-z), logit_only, ["z"])


def bce(z, y):
    return y * softplus(-z) + (1 - y) * softplus(z)


group("binary cross-entropy of a logit",
      ["bce_with_logits", "-(y*log(1/(1+exp(-z))) + (1-y)*log(1-1/(1+exp(-z))))", "softplus(z) - y*z", "log(1+exp(z)) - y*z",
       "max(z,0) - z*y + log(1+exp(-|z|))", "-y*log(p) - (1-y)*log(1-p) where p = sigmoid(z)", "bce(sigmoid(z), y)",
       "(1 - y)*z + softplus(-z)", "loss f(z, y in {0,1}) = -log(y*sigmoid(z) + (1-y)*(1-sigmoid(z)))",
       "loss f(z, y in {0,1}) = -log(if y == 1 then sigmoid(z) else 1 - sigmoid(z))",
       "loss f(z, y in {0,1}) = -log(pt) where pt = if y == 1 then p else 1 - p\n p = 1/(1+exp(-z))"],
      bce, logit_label, ["z"])
group("binary cross-entropy of a logit, soft labels", ["bce_with_logits", "softplus(z) - y*z",
      "-(y*log(1/(1+exp(-z))) + (1-y)*log(1-1/(1+exp(-z))))"],
      bce, each(z=LOGITS, y=[0.25]), ["z"])
group("log-loss of labels of -1 and 1", ["log(1+exp(-y*z))", "-log(sigmoid(y*z))", "loss f(z, y in {-1,1}) = -log(1/(1+exp(-y*z)))"],
      lambda z, y: softplus(-y * z), each(z=LOGITS, y=[-1.0, 1.0]), ["z"])
group("log of one minus a sigmoid", ["log(1 - sigmoid(z))", "log(1 - 1/(1+exp(-z)))", "-log(1+exp(z))", "log(exp(-z)/(1+exp(-z)))"],
      lambda z: -softplus(z), logit_only, ["z"])
group("sigmoid", ["sigmoid(z)", "1/(1+exp(-z))", "exp(z)/(1+exp(z))", "(1 + tanh(z/2))/2", "1 - sigmoid(-z)", "1 - 1/(1+exp(z))",
                  "exp(-log(1+exp(-z)))"],
      sigmoid, logit_only, ["z"])
group("squared error of a sigmoid", ["sigmoid_mse", "(1/(1+exp(-z)) - y)^2", "(y - sigmoid(z))^2"],
      lambda z, y: (sigmoid(z) * (1 - y) - y * sigmoid(-z)) ** 2, logit_label, ["z"])


def weighted_bce(z, y, w):
    return w * y * softplus(-z) + (1 - y) * softplus(z)


group("binary cross-entropy with a weight for positives",
      ["loss f(z, y in [0,1]; w in (0,inf) = 3) = -(w*y*log(sigmoid(z)) + (1-y)*log(1-sigmoid(z)))",
       "loss f(z, y in {0,1}; w = 3) = -(w*y*log(1/(1+exp(-z))) + (1-y)*log(1-1/(1+exp(-z))))"],
      weighted_bce, with_params(logit_label, w=[3.0]), ["z"])


def focal_of(pt_log, rest, gamma):
    return rest**gamma * -pt_log


def focal_logits(z, y, alpha, gamma):
    s = z if y.v == 1 else -z
    w = alpha if y.v == 1 else 1 - alpha
    # (1 - p)^gamma as exp(-gamma*softplus(s)).
    return w * exp(-gamma * softplus(s)) * softplus(-s)


focal_cases = with_params(logit_label, alpha=[0.25], gamma=GAMMAS)
group("focal loss of a logit",
      ["focal_with_logits",
       "loss f(z, y in {0,1}; alpha in [0,1] = 0.25, gamma in [0,inf) = 2) = -w*(1-pt)^gamma*log(pt)\n  where p = 1/(1+exp(-z))\n   pt = if y == 1 then p else 1 - p\n   w = if y == 1 then alpha else 1 - alpha",
       "loss f(z, y in {0,1}; alpha in [0,1] = 0.25, gamma in [0,inf) = 2) = -alpha*y*(1-p)^gamma*log(p) - (1-alpha)*(1-y)*p^gamma*log(1-p)\n  where p = sigmoid(z)",
       "loss f(z, y; alpha = 0.25, gamma = 2) = if y == 1 then -alpha*(1-1/(1+exp(-z)))^gamma*log(1/(1+exp(-z))) else -(1-alpha)*(1/(1+exp(-z)))^gamma*log(1-1/(1+exp(-z)))"],
      focal_logits, focal_cases, ["z"])
group("focal loss of a logit, positive",
      ["loss f(z; gamma in [0,inf) = 2) = -(1-sigmoid(z))^gamma*log(sigmoid(z))",
       "loss f(z; gamma = 2) = -(1-1/(1+exp(-z)))^gamma*log(1/(1+exp(-z)))",
       "loss f(z; gamma = 2) = (1/(1+exp(z)))^gamma*log(1+exp(-z))"],
      lambda z, gamma: exp(-gamma * softplus(z)) * softplus(-z), with_params(logit_only, gamma=GAMMAS), ["z"])


def focal_probability(p, y, alpha, gamma):
    pt, rest = (p, 1 - p) if y.v == 1 else (1 - p, p)
    w = alpha if y.v == 1 else 1 - alpha
    return -w * rest**gamma * log(pt)


group("focal loss of a probability",
      ["focal", "loss f(p in (0,1), y in {0,1}; alpha in [0,1] = 0.25, gamma in [0,inf) = 2) = -alpha*y*(1-p)^gamma*log(p) - (1-alpha)*(1-y)*p^gamma*log(1-p)"],
      focal_probability, with_params(each(p=PROBABILITIES, y=[0.0, 1.0]), alpha=[0.25], gamma=GAMMAS), ["p"])
group("focal loss of a probability, bare", ["loss f(p; gamma = 2) = -(1-p)^gamma*log(p)", "loss f(p in [0,1]; gamma in [0,inf) = 2) = -(1-p)^gamma*log(p)"],
      lambda p, gamma: -(1 - p) ** gamma * log(p), with_params(each(p=PROBABILITIES), gamma=GAMMAS), ["p"])
group("focal loss of a probability of 1", ["loss f(p; gamma = 2) = -(1-p)^gamma*log(p)", "loss f(p in [0,1]; gamma in [0,inf) = 2) = -(1-p)^gamma*log(p)"],
      lambda p, gamma: -(1 - p) ** gamma * log(p), with_params(each(p=[1.0]), gamma=[0.5, 1.0, 2.0, 5.0]), ["p"], limits=["p"])
group("binary cross-entropy of a probability", ["bce", "-(y*log(p) + (1-y)*log(1-p))"],
      lambda p, y: -y * log(p) - (1 - y) * log(1 - p), each(p=PROBABILITIES, y=[0.0, 1.0, 0.25]), ["p"])
group("balanced binary cross-entropy", ["balanced_bce"],
      lambda p, y: -0.25 * y * log(p) - 0.75 * (1 - y) * log(1 - p), each(p=PROBABILITIES, y=[0.0, 1.0]), ["p"])
group("logit of a probability", ["log(p/(1-p))", "log(p) - log(1-p)", "logit(p)"], lambda p: log(p) - log(1 - p),
      each(p=PROBABILITIES), ["p"])

# -- several classes --


def ce_index(z, t):
    return -log_softmax(z)[t]


ce_cases = each(z=VECTORS, t=[0, 1, 2])
group("cross-entropy with a class index",
      ["softmax_loss", "loss f(z[c], t in index[c]) = -log(exp(z[t])/sum[c](exp(z)))", "loss f(z[c], t in index[c]) = -log(p[t]) where p[c] = softmax[c](z)",
       "loss f(z[c], t in index[c]) = logsumexp[c](z) - z[t]", "loss f(z[c], t in index[c]) = -z[t] + log(sum[c](exp(z)))",
       "loss f(z[c], t in index[c]) = -l[t] where l[c] = log_softmax[c](z)",
       "loss f(z[c], t in index[c]) = -sum[c]([c == t]*log(softmax[c](z)))",
       "loss f(z[c], t in index[c]) = -log(q[t]) where m = max[c](z)\n e[c] = exp(z[c] - m)\n q[c] = e[c]/sum[c](e[c])",
       "loss f(z[c], t in index[c]) = log(sum[c](exp(z[c] - z[t])))"],
      ce_index, ce_cases, ["z"])
group("cross-entropy of written-out logits", ["-log(exp(a)/(exp(a)+exp(b)+exp(d)))", "log(exp(a)+exp(b)+exp(d)) - a"],
      lambda a, b, d: -log_softmax([a, b, d])[0],
      lambda precision: ((dict(zip("abd", v)), {}) for z in VECTORS[precision] for v in (z, z[1:] + z[:1], z[2:] + z[:2])), ["a", "b", "d"])


def ce_soft(z, y):
    return -total(w * x for w, x in zip(y, log_softmax(z)))


soft_cases = each(z=VECTORS, y=SIMPLEX)
group("cross-entropy with a target distribution",
      ["cross_entropy", "loss f(z[c], y[c] in simplex) = -sum[c](y*log(exp(z)/sum[c](exp(z))))",
       "loss f(z[c], y[c] in simplex) = logsumexp[c](z) - sum[c](y*z)", "loss f(z[c], y[c] in simplex) = -sum[c](y*log_softmax[c](z))",
       "-sum[c](y*log(softmax[c](z[c])))".replace("y*", "y[c]*")],
      ce_soft, soft_cases, ["z"])
group("weighted cross-entropy", ["weighted_cross_entropy"],
      lambda z, y, w: -total(a * b * c for a, b, c in zip(w, y, log_softmax(z))), each(z=VECTORS, y=SIMPLEX[:2], w=[[1.0, 2.0, 0.5]]), ["z"])
group("label smoothing", ["loss f(z[c], t in index[c]; eps = 0.1) = -sum[c](((1-eps)*[c == t] + eps/3)*log(softmax[c](z)))"],
      lambda z, t, eps: -total(((1 - eps) * y + eps / 3) * x for y, x in zip(one_hot(t, 3), log_softmax(z))),
      with_params(each(z=VECTORS, t=[0, 1]), eps=[0.125, 0.0]), ["z"])


def complements(z):
    p = softmax(z)
    return [total(q for j, q in enumerate(p) if j != i) for i in range(len(p))]


group("focal loss of several classes", ["focal_multiclass"],
      lambda z, y, alpha, gamma: -alpha * total(w * r**gamma * x for w, r, x in zip(y, complements(z), log_softmax(z)) if w.v != 0),
      with_params(each(z=VECTORS, y=SIMPLEX[:3]), alpha=[0.25], gamma=[1.0, 2.0, 5.0]), ["z"])
group("focal loss with a class index", ["loss f(z[c], t in index[c]; gamma in [0,inf) = 2) = -(1 - p[t])^gamma*log(p[t]) where p[c] = softmax[c](z)",
      "loss f(z[c], t in index[c]; gamma = 2) = -(1 - exp(z[t])/sum[c](exp(z)))^gamma*log(exp(z[t])/sum[c](exp(z)))"],
      lambda z, t, gamma: -complements(z)[t] ** gamma * log_softmax(z)[t],
      with_params(each(z=VECTORS, t=[0, 1, 2]), gamma=GAMMAS), ["z"])
group("negative log-likelihood", ["nll"], lambda logp, t: -logp[t], each(logp=[[-0.5, -1.0, -800.0]], t=[0, 2]), ["logp"])
group("cross-entropy of probabilities", ["cross_entropy_probs", "-sum[c](y[c]*log(p[c]))"],
      lambda p, y: -total(xlogy(w, x) for w, x in zip(y, p)),
      lambda precision: (({"p": [a, b, 0.5], "y": y}, {}) for a, b in zip(PROBABILITIES[precision], reversed(PROBABILITIES[precision])) for y in SIMPLEX), ["p"])
group("log-softmax entropy", ["loss f(z[c]) = -sum[c](p[c]*log(p[c])) where p[c] = softmax[c](z)"],
      lambda z: -total(a * b for a, b in zip(softmax(z), log_softmax(z))), each(z=[[0.0, 0.0, 0.0], [100.0, 60.0, 0.0], [3.0, 1.0, -2.0], [-50.0, 0.0, 40.0]]), [])
group("one minus a softmax", ["loss f(z[c], t in index[c]) = 1 - p[t] where p[c] = softmax[c](z)", "loss f(z[c], t in index[c]) = 1 - exp(z[t])/sum[c](exp(z))"],
      lambda z, t: complements(z)[t], ce_cases, ["z"])

# -- distributions --


def kl(p, q):
    return total(xlogy(a, a) - xlogy(a, b) for a, b in zip(p, q))


def pairs(precision):
    for p in SIMPLEX[2:] + [[0.125, 0.625, 0.25]]:
        for q in [close(precision, p), close(precision, close(precision, p)), [0.5, 0.125, 0.375], p]:
            yield {"p": p, "q": q}, {}
    tiny = TINY[precision]
    yield {"p": [tiny, 0.5, 0.5], "q": [0.25, 0.5, 0.25]}, {}
    yield {"p": [0.5, 0.25, 0.25], "q": [tiny, 0.75, 0.25]}, {}


kl_spellings = ["kl", "sum[c](p[c]*log(p[c]/q[c]))", "sum[c](p[c]*(log(p[c]) - log(q[c])))", "loss f(p[c] in simplex, q[c] in simplex) = sum[c](p*log(p) - p*log(q))",
                "loss f(p[c] in simplex, q[c] in simplex) = -sum[c](p*log(q/p))", "loss f(p[c] in simplex, q[c] in simplex) = sum[c](p*log(p)) - sum[c](p*log(q))"]
group("Kullback-Leibler divergence", kl_spellings, kl, pairs, ["p", "q"])


def with_zeros(precision):
    for p in SIMPLEX[:2]:
        for q in [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]:
            yield {"p": p, "q": q}, {}
    yield {"p": [1.0, 0.0, 0.0], "q": [0.5, 0.5, 0.0]}, {}


group("Kullback-Leibler divergence with zeros", ["kl", "sum[c](p[c]*log(p[c]/q[c]))", "sum[c](p[c]*(log(p[c]) - log(q[c])))"], kl, with_zeros, [])


def js(p, q):
    mid = [(a + b) / 2 for a, b in zip(p, q)]
    return kl(p, mid) / 2 + kl(q, mid) / 2


js_spellings = ["js", "loss f(p[c] in simplex, q[c] in simplex) = sum[c](p*log(2*p/(p+q)))/2 + sum[c](q*log(2*q/(p+q)))/2",
                "sum[c](p[c]*log(p[c]/m[c]) + q[c]*log(q[c]/m[c]))/2 where m[c] = (p[c]+q[c])/2"]
group("Jensen-Shannon divergence", js_spellings, js, pairs, ["p", "q"])
group("Jensen-Shannon divergence with zeros", js_spellings, js, lambda precision: list(with_zeros(precision)) + [({"p": [1.0, 0.0, 0.0], "q": [0.0, 0.5, 0.5]}, {})], [])
group("entropy", ["entropy", "-sum[c](p[c]*log(p[c]))", "-sum[c](if p[c] > 0 then p[c]*log(p[c]) else 0)"],
      lambda p: -total(xlogy(x, x) for x in p), lambda precision: (({"p": p}, {}) for p in SIMPLEX + [[TINY[precision], 0.5, 0.5]]), [])
group("y log y", ["if y > 0 then y*log(y) else 0", "loss f(y in [0,1]) = y*log(y)", "xlogy(y, y)"], lambda y: xlogy(y, y), each(y={p: [0.0, 1.0] + PROBABILITIES[p] for p in PRECISIONS}), [])
group("y log y, gradient", ["if y > 0 then y*log(y) else 0", "y*log(y)"], lambda y: y * log(y), each(y=PROBABILITIES), ["y"])
group("log of a quotient", ["log(p/q)", "log(p) - log(q)", "-log(q/p)"], lambda p, q: log(p) - log(q),
      lambda precision: (({"p": a, "q": b}, {}) for a, b in [(0.5, 0.5 + {"f64": 2.0**-53, "f32": 2.0**-24}[precision]), (HUGE[precision], TINY[precision]),
                         (TINY[precision], HUGE[precision]), (0.75, 0.5), (1e-30, 1.1e-30), (3.0, 3.0)]), ["p", "q"])
group("log of a mixture share", ["log(2*p/(p+q))"], lambda p, q: log(2 * p) - log(p + q),
      lambda precision: (({"p": a, "q": b}, {}) for a, b in [(0.5, 0.5 + {"f64": 2.0**-50, "f32": 2.0**-22}[precision]), (0.25, 0.75), (TINY[precision], 1.0), (0.5, 0.5)]), ["p", "q"])


def distillation(s, t, tau):
    a = log_softmax([x / tau for x in t])
    b = log_softmax([x / tau for x in s])
    return tau * tau * total(exp(x) * (x - y) for x, y in zip(a, b))


def logits_pairs(precision):
    step = {"f64": 2.0**-30, "f32": 2.0**-10}[precision]
    for t in [[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [4.0, -4.0, 0.5]]:
        for s in [[t[0] + step, t[1], t[2]], [t[0], t[1] - step, t[2] + step], [2.0, 0.0, 1.0], t]:
            yield {"s": s, "t": t}, {"tau": 4.0}
            yield {"s": s, "t": t}, {"tau": 1.0}
    yield {"s": [100.0, 0.0, -40.0], "t": [-100.0, 50.0, 0.0]}, {"tau": 2.0}
    yield {"s": [1e4, 0.0, -1e4], "t": [-1e4, 0.0, 1e4]}, {"tau": 1.0}


group("distillation",
      ["loss f(s[c], t[c]; tau in (0,inf) = 4) = tau^2*sum[c](softmax[c](t/tau)*(log_softmax[c](t/tau) - log_softmax[c](s/tau)))",
       "loss f(s[c], t[c]; tau in (0,inf) = 4) = tau^2*sum[c](p[c]*log(p[c]/q[c])) where p[c] = softmax[c](t/tau)\n q[c] = softmax[c](s/tau)",
       "loss f(s[c], t[c]; tau in (0,inf) = 4) = tau^2*sum[c](p[c]*(log(p[c]) - log(q[c]))) where p[c] = exp(t[c]/tau)/sum[c](exp(t[c]/tau))\n q[c] = exp(s[c]/tau)/sum[c](exp(s[c]/tau))"],
      distillation, logits_pairs, ["s"])
group("log of a product of probabilities", ["log(prod[i](p[i]))", "sum[i](log(p[i]))"], lambda p: total(log(x) for x in p),
      lambda precision: (({"p": p}, {}) for p in [[TINY[precision]] * 4, [0.5, 0.25, 0.125, 0.5], [BELOW_ONE[precision]] * 4]), ["p"])
group("log of a product of three", ["-log(a*b*d)"], lambda a, b, d: -(log(a) + log(b) + log(d)),
      lambda precision: (({"a": x, "b": y, "d": z}, {}) for x, y, z in [(TINY[precision],) * 3, (HUGE[precision],) * 3, (0.5, 0.25, 3.0)]), ["a", "b", "d"])

# -- regression, distances --

REALS = {p: [0.0, 1e-8, 0.5, -0.75, 1.0, 3.0, -17.0, 100.0, 800.0, HUGE[p], -HUGE[p], TINY[p]] for p in PRECISIONS}
MODERATE = {p: [0.0, 1e-8, 1e-4, 0.5, -0.75, 0.99, 1.0, 1.01, 3.0, -17.0, 40.0, 100.0, -800.0, TINY[p], {"f64": 1e300, "f32": 1e38}[p]] for p in PRECISIONS}
group("log cosh", ["log(cosh(x))", "log((exp(x)+exp(-x))/2)", "log(exp(x)+exp(-x)) - log(2)", "x + softplus(-2*x) - log(2)"],
      lambda x: log_cosh(x), each(x=MODERATE), ["x"])


def log_cosh(x):
    v = abs(x.v)
    # At 900 digits the difference keeps hundreds of them down to 1e-200.
    value = v + m.log1p(m.exp(-2 * v)) - m.log(2)
    return x._chain(value, m.tanh(x.v))


group("x over the root of 1 + x^2", ["x/sqrt(1+x^2)", "x/sqrt(x^2+1)"], lambda x: x / sqrt(1 + x * x), each(x=REALS), ["x"])
group("pseudo-Huber loss", ["loss f(x; delta in (0,inf) = 2) = delta^2*(sqrt(1+(x/delta)^2) - 1)", "sqrt(x^2+4)*2 - 4"],
      lambda x: 4 * (sqrt(1 + (x / 2) * (x / 2)) - 1), each(x=REALS), ["x"])
group("Charbonnier loss", ["loss f(x, y; eps in (0,inf) = 1e-3) = sqrt((x-y)^2 + eps^2)"], lambda x, y, eps: sqrt((x - y) * (x - y) + eps * eps),
      with_params(each(x=REALS, y=[0.0, 0.5]), eps=[0.001]), ["x"])
group("Geman-McClure loss", ["x^2/(1+x^2)", "1 - 1/(1+x^2)", "1 - 1/(x^2+1)"], lambda x: x * x / (1 + x * x), each(x=REALS), ["x"])
group("Cauchy loss", ["log(1+x^2)", "log(1 + (x/2)^2) where x = 2*x".replace(" where x = 2*x", "").replace("x/2", "x")], lambda x: log1p(x * x), each(x=REALS), ["x"])


def log1p(x):
    return x._chain(m.log1p(x.v), 1 / (1 + x.v))


group("squared and absolute errors", ["mse"], lambda x, y: (x - y) * (x - y), each(x=[0.0, 1.0, -3.5], y=[0.0, 1.0, 0.75]), ["x", "y"])
group("absolute error", ["l1"], lambda x, y: absolute(x - y), each(x=REALS, y=[0.0, 1.0]), ["x", "y"])


def smooth_l1(x, y, beta):
    r = x - y
    return r * r / (2 * beta) if abs(r.v) < beta else absolute(r) - beta / 2


def fair(x):
    return absolute(x) - log1p(absolute(x))


group("fair loss", ["|x| - log(1+|x|)", "|x| - log1p(|x|)"], fair, each(x=REALS), ["x"])


def huber(x, y, delta):
    r = x - y
    return r * r / 2 if abs(r.v) <= delta else delta * (absolute(r) - delta / 2)


group("smooth L1", ["smooth_l1"], smooth_l1, with_params(each(x=REALS, y=[0.0, 0.5]), beta=[1.0, 0.125]), ["x", "y"])
group("Huber", ["huber"], huber, with_params(each(x=REALS, y=[0.0, 0.5]), delta=[1.0, 2.0]), ["x", "y"])


def vectors(precision):
    h, t = HUGE[precision], TINY[precision]
    a = [[0.0, 0.0, 0.0], [3.0, 4.0, 0.0], [h, -h, h], [t, t, -t], [h, t, 1.0]]
    b = [[0.0, 0.0, 0.0], [0.0, 0.0, 12.0], [-h, h, 0.0], [-t, 0.0, t]]
    return [(x, y) for x in a for y in b] + [(x, x) for x in a]


norms = ["l2", "sqrt(sum[k]((x[k]-y[k])^2))", "norm[k](x[k]-y[k])"]
group("Euclidean distance", norms, lambda x, y: norm([p - q for p, q in zip(x, y)]), lambda precision: (({"x": a, "y": b}, {}) for a, b in vectors(precision)), ["x", "y"])
group("distance in the plane", ["hypot(a - b, d - g)", "sqrt((a-b)^2 + (d-g)^2)"], lambda a, b, d, g: norm([a - b, d - g]),
      lambda precision: (({"a": x[0], "b": y[0], "d": x[1], "g": y[1]}, {}) for x, y in vectors(precision)), ["a", "d"])


def triplet(a, p, n, margin):
    return relu(norm([x - y for x, y in zip(a, p)]) - norm([x - y for x, y in zip(a, n)]) + margin)


def triplets(precision):
    for x, y in vectors(precision):
        yield {"a": x, "p": x, "n": y}, {"margin": 1.0}
        yield {"a": x, "p": y, "n": [0.5, 0.25, 0.0]}, {"margin": 1.0}
    yield {"a": [1.0, 2.0, 3.0], "p": [1.0, 2.0, 3.0], "n": [1.0, 2.0, 3.0]}, {"margin": 1.0}


group("triplet loss", ["triplet", "loss f(a[k], p[k], n[k]; margin in (0,inf) = 1) = max(0, sqrt(sum[k]((a-p)^2)) - sqrt(sum[k]((a-n)^2)) + margin)"], triplet, triplets, ["a", "p", "n"])


def contrastive(a, b, same, margin):
    d = norm([x - y for x, y in zip(a, b)])
    r = relu(margin - d)
    return same * d * d / 2 + (1 - same) * r * r / 2


group("contrastive loss", ["contrastive", "loss f(a[k], b[k], same in {0,1}; margin in (0,inf) = 1) = same*sum[k]((a-b)^2)/2 + (1-same)*max(0, margin - sqrt(sum[k]((a-b)^2)))^2/2"],
      contrastive, lambda precision: (({"a": a, "b": b, "same": s}, {"margin": 1.0}) for s in [0.0, 1.0] for a, b in vectors(precision)
                                      if s == 0 or all(abs(x) < 100 for x in a + b)), ["a", "b"])


def cosine(a, b):
    return 1 - total(x * y for x, y in zip(a, b)) / (norm(a) * norm(b))


def cosines(precision):
    h, t = HUGE[precision], TINY[precision]
    for x, y in [([t, 2 * t, 0.0], [3 * t, -t, t]), ([h, h, 0.0], [h, -2 * h, h]), ([1.0, 2.0, 3.0], [3.0, 0.5, -1.0]), ([t, t, t], [h, 0.0, 3 * h])]:
        yield {"a": x, "b": y}, {}


group("cosine distance", ["1 - sum[k](a[k]*b[k])/(norm[k](a[k])*norm[k](b[k]))", "1 - sum[k](a[k]*b[k])/(sqrt(sum[k](a[k]^2))*sqrt(sum[k](b[k]^2)))"], cosine, cosines, ["a", "b"])
group("Gaussian likelihood", ["log(v)/2 + (x-m)^2/(2*v)", "0.5*(log(v) + (x-m)^2/v)"], lambda x, m, v: log(v) / 2 + (x - m) * (x - m) / (2 * v),
      lambda precision: (({"x": a, "m": b, "v": v}, {}) for a, b in [(0.0, 0.0), (1.0, 1.0), (3.0, 0.5)] for v in [TINY[precision], 1.5, HUGE[precision]] if a == b or v > 1), ["x", "m"])
group("Poisson likelihood", ["exp(s) - y*s"], lambda s, y: exp(s) - y * s, each(s=[0.0, -100.0, -800.0, 17.0, 3.0], y=[0.0, 1.0, 5.0]), ["s"])
group("exponential loss", ["exponential"], lambda f, y: exp(-y * f), each(f=[0.0, 3.0, -17.0, 40.0], y=[-1.0, 1.0]), ["f"])
group("hinge loss", ["hinge"], lambda f, y, margin: relu(margin - y * f), with_params(each(f=REALS, y=[-1.0, 1.0]), margin=[1.0]), ["f"])
group("tanh residual", ["(tanh(x) - y)^2"], lambda x, y: ((2 * sigmoid(2 * x) - 1 if y.v != 1 and y.v != -1 else -2 * sigmoid(-2 * x) if y.v == 1 else 2 * sigmoid(2 * x))) ** 2,
      each(x=[0.5, 17.0, -17.0, 40.0, -40.0, 100.0], y=[-1.0, 1.0]), ["x"])
group("slope of tanh", ["1 - tanh(x)^2", "(1 - tanh(x))*(1 + tanh(x))", "1/cosh(x)^2"], lambda x: 4 * sigmoid(2 * x) * sigmoid(-2 * x), each(x=[0.0, 1e-8, 0.5, -3.0, 17.0, -40.0, 100.0, 350.0]), ["x"])
group("softsign of exponentials", ["(1 - exp(-x))/(1 + exp(-x))", "(exp(x) - 1)/(exp(x) + 1)", "tanh(x/2)"], lambda x: tanh(x / 2), each(x=LOGITS), ["x"])
group("expm1", ["exp(x) - 1", "expm1(x)"], lambda x: x._chain(m.expm1(x.v), m.exp(x.v)), each(x=[0.0, 1e-8, -1e-20, 0.5, -17.0, -100.0, 40.0]), ["x"])
group("log of one minus exp", ["log(1 - exp(-x))", "log(-expm1(-x))"], lambda x: log(-expm1(-x)), each(x={p: [TINY[p], 1e-8, 0.5, 0.75, 17.0, 40.0, 100.0] for p in PRECISIONS}), ["x"])


def expm1(x):
    return x._chain(m.expm1(x.v), m.exp(x.v))


group("log of exp minus one", ["log(exp(x) - 1)"], lambda x: log(expm1(x)), each(x={p: [TINY[p], 1e-8, 0.5, 17.0, 800.0] for p in PRECISIONS}), ["x"])
group("one minus cosine", ["1 - cos(x)"], lambda x: x._chain(2 * m.sin(x.v / 2) ** 2, m.sin(x.v)), each(x=[1e-8, 1e-4, 0.5, 2.0]), ["x"])
group("swish", ["x*sigmoid(x)", "x/(1+exp(-x))"], lambda x: x * sigmoid(x), each(x=[0.0, 1e-8, 0.5, -3.0, 17.0, -17.0, -40.0, 100.0, -100.0, 800.0, -800.0]), [])
group("swish, gradient", ["x*sigmoid(x)", "x/(1+exp(-x))"], lambda x: x * sigmoid(x), each(x=[0.0, 1e-8, 0.5, -3.0, 17.0, -17.0, -40.0, 40.0, 800.0, -800.0]), ["x"])
group("mish", ["x*tanh(softplus(x))", "x*tanh(log(1+exp(x)))"], lambda x: x * tanh(softplus(x)), each(x=[0.0, 1e-8, 0.5, -3.0, 17.0, -17.0, -40.0, 100.0, 800.0, -800.0]), ["x"])
group("gelu", ["x*(1 + erf(x/sqrt(2)))/2"], lambda x: x * normal(x), each(x=[0.0, 1e-8, 0.5, -3.0, 5.0, -8.0, 20.0]), ["x"])


def normal(x):
    return x._chain(m.erfc(-x.v / m.sqrt(2)) / 2, m.exp(-x.v * x.v / 2) / m.sqrt(2 * m.pi))


def dice(p, y, smooth):
    s = total(p) + total(y) + smooth
    return 1 - (2 * total(a * b for a, b in zip(p, y)) + smooth) / s


masks = lambda precision: (({"p": p, "y": y}, {"smooth": 1.0}) for p in [[0.0, 0.0, 0.0], [1.0, 0.5, 0.0], [TINY[precision], 0.0, 0.0]] for y in [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
group("Dice loss", ["dice", "loss f(p[i], y[i]; smooth = 1) = 1 - (2*sum[i](p*y) + smooth)/(sum[i](p) + sum[i](y) + smooth)"], dice, masks, ["p"])


def tversky(p, y, smooth):
    tp = total(a * b for a, b in zip(p, y))
    fp = total(a * (1 - b) for a, b in zip(p, y))
    fn = total((1 - a) * b for a, b in zip(p, y))
    return 1 - (tp + smooth) / (tp + fp * 3 / 10 + fn * 7 / 10 + smooth)


group("Tversky loss", ["loss f(p[i], y[i]; smooth = 1) = 1 - (tp + smooth)/(tp + 3/10*fp + 7/10*fn + smooth) where tp = sum[i](p*y)\n fp = sum[i](p*(1-y))\n fn = sum[i]((1-p)*y)".replace(" fn =", " fneg =").replace("*fn ", "*fneg ")],
      tversky, masks, ["p"])

# -- adversarial, images, keypoints --

group("GAN discriminator", ["gan_discriminator"], lambda real, fake: -total(log(x) for x in real) / len(real) - total(log(1 - x) for x in fake) / len(fake),
      lambda precision: (({"real": [a, 0.5], "fake": [b, 0.25, a]}, {}) for a in PROBABILITIES[precision] for b in PROBABILITIES[precision][::3]), ["real", "fake"])
group("GAN generator, minimax", ["gan_generator_minimax"], lambda fake: total(log(1 - x) for x in fake) / len(fake),
      lambda precision: (({"fake": [a]}, {}) for a in PROBABILITIES[precision]), ["fake"])
group("GAN generator", ["gan_generator"], lambda fake: -total(log(x) for x in fake) / len(fake), lambda precision: (({"fake": [a, 0.5]}, {}) for a in PROBABILITIES[precision]), ["fake"])
group("GAN of logits", ["-log(sigmoid(r)) - log(1 - sigmoid(g))", "-log(1/(1+exp(-r))) - log(1 - 1/(1+exp(-g)))"], lambda r, g: softplus(-r) + softplus(g),
      each(r=[0.0, 40.0, -800.0, 17.0], g=[-40.0, 800.0, 0.5, -17.0]), ["r", "g"])
group("least-squares GAN", ["lsgan_discriminator"], lambda real, fake: total((x - 1) * (x - 1) for x in real) / len(real) / 2 + total(x * x for x in fake) / len(fake) / 2,
      lambda precision: [({"real": [1.0, 0.5], "fake": [0.0, 0.25]}, {}), ({"real": [BELOW_ONE[precision], 1.0], "fake": [TINY[precision], 0.0]}, {})], ["real", "fake"])
group("least-squares GAN, generator", ["lsgan_generator"], lambda fake: total((x - 1) * (x - 1) for x in fake) / len(fake) / 2,
      lambda precision: [({"fake": [1.0, 0.5]}, {}), ({"fake": [BELOW_ONE[precision], 100.0]}, {})], ["fake"])


def heatmap(p, t):
    s = Dual(mpf(0))
    n = 0
    for plane_p, plane_t in zip(p, t):
        for row_p, row_t in zip(plane_p, plane_t):
            for a, b in zip(row_p, row_t):
                if b.v == 1:
                    n += 1
                    s = s + (1 - a) ** 2 * log(a)
                else:
                    s = s + (1 - b) ** 4 * a**2 * log(1 - a)
    return -s / max(1, n)


group("CenterNet heatmap", ["centernet_heatmap"], heatmap,
      lambda precision: (({"p": [[[a, b]]], "t": [[[1.0, 0.5]]]}, {}) for a in PROBABILITIES[precision] for b in PROBABILITIES[precision][::2]), ["p"])


def info_nce(a, b, tau):
    s = [[total(x * y for x, y in zip(u, v)) / (norm(u) * norm(v) * tau) for v in b] for u in a]
    return total(-log_softmax(row)[i] for i, row in enumerate(s)) / len(a)


def contrasts(precision):
    h, t = HUGE[precision], TINY[precision]
    yield {"a": [[1.0, 2.0], [3.0, -1.0]], "b": [[1.0, 2.5], [2.0, -1.0]]}, {"tau": 0.0625}
    yield {"a": [[t, 2 * t], [3 * t, -t]], "b": [[h, 2.5 * h], [2 * h, -h]]}, {"tau": 0.0625}
    yield {"a": [[1.0, 2.0], [3.0, -1.0]], "b": [[1.0, 2.5], [2.0, -1.0]]}, {"tau": 0.0078125}


group("InfoNCE", ["loss f(a[n,k], b[n,k]; tau in (0,inf) = 0.07) = mean[n](logsumexp[m](s[n,m]) - s[n,n])\n  where s[i,j] = sum[k](a[i,k]*b[j,k])/(norm[k](a[i,k])*norm[k](b[j,k])*tau)",
                  "loss f(a[n,k], b[n,k]; tau in (0,inf) = 0.07) = -mean[n](log(exp(s[n,n])/sum[m](exp(s[n,m]))))\n  where s[i,j] = sum[k](a[i,k]*b[j,k])/(norm[k](a[i,k])*norm[k](b[j,k])*tau)"],
      info_nce, contrasts, [])


def total_variation(x, kind):
    s = Dual(mpf(0))
    for i in range(len(x)):
        for j in range(len(x[0])):
            down = x[i + 1][j] - x[i][j] if i + 1 < len(x) else None
            right = x[i][j + 1] - x[i][j] if j + 1 < len(x[0]) else None
            if kind == "isotropic":
                if down is not None and right is not None:
                    s = s + norm([down, right])
            else:
                for d in (down, right):
                    if d is not None:
                        s = s + (absolute(d) if kind == "l1" else d * d)
    return s


images = lambda precision: (({"x": x}, {}) for x in [[[0.0, 0.0, 1.0], [0.0, 0.0, 5.0]], [[1.0, HUGE[precision], 0.0], [TINY[precision], 0.0, 0.0]]])
group("total variation", ["total_variation"], lambda x: total_variation(x, "l1"), images, ["x"])
group("isotropic total variation", ["total_variation_isotropic", "sum[i,j](sqrt((x[i+1,j] - x[i,j])^2 + (x[i,j+1] - x[i,j])^2))"], lambda x: total_variation(x, "isotropic"), images, ["x"])
group("squared total variation", ["total_variation_squared"], lambda x: total_variation(x, "l2"), lambda precision: [({"x": [[0.0, 1e-8, 1.0], [0.0, 0.0, 5.0]]}, {})], ["x"])


# -- differences of nearly equal things --

NEAR = {"f64": 2.0**-40, "f32": 2.0**-15}


def near_pairs(precision):
    d = NEAR[precision]
    for p in [0.5, 0.25, 0.875]:
        for q in [p + d, p - 3 * d, p, 0.625, TINY[precision]]:
            yield {"p": p, "q": q}, {}


def bernoulli(p, q):
    return p * (log(p) - log(q)) + (1 - p) * (log(1 - p) - log(1 - q))


group("divergence of two Bernoulli distributions",
      ["p*log(p/q) + (1-p)*log((1-p)/(1-q))", "loss f(p in (0,1), q in (0,1)) = p*log(p/q) + (1-p)*log((1-p)/(1-q))"],
      bernoulli, near_pairs, [])
group("Poisson deviance", ["2*(p*log(p/q) - (p - q))", "2*(p*log(p/q) - p + q)"], lambda p, q: 2 * (p * (log(p) - log(q)) - p + q), near_pairs, ["q"])
group("Itakura-Saito distance", ["p/q - log(p/q) - 1"], lambda p, q: p / q - (log(p) - log(q)) - 1, near_pairs, [])
group("divergence of two Gaussians", ["log(q/p) + (p^2 + (a-b)^2)/(2*q^2) - 1/2"],
      lambda p, q, a, b: log(q) - log(p) + (p * p + (a - b) * (a - b)) / (2 * q * q) - mpf(1) / 2,
      lambda precision: (({**v, "a": 1.0, "b": 1.0}, {}) for v, _ in near_pairs(precision)), [])
group("symmetric divergence", ["(p - q)*log(p/q)"], lambda p, q: (p - q) * (log(p) - log(q)), near_pairs, ["p", "q"])
group("relative difference", ["1 - q/p", "(p - q)/p"], lambda p, q: (p - q) / p, near_pairs, ["p", "q"])
group("difference of sigmoids", ["sigmoid(a) - sigmoid(b)", "1/(1+exp(-a)) - 1/(1+exp(-b))"], lambda a, b: sigmoid(a) - sigmoid(b),
      lambda precision: (({"a": a, "b": b}, {}) for a in [0.5, -3.0] for b in [a, a + NEAR[precision], a - 2 * NEAR[precision], 17.0, -800.0]), [])
group("difference of exponentials", ["exp(a) - exp(b)"], lambda a, b: exp(a) - exp(b),
      lambda precision: (({"a": a, "b": b}, {}) for a in [0.5, -3.0] for b in [a + NEAR[precision], a - 2 * NEAR[precision], 17.0, -800.0]), ["a", "b"])
group("difference of squares", ["p^2 - q^2"], lambda p, q: (p - q) * (p + q), near_pairs, ["p", "q"])
group("one minus a square", ["1 - p^2"], lambda p: (1 - p) * (1 + p), each(p=PROBABILITIES), ["p"])
group("tails of the error function", ["1 - erf(x)", "erfc(x)"], lambda x: x._chain(m.erfc(x.v), -2 * m.exp(-x.v * x.v) / m.sqrt(m.pi)), each(x=[0.0, 0.5, -3.0, 2.0, 4.0]), ["x"])
group("error function by its complement", ["1 - erfc(x)"], erf, each(x=[1e-8, 0.5, -3.0]), ["x"])
group("odds about a half", ["1 - 2*sigmoid(x)", "1 - 2/(1+exp(-x))"], lambda x: -tanh(x / 2), each(x=[1e-8, 0.5, -3.0, 17.0, 800.0]), ["x"])
group("log cosh of half", ["softplus(2*x) - x - log(2)"], log_cosh, each(x=MODERATE), ["x"])


def lse_others(z, t):
    others = [x for i, x in enumerate(z) if i != t]
    return log_sum(others)


def log_sum(z):
    top = max(z, key=lambda x: x.v)
    return top + log(total(exp(x - top) for x in z))


group("logsumexp of the others", ["loss f(z[c], t in index[c]) = log(sum[c : c != t](exp(z[c])))"], lse_others,
      each(z={p: [v for v in VECTORS[p] if max(map(abs, v)) > 1] for p in PRECISIONS}, t=[0, 1]), [])
group("margin over the others", ["loss f(z[c], t in index[c]) = log(1 + sum[c : c != t](exp(z[c] - z[t])))"], ce_index, each(z=[[3.0, 1.0, -2.0], [100.0, 60.0, 0.0]], t=[0]), [])
group("inverse square of a sum of exponentials", ["(1 + exp(a) + exp(b))^(-2)"], lambda a, b: exp(-2 * log_sum([dual(0), a, b])),
      each(a=[0.0, 17.0, -800.0, 400.0], b=[0.5, -40.0]), [])
group("focal loss by way of the cross-entropy",
      ["loss f(z, y in {0,1}; gamma in [0,inf) = 2) = (1 - exp(-b))^gamma*b where b = softplus(z) - y*z",
       "loss f(z, y in {0,1}; gamma in [0,inf) = 2) = (1 - exp(-b))^gamma*b where b = bce_with_logits(z, y)"],
      lambda z, y, gamma: exp(-gamma * softplus(z if y.v == 1 else -z)) * softplus(-z if y.v == 1 else z),
      with_params(logit_label, gamma=[0.5, 1.0, 2.0]), ["z"])
group("entropy of a sigmoid", ["-p*log(p) - (1-p)*log(1-p) where p = sigmoid(z)", "-p*log(p) - (1-p)*log(1-p) where p = 1/(1+exp(-z))"],
      lambda z: sigmoid(z) * softplus(-z) + sigmoid(-z) * softplus(z), logit_only, ["z"])
group("squared hinge", ["max(0, 1 - y*f)^2"], lambda f, y: relu(1 - y * f) * relu(1 - y * f), each(f=[0.0, 1.0, 0.5, -17.0], y=[-1.0, 1.0]), ["f"])
group("root of a square and a constant", ["sqrt(x^2 + 1e-12)", "sqrt(x^2 + 1) - 1"][:1], lambda x: sqrt(x * x + mpf(10) ** -12), each(x=REALS), ["x"])
group("root of one plus a square, less one", ["sqrt(x^2 + 1) - 1", "sqrt(1 + x^2) - 1"], lambda x: sqrt(x * x + 1) - 1, each(x=REALS), ["x"])


group("softplus", ["softplus(-z) + z", "log(1+exp(z))", "z + log(1+exp(-z))"], softplus, logit_only, ["z"])
group("log of a mean of exponentials", ["log(sum[c](exp(x[c]))/3)", "log(mean[c](exp(x[c])))"], lambda x: log_sum(x) - m.log(3),
      each(x=[[3.0, 1.0, -2.0], [100.0, 60.0, 0.0], [800.0, -800.0, 17.0]]), ["x"])


def brier(z, y):
    p, rest = softmax(z), complements(z)
    return total((a * (1 - w) - w * b) * (a * (1 - w) - w * b) for a, b, w in zip(p, rest, y))


group("squared error of a softmax", ["loss f(z[c], y[c] in simplex) = sum[c]((softmax[c](z) - y)^2)", "loss f(z[c], y[c] in simplex) = sum[c]((y - exp(z)/sum[c](exp(z)))^2)"],
      brier, each(z=VECTORS, y=SIMPLEX[:1] + [[0.0, 0.0, 1.0]]), ["z"])
group("focal loss with the residual", ["loss f(z, y in {0,1}) = |y - p|^2*b where p = 1/(1+exp(-z))\n b = -y*log(p) - (1-y)*log(1-p)",
                                       "loss f(z, y in {0,1}) = (1 - pt)^2*b where p = sigmoid(z)\n pt = y*p + (1-y)*(1-p)\n b = softplus(z) - y*z"],
      lambda z, y: exp(-2 * softplus(z if y.v == 1 else -z)) * softplus(-z if y.v == 1 else z), logit_label, ["z"])
group("cross-entropy of fractional logits", ["softmax_loss", "loss f(z[c], t in index[c]) = -log(exp(z[t])/sum[c](exp(z)))"], ce_index,
      each(z=[[40.0, 0.3, -1.2], [17.1, -63.7, 5.9]], t=[0, 1, 2]), ["z"])

# -- the other built-in losses --


def ghm_c(z, y, epsilon):
    g = [absolute(sigmoid(a) - b).v for a, b in zip(z, y)]
    s = Dual(mpf(0))
    for n in range(len(z)):
        count = sum(1 for h in g if abs(h - g[n]) <= epsilon / 2)
        density = count / (min(g[n] + epsilon / 2, 1) - max(g[n] - epsilon / 2, 0))
        s = s + bce(z[n], y[n]) / density
    return s


def ghm_r(x, y, mu, epsilon):
    d = [a - b for a, b in zip(x, y)]
    a = [sqrt(r * r + mu * mu) for r in d]
    g = [abs(r.v) / s.v for r, s in zip(d, a)]
    s = Dual(mpf(0))
    for n in range(len(x)):
        count = sum(1 for h in g if abs(h - g[n]) <= epsilon / 2)
        density = count / (min(g[n] + epsilon / 2, 1) - max(g[n] - epsilon / 2, 0))
        # sqrt(d^2 + mu^2) - mu, without the digits that cancel for d of 1e-200.
        s = s + d[n] * d[n] / (a[n] + mu) / density
    return s


group("gradient-harmonised classification", ["ghm_c"], ghm_c,
      with_params(each(z=[[40.0, -40.0, 0.5], [800.0, -800.0, 3.0], [17.0, -100.0, -2.0]], y=[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]), epsilon=[0.125]), ["z"])
group("gradient-harmonised regression", ["ghm_r"], ghm_r,
      lambda precision: (({"x": x, "y": [0.0, 0.0, 1.0]}, {"mu": 0.03125, "epsilon": 0.125}) for x in
                         [[TINY[precision], 0.0, 1.0], [HUGE[precision], -3.0, 1.0], [1e-8, 0.5, 1.25]]), ["x"])


def planes(x):
    return [v for plane in x for row in plane for v in row]


group("perceptual loss", ["perceptual"], lambda fx, fy: total((a - b) * (a - b) for a, b in zip(planes(fx), planes(fy))) / len(planes(fx)),
      each(fx=[[[[1.0, 2.0]], [[1e-8, -3.0]]]], fy=[[[[0.0, 2.0]], [[0.0, 1.0]]]]), ["fx"])


def style(fx, fy):
    def gram(f):
        flat = [[v for row in plane for v in row] for plane in f]
        return [total(a * b for a, b in zip(u, v)) / len(u) for u in flat for v in flat]

    return total((a - b) * (a - b) for a, b in zip(gram(fx), gram(fy)))


group("style loss", ["style"], style, each(fx=[[[[1.0, 2.0]], [[0.5, -3.0]]]], fy=[[[[0.0, 2.0]], [[0.25, 1.0]]]]), ["fx"])


def conv_perceptual(x, y, k, b):
    def features(x):
        out = []
        for o, kernel in enumerate(k):
            height, width = len(x[0]) - len(kernel[0]) + 1, len(x[0][0]) - len(kernel[0][0]) + 1
            for i in range(height):
                for j in range(width):
                    s = b[o]
                    for c, plane in enumerate(kernel):
                        for u, row in enumerate(plane):
                            for v, weight in enumerate(row):
                                s = s + x[c][i + u][j + v] * weight
                    out.append(relu(s))
        return out

    fx, fy = features(x), features(y)
    return total((p - q) * (p - q) for p, q in zip(fx, fy)) / len(fx)


group("perceptual loss of a convolution", ["conv_perceptual"], conv_perceptual,
      lambda precision: [({"x": [[[1.0, 2.0, 0.5], [0.0, 1.0, -1.0]]], "y": [[[0.0, 2.0, 0.5], [0.25, 1.0, 3.0]]], "k": [[[[1.0, -0.5], [0.25, 2.0]]]], "b": [0.125]}, {})], ["x", "k", "b"])


def at_keypoints(o, target, row, col, mask):
    n = max(1, sum(x.v for x in mask))
    return total(w * absolute(o[d][i][j] - t[d]) for w, t, i, j in zip(mask, target, row, col) for d in range(len(t))) / n


def keypoints(o, target):
    return lambda precision: [({o: [[[HUGE[precision], 1.0], [0.5, 2.0]]], target: [[0.25], [1.0], [3.0]], "row": [0, 1, 1], "col": [0, 1, 1], "mask": [1.0, 1.0, 0.0]}, {}),
                              ({o: [[[0.0, 1.0], [0.5, 2.0]]], target: [[0.0], [1.0], [3.0]], "row": [0, 1, 1], "col": [0, 1, 1], "mask": [0.0, 0.0, 0.0]}, {})]


group("CenterNet offset", ["centernet_offset"], at_keypoints, keypoints("o", "target"), ["o"])
group("CenterNet size", ["centernet_size"], at_keypoints, keypoints("o", "target"), ["o"])
group("CenterNet objective", ["centernet_total"],
      lambda p, t, o, o_target, s, s_target, row, col, mask, w_size: heatmap(p, t) + w_size * at_keypoints(s, s_target, row, col, mask) + at_keypoints(o, o_target, row, col, mask),
      lambda precision: (({"p": [[[a, 0.5]]], "t": [[[1.0, 0.5]]], "o": [[[0.5, 2.0]]], "o_target": [[0.25]], "s": [[[2.0, 1.0]]], "s_target": [[5.0]], "row": [0], "col": [0], "mask": [1.0]},
                          {"w_size": 0.125}) for a in PROBABILITIES[precision]), ["p", "o", "s"])


if __name__ == "__main__":
    body = ",\n".join(
        "{" + f'"name": {json.dumps(g["name"])}, "spellings": {json.dumps(g["spellings"])}, "grads": {json.dumps(g["grads"])}, "cases": [\n  '
        + ",\n  ".join(json.dumps(c, separators=(",", ":")) for c in g["cases"]) + "]}"
        for g in (computed(*group) for group in GROUPS)
    )
    print('{"groups": [\n' + body + "\n]}")
