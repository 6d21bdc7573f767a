/* SPDX-License-Identifier: MIT */
/* nt-import - makes an archive from an ONNX model, or from an architecture of the zoo. */
#include "base/file.h"
#include "cli/cli.h"
#include "graph/model.h"
#include "graph/pass.h"
#include "graph/zoo.h"
#include "op/registry.h"
#include "report/import.h"

#include <string.h>

/* A file, or where there is none of that name an architecture of the zoo. log may be NULL. */
static nt_status load(nt_model **out, const char *input, nt_load_log *log, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *d = NULL;
    nt_graph *g = NULL;
    nt_zoo_opts o = {0};

    if (strcmp(input, "-") == 0 || nt_path_exists(input) || nt_zoo_load(&d, input, e) != NT_OK)
        return nt_model_load_logged(out, input, nt_ops_table(), log, e);
    NT_TRY(nt_zoo_build(&g, d, &o, e));
    NT_TRY(nt_graph_bind(g, nt_ops_table(), e));
    NT_TRY(nt_pass_infer(g, e));
    s = nt_model_from_graph(out, g, e);
    g = NULL;
done:
    nt_json_free(d);
    nt_graph_free(g);
    return s;
}

/* Each line a note. */
static nt_status explain(const nt_cli *c, const nt_load_log *log, nt_model *m, nt_err *e)
{
    nt_status s = NT_OK;
    nt_str text = {0};

    NT_TRY(nt_import_notes(&text, log, nt_model_graph(m), e));
    for (char *p = text.p, *end; p && (end = strchr(p, '\n')); p = end + 1)
        nt_cli_note(c, "%.*s", (int)(end - p), p);
done:
    nt_str_release(&text);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-import",
                .synopsis = "[-o FILE] [MODEL.onnx | ZOO-NAME]",
                .about =
                    "Makes an archive from an ONNX model; checks that all of it is supported.",
                .takes = NT_CLI_INPUT | NT_CLI_OUTPUT};
    static const char *const tasks[] = {"classification", "object_detection", "segmentation"};
    int task = 0;
    const nt_opt opts[] = {
        NT_OPT_ENUM(0, "task", &task, "classification|object_detection|segmentation",
                    "what the network is for", .def = "classification"),
        NT_OPT_END,
    };
    nt_model *m = NULL;
    nt_load_log *log = NULL;
    nt_err e = {{0}};
    nt_status s = NT_OK;

    nt_cli_parse(&c, opts, argc, argv);
    nt_cli_check_terminal(&c, false);
    nt_cli_check_terminal(&c, true);
    if (c.verbose)
        NT_TRY(nt_load_log_new(&log, &e));
    NT_TRY(load(&m, c.input, log, &e));
    nt_cli_warn_lines(&c, c.input, nt_model_remarks(m));
    NT_TRY(nt_model_set_task(m, tasks[task], &e));
    nt_cli_note(&c, "%d layers, %d values, opset %d", nt_model_graph(m)->n_nodes,
                nt_model_graph(m)->n_values, nt_model_graph(m)->opset);
    if (c.verbose)
        NT_TRY(explain(&c, log, m, &e));
    NT_TRY(nt_model_add_history(m, nt_cli_record(&c), &e));
    NT_TRY(nt_model_save(m, c.output, &e));
done:
    nt_load_log_free(log);
    nt_model_free(m);
    return nt_cli_finish(&c, s, &e);
}
