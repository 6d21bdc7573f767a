/* SPDX-License-Identifier: MIT */
#include "quant/qconfig.h"

const char *const nt_quantize_methods[] = {"ptq",  "adaround", "gptq", "brecq", "qat",  "lsq",
                                           "lsq+", "dorefa",   "pact", "bnn",   "xnor", NULL};

static bool is_plan(const cJSON *list)
{
    return nt_json_get(cJSON_GetArrayItem(list, 0), "layer") != NULL;
}

static nt_status read_keys(nt_qconfig *c, nt_err *e)
{
    static const char *const keys[] = {
        "config_list", "custom_compression", "plan", "method", "keep_bn", NULL};
    nt_status s = NT_OK;

    if (cJSON_IsArray(c->json))
        return NT_OK;
    if (!cJSON_IsObject(c->json))
        return nt_fail(e, NT_EINVAL, "an array or an object is wanted");
    NT_TRY(nt_json_check_keys(c->json, keys, "", e));
    if (!nt_json_get(c->json, "config_list") + !nt_json_get(c->json, "custom_compression") +
            !nt_json_get(c->json, "plan") !=
        2)
        return nt_fail(e, NT_EINVAL,
                       "one of config_list, custom_compression and plan is wanted");
    NT_TRY(nt_json_get_enum(&c->method, c->json, "method", nt_quantize_methods, "", e));
    NT_TRY(nt_json_get_bool(&c->keep_bn, c->json, "keep_bn", "", e));
done:
    return s;
}

nt_status nt_qconfig_load(nt_qconfig *out, const char *path, nt_err *e)
{
    nt_qconfig c = {.path = path, .method = -1};
    nt_status s = NT_OK;

    NT_TRY(nt_json_load(&c.json, path, e));
    if ((s = read_keys(&c, e)) != NT_OK) {
        nt_err_prefix(e, "%s", path);
        goto done;
    }
    *out = c;
    c.json = NULL;
done:
    nt_qconfig_release(&c);
    return s;
}

void nt_qconfig_release(nt_qconfig *c)
{
    nt_json_free(c->json);
    c->json = NULL;
}

nt_status nt_qconfig_apply(nt_qspec *q, const nt_qconfig *c, nt_err *e)
{
    const cJSON *list = nt_json_get(c->json, "config_list"), *plan = nt_json_get(c->json, "plan");
    nt_status s;

    if (cJSON_IsArray(c->json) && is_plan(c->json))
        plan = c->json;
    else if (cJSON_IsArray(c->json))
        list = c->json;
    if (plan)
        s = nt_qspec_plan(q, plan, e);
    else if (list)
        s = nt_qspec_config_list(q, list, e);
    else
        s = nt_qspec_custom(q, nt_json_get(c->json, "custom_compression"), e);
    if (s != NT_OK)
        nt_err_prefix(e, "%s", c->path);
    return s;
}
