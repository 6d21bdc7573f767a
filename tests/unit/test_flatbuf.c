/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "export/flatbuf.h"
#include "test.h"

/* ---- a reader of the wire format */

typedef struct file {
    uint8_t *p;
    size_t n;
} file;

static uint32_t u32(const file *f, size_t at)
{
    assert_true(at + 4 <= f->n && at % 4 == 0);
    return f->p[at] | (uint32_t)f->p[at + 1] << 8 | (uint32_t)f->p[at + 2] << 16 |
           (uint32_t)f->p[at + 3] << 24;
}

static unsigned u16(const file *f, size_t at)
{
    assert_true(at + 2 <= f->n && at % 2 == 0);
    return f->p[at] | (unsigned)f->p[at + 1] << 8;
}

static size_t follow(const file *f, size_t at)
{
    return at + u32(f, at);
}

static size_t vtable_of(const file *f, size_t table)
{
    return (size_t)((int64_t)table - (int32_t)u32(f, table));
}

/* Where the field lies; 0: it is left out. */
static size_t field(const file *f, size_t table, int i)
{
    size_t vt = vtable_of(f, table);
    unsigned at = 4 + 2 * (unsigned)i < u16(f, vt) ? u16(f, vt + 4 + 2 * (size_t)i) : 0;

    assert_true(at < u16(f, vt + 2));
    return at ? table + at : 0;
}

static file finish(nt_fb *b, nt_fb_ref root)
{
    file f = {0};

    assert_ok(nt_fb_finish(&f.p, &f.n, b, root, "TEST", e));
    assert_memory_equal(f.p + 4, "TEST", 4);
    return f;
}

/* ---- */

/* By hand from the description of the format: offset of the root, identifier, the vtable {8
 * bytes, table of 8, field 0 is left out, field 1 at 4}, the table {vtable 8 before it, 7}. */
NT_TEST(a_table_of_one_field_is_these_bytes)
{
    static const uint8_t want[] = {16, 0, 0, 0, 'T', 'E', 'S', 'T', 8, 0, 8, 0,
                                   0,  0, 4, 0, 8,   0,   0,   0,   7, 0, 0, 0};
    nt_fb b = {0};
    file f;

    nt_fb_begin(&b);
    nt_fb_set_i32(&b, 0, 5, 5);
    nt_fb_set_i32(&b, 1, 7, 0);
    f = finish(&b, nt_fb_end(&b));
    assert_int_equal(f.n, sizeof want);
    assert_memory_equal(f.p, want, sizeof want);
    nt_free(f.p);
}

NT_TEST(a_field_of_its_default_is_left_out_and_others_are_read_back)
{
    nt_fb b = {0};
    size_t t;
    file f;

    nt_fb_begin(&b);
    nt_fb_set_i8(&b, 0, -3, 0);
    nt_fb_set_i8(&b, 1, 4, 4);
    nt_fb_set_i32(&b, 2, -70000, 0);
    nt_fb_set_float(&b, 3, -0.0F, 0);
    nt_fb_set_ref(&b, 4, 0);
    f = finish(&b, nt_fb_end(&b));
    t = follow(&f, 0);
    assert_int_equal((int8_t)f.p[field(&f, t, 0)], -3);
    assert_int_equal(field(&f, t, 1), 0);
    assert_int_equal((int32_t)u32(&f, field(&f, t, 2)), -70000);
    assert_int_equal(u32(&f, field(&f, t, 3)), 0x80000000U);
    assert_int_equal(field(&f, t, 4), 0);
    assert_int_equal(field(&f, t, 9), 0);
    nt_free(f.p);
}

NT_TEST(tables_of_the_same_form_share_a_vtable)
{
    nt_fb_ref t[3];
    nt_fb b = {0};
    size_t v, at[3];
    file f;

    for (int i = 0; i < 3; i++) {
        nt_fb_begin(&b);
        nt_fb_set_i32(&b, i == 1 ? 1 : 0, 1 + i, 0);
        t[i] = nt_fb_end(&b);
    }
    t[0] = nt_fb_refs(&b, t, 3);
    nt_fb_begin(&b);
    nt_fb_set_ref(&b, 0, t[0]);
    f = finish(&b, nt_fb_end(&b));
    v = follow(&f, field(&f, follow(&f, 0), 0));
    assert_int_equal(u32(&f, v), 3);
    for (size_t i = 0; i < 3; i++) {
        at[i] = follow(&f, v + 4 + 4 * i);
        assert_int_equal(u32(&f, field(&f, at[i], i == 1 ? 1 : 0)), 1 + i);
    }
    assert_int_equal(vtable_of(&f, at[0]), vtable_of(&f, at[2]));
    assert_int_not_equal(vtable_of(&f, at[0]), vtable_of(&f, at[1]));
    nt_free(f.p);
}

