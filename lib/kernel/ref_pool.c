/* SPDX-License-Identifier: MIT */
#include "kernel/ref_pool.h"

#include "kernel/window.h"

#include <math.h>
#include <string.h>

/* What one output position sees of one plane. */
typedef struct view {
    double sum, max;
    int64_t at;             /* of the maximum; -1: no tap is inside */
    int64_t inside, padded; /* taps in the picture; in the picture and its padding */
} view;

static view look(const float *x, const nt_window *w, const int64_t hi[3], int64_t q)
{
    view v = {.max = -INFINITY, .at = -1};
    int64_t o[3] = {q / (w->out[1] * w->out[2]), q / w->out[2] % w->out[1], q % w->out[2]};

    for (int64_t r = 0; r < w->n_ker; r++) {
        int64_t tap[3] = {r / (w->ker[1] * w->ker[2]), r / w->ker[2] % w->ker[1],
                          r % w->ker[2]};
        int64_t xi = 0;
        int inside = 1, padded = 1;

        for (int i = 0; i < 3; i++) {
            int64_t at = nt_window_at(w, i, o[i], tap[i]);

            inside = inside && at >= 0 && at < w->in[i];
            padded = padded && at < w->in[i] + hi[i];
            xi = xi * w->in[i] + at;
        }
        v.padded += padded;
        v.inside += inside;
        if (inside)
            v.sum += x[xi];
        if (inside && (v.at < 0 || x[xi] > v.max)) {
            v.max = x[xi];
            v.at = xi;
        }
    }
    return v;
}

static int64_t divisor(const nt_pool_desc *d, const view *v)
{
    return d->kind == NT_POOL_AVG ? v->inside : v->padded;
}

static nt_window window(const nt_pool_desc *d, int64_t hi[3])
{
    for (int i = 0; i < 3; i++)
        hi[i] = i < 3 - d->sp ? 0 : d->hi[i - (3 - d->sp)];
    return nt_window_of(
        &(nt_window_axes){d->sp, d->in, d->out, d->ker, d->stride, d->dil, d->lo});
}

void nt_ref_pool_fwd(float *y, const float *x, const nt_pool_desc *d)
{
    int64_t hi[3];
    nt_window w = window(d, hi);

    for (int64_t nc = 0; nc < d->n * d->c; nc++)
        for (int64_t q = 0; q < w.n_out; q++) {
            view v = look(x + nc * w.n_in, &w, hi, q);

            y[nc * w.n_out + q] = d->kind == NT_POOL_MAX ? (float)v.max
                                  : v.inside == 0        ? 0
                                                  : (float)(v.sum / (double)divisor(d, &v));
        }
}

/* Adds g to every tap in the picture. */
static void spread(float *dx, const nt_window *w, int64_t q, float g)
{
    int64_t o[3] = {q / (w->out[1] * w->out[2]), q / w->out[2] % w->out[1], q % w->out[2]};

    for (int64_t r = 0; r < w->n_ker; r++) {
        int64_t a = nt_window_at(w, 0, o[0], r / (w->ker[1] * w->ker[2]));
        int64_t b = nt_window_at(w, 1, o[1], r / w->ker[2] % w->ker[1]);
        int64_t c = nt_window_at(w, 2, o[2], r % w->ker[2]);

        if (a >= 0 && a < w->in[0] && b >= 0 && b < w->in[1] && c >= 0 && c < w->in[2])
            dx[(a * w->in[1] + b) * w->in[2] + c] += g;
    }
}

void nt_ref_pool_bwd(float *dx, const float *x, const float *dy, const nt_pool_desc *d)
{
    int64_t hi[3];
    nt_window w = window(d, hi);

    memset(dx, 0, (size_t)(d->n * d->c * w.n_in) * sizeof *dx);
    for (int64_t nc = 0; nc < d->n * d->c; nc++)
        for (int64_t q = 0; q < w.n_out; q++) {
            view v = look(x + nc * w.n_in, &w, hi, q);
            float g = dy[nc * w.n_out + q];

            if (d->kind != NT_POOL_MAX && v.inside)
                spread(dx + nc * w.n_in, &w, q, g / (float)divisor(d, &v));
            else if (v.at >= 0)
                dx[nc * w.n_in + v.at] += g;
        }
}
