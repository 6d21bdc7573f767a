/* SPDX-License-Identifier: MIT */
#include "search/trust.h"

#include "archive/archive.h"
#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/outfile.h"
#include "data/contents.h"
#include "search/inputs.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION 1
#define MAX_TEXT ((size_t)1 << 32)

struct nt_trust {
    nt_trust_opts o;
    cJSON *was, *is;            /* digests.json as it lay there (NULL: not), and as it is now */
    nt_str data;                /* the contents as they are now */
    char first[200], last[200]; /* change */
    int changes;
};

static nt_status load_text(char **out, const nt_trust *t, const char *name, nt_err *e)
{
    char *path = nt_path_join(t->o.dir, name);
    size_t n;
    nt_status s = path ? NT_OK : nt_fail_nomem(e);

    *out = NULL;
    if (s == NT_OK && nt_path_exists(path) &&
        (s = nt_file_read(out, &n, path, MAX_TEXT, e)) != NT_OK)
        nt_err_prefix(e, "%s", path);
    nt_free(path);
    return s;
}

static nt_status save_text(const nt_trust *t, const char *name, const char *text, nt_err *e)
{
    char *path = nt_path_join(t->o.dir, name);
    nt_status s =
        path && text ? nt_outfile_save(path, text, strlen(text), e) : nt_fail_nomem(e);

    nt_free(path);
    return s;
}

/* ---- digests of what was made */

/* "turns" are times of two models, in turn; "ratio" has that of their times among others. */
static bool is_time(const char *key)
{
    return key && (nt_ends_with(key, "_ms") || strcmp(key, "turns") == 0);
}

/* Takes out what is another time another figure. */
static void drop_times(cJSON *j)
{
    for (cJSON *c = j ? j->child : NULL, *next; c; c = next) {
        next = c->next;
        if (is_time(c->string))
            cJSON_Delete(cJSON_DetachItemViaPointer(j, c));
        else
            drop_times(c);
    }
}

static nt_status digest_measurement(nt_sha256_hex *out, const char *path, nt_err *e)
{
    cJSON *j = NULL;
    char *text = NULL;
    nt_status s = nt_json_load(&j, path, e);

    if (s == NT_EFORMAT) /* cut off or worse: whatever it is, by its bytes */
        return nt_sha256_file(out, path, e);
    if (s != NT_OK)
        return s;
    drop_times(j);
    if ((text = nt_json_text(j)))
        *out = nt_sha256(text, strlen(text));
    else
        s = nt_fail_nomem(e);
    nt_free(text);
    nt_json_free(j);
    return s;
}

/* "" where there is no such file. */
static nt_status digest(nt_sha256_hex *out, const nt_trust *t, const char *name, nt_err *e)
{
    char *path = nt_path_join(t->o.dir, name);
    nt_status s = NT_OK;

    *out = (nt_sha256_hex){{0}};
    if (!path)
        return nt_fail_nomem(e);
    if (nt_path_exists(path))
        s = nt_ends_with(name, ".json") && !nt_ends_with(name, ".costs.json")
                ? digest_measurement(out, path, e)
                : nt_sha256_file(out, path, e);
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    nt_free(path);
    return s;
}

/* ---- changes */

/* `then`: what comes of it where it is accepted. */
static void changed(nt_trust *t, const char *then, const char *fmt, ...) NT_PRINTF(3, 4);
static void changed(nt_trust *t, const char *then, const char *fmt, ...)
{
    char text[300];
    va_list ap;

    va_start(ap, fmt);
    if (t->changes++ == 0)
        vsnprintf(t->first, sizeof t->first, fmt, ap);
    else
        vsnprintf(t->last, sizeof t->last, fmt, ap);
    va_end(ap);
    snprintf(text, sizeof text, "%s; %s", t->changes == 1 ? t->first : t->last, then);
    if (t->o.accept && t->o.say)
        t->o.say(t->o.ctx, text);
}

static const char *const stays = "what was made before stays as it is";

