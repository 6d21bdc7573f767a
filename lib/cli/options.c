/* SPDX-License-Identifier: MIT */
/* One table drives getopt_long, the checks of values and the record for the history. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/cli_priv.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define FIRST_LONG 256 /* getopt's value of the table's first option; characters lie below */
#define SHORT_ROOM 256

typedef struct parser {
    nt_cli *c;
    struct option *longs;
    char shorts[SHORT_ROOM];
} parser;

static void no_memory(const nt_cli *c)
{
    nt_cli_die(c, 1, "out of memory");
}

/* ---- values */

bool nt_cli_enum_name(char *buf, size_t n, const char *names, int i)
{
    size_t len;

    for (; i > 0 && names; i--) {
        names = strchr(names, '|');
        names = names ? names + 1 : NULL;
    }
    if (!names)
        return false;
    len = strcspn(names, "|");
    snprintf(buf, n, "%.*s", (int)len, names);
    return true;
}

static void set_enum(const nt_cli *c, const nt_opt *o, const char *text)
{
    char name[64];
    nt_str allowed = {0};

    for (int i = 0; nt_cli_enum_name(name, sizeof name, o->arg, i); i++) {
        if (strcmp(name, text) == 0) {
            *(int *)o->out = i;
            nt_str_release(&allowed);
            return;
        }
        nt_str_addf(&allowed, "%s%s", i ? ", " : "", name);
    }
    if (allowed.failed)
        no_memory(c);
    nt_cli_usage(c, "--%s: '%s' is not one of %s", o->name, text, allowed.p);
}

/* The table's bounds are doubles; those past the ends of int64_t mean the ends. */
static int64_t bound(double v)
{
    return v >= 0x1p63 ? INT64_MAX : v <= -0x1p63 ? INT64_MIN : (int64_t)v;
}

static void set_number(const nt_cli *c, const nt_opt *o, const char *text)
{
    bool integer = o->kind == NT_OPTK_I64;
    char want[96];

    if (integer ? nt_parse_i64(o->out, text, bound(o->lo), bound(o->hi))
                : nt_parse_double(o->out, text, o->lo, o->hi))
        return;
    nt_range_text(want, sizeof want, integer ? "an integer" : "a number", o->lo, o->hi);
    nt_cli_usage(c, "--%s: '%s' is not %s", o->name, text, want);
}

static void append(const nt_cli *c, nt_strlist *list, const char *text)
{
    const char **grown = nt_realloc(list->v, list->n + 1, sizeof *grown);

    if (!grown)
        no_memory(c);
    list->v = grown;
    list->v[list->n++] = text;
}

static void set_value(const nt_cli *c, const nt_opt *o, const char *text)
{
    switch (o->kind) {
    case NT_OPTK_BOOL:
        *(bool *)o->out = true;
        break;
    case NT_OPTK_STR:
        *(const char **)o->out = text;
        break;
    case NT_OPTK_LIST:
        append(c, o->out, text);
        break;
    case NT_OPTK_I64:
    case NT_OPTK_DOUBLE:
        set_number(c, o, text);
        break;
    case NT_OPTK_ENUM:
        set_enum(c, o, text);
        break;
    case NT_OPTK_END:
        break;
    }
}

/* ---- what getopt_long wants to have, and what it complains of */

static void build(parser *p)
{
    const struct nt_cli_state *st = p->c->state;
    size_t used = 0;

    p->longs = nt_calloc(st->n + 1, sizeof *p->longs);
    if (!p->longs)
        no_memory(p->c);
    p->shorts[used++] = ':'; /* tell a missing argument from an unknown option */
    for (size_t i = 0; i < st->n; i++) {
        const nt_opt *o = &st->table[i];
        bool has_arg = o->kind != NT_OPTK_BOOL;

        p->longs[i] = (struct option){o->name, has_arg, NULL, FIRST_LONG + (int)i};
        if (o->short_name && used + 3 < sizeof p->shorts) {
            p->shorts[used++] = o->short_name;
            if (has_arg)
                p->shorts[used++] = ':';
        }
    }
    p->shorts[used] = '\0';
}

static size_t index_of(const struct nt_cli_state *st, int value)
{
    size_t i = 0;

    if (value >= FIRST_LONG)
        return (size_t)(value - FIRST_LONG);
    while (i < st->n && st->table[i].short_name != value)
        i++;
    return i;
}

/* `text` is the whole argument, "--nmae=3". */
static void unknown_long(const nt_cli *c, const char *text)
{
    const struct nt_cli_state *st = c->state;
    size_t len = strcspn(text + 2, "="), matches = 0;
    const char **names = nt_alloc(st->n, sizeof *names), *near;
    char word[64];

    if (!names)
        no_memory(c);
    for (size_t i = 0; i < st->n; i++) {
        names[i] = st->table[i].name;
        matches += strncmp(names[i], text + 2, len) == 0;
    }
    snprintf(word, sizeof word, "%.*s", (int)(len < 63 ? len : 63), text + 2);
    near = nt_nearest(word, names, st->n);
    nt_free(names);
    if (matches > 1)
        nt_cli_usage(c, "option '--%s' is ambiguous (see %s --help)", word, c->tool);
    if (near)
        nt_cli_usage(c, "unknown option '--%s' (did you mean '--%s'?)", word, near);
    nt_cli_usage(c, "unknown option '--%s' (see %s --help)", word, c->tool);
}

