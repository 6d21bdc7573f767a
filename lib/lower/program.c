/* SPDX-License-Identifier: MIT */
#include "lower/program.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "kernel/eltwise.h"
#include "lower/program_int.h"

#include <assert.h>
#include <string.h>

nt_status nt_program_new(nt_program **out, const nt_graph *g, nt_device *dev, nt_err *e)
{
    nt_status s = NT_OK;
    nt_program *p = nt_calloc(1, sizeof *p);
    size_t nv = (size_t)g->n_values, nn = (size_t)g->n_nodes;

    if (!p)
        return nt_fail_nomem(e);
    p->g = g;
    p->dev = dev;
    p->compute = NT_F32;
    p->arena = nt_arena_new();
    if (!p->arena)
        NT_TRY(nt_fail_nomem(e));
    p->value = nt_arena_alloc(p->arena, nv + 1, sizeof *p->value);
    p->live = nt_arena_alloc(p->arena, nv + 1, sizeof *p->live);
    p->needs_grad = nt_arena_alloc(p->arena, nv + 1, sizeof *p->needs_grad);
    p->contrib = nt_arena_alloc(p->arena, nv + 1, sizeof *p->contrib);
    p->fusion = nt_arena_alloc(p->arena, nn + 1, sizeof *p->fusion);
    if (!p->value || !p->live || !p->needs_grad || !p->contrib || !p->fusion)
        NT_TRY(nt_fail_nomem(e));
    for (size_t i = 0; i < nv; i++)
        p->value[i] = -1;
    *out = p;
    p = NULL;
done:
    nt_program_free(p);
    return s;
}

void nt_program_free(nt_program *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n_step; i++) {
        if (p->step[i].borrows)
            continue;
        nt_prim_free(p->step[i].prim);
        if (p->step[i].free_ctx)
            p->step[i].free_ctx(p->step[i].ctx);
    }
    for (int i = 0; p->contrib && i < p->g->n_values; i++)
        nt_free(p->contrib[i].t);
    nt_free(p->t);
    nt_free(p->step);
    nt_free(p->saved);
    nt_arena_free(p->arena);
    nt_free(p);
}

/* ---- asking */

nt_device *nt_program_device(const nt_program *p)
{
    return p->dev;
}

bool nt_program_training(const nt_program *p)
{
    return p->training;
}

nt_dtype nt_program_compute_type(const nt_program *p)
{
    return p->compute;
}

const nt_graph *nt_program_graph(const nt_program *p)
{
    return p->g;
}

const nt_desc *nt_program_desc(const nt_program *p, nt_tid t)
{
    return &p->t[t].d;
}

const nt_fusion *nt_program_fusion(const nt_program *p, const nt_node *n)
{
    return &p->fusion[n->id];
}

void *nt_program_alloc(nt_program *p, size_t count, size_t size)
{
    return nt_arena_alloc(p->arena, count, size);
}

/* ---- tensors */

static nt_status grow(void **v, int *cap, int n, size_t size, nt_err *e)
{
    int want = *cap ? 2 * *cap : 64;
    void *p;

    if (n < *cap)
        return NT_OK;
    p = nt_realloc(*v, (size_t)want, size);
    if (!p)
        return nt_fail_nomem(e);
    *v = p;
    *cap = want;
    return NT_OK;
}

static nt_status add_tensor(nt_program *p, const nt_ptensor *src, nt_tid *out, nt_err *e)
{
    nt_status s = NT_OK;
    nt_ptensor t = *src; /* src may lie in the array that grows */

    NT_TRY(grow((void **)&p->t, &p->cap_t, p->n_t, sizeof *p->t, e));
    if (t.root < 0)
        t.root = p->n_t;
    t.inplace = -1;
    t.next_as = -1;
    p->t[p->n_t] = t;
    *out = p->n_t++;
done:
    return s;
}

nt_status nt_program_fixed(nt_program *p, const nt_desc *d, nt_ptensor_kind kind, void *data,
                           nt_tid *out, nt_err *e)
{
    nt_ptensor t = {.d = *d, .bytes = nt_desc_bytes(d), .kind = kind, .data = data, .root = -1};

    return add_tensor(p, &t, out, e);
}

nt_status nt_program_temp(nt_program *p, const nt_desc *d, nt_tid *out, nt_err *e)
{
    return nt_program_fixed(p, d, NT_PT_TEMP, NULL, out, e);
}

