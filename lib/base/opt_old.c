/* SPDX-License-Identifier: MIT */
#include "base/opt_old.h"

#include <stdio.h>
#include <string.h>

#define MAX_WORD 48
#define MAX_PATH 192

/* The object that holds the last part of the path, and that part; NULL where there is none. */
static cJSON *holder(cJSON *j, const char *path, const char **last)
{
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        char part[MAX_WORD];

        snprintf(part, sizeof part, "%.*s", (int)(dot - path), path);
        j = nt_json_get(j, part);
    }
    *last = path;
    return j;
}

static cJSON *value_at(cJSON *j, const char *path)
{
    const char *last;
    const cJSON *in = holder(j, path, &last);

    return nt_json_get(in, last);
}

static void remove_at(cJSON *j, const char *path)
{
    const char *last;
    cJSON *in = holder(j, path, &last);

    cJSON_DeleteItemFromObjectCaseSensitive(in, last);
}

/* "level: 2 is an old spelling of 3" */
static bool say_value(nt_str *said, const char *path, const cJSON *v, const cJSON *now)
{
    char *a = cJSON_PrintUnformatted(v), *b = cJSON_PrintUnformatted(now);

    if (a && b)
        nt_str_addf(said, "%s: %.60s is an old spelling of %.60s\n", path, a, b);
    cJSON_free(b);
    cJSON_free(a);
    return a && b && !said->failed;
}

/* A place that is looked at: where it is, and both its paths as they are shown. */
typedef struct spot {
    const nt_opt *row;
    const nt_opt_old *old;
    char was[MAX_PATH], is[MAX_PATH];
    bool moves;
} spot;

static spot make_spot(const nt_opt *row, const nt_opt_old *old, const char *where)
{
    const char *dot = *where ? "." : "";
    spot p = {.row = row, .old = old, .moves = strcmp(old->key, row->key) != 0};

    snprintf(p.was, sizeof p.was, "%s%s%s", where, dot, old->key);
    snprintf(p.is, sizeof p.is, "%s%s%s", where, dot, row->key);
    return p;
}

static nt_status replace(const spot *p, cJSON *j, const cJSON *v, nt_str *said, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *now = NULL;

    if (p->old->value)
        NT_TRY(p->old->value(&now, v, p->was, e));
    else if (!(now = cJSON_Duplicate(v, true)))
        NT_TRY(nt_fail_nomem(e));
    if (!p->moves && !now)
        return NT_OK;
    if (p->moves)
        nt_str_addf(said, "%s: an old spelling of '%s'\n", p->was, p->is);
    if (p->moves ? said->failed : !say_value(said, p->is, v, now)) {
        nt_json_free(now);
        return nt_fail_nomem(e);
    }
    if (p->moves)
        remove_at(j, p->old->key);
    if (now && !nt_opt_put(j, p->row->key, now))
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

nt_status nt_opt_renew(const nt_opt *rows, cJSON *j, const char *where, nt_str *said, nt_err *e)
{
    nt_status s = NT_OK;

    for (; rows->kind != NT_OPTK_END; rows++)
        for (const nt_opt_old *old = rows->old; old && old->key; old++) {
            const cJSON *v = value_at(j, old->key);
            spot p;

            if (!v)
                continue;
            p = make_spot(rows, old, where);
            if (p.moves && value_at(j, rows->key))
                NT_TRY(nt_fail(e, NT_EINVAL, "%s: says the same as '%s', give one of them",
                               p.was, p.is));
            NT_TRY(replace(&p, j, v, said, e));
        }
done:
    return s;
}
