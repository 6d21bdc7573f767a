/* SPDX-License-Identifier: MIT */
/* along.h - a companion of a training (train/companion.h) for tests: keep gets the options'
 * ctx. */
#ifndef NT_TESTS_UNIT_ALONG_H
#define NT_TESTS_UNIT_ALONG_H

#include "train/trainer.h"

static inline nt_status along_begin(void **state, nt_graph *g, const nt_model *m,
                                    const nt_train_opts *o, nt_err *e)
{
    (void)g;
    (void)m;
    (void)e;
    *state = o->ctx;
    return NT_OK;
}

#define ALONG(fn)                                                                              \
    {                                                                                          \
        .masks = true, .begin = along_begin, .keep = (fn)                                      \
    }

#endif
