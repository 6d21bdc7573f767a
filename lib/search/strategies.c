/* SPDX-License-Identifier: MIT */
/* strategies.c - the searches that there are. */
#include "search/search.h"

#include <string.h>

static const nt_strategy *const strategies[] = {&nt_strategy_compression, &nt_strategy_latency,
                                                &nt_strategy_quantization};

const nt_strategy *nt_strategy_at(size_t i)
{
    return i < sizeof strategies / sizeof *strategies ? strategies[i] : NULL;
}

const nt_strategy *nt_strategy_find(const char *name)
{
    const nt_strategy *s;

    for (size_t i = 0; (s = nt_strategy_at(i)); i++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}
