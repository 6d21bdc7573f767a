/* SPDX-License-Identifier: MIT */
/* taps.h - which inputs a sliding window sees: for shape inference and the plain forms of
 * convolutions and pools. */
#ifndef NT_OP_TAPS_H
#define NT_OP_TAPS_H

#include "facet/window.h"

/* The output plane's extents from the input's (NULL: unknown), with symbols kept where the
 * window changes nothing. */
nt_status nt_window_dims(nt_window *w, nt_dim *out, const nt_dim *in, nt_err *e) NT_MUST_CHECK;

/* A window on a plane of known extents, always in three dimensions (1 in front). */
typedef struct nt_taps {
    int64_t in[3], out[3], ker[3], stride[3], dil[3], lo[3], hi[3];
    int64_t n_in, n_out, n_ker; /* products */
} nt_taps;

/* in, out: w->sp extents; auto_pad is resolved. */
void nt_taps_set(nt_taps *t, const nt_window *w, const int64_t *in, const int64_t *out);
/* in: w->sp extents. Resolves auto_pad in w, too. */
nt_status nt_taps_init(nt_taps *t, nt_window *w, const int64_t *in, nt_err *e) NT_MUST_CHECK;

enum { NT_TAP_PAD = -1, NT_TAP_PAST = -2 };

/* The input offset that tap `tap` of output position `o` reads; NT_TAP_PAD in the padding,
 * NT_TAP_PAST beyond it (a last window that ceil_mode lets hang over). */
int64_t nt_taps_at(const nt_taps *t, int64_t o, int64_t tap);

#endif
