/* SPDX-License-Identifier: MIT */
#include "cli/cli_priv.h"

#include "base/alloc.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 28
#define WIDTH 80

/* The words of `text` from the help's column on, wrapped. */
static void print_words(const char *text)
{
    int column = HELP_COLUMN;

    while (*text) {
        int n = (int)strcspn(text, " ");

        if (column + n + 1 > WIDTH && column > HELP_COLUMN) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        printf("%s%.*s", column > HELP_COLUMN ? " " : "", n, text);
        column += n + (column > HELP_COLUMN);
        text += n;
        text += strspn(text, " ");
    }
    putchar('\n');
}

/* Are there words that its metavariable does not show? */
static bool has_list(const nt_opt *o)
{
    return o->words && nt_opt_arg(o) != o->words;
}

/* "help: words (default) [key]" */
static void print_about(const nt_opt *o)
{
    nt_str t = {0};
    char word[64];

    nt_str_add(&t, o->help);
    for (int i = 0; has_list(o) && nt_opt_word(word, sizeof word, o->words, i); i++)
        nt_str_addf(&t, "%s %s", i ? "," : ":", word);
    if (o->def)
        nt_str_addf(&t, " (default: %s)", o->def);
    if (o->key)
        nt_str_addf(&t, " [%s]", o->key);
    print_words(t.failed ? o->help : t.p);
    nt_str_release(&t);
}

static void print_option(const nt_opt *o)
{
    char left[96];
    const char *arg = nt_opt_arg(o);
    int n = o->short_name ? snprintf(left, sizeof left, "  -%c, --%s", o->short_name, o->name)
                          : snprintf(left, sizeof left, "      --%s", o->name);

    if (arg)
        n += snprintf(left + n, sizeof left - (size_t)n, " %s", arg);
    fputs(left, stdout);
    if (n + 2 > HELP_COLUMN)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", HELP_COLUMN - n, "");
    print_about(o);
}

static bool has_keys(const nt_opt *o)
{
    while (o->kind != NT_OPTK_END && !o->key)
        o++;
    return o->kind != NT_OPTK_END;
}

void nt_cli_print_help(const nt_cli *c)
{
    printf("usage: %s %s\n", c->tool, c->synopsis);
    if (c->about)
        printf("%s\n", c->about);
    putchar('\n');
    for (const nt_opt *o = c->state->table; o->kind != NT_OPTK_END; o++)
        if (o->name && o->help)
            print_option(o);
    if (has_keys(c->state->table))
        printf("\nIn brackets: the key of a JSON file that sets the same.\n");
    printf("\nThe manual: man %s\n", c->tool);
}

void nt_cli_dump_options(const nt_cli *c)
{
    for (const nt_opt *o = c->state->table; o->kind != NT_OPTK_END; o++) {
        const char *arg = o->words ? o->words : o->arg;

        if (o->name && o->help)
            printf("%s%s%s\n", o->name, arg ? " " : "", arg ? arg : "");
    }
}
