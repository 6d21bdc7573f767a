/* SPDX-License-Identifier: MIT */
#include "export/c_text.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 96
#define MAX_DECIMAL 1e6F /* integers below are exact in few digits */

static const char digits[] = "0123456789abcdef";

/* Of |v|, neither 0 nor infinite: by its bits, so that no C library has a say. */
static void hexadecimal(char *buf, size_t room, uint32_t bits)
{
    int exponent = (int)(bits >> 23 & 255);
    uint32_t fraction = (bits & 0x7fffff) << 1; /* six digits */
    char text[8] = "";
    int n = 0;

    for (; fraction; fraction = fraction << 4 & 0xffffff)
        text[n++] = digits[fraction >> 20];
    text[n] = 0;
    snprintf(buf, room, "0x%d%s%sp%+df", exponent > 0, n ? "." : "", text,
             exponent ? exponent - 127 : -126);
}

char *nt_c_float(char buf[NT_C_NUMBER], float v)
{
    const char *sign = signbit(v) && !isnan(v) ? "-" : "";
    float size = fabsf(v);
    uint32_t bits;

    memcpy(&bits, &v, sizeof bits);
    if (isnan(v))
        snprintf(buf, NT_C_NUMBER, "NAN");
    else if (isinf(v))
        snprintf(buf, NT_C_NUMBER, "%sINFINITY", sign);
    else if (size < MAX_DECIMAL && size == floorf(size))
        snprintf(buf, NT_C_NUMBER, "%s%d.0f", sign, (int)size);
    else {
        snprintf(buf, NT_C_NUMBER, "%s", sign);
        hexadecimal(buf + strlen(sign), NT_C_NUMBER - strlen(sign), bits);
    }
    return buf;
}

/* One more number of a list, on a new line where this one is full. */
static void add_number(nt_str *s, size_t *column, const char *text)
{
    size_t n = strlen(text) + 2;

    if (*column + n > COLUMNS) {
        nt_str_add(s, "\n   ");
        *column = 3;
    }
    nt_str_add(s, " ");
    nt_str_addn(s, text, n - 2);
    nt_str_add(s, ",");
    *column += n;
}

void nt_c_floats(nt_str *s, const char *name, const float *v, size_t n)
{
    char buf[NT_C_NUMBER];
    size_t column = COLUMNS;

    nt_str_addf(s, "static const float %s[%zu] = {", name, n);
    for (size_t i = 0; i < n; i++)
        add_number(s, &column, nt_c_float(buf, v[i]));
    nt_str_add(s, "\n};\n");
}

void nt_c_longs(nt_str *s, const char *name, const int64_t *v, size_t n)
{
    char buf[NT_C_NUMBER];
    size_t column = COLUMNS;

    nt_str_addf(s, "static const long %s[%zu] = {", name, n);
    for (size_t i = 0; i < n; i++) {
        snprintf(buf, sizeof buf, "%" PRId64, v[i]);
        add_number(s, &column, buf);
    }
    nt_str_add(s, "\n};\n");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

char *nt_c_identifier(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    int n = dot && dot > base ? (int)(dot - base) : (int)strlen(base);
    char *name = nt_strfmt("%s%.*s", is_letter(*base) ? "" : "n", n, base);

    for (char *p = name; p && *p; p++) {
        if (!is_letter(*p) && !is_digit(*p))
            *p = '_';
    }
    return name;
}

void nt_c_quote(nt_str *s, const char *text)
{
    for (; *text; text++) {
        bool plain = *text >= ' ' && *text <= '~' && !strchr("*\\?", *text);

        nt_str_addn(s, plain ? text : "_", 1);
    }
}