static bool same(const nt_trust *t, const char *key)
{
    const char *was = cJSON_GetStringValue(nt_json_get(t->was, key));

    return was && strcmp(was, nt_json_get(t->is, key)->valuestring) == 0;
}

static nt_status compare_data(nt_trust *t, nt_err *e)
{
    char *before = NULL, *name = NULL;
    nt_status s = NT_OK;
    size_t n = 0;

    if (!same(t, "description"))
        changed(t, stays, "data: the description is another one");
    if (same(t, "data"))
        return NT_OK;
    NT_TRY(load_text(&before, t, "data.digests", e));
    NT_TRY(nt_contents_compare(&name, &n, before ? before : "", t->data.p, e));
    if (n > 1)
        changed(t, stays, "data: '%.100s' and %zu more are not what they were", name, n - 1);
    else
        changed(t, stays, "data: '%.100s' is not what it was", name ? name : "data.digests");
done:
    nt_free(name);
    nt_free(before);
    return s;
}

/* Those that there are now; one that is gone is missed by make, where it is needed. */
static void compare_tools(nt_trust *t)
{
    const cJSON *was = nt_json_get(t->was, "tools");

    for (const cJSON *c = nt_json_get(t->is, "tools")->child; c; c = c->next) {
        const char *old = cJSON_GetStringValue(nt_json_get(was, c->string));

        if (!old || strcmp(old, c->valuestring) != 0)
            changed(t, stays, "tools: '%s' is not the one it was", c->string);
    }
}

/* An archive is to be newer than all that was made of it; a measurement is to be made again. */
static nt_status accept_file(const nt_trust *t, const char *name, nt_err *e)
{
    char *path = nt_path_join(t->o.dir, name);
    nt_status s = NT_OK;
    int failed;

    if (!path)
        return nt_fail_nomem(e);
    failed = nt_ends_with(name, ".json") ? unlink(path) : utimensat(AT_FDCWD, path, NULL, 0);
    if (failed)
        s = nt_fail_errno(e, "%s", path);
    nt_free(path);
    return s;
}

static nt_status compare_files(nt_trust *t, nt_err *e)
{
    cJSON *files = nt_json_get(t->is, "files");
    nt_status s = NT_OK;

    for (const cJSON *c = nt_json_get(t->was, "files") ? nt_json_get(t->was, "files")->child
                                                       : NULL;
         c; c = c->next) {
        nt_sha256_hex h;

        if (!cJSON_IsString(c) || !nt_path_is_inside(c->string))
            NT_TRY(nt_fail(e, NT_EFORMAT, "digests.json: files: '%.60s' is none", c->string));
        NT_TRY(digest(&h, t, c->string, e));
        if (*h.text && strcmp(h.text, c->valuestring) != 0) {
            changed(t,
                    nt_ends_with(c->string, ".json") ? "it is measured again"
                                                     : "what was made of it is made again",
                    "'%.100s' is not what was made", c->string);
            if (t->o.accept)
                NT_TRY(accept_file(t, c->string, e));
        }
        if (*h.text && !nt_json_add_str(files, c->string, h.text))
            NT_TRY(nt_fail_nomem(e));
    }
done:
    return s;
}

static nt_status compare(nt_trust *t, nt_err *e)
{
    nt_status s = NT_OK;

    if (!same(t, "job"))
        return nt_fail(e, NT_EINVAL, "%s: this folder holds another job", t->o.dir);
    if (!same(t, "model"))
        changed(t, stays, "model: '%.100s' is not what it was", t->o.job->model);
    NT_TRY(compare_data(t, e));
    compare_tools(t);
    NT_TRY(compare_files(t, e));
    if (t->changes && !t->o.accept)
        s = nt_fail(e, NT_EINVAL, "%s: %s (--accept-changes goes on all the same)", t->o.dir,
                    t->first);
done:
    return s;
}

/* ---- the folder */

static bool has(const nt_trust *t, const char *name)
{
    char *path = nt_path_join(t->o.dir, name);
    bool there = path && nt_path_exists(path);

    nt_free(path);
    return there;
}

