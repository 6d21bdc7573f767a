/* SPDX-License-Identifier: MIT */
/* What manifest.json says of the graph. Nothing in it depends on when, where or by whom. */
#include "base/alloc.h"
#include "graph/model_private.h"

#include <string.h>

static bool add_shape(cJSON *obj, const nt_value *v)
{
    cJSON *shape;

    if (v->rank < 0)
        return cJSON_AddNullToObject(obj, "shape") != NULL;
    shape = nt_json_add_array(obj, "shape");
    for (int i = 0; shape && i < v->rank; i++) {
        const nt_dim *d = &v->dims[i];
        cJSON *item = d->value >= 0 ? cJSON_CreateNumber((double)d->value)
                      : d->sym      ? cJSON_CreateString(d->sym)
                                    : cJSON_CreateNull();

        if (!item || !cJSON_AddItemToArray(shape, item)) {
            cJSON_Delete(item);
            return false;
        }
    }
    return shape != NULL;
}

/* A new object at the end of the array; NULL when memory ran out. */
static cJSON *append_object(cJSON *array)
{
    cJSON *obj = cJSON_CreateObject();

    if (obj && cJSON_AddItemToArray(array, obj))
        return obj;
    cJSON_Delete(obj);
    return NULL;
}

static bool add_values(cJSON *manifest, const char *key, nt_value *const *v, int n)
{
    cJSON *array = nt_json_add_array(manifest, key);

    for (int i = 0; array && i < n; i++) {
        cJSON *obj = append_object(array);

        if (!obj || !nt_json_add_str(obj, "name", v[i]->name) ||
            !nt_json_add_str(obj, "dtype", nt_dtype_name(v[i]->dtype)) || !add_shape(obj, v[i]))
            return false;
    }
    return array != NULL;
}

/* The layers that an index counts. */
static bool add_layers(cJSON *manifest, const nt_graph *g)
{
    cJSON *array = nt_json_add_array(manifest, "layers");
    int index = 0;

    for (int i = 0; array && i < g->n_nodes; i++) {
        const nt_value *w = g->ops->stored_weight ? g->ops->stored_weight(g->nodes[i]) : NULL;
        char name[256];
        cJSON *obj;

        if (!w)
            continue;
        obj = append_object(array);
        if (!obj || !nt_json_add_i64(obj, "index", index++) ||
            !nt_json_add_str(obj, "name", nt_layer_name(name, sizeof name, g, g->nodes[i])) ||
            !nt_json_add_str(obj, "op", g->nodes[i]->op_type) ||
            !nt_json_add_str(obj, "weight", w->name) || !add_shape(obj, w))
            return false;
    }
    return array != NULL;
}

/* Moves what manifest has under key into rest. */
static bool keep(cJSON *rest, cJSON *manifest, const char *key)
{
    cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(manifest, key);

    if (!item || cJSON_AddItemToObject(rest, key, item))
        return true;
    cJSON_Delete(item);
    return false;
}

/* format, task, inputs, outputs, layers, history, and then keys that we do not know. */
static bool rebuild(cJSON *manifest, cJSON *rest, const nt_graph *g, const char *task)
{
    static const char *const ours[] = {"format", "task", "inputs", "outputs", "layers"};

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(manifest, ours[i]);
    if (!keep(rest, manifest, "history"))
        return false;
    if (!cJSON_HasObjectItem(rest, "history") && !nt_json_add_array(rest, "history"))
        return false;
    while (manifest->child)
        if (!keep(rest, manifest, manifest->child->string))
            return false;
    if (!nt_json_add_i64(manifest, "format", NT_ARCHIVE_FORMAT) ||
        !nt_json_add_str(manifest, "task", task) ||
        !add_values(manifest, "inputs", g->inputs, g->n_inputs) ||
        !add_values(manifest, "outputs", g->outputs, g->n_outputs) || !add_layers(manifest, g))
        return false;
    while (rest->child)
        if (!keep(manifest, rest, rest->child->string))
            return false;
    return true;
}

nt_status nt_manifest_fill(nt_model *m, nt_err *e)
{
    cJSON *rest = cJSON_CreateObject();
    char *task = nt_strdup(nt_model_task(m));
    bool ok = rest && task && rebuild(nt_archive_manifest(m->a), rest, m->g, task);

    nt_json_free(rest);
    nt_free(task);
    return ok ? NT_OK : nt_fail_nomem(e);
}

const char *nt_model_task(const nt_model *m)
{
    const cJSON *task = cJSON_GetObjectItemCaseSensitive(nt_archive_manifest(m->a), "task");

    return cJSON_IsString(task) ? task->valuestring : "classification";
}

nt_status nt_model_set_task(nt_model *m, const char *task, nt_err *e)
{
    cJSON *manifest = nt_archive_manifest(m->a);

    cJSON_DeleteItemFromObjectCaseSensitive(manifest, "task");
    return nt_json_add_str(manifest, "task", task) ? NT_OK : nt_fail_nomem(e);
}

/* {"model": digest, what the record already names}. */
static bool add_inputs(cJSON *record, const char *digest)
{
    cJSON *inputs = nt_json_add_object(record, "inputs");

    return inputs && (!*digest || nt_json_add_str(inputs, "model", digest));
}

nt_status nt_model_add_history(nt_model *m, cJSON *record, nt_err *e)
{
    cJSON *manifest = nt_archive_manifest(m->a);
    cJSON *history = cJSON_GetObjectItemCaseSensitive(manifest, "history");
    cJSON *others = cJSON_DetachItemFromObjectCaseSensitive(record, "inputs");
    bool ok;

    if (!cJSON_IsArray(history)) {
        cJSON_DeleteItemFromObjectCaseSensitive(manifest, "history");
        history = nt_json_add_array(manifest, "history");
    }
    ok = record && history && add_inputs(record, m->digest.text);
    while (ok && others && others->child)
        ok = keep(cJSON_GetObjectItemCaseSensitive(record, "inputs"), others,
                  others->child->string);
    nt_json_free(others);
    if (ok && cJSON_AddItemToArray(history, record))
        return NT_OK;
    nt_json_free(record);
    return nt_fail_nomem(e);
}
