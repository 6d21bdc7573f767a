/* SPDX-License-Identifier: MIT */
#include "quant/qspec_priv.h"

#include "base/alloc.h"
#include "base/str.h"
#include "facet/layer.h"
#include "prune/rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BITS = NT_QSPEC_MAX_BITS, CUSTOM_BITS = 2 };

/* ---- the layers */

nt_status nt_qspec_new(nt_qspec **out, const nt_graph *g, nt_err *e)
{
    nt_qspec *q = nt_calloc(1, sizeof *q);
    char name[512];

    *out = NULL;
    if (q)
        q->layers = nt_calloc((size_t)g->n_nodes + 1, sizeof *q->layers);
    for (int i = 0; q && q->layers && i < g->n_nodes; i++) {
        nt_qlayer *l = &q->layers[q->n];

        *l = (nt_qlayer){.node = g->nodes[i], .index = -1};
        if (nt_layer_weight(g->nodes[i]))
            l->index = q->n_weighted++;
        q->n++;
        l->name = nt_strdup(nt_layer_name(name, sizeof name, g, g->nodes[i]));
        if (!l->name)
            break;
    }
    if (!q || !q->layers || (q->n && !q->layers[q->n - 1].name)) {
        nt_qspec_free(q);
        return nt_fail_nomem(e);
    }
    *out = q;
    return NT_OK;
}

nt_status nt_qspec_dup(nt_qspec **out, const nt_qspec *q, const nt_graph *copy, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_qspec_new(out, copy, e));
    (*out)->other_bits = q->other_bits;
    for (int i = 0; i < q->n; i++) {
        nt_qlayer *to = &(*out)->layers[i];

        to->weight = q->layers[i].weight;
        to->input = q->layers[i].input;
        to->output = q->layers[i].output;
        to->start_step = q->layers[i].start_step;
    }
done:
    return s;
}

void nt_qspec_free(nt_qspec *q)
{
    for (int i = 0; q && q->layers && i < q->n; i++)
        nt_free(q->layers[i].name);
    if (q)
        nt_free(q->layers);
    nt_free(q);
}

nt_qtarget nt_qtarget_weight(int bits)
{
    return (nt_qtarget){.bits = bits, .symmetric = true, .per_channel = true};
}

nt_qtarget nt_qtarget_input(int bits)
{
    return (nt_qtarget){.bits = bits, .is_unsigned = true};
}

nt_qtarget nt_qspec_input(const nt_qspec *q, const nt_qlayer *l)
{
    if (l->index >= 0 || l->input.bits || !l->node->op ||
        !(l->node->op->flags & NT_OPF_ON_CODES))
        return l->input;
    return nt_qtarget_input(q->other_bits);
}

/* ---- --bits */

static bool read_bits(int *out, const char **at)
{
    char *end;
    long v = strtol(*at, &end, 10);

    if (end == *at || v < 1 || (v > MAX_BITS && v != 32))
        return false;
    *out = v == 32 ? 0 : (int)v;
    *at = end;
    return true;
}

bool nt_qspec_read_width(int *weight, int *input, const char **at)
{
    if (!read_bits(weight, at))
        return false;
    *input = *weight;
    if (**at != '/')
        return true;
    ++*at;
    return read_bits(input, at);
}

nt_status nt_qspec_bits(nt_qspec *q, const char *text, bool ends, nt_err *e)
{
    const char *at = text;
    int w = 0, a = 0;

    if (!nt_qspec_read_width(&w, &a, &at) || *at)
        return nt_fail(e, NT_EINVAL,
                       "bits '%s': want W or W/A, each 1 to 16, or 32 for floating point",
                       text);
    for (int i = 0; i < q->n; i++) {
        int k = q->layers[i].index;
        bool end = ends && (k == 0 || k == q->n_weighted - 1);

        if (k < 0)
            continue;
        q->layers[i].weight = nt_qtarget_weight(end && w && w < 8 ? 8 : w);
        q->layers[i].input = nt_qtarget_input(end && a && a < 8 ? 8 : a);
    }
    q->other_bits = a && a < 8 ? 8 : a;
    return NT_OK;
}

