/* SPDX-License-Identifier: MIT */
/*
 * conv.c - convolutions of codes. The input becomes an *image*: padded, in groups, in the form
 * that the kernels read (or it is read where it lies). A tap of the kernel is then an offset,
 * the taps of a row follow each other, and a tile of pixels and channels is one call of a
 * kernel.
 */
#include <string.h>

#include "rt/rt_int.h"

static uint32_t kind_of(uint32_t form, uint32_t wbits, uint32_t abits)
{
    if (form == NT_DLRT_PLANES)
        return NT_RT_P11 + (wbits - 1) * 2 + (abits - 1);
    switch (wbits) {
    case 8:
        return abits == 8 ? NT_RT_S8W : NT_RT_S8;
    case 4:
        return NT_RT_S4;
    case 2:
        return NT_RT_S2;
    default:
        return NT_RT_S1;
    }
}

static int is_wide(const nt_rt *rt, uint32_t kind)
{
    return kind == NT_RT_S8W && rt->kern->wide;
}

/* 64-byte words of one segment of len groups */
static uint32_t words_of(const nt_dlrt_step *s, uint32_t len)
{
    uint32_t per = 8 / s->wbits;

    return s->wform == NT_DLRT_PLANES ? len * s->wbits : (len + per - 1) / per;
}

/* How taps lie in segments, whatever the kernels. */
static void segments(const nt_dlrt_step *s, uint32_t cg, uint32_t *segs, uint32_t *len)
{
    uint32_t tap = s->wform == NT_DLRT_PLANES ? (cg + 31) / 32 : (cg + 3) / 4;

    *segs = s->dil_w == 1 ? s->r : s->r * s->s;
    *len = s->dil_w == 1 ? s->s * tap : tap;
}

uint64_t nt_rt_weight_bytes(const nt_dlrt_step *s, const nt_dlrt_tensor *x,
                            const nt_dlrt_tensor *y)
{
    uint32_t cg = x->c / s->groups, kg = y->c / s->groups, segs, len;
    uint64_t blocks = (uint64_t)((kg + 15) / 16) * s->groups;

    if (s->wform == NT_DLRT_DEPTHWISE)
        return (uint64_t)s->r * s->s * nt_rt_align4(x->c);
    if (s->wform == NT_DLRT_FLOATS)
        return blocks * s->r * s->s * cg * 64;
    segments(s, cg, &segs, &len);
    return blocks * segs * words_of(s, len) * 64;
}

void nt_rt_conv_shape(const nt_rt *rt, const nt_dlrt_step *s, nt_rt_conv *c)
{
    const nt_dlrt_tensor *x = &rt->tensor[s->in[0]], *y = &rt->tensor[s->out];
    int depthwise = s->wform == NT_DLRT_DEPTHWISE;

    memset(c, 0, sizeof *c);
    c->cg = depthwise ? x->c : x->c / s->groups;
    c->kg = depthwise ? y->c : y->c / s->groups;
    c->blocks = (c->kg + 15) / 16;
    c->ih = (y->h - 1) * s->stride_h + (s->r - 1) * s->dil_h + 1;
    c->iw = (y->w - 1) * s->stride_w + (s->s - 1) * s->dil_w + 1;
    c->copy = s->pad_t || s->pad_l || c->ih > x->h || c->iw > x->w;
    if (depthwise) {
        c->pix = nt_rt_align4(x->c);
    } else {
        c->kind = kind_of(s->wform, s->wbits, x->bits);
        segments(s, c->cg, &c->segs, &c->len);
        c->wblock = (size_t)c->segs * words_of(s, c->len) * 64;
        if (s->wform == NT_DLRT_PLANES)
            c->pix = (c->cg + 31) / 32 * 4 * (size_t)x->bits;
        else
            c->pix = nt_rt_align4(c->cg) * (is_wide(rt, c->kind) ? 2 : 1);
        c->convert = s->groups > 1 || s->wform == NT_DLRT_PLANES || is_wide(rt, c->kind) ||
                     (s->wbits == 1 && c->cg % 4);
        c->copy |= c->convert;
    }
    c->row = c->pix * (c->copy ? c->iw : x->w);
    c->plane = c->row * c->ih;
}

uint64_t nt_rt_conv_scratch(const nt_rt_conv *c, const nt_dlrt_step *s)
{
    uint64_t groups = s->wform == NT_DLRT_DEPTHWISE ? 1 : s->groups;

    return c->copy ? groups * c->plane : 0; /* below 2^31: nt_rt_check_step */
}

/* The integer weight of element i (< 4, or < 32 of planes) of channel k in group g of a
 * segment. */
