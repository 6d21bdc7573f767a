/* SPDX-License-Identifier: MIT */
/* The operators that have a form in C. */
#include "export/c_conv.h"
#include "export/c_dense.h"
#include "export/c_eltwise.h"
#include "export/c_move.h"
#include "export/c_pool.h"

#include <string.h>

static nt_status resize(nt_c *c, const nt_node *n, nt_err *e)
{
    const char *mode = nt_node_str(n, "mode", "nearest");

    if (strcmp(mode, "nearest") != 0)
        return nt_fail(e, NT_EUNSUPPORTED, "mode '%s' has no form in C", mode);
    return nt_c_move(c, n, e);
}

static const nt_c_op ops[] = {
    {"Abs", NT_C_INPLACE, nt_c_unary},
    {"Add", NT_C_INPLACE | NT_C_BOUNDS, nt_c_binary},
    {"AveragePool", 0, nt_c_average_pool},
    {"BatchNormalization", NT_C_INPLACE, nt_c_batchnorm},
    {"Ceil", NT_C_INPLACE, nt_c_unary},
    {"Clip", NT_C_INPLACE, nt_c_clip},
    {"Concat", 0, nt_c_move},
    {"Conv", NT_C_BOUNDS, nt_c_conv},
    {"DepthToSpace", 0, nt_c_move},
    {"Div", NT_C_INPLACE | NT_C_BOUNDS, nt_c_binary},
    {"Dropout", NT_C_VIEW, nt_c_view},
    {"Elu", NT_C_INPLACE, nt_c_unary},
    {"Erf", NT_C_INPLACE, nt_c_unary},
    {"Exp", NT_C_INPLACE, nt_c_unary},
    {"Expand", 0, nt_c_move},
    {"Flatten", NT_C_VIEW, nt_c_view},
    {"Floor", NT_C_INPLACE, nt_c_unary},
    {"Gather", 0, nt_c_move},
    {"Gemm", NT_C_BOUNDS, nt_c_gemm},
    {"GlobalAveragePool", 0, nt_c_global_average},
    {"GlobalMaxPool", 0, nt_c_global_max},
    {"HardSigmoid", NT_C_INPLACE, nt_c_unary},
    {"HardSwish", NT_C_INPLACE, nt_c_unary},
    {"Identity", NT_C_VIEW, nt_c_view},
    {"LeakyRelu", NT_C_INPLACE, nt_c_unary},
    {"Log", NT_C_INPLACE, nt_c_unary},
    {"MatMul", 0, nt_c_matmul},
    {"MaxPool", 0, nt_c_max_pool},
    {"Mul", NT_C_INPLACE | NT_C_BOUNDS, nt_c_binary},
    {"Neg", NT_C_INPLACE, nt_c_unary},
    {"Pad", 0, nt_c_move},
    {"Reciprocal", NT_C_INPLACE, nt_c_unary},
    {"ReduceMean", 0, nt_c_reduce_mean},
    {"Relu", NT_C_INPLACE, nt_c_unary},
    {"Reshape", NT_C_VIEW, nt_c_view},
    {"Resize", 0, resize},
    {"Sigmoid", NT_C_INPLACE, nt_c_unary},
    {"Slice", 0, nt_c_move},
    {"Softmax", NT_C_INPLACE, nt_c_softmax},
    {"SpaceToDepth", 0, nt_c_move},
    {"Split", NT_C_MANY, nt_c_move},
    {"Sqrt", NT_C_INPLACE, nt_c_unary},
    {"Squeeze", NT_C_VIEW, nt_c_view},
    {"Sub", NT_C_INPLACE | NT_C_BOUNDS, nt_c_binary},
    {"Tanh", NT_C_INPLACE, nt_c_unary},
    {"Tile", 0, nt_c_move},
    {"Transpose", 0, nt_c_move},
    {"Unsqueeze", NT_C_VIEW, nt_c_view},
    {"Upsample", 0, resize},
};

const nt_c_op *nt_c_find(const nt_node *n)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (nt_node_is(n, ops[i].op_type))
            return &ops[i];
    }
    return NULL;
}
