/* SPDX-License-Identifier: MIT */
/* steps.c - all steps but convolutions, one row of the output at a time. */
#include <string.h>

#include "rt/plain.h"

typedef struct job {
    const nt_rt *rt;
    const nt_dlrt_step *s;
    const nt_dlrt_tensor *x, *b, *y;
    const uint8_t *src, *src2;
    uint8_t *dst;
} job;

/* From one pixel, row, channel to the next, in elements. */
typedef struct strides {
    size_t c, h, w;
} strides;

static strides strides_of(const nt_dlrt_tensor *t)
{
    size_t cs = t->type == NT_DLRT_CODES ? nt_rt_align4(t->c) : t->c;

    if (t->layout == NT_DLRT_NCHW)
        return (strides){(size_t)t->h * t->w, t->w, 1};
    return (strides){1, t->w * cs, cs};
}

static size_t bytes_of(const nt_dlrt_tensor *t)
{
    return t->type == NT_DLRT_CODES ? 1 : 4;
}

/* What a conversion to codes of t clamps to. */
static nt_rt_pair to_codes(const nt_dlrt_tensor *t)
{
    float zero = (float)(int32_t)t->zero;

    return (nt_rt_pair){.ma = t->scale,
                        .lo = -zero,
                        .hi = (float)((1 << t->bits) - 1) - zero,
                        .zero = (int32_t)zero};
}

/* n numbers to codes; with zero 1/2 a code says whether the number is not negative */
static void encode(const job *j, uint8_t *y, const float *x, size_t n)
{
    nt_rt_pair p = to_codes(j->y);

    if (j->y->zero != 0.5f)
        j->rt->kern->quantize(y, x, n, &p);
    else
        for (size_t i = 0; i < n; i++)
            y[i] = x[i] >= 0;
}

static void quantize(void *arg, size_t p)
{
    const job *j = arg;
    strides xs = strides_of(j->x), ys = strides_of(j->y);
    const float *x = (const float *)(const void *)j->src + p * xs.h;
    uint8_t *y = j->dst + p * ys.h, some[NT_RT_CHUNK];

    if (xs.c == 1) {
        for (size_t q = 0; q < j->x->w; q++)
            encode(j, y + q * ys.w, x + q * xs.w, j->x->c);
        return;
    }
    for (size_t c = 0; c < j->x->c; c++)
        for (size_t q = 0; q < j->x->w; q += NT_RT_CHUNK) {
            size_t n = j->x->w - q < NT_RT_CHUNK ? j->x->w - q : NT_RT_CHUNK;

            encode(j, some, x + c * xs.c + q, n);
            for (size_t i = 0; i < n; i++)
                y[(q + i) * ys.w + c] = some[i];
        }
}

static void dequantize(void *arg, size_t p)
{
    const job *j = arg;
    strides xs = strides_of(j->x), ys = strides_of(j->y);
    const uint8_t *x = j->src + p * xs.h;
    float *y = (float *)(void *)j->dst + p * ys.h;

    for (size_t q = 0; q < j->x->w; q++)
        for (size_t c = 0; c < j->x->c; c++)
            y[q * ys.w + c * ys.c] = ((float)x[q * xs.w + c] - j->x->zero) * j->x->scale;
}

static void layout(void *arg, size_t p)
{
    const job *j = arg;
    strides xs = strides_of(j->x), ys = strides_of(j->y);
    const float *x = (const float *)(const void *)j->src + p * xs.h;
    float *y = (float *)(void *)j->dst + p * ys.h;

    for (size_t c = 0; c < j->x->c; c++)
        for (size_t q = 0; q < j->x->w; q++)
            y[q * ys.w + c * ys.c] = x[q * xs.w + c * xs.c];
}

/* The taps of one output extent that lie inside of the input: [from, to). */
typedef struct taps {
    uint32_t from, to, start; /* start: the first one's place, plus the pad */
} taps;

