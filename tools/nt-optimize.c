/* SPDX-License-Identifier: MIT */
/* nt-optimize - the driver: from a trained model, data and a tolerated drop to a smaller model.
 */
#include "base/alloc.h"
#include "base/outfile.h"
#include "cli/cli.h"
#include "cli/model.h"
#include "search/job.h"
#include "search/optimize.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct options {
    const char *model, *data, *dir, *device, *launcher;
    double delta, confidence, time_s;
    int64_t level, jobs, steps, threads, seed;
    bool deepsearch, bn_fusion, dryrun;
} options;

/* The process group of the make that runs: the signal handler's. */
static volatile sig_atomic_t make_group;

/* Stops make and the tools it runs, then dies by the signal as every tool does. */
static void stop_all(int sig)
{
    if (make_group > 0)
        kill(-(pid_t)make_group, sig == SIGINT ? SIGTERM : sig);
    nt_outfile_unlink_all();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void catch_signals(void)
{
    static const int fatal[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction act = {.sa_handler = stop_all}, old;

    sigfillset(&act.sa_mask);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        if (sigaction(fatal[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(fatal[i], &act, NULL);
}

/* ---- the job: the file, and what the command line says otherwise */

static bool set_item(cJSON *j, const char *key, cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(j, key);
    return value && cJSON_AddItemToObject(j, key, value);
}

static bool override_job(cJSON *j, const options *o)
{
    bool ok = true;

    if (o->model)
        ok = ok && set_item(j, "model", cJSON_CreateString(o->model));
    if (o->data)
        ok = ok && set_item(j, "data", cJSON_CreateString(o->data));
    if (o->device)
        ok = ok && set_item(j, "device", cJSON_CreateString(o->device));
    if (o->launcher)
        ok = ok && set_item(j, "launcher", cJSON_CreateString(o->launcher));
    if (!isnan(o->delta))
        ok = ok && set_item(j, "delta", cJSON_CreateNumber(o->delta));
    if (!isnan(o->confidence))
        ok = ok && set_item(j, "confidence", cJSON_CreateNumber(o->confidence));
    if (o->level)
        ok = ok && set_item(j, "level", cJSON_CreateNumber((double)o->level));
    if (o->jobs)
        ok = ok && set_item(j, "jobs", cJSON_CreateNumber((double)o->jobs));
    if (o->seed >= 0)
        ok = ok && set_item(j, "seed", cJSON_CreateNumber((double)o->seed));
    if (o->deepsearch)
        ok = ok && set_item(j, "deepsearch", cJSON_CreateTrue());
    if (o->bn_fusion)
        ok = ok && set_item(j, "bn_fusion", cJSON_CreateTrue());
    return ok && (!o->dryrun || set_item(j, "dryrun", cJSON_CreateTrue()));
}

static bool override_budget(cJSON *j, const options *o)
{
    cJSON *b = cJSON_GetObjectItemCaseSensitive(j, "budget");

    if (isnan(o->time_s) && !o->steps)
        return true;
    if (!b)
        b = nt_json_add_object(j, "budget");
    if (!cJSON_IsObject(b))
        return b != NULL; /* reading the job says what is wrong with it */
    return (isnan(o->time_s) || set_item(b, "time_s", cJSON_CreateNumber(o->time_s))) &&
           (!o->steps || set_item(b, "steps", cJSON_CreateNumber((double)o->steps)));
}

static nt_status read_job(nt_job **out, const char *path, const options *o, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = NULL;

    if (path)
        NT_TRY(nt_job_load(&j, path, e));
    else if (!(j = cJSON_CreateObject()))
        NT_TRY(nt_fail_nomem(e));
    if (!override_job(j, o) || !override_budget(j, o))
        NT_TRY(nt_fail_nomem(e));
    s = nt_job_new(out, j, e);
    if (s != NT_OK && path)
        nt_err_prefix(e, "%s", path);
done:
    nt_json_free(j);
    return s;
}

/* ---- running it */

static void say(void *ctx, const char *line)
{
    const nt_cli *c = ctx;

    if (c->quiet || c->json)
        return;
    puts(line);
    fflush(stdout);
}

/* What the tools would say of the model in the job's log, again and again. Where it does not
 * load they say why. */
static void say_remarks(const nt_cli *c, const char *path)
{
    nt_model *m = NULL;
    nt_err ignored;

    if (nt_cli_model(&m, c, path, NT_CLI_TO_LOOK, &ignored) == NT_OK)
        nt_model_free(m);
}

/* The folder this program lies in: the other tools are beside it. */
static const char *own_folder(char *buf, size_t n)
{
    ssize_t len = readlink("/proc/self/exe", buf, n - 1);

    if (len <= 0)
        return NULL;
    buf[len] = '\0';
    *strrchr(buf, '/') = '\0';
    return buf;
}

static nt_status run(nt_cli *c, const options *o, nt_err *e)
{
    nt_status s = NT_OK, missed;
    nt_job *job = NULL;
    nt_optimize_result r = {0};
    nt_optimize_opts opts = {
        .dir = o->dir, .threads = c->threads, .group = &make_group, .say = say, .ctx = c};
    char bin[4096];
    nt_err ignored;

    NT_TRY(read_job(&job, c->operands.n ? c->operands.v[0] : NULL, o, e));
    say_remarks(c, o->model ? o->model : job->model);
    opts.bin = own_folder(bin, sizeof bin);
    opts.threads = o->threads ? o->threads : sysconf(_SC_NPROCESSORS_ONLN);
    s = nt_optimize(&r, job, &opts, e);
    if (s == NT_OK || s == NT_EMISSED) {
        missed = s;
        s = nt_cli_report(c, r.metrics, c->quiet ? "" : r.report, s == NT_OK ? e : &ignored);
        s = s == NT_OK ? missed : s;
    }
done:
    nt_optimize_result_release(&r);
    nt_job_free(job);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {
        .tool = "nt-optimize",
        .synopsis = "[--model MODEL --data SPEC] [--delta X] [--job-dir DIR] [JOB.json]",
        .about = "Searches the smallest model whose metric drops by at most delta. A job "
                 "that was stopped goes on when it is given again.",
        .takes = NT_CLI_INPUTS | NT_CLI_REPORT | NT_CLI_AT_ONCE};
    options o = {.delta = NAN, .confidence = NAN, .time_s = NAN, .seed = -1};
    const nt_opt opts[] = {
        NT_OPT_STR(0, "model", &o.model, "MODEL", "the trained model: an archive or ONNX"),
        NT_OPT_STR(0, "data", &o.data, "SPEC",
                   "the data: a JSON file, or KIND:PATH[,key=value...]"),
        NT_OPT_DOUBLE(0, "delta", &o.delta, "X", 0, 100, "tolerated drop of the metric (1)"),
        NT_OPT_DOUBLE(0, "confidence", &o.confidence, "P", 0, 0.95,
                      "0 (default): the measured drop; 0.95: the upper bound of its interval"),
        NT_OPT_I64(0, "level", &o.level, "N", 1, 3,
                   "1 (default) or 3: finer steps, longer training"),
        NT_OPT_BOOL(0, "deepsearch", &o.deepsearch,
                    "spend what is left of delta, layer by layer"),
        NT_OPT_BOOL(0, "bn-fusion", &o.bn_fusion, "fold batch normalisation in the result"),
        NT_OPT_BOOL(0, "dryrun", &o.dryrun, "one step of each stage, to see that all works"),
        NT_OPT_STR(0, "job-dir", &o.dir, "DIR", "job folder (NEUTRINO_HOME/jobs/ID)"),
        NT_OPT_I64(0, "jobs", &o.jobs, "N", 1, 1024, "candidates to make side by side (1)"),
        NT_OPT_STR(0, "launcher", &o.launcher, "CMD", "put CMD in front of every tool"),
        NT_OPT_DOUBLE(0, "time", &o.time_s, "S", 0, 1e9, "seconds the search may take"),
        NT_OPT_I64(0, "steps", &o.steps, "N", 1, 1000000, "candidates it may make"),
        NT_OPT_I64(0, "seed", &o.seed, "N", 0, 0x1p53, "seed of the random numbers (0)"),
        NT_OPT_I64(0, "threads", &o.threads, "N", 1, 4096, "threads (default: all processors)"),
        NT_OPT_STR(0, "device", &o.device, "NAME", "CPU (this build has no GPU backend)"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s;

    nt_cli_parse(&c, opts, argc, argv);
    catch_signals();
    if (c.operands.n > 1)
        nt_cli_usage(&c, "one job file at a time");
    if (c.operands.n == 0 && !o.model)
        nt_cli_usage(&c, "a job file is missing (or --model and --data)");
    s = run(&c, &o, &e);
    return nt_cli_finish(&c, s, &e);
}
