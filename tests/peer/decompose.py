#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nt-decompose beside NumPy and PyTorch.

    tests/peer/decompose.py [BIN]        (default: build/bin)

A network is exported from PyTorch and decomposed. The error that the report gives for a matrix is
held against what NumPy's singular values leave out (1e-5), that of Tucker must lie between the
larger of what either side leaves out and the root of both squares. Then PyTorch's own weights are
replaced by truncated ones of NumPy, and its outputs held against those of the network that nt
wrote (1e-4). Exit 0 if they agree, 1 if not.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from torch import nn

BIN = sys.argv[1] if len(sys.argv) > 1 else "build/bin"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 12, 3, stride=2, padding=1)
        self.b = nn.Conv2d(12, 20, (3, 5), padding=(2, 1), dilation=(2, 1))
        self.c = nn.Conv2d(20, 16, 1, stride=2)
        self.f = nn.Linear(16, 10)

    def forward(self, x):
        x = torch.relu(self.c(torch.relu(self.b(torch.relu(self.a(x))))))
        return self.f(x.mean((2, 3)))


def matrix(w):
    """[c][r] x [k][s], as the spatial form has it."""
    if w.ndim == 2:
        return w.T
    return w.transpose(1, 2, 0, 3).reshape(w.shape[1] * w.shape[2], -1)


def truncated(w, rank):
    u, s, v = np.linalg.svd(matrix(w).astype(np.float64), full_matrices=False)
    m = (u[:, :rank] * s[:rank]) @ v[:rank]
    lost = np.sqrt((s[rank:] ** 2).sum() / (s ** 2).sum())
    if w.ndim == 2:
        return m.T, lost
    k, c, r, q = w.shape
    return m.reshape(c, r, k, q).transpose(2, 0, 1, 3), lost


def side_lost(w, axis, rank):
    s = np.linalg.svd(np.moveaxis(w, axis, 0).reshape(w.shape[axis], -1), compute_uv=False)
    return np.sqrt((s[rank:] ** 2).sum() / (s ** 2).sum())


def decompose(dir, options):
    report = os.path.join(dir, "r.json")
    subprocess.run([os.path.join(BIN, "nt-decompose"), os.path.join(dir, "net.onnx"), "-q",
                    "--force", "--report", report, "-o", os.path.join(dir, "d.nt")] + options,
                   check=True)
    with open(report) as f:
        return json.load(f)["layers"]


def check(name, ok, what):
    print("%s %s: %s" % ("ok" if ok else "FAILED", name, what))
    return ok


def run_rank(dir, net, x, rank):
    ok = True
    small = Net()
    small.load_state_dict(net.state_dict())
    for layer in decompose(dir, ["--rank", str(rank)]):
        w = net.get_submodule(layer["layer"]).weight.detach().numpy()
        m, lost = truncated(w, rank)
        with torch.no_grad():
            small.get_submodule(layer["layer"]).weight.copy_(torch.from_numpy(m.copy()))
        ok &= check("rank %d of %s" % (rank, layer["layer"]), abs(layer["error"] - lost) < 1e-5,
                    "error %.6f, NumPy %.6f" % (layer["error"], lost))
    with torch.no_grad():
        np.save(os.path.join(dir, "y.npy"), small(x).numpy())
    done = subprocess.run([os.path.join(BIN, "nt-run"), os.path.join(dir, "d.nt"), "-i",
                           os.path.join(dir, "x.npy"), "--expect", os.path.join(dir, "y.npy"),
                           "--rtol", "1e-4", "--atol", "1e-4"], capture_output=True)
    return ok & check("rank %d" % rank, done.returncode == 0, "outputs as PyTorch's")


def run_tucker(dir, net, rank):
    ok = True
    for layer in decompose(dir, ["--rank", str(rank), "--method", "tucker"]):
        if layer["kind"] != "tucker":
            continue
        w = net.get_submodule(layer["layer"]).weight.detach().numpy().astype(np.float64)
        lost = [side_lost(w, 1, layer["rank"][0]), side_lost(w, 0, layer["rank"][1])]
        lo, hi = max(lost), np.hypot(*lost)
        ok &= check("tucker %d of %s" % (rank, layer["layer"]),
                    lo - 1e-5 <= layer["error"] <= hi + 1e-5,
                    "%.6f <= %.6f <= %.6f" % (lo, layer["error"], hi))
    return ok


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    net, x = Net().eval(), torch.randn(2, 3, 24, 20)
    with tempfile.TemporaryDirectory() as dir:
        torch.onnx.export(net, x, os.path.join(dir, "net.onnx"), opset_version=13)
        np.save(os.path.join(dir, "x.npy"), x.numpy())
        ok = True
        for rank in 1, 3, 7, 9:
            ok &= run_rank(dir, net, x, rank)
            ok &= run_tucker(dir, net, rank)
    return 0 if ok else 1


sys.exit(main())
