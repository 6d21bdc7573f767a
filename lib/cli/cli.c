/* SPDX-License-Identifier: MIT */
/* A tool's beginning and end: the table in force, and what its exit status says. */
#include "cli/cli.h"

#include "base/alloc.h"
#include "base/outfile.h"
#include "base/str.h"
#include "cli/cli_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_COMMON 21
#define MAX_SEED 0x1p53 /* what a JSON number holds exactly */

/* The common options that `c` takes, into list; returns how many. */
static size_t common_options(nt_opt *list, nt_cli *c)
{
    struct nt_cli_state *st = c->state;
    const struct {
        unsigned bit; /* 0: every tool has it */
        nt_opt opt;
    } all[] = {
        {NT_CLI_OUTPUT, NT_OPT_STR('o', "output", &c->output, "FILE", "write to FILE",
                                   .def = "standard output")},
        {NT_CLI_CONFIG, NT_OPT_STR('c', "config", &c->config, "FILE", "read settings, JSON")},
        {NT_CLI_DATA, NT_OPT_STR(0, "data", &c->data, "SPEC",
                                 "the data: a JSON file, or KIND:PATH[,key=value...]")},
        {NT_CLI_DATA, NT_OPT_STR(0, "split", &c->split, "NAME", "which split of the data")},
        {NT_CLI_DATA,
         NT_OPT_I64(0, "batch-size", &c->batch_size, "N", 1, INT32_MAX, "samples at a time")},
        {NT_CLI_SEED, NT_OPT_I64(0, "seed", &c->seed, "N", 0, MAX_SEED,
                                 "seed of the random numbers", .def = "0")},
        {NT_CLI_COMPUTE,
         NT_OPT_I64(0, "threads", &c->threads, "N", 1, 4096, "threads to compute with",
                    .def = "the processors it may use")},
        {NT_CLI_COMPUTE, NT_OPT_ENUM(0, "device", &st->device, "cpu|gpu", "where to compute")},
        {NT_CLI_COMPUTE,
         NT_OPT_ENUM(0, "precision", &c->precision, "auto|fp32|bf16", "what to compute in")},
        {NT_CLI_TOLERANCE, NT_OPT_DOUBLE(0, "tolerance", &c->tolerance, "R", 0, 1e3,
                                         "of --precision auto: bf16 where outputs differ by at "
                                         "most R of their size",
                                         .def = "0")},
        {NT_CLI_SIZE, NT_OPT_STR(0, "resolution", &c->resolution, "HxW",
                                 "height and width of the inputs, where the model leaves them "
                                 "open or takes others")},
        {NT_CLI_REPORT, NT_OPT_BOOL(0, "json", &c->json, "report as JSON")},
        {NT_CLI_REPORT,
         NT_OPT_STR(0, "report", &c->report, "FILE", "write the report to FILE, as JSON")},
        {0, NT_OPT_BOOL('q', "quiet", &c->quiet,
                        "no warnings, no progress bar, no report where a model is written")},
        {0, NT_OPT_BOOL('v', "verbose", &c->verbose, "say more on standard error")},
        {0, NT_OPT_ENUM(0, "progress", &c->progress, "auto|always|never",
                        "whether to show a progress bar", .def = "auto, on a terminal")},
        {0, NT_OPT_BOOL('h', "help", &st->help, "print a summary of the options and exit")},
        {0, NT_OPT_BOOL(0, "version", &st->version, "print the version and exit")},
        {0, NT_OPT_BOOL(0, "dump-options", &st->dump, NULL)}, /* no help: hidden */
        {0, NT_OPT_BOOL(0, "dump-man", &st->dump_man, NULL)},
    };
    size_t n = 0;

    _Static_assert(sizeof all / sizeof all[0] <= MAX_COMMON, "MAX_COMMON is too small");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!all[i].bit || (c->takes & all[i].bit))
            list[n++] = all[i].opt;
    return n;
}