static void complain(const nt_cli *c, int what, const char *text)
{
    const struct nt_cli_state *st = c->state;
    size_t i = index_of(st, optopt);

    if (what == ':')
        nt_cli_usage(c, "option '--%s' needs an argument (%s)", st->table[i].name,
                     st->table[i].arg);
    if (optopt >= FIRST_LONG)
        nt_cli_usage(c, "option '--%s' takes no argument", st->table[i].name);
    if (optopt)
        nt_cli_usage(c, "unknown option '-%c' (see %s --help)", optopt, c->tool);
    unknown_long(c, text);
}

static void take_operands(nt_cli *c, char **operands)
{
    for (size_t i = 0; operands[i]; i++) {
        if (c->takes & NT_CLI_INPUTS) {
            append(c, &c->operands, operands[i]);
        } else if ((c->takes & NT_CLI_INPUT) && i == 0) {
            c->input = operands[i];
            c->input_given = true;
        } else {
            nt_cli_usage(c, "unexpected operand '%s'", operands[i]);
        }
    }
}

void nt_cli_options(nt_cli *c, int argc, char **argv)
{
    struct nt_cli_state *st = c->state;
    parser p = {.c = c};
    int got;

    build(&p);
    opterr = 0;
    optind = 0; /* glibc: start over */
    while ((got = getopt_long(argc, argv, p.shorts, p.longs, NULL)) != -1) {
        size_t i = index_of(st, got);

        if (got == '?' || got == ':')
            complain(c, got, argv[optind - 1]);
        st->given[i] = true;
        set_value(c, &st->table[i], optarg);
        if (st->help || st->version || st->dump)
            break; /* whatever else stands there */
    }
    nt_free(p.longs);
    if (!st->help && !st->version && !st->dump)
        take_operands(c, argv + optind);
}

/* ---- the record for the history */

static bool is_recorded(const nt_cli *c, const nt_opt *o)
{
    const void *const left_out[] = {&c->output,  &c->report,  &c->json,
                                    &c->quiet,   &c->verbose, &c->progress,
                                    &c->threads, &c->seed,    &c->state->device};

    for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++)
        if (o->out == left_out[i])
            return false;
    return true;
}

static bool names_files(const char *arg)
{
    static const char *const words[] = {"FILE", "DIR", "MODEL", "SPEC", "PATH"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(arg, words[i]))
            return true;
    return false;
}

/* "idx:/data/mnist/,limit=5" -> "idx:mnist,limit=5": where files lie is not what they are. */
static char *without_folders(const char *text)
{
    nt_str out = {0};

    while (*text) {
        size_t len = strcspn(text, ":,="), end = len, start;

        while (end > 0 && text[end - 1] == '/')
            end--;
        for (start = end; start > 0 && text[start - 1] != '/';)
            start--;
        nt_str_addn(&out, text + start, end - start);
        text += len;
        if (*text)
            nt_str_addn(&out, text++, 1);
    }
    return nt_str_take(&out);
}

static cJSON *text_value(const nt_opt *o, const char *text)
{
    char *plain = names_files(o->arg) ? without_folders(text) : nt_strdup(text);
    cJSON *j = plain ? cJSON_CreateString(plain) : NULL;

    nt_free(plain);
    return j;
}

static cJSON *list_value(const nt_opt *o)
{
    const nt_strlist *list = o->out;
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; array && i < list->n; i++) {
        cJSON *item = text_value(o, list->v[i]);

        if (!item) {
            nt_json_free(array);
            return NULL;
        }
        cJSON_AddItemToArray(array, item);
    }
    return array;
}

static cJSON *option_value(const nt_opt *o)
{
    char name[64];

    switch (o->kind) {
    case NT_OPTK_STR:
        return text_value(o, *(const char **)o->out);
    case NT_OPTK_LIST:
        return list_value(o);
    case NT_OPTK_I64:
        return cJSON_CreateNumber((double)*(int64_t *)o->out);
    case NT_OPTK_DOUBLE:
        return cJSON_CreateNumber(*(double *)o->out);
    case NT_OPTK_ENUM:
        nt_cli_enum_name(name, sizeof name, o->arg, *(int *)o->out);
        return cJSON_CreateString(name);
    default:
        return cJSON_CreateTrue();
    }
}

bool nt_cli_make_record(nt_cli *c)
{
    const struct nt_cli_state *st = c->state;

    c->record = cJSON_CreateObject();
    for (size_t i = 0; c->record && i < st->n; i++) {
        cJSON *value;

        if (!st->given[i] || !is_recorded(c, &st->table[i]))
            continue;
        value = option_value(&st->table[i]);
        if (!value || !cJSON_AddItemToObject(c->record, st->table[i].name, value))
            return false;
    }
    return c->record != NULL;
}
