/* SPDX-License-Identifier: MIT */
/* A spec from a plan, and as one. */
#include "quant/qspec_priv.h"

#include "prune/planfile.h"

#include <stdio.h>
#include <string.h>

/* ---- reading */

/* "range": {"input": [lo, hi]} */
static nt_status read_range(nt_qtarget *t, const cJSON *entry, const char *kind,
                            const char *where, nt_err *e)
{
    const cJSON *r = nt_json_get(nt_json_get(entry, "range"), kind), *lo = cJSON_GetArrayItem(r, 0),
                *hi = cJSON_GetArrayItem(r, 1);

    if (!r)
        return NT_OK;
    if (!t->bits || t->per_channel)
        return nt_fail(e, NT_EINVAL,
                       "%s.range.%s: only activations that are quantized have one", where,
                       kind);
    if (cJSON_GetArraySize(r) != 2 || !cJSON_IsNumber(lo) || !cJSON_IsNumber(hi) ||
        !(lo->valuedouble <= 0 && hi->valuedouble >= 0 && lo->valuedouble < hi->valuedouble))
        return nt_fail(e, NT_EINVAL, "%s.range.%s: [low, high] around 0 is wanted", where,
                       kind);
    t->lo = (float)lo->valuedouble;
    t->hi = (float)hi->valuedouble;
    return NT_OK;
}

static nt_status read_layer(nt_qlayer *l, const cJSON *entry, const char *where, nt_err *e)
{
    const cJSON *bits = nt_json_get(entry, "bits"), *range = nt_json_get(entry, "range");
    nt_status s = NT_OK;
    char path[80];

    snprintf(path, sizeof path, "%s.range", where);
    if (range && !cJSON_IsObject(range))
        return nt_fail(e, NT_EINVAL, "%s: an object is wanted", path);
    if (range)
        NT_TRY(nt_json_check_keys(range, nt_qkinds, path, e));
    snprintf(path, sizeof path, "%s.bits", where);
    NT_TRY(nt_json_check_keys(bits, nt_qkinds, path, e));
    for (int k = 0; nt_qkinds[k]; k++) {
        nt_qtarget t;
        int64_t b = 0;

        NT_TRY(nt_json_get_i64(&b, bits, nt_qkinds[k], (nt_bounds){1, NT_QSPEC_MAX_BITS}, path,
                               e));
        if (b && k == 0 && l->index < 0)
            return nt_fail(e, NT_EINVAL, "%s.weight: the layer has no weight", path);
        NT_TRY(nt_qspec_check_words(entry, nt_qkinds[k], where, e));
        t = nt_qspec_read_target(entry, k, (int)b);
        NT_TRY(read_range(&t, entry, nt_qkinds[k], where, e));
        if (b)
            *nt_qlayer_target(l, k) = t;
    }
    NT_TRY(nt_json_get_i64(&l->start_step, entry, "quant_start_step", (nt_bounds){0, 0x1p63},
                           where, e));
done:
    return s;
}

/* The plan has been checked: `layer` is a name or a whole number. */
static bool plan_means(const cJSON *layer, const nt_qlayer *l)
{
    if (cJSON_IsNumber(layer))
        return l->index >= 0 && layer->valuedouble == l->index;
    return nt_layer_matches(layer->valuestring, l->name, l->index);
}

static nt_status read_entry(nt_qspec *q, const cJSON *entry, int at, nt_err *e)
{
    const cJSON *bits = nt_json_get(entry, "bits"), *layer = nt_json_get(entry, "layer");
    nt_status s = NT_OK;
    bool found = false;
    char where[64];

    snprintf(where, sizeof where, "plan[%d]", at);
    if (!bits || cJSON_IsNull(bits))
        return NT_OK;
    if (!cJSON_IsObject(bits))
        return nt_fail(e, NT_EINVAL, "%s.bits: an object is wanted", where);
    for (int i = 0; i < q->n; i++)
        if (plan_means(layer, &q->layers[i])) {
            NT_TRY(read_layer(&q->layers[i], entry, where, e));
            found = true;
        }
    if (!found)
        return nt_fail(e, NT_EINVAL, "%s.layer: there is no such layer", where);
done:
    return s;
}

