/* SPDX-License-Identifier: MIT */
#include "report/html.h"

#include "starve.h"

#define PROFILE(metric, params, macs, ms, shape)                                               \
    "\"eval_metric\": " metric ", \"model_size_bytes\": " params "000, \"params\": " params    \
    ", \"macs\": " macs ", \"execution_time_ms\": " ms ", \"batch_size\": 1, \"layers\": ["    \
    "{\"name\": \"c<1\", \"op\": \"Conv\", \"bits\": 32, \"params\": " params                  \
    ", \"macs\": " macs ", \"weight_shape\": \"" shape                                         \
    "\"}, {\"name\": \"relu\", \"op\": \"Relu\", \"params\": 0}]"

#define CANDIDATE(id, move, stages, metric, more)                                              \
    "{\"id\": \"" id "\", \"move\": \"" move                                                   \
    "\", \"parent\": \"reference\", \"stages\": [" stages                                      \
    "], \"measured\": true, \"seconds\": 3, \"params\": 4, \"model_size_bytes\": 4000, "       \
    "\"macs\": 40, \"execution_time_ms\": 77, \"time_share\": 0.5, \"eval_metric\": " metric   \
    ", \"drop\": 1, " more "}"
#define MET "\"within_delta\": true"
#define UNMET "\"within_delta\": false"

#define TRAIN(full) "{\"stage\": \"train\", \"full\": " full "}"
#define PRUNED "{\"stage\": \"prune\", \"size\": 0.25}, " TRAIN("false")
#define FASTER "{\"stage\": \"prune\", \"time\": 0.4}"
#define CUT "{\"stage\": \"cut\", \"layer\": \"c<1\", \"keep\": 3}"
#define QUANTIZED "{\"stage\": \"quantize\", \"bits\": 4, \"trains\": false}"
#define ROUGH "\"time_disturbed\": true, "

#define AAA CANDIDATE("aaa", "prune", PRUNED, "93.5", MET)
#define BBB CANDIDATE("bbb", "train", TRAIN("true"), "93.25", ROUGH MET)
#define CCC CANDIDATE("ccc", "cut", CUT, "80", UNMET)
#define EEE CANDIDATE("eee", "quantize", QUANTIZED, "80", UNMET)
#define FFF CANDIDATE("fff", "prune", FASTER, "80", UNMET)
#define CANDIDATES AAA ", " BBB ", " CCC ", " EEE ", " FFF

/* A job of five candidates, with what comes behind the first keys. */
#define METRICS(first)                                                                         \
    "{" first "\"job\": \"0123ABCD\", \"eval_key\": \"accuracy\", \"delta\": 1, "              \
    "\"drop\": 0.75, \"target\": 93, \"elapsed_s\": 100, \"comparison\": {\"turns\": "         \
    "{\"ratio\": "                                                                             \
    "4, \"spread\": 0.01, \"rounds\": 9}, " PROFILE(                                           \
        "93.25", "4", "40", "0.5",                                                             \
        "[2,1]") ", \"other\": {" PROFILE("94", "8", "80", "1",                                \
                                          "[4,1]") "}}, \"reference\": {\"eval_metric\": 94, " \
                                                   "\"model_size_bytes\": 8000, \"macs\": "    \
                                                   "80, \"execution_time_ms\": 8}, "           \
                                                   "\"candidates\": [" CANDIDATES              \
                                                   ", {\"id\": \"ddd\", \"move\": \"prune\", " \
                                                   "\"measured\": false}]}"

#define BEST                                                                                   \
    "\"best\": \"bbb\", \"search_drop\": 0.5, \"eval_split\": \"test\", \"search_split\": "    \
    "\"val\", "

static cJSON *json(const char *text)
{
    cJSON *j = NULL;

    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    return j;
}

#define LAYERS(a, b)                                                                           \
    "{\"profile\": {\"layers\": [{\"name\": \"c<1\", \"execution_time_ms\": " a                \
    "}, {\"name\": \"relu\", \"execution_time_ms\": " b "}]}}"

