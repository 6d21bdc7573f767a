#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times training steps of PyTorch on request.

Reads lines "FILE VARIANT BATCH THREADS STEPS" and answers each with images per second, after one
step to warm up. FILE: a network as nt-zoo takes it, of the layers that those of the benchmark have.
VARIANT: fp32, autocast (bf16, fp32 weights) or weights (bf16 all through), and _cl behind it for
channels last. SGD with momentum, 100 classes. Prints PyTorch's version first.
"""
import json
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F

CLASSES = 100


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class ReLU6(nn.Module):
    """nn.ReLU6 has no backward pass in bf16 before PyTorch 2."""

    def forward(self, x):
        return x.clamp(0, 6)


RELU6 = nn.ReLU6(inplace=True) if torch.__version__ >= "2" else ReLU6()


class Network:
    """Layers in the order of the file; c channels of h x h so far."""

    def __init__(self, path):
        with open(path) as f:
            spec = json.load(f)
        self.c, self.h = spec["input"][:2]
        self.shape = spec["input"]
        self.net = self.sequence(spec["layers"])

    def sequence(self, layers):
        return nn.Sequential(*[self.layer(l) for l in layers])

    def layer(self, l):
        if isinstance(l, str):
            return self.plain(l)
        if "conv" in l:
            return self.conv(l)
        if "bn" in l:
            return nn.BatchNorm2d(self.c)
        if "max_pool" in l:
            self.h //= l["max_pool"]
            return nn.MaxPool2d(l["max_pool"])
        if "residual" in l:
            c, h = self.c, self.h
            body = self.sequence(l["residual"])
            self.c, self.h = c, h
            return Residual(body, self.sequence(l.get("shortcut", [])))
        if "dropout" in l:
            return nn.Dropout(l["dropout"])
        assert "linear" in l, l
        return nn.Linear(self.c * self.h ** 2, CLASSES)

    def plain(self, name):
        if name == "global_average_pool":
            self.h = 1
        return {"relu": nn.ReLU(inplace=True), "relu6": RELU6, "flatten": nn.Flatten(),
                "global_average_pool": nn.AdaptiveAvgPool2d(1)}[name]

    def conv(self, l):
        c, k, pad, stride = self.c, l.get("kernel", 3), l.get("pad", 0), l.get("stride", 1)
        self.c = l.get("out", c)
        self.h = (self.h + 2 * pad - k) // stride + 1
        return nn.Conv2d(c, self.c, k, stride, pad, groups=c if "groups" in l else 1,
                         bias=l.get("bias", False))


class Job:
    def __init__(self, path, variant, batch):
        torch.manual_seed(0)
        made = Network(path)
        self.net = made.net
        self.x, self.y = torch.randn(batch, *made.shape), torch.randint(0, CLASSES, (batch,))
        kind, last = variant.partition("_cl")[:2]
        self.autocast = kind == "autocast"
        if kind == "weights":
            self.net, self.x = self.net.bfloat16(), self.x.bfloat16()
        if last:
            self.net = self.net.to(memory_format=torch.channels_last)
            self.x = self.x.to(memory_format=torch.channels_last)
        self.opt = torch.optim.SGD(self.net.parameters(), lr=0.01, momentum=0.9)
        self.step()

    def step(self):
        self.opt.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            loss = F.cross_entropy(self.net(self.x).float(), self.y)
        loss.backward()
        self.opt.step()


def main():
    jobs = {}
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        path, variant, batch, threads, steps = line.split()
        torch.set_num_threads(int(threads))
        key = path, variant, batch
        if key not in jobs:
            jobs[key] = Job(path, variant, int(batch))
        jobs[key].step()
        start = time.perf_counter()
        for _ in range(int(steps)):
            jobs[key].step()
        print("%.3f" % (int(batch) * int(steps) / (time.perf_counter() - start)), flush=True)


main()