static taps inside(uint32_t p, uint32_t stride, uint32_t dil, uint32_t pad, uint32_t r,
                   uint32_t h)
{
    taps t = {0, r, p * stride};

    while (t.from < t.to && t.start + t.from * dil < pad)
        t.from++;
    while (t.to > t.from && t.start + (t.to - 1) * dil >= h + pad)
        t.to--;
    return t;
}

/* A NaN is more than any number. */
static void max_floats(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = ((x[i] > y[i]) | (x[i] != x[i])) ? x[i] : y[i];
}

static void maxpool(void *arg, size_t p)
{
    const job *j = arg;
    const nt_dlrt_step *s = j->s;
    size_t size = bytes_of(j->x);
    strides xs = strides_of(j->x), ys = strides_of(j->y);
    taps v = inside((uint32_t)p, s->stride_h, s->dil_h, s->pad_t, s->r, j->x->h);

    for (uint32_t q = 0; q < j->y->w; q++) {
        taps u = inside(q, s->stride_w, s->dil_w, s->pad_l, s->s, j->x->w);
        uint8_t *y = j->dst + (p * ys.h + q * ys.w) * size;
        int first = 1;

        for (uint32_t r = v.from; r < v.to; r++)
            for (uint32_t c = u.from; c < u.to; c++, first = 0) {
                const uint8_t *x = j->src + ((v.start + r * s->dil_h - s->pad_t) * xs.h +
                                             (u.start + c * s->dil_w - s->pad_l) * xs.w) *
                                                size;

                if (first)
                    memcpy(y, x, j->x->c * size);
                else if (size == 1)
                    j->rt->kern->max(y, x, j->x->c);
                else
                    max_floats((float *)(void *)y, (const float *)(const void *)x, j->x->c);
            }
    }
}

/* The mean of n codes of sums[i], from channel k: sum / n, rescaled. */
static void mean_codes(const job *j, uint8_t *y, const int32_t *sums, size_t n, uint32_t use,
                       uint32_t all)
{
    int32_t corr[NT_RT_CHUNK] = {0};
    float mul[NT_RT_CHUNK], add[NT_RT_CHUNK];
    float m = j->x->scale / ((float)all * j->y->scale);
    nt_rt_pair p = to_codes(j->y);
    nt_rt_scale s = {corr, mul, add, p.lo, p.hi, p.zero};

    for (size_t i = 0; i < n; i++) {
        mul[i] = m;
        add[i] = -(float)use * j->x->zero * m;
    }
    j->rt->kern->codes(y, sums, &s, 0, n);
}

static void avgpool(void *arg, size_t p)
{
    const job *j = arg;
    const nt_dlrt_step *s = j->s;
    strides xs = strides_of(j->x), ys = strides_of(j->y);
    taps v = inside((uint32_t)p, s->stride_h, 1, s->pad_t, s->r, j->x->h);

    for (uint32_t q = 0; q < j->y->w; q++) {
        taps u = inside(q, s->stride_w, 1, s->pad_l, s->s, j->x->w);
        uint32_t use = (v.to - v.from) * (u.to - u.from), all = s->kind ? s->r * s->s : use;

        for (size_t k = 0; k < j->x->c; k += NT_RT_CHUNK) {
            size_t n = j->x->c - k < NT_RT_CHUNK ? j->x->c - k : NT_RT_CHUNK;
            size_t to = p * ys.h + q * ys.w + k;
            int32_t sums[NT_RT_CHUNK] = {0};
            float real[NT_RT_CHUNK] = {0};

            for (uint32_t r = v.from; r < v.to; r++)
                for (uint32_t c = u.from; c < u.to; c++) {
                    size_t at =
                        (v.start + r - s->pad_t) * xs.h + (u.start + c - s->pad_l) * xs.w;

                    if (j->x->type == NT_DLRT_CODES)
                        j->rt->kern->sum(sums, j->src + at + k, n);
                    else
                        for (size_t i = 0; i < n; i++)
                            real[i] += ((const float *)(const void *)j->src)[at + k + i];
                }
            if (j->x->type == NT_DLRT_CODES)
                mean_codes(j, j->dst + to, sums, n, use, all);
            else
                for (size_t i = 0; i < n; i++)
                    ((float *)(void *)j->dst)[to + i] = real[i] / (float)all;
        }
    }
}

