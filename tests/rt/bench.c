/* SPDX-License-Identifier: MIT */
/*
 * bench.c - how long a file takes, or a network of random weights:
 *
 *     bench FILE.dlrt [RUNS [-v]]
 *     bench NET W/A [RUNS [-v]]
 *
 * NET is resnet18 (3x224x224) or vgg19 (3x32x32, with batch normalisation folded); the first
 * and the last layer's weights have 8 bits, the others W-bit weights and A-bit activations.
 * Prints the median of processor time, with -v also each step's. NT_RT_ISA chooses the kernels.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "make.h"

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* one thread: others may be busy */
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

typedef struct net {
    mk m;
    uint32_t wbits, abits, form, slot;
} net;

/* Tensors take turns in four places, as a planner would have it. */
static uint32_t codes(net *n, uint32_t c, uint32_t h, uint32_t bits)
{
    uint32_t t = mk_codes(&n->m, c, h, h, bits, 0.05f, 0);

    n->m.t[t].offset = (n->slot++ % 4) << 14; /* each of 1 MB */
    n->m.arena = (uint64_t)4 << 20;
    return t;
}

static uint32_t conv(net *n, uint32_t x, uint32_t k, uint32_t r, uint32_t stride, int edge)
{
    const nt_dlrt_tensor *d = &n->m.t[x];
    uint32_t pad = r == d->h ? 0 : r / 2, p = (d->h + 2 * pad - r) / stride + 1;
    uint32_t y = edge > 1 ? mk_floats(&n->m, k, p, p, NT_DLRT_NHWC) : codes(n, k, p, n->abits);
    size_t count = (size_t)k * d->c * r * r;
    nt_dlrt_step *s = mk_step(&n->m, NT_DLRT_CONV, x, y);
    int8_t *q = malloc(count);
    float *ws = malloc(4 * (size_t)k);

    if (edge > 1)
        n->m.t[y].offset = 3 << 14;
    s->r = s->s = r;
    s->stride_h = s->stride_w = stride;
    s->dil_h = s->dil_w = s->groups = 1;
    s->pad_t = s->pad_l = s->pad_b = s->pad_r = pad;
    s->wbits = edge ? 8 : n->wbits;
    s->wform = edge ? (uint32_t)NT_DLRT_FIELDS : n->form;
    s->lo = edge > 1 ? -1e30f : 0;
    s->hi = edge > 1 ? 1e30f : (float)((1u << n->m.t[y].bits) - 1);
    for (size_t i = 0; i < count; i++)
        q[i] = (int8_t)(s->wbits == 1 ? rand() % 2 * 2 - 1 : rand() % 256 >> (8 - s->wbits));
    for (uint32_t i = 0; i < k; i++)
        ws[i] = 0.01f;
    s->weights = mk_weights(&n->m, s, q);
    s->wscale = mk_data(&n->m, ws, 4 * (size_t)k);
    s->bias = mk_data(&n->m, ws, 4 * (size_t)k);
    free(q);
    free(ws);
    return y;
}

static uint32_t pool(net *n, uint32_t op, uint32_t x, uint32_t r, uint32_t stride, uint32_t pad)
{
    const nt_dlrt_tensor *d = &n->m.t[x];
    uint32_t y = codes(n, d->c, (d->h + 2 * pad - r) / stride + 1, d->bits);
    nt_dlrt_step *s = mk_step(&n->m, op, x, y);

    s->r = s->s = r;
    s->stride_h = s->stride_w = stride;
    s->dil_h = s->dil_w = 1;
    s->pad_t = s->pad_l = s->pad_b = s->pad_r = pad;
    return y;
}

static uint32_t sum(net *n, uint32_t a, uint32_t b)
{
    uint32_t y = codes(n, n->m.t[a].c, n->m.t[a].h, n->abits);
    nt_dlrt_step *s = mk_step(&n->m, NT_DLRT_ADD, a, y);

    s->in[1] = b;
    s->hi = (float)((1u << n->abits) - 1);
    return y;
}

static uint32_t begin(net *n, uint32_t h)
{
    uint32_t x = mk_input(&n->m, 3, h, h), y = codes(n, 3, h, 8);

    mk_step(&n->m, NT_DLRT_QUANTIZE, x, y);
    return y;
}

static void end(net *n, uint32_t x, uint32_t classes)
{
    uint32_t y = conv(n, x, classes, n->m.t[x].h, 1, 2);

    mk_step(&n->m, NT_DLRT_LAYOUT, y, mk_output(&n->m, classes, 1, 1));
}

