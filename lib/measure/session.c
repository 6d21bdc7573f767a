/* SPDX-License-Identifier: MIT */
#include "measure/session.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/noise.h"
#include "base/outfile.h"
#include "exec/staged.h"
#include "graph/pass.h"
#include "graph/tensor_io.h"

#include <math.h>
#include <string.h>

struct nt_session {
    const nt_graph *g;
    nt_staged *net;
    nt_tensor **in; /* by graph input, owned */
    int64_t (*dims)[NT_MAX_RANK];
};

/* ---- inputs */

static int find_input(const nt_graph *g, const char *name)
{
    for (int i = 0; i < g->n_inputs; i++) {
        if (strcmp(g->inputs[i]->name, name) == 0)
            return i;
    }
    return -1;
}

static int find_output(const nt_graph *g, const char *name)
{
    for (int i = 0; i < g->n_outputs; i++) {
        if (strcmp(g->outputs[i]->name, name) == 0)
            return i;
    }
    return -1;
}

/* Splits "[NAME=]FILE"; the name is written to buf, "" without one. With a slash in it NAME
 * must be one that `find` knows, or all is a path. */
static const char *split_spec(char *buf, size_t n, const char *spec, const nt_graph *g,
                              int (*find)(const nt_graph *, const char *))
{
    const char *eq = strchr(spec, '=');

    buf[0] = 0;
    if (!eq || (size_t)(eq - spec) >= n)
        return spec;
    memcpy(buf, spec, (size_t)(eq - spec));
    buf[eq - spec] = 0;
    if (!strchr(buf, '/') || find(g, buf) >= 0)
        return eq + 1;
    buf[0] = 0;
    return spec;
}

static int next_free(const nt_session *r)
{
    for (int i = 0; i < r->g->n_inputs; i++) {
        if (!r->in[i])
            return i;
    }
    return -1;
}

static nt_status put_input(nt_session *r, const char *name, nt_tensor **t, nt_err *e)
{
    int i = name && *name ? find_input(r->g, name) : next_free(r);

    if (i < 0)
        return name && *name ? nt_fail(e, NT_EINVAL, "the model has no input '%s'", name)
                             : nt_fail(e, NT_EINVAL, "more tensors than the model's %d inputs",
                                       r->g->n_inputs);
    nt_tensor_free(r->in[i]);
    r->in[i] = *t;
    *t = NULL;
    return NT_OK;
}

static nt_status load_input(nt_session *r, const char *spec, nt_err *e)
{
    nt_status s = NT_OK;
    char name[256];
    const char *path = split_spec(name, sizeof name, spec, r->g, find_input);
    nt_named_tensor *v = NULL;
    size_t n = 0;

    NT_TRY(nt_tensor_load(&v, &n, path, e));
    for (size_t i = 0; i < n; i++) {
        bool known = v[i].name && find_input(r->g, v[i].name) >= 0;

        s = put_input(r, *name ? name : known ? v[i].name : NULL, &v[i].t, e);
        if (s != NT_OK) {
            nt_err_prefix(e, "%s", spec);
            goto done;
        }
    }
done:
    nt_named_tensors_free(v, n);
    return s;
}

static nt_status fail_open(const nt_value *v, int k, nt_err *e)
{
    const char *sym = v->rank < 0 ? NULL : v->dims[k].sym;
    const char *option = v->rank < 0 ? NULL : nt_value_size_option(v, k);

    return nt_fail(e, NT_EINVAL, "input '%s': its shape is not fixed%s%s%s: give a tensor%s%s",
                   v->name, sym ? " ('" : "", sym ? sym : "", sym ? "' is open)" : "",
                   option ? ", or " : "", option ? option : "");
}

static nt_status random_input(nt_session *r, int i, const nt_session_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_value *v = r->g->inputs[i];
    int64_t dims[NT_MAX_RANK] = {0};

    for (int k = 0; k < v->rank || v->rank < 0; k++) {
        dims[k] = v->rank < 0 ? -1 : v->dims[k].value;
        if (dims[k] < 0 && k == 0 && v->rank > 0)
            dims[k] = o->batch ? o->batch : 1;
        if (dims[k] < 0)
            return fail_open(v, k, e);
    }
    NT_TRY(nt_tensor_new(&r->in[i], v->dtype, v->rank, dims, e));
    nt_noise_fill(r->in[i], o->seed, (uint64_t)i);
done:
    return s;
}

