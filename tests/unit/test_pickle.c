/* SPDX-License-Identifier: MIT */
#include "export/pickle.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_bytes(nt_str *s, const char *want, size_t n)
{
    assert_false(s->failed);
    assert_int_equal(s->n, n);
    assert_memory_equal(s->p, want, n);
    nt_str_release(s);
}

NT_TEST(integers_take_the_shortest_form)
{
    nt_str s = {0};

    nt_pickle_int(&s, 255);
    nt_pickle_int(&s, 256);
    nt_pickle_int(&s, 65536);
    nt_pickle_int(&s, -1);
    nt_pickle_int(&s, INT64_C(1) << 40);
    assert_bytes(&s,
                 "K\xff"
                 "M\x00\x01"
                 "J\x00\x00\x01\x00"
                 "J\xff\xff\xff\xff"
                 "\x8a\x08\x00\x00\x00\x00\x00\x01\x00\x00",
                 2 + 3 + 5 + 5 + 10);
}

NT_TEST(a_pickle_begins_and_ends)
{
    nt_str s = {0};

    nt_pickle_begin(&s);
    nt_pickle_text(&s, "ab");
    nt_pickle_end(&s);
    assert_bytes(&s,
                 "\x80\x02X\x02\x00\x00\x00"
                 "ab.",
                 10);
}

/* Python's own reader, where there is one, sees what was meant. */
NT_TEST(python_reads_it)
{
    static const char script[] = "python3 -c 'import pickle, sys\n"
                                 "v = pickle.load(open(sys.argv[1], \"rb\"))\n"
                                 "assert v == {\"n\": (0, 255, 65535, 1 << 40, -(1 << 40), "
                                 "2147483647), \"ok\": True, \"none\": None, \"e\": ()}, v\n"
                                 "import pickletools\n"
                                 "pickletools.dis(open(sys.argv[1], \"rb\").read(), "
                                 "open(\"/dev/null\", \"w\"))' ";
    const int64_t v[] = {0, 255, 65535, INT64_C(1) << 40, -(INT64_C(1) << 40), 2147483647};
    char path[] = "/tmp/nt-pickle-XXXXXX", command[1024];
    nt_str s = {0};
    FILE *f;
    int fd;

    if (system("python3 -c 'import pickletools' 2>/dev/null") != 0)
        skip();
    nt_pickle_begin(&s);
    nt_pickle_do(&s, NT_PICKLE_EMPTY_DICT);
    nt_pickle_do(&s, NT_PICKLE_MARK);
    nt_pickle_text(&s, "n");
    nt_pickle_ints(&s, v, 6);
    nt_pickle_text(&s, "ok");
    nt_pickle_bool(&s, true);
    nt_pickle_text(&s, "none");
    nt_pickle_do(&s, NT_PICKLE_NONE);
    nt_pickle_text(&s, "e");
    nt_pickle_do(&s, NT_PICKLE_EMPTY_TUPLE);
    nt_pickle_do(&s, NT_PICKLE_SET_ITEMS);
    nt_pickle_end(&s);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    f = fdopen(fd, "wb");
    assert_int_equal(fwrite(s.p, 1, s.n, f), s.n);
    assert_int_equal(fclose(f), 0);
    nt_str_release(&s);
    snprintf(command, sizeof command, "%s%s", script, path);
    assert_int_equal(system(command), 0);
    assert_int_equal(remove(path), 0);
}

NT_TEST_MAIN
