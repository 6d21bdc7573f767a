/* SPDX-License-Identifier: MIT */
/*
 * Stages are a tree: the roots differ in the shapes of the graph's inputs, the children of a
 * stage in the shapes that its last nodes found. A run walks from a root to a leaf; `now` marks
 * the way it took. Values go from stage to stage by copying them into the next plan's inputs.
 */
#include "exec/staged.h"

#include "base/alloc.h"
#include "exec/stage.h"

#include <string.h>

#define MAX_STAGES 48 /* besides those of the run under way */

struct nt_staged {
    const nt_graph *src;
    nt_device *dev;
    nt_plan_opts o;
    nt_stage
        top; /* no stage, but what the roots are children of; its `now`: the current shapes */
    uint64_t run;
    int n_stages, n_planned;
};

/* ---- the cache */

static int count(const nt_stage *st)
{
    int n = 1;

    for (int i = 0; i < st->n_children; i++)
        n += count(st->child[i]);
    return n;
}

/* Frees the stages below st that no run since `before` has used. A stage is used whenever one
 * below it is. */
static void drop_unused(nt_staged *r, nt_stage *st, uint64_t before)
{
    int k = 0;

    for (int i = 0; i < st->n_children; i++) {
        nt_stage *c = st->child[i];

        if (c->used < before) {
            st->now = st->now == c ? NULL : st->now;
            r->n_stages -= count(c);
            nt_stage_free(c);
        } else {
            drop_unused(r, c, before);
            st->child[k++] = c;
        }
    }
    st->n_children = k;
}

static uint64_t oldest(const nt_stage *st)
{
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < st->n_children; i++) {
        uint64_t below = oldest(st->child[i]);

        least = st->child[i]->used < least ? st->child[i]->used : least;
        least = below < least ? below : least;
    }
    return least;
}

static void make_room(nt_staged *r)
{
    while (r->n_stages >= MAX_STAGES) {
        uint64_t least = oldest(&r->top);

        if (least >= r->run)
            return; /* all are needed */
        drop_unused(r, &r->top, least + 1);
    }
}

/* As the child of `under` that the run goes on with. Takes st, also on failure. */
static nt_status add_stage(nt_staged *r, nt_stage *under, nt_stage *st, nt_err *e)
{
    nt_stage **p = nt_realloc(under->child, (size_t)under->n_children + 1, sizeof *p);

    if (!p) {
        nt_stage_free(st);
        return nt_fail_nomem(e);
    }
    under->child = p;
    p[under->n_children++] = st;
    under->now = st;
    st->used = r->run;
    r->n_stages++;
    r->n_planned++;
    return NT_OK;
}

/* ---- shapes */

static nt_status add_root(nt_staged *r, const int64_t (*dims)[NT_MAX_RANK], nt_err *e)
{
    nt_status s = NT_OK;
    nt_stage *st = NULL;

    make_room(r);
    NT_TRY(nt_stage_new(&st, r->src, r->dev, &r->o, dims, e));
    NT_TRY(add_stage(r, &r->top, st, e));
done:
    return s;
}

static bool is_for(const nt_stage *st, const nt_graph *g, const int64_t (*dims)[NT_MAX_RANK])
{
    for (int i = 0; i < g->n_inputs; i++) {
        const nt_tensor *t = nt_plan_input(st->plan, i);

        if (memcmp(t->dims, dims[i], (size_t)t->rank * sizeof *t->dims) != 0)
            return false;
    }
    return true;
}

nt_status nt_staged_shape(nt_staged *r, const int64_t (*dims)[NT_MAX_RANK], nt_err *e)
{
    nt_status s = NT_OK;
    nt_stage *st = NULL;

    r->top.now->used = ++r->run;
    for (int i = 0; i < r->top.n_children; i++)
        if (is_for(r->top.child[i], r->src, dims))
            st = r->top.child[i];
    if (st && st->stale)
        NT_TRY(nt_plan_refresh(st->plan, e));
    if (!st)
        return add_root(r, dims, e);
    st->stale = false;
    st->used = r->run;
    r->top.now = st;
done:
    return s;
}

void nt_staged_touch(nt_staged *r)
{
    for (int i = 0; i < r->top.n_children; i++)
        r->top.child[i]->stale = true;
}

