/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "kernel/backend.h"

nt_device *nt_device_careful(nt_device *d)
{
    return d->twin ? d->twin : d;
}

bool nt_device_is_careful(const nt_device *d)
{
    return d->careful;
}

const char *nt_device_backend(const nt_device *d)
{
    return d->backend->name;
}

int nt_device_threads(const nt_device *d)
{
    return d->threads;
}

bool nt_device_has_bf16(const nt_device *d)
{
    return d->bf16;
}

bool nt_device_has_int8(const nt_device *d)
{
    return d->int8;
}

const char *nt_device_text(const nt_device *d)
{
    return d->text;
}

/* ---- memory */

int nt_device_where(const nt_device *d)
{
    return d->backend->where;
}

void *nt_device_alloc(nt_device *d, int where, size_t bytes)
{
    return where == NT_HOST ? nt_calloc(bytes, 1) : d->backend->alloc(d, bytes);
}

void nt_device_release(nt_device *d, int where, void *p)
{
    if (where == NT_HOST)
        nt_free(p);
    else
        d->backend->release(d, p);
}

nt_status nt_transfer_new(nt_prim **out, nt_device *d, const nt_desc *x, const nt_desc *y,
                          nt_err *e)
{
    nt_status s = NT_OK;

    if (!d->backend->transfer)
        NT_TRY(
            nt_fail(e, NT_EUNSUPPORTED, "%s has no memory but the host's", d->backend->name));
    NT_TRY(d->backend->transfer(out, d, x, y, e));
    (*out)->where = NT_ANYWHERE;
done:
    return s;
}
