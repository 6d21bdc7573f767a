/* SPDX-License-Identifier: MIT */
/*
 * check.c - may this file be run? All that a run relies on is established here: afterwards no
 * index, offset or size of the file is looked at with doubt.
 */
#include <float.h>
#include <string.h>

#include "rt/rt_int.h"

#define NT_RT_MAX_DIM (1u << 24)            /* extents */
#define NT_RT_MAX_BYTES (UINT64_C(1) << 31) /* of a tensor or an image */
#define NT_RT_MAX_POOL (1u << 23)           /* codes of a sum */
#define NT_RT_MAX_TAPS (1u << 16)           /* products of a sum: 255 * 128 * 2^16 < 2^31 */

static int finite(float x)
{
    return x >= -FLT_MAX && x <= FLT_MAX;
}

/* Does the data section have `bytes` at `offset`, in the unit of records? */
static int holds(const nt_rt *rt, uint32_t offset, uint64_t bytes)
{
    uint64_t size = rt->head.section[NT_DLRT_DATA].size, at = (uint64_t)offset * NT_DLRT_ALIGN;

    return at <= size && bytes <= size - at;
}

static int section_ok(const nt_dlrt_section *s, uint64_t file_size, uint64_t record)
{
    return s->offset % NT_DLRT_ALIGN == 0 && s->offset >= sizeof(nt_dlrt_header) &&
           s->offset <= file_size && s->size <= file_size - s->offset && s->size % record == 0;
}

static int header(const uint8_t *file, size_t size, nt_rt *rt)
{
    nt_dlrt_header *h = &rt->head;
    const nt_dlrt_section *s = h->section;

    if (size < 8)
        return NT_RT_ESIZE;
    memcpy(h, file, 8);
    if (h->magic != NT_DLRT_MAGIC)
        return NT_RT_EMAGIC;
    if (h->version != NT_DLRT_VERSION)
        return NT_RT_EVERSION;
    if (size < sizeof *h)
        return NT_RT_ESIZE;
    memcpy(h, file, sizeof *h);
    if (h->file_size != size)
        return NT_RT_ESIZE;
    if (h->crc != nt_rt_crc(file, size))
        return NT_RT_ECHECKSUM;
    if (!section_ok(&s[NT_DLRT_TENSORS], size, sizeof(nt_dlrt_tensor)) ||
        !section_ok(&s[NT_DLRT_STEPS], size, sizeof(nt_dlrt_step)) ||
        !section_ok(&s[NT_DLRT_NAMES], size, 1) || !section_ok(&s[NT_DLRT_DATA], size, 1) ||
        s[NT_DLRT_NAMES].size == 0 ||
        file[s[NT_DLRT_NAMES].offset + s[NT_DLRT_NAMES].size - 1] != 0 ||
        h->arena > NT_RT_MAX_BYTES * 4)
        return NT_RT_EFORMAT;
    rt->tensor = (const nt_dlrt_tensor *)(const void *)(file + s[NT_DLRT_TENSORS].offset);
    rt->step = (const nt_dlrt_step *)(const void *)(file + s[NT_DLRT_STEPS].offset);
    rt->names = (const char *)file + s[NT_DLRT_NAMES].offset;
    rt->data = file + s[NT_DLRT_DATA].offset;
    rt->tensors = (size_t)(s[NT_DLRT_TENSORS].size / sizeof(nt_dlrt_tensor));
    rt->steps = (size_t)(s[NT_DLRT_STEPS].size / sizeof(nt_dlrt_step));
    return NT_RT_OK;
}

static int codes_ok(const nt_dlrt_tensor *t)
{
    int half = t->bits == 1 && t->zero == 0.5f;

    if ((t->bits != 1 && t->bits != 2 && t->bits != 4 && t->bits != 8) ||
        t->layout != NT_DLRT_NHWC || t->place != NT_DLRT_ARENA)
        return 0;
    return finite(t->scale) && t->scale > 0 && t->zero >= 0 &&
           t->zero <= (float)((1 << t->bits) - 1) && (half || t->zero == (float)(int)t->zero);
}

