/* SPDX-License-Identifier: MIT */
/* nt-fuse-bn - folds batch normalisation into the convolution or dense layer before it. */
#include "cli/cli.h"
#include "cli/model.h"
#include "graph/model.h"
#include "graph/pass.h"
#include "graph/pass_fuse_bn.h"

#include <stdio.h>
#include <string.h>

/* The first BatchNormalization that is left, or NULL. */
static const nt_node *left_over(const nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        if (strcmp(g->nodes[i]->op_type, "BatchNormalization") == 0)
            return g->nodes[i];
    }
    return NULL;
}

static nt_status check_strict(const nt_graph *g, nt_err *e)
{
    const nt_node *n = left_over(g);
    char name[128];

    if (!n)
        return NT_OK;
    return nt_fail(e, NT_EMISSED,
                   "layer '%s' does not directly follow a convolution or dense layer",
                   nt_layer_name(name, sizeof name, g, n));
}

static nt_status report(const nt_cli *c, int n, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = cJSON_CreateObject();
    char text[80];

    if (!j || !nt_json_add_i64(j, "fused", n))
        NT_TRY(nt_fail_nomem(e));
    snprintf(text, sizeof text, "%d batch normalisations folded\n", n);
    NT_TRY(nt_cli_report(c, j, text, e));
done:
    nt_json_free(j);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-fuse-bn",
                .synopsis = "[-o FILE] [--strict] [MODEL]",
                .about = "Folds batch normalisation into the layer before it.",
                .takes = NT_CLI_INPUT | NT_CLI_OUTPUT | NT_CLI_REPORT};
    bool strict = false;
    const nt_opt opts[] = {
        NT_OPT_BOOL(0, "strict", &strict, "fail if any BatchNormalization is left (exit 3)"),
        NT_OPT_END,
    };
    nt_model *m = NULL;
    nt_err e = {{0}};
    nt_status s = NT_OK;
    int n = 0;

    nt_cli_parse(&c, opts, argc, argv);
    nt_cli_check_terminal(&c, false);
    nt_cli_check_terminal(&c, true);
    NT_TRY(nt_cli_model(&m, &c, c.input, NT_CLI_TO_CHANGE, &e));
    NT_TRY(nt_pass_fuse_bn(nt_model_graph(m), NULL, &n, &e));
    NT_TRY(nt_pass_dead(nt_model_graph(m), NULL, &e));
    if (strict)
        NT_TRY(check_strict(nt_model_graph(m), &e));
    NT_TRY(nt_model_add_history(m, nt_cli_record(&c), &e));
    NT_TRY(nt_model_save(m, c.output, &e));
    NT_TRY(report(&c, n, &e));
done:
    nt_model_free(m);
    return nt_cli_finish(&c, s, &e);
}
