/* SPDX-License-Identifier: MIT */
#include "report/html.h"

#include "base/alloc.h"
#include "report/doc.h"
#include "report/facts.h"
#include "report/html_style.h"
#include "report/markup.h"
#include "report/trade.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SHORT 64

typedef struct page {
    nt_doc d;
    nt_facts f;
} page;

/* A metric, a difference: "93.06"; "-" where there is none. */
static char *plain(char *buf, double v)
{
    snprintf(buf, SHORT, isfinite(v) ? "%.4g" : "-", v);
    return buf;
}

static char *milliseconds(char *buf, double v)
{
    snprintf(buf, SHORT, isfinite(v) ? "%.3g ms" : "-", v);
    return buf;
}

static char *bytes(char *buf, double v)
{
    return nt_bytes_text(buf, SHORT, v);
}

static char *count(char *buf, double v)
{
    return nt_count_text(buf, SHORT, v);
}

/* A paragraph of what `say` has to say. */
static void write_said(page *p, const char *style, void (*say)(nt_str *, const nt_facts *))
{
    nt_str t = {0};

    say(&t, &p->f);
    p->d.out->failed = p->d.out->failed || t.failed;
    nt_doc_text(&p->d, style, t.p ? t.p : "");
    nt_str_release(&t);
}

static void write_cells(page *p, const char *const *text, int n)
{
    for (int i = 0; i < n; i++)
        nt_doc_cell(&p->d, text[i]);
}

static void write_heads(page *p, const char *columns, const char *const *text)
{
    nt_doc_table(&p->d, columns);
    for (size_t i = 0; i < strlen(columns); i++)
        nt_doc_head(&p->d, text[i]);
}

/* ---- the head */

/* What `key` of the reference is, in the result's; a time as it was measured in turn. */
static double ratio(const page *p, const char *key)
{
    double of = nt_fact_number(p->f.was, key), by = nt_fact_number(p->f.is, key);

    if (strcmp(key, "execution_time_ms") == 0)
        return 1 / nt_facts_result_share(&p->f);
    return by > 0 ? of / by : NAN;
}

static bool is_rough(const page *p)
{
    return cJSON_IsTrue(nt_json_get(p->f.turns, "disturbed"));
}

/* The drop on eval_split; a dry run has none. */
static double last_drop(const page *p)
{
    return p->f.dry ? NAN : nt_fact_number(p->f.metrics, "drop");
}

static void write_tile(page *p, const char *value, const char *what)
{
    nt_str_add(p->d.out, "<div><b>");
    nt_markup_text(p->d.out, value);
    nt_str_add(p->d.out, "</b><span>");
    nt_markup_text(p->d.out, what);
    nt_str_add(p->d.out, "</span></div>\n");
}

static void write_promise_tile(page *p)
{
    char buf[SHORT], what[2 * SHORT];
    const nt_facts *f = &p->f;

    plain(buf, last_drop(p));
    if (f->target_ms > 0)
        snprintf(what, sizeof what, "drop of %.40s", f->key);
    else
        snprintf(what, sizeof what, "drop of %.40s, at most %g", f->key,
                 nt_fact_number(f->metrics, "delta"));
    write_tile(p, buf, what);
    if (f->target_ms <= 0)
        return;
    milliseconds(buf, nt_facts_result_share(f) * nt_fact_number(f->ref, "execution_time_ms"));
    snprintf(what, sizeof what, "execution time, at most %g ms", f->target_ms);
    write_tile(p, buf, what);
}

static void write_tiles(page *p)
{
    static const struct {
        const char *key, *what;
    } tiles[] = {{"model_size_bytes", "fewer bytes"},
                 {"macs", "fewer multiply-accumulates"},
                 {"execution_time_ms", "faster, measured in turn"},
                 {"peak_memory_bytes", "less memory"}};
    char buf[SHORT];

    nt_str_add(p->d.out, "<div class=\"tiles\">\n");
    write_promise_tile(p);
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++)
        write_tile(p, nt_times_text(buf, sizeof buf, ratio(p, tiles[i].key)), tiles[i].what);
    nt_str_add(p->d.out, "</div>\n");
}

