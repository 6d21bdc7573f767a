/* SPDX-License-Identifier: MIT */
/*
 * zoo.h - architectures from descriptions: share/zoo/NAME.json, or a user's own file.
 *
 * {"name": "lenet5", "about": "...", "input": [1, 28, 28], "classes": 10, "layers": [...]}
 *
 * A layer is a word ("relu", "relu6", "tanh", "sigmoid", "global_average_pool", "flatten") or
 * an object with one of the keys conv:     the layer's name; out, kernel (3), stride (1), pad
 * (0), groups (1; "in" for depthwise), bias (false) bn:       the layer's name linear:   the
 * layer's name; out (a number or "classes") max_pool, average_pool: the kernel; stride (the
 * kernel), pad (0) dropout:  the ratio residual: layers whose result is added to their input;
 * "shortcut": layers for the other way repeat:   how often; "from": first number (0); "layers",
 * where '#' in a name is the number Parameters are named as PyTorch names them: NAME.weight,
 * NAME.bias, NAME.running_mean ... Convolutions start with He's normal initialisation over
 * fan-out (He et al. 2015, arXiv:1502.01852), dense layers over fan-in, the last one with unit
 * gain.
 */
#ifndef NT_GRAPH_ZOO_H
#define NT_GRAPH_ZOO_H

#include "base/json.h"
#include "graph/graph.h"

typedef struct nt_zoo_opts {
    int64_t classes;  /* 0: the description's */
    int64_t input[3]; /* c, h, w; 0: the description's */
    uint64_t seed;
} nt_zoo_opts;

/* A description of ours by its name, or a file of the user's (a name with '/' or ".json").
 * NT_EINVAL where the zoo has no such name. nt_json_free it. */
nt_status nt_zoo_load(cJSON **out, const char *name, nt_err *e) NT_MUST_CHECK;
/* The graph is neither bound nor inferred. The input is "input" [N,c,h,w], the output "output"
 * [N,classes]. */
nt_status nt_zoo_build(nt_graph **out, const cJSON *description, const nt_zoo_opts *o,
                       nt_err *e) NT_MUST_CHECK;

#endif
