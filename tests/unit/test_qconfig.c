/* SPDX-License-Identifier: MIT */
/* Files that say how a model is quantized. */
#include "quant/qconfig.h"

#include "base/outfile.h"
#include "net.h"
#include "scratch.h"

typedef struct setup {
    scratch dir;
    net t;
    nt_qspec *q;
    nt_qconfig c;
} setup;

static setup set_up(void)
{
    setup u = {.t = start(17)};

    scratch_open(&u.dir);
    complete(&u.t, conv(&u.t, "conv1", input(&u.t, "x", 4, (int64_t[]){1, 3, 1, 1}), 3, 4, 1));
    assert_ok(nt_qspec_new(&u.q, u.t.g, e));
    return u;
}

static void tear_down(setup *u)
{
    nt_qconfig_release(&u->c);
    nt_qspec_free(u->q);
    finish(&u->t);
    scratch_close(&u->dir);
}

static nt_status load(setup *u, const char *text, nt_err *e)
{
    const char *path = scratch_path(&u->dir, "q.json");
    nt_status s = NT_OK;

    nt_qconfig_release(&u->c);
    NT_TRY(nt_outfile_save(path, text, strlen(text), e));
    NT_TRY(nt_qconfig_load(&u->c, path, e));
    NT_TRY(nt_qconfig_apply(u->q, &u->c, e));
done:
    return s;
}

static int weight_bits(const setup *u)
{
    return u->q->layers[0].weight.bits;
}

#define ENTRY(bits)                                                                            \
    "{\"op_types\": [\"Conv\"], \"quant_types\": [\"weight\"], \"quant_bits\": " bits "}"

NT_TEST(every_form_says_how_layers_are_quantized)
{
    setup u = set_up();

    assert_ok(load(&u, "[" ENTRY("3") "]", e));
    assert_int_equal(weight_bits(&u), 3);
    assert_true(u.c.method == -1 && !u.c.keep_bn);
    assert_ok(load(&u, "{\"config_list\": [" ENTRY("4") "]}", e));
    assert_int_equal(weight_bits(&u), 4);
    assert_ok(load(&u, "[{\"layer\": \"conv1\", \"bits\": {\"weight\": 5}}]", e));
    assert_int_equal(weight_bits(&u), 5);
    assert_ok(load(&u, "{\"plan\": [{\"layer\": \"conv1\", \"bits\": {\"weight\": 6}}]}", e));
    assert_int_equal(weight_bits(&u), 6);
    assert_ok(
        load(&u, "{\"custom_compression\": {\"layers\": {\"conv1\": {\"precision\": 7}}}}", e));
    assert_int_equal(weight_bits(&u), 7);
    assert_ok(load(&u, "[]", e));
    tear_down(&u);
}

NT_TEST(an_object_may_name_the_method_and_keep_normalisations)
{
    setup u = set_up();

    assert_ok(load(&u, "{\"config_list\": [], \"method\": \"lsq+\", \"keep_bn\": true}", e));
    assert_string_equal(nt_quantize_methods[u.c.method], "lsq+");
    assert_true(u.c.keep_bn);
    assert_ok(load(&u, "{\"config_list\": [], \"method\": \"brecq\"}", e));
    assert_int_equal(u.c.method, NT_QUANTIZE_BRECQ);
    tear_down(&u);
}

NT_TEST(what_is_wrong_is_named_with_the_file)
{
    static const char *const bad[][2] = {
        {"3", "q.json: an array or an object is wanted"},
        {"{}", "q.json: one of config_list"},
        {"{\"plan\": [], \"config_list\": []}", "q.json: one of config_list"},
        {"{\"plan\": [], \"methd\": \"qat\"}", "q.json: methd: unknown key"},
        {"{\"plan\": [], \"method\": \"zip\"}", "q.json: method"},
        {"{\"plan\": [], \"method\": 3}", "q.json: method"},
        {"{\"plan\": [], \"keep_bn\": 1}", "q.json: keep_bn"},
        {"[" ENTRY("99") "]", "q.json: config_list[0].quant_bits"},
        {"{\"plan\": {}}", "q.json: "},
    };
    setup u = set_up();

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        nt_err e = {{0}};

        assert_int_equal(load(&u, bad[i][0], &e), NT_EINVAL);
        if (!strstr(e.msg, bad[i][1]))
            fail_msg("'%s', want '%s'", e.msg, bad[i][1]);
    }
    tear_down(&u);
}

NT_TEST_MAIN
