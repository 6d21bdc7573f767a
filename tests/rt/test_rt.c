/* SPDX-License-Identifier: MIT */
/*
 * test_rt.c - the runtime against plain loops in double, for every set of kernels that this
 * processor runs, at sizes that are awkward. Needs nothing but the library, so that it also
 * runs cross-compiled; speaks TAP.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "make.h"

static int failed, tests;
static char why[512];
static uint32_t seed = 1;

#define FAIL(...) (why[0] ? 0 : snprintf(why, sizeof why, __VA_ARGS__))
#define REALS(c, h, w) mk_floats(&m, c, h, w, NT_DLRT_NHWC)

static uint32_t rnd(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed >> 8) * n >> 24);
}

static float real(void)
{
    return (float)rnd(20001) / 10000 - 1;
}

static void report(const char *name, const char *isa)
{
    tests++;
    if (why[0]) {
        failed++;
        printf("not ok %d - %s (%s)\n# %s\n", tests, name, isa, why);
    } else {
        printf("ok %d - %s (%s)\n", tests, name, isa);
    }
    why[0] = 0;
}

/* Runs a file with one or two inputs and one output, from a block at an odd address. */
static int run(mk *m, const float *const *in, float *out, size_t threads)
{
    float *outs[] = {out};
    size_t size, need = 0;
    uint8_t *file = mk_file(m, &size), *mem = NULL;
    nt_rt *rt;
    nt_rt_pool *pool = threads > 1 ? nt_rt_pool_new(threads) : NULL;
    int status = nt_rt_mem_size(file, size, &need);

    if (status == NT_RT_OK) {
        mem = malloc(need + 1);
        status = nt_rt_load(&rt, file, size, mem + 1, need);
    }
    if (status == NT_RT_OK) {
        nt_rt_set_parallel(rt, nt_rt_pool_run, pool, threads);
        status = nt_rt_run(rt, in, outs);
    }
    if (status != NT_RT_OK)
        FAIL("%s", nt_rt_strerror(status));
    nt_rt_pool_free(pool);
    free(mem);
    free(file);
    return status == NT_RT_OK;
}

/* n codes of tensor t, as reals into x */
static void fill(const mk *m, uint32_t t, float *x)
{
    const nt_dlrt_tensor *d = &m->t[t];

    for (size_t i = 0; i < (size_t)d->c * d->h * d->w; i++)
        x[i] = ((float)rnd(1u << d->bits) - d->zero) * d->scale;
}

/*
 * Is got, a value of tensor y, what want rounds to? Want in real units, before rounding; where
 * it is nearly half way both neighbours are right.
 */
static int close_to(const nt_dlrt_tensor *y, float got, double want, float lo, float hi)
{
    double code = want / (double)y->scale, c = (double)got / (double)y->scale + (double)y->zero;

    if (y->type == NT_DLRT_F32)
        return fabs(fmin(fmax(want, (double)lo), (double)hi) - (double)got) <=
               2e-5 * (1 + fabs(want));
    if (y->zero == 0.5f)
        return fabs(want) < 1e-5 || c == (want >= 0);
    code = fmin(fmax(code + (double)y->zero, (double)lo), (double)hi);
    return c >= (double)lo - 1e-3 && c <= (double)hi + 1e-3 && fabs(c - code) <= 0.5 + 2e-3;
}

typedef struct conv_case {
    uint32_t c, h, w, k, r, s, stride_h, stride_w, dil_h, dil_w, pt, pl, pb, pr, groups;
    uint32_t wbits, form, abits, obits; /* obits 32: fp32 */
    float zero, ozero;
    size_t threads;
} conv_case;

static int weight_of(uint32_t bits)
{
    return bits == 1 ? (rnd(2) ? 1 : -1) : (int)rnd(1u << bits) - (1 << (bits - 1));
}

/* sum over the taps of output (k, p, q) */
static double conv_at(const nt_dlrt_step *s, const nt_dlrt_tensor *x, const nt_dlrt_tensor *y,
                      const float *in, const int8_t *q, const float *qf, uint32_t k, uint32_t p,
                      uint32_t o)
{
    uint32_t cg = x->c / s->groups, kg = y->c / s->groups;
    double sum = 0;

    for (uint32_t c = 0; c < cg; c++)
        for (uint32_t r = 0; r < s->r; r++)
            for (uint32_t t = 0; t < s->s; t++) {
                uint32_t h = p * s->stride_h + r * s->dil_h - s->pad_t;
                uint32_t w = o * s->stride_w + t * s->dil_w - s->pad_l;
                size_t at = ((k * cg + c) * s->r + r) * s->s + t;

                if (h < x->h && w < x->w)
                    sum += (double)in[((k / kg * cg + c) * x->h + h) * x->w + w] *
                           (q ? q[at] : (double)qf[at]);
            }
    return sum;
}

