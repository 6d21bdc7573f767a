/* SPDX-License-Identifier: MIT */
/* Making devices, apart from what is asked of one: prims ask, and are what a backend is of. */
#include "base/alloc.h"
#include "kernel/backend.h"
#include "kernel/choose.h"

#include <omp.h>
#include <stdlib.h>

/* A device that has all but what is its owner's from d. */
static nt_status borrow(nt_device **out, const nt_device *d, nt_err *e)
{
    nt_device *b = nt_calloc(1, sizeof *b);

    if (!b)
        return nt_fail_nomem(e);
    *b = *d;
    b->twin = b->host = NULL;
    *out = b;
    return NT_OK;
}

/* What tells a careful device from d, and d's own marks. */
static nt_status make_careful(nt_device *d, nt_err *e)
{
    nt_status s = NT_OK;

    if (d->threads > 1 && pthread_key_create(&d->mark, NULL))
        return nt_fail(e, NT_EIO, "there are no more keys for threads");
    d->has_mark = d->threads > 1;
    NT_TRY(borrow(&d->twin, d, e));
    d->twin->careful = true;
done:
    return s;
}

/* What d's backend neither offers nor has a portable one for is computed in host memory. */
static nt_status make_host(nt_device *d, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(borrow(&d->host, d, e));
    d->host->backend = d->host->portable = nt_backend_portable(NT_HOST);
    d->host->state = NULL;
done:
    return s;
}

static void prepare(const nt_backend *b, int threads)
{
    if (b && b->prepare)
        b->prepare(threads);
}

static nt_status open_device(nt_device *d, const nt_backend *b, nt_err *e)
{
    nt_status s = NT_OK;

    d->backend = b;
    d->portable = nt_backend_portable(b->where);
    omp_set_num_threads(d->threads);
    prepare(nt_backend_portable(NT_HOST), d->threads);
    if (d->portable != nt_backend_portable(NT_HOST))
        prepare(d->portable, d->threads);
    if (b != d->portable)
        prepare(b, d->threads);
    NT_TRY(b->open(d, e));
    NT_TRY(nt_tuning_open(d, e));
    if (b->loses_nan)
        NT_TRY(make_careful(d, e));
    if (b->where != NT_HOST)
        NT_TRY(make_host(d, e));
done:
    return s;
}

nt_status nt_device_new_with(nt_device **out, const nt_backend *b, int threads, nt_err *e)
{
    nt_status s = NT_OK;
    nt_device *d = nt_calloc(1, sizeof *d);

    if (!d)
        return nt_fail_nomem(e);
    if (threads < 1)
        NT_TRY(nt_fail(e, NT_EINVAL, "%d threads, want at least 1", threads));
    d->threads = threads;
    NT_TRY(open_device(d, b, e));
    *out = d;
    d = NULL;
done:
    nt_device_free(d);
    return s;
}

nt_status nt_device_new(nt_device **out, int threads, nt_err *e)
{
    const nt_backend *b = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_backend_find(&b, getenv("NT_BACKEND"), e));
    NT_TRY(nt_device_new_with(out, b, threads, e));
done:
    return s;
}

void nt_device_free(nt_device *d)
{
    if (!d)
        return;
    nt_tuning_close(d);
    if (d->backend && d->backend->close)
        d->backend->close(d);
    if (d->has_mark)
        pthread_key_delete(d->mark);
    nt_free(d->twin);
    nt_free(d->host);
    nt_free(d);
}
