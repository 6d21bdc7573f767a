/* SPDX-License-Identifier: MIT */
#include "exec/place.h"

#include "base/alloc.h"
#include "exec/lives.h"
#include "kernel/eltwise.h"

#include <string.h>

#define ALIGN 64

static size_t rounded(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* ---- steps that run once */

static bool is_constant(const nt_program *p, nt_tid t)
{
    const nt_ptensor *r = &p->t[nt_program_root(p, t)];

    return r->kind == NT_PT_CONST || r->once;
}

/* writers: by root, the steps that write to it. Memory that several steps write is never made
 * once: one of them may run every time. */
static bool runs_once(const nt_program *p, const nt_pstep *s, const int *writers)
{
    if (s->impure)
        return false;
    for (int i = 0; i < s->n_args; i++) {
        nt_tid r = s->arg[i] < 0 ? -1 : nt_program_root(p, s->arg[i]);

        if (r < 0)
            continue;
        if (s->writes[i] ? p->t[r].kind != NT_PT_TEMP || writers[r] > 1
                         : !is_constant(p, s->arg[i]))
            return false;
        if (s->writes[i] && p->t[s->arg[i]].inplace >= 0 && p->t[s->arg[i]].must)
            return false;
    }
    return true;
}

static void count_writers(const nt_program *p, int *writers)
{
    for (int i = 0; i < p->n_step; i++) {
        for (int a = 0; a < p->step[i].n_args; a++) {
            if (p->step[i].arg[a] >= 0 && p->step[i].writes[a])
                writers[nt_program_root(p, p->step[i].arg[a])]++;
        }
    }
}

static void mark_once(nt_program *p, int *writers)
{
    count_writers(p, writers);
    for (int i = 0; i < p->n_step; i++) {
        nt_pstep *s = &p->step[i];

        s->once = runs_once(p, s, writers);
        for (int a = 0; s->once && a < s->n_args; a++) {
            if (s->arg[a] >= 0 && s->writes[a])
                p->t[nt_program_root(p, s->arg[a])].once = true;
        }
    }
}

/* ---- liveness */

static void touch(nt_life *l, int step)
{
    if (l->first < 0 || step < l->first)
        l->first = step;
    if (step > l->last)
        l->last = step;
}

/* What a step reads and writes lives then; so does what a result is to take over. */
static void find_lives(const nt_program *p, nt_life *l)
{
    for (int t = 0; t < p->n_t; t++)
        l[t] = (nt_life){.t = t, .first = -1, .last = -1, .bytes = rounded(p->t[t].bytes)};
    for (int i = 0; i < p->n_step; i++) {
        for (int a = 0; a < p->step[i].n_args; a++) {
            nt_tid t = p->step[i].arg[a];

            if (t < 0)
                continue;
            touch(&l[nt_program_root(p, t)], i);
            if (p->step[i].writes[a] && p->t[t].inplace >= 0 && l[t].first == i)
                touch(&l[nt_program_root(p, p->t[t].inplace)], i);
        }
    }
    for (int t = 0; t < p->n_t; t++) {
        if (p->t[t].keep)
            touch(&l[nt_program_root(p, t)], p->n_step);
    }
}

/* ---- in place */

static nt_status run_copy(void *ctx, void *const *arg, nt_err *e)
{
    (void)e;
    memcpy(arg[1], arg[0], *(const size_t *)ctx);
    return NT_OK;
}

static nt_status insert_copy(nt_program *p, int at, nt_tid from, nt_tid to, nt_err *e)
{
    nt_status s = NT_OK;
    size_t *bytes = nt_program_alloc(p, 1, sizeof *bytes);
    nt_step_desc d = {.node = p->step[at].node,
                      .what = "copy",
                      .fn = run_copy,
                      .ctx = bytes,
                      .arg = {from, to},
                      .writes = {false, true},
                      .n_args = 2};
    nt_pstep st;

    if (!bytes)
        return nt_fail_nomem(e);
    *bytes = p->t[to].bytes;
    if (nt_program_where(p, from) != NT_HOST) {
        d.fn = NULL;
        NT_TRY(nt_program_transfer(p, from, nt_program_where(p, to), &d.prim, e));
    }
    NT_TRY(nt_program_step(p, &d, e));
    st = p->step[p->n_step - 1];
    st.backward = p->step[at].backward;
    memmove(&p->step[at + 1], &p->step[at], (size_t)(p->n_step - 1 - at) * sizeof *p->step);
    p->step[at] = st;
    if (at < p->n_forward)
        p->n_forward++;
done:
    return s;
}

static bool uses(const nt_program *p, const nt_pstep *s, nt_tid r, bool writes)
{
    for (int a = 0; a < s->n_args; a++) {
        if (s->arg[a] >= 0 && s->writes[a] == writes && nt_program_root(p, s->arg[a]) == r)
            return true;
    }
    return false;
}

/* May w, first written by step i, take over the memory of r? */
static bool can_share(const nt_program *p, const nt_life *l, nt_tid w, nt_tid r, int i)
{
    const nt_ptensor *m = &p->t[r];

    /* a sum post-operation destroys r before the step has read all its operands */
    if (p->t[w].must && uses(p, &p->step[i], r, false))
        return false;
    if (uses(p, &p->step[i], r, true)) /* another result took it over */
        return false;
    return m->kind == NT_PT_TEMP && !m->once && !m->keep && l[r].last <= i && l[r].first < i &&
           m->bytes >= p->t[w].bytes && p->t[w].root == w;
}

static bool writes_first(const nt_life *l, const nt_pstep *s, int a, int i)
{
    return s->writes[a] && s->arg[a] >= 0 && l[s->arg[a]].first == i;
}

static nt_status settle_inplace(nt_program *p, nt_life *l, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < p->n_step; i++) {
        for (int a = 0; a < p->step[i].n_args; a++) {
            nt_tid w = p->step[i].arg[a], r;

            if (p->step[i].once || !writes_first(l, &p->step[i], a, i) || p->t[w].inplace < 0)
                continue;
            r = nt_program_root(p, p->t[w].inplace);
            if (can_share(p, l, w, r, i)) {
                p->t[w].root = r;
                l[r].last = l[w].last > l[r].last ? l[w].last : l[r].last;
                p->t[r].keep = p->t[r].keep || p->t[w].keep;
            } else if (p->t[w].must) {
                NT_TRY(insert_copy(p, i, p->t[w].inplace, w, e));
                p->t[w].inplace = -1;
                find_lives(p, l);
                i++;
            }
        }
    }
done:
    return s;
}

