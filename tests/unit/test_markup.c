/* SPDX-License-Identifier: MIT */
#include "report/markup.h"

#include "test.h"

#include <math.h>

static void assert_text(const char *text, const char *want)
{
    nt_str out = {0};

    nt_markup_text(&out, text);
    assert_string_equal(out.p ? out.p : "", want);
    nt_str_release(&out);
}

NT_TEST(what_means_something_in_a_page_becomes_a_reference)
{
    assert_text("a < b && \"c\" > 'd'", "a &lt; b &amp;&amp; &quot;c&quot; &gt; &#39;d&#39;");
    assert_text("</pre><script>", "&lt;/pre&gt;&lt;script&gt;");
    assert_text("", "");
    assert_text(NULL, "");
}

NT_TEST(utf8_stays_and_what_is_none_or_controls_is_shown_as_a_question_mark)
{
    assert_text("\xe5\xb1\x82\n2", "\xe5\xb1\x82\n2");
    assert_text("a\x1b[1m\x7f", "a?[1m?");
    assert_text("\xff<\xc3", "?&lt;?");
}

NT_TEST(what_means_something_in_markdown_is_escaped_and_stays_on_its_line)
{
    nt_str out = {0};

    nt_markup_markdown(&out, "a|b <c> *d* [e](f)\n# g\t\xff\\ \xe5\xb1\x82");
    assert_string_equal(out.p, "a\\|b \\<c\\> \\*d\\* \\[e\\](f) \\# g ?\\\\ \xe5\xb1\x82");
    nt_str_release(&out);
}

static void assert_number(char *(*show)(char *, size_t, double), double v, const char *want)
{
    char buf[32];

    assert_string_equal(show(buf, sizeof buf, v), want);
}

NT_TEST(bytes_are_in_units_of_1024_with_three_digits)
{
    assert_number(nt_bytes_text, 0, "0 B");
    assert_number(nt_bytes_text, 1023, "1023 B");
    assert_number(nt_bytes_text, 1024, "1.00 KiB");
    assert_number(nt_bytes_text, 5.6 * 1048576, "5.60 MiB");
    assert_number(nt_bytes_text, 99.96 * 1024, "100 KiB");
    assert_number(nt_bytes_text, 12.34 * 1024, "12.3 KiB");
    assert_number(nt_bytes_text, 0x1p60, "1048576 TiB");
    assert_number(nt_bytes_text, NAN, "-");
}

NT_TEST(counts_are_in_thousands_and_ratios_end_in_x)
{
    assert_number(nt_count_text, 508, "508");
    assert_number(nt_count_text, 1469000, "1.47 M");
    assert_number(nt_count_text, 1e9, "1.00 G");
    assert_number(nt_count_text, INFINITY, "-");
    assert_number(nt_times_text, 16.94, "16.9x");
    assert_number(nt_times_text, 0.5, "0.50x");
    assert_number(nt_times_text, 9.996, "10.0x");
    assert_number(nt_times_text, NAN, "-");
}

NT_TEST_MAIN
