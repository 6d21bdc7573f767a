/* SPDX-License-Identifier: MIT */
#include "train/gradients.h"

#include "exec/plan.h"
#include "train/batch_plan.h"
#include "train/loss_graph.h"

static nt_status one_batch(nt_batch_plan *bp, const nt_batch *b, uint64_t run, nt_err *e)
{
    const nt_batch_in in = {.b = b, .run = run};
    nt_status s = NT_OK;
    nt_plan *plan = NULL;

    NT_TRY(nt_batch_plan_forward(bp, &in, &plan, e));
    NT_TRY(nt_plan_backward(plan, e));
done:
    return s;
}

nt_status nt_gradients_each(const nt_graph *g, const nt_gradients_opts *o,
                            void (*see)(void *ctx, const nt_params *p, int64_t n), void *ctx,
                            nt_err *e)
{
    nt_status s = NT_OK;
    int64_t samples = (int64_t)nt_split_count(o->split);
    nt_loader_opts lo = {.batch_size = samples < o->batch_size ? samples : o->batch_size,
                         .shuffle = 1,
                         .augment = o->augment,
                         .drop_last = true,
                         .workers = 1,
                         .seed = o->seed};
    nt_plan_opts po = {
        .training = true, .compute = o->compute, .seed = o->seed, .loss = NT_LOSS};
    nt_batch_like like;
    nt_loss_opts loss = {0};
    nt_graph *net = NULL, *with_loss = NULL;
    nt_loader *l = NULL;
    nt_params *p = NULL;
    nt_batch_plan *bp = NULL;
    const nt_batch *b = NULL;

    NT_TRY(nt_split_target(&loss.target, o->split, o->who, e));
    NT_TRY(nt_loss_network(&net, g, NULL, e));
    NT_TRY(nt_loss_graph(&with_loss, net, &loss, 0, e));
    NT_TRY(nt_params_new(&p, with_loss, e));
    NT_TRY(nt_loader_new(&l, o->split, &lo, e));
    po.params = p;
    like = nt_batch_like_of(l, lo.batch_size);
    like.target = loss.target->name;
    NT_TRY(nt_batch_plan_new(&bp, with_loss, o->dev, &po, &like, e));
    if (loss.target->role == NT_ROLE_LABEL)
        NT_TRY(nt_batch_plan_need_classes(bp, o->who, e));
    NT_TRY(nt_loader_start(l, 0, 0, e));
    for (int64_t i = 0; i < o->batches; i++) {
        NT_TRY(nt_loader_next(l, &b, e));
        if (!b)
            break;
        NT_TRY(one_batch(bp, b, (uint64_t)i, e));
        see(ctx, p, b->n);
    }
done:
    nt_batch_plan_free(bp);
    nt_loader_free(l);
    nt_params_free(p);
    nt_graph_free(with_loss);
    nt_graph_free(net);
    return s;
}
