#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pictures.py SPEC DIR: the split test of folder:PATH,mean=M:M:M,std=S:S:S, decoded by Pillow.

DIR gets 000.npy, 001.npy and so on, 500 pictures each, float32 [n][c][h][w], scaled to 0..1 and
normalised, and labels.npy, float32 too: the number of each one's class in alphabetical order.
PATH has test/CLASS/* or test.tar.gz with CLASS/* in it.
"""
import os
import sys
import tarfile

import numpy as np
from PIL import Image

EACH = 500


def read_spec(spec):
    kind, rest = spec.split(":", 1)
    path, *settings = rest.split(",")
    values = dict(s.split("=", 1) for s in settings)
    if kind != "folder" or set(values) - {"mean", "std"}:
        sys.exit(f"pictures.py: '{spec}' is not folder:PATH[,mean=...][,std=...]")
    mean, std = (np.array([float(v) for v in values.get(k, d).split(":")], np.float32)
                 for k, d in (("mean", "0"), ("std", "1")))
    return path, mean, std


def files(path):
    """(class, picture) of the split, in the order of their names."""
    folder, tar = os.path.join(path, "test"), os.path.join(path, "test.tar.gz")
    if os.path.isdir(folder):
        for cls in sorted(os.listdir(folder)):
            for name in sorted(os.listdir(os.path.join(folder, cls))):
                yield cls, Image.open(os.path.join(folder, cls, name))
        return
    with tarfile.open(tar) as t:
        members = sorted((m for m in t if m.isfile()), key=lambda m: m.name)
        for m in members:
            yield m.name.split("/")[-2], Image.open(t.extractfile(m))


def main():
    spec, out = sys.argv[1:]
    path, mean, std = read_spec(spec)
    os.makedirs(out, exist_ok=True)
    classes, labels, part = [], [], []

    def write():
        np.save(os.path.join(out, f"{(len(labels) - 1) // EACH:03d}.npy"), np.stack(part))
        part.clear()

    for cls, picture in files(path):
        if cls not in classes:
            classes.append(cls)
        labels.append(classes.index(cls))
        x = np.asarray(picture, np.float32) / 255
        part.append(((x - mean) / std).transpose(2, 0, 1))
        if len(part) == EACH:
            write()
    if part:
        write()
    np.save(os.path.join(out, "labels.npy"), np.array(labels, np.float32))


main()
