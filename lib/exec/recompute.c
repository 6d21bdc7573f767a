/* SPDX-License-Identifier: MIT */
#include "exec/recompute.h"

#include "base/alloc.h"

#include <string.h>

#define MAX_PARTS 64

/* Memory that the forward pass fills; by root tensor. */
typedef struct filled {
    int first, last, last_write; /* forward steps that touch it; first -1: not such memory */
    bool backward;               /* the backward pass reads it */
    bool stays;                  /* never made again */
} filled;

typedef struct cut {
    int end[MAX_PARTS]; /* of each part: the step after its last */
    int n;
    size_t bytes; /* estimate of what is held at most for the backward pass */
} cut;

typedef struct work {
    nt_program *p;
    filled *f;
    nt_tid *again; /* by tensor: what takes its place in the backward pass; itself at first */
    bool *needed;  /* by root: to be made again */
    bool done[MAX_PARTS];
    int n_t; /* tensors before copies were made */
    nt_pstep *step;
    int n_step;
} work;

/* The root that argument a of step s reads, also by writing over it; -1: none. */
static nt_tid read_root(const nt_program *p, const nt_pstep *s, int a)
{
    nt_tid t = s->arg[a];

    if (t >= 0 && s->writes[a])
        t = p->t[t].must ? p->t[t].inplace : -1;
    return t < 0 ? -1 : nt_program_root(p, t);
}

static nt_tid written_root(const nt_program *p, const nt_pstep *s, int a)
{
    return s->arg[a] >= 0 && s->writes[a] ? nt_program_root(p, s->arg[a]) : -1;
}

/* ---- what there is to save */

static void touch(filled *f, int step, bool writes)
{
    if (f->first < 0 && writes)
        f->first = step;
    f->last = step;
    if (writes)
        f->last_write = step;
}

static void find_filled(work *w)
{
    const nt_program *p = w->p;

    for (int t = 0; t < p->n_t; t++)
        w->f[t] = (filled){.first = -1, .last = -1, .last_write = -1};
    for (int i = 0; i < p->n_step; i++) {
        const nt_pstep *s = &p->step[i];

        for (int a = 0; a < s->n_args; a++) {
            nt_tid r = read_root(p, s, a), out = written_root(p, s, a);

            if (r >= 0 && i >= p->n_forward)
                w->f[r].backward = true;
            if (i >= p->n_forward)
                continue;
            if (r >= 0)
                touch(&w->f[r], i, false);
            if (out >= 0)
                touch(&w->f[out], i, true);
        }
    }
    for (int t = 0; t < p->n_t; t++) {
        nt_tid r = nt_program_root(p, t);

        if (p->t[r].kind != NT_PT_TEMP)
            w->f[r].first = -1;
        if (p->t[t].keep)
            w->f[r].stays = true;
    }
}

static bool is_repeatable(const work *w, const nt_pstep *s)
{
    for (int a = 0; a < s->n_args; a++) {
        nt_tid r = written_root(w->p, s, a);

        if (r >= 0 && (w->p->t[r].kind != NT_PT_TEMP || w->f[r].stays))
            return false;
    }
    return !s->impure;
}

/* What a step leaves that cannot be repeated stays, and so does all else it writes. */
static void find_staying(work *w)
{
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < w->p->n_forward; i++) {
            const nt_pstep *s = &w->p->step[i];

            for (int a = 0; a < s->n_args && !is_repeatable(w, s); a++) {
                nt_tid r = written_root(w->p, s, a);

                more = more || (r >= 0 && !w->f[r].stays);
                if (r >= 0)
                    w->f[r].stays = true;
            }
        }
    }
}

static bool is_saved(const filled *f)
{
    return f->first >= 0 && f->backward && !f->stays;
}

/* ---- where to cut */

static int part_of(const cut *c, int step)
{
    int i = 0;

    while (c->end[i] <= step)
        i++;
    return i;
}

/* Bytes that the steps before `at` leave for those from there on. */
static size_t crossing(const work *w, int at)
{
    size_t n = 0;

    for (int t = 0; t < w->n_t; t++)
        if (w->f[t].first >= 0 && w->f[t].first < at && w->f[t].last >= at)
            n += w->p->t[t].bytes;
    return n;
}

