/* SPDX-License-Identifier: MIT */
/*
 * cJSON does the parsing; before it a scan of the text finds what it would take silently or
 * refuse without a reason (deep nesting, NUL and control characters in strings), and after it a
 * walk finds repeated keys and numbers that no double holds. The writer is ours.
 */
#include "base/json.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 500
#define MAX_FILE_BYTES ((size_t)1 << 30)
#define EXACT_INTEGERS 0x1p53
#define LINE_WIDTH 80

static nt_status fail_at(nt_err *e, const char *text, const char *at, const char *what)
{
    size_t line = 1, column = 1;

    for (const char *p = text; p < at; p++) {
        column = *p == '\n' ? 1 : column + 1;
        line += *p == '\n';
    }
    return nt_fail(e, NT_EFORMAT, "line %zu, column %zu: %s", line, column, what);
}

/* Behind the closing quote of the string that starts at p, or NULL with *why and *at. */
static const char *scan_string(const char *p, const char *end, const char **why,
                               const char **at)
{
    size_t len;

    for (p++; p < end && *p != '"'; p += len) {
        *at = p;
        len = nt_utf8_len(p, (size_t)(end - p));
        *why = "a string is not UTF-8";
        if (len == 0)
            return NULL;
        *why = "a control character in a string";
        if ((unsigned char)*p < ' ')
            return NULL;
        *why = "a NUL in a string";
        if (end - p >= 6 && memcmp(p, "\\u0000", 6) == 0)
            return NULL;
        if (*p == '\\' && p + 1 < end)
            len = 2;
    }
    *at = p;
    *why = "a string has no end";
    return p < end ? p + 1 : NULL;
}

