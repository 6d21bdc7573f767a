/* SPDX-License-Identifier: MIT */
/* method.c - the methods that nt-quantize and --qat know by name. */
#include "quant/quantizer.h"

#include <string.h>

static const nt_qmethod methods[] = {
    {"qat", &nt_quantizer_range, NULL, &nt_quantizer_range},
    {"lsq", &nt_quantizer_lsq, &nt_quantizer_xnor, &nt_quantizer_lsq},
    {"lsq+", &nt_quantizer_lsq, &nt_quantizer_xnor, &nt_quantizer_lsq_plus},
    {"dorefa", &nt_quantizer_dorefa, &nt_quantizer_xnor, &nt_quantizer_fixed},
    {"pact", &nt_quantizer_dorefa, &nt_quantizer_xnor, &nt_quantizer_pact},
    {"bnn", &nt_quantizer_range, &nt_quantizer_bnn, &nt_quantizer_fixed},
    {"xnor", &nt_quantizer_range, &nt_quantizer_xnor, &nt_quantizer_fixed},
};

const nt_qmethod *nt_qmethod_find(const char *name)
{
    for (size_t i = 0; name && i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

const nt_quantizer *nt_qmethod_weight(const nt_qmethod *m, int bits)
{
    return bits == 1 ? m->sign : m->weight;
}