static void write_html_head(page *p, const char *title)
{
    nt_str *out = p->d.out;

    nt_str_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    nt_markup_text(out, title);
    nt_str_add(out, "</title>\n<style>\n" NT_HTML_STYLE "</style>\n</head>\n<body>\n");
}

static void write_head(page *p)
{
    nt_str title = {0};
    bool fine = p->f.result && !p->f.dry;

    nt_facts_title(&title, &p->f);
    p->d.out->failed = p->d.out->failed || title.failed;
    if (!p->d.markdown)
        write_html_head(p, title.p ? title.p : "");
    nt_doc_heading(&p->d, 1, title.p ? title.p : "");
    nt_str_release(&title);
    write_said(p, fine ? NULL : "miss", nt_facts_verdict);
    if (!p->d.markdown)
        write_tiles(p);
}

/* ---- reference and result */

/* "94.01 [93.53, 94.46]" */
static char *interval(char *buf, const cJSON *profile)
{
    const cJSON *v = nt_json_get(profile, "eval_confidence");
    int n;

    plain(buf, nt_fact_number(profile, "eval_metric"));
    n = (int)strlen(buf);
    if (cJSON_GetArraySize(v) == 2)
        snprintf(buf + n, (size_t)(SHORT - n), " [%.4g, %.4g]",
                 cJSON_GetNumberValue(cJSON_GetArrayItem(v, 0)),
                 cJSON_GetNumberValue(cJSON_GetArrayItem(v, 1)));
    return buf;
}

/* "accuracy on 'test'": a row of the metric; the drop is what was judged by. */
static void write_metric_row(page *p, const char *split, const cJSON *was, const cJSON *is,
                             double drop)
{
    char a[SHORT], b[SHORT], c[SHORT], *what = nt_strfmt("%s on '%s'", p->f.key, split);
    const char *cells[] = {what, interval(a, was), interval(b, is), c};

    snprintf(c, sizeof c, isfinite(drop) ? "drop %s%.4g" : "-", p->f.surely ? "at most " : "",
             drop);
    if (!what) {
        p->d.out->failed = true;
        return;
    }
    nt_doc_row(&p->d, NULL);
    write_cells(p, cells, 4);
    nt_free(what);
}

/* On the split that was searched on and on that which judges, where they differ. */
static void write_metrics(page *p)
{
    const nt_facts *f = &p->f;
    const char *search = nt_fact_text(f->metrics, "search_split"),
               *judge = nt_fact_text(f->metrics, "eval_split");
    bool judged = nt_json_get(f->is, "eval_metric") != NULL;
    const cJSON *result = f->result ? f->result : f->ref;

    if (judged)
        write_metric_row(p, judge, f->was, f->is, last_drop(p));
    if (!judged || strcmp(search, judge) != 0)
        write_metric_row(p, search, f->ref, result,
                         f->result ? nt_fact_number(result, "drop") : 0);
}

static void write_cost_rows(page *p)
{
    static const struct {
        const char *key, *what;
        char *(*show)(char *, double);
    } rows[] = {{"model_size_bytes", "Model size", bytes},
                {"file_size_bytes", "File size", bytes},
                {"params", "Parameters", count},
                {"macs", "Multiply-accumulates", count},
                {"memory_footprint_bytes", "Memory footprint", bytes},
                {"peak_memory_bytes", "Peak memory", bytes}};
    char a[SHORT], b[SHORT], c[SHORT];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *cells[] = {rows[i].what,
                               rows[i].show(a, nt_fact_number(p->f.was, rows[i].key)),
                               rows[i].show(b, nt_fact_number(p->f.is, rows[i].key)),
                               nt_times_text(c, sizeof c, ratio(p, rows[i].key))};

        nt_doc_row(&p->d, NULL);
        write_cells(p, cells, 4);
    }
}

static void write_time_row(page *p)
{
    double ref = nt_fact_number(p->f.ref, "execution_time_ms");
    char a[SHORT], b[SHORT], c[SHORT];
    const char *cells[] = {"Execution time", milliseconds(a, ref),
                           milliseconds(b, nt_facts_result_share(&p->f) * ref), c};

    nt_times_text(c, sizeof c - sizeof NT_FACTS_MARK, ratio(p, "execution_time_ms"));
    strcat(c, is_rough(p) ? " " NT_FACTS_MARK : "");
    nt_doc_row(&p->d, NULL);
    write_cells(p, cells, 4);
}

