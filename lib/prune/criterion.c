/* SPDX-License-Identifier: MIT */
#include "prune/criterion.h"

const nt_criterion *nt_criterion_at(size_t i)
{
    static const nt_criterion *const all[] = {&nt_criterion_l1,     &nt_criterion_l2,
                                              &nt_criterion_fpgm,   &nt_criterion_slim,
                                              &nt_criterion_taylor, &nt_criterion_random};

    return i < sizeof all / sizeof *all ? all[i] : NULL;
}
