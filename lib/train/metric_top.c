/* SPDX-License-Identifier: MIT */
/* metric_top.c - accuracy and top5: the share of samples whose label is among the first
 * outputs. */
#include "base/alloc.h"
#include "train/metric.h"

#include <math.h>

typedef struct share {
    size_t n;      /* samples seen */
    uint8_t hit[]; /* of each, 0 or 1 */
} share;

static nt_status begin(void **state, size_t samples, nt_err *e)
{
    share *s = nt_calloc(sizeof *s + samples, 1);

    if (s == NULL)
        return nt_fail_nomem(e);
    *state = s;
    return NT_OK;
}

/* How many outputs come before output y; -1: one of them is no number. */
static int64_t before(const float *x, int64_t k, int64_t y)
{
    int64_t n = 0;

    for (int64_t j = 0; j < k; j++) {
        if (isnan(x[j]))
            return -1;
        n += x[j] > x[y] || (x[j] == x[y] && j < y);
    }
    return n;
}

static nt_status see(share *s, const nt_judged *b, int64_t top, nt_err *e)
{
    int64_t k = b->y->dims[1];
    const int32_t *label = b->target->data;

    for (size_t i = 0; i < b->n; i++) {
        int64_t rank;

        if (label[i] < 0 || label[i] >= k)
            return nt_fail(e, NT_EFORMAT,
                           "label %d is outside [0, %lld), the network's outputs",
                           (int)label[i], (long long)k);
        rank = before((const float *)b->y->data + i * (size_t)k, k, label[i]);
        s->hit[s->n++] = rank >= 0 && rank < top;
    }
    return NT_OK;
}

static nt_status see_first(void *state, const nt_judged *b, nt_err *e)
{
    return see(state, b, 1, e);
}

static nt_status see_five(void *state, const nt_judged *b, nt_err *e)
{
    return see(state, b, 5, e);
}

static size_t hits(const share *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        n += s->hit[i];
    return n;
}

static double end(const void *state)
{
    const share *s = state;

    return 100 * (double)hits(s) / (double)s->n;
}

static nt_interval per_cent(nt_interval i)
{
    return (nt_interval){100 * i.lo, 100 * i.hi};
}

static nt_interval interval(const void *state)
{
    const share *s = state;

    return per_cent(nt_wilson(hits(s), s->n, NT_Z95));
}

static nt_comparison compare(const void *model, const void *ref)
{
    const share *m = model, *r = ref;
    nt_comparison c = {0};

    for (size_t i = 0; i < r->n; i++) {
        c.lost += r->hit[i] && !m->hit[i];
        c.won += !r->hit[i] && m->hit[i];
    }
    c.drop = 100 * ((double)c.lost - (double)c.won) / (double)r->n;
    c.interval = per_cent(nt_paired_drop(c.lost, c.won, r->n, NT_Z95));
    c.p = nt_mcnemar(c.lost, c.won);
    return c;
}

const nt_metric nt_metric_accuracy = {.name = "accuracy",
                                      .record = "accuracy",
                                      .unit = "%",
                                      .more_is_better = true,
                                      .begin = begin,
                                      .see = see_first,
                                      .end = end,
                                      .interval = interval,
                                      .compare = compare};
const nt_metric nt_metric_top5 = {.name = "top5",
                                  .record = "top5",
                                  .unit = "%",
                                  .more_is_better = true,
                                  .begin = begin,
                                  .see = see_five,
                                  .end = end,
                                  .interval = interval,
                                  .compare = compare};