/* ---- config_list */

const char *const nt_qkinds[] = {"weight", "input", "output", NULL};

nt_qtarget *nt_qlayer_target(nt_qlayer *l, int kind)
{
    nt_qtarget *const t[] = {&l->weight, &l->input, &l->output};

    return t[kind];
}

static bool lists(const cJSON *types, const char *kind)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, types)
    {
        if (strcmp(v->valuestring, kind) == 0)
            return true;
    }
    return false;
}

/* A value for all kinds, or one by kind. */
static const cJSON *for_kind(const cJSON *entry, const char *key, const char *kind)
{
    const cJSON *v = nt_json_get(entry, key);

    return cJSON_IsObject(v) ? nt_json_get(v, kind) : v;
}

static nt_status check_types(const cJSON *types, const char *where, nt_err *e)
{
    const cJSON *v;

    if (!cJSON_IsArray(types) || cJSON_GetArraySize(types) == 0)
        return nt_fail(e, NT_EINVAL,
                       "%s.quant_types: an array of weight, input, output is wanted", where);
    cJSON_ArrayForEach(v, types)
    {
        bool known = false;

        for (int k = 0; cJSON_IsString(v) && nt_qkinds[k]; k++)
            known = known || strcmp(v->valuestring, nt_qkinds[k]) == 0;
        if (!known)
            return nt_fail(e, NT_EINVAL, "%s.quant_types: weight, input or output is wanted",
                           where);
    }
    return NT_OK;
}

static nt_status check_bits(const cJSON *entry, const char *kind, const char *where, nt_err *e)
{
    const cJSON *v = for_kind(entry, "quant_bits", kind);

    if (!cJSON_IsNumber(v) || v->valuedouble != floor(v->valuedouble) || v->valuedouble < 1 ||
        v->valuedouble > MAX_BITS)
        return nt_fail(e, NT_EINVAL,
                       "%s.quant_bits: a whole number from 1 to %d for '%s' is wanted", where,
                       MAX_BITS, kind);
    return NT_OK;
}

/* Absent is fine. */
static nt_status check_word(const cJSON *entry, const char *key, const char *kind,
                            const char *const *words, const char *where, nt_err *e)
{
    const cJSON *v = for_kind(entry, key, kind);
    char list[160] = "";

    if (!v)
        return NT_OK;
    for (int i = 0; words[i]; i++) {
        if (cJSON_IsString(v) && strcmp(v->valuestring, words[i]) == 0)
            return NT_OK;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "",
                 words[i]);
    }
    return nt_fail(e, NT_EINVAL, "%s.%s: one of %s is wanted", where, key, list);
}

static const char *const dtypes[] = {"int", "uint", NULL};
static const char *const schemes[] = {"per_tensor_affine", "per_tensor_symmetric",
                                      "per_channel_affine", "per_channel_symmetric", NULL};

nt_status nt_qspec_check_words(const cJSON *entry, const char *kind, const char *where,
                               nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(check_word(entry, "quant_dtype", kind, dtypes, where, e));
    NT_TRY(check_word(entry, "quant_scheme", kind, schemes, where, e));
done:
    return s;
}

static nt_status check_entry(const cJSON *entry, const char *where, nt_err *e)
{
    static const char *const keys[] = {"op_types",    "op_names",     "exclude",
                                       "quant_types", "quant_bits",   "quant_start_step",
                                       "quant_dtype", "quant_scheme", NULL};
    int64_t start = 0;
    nt_status s = NT_OK;

    NT_TRY(nt_json_check_keys(entry, keys, where, e));
    NT_TRY(nt_rules_check_selection(entry, where, e));
    NT_TRY(nt_json_get_i64(&start, entry, "quant_start_step", (nt_bounds){0, 0x1p63}, where,
                           e));
    if (cJSON_IsTrue(nt_json_get(entry, "exclude")))
        return NT_OK;
    NT_TRY(check_types(nt_json_get(entry, "quant_types"), where, e));
    for (int k = 0; nt_qkinds[k]; k++)
        if (lists(nt_json_get(entry, "quant_types"), nt_qkinds[k])) {
            NT_TRY(check_bits(entry, nt_qkinds[k], where, e));
            NT_TRY(nt_qspec_check_words(entry, nt_qkinds[k], where, e));
        }
done:
    return s;
}

