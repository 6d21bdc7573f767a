/* SPDX-License-Identifier: MIT */
/* nt-optimize - the driver: from a trained model, data and a tolerated drop to a smaller model.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "base/outfile.h"
#include "cli/cli.h"
#include "cli/model.h"
#include "search/job.h"
#include "search/job_inputs.h"
#include "search/job_keys.h"
#include "search/optimize.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct options {
    nt_job_settings job; /* as typed: it goes into the job file's */
    const char *dir, *cache;
    int64_t threads;
    bool print;
    bool accept;
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

static nt_status read_job(nt_job **out, const nt_cli *c, nt_err *e)
{
    const char *path = c->operands.n ? c->operands.v[0] : NULL;
    nt_status s = NT_OK;
    nt_job *job = NULL;
    cJSON *j = NULL;

    if (path)
        NT_TRY(nt_job_load(&j, path, e));
    else if (!(j = cJSON_CreateObject()))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_cli_merge(j, c, e));
    s = nt_job_new(&job, j, e);
    if (s == NT_OK)
        s = nt_job_check_inputs(job, e);
    if (s != NT_OK && path)
        nt_err_prefix(e, "%s", path);
    NT_TRY(s);
    nt_cli_warn_lines(c, path ? path : "options", job->said);
    *out = job;
    job = NULL;
done:
    nt_job_free(job);
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

/* The job as it would be run. */
static nt_status print_config(const nt_cli *c, nt_err *e)
{
    nt_status s = NT_OK;
    nt_job *job = NULL;
    char *text = NULL;

    NT_TRY(read_job(&job, c, e));
    if (!(text = nt_json_text(job->json)))
        NT_TRY(nt_fail_nomem(e));
    fputs(text, stdout);
done:
    nt_free(text);
    nt_job_free(job);
    return s;
}

/* NEUTRINO_CACHE=1: the folder beside those of the jobs. NULL: none. nt_free. */
static char *home_cache(void)
{
    const char *on = getenv("NEUTRINO_CACHE"), *home = getenv("NEUTRINO_HOME");
    const char *user = getenv("HOME");

    if (!on || strcmp(on, "1") != 0)
        return NULL;
    if (home && *home)
        return nt_path_join(home, "cache");
    return user && *user ? nt_path_join(user, ".neutrino/cache") : NULL;
}

static nt_status run(nt_cli *c, const options *o, nt_err *e)
{
    nt_status s = NT_OK, missed;
    nt_job *job = NULL;
    nt_optimize_result r = {0};
    nt_optimize_opts opts = {.dir = o->dir,
                             .threads = c->threads,
                             .accept = o->accept,
                             .group = &make_group,
                             .say = say,
                             .ctx = c};
    char bin[4096], *cache = home_cache();
    nt_err ignored;

    NT_TRY(read_job(&job, c, e));
    say_remarks(c, o->job.model ? o->job.model : job->model);
    opts.cache = o->cache ? o->cache : cache;
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
    nt_free(cache);
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
    options o = {.dir = NULL};
    nt_opt opts[NT_JOB_ROWS + 5];
    const nt_opt own[] = {
        NT_OPT_STR(0, "job-dir", &o.dir, "DIR", "the job's folder",
                   .def = "NEUTRINO_HOME/jobs/ID"),
        NT_OPT_BOOL(0, "print-config", &o.print,
                    "print the job as it would be run, as JSON, and run nothing"),
        NT_OPT_I64(0, "threads", &o.threads, "N", 1, 4096, "threads of each tool",
                   .def = "all processors"),
        NT_OPT_STR(0, "cache", &o.cache, "DIR",
                   "take from DIR what other jobs made, and keep it"),
        NT_OPT_BOOL(0, "accept-changes", &o.accept,
                    "go on though model, data, tools or what was made changed"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s;

    nt_opt_bind(opts, nt_job_rows, &o.job);
    nt_opt_append(opts, own);
    nt_cli_parse(&c, opts, argc, argv);
    catch_signals();
    if (c.operands.n > 1)
        nt_cli_usage(&c, "one job file at a time");
    if (c.operands.n == 0 && !o.job.model)
        nt_cli_usage(&c, "a job file is missing (or --model and --data)");
    s = o.print ? print_config(&c, &e) : run(&c, &o, &e);
    return nt_cli_finish(&c, s, &e);
}
