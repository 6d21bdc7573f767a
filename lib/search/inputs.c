/* SPDX-License-Identifier: MIT */
#include "search/inputs.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"
#include "data/contents.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static nt_status put_digest(cJSON *out, const char *key, const char *text, nt_err *e)
{
    if (!text || !nt_json_add_str(out, key, nt_sha256(text, strlen(text)).text))
        return nt_fail_nomem(e);
    return NT_OK;
}

static nt_status put_file(cJSON *out, const char *key, const char *path, nt_err *e)
{
    nt_sha256_hex h;
    nt_status s = nt_sha256_file(&h, path, e);

    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    else if (!nt_json_add_str(out, key, h.text))
        s = nt_fail_nomem(e);
    return s;
}

static nt_status put_keys(cJSON *out, const nt_job *job, nt_err *e)
{
    static const char *const others[] = {"data", "jobs", "launcher", "model", "tools", NULL};
    char *text = nt_job_text(job, others);
    nt_status s = put_digest(out, "job", text, e);

    nt_free(text);
    return s;
}

static nt_status put_data(cJSON *out, nt_str *contents, const nt_job *job, nt_err *e)
{
    const char *const splits[] = {"train", job->search_split, job->eval_split, NULL};
    char *text = nt_json_text(job->data);
    nt_dataset *d = NULL;
    nt_status s = NT_OK;

    NT_TRY(put_digest(out, "description", text, e));
    NT_TRY(nt_dataset_open(&d, text, e));
    NT_TRY(nt_dataset_contents(contents, d, splits, e));
    NT_TRY(put_digest(out, "data", contents->n ? contents->p : "", e));
done:
    nt_dataset_free(d);
    nt_free(text);
    return s;
}

/* ---- tools */

static char *program_in(const char *dir, size_t n, const char *name)
{
    char *path = nt_strfmt("%.*s/%s", (int)n, dir, name);

    if (path && access(path, X_OK) == 0)
        return path;
    nt_free(path);
    return NULL;
}

/* Where a shell finds it; NULL: nowhere. nt_free. */
static char *find_program(const char *bin, const char *name)
{
    const char *path = getenv("PATH");
    char *found = bin ? program_in(bin, strlen(bin), name) : NULL;

    for (size_t n; path && *path && !found; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        found = program_in(n ? path : ".", n ? n : 1, name);
    }
    return found;
}

static nt_status put_tool(cJSON *tools, const char *name, const nt_job *job, const char *bin,
                          nt_err *e)
{
    const char *command = cJSON_GetStringValue(nt_json_get(job->tools, name));
    char *path;
    nt_status s;

    if (command)
        return nt_json_add_str(tools, name, command) ? NT_OK : nt_fail_nomem(e);
    if (!(path = find_program(bin, name)))
        return NT_OK; /* make says so, where it is needed */
    s = put_file(tools, name, path, e);
    nt_free(path);
    return s;
}

nt_status nt_inputs_find(cJSON **out, nt_str *contents, const nt_job *job, const char *bin,
                         nt_err *e)
{
    cJSON *j = cJSON_CreateObject(), *tools;
    nt_status s = NT_OK;

    if (!j)
        return nt_fail_nomem(e);
    NT_TRY(put_keys(j, job, e));
    NT_TRY(put_file(j, "model", job->model, e));
    NT_TRY(put_data(j, contents, job, e));
    if (!(tools = nt_json_add_object(j, "tools")))
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; nt_job_tools[i]; i++)
        NT_TRY(put_tool(tools, nt_job_tools[i], job, bin, e));
    *out = j;
    j = NULL;
done:
    nt_json_free(j);
    return s;
}