static void pair_floats(const job *j, float *y, const float *a, const float *b, size_t n)
{
    int sum = j->s->op == NT_DLRT_ADD;

    for (size_t i = 0; i < n; i++)
        y[i] = plain_bound(sum ? a[i] + b[i] : a[i] * b[i], j->s->lo, j->s->hi);
}

static void pair_codes(const job *j, uint8_t *y, const uint8_t *a, const uint8_t *b, size_t n)
{
    nt_rt_pair p = to_codes(j->y);

    p.lo = j->s->lo - (float)p.zero;
    p.hi = j->s->hi - (float)p.zero;
    p.za = j->x->zero;
    p.zb = j->b->zero;
    p.ma = j->x->scale / j->y->scale;
    p.mb = j->b->scale / j->y->scale;
    if (j->s->op == NT_DLRT_MUL)
        p.ma *= j->b->scale;
    (j->s->op == NT_DLRT_MUL ? j->rt->kern->mul : j->rt->kern->add)(y, a, b, n, &p);
}

static void pair(void *arg, size_t p)
{
    const job *j = arg;
    strides ys = strides_of(j->y);
    int spread = j->b->h != j->y->h || j->b->w != j->y->w, codes = bytes_of(j->y) == 1;
    size_t n = spread ? j->y->c : ys.h;

    for (size_t i = p * ys.h; i < (p + 1) * ys.h; i += spread ? ys.w : ys.h) {
        size_t k = spread ? 0 : i;

        if (codes)
            pair_codes(j, j->dst + i, j->src + i, j->src2 + k, n);
        else
            pair_floats(j, (float *)(void *)j->dst + i, (const float *)(const void *)j->src + i,
                        (const float *)(const void *)j->src2 + k, n);
    }
}

static void look_up(uint8_t *y, const uint8_t *x, const uint8_t *table, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = table[x[i]];
}

static void lut(void *arg, size_t p)
{
    const job *j = arg;
    size_t row = strides_of(j->y).h;

    look_up(j->dst + p * row, j->src + p * row, nt_rt_data(j->rt, j->s->table), row);
}

static void copy(void *arg, size_t p)
{
    const job *j = arg;
    strides xs = strides_of(j->x), ys = strides_of(j->y);
    size_t size = bytes_of(j->x);

    for (size_t q = 0; q < j->y->w; q++) {
        const uint8_t *x = j->src + (p * xs.h + q * xs.w + j->s->src_c) * size;
        uint8_t *y = j->dst + (p * ys.h + q * ys.w + j->s->dst_c) * size;

        if (j->s->table == NT_DLRT_NONE)
            memcpy(y, x, j->s->count * size);
        else
            look_up(y, x, nt_rt_data(j->rt, j->s->table), j->s->count);
    }
}

static void resize(void *arg, size_t p)
{
    const job *j = arg;
    strides xs = strides_of(j->x), ys = strides_of(j->y);
    const uint32_t *from = (const uint32_t *)(const void *)nt_rt_data(j->rt, j->s->table);
    size_t size = bytes_of(j->x);

    for (size_t q = 0; q < j->y->w; q++)
        memcpy(j->dst + (p * ys.h + q * ys.w) * size,
               j->src + (from[p] * xs.h + from[j->y->h + q] * xs.w) * size, j->x->c * size);
}

static void softmax(void *arg, size_t p)
{
    const job *j = arg;
    size_t c = j->x->c;

    for (size_t q = 0; q < j->x->w; q++) {
        const float *x = (const float *)(const void *)j->src + (p * j->x->w + q) * c;
        float *y = (float *)(void *)j->dst + (p * j->x->w + q) * c, top = x[0], sum = 0;

        for (size_t i = 1; i < c; i++)
            top = x[i] > top ? x[i] : top;
        for (size_t i = 0; i < c; i++)
            sum += y[i] = nt_rt_expf(x[i] - top);
        for (size_t i = 0; i < c; i++)
            y[i] /= sum;
    }
}

