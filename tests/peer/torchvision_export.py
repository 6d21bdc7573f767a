#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""torchvision_export.py NAME DIR: a torchvision network with seeded weights, as ONNX.

DIR gets bn.onnx (BatchNormalization stays as it is), eval.onnx (the exporter's default: folded
into convolutions), x.npy (an image) and y.npy (PyTorch's output for it).
"""
import os
import sys

import numpy as np
import torch
import torchvision


def seeded(name):
    """Weights by torchvision's initialisation, statistics that are not 0 and 1."""
    torch.manual_seed(0)
    net = getattr(torchvision.models, name)(weights=None).eval()
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.weight.data.uniform_(0.5, 1.5)
            m.bias.data.uniform_(-0.2, 0.2)
            m.running_mean.uniform_(-0.2, 0.2)
            m.running_var.uniform_(0.5, 1.5)
    return net


def main():
    name, folder = sys.argv[1:]
    torch.set_num_threads(1)
    net = seeded(name)
    x = torch.randn(1, 3, 224, 224)
    common = dict(opset_version=13, input_names=["input"], output_names=["output"],
                  dynamic_axes={"input": {0: "N"}, "output": {0: "N"}})
    with torch.no_grad():
        np.save(os.path.join(folder, "x.npy"), x.numpy())
        np.save(os.path.join(folder, "y.npy"), net(x).numpy())
    torch.onnx.export(net, x, os.path.join(folder, "bn.onnx"), do_constant_folding=False,
                      training=torch.onnx.TrainingMode.PRESERVE, **common)
    torch.onnx.export(net, x, os.path.join(folder, "eval.onnx"), **common)


main()
