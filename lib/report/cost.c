/* SPDX-License-Identifier: MIT */
#include "report/cost.h"

#include "report/table.h"

#include <inttypes.h>

enum { MOST = 64 };

static void cheap_cell(nt_table *t, const nt_cost_layer *l, nt_cost_axis axis)
{
    int64_t count[MOST];
    int n = nt_cost_cheap(l, axis, count, MOST);
    nt_str text = {0};

    for (int i = 0; i < n && i < MOST; i++)
        nt_str_addf(&text, "%s%" PRId64, i ? " " : "", count[i]);
    nt_table_cell(t, "%s", text.p ? text.p : "");
    nt_str_release(&text);
}

static void rows(nt_table *t, const nt_cost *c)
{
    static const char *const head[] = {"Layer",     "Op",           "Weight",
                                       "Time (ms)", "Cheap inputs", "Cheap outputs"};

    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        nt_table_cell(t, "%s", head[i]);
    nt_table_rule(t);
    for (int i = 0; i < c->n; i++) {
        const nt_cost_layer *l = &c->layer[i];

        nt_table_cell(t, "%s", l->name);
        nt_table_cell(t, "%s", l->op);
        nt_table_cell(t, "%s", l->weight);
        nt_table_cell(t, "%.4f", nt_cost_ms(l, l->in, l->out));
        if (l->tied)
            nt_table_cell(t, "as outputs");
        else
            cheap_cell(t, l, NT_COST_IN);
        cheap_cell(t, l, NT_COST_OUT);
    }
}

nt_status nt_cost_text(nt_str *out, const nt_cost *c, nt_err *e)
{
    nt_table *t = nt_table_new("lllrll");
    bool ok;

    nt_str_addf(out,
                "%s, %s, %d thread%s, batch %" PRId64 ", %s: %d networks, %d runs each\n\n",
                c->cpu, c->backend, c->threads, c->threads == 1 ? "" : "s", c->batch,
                c->precision, c->networks, c->runs);
    rows(t, c);
    ok = nt_table_write(t, out);
    nt_table_free(t);
    return ok ? NT_OK : nt_fail_nomem(e);
}
