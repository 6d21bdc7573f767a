/* SPDX-License-Identifier: MIT */
#include "kernel/prim.h"

#include "base/alloc.h"
#include "kernel/choose.h"
#include "kernel/internal.h"

#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if NT_WITH_WINO
#include <cpuid.h>
#endif

/* The environment's choice, else oneDNN where it is built in. */
static nt_status choose_backend(nt_backend *out, nt_err *e)
{
    const char *name = getenv("NT_BACKEND");

    if (!name || !*name)
        *out = NT_WITH_ONEDNN ? NT_BACKEND_ONEDNN : NT_BACKEND_OPENBLAS;
    else if (!strcmp(name, "openblas"))
        *out = NT_BACKEND_OPENBLAS;
    else if (strcmp(name, "onednn"))
        return nt_fail(e, NT_EINVAL, "NT_BACKEND is '%s', want onednn or openblas", name);
    else if (!NT_WITH_ONEDNN)
        return nt_fail(e, NT_EUNSUPPORTED, "NT_BACKEND is 'onednn', which is not built in");
    else
        *out = NT_BACKEND_ONEDNN;
    return NT_OK;
}

/* "OpenBLAS 0.3.21 SkylakeX": openblas_get_config starts with the first two words. */
static void describe_openblas(nt_device *d)
{
    const char *config = openblas_get_config();
    int n = 0;

    while (config[n] && config[n] != ' ')
        n++;
    if (config[n])
        for (n++; config[n] && config[n] != ' ';)
            n++;
    snprintf(d->text, sizeof d->text, "%.*s %s", n, config, openblas_get_corename());
}

/* What tells a careful device from d, which it borrows all else from; and d's own marks. */
static nt_status make_careful(nt_device *d, nt_err *e)
{
    if (d->threads > 1 && pthread_key_create(&d->mark, NULL))
        return nt_fail(e, NT_EIO, "there are no more keys for threads");
    d->has_mark = d->threads > 1;
    d->twin = nt_calloc(1, sizeof *d->twin);
    if (!d->twin)
        return nt_fail_nomem(e);
    *d->twin = *d;
    d->twin->twin = NULL;
    d->twin->careful = true;
    return NT_OK;
}

nt_status nt_device_new(nt_device **out, int threads, nt_err *e)
{
    nt_status s = NT_OK;
    nt_device *d = nt_calloc(1, sizeof *d);

    if (!d)
        return nt_fail_nomem(e);
    if (threads < 1)
        NT_TRY(nt_fail(e, NT_EINVAL, "%d threads, want at least 1", threads));
    NT_TRY(choose_backend(&d->backend, e));
    d->threads = threads;
    omp_set_num_threads(threads);
    openblas_set_num_threads(threads);
    if (NT_USE_DNN(d))
        NT_TRY(dnn_device_open(d, e));
    else
        describe_openblas(d);
    NT_TRY(nt_tuning_open(d, e));
    if (NT_USE_DNN(d))
        NT_TRY(make_careful(d, e));
    *out = d;
    d = NULL;
done:
    nt_device_free(d);
    return s;
}

void nt_device_free(nt_device *d)
{
    if (!d)
        return;
    nt_tuning_close(d);
    if (NT_USE_DNN(d))
        dnn_device_close(d);
    if (d->has_mark)
        pthread_key_delete(d->mark);
    nt_free(d->twin);
    nt_free(d);
}

nt_device *nt_device_careful(nt_device *d)
{
    return d->twin ? d->twin : d;
}

bool nt_device_is_careful(const nt_device *d)
{
    return d->careful;
}

nt_backend nt_device_backend(const nt_device *d)
{
    return d->backend;
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

const char *nt_device_cpu(char *buf, size_t n)
{
#if NT_WITH_WINO
    unsigned r[12] = {0};
    char name[sizeof r + 1] = "";
    const char *text = name;

    for (unsigned i = 0; i < 3; i++)
        __get_cpuid(0x80000002u + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]);
    memcpy(name, r, sizeof r);
    text += strspn(text, " ");
    snprintf(buf, n, "%s", text);
#else
    snprintf(buf, n, "cpu");
#endif
    return buf;
}
