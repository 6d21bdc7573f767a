/* SPDX-License-Identifier: MIT */
/*
 * qspec.h - which layers are quantized, and how finely.
 *
 * A layer is one with a constant weight (Conv, ConvTranspose, Gemm, MatMul), numbered and named
 * as everywhere; a config_list may also name other nodes (ReLU6) for their outputs. What it
 * gets comes from --bits W/A, from NNI's config_list (quant_types, quant_bits, quant_dtype,
 * quant_scheme), from Neutrino's custom_compression, or from a plan file
 * ("bits": {"weight": 4, "input": 8, "output": 8}).
 */
#ifndef NT_QUANT_QSPEC_H
#define NT_QUANT_QSPEC_H

#include "base/json.h"
#include "graph/graph.h"

/* One tensor of a layer: its weight, its input or its output. */
typedef struct nt_qtarget {
    int bits;         /* 1 to 16; 0: stays floating point */
    bool symmetric;   /* else affine */
    bool is_unsigned; /* codes from 0 on; only where not symmetric around 0 */
    bool per_channel; /* weights: along the output channels */
    bool odd;         /* weights: the odd codes of train/dorefa.c */
    bool learned;     /* activations: training changes the scale */
    float lo, hi;     /* activations: the range, where it is given; 0, 0: found from data */
} nt_qtarget;

typedef struct nt_qlayer {
    nt_node *node;
    char *name;
    int index; /* among the layers with weights; -1: has none, and so no weight to quantize */
    nt_qtarget weight, input, output;
    int64_t start_step; /* of quantization-aware training */
    char why[96];       /* for the plan; "": nothing to say */
} nt_qlayer;

typedef struct nt_qspec {
    nt_qlayer *layers;
    int n, n_weighted;
    int other_bits; /* inputs of additions, concatenations, poolings and the like; 0: float */
} nt_qspec;

/* All nodes of g, nothing quantized yet. */
nt_status nt_qspec_new(nt_qspec **out, const nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* q for a copy of its graph, whose nodes are in the same order. */
nt_status nt_qspec_dup(nt_qspec **out, const nt_qspec *q, const nt_graph *copy,
                       nt_err *e) NT_MUST_CHECK;
void nt_qspec_free(nt_qspec *q);

/* "8", "4/8": bits of weights and of inputs; "w/32" leaves inputs in floating point. Weights of
 * 8 bits for the first and the last layer when the weights have less than 8 and `ends`. */
nt_status nt_qspec_bits(nt_qspec *q, const char *text, bool ends, nt_err *e) NT_MUST_CHECK;
/* One of them, "8" or "4/8", at *at, which moves behind it; 32 gives 0. false: it is none. */
bool nt_qspec_read_width(int *weight, int *input, const char **at);
/* NT_EINVAL with the path of the key that is wrong, or the name that is no layer. */
nt_status nt_qspec_config_list(nt_qspec *q, const cJSON *list, nt_err *e) NT_MUST_CHECK;
/* Neutrino's rules quantize convolutions to 2 bits; layers that are not named stay. */
nt_status nt_qspec_custom(nt_qspec *q, const cJSON *custom, nt_err *e) NT_MUST_CHECK;
/* Besides the bits an entry may have quant_dtype, quant_scheme and quant_start_step, as a
 * config_list, and the range of activations: "range": {"input": [-1, 6]}. */
nt_status nt_qspec_plan(nt_qspec *q, const cJSON *plan, nt_err *e) NT_MUST_CHECK;
/* What was decided, as a plan that gives all of it back; NULL when memory ran out. */
cJSON *nt_qspec_to_plan(const nt_qspec *q);

/* The usual target of a weight (symmetric, by channel), of an activation (affine, unsigned). */
nt_qtarget nt_qtarget_weight(int bits);
nt_qtarget nt_qtarget_input(int bits);
/* What the inputs of a layer are quantized to: for one without a weight other_bits counts, too.
 */
nt_qtarget nt_qspec_input(const nt_qspec *q, const nt_qlayer *l);

#endif
