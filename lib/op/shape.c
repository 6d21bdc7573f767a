/* SPDX-License-Identifier: MIT */
/* shape.c - Shape (with start and end since opset 15) and Size. Neither looks at the data. */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"

static void range(const nt_node *n, int rank, int64_t *start, int64_t *end)
{
    *start = nt_node_int(n, "start", 0);
    *end = nt_node_int(n, "end", rank);
    *start += *start < 0 ? rank : 0;
    *end += *end < 0 ? rank : 0;
    *start = *start < 0 ? 0 : *start > rank ? rank : *start;
    *end = *end < *start ? *start : *end > rank ? rank : *end;
}

static nt_status shape_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dim dim = nt_dim_of(-1);
    int64_t start, end;

    (void)g;
    (void)e;
    if (n->in[0]->rank >= 0) {
        range(n, n->in[0]->rank, &start, &end);
        dim = nt_dim_of(end - start);
    }
    nt_infer_set(n->out[0], NT_I64, 1, &dim);
    return NT_OK;
}

static nt_status shape_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                            nt_err *e)
{
    int64_t start, end;

    (void)e;
    range(n, in[0]->rank, &start, &end);
    for (int64_t i = start; i < end; i++)
        nt_tensor_set_i64(out[0], i - start, in[0]->dims[i]);
    return NT_OK;
}

static nt_status size_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    (void)e;
    nt_infer_set(n->out[0], NT_I64, 0, NULL);
    return NT_OK;
}

static nt_status size_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                           nt_err *e)
{
    (void)n;
    (void)e;
    nt_tensor_set_i64(out[0], 0, nt_tensor_count(in[0]));
    return NT_OK;
}

static const nt_attr_spec attrs_15[] = {
    {"start", NT_ATTR_INT, false}, {"end", NT_ATTR_INT, false}, {0}};

const nt_op nt_op_shape[] = {
    {.name = "Shape",
     .domain = "",
     .since = 1,
     .until = 14,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .infer = shape_infer,
     .eval = shape_eval,
     .couple = nt_couple_nothing},
    {.name = "Shape",
     .domain = "",
     .since = 15,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs_15,
     .infer = shape_infer,
     .eval = shape_eval,
     .couple = nt_couple_nothing},
    {.name = "Size",
     .domain = "",
     .since = 1,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .infer = size_infer,
     .eval = size_eval,
     .couple = nt_couple_nothing},
    {0},
};
