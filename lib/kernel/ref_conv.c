/* SPDX-License-Identifier: MIT */
/*
 * All three passes sum the same products x * w * dy over the same index set; `for_each_product`
 * walks it once, and each pass picks which of the three it collects.
 */
#include "kernel/ref_conv.h"

#include "base/alloc.h"
#include "kernel/window.h"

#include <assert.h>
#include <stddef.h>

/* One product x[at.x] w[at.w] contributes to y[at.y]. */
typedef struct place {
    int64_t x, w, y;
} place;

typedef void product_fn(void *ctx, place at);

/* All taps of output position o = (o0, o1, o2), for one input channel plane; first: the plane's
 * first element, its first tap, and the output. */
static void taps_of(const nt_window *w, const int64_t o[3], place first, product_fn *f,
                    void *ctx)
{
    for (int64_t r = 0; r < w->n_ker; r++) {
        int64_t tap[3] = {r / (w->ker[1] * w->ker[2]), r / w->ker[2] % w->ker[1],
                          r % w->ker[2]};
        int64_t xi = 0;
        int inside = 1;

        for (int i = 0; i < 3; i++) {
            int64_t at = nt_window_at(w, i, o[i], tap[i]);

            inside = inside && at >= 0 && at < w->in[i];
            xi = xi * w->in[i] + at;
        }
        if (inside)
            f(ctx, (place){first.x + xi, first.w + r, first.y});
    }
}

static void for_each_product(const nt_conv_desc *d, product_fn *f, void *ctx)
{
    nt_window w =
        nt_window_of(&(nt_window_axes){d->sp, d->in, d->out, d->ker, d->stride, d->dil, d->lo});
    int64_t cg = d->c / d->g, kg = d->k / d->g;

    for (int64_t n = 0; n < d->n; n++)
        for (int64_t k = 0; k < d->k; k++)
            for (int64_t q = 0; q < w.n_out; q++) {
                int64_t o[3] = {q / (w.out[1] * w.out[2]), q / w.out[2] % w.out[1],
                                q % w.out[2]};

                for (int64_t c = 0; c < cg; c++) {
                    int64_t plane = n * d->c + k / kg * cg + c;
                    place first = {plane * w.n_in, (k * cg + c) * w.n_ker,
                                   (n * d->k + k) * w.n_out + q};

                    taps_of(&w, o, first, f, ctx);
                }
            }
}

typedef struct sums {
    double *to;
    const float *a, *b;
} sums;

static void into_y(void *ctx, place at)
{
    sums *s = ctx;

    s->to[at.y] += (double)s->a[at.x] * s->b[at.w];
}

static void into_dx(void *ctx, place at)
{
    sums *s = ctx;

    s->to[at.x] += (double)s->a[at.y] * s->b[at.w];
}

static void into_dw(void *ctx, place at)
{
    sums *s = ctx;

    s->to[at.w] += (double)s->a[at.x] * s->b[at.y];
}

static void collect(float *to, size_t n, const nt_conv_desc *d, product_fn *f, const float *a,
                    const float *b)
{
    sums s = {nt_calloc(n, sizeof(double)), a, b};

    assert(s.to); /* a reference for tests: small sizes */
    for_each_product(d, f, &s);
    for (size_t i = 0; i < n; i++)
        to[i] = (float)s.to[i];
    nt_free(s.to);
}

static size_t product(int sp, const int64_t *dims)
{
    size_t n = 1;

    for (int i = 0; i < sp; i++)
        n *= (size_t)dims[i];
    return n;
}

void nt_ref_conv_fwd(float *y, const float *x, const float *w, const float *b,
                     const nt_conv_desc *d)
{
    size_t plane = product(d->sp, d->out), count = (size_t)(d->n * d->k) * plane;

    collect(y, count, d, into_y, x, w);
    for (size_t i = 0; b && i < count; i++)
        y[i] += b[i / plane % (size_t)d->k];
}

void nt_ref_conv_bwd_data(float *dx, const float *dy, const float *w, const nt_conv_desc *d)
{
    collect(dx, (size_t)(d->n * d->c) * product(d->sp, d->in), d, into_dx, dy, w);
}

void nt_ref_conv_bwd_weights(float *dw, float *db, const float *x, const float *dy,
                             const nt_conv_desc *d)
{
    size_t plane = product(d->sp, d->out);

    collect(dw, (size_t)(d->k * (d->c / d->g)) * product(d->sp, d->ker), d, into_dw, x, dy);
    for (int64_t k = 0; db && k < d->k; k++) {
        double sum = 0;

        for (int64_t n = 0; n < d->n; n++)
            for (size_t i = 0; i < plane; i++)
                sum += dy[(size_t)(n * d->k + k) * plane + i];
        db[k] = (float)sum;
    }
}
