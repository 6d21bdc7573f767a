/* SPDX-License-Identifier: MIT */
#include "train/eval.h"

#include "base/alloc.h"
#include "train/batch_plan.h"
#include "train/loss_plan.h"

#include <assert.h>

void nt_eval_result_release(nt_eval_result *r)
{
    for (int i = 0; i < r->n; i++)
        nt_free(r->score[i].state);
    *r = (nt_eval_result){0};
}

static const nt_score *score_of(const nt_eval_result *r, const nt_metric *m)
{
    int i = 0;

    while (i < r->n && r->score[i].metric != m)
        i++;
    assert(i < r->n);
    return &r->score[i];
}

double nt_eval_value(const nt_eval_result *r, const nt_metric *m)
{
    return score_of(r, m)->value;
}

nt_interval nt_eval_interval(const nt_eval_result *r, const nt_metric *m)
{
    return m->interval(score_of(r, m)->state);
}

nt_comparison nt_eval_compare(const nt_eval_result *model, const nt_eval_result *ref,
                              const nt_metric *m)
{
    return m->compare(score_of(model, m)->state, score_of(ref, m)->state);
}

struct nt_evaluator {
    nt_graph *g;
    nt_batch_plan *plan;
    nt_loader *loader;
    const nt_split *split;
    const nt_field *target; /* its extents may not be known */
    nt_loss_plan *loss;     /* NULL: no metric wants it */
    const nt_metric *metric[NT_MAX_METRICS];
    int n_metrics;
    size_t samples;
    const char *keep, *identity;
    nt_views *kept; /* NULL: none */
    nt_views_file file;
    float *said; /* of a batch, put together from what is kept */
    bool live;   /* the parameters may change between runs */
};

static bool suits(const nt_field *target, const nt_metric *m)
{
    return m->wants_loss || target->role == NT_ROLE_LABEL;
}

static nt_status take_metrics(nt_evaluator *v, const nt_metric *const *asked, nt_err *e)
{
    for (size_t i = 0; i < NT_MAX_METRICS; i++) {
        const nt_metric *m = asked ? asked[i] : nt_metric_at(i);

        if (m == NULL)
            return NT_OK;
        v->metric[v->n_metrics++] = m;
        if (!suits(v->target, m))
            return nt_fail(e, NT_EFORMAT, "%s wants the field '%s', the data's target is '%s'",
                           m->name, NT_FIELD_LABEL, v->target->name);
    }
    return NT_OK;
}

/* Outputs [n][k], and a class among them for each label. Others the loss compares itself. */
static nt_status check_outputs(const nt_evaluator *v, nt_err *e)
{
    int64_t classes = nt_split_classes(v->split), outputs = nt_batch_plan_classes(v->plan);

    if (v->target->role != NT_ROLE_LABEL)
        return NT_OK;
    if (nt_batch_plan_need_classes(v->plan, "a metric", e) != NT_OK)
        return NT_EUNSUPPORTED;
    if (classes > outputs)
        return nt_fail(e, NT_EFORMAT,
                       "the data have %lld classes, the network has %lld outputs",
                       (long long)classes, (long long)outputs);
    return NT_OK;
}

/* What the loss will compare with, its extents known. */
static const nt_field *target_like(const nt_evaluator *v)
{
    size_t n;
    const nt_field *f = nt_loader_fields(v->loader, &n);

    return nt_field_named(f, n, v->target->name);
}

static bool wants_loss(const nt_evaluator *v)
{
    for (int i = 0; i < v->n_metrics; i++)
        if (v->metric[i]->wants_loss)
            return true;
    return false;
}

static nt_status open_kept(nt_evaluator *v, const nt_eval_opts *o, int64_t batch, nt_err *e)
{
    int64_t k = nt_batch_plan_classes(v->plan);
    nt_status s = NT_OK;

    if (o->keep == NULL || k == 0)
        return NT_OK;
    v->keep = o->keep;
    v->identity = o->identity;
    NT_TRY(nt_views_new(&v->kept, 1, nt_split_count(v->split), (size_t)k, e));
    if ((v->said = nt_alloc((size_t)batch, (size_t)k * sizeof *v->said)) == NULL)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_views_load(v->kept, &v->file, v->keep, v->identity, e));
done:
    return s;
}

