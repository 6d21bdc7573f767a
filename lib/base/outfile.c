/* SPDX-License-Identifier: MIT */
/*
 * The output goes to a temporary in the target's folder and is renamed over the target when all
 * of it is on disk. The names of the live temporaries stand in a fixed table, so that a signal
 * handler (of any thread) can remove them without touching the heap: a slot's path is written
 * before its state says LIVE, and the memory is never freed. Files that are held until the end
 * of the command, and folders that were made for them, stand in a list that only grows.
 */
#define _XOPEN_SOURCE 700 /* realpath */

#include "base/outfile.h"

#include "base/alloc.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_LIVE 64

enum { FREE, TAKEN, LIVE };

typedef struct live_slot {
    atomic_int state;
    pid_t owner; /* a forked child must not remove its parent's files */
    char path[PATH_MAX];
} live_slot;

static live_slot live[MAX_LIVE];

/* A file or folder that waits; the last one first. Nodes stay for the process's life. */
typedef struct held {
    struct held *next;
    atomic_int state; /* LIVE, or FREE: done with */
    pid_t owner;
    char *path;
    char *target; /* NULL of a folder */
} held;

static _Atomic(held *) held_list;
static atomic_bool holding;

struct nt_outfile {
    FILE *file;
    char *shown;     /* the path in messages */
    char *target;    /* what the temporary is renamed to; NULL where written directly */
    live_slot *temp; /* NULL where written directly */
};

void nt_outfile_unlink_all(void)
{
    int code = errno;

    for (size_t i = 0; i < MAX_LIVE; i++)
        if (atomic_load(&live[i].state) == LIVE && live[i].owner == getpid())
            unlink(live[i].path);
    /* what lies in a folder came after it: so it stands before it here */
    for (held *h = atomic_load(&held_list); h; h = h->next) {
        if (atomic_load(&h->state) != LIVE || h->owner != getpid())
            continue;
        if (h->target)
            unlink(h->path);
        else
            rmdir(h->path);
    }
    errno = code;
}

static live_slot *slot_take(void)
{
    for (size_t i = 0; i < MAX_LIVE; i++) {
        int expected = FREE;

        if (atomic_compare_exchange_strong(&live[i].state, &expected, TAKEN)) {
            live[i].owner = getpid();
            return &live[i];
        }
    }
    return NULL;
}

static void slot_give_back(live_slot *slot)
{
    if (slot)
        atomic_store(&slot->state, FREE);
}

/* Where `path` really lies, so that a symbolic link stays one; *st is of what is there now. */
static nt_status find_target(char **target, struct stat *st, const char *path, nt_err *e)
{
    char *real = NULL;

    *st = (struct stat){0};
    if (stat(path, st) == 0)
        real = realpath(path, NULL);
    else if (errno != ENOENT)
        return nt_fail_errno(e, "%s", path);
    *target = nt_strdup(real ? real : path);
    free(real);
    return *target ? NT_OK : nt_fail_nomem(e);
}

/* Creates DIR/.nt-XXXX.tmp, a name no other process makes: by process, slot and time. */
static nt_status create_temp(nt_outfile *f, int *fd, nt_err *e)
{
    const char *slash = strrchr(f->target, '/');
    int dir = slash ? (int)(slash - f->target) + 1 : 0;

    for (int tries = 0; tries < 100; tries++) {
        live_slot *t = f->temp;
        struct timespec now;
        int n;

        clock_gettime(CLOCK_REALTIME, &now);
        atomic_store(&t->state, TAKEN);
        n = snprintf(t->path, sizeof t->path, "%.*s.nt-%jx-%x-%lx.tmp", dir, f->target,
                     (uintmax_t)getpid(), (unsigned)(t - live), (unsigned long)now.tv_nsec);
        if (n < 0 || (size_t)n >= sizeof t->path)
            return nt_fail(e, NT_EIO, "%s: the path is too long", f->shown);
        atomic_store(&t->state, LIVE);
        *fd = open(t->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*fd >= 0)
            return NT_OK;
        atomic_store(&t->state, TAKEN);
        if (errno != EEXIST)
            break;
    }
    return nt_fail_errno(e, "%s: cannot create", f->shown);
}

static nt_status open_temp(nt_outfile *f, const struct stat *old, nt_err *e)
{
    nt_status s = NT_OK;
    int fd = -1;

    f->temp = slot_take();
    if (!f->temp)
        return nt_fail(e, NT_EIO, "%s: more than %d outputs are open", f->shown, MAX_LIVE);
    NT_TRY(create_temp(f, &fd, e));
    if (old->st_mode && fchmod(fd, old->st_mode & 0777))
        NT_TRY(nt_fail_errno(e, "%s: cannot set its mode", f->shown));
    f->file = fdopen(fd, "wb");
    if (!f->file)
        NT_TRY(nt_fail_errno(e, "%s", f->shown));
done:
    if (s != NT_OK && fd >= 0)
        close(fd);
    return s;
}

static nt_status open_direct(nt_outfile *f, nt_err *e)
{
    f->file = fopen(f->shown, "wb");
    return f->file ? NT_OK : nt_fail_errno(e, "%s: cannot open", f->shown);
}

static nt_status open_path(nt_outfile *f, const char *path, nt_err *e)
{
    nt_status s = NT_OK;
    struct stat st;

    if (strcmp(path, "-") == 0) {
        f->file = stdout;
        return NT_OK;
    }
    NT_TRY(find_target(&f->target, &st, path, e));
    if (S_ISDIR(st.st_mode))
        NT_TRY(nt_fail(e, NT_EIO, "%s: is a folder", path));
    if (st.st_mode && !S_ISREG(st.st_mode))
        NT_TRY(open_direct(f, e));
    else
        NT_TRY(open_temp(f, &st, e));
done:
    return s;
}

