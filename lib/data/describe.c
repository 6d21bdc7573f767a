/* SPDX-License-Identifier: MIT */
#include "data/describe.h"

#include "base/alloc.h"
#include "base/file.h"
#include "data/source.h"
#include "data/transform.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WHERE_MAX 160
#define MAX_BATCH (1 << 20)
#define MAX_KEYS 24

static const char *const layouts[] = {"nchw", "nhwc", NULL};
static const char *const on_error[] = {"fail", "skip", NULL};
static const char *const targets[] = {"target", NULL}; /* of the built-in losses */

/* ---- reading it */

static bool is_short_form(const char *spec)
{
    size_t n = 0;

    while (isalnum((unsigned char)spec[n]) || spec[n] == '_')
        n++;
    return n > 0 && spec[n] == ':' && !nt_ends_with(spec, ".json");
}

/* A relative path in a file is relative to that file's folder. */
static nt_status resolve_path(cJSON *j, const char *file, nt_err *e)
{
    cJSON *path = cJSON_GetObjectItemCaseSensitive(j, "path"), *whole;
    const char *slash = strrchr(file, '/');
    char *text;

    if (!cJSON_IsString(path) || path->valuestring[0] == '/' || !slash)
        return NT_OK;
    text = nt_strfmt("%.*s/%s", (int)(slash - file), file, path->valuestring);
    whole = text ? cJSON_CreateString(text) : NULL;
    nt_free(text);
    if (!whole || !cJSON_ReplaceItemInObjectCaseSensitive(j, "path", whole)) {
        cJSON_Delete(whole);
        return nt_fail_nomem(e);
    }
    return NT_OK;
}

static nt_status read_file(cJSON **out, const char *path, nt_err *e)
{
    cJSON *j = NULL;
    nt_status s;

    if (!nt_ends_with(path, ".json") && !nt_path_exists(path))
        return nt_fail(e, NT_EINVAL, "'%.80s' is neither a file nor KIND:PATH[,key=value...]",
                       path);
    NT_TRY(nt_json_load(&j, path, e));
    NT_TRY(resolve_path(j, path, e));
    *out = j;
    j = NULL;
done:
    nt_json_free(j);
    return s;
}

static nt_status read_spec(cJSON **out, const char *spec, nt_err *e)
{
    nt_status s;

    if (is_short_form(spec))
        return nt_describe_short(out, spec, e);
    if (spec[strspn(spec, " \t\r\n")] == '{')
        s = nt_json_parse(out, spec, strlen(spec), e);
    else
        s = read_file(out, spec, e);
    return s == NT_EFORMAT ? NT_EINVAL : s; /* the user's words, not the data */
}

/* ---- checking it and filling it in */

/* A number of samples, or a share of them. */
static nt_status check_random(const cJSON *split, const char *where, nt_err *e)
{
    static const char *const bounds[] = {"least", "most", NULL};
    const cJSON *random = nt_json_get(split, "random"), *seed = nt_json_get(split, "seed");
    double x = 1;
    int64_t n = 0;
    nt_status s;

    NT_TRY(nt_json_get_double(&x, split, "random", (nt_bounds){1e-9, UINT32_MAX}, where, e));
    if (x >= 1 && x != (double)(int64_t)x)
        NT_TRY(nt_fail(e, NT_EINVAL, "%s.random: got %g, want a share below 1 or a number",
                       where, x));
    NT_TRY(nt_json_get_i64(&n, split, "seed", (nt_bounds){0, 0x1p53}, where, e));
    if (seed && !random)
        NT_TRY(nt_fail(e, NT_EINVAL, "%s.seed: goes with \"random\"", where));
    for (int i = 0; bounds[i]; i++) {
        NT_TRY(nt_json_get_i64(&n, split, bounds[i], (nt_bounds){1, UINT32_MAX}, where, e));
        if (nt_json_get(split, bounds[i]) && (!random || x >= 1))
            NT_TRY(nt_fail(e, NT_EINVAL, "%s.%s: goes with a share as \"random\"", where,
                           bounds[i]));
    }
done:
    return s;
}

