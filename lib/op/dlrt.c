/* SPDX-License-Identifier: MIT */
/*
 * dlrt.c - Dlrt of domain "nt": a whole .dlrt file as one node, run by lib/rt. Input 0 is the
 * file's bytes, the others and the outputs are its own, one sample after another. Only
 * lib/export makes such nodes, of files that were checked; the check here is for ONNX files
 * from elsewhere.
 */
#include "base/alloc.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "lower/program.h"
#include "rt/dlrt_format.h"
#include "rt/nt_rt.h"

#include <string.h>

static nt_status fail(int status, nt_err *e)
{
    if (status == NT_RT_OK)
        return NT_OK;
    return nt_fail(e, status == NT_RT_EISA ? NT_EINVAL : NT_EFORMAT, "%s",
                   nt_rt_strerror(status));
}

static const nt_tensor *file_of(const nt_node *n)
{
    return n->in[0] ? n->in[0]->data : NULL;
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const nt_tensor *file = file_of(n);
    const nt_dlrt_header *h;
    nt_status s = NT_OK;
    size_t need;

    (void)g;
    if (!file || file->dtype != NT_U8)
        return nt_fail(e, NT_EFORMAT, "the file is no constant of bytes");
    NT_TRY(fail(nt_rt_mem_size(file->data, nt_tensor_bytes(file), &need), e));
    h = file->data;
    if (h->inputs + 1 != (uint32_t)n->n_in || h->outputs != (uint32_t)n->n_out)
        return nt_fail(e, NT_EFORMAT, "the file has %u inputs and %u outputs", h->inputs,
                       h->outputs);
done:
    return s;
}

/* The record of an output in a file that was checked. */
static const nt_dlrt_tensor *output_record(const nt_tensor *file, uint32_t index)
{
    const nt_dlrt_header *h = file->data;
    const nt_dlrt_section *t = &h->section[NT_DLRT_TENSORS];
    const nt_dlrt_tensor *r = (const void *)((const uint8_t *)file->data + t->offset);

    while (r->place != NT_DLRT_OUTPUT || r->index != index)
        r++;
    return r;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    (void)e;
    for (int i = 0; i < n->n_out; i++) {
        const nt_dlrt_tensor *r = output_record(file_of(n), (uint32_t)i);
        uint32_t extent[4];
        nt_dim dims[NT_MAX_RANK] = {n->in[1]->rank > 0 ? n->in[1]->dims[0] : nt_dim_of(-1)};

        nt_dlrt_dims(extent, r);
        for (int k = 0; k < r->rank; k++)
            dims[k + 1] = nt_dim_of(extent[k]);
        nt_infer_set(n->out[i], NT_F32, (int)r->rank + 1, dims);
    }
    return NT_OK;
}

static void cost(const nt_node *n, nt_op_cost *c)
{
    const nt_tensor *file = file_of(n);
    const nt_dlrt_header *h = file->data;
    const uint8_t *p = file->data;
    const nt_dlrt_tensor *t = (const void *)(p + h->section[NT_DLRT_TENSORS].offset);
    const nt_dlrt_step *s = (const void *)(p + h->section[NT_DLRT_STEPS].offset);
    int64_t batch =
        n->in[1]->rank > 0 && n->in[1]->dims[0].value > 0 ? n->in[1]->dims[0].value : 1;

    for (size_t i = 0; i < h->section[NT_DLRT_STEPS].size / sizeof *s; i++) {
        const nt_dlrt_tensor *y = &t[s[i].out];
        int64_t weights;

        if (s[i].op != NT_DLRT_CONV)
            continue;
        weights = (int64_t)s[i].r * s[i].s * (t[s[i].in[0]].c / s[i].groups) * y->c;
        c->macs += batch * weights * y->h * y->w;
        c->params += weights + (s[i].bias == NT_DLRT_NONE ? 0 : y->c);
    }
}

/* ---- running */

typedef struct runner {
    nt_rt *rt;
    void *mem;
    int64_t n; /* samples */
    size_t ins, outs;
    const float **in;
    float **out;
} runner;

static void parallel(void *ctx, nt_rt_task *task, void *arg, size_t n)
{
    (void)ctx;
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t i = 0; i < n; i++)
        task(arg, i);
}