nt_status nt_evaluator_new(nt_evaluator **out, const nt_graph *g, nt_device *dev,
                           nt_split *split, const nt_eval_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_evaluator *v = nt_calloc(1, sizeof *v);
    nt_plan_opts po = {.compute = o->compute, .params = o->params};
    nt_loader_opts lo = {.batch_size = o->batch_size > 0 ? o->batch_size : 128,
                         .workers = o->workers,
                         .limit = o->limit};
    nt_batch_like like;

    if (v == NULL)
        return nt_fail_nomem(e);
    v->live = o->params != NULL;
    v->split = split;
    v->samples = nt_split_count(split);
    if (o->limit > 0 && o->limit < v->samples)
        v->samples = o->limit;
    if (v->samples == 0) {
        s = nt_fail(e, NT_EFORMAT, "the split has no samples");
        goto done;
    }
    NT_TRY(nt_split_target(&v->target, split, "a metric", e));
    NT_TRY(take_metrics(v, o->metrics, e));
    NT_TRY(nt_loss_network(&v->g, g, o->loss, e));
    NT_TRY(nt_loader_new(&v->loader, split, &lo, e));
    like = nt_batch_like_of(v->loader, lo.batch_size);
    if (v->samples < (size_t)like.n) /* the only batch is the smaller one */
        like.n = (int64_t)v->samples;
    NT_TRY(nt_batch_plan_new(&v->plan, v->g, dev, &po, &like, e));
    NT_TRY(check_outputs(v, e));
    NT_TRY(open_kept(v, o, like.n, e));
    if (wants_loss(v))
        NT_TRY(nt_loss_plan_new(&v->loss, o->loss, nt_batch_plan_output(v->plan),
                                target_like(v), dev, e));
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
    nt_loss_plan_free(v->loss);
    nt_graph_free(v->g);
    nt_views_free(v->kept);
    nt_free(v->said);
    nt_free(v);
}

static nt_status begin(nt_eval_result *r, const nt_evaluator *v, nt_err *e)
{
    nt_status s = NT_OK;

    nt_eval_result_release(r);
    for (int i = 0; i < v->n_metrics; i++) {
        r->score[r->n++].metric = v->metric[i];
        NT_TRY(v->metric[i]->begin(&r->score[i].state, v->samples, e));
    }
done:
    return s;
}

/* The layer is that of the first such batch. */
static void count_nonfinite(nt_nonfinite *f, const nt_tensor *y, const nt_batch_plan *p)
{
    bool first = f->n == 0;

    nt_nonfinite_count(f, y);
    if (first && f->n)
        nt_batch_plan_blame(p, f);
}

static nt_status see(nt_eval_result *r, nt_evaluator *v, const nt_tensor *y, const nt_batch *b,
                     nt_err *e)
{
    nt_judged j = {y, nt_batch_field(b, v->target->name), NULL, (size_t)b->n};
    nt_status s = NT_OK;

    if (v->loss != NULL)
        NT_TRY(nt_loss_plan_run(v->loss, &j.loss, j.y, j.target, e));
    for (int i = 0; i < r->n; i++)
        NT_TRY(r->score[i].metric->see(r->score[i].state, &j, e));
    count_nonfinite(&r->bad, y, v->plan);
    r->samples += j.n;
done:
    return s;
}

/* Of a batch. Kept ones are finite: the layer where others begin is found by running. */
static nt_status find_outputs(nt_tensor *y, nt_evaluator *v, const nt_batch *b, nt_err *e)
{
    nt_nonfinite bad = {0};
    nt_plan *p;
    nt_status s = NT_OK;

    if (v->kept != NULL && nt_views_recall(v->said, v->kept, 0, b)) {
        *y = *nt_batch_plan_output(v->plan);
        y->dims[0] = b->n;
        y->data = v->said;
        nt_nonfinite_count(&bad, y);
        if (bad.n == 0)
            return NT_OK;
    }
    NT_TRY(nt_batch_plan_forward(v->plan, &(nt_batch_in){.b = b}, &p, e));
    *y = *nt_batch_plan_output(v->plan);
    if (v->kept != NULL)
        NT_TRY(nt_views_learn(v->kept, 0, b, y->data, e));
done:
    return s;
}

static nt_status keep(nt_evaluator *v, nt_err *e)
{
    if (v->kept == NULL || nt_views_is_whole(v->kept, 0))
        return NT_OK;
    nt_views_close(v->kept, 0);
    return nt_views_save(v->kept, v->keep, v->identity, e);
}

static nt_status run(nt_eval_result *r, nt_evaluator *v, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_batch *b;

    NT_TRY(nt_loader_start(v->loader, 0, 0, e));
    for (;;) {
        NT_TRY(nt_loader_next(v->loader, &b, e));
        if (b == NULL || b->first + (size_t)b->n > v->samples)
            break;
        nt_tensor y;

        NT_TRY(find_outputs(&y, v, b, e));
        NT_TRY(see(r, v, &y, b, e));
    }
    if (r->samples == 0 || (r->samples != v->samples && nt_split_skipped(v->split) == 0))
        NT_TRY(nt_fail(e, NT_EFORMAT, "the split gave %zu samples, want %zu", r->samples,
                       v->samples));
    NT_TRY(keep(v, e));
done:
    return s;
}

nt_status nt_evaluator_run(nt_evaluator *v, nt_eval_result *r, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(begin(r, v, e));
    if (v->live)
        nt_batch_plan_touch(v->plan);
    NT_TRY(run(r, v, e));
    for (int i = 0; i < r->n; i++)
        r->score[i].value = r->score[i].metric->end(r->score[i].state);
done:
    if (s != NT_OK)
        nt_eval_result_release(r);
    return s;
}

nt_views_file nt_evaluator_kept(const nt_evaluator *v)
{
    return v->file;
}
