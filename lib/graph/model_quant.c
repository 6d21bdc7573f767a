/* SPDX-License-Identifier: MIT */
/* What quant.json says of the model's parameters. */
#include "graph/model_private.h"

#include <string.h>

#define SUFFIX "_quantized"

/* Is `tensor` the parameter, or what its integers were made of? */
static bool names(const char *tensor, const char *parameter)
{
    size_t n = strlen(tensor);

    return strncmp(tensor, parameter, n) == 0 &&
           (!parameter[n] || strcmp(parameter + n, SUFFIX) == 0);
}

static int find_bits(const cJSON *record, const char *parameter)
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

int nt_model_quant_bits(const nt_model *m, const char *parameter)
{
    size_t n = 0;
    const char *text = nt_archive_get(m->a, "quant.json", &n);
    cJSON *record = NULL;
    nt_err e = {{0}};
    int bits = 0;

    if (text && nt_json_parse(&record, text, n, &e) == NT_OK)
        bits = find_bits(record, parameter);
    nt_json_free(record);
    return bits;
}
