/* SPDX-License-Identifier: MIT */
#include "export/pickle.h"

#include <string.h>

static void byte(nt_str *s, unsigned v)
{
    unsigned char c = (unsigned char)v;

    nt_str_addn(s, &c, 1);
}

void nt_pickle_begin(nt_str *s)
{
    nt_str_add(s, "\x80\x02");
}

void nt_pickle_end(nt_str *s)
{
    byte(s, '.');
}

void nt_pickle_do(nt_str *s, nt_pickle_op op)
{
    byte(s, op);
}

void nt_pickle_bool(nt_str *s, bool v)
{
    byte(s, v ? 0x88 : 0x89);
}

void nt_pickle_int(nt_str *s, int64_t v)
{
    int n = v >= 0 && v < 0x100                ? 1
            : v >= 0 && v < 0x10000            ? 2
            : v >= INT32_MIN && v <= INT32_MAX ? 4
                                               : 8;

    if (n == 8)
        nt_str_addn(s, "\x8a\x08", 2);
    else
        byte(s, n == 1 ? 'K' : n == 2 ? 'M' : 'J');
    nt_str_add_little(s, (uint64_t)v, n);
}

void nt_pickle_text(nt_str *s, const char *text)
{
    byte(s, 'X');
    nt_str_add_little(s, strlen(text), 4);
    nt_str_add(s, text);
}

void nt_pickle_global(nt_str *s, const char *module, const char *name)
{
    nt_str_addf(s, "c%s\n%s\n", module, name);
}

void nt_pickle_ints(nt_str *s, const int64_t *v, size_t n)
{
    nt_pickle_do(s, NT_PICKLE_MARK);
    for (size_t i = 0; i < n; i++)
        nt_pickle_int(s, v[i]);
    nt_pickle_do(s, NT_PICKLE_TUPLE);
}
