/* SPDX-License-Identifier: MIT */
#include "train/metric.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const nt_metric *const metrics[] = {&nt_metric_accuracy, &nt_metric_top5,
                                           &nt_metric_loss};

const nt_metric *nt_metric_at(size_t i)
{
    return i < COUNT(metrics) ? metrics[i] : NULL;
}

static const char *name_at(size_t i)
{
    return i < COUNT(metrics) ? metrics[i]->name : NULL;
}

nt_status nt_metric_find(const nt_metric **out, const char *name, nt_err *e)
{
    for (size_t i = 0; i < COUNT(metrics); i++)
        if (strcmp(metrics[i]->name, name) == 0) {
            *out = metrics[i];
            return NT_OK;
        }
    return nt_fail_unknown(e, "metric", name, name_at);
}

double nt_metric_worst(const nt_metric *m)
{
    return m->more_is_better ? -INFINITY : INFINITY;
}

bool nt_metric_is_better(const nt_metric *m, double a, double than)
{
    return m->more_is_better ? a > than : a < than;
}
