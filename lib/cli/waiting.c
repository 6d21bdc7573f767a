/* SPDX-License-Identifier: MIT */
/*
 * How threads wait for each other. libgomp's spin for milliseconds before they sleep: where
 * other programs want the processors, that holds up the very thread they wait for. Threads that
 * sleep between any two layers are slow on a quiet machine, though. Sixty training steps of a
 * small VGG with its teacher, two threads on two processors, seconds:
 *
 *   turns before sleep           300   1000   3000   10000   30000
 *   nothing else runs            6.4    5.1    4.9     4.6     4.8
 *   beside two busy programs      21     20     22      19   over 60
 *
 * How long they spin is read from the environment when the library is loaded, before main: so a
 * tool that computes with several threads sets it and starts itself again, once.
 */
#include "cli/cli_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPIN "GOMP_SPINCOUNT"
#define TURNS "3000"
#define AGAIN "NT_STARTED_AGAIN"

/* The file that runs, if it is the tool itself and not a test of it. */
static bool own_path(char *buf, size_t n, const char *tool)
{
    ssize_t len = readlink("/proc/self/exe", buf, n - 1);
    const char *slash;

    if (len <= 0)
        return false;
    buf[len] = '\0';
    slash = strrchr(buf, '/');
    return slash && strcmp(slash + 1, tool) == 0;
}

void nt_cli_choose_waiting(const nt_cli *c, char **argv)
{
    char path[4096];

    if (getenv(AGAIN)) { /* what we start in turn is not to inherit our choice */
        unsetenv(AGAIN);
        unsetenv(SPIN);
        return;
    }
    if (!(c->takes & NT_CLI_COMPUTE) || c->threads < 2 || getenv(SPIN) ||
        getenv("OMP_WAIT_POLICY") || !own_path(path, sizeof path, c->tool))
        return;
    if (setenv(AGAIN, "1", 1) == 0 && setenv(SPIN, TURNS, 1) == 0)
        execv(path, argv);
    unsetenv(AGAIN); /* no second start: threads wait as they do by default */
    unsetenv(SPIN);
}