static void check_conv(const mk *m, const nt_dlrt_step *s, const float *in, const int8_t *q,
                       const float *qf, const float *ws, const float *bias, const float *out)
{
    const nt_dlrt_tensor *x = &m->t[s->in[0]], *y = &m->t[s->out];

    for (uint32_t k = 0; k < y->c; k++)
        for (uint32_t p = 0; p < y->h; p++)
            for (uint32_t o = 0; o < y->w; o++) {
                double want = conv_at(s, x, y, in, q, qf, k, p, o) * (double)(ws ? ws[k] : 1) +
                              (double)bias[k];
                float got = out[(k * y->h + p) * y->w + o];

                if (!close_to(y, got, want, s->lo, s->hi)) {
                    FAIL("k %u p %u q %u: got %g, want %g (scale %g)", k, p, o, (double)got,
                         want, (double)y->scale);
                    return;
                }
            }
}

static uint32_t extent(uint32_t h, uint32_t pads, uint32_t r, uint32_t dil, uint32_t stride)
{
    return (h + pads - ((r - 1) * dil + 1)) / stride + 1;
}

static void conv(const conv_case *d)
{
    mk m = {0};
    uint32_t p = extent(d->h, d->pt + d->pb, d->r, d->dil_h, d->stride_h);
    uint32_t o = extent(d->w, d->pl + d->pr, d->s, d->dil_w, d->stride_w);
    uint32_t in = mk_input(&m, d->c, d->h, d->w), x, y, out;
    size_t nw = (size_t)d->k * (d->c / d->groups) * d->r * d->s,
           nx = (size_t)d->c * d->h * d->w;
    int8_t *q = malloc(nw);
    float *ws = malloc(4 * d->k), *bias = malloc(4 * d->k), *xs = malloc(4 * nx);
    float *got = malloc(4 * (size_t)d->k * p * o), scale = 0.05f;
    const float *ins[] = {xs};
    nt_dlrt_step *s;

    x = mk_codes(&m, d->c, d->h, d->w, d->abits, 0.031f, d->zero);
    scale *= sqrtf((float)(nw / d->k)) * (float)(1 << d->abits) * (float)(1 << d->wbits) *
             0.05f / (float)(1 << (d->obits & 15));
    y = d->obits == 32 ? mk_floats(&m, d->k, p, o, NT_DLRT_NHWC)
                       : mk_codes(&m, d->k, p, o, d->obits, scale, d->ozero);
    out = mk_output(&m, d->k, p, o);
    mk_step(&m, NT_DLRT_QUANTIZE, in, x);
    s = mk_step(&m, NT_DLRT_CONV, x, y);
    s->r = d->r, s->s = d->s, s->stride_h = d->stride_h, s->stride_w = d->stride_w;
    s->dil_h = d->dil_h, s->dil_w = d->dil_w, s->groups = d->groups;
    s->pad_t = d->pt, s->pad_l = d->pl, s->pad_b = d->pb, s->pad_r = d->pr;
    s->wbits = d->wbits, s->wform = d->form;
    s->lo = d->obits == 32 ? -1e30f : rnd(2) ? 0 : floorf(d->ozero);
    s->hi = d->obits == 32 ? 1e30f : (float)((1u << d->obits) - 1);
    for (size_t i = 0; i < nw; i++)
        q[i] = (int8_t)weight_of(d->wbits);
    for (uint32_t k = 0; k < d->k; k++) {
        ws[k] = 0.05f * (1.5f + real());
        bias[k] = real() * scale * 20;
    }
    s->weights = mk_weights(&m, s, q);
    s->wscale = mk_data(&m, ws, 4 * d->k);
    s->bias = mk_data(&m, bias, 4 * d->k);
    mk_step(&m, d->obits == 32 ? NT_DLRT_LAYOUT : NT_DLRT_DEQUANTIZE, y, out);
    fill(&m, x, xs);
    if (run(&m, ins, got, d->threads))
        check_conv(&m, s, xs, q, NULL, ws, bias, got);
    free(q), free(ws), free(bias), free(xs), free(got);
    mk_free(&m);
}

static float whole_zero(uint32_t bits)
{
    return (float)rnd(1u << bits);
}

