/* SPDX-License-Identifier: MIT */
#include "quant/qpoint.h"

#include "base/alloc.h"
#include "facet/layer.h"
#include "facet/op.h"
#include "quant/qdq.h"

#include <string.h>

static bool same_target(const nt_qtarget *a, const nt_qtarget *b)
{
    return a->bits == b->bits && a->symmetric == b->symmetric &&
           a->is_unsigned == b->is_unsigned && a->lo == b->lo && a->hi == b->hi;
}

bool nt_qpoint_is_given(const nt_qpoint *p)
{
    return p->t.lo < p->t.hi;
}

bool nt_qpoint_is_found(const nt_qpoint *p)
{
    return !nt_qpoint_is_given(p) && p->seen->batches > 0;
}

/* ---- who asks */

/* What this input of this node is to be quantized to; bits 0: not at all. */
static nt_qtarget asks(const nt_qspec *s, const nt_node *n, int index)
{
    nt_layer f;

    for (int i = 0; i < s->n; i++) {
        const nt_qlayer *l = &s->layers[i];

        if (l->node != n)
            continue;
        if (l->index >= 0 && nt_layer_of(&f, n) && index != f.x)
            return (nt_qtarget){0};
        return nt_qspec_input(s, l);
    }
    return (nt_qtarget){0};
}

typedef struct question {
    const nt_qspec *spec;
    const nt_qpoint *point;
} question;

static bool takes(const nt_use *u, const void *ctx)
{
    const question *q = ctx;
    nt_qtarget t;

    if (q->point->output)
        return true;
    t = asks(q->spec, u->node, u->index);
    return t.bits && same_target(&t, &q->point->t);
}

/* ---- collecting */

static bool is_activation(const nt_value *v)
{
    return v && !v->data && v->dtype == NT_F32;
}

static nt_qpoint *find(nt_qpoints *q, const nt_value *v, const nt_qtarget *t, bool output)
{
    for (int i = 0; i < q->n; i++)
        if (q->p[i].v == v && q->p[i].output == output && same_target(&q->p[i].t, t))
            return &q->p[i];
    return NULL;
}

static nt_status add(nt_qpoints *q, nt_value *v, const nt_qtarget *t, bool output,
                     int64_t start, nt_err *e)
{
    nt_qpoint *p = NULL;

    if (!t->bits || !is_activation(v))
        return NT_OK;
    p = find(q, v, t, output);
    if (p) {
        p->start_step = start < p->start_step ? start : p->start_step;
        return NT_OK;
    }
    p = &q->p[q->n];
    *p = (nt_qpoint){.v = v, .t = *t, .output = output, .start_step = start};
    p->seen = nt_alloc(1, sizeof *p->seen);
    if (!p->seen)
        return nt_fail_nomem(e);
    q->n++;
    nt_observer_init(p->seen);
    return NT_OK;
}

/* Room for means where a layer's channels lie along axis 1. */
static nt_status want_mean(nt_qpoints *q, int point, nt_err *e)
{
    nt_qpoint *p = point >= 0 ? &q->p[point] : NULL;

    if (!p || p->mean || p->v->rank < 2 || p->v->dims[1].value < 1)
        return NT_OK;
    p->channels = p->v->dims[1].value;
    p->mean = nt_calloc((size_t)p->channels, sizeof *p->mean);
    return p->mean ? NT_OK : nt_fail_nomem(e);
}

/* To be known after the inputs have been rewired, too. */
static int input_of(nt_qpoints *q, const nt_qlayer *l)
{
    const nt_value *w = nt_layer_weight(l->node);
    const nt_qpoint *p =
        w ? find(q, l->node->in[w == l->node->in[0] ? 1 : 0], &l->input, false) : NULL;

    return p ? (int)(p - q->p) : -1;
}