/* NumPy has no bfloat16: its arrays, and ONNX's own test data, hold the bits as uint16. */
static void take_bits(nt_tensor *t, nt_dtype want)
{
    if (want == NT_BF16 && t->dtype == NT_U16)
        t->dtype = NT_BF16;
}

/* Where the model leaves an extent open there must be something. */
static nt_status check_not_empty(const nt_value *v, const nt_tensor *t, nt_err *e)
{
    char got[128];

    for (int k = 0; k < t->rank; k++)
        if (t->dims[k] == 0 && (v->rank < 0 || v->dims[k].value < 0))
            return nt_fail(e, NT_EINVAL,
                           "input '%s': dimension %d of %s is 0: give at least one", v->name, k,
                           nt_shape_text(got, sizeof got, t->rank, t->dims));
    return NT_OK;
}

/* Type and rank must be the graph's; what the graph fixes must be equal. */
static nt_status check_input(const nt_value *v, const nt_tensor *t, nt_err *e)
{
    char want[128], got[128];
    bool ok = v->dtype == t->dtype && (v->rank < 0 || v->rank == t->rank);

    for (int k = 0; ok && k < v->rank; k++)
        ok = v->dims[k].value < 0 || v->dims[k].value == t->dims[k];
    if (ok)
        return check_not_empty(v, t, e);
    return nt_fail(e, NT_EINVAL, "input '%s': %s %s does not fit %s %s", v->name,
                   nt_dtype_name(t->dtype), nt_shape_text(got, sizeof got, t->rank, t->dims),
                   nt_dtype_name(v->dtype), nt_value_shape_text(want, sizeof want, v));
}

static nt_status read_inputs(nt_session *r, const nt_session_opts *o, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < r->g->n_inputs; i++) {
        if (r->g->inputs[i]->type_raw)
            return nt_fail(e, NT_EUNSUPPORTED,
                           "input '%s' is no tensor: sequences, maps and optionals are not "
                           "supported",
                           r->g->inputs[i]->name);
    }
    for (size_t i = 0; i < o->n_inputs; i++)
        NT_TRY(load_input(r, o->inputs[i], e));
    for (int i = 0; i < r->g->n_inputs; i++) {
        if (!r->in[i] && !o->random)
            return nt_fail(e, NT_EINVAL, "input '%s' is not given", r->g->inputs[i]->name);
        if (!r->in[i])
            NT_TRY(random_input(r, i, o, e));
        take_bits(r->in[i], r->g->inputs[i]->dtype);
        NT_TRY(check_input(r->g->inputs[i], r->in[i], e));
        memcpy(r->dims[i], r->in[i]->dims, sizeof r->dims[i]);
    }
done:
    return s;
}

nt_status nt_session_new(nt_session **out, const nt_graph *g, nt_device *dev,
                         const nt_session_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_session *r = nt_calloc(1, sizeof *r);
    nt_plan_opts po = {.compute = o->compute, .seed = o->seed};

    if (!r)
        return nt_fail_nomem(e);
    r->g = g;
    r->in = nt_calloc((size_t)g->n_inputs + 1, sizeof *r->in);
    r->dims = nt_calloc((size_t)g->n_inputs + 1, sizeof *r->dims);
    if (!r->in || !r->dims)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(read_inputs(r, o, e));
    po.dims = (const int64_t(*)[NT_MAX_RANK])r->dims;
    NT_TRY(nt_staged_new(&r->net, g, dev, &po, e));
    for (int i = 0; i < g->n_inputs; i++)
        memcpy(nt_staged_input(r->net, i)->data, r->in[i]->data, nt_tensor_bytes(r->in[i]));
    *out = r;
    r = NULL;
done:
    nt_session_free(r);
    return s;
}

void nt_session_free(nt_session *r)
{
    if (!r)
        return;
    for (int i = 0; r->in && i < r->g->n_inputs; i++)
        nt_tensor_free(r->in[i]);
    nt_free(r->in);
    nt_free(r->dims);
    nt_staged_free(r->net);
    nt_free(r);
}

nt_status nt_session_run(nt_session *r, nt_err *e)
{
    return nt_staged_forward(r->net, e);
}

/* ---- outputs */

static bool is_safe(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           strchr("._-", c);
}

