/* SPDX-License-Identifier: MIT */
#include "exec/watch.h"

#include "base/alloc.h"
#include "kernel/flags.h"

nt_status nt_watch_init(nt_watch *w, nt_device *dev, int n, nt_err *e)
{
    *w = (nt_watch){.dev = dev, .trouble = nt_calloc((size_t)n + 1, sizeof *w->trouble)};
    return w->trouble ? NT_OK : nt_fail_nomem(e);
}

void nt_watch_release(nt_watch *w)
{
    nt_free(w->trouble);
    *w = (nt_watch){0};
}

void nt_watch_begin(nt_watch *w)
{
    w->steps = 0;
    w->loses = w->nan = w->unsure = false;
    nt_flags_look(w->dev);
}

static void look(nt_watch *w)
{
    unsigned found = nt_flags_look(w->dev);
    bool invalid = found & NT_FLAGS_INVALID, stranger = found & NT_FLAGS_STRANGER;

    w->nan = w->nan || (invalid && w->loses);
    w->unsure = w->unsure || (stranger && w->steps > 1);
    if (w->learning)
        w->trouble[w->last] = stranger || (invalid && !w->loses);
    w->steps = 0;
    w->loses = false;
}

void nt_watch_before(nt_watch *w, int i, const nt_pstep *st)
{
    if (w->steps && (w->learning || w->trouble[i] || w->trouble[w->last]))
        look(w);
    w->last = i;
    w->steps++;
    w->loses = w->loses || (st->prim && nt_prim_loses_nan(st->prim));
}

bool nt_watch_end(nt_watch *w)
{
    if (w->steps)
        look(w);
    w->learned = w->learned || w->learning;
    w->learning = !w->learning && (w->unsure || (w->nan && !w->learned));
    return w->learning;
}