static void say_machine(nt_str *t, const nt_facts *f)
{
    nt_str_addf(t, "%s, batch %g.", nt_fact_text(f->is, "backend"),
                nt_fact_number(f->is, "batch_size"));
    if (f->turns)
        nt_str_addf(t,
                    " Both were timed in turn, in %g rounds that differ by %.1f %%; the "
                    "result's time is its share of the reference's.",
                    nt_fact_number(f->turns, "rounds"),
                    100 * nt_fact_number(f->turns, "spread"));
}

static void say_disturbed(nt_str *t, const nt_facts *f)
{
    (void)f;
    nt_str_add(t, NT_FACTS_MARK " Others used the machine while this was timed: the time is "
                                "not to be relied on.");
}

static void write_comparison(page *p)
{
    static const char *const heads[] = {"", "reference", "result", ""};

    nt_doc_heading(&p->d, 2, "Reference and result");
    write_heads(p, "lrrr", heads);
    write_metrics(p);
    write_cost_rows(p);
    write_time_row(p);
    nt_doc_table_end(&p->d);
    write_said(p, NULL, say_machine);
    if (is_rough(p))
        write_said(p, "rough", say_disturbed);
}

/* ---- layers */

static const cJSON *find_layer(const cJSON *profile, const char *name)
{
    const cJSON *l;

    cJSON_ArrayForEach(l, nt_json_get(profile, "layers")) if (strcmp(nt_fact_text(l, "name"),
                                                                     name) == 0) return l;
    return NULL;
}

static double most_of(const cJSON *profile, const char *key)
{
    const cJSON *l;
    double most = 0;

    cJSON_ArrayForEach(l, nt_json_get(profile, "layers")) most =
        fmax(most, nt_fact_number(l, key));
    return most;
}

/* A layer's time: its share of all layers', of the time that the network has by `ms`. */
static double layer_ms(const cJSON *measured, const char *name, double ms)
{
    const cJSON *l, *profile = nt_json_get(measured, "profile");
    double all = 0;

    cJSON_ArrayForEach(l, nt_json_get(profile, "layers")) all +=
        fmax(0, nt_fact_number(l, "execution_time_ms"));
    return all > 0 ? nt_fact_number(find_layer(profile, name), "execution_time_ms") / all * ms
                   : NAN;
}

/* is NULL: the layer is gone. */
static void write_count(page *p, const cJSON *was, const cJSON *is, const char *key)
{
    double before = nt_fact_number(was, key), after = is ? nt_fact_number(is, key) : 0;
    char a[SHORT], b[SHORT];
    nt_doc_change c = {count(a, before), count(b, after), before, after,
                       most_of(p->f.was, key)};

    nt_doc_cell_change(&p->d, &c);
}

static void write_bits(page *p, const cJSON *was, const cJSON *is)
{
    char a[SHORT], b[SHORT];
    nt_doc_change c = {.before = plain(a, nt_fact_number(was, "bits")), .after = b};

    plain(b, nt_fact_number(is ? is : was, "bits"));
    nt_doc_cell_change(&p->d, &c);
}

static void write_layer_time(page *p, const char *name)
{
    const nt_facts *f = &p->f;
    const cJSON *result = f->result ? f->result : f->ref;
    char a[SHORT], b[SHORT];
    nt_doc_change c = {.before = a, .after = b};

    milliseconds(a, layer_ms(f->job->reference, name, nt_facts_ms(f, f->ref)));
    milliseconds(b, layer_ms(f->result ? f->job->result : f->job->reference, name,
                             nt_facts_ms(f, result)));
    nt_doc_cell_change(&p->d, &c);
}

