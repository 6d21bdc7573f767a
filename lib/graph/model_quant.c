/* SPDX-License-Identifier: MIT */
/* What quant.json says of the model's parameters. */
#include "base/alloc.h"
#include "graph/model_private.h"

#include <string.h>

#define SUFFIX "_quantized"
#define MEMBER "quant.json"

/* Is `tensor` the parameter, or what its integers were made of? */
static bool names(const char *tensor, const char *parameter)
{
    size_t n = strlen(tensor);

    return strncmp(tensor, parameter, n) == 0 &&
           (!parameter[n] || strcmp(parameter + n, SUFFIX) == 0);
}

cJSON *nt_model_quant_record(const nt_model *m)
{
    size_t n = 0;
    const char *text = nt_archive_get(m->a, MEMBER, &n);
    cJSON *record = NULL;
    nt_err e = {{0}};

    return text && nt_json_parse(&record, text, n, &e) == NT_OK ? record : NULL;
}

int nt_quant_bits(const cJSON *record, const char *parameter)
{
    const cJSON *t;

    cJSON_ArrayForEach(t, cJSON_GetObjectItemCaseSensitive(record, "tensors"))
    {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(t, "tensor");
        const cJSON *bits = cJSON_GetObjectItemCaseSensitive(t, "bits");

        if (cJSON_IsString(name) && cJSON_IsNumber(bits) && bits->valuedouble >= 1 &&
            bits->valuedouble <= 32 && names(name->valuestring, parameter))
            return (int)bits->valuedouble;
    }
    return 0;
}

bool nt_model_learns_scales(const nt_model *m)
{
    cJSON *record = nt_model_quant_record(m);
    const cJSON *method = cJSON_GetObjectItemCaseSensitive(record, "method");
    bool learns = cJSON_IsString(method) && strcmp(method->valuestring, "lsq") == 0;

    nt_json_free(record);
    return learns;
}

nt_status nt_model_forget_scales(nt_model *m, nt_err *e)
{
    static const char *const gone[] = {"scale", "min", "max"};
    cJSON *record = nt_model_quant_record(m), *t;
    nt_status s = NT_OK;
    char *text = NULL;

    if (!record)
        return NT_OK;
    cJSON_ArrayForEach(t, cJSON_GetObjectItemCaseSensitive(record, "tensors"))
    {
        for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
            cJSON_DeleteItemFromObjectCaseSensitive(t, gone[i]);
    }
    text = nt_json_text(record);
    s = text ? nt_archive_put(m->a, MEMBER, text, strlen(text), e) : nt_fail_nomem(e);
    nt_free(text);
    nt_json_free(record);
    return s;
}
