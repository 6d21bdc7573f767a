/* SPDX-License-Identifier: MIT */
/*
 * A third backend, of this file alone: "mirror" has memory of its own kind, in which all bits
 * are the other way round. Any other address than one of its memory, and any byte that came
 * into or out of it without a transfer, shows. It offers Relu and dense layers (with a sum
 * behind them), computed by the portable kernels on copies.
 */
#include "kernel/backend.h"

#include "base/alloc.h"
#include "exec/plan.h"
#include "kernel/pool.h"
#include "net.h"

#include <stdlib.h>

enum { MIRROR = 1, MAX_BLOCKS = 64, MAX_ARGS = 4 };

/* ---- its memory */

static struct {
    char *p;
    size_t bytes;
} blocks[MAX_BLOCKS];
static int n_runs, n_in, n_out, n_within; /* of its kernels; of transfers */

static void *mirror_alloc(nt_device *d, size_t bytes)
{
    int i = 0;

    (void)d;
    while (i < MAX_BLOCKS && blocks[i].p)
        i++;
    assert_true(i < MAX_BLOCKS);
    blocks[i].p = nt_alloc(bytes, 1);
    blocks[i].bytes = bytes;
    if (blocks[i].p)
        memset(blocks[i].p, 0xff, bytes); /* zeros */
    return blocks[i].p;
}

static void mirror_release(nt_device *d, void *p)
{
    int i = 0;

    (void)d;
    while (i < MAX_BLOCKS && blocks[i].p != p)
        i++;
    assert_true(i < MAX_BLOCKS);
    nt_free(p);
    blocks[i].p = NULL;
}

static int n_blocks(void)
{
    int n = 0;

    for (int i = 0; i < MAX_BLOCKS; i++)
        n += blocks[i].p != NULL;
    return n;
}

static bool is_mirrored(const void *p, size_t bytes)
{
    for (int i = 0; i < MAX_BLOCKS; i++)
        if (blocks[i].p && (const char *)p >= blocks[i].p &&
            (const char *)p + bytes <= blocks[i].p + blocks[i].bytes)
            return true;
    return false;
}

static void mirror(void *to, const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)to)[i] = (unsigned char)~((const unsigned char *)from)[i];
}

/* ---- its kernels */

typedef struct kernel {
    nt_prim head;
    nt_prim *inner;
    int n; /* arguments, the last of which is written */
    size_t bytes[MAX_ARGS];
} kernel;

static nt_status run_kernel(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    kernel *k = (kernel *)head;
    void *copy[MAX_ARGS] = {NULL}, *own = nt_alloc(nt_prim_scratch(k->inner) + 1, 1);
    nt_status s;

    (void)scratch;
    for (int i = 0; i < k->n; i++) {
        if (!arg[i])
            continue;
        assert_true(is_mirrored(arg[i], k->bytes[i]));
        copy[i] = nt_alloc(k->bytes[i] + 1, 1);
        mirror(copy[i], arg[i], k->bytes[i]);
    }
    s = nt_prim_run(k->inner, copy, own, e);
    mirror(arg[k->n - 1], copy[k->n - 1], k->bytes[k->n - 1]);
    n_runs++;
    for (int i = 0; i < k->n; i++)
        nt_free(copy[i]);
    nt_free(own);
    return s;
}

static void free_kernel(nt_prim *head)
{
    nt_prim_free(((kernel *)head)->inner);
    nt_free(head);
}

/* inner: taken; NULL stays NULL. */
static nt_prim *wrap(nt_prim *inner, int n, const size_t *bytes)
{
    kernel *k = inner ? nt_calloc(1, sizeof *k) : NULL;

    if (!k)
        return NULL;
    k->head =
        (nt_prim){.run = run_kernel, .free = free_kernel, .where = MIRROR, .impl = "mirror"};
    k->inner = inner;
    k->n = n;
    memcpy(k->bytes, bytes, (size_t)n * sizeof *bytes);
    return &k->head;
}

