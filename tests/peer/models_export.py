#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""models_export.py NAME OPSET DIR: a network with seeded weights as DIR/model.onnx, and DIR/x.npy.
models_export.py --list: the names, each with what it is: cnn, transformer or detector.

Besides torchvision's networks there are a U-Net, a detector in the manner of YOLO and one in the
manner of SSD with non-maximum suppression in the graph, and networks written as exporters of
other frameworks write them: channels last between explicit transpositions, normalisation and
activations in pieces, resizing by scales.
"""
import os
import sys

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional as F


def conv(i, o, k=3, s=1, g=1):
    return nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(o),
                         nn.SiLU())


class UNet(nn.Module):
    """Transposed convolutions on the way up, or bilinear resizing."""

    def __init__(self, bilinear):
        super().__init__()
        w = [16, 32, 64]
        self.down = nn.ModuleList([conv(3, w[0]), conv(w[0], w[1]), conv(w[1], w[2])])
        self.up = nn.ModuleList()
        self.mix = nn.ModuleList()
        self.bilinear = bilinear
        for small, large in ((w[1], w[2]), (w[0], w[1])):
            self.up.append(nn.Conv2d(large, small, 1) if bilinear
                           else nn.ConvTranspose2d(large, small, 2, 2))
            self.mix.append(conv(2 * small, small))
        self.head = nn.Conv2d(w[0], 5, 1)

    def forward(self, x):
        skips = []
        for i, d in enumerate(self.down):
            x = d(x)
            if i < 2:
                skips.append(x)
                x = F.max_pool2d(x, 2)
        for u, m in zip(self.up, self.mix):
            if self.bilinear:
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = m(torch.cat([skips.pop(), u(x)], 1))
        return self.head(x)


class Yolo(nn.Module):
    """Cross-stage blocks, pyramid pooling, an upward path, and boxes decoded in the graph."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(conv(3, 16, 3, 2), conv(16, 32, 3, 2))
        self.left, self.right = conv(32, 16, 1), conv(32, 16, 1)
        self.body = nn.Sequential(conv(16, 16, 1), conv(16, 16))
        self.join = conv(32, 32, 1)
        self.down = conv(32, 64, 3, 2)
        self.squeeze, self.spread = conv(64, 32, 1), conv(128, 64, 1)
        self.lateral, self.merge = conv(64, 32, 1), conv(64, 32)
        self.heads = nn.ModuleList([nn.Conv2d(32, 3 * 9, 1), nn.Conv2d(64, 3 * 9, 1)])

    def decode(self, x, stride):
        n, _, h, w = x.shape
        x = x.view(n, 3, 9, h, w).permute(0, 1, 3, 4, 2)
        gy, gx = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        grid = torch.stack((gx, gy), 2).float()
        y = x.sigmoid()
        centre = (y[..., 0:2] * 2 - 0.5 + grid) * stride
        size = (y[..., 2:4] * 2) ** 2 * (stride * 4)
        return torch.cat((centre, size, y[..., 4:]), -1).reshape(n, -1, 9)

    def forward(self, x):
        x = self.stem(x)
        x = self.join(torch.cat((self.left(x), self.right(x) + self.body(self.left(x))), 1))
        y = self.squeeze(self.down(x))
        pools = [y]
        for _ in range(3):
            pools.append(F.max_pool2d(pools[-1], 5, 1, 2))
        y = self.spread(torch.cat(pools, 1))
        up = F.interpolate(self.lateral(y), scale_factor=2, mode="nearest")
        fine = self.merge(torch.cat((up, x), 1))
        return torch.cat((self.decode(self.heads[0](fine), 4.0),
                          self.decode(self.heads[1](y), 8.0)), 1)


