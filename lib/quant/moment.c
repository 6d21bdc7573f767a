/* SPDX-License-Identifier: MIT */
#include "quant/moment.h"

#include "base/alloc.h"
#include "facet/layer.h"
#include "kernel/blas_gemm.h"
#include "op/qparam.h"
#include "op/taps.h"
#include "quant/qdq.h"

#include <string.h>

enum {
    WINDOWS = 256,  /* of an image */
    COLUMNS = 1024, /* that are multiplied at once */
    SHRINK = 10,
    PARALLEL = 32768 /* elements from which a second thread pays */
};

bool nt_moment_suits(const nt_node *n)
{
    const nt_value *w = nt_layer_weight(n);
    nt_layer l;

    if (!w || w->data->dtype != NT_F32 || !nt_layer_of(&l, n) || !l.plain)
        return false;
    return nt_node_is(n, "Conv") ? w->rank > 2 : l.x == 0 && w->rank == 2;
}

nt_status nt_moment_init(nt_moment *m, const nt_node *layer, nt_err *e)
{
    const nt_tensor *w = nt_layer_weight(layer)->data;
    nt_layer l = nt_layer_at(layer);

    *m = (nt_moment){.layer = layer, .groups = l.groups};
    m->d = nt_tensor_count(w) / w->dims[l.makes];
    m->h = nt_calloc((size_t)(m->groups * m->d), (size_t)m->d * sizeof *m->h);
    m->mean = nt_calloc((size_t)(m->groups * m->d), sizeof *m->mean);
    if (!m->h || !m->mean) {
        nt_moment_release(m);
        return nt_fail_nomem(e);
    }
    return blas_gemm_fits(m->d, "inputs of a layer", e);
}

void nt_moment_release(nt_moment *m)
{
    nt_free(m->h);
    nt_free(m->mean);
    *m = (nt_moment){0};
}

/* ---- columns */

/* Some windows of some images of x, or rows of it. */
typedef struct batch {
    const float *x;
    int64_t images, channels; /* dense: rows, and of one group with one point each */
    nt_taps taps;
    int64_t windows; /* of an image, that are looked at */
    float *col;      /* [d][COLUMNS] */
} batch;

static nt_status batch_of(batch *b, const nt_moment *m, const nt_tensor *x, nt_err *e)
{
    const nt_tensor *w = nt_layer_weight(m->layer)->data;
    nt_status s = NT_OK;
    nt_window win;

    *b = (batch){
        .x = x->data, .images = nt_tensor_count(x) / m->d, .channels = m->d, .windows = 1};
    if (!nt_node_is(m->layer, "Conv")) {
        b->taps = (nt_taps){.in = {1, 1, 1},
                            .out = {1, 1, 1},
                            .ker = {1, 1, 1},
                            .stride = {1, 1, 1},
                            .dil = {1, 1, 1},
                            .n_in = 1,
                            .n_out = 1,
                            .n_ker = 1};
        return NT_OK;
    }
    b->images = x->dims[0];
    b->channels = x->dims[1];
    NT_TRY(nt_window_read(&win, m->layer, x->rank - 2, w->dims + 2, e));
    NT_TRY(nt_taps_init(&b->taps, &win, x->dims + 2, e));
    b->windows = b->taps.n_out < WINDOWS ? b->taps.n_out : WINDOWS;
done:
    return s;
}

/* Where the windows of this image begin: it moves on from image to image. */
static int64_t first_window(const batch *b, int64_t image)
{
    int64_t last = b->taps.n_out - b->windows;

    return last > 0 ? image * 97 % (last + 1) : 0;
}

