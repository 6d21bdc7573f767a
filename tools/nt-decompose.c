/* SPDX-License-Identifier: MIT */
/* nt-decompose - makes layers of a trained network products of smaller ones. */
#include "base/alloc.h"
#include "base/outfile.h"
#include "cli/cli.h"
#include "cli/model.h"
#include "lowrank/lowrank.h"
#include "prune/planfile.h"

#include <string.h>

typedef struct options {
    nt_lowrank_opts how;
    int method;
    const char *plan, *save_plan;
} options;

/* One of them, or a config_list that says it all. */
static nt_status check(const nt_cli *c, const options *o, const cJSON *rules, nt_err *e)
{
    const nt_lowrank_opts *h = &o->how;
    int n = (h->rank > 0) + (h->energy > 0) + h->vbmf + (h->size > 0) + (h->macs > 0) +
            (o->plan != NULL);

    if (n > 1)
        return nt_fail(
            e, NT_EINVAL,
            "--rank, --energy, --vbmf, --size, --macs and --plan exclude each other");
    if (o->plan && (c->config || o->method))
        return nt_fail(e, NT_EINVAL, "--plan excludes --config and --method");
    if (n == 0 && !(rules && nt_lowrank_rules_decide(rules)))
        return nt_fail(e, NT_EINVAL,
                       "one of --rank, --energy, --vbmf, --size, --macs and --plan is wanted");
    return NT_OK;
}

/* rules and plan are nt_json_free'd by the caller. */
static nt_status read_options(cJSON **rules, cJSON **plan, const nt_cli *c, options *o,
                              nt_err *e)
{
    nt_status s = NT_OK;

    if (c->config) {
        NT_TRY(nt_json_load(rules, c->config, e));
        NT_TRY(nt_lowrank_check_rules(*rules, e));
    }
    NT_TRY(check(c, o, *rules, e));
    if (o->plan) {
        NT_TRY(nt_json_load(plan, o->plan, e));
        NT_TRY(nt_planfile_check(*plan, e));
    }
    o->how.rules = *rules;
    o->how.plan = *plan;
    o->how.tucker = o->method == 1;
done:
    return s;
}

static nt_status save_plan(const char *path, const nt_lowrank_result *r, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *plan = nt_lowrank_plan(r);
    char *text = plan ? nt_json_text(plan) : NULL;

    if (!text)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_outfile_save(path, text, strlen(text), e));
done:
    nt_free(text);
    nt_json_free(plan);
    return s;
}

static nt_status report(const nt_cli *c, const nt_lowrank_result *r, nt_err *e)
{
    nt_status s = NT_OK;
    nt_str text = {0};
    cJSON *j = nt_lowrank_report(r);

    if (!j)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_lowrank_text(&text, r, e));
    NT_TRY(nt_cli_report(c, j, text.p, e));
done:
    nt_str_release(&text);
    nt_json_free(j);
    return s;
}

static nt_status missed(const options *o, const nt_lowrank_result *r, nt_err *e)
{
    bool macs = o->how.macs > 0;

    return nt_fail(e, NT_EMISSED, "%lld of %lld %s are left at least, more than a share of %g",
                   (long long)(macs ? r->macs[1] : r->params[1]),
                   (long long)(macs ? r->macs[0] : r->params[0]), macs ? "MACs" : "parameters",
                   macs ? o->how.macs : o->how.size);
}

static nt_status run(nt_cli *c, options *o, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *rules = NULL, *plan = NULL;
    nt_lowrank_result r = {.met = true};
    nt_model *m = NULL;

    NT_TRY(read_options(&rules, &plan, c, o, e));
    NT_TRY(nt_cli_model(&m, c, c->input, NT_CLI_TO_CHANGE, e));
    if ((s = nt_lowrank(&r, m, &o->how, e)) != NT_OK) {
        nt_err_prefix(e, "%s", c->input);
        goto done;
    }
    if (o->save_plan)
        NT_TRY(save_plan(o->save_plan, &r, e));
    NT_TRY(nt_model_add_history(m, nt_cli_record(c), e));
    NT_TRY(nt_model_save(m, c->output, e));
    NT_TRY(report(c, &r, e));
    if (!r.met)
        NT_TRY(missed(o, &r, e));
done:
    nt_lowrank_release(&r);
    nt_json_free(rules);
    nt_json_free(plan);
    nt_model_free(m);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-decompose",
                .synopsis = "[--rank N | --energy E | --vbmf | --size SHARE | --macs SHARE | "
                            "--plan FILE] [-o FILE] [MODEL]",
                .about = "Makes layers products of smaller ones, by low-rank approximation.",
                .takes = NT_CLI_INPUT | NT_CLI_OUTPUT | NT_CLI_CONFIG | NT_CLI_REPORT};
    options o = {.method = 0};
    const nt_opt opts[] = {
        NT_OPT_I64(0, "rank", &o.how.rank, "N", 1, INT32_MAX, "this rank for all layers"),
        NT_OPT_DOUBLE(0, "energy", &o.how.energy, "E", 1e-6, 1,
                      "keep this share of each weight's squared singular values"),
        NT_OPT_BOOL(0, "vbmf", &o.how.vbmf,
                    "keep what variational Bayes does not take for noise"),
        NT_OPT_DOUBLE(0, "size", &o.how.size, "SHARE", 1e-6, 1,
                      "keep SHARE of the parameters, ranks chosen over all layers"),
        NT_OPT_DOUBLE(0, "macs", &o.how.macs, "SHARE", 1e-6, 1,
                      "keep SHARE of the MACs, ranks chosen over all layers"),
        NT_OPT_ENUM(0, "method", &o.method, "spatial|tucker",
                    "how convolutions larger than 1x1 are taken apart", .def = "spatial"),
        NT_OPT_STR(0, "plan", &o.plan, "FILE", "the rank of each layer, as JSON"),
        NT_OPT_STR(0, "save-plan", &o.save_plan, "FILE",
                   "write what was chosen as such a plan"),
        NT_OPT_BOOL(0, "force", &o.how.force,
                    "decompose layers that get no smaller or no faster, too"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s;

    nt_cli_parse(&c, opts, argc, argv);
    nt_cli_check_terminal(&c, false);
    nt_cli_check_terminal(&c, true);
    s = run(&c, &o, &e);
    return nt_cli_finish(&c, s, &e);
}
