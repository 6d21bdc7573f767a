/* SPDX-License-Identifier: MIT */
/*
 * attention.c - Attention: y = softmax(scale q k^T + mask) v by heads (Vaswani et al. 2017,
 * arXiv:1706.03762), where several heads of q may share one of k and v (Ainslie et al. 2023,
 * arXiv:2305.13245). q, k and v are [batch][head][place][size], or [batch][place][head size]
 * with the numbers of heads as attributes; the past stands before k and v and is handed on with
 * them. One row of scores at a time.
 */
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { Q, K, V, MASK, PAST_K, PAST_V, FILLED }; /* inputs */
enum { Y, NOW_K, NOW_V, SCORES };               /* outputs */

enum { LANES = 16 };

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const nt_value *s = n->n_out > SCORES ? n->out[SCORES] : NULL;

    (void)g;
    if (s && (s->n_uses || s->is_output))
        return nt_fail(e, NT_EUNSUPPORTED, "its output of scores is used");
    if (nt_has_in(n, PAST_K) != nt_has_in(n, PAST_V))
        return nt_fail(e, NT_EFORMAT, "one of the past's key and value is missing");
    if (nt_node_int(n, "q_num_heads", 1) < 1 || nt_node_int(n, "kv_num_heads", 1) < 1)
        return nt_fail(e, NT_EFORMAT, "it has no heads");
    return NT_OK;
}

/* ---- shapes */

/* [batch, heads, places, size] of x, which is q (kv false), k or v; -1: unknown. */
static nt_status by_heads(nt_dim *out, const nt_node *n, const nt_value *x, bool kv, nt_err *e)
{
    int64_t heads = nt_node_int(n, kv ? "kv_num_heads" : "q_num_heads", 0), all;

    if (x->rank == 4) {
        memcpy(out, x->dims, 4 * sizeof *out);
        return NT_OK;
    }
    if (x->rank != 3)
        return nt_fail(e, NT_EFORMAT, "'%s' has %d dimensions, want 3 or 4", x->name, x->rank);
    if (heads < 1)
        return nt_fail(e, NT_EFORMAT, "the number of heads of '%s' is missing", x->name);
    all = x->dims[2].value;
    if (all >= 0 && all % heads)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " features are not %" PRId64 " heads", all,
                       heads);
    out[0] = x->dims[0];
    out[1] = nt_dim_of(heads);
    out[2] = x->dims[1];
    out[3] = nt_dim_of(all < 0 ? -1 : all / heads);
    return NT_OK;
}

static bool differ(nt_dim a, nt_dim b)
{
    return a.value >= 0 && b.value >= 0 && a.value != b.value;
}

static nt_status check_shapes(const nt_dim *q, const nt_dim *k, const nt_dim *v, nt_err *e)
{
    if (differ(q[0], k[0]) || differ(k[0], v[0]) || differ(q[3], k[3]) || differ(k[1], v[1]) ||
        differ(k[2], v[2]) || (q[1].value > 0 && k[1].value > 0 && q[1].value % k[1].value))
        return nt_fail(e, NT_EFORMAT, "query, key and value do not fit one another");
    return NT_OK;
}

/* Output i: the past (NULL: none), then x, which is k or v by heads. */
static void infer_now(nt_node *n, int i, const nt_dim *x, const nt_value *past)
{
    nt_dim dims[4] = {x[0], x[1], x[2], x[3]};

    if (i >= n->n_out || !n->out[i])
        return;
    if (past && (past->rank != 4 || past->dims[2].value < 0 || x[2].value < 0))
        dims[2] = nt_dim_of(-1);
    else if (past)
        dims[2] = nt_dim_of(past->dims[2].value + x[2].value);
    nt_infer_set(n->out[i], n->in[K]->dtype, 4, dims);
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dim q[4], k[4], v[4], y[4];
    nt_status s = NT_OK;

    (void)g;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            nt_infer_type(n->out[i], n->in[Q]->dtype);
    if (n->in[Q]->rank < 0 || n->in[K]->rank < 0 || n->in[V]->rank < 0)
        goto done;
    NT_TRY(by_heads(q, n, n->in[Q], false, e));
    NT_TRY(by_heads(k, n, n->in[K], true, e));
    NT_TRY(by_heads(v, n, n->in[V], true, e));
    NT_TRY(check_shapes(q, k, v, e));
    memcpy(y, q, sizeof y);
    y[3] = v[3];
    if (n->in[Q]->rank == 3) {
        y[1] = q[2];
        y[2] = nt_dim_of(v[3].value < 0 || q[1].value < 0 ? -1 : q[1].value * v[3].value);
    }
    nt_infer_set(n->out[Y], n->in[Q]->dtype, n->in[Q]->rank, y);
    infer_now(n, NOW_K, k, nt_has_in(n, PAST_K) ? n->in[PAST_K] : NULL);
    infer_now(n, NOW_V, v, nt_has_in(n, PAST_V) ? n->in[PAST_V] : NULL);
done:
    return s;
}

