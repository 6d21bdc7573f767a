/* SPDX-License-Identifier: MIT */
/* cli_priv.h - what the files of this folder share. */
#ifndef NT_CLI_CLI_PRIV_H
#define NT_CLI_CLI_PRIV_H

#include "cli/cli.h"

#include <stdarg.h>
#include <time.h>

struct nt_cli_state {
    nt_opt *table;      /* the tool's options, then the common ones; ends with NT_OPTK_END */
    const char **typed; /* by index: the argument, "" of a flag; NULL: not given */
    size_t n;
    bool help, version, dump, dump_man;
    int device; /* 0 cpu, 1 gpu */
    /* progress.c */
    bool started, shown;
    struct timespec start, last;
};

/* options.c: fills c in from argv and exits 2 on bad usage. */
void nt_cli_options(nt_cli *c, int argc, char **argv);
/* options.c: c->record from the table. False when memory ran out. */
bool nt_cli_make_record(nt_cli *c);

/* help.c: to standard output. */
void nt_cli_print_help(const nt_cli *c);
void nt_cli_dump_options(const nt_cli *c);
void nt_cli_dump_man(const nt_cli *c);

/* message.c: "tool: [kind]text" on standard error, as one line. */
void nt_cli_message(const nt_cli *c, const char *kind, const char *text);
/* message.c: prints the message, removes temporaries and exits. */
void nt_cli_die(const nt_cli *c, int status, const char *text) __attribute__((noreturn));

/* signals.c: remove temporaries, then die by the signal. */
void nt_cli_catch_signals(void);

/* waiting.c: has several threads wait for each other briefly; may start the program again. */
void nt_cli_choose_waiting(const nt_cli *c, char **argv);

/* cpus.c: the processors this process may use, at least 1. */
int64_t nt_cli_cpus(void);

/* progress.c: takes the bar off the terminal before something else is printed. */
void nt_cli_progress_erase(const nt_cli *c);
/* Is it one of --help and its like, after which nothing is looked at? */
bool nt_cli_asks(const struct nt_cli_state *st);

#endif
