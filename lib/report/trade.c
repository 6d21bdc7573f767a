/* SPDX-License-Identifier: MIT */
#include "report/trade.h"

#include "base/alloc.h"
#include "report/chart.h"
#include "report/markup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SHORT 48
#define MAX_BELOW 3   /* the picture reaches so many deltas below the target */
#define NO_DELTA 0.01 /* of the metric, in place of delta where a time is promised */

/* A cost across the picture. */
typedef struct cost {
    const char *key; /* NULL: time */
    const char *title, *x_title;
} cost;

static double share(const nt_facts *f, const cJSON *c, const cost *by)
{
    if (!by->key)
        return nt_facts_time_share(f, c);
    return nt_fact_number(c, by->key) / nt_fact_number(f->ref, by->key);
}

static const char *kind_of(const nt_facts *f, const cJSON *c)
{
    return c == f->ref ? "reference" : nt_fact_text(c, "move");
}

static char *milliseconds(char *buf, double v)
{
    snprintf(buf, SHORT, isfinite(v) ? "%.3g ms" : "-", v);
    return buf;
}

/* "06b888f73d38, train: accuracy 92.9; 344 KiB, 7.2 M MACs, 0.29 ms" */
static char *about(const nt_facts *f, const cJSON *c)
{
    char size[SHORT], macs[SHORT], ms[SHORT];
    bool reference = c == f->ref;

    return nt_strfmt("%s%s%s: %s %.4g; %s, %s MACs, %s%s",
                     reference ? "reference" : nt_fact_text(c, "id"), reference ? "" : ", ",
                     reference ? "" : kind_of(f, c), f->key, nt_fact_number(c, "eval_metric"),
                     nt_bytes_text(size, SHORT, nt_fact_number(c, "model_size_bytes")),
                     nt_count_text(macs, SHORT, nt_fact_number(c, "macs")),
                     milliseconds(ms, nt_facts_ms(f, c)),
                     nt_facts_is_disturbed(c) ? ", disturbed" : "");
}

/* about is to be freed. */
static nt_chart_point point_of(nt_str *out, const nt_facts *f, const cJSON *c, const cost *by)
{
    bool reference = c == f->ref;
    char *text = about(f, c);

    out->failed = out->failed || !text;
    return (nt_chart_point){.x = share(f, c, by),
                            .y = nt_fact_number(c, "eval_metric"),
                            .kind = kind_of(f, c),
                            .ok = reference || cJSON_IsTrue(nt_json_get(c, "within_delta")),
                            .best = reference ? !f->result : c == f->result,
                            .rough = !by->key && nt_facts_is_disturbed(c),
                            .about = text};
}

/* How far below the reference all is of interest. */
static double room_of(const nt_facts *f)
{
    double ref = nt_fact_number(f->ref, "eval_metric"), room;

    if (f->target_ms > 0)
        room = fmax(fabs(ref - nt_fact_number(f->result, "eval_metric")), NO_DELTA * fabs(ref));
    else
        room = fabs(ref - nt_fact_number(f->metrics, "target"));
    return fmax(room, fabs(ref) * 1e-3);
}

/* From the best of all to the worst, or as far below the reference as is of interest. */
static void choose_range(nt_chart *c, const nt_facts *f)
{
    double sign = f->more_is_better ? 1 : -1, ref = nt_fact_number(f->ref, "eval_metric");
    double room = room_of(f), top = ref, foot = ref - sign * (f->target_ms > 0 ? 0 : room);

    for (int i = 0; i < c->n; i++) {
        top = sign * fmax(sign * top, sign * c->points[i].y);
        foot = sign * fmin(sign * foot, sign * c->points[i].y);
    }
    foot = sign * fmax(sign * foot, sign * ref - (1 + MAX_BELOW) * room);
    room = fmax(fabs(top - foot), 1e-9);
    c->y_from = foot - sign * 0.05 * room;
    c->y_to = top + sign * 0.05 * room;
}

