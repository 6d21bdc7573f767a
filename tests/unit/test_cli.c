/* SPDX-License-Identifier: MIT */
/* Each case runs a small tool in a child, so that it may exit, and looks at what came out. */
#define _XOPEN_SOURCE 700 /* posix_openpt */

#include "base/outfile.h"
#include "base/str.h"
#include "cli/cli.h"
#include "scratch.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define ALL                                                                                    \
    (NT_CLI_OUTPUT | NT_CLI_CONFIG | NT_CLI_DATA | NT_CLI_SEED | NT_CLI_COMPUTE |              \
     NT_CLI_REPORT | NT_CLI_INPUT)

/* ---- the tool under test: prints what it understood */

typedef struct values {
    bool shrink;
    const char *layer;
    nt_strlist lists;
    int64_t steps;
    double share;
    int scope, depth;
} values;

typedef int tool_main(nt_cli *c, const nt_opt *opts, int argc, char **argv, values *v);

static void print_values(const nt_cli *c, const values *v)
{
    printf("shrink=%d layer=%s steps=%jd share=%g scope=%d input=%s output=%s given=%d\n",
           v->shrink, v->layer ? v->layer : "-", (intmax_t)v->steps, v->share, v->scope,
           c->input, c->output ? c->output : "none", c->output_given);
    for (size_t i = 0; i < v->lists.n; i++)
        printf("list=%s\n", v->lists.v[i]);
    for (size_t i = 0; i < c->operands.n; i++)
        printf("operand=%s\n", c->operands.v[i]);
    printf("seed=%jd batch=%jd precision=%d data=%s\n", (intmax_t)c->seed,
           (intmax_t)c->batch_size, c->precision, c->data ? c->data : "-");
}

static int show(nt_cli *c, const nt_opt *opts, int argc, char **argv, values *v)
{
    nt_cli_parse(c, opts, argc, argv);
    print_values(c, v);
    return nt_cli_finish(c, NT_OK, NULL);
}

static int run_tool(tool_main *tool, unsigned takes, const char *const *args)
{
    values v = {.steps = 1, .share = 0.5};
    nt_cli c = {
        .tool = "nt-test", .synopsis = "[-s SHARE] [MODEL]", .about = "Tests.", .takes = takes};
    const nt_opt opts[] = {
        NT_OPT_BOOL(0, "shrink", &v.shrink, "make it smaller"),
        NT_OPT_STR('l', "layer", &v.layer, "LAYER", "the layer"),
        NT_OPT_LIST('e', "expect", &v.lists, "[NAME=]FILE", "what must come out"),
        NT_OPT_I64('n', "steps", &v.steps, "N", 1, 100, "steps", .key = "steps"),
        NT_OPT_DOUBLE('s', "share", &v.share, "SHARE", 0, 0x1.fffffffffffffp-1, "share",
                      .def = "0.5", .key = "in.share"),
        NT_OPT_ENUM(0, "scope", &v.scope, "local|global", "over what", .key = "in.scope"),
        NT_OPT_ENUM(0, NULL, &v.depth, "flat|deep", "depth", .key = "in.depth"),
        NT_OPT_END,
    };
    char text[2048], *argv[16] = {(char[]){"nt-test"}};
    size_t used = 0;
    int argc = 1;

    for (; args[argc - 1]; argc++) {
        argv[argc] = strcpy(text + used, args[argc - 1]);
        used += strlen(argv[argc]) + 1;
    }
    return tool(&c, opts, argc, argv, &v);
}

/* ---- running it */

typedef struct result {
    int status; /* as of waitpid */
    char out[4096], err[1024];
} result;

static void slurp(char *buf, size_t n, FILE *f)
{
    rewind(f);
    buf[fread(buf, 1, n - 1, f)] = '\0';
    fclose(f);
}

static result run(tool_main *tool, unsigned takes, const char *stdout_path,
                  const char *const *args)
{
    result r = {0};
    FILE *out = stdout_path ? fopen(stdout_path, "w+") : tmpfile(), *err = tmpfile();
    pid_t pid;

    assert_non_null(out);
    assert_non_null(err);
    fflush(stdout);
    fflush(stderr);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fileno(out), 1);
        dup2(fileno(err), 2);
        exit(run_tool(tool, takes, args));
    }
    assert_int_equal(waitpid(pid, &r.status, 0), pid);
    slurp(r.out, sizeof r.out, out);
    slurp(r.err, sizeof r.err, err);
    return r;
}

