/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* sched_getaffinity, CPU_COUNT, program_invocation_short_name */

#include "cli/cli_priv.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int64_t nt_cli_cpus(void)
{
    cpu_set_t set;
    long online;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    online = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than a cpu_set_t holds */
    return online > 0 ? online : 1;
}

/*
 * By default idle OpenMP threads spin. Where processes share processors, each barrier then lasts
 * until the scheduler takes the spinning thread away: 60 training steps of LeNet-5 beside three
 * other jobs on two processors took over 60 s, and 4 to 7 s with sleeping threads.
 */
void nt_cli_wait_passively(const char *tool, char **argv)
{
    char self[PATH_MAX];
    ssize_t n;

    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    if (strcmp(program_invocation_short_name, tool) != 0)
        return; /* not the tool itself, but a test that plays it */
    n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0 || setenv("OMP_WAIT_POLICY", "passive", 1) != 0)
        return;
    self[n] = '\0';
    execv(self, argv);
}
