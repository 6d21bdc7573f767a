/* SPDX-License-Identifier: MIT */
#include "train/teacher.h"

#include "base/alloc.h"
#include "train/logits.h"

#include <string.h>

struct nt_teacher {
    nt_graph *g;
    nt_batch_plan *plan;
    nt_split *split;
    nt_teacher_opts o;
    size_t outputs;
    nt_views *views;   /* NULL: none are kept */
    float *said;       /* of a batch, put together from what is kept */
    nt_loader *loader; /* of an epoch that is over; NULL as long as none was asked of again */
    uint64_t epoch;    /* this one */
    bool from_start;   /* it began with its first batch */
    bool news;         /* that the file has not */
    nt_teacher_account account;
};

/* ---- life */

static nt_status make_views(nt_teacher *t, int64_t batch, nt_err *e)
{
    nt_status s = NT_OK;

    if (!t->o.batches.views)
        return NT_OK;
    NT_TRY(
        nt_views_new(&t->views, t->o.batches.views, nt_split_count(t->split), t->outputs, e));
    if (!(t->said = nt_alloc((size_t)batch, t->outputs * sizeof *t->said)))
        NT_TRY(nt_fail_nomem(e));
    if (t->o.file)
        NT_TRY(nt_views_load(t->views, &t->account.file, t->o.file, t->o.identity, e));
done:
    return s;
}

nt_status nt_teacher_new(nt_teacher **out, const nt_teacher_with *w, const nt_batch_like *like,
                         const nt_teacher_opts *o, nt_err *e)
{
    const nt_plan_opts po = {.compute = o->compute};
    nt_teacher *t = nt_calloc(1, sizeof *t);
    nt_status s = NT_OK;

    if (!t)
        return nt_fail_nomem(e);
    t->split = w->split;
    t->o = *o;
    NT_TRY(nt_logits_graph(&t->g, nt_model_graph(w->model), e));
    NT_TRY(nt_batch_plan_new(&t->plan, t->g, w->dev, &po, like, e));
    NT_TRY(nt_batch_plan_need_classes(t->plan, "a teacher", e));
    t->outputs = (size_t)nt_batch_plan_classes(t->plan);
    NT_TRY(make_views(t, like->n, e));
    *out = t;
    t = NULL;
done:
    nt_teacher_free(t);
    return s;
}

void nt_teacher_free(nt_teacher *t)
{
    if (!t)
        return;
    nt_loader_free(t->loader);
    nt_views_free(t->views);
    nt_free(t->said);
    nt_batch_plan_free(t->plan);
    nt_graph_free(t->g);
    nt_free(t);
}

int64_t nt_teacher_outputs(const nt_teacher *t)
{
    return (int64_t)t->outputs;
}

const nt_teacher_account *nt_teacher_tell(const nt_teacher *t)
{
    return &t->account;
}

/* ---- asking */

static nt_status run(const float **said, nt_teacher *t, const nt_batch *b, nt_err *e)
{
    nt_plan *plan;
    nt_status s = nt_batch_plan_forward(t->plan, &(nt_batch_in){.b = b}, &plan, e);

    t->account.asked += (uint64_t)b->n;
    if (s == NT_OK)
        *said = nt_batch_plan_output(t->plan)->data;
    return s;
}

static nt_status learn(const float **said, nt_teacher *t, size_t view, const nt_batch *b,
                       nt_err *e)
{
    nt_status s = run(said, t, b, e);

    return s == NT_OK ? nt_views_learn(t->views, view, b, *said, e) : s;
}

static void close_view(nt_teacher *t, size_t view)
{
    t->news = t->news || !nt_views_is_whole(t->views, view);
    nt_views_close(t->views, view);
}

/* All that is not known of a view whose epoch is over. */
static nt_status learn_rest(nt_teacher *t, size_t view, nt_err *e)
{
    const nt_batch *b;
    const float *said;
    nt_status s = NT_OK;

    if (!t->loader)
        NT_TRY(nt_loader_new(&t->loader, t->split, &t->o.batches, e));
    NT_TRY(nt_loader_start(t->loader, view, 0, e));
    for (;;) {
        NT_TRY(nt_loader_next(t->loader, &b, e));
        if (!b)
            break;
        if (!nt_views_recall(t->said, t->views, view, b))
            NT_TRY(learn(&said, t, view, b, e));
    }
    close_view(t, view);
done:
    return s;
}

nt_status nt_teacher_ask(const float **said, nt_teacher *t, const nt_batch *b, nt_err *e)
{
    nt_status s = NT_OK;
    size_t view;

    if (!t->views)
        return run(said, t, b, e);
    view = t->epoch % t->o.batches.views;
    if (!nt_views_recall(t->said, t->views, view, b)) {
        if (t->epoch == view)
            return learn(said, t, view, b, e);
        NT_TRY(learn_rest(t, view, e));
        if (!nt_views_recall(t->said, t->views, view, b))
            NT_TRY(nt_fail(e, NT_EFORMAT, "teacher: a sample came that was not there before"));
    }
    t->account.remembered += (uint64_t)b->n;
    *said = t->said;
done:
    return s;
}

/* ---- epochs */

void nt_teacher_begin(nt_teacher *t, uint64_t epoch, size_t first)
{
    t->epoch = epoch;
    t->from_start = first == 0;
}

nt_status nt_teacher_end(nt_teacher *t, bool complete, nt_err *e)
{
    nt_status s = NT_OK;

    if (t->views && complete && t->from_start && t->epoch < t->o.batches.views)
        close_view(t, t->epoch);
    if (t->o.file && t->news)
        NT_TRY(nt_views_save(t->views, t->o.file, t->o.identity, e));
    t->news = false;
done:
    return s;
}
