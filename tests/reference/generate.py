"""Reference values of the built-in losses, computed with PyTorch in double precision.

    pip install torch numpy
    python tests/reference/generate.py        # writes builtin.json beside this file

Each case holds the inputs, the value for each batch element, the gradients of the sum over the batch, and the
diagonal of the Hessian of that sum. Extra leading axes are batch axes; an input without them is shared by the
whole batch. Library functions of PyTorch are used where the catalogue names them; everything else is the direct
formula, written independently of the .loss files.

Where PyTorch's double precision is not exact enough, the direct formula is used instead: the second derivative of
`binary_cross_entropy` adds 1e-12 to its denominator, and its logarithms are clamped at -100.
"""
import json
import os

import torch
import torch.nn.functional as F

torch.manual_seed(7)
torch.set_default_dtype(torch.float64)
CASES = []


def num(t):
    return t.tolist()


def case(loss, name, f, inputs, wrt, params=None, fixed=()):
    """f takes the inputs of ONE batch element; `fixed` are inputs that may not be differentiated."""
    params = params or {}
    tensors = {k: torch.as_tensor(v, dtype=torch.float64).clone() for k, v in inputs.items()}
    for k in wrt:
        tensors[k].requires_grad_(True)
    dims = AXES[loss]
    batch = ()
    for k, t in tensors.items():
        extra = t.dim() - dims[k]
        if extra:
            batch = tuple(t.shape[:extra])

    def element(index):
        picked = {k: (t[index] if t.dim() > dims[k] else t) for k, t in tensors.items()}
        return f(**picked, **params)

    if batch:
        values = torch.stack([element(i) for i in map(tuple, torch.cartesian_prod(*[torch.arange(n) for n in batch]).reshape(-1, len(batch)).tolist())])
        value = num(values.detach().reshape(batch))
        total = values.sum()
    else:
        total = element(())
        value = float(total.detach())
    grads, hess = {}, {}
    first = torch.autograd.grad(total, [tensors[k] for k in wrt], create_graph=True, allow_unused=True)
    for k, g in zip(wrt, first):
        g = torch.zeros_like(tensors[k]) if g is None else g
        grads[k] = num(g.detach())
        diagonal = torch.zeros_like(tensors[k]).reshape(-1)
        if g.requires_grad:
            flat = g.reshape(-1)
            for n in range(flat.numel()):
                row = torch.autograd.grad(flat[n], tensors[k], retain_graph=True, allow_unused=True)[0]
                if row is not None:
                    diagonal[n] = row.reshape(-1)[n]
        hess[k] = num(diagonal.reshape(tensors[k].shape))
    CASES.append({"loss": loss, "name": name, "inputs": {k: num(t.detach()) for k, t in tensors.items()}, "params": params,
                  "value": value, "grads": grads, "hess_diag": hess})


AXES = {}


def n(*shape, s=1.0):
    return torch.randn(shape) * s


def u(*shape, low=0.05, high=0.95):
    return torch.rand(shape) * (high - low) + low


def bits(*shape):
    return (torch.rand(shape) < 0.5).double()


def soft(*shape):
    return torch.softmax(torch.randn(shape), -1)


def scalar_cases(loss, f, inputs, wrt, params_list=({},)):
    """One element, batches of 1, 5 and (2, 3), and each set of hyperparameters."""
    AXES[loss] = {k: 0 for k in inputs}
    for shape in [(), (1,), (5,), (2, 3)]:
        for params in params_list:
            case(loss, f"batch {list(shape)} {params}", f, {k: g(*shape) for k, g in inputs.items()}, wrt, params)
    first = next(iter(inputs))
    shared = {k: g(4) if k == first else g() for k, g in inputs.items()}
    case(loss, "the others shared by the batch", f, shared, wrt, params_list[-1])


real2 = {"x": lambda *s: n(*s, s=1.5), "y": lambda *s: n(*s, s=1.5)}
scalar_cases("l1", lambda x, y: F.l1_loss(x, y), real2, ["x", "y"])
scalar_cases("mse", lambda x, y: F.mse_loss(x, y), real2, ["x", "y"])
scalar_cases("smooth_l1", lambda x, y, beta=1.0: F.smooth_l1_loss(x, y, beta=beta), real2, ["x", "y"], [{}, {"beta": 0.5}, {"beta": 2.5}])
scalar_cases("huber", lambda x, y, delta=1.0: F.huber_loss(x, y, delta=delta), real2, ["x", "y"], [{}, {"delta": 0.5}, {"delta": 2.5}])