static nt_status relu(nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,
                      nt_err *e)
{
    nt_prim *inner = NULL;
    nt_status s = NT_OK;

    if (p->kind != NT_POST_RELU)
        return nt_fail(e, NT_EUNSUPPORTED, "the mirror knows Relu alone");
    NT_TRY(nt_eltwise_new(&inner, dev->host, p, x, e));
    *out = wrap(inner, 2, (const size_t[]){nt_desc_bytes(x), nt_desc_bytes(x)});
done:
    return s;
}

static nt_status dense(nt_dense *out, nt_device *dev, const nt_dense_desc *d, bool training,
                       nt_err *e)
{
    nt_dense c = {0};
    nt_status s = NT_OK;

    if (d->n_post > 1 || (d->n_post && d->post[0].kind != NT_POST_SUM))
        return nt_fail(e, NT_EUNSUPPORTED, "the mirror knows sums alone");
    NT_TRY(nt_dense_fwd_new(&c, dev->host, d, training, e));
    out->run = wrap(c.run, 4,
                    (const size_t[]){(size_t)(d->m * d->k) * 4, c.packed_bytes,
                                     (size_t)d->n * 4, (size_t)(d->m * d->n) * 4});
    out->pack = wrap(c.pack, 2, (const size_t[]){(size_t)(d->n * d->k) * 4, c.packed_bytes});
    out->packed_bytes = c.packed_bytes;
done:
    return s;
}

/* ---- its transfers */

typedef struct transfer {
    nt_prim head;
    size_t bytes;
    bool from, to; /* is it mirrored there? */
} transfer;

static nt_status run_transfer(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const transfer *t = (const transfer *)head;

    (void)scratch, (void)e;
    assert_int_equal(is_mirrored(arg[0], t->bytes), t->from);
    assert_int_equal(is_mirrored(arg[1], t->bytes), t->to);
    if (t->from == t->to)
        memcpy(arg[1], arg[0], t->bytes);
    else
        mirror(arg[1], arg[0], t->bytes);
    *(t->from && t->to ? &n_within : t->to ? &n_in : &n_out) += 1;
    return NT_OK;
}

static void free_transfer(nt_prim *head)
{
    nt_free(head);
}

static nt_status transfer_new(nt_prim **out, nt_device *dev, const nt_desc *x, const nt_desc *y,
                              nt_err *e)
{
    transfer *t = nt_calloc(1, sizeof *t);

    (void)dev, (void)e;
    assert_non_null(t);
    assert_true(nt_desc_same(x, y) && (x->where == MIRROR || y->where == MIRROR));
    t->head = (nt_prim){.run = run_transfer, .free = free_transfer, .impl = "mirror:transfer"};
    t->bytes = nt_desc_bytes(x);
    t->from = x->where == MIRROR;
    t->to = y->where == MIRROR;
    *out = &t->head;
    return NT_OK;
}

static nt_status open_mirror(nt_device *d, nt_err *e)
{
    (void)e;
    strcpy(d->text, "mirror");
    return NT_OK;
}

static const nt_backend backend = {
    .name = "mirror",
    .where = MIRROR,
    .open = open_mirror,
    .alloc = mirror_alloc,
    .release = mirror_release,
    .transfer = transfer_new,
    .eltwise = relu,
    .dense_fwd = dense,
};

static nt_device *mirror_device(void)
{
    nt_device *d = NULL;

    assert_ok(nt_device_new_with(&d, &backend, 1, e));
    n_runs = n_in = n_out = n_within = 0;
    return d;
}

/* ---- who makes a prim */

NT_TEST(a_device_of_a_table_is_of_its_backend)
{
    nt_device *d = mirror_device();

    assert_string_equal(nt_device_backend(d), "mirror");
    assert_string_equal(nt_device_text(d), "mirror");
    assert_int_equal(nt_device_where(d), MIRROR);
    assert_ptr_equal(nt_device_careful(d), d);
    nt_device_free(d);
}

