/* SPDX-License-Identifier: MIT */
/* strategies.c - the searches that there are. */
#include "search/search.h"

#include <string.h>

static const nt_strategy *const strategies[] = {&nt_strategy_compression,
                                                &nt_strategy_quantization};

const nt_strategy *nt_strategy_find(const char *name)
{
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++)
        if (strcmp(strategies[i]->name, name) == 0)
            return strategies[i];
    return NULL;
}