static void estimate(const work *w, cut *c)
{
    size_t held = 0, part[MAX_PARTS] = {0}, most = 0;

    for (int t = 0; t < w->n_t; t++) {
        const filled *f = &w->f[t];

        if (f->first < 0)
            continue;
        if (part_of(c, f->first) != part_of(c, f->last) || (f->stays && f->backward))
            held += w->p->t[t].bytes;
        else if (is_saved(f))
            part[part_of(c, f->first)] += w->p->t[t].bytes;
    }
    for (int i = 0; i < c->n; i++)
        most = part[i] > most ? part[i] : most;
    c->bytes = held + most;
}

/* About n parts that save as much each, cut where little crosses. by_step: bytes saved by each
 * step; cross: bytes crossing before it. */
static void cut_in(const work *w, int n, const size_t *by_step, const size_t *cross, cut *c)
{
    int forward = w->p->n_forward, from = 0;
    size_t total = 0, share;

    *c = (cut){0};
    for (int i = 0; i < forward; i++)
        total += by_step[i];
    share = total / (size_t)n;
    while (c->n < n - 1) {
        size_t sum = 0;
        int best = -1;

        for (int i = from; i < forward - 1 && sum < share + share / 2; i++) {
            sum += by_step[i];
            if (sum >= share / 2 && (best < 0 || cross[i + 1] <= cross[best]))
                best = i + 1;
        }
        if (best < 0)
            break;
        c->end[c->n++] = from = best;
    }
    c->end[c->n++] = forward;
    estimate(w, c);
}

static nt_status find_cut(const work *w, cut *best, nt_err *e)
{
    nt_status s = NT_OK;
    int forward = w->p->n_forward;
    size_t *by_step = nt_calloc((size_t)forward + 1, sizeof *by_step);
    size_t *cross = nt_calloc((size_t)forward + 1, sizeof *cross);

    if (!by_step || !cross)
        NT_TRY(nt_fail_nomem(e));
    for (int t = 0; t < w->n_t; t++)
        if (is_saved(&w->f[t]))
            by_step[w->f[t].first] += w->p->t[t].bytes;
    for (int i = 0; i < forward; i++)
        cross[i] = crossing(w, i);
    cut_in(w, 1, by_step, cross, best);
    for (int n = 2; n <= MAX_PARTS && n < forward; n++) {
        cut c;

        cut_in(w, n, by_step, cross, &c);
        if (c.bytes < best->bytes)
            *best = c;
    }
done:
    nt_free(by_step);
    nt_free(cross);
    return s;
}

/* ---- repeating a part */

/* What crosses stays, and so does all of the last part. */
static void keep_crossing(work *w, const cut *c)
{
    for (int t = 0; t < w->n_t; t++) {
        filled *f = &w->f[t];

        if (f->first >= 0 &&
            (part_of(c, f->first) != part_of(c, f->last) || part_of(c, f->first) == c->n - 1))
            f->stays = true;
    }
    find_staying(w);
}

/* The tensor that stands for t in the backward pass: a copy, if its memory is made again. */
static nt_status map(work *w, nt_tid t, nt_tid *out, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid r = nt_program_root(w->p, t), root = -1;

    *out = t;
    if (t >= w->n_t || r >= w->n_t || !w->needed[r])
        return NT_OK;
    if (w->again[t] == t) {
        if (r != t)
            NT_TRY(map(w, r, &root, e));
        NT_TRY(nt_program_like(w->p, t, root, &w->again[t], e));
        if (w->p->t[t].inplace >= 0) {
            nt_tid over, copy = w->again[t];

            NT_TRY(map(w, w->p->t[t].inplace, &over, e));
            w->p->t[copy].inplace = over;
            w->p->t[copy].must = w->p->t[t].must;
        }
    }
    *out = w->again[t];
done:
    return s;
}

static nt_status map_step(work *w, nt_pstep *st, nt_err *e)
{
    nt_status s = NT_OK;

    for (int a = 0; a < st->n_args; a++)
        if (st->arg[a] >= 0)
            NT_TRY(map(w, st->arg[a], &st->arg[a], e));
done:
    return s;
}