static float act_of(const nt_dlrt_step *s, float x)
{
    switch (s->kind) {
    case NT_DLRT_SIGMOID:
        return 1 / (1 + nt_rt_expf(-x));
    case NT_DLRT_HARDSIGMOID:
        return plain_bound(s->lo * x + s->hi, 0, 1);
    case NT_DLRT_HARDSWISH:
        return x * plain_bound(x / 6 + 0.5f, 0, 1);
    case NT_DLRT_SILU:
        return x / (1 + nt_rt_expf(-x));
    default:
        return plain_bound(x, s->lo, s->hi);
    }
}

/* The p-th of h parts, whatever the layout. */
static void act(void *arg, size_t p)
{
    const job *j = arg;
    size_t n = (size_t)j->x->w * j->x->c;
    const float *x = (const float *)(const void *)j->src + p * n;
    float *y = (float *)(void *)j->dst + p * n;

    for (size_t i = 0; i < n; i++)
        y[i] = act_of(j->s, x[i]);
}

static void pad_row(void *arg, size_t p)
{
    const job *j = arg;
    strides xs = strides_of(j->x), ys = strides_of(j->y);
    size_t size = bytes_of(j->x), h = p - j->s->pad_t; /* wraps below 0 */
    uint8_t *y = j->dst + p * ys.h * size;

    if (size == 1)
        memset(y, (int)j->s->lo, ys.h);
    else
        for (size_t i = 0; i < ys.h; i++)
            ((float *)(void *)y)[i] = j->s->lo;
    if (h < j->x->h)
        memcpy(y + j->s->pad_l * ys.w * size, j->src + h * xs.h * size, xs.h * size);
}

/* Channel `c` of both orders in turn: element i of NCHW is element place(i) of the tensor. */
static size_t place(const nt_dlrt_tensor *t, const strides *s, size_t i)
{
    size_t w = i % t->w, h = i / t->w % t->h, c = i / t->w / t->h;

    return c * s->c + h * s->h + w * s->w;
}

/* The p-th of the output's rows counted in NCHW order would need all of it: c * h rows. */
static void reshape(void *arg, size_t p)
{
    const job *j = arg;
    strides xs = strides_of(j->x), ys = strides_of(j->y);
    size_t size = bytes_of(j->x), n = (size_t)j->y->w * j->y->c;

    for (size_t i = p * n; i < (p + 1) * n; i++)
        memcpy(j->dst + place(j->y, &ys, i) * size, j->src + place(j->x, &xs, i) * size, size);
}

void nt_rt_step_run(nt_rt *rt, const nt_dlrt_step *s)
{
    static nt_rt_task *const rows[NT_DLRT_OPS] = {
        [NT_DLRT_QUANTIZE] = quantize, [NT_DLRT_DEQUANTIZE] = dequantize,
        [NT_DLRT_LAYOUT] = layout,     [NT_DLRT_MAXPOOL] = maxpool,
        [NT_DLRT_AVGPOOL] = avgpool,   [NT_DLRT_ADD] = pair,
        [NT_DLRT_MUL] = pair,          [NT_DLRT_LUT] = lut,
        [NT_DLRT_COPY] = copy,         [NT_DLRT_RESHAPE] = reshape,
        [NT_DLRT_SOFTMAX] = softmax,   [NT_DLRT_RESIZE] = resize,
        [NT_DLRT_PAD] = pad_row,       [NT_DLRT_ACT] = act,
    };
    job j = {.rt = rt, .s = s, .x = &rt->tensor[s->in[0]], .y = &rt->tensor[s->out]};

    j.src = nt_rt_at(rt, s->in[0]);
    j.dst = nt_rt_at(rt, s->out);
    if (s->op == NT_DLRT_ADD || s->op == NT_DLRT_MUL) {
        j.b = &rt->tensor[s->in[1]];
        j.src2 = nt_rt_at(rt, s->in[1]);
    }
    nt_rt_share(rt, rows[s->op], &j, j.y->h);
}
