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

static nt_status run(const nt_cli *c, nt_err *e)
{
    nt_status s = NT_OK;
    const char *dir = c->operands.v[0];
    cJSON *metrics = NULL, *settings = NULL;
    nt_str history = {0}, page = {0};
    nt_html_job j;

    NT_TRY(load_json(&metrics, dir, "metrics.json", e));
    NT_TRY(load_json(&settings, dir, "job.json", e));
    NT_TRY(load_history(&history, dir, e));
    j = (nt_html_job){metrics, settings, history.p ? history.p : ""};
    if ((s = nt_html_write(&page, &j, e)) != NT_OK) {
        nt_err_prefix(e, "%s", dir);
        goto done;
    }
    NT_TRY(nt_outfile_save(c->output, page.p, page.n, e));
done:
    nt_str_release(&page);
    nt_str_release(&history);
    nt_json_free(settings);
    nt_json_free(metrics);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-report",
                .synopsis = "[-o FILE] JOBDIR",
                .about =
                    "Writes the folder of a finished job as one page of HTML with pictures.",
                .takes = NT_CLI_INPUTS | NT_CLI_OUTPUT};
    const nt_opt opts[] = {NT_OPT_END};
    nt_err e = {{0}};
    nt_status s;

    nt_cli_parse(&c, opts, argc, argv);
    if (c.operands.n != 1)
        nt_cli_usage(&c, "one job folder is wanted");
    s = run(&c, &e);
    return nt_cli_finish(&c, s, &e);
}
