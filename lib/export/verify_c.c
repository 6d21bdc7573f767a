/* SPDX-License-Identifier: MIT */
#include "export/verify_c.h"

#include "base/alloc.h"
#include "base/outfile.h"
#include "base/str.h"
#include "exec/staged.h"
#include "export/c_text.h"
#include "export/verify.h"
#include "graph/pass.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How the script ends where the program did not run to its end. */
enum { NO_FOLDER = 120, NO_COMPILER = 121, NO_SUCCESS = 122 };

/* $1 and $2 are the files, $3 the name of both without its ending, $4 the main function. The
 * script owns the folder, so that it goes whatever becomes of us. */
static const char script[] =
    "d=$(mktemp -d) || exit 120\n"
    "trap 'rm -rf \"$d\"' EXIT\n"
    "trap 'exit 1' HUP INT TERM\n"
    "mkdir \"$d/m\" && cp -- \"$1\" \"$d/$3.c\" && cp -- \"$2\" \"$d/$3.h\" &&\n"
    "    printf %s \"$4\" >\"$d/m/main.c\" || exit 120\n"
    "${CC:-cc} -std=c99 -O1 -w -I\"$d\" \"$d/m/main.c\" \"$d/$3.c\" -o \"$d/m/run\" -lm "
    "</dev/null >&2 2>/dev/null\n"
    "case $? in 0) ;; 126 | 127) exit 121 ;; *) exit 122 ;; esac\n"
    "\"$d/m/run\"\n";

/* ---- the main function */

static int64_t count(const nt_value *v)
{
    int64_t dims[NT_MAX_RANK], n = 0;

    return nt_value_shape(v, dims) && nt_shape_count(&n, v->rank, dims) ? n : 0;
}

static void declare(nt_str *s, const char *what, nt_value *const *v, int n)
{
    for (int i = 0; i < n; i++)
        nt_str_addf(s, "static float %s%d[%" PRId64 "];\n", what, i, count(v[i]));
}

static void transfer(nt_str *s, const char *call, const char *what, int n)
{
    for (int i = 0; i < n; i++)
        nt_str_addf(s,
                    "    if (%s(%s%d, sizeof(float), sizeof %s%d / sizeof(float), %s) != "
                    "sizeof %s%d / sizeof(float))\n        return 1;\n",
                    call, what, i, what, i, strcmp(what, "in") ? "to" : "from", what, i);
}

/* Reads all inputs, runs the network and writes all outputs. */
static void write_main(nt_str *s, const nt_graph *g, const char *base, const char *name)
{
    nt_str_addf(s, "#define _POSIX_C_SOURCE 200809L\n#include \"%s.h\"\n#include <stdio.h>\n",
                base);
    declare(s, "in", g->inputs, g->n_inputs);
    declare(s, "out", g->outputs, g->n_outputs);
    nt_str_add(s, "int main(void)\n{\n"
                  "    FILE *from = fdopen(0, \"rb\"), *to = fdopen(1, \"wb\");\n"
                  "    if (!from || !to)\n        return 1;\n");
    transfer(s, "fread", "in", g->n_inputs);
    nt_str_addf(s, "    if (%s_run(", name);
    for (int i = 0; i < g->n_inputs; i++)
        nt_str_addf(s, "%sin%d", i ? ", " : "", i);
    for (int i = 0; i < g->n_outputs; i++)
        nt_str_addf(s, "%sout%d", i || g->n_inputs ? ", " : "", i);
    nt_str_add(s, "))\n        return 1;\n");
    transfer(s, "fwrite", "out", g->n_outputs);
    nt_str_add(s, "    return fclose(to) != 0;\n}\n");
}

/* ---- the run */

typedef struct job {
    const char *source, *header; /* where their bytes lie */
    char *base, *name;           /* the files' name without its ending; as C has it */
    nt_str text;                 /* the main function */
    FILE *in, *out;
} job;

static void become(const job *j)
{
    if (dup2(fileno(j->in), STDIN_FILENO) >= 0 && dup2(fileno(j->out), STDOUT_FILENO) >= 0)
        execl("/bin/sh", "sh", "-c", script, "sh", j->source, j->header, j->base, j->text.p,
              (char *)NULL);
    _exit(NO_FOLDER);
}

static nt_status judge(int status, nt_err *e)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

    if (code == NO_FOLDER)
        return nt_fail(e, NT_EIO, "--verify: cannot make a temporary folder to compile C in");
    if (code == NO_COMPILER)
        return nt_fail(e, NT_EIO, "--verify: no C compiler: want cc, or another that CC names");
    if (code == NO_SUCCESS)
        return nt_fail(e, NT_EIO, "--verify: the C compiler has no success with the file");
    if (code != 0)
        return nt_fail(e, NT_EMISSED, "the written file's program fails");
    return NT_OK;
}

