/* SPDX-License-Identifier: MIT */
#include "data/dir.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool nt_is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

nt_status nt_dir_each(const char *path, void *ctx, nt_entry_fn *each, nt_err *e)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, by_bytes);
    nt_status s = NT_OK;

    if (n < 0)
        return nt_fail_errno(e, "%s", path);
    for (int i = 0; i < n; i++) {
        if (s == NT_OK && entries[i]->d_name[0] != '.')
            s = each(ctx, path, entries[i]->d_name, e);
        free(entries[i]);
    }
    free(entries);
    return s;
}
