#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A few steps of nt-finetune give the weights that PyTorch's give.

    tests/peer/sgd_step.py [BIN]        (default: build/bin)

Small residual and depthwise networks are exported from PyTorch with their BatchNormalization, and
trained by both on the same images in the same order, fp32. All parameters and running statistics
are compared: |a - b| <= 1e-5 + 1e-3 |b|. Exit 0 if they agree, 1 if not, 77 without PyTorch.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    from torch import nn
    import torch.nn.functional as F
except ImportError as e:
    print("skipped: %s" % e)
    sys.exit(77)

BIN = sys.argv[1] if len(sys.argv) > 1 else "build/bin"
BATCH, SAMPLES, SIDE, CLASSES = 8, 28, 12, 10  # 28 = 8 + 8 + 8 + 4: the last batch is smaller


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.bn0 = nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv1, self.bn1 = nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16)
        self.conv2, self.bn2 = nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.short, self.bns = nn.Conv2d(8, 16, 1, stride=2, bias=False), nn.BatchNorm2d(16)
        self.fc = nn.Linear(16, CLASSES)

    def forward(self, x):
        x = F.relu(self.bn0(self.stem(x)))
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        x = F.relu(y + self.bns(self.short(x)))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class Depthwise(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.bn0 = nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12)
        self.expand, self.bn1 = nn.Conv2d(12, 24, 1, bias=False), nn.BatchNorm2d(24)
        self.dw = nn.Conv2d(24, 24, 3, stride=2, padding=1, groups=24, bias=False)
        self.bn2 = nn.BatchNorm2d(24)
        self.project, self.bn3 = nn.Conv2d(24, 12, 1, bias=False), nn.BatchNorm2d(12)
        self.fc = nn.Linear(12 * 3 * 3, CLASSES)

    def forward(self, x):
        x = F.relu6(self.bn0(self.stem(x)))
        x = F.relu6(self.bn1(self.expand(x)))
        x = self.bn3(self.project(F.relu6(self.bn2(self.dw(x)))))
        return self.fc(torch.flatten(F.max_pool2d(x, 2), 1))


def varint(b, i):
    v = shift = 0
    while True:
        v |= (b[i] & 127) << shift
        shift += 7
        i += 1
        if b[i - 1] < 128:
            return v, i


def fields(b):
    i = 0
    while i < len(b):
        key, i = varint(b, i)
        if key & 7 == 0:
            v, i = varint(b, i)
        elif key & 7 == 2:
            n, i = varint(b, i)
            v, i = b[i:i + n], i + n
        else:
            n = {1: 8, 5: 4}[key & 7]
            v, i = b[i:i + n], i + n
        yield key >> 3, v


def initialisers(model):
    """name -> fp32 array of an ONNX file's bytes: just enough of protobuf to need no package."""
    out = {}
    for number, graph in fields(model):
        for field, tensor in fields(graph) if number == 7 else ():
            if field != 5:
                continue
            name, raw, floats, dtype = None, None, [], 0
            for k, v in fields(tensor):
                if k == 8:
                    name = v.decode()
                elif k == 9:
                    raw = np.frombuffer(v, "<f4") if len(v) % 4 == 0 else None
                elif k == 2:
                    dtype = v
                elif k == 4:
                    floats.append(np.frombuffer(v, "<f4"))
            if dtype == 1:
                out[name] = raw if raw is not None else np.concatenate(floats)
    return out


def write_idx(folder, images, labels):
    for split in "train", "t10k":
        with open(os.path.join(folder, split + "-images-idx3-ubyte"), "wb") as f:
            f.write(struct.pack(">IIII", 0x803, len(images), SIDE, SIDE) + images.tobytes())
        with open(os.path.join(folder, split + "-labels-idx1-ubyte"), "wb") as f:
            f.write(struct.pack(">II", 0x801, len(labels)) + labels.tobytes())


def train(net, images, labels, make_optim, loss, steps):
    opt = make_optim(net.parameters())
    x = torch.from_numpy(images.astype(np.float32) / 255).unsqueeze(1)
    y = torch.from_numpy(labels.astype(np.int64))
    net.train()
    for i in range(steps):
        at = (i * BATCH) % (SAMPLES + BATCH - SAMPLES % BATCH)
        opt.zero_grad()
        loss(net(x[at:at + BATCH]), y[at:at + BATCH]).backward()
        opt.step()


def export(net, path, mode):
    net.train(mode == torch.onnx.TrainingMode.TRAINING)
    torch.onnx.export(net, torch.zeros(2, 1, SIDE, SIDE), path, training=mode,
                      do_constant_folding=False, opset_version=15, input_names=["x"],
                      output_names=["y"], dynamic_axes={"x": {0: "N"}, "y": {0: "N"}})


def worst(got, net):
    """The largest |a - b| / (1e-5 + 1e-3 |b|) and its tensor; at most 1 is right."""
    ratio, where = 0.0, ""
    for name, t in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        b = t.numpy().ravel()
        r = float(np.max(np.abs(got[name] - b) / (1e-5 + 1e-3 * np.abs(b))))
        if not r <= ratio:
            ratio, where = r, name
    return ratio, where


CASES = [
    ("1 step", 1, [], lambda p: torch.optim.SGD(p, lr=0.1), F.cross_entropy),
    ("4 steps, momentum, decay", 4, ["--momentum", "0.9", "--weight-decay", "0.01", "--nesterov"],
     lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
     F.cross_entropy),
    ("4 steps, label smoothing", 4, ["--label-smoothing", "0.1"],
     lambda p: torch.optim.SGD(p, lr=0.1), lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1)),
]


def run_case(dir, make_net, mode, case, images, labels):
    name, steps, options, make_optim, loss = case
    torch.manual_seed(3)
    net = make_net()
    path, out = os.path.join(dir, "net.onnx"), os.path.join(dir, "out.nt")
    data = {"format": "idx", "path": dir, "splits": {"train": {"shuffle": False}}}
    export(net, path, mode)
    with open(path, "rb") as f:  # exporting in training mode runs the net, which moves statistics
        start = initialisers(f.read())
    for name, t in net.state_dict().items():
        if name in start:
            t.copy_(torch.from_numpy(start[name].copy()).view_as(t))
    subprocess.run([os.path.join(BIN, "nt-finetune"), path, "--data", json.dumps(data),
                    "--batch-size", str(BATCH), "--lr", "0.1", "--steps", str(steps),
                    "--precision", "fp32", "--threads", "1", "-q", "-o", out] + options, check=True)
    train(net, images, labels, make_optim, loss, steps)
    onnx = subprocess.run(["tar", "xOf", out, "model.onnx"], check=True, capture_output=True)
    return worst(initialisers(onnx.stdout), net)


def main():
    rng = np.random.RandomState(1)
    images = rng.randint(0, 256, (SAMPLES, SIDE, SIDE)).astype(np.uint8)
    labels = rng.randint(0, CLASSES, SAMPLES).astype(np.uint8)
    failed = False
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as dir:
        write_idx(dir, images, labels)
        for make_net in Residual, Depthwise:
            for mode in torch.onnx.TrainingMode.PRESERVE, torch.onnx.TrainingMode.TRAINING:
                for case in CASES:
                    ratio, where = run_case(dir, make_net, mode, case, images, labels)
                    ok = ratio <= 1
                    failed = failed or not ok
                    print("%s %s, %s, %s: %.3f of the tolerance (%s)"
                          % ("ok" if ok else "FAILED", make_net.__name__, mode.name, case[0],
                             ratio, where))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