static nt_status scan(const char *text, size_t n, nt_err *e)
{
    const char *p = text, *end = text + n, *why, *at;
    int depth = 0;

    while (p < end) {
        if (*p == '"') {
            p = scan_string(p, end, &why, &at);
            if (!p)
                return fail_at(e, text, at, why);
            continue;
        }
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        if (depth > MAX_DEPTH)
            return fail_at(e, text, p, "nested too deeply");
        if (*p == '\0')
            return fail_at(e, text, p, "a NUL byte");
        p++;
    }
    return NT_OK;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static nt_status check_duplicates(const cJSON *obj, nt_err *e)
{
    nt_status s = NT_OK;
    size_t n = 0;
    const char **keys = NULL;

    for (const cJSON *c = obj->child; c; c = c->next)
        n++;
    if (n < 2)
        return NT_OK;
    keys = nt_alloc(n, sizeof *keys);
    if (!keys)
        return nt_fail_nomem(e);
    n = 0;
    for (const cJSON *c = obj->child; c; c = c->next)
        keys[n++] = c->string;
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n && s == NT_OK; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            s = nt_fail(e, NT_EFORMAT, "key '%s' appears twice", keys[i]);
    nt_free(keys);
    return s;
}

/* Recursion is bounded by MAX_DEPTH. */
static nt_status check_tree(const cJSON *j, nt_err *e)
{
    nt_status s = NT_OK;

    if (cJSON_IsNumber(j) && !isfinite(j->valuedouble))
        return nt_fail(e, NT_EFORMAT, "a number is too large");
    if (cJSON_IsObject(j))
        s = check_duplicates(j, e);
    for (const cJSON *c = j->child; c && s == NT_OK; c = c->next)
        s = check_tree(c, e);
    return s;
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

nt_status nt_json_parse(cJSON **out, const char *text, size_t n, nt_err *e)
{
    nt_status s = NT_OK;
    const char *end = text + n, *p = text;
    cJSON *j = NULL;

    if (skip_blanks(text, end) == end)
        return nt_fail(e, NT_EFORMAT, "no JSON value: nothing but white space");
    NT_TRY(scan(text, n, e));
    j = cJSON_ParseWithLengthOpts(text, n, &p, 0);
    if (!j)
        NT_TRY(fail_at(e, text, p, "not valid JSON near here"));
    p = skip_blanks(p, end);
    if (p < end)
        NT_TRY(fail_at(e, text, p, "something follows the JSON value"));
    NT_TRY(check_tree(j, e));
    *out = j;
    j = NULL;
done:
    nt_json_free(j);
    return s;
}

/* Can text begin so? What is none, a device of zeros say, is not read to its end. */
static nt_status look(void *ctx, const char *text, size_t n, nt_err *e)
{
    const char *end = text + n, *p = skip_blanks(text, end);

    (void)ctx;
    if (p < end && !strchr("{[\"-0123456789tfn", *p))
        return fail_at(e, text, p, "not valid JSON near here");
    return memchr(text, '\0', n) ? nt_fail(e, NT_EFORMAT, "holds a NUL, which JSON never does")
                                 : NT_OK;
}

nt_status nt_json_load(cJSON **out, const char *path, nt_err *e)
{
    const nt_file_watch watch = {look, NULL};
    nt_status s = NT_OK;
    char *text = NULL;
    size_t n;

    NT_TRY(nt_file_read_watched(&text, &n, path, MAX_FILE_BYTES, &watch, e));
    NT_TRY(nt_json_parse(out, text, n, e));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    nt_free(text);
    return s;
}

void nt_json_free(cJSON *j)
{
    cJSON_Delete(j);
}

/* ---- writing */

static void add_number(nt_str *t, double v)
{
    char digits[32];

    if (!isfinite(v)) {
        nt_str_add(t, "null");
        return;
    }
    if (v == floor(v) && fabs(v) <= EXACT_INTEGERS) {
        nt_str_addf(t, "%.0f", v);
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, v);
        if (strtod(digits, NULL) == v)
            break;
    }
    nt_str_add(t, digits);
}

static void add_string(nt_str *t, const char *text)
{
    size_t len;

    nt_str_add(t, "\"");
    for (const char *p = text; *p; p += len ? len : 1) {
        len = nt_utf8_len(p, strnlen(p, 4));
        if (*p == '"' || *p == '\\')
            nt_str_addf(t, "\\%c", *p);
        else if (*p == '\n')
            nt_str_add(t, "\\n");
        else if (*p == '\t')
            nt_str_add(t, "\\t");
        else if ((unsigned char)*p < ' ')
            nt_str_addf(t, "\\u%04x", (unsigned)*p);
        else if (len)
            nt_str_addn(t, p, len);
        else
            nt_str_add(t, "\xef\xbf\xbd"); /* U+FFFD: what we write is always valid */
    }
    nt_str_add(t, "\"");
}

static void new_line(nt_str *t, int depth)
{
    nt_str_addf(t, "\n%*s", 2 * depth, "");
}

static bool all_numbers(const cJSON *array)
{
    for (const cJSON *c = array->child; c; c = c->next)
        if (!cJSON_IsNumber(c))
            return false;
    return true;
}

/* Plain numbers fill the lines: a shape stays on one, a list of channels does not take a page.
 */
static void add_numbers(nt_str *t, const cJSON *array, int depth)
{
    size_t line_start = t->n;

    nt_str_add(t, "[");
    for (const cJSON *c = array->child; c; c = c->next) {
        add_number(t, c->valuedouble);
        if (!c->next)
            break;
        if (t->n - line_start > LINE_WIDTH) {
            nt_str_add(t, ",");
            line_start = t->n;
            new_line(t, depth + 1);
        } else {
            nt_str_add(t, ", ");
        }
    }
    nt_str_add(t, "]");
}

static void add_value(nt_str *t, const cJSON *j, int depth);

static void add_members(nt_str *t, const cJSON *j, int depth)
{
    bool object = cJSON_IsObject(j);

    nt_str_add(t, object ? "{" : "[");
    for (const cJSON *c = j->child; c; c = c->next) {
        new_line(t, depth + 1);
        if (object) {
            add_string(t, c->string);
            nt_str_add(t, ": ");
        }
        add_value(t, c, depth + 1);
        if (c->next)
            nt_str_add(t, ",");
    }
    if (j->child)
        new_line(t, depth);
    nt_str_add(t, object ? "}" : "]");
}

static void add_value(nt_str *t, const cJSON *j, int depth)
{
    if (cJSON_IsNumber(j))
        add_number(t, j->valuedouble);
    else if (cJSON_IsString(j))
        add_string(t, j->valuestring);
    else if (cJSON_IsBool(j))
        nt_str_add(t, cJSON_IsTrue(j) ? "true" : "false");
    else if (cJSON_IsArray(j) && all_numbers(j))
        add_numbers(t, j, depth);
    else if (cJSON_IsArray(j) || cJSON_IsObject(j))
        add_members(t, j, depth);
    else
        nt_str_add(t, "null");
}

char *nt_json_text(const cJSON *j)
{
    nt_str t = {0};

    add_value(&t, j, 0);
    nt_str_add(&t, "\n");
    return nt_str_take(&t);
}

/* ---- reading keys */

cJSON *nt_json_get(const cJSON *j, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(j, key);
}

static const char *type_name(const cJSON *j)
{
    if (cJSON_IsNumber(j))
        return "a number";
    if (cJSON_IsString(j))
        return "a string";
    if (cJSON_IsBool(j))
        return cJSON_IsTrue(j) ? "true" : "false";
    if (cJSON_IsArray(j))
        return "an array";
    return cJSON_IsObject(j) ? "an object" : "null";
}

/* "where.key: got X, want Y"; numbers and strings are shown themselves. */
static nt_status fail_key(nt_err *e, const cJSON *j, const char *key, const char *where,
                          const char *want)
{
    bool top = !where || !*where;
    nt_str got = {0};

    if (cJSON_IsNumber(j))
        add_number(&got, j->valuedouble);
    else if (cJSON_IsString(j))
        nt_str_addf(&got, "'%.60s'", j->valuestring);
    else
        nt_str_add(&got, type_name(j));
    nt_fail(e, NT_EINVAL, "%s%s%s: got %s, want %s", top ? "" : where, top ? "" : ".", key,
            got.failed ? type_name(j) : got.p, want);
    nt_str_release(&got);
    return NT_EINVAL;
}

nt_status nt_json_get_double(double *out, const cJSON *obj, const char *key, nt_bounds b,
                             const char *where, nt_err *e)
{
    const cJSON *j = nt_json_get(obj, key);
    char want[96];

    if (!j)
        return NT_OK;
    if (cJSON_IsNumber(j) && j->valuedouble >= b.lo && j->valuedouble <= b.hi) {
        *out = j->valuedouble;
        return NT_OK;
    }
    nt_range_text(want, sizeof want, "a number", b.lo, b.hi);
    return fail_key(e, j, key, where, want);
}

nt_status nt_json_get_i64(int64_t *out, const cJSON *obj, const char *key, nt_bounds b,
                          const char *where, nt_err *e)
{
    const cJSON *j = nt_json_get(obj, key);
    double v = j ? j->valuedouble : 0;
    char want[96];

    if (!j)
        return NT_OK;
    if (cJSON_IsNumber(j) && v == floor(v) && fabs(v) <= EXACT_INTEGERS && v >= b.lo &&
        v <= b.hi) {
        *out = (int64_t)v;
        return NT_OK;
    }
    nt_range_text(want, sizeof want, "an integer", b.lo, b.hi);
    return fail_key(e, j, key, where, want);
}

nt_status nt_json_get_bool(bool *out, const cJSON *obj, const char *key, const char *where,
                           nt_err *e)
{
    const cJSON *j = nt_json_get(obj, key);

    if (!j)
        return NT_OK;
    if (!cJSON_IsBool(j))
        return fail_key(e, j, key, where, "true or false");
    *out = cJSON_IsTrue(j);
    return NT_OK;
}

nt_status nt_json_get_str(const char **out, const cJSON *obj, const char *key,
                          const char *where, nt_err *e)
{
    const cJSON *j = nt_json_get(obj, key);

    if (!j)
        return NT_OK;
    if (!cJSON_IsString(j))
        return fail_key(e, j, key, where, "a string");
    *out = j->valuestring;
    return NT_OK;
}

nt_status nt_json_get_enum(int *out, const cJSON *obj, const char *key,
                           const char *const *names, const char *where, nt_err *e)
{
    const cJSON *j = nt_json_get(obj, key);
    char want[160] = "one of ";

    if (!j)
        return NT_OK;
    for (int i = 0; names[i]; i++) {
        if (cJSON_IsString(j) && strcmp(j->valuestring, names[i]) == 0) {
            *out = i;
            return NT_OK;
        }
    }
    for (int i = 0; names[i]; i++) {
        size_t used = strlen(want);

        snprintf(want + used, sizeof want - used, "%s'%s'", i ? ", " : "", names[i]);
    }
    return fail_key(e, j, key, where, want);
}

nt_status nt_json_check_keys(const cJSON *obj, const char *const *known, const char *where,
                             nt_err *e)
{
    const char *dot = where && *where ? "." : "";
    size_t n = 0;

    while (known[n])
        n++;
    for (const cJSON *c = obj->child; c; c = c->next) {
        size_t i = 0;
        const char *near;

        while (i < n && strcmp(known[i], c->string) != 0)
            i++;
        if (i < n)
            continue;
        near = nt_nearest(c->string, known, n);
        if (near)
            return nt_fail(e, NT_EINVAL, "%s%s%s: unknown key (did you mean '%s'?)",
                           where ? where : "", dot, c->string, near);
        return nt_fail(e, NT_EINVAL, "%s%s%s: unknown key", where ? where : "", dot, c->string);
    }
    return NT_OK;
}

/* ---- adding keys */

bool nt_json_add_double(cJSON *obj, const char *key, double v)
{
    return isfinite(v) ? cJSON_AddNumberToObject(obj, key, v) != NULL
                       : cJSON_AddNullToObject(obj, key) != NULL;
}

bool nt_json_add_i64(cJSON *obj, const char *key, int64_t v)
{
    return cJSON_AddNumberToObject(obj, key, (double)v) != NULL;
}

bool nt_json_add_str(cJSON *obj, const char *key, const char *v)
{
    return cJSON_AddStringToObject(obj, key, v) != NULL;
}

bool nt_json_add_bool(cJSON *obj, const char *key, bool v)
{
    return cJSON_AddBoolToObject(obj, key, v) != NULL;
}

nt_status nt_json_put(cJSON *obj, const char *key, cJSON *v, nt_err *e)
{
    if (v && cJSON_AddItemToObject(obj, key, v))
        return NT_OK;
    nt_json_free(v);
    return nt_fail_nomem(e);
}

cJSON *nt_json_add_object(cJSON *obj, const char *key)
{
    return cJSON_AddObjectToObject(obj, key);
}

cJSON *nt_json_add_array(cJSON *obj, const char *key)
{
    return cJSON_AddArrayToObject(obj, key);
}
