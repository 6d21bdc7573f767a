/* SPDX-License-Identifier: MIT */
/*
 * The axes that stay make the outer box, those that go the inner one. Where outer neighbours
 * lie side by side a strip of them is made at once, so that memory is read in rows either way.
 * Threads take strips; what one strip adds up is added in the order of memory whatever their
 * number.
 */
#include "op/reduction.h"

#include "facet/walk.h"

#include <math.h>
#include <stdint.h>

#define LANES 32    /* outputs made at once */
#define BLOCK 16    /* rows of a strip that are brought to double at once */
#define SMALL 32768 /* elements below which threads are not worth it */

/* A few outputs whose inputs lie side by side. */
typedef struct strip {
    int64_t x, y, lanes; /* first elements */
} strip;

typedef struct job {
    nt_reduction r;
    nt_boxes b;
    const nt_tensor *x;
    nt_tensor *y;
    /* of the gradient */
    const nt_tensor *of_y, *dy;
    nt_tensor *dx;
} job;

/* All strips of a job, every thread its own. */
static void for_strips(const job *j, void (*make)(const job *, strip))
{
#pragma omp parallel if (nt_tensor_count(j->x) > SMALL)
    {
        int64_t y = 0;
        nt_walk w;

        for (nt_walk_init(&w, j->b.n_out, j->b.out, 1, j->b.out_stride); nt_walk_more(&w);
             nt_walk_next(&w)) {
            int64_t most = w.step[0] == 1 ? LANES : 1, strips = (w.len + most - 1) / most;

#pragma omp for schedule(static) nowait
            for (int64_t i = 0; i < strips; i++) {
                int64_t at = i * most, left = w.len - at;

                make(j, (strip){w.at[0] + at * w.step[0], y + at, left < most ? left : most});
            }
            y += w.len;
        }
    }
}

/* ---- floating-point numbers */

static double start_of(nt_reduction r)
{
    switch (r) {
    case NT_REDUCE_MAX:
        return -INFINITY;
    case NT_REDUCE_MIN:
        return INFINITY;
    default:
        return r == NT_REDUCE_PROD;
    }
}

#define FOLD(expr)                                                                             \
    for (int64_t i = 0; i < rows; i++)                                                         \
        for (int64_t l = 0; l < lanes; l++) {                                                  \
            double a = acc[l], v = x[i * lanes + l];                                           \
                                                                                               \
            acc[l] = expr;                                                                     \
        }                                                                                      \
    break

/* acc[l] takes up x[rows][lanes]; top: what is subtracted under an exponential. */
static void fold(nt_reduction r, double *acc, const double *x, int64_t rows, int64_t lanes,
                 const double *top)
{
    switch (r) {
    case NT_REDUCE_L1:
        FOLD(a + fabs(v));
    case NT_REDUCE_L2:
    case NT_REDUCE_SUM_SQUARE:
        FOLD(a + v * v);
    case NT_REDUCE_LOG_SUM_EXP:
        FOLD(a + exp(v - top[l]));
    case NT_REDUCE_MAX: /* a NaN stays */
        FOLD(v > a || isnan(v) ? v : a);
    case NT_REDUCE_MIN:
        FOLD(v < a || isnan(v) ? v : a);
    case NT_REDUCE_PROD:
        FOLD(a * v);
    default:
        FOLD(a + v);
    }
}

/* A few neighbours at n positions `step` apart, the first at `at`: one row of the inner box. */
typedef struct row {
    int64_t at, n, step, lanes;
} row;

/* v[n][lanes] */
static void load(double *v, const nt_tensor *x, row w)
{
    const float *f = x->data;

    for (int64_t i = 0; i < w.n; i++, v += w.lanes, w.at += w.step)
        for (int64_t l = 0; l < w.lanes; l++)
            v[l] = x->dtype == NT_F32 ? f[w.at + l] : nt_tensor_get(x, w.at + l);
}

/* acc[l] takes up lane l. A single output whose inputs lie side by side is made as LANES
 * partial ones. */
