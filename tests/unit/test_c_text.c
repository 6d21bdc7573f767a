/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "export/c_text.h"
#include "test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void assert_written(float v, const char *want)
{
    char buf[NT_C_NUMBER];

    assert_string_equal(nt_c_float(buf, v), want);
}

NT_TEST(floats_have_one_spelling)
{
    assert_written(0, "0.0f");
    assert_written(-0.0F, "-0.0f");
    assert_written(1, "1.0f");
    assert_written(-999999, "-999999.0f");
    assert_written(1e6F, "0x1.e848p+19f");
    assert_written(0.5F, "0x1p-1f");
    assert_written(-0.1F, "-0x1.99999ap-4f");
    assert_written(FLT_MAX, "0x1.fffffep+127f");
    assert_written(-FLT_MIN, "-0x1p-126f");
    assert_written(0x1p-149F, "0x0.000002p-126f");
    assert_written(INFINITY, "INFINITY");
    assert_written(-INFINITY, "-INFINITY");
    assert_written(NAN, "NAN");
}

/* Of all exponents and signs, with scattered fractions. */
NT_TEST(every_float_reads_back_as_it_was)
{
    char buf[NT_C_NUMBER];

    for (uint32_t i = 0; i < 1 << 16; i++) {
        uint32_t bits = i << 16 | (i * 2654435761U) >> 16;
        float v, back;

        memcpy(&v, &bits, sizeof v);
        if (isnan(v) || isinf(v))
            continue;
        back = strtof(nt_c_float(buf, v), NULL);
        assert_true(strlen(buf) < NT_C_NUMBER);
        assert_memory_equal(&back, &v, sizeof v);
    }
}

NT_TEST(a_list_has_lines_of_bounded_length)
{
    const int64_t numbers[40] = {-1, 1234567, 3};
    nt_str s = {0};

    nt_c_longs(&s, "k3", numbers, 40);
    assert_int_equal(strncmp(s.p, "static const long k3[40] = {\n    -1, 1234567, 3, 0,", 49),
                     0);
    assert_true(nt_ends_with(s.p, "0,\n};\n"));
    for (const char *line = s.p; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 96);
    nt_str_release(&s);
}

static void assert_named(const char *path, const char *want)
{
    char *name = nt_c_identifier(path);

    assert_string_equal(name, want);
    nt_free(name);
}

NT_TEST(files_names_become_identifiers)
{
    assert_named("net.c", "net");
    assert_named("a.b/my-net.v2.c", "my_net_v2");
    assert_named("3x3.c", "n3x3");
    assert_named("dir/_x", "n_x");
    assert_named("\xc3\xa9t\xc3\xa9.c", "n__t__");
    assert_named(".c", "n_c");
}

NT_TEST(no_name_ends_a_comment)
{
    nt_str s = {0};

    nt_c_quote(&s, "a*/b\\\n/*\x7f\xc3\xa9\?\?/");
    assert_string_equal(s.p, "a_/b__/______/");
    nt_str_release(&s);
}

NT_TEST_MAIN
