#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""200 updates of nt-finetune give the weights and the learning rates that PyTorch's give.

    tests/peer/optimisers.py [BIN]        (default: build/bin)

A dense layer with softmax is trained by both from the same weights on the same batches, one batch
an epoch, so that the report tells the rate of each update. |a - b| <= 1e-4 |b| for the rates, and
for the weights |a - b| <= 1e-4 (|b| + the largest weight's): the gradient's own rounding is not the
optimiser's. Two are written out here: Lion, which PyTorch 1.13 lacks, from its paper, and NAdam from
PyTorch's documentation, from which 1.13 differs unless foreach is set. Exit 0 if they agree, 1 if
not, 77 without PyTorch.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    from torch import nn, optim
    import torch.nn.functional as F
    from torch.optim import lr_scheduler as sched
    from sgd_step import BIN, CLASSES, SIDE, initialisers, write_idx
except ImportError as e:
    print("skipped: %s" % e)
    sys.exit(77)

STEPS, SAMPLES = 200, 32


class Lion(optim.Optimizer):
    """Chen et al. 2023, arXiv:2302.06675, algorithm 2."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p -= group["lr"] * (torch.sign(b1 * m + (1 - b1) * p.grad)
                                    + group["weight_decay"] * p)
                m.copy_(b2 * m + (1 - b2) * p.grad)


class NAdam(optim.Optimizer):
    """As PyTorch's documentation gives it; 1.13's own without foreach has mu_t twice in a product."""

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0,
                 momentum_decay=4e-3):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "decay": weight_decay,
                                  "psi": momentum_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                self.one(p, self.state[p], group)

    def one(self, p, s, group):
        (b1, b2), g = group["betas"], p.grad + group["decay"] * p
        t = s["t"] = s.get("t", 0) + 1
        mu, following = (b1 * (1 - 0.5 * 0.96 ** (i * group["psi"])) for i in (t, t + 1))
        s["product"] = s.get("product", 1) * mu
        s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
        s["v"] = b2 * s.get("v", 0) + (1 - b2) * g * g
        m = (following * s["m"] / (1 - s["product"] * following)
             + (1 - mu) * g / (1 - s["product"]))
        p -= group["lr"] * m / (torch.sqrt(s["v"] / (1 - b2 ** t)) + group["eps"])


OPTIMISERS = [  # PyTorch's class, its arguments, with which its own fp32 and fp64 agree
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True}),
    (optim.Adam, {}),
    (optim.Adam, {"lr": 1e-3, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.05}),
    (optim.AdamW, {}),
    (optim.AdamW, {"lr": 0.01, "weight_decay": 0.3}),
    (optim.RMSprop, {}),
    (optim.RMSprop, {"lr": 1e-4, "alpha": 0.95, "momentum": 0.5, "weight_decay": 0.01}),
    (optim.RMSprop, {"lr": 1e-3, "centered": True, "momentum": 0.5, "eps": 1e-2}),
    (optim.Adagrad, {}),
    (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.01, "initial_accumulator_value": 0.5,
                     "weight_decay": 0.01}),
    (optim.Adadelta, {}),
    (optim.Adadelta, {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.01}),
    (NAdam, {}),
    (NAdam, {"lr": 1e-3, "momentum_decay": 0.02, "betas": [0.8, 0.95], "weight_decay": 0.01}),
    (optim.RAdam, {}),
    (optim.RAdam, {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.01}),
    (Lion, {}),
    (Lion, {"lr": 1e-3, "betas": [0.8, 0.95], "weight_decay": 0.1}),
]
SGD = (optim.SGD, {"lr": 0.1, "momentum": 0.9})
SCHEDULES = [  # PyTorch's class, its arguments, the optimiser
    (sched.StepLR, {"step_size": 30, "gamma": 0.5}, SGD),
    (sched.MultiStepLR, {"milestones": [30, 80, 150], "gamma": 0.3}, SGD),
    (sched.ExponentialLR, {"gamma": 0.98}, SGD),
    (sched.CosineAnnealingLR, {"T_max": 200, "eta_min": 0.001}, SGD),
    (sched.CosineAnnealingWarmRestarts, {"T_0": 30, "eta_min": 0.001}, SGD),
    (sched.CosineAnnealingWarmRestarts, {"T_0": 20, "T_mult": 2}, SGD),
    (sched.LinearLR, {}, SGD),
    (sched.LinearLR, {"start_factor": 0.9, "end_factor": 0.1, "total_iters": 150}, SGD),
    (sched.PolynomialLR, {}, SGD),
    (sched.PolynomialLR, {"total_iters": 210, "power": 2}, SGD),
    (sched.OneCycleLR, {"max_lr": 0.3, "total_steps": 200}, SGD),
    (sched.OneCycleLR, {"max_lr": 0.3, "total_steps": 210, "three_phase": True,
                        "anneal_strategy": "linear"}, SGD),
    (sched.OneCycleLR, {"max_lr": 0.01, "total_steps": 200}, (NAdam, {})),
    (sched.OneCycleLR, {"max_lr": 0.01, "total_steps": 200, "cycle_momentum": False},
     (optim.Adagrad, {})),
    (sched.CyclicLR, {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 20}, SGD),
    (sched.CyclicLR, {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 20, "step_size_down": 33,
                      "mode": "triangular2"}, SGD),
    (sched.CyclicLR, {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 17, "mode": "exp_range",
                      "gamma": 0.99}, SGD),
    (sched.ReduceLROnPlateau, {"mode": "min", "factor": 0.5, "patience": 3, "threshold": 0.01,
                               "cooldown": 2, "min_lr": 0.001}, SGD),
    (sched.ReduceLROnPlateau, {"mode": "min", "factor": 0.5, "patience": 3, "threshold": 0.003,
                               "threshold_mode": "abs"}, SGD),
    (sched.ReduceLROnPlateau, {"mode": "max", "factor": 0.9, "patience": 4}, SGD),
]
CLIPS = [
    (["--clip-norm", "0.1"], lambda p: nn.utils.clip_grad_norm_(p, 0.1)),
    (["--clip-value", "0.01"], lambda p: nn.utils.clip_grad_value_(p, 0.01)),
    (["--clip-value", "0.03", "--clip-norm", "0.1"],
     lambda p: (nn.utils.clip_grad_value_(p, 0.03), nn.utils.clip_grad_norm_(p, 0.1))),
]


def make_net():
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, CLASSES))


def theirs(x, y, optimiser, schedule, clip):
    """The rates of all updates, and the weights after them."""
    net, rates = make_net(), []
    opt = optimiser[0](net.parameters(), **optimiser[1])
    s = schedule[0](opt, **schedule[1]) if schedule else None
    for _ in range(STEPS):
        rates.append(opt.param_groups[0]["lr"])
        opt.zero_grad()
        F.cross_entropy(net(x), y).backward()
        if clip:
            clip(list(net.parameters()))
        opt.step()
        if isinstance(s, sched.ReduceLROnPlateau):
            s.step(F.cross_entropy(net(x), y).item())
        elif s:
            s.step()
    return np.array(rates), {n: p.detach().numpy().ravel() for n, p in net.named_parameters()}


def ours(dir, optimiser, schedule, options):
    files = ("net.onnx", "out.nt", "report.json", "config.json")
    net, out, report, config = (os.path.join(dir, name) for name in files)
    data = {"format": "idx", "path": dir, "splits": {"train": {"shuffle": False}}}
    settings = {"epochs": STEPS, "optimizer": dict(optimiser[1], name=optimiser[0].__name__)}
    if schedule:
        settings["scheduler"] = {"factory": dict(schedule[1], name=schedule[0].__name__)}
        if schedule[0] is sched.ReduceLROnPlateau:
            settings.update(eval_split="train", eval_key="loss")
    with open(config, "w") as f:
        json.dump(settings, f)
    torch.onnx.export(make_net(), torch.zeros(2, 1, SIDE, SIDE), net, input_names=["x"],
                      dynamic_axes={"x": {0: "N"}}, do_constant_folding=False)
    subprocess.run([os.path.join(BIN, "nt-finetune"), net, "--data", json.dumps(data), "-c", config,
                    "--batch-size", str(SAMPLES), "--precision", "fp32", "--threads", "1", "-q",
                    "--report", report, "-o", out] + options, check=True)
    onnx = subprocess.run(["tar", "xOf", out, "model.onnx"], check=True, capture_output=True)
    with open(report) as f:
        rates = np.array([e["lr"] for e in json.load(f)["epochs"]])
    return rates, initialisers(onnx.stdout)


def check(dir, x, y, label, optimiser, schedule=None, options=(), clip=None):
    want, weights = theirs(x, y, optimiser, schedule, clip)
    rates, got = ours(dir, optimiser, schedule, list(options))
    rate = float(np.max(np.abs(rates - want) / (1e-4 * np.abs(want) + 1e-12)))
    worst = 0.0
    for name, b in weights.items():
        a = got[name]
        worst = max(worst, float(np.max(np.abs(a - b) / (1e-4 * (np.abs(b) + np.abs(b).max())))))
    ok = len(rates) == STEPS and rate <= 1 and worst <= 1
    print("%s %s: rates %.4f, weights %.4f of the tolerance"
          % ("ok" if ok else "FAILED", label, rate, worst))
    return ok


def text(pair):
    return pair[0].__name__ + " " + json.dumps(pair[1])


def main():
    rng = np.random.RandomState(1)
    images = rng.randint(0, 256, (SAMPLES, SIDE, SIDE)).astype(np.uint8)
    labels = rng.randint(0, CLASSES, SAMPLES).astype(np.uint8)
    x = torch.from_numpy(images.astype(np.float32) / 255).unsqueeze(1)
    y = torch.from_numpy(labels.astype(np.int64))
    torch.set_num_threads(1)
    ok = True
    with tempfile.TemporaryDirectory() as dir:
        write_idx(dir, images, labels)
        for o in OPTIMISERS:
            ok &= check(dir, x, y, text(o), o)
        for s in SCHEDULES:
            ok &= check(dir, x, y, text(s) + ", " + s[2][0].__name__, s[2], s)
        for options, clip in CLIPS:
            ok &= check(dir, x, y, " ".join(options), SGD, None, options, clip)
    return 0 if ok else 1


sys.exit(main())