static nt_str write(const char *metrics, const char *settings, bool markdown)
{
    cJSON *m = json(metrics), *s = json(settings), *was = json(LAYERS("30", "10")),
          *is = json(LAYERS("1", "1"));
    nt_html_job j = {.metrics = m,
                     .settings = s,
                     .history = "history  nt-prune --size 0.5\n",
                     .reference = was,
                     .result = is,
                     .log = "old -o candidates/bbb.nt\nnt-tune <x -o candidates/bbb.nt\n"
                            "nt-tune -o candidates/aaa.nt\nnt-import -o opt_model.nt\n"};
    nt_str out = {0};

    if (markdown)
        assert_ok(nt_html_write_markdown(&out, &j, e));
    else
        assert_ok(nt_html_write(&out, &j, e));
    nt_json_free(m);
    nt_json_free(s);
    nt_json_free(was);
    nt_json_free(is);
    return out;
}

static nt_str page(const char *metrics)
{
    return write(metrics, "{\"model\": \"a&b\"}", false);
}

static void assert_has(const nt_str *page, const char *text)
{
    if (!strstr(page->p, text))
        fail_msg("no '%s' in the page", text);
}

NT_TEST(the_result_stands_beside_the_reference_and_what_was_promised)
{
    nt_str p = page(METRICS(BEST));

    assert_has(&p, "<title>Compression: job 0123ABCD</title>");
    assert_has(&p, "<b>0.75</b><span>drop of accuracy, at most 1</span>");
    assert_has(&p, "<b>2.00x</b><span>fewer bytes</span>");
    assert_has(&p,
               "The smallest of 5 candidates that keeps accuracy within 1 of the reference.");
    assert_has(&p, "It is judged by &#39;test&#39;, and was chosen by other samples, "
                   "&#39;val&#39;, where its drop is 0.5.");
    assert_has(&p, "<td>accuracy on &#39;test&#39;</td><td class=\"n\">94</td>"
                   "<td class=\"n\">93.25</td><td class=\"n\">drop 0.75</td>");
    assert_has(&p, "<td>accuracy on &#39;val&#39;</td><td class=\"n\">94</td>"
                   "<td class=\"n\">93.25</td><td class=\"n\">drop 1</td>");
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

/* The one time of the reference is 8 ms; a quarter of it, and half of that in either layer. */
NT_TEST(times_are_shares_of_one_time_of_the_reference)
{
    nt_str p = page(METRICS(BEST));

    assert_has(&p, "<td>Execution time</td><td class=\"n\">8 ms</td><td class=\"n\">2 ms</td>"
                   "<td class=\"n\">4.00x</td>");
    assert_has(&p, "<td class=\"n\">4 ms (50 %)</td>");
    assert_has(&p,
               "<td class=\"n\">6 ms \xe2\x86\x92 2 ms</td></tr>"); /* 30/40 of 8, 1/2 of 4 */
    assert_null(strstr(p.p, "77"));
    nt_str_release(&p);
}

NT_TEST(a_time_that_was_disturbed_is_marked_and_explained)
{
    nt_str p = page(METRICS(BEST));

    assert_has(&p, "<td class=\"n\">4 ms (50 %) \xe2\x80\xa0</td>");
    assert_has(&p, "<g class=\"train ok best rough\">");
    assert_has(&p, "<g class=\"train ok best\">"); /* by size it is not */
    assert_has(&p, "\xe2\x80\xa0 Others used the machine");
    nt_str_release(&p);
}

NT_TEST(only_layers_with_parameters_are_listed_and_their_names_are_text)
{
    nt_str p = page(METRICS(BEST));

    assert_has(&p, "<tr><td>c&lt;1</td><td>Conv</td><td>[4,1] \xe2\x86\x92 [2,1]</td>"
                   "<td class=\"n\">32</td>");
    assert_has(&p, "<rect class=\"was\" width=\"100.0\" height=\"8\"/>"
                   "<rect class=\"is\" width=\"50.0\" height=\"8\"/>");
    assert_null(strstr(p.p, "<td>relu</td>"));
    nt_str_release(&p);
}

NT_TEST(every_measured_candidate_is_a_row_with_how_it_was_made)
{
    nt_str p = page(METRICS(BEST));

    assert_has(&p, "<tr class=\"met\"><td class=\"n\">1</td><td>aaa</td><td>reference</td>"
                   "<td class=\"w\">pruned to 25 % of the reference&#39;s parameters, trained "
                   "briefly</td><td class=\"n\">93.5</td>");
    assert_has(&p, "<tr class=\"best\"><td class=\"n\">2</td><td>bbb</td><td>reference</td>"
                   "<td class=\"w\">trained on</td>");
    assert_has(&p, "<tr class=\"unmet\"><td class=\"n\">3</td><td>ccc</td><td>reference</td>"
                   "<td class=\"w\">&#39;c&lt;1&#39; cut to 3 outputs</td>");
    assert_has(&p, "<td class=\"w\">quantized to 4 bits a weight at once</td>");
    assert_has(&p, "<td class=\"w\">pruned to 40 % of the reference&#39;s time</td>");
    assert_has(&p, "<g class=\"train ok best\"><title>bbb, train: accuracy 93.25; 3.91 KiB, "
                   "40 MACs, 4 ms, disturbed</title>");
    assert_null(strstr(p.p, "ddd"));
    nt_str_release(&p);
}

NT_TEST(the_commands_are_those_of_the_log)
{
    nt_str p = page(METRICS(BEST));

    assert_has(&p, "<pre># bbb: reference, trained on\nnt-tune &lt;x -o candidates/bbb.nt\n"
                   "nt-import -o opt_model.nt\n</pre>");
    assert_has(&p, "<pre>history  nt-prune --size 0.5\n</pre>");
    assert_has(&p, "a&amp;b");
    nt_str_release(&p);
}

NT_TEST(a_time_that_is_promised_is_a_bound_across)
{
    static const char job[] = "{\"optimization\": \"latency\", \"target_ms\": 4}";
    nt_str p = write(METRICS(BEST), job, false);

    assert_has(&p, "<h1>Latency: job 0123ABCD</h1>");
    assert_has(&p, "The one with the best accuracy of 5 candidates that takes at most 4 ms.");
    assert_has(&p, "<b>2 ms</b><span>execution time, at most 4 ms</span>");
    assert_has(&p, "target 4 ms</text>");
    assert_has(&p, "<th>within the target</th>");
    assert_null(strstr(p.p, "at most 1<"));
    nt_str_release(&p);
    p = write(METRICS("\"best\": \"reference\", "), job, false);
    assert_has(&p, "Nothing takes at most 4 ms");
    nt_str_release(&p);
}

NT_TEST(titles_say_what_was_searched_for)
{
    nt_str p =
        write(METRICS(BEST), "{\"optimization\": [\"compression\", \"quantization\"]}", false);

    assert_has(&p, "<h1>Compression, then quantization: job 0123ABCD</h1>");
    nt_str_release(&p);
    p = write(METRICS(BEST), "{\"optimization\": \"latency\", \"confidence\": 0.95}", false);
    assert_has(&p, "The fastest of 5 candidates that keeps accuracy within 1 of the reference, "
                   "with 95 % confidence.");
    assert_has(&p, "<td class=\"n\">drop at most 0.75</td>");
    nt_str_release(&p);
}

NT_TEST(markdown_has_tables_and_no_html)
{
    nt_str p = write(METRICS(BEST), "{}", true);

    assert_has(&p, "# Compression: job 0123ABCD\n\n");
    assert_has(&p, "| accuracy on 'test' | 94 | 93.25 | drop 0.75 |\n");
    assert_has(&p, "\n|--:|---|---|---|--:|--:|---|--:|--:|--:|--:|\n");
    assert_has(&p, "| c\\<1 | Conv | \\[4,1\\] \xe2\x86\x92 \\[2,1\\] | 32 |");
    assert_has(&p, "\n    nt-tune <x -o candidates/bbb.nt\n");
    assert_has(&p, "| 2 (the result) | bbb |");
    assert_null(strstr(p.p, "<td"));
    assert_null(strstr(p.p, "<svg"));
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
        nt_html_job j = {.metrics = m, .settings = m, .history = ""};
        nt_str out = {0};

        assert_fails(NT_EFORMAT, "not the metrics of a finished job",
                     nt_html_write(&out, &j, e));
        nt_str_release(&out);
        nt_json_free(m);
    }
}

NT_TEST(a_result_that_is_no_candidate_is_refused)
{
    cJSON *m = json(METRICS("\"best\": \"zzz\", "));
    nt_html_job j = {.metrics = m, .settings = m, .history = ""};
    nt_str out = {0};

    assert_fails(NT_EFORMAT, "the best candidate, 'zzz', is none of the candidates",
                 nt_html_write(&out, &j, e));
    nt_str_release(&out);
    nt_json_free(m);
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
    nt_html_job j = {.metrics = m, .settings = s, .history = ""};

    assert_true(starve(write_again, &j) > 10);
    nt_json_free(m);
    nt_json_free(s);
}

NT_TEST_MAIN
