/* SPDX-License-Identifier: MIT */
#include "exec/nonfinite.h"

#include "base/alloc.h"
#include "exec/staged.h"
#include "graph/pass.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is_float(nt_dtype t)
{
    return t == NT_F32 || t == NT_BF16 || t == NT_F16 || t == NT_F64;
}

void nt_nonfinite_count(nt_nonfinite *f, const nt_tensor *t)
{
    int64_t n = is_float(t->dtype) ? nt_tensor_count(t) : 0;

    f->of += (size_t)n;
    for (int64_t i = 0; i < n; i++) {
        double v = nt_tensor_get(t, i);

        f->n += !isfinite(v);
        f->nan = f->nan || isnan(v);
    }
}

static bool holds(const nt_tensor *t, bool nan)
{
    nt_nonfinite f = {0};

    if (t)
        nt_nonfinite_count(&f, t);
    return nan ? f.nan : f.n > 0;
}

/* The names of all that nodes make; NULL without memory. */
static const char **list_values(const nt_graph *g)
{
    const char **names = nt_calloc((size_t)g->n_values + 1, sizeof *names);
    int n = 0;

    for (int i = 0; names && i < g->n_values; i++)
        if (g->values[i]->producer && is_float(g->values[i]->dtype))
            names[n++] = g->values[i]->name;
    return names;
}

static const nt_tensor *found(const nt_staged *net, const nt_graph *g, const nt_value *v)
{
    for (int i = 0; v->is_output && i < g->n_outputs; i++)
        if (g->outputs[i] == v)
            return nt_staged_output(net, i);
    return nt_staged_kept(net, v->name);
}

/* The first of the nodes whose output holds what is looked for. */
static void look(nt_nonfinite *f, const nt_staged *net, const nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_out; k++) {
            const nt_value *v = g->nodes[i]->out[k];

            if (v && holds(found(net, g, v), f->nan)) {
                nt_layer_name(f->first, sizeof f->first, g, g->nodes[i]);
                return;
            }
        }
}

static bool look_at_inputs(nt_nonfinite *f, const nt_graph *g, const nt_tensor *const *in)
{
    for (int i = 0; i < g->n_inputs; i++)
        if (holds(in[i], f->nan)) {
            snprintf(f->first, sizeof f->first, "%s", g->inputs[i]->name);
            f->in_input = true;
            return true;
        }
    return false;
}

nt_status nt_nonfinite_find(nt_nonfinite *f, const nt_graph *g, nt_device *dev,
                            const nt_plan_opts *o, const nt_tensor *const *in, nt_err *e)
{
    nt_plan_opts po = {
        .training = o->training, .compute = o->compute, .params = o->params, .no_fusion = true};
    int64_t(*dims)[NT_MAX_RANK] = NULL;
    const char **names = NULL;
    nt_staged *net = NULL;
    nt_status s = NT_OK;

    if (!f->n || look_at_inputs(f, g, in))
        return NT_OK;
    names = list_values(g);
    dims = nt_calloc((size_t)g->n_inputs + 1, sizeof *dims);
    if (!names || !dims)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < g->n_inputs; i++)
        memcpy(dims[i], in[i]->dims, sizeof *dims);
    po.keep = names;
    po.dims = (const int64_t(*)[NT_MAX_RANK])dims;
    NT_TRY(nt_staged_new(&net, g, dev, &po, e));
    for (int i = 0; i < g->n_inputs; i++)
        memcpy(nt_staged_input(net, i)->data, in[i]->data, nt_tensor_bytes(in[i]));
    NT_TRY(nt_staged_forward(net, e));
    look(f, net, g);
done:
    nt_staged_free(net);
    nt_free(names);
    nt_free(dims);
    return s;
}

const char *nt_nonfinite_where(char *buf, size_t size, const nt_nonfinite *f)
{
    const char *kind = f->nan ? "NaN" : "infinity";

    if (!f->n)
        buf[0] = 0;
    else if (f->first[0])
        snprintf(buf, size, ", first %s '%s' (%s)", f->in_input ? "in input" : "at layer",
                 f->first, kind);
    else
        snprintf(buf, size, " (%s)", kind);
    return buf;
}

const char *nt_nonfinite_text(char *buf, size_t size, const nt_nonfinite *f)
{
    char where[192];

    buf[0] = 0;
    if (f->n)
        snprintf(buf, size, "%zu of %zu outputs are not finite%s", f->n, f->of,
                 nt_nonfinite_where(where, sizeof where, f));
    return buf;
}

bool nt_nonfinite_json(cJSON *j, const char *prefix, const nt_nonfinite *f)
{
    char count[64], first[64];

    snprintf(count, sizeof count, "%snonfinite_outputs", prefix);
    snprintf(first, sizeof first, "%sfirst_nonfinite_layer", prefix);
    if (!nt_json_add_i64(j, count, (int64_t)f->n))
        return false;
    if (!f->n)
        return true;
    return f->first[0] ? nt_json_add_str(j, first, f->first)
                       : cJSON_AddNullToObject(j, first) != NULL;
}
