/* SPDX-License-Identifier: MIT */
/* KIND:PATH[,key=value...]: the description of a common data set in one word (data.h). */
#include "base/alloc.h"
#include "base/str.h"
#include "data/describe.h"
#include "data/image.h"
#include "data/source.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { BATCH_SIZE, CROP, FLIP, LAYOUT, MEAN, ON_ERROR, PADDING, SIZE, STD, VAL, N_KEYS };
static const char *const keys[N_KEYS] = {"batch_size", "crop",    "flip", "layout", "mean",
                                         "on_error",   "padding", "size", "std",    "val"};

/* The values as written, borrowed; NULL: not given. */
typedef struct options {
    const char *value[N_KEYS];
} options;

static nt_status bad_value(int key, const char *text, const char *want, nt_err *e)
{
    return nt_fail(e, NT_EINVAL, "%s: got '%.60s', want %s", keys[key], text, want);
}

/* Cuts rest at its commas. */
static nt_status read_options(options *o, char *rest, nt_err *e)
{
    char *save = NULL;

    for (char *p = strtok_r(rest, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(p, '=');
        const char *near;
        int k = 0;

        if (!equals)
            return nt_fail(e, NT_EINVAL, "'%.60s': want key=value", p);
        *equals = '\0';
        while (k < N_KEYS && strcmp(keys[k], p) != 0)
            k++;
        near = nt_nearest(p, keys, N_KEYS);
        if (k == N_KEYS)
            return nt_fail(e, NT_EINVAL, "%.60s: unknown key%s%s%s", p,
                           near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
        if (o->value[k])
            return nt_fail(e, NT_EINVAL, "%s: given twice", p);
        o->value[k] = equals + 1;
    }
    return NT_OK;
}

/* A new transform {name: {}} at the end of the list; its arguments in *args. */
static nt_status add_transform(cJSON **args, cJSON *list, const char *name, nt_err *e)
{
    cJSON *t = cJSON_CreateObject();

    if (!t || !cJSON_AddItemToArray(list, t)) {
        cJSON_Delete(t);
        return nt_fail_nomem(e);
    }
    *args = nt_json_add_object(t, name);
    return *args ? NT_OK : nt_fail_nomem(e);
}

/* "32" or "32x48" (height x width). */
static nt_status add_size(cJSON *args, int key, const char *text, nt_err *e)
{
    const char *x = strchr(text, 'x');
    char *h = x ? nt_strdup(text) : NULL;
    int64_t hw[2];
    cJSON *pair;
    nt_status s = NT_OK;

    if (x && !h)
        return nt_fail_nomem(e);
    if (x)
        h[x - text] = '\0';
    if (!nt_parse_i64(&hw[0], x ? h : text, 1, NT_IMAGE_MAX_SIDE) ||
        (x && !nt_parse_i64(&hw[1], x + 1, 1, NT_IMAGE_MAX_SIDE)))
        NT_TRY(bad_value(key, text, "a side or HEIGHTxWIDTH in pixels", e));
    if (!x) {
        s = nt_json_add_i64(args, "size", hw[0]) ? NT_OK : nt_fail_nomem(e);
        goto done;
    }
    pair = nt_json_add_array(args, "size");
    for (int i = 0; pair && i < 2; i++) {
        cJSON *n = cJSON_CreateNumber((double)hw[i]);

        if (!n || !cJSON_AddItemToArray(pair, n))
            NT_TRY(nt_fail_nomem(e));
    }
    if (!pair)
        s = nt_fail_nomem(e);
done:
    nt_free(h);
    return s;
}

/* "0.5:0.4:0.4", one value per channel. */
static nt_status add_values(cJSON *args, int key, const char *text, nt_err *e)
{
    cJSON *array = nt_json_add_array(args, keys[key]);
    char *copy = nt_strdup(text), *p = copy, *colon;
    nt_status s = NT_OK;

    if (!array || !copy)
        NT_TRY(nt_fail_nomem(e));
    for (; p; p = colon ? colon + 1 : NULL) {
        cJSON *n;
        double v;

        if ((colon = strchr(p, ':')))
            *colon = '\0';
        if (!nt_parse_double(&v, p, -1e6, 1e6))
            NT_TRY(bad_value(key, text, "numbers separated by ':'", e));
        n = cJSON_CreateNumber(v);
        if (!n || !cJSON_AddItemToArray(array, n))
            NT_TRY(nt_fail_nomem(e));
    }
done:
    nt_free(copy);
    return s;
}

static nt_status parse_flip(bool *out, const options *o, nt_err *e)
{
    const char *text = o->value[FLIP];

    *out = text && strcmp(text, "true") == 0;
    if (text && !*out && strcmp(text, "false") != 0)
        return bad_value(FLIP, text, "true or false", e);
    return NT_OK;
}

static nt_status add_crop(cJSON *list, const options *o, bool train, nt_err *e)
{
    const char *padding = o->value[PADDING];
    int64_t pixels = 0;
    cJSON *args;
    nt_status s = NT_OK;

    if (!o->value[CROP])
        return padding ? nt_fail(e, NT_EINVAL, "padding: goes with crop=SIZE") : NT_OK;
    if (padding && !nt_parse_i64(&pixels, padding, 0, NT_IMAGE_MAX_SIDE))
        return bad_value(PADDING, padding, "a number of pixels", e);
    NT_TRY(add_transform(&args, list, train ? "random_crop" : "center_crop", e));
    NT_TRY(add_size(args, CROP, o->value[CROP], e));
    if (train && padding && !nt_json_add_i64(args, "padding", pixels))
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

static nt_status add_transforms(cJSON *split, const options *o, bool train, nt_err *e)
{
    cJSON *list = nt_json_add_array(split, "transforms"), *args;
    bool flip;
    nt_status s = NT_OK;

    if (!list)
        return nt_fail_nomem(e);
    NT_TRY(parse_flip(&flip, o, e));
    if (o->value[SIZE]) {
        NT_TRY(add_transform(&args, list, "resize", e));
        NT_TRY(add_size(args, SIZE, o->value[SIZE], e));
    }
    NT_TRY(add_crop(list, o, train, e));
    if (flip && train)
        NT_TRY(add_transform(&args, list, "random_horizontal_flip", e));
    if (!o->value[MEAN] != !o->value[STD])
        NT_TRY(nt_fail(e, NT_EINVAL, "%s: mean and std go together",
                       o->value[MEAN] ? "mean" : "std"));
    if (o->value[MEAN]) {
        NT_TRY(add_transform(&args, list, "normalize", e));
        NT_TRY(add_values(args, MEAN, o->value[MEAN], e));
        NT_TRY(add_values(args, STD, o->value[STD], e));
    }
done:
    return s;
}

static nt_status add_val(cJSON *splits, const options *o, nt_err *e)
{
    int64_t n;
    cJSON *val;

    if (!o->value[VAL])
        return NT_OK;
    if (!nt_parse_i64(&n, o->value[VAL], 1, UINT32_MAX))
        return bad_value(VAL, o->value[VAL], "a number of samples to take from 'train'", e);
    if (cJSON_GetObjectItemCaseSensitive(splits, "val"))
        return nt_fail(e, NT_EINVAL, "val: the data set has a split 'val' already");
    val = nt_json_add_object(splits, "val");
    if (!val || !nt_json_add_str(val, "from", "train") || !nt_json_add_i64(val, "last", n))
        return nt_fail_nomem(e);
    return NT_OK;
}

/* As it is: it is checked with the rest of the description. */
static bool add_word(cJSON *j, const options *o, int key)
{
    return !o->value[key] || nt_json_add_str(j, keys[key], o->value[key]);
}

static nt_status fill(cJSON *j, const char *kind, const char *path, const options *o, nt_err *e)
{
    const nt_data_format *format;
    int64_t batch = 0;
    cJSON *splits;
    nt_status s;

    NT_TRY(nt_format_get(&format, kind, e));
    if (o->value[BATCH_SIZE] && !nt_parse_i64(&batch, o->value[BATCH_SIZE], 1, 1 << 20))
        NT_TRY(bad_value(BATCH_SIZE, o->value[BATCH_SIZE], "a number from 1 to 1048576", e));
    if (!nt_json_add_str(j, "format", kind) || !nt_json_add_str(j, "path", path) ||
        (batch && !nt_json_add_i64(j, "batch_size", batch)) || !add_word(j, o, LAYOUT) ||
        !add_word(j, o, ON_ERROR) || !(splits = nt_json_add_object(j, "splits")))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_format_list(format, splits, path, e));
    NT_TRY(add_val(splits, o, e));
    for (cJSON *c = splits->child; c; c = c->next)
        NT_TRY(add_transforms(c, o, strcmp(c->string, "train") == 0, e));
done:
    return s;
}

nt_status nt_describe_short(cJSON **out, const char *spec, nt_err *e)
{
    char *text = nt_strdup(spec), *path, *rest;
    cJSON *j = cJSON_CreateObject();
    options o = {{0}};
    nt_status s = NT_OK;

    if (!text || !j)
        NT_TRY(nt_fail_nomem(e));
    path = strchr(text, ':');
    *path++ = '\0';
    if ((rest = strchr(path, ',')))
        *rest++ = '\0';
    if (!*path)
        NT_TRY(nt_fail(e, NT_EINVAL, "'%.60s': no path after '%.60s:'", spec, text));
    if (rest)
        NT_TRY(read_options(&o, rest, e));
    NT_TRY(fill(j, text, path, &o, e));
    *out = j;
    j = NULL;
done:
    nt_json_free(j);
    nt_free(text);
    return s;
}
