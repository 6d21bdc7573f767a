/* SPDX-License-Identifier: MIT */
#include "export/dlrt_lower.h"

#include "base/alloc.h"
#include "facet/arg.h"
#include "facet/op.h"
#include "facet/window.h"
#include "op/filters.h"
#include "op/pools.h"

#include <math.h>
#include <string.h>

nt_status nt_dlrt_shape(uint32_t chw[3], const nt_value *v, nt_err *e)
{
    int64_t d[NT_MAX_RANK];
    char text[96];

    if (!nt_value_shape(v, d) || v->rank < 2 || v->rank > 4 || d[0] != 1)
        return nt_fail(e, NT_EUNSUPPORTED, "value '%s' is %s, want one picture or row", v->name,
                       nt_value_shape_text(text, sizeof text, v));
    for (int i = 1; i < v->rank; i++)
        if (d[i] < 1 || d[i] > 1 << 24)
            return nt_fail(e, NT_EUNSUPPORTED, "value '%s' has an extent of %lld", v->name,
                           (long long)d[i]);
    chw[0] = (uint32_t)d[1];
    chw[1] = v->rank == 4 ? (uint32_t)d[2] : 1;
    chw[2] = v->rank > 2 ? (uint32_t)d[v->rank - 1] : 1;
    return NT_OK;
}

/* ---- tensors */

static nt_status new_tensor(uint32_t *id, nt_dlrt_lower *l, nt_dlrt_tensor t, const nt_value *v,
                            nt_err *e)
{
    nt_status s = NT_OK;
    uint32_t chw[3];

    NT_TRY(nt_dlrt_shape(chw, v, e));
    t.c = chw[0];
    t.h = chw[1];
    t.w = chw[2];
    t.rank = (uint16_t)(v->rank - 1);
    NT_TRY(nt_dlrt_add_tensor(id, &l->f, &t, v->name, e));
done:
    return s;
}

nt_status nt_dlrt_new_codes(uint32_t *id, nt_dlrt_lower *l, const nt_value *like,
                            const nt_dlrt_quant *q, nt_err *e)
{
    nt_dlrt_tensor t = {
        .type = NT_DLRT_CODES, .bits = q->bits, .scale = q->scale, .zero = (float)q->zero};

    return new_tensor(id, l, t, like, e);
}

nt_status nt_dlrt_new_real(uint32_t *id, nt_dlrt_lower *l, const nt_value *like, nt_err *e)
{
    return new_tensor(id, l, (nt_dlrt_tensor){.type = NT_DLRT_F32, .bits = 32}, like, e);
}

nt_status nt_dlrt_new_like(uint32_t *id, nt_dlrt_lower *l, uint32_t x, const nt_value *v,
                           nt_err *e)
{
    nt_dlrt_tensor t = l->f.t[x];

    t.place = NT_DLRT_ARENA;
    t.index = 0;
    return new_tensor(id, l, t, v, e);
}

nt_status nt_dlrt_step_of(nt_dlrt_step **out, nt_dlrt_lower *l, nt_dlrt_op op, const nt_node *n,
                          nt_err *e)
{
    char name[256];

    return nt_dlrt_add_step(out, &l->f, op, n ? nt_layer_name(name, sizeof name, l->g, n) : "",
                            e);
}

nt_status nt_dlrt_as_shape(uint32_t *id, nt_dlrt_lower *l, const nt_value *v, nt_err *e)
{
    nt_dlrt_step *step;
    nt_status s = NT_OK;
    uint32_t chw[3], y;

    NT_TRY(nt_dlrt_shape(chw, v, e));
    if (l->f.t[*id].c == chw[0] && l->f.t[*id].h == chw[1] && l->f.t[*id].w == chw[2])
        return NT_OK;
    NT_TRY(nt_dlrt_new_like(&y, l, *id, v, e));
    NT_TRY(nt_dlrt_step_of(&step, l, (nt_dlrt_op){NT_DLRT_RESHAPE, *id, y}, v->producer, e));
    *id = y;
done:
    return s;
}

/* ---- windows */

