/* SPDX-License-Identifier: MIT */
#include "report/html.h"

#include "base/alloc.h"
#include "report/chart.h"
#include "report/html_style.h"
#include "report/markup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SHORT 48
#define MAX_BELOW 3 /* the picture reaches so many deltas below the target */

static double number(const cJSON *o, const char *key)
{
    const cJSON *v = nt_json_get(o, key);

    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

static const char *text(const cJSON *o, const char *key)
{
    const cJSON *v = nt_json_get(o, key);

    return cJSON_IsString(v) ? v->valuestring : "";
}

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

/* ---- the job */

typedef struct page {
    nt_str *out;
    const cJSON *metrics, *settings, *ref, *candidates;
    const cJSON *was, *is;  /* profiles of the reference and of the result */
    const char *key, *best; /* metric; id of the best candidate, "reference" */
} page;

static bool found_any(const page *p)
{
    return strcmp(p->best, "reference") != 0;
}

static bool is_dry(const page *p)
{
    return cJSON_IsTrue(nt_json_get(p->metrics, "dryrun"));
}

static nt_status read_job(page *p, const nt_html_job *j, nt_err *e)
{
    const cJSON *both = nt_json_get(j->metrics, "comparison");

    p->metrics = j->metrics;
    p->settings = j->settings;
    p->ref = nt_json_get(j->metrics, "reference");
    p->candidates = nt_json_get(j->metrics, "candidates");
    p->is = both;
    p->was = nt_json_get(both, "other");
    p->key = text(j->metrics, "eval_key");
    p->best = text(j->metrics, "best");
    if (!cJSON_IsObject(p->ref) || !cJSON_IsArray(p->candidates) || !cJSON_IsObject(p->was) ||
        !*p->key || !*p->best)
        return nt_fail(e, NT_EFORMAT, "not the metrics of a finished job");
    return NT_OK;
}

/* What `key` of the reference is, in the result's. */
static double ratio(const page *p, const char *key)
{
    double of = number(p->was, key), by = number(p->is, key);

    return by > 0 ? of / by : NAN;
}

/* ---- the head */

static void write_tile(page *p, const char *value, const char *what)
{
    nt_str_add(p->out, "<div><b>");
    nt_markup_text(p->out, value);
    nt_str_add(p->out, "</b><span>");
    nt_markup_text(p->out, what);
    nt_str_add(p->out, "</span></div>\n");
}

static void write_tiles(page *p)
{
    static const struct {
        const char *key, *what;
    } tiles[] = {{"model_size_bytes", "fewer bytes"},
                 {"macs", "fewer multiply-accumulates"},
                 {"execution_time_ms", "faster, measured"},
                 {"peak_memory_bytes", "less memory"}};
    char buf[SHORT], what[2 * SHORT];

    nt_str_add(p->out, "<div class=\"tiles\">\n");
    plain(buf, number(p->metrics, "drop"));
    snprintf(what, sizeof what, "drop of %.40s, at most %g", p->key,
             number(p->metrics, "delta"));
    write_tile(p, buf, what);
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++)
        write_tile(p, nt_times_text(buf, sizeof buf, ratio(p, tiles[i].key)), tiles[i].what);
    nt_str_add(p->out, "</div>\n");
}

static void write_verdict(page *p)
{
    const char *search = text(p->metrics, "search_split"),
               *judge = text(p->metrics, "eval_split");

    if (is_dry(p)) {
        nt_str_add(p->out,
                   "<p class=\"miss\">A dry run: one step of each stage, no result.</p>\n");
        return;
    }
    if (!found_any(p)) {
        nt_str_add(p->out, "<p class=\"miss\">Nothing smaller than the reference keeps ");
        nt_markup_text(p->out, p->key);
        nt_str_addf(p->out, " within %g: the result is the reference.</p>\n",
                    number(p->metrics, "delta"));
        return;
    }
    nt_str_addf(p->out, "<p>The smallest of %d candidates that keeps its promise on '",
                cJSON_GetArraySize(p->candidates));
    nt_markup_text(p->out, judge);
    if (strcmp(search, judge) == 0) {
        nt_str_add(p->out, "'. They were chosen by the same samples, so that the drop is a "
                           "little optimistic.</p>\n");
        return;
    }
    nt_str_add(p->out, "'. They were chosen by other samples");
    if (nt_json_get(p->metrics, "search_drop")) {
        nt_str_addf(p->out, ", '");
        nt_markup_text(p->out, search);
        nt_str_addf(p->out, "', where its drop is %.4g", number(p->metrics, "search_drop"));
    }
    nt_str_add(p->out, ".</p>\n");
}