nt_status nt_session_save(const nt_session *r, const char *dir, nt_err *e)
{
    nt_status s = NT_OK;
    char *path = NULL;

    NT_TRY(nt_outfile_make_dirs(dir, e));
    for (int i = 0; i < r->g->n_outputs; i++) {
        char *name = nt_strfmt("%s.npy", r->g->outputs[i]->name);

        for (char *c = name; c && *c; c++)
            *c = is_safe(*c) ? *c : '_';
        path = name ? nt_path_join(dir, name) : NULL;
        nt_free(name);
        if (!path)
            NT_TRY(nt_fail_nomem(e));
        NT_TRY(nt_npy_save(path, nt_staged_output(r->net, i), e));
        nt_free(path);
        path = NULL;
    }
done:
    nt_free(path);
    return s;
}

nt_status nt_session_describe(const nt_session *r, nt_str *out, nt_err *e)
{
    for (int i = 0; i < r->g->n_outputs; i++) {
        const nt_tensor *t = nt_staged_output(r->net, i);
        int64_t n = nt_tensor_count(t);
        double lo = INFINITY, hi = -INFINITY, sum = 0;
        char shape[128];

        for (int64_t k = 0; k < n; k++) {
            double v = nt_tensor_get(t, k);

            lo = v < lo ? v : lo;
            hi = v > hi ? v : hi;
            sum += v;
        }
        nt_str_addf(out, "%s %s %s min %.6g max %.6g mean %.6g\n", r->g->outputs[i]->name,
                    nt_dtype_name(t->dtype),
                    nt_shape_text(shape, sizeof shape, t->rank, t->dims), lo, hi,
                    n ? sum / (double)n : 0);
    }
    return out->failed ? nt_fail_nomem(e) : NT_OK;
}

/* ---- comparing */

static void compare(nt_mismatch *m, const nt_tensor *got, const nt_tensor *want, nt_tolerance t)
{
    double worst = -INFINITY;

    m->n = nt_tensor_count(want);
    for (int64_t i = 0; i < m->n; i++) {
        double a = nt_tensor_get(got, i), b = nt_tensor_get(want, i);
        double d = fabs(a - b), over;

        if ((isnan(a) && isnan(b)) || a == b)
            continue;
        /* past an infinity no tolerance reaches */
        over = isfinite(d) ? d - (t.abs + t.rel * fabs(b)) : INFINITY;
        m->n_bad += over > 0;
        m->max_abs = d > m->max_abs || isnan(d) ? d : m->max_abs;
        if (b != 0 && !isnan(d) && d / fabs(b) > m->max_rel)
            m->max_rel = d / fabs(b);
        if (over > worst) {
            worst = over;
            m->worst = i;
            m->got = a;
            m->want = b;
        }
    }
}

nt_status nt_session_expect(nt_mismatch *out, const nt_session *r, const char *spec, int index,
                            nt_tolerance t, nt_err *e)
{
    nt_status s = NT_OK;
    char name[256], a[128], b[128];
    const char *path = split_spec(name, sizeof name, spec, r->g, find_output);
    nt_named_tensor *v = NULL;
    size_t n = 0;
    int k = *name ? find_output(r->g, name) : index;
    const nt_tensor *got;

    if (k < 0 || k >= r->g->n_outputs)
        return *name ? nt_fail(e, NT_EINVAL, "the model has no output '%s'", name)
                     : nt_fail(e, NT_EINVAL, "more expectations than the model's %d outputs",
                               r->g->n_outputs);
    NT_TRY(nt_tensor_load(&v, &n, path, e));
    if (n != 1)
        NT_TRY(nt_fail(e, NT_EINVAL, "%s: %zu tensors, want one", path, n));
    got = nt_staged_output(r->net, k);
    take_bits(v[0].t, got->dtype);
    if (got->dtype != v[0].t->dtype || !nt_tensor_same_shape(got, v[0].t))
        NT_TRY(nt_fail(e, NT_EMISSED, "output '%s' is %s %s, expected %s %s",
                       r->g->outputs[k]->name, nt_dtype_name(got->dtype),
                       nt_shape_text(a, sizeof a, got->rank, got->dims),
                       nt_dtype_name(v[0].t->dtype),
                       nt_shape_text(b, sizeof b, v[0].t->rank, v[0].t->dims)));
    *out = (nt_mismatch){.name = r->g->outputs[k]->name};
    compare(out, got, v[0].t, t);
done:
    nt_named_tensors_free(v, n);
    return s;
}

nt_status nt_session_time(nt_timing *out, nt_session *r, int n, nt_err *e)
{
    return nt_timing_forward(out, r->net, 3, n, e);
}
