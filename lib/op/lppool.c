/* SPDX-License-Identifier: MIT */
/*
 * LpPool, GlobalLpPool: y = (sum over the window of |x|^p)^(1/p). What lies in the padding is
 * zero and adds nothing.
 */
#include "facet/op.h"
#include "facet/widen.h"
#include "lower/steps.h"
#include "op/pools.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const nt_attr_spec attrs[] = {
    {"auto_pad", NT_ATTR_STRING, false}, {"ceil_mode", NT_ATTR_INT, false},
    {"dilations", NT_ATTR_INTS, false},  {"kernel_shape", NT_ATTR_INTS, true},
    {"p", NT_ATTR_INT, false},           {"pads", NT_ATTR_INTS, false},
    {"strides", NT_ATTR_INTS, false},    {NULL, 0, false},
};

static const nt_attr_spec attrs_global[] = {{"p", NT_ATTR_INT, false}, {NULL, 0, false}};

static bool is_global(const nt_node *n)
{
    return n->op->data != NULL;
}

static nt_status check_p(const nt_graph *g, const nt_node *n, nt_err *e)
{
    int64_t p = nt_node_int(n, "p", 2);

    (void)g;
    return p >= 1 ? NT_OK : nt_fail(e, NT_EFORMAT, "p is %" PRId64 ", want at least 1", p);
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(check_p(g, n, e));
    NT_TRY(nt_pool_check(g, n, e));
done:
    return s;
}

static double norm(const nt_taps *t, const float *x, int64_t o, double p)
{
    double sum = 0;

    for (int64_t r = 0; r < t->n_ker; r++) {
        int64_t at = nt_taps_at(t, o, r);

        sum += at >= 0 ? pow(fabs((double)x[at]), p) : 0;
    }
    return pow(sum, 1 / p);
}

static nt_status eval_f32(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    double p = (double)nt_node_int(n, "p", 2);
    const float *x = in[0]->data;
    float *y = out[0]->data;
    nt_status s = NT_OK;
    nt_taps t;

    NT_TRY(nt_eval_wants_f32(in, n->n_in, e));
    NT_TRY(nt_pool_taps(&t, n, is_global(n), in[0], e));
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < in[0]->dims[0] * in[0]->dims[1] * t.n_out; i++)
        y[i] = (float)norm(&t, x + i / t.n_out * t.n_in, i % t.n_out, p);
done:
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    return nt_eval_in_f32(eval_f32, n, in, out, e);
}

/* dx = dy sign(x) (|x| / y)^(p - 1), 0 where the whole window is 0. */
static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    double p = (double)nt_node_int(n, "p", 2);
    const float *x = in[0]->data, *y = out[0]->data, *dy = dout[0]->data;
    float *dx = din[0]->data;
    nt_status s = NT_OK;
    nt_taps t;

    NT_TRY(nt_pool_taps(&t, n, is_global(n), in[0], e));
    memset(dx, 0, nt_tensor_bytes(din[0]));
    for (int64_t i = 0; i < in[0]->dims[0] * in[0]->dims[1] * t.n_out; i++)
        for (int64_t r = 0; y[i] > 0 && r < t.n_ker; r++) {
            int64_t tap = nt_taps_at(&t, i % t.n_out, r), at = i / t.n_out * t.n_in + tap;

            if (tap >= 0 && x[at] != 0)
                dx[at] +=
                    dy[i] * copysignf((float)pow(fabs((double)x[at]) / y[i], p - 1), x[at]);
        }
done:
    return s;
}

const nt_op nt_op_lppool[] = {
    {
        .name = "LpPool",
        .domain = "",
        .since = 2,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
        .attrs = attrs,
        .check = check,
        .infer = nt_pool_infer,
        .eval = eval,
        .grad = grad,
        .couple = nt_pool_couple,
    },
    {
        .name = "GlobalLpPool",
        .domain = "",
        .since = 2,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
        .attrs = attrs_global,
        .check = check_p,
        .infer = nt_pool_infer_global,
        .data = "global",
        .eval = eval,
        .grad = grad,
        .couple = nt_pool_couple,
    },
    {0},
};
