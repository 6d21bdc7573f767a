/* SPDX-License-Identifier: MIT */
/*
 * couple.c - union-find over all indices of all spans.
 *
 * Every span that somebody names gets a run of elements in one array, and operators tie
 * elements; classes.c walks the graph and numbers what comes out. The root of a tree is its
 * smallest element, so that neither the numbering nor the reasons depend on the order of
 * unions.
 */
#include "base/alloc.h"
#include "couple/couple_priv.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

int64_t nt_span_size(nt_span s)
{
    int64_t size = 1;

    for (int i = 0; i < s.n; i++)
        if (s.v->dims[s.axis + i].value < 0 ||
            !nt_i64_mul(&size, size, s.v->dims[s.axis + i].value))
            return -1;
    return size;
}

/* ---- the trees */
int32_t nt_couple_root(nt_coupling *c, int32_t i)
{
    while (c->parent[i] != i) {
        c->parent[i] = c->parent[c->parent[i]];
        i = c->parent[i];
    }
    return i;
}

static int32_t earlier(int32_t a, int32_t b)
{
    return !a || (b && b < a) ? b : a;
}

void nt_couple_unite(nt_coupling *c, int32_t a, int32_t b)
{
    int32_t t;

    a = nt_couple_root(c, a);
    b = nt_couple_root(c, b);
    if (a == b)
        return;
    if (b < a) {
        t = a;
        a = b;
        b = t;
    }
    c->parent[b] = a;
    c->frozen[a] = earlier(c->frozen[a], c->frozen[b]);
    c->live[a] |= c->live[b];
}

/* ---- growing */
/* Room for one more of `size` bytes in an array of *cap. */
nt_status nt_couple_grow(void *array, int n, int *cap, size_t size, nt_err *e)
{
    void **p = array;
    int want = *cap ? *cap * 2 : 64;
    void *q;

    if (n < *cap)
        return NT_OK;
    q = nt_realloc(*p, (size_t)want, size);
    if (!q)
        return nt_fail_nomem(e);
    *p = q;
    *cap = want;
    return NT_OK;
}

static nt_status grow_elements(nt_coupling *c, int64_t more, nt_err *e)
{
    int64_t want = c->cap ? c->cap : 4096;
    void *p;

    if (more > INT32_MAX / 2 - c->n)
        return nt_fail(e, NT_EUNSUPPORTED, "too many channels to couple");
    while (want < c->n + more)
        want *= 2;
    if (want == c->cap)
        return NT_OK;
    if (!(p = nt_realloc(c->parent, (size_t)want, sizeof *c->parent)))
        return nt_fail_nomem(e);
    c->parent = p;
    if (!(p = nt_realloc(c->frozen, (size_t)want, sizeof *c->frozen)))
        return nt_fail_nomem(e);
    c->frozen = p;
    if (!(p = nt_realloc(c->live, (size_t)want, sizeof *c->live)))
        return nt_fail_nomem(e);
    c->live = p;
    c->cap = (int32_t)want;
    return NT_OK;
}

/* ---- spans */
int nt_couple_find(const nt_coupling *c, nt_span s)
{
    for (int i = c->first[s.v->id]; i >= 0; i = c->spans[i].next)
        if (c->spans[i].span.axis == s.axis && c->spans[i].span.n == s.n)
            return i;
    return -1;
}

static nt_status add_span(int *out, nt_coupling *c, nt_span s, nt_err *e)
{
    int64_t size = nt_span_size(s);
    nt_status st;

    if (size < 0)
        return nt_fail(e, NT_EINVAL, "value '%s' has no known shape", s.v->name);
    if ((st = nt_couple_grow(&c->spans, c->n_spans, &c->cap_spans, sizeof *c->spans, e)) !=
            NT_OK ||
        (st = grow_elements(c, size, e)) != NT_OK)
        return st;
    c->spans[c->n_spans] = (nt_span_row){s, size, c->n, c->first[s.v->id], -1};
    c->first[s.v->id] = c->n_spans;
    for (int32_t i = c->n; i < c->n + size; i++) {
        c->parent[i] = i;
        c->frozen[i] = 0;
        c->live[i] = s.v->data != NULL;
    }
    c->n += (int32_t)size;
    *out = c->n_spans++;
    return NT_OK;
}

/* The span, known from now on, and named by the current node. */
nt_status nt_couple_touch(int *out, nt_coupling *c, nt_span s, nt_err *e)
{
    nt_status st = NT_OK;
    int i = nt_couple_find(c, s);

    assert(s.axis >= 0 && s.n >= 1 && s.axis + s.n <= s.v->rank);
    if (i < 0 && (st = add_span(&i, c, s, e)) != NT_OK)
        return st;
    c->spans[i].touched = c->node ? c->node->id : -1;
    *out = i;
    return st;
}

static bool has_batch(const nt_coupling *c, nt_span s)
{
    return s.axis == 0 && c->batched[s.v->id];
}

/* ---- freezing */
static nt_status add_reason(int32_t *out, nt_coupling *c, const nt_node *n, const char *why,
                            nt_err *e)
{
    char layer[256];
    char *text;
    nt_status s =
        nt_couple_grow(&c->reasons, c->n_reasons, &c->cap_reasons, sizeof *c->reasons, e);

    if (s != NT_OK)
        return s;
    text = n ? nt_strfmt("layer '%s': %s", nt_layer_name(layer, sizeof layer, c->g, n), why)
             : nt_strdup(why);
    if (!text)
        return nt_fail_nomem(e);
    c->reasons[c->n_reasons] = nt_arena_strdup(c->arena, text);
    nt_free(text);
    if (!c->reasons[c->n_reasons])
        return nt_fail_nomem(e);
    *out = ++c->n_reasons;
    return NT_OK;
}

