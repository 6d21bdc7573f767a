/* SPDX-License-Identifier: MIT */
/* window.h - the sliding window of convolution and pooling, always seen as 3-dimensional. */
#ifndef NT_KERNEL_WINDOW_H
#define NT_KERNEL_WINDOW_H

#include <stdint.h>

/* Output position o and tap r meet the input at i = o*stride + r*dil - lo, if that lies in
 * [0, in). Dimensions that are not there come first, with one point and one tap. Positions and
 * taps are also numbered in row-major order, o in [0, n_out) and r in [0, n_ker). */
typedef struct nt_window {
    int64_t in[3], out[3], ker[3], stride[3], dil[3], lo[3];
    int64_t n_in, n_out, n_ker; /* products */
} nt_window;

/* The same of the dimensions there are: the first sp entries of each array. */
typedef struct nt_window_axes {
    int sp;
    const int64_t *in, *out, *ker, *stride, *dil, *lo;
} nt_window_axes;

nt_window nt_window_of(const nt_window_axes *a);

/* The input coordinate of output o and tap r along `dim`; may lie outside. */
static inline int64_t nt_window_at(const nt_window *w, int dim, int64_t o, int64_t r)
{
    return o * w->stride[dim] + r * w->dil[dim] - w->lo[dim];
}

/*
 * Where one tap of a range of output positions lies, one output row at a time:
 *
 *     for (nt_stretch s = nt_stretch_first(w, r, from, to); s.size > 0; nt_stretch_next(&s))
 *
 * Of the positions o .. o + size, the first `before` and the last `after` have the tap outside
 * the picture; the n between have it at input positions at, at + stride, ... (stride is
 * w->stride[2]).
 */
typedef struct nt_stretch {
    int64_t o, size, before, n, after, at;
    /* the walk's own */
    const nt_window *w;
    int64_t to, p0, p1, r[3], first, last;
} nt_stretch;

nt_stretch nt_stretch_first(const nt_window *w, int64_t r, int64_t from, int64_t to);
void nt_stretch_next(nt_stretch *s);

#endif
