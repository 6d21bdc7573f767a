/* SPDX-License-Identifier: MIT */
#include "cli/cli_priv.h"

#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 28
#define WIDTH 80
#define MAX_ENUM 22 /* longer lists of names go to the help text */

static bool has_long_list(const nt_opt *o)
{
    return o->kind == NT_OPTK_ENUM && strlen(o->arg) > MAX_ENUM;
}

/* The words of `text` from the current column on, wrapped; returns the column reached. */
static int print_words(const char *text, int column)
{
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
    return column;
}

static void print_option(const nt_opt *o)
{
    char left[96], word[64];
    int n = o->short_name ? snprintf(left, sizeof left, "  -%c, --%s", o->short_name, o->name)
                          : snprintf(left, sizeof left, "      --%s", o->name);
    int column;

    if (o->arg)
        n += snprintf(left + n, sizeof left - (size_t)n, " %s",
                      has_long_list(o) ? "NAME" : o->arg);
    fputs(left, stdout);
    if (n + 2 > HELP_COLUMN)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", HELP_COLUMN - n, "");
    column = print_words(o->help, HELP_COLUMN);
    for (int i = 0; has_long_list(o) && nt_cli_enum_name(word, sizeof word - 2, o->arg, i);
         i++) {
        char next[2];

        if (i == 0) {
            fputs(":", stdout);
            column++;
        }
        if (nt_cli_enum_name(next, sizeof next, o->arg, i + 1))
            strcat(word, ",");
        column = print_words(word, column);
    }
    putchar('\n');
}

void nt_cli_print_help(const nt_cli *c)
{
    printf("usage: %s %s\n", c->tool, c->synopsis);
    if (c->about)
        printf("%s\n", c->about);
    putchar('\n');
    for (const nt_opt *o = c->state->table; o->kind != NT_OPTK_END; o++)
        if (o->help)
            print_option(o);
    printf("\nThe manual: man %s\n", c->tool);
}

void nt_cli_dump_options(const nt_cli *c)
{
    for (const nt_opt *o = c->state->table; o->kind != NT_OPTK_END; o++)
        if (o->help)
            printf("%s%s%s\n", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
}
