/* SPDX-License-Identifier: MIT */
#include "export/format.h"

#include "base/alloc.h"
#include "base/str.h"

#include <string.h>

static const nt_export_format *const all[] = {&nt_format_onnx, &nt_format_jit, &nt_format_tflite,
                                              &nt_format_dlrt, &nt_format_c};

enum { N_FORMATS = sizeof all / sizeof *all };

const nt_export_format *nt_format_at(size_t i)
{
    return i < N_FORMATS ? all[i] : NULL;
}

/* "onnx, dlrt" */
static nt_status refuse(const char *what, nt_err *e)
{
    nt_str names = {0};
    nt_status s;

    for (size_t i = 0; i < N_FORMATS; i++)
        nt_str_addf(&names, "%s%s", i ? ", " : "", nt_format_at(i)->name);
    s = names.failed ? nt_fail_nomem(e) : nt_fail(e, NT_EINVAL, "%s (%s)", what, names.p);
    nt_str_release(&names);
    return s;
}

static nt_status refuse_name(const char *name, size_t n, nt_err *e)
{
    char *what = nt_strfmt("-f: format '%.*s' is not supported", (int)n, name);
    nt_status s = what ? refuse(what, e) : nt_fail_nomem(e);

    nt_free(what);
    return s;
}

/* The index of the format with this name of n characters; N_FORMATS: none. */
static size_t named(const char *name, size_t n)
{
    size_t i = 0;

    while (i < N_FORMATS &&
           (strlen(nt_format_at(i)->name) != n || strncmp(nt_format_at(i)->name, name, n) != 0))
        i++;
    return i;
}

const nt_export_format *nt_format_find(const char *name)
{
    return nt_format_at(named(name, strlen(name)));
}

nt_status nt_formats_read(const nt_export_format ***out, const char *list, nt_err *e)
{
    bool wanted[N_FORMATS] = {false};
    const nt_export_format **v;
    size_t n = 0;

    if (!*list)
        return refuse("-f: a format is wanted", e);
    for (const char *p = list; *p; p += n + (p[n] == ',')) {
        n = strcspn(p, ",");
        if (named(p, n) == N_FORMATS)
            return refuse_name(p, n, e);
        wanted[named(p, n)] = true;
    }
    v = nt_calloc(N_FORMATS + 1, sizeof *v);
    if (!v)
        return nt_fail_nomem(e);
    n = 0;
    for (size_t i = 0; i < N_FORMATS; i++) {
        if (wanted[i])
            v[n++] = nt_format_at(i);
    }
    *out = v;
    return NT_OK;
}