nt_status nt_qspec_plan(nt_qspec *q, const cJSON *plan, nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *entry;
    int at = 0;

    NT_TRY(nt_planfile_check(plan, e));
    cJSON_ArrayForEach(entry, plan) NT_TRY(read_entry(q, entry, at++, e));
done:
    return s;
}

/* ---- writing */

static const char *scheme_of(const nt_qtarget *t)
{
    static const char *const scheme[2][2] = {{"per_tensor_affine", "per_tensor_symmetric"},
                                             {"per_channel_affine", "per_channel_symmetric"}};

    return scheme[t->per_channel][t->symmetric];
}

/* entry[key][kind], made where it is missing. */
static cJSON *object_of(cJSON *entry, const char *key)
{
    cJSON *o = cJSON_GetObjectItemCaseSensitive(entry, key);

    return o ? o : nt_json_add_object(entry, key);
}

static bool write_range(cJSON *entry, const char *kind, const nt_qtarget *t)
{
    const float ends[2] = {t->lo, t->hi};
    cJSON *o = object_of(entry, "range"), *pair = cJSON_CreateFloatArray(ends, 2);

    if (o && pair && cJSON_AddItemToObject(o, kind, pair))
        return true;
    cJSON_Delete(pair);
    return false;
}

/* Bits, and what is not what they come with. */
static bool write_target(cJSON *entry, int kind, const nt_qtarget *t)
{
    nt_qtarget usual = kind == 0 ? nt_qtarget_weight(t->bits) : nt_qtarget_input(t->bits);
    const char *name = nt_qkinds[kind];
    cJSON *o;

    if (!t->bits)
        return true;
    if (!nt_json_add_i64(cJSON_GetObjectItem(entry, "bits"), name, t->bits))
        return false;
    if (t->is_unsigned != usual.is_unsigned &&
        !((o = object_of(entry, "quant_dtype")) &&
          nt_json_add_str(o, name, t->is_unsigned ? "uint" : "int")))
        return false;
    if ((t->symmetric != usual.symmetric || t->per_channel != usual.per_channel) &&
        !((o = object_of(entry, "quant_scheme")) && nt_json_add_str(o, name, scheme_of(t))))
        return false;
    return t->lo >= t->hi || write_range(entry, name, t);
}

/* Its number where its name means another layer, too. */
static bool write_name(cJSON *entry, const nt_qspec *q, const nt_qlayer *l)
{
    int n = 0;

    for (int i = 0; i < q->n; i++)
        n += nt_layer_matches(l->name, q->layers[i].name, q->layers[i].index);
    return n > 1 && l->index >= 0 ? nt_json_add_i64(entry, "layer", l->index)
                                  : nt_json_add_str(entry, "layer", l->name);
}

static bool write_layer(cJSON *plan, const nt_qspec *q, const nt_qlayer *l)
{
    nt_qtarget input = nt_qspec_input(q, l);
    cJSON *entry;

    if (l->index < 0 && !input.bits && !l->output.bits)
        return true;
    entry = cJSON_CreateObject();
    if (!entry || !cJSON_AddItemToArray(plan, entry)) {
        cJSON_Delete(entry);
        return false;
    }
    return write_name(entry, q, l) && nt_json_add_object(entry, "bits") &&
           write_target(entry, 0, &l->weight) && write_target(entry, 1, &input) &&
           write_target(entry, 2, &l->output) &&
           (!l->start_step || nt_json_add_i64(entry, "quant_start_step", l->start_step)) &&
           (!*l->why || nt_json_add_str(entry, "why", l->why));
}

cJSON *nt_qspec_to_plan(const nt_qspec *q)
{
    cJSON *plan = cJSON_CreateArray();

    for (int i = 0; plan && i < q->n; i++)
        if (!write_layer(plan, q, &q->layers[i])) {
            cJSON_Delete(plan);
            return NULL;
        }
    return plan;
}