static void write_head(page *p)
{
    nt_str_add(p->out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Job ");
    nt_markup_text(p->out, text(p->metrics, "job"));
    nt_str_add(p->out,
               "</title>\n<style>\n" NT_HTML_STYLE "</style>\n</head>\n<body>\n<h1>Job ");
    nt_markup_text(p->out, text(p->metrics, "job"));
    nt_str_add(p->out, "</h1>\n");
    write_verdict(p);
    write_tiles(p);
}

/* ---- reference and result */

/* "94.01 [93.53, 94.46]" */
static void write_metric(page *p, const cJSON *profile)
{
    const cJSON *interval = nt_json_get(profile, "eval_confidence");
    char a[SHORT], b[SHORT];

    nt_str_addf(p->out, "<td class=\"n\">%s", plain(a, number(profile, "eval_metric")));
    if (cJSON_GetArraySize(interval) == 2)
        nt_str_addf(p->out, " <span class=\"dim\">[%s, %s]</span>",
                    plain(a, cJSON_GetNumberValue(cJSON_GetArrayItem(interval, 0))),
                    plain(b, cJSON_GetNumberValue(cJSON_GetArrayItem(interval, 1))));
    nt_str_add(p->out, "</td>");
}

static void write_comparison(page *p)
{
    static const struct {
        const char *key, *what;
        char *(*show)(char *, double);
    } rows[] = {{"model_size_bytes", "Model size", bytes},
                {"file_size_bytes", "File size", bytes},
                {"params", "Parameters", count},
                {"macs", "Multiply-accumulates", count},
                {"memory_footprint_bytes", "Memory footprint", bytes},
                {"peak_memory_bytes", "Peak memory", bytes},
                {"execution_time_ms", "Execution time", milliseconds}};
    char a[SHORT], b[SHORT], c[SHORT];

    nt_str_add(p->out, "<h2>Reference and result</h2>\n<table>\n<tr><th></th><th class=\"n\">"
                       "reference</th><th class=\"n\">result</th><th class=\"n\"></th></tr>\n");
    if (nt_json_get(p->is, "eval_metric")) {
        nt_str_add(p->out, "<tr><td>");
        nt_markup_text(p->out, p->key);
        nt_str_add(p->out, "</td>");
        write_metric(p, p->was);
        write_metric(p, p->is);
        nt_str_addf(p->out, "<td class=\"n\">%s</td></tr>\n",
                    plain(a, number(p->is, "eval_metric") - number(p->was, "eval_metric")));
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        nt_str_addf(p->out,
                    "<tr><td>%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
                    "<td class=\"n\">%s</td></tr>\n",
                    rows[i].what, rows[i].show(a, number(p->was, rows[i].key)),
                    rows[i].show(b, number(p->is, rows[i].key)),
                    nt_times_text(c, sizeof c, ratio(p, rows[i].key)));
    nt_str_add(p->out, "</table>\n<p>");
    nt_markup_text(p->out, text(p->is, "backend"));
    nt_str_addf(p->out, ", batch %g</p>\n", number(p->is, "batch_size"));
}

/* ---- the trade-off */

/* "06b888f73d38, train: accuracy 92.9; 344 KiB, 7.2 M MACs, 0.29 ms" */
static char *about(const page *p, const cJSON *c)
{
    char size[SHORT], macs[SHORT], ms[SHORT];
    bool reference = c == p->ref;

    return nt_strfmt("%s%s%s: %s %.4g; %s, %s MACs, %s",
                     reference ? "reference" : text(c, "id"), reference ? "" : ", ",
                     text(c, "move"), p->key, number(c, "eval_metric"),
                     bytes(size, number(c, "model_size_bytes")), count(macs, number(c, "macs")),
                     milliseconds(ms, number(c, "execution_time_ms")));
}

/* about is to be freed. */
static nt_chart_point point_of(page *p, const cJSON *c, const char *cost)
{
    bool reference = c == p->ref;
    char *text_of = about(p, c);

    p->out->failed = p->out->failed || !text_of;
    return (nt_chart_point){.x = number(c, cost) / number(p->ref, cost),
                            .y = number(c, "eval_metric"),
                            .kind = reference ? "reference" : text(c, "move"),
                            .ok = reference || cJSON_IsTrue(nt_json_get(c, "within_delta")),
                            .best =
                                strcmp(reference ? "reference" : text(c, "id"), p->best) == 0,
                            .about = text_of};
}

/* From the best of all to the worst, or as far below the target as is of interest. */
static void choose_range(nt_chart *c, double reference)
{
    double sign = c->target <= reference ? 1 : -1, top = reference, foot = c->target, room;

    for (int i = 0; i < c->n; i++) {
        top = sign * fmax(sign * top, sign * c->points[i].y);
        foot = sign * fmin(sign * foot, sign * c->points[i].y);
    }
    room = fmax(fabs(reference - c->target), fabs(reference) * 1e-3);
    foot = sign * fmax(sign * foot, sign * c->target - MAX_BELOW * room);
    room = fmax(fabs(top - foot), 1e-9);
    c->y_from = foot - sign * 0.05 * room;
    c->y_to = top + sign * 0.05 * room;
}

static void write_key(nt_str *out)
{
    static const char *const keys[][2] = {{"reference", "reference"},
                                          {"prune", "pruned, trained briefly"},
                                          {"train", "trained on"},
                                          {"cut", "one layer cut"}};
    static const char *const shapes[] = {"<rect x=\"4\" y=\"4\" width=\"9\" height=\"9\"/>",
                                         "<circle cx=\"8\" cy=\"8\" r=\"5\"/>",
                                         "<path d=\"M8 2l6 6l-6 6l-6-6z\"/>",
                                         "<path d=\"M8 2l6 11h-12z\"/>"};

    nt_str_add(out, "<figcaption class=\"key\">Full: within delta. Ringed: the result.\n");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        nt_str_addf(out, "<svg viewBox=\"0 0 16 16\"><g class=\"%s ok\">%s</g></svg> %s\n",
                    keys[i][0], shapes[i], keys[i][1]);
    nt_str_add(out, "</figcaption>\n");
}

/* The picture of what `cost` buys; x_title says what share it is. */
static void write_trade_off(page *p, const char *cost, const char *title, const char *x_title)
{
    nt_chart c = {.title = title, .x_title = x_title, .target = number(p->metrics, "target")};
    nt_chart_point *points =
        nt_calloc((size_t)cJSON_GetArraySize(p->candidates) + 1, sizeof *points);
    char *y_title = nt_strfmt("%s on '%s'", p->key, text(p->metrics, "search_split"));
    char target[SHORT];
    const cJSON *v;

    if (!points || !y_title) {
        p->out->failed = true;
        goto done;
    }
    points[c.n++] = point_of(p, p->ref, cost);
    cJSON_ArrayForEach(v, p->candidates) if (cJSON_IsTrue(nt_json_get(v, "measured")))
        points[c.n++] = point_of(p, v, cost);
    snprintf(target, sizeof target, "target %.4g", c.target);
    c.points = points;
    c.y_title = y_title;
    c.target_title = target;
    choose_range(&c, number(p->ref, "eval_metric"));
    nt_chart_write(p->out, &c);
done:
    for (int i = 0; points && i < c.n; i++)
        nt_free((char *)points[i].about);
    nt_free(points);
    nt_free(y_title);
}

static void write_trade_offs(page *p)
{
    nt_str_add(p->out, "<h2>What was found</h2>\n<figure>\n");
    write_trade_off(p, "model_size_bytes", "Metric by model size",
                    "model size, share of the reference");
    write_trade_off(p, "execution_time_ms", "Metric by execution time",
                    "measured execution time, share of the reference");
    write_key(p->out);
    nt_str_add(p->out, "</figure>\n");
}

/* ---- layers */

static const cJSON *find_layer(const cJSON *profile, const char *name)
{
    const cJSON *l;

    cJSON_ArrayForEach(l, nt_json_get(profile, "layers")) if (strcmp(text(l, "name"), name) ==
                                                              0) return l;
    return NULL;
}

static double most_of(const cJSON *profile, const char *key)
{
    const cJSON *l;
    double most = 0;

    cJSON_ArrayForEach(l, nt_json_get(profile, "layers")) most = fmax(most, number(l, key));
    return most;
}

/* Length of a bar in per cent; what there is can be seen. */
static double length(double v, double most)
{
    return v > 0 ? fmax(100 * v / most, 0.5) : 0;
}

/* A bar upon a bar, and both numbers; is NULL: the layer is gone. */
static void write_change(page *p, const cJSON *was, const cJSON *is, const char *key)
{
    double most = most_of(p->was, key), before = number(was, key),
           after = is ? number(is, key) : 0;
    char a[SHORT], b[SHORT];

    nt_str_addf(p->out,
                "<td><svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\">"
                "<rect class=\"was\" width=\"%.1f\" height=\"8\"/>"
                "<rect class=\"is\" width=\"%.1f\" height=\"8\"/></svg></td>"
                "<td class=\"n\">%s</td><td class=\"n\">%s</td>",
                length(before, most), length(after, most), count(a, before), count(b, after));
}

static void write_layer(page *p, const cJSON *was, const cJSON *is)
{
    nt_str_add(p->out, "<tr><td>");
    nt_markup_text(p->out, text(was, "name"));
    nt_str_add(p->out, "</td><td>");
    nt_markup_text(p->out, text(was, "op"));
    nt_str_add(p->out, "</td><td>");
    nt_markup_text(p->out, text(was, "weight_shape"));
    nt_str_add(p->out, "</td><td>");
    nt_markup_text(p->out, is ? text(is, "weight_shape") : "folded into another");
    nt_str_add(p->out, "</td>");
    write_change(p, was, is, "params");
    write_change(p, was, is, "macs");
    nt_str_add(p->out, "</tr>\n");
}

static void write_layers(page *p)
{
    const cJSON *l;

    nt_str_add(p->out,
               "<h2>Layers</h2>\n<div class=\"wide\"><table>\n<tr><th>layer</th><th></th>"
               "<th>weight before</th><th>after</th><th>parameters</th>"
               "<th class=\"n\">before</th><th class=\"n\">after</th><th>MACs</th>"
               "<th class=\"n\">before</th><th class=\"n\">after</th></tr>\n");
    cJSON_ArrayForEach(l, nt_json_get(p->was, "layers")) if (number(l, "params") > 0)
        write_layer(p, l, find_layer(p->is, text(l, "name")));
    nt_str_add(p->out, "</table></div>\n");
}

/* ---- the search */

static void write_move(page *p, const cJSON *c)
{
    const char *move = text(c, "move");

    if (strcmp(move, "prune") == 0)
        nt_str_addf(p->out, "pruned to %.3g %%", 100 * number(c, "size"));
    else if (strcmp(move, "train") == 0)
        nt_str_add(p->out, "trained on");
    else {
        nt_markup_text(p->out, text(c, "layer"));
        nt_str_addf(p->out, " cut to %.0f outputs", number(c, "keep"));
    }
}

static void write_candidate(page *p, const cJSON *c, int step)
{
    char a[SHORT], b[SHORT], d[SHORT], f[SHORT], g[SHORT];
    bool best = strcmp(text(c, "id"), p->best) == 0,
         ok = cJSON_IsTrue(nt_json_get(c, "within_delta"));

    nt_str_addf(p->out, "<tr class=\"%s\"><td class=\"n\">%d</td><td>",
                best ? "best"
                : ok ? "met"
                     : "unmet",
                step);
    nt_markup_text(p->out, text(c, "id"));
    nt_str_add(p->out, "</td><td>");
    nt_markup_text(p->out, text(c, "parent"));
    nt_str_add(p->out, "</td><td>");
    write_move(p, c);
    nt_str_addf(p->out,
                "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td>%s</td>"
                "<td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
                "<td class=\"n\">%.0f s</td></tr>\n",
                plain(a, number(c, "eval_metric")), plain(b, number(c, "drop")),
                ok ? "yes" : "no", bytes(d, number(c, "model_size_bytes")),
                count(f, number(c, "macs")), milliseconds(g, number(c, "execution_time_ms")),
                number(c, "seconds"));
}

static void write_search(page *p)
{
    const cJSON *c;
    int step = 0;

    nt_str_add(p->out,
               "<h2>The search</h2>\n<div class=\"wide\"><table>\n<tr><th class=\"n\">step"
               "</th><th>candidate</th><th>made from</th><th>how</th><th class=\"n\">");
    nt_markup_text(p->out, p->key);
    nt_str_add(p->out,
               "</th><th class=\"n\">drop</th><th>within delta</th><th class=\"n\">size</th>"
               "<th class=\"n\">MACs</th><th class=\"n\">time</th><th class=\"n\">took</th>"
               "</tr>\n");
    cJSON_ArrayForEach(c, p->candidates) if (cJSON_IsTrue(nt_json_get(c, "measured")))
        write_candidate(p, c, ++step);
    nt_str_add(p->out, "</table></div>\n<p>Metric and drop are those on '");
    nt_markup_text(p->out, text(p->metrics, "search_split"));
    nt_str_addf(p->out,
                "'; a size is the share of the reference's parameters that was aimed at. "
                "%.0f s in all.</p>\n",
                number(p->metrics, "elapsed_s"));
}

static nt_status write_origin(page *p, const char *history, nt_err *e)
{
    char *settings = nt_json_text(p->settings);

    if (!settings)
        return nt_fail_nomem(e);
    nt_str_add(p->out, "<h2>How the result is made</h2>\n<pre>");
    nt_markup_text(p->out, history);
    nt_str_add(p->out,
               "</pre>\n<p>In the job's folder <code>make clean all</code> makes it again."
               "</p>\n<details><summary>The job, with its defaults</summary>\n<pre>");
    nt_markup_text(p->out, settings);
    nt_str_add(p->out, "</pre></details>\n</body>\n</html>\n");
    nt_free(settings);
    return NT_OK;
}

nt_status nt_html_write(nt_str *out, const nt_html_job *j, nt_err *e)
{
    nt_status s = NT_OK;
    page p = {.out = out};

    NT_TRY(read_job(&p, j, e));
    write_head(&p);
    write_comparison(&p);
    write_trade_offs(&p);
    write_layers(&p);
    write_search(&p);
    NT_TRY(write_origin(&p, j->history, e));
    if (out->failed)
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}
