/* SPDX-License-Identifier: MIT */
#include "kernel/window.h"

#include <stdbool.h>

nt_window nt_window_of(const nt_window_axes *a)
{
    nt_window w = {.n_in = 1, .n_out = 1, .n_ker = 1};

    for (int i = 0; i < 3; i++) {
        int from = i - (3 - a->sp);
        bool there = from >= 0;

        w.in[i] = there ? a->in[from] : 1;
        w.out[i] = there ? a->out[from] : 1;
        w.ker[i] = there ? a->ker[from] : 1;
        w.stride[i] = there ? a->stride[from] : 1;
        w.dil[i] = there ? a->dil[from] : 1;
        w.lo[i] = there ? a->lo[from] : 0;
        w.n_in *= w.in[i];
        w.n_out *= w.out[i];
        w.n_ker *= w.ker[i];
    }
    return w;
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* ceil(a / b) for b > 0 */
static int64_t ceil_div(int64_t a, int64_t b)
{
    return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

/* What follows from p0, p1 and the positions [q0, q1) of that row. */
static void look(nt_stretch *s, int64_t q0, int64_t q1)
{
    const nt_window *w = s->w;
    int64_t i0 = nt_window_at(w, 0, s->p0, s->r[0]), i1 = nt_window_at(w, 1, s->p1, s->r[1]);
    int64_t first = q1, last = q1;

    s->at = 0;
    if (i0 >= 0 && i0 < w->in[0] && i1 >= 0 && i1 < w->in[1]) {
        first = clamp(s->first, q0, q1);
        last = clamp(s->last, first, q1);
        if (first < last)
            s->at = (i0 * w->in[1] + i1) * w->in[2] + nt_window_at(w, 2, first, s->r[2]);
    }
    s->size = q1 - q0;
    s->before = first - q0;
    s->n = last - first;
    s->after = q1 - last;
}

nt_stretch nt_stretch_first(const nt_window *w, int64_t r, int64_t from, int64_t to)
{
    int64_t row = from / w->out[2], q = from - row * w->out[2], width = w->out[2] - q;
    int64_t r01 = r / w->ker[2], shift; /* o*stride must lie in [shift, shift + in) */
    nt_stretch s = {.o = from, .w = w, .to = to};

    s.p0 = row / w->out[1];
    s.p1 = row - s.p0 * w->out[1];
    s.r[0] = r01 / w->ker[1];
    s.r[1] = r01 - s.r[0] * w->ker[1];
    s.r[2] = r - r01 * w->ker[2];
    shift = w->lo[2] - s.r[2] * w->dil[2];
    s.first = ceil_div(shift, w->stride[2]);
    s.last = ceil_div(shift + w->in[2], w->stride[2]);
    look(&s, q, q + (width < to - from ? width : to - from));
    return s;
}

void nt_stretch_next(nt_stretch *s)
{
    int64_t left;

    s->o += s->size;
    left = s->to - s->o;
    if (++s->p1 == s->w->out[1]) {
        s->p1 = 0;
        s->p0++;
    }
    look(s, 0, left < s->w->out[2] ? left : s->w->out[2]);
}
