/* SPDX-License-Identifier: MIT */
#include "report/table.h"

#include "starve.h"

static void assert_table(nt_table *t, const char *want)
{
    nt_str out = {0};

    assert_true(nt_table_write(t, &out));
    assert_string_equal(out.p, want);
    nt_str_release(&out);
    nt_table_free(t);
}

NT_TEST(columns_are_as_wide_as_what_they_hold_and_numbers_go_to_the_right)
{
    nt_table *t = nt_table_new("lrl");

    nt_table_cell(t, "layer");
    nt_table_cell(t, "MACs");
    nt_table_cell(t, "op");
    nt_table_rule(t);
    nt_table_cell(t, "%s", "c");
    nt_table_cell(t, "%d", 12345);
    nt_table_cell(t, "Conv");
    assert_table(t, "layer   MACs  op\n"
                    "------------------\n"
                    "c      12345  Conv\n");
}

NT_TEST(the_last_column_leaves_no_blanks_behind_unless_it_is_to_the_right)
{
    nt_table *t = nt_table_new("l");

    nt_table_cell(t, "a");
    nt_table_cell(t, "long");
    assert_table(t, "a\nlong\n");
    t = nt_table_new("r");
    nt_table_cell(t, "a");
    nt_table_cell(t, "long");
    assert_table(t, "   a\nlong\n");
}

NT_TEST(characters_count_and_not_bytes)
{
    nt_table *t = nt_table_new("ll");

    nt_table_cell(t, "\xe5\xb1\x82"); /* one character of three bytes */
    nt_table_cell(t, "x");
    nt_table_cell(t, "ab");
    nt_table_cell(t, "y");
    assert_table(t, "\xe5\xb1\x82   x\nab  y\n");
}

NT_TEST(a_long_cell_is_cut_and_an_empty_table_is_nothing)
{
    char text[700];
    nt_str out = {0};
    nt_table *t = nt_table_new("l");

    assert_true(nt_table_write(t, &out));
    assert_int_equal(out.n, 0);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    nt_table_cell(t, "%s", text);
    assert_true(nt_table_write(t, &out));
    assert_int_equal(out.n, 512); /* 511 and the line's end */
    nt_str_release(&out);
    nt_table_free(t);
}

static nt_status make_table(void *ctx, nt_err *e)
{
    nt_table *t = nt_table_new("lr");
    nt_str out = {0};
    bool ok;

    (void)ctx;
    for (int i = 0; i < 100; i++)
        nt_table_cell(t, "%d", i);
    nt_table_rule(t);
    ok = nt_table_write(t, &out);
    nt_str_release(&out);
    nt_table_free(t);
    return ok ? NT_OK : nt_fail_nomem(e);
}

NT_TEST(a_lack_of_memory_is_remembered_until_the_end)
{
    assert_true(starve(make_table, NULL) > 100);
}

NT_TEST_MAIN
