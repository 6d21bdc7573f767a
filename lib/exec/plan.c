/* SPDX-License-Identifier: MIT */
#include "exec/plan.h"

#include "base/alloc.h"
#include "base/noise.h"
#include "exec/body.h"
#include "graph/pass.h"
#include "kernel/flags.h"

#include <string.h>

struct nt_plan {
    nt_body_spec of;
    nt_body b;
    bool watched; /* what the steps may lose is found out by their flags */
    nt_watch watch;
    nt_plan *careful; /* the same, losing nothing; made when a run is to be repeated by it */
};

/* Numbers that a run draws are not drawn again when it is repeated, so that a plan with such
 * steps loses nothing in the first place. */
static nt_status build_watched(nt_body *b, nt_plan *p, nt_err *e)
{
    nt_status s = NT_OK;
    nt_watch watch;

    if (p->of.o.training || !nt_flags_tell(p->of.dev)) {
        p->of.dev = nt_device_careful(p->of.dev);
        return nt_body_build(b, &p->of, e);
    }
    NT_TRY(nt_body_build(b, &p->of, e));
    p->watched = !b->prog->streams;
    if (!p->watched) {
        nt_body_release(b);
        p->of.dev = nt_device_careful(p->of.dev);
        return nt_body_build(b, &p->of, e);
    }
    NT_TRY(nt_watch_init(&watch, p->of.dev, b->prog->n_step, e));
    nt_watch_release(&p->watch);
    p->watch = watch;
done:
    return s;
}

/* ---- the public side */

static nt_status copy_dims(nt_plan *p, nt_err *e)
{
    p->of.dims = nt_pass_input_dims(p->of.src, 1);
    if (!p->of.dims)
        return nt_fail_nomem(e);
    for (int i = 0; p->of.o.dims && i < p->of.src->n_inputs; i++)
        memcpy(p->of.dims[i], p->of.o.dims[i], sizeof p->of.dims[i]);
    return NT_OK;
}

nt_status nt_plan_new(nt_plan **out, const nt_graph *g, nt_device *dev, const nt_plan_opts *o,
                      nt_err *e)
{
    nt_status s = NT_OK;
    nt_plan *p = nt_calloc(1, sizeof *p);

    if (!p)
        return nt_fail_nomem(e);
    p->of.src = g;
    p->of.dev = dev;
    p->of.o = *o;
    NT_TRY(copy_dims(p, e));
    p->of.o.dims = NULL;
    NT_TRY(build_watched(&p->b, p, e));
    *out = p;
    p = NULL;
done:
    nt_plan_free(p);
    return s;
}

void nt_plan_free(nt_plan *p)
{
    if (!p)
        return;
    nt_body_release(&p->b);
    nt_watch_release(&p->watch);
    nt_plan_free(p->careful);
    nt_free(p->of.dims);
    nt_free(p);
}

nt_status nt_plan_refresh(nt_plan *p, nt_err *e)
{
    nt_status s = NT_OK;
    nt_body b = {0};

    NT_TRY(build_watched(&b, p, e));
    nt_body_release(&p->b);
    p->b = b;
    nt_plan_free(p->careful);
    p->careful = NULL;
    b = (nt_body){0};
done:
    nt_body_release(&b);
    return s;
}

nt_tensor *nt_plan_input(nt_plan *p, int i)
{
    return i < p->b.n_in ? &p->b.in[i].t : NULL;
}

void nt_plan_fill_noise(nt_plan *p, uint64_t seed)
{
    for (int i = 0; i < p->b.n_in; i++)
        nt_noise_fill(&p->b.in[i].t, seed, (uint64_t)i);
}

const nt_tensor *nt_plan_output(const nt_plan *p, int i)
{
    return i < p->b.n_out ? &p->b.out[i].t : NULL;
}

nt_tensor *nt_plan_output_grad(nt_plan *p, int i)
{
    return p->b.dout && i < p->b.n_out && p->b.dout[i].own ? &p->b.dout[i].t : NULL;
}

const nt_tensor *nt_plan_kept(const nt_plan *p, const char *name)
{
    for (int i = 0; i < p->b.n_kept; i++) {
        if (strcmp(p->b.kept[i].name, name) == 0)
            return &p->b.kept[i].t;
    }
    return NULL;
}

void nt_plan_set_run(nt_plan *p, uint64_t run)
{
    nt_program_set_run(p->b.prog, run);
}

/* The memory of a constant is as it should be. */
static void copy_port(const nt_body *b, const nt_port *to, const nt_tensor *from)
{
    if (from && b->prog->t[to->tid].kind != NT_PT_CONST && to->t.data != from->data)
        memcpy(to->t.data, from->data, nt_tensor_bytes(from));
}

/* The run once more, losing nothing, and its results in place of p's. */
static nt_status repeat_carefully(nt_plan *p, nt_err *e)
{
    nt_plan_opts o = p->of.o;
    nt_status s = NT_OK;
    nt_body *b = &p->b;

    o.dims = (const int64_t(*)[NT_MAX_RANK])p->of.dims;
    if (!p->careful)
        NT_TRY(nt_plan_new(&p->careful, p->of.src, nt_device_careful(p->of.dev), &o, e));
    for (int i = 0; i < b->n_in; i++)
        copy_port(&p->careful->b, &p->careful->b.in[i], &b->in[i].t);
    NT_TRY(nt_plan_forward(p->careful, e));
    for (int i = 0; i < b->n_out; i++)
        copy_port(b, &b->out[i], nt_plan_output(p->careful, i));
    for (int i = 0; i < b->n_kept; i++)
        copy_port(b, &b->kept[i], nt_plan_kept(p->careful, b->kept[i].name));
done:
    return s;
}

static nt_status forward(nt_plan *p, double *ms, nt_err *e)
{
    nt_pace how = {.ms = ms, .watch = p->watched ? &p->watch : NULL};
    nt_status s = NT_OK;

    if (!p->watched)
        return nt_body_forward(&p->b, &how, e);
    do {
        nt_watch_begin(&p->watch);
        NT_TRY(nt_body_forward(&p->b, &how, e));
        how.ms = NULL;
    } while (nt_watch_end(&p->watch));
    if (p->watch.nan)
        NT_TRY(repeat_carefully(p, e));
done:
    return s;
}

nt_status nt_plan_forward(nt_plan *p, nt_err *e)
{
    return forward(p, NULL, e);
}

nt_status nt_plan_backward(nt_plan *p, nt_err *e)
{
    return nt_body_backward(&p->b, e);
}

nt_status nt_plan_forward_timed(nt_plan *p, double *ms, nt_err *e)
{
    return forward(p, ms, e);
}

int nt_plan_n_steps(const nt_plan *p)
{
    return p->b.prog->n_step;
}

nt_step_info nt_plan_step(const nt_plan *p, int i)
{
    const nt_pstep *st = &p->b.prog->step[i];

    return (nt_step_info){.node = st->node,
                          .what = st->what,
                          .impl = st->prim ? nt_prim_impl(st->prim) : "plain",
                          .backward = st->backward,
                          .once = st->once};
}

size_t nt_plan_arena_bytes(const nt_plan *p)
{
    return p->b.place.arena_bytes;
}

size_t nt_plan_const_bytes(const nt_plan *p)
{
    size_t n = p->b.place.fixed_bytes;

    for (int i = 0; i < p->b.g->n_values; i++) {
        if (p->b.g->values[i]->data)
            n += nt_tensor_bytes(p->b.g->values[i]->data);
    }
    return n;
}
