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

nt_status nt_model_set_quant_record(nt_model *m, const cJSON *record, nt_err *e)
{
    char *text = nt_json_text(record);
    nt_status s = text ? nt_archive_put(m->a, MEMBER, text, strlen(text), e) : nt_fail_nomem(e);

    nt_free(text);
    return s;
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
