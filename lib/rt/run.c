/* SPDX-License-Identifier: MIT */
/* run.c - the public functions: loading, what there is, running. */
#include <stdlib.h>
#include <string.h>

#include "rt/rt_int.h"

const char *nt_rt_strerror(int status)
{
    static const char *const text[] = {
        "no error",
        "an argument is missing or out of range",
        "this is no .dlrt file",
        "this version of the .dlrt format is not known here",
        "the file is cut short, or longer than it says",
        "the checksum is wrong: the file is damaged",
        "the file holds sizes, offsets or values that cannot be",
        "the memory given is too small",
        "NT_RT_ISA names instructions that this processor or build lacks",
        "big-endian processors are not supported",
        "the file cannot be read",
    };

    return status >= 0 && (size_t)status < sizeof text / sizeof *text ? text[status]
                                                                      : "unknown error";
}

/* Memory handed out piece by piece; without memory only the sum is made. */
typedef struct purse {
    uint8_t *base;
    uint64_t used;
} purse;

static void *take(purse *p, uint64_t bytes)
{
    void *at = p->base ? p->base + p->used : NULL;

    p->used += (bytes + NT_DLRT_ALIGN - 1) / NT_DLRT_ALIGN * NT_DLRT_ALIGN;
    return at;
}

/* The tables of a convolution; returns what its image takes. */
static uint64_t take_conv(const nt_rt *rt, const nt_dlrt_step *s, nt_rt_conv *c, purse *p)
{
    uint64_t k;

    nt_rt_conv_shape(rt, s, c);
    k = (uint64_t)c->blocks * 16 * (s->wform == NT_DLRT_DEPTHWISE ? 1 : s->groups);
    c->seg = take(p, (uint64_t)c->segs * 4);
    c->corr = take(p, k * 4);
    c->mul = take(p, k * 4);
    c->add = take(p, k * 4);
    return nt_rt_conv_scratch(c, s);
}

/* Lays rt's own memory out, and fills the convolutions in where there is memory. */
static int lay_out(nt_rt *rt, purse *p)
{
    uint64_t scratch = 0;

    rt->conv = take(p, rt->steps * (uint64_t)sizeof *rt->conv);
    rt->inputs = take(p, rt->head.inputs * (uint64_t)4);
    rt->outputs = take(p, rt->head.outputs * (uint64_t)4);
    for (size_t i = 0; i < rt->steps; i++) {
        const nt_dlrt_step *s = &rt->step[i];
        nt_rt_conv one, *c = p->base ? &rt->conv[i] : &one;
        uint64_t bytes = 0;

        if (s->op == NT_DLRT_CONV && s->wform == NT_DLRT_FLOATS)
            bytes = (uint64_t)rt->tensor[s->in[0]].c * 4;
        else if (s->op == NT_DLRT_CONV)
            bytes = take_conv(rt, s, c, p);
        if (p->base && s->op == NT_DLRT_CONV && s->wform != NT_DLRT_FLOATS) {
            int status = nt_rt_conv_prepare(rt, s, c);

            if (status != NT_RT_OK)
                return status;
        }
        scratch = bytes > scratch ? bytes : scratch;
    }
    rt->arena = take(p, rt->head.arena + NT_DLRT_SLACK);
    rt->scratch = take(p, scratch + NT_DLRT_SLACK);
    return NT_RT_OK;
}

/* All checks, and how much memory it takes. */
static int inspect(nt_rt *rt, const void *data, size_t size, uint64_t *need)
{
    purse p = {NULL, 0};
    int status;

    if (!data || (uintptr_t)data % 8)
        return NT_RT_EARG;
    memset(rt, 0, sizeof *rt);
    rt->file = data;
    status = nt_rt_check(data, size, rt);
    if (status != NT_RT_OK)
        return status;
    rt->kern = nt_rt_choose(getenv("NT_RT_ISA"));
    if (!rt->kern)
        return NT_RT_EISA;
    take(&p, sizeof *rt);
    status = lay_out(rt, &p);
    *need = p.used + NT_DLRT_ALIGN; /* the block may begin anywhere */
    return *need > SIZE_MAX ? NT_RT_EFORMAT : status;
}

int nt_rt_mem_size(const void *data, size_t size, size_t *mem_size)
{
    nt_rt rt;
    uint64_t need;
    int status;

    if (!mem_size)
        return NT_RT_EARG;
    status = inspect(&rt, data, size, &need);
    if (status == NT_RT_OK)
        *mem_size = (size_t)need;
    return status;
}