/* ---- arithmetic */

/* A tensor by batch, head and place; the numbers of one place lie side by side. */
typedef struct view {
    const float *p;
    int64_t batch, heads, places, size;
    int64_t sb, sh, sp; /* strides */
} view;

static view view_of(const nt_tensor *t, int64_t heads)
{
    const int64_t *d = t->dims;
    view v = {.p = t->data, .batch = d[0]};

    if (t->rank == 4) {
        v.heads = d[1], v.places = d[2], v.size = d[3];
        v.sb = d[1] * d[2] * d[3], v.sh = d[2] * d[3], v.sp = d[3];
    } else {
        v.heads = heads, v.places = d[1], v.size = d[2] / heads;
        v.sb = d[1] * d[2], v.sh = v.size, v.sp = d[2];
    }
    return v;
}

typedef struct job {
    view q, k, v, past_k, past_v; /* a past without places: none */
    const nt_tensor *mask;        /* NULL: none */
    int64_t mask_stride[4], mask_places;
    const int64_t *filled; /* places of k that count, by batch; NULL: all */
    float scale, softcap;
    bool causal;
    nt_tensor *y;
    view out;
} job;

/* Place j of the past and what follows it. */
static const float *place(const view *past, const view *x, int64_t b, int64_t h, int64_t j)
{
    const view *v = j < past->places ? past : x;

    if (v == x)
        j -= past->places;
    return v->p + b * v->sb + h * v->sh + j * v->sp;
}

static float dot(const float *a, const float *b, int64_t n)
{
    float acc[LANES] = {0}, sum = 0;
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            acc[l] += a[i + l] * b[i + l];
    for (; i < n; i++)
        sum += a[i] * b[i];
    for (int l = 0; l < LANES; l++)
        sum += acc[l];
    return sum;
}

/* What is added to the score of place j for place i of the query. */
static float bias(const job *t, int64_t b, int64_t h, int64_t i, int64_t j)
{
    int64_t end = t->filled ? t->filled[b] : INT64_MAX;
    int64_t before = t->past_k.places, at;

    if (t->filled && before == 0)
        before = end - t->q.places; /* what was there before the query's own places */
    if (j >= end || (t->causal && j > i + before))
        return -INFINITY;
    if (!t->mask)
        return 0;
    if (t->mask_places > 1 && j >= t->mask_places)
        return -INFINITY;
    at = b * t->mask_stride[0] + h * t->mask_stride[1] + i * t->mask_stride[2] +
         j * t->mask_stride[3];
    if (t->mask->dtype == NT_BOOL)
        return ((const uint8_t *)t->mask->data)[at] ? 0 : -INFINITY;
    return ((const float *)t->mask->data)[at];
}

static void softmax(float *s, int64_t n)
{
    float top = -INFINITY;
    double sum = 0;

    for (int64_t j = 0; j < n; j++)
        top = s[j] > top || isnan(s[j]) ? s[j] : top;
    for (int64_t j = 0; j < n; j++) {
        s[j] = expf(s[j] - top);
        sum += s[j];
    }
    for (int64_t j = 0; j < n; j++)
        s[j] = (float)(s[j] / sum);
}

/* Place i of head h, with scores as scratch: one for each place of k. */
static void attend(const job *t, float *scores, int64_t b, int64_t h, int64_t i)
{
    int64_t n = t->past_k.places + t->k.places, kv = h / (t->q.heads / t->k.heads);
    const float *q = t->q.p + b * t->q.sb + h * t->q.sh + i * t->q.sp;
    float *y = (float *)t->y->data + b * t->out.sb + h * t->out.sh + i * t->out.sp;

    for (int64_t j = 0; j < n; j++) {
        float s = t->scale * dot(q, place(&t->past_k, &t->k, b, kv, j), t->q.size);

        if (t->softcap > 0)
            s = t->softcap * tanhf(s / t->softcap);
        scores[j] = s + bias(t, b, h, i, j);
    }
    softmax(scores, n);
    memset(y, 0, (size_t)t->v.size * sizeof *y);
    for (int64_t j = 0; j < n; j++) {
        const float *v = place(&t->past_v, &t->v, b, kv, j);

        for (int64_t d = 0; d < t->v.size; d++)
            y[d] += scores[j] * v[d];
    }
}