NT_TEST(what_the_backend_offers_it_makes_and_what_it_refuses_or_lacks_the_portable_one_does)
{
    nt_device *d = mirror_device();
    nt_desc x = {.dtype = NT_F32, .rank = 2, .dims = {2, 3}};
    nt_post relu_post = {.kind = NT_POST_RELU}, tanh_post = {.kind = NT_POST_TANH};
    nt_prim *p = NULL;

    assert_ok(nt_eltwise_new(&p, d, &relu_post, &x, e));
    assert_int_equal(nt_prim_where(p), MIRROR);
    nt_prim_free(p);
    assert_ok(nt_eltwise_new(&p, d, &tanh_post, &x, e)); /* refused */
    assert_int_equal(nt_prim_where(p), NT_HOST);
    nt_prim_free(p);
    assert_ok(nt_softmax_new(&p, d, &x, 1, false, e)); /* not offered */
    assert_int_equal(nt_prim_where(p), NT_HOST);
    nt_prim_free(p);
    nt_device_free(d);
}

NT_TEST(who_has_other_forms_to_ask_for_hears_a_refusal)
{
    nt_device *d = mirror_device();
    nt_dense_desc layer = {.m = 2, .k = 3, .n = 4, .src = NT_F32, .dst = NT_F32};
    nt_dense c = {0};

    layer.post[0] = (nt_post){.kind = NT_POST_RELU};
    layer.n_post = 1;
    assert_fails(NT_EUNSUPPORTED, "the mirror knows sums alone",
                 nt_dense_fwd_new(&c, d, &layer, false, e));
    layer.n_post = 0;
    assert_ok(nt_dense_fwd_new(&c, d, &layer, false, e));
    assert_int_equal(nt_prim_where(c.run), MIRROR);
    assert_int_equal(nt_prim_where(c.pack), MIRROR);
    nt_dense_release(&c);
    assert_ok(nt_dense_bwd_data_new(&c, d, &layer, e)); /* not offered at all */
    assert_int_equal(nt_prim_where(c.run), NT_HOST);
    nt_dense_release(&c);
    nt_device_free(d);
}

NT_TEST(a_refusal_of_all_is_the_last_ones)
{
    nt_device *d = mirror_device();
    nt_pool_desc pool = {.kind = NT_POOL_MAX,
                         .sp = 1,
                         .n = 1,
                         .c = 1,
                         .in = {4},
                         .out = {4},
                         .ker = {1},
                         .stride = {1},
                         .dil = {1},
                         .dtype = NT_U8};
    nt_prim *p = NULL;

    assert_fails(NT_EUNSUPPORTED, "there is no such pool of bytes",
                 nt_pool_fwd_new(&p, NULL, d, &pool, e));
    nt_device_free(d);
}

NT_TEST(a_device_without_memory_of_its_own_has_no_transfers)
{
    nt_desc x = {.dtype = NT_F32, .rank = 1, .dims = {3}};
    nt_device *d = NULL;
    nt_prim *p = NULL;

    setenv("NT_BACKEND", "openblas", 1);
    assert_ok(nt_device_new(&d, 1, e));
    unsetenv("NT_BACKEND");
    assert_int_equal(nt_device_where(d), NT_HOST);
    assert_fails(NT_EUNSUPPORTED, "openblas has no memory but the host's",
                 nt_transfer_new(&p, d, &x, &x, e));
    nt_device_free(d);
}

/* ---- networks */

/* softmax(f(relu(x)) + residual), with the sum in the layer's own memory. */
typedef enum residual { ITS_INPUT, OF_THE_HOST, OF_THE_HOST_READ_AGAIN } residual;

static net build(residual r)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(3, 4)), *in = NODE(&t, "Relu", "in", x)->out[0];
    nt_value *other = r == ITS_INPUT ? in : NODE(&t, "Sigmoid", "other", x)->out[0];
    nt_value *sum = NODE(&t, "Add", "sum", gemm(&t, "f", in, 4, 4), other)->out[0];
    nt_value *y = NODE(&t, "Softmax", "y", sum)->out[0];

    if (r == OF_THE_HOST_READ_AGAIN)
        y = NODE(&t, "Mul", "z", y, other)->out[0];
    complete(&t, y);
    randomise(&t);
    return t;
}

