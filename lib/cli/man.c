/* SPDX-License-Identifier: MIT */
/*
 * The lists of a manual page, in mdoc. Each item is a heading and sentences of the row's own:
 * what it is, what it may be, its default, its key. share/man/fill puts them into the page,
 * where prose of the page's own may follow behind a mark.
 */
#include "base/opt_old.h"
#include "cli/cli_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 80

/* Text that begins and ends lines of its own, its first letter a capital. */
static void print_text(const char *text, const char *end)
{
    int column = 0;
    bool first = true;

    while (*text) {
        int n = (int)strcspn(text, " ");
        bool last = !text[n + (int)strspn(text + n, " ")];

        if (column && column + n + 2 > WIDTH) {
            putchar('\n');
            column = 0;
        } else if (column) {
            putchar(' ');
        }
        if (!column && (*text == '.' || *text == '\''))
            fputs("\\&", stdout); /* no request of roff */
        putchar(first ? toupper((unsigned char)*text) : *text);
        printf("%.*s%s", n - 1, text + 1, last ? end : "");
        column += n + (column > 0);
        text += n;
        text += strspn(text, " ");
        first = false;
    }
    putchar('\n');
}

static void print_list(const char *words)
{
    char word[64], next[2];

    for (int i = 0; nt_opt_word(word, sizeof word, words, i); i++)
        printf(".Cm %s %s\n", word, nt_opt_word(next, sizeof next, words, i + 1) ? "," : ".");
}

/* "A number in [0, 1], by default 0.5." */
static void print_range(const nt_opt *o)
{
    char range[96], text[192];

    nt_opt_range(range, sizeof range, o);
    if (o->def)
        snprintf(text, sizeof text, "%s%sby default %s", range, *range ? ", " : "", o->def);
    else
        snprintf(text, sizeof text, "%s", range);
    if (*text)
        print_text(text, ".");
}

static void print_item(const nt_opt *o)
{
    bool list = o->words && (!o->name || nt_opt_arg(o) != o->words);

    print_text(o->help, list ? ":" : ".");
    if (list)
        print_list(o->words);
    print_range(o);
    if (o->name && o->key)
        printf("In JSON\n.Va %s .\n", o->key);
    if (o->also)
        printf("Also as\n.Va %s .\n", o->also);
    for (const nt_opt_old *old = o->old; old && old->key; old++)
        if (strcmp(old->key, o->key) != 0)
            printf("Formerly\n.Va %s .\n", old->key);
}

static void print_option(const nt_opt *o)
{
    const char *arg = nt_opt_arg(o);

    if (o->short_name)
        printf(".It Fl %c , Fl -%s", o->short_name, o->name);
    else
        printf(".It Fl -%s", o->name);
    printf("%s%s\n", arg ? " Ar " : "", arg ? arg : "");
    print_item(o);
}

void nt_cli_dump_man(const nt_cli *c)
{
    bool keys = false;

    puts(".Sh OPTIONS");
    for (const nt_opt *o = c->state->table; o->kind != NT_OPTK_END; o++)
        if (o->name && o->help)
            print_option(o);
    for (const nt_opt *o = c->state->table; o->kind != NT_OPTK_END; o++) {
        if (o->name || !o->help)
            continue;
        if (!keys)
            puts(".Sh KEYS");
        keys = true;
        printf(".It Va %s\n", o->key);
        print_item(o);
    }
}
