/* SPDX-License-Identifier: MIT */
/* A quantized tensor, as quant.json and the training have it. */
#include "quant/qat_priv.h"

#include <string.h>

cJSON *nt_qat_entry(const cJSON *record, const char *tensor, bool weight, bool again)
{
    const char *kind = weight ? "weight" : "activation";
    cJSON *t, *found = NULL;

    cJSON_ArrayForEach(t, nt_json_get(record, "tensors"))
    {
        const char *name = cJSON_GetStringValue(nt_json_get(t, "tensor"));
        const char *is = cJSON_GetStringValue(nt_json_get(t, "kind"));

        if (name && is && strcmp(name, tensor) == 0 && strcmp(is, kind) == 0 &&
            (!found || again))
            found = t;
    }
    return found;
}

nt_fakeq nt_qat_fakeq(const nt_qsite *at)
{
    nt_fakeq q = nt_fakeq_of(at->node);

    q.seen = at->seen;
    q.theta = at->theta;
    return q;
}
