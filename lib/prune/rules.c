/* SPDX-License-Identifier: MIT */
#include "prune/rules.h"

#include "base/alloc.h"
#include "base/str.h"
#include "op/registry.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ONNX's operators by PyTorch's module names. */
static const char *const aliases[][2] = {
    {"Conv1d", "Conv"},
    {"Conv2d", "Conv"},
    {"Conv3d", "Conv"},
    {"ConvTranspose1d", "ConvTranspose"},
    {"ConvTranspose2d", "ConvTranspose"},
    {"ConvTranspose3d", "ConvTranspose"},
    {"Linear", "Gemm"},
    {"Linear", "MatMul"},
    {"ReLU", "Relu"},
    {"ReLU6", "Clip"},
    {"Hardtanh", "Clip"},
    {"MaxPool2d", "MaxPool"},
    {"AvgPool2d", "AveragePool"},
    {"BatchNorm2d", "BatchNormalization"},
    {"DeformConv2d", "DeformConv"},
};

enum { N_ALIASES = sizeof aliases / sizeof *aliases };

/* ---- checking */

static bool is_index(const cJSON *v)
{
    double i = v->valuedouble;

    return cJSON_IsNumber(v) && i >= 0 && i <= INT32_MAX && i == floor(i);
}

static nt_status check_strings(const cJSON *entry, const char *key, const char *where,
                               nt_err *e)
{
    const cJSON *a = nt_json_get(entry, key), *v;

    if (!a)
        return NT_OK;
    if (!cJSON_IsArray(a) || cJSON_GetArraySize(a) == 0)
        return nt_fail(e, NT_EINVAL, "%s.%s: an array of names is wanted", where, key);
    cJSON_ArrayForEach(v, a)
    {
        if (!cJSON_IsString(v) && !(strcmp(key, "op_names") == 0 && is_index(v)))
            return nt_fail(e, NT_EINVAL, "%s.%s: an array of names is wanted", where, key);
    }
    return NT_OK;
}

static bool is_known_type(const char *type)
{
    if (strcmp(type, "default") == 0)
        return true;
    for (size_t i = 0; i < N_ALIASES; i++) {
        if (strcmp(type, aliases[i][0]) == 0 || strcmp(type, aliases[i][1]) == 0)
            return true;
    }
    for (size_t i = 0; nt_op_at(i); i++) {
        if (strcmp(type, nt_op_at(i)->name) == 0)
            return true;
    }
    return false;
}

static nt_status fail_type(const char *type, const char *where, nt_err *e)
{
    size_t n = 0, n_ops = nt_op_count();
    const char **known = nt_calloc(1 + 2 * N_ALIASES + n_ops, sizeof *known), *near;

    if (!known)
        return nt_fail_nomem(e);
    known[n++] = "default";
    for (size_t i = 0; i < N_ALIASES; i++) {
        known[n++] = aliases[i][0];
        known[n++] = aliases[i][1];
    }
    for (size_t i = 0; i < n_ops; i++)
        known[n++] = nt_op_at(i)->name;
    near = nt_nearest(type, known, n);
    nt_free(known);
    return near ? nt_fail(e, NT_EINVAL, "%s.op_types: '%s' is no operator (did you mean '%s'?)",
                          where, type, near)
                : nt_fail(e, NT_EINVAL, "%s.op_types: '%s' is no operator", where, type);
}

static nt_status check_types(const cJSON *entry, const char *where, nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *v;

    NT_TRY(check_strings(entry, "op_types", where, e));
    cJSON_ArrayForEach(v, nt_json_get(entry, "op_types"))
    {
        if (!is_known_type(v->valuestring))
            NT_TRY(fail_type(v->valuestring, where, e));
    }
done:
    return s;
}

nt_status nt_rules_check_selection(const cJSON *entry, const char *where, nt_err *e)
{
    nt_status s = NT_OK;
    bool exclude;

    NT_TRY(check_types(entry, where, e));
    NT_TRY(check_strings(entry, "op_names", where, e));
    NT_TRY(nt_json_get_bool(&exclude, entry, "exclude", where, e));
    if (!nt_json_get(entry, "op_types") && !nt_json_get(entry, "op_names"))
        return nt_fail(e, NT_EINVAL, "%s: 'op_types' or 'op_names' is missing", where);
done:
    return s;
}

static nt_status check_share(const cJSON *entry, const char *key, const char *where,
                             bool one_too, nt_err *e)
{
    const cJSON *v = nt_json_get(entry, key);

    if (!v)
        return NT_OK;
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0) || v->valuedouble > 1 ||
        (v->valuedouble == 1 && !one_too))
        return nt_fail(e, NT_EINVAL, "%s.%s: a number in [0, 1%s is wanted", where, key,
                       one_too ? "]" : ")");
    return NT_OK;
}