#define RUN(tool, takes, ...) run(tool, takes, NULL, (const char *const[]){__VA_ARGS__, NULL})

static void expect(const result *r, int status, const char *in_out, const char *err)
{
    if (!WIFEXITED(r->status) || WEXITSTATUS(r->status) != status || !strstr(r->out, in_out) ||
        strcmp(r->err, err) != 0)
        fail_msg("status %x (want %d)\nout: %s\nerr: %s\nwant: %s", (unsigned)r->status, status,
                 r->out, r->err, err);
}

#define ACCEPTS(takes, in_out, ...)                                                            \
    do {                                                                                       \
        result r_ = RUN(show, takes, __VA_ARGS__);                                             \
        expect(&r_, 0, in_out, "");                                                            \
    } while (0)

#define REFUSES(takes, message, ...)                                                           \
    do {                                                                                       \
        result r_ = RUN(show, takes, __VA_ARGS__);                                             \
        expect(&r_, 2, "", "nt-test: " message "\n");                                          \
    } while (0)

NT_TEST(defaults_are_the_streams)
{
    ACCEPTS(ALL,
            "shrink=0 layer=- steps=1 share=0.5 scope=0 input=- output=- given=0\n"
            "seed=0 batch=0 precision=0 data=-\n",
            "-q");
    ACCEPTS(NT_CLI_INPUT, "output=none", "-");
}

NT_TEST(options_may_be_short_long_joined_and_anywhere)
{
    ACCEPTS(
        ALL, "shrink=1 layer=conv1 steps=3 share=0.25 scope=1 input=m.nt output=o.nt given=1",
        "-l", "conv1", "--steps=3", "m.nt", "-s.25", "--shrink", "--scope", "global", "-oo.nt");
    ACCEPTS(ALL, "list=a\nlist=b=c\nseed=5 batch=7 precision=2 data=idx:x", "-e", "a",
            "--expect=b=c", "--seed", "5", "--batch-size", "7", "--precision", "bf16", "--data",
            "idx:x");
    ACCEPTS(ALL, "steps=9", "--st", "9");
}

NT_TEST(operands_are_counted)
{
    ACCEPTS(NT_CLI_INPUTS, "operand=a\noperand=-b\noperand=c\n", "a", "--", "-b", "c");
    ACCEPTS(NT_CLI_INPUT, "input=-x ", "--", "-x");
    REFUSES(NT_CLI_INPUT, "unexpected operand 'b'", "a", "b");
    REFUSES(0, "unexpected operand 'a'", "a");
}

NT_TEST(numbers_are_whole_and_in_range)
{
    REFUSES(ALL, "--steps: '1hello' is not an integer in [1, 100]", "-n", "1hello");
    REFUSES(ALL, "--steps: '0' is not an integer in [1, 100]", "-n", "0");
    REFUSES(ALL, "--steps: '' is not an integer in [1, 100]", "--steps=");
    REFUSES(ALL, "--share: '1.2' is not a number in [0, 1)", "-s", "1.2");
    REFUSES(ALL, "--share: '1' is not a number in [0, 1)", "-s", "1");
    REFUSES(ALL, "--share: 'nan' is not a number in [0, 1)", "-s", "nan");
    REFUSES(ALL, "--seed: '-1' is not an integer in [0, 9007199254740992]", "--seed", "-1");
    REFUSES(ALL, "--threads: '0' is not an integer in [1, 4096]", "--threads", "0");
}

NT_TEST(an_enum_takes_its_names_only)
{
    REFUSES(ALL, "--scope: 'everywhere' is not one of local, global", "--scope", "everywhere");
    REFUSES(ALL, "--scope: 'loc' is not one of local, global", "--scope", "loc");
    REFUSES(ALL, "--progress: '' is not one of auto, always, never", "--progress=");
}