/* One field of each kind, behind n bytes that shift all. */
static file shifted(size_t n)
{
    static const int64_t wide[2] = {-1, 1LL << 40};
    uint8_t bytes[32] = {0};
    nt_fb_ref r[4];
    nt_fb b = {0};

    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(i + 1);
    r[0] = nt_fb_vector(&b, bytes, n, 1, 16);
    r[1] = nt_fb_text(&b, &"abcdefghijklmnop"[n % 16]);
    r[2] = nt_fb_i64s(&b, wide, 2);
    r[3] = nt_fb_vector(&b, bytes, n, 1, 1);
    nt_fb_begin(&b);
    nt_fb_set_i8(&b, 4, 1, 0);
    for (int i = 0; i < 4; i++)
        nt_fb_set_ref(&b, i, r[i]);
    return finish(&b, nt_fb_end(&b));
}

/* The small one's vtable is the last thing in the file. */
NT_TEST(a_vtable_is_looked_for_among_shorter_ones)
{
    nt_fb b = {0};
    nt_fb_ref small;
    size_t t;
    file f;

    nt_fb_begin(&b);
    nt_fb_set_i32(&b, 0, 1, 0);
    small = nt_fb_end(&b);
    nt_fb_begin(&b);
    for (int i = 1; i < 9; i++)
        nt_fb_set_i32(&b, i, i, 0);
    nt_fb_set_ref(&b, 9, small);
    f = finish(&b, nt_fb_end(&b));
    t = u32(&f, 0);
    assert_int_equal(u16(&f, vtable_of(&f, t)), 4 + 2 * 10);
    assert_int_equal(u32(&f, field(&f, t, 8)), 8);
    t = follow(&f, field(&f, t, 9));
    assert_int_equal(u16(&f, vtable_of(&f, t)), 4 + 2);
    assert_int_equal(u32(&f, field(&f, t, 0)), 1);
    nt_free(f.p);
}

NT_TEST(elements_are_aligned_from_the_beginning_at_all_lengths)
{
    for (size_t n = 0; n <= 32; n++) {
        file f = shifted(n);
        size_t t = follow(&f, 0), v[4];

        for (int i = 0; i < 4; i++)
            v[i] = follow(&f, field(&f, t, i));
        assert_int_equal(f.n % 16, 0);
        assert_int_equal((v[0] + 4) % 16, 0);
        assert_int_equal(u32(&f, v[0]), n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(f.p[v[0] + 4 + i], i + 1);
        assert_string_equal((char *)f.p + v[1] + 4, &"abcdefghijklmnop"[n % 16]);
        assert_int_equal(u32(&f, v[1]), 16 - n % 16);
        assert_int_equal((v[2] + 4) % 8, 0);
        assert_int_equal(u32(&f, v[2] + 4), 0xffffffffU);
        assert_int_equal(u32(&f, v[2] + 16), 256);
        assert_int_equal(u32(&f, v[3]), n);
        nt_free(f.p);
    }
}

NT_TEST(the_same_calls_give_the_same_bytes)
{
    file a = shifted(13), b = shifted(13);

    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
    nt_free(a.p);
    nt_free(b.p);
}

NT_TEST(memory_that_runs_out_is_said_at_the_end)
{
    for (long k = 1; k <= 3; k++) {
        nt_fb b = {0};
        nt_fb_ref t;
        uint8_t *p = NULL;
        size_t n = 0;

        nt_alloc_fail_at(k);
        nt_fb_begin(&b);
        nt_fb_set_i32(&b, 0, 1, 0);
        t = nt_fb_end(&b);
        assert_fails(NT_ENOMEM, "out of memory", nt_fb_finish(&p, &n, &b, t, "TEST", e));
        nt_alloc_fail_at(0);
        assert_null(p);
    }
}

NT_TEST(what_passes_two_gibibytes_is_refused)
{
    nt_fb b = {0};
    nt_fb_ref r = nt_fb_vector(&b, "", NT_FB_MAX_BYTES, 4, 4);
    uint8_t *p = NULL;
    size_t n = 0;

    assert_int_equal(r, 0);
    assert_fails(NT_EUNSUPPORTED, "a FlatBuffer has at most 2 GiB",
                 nt_fb_finish(&p, &n, &b, r, NULL, e));
}

NT_TEST_MAIN