/* The line of what was promised: across where it is a metric, upwards where it is a time. */
static void choose_target(nt_chart *c, const nt_facts *f, const cost *by, char *text)
{
    double ms = nt_fact_number(f->ref, "execution_time_ms");

    c->target = f->target_ms > 0 ? NAN : nt_fact_number(f->metrics, "target");
    c->x_target = f->target_ms > 0 && !by->key && ms > 0 ? f->target_ms / ms : 0;
    if (f->target_ms > 0)
        snprintf(text, SHORT, "target %.4g ms", f->target_ms);
    else
        snprintf(text, SHORT, "target %.4g", c->target);
    c->target_title = text;
}

static void collect(nt_str *out, nt_chart *c, nt_chart_point *points, const nt_facts *f,
                    const cost *by)
{
    const cJSON *v;

    points[c->n++] = point_of(out, f, f->ref, by);
    cJSON_ArrayForEach(v, f->candidates) if (cJSON_IsTrue(nt_json_get(v, "measured")))
        points[c->n++] = point_of(out, f, v, by);
    c->points = points;
}

static void write_one(nt_str *out, const nt_facts *f, const cost *by)
{
    nt_chart c = {.title = by->title, .x_title = by->x_title};
    nt_chart_point *points =
        nt_calloc((size_t)cJSON_GetArraySize(f->candidates) + 1, sizeof *points);
    char *y_title = nt_strfmt("%s on '%s'", f->key, nt_fact_text(f->metrics, "search_split"));
    char target[SHORT];

    if (!points || !y_title) {
        out->failed = true;
        goto done;
    }
    collect(out, &c, points, f, by);
    c.y_title = y_title;
    choose_target(&c, f, by, target);
    choose_range(&c, f);
    nt_chart_write(out, &c);
done:
    for (int i = 0; points && i < c.n; i++)
        nt_free((char *)points[i].about);
    nt_free(points);
    nt_free(y_title);
}

static bool has_kind(const nt_facts *f, const char *kind)
{
    const cJSON *c;

    if (strcmp(kind, "reference") == 0)
        return true;
    cJSON_ArrayForEach(c, f->candidates) if (strcmp(kind_of(f, c), kind) == 0) return true;
    return false;
}

static void write_key(nt_str *out, const nt_facts *f)
{
    static const struct {
        const char *kind, *what, *shape;
    } keys[] = {{"reference", "reference", "<rect x=\"4\" y=\"4\" width=\"9\" height=\"9\"/>"},
                {"prune", "pruned", "<circle cx=\"8\" cy=\"8\" r=\"5\"/>"},
                {"train", "trained on", "<path d=\"M8 2l6 6l-6 6l-6-6z\"/>"},
                {"cut", "one layer cut", "<path d=\"M8 2l6 11h-12z\"/>"},
                {"quantize", "quantized", "<path d=\"M8 14l6-11h-12z\"/>"}};

    nt_str_addf(out,
                "<figcaption class=\"key\">Full: %s. Ringed: the result. The line joins those "
                "that no other beats.%s\n",
                nt_facts_bound(f),
                nt_facts_any_disturbed(f) ? " Dashed: a time that was disturbed." : "");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (has_kind(f, keys[i].kind))
            nt_str_addf(out,
                        "<span><svg viewBox=\"0 0 16 16\"><g class=\"%s ok\">%s</g></svg> "
                        "%s</span>\n",
                        keys[i].kind, keys[i].shape, keys[i].what);
    nt_str_add(out, "</figcaption>\n");
}

void nt_trade_write(nt_str *out, const nt_facts *f)
{
    static const cost costs[] = {
        {"model_size_bytes", "Metric by model size", "model size, share of the reference's"},
        {"macs", "Metric by multiply-accumulates",
         "multiply-accumulates, share of the reference's"},
        {NULL, "Metric by execution time", "execution time, share of the reference's"}};

    nt_str_add(out, "<figure class=\"charts\">\n");
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++)
        write_one(out, f, &costs[i]);
    write_key(out, f);
    nt_str_add(out, "</figure>\n");
}
