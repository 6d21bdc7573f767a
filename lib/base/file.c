/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How much a regular file will bring, else 0; more than max is refused. */
static nt_status expected_size(size_t *size, int fd, size_t max, nt_err *e)
{
    struct stat st;

    *size = 0;
    if (fstat(fd, &st))
        return nt_fail_errno(e, "cannot read");
    if (!S_ISREG(st.st_mode) || st.st_size <= 0)
        return NT_OK;
    if ((uintmax_t)st.st_size > max)
        return nt_fail(e, NT_EFORMAT, "%jd bytes, want at most %zu", (intmax_t)st.st_size, max);
    *size = (size_t)st.st_size;
    return NT_OK;
}

static nt_status read_some(size_t *got, int fd, char *p, size_t n, nt_err *e)
{
    ssize_t r;

    do
        r = read(fd, p, n);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return nt_fail_errno(e, "cannot read");
    *got = (size_t)r;
    return NT_OK;
}

nt_status nt_file_read_block(size_t *got, int fd, char *p, size_t n, nt_err *e)
{
    nt_status s = NT_OK;
    size_t more = 1;

    for (*got = 0; *got < n && more > 0; *got += more)
        NT_TRY(read_some(&more, fd, p + *got, n - *got, e));
done:
    return s;
}

/* Twice the room, or all that a regular file of `size` bytes takes and a byte to see its end
 * by; with the NUL. */
static nt_status grow(char **p, size_t *room, size_t size, nt_err *e)
{
    size_t want;
    char *grown;

    if (!nt_size_mul(&want, *room, 2) || !nt_size_add(&size, size, 2))
        return nt_fail_nomem(e);
    want = want > size ? want : size;
    if (!(grown = nt_realloc(*p, want, 1)))
        return nt_fail_nomem(e);
    *p = grown;
    *room = want;
    return NT_OK;
}

static nt_status look(const nt_file_watch *w, const char *p, size_t n, nt_err *e)
{
    return w ? w->look(w->ctx, p, n, e) : NT_OK;
}

nt_status nt_file_read_rest(char **out, size_t *n, int fd, size_t max,
                            const nt_file_watch *watch, nt_err *e)
{
    nt_status s = NT_OK;
    char *p = *out;
    size_t room = NT_FILE_BLOCK + 1, used = *n, size, got = 1;

    *out = NULL;
    NT_TRY(expected_size(&size, fd, max, e));
    NT_TRY(look(watch, p, used, e));
    while (got > 0) {
        if (used + 1 == room) {
            if (!size && used > NT_FILE_BLOCK)
                NT_TRY(look(watch, p, used, e));
            NT_TRY(grow(&p, &room, size, e));
        }
        NT_TRY(read_some(&got, fd, p + used, room - used - 1, e));
        used += got;
        if (used > max)
            NT_TRY(nt_fail(e, NT_EFORMAT, "more than %zu bytes", max));
    }
    p[used] = '\0';
    *out = p;
    *n = used;
    p = NULL;
done:
    nt_free(p);
    return s;
}

nt_status nt_file_open_input(int *fd, const char *path, nt_err *e)
{
    *fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY);
    return *fd < 0 ? nt_fail_errno(e, "cannot open") : NT_OK;
}

void nt_file_close(int fd)
{
    if (fd > STDIN_FILENO)
        close(fd);
}

nt_status nt_file_read_watched(char **out, size_t *n, const char *path, size_t max,
                               const nt_file_watch *watch, nt_err *e)
{
    nt_status s = NT_OK;
    size_t used = 0;
    int fd = -1;
    char *p = NULL;

    NT_TRY(nt_file_open_input(&fd, path, e));
    if (!(p = nt_alloc(NT_FILE_BLOCK + 1, 1)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_file_read_block(&used, fd, p, NT_FILE_BLOCK, e));
    NT_TRY(nt_file_read_rest(&p, &used, fd, max, watch, e));
    *out = p;
    *n = used;
    p = NULL;
done:
    nt_free(p);
    nt_file_close(fd);
    return s;
}

nt_status nt_file_read(char **out, size_t *n, const char *path, size_t max, nt_err *e)
{
    return nt_file_read_watched(out, n, path, max, NULL, e);
}

nt_status nt_file_open(int *fd, size_t *n, const char *path, nt_err *e)
{
    struct stat st;
    int f;

    *fd = -1;
    if (strcmp(path, "-") == 0 || (stat(path, &st) == 0 && !S_ISREG(st.st_mode)))
        return NT_OK;
    f = open(path, O_RDONLY);
    if (f < 0)
        return nt_fail_errno(e, "cannot open");
    if (fstat(f, &st) || !S_ISREG(st.st_mode)) { /* another one by now */
        close(f);
        return NT_OK;
    }
    *fd = f;
    *n = (size_t)st.st_size;
    return NT_OK;
}

nt_status nt_file_read_at(void *out, size_t n, int fd, size_t at, nt_err *e)
{
    char *to = out;

    while (n > 0) {
        ssize_t got = pread(fd, to, n, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return nt_fail_errno(e, "cannot read");
        if (got == 0)
            return nt_fail(e, NT_EFORMAT, "ends early");
        to += got;
        at += (size_t)got;
        n -= (size_t)got;
    }
    return NT_OK;
}

char *nt_path_join(const char *dir, const char *name)
{
    size_t n = strlen(dir);
    bool slash = n > 0 && dir[n - 1] != '/';

    return nt_strfmt("%s%s%s", dir, slash ? "/" : "", name);
}

bool nt_path_is_inside(const char *name)
{
    if (!*name || *name == '/')
        return false;
    for (const char *p = name; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == '\0'))
            return false;
    }
    return true;
}

bool nt_path_exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

nt_status nt_make_dir(const char *path, nt_err *e)
{
    struct stat st;
    int code;

    if (mkdir(path, 0777) == 0)
        return NT_OK;
    code = errno;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return NT_OK;
    errno = code;
    return nt_fail_errno(e, "%s: cannot make the folder", path);
}

nt_status nt_walk_dirs(const char *path, nt_dir_fn *make, nt_err *e)
{
    nt_status s = NT_OK;
    char *part = nt_strdup(path);

    if (!part)
        return nt_fail_nomem(e);
    for (char *p = part + 1; *part && *p; p++) {
        if (*p != '/' || p[-1] == '/')
            continue;
        *p = '\0';
        NT_TRY(make(part, e));
        *p = '/';
    }
    NT_TRY(make(path, e));
done:
    nt_free(part);
    return s;
}

nt_status nt_make_dirs(const char *path, nt_err *e)
{
    return nt_walk_dirs(path, nt_make_dir, e);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void nt_remove_tree(const char *path)
{
    DIR *d = is_folder(path) ? opendir(path) : NULL;
    const struct dirent *one;

    while (d && (one = readdir(d))) {
        char *inner = NULL;

        if (strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0)
            inner = nt_path_join(path, one->d_name);
        if (inner && is_folder(inner))
            nt_remove_tree(inner);
        else if (inner)
            unlink(inner);
        nt_free(inner);
    }
    if (d)
        closedir(d);
    rmdir(path);
}
