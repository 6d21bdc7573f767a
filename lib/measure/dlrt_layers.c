/* SPDX-License-Identifier: MIT */
#include "measure/dlrt_layers.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "rt/dlrt_format.h"
#include "rt/nt_rt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { RUNS = 10 };

typedef struct parts {
    const nt_dlrt_header *h;
    const nt_dlrt_tensor *t;
    const nt_dlrt_step *s;
    const uint8_t *data;
    size_t n;
} parts;

static parts parts_of(const nt_tensor *file)
{
    const uint8_t *p = file->data;
    parts f = {.h = file->data};

    f.t = (const void *)(p + f.h->section[NT_DLRT_TENSORS].offset);
    f.s = (const void *)(p + f.h->section[NT_DLRT_STEPS].offset);
    f.data = p + f.h->section[NT_DLRT_DATA].offset;
    f.n = (size_t)(f.h->section[NT_DLRT_STEPS].size / sizeof *f.s);
    return f;
}

/* ---- counting */

/* Weights that are not zero; what fills a block up is zero bits. */
static int64_t count_nonzero(const nt_dlrt_step *s, const uint8_t *w, size_t bytes, int64_t all)
{
    uint32_t bits = s->wform == NT_DLRT_PLANES ? 0 : s->wbits;
    int64_t n = 0;

    if (s->wbits == 1)
        return all;
    for (size_t i = 0; bits == 32 && i < bytes; i += 4) {
        float v;

        memcpy(&v, w + i, 4);
        n += v != 0;
    }
    for (size_t i = 0; bits && bits <= 8 && i < bytes; i++)
        for (uint32_t b = 0; b < 8; b += bits)
            n += (w[i] >> b & ((1 << bits) - 1)) != 0;
    for (size_t i = 0; !bits && i < bytes;
         i++) /* 2 bits: a plane of 64 bytes, then the other */
        if (i % 128 < 64)
            n += __builtin_popcount((unsigned)(w[i] | w[i + 64]));
    return n;
}

static void count_weights(nt_profile *p, nt_layer_profile *l, const parts *f,
                          const nt_dlrt_step *s, const nt_rt_step_info *info)
{
    const nt_dlrt_tensor *x = &f->t[s->in[0]], *y = &f->t[s->out];
    int64_t weights = (int64_t)s->r * s->s * (x->c / s->groups) * y->c, biases = 0;
    int64_t nonzero = count_nonzero(s, f->data + (size_t)s->weights * NT_DLRT_ALIGN,
                                    info->weight_bytes, weights);

    if (s->bias != NT_DLRT_NONE)
        biases = y->c;
    snprintf(l->weight, sizeof l->weight, "[%u,%u,%u,%u]", y->c, x->c / s->groups, s->r, s->s);
    l->params = weights + biases;
    l->bits = (int)info->weight_bits;
    l->sparsity = 1 - (double)nonzero / (double)weights;
    p->params += l->params;
    p->nonzero_params += nonzero + biases;
    p->model_size_bytes += (int64_t)info->weight_bytes + 4 * biases +
                           (s->wscale == NT_DLRT_NONE ? 0 : 4 * (int64_t)y->c);
}

static void count_step(nt_profile *p, const parts *f, const nt_dlrt_step *s,
                       const nt_rt_step_info *info)
{
    const nt_dlrt_tensor *y = &f->t[s->out];
    nt_layer_profile *l = &p->layers[p->n_layers++];

    snprintf(l->name, sizeof l->name, "%s", *info->name ? info->name : info->op);
    l->op = info->op;
    l->time_ms = NAN;
    l->bits = (int)info->output_bits;
    l->macs = (int64_t)info->macs;
    l->activation_bytes = (int64_t)y->c * y->h * y->w * (y->type == NT_DLRT_CODES ? 1 : 4);
    snprintf(l->output, sizeof l->output, "[1,%u,%u,%u]", y->c, y->h, y->w);
    if (s->op == NT_DLRT_CONV)
        count_weights(p, l, f, s, info);
    p->macs += l->macs;
    p->memory_footprint_bytes += l->activation_bytes;
}

/* ---- timing */

typedef struct stopwatch {
    double at;
    nt_layer_profile *layers;
} stopwatch;

static void add_time(void *ctx, size_t i)
{
    stopwatch *w = ctx;
    double now = nt_clock_ms();

    w->layers[i].time_ms += (now - w->at) / RUNS;
    w->at = now;
}

/* Inputs of zeros and room for the outputs, as one block: floats of all of them. */
static size_t count_ends(const nt_rt *rt)
{
    size_t sum = 0;
    nt_rt_info info;

    for (size_t i = 0; nt_rt_input(rt, i, &info) == NT_RT_OK; i++)
        sum += info.count;
    for (size_t i = 0; nt_rt_output(rt, i, &info) == NT_RT_OK; i++)
        sum += info.count;
    return sum;
}

static void point_at(const nt_rt *rt, float *block, const float **in, float **out)
{
    nt_rt_info info;

    for (size_t i = 0; nt_rt_input(rt, i, &info) == NT_RT_OK; i++, block += info.count)
        in[i] = block;
    for (size_t i = 0; nt_rt_output(rt, i, &info) == NT_RT_OK; i++, block += info.count)
        out[i] = block;
}

static nt_status time_steps(nt_profile *p, nt_rt *rt, nt_err *e)
{
    float *block = nt_calloc(count_ends(rt), sizeof *block), *out[64];
    stopwatch w = {0, p->layers};
    const float *in[64];

    if (!block)
        return nt_fail_nomem(e);
    point_at(rt, block, in, out);
    nt_rt_run(rt, in, out);
    for (int i = 0; i < p->n_layers; i++)
        p->layers[i].time_ms = 0;
    nt_rt_set_watch(rt, add_time, &w);
    for (int i = 0; i < RUNS; i++) {
        w.at = nt_clock_ms();
        nt_rt_run(rt, in, out);
    }
    nt_free(block);
    return NT_OK;
}

nt_status nt_dlrt_layers(nt_profile *p, const nt_tensor *file, bool timed, nt_err *e)
{
    parts f = parts_of(file);
    nt_rt_step_info info;
    nt_status s = NT_OK;
    nt_rt *rt = NULL;
    void *mem = NULL;
    size_t need = 0;
    int status = nt_rt_mem_size(file->data, nt_tensor_bytes(file), &need);

    mem = nt_alloc(need, 1);
    p->layers = nt_calloc(f.n + 1, sizeof *p->layers);
    if (!mem || !p->layers)
        NT_TRY(nt_fail_nomem(e));
    if (status == NT_RT_OK)
        status = nt_rt_load(&rt, file->data, nt_tensor_bytes(file), mem, need);
    if (status != NT_RT_OK)
        NT_TRY(nt_fail(e, NT_EFORMAT, "%s", nt_rt_strerror(status)));
    for (size_t i = 0; i < f.n; i++) {
        nt_rt_step(rt, i, &info);
        count_step(p, &f, &f.s[i], &info);
    }
    p->memory_footprint_bytes += p->model_size_bytes;
    if (timed)
        NT_TRY(time_steps(p, rt, e));
done:
    nt_free(mem);
    return s;
}
