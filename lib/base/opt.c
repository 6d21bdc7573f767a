/* SPDX-License-Identifier: MIT */
/*
 * Reading a JSON object by a table: first every key of it is held against the rows, so that
 * what is misspelt is named and not passed over; then the rows set their values, in their
 * order.
 */
#include "base/opt.h"

#include "base/alloc.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

#define MAX_LIST 22  /* longer lists of words do not stand for a metavariable */
#define MAX_WORDS 48 /* of an enum */
#define MAX_KEYS 96  /* of an object, to guess at */
#define MAX_WORD 48
#define MAX_PATH 192

/* Where a value stands in JSON: its object, its key there, and the object's path. */
typedef struct place {
    const cJSON *obj;
    const char *key, *where;
} place;

/* ---- rows */

void nt_opt_bind(nt_opt *list, const nt_opt *rows, void *base)
{
    for (; rows->kind != NT_OPTK_END; rows++, list++) {
        *list = *rows;
        list->out = (char *)base + rows->at;
    }
    *list = *rows;
}

void nt_opt_append(nt_opt *list, const nt_opt *rows)
{
    while (list->kind != NT_OPTK_END)
        list++;
    do
        *list++ = *rows;
    while (rows++->kind != NT_OPTK_END);
}

const char *nt_opt_arg(const nt_opt *o)
{
    if (o->arg || !o->words)
        return o->arg;
    return strlen(o->words) > MAX_LIST ? "NAME" : o->words;
}

bool nt_opt_word(char *buf, size_t n, const char *words, int i)
{
    for (; i > 0 && words; i--) {
        words = strchr(words, '|');
        words = words ? words + 1 : NULL;
    }
    if (words)
        snprintf(buf, n, "%.*s", (int)strcspn(words, "|"), words);
    return words != NULL;
}

/* The table's bounds are doubles; those past the ends of int64_t mean the ends. */
static int64_t bound(double v)
{
    return v >= 0x1p63 ? INT64_MAX : v <= -0x1p63 ? INT64_MIN : (int64_t)v;
}

void nt_opt_range(char *buf, size_t n, const nt_opt *o)
{
    *buf = '\0';
    if (o->kind == NT_OPTK_I64 || o->kind == NT_OPTK_DOUBLE)
        nt_range_text(buf, n, o->kind == NT_OPTK_I64 ? "an integer" : "a number", o->lo, o->hi);
}

/* ---- from an option's text */

static nt_status set_bool(const nt_opt *o, const char *text, nt_err *e)
{
    (void)text;
    (void)e;
    *(bool *)o->out = true;
    return NT_OK;
}

static nt_status set_str(const nt_opt *o, const char *text, nt_err *e)
{
    (void)e;
    *(const char **)o->out = text;
    return NT_OK;
}

static nt_status set_list(const nt_opt *o, const char *text, nt_err *e)
{
    nt_strlist *list = o->out;
    const char **grown = nt_realloc(list->v, list->n + 1, sizeof *grown);

    if (!grown)
        return nt_fail_nomem(e);
    list->v = grown;
    list->v[list->n++] = text;
    return NT_OK;
}

static nt_status set_number(const nt_opt *o, const char *text, nt_err *e)
{
    char want[96];

    if (o->kind == NT_OPTK_I64 ? nt_parse_i64(o->out, text, bound(o->lo), bound(o->hi))
                               : nt_parse_double(o->out, text, o->lo, o->hi))
        return NT_OK;
    nt_opt_range(want, sizeof want, o);
    return nt_fail(e, NT_EINVAL, "'%s' is not %s", text, want);
}

static nt_status set_enum(const nt_opt *o, const char *text, nt_err *e)
{
    char word[MAX_WORD];
    nt_str allowed = {0};

    for (int i = 0; nt_opt_word(word, sizeof word, o->words, i); i++) {
        if (strcmp(word, text) == 0) {
            *(int *)o->out = i;
            nt_str_release(&allowed);
            return NT_OK;
        }
        nt_str_addf(&allowed, "%s%s", i ? ", " : "", word);
    }
    if (!allowed.failed)
        nt_fail(e, NT_EINVAL, "'%s' is not one of %s", text, allowed.p);
    nt_str_release(&allowed);
    return allowed.failed ? nt_fail_nomem(e) : NT_EINVAL;
}

static nt_status set_custom(const nt_opt *o, const char *text, nt_err *e)
{
    return o->text(o->out, text, e);
}

/* ---- from JSON */

/* "where.key", or the key alone at the top; cut where it is longer than any path of a row. */
static const char *join(char buf[MAX_PATH], const char *where, const char *key)
{
    if (snprintf(buf, MAX_PATH, "%s%s%s", where, *where ? "." : "", key) >= MAX_PATH)
        buf[MAX_PATH - 1] = '\0';
    return buf;
}

static nt_status read_bool(const nt_opt *o, const place *p, nt_err *e)
{
    return nt_json_get_bool(o->out, p->obj, p->key, p->where, e);
}