NT_TEST(wrong_options_get_one_line_and_a_hint)
{
    REFUSES(ALL, "unknown option '--sahre' (did you mean '--share'?)", "--sahre", "1");
    REFUSES(ALL, "unknown option '--sahre' (did you mean '--share'?)", "--sahre=1");
    REFUSES(ALL, "unknown option '--zzzzz' (see nt-test --help)", "--zzzzz");
    REFUSES(ALL, "unknown option '-Z' (see nt-test --help)", "-Z");
    REFUSES(ALL, "option '--s' is ambiguous (see nt-test --help)", "--s");
    REFUSES(ALL, "option '--layer' needs an argument (LAYER)", "--layer");
    REFUSES(ALL, "option '--layer' needs an argument (LAYER)", "-l");
    REFUSES(ALL, "option '--shrink' takes no argument", "--shrink=no");
    REFUSES(NT_CLI_INPUT, "unknown option '--threads' (see nt-test --help)", "--threads", "2");
    REFUSES(ALL, "unknown option '--a??b' (see nt-test --help)", "--a\x1b\nb");
}

NT_TEST(there_is_no_gpu)
{
    result r = RUN(show, ALL, "--device", "gpu");

    expect(&r, 1, "", "nt-test: this build has no GPU backend\n");
}

NT_TEST(report_and_model_do_not_share_standard_output)
{
    REFUSES(ALL, "--report: standard output is taken by the model (give -o FILE)", "--report",
            "-");
}

NT_TEST(help_and_version_go_to_standard_output)
{
    result r = RUN(show, ALL, "--help");

    expect(&r, 0, "usage: nt-test [-s SHARE] [MODEL]\nTests.\n", "");
    assert_non_null(strstr(r.out, "\n  -n, --steps N             steps [steps]\n"));
    assert_non_null(strstr(r.out, "\n      --scope local|global  over what [in.scope]\n"));
    assert_null(strstr(r.out, "dump-options"));
    ACCEPTS(ALL, "nt-test (nt) " NT_VERSION "\n", "--version");
    ACCEPTS(ALL, "usage: ", "-h", "--nonsense");
}

NT_TEST(help_stays_within_80_columns)
{
    result r = RUN(show, ALL, "--help");

    for (const char *p = r.out; *p; p += strcspn(p, "\n") + 1)
        assert_true(strcspn(p, "\n") <= 80);
}

NT_TEST(options_can_be_listed_for_completion)
{
    result r = RUN(show, ALL, "--dump-options");

    expect(&r, 0, "shrink\nlayer LAYER\n", "");
    assert_non_null(strstr(r.out, "\nscope local|global\n"));
    assert_non_null(strstr(r.out, "\nhelp\nversion\n"));
}

/* ---- what was typed, again */

/* Puts other values where the options go, then what was typed once more; and into JSON. */
static int type_again(nt_cli *c, const nt_opt *opts, int argc, char **argv, values *v)
{
    static const char file[] = "{\"steps\": 1, \"in\": {\"share\": 2}}";
    cJSON *j = NULL;
    nt_err e = {{0}};
    nt_status s;
    char *text;

    nt_cli_parse(c, opts, argc, argv);
    *v = (values){.layer = "file's", .steps = 77, .share = 0.25, .lists = v->lists};
    NT_TRY(nt_cli_again(c, &e));
    print_values(c, v);
    NT_TRY(nt_json_parse(&j, file, sizeof file - 1, &e));
    NT_TRY(nt_cli_merge(j, c, &e));
    text = cJSON_PrintUnformatted(j);
    puts(text);
    cJSON_free(text);
done:
    nt_json_free(j);
    return nt_cli_finish(c, s, &e);
}

NT_TEST(what_was_typed_goes_before_what_a_file_says)
{
    result r = RUN(type_again, ALL, "-n", "3", "--scope", "global", "-e", "a", "-l", "b");

    expect(&r, 0, "shrink=0 layer=b steps=3 share=0.25 scope=1 ", "");
    assert_non_null(strstr(r.out, "list=a\nseed="));
    assert_non_null(strstr(r.out, "{\"steps\":3,\"in\":{\"share\":2,\"scope\":\"global\"}}\n"));
    r = RUN(type_again, ALL, "--share", "0.5", "--shrink");
    expect(&r, 0, "shrink=1 layer=file's steps=77 share=0.5 scope=0 ", "");
    assert_non_null(strstr(r.out, "{\"steps\":1,\"in\":{\"share\":0.5}}\n"));
}