def bce(p, y):
    return -y * torch.log(p) - (1 - y) * torch.log(1 - p)


scalar_cases("bce", bce, {"p": u, "y": u}, ["p", "y"])
scalar_cases("bce", bce, {"p": u, "y": bits}, ["p", "y"])
scalar_cases("bce_with_logits", lambda z, y: F.binary_cross_entropy_with_logits(z, y), {"z": lambda *s: n(*s, s=2), "y": u}, ["z", "y"])
scalar_cases("balanced_bce", lambda p, y, alpha=0.25: -alpha * y * torch.log(p) - (1 - alpha) * (1 - y) * torch.log(1 - p),
             {"p": u, "y": u}, ["p", "y"], [{}, {"alpha": 0.7}])


def focal(p, y, alpha=0.25, gamma=2.0):
    pt = torch.where(y == 1, p, 1 - p)
    w = torch.where(y == 1, torch.tensor(alpha), torch.tensor(1 - alpha))
    return -w * (1 - pt) ** gamma * torch.log(pt)


focal_params = [{}, {"gamma": 0.0}, {"gamma": 0.5, "alpha": 0.6}, {"gamma": 5.0}]
scalar_cases("focal", focal, {"p": u, "y": bits}, ["p"], focal_params)


def sigmoid_focal(z, y, alpha=0.25, gamma=2.0):
    """torchvision.ops.sigmoid_focal_loss, reduction none."""
    p = torch.sigmoid(z)
    ce = F.binary_cross_entropy_with_logits(z, y, reduction="none")
    pt = p * y + (1 - p) * (1 - y)
    return (alpha * y + (1 - alpha) * (1 - y)) * ce * (1 - pt) ** gamma


scalar_cases("focal_with_logits", sigmoid_focal, {"z": lambda *s: n(*s, s=2), "y": bits}, ["z"], focal_params)
signs = lambda *s: 2 * bits(*s) - 1
scalar_cases("hinge", lambda f, y, margin=1.0: torch.clamp(margin - y * f, min=0), {"f": n, "y": signs}, ["f"], [{}, {"margin": 0.4}])
scalar_cases("exponential", lambda f, y: torch.exp(-y * f), {"f": n, "y": signs}, ["f"])
scalar_cases("sigmoid_mse", lambda z, y: (torch.sigmoid(z) - y) ** 2, {"z": n, "y": u}, ["z", "y"])


def vector_cases(loss, dims, f, shapes, make, wrt, params_list=({},), batched=True):
    """make(shape) gives inputs for axis lengths; a batch of 3 as well; and the second input shared by the batch."""
    AXES[loss] = dims
    for shape in shapes:
        for params in params_list:
            case(loss, f"axes {shape} {params}", f, make((), *shape), wrt, params)
    if batched:
        case(loss, f"batch [3], axes {shapes[-1]}", f, make((3,), *shapes[-1]), wrt, params_list[-1])
        case(loss, f"batch [2, 1], axes {shapes[0]}", f, make((2, 1), *shapes[0]), wrt, params_list[0])
        alone, many = make((), *shapes[-1]), make((3,), *shapes[-1])
        if len(alone) > 1:
            last = list(alone)[-1]
            many[last] = alone[last]
            case(loss, f"batch [3], {last} shared", f, many, wrt, params_list[0])


vector_cases("l2", {"x": 1, "y": 1}, lambda x, y: torch.linalg.norm(x - y), [(1,), (3,), (7,)],
             lambda b, k: {"x": n(*b, k), "y": n(*b, k)}, ["x", "y"])


def density(g, epsilon):
    count = (torch.abs(g[:, None] - g[None, :]) <= epsilon / 2).double().sum(0)
    return (count / (torch.clamp(g + epsilon / 2, max=1) - torch.clamp(g - epsilon / 2, min=0))).detach()


def ghm_c(z, y, epsilon=0.1):
    g = torch.abs(torch.sigmoid(z) - y)
    return (F.binary_cross_entropy_with_logits(z, y, reduction="none") / density(g, epsilon)).sum()


def ghm_r(x, y, mu=0.02, epsilon=0.1):
    d = x - y
    a = torch.sqrt(d ** 2 + mu ** 2)
    return ((a - mu) / density(torch.abs(d) / a, epsilon)).sum()