nt_status nt_program_blob(nt_program *p, size_t bytes, nt_tid *out, nt_err *e)
{
    nt_ptensor t = {.d = {.dtype = NT_U8, .rank = 1, .dims = {(int64_t)bytes}},
                    .bytes = bytes,
                    .kind = NT_PT_TEMP,
                    .root = -1};

    return add_tensor(p, &t, out, e);
}

nt_tid nt_program_root(const nt_program *p, nt_tid t)
{
    while (p->t[t].root != t)
        t = p->t[t].root;
    return t;
}

int nt_program_where(const nt_program *p, nt_tid t)
{
    return p->t[nt_program_root(p, t)].d.where;
}

nt_status nt_program_transfer(nt_program *p, nt_tid t, int where, nt_prim **out, nt_err *e)
{
    nt_desc from = p->t[t].d, to = from;

    from.where = nt_program_where(p, t);
    to.where = where;
    return nt_transfer_new(out, p->dev, &from, &to, e);
}

nt_status nt_program_like(nt_program *p, nt_tid t, nt_tid root, nt_tid *out, nt_err *e)
{
    nt_ptensor like = {
        .d = p->t[t].d, .bytes = p->t[t].bytes, .kind = NT_PT_TEMP, .root = root};

    return add_tensor(p, &like, out, e);
}

nt_desc nt_program_desc_of(const nt_value *v, nt_format fmt, nt_dtype dtype)
{
    nt_desc d = {.dtype = dtype, .rank = v->rank, .fmt = v->rank < 3 ? NT_FMT_PLAIN : fmt};

    for (int i = 0; i < v->rank; i++)
        d.dims[i] = v->dims[i].value;
    return d;
}

static nt_status constant(nt_program *p, const nt_value *v, nt_tid *out, nt_err *e)
{
    nt_desc d = {.dtype = v->data->dtype, .rank = v->data->rank, .fmt = NT_FMT_PLAIN};
    float *w = p->live[v->id].w;

    memcpy(d.dims, v->data->dims, sizeof d.dims);
    if (p->training && w)
        return nt_program_fixed(p, &d, NT_PT_LIVE, w, out, e);
    return nt_program_fixed(p, &d, NT_PT_CONST, v->data->data, out, e);
}

nt_status nt_program_value(nt_program *p, const nt_value *v, nt_tid *out, nt_err *e)
{
    nt_status s = NT_OK;

    if (p->value[v->id] < 0) {
        if (!v->data)
            return nt_fail(e, NT_EFORMAT, "value '%s' is used before it is made", v->name);
        NT_TRY(constant(p, v, &p->value[v->id], e));
    }
    *out = p->value[v->id];
done:
    return s;
}

nt_status nt_program_state(nt_program *p, const nt_value *v, nt_tid *out, nt_err *e)
{
    if (!p->live[v->id].w)
        return nt_fail(e, NT_EUNSUPPORTED, "'%s' is no running statistic of this model",
                       v->name);
    return nt_program_value(p, v, out, e);
}

/* Of t's conversions made before, itself included, one like `want`; -1: none. NT_ANYWHERE:
 * wherever it lies. */
static nt_tid known_as(const nt_program *p, nt_tid t, const nt_desc *want, int where)
{
    nt_tid c = t;

    while (c >= 0 && (!nt_desc_same(&p->t[c].d, want) ||
                      (where != NT_ANYWHERE && nt_program_where(p, c) != where)))
        c = p->t[c].next_as;
    return c;
}

/* One step more, which makes `want` of t: what it is called, and its prim, which is taken. */
static nt_status convert(nt_program *p, nt_tid t, const nt_desc *want, nt_call by, nt_tid *out,
                         nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid c = -1;

    NT_TRY(nt_program_temp(p, want, &c, e));
    NT_TRY(nt_program_call(p, &(nt_call){NULL, by.what, by.prim, &t, 1, &c, 1}, e));
    p->t[c].next_as = p->t[t].next_as;
    p->t[t].next_as = c;
    *out = c;
done:
    if (c < 0)
        nt_prim_free(by.prim);
    return s;
}