NT_TEST(keys_without_a_name_are_no_options)
{
    result r = RUN(show, ALL, "--help");

    assert_null(strstr(r.out, "depth"));
    assert_non_null(strstr(r.out, "-n, --steps N             steps [steps]\n"));
    REFUSES(ALL, "unknown option '--depth' (see nt-test --help)", "--depth", "3");
}

NT_TEST(the_manual_gets_what_the_rows_say)
{
    result r = RUN(show, ALL, "--dump-man");

    expect(&r, 0,
           ".Sh OPTIONS\n.It Fl -shrink\nMake it smaller.\n"
           ".It Fl l , Fl -layer Ar LAYER\nThe layer.\n",
           "");
    assert_non_null(strstr(r.out, ".It Fl n , Fl -steps Ar N\nSteps.\n"
                                  "An integer in [1, 100].\nIn JSON\n.Va steps .\n"));
    assert_non_null(strstr(r.out,
                           ".It Fl s , Fl -share Ar SHARE\nShare.\nA number in [0, 1), by "
                           "default 0.5.\nIn JSON\n.Va in.share .\n"));
    assert_non_null(
        strstr(r.out, ".Sh KEYS\n.It Va in.depth\nDepth:\n.Cm flat ,\n.Cm deep .\n"));
}

NT_TEST(full_disk_is_noticed)
{
    result r = run(show, ALL, "/dev/full", (const char *const[]){"-q", NULL});

    expect(&r, 1, "", "nt-test: standard output: cannot write: No space left on device\n");
    r = run(show, ALL, "/dev/full", (const char *const[]){"--help", NULL});
    expect(&r, 1, "", "nt-test: standard output: cannot write: No space left on device\n");
}

/* ---- exit statuses and messages */

static int fail_as_asked(nt_cli *c, const nt_opt *opts, int argc, char **argv, values *v)
{
    nt_err e = {"m.nt: layer 'a\nb' is odd"};

    nt_cli_parse(c, opts, argc, argv);
    nt_cli_warn(c, "layer '%s' is odd", "a\tb");
    nt_cli_note(c, "%d layers", 3);
    return nt_cli_finish(c, (nt_status)v->steps, &e);
}

NT_TEST(status_decides_the_exit_status)
{
    static const struct {
        const char *status;
        int exits;
    } cases[] = {{"1", 2}, {"2", 1}, {"3", 1}, {"4", 1}, {"5", 1}, {"6", 3}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        result r = RUN(fail_as_asked, ALL, "-q", "-n", cases[i].status);

        expect(&r, cases[i].exits, "", "nt-test: m.nt: layer 'a?b' is odd\n");
    }
}

NT_TEST(warnings_and_notes_obey_quiet_and_verbose)
{
    result r = RUN(fail_as_asked, ALL, "-n", "2");

    expect(&r, 1, "",
           "nt-test: warning: layer 'a?b' is odd\nnt-test: m.nt: layer 'a?b' is odd\n");
    r = RUN(fail_as_asked, ALL, "-n", "2", "-v");
    expect(&r, 1, "",
           "nt-test: warning: layer 'a?b' is odd\nnt-test: note: 3 layers\n"
           "nt-test: m.nt: layer 'a?b' is odd\n");
}

/* ---- reports */

static int report(nt_cli *c, const nt_opt *opts, int argc, char **argv, values *v)
{
    cJSON *json = cJSON_CreateObject();
    nt_err e = {{0}};
    nt_status s;

    nt_cli_parse(c, opts, argc, argv);
    nt_json_add_i64(json, "steps", v->steps);
    s = nt_cli_report(c, json, v->shrink ? NULL : "one step\n", &e);
    nt_json_free(json);
    return nt_cli_finish(c, s, &e);
}

#define REPORT_JSON "{\n  \"steps\": 1\n}\n"

