/* SPDX-License-Identifier: MIT */
#include "kernel/backends.h"

#include "base/str.h"
#include "kernel/backend.h"

#include <string.h>

/* make NO_ONEDNN=1 leaves out the folder onednn; its name is still known. */
#ifdef NT_NO_ONEDNN
const nt_backend nt_backend_onednn = {.name = "onednn"};
#endif

#define DECLARE(name) extern const nt_backend nt_backend_##name;
NT_BACKENDS(DECLARE)

#define ADDRESS(name) &nt_backend_##name,
static const nt_backend *const all[] = {NT_BACKENDS(ADDRESS)};
enum { N = sizeof all / sizeof *all };

static bool is_built_in(const nt_backend *b)
{
    return b->open != NULL;
}

static nt_status unknown(const char *name, nt_err *e)
{
    nt_str names = {0};
    nt_status s;

    for (int i = 0; i < N; i++)
        nt_str_addf(&names, "%s%s", i == 0 ? "" : i + 1 < N ? ", " : " or ", all[i]->name);
    s = names.failed ? nt_fail_nomem(e)
                     : nt_fail(e, NT_EINVAL, "NT_BACKEND is '%s', want %s", name, names.p);
    nt_str_release(&names);
    return s;
}

nt_status nt_backend_find(const nt_backend **out, const char *name, nt_err *e)
{
    bool any = !name || !*name;

    for (int i = 0; i < N; i++) {
        if (any ? !is_built_in(all[i]) : strcmp(name, all[i]->name) != 0)
            continue;
        if (!is_built_in(all[i]))
            return nt_fail(e, NT_EUNSUPPORTED, "NT_BACKEND is '%s', which is not built in",
                           name);
        *out = all[i];
        return NT_OK;
    }
    return unknown(name, e);
}

const nt_backend *nt_backend_portable(int where)
{
    for (int i = 0; i < N; i++)
        if (all[i]->portable && all[i]->where == where)
            return all[i];
    return NULL;
}
