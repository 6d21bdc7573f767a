/* SPDX-License-Identifier: MIT */
#include "search/job_split.h"

#include <string.h>

#define SHARE 0.1
#define LEAST 1000
#define MOST 10000

static nt_status set(cJSON *out, const char *name, nt_err *e)
{
    cJSON *v = cJSON_CreateString(name);

    if (v && cJSON_ReplaceItemInObjectCaseSensitive(out, "search_split", v))
        return NT_OK;
    cJSON_Delete(v);
    return nt_fail_nomem(e);
}

/* As the judge sees its samples, or as "train" does where there is no judge. */
static nt_status add_transforms(cJSON *split, const cJSON *splits, const char *judge, nt_err *e)
{
    const cJSON *like = nt_json_get(splits, judge);
    const cJSON *t = nt_json_get(like ? like : nt_json_get(splits, "train"), "transforms");

    return t ? nt_json_put(split, "transforms", cJSON_Duplicate(t, true), e) : NT_OK;
}

static nt_status cut_from_train(cJSON *splits, const char *judge, int64_t seed, nt_err *e)
{
    cJSON *split = nt_json_add_object(splits, NT_SEARCH_SPLIT);

    if (!split || !nt_json_add_str(split, "from", "train") ||
        !nt_json_add_double(split, "random", SHARE) ||
        !nt_json_add_i64(split, "least", LEAST) || !nt_json_add_i64(split, "most", MOST) ||
        !nt_json_add_i64(split, "seed", seed) || !nt_json_add_bool(split, "shuffle", false))
        return nt_fail_nomem(e);
    return add_transforms(split, splits, judge, e);
}

nt_status nt_job_put_search_split(cJSON *out, int64_t seed, nt_err *e)
{
    cJSON *splits = nt_json_get(nt_json_get(out, "data"), "splits");
    const char *judge = nt_json_get(out, "eval_split")->valuestring;
    const cJSON *eval = nt_json_get(out, "eval_func");
    nt_status s = NT_OK;

    if ((eval && !cJSON_IsNull(eval)) || strcmp(judge, "train") == 0 ||
        strcmp(judge, NT_SEARCH_SPLIT) == 0)
        return set(out, judge, e);
    if (!nt_json_get(splits, NT_SEARCH_SPLIT)) {
        if (!nt_json_get(splits, "train"))
            return set(out, judge, e);
        NT_TRY(cut_from_train(splits, judge, seed, e));
    }
    NT_TRY(set(out, NT_SEARCH_SPLIT, e));
done:
    return s;
}