nt_qtarget nt_qspec_read_target(const cJSON *entry, int kind, int bits)
{
    const cJSON *dtype = for_kind(entry, "quant_dtype", nt_qkinds[kind]);
    const cJSON *scheme = for_kind(entry, "quant_scheme", nt_qkinds[kind]);
    nt_qtarget t = kind == 0 ? nt_qtarget_weight(bits) : nt_qtarget_input(bits);

    if (dtype)
        t.is_unsigned = strcmp(dtype->valuestring, "uint") == 0;
    if (scheme) {
        t.symmetric = strstr(scheme->valuestring, "symmetric") != NULL;
        t.per_channel = kind == 0 && strncmp(scheme->valuestring, "per_channel", 11) == 0;
    }
    return t;
}

/* A layer without a weight has only an input and an output. */
static void apply_entry(nt_qlayer *l, const cJSON *entry)
{
    const cJSON *start = nt_json_get(entry, "quant_start_step");

    if (cJSON_IsTrue(nt_json_get(entry, "exclude"))) {
        l->weight = l->input = l->output = (nt_qtarget){0};
        return;
    }
    for (int k = l->index < 0 ? 1 : 0; nt_qkinds[k]; k++)
        if (lists(nt_json_get(entry, "quant_types"), nt_qkinds[k]))
            *nt_qlayer_target(l, k) = nt_qspec_read_target(
                entry, k, (int)for_kind(entry, "quant_bits", nt_qkinds[k])->valuedouble);
    l->start_step = start ? (int64_t)start->valuedouble : 0;
}

/* Those with weights come first, as numbers mean them; free with nt_free. */
static const char **layer_names(const nt_qspec *q)
{
    const char **names = nt_calloc((size_t)q->n + 1, sizeof *names);
    int rest = q->n_weighted;

    for (int i = 0; names && i < q->n; i++)
        names[q->layers[i].index >= 0 ? q->layers[i].index : rest++] = q->layers[i].name;
    return names;
}

static nt_status check_names(const nt_qspec *q, const cJSON *list, nt_err *e)
{
    const char **names = layer_names(q);
    nt_status s;

    if (!names)
        return nt_fail_nomem(e);
    s = nt_rules_check_names(list, names, q->n_weighted, q->n, e);
    nt_free(names);
    return s;
}

nt_status nt_qspec_config_list(nt_qspec *q, const cJSON *list, nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *entry;

    NT_TRY(nt_rules_check_each(list, check_entry, e));
    NT_TRY(check_names(q, list, e));
    cJSON_ArrayForEach(entry, list)
    {
        for (int i = 0; i < q->n; i++)
            if (nt_rules_entry_matches(entry, q->layers[i].name, q->layers[i].node->op_type,
                                       q->layers[i].index))
                apply_entry(&q->layers[i], entry);
    }
done:
    return s;
}

/* ---- custom_compression */

static bool is_conv(const nt_qlayer *l)
{
    return strcmp(l->node->op_type, "Conv") == 0;
}

static bool is_pointwise(const nt_qlayer *l)
{
    const nt_value *w = nt_layer_weight(l->node);

    for (int i = 2; i < w->rank; i++)
        if (w->dims[i].value != 1)
            return false;
    return true;
}

static void set_custom(nt_qlayer *l, int bits)
{
    l->weight = nt_qtarget_weight(bits);
    l->input = nt_qtarget_input(bits);
}

static bool skips(const cJSON *skip, int index)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, skip)
    {
        if ((int)v->valuedouble == index)
            return true;
    }
    return false;
}