static void make_table(nt_cli *c, const nt_opt *opts)
{
    struct nt_cli_state *st = c->state = nt_calloc(1, sizeof *st);
    size_t own = 0;

    while (opts[own].kind != NT_OPTK_END)
        own++;
    if (st) {
        st->table = nt_calloc(own + MAX_COMMON + 1, sizeof *st->table);
        st->typed = nt_calloc(own + MAX_COMMON, sizeof *st->typed);
    }
    if (!st || !st->table || !st->typed)
        nt_cli_die(c, 1, "out of memory");
    memcpy(st->table, opts, own * sizeof *opts);
    st->n = own + common_options(st->table + own, c);
}

nt_dtype nt_cli_compute(const nt_cli *c)
{
    static const nt_dtype types[] = {
        [NT_PREC_AUTO] = NT_I8, [NT_PREC_FP32] = NT_F32, [NT_PREC_BF16] = NT_BF16};

    return types[c->precision];
}

static void set_defaults(nt_cli *c)
{
    c->input = "-";
    c->output = c->takes & NT_CLI_OUTPUT ? "-" : NULL;
    c->operands = (nt_strlist){0};
    c->config = c->data = c->split = c->report = NULL;
    c->batch_size = c->seed = c->threads = 0;
    c->precision = NT_PREC_AUTO;
    c->tolerance = 0;
    c->resolution = NULL;
    c->size[0] = c->size[1] = 0;
    c->output_given = c->json = c->quiet = c->verbose = false;
    c->progress = 0;
    c->record = NULL;
    c->state = NULL;
}

/* A standard stream that is closed would be the number of the next file we open, and the file
 * would get what is meant for the stream. Opened the wrong way round, using it is an error. */
static void fill_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static nt_status close_stdout(nt_err *e)
{
    bool failed = fflush(stdout) || ferror(stdout);

    failed = (fclose(stdout) && errno != EBADF) || failed;
    return failed ? nt_fail_errno(e, "standard output: cannot write") : NT_OK;
}

/* --help and its like: print and exit. */
static void answer(nt_cli *c)
{
    nt_err e;

    if (c->state->help)
        nt_cli_print_help(c);
    else if (c->state->version)
        printf("%s (nt) %s\n", c->tool, NT_VERSION);
    else if (c->state->dump)
        nt_cli_dump_options(c);
    else
        nt_cli_dump_man(c);
    if (close_stdout(&e) != NT_OK)
        nt_cli_die(c, 1, e.msg);
    exit(0);
}

static bool model_on_stdout(const nt_cli *c)
{
    return c->output && strcmp(c->output, "-") == 0;
}

static void check(nt_cli *c)
{
    if (c->state->device != 0)
        nt_cli_die(c, 1, "this build has no GPU backend");
    if (model_on_stdout(c) && c->report && strcmp(c->report, "-") == 0)
        nt_cli_usage(c, "--report: standard output is taken by the model (give -o FILE)");
    if (c->quiet && c->verbose)
        nt_cli_usage(c, "--quiet and --verbose exclude each other");
    if (c->resolution && !nt_parse_size(c->size, c->resolution))
        nt_cli_usage(c, "--resolution: '%s' is not HxW", c->resolution);
    if (c->tolerance > 0 && c->precision != NT_PREC_AUTO)
        nt_cli_usage(c, "--tolerance goes with --precision auto");
}

/* Before hours of work: could the file be written? What is there and is no regular file (a pipe
 * would notice) is let be. */