/* ---- places */

/* False when all of them, one beside the other, are more than can be addressed: then no offset
 * below can overflow. */
static bool is_addressable(const nt_program *p)
{
    size_t sum = 0;

    for (int t = 0; t < p->n_t; t++) {
        if (!nt_size_add(&sum, sum, p->t[t].bytes) || !nt_size_add(&sum, sum, ALIGN))
            return false;
    }
    return sum < SIZE_MAX / 2;
}

/* Temporaries of this kind of memory that need a place in the arena go to `out`; returns how
 * many. The others' bytes are summed. */
static int sort_out(nt_program *p, const nt_life *l, int where, nt_life *out, size_t *fixed)
{
    int n = 0;

    *fixed = 0;
    for (int t = 0; t < p->n_t; t++) {
        nt_ptensor *x = &p->t[t];

        if (x->kind != NT_PT_TEMP || nt_program_root(p, t) != t || l[t].first < 0 ||
            x->d.where != where)
            continue;
        if (!x->once) {
            out[n++] = l[t];
            continue;
        }
        x->data = (void *)(uintptr_t)*fixed; /* an offset for now */
        *fixed += l[t].bytes;
    }
    return n;
}

static size_t scratch_bytes(const nt_program *p)
{
    size_t max = 0;

    for (int i = 0; i < p->n_step; i++) {
        if (p->step[i].prim && nt_prim_scratch(p->step[i].prim) > max)
            max = nt_prim_scratch(p->step[i].prim);
    }
    return rounded(max);
}

