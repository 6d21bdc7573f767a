/* SPDX-License-Identifier: MIT */
#include "data/dataset.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/str.h"
#include "data/describe.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define WHERE_MAX 160

/* One for each stored split, opened when it is first needed. */
typedef struct stored {
    const char *name; /* the description's */
    nt_source *source;
} stored;

struct nt_dataset {
    cJSON *json;
    const cJSON *splits;
    const nt_data_format *format;
    const char *path;
    stored *sources;
    nt_layout layout;
    bool skip;
};

nt_status nt_dataset_open(nt_dataset **out, const char *spec, nt_err *e)
{
    nt_dataset *d = nt_calloc(1, sizeof *d);
    size_t n = 0;
    nt_status s = NT_OK;

    if (!d)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_describe(&d->json, spec, e));
    d->splits = nt_json_get(d->json, "splits");
    d->path = nt_json_get(d->json, "path")->valuestring;
    d->layout = nt_describe_layout(d->json);
    d->skip = nt_describe_skips(d->json);
    NT_TRY(nt_format_get(&d->format, nt_json_get(d->json, "format")->valuestring, e));
    d->sources = nt_calloc((size_t)cJSON_GetArraySize(d->splits) + 1, sizeof *d->sources);
    if (!d->sources)
        NT_TRY(nt_fail_nomem(e));
    for (const cJSON *c = d->splits->child; c; c = c->next)
        d->sources[n++].name = c->string;
    *out = d;
    d = NULL;
done:
    nt_dataset_free(d);
    return s;
}

void nt_dataset_free(nt_dataset *d)
{
    if (!d)
        return;
    for (size_t i = 0; d->sources && d->sources[i].name; i++)
        nt_source_free(d->sources[i].source);
    nt_free(d->sources);
    nt_json_free(d->json);
    nt_free(d);
}

const cJSON *nt_dataset_json(const nt_dataset *d)
{
    return d->json;
}

int64_t nt_dataset_batch_size(const nt_dataset *d)
{
    const cJSON *j = nt_json_get(d->json, "batch_size");

    return j ? (int64_t)j->valuedouble : 0;
}

/* ---- splits */

/* The same classes in the same order, or labels would mean different things. */
static nt_status check_classes(const nt_dataset *d, const char *name, const nt_source *a,
                               nt_err *e)
{
    for (const stored *t = d->sources; t->name; t++) {
        const nt_source *b = t->source;

        if (!b || !b->class_names || b == a)
            continue;
        for (int64_t i = 0; i < a->classes && i < b->classes; i++)
            if (strcmp(a->class_names[i], b->class_names[i]) != 0)
                return nt_fail(e, NT_EFORMAT,
                               "class %lld is '%.60s' in split '%.40s' but '%.60s' "
                               "in '%.40s'",
                               (long long)i, a->class_names[i], name, b->class_names[i],
                               t->name);
        if (a->classes != b->classes)
            return nt_fail(e, NT_EFORMAT, "%lld classes in split '%.40s' but %lld in '%.40s'",
                           (long long)a->classes, name, (long long)b->classes, t->name);
    }
    return NT_OK;
}

/* The stored split `from` leads to in the end. */
static nt_status get_source(nt_source **out, nt_dataset *d, const cJSON *split, nt_err *e)
{
    nt_source_from where = {
        .format = d->format, .path = d->path, .json = d->json, .skip = d->skip};
    nt_source *src = NULL;
    stored *t = d->sources;
    nt_status s = NT_OK;

    while (nt_json_get(split, "from"))
        split = nt_json_get(d->splits, nt_json_get(split, "from")->valuestring);
    while (strcmp(t->name, split->string) != 0)
        t++;
    if (!t->source) {
        where.split = t->name;
        NT_TRY(nt_source_open(&src, &where, e));
        assert(src->count > 0);
        if (src->class_names)
            NT_TRY(check_classes(d, t->name, src, e));
        t->source = src;
        src = NULL;
    }
    *out = t->source;
done:
    nt_source_free(src);
    return s;
}

static nt_status find_split(const cJSON **out, const nt_dataset *d, const char *name, nt_err *e)
{
    nt_str known = {0};

    if ((*out = nt_json_get(d->splits, name)))
        return NT_OK;
    for (const cJSON *c = d->splits->child; c; c = c->next)
        nt_str_addf(&known, "%s%s", c == d->splits->child ? "" : ", ", c->string);
    nt_fail(e, NT_EINVAL, "no split '%.60s', want one of %s", name,
            known.failed ? "the description's" : known.p);
    nt_str_release(&known);
    return NT_EINVAL;
}