nt_status nt_staged_new(nt_staged **out, const nt_graph *g, nt_device *dev,
                        const nt_plan_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_staged *r = nt_calloc(1, sizeof *r);

    if (!r)
        return nt_fail_nomem(e);
    *r = (nt_staged){.src = g, .dev = dev, .o = *o};
    r->o.dims = NULL;
    NT_TRY(add_root(r, o->dims, e));
    *out = r;
    r = NULL;
done:
    nt_staged_free(r);
    return s;
}

void nt_staged_free(nt_staged *r)
{
    if (!r)
        return;
    for (int i = 0; i < r->top.n_children; i++)
        nt_stage_free(r->top.child[i]);
    nt_free(r->top.child);
    nt_free(r);
}

int nt_staged_n_planned(const nt_staged *r)
{
    return r->n_planned;
}

nt_plan *nt_staged_plan(nt_staged *r)
{
    return r->top.now->g ? NULL : r->top.now->plan;
}

/* ---- running */

nt_tensor *nt_staged_input(nt_staged *r, int i)
{
    return nt_plan_input(r->top.now->plan, i);
}

void nt_staged_fill_noise(nt_staged *r, uint64_t seed)
{
    nt_plan_fill_noise(r->top.now->plan, seed);
}

/* st->now: the stage for what st has found. */
static nt_status step_on(nt_staged *r, nt_stage *st, nt_err *e)
{
    nt_status s = NT_OK;
    nt_stage *next = NULL;

    st->now = NULL;
    for (int i = 0; i < st->n_children; i++)
        if (nt_stage_fits(st->child[i], st))
            st->now = st->child[i];
    if (!st->now) {
        make_room(r);
        NT_TRY(nt_stage_next(&next, st, r->dev, &r->o, e));
        NT_TRY(add_stage(r, st, next, e));
    }
    nt_stage_hand_on(st->now, st);
    st->now->used = r->run;
done:
    return s;
}

static nt_status run(nt_staged *r, double *ms, nt_err *e)
{
    nt_status s = NT_OK;
    nt_stage *st = r->top.now;

    st->used = ++r->run;
    for (;;) {
        NT_TRY(nt_stage_run(st, ms, e));
        if (st->is_last)
            break;
        ms = ms ? ms + nt_stage_n_steps(st) : NULL;
        NT_TRY(step_on(r, st, e));
        st = st->now;
    }
done:
    return s;
}

nt_status nt_staged_forward(nt_staged *r, nt_err *e)
{
    return run(r, NULL, e);
}

const nt_tensor *nt_staged_output(const nt_staged *r, int i)
{
    if (i >= r->src->n_outputs)
        return NULL;
    return r->top.now->g ? nt_staged_kept(r, r->src->outputs[i]->name)
                         : nt_plan_output(r->top.now->plan, i);
}

const nt_tensor *nt_staged_kept(const nt_staged *r, const char *name)
{
    const nt_tensor *t = NULL;

    for (const nt_stage *st = r->top.now; st && !t; st = st->now)
        t = nt_stage_find(st, name);
    return t;
}

/* ---- for tables */

int nt_staged_n_steps(const nt_staged *r)
{
    int n = 0;

    for (const nt_stage *st = r->top.now; st; st = st->now)
        n += nt_stage_n_steps(st);
    return n;
}

nt_step_info nt_staged_step(const nt_staged *r, int i)
{
    const nt_stage *st = r->top.now;

    while (i >= nt_stage_n_steps(st)) {
        i -= nt_stage_n_steps(st);
        st = st->now;
    }
    return nt_stage_step(st, i);
}

nt_status nt_staged_forward_timed(nt_staged *r, double *ms, nt_err *e)
{
    return run(r, ms, e);
}

size_t nt_staged_arena_bytes(const nt_staged *r)
{
    size_t n = 0;

    for (const nt_stage *st = r->top.now; st; st = st->now)
        n += nt_plan_arena_bytes(st->plan);
    return n;
}

size_t nt_staged_const_bytes(const nt_staged *r)
{
    size_t n = 0;

    for (const nt_stage *st = r->top.now; st; st = st->now)
        n += nt_plan_const_bytes(st->plan);
    return n;
}