class Ssd(nn.Module):
    """Two scales of boxes around priors; per class the suppressed ones go, in the graph."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(conv(3, 16, 3, 2), conv(16, 32, 3, 2))
        self.more = conv(32, 48, 3, 2)
        self.boxes = nn.ModuleList([nn.Conv2d(32, 4, 3, padding=1), nn.Conv2d(48, 4, 3, padding=1)])
        self.scores = nn.ModuleList([nn.Conv2d(32, 3, 3, padding=1),
                                     nn.Conv2d(48, 3, 3, padding=1)])

    def forward(self, x):
        a = self.body(x)
        maps = (a, self.more(a))
        box = torch.cat([b(m).permute(0, 2, 3, 1).reshape(-1, 4)
                         for b, m in zip(self.boxes, maps)], 0)
        score = torch.cat([s(m).permute(0, 2, 3, 1).reshape(-1, 3)
                           for s, m in zip(self.scores, maps)], 0).softmax(1)
        prior = torch.linspace(0, 1, box.shape[0]).unsqueeze(1)
        centre, size = prior + 0.1 * box[:, :2], 0.2 * torch.exp(0.2 * box[:, 2:])
        corners = torch.cat((centre - size / 2, centre + size / 2), 1)
        keep = torchvision.ops.nms(corners, score[:, 1], 0.4)[:20]
        return corners[keep], score[keep]


class ChannelsLast(nn.Module):
    """As exporters from TensorFlow write: input and output with channels last, padding apart from
    the convolution, normalisation as Mul and Add, ReLU6 as Clip, means over axes."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(3, 16, 3, 2, bias=False),
                                    nn.Conv2d(16, 16, 3, 1, groups=16, bias=False),
                                    nn.Conv2d(16, 32, 1, bias=False)])
        self.scale = nn.ParameterList([nn.Parameter(torch.rand(c, 1, 1) + 0.5)
                                       for c in (16, 16, 32)])
        self.shift = nn.ParameterList([nn.Parameter(torch.randn(c, 1, 1) * 0.1)
                                       for c in (16, 16, 32)])
        self.fc = nn.Parameter(torch.randn(32, 10) * 0.1)

    def forward(self, x):
        x = x.permute(0, 3, 1, 2)
        for i, c in enumerate(self.convs):
            if c.kernel_size[0] == 3:
                x = F.pad(x, (0, 1, 0, 1) if c.stride[0] == 2 else (1, 1, 1, 1))
            x = torch.clamp(c(x) * self.scale[i] + self.shift[i], 0, 6)
        y = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return (x.mean((2, 3)) @ self.fc).softmax(1), y.permute(0, 2, 3, 1)


class Pieces(nn.Module):
    """As exporters from PaddlePaddle write: HardSwish and HardSigmoid as Add, Clip, Mul and Div,
    squeeze-excitation, a flattening through the shape, MatMul with a separate Add."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 24, 3, 2, 1), nn.Conv2d(24, 24, 5, 1, 2, groups=24)
        self.norm = nn.BatchNorm2d(24)
        self.down, self.up = nn.Conv2d(24, 8, 1), nn.Conv2d(8, 24, 1)
        self.w, self.bias = nn.Parameter(torch.randn(24, 7) * 0.2), nn.Parameter(torch.zeros(7))

    @staticmethod
    def hard_swish(x):
        return x * torch.clamp(x + 3, 0, 6) / 6

    def forward(self, x):
        x = self.hard_swish(self.norm(self.a(x)))
        x = self.hard_swish(self.b(x))
        s = F.adaptive_avg_pool2d(x, 1)
        s = torch.clamp(self.up(F.relu(self.down(s))) * 0.2 + 0.5, 0, 1)
        x = F.adaptive_avg_pool2d(x * s, 1)
        return x.reshape(x.shape[0], -1) @ self.w + self.bias


class OutOnly(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)["out"]


class Detections(nn.Module):
    """torchvision's detectors take a list of images and give a list of dictionaries."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        d = self.net([x[0]])[0]
        return d["boxes"], d["scores"], d["labels"]


def vision(name, **more):
    return lambda: torchvision.models.get_model(name, weights=None, **more)


def segmentation(name):
    return lambda: OutOnly(getattr(torchvision.models.segmentation, name)(
        weights=None, weights_backbone=None, aux_loss=False))


def detection(name):
    def build():
        net = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=5,
                                           detections_per_img=10)
        for m in net.head.classification_head.modules(): # scores so far apart that their order is one
            if isinstance(m, nn.Conv2d):
                m.weight.data *= 4
        return Detections(net)
    return build