vector_cases("ghm_c", {"z": 1, "y": 1}, ghm_c, [(1,), (5,), (12,)], lambda b, k: {"z": n(*b, k, s=2), "y": bits(*b, k)}, ["z", "y"], [{}, {"epsilon": 0.3}])
vector_cases("ghm_r", {"x": 1, "y": 1}, ghm_r, [(1,), (5,), (12,)], lambda b, k: {"x": n(*b, k, s=0.1), "y": n(*b, k, s=0.1)}, ["x", "y"], [{}, {"mu": 0.1, "epsilon": 0.25}])

vector_cases("cross_entropy", {"z": 1, "y": 1}, lambda z, y: F.cross_entropy(z, y), [(1,), (2,), (6,)],
             lambda b, c: {"z": n(*b, c, s=2), "y": soft(*b, c)}, ["z", "y"])


def index_case(loss, f, make_z, name):
    AXES[loss] = {name: 1, "t": 0}
    for b, c in [((), 1), ((), 4), ((5,), 3), ((2, 2), 6)]:
        case(loss, f"batch {list(b)}, {c} classes", f, {name: make_z(*b, c), "t": torch.randint(0, c, b)}, [name])


index_case("softmax_loss", lambda z, t: F.cross_entropy(z, t.long()), lambda *s: n(*s, s=2), "z")
index_case("nll", lambda logp, t: F.nll_loss(logp, t.long()), lambda *s: torch.log_softmax(n(*s), -1), "logp")
vector_cases("cross_entropy_probs", {"p": 1, "y": 1}, lambda p, y: -(y * torch.log(p)).sum(), [(1,), (2,), (6,)],
             lambda b, c: {"p": u(*b, c), "y": soft(*b, c)}, ["p", "y"])
vector_cases("weighted_cross_entropy", {"z": 1, "y": 1, "w": 1}, lambda z, y, w: -(w * y * torch.log_softmax(z, -1)).sum(),
             [(1,), (2,), (6,)], lambda b, c: {"z": n(*b, c, s=2), "y": soft(*b, c), "w": u(*b, c, high=3)}, ["z", "y", "w"])


def focal_multiclass(z, y, alpha=0.25, gamma=2.0):
    lp = torch.log_softmax(z, -1)
    return -alpha * (y * (1 - lp.exp()) ** gamma * lp).sum()


vector_cases("focal_multiclass", {"z": 1, "y": 1}, focal_multiclass, [(2,), (3,), (6,)],
             lambda b, c: {"z": n(*b, c), "y": soft(*b, c)}, ["z", "y"], [{}, {"gamma": 0.0}, {"gamma": 3.5, "alpha": 1.0}])
vector_cases("entropy", {"p": 1}, lambda p: -(p * torch.log(p)).sum(), [(2,), (3,), (6,)], lambda b, c: {"p": soft(*b, c)}, ["p"])
vector_cases("kl", {"p": 1, "q": 1}, lambda p, q: (p * torch.log(p / q)).sum(), [(1,), (3,), (6,)],
             lambda b, c: {"p": soft(*b, c), "q": soft(*b, c)}, ["p", "q"])
case("kl", "torch kl_div", lambda p, q: F.kl_div(q.log(), p, reduction="sum"), {"p": soft(4), "q": soft(4)}, ["q"])


def js(p, q):
    m = (p + q) / 2
    return (p * torch.log(p / m)).sum() / 2 + (q * torch.log(q / m)).sum() / 2


vector_cases("js", {"p": 1, "q": 1}, js, [(2,), (3,), (6,)], lambda b, c: {"p": soft(*b, c), "q": soft(*b, c)}, ["p", "q"])
vector_cases("dice", {"p": 1, "y": 1}, lambda p, y, smooth=1.0: 1 - (2 * (p * y).sum() + smooth) / (p.sum() + y.sum() + smooth),
             [(1,), (4,), (9,)], lambda b, i: {"p": u(*b, i), "y": bits(*b, i)}, ["p", "y"], [{}, {"smooth": 0.25}])


def contrastive(a, b, same, margin=1.0):
    d = torch.linalg.norm(a - b)
    return same * d ** 2 / 2 + (1 - same) * torch.clamp(margin - d, min=0) ** 2 / 2


