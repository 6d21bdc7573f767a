/* SPDX-License-Identifier: MIT */
#include "report/markup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void nt_markup_text(nt_str *out, const char *text)
{
    static const char special[] = "&<>\"'";
    static const char *const reference[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    size_t n = text ? strlen(text) : 0, len;

    for (size_t i = 0; i < n; i += len ? len : 1) {
        unsigned char c = (unsigned char)text[i];
        const char *s = strchr(special, c);

        len = nt_utf8_len(text + i, n - i);
        if (s)
            nt_str_add(out, reference[s - special]);
        else if (len == 0 || (c < ' ' && c != '\n') || c == 0x7f)
            nt_str_add(out, "?");
        else
            nt_str_addn(out, text + i, len);
    }
}

void nt_markup_markdown(nt_str *out, const char *text)
{
    static const char special[] = "\\`*_[]<>&|#~$!";
    size_t n = text ? strlen(text) : 0, len;

    for (size_t i = 0; i < n; i += len ? len : 1) {
        unsigned char c = (unsigned char)text[i];

        len = nt_utf8_len(text + i, n - i);
        if (len == 0)
            nt_str_add(out, "?");
        else if (c < ' ' || c == 0x7f)
            nt_str_add(out, " ");
        else {
            nt_str_add(out, strchr(special, c) ? "\\" : "");
            nt_str_addn(out, text + i, len);
        }
    }
}

/* Three digits that count, as many behind the point as that leaves. */
static char *scaled(char *buf, size_t n, double v, const char *unit)
{
    int digits = fabs(v) >= 99.95 ? 0 : fabs(v) >= 9.995 ? 1 : 2;

    snprintf(buf, n, "%.*f%s", digits, v, unit);
    return buf;
}

static char *in_units(char *buf, size_t n, double v, double step, const char *const *unit)
{
    int i = 0;

    if (!isfinite(v)) {
        snprintf(buf, n, "-");
        return buf;
    }
    for (; fabs(v) >= step && unit[i + 1]; i++)
        v /= step;
    if (i > 0)
        return scaled(buf, n, v, unit[i]);
    snprintf(buf, n, "%.0f%s", v, unit[0]);
    return buf;
}

char *nt_bytes_text(char *buf, size_t n, double v)
{
    static const char *const unit[] = {" B", " KiB", " MiB", " GiB", " TiB", NULL};

    return in_units(buf, n, v, 1024, unit);
}

char *nt_count_text(char *buf, size_t n, double v)
{
    static const char *const unit[] = {"", " k", " M", " G", " T", NULL};

    return in_units(buf, n, v, 1000, unit);
}

char *nt_times_text(char *buf, size_t n, double v)
{
    if (isfinite(v))
        return scaled(buf, n, v, "x");
    snprintf(buf, n, "-");
    return buf;
}
