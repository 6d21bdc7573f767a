/* SPDX-License-Identifier: MIT */
#include "report/doc.h"

#include "report/markup.h"

#include <math.h>
#include <string.h>

static void add(nt_doc *d, const char *text)
{
    if (d->markdown)
        nt_markup_markdown(d->out, text);
    else
        nt_markup_text(d->out, text);
}

void nt_doc_heading(nt_doc *d, int level, const char *text)
{
    if (d->markdown)
        nt_str_addf(d->out, "%s%s ", level > 1 ? "\n" : "", level > 1 ? "##" : "#");
    else
        nt_str_addf(d->out, "<h%d>", level);
    add(d, text);
    if (d->markdown)
        nt_str_add(d->out, "\n\n");
    else
        nt_str_addf(d->out, "</h%d>\n", level);
}

void nt_doc_text(nt_doc *d, const char *style, const char *text)
{
    if (d->markdown) {
        add(d, text);
        nt_str_add(d->out, "\n\n");
        return;
    }
    if (style)
        nt_str_addf(d->out, "<p class=\"%s\">", style);
    else
        nt_str_add(d->out, "<p>");
    add(d, text);
    nt_str_add(d->out, "</p>\n");
}

/* Lines that are indented by four are lines as they are, whatever is in them. */
static void add_indented(nt_str *out, const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (i == 0 || text[i - 1] == '\n')
            nt_str_add(out, "    ");
        if ((c < ' ' && c != '\n') || c == 0x7f)
            nt_str_add(out, "?");
        else
            nt_str_addn(out, text + i, 1);
    }
    nt_str_add(out, n > 0 && text[n - 1] != '\n' ? "\n\n" : "\n");
}

void nt_doc_lines(nt_doc *d, const char *text)
{
    if (d->markdown) {
        add_indented(d->out, text);
        return;
    }
    nt_str_add(d->out, "<pre>");
    add(d, text);
    nt_str_add(d->out, "</pre>\n");
}

/* ---- tables */

void nt_doc_table(nt_doc *d, const char *columns)
{
    d->columns = columns;
    d->at = 0;
    if (!d->markdown)
        nt_str_add(d->out, "<div class=\"wide\"><table>\n<tr>");
}

void nt_doc_row(nt_doc *d, const char *style)
{
    d->at = 0;
    if (d->markdown)
        return;
    if (style)
        nt_str_addf(d->out, "<tr class=\"%s\">", style);
    else
        nt_str_add(d->out, "<tr>");
}

static void open_cell(nt_doc *d, const char *name)
{
    char column = d->columns[d->at];

    if (d->markdown)
        nt_str_add(d->out, "| ");
    else
        nt_str_addf(d->out, "<%s%s>", name,
                    column == 'r'   ? " class=\"n\""
                    : column == 'w' ? " class=\"w\""
                                    : "");
}

static bool step(nt_doc *d)
{
    return d->columns[++d->at] == '\0';
}

static void add_rule(nt_doc *d)
{
    for (const char *c = d->columns; *c; c++)
        nt_str_add(d->out, *c == 'r' ? "|--:" : "|---");
    nt_str_add(d->out, "|\n");
}

void nt_doc_head(nt_doc *d, const char *text)
{
    open_cell(d, "th");
    add(d, text);
    nt_str_add(d->out, d->markdown ? " " : "</th>");
    if (!step(d))
        return;
    nt_str_add(d->out, d->markdown ? "|\n" : "</tr>\n");
    if (d->markdown)
        add_rule(d);
}

static void end_cell(nt_doc *d)
{
    nt_str_add(d->out, d->markdown ? " " : "</td>");
    if (step(d))
        nt_str_add(d->out, d->markdown ? "|\n" : "</tr>\n");
}

void nt_doc_cell(nt_doc *d, const char *text)
{
    open_cell(d, "td");
    add(d, text);
    end_cell(d);
}

/* Length of a bar in per cent; what there is can be seen. */
static double length(double v, double most)
{
    return v > 0 ? fmin(fmax(100 * v / most, 0.5), 100) : 0;
}

void nt_doc_cell_change(nt_doc *d, const nt_doc_change *c)
{
    open_cell(d, "td");
    add(d, c->before);
    if (strcmp(c->before, c->after) != 0) {
        nt_str_add(d->out, *c->before ? " \xe2\x86\x92 " : "");
        add(d, c->after);
    }
    if (!d->markdown && c->most > 0)
        nt_str_addf(d->out,
                    "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\">"
                    "<rect class=\"was\" width=\"%.1f\" height=\"8\"/>"
                    "<rect class=\"is\" width=\"%.1f\" height=\"8\"/></svg>",
                    length(c->was, c->most), length(c->is, c->most));
    end_cell(d);
}

void nt_doc_table_end(nt_doc *d)
{
    nt_str_add(d->out, d->markdown ? "\n" : "</table></div>\n");
}
