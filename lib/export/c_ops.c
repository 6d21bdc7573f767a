/* SPDX-License-Identifier: MIT */
/* The operators that have a form in C. */
#include "export/c_conv.h"
#include "export/c_deconv.h"
#include "export/c_dense.h"
#include "export/c_eltwise.h"
#include "export/c_move.h"
#include "export/c_norm.h"
#include "export/c_pool.h"
#include "export/c_resize.h"

static const nt_c_op ops[] = {
    {"Abs", NT_C_INPLACE, nt_c_unary},
    {"Add", NT_C_INPLACE | NT_C_BOUNDS, nt_c_binary},
    {"AveragePool", 0, nt_c_average_pool},
    {"BatchNormalization", NT_C_INPLACE, nt_c_batchnorm},
    {"Ceil", NT_C_INPLACE, nt_c_unary},
    {"Celu", NT_C_INPLACE, nt_c_unary},
    {"Clip", NT_C_INPLACE, nt_c_clip},
    {"Concat", 0, nt_c_move},
    {"Conv", NT_C_BOUNDS, nt_c_conv},
    {"ConvTranspose", NT_C_BOUNDS, nt_c_deconv},
    {"Cos", NT_C_INPLACE, nt_c_unary},
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
    {"Gelu", NT_C_INPLACE, nt_c_unary},
    {"Gemm", NT_C_BOUNDS, nt_c_gemm},
    {"GlobalAveragePool", 0, nt_c_global_average},
    {"GlobalMaxPool", 0, nt_c_global_max},
    {"GroupNormalization", NT_C_INPLACE, nt_c_groupnorm},
    {"HardSigmoid", NT_C_INPLACE, nt_c_unary},
    {"HardSwish", NT_C_INPLACE, nt_c_unary},
    {"Identity", NT_C_VIEW, nt_c_view},
    {"InstanceNormalization", NT_C_INPLACE, nt_c_groupnorm},
    {"LayerNormalization", NT_C_INPLACE, nt_c_layernorm},
    {"LeakyRelu", NT_C_INPLACE, nt_c_unary},
    {"Log", NT_C_INPLACE, nt_c_unary},
    {"MatMul", 0, nt_c_matmul},
    {"Max", NT_C_INPLACE, nt_c_binary},
    {"MaxPool", 0, nt_c_max_pool},
    {"Min", NT_C_INPLACE, nt_c_binary},
    {"Mish", NT_C_INPLACE, nt_c_unary},
    {"Mul", NT_C_INPLACE | NT_C_BOUNDS, nt_c_binary},
    {"Neg", NT_C_INPLACE, nt_c_unary},
    {"PRelu", NT_C_INPLACE, nt_c_binary},
    {"Pad", 0, nt_c_move},
    {"Pow", NT_C_INPLACE, nt_c_binary},
    {"Reciprocal", NT_C_INPLACE, nt_c_unary},
    {"ReduceMean", 0, nt_c_reduce_mean},
    {"Relu", NT_C_INPLACE, nt_c_unary},
    {"Reshape", NT_C_VIEW, nt_c_view},
    {"Resize", 0, nt_c_resize},
    {"Round", NT_C_INPLACE, nt_c_unary},
    {"Selu", NT_C_INPLACE, nt_c_unary},
    {"Shrink", NT_C_INPLACE, nt_c_unary},
    {"Sigmoid", NT_C_INPLACE, nt_c_unary},
    {"Sign", NT_C_INPLACE, nt_c_unary},
    {"Sin", NT_C_INPLACE, nt_c_unary},
    {"Slice", 0, nt_c_move},
    {"Softmax", NT_C_INPLACE, nt_c_softmax},
    {"Softplus", NT_C_INPLACE, nt_c_unary},
    {"Softsign", NT_C_INPLACE, nt_c_unary},
    {"SpaceToDepth", 0, nt_c_move},
    {"Split", NT_C_MANY, nt_c_move},
    {"Sqrt", NT_C_INPLACE, nt_c_unary},
    {"Squeeze", NT_C_VIEW, nt_c_view},
    {"Sub", NT_C_INPLACE | NT_C_BOUNDS, nt_c_binary},
    {"Swish", NT_C_INPLACE, nt_c_unary},
    {"Tanh", NT_C_INPLACE, nt_c_unary},
    {"ThresholdedRelu", NT_C_INPLACE, nt_c_unary},
    {"Tile", 0, nt_c_move},
    {"Transpose", 0, nt_c_move},
    {"Unsqueeze", NT_C_VIEW, nt_c_view},
    {"Upsample", 0, nt_c_resize},
};

const nt_c_op *nt_c_find(const nt_node *n)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (nt_node_is(n, ops[i].op_type))
            return &ops[i];
    }
    return NULL;
}
