/* SPDX-License-Identifier: MIT */
#include "measure/timing.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>

#define FEWEST 11
#define MOST 101
#define ENOUGH_MS 500

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

double nt_median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

nt_status nt_timing_forward(nt_timing *out, nt_staged *net, int warmup, int runs, nt_err *e)
{
    nt_status s = NT_OK;
    int most = runs ? runs : MOST, n = 0;
    double *ms = nt_alloc((size_t)most, sizeof *ms), begin;

    if (!ms)
        return nt_fail_nomem(e);
    for (int i = 0; i < warmup; i++)
        NT_TRY(nt_staged_forward(net, e));
    begin = nt_clock_ms();
    while (n < most && (runs || n < FEWEST || nt_clock_ms() - begin < ENOUGH_MS)) {
        double t0 = nt_clock_ms();

        NT_TRY(nt_staged_forward(net, e));
        ms[n++] = nt_clock_ms() - t0;
    }
    out->median_ms = nt_median(ms, n);
    out->min_ms = ms[0];
    out->max_ms = ms[n - 1];
    out->runs = n;
done:
    nt_free(ms);
    return s;
}