static int32_t weight(const nt_dlrt_step *s, const uint8_t *seg, uint32_t g, uint32_t k,
                      uint32_t i)
{
    uint32_t v = 0, per = 8 / s->wbits;

    if (s->wform == NT_DLRT_PLANES) {
        for (uint32_t p = 0; p < s->wbits; p++) {
            const uint8_t *word = seg + 64 * (size_t)(g * s->wbits + p) + 4 * k;

            v |= (uint32_t)(word[i / 8] >> i % 8 & 1) << p;
        }
    } else {
        v = (uint32_t)seg[64 * (size_t)(g / per) + 4 * k + i] >> s->wbits * (g % per);
        v &= (1u << s->wbits) - 1;
    }
    if (s->wbits == 1)
        return v ? 1 : -1;
    return (int32_t)v - (int32_t)(v >> (s->wbits - 1) << s->wbits);
}

/* The sum of channel k's weights in a block. */
static int32_t weight_sum(const nt_dlrt_step *s, const nt_rt_conv *c, const uint8_t *w,
                          uint32_t k)
{
    uint32_t wide = s->wform == NT_DLRT_PLANES ? 32 : 4, tap = (c->cg + wide - 1) / wide;
    int32_t sum = 0;

    for (uint32_t j = 0; j < c->segs; j++, w += 64 * (size_t)words_of(s, c->len))
        for (uint32_t g = 0; g < c->len; g++)
            for (uint32_t i = 0; i < wide && g % tap * wide + i < c->cg; i++)
                sum += weight(s, w, g, k, i);
    return sum;
}

/*
 * What turns a kernel's sum into sum((a - zero) * q), as an integer where zero is one:
 * codes came as code - bias, and 1-bit planes lack (2^bits - 1) * |b|, |b| = (sum + n) / 2.
 */
static void correct(const nt_rt *rt, const nt_dlrt_step *s, nt_rt_conv *c, size_t at,
                    int32_t sum)
{
    const nt_dlrt_tensor *x = &rt->tensor[s->in[0]];
    int32_t zero = (int32_t)x->zero, n = (int32_t)(s->r * s->s * c->cg);
    int fields = s->wform == NT_DLRT_FIELDS;

    c->corr[at] = -(zero - (fields ? rt->kern->bias : 0)) * sum;
    if (s->wform == NT_DLRT_PLANES && s->wbits == 1)
        c->corr[at] += ((1 << x->bits) - 1) * ((sum + n) / 2);
    c->add[at] = -(x->zero - (float)zero) * (float)sum * c->mul[at];
}

/*
 * An output with zero 1/2 is 1 where the sum is not negative: far enough apart, rounding
 * decides nothing.
 */
#define NT_RT_FAR 1e12f

static int scales(const nt_rt *rt, const nt_dlrt_step *s, nt_rt_conv *c, size_t at, uint32_t k)
{
    const nt_dlrt_tensor *x = &rt->tensor[s->in[0]], *y = &rt->tensor[s->out];
    float ws, bias = 0, unit = y->type == NT_DLRT_CODES ? y->scale : 1;
    int half = y->type == NT_DLRT_CODES && y->zero == 0.5f;

    memcpy(&ws, nt_rt_data(rt, s->wscale) + 4 * (size_t)k, 4);
    if (s->bias != NT_DLRT_NONE)
        memcpy(&bias, nt_rt_data(rt, s->bias) + 4 * (size_t)k, 4);
    c->mul[at] = (float)((double)x->scale * ws / unit);
    bias = (float)((double)bias / unit);
    if (!(c->mul[at] > -1e20f && c->mul[at] < 1e20f && bias > -1e20f && bias < 1e20f))
        return 0;
    c->add[at] = bias;
    if (half) {
        c->mul[at] *= NT_RT_FAR;
        c->add[at] = bias * NT_RT_FAR + 0.75f;
    }
    return 1;
}

int nt_rt_conv_prepare(const nt_rt *rt, const nt_dlrt_step *s, nt_rt_conv *c)
{
    const uint8_t *w = nt_rt_data(rt, s->weights);
    int depthwise = s->wform == NT_DLRT_DEPTHWISE;
    uint32_t groups = depthwise ? 1 : s->groups;

    for (uint32_t j = 0; j < c->segs; j++)
        c->seg[j] = (uint32_t)(s->dil_w == 1 ? j * s->dil_h * c->row
                                             : j / s->s * s->dil_h * c->row +
                                                   j % s->s * s->dil_w * c->pix);
    for (uint32_t g = 0; g < groups; g++)
        for (uint32_t i = 0; i < c->kg; i++) {
            size_t at = (size_t)g * c->blocks * 16 + i;
            int32_t sum = 0;
            float bias;

            if (!scales(rt, s, c, at, g * c->kg + i))
                return NT_RT_EFORMAT;
            if (depthwise)
                for (size_t t = 0; t < (size_t)s->r * s->s; t++)
                    sum += (int8_t)w[t * c->pix + i];
            else
                sum =
                    weight_sum(s, c, w + ((size_t)g * c->blocks + i / 16) * c->wblock, i % 16);
            bias = c->add[at];
            correct(rt, s, c, at, sum);
            c->add[at] += bias;
        }
    return NT_RT_OK;
}

