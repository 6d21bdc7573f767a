/* SPDX-License-Identifier: MIT */
/* nt-report - a job's folder as one page with pictures. */
#include "base/alloc.h"
#include "base/file.h"
#include "base/outfile.h"
#include "cli/cli.h"
#include "graph/model.h"
#include "op/registry.h"
#include "report/html.h"
#include "report/info.h"

#include <string.h>

#define MAX_LOG ((size_t)1 << 28)

static nt_status load_json(cJSON **out, const char *dir, const char *name, nt_err *e)
{
    nt_status s = NT_OK;
    char *path = nt_path_join(dir, name);

    if (!path)
        return nt_fail_nomem(e);
    s = nt_json_load(out, path, e);
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    nt_free(path);
    return s;
}

/* The commands that made the folder's opt_model.nt. */
static nt_status load_history(nt_str *out, const char *dir, nt_err *e)
{
    nt_status s = NT_OK;
    char *path = nt_path_join(dir, "opt_model.nt");
    nt_model *m = NULL;

    if (!path)
        return nt_fail_nomem(e);
    NT_TRY(nt_model_load(&m, path, nt_ops_table(), e));
    NT_TRY(nt_info_history(out, m, e));
done:
    nt_model_free(m);
    nt_free(path);
    return s;
}

/* As load_json; *out stays NULL where there is no such file. */
static nt_status load_if_there(cJSON **out, const char *dir, const char *name, nt_err *e)
{
    char *path = nt_path_join(dir, name);
    bool there = path && nt_path_exists(path);
    nt_status s = path ? NT_OK : nt_fail_nomem(e);

    nt_free(path);
    return there ? load_json(out, dir, name, e) : s;
}

/* What was measured of the best candidate, where it has a name that is none of another folder.
 */
static nt_status load_best(cJSON **out, const char *dir, const cJSON *metrics, nt_err *e)
{
    const cJSON *best = nt_json_get(metrics, "best");
    const char *id = cJSON_IsString(best) ? best->valuestring : "";
    char *name;
    nt_status s;

    if (!*id || id[strspn(id, "0123456789abcdef")])
        return NT_OK;
    if (!(name = nt_strfmt("candidates/%s.json", id)))
        return nt_fail_nomem(e);
    s = load_if_there(out, dir, name, e);
    nt_free(name);
    return s;
}

static nt_status load_log(char **out, const char *dir, nt_err *e)
{
    nt_status s = NT_OK;
    char *path = nt_path_join(dir, "job.log");
    size_t n;

    if (!path)
        return nt_fail_nomem(e);
    if (nt_path_exists(path) && (s = nt_file_read(out, &n, path, MAX_LOG, e)) != NT_OK)
        nt_err_prefix(e, "%s", path);
    nt_free(path);
    return s;
}

typedef struct folder {
    cJSON *metrics, *settings, *reference, *best;
    nt_str history;
    char *log;
} folder;

static nt_status load(folder *f, const char *dir, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(load_json(&f->metrics, dir, "metrics.json", e));
    NT_TRY(load_json(&f->settings, dir, "job.json", e));
    NT_TRY(load_history(&f->history, dir, e));
    NT_TRY(load_if_there(&f->reference, dir, "ref_model.json", e));
    NT_TRY(load_best(&f->best, dir, f->metrics, e));
    NT_TRY(load_log(&f->log, dir, e));
done:
    return s;
}

static void release(folder *f)
{
    nt_str_release(&f->history);
    nt_json_free(f->metrics);
    nt_json_free(f->settings);
    nt_json_free(f->reference);
    nt_json_free(f->best);
    nt_free(f->log);
}

static nt_status run(const nt_cli *c, bool markdown, nt_err *e)
{
    nt_status s = NT_OK;
    const char *dir = c->operands.v[0];
    folder f = {0};
    nt_str page = {0};
    nt_html_job j;

    NT_TRY(load(&f, dir, e));
    j = (nt_html_job){.metrics = f.metrics,
                      .settings = f.settings,
                      .history = f.history.p ? f.history.p : "",
                      .reference = f.reference,
                      .result = f.best,
                      .log = f.log};
    s = markdown ? nt_html_write_markdown(&page, &j, e) : nt_html_write(&page, &j, e);
    if (s != NT_OK) {
        nt_err_prefix(e, "%s", dir);
        goto done;
    }
    NT_TRY(nt_outfile_save(c->output, page.p, page.n, e));
done:
    nt_str_release(&page);
    release(&f);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-report",
                .synopsis = "[--format html|md] [-o FILE] JOBDIR",
                .about =
                    "Writes the folder of a finished job as one page: HTML with pictures, or "
                    "Markdown.",
                .takes = NT_CLI_INPUTS | NT_CLI_OUTPUT};
    int format = 0;
    const nt_opt opts[] = {NT_OPT_ENUM(0, "format", &format, "html|md",
                                       "HTML, or Markdown with tables in place of pictures",
                                       .def = "html"),
                           NT_OPT_END};
    nt_err e = {{0}};
    nt_status s;

    nt_cli_parse(&c, opts, argc, argv);
    if (c.operands.n != 1)
        nt_cli_usage(&c, "one job folder is wanted");
    s = run(&c, format == 1, &e);
    return nt_cli_finish(&c, s, &e);
}
