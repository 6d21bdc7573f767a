/* SPDX-License-Identifier: MIT */
#include "report/info.h"

#include "facet/layer.h"
#include "facet/op.h"
#include "report/table.h"

#include <stdio.h>
#include <string.h>

/* ---- JSON */

static bool add_values(cJSON *o, const char *key, nt_value *const *v, int n)
{
    cJSON *a = nt_json_add_array(o, key);

    for (int i = 0; a && i < n; i++) {
        cJSON *j = cJSON_CreateObject();
        char shape[128];

        if (!j || !cJSON_AddItemToArray(a, j) || !nt_json_add_str(j, "name", v[i]->name) ||
            !nt_json_add_str(j, "dtype", nt_dtype_name(v[i]->dtype)) ||
            !nt_json_add_str(j, "shape", nt_value_shape_text(shape, sizeof shape, v[i])))
            return false;
    }
    return a != NULL;
}

static bool add_layers(cJSON *o, const nt_graph *g)
{
    cJSON *a = nt_json_add_array(o, "layers");
    char name[128], shape[128];

    for (int i = 0; a && i < g->n_nodes; i++) {
        const nt_node *n = g->nodes[i];
        const nt_value *w = nt_layer_stored_weight(n);
        cJSON *j = cJSON_CreateObject();

        if (!j || !cJSON_AddItemToArray(a, j) || !nt_json_add_i64(j, "index", i) ||
            !nt_json_add_str(j, "name", nt_layer_name(name, sizeof name, g, n)) ||
            !nt_json_add_str(j, "op", n->op_type))
            return false;
        if (w &&
            !nt_json_add_str(j, "weight_shape",
                             nt_shape_text(shape, sizeof shape, w->data->rank, w->data->dims)))
            return false;
        if (n->n_out && n->out[0] &&
            !nt_json_add_str(j, "output_shape",
                             nt_value_shape_text(shape, sizeof shape, n->out[0])))
            return false;
    }
    return a != NULL;
}

static bool add_members(cJSON *o, const nt_archive *ar)
{
    cJSON *a = nt_json_add_array(o, "members");

    for (size_t i = 0; a && i < nt_archive_count(ar); i++) {
        if (!cJSON_AddItemToArray(a, cJSON_CreateString(nt_archive_name(ar, i))))
            return false;
    }
    return a != NULL;
}

/* Members that the manifest does not name: nothing says whether they are what they were. */
static bool add_unlisted(cJSON *o, const nt_archive *ar)
{
    cJSON *a = NULL;

    for (size_t i = 0; i < nt_archive_count(ar); i++) {
        if (!nt_archive_is_unlisted(ar, i))
            continue;
        if (!a && !(a = nt_json_add_array(o, "unlisted_members")))
            return false;
        if (!cJSON_AddItemToArray(a, cJSON_CreateString(nt_archive_name(ar, i))))
            return false;
    }
    return true;
}

static const cJSON *history_of(nt_model *m)
{
    return cJSON_GetObjectItemCaseSensitive(nt_archive_manifest(nt_model_archive(m)),
                                            "history");
}

cJSON *nt_info_json(nt_model *m)
{
    cJSON *o = cJSON_CreateObject();
    const nt_graph *g = nt_model_graph(m);
    const cJSON *h = history_of(m);
    bool ok =
        o && nt_json_add_str(o, "digest", nt_model_digest(m)) &&
        nt_json_add_i64(o, "file_size_bytes", (int64_t)nt_model_file_size(m)) &&
        nt_json_add_str(o, "task", nt_model_task(m)) && nt_json_add_i64(o, "opset", g->opset) &&
        nt_json_add_i64(o, "ir_version", g->ir_version) &&
        add_values(o, "inputs", g->inputs, g->n_inputs) &&
        add_values(o, "outputs", g->outputs, g->n_outputs) && add_layers(o, g) &&
        add_members(o, nt_model_archive(m)) && add_unlisted(o, nt_model_archive(m)) &&
        cJSON_AddItemToObject(o, "history", h ? cJSON_Duplicate(h, true) : cJSON_CreateArray());

    if (ok)
        return o;
    nt_json_free(o);
    return NULL;
}

/* ---- text */

