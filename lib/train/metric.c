/* SPDX-License-Identifier: MIT */
#include "train/metric.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static const nt_metric *const metrics[] = {&nt_metric_accuracy, &nt_metric_top5,
                                           &nt_metric_loss};

const nt_metric *nt_metric_at(int i)
{
    return i >= 0 && i < COUNT(metrics) ? metrics[i] : NULL;
}

nt_status nt_metric_find(const nt_metric **out, const char *name, nt_err *e)
{
    nt_str known = {0};
    nt_status s;

    for (int i = 0; i < COUNT(metrics); i++) {
        if (strcmp(metrics[i]->name, name) == 0) {
            nt_str_release(&known);
            *out = metrics[i];
            return NT_OK;
        }
        nt_str_addf(&known, "%s%s", i > 0 ? ", " : "", metrics[i]->name);
    }
    s = nt_fail(e, NT_EINVAL, "metric '%s' is not known (%s)", name,
                known.failed ? "..." : known.p);
    nt_str_release(&known);
    return s;
}

double nt_metric_worst(const nt_metric *m)
{
    return m->more_is_better ? -INFINITY : INFINITY;
}

bool nt_metric_is_better(const nt_metric *m, double a, double than)
{
    return m->more_is_better ? a > than : a < than;
}
