/* SPDX-License-Identifier: MIT */
#include "graph/onnx_io.h"

#include "base/alloc.h"
#include "base/file.h"
#include "graph_equal.h"
#include "test.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#define TESTDATA "/usr/share/libonnx-testdata/data"

static nt_graph *reread(const nt_graph *g)
{
    void *bytes = NULL, *ext = NULL;
    size_t n, ext_n;
    nt_graph *h = NULL;

    assert_ok(nt_onnx_write(&bytes, &n, &ext, &ext_n, g, e));
    assert_null(ext);
    assert_ok(nt_onnx_read(&h, bytes, n, NULL, NULL, 0, e));
    nt_free(bytes);
    return h;
}

typedef struct tally {
    int read, unsupported;
} tally;

static void check_file(tally *t, const char *path)
{
    nt_err e = {{0}};
    char *bytes = NULL;
    size_t n;
    nt_graph *g = NULL, *h;
    nt_status s;

    assert_int_equal(nt_file_read(&bytes, &n, path, SIZE_MAX, &e), NT_OK);
    s = nt_onnx_read(&g, bytes, n, NULL, NULL, 0, &e);
    nt_free(bytes);
    if (s == NT_EUNSUPPORTED) {
        if (getenv("NT_VERBOSE"))
            print_message("%s: %s\n", path, e.msg);
        t->unsupported++;
        return;
    }
    if (s != NT_OK)
        fail_msg("%s: %s", path, e.msg);
    h = reread(g);
    if (!same_graph(g, h))
        fail_msg("%s: reading, writing and reading again changes it", path);
    nt_graph_free(g);
    nt_graph_free(h);
    t->read++;
}

static void walk(tally *t, const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    struct stat st;

    assert_non_null(d);
    while ((entry = readdir(d))) {
        char *path = nt_path_join(dir, entry->d_name);
        size_t n = strlen(path);

        if (entry->d_name[0] == '.' || stat(path, &st) != 0) {
            nt_free(path);
            continue;
        }
        if (S_ISDIR(st.st_mode))
            walk(t, path);
        else if (n > 5 && strcmp(path + n - 5, ".onnx") == 0)
            check_file(t, path);
        nt_free(path);
    }
    closedir(d);
}

NT_TEST(every_model_of_the_onnx_backend_tests_comes_back_as_it_was)
{
    tally t = {0, 0};

    if (!nt_path_exists(TESTDATA)) {
        print_message("skipped: %s is not installed\n", TESTDATA);
        skip();
    }
    walk(&t, TESTDATA);
    print_message("%d models read, %d refused\n", t.read, t.unsupported);
    assert_true(t.read > 500);
}

NT_TEST_MAIN
