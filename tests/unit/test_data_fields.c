/* SPDX-License-Identifier: MIT */
/* Batches of named fields, from a format of the test's own, and networks that take them. */
#include "data_files.h"

#include "data/dataset.h"
#include "graph/pass.h"
#include "net.h"
#include "train/batch_plan.h"

enum { SAMPLES = 5, H = 2, W = 3, PIXELS = H * W, MOST = 3 };

static const float columns[SAMPLES][3] = {
    {1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12}, {13, 14, 15}};
/* Sample i has rows[i + 1] - rows[i] entries. */
static const size_t rows[SAMPLES + 1] = {0, 2, 2, 5, 6, 8};
static const float points[8][2] = {{0, 1}, {2, 3}, {4, 5},   {6, 7},
                                   {8, 9}, {1, 1}, {20, 21}, {22, 23}};
static const int64_t words[8] = {50, 51, 52, 53, 54, 55, 56, 57};

static nt_stored stored(const char *name, nt_dtype type, int rank, int64_t last,
                        const void *data, const size_t *row)
{
    nt_stored f = {
        {.name = name, .role = NT_ROLE_COLUMNS, .dtype = type, .rank = rank}, data, row};

    f.field.dims[rank - 1] = last;
    return f;
}

static nt_status open_own(nt_source *src, const char *path, const char *split, nt_err *e)
{
    nt_status s = NT_OK;

    (void)split;
    src->where = path;
    src->count = SAMPLES;
    src->h = H;
    src->w = W;
    src->c = 1;
    src->classes = 2;
    src->labels = nt_arena_alloc(src->arena, SAMPLES, sizeof *src->labels);
    src->pixels = nt_alloc(SAMPLES, PIXELS);
    assert_true(src->labels && src->pixels);
    for (size_t i = 0; i < SAMPLES; i++)
        src->labels[i] = i % 2;
    for (size_t i = 0; i < SAMPLES * PIXELS; i++)
        src->pixels[i] = (uint8_t)i;
    NT_TRY(nt_source_add_field(src, stored("columns", NT_F32, 2, 3, columns, NULL), e));
    NT_TRY(nt_source_add_field(src, stored("points", NT_F32, 3, 2, points, rows), e));
    NT_TRY(nt_source_add_field(src, stored("words", NT_I64, 2, 0, words, rows), e));
done:
    return s;
}

static const nt_data_format own = {.name = "own", .open = open_own};

typedef struct setup {
    nt_split *split;
    nt_loader *loader;
    nt_device *dev;
    cJSON *inputs;
} setup;

/* inputs: as of a description; NULL: none. */
static setup set_up(int64_t batch, const char *inputs)
{
    const nt_source_from from = {.format = &own, .path = "here", .split = "test"};
    setup u = {.split = nt_calloc(1, sizeof *u.split)};

    assert_non_null(u.split);
    u.split->cut.index = nt_calloc(SAMPLES, sizeof *u.split->cut.index);
    assert_non_null(u.split->cut.index);
    for (uint32_t i = 0; i < SAMPLES; i++)
        u.split->cut.index[u.split->cut.n++] = i;
    assert_ok(nt_source_open(&u.split->source, &from, e));
    assert_ok(nt_pipeline_new(&u.split->pipeline, NULL, "", e));
    assert_ok(nt_device_new(&u.dev, 1, e));
    if (inputs)
        assert_ok(nt_json_parse(&u.inputs, inputs, strlen(inputs), e));
    u.split->inputs = u.inputs;
    u.loader = open_loader(u.split, (nt_loader_opts){.batch_size = batch});
    return u;
}

static void tear_down(setup *u)
{
    nt_loader_free(u->loader);
    nt_source_free(u->split->source);
    nt_split_free(u->split);
    nt_device_free(u->dev);
    nt_json_free(u->inputs);
}