static nt_status load_old(nt_trust *t, nt_err *e)
{
    char *path = nt_path_join(t->o.dir, "digests.json");
    int64_t version = 0;
    nt_status s = NT_OK;

    if (!path)
        return nt_fail_nomem(e);
    if (!nt_path_exists(path))
        goto done;
    NT_TRY(nt_json_load(&t->was, path, e));
    NT_TRY(nt_json_get_i64(&version, t->was, "version", (nt_bounds){0, INT32_MAX}, "", e));
    if (version != VERSION)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "version %d, this nt-optimize has %d", (int)version,
                       VERSION));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    nt_free(path);
    return s;
}

/* A folder in which there is something, and nothing is known of it. */
static nt_status check_new(nt_trust *t, nt_err *e)
{
    if (t->was || (!has(t, "state.json") && !has(t, "ref_model.nt")))
        return NT_OK;
    changed(t, stays, "digests.json is missing: what this was made with is not known");
    return t->o.accept ? NT_OK
                       : nt_fail(e, NT_EINVAL, "%s: %s (--accept-changes goes on all the same)",
                                 t->o.dir, t->first);
}

static nt_status find_inputs(nt_trust *t, nt_err *e)
{
    nt_status s = NT_OK;

    nt_str_add(&t->data, "");
    NT_TRY(nt_inputs_find(&t->is, &t->data, t->o.job, t->o.bin, e));
    if (t->data.failed || !nt_json_add_i64(t->is, "version", VERSION) ||
        !nt_json_add_object(t->is, "files"))
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

nt_status nt_trust_open(nt_trust **out, const nt_trust_opts *o, nt_err *e)
{
    nt_trust *t = nt_calloc(1, sizeof *t);
    nt_status s = NT_OK;

    if (!t)
        return nt_fail_nomem(e);
    t->o = *o;
    NT_TRY(load_old(t, e));
    NT_TRY(check_new(t, e));
    NT_TRY(find_inputs(t, e));
    if (t->was)
        NT_TRY(compare(t, e));
    NT_TRY(save_text(t, "data.digests", t->data.p, e));
    NT_TRY(nt_trust_save(t, e));
    *out = t;
    t = NULL;
done:
    nt_trust_free(t);
    return s;
}

void nt_trust_free(nt_trust *t)
{
    if (!t)
        return;
    nt_json_free(t->was);
    nt_json_free(t->is);
    nt_str_release(&t->data);
    nt_free(t);
}

bool nt_trust_is_old(const nt_trust *t)
{
    return t->was != NULL;
}

const cJSON *nt_trust_inputs(const nt_trust *t)
{
    return t->is;
}

nt_status nt_trust_record(nt_trust *t, const char *name, nt_err *e)
{
    cJSON *files = nt_json_get(t->is, "files");
    nt_sha256_hex h;
    nt_status s = NT_OK;

    NT_TRY(digest(&h, t, name, e));
    cJSON_DeleteItemFromObjectCaseSensitive(files, name);
    if (*h.text && !nt_json_add_str(files, name, h.text))
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

nt_status nt_trust_verify(const nt_trust *t, const char *name, nt_err *e)
{
    nt_archive *a = NULL;
    char *path = nt_path_join(t->o.dir, name), *bytes = NULL;
    nt_status s = NT_OK;
    size_t n = 0;

    if (!path)
        return nt_fail_nomem(e);
    if (nt_json_get(nt_json_get(t->is, "files"), name) || !nt_path_exists(path))
        goto done;
    NT_TRY(nt_file_read(&bytes, &n, path, MAX_TEXT, e));
    NT_TRY(nt_archive_read_in_place(&a, bytes, n, true, e));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    nt_archive_free(a);
    nt_free(bytes);
    nt_free(path);
    return s == NT_EFORMAT ? NT_EINVAL : s;
}

nt_status nt_trust_save(const nt_trust *t, nt_err *e)
{
    char *text = nt_json_text(t->is);
    nt_status s = save_text(t, "digests.json", text, e);

    nt_free(text);
    return s;
}