static conv_case random_case(uint32_t wbits, uint32_t form, uint32_t abits)
{
    static const uint32_t channels[] = {1, 3, 4, 5, 8, 16, 31, 32, 33, 48, 64, 70};
    static const uint32_t outs[] = {1, 2, 32, 8, 4};
    conv_case d = {.wbits = wbits, .form = form, .abits = abits, .threads = 1 + rnd(2)};

    d.groups = rnd(4) ? 1 : 1 + rnd(3);
    d.c = channels[rnd(12)] * d.groups;
    d.k = channels[rnd(12)] * d.groups;
    d.r = 1 + rnd(4);
    d.s = 1 + rnd(4);
    d.stride_h = 1 + rnd(3);
    d.stride_w = 1 + rnd(3);
    d.dil_h = 1 + (rnd(4) == 0);
    d.dil_w = 1 + (rnd(4) == 0);
    if (rnd(3))
        d.pt = rnd(3), d.pl = rnd(3), d.pb = rnd(3), d.pr = rnd(3);
    d.h = (d.r - 1) * d.dil_h + 1 + rnd(9);
    d.w = (d.s - 1) * d.dil_w + 1 + rnd(9);
    d.obits = outs[rnd(5)];
    d.zero = whole_zero(abits);
    if (abits == 1 && !d.pt && !d.pl && !d.pb && !d.pr && rnd(2))
        d.zero = 0.5f;
    d.ozero = d.obits == 32 ? 0 : d.obits == 1 && rnd(2) ? 0.5f : whole_zero(d.obits);
    return d;
}

static void convs(uint32_t wbits, uint32_t form, uint32_t abits)
{
    for (int i = 0; i < 40 && !why[0]; i++) {
        conv_case d = random_case(wbits, form, abits);

        if (form == NT_DLRT_DEPTHWISE) {
            d.groups = d.c;
            d.k = d.c;
        }
        conv(&d);
        if (why[0])
            snprintf(why + strlen(why), sizeof why - strlen(why),
                     "; c %u h %u w %u k %u r %u s %u stride %u %u dil %u %u pads %u %u %u %u "
                     "groups "
                     "%u, %u -> %u bits, threads %zu",
                     d.c, d.h, d.w, d.k, d.r, d.s, d.stride_h, d.stride_w, d.dil_h, d.dil_w,
                     d.pt, d.pl, d.pb, d.pr, d.groups, d.abits, d.obits, d.threads);
    }
}

/* The largest sums there are: 4608 taps of 255 * -128. */
static void extremes(void)
{
    mk m = {0};
    uint32_t in = mk_input(&m, 512, 3, 3), x = mk_codes(&m, 512, 3, 3, 8, 1, 0);
    uint32_t y = REALS(1, 1, 1), out = mk_output(&m, 1, 1, 1);
    nt_dlrt_step *s;
    static int8_t q[4608];
    static float xs[4608];
    const float one = 1, *ins[] = {xs};
    float got = 0;

    mk_step(&m, NT_DLRT_QUANTIZE, in, x);
    s = mk_step(&m, NT_DLRT_CONV, x, y);
    s->r = s->s = 3;
    s->stride_h = s->stride_w = s->dil_h = s->dil_w = s->groups = 1;
    s->wbits = 8, s->wform = NT_DLRT_FIELDS, s->lo = -1e30f, s->hi = 1e30f;
    memset(q, -128, sizeof q);
    for (int i = 0; i < 4608; i++)
        xs[i] = 255;
    s->weights = mk_weights(&m, s, q);
    s->wscale = mk_data(&m, &one, 4);
    mk_step(&m, NT_DLRT_LAYOUT, y, out);
    if (run(&m, ins, &got, 1) && fabsf(got + 255.0f * 128 * 4608) > 16)
        FAIL("got %g", (double)got);
    mk_free(&m);
}

static void float_convs(void)
{
    for (int i = 0; i < 40 && !why[0]; i++) {
        conv_case d = random_case(8, NT_DLRT_FIELDS, 8);
        mk m = {0};
        uint32_t p = extent(d.h, d.pt + d.pb, d.r, d.dil_h, d.stride_h);
        uint32_t o = extent(d.w, d.pl + d.pr, d.s, d.dil_w, d.stride_w);
        uint32_t in = mk_input(&m, d.c, d.h, d.w), x = REALS(d.c, d.h, d.w);
        uint32_t y = REALS(d.k, p, o), out = mk_output(&m, d.k, p, o);
        size_t nw = (size_t)d.k * (d.c / d.groups) * d.r * d.s, nx = (size_t)d.c * d.h * d.w;
        float *q = malloc(4 * nw), *bias = malloc(4 * d.k), *xs = malloc(4 * nx);
        float *got = malloc(4 * (size_t)d.k * p * o);
        const float *ins[] = {xs};
        nt_dlrt_step *s;

        mk_step(&m, NT_DLRT_LAYOUT, in, x);
        s = mk_step(&m, NT_DLRT_CONV, x, y);
        s->r = d.r, s->s = d.s, s->stride_h = d.stride_h, s->stride_w = d.stride_w;
        s->dil_h = d.dil_h, s->dil_w = d.dil_w, s->groups = d.groups;
        s->pad_t = d.pt, s->pad_l = d.pl, s->pad_b = d.pb, s->pad_r = d.pr;
        s->wbits = 32, s->wform = NT_DLRT_FLOATS, s->lo = -1, s->hi = 2;
        for (size_t j = 0; j < nw; j++)
            q[j] = real();
        for (size_t j = 0; j < nx; j++)
            xs[j] = real();
        for (size_t j = 0; j < d.k; j++)
            bias[j] = real();
        s->weights = mk_float_weights(&m, s, q);
        s->bias = mk_data(&m, bias, 4 * d.k);
        mk_step(&m, NT_DLRT_LAYOUT, y, out);
        if (run(&m, ins, got, d.threads))
            check_conv(&m, s, xs, NULL, q, NULL, bias, got);
        free(q), free(bias), free(xs), free(got);
        mk_free(&m);
    }
}