static int tensor_ok(const nt_rt *rt, const nt_dlrt_tensor *t)
{
    uint64_t bytes, count = (uint64_t)t->c * t->h, at = (uint64_t)t->offset * NT_DLRT_ALIGN;

    if (t->c < 1 || t->h < 1 || t->w < 1 || t->c > NT_RT_MAX_DIM || t->h > NT_RT_MAX_DIM ||
        t->w > NT_RT_MAX_DIM || t->name >= rt->head.section[NT_DLRT_NAMES].size ||
        t->rank < 1 || t->rank > 3 || (t->rank < 3 && t->h > 1) || (t->rank < 2 && t->w > 1))
        return 0;
    if (count > NT_RT_MAX_BYTES || (count *= t->w) > NT_RT_MAX_BYTES)
        return 0;
    bytes = t->type == NT_DLRT_CODES ? (uint64_t)t->h * t->w * nt_rt_align4(t->c) : count * 4;
    if (bytes > NT_RT_MAX_BYTES || t->layout > NT_DLRT_NCHW)
        return 0;
    if (t->type == NT_DLRT_CODES ? !codes_ok(t) : t->type != NT_DLRT_F32 || t->bits != 32)
        return 0;
    if (t->place == NT_DLRT_ARENA)
        return at <= rt->head.arena && bytes <= rt->head.arena - at;
    if (t->layout != NT_DLRT_NCHW)
        return 0;
    if (t->place == NT_DLRT_INPUT)
        return t->index < rt->head.inputs;
    return t->place == NT_DLRT_OUTPUT && t->index < rt->head.outputs;
}

/* Is each input and output there once? */
static int ends_ok(const nt_rt *rt)
{
    uint64_t ins = 0, outs = 0;

    for (size_t i = 0; i < rt->tensors; i++) {
        ins += rt->tensor[i].place == NT_DLRT_INPUT;
        outs += rt->tensor[i].place == NT_DLRT_OUTPUT;
        if (rt->tensor[i].place != NT_DLRT_ARENA && rt->tensor[i].index >= 64)
            return 0;
    }
    if (ins != rt->head.inputs || outs != rt->head.outputs || !ins || !outs)
        return 0;
    for (int place = NT_DLRT_INPUT; place <= NT_DLRT_OUTPUT; place++) {
        uint64_t seen = 0;

        for (size_t i = 0; i < rt->tensors; i++)
            if (rt->tensor[i].place == (uint32_t)place) {
                if (seen >> rt->tensor[i].index & 1)
                    return 0;
                seen |= UINT64_C(1) << rt->tensor[i].index;
            }
    }
    return 1;
}

static int overlap(const nt_dlrt_tensor *a, const nt_dlrt_tensor *b)
{
    uint64_t p = (uint64_t)a->offset * NT_DLRT_ALIGN, q = (uint64_t)b->offset * NT_DLRT_ALIGN;

    if (a->place != NT_DLRT_ARENA || b->place != NT_DLRT_ARENA)
        return 0;
    return p < q + nt_rt_bytes(b) && q < p + nt_rt_bytes(a);
}

static int window_ok(const nt_dlrt_step *s, const nt_dlrt_tensor *x, const nt_dlrt_tensor *y)
{
    const uint32_t v[] = {s->r, s->s, s->stride_h, s->stride_w, s->dil_h, s->dil_w};
    const uint32_t pad[] = {s->pad_t, s->pad_l, s->pad_b, s->pad_r};
    uint64_t h, w, high, wide;

    for (int i = 0; i < 6; i++)
        if (v[i] < 1 || v[i] > NT_DLRT_WINDOW)
            return 0;
    for (int i = 0; i < 4; i++)
        if (pad[i] > NT_DLRT_WINDOW)
            return 0;
    h = (uint64_t)x->h + s->pad_t + s->pad_b;
    w = (uint64_t)x->w + s->pad_l + s->pad_r;
    high = (uint64_t)(s->r - 1) * s->dil_h + 1;
    wide = (uint64_t)(s->s - 1) * s->dil_w + 1;
    return h >= high && w >= wide && y->h == (h - high) / s->stride_h + 1 &&
           y->w == (w - wide) / s->stride_w + 1;
}