static void free_runner(void *ctx)
{
    runner *r = ctx;

    nt_free(r->mem);
    nt_free(r->in);
    nt_free(r->out);
    nt_free(r);
}

static nt_status run(void *ctx, void *const *arg, nt_err *e)
{
    runner *r = ctx;
    nt_rt_info info;
    nt_status s = NT_OK;

    for (int64_t k = 0; k < r->n; k++) {
        for (size_t i = 0; i < r->ins; i++) {
            nt_rt_input(r->rt, i, &info);
            r->in[i] = (const float *)arg[i + 1] + (size_t)k * info.count;
        }
        for (size_t i = 0; i < r->outs; i++) {
            nt_rt_output(r->rt, i, &info);
            r->out[i] = (float *)arg[1 + r->ins + i] + (size_t)k * info.count;
        }
        NT_TRY(fail(nt_rt_run(r->rt, r->in, r->out), e));
    }
done:
    return s;
}

static nt_status new_runner(runner **out, const nt_program *p, const nt_node *n, nt_err *e)
{
    const nt_tensor *file = file_of(n);
    size_t size = nt_tensor_bytes(file), need = 0;
    runner *r = nt_calloc(1, sizeof *r);
    nt_status s = NT_OK;

    if (!r)
        return nt_fail_nomem(e);
    NT_TRY(fail(nt_rt_mem_size(file->data, size, &need), e));
    r->mem = nt_alloc(need, 1);
    r->ins = (size_t)n->n_in - 1;
    r->outs = (size_t)n->n_out;
    r->in = nt_calloc(r->ins, sizeof *r->in);
    r->out = nt_calloc(r->outs, sizeof *r->out);
    r->n = n->in[1]->dims[0].value;
    if (!r->mem || !r->in || !r->out)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(fail(nt_rt_load(&r->rt, file->data, size, r->mem, need), e));
    nt_rt_set_parallel(r->rt, parallel, NULL, (size_t)nt_device_threads(nt_program_device(p)));
    *out = r;
    r = NULL;
done:
    if (r)
        free_runner(r);
    return s;
}

/* Every input must hold samples of the file's own size. */
static nt_status check_inputs(const runner *r, const nt_node *n, nt_err *e)
{
    nt_rt_info info;
    int64_t dims[NT_MAX_RANK], count;

    for (size_t i = 0; i < r->ins; i++) {
        const nt_value *v = n->in[i + 1];

        nt_rt_input(r->rt, i, &info);
        if (!nt_value_shape(v, dims) || !nt_shape_count(&count, v->rank, dims) || v->rank < 1 ||
            v->dtype != NT_F32 || dims[0] != r->n || count != r->n * (int64_t)info.count)
            return nt_fail(e, NT_EFORMAT, "input '%s' is no row of samples of %zu numbers",
                           v->name, info.count);
    }
    return NT_OK;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_step_desc d = {.node = n, .what = "dlrt", .fn = run, .free_ctx = free_runner};
    nt_status s = NT_OK;
    runner *r = NULL;
    nt_tid t;

    NT_TRY(new_runner(&r, p, n, e));
    NT_TRY(check_inputs(r, n, e));
    d.arg[d.n_args++] = -1;
    for (int i = 1; i < n->n_in; i++) {
        NT_TRY(nt_program_value_as(p, n->in[i], NT_FMT_PLAIN, NT_F32, &t, e));
        d.arg[d.n_args++] = t;
    }
    for (int i = 0; i < n->n_out; i++) {
        nt_desc y = nt_program_desc_of(n->out[i], NT_FMT_PLAIN, NT_F32);

        NT_TRY(nt_program_temp(p, &y, &t, e));
        d.writes[d.n_args] = true;
        d.arg[d.n_args++] = t;
        NT_TRY(nt_program_bind(p, n->out[i], t, e));
    }
    d.ctx = r;
    r = NULL; /* the program's, also on failure */
    NT_TRY(nt_program_step(p, &d, e));
done:
    if (r)
        free_runner(r);
    return s;
}

const nt_op nt_op_dlrt[] = {
    {.name = "Dlrt",
     .domain = "nt",
     .since = 1,
     .min_in = 2,
     .max_in = 33,
     .min_out = 1,
     .max_out = 32,
     .check = check,
     .infer = infer,
     .cost = cost,
     .lower = lower},
    {0},
};
