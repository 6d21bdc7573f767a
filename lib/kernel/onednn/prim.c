/* SPDX-License-Identifier: MIT */
/*
 * The prims that run oneDNN's primitives.
 *
 * A prim makes its memory objects once. They are handed new addresses only when those change,
 * and a planner's do not; nothing else stands between nt_prim_run and oneDNN.
 */
#include "base/alloc.h"
#include "kernel/onednn/attr.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    FROM_SCRATCH = -1,
    FROM_HELD = -2,
    N_HELD = 1 + DNN_FIXED_MAX,
    MORE_ARGS = 1 + N_HELD /* than the caller's */
};

typedef struct dnn_prim {
    nt_prim base;
    dnnl_primitive_t prim;
    dnnl_stream_t stream;
    int n;
    dnnl_exec_arg_t *exec; /* n of them; the scratch memory, if any, is the last */
    int *from;             /* the caller's argument of each, or one of those below */
    void **handle;         /* what each holds now */
    void *held[N_HELD];    /* constants of codes */
    bool idle; /* the result has no elements, which oneDNN does not like to compute */
} dnn_prim;

static nt_status run(nt_prim *base, void *const *arg, void *scratch, nt_err *e)
{
    dnn_prim *p = (dnn_prim *)base;
    dnnl_status_t st = dnnl_success;

    if (p->idle)
        return NT_OK;
    for (int i = 0; i < p->n; i++) {
        void *h;

        if (p->from[i] == FROM_HELD)
            continue;
        h = p->from[i] == FROM_SCRATCH ? scratch : arg[p->from[i]];
        assert(h);
        if (h == p->handle[i])
            continue;
        st = dnnl_memory_set_data_handle(p->exec[i].memory, h);
        if (st)
            return nt_fail(e, NT_EIO, "oneDNN refused an address (status %d)", (int)st);
        p->handle[i] = h;
    }
    st = dnnl_primitive_execute(p->prim, p->stream, p->n, p->exec);
    if (!st)
        st = dnnl_stream_wait(p->stream);
    if (st)
        return nt_fail(e, NT_EIO, "%s failed (status %d)", p->base.impl, (int)st);
    return NT_OK;
}

static void prim_free(nt_prim *base)
{
    dnn_prim *p = (dnn_prim *)base;

    for (int i = 0; i < p->n; i++)
        dnnl_memory_destroy(p->exec[i].memory);
    if (p->prim)
        dnnl_primitive_destroy(p->prim);
    for (int i = 0; i < N_HELD; i++)
        nt_free(p->held[i]);
    nt_free(p->exec);
    nt_free(p->from);
    nt_free(p->handle);
    nt_free(p);
}

static nt_status add_memory(dnn_prim *p, nt_device *dev, dnnl_primitive_desc_t pd, int id,
                            int from, nt_err *e)
{
    dnnl_memory_t m;

    if (!dnn_pd_bytes(pd, id))
        return NT_OK;
    if (dnnl_memory_create(&m, dnn_pd_md(pd, id), dnn_state_of(dev)->engine,
                           DNNL_MEMORY_NONE) != dnnl_success)
        return nt_fail_nomem(e);
    p->exec[p->n] = (dnnl_exec_arg_t){id, m};
    p->from[p->n++] = from;
    return NT_OK;
}

nt_status dnn_prim_new(nt_prim **out, nt_device *dev, dnnl_primitive_desc_t pd, int n,
                       const dnn_arg *args, nt_err *e)
{
    nt_status s = NT_OK;
    dnn_prim *p = nt_calloc(1, sizeof *p);

    if (!p)
        return nt_fail_nomem(e);
    p->base = (nt_prim){.run = run, .free = prim_free, .loses_nan = true};
    p->stream = dnn_state_of(dev)->stream;
    p->exec = nt_calloc((size_t)n + MORE_ARGS, sizeof *p->exec);
    p->from = nt_calloc((size_t)n + MORE_ARGS, sizeof *p->from);
    p->handle = nt_calloc((size_t)n + MORE_ARGS, sizeof *p->handle);
    if (!p->exec || !p->from || !p->handle)
        NT_TRY(nt_fail_nomem(e));
    snprintf(p->base.impl, sizeof p->base.impl, "%s", dnn_pd_impl(pd));
    if (dnnl_primitive_create(&p->prim, pd) != dnnl_success)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "oneDNN cannot make %s", p->base.impl));
    for (int i = 0; i < n; i++) {
        p->idle = p->idle || (args[i].id == DNNL_ARG_DST && !dnn_pd_bytes(pd, DNNL_ARG_DST));
        NT_TRY(add_memory(p, dev, pd, args[i].id, args[i].from, e));
    }
    NT_TRY(add_memory(p, dev, pd, DNNL_ARG_SCRATCHPAD, FROM_SCRATCH, e));
    p->base.scratch = dnn_pd_bytes(pd, DNNL_ARG_SCRATCHPAD);
    *out = &p->base;
    p = NULL;
