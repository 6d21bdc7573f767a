/* SPDX-License-Identifier: MIT */
#include "export/tfl_export.h"

#include "base/alloc.h"
#include "base/outfile.h"
#include "export/plain.h"
#include "export/tfl_code.h"
#include "export/tfl_lower.h"

#include <string.h>

/* ---- the graph */

static nt_status init(nt_tfl *l, const nt_graph *g, bool fp16, nt_err *e)
{
    *l = (nt_tfl){.g = g, .m = {.arena = nt_arena_new()}, .fp16 = fp16};
    l->v = nt_calloc((size_t)g->n_values + 1, sizeof *l->v);
    l->merged = nt_calloc((size_t)g->n_nodes + 1, sizeof *l->merged);
    if (!l->m.arena || !l->v || !l->merged)
        return nt_fail_nomem(e);
    for (int i = 0; i < g->n_values; i++)
        for (int k = 0; k < 4; k++)
            l->v[i].side[k / 2].t[k % 2] = -1;
    return NT_OK;
}

static void release(nt_tfl *l)
{
    nt_free(l->v);
    nt_free(l->merged);
    nt_arena_free(l->m.arena);
}

/* ---- values */

static nt_status check_value(const nt_value *v, const char *what, nt_err *e)
{
    char shape[128];
    int64_t n;

    if (v->dtype != NT_F32)
        return nt_fail(e, NT_EUNSUPPORTED, "%s '%s' of %s has no form in TFLite", what, v->name,
                       nt_dtype_name(v->dtype));
    if (!nt_value_shape(v, NULL))
        return nt_fail(e, NT_EUNSUPPORTED, "%s '%s' of open shape %s has no form in TFLite",
                       what, v->name, nt_value_shape_text(shape, sizeof shape, v));
    n = 1;
    for (int i = 0; i < v->rank; i++)
        n = n <= INT32_MAX && v->dims[i].value <= INT32_MAX ? n * v->dims[i].value : -1;
    if (n < 1 || n > INT32_MAX)
        return nt_fail(e, NT_EUNSUPPORTED, "%s '%s' of shape %s has no form in TFLite", what,
                       v->name, nt_value_shape_text(shape, sizeof shape, v));
    return NT_OK;
}

static bool is_last(const nt_value *v, bool nchw)
{
    return v->rank == 4 && !nchw;
}

static nt_status add_inputs(nt_tfl *l, bool nchw, nt_err *e)
{
    const nt_graph *g = l->g;
    const char **names = nt_arena_alloc(l->m.arena, (size_t)g->n_inputs + 1, sizeof *names);
    nt_status s = NT_OK;

    l->m.in = nt_arena_alloc(l->m.arena, (size_t)g->n_inputs + 1, sizeof *l->m.in);
    if (!names || !l->m.in)
        return nt_fail_nomem(e);
    l->m.in_names = names;
    for (int i = 0; i < g->n_inputs; i++) {
        const nt_value *v = g->inputs[i];

        NT_TRY(check_value(v, "input", e));
        names[i] = v->name;
        NT_TRY(nt_tfl_out(&l->m.in[l->m.n_in++], l, v,
                          is_last(v, nchw) ? NT_TFL_LAST : NT_TFL_PLAIN, e));
    }
done:
    return s;
}

/* Is tensor t nobody else's: no constant, no input, and no output before this one? */
static bool is_free(const nt_tfl *l, int t)
{
    for (int i = 0; i < l->m.n_in; i++) {
        if (l->m.in[i] == t)
            return false;
    }
    for (int i = 0; i < l->m.n_out; i++) {
        if (l->m.out[i] == t)
            return false;
    }
    return !l->m.tensors[t].data;
}