static void write_layer(page *p, const cJSON *was, const cJSON *is)
{
    nt_doc_change shape = {.before = nt_fact_text(was, "weight_shape"),
                           .after = is ? nt_fact_text(is, "weight_shape") : "folded"};

    nt_doc_row(&p->d, NULL);
    nt_doc_cell(&p->d, nt_fact_text(was, "name"));
    nt_doc_cell(&p->d, nt_fact_text(was, "op"));
    nt_doc_cell_change(&p->d, &shape);
    write_bits(p, was, is);
    write_count(p, was, is, "params");
    write_count(p, was, is, "macs");
    if (p->f.job->reference)
        write_layer_time(p, nt_fact_text(was, "name"));
}

static void say_layers(nt_str *t, const nt_facts *f)
{
    nt_str_add(t, "Before and after; weights are [outputs, inputs, ...].");
    if (f->job->reference)
        nt_str_add(t, " A layer's time is its share of its network's layers, of the network's "
                      "time.");
}

static void write_layers(page *p)
{
    static const char *const heads[] = {"layer",      "",     "weight", "bits",
                                        "parameters", "MACs", "time"};
    const cJSON *l;

    nt_doc_heading(&p->d, 2, "Layers");
    write_said(p, NULL, say_layers);
    write_heads(p, p->f.job->reference ? "lllrrrr" : "lllrrr", heads);
    cJSON_ArrayForEach(l, nt_json_get(p->f.was, "layers")) if (nt_fact_number(l, "params") > 0)
        write_layer(p, l, find_layer(p->f.is, nt_fact_text(l, "name")));
    nt_doc_table_end(&p->d);
}

/* ---- the search */

static void write_stages(page *p, const cJSON *c)
{
    nt_str t = {0};

    nt_facts_stages(&t, c);
    p->d.out->failed = p->d.out->failed || t.failed;
    nt_doc_cell(&p->d, t.p ? t.p : "");
    nt_str_release(&t);
}

static const char *class_of(const page *p, const cJSON *c)
{
    if (c == p->f.result)
        return "best";
    return cJSON_IsTrue(nt_json_get(c, "within_delta")) ? "met" : "unmet";
}

/* "0.29 ms (41 %)" */
static char *share_text(char *buf, const nt_facts *f, const cJSON *c)
{
    double share = nt_facts_time_share(f, c);

    if (!isfinite(share))
        return plain(buf, NAN);
    snprintf(buf, SHORT, "%.3g ms (%.0f %%)%s", nt_facts_ms(f, c), 100 * share,
             nt_facts_is_disturbed(c) ? " " NT_FACTS_MARK : "");
    return buf;
}

static void write_candidate(page *p, const cJSON *c, int step)
{
    char n[SHORT], a[SHORT], b[SHORT], d[SHORT], f[SHORT], g[SHORT], h[SHORT];
    const char *rest[] = {plain(a, nt_fact_number(c, "eval_metric")),
                          plain(b, nt_fact_number(c, "drop")),
                          cJSON_IsTrue(nt_json_get(c, "within_delta")) ? "yes" : "no",
                          bytes(d, nt_fact_number(c, "model_size_bytes")),
                          count(f, nt_fact_number(c, "macs")),
                          share_text(g, &p->f, c),
                          h};

    snprintf(n, sizeof n, "%d%s", step,
             p->d.markdown && c == p->f.result ? " (the result)" : "");
    snprintf(h, sizeof h, "%.0f s", nt_fact_number(c, "seconds"));
    nt_doc_row(&p->d, class_of(p, c));
    nt_doc_cell(&p->d, n);
    nt_doc_cell(&p->d, nt_fact_text(c, "id"));
    nt_doc_cell(&p->d, nt_fact_text(c, "parent"));
    write_stages(p, c);
    write_cells(p, rest, sizeof rest / sizeof *rest);
}

static void say_search(nt_str *t, const nt_facts *f)
{
    nt_str_addf(
        t,
        "Metric and drop are those on '%s'%s. Times are shares of the reference's, %.3g "
        "ms, measured in turn with it. %.0f s in all.",
        nt_fact_text(f->metrics, "search_split"),
        f->surely ? ", the drop the upper bound of its 95 % interval" : "",
        nt_fact_number(f->ref, "execution_time_ms"), nt_fact_number(f->metrics, "elapsed_s"));
}

static bool any_rough(const nt_facts *f)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, f->candidates) if (nt_facts_is_disturbed(c)) return true;
    return false;
}

