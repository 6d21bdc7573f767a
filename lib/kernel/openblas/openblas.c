/* SPDX-License-Identifier: MIT */
#include "kernel/openblas/openblas.h"

#include <cblas.h>
#include <stdio.h>

static void prepare(int threads)
{
    openblas_set_num_threads(threads);
}

/* "OpenBLAS 0.3.21 SkylakeX": openblas_get_config starts with the first two words. */
static nt_status open_device(nt_device *d, nt_err *e)
{
    const char *config = openblas_get_config();
    int n = 0;

    (void)e;
    while (config[n] && config[n] != ' ')
        n++;
    if (config[n])
        for (n++; config[n] && config[n] != ' ';)
            n++;
    snprintf(d->text, sizeof d->text, "%.*s %s", n, config, openblas_get_corename());
    return NT_OK;
}

#define ROW(name, ...) .name = blas_##name##_new,

const nt_backend nt_backend_openblas = {.name = "openblas",
                                        .portable = true,
                                        .prepare = prepare,
                                        .open = open_device,
                                        NT_CONSTRUCTORS(ROW)};
