/* SPDX-License-Identifier: MIT */
/*
 * ConvTranspose as TRANSPOSE_CONV. Its pads are those of a convolution the other way round:
 * where they are neither SAME nor none, all is computed and what the pads take away is cut off.
 */
#include "export/tfl_writers.h"
#include "facet/window.h"

#include <string.h>

typedef struct side {
    int64_t in, out, ker, stride, lo;
} side;

typedef struct deconv {
    const nt_node *n;
    side h, w;
    int64_t c, k;
    nt_tfl_padding padding;
    bool cut;
} deconv;

static int64_t full(const side *d)
{
    return (d->in - 1) * d->stride + d->ker;
}

static bool is_same(const side *d)
{
    int64_t pads = full(d) - d->out;

    return d->in == (d->out + d->stride - 1) / d->stride && pads >= 0 && d->lo == pads / 2;
}

static bool is_whole(const side *d)
{
    return d->lo == 0 && d->out == full(d);
}

/* Where the output begins in the full one: of auto_pad, as what is cut off is shared. */
static nt_status begin_of(int64_t *lo, const nt_node *n, const nt_window *w, int i,
                          const side *d, nt_err *e)
{
    int64_t more[3] = {0}, cut;

    nt_node_ints(n, "output_padding", more, 3);
    cut = full(d) + more[i] - d->out;
    *lo = w->lo[i];
    if (nt_node_attr(n, "output_shape") || w->auto_pad != NT_PAD_EXPLICIT) {
        if (cut < 0)
            return nt_tfl_refuse(e, "an output larger than its windows has");
        *lo = w->auto_pad == NT_PAD_SAME_UPPER ? cut / 2 : cut - cut / 2;
    }
    if (*lo + d->out > full(d))
        return nt_tfl_refuse(e, "an output that passes its windows has");
    return NT_OK;
}

static nt_status read_side(side *d, const deconv *t, const nt_window *w, int i, nt_err *e)
{
    const nt_node *n = t->n;

    *d = (side){1, 1, 1, 1, 0};
    if (i < 0)
        return NT_OK;
    if (w->dil[i] > 1)
        return nt_tfl_refuse(e, "a dilation has");
    *d = (side){n->in[0]->dims[i + 2].value, n->out[0]->dims[i + 2].value, w->ker[i],
                w->stride[i], 0};
    return begin_of(&d->lo, n, w, i, d, e);
}

static nt_status read_deconv(deconv *d, const nt_node *n, nt_err *e)
{
    const nt_value *f = n->in[1];
    int64_t ker[3] = {0};
    int sp = n->in[0]->rank - 2;
    nt_status s = NT_OK;
    nt_window w;

    if (sp < 1 || sp > 2)
        return nt_fail(e, NT_EUNSUPPORTED, "%d dimensions have no form in TFLite", sp);
    if (!nt_tfl_is_const(f) || (n->n_in > 2 && n->in[2] && !nt_tfl_is_const(n->in[2])))
        return nt_tfl_refuse(e, "a weight that is no constant has");
    if (nt_node_int(n, "group", 1) != 1)
        return nt_tfl_refuse(e, "more than one group has");
    for (int i = 0; i < sp; i++)
        ker[i] = f->dims[i + 2].value;
    *d = (deconv){.n = n, .c = f->dims[0].value, .k = f->dims[1].value};
    NT_TRY(nt_window_read(&w, n, sp, ker, e));
    NT_TRY(read_side(&d->h, d, &w, sp - 2, e));
    NT_TRY(read_side(&d->w, d, &w, sp - 1, e));
    d->padding = is_same(&d->h) && is_same(&d->w) ? NT_TFL_SAME : NT_TFL_VALID;
    d->cut = d->padding == NT_TFL_VALID && !(is_whole(&d->h) && is_whole(&d->w));
done:
    return s;
}

/* [k][r][s][c] of [c][k][r][s] */
static nt_status add_filters(int *t, nt_tfl *l, const deconv *d, nt_err *e)
{
    const nt_value *f = d->n->in[1];
    const float *from = nt_tfl_numbers(l, f);
    int64_t taps = d->h.ker * d->w.ker;
    float *data = nt_tfl_floats(l, taps * d->c * d->k), *to = data;
    nt_tfl_shape shape = {4, {d->k, d->h.ker, d->w.ker, d->c}};

    if (!data || !from)
        return nt_fail_nomem(e);
    for (int64_t k = 0; k < d->k; k++) {
        for (int64_t i = 0; i < taps; i++) {
            for (int64_t c = 0; c < d->c; c++)
                *to++ = from[(c * d->k + k) * taps + i];
        }
    }
    return nt_tfl_weight(t, l, f->name, &shape, data, e);
}

static nt_status add_cut(nt_tfl *l, const deconv *d, int from, int to, nt_err *e)
{
    const int64_t begin[4] = {0, d->h.lo, d->w.lo, 0};
    int in[3] = {from};
    nt_status s = NT_OK;
    nt_tfl_op *o;

    NT_TRY(nt_tfl_ints(&in[1], l, begin, 4, 1, e));
    NT_TRY(nt_tfl_ints(&in[2], l, (int64_t[4]){-1, d->h.out, d->w.out, -1}, 4, 1, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_SLICE, in, 3}, to, e));
done:
    return s;
}

/* Without a bias the operator is of version 1. */
static nt_status add_deconv(nt_tfl *l, const deconv *d, int x, int y, nt_err *e)
{
    bool bias = d->n->n_in > 2 && d->n->in[2];
    nt_status s = NT_OK;
    int in[4] = {0};
    nt_tfl_op *o;

    NT_TRY(nt_tfl_ints(&in[0], l, l->m.tensors[y].dims, 4, 1, e));
    NT_TRY(add_filters(&in[1], l, d, e));
    in[2] = x;
    if (bias)
        NT_TRY(nt_tfl_in(&in[3], l, d->n->in[2], NT_TFL_PLAIN, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_TRANSPOSE_CONV, in, bias ? 4 : 3}, y, e));
    o->version = bias ? 3 : 1;
    nt_tfl_set_int8(o, 0, d->padding);
    nt_tfl_set_int32(o, 1, d->w.stride, 0);
    nt_tfl_set_int32(o, 2, d->h.stride, 0);
done:
    return s;
}

nt_status nt_tfl_deconv(nt_tfl *l, const nt_node *n, nt_err *e)
{
    nt_tfl_shape shape = nt_tfl_picture_shape(n->out[0]);
    nt_status s = NT_OK;
    int x, y, whole;
    deconv d;

    NT_TRY(read_deconv(&d, n, e));
    NT_TRY(nt_tfl_picture_in(&x, l, n->in[0], e));
    shape.dims[1] = full(&d.h);
    shape.dims[2] = full(&d.w);
    if (d.cut)
        NT_TRY(nt_tfl_temp(&whole, l, n->out[0], "whole", &shape, e));
    NT_TRY(nt_tfl_picture_out(&y, l, n->out[0], e));
    NT_TRY(add_deconv(l, &d, x, d.cut ? whole : y, e));
    if (d.cut)
        NT_TRY(add_cut(l, &d, whole, y, e));
    NT_TRY(nt_tfl_picture_close(l, n->out[0], y, e));
done:
    return s;
}
