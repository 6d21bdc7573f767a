/* SPDX-License-Identifier: MIT */
/*
 * Forward runs of a copy whose normalisations have a momentum of 0: what each leaves as running
 * statistics are those of its batch alone.
 */
#include "train/settle.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "exec/params.h"
#include "train/batch_plan.h"

#include <math.h>

enum { MEAN = 3, VAR = 4 }; /* inputs of BatchNormalization */

typedef struct settling {
    const nt_settle_opts *o;
    nt_graph *g; /* the copy */
    nt_params *p;
    nt_loader *loader;
    nt_batch_plan *plan;
    double *sum; /* [p->n_state], times samples */
    nt_settled done;
} settling;

static void release(settling *t)
{
    nt_free(t->sum);
    nt_batch_plan_free(t->plan);
    nt_loader_free(t->loader);
    nt_params_free(t->p);
    nt_graph_free(t->g);
}

/* ---- the network */

static nt_status forget(nt_graph *g, nt_node *n, nt_err *e)
{
    if (n->n_in > VAR && (n->in[MEAN]->n_uses > 1 || n->in[VAR]->n_uses > 1))
        return nt_fail(e, NT_EUNSUPPORTED,
                       "node '%s': its running statistics are another's, too, and cannot be "
                       "found anew",
                       n->name);
    return nt_node_set_float(g, n, "momentum", 0, e);
}

static nt_status copy_network(settling *t, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_graph_dup(&t->g, g, true, e));
    for (int i = 0; i < t->g->n_nodes; i++) {
        if (!nt_node_is(t->g->nodes[i], "BatchNormalization"))
            continue;
        NT_TRY(forget(t->g, t->g->nodes[i], e));
        t->done.norms++;
    }
    if (t->done.norms == 0)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "it has no BatchNormalization to settle"));
    NT_TRY(nt_params_new(&t->p, t->g, e));
    if (!(t->sum = nt_calloc(t->p->n_state + 1, sizeof *t->sum)))
        s = nt_fail_nomem(e);
done:
    return s;
}

/* ---- the batches: those that a training of this seed begins with */

static nt_status open_batches(settling *t, nt_split *split, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_loader_new(&t->loader, split,
                         &(nt_loader_opts){.batch_size = t->o->batch_size,
                                           .shuffle = -1,
                                           .augment = true,
                                           .workers = t->o->workers,
                                           .seed = t->o->seed},
                         e));
    if (nt_loader_batches(t->loader) == 0)
        s = nt_fail(e, NT_EFORMAT, "the split has no samples");
done:
    return s;
}

static nt_status make_plan(settling *t, nt_device *dev, nt_split *split, nt_err *e)
{
    int64_t n = (int64_t)nt_split_count(split);
    nt_batch_like like =
        nt_batch_like_of(t->loader, t->o->batch_size < n ? t->o->batch_size : n);
    nt_plan_opts o = {.training = true, .compute = t->o->compute, .params = t->p};
    nt_rng root, dropout;

    nt_rng_init(&root, t->o->seed);
    dropout = nt_rng_fork(&root, "dropout");
    o.seed = nt_rng_u64(&dropout);
    return nt_batch_plan_new(&t->plan, t->g, dev, &o, &like, e);
}

/* 0 times what is not finite would stay so. */
static void clear_state(const settling *t)
{
    for (size_t i = 0; i < t->p->n_state; i++)
        t->p->state[i] = 0;
}

static nt_status see(settling *t, const nt_batch *b, nt_err *e)
{
    nt_status s = NT_OK;
    nt_plan *plan;

    clear_state(t);
    NT_TRY(nt_batch_plan_forward(
        t->plan, &(nt_batch_in){.b = b, .run = (uint64_t)t->done.batches}, &plan, e));
    for (size_t i = 0; i < t->p->n_state; i++)
        t->sum[i] += (double)b->n * t->p->state[i];
    t->done.samples += b->n;
    t->done.batches++;
done:
    return s;
}

static nt_status see_all(settling *t, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_batch *b;

    NT_TRY(nt_loader_start(t->loader, 0, 0, e));
    while (t->done.batches < t->o->batches) {
        NT_TRY(nt_loader_next(t->loader, &b, e));
        if (b == NULL)
            break;
        NT_TRY(see(t, b, e));
    }
    if (t->done.samples == 0)
        s = nt_fail(e, NT_EFORMAT, "the split gave no samples");
done:
    return s;
}

/* ---- what they come to */

static nt_status set_one(settling *t, const nt_param *v, nt_err *e)
{
    for (size_t i = v->offset; i < v->offset + v->count; i++) {
        t->p->state[i] = (float)(t->sum[i] / (double)t->done.samples);
        if (!isfinite(t->p->state[i]))
            return nt_fail(e, NT_EFORMAT, "'%s' comes to what is not finite", v->name);
    }
    return NT_OK;
}

static nt_status store(settling *t, nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < t->p->n; i++)
        if (t->p->v[i].is_state)
            NT_TRY(set_one(t, &t->p->v[i], e));
    NT_TRY(nt_params_store(t->p, g, e));
done:
    return s;
}

nt_status nt_settle(nt_settled *out, nt_graph *g, nt_device *dev, nt_split *split,
                    const nt_settle_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    settling t = {.o = o};

    NT_TRY(copy_network(&t, g, e));
    NT_TRY(open_batches(&t, split, e));
    NT_TRY(make_plan(&t, dev, split, e));
    NT_TRY(see_all(&t, e));
    NT_TRY(store(&t, g, e));
    *out = t.done;
done:
    release(&t);
    return s;
}
