/* SPDX-License-Identifier: MIT */
#include "report/import.h"

#include "prune/channels.h"

#include <string.h>

static void list_events(nt_str *out, const char *what, const nt_load_event *v, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += strcmp(v[i].what, what) == 0;
    if (count == 0)
        return;
    nt_str_addf(out, "%s %zu node%s\n", what, count, count == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].what, what) == 0)
            nt_str_addf(out, "%s: %s (%s)\n", what, v[i].node, v[i].op);
}

static void list_frozen(nt_str *out, const nt_channels *c)
{
    int n = 0;

    for (int i = 0; i < c->n_layers; i++)
        n += c->layers[i].set < 0;
    nt_str_addf(out, "frozen %d of %d layers\n", n, c->n_layers);
    for (int i = 0; i < c->n_layers; i++)
        if (c->layers[i].set < 0)
            nt_str_addf(out, "frozen: %s (%s)\n", c->layers[i].name,
                        c->layers[i].why ? c->layers[i].why : "nothing can go");
}

nt_status nt_import_notes(nt_str *out, const nt_load_log *log, nt_graph *g, nt_err *e)
{
    static const char *const kinds[] = {"inlined", "unused", "folded"};
    size_t n = 0;
    const nt_load_event *v = nt_load_log_events(log, &n);
    nt_channels *c = NULL;
    nt_err why;
    nt_status s = NT_OK;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        list_events(out, kinds[i], v, n);
    s = nt_channels_new(&c, g, &why);
    if (s == NT_OK)
        list_frozen(out, c);
    else
        nt_str_addf(out, "which layers are frozen is not known: %s\n", why.msg);
    nt_channels_free(c);
    if (s == NT_ENOMEM || out->failed)
        return nt_fail_nomem(e);
    return NT_OK;
}