static nt_status narrow(uint16_t *out, int64_t v, uint32_t most, nt_err *e)
{
    if (v < 0 || v > most)
        return nt_fail(e, NT_EUNSUPPORTED, "a kernel, stride or pad of %lld, want at most %u",
                       (long long)v, most);
    *out = (uint16_t)v;
    return NT_OK;
}

/* One window over the whole input. */
static nt_status set_whole(nt_dlrt_step *s, const nt_dlrt_tensor *x, nt_err *e)
{
    s->stride_h = s->stride_w = s->dil_h = s->dil_w = 1;
    return narrow(&s->r, x->h, NT_DLRT_WINDOW, e) == NT_OK
               ? narrow(&s->s, x->w, NT_DLRT_WINDOW, e)
               : NT_EUNSUPPORTED;
}

/* Axis i of a window, from extent x to y: kernel, stride, dilation, pad before and pad behind,
 * as much as y needs. */
static nt_status set_axis(uint16_t *const to[5], const nt_window *w, int i, uint32_t x,
                          uint32_t y, nt_err *e)
{
    int64_t reach = (int64_t)(y - 1) * w->stride[i] + (w->ker[i] - 1) * w->dil[i] + 1;
    int64_t behind = reach - x - w->lo[i];
    const int64_t v[5] = {w->ker[i], w->stride[i], w->dil[i], w->lo[i],
                          behind > 0 ? behind : 0};
    nt_status s = NT_OK;

    for (int k = 0; k < 5; k++)
        NT_TRY(narrow(to[k], v[k], NT_DLRT_WINDOW, e));
done:
    return s;
}

/* From a window over 1 or 2 axes. */
static nt_status set_window(nt_dlrt_step *s, const nt_dlrt_lower *l, const nt_window *w,
                            nt_err *e)
{
    const nt_dlrt_tensor *x = &l->f.t[s->in[0]], *y = &l->f.t[s->out];
    uint16_t *const high[] = {&s->r, &s->stride_h, &s->dil_h, &s->pad_t, &s->pad_b};
    uint16_t *const wide[] = {&s->s, &s->stride_w, &s->dil_w, &s->pad_l, &s->pad_r};
    nt_status status;

    if (w->sp < 1 || w->sp > 2)
        return nt_fail(e, NT_EUNSUPPORTED, "a window over %d axes", w->sp);
    s->r = s->stride_h = s->dil_h = 1;
    status = w->sp == 2 ? set_axis(high, w, 0, x->h, y->h, e) : NT_OK;
    return status == NT_OK ? set_axis(wide, w, w->sp - 1, x->w, y->w, e) : status;
}

static nt_status pool_window(nt_dlrt_step *step, nt_window *w, const nt_dlrt_lower *l,
                             const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    bool global = strncmp(n->op_type, "Global", 6) == 0;
    int64_t in[3] = {1, 1, 1}, out[3];
    nt_status s = NT_OK;

    for (int i = 2; i < x->rank && i < 5; i++)
        in[i - 2] = x->dims[i].value;
    NT_TRY(nt_pool_window(w, n, global, x->rank - 2, in, e));
    NT_TRY(nt_window_out(w, out, in, e));
    NT_TRY(set_window(step, l, w, e));
done:
    return s;
}

/* ---- moving */

static bool reshapes(const nt_node *n)
{
    static const char *const ops[] = {"Reshape",   "Flatten",  "Squeeze",
                                      "Unsqueeze", "Identity", "Dropout"};

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (nt_dlrt_is(n, ops[i]))
            return true;
    return false;
}

static bool nearest(const nt_node *n)
{
    return nt_dlrt_is(n, "Resize") && strcmp(nt_node_str(n, "mode", "nearest"), "nearest") == 0;
}

static bool pads_constant(const nt_node *n)
{
    return nt_dlrt_is(n, "Pad") && strcmp(nt_node_str(n, "mode", "constant"), "constant") == 0;
}

bool nt_dlrt_moves(const nt_node *n)
{
    return n &&
           (reshapes(n) || nearest(n) || pads_constant(n) ||
            ((nt_dlrt_is(n, "MaxPool") || nt_dlrt_is(n, "GlobalMaxPool")) && n->n_out == 1));
}

/* Where each of n positions of an axis of `from` comes from: as the operator itself says, asked
 * with a picture of coordinates. */