static void text_values(nt_str *out, const char *what, nt_value *const *v, int n)
{
    char shape[128];

    for (int i = 0; i < n; i++)
        nt_str_addf(out, "%-8s %s %s %s\n", what, v[i]->name, nt_dtype_name(v[i]->dtype),
                    nt_value_shape_text(shape, sizeof shape, v[i]));
}

static void text_unlisted(nt_str *out, const nt_archive *ar)
{
    size_t n = 0;

    for (size_t i = 0; i < nt_archive_count(ar); i++) {
        if (!nt_archive_is_unlisted(ar, i))
            continue;
        nt_archive_get(ar, nt_archive_name(ar, i), &n);
        nt_str_addf(out, "unlisted %s (%zu bytes, not in the manifest)\n",
                    nt_archive_name(ar, i), n);
    }
}

static bool text_layers(nt_str *out, const nt_graph *g)
{
    nt_table *t = nt_table_new("rllll");
    static const char *const head[] = {"#", "Layer", "Op", "Weight", "Output"};
    char name[128], shape[128];
    bool ok;

    for (int i = 0; i < 5; i++)
        nt_table_cell(t, "%s", head[i]);
    nt_table_rule(t);
    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *n = g->nodes[i];
        const nt_value *w = nt_layer_stored_weight(n);

        nt_table_cell(t, "%d", i);
        nt_table_cell(t, "%s", nt_layer_name(name, sizeof name, g, n));
        nt_table_cell(t, "%s", n->op_type);
        nt_table_cell(
            t, "%s", w ? nt_shape_text(shape, sizeof shape, w->data->rank, w->data->dims) : "");
        nt_table_cell(
            t, "%s",
            n->n_out && n->out[0] ? nt_value_shape_text(shape, sizeof shape, n->out[0]) : "");
    }
    ok = nt_table_write(t, out);
    nt_table_free(t);
    return ok;
}

nt_status nt_info_text(nt_str *out, nt_model *m, bool layers, nt_err *e)
{
    const nt_graph *g = nt_model_graph(m);

    nt_str_addf(out, "digest   %s\n", nt_model_digest(m));
    nt_str_addf(out, "bytes    %zu\n", nt_model_file_size(m));
    nt_str_addf(out, "task     %s\n", nt_model_task(m));
    nt_str_addf(out, "opset    %d (IR version %lld)", g->opset, (long long)g->ir_version);
    if (g->file_opset)
        nt_str_addf(out, ", raised from %d", g->file_opset);
    nt_str_addf(out, "\n");
    text_values(out, "input", g->inputs, g->n_inputs);
    text_values(out, "output", g->outputs, g->n_outputs);
    nt_str_addf(out, "layers   %d\n", g->n_nodes);
    nt_str_addf(out, "masks    %s\n", nt_model_has_masks(m) ? "yes" : "no");
    text_unlisted(out, nt_model_archive(m));
    if (layers && !text_layers(out, g))
        return nt_fail_nomem(e);
    return nt_info_history(out, m, e);
}

/* "nt-prune --sparsity 0.5" from {"tool", "version", "options", "seed", "inputs"}. */
static void history_line(nt_str *out, const cJSON *rec)
{
    const cJSON *tool = cJSON_GetObjectItemCaseSensitive(rec, "tool");
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(rec, "version");
    const cJSON *seed = cJSON_GetObjectItemCaseSensitive(rec, "seed");
    const cJSON *opts = cJSON_GetObjectItemCaseSensitive(rec, "options"), *o;

    nt_str_addf(out, "history  %s", cJSON_IsString(tool) ? tool->valuestring : "?");
    cJSON_ArrayForEach(o, opts)
    {
        char *v = cJSON_IsTrue(o) ? NULL : cJSON_PrintUnformatted(o);

        nt_str_addf(out, " --%s", o->string ? o->string : "?");
        if (v)
            nt_str_addf(out, " %s", v);
        cJSON_free(v);
    }
    if (cJSON_IsNumber(seed) && seed->valuedouble != 0)
        nt_str_addf(out, " --seed %.0f", seed->valuedouble);
    nt_str_addf(out, "  (version %s)\n",
                cJSON_IsString(version) ? version->valuestring : "unknown");
}

nt_status nt_info_history(nt_str *out, nt_model *m, nt_err *e)
{
    const cJSON *h = history_of(m), *rec;

    cJSON_ArrayForEach(rec, h) history_line(out, rec);
    return out->failed ? nt_fail_nomem(e) : NT_OK;
}