static void freeze_elements(nt_coupling *c, const nt_span_row *s, int32_t reason)
{
    for (int32_t i = s->base; i < s->base + s->size; i++) {
        int32_t r = nt_couple_root(c, i);

        c->frozen[r] = earlier(c->frozen[r], reason);
    }
}

/* Each axis by itself; the batch and axes of unknown extent hold nothing that could go. */
static nt_status freeze_axes(nt_coupling *c, nt_span a, const nt_node *n, const char *why,
                             nt_err *e)
{
    for (int i = 0; i < a.n; i++) {
        nt_status s = nt_couple_freeze(c, (nt_span){a.v, a.axis + i, 1}, n, why, e);

        if (s != NT_OK)
            return s;
    }
    return NT_OK;
}

nt_status nt_couple_freeze(nt_coupling *c, nt_span a, const nt_node *n, const char *why,
                           nt_err *e)
{
    nt_status s = NT_OK;
    int32_t reason;
    int i;

    if (has_batch(c, a) || nt_span_size(a) < 0)
        return a.n == 1 ? NT_OK : freeze_axes(c, a, n, why, e);
    NT_TRY(nt_couple_touch(&i, c, a, e));
    NT_TRY(add_reason(&reason, c, n, why, e));
    freeze_elements(c, &c->spans[i], reason);
done:
    return s;
}

nt_status nt_couple_free(nt_coupling *c, nt_span a, nt_err *e)
{
    int i;

    return has_batch(c, a) || nt_span_size(a) < 0 ? NT_OK : nt_couple_touch(&i, c, a, e);
}

nt_status nt_couple_free_all(nt_coupling *c, const nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < v->rank; i++)
        NT_TRY(nt_couple_free(c, (nt_span){v, i, 1}, e));
done:
    return s;
}

/* ---- tying */
/* What would go with the batch, or with indices nobody can count, stays. */
static nt_status keep_both(nt_coupling *c, nt_span a, nt_span b, const char *why, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(freeze_axes(c, a, c->node, why, e));
    NT_TRY(freeze_axes(c, b, c->node, why, e));
done:
    return s;
}

static bool inside(nt_indices x, int64_t count, int64_t size)
{
    int64_t last = x.from + (count - 1) * x.step;

    return count == 0 || (x.from >= 0 && x.from < size && last >= 0 && last < size);
}

nt_status nt_couple_tie(nt_coupling *c, nt_indices a, nt_indices b, int64_t count, nt_err *e)
{
    nt_status s = NT_OK;
    int ia, ib;
    int32_t pa, pb;

    if (has_batch(c, a.span) || has_batch(c, b.span))
        return keep_both(c, a.span, b.span, "channels meet the batch axis", e);
    if (nt_span_size(a.span) < 0 || nt_span_size(b.span) < 0)
        return keep_both(c, a.span, b.span, "meets an axis of unknown extent", e);
    NT_TRY(nt_couple_touch(&ia, c, a.span, e));
    NT_TRY(nt_couple_touch(&ib, c, b.span, e));
    if (!inside(a, count, c->spans[ia].size) || !inside(b, count, c->spans[ib].size))
        NT_TRY(nt_fail(e, NT_EINVAL, "'%s' axis %d and '%s' axis %d do not match",
                       a.span.v->name, a.span.axis, b.span.v->name, b.span.axis));
    pa = c->spans[ia].base;
    pb = c->spans[ib].base;
    for (int64_t i = 0; i < count; i++)
        nt_couple_unite(c, pa + (int32_t)(a.from + i * a.step),
                        pb + (int32_t)(b.from + i * b.step));
done:
    return s;
}

nt_status nt_couple_same(nt_coupling *c, nt_span a, nt_span b, nt_err *e)
{
    int64_t na = nt_span_size(a), nb = nt_span_size(b);

    if (na >= 0 && nb >= 0 && na != nb)
        return nt_fail(e, NT_EINVAL,
                       "'%s' axis %d has %" PRId64 " indices, '%s' axis %d %" PRId64, a.v->name,
                       a.axis, na, b.v->name, b.axis, nb);
    return nt_couple_tie(c, (nt_indices){a, 0, 1}, (nt_indices){b, 0, 1}, na, e);
}

nt_status nt_couple_operand(nt_coupling *c, const nt_value *x, const nt_value *y, nt_err *e)
{
    nt_status s = NT_OK;
    int shift = y->rank - x->rank;

    for (int i = 0; i < x->rank; i++)
        if (x->dims[i].value == y->dims[i + shift].value)
            NT_TRY(nt_couple_same(c, (nt_span){x, i, 1}, (nt_span){y, i + shift, 1}, e));
done:
    return s;
}

nt_status nt_couple_elementwise(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < n->n_in; i++)
        if (n->in[i])
            NT_TRY(nt_couple_operand(c, n->in[i], n->out[0], e));
done:
    return s;
}

nt_status nt_couple_unary(nt_coupling *c, const nt_node *n, nt_err *e)
{
    return nt_couple_operand(c, n->in[0], n->out[0], e);
}

nt_status nt_couple_nothing(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < n->n_in; i++)
        if (n->in[i])
            NT_TRY(nt_couple_free_all(c, n->in[i], e));
    NT_TRY(nt_couple_free_all(c, n->out[0], e));
done:
    return s;
}
