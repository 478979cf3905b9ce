/* SPDX-License-Identifier: Apache-2.0
 * The role `_drift`: a child process, for it loads the data engine. Its contract is in compare.h.
 */
#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "monitor/compare.h"

enum { SPEC_BYTES_MAX = 1 << 20 };

static int read_policy(const struct json *spec, struct monitor_policy *out, struct err *err)
{
    const struct json *methods = json_get(spec, "methods");
    *out = monitor_policy_default();
    out->alpha = json_get_number(spec, "alpha", out->alpha);
    double floor = json_get_number(spec, "floor", out->floor[0]);
    for (size_t m = 0; m < MONITOR_METHODS; m++)
        out->floor[m] = floor;
    /* The first method that fits a kind decides for it. */
    int number = 0, category = 0;
    for (size_t i = 0; methods && methods->type == JSON_ARRAY && i < methods->n; i++) {
        enum monitor_method m;
        int rc = monitor_method_of(methods->items[i].string, &m, err);
        if (rc)
            return rc;
        if (!number && m != MONITOR_CHI2) {
            out->number = m;
            number = 1;
        }
        if (!category && m <= MONITOR_CHI2) {
            out->category = m;
            category = 1;
        }
    }
    return 0;
}

static int read_spec(struct arena *a, const struct json *spec, struct monitor_files *out,
                     struct err *err)
{
    const struct json *ignore = json_get(spec, "ignore");
    *out = (struct monitor_files){
        .reference = json_get_string(spec, "reference", NULL),
        .current = json_get_string(spec, "current", NULL),
        .threads = (int)MIN(MAX(json_get_int(spec, "threads", 1), 1), PARALLEL_MAX),
        .memory_limit_bytes = (uint64_t)MAX(json_get_int(spec, "memory_limit_bytes", 0), 0),
        .temp_dir = json_get_string(spec, "temp_dir", NULL),
    };
    if (!out->reference || !out->current)
        return ERR(err, ERR_INVALID, "the spec names no 'reference' or no 'current'");
    if (ignore && ignore->type == JSON_ARRAY) {
        const char **names = ARENA_TRY_ARRAY(a, ignore->n + 1, const char *);
        if (!names)
            return ERR(err, ERR_NOMEM, "no memory for the spec");
        for (size_t i = 0; i < ignore->n; i++)
            names[i] = ignore->items[i].type == JSON_STRING ? ignore->items[i].string.p : "";
        out->ignore = names;
        out->ignore_n = ignore->n;
    }
    return read_policy(spec, &out->policy, err);
}

static int write_text(const char *path, const struct buf *b, struct err *err)
{
    return b->failed ? ERR(err, ERR_LIMIT, "the verdict is larger than %zu bytes", b->max_bytes)
                     : fs_write_cache(path, buf_view(b), err);
}

static int write_verdict(const char *path, const struct monitor_comparison *c,
                         const struct json *methods, struct err *err)
{
    AUTO(buf_fini) struct buf b;
    struct json_out o;
    buf_init(&b, MIB(64));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_kv_int(&o, "reference_rows", (int64_t)c->ref.rows);
    if (methods) {
        jo_key(&o, "methods");
        jo_value(&o, methods);
    }
    monitor_verdict_write_members(&c->ref, &c->verdict, &o);
    jo_object_end(&o);
    return write_text(path, &b, err);
}

static int write_error(const char *path, const struct err *why)
{
    AUTO(buf_fini) struct buf b;
    struct json_out o;
    buf_init(&b, MIB(1));
    json_out_init(&o, &b);
    jo_object(&o);
    jo_key(&o, "error");
    jo_object(&o);
    jo_kv_int(&o, "code", why->code);
    jo_kv_cstr(&o, "message", why->msg);
    jo_object_end(&o);
    jo_object_end(&o);
    return write_text(path, &b, NULL);
}

static int compare(struct arena *a, const struct json *spec, const char *result, struct err *err)
{
    struct monitor_files files;
    struct monitor_comparison *c = mem_alloc(sizeof *c);
    int rc = read_spec(a, spec, &files, err);
    if (rc == 0)
        rc = monitor_compare_files(a, &files, c, err);
    if (rc == 0)
        rc = write_verdict(result, c, json_get(spec, "methods"), err);
    monitor_comparison_fini(c);
    mem_free(c);
    return rc;
}

int monitor_drift_main(int argc, char **argv)
{
    AUTO(arena_fini) struct arena a;
    struct err err = ERR_INIT;
    struct json spec;
    str_t text;
    arena_init(&a, GIB(64));
    if (argc != 2) {
        (void)fputs("slipway _drift: started by 'slipway monitor drift' only\n", stderr);
        return 2;
    }
    int rc = fs_read(&a, argv[1], SPEC_BYTES_MAX, &text, &err);
    if (rc == 0)
        rc = json_parse(&a, text, NULL, &spec, &err);
    const char *result = rc ? NULL : json_get_string(&spec, "result", NULL);
    if (!result) {
        (void)fprintf(stderr, "slipway _drift: %s\n", rc ? err.msg : "the spec has no 'result'");
        return 2;
    }
    rc = compare(&a, &spec, result, &err);
    return rc ? write_error(result, &err) != 0 : 0;
}