nt_status nt_outfile_open(nt_outfile **out, const char *path, nt_err *e)
{
    nt_status s = NT_OK;
    nt_outfile *f = nt_calloc(1, sizeof *f);

    if (!f)
        return nt_fail_nomem(e);
    f->shown = nt_strdup(strcmp(path, "-") == 0 ? "standard output" : path);
    if (!f->shown)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(open_path(f, path, e));
    *out = f;
    f = NULL;
done:
    nt_outfile_abandon(f);
    return s;
}

nt_status nt_outfile_write(nt_outfile *f, const void *bytes, size_t n, nt_err *e)
{
    if (n && fwrite(bytes, 1, n, f->file) != n)
        return nt_fail_errno(e, "%s: cannot write", f->shown);
    return NT_OK;
}

static nt_status flush(nt_outfile *f, nt_err *e)
{
    if (fflush(f->file) || ferror(f->file) || (f->temp && fsync(fileno(f->file))))
        return nt_fail_errno(e, "%s: cannot write", f->shown);
    return NT_OK;
}

static nt_status close_file(nt_outfile *f, nt_err *e)
{
    FILE *file = f->file;

    f->file = NULL;
    if (file != stdout && fclose(file))
        return nt_fail_errno(e, "%s: cannot write", f->shown);
    return NT_OK;
}

/* ---- what is held */

bool nt_outfile_hold(bool hold)
{
    return atomic_exchange(&holding, hold);
}

/* target: taken, also on failure; NULL of a folder. */
static nt_status add_held(const char *path, char *target, nt_err *e)
{
    held *h = nt_calloc(1, sizeof *h);

    if (h)
        h->path = nt_strdup(path);
    if (!h || !h->path) {
        nt_free(h);
        nt_free(target);
        return nt_fail_nomem(e);
    }
    h->target = target;
    h->owner = getpid();
    h->next = atomic_load(&held_list);
    atomic_store(&h->state, LIVE);
    atomic_store(&held_list, h);
    return NT_OK;
}

static void let_go(held *h)
{
    atomic_store(&h->state, FREE);
    nt_free(h->path);
    nt_free(h->target);
    h->path = h->target = NULL;
}

void nt_outfile_drop(void)
{
    for (held *h = atomic_load(&held_list); h; h = h->next) {
        if (atomic_load(&h->state) != LIVE)
            continue;
        if (h->target)
            unlink(h->path);
        else
            rmdir(h->path);
        let_go(h);
    }
}

/* The oldest one that waits; NULL: there is none. */
static held *oldest(void)
{
    held *found = NULL;

    for (held *h = atomic_load(&held_list); h; h = h->next)
        if (atomic_load(&h->state) == LIVE)
            found = h;
    return found;
}

nt_status nt_outfile_reveal(nt_err *e)
{
    nt_status s = NT_OK;

    for (held *h = oldest(); h; h = oldest()) {
        if (h->target && rename(h->path, h->target))
            NT_TRY(nt_fail_errno(e, "%s: cannot rename its temporary", h->target));
        let_go(h);
    }
done:
    nt_outfile_drop();
    return s;
}

const char *nt_outfile_place(const char *path)
{
    struct stat st;
    char *target = NULL;
    const char *place = path;
    nt_err ignored;

    if (find_target(&target, &st, path, &ignored) != NT_OK)
        return path;
    for (held *h = atomic_load(&held_list); h; h = h->next) {
        if (atomic_load(&h->state) != LIVE || !h->target || strcmp(h->target, target) != 0)
            continue;
        place = h->path;
        break;
    }
    nt_free(target);
    return place;
}

/* One folder, which is noted where it was not there. */
static nt_status make_dir(const char *path, nt_err *e)
{
    bool old = nt_path_exists(path);
    nt_status s = nt_make_dir(path, e);

    return s == NT_OK && !old ? add_held(path, NULL, e) : s;
}

nt_status nt_outfile_make_dirs(const char *path, nt_err *e)
{
    return nt_walk_dirs(path, atomic_load(&holding) ? make_dir : nt_make_dir, e);
}

/* ---- the end of a file */

/* The temporary waits under its name. */
static nt_status keep_back(nt_outfile *f, nt_err *e)
{
    nt_status s = add_held(f->temp->path, f->target, e);

    f->target = NULL;
    if (s != NT_OK)
        return s;
    slot_give_back(f->temp);
    f->temp = NULL;
    return NT_OK;
}

nt_status nt_outfile_commit(nt_outfile *f, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(flush(f, e));
    NT_TRY(close_file(f, e));
    if (f->temp && atomic_load(&holding)) {
        NT_TRY(keep_back(f, e));
    } else if (f->temp) {
        if (rename(f->temp->path, f->target))
            NT_TRY(nt_fail_errno(e, "%s: cannot rename its temporary", f->shown));
        slot_give_back(f->temp);
        f->temp = NULL;
    }
done:
    nt_outfile_abandon(f);
    return s;
}

void nt_outfile_abandon(nt_outfile *f)
{
    if (!f)
        return;
    if (f->file && f->file != stdout)
        fclose(f->file);
    if (f->temp && atomic_load(&f->temp->state) == LIVE)
        unlink(f->temp->path);
    slot_give_back(f->temp);
    nt_free(f->target);
    nt_free(f->shown);
    nt_free(f);
}

nt_status nt_outfile_save(const char *path, const void *bytes, size_t n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_outfile *f = NULL;

    NT_TRY(nt_outfile_open(&f, path, e));
    NT_TRY(nt_outfile_write(f, bytes, n, e));
    s = nt_outfile_commit(f, e);
    f = NULL;
done:
    nt_outfile_abandon(f);
    return s;
}
