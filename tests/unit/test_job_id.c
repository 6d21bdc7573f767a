/* SPDX-License-Identifier: MIT */
#include "data_files.h"

#include "search/job_id.h"

#define IMAGES "\0\0\10\3\0\0\0\1\0\0\0\2\0\0\0\2pix!"
#define LABELS "\0\0\10\1\0\0\0\1\3"

static temp_dir new_files(void)
{
    temp_dir d = temp_dir_new();

    for (int i = 0; i < 2; i++) {
        char images[40], labels[40];

        snprintf(images, sizeof images, "%s-images-idx3-ubyte", i ? "t10k" : "train");
        snprintf(labels, sizeof labels, "%s-labels-idx1-ubyte", i ? "t10k" : "train");
        put_file(&d, images, IMAGES, sizeof IMAGES - 1);
        put_file(&d, labels, LABELS, sizeof LABELS - 1);
    }
    put_file(&d, "m.nt", "the model", 9);
    return d;
}

/* Of the job {"model": MODEL, "data": ..., KEYS}. */
static void id_of(char *id, const temp_dir *d, const char *model, const char *keys,
                  const char *version)
{
    char *text = nt_strfmt("{\"model\": \"%s/%s\", \"data\": \"idx:%s\"%s}", d->path, model,
                           d->path, keys);
    cJSON *j = NULL;
    nt_job *job = NULL;

    assert_non_null(text);
    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    assert_ok(nt_job_new(&job, j, e));
    assert_ok(nt_job_id(id, job, version, e));
    nt_job_free(job);
    nt_json_free(j);
    nt_free(text);
}

static bool is_same(const temp_dir *d, const char *model, const char *keys, const char *version)
{
    char a[NT_JOB_ID_BYTES], b[NT_JOB_ID_BYTES];

    id_of(a, d, "m.nt", "", "1.0");
    id_of(b, d, model, keys, version);
    assert_int_equal(strspn(b, "0123456789ABCDEF"), 8);
    assert_int_equal(strlen(b), 8);
    return strcmp(a, b) == 0;
}

NT_TEST(a_job_is_the_same_whatever_it_is_called_and_however_it_is_run)
{
    temp_dir d = new_files();

    put_file(&d, "copy.nt", "the model", 9);
    assert_true(is_same(&d, "m.nt", "", "1.0"));
    assert_true(is_same(&d, "copy.nt", ", \"jobs\": 3, \"launcher\": \"nice\"", "1.0"));
    assert_true(is_same(&d, "m.nt", ", \"delta\": 1", "1.0")); /* that is the default */
    temp_dir_remove(&d);
}

NT_TEST(other_keys_another_model_and_another_version_are_another_job)
{
    temp_dir d = new_files();

    put_file(&d, "other.nt", "a model", 7);
    assert_false(is_same(&d, "m.nt", ", \"delta\": 2", "1.0"));
    assert_false(is_same(&d, "other.nt", "", "1.0"));
    assert_false(is_same(&d, "m.nt", "", "1.1"));
    temp_dir_remove(&d);
}

NT_TEST(other_samples_are_another_job)
{
    temp_dir d = new_files();
    char a[NT_JOB_ID_BYTES], b[NT_JOB_ID_BYTES];

    id_of(a, &d, "m.nt", "", "1.0");
    put_file(&d, "t10k-labels-idx1-ubyte", "\0\0\10\1\0\0\0\1\4", 9);
    id_of(b, &d, "m.nt", "", "1.0");
    assert_string_not_equal(a, b);
    temp_dir_remove(&d);
}

NT_TEST(a_model_that_is_not_there_is_named)
{
    temp_dir d = new_files();
    char *text = nt_strfmt("{\"model\": \"/nowhere.nt\", \"data\": \"idx:%s\"}", d.path);
    char id[NT_JOB_ID_BYTES];
    cJSON *j = NULL;
    nt_job *job = NULL;

    assert_non_null(text);
    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    assert_ok(nt_job_new(&job, j, e));
    assert_fails(NT_EIO, "/nowhere.nt: cannot open: No such file or directory",
                 nt_job_id(id, job, "1.0", e));
    nt_job_free(job);
    nt_json_free(j);
    nt_free(text);
    temp_dir_remove(&d);
}

NT_TEST_MAIN
