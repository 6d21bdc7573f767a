/* SPDX-License-Identifier: MIT */
/* table.h - text tables: columns as wide as what they hold, numbers to the right. */
#ifndef NT_REPORT_TABLE_H
#define NT_REPORT_TABLE_H

#include "base/str.h"

typedef struct nt_table nt_table;

/* One letter per column: 'l' left, 'r' right aligned. NULL when memory ran out. */
nt_table *nt_table_new(const char *columns);
void nt_table_free(nt_table *t);
/* The next cell of the current row; rows fill from the left. The first row is the heading. */
void nt_table_cell(nt_table *t, const char *fmt, ...) NT_PRINTF(2, 3);
/* A rule across the table before the next row. */
void nt_table_rule(nt_table *t);
/* Appends the table; false when memory ran out at any time. */
bool nt_table_write(const nt_table *t, nt_str *out);

#endif