static void fold_row(const nt_tensor *x, nt_reduction r, double *acc, row w, const double *top)
{
    double v[BLOCK * LANES];

    if (w.lanes == 1 && w.step == 1) {
        int64_t rest = w.n % LANES;

        fold_row(x, r, acc, (row){w.at, w.n / LANES, LANES, LANES}, top);
        w = (row){w.at + w.n - rest, rest > 0, 1, rest};
    }
    for (int64_t i = 0; i < w.n; i += BLOCK) {
        row part = {w.at + i * w.step, w.n - i < BLOCK ? w.n - i : BLOCK, w.step, w.lanes};

        load(v, x, part);
        fold(r, acc, v, part.n, part.lanes, top);
    }
}

static bool picks(nt_reduction r)
{
    return r == NT_REDUCE_MAX || r == NT_REDUCE_MIN || r == NT_REDUCE_PROD;
}

static void fold_all(const job *j, nt_reduction r, double *acc, strip s, const double *top)
{
    nt_walk w;

    for (int64_t l = 0; l < LANES; l++)
        acc[l] = start_of(r);
    for (nt_walk_init(&w, j->b.n_in, j->b.in, 1, j->b.in_stride); nt_walk_more(&w);
         nt_walk_next(&w))
        fold_row(j->x, r, acc, (row){s.x + w.at[0], w.len, w.step[0], s.lanes}, top);
    if (s.lanes > 1)
        return;
    fold(picks(r) ? r : NT_REDUCE_SUM, acc, acc + 1, LANES - 1, 1, NULL);
}

static double finish(nt_reduction r, double acc, double top, int64_t count)
{
    switch (r) {
    case NT_REDUCE_L2:
        return sqrt(acc);
    case NT_REDUCE_LOG_SUM:
        return log(acc);
    case NT_REDUCE_LOG_SUM_EXP:
        return log(acc) + top;
    case NT_REDUCE_MEAN:
        return acc / (double)count;
    default:
        return acc;
    }
}

static void make_floats(const job *j, strip s)
{
    double acc[LANES], top[LANES] = {0};

    if (j->r == NT_REDUCE_LOG_SUM_EXP) {
        fold_all(j, NT_REDUCE_MAX, top, s, NULL);
        for (int64_t l = 0; l < LANES; l++) {
            top[l] = s.lanes == 1 ? top[0] : top[l];
            top[l] = isfinite(top[l]) ? top[l] : 0;
        }
    }
    fold_all(j, j->r, acc, s, top);
    for (int64_t l = 0; l < s.lanes; l++)
        nt_tensor_set(j->y, s.y + l, finish(j->r, acc[l], top[l], j->b.count));
}

/* ---- integers */

/* The bits of what an integer type holds at most or at least. */
static uint64_t extreme(nt_dtype t, bool largest)
{
    uint64_t space = 0;
    nt_tensor one = {.dtype = t, .data = &space};

    if (t == NT_BOOL)
        return largest;
    nt_tensor_set(&one, 0, largest ? INFINITY : -INFINITY);
    return nt_tensor_get_bits(&one, 0);
}

static uint64_t larger(nt_dtype t, uint64_t a, uint64_t b)
{
    return nt_bits_order(t, a) > nt_bits_order(t, b) ? a : b;
}

static uint64_t magnitude(nt_dtype t, uint64_t v)
{
    return t != NT_U64 && (int64_t)v < 0 ? 0 - v : v;
}

static uint64_t take_up(nt_reduction r, nt_dtype t, uint64_t acc, uint64_t v)
{
    switch (r) {
    case NT_REDUCE_L1:
        return acc + magnitude(t, v);
    case NT_REDUCE_SUM_SQUARE:
        return acc + v * v;
    case NT_REDUCE_MAX:
        return larger(t, acc, v);
    case NT_REDUCE_MIN:
        return larger(t, acc, v) == acc ? v : acc;
    case NT_REDUCE_PROD:
        return acc * v;
    default:
        return acc + v;
    }
}

static uint64_t mean_of(nt_dtype t, uint64_t sum, int64_t count)
{
    if (count == 0)
        return 0;
    return t == NT_U64 ? sum / (uint64_t)count : (uint64_t)((int64_t)sum / count);
}

