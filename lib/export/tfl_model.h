/* SPDX-License-Identifier: MIT */
/*
 * tfl_model.h - what a .tflite file holds: tensors and operators in order, one subgraph
 * (TFLite's schema, version 3). Made by tfl_*.c, written by nt_tfl_write.
 */
#ifndef NT_EXPORT_TFL_MODEL_H
#define NT_EXPORT_TFL_MODEL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbered as the schema's TensorType. */
typedef enum nt_tfl_type {
    NT_TFL_F32 = 0,
    NT_TFL_F16 = 1,
    NT_TFL_I32 = 2,
    NT_TFL_I8 = 9
} nt_tfl_type;

/* Numbered as the schema's BuiltinOperator. */
typedef enum nt_tfl_code {
    NT_TFL_ADD = 0,
    NT_TFL_AVERAGE_POOL_2D = 1,
    NT_TFL_CONCATENATION = 2,
    NT_TFL_CONV_2D = 3,
    NT_TFL_DEPTHWISE_CONV_2D = 4,
    NT_TFL_DEPTH_TO_SPACE = 5,
    NT_TFL_DEQUANTIZE = 6,
    NT_TFL_FLOOR = 8,
    NT_TFL_FULLY_CONNECTED = 9,
    NT_TFL_LOGISTIC = 14,
    NT_TFL_MAX_POOL_2D = 17,
    NT_TFL_MUL = 18,
    NT_TFL_RELU = 19,
    NT_TFL_RELU_N1_TO_1 = 20,
    NT_TFL_RELU6 = 21,
    NT_TFL_RESHAPE = 22,
    NT_TFL_RESIZE_BILINEAR = 23,
    NT_TFL_SOFTMAX = 25,
    NT_TFL_SPACE_TO_DEPTH = 26,
    NT_TFL_TANH = 28,
    NT_TFL_PAD = 34,
    NT_TFL_GATHER = 36,
    NT_TFL_TRANSPOSE = 39,
    NT_TFL_MEAN = 40,
    NT_TFL_SUB = 41,
    NT_TFL_DIV = 42,
    NT_TFL_STRIDED_SLICE = 45,
    NT_TFL_EXP = 47,
    NT_TFL_LOG_SOFTMAX = 50,
    NT_TFL_PRELU = 54,
    NT_TFL_MAXIMUM = 55,
    NT_TFL_MINIMUM = 57,
    NT_TFL_NEG = 59,
    NT_TFL_PADV2 = 60,
    NT_TFL_SLICE = 65,
    NT_TFL_TRANSPOSE_CONV = 67,
    NT_TFL_LOG = 73,
    NT_TFL_SUM = 74,
    NT_TFL_SQRT = 75,
    NT_TFL_POW = 78,
    NT_TFL_REDUCE_MAX = 82,
    NT_TFL_REDUCE_MIN = 89,
    NT_TFL_RESIZE_NEAREST_NEIGHBOR = 97,
    NT_TFL_LEAKY_RELU = 98,
    NT_TFL_MIRROR_PAD = 100,
    NT_TFL_ABS = 101,
    NT_TFL_SPLIT_V = 102,
    NT_TFL_CEIL = 104,
    NT_TFL_ELU = 111,
    NT_TFL_QUANTIZE = 114,
    NT_TFL_HARD_SWISH = 117,
    NT_TFL_BATCH_MATMUL = 126,
    NT_TFL_GELU = 150
} nt_tfl_code;

/* Numbered as the schema's Padding and ActivationFunctionType. */
typedef enum nt_tfl_padding { NT_TFL_SAME, NT_TFL_VALID } nt_tfl_padding;
typedef enum nt_tfl_act {
    NT_TFL_NO_ACT,
    NT_TFL_ACT_RELU,
    NT_TFL_ACT_N1_TO_1,
    NT_TFL_ACT_RELU6
} nt_tfl_act;

/* code = scale * (q - zero), one pair for the tensor or for each index of an axis. */
typedef struct nt_tfl_quant {
    int n; /* 0: none */
    const float *scale;
    const int64_t *zero;
    int axis;
} nt_tfl_quant;

typedef struct nt_tfl_tensor {
    const char *name;
    nt_tfl_type type;
    int rank;
    int64_t dims[NT_MAX_RANK];
    const void *data; /* of a constant, as the machine has it; NULL: computed */
    size_t bytes;
    nt_tfl_quant quant;
} nt_tfl_tensor;

/* A field of an operator's options: its number in the schema, and what it holds. */
typedef enum nt_tfl_kind { NT_TFL_INT8, NT_TFL_INT32, NT_TFL_FLOAT } nt_tfl_kind;
typedef struct nt_tfl_field {
    int field;
    nt_tfl_kind kind;
    int64_t i, dflt;
    float f;
} nt_tfl_field;

#define NT_TFL_FIELDS 8

typedef struct nt_tfl_op {
    nt_tfl_code code;
    int version;
    int n_fields;
    nt_tfl_field fields[NT_TFL_FIELDS];
    int *in, n_in; /* tensors */
    int *out, n_out;
} nt_tfl_op;

/* All is of one arena; start from {.arena = ...}. */
typedef struct nt_tfl_model {
    nt_arena *arena;
    nt_tfl_tensor *tensors;
    int n_tensors, cap_tensors;
    nt_tfl_op *ops;
    int n_ops, cap_ops;
    int *in, n_in; /* of the network */
    int *out, n_out;
    const char *const *in_names, *const *out_names; /* what the model calls them */
} nt_tfl_model;

/* A tensor as t says, its name copied and its data borrowed, and which number it has. */
nt_status nt_tfl_add_tensor(int *out, nt_tfl_model *m, const nt_tfl_tensor *t,
                            nt_err *e) NT_MUST_CHECK;

/* An operator of version 1 without options, to be filled in before the next one is added. Its
 * inputs and outputs are copied. */
nt_status nt_tfl_add_op(nt_tfl_op **out, nt_tfl_model *m, const nt_tfl_op *o,
                        nt_err *e) NT_MUST_CHECK;
void nt_tfl_set_int8(nt_tfl_op *o, int field, int v);
void nt_tfl_set_int32(nt_tfl_op *o, int field, int64_t v, int64_t dflt);
void nt_tfl_set_float(nt_tfl_op *o, int field, float v);

/* The file's bytes, nt_free. NT_EUNSUPPORTED past 2 GiB. */
nt_status nt_tfl_write(uint8_t **out, size_t *n, const nt_tfl_model *m,
                       nt_err *e) NT_MUST_CHECK;

#endif
