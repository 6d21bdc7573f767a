/* SPDX-License-Identifier: MIT */
/* What is known where a node stands: names of the graph and of the bodies around it, attributes
 * of the calls they stand for, domains. */
#include "graph/onnx_private.h"

#include <stdio.h>
#include <string.h>

const char *nt_onnx_domain(const char *domain)
{
    return !domain || strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

/* Also what a function's call leaves out stands in its names, as a value that is none. */
nt_value *nt_onnx_lookup(const nt_onnx_reader *r, const nt_onnx_scope *sc, const char *name,
                         bool *known)
{
    nt_value *v = nt_map_get(sc ? sc->names : r->g->names, name);

    if (!v && sc && sc->open)
        return nt_onnx_lookup(r, sc->up, name, known);
    *known = v != NULL;
    return v == &r->absent ? NULL : v;
}

nt_status nt_onnx_add_domain(nt_graph *g, const char *domain, int64_t version, nt_err *e)
{
    nt_prop *v;
    char text[32];

    for (int i = 0; i < g->n_domains; i++)
        if (strcmp(g->domains[i].key, domain) == 0)
            return NT_OK;
    v = nt_arena_alloc(g->arena, (size_t)g->n_domains + 1, sizeof *v);
    if (!v)
        return nt_fail_nomem(e);
    if (g->n_domains)
        memcpy(v, g->domains, (size_t)g->n_domains * sizeof *v);
    snprintf(text, sizeof text, "%lld", (long long)version);
    v[g->n_domains].key = nt_arena_strdup(g->arena, domain);
    v[g->n_domains].val = nt_arena_strdup(g->arena, text);
    if (!v[g->n_domains].key || !v[g->n_domains].val)
        return nt_fail_nomem(e);
    g->domains = v;
    g->n_domains++;
    return NT_OK;
}

void nt_onnx_local_name(char *buf, size_t n, const nt_onnx_scope *sc, const char *name)
{
    if (sc && sc->label && *name)
        snprintf(buf, n, "%.240s/%.240s", sc->label, name);
    else
        snprintf(buf, n, "%.480s", name);
}

nt_status nt_onnx_local_value(nt_value **out, nt_onnx_reader *r, const nt_onnx_scope *sc,
                              const char *name, nt_err *e)
{
    char buf[512];
    char *free_name;
    nt_status s;

    nt_onnx_local_name(buf, sizeof buf, sc, name);
    free_name = nt_graph_free_name(r->g, buf);
    if (!free_name)
        return nt_fail_nomem(e);
    s = nt_graph_add_value(out, r->g, free_name, e);
    if (s == NT_OK && !nt_map_put(sc->names, name, *out))
        return nt_fail_nomem(e);
    return s;
}

/* What the attribute `name` of the function is in the call that sc stands for. */
static nt_status resolve(nt_attr *out, bool *there, nt_onnx_reader *r, const nt_onnx_scope *sc,
                         const char *name, nt_err *e)
{
    *there = false;
    for (size_t i = 0; i < sc->call->n_attribute; i++) {
        const Onnx__AttributeProto *p = sc->call->attribute[i];

        if (p->name && strcmp(p->name, name) == 0)
            return nt_onnx_scoped_attr(out, there, r, sc->up, p, e);
    }
    for (int i = 0; i < sc->fn->n_dflt; i++) {
        if (strcmp(sc->fn->dflt[i].name, name) == 0) {
            *out = sc->fn->dflt[i];
            *there = true;
        }
    }
    return NT_OK;
}

nt_status nt_onnx_scoped_attr(nt_attr *out, bool *there, nt_onnx_reader *r,
                              const nt_onnx_scope *sc, const Onnx__AttributeProto *p, nt_err *e)
{
    nt_status s = NT_OK;

    *there = true;
    if (!p->ref_attr_name || !*p->ref_attr_name)
        return nt_onnx_attr_decode(out, r->g, p, &r->src, e);
    if (!sc || !sc->fn)
        return nt_fail(e, NT_EFORMAT, "attribute '%s' refers to a function's, outside of one",
                       p->name ? p->name : "");
    NT_TRY(resolve(out, there, r, sc, p->ref_attr_name, e));
    if (*there && !(out->name = nt_arena_strdup(r->g->arena, p->name ? p->name : "")))
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}