vector_cases("contrastive", {"a": 1, "b": 1, "same": 0}, contrastive, [(1,), (3,), (5,)],
             lambda s, k: {"a": n(*s, k, s=0.4), "b": n(*s, k, s=0.4), "same": bits(*s)}, ["a", "b"], [{}, {"margin": 2.0}])
vector_cases("triplet", {"a": 1, "p": 1, "n": 1},
             lambda a, p, n, margin=1.0: F.triplet_margin_loss(a[None], p[None], n[None], margin=margin, eps=0),
             [(1,), (3,), (5,)], lambda s, k: {"a": n(*s, k), "p": n(*s, k), "n": n(*s, k)}, ["a", "p", "n"], [{}, {"margin": 3.0}])
case("triplet", "coinciding points: gradient 0 of the norm", lambda a, p, n, margin=1.0: F.triplet_margin_loss(a[None], p[None], n[None], margin=margin, eps=0),
     {"a": [1.0, 2.0], "p": [4.0, 6.0], "n": [1.0, 2.5]}, ["a", "p", "n"])

grids = [(2, 2), (3, 4), (5, 3)]
vector_cases("total_variation", {"x": 2}, lambda x: (x[1:] - x[:-1]).abs().sum() + (x[:, 1:] - x[:, :-1]).abs().sum(),
             grids, lambda b, h, w: {"x": n(*b, h, w)}, ["x"])
case("total_variation", "one cell", lambda x: (x[1:] - x[:-1]).abs().sum() + (x[:, 1:] - x[:, :-1]).abs().sum(), {"x": [[1.5]]}, ["x"])
case("total_variation", "one row", lambda x: (x[1:] - x[:-1]).abs().sum() + (x[:, 1:] - x[:, :-1]).abs().sum(), {"x": [[1.5, 0.5, 2.0]]}, ["x"])
vector_cases("total_variation_squared", {"x": 2}, lambda x: ((x[1:] - x[:-1]) ** 2).sum() + ((x[:, 1:] - x[:, :-1]) ** 2).sum(),
             grids, lambda b, h, w: {"x": n(*b, h, w)}, ["x"])
vector_cases("total_variation_isotropic", {"x": 2},
             lambda x: torch.sqrt((x[1:, :-1] - x[:-1, :-1]) ** 2 + (x[:-1, 1:] - x[:-1, :-1]) ** 2).sum(),
             grids, lambda b, h, w: {"x": n(*b, h, w)}, ["x"])
maps = [(1, 1, 1), (2, 2, 3), (3, 4, 2)]
vector_cases("perceptual", {"fx": 3, "fy": 3}, lambda fx, fy: F.mse_loss(fx, fy), maps,
             lambda b, *s: {"fx": n(*b, *s), "fy": n(*b, *s)}, ["fx", "fy"])


def gram(f):
    return torch.einsum("ahw,bhw->ab", f, f) / (f.shape[1] * f.shape[2])


vector_cases("style", {"fx": 3, "fy": 3}, lambda fx, fy: ((gram(fx) - gram(fy)) ** 2).sum(), maps,
             lambda b, *s: {"fx": n(*b, *s), "fy": n(*b, *s)}, ["fx", "fy"])


def conv(x, y, k, b):
    feature = lambda t: torch.relu(F.conv2d(t[None], k, b)[0])
    return F.mse_loss(feature(x), feature(y))


AXES["conv_perceptual"] = {"x": 3, "y": 3, "k": 4, "b": 1}
for c, o, i, j, kh, kw in [(1, 1, 2, 2, 1, 1), (2, 3, 4, 5, 2, 3), (1, 2, 4, 4, 3, 3)]:
    case("conv_perceptual", f"{c}->{o} channels, {i}x{j} image, {kh}x{kw} kernel", conv,
         {"x": n(c, i, j), "y": n(c, i, j), "k": n(o, c, kh, kw, s=0.5), "b": n(o, s=0.3)}, ["x", "y", "k", "b"])
case("conv_perceptual", "batch, kernel shared", conv,
     {"x": n(2, 1, 3, 4), "y": n(2, 1, 3, 4), "k": n(2, 1, 2, 2), "b": n(2)}, ["x", "y", "k", "b"])

vector_cases("gan_discriminator", {"real": 1, "fake": 1}, lambda real, fake: -torch.log(real).mean() - torch.log(1 - fake).mean(),
             [(1, 1), (3, 4)], lambda b, r, f: {"real": u(*b, r), "fake": u(*b, f)}, ["real", "fake"])
