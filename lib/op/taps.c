/* SPDX-License-Identifier: MIT */
#include "op/taps.h"

#include "facet/infer.h"

#include <string.h>

/* Does the window map an axis onto itself, whatever its extent? */
static bool keeps_extent(const nt_window *w, int i)
{
    if (w->stride[i] != 1)
        return false;
    return w->auto_pad != NT_PAD_EXPLICIT || w->lo[i] + w->hi[i] == (w->ker[i] - 1) * w->dil[i];
}

nt_status nt_window_dims(nt_window *w, nt_dim *out, const nt_dim *in, nt_err *e)
{
    int64_t x[3] = {-1, -1, -1}, y[3];
    nt_status s = NT_OK;

    for (int i = 0; in && i < w->sp; i++)
        x[i] = in[i].value;
    NT_TRY(nt_window_out(w, y, x, e));
    for (int i = 0; i < w->sp; i++)
        out[i] = in && keeps_extent(w, i) ? in[i] : nt_dim_of(y[i]);
done:
    return s;
}

void nt_taps_set(nt_taps *t, const nt_window *w, const int64_t *in, const int64_t *out)
{
    memset(t, 0, sizeof *t);
    for (int i = 0; i < 3; i++) {
        int from = i - (3 - w->sp);

        t->in[i] = from < 0 ? 1 : in[from];
        t->out[i] = from < 0 ? 1 : out[from];
        t->ker[i] = from < 0 ? 1 : w->ker[from];
        t->stride[i] = from < 0 ? 1 : w->stride[from];
        t->dil[i] = from < 0 ? 1 : w->dil[from];
        t->lo[i] = from < 0 ? 0 : w->lo[from];
        t->hi[i] = from < 0 ? 0 : w->hi[from];
    }
    t->n_in = t->in[0] * t->in[1] * t->in[2];
    t->n_out = t->out[0] * t->out[1] * t->out[2];
    t->n_ker = t->ker[0] * t->ker[1] * t->ker[2];
}

nt_status nt_taps_init(nt_taps *t, nt_window *w, const int64_t *in, nt_err *e)
{
    int64_t out[3];
    nt_status s = NT_OK;

    NT_TRY(nt_window_out(w, out, in, e));
    nt_taps_set(t, w, in, out);
done:
    return s;
}

int64_t nt_taps_at(const nt_taps *t, int64_t o, int64_t tap)
{
    int64_t at = 0, step = 1;
    bool pad = false;

    for (int i = 2; i >= 0; i--) {
        int64_t x = o % t->out[i] * t->stride[i] + tap % t->ker[i] * t->dil[i] - t->lo[i];

        if (x >= t->in[i] + t->hi[i])
            return NT_TAP_PAST;
        pad = pad || x < 0 || x >= t->in[i];
        at += x * step;
        step *= t->in[i];
        o /= t->out[i];
        tap /= t->ker[i];
    }
    return pad ? NT_TAP_PAD : at;
}
