/* SPDX-License-Identifier: MIT */
/*
 * oneDNN's device, its names for our types and layouts, and the prims that run its primitives.
 *
 * A prim makes its memory objects once. They are handed new addresses only when those change,
 * and a planner's do not; nothing else stands between nt_prim_run and oneDNN.
 */
#include "kernel/dnn_attr.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *isa_name(unsigned isa)
{
    static const struct {
        unsigned isa;
        const char *name;
    } table[] = {
#if DNNL_VERSION_MAJOR >= 3
        {dnnl_cpu_isa_avx512_core_amx_fp16, "avx512_core_amx_fp16"},
        {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"},
        {dnnl_cpu_isa_avx512_core_fp16, "avx512_core_fp16"},
        {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
        {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
        {dnnl_cpu_isa_avx512_core, "avx512_core"},
        {dnnl_cpu_isa_avx2_vnni_2, "avx2_vnni_2"},
#else
        {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"},
        {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
        {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
        {dnnl_cpu_isa_avx512_core, "avx512_core"},
#endif
        {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
        {dnnl_cpu_isa_avx2, "avx2"},
        {dnnl_cpu_isa_avx, "avx"},
        {dnnl_cpu_isa_sse41, "sse41"},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if ((isa & table[i].isa) == table[i].isa)
            return table[i].name;
    return "generic";
}

nt_status dnn_device_open(nt_device *d, nt_err *e)
{
    const dnnl_version_t *v = dnnl_version();
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    const unsigned bf16 = dnnl_cpu_isa_avx512_core_bf16, amx = dnnl_cpu_isa_avx512_core_amx;
    const unsigned vnni = dnnl_cpu_isa_avx512_core_vnni, avx2_vnni = dnnl_cpu_isa_avx2_vnni;
    dnnl_engine_t engine;
    dnnl_stream_t stream;

    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        return nt_fail(e, NT_EUNSUPPORTED, "oneDNN has no engine for this CPU");
    d->engine = engine;
    if (dnnl_stream_create(&stream, engine, dnnl_stream_in_order) != dnnl_success)
        return nt_fail_nomem(e);
    d->stream = stream;
    d->bf16 = (isa & bf16) == bf16;
    d->amx = (isa & amx) == amx;
    d->int8 = (isa & vnni) == vnni || (isa & avx2_vnni) == avx2_vnni;
    snprintf(d->text, sizeof d->text, "oneDNN %d.%d.%d %s", v->major, v->minor, v->patch,
             isa_name(isa));
    return NT_OK;
}

void dnn_device_close(nt_device *d)
{
    if (d->stream)
        dnnl_stream_destroy(d->stream);
    if (d->engine)
        dnnl_engine_destroy(d->engine);
}

dnnl_data_type_t dnn_type(nt_dtype t)
{
    switch (t) {
    case NT_F32:
        return dnnl_f32;
    case NT_BF16:
        return dnnl_bf16;
    case NT_F16:
        return dnnl_f16;
    case NT_I32:
        return dnnl_s32;
    case NT_I8:
        return dnnl_s8;
    case NT_U8:
        return dnnl_u8;
    default:
        return dnnl_data_type_undef;
    }
}

dnnl_format_tag_t dnn_tag(nt_format f, int rank)
{
    static const dnnl_format_tag_t plain[NT_MAX_RANK + 1] = {
        dnnl_format_tag_undef, dnnl_a,       dnnl_ab,      dnnl_abc, dnnl_abcd, dnnl_abcde,
        dnnl_abcdef,           dnnl_abcdefg, dnnl_abcdefgh};
    static const dnnl_format_tag_t spatial[3][3] = {{dnnl_acb, dnnl_acdb, dnnl_acdeb},
                                                    {dnnl_aBc8b, dnnl_aBcd8b, dnnl_aBcde8b},
                                                    {dnnl_aBc16b, dnnl_aBcd16b, dnnl_aBcde16b}};

    if (f == NT_FMT_ANY)
        return dnnl_format_tag_any;
    if (rank < 3 || f == NT_FMT_PLAIN)
        return plain[rank];
    return rank > 5 ? dnnl_format_tag_undef : spatial[f - NT_FMT_NHWC][rank - 3];
}

dnn_md dnn_md_of(const nt_desc *d)
{
    dnn_md m = {.rank = d->rank, .type = dnn_type(d->dtype), .tag = dnn_tag(d->fmt, d->rank)};

    for (int i = 0; i < d->rank; i++)
        m.dims[i] = d->dims[i];
    if (!d->rank) {
        m.rank = 1;
        m.dims[0] = 1;
        m.tag = dnnl_a;
    }
    return m;
}

dnn_md dnn_md_flat(const nt_desc *d)
{
    return (dnn_md){.rank = 1,
                    .dims = {(int64_t)(nt_desc_bytes(d) / nt_dtype_size(d->dtype))},
                    .type = dnn_type(d->dtype),
                    .tag = dnnl_a};
}

dnn_md dnn_md_row(int64_t n)
{
    return (dnn_md){.rank = 1, .dims = {n}, .type = dnnl_f32, .tag = dnnl_a};
}

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
    if (dnnl_memory_create(&m, dnn_pd_md(pd, id), dev->engine, DNNL_MEMORY_NONE) !=
        dnnl_success)
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
    p->stream = dev->stream;
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

/* data: taken; NULL: memory has run out. */
static nt_status hold(dnn_prim *p, int slot, nt_device *dev, int id, const dnn_md *md,
                      void *data, nt_err *e)
{
    nt_status s = NT_OK;

    p->held[slot] = data;
    if (!data)
        return nt_fail_nomem(e);
    NT_TRY(dnn_memory_new(&p->exec[p->n].memory, dev, md, data, e));
    p->exec[p->n].arg = id;
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
    NT_TRY(hold(p, 0, dev, DNNL_ARG_BIAS, bias, b, e));
    for (int i = 0; i < n; i++) {
        size_t size = (size_t)fixed[i].md.dims[0] * sizeof(float); /* or int32_t */
        void *copy = nt_alloc(size, 1);

        if (copy)
            memcpy(copy, fixed[i].data, size);
        NT_TRY(hold(p, 1 + i, dev, fixed[i].id, &fixed[i].md, copy, e));
    }
done:
    return s;
}

nt_status dnn_coded_prim_new(nt_prim **out, nt_device *dev, dnnl_primitive_desc_t pd,
                             const dnn_op *op, int n, const dnn_arg *args, nt_err *e)
{
    nt_status s = NT_OK;
    nt_prim *p = NULL;

    NT_TRY(dnn_prim_new(&p, dev, pd, n, args, e));
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
