/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "kernel/onednn/api.h"

#include <stdio.h>

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
    dnn_state *state = nt_calloc(1, sizeof *state);

    d->state = state;
    if (!state)
        return nt_fail_nomem(e);
    if (dnnl_engine_create(&state->engine, dnnl_cpu, 0) != dnnl_success)
        return nt_fail(e, NT_EUNSUPPORTED, "oneDNN has no engine for this CPU");
    if (dnnl_stream_create(&state->stream, state->engine, dnnl_stream_in_order) != dnnl_success)
        return nt_fail_nomem(e);
    d->bf16 = (isa & bf16) == bf16;
    d->amx = (isa & amx) == amx;
    d->int8 = (isa & vnni) == vnni || (isa & avx2_vnni) == avx2_vnni;
    snprintf(d->text, sizeof d->text, "oneDNN %d.%d.%d %s", v->major, v->minor, v->patch,
             isa_name(isa));
    return NT_OK;
}

void dnn_device_close(nt_device *d)
{
    dnn_state *state = d->state;

    if (state && state->stream)
        dnnl_stream_destroy(state->stream);
    if (state && state->engine)
        dnnl_engine_destroy(state->engine);
    nt_free(state);
}