static nt_status read_str(const nt_opt *o, const place *p, nt_err *e)
{
    return nt_json_get_str(o->out, p->obj, p->key, p->where, e);
}

static nt_status read_i64(const nt_opt *o, const place *p, nt_err *e)
{
    return nt_json_get_i64(o->out, p->obj, p->key, (nt_bounds){o->lo, o->hi}, p->where, e);
}

static nt_status read_double(const nt_opt *o, const place *p, nt_err *e)
{
    return nt_json_get_double(o->out, p->obj, p->key, (nt_bounds){o->lo, o->hi}, p->where, e);
}

static nt_status read_enum(const nt_opt *o, const place *p, nt_err *e)
{
    char words[MAX_WORDS][MAX_WORD];
    const char *names[MAX_WORDS + 1];
    int n = 0;

    while (n < MAX_WORDS && nt_opt_word(words[n], MAX_WORD, o->words, n)) {
        names[n] = words[n];
        n++;
    }
    names[n] = NULL;
    return nt_json_get_enum(o->out, p->obj, p->key, names, p->where, e);
}

static nt_status read_custom(const nt_opt *o, const place *p, nt_err *e)
{
    const char *text = NULL;
    char path[MAX_PATH];
    nt_status s = NT_OK;

    if (o->json)
        return o->json(o->out, nt_json_get(p->obj, p->key), join(path, p->where, p->key), e);
    NT_TRY(nt_json_get_str(&text, p->obj, p->key, p->where, e));
    if ((s = o->text(o->out, text, e)) != NT_OK)
        nt_err_prefix(e, "%s", join(path, p->where, p->key));
done:
    return s;
}

/* ---- what a kind can do */

static const struct {
    nt_status (*set)(const nt_opt *o, const char *text, nt_err *e);
    nt_status (*read)(const nt_opt *o, const place *p, nt_err *e); /* the key is there */
} kinds[] = {
    [NT_OPTK_BOOL] = {set_bool, read_bool},
    [NT_OPTK_STR] = {set_str, read_str},
    [NT_OPTK_LIST] = {set_list, NULL},
    [NT_OPTK_I64] = {set_number, read_i64},
    [NT_OPTK_DOUBLE] = {set_number, read_double},
    [NT_OPTK_ENUM] = {set_enum, read_enum},
    [NT_OPTK_CUSTOM] = {set_custom, read_custom},
};

nt_status nt_opt_set(const nt_opt *o, const char *text, nt_err *e)
{
    return kinds[o->kind].set(o, text, e);
}

/* ---- the keys of an object */

/* Of path and what stands behind it: is there a row for it (whole), or for something below? */
static bool names(const char *key, const char *path, bool whole)
{
    size_t n = strlen(path);

    return key && strncmp(key, path, n) == 0 && key[n] == (whole ? '\0' : '.');
}

static bool has_row(const nt_opt *rows, const char *path, bool whole)
{
    for (; rows->kind != NT_OPTK_END; rows++)
        if (names(rows->key, path, whole) || names(rows->also, path, whole))
            return true;
    return false;
}

typedef struct guesses {
    char text[MAX_KEYS][MAX_WORD];
    const char *list[MAX_KEYS];
    size_t n;
} guesses;

/* The part of a row's key that stands in the object at `at`. */
static void add_guess(guesses *g, const char *key, const char *at)
{
    size_t n = strlen(at);
    char *to = g->n < MAX_KEYS ? g->text[g->n] : NULL;

    if (!to || !key || strncmp(key, at, n) != 0 || (n && key[n] != '.'))
        return;
    key += n + (n > 0);
    snprintf(to, MAX_WORD, "%.*s", (int)strcspn(key, "."), key);
    g->list[g->n++] = to;
}

static nt_status fail_unknown(const nt_opt *rows, const char *at, const char *key,
                              const char *where, nt_err *e)
{
    guesses g = {.n = 0};
    const char *near, *dot = *where ? "." : "";

    for (; rows->kind != NT_OPTK_END; rows++) {
        add_guess(&g, rows->key, at);
        add_guess(&g, rows->also, at);
    }
    near = nt_nearest(key, g.list, g.n);
    if (near)
        return nt_fail(e, NT_EINVAL, "%s%s%s: unknown key (did you mean '%s'?)", where, dot,
                       key, near);
    return nt_fail(e, NT_EINVAL, "%s%s%s: unknown key", where, dot, key);
}

/* `at` is the object's path in the table, `where` the one that is shown. */
static nt_status check_keys(const nt_opt *rows, const cJSON *obj, const char *at,
                            const char *where, nt_err *e)
{
    nt_status s = NT_OK;

    for (const cJSON *c = obj->child; c; c = c->next) {
        char path[MAX_PATH], shown[MAX_PATH];
        bool whole, below;

        join(path, at, c->string);
        whole = has_row(rows, path, true);
        below = has_row(rows, path, false);
        if (!whole && !below)
            return fail_unknown(rows, at, c->string, where, e);
        if (!below || cJSON_IsNull(c))
            continue;
        join(shown, where, c->string);
        if (cJSON_IsObject(c))
            NT_TRY(check_keys(rows, c, path, shown, e));
        else if (!whole)
            return nt_fail(e, NT_EINVAL, "%s: want an object", shown);
    }
done:
    return s;
}

