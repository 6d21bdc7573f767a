/* SPDX-License-Identifier: MIT */
/* A node's attributes: few, so that a list and a linear search do. */
#include "graph/internal.h"

#include <string.h>

const nt_attr *nt_node_attr(const nt_node *n, const char *name)
{
    for (int i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            return &n->attrs[i];
    return NULL;
}

static const nt_attr *attr_of_kind(const nt_node *n, const char *name, nt_attr_kind kind)
{
    const nt_attr *a = nt_node_attr(n, name);

    return a && a->kind == kind ? a : NULL;
}

bool nt_node_is(const nt_node *n, const char *op_type)
{
    return n && !*n->domain && !strcmp(n->op_type, op_type);
}

bool nt_node_is_any(const nt_node *n, const char *const *op_types)
{
    for (; *op_types; op_types++)
        if (nt_node_is(n, *op_types))
            return true;
    return false;
}

int64_t nt_node_int(const nt_node *n, const char *name, int64_t dflt)
{
    const nt_attr *a = attr_of_kind(n, name, NT_ATTR_INT);

    return a ? a->i : dflt;
}

float nt_node_float(const nt_node *n, const char *name, float dflt)
{
    const nt_attr *a = attr_of_kind(n, name, NT_ATTR_FLOAT);

    return a ? a->f : dflt;
}

double nt_node_double(const nt_node *n, const char *name, double dflt)
{
    const nt_attr *a = attr_of_kind(n, name, NT_ATTR_TENSOR);

    return a && a->t->dtype == NT_F64 && a->t->rank == 0 ? *(const double *)a->t->data : dflt;
}

const char *nt_node_str(const nt_node *n, const char *name, const char *dflt)
{
    const nt_attr *a = attr_of_kind(n, name, NT_ATTR_STRING);

    return a ? a->s : dflt;
}

size_t nt_node_ints(const nt_node *n, const char *name, int64_t *out, size_t max)
{
    const nt_attr *a = attr_of_kind(n, name, NT_ATTR_INTS);

    if (!a)
        return 0;
    for (size_t i = 0; i < a->n && i < max; i++)
        out[i] = a->ints[i];
    return a->n;
}

static bool copy_strings(nt_attr *a, nt_graph *g, const nt_attr *src)
{
    const char **v = nt_arena_alloc(g->arena, src->n, sizeof *v);

    if (!v)
        return false;
    for (size_t i = 0; i < src->n; i++)
        if (!(v[i] = nt_arena_strdup(g->arena, src->strings[i])))
            return false;
    a->strings = v;
    return true;
}

static bool copy_tensor(nt_attr *a, nt_graph *g, const nt_tensor *t)
{
    a->t = nt_arena_dup(g->arena, t, 1, sizeof *t);
    if (!a->t)
        return false;
    a->t->data = nt_arena_dup(g->arena, t->data, nt_tensor_bytes(t), 1);
    return a->t->data != NULL;
}

nt_status nt_attr_copy(nt_attr *out, nt_graph *g, const nt_attr *src, nt_err *e)
{
    nt_attr a = *src;
    bool ok = (a.name = nt_arena_strdup(g->arena, src->name)) != NULL;

    if (src->s)
        ok = ok && (a.s = nt_arena_strdup(g->arena, src->s));
    if (src->floats)
        ok =
            ok && (a.floats = nt_arena_dup(g->arena, src->floats, src->n, sizeof *src->floats));
    if (src->ints)
        ok = ok && (a.ints = nt_arena_dup(g->arena, src->ints, src->n, sizeof *src->ints));
    if (src->strings)
        ok = ok && copy_strings(&a, g, src);
    if (src->t)
        ok = ok && copy_tensor(&a, g, src->t);
    if (src->raw)
        ok = ok && (a.raw = nt_arena_dup(g->arena, src->raw, src->raw_n, 1));
    if (!ok)
        return nt_fail_nomem(e);
    *out = a;
    return NT_OK;
}

nt_status nt_attr_put(nt_graph *g, nt_node *n, const nt_attr *a, nt_err *e)
{
    nt_attr *v = (nt_attr *)nt_node_attr(n, a->name);

    if (v) {
        *v = *a;
        return NT_OK;
    }
    v = nt_arena_alloc(g->arena, (size_t)n->n_attrs + 1, sizeof *v);
    if (!v)
        return nt_fail_nomem(e);
    if (n->n_attrs)
        memcpy(v, n->attrs, (size_t)n->n_attrs * sizeof *v);
    v[n->n_attrs++] = *a;
    n->attrs = v;
    return NT_OK;
}

nt_status nt_node_set_attr(nt_graph *g, nt_node *n, const nt_attr *a, nt_err *e)
{
    nt_attr copy;
    nt_status s = nt_attr_copy(&copy, g, a, e);

    return s == NT_OK ? nt_attr_put(g, n, &copy, e) : s;
}

nt_status nt_node_copy_attrs(nt_graph *g, nt_node *dst, const nt_node *src, nt_err *e)
{
    for (int i = 0; i < src->n_attrs; i++) {
        nt_status s = nt_node_set_attr(g, dst, &src->attrs[i], e);

        if (s != NT_OK)
            return s;
    }
    return NT_OK;
}

void nt_node_remove_attr(nt_node *n, const char *name)
{
    nt_attr *a = (nt_attr *)nt_node_attr(n, name);

    if (!a)
        return;
    n->n_attrs--;
    memmove(a, a + 1, (size_t)(n->attrs + n->n_attrs - a) * sizeof *a);
}

nt_status nt_node_set_int(nt_graph *g, nt_node *n, const char *name, int64_t v, nt_err *e)
{
    return nt_node_set_attr(g, n, &(nt_attr){.name = name, .kind = NT_ATTR_INT, .i = v}, e);
}

nt_status nt_node_set_ints(nt_graph *g, nt_node *n, const char *name, const int64_t *v,
                           size_t count, nt_err *e)
{
    nt_attr a = {.name = name, .kind = NT_ATTR_INTS, .ints = v, .n = count};

    return nt_node_set_attr(g, n, &a, e);
}

nt_status nt_node_set_float(nt_graph *g, nt_node *n, const char *name, float v, nt_err *e)
{
    return nt_node_set_attr(g, n, &(nt_attr){.name = name, .kind = NT_ATTR_FLOAT, .f = v}, e);
}

nt_status nt_node_set_double(nt_graph *g, nt_node *n, const char *name, double v, nt_err *e)
{
    nt_tensor t = {.dtype = NT_F64, .data = &v};

    return nt_node_set_attr(g, n, &(nt_attr){.name = name, .kind = NT_ATTR_TENSOR, .t = &t}, e);
}

nt_status nt_node_set_str(nt_graph *g, nt_node *n, const char *name, const char *v, nt_err *e)
{
    return nt_node_set_attr(g, n, &(nt_attr){.name = name, .kind = NT_ATTR_STRING, .s = v}, e);
}
