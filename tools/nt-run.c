/* SPDX-License-Identifier: MIT */
/* nt-run - runs a graph on given tensors, and compares with expected ones. */
#include "base/alloc.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/model.h"
#include "exec/precision.h"
#include "graph/model.h"
#include "graph/pass.h"
#include "measure/session.h"

#include <string.h>

typedef struct options {
    nt_strlist in, expect;
    double rtol, atol;
    int64_t time;
    const char *dir;
    bool random;
} options;

static nt_status add_mismatch(cJSON *a, const nt_mismatch *m)
{
    cJSON *o = cJSON_CreateObject();
    bool ok = o && cJSON_AddItemToArray(a, o);

    ok = ok && nt_json_add_str(o, "output", m->name) && nt_json_add_i64(o, "elements", m->n) &&
         nt_json_add_i64(o, "differing", m->n_bad) &&
         nt_json_add_double(o, "max_abs_difference", m->max_abs) &&
         nt_json_add_double(o, "max_rel_difference", m->max_rel) &&
         nt_json_add_i64(o, "worst_index", m->worst) && nt_json_add_double(o, "got", m->got) &&
         nt_json_add_double(o, "want", m->want);
    return ok ? NT_OK : NT_ENOMEM;
}

/* All expectations; *bad counts outputs that differ. */
static nt_status compare(nt_session *r, const options *o, cJSON *j, nt_str *text, int *bad,
                         nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *a = nt_json_add_array(j, "expect");

    if (!a)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < o->expect.n; i++) {
        nt_mismatch m;

        NT_TRY(nt_session_expect(&m, r, o->expect.v[i], (int)i,
                                 (nt_tolerance){o->rtol, o->atol}, e));
        if (add_mismatch(a, &m) != NT_OK)
            NT_TRY(nt_fail_nomem(e));
        if (m.n_bad == 0)
            continue;
        ++*bad;
        nt_str_addf(text,
                    "%s: %lld of %lld elements differ; worst at %lld: got %.9g, want %.9g; "
                    "max abs %.3g, max rel %.3g\n",
                    m.name, (long long)m.n_bad, (long long)m.n, (long long)m.worst, m.got,
                    m.want, m.max_abs, m.max_rel);
    }
done:
    return s;
}

static nt_status measure(nt_session *r, int64_t n, cJSON *j, nt_str *text, nt_err *e)
{
    nt_status s = NT_OK;
    nt_timing t;

    NT_TRY(nt_session_time(&t, r, (int)n, e));
    nt_str_addf(text, "execution_time_ms %.4f (min %.4f, max %.4f, %lld runs)\n", t.median_ms,
                t.min_ms, t.max_ms, (long long)n);
    if (!nt_json_add_double(j, "execution_time_ms", t.median_ms) ||
        !nt_json_add_double(j, "execution_time_min_ms", t.min_ms) ||
        !nt_json_add_double(j, "execution_time_max_ms", t.max_ms))
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

/* The outputs are written only when all expectations could be compared with them. */
static nt_status report(const nt_cli *c, nt_session *r, const options *o, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = cJSON_CreateObject();
    nt_str text = {0};
    int bad = 0;

    if (!j)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(compare(r, o, j, &text, &bad, e));
    if (o->time)
        NT_TRY(measure(r, o->time, j, &text, e));
    if (!o->expect.n && !o->time && !o->dir)
        NT_TRY(nt_session_describe(r, &text, e));
    if (o->dir)
        NT_TRY(nt_session_save(r, o->dir, e));
    NT_TRY(nt_cli_report(c, j, text.p ? text.p : "", e));
    if (bad)
        NT_TRY(nt_fail(e, NT_EMISSED, "%d of %zu outputs differ from what was expected", bad,
                       o->expect.n));
done:
    nt_json_free(j);
    nt_str_release(&text);
    return s;
}

static nt_status run(nt_cli *c, const options *o, nt_err *e)
{
    char tuning[512];
    nt_status s = NT_OK;
    nt_device *dev = NULL;
    nt_model *m = NULL;
    nt_session *r = NULL;
    nt_session_opts so = {.inputs = o->in.v,
                          .n_inputs = o->in.n,
                          .random = o->random,
                          .seed = (uint64_t)c->seed,
                          .batch = c->batch_size};

    so.compute = nt_cli_compute(c);
    NT_TRY(nt_device_new(&dev, (int)c->threads, e));
    NT_TRY(nt_cli_model(&m, c, c->input, NT_CLI_TO_RUN, e));
    if (c->resolution)
        NT_TRY(nt_pass_fix_size(nt_model_graph(m), c->size[0], c->size[1], e));
    NT_TRY(nt_choose_bf16(&so.compute, nt_model_graph(m), dev, c->tolerance, e));
    NT_TRY(nt_session_new(&r, nt_model_graph(m), dev, &so, e));
    NT_TRY(nt_session_run(r, e));
    NT_TRY(report(c, r, o, e));
done:
    nt_session_free(r);
    nt_model_free(m);
    if (nt_device_tuning(dev, tuning, sizeof tuning))
        nt_cli_note(c, "%s", tuning);
    nt_device_free(dev);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-run",
                .synopsis = "[-i [NAME=]FILE]... [--expect [NAME=]FILE]... [-o DIR] [MODEL]",
                .about =
                    "Runs a model on given tensors (.npy, .npz, .pb) and compares its outputs.",
                .takes = NT_CLI_INPUT | NT_CLI_COMPUTE | NT_CLI_TOLERANCE | NT_CLI_REPORT |
                         NT_CLI_SIZE | NT_CLI_SEED};
    options o = {.rtol = 1e-3, .atol = 1e-5};
    const nt_opt opts[] = {
        NT_OPT_LIST('i', "in", &o.in, "FILE", "[NAME=]FILE: tensor for an input, in order"),
        NT_OPT_STR('o', "output", &o.dir, "DIR", "write each output to DIR/NAME.npy"),
        NT_OPT_LIST(0, "expect", &o.expect, "FILE", "[NAME=]FILE: what an output should be"),
        NT_OPT_DOUBLE(0, "rtol", &o.rtol, "R", 0, 1e9, "relative tolerance", .def = "1e-3"),
        NT_OPT_DOUBLE(0, "atol", &o.atol, "A", 0, 1e9, "absolute tolerance", .def = "1e-5"),
        NT_OPT_I64(0, "time", &o.time, "N", 1, 100000, "time N runs after warm-up"),
        NT_OPT_BOOL(0, "random", &o.random, "seeded random numbers for inputs not given"),
        NT_OPT_I64(0, "batch-size", &c.batch_size, "N", 1, 1 << 20,
                   "batch of random inputs where the model leaves it open", .def = "1"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s;

    nt_cli_parse(&c, opts, argc, argv);
    nt_cli_check_terminal(&c, false);
    s = run(&c, &o, &e);
    return nt_cli_finish(&c, s, &e);
}
