/* SPDX-License-Identifier: MIT */
/*
 * joint.c - joint spans meet the axes they are made of (couple.h).
 *
 * Only axes along which something can be cut count: were the rows of an image tied to the
 * columns of a flattened matrix as its channels are, everything would fall into one class.
 */
#include "couple/couple_priv.h"

static bool is_live(nt_coupling *c, const nt_span_row *s)
{
    for (int32_t i = s->base; i < s->base + s->size; i++)
        if (c->live[nt_couple_root(c, i)])
            return true;
    return false;
}

static bool all_frozen(nt_coupling *c, const nt_span_row *s)
{
    for (int32_t i = s->base; i < s->base + s->size; i++)
        if (!c->frozen[nt_couple_root(c, i)])
            return false;
    return true;
}

static bool is_part(const nt_span_row *s, const nt_span_row *joint)
{
    return s != joint && s->size > 1 && s->span.axis >= joint->span.axis &&
           s->span.axis + s->span.n <= joint->span.axis + joint->span.n;
}

/* Each index of the part with all indices of the joint span that lie in it. */
static nt_status link_part(nt_coupling *c, int joint, int part, nt_err *e)
{
    nt_status st = nt_couple_grow(&c->links, c->n_links, &c->cap_links, sizeof *c->links, e);
    const nt_span_row *j = &c->spans[joint], *p = &c->spans[part];
    int64_t inner = 1;

    if (st != NT_OK)
        return st;
    for (int a = p->span.axis + p->span.n; a < j->span.axis + j->span.n; a++)
        inner *= j->span.v->dims[a].value;
    for (int64_t i = 0; i < j->size; i++)
        nt_couple_unite(c, j->base + (int32_t)i, p->base + (int32_t)(i / inner % p->size));
    c->links[c->n_links++] = (nt_span_link){joint, part};
    return NT_OK;
}

static bool is_linked_to(const nt_coupling *c, int joint, int part)
{
    for (int i = 0; i < c->n_links; i++)
        if (c->links[i].joint == joint && c->links[i].part == part)
            return true;
    return false;
}

static bool is_linked(const nt_coupling *c, int joint)
{
    for (int i = 0; i < c->n_links; i++)
        if (c->links[i].joint == joint)
            return true;
    return false;
}

/* Ties joint spans to the live spans within them. */
static nt_status link_live(nt_coupling *c, bool *changed, nt_err *e)
{
    nt_status s = NT_OK;

    for (int j = 0; j < c->n_spans; j++) {
        if (c->spans[j].span.n == 1 || c->spans[j].size <= 1)
            continue;
        for (int p = c->first[c->spans[j].span.v->id]; p >= 0; p = c->spans[p].next) {
            if (!is_part(&c->spans[p], &c->spans[j]) || is_linked_to(c, j, p) ||
                !is_live(c, &c->spans[p]))
                continue;
            NT_TRY(link_part(c, j, p, e));
            *changed = true;
        }
    }
done:
    return s;
}

/* The longest axis within the span that may be cut; -1: none. */
static nt_status pick_axis(int *out, nt_coupling *c, nt_span s, nt_err *e)
{
    nt_status st = NT_OK;
    int64_t best = 1;
    int part;

    *out = -1;
    for (int a = s.axis; a < s.axis + s.n; a++) {
        if (s.v->dims[a].value <= best)
            continue;
        if ((st = nt_couple_touch(&part, c, (nt_span){s.v, a, 1}, e)) != NT_OK)
            return st;
        if (all_frozen(c, &c->spans[part]))
            continue;
        best = s.v->dims[a].value;
        *out = part;
    }
    return st;
}

/* A live joint span that no part speaks for. */
static nt_status link_longest(nt_coupling *c, bool *changed, nt_err *e)
{
    nt_status s = NT_OK;

    for (int j = 0; j < c->n_spans && !*changed; j++) {
        nt_span joint = c->spans[j].span;
        int part;

        if (joint.n == 1 || c->spans[j].size <= 1 || is_linked(c, j) ||
            all_frozen(c, &c->spans[j]) || !is_live(c, &c->spans[j]))
            continue;
        NT_TRY(pick_axis(&part, c, joint, e));
        if (part < 0)
            NT_TRY(nt_couple_freeze(c, joint, NULL, "folded axes are needed whole", e));
        else
            NT_TRY(link_part(c, j, part, e));
        *changed = true;
    }
done:
    return s;
}

nt_status nt_couple_link_spans(nt_coupling *c, nt_err *e)
{
    nt_status s = NT_OK;
    bool changed;

    do {
        changed = false;
        NT_TRY(link_live(c, &changed, e));
        if (!changed)
            NT_TRY(link_longest(c, &changed, e));
    } while (changed);
done:
    return s;
}