static void write_search(page *p)
{
    const char *heads[] = {"step", "candidate",           "made from", "how",  p->f.key,
                           "drop", nt_facts_bound(&p->f), "size",      "MACs", "time",
                           "took"};
    const cJSON *c;
    int step = 0;

    nt_doc_heading(&p->d, 2, "The search");
    if (!p->d.markdown)
        nt_trade_write(p->d.out, &p->f);
    write_heads(p, "rllwrrlrrrr", heads);
    cJSON_ArrayForEach(c, p->f.candidates) if (cJSON_IsTrue(nt_json_get(c, "measured")))
        write_candidate(p, c, ++step);
    nt_doc_table_end(&p->d);
    write_said(p, NULL, say_search);
    if (any_rough(&p->f))
        write_said(p, "rough", say_disturbed);
}

/* ---- how it is made */

static void add_step(nt_str *t, const nt_facts *f, const cJSON *c)
{
    size_t from = t->n;

    nt_str_addf(t, "# %s: %s, ", nt_fact_text(c, "id"), nt_fact_text(c, "parent"));
    nt_facts_stages(t, c);
    for (size_t i = from; i < t->n; i++) /* a name's end of line begins no command */
        t->p[i] = t->p[i] == '\n' ? ' ' : t->p[i];
    nt_str_add(t, "\n");
    nt_facts_commands(t, f, nt_fact_text(c, "id"));
}

/* From the reference to the result, a step each. */
static void add_chain(nt_str *t, const nt_facts *f)
{
    int n = 0, max = cJSON_GetArraySize(f->candidates); /* should parents go round */
    const cJSON **step = nt_calloc((size_t)max + 1, sizeof *step);
    const cJSON *c = f->result;

    if (!step) {
        t->failed = true;
        return;
    }
    for (; c && n < max; c = nt_facts_find(f, nt_fact_text(c, "parent")))
        step[n++] = c;
    while (n > 0)
        add_step(t, f, step[--n]);
    nt_free(step);
}

static void say_again(nt_str *t, const nt_facts *f)
{
    (void)f;
    nt_str_add(t, "In the job's folder 'make clean all' makes it again. The result's own "
                  "history:");
}

static void write_settings(page *p, const char *settings)
{
    if (p->d.markdown) {
        nt_doc_heading(&p->d, 2, "The job, with its defaults");
        nt_doc_lines(&p->d, settings);
        return;
    }
    nt_str_add(p->d.out, "<details><summary>The job, with its defaults</summary>\n");
    nt_doc_lines(&p->d, settings);
    nt_str_add(p->d.out, "</details>\n");
}

static void write_chain(page *p)
{
    nt_str t = {0};

    add_chain(&t, &p->f);
    nt_facts_commands(&t, &p->f, NULL);
    p->d.out->failed = p->d.out->failed || t.failed;
    if (t.n > 0)
        nt_doc_lines(&p->d, t.p);
    nt_str_release(&t);
}

static nt_status write_origin(page *p, nt_err *e)
{
    char *settings = nt_json_text(p->f.job->settings);

    if (!settings)
        return nt_fail_nomem(e);
    nt_doc_heading(&p->d, 2, "How the result is made");
    write_chain(p);
    write_said(p, NULL, say_again);
    nt_doc_lines(&p->d, p->f.job->history);
    write_settings(p, settings);
    nt_free(settings);
    return NT_OK;
}

static nt_status write(nt_str *out, const nt_html_job *j, bool markdown, nt_err *e)
{
    nt_status s = NT_OK;
    page p = {.d = {.out = out, .markdown = markdown}};

    NT_TRY(nt_facts_read(&p.f, j, e));
    write_head(&p);
    write_comparison(&p);
    write_layers(&p);
    write_search(&p);
    NT_TRY(write_origin(&p, e));
    if (!markdown)
        nt_str_add(out, "</body>\n</html>\n");
    if (out->failed)
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

nt_status nt_html_write(nt_str *out, const nt_html_job *j, nt_err *e)
{
    return write(out, j, false, e);
}

nt_status nt_html_write_markdown(nt_str *out, const nt_html_job *j, nt_err *e)
{
    return write(out, j, true, e);
}
