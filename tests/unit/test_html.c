/* SPDX-License-Identifier: MIT */
#include "report/html.h"

#include "starve.h"

#define PROFILE(metric, params, macs, ms, shape)                                               \
    "\"eval_metric\": " metric ", \"model_size_bytes\": " params "000, \"params\": " params    \
    ", \"macs\": " macs ", \"execution_time_ms\": " ms ", \"batch_size\": 1, \"layers\": ["    \
    "{\"name\": \"c<1\", \"op\": \"Conv\", \"params\": " params ", \"macs\": " macs            \
    ", \"weight_shape\": \"" shape                                                             \
    "\"}, {\"name\": \"relu\", \"op\": \"Relu\", \"params\": 0}]"

#define CANDIDATE(id, move, more, metric, ok)                                                  \
    "{\"id\": \"" id "\", \"move\": \"" move "\", \"parent\": \"reference\", " more            \
    "\"measured\": true, \"seconds\": 3, \"params\": 4, \"model_size_bytes\": 4000, "          \
    "\"macs\": 40, \"execution_time_ms\": 0.5, \"eval_metric\": " metric                       \
    ", \"drop\": 1, \"within_delta\": " ok "}"

/* A job of three candidates, with what comes behind the first keys. */
#define METRICS(first)                                                                                                                            \
    "{" first "\"job\": \"0123ABCD\", \"eval_key\": \"accuracy\", \"delta\": 1, "                                                                 \
    "\"drop\": 0.75, \"target\": 93, \"elapsed_s\": 100, \"comparison\": {" PROFILE("93.25", "4", "40", "0.5", "[2,1]") ", \"other\": {" PROFILE( \
        "94", "8", "80", "1",                                                                                                                     \
        "[4,1]") "}}, \"reference\": {\"eval_metric\": 94, "                                                                                      \
                 "\"model_size_bytes\": 8000, \"macs\": 80, \"execution_time_ms\": 1}, "                                                          \
                 "\"candidates\": [" CANDIDATE(                                                                                                   \
                     "aaa", "prune", "\"size\": 0.25, ", "93.5",                                                                                  \
                     "true") ", " CANDIDATE("bbb", "train", "", "93.25",                                                                          \
                                            "true") ", " CANDIDATE("ccc", "cut",                                                                  \
                                                                   "\"layer\": \"c<1\", "                                                         \
                                                                   "\"keep\": 3, ",                                                               \
                                                                   "80",                                                                          \
                                                                   "false") ", "                                                                  \
                                                                            "{\"id\": "                                                           \
                                                                            "\"ddd\", "                                                           \
                                                                            "\"move\": "                                                          \
                                                                            "\"prune\", "                                                         \
                                                                            "\"measured\": "                                                      \
                                                                            "false}]}"

#define BEST                                                                                   \
    "\"best\": \"bbb\", \"search_drop\": 0.5, \"eval_split\": \"test\", \"search_split\": "   \
    "\"val\", "

static cJSON *json(const char *text)
{
    cJSON *j = NULL;

    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    return j;
}

static nt_str page(const char *metrics)
{
    cJSON *m = json(metrics), *s = json("{\"model\": \"a&b\"}");
    nt_html_job j = {m, s, "history  nt-prune --size 0.5\n"};
    nt_str out = {0};

    assert_ok(nt_html_write(&out, &j, e));
    nt_json_free(m);
    nt_json_free(s);
    return out;
}

static void assert_has(const nt_str *page, const char *text)
{
    if (!strstr(page->p, text))
        fail_msg("no '%s' in the page", text);
}

NT_TEST(the_result_stands_beside_the_reference_and_what_was_promised)
{
    nt_str p = page(METRICS(BEST));

    assert_has(&p, "<title>Job 0123ABCD</title>");
    assert_has(&p, "<b>0.75</b><span>drop of accuracy, at most 1</span>");
    assert_has(&p, "<b>2.00x</b><span>fewer bytes</span>");
    assert_has(&p, "The smallest of 4 candidates that keeps its promise on 'test'");
    assert_has(&p, "chosen by other samples, 'val', where its drop is 0.5.");
    assert_has(&p, "<td>accuracy</td><td class=\"n\">94</td><td class=\"n\">93.25</td>"
                   "<td class=\"n\">-0.75</td>");
    assert_has(&p, "<td>Multiply-accumulates</td><td class=\"n\">80</td><td class=\"n\">40</td>"
                   "<td class=\"n\">2.00x</td>");
    nt_str_release(&p);
}

