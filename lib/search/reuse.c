/* SPDX-License-Identifier: MIT */
#include "search/reuse.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/str.h"
#include "search/pipeline.h"

nt_status nt_reuse_open(nt_run *r, nt_err *e)
{
    const nt_cache_opts o = {
        .dir = r->o->cache, .job = r->job, .inputs = nt_trust_inputs(r->trust)};

    if (!r->o->cache)
        return NT_OK;
    if (!nt_cache_suits(r->job)) {
        nt_joblog_info(&r->log,
                       "Cache: not used, since the job has commands in place of tools");
        return NT_OK;
    }
    return nt_cache_open(&r->cache, &o, e);
}

typedef struct paths {
    nt_str chain;
    char *archive, *measured;
} paths;

/* What is pruned to a time comes from a table that was measured: its digest is of the chain;
 * not known as long as there is none. */
static nt_status add_costs(nt_str *chain, const nt_run *r, int i, nt_err *e)
{
    bool by_costs = false;
    nt_sha256_hex h;
    nt_status s = NT_OK;
    char *path;

    for (; i >= 0; i = r->search.v[i].parent)
        by_costs = by_costs || r->search.v[i].stage[0].time > 0;
    if (!by_costs)
        return NT_OK;
    if (!(path = nt_run_path(r, "ref_model.costs.json")))
        return nt_fail_nomem(e);
    if (!nt_path_exists(path))
        nt_str_addf(chain, "costs of %s\n", r->dir);
    else if ((s = nt_sha256_file(&h, path, e)) == NT_OK)
        nt_str_addf(chain, "costs %s\n", h.text);
    nt_free(path);
    return s;
}

static nt_status find(paths *p, nt_cached *f, const nt_run *r, int i, nt_err *e)
{
    char name[NT_RUN_NAME];
    nt_status s = NT_OK;

    p->archive = nt_run_path(r, nt_run_file(name, r, i, ".nt"));
    p->measured = nt_run_path(r, nt_run_file(name, r, i, ".json"));
    nt_pipeline_chain(&p->chain, i, &r->search, r->job);
    NT_TRY(add_costs(&p->chain, r, i, e));
    *f = (nt_cached){.chain = p->chain.p,
                     .threads = r->search.v[i].threads,
                     .archive = p->archive,
                     .measured = p->measured,
                     .seconds = r->search.v[i].m.seconds};
    if (!p->archive || !p->measured || p->chain.failed)
        s = nt_fail_nomem(e);
done:
    return s;
}

static void leave(paths *p)
{
    nt_str_release(&p->chain);
    nt_free(p->archive);
    nt_free(p->measured);
}

nt_status nt_reuse_take(bool *is_new, nt_run *r, int i, nt_err *e)
{
    paths p = {0};
    nt_cached f = {0};
    nt_status s = NT_OK;

    *is_new = false;
    if (!r->cache)
        return NT_OK;
    NT_TRY(find(&p, &f, r, i, e));
    NT_TRY(nt_cache_take(r->cache, &f, e));
    if (f.took_archive || f.took_measured)
        nt_joblog_info(&r->log, "  %s: from the cache: %s", r->search.v[i].id,
                       !f.took_measured ? "its archive"
                       : f.took_archive ? "its archive and its measurement"
                                        : "its measurement");
    *is_new = !nt_path_exists(p.archive);
    if (f.took_archive && f.took_measured)
        r->search.v[i].m.seconds = f.seconds;
done:
    leave(&p);
    return s;
}

nt_status nt_reuse_put(const nt_run *r, int i, nt_err *e)
{
    paths p = {0};
    nt_cached f = {0};
    nt_status s = NT_OK;

    if (!r->cache)
        return NT_OK;
    NT_TRY(find(&p, &f, r, i, e));
    NT_TRY(nt_cache_put(r->cache, &f, e));
done:
    leave(&p);
    return s;
}
