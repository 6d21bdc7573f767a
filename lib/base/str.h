/* SPDX-License-Identifier: MIT */
/* str.h - a growing byte string, and the small text helpers everyone needs. */
#ifndef NT_BASE_STR_H
#define NT_BASE_STR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start from {0}. Always NUL terminated once something was added. After a lack of memory
 * `failed` stays set and further additions do nothing, so that it is checked once, at the end.
 */
typedef struct nt_str {
    char *p;
    size_t n, cap;
    bool failed;
} nt_str;

void nt_str_release(nt_str *s);
void nt_str_add(nt_str *s, const char *text);
void nt_str_addn(nt_str *s, const void *bytes, size_t n);
/* The n lowest bytes of v, the lowest first; 0 past its eighth. */
void nt_str_add_little(nt_str *s, uint64_t v, int n);
void nt_str_addf(nt_str *s, const char *fmt, ...) NT_PRINTF(2, 3);
/* Gives the text to the caller (nt_free) and empties s; NULL when it failed. */
char *nt_str_take(nt_str *s);

/* Bytes of the UTF-8 character that starts at p (1 to 4, at most n); 0 where there is none. */
size_t nt_utf8_len(const char *p, size_t n);

/* Whole-string numbers: "1hello", " 1", "", nan, inf and what is out of [lo, hi] are false. */
bool nt_parse_i64(int64_t *out, const char *text, int64_t lo, int64_t hi);
bool nt_parse_double(double *out, const char *text, double lo, double hi);

/* "HxW", both from 1 to 65536; nothing else is true. */
bool nt_parse_size(int64_t hw[2], const char *text);

/* "an integer of at least 1", "a number in [0, 1)": what a message says is wanted, into buf. A
 * bound past 2^62 is none; one that is a hair off a round number is that number, left out. */
void nt_range_text(char *buf, size_t n, const char *what, double lo, double hi);

bool nt_ends_with(const char *text, const char *end);
/* Shell-style match: *, ? and [..]; '*' crosses dots. A text always matches itself, so that
 * "block[0]" finds the layer of that name. */
bool nt_glob_match(const char *pattern, const char *text);

/* NT_EINVAL: "metric 'bleu' is not known (accuracy, top5)". at gives the names that are, in
 * order, NULL past the last. */
nt_status nt_fail_unknown(nt_err *e, const char *what, const char *name,
                          const char *(*at)(size_t i));

/* The candidate closest to `want` by edit distance if it is close enough to be meant, else
 * NULL. Of equally close ones that of the nearer length ("detla" is delta, not data), then the
 * first. */
const char *nt_nearest(const char *want, const char *const *candidates, size_t n);

#endif
