/* SPDX-License-Identifier: MIT */
/* Loading and saving: archive or bare ONNX in, archive out. */
#include "graph/model.h"

#include "archive/intake.h"
#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"
#include "graph/model_private.h"
#include "graph/onnx_io.h"
#include "graph/onnx_watch.h"
#include "graph/pass.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define MODEL "model.onnx"
#define WEIGHTS "weights.bin"
#define FOLD_BYTES ((size_t)1 << 20) /* shape arithmetic; what is larger stays as it is */

static nt_status model_new(nt_model **out, nt_err *e)
{
    nt_model *m = nt_calloc(1, sizeof *m);

    if (!m)
        return nt_fail_nomem(e);
    *out = m;
    return NT_OK;
}

void nt_model_free(nt_model *m)
{
    if (!m)
        return;
    nt_model_clear_masks(m);
    nt_graph_free(m->g);
    nt_archive_free(m->a);
    nt_free(m->remarks);
    nt_free(m);
}

static nt_status read_members(nt_model *m, nt_err *e)
{
    nt_status s = NT_OK;
    nt_onnx_outside outside = {0};
    size_t model_n = 0;
    const void *model;

    model = nt_archive_get(m->a, MODEL, &model_n);
    outside.ext = nt_archive_get(m->a, WEIGHTS, &outside.ext_n);
    if (!model)
        NT_TRY(nt_fail(e, NT_EFORMAT, "no " MODEL " in the archive"));
    s = nt_onnx_consume(&m->g, (void *)model, model_n, &outside, e);
    if (s != NT_OK)
        nt_err_prefix(e, MODEL);
    nt_archive_remove(m->a, MODEL);
    nt_archive_remove(m->a, WEIGHTS);
done:
    return s;
}

/* The folder of a path, nt_free; *out stays NULL for standard input. */
static nt_status folder_of(char **out, const char *path, nt_err *e)
{
    const char *slash = strrchr(path, '/');

    if (strcmp(path, "-") == 0)
        return NT_OK;
    *out = nt_strdup(slash ? path : ".");
    if (!*out)
        return nt_fail_nomem(e);
    if (slash)
        (*out)[slash - path + 1] = '\0';
    return NT_OK;
}

/* From bytes, or where they are NULL from the file fd. */
static nt_status read_onnx(nt_model *m, const char *path, void *bytes, int fd, size_t n,
                           nt_err *e)
{
    nt_status s = NT_OK;
    char *dir = NULL;

    NT_TRY(folder_of(&dir, path, e));
    if (bytes)
        NT_TRY(nt_onnx_consume(&m->g, bytes, n, &(nt_onnx_outside){.dir = dir}, e));
    else
        NT_TRY(nt_onnx_read_file(&m->g, fd, n, dir, e));
    NT_TRY(nt_archive_new(&m->a, e));
done:
    nt_free(dir);
    return s;
}

/* What is constant, and the control flow that depends on nothing else. */
static nt_status fold_all(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    int n_expanded;

    do {
        NT_TRY(nt_pass_fold(g, FOLD_BYTES, NULL, e));
        NT_TRY(nt_pass_control(g, &n_expanded, e));
    } while (n_expanded > 0);
done:
    return s;
}

static nt_status note_gone(nt_load_log *log, const char *what, nt_err *e)
{
    return log ? nt_load_log_gone(log, what, e) : NT_OK;
}

/* log may be NULL */
static nt_status prepare(nt_graph *g, const nt_graph_ops *ops, nt_load_log *log, nt_err *e)
{
    nt_status s = NT_OK;
    int n_settled;

    NT_TRY(nt_pass_upgrade(g, ops, e));
    NT_TRY(nt_pass_qlinear(g, e));
    NT_TRY(nt_pass_contrib(g, e));
    if (log)
        NT_TRY(nt_load_log_watch(log, g, e));
    NT_TRY(nt_graph_bind(g, ops, e));
    NT_TRY(nt_pass_dead(g, NULL, e));
    NT_TRY(note_gone(log, "unused", e));
    NT_TRY(fold_all(g, e));
    NT_TRY(nt_pass_settle(g, &n_settled, e));
    if (n_settled > 0)
        NT_TRY(fold_all(g, e));       /* more is known now */
    NT_TRY(nt_pass_dead(g, NULL, e)); /* what led to a constant has no use any more */
    NT_TRY(note_gone(log, "folded", e));
    NT_TRY(nt_pass_check_control(g, e));
done:
    return s;
}

enum { DIGEST = 1, VERIFY = 2 }; /* what is hashed: the file, the members */

/* A bare ONNX file, weights straight to where they stay; anything else leaves m->g NULL. */
static nt_status read_plain_file(nt_model *m, const char *path, nt_err *e)
{
    nt_status s = NT_OK;
    char first[512]; /* what nt_archive_sniff looks at */
    size_t n = 0;
    int fd = -1;

    NT_TRY(nt_file_open(&fd, &n, path, e));
    if (fd < 0 || n < sizeof first)
        goto done;
    NT_TRY(nt_file_read_at(first, sizeof first, fd, 0, e));
    m->file_size = n;
    if (!nt_archive_sniff(first, sizeof first))
        NT_TRY(read_onnx(m, path, NULL, fd, n, e));
done:
    if (fd >= 0)
        close(fd);
    return s;
}

