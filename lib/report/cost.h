/* SPDX-License-Identifier: MIT */
/* cost.h - a table of costs for people: per layer, which counts of channels are cheap. */
#ifndef NT_REPORT_COST_H
#define NT_REPORT_COST_H

#include "base/str.h"
#include "measure/cost.h"

/* A row per layer, with its time at full width and its cheap counts (nt_cost_cheap). */
nt_status nt_cost_text(nt_str *out, const nt_cost *c, nt_err *e) NT_MUST_CHECK;

#endif
