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

static void append(const nt_cli *c, nt_strlist *list, const char *text)
{
    const nt_opt row = NT_OPT_LIST(0, NULL, list, NULL, NULL);
    nt_err e;

    if (nt_opt_set(&row, text, &e) != NT_OK)
        no_memory(c);
}

/* s, and of which option the error speaks. */
static nt_status blame(nt_status s, const nt_opt *o, nt_err *e)
{
    if (s != NT_OK && s != NT_ENOMEM)
        nt_err_prefix(e, "--%s", o->name);
    return s;
}

static void set_value(const nt_cli *c, const nt_opt *o, const char *text)
{
    nt_err e;
    nt_status s = blame(nt_opt_set(o, text, &e), o, &e);

    if (s == NT_ENOMEM)
        no_memory(c);
    if (s != NT_OK)
        nt_cli_usage(c, "%s", e.msg);
}

nt_status nt_cli_again(const nt_cli *c, nt_err *e)
{
    const struct nt_cli_state *st = c->state;
    nt_status s = NT_OK;

    for (size_t i = 0; i < st->n; i++)
        if (st->typed[i] && st->table[i].kind != NT_OPTK_LIST)
            NT_TRY(blame(nt_opt_set(&st->table[i], st->typed[i], e), &st->table[i], e));
done:
    return s;
}

/* ---- what getopt_long wants to have, and what it complains of */

static void build(parser *p)
{
    const struct nt_cli_state *st = p->c->state;
    size_t used = 0, n = 0;

    p->longs = nt_calloc(st->n + 1, sizeof *p->longs);
    if (!p->longs)
        no_memory(p->c);
    p->shorts[used++] = ':'; /* tell a missing argument from an unknown option */
    for (size_t i = 0; i < st->n; i++) {
        const nt_opt *o = &st->table[i];
        bool has_arg = o->kind != NT_OPTK_BOOL;

        if (!o->name)
            continue;
        p->longs[n++] = (struct option){o->name, has_arg, NULL, FIRST_LONG + (int)i};
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
    size_t len = strcspn(text + 2, "="), matches = 0, n = 0;
    const char **names = nt_alloc(st->n, sizeof *names), *near;
    char word[64];

    if (!names)
        no_memory(c);
    for (size_t i = 0; i < st->n; i++) {
        if (!st->table[i].name)
            continue;
        matches += strncmp(st->table[i].name, text + 2, len) == 0;
        names[n++] = st->table[i].name;
    }
    snprintf(word, sizeof word, "%.*s", (int)(len < 63 ? len : 63), text + 2);
    near = nt_nearest(word, names, n);
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
                     nt_opt_arg(&st->table[i]));
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

bool nt_cli_asks(const struct nt_cli_state *st)
{
    return st->help || st->version || st->dump || st->dump_man;
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
        st->typed[i] = optarg ? optarg : "";
        set_value(c, &st->table[i], optarg);
        if (nt_cli_asks(st))
            break; /* whatever else stands there */
    }
    nt_free(p.longs);
    if (!nt_cli_asks(st))
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
    char *plain = names_files(nt_opt_arg(o)) ? without_folders(text) : nt_strdup(text);
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

static cJSON *option_value(const nt_opt *o, const char *typed)
{
    switch (o->kind) {
    case NT_OPTK_STR:
    case NT_OPTK_CUSTOM:
        return text_value(o, typed);
    case NT_OPTK_LIST:
        return list_value(o);
    default:
        return nt_opt_value(o);
    }
}

bool nt_cli_make_record(nt_cli *c)
{
    const struct nt_cli_state *st = c->state;

    c->record = cJSON_CreateObject();
    for (size_t i = 0; c->record && i < st->n; i++) {
        cJSON *value;

        if (!st->typed[i] || !is_recorded(c, &st->table[i]))
            continue;
        value = option_value(&st->table[i], st->typed[i]);
        if (!value || !cJSON_AddItemToObject(c->record, st->table[i].name, value))
            return false;
    }
    return c->record != NULL;
}

nt_status nt_cli_merge(cJSON *j, const nt_cli *c, nt_err *e)
{
    const struct nt_cli_state *st = c->state;

    for (size_t i = 0; i < st->n; i++) {
        const nt_opt *o = &st->table[i];
        bool text = o->kind == NT_OPTK_STR || o->kind == NT_OPTK_CUSTOM;

        if (st->typed[i] && o->key &&
            !nt_opt_put(j, o->key, text ? cJSON_CreateString(st->typed[i]) : nt_opt_value(o)))
            return nt_fail_nomem(e);
    }
    return NT_OK;
}