int nt_rt_load(nt_rt **out, const void *data, size_t size, void *mem, size_t mem_size)
{
    purse p = {NULL, 0};
    nt_rt *rt, plan;
    uint64_t need;
    int status;

    if (!out)
        return NT_RT_EARG;
    status = inspect(&plan, data, size, &need);
    if (status != NT_RT_OK)
        return status;
    if (!mem || mem_size < need)
        return NT_RT_EMEM;
    memset(mem, 0, (size_t)need);
    p.base = (uint8_t *)mem + (NT_DLRT_ALIGN - (uintptr_t)mem % NT_DLRT_ALIGN) % NT_DLRT_ALIGN;
    rt = take(&p, sizeof *rt);
    *rt = plan;
    status = lay_out(rt, &p);
    if (status != NT_RT_OK)
        return status;
    for (size_t i = 0; i < rt->tensors; i++) {
        if (rt->tensor[i].place == NT_DLRT_INPUT)
            rt->inputs[rt->tensor[i].index] = (uint32_t)i;
        if (rt->tensor[i].place == NT_DLRT_OUTPUT)
            rt->outputs[rt->tensor[i].index] = (uint32_t)i;
    }
    *out = rt;
    return NT_RT_OK;
}

size_t nt_rt_inputs(const nt_rt *rt)
{
    return rt->head.inputs;
}

size_t nt_rt_outputs(const nt_rt *rt)
{
    return rt->head.outputs;
}

static int describe(const nt_rt *rt, const uint32_t *ends, size_t n, size_t i, nt_rt_info *info)
{
    const nt_dlrt_tensor *t;

    if (i >= n || !info)
        return NT_RT_EARG;
    t = &rt->tensor[ends[i]];
    info->name = rt->names + t->name;
    info->rank = t->rank;
    nt_dlrt_dims(info->dims, t);
    info->count = (size_t)t->c * t->h * t->w;
    return NT_RT_OK;
}

int nt_rt_input(const nt_rt *rt, size_t i, nt_rt_info *info)
{
    return describe(rt, rt->inputs, rt->head.inputs, i, info);
}

int nt_rt_output(const nt_rt *rt, size_t i, nt_rt_info *info)
{
    return describe(rt, rt->outputs, rt->head.outputs, i, info);
}

const char *nt_rt_isa(const nt_rt *rt)
{
    return rt->kern->name;
}

void nt_rt_set_parallel(nt_rt *rt, nt_rt_parallel *run, void *ctx, size_t threads)
{
    rt->run = threads > 1 ? run : NULL;
    rt->run_ctx = ctx;
    rt->threads = threads;
}

void nt_rt_set_watch(nt_rt *rt, void (*watch)(void *ctx, size_t i), void *ctx)
{
    rt->watch = watch;
    rt->watch_ctx = ctx;
}

size_t nt_rt_steps(const nt_rt *rt)
{
    return rt->steps;
}

int nt_rt_step(const nt_rt *rt, size_t i, nt_rt_step_info *info)
{
    static const char *const ops[NT_DLRT_OPS] = {
        "",    "quantize", "dequantize", "layout",  "conv",    "maxpool", "avgpool", "add",
        "mul", "lut",      "copy",       "reshape", "softmax", "resize",  "pad",     "act"};
    const nt_dlrt_tensor *x, *y;
    const nt_dlrt_step *s;

    if (i >= rt->steps || !info)
        return NT_RT_EARG;
    s = &rt->step[i];
    x = &rt->tensor[s->in[0]];
    y = &rt->tensor[s->out];
    *info = (nt_rt_step_info){.op = ops[s->op],
                              .name = rt->names + s->name,
                              .input_bits = x->bits,
                              .output_bits = y->bits};
    if (s->op == NT_DLRT_CONV) {
        info->macs = (uint64_t)s->r * s->s * (x->c / s->groups) * y->c * y->h * y->w;
        info->weight_bits = s->wbits;
        info->weight_bytes = (size_t)nt_rt_weight_bytes(s, x, y);
    }
    return NT_RT_OK;
}

int nt_rt_run(nt_rt *rt, const float *const *in, float *const *out)
{
    if (!rt || !in || !out)
        return NT_RT_EARG;
    for (size_t i = 0; i < rt->head.inputs; i++)
        if (!in[i])
            return NT_RT_EARG;
    for (size_t i = 0; i < rt->head.outputs; i++)
        if (!out[i])
            return NT_RT_EARG;
    rt->in = in;
    rt->out = out;
    for (size_t i = 0; i < rt->steps; i++) {
        const nt_dlrt_step *s = &rt->step[i];

        if (s->op != NT_DLRT_CONV)
            nt_rt_step_run(rt, s);
        else if (s->wform == NT_DLRT_FLOATS)
            nt_rt_fconv_run(rt, s);
        else
            nt_rt_conv_run(rt, s, &rt->conv[i]);
        if (rt->watch)
            rt->watch(rt->watch_ctx, i);
    }
    rt->in = NULL;
    rt->out = NULL;
    return NT_RT_OK;
}
