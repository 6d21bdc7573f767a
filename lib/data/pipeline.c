/* SPDX-License-Identifier: MIT */
#include "data/transform.h"

#include "base/alloc.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

#define WHERE_MAX 160
#define COUNT(a) (sizeof(a) / sizeof *(a))

static const nt_transform_ops *const known[] = {
    &nt_tf_center_crop,    &nt_tf_color_jitter,    &nt_tf_cutout,
    &nt_tf_grayscale,      &nt_tf_normalize,       &nt_tf_random_crop,
    &nt_tf_random_erasing, &nt_tf_horizontal_flip, &nt_tf_random_resized_crop,
    &nt_tf_resize,
};

const nt_transform_ops *nt_transform_at(size_t i)
{
    return i < COUNT(known) ? known[i] : NULL;
}

typedef struct step {
    const nt_transform_ops *ops;
    void *params;
} step;

struct nt_pipeline {
    nt_arena *arena;
    step *steps;
    size_t n;
};

void nt_pipeline_free(nt_pipeline *p)
{
    if (!p)
        return;
    nt_arena_free(p->arena);
    nt_free(p);
}

static nt_status find(const nt_transform_ops **out, const char *name, const char *where,
                      nt_err *e)
{
    const char *names[COUNT(known)];
    const char *near;

    for (size_t i = 0; i < COUNT(known); i++) {
        names[i] = known[i]->name;
        if (strcmp(names[i], name) == 0) {
            *out = known[i];
            return NT_OK;
        }
    }
    near = nt_nearest(name, names, COUNT(known));
    return nt_fail(e, NT_EINVAL, "%s: unknown transform '%.60s'%s%s%s", where, name,
                   near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

/* "name", {"name": {...}}; *args is NULL for a bare name. */
static nt_status split_entry(const char **name, const cJSON **args, const cJSON *entry,
                             const char *where, nt_err *e)
{
    *args = NULL;
    if (cJSON_IsString(entry)) {
        *name = entry->valuestring;
        return NT_OK;
    }
    if (!cJSON_IsObject(entry) || !entry->child || entry->child->next)
        return nt_fail(e, NT_EINVAL, "%s: want a name or {name: {arguments}}", where);
    *name = entry->child->string;
    *args = entry->child;
    if (!cJSON_IsObject(*args))
        return nt_fail(e, NT_EINVAL, "%s.%.60s: want an object of arguments", where, *name);
    return NT_OK;
}

static nt_status add_step(nt_pipeline *p, const cJSON *entry, const char *where, nt_err *e)
{
    char inner[WHERE_MAX];
    const cJSON none = {.type = cJSON_Object};
    const cJSON *args;
    const char *name = NULL;
    step *t = &p->steps[p->n];
    nt_status s;

    NT_TRY(split_entry(&name, &args, entry, where, e));
    NT_TRY(find(&t->ops, name, where, e));
    for (size_t i = 0; i < p->n && t->ops->u8_only; i++)
        if (p->steps[i].ops == &nt_tf_normalize)
            NT_TRY(nt_fail(e, NT_EINVAL, "%s: '%s' must come before 'normalize'", where, name));
    snprintf(inner, sizeof inner, "%.120s.%.30s", where, name);
    NT_TRY(t->ops->parse(&t->params, p->arena, args ? args : &none, inner, e));
    p->n++;
done:
    return s;
}

nt_status nt_pipeline_new(nt_pipeline **out, const cJSON *list, const char *where, nt_err *e)
{
    nt_status s = NT_OK;
    char at[WHERE_MAX];
    nt_pipeline *p = nt_calloc(1, sizeof *p);
    size_t i = 0;

    if (!p || !(p->arena = nt_arena_new()))
        NT_TRY(nt_fail_nomem(e));
    if (list && !cJSON_IsArray(list))
        NT_TRY(nt_fail(e, NT_EINVAL, "%s: want an array", where));
    p->steps = nt_arena_alloc(p->arena, (size_t)cJSON_GetArraySize(list) + 1, sizeof *p->steps);
    if (!p->steps)
        NT_TRY(nt_fail_nomem(e));
    for (const cJSON *c = list ? list->child : NULL; c; c = c->next) {
        snprintf(at, sizeof at, "%.120s[%zu]", where, i++);
        NT_TRY(add_step(p, c, at, e));
    }
    *out = p;
    p = NULL;
done:
    nt_pipeline_free(p);
    return s;
}

void nt_pipeline_work_release(nt_pipeline_work *w)
{
    nt_image_release(&w->scratch[0]);
    nt_image_release(&w->scratch[1]);
}

nt_status nt_pipeline_run(const nt_pipeline *p, nt_image *out, const nt_image *src,
                          nt_pipeline_work *w, nt_rng *rng, nt_err *e)
{
    const nt_image *now = src;

    w->did = nt_geometry_none(src->h, src->w);
    for (size_t i = 0; i < p->n; i++) {
        const step *t = &p->steps[i];
        nt_image *next = now == &w->scratch[0] ? &w->scratch[1] : &w->scratch[0];
        nt_geometry did = nt_geometry_none(now->h, now->w);
        nt_status s = t->ops->run(t->params, next, now, rng, &did, e);

        if (s != NT_OK) {
            nt_err_prefix(e, "%s", t->ops->name);
            return s;
        }
        w->did = nt_geometry_then(&w->did, &did);
        now = next;
    }
    *out = *now;
    out->cap = 0;
    return NT_OK;
}
