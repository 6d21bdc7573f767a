/* SPDX-License-Identifier: MIT */
/* The members in memory: a sorted array, so that file order is array order. */
#include "archive/archive.h"

#include "archive/archive_priv.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"

#include <string.h>

#define MODEL "model.onnx"

nt_status nt_archive_new(nt_archive **out, nt_err *e)
{
    nt_status s = NT_OK;
    nt_archive *a = nt_calloc(1, sizeof *a);

    if (!a)
        return nt_fail_nomem(e);
    a->manifest = cJSON_CreateObject();
    if (!a->manifest || !nt_json_add_i64(a->manifest, "format", NT_ARCHIVE_FORMAT))
        NT_TRY(nt_fail_nomem(e));
    *out = a;
    a = NULL;
done:
    nt_archive_free(a);
    return s;
}

static void member_release(nt_member *m)
{
    nt_free(m->name);
    if (!m->borrowed)
        nt_free(m->bytes);
}

void nt_archive_free(nt_archive *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n_members; i++)
        member_release(&a->members[i]);
    nt_free(a->members);
    nt_json_free(a->manifest);
    nt_free(a);
}

/* No empty and no "." part: one member has one name. */
static bool is_canonical(const char *name)
{
    const char *part = name;

    for (const char *p = name;; p++) {
        if (*p && *p != '/')
            continue;
        if (p == part || (p == part + 1 && *part == '.'))
            return false;
        if (!*p)
            return true;
        part = p + 1;
    }
}

static bool is_printable(const char *name, size_t n)
{
    for (size_t len, i = 0; i < n; i += len) {
        len = nt_utf8_len(name + i, n - i);
        if (len == 0 || (unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return false;
    }
    return true;
}

nt_status nt_archive_check_name(const char *name, nt_err *e)
{
    size_t n = strlen(name);

    if (n > NT_ARCHIVE_MAX_NAME)
        return nt_fail(e, NT_EFORMAT, "a member's name has %zu bytes, want at most %d", n,
                       NT_ARCHIVE_MAX_NAME);
    if (!nt_path_is_inside(name) || !is_canonical(name))
        return nt_fail(e, NT_EFORMAT,
                       "member '%.100s': the name is not a plain path inside the archive",
                       name);
    if (!is_printable(name, n))
        return nt_fail(e, NT_EFORMAT, "member '%.100s': the name is not printable UTF-8", name);
    return NT_OK;
}

static int compare(const char *a, const char *b)
{
    bool first_a = strcmp(a, MODEL) == 0, first_b = strcmp(b, MODEL) == 0;

    return first_a || first_b ? first_b - first_a : strcmp(a, b);
}

/* Where the member is, or would have to be put. */
static bool find(const nt_archive *a, const char *name, size_t *at)
{
    size_t lo = 0, hi = a->n_members;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = compare(a->members[mid].name, name);

        if (order == 0) {
            *at = mid;
            return true;
        }
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *at = lo;
    return false;
}

static nt_status make_room(nt_archive *a, nt_err *e)
{
    size_t cap = a->cap_members ? 2 * a->cap_members : 16;
    nt_member *grown;

    if (a->n_members == NT_ARCHIVE_MAX_MEMBERS)
        return nt_fail(e, NT_EFORMAT, "more than %d members", NT_ARCHIVE_MAX_MEMBERS);
    if (a->n_members < a->cap_members)
        return NT_OK;
    grown = nt_realloc(a->members, cap, sizeof *grown);
    if (!grown)
        return nt_fail_nomem(e);
    a->members = grown;
    a->cap_members = cap;
    return NT_OK;
}

/* m's name is still to be copied. */
static nt_status insert(nt_archive *a, size_t at, nt_member m, nt_err *e)
{
    nt_status s = make_room(a, e);

    if (s != NT_OK)
        return s;
    m.name = nt_strdup(m.name);
    if (!m.name)
        return nt_fail_nomem(e);
    memmove(a->members + at + 1, a->members + at, (a->n_members - at) * sizeof m);
    a->members[at] = m;
    a->n_members++;
    return NT_OK;
}

/* In place of the member of that name, if there is one. */
static nt_status set(nt_archive *a, nt_member m, nt_err *e)
{
    nt_status s = NT_OK;
    size_t at;

    NT_TRY(nt_archive_check_name(m.name, e));
    if (strcmp(m.name, NT_ARCHIVE_MANIFEST) == 0)
        NT_TRY(nt_fail(e, NT_EINVAL, "member '%s' is written by the archive itself", m.name));
    if (!find(a, m.name, &at)) {
        NT_TRY(insert(a, at, m, e));
    } else {
        m.name = nt_strdup(m.name);
        if (!m.name)
            NT_TRY(nt_fail_nomem(e));
        member_release(&a->members[at]);
        a->members[at] = m;
    }
done:
    return s;
}

nt_status nt_archive_put(nt_archive *a, const char *name, const void *bytes, size_t n,
                         nt_err *e)
{
    void *copy = nt_alloc(n, 1);

    if (!copy)
        return nt_fail_nomem(e);
    if (n)
        memcpy(copy, bytes, n);
    return nt_archive_take(a, name, copy, n, e);
}

nt_status nt_archive_take(nt_archive *a, const char *name, void *bytes, size_t n, nt_err *e)
{
    nt_status s = set(a, (nt_member){.name = (char *)name, .bytes = bytes, .n = n}, e);

    if (s != NT_OK)
        nt_free(bytes);
    return s;
}

nt_status nt_archive_lend(nt_archive *a, const char *name, const void *bytes, size_t n,
                          nt_err *e)
{
    nt_member m = {.name = (char *)name, .bytes = (void *)bytes, .n = n, .borrowed = true};

    return set(a, m, e);
}

nt_status nt_archive_detach(nt_archive *a, nt_err *e)
{
    for (size_t i = 0; i < a->n_members; i++) {
        nt_member *m = &a->members[i];
        void *copy;

        if (!m->borrowed)
            continue;
        if (!(copy = nt_alloc(m->n, 1)))
            return nt_fail_nomem(e);
        memcpy(copy, m->bytes, m->n);
        m->bytes = copy;
        m->borrowed = false;
    }
    return NT_OK;
}

const void *nt_archive_get(const nt_archive *a, const char *name, size_t *n)
{
    size_t at;

    if (!find(a, name, &at))
        return NULL;
    *n = a->members[at].n;
    return a->members[at].bytes;
}

void nt_archive_remove(nt_archive *a, const char *name)
{
    size_t at;

    if (!find(a, name, &at))
        return;
    member_release(&a->members[at]);
    a->n_members--;
    memmove(a->members + at, a->members + at + 1, (a->n_members - at) * sizeof *a->members);
}

void nt_archive_remove_prefix(nt_archive *a, const char *prefix)
{
    size_t kept = 0, len = strlen(prefix);

    for (size_t i = 0; i < a->n_members; i++) {
        if (strncmp(a->members[i].name, prefix, len) == 0)
            member_release(&a->members[i]);
        else
            a->members[kept++] = a->members[i];
    }
    a->n_members = kept;
}

size_t nt_archive_count(const nt_archive *a)
{
    return a->n_members;
}

const char *nt_archive_name(const nt_archive *a, size_t i)
{
    return a->members[i].name;
}

void nt_archive_set_unlisted(nt_archive *a, const char *name)
{
    size_t at;

    if (find(a, name, &at))
        a->members[at].unlisted = true;
}

bool nt_archive_is_unlisted(const nt_archive *a, size_t i)
{
    return a->members[i].unlisted;
}

cJSON *nt_archive_manifest(nt_archive *a)
{
    return a->manifest;
}
