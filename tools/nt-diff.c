/* SPDX-License-Identifier: MIT */
/* nt-diff - runs two models on the same inputs, and shows where they part. */
#include "cli/cli.h"
#include "cli/model.h"
#include "graph/pass.h"
#include "measure/diff.h"

#include <math.h>
#include <string.h>

typedef struct options {
    double min_sqnr, max_steps; /* NAN: not asked for */
    bool executed;
    int64_t limit;
} options;

#define PART_DB                                                                                \
    60 /* a thousandth of the signal: float rounding stays well above, 8 bits do not */

static nt_status load(nt_model **m, const char *path, const nt_cli *c, nt_err *e)
{
    nt_status s = nt_cli_model(m, c, path, NT_CLI_TO_RUN, e);

    if (s == NT_OK && c->resolution)
        s = nt_pass_fix_size(nt_model_graph(*m), c->size[0], c->size[1], e);
    return s;
}

static nt_status report(const nt_cli *c, const nt_diff *d, const nt_split *split, nt_err *e)
{
    cJSON *j = nt_diff_json(d);
    char bad[256];
    nt_str text = {0};
    nt_status s = NT_OK;

    if (!j || !nt_split_report_left_out(j, split))
        NT_TRY(nt_fail_nomem(e));
    nt_cli_warn_take(c, nt_split_skipped_text(split));
    for (int k = 0; k < 2; k++)
        nt_cli_warn_lines(c, c->operands.v[k], nt_nonfinite_text(bad, sizeof bad, &d->bad[k]));
    NT_TRY(nt_diff_text(&text, d, e));
    NT_TRY(nt_cli_report(c, j, text.p, e));
done:
    nt_str_release(&text);
    nt_json_free(j);
    return s;
}

static nt_status open_split(nt_dataset **d, nt_split **split, const nt_cli *c, nt_err *e)
{
    nt_status s = NT_OK;

    if (!c->data)
        return NT_OK;
    NT_TRY(nt_dataset_open(d, c->data, e));
    NT_TRY(nt_split_open(split, *d, c->split ? c->split : "test", e));
done:
    return s;
}

static nt_status run(const nt_cli *c, const options *o, nt_err *e)
{
    nt_diff_opts d_o = {.limit = (size_t)o->limit,
                        .batch = c->batch_size,
                        .seed = (uint64_t)c->seed,
                        .compute = c->precision == NT_PREC_BF16 ? NT_BF16 : NT_F32,
                        .min_sqnr_db = isnan(o->min_sqnr) ? PART_DB : o->min_sqnr,
                        .max_steps = o->max_steps,
                        .executed = o->executed};
    nt_model *ref = NULL, *m = NULL;
    nt_dataset *data = NULL;
    nt_device *dev = NULL;
    nt_diff *d = NULL;
    nt_status s = NT_OK;

    NT_TRY(load(&ref, c->operands.v[0], c, e));
    NT_TRY(load(&m, c->operands.v[1], c, e));
    NT_TRY(open_split(&data, &d_o.split, c, e));
    NT_TRY(nt_device_new(&dev, (int)c->threads, e));
    if ((s = nt_diff_new(&d, ref, m, dev, &d_o, e)) != NT_OK) {
        nt_err_prefix(e, "%s", c->operands.v[1]);
        goto done;
    }
    NT_TRY(report(c, d, d_o.split, e));
    if (!isnan(o->min_sqnr) && d->n_missed)
        NT_TRY(nt_fail(e, NT_EMISSED, "%d of %d outputs %s below %g dB", d->n_missed,
                       d->n_outputs, d->n_missed == 1 ? "is" : "are", o->min_sqnr));
    if (!isnan(o->max_steps) && d->n_far)
        NT_TRY(nt_fail(e, NT_EMISSED, "%d of %d quantized tensors %s more than %g steps off",
                       d->n_far, d->n_stepped, d->n_far == 1 ? "is" : "are", o->max_steps));
done:
    nt_diff_free(d);
    nt_device_free(dev);
    nt_split_free(d_o.split);
    nt_dataset_free(data);
    nt_model_free(m);
    nt_model_free(ref);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {
        .tool = "nt-diff",
        .synopsis = "[--data SPEC] [--split NAME] [--min-sqnr DB] [--max-steps N] [--executed] "
                    "REFERENCE MODEL",
        .about = "Runs two models on the same inputs, data or random numbers, and shows "
                 "where they part.",
        .takes = NT_CLI_INPUTS | NT_CLI_DATA | NT_CLI_SEED | NT_CLI_COMPUTE | NT_CLI_SIZE |
                 NT_CLI_REPORT};
    options o = {.min_sqnr = NAN, .max_steps = NAN, .limit = 256};
    const nt_opt opts[] = {
        NT_OPT_DOUBLE(0, "min-sqnr", &o.min_sqnr, "DB", -1000, 1000,
                      "status 3 if an output's signal-to-noise ratio is below DB decibels"),
        NT_OPT_DOUBLE(0, "max-steps", &o.max_steps, "N", 0, 65536,
                      "status 3 if a quantized tensor is more than N steps of its scale off"),
        NT_OPT_BOOL(0, "executed", &o.executed,
                    "MODEL fused and on codes, as nt-run runs it; compare codes and outputs"),
        NT_OPT_I64(0, "limit", &o.limit, "N", 1, INT32_MAX, "only the first N samples",
                   .def = "256"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s;

    nt_cli_parse(&c, opts, argc, argv);
    if (c.operands.n != 2)
        nt_cli_usage(&c, "two models are wanted, the reference first");
    if (strcmp(c.operands.v[0], "-") == 0 && strcmp(c.operands.v[1], "-") == 0)
        nt_cli_usage(&c, "only one of the models can be standard input");
    s = run(&c, &o, &e);
    return nt_cli_finish(&c, s, &e);
}
