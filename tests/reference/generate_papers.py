"""Reference values of tests/cases/papers/papers.loss, computed with PyTorch in double precision.

    pip install torch numpy
    python tests/reference/generate_papers.py        # writes papers.json beside this file

The conventions of generate.py hold: it is where the cases are computed.
"""
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
source = open(os.path.join(HERE, "generate.py")).read().split("real2 = ")[0]
exec(source)
torch.manual_seed(11)


def both(loss, dims, f, make, wrt, params_list=({},), count=3):
    AXES[loss] = dims
    for params in params_list:
        for round in range(count):
            case(loss, f"case {round} {params}", f, make(), wrt, params)


labels = lambda k, n: torch.arange(n) % k
both("ranknet", {"s": 1, "y": 1}, lambda s, y: sum(F.softplus(s[j] - s[i]) for i in range(len(s)) for j in range(len(s)) if y[i] > y[j]),
     lambda: {"s": n(5), "y": [2, 0, 1, 2, 0]}, ["s"])
both("listnet", {"s": 1, "y": 1}, lambda s, y: -(torch.softmax(y, 0) * torch.log_softmax(s, 0)).sum(), lambda: {"s": n(4), "y": n(4)}, ["s", "y"])


def info_nce(a, b, tau=0.07):
    s = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / tau
    return F.cross_entropy(s, torch.arange(len(s)))


both("info_nce", {"a": 2, "b": 2}, info_nce, lambda: {"a": n(4, 3), "b": n(4, 3)}, ["a", "b"], [{"tau": 0.5}, {"tau": 0.2}])


def supcon(z, label, tau=0.5):
    s = z @ z.T / tau
    total = 0
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        lse = torch.logsumexp(s[i][others], 0)
        positives = [p for p in others if label[p] == label[i]]
        total = total - torch.stack([s[i, p] - lse for p in positives]).mean()
    return total


both("supcon", {"z": 2, "label": 1}, supcon, lambda: {"z": n(5, 2, s=0.5), "label": [0, 1, 0, 1, 1]}, ["z"])
both("center", {"x": 2, "centers": 2, "t": 1}, lambda x, centers, t: ((x - centers[t.long()]) ** 2).sum() / 2,
     lambda: {"x": n(4, 3), "centers": n(2, 3), "t": [1, 0, 1, 1]}, ["x", "centers"])


def barlow(a, b, weight=0.005):
    c = a.T @ b / len(a)
    on = torch.eye(c.shape[0]).bool()
    return torch.where(on, (1 - c) ** 2, weight * c ** 2).sum()


both("barlow", {"a": 2, "b": 2}, barlow, lambda: {"a": n(4, 3), "b": n(4, 3)}, ["a", "b"])


def mmd(x, y, width=1.0):
    k = lambda p, q: torch.exp(-((p[:, None] - q[None]) ** 2).sum(-1) / (2 * width ** 2)).mean()
    return k(x, x) + k(y, y) - 2 * k(x, y)


both("mmd", {"x": 2, "y": 2}, mmd, lambda: {"x": n(3, 2), "y": n(4, 2)}, ["x", "y"], [{}, {"width": 0.5}])
both("strided", {"x": 2, "w": 2, "y": 2}, lambda x, w, y: ((F.conv2d(x[None, None], w[None, None], stride=2)[0, 0] - y) ** 2).sum(),
     lambda: {"x": n(7, 6), "w": n(3, 2), "y": n(3, 3)}, ["x", "w", "y"])


def iou(p, t):
    w = (torch.minimum(p[2], t[2]) - torch.maximum(p[0], t[0])).clamp(min=0)
    h = (torch.minimum(p[3], t[3]) - torch.maximum(p[1], t[1])).clamp(min=0)
    area = lambda b: (b[2] - b[0]) * (b[3] - b[1])
    return 1 - w * h / (area(p) + area(t) - w * h)


both("iou", {"p": 1, "t": 1}, iou, lambda: {"p": torch.tensor([0.0, 0.0, 2.0, 2.0]) + u(4), "t": torch.tensor([0.5, 0.5, 3.0, 2.5]) + u(4)}, ["p", "t"])
both("iou", {"p": 1, "t": 1}, iou, lambda: {"p": [0.0, 0.0, 1.0, 1.0], "t": [2.0, 2.0, 3.0, 3.5]}, ["p", "t"], count=1)


