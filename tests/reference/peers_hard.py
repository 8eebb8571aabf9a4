"""Writes peers_hard.txt: how PyTorch and JAX do on the cases of hard.json, with formulas as people type them and with
the libraries' own functions.

Usage: python peers_hard.py > peers_hard.txt (needs torch and jax)

A case fails if the value or an element of a gradient is NaN, is infinite where the true one is finite, or has a relative
error above 1e-6 in single and 1e-12 in double precision, below the normal numbers relative to the least of them: the
same bar as tests/suite/hard.rs.
"""

import json
import math
import os

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F

jax.config.update("jax_enable_x64", True)


def softmax_written_out(xp, z):
    return xp.exp(z) / xp.exp(z).sum()


def bce_written_out(xp, z, y):
    p = 1 / (1 + xp.exp(-z))
    return -(y * xp.log(p) + (1 - y) * xp.log(1 - p))


def focal_written_out(xp, z, y, alpha, gamma):
    p = 1 / (1 + xp.exp(-z))
    return -alpha * y * (1 - p) ** gamma * xp.log(p) - (1 - alpha) * (1 - y) * p**gamma * xp.log(1 - p)


def focal_torch(z, y, alpha, gamma):
    # torchvision.ops.sigmoid_focal_loss
    p = torch.sigmoid(z)
    ce = F.binary_cross_entropy_with_logits(z, y, reduction="none")
    p_t = p * y + (1 - p) * (1 - y)
    return (alpha * y + (1 - alpha) * (1 - y)) * ce * (1 - p_t) ** gamma


def focal_jax(z, y, alpha, gamma):
    # optax.losses.sigmoid_focal_loss
    p = jax.nn.sigmoid(z)
    ce = -y * jax.nn.log_sigmoid(z) - (1 - y) * jax.nn.log_sigmoid(-z)
    p_t = p * y + (1 - p) * (1 - y)
    return (alpha * y + (1 - alpha) * (1 - y)) * ce * (1 - p_t) ** gamma


def js_written_out(xp, p, q):
    m = (p + q) / 2
    return (p * xp.log(p / m)).sum() / 2 + (q * xp.log(q / m)).sum() / 2


def distance(xp, x, y):
    return xp.sqrt(((x - y) ** 2).sum())


def cosine_written_out(xp, a, b):
    return 1 - (a * b).sum() / (xp.sqrt((a**2).sum()) * xp.sqrt((b**2).sum()))


def distillation_written_out(xp, s, t, tau):
    p, q = softmax_written_out(xp, t / tau), softmax_written_out(xp, s / tau)
    return tau**2 * (p * (xp.log(p) - xp.log(q))).sum()