NT_TEST(report_goes_where_no_model_goes)
{
    result r = RUN(report, ALL, "-o", "x");

    expect(&r, 0, "one step\n", "");
    r = RUN(report, ALL, "-o", "x", "--json");
    expect(&r, 0, REPORT_JSON, "");
    r = RUN(report, ALL, "-o", "x", "--shrink");
    expect(&r, 0, REPORT_JSON, "");
    r = RUN(report, ALL, "-o", "x", "-q");
    expect(&r, 0, "", "");
    assert_string_equal(r.out, "");
    r = RUN(report, NT_CLI_INPUT, "-q");
    expect(&r, 0, "one step\n", "");
    r = RUN(report, ALL, "a");
    expect(&r, 0, "", "");
    assert_string_equal(r.out, "");
    r = RUN(report, ALL, "-v");
    expect(&r, 0, "", "one step\n");
    r = RUN(report, ALL, "--json");
    expect(&r, 0, "", REPORT_JSON);
}

NT_TEST(report_file_is_json_always)
{
    char text[64] = {0};
    scratch t;
    result r;
    FILE *f;

    scratch_open(&t);
    r = RUN(report, ALL, "--report", scratch_path(&t, "r.json"));
    expect(&r, 0, "", "");
    f = fopen(t.path, "r");
    assert_non_null(f);
    slurp(text, sizeof text, f);
    assert_string_equal(text, REPORT_JSON);
    r = RUN(report, ALL, "--report", "/dev/full");
    expect(&r, 1, "", "nt-test: /dev/full: cannot write: No space left on device\n");
    r = RUN(report, NT_CLI_REPORT, "--report", "-");
    expect(&r, 0, REPORT_JSON, "");
    assert_string_equal(r.out, REPORT_JSON); /* once */
    scratch_close(&t);
}

/* ---- the record */

static int record(nt_cli *c, const nt_opt *opts, int argc, char **argv, values *v)
{
    cJSON *j;
    char *text;

    (void)v;
    nt_cli_parse(c, opts, argc, argv);
    j = nt_cli_record(c);
    text = nt_json_text(j);
    fputs(text, stdout);
    free(text);
    nt_json_free(j);
    return nt_cli_finish(c, NT_OK, NULL);
}

NT_TEST(record_holds_what_decides_the_result_in_table_order)
{
    result r = RUN(record, ALL, "--seed", "7", "--scope=global", "-s", "0.1", "-o", "x.nt",
                   "-v", "--threads", "3", "--shrink", "m.nt");

    expect(&r, 0, "", "");
    assert_string_equal(r.out,
                        "{\n  \"tool\": \"nt-test\",\n  \"version\": \"" NT_VERSION "\",\n"
                        "  \"options\": {\n    \"shrink\": true,\n    \"share\": 0.1,\n"
                        "    \"scope\": \"global\"\n  },\n  \"seed\": 7\n}\n");
}

NT_TEST(record_holds_no_folders)
{
    result r = RUN(record, ALL, "-e", "out=/a/b/c.npy", "-l", "block/conv", "--config",
                   "x/y/job.json", "--data", "idx:/usr/share/mnist/,limit=5");

    expect(&r, 0, "\"layer\": \"block/conv\"", "");
    assert_non_null(strstr(r.out, "\"out=c.npy\""));
    assert_non_null(strstr(r.out, "\"config\": \"job.json\""));
    assert_non_null(strstr(r.out, "\"data\": \"idx:mnist,limit=5\""));
}

/* ---- signals and progress */

static int die_by_signal(nt_cli *c, const nt_opt *opts, int argc, char **argv, values *v)
{
    nt_outfile *f = NULL;
    nt_err e;

    signal(SIGHUP, SIG_DFL); /* nohup may run the tests, */
    signal(SIGINT, SIG_DFL); /* or a shell in the background */
    nt_cli_parse(c, opts, argc, argv);
    if (nt_outfile_open(&f, c->output, &e) != NT_OK ||
        nt_outfile_write(f, "half", 4, &e) != NT_OK)
        return 99;
    raise((int)v->steps);
    return 98;
}