static nt_status ask_resize(uint32_t *at, const nt_node *n, int axis, nt_err *e)
{
    const nt_value *x = n->in[0], *v = n->out[0];
    const nt_tensor *in[4] = {NULL, NULL, NULL, NULL};
    int64_t xd[NT_MAX_RANK], yd[NT_MAX_RANK];
    nt_tensor *a = NULL, *b = NULL;
    nt_axis_view xv, yv;
    nt_status s = NT_OK;

    nt_value_shape(x, xd);
    nt_value_shape(v, yd);
    NT_TRY(nt_tensor_new(&a, NT_F32, x->rank, xd, e));
    NT_TRY(nt_tensor_new(&b, NT_F32, v->rank, yd, e));
    xv = nt_tensor_axis(a, axis);
    yv = nt_tensor_axis(b, axis);
    for (int64_t i = 0; i < nt_tensor_count(a); i++)
        ((float *)a->data)[i] = (float)(i / xv.inner % xv.n);
    in[0] = a;
    for (int i = 1; i < n->n_in && i < 4; i++)
        in[i] = n->in[i] ? n->in[i]->data : NULL;
    NT_TRY(n->op->eval(n, in, &b, e));
    for (int64_t i = 0; i < yv.n; i++)
        at[i] = (uint32_t)((float *)b->data)[i * yv.inner];
done:
    nt_tensor_free(a);
    nt_tensor_free(b);
    return s;
}

static nt_status resize(nt_dlrt_lower *l, nt_dlrt_step *step, const nt_node *n, nt_err *e)
{
    const nt_dlrt_tensor *x = &l->f.t[step->in[0]], *y = &l->f.t[step->out];
    int rank = n->in[0]->rank;
    uint32_t *at = nt_calloc((size_t)y->h + y->w, sizeof *at);
    nt_status s = NT_OK;

    if (!at)
        NT_TRY(nt_fail_nomem(e));
    if (rank < 3 || x->c != y->c || !n->op->eval)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "Resize of channels"));
    if (rank == 4)
        NT_TRY(ask_resize(at, n, 2, e));
    NT_TRY(ask_resize(at + y->h, n, rank - 1, e));
    step->table = nt_dlrt_add_data(&l->f, at, ((size_t)y->h + y->w) * sizeof *at);
done:
    nt_free(at);
    return s;
}

static nt_status pad(nt_dlrt_lower *l, nt_dlrt_step *step, const nt_node *n, nt_err *e)
{
    const nt_dlrt_tensor *x = &l->f.t[step->in[0]], *y = &l->f.t[step->out];
    const nt_tensor *value = nt_const_in(n, 2);
    int rank = n->in[0]->rank;
    int64_t p[2 * NT_MAX_RANK] = {0};
    float fill = value ? (float)nt_tensor_get(value, 0) : nt_node_float(n, "value", 0);
    bool given = false;
    size_t count = 0;
    nt_status s = NT_OK;

    NT_TRY(nt_arg_ints(p, &count, &given, (nt_arg){n, "pads", nt_const_in(n, 1)}, e));
    for (size_t i = 0; i < count; i++)
        if (p[i] < 0 || p[i] > 1 << 20 || (p[i] && (i % (size_t)rank) < 2))
            return nt_fail(e, NT_EUNSUPPORTED, "pads that cut, or of channels");
    if (!given || count != 2 * (size_t)rank || rank < 3 || nt_has_in(n, 3))
        return nt_fail(e, NT_EUNSUPPORTED, "pads that are no constants, or of axes");
    NT_TRY(narrow(&step->pad_l, p[rank - 1], UINT16_MAX, e));
    NT_TRY(narrow(&step->pad_r, p[2 * rank - 1], UINT16_MAX, e));
    NT_TRY(narrow(&step->pad_t, rank == 4 ? p[2] : 0, UINT16_MAX, e));
    NT_TRY(narrow(&step->pad_b, rank == 4 ? p[6] : 0, UINT16_MAX, e));
    step->lo = fill;
    if (x->type == NT_DLRT_CODES) {
        nt_dlrt_quant q = {x->scale, (int32_t)x->zero, 0, 0, x->bits};

        step->lo = (float)nt_dlrt_code(&q, fill);
        if ((step->lo - x->zero) * x->scale != fill)
            return nt_fail(e, NT_EUNSUPPORTED, "a fill that is no code");
    }
    (void)y;
done:
    return s;
}

