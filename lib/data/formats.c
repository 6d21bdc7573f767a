/* SPDX-License-Identifier: MIT */
/* formats.c - the formats of data that there are. */
#include "base/file.h"
#include "base/str.h"
#include "data/source.h"

#include <string.h>

static const nt_data_format *const formats[] = {&nt_format_cifar10,      &nt_format_cifar100,
                                                &nt_format_folder,       &nt_format_idx,
                                                &nt_format_segmentation, &nt_format_voc};

#define N_FORMATS (sizeof formats / sizeof *formats)

nt_status nt_format_get(const nt_data_format **out, const char *name, nt_err *e)
{
    nt_str names = {0};

    for (size_t i = 0; i < N_FORMATS; i++)
        if (strcmp(formats[i]->name, name) == 0) {
            *out = formats[i];
            return NT_OK;
        }
    for (size_t i = 0; i < N_FORMATS; i++)
        nt_str_addf(&names, "%s%s", i ? ", " : "", formats[i]->name);
    nt_fail(e, NT_EUNSUPPORTED, "data format '%.60s' is not supported, want one of %s", name,
            names.failed ? "those in the manual" : names.p);
    nt_str_release(&names);
    return NT_EUNSUPPORTED;
}

nt_status nt_format_list(const nt_data_format *f, cJSON *splits, const char *path, nt_err *e)
{
    nt_status s;

    if (!nt_path_exists(path))
        return nt_fail_errno(e, "%s", path);
    s = f->list(splits, path, e);
    if (s == NT_OK && !splits->child)
        s = nt_fail(e, NT_EIO, "%s: no data of format '%s' there", path, f->name);
    return s;
}
