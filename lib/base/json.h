/* SPDX-License-Identifier: MIT */
/* json.h - cJSON with our errors: bounded nesting, paths in messages, numbers that round-trip.
 */
#ifndef NT_BASE_JSON_H
#define NT_BASE_JSON_H

#include "base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses exactly one JSON value; NT_EFORMAT names line and column. nt_json_free frees it. */
nt_status nt_json_parse(cJSON **out, const char *text, size_t n, nt_err *e) NT_MUST_CHECK;
nt_status nt_json_load(cJSON **out, const char *path, nt_err *e) NT_MUST_CHECK;
void nt_json_free(cJSON *j);
/* Text with two-space indentation and a final newline, keys in insertion order, the shortest
 * digits that read back the same, null for NaN and infinities. NULL when memory ran out. */
char *nt_json_text(const cJSON *j);

/* What a number may be, both included. */
typedef struct nt_bounds {
    double lo, hi;
} nt_bounds;

/* Readers of one key of an object. `where` is the path so far ("fine_tuner.loop_params").
 * A missing key leaves *out alone and is NT_OK; a wrong type or range is NT_EINVAL with the
 * key's path and the allowed values. */
nt_status nt_json_get_double(double *out, const cJSON *obj, const char *key, nt_bounds b,
                             const char *where, nt_err *e) NT_MUST_CHECK;
nt_status nt_json_get_i64(int64_t *out, const cJSON *obj, const char *key, nt_bounds b,
                          const char *where, nt_err *e) NT_MUST_CHECK;
nt_status nt_json_get_bool(bool *out, const cJSON *obj, const char *key, const char *where,
                           nt_err *e) NT_MUST_CHECK;
/* Borrowed from obj. */
nt_status nt_json_get_str(const char **out, const cJSON *obj, const char *key,
                          const char *where, nt_err *e) NT_MUST_CHECK;
/* One of a NULL-terminated list; *out is its index. */
nt_status nt_json_get_enum(int *out, const cJSON *obj, const char *key,
                           const char *const *names, const char *where,
                           nt_err *e) NT_MUST_CHECK;
/* Every key of obj must be in the NULL-terminated list: else NT_EINVAL "where.key: unknown key
 * (did you mean 'x'?)". */
nt_status nt_json_check_keys(const cJSON *obj, const char *const *known, const char *where,
                             nt_err *e) NT_MUST_CHECK;

/* The value of a key, borrowed; NULL where j is no object or has no such key. */
cJSON *nt_json_get(const cJSON *j, const char *key);

/* Writers; false when memory ran out. A number that is not finite becomes null. */
bool nt_json_add_double(cJSON *obj, const char *key, double v);
bool nt_json_add_i64(cJSON *obj, const char *key, int64_t v);
bool nt_json_add_str(cJSON *obj, const char *key, const char *v);
bool nt_json_add_bool(cJSON *obj, const char *key, bool v);
/* Takes v, which may be NULL for want of memory. */
nt_status nt_json_put(cJSON *obj, const char *key, cJSON *v, nt_err *e) NT_MUST_CHECK;
cJSON *nt_json_add_object(cJSON *obj, const char *key);
cJSON *nt_json_add_array(cJSON *obj, const char *key);

#endif
