#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# torch 1.13 (Debian 12's python3-torch, which has to be installed): NAdam's documentation divides the
# first moment by 1 less the product of mu_1 to mu_t+1. By default mu_t is in that product twice; with
# foreach=True it is there once, so that the two ways of one optimiser differ. One update of a weight 0
# by a gradient 1 with lr 1 shows it: t is 1, m is 0.1 and v, corrected, is 1.
. "$(dirname "$0")/lib.bash"
cat >nadam.py <<'PY'
import torch


def moved(foreach):
    w = torch.zeros(1, requires_grad=True)
    w.grad = torch.ones(1)
    torch.optim.NAdam([w], lr=1.0, foreach=foreach).step()
    return -w.item()


def formula(product):
    return 1 + mu2 * 0.1 / (1 - product)


mu1, mu2 = (0.9 * (1 - 0.5 * 0.96 ** (t * 0.004)) for t in (1, 2))
print("torch", torch.__version__.split("+")[0])
print("documented, mu1 mu2: %.4f" % formula(mu1 * mu2))
print("mu1 mu1 mu2: %.4f" % formula(mu1 * mu1 * mu2))
print("NAdam: %.4f" % moved(False))
print("NAdam, foreach: %.4f" % moved(True))
PY
seen "the first update of NAdam" /usr/bin/python3 nadam.py <<'END'
torch 1.13.0a0
documented, mu1 mu2: 1.0565
mu1 mu1 mu2: 1.0495
NAdam: 1.0495
NAdam, foreach: 1.0565
END