static nt_status check_skip(const nt_qspec *q, const cJSON *skip, const char *where, nt_err *e)
{
    const cJSON *v;

    if (!skip || cJSON_IsNull(skip))
        return NT_OK;
    if (!cJSON_IsArray(skip))
        return nt_fail(e, NT_EINVAL, "%s.skip_layers: an array of layer numbers is wanted",
                       where);
    cJSON_ArrayForEach(v, skip)
    {
        if (!cJSON_IsNumber(v) || v->valuedouble < 0 || v->valuedouble >= q->n_weighted ||
            v->valuedouble != floor(v->valuedouble))
            return nt_fail(e, NT_EINVAL,
                           "%s.skip_layers: layer numbers from 0 to %d are wanted", where,
                           q->n_weighted - 1);
    }
    return NT_OK;
}

static nt_status by_rules(nt_qspec *q, const cJSON *args, const char *where, nt_err *e)
{
    static const char *const keys[] = {"quantize_conv11", "quantize_group", "skip_layers",
                                       "skip_layers_ratio", NULL};
    bool conv11 = false, group = false;
    double ratio = 0;
    nt_status s = NT_OK;

    NT_TRY(nt_json_check_keys(args, keys, where, e));
    NT_TRY(nt_json_get_bool(&conv11, args, "quantize_conv11", where, e));
    NT_TRY(nt_json_get_bool(&group, args, "quantize_group", where, e));
    NT_TRY(nt_json_get_double(&ratio, args, "skip_layers_ratio", (nt_bounds){0, 1}, where, e));
    NT_TRY(check_skip(q, nt_json_get(args, "skip_layers"), where, e));
    for (int i = 0; i < q->n; i++) {
        nt_qlayer *l = &q->layers[i];

        if (l->index >= 0 && is_conv(l) && (conv11 || !is_pointwise(l)) &&
            (group || nt_node_int(l->node, "group", 1) == 1) &&
            l->index >= (int)(ratio * q->n_weighted) &&
            !skips(nt_json_get(args, "skip_layers"), l->index))
            set_custom(l, CUSTOM_BITS);
    }
done:
    return s;
}

static nt_status by_name(nt_qspec *q, const cJSON *layers, const char *where, nt_err *e)
{
    static const char *const keys[] = {"precision", NULL};
    nt_status s = NT_OK;
    const cJSON *v;
    char path[320];

    cJSON_ArrayForEach(v, layers)
    {
        int64_t bits = 0;
        bool found = false;

        snprintf(path, sizeof path, "%s.%s", where, v->string);
        if (!cJSON_IsObject(v))
            return nt_fail(e, NT_EINVAL, "%s: an object is wanted", path);
        NT_TRY(nt_json_check_keys(v, keys, path, e));
        NT_TRY(nt_json_get_i64(&bits, v, "precision", (nt_bounds){1, 32}, path, e));
        if (bits == 0 || (bits > MAX_BITS && bits != 32))
            return nt_fail(e, NT_EINVAL, "%s.precision: 1 to %d or 32 is wanted", path,
                           MAX_BITS);
        for (int i = 0; i < q->n; i++)
            if (q->layers[i].index >= 0 &&
                nt_layer_matches(v->string, q->layers[i].name, q->layers[i].index)) {
                set_custom(&q->layers[i], bits == 32 ? 0 : (int)bits);
                found = true;
            }
        if (!found)
            return nt_fail(e, NT_EINVAL, "%s: there is no such layer", path);
    }
done:
    return s;
}

nt_status nt_qspec_custom(nt_qspec *q, const cJSON *custom, nt_err *e)
{
    static const char *const keys[] = {"quantization_args", "quant_args", "layers", NULL};
    const cJSON *args = nt_json_get(custom, "quantization_args"), *layers = nt_json_get(custom, "layers");
    const char *where =
        args ? "custom_compression.quantization_args" : "custom_compression.quant_args";

    args = args ? args : nt_json_get(custom, "quant_args");
    if (nt_json_check_keys(custom, keys, "custom_compression", e) != NT_OK)
        return NT_EINVAL;
    if (!args == !layers)
        return nt_fail(e, NT_EINVAL,
                       "custom_compression: one of 'quantization_args' and 'layers' is wanted");
    if (!cJSON_IsObject(args ? args : layers))
        return nt_fail(e, NT_EINVAL, "%s: an object is wanted",
                       args ? where : "custom_compression.layers");
    return args ? by_rules(q, args, where, e)
                : by_name(q, layers, "custom_compression.layers", e);
}
