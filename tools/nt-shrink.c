/* SPDX-License-Identifier: MIT */
/* nt-shrink - makes masks real: removes channels, so that the model is smaller and faster. */
#include "cli/cli.h"
#include "cli/model.h"
#include "prune/shrink.h"

#include <stdio.h>

static nt_status report(const nt_cli *c, const nt_shrink_stats *st, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = nt_shrink_report(st);
    char text[160];

    if (!j)
        NT_TRY(nt_fail_nomem(e));
    snprintf(text, sizeof text, "%lld of %lld channels removed, %lld of %lld weights left\n",
             (long long)st->removed, (long long)st->channels, (long long)st->params_after,
             (long long)st->params_before);
    NT_TRY(nt_cli_report(c, j, text, e));
done:
    nt_json_free(j);
    return s;
}

static nt_status warn(const nt_cli *c, const nt_shrink_stats *st, nt_err *e)
{
    nt_status s = NT_OK;
    nt_str lines = {0};

    NT_TRY(nt_shrink_warnings(&lines, st, e));
    nt_cli_warn_lines(c, c->input, lines.p);
done:
    nt_str_release(&lines);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-shrink",
                .synopsis = "[-o FILE] [MODEL]",
                .about = "Makes masks real: removes channels and whatever belongs to them.",
                .takes = NT_CLI_INPUT | NT_CLI_OUTPUT | NT_CLI_REPORT};
    const nt_opt opts[] = {NT_OPT_END};
    nt_model *m = NULL;
    nt_shrink_stats st;
    nt_err e = {{0}};
    nt_status s = NT_OK;

    nt_cli_parse(&c, opts, argc, argv);
    nt_cli_check_terminal(&c, false);
    nt_cli_check_terminal(&c, true);
    NT_TRY(nt_cli_model(&m, &c, c.input, NT_CLI_TO_CHANGE, &e));
    NT_TRY(nt_shrink(m, &st, &e));
    NT_TRY(warn(&c, &st, &e));
    NT_TRY(nt_model_add_history(m, nt_cli_record(&c), &e));
    NT_TRY(nt_model_save(m, c.output, &e));
    NT_TRY(report(&c, &st, &e));
done:
    nt_model_free(m);
    return nt_cli_finish(&c, s, &e);
}