/* A network of one step of codes with the inputs x (and b), for the tests below. */
typedef struct one {
    mk m;
    uint32_t x, b, y;
    nt_dlrt_step *s;
    float xs[4096], bs[4096], got[4096];
} one;

static void begin(one *n, uint32_t op, nt_dlrt_tensor x, nt_dlrt_tensor b, nt_dlrt_tensor y)
{
    uint32_t in = mk_input(&n->m, x.c, x.h, x.w), in2 = 0, out;

    if (b.c)
        in2 = mk_input(&n->m, b.c, b.h, b.w);
    n->x = mk_codes(&n->m, x.c, x.h, x.w, x.bits, x.scale, x.zero);
    mk_step(&n->m, NT_DLRT_QUANTIZE, in, n->x);
    fill(&n->m, n->x, n->xs);
    if (b.c) {
        n->b = mk_codes(&n->m, b.c, b.h, b.w, b.bits, b.scale, b.zero);
        mk_step(&n->m, NT_DLRT_QUANTIZE, in2, n->b);
        fill(&n->m, n->b, n->bs);
    }
    n->y = mk_codes(&n->m, y.c, y.h, y.w, y.bits, y.scale, y.zero);
    out = mk_output(&n->m, y.c, y.h, y.w);
    n->s = mk_step(&n->m, op, n->x, n->y);
    n->s->hi = (float)((1 << y.bits) - 1);
    if (b.c)
        n->s->in[1] = n->b;
    mk_step(&n->m, NT_DLRT_DEQUANTIZE, n->y, out);
}

static int go(one *n)
{
    const float *ins[] = {n->xs, n->bs};

    return run(&n->m, ins, n->got, 2);
}

/* Element (c, h, w) of tensor t's reals. */
static float at(const one *n, uint32_t t, const float *v, uint32_t c, uint32_t h, uint32_t w)
{
    const nt_dlrt_tensor *d = &n->m.t[t];

    return v[(c * d->h + h) * d->w + w];
}

static void want(one *n, uint32_t c, uint32_t h, uint32_t w, double v)
{
    float got = at(n, n->y, n->got, c, h, w);

    if (!close_to(&n->m.t[n->y], got, v, n->s->lo, n->s->hi))
        FAIL("c %u h %u w %u: got %g, want %g", c, h, w, (double)got, v);
}

#define EACH(d)                                                                                \
    for (uint32_t c = 0; c < (d)->c; c++)                                                      \
        for (uint32_t h = 0; h < (d)->h; h++)                                                  \
            for (uint32_t w = 0; w < (d)->w; w++)

static nt_dlrt_tensor codes(uint32_t c, uint32_t h, uint32_t w, uint32_t bits, float scale,
                            float zero)
{
    return (nt_dlrt_tensor){.c = c, .h = h, .w = w, .bits = bits, .scale = scale, .zero = zero};
}

static void pairs(uint32_t op)
{
    for (int i = 0; i < 20 && !why[0]; i++) {
        one *n = calloc(1, sizeof *n);
        nt_dlrt_tensor x = codes(1 + rnd(70), 1 + rnd(5), 1 + rnd(5), 8, 0.01f, whole_zero(8));
        nt_dlrt_tensor b = x, y = x;
        uint32_t all = rnd(2);

        b.bits = 4, b.scale = 0.17f, b.zero = whole_zero(4);
        if (!all)
            b.h = b.w = 1;
        y.scale = 0.05f, y.zero = whole_zero(8);
        begin(n, op, x, b, y);
        n->s->lo = (float)rnd(60);
        n->s->hi = 200;
        if (go(n))
            EACH(&x)
            {
                double u = (double)at(n, n->x, n->xs, c, h, w);
                double v = (double)at(n, n->b, n->bs, c, all ? h : 0, all ? w : 0);

                want(n, c, h, w, op == NT_DLRT_ADD ? u + v : u * v);
            }
        mk_free(&n->m);
        free(n);
    }
}

