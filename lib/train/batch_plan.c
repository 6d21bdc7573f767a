/* SPDX-License-Identifier: MIT */
#include "train/batch_plan.h"

#include "base/alloc.h"
#include "train/feed.h"
#include "train/loss_graph.h"

#include <assert.h>
#include <string.h>

/* What an input takes. */
typedef struct bound {
    const char *field;
    bool is_picture;
    nt_feed feed;              /* of a picture */
    int64_t dims[NT_MAX_RANK]; /* of others; dims[0] is the batch's */
} bound;

struct nt_batch_plan {
    const nt_graph *g;
    nt_device *dev;
    nt_plan_opts o;
    bound *in; /* of each input */
    int64_t classes;
    nt_staged *net;
};

nt_batch_like nt_batch_like_of(const nt_loader *l, int64_t n)
{
    nt_batch_like like = {.n = n, .sample = nt_loader_sample(l), .split = nt_loader_split(l)};

    like.field = nt_loader_fields(l, &like.n_fields);
    return like;
}

/* ---- which field goes where */

static const nt_field *find_field(const nt_batch_like *like, const char *name)
{
    const nt_field *f = nt_field_named(like->field, like->n_fields, name);

    return f || !like->more || strcmp(like->more->name, name) != 0 ? f : like->more;
}

static bool is_target(const char *input)
{
    return strcmp(input, NT_TARGET) == 0;
}

static const char *said_for(const nt_batch_like *like, const char *input)
{
    return like->split ? nt_split_input(like->split, input) : NULL;
}

/* By the description or the name; NULL: none. */
static const nt_field *field_for(const nt_batch_like *like, const char *input)
{
    const char *said = said_for(like, input);

    if (is_target(input))
        said = like->target;
    return find_field(like, said ? said : input);
}

/* Does an input but the first take the picture? */
static bool is_taken(const nt_graph *g, const nt_batch_like *like)
{
    for (int i = 1; i < g->n_inputs; i++) {
        const nt_field *f = field_for(like, g->inputs[i]->name);

        if (f && f->role == NT_ROLE_PICTURE && !is_target(g->inputs[i]->name))
            return true;
    }
    return false;
}

static nt_status refuse(const nt_value *v, const nt_field *f, nt_err *e)
{
    char want[96], got[96];

    return nt_fail(e, NT_EFORMAT, "input '%s' is %s %s, but the data's '%s' is %s %s", v->name,
                   nt_dtype_name(v->dtype), nt_value_shape_text(want, sizeof want, v), f->name,
                   nt_dtype_name(f->dtype), nt_shape_text(got, sizeof got, f->rank, f->dims));
}

/* The field as it is: of the input's type, and all but the batch as the input has it. */
static nt_status bind_dense(bound *b, const nt_value *v, const nt_field *f, nt_err *e)
{
    if (v->dtype != f->dtype || v->rank != f->rank)
        return refuse(v, f, e);
    for (int a = 1; a < v->rank; a++)
        if (f->dims[a] < 0 || (v->dims[a].value >= 0 && v->dims[a].value != f->dims[a]))
            return refuse(v, f, e);
    b->field = f->name;
    memcpy(b->dims, f->dims, sizeof b->dims);
    return NT_OK;
}

static nt_status bind_picture(bound *b, const nt_value *v, const nt_batch_like *like, nt_err *e)
{
    b->is_picture = true;
    return nt_feed_input(&b->feed, v, like->sample, e);
}

static nt_status bind_input(bound *b, const nt_graph *g, int i, const nt_batch_like *like,
                            nt_err *e)
{
    const nt_value *v = g->inputs[i];
    const nt_field *f = field_for(like, v->name);
    char names[256];

    if (f && is_target(v->name)) /* compared as it is, pictures in planes, too */
        return bind_dense(b, v, f, e);
    if (f ? f->role == NT_ROLE_PICTURE : i == 0)
        return bind_picture(b, v, like, e);
    if (i == 0 && f && !said_for(like, v->name) && !is_taken(g, like))
        return bind_picture(b, v, like, e);
    if (f)
        return bind_dense(b, v, f, e);
    return nt_fail(e, NT_EUNSUPPORTED, "input '%s': the data have nothing for it, only %s",
                   v->name, nt_field_names(names, sizeof names, like->field, like->n_fields));
}

static nt_status bind_inputs(nt_batch_plan *b, const nt_batch_like *like, nt_err *e)
{
    nt_status s = NT_OK;

    if (b->g->n_inputs < 1)
        return nt_fail(e, NT_EUNSUPPORTED, "the network has no input");
    if (!(b->in = nt_calloc((size_t)b->g->n_inputs, sizeof *b->in)))
        return nt_fail_nomem(e);
    for (int i = 0; i < b->g->n_inputs && s == NT_OK; i++)
        s = bind_input(&b->in[i], b->g, i, like, e);
    return s;
}

/* ---- sizes */

static nt_status check_size(const nt_value *v, int64_t n, nt_err *e)
{
    char shape[96];

    if (v->dims[0].value >= 0 && v->dims[0].value != n)
        return nt_fail(
            e, NT_EINVAL, "input '%s' is %s: its batch size is fixed, use --batch-size %lld",
            v->name, nt_value_shape_text(shape, sizeof shape, v), (long long)v->dims[0].value);
    return NT_OK;
}

static nt_status set_dims(int64_t (*dims)[NT_MAX_RANK], const nt_batch_plan *b, int64_t n,
                          nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < b->g->n_inputs && s == NT_OK; i++) {
        const bound *in = &b->in[i];

        s = check_size(b->g->inputs[i], n, e);
        if (in->is_picture)
            nt_feed_dims(dims[i], &in->feed, n);
        else
            memcpy(dims[i], in->dims, sizeof dims[i]);
        dims[i][0] = n;
    }
    return s;
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
    NT_TRY(set_dims(dims, b, n, e));
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
    NT_TRY(bind_inputs(b, like, e));
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
    nt_free(b->in);
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

static const nt_field *given(const nt_batch_in *in, const bound *b)
{
    const nt_field *f = b->is_picture
                            ? nt_field_of(in->b->field, in->b->n_fields, NT_ROLE_PICTURE)
                            : nt_batch_field(in->b, b->field);

    if (f == NULL && in->more != NULL && strcmp(in->more->name, b->field) == 0)
        f = in->more;
    assert(f != NULL);
    return f;
}

static void fill(nt_batch_plan *b, const nt_batch_in *in)
{
    for (int i = 0; i < b->g->n_inputs; i++) {
        nt_tensor *t = nt_staged_input(b->net, i);
        const nt_field *f = given(in, &b->in[i]);

        if (b->in[i].is_picture)
            nt_feed_copy(t->data, &b->in[i].feed, f->data, in->b->n);
        else
            memcpy(t->data, f->data, nt_tensor_bytes(t));
    }
}

nt_status nt_batch_plan_forward(nt_batch_plan *b, const nt_batch_in *in, nt_plan **plan,
                                nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(set_size(b, in->b->n, e));
    fill(b, in);
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
