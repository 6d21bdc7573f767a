/* SPDX-License-Identifier: MIT */
#include "graph/rewrite.h"

#include "graph/internal.h"

nt_rewrite nt_rewrite_begin(nt_graph *g, nt_node *n, nt_err *e)
{
    return (nt_rewrite){.g = g, .n = n, .e = e, .s = NT_OK};
}

nt_value *nt_rewrite_in(const nt_rewrite *w, int i)
{
    return i < w->n->n_in ? w->n->in[i] : NULL;
}

static nt_value *constant(nt_rewrite *w, nt_tensor *t)
{
    nt_value *v = NULL;

    w->s = nt_graph_add_const(&v, w->g, NULL, t, w->e);
    return w->s == NT_OK ? v : NULL;
}

nt_value *nt_rewrite_number(nt_rewrite *w, double v)
{
    nt_dtype type = nt_rewrite_in(w, 0) ? nt_rewrite_in(w, 0)->dtype : NT_UNDEFINED;
    nt_tensor *t = NULL;

    if (w->s == NT_OK)
        w->s = nt_tensor_new(&t, nt_dtype_is_real(type) ? type : NT_F32, 0, NULL, w->e);
    if (w->s != NT_OK)
        return NULL;
    nt_tensor_set(t, 0, v);
    return constant(w, t);
}

nt_value *nt_rewrite_ints(nt_rewrite *w, const int64_t *v, int64_t n)
{
    nt_tensor *t = NULL;

    if (w->s == NT_OK)
        w->s = nt_tensor_new(&t, NT_I64, 1, &n, w->e);
    if (w->s != NT_OK)
        return NULL;
    for (int64_t i = 0; i < n; i++)
        nt_tensor_set_i64(t, i, v[i]);
    return constant(w, t);
}

nt_value *nt_rewrite_node(nt_rewrite *w, const char *op, const char *name, nt_value *const *in,
                          int n_in, int n_out)
{
    nt_value *out[4] = {NULL};

    while (n_in > 0 && !in[n_in - 1])
        n_in--;
    for (int i = 0; i < n_out && w->s == NT_OK; i++)
        w->s = nt_graph_add_value(&out[i], w->g, NULL, w->e);
    if (w->s == NT_OK)
        w->s = nt_graph_insert_node(&w->made, w->g, w->n,
                                    &(nt_node_spec){op, name, in, n_in, out, n_out}, w->e);
    return w->s == NT_OK ? out[0] : NULL;
}

void nt_rewrite_set_int(nt_rewrite *w, const char *name, int64_t v)
{
    if (w->s == NT_OK)
        w->s = nt_node_set_int(w->g, w->made, name, v, w->e);
}

void nt_rewrite_set_float(nt_rewrite *w, const char *name, float v)
{
    if (w->s == NT_OK)
        w->s = nt_node_set_float(w->g, w->made, name, v, w->e);
}

void nt_rewrite_set_str(nt_rewrite *w, const char *name, const char *v)
{
    if (w->s == NT_OK)
        w->s = nt_node_set_str(w->g, w->made, name, v, w->e);
}

void nt_rewrite_set_ints(nt_rewrite *w, const char *name, const int64_t *v, size_t n)
{
    if (w->s == NT_OK)
        w->s = nt_node_set_ints(w->g, w->made, name, v, n, w->e);
}

bool nt_rewrite_wants(const nt_rewrite *w, int i)
{
    return i < w->n->n_out && w->n->out[i] && !nt_value_is_unused(w->n->out[i]);
}

void nt_rewrite_out(nt_rewrite *w, int i, nt_value *v)
{
    nt_value *old = i < w->n->n_out ? w->n->out[i] : NULL;

    if (w->s != NT_OK || !old)
        return;
    if (v->dtype == NT_UNDEFINED) { /* what the file declares of it holds on */
        v->dtype = old->dtype;
        v->rank = old->rank;
        for (int k = 0; k < old->rank; k++)
            v->dims[k] = old->dims[k];
        v->declared = old->declared;
    }
    w->s = nt_graph_replace_value(w->g, old, v, w->e);
}

void nt_rewrite_refuse(nt_rewrite *w, const char *why)
{
    char label[256];

    if (w->s == NT_OK)
        w->s = nt_fail(w->e, NT_EUNSUPPORTED, "node '%s': %s: %s",
                       nt_node_label(label, sizeof label, w->n), w->n->op_type, why);
}

nt_status nt_rewrite_end(nt_rewrite *w)
{
    for (int i = 0; i < w->n->n_out && w->s == NT_OK; i++)
        if (nt_rewrite_wants(w, i))
            nt_rewrite_refuse(w, "an output that only training has is used");
    if (w->s == NT_OK)
        nt_graph_remove_node(w->g, w->n);
    return w->s;
}
