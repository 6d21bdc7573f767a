/* SPDX-License-Identifier: MIT */
/* metric_loss.c - the mean loss; its doubt by resampling the samples. */
#include "base/alloc.h"
#include "train/metric.h"

#include <math.h>

typedef struct mean {
    size_t n;       /* samples seen */
    double sum;     /* of the batches' means times their samples */
    double value[]; /* of each sample */
} mean;

static nt_status begin(void **state, size_t samples, nt_err *e)
{
    mean *s = samples < SIZE_MAX / sizeof(double) - 2
                  ? nt_calloc(sizeof *s + samples * sizeof(double), 1)
                  : NULL;

    if (s == NULL)
        return nt_fail_nomem(e);
    *state = s;
    return NT_OK;
}

static nt_status see(void *state, const nt_judged *b, nt_err *e)
{
    mean *s = state;
    double sum = 0;

    (void)e;
    for (size_t i = 0; i < b->n; i++) {
        s->value[s->n++] = b->loss[i];
        sum += b->loss[i];
    }
    s->sum += (double)b->n * (sum / (double)b->n);
    return NT_OK;
}

static double end(const void *state)
{
    const mean *s = state;

    return s->sum / (double)s->n;
}

static nt_interval interval(const void *state)
{
    const mean *s = state;

    return nt_bootstrap_mean(s->value, NULL, s->n);
}

static nt_comparison compare(const void *model, const void *ref)
{
    const mean *m = model, *r = ref;

    return (nt_comparison){.drop = end(m) - end(r),
                           .interval = nt_bootstrap_mean(m->value, r->value, m->n),
                           .p = NAN};
}

const nt_metric nt_metric_loss = {.name = "loss",
                                  .record = "eval_loss",
                                  .unit = "",
                                  .wants_loss = true,
                                  .begin = begin,
                                  .see = see,
                                  .end = end,
                                  .interval = interval,
                                  .compare = compare};