def cox(f, time, event):
    return -sum(event[i] * (f[i] - torch.logsumexp(f[time >= time[i]], 0)) for i in range(len(f)))


both("cox", {"f": 1, "time": 1, "event": 1}, cox, lambda: {"f": n(5), "time": u(5, high=9), "event": [1, 0, 1, 1, 0]}, ["f"])
both("negative_binomial", {"mu": 0, "r": 0, "y": 0},
     lambda mu, r, y: torch.lgamma(r) + torch.lgamma(y + 1) - torch.lgamma(y + r) - r * torch.log(r / (r + mu)) - y * torch.log(mu / (r + mu)),
     lambda: {"mu": u(4, high=5), "r": u(4, low=1, high=5), "y": [0, 1, 3, 7]}, ["mu"])
both("pinball", {"x": 0, "y": 0}, lambda x, y, tau=0.9: torch.maximum(tau * (y - x), (tau - 1) * (y - x)), lambda: {"x": n(4), "y": n(4)}, ["x", "y"], [{}, {"tau": 0.3}])


def ssim(x, y, c1=0.01, c2=0.03):
    wx, wy = x.unfold(0, 3, 1), y.unfold(0, 3, 1)
    mx, my = wx.mean(1), wy.mean(1)
    vx, vy = ((wx - mx[:, None]) ** 2).mean(1), ((wy - my[:, None]) ** 2).mean(1)
    cov = ((wx - mx[:, None]) * (wy - my[:, None])).mean(1)
    return 1 - ((2 * mx * my + c1) * (2 * cov + c2) / ((mx ** 2 + my ** 2 + c1) * (vx + vy + c2))).mean()


both("ssim_rows", {"x": 1, "y": 1}, ssim, lambda: {"x": u(6), "y": u(6)}, ["x", "y"])
both("curvature", {"x": 1}, lambda x: ((x[2:] - 2 * x[1:-1] + x[:-2]) ** 2).sum(), lambda: {"x": n(6)}, ["x"])
both("distillation", {"z": 1, "teacher": 1},
     lambda z, teacher, tau=4.0: -tau ** 2 * (torch.softmax(teacher / tau, 0).detach() * torch.log_softmax(z / tau, 0)).sum(),
     lambda: {"z": n(4), "teacher": n(4)}, ["z"])
both("vae_kl", {"mu": 1, "logvar": 1}, lambda mu, logvar: (mu ** 2 + logvar.exp() - logvar - 1).sum() / 2, lambda: {"mu": n(3), "logvar": n(3)}, ["mu", "logvar"])


def batch_hard(x, label, margin=1.0):
    d = ((x[:, None] - x[None]) ** 2).sum(-1)
    return torch.stack([F.softplus(margin + d[a][label == label[a]].max() - d[a][label != label[a]].min()) for a in range(len(x))]).mean()


both("batch_hard", {"x": 2, "label": 1}, batch_hard, lambda: {"x": n(5, 2), "label": [0, 1, 0, 1, 1]}, ["x"])


def tversky(p, y, alpha=0.3, beta=0.7):
    tp = (p * y).sum()
    return 1 - tp / (tp + alpha * (p * (1 - y)).sum() + beta * ((1 - p) * y).sum())


both("tversky", {"p": 1, "y": 1}, tversky, lambda: {"p": u(5), "y": [1, 0, 1, 1, 0]}, ["p"])
both("gaussian_nll", {"mu": 0, "v": 0, "y": 0}, lambda mu, v, y: F.gaussian_nll_loss(mu, y, v, reduction="none"),
     lambda: {"mu": n(4), "v": u(4, high=3), "y": n(4)}, ["mu", "v", "y"])

with open(os.path.join(HERE, "papers.json"), "w") as out:
    json.dump({"cases": CASES}, out, separators=(",", ":"))
    out.write("\n")
print(len(CASES), "cases of", len({c["loss"] for c in CASES}), "losses")