/* ---- the values */

/* The object that holds the last part of the path, that part, and the object's path; NULL where
 * there is none. */
static const cJSON *holder(const cJSON *j, const char *path, const char **last,
                           char where[MAX_PATH])
{
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        char part[MAX_WORD], longer[MAX_PATH];

        snprintf(part, sizeof part, "%.*s", (int)(dot - path), path);
        j = nt_json_get(j, part);
        strcpy(where, join(longer, where, part));
    }
    *last = path;
    return cJSON_IsObject(j) ? j : NULL;
}

static nt_status fail_missing(const nt_opt *o, const place *p, nt_err *e)
{
    char path[MAX_PATH], word[MAX_WORD];
    nt_str known = {0};

    for (int i = 0; nt_opt_word(word, sizeof word, o->words, i); i++)
        nt_str_addf(&known, "%s%s", i ? ", " : " (", word);
    nt_fail(e, NT_EINVAL, "%s: missing%s%s", join(path, p->where, p->key),
            known.p ? known.p : "", known.p ? ")" : "");
    nt_str_release(&known);
    return NT_EINVAL;
}

static nt_status read_at(const nt_opt *o, const cJSON *j, const char *path, const char *top,
                         nt_err *e)
{
    char where[MAX_PATH];
    place p = {.where = where};
    const cJSON *v;

    snprintf(where, sizeof where, "%s", top);
    p.obj = holder(j, path, &p.key, where);
    if (!p.obj)
        return NT_OK;
    v = nt_json_get(p.obj, p.key);
    if (!v || (o->nullable && cJSON_IsNull(v)))
        return o->required ? fail_missing(o, &p, e) : NT_OK;
    return kinds[o->kind].read(o, &p, e);
}

static bool is_there(const cJSON *j, const char *path)
{
    char where[MAX_PATH] = "";
    const char *last;
    const cJSON *obj = holder(j, path, &last, where);

    return nt_json_get(obj, last) != NULL;
}

/* A row that may stand in two places stands in one. */
static nt_status read_row(const nt_opt *o, const cJSON *j, const char *where, nt_err *e)
{
    char first[MAX_PATH], second[MAX_PATH];
    nt_status s = NT_OK;

    if (o->also && is_there(j, o->key) && is_there(j, o->also))
        return nt_fail(e, NT_EINVAL, "%s: says the same as '%s', give one of them",
                       join(second, where, o->also), join(first, where, o->key));
    if (o->key)
        NT_TRY(read_at(o, j, o->key, where, e));
    if (o->also)
        NT_TRY(read_at(o, j, o->also, where, e));
done:
    return s;
}

nt_status nt_opt_read(const nt_opt *rows, const cJSON *j, const char *where, nt_err *e)
{
    nt_status s = NT_OK;

    if (!cJSON_IsObject(j))
        return nt_fail(e, NT_EINVAL, "%s%swant an object", where, *where ? ": " : "");
    NT_TRY(check_keys(rows, j, "", where, e));
    for (; rows->kind != NT_OPTK_END; rows++)
        NT_TRY(read_row(rows, j, where, e));
done:
    return s;
}

/* ---- to JSON */

static cJSON *string(const char *text)
{
    return text ? cJSON_CreateString(text) : cJSON_CreateNull();
}

cJSON *nt_opt_value(const nt_opt *o)
{
    char word[MAX_WORD];

    switch (o->kind) {
    case NT_OPTK_BOOL:
        return cJSON_CreateBool(*(bool *)o->out);
    case NT_OPTK_STR:
        return string(*(const char **)o->out);
    case NT_OPTK_I64:
        return cJSON_CreateNumber((double)*(int64_t *)o->out);
    case NT_OPTK_DOUBLE:
        return cJSON_CreateNumber(*(double *)o->out);
    case NT_OPTK_ENUM:
        return nt_opt_word(word, sizeof word, o->words, *(int *)o->out) ? string(word) : NULL;
    default:
        return NULL;
    }
}

bool nt_opt_put(cJSON *j, const char *key, cJSON *v)
{
    const char *dot = strchr(key, '.');
    char part[MAX_WORD];
    cJSON *inner;

    snprintf(part, sizeof part, "%.*s", (int)strcspn(key, "."), key);
    if (v && !dot) {
        if (nt_json_get(j, part) ? cJSON_ReplaceItemInObjectCaseSensitive(j, part, v)
                                 : cJSON_AddItemToObject(j, part, v))
            return true;
    } else if (v && ((inner = nt_json_get(j, part)) || (inner = nt_json_add_object(j, part)))) {
        if (cJSON_IsObject(inner))
            return nt_opt_put(inner, dot + 1, v);
        nt_json_free(v);
        return true;
    }
    nt_json_free(v);
    return false;
}
