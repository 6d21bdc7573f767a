#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""layers_export.py DIR: single layers of PyTorch and torchvision, each as ONNX.

DIR/NAME/ gets net.onnx, x.npy (its input) and y.npy (PyTorch's output), for the layers below.
Prints the names.
"""
import os
import random
import sys

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import nn


class Apply(nn.Module):
    """A function of the input and of constant tensors."""

    def __init__(self, f, *constants):
        super().__init__()
        self.f = f
        self.names = [f"c{i}" for i in range(len(constants))]
        for n, c in zip(self.names, constants):
            self.register_buffer(n, c)

    def forward(self, x):
        return self.f(x, *[getattr(self, n) for n in self.names])


def conv(r, sp, transposed):
    """A convolution with everything drawn by lot."""
    g = r.choice([1, 1, 2, 4])
    c, k = (g * r.choice([1, 2, 5]) for _ in range(2))
    ker, stride, dil = ([r.randint(1, 3) for _ in range(sp)] for _ in range(3))
    pad = [r.randint(0, d * (n - 1)) for n, d in zip(ker, dil)]
    o = dict(kernel_size=ker, stride=stride, dilation=dil, padding=pad, groups=g,
             bias=r.random() < 0.5)
    x = torch.randn(r.choice([1, 2]), c, *[r.randint(7, 11) for _ in range(sp)])
    if not transposed:
        return [nn.Conv1d, nn.Conv2d, nn.Conv3d][sp - 1](c, k, **o), x
    o["output_padding"] = [r.randint(0, max(s, d) - 1) for s, d in zip(stride, dil)]
    return [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d][sp - 1](c, k, **o), x


def pool(r, sp, kind):
    ker = [r.randint(2, 3) for _ in range(sp)]
    o = dict(kernel_size=ker, stride=[r.randint(1, 3) for _ in ker],
             padding=[r.randint(0, n // 2) for n in ker], ceil_mode=r.random() < 0.5)
    if kind == "Max":
        o["dilation"] = [r.randint(1, 2) for _ in ker]
    else:
        o["count_include_pad"] = r.random() < 0.5
    layer = getattr(nn, f"{kind}Pool{sp}d")(**o)
    return layer, torch.randn(2, 3, *[r.randint(7, 11) for _ in range(sp)])


def indices():
    return Apply(lambda x: F.max_pool2d(x, 2, return_indices=True)[1].float()), torch.randn(2, 3, 6, 8)


def grid(mode, padding, align):
    at = torch.rand(2, 4, 5, 2) * 3 - 1.5
    return Apply(lambda x, g: F.grid_sample(x, g, mode, padding, align), at), torch.randn(2, 3, 6, 7)


def rois():
    at = torch.tensor([[0, 0.3, 1.2, 9.7, 8.1], [1, 4, 4, 19, 13], [0, 11, 2, 12, 15], [1, 3, 3, 3, 3]])
    return at, torch.randn(2, 3, 9, 11)


def roi_align(ratio, aligned):
    at, x = rois()
    layer = torchvision.ops.RoIAlign((3, 2), 0.5, ratio, aligned)
    return Apply(lambda v, a: layer(v, a), at), x


def roi_pool():
    at, x = rois()
    layer = torchvision.ops.RoIPool((3, 2), 0.5)
    return Apply(lambda v, a: layer(v, a), at), x


def cases():
    r = random.Random(1)
    for sp in 1, 2, 3:
        for i in range(6):
            yield f"conv{sp}d_{i}", conv(r, sp, False), 13
            yield f"convtranspose{sp}d_{i}", conv(r, sp, True), 13
        for i in range(4):
            yield f"maxpool{sp}d_{i}", pool(r, sp, "Max"), 13
            yield f"avgpool{sp}d_{i}", pool(r, sp, "Avg"), 13
    yield "maxpool_indices", indices(), 13
    for mode in "bilinear", "nearest", "bicubic":
        for padding in "zeros", "border", "reflection":
            for align in False, True:
                yield f"grid_{mode}_{padding}_{align:d}", grid(mode, padding, align), 16
    for opset in 13, 16: # the exporter does not say aligned=False in opset 16
        yield f"roialign_adaptive_{opset}", roi_align(-1, opset == 16), opset
        yield f"roialign_{opset}", roi_align(2, opset == 16), opset
    yield "roipool", roi_pool(), 13


def main():
    folder, = sys.argv[1:]
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for name, (net, x), opset in cases():
        d = os.path.join(folder, name)
        os.mkdir(d)
        net.eval()
        with torch.no_grad():
            np.save(os.path.join(d, "x.npy"), x.numpy())
            np.save(os.path.join(d, "y.npy"), net(x).numpy())
        torch.onnx.export(net, x, os.path.join(d, "net.onnx"), opset_version=opset,
                          input_names=["input"], output_names=["output"],
                          # left open: the exporter declares wrong extents for ceil_mode
                          dynamic_axes={"output": {i: f"d{i}" for i in range(x.dim())}})
        print(name)


main()