static nt_status run_script(const job *j, nt_err *e)
{
    int status = 0;
    pid_t pid;

    if (fflush(j->in) != 0 || lseek(fileno(j->in), 0, SEEK_SET) != 0)
        return nt_fail_errno(e, "--verify: a temporary file");
    pid = fork();
    if (pid == 0)
        become(j);
    if (pid < 0)
        return nt_fail_errno(e, "--verify: cannot start a shell");
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return nt_fail_errno(e, "--verify: cannot wait for the shell");
    return judge(status, e);
}

/* ---- the files */

/* Names for the parts of path, and files for what goes in and out. */
static nt_status set_up(job *j, const char *path, const nt_graph *g, char **header, nt_err *e)
{
    const char *slash = strrchr(path, '/');

    j->base = nt_strdup(slash ? slash + 1 : path);
    j->name = nt_c_identifier(path);
    *header = nt_strdup(path);
    if (!j->base || !j->name || !*header)
        return nt_fail_nomem(e);
    j->base[strlen(j->base) - 2] = 0;
    (*header)[strlen(*header) - 1] = 'h';
    j->source = nt_outfile_place(path);
    j->header = nt_outfile_place(*header);
    write_main(&j->text, g, j->base, j->name);
    if (j->text.failed)
        return nt_fail_nomem(e);
    j->in = tmpfile();
    j->out = tmpfile();
    return j->in && j->out ? NT_OK : nt_fail_errno(e, "--verify: a temporary file");
}

static void release(job *j)
{
    if (j->in)
        fclose(j->in);
    if (j->out)
        fclose(j->out);
    nt_str_release(&j->text);
    nt_free(j->base);
    nt_free(j->name);
}

static nt_status send_inputs(const job *j, nt_staged *r, const nt_graph *g, nt_err *e)
{
    for (int i = 0; i < g->n_inputs; i++) {
        const nt_tensor *t = nt_staged_input(r, i);
        size_t n = (size_t)nt_tensor_count(t);

        if (fwrite(t->data, sizeof(float), n, j->in) != n)
            return nt_fail_errno(e, "--verify: a temporary file");
    }
    return NT_OK;
}

static nt_status compare_output(const job *j, const nt_tensor *want, const char *name,
                                nt_err *e)
{
    size_t n = (size_t)nt_tensor_count(want);
    nt_status s = NT_OK;
    nt_tensor *got = NULL;
    double d;

    NT_TRY(nt_tensor_new(&got, NT_F32, want->rank, want->dims, e));
    if (fread(got->data, sizeof(float), n, j->out) != n)
        NT_TRY(
            nt_fail(e, NT_EMISSED, "output '%s' has another shape in the written file", name));
    d = nt_verify_error(got, want);
    if (!(d <= 1e-5))
        NT_TRY(
            nt_fail(e, NT_EMISSED, "output '%s' of the written file differs by %.3g", name, d));
done:
    nt_tensor_free(got);
    return s;
}

/* j's program against r, which is g's. */
static nt_status compare_runs(const job *j, nt_staged *r, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    nt_staged_fill_noise(r, 0);
    NT_TRY(send_inputs(j, r, g, e));
    NT_TRY(run_script(j, e));
    NT_TRY(nt_staged_forward(r, e));
    rewind(j->out);
    for (int i = 0; i < g->n_outputs; i++)
        NT_TRY(compare_output(j, nt_staged_output(r, i), g->outputs[i]->name, e));
done:
    return s;
}

static nt_status open_reference(nt_staged **r, nt_device **dev, const nt_graph *g, nt_err *e)
{
    int64_t(*dims)[NT_MAX_RANK] = nt_pass_input_dims(g, 1);
    nt_plan_opts o = {.dims = (const int64_t(*)[NT_MAX_RANK])dims};
    nt_status s = NT_OK;

    if (!dims)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_device_new(dev, 1, e));
    NT_TRY(nt_staged_new(r, g, *dev, &o, e));
done:
    nt_free(dims);
    return s;
}

nt_status nt_verify_c(const char *path, const nt_graph *g, const nt_graph_ops *ops,
                      const nt_onnx_export *x, nt_err *e)
{
    nt_onnx_export fixed = {.fixed = true, .h = x->h, .w = x->w};
    nt_status s = NT_OK;
    char *header = NULL;
    nt_graph *ref = NULL;
    nt_device *dev = NULL;
    nt_staged *r = NULL;
    job j = {0};

    (void)ops;
    NT_TRY(nt_onnx_export_graph(&ref, g, &fixed, e));
    NT_TRY(nt_pass_infer(ref, e));
    NT_TRY(set_up(&j, path, ref, &header, e));
    NT_TRY(open_reference(&r, &dev, ref, e));
    NT_TRY(compare_runs(&j, r, ref, e));
done:
    release(&j);
    nt_free(header);
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(ref);
    return s;
}
