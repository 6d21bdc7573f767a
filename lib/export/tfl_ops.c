/* SPDX-License-Identifier: MIT */
/* The operators that have a form in TFLite. */
#include "export/tfl_writers.h"

static const nt_tfl_writer writers[] = {
    {"Abs", nt_tfl_unary},
    {"Add", nt_tfl_binary},
    {"AveragePool", nt_tfl_average_pool},
    {"BatchNormalization", nt_tfl_batchnorm},
    {"Ceil", nt_tfl_unary},
    {"Clip", nt_tfl_clip},
    {"Concat", nt_tfl_concat},
    {"Conv", nt_tfl_conv},
    {"ConvTranspose", nt_tfl_deconv},
    {"DepthToSpace", nt_tfl_depth},
    {"DequantizeLinear", nt_tfl_dequantize},
    {"Div", nt_tfl_binary},
    {"Dropout", nt_tfl_identity},
    {"Elu", nt_tfl_unary},
    {"Exp", nt_tfl_unary},
    {"Flatten", nt_tfl_view},
    {"Floor", nt_tfl_unary},
    {"Gather", nt_tfl_gather},
    {"Gelu", nt_tfl_unary},
    {"Gemm", nt_tfl_gemm},
    {"GlobalAveragePool", nt_tfl_global_pool},
    {"GlobalMaxPool", nt_tfl_global_pool},
    {"HardSigmoid", nt_tfl_hard_sigmoid},
    {"HardSwish", nt_tfl_unary},
    {"Identity", nt_tfl_identity},
    {"LeakyRelu", nt_tfl_unary},
    {"Log", nt_tfl_unary},
    {"LogSoftmax", nt_tfl_softmax},
    {"MatMul", nt_tfl_matmul},
    {"Max", nt_tfl_binary},
    {"MaxPool", nt_tfl_max_pool},
    {"Min", nt_tfl_binary},
    {"Mul", nt_tfl_binary},
    {"Neg", nt_tfl_unary},
    {"PRelu", nt_tfl_prelu},
    {"Pad", nt_tfl_pad},
    {"Pow", nt_tfl_binary},
    {"QuantizeLinear", nt_tfl_quantize},
    {"ReduceMax", nt_tfl_reduce},
    {"ReduceMean", nt_tfl_reduce},
    {"ReduceMin", nt_tfl_reduce},
    {"ReduceSum", nt_tfl_reduce},
    {"Relu", nt_tfl_unary},
    {"Reshape", nt_tfl_view},
    {"Resize", nt_tfl_resize},
    {"Sigmoid", nt_tfl_unary},
    {"Slice", nt_tfl_slice},
    {"Softmax", nt_tfl_softmax},
    {"SpaceToDepth", nt_tfl_depth},
    {"Split", nt_tfl_split},
    {"Sqrt", nt_tfl_unary},
    {"Squeeze", nt_tfl_view},
    {"Sub", nt_tfl_binary},
    {"Sum", nt_tfl_binary},
    {"Tanh", nt_tfl_unary},
    {"Transpose", nt_tfl_turn},
    {"Unsqueeze", nt_tfl_view},
    {"Upsample", nt_tfl_resize},
};

const nt_tfl_writer *nt_tfl_find(const nt_node *n)
{
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
        if (nt_node_is(n, writers[i].op_type))
            return &writers[i];
    }
    return NULL;
}