static void resnet18(net *n)
{
    uint32_t x = begin(n, 224);

    x = conv(n, x, 64, 7, 2, 1);
    x = pool(n, NT_DLRT_MAXPOOL, x, 3, 2, 1);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t k = 64u << i / 2, stride = i > 1 && i % 2 == 0 ? 2 : 1;
        uint32_t y = conv(n, x, k, 3, stride, 0);

        y = conv(n, y, k, 3, 1, 0);
        if (stride == 2)
            x = conv(n, x, k, 1, 2, 0);
        x = sum(n, y, x);
    }
    end(n, pool(n, NT_DLRT_AVGPOOL, x, 7, 1, 0), 1000);
}

static void vgg19(net *n)
{
    static const uint32_t k[] = {64,  64,  0,   128, 128, 0,   256, 256, 256, 256, 0,
                                 512, 512, 512, 512, 0,   512, 512, 512, 512, 0};
    uint32_t x = begin(n, 32);

    for (size_t i = 0; i < sizeof k / sizeof *k; i++)
        x = k[i] ? conv(n, x, k[i], 3, 1, i == 0) : pool(n, NT_DLRT_MAXPOOL, x, 2, 2, 0);
    end(n, x, 10);
}

typedef struct clock_of {
    double at, *sum;
} clock_of;

static void watch(void *ctx, size_t i)
{
    clock_of *c = ctx;
    double t = now_ms();

    c->sum[i] += t - c->at;
    c->at = t;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Noise for the inputs, room for the outputs. */
static float *make_end(size_t count)
{
    float *x = malloc(count * sizeof *x);

    for (size_t i = 0; x && i < count; i++)
        x[i] = (float)(rand() % 256 - 128) * 0.01f;
    return x;
}

static int measure(nt_rt *rt, int runs, int verbose)
{
    const float *in[8] = {NULL};
    float *out[8] = {NULL};
    double *ms = calloc((size_t)runs, sizeof *ms),
           *sums = calloc(nt_rt_steps(rt), sizeof *sums);
    clock_of c = {0, sums};
    nt_rt_step_info info;
    nt_rt_info end;

    for (size_t i = 0; i < 8 && nt_rt_input(rt, i, &end) == NT_RT_OK; i++)
        in[i] = make_end(end.count);
    for (size_t i = 0; i < 8 && nt_rt_output(rt, i, &end) == NT_RT_OK; i++)
        out[i] = make_end(end.count);
    if (!ms || !sums || nt_rt_run(rt, in, out) != NT_RT_OK) /* warms up, too */
        return 1;
    if (verbose)
        nt_rt_set_watch(rt, watch, &c);
    for (int i = 0; i < runs; i++) {
        double start = c.at = now_ms();

        nt_rt_run(rt, in, out);
        ms[i] = now_ms() - start;
    }
    for (size_t i = 0; verbose && nt_rt_step(rt, i, &info) == NT_RT_OK; i++)
        printf("%2zu %-10s %u/%u %8.4f ms %8.1f MAC/ns %s\n", i, info.op, info.weight_bits,
               info.input_bits, sums[i] / runs, (double)info.macs / (sums[i] / runs * 1e6),
               info.name);
    qsort(ms, (size_t)runs, sizeof *ms, rising);
    printf("%.3f ms (%.3f to %.3f), %s\n", ms[runs / 2], ms[0], ms[runs - 1], nt_rt_isa(rt));
    return 0;
}

static int open_net(nt_rt **rt, const char *name, const char *bits, size_t *size)
{
    net n = {.form = NT_DLRT_FIELDS};
    uint8_t *file;
    size_t need;
    int status;

    if (sscanf(bits, "%u/%u", &n.wbits, &n.abits) != 2)
        return NT_RT_EARG;
    if (n.wbits <= 2 && n.abits <= 2)
        n.form = NT_DLRT_PLANES;
    (strcmp(name, "vgg19") == 0 ? vgg19 : resnet18)(&n);
    file = mk_file(&n.m, size);
    status = nt_rt_mem_size(file, *size, &need);
    return status == NT_RT_OK ? nt_rt_load(rt, file, *size, malloc(need), need) : status;
}

int main(int argc, char **argv)
{
    int is_file =
        argc > 1 && strlen(argv[1]) > 5 && strcmp(argv[1] + strlen(argv[1]) - 5, ".dlrt") == 0;
    int next = is_file ? 2 : 3, runs = argc > next ? atoi(argv[next]) : 20, status;
    size_t size = 0;
    nt_rt *rt;

    if (argc < next || runs < 1)
        return 2;
    status = is_file ? nt_rt_open_file(&rt, argv[1]) : open_net(&rt, argv[1], argv[2], &size);
    if (status != NT_RT_OK) {
        fprintf(stderr, "%s\n", nt_rt_strerror(status));
        return 1;
    }
    printf("%s %s: ", argv[1], is_file ? "" : argv[2]);
    return measure(rt, runs, argc > next + 1);
}
