/* SPDX-License-Identifier: MIT */
#include "compress/planfile.h"

#include <stdio.h>

nt_status nt_planfile_check(const cJSON *plan, nt_err *e)
{
    static const char *const keys[] = {"layer", "keep", "rank", "bits", "why", NULL};
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

        snprintf(where, sizeof where, "plan[%d]", i++);
        NT_TRY(nt_json_check_keys(o, keys, where, e));
        if (!cJSON_IsString(layer) && !cJSON_IsNumber(layer))
            return nt_fail(e, NT_EINVAL, "%s.layer: a name or an index is wanted", where);
        if (keep && !cJSON_IsNull(keep) &&
            (!cJSON_IsNumber(keep) || keep->valuedouble < 1 || keep->valuedouble > 1e9 ||
             keep->valuedouble != (double)(int64_t)keep->valuedouble))
            return nt_fail(e, NT_EINVAL, "%s.keep: a whole number from 1 is wanted", where);
    }
done:
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
        bool named = cJSON_IsNumber(layer) ? (int)layer->valuedouble == index
                                           : nt_layer_matches(layer->valuestring, layer_name,
                                                              index);

        if (named && cJSON_IsNumber(keep))
            found = (int64_t)keep->valuedouble;
    }
    return found;
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
