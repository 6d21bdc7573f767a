/* SPDX-License-Identifier: MIT */
#include "base/outfile.h"
#include "cli/cli_priv.h"

#include <signal.h>

/* The signal is blocked while its handler runs: raised again, it kills us when this returns. */
static void clean_up_and_die(int sig)
{
    nt_outfile_unlink_all();
    signal(sig, SIG_DFL);
    raise(sig);
}

void nt_cli_catch_signals(void)
{
    static const int fatal[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXCPU, SIGXFSZ};
    struct sigaction act = {.sa_handler = clean_up_and_die}, old;

    sigfillset(&act.sa_mask);
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
        bool ignored = sigaction(fatal[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN;

        if (!ignored || fatal[i] == SIGPIPE) /* nohup's HUP stays ignored */
            sigaction(fatal[i], &act, NULL);
    }
}