/* A copy of a forward step that works on what is made again. */
static nt_status repeat(work *w, const nt_pstep *from, nt_err *e)
{
    nt_status s = NT_OK;
    size_t n = (size_t)from->n_args + 1;
    nt_pstep st = *from;

    st.backward = true;
    st.borrows = true;
    st.arg = nt_arena_dup(w->p->arena, from->arg, n, sizeof *st.arg);
    st.ptr = nt_arena_alloc(w->p->arena, n, sizeof *st.ptr);
    if (!st.arg || !st.ptr)
        return nt_fail_nomem(e);
    NT_TRY(map_step(w, &st, e));
    w->step[w->n_step++] = st;
done:
    return s;
}

static bool writes_needed(const work *w, const nt_pstep *s)
{
    for (int a = 0; a < s->n_args; a++) {
        nt_tid r = written_root(w->p, s, a);

        if (r >= 0 && w->needed[r])
            return true;
    }
    return false;
}

/* Marks what of a part is needed, from its end: what the backward pass reads, and what that is
 * made of. */
static void find_needed(work *w, int from, int to)
{
    for (int t = 0; t < w->n_t; t++)
        if (is_saved(&w->f[t]) && w->f[t].first >= from && w->f[t].first < to)
            w->needed[t] = true;
    for (int i = to - 1; i >= from; i--) {
        const nt_pstep *s = &w->p->step[i];

        for (int a = 0; a < s->n_args && writes_needed(w, s); a++) {
            nt_tid r = read_root(w->p, s, a);

            if (r >= 0 && w->f[r].first >= 0 && !w->f[r].stays)
                w->needed[r] = true;
        }
    }
}

static nt_status repeat_part(work *w, const cut *c, int part, nt_err *e)
{
    nt_status s = NT_OK;
    int from = part ? c->end[part - 1] : 0, to = c->end[part];

    if (w->done[part])
        return NT_OK;
    w->done[part] = true;
    find_needed(w, from, to);
    for (int i = from; i < to; i++)
        if (writes_needed(w, &w->p->step[i]))
            NT_TRY(repeat(w, &w->p->step[i], e));
done:
    return s;
}

/* The backward steps once more, each after the parts it reads from. */
static nt_status rewrite(work *w, const cut *c, nt_err *e)
{
    nt_status s = NT_OK;
    nt_program *p = w->p;

    memcpy(w->step, p->step, (size_t)p->n_forward * sizeof *p->step);
    w->n_step = p->n_forward;
    for (int i = p->n_forward; i < p->n_step; i++) {
        nt_pstep *st = &p->step[i];

        for (int a = 0; a < st->n_args; a++) {
            nt_tid r = read_root(p, st, a);

            if (r >= 0 && r < w->n_t && is_saved(&w->f[r]))
                NT_TRY(repeat_part(w, c, part_of(c, w->f[r].first), e));
        }
        for (int a = 0; a < st->n_args; a++) {
            nt_tid t = st->arg[a];

            if (t >= 0 && p->t[t].inplace >= 0) {
                nt_tid over;

                NT_TRY(map(w, p->t[t].inplace, &over, e));
                p->t[t].inplace = over;
            }
        }
        NT_TRY(map_step(w, st, e));
        w->step[w->n_step++] = *st;
    }
done:
    return s;
}

nt_status nt_recompute(nt_program *p, nt_err *e)
{
    nt_status s = NT_OK;
    size_t n = (size_t)p->n_t + 1;
    work w = {.p = p, .n_t = p->n_t};
    cut c;

    w.f = nt_calloc(n, sizeof *w.f);
    w.again = nt_calloc(n, sizeof *w.again);
    w.needed = nt_calloc(n, sizeof *w.needed);
    w.step = nt_calloc((size_t)p->n_step + (size_t)p->n_forward + 1, sizeof *w.step);
    if (!w.f || !w.again || !w.needed || !w.step)
        NT_TRY(nt_fail_nomem(e));
    for (int t = 0; t < p->n_t; t++)
        w.again[t] = t;
    find_filled(&w);
    find_staying(&w);
    NT_TRY(find_cut(&w, &c, e));
    if (c.n == 1)
        goto done;
    keep_crossing(&w, &c);
    NT_TRY(rewrite(&w, &c, e));
    nt_program_take_steps(p, &w.step, w.n_step);
done:
    nt_free(w.f);
    nt_free(w.again);
    nt_free(w.needed);
    nt_free(w.step);
    return s;
}