nt_status nt_dlrt_move(uint32_t *y, nt_dlrt_lower *l, const nt_node *n, uint32_t x, nt_err *e)
{
    nt_dlrt_step *step;
    nt_status s = NT_OK;
    nt_dlrt_op op;
    nt_window w;

    *y = x;
    if (reshapes(n))
        return NT_OK;
    NT_TRY(nt_dlrt_as_shape(&x, l, n->in[0], e));
    NT_TRY(nt_dlrt_new_like(y, l, x, n->out[0], e));
    op = (nt_dlrt_op){nearest(n)         ? NT_DLRT_RESIZE
                      : pads_constant(n) ? NT_DLRT_PAD
                                         : NT_DLRT_MAXPOOL,
                      x, *y};
    NT_TRY(nt_dlrt_step_of(&step, l, op, n, e));
    if (nearest(n))
        NT_TRY(resize(l, step, n, e));
    else if (pads_constant(n))
        NT_TRY(pad(l, step, n, e));
    else
        NT_TRY(pool_window(step, &w, l, n, e));
done:
    return s;
}

/* ---- averages */

/* ReduceMean over all axes of the plane. */
static bool reduces_plane(const nt_node *n)
{
    bool flags[NT_MAX_RANK], given = false;
    int rank = n->in[0]->rank;

    if (!nt_dlrt_is(n, "ReduceMean") || rank < 3 ||
        nt_arg_axes(flags, &given, (nt_arg){n, "axes", nt_const_in(n, 1)}, rank, NULL) !=
            NT_OK ||
        !given)
        return false;
    for (int i = 0; i < rank; i++)
        if (flags[i] != (i > 1))
            return false;
    return true;
}

bool nt_dlrt_averages(const nt_node *n)
{
    return n && (nt_dlrt_is(n, "AveragePool") || nt_dlrt_is(n, "GlobalAveragePool") ||
                 reduces_plane(n));
}

nt_status nt_dlrt_average(nt_dlrt_lower *l, const nt_node *n, uint32_t x, uint32_t y, nt_err *e)
{
    nt_dlrt_step *step;
    nt_status s = NT_OK;
    nt_window w;

    NT_TRY(nt_dlrt_as_shape(&x, l, n->in[0], e));
    NT_TRY(nt_dlrt_step_of(&step, l, (nt_dlrt_op){NT_DLRT_AVGPOOL, x, y}, n, e));
    if (!nt_dlrt_is(n, "AveragePool"))
        return set_whole(step, &l->f.t[x], e);
    NT_TRY(pool_window(step, &w, l, n, e));
    step->kind = nt_node_int(n, "count_include_pad", 0) != 0;
    if (w.ceil && step->kind)
        return nt_fail(e, NT_EUNSUPPORTED, "ceil_mode with count_include_pad");
done:
    return s;
}

/* ---- layers */

/* Bit planes only where filling a tap up to 32 channels takes no more room than fields do. */
static uint8_t form_of(nt_dlrt_step *s, const nt_dlrt_lower *l)
{
    const nt_dlrt_tensor *x = &l->f.t[s->in[0]], *y = &l->f.t[s->out];
    size_t fields;

    if (s->groups > 1 && s->groups == x->c && s->groups == y->c)
        return NT_DLRT_DEPTHWISE;
    s->wform = NT_DLRT_FIELDS;
    if (s->wbits > 2 || x->bits > 2)
        return NT_DLRT_FIELDS;
    fields = nt_dlrt_packed_bytes(&l->f, s);
    s->wform = NT_DLRT_PLANES;
    return nt_dlrt_packed_bytes(&l->f, s) <= fields ? NT_DLRT_PLANES : NT_DLRT_FIELDS;
}

