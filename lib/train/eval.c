/* SPDX-License-Identifier: MIT */
#include "train/eval.h"

#include "base/alloc.h"
#include "train/batch_plan.h"
#include "train/logits.h"
#include "train/loss.h"

#include <math.h>
#include <string.h>

static const char *const names[NT_N_METRICS] = {"accuracy", "top5", "loss"};

/* A sample counts where fewer than this many outputs come before its own. */
static const int64_t top[NT_N_METRICS] = {1, 5, 0};

nt_status nt_metric_find(nt_metric *out, const char *name, nt_err *e)
{
    for (size_t i = 0; i < NT_N_METRICS; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (nt_metric)i;
            return NT_OK;
        }
    return nt_fail(e, NT_EINVAL, "metric '%s' is not known (accuracy, top5, loss)", name);
}

const char *nt_metric_name(nt_metric m)
{
    return names[m];
}

bool nt_metric_more_is_better(nt_metric m)
{
    return m != NT_METRIC_LOSS;
}

bool nt_metric_is_share(nt_metric m)
{
    return top[m] > 0;
}

void nt_eval_result_release(nt_eval_result *r)
{
    for (int m = 0; m < NT_N_METRICS; m++)
        nt_free(r->hit[m]);
    *r = (nt_eval_result){0};
}

static size_t hits(const nt_eval_result *r, nt_metric m)
{
    size_t n = 0;

    for (size_t i = 0; i < r->samples; i++)
        n += r->hit[m][i];
    return n;
}

nt_interval nt_eval_confidence(const nt_eval_result *r, nt_metric m)
{
    nt_interval i = nt_wilson(hits(r, m), r->samples, NT_Z95);

    return (nt_interval){100 * i.lo, 100 * i.hi};
}

nt_comparison nt_eval_compare(const nt_eval_result *model, const nt_eval_result *ref,
                              nt_metric m)
{
    nt_comparison c = {0};

    for (size_t i = 0; i < ref->samples; i++) {
        c.lost += ref->hit[m][i] && !model->hit[m][i];
        c.won += !ref->hit[m][i] && model->hit[m][i];
    }
    c.drop = 100 * ((double)c.lost - (double)c.won) / (double)ref->samples;
    c.interval = nt_paired_drop(c.lost, c.won, ref->samples, NT_Z95);
    c.interval.lo *= 100;
    c.interval.hi *= 100;
    c.p = nt_mcnemar(c.lost, c.won);
    return c;
}

struct nt_evaluator {
    nt_graph *g;
    nt_batch_plan *plan;
    nt_loader *loader;
    const nt_split *split;
    size_t samples;
    bool live; /* the parameters may change between runs */
};

nt_status nt_evaluator_new(nt_evaluator **out, const nt_graph *g, nt_params *params,
                           nt_device *dev, nt_split *split, const nt_eval_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_evaluator *v = nt_calloc(1, sizeof *v);
    nt_plan_opts po = {.compute = o->compute, .params = params};
    nt_loader_opts lo = {.batch_size = o->batch_size > 0 ? o->batch_size : 128,
                         .workers = o->workers,
                         .limit = o->limit};

    if (v == NULL)
        return nt_fail_nomem(e);
    v->live = params != NULL;
    v->split = split;
    v->samples = nt_split_count(split);
    if (o->limit > 0 && o->limit < v->samples)
        v->samples = o->limit;
    if (v->samples == 0) {
        s = nt_fail(e, NT_EFORMAT, "the split has no samples");
        goto done;
    }
    NT_TRY(nt_split_need_labels(split, "a metric", e));
    NT_TRY(nt_logits_graph(&v->g, g, e));
    NT_TRY(nt_loader_new(&v->loader, split, &lo, e));
    if (v->samples < (size_t)lo.batch_size) /* the only batch is the smaller one */
        lo.batch_size = (int64_t)v->samples;
    NT_TRY(nt_batch_plan_new(&v->plan, v->g, dev, &po, lo.batch_size,
                             nt_loader_sample(v->loader), e));
    NT_TRY(nt_batch_plan_need_classes(v->plan, "a metric", e));
    if (nt_split_classes(split) > nt_batch_plan_classes(v->plan)) {
        s = nt_fail(e, NT_EFORMAT, "the data have %lld classes, the network has %lld outputs",
                    (long long)nt_split_classes(split),
                    (long long)nt_batch_plan_classes(v->plan));
        goto done;
    }
    *out = v;
    v = NULL;
done:
    nt_evaluator_free(v);
    return s;
}