done:
    if (p)
        prim_free(&p->base);
    return s;
}

/* data: f's own, taken; NULL: memory has run out. */
static nt_status hold(dnn_prim *p, int slot, nt_device *dev, dnn_fixed f, void *data, nt_err *e)
{
    nt_status s = NT_OK;

    p->held[slot] = data;
    if (!data)
        return nt_fail_nomem(e);
    NT_TRY(dnn_memory_new(&p->exec[p->n].memory, dev, &f.md, data, e));
    p->exec[p->n].arg = f.id;
    p->from[p->n++] = FROM_HELD;
done:
    return s;
}

static nt_status hold_codes(dnn_prim *p, nt_device *dev, const nt_codes *c, const dnn_md *bias,
                            nt_err *e)
{
    float *b = nt_alloc((size_t)c->n, sizeof *b);
    dnn_fixed fixed[DNN_FIXED_MAX];
    int n = dnn_codes_fixed(fixed, c);
    nt_status s = NT_OK;

    if (b)
        dnn_codes_bias(b, c);
    NT_TRY(hold(p, 0, dev, (dnn_fixed){DNNL_ARG_BIAS, *bias, NULL}, b, e));
    for (int i = 0; i < n; i++) {
        size_t size = (size_t)fixed[i].md.dims[0] * sizeof(float); /* or int32_t */
        void *copy = nt_alloc(size, 1);

        if (copy)
            memcpy(copy, fixed[i].data, size);
        NT_TRY(hold(p, 1 + i, dev, fixed[i], copy, e));
    }
done:
    return s;
}

nt_status dnn_pass_new(nt_prim **out, nt_device *dev, dnnl_primitive_desc_t pd,
                       dnnl_prop_kind_t prop, nt_err *e)
{
    static const dnn_arg forward[] = {
        {DNNL_ARG_SRC, 0}, {DNNL_ARG_WEIGHTS, 1}, {DNNL_ARG_BIAS, 2}, {DNNL_ARG_DST, 3}};
    static const dnn_arg data[] = {
        {DNNL_ARG_DIFF_DST, 0}, {DNNL_ARG_WEIGHTS, 1}, {DNNL_ARG_DIFF_SRC, 2}};
    static const dnn_arg weights[] = {{DNNL_ARG_SRC, 0},
                                      {DNNL_ARG_DIFF_DST, 1},
                                      {DNNL_ARG_DIFF_WEIGHTS, 2},
                                      {DNNL_ARG_DIFF_BIAS, 3}};

    if (prop == dnnl_backward_data)
        return dnn_prim_new(out, dev, pd, 3, data, e);
    return dnn_prim_new(out, dev, pd, 4, prop == dnnl_backward_weights ? weights : forward, e);
}

nt_status dnn_coded_pass_new(nt_prim **out, nt_device *dev, dnnl_primitive_desc_t pd,
                             const dnn_op *op, nt_err *e)
{
    static const dnn_arg args[] = {{DNNL_ARG_SRC, 0}, {DNNL_ARG_WEIGHTS, 1}, {DNNL_ARG_DST, 3}};
    nt_status s = NT_OK;
    nt_prim *p = NULL;

    NT_TRY(dnn_prim_new(&p, dev, pd, 3, args, e));
    NT_TRY(hold_codes((dnn_prim *)p, dev, op->codes, &op->bias, e));
    *out = p;
    p = NULL;
done:
    nt_prim_free(p);
    return s;
}

nt_status dnn_prim_of(nt_prim **out, nt_device *dev, const dnn_op *op, int n,
                      const dnn_arg *args, nt_err *e)
{
    nt_status s;
    dnnl_primitive_desc_t pd = NULL;

    NT_TRY(dnn_pd_new(&pd, dev, op, e));
    NT_TRY(dnn_prim_new(out, dev, pd, n, args, e));
done:
    dnn_pd_free(pd);
    return s;
}