typedef struct job {
    const nt_rt *rt;
    const nt_dlrt_step *s;
    const nt_rt_conv *c;
    const nt_dlrt_tensor *x, *y;
    const uint8_t *image, *src;
    uint8_t *dst;
    nt_rt_scale scale;
    size_t chunk, chunks; /* output pixels of a task, tasks along them */
} job;

/* One pixel of one group in the image; x is its codes, or NULL: the code that is zero. */
static void put_pixel(const job *j, uint8_t *y, const uint8_t *x)
{
    const nt_rt_conv *c = j->c;
    uint8_t zero = (uint8_t)j->x->zero, one[NT_RT_CHUNK];

    if (!x)
        memset(one, zero, sizeof one);
    if (j->s->wform == NT_DLRT_PLANES) {
        if (x)
            j->rt->kern->planes((uint32_t *)(void *)y, x, c->cg, j->x->bits);
        else
            for (uint32_t i = 0; i < c->cg; i += 32)
                j->rt->kern->planes((uint32_t *)(void *)y + i / 32 * j->x->bits, one,
                                    c->cg - i < 32 ? c->cg - i : 32, j->x->bits);
    } else if (is_wide(j->rt, c->kind)) {
        memset(y + c->pix - 8, 0, 8); /* the padding of c */
        if (x)
            j->rt->kern->widen((int16_t *)(void *)y, x, c->cg);
        else
            for (uint32_t i = 0; i < c->cg; i++)
                ((int16_t *)(void *)y)[i] = zero;
    } else {
        memset(y + c->pix - 4, j->rt->kern->bias, 4);
        if (x)
            memcpy(y, x, c->cg);
        else
            memset(y, zero, c->cg);
    }
}

/* Row i of all groups' rows. */
static void image_row(void *arg, size_t i)
{
    const job *j = arg;
    const nt_rt_conv *c = j->c;
    size_t g = i / c->ih, cs = nt_rt_align4(j->x->c), pixel = 0;
    uint8_t *y = j->rt->scratch + i * c->row;
    size_t h = i % c->ih, top = j->s->pad_t, left = j->s->pad_l;
    const uint8_t *x = NULL;

    if (h >= top && h - top < j->x->h)
        x = j->src + (h - top) * j->x->w * cs + g * c->cg;
    for (; pixel < c->iw && pixel < left; pixel++, y += c->pix)
        put_pixel(j, y, NULL);
    if (x && !c->convert) { /* pixels as they are */
        size_t n = c->iw - pixel < j->x->w ? c->iw - pixel : j->x->w;

        memcpy(y, x, n * cs);
        pixel += n;
        y += n * cs;
    }
    for (; x && pixel < c->iw && pixel - left < j->x->w; pixel++, y += c->pix)
        put_pixel(j, y, x + (pixel - left) * cs);
    for (; pixel < c->iw; pixel++, y += c->pix)
        put_pixel(j, y, NULL);
}

static void write_tile(const job *j, const nt_rt_tile *t, size_t pixel, uint32_t g, uint32_t k0)
{
    const nt_rt_conv *c = j->c;
    uint32_t n = c->kg - k0 < 16 * t->nb ? c->kg - k0 : 16 * t->nb;
    size_t at = (size_t)g * c->blocks * 16 + k0, k = (size_t)g * c->kg + k0;
    size_t cs = nt_rt_align4(j->y->c);

    for (uint32_t m = 0; m < t->m; m++, pixel++) {
        const int32_t *acc = t->acc + m * 16 * t->nb;

        if (j->y->type == NT_DLRT_CODES)
            j->rt->kern->codes(j->dst + pixel * cs + k, acc, &j->scale, at, n);
        else
            j->rt->kern->reals((float *)(void *)j->dst + pixel * j->y->c + k, acc, &j->scale,
                               at, n);
    }
}

/* Pixels of the next tile: as many as the kernel takes, else 4, 2 or 1. */
static uint32_t pixels_of(size_t n, uint32_t most)
{
    return n >= most ? most : n >= 4 ? 4 : n >= 2 ? 2 : 1;
}

