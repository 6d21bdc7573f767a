/* SPDX-License-Identifier: MIT */
#include "search/runner.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#define FIXED_ARGS 5

/* In the child: a make above us must not count our make as its own. */
static void become_make(const nt_runner *r, char *const *argv)
{
    unsetenv("MAKEFLAGS");
    unsetenv("MFLAGS");
    unsetenv("MAKELEVEL");
    if (dup2(r->log_fd, STDOUT_FILENO) >= 0 && dup2(r->log_fd, STDERR_FILENO) >= 0)
        execvp(argv[0], argv);
    _exit(127);
}

/* In the child, where the system can (Linux): stays as make's parent, to stop the whole group
 * when nt-optimize dies, be it of a signal that nobody can catch. */
static void watch_over_make(const nt_runner *r, char *const *argv, pid_t parent)
{
#ifdef PR_SET_PDEATHSIG
    int status = 0, sig = 0;
    sigset_t awaited, old;
    pid_t pid;

    sigemptyset(&awaited);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGCHLD);
    sigprocmask(SIG_BLOCK, &awaited, &old);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        _exit(127);
    pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &old, NULL);
        become_make(r, argv);
    }
    while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0) {
        if (sigwait(&awaited, &sig) != 0 || sig != SIGTERM)
            continue;
        sigdelset(&awaited, SIGTERM);
        kill(0, SIGTERM); /* ourselves, too: we die of it when make has ended */
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (pid > 0 && WIFSIGNALED(status))
        raise(WTERMSIG(status));
    _exit(pid > 0 ? WEXITSTATUS(status) : 127);
#else
    (void)parent;
    become_make(r, argv);
#endif
}

static nt_status wait_for(pid_t pid, nt_err *e)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return nt_fail_errno(e, "cannot wait for make");
    if (WIFSIGNALED(status))
        return nt_fail(e, NT_EIO, "make was stopped by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) == 127)
        return nt_fail(e, NT_EIO, "cannot run make (GNU Make is needed)");
    if (WEXITSTATUS(status) != 0)
        return nt_fail(e, NT_EIO, "make failed");
    return NT_OK;
}

/* Signals wait until the group is known, or one that comes between would leave it running. */
static pid_t start(const nt_runner *r, char *const *argv)
{
    sigset_t all, old;
    pid_t pid, self = getpid();

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &old, NULL);
        setpgid(0, 0); /* so that it can be stopped whole */
        watch_over_make(r, argv, self);
    }
    if (pid > 0) {
        setpgid(pid, pid); /* whoever of the two comes first */
        if (r->group)
            *r->group = (sig_atomic_t)pid;
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    return pid;
}

nt_status nt_runner_make(const nt_runner *r, const char *const *targets, size_t n, nt_err *e)
{
    nt_status s = NT_OK;
    char **argv = nt_calloc(FIXED_ARGS + n + 1, sizeof *argv);
    char jobs[32];
    size_t k = 0;
    pid_t pid;

    if (!argv)
        return nt_fail_nomem(e);
    snprintf(jobs, sizeof jobs, "-j%d", r->jobs);
    argv[k++] = (char[]){"make"};
    argv[k++] = (char[]){"-C"};
    argv[k++] = (char *)r->dir;
    argv[k++] = (char[]){"--no-print-directory"};
    argv[k++] = jobs;
    for (size_t i = 0; i < n; i++)
        argv[k++] = (char *)targets[i];
    pid = start(r, argv);
    s = pid < 0 ? nt_fail_errno(e, "cannot start make") : wait_for(pid, e);
    if (r->group)
        *r->group = 0;
    nt_free(argv);
    return s;
}