static void pools(uint32_t op)
{
    for (int i = 0; i < 20 && !why[0]; i++) {
        one *n = calloc(1, sizeof *n);
        uint32_t r = 1 + rnd(3), t = 1 + rnd(3), pt = rnd(r), pl = rnd(t), stride = 1 + rnd(2);
        uint32_t dil = op == NT_DLRT_MAXPOOL ? 1 + rnd(2) : 1, ch = 1 + rnd(70);
        nt_dlrt_tensor x = codes(ch, (r - 1) * dil + 1 + rnd(4), (t - 1) * dil + 1 + rnd(4), 8,
                                 0.01f, whole_zero(8));
        nt_dlrt_tensor y = codes(x.c, extent(x.h, pt, r, dil, stride),
                                 extent(x.w, pl, t, dil, stride), 8, 0.01f, x.zero);

        if (op == NT_DLRT_AVGPOOL)
            y.scale = 0.007f, y.zero = whole_zero(8);
        begin(n, op, x, (nt_dlrt_tensor){0}, y);
        n->s->r = r, n->s->s = t, n->s->pad_t = pt, n->s->pad_l = pl;
        n->s->stride_h = n->s->stride_w = stride;
        n->s->dil_h = n->s->dil_w = dil;
        n->s->kind = rnd(2);
        if (go(n))
            EACH(&y)
            {
                double most = -1e9, sum = 0, count = 0;

                for (uint32_t a = 0; a < r; a++)
                    for (uint32_t e = 0; e < t; e++) {
                        uint32_t u = h * stride + a * dil - pt, v = w * stride + e * dil - pl;

                        if (u < x.h && v < x.w) {
                            most = fmax(most, (double)at(n, n->x, n->xs, c, u, v));
                            sum += (double)at(n, n->x, n->xs, c, u, v);
                            count++;
                        }
                    }
                want(n, c, h, w,
                     op == NT_DLRT_MAXPOOL ? most : sum / (n->s->kind ? r * t : count));
            }
        mk_free(&n->m);
        free(n);
    }
}

static void luts(void)
{
    one *n = calloc(1, sizeof *n);
    nt_dlrt_tensor x = codes(5, 3, 4, 8, 0.05f, 128);
    uint8_t table[256];

    for (int i = 0; i < 256; i++) /* the square */
        table[i] = (uint8_t)fmin(rint((i - 128) * 0.05 * (i - 128) * 0.05 / 0.2), 255);
    begin(n, NT_DLRT_LUT, x, (nt_dlrt_tensor){0}, codes(5, 3, 4, 8, 0.2f, 0));
    n->s->table = mk_data(&n->m, table, 256);
    if (go(n))
        EACH(&x)
    want(n, c, h, w, pow((double)at(n, n->x, n->xs, c, h, w), 2));
    mk_free(&n->m);
    free(n);
}

/* Two inputs side by side, the second at another scale. */
static void concats(void)
{
    one *n = calloc(1, sizeof *n);
    nt_dlrt_tensor x = codes(5, 3, 4, 8, 0.05f, 128), b = codes(6, 3, 4, 4, 0.1f, 3);
    nt_dlrt_tensor y = codes(9, 3, 4, 8, 0.05f, 128);
    nt_dlrt_step *s;
    uint8_t table[256] = {0};

    for (int i = 0; i < 16; i++)
        table[i] = (uint8_t)((i - 3) * 2 + 128);
    begin(n, NT_DLRT_COPY, x, b, y);
    n->m.steps--; /* the last step comes later */
    n->s->in[1] = NT_DLRT_NONE;
    n->s->count = 5;
    s = mk_step(&n->m, NT_DLRT_COPY, n->b, n->y);
    s->src_c = 2, s->dst_c = 5, s->count = 4;
    s->table = mk_data(&n->m, table, 256);
    mk_step(&n->m, NT_DLRT_DEQUANTIZE, n->y, n->y + 1);
    if (go(n))
        EACH(&y)
    want(n, c, h, w,
         (double)(c < 5 ? at(n, n->x, n->xs, c, h, w) : at(n, n->b, n->bs, c - 3, h, w)));
    mk_free(&n->m);
    free(n);
}