static void tiles(void *arg, size_t i)
{
    const job *j = arg;
    const nt_rt_conv *c = j->c;
    int32_t acc[NT_RT_MR * NT_RT_NR];
    uint32_t pairs = (c->blocks + 1) / 2, pair = (uint32_t)(i / j->chunks % pairs);
    uint32_t g = (uint32_t)(i / j->chunks / pairs);
    size_t pixel = i % j->chunks * j->chunk, end = pixel + j->chunk;
    size_t p, q, dy = j->s->stride_h * c->row, dx = j->s->stride_w * c->pix;
    nt_rt_tile t = {.seg = c->seg, .segs = c->segs, .len = c->len, .wblock = c->wblock};

    t.acc = acc;
    t.a = j->image + g * c->plane;
    t.w = nt_rt_data(j->rt, j->s->weights) + ((size_t)g * c->blocks + pair * 2) * c->wblock;
    t.nb = c->blocks - pair * 2 < 2 ? 1 : 2;
    if (end > (size_t)j->y->h * j->y->w)
        end = (size_t)j->y->h * j->y->w;
    for (p = pixel / j->y->w, q = pixel % j->y->w; pixel < end; pixel += t.m) {
        t.m = pixels_of(end - pixel, j->rt->kern->mr[c->kind]);
        for (uint32_t m = 0; m < t.m; m++) {
            t.off[m] = p * dy + q * dx;
            if (++q == j->y->w)
                q = 0, p++;
        }
        j->rt->kern->gemm[c->kind](&t);
        write_tile(j, &t, pixel, g, pair * 32);
    }
}

static void depthwise(void *arg, size_t p)
{
    const job *j = arg;
    const nt_rt_conv *c = j->c;
    const int8_t *w = (const int8_t *)nt_rt_data(j->rt, j->s->weights);
    int32_t acc[NT_RT_CHUNK];
    nt_rt_window t = {
        .r = j->s->r, .s = j->s->s, .row = j->s->dil_h * c->row, .col = j->s->dil_w * c->pix};

    for (size_t q = 0; q < j->y->w; q++)
        for (size_t k = 0; k < c->kg; k += NT_RT_CHUNK) {
            size_t n = c->kg - k < NT_RT_CHUNK ? c->kg - k : NT_RT_CHUNK;
            size_t pixel = p * j->y->w + q;

            t.a = j->image + p * j->s->stride_h * c->row + q * j->s->stride_w * c->pix + k;
            j->rt->kern->depthwise(acc, &t, w + k, c->pix, n);
            if (j->y->type == NT_DLRT_CODES)
                j->rt->kern->codes(j->dst + pixel * nt_rt_align4(j->y->c) + k, acc, &j->scale,
                                   k, n);
            else
                j->rt->kern->reals((float *)(void *)j->dst + pixel * j->y->c + k, acc,
                                   &j->scale, k, n);
        }
}

void nt_rt_conv_run(nt_rt *rt, const nt_dlrt_step *s, const nt_rt_conv *c)
{
    const nt_dlrt_tensor *x = &rt->tensor[s->in[0]], *y = &rt->tensor[s->out];
    job j = {.rt = rt, .s = s, .c = c, .x = x, .y = y};
    size_t pixels = (size_t)y->h * y->w, pairs = (c->blocks + 1) / 2;
    int32_t zero = y->type == NT_DLRT_CODES ? (int32_t)y->zero : 0;

    j.src = nt_rt_at(rt, s->in[0]);
    j.dst = nt_rt_at(rt, s->out);
    j.image = c->copy ? rt->scratch : j.src;
    j.scale = (nt_rt_scale){.corr = c->corr, .mul = c->mul, .add = c->add, .zero = zero};
    j.scale.lo = s->lo - (float)zero;
    j.scale.hi = s->hi - (float)zero;
    if (c->copy)
        nt_rt_share(rt, image_row, &j,
                    c->ih * (size_t)(s->wform == NT_DLRT_DEPTHWISE ? 1 : s->groups));
    if (s->wform == NT_DLRT_DEPTHWISE) {
        nt_rt_share(rt, depthwise, &j, y->h);
        return;
    }
    j.chunk = pixels;
    if (rt->run) /* about two tasks a thread and pair of blocks */
        j.chunk = (pixels / (2 * rt->threads) + 40) / 40 * 40; /* for tiles of 8, 5, 4 */
    j.chunks = (pixels + j.chunk - 1) / j.chunk;
    nt_rt_share(rt, tiles, &j, s->groups * pairs * j.chunks);
}