NT_TEST(signal_kills_and_leaves_nothing_behind)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    scratch t;

    scratch_open(&t);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        char number[8];
        result r;

        snprintf(number, sizeof number, "%d", signals[i]);
        r = RUN(die_by_signal, ALL, "-n", number, "-o", scratch_path(&t, "m.nt"));
        assert_true(WIFSIGNALED(r.status));
        assert_int_equal(WTERMSIG(r.status), signals[i]);
        assert_int_equal(scratch_count(&t), 0);
    }
    scratch_close(&t);
}

static int make_progress(nt_cli *c, const nt_opt *opts, int argc, char **argv, values *v)
{
    (void)v;
    nt_cli_parse(c, opts, argc, argv);
    nt_cli_progress(c, 0.5, "epoch %d", 1);
    nt_cli_warn(c, "odd");
    nt_cli_progress(c, 7, NULL);
    nt_cli_progress_end(c);
    return nt_cli_finish(c, NT_OK, NULL);
}

NT_TEST(progress_is_for_terminals_unless_asked_for)
{
    result r = RUN(make_progress, ALL, "--progress=auto");

    expect(&r, 0, "", "nt-test: warning: odd\n");
    r = RUN(make_progress, ALL, "--progress=always");
    expect(&r, 0, "",
           "\r\033[K[############............]  50% epoch 1\r\033[Knt-test: warning: odd\n"
           "\r\033[K[########################] 100% \r\033[K");
    r = RUN(make_progress, ALL, "--progress=always", "-q");
    expect(&r, 0, "", "");
}

/* ---- on a terminal */

/* r.out gets what the terminal was sent, from either stream. */
static result run_on_terminal(tool_main *tool, unsigned takes, const char *const *args)
{
    result r = {0};
    size_t used = 0;
    ssize_t got;
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
    pid_t pid;

    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    fflush(stdout);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (int fd = 0; fd <= 2; fd++)
            dup2(slave, fd);
        exit(run_tool(tool, takes, args));
    }
    close(slave);
    while ((got = read(master, r.out + used, sizeof r.out - 1 - used)) > 0)
        used += (size_t)got;
    close(master);
    assert_int_equal(waitpid(pid, &r.status, 0), pid);
    return r;
}

#define RUN_ON_TERMINAL(tool, ...)                                                             \
    run_on_terminal(tool, ALL, (const char *const[]){__VA_ARGS__, NULL})

static int read_and_write(nt_cli *c, const nt_opt *opts, int argc, char **argv, values *v)
{
    (void)v;
    nt_cli_parse(c, opts, argc, argv);
    nt_cli_check_terminal(c, false);
    nt_cli_check_terminal(c, true);
    return nt_cli_finish(c, NT_OK, NULL);
}

NT_TEST(no_model_is_read_from_or_written_to_a_terminal)
{
    result r = RUN_ON_TERMINAL(read_and_write, "-o", "x.nt");

    expect(&r, 2, "nt-test: standard input is a terminal (give a model, or a pipe)\r\n", "");
    r = RUN_ON_TERMINAL(read_and_write, "m.nt");
    expect(&r, 2, "nt-test: standard output is a terminal (give -o FILE, or a pipe)\r\n", "");
    r = RUN_ON_TERMINAL(read_and_write, "m.nt", "-o", "x.nt");
    expect(&r, 0, "", "");
    r = RUN(read_and_write, ALL, "m.nt");
    expect(&r, 0, "", "");
}

static int work_for_a_second(nt_cli *c, const nt_opt *opts, int argc, char **argv, values *v)
{
    const struct timespec second = {1, 50000000};

    (void)v;
    nt_cli_parse(c, opts, argc, argv);
    nt_cli_progress(c, 0.1, "too early");
    nanosleep(&second, NULL);
    nt_cli_progress(c, 0.5, "half");
    nt_cli_progress(c, 0.6, "too soon");
    return nt_cli_finish(c, NT_OK, NULL);
}

NT_TEST(bar_appears_after_a_second_and_goes_away)
{
    result r = RUN_ON_TERMINAL(work_for_a_second, "-v");

    expect(&r, 0, "", "");
    assert_string_equal(r.out, "\r\033[K[############............]  50% half\r\033[K");
    r = RUN_ON_TERMINAL(work_for_a_second, "-q");
    assert_string_equal(r.out, "");
}

NT_TEST_MAIN