NT_TEST(it_says_when_the_same_samples_chose_and_judged)
{
    nt_str p = page(METRICS("\"best\": \"bbb\", \"eval_split\": \"test\", \"search_split\": "
                            "\"test\", "));

    assert_has(&p, "a little optimistic");
    nt_str_release(&p);
}

NT_TEST(only_layers_with_parameters_are_listed_and_their_names_are_text)
{
    nt_str p = page(METRICS(BEST));

    assert_has(&p, "<tr><td>c&lt;1</td><td>Conv</td><td>[4,1]</td><td>[2,1]</td>");
    assert_has(&p, "<rect class=\"was\" width=\"100.0\" height=\"8\"/>"
                   "<rect class=\"is\" width=\"50.0\" height=\"8\"/>");
    assert_null(strstr(p.p, "<td>relu</td>"));
    nt_str_release(&p);
}

NT_TEST(every_measured_candidate_is_a_row_with_how_it_was_made)
{
    nt_str p = page(METRICS(BEST));

    assert_has(&p, "<tr class=\"met\"><td class=\"n\">1</td><td>aaa</td><td>reference</td>"
                   "<td>pruned to 25 %</td><td class=\"n\">93.5</td>");
    assert_has(&p, "<tr class=\"best\"><td class=\"n\">2</td><td>bbb</td><td>reference</td>"
                   "<td>trained on</td>");
    assert_has(&p, "<tr class=\"unmet\"><td class=\"n\">3</td><td>ccc</td><td>reference</td>"
                   "<td>c&lt;1 cut to 3 outputs</td>");
    assert_has(&p, "<g class=\"train ok best\"><title>bbb, train: accuracy 93.25; 3.91 KiB, "
                   "40 MACs, 0.5 ms</title>");
    assert_null(strstr(p.p, "ddd"));
    assert_has(&p, "<pre>history  nt-prune --size 0.5\n</pre>");
    assert_has(&p, "a&amp;b");
    nt_str_release(&p);
}

NT_TEST(a_search_that_found_nothing_shows_the_reference_as_its_result)
{
    nt_str p = page(METRICS("\"best\": \"reference\", \"search_split\": \"val\", "));

    assert_has(&p, "Nothing smaller than the reference keeps accuracy within 1");
    assert_has(&p, "<g class=\"reference ok best\">");
    nt_str_release(&p);
}

NT_TEST(a_dry_run_is_called_one)
{
    nt_str p = page(METRICS("\"dryrun\": true, " BEST));

    assert_has(&p, "A dry run");
    nt_str_release(&p);
}

NT_TEST(what_is_no_finished_job_is_refused)
{
    static const char *const bad[] = {"{}", "[]",
                                      ("{\"best\": \"a\", \"eval_key\": \"b\", "
                                       "\"candidates\": [], \"reference\": {}}")};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cJSON *m = json(bad[i]);
        nt_html_job j = {m, m, ""};
        nt_str out = {0};

        assert_fails(NT_EFORMAT, "not the metrics of a finished job",
                     nt_html_write(&out, &j, e));
        nt_str_release(&out);
        nt_json_free(m);
    }
}

static nt_status write_again(void *ctx, nt_err *e)
{
    nt_str out = {0};
    nt_status s = nt_html_write(&out, ctx, e);

    nt_str_release(&out);
    return s;
}

NT_TEST(each_allocation_may_fail)
{
    cJSON *m = json(METRICS(BEST)), *s = json("{}");
    nt_html_job j = {m, s, ""};

    assert_true(starve(write_again, &j) > 10);
    nt_json_free(m);
    nt_json_free(s);
}

NT_TEST_MAIN