void nt_evaluator_free(nt_evaluator *v)
{
    if (v == NULL)
        return;
    nt_loader_free(v->loader);
    nt_batch_plan_free(v->plan);
    nt_graph_free(v->g);
    nt_free(v);
}

/* How many outputs come before output y; all where one of them is no number. */
static int64_t rank_of(const float *x, int64_t k, int64_t y)
{
    int64_t before = 0;

    for (int64_t j = 0; j < k; j++) {
        if (isnan(x[j]))
            return k + top[NT_METRIC_TOP5];
        before += x[j] > x[y] || (x[j] == x[y] && j < y);
    }
    return before;
}

/* The batch's samples are numbers `at` and on of those that were there. */
static void count_batch(nt_eval_result *r, size_t at, const float *x, int64_t k,
                        const nt_batch *b)
{
    for (int64_t i = 0; i < b->n; i++) {
        int64_t before = rank_of(x + i * k, k, b->y[i]);

        for (int m = 0; m < NT_N_METRICS; m++)
            if (top[m] > 0)
                r->hit[m][at + (size_t)i] = before < top[m];
    }
    r->value[NT_METRIC_LOSS] +=
        (double)b->n * nt_loss_cross_entropy(NULL, x, b->y, b->n, k, 0, 1);
}

/* The layer is that of the first such batch. */
static void count_nonfinite(nt_nonfinite *f, const nt_batch_plan *p)
{
    bool first = f->n == 0;

    nt_nonfinite_count(f, nt_batch_plan_output(p));
    if (first && f->n)
        nt_batch_plan_blame(p, f);
}

static nt_status new_result(nt_eval_result *r, size_t n, nt_err *e)
{
    nt_eval_result_release(r);
    r->samples = n;
    for (int m = 0; m < NT_N_METRICS; m++)
        if (top[m] > 0 && (r->hit[m] = nt_calloc(n, 1)) == NULL)
            return nt_fail_nomem(e);
    return NT_OK;
}

nt_status nt_evaluator_run(nt_evaluator *v, nt_eval_result *r, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_batch *b;
    size_t seen = 0;

    NT_TRY(new_result(r, v->samples, e));
    if (v->live)
        nt_batch_plan_touch(v->plan);
    NT_TRY(nt_loader_start(v->loader, 0, 0, e));
    for (;;) {
        nt_plan *p;

        NT_TRY(nt_loader_next(v->loader, &b, e));
        if (b == NULL || b->first + (size_t)b->n > v->samples)
            break;
        NT_TRY(nt_batch_plan_forward(v->plan, b->x, b->y, b->n, 0, &p, e));
        count_batch(r, seen, nt_batch_plan_output(v->plan)->data,
                    nt_batch_plan_classes(v->plan), b);
        count_nonfinite(&r->bad, v->plan);
        seen += (size_t)b->n;
    }
    if (seen == 0 || (seen != v->samples && nt_split_skipped(v->split) == 0))
        NT_TRY(
            nt_fail(e, NT_EFORMAT, "the split gave %zu samples, want %zu", seen, v->samples));
    r->samples = seen; /* the others were skipped */
    for (int m = 0; m < NT_N_METRICS; m++)
        if (top[m] > 0)
            r->value[m] = 100 * (double)hits(r, (nt_metric)m) / (double)seen;
    r->value[NT_METRIC_LOSS] /= (double)seen;
done:
    if (s != NT_OK)
        nt_eval_result_release(r);
    return s;
}