# group: (as typed, PyTorch's own, JAX's own); None where a library has none.
LOSSES = {
    "log-loss of a positive sample": (lambda xp, z: -xp.log(1 / (1 + xp.exp(-z))), lambda z: -F.logsigmoid(z), lambda z: -jax.nn.log_sigmoid(z)),
    "binary cross-entropy of a logit": (bce_written_out, lambda z, y: F.binary_cross_entropy_with_logits(z, y),
                                        lambda z, y: -y * jax.nn.log_sigmoid(z) - (1 - y) * jax.nn.log_sigmoid(-z)),
    "log of one minus a sigmoid": (lambda xp, z: xp.log(1 - 1 / (1 + xp.exp(-z))), lambda z: F.logsigmoid(-z), lambda z: jax.nn.log_sigmoid(-z)),
    "focal loss of a logit": (focal_written_out, focal_torch, focal_jax),
    "focal loss of a probability of 1": (lambda xp, p, gamma: -((1 - p) ** gamma) * xp.log(p), None, None),
    "logit of a probability": (lambda xp, p: xp.log(p / (1 - p)), lambda p: torch.logit(p), lambda p: jax.scipy.special.logit(p)),
    "cross-entropy with a class index": (lambda xp, z, t: -xp.log(softmax_written_out(xp, z)[t]), lambda z, t: F.cross_entropy(z[None], torch.tensor([t])),
                                         lambda z, t: -jax.nn.log_softmax(z)[t]),
    "cross-entropy with a target distribution": (lambda xp, z, y: -(y * xp.log(softmax_written_out(xp, z))).sum(), lambda z, y: F.cross_entropy(z[None], y[None]),
                                                 lambda z, y: -(y * jax.nn.log_softmax(z)).sum()),
    "focal loss with a class index": (lambda xp, z, t, gamma: -((1 - softmax_written_out(xp, z)[t]) ** gamma) * xp.log(softmax_written_out(xp, z)[t]),
                                      lambda z, t, gamma: -((1 - torch.softmax(z, 0)[t]) ** gamma) * torch.log_softmax(z, 0)[t],
                                      lambda z, t, gamma: -((1 - jax.nn.softmax(z)[t]) ** gamma) * jax.nn.log_softmax(z)[t]),
    "one minus a softmax": (lambda xp, z, t: 1 - softmax_written_out(xp, z)[t], lambda z, t: 1 - torch.softmax(z, 0)[t], lambda z, t: 1 - jax.nn.softmax(z)[t]),
    "Kullback-Leibler divergence": (lambda xp, p, q: (p * xp.log(p / q)).sum(), lambda p, q: F.kl_div(torch.log(q), p, reduction="sum"),
                                    lambda p, q: jax.scipy.special.rel_entr(p, q).sum()),
    "Kullback-Leibler divergence with zeros": (lambda xp, p, q: (p * xp.log(p / q)).sum(), lambda p, q: F.kl_div(torch.log(q), p, reduction="sum"),
                                               lambda p, q: jax.scipy.special.rel_entr(p, q).sum()),
    "Jensen-Shannon divergence": (js_written_out, lambda p, q: (F.kl_div(torch.log((p + q) / 2), p, reduction="sum") + F.kl_div(torch.log((p + q) / 2), q, reduction="sum")) / 2,
                                  lambda p, q: (jax.scipy.special.rel_entr(p, (p + q) / 2).sum() + jax.scipy.special.rel_entr(q, (p + q) / 2).sum()) / 2),
    "entropy": (lambda xp, p: -(p * xp.log(p)).sum(), lambda p: torch.special.entr(p).sum(), lambda p: jax.scipy.special.entr(p).sum()),
    "y log y, gradient": (lambda xp, y: xp.where(y > 0, y * xp.log(y), 0 * y), lambda y: torch.xlogy(y, y), lambda y: jax.scipy.special.xlogy(y, y)),
    "distillation": (distillation_written_out,
                     lambda s, t, tau: tau**2 * F.kl_div(torch.log_softmax(s / tau, 0), torch.log_softmax(t / tau, 0), reduction="sum", log_target=True),
                     lambda s, t, tau: tau**2 * (jax.nn.softmax(t / tau) * (jax.nn.log_softmax(t / tau) - jax.nn.log_softmax(s / tau))).sum()),
    "log of a product of probabilities": (lambda xp, p: xp.log(xp.prod(p)), None, None),
    "log cosh": (lambda xp, x: xp.log(xp.cosh(x)), lambda x: x + F.softplus(-2 * x) - math.log(2), lambda x: jnp.logaddexp(x, -x) - math.log(2)),
    "x over the root of 1 + x^2": (lambda xp, x: x / xp.sqrt(1 + x**2), None, None),
    "pseudo-Huber loss": (lambda xp, x: 4 * (xp.sqrt(1 + (x / 2) ** 2) - 1), None, None),
    "Cauchy loss": (lambda xp, x: xp.log(1 + x**2), lambda x: torch.log1p(x**2), lambda x: jnp.log1p(x**2)),
    "Euclidean distance": (distance, lambda x, y: torch.linalg.vector_norm(x - y), lambda x, y: jnp.linalg.norm(x - y)),
    "triplet loss": (lambda xp, a, p, n, margin: xp.maximum(distance(xp, a, p) - distance(xp, a, n) + margin, 0 * margin + 0 * a[0]),
                     lambda a, p, n, margin: F.triplet_margin_loss(a[None], p[None], n[None], margin=float(margin), eps=0.0), None),
    "cosine distance": (cosine_written_out, lambda a, b: 1 - F.cosine_similarity(a, b, dim=0), None),
    "slope of tanh": (lambda xp, x: 1 - xp.tanh(x) ** 2, None, None),
    "expm1": (lambda xp, x: xp.exp(x) - 1, lambda x: torch.expm1(x), lambda x: jnp.expm1(x)),
    "log of one minus exp": (lambda xp, x: xp.log(1 - xp.exp(-x)), lambda x: torch.log(-torch.expm1(-x)), lambda x: jnp.log(-jnp.expm1(-x))),
    "mish": (lambda xp, x: x * xp.tanh(xp.log(1 + xp.exp(x))), lambda x: F.mish(x), lambda x: jax.nn.mish(x)),
    "swish, gradient": (lambda xp, x: x / (1 + xp.exp(-x)), lambda x: F.silu(x), lambda x: jax.nn.silu(x)),
    "gelu": (None, lambda x: F.gelu(x), lambda x: jax.nn.gelu(x, approximate=False)),
}


