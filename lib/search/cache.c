/* SPDX-License-Identifier: MIT */
#include "search/cache.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/outfile.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

struct nt_cache {
    char *dir;
    nt_str makes, measures; /* texts: what an archive comes from, and a measurement besides */
    bool may_measure;
};

/* ---- keys */

/* "Name of the processor", or what is known of it. */
static void add_processor(nt_str *t)
{
    struct utsname u;
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");

    if (uname(&u) == 0)
        nt_str_addf(t, "%s ", u.machine);
    while (f && fgets(line, sizeof line, f)) {
        if (line[0] == '\n')
            break; /* the first processor's lines */
        if (strncmp(line, "model name", 10) == 0 || strncmp(line, "CPU part", 8) == 0 ||
            strncmp(line, "CPU implementer", 15) == 0)
            nt_str_add(t, line);
    }
    if (f)
        fclose(f);
}

/* The job's keys without those that change no candidate. */
static nt_status add_keys(nt_str *t, const nt_job *job, nt_err *e)
{
    static const char *const others[] = {
        "bn_fusion", "budget",    "confidence", "data",         "deepsearch", "delta",
        "dryrun",    "eval_func", "eval_key",   "eval_split",   "export",     "jobs",
        "launcher",  "level",     "model",      "optimization", "tools",      NULL};
    char *text = nt_job_text(job, others);

    if (!text)
        return nt_fail_nomem(e);
    nt_str_add(t, text);
    nt_free(text);
    return NT_OK;
}

static void add_inputs(nt_str *t, const cJSON *inputs, const char *const *names)
{
    for (int i = 0; names[i]; i++) {
        const char *digest = cJSON_GetStringValue(nt_json_get(inputs, names[i]));

        nt_str_addf(t, "%s %s\n", names[i], digest ? digest : "none");
    }
}

static nt_status set_texts(nt_cache *c, const nt_cache_opts *o, nt_err *e)
{
    static const char *const things[] = {"model", "data", "description", NULL};
    static const char *const makers[] = {"nt-import",   "nt-prune",    "nt-shrink",
                                         "nt-quantize", "nt-finetune", NULL};
    static const char *const meters[] = {"nt-profile", "nt-prune", "nt-eval", NULL};
    const cJSON *tools = nt_json_get(o->inputs, "tools");
    const char *backend = getenv("NT_BACKEND");
    nt_status s = NT_OK;

    nt_str_addf(&c->makes, "nt %s\n", NT_VERSION);
    add_inputs(&c->makes, o->inputs, things);
    add_inputs(&c->makes, tools, makers);
    if (o->processor)
        nt_str_add(&c->makes, o->processor);
    else
        add_processor(&c->makes);
    nt_str_addf(&c->makes, "backend %s\n", backend ? backend : "");
    NT_TRY(add_keys(&c->makes, o->job, e));
    add_inputs(&c->measures, tools, meters);
    nt_str_addf(&c->measures, "%s on %s%s\n", o->job->eval_key, o->job->search_split,
                o->job->dryrun ? ", some" : "");
    if (c->makes.failed || c->measures.failed)
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

static nt_sha256_hex archive_key(const nt_cache *c, const nt_cached *f)
{
    nt_str t = {0};
    nt_sha256_hex h = {{0}};

    nt_str_addf(&t, "%s\nthreads %lld\n%s", c->makes.p, (long long)f->threads, f->chain);
    if (!t.failed)
        h = nt_sha256(t.p, t.n);
    nt_str_release(&t);
    return h;
}

static nt_status measured_key(nt_sha256_hex *out, const nt_cache *c, const nt_cached *f,
                              nt_err *e)
{
    nt_str t = {0};
    nt_sha256_hex archive;
    nt_status s = nt_sha256_file(&archive, f->archive, e);

    if (s != NT_OK)
        return s;
    nt_str_addf(&t, "%s\n%s\nthreads %lld\n%s", c->makes.p, c->measures.p,
                (long long)f->threads, archive.text);
    if (t.failed)
        s = nt_fail_nomem(e);
    else
        *out = nt_sha256(t.p, t.n);
    nt_str_release(&t);
    return s;
}

/* ---- life */

bool nt_cache_suits(const nt_job *job)
{
    return !(job->tools && job->tools->child) && !job->train_command;
}

nt_status nt_cache_open(nt_cache **out, const nt_cache_opts *o, nt_err *e)
{
    nt_cache *c = nt_calloc(1, sizeof *c);
    nt_status s = NT_OK;

    if (!c || !(c->dir = nt_strdup(o->dir)))
        NT_TRY(nt_fail_nomem(e));
    c->may_measure = !o->job->eval_command;
    NT_TRY(nt_make_dirs(c->dir, e));
    NT_TRY(set_texts(c, o, e));
    *out = c;
    c = NULL;
done:
    nt_cache_free(c);
    return s;
}

void nt_cache_free(nt_cache *c)
{
    if (!c)
        return;
    nt_str_release(&c->makes);
    nt_str_release(&c->measures);
    nt_free(c->dir);
    nt_free(c);
}

/* ---- files */

static nt_status copy(const char *to, const char *from, nt_err *e)
{
    nt_status s = NT_OK;
    nt_outfile *out = NULL;
    char *block = nt_alloc(NT_FILE_BLOCK, 1);
    int fd = -1;
    size_t n = 0;

    if (!block)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_file_open_input(&fd, from, e));
    NT_TRY(nt_outfile_open(&out, to, e));
    for (;;) {
        NT_TRY(nt_file_read_block(&n, fd, block, NT_FILE_BLOCK, e));
        if (n == 0)
            break;
        NT_TRY(nt_outfile_write(out, block, n, e));
    }
    s = nt_outfile_commit(out, e);
    out = NULL;
done:
    nt_outfile_abandon(out);
    if (fd >= 0)
        nt_file_close(fd);
    nt_free(block);
    return s;
}