static void moves(void)
{
    for (uint32_t op = NT_DLRT_RESHAPE; op <= NT_DLRT_PAD; op++) {
        one *n;
        nt_dlrt_tensor x = codes(5, 3, 4, 8, 0.05f, 128), y = x;
        uint32_t from[] = {0, 0, 2, 1, 2, 1, 0, 3, 3, 2, 1, 3, 0};

        if (op == NT_DLRT_SOFTMAX)
            continue;
        if (op == NT_DLRT_RESHAPE)
            y.c = 2, y.h = 15, y.w = 2;
        if (op == NT_DLRT_RESIZE)
            y.h = 6, y.w = 7;
        if (op == NT_DLRT_PAD)
            y.h = 6, y.w = 9;
        n = calloc(1, sizeof *n);
        begin(n, op, x, (nt_dlrt_tensor){0}, y);
        if (op == NT_DLRT_RESIZE)
            n->s->table = mk_data(&n->m, from, sizeof from);
        if (op == NT_DLRT_PAD)
            n->s->pad_t = 1, n->s->pad_b = 2, n->s->pad_l = 3, n->s->pad_r = 2, n->s->lo = 7;
        if (go(n)) {
            if (op == NT_DLRT_PAD)
                n->s->lo = 0; /* of the codes that want() takes */
            EACH(&y)
            {
                double v =
                    op == NT_DLRT_RESHAPE  ? (double)n->xs[(c * y.h + h) * y.w + w]
                    : op == NT_DLRT_RESIZE ? (double)at(n, n->x, n->xs, c, from[h], from[6 + w])
                    : h - 1 < 3 && w - 3 < 4 ? (double)at(n, n->x, n->xs, c, h - 1, w - 3)
                                             : (7 - 128) * 0.05;

                want(n, c, h, w, v);
            }
        }
        mk_free(&n->m);
        free(n);
    }
}

/* fp32: layout, pools, sums, activations and softmax in one chain, compared step by step. */
static void floats(void)
{
    for (uint32_t kind = 0; kind < NT_DLRT_ACTS; kind++) {
        mk m = {0};
        uint32_t in = mk_input(&m, 3, 4, 4), x = REALS(3, 4, 4), a = REALS(3, 4, 4);
        uint32_t b = REALS(3, 4, 4), p = REALS(3, 2, 2), g = REALS(3, 1, 1);
        uint32_t y = REALS(3, 1, 1), out = mk_output(&m, 3, 1, 1);
        float xs[48], got[3];
        double mean[3] = {0}, sum = 0;
        const float *ins[] = {xs};
        nt_dlrt_step *s;

        mk_step(&m, NT_DLRT_LAYOUT, in, x);
        s = mk_step(&m, NT_DLRT_ACT, x, a);
        s->kind = kind, s->lo = kind == NT_DLRT_CLIP ? -0.5f : 0.2f, s->hi = 0.5f;
        s = mk_step(&m, NT_DLRT_ADD, a, b);
        s->in[1] = x, s->lo = -100, s->hi = 100;
        s = mk_step(&m, NT_DLRT_MAXPOOL, b, p);
        s->r = s->s = s->stride_h = s->stride_w = 2, s->dil_h = s->dil_w = 1;
        s = mk_step(&m, NT_DLRT_AVGPOOL, p, g);
        s->r = s->s = 2, s->stride_h = s->stride_w = s->dil_h = s->dil_w = 1;
        mk_step(&m, NT_DLRT_SOFTMAX, g, y);
        mk_step(&m, NT_DLRT_LAYOUT, y, out);
        for (int i = 0; i < 48; i++)
            xs[i] = 6 * real();
        for (int i = 0; i < 12; i++) {
            double most = -1e9;

            for (int j = 0; j < 4; j++) {
                double v =
                    (double)xs[i / 4 * 16 + (i % 4 / 2 * 2 + j / 2) * 4 + i % 2 * 2 + j % 2];
                double f[] = {fmin(fmax(v, -0.5), 0.5), 1 / (1 + exp(-v)),
                              fmin(fmax(0.2 * v + 0.5, 0), 1),
                              v * fmin(fmax(v / 6 + 0.5, 0), 1), v / (1 + exp(-v))};

                most = fmax(most, f[kind] + v);
            }
            mean[i / 4] += most / 4;
        }
        for (int i = 0; i < 3; i++)
            sum += exp(mean[i]);
        if (run(&m, ins, got, 1))
            for (int i = 0; i < 3; i++)
                if (fabs((double)got[i] - exp(mean[i]) / sum) > 1e-6)
                    FAIL("activation %u: got %g, want %g", kind, (double)got[i],
                         exp(mean[i]) / sum);
        mk_free(&m);
    }
}

