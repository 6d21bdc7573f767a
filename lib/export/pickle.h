/* SPDX-License-Identifier: MIT */
/*
 * pickle.h - writes values in Python's pickle format, protocol 2: what an archive of
 * TorchScript holds, and no more. Nothing is memoized. A lack of memory shows in the text's
 * `failed`.
 */
#ifndef NT_EXPORT_PICKLE_H
#define NT_EXPORT_PICKLE_H

#include "base/str.h"

/* Operations without an argument, by their codes. */
typedef enum nt_pickle_op {
    NT_PICKLE_MARK = '(',
    NT_PICKLE_TUPLE = 't', /* of all since the mark */
    NT_PICKLE_EMPTY_TUPLE = ')',
    NT_PICKLE_EMPTY_DICT = '}',
    NT_PICKLE_SET_ITEMS = 'u',  /* pairs since the mark, into the dictionary before it */
    NT_PICKLE_REDUCE = 'R',     /* function, tuple of arguments: calls it */
    NT_PICKLE_NEW = 0x81,       /* class, tuple of arguments: an object of it */
    NT_PICKLE_BUILD = 'b',      /* object, state: sets it */
    NT_PICKLE_PERSISTENT = 'Q', /* a tuple names what lies outside */
    NT_PICKLE_NONE = 'N'
} nt_pickle_op;

void nt_pickle_begin(nt_str *s);
void nt_pickle_end(nt_str *s);
void nt_pickle_do(nt_str *s, nt_pickle_op op);
void nt_pickle_bool(nt_str *s, bool v);
/* In the shortest of the forms that protocol 2 has. */
void nt_pickle_int(nt_str *s, int64_t v);
/* UTF-8, below 4 GiB. */
void nt_pickle_text(nt_str *s, const char *text);
/* A class or function by module and name; neither holds a line's end. */
void nt_pickle_global(nt_str *s, const char *module, const char *name);
/* A tuple of integers. */
void nt_pickle_ints(nt_str *s, const int64_t *v, size_t n);

#endif