# name: (kind, how to build it, the input's shape)
NETS = {n: ("cnn", vision(n), (1, 3, side, side)) for n, side in (
    ("alexnet", 224), ("vgg11", 224), ("vgg11_bn", 224), ("resnet18", 96), ("resnet50", 96),
    ("resnext50_32x4d", 96), ("wide_resnet50_2", 96), ("squeezenet1_1", 96), ("densenet121", 96),
    ("shufflenet_v2_x0_5", 96), ("shufflenet_v2_x1_0", 96), ("mobilenet_v2", 96),
    ("mobilenet_v3_small", 96), ("mobilenet_v3_large", 96), ("mnasnet0_5", 96),
    ("efficientnet_b0", 96), ("efficientnet_v2_s", 96), ("regnet_x_400mf", 96),
    ("regnet_y_400mf", 96), ("convnext_tiny", 96))}
NETS |= {n: ("cnn", vision(n, aux_logits=False, init_weights=False), (1, 3, side, side))
         for n, side in (("googlenet", 96), ("inception_v3", 128))}
NETS |= {n: ("transformer", vision(n), (1, 3, 224, 224))
         for n in ("vit_b_16", "swin_t", "maxvit_t")}
NETS |= {n: ("cnn", segmentation(n), (1, 3, 96, 96))
         for n in ("fcn_resnet50", "deeplabv3_mobilenet_v3_large", "deeplabv3_resnet50",
                   "lraspp_mobilenet_v3_large")}
NETS |= {n: ("cnn", vision(n), (1, 3, 8, 56, 56)) for n in ("r3d_18", "r2plus1d_18", "mc3_18")}
NETS["ssdlite320_mobilenet_v3_large"] = ("detector", detection("ssdlite320_mobilenet_v3_large"),
                                         (1, 3, 320, 320))
NETS |= {"unet": ("cnn", lambda: UNet(False), (1, 3, 64, 64)),
         "unet_bilinear": ("cnn", lambda: UNet(True), (1, 3, 64, 64)),
         "yolo": ("cnn", Yolo, (1, 3, 96, 96)), "ssd": ("detector", Ssd, (1, 3, 96, 96)),
         "channels_last": ("cnn", ChannelsLast, (1, 32, 32, 3)),
         "pieces": ("cnn", Pieces, (1, 3, 64, 64))}


def seed(net):
    """Statistics that are not 0 and 1, scales that are not tiny; values stay in range."""
    for m in net.modules():
        if isinstance(m, (nn.BatchNorm2d, nn.BatchNorm3d)):
            m.weight.data.uniform_(0.3, 0.8)
            m.bias.data.uniform_(-0.2, 0.2)
            m.running_mean.uniform_(-0.2, 0.2)
            m.running_var.uniform_(0.5, 1.5)
    for name, p in net.named_parameters():
        if name.endswith("layer_scale"):
            p.data.uniform_(0.5, 1)


def calibrate(net, x):
    """Running statistics of what flows, so that deep networks neither vanish nor overflow; channels
    that are all but constant are not blown up, and rounding with them."""
    norms = [m for m in net.modules() if isinstance(m, (nn.BatchNorm2d, nn.BatchNorm3d))]
    for m in norms:
        m.train()
        m.momentum = None
        m.reset_running_stats()
    if norms:
        net(torch.cat([x, torch.randn((3, *x.shape[1:]))]))
    for m in norms:
        m.running_var.clamp_(min=0.2 * m.running_var.mean().item())
    net.eval()


def main():
    if sys.argv[1:] == ["--list"]:
        for name, (kind, _, _) in NETS.items():
            print(name, kind)
        return
    name, opset, folder = sys.argv[1:]
    kind, build, shape = NETS[name]
    torch.manual_seed(0)
    torch.set_num_threads(1)
    net, x = build().eval(), torch.randn(shape)
    seed(net)
    with torch.no_grad():
        if isinstance(net, (Detections, OutOnly)):
            calibrate(net.net.backbone, x)
        elif kind != "detector":
            calibrate(net, x)
        np.save(os.path.join(folder, "x.npy"), x.numpy())
        for m in net.modules(): # the fused operator that evaluation takes cannot be exported
            if isinstance(m, nn.MultiheadAttention):
                m.train()
        mode = torch.onnx.TrainingMode
        torch.onnx.export(net, x, os.path.join(folder, "model.onnx"), opset_version=int(opset),
                          training=mode.PRESERVE if kind == "transformer" else mode.EVAL,
                          input_names=["input"])


main()