NT_TEST(a_batch_has_the_fields_that_the_format_names)
{
    static const char *const names[] = {"picture", "label",        "columns",
                                        "points",  "points.count", "words"};
    setup u = set_up(2, NULL);
    const nt_batch *b = next_batch(u.loader);

    assert_int_equal(b->n_fields, 6);
    for (int i = 0; i < 6; i++)
        assert_string_equal(b->field[i].name, names[i]);
    has_extents(b, 1, H, W);
    assert_int_equal(label_at(b, 1), 1);
    assert_memory_equal(nt_batch_field(b, "columns")->data, columns, 2 * sizeof columns[0]);
    assert_null(nt_batch_field(b, "columns")->count);
    assert_null(nt_batch_field(b, "mask"));
    tear_down(&u);
}

NT_TEST(ragged_fields_are_padded_to_the_most_and_counted)
{
    setup u = set_up(2, NULL);
    const nt_batch *b;
    size_t at = 0;

    for (; (b = next_batch(u.loader)); at += (size_t)b->n) {
        const nt_field *p = nt_batch_field(b, "points"), *w = nt_batch_field(b, "words");

        assert_true(p->rank == 3 && p->dims[0] == b->n && p->dims[1] == MOST);
        assert_true(w->rank == 2 && w->dims[0] == b->n && w->dims[1] == MOST);
        assert_ptr_equal(p->count, nt_batch_field(b, "points.count")->data);
        assert_ptr_equal(w->count, p->count);
        for (size_t i = 0; i < (size_t)b->n; i++) {
            size_t first = rows[at + i], n = rows[at + i + 1] - first;

            assert_int_equal(p->count[i], n);
            for (size_t k = 0; k < MOST; k++) {
                const float *to = (const float *)p->data + (i * MOST + k) * 2;
                int64_t word = ((const int64_t *)w->data)[i * MOST + k];

                assert_true(to[0] == (k < n ? points[first + k][0] : 0));
                assert_true(to[1] == (k < n ? points[first + k][1] : 0));
                assert_int_equal(word, k < n ? words[first + k] : -1);
            }
        }
    }
    assert_int_equal(at, SAMPLES);
    tear_down(&u);
}

/* ---- networks that take them */