nt_status nt_program_as(nt_program *p, nt_tid t, nt_format fmt, nt_dtype dtype, nt_tid *out,
                        nt_err *e)
{
    nt_status s = NT_OK;
    nt_desc want = p->t[t].d;
    nt_prim *prim = NULL;
    nt_tid c;

    if (fmt != NT_FMT_ANY)
        want.fmt = want.rank < 3 ? NT_FMT_PLAIN : fmt;
    if (dtype != NT_UNDEFINED)
        want.dtype = dtype;
    c = known_as(p, t, &want, NT_ANYWHERE);
    if (c < 0) {
        NT_TRY(nt_reorder_new(&prim, p->dev, &p->t[t].d, &want, e));
        NT_TRY(convert(p, t, &want, (nt_call){.what = "reorder", .prim = prim}, &c, e));
    }
    *out = c;
done:
    return s;
}

nt_status nt_program_at(nt_program *p, nt_tid t, int where, nt_tid *out, nt_err *e)
{
    nt_status s = NT_OK;
    nt_desc want = p->t[t].d;
    nt_tid c = known_as(p, t, &want, where);
    nt_prim *prim = NULL;

    if (c < 0) {
        want.where = where;
        NT_TRY(nt_program_transfer(p, t, where, &prim, e));
        NT_TRY(convert(p, t, &want, (nt_call){.what = "transfer", .prim = prim}, &c, e));
    }
    *out = c;
done:
    return s;
}

nt_status nt_program_value_as(nt_program *p, const nt_value *v, nt_format fmt, nt_dtype dtype,
                              nt_tid *out, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid t;

    NT_TRY(nt_program_value(p, v, &t, e));
    NT_TRY(nt_program_as(p, t, fmt, dtype, out, e));
done:
    return s;
}

nt_status nt_program_bind(nt_program *p, const nt_value *v, nt_tid t, nt_err *e)
{
    (void)e;
    p->value[v->id] = t;
    return NT_OK;
}

nt_status nt_program_view(nt_program *p, nt_tid t, int rank, const int64_t *dims, nt_tid *out,
                          nt_err *e)
{
    nt_ptensor v = p->t[t];

    v.d.rank = rank;
    memset(v.d.dims, 0, sizeof v.d.dims);
    memcpy(v.d.dims, dims, (size_t)rank * sizeof *dims);
    v.d.fmt = NT_FMT_PLAIN;
    return add_tensor(p, &v, out, e);
}

nt_status nt_program_relabel(nt_program *p, nt_tid t, const nt_desc *d, nt_tid *out, nt_err *e)
{
    nt_ptensor v = p->t[t];

    assert(nt_desc_bytes(d) == nt_desc_bytes(&v.d));
    v.d = *d;
    return add_tensor(p, &v, out, e);
}

/* ---- steps */

/* What a step would have taken. */
static void release(const nt_step_desc *d)
{
    nt_prim_free(d->prim);
    if (d->free_ctx)
        d->free_ctx(d->ctx);
}

static nt_status append(nt_program *p, const nt_step_desc *d, nt_err *e)
{
    nt_status s = NT_OK;
    size_t n = (size_t)d->n_args;
    nt_pstep st = {.node = d->node,
                   .what = d->what,
                   .prim = d->prim,
                   .fn = d->fn,
                   .ctx = d->ctx,
                   .free_ctx = d->free_ctx,
                   .n_args = d->n_args,
                   .impure = d->impure,
                   .backward = p->backward};

    NT_TRY(grow((void **)&p->step, &p->cap_step, p->n_step, sizeof *p->step, e));
    st.arg = nt_arena_dup(p->arena, d->arg, n + 1, sizeof *d->arg);
    st.writes = nt_arena_dup(p->arena, d->writes, n + 1, sizeof *d->writes);
    st.ptr = nt_arena_alloc(p->arena, n + 1, sizeof *st.ptr);
    if (!st.arg || !st.writes || !st.ptr)
        NT_TRY(nt_fail_nomem(e));
    p->step[p->n_step++] = st;
done:
    if (s != NT_OK)
        release(d);
    return s;
}

/* Where a step that computes in `where` writes t: the first one settles where t lies; if that
 * was elsewhere, into a tensor like it. */
static nt_status write_at(nt_program *p, nt_tid t, int where, nt_tid *out, nt_err *e)
{
    nt_tid root = nt_program_root(p, t);
    nt_desc like = p->t[t].d;

    if (p->t[root].kind == NT_PT_TEMP && !p->t[root].written)
        p->t[root].d.where = where;
    p->t[root].written = true;
    *out = t;
    if (p->t[root].d.where == where)
        return NT_OK;
    like.where = where;
    return nt_program_temp(p, &like, out, e);
}

