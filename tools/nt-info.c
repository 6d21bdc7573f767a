/* SPDX-License-Identifier: MIT */
/* nt-info - inputs, outputs, layers, history and hashes of a model. */
#include "cli/cli.h"
#include "cli/model.h"
#include "graph/model.h"
#include "graph/pass.h"
#include "op/registry.h"
#include "report/info.h"
#include "report/operators.h"

typedef struct options {
    bool history, verify, layers, ops;
} options;

/* Every member that has a hash was checked against it while the model was read. */
static nt_status say_verified(const nt_cli *c, nt_model *m, nt_err *e)
{
    const nt_archive *a = nt_model_archive(m);

    if (!nt_model_is_archived(m))
        return nt_fail(e, NT_EFORMAT, "%s: a bare ONNX file holds no hashes to verify",
                       c->input);
    for (size_t i = 0; i < nt_archive_count(a); i++)
        if (nt_archive_is_unlisted(a, i))
            nt_cli_warn(c, "%s: member '%s' is not in the manifest: no hash to verify it by",
                        c->input, nt_archive_name(a, i));
    return NT_OK;
}

static nt_status describe(const nt_cli *c, const options *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;
    nt_str text = {0};
    cJSON *j = NULL;

    NT_TRY(nt_cli_model(&m, c, c->input, o->verify ? NT_CLI_TO_KEEP : NT_CLI_TO_LOOK, e));
    if (o->verify)
        NT_TRY(say_verified(c, m, e));
    NT_TRY(o->history ? nt_info_history(&text, m, e) : nt_info_text(&text, m, o->layers, e));
    j = nt_info_json(m);
    if (!j)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_cli_report(c, j, text.p ? text.p : "", e));
done:
    nt_json_free(j);
    nt_str_release(&text);
    nt_model_free(m);
    return s;
}

/* Of the model that is named, or all that nt knows. A model that holds others is looked at,
 * too. */
static nt_status operators(const nt_cli *c, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;
    nt_err ignored = {{0}};
    const nt_graph *g;
    nt_str text = {0};
    cJSON *j = NULL;

    if (c->input_given)
        NT_TRY(nt_model_peek(&m, c->input, e));
    /* What cannot be raised is listed as far as it came. */
    if (m && nt_pass_upgrade(nt_model_graph(m), nt_ops_table(), &ignored) != NT_OK)
        nt_cli_note(c, "%s", ignored.msg);
    g = m ? nt_model_graph(m) : NULL;
    j = nt_operators_json(g);
    if (!j)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_operators_text(&text, g, e));
    NT_TRY(nt_cli_report(c, j, text.p, e));
done:
    nt_json_free(j);
    nt_str_release(&text);
    nt_model_free(m);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-info",
                .synopsis = "[--layers] [--history] [--verify] [--ops] [MODEL]",
                .about = "Shows inputs, outputs, layers, history and hashes of a model.",
                .takes = NT_CLI_INPUT | NT_CLI_REPORT};
    options o = {0};
    const nt_opt opts[] = {
        NT_OPT_BOOL(0, "layers", &o.layers, "add the table of layers"),
        NT_OPT_BOOL(0, "history", &o.history, "print only how the model was made"),
        NT_OPT_BOOL(0, "verify", &o.verify, "check every member against its SHA-256"),
        NT_OPT_BOOL(0, "ops", &o.ops,
                    "list the operators: which are run, trained, pruned, quantized"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s;

    nt_cli_parse(&c, opts, argc, argv);
    if (!o.ops)
        nt_cli_check_terminal(&c, false);
    s = o.ops ? operators(&c, &e) : describe(&c, &o, &e);
    return nt_cli_finish(&c, s, &e);
}
