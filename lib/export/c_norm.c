/* SPDX-License-Identifier: MIT */
#include "export/c_norm.h"

#include "base/alloc.h"
#include "export/c_text.h"
#include "facet/arg.h"

#include <inttypes.h>

/* [runs][per][plane]; a run is one of `groups` of the channels, or a row of `per` elements. */
typedef struct norm {
    int64_t runs, groups, per, plane;
} norm;

static const char norm_text[] =
    "/* Each run of x[runs][per][plane] less its mean, by its deviation; then scale and "
    "shift,\n"
    " * which are [groups][per], of run % groups. y may be x. */\n"
    "static void normalise(long runs, long groups, long per, long plane, const float *x,\n"
    "                      const float *scale, const float *shift, float eps, float *y)\n"
    "{\n"
    "    for (long k = 0; k < runs; k++, x += per * plane, y += per * plane) {\n"
    "        const long at = k % groups * per, n = per * plane;\n"
    "        double mean = 0, var = 0, by;\n"
    "\n"
    "        for (long i = 0; i < n; i++)\n"
    "            mean += x[i];\n"
    "        mean /= (double)n;\n"
    "        for (long i = 0; i < n; i++)\n"
    "            var += (x[i] - mean) * (x[i] - mean);\n"
    "        by = 1 / sqrt(var / (double)n + eps);\n"
    "        for (long i = 0; i < n; i++)\n"
    "            y[i] = (float)((x[i] - mean) * by * scale[at + i / plane] +\n"
    "                           shift[at + i / plane]);\n"
    "    }\n"
    "}\n";

static const float *constant_of(const nt_node *n, int i)
{
    const nt_tensor *t = nt_const_in(n, i);

    return t && t->dtype == NT_F32 ? t->data : NULL;
}

/* scale and shift, of which each entry stands for `repeat` of [groups][per]. */
static nt_status write_call(nt_c *c, const nt_node *n, norm d, int64_t repeat, nt_err *e)
{
    const float *scale = constant_of(n, 1), *shift = constant_of(n, 2);
    char x[NT_C_EXPR], y[NT_C_EXPR], eps[NT_C_NUMBER];
    size_t count = (size_t)(d.groups * d.per);
    float *v = nt_calloc(2 * count, sizeof *v);
    nt_status s = NT_OK;
    int id[2];

    if (!v)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < count; i++) {
        v[i] = scale[i / (size_t)repeat];
        v[count + i] = shift ? shift[i / (size_t)repeat] : 0;
    }
    id[0] = nt_c_constant(c, v, count);
    id[1] = nt_c_constant(c, v + count, count);
    nt_c_function(c, norm_text);
    NT_TRY(nt_c_ref(x, c, n->in[0], e));
    NT_TRY(nt_c_ref(y, c, n->out[0], e));
    nt_str_addf(&c->body,
                "    normalise(%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64
                ", %s, k%d, k%d, %s, %s);\n",
                d.runs, d.groups, d.per, d.plane, x, id[0], id[1],
                nt_c_float(eps, nt_node_float(n, "epsilon", 1e-5F)), y);
done:
    nt_free(v);
    return s;
}

/* Has v the extents of x from the axis on? */
static bool is_row_of(const nt_value *v, const nt_value *x, int axis)
{
    if (!v->data || v->data->dtype != NT_F32 || v->rank < x->rank - axis)
        return false;
    for (int i = 1; i <= v->rank; i++) {
        int64_t want = i <= x->rank - axis ? x->dims[x->rank - i].value : 1;

        if (v->dims[v->rank - i].value != want)
            return false;
    }
    return true;
}

nt_status nt_c_layernorm(nt_c *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    norm d = {.groups = 1, .plane = 1};
    nt_status s = NT_OK;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", -1), x->rank, e));
    for (int i = 1; i < 3; i++) {
        if (nt_has_in(n, i) && !is_row_of(n->in[i], x, axis))
            NT_TRY(nt_fail(e, NT_EUNSUPPORTED,
                           "input %d that is no constant of a row's extents has no form in C",
                           i));
    }
    d.runs = nt_c_product(x, 0, axis);
    d.per = nt_c_product(x, axis, x->rank);
    NT_TRY(write_call(c, n, d, 1, e));
done:
    return s;
}

nt_status nt_c_groupnorm(nt_c *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    bool instance = nt_node_is(n, "InstanceNormalization");
    int64_t channels = x->dims[1].value;
    norm d = {.groups = instance ? channels : nt_node_int(n, "num_groups", 1)};

    for (int i = 1; i < 3; i++) {
        if (!constant_of(n, i))
            return nt_fail(e, NT_EUNSUPPORTED, "input %d that is no constant has no form in C",
                           i);
    }
    d.runs = x->dims[0].value * d.groups;
    d.per = channels / d.groups;
    d.plane = nt_c_product(x, 2, x->rank);
    return write_call(c, n, d, channels / n->in[1]->dims[0].value, e);
}