/* Is the file of that entry there, and what it was? Adds the seconds it took. */
static bool is_whole(const char *path, const char *entry, double *seconds)
{
    cJSON *j = NULL;
    nt_sha256_hex h;
    double took = 0;
    nt_err ignored;
    bool good = nt_path_exists(entry) && nt_json_load(&j, entry, &ignored) == NT_OK;
    const char *want = good ? cJSON_GetStringValue(nt_json_get(j, "sha256")) : NULL;

    good = want && nt_sha256_file(&h, path, &ignored) == NT_OK && strcmp(h.text, want) == 0 &&
           nt_json_get_double(&took, j, "seconds", (nt_bounds){0, INFINITY}, "", &ignored) ==
               NT_OK;
    if (good)
        *seconds = fmax(*seconds, took);
    nt_json_free(j);
    return good;
}

/* A file of the cache and its entry. */
typedef struct place {
    char *file, *entry;
} place;

static nt_status find(place *p, const nt_cache *c, nt_sha256_hex key, const char *kind,
                      nt_err *e)
{
    p->file = nt_strfmt("%s/%s.%s", c->dir, key.text, kind);
    p->entry = nt_strfmt("%s/%s.%s.entry", c->dir, key.text, kind);
    return *key.text && p->file && p->entry ? NT_OK : nt_fail_nomem(e);
}

static void leave(place *p)
{
    nt_free(p->file);
    nt_free(p->entry);
}

/* A file of a job, and what it is kept under. */
typedef struct kept {
    nt_sha256_hex key;
    const char *kind, *path;
} kept;

static nt_status take(bool *took, const nt_cache *c, const kept *k, double *seconds, nt_err *e)
{
    place p = {0};
    nt_status s = NT_OK;

    *took = false;
    if (nt_path_exists(k->path))
        return NT_OK;
    NT_TRY(find(&p, c, k->key, k->kind, e));
    if (is_whole(p.file, p.entry, seconds)) {
        NT_TRY(copy(k->path, p.file, e));
        *took = true;
    }
done:
    leave(&p);
    return s;
}

/* The entry comes last: without it the file is nothing. */
static nt_status put(const nt_cache *c, const kept *k, double seconds, nt_err *e)
{
    place p = {0};
    nt_status s = NT_OK;
    cJSON *j = cJSON_CreateObject();
    char *text = NULL;
    nt_sha256_hex h;
    double ignored = 0;

    NT_TRY(find(&p, c, k->key, k->kind, e));
    if (is_whole(p.file, p.entry, &ignored))
        goto done;
    NT_TRY(nt_sha256_file(&h, k->path, e));
    if (!j || !nt_json_add_str(j, "sha256", h.text) ||
        !nt_json_add_double(j, "seconds", seconds) || !(text = nt_json_text(j)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(copy(p.file, k->path, e));
    NT_TRY(nt_outfile_save(p.entry, text, strlen(text), e));
done:
    nt_free(text);
    nt_json_free(j);
    leave(&p);
    return s;
}

nt_status nt_cache_take(const nt_cache *c, nt_cached *f, nt_err *e)
{
    kept k = {archive_key(c, f), "nt", f->archive};
    nt_status s = NT_OK;

    f->took_measured = false;
    NT_TRY(take(&f->took_archive, c, &k, &f->seconds, e));
    if (!c->may_measure || !nt_path_exists(f->archive))
        goto done;
    k = (kept){.kind = "measured", .path = f->measured};
    NT_TRY(measured_key(&k.key, c, f, e));
    NT_TRY(take(&f->took_measured, c, &k, &f->seconds, e));
done:
    return s;
}

nt_status nt_cache_put(const nt_cache *c, const nt_cached *f, nt_err *e)
{
    kept k = {archive_key(c, f), "nt", f->archive};
    nt_status s = NT_OK;

    NT_TRY(put(c, &k, f->seconds, e));
    if (!c->may_measure)
        goto done;
    k = (kept){.kind = "measured", .path = f->measured};
    NT_TRY(measured_key(&k.key, c, f, e));
    NT_TRY(put(c, &k, f->seconds, e));
done:
    return s;
}