/* The step's own tensors in place of those that lie elsewhere. */
static nt_status settle(nt_program *p, nt_step_desc *d, int where, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < d->n_args; i++)
        if (d->arg[i] >= 0)
            NT_TRY(d->writes[i] ? write_at(p, d->arg[i], where, &d->arg[i], e)
                                : nt_program_at(p, d->arg[i], where, &d->arg[i], e));
done:
    return s;
}

/* What the step `as` has written in place of d's tensors goes there. */
static nt_status bring_back(nt_program *p, const nt_step_desc *d, const nt_step_desc *as,
                            nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < d->n_args; i++) {
        nt_tid to = d->arg[i], from = as->arg[i];
        nt_prim *prim = NULL;

        if (to == from || !d->writes[i])
            continue;
        NT_TRY(nt_program_transfer(p, from, nt_program_where(p, to), &prim, e));
        NT_TRY(nt_program_call(p, &(nt_call){d->node, "transfer", prim, &from, 1, &to, 1}, e));
    }
done:
    return s;
}

nt_status nt_program_step(nt_program *p, const nt_step_desc *d, nt_err *e)
{
    nt_status s = NT_OK;
    int where = d->prim ? nt_prim_where(d->prim) : NT_HOST;
    nt_step_desc as = *d;

    if (where == NT_ANYWHERE || nt_device_where(p->dev) == NT_HOST)
        return append(p, d, e);
    s = settle(p, &as, where, e);
    if (s != NT_OK) {
        release(d);
        return s;
    }
    NT_TRY(append(p, &as, e));
    NT_TRY(bring_back(p, d, &as, e));
done:
    return s;
}

nt_status nt_program_call(nt_program *p, const nt_call *c, nt_err *e)
{
    nt_step_desc d = {.node = c->node, .what = c->what, .prim = c->prim};

    for (int i = 0; i < c->n_reads; i++)
        d.arg[d.n_args++] = c->reads[i];
    for (int i = 0; i < c->n_writes; i++) {
        d.writes[d.n_args] = true;
        d.arg[d.n_args++] = c->writes[i];
    }
    return nt_program_step(p, &d, e);
}

void nt_program_take_steps(nt_program *p, nt_pstep **steps, int n)
{
    nt_free(p->step);
    p->step = *steps;
    p->n_step = p->cap_step = n;
    *steps = NULL;
}

/* r where w lies. The last step is the one that writes w: it stays the last. */
static nt_status before_last(nt_program *p, nt_tid w, nt_tid *r, nt_err *e)
{
    nt_status s = NT_OK;
    int n = p->n_step;
    nt_pstep last;

    NT_TRY(nt_program_at(p, *r, nt_program_where(p, w), r, e));
    if (p->n_step > n) {
        last = p->step[n - 1];
        p->step[n - 1] = p->step[n];
        p->step[n] = last;
    }
done:
    return s;
}

nt_status nt_program_inplace(nt_program *p, nt_tid w, nt_tid r, bool must, nt_err *e)
{
    nt_status s = NT_OK;

    if (p->t[w].bytes > p->t[p->t[r].root].bytes)
        return must ? nt_fail(e, NT_EINVAL, "in-place result is larger than its operand")
                    : NT_OK;
    if (nt_program_where(p, w) != nt_program_where(p, r)) {
        if (!must)
            return NT_OK;
        NT_TRY(before_last(p, w, &r, e));
    }
    p->t[w].inplace = r;
    p->t[w].must = must;
done:
    return s;
}

/* ---- training */

bool nt_program_needs_grad(const nt_program *p, const nt_value *v)
{
    return v && p->needs_grad[v->id];
}

nt_status nt_program_add_grad(nt_program *p, const nt_value *v, nt_tid t, nt_err *e)
{
    nt_status s = NT_OK;
    nt_contrib *c = &p->contrib[v->id];

    if (c->n == c->cap) {
        int cap = c->cap ? 2 * c->cap : 2;
        nt_tid *q = nt_realloc(c->t, (size_t)cap, sizeof *q);

        if (!q)
            NT_TRY(nt_fail_nomem(e));
        c->t = q;
        c->cap = cap;
    }
    c->t[c->n++] = t;
done:
    return s;
}

