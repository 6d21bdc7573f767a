/* SPDX-License-Identifier: MIT */
#include "quant/calib.h"

#include "train/batch_plan.h"

typedef nt_status (*visit_fn)(void *ctx, const nt_plan *plan, nt_err *e);

static nt_status run_batches(nt_batch_plan *bp, nt_loader *l, visit_fn visit, void *ctx,
                             nt_err *e)
{
    nt_status s = NT_OK;
    const nt_batch *b = NULL;
    nt_plan *plan = NULL;

    NT_TRY(nt_loader_start(l, 0, 0, e));
    for (uint64_t run = 0;; run++) {
        NT_TRY(nt_loader_next(l, &b, e));
        if (!b)
            break;
        NT_TRY(nt_batch_plan_forward(bp, &(nt_batch_in){.b = b, .run = run}, &plan, e));
        if (!plan)
            return nt_fail(
                e, NT_EUNSUPPORTED,
                "calibration needs a network whose shapes do not depend on the data");
        NT_TRY(visit(ctx, plan, e));
    }
done:
    return s;
}

nt_loader_opts nt_calib_loader(const nt_calib *c)
{
    return (nt_loader_opts){.batch_size = c->batch_size ? c->batch_size : 32,
                            .shuffle = 1,
                            .workers = 1,
                            .seed = c->seed,
                            .limit = c->samples};
}

nt_status nt_calib_run(const nt_calib *c, const nt_graph *g, const char *const *names,
                       visit_fn visit, void *ctx, nt_err *e)
{
    nt_loader_opts lo = nt_calib_loader(c);
    nt_batch_like like;
    nt_plan_opts po = {.keep = names};
    nt_batch_plan *bp = NULL;
    nt_loader *l = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_loader_new(&l, c->split, &lo, e));
    like = nt_batch_like_of(l, lo.batch_size);
    NT_TRY(nt_batch_plan_new(&bp, g, c->dev, &po, &like, e));
    NT_TRY(run_batches(bp, l, visit, ctx, e));
done:
    nt_batch_plan_free(bp);
    nt_loader_free(l);
    return s;
}

nt_status nt_calib_value(const nt_tensor **out, const nt_plan *plan, const char *name,
                         nt_err *e)
{
    *out = nt_plan_kept(plan, name);
    return *out ? NT_OK : nt_fail(e, NT_EUNSUPPORTED, "value '%s' cannot be looked at", name);
}
