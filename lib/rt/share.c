/* SPDX-License-Identifier: MIT */
/* share.c - what all kernels ask of a run: where a tensor lies, and threads. */
#include "rt/rt_int.h"

uint8_t *nt_rt_at(const nt_rt *rt, uint32_t tensor)
{
    const nt_dlrt_tensor *t = &rt->tensor[tensor];

    if (t->place == NT_DLRT_INPUT) /* only read: nt_rt_check_step */
        return (uint8_t *)(uintptr_t)rt->in[t->index];
    if (t->place == NT_DLRT_OUTPUT)
        return (uint8_t *)rt->out[t->index];
    return rt->arena + (size_t)t->offset * NT_DLRT_ALIGN;
}

void nt_rt_share(nt_rt *rt, nt_rt_task *task, void *arg, size_t n)
{
    if (rt->run && n > 1) {
        rt->run(rt->run_ctx, task, arg, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        task(arg, i);
}