/* Adds t[0..n) up in order, into `dest` or (-1) a new tensor like t[0]. */
static nt_status sum_all(nt_program *p, const nt_tid *t, int n, nt_tid dest, nt_tid *out,
                         nt_err *e)
{
    nt_status s = NT_OK;
    nt_desc d = p->t[dest < 0 ? t[0] : dest].d;
    nt_tid acc;
    int i = 1;

    NT_TRY(nt_program_as(p, t[0], d.fmt, d.dtype, &acc, e));
    while (i < n) {
        nt_tid in[8] = {acc};
        int m = 1;
        nt_prim *prim = NULL;

        for (; m < 8 && i < n; m++, i++)
            NT_TRY(nt_program_as(p, t[i], d.fmt, d.dtype, &in[m], e));
        acc = dest;
        if (i < n || dest < 0)
            NT_TRY(nt_program_temp(p, &d, &acc, e));
        NT_TRY(nt_sum_new(&prim, p->dev, m, &d, e));
        NT_TRY(nt_program_call(p, &(nt_call){NULL, "sum", prim, in, m, &acc, 1}, e));
        if (p->t[acc].kind == NT_PT_TEMP)
            NT_TRY(nt_program_inplace(p, acc, in[0], false, e));
    }
    *out = acc;
done:
    return s;
}

nt_status nt_program_grad(nt_program *p, const nt_value *v, nt_format fmt, nt_dtype dtype,
                          nt_tid *out, nt_err *e)
{
    nt_status s = NT_OK;
    nt_contrib *c = &p->contrib[v->id];

    *out = -1;
    if (c->n == 0)
        return NT_OK;
    if (c->n > 1) {
        NT_TRY(nt_program_as(p, c->t[0], fmt, dtype, &c->t[0], e));
        NT_TRY(sum_all(p, c->t, c->n, -1, &c->t[0], e));
        c->n = 1;
    }
    NT_TRY(nt_program_as(p, c->t[0], fmt, dtype, out, e));
done:
    return s;
}

nt_status nt_program_param_grad(nt_program *p, const nt_value *v, nt_tid *out, nt_err *e)
{
    nt_desc d = nt_program_desc_of(v, NT_FMT_PLAIN, NT_F32);

    if (p->contrib[v->id].n == 0 && p->live[v->id].g)
        return nt_program_fixed(p, &d, NT_PT_LIVE, p->live[v->id].g, out, e);
    return nt_program_temp(p, &d, out, e);
}

/* A parameter that is used once has its gradient in place already. */
static nt_status finish_grad(nt_program *p, const nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    nt_contrib *c = &p->contrib[v->id];
    nt_desc d = nt_program_desc_of(v, NT_FMT_PLAIN, NT_F32);
    nt_prim *prim = NULL;
    nt_tid place, sum;

    if (c->n == 1 && p->t[c->t[0]].data == p->live[v->id].g)
        return NT_OK;
    NT_TRY(nt_program_fixed(p, &d, NT_PT_LIVE, p->live[v->id].g, &place, e));
    if (c->n > 1) {
        NT_TRY(sum_all(p, c->t, c->n, place, &sum, e));
        return NT_OK;
    }
    NT_TRY(nt_reorder_new(&prim, p->dev, &p->t[c->t[0]].d, &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){NULL, "reorder", prim, &c->t[0], 1, &place, 1}, e));
done:
    return s;
}

nt_status nt_program_finish_grads(nt_program *p, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < p->g->n_values; i++) {
        if (p->live[i].g && p->contrib[i].n)
            NT_TRY(finish_grad(p, p->g->values[i], e));
    }
done:
    return s;
}

nt_status nt_program_save(nt_program *p, const nt_node *n, int slot, nt_tid t, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(grow((void **)&p->saved, &p->cap_saved, p->n_saved, sizeof *p->saved, e));
    p->saved[p->n_saved++] = (nt_node_saved){n, slot, t};
done:
    return s;
}

nt_tid nt_program_saved(const nt_program *p, const nt_node *n, int slot)
{
    for (int i = 0; i < p->n_saved; i++) {
        if (p->saved[i].node == n && p->saved[i].slot == slot)
            return p->saved[i].t;
    }
    return -1;
}

struct nt_rng *nt_program_rng(nt_program *p, const nt_node *n)
{
    nt_stream *r = nt_arena_alloc(p->arena, 1, sizeof *r);

    if (!r)
        return NULL;
    r->now = r->start = nt_rng_fork_index(&p->rng, (uint64_t)n->id);
    r->next = p->streams;
    p->streams = r;
    return &r->now;
}

void nt_program_set_run(nt_program *p, uint64_t run)
{
    for (nt_stream *r = p->streams; r; r = r->next)
        r->now = nt_rng_fork_index(&r->start, run);
}