static int same_size(const nt_dlrt_tensor *a, const nt_dlrt_tensor *b)
{
    return a->c == b->c && a->h == b->h && a->w == b->w;
}

/* Do codes of both mean the same? fp32 always does. */
static int same_code(const nt_dlrt_tensor *a, const nt_dlrt_tensor *b)
{
    return a->type == b->type &&
           (a->type == NT_DLRT_F32 ||
            (a->bits == b->bits && a->scale == b->scale && a->zero == b->zero));
}

static int whole_zero(const nt_dlrt_tensor *t)
{
    return t->type != NT_DLRT_CODES || t->zero == (float)(int)t->zero;
}

/* lo <= hi, and both codes of y where it has codes */
static int bounds_ok(const nt_dlrt_step *s, const nt_dlrt_tensor *y)
{
    if (!(s->lo <= s->hi))
        return 0;
    return y->type == NT_DLRT_F32 || (s->lo >= 0 && s->hi <= (float)((1 << y->bits) - 1) &&
                                      s->lo == (float)(int)s->lo && s->hi == (float)(int)s->hi);
}

static int floats_ok(const nt_dlrt_step *s, const nt_dlrt_tensor *x, const nt_dlrt_tensor *y)
{
    return x->layout == NT_DLRT_NHWC && y->type == NT_DLRT_F32 && s->wbits == 32 &&
           (uint64_t)s->r * s->s * (x->c / s->groups) <= NT_RT_MAX_DIM;
}

/* The sums fit 32 bits and the image its limit. */
static int sums_ok(const nt_dlrt_step *s, const nt_dlrt_tensor *x, const nt_dlrt_tensor *y)
{
    uint32_t cg = x->c / s->groups, wide = s->wform == NT_DLRT_PLANES ? 32 : 4;
    uint64_t pad = ((uint64_t)cg + wide - 1) / wide * wide;
    uint64_t ih = (uint64_t)(y->h - 1) * s->stride_h + (uint64_t)(s->r - 1) * s->dil_h + 1;
    uint64_t iw = (uint64_t)(y->w - 1) * s->stride_w + (uint64_t)(s->s - 1) * s->dil_w + 1;

    if ((uint64_t)s->r * s->s > NT_RT_MAX_TAPS || s->r * s->s * pad > NT_RT_MAX_TAPS)
        return 0;
    if (s->wform == NT_DLRT_DEPTHWISE)
        pad = 4;
    return ih < NT_RT_MAX_BYTES / 2 && iw < NT_RT_MAX_BYTES / 2 &&
           ih * iw <= NT_RT_MAX_BYTES / 2 && /* 2: int16_t */
           ih * iw * pad <= NT_RT_MAX_BYTES / 2 / s->groups;
}

static int form_ok(const nt_dlrt_step *s, const nt_dlrt_tensor *x, const nt_dlrt_tensor *y)
{
    switch (s->wform) {
    case NT_DLRT_FIELDS:
        return s->wbits == 1 || s->wbits == 2 || s->wbits == 4 || s->wbits == 8;
    case NT_DLRT_PLANES:
        return (s->wbits == 1 || s->wbits == 2) && x->bits <= 2;
    case NT_DLRT_DEPTHWISE:
        return s->wbits == 8 && s->groups == x->c && y->c == x->c;
    default:
        return 0;
    }
}

