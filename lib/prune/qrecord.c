/* SPDX-License-Identifier: MIT */
#include "prune/qrecord.h"

#include <stdio.h>

static cJSON *tensors_of(const cJSON *record)
{
    return cJSON_GetObjectItemCaseSensitive(record, "tensors");
}

/* The value that an entry speaks of: under its name, or as its integers are called. */
static const nt_value *value_of(const cJSON *entry, const nt_graph *g)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "tensor"));
    const nt_value *v = name ? nt_graph_find_value(g, name) : NULL;
    char codes[256];

    if (!name || (v && v->data && v->n_uses == 0))
        v = NULL;
    if (v || !name)
        return v;
    snprintf(codes, sizeof codes, "%s_quantized", name);
    return nt_graph_find_value(g, codes);
}

/* Keeps the numbers at these indices, if there is one for each index there was. */
static nt_status cut_list(cJSON *entry, const char *key, const int64_t *idx, int64_t n,
                          int64_t old, nt_err *e)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, key);
    cJSON *left;

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != old || old == 1)
        return NT_OK;
    left = cJSON_CreateArray();
    for (int64_t i = 0; left && i < n; i++) {
        cJSON *v = cJSON_Duplicate(cJSON_GetArrayItem(list, (int)idx[i]), true);

        if (v && cJSON_AddItemToArray(left, v))
            continue;
        nt_json_free(v);
        nt_json_free(left);
        left = NULL;
    }
    if (!left)
        return nt_fail_nomem(e);
    if (cJSON_ReplaceItemInObjectCaseSensitive(entry, key, left))
        return NT_OK;
    nt_json_free(left);
    return nt_fail_nomem(e);
}

static nt_status cut_entry(cJSON *entry, const nt_graph *g, const nt_kept *k, nt_err *e)
{
    const cJSON *axis = cJSON_GetObjectItemCaseSensitive(entry, "axis");
    const nt_value *v = value_of(entry, g);
    const int64_t *idx;
    int64_t n = 0, old;
    nt_status s = NT_OK;

    if (!v || !cJSON_IsNumber(axis) || axis->valuedouble < 0 || axis->valuedouble >= v->rank)
        return NT_OK;
    idx = nt_kept_indices(k, (nt_span){v, axis->valueint, 1}, &n);
    old = nt_kept_old_dim(k, v, axis->valueint);
    if (!idx || n == old)
        return NT_OK;
    NT_TRY(cut_list(entry, "scale", idx, n, old, e));
    NT_TRY(cut_list(entry, "zero_point", idx, n, old, e));
done:
    return s;
}

nt_status nt_qrecord_cut(cJSON *record, const nt_graph *g, const nt_kept *k, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *entry;

    cJSON_ArrayForEach(entry, tensors_of(record)) NT_TRY(cut_entry(entry, g, k, e));
done:
    return s;
}

void nt_qrecord_drop(cJSON *record, const nt_graph *g)
{
    cJSON *list = tensors_of(record), *next;

    for (cJSON *entry = list ? list->child : NULL; entry; entry = next) {
        next = entry->next;
        if (!value_of(entry, g))
            nt_json_free(cJSON_DetachItemViaPointer(list, entry));
    }
}