static nt_status try_output(const char *path, nt_err *e)
{
    nt_outfile *f = NULL;
    struct stat st;
    nt_status s;

    if (!path || strcmp(path, "-") == 0 ||
        (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return NT_OK;
    s = nt_outfile_open(&f, path, e);
    nt_outfile_abandon(f);
    return s;
}

static void check_outputs(const nt_cli *c)
{
    nt_err e;

    if (try_output(c->output, &e) != NT_OK || try_output(c->report, &e) != NT_OK)
        nt_cli_die(c, 1, e.msg);
}

void nt_cli_parse(nt_cli *c, const nt_opt *opts, int argc, char **argv)
{
    fill_standard_streams();
    nt_cli_catch_signals();
    set_defaults(c);
    make_table(c, opts);
    nt_cli_options(c, argc, argv);
    if (nt_cli_asks(c->state))
        answer(c);
    for (size_t i = 0; i < c->state->n; i++)
        if (c->state->table[i].out == &c->output)
            c->output_given = c->state->typed[i] != NULL;
    check(c);
    if (!nt_cli_make_record(c))
        nt_cli_die(c, 1, "out of memory");
    if (c->threads == 0)
        c->threads = nt_cli_cpus();
    nt_cli_choose_waiting(c, argv);
    nt_outfile_hold(!(c->takes & NT_CLI_AT_ONCE));
    check_outputs(c);
}

cJSON *nt_cli_record(const nt_cli *c)
{
    cJSON *j = cJSON_CreateObject();
    cJSON *options = cJSON_Duplicate(c->record, true);

    if (!j || !options || !nt_json_add_str(j, "tool", c->tool) ||
        !nt_json_add_str(j, "version", NT_VERSION) ||
        !cJSON_AddItemToObject(j, "options", options)) {
        nt_json_free(options);
        nt_json_free(j);
        return NULL;
    }
    if (!nt_json_add_i64(j, "seed", c->seed)) {
        nt_json_free(j);
        return NULL;
    }
    return j;
}

void nt_cli_check_terminal(const nt_cli *c, bool for_output)
{
    if (for_output && model_on_stdout(c) && isatty(STDOUT_FILENO))
        nt_cli_usage(c, "standard output is a terminal (give -o FILE, or a pipe)");
    if (!for_output && strcmp(c->input, "-") == 0 && isatty(STDIN_FILENO))
        nt_cli_usage(c, "standard input is a terminal (give a model, or a pipe)");
}

/* Where the report is to be read, NULL where nobody wants to. */
static FILE *report_stream(const nt_cli *c)
{
    if (model_on_stdout(c))
        return c->verbose || c->json ? stderr : NULL;
    if (c->report && strcmp(c->report, "-") == 0)
        return NULL; /* it went there as a file */
    return c->output && c->quiet ? NULL : stdout;
}

nt_status nt_cli_report(const nt_cli *c, const cJSON *json, const char *text, nt_err *e)
{
    nt_status s = NT_OK;
    FILE *to = report_stream(c);
    char *json_text = nt_json_text(json);

    if (!json_text)
        NT_TRY(nt_fail_nomem(e));
    if (c->report)
        NT_TRY(nt_outfile_save(c->report, json_text, strlen(json_text), e));
    if (!to)
        goto done;
    nt_cli_progress_erase(c);
    fputs(c->json || !text ? json_text : text,
          to); /* nt_cli_finish asks whether it was written */
done:
    nt_free(json_text);
    return s;
}

static void release(nt_cli *c)
{
    struct nt_cli_state *st = c->state;

    for (size_t i = 0; st && i < st->n; i++) {
        nt_strlist *list = st->table[i].out;

        if (st->table[i].kind != NT_OPTK_LIST)
            continue;
        nt_free(list->v);
        *list = (nt_strlist){0};
    }
    nt_free(c->operands.v);
    nt_json_free(c->record);
    if (st) {
        nt_free(st->table);
        nt_free(st->typed);
    }
    nt_free(st);
    c->operands = (nt_strlist){0};
    c->record = NULL;
    c->state = NULL;
}

static int exit_status(nt_status s)
{
    switch (s) {
    case NT_OK:
        return 0;
    case NT_EINVAL:
        return 2;
    case NT_EMISSED:
        return 3;
    default:
        return 1;
    }
}

/* Did the tool do its work? Then what it wrote is to be seen. */
static bool is_done(nt_status s)
{
    return s == NT_OK || s == NT_EMISSED;
}

int nt_cli_finish(nt_cli *c, nt_status s, const nt_err *e)
{
    nt_err closing;
    nt_status closed = close_stdout(&closing);

    nt_cli_progress_end(c);
    if (s != NT_OK && e && *e->msg)
        nt_cli_message(c, "", e->msg);
    if (closed == NT_OK && is_done(s))
        closed = nt_outfile_reveal(&closing);
    if (closed != NT_OK && is_done(s)) {
        nt_cli_message(c, "", closing.msg);
        s = closed;
    }
    nt_outfile_drop();
    release(c);
    return exit_status(s);
}