static nt_status collect(nt_qpoints *q, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < q->spec->n; i++) {
        const nt_qlayer *l = &q->spec->layers[i];

        for (int k = 0; k < l->node->n_in; k++) {
            nt_qtarget t = asks(q->spec, l->node, k);

            NT_TRY(add(q, l->node->in[k], &t, false, l->start_step, e));
        }
        NT_TRY(add(q, l->node->out[0], &l->output, true, l->start_step, e));
    }
    for (int i = 0; i < q->spec->n; i++) {
        q->input_of[i] = input_of(q, &q->spec->layers[i]);
        NT_TRY(want_mean(q, q->input_of[i], e));
    }
done:
    return s;
}

static size_t most_points(const nt_qspec *s)
{
    size_t n = 1;

    for (int i = 0; i < s->n; i++)
        n += (size_t)s->layers[i].node->n_in + 1;
    return n;
}

nt_status nt_qpoints_new(nt_qpoints **out, const nt_qspec *spec, nt_err *e)
{
    nt_qpoints *q = nt_calloc(1, sizeof *q);
    nt_status s = NT_OK;

    *out = NULL;
    if (q) {
        q->p = nt_calloc(most_points(spec), sizeof *q->p);
        q->input_of = nt_calloc((size_t)spec->n + 1, sizeof *q->input_of);
    }
    if (!q || !q->p || !q->input_of)
        NT_TRY(nt_fail_nomem(e));
    q->spec = spec;
    NT_TRY(collect(q, e));
    *out = q;
    q = NULL;
done:
    nt_qpoints_free(q);
    return s;
}

void nt_qpoints_free(nt_qpoints *q)
{
    for (int i = 0; q && q->p && i < q->n; i++) {
        nt_free(q->p[i].seen);
        nt_free(q->p[i].mean);
    }
    if (q) {
        nt_free(q->p);
        nt_free(q->input_of);
    }
    nt_free(q);
}

const nt_qpoint *nt_qpoints_input(const nt_qpoints *q, const nt_qlayer *l)
{
    int at = q->input_of[l - q->spec->layers];

    return at < 0 ? NULL : &q->p[at];
}

static const nt_qpoint *find_seen(const nt_qpoints *q, const nt_qpoint *want)
{
    for (int i = 0; i < q->n; i++)
        if (strcmp(q->p[i].v->name, want->v->name) == 0 && (q->p[i].mean || !want->mean))
            return &q->p[i];
    return NULL;
}

nt_status nt_qpoints_take_seen(nt_qpoints *q, const nt_qpoints *from, nt_err *e)
{
    for (int i = 0; i < q->n; i++) {
        nt_qpoint *p = &q->p[i];
        const nt_qpoint *s = find_seen(from, p);

        if (!s)
            return nt_fail(e, NT_EINVAL, "value '%s' was not looked at", p->v->name);
        *p->seen = *s->seen;
        p->n_mean = s->n_mean;
        if (p->mean)
            memcpy(p->mean, s->mean, (size_t)p->channels * sizeof *p->mean);
    }
    return NT_OK;
}

/* ---- inserting */

/* Who asks for an input sees what the quantized output has become. */
static void follow(nt_qpoints *q, const nt_value *v, nt_value *y)
{
    for (int i = 0; i < q->n; i++)
        if (q->p[i].v == v && !q->p[i].output)
            q->p[i].v = y;
}

nt_status nt_qpoints_insert(nt_qpoints *q, nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    for (int outputs = 1; outputs >= 0; outputs--)
        for (int i = 0; i < q->n; i++) {
            nt_qpoint *p = &q->p[i];
            question ask = {q->spec, p};
            nt_value *y = NULL;

            if (p->output != (outputs == 1))
                continue;
            NT_TRY(nt_qdq_activation(&y, g, &(nt_qactivation){p->v, &p->t, p->pair},
                                     &(nt_consumers){takes, &ask}, e));
            p->y = y;
            if (p->output && y)
                follow(q, p->v, y);
        }
done:
    return s;
}