static uint64_t reduce_integers(const job *j, int64_t at)
{
    nt_dtype t = j->x->dtype;
    uint64_t acc = j->r == NT_REDUCE_PROD;
    nt_walk w;

    if (j->r == NT_REDUCE_MAX || j->r == NT_REDUCE_MIN)
        acc = extreme(t, j->r == NT_REDUCE_MIN);
    for (nt_walk_init(&w, j->b.n_in, j->b.in, 1, j->b.in_stride); nt_walk_more(&w);
         nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++)
            acc = take_up(j->r, t, acc, nt_tensor_get_bits(j->x, at + w.at[0] + i * w.step[0]));
    return j->r == NT_REDUCE_MEAN ? mean_of(t, acc, j->b.count) : acc;
}

static void make_integers(const job *j, strip s)
{
    for (int64_t l = 0; l < s.lanes; l++)
        nt_tensor_set_bits(j->y, s.y + l, reduce_integers(j, s.x + l));
}

void nt_reduction_eval(nt_tensor *y, const nt_tensor *x, const bool *gone, nt_reduction r)
{
    bool by_floats = nt_dtype_is_real(x->dtype) || r == NT_REDUCE_L2 ||
                     r == NT_REDUCE_LOG_SUM || r == NT_REDUCE_LOG_SUM_EXP;
    job j = {.r = r, .b = nt_boxes_of(x, gone), .x = x, .y = y};

    for_strips(&j, by_floats ? make_floats : make_integers);
}

/* ---- gradients */

/* How many elements of one output's share hold v; *product of the others. */
static int64_t count_equal(const job *j, int64_t at, float v, double *product)
{
    const float *x = (const float *)j->x->data + at;
    int64_t n = 0;
    nt_walk w;

    *product = 1;
    for (nt_walk_init(&w, j->b.n_in, j->b.in, 1, j->b.in_stride); nt_walk_more(&w);
         nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++) {
            float k = x[w.at[0] + i * w.step[0]];

            n += k == v;
            *product *= k == v ? 1 : k;
        }
    return n;
}

/* What the slopes of one output have in common. */
typedef struct common {
    double y;
    int64_t count; /* of the inner box */
    int64_t ties;  /* MAX, MIN: that share the extreme; PROD: zeros */
    double others; /* PROD: the product of all that are not zero */
} common;

/* d y / d x */
static double slope(nt_reduction r, double x, const common *c)
{
    switch (r) {
    case NT_REDUCE_L1:
        return (x > 0) - (x < 0);
    case NT_REDUCE_L2:
        return c->y > 0 ? x / c->y : 0;
    case NT_REDUCE_LOG_SUM:
        return exp(-c->y);
    case NT_REDUCE_LOG_SUM_EXP:
        return exp(x - c->y);
    case NT_REDUCE_MAX:
    case NT_REDUCE_MIN:
        return x == c->y ? 1 / (double)c->ties : 0;
    case NT_REDUCE_MEAN:
        return 1 / (double)c->count;
    case NT_REDUCE_PROD:
        return c->ties == 0 ? c->others / x : c->ties == 1 && x == 0 ? c->others : 0;
    case NT_REDUCE_SUM_SQUARE:
        return 2 * x;
    default:
        return 1;
    }
}

static void pull_one(const job *j, int64_t at, int64_t out)
{
    const float *x = (const float *)j->x->data + at;
    float *dx = (float *)j->dx->data + at, y = ((const float *)j->of_y->data)[out];
    double dy = ((const float *)j->dy->data)[out];
    common c = {.y = y, .count = j->b.count};
    nt_walk w;

    if (picks(j->r))
        c.ties = count_equal(j, at, j->r == NT_REDUCE_PROD ? 0 : y, &c.others);
    for (nt_walk_init(&w, j->b.n_in, j->b.in, 1, j->b.in_stride); nt_walk_more(&w);
         nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++) {
            int64_t k = w.at[0] + i * w.step[0];

            dx[k] = (float)(slope(j->r, x[k], &c) * dy);
        }
}

static void pull(const job *j, strip s)
{
    for (int64_t l = 0; l < s.lanes; l++)
        pull_one(j, s.x + l, s.y + l);
}

void nt_reduction_grad(nt_tensor *dx, const nt_tensor *x, const nt_tensor *y,
                       const nt_tensor *dy, const bool *gone, nt_reduction r)
{
    job j = {.r = r, .b = nt_boxes_of(x, gone), .x = x, .of_y = y, .dy = dy, .dx = dx};

    for_strips(&j, pull);
}