/* Halves go to the even code, whatever the zero point. */
static void halves(void)
{
    for (int zero = 3; zero <= 4; zero++) {
        mk m = {0};
        uint32_t in = mk_input(&m, 1, 1, 8), x = mk_codes(&m, 1, 1, 8, 8, 2, (float)zero);
        uint32_t out = mk_output(&m, 1, 1, 8);
        const float xs[] = {1, 3, 5, -1, -3, 600, -600, NAN},
                    *ins[] = {xs}; /* NaN: the lowest */
        const float even[] = {0, 4, 4, 0, -4, 0, 0, 0};
        float got[8];

        mk_step(&m, NT_DLRT_QUANTIZE, in, x);
        mk_step(&m, NT_DLRT_DEQUANTIZE, x, out);
        if (run(&m, ins, got, 1))
            for (int i = 0; i < 8; i++) {
                float wanted = i == 5   ? (float)(255 - zero) * 2
                               : i >= 6 ? (float)-zero * 2
                                        : even[i];

                if (got[i] != wanted)
                    FAIL("zero %d: %g became %g, want %g", zero, (double)xs[i], (double)got[i],
                         (double)wanted);
            }
        mk_free(&m);
    }
}

static void nans(void)
{
    for (uint32_t kind = 0; kind < NT_DLRT_ACTS; kind++) {
        mk m = {0};
        uint32_t in = mk_input(&m, 1, 2, 4), p = REALS(1, 1, 2);
        uint32_t t[] = {REALS(1, 2, 4), REALS(1, 2, 4), REALS(1, 2, 4)};
        const float w = 1, bias = 0, xs[8] = {1, NAN, 1, 1, 1, 1}, *ins[] = {xs};
        float got[2]; /* two windows */
        nt_dlrt_step *s;

        mk_step(&m, NT_DLRT_LAYOUT, in, t[0]);
        s = mk_step(&m, NT_DLRT_CONV, t[0], t[1]);
        s->r = s->s = s->stride_h = s->stride_w = s->dil_h = s->dil_w = s->groups = 1;
        s->wbits = 32, s->wform = NT_DLRT_FLOATS, s->lo = 0, s->hi = 6;
        s->weights = mk_float_weights(&m, s, &w), s->bias = mk_data(&m, &bias, 4);
        s = mk_step(&m, NT_DLRT_ACT, t[1], t[2]);
        s->kind = kind, s->lo = kind == NT_DLRT_CLIP ? -0.5f : 0.2f, s->hi = 0.5f;
        s = mk_step(&m, NT_DLRT_MAXPOOL, t[2], p);
        s->r = s->s = s->stride_h = s->stride_w = 2, s->dil_h = s->dil_w = 1;
        mk_step(&m, NT_DLRT_LAYOUT, p, mk_output(&m, 1, 1, 2));
        if (run(&m, ins, got, 1) && !(isnan(got[0]) && isfinite(got[1])))
            FAIL("activation %u: %g, %g", kind, (double)got[0], (double)got[1]);
        mk_free(&m);
    }
}

/* Loads and, where that works and costs little, runs; returns the status. */
static int try_file(const uint8_t *bytes, size_t size)
{
    uint8_t *file = NULL, *mem;
    float *ends[2] = {NULL, NULL};
    const float *in[1];
    float *out[1];
    nt_rt_info x, y;
    size_t need;
    nt_rt *rt;
    int status;

    if (posix_memalign((void **)&file, 64, size ? size : 1))
        return -1;
    memcpy(file, bytes, size); /* of exactly this size, for the sanitizer */
    status = nt_rt_mem_size(file, size, &need);
    if (status == NT_RT_OK && need < 1u << 24) {
        mem = malloc(need);
        status = nt_rt_load(&rt, file, size, mem, need);
        if (status == NT_RT_OK && nt_rt_inputs(rt) == 1 && nt_rt_outputs(rt) == 1) {
            nt_rt_input(rt, 0, &x);
            nt_rt_output(rt, 0, &y);
            in[0] = ends[0] = calloc(x.count, 4);
            out[0] = ends[1] = calloc(y.count, 4);
            if (ends[0] && ends[1])
                status = nt_rt_run(rt, in, out);
        }
        free(ends[0]), free(ends[1]), free(mem);
    }
    free(file);
    return status;
}

static void expect(int got, int wanted, const char *what)
{
    if (got != wanted)
        FAIL("%s: '%s', want '%s'", what, nt_rt_strerror(got), nt_rt_strerror(wanted));
}