static nt_device *portable(void)
{
    nt_device *d = NULL;

    setenv("NT_BACKEND", "openblas", 1);
    assert_ok(nt_device_new(&d, 1, e));
    unsetenv("NT_BACKEND");
    return d;
}

static void assert_same(const nt_tensor *a, const nt_tensor *b)
{
    assert_int_equal(nt_tensor_bytes(a), nt_tensor_bytes(b));
    assert_memory_equal(a->data, b->data, nt_tensor_bytes(a));
}

static void forward(nt_plan *p, uint64_t seed)
{
    nt_plan_fill_noise(p, seed);
    assert_ok(nt_plan_forward(p, e));
}

NT_TEST(a_network_runs_through_memory_of_another_kind_with_the_same_results)
{
    for (int r = ITS_INPUT; r <= OF_THE_HOST_READ_AGAIN; r++) {
        net t = build((residual)r);
        nt_device *dev[] = {portable(), mirror_device()};
        nt_plan *p[2] = {NULL, NULL};
        int runs, in;

        for (int i = 0; i < 2; i++)
            assert_ok(nt_plan_new(&p[i], t.g, dev[i], &(nt_plan_opts){0}, e));
        assert_int_equal(n_in, 1);   /* the weights, once */
        assert_int_equal(n_runs, 1); /* packed */
        for (uint64_t seed = 1; seed <= 2; seed++) {
            runs = n_runs;
            in = n_in;
            forward(p[0], seed);
            forward(p[1], seed);
            assert_same(nt_plan_output(p[1], 0), nt_plan_output(p[0], 0));
            assert_int_equal(n_runs - runs, 2);                    /* Relu, the layer */
            assert_int_equal(n_in - in, r == ITS_INPUT ? 1 : 2);   /* x, what is added */
            assert_int_equal(n_out, seed);                         /* the sum */
            assert_int_equal(n_within, r == ITS_INPUT ? seed : 0); /* it is still read */
        }
        for (int i = 0; i < 2; i++) {
            nt_plan_free(p[i]);
            assert_int_equal(n_blocks(), i == 0 ? 2 : 0);
            nt_device_free(dev[i]);
        }
        finish(&t);
    }
}

NT_TEST(training_reads_what_it_left_in_memory_of_another_kind)
{
    net t = build(ITS_INPUT);
    nt_device *dev[] = {portable(), mirror_device()};
    nt_plan *p[2] = {NULL, NULL};
    nt_params *params[2] = {NULL, NULL};

    for (int i = 0; i < 2; i++) {
        assert_ok(nt_params_new(&params[i], t.g, e));
        assert_ok(nt_plan_new(&p[i], t.g, dev[i],
                              &(nt_plan_opts){.training = true, .params = params[i]}, e));
    }
    for (int step = 0; step < 2; step++) {
        for (int i = 0; i < 2; i++) {
            forward(p[i], 5);
            for (int k = 0; k < 12; k++)
                nt_tensor_set(nt_plan_output_grad(p[i], 0), k, k % 5 - 2);
            assert_ok(nt_plan_backward(p[i], e));
        }
        assert_same(nt_plan_output(p[1], 0), nt_plan_output(p[0], 0));
        assert_memory_equal(params[1]->g, params[0]->g, 16 * sizeof(float));
        assert_true(params[0]->g[0] != 0 && n_runs > 0);
        for (int i = 0; i < 2; i++)
            for (int k = 0; k < 16; k++)
                params[i]->w[k] -= 0.5f * params[i]->g[k];
    }
    for (int i = 0; i < 2; i++) {
        nt_plan_free(p[i]);
        nt_params_free(params[i]);
        nt_device_free(dev[i]);
    }
    assert_int_equal(n_blocks(), 0);
    finish(&t);
}

NT_TEST_MAIN
