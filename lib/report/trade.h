/* SPDX-License-Identifier: MIT */
/* trade.h - the pictures of what a job's candidates cost and what they are worth. */
#ifndef NT_REPORT_TRADE_H
#define NT_REPORT_TRADE_H

#include "report/facts.h"

/* Appends <figure>: the metric by size, by MACs and by time. Out of memory: out->failed. */
void nt_trade_write(nt_str *out, const nt_facts *f);

#endif