class Torch:
    """What formulas need, by the names they have in jax.numpy."""

    exp, log, sqrt, tanh, cosh, prod, maximum, where = torch.exp, torch.log, torch.sqrt, torch.tanh, torch.cosh, torch.prod, torch.maximum, torch.where


def number(text):
    return float(text)


def flat(x):
    return [y for part in x for y in flat(part)] if isinstance(x, list) else [x]


def fails(precision, got, want):
    tolerance, least = (1e-12, np.finfo(np.float64).tiny) if precision == "f64" else (1e-6, np.finfo(np.float32).tiny)
    for g, w in zip(got, want):
        if w == "any":
            continue
        w = float(np.float32(float(w))) if precision == "f32" and abs(float(w)) > 3.4e38 else float(w)
        if math.isinf(w):
            if g != w:
                return True
        elif not math.isfinite(g) or abs(g - w) > tolerance * max(abs(w), float(least)):
            return True
    return False


def run_torch(function, case, grads):
    kind = torch.float64 if case["precision"] == "f64" else torch.float32
    inputs = {k: v if isinstance(v, int) else torch.tensor(v, dtype=kind, requires_grad=k in grads) for k, v in case["inputs"].items()}
    value = function(**inputs, **{k: torch.tensor(v, dtype=kind) for k, v in case["params"].items()})
    leaves = [inputs[k] for k in grads]
    slopes = torch.autograd.grad(value, leaves, allow_unused=True) if leaves else []
    return [float(value)], [s.flatten().tolist() if s is not None else [0.0] * leaf.numel() for s, leaf in zip(slopes, leaves)]


def run_jax(function, case, grads):
    kind = jnp.float64 if case["precision"] == "f64" else jnp.float32
    fixed = {k: v if isinstance(v, int) else jnp.asarray(v, dtype=kind) for k, v in case["inputs"].items()}
    fixed.update({k: jnp.asarray(v, dtype=kind) for k, v in case["params"].items()})
    leaves = {k: fixed.pop(k) for k in grads}
    value, slopes = jax.value_and_grad(lambda leaves: function(**leaves, **fixed))(leaves) if grads else (function(**fixed), {})
    return [float(value)], [np.asarray(slopes[k]).flatten().tolist() for k in grads]


def failures(run, function, group, precision):
    failed = total = 0
    for case in group["cases"]:
        if case["precision"] != precision:
            continue
        params = dict(case["params"])
        if "pseudo-Huber" in group["name"]:
            params = {}
        total += 1
        try:
            value, slopes = run(function, {**case, "params": params}, group["grads"])
        except (RuntimeError, ValueError, IndexError):
            failed += 1
            continue
        want = [case["value"]] + [w for k in group["grads"] for w in flat(case["grads"][k])]
        failed += fails(precision, value + [g for s in slopes for g in s], want)
    return failed, total


def main():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "hard.json")) as file:
        groups = {g["name"]: g for g in json.load(file)["groups"]}
    print(f"Cases that miss the bar, of so many. torch {torch.__version__.split('+')[0]}, jax {jax.__version__}.\n")
    print(f"{'':44}{'':5}{'cases':>6}{'torch':>8}{'torch':>9}{'jax':>8}{'jax':>9}")
    print(f"{'':44}{'':5}{'':>6}{'typed':>8}{'library':>9}{'typed':>8}{'library':>9}")
    sums = [[0, 0] for _ in range(4)]
    for name, (typed, library_torch, library_jax) in LOSSES.items():
        for precision in ("f64", "f32"):
            cells = []
            total = 0
            for at, (run, function) in enumerate([
                (run_torch, typed and (lambda **a: typed(Torch, **a))), (run_torch, library_torch),
                (run_jax, typed and (lambda **a: typed(jnp, **a))), (run_jax, library_jax),
            ]):
                if function is None:
                    cells.append("-")
                    continue
                failed, total = failures(run, function, groups[name], precision)
                cells.append(str(failed))
                sums[at][0] += failed
                sums[at][1] += total
            print(f"{name:44}{precision:5}{total:>6}{cells[0]:>8}{cells[1]:>9}{cells[2]:>8}{cells[3]:>9}")
    shares = [f"{100 * failed / total:.0f} %" for failed, total in sums]
    print(f"{'together':44}{'':5}{'':>6}{shares[0]:>8}{shares[1]:>9}{shares[2]:>8}{shares[3]:>9}")


if __name__ == "__main__":
    main()
