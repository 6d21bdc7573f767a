/* SPDX-License-Identifier: MIT */
/* grid_layers.h - the layers of grid.h, as single operators whose first input is x. */
#ifndef NT_TESTS_UNIT_GRID_LAYERS_H
#define NT_TESTS_UNIT_GRID_LAYERS_H

#include "op_harness.h"

/* A shift that keeps what a normalisation gives off zero, fit to divide by. */
static const float grid_shift[] = {3, 3.25F, 3.5F, 3.75F, 4, 4.5F};
#define SHIFT(c)                                                                               \
    {                                                                                          \
        .kind = OC_CONST, .dtype = NT_F32, .rank = 1, .dims = {c}, .floats = grid_shift        \
    }

static const op_case grid_layers[] = {
    /* convolutions */
    {.op = "Conv", .in = {IN(2, 6, 9), CONST(5, 6, 3), CONST(5)}},
    {.op = "Conv", .in = {IN(2, 6, 9), CONST(5, 6, 3)}},
    {.op = "Conv",
     .in = {IN(2, 6, 5, 4), CONST(5, 6, 3, 3), CONST(5)},
     .attr = {INTS("pads", 1, 1, 1, 1)}},
    {.op = "Conv",
     .in = {IN(2, 6, 5, 4), CONST(5, 6, 3, 3)},
     .attr = {INTS("pads", 1, 1, 1, 1)}},
    {.op = "Conv",
     .in = {IN(2, 3, 5, 4), CONST(8, 3, 3, 3), CONST(8)},
     .attr = {INTS("strides", 2, 2), INTS("pads", 1, 1, 1, 1)}},
    {.op = "Conv",
     .in = {IN(1, 16, 8, 8), CONST(32, 16, 3, 3), CONST(32)},
     .attr = {INTS("pads", 1, 1, 1, 1)}},
    {.op = "Conv", .in = {IN(2, 16, 4, 3), CONST(20, 16, 1, 1), CONST(20)}},
    {.op = "Conv",
     .in = {IN(2, 6, 5, 4), CONST(1, 6, 3, 3), CONST(1)},
     .attr = {INTS("pads", 1, 1, 1, 1)}},
    {.op = "Conv", .in = {IN(2, 6, 5, 4), CONST(1, 6, 1, 1)}},
    {.op = "Conv",
     .in = {IN(2, 6, 5, 4), CONST(4, 3, 3, 3), CONST(4)},
     .attr = {INT("group", 2)}},
    {.op = "Conv", .in = {IN(2, 32, 5, 4), CONST(32, 16, 3, 3)}, .attr = {INT("group", 2)}},
    {.op = "Conv",
     .in = {IN(2, 6, 5, 4), CONST(6, 1, 3, 3), CONST(6)},
     .attr = {INT("group", 6), INTS("pads", 1, 1, 1, 1)}},
    {.op = "Conv", .in = {IN(2, 6, 5, 4), CONST(6, 1, 3, 3)}, .attr = {INT("group", 6)}},
    {.op = "Conv", .in = {IN(1, 3, 4, 4, 3), CONST(4, 3, 2, 2, 2), CONST(4)}},
    {.op = "Conv", .in = {IN(1, 3, 4, 4, 3), CONST(1, 3, 2, 2, 2)}},
    /* transposed */
    {.op = "ConvTranspose",
     .in = {IN(1, 6, 7), CONST(6, 8, 2), CONST(8)},
     .attr = {INTS("strides", 2)}},
    {.op = "ConvTranspose", .in = {IN(1, 6, 7), CONST(6, 1, 2)}, .attr = {INTS("strides", 2)}},
    {.op = "ConvTranspose",
     .in = {IN(1, 6, 8, 8), CONST(6, 8, 2, 2), CONST(8)},
     .attr = {INTS("strides", 2, 2)}},
    {.op = "ConvTranspose",
     .in = {IN(1, 6, 8, 8), CONST(6, 8, 2, 2)},
     .attr = {INTS("strides", 2, 2)}},
    {.op = "ConvTranspose",
     .in = {IN(2, 6, 4, 4), CONST(6, 24, 3, 3)},
     .attr = {INTS("strides", 2, 2), INTS("pads", 1, 1, 1, 1)}},
    {.op = "ConvTranspose",
     .in = {IN(1, 6, 8, 8), CONST(6, 1, 2, 2), CONST(1)},
     .attr = {INTS("strides", 2, 2)}},
    {.op = "ConvTranspose",
     .in = {IN(1, 6, 8, 8), CONST(6, 1, 2, 2)},
     .attr = {INTS("strides", 2, 2)}},
    {.op = "ConvTranspose",
     .in = {IN(2, 6, 5, 4), CONST(6, 3, 2, 2), CONST(6)},
     .attr = {INTS("strides", 2, 2), INT("group", 2)}},
    {.op = "ConvTranspose",
     .in = {IN(2, 6, 5, 4), CONST(6, 3, 2, 2)},
     .attr = {INTS("strides", 2, 2), INT("group", 2)}},
    {.op = "ConvTranspose",
     .in = {IN(1, 6, 8, 8), CONST(6, 1, 2, 2), CONST(6)},
     .attr = {INTS("strides", 2, 2), INT("group", 6)}},
    {.op = "ConvTranspose",
     .in = {IN(1, 6, 8, 8), CONST(6, 1, 2, 2)},
     .attr = {INTS("strides", 2, 2), INT("group", 6)}},
    {.op = "ConvTranspose",
     .in = {IN(1, 3, 3, 3, 3), CONST(3, 4, 2, 2, 2)},
     .attr = {INTS("strides", 2, 2, 2)}},
    /* products */
    {.op = "Gemm", .in = {IN(3, 7), CONST(5, 7), CONST(5)}, .attr = {INT("transB", 1)}},
    {.op = "Gemm", .in = {IN(3, 7), CONST(7, 5)}},
    {.op = "Gemm",
     .in = {IN(3, 7), CONST(7, 5), CONST(3, 1)},
     .attr = {FLOAT("alpha", 0.5F), FLOAT("beta", 2)}},
    {.op = "Gemm", .in = {IN(3, 7), CONST(7, 5), CONST(1)}},
    {.op = "Gemm", .in = {IN(7, 3), CONST(7, 1)}, .attr = {INT("transA", 1)}},
    {.op = "MatMul", .in = {IN(3, 7), CONST(7, 5)}},
    {.op = "MatMul", .in = {IN(2, 3, 7), CONST(7, 5)}},
    {.op = "MatMul", .in = {IN(2, 3, 7), CONST(7, 1)}},
    {.op = "MatMul", .in = {IN(2, 2, 3, 7), CONST(2, 2, 7, 5)}},
    /* what has no weights, or one for each channel */
    {.op = "BatchNormalization",
     .in = {IN(2, 6, 5, 4), CONST(6), SHIFT(6), CONST(6), POSITIVE_CONST(6)}},
    {.op = "BatchNormalization",
     .in = {IN(4, 6), CONST(6), SHIFT(6), CONST(6), POSITIVE_CONST(6)}},
    {.op = "BatchNormalization",
     .in = {IN(2, 1, 9), CONST(1), SHIFT(1), CONST(1), POSITIVE_CONST(1)}},
    {.op = "MaxPool",
     .in = {IN(2, 6, 5, 4)},
     .attr = {INTS("kernel_shape", 2, 2), INTS("strides", 2, 2)}},
    {.op = "MaxPool",
     .in = {IN(2, 16, 6, 6)},
     .attr = {INTS("kernel_shape", 3, 3), INTS("pads", 1, 1, 1, 1)}},
    {.op = "AveragePool",
     .in = {IN(2, 6, 5, 4)},
     .attr = {INTS("kernel_shape", 3, 3), INTS("pads", 1, 1, 1, 1)}},
    {.op = "AveragePool", .in = {IN(2, 6, 9)}, .attr = {INTS("kernel_shape", 2)}},
    {.op = "GlobalAveragePool", .in = {IN(2, 6, 5, 4)}},
    {.op = "GlobalAveragePool", .in = {IN(2, 16, 5, 4)}},
};
enum { GRID_LAYERS = sizeof grid_layers / sizeof grid_layers[0], GRID_OPS = 4 };

#endif