/* Every field that the description names must be there. */
static nt_status check_names(const cJSON *map, const char *key, const nt_source *src, nt_err *e)
{
    char names[256];

    for (const cJSON *c = map ? map->child : NULL; c; c = c->next) {
        nt_field v[NT_MAX_FIELDS];

        for (size_t i = 0; i < src->n_stored; i++)
            v[i] = src->stored[i].field;
        if (!nt_field_named(v, src->n_stored, c->valuestring))
            return nt_fail(e, NT_EINVAL, "%s.%.60s: no field '%.60s', the data have %s", key,
                           c->string, c->valuestring,
                           nt_field_names(names, sizeof names, v, src->n_stored));
    }
    return NT_OK;
}

nt_status nt_split_open(nt_split **out, nt_dataset *d, const char *name, nt_err *e)
{
    nt_split *p = nt_calloc(1, sizeof *p);
    const cJSON *split;
    char where[WHERE_MAX];
    nt_status s = NT_OK;

    if (!p)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(find_split(&split, d, name, e));
    NT_TRY(get_source(&p->source, d, split, e));
    NT_TRY(nt_cut_find(&p->cut, d->splits, split, p->source, e));
    if (p->cut.n == 0)
        NT_TRY(nt_fail(e, NT_EINVAL, "splits.%s: other splits take all its samples", name));
    p->shuffle = cJSON_IsTrue(nt_json_get(split, "shuffle"));
    p->layout = d->layout;
    p->inputs = nt_json_get(d->json, "inputs");
    p->targets = nt_json_get(d->json, "targets");
    NT_TRY(check_names(p->inputs, "inputs", p->source, e));
    NT_TRY(check_names(p->targets, "targets", p->source, e));
    snprintf(where, sizeof where, "splits.%s.transforms", name);
    NT_TRY(nt_pipeline_new(&p->pipeline, nt_json_get(split, "transforms"), where, e));
    *out = p;
    p = NULL;
done:
    nt_split_free(p);
    return s;
}

void nt_split_free(nt_split *p)
{
    if (!p)
        return;
    nt_pipeline_free(p->pipeline);
    nt_free(p->cut.index);
    nt_free(p->digest);
    nt_free(p);
}

size_t nt_split_count(const nt_split *p)
{
    return p->cut.n;
}

int64_t nt_split_classes(const nt_split *p)
{
    return p->source->classes;
}

static const nt_field *stored_field(const nt_source *src, const char *name, nt_role role)
{
    for (size_t i = 0; i < src->n_stored; i++) {
        const nt_field *f = &src->stored[i].field;

        if (name ? strcmp(f->name, name) == 0 : f->role == role)
            return f;
    }
    return NULL;
}

static nt_status lacks_target(const nt_source *src, const char *who, nt_err *e)
{
    nt_field v[NT_MAX_FIELDS];
    char names[256];

    if (src->n_stored == 1)
        return nt_fail(e, NT_EFORMAT, "%s: the data have no labels, which %s needs", src->where,
                       who);
    for (size_t i = 0; i < src->n_stored; i++)
        v[i] = src->stored[i].field;
    return nt_fail(e, NT_EFORMAT, "%s: %s wants the field '%s' or '%s', the data have %s",
                   src->where, who, NT_FIELD_LABEL, NT_FIELD_MASK,
                   nt_field_names(names, sizeof names, v, src->n_stored));
}

nt_status nt_split_target(const nt_field **out, const nt_split *p, const char *who, nt_err *e)
{
    const cJSON *named = nt_json_get(p->targets, "target");
    const nt_field *f =
        stored_field(p->source, named ? named->valuestring : NULL, NT_ROLE_LABEL);

    if (!f)
        f = stored_field(p->source, NULL, NT_ROLE_MASK);
    if (!f)
        return lacks_target(p->source, who, e);
    *out = f;
    return NT_OK;
}

const char *nt_split_input(const nt_split *p, const char *input)
{
    const cJSON *field = nt_json_get(p->inputs, input);

    return field ? field->valuestring : NULL;
}

nt_layout nt_split_layout(const nt_split *p)
{
    return p->layout;
}

const char *nt_split_class_name(const nt_split *p, int64_t label)
{
    bool named = p->source->class_names && label >= 0 && label < p->source->classes;

    return named ? p->source->class_names[label] : NULL;
}

const char *nt_split_digest(nt_split *p, nt_err *e)
{
    nt_sha256_hex digest;
    nt_str text = {0};
    nt_status s = NT_OK;

    if (p->digest)
        return p->digest;
    NT_TRY(nt_source_load(p->source, e));
    for (size_t i = 0; i < p->cut.n; i++)
        NT_TRY(nt_source_describe(p->source, &text, p->cut.index[i], e));
    if (text.failed)
        NT_TRY(nt_fail_nomem(e));
    digest = nt_sha256(text.p, text.n);
    if (!(p->digest = nt_strdup(digest.text)))
        NT_TRY(nt_fail_nomem(e));
done:
    nt_str_release(&text);
    return p->digest;
}