/* The windows of image i for the channels of group g, into columns from `at` on. */
static void gather(const batch *b, const nt_moment *m, int64_t i, int64_t g, int64_t at)
{
    int64_t cg = b->channels / m->groups, from = first_window(b, m->seen + i), where[WINDOWS];
    const float *x = b->x + (i * b->channels + g * cg) * b->taps.n_in;

    for (int64_t r = 0; r < b->taps.n_ker; r++) {
        for (int64_t o = 0; o < b->windows; o++)
            where[o] = nt_taps_at(&b->taps, from + o, r);
        for (int64_t c = 0; c < cg; c++) {
            float *to = b->col + (c * b->taps.n_ker + r) * COLUMNS + at;

            for (int64_t o = 0; o < b->windows; o++)
                to[o] = where[o] >= 0 ? x[c * b->taps.n_in + where[o]] : 0;
        }
    }
}

static void add_columns(nt_moment *m, const batch *b, int64_t g, int64_t n)
{
    blas_matrix a = {b->col, COLUMNS, false}, t = {b->col, COLUMNS, true};

    blas_gemm((blas_product){m->d, m->d, n, .alpha = 1, .beta = 1}, a, t,
              m->h + g * m->d * m->d, m->d);
    for (int64_t j = 0; j < m->d; j++) {
        double sum = 0;

        for (int64_t i = 0; i < n; i++)
            sum += b->col[j * COLUMNS + i];
        m->mean[g * m->d + j] += (float)sum;
    }
}

static void add_batch(nt_moment *m, const batch *b)
{
    int64_t at_once = COLUMNS / b->windows;

    for (int64_t i = 0; i < b->images; i += at_once) {
        int64_t n = b->images - i < at_once ? b->images - i : at_once;

        for (int64_t g = 0; g < m->groups; g++) {
            for (int64_t k = 0; k < n; k++)
                gather(b, m, i + k, g, k * b->windows);
            add_columns(m, b, g, n * b->windows);
        }
        m->n += n * b->windows;
    }
    m->seen += b->images;
}

static void round_all(float *y, const float *x, int64_t n, nt_qpair p, nt_codes c)
{
#pragma omp parallel for schedule(static) if (n > PARALLEL)
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(nt_quantize_one(x[i] / p.scale, p.zero, c.lo, c.hi) - p.zero) * p.scale;
}

nt_status nt_moment_see(nt_moment *m, const nt_tensor *x, const nt_qpair *rounded,
                        nt_codes codes, nt_err *e)
{
    int64_t n = nt_tensor_count(x);
    nt_status s = NT_OK;
    float *y = NULL;
    batch b = {0};

    NT_TRY(batch_of(&b, m, x, e));
    b.col = nt_alloc((size_t)m->d * COLUMNS, sizeof *b.col);
    y = rounded ? nt_alloc((size_t)n, sizeof *y) : NULL;
    if (!b.col || (rounded && !y))
        NT_TRY(nt_fail_nomem(e));
    if (rounded) {
        round_all(y, b.x, n, *rounded, codes);
        b.x = y;
    }
    add_batch(m, &b);
done:
    nt_free(b.col);
    nt_free(y);
    return s;
}

/* ---- at the end */

static void finish_group(const nt_moment *m, float *h, float *mean, bool centred)
{
    float inverse = m->n ? 1 / (float)m->n : 0;
    double trace = 0, share = (double)m->d / (double)(m->d + SHRINK * m->n);

    for (int64_t i = 0; i < m->d; i++)
        mean[i] *= inverse;
    for (int64_t i = 0; i < m->d; i++)
        for (int64_t j = 0; j < m->d; j++)
            h[i * m->d + j] = h[i * m->d + j] * inverse - (centred ? mean[i] * mean[j] : 0);
    for (int64_t i = 0; i < m->d; i++)
        trace += h[i * m->d + i];
    for (int64_t i = 0; i < m->d; i++)
        for (int64_t j = 0; j < m->d; j++) {
            double one = i == j ? trace / (double)m->d : 0;

            h[i * m->d + j] = (float)((1 - share) * h[i * m->d + j] + share * one);
        }
}

void nt_moment_finish(nt_moment *m, bool centred)
{
    for (int64_t g = 0; g < m->groups; g++)
        finish_group(m, m->h + g * m->d * m->d, m->mean + g * m->d, centred);
}
