/* SPDX-License-Identifier: MIT */
/* idiom.h - activations that exporters write as several nodes become one. */
#ifndef NT_EXEC_IDIOM_H
#define NT_EXEC_IDIOM_H

#include "graph/graph.h"

/*
 * For inference, in the plan's own copy of the graph:
 *
 *     x sigmoid(a x)                                     Swish
 *     x tanh(softplus(x))                                Mish
 *     x clip(x + 3, 0, 6) / 6,  x hardsigmoid(x)         HardSwish
 *     x (1 + erf(x / sqrt(2))) / 2                       Gelu
 *     x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2  Gelu, approximate
 *
 * whatever the order of factors, summands and constants, if nobody else uses what lies between
 * and it is not in `keep` (NULL terminated; NULL: none). The last node becomes the operator, of
 * whatever opset that is; the others are left without a use. Results agree to rounding.
 */
nt_status nt_idioms(nt_graph *g, const char *const *keep, nt_err *e) NT_MUST_CHECK;

#endif
