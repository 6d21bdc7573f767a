/* SPDX-License-Identifier: MIT */
#include "train/batch_plan.h"

#include "base/alloc.h"
#include "train/feed.h"

#include <assert.h>
#include <string.h>

struct nt_batch_plan {
    const nt_graph *g;
    nt_device *dev;
    nt_plan_opts o;
    nt_feed feed;
    int64_t classes;
    nt_staged *net;
};

static nt_status check_size(const nt_value *v, int64_t n, nt_err *e)
{
    char shape[96];

    if (v->dims[0].value >= 0 && v->dims[0].value != n)
        return nt_fail(
            e, NT_EINVAL, "input '%s' is %s: its batch size is fixed, use --batch-size %lld",
            v->name, nt_value_shape_text(shape, sizeof shape, v), (long long)v->dims[0].value);
    return NT_OK;
}

static bool is_among(const char *name, const char *const *fields)
{
    while (fields && *fields && strcmp(*fields, name) != 0)
        fields++;
    return fields && *fields;
}

static nt_status check_further(const nt_graph *g, const char *const *fields, nt_err *e)
{
    for (int i = 1; i < g->n_inputs; i++)
        if (!is_among(g->inputs[i]->name, fields))
            return nt_fail(e, NT_EUNSUPPORTED, "input '%s': the data have nothing for it",
                           g->inputs[i]->name);
    return NT_OK;
}

/* The other inputs: all but the batch is known. */
static nt_status further_dims(int64_t (*dims)[NT_MAX_RANK], const nt_graph *g, int64_t n,
                              nt_err *e)
{
    for (int i = 1; i < g->n_inputs; i++) {
        const nt_value *v = g->inputs[i];

        dims[i][0] = n;
        for (int a = 1; a < v->rank; a++)
            dims[i][a] = v->dims[a].value;
        for (int a = 0; a < v->rank; a++)
            if (dims[i][a] < 0 || (v->dims[a].value >= 0 && v->dims[a].value != dims[i][a]))
                return nt_fail(e, NT_EUNSUPPORTED, "input '%s' does not go by samples",
                               v->name);
    }
    return NT_OK;
}

/* A run, on zeros, where its shape is not known without one. */
static nt_status find_classes(nt_batch_plan *b, int64_t n, nt_err *e)
{
    nt_status s = nt_staged_output(b->net, 0) ? NT_OK : nt_staged_forward(b->net, e);
    const nt_tensor *t = nt_staged_output(b->net, 0);
    bool ok = t != NULL && t->dtype == NT_F32 && t->rank >= 2 && t->dims[0] == n;

    for (int i = 2; ok && i < t->rank; i++)
        ok = t->dims[i] == 1;
    b->classes = ok ? t->dims[1] : 0;
    return s;
}

nt_status nt_batch_plan_need_classes(const nt_batch_plan *b, const char *who, nt_err *e)
{
    const nt_value *v = b->g->outputs[0];
    char shape[96];

    if (b->classes > 0)
        return NT_OK;
    return nt_fail(e, NT_EUNSUPPORTED, "output '%s' is %s, want float32 of [N,classes] for %s",
                   v->name, nt_value_shape_text(shape, sizeof shape, v), who);
}

/* b->net from now on for batch size n. */
static nt_status set_size(nt_batch_plan *b, int64_t n, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t(*dims)[NT_MAX_RANK] = nt_calloc((size_t)b->g->n_inputs, sizeof *dims);
    const int64_t(*shapes)[NT_MAX_RANK] = (const int64_t(*)[NT_MAX_RANK])dims;
    nt_plan_opts o = b->o;

    if (!dims)
        return nt_fail_nomem(e);
    NT_TRY(check_size(b->g->inputs[0], n, e));
    nt_feed_dims(dims[0], &b->feed, n);
    NT_TRY(further_dims(dims, b->g, n, e));
    o.dims = shapes;
    NT_TRY(b->net ? nt_staged_shape(b->net, shapes, e)
                  : nt_staged_new(&b->net, b->g, b->dev, &o, e));
    NT_TRY(find_classes(b, n, e));
done:
    nt_free(dims);
    return s;
}

nt_status nt_batch_plan_new(nt_batch_plan **out, const nt_graph *g, nt_device *dev,
                            const nt_plan_opts *o, const nt_batch_like *like, nt_err *e)
{
    nt_status s = NT_OK;
    nt_batch_plan *b = nt_calloc(1, sizeof *b);

    if (b == NULL)
        return nt_fail_nomem(e);
    b->g = g;
    b->dev = dev;
    b->o = *o;
    NT_TRY(nt_feed_first(&b->feed, g, like->sample, e));
    NT_TRY(check_further(g, like->fields, e));
    NT_TRY(set_size(b, like->n, e));
    *out = b;
    b = NULL;
done:
    nt_batch_plan_free(b);
    return s;
}

void nt_batch_plan_free(nt_batch_plan *b)
{
    if (b == NULL)
        return;
    nt_staged_free(b->net);
    nt_free(b);
}

int64_t nt_batch_plan_classes(const nt_batch_plan *b)
{
    return b->classes;
}

size_t nt_batch_plan_arena_bytes(const nt_batch_plan *b)
{
    return nt_staged_arena_bytes(b->net);
}

void nt_batch_plan_touch(nt_batch_plan *b)
{
    nt_staged_touch(b->net);
}

const nt_tensor *nt_batch_plan_output(const nt_batch_plan *b)
{
    return nt_staged_output(b->net, 0);
}

const nt_tensor *nt_batch_plan_output_at(const nt_batch_plan *b, int i)
{
    return nt_staged_output(b->net, i);
}

const nt_tensor *nt_batch_plan_named(const nt_batch_plan *b, const char *name)
{
    for (int i = 0; i < b->g->n_outputs; i++)
        if (strcmp(b->g->outputs[i]->name, name) == 0)
            return nt_staged_output(b->net, i);
    return NULL;
}

/* The further inputs, each from the field of its name. */
static void fill_further(nt_batch_plan *b, const nt_batch_in *in)
{
    for (int i = 1; i < b->g->n_inputs; i++) {
        nt_tensor *t = nt_staged_input(b->net, i);
        int k = 0;

        while (k < in->n_more && strcmp(in->more[k].name, b->g->inputs[i]->name) != 0)
            k++;
        assert(k < in->n_more);
        memcpy(t->data, in->more[k].data, nt_tensor_bytes(t));
    }
}

nt_status nt_batch_plan_forward(nt_batch_plan *b, const nt_batch_in *in, nt_plan **plan,
                                nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *x;

    NT_TRY(set_size(b, in->n, e));
    x = nt_staged_input(b->net, 0);
    nt_feed_copy(x->data, &b->feed, in->x, in->n);
    fill_further(b, in);
    *plan = nt_staged_plan(b->net);
    if (*plan)
        nt_plan_set_run(*plan, in->run);
    NT_TRY(nt_staged_forward(b->net, e));
done:
    return s;
}

void nt_batch_plan_blame(const nt_batch_plan *b, nt_nonfinite *f)
{
    const nt_tensor **in = nt_calloc((size_t)b->g->n_inputs, sizeof *in);
    nt_nonfinite found = *f;
    nt_err e;

    for (int i = 0; in && i < b->g->n_inputs; i++)
        in[i] = nt_staged_input(b->net, i);
    if (in && nt_nonfinite_find(&found, b->g, b->dev, &b->o, in, &e) == NT_OK)
        *f = found;
    nt_free(in);
}