static int conv_ok(const nt_rt *rt, const nt_dlrt_step *s, const nt_dlrt_tensor *x,
                   const nt_dlrt_tensor *y)
{
    if (!window_ok(s, x, y) || s->groups < 1 || x->c % s->groups || y->c % s->groups ||
        (y->type == NT_DLRT_F32 && y->layout != NT_DLRT_NHWC) || !bounds_ok(s, y) ||
        (s->bias != NT_DLRT_NONE && !holds(rt, s->bias, (uint64_t)y->c * 4)))
        return 0;
    if ((s->wform == NT_DLRT_FLOATS) != (x->type == NT_DLRT_F32))
        return 0;
    if (s->wform == NT_DLRT_FLOATS)
        return floats_ok(s, x, y) && holds(rt, s->weights, nt_rt_weight_bytes(s, x, y));
    if ((s->pad_t || s->pad_l || s->pad_b || s->pad_r) && !whole_zero(x))
        return 0;
    return form_ok(s, x, y) && sums_ok(s, x, y) && holds(rt, s->wscale, (uint64_t)y->c * 4) &&
           holds(rt, s->weights, nt_rt_weight_bytes(s, x, y));
}

static int pool_ok(const nt_dlrt_step *s, const nt_dlrt_tensor *x, const nt_dlrt_tensor *y)
{
    uint32_t high = (s->r - 1) * s->dil_h, wide = (s->s - 1) * s->dil_w;

    if (!window_ok(s, x, y) || x->c != y->c || x->type != y->type ||
        (uint64_t)s->r * s->s > NT_RT_MAX_POOL)
        return 0;
    if (s->pad_t > high || s->pad_b > high || s->pad_l > wide || s->pad_r > wide)
        return 0; /* each window holds something */
    if (s->op == NT_DLRT_MAXPOOL)
        return same_code(x, y);
    return s->dil_h == 1 && s->dil_w == 1 && whole_zero(y);
}

static int pair_ok(const nt_dlrt_step *s, const nt_dlrt_tensor *a, const nt_dlrt_tensor *b,
                   const nt_dlrt_tensor *y)
{
    return a->type == y->type && b->type == y->type && same_size(a, y) && b->c == y->c &&
           (same_size(b, y) || (b->h == 1 && b->w == 1)) && bounds_ok(s, y) && whole_zero(y);
}

static int table_ok(const nt_rt *rt, const nt_dlrt_step *s, const nt_dlrt_tensor *y)
{
    if (!holds(rt, s->table, 256))
        return 0;
    for (int i = 0; i < 256; i++)
        if (nt_rt_data(rt, s->table)[i] >> y->bits)
            return 0;
    return 1;
}

static int copy_ok(const nt_rt *rt, const nt_dlrt_step *s, const nt_dlrt_tensor *x,
                   const nt_dlrt_tensor *y)
{
    if (x->type != y->type || x->h != y->h || x->w != y->w || s->count < 1 ||
        s->src_c >= x->c || s->count > x->c - s->src_c || s->dst_c >= y->c ||
        s->count > y->c - s->dst_c)
        return 0;
    if (s->table == NT_DLRT_NONE)
        return same_code(x, y);
    return x->type == NT_DLRT_CODES && table_ok(rt, s, y);
}

static int resize_ok(const nt_rt *rt, const nt_dlrt_step *s, const nt_dlrt_tensor *x,
                     const nt_dlrt_tensor *y)
{
    const uint32_t *at;

    if (!same_code(x, y) || x->c != y->c || !holds(rt, s->table, ((uint64_t)y->h + y->w) * 4))
        return 0;
    at = (const uint32_t *)(const void *)nt_rt_data(rt, s->table);
    for (uint32_t i = 0; i < y->h + y->w; i++)
        if (at[i] >= (i < y->h ? x->h : x->w))
            return 0;
    return 1;
}

static int pad_ok(const nt_dlrt_step *s, const nt_dlrt_tensor *x, const nt_dlrt_tensor *y)
{
    nt_dlrt_step one = *s;

    one.hi = one.lo;
    return same_code(x, y) && x->c == y->c && bounds_ok(&one, y) &&
           y->h == (uint64_t)x->h + s->pad_t + s->pad_b &&
           y->w == (uint64_t)x->w + s->pad_l + s->pad_r;
}

