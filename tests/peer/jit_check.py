#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""jit_check.py inputs DIR CxHxW | run DIR: TorchScript files in PyTorch.

inputs: draws DIR/x1.npy and x3.npy. run: for each net.pt below DIR a line "name TAB what TAB why
not", why empty where it holds.
"""
import glob
import os
import sys
import warnings

import numpy as np

TYPES = {1: "f4", 2: "u1", 3: "i1", 5: "i2", 6: "i4", 7: "i8", 9: "?", 10: "f2", 11: "f8"}


def varint(b, at):
    v = shift = 0
    while True:
        v |= (b[at] & 127) << shift
        shift += 7
        at += 1
        if b[at - 1] < 128:
            return v, at


def fields(b):
    """Number and value of each field of a protocol buffer."""
    at = 0
    while at < len(b):
        key, at = varint(b, at)
        if key & 7 == 0:
            v, at = varint(b, at)
        else:
            n, at = varint(b, at) if key & 7 == 2 else (4 if key & 7 == 5 else 8, at)
            v, at = b[at : at + n], at + n
        yield key >> 3, v


def packed(v):
    out, at = [], 0
    while isinstance(v, bytes) and at < len(v):
        x, at = varint(v, at)
        out.append(x)
    return out if isinstance(v, bytes) else [v]


def tensor(path):
    """The array of a TensorProto; None where it holds something else."""
    dims, kind, raw, numbers = [], 0, None, []
    for f, v in fields(open(path, "rb").read()):
        if f == 1:
            dims += packed(v)
        elif f == 2:
            kind = v
        elif f == 9:
            raw = v
        elif f == 4:
            raw = (raw or b"") + v
        elif f in (5, 7):
            numbers += packed(v)
    if kind not in TYPES:
        return None
    if raw is None:
        wrapped = [x - (1 << 64) if x >> 63 else x for x in numbers]
        return np.array(wrapped, TYPES[kind]).reshape(dims)
    return np.frombuffer(raw, TYPES[kind]).reshape(dims).copy()


def differ(got, want, rtol, atol):
    for i, (g, w) in enumerate(zip(got, want)):
        g = g.detach().numpy()
        g = g.astype("f4") if g.dtype == np.float16 else g
        if w is None or g.dtype != w.dtype or g.shape != w.shape:
            return f"output {i} is {g.dtype} {g.shape}, want {w is not None and (w.dtype, w.shape)}"
        if not np.allclose(g, w, rtol, atol, equal_nan=True):
            return f"output {i} differs by {np.nanmax(np.abs(g.astype('f8') - w.astype('f8')))}"
    return "" if len(got) == len(want) else f"{len(got)} outputs, want {len(want)}"


def outputs(net, inputs):
    import torch

    y = net(*[torch.from_numpy(x) for x in inputs])
    return y if isinstance(y, tuple) else (y,)


def run_case(dir):
    import torch

    case = open(f"{dir}/case").read().strip()
    net = torch.jit.load(f"{dir}/net.pt")
    for set in sorted(glob.glob(f"{case}/test_data_set_*")):
        read = lambda what: [
            tensor(f"{set}/{what}_{i}.pb") for i in range(len(glob.glob(f"{set}/{what}_*.pb")))
        ]
        x = read("input")
        given = net.forward.schema.arguments[1:]
        want = read("output")
        if any(v is None for v in x + want):  # bfloat16 and the like, which NumPy has not
            continue
        if len(x) < len(given):
            return f"{len(x)} inputs, want {len(given)}"
        widen = lambda v: v.astype("f4") if v.dtype == np.float16 else v  # as nt-export does
        x, want = [widen(v) for v in x], [widen(v) for v in want]
        why = differ(outputs(net, x[: len(given)]), want, 1e-3, 1e-5)
        if why:
            return why
    return ""


def run_zoo(dir):
    import torch

    net = torch.jit.load(f"{dir}/net.pt")
    for size in (1, 3):
        x = np.load(f"{dir}/x{size}.npy")
        want = [np.load(f) for f in glob.glob(f"{dir}/y{size}/*.npy")]
        why = differ(outputs(net, [x]), want, 1e-4, 1e-5)
        if why:
            return why
    return ""


def train(dir):
    """Ten steps lower the loss, on eight pictures; running statistics move."""
    import torch

    torch.manual_seed(0)
    net = torch.jit.load(f"{dir}/net.pt")
    x = torch.randn(8, *np.load(f"{dir}/x1.npy").shape[1:])
    y = torch.arange(8) % 4
    before = {n: b.clone() for n, b in net.named_buffers()}
    net.train()
    sgd = torch.optim.SGD(net.parameters(), lr=0.01)
    losses = []
    for _ in range(11):
        sgd.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        losses.append(loss.item())
        sgd.step()
    for n, b in net.named_buffers():
        if torch.equal(b, before[n]):
            return f"{n} has not moved"
    return "" if losses[10] < losses[0] else f"the loss goes {losses}"


def say(name, what, f, dir):
    try:
        why = f(dir)
    except Exception as e:
        why = str(e).strip().splitlines()[-1] if str(e).strip() else repr(e)
    print(name, what, why, sep="\t", flush=True)


def run(top):
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for net in sorted(glob.glob(f"{top}/zoo/*/net.pt")):
        dir = os.path.dirname(net)
        say(os.path.basename(dir), "computes what nt-run does", run_zoo, dir)
        say(os.path.basename(dir), "learns in ten steps", train, dir)
    for net in sorted(glob.glob(f"{top}/cases/*/*/net.pt")):
        dir = os.path.dirname(net)
        say(os.path.relpath(dir, f"{top}/cases"), "computes what ONNX says", run_case, dir)


def inputs(dir, size):
    rng = np.random.default_rng(0)
    for n in (1, 3):
        x = rng.standard_normal((n, *map(int, size.split("x")))).astype("f4")
        np.save(f"{dir}/x{n}.npy", x)


if __name__ == "__main__":
    inputs(*sys.argv[2:]) if sys.argv[1] == "inputs" else run(sys.argv[2])