/* The graph, and the archive around it if there is one. */
static nt_status read_file(nt_model *m, const char *path, int hashed, nt_err *e)
{
    nt_status s = NT_OK;
    nt_intake in = {0};
    nt_onnx_watch plain = {0};
    nt_file_watch watch = {nt_onnx_look, &plain};

    if (!(hashed & DIGEST))
        NT_TRY(read_plain_file(m, path, e));
    if (m->g)
        goto done;
    NT_TRY(nt_intake_read(&in, path, &watch, e));
    if (hashed & DIGEST)
        m->digest = nt_sha256(in.bytes, in.n);
    m->file_size = in.file_size;
    m->archived = nt_archive_sniff(in.bytes, in.n);
    if (m->archived) {
        NT_TRY(nt_archive_read_in_place(&m->a, in.bytes, in.n, hashed & VERIFY, e));
        NT_TRY(read_members(m, e));
        NT_TRY(nt_archive_detach(m->a, e));
    } else {
        NT_TRY(read_onnx(m, path, in.bytes, -1, in.n, e));
    }
done:
    nt_free(in.bytes);
    return s;
}

static void prefix_path(nt_err *e, const char *path)
{
    nt_err_prefix(e, "%s", strcmp(path, "-") == 0 ? "standard input" : path);
}

static nt_status load(nt_model **out, const char *path, const nt_graph_ops *ops, int hashed,
                      nt_load_log *log, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;

    NT_TRY(model_new(&m, e));
    NT_TRY(read_file(m, path, hashed, e));
    NT_TRY(prepare(m->g, ops, log, e));
    NT_TRY(nt_remarks_collect(&m->remarks, m->g, e));
    NT_TRY(nt_masks_read(m, e));
    *out = m;
    m = NULL;
done:
    if (s != NT_OK)
        prefix_path(e, path);
    nt_model_free(m);
    return s;
}

nt_status nt_model_load_logged(nt_model **out, const char *path, const nt_graph_ops *ops,
                               nt_load_log *log, nt_err *e)
{
    return load(out, path, ops, DIGEST | VERIFY, log, e);
}

nt_status nt_model_load(nt_model **out, const char *path, const nt_graph_ops *ops, nt_err *e)
{
    return load(out, path, ops, DIGEST | VERIFY, NULL, e);
}

nt_status nt_model_load_f32(nt_model **out, const char *path, const nt_graph_ops *ops,
                            bool *widened, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;

    NT_TRY(nt_model_load(&m, path, ops, e));
    if ((s = nt_pass_to_f32(m->g, widened, e)) != NT_OK) {
        prefix_path(e, path);
        goto done;
    }
    *out = m;
    m = NULL;
done:
    nt_model_free(m);
    return s;
}

nt_status nt_model_load_to_run(nt_model **out, const char *path, const nt_graph_ops *ops,
                               nt_err *e)
{
    return load(out, path, ops, VERIFY, NULL, e);
}

nt_status nt_model_look(nt_model **out, const char *path, const nt_graph_ops *ops, nt_err *e)
{
    return load(out, path, ops, DIGEST, NULL, e);
}

nt_status nt_model_peek(nt_model **out, const char *path, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;

    NT_TRY(model_new(&m, e));
    NT_TRY(read_file(m, path, DIGEST, e));
    *out = m;
    m = NULL;
done:
    if (s != NT_OK)
        prefix_path(e, path);
    nt_model_free(m);
    return s;
}

nt_status nt_model_from_graph(nt_model **out, nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;

    NT_TRY(model_new(&m, e));
    m->g = g;
    g = NULL;
    NT_TRY(nt_archive_new(&m->a, e));
    *out = m;
    m = NULL;
done:
    nt_graph_free(g);
    nt_model_free(m);
    return s;
}

static nt_status write_members(nt_model *m, nt_err *e)
{
    nt_status s = NT_OK;
    nt_onnx_written b;

    NT_TRY(nt_onnx_write(&b, m->g, e));
    s = nt_archive_take(m->a, MODEL, b.model, b.model_n, e);
    if (b.ext && s == NT_OK)
        s = nt_archive_take(m->a, WEIGHTS, b.ext, b.ext_n, e);
    else
        nt_free(b.ext);
    NT_TRY(s);
    NT_TRY(nt_masks_write(m, e));
    NT_TRY(nt_manifest_fill(m, e));
done:
    return s;
}

nt_status nt_model_save(nt_model *m, const char *path, nt_err *e)
{
    nt_status s = NT_OK;

    if ((s = write_members(m, e)) != NT_OK) {
        nt_err_prefix(e, "%s", strcmp(path, "-") == 0 ? "standard output" : path);
        goto done;
    }
    NT_TRY(nt_archive_save(m->a, path, e)); /* names the path itself */
done:
    nt_archive_remove(m->a, MODEL);
    nt_archive_remove(m->a, WEIGHTS);
    nt_masks_drop(m);
    return s;
}

nt_graph *nt_model_graph(nt_model *m)
{
    return m->g;
}

void nt_model_take_graph(nt_model *m, nt_graph *g)
{
    if (m->g != g)
        nt_graph_free(m->g);
    m->g = g;
}

bool nt_model_is_archived(const nt_model *m)
{
    return m->archived;
}

nt_archive *nt_model_archive(nt_model *m)
{
    return m->a;
}

const char *nt_model_remarks(const nt_model *m)
{
    return m->remarks;
}

const char *nt_model_digest(const nt_model *m)
{
    return m->digest.text;
}

size_t nt_model_file_size(const nt_model *m)
{
    return m->file_size;
}
