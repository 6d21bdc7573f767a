/* SPDX-License-Identifier: MIT */
#include "export/plain.h"

#include "export/onnx_export.h"
#include "facet/arg.h"
#include "graph/pass.h"
#include "graph/pass_fuse_bn.h"

#include <math.h>

nt_status nt_plain_graph(nt_graph **out, const nt_graph *g, int64_t h, int64_t w, nt_err *e)
{
    nt_onnx_export fixed = {.fixed = true, .h = h, .w = w};
    nt_status s = NT_OK;
    nt_graph *c = NULL;

    NT_TRY(nt_onnx_export_graph(&c, g, &fixed, e));
    NT_TRY(nt_pass_fuse_bn(c, NULL, NULL, e));
    NT_TRY(nt_pass_infer(c, e));
    NT_TRY(nt_pass_dead(c, NULL, e));
    *out = c;
    c = NULL;
done:
    nt_graph_free(c);
    return s;
}

/* ---- bounds */

static bool scalar(float *out, const nt_node *n, int i)
{
    const nt_tensor *t = nt_const_in(n, i);

    if (!nt_has_in(n, i))
        return true;
    if (!t || nt_tensor_count(t) != 1)
        return false;
    *out = (float)nt_tensor_get(t, 0);
    return true;
}

bool nt_plain_is_bounds(nt_plain_range *r, const nt_node *n)
{
    *r = (nt_plain_range){-INFINITY, INFINITY};
    if (nt_node_is(n, "Relu")) {
        r->lo = 0;
        return true;
    }
    if (!nt_node_is(n, "Clip"))
        return false;
    r->lo = nt_node_float(n, "min", r->lo);
    r->hi = nt_node_float(n, "max", r->hi);
    return scalar(&r->lo, n, 1) && scalar(&r->hi, n, 2) && r->lo <= r->hi;
}

/* ---- normalisation */

static bool is_row(const nt_value *v, int64_t k)
{
    return v->data && v->data->dtype == NT_F32 && nt_tensor_count(v->data) == k;
}

nt_status nt_plain_norm_check(const nt_node *n, int64_t k, nt_err *e)
{
    for (int i = 1; i < 5; i++) {
        if (!is_row(n->in[i], k))
            return nt_fail(e, NT_EUNSUPPORTED, "input %d is no constant row of channels", i);
    }
    return NT_OK;
}

void nt_plain_norm_factors(float *a, float *b, const nt_node *n, int64_t k)
{
    const float *gamma = n->in[1]->data->data, *beta = n->in[2]->data->data;
    const float *mean = n->in[3]->data->data, *var = n->in[4]->data->data;
    float eps = nt_node_float(n, "epsilon", 1e-5F);

    for (int64_t i = 0; i < k; i++) {
        double f = gamma[i] / sqrt((double)var[i] + eps);

        a[i] = (float)f;
        b[i] = (float)(beta[i] - mean[i] * f);
    }
}
