/* SPDX-License-Identifier: MIT */
/* cli.h - options, messages, progress, signals and exit statuses: for tools only. */
#ifndef NT_CLI_CLI_H
#define NT_CLI_CLI_H

#include "base/err.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum nt_precision { NT_PREC_AUTO, NT_PREC_FP32, NT_PREC_BF16 } nt_precision;

/* Which common options a tool takes (all take --help, --version, -q, -v, --progress). The
 * common options are appended to the tool's own table by nt_cli_parse. */
enum {
    NT_CLI_OUTPUT = 1 << 0,    /* -o FILE: a model archive (or whatever the tool writes) */
    NT_CLI_CONFIG = 1 << 1,    /* -c/--config FILE */
    NT_CLI_DATA = 1 << 2,      /* --data SPEC, --split NAME, --batch-size N */
    NT_CLI_SEED = 1 << 3,      /* --seed N, default 0 */
    NT_CLI_COMPUTE = 1 << 4,   /* --threads N, --device cpu|gpu, --precision auto|fp32|bf16 */
    NT_CLI_REPORT = 1 << 5,    /* --json, --report FILE */
    NT_CLI_INPUT = 1 << 6,     /* one operand: the model; default standard input */
    NT_CLI_INPUTS = 1 << 7,    /* any number of operands, in c->operands */
    NT_CLI_TOLERANCE = 1 << 8, /* --tolerance R, which goes with --precision auto */
    NT_CLI_AT_ONCE = 1 << 9,   /* no option: files appear one by one, not together at the end */
    NT_CLI_SIZE = 1 << 10      /* --resolution HxW */
};

typedef struct nt_cli {
    const char *tool;     /* "nt-prune" */
    const char *synopsis; /* after the tool's name in the usage line */
    const char *about;    /* one sentence for --help */
    unsigned takes;       /* NT_CLI_* */
    /* filled in by nt_cli_parse */
    const char *input; /* "-" by default */
    bool input_given;
    nt_strlist operands; /* NT_CLI_INPUTS */
    const char *output;  /* "-" by default; NULL where -o was not given and not taken */
    bool output_given;
    const char *config, *data, *split;
    int64_t batch_size;    /* 0: not given */
    int64_t seed, threads; /* threads: what was given, else the cores this process may use */
    nt_precision precision;
    const char *resolution; /* NULL: not given, else HxW, as */
    int64_t size[2];        /* numbers */
    double tolerance;       /* of outputs in bf16 (exec/precision.h) */
    bool json, quiet, verbose;
    const char *report;
    int progress;               /* 0 auto, 1 always, 2 never */
    cJSON *record;              /* the options as given, in table order, for the history */
    struct nt_cli_state *state; /* of lib/cli alone: the table in force, the progress bar */
} nt_cli;

/* Parses argv; --help and --version print and exit 0, bad usage prints one line and exits 2.
 * Rows without a name are keys of JSON alone, and no options. The hidden --dump-options prints
 * one line per long option, its name and its words (or its argument's), for completions;
 * --dump-man the lists of the manual page. Also: on INT, TERM, HUP and the like the
 * program removes its temporaries and dies by the signal (one that was ignored stays ignored,
 * but for PIPE), --device gpu is refused (exit 1: "this build has no GPU backend"), and threads
 * is filled in (the caller passes it on to kernels). A tool that takes NT_CLI_COMPUTE and has
 * more than one thread starts itself again here, once, with GOMP_SPINCOUNT set, unless the user
 * has set that or OMP_WAIT_POLICY. Strings are borrowed from argv. */
void nt_cli_parse(nt_cli *c, const nt_opt *opts, int argc, char **argv);
/* What was typed is set once more, in the order of the table: over the defaults and the file
 * that have been put into the same places since. Lists are left alone. */
nt_status nt_cli_again(const nt_cli *c, nt_err *e) NT_MUST_CHECK;
/* What was typed of options with a key, into j under that key, in place of what it says. */
nt_status nt_cli_merge(cJSON *j, const nt_cli *c, nt_err *e) NT_MUST_CHECK;
/* {"tool", "version", "options", "seed"} of this call: what a history record needs beside the
 * input digest. Left out is what cannot change the result (-o, --report, --json, -q, -v,
 * --progress, --threads, --device); values that name files (FILE, DIR, MODEL, SPEC, PATH in the
 * metavariable) go without their folders. nt_json_free it. NULL when memory ran out. */
cJSON *nt_cli_record(const nt_cli *c);
/* What an inference plan computes in: NT_I8 (exec/plan.h) where --precision is auto. */
nt_dtype nt_cli_compute(const nt_cli *c);
/* Refuses a model on a terminal: reading it from one, or (for_output) writing it to one: usage
 * error, exit 2. */
void nt_cli_check_terminal(const nt_cli *c, bool for_output);
/* Prints the error if s is not NT_OK, checks that standard output was written, lets all files
 * that the tool wrote appear under their names (none of them unless it did its work: s is NT_OK
 * or NT_EMISSED), maps s to the exit status (0, 1, 2 or 3), releases c. */
int nt_cli_finish(nt_cli *c, nt_status s, const nt_err *e);
/* "tool: warning: text" (not under -q), "tool: note: text" (only under -v); one line each,
 * control characters shown as '?'. */
void nt_cli_warn(const nt_cli *c, const char *fmt, ...) NT_PRINTF(2, 3);
void nt_cli_note(const nt_cli *c, const char *fmt, ...) NT_PRINTF(2, 3);
/* A warning for each line of text (NULL: none) about what subject names: "tool: warning:
 * model.nt: line". */
void nt_cli_warn_lines(const nt_cli *c, const char *subject, const char *text);
/* A warning whose text is freed; none where it is NULL. */
void nt_cli_warn_take(const nt_cli *c, char *text);
/* A note for each line of text (NULL: none). */
void nt_cli_note_lines(const nt_cli *c, const char *text);
/* A usage error found after parsing: one line, exit 2. */
void nt_cli_usage(const nt_cli *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* A report: JSON to c->report if given; and to standard output (text, or JSON under --json or
 * where `text` is NULL) when no model goes there and, of a tool that writes one, -q was not
 * given. When a model goes there: to standard error, only under -v or --json. */
nt_status nt_cli_report(const nt_cli *c, const cJSON *json, const char *text,
                        nt_err *e) NT_MUST_CHECK;

/* A bar on a terminal after a second, erased before any message; cheap to call often.
 * fraction in [0, 1]; what may be NULL. */
void nt_cli_progress(nt_cli *c, double fraction, const char *fmt, ...) NT_PRINTF(3, 4);
void nt_cli_progress_end(nt_cli *c);

#endif
