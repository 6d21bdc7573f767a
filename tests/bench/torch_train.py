#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times training steps of PyTorch on request.

Reads lines "NETWORK VARIANT BATCH THREADS STEPS" and answers each with images per second, after one
step to warm up. NETWORK: vgg19 (BatchNormalization, 3x32x32) or small_cnn (1x28x28). VARIANT: fp32,
autocast (bf16, fp32 weights) or weights (bf16 all through), and _cl behind it for channels last.
SGD with momentum. Prints PyTorch's version first.
"""
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F


def vgg19():
    layers, c = [], 3
    for width, times in (64, 2), (128, 2), (256, 4), (512, 4), (512, 4):
        for _ in range(times):
            layers += [nn.Conv2d(c, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            c = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 100)), (3, 32, 32)


def small_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 10)), (1, 28, 28)


class Job:
    def __init__(self, network, variant, batch):
        torch.manual_seed(0)
        self.net, shape = {"vgg19": vgg19, "small_cnn": small_cnn}[network]()
        self.x, self.y = torch.randn(batch, *shape), torch.randint(0, 10, (batch,))
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
        network, variant, batch, threads, steps = line.split()
        torch.set_num_threads(int(threads))
        key = network, variant, batch
        if key not in jobs:
            jobs[key] = Job(network, variant, int(batch))
        jobs[key].step()
        start = time.perf_counter()
        for _ in range(int(steps)):
            jobs[key].step()
        print("%.3f" % (int(batch) * int(steps) / (time.perf_counter() - start)), flush=True)


main()