static nt_status set_layer_window(nt_dlrt_step *step, const nt_dlrt_lower *l, const nt_node *n,
                                  nt_err *e)
{
    const nt_dlrt_tensor *x = &l->f.t[step->in[0]];
    int64_t in[3] = {0}, out[3];
    nt_status s = NT_OK;
    nt_window w;

    step->groups = 1;
    if (!nt_dlrt_is(n, "Conv"))
        return set_whole(step, x, e);
    for (int i = 2; i < n->in[0]->rank && i < 5; i++)
        in[i - 2] = n->in[0]->dims[i].value;
    NT_TRY(nt_filters_window(&w, n, n->in[0]->rank - 2, e));
    NT_TRY(nt_window_out(&w, out, in, e));
    NT_TRY(set_window(step, l, &w, e));
    step->groups = (uint32_t)nt_node_int(n, "group", 1);
done:
    return s;
}

static nt_status pack(nt_dlrt_lower *l, nt_dlrt_step *step, const nt_dlrt_weights *w, nt_err *e)
{
    size_t n = (size_t)(w->k * w->c * w->r * w->s);
    nt_status s = NT_OK;

    if (w->q) {
        step->wbits = nt_dlrt_weight_bits(w->q, n);
        step->wform = form_of(step, l);
        if (step->wform == NT_DLRT_DEPTHWISE)
            step->wbits = 8;
        NT_TRY(nt_dlrt_pack(&l->f, step, w->q, e));
        step->wscale = nt_dlrt_add_data(&l->f, w->scale, (size_t)w->k * sizeof *w->scale);
    } else {
        step->wbits = 32;
        step->wform = NT_DLRT_FLOATS;
        NT_TRY(nt_dlrt_pack_floats(&l->f, step, w->w, e));
    }
    if (w->bias)
        step->bias = nt_dlrt_add_data(&l->f, w->bias, (size_t)w->k * sizeof *w->bias);
done:
    return s;
}

nt_status nt_dlrt_layer(nt_dlrt_lower *l, const nt_node *n, uint32_t x, uint32_t y,
                        nt_dlrt_range within, nt_err *e)
{
    nt_dlrt_weights w = {0};
    nt_dlrt_step *step;
    nt_status s = NT_OK;

    if (nt_dlrt_is(n, "Conv"))
        NT_TRY(nt_dlrt_as_shape(&x, l, n->in[0], e));
    NT_TRY(nt_dlrt_weights_read(&w, n, l->f.t[x].type == NT_DLRT_CODES, e));
    NT_TRY(nt_dlrt_step_of(&step, l, (nt_dlrt_op){NT_DLRT_CONV, x, y}, n, e));
    NT_TRY(set_layer_window(step, l, n, e));
    if (!nt_dlrt_is(n, "Conv") && (uint64_t)l->f.t[x].c * step->r * step->s != (uint64_t)w.c)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "a dense layer over a part of its input"));
    step->lo = within.lo;
    step->hi = within.hi;
    NT_TRY(pack(l, step, &w, e));
done:
    nt_dlrt_weights_release(&w);
    return s;
}

/* With as many axes as the result? What has less lies along its last axes, not its channels. */
static bool is_aligned(const nt_node *n)
{
    return n->in[0]->rank == n->out[0]->rank && n->in[1]->rank == n->out[0]->rank;
}

nt_status nt_dlrt_pair(nt_dlrt_lower *l, const nt_node *n, const uint32_t in[2], uint32_t y,
                       nt_dlrt_range within, nt_err *e)
{
    const nt_dlrt_tensor *t = l->f.t;
    nt_dlrt_step *step;
    nt_status s = NT_OK;
    bool first = t[in[0]].h * t[in[0]].w >= t[in[1]].h * t[in[1]].w;
    uint32_t big = in[!first], small = in[first];

    if (!is_aligned(n) || t[big].c != t[y].c || t[big].h != t[y].h || t[big].w != t[y].w ||
        t[small].c != t[y].c ||
        ((t[small].h != 1 || t[small].w != 1) &&
         (t[small].h != t[y].h || t[small].w != t[y].w)))
        return nt_fail(e, NT_EUNSUPPORTED, "operands of these shapes");
    NT_TRY(nt_dlrt_step_of(
        &step, l, (nt_dlrt_op){nt_dlrt_is(n, "Add") ? NT_DLRT_ADD : NT_DLRT_MUL, big, y}, n,
        e));
    step->in[1] = small;
    step->lo = within.lo;
    step->hi = within.hi;
done:
    return s;
}
