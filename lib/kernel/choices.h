/* SPDX-License-Identifier: MIT */
/*
 * choices.h - decisions that were made once, by key, remembered in a text file.
 *
 * A line of the file is
 *
 *   nt1 SUM CHOICE MS KEY
 *
 * with SUM the first 8 hexadecimal digits of the SHA-256 of what follows it and MS the time
 * that decided. Lines that are not like this (torn, damaged, of another version) are passed
 * over; of several with one key the first one counts. A new decision is one appended write, so
 * that processes that decide at the same time lose nothing, and all later ones read the same.
 */
#ifndef NT_KERNEL_CHOICES_H
#define NT_KERNEL_CHOICES_H

#include "base/err.h"

#include <stdbool.h>

typedef struct nt_choices nt_choices;

/* path: its folder is made when something is to be written; NULL: no file. A file that is not
 * there or cannot be read is an empty one: fails for want of memory only. */
nt_status nt_choices_open(nt_choices **out, const char *path, nt_err *e) NT_MUST_CHECK;
void nt_choices_close(nt_choices *c);

/* NULL: not decided yet. Borrowed. */
const char *nt_choices_find(const nt_choices *c, const char *key);
/* choice: a word. key: one line. What cannot be written is remembered by this process alone. */
nt_status nt_choices_add(nt_choices *c, const char *key, const char *choice, double ms,
                         nt_err *e) NT_MUST_CHECK;
const char *nt_choices_path(const nt_choices *c); /* may be NULL */
/* Why the file could not be read or written; NULL: nothing went wrong. */
const char *nt_choices_trouble(const nt_choices *c);

#endif
