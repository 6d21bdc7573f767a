/* SPDX-License-Identifier: MIT */
#include "couple/couple.h"
#include "facet/infer.h"
#include "op/view.h"

const nt_op nt_op_identity[] = {
    {.name = "Identity",
     .domain = "",
     .since = 1,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .flags = NT_OPF_IDENTITY,
     .infer = nt_infer_same,
     .eval = nt_view_eval,
     .grad = nt_view_grad,
     .lower = nt_same_lower,
     .lower_grad = nt_same_lower_grad,
     .couple = nt_couple_unary},
    {0},
};