vector_cases("gan_generator_minimax", {"fake": 1}, lambda fake: torch.log(1 - fake).mean(), [(1,), (4,)], lambda b, m: {"fake": u(*b, m)}, ["fake"])
vector_cases("gan_generator", {"fake": 1}, lambda fake: -torch.log(fake).mean(), [(1,), (4,)], lambda b, m: {"fake": u(*b, m)}, ["fake"])
vector_cases("lsgan_discriminator", {"real": 1, "fake": 1},
             lambda real, fake, a=0.0, b=1.0: ((real - b) ** 2).mean() / 2 + ((fake - a) ** 2).mean() / 2,
             [(1, 1), (3, 4)], lambda b, r, f: {"real": n(*b, r), "fake": n(*b, f)}, ["real", "fake"], [{}, {"a": -1.0, "b": 0.5}])
vector_cases("lsgan_generator", {"fake": 1}, lambda fake, c=1.0: ((fake - c) ** 2).mean() / 2, [(1,), (4,)],
             lambda b, m: {"fake": n(*b, m)}, ["fake"], [{}, {"c": 0.25}])


def heat_target(*shape):
    t = u(*shape)
    t.reshape(-1)[::3] = 1.0
    return t


def heatmap(p, t, alpha=2.0, beta=4.0):
    pos = t == 1
    count = pos.sum().clamp(min=1)
    l = torch.where(pos, (1 - p) ** alpha * torch.log(p), (1 - t) ** beta * p ** alpha * torch.log(1 - p))
    return -l.sum() / count


vector_cases("centernet_heatmap", {"p": 3, "t": 3}, heatmap, maps, lambda b, *s: {"p": u(*b, *s), "t": heat_target(*b, *s)}, ["p"],
             [{}, {"alpha": 3.0, "beta": 2.0}])
case("centernet_heatmap", "no positive cell", heatmap, {"p": u(1, 2, 2), "t": u(1, 2, 2)}, ["p"])


def keypoints(o, target, row, col, mask):
    picked = o[:, row.long(), col.long()].T
    return (mask[:, None] * (picked - target).abs()).sum() / mask.sum().clamp(min=1)


def keypoint_inputs(rows, cols, mask, d=2, i=3, j=4):
    k = len(rows)
    return {"o": n(d, i, j), "target": n(k, d), "row": rows, "col": cols, "mask": mask}


for loss in ["centernet_offset", "centernet_size"]:
    AXES[loss] = {"o": 3, "target": 2, "row": 1, "col": 1, "mask": 1}
    case(loss, "one keypoint", keypoints, keypoint_inputs([1], [2], [1.0]), ["o", "target"])
    case(loss, "two keypoints on one cell", keypoints, keypoint_inputs([1, 1, 0], [2, 2, 3], [1.0, 1.0, 1.0]), ["o", "target"])
    case(loss, "one masked", keypoints, keypoint_inputs([2, 0, 1], [0, 3, 1], [1.0, 0.0, 1.0]), ["o", "target"])
    case(loss, "all masked", keypoints, keypoint_inputs([2, 0], [0, 3], [0.0, 0.0]), ["o", "target"])

AXES["centernet_total"] = {"p": 3, "t": 3, "o": 3, "o_target": 2, "s": 3, "s_target": 2, "row": 1, "col": 1, "mask": 1}


def total(p, t, o, o_target, s, s_target, row, col, mask, w_size=0.1, w_offset=1.0):
    return heatmap(p, t) + w_offset * keypoints(o, o_target, row, col, mask) + w_size * keypoints(s, s_target, row, col, mask)


for params in [{}, {"w_size": 0.5, "w_offset": 2.0}]:
    case("centernet_total", f"three objects {params}", total,
         {"p": u(2, 3, 4), "t": heat_target(2, 3, 4), "o": n(2, 3, 4), "o_target": n(3, 2), "s": n(2, 3, 4), "s_target": n(3, 2),
          "row": [1, 1, 0], "col": [2, 2, 3], "mask": [1.0, 1.0, 0.0]}, ["p", "o", "o_target", "s", "s_target"], params)

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "builtin.json"), "w") as out:
    json.dump({"cases": CASES}, out, separators=(",", ":"))
    out.write("\n")
print(len(CASES), "cases of", len({c["loss"] for c in CASES}), "losses")
