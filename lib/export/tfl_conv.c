/* SPDX-License-Identifier: MIT */
/*
 * Conv as CONV_2D, or DEPTHWISE_CONV_2D where each filter sees one channel. Runtimes know other
 * groups only lately: each group is a convolution of its own then, between a SPLIT_V and a
 * CONCATENATION.
 */
#include "base/alloc.h"
#include "export/tfl_code.h"
#include "export/tfl_window.h"
#include "export/tfl_writers.h"

#include <string.h>

typedef struct conv {
    const nt_node *n;
    const float *filters, *bias; /* bias: or NULL */
    nt_tfl_window win;
    nt_tfl_padding padding;
    nt_tfl_act act;
    int64_t g, c, k, r, s; /* c, k: of a group */
} conv;

static nt_status read_conv(conv *d, nt_tfl *l, const nt_node *n, nt_err *e)
{
    const nt_value *f = n->in[1];
    int64_t ker[3] = {0};
    const float *filters = nt_tfl_numbers(l, f), *bias = NULL;
    nt_status s = NT_OK;

    if (n->n_in > 2 && n->in[2])
        bias = nt_tfl_numbers(l, n->in[2]);
    if (!filters || (!bias && n->n_in > 2 && n->in[2]))
        return nt_tfl_refuse(e, "a weight that is no constant has");
    for (int i = 2; i < f->rank && i < 5; i++)
        ker[i - 2] = f->dims[i].value;
    *d = (conv){.n = n,
                .filters = filters,
                .bias = bias,
                .g = nt_node_int(n, "group", 1),
                .c = f->dims[1].value};
    NT_TRY(nt_tfl_window_read(&d->win, n, ker, e));
    d->k = f->dims[0].value / d->g;
    d->r = d->win.h.ker;
    d->s = d->win.w.ker;
done:
    return s;
}

/* ---- weights */

/* [k][r][s][c] of [k][c][r][s] */
static void turn_filters(float *to, const float *from, const conv *d)
{
    int64_t taps = d->r * d->s;

    for (int64_t k = 0; k < d->k; k++, from += d->c * taps) {
        for (int64_t i = 0; i < taps; i++) {
            for (int64_t c = 0; c < d->c; c++)
                *to++ = from[c * taps + i];
        }
    }
}

/* [r][s][g k] of [g k][r][s] */
static void turn_depthwise(float *to, const float *from, const conv *d)
{
    int64_t taps = d->r * d->s, all = d->g * d->k;

    for (int64_t i = 0; i < taps; i++) {
        for (int64_t k = 0; k < all; k++)
            *to++ = from[k * taps + i];
    }
}

static nt_status add_filters(int *t, nt_tfl *l, const conv *d, int64_t group, bool depthwise,
                             nt_err *e)
{
    const nt_value *f = d->n->in[1];
    int64_t n = d->k * d->c * d->r * d->s;
    float *data = nt_tfl_floats(l, depthwise ? n * d->g : n);
    nt_tfl_shape shape = {4, {d->k, d->r, d->s, d->c}};

    if (!data)
        return nt_fail_nomem(e);
    if (depthwise) {
        shape = (nt_tfl_shape){4, {1, d->r, d->s, d->g * d->k}};
        turn_depthwise(data, d->filters, d);
    } else
        turn_filters(data, d->filters + group * n, d);
    if (l->coded)
        return nt_tfl_code_weight(t, l, f, &shape,
                                  &(nt_tfl_part){data, depthwise ? -1 : group * d->k, d->k}, e);
    return nt_tfl_weight(t, l, f->name, &shape, data, e);
}

/* k numbers from `first` on; zeros where there is no bias. */
static nt_status add_bias(int *t, nt_tfl *l, const conv *d, int64_t first, int64_t k, nt_err *e)
{
    const nt_node *n = d->n;
    float *data = nt_tfl_floats(l, k);

    if (!data)
        return nt_fail_nomem(e);
    if (d->bias)
        memcpy(data, d->bias + first, (size_t)k * sizeof *data);
    if (l->coded)
        return nt_tfl_code_bias(t, l, n->in[0], n->in[1], &(nt_tfl_part){data, first, k}, e);
    return nt_tfl_const(t, l, d->bias ? n->in[2]->name : nt_tfl_name(l, n->in[1], "bias"),
                        &(nt_tfl_shape){1, {k}}, data, e);
}

/* ---- operators */

static void set_options(nt_tfl_op *o, const conv *d, bool depthwise, bool quantized)
{
    int at = 3;

    nt_tfl_set_int8(o, 0, d->padding);
    nt_tfl_set_int32(o, 1, d->win.w.stride, 0);
    nt_tfl_set_int32(o, 2, d->win.h.stride, 0);
    if (depthwise)
        nt_tfl_set_int32(o, at++, d->k, 0);
    nt_tfl_set_int8(o, at, d->act);
    nt_tfl_set_int32(o, at + 1, d->win.w.dil, 1);
    nt_tfl_set_int32(o, at + 2, d->win.h.dil, 1);
    if (depthwise && (d->win.w.dil > 1 || d->win.h.dil > 1))
        o->version = 2;
    if (quantized)
        o->version = 3;
}

