/* SPDX-License-Identifier: MIT */
/*
 * opt.h - a setting, once: its name on the command line, its key in JSON, what it may be, and
 * the words about it.
 *
 * Rows of nt_opt parse argv (cli/cli.h), read a JSON object (here), and are printed as --help,
 * as the lists of the manual pages and as completions. A table ends with NT_OPT_END. Its order
 * is that of --help, and that in which values of a JSON object are set: a row that fills in
 * defaults (the optimizer's name) stands before those that it fills in.
 */
#ifndef NT_BASE_OPT_H
#define NT_BASE_OPT_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum nt_opt_kind {
    NT_OPTK_END,
    NT_OPTK_BOOL,   /* bool *: set to true by the option, to either by JSON */
    NT_OPTK_STR,    /* const char ** */
    NT_OPTK_LIST,   /* nt_strlist *: may be given several times; has no key */
    NT_OPTK_I64,    /* int64_t *, within [lo, hi] */
    NT_OPTK_DOUBLE, /* double *, within [lo, hi] */
    NT_OPTK_ENUM,   /* int *: index into `words` */
    NT_OPTK_CUSTOM  /* what the row's own functions understand */
} nt_opt_kind;

typedef struct nt_strlist {
    const char **v;
    size_t n;
} nt_strlist;

typedef struct nt_opt_old nt_opt_old; /* opt_old.h */

typedef struct nt_opt {
    nt_opt_kind kind;
    char short_name;  /* 0: none */
    const char *name; /* long name without dashes; NULL: no option, a key alone */
    void *out;        /* where the value goes */
    const char *arg;  /* metavariable ("FILE"); NULL: none, or the words */
    double lo, hi;
    const char *help;  /* lower case, no full stop; NULL: not shown */
    const char *words; /* "sgd|adam|adamw": what it may be, or begin with. NULL: no such list */
    const char *def;   /* the default as it is shown; NULL: not shown */
    const char *key;   /* path in JSON, "optimizer.lr"; NULL: an option alone */
    const char *also;  /* a second path, where configurations have it, too; NULL: none */
    const nt_opt_old *old; /* how it was written once: a list with an end. NULL: as now */
    size_t at;             /* of a table for a struct: the value's offset (nt_opt_bind) */
    bool required;         /* the key must be there where the object is that holds it */
    bool nullable;         /* null is as if the key were not there */
    /* Of CUSTOM, both with `out`: an option's text (or a JSON string, where json is NULL), and
     * a JSON value; where is its path. Text and value outlive the settings. */
    nt_status (*text)(void *out, const char *text, nt_err *e);
    nt_status (*json)(void *out, const cJSON *v, const char *where, nt_err *e);
} nt_opt;

/* clang-format off */
/* What stands behind the help are further members, as in .key = "optimizer.lr". */
#define NT_OPT_ROW(k, sh, nm, to, meta, low, high, say, ...)                                   \
    {                                                                                          \
        .kind = k, .short_name = sh, .name = nm, .out = to, .arg = meta, .lo = low,            \
        .hi = high, .help = say, __VA_ARGS__                                                   \
    }
#define NT_OPT_BOOL(sh, nm, to, ...)                                                           \
    NT_OPT_ROW(NT_OPTK_BOOL, sh, nm, to, NULL, 0, 0, __VA_ARGS__, )
#define NT_OPT_STR(sh, nm, to, meta, ...)                                                      \
    NT_OPT_ROW(NT_OPTK_STR, sh, nm, to, meta, 0, 0, __VA_ARGS__, )
#define NT_OPT_LIST(sh, nm, to, meta, ...)                                                     \
    NT_OPT_ROW(NT_OPTK_LIST, sh, nm, to, meta, 0, 0, __VA_ARGS__, )
#define NT_OPT_I64(sh, nm, to, meta, low, high, ...)                                           \
    NT_OPT_ROW(NT_OPTK_I64, sh, nm, to, meta, low, high, __VA_ARGS__, )
#define NT_OPT_DOUBLE(sh, nm, to, meta, low, high, ...)                                        \
    NT_OPT_ROW(NT_OPTK_DOUBLE, sh, nm, to, meta, low, high, __VA_ARGS__, )
#define NT_OPT_ENUM(sh, nm, to, list, ...)                                                     \
    NT_OPT_ROW(NT_OPTK_ENUM, sh, nm, to, NULL, 0, 0, __VA_ARGS__, .words = list)
#define NT_OPT_CUSTOM(sh, nm, to, meta, ...)                                                   \
    NT_OPT_ROW(NT_OPTK_CUSTOM, sh, nm, to, meta, 0, 0, __VA_ARGS__, )
#define NT_OPT_END {.kind = NT_OPTK_END}
/* clang-format on */

/* rows, with their end, into list, each with the address of its value in the struct at base. */
void nt_opt_bind(nt_opt *list, const nt_opt *rows, void *base);
/* rows, with their end, behind those of list, which has the room. */
void nt_opt_append(nt_opt *list, const nt_opt *rows);

/* The metavariable: `arg`, else the words, or NAME where they are many. NULL of a flag. */
const char *nt_opt_arg(const nt_opt *o);
/* Word i of "a|b|c" into buf (cut to fit); false past the last. */
bool nt_opt_word(char *buf, size_t n, const char *words, int i);
/* "an integer of at least 1": what a number may be, into buf; "" of other kinds. */
void nt_opt_range(char *buf, size_t n, const nt_opt *o);

/* Sets the value from an option's argument (NULL of a flag), which is borrowed. NT_EINVAL:
 * "'1x' is not a number in [0, 1]", without the option's name. */
nt_status nt_opt_set(const nt_opt *o, const char *text, nt_err *e) NT_MUST_CHECK;

/* Sets what j's keys name and leaves the rest; strings and values of CUSTOM are borrowed from
 * j. `where` is j's own path ("fine_tuner.loop_params"), "" at the top. NT_EINVAL names the
 * key's path: unknown ("did you mean ...?"), missing, given in both its places, of a wrong type
 * or out of its range. */
nt_status nt_opt_read(const nt_opt *rows, const cJSON *j, const char *where,
                      nt_err *e) NT_MUST_CHECK;

/* The value in JSON (null for a string that is NULL); NULL when memory ran out, and of LIST and
 * CUSTOM. */
cJSON *nt_opt_value(const nt_opt *o);
/* Puts v, which it takes, under `key` ("budget.steps") in place of what is there, and makes
 * the objects on the way; where something else stands there it is left alone. False when
 * memory ran out (or v is NULL). */
bool nt_opt_put(cJSON *j, const char *key, cJSON *v);

#endif
