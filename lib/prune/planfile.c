/* SPDX-License-Identifier: MIT */
#include "prune/planfile.h"

#include "base/alloc.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>

static bool is_whole(const cJSON *v, double lo)
{
    double d = v->valuedouble;

    return cJSON_IsNumber(v) && d >= lo && d <= INT32_MAX && d == floor(d);
}

static bool is_rank(const cJSON *v)
{
    if (cJSON_IsArray(v) && cJSON_GetArraySize(v) == 2)
        return is_whole(cJSON_GetArrayItem(v, 0), 1) && is_whole(cJSON_GetArrayItem(v, 1), 1);
    return is_whole(v, 1);
}

nt_status nt_planfile_check(const cJSON *plan, nt_err *e)
{
    static const char *const keys[] = {
        "layer", "keep", "rank", "bits", "quant_dtype", "quant_scheme", "quant_start_step",
        "range", "why",  NULL};
    nt_status s = NT_OK;
    const cJSON *o;
    char where[32];
    int i = 0;

    if (!cJSON_IsArray(plan))
        return nt_fail(e, NT_EINVAL, "plan: an array of objects is wanted");
    cJSON_ArrayForEach(o, plan)
    {
        const cJSON *layer = cJSON_GetObjectItemCaseSensitive(o, "layer");
        const cJSON *keep = cJSON_GetObjectItemCaseSensitive(o, "keep");
        const cJSON *rank = cJSON_GetObjectItemCaseSensitive(o, "rank");

        snprintf(where, sizeof where, "plan[%d]", i++);
        if (!cJSON_IsObject(o))
            return nt_fail(e, NT_EINVAL, "%s: an object is wanted", where);
        NT_TRY(nt_json_check_keys(o, keys, where, e));
        if (!cJSON_IsString(layer) && !(layer && is_whole(layer, 0)))
            return nt_fail(e, NT_EINVAL, "%s.layer: a name or an index is wanted", where);
        if (keep && !cJSON_IsNull(keep) && !is_whole(keep, 1))
            return nt_fail(e, NT_EINVAL, "%s.keep: a whole number from 1 is wanted", where);
        if (rank && !cJSON_IsNull(rank) && !is_rank(rank))
            return nt_fail(e, NT_EINVAL,
                           "%s.rank: a whole number from 1, or two of them, is wanted", where);
    }
done:
    return s;
}

static bool names(const cJSON *layer, const char *layer_name, int index)
{
    return cJSON_IsNumber(layer) ? layer->valuedouble == index
                                 : nt_layer_matches(layer->valuestring, layer_name, index);
}

static nt_status check_name(const cJSON *layer, const char *const *all, int n, nt_err *e)
{
    const char *near;

    for (int i = 0; i < n; i++) {
        if (names(layer, all[i], i))
            return NT_OK;
    }
    if (cJSON_IsNumber(layer))
        return nt_fail(e, NT_EINVAL, "plan: there is no layer %d (0 to %d)",
                       (int)layer->valuedouble, n - 1);
    near = nt_nearest(layer->valuestring, all, (size_t)n);
    return near ? nt_fail(e, NT_EINVAL, "plan: layer '%s' not found (did you mean '%s'?)",
                          layer->valuestring, near)
                : nt_fail(e, NT_EINVAL, "plan: layer '%s' not found", layer->valuestring);
}

/* Such an entry may name what has no channels, as an addition. */
static bool is_of_bits_alone(const cJSON *o)
{
    return cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(o, "bits")) &&
           !cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(o, "keep"));
}

nt_status nt_planfile_check_names(const cJSON *plan, const nt_channels *c, nt_err *e)
{
    nt_status s = NT_OK;
    const char **all = nt_calloc((size_t)c->n_layers + 1, sizeof *all);
    const cJSON *o;

    if (!all)
        return nt_fail_nomem(e);
    for (int i = 0; i < c->n_layers; i++)
        all[i] = c->layers[i].name;
    cJSON_ArrayForEach(o, plan) if (!is_of_bits_alone(o))
        NT_TRY(check_name(cJSON_GetObjectItemCaseSensitive(o, "layer"), all, c->n_layers, e));
done:
    nt_free(all);
    return s;
}

int64_t nt_planfile_keep(const cJSON *plan, const char *layer_name, int index)
{
    int64_t found = -1;
    const cJSON *o;

    cJSON_ArrayForEach(o, plan)
    {
        const cJSON *layer = cJSON_GetObjectItemCaseSensitive(o, "layer");
        const cJSON *keep = cJSON_GetObjectItemCaseSensitive(o, "keep");

        if (cJSON_IsNumber(keep) && names(layer, layer_name, index))
            found = (int64_t)keep->valuedouble;
    }
    return found;
}

static const cJSON *rank_of(const cJSON *o)
{
    const cJSON *rank = cJSON_GetObjectItemCaseSensitive(o, "rank");

    return cJSON_IsNull(rank) ? NULL : rank;
}

const cJSON *nt_planfile_rank(const cJSON *plan, const char *layer_name, int index)
{
    const cJSON *found = NULL, *o;

    cJSON_ArrayForEach(o, plan) if (rank_of(o) &&
                                    names(cJSON_GetObjectItemCaseSensitive(o, "layer"),
                                          layer_name, index)) found = rank_of(o);
    return found;
}

nt_status nt_planfile_check_ranks(const cJSON *plan, const char *const *layer_names, int n,
                                  nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *o;

    cJSON_ArrayForEach(o, plan) if (rank_of(o))
        NT_TRY(check_name(cJSON_GetObjectItemCaseSensitive(o, "layer"), layer_names, n, e));
done:
    return s;
}

static bool add_entry(cJSON *plan, const nt_channel_layer *l, const bool *removed)
{
    cJSON *o = cJSON_CreateObject();
    char why[256];
    int64_t kept = nt_channels_kept(l, removed);

    if (!o || !cJSON_AddItemToArray(plan, o))
        return false;
    if (l->set < 0)
        snprintf(why, sizeof why, "stays: %s", l->why ? l->why : "nothing to remove");
    else
        snprintf(why, sizeof why, "%lld of %lld", (long long)kept, (long long)l->n);
    return nt_json_add_str(o, "layer", l->name) && nt_json_add_i64(o, "keep", kept) &&
           cJSON_AddNullToObject(o, "rank") && cJSON_AddNullToObject(o, "bits") &&
           nt_json_add_str(o, "why", why);
}

cJSON *nt_planfile_new(const nt_channels *c, const bool *removed)
{
    cJSON *plan = cJSON_CreateArray();

    for (int i = 0; plan && i < c->n_layers; i++) {
        if (!add_entry(plan, &c->layers[i], removed)) {
            nt_json_free(plan);
            return NULL;
        }
    }
    return plan;
}
