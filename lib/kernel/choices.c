/* SPDX-License-Identifier: MIT */
#include "kernel/choices.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BYTES = 16 << 20, SUM_DIGITS = 8 };

typedef struct entry {
    char *choice, *key; /* one block, at choice */
} entry;

struct nt_choices {
    char *path;
    entry *v;
    size_t n, cap;
    nt_err trouble;
};

static nt_status remember(nt_choices *c, const char *choice, size_t n_choice, const char *key,
                          size_t n_key, nt_err *e)
{
    char *text;

    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 64;
        entry *v = nt_realloc(c->v, cap, sizeof *v);

        if (!v)
            return nt_fail_nomem(e);
        c->v = v;
        c->cap = cap;
    }
    text = nt_alloc(n_choice + n_key + 2, 1);
    if (!text)
        return nt_fail_nomem(e);
    memcpy(text, choice, n_choice);
    text[n_choice] = '\0';
    memcpy(text + n_choice + 1, key, n_key);
    text[n_choice + 1 + n_key] = '\0';
    c->v[c->n++] = (entry){text, text + n_choice + 1};
    return NT_OK;
}

/* The text behind SUM where a line (n bytes, without its end) is sound, else NULL. */
static const char *checked(const char *line, size_t n)
{
    const size_t head = 4 + SUM_DIGITS + 1; /* "nt1 SUM " */
    nt_sha256_hex sum;

    if (n <= head || memcmp(line, "nt1 ", 4) != 0 || line[head - 1] != ' ')
        return NULL;
    sum = nt_sha256(line + head, n - head);
    return memcmp(line + 4, sum.text, SUM_DIGITS) == 0 ? line + head : NULL;
}

static nt_status read_line(nt_choices *c, const char *line, size_t n, nt_err *e)
{
    const char *choice = checked(line, n), *end = line + n, *ms, *key;

    if (!choice || !(ms = memchr(choice, ' ', (size_t)(end - choice))) ||
        !(key = memchr(ms + 1, ' ', (size_t)(end - ms - 1))))
        return NT_OK;
    return remember(c, choice, (size_t)(ms - choice), key + 1, (size_t)(end - key - 1), e);
}

static nt_status read_all(nt_choices *c, nt_err *e)
{
    char *text = NULL;
    size_t n = 0;
    nt_status s;

    if (!nt_path_exists(c->path))
        return NT_OK;
    s = nt_file_read(&text, &n, c->path, MAX_BYTES, &c->trouble);
    if (s != NT_OK && s != NT_ENOMEM)
        return NT_OK;
    if (s == NT_ENOMEM)
        return nt_fail_nomem(e);
    for (const char *p = text, *next; p < text + n; p = next + 1) {
        next = memchr(p, '\n', (size_t)(text + n - p));
        if (!next)
            break; /* torn, or being written */
        NT_TRY(read_line(c, p, (size_t)(next - p), e));
    }
done:
    nt_free(text);
    return s;
}

nt_status nt_choices_open(nt_choices **out, const char *path, nt_err *e)
{
    nt_status s = NT_OK;
    nt_choices *c = nt_calloc(1, sizeof *c);

    if (!c || (path && !(c->path = nt_strdup(path))))
        NT_TRY(nt_fail_nomem(e));
    if (path)
        NT_TRY(read_all(c, e));
    *out = c;
    c = NULL;
done:
    nt_choices_close(c);
    return s;
}

void nt_choices_close(nt_choices *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        nt_free(c->v[i].choice);
    nt_free(c->v);
    nt_free(c->path);
    nt_free(c);
}

const char *nt_choices_find(const nt_choices *c, const char *key)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->v[i].key, key) == 0)
            return c->v[i].choice;
    return NULL;
}

static nt_status make_folder(const char *path, nt_err *e)
{
    const char *slash = strrchr(path, '/');
    nt_str dir = {0};
    nt_status s = NT_OK;

    if (!slash || slash == path)
        return NT_OK;
    nt_str_addn(&dir, path, (size_t)(slash - path));
    if (dir.failed)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_make_dirs(dir.p, e));
done:
    nt_str_release(&dir);
    return s;
}

/* In one write, behind whatever is there; a torn last line is ended first. */
static nt_status append(const char *path, const nt_str *line, nt_err *e)
{
    nt_status s = NT_OK;
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
    char last = '\n';
    bool whole;

    if (fd < 0)
        return nt_fail(e, NT_EIO, "%s", strerror(errno));
    if (end > 0 && pread(fd, &last, 1, end - 1) != 1)
        last = '\n';
    whole = last == '\n'; /* the line has a newline in front, to be left out here */
    if (write(fd, line->p + whole, line->n - whole) != (ssize_t)(line->n - whole))
        s = nt_fail(e, NT_EIO, "%s", errno ? strerror(errno) : "could not be written");
    if (close(fd) != 0 && s == NT_OK)
        s = nt_fail(e, NT_EIO, "%s", strerror(errno));
    return s;
}

static void write_line(nt_choices *c, const char *text)
{
    nt_str line = {0};
    nt_sha256_hex sum = nt_sha256(text, strlen(text));

    nt_str_addf(&line, "\nnt1 %.*s %s\n", SUM_DIGITS, sum.text, text);
    if (line.failed)
        (void)nt_fail_nomem(&c->trouble);
    else if (make_folder(c->path, &c->trouble) == NT_OK)
        (void)append(c->path, &line, &c->trouble);
    nt_str_release(&line);
}

nt_status nt_choices_add(nt_choices *c, const char *key, const char *choice, double ms,
                         nt_err *e)
{
    nt_status s = NT_OK;
    nt_str text = {0};

    NT_TRY(remember(c, choice, strlen(choice), key, strlen(key), e));
    nt_str_addf(&text, "%s %.4f %s", choice, ms, key);
    if (text.failed)
        NT_TRY(nt_fail_nomem(e));
    if (c->path && !c->trouble.msg[0])
        write_line(c, text.p);
done:
    nt_str_release(&text);
    return s;
}

const char *nt_choices_path(const nt_choices *c)
{
    return c->path;
}

const char *nt_choices_trouble(const nt_choices *c)
{
    return c->trouble.msg[0] ? c->trouble.msg : NULL;
}