/* The tensor of an output under its own name; what is somebody else's is copied. */
static nt_status take_output(int *t, nt_tfl *l, const nt_value *v, nt_err *e)
{
    nt_tfl_tensor *x = &l->m.tensors[*t];
    const char *name = nt_arena_strdup(l->m.arena, v->name);
    nt_tfl_tensor copy = *x;
    nt_status s = NT_OK;
    int from = *t;

    if (!name)
        return nt_fail_nomem(e);
    if (is_free(l, from)) {
        x->name = name;
        return NT_OK;
    }
    copy.name = name;
    copy.data = NULL;
    copy.bytes = 0;
    NT_TRY(nt_tfl_add_tensor(t, &l->m, &copy, e));
    NT_TRY(nt_tfl_reshape(l, from, *t, e));
done:
    return s;
}

static nt_status add_outputs(nt_tfl *l, bool nchw, nt_err *e)
{
    const nt_graph *g = l->g;
    const char **names = nt_arena_alloc(l->m.arena, (size_t)g->n_outputs + 1, sizeof *names);
    nt_status s = NT_OK;

    l->m.out = nt_arena_alloc(l->m.arena, (size_t)g->n_outputs + 1, sizeof *l->m.out);
    if (!names || !l->m.out)
        return nt_fail_nomem(e);
    l->m.out_names = names;
    for (int i = 0; i < g->n_outputs; i++) {
        const nt_value *v = g->outputs[i];
        int t;

        NT_TRY(check_value(v, "output", e));
        names[i] = v->name;
        NT_TRY(nt_tfl_in(&t, l, v, is_last(v, nchw) ? NT_TFL_LAST : NT_TFL_PLAIN, e));
        NT_TRY(take_output(&t, l, v, e));
        l->m.out[l->m.n_out++] = t;
    }
done:
    return s;
}

/* ---- nodes */

static bool is_wanted(const nt_value *v)
{
    return v && (v->n_uses || v->is_output);
}

static nt_status write_node(nt_tfl *l, const nt_node *n, nt_err *e)
{
    const nt_tfl_writer *w = nt_tfl_find(n);
    nt_status s = NT_OK;

    if (!w)
        return nt_tfl_refuse(e, "the operator has");
    for (int i = 0; i < n->n_out; i++) {
        if (!is_wanted(n->out[i]))
            continue;
        if (!nt_node_is(n, "QuantizeLinear"))
            NT_TRY(check_value(n->out[i], "output", e));
        if (i > 0 && !nt_node_is(n, "Split"))
            return nt_fail(e, NT_EUNSUPPORTED, "output %d has no form in TFLite", i);
    }
    l->coded = nt_tfl_on_codes(l, n);
    NT_TRY(w->write(l, n, e));
done:
    l->coded = false;
    return s;
}

static nt_status write_nodes(nt_tfl *l, nt_err *e)
{
    char label[128];
    nt_status s = NT_OK;

    for (int i = 0; i < l->g->n_nodes && s == NT_OK; i++) {
        const nt_node *n = l->g->nodes[i];

        if (l->merged[n->id])
            continue;
        s = write_node(l, n, e);
        if (s != NT_OK)
            nt_err_prefix(e, "node '%s': %s", nt_node_label(label, sizeof label, n),
                          n->op_type);
    }
    return s;
}

nt_status nt_tfl_bytes(uint8_t **out, size_t *n, const nt_graph *g, const nt_tfl_opts *o,
                       nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *copy = NULL;
    nt_tfl l = {0};

    NT_TRY(nt_plain_graph(&copy, g, o->h, o->w, e));
    NT_TRY(init(&l, copy, o->fp16, e));
    NT_TRY(nt_tfl_plan_codes(&l, e));
    NT_TRY(add_inputs(&l, o->nchw, e));
    NT_TRY(write_nodes(&l, e));
    NT_TRY(add_outputs(&l, o->nchw, e));
    NT_TRY(nt_tfl_write(out, n, &l.m, e));
done:
    release(&l);
    nt_graph_free(copy);
    return s;
}

nt_status nt_tfl_save(const char *path, const nt_graph *g, const nt_tfl_opts *o, nt_err *e)
{
    uint8_t *bytes = NULL;
    nt_status s = NT_OK;
    size_t n;

    NT_TRY(nt_tfl_bytes(&bytes, &n, g, o, e));
    NT_TRY(nt_outfile_save(path, bytes, n, e));
done:
    nt_free(bytes);
    return s;
}
