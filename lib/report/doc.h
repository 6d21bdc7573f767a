/* SPDX-License-Identifier: MIT */
/*
 * doc.h - headings, paragraphs and tables as HTML or as Markdown, from one telling of them.
 *
 * All text is text: what it holds of either language's marks is escaped. Out of memory:
 * out->failed.
 */
#ifndef NT_REPORT_DOC_H
#define NT_REPORT_DOC_H

#include "base/str.h"

typedef struct nt_doc {
    nt_str *out;
    bool markdown;
    const char *columns; /* of the table that is open: 'l' text, 'w' text of several lines, 'r'
                            numbers */
    int at;              /* the cell that comes next */
} nt_doc;

void nt_doc_heading(nt_doc *d, int level, const char *text);
/* `style` is a class of HTML, or NULL. */
void nt_doc_text(nt_doc *d, const char *style, const char *text);
/* Lines as they are, such as commands. */
void nt_doc_lines(nt_doc *d, const char *text);

/* Opens a table, which scrolls within itself; cells of the heading follow, then rows. */
void nt_doc_table(nt_doc *d, const char *columns);
/* Begins a row; it ends with the cell of its last column. */
void nt_doc_row(nt_doc *d, const char *style);
void nt_doc_head(nt_doc *d, const char *text);
void nt_doc_cell(nt_doc *d, const char *text);
/* "before → after"; in HTML with a bar for each, `was` and `is` of `most` long. */
typedef struct nt_doc_change {
    const char *before, *after;
    double was, is, most; /* most 0: no bars */
} nt_doc_change;
void nt_doc_cell_change(nt_doc *d, const nt_doc_change *c);
void nt_doc_table_end(nt_doc *d);

#endif
