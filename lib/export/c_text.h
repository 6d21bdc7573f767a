/* SPDX-License-Identifier: MIT */
/* c_text.h - numbers, names and comments as C source. */
#ifndef NT_EXPORT_C_TEXT_H
#define NT_EXPORT_C_TEXT_H

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

#define NT_C_NUMBER 24 /* characters that hold any number, its end included */

/* A constant of type float that every C99 compiler reads as v: small integers in decimal
 * ("3.0f"), others in hexadecimal ("-0x1.8p-3f"), INFINITY and NAN of <math.h>. Returns buf. */
char *nt_c_float(char buf[NT_C_NUMBER], float v);
/* "static const float NAME[n] = {...};" and "static const long NAME[n] = {...};", in lines. */
void nt_c_floats(nt_str *s, const char *name, const float *v, size_t n);
void nt_c_longs(nt_str *s, const char *name, const int64_t *v, size_t n);
/* What a path names, without folders and ending, as a C identifier. nt_free; NULL: no memory.
 */
char *nt_c_identifier(const char *path);
/* Text of a model inside of a comment: what could end it, or is no ASCII, becomes '_'. */
void nt_c_quote(nt_str *s, const char *text);

#endif