static void resolve(nt_program *p)
{
    for (int t = 0; t < p->n_t; t++)
        p->t[t].data = p->t[nt_program_root(p, t)].data;
    for (int i = 0; i < p->n_step; i++) {
        for (int a = 0; a < p->step[i].n_args; a++)
            p->step[i].ptr[a] = p->step[i].arg[a] < 0 ? NULL : p->t[p->step[i].arg[a]].data;
    }
}

/* What placing works with: room for all tensors in each. */
typedef struct desk {
    nt_life *lives, *tmp;
    const nt_life **near;
    int *writers;
} desk;

static nt_status desk_init(desk *w, const nt_program *p, nt_err *e)
{
    size_t room = 2 * (size_t)p->n_t + 1;

    w->lives = nt_calloc(room, sizeof *w->lives);
    w->tmp = nt_calloc(room, sizeof *w->tmp);
    w->near = nt_calloc(room, sizeof *w->near);
    w->writers = nt_calloc(room, sizeof *w->writers);
    return w->lives && w->tmp && w->near && w->writers ? NT_OK : nt_fail_nomem(e);
}

static void desk_release(desk *w)
{
    nt_free(w->lives);
    nt_free(w->tmp);
    nt_free(w->near);
    nt_free(w->writers);
}

/* extra: bytes at the arena's end. */
static nt_status place_kind(nt_place_kind *k, nt_program *p, int where, size_t extra, desk *w,
                            nt_err *e)
{
    const nt_life *l = w->lives;
    int n = sort_out(p, l, where, w->tmp, &k->fixed_bytes);

    k->arena_bytes = nt_lives_place(w->tmp, n, w->near);
    /* zeroed: blocked layouts have padding that kernels read and nobody writes */
    k->arena = nt_device_alloc(p->dev, where, k->arena_bytes + extra + ALIGN);
    k->fixed = nt_device_alloc(p->dev, where, k->fixed_bytes + ALIGN);
    if (!k->arena || !k->fixed)
        return nt_fail_nomem(e);
    for (int i = 0; i < n; i++)
        p->t[w->tmp[i].t].data = (char *)k->arena + w->tmp[i].offset;
    for (int t = 0; t < p->n_t; t++)
        if (p->t[t].once && p->t[t].root == t && l[t].first >= 0 && p->t[t].d.where == where)
            p->t[t].data = (char *)k->fixed + (uintptr_t)p->t[t].data;
    return NT_OK;
}

nt_status nt_place(nt_placement *out, nt_program *p, nt_err *e)
{
    nt_status s = NT_OK;
    nt_placement pl = {.dev = p->dev};
    size_t scratch = scratch_bytes(p);
    int own = nt_device_where(p->dev);
    desk w = {0};

    NT_TRY(desk_init(&w, p, e));
    if (!is_addressable(p))
        NT_TRY(nt_fail_nomem(e));
    mark_once(p, w.writers);
    find_lives(p, w.lives);
    NT_TRY(settle_inplace(p, w.lives, e));
    NT_TRY(place_kind(&pl.host, p, NT_HOST, scratch, &w, e));
    if (own != NT_HOST)
        NT_TRY(place_kind(&pl.own, p, own, 0, &w, e));
    pl.scratch = (char *)pl.host.arena + pl.host.arena_bytes;
    pl.arena_bytes = pl.host.arena_bytes + scratch + pl.own.arena_bytes;
    pl.fixed_bytes = pl.host.fixed_bytes + pl.own.fixed_bytes;
    resolve(p);
    *out = pl;
    pl = (nt_placement){0};
done:
    nt_placement_release(&pl);
    desk_release(&w);
    return s;
}

/* The device is looked at only where it has memory of its own to take back. */
void nt_placement_release(nt_placement *pl)
{
    void *const own[] = {pl->own.arena, pl->own.fixed};

    for (int i = 0; i < 2; i++)
        if (own[i])
            nt_device_release(pl->dev, nt_device_where(pl->dev), own[i]);
    nt_free(pl->host.arena);
    nt_free(pl->host.fixed);
    *pl = (nt_placement){0};
}
