/* SPDX-License-Identifier: MIT */
/* compare.c - comparisons, logic and predicates: what comes out is bool, and no gradient flows.
 */
#include "couple/couple.h"
#include "facet/infer.h"
#include "op/binary.h"

#include <math.h>

NT_BINARY_FN(equal, a == b, a == b)
NT_BINARY_FN(less, a < b, a < b)
NT_BINARY_FN(greater, a > b, a > b)
NT_BINARY_FN(at_most, a <= b, a <= b)
NT_BINARY_FN(at_least, a >= b, a >= b)
NT_BINARY_FN(both, a != 0 && b != 0, a &&b)
NT_BINARY_FN(either, a != 0 || b != 0, a || b)
NT_BINARY_FN(one_of, (a != 0) != (b != 0), !a != !b)

static nt_status predicate_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = nt_wants_numbers(n->in[0], e);

    (void)g;
    nt_infer_like(n->out[0], n->in[0]);
    nt_infer_type(n->out[0], NT_BOOL);
    return s;
}

static nt_status not_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    (void)n;
    (void)e;
    for (int64_t i = 0; i < nt_tensor_count(in[0]); i++)
        nt_tensor_set_i64(out[0], i, !nt_tensor_get_i64(in[0], i));
    return NT_OK;
}

static nt_status isnan_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                            nt_err *e)
{
    (void)n;
    (void)e;
    for (int64_t i = 0; i < nt_tensor_count(in[0]); i++)
        nt_tensor_set_i64(out[0], i, isnan(nt_tensor_get(in[0], i)));
    return NT_OK;
}

static nt_status isinf_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                            nt_err *e)
{
    bool minus = nt_node_int(n, "detect_negative", 1),
         plus = nt_node_int(n, "detect_positive", 1);

    (void)e;
    for (int64_t i = 0; i < nt_tensor_count(in[0]); i++) {
        double x = nt_tensor_get(in[0], i);

        nt_tensor_set_i64(out[0], i, (plus && x == INFINITY) || (minus && x == -INFINITY));
    }
    return NT_OK;
}

static const nt_attr_spec isinf_attrs[] = {
    {"detect_negative", NT_ATTR_INT, false}, {"detect_positive", NT_ATTR_INT, false}, {0}};

#define COMPARE(onnx, version, fn)                                                             \
    {                                                                                          \
        .name = onnx, .domain = "", .since = version, .min_in = 2, .max_in = 2, .min_out = 1,  \
        .max_out = 1, .infer = nt_binary_infer_bool, .eval = nt_binary_op_eval,                \
        .couple = nt_couple_elementwise, .data = &fn                                           \
    }

#define PREDICATE(onnx, version, specs, fn)                                                    \
    {                                                                                          \
        .name = onnx, .domain = "", .since = version, .min_in = 1, .max_in = 1, .min_out = 1,  \
        .max_out = 1, .attrs = specs, .infer = predicate_infer, .eval = fn##_eval,             \
        .couple = nt_couple_unary                                                              \
    }

const nt_op nt_op_compare[] = {
    COMPARE("Equal", 7, equal),
    COMPARE("Less", 7, less),
    COMPARE("Greater", 7, greater),
    COMPARE("LessOrEqual", 12, at_most),
    COMPARE("GreaterOrEqual", 12, at_least),
    COMPARE("And", 7, both),
    COMPARE("Or", 7, either),
    COMPARE("Xor", 7, one_of),
    PREDICATE("Not", 1, NULL, not ),
    PREDICATE("IsNaN", 9, NULL, isnan),
    PREDICATE("IsInf", 10, isinf_attrs, isinf),
    {0},
};