static void refusals(void)
{
    mk m = {0};
    size_t size, need;
    uint8_t *file;
    nt_rt *rt;
    void *mem;

    mk_small_net(&m, 0);
    file = mk_file(&m, &size);
    expect(try_file(file, size), NT_RT_OK, "whole");
    for (size_t n = 0; n < size; n += 1 + n / 16)
        if (try_file(file, n) == NT_RT_OK)
            FAIL("cut to %zu of %zu bytes", n, size);
    expect(try_file(file, size - 64), NT_RT_ESIZE, "cut");
    file[size - 200] ^= 1;
    expect(try_file(file, size), NT_RT_ECHECKSUM, "a bit");
    file[size - 200] ^= 1;
    file[0] ^= 1;
    expect(try_file(file, size), NT_RT_EMAGIC, "magic");
    file[0] ^= 1;
    file[4]++;
    expect(try_file(file, size), NT_RT_EVERSION, "a version to come");
    file[4] = 1;
    expect(try_file(file, size), NT_RT_EVERSION, "version 1");
    file[4] = NT_DLRT_VERSION;
    expect(nt_rt_mem_size(file + 4, size - 4, &need), NT_RT_EARG, "address");
    expect(nt_rt_mem_size(file, size, &need), NT_RT_OK, "whole");
    mem = malloc(need);
    expect(nt_rt_load(&rt, file, size, mem, need - 1), NT_RT_EMEM, "memory");
    expect(nt_rt_load(&rt, file, size, NULL, need), NT_RT_EMEM, "no memory");
    free(mem);
    setenv("NT_RT_ISA", "mmx", 1);
    expect(nt_rt_mem_size(file, size, &need), NT_RT_EISA, "mmx");
    free(file);
    mk_free(&m);
}

/* Each byte of the header and the records changed, the checksum made right: no harm is done. */
static void hostile(int kind)
{
    static const uint8_t change[] = {0x01, 0x80, 0xff, 0x40};
    mk m = {0};
    size_t size, end, refused = 0, tried = 0;
    uint8_t *file;

    mk_small_net(&m, kind);
    file = mk_file(&m, &size);
    expect(try_file(file, size), NT_RT_OK, "whole");
    end = sizeof(nt_dlrt_header) + m.tensors * sizeof *m.t + m.steps * sizeof *m.s;
    for (size_t i = 8; i < end; i++)
        for (int j = 0; j < 4; j++, tried++) {
            file[i] ^= change[j];
            mk_seal(file, size);
            refused += try_file(file, size) != NT_RT_OK;
            file[i] ^= change[j];
        }
    if (refused < tried / 3)
        FAIL("%zu of %zu refused", refused, tried);
    free(file);
    mk_free(&m);
}

static void with_kernels(const char *isa)
{
    char name[64];

    setenv("NT_RT_ISA", isa, 1);
    for (uint32_t w = 1; w <= 8; w *= 2)
        for (uint32_t a = 1; a <= 8; a *= 2) {
            snprintf(name, sizeof name, "convolution, fields, %u-bit weights, %u-bit codes", w,
                     a);
            convs(w, NT_DLRT_FIELDS, a);
            report(name, isa);
        }
    for (uint32_t w = 1; w <= 2; w++)
        for (uint32_t a = 1; a <= 2; a++) {
            snprintf(name, sizeof name, "convolution, planes, %u-bit weights, %u-bit codes", w,
                     a);
            convs(w, NT_DLRT_PLANES, a);
            report(name, isa);
        }
    convs(8, NT_DLRT_DEPTHWISE, 8), report("depthwise convolution", isa);
    extremes(), report("the largest sums do not saturate", isa);
    float_convs(), report("convolution in fp32", isa);
    pairs(NT_DLRT_ADD), report("sum of two tensors", isa);
    pairs(NT_DLRT_MUL), report("product of two tensors", isa);
    pools(NT_DLRT_MAXPOOL), report("maximum pooling", isa);
    pools(NT_DLRT_AVGPOOL), report("average pooling", isa);
    luts(), report("look-up", isa);
    concats(), report("concatenation with a change of scale", isa);
    moves(), report("reshape, resize and pad", isa);
    floats(), report("steps in fp32", isa);
    nans(), report("NaN goes through steps on reals", isa);
    halves(), report("halves are rounded to the even code, NaN to the lowest", isa);
}

int main(void)
{
    static const char *const all[] = {"portable", "avx2", "avx512", "neon", "neon-dot"};
    mk m = {0};
    size_t size, need;
    uint8_t *file;

    mk_small_net(&m, 0);
    file = mk_file(&m, &size);
    for (int i = 0; i < 5; i++) {
        setenv("NT_RT_ISA", all[i], 1);
        if (nt_rt_mem_size(file, size, &need) == NT_RT_OK)
            with_kernels(all[i]);
    }
    unsetenv("NT_RT_ISA");
    free(file);
    mk_free(&m);
    for (int kind = 0; kind < MK_NETS; kind++)
        hostile(kind);
    report("a damaged file with a right checksum does no harm", "best");
    refusals(), report("what is no file of ours is refused, and why", "best");
    printf("1..%d\n", tests);
    return failed != 0;
}