/* One group of x (all of them: depthwise) into y. */
static nt_status write_group(nt_tfl *l, const conv *d, int x, int y, int64_t group, nt_err *e)
{
    bool depthwise = group < 0;
    int64_t k = depthwise ? d->g * d->k : d->k;
    nt_status s = NT_OK;
    int in[3] = {x};
    nt_tfl_op *o;

    NT_TRY(add_filters(&in[1], l, d, group, depthwise, e));
    NT_TRY(add_bias(&in[2], l, d, depthwise ? 0 : group * d->k, k, e));
    NT_TRY(nt_tfl_op1(
        &o, l, (nt_tfl_from){depthwise ? NT_TFL_DEPTHWISE_CONV_2D : NT_TFL_CONV_2D, in, 3}, y,
        e));
    set_options(o, d, depthwise, l->coded);
done:
    return s;
}

/* Each group's part of x, then of y. */
static nt_status split(int *parts, nt_tfl *l, const conv *d, int x, nt_err *e)
{
    nt_tfl_shape shape = {.rank = 4};
    int64_t *sizes = nt_arena_alloc(l->m.arena, (size_t)d->g, sizeof *sizes);
    nt_status s = NT_OK;
    int in[3] = {x};
    nt_tfl_op *o;

    if (!sizes)
        return nt_fail_nomem(e);
    memcpy(shape.dims, l->m.tensors[x].dims, sizeof shape.dims);
    shape.dims[3] = d->c;
    for (int64_t i = 0; i < d->g; i++) {
        sizes[i] = d->c;
        NT_TRY(nt_tfl_temp(&parts[i], l, d->n->in[0], "group", &shape, e));
    }
    NT_TRY(nt_tfl_ints(&in[1], l, sizes, (int)d->g, 1, e));
    NT_TRY(nt_tfl_ints(&in[2], l, &(int64_t){3}, 1, 0, e));
    NT_TRY(nt_tfl_add_op(
        &o, &l->m,
        &(nt_tfl_op){
            .code = NT_TFL_SPLIT_V, .in = in, .n_in = 3, .out = parts, .n_out = (int)d->g},
        e));
    nt_tfl_set_int32(o, 0, d->g, 0);
done:
    return s;
}

static nt_status write_groups(nt_tfl *l, const conv *d, int x, int y, nt_err *e)
{
    int *parts = nt_arena_alloc(l->m.arena, (size_t)d->g * 2, sizeof *parts);
    nt_tfl_shape shape = nt_tfl_picture_shape(d->n->out[0]);
    nt_status s = NT_OK;
    nt_tfl_op *o;

    if (!parts)
        return nt_fail_nomem(e);
    NT_TRY(split(parts, l, d, x, e));
    shape.dims[3] = d->k;
    for (int64_t i = 0; i < d->g; i++) {
        NT_TRY(nt_tfl_temp(&parts[d->g + i], l, d->n->out[0], "group", &shape, e));
        NT_TRY(write_group(l, d, parts[i], parts[d->g + i], i, e));
    }
    NT_TRY(nt_tfl_add_op(&o, &l->m,
                         &(nt_tfl_op){.version = l->coded + 1,
                                      .code = NT_TFL_CONCATENATION,
                                      .in = parts + d->g,
                                      .n_in = (int)d->g,
                                      .out = &y,
                                      .n_out = 1},
                         e));
    nt_tfl_set_int32(o, 0, 3, 0);
done:
    return s;
}

nt_status nt_tfl_conv(nt_tfl *l, const nt_node *n, nt_err *e)
{
    const nt_value *out;
    nt_status s = NT_OK;
    int x, y;
    conv d;

    NT_TRY(read_conv(&d, l, n, e));
    NT_TRY(nt_tfl_picture_in(&x, l, n->in[0], e));
    if (!nt_tfl_window_padding(&d.padding, &d.win))
        NT_TRY(nt_tfl_window_pad(&x, l, n->in[0], &d.win, 0, e));
    out = nt_tfl_fuse(&d.act, l, n);
    NT_TRY(nt_tfl_picture_out(&y, l, out, e));
    if (d.g == 1 || (d.c == 1 && d.g > 1))
        NT_TRY(write_group(l, &d, x, y, d.g == 1 ? 0 : -1, e));
    else
        NT_TRY(write_groups(l, &d, x, y, e));
    NT_TRY(nt_tfl_picture_close(l, out, y, e));
done:
    return s;
}
