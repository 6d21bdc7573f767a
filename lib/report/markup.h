/* SPDX-License-Identifier: MIT */
/* markup.h - text and numbers as a page shows them. */
#ifndef NT_REPORT_MARKUP_H
#define NT_REPORT_MARKUP_H

#include "base/str.h"

/* Appends text for HTML and SVG, inside elements and quoted attributes: & < > " ' become
 * references, control characters and what is no UTF-8 become '?'. NULL is nothing. */
void nt_markup_text(nt_str *out, const char *text);
/* The same for a line of Markdown and a cell of its tables: its marks and those of HTML are
 * escaped, control characters and ends of lines become spaces, what is no UTF-8 '?'. */
void nt_markup_markdown(nt_str *out, const char *text);

/* Numbers for people, with three digits that count; "-" where v is not finite. Returns buf. */
char *nt_bytes_text(char *buf, size_t n, double v); /* "5.6 MiB", "944 B" */
char *nt_count_text(char *buf, size_t n, double v); /* "1.47 M", "508" */
char *nt_times_text(char *buf, size_t n, double v); /* "16.9x" */

#endif