static nt_status check_entry(const cJSON *entry, const char *where, nt_err *e)
{
    static const char *const keys[] = {"op_types",
                                       "op_names",
                                       "exclude",
                                       "sparsity",
                                       "sparsity_per_layer",
                                       "total_sparsity",
                                       "max_sparsity_per_layer",
                                       NULL};
    nt_status s = NT_OK;
    bool exclude = false;
    int n;

    NT_TRY(nt_json_check_keys(entry, keys, where, e));
    NT_TRY(nt_rules_check_selection(entry, where, e));
    NT_TRY(nt_json_get_bool(&exclude, entry, "exclude", where, e));
    NT_TRY(check_share(entry, "sparsity", where, false, e));
    NT_TRY(check_share(entry, "sparsity_per_layer", where, false, e));
    NT_TRY(check_share(entry, "total_sparsity", where, false, e));
    NT_TRY(check_share(entry, "max_sparsity_per_layer", where, true, e));
    n = (nt_json_get(entry, "sparsity") != NULL) + (nt_json_get(entry, "sparsity_per_layer") != NULL) +
        (nt_json_get(entry, "total_sparsity") != NULL);
    if (n != !exclude)
        return nt_fail(e, NT_EINVAL,
                       exclude ? "%s: 'exclude' and a sparsity exclude each other"
                               : "%s: one sparsity is wanted, or 'exclude'",
                       where);
done:
    return s;
}

nt_status nt_rules_check_each(const cJSON *list,
                              nt_status (*check)(const cJSON *entry, const char *where,
                                                 nt_err *e),
                              nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *entry;
    char where[64];
    int i = 0;

    if (!cJSON_IsArray(list))
        return nt_fail(e, NT_EINVAL, "config_list: an array of objects is wanted");
    cJSON_ArrayForEach(entry, list)
    {
        snprintf(where, sizeof where, "config_list[%d]", i++);
        if (!cJSON_IsObject(entry))
            return nt_fail(e, NT_EINVAL, "%s: an object is wanted", where);
        NT_TRY(check(entry, where, e));
    }
done:
    return s;
}

nt_status nt_rules_check(const cJSON *list, nt_err *e)
{
    return nt_rules_check_each(list, check_entry, e);
}

/* ---- matching */

bool nt_rules_type_matches(const char *want, const char *op_type)
{
    if (strcmp(want, "default") == 0 || strcmp(want, op_type) == 0)
        return true;
    for (size_t i = 0; i < N_ALIASES; i++) {
        if (strcmp(want, aliases[i][0]) == 0 && strcmp(op_type, aliases[i][1]) == 0)
            return true;
    }
    return false;
}

static bool name_matches(const cJSON *want, const char *layer, int index)
{
    if (cJSON_IsNumber(want))
        return (int)want->valuedouble == index;
    return nt_layer_matches(want->valuestring, layer, index);
}

bool nt_rules_entry_matches(const cJSON *entry, const char *layer, const char *op_type,
                            int index)
{
    const cJSON *types = nt_json_get(entry, "op_types"), *names = nt_json_get(entry, "op_names"), *v;
    bool type_ok = !types, name_ok = !names;

    cJSON_ArrayForEach(v, types) type_ok =
        type_ok || nt_rules_type_matches(v->valuestring, op_type);
    cJSON_ArrayForEach(v, names) name_ok = name_ok || name_matches(v, layer, index);
    return type_ok && name_ok;
}

static double number(const cJSON *entry, const char *key, double dflt)
{
    const cJSON *v = nt_json_get(entry, key);

    return v ? v->valuedouble : dflt;
}

nt_rule nt_rules_find(const cJSON *list, const char *layer, const char *op_type, int index)
{
    nt_rule r = {.sparsity = NAN, .max_per_layer = NAN, .entry = -1};
    const cJSON *entry;
    int i = 0;

    cJSON_ArrayForEach(entry, list)
    {
        if (nt_rules_entry_matches(entry, layer, op_type, index)) {
            r.total = nt_json_get(entry, "total_sparsity") != NULL;
            r.sparsity = number(
                entry, "sparsity",
                number(entry, "sparsity_per_layer", number(entry, "total_sparsity", NAN)));
            r.max_per_layer = number(entry, "max_sparsity_per_layer", NAN);
            r.entry = cJSON_IsTrue(nt_json_get(entry, "exclude")) ? -1 : i;
            if (r.entry < 0)
                r.sparsity = NAN;
        }
        i++;
    }
    return r;
}

nt_status nt_rules_check_names(const cJSON *list, const char *const *layer_names,
                               int n_numbered, int n, nt_err *e)
{
    const cJSON *entry, *v;

    cJSON_ArrayForEach(entry, list)
    {
        cJSON_ArrayForEach(v, nt_json_get(entry, "op_names"))
        {
            bool found = false;
            const char *near;

            for (int i = 0; i < n; i++)
                found = found || name_matches(v, layer_names[i], i < n_numbered ? i : -1);
            if (found)
                continue;
            if (cJSON_IsNumber(v))
                return nt_fail(e, NT_EINVAL, "config_list: there is no layer %d (0 to %d)",
                               (int)v->valuedouble, n_numbered - 1);
            near = nt_nearest(v->valuestring, layer_names, (size_t)n);
            return near ? nt_fail(e, NT_EINVAL,
                                  "config_list: layer '%s' not found (did you mean '%s'?)",
                                  v->valuestring, near)
                        : nt_fail(e, NT_EINVAL, "config_list: layer '%s' not found",
                                  v->valuestring);
        }
    }
    return NT_OK;
}