static nt_status check_cut(const cJSON *splits, const cJSON *split, const char *where,
                           nt_err *e)
{
    static const char *const ways[] = {"first", "last", "random", NULL};
    const char *from = NULL, *given = NULL;
    int n = 0;
    int64_t ignored;
    nt_status s;

    NT_TRY(nt_json_get_str(&from, split, "from", where, e));
    NT_TRY(nt_json_get_i64(&ignored, split, "first", (nt_bounds){1, UINT32_MAX}, where, e));
    NT_TRY(nt_json_get_i64(&ignored, split, "last", (nt_bounds){1, UINT32_MAX}, where, e));
    NT_TRY(check_random(split, where, e));
    for (int i = 0; ways[i]; i++) {
        if (!nt_json_get(split, ways[i]))
            continue;
        given = ways[i];
        n++;
    }
    if (!from && given)
        NT_TRY(nt_fail(e, NT_EINVAL, "%s.%s: goes with \"from\"", where, given));
    if (from && n != 1)
        NT_TRY(nt_fail(e, NT_EINVAL,
                       "%s: want one of \"first\", \"last\" and \"random\" with \"from\"",
                       where));
    if (from && !nt_json_get(splits, from))
        NT_TRY(
            nt_fail(e, NT_EINVAL, "%s.from: no split '%.60s' in the description", where, from));
done:
    return s;
}

/* A chain of "from" that is longer than there are splits goes in a circle. */
static nt_status check_chain(const cJSON *splits, const cJSON *split, const char *where,
                             nt_err *e)
{
    const cJSON *from;

    for (int n = cJSON_GetArraySize(splits); (from = nt_json_get(split, "from")); n--) {
        if (n == 0)
            return nt_fail(e, NT_EINVAL, "%s.from: the splits are cut from each other", where);
        split = nt_json_get(splits, from->valuestring);
    }
    return NT_OK;
}

/* Without transforms of its own a cut split has those of the split it is cut from. */
static nt_status inherit_transforms(const cJSON *splits, cJSON *split, nt_err *e)
{
    const cJSON *up = split;
    cJSON *copy;

    while (!nt_json_get(up, "transforms") && nt_json_get(up, "from"))
        up = nt_json_get(splits, nt_json_get(up, "from")->valuestring);
    if (up == split)
        return NT_OK;
    copy = nt_json_get(up, "transforms") ? cJSON_Duplicate(nt_json_get(up, "transforms"), true)
                                         : cJSON_CreateArray();
    if (!copy || !cJSON_AddItemToObject(split, "transforms", copy)) {
        cJSON_Delete(copy);
        return nt_fail_nomem(e);
    }
    return NT_OK;
}

/* Keys that every description has, or the format's own. */
static nt_status check_keys(const cJSON *j, const char *const *common, const char *const *own,
                            const char *where, nt_err *e)
{
    const char *keys[MAX_KEYS + 1] = {NULL};
    size_t n = 0;

    while (*common && n < MAX_KEYS)
        keys[n++] = *common++;
    while (own && *own && n < MAX_KEYS)
        keys[n++] = *own++;
    return nt_json_check_keys(j, keys, where, e);
}

static nt_status check_split(const cJSON *split, const cJSON *splits,
                             const nt_data_format *format, nt_err *e)
{
    static const char *const keys[] = {"first",  "from", "last",    "least",      "most",
                                       "random", "seed", "shuffle", "transforms", NULL};
    char where[WHERE_MAX];
    nt_pipeline *p = NULL;
    bool shuffle;
    nt_status s;

    snprintf(where, sizeof where, "splits.%s", split->string);
    if (!cJSON_IsObject(split))
        return nt_fail(e, NT_EINVAL, "%s: want an object", where);
    NT_TRY(check_keys(split, keys, format->split_keys, where, e));
    NT_TRY(nt_json_get_bool(&shuffle, split, "shuffle", where, e));
    NT_TRY(check_cut(splits, split, where, e));
    for (const char *const *k = format->split_keys; k && *k; k++)
        if (nt_json_get(split, "from") && nt_json_get(split, *k))
            NT_TRY(nt_fail(e, NT_EINVAL, "%s.%s: does not go with \"from\"", where, *k));
    snprintf(where, sizeof where, "splits.%s.transforms", split->string);
    NT_TRY(nt_pipeline_new(&p, nt_json_get(split, "transforms"), where, e));
done:
    nt_pipeline_free(p);
    return s;
}

