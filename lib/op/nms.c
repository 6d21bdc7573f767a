/* SPDX-License-Identifier: MIT */
/* nms.c - NonMaxSuppression. */
#include "op/nms.h"

#include "base/alloc.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "lower/steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct corners {
    float y0, x0, y1, x1, area;
} corners;

typedef struct candidate {
    float score;
    int64_t box;
} candidate;

typedef struct picks {
    int64_t (*v)[3];
    int64_t n, room;
} picks;

static corners corners_of(const float *b, bool center)
{
    corners c;

    if (center) {
        c.x0 = b[0] - b[2] / 2;
        c.x1 = b[0] + b[2] / 2;
        c.y0 = b[1] - b[3] / 2;
        c.y1 = b[1] + b[3] / 2;
    } else {
        c.y0 = fminf(b[0], b[2]);
        c.y1 = fmaxf(b[0], b[2]);
        c.x0 = fminf(b[1], b[3]);
        c.x1 = fmaxf(b[1], b[3]);
    }
    c.area = (c.y1 - c.y0) * (c.x1 - c.x0);
    return c;
}

/* Boxes without an area overlap nothing. */
static bool overlap(const corners *a, const corners *b, float limit)
{
    float h = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0);
    float w = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0);
    float both;

    if (!(h > 0 && w > 0 && a->area > 0 && b->area > 0))
        return false;
    both = h * w;
    return both / (a->area + b->area - both) > limit;
}

static int by_score(const void *a, const void *b)
{
    const candidate *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->box > y->box) - (x->box < y->box);
}

/* All of one class that may be picked, best first. A score that is no number is none. */
static int64_t rank_boxes(candidate *v, const nt_nms *d, const float *score)
{
    int64_t n = 0;

    for (int64_t i = 0; i < d->boxes; i++)
        if (d->has_score ? score[i] > d->score : !isnan(score[i]))
            v[n++] = (candidate){score[i], i};
    qsort(v, (size_t)n, sizeof *v, by_score);
    return n;
}

static nt_status pick(picks *p, int64_t batch, int64_t class, int64_t box, nt_err *e)
{
    if (p->n == p->room) {
        int64_t room = p->room * 2 + 64;
        void *v = nt_realloc(p->v, (size_t)room, sizeof *p->v);

        if (!v)
            return nt_fail_nomem(e);
        p->v = v;
        p->room = room;
    }
    memcpy(p->v[p->n++], (const int64_t[3]){batch, class, box}, sizeof *p->v);
    return NT_OK;
}

/* What is picked from: one class of one picture. */
typedef struct contest {
    int64_t batch, class;
    const corners *box;
    const float *score; /* of each box */
} contest;

/* v: room for a candidate for each box. */
static nt_status run_class(picks *p, const nt_nms *d, const contest *c, candidate *v, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t first = p->n, n = rank_boxes(v, d, c->score);

    for (int64_t i = 0; i < n && p->n - first < d->most; i++) {
        bool hidden = false;

        for (int64_t k = first; k < p->n && !hidden; k++)
            hidden = overlap(&c->box[v[i].box], &c->box[p->v[k][2]], d->overlap);
        if (!hidden)
            NT_TRY(pick(p, c->batch, c->class, v[i].box, e));
    }
done:
    return s;
}

nt_status nt_nms_run(int64_t **out, int64_t *n, const nt_nms *d, const float *boxes,
                     const float *scores, nt_err *e)
{
    nt_status s = NT_OK;
    corners *box = nt_alloc((size_t)d->boxes, sizeof *box);
    candidate *v = nt_alloc((size_t)d->boxes, sizeof *v);
    picks p = {NULL, 0, 0};

    if (!box || !v)
        NT_TRY(nt_fail_nomem(e));
    for (int64_t b = 0; b < d->batches; b++) {
        for (int64_t i = 0; i < d->boxes; i++)
            box[i] = corners_of(boxes + (b * d->boxes + i) * 4, d->center);
        for (int64_t c = 0; c < d->classes; c++) {
            contest of = {b, c, box, scores + (b * d->classes + c) * d->boxes};

            NT_TRY(run_class(&p, d, &of, v, e));
        }
    }
    *out = (int64_t *)p.v;
    *n = p.n;
    p.v = NULL;
done:
    nt_free(p.v);
    nt_free(box);
    nt_free(v);
    return s;
}

/* ---- the operator */

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_dim dims[2] = {nt_dim_of(-1), nt_dim_of(3)};

    (void)g;
    (void)e;
    nt_infer_set(n->out[0], NT_I64, 2, dims);
    return NT_OK;
}

static double number(const nt_node *n, const nt_tensor *const *in, int i, double dflt)
{
    return i < n->n_in && in[i] && nt_tensor_count(in[i]) > 0 ? nt_tensor_get(in[i], 0) : dflt;
}

static nt_status describe(nt_nms *d, const nt_node *n, const nt_tensor *const *in, nt_err *e)
{
    const nt_tensor *b = in[0], *c = in[1];

    if (b->rank != 3 || b->dims[2] != 4 || c->rank != 3 || c->dims[0] != b->dims[0] ||
        c->dims[2] != b->dims[1])
        return nt_fail(e, NT_EFORMAT,
                       "boxes are not [batch,boxes,4] with scores "
                       "[batch,classes,boxes]");
    *d = (nt_nms){.batches = c->dims[0],
                  .classes = c->dims[1],
                  .boxes = c->dims[2],
                  .most = (int64_t)fmin(number(n, in, 2, 0), 0x1p62),
                  .overlap = (float)number(n, in, 3, 0),
                  .has_score = n->n_in > 4 && in[4],
                  .score = (float)number(n, in, 4, 0),
                  .center = nt_node_int(n, "center_point_box", 0) != 0};
    return NT_OK;
}

static nt_status make(const nt_node *n, const nt_tensor *const *in, nt_tensor **out, nt_err *e)
{
    nt_status s = NT_OK;
    nt_nms d;
    int64_t *v = NULL, dims[2] = {0, 3};

    NT_TRY(nt_eval_wants_f32(in, 2, e));
    NT_TRY(describe(&d, n, in, e));
    NT_TRY(nt_nms_run(&v, &dims[0], &d, in[0]->data, in[1]->data, e));
    NT_TRY(nt_tensor_new(&out[0], NT_I64, 2, dims, e));
    if (dims[0] > 0)
        memcpy(out[0]->data, v, nt_tensor_bytes(out[0]));
done:
    nt_free(v);
    return s;
}

static const nt_attr_spec attrs[] = {{"center_point_box", NT_ATTR_INT, false}, {0}};

const nt_op nt_op_nms[] = {
    {.name = "NonMaxSuppression",
     .domain = "",
     .since = 10,
     .min_in = 2,
     .max_in = 5,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .infer = infer,
     .make = make},
    {0},
};
