/* SPDX-License-Identifier: MIT */
#include "export/tfl_window.h"

#include "export/tfl_code.h"

#include <string.h>

static nt_tfl_side side_of(const nt_value *x, const nt_window *w, const int64_t *out, int i)
{
    if (i < 0)
        return (nt_tfl_side){1, 1, 1, 1, 1, 0, 0};
    return (nt_tfl_side){
        x->dims[i + 2].value, out[i], w->ker[i], w->stride[i], w->dil[i], w->lo[i], w->hi[i]};
}

nt_status nt_tfl_window_read(nt_tfl_window *w, const nt_node *n, const int64_t *ker, nt_err *e)
{
    const nt_value *x = n->in[0];
    int64_t in[3] = {0}, out[3];
    int sp = x->rank - 2;
    nt_status s = NT_OK;
    nt_window win;

    if (sp < 1 || sp > 2)
        return nt_fail(e, NT_EUNSUPPORTED, "%d dimensions have no form in TFLite", sp);
    for (int i = 0; i < sp; i++)
        in[i] = x->dims[i + 2].value;
    NT_TRY(nt_window_read(&win, n, sp, ker, e));
    NT_TRY(nt_window_out(&win, out, in, e));
    w->h = side_of(x, &win, out, sp - 2);
    w->w = side_of(x, &win, out, sp - 1);
done:
    return s;
}

static int64_t reach(const nt_tfl_side *d)
{
    return (d->ker - 1) * d->dil + 1;
}

static bool is_valid(const nt_tfl_side *d)
{
    return d->lo == 0 && d->in >= reach(d) && d->out == (d->in - reach(d)) / d->stride + 1;
}

static bool is_same(const nt_tfl_side *d)
{
    int64_t pads = (d->out - 1) * d->stride + reach(d) - d->in;

    return d->out == (d->in + d->stride - 1) / d->stride && d->lo == (pads > 0 ? pads / 2 : 0);
}

bool nt_tfl_window_padding(nt_tfl_padding *padding, const nt_tfl_window *w)
{
    *padding = NT_TFL_VALID;
    if (is_valid(&w->h) && is_valid(&w->w))
        return true;
    if (!is_same(&w->h) || !is_same(&w->w))
        return false;
    *padding = NT_TFL_SAME;
    return true;
}

/* What the last window wants behind the end. */
static int64_t behind(const nt_tfl_side *d)
{
    int64_t n = (d->out - 1) * d->stride + reach(d) - d->lo - d->in;

    return n > 0 ? n : 0;
}

nt_status nt_tfl_window_pad(int *x, nt_tfl *l, const nt_value *v, const nt_tfl_window *w,
                            float fill, nt_err *e)
{
    const int64_t pads[8] = {0, 0, w->h.lo, behind(&w->h), w->w.lo, behind(&w->w), 0, 0};
    nt_tfl_shape shape = nt_tfl_picture_shape(v);
    int in[3] = {*x};
    nt_status s = NT_OK;
    nt_tfl_op *o;

    for (int i = 0; i < 4; i++)
        shape.dims[i] += pads[2 * i] + pads[2 * i + 1];
    NT_TRY(nt_tfl_ints(&in[1], l, pads, 8, 2, e));
    if (fill != 0)
        NT_TRY(l->coded ? nt_tfl_lowest_code(&in[2], l, v, e)
                        : nt_tfl_scalar(&in[2], l, fill, e));
    NT_TRY(nt_tfl_temp(x, l, v, "pad", &shape, e));
    NT_TRY(nt_tfl_op1(
        &o, l, (nt_tfl_from){fill != 0 ? NT_TFL_PADV2 : NT_TFL_PAD, in, fill != 0 ? 3 : 2}, *x,
        e));
done:
    return s;
}
