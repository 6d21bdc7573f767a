/* SPDX-License-Identifier: MIT */
#include "train/command.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_OUTPUT ((size_t)1 << 20)

/* The paths are positional parameters of the shell, never part of what it parses. */
static void become(const char *script, const char *path, const char *second, int out)
{
    if (dup2(out, STDOUT_FILENO) >= 0)
        execl("/bin/sh", "sh", "-c", script, "sh", path, second, (char *)NULL);
    _exit(127);
}

static nt_status read_all(nt_str *text, int fd, nt_err *e)
{
    char buf[4096];

    for (;;) {
        ssize_t n = read(fd, buf, sizeof buf);

        if (n == 0)
            return text->failed ? nt_fail_nomem(e) : NT_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return nt_fail_errno(e, "cannot read its output");
        if (text->n + (size_t)n > MAX_OUTPUT)
            return nt_fail(e, NT_EFORMAT, "it printed more than %zu bytes", MAX_OUTPUT);
        nt_str_addn(text, buf, (size_t)n);
    }
}

static nt_status wait_for(pid_t pid, nt_err *e)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return nt_fail_errno(e, "cannot wait for it");
    if (WIFSIGNALED(status))
        return nt_fail(e, NT_EIO, "it was stopped by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return nt_fail(e, NT_EIO, "it exited with status %d", WEXITSTATUS(status));
    return NT_OK;
}

static nt_status run(nt_str *text, const char *script, const char *path, nt_err *e)
{
    nt_status s, waited;
    nt_err ignored;
    int fd[2];
    pid_t pid;

    if (pipe(fd) != 0)
        return nt_fail_errno(e, "cannot make a pipe");
    pid = fork();
    if (pid == 0) {
        close(fd[0]);
        become(script, path, NULL, fd[1]);
    }
    close(fd[1]);
    s = pid < 0 ? nt_fail_errno(e, "cannot start it") : read_all(text, fd[0], e);
    close(fd[0]); /* before waiting: what still writes gets SIGPIPE */
    if (pid > 0) {
        waited = wait_for(pid, s == NT_OK ? e : &ignored);
        s = s == NT_OK ? waited : s;
    }
    return s;
}

static nt_status parse(cJSON **out, const nt_str *text, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = NULL;

    if (text->n == 0)
        return nt_fail(e, NT_EFORMAT, "it printed nothing, want a JSON object of numbers");
    if ((s = nt_json_parse(&j, text->p, text->n, e)) != NT_OK) {
        nt_err_prefix(e, "its output");
        return s;
    }
    if (!cJSON_IsObject(j))
        s = nt_fail(e, NT_EFORMAT, "it printed no JSON object");
    for (const cJSON *c = s == NT_OK ? j->child : NULL; c != NULL && s == NT_OK; c = c->next)
        if (!cJSON_IsNumber(c))
            s = nt_fail(e, NT_EFORMAT, "its '%s' is not a number", c->string);
    if (s == NT_OK)
        *out = j;
    else
        nt_json_free(j);
    return s;
}

nt_status nt_command_metrics(cJSON **out, const char *command, const char *path, nt_err *e)
{
    nt_status s = NT_OK;
    nt_str text = {0};
    char *script = nt_strfmt("%s \"$@\"", command);

    if (script == NULL)
        return nt_fail_nomem(e);
    NT_TRY(run(&text, script, path, e));
    NT_TRY(parse(out, &text, e));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "command '%s'", command);
    nt_str_release(&text);
    nt_free(script);
    return s;
}

/* ---- a training */

static void set_all(const nt_command_var *v)
{
    for (; v->name; v++)
        if (setenv(v->name, v->value ? v->value : "", 1) != 0)
            _exit(127);
}

/* What it prints goes where messages go: the model may go to standard output. */
static nt_status run_training(const char *script, const nt_command_training *t, nt_err *e)
{
    pid_t pid = fork();

    if (pid == 0) {
        set_all(t->vars);
        become(script, t->in, t->out, STDERR_FILENO);
    }
    return pid < 0 ? nt_fail_errno(e, "cannot start it") : wait_for(pid, e);
}

nt_status nt_command_train(const char *command, const nt_command_training *t, nt_err *e)
{
    nt_status s = NT_OK;
    struct stat left;
    char *script = nt_strfmt("%s \"$@\"", command);

    if (script == NULL)
        return nt_fail_nomem(e);
    NT_TRY(run_training(script, t, e));
    if (stat(t->out, &left) != 0 || left.st_size == 0)
        NT_TRY(nt_fail(e, NT_EFORMAT, "it wrote no model to the second path it was given"));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "command '%s'", command);
    nt_free(script);
    return s;
}