static nt_status fill_split(cJSON *splits, cJSON *split, nt_err *e)
{
    char where[WHERE_MAX];
    nt_status s;

    snprintf(where, sizeof where, "splits.%s", split->string);
    NT_TRY(check_chain(splits, split, where, e));
    NT_TRY(inherit_transforms(splits, split, e));
    if (!nt_json_get(split, "shuffle") &&
        !nt_json_add_bool(split, "shuffle", strcmp(split->string, "train") == 0))
        NT_TRY(nt_fail_nomem(e));
    if (!nt_json_get(split, "transforms") && !nt_json_add_array(split, "transforms"))
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

static nt_status fill_splits(cJSON *j, const nt_data_format *format, const char *path,
                             nt_err *e)
{
    cJSON *splits = cJSON_GetObjectItemCaseSensitive(j, "splits");
    nt_status s = NT_OK;

    if (splits && (!cJSON_IsObject(splits) || !splits->child))
        return nt_fail(e, NT_EINVAL, "splits: want an object of splits");
    if (!splits) {
        if (!(splits = nt_json_add_object(j, "splits")))
            return nt_fail_nomem(e);
        NT_TRY(nt_format_list(format, splits, path, e));
    }
    for (cJSON *c = splits->child; c; c = c->next)
        NT_TRY(check_split(c, splits, format, e));
    for (cJSON *c = splits->child; c; c = c->next)
        NT_TRY(fill_split(splits, c, e));
done:
    return s;
}

/* An object of names; keys: all that there may be, NULL: any. */
static nt_status check_names(const cJSON *j, const char *key, const char *const *keys,
                             nt_err *e)
{
    const cJSON *map = nt_json_get(j, key);

    if (map && !cJSON_IsObject(map))
        return nt_fail(e, NT_EINVAL, "%s: want an object of an input and its field each", key);
    if (map && keys && nt_json_check_keys(map, keys, key, e) != NT_OK)
        return NT_EINVAL;
    for (const cJSON *c = map ? map->child : NULL; c; c = c->next)
        if (!cJSON_IsString(c))
            return nt_fail(e, NT_EINVAL, "%s.%.60s: want the name of a field", key, c->string);
    return NT_OK;
}

static nt_status check(cJSON *j, nt_err *e)
{
    static const char *const keys[] = {"format", "path",    "batch_size", "layout", "on_error",
                                       "inputs", "targets", "splits",     NULL};
    const char *name = NULL, *path = NULL;
    const nt_data_format *format;
    int64_t batch;
    int choice;
    nt_status s;

    if (!cJSON_IsObject(j))
        return nt_fail(e, NT_EINVAL, "want a JSON object with \"format\" and \"path\"");
    NT_TRY(nt_json_get_str(&name, j, "format", "", e));
    if (!name)
        NT_TRY(nt_fail(e, NT_EINVAL, "format: missing"));
    NT_TRY(nt_format_get(&format, name, e));
    NT_TRY(check_keys(j, keys, format->keys, "", e));
    NT_TRY(nt_json_get_str(&path, j, "path", "", e));
    if (!path)
        NT_TRY(nt_fail(e, NT_EINVAL, "path: missing"));
    NT_TRY(nt_json_get_i64(&batch, j, "batch_size", (nt_bounds){1, MAX_BATCH}, "", e));
    NT_TRY(nt_json_get_enum(&choice, j, "layout", layouts, "", e));
    NT_TRY(nt_json_get_enum(&choice, j, "on_error", on_error, "", e));
    NT_TRY(check_names(j, "inputs", NULL, e));
    NT_TRY(check_names(j, "targets", targets, e));
    if (!nt_path_exists(path))
        NT_TRY(nt_fail_errno(e, "%s", path));
    NT_TRY(fill_splits(j, format, path, e));
done:
    return s;
}

static bool says(const cJSON *j, const char *key, const char *word)
{
    return nt_json_get(j, key) && strcmp(nt_json_get(j, key)->valuestring, word) == 0;
}

nt_layout nt_describe_layout(const cJSON *j)
{
    return says(j, "layout", layouts[0])   ? NT_LAYOUT_NCHW
           : says(j, "layout", layouts[1]) ? NT_LAYOUT_NHWC
                                           : NT_LAYOUT_AUTO;
}

bool nt_describe_skips(const cJSON *j)
{
    return says(j, "on_error", on_error[1]);
}

nt_status nt_describe(cJSON **out, const char *spec, nt_err *e)
{
    cJSON *j = NULL;
    nt_status s;

    NT_TRY(read_spec(&j, spec, e));
    NT_TRY(check(j, e));
    *out = j;
    j = NULL;
done:
    nt_json_free(j);
    return s;
}
