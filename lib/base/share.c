/* SPDX-License-Identifier: MIT */
#include "base/share.h"

#include "base/alloc.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *existing(char *path)
{
    if (path && nt_path_exists(path))
        return path;
    nt_free(path);
    return NULL;
}

/* The folder that the running program lies in, with its last slash; "" where unknown. */
static void program_folder(char *buf, size_t n)
{
    ssize_t len = readlink("/proc/self/exe", buf, n - 1);

    buf[len < 0 ? 0 : len] = 0;
    if (strrchr(buf, '/'))
        strrchr(buf, '/')[1] = 0;
}

char *nt_share_path(const char *name)
{
    static const char *const beside[] = {"../share/nt", "../../share"};
    const char *env = getenv("NT_SHARE");
    char folder[4096], *found;

    if (env && *env && (found = existing(nt_path_join(env, name))))
        return found;
    program_folder(folder, sizeof folder);
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        if ((found = existing(nt_strfmt("%s%s/%s", folder, beside[i], name))))
            return found;
    }
    return NULL;
}
