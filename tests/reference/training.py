"""Logistic regression on examples/data/digits.csv, with NumPy alone: what the Rust example must reproduce.

    pip install numpy
    python tests/reference/training.py        # writes training.json beside this file
"""
import json
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
rows = np.loadtxt(os.path.join(HERE, "../../examples/data/digits.csv"), delimiter=",", skiprows=1)
X, y = rows[:, :64] / 16, rows[:, 64]
TRAIN, STEPS, RATE = 1200, 300, 1.0
Xtr, ytr, Xte, yte = X[:TRAIN], y[:TRAIN], X[TRAIN:], y[TRAIN:]


def bce(z, y, _):
    p = 1 / (1 + np.exp(-z))
    return np.logaddexp(0, z) - y * z, p - y


def focal(z, y, alpha, gamma=2.0):
    p = 1 / (1 + np.exp(-z))
    sign = np.where(y == 1, 1.0, -1.0)
    pt = np.where(y == 1, p, 1 - p)
    w = np.where(y == 1, alpha, 1 - alpha)
    logpt = -np.logaddexp(0, -sign * z)
    return -w * (1 - pt) ** gamma * logpt, sign * w * (1 - pt) ** gamma * (gamma * pt * logpt + pt - 1)


def average_precision(scores, y):
    order = np.argsort(-scores, kind="stable")
    hits = y[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float((precision * hits).sum() / hits.sum())


out = {}
for name, loss, alpha in [("bce", bce, None), ("focal, alpha = 0.25", focal, 0.25), ("focal, alpha = 0.75", focal, 0.75)]:
    w, b = np.zeros(64), 0.0
    for _ in range(STEPS):
        z = Xtr @ w + b
        value, dz = loss(z, ytr, alpha)
        w -= RATE * (Xtr.T @ dz) / TRAIN
        b -= RATE * dz.mean()
    value, _ = loss(Xtr @ w + b, ytr, alpha)
    z = Xte @ w + b
    hit = z > 0
    tp = float((hit & (yte == 1)).sum())
    precision = tp / hit.sum() if hit.any() else 0.0
    recall = tp / (yte == 1).sum()
    f1 = 2 * precision * recall / (precision + recall) if tp else 0.0
    out[name] = {"loss": float(value.mean()), "norm": float(np.sqrt((w ** 2).sum())), "precision": float(precision),
                 "recall": float(recall), "f1": float(f1), "average_precision": average_precision(z, yte)}
    print(name, out[name])
with open(os.path.join(HERE, "training.json"), "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