/* All of the picture's values beside all of the other input's; the inputs in this order. */
static net beside(const char *first, const char *second, const char *picture)
{
    net t = start(17);
    nt_value *v[2], *flat[2];

    for (int i = 0; i < 2; i++) {
        const char *name = i ? second : first;

        v[i] = strcmp(name, picture) == 0 ? input(&t, name, DIMS(-1, 1, H, W))
                                          : input(&t, name, DIMS(-1, 3));
        flat[i] = node(&t, "Flatten", i ? "f1" : "f0", 1, &v[i])->out[0];
    }
    if (strcmp(first, picture) != 0) {
        v[0] = flat[0];
        flat[0] = flat[1];
        flat[1] = v[0];
    }
    v[0] = node(&t, "Concat", "y", 2, flat)->out[0];
    assert_ok(nt_node_set_int(t.g, v[0]->producer, "axis", 1, e));
    assert_ok(nt_graph_add_output(t.g, v[0], e));
    assert_ok(nt_graph_bind(t.g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(t.g, e));
    return t;
}

/* Every output is the sample's picture and its columns. */
static void check_beside(setup *u, const net *t)
{
    nt_batch_like like = nt_batch_like_of(u->loader, 2);
    nt_batch_plan *p = NULL;
    nt_plan *ran;
    const nt_batch *b;
    size_t at = 0;

    assert_ok(nt_batch_plan_new(&p, t->g, u->dev, &(nt_plan_opts){0}, &like, e));
    while ((b = next_batch(u->loader))) {
        assert_ok(nt_batch_plan_forward(p, &(nt_batch_in){.b = b}, &ran, e));
        for (size_t i = 0; i < (size_t)b->n; i++, at++) {
            const float *y = (const float *)nt_batch_plan_output(p)->data + i * (PIXELS + 3);

            for (size_t k = 0; k < PIXELS; k++)
                assert_true(y[k] == (float)(at * PIXELS + k) / 255.0f);
            assert_memory_equal(y + PIXELS, columns[at], sizeof columns[at]);
        }
    }
    assert_int_equal(at, SAMPLES);
    nt_batch_plan_free(p);
}

NT_TEST(inputs_take_the_fields_of_their_names_and_the_picture_goes_to_the_first)
{
    static const struct {
        const char *first, *second, *picture, *inputs;
    } cases[] = {
        {"x", "columns", "x", NULL},
        {"label", "columns", "label", NULL}, /* its name is of no account */
        {"columns", "picture", "picture", NULL},
        {"x", "age", "x", "{\"age\": \"columns\"}"},
        {"age", "x", "x", "{\"age\": \"columns\", \"x\": \"picture\"}"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        net t = beside(cases[i].first, cases[i].second, cases[i].picture);
        setup u = set_up(2, cases[i].inputs);

        check_beside(&u, &t);
        tear_down(&u);
        nt_graph_free(t.g);
    }
}

static void refuse(const char *name, nt_dtype type, int rank, const int64_t *d, nt_status want,
                   const char *text)
{
    setup u = set_up(2, NULL);
    nt_batch_like like = nt_batch_like_of(u.loader, 2);
    net t = start(17);
    nt_dim dims[NT_MAX_RANK];
    nt_batch_plan *p = NULL;
    nt_value *v;

    for (int i = 0; i < rank; i++)
        dims[i] = (nt_dim){d[i], d[i] < 0 ? "N" : NULL};
    v = input(&t, "x", DIMS(-1, 1, H, W));
    assert_ok(nt_graph_add_output(t.g, node(&t, "Relu", "y", 1, &v)->out[0], e));
    assert_ok(nt_graph_add_input(&v, t.g, name, (nt_value_type){type, rank, dims}, e));
    assert_ok(nt_graph_add_output(t.g, node(&t, "Identity", "z", 1, &v)->out[0], e));
    assert_ok(nt_graph_bind(t.g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(t.g, e));
    assert_fails(want, text, nt_batch_plan_new(&p, t.g, u.dev, &(nt_plan_opts){0}, &like, e));
    nt_graph_free(t.g);
    tear_down(&u);
}

NT_TEST(an_input_without_a_field_or_of_another_type_or_shape_is_refused)
{
    refuse("age", NT_F32, DIMS(-1, 3), NT_EUNSUPPORTED,
           "input 'age': the data have nothing for it, only 'picture', 'label', 'columns', "
           "'points', 'points.count', 'words'");
    refuse("columns", NT_F32, DIMS(-1, 4), NT_EFORMAT,
           "input 'columns' is float32 [N,4], but the data's 'columns' is float32 [-1,3]");
    refuse("columns", NT_F32, DIMS(-1, 3, 1), NT_EFORMAT,
           "input 'columns' is float32 [N,3,1], but the data's 'columns' is float32 [-1,3]");
    refuse("words", NT_F32, DIMS(-1, 3), NT_EFORMAT,
           "input 'words' is float32 [N,3], but the data's 'words' is int64 [-1,3]");
}

NT_TEST(a_description_that_names_fields_that_are_not_there_is_refused)
{
    temp_dir t = temp_dir_new();
    nt_dataset *d;
    nt_split *p = NULL;

    put_idx(&t, "train", 4, 2, 3, false);
    d = open_data(&t, "{\"format\": \"idx\", \"path\": \"%s\", \"inputs\": {\"a\": \"b\"}}");
    assert_fails(NT_EINVAL, "inputs.a: no field 'b', the data have 'picture', 'label'",
                 nt_split_open(&p, d, "train", e));
    nt_dataset_free(d);
    d = open_data(&t, "{\"format\": \"idx\", \"path\": \"%s\", "
                      "\"targets\": {\"target\": \"mask\"}}");
    assert_fails(NT_EINVAL, "targets.target: no field 'mask', the data have 'picture', 'label'",
                 nt_split_open(&p, d, "train", e));
    nt_dataset_free(d);
    refuse_data(&t, "{\"format\": \"idx\", \"path\": \"%s\", \"targets\": {\"goal\": \"x\"}}",
                NT_EINVAL, "goal");
    refuse_data(&t, "{\"format\": \"idx\", \"path\": \"%s\", \"inputs\": {\"x\": 1}}",
                NT_EINVAL, "inputs.x: want the name of a field");
    refuse_data(&t, "{\"format\": \"idx\", \"path\": \"%s\", \"inputs\": [1]}", NT_EINVAL,
                "inputs: want an object");
    temp_dir_remove(&t);
}

NT_TEST_MAIN
