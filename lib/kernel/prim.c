/* SPDX-License-Identifier: MIT */
#include "kernel/prim.h"

#include "base/alloc.h"
#include "kernel/internal.h"

int64_t nt_format_block(nt_format f)
{
    return f == NT_FMT_C8 ? 8 : f == NT_FMT_C16 ? 16 : 1;
}

nt_format nt_format_of_rank(nt_format f, int rank)
{
    return rank < 3 ? NT_FMT_PLAIN : f;
}

size_t nt_desc_bytes(const nt_desc *d)
{
    size_t block = (size_t)nt_format_block(nt_format_of_rank(d->fmt, d->rank));
    size_t count = 1, bytes;

    for (int i = 0; i < d->rank; i++) {
        size_t n = (size_t)d->dims[i];

        if (!nt_size_mul(&count, count, i == 1 ? (n + block - 1) / block * block : n))
            return SIZE_MAX; /* no allocation of it succeeds */
    }
    return nt_dtype_bytes(&bytes, d->dtype, count) ? bytes : SIZE_MAX;
}

bool nt_desc_same(const nt_desc *a, const nt_desc *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return nt_format_of_rank(a->fmt, a->rank) == nt_format_of_rank(b->fmt, b->rank);
}

const char *nt_format_name(nt_format f)
{
    static const char *const name[] = {"plain", "nhwc", "c8", "c16", "any"};

    return name[f];
}

nt_status nt_prim_run(nt_prim *p, void *const *arg, void *scratch, nt_err *e)
{
    return p->run(p, arg, scratch, e);
}

size_t nt_prim_scratch(const nt_prim *p)
{
    return p->scratch;
}

const char *nt_prim_impl(const nt_prim *p)
{
    return p->impl;
}

int nt_prim_where(const nt_prim *p)
{
    return p->where;
}

void nt_prim_free(nt_prim *p)
{
    if (p)
        p->free(p);
}