/* All of y; every head of the batch has a row of scores. */
static nt_status attend_all(const job *t, nt_err *e)
{
    int64_t n = t->past_k.places + t->k.places, heads = t->q.batch * t->q.heads;
    float *scores = nt_alloc((size_t)(heads * n) + 1, sizeof *scores);

    if (!scores)
        return nt_fail_nomem(e);
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < heads; k++)
        for (int64_t i = 0; i < t->q.places; i++)
            attend(t, scores + k * n, k / t->q.heads, k % t->q.heads, i);
    nt_free(scores);
    return NT_OK;
}

/* The past and x behind it, by heads. */
static void hand_on(nt_tensor *y, const view *past, const view *x)
{
    int64_t n = past->places + x->places;
    float *to = y->data;

    for (int64_t b = 0; b < x->batch; b++)
        for (int64_t h = 0; h < x->heads; h++)
            for (int64_t j = 0; j < n; j++, to += x->size)
                memcpy(to, place(past, x, b, h, j), (size_t)x->size * sizeof *to);
}

static const nt_tensor *given(const nt_node *n, const nt_tensor *const *in, int i)
{
    return i < n->n_in ? in[i] : NULL;
}

static nt_tensor *wanted(const nt_node *n, nt_tensor *const *out, int i)
{
    return i < n->n_out ? out[i] : NULL;
}

static void set_mask(job *t, const nt_tensor *mask)
{
    t->mask = mask;
    if (!mask)
        return;
    nt_strides_broadcast(t->mask_stride, 4, mask);
    t->mask_places = mask->rank ? mask->dims[mask->rank - 1] : 1;
}

static job describe(const nt_node *n, const nt_tensor *const *in, nt_tensor *y)
{
    int64_t heads = nt_node_int(n, "q_num_heads", 0), kv = nt_node_int(n, "kv_num_heads", 0);
    const nt_tensor *filled = given(n, in, FILLED);
    job t = {.q = view_of(in[Q], heads),
             .k = view_of(in[K], kv),
             .v = view_of(in[V], kv),
             .filled = filled ? filled->data : NULL,
             .softcap = nt_node_float(n, "softcap", 0),
             .causal = nt_node_int(n, "is_causal", 0) != 0,
             .y = y,
             .out = view_of(y, heads)};

    t.scale = nt_node_float(n, "scale", 1 / sqrtf((float)t.q.size));
    if (given(n, in, PAST_K)) {
        t.past_k = view_of(in[PAST_K], kv);
        t.past_v = view_of(in[PAST_V], kv);
    }
    set_mask(&t, given(n, in, MASK));
    return t;
}

static nt_status check_types(const nt_node *n, const nt_tensor *const *in, nt_err *e)
{
    for (int i = 0; i < n->n_in && i < FILLED; i++)
        if (in[i] && in[i]->dtype != NT_F32 && !(i == MASK && in[i]->dtype == NT_BOOL))
            return nt_fail(e, NT_EUNSUPPORTED, "type %s is not supported here",
                           nt_dtype_name(in[i]->dtype));
    return NT_OK;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_status s = NT_OK;
    job t;

    NT_TRY(check_types(n, in, e));
    t = describe(n, in, out[Y]);
    NT_TRY(attend_all(&t, e));
    if (wanted(n, out, NOW_K))
        hand_on(out[NOW_K], &t.past_k, &t.k);
    if (wanted(n, out, NOW_V))
        hand_on(out[NOW_V], &t.past_v, &t.v);
done:
    return s;
}

static const nt_attr_spec attrs[] = {
    {"is_causal", NT_ATTR_INT, false},         {"kv_num_heads", NT_ATTR_INT, false},
    {"q_num_heads", NT_ATTR_INT, false},       {"qk_matmul_output_mode", NT_ATTR_INT, false},
    {"scale", NT_ATTR_FLOAT, false},           {"softcap", NT_ATTR_FLOAT, false},
    {"softmax_precision", NT_ATTR_INT, false}, {0}};

#define FACETS                                                                                 \
    .name = "Attention", .domain = "", .min_in = 3, .min_out = 1, .max_out = 4,                \
    .attrs = attrs, .check = check, .infer = infer, .eval = eval

const nt_op nt_op_attention[] = {
    {FACETS, .since = 23, .until = 23, .max_in = 6},
    {FACETS, .since = 24, .max_in = 7},
    {0},
};
