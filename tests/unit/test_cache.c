/* SPDX-License-Identifier: MIT */
/* Candidates of other jobs: the same or none. */
#include "scratch.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/outfile.h"
#include "base/str.h"
#include "search/cache.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct fixture {
    scratch t;
    nt_job *job;
    cJSON *inputs;
    char *dir, *archive, *measured;
} fixture;

static void save(const char *path, const char *text)
{
    assert_ok(nt_outfile_save(path, text, strlen(text), e));
}

static void fixture_open(fixture *f, const char *keys)
{
    static const char inputs[] =
        "{\"model\": \"1\", \"data\": \"2\", \"tools\": {\"nt-prune\": "
        "\"3\", \"nt-eval\": \"4\"}}";
    char *text;
    cJSON *j = NULL;

    scratch_open(&f->t);
    save(scratch_path(&f->t, "train-images-idx3-ubyte"), "");
    save(scratch_path(&f->t, "train-labels-idx1-ubyte"), "");
    text = nt_strfmt("{\"model\": \"m.nt\", \"data\": \"idx:%s\"%s}", f->t.dir, keys);
    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    f->job = NULL;
    assert_ok(nt_job_new(&f->job, j, e));
    f->inputs = NULL;
    assert_ok(nt_json_parse(&f->inputs, inputs, sizeof inputs - 1, e));
    f->dir = nt_strdup(scratch_path(&f->t, "cache"));
    f->archive = nt_strdup(scratch_path(&f->t, "a.nt"));
    f->measured = nt_strdup(scratch_path(&f->t, "a.json"));
    nt_json_free(j);
    nt_free(text);
}

static void fixture_close(fixture *f)
{
    char *cmd = nt_strfmt("rm -rf '%s/cache'", f->t.dir);

    assert_int_equal(system(cmd), 0);
    nt_free(cmd);
    nt_free(f->dir);
    nt_free(f->archive);
    nt_free(f->measured);
    nt_json_free(f->inputs);
    nt_job_free(f->job);
    scratch_close(&f->t);
}

static nt_cache *open_cache(const fixture *f, const char *processor)
{
    const nt_cache_opts o = {
        .dir = f->dir, .job = f->job, .inputs = f->inputs, .processor = processor};
    nt_cache *c = NULL;

    assert_ok(nt_cache_open(&c, &o, e));
    return c;
}

static nt_cached candidate(const fixture *f, const char *chain, int64_t threads)
{
    return (nt_cached){
        .chain = chain, .threads = threads, .archive = f->archive, .measured = f->measured};
}

/* Of "chain" on 1 thread, made by a processor A in 7 seconds. */
static void put_one(const fixture *f)
{
    nt_cache *c = open_cache(f, "A");
    nt_cached one = candidate(f, "chain", 1);

    save(f->archive, "the archive");
    save(f->measured, "the measurement");
    one.seconds = 7;
    assert_ok(nt_cache_put(c, &one, e));
    nt_cache_free(c);
}

/* What is taken into a folder without files: 1 the archive, 2 the measurement, 3 both. */
static int taken(const fixture *f, const char *processor, nt_cached one)
{
    nt_cache *c = open_cache(f, processor);

    remove(f->archive);
    remove(f->measured);
    assert_ok(nt_cache_take(c, &one, e));
    assert_int_equal(one.took_archive, nt_path_exists(f->archive));
    assert_int_equal(one.took_measured, nt_path_exists(f->measured));
    if (one.took_measured)
        assert_float_equal(one.seconds, 7, 0);
    nt_cache_free(c);
    return one.took_archive + 2 * one.took_measured;
}

NT_TEST(what_was_kept_is_taken_whole)
{
    fixture f;
    char *bytes;
    size_t n;

    fixture_open(&f, "");
    put_one(&f);
    assert_int_equal(taken(&f, "A", candidate(&f, "chain", 1)), 3);
    assert_ok(nt_file_read(&bytes, &n, f.measured, 100, e));
    assert_string_equal(bytes, "the measurement");
    nt_free(bytes);
    fixture_close(&f);
}

NT_TEST(another_machine_chain_thread_count_or_tool_has_none_of_it)
{
    fixture f;
    cJSON *tools;

    fixture_open(&f, "");
    put_one(&f);
    assert_int_equal(taken(&f, "B", candidate(&f, "chain", 1)), 0);
    assert_int_equal(taken(&f, "A", candidate(&f, "chain 2", 1)), 0);
    assert_int_equal(taken(&f, "A", candidate(&f, "chain", 2)), 0);
    tools = nt_json_get(f.inputs, "tools");
    assert_true(
        cJSON_ReplaceItemInObjectCaseSensitive(tools, "nt-eval", cJSON_CreateString("5")));
    assert_int_equal(taken(&f, "A", candidate(&f, "chain", 1)), 1);
    assert_true(
        cJSON_ReplaceItemInObjectCaseSensitive(tools, "nt-prune", cJSON_CreateString("5")));
    assert_int_equal(taken(&f, "A", candidate(&f, "chain", 1)), 0);
    fixture_close(&f);
}

NT_TEST(a_job_that_allows_another_drop_has_it_one_that_trains_otherwise_has_not)
{
    fixture f, g;

    fixture_open(&f, "");
    put_one(&f);
    fixture_open(&g, ", \"seed\": 1");
    nt_free(g.dir);
    g.dir = nt_strdup(f.dir);
    assert_int_equal(taken(&g, "A", candidate(&g, "chain", 1)), 0);
    fixture_close(&g);
    fixture_open(&g, ", \"delta\": 7, \"budget\": {\"steps\": 9}, \"jobs\": 2");
    nt_free(g.dir);
    g.dir = nt_strdup(f.dir);
    /* the description of its data is another one, which stands in the job's inputs alone */
    assert_int_equal(taken(&g, "A", candidate(&g, "chain", 1)), 3);
    fixture_close(&g);
    fixture_close(&f);
}

NT_TEST(what_is_damaged_is_not_taken_and_is_kept_anew)
{
    fixture f;
    nt_cache *c;
    nt_cached one;
    nt_sha256_hex h;
    char *cmd;

    fixture_open(&f, "");
    put_one(&f);
    cmd = nt_strfmt("for f in %s/*.nt; do printf x >>$f; done", f.dir);
    assert_int_equal(system(cmd), 0);
    assert_int_equal(taken(&f, "A", candidate(&f, "chain", 1)), 0);
    put_one(&f);
    assert_int_equal(taken(&f, "A", candidate(&f, "chain", 1)), 3);
    assert_ok(nt_sha256_file(&h, f.archive, e));
    assert_string_equal(h.text, nt_sha256("the archive", 11).text);
    c = open_cache(&f, "A");
    one = candidate(&f, "chain", 1); /* what is there is left alone */
    assert_ok(nt_cache_take(c, &one, e));
    assert_false(one.took_archive || one.took_measured);
    nt_cache_free(c);
    nt_free(cmd);
    fixture_close(&f);
}

NT_TEST(what_a_program_of_the_users_measures_or_makes_is_not_kept)
{
    fixture f;

    fixture_open(&f, ", \"eval_func\": \"./measure\"");
    put_one(&f);
    assert_int_equal(taken(&f, "A", candidate(&f, "chain", 1)), 1);
    assert_true(nt_cache_suits(f.job));
    fixture_close(&f);
    fixture_open(&f, ", \"tools\": {\"nt-prune\": \"mine\"}");
    assert_false(nt_cache_suits(f.job));
    fixture_close(&f);
}

NT_TEST_MAIN