static int op_ok(const nt_rt *rt, const nt_dlrt_step *s, const nt_dlrt_tensor *x,
                 const nt_dlrt_tensor *b, const nt_dlrt_tensor *y)
{
    int from_f32 = x->type == NT_DLRT_F32, to_f32 = y->type == NT_DLRT_F32;
    int nhwc = x->layout == NT_DLRT_NHWC && y->layout == NT_DLRT_NHWC;

    switch (s->op) {
    case NT_DLRT_QUANTIZE:
        return from_f32 && !to_f32 && same_size(x, y);
    case NT_DLRT_DEQUANTIZE:
        return !from_f32 && to_f32 && same_size(x, y);
    case NT_DLRT_LAYOUT:
        return from_f32 && to_f32 && same_size(x, y);
    case NT_DLRT_CONV:
        return conv_ok(rt, s, x, y);
    case NT_DLRT_MAXPOOL:
    case NT_DLRT_AVGPOOL:
        return nhwc && pool_ok(s, x, y);
    case NT_DLRT_ADD:
    case NT_DLRT_MUL:
        return nhwc && b->layout == NT_DLRT_NHWC && pair_ok(s, x, b, y);
    case NT_DLRT_LUT:
        return !from_f32 && !to_f32 && same_size(x, y) && table_ok(rt, s, y);
    case NT_DLRT_COPY:
        return nhwc && copy_ok(rt, s, x, y);
    case NT_DLRT_RESHAPE:
        return same_code(x, y) && (uint64_t)x->c * x->h * x->w == (uint64_t)y->c * y->h * y->w;
    case NT_DLRT_SOFTMAX:
        return nhwc && from_f32 && to_f32 && same_size(x, y);
    case NT_DLRT_RESIZE:
        return nhwc && resize_ok(rt, s, x, y);
    case NT_DLRT_PAD:
        return nhwc && pad_ok(s, x, y);
    case NT_DLRT_ACT:
        return from_f32 && to_f32 && same_size(x, y) && x->layout == y->layout &&
               s->kind < NT_DLRT_ACTS && finite(s->lo) && finite(s->hi);
    default:
        return 0;
    }
}

int nt_rt_check_step(const nt_rt *rt, const nt_dlrt_step *s)
{
    int two = s->op == NT_DLRT_ADD || s->op == NT_DLRT_MUL;
    const nt_dlrt_tensor *x, *b, *y;

    if (s->op < 1 || s->op >= NT_DLRT_OPS || s->name >= rt->head.section[NT_DLRT_NAMES].size ||
        s->in[0] >= rt->tensors || s->out >= rt->tensors || (two && s->in[1] >= rt->tensors))
        return 0;
    x = &rt->tensor[s->in[0]];
    b = two ? &rt->tensor[s->in[1]] : x;
    y = &rt->tensor[s->out];
    if (x->place == NT_DLRT_OUTPUT || b->place == NT_DLRT_OUTPUT || y->place == NT_DLRT_INPUT ||
        overlap(x, y) || overlap(b, y))
        return 0;
    return op_ok(rt, s, x, b, y);
}

int nt_rt_check(const uint8_t *file, size_t size, nt_rt *rt)
{
    const uint32_t one = 1;
    uint8_t first;
    int status;

    memcpy(&first, &one, 1);
    if (!first)
        return NT_RT_EENDIAN;
    status = header(file, size, rt);
    if (status != NT_RT_OK)
        return status;
    for (size_t i = 0; i < rt->tensors; i++)
        if (!tensor_ok(rt, &rt->tensor[i]))
            return NT_RT_EFORMAT;
    if (!ends_ok(rt))
        return NT_RT_EFORMAT;
    for (size_t i = 0; i < rt->steps; i++)
        if (!nt_rt_check_step(rt, &rt->step[i]))
            return NT_RT_EFORMAT;
    return NT_RT_OK;
}
